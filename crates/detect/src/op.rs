//! What a rule can ask of one field: the operators of the engine.

use std::{fmt, net::IpAddr};

use ipnet::IpNet;

use crate::{engine::ArrayAsk, pattern::Pattern};

/// Whether letter case counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Case {
    /// Folded on both sides: the Sigma default.
    Ignored,
    /// `cased`.
    Kept,
}

/// Where in the value a text must stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum How {
    Equals,
    Contains,
    StartsWith,
    EndsWith,
}

impl How {
    /// Whether `needle` stands so in `text`; both folded alike.
    pub(crate) fn holds(self, text: &str, needle: &str) -> bool {
        match self {
            Self::Equals => text == needle,
            Self::Contains => text.contains(needle),
            Self::StartsWith => text.starts_with(needle),
            Self::EndsWith => text.ends_with(needle),
        }
    }
    fn word(self) -> &'static str {
        match self {
            Self::Equals => "is",
            Self::Contains => "contains",
            Self::StartsWith => "startswith",
            Self::EndsWith => "endswith",
        }
    }
}

/// A comparison of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Compare {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Compare {
    pub(crate) fn holds(self, left: f64, right: f64) -> bool {
        match self {
            // Exact on purpose: whole numbers below 2^53 are exact, and a rule that asks for 0.1 means the number written 0.1.
            #[expect(clippy::float_cmp, reason = "both sides come from decimal text")]
            Self::Equal => left == right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
    fn word(self) -> &'static str {
        match self {
            Self::Equal => "is",
            Self::Less => "lt",
            Self::LessOrEqual => "lte",
            Self::Greater => "gt",
            Self::GreaterOrEqual => "gte",
        }
    }
}

/// A number that can be a key: the bits of a finite `f64`, with one zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Number(u64);

impl Number {
    pub(crate) fn new(value: f64) -> Self {
        Self((value + 0.0).to_bits())
    }
    pub(crate) fn get(self) -> f64 {
        f64::from_bits(self.0)
    }
    /// The number that `text` writes, if it is one: decimal digits, sign, point, exponent.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let first = bytes.first()?;
        if bytes.len() > 40 || !(first.is_ascii_digit() || matches!(first, b'-' | b'+' | b'.')) {
            return None;
        }
        if !bytes.iter().any(u8::is_ascii_digit) {
            return None;
        }
        text.parse().ok().map(Self::new)
    }
}

/// A part of a time (Sigma 2.1, modifiers appendix, "Time Modifiers").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum TimePart {
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl TimePart {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }
    /// Least and greatest value.
    pub(crate) fn range(self) -> (i64, i64) {
        match self {
            Self::Minute => (0, 59),
            Self::Hour => (0, 23),
            Self::Day => (1, 31),
            // ISO 8601 years have up to 53 weeks; the appendix says 52.
            Self::Week => (1, 53),
            Self::Month => (1, 12),
            Self::Year => (1, 9999),
        }
    }
    /// The part of the time that `text` writes: RFC 3339, the same without a zone (taken as
    /// UTC, with `T` or a space), or seconds or milliseconds since 1970.
    pub(crate) fn of(self, text: &str) -> Option<i64> {
        let time = if let Ok(time) = text.parse::<jiff::Timestamp>() {
            time
        } else if let Ok(civil) = text.parse::<jiff::civil::DateTime>() {
            jiff::tz::TimeZone::UTC.to_timestamp(civil).ok()?
        } else {
            let number = Number::read(text)?.get();
            let seconds = if number.abs() > 1e12 {
                number / 1000.0
            } else {
                number
            };
            jiff::Timestamp::from_second(seconds as i64).ok()?
        };
        let civil = jiff::tz::TimeZone::UTC.to_datetime(time);
        Some(match self {
            Self::Minute => i64::from(civil.minute()),
            Self::Hour => i64::from(civil.hour()),
            Self::Day => i64::from(civil.day()),
            Self::Week => i64::from(civil.date().iso_week_date().week()),
            Self::Month => i64::from(civil.month()),
            Self::Year => i64::from(civil.year()),
        })
    }
}

