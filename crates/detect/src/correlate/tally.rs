//! Figures of a window that are kept up to date, not counted anew at every event.

use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::sorted::Sorted;
use crate::rule::Aggregate;

/// What a window counts.
#[derive(Debug)]
pub(super) enum Tally {
    /// The number of contributions is all.
    Count,
    Values(Box<Distinct>),
    Numbers(Box<Numbers>),
    /// Contributions of each rule.
    Places(Vec<u32>),
    Ordered(Box<Ordered>),
    /// Fingerprints, in the order of the contributions.
    Near(Box<Near>),
}

impl Tally {
    pub(super) fn new(aggregate: &Aggregate, rules: usize) -> Self {
        match aggregate {
            Aggregate::EventCount | Aggregate::NewValue { .. } | Aggregate::ChangedValue(_) => {
                Self::Count
            }
            Aggregate::ValueCount(_) => Self::Values(Box::default()),
            Aggregate::ValueSum(_) | Aggregate::ValueAvg(_) => {
                Self::Numbers(Box::new(Numbers::new(None)))
            }
            Aggregate::ValuePercentile { .. } | Aggregate::ValueMedian(_) => {
                Self::Numbers(Box::new(Numbers::new(Some(Sorted::default()))))
            }
            Aggregate::Temporal => Self::Places(vec![0; rules]),
            Aggregate::TemporalOrdered => Self::Ordered(Box::new(Ordered {
                counts: vec![0; rules],
                starts: vec![None; rules],
                stale: false,
            })),
            Aggregate::NearDuplicate { distance, .. } => Self::Near(Box::new(Near {
                distance: *distance,
                prints: std::collections::VecDeque::new(),
                last: 0,
            })),
        }
    }
    /// Heap bytes, about.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Count => 0,
            Self::Values(distinct) => 128 + distinct.bytes,
            Self::Numbers(numbers) => {
                96 + numbers.len * if numbers.sorted.is_some() { 12 } else { 0 }
            }
            Self::Places(counts) => counts.len() * 4,
            Self::Ordered(ordered) => 64 + ordered.counts.len() * 20,
            Self::Near(near) => 64 + near.prints.len() * 12,
        }
    }
}

/// A multiset of texts: how many different ones.
#[derive(Debug, Default)]
pub(super) struct Distinct {
    table: HashTable<u32>,
    slots: Vec<Text>,
    free: Vec<u32>,
    hasher: DefaultHashBuilder,
    bytes: usize,
}

#[derive(Debug)]
struct Text {
    hash: u64,
    count: u32,
    value: Box<str>,
}

impl Distinct {
    /// Adds one; gives the name under which to remove it.
    pub(super) fn add(&mut self, text: &str) -> u32 {
        let hash = self.hasher.hash_one(text);
        let slots = &mut self.slots;
        let known = self.table.find(hash, |slot| {
            slots
                .get(*slot as usize)
                .is_some_and(|s| s.hash == hash && *s.value == *text)
        });
        if let Some(slot) = known {
            if let Some(entry) = slots.get_mut(*slot as usize) {
                entry.count += 1;
            }
            return *slot;
        }
        self.bytes += text.len() + 48;
        let new = Text {
            hash,
            count: 1,
            value: text.into(),
        };
        let slot = match self.free.pop() {
            Some(slot) => {
                if let Some(entry) = slots.get_mut(slot as usize) {
                    *entry = new;
                }
                slot
            }
            None => {
                slots.push(new);
                (slots.len() - 1) as u32
            }
        };
        let slots = &self.slots;
        self.table.insert_unique(hash, slot, |slot| {
            slots.get(*slot as usize).map_or(0, |s| s.hash)
        });
        slot
    }
    pub(super) fn remove(&mut self, slot: u32) {
        let Some(entry) = self.slots.get_mut(slot as usize) else {
            return;
        };
        entry.count -= 1;
        if entry.count == 0 {
            self.bytes = self.bytes.saturating_sub(entry.value.len() + 48);
            entry.value = Box::default();
            if let Ok(found) = self.table.find_entry(entry.hash, |s| *s == slot) {
                found.remove();
            }
            self.free.push(slot);
        }
    }
    pub(super) fn text(&self, slot: u32) -> &str {
        self.slots.get(slot as usize).map_or("", |s| &s.value)
    }
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }
}

/// Sum, and order where a percentile is asked for.
#[derive(Debug)]
pub(super) struct Numbers {
    len: usize,
    /// Whole numbers are summed exactly.
    whole: i128,
    /// All others, with the error of every addition carried along (Neumaier).
    rest: f64,
    error: f64,
    /// How many others there are: with the last one the sum is exactly 0 again.
    fractions: usize,
    sorted: Option<Sorted>,
}

