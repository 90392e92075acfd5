//! What a key was seen with: for `new_value` and `changed_value`.

use hashbrown::HashMap;

use super::plan::Planned;
use crate::rule::Aggregate;

/// The values of one key, each with the time it was last seen.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// When the key was first seen, nanoseconds.
    pub(super) since: Option<i64>,
    pub(super) known: HashMap<Box<str>, i64>,
    /// The value last seen, and when.
    pub(super) last: Option<(Box<str>, i64)>,
    /// The value that was last news, for the finding.
    pub(super) newest: Option<Box<str>>,
    bytes: usize,
}

/// What memory says to a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    Known,
    Late,
    /// A finding; with the value before, where one is meant.
    News {
        before: Option<Box<str>>,
    },
}

impl Memory {
    pub(super) fn values(&self) -> usize {
        self.known.len() + usize::from(self.last.is_some())
    }
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.bytes
    }

    /// Takes up a value known from a snapshot.
    pub(super) fn learn(&mut self, value: Box<str>, time: i64) {
        self.bytes += value.len() + 40;
        self.known.insert(value, time);
    }

    /// Takes a value; at most `cap` are remembered.
    pub(super) fn meet(
        &mut self,
        correlation: &Planned,
        time: i64,
        value: &str,
        cap: usize,
    ) -> Said {
        let said = self.judge(correlation, time, value, cap);
        if let Said::News { .. } = &said {
            self.newest = Some(value.into());
        }
        said
    }

    fn judge(&mut self, correlation: &Planned, time: i64, value: &str, cap: usize) -> Said {
        let span = correlation.span;
        match &correlation.spec.aggregate {
            Aggregate::NewValue { learning, .. } => {
                let learning = super::plan::nanos(*learning);
                let since = *self.since.get_or_insert(time);
                if time < since {
                    self.since = Some(time);
                }
                if let Some(seen) = self.known.get_mut(value) {
                    let forgotten = time.saturating_sub(*seen) > span;
                    *seen = (*seen).max(time);
                    if !forgotten {
                        return Said::Known;
                    }
                } else {
                    self.learn(value.into(), time);
                    if self.known.len() > cap {
                        self.forget_oldest();
                    }
                }
                if time.saturating_sub(since) < learning {
                    Said::Known
                } else {
                    Said::News { before: None }
                }
            }
            Aggregate::ChangedValue(_)
            | Aggregate::EventCount
            | Aggregate::ValueCount(_)
            | Aggregate::ValueSum(_)
            | Aggregate::ValueAvg(_)
            | Aggregate::ValuePercentile { .. }
            | Aggregate::ValueMedian(_)
            | Aggregate::Temporal
            | Aggregate::TemporalOrdered
            | Aggregate::NearDuplicate { .. } => {
                let Some((last, seen)) = &mut self.last else {
                    self.last = Some((value.into(), time));
                    return Said::Known;
                };
                if time < *seen {
                    return Said::Late;
                }
                let forgotten = time.saturating_sub(*seen) > span;
                *seen = time;
                if **last == *value {
                    return Said::Known;
                }
                let before = std::mem::replace(last, value.into());
                if forgotten {
                    Said::Known
                } else {
                    Said::News {
                        before: Some(before),
                    }
                }
            }
        }
    }

    /// Forgets the tenth of the values not seen longest, so that this is seldom needed.
    fn forget_oldest(&mut self) {
        let mut times: Vec<i64> = self.known.values().copied().collect();
        let tenth = times.len() / 10;
        let (_, cut, _) = times.select_nth_unstable(tenth);
        let cut = *cut;
        self.known.retain(|_, seen| *seen > cut);
        self.bytes = self.known.keys().map(|k| k.len() + 40).sum();
    }
}
