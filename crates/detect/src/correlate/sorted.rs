//! Numbers in order, with quick insertion, removal and look-up by rank: blocks of a few hundred.

/// A block is split beyond this.
const BLOCK: usize = 512;

/// Numbers in ascending order. None of them is NaN.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    blocks: Vec<Vec<f64>>,
    len: usize,
}

impl Sorted {
    pub(super) fn insert(&mut self, number: f64) {
        self.len += 1;
        let at = self
            .blocks
            .partition_point(|b| b.last().is_some_and(|last| *last < number))
            .min(self.blocks.len().saturating_sub(1));
        let Some(block) = self.blocks.get_mut(at) else {
            self.blocks.push(vec![number]);
            return;
        };
        let place = block.partition_point(|n| *n < number);
        block.insert(place, number);
        if block.len() > BLOCK {
            let upper = block.split_off(BLOCK / 2);
            self.blocks.insert(at + 1, upper);
        }
    }

    /// Removes one equal to `number`, if there is one.
    pub(super) fn remove(&mut self, number: f64) {
        let at = self
            .blocks
            .partition_point(|b| b.last().is_some_and(|last| *last < number));
        let Some(block) = self.blocks.get_mut(at) else {
            return;
        };
        let place = block.partition_point(|n| *n < number);
        if block.get(place).is_some_and(|n| {
            n.total_cmp(&number).is_eq() || n.to_bits() << 1 == number.to_bits() << 1
        }) {
            block.remove(place);
            self.len -= 1;
            if block.is_empty() {
                self.blocks.remove(at);
            }
        }
    }

    /// The number at `rank`, from 0.
    fn at(&self, rank: usize) -> Option<f64> {
        let mut before = 0;
        for block in &self.blocks {
            if rank < before + block.len() {
                return block.get(rank - before).copied();
            }
            before += block.len();
        }
        None
    }

    /// The number below which `percent` of all lie, between two by their distance.
    pub(super) fn percentile(&self, percent: f64) -> Option<f64> {
        let rank = percent / 100.0 * (self.len.checked_sub(1)? as f64);
        let lower = self.at(rank.floor() as usize)?;
        let upper = self.at(rank.ceil() as usize)?;
        Some(lower + (rank - rank.floor()) * (upper - lower))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slow(numbers: &[f64], percent: f64) -> Option<f64> {
        let mut sorted = numbers.to_vec();
        sorted.sort_by(f64::total_cmp);
        let rank = percent / 100.0 * (sorted.len().checked_sub(1)? as f64);
        let (lower, upper) = (sorted[rank.floor() as usize], sorted[rank.ceil() as usize]);
        Some(lower + rank.fract() * (upper - lower))
    }

    proptest! {
        #[test]
        fn same_as_sorting(numbers in proptest::collection::vec(-50i32..50, 0..2_000), gone in 0usize..2_000, percent in 0.0f64..=100.0) {
            let numbers: Vec<f64> = numbers.into_iter().map(|n| f64::from(n) / 4.0).collect();
            let mut sorted = Sorted::default();
            for number in &numbers {
                sorted.insert(*number);
            }
            let gone = gone.min(numbers.len());
            for number in &numbers[..gone] {
                sorted.remove(*number);
            }
            let left = &numbers[gone..];
            prop_assert_eq!(sorted.len, left.len());
            prop_assert_eq!(sorted.percentile(percent), slow(left, percent));
        }
    }
}