impl Numbers {
    fn new(sorted: Option<Sorted>) -> Self {
        Self {
            len: 0,
            whole: 0,
            rest: 0.0,
            error: 0.0,
            fractions: 0,
            sorted,
        }
    }
    fn account(&mut self, number: f64, sign: i8) {
        // Below 2^53 every whole number is exact.
        if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 {
            self.whole += i128::from(number as i64) * i128::from(sign);
            return;
        }
        let number = number * f64::from(sign);
        let sum = self.rest + number;
        self.error += if self.rest.abs() >= number.abs() {
            (self.rest - sum) + number
        } else {
            (number - sum) + self.rest
        };
        self.rest = sum;
        if sign > 0 {
            self.fractions += 1;
        } else {
            self.fractions = self.fractions.saturating_sub(1);
            if self.fractions == 0 {
                (self.rest, self.error) = (0.0, 0.0);
            }
        }
    }
    pub(super) fn add(&mut self, number: f64) {
        self.len += 1;
        self.account(number, 1);
        if let Some(sorted) = &mut self.sorted {
            sorted.insert(number);
        }
    }
    pub(super) fn remove(&mut self, number: f64) {
        self.len = self.len.saturating_sub(1);
        self.account(number, -1);
        if let Some(sorted) = &mut self.sorted {
            sorted.remove(number);
        }
    }
    pub(super) fn sum(&self) -> f64 {
        self.whole as f64 + (self.rest + self.error)
    }
    pub(super) fn mean(&self) -> Option<f64> {
        (self.len > 0).then(|| self.sum() / self.len as f64)
    }
    pub(super) fn percentile(&self, percent: f64) -> Option<f64> {
        self.sorted.as_ref()?.percentile(percent)
    }
}

/// The latest start of a chain that has got as far as each rule.
#[derive(Debug)]
pub(super) struct Ordered {
    pub(super) counts: Vec<u32>,
    starts: Vec<Option<i64>>,
    /// A contribution came out of order: the starts must be found anew.
    pub(super) stale: bool,
}

impl Ordered {
    /// Takes the next contribution in order.
    pub(super) fn step(&mut self, place: usize, time: i64) {
        let start = match place.checked_sub(1) {
            None => Some(time),
            Some(before) => self.starts.get(before).copied().flatten(),
        };
        if let (Some(start), Some(slot)) = (start, self.starts.get_mut(place)) {
            *slot = Some(start);
        }
    }
    /// Begins anew.
    pub(super) fn forget(&mut self) {
        self.starts.fill(None);
        self.stale = false;
    }
    /// How many rules the longest chain has that began at `oldest` or later.
    pub(super) fn reached(&self, oldest: i64) -> usize {
        self.starts
            .iter()
            .rposition(|start| start.is_some_and(|s| s >= oldest))
            .map_or(0, |at| at + 1)
    }
}

/// Fingerprints, and how many lie near the last one.
#[derive(Debug)]
pub(super) struct Near {
    distance: u32,
    pub(super) prints: std::collections::VecDeque<u64>,
    pub(super) last: u64,
}

impl Near {
    pub(super) fn is_near(&self, print: u64) -> bool {
        (print ^ self.last).count_ones() <= self.distance
    }
    pub(super) fn len(&self) -> usize {
        self.prints.iter().filter(|p| self.is_near(**p)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn distinct_counts_as_a_set_does(steps in proptest::collection::vec((any::<bool>(), "[a-d]{0,2}"), 0..200)) {
            let mut distinct = Distinct::default();
            let mut held: std::collections::VecDeque<(u32, String)> = std::collections::VecDeque::new();
            for (add, text) in steps {
                if add || held.is_empty() {
                    held.push_back((distinct.add(&text), text));
                } else if let Some((slot, text)) = held.pop_front() {
                    prop_assert_eq!(distinct.text(slot), text);
                    distinct.remove(slot);
                }
                let set: std::collections::HashSet<&str> = held.iter().map(|(_, t)| t.as_str()).collect();
                prop_assert_eq!(distinct.len(), set.len());
            }
        }

        #[test]
        fn sums_do_not_drift(numbers in proptest::collection::vec(-1e12f64..1e12, 1..200)) {
            let mut sum = Numbers::new(None);
            for number in &numbers {
                sum.add(*number);
            }
            for number in &numbers[1..] {
                sum.remove(*number);
            }
            prop_assert!((sum.sum() - numbers[0]).abs() <= numbers[0].abs() * 1e-12 + 1e-6);
            sum.remove(numbers[0]);
            prop_assert!(sum.sum().abs() < f64::MIN_POSITIVE);
        }
    }
}
