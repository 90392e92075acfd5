//! One group of one correlation: contributions within a timespan.

use std::{collections::VecDeque, sync::Arc};

use hashbrown::HashMap;
use jiff::{SignedDuration, Timestamp};
use watchfloor_types::{EventId, Mark, SourceId, TenantId, Value};

use crate::rule::Aggregate;

/// What a correlation keeps of an event, shared by all it contributes to.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) time: Timestamp,
    pub(super) events: Vec<EventId>,
    pub(super) tenant: TenantId,
    pub(super) source: SourceId,
    pub(super) mark: Option<Mark>,
    pub(super) entities: Vec<(String, Value)>,
    /// Title of the rule that matched.
    pub(super) title: Arc<str>,
    pub(super) fields: Vec<(Arc<str>, Arc<str>)>,
}

impl Facts {
    pub(super) fn field(&self, name: &str) -> Option<&Arc<str>> {
        self.fields
            .iter()
            .find(|(n, _)| n.as_ref() == name)
            .map(|(_, value)| value)
    }
}

/// One match of one of the correlation's rules.
#[derive(Debug, Clone)]
pub(super) struct Contribution {
    pub(super) facts: Arc<Facts>,
    /// Which of the correlation's rules.
    pub(super) place: usize,
    /// The counted values, for `value_count`.
    pub(super) value: Option<Arc<str>>,
}

/// What became of a contribution.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Kept,
    /// Older than the newest of the group by more than the timespan.
    Late,
}

/// Contributions in order of time, those of one time in order of arrival.
#[derive(Debug, Default)]
pub(super) struct Window {
    entries: VecDeque<Contribution>,
    values: HashMap<Arc<str>, u32>,
    places: Vec<u32>,
    /// When the condition was last reported, while it keeps holding.
    pub(super) reported: Option<Reported>,
}

/// A report of a group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reported {
    /// Newest time in the group then.
    pub(super) newest: Timestamp,
    /// Whether only an exercise was in it.
    pub(super) of_exercise: bool,
}

impl Window {
    /// Adds one, and drops what is now older than the timespan or beyond `cap`.
    pub(super) fn add(&mut self, new: Contribution, span: SignedDuration, cap: usize) -> Taken {
        if self
            .newest()
            .is_some_and(|newest| newest.duration_since(new.facts.time) > span)
        {
            return Taken::Late;
        }
        let at = self
            .entries
            .iter()
            .rposition(|e| e.facts.time <= new.facts.time)
            .map_or(0, |at| at + 1);
        if let Some(value) = &new.value {
            *self.values.entry(value.clone()).or_default() += 1;
        }
        if self.places.len() <= new.place {
            self.places.resize(new.place + 1, 0);
        }
        if let Some(count) = self.places.get_mut(new.place) {
            *count += 1;
        }
        self.entries.insert(at, new);
        while self.entries.len() > cap || self.is_front_old(span) {
            self.drop_front();
        }
        Taken::Kept
    }

    fn is_front_old(&self, span: SignedDuration) -> bool {
        match (self.entries.front(), self.newest()) {
            (Some(front), Some(newest)) => newest.duration_since(front.facts.time) > span,
            _ => false,
        }
    }

    fn drop_front(&mut self) {
        let Some(old) = self.entries.pop_front() else {
            return;
        };
        if let Some(value) = &old.value
            && let Some(count) = self.values.get_mut(value)
        {
            *count -= 1;
            if *count == 0 {
                self.values.remove(value);
            }
        }
        if let Some(count) = self.places.get_mut(old.place) {
            *count = count.saturating_sub(1);
        }
    }

    pub(super) fn newest(&self) -> Option<Timestamp> {
        self.entries.back().map(|e| e.facts.time)
    }
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.entries.front().map(|e| e.facts.time)
    }
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
    pub(super) fn entries(&self) -> impl DoubleEndedIterator<Item = &Contribution> {
        self.entries.iter()
    }

    /// The number that the condition is about.
    pub(super) fn count(&self, aggregate: &Aggregate, rules: usize) -> usize {
        match aggregate {
            Aggregate::EventCount => self.entries.len(),
            Aggregate::ValueCount(_) => self.values.len(),
            Aggregate::Temporal => self.places.iter().filter(|count| **count > 0).count(),
            Aggregate::TemporalOrdered => self.chain(rules).len(),
        }
    }

    /// The earliest contributions that follow the order of the rules, as far as they go.
    pub(super) fn chain(&self, rules: usize) -> Vec<&Contribution> {
        let mut out: Vec<&Contribution> = Vec::with_capacity(rules);
        for entry in &self.entries {
            if out.len() == rules {
                break;
            }
            if entry.place == out.len() {
                out.push(entry);
            }
        }
        out
    }
}
