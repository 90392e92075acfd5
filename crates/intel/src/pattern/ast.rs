//! What a STIX pattern says.

/// An observation expression (STIX 2.1, section 9.5).
#[derive(Debug, Clone, PartialEq)]
pub enum Observation {
    /// `[ … ]`
    Test(Comparison),
    /// `… AND …` between observations.
    And(Vec<Observation>),
    /// `… OR …` between observations.
    Or(Vec<Observation>),
    /// `… FOLLOWEDBY …`
    FollowedBy(Vec<Observation>),
    /// `… START … STOP …`, `… WITHIN … SECONDS`, `… REPEATS … TIMES`
    Qualified(Box<Observation>, Qualifier),
}

/// A qualifier (STIX 2.1, section 9.5.1).
#[derive(Debug, Clone, PartialEq)]
pub enum Qualifier {
    /// Between two times, as written.
    StartStop(String, String),
    /// Within so many seconds.
    Within(f64),
    /// So many times.
    Repeats(u64),
}

/// A comparison expression (STIX 2.1, section 9.6).
#[derive(Debug, Clone, PartialEq)]
pub enum Comparison {
    /// All hold.
    And(Vec<Comparison>),
    /// One holds.
    Or(Vec<Comparison>),
    /// One property test.
    Test {
        /// What is tested.
        path: ObjectPath,
        /// `NOT` before the operator.
        negated: bool,
        /// How.
        op: Op,
        /// With what: one value, or those of a set; none for `EXISTS`.
        values: Vec<Literal>,
    },
}

/// A comparison operator (STIX 2.1, section 9.6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `IN`
    In,
    /// `LIKE`
    Like,
    /// `MATCHES`
    Matches,
    /// `ISSUBSET`
    IsSubset,
    /// `ISSUPERSET`
    IsSuperset,
    /// `EXISTS`
    Exists,
}

impl Op {
    /// The word as written in a pattern.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::In => "IN",
            Self::Like => "LIKE",
            Self::Matches => "MATCHES",
            Self::IsSubset => "ISSUBSET",
            Self::IsSuperset => "ISSUPERSET",
            Self::Exists => "EXISTS",
        }
    }
}

/// An object path: `network-traffic:dst_ref.value` (STIX 2.1, section 9.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectPath {
    /// `network-traffic`
    pub object: String,
    /// `dst_ref`, `value`
    pub steps: Vec<Step>,
}

/// A step of an object path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// `.name` or `.'name'`
    Name(String),
    /// `[0]`
    Index(i64),
    /// `[*]`
    Any,
}

impl std::fmt::Display for ObjectPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:", self.object)?;
        for (i, step) in self.steps.iter().enumerate() {
            match step {
                Step::Name(name) if i == 0 => f.write_str(name)?,
                Step::Name(name) => write!(f, ".{name}")?,
                Step::Index(n) => write!(f, "[{n}]")?,
                Step::Any => f.write_str("[*]")?,
            }
        }
        Ok(())
    }
}

/// A constant (STIX 2.1, section 9.2).
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// Text.
    Str(String),
    /// A number as written.
    Number(String),
    /// `true` or `false`.
    Bool(bool),
    /// `t'…'`, as written.
    Time(String),
    /// `h'…'`, as written.
    Hex(String),
    /// `b'…'`, as written.
    Base64(String),
}
