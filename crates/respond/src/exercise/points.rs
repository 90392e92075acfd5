//! Points, counted in eighths so that half and three quarters of a point are exact.

use std::{fmt, iter::Sum, ops::Add};

use serde::{Deserialize, Serialize};

/// Points of an exercise. Inside they are eighths; outside a decimal number, which is exact.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(from = "f64", into = "f64")]
pub struct Points(u32);

impl Points {
    /// None.
    pub const ZERO: Self = Self(0);

    /// Whole points.
    #[must_use]
    pub const fn whole(points: u32) -> Self {
        Self(points.saturating_mul(8))
    }
    /// Half of it: what is done late earns half.
    #[must_use]
    pub const fn half(self) -> Self {
        Self(self.0 / 2)
    }
    /// Three quarters of it: a hint costs a quarter.
    #[must_use]
    pub const fn three_quarters(self) -> Self {
        Self(self.0 / 4 * 3 + (self.0 % 4) * 3 / 4)
    }
    /// As a number.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / 8.0
    }
}

impl Add for Points {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}
impl Sum for Points {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::ZERO, Add::add)
    }
}
impl From<f64> for Points {
    /// Rounded to an eighth; what is not a number or below nought is nought.
    fn from(points: f64) -> Self {
        Self((points * 8.0).round().clamp(0.0, f64::from(u32::MAX)) as u32)
    }
}
impl From<Points> for f64 {
    fn from(points: Points) -> Self {
        points.as_f64()
    }
}
impl fmt::Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_f64().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn late_and_hint_are_exact() {
        let four = Points::whole(4);
        assert_eq!(four.half().to_string(), "2");
        assert_eq!(four.three_quarters().to_string(), "3");
        assert_eq!(
            Points::whole(1).half().three_quarters().to_string(),
            "0.375"
        );
        assert_eq!(
            [four, Points::whole(3).half()]
                .into_iter()
                .sum::<Points>()
                .to_string(),
            "5.5"
        );
    }

    proptest! {
        #[test]
        fn the_number_reads_back(eighths in 0u32..1_000_000) {
            let points = Points(eighths);
            prop_assert_eq!(Points::from(points.as_f64()), points);
            prop_assert!(points.three_quarters() <= points && points.half() <= points);
        }
    }
}
