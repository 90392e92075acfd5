//! Values and the tests that a filter makes on them.

use std::{cmp::Ordering, net::IpAddr};

use jiff::Timestamp;
use watchfloor_types::Value;

use super::needle::Needle;

/// A value where it stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scalar<'a> {
    Str(&'a str),
    Int(i64),
    Float(f64),
    Bool(bool),
    /// Microseconds since 1970.
    Time(i64),
    /// An object: it exists and has no value of its own.
    Object,
}

/// Calls `found` for each scalar of a canonical value; any of several may match.
pub(crate) fn visit_value(value: &Value, found: &mut dyn FnMut(Scalar<'_>)) {
    match value {
        Value::Bool(b) => found(Scalar::Bool(*b)),
        Value::Int(i) => found(Scalar::Int(*i)),
        Value::Float(x) => found(Scalar::Float(*x)),
        Value::Str(text) => found(Scalar::Str(text)),
        Value::List(items) => {
            for item in items {
                visit_value(item, found);
            }
        }
    }
}

/// What a filter asks of a value.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    /// There is a value.
    Exists,
    /// It equals this: text exactly, numbers by value.
    Equals(Literal),
    /// Text with `*` for anything, case included.
    Like(Like),
    /// The text contains this, without regard to case.
    Contains(Needle),
    /// Numbers and times by value, text by its bytes.
    Compare(Order, Literal),
    /// An address within a network.
    InNet(Net),
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Order {
    fn holds(self, found: Ordering) -> bool {
        match self {
            Self::Less => found.is_lt(),
            Self::AtMost => found.is_le(),
            Self::Greater => found.is_gt(),
            Self::AtLeast => found.is_ge(),
        }
    }
}

/// A value as typed, with what it could also be.
#[derive(Debug, Clone)]
pub(crate) struct Literal {
    pub(crate) text: Box<str>,
    int: Option<i64>,
    number: Option<f64>,
    pub(crate) micros: Option<i64>,
}

impl Literal {
    pub(crate) fn new(text: &str) -> Self {
        Self {
            text: text.into(),
            int: text.parse().ok(),
            number: number(text),
            micros: micros(text),
        }
    }
}

fn number(text: &str) -> Option<f64> {
    // `inf` and `nan` parse as numbers and are none here.
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
    text.parse().ok().filter(|x: &f64| numeric && x.is_finite())
}

/// A time as RFC 3339 text, or a day, which begins at midnight UTC.
fn micros(text: &str) -> Option<i64> {
    let at = text.parse::<Timestamp>().ok().or_else(|| {
        let day: jiff::civil::Date = text.parse().ok().filter(|_| text.len() == 10)?;
        jiff::tz::Offset::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok()
    })?;
    Some(at.as_microsecond())
}

/// Text with `*` in it: the pieces between them.
#[derive(Debug, Clone)]
pub(crate) struct Like {
    first: Box<str>,
    middle: Vec<Box<str>>,
    last: Box<str>,
}

impl Like {
    /// At least two pieces.
    pub(crate) fn new(pieces: &[String]) -> Self {
        let (last, rest) = pieces
            .split_last()
            .map_or(("", &[][..]), |(l, r)| (l.as_str(), r));
        let (first, middle) = rest
            .split_first()
            .map_or(("", &[][..]), |(f, m)| (f.as_str(), m));
        Self {
            first: first.into(),
            middle: middle.iter().map(|p| p.as_str().into()).collect(),
            last: last.into(),
        }
    }

    fn matches(&self, text: &str) -> bool {
        let Some(mut rest) = text
            .strip_prefix(&*self.first)
            .and_then(|rest| rest.strip_suffix(&*self.last))
        else {
            return false;
        };
        for piece in &self.middle {
            match rest.split_once(&**piece) {
                Some((_, behind)) => rest = behind,
                None => return false,
            }
        }
        true
    }
}

/// A network in CIDR notation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Net {
    address: IpAddr,
    bits: u32,
}

impl Net {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.parse().ok().filter(|b| *b <= most)?;
        Some(Self { address, bits })
    }

    fn holds(&self, text: &str) -> bool {
        let wide = |ip: IpAddr| match ip {
            IpAddr::V4(ip) => u128::from(u32::from(ip)) << 96,
            IpAddr::V6(ip) => ip.into(),
        };
        text.parse::<IpAddr>().is_ok_and(|ip| {
            let differs = wide(ip) ^ wide(self.address);
            ip.is_ipv4() == self.address.is_ipv4()
                && differs.checked_shr(128 - self.bits).is_none_or(|d| d == 0)
        })
    }
}

impl Test {
    /// The value is `text`.
    pub(crate) fn equals(text: &str) -> Self {
        Self::Equals(Literal::new(text))
    }

    /// Whether `value` passes.
    pub(crate) fn passes(&self, value: Scalar<'_>) -> bool {
        match self {
            Self::Exists => true,
            Self::Equals(literal) => equals(literal, value),
            Self::Like(like) => with_text(value, |text| like.matches(text)),
            Self::Contains(needle) => with_text(value, |text| needle.is_in(text.as_bytes())),
            Self::Compare(order, literal) => {
                compare(literal, value).is_some_and(|o| order.holds(o))
            }
            Self::InNet(net) => matches!(value, Scalar::Str(text) if net.holds(text)),
        }
    }

