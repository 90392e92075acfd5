//! Bounds on a figure ("Condition").

/// Bounds on a figure, all of which must hold ("Condition").
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold(Vec<(Bound, f64)>);

/// One bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    Greater,
    AtLeast,
    Less,
    AtMost,
    Equal,
    NotEqual,
}

/// The words of rules.
pub(crate) const BOUNDS: [(&str, Bound); 6] = [
    ("gt", Bound::Greater),
    ("gte", Bound::AtLeast),
    ("lt", Bound::Less),
    ("lte", Bound::AtMost),
    ("eq", Bound::Equal),
    ("neq", Bound::NotEqual),
];

impl Threshold {
    pub(crate) fn new(bounds: Vec<(Bound, f64)>) -> Self {
        Self(bounds)
    }
    pub(crate) fn at_least(count: usize) -> Self {
        Self(vec![(Bound::AtLeast, count as f64)])
    }
    /// Whether `figure` is within all bounds.
    #[must_use]
    #[expect(
        clippy::float_cmp,
        reason = "counts are whole, and a rule that asks for 0.5 means the number written 0.5"
    )]
    pub fn holds(&self, figure: f64) -> bool {
        self.0.iter().all(|(bound, n)| match bound {
            Bound::Greater => figure > *n,
            Bound::AtLeast => figure >= *n,
            Bound::Less => figure < *n,
            Bound::AtMost => figure <= *n,
            Bound::Equal => figure == *n,
            Bound::NotEqual => figure != *n,
        })
    }
    /// Whether more can never undo it.
    #[must_use]
    pub fn is_lower_bound(&self) -> bool {
        self.0
            .iter()
            .all(|(bound, _)| matches!(bound, Bound::Greater | Bound::AtLeast))
    }
    /// Whether less can never undo it.
    #[must_use]
    pub fn is_upper_bound(&self) -> bool {
        self.0
            .iter()
            .all(|(bound, _)| matches!(bound, Bound::Less | Bound::AtMost))
    }
    /// The fewest that satisfy a lower bound.
    pub(crate) fn fewest(&self) -> usize {
        self.0
            .iter()
            .map(|(bound, n)| match bound {
                Bound::Greater => n.floor() + 1.0,
                Bound::AtLeast | Bound::Equal => n.ceil(),
                Bound::Less | Bound::AtMost | Bound::NotEqual => 1.0,
            })
            .fold(1.0, f64::max) as usize
    }
}

impl std::fmt::Display for Threshold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, (bound, n)) in self.0.iter().enumerate() {
            let word = BOUNDS
                .iter()
                .find(|(_, b)| b == bound)
                .map_or("", |(word, _)| word);
            write!(f, "{}{word} {n}", if i == 0 { "" } else { " and " })?;
        }
        Ok(())
    }
}
