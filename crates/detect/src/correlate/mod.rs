//! Correlations: counts, distinct counts and sequences of matches, per group, in event time.
//!
//! - A window holds the contributions of one group (one value of every `group-by` field, within
//!   one tenant) that are at most `timespan` older than the group's newest. A `value_count` of
//!   `ai.tenant.id` counts tenants, so its groups span them.
//! - **Late events** are sorted in by their own time as long as they fall into that window; an
//!   older one is ignored and counted in [`Counters::late`]. An event more than five minutes in
//!   the future is taken to have happened now.
//! - An event that lacks a `group-by` or counted field contributes nothing. A field is looked up
//!   in the view that the rule reads, then in the canonical view.
//! - Conditions with lower bounds only (`gt`, `gte`) and temporal ones are judged at every event
//!   and reported once; again when they held no longer in between, or after a whole timespan.
//!   Other conditions (`lt`, `lte`, `eq`, `neq`) can be undone by the next event, so they are
//!   judged when the window is over: when an event of the group is more than a timespan after
//!   its first, or a timespan has passed since the first arrived.
//! - **Memory** is bounded by [`Limits`]: a group holds at most `events_per_group` contributions
//!   (the oldest go first), and beyond `groups` groups the one idle longest is forgotten and
//!   counted in [`Counters::evicted`]. Groups without news for a timespan are dropped.

mod facts;
mod plan;
mod window;

pub(crate) use plan::Plan;

use std::{collections::BTreeSet, sync::Arc};

use hashbrown::HashMap;
use jiff::Timestamp;
use watchfloor_types::{Event, Finding, FindingKind, MatchedField, RuleId, Tlp, Value};

use crate::{
    engine::{Engine, Hit},
    finding::{self, MAX_EVENTS, capped},
    rule::Aggregate,
};
use facts::{facts, key_of};
use plan::Planned;
use window::{Contribution, Facts, Reported, Taken, Window};

/// Most entities of one finding.
const MAX_ENTITIES: usize = 64;

/// Bounds on the memory of correlations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Groups of all correlations together.
    pub groups: usize,
    /// Contributions of one group.
    pub events_per_group: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            groups: 100_000,
            events_per_group: 10_000,
        }
    }
}

/// What was left out, since the correlator was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Contributions older than their group's window.
    pub late: u64,
    /// Groups forgotten for want of memory.
    pub evicted: u64,
}

/// State of all correlations of one engine. Feed it from one thread, in the order of arrival.
#[derive(Debug)]
pub struct Correlator {
    plan: Arc<Plan>,
    groups: Vec<HashMap<Arc<str>, Group>>,
    /// When each group is dropped or judged, by the clock that `now` shows.
    deadlines: BTreeSet<(Timestamp, usize, Arc<str>)>,
    limits: Limits,
    counters: Counters,
}

#[derive(Debug, Default)]
struct Group {
    window: Window,
    deadline: Timestamp,
}

/// A finding on its way, and what it contributes to further correlations.
struct Fired {
    correlation: usize,
    facts: Arc<Facts>,
}

impl Correlator {
    /// Empty state for the correlations of `engine`.
    #[must_use]
    pub fn new(engine: &Engine, limits: Limits) -> Self {
        let plan = engine.plan().clone();
        Self {
            groups: plan.correlations.iter().map(|_| HashMap::new()).collect(),
            plan,
            deadlines: BTreeSet::new(),
            limits,
            counters: Counters::default(),
        }
    }

    /// State for a reloaded engine: correlations whose text is the same keep their windows.
    #[must_use]
    pub fn reloaded(mut self, engine: &Engine) -> Self {
        let mut new = Self::new(engine, self.limits);
        new.counters = self.counters;
        let mut old: HashMap<(RuleId, String), usize> = HashMap::new();
        for (at, correlation) in self.plan.correlations.iter().enumerate() {
            old.insert(
                (
                    correlation.meta.id.clone(),
                    correlation.meta.version.clone(),
                ),
                at,
            );
        }
        for (at, correlation) in new.plan.correlations.iter().enumerate() {
            let key = (
                correlation.meta.id.clone(),
                correlation.meta.version.clone(),
            );
            if let Some(groups) = old.get(&key).and_then(|was| self.groups.get_mut(*was)) {
                for (name, group) in groups.drain() {
                    new.deadlines.insert((group.deadline, at, name.clone()));
                    if let Some(into) = new.groups.get_mut(at) {
                        into.insert(name, group);
                    }
                }
            }
        }
        new
    }

