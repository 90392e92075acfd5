//! What rules and kinds of events cost a thread.

use std::sync::Arc;

use hashbrown::HashMap;
use watchfloor_types::{Logsource, RuleId};

use super::{Engine, Scratch, class::Class};

/// One event of so many is timed.
const SAMPLE: u64 = 64;
/// Events of one kind after which it is looked anew at which asks are rare; then eight times as
/// many, up to [`LEARN_LAST`].
const LEARN_AGAIN: u64 = 4_096;
const LEARN_LAST: u64 = 1 << 20;

/// What a [`Scratch`] spent since it was made or its engine was replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Costs {
    /// Rules that were tried at least once, the dearest first.
    pub rules: Vec<RuleCost>,
    /// Kinds of events, the dearest first.
    pub classes: Vec<ClassCost>,
}

/// What one rule cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleCost {
    /// The rule.
    pub rule: RuleId,
    /// Events on which it was tried: one of its triggers held.
    pub tried: u64,
    /// Events that it matched.
    pub matched: u64,
    /// Time of the tries, estimated from every 64th event; none without a clock.
    pub nanos: Option<u64>,
}

/// What events of one logsource cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassCost {
    /// The logsource.
    pub logsource: Logsource,
    /// Rules that see it.
    pub rules: usize,
    /// Events.
    pub events: u64,
    /// Bytes of their records, where rules read records.
    pub bytes: u64,
    /// Rules tried on them.
    pub tried: u64,
    /// Time to find the values that rules read and to look for triggers in them, estimated from
    /// every 64th event; none without a clock.
    pub read_nanos: Option<u64>,
    /// Time of the tries, likewise.
    pub try_nanos: Option<u64>,
}

/// A class as one thread knows it.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) logsource: Logsource,
    pub(super) class: Arc<Class>,
    pub(super) tally: Tally,
    /// Events until triggers are chosen anew.
    until: u64,
    period: u64,
}

/// What one class cost one thread.
#[derive(Debug)]
pub(super) struct Tally {
    events: u64,
    bytes: u64,
    sampled: u64,
    nanos: u64,
    /// By the rule's place in the class.
    rules: Box<[RuleTally]>,
}

#[derive(Debug, Clone, Copy, Default)]
struct RuleTally {
    tried: u64,
    matched: u64,
    nanos: u64,
}

impl Known {
    pub(super) fn new(logsource: &Logsource, class: Arc<Class>) -> Self {
        Self {
            logsource: logsource.clone(),
            tally: Tally {
                events: 0,
                bytes: 0,
                sampled: 0,
                nanos: 0,
                rules: vec![RuleTally::default(); class.shared.rules.len()].into(),
            },
            class,
            until: LEARN_AGAIN,
            period: LEARN_AGAIN,
        }
    }

    /// The same rules with other triggers.
    pub(super) fn replace(&mut self, class: Arc<Class>) {
        if Arc::ptr_eq(&class.shared, &self.class.shared) {
            self.class = class;
        } else {
            *self = Self::new(&self.logsource, class);
        }
    }

    /// True once in a while, when what is rare may have changed.
    pub(super) fn is_to_learn_again(&mut self) -> bool {
        let due = self.tally.events >= self.until;
        if due {
            self.period = (8 * self.period).min(LEARN_LAST);
            self.until = self.tally.events + self.period;
        }
        due
    }
}

impl Tally {
    pub(super) fn events(&self) -> u64 {
        self.events
    }
    pub(super) fn is_sampled(&self) -> bool {
        self.events.is_multiple_of(SAMPLE)
    }
    pub(super) fn event(&mut self, bytes: usize, nanos: Option<u64>) {
        self.events += 1;
        self.bytes += bytes as u64;
        if let Some(nanos) = nanos {
            self.sampled += 1;
            self.nanos += nanos;
        }
    }
    pub(super) fn tried(&mut self, rule: u32, matched: bool, nanos: Option<u64>) {
        if let Some(tally) = self.rules.get_mut(rule as usize) {
            tally.tried += 1;
            tally.matched += u64::from(matched);
            tally.nanos += nanos.unwrap_or(0);
        }
    }
    /// Time of all events from that of those sampled.
    fn whole(&self, nanos: u64) -> Option<u64> {
        (self.sampled > 0).then(|| {
            let whole = u128::from(nanos) * u128::from(self.events) / u128::from(self.sampled);
            u64::try_from(whole).unwrap_or(u64::MAX)
        })
    }
}

impl Engine {
    /// What `scratch` spent with this engine.
    #[must_use]
    pub fn costs(&self, scratch: &Scratch) -> Costs {
        let mut out = Costs::default();
        if !scratch
            .token
            .as_ref()
            .is_some_and(|t| Arc::ptr_eq(t, &self.token))
        {
            return out;
        }
        let mut by_rule: HashMap<u32, RuleCost> = HashMap::new();
        for known in &scratch.known {
            let tally = &known.tally;
            let mut class = ClassCost {
                logsource: known.logsource.clone(),
                rules: tally.rules.len(),
                events: tally.events,
                bytes: tally.bytes,
                tried: 0,
                read_nanos: tally.whole(tally.nanos),
                try_nanos: tally.whole(0),
            };
            for (there, one) in known.class.shared.rules.iter().zip(&tally.rules) {
                if one.tried == 0 {
                    continue;
                }
                let order = self.slots.get(there.slot as usize).copied().flatten();
                let rule = order.and_then(|order| self.rules.get(order as usize));
                let Some(meta) = rule.map(|r| &r.meta) else {
                    continue;
                };
                let nanos = tally.whole(one.nanos);
                class.tried += one.tried;
                class.try_nanos = sum(class.try_nanos, nanos);
                let cost = by_rule.entry(there.slot).or_insert_with(|| RuleCost {
                    rule: meta.id.clone(),
                    tried: 0,
                    matched: 0,
                    nanos: None,
                });
                cost.tried += one.tried;
                cost.matched += one.matched;
                cost.nanos = sum(cost.nanos, nanos);
            }
            if class.events > 0 {
                out.classes.push(class);
            }
        }
        out.rules = by_rule.into_values().collect();
        out.rules.sort_by(|a, b| {
            let key = |c: &RuleCost| (c.nanos, c.tried);
            key(b).cmp(&key(a)).then_with(|| a.rule.cmp(&b.rule))
        });
        out.classes.sort_by(|a, b| {
            let key = |c: &ClassCost| (sum(c.read_nanos, c.try_nanos), c.bytes);
            key(b)
                .cmp(&key(a))
                .then_with(|| a.logsource.to_string().cmp(&b.logsource.to_string()))
        });
        out
    }
}

fn sum(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.saturating_add(b)),
        (a, b) => a.or(b),
    }
}