    /// The one text that passes among texts, for column kernels, statistics and bloom filters.
    pub(crate) fn only_text(&self) -> Option<&str> {
        match self {
            Self::Equals(literal) => Some(&literal.text),
            Self::Exists
            | Self::Like(_)
            | Self::Contains(_)
            | Self::Compare(..)
            | Self::InNet(_) => None,
        }
    }
}

fn equals(literal: &Literal, value: Scalar<'_>) -> bool {
    match value {
        Scalar::Str(text) => *literal.text == *text,
        Scalar::Int(i) => match literal.int {
            Some(int) => int == i,
            None => literal
                .number
                .is_some_and(|n| n.total_cmp(&(i as f64)).is_eq()),
        },
        Scalar::Float(x) => literal.number.is_some_and(|n| n.total_cmp(&x).is_eq()),
        Scalar::Bool(b) => *literal.text == *if b { "true" } else { "false" },
        Scalar::Time(us) => literal.micros == Some(us),
        Scalar::Object => false,
    }
}

/// How `value` stands to the literal; none where they cannot be compared.
fn compare(literal: &Literal, value: Scalar<'_>) -> Option<Ordering> {
    match value {
        Scalar::Time(us) => literal.micros.map(|m| us.cmp(&m)),
        Scalar::Int(i) => match literal.int {
            Some(int) => Some(i.cmp(&int)),
            None => (i as f64).partial_cmp(&literal.number?),
        },
        Scalar::Float(x) => x.partial_cmp(&literal.number?),
        Scalar::Str(text) => match literal.number {
            Some(n) => number(text)?.partial_cmp(&n),
            None => Some(text.cmp(&literal.text)),
        },
        Scalar::Bool(_) | Scalar::Object => None,
    }
}

/// The value as text, the way it is shown.
pub(crate) fn with_text<T: Default>(value: Scalar<'_>, then: impl FnOnce(&str) -> T) -> T {
    match value {
        Scalar::Str(text) => then(text),
        Scalar::Int(i) => then(&i.to_string()),
        Scalar::Float(x) => then(&x.to_string()),
        Scalar::Bool(b) => then(if b { "true" } else { "false" }),
        Scalar::Time(us) => Timestamp::from_microsecond(us)
            .map_or_else(|_| T::default(), |at| then(&at.to_string())),
        Scalar::Object => T::default(),
    }
}

/// The value as a number, where it is one or spells one.
pub(crate) fn as_number(value: Scalar<'_>) -> Option<f64> {
    match value {
        Scalar::Str(text) => number(text),
        Scalar::Int(i) => Some(i as f64),
        Scalar::Float(x) => x.is_finite().then_some(x),
        Scalar::Bool(_) | Scalar::Time(_) | Scalar::Object => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_compared_as_what_they_are() {
        let literal = Literal::new;
        let check = |test: Test, value: Scalar<'_>, expected: bool| {
            assert_eq!(test.passes(value), expected, "{test:?} on {value:?}");
        };
        check(Test::Equals(literal("5.0")), Scalar::Int(5), true);
        check(Test::Equals(literal("5.0")), Scalar::Str("5"), false);
        check(Test::Equals(literal("true")), Scalar::Bool(true), true);
        check(
            Test::Compare(Order::AtLeast, literal("10")),
            Scalar::Str("9"),
            false,
        );
        check(
            Test::Compare(Order::AtLeast, literal("10")),
            Scalar::Str("nan"),
            false,
        );
        check(
            Test::Compare(Order::Greater, literal("b")),
            Scalar::Str("c"),
            true,
        );
        check(
            Test::Compare(Order::Less, literal("2026-01-02")),
            Scalar::Time(micros("2026-01-01T23:59:59.999999Z").unwrap()),
            true,
        );
        let like = |pattern: &str| {
            let pieces: Vec<String> = pattern.split('*').map(str::to_owned).collect();
            Test::Like(Like::new(&pieces))
        };
        for (pattern, text, expected) in [
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "ac", true),
            ("a*b*a", "ab", false),
            ("a*a", "a", false),
            ("*b*", "abc", true),
            ("a*bc*d", "abxbcxd", true),
            ("A*", "abc", false),
        ] {
            check(like(pattern), Scalar::Str(text), expected);
        }
        check(like("4*"), Scalar::Int(42), true);
        for (net, ip, expected) in [
            ("10.0.0.0/8", "10.2.3.4", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("0.0.0.0/0", "::1", false),
            ("2001:db8::/32", "2001:db8::7", true),
            ("192.0.2.1/32", "192.0.2.2", false),
        ] {
            check(
                Test::InNet(Net::parse(net).unwrap()),
                Scalar::Str(ip),
                expected,
            );
        }
        assert!(Net::parse("10.0.0.0/33").is_none());
    }
}
