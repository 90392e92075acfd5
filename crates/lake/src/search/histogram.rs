//! Counts over time, and the most frequent values.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{
    Query, SearchError, Watch,
    aggregate::{Aggregate, Group, micros},
};
use crate::Lake;

/// A histogram has at most this many buckets.
const MAX_BUCKETS: i64 = 10_000;

/// One bar of a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// When it starts.
    pub start: Timestamp,
    /// Events in it.
    pub count: u64,
}

/// The most frequent values of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Top {
    /// Values and how many events have them, most frequent first, ties by value.
    pub values: Vec<(String, u64)>,
    /// How many different values there are.
    pub distinct: usize,
    /// Events that have no such field.
    pub absent: u64,
}

impl Lake {
    /// How many events match in each stretch of `width`; empty stretches are there too.
    pub fn histogram(
        &self,
        query: &Query,
        width: SignedDuration,
        watch: &Watch,
    ) -> Result<Vec<Bucket>, SearchError> {
        let bars = Bars::new(query, width)?;
        let groups = self.aggregate(query, &bars.how(), watch)?;
        Ok(bars.of(groups.iter().filter_map(|g| Some((g.bucket?, g.count)))))
    }

    /// The same of events at `times`, which are all that match.
    pub fn histogram_of(
        query: &Query,
        width: SignedDuration,
        times: impl IntoIterator<Item = Timestamp>,
    ) -> Result<Vec<Bucket>, SearchError> {
        let bars = Bars::new(query, width)?;
        let starts = times.into_iter().filter_map(|t| Some((bars.start(t)?, 1)));
        Ok(bars.of(starts))
    }

    /// [`Lake::histogram`] and [`Lake::top`] in one pass.
    pub fn histogram_and_top(
        &self,
        query: &Query,
        width: SignedDuration,
        field: &str,
        limit: usize,
        watch: &Watch,
    ) -> Result<(Vec<Bucket>, Top), SearchError> {
        let bars = Bars::new(query, width)?;
        let hows = [bars.how(), Top::how(field)];
        let mut counted = self.aggregates(query, &hows, watch)?.into_iter();
        let by_time = counted.next().unwrap_or_default();
        let by_value = counted.next().unwrap_or_default();
        let bars = bars.of(by_time.iter().filter_map(|g| Some((g.bucket?, g.count))));
        Ok((bars, Top::of(by_value, limit)))
    }

    /// The `limit` most frequent values of `field`.
    pub fn top(
        &self,
        query: &Query,
        field: &str,
        limit: usize,
        watch: &Watch,
    ) -> Result<Top, SearchError> {
        let groups = self.aggregate(query, &Top::how(field), watch)?;
        Ok(Top::of(groups, limit))
    }
}

impl Top {
    fn how(field: &str) -> Aggregate {
        Aggregate {
            by: vec![field.to_owned()],
            ..Aggregate::default()
        }
    }

    /// From groups, largest first.
    fn of(groups: Vec<Group>, limit: usize) -> Self {
        let mut top = Self {
            values: Vec::new(),
            distinct: 0,
            absent: 0,
        };
        for group in groups {
            match group.key.into_iter().next().flatten() {
                None => top.absent = group.count,
                Some(value) => {
                    top.distinct += 1;
                    if top.values.len() < limit {
                        top.values.push((value, group.count));
                    }
                }
            }
        }
        top
    }
}

/// The bars of a histogram, before they are counted.
struct Bars {
    micros: i64,
    first: i64,
    last: i64,
}

impl Bars {
    fn new(query: &Query, width: SignedDuration) -> Result<Self, SearchError> {
        let micros = micros(width)?;
        let first = query.from.as_microsecond().div_euclid(micros);
        let until = query.until.as_microsecond().saturating_sub(1);
        let last = until.div_euclid(micros);
        if last.saturating_sub(first) >= MAX_BUCKETS {
            return Err(SearchError::Invalid(
                "more than 10000 buckets; take wider ones",
            ));
        }
        Ok(Self {
            micros,
            first,
            last,
        })
    }

    fn how(&self) -> Aggregate {
        Aggregate {
            bucket: Some(SignedDuration::from_micros(self.micros)),
            ..Aggregate::default()
        }
    }

    fn start(&self, time: Timestamp) -> Option<Timestamp> {
        let number = time.as_microsecond().div_euclid(self.micros);
        Timestamp::from_microsecond(number.saturating_mul(self.micros)).ok()
    }

    /// Every bar, also the empty ones.
    fn of(&self, counts: impl IntoIterator<Item = (Timestamp, u64)>) -> Vec<Bucket> {
        let mut counted: BTreeMap<Timestamp, u64> = BTreeMap::new();
        for (start, count) in counts {
            *counted.entry(start).or_default() += count;
        }
        let bars = (self.first..=self.last).filter_map(|n| {
            let start = Timestamp::from_microsecond(n.saturating_mul(self.micros)).ok()?;
            Some(Bucket {
                start,
                count: counted.get(&start).copied().unwrap_or(0),
            })
        });
        bars.collect()
    }
}