    /// What was left out so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }
    /// Groups in memory.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.deadlines.len()
    }

    /// Takes the hits of one event, appending what the correlations find to `out`. The hits must
    /// come from the engine that this correlator was made for.
    pub fn feed(&mut self, event: &Event, hits: &[Hit], out: &mut Vec<Finding>, now: Timestamp) {
        self.advance(now, out);
        let plan = self.plan.clone();
        for hit in hits {
            let Some(feeds) = plan.by_rule.get(&hit.0) else {
                continue;
            };
            let facts = Arc::new(facts(event, feeds));
            for (correlation, place) in &feeds.to {
                self.contribute(*correlation, *place, facts.clone(), now, out);
            }
        }
    }

    /// Judges and drops the groups whose time is over at `now`. Call it now and then when no
    /// events come.
    pub fn advance(&mut self, now: Timestamp, out: &mut Vec<Finding>) {
        while let Some((deadline, ..)) = self.deadlines.first()
            && *deadline < now
        {
            let Some((_, at, key)) = self.deadlines.pop_first() else {
                return;
            };
            let group = self
                .groups
                .get_mut(at)
                .and_then(|groups| groups.remove(&key));
            let plan = self.plan.clone();
            if let (Some(group), Some(correlation)) = (group, plan.correlations.get(at))
                && !is_early(correlation)
                && let Some(fired) = judge(at, correlation, &group.window, now, out)
            {
                self.pass_on(&fired, now, out);
            }
        }
    }

    fn contribute(
        &mut self,
        at: usize,
        place: usize,
        facts: Arc<Facts>,
        now: Timestamp,
        out: &mut Vec<Finding>,
    ) {
        let plan = self.plan.clone();
        let Some(correlation) = plan.correlations.get(at) else {
            return;
        };
        let Some((key, value)) = key_of(correlation, place, &facts) else {
            return;
        };
        let span = correlation.spec.timespan;
        let Some(groups) = self.groups.get_mut(at) else {
            return;
        };
        let group = groups.entry(key.clone()).or_default();
        let mut fired = None;
        let fresh = group.window.len() == 0;
        if !is_early(correlation)
            && group
                .window
                .oldest()
                .is_some_and(|first| facts.time.duration_since(first) > span)
        {
            fired = judge(at, correlation, &group.window, now, out);
            group.window = Window::default();
        }
        let opened = group.window.len() == 0;
        let contribution = Contribution {
            facts,
            place,
            value,
        };
        if group
            .window
            .add(contribution, span, self.limits.events_per_group)
            == Taken::Late
        {
            self.counters.late += 1;
        }
        if is_early(correlation) {
            let window = &mut group.window;
            let newest = window.newest().unwrap_or(now);
            let count = window.count(&correlation.spec.aggregate, correlation.spec.rules.len());
            if correlation.spec.threshold.holds(count) {
                let marks = |window: &Window| {
                    finding::common_mark(window.entries().map(|c| c.facts.mark.as_ref())).is_some()
                };
                // A report of an exercise does not stand for what really happens afterwards.
                let again = window.reported.is_none_or(|then| {
                    newest.duration_since(then.newest) > span
                        || (then.of_exercise && !marks(window))
                });
                if again {
                    window.reported = Some(Reported {
                        newest,
                        of_exercise: marks(window),
                    });
                    fired = judge(at, correlation, window, now, out);
                }
            } else {
                window.reported = None;
            }
        }
        if is_early(correlation) || opened {
            let deadline = now.saturating_add(span).unwrap_or(Timestamp::MAX);
            if !fresh {
                self.deadlines.remove(&(group.deadline, at, key.clone()));
            }
            group.deadline = deadline;
            self.deadlines.insert((deadline, at, key));
        }
        while self.deadlines.len() > self.limits.groups {
            if let Some((_, at, key)) = self.deadlines.pop_first() {
                if let Some(groups) = self.groups.get_mut(at) {
                    groups.remove(&key);
                }
                self.counters.evicted += 1;
            }
        }
        if let Some(fired) = fired {
            self.pass_on(&fired, now, out);
        }
    }

    /// A correlation that fired is an event to those that refer to it. References have no
    /// circles, so this ends.
    fn pass_on(&mut self, fired: &Fired, now: Timestamp, out: &mut Vec<Finding>) {
        let plan = self.plan.clone();
        let Some(correlation) = plan.correlations.get(fired.correlation) else {
            return;
        };
        for (to, place) in &correlation.to {
            self.contribute(*to, *place, fired.facts.clone(), now, out);
        }
    }
}

