//! The engine: which rules does an event match?

mod answer;
mod array;
mod build;
mod choice;
mod class;
mod classes;
mod cost;
mod explain;
mod expression;
mod inside;
mod literal;
mod order;
mod program;
mod record;
mod state;
mod table;
mod trace;
mod whole;

pub(crate) use array::{ArrayAsk, Members};
pub use cost::{ClassCost, Costs, RuleCost};
pub use explain::{Explanation, ItemTrace, SelectionTrace};
pub(crate) use record::{Paths, Raw, scan, unescape_into};

use std::{
    borrow::Cow,
    sync::{Arc, RwLock, atomic::Ordering},
};

use hashbrown::HashMap;
use jiff::{SignedDuration, Timestamp};
use watchfloor_types::{Event, EventId, Finding, Logsource, RuleId, View};

use crate::{
    correlate::Plan,
    finding,
    rule::{Detection, Document, RuleMeta},
};
use class::Class;
use classes::{Classes, MAX_LOGSOURCES};
use cost::Known;
use program::{Asks, Program};
use state::State;

/// Compiled rules. Share it between threads; to reload, build another and swap the `Arc`.
#[derive(Debug)]
pub struct Engine {
    /// Tells engines apart, so that a [`Scratch`] never serves two.
    token: Arc<()>,
    documents: Vec<Document>,
    /// In the order of the documents.
    rules: Vec<Rule>,
    /// The rule in each slot: classes name rules by slots, which stay when other rules change.
    slots: Vec<Option<u32>>,
    asks: Asks,
    plan: Arc<Plan>,
    classes: RwLock<Classes>,
}

#[derive(Debug)]
struct Rule {
    meta: Arc<RuleMeta>,
    detection: Arc<Detection>,
    program: Arc<Program>,
    view: View,
    emits: bool,
    slot: u32,
}

/// One rule that matched one event. Only meaningful to the engine that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hit(pub(crate) u32);

/// Working memory of one matching thread. Reuse it from event to event.
#[derive(Debug, Default)]
pub struct Scratch {
    token: Option<Arc<()>>,
    known: Vec<Known>,
    by_logsource: HashMap<Logsource, usize>,
    /// The kind of event that came last: the next is often of the same.
    last: usize,
    clock: Option<fn() -> u64>,
    state: State,
    /// The event last read, and the class it was read for.
    current: Option<(EventId, usize, Arc<Class>)>,
}

impl Scratch {
    /// Empty working memory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
    /// The same with a clock of nanoseconds, so that [`Engine::costs`] knows times. One event of
    /// 64 is timed.
    #[must_use]
    pub fn with_clock(clock: fn() -> u64) -> Self {
        Self {
            clock: Some(clock),
            ..Self::default()
        }
    }
    fn read(&mut self, event: &Event, native: &str, class: &Arc<Class>, at: u64) {
        self.state.read(class, native, &event.norm, at);
        self.current = Some((event.id, event.native.as_ptr() as usize, class.clone()));
    }
}

