//! One window: contributions in order of time, and figures that are kept up to date.

use std::{collections::VecDeque, sync::Arc};

use watchfloor_types::EventId;

use super::{
    facts::{Counted, Origin},
    tally::Tally,
};
use crate::rule::Aggregate;

/// One match of one of the correlation's rules.
#[derive(Debug)]
pub(super) struct Entry {
    /// Nanoseconds since 1970.
    pub(super) time: i64,
    pub(super) event: EventId,
    /// Number, fingerprint or name of a text, by the type of the correlation.
    pub(super) value: u64,
    pub(super) origin: Arc<Origin>,
    pub(super) more: Option<Box<More>>,
    /// Which of the correlation's rules.
    pub(super) place: u16,
}

/// What few contributions carry.
#[derive(Debug)]
pub(super) struct More {
    /// The events of a correlation that contributed; empty for a single event.
    pub(super) events: Box<[EventId]>,
    /// Values for correlations further out, as the outlet names them.
    pub(super) passed: Box<[Option<Box<str>>]>,
}

impl Entry {
    pub(super) fn events(&self) -> &[EventId] {
        match &self.more {
            Some(more) if !more.events.is_empty() => &more.events,
            _ => std::slice::from_ref(&self.event),
        }
    }
    /// Heap bytes, about.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.more.as_ref().map_or(0, |more| {
                let texts = more.passed.iter().flatten().map(|t| t.len() + 16);
                size_of::<More>() + more.events.len() * 16 + texts.sum::<usize>()
            })
    }
}

/// A report of a window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reported {
    /// Newest time in the window then, nanoseconds.
    pub(super) newest: i64,
    /// Whether only an exercise was in it.
    pub(super) of_exercise: bool,
}

/// Contributions in order of time, those of one time in order of arrival.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) entries: VecDeque<Entry>,
    pub(super) tally: Tally,
    /// Where it begins, nanoseconds; only windows that end have a beginning.
    pub(super) start: i64,
    /// When the condition was last reported, while it keeps holding.
    pub(super) reported: Option<Reported>,
    /// Entries without a mark.
    unmarked: usize,
    bytes: usize,
}

impl Window {
    pub(super) fn new(aggregate: &Aggregate, rules: usize, start: i64) -> Self {
        Self {
            entries: VecDeque::new(),
            tally: Tally::new(aggregate, rules),
            start,
            reported: None,
            unmarked: 0,
            bytes: 0,
        }
    }

    /// Adds one at its place in time; that place.
    pub(super) fn add(&mut self, mut entry: Entry, counted: Counted) -> usize {
        let at = match self.entries.back() {
            Some(back) if back.time > entry.time => {
                self.entries.partition_point(|e| e.time <= entry.time)
            }
            _ => self.entries.len(),
        };
        let in_order = at == self.entries.len();
        let place = usize::from(entry.place);
        match (&mut self.tally, counted) {
            (Tally::Values(distinct), Counted::Text(text)) => {
                entry.value = u64::from(distinct.add(text));
            }
            (Tally::Numbers(numbers), Counted::Number(number)) => {
                entry.value = number.to_bits();
                numbers.add(number);
            }
            (Tally::Near(near), Counted::Fingerprint(print)) => {
                entry.value = print;
                near.prints.insert(at, print);
                near.last = print;
            }
            (Tally::Places(counts), _) => {
                if let Some(count) = counts.get_mut(place) {
                    *count += 1;
                }
            }
            (Tally::Ordered(ordered), _) => {
                if let Some(count) = ordered.counts.get_mut(place) {
                    *count += 1;
                }
                if in_order && !ordered.stale {
                    ordered.step(place, entry.time);
                } else {
                    ordered.stale = true;
                }
            }
            (Tally::Count | Tally::Values(_) | Tally::Numbers(_) | Tally::Near(_), _) => {}
        }
        self.unmarked += usize::from(entry.origin.mark.is_none());
        self.bytes += entry.bytes();
        if in_order {
            self.entries.push_back(entry);
        } else {
            self.entries.insert(at, entry);
        }
        at
    }