/// Whether the condition can be judged at every event.
fn is_early(correlation: &Planned) -> bool {
    correlation.spec.threshold.is_lower_bound()
}

/// Reports the window if the condition holds.
fn judge(
    at: usize,
    correlation: &Planned,
    window: &Window,
    now: Timestamp,
    out: &mut Vec<Finding>,
) -> Option<Fired> {
    let spec = &correlation.spec;
    let count = window.count(&spec.aggregate, spec.rules.len());
    if !spec.threshold.holds(count) {
        return None;
    }
    let used: Vec<&Contribution> = match spec.aggregate {
        Aggregate::TemporalOrdered => window.chain(spec.rules.len()),
        Aggregate::EventCount | Aggregate::ValueCount(_) | Aggregate::Temporal => {
            window.entries().collect()
        }
    };
    let last = used.last()?;
    let mut events = Vec::new();
    for event in used.iter().flat_map(|c| &c.facts.events) {
        if events.len() < MAX_EVENTS && !events.contains(event) {
            events.push(*event);
        }
    }
    let mut entities: Vec<(String, Value)> = Vec::new();
    for entity in used.iter().rev().flat_map(|c| &c.facts.entities) {
        if entities.len() < MAX_ENTITIES && !entities.contains(entity) {
            entities.push(entity.clone());
        }
    }
    let mark = finding::common_mark(used.iter().map(|c| c.facts.mark.as_ref()));
    let matched = matched(correlation, &used, count);
    let meta = &correlation.meta;
    if correlation.emits {
        out.push(Finding {
            id: finding::id(meta, last.facts.time, &events),
            kind: FindingKind::Correlation,
            rule: finding::rule_ref(meta),
            severity: meta.severity,
            tenant: last.facts.tenant.clone(),
            source: last.facts.source.clone(),
            time: last.facts.time,
            detected: now,
            events: events.clone(),
            matched,
            techniques: meta.techniques.clone(),
            entities: entities.clone(),
            runbook: meta.runbook.as_ref().map(ToString::to_string),
            tlp: Tlp::Clear,
            mark: mark.clone(),
        });
    }
    let facts = Facts {
        time: last.facts.time,
        events,
        tenant: last.facts.tenant.clone(),
        source: last.facts.source.clone(),
        mark,
        entities,
        title: meta.title.as_str().into(),
        fields: last.facts.fields.clone(),
    };
    Some(Fired {
        correlation: at,
        facts: Arc::new(facts),
    })
}

/// The group, the count, and the first matches that made it up.
fn matched(correlation: &Planned, used: &[&Contribution], count: usize) -> Vec<MatchedField> {
    let Some(last) = used.last() else {
        return Vec::new();
    };
    let Some(last_event) = last.facts.events.last() else {
        return Vec::new();
    };
    let spec = &correlation.spec;
    let mut out = Vec::new();
    for (name, field) in spec
        .group_by
        .iter()
        .zip(correlation.group_by.get(last.place).into_iter().flatten())
    {
        out.push(MatchedField {
            field: name.clone(),
            value: capped(last.facts.field(field).map_or("", |v| v)).to_owned(),
            predicate: "group-by".to_owned(),
            event: *last_event,
        });
    }
    out.push(MatchedField {
        field: match &spec.aggregate {
            Aggregate::ValueCount(names) => names.join(", "),
            Aggregate::EventCount | Aggregate::Temporal | Aggregate::TemporalOrdered => {
                "(events)".to_owned()
            }
        },
        value: count.to_string(),
        predicate: format!(
            "{} {} within {:#}",
            spec.aggregate.as_str(),
            spec.threshold,
            spec.timespan
        ),
        event: *last_event,
    });
    for contribution in used.iter().take(16) {
        if let Some(event) = contribution.facts.events.first() {
            out.push(MatchedField {
                field: "(rule)".to_owned(),
                value: capped(&contribution.facts.title).to_owned(),
                predicate: "matched".to_owned(),
                event: *event,
            });
        }
    }
    out
}