impl Engine {
    /// Every document in use, rules and correlations, in the order given.
    #[must_use]
    pub fn documents(&self) -> &[Document] {
        &self.documents
    }
    /// What the matched rule says about itself.
    #[must_use]
    pub fn meta(&self, hit: Hit) -> Option<&Arc<RuleMeta>> {
        self.rules.get(hit.0 as usize).map(|r| &r.meta)
    }
    /// The document with this id.
    #[must_use]
    pub fn document(&self, id: &RuleId) -> Option<&Document> {
        self.documents.iter().find(|d| d.meta.id == *id)
    }
    /// How many distinct questions all rules together ask.
    #[must_use]
    pub fn asks(&self) -> usize {
        self.asks.len()
    }
    /// The longest timespan of a correlation; none where there is no correlation.
    #[must_use]
    pub fn longest_timespan(&self) -> Option<SignedDuration> {
        self.plan.longest_timespan()
    }
    /// Whether a correlation counts this hit.
    #[must_use]
    pub fn is_counted(&self, hit: Hit) -> bool {
        self.plan.counts(hit.0)
    }
    pub(crate) fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }
    pub(crate) fn position(&self, id: &RuleId) -> Option<u32> {
        self.rules
            .iter()
            .position(|r| r.meta.id == *id)
            .map(|at| at as u32)
    }

    /// The rules that `event` matches, in the order of the engine, appended to `hits`. Rules
    /// that only feed correlations are among them.
    pub fn match_event(&self, event: &Event, scratch: &mut Scratch, hits: &mut Vec<Hit>) {
        let (at, class) = self.class(&event.logsource, scratch);
        let native = text_of(event, &class);
        let clock = scratch.clock.filter(|_| {
            let known = scratch.known.get(at);
            known.is_some_and(|k| k.tally.is_sampled())
        });
        let began = clock.map(|clock| clock());
        let number = scratch.known.get(at).map_or(0, |k| k.tally.events());
        scratch.read(event, &native, &class, number);
        let from = hits.len();
        let Scratch { known, state, .. } = scratch;
        let candidates = std::mem::take(&mut state.candidates);
        if let Some(Known { tally, .. }) = known.get_mut(at) {
            let mut time = clock.map(|clock| clock());
            tally.event(
                native.len(),
                time.zip(began).map(|(now, then)| now.saturating_sub(then)),
            );
            for candidate in &candidates {
                let at = *candidate as usize;
                let (Some(rule), Some(program)) =
                    (class.shared.rules.get(at), class.programs.get(at))
                else {
                    continue;
                };
                let held = state.condition(&class, &native, program, &program.condition);
                if held && let Some(order) = self.slots.get(rule.slot as usize).copied().flatten() {
                    hits.push(Hit(order));
                }
                let spent = clock.zip(time).map(|(clock, then)| {
                    let now = clock();
                    time = Some(now);
                    now.saturating_sub(then)
                });
                tally.tried(*candidate, held, spent);
            }
        }
        state.candidates = candidates;
        if let Some(new) = hits.get_mut(from..) {
            new.sort_unstable();
        }
        if state.has_learned_enough()
            && let Some(new) = class.learned()
        {
            self.replace(&class, new);
        }
    }

    /// Finds the values that rules read and answers nothing: what reading alone costs, for
    /// measurements. Gives how many values there are.
    #[doc(hidden)]
    pub fn read_only(&self, event: &Event, scratch: &mut Scratch) -> usize {
        let (_, class) = self.class(&event.logsource, scratch);
        let native = text_of(event, &class);
        let mut values = 0;
        let shared = &class.shared;
        scan(
            &native,
            &shared.native,
            shared.native_anywhere,
            &mut |_, _| values += 1,
        );
        values
    }

    /// Findings of `hits` on `event`, appended to `out`, saying which values matched. Rules that
    /// only feed correlations give none.
    pub fn findings(
        &self,
        event: &Event,
        hits: &[Hit],
        scratch: &mut Scratch,
        now: Timestamp,
        out: &mut Vec<Finding>,
    ) {
        for hit in hits {
            let Some(rule) = self.rules.get(hit.0 as usize).filter(|r| r.emits) else {
                continue;
            };
            let matched = self.matched(event, *hit, scratch);
            out.push(finding::of_rule(&rule.meta, event, matched, now));
        }
    }

    /// [`Engine::match_event`] and [`Engine::findings`] in one: `hits` is replaced by this event's.
    pub fn detect(
        &self,
        event: &Event,
        scratch: &mut Scratch,
        now: Timestamp,
        hits: &mut Vec<Hit>,
        out: &mut Vec<Finding>,
    ) {
        hits.clear();
        self.match_event(event, scratch, hits);
        if !hits.is_empty() {
            self.findings(event, hits, scratch, now, out);
        }
    }

    fn attach(&self, scratch: &mut Scratch) {
        if !scratch
            .token
            .as_ref()
            .is_some_and(|t| Arc::ptr_eq(t, &self.token))
        {
            *scratch = Scratch {
                token: Some(self.token.clone()),
                clock: scratch.clock,
                ..Scratch::default()
            };
        }
    }

    /// The class of events of this logsource, and its place in `scratch`.
    fn class(&self, logsource: &Logsource, scratch: &mut Scratch) -> (usize, Arc<Class>) {
        self.attach(scratch);
        let Scratch {
            known,
            by_logsource,
            last,
            ..
        } = scratch;
        let at = match known.get(*last) {
            Some(same) if same.logsource == *logsource => Some(*last),
            _ => by_logsource.get(logsource).copied(),
        };
        if let Some(at) = at
            && let Some(there) = known.get_mut(at)
        {
            *last = at;
            if there.class.replaced.load(Ordering::Relaxed) {
                there.replace(self.shared_class(logsource));
            }
            if there.is_to_learn_again()
                && let Some(new) = there.class.learning_again()
            {
                self.replace(&there.class, new);
            }
            return (at, there.class.clone());
        }
        let class = self.shared_class(logsource);
        if known.len() >= MAX_LOGSOURCES {
            known.clear();
            by_logsource.clear();
        }
        let at = known.len();
        known.push(Known::new(logsource, class.clone()));
        by_logsource.insert(logsource.clone(), at);
        *last = at;
        (at, class)
    }
}

/// The record as text; what is not UTF-8 is replaced.
/// The native record, where the class reads it at all.
fn text_of<'e>(event: &'e Event, class: &Class) -> Cow<'e, str> {
    if !class.shared.reads_native {
        return Cow::Borrowed("");
    }
    match std::str::from_utf8(&event.native) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(&event.native),
    }
}