/// A question about one field. Equal questions of different rules are asked once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    /// The value has this text; folded already where case is ignored.
    Text {
        how: How,
        case: Case,
        literal: Box<str>,
    },
    /// The whole value matches wildcards; folded already where case is ignored.
    Glob {
        case: Case,
        pattern: Pattern,
    },
    /// The value equals a number, however it is written.
    Number(Number),
    /// A regular expression matches somewhere; flags are part of the source.
    Regex(Box<str>),
    /// The value is an address in the network.
    Cidr(IpNet),
    Compare(Compare, Number),
    /// The field is there, whatever it holds (modifiers appendix, `exists`).
    Exists,
    /// The field is absent or null.
    Null,
    /// The value stands so to the value of another field.
    FieldRef {
        field: Box<str>,
        how: How,
        case: Case,
    },
    Time {
        part: TimePart,
        compare: Compare,
        value: i64,
    },
    /// Members of the array that the field holds satisfy a nested detection.
    Array(ArrayAsk),
    /// A placeholder that nobody filled in: never holds.
    Placeholder(Box<str>),
}

impl Op {
    /// Whether case counts in the texts that it compares.
    pub(crate) fn case(&self) -> Case {
        match self {
            Self::Text { case, .. } | Self::Glob { case, .. } | Self::FieldRef { case, .. } => {
                *case
            }
            Self::Number(_)
            | Self::Regex(_)
            | Self::Cidr(_)
            | Self::Compare(..)
            | Self::Exists
            | Self::Null
            | Self::Time { .. }
            | Self::Array(_)
            | Self::Placeholder(_) => Case::Kept,
        }
    }
}

/// The address that `text` writes, in a CIDR check.
pub(crate) fn address(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

impl fmt::Display for Op {
    /// The predicate in Sigma words: `contains "ignore previous"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cased = |case: &Case| match case {
            Case::Ignored => "",
            Case::Kept => "cased ",
        };
        match self {
            Self::Text { how, case, literal } => {
                write!(f, "{}{} {literal:?}", cased(case), how.word())
            }
            Self::Glob { case, pattern } => write!(f, "{}is like \"{pattern}\"", cased(case)),
            Self::Number(n) => write!(f, "is {}", n.get()),
            Self::Regex(source) => write!(f, "re \"{source}\""),
            Self::Cidr(net) => write!(f, "cidr {net}"),
            Self::Compare(compare, n) => write!(f, "{} {}", compare.word(), n.get()),
            Self::Exists => f.write_str("exists"),
            Self::Null => f.write_str("is null"),
            Self::FieldRef { field, how, case } => {
                write!(f, "{}{} field `{field}`", cased(case), how.word())
            }
            Self::Time {
                part,
                compare,
                value,
            } => {
                write!(f, "{} {} {value}", part.word(), compare.word())
            }
            Self::Array(ask) => write!(f, "[{}] of its members match", ask.members().word()),
            Self::Placeholder(text) => write!(f, "is the unknown placeholder {text:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_time() {
        for (text, part, want) in [
            ("2024-02-29T23:59:01Z", TimePart::Hour, Some(23)),
            ("2024-02-29 05:06:07", TimePart::Minute, Some(6)),
            ("2024-02-29T23:30:00+02:00", TimePart::Hour, Some(21)),
            ("1709164800", TimePart::Day, Some(29)),
            ("1709164800000", TimePart::Month, Some(2)),
            ("2024-12-30T00:00:00Z", TimePart::Week, Some(1)),
            ("soon", TimePart::Year, None),
        ] {
            assert_eq!(part.of(text), want, "{text}");
        }
    }

    #[test]
    fn numbers_are_read_strictly() {
        assert_eq!(Number::read("4624"), Some(Number::new(4624.0)));
        assert_eq!(Number::read("4624.0"), Some(Number::new(4624.0)));
        assert_eq!(Number::read("-0"), Some(Number::new(0.0)));
        for not in ["", "inf", "nan", "0x10", "1 ", "-", "12a"] {
            assert_eq!(Number::read(not), None, "{not}");
        }
    }
}