    /// Drops the oldest.
    pub(super) fn drop_front(&mut self) -> bool {
        let Some(old) = self.entries.pop_front() else {
            return false;
        };
        self.unmarked -= usize::from(old.origin.mark.is_none());
        self.bytes = self.bytes.saturating_sub(old.bytes());
        let place = usize::from(old.place);
        match &mut self.tally {
            Tally::Count => {}
            Tally::Values(distinct) => distinct.remove(old.value as u32),
            Tally::Numbers(numbers) => numbers.remove(f64::from_bits(old.value)),
            Tally::Near(near) => {
                near.prints.pop_front();
            }
            Tally::Places(counts) => decrement(counts, place),
            Tally::Ordered(ordered) => decrement(&mut ordered.counts, place),
        }
        true
    }

    /// Drops what is older than `cutoff`; how many.
    pub(super) fn evict(&mut self, cutoff: i64) -> usize {
        let before = self.entries.len();
        while self.entries.front().is_some_and(|e| e.time < cutoff) {
            self.drop_front();
        }
        before - self.entries.len()
    }

    pub(super) fn newest(&self) -> Option<i64> {
        self.entries.back().map(|e| e.time)
    }

    /// Heap bytes, about.
    pub(super) fn bytes(&self) -> usize {
        let unused = self.entries.capacity().saturating_sub(self.entries.len());
        size_of::<Self>() + self.bytes + unused * size_of::<Entry>() + self.tally.bytes()
    }

    /// Whether all of it belongs to one exercise.
    pub(super) fn is_of_exercise(&self) -> bool {
        self.unmarked == 0
            && crate::finding::common_mark(self.entries.iter().map(|e| e.origin.mark.as_ref()))
                .is_some()
    }

    /// How often the rule at `place` is in it.
    pub(super) fn count(&self, place: usize) -> u32 {
        match &self.tally {
            Tally::Places(counts) => counts.get(place).copied().unwrap_or_default(),
            Tally::Ordered(ordered) => ordered.counts.get(place).copied().unwrap_or_default(),
            Tally::Count | Tally::Values(_) | Tally::Numbers(_) | Tally::Near(_) => 0,
        }
    }

    /// The number that the condition is about; `None` where there is none.
    pub(super) fn figure(&mut self, aggregate: &Aggregate) -> Option<f64> {
        let oldest = self.entries.front()?.time;
        match &mut self.tally {
            Tally::Count => Some(self.entries.len() as f64),
            Tally::Values(distinct) => Some(distinct.len() as f64),
            Tally::Numbers(numbers) => match aggregate {
                Aggregate::ValueSum(_) => Some(numbers.sum()),
                Aggregate::ValueAvg(_) => numbers.mean(),
                Aggregate::ValuePercentile { percent, .. } => numbers.percentile(*percent),
                Aggregate::ValueMedian(_) => numbers.percentile(50.0),
                Aggregate::EventCount
                | Aggregate::ValueCount(_)
                | Aggregate::Temporal
                | Aggregate::TemporalOrdered
                | Aggregate::NewValue { .. }
                | Aggregate::ChangedValue(_)
                | Aggregate::NearDuplicate { .. } => None,
            },
            Tally::Places(counts) => Some(counts.iter().filter(|c| **c > 0).count() as f64),
            Tally::Ordered(ordered) => {
                if ordered.stale {
                    ordered.forget();
                    for entry in &self.entries {
                        ordered.step(usize::from(entry.place), entry.time);
                    }
                }
                Some(ordered.reached(oldest) as f64)
            }
            Tally::Near(near) => Some(near.len() as f64),
        }
    }

    /// The earliest contributions that follow the order of the rules, `wants` of each.
    pub(super) fn chain(&self, wants: &[usize]) -> Option<Vec<&Entry>> {
        let mut out: Vec<&Entry> = Vec::new();
        let mut left = wants.iter().enumerate().filter(|(_, n)| **n > 0);
        let (mut place, mut missing) = left.next().map(|(p, n)| (p, *n))?;
        for entry in &self.entries {
            if usize::from(entry.place) != place {
                continue;
            }
            out.push(entry);
            missing -= 1;
            if missing == 0 {
                match left.next() {
                    Some((next, n)) => (place, missing) = (next, *n),
                    None => return Some(out),
                }
            }
        }
        None
    }
}

fn decrement(counts: &mut [u32], place: usize) {
    if let Some(count) = counts.get_mut(place) {
        *count = count.saturating_sub(1);
    }
}
