//! Correlations: counts, figures, sequences and absences of matches, per group, in event time.
//!
//! - A **group** is one value of every `group-by` field, within one tenant. A correlation that
//!   counts `ai.tenant.id` counts tenants, so its groups span them. An event that lacks a
//!   `group-by` or counted field contributes nothing. A field is looked up in the view that the
//!   rule reads, then in the canonical view.
//! - **Sliding** windows hold what is at most `timespan` older than the group's newest.
//!   **Tumbling** windows are timespans one after the other since 1970. A **session** ends when
//!   nothing came for its gap, or is a timespan long.
//! - What more events cannot undo (`gt`, `gte`, expressions without absence) is judged at every
//!   event and reported once; again when it held no longer in between, or after a whole timespan.
//!   Averages, medians and percentiles of sliding windows are judged so, too.
//!   All else is **judged when its window is over**: counts in consecutive timespans from a first
//!   contribution on; expressions with absence in the timespan after each contribution that they
//!   ask for, at most one report a timespan.
//! - **Watermark**: a group's newest event time, and the time that passed since by the clock, less
//!   [`Limits::lateness`]. A window is over when the watermark has passed its end. An event whose
//!   window is over is ignored and counted in [`Counters::late`]. An event more than five minutes
//!   in the future is taken to have happened now.
//! - **Figures are kept up to date**, never counted anew: distinct values in a multiset, numbers
//!   in order, chains by their latest start.
//! - **Memory** is bounded by [`Limits`]: a group holds at most `events_per_group` contributions
//!   (the oldest go first, [`Counters::cut`]); beyond `groups` groups, or `contributions`
//!   contributions together, the group whose time is over soonest is forgotten and counted in
//!   [`Counters::evicted`]. [`Correlator::bytes`] says what is held.

mod facts;
mod fingerprint;
mod group;
mod groups;
mod judge;
mod memory;
mod plan;
mod report;
mod snapshot;
mod sorted;
mod tally;
mod window;

pub(crate) use plan::Plan;
pub use snapshot::{Restored, SnapshotError};

use std::sync::Arc;

use hashbrown::HashMap;
use jiff::{SignedDuration, Timestamp};
use watchfloor_types::{Event, Finding, RuleId};

use crate::engine::{Engine, Hit};
use facts::{Facts, Origin, Slot, nanos_of};
use group::{Bounds, Offer, Ready, Taken};
use groups::Groups;
use plan::{Feed, nanos};
use report::Fired;

/// Bounds on the memory of correlations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Groups of all correlations together.
    pub groups: usize,
    /// Contributions, or remembered values, of one group.
    pub events_per_group: usize,
    /// Contributions and remembered values of all groups together.
    pub contributions: usize,
    /// How long a window that is judged when it is over waits for late events.
    pub lateness: SignedDuration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            groups: 100_000,
            events_per_group: 10_000,
            contributions: 4_000_000,
            lateness: SignedDuration::from_secs(30),
        }
    }
}

/// What was left out, since the correlator was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Contributions whose window was over.
    pub late: u64,
    /// Groups forgotten for want of memory.
    pub evicted: u64,
}

/// State of all correlations of one engine. Feed it from one thread, in the order of arrival.
#[derive(Debug)]
pub struct Correlator {
    plan: Arc<Plan>,
    groups: Groups,
    limits: Limits,
    counters: Counters,
    scratch: Working,
}

/// Buffers used again from event to event.
#[derive(Debug, Default)]
struct Working {
    slots: Vec<Slot>,
    key: String,
    value: String,
    ready: Vec<Ready>,
    origins: Vec<Arc<Origin>>,
}

/// Origins remembered.
const ORIGINS: usize = 32;

impl Working {
    /// The origin of an event, shared with those before it.
    fn origin(&mut self, event: &Event) -> Arc<Origin> {
        let known = self
            .origins
            .iter()
            .find(|o| o.tenant == event.tenant && o.source == event.source && o.mark == event.mark);
        if let Some(known) = known {
            return known.clone();
        }
        let new = Arc::new(Origin {
            tenant: event.tenant.clone(),
            source: event.source.clone(),
            mark: event.mark.clone(),
        });
        if self.origins.len() >= ORIGINS {
            self.origins.remove(0);
        }
        self.origins.push(new.clone());
        new
    }
}

impl Correlator {
    /// Empty state for the correlations of `engine`.
    #[must_use]
    pub fn new(engine: &Engine, limits: Limits) -> Self {
        Self {
            plan: engine.plan().clone(),
            groups: Groups::default(),
            limits,
            counters: Counters::default(),
            scratch: Working::default(),
        }
    }

