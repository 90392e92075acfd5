//! Small summaries of many values.

use std::collections::{BTreeMap, BTreeSet};

/// Numbers are kept exactly up to this many.
const EXACT_NUMBERS: usize = 4096;
/// Relative error of a percentile beyond that.
const ERROR: f64 = 0.01;
/// Distinct values are counted exactly up to this many.
const EXACT_DISTINCT: usize = 16_384;

/// What is known about the numbers of a field.
#[derive(Debug, Clone, PartialEq)]
pub struct Numbers {
    /// How many there were.
    pub count: u64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// Their sum.
    pub sum: f64,
    /// The percentiles asked for, in that order: exact up to 4,096 values, then within 1 %.
    pub percentiles: Vec<f64>,
}

/// Numbers so far. Beyond a few thousand, logarithmic buckets (`DDSketch`, VLDB 2019).
#[derive(Debug, Default, Clone)]
pub(crate) struct NumberSketch {
    exact: Vec<f64>,
    buckets: BTreeMap<i32, u64>,
    count: u64,
    min: f64,
    max: f64,
    sum: f64,
}

/// Positive values count up, negative ones down, zero is in the middle.
fn bucket(x: f64) -> i32 {
    let gamma = (1.0 + ERROR) / (1.0 - ERROR);
    // 1e-9 and smaller count as zero; the shift keeps all other indices on their side of it.
    let magnitude = x.abs();
    if magnitude < 1e-9 {
        return 0;
    }
    let index = (magnitude.ln() / gamma.ln()).ceil() as i32 + 2_000;
    if x > 0.0 { index } else { -index }
}

fn middle(bucket: i32) -> f64 {
    if bucket == 0 {
        return 0.0;
    }
    let gamma: f64 = (1.0 + ERROR) / (1.0 - ERROR);
    let magnitude = 2.0 * gamma.powi(bucket.abs() - 2_000) / (gamma + 1.0);
    if bucket > 0 { magnitude } else { -magnitude }
}

impl NumberSketch {
    pub(crate) fn add(&mut self, x: f64) {
        if self.count == 0 {
            (self.min, self.max) = (x, x);
        }
        self.min = self.min.min(x);
        self.max = self.max.max(x);
        self.sum += x;
        self.count += 1;
        if self.buckets.is_empty() && self.exact.len() < EXACT_NUMBERS {
            self.exact.push(x);
        } else {
            self.spill();
            *self.buckets.entry(bucket(x)).or_default() += 1;
        }
    }

    fn spill(&mut self) {
        for x in self.exact.drain(..) {
            *self.buckets.entry(bucket(x)).or_default() += 1;
        }
    }

    pub(crate) fn merge(&mut self, mut other: Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = other;
            return;
        }
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum += other.sum;
        self.count += other.count;
        let small = self.buckets.is_empty()
            && other.buckets.is_empty()
            && self.exact.len() + other.exact.len() <= EXACT_NUMBERS;
        if small {
            self.exact.append(&mut other.exact);
        } else {
            self.spill();
            other.spill();
            for (bucket, count) in other.buckets {
                *self.buckets.entry(bucket).or_default() += count;
            }
        }
    }

    pub(crate) fn finish(mut self, percents: &[f64]) -> Numbers {
        self.exact.sort_unstable_by(f64::total_cmp);
        Numbers {
            percentiles: percents.iter().map(|p| self.percentile(*p)).collect(),
            count: self.count,
            min: self.min,
            max: self.max,
            sum: self.sum,
        }
    }

    /// Nearest rank.
    fn percentile(&self, percent: f64) -> f64 {
        let rank =
            ((percent / 100.0 * self.count as f64).ceil() as u64).clamp(1, self.count.max(1));
        if self.buckets.is_empty() {
            return self.exact.get(rank as usize - 1).copied().unwrap_or(0.0);
        }
        let mut seen = 0;
        for (bucket, count) in &self.buckets {
            seen += count;
            if seen >= rank {
                return middle(*bucket).clamp(self.min, self.max);
            }
        }
        self.max
    }
}

/// Distinct values so far: the smallest hashes. Exact while there are few; then how densely they
/// lie tells how many there are (k minimum values, Bar-Yossef et al. 2002), within about 1 %.
#[derive(Debug, Default, Clone)]
pub(crate) struct DistinctSketch(BTreeSet<u64>);

impl DistinctSketch {
    pub(crate) fn add(&mut self, value: &str) {
        use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
        self.insert(BuildHasherDefault::<DefaultHasher>::default().hash_one(value));
    }

    fn insert(&mut self, hash: u64) {
        if self.0.len() >= EXACT_DISTINCT && self.0.last().is_some_and(|last| hash >= *last) {
            return;
        }
        self.0.insert(hash);
        if self.0.len() > EXACT_DISTINCT {
            self.0.pop_last();
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        for hash in other.0 {
            self.insert(hash);
        }
    }

    pub(crate) fn count(&self) -> u64 {
        match self.0.last() {
            Some(last) if self.0.len() == EXACT_DISTINCT => {
                let share = *last as f64 / u64::MAX as f64;
                ((EXACT_DISTINCT - 1) as f64 / share) as u64
            }
            Some(_) | None => self.0.len() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_exact_then_close() {
        for n in [1u32, 100, 4096, 100_000] {
            let (mut left, mut right) = (NumberSketch::default(), NumberSketch::default());
            for i in 1..=n {
                let side = if i % 3 == 0 { &mut left } else { &mut right };
                side.add(f64::from(i) - f64::from(n) / 4.0);
            }
            left.merge(right);
            let found = left.finish(&[0.0, 50.0, 90.0, 99.0, 100.0]);
            for (percent, got) in [0.0, 50.0, 90.0, 99.0, 100.0]
                .iter()
                .zip(&found.percentiles)
            {
                let rank = (percent / 100.0 * f64::from(n)).ceil().max(1.0);
                let exact = rank - f64::from(n) / 4.0;
                let allowed = if n <= 4096 {
                    1e-9
                } else {
                    exact.abs() * 0.0101 + 1e-9
                };
                assert!(
                    (got - exact).abs() <= allowed,
                    "p{percent} of {n}: {got}, not {exact}"
                );
            }
            assert_eq!(found.count, u64::from(n));
        }
    }

    #[test]
    fn distinct_values_are_exact_then_close() {
        for n in [0u64, 1, 1000, 10_000, 200_000] {
            let (mut left, mut right) = (DistinctSketch::default(), DistinctSketch::default());
            for i in 0..n {
                left.add(&format!("user-{i}"));
                right.add(&format!("user-{}", i / 2));
            }
            left.merge(right);
            let off = left.count().abs_diff(n) as f64 / n.max(1) as f64;
            assert!(
                off <= if n < 16_384 { 0.0 } else { 0.03 },
                "{n}: {}",
                left.count()
            );
        }
    }
}