    /// State for a reloaded engine: correlations whose text is the same keep their windows.
    #[must_use]
    pub fn reloaded(mut self, engine: &Engine) -> Self {
        let mut new = Self::new(engine, self.limits);
        new.counters = self.counters;
        let after = positions(&new.plan);
        let moved: Vec<Option<usize>> = self
            .plan
            .correlations
            .iter()
            .map(|c| {
                after
                    .get(&(c.meta.id.clone(), c.meta.version.clone()))
                    .copied()
            })
            .collect();
        for mut group in self.groups.take_all() {
            if let Some(at) = moved.get(group.at).copied().flatten() {
                group.at = at;
                new.groups.insert(group);
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
        self.groups.len()
    }
    /// Contributions and remembered values in memory.
    #[must_use]
    pub fn contributions(&self) -> usize {
        self.groups.held()
    }
    /// Bytes of memory that groups hold, about. Looks at every group.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.groups.bytes()
    }

    fn bounds(&self) -> Bounds {
        Bounds {
            entries: self.limits.events_per_group.max(1),
            lateness: nanos(self.limits.lateness),
        }
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
            let mut slots = std::mem::take(&mut self.scratch.slots);
            facts::read(event, feeds, &mut slots);
            let entities = facts::entities(&event.norm);
            let facts = Facts {
                time: facts::time(event),
                events: std::slice::from_ref(&event.id),
                origin: self.scratch.origin(event),
                values: &slots,
                entities: &entities,
            };
            for feed in &feeds.outlet.to {
                self.contribute(&plan, feed, &facts, now, out);
            }
            self.scratch.slots = slots;
        }
    }

    /// Judges and drops the groups whose time is over at `now`. Call it now and then when no
    /// events come.
    pub fn advance(&mut self, now: Timestamp, out: &mut Vec<Finding>) {
        let clock = nanos_of(now);
        if !self.groups.is_due(clock) {
            return;
        }
        let plan = self.plan.clone();
        let bounds = self.bounds();
        while let Some(slot) = self.groups.pop_due(clock) {
            let mut fired = Vec::new();
            let mut done = true;
            if let Some(group) = self.groups.get_mut(slot)
                && let Some(correlation) = plan.correlations.get(group.at)
            {
                let held = group.held;
                let mut ready = std::mem::take(&mut self.scratch.ready);
                done = group.tick(correlation, clock, bounds, &mut ready);
                for ready in ready.drain(..) {
                    fired.extend(report::report(correlation, group, &ready, now, out));
                }
                group.settle(correlation);
                self.scratch.ready = ready;
                let after = group.held;
                self.groups.account(held, after);
            }
            if done {
                self.groups.remove(slot);
            } else {
                self.groups.wait(slot);
            }
            for fired in fired {
                self.pass_on(&plan, &fired, now, out);
            }
        }
    }

    fn contribute(
        &mut self,
        plan: &Arc<Plan>,
        feed: &Feed,
        facts: &Facts,
        now: Timestamp,
        out: &mut Vec<Finding>,
    ) {
        let Some(correlation) = plan.correlations.get(feed.at) else {
            return;
        };
        let bounds = self.bounds();
        let Working {
            key, value, ready, ..
        } = &mut self.scratch;
        if !facts::key(correlation, feed, facts, key) {
            return;
        }
        let Some(counted) = facts::counted(correlation, feed, facts, value) else {
            return;
        };
        let slot = self.groups.find_or_add(feed, key, facts);
        let Some(group) = self.groups.get_mut(slot) else {
            return;
        };
        let held = group.held;
        let offer = Offer {
            correlation,
            feed,
            facts,
            counted,
        };
        let taken = group.take(&offer, nanos_of(now), bounds, ready);
        let mut fired = Vec::new();
        for ready in ready.drain(..) {
            fired.extend(report::report(correlation, group, &ready, now, out));
        }
        group.settle(correlation);
        let after = group.held;
        self.groups.account(held, after);
        match taken {
            Taken::Late => {
                self.counters.late += 1;
                self.groups.drop_if_empty(slot);
            }
            Taken::Kept => self.groups.started(slot),
        }
        while self.groups.len() > self.limits.groups
            || self.groups.held() > self.limits.contributions
        {
            if !self.groups.evict() {
                break;
            }
            self.counters.evicted += 1;
        }
        for fired in fired {
            self.pass_on(plan, &fired, now, out);
        }
    }

    /// A correlation that fired is an event to those that refer to it. References have no
    /// circles, so this ends.
    fn pass_on(&mut self, plan: &Arc<Plan>, fired: &Fired, now: Timestamp, out: &mut Vec<Finding>) {
        let Some(correlation) = plan.correlations.get(fired.at) else {
            return;
        };
        let slots: Vec<Slot> = fired
            .values
            .iter()
            .map(|value| Slot {
                there: value.is_some(),
                text: value.as_deref().unwrap_or_default().to_owned(),
            })
            .collect();
        let entities = facts::entities_of(&fired.entities);
        let facts = Facts {
            time: fired.time,
            events: &fired.events,
            origin: fired.origin.clone(),
            values: &slots,
            entities: &entities,
        };
        for feed in &correlation.outlet.to {
            self.contribute(plan, feed, &facts, now, out);
        }
    }
}

/// Where each correlation is, by id and version.
fn positions(plan: &Plan) -> HashMap<(RuleId, String), usize> {
    plan.correlations
        .iter()
        .enumerate()
        .map(|(at, c)| ((c.meta.id.clone(), c.meta.version.clone()), at))
        .collect()
}
