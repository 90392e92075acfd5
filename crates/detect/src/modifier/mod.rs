//! Value modifiers (Sigma 2.1, modifiers appendix): one row each in [`MODIFIERS`].

mod encode;
mod value;

pub(crate) use value::{Lists, compile_ascii_regex, compile_regex, values, wants_presence};

use crate::{
    diagnostics::{Report, code, did_you_mean},
    op::{Case, Compare, How, TimePart},
    yaml::{Node, Span},
};

/// What a modifier does to the chain it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Where the text must stand.
    How(How),
    /// All values instead of any.
    All,
    Cased,
    /// Negates the whole item.
    NotEqual,
    Exists,
    Cidr,
    FieldRef,
    Expand,
    Regex,
    /// A flag of `re`.
    RegexFlag(char),
    Compare(Compare),
    Time(TimePart),
    Encode(Encoding),
}

/// A transformation of a text value, applied in the order written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Base64,
    Base64Offset,
    /// UTF-16 little endian.
    Wide,
    Utf16Be,
    /// UTF-16 little endian with a byte order mark.
    Utf16,
    WinDash,
}

/// A modifier: its name in rules and what it means.
#[derive(Debug)]
pub struct Modifier {
    /// As written after `|`.
    pub name: &'static str,
    /// One sentence for the reference.
    pub meaning: &'static str,
    effect: Effect,
}

const fn row(name: &'static str, effect: Effect, meaning: &'static str) -> Modifier {
    Modifier {
        name,
        meaning,
        effect,
    }
}

/// Every modifier.
pub static MODIFIERS: &[Modifier] = &[
    row(
        "contains",
        Effect::How(How::Contains),
        "the value stands anywhere in the field",
    ),
    row(
        "startswith",
        Effect::How(How::StartsWith),
        "the field begins with the value",
    ),
    row(
        "endswith",
        Effect::How(How::EndsWith),
        "the field ends with the value",
    ),
    row(
        "all",
        Effect::All,
        "every value of the list must match, not just one",
    ),
    row("cased", Effect::Cased, "upper and lower case differ"),
    row(
        "neq",
        Effect::NotEqual,
        "the field is there and none of the values matches",
    ),
    row(
        "exists",
        Effect::Exists,
        "the field is there (true) or not (false), whatever it holds",
    ),
    row(
        "cidr",
        Effect::Cidr,
        "the field is an address in the IPv4 or IPv6 network",
    ),
    row(
        "fieldref",
        Effect::FieldRef,
        "the value names another field to compare with",
    ),
    row(
        "expand",
        Effect::Expand,
        "%name% is replaced by the values of a placeholder list",
    ),
    row(
        "re",
        Effect::Regex,
        "the value is a regular expression, case-sensitive unless flagged",
    ),
    row("i", Effect::RegexFlag('i'), "flag of `re`: ignore case"),
    row(
        "m",
        Effect::RegexFlag('m'),
        "flag of `re`: ^ and $ match at every line",
    ),
    row(
        "s",
        Effect::RegexFlag('s'),
        "flag of `re`: the dot matches a newline too",
    ),
    row(
        "gt",
        Effect::Compare(Compare::Greater),
        "the field is a greater number",
    ),
    row(
        "gte",
        Effect::Compare(Compare::GreaterOrEqual),
        "the field is this number or greater",
    ),
    row(
        "lt",
        Effect::Compare(Compare::Less),
        "the field is a smaller number",
    ),
    row(
        "lte",
        Effect::Compare(Compare::LessOrEqual),
        "the field is this number or smaller",
    ),
    row(
        "minute",
        Effect::Time(TimePart::Minute),
        "the minute of the time in the field, 0 to 59",
    ),
    row(
        "hour",
        Effect::Time(TimePart::Hour),
        "the hour of the time in the field, 0 to 23, UTC",
    ),
    row(
        "day",
        Effect::Time(TimePart::Day),
        "the day of the month, 1 to 31",
    ),
    row(
        "week",
        Effect::Time(TimePart::Week),
        "the ISO 8601 week, 1 to 53",
    ),
    row("month", Effect::Time(TimePart::Month), "the month, 1 to 12"),
    row("year", Effect::Time(TimePart::Year), "the year"),
    row(
        "base64",
        Effect::Encode(Encoding::Base64),
        "the value as base64",
    ),
    row(
        "base64offset",
        Effect::Encode(Encoding::Base64Offset),
        "the value inside base64 at any of the three offsets",
    ),
    row(
        "wide",
        Effect::Encode(Encoding::Wide),
        "the value as UTF-16 little endian",
    ),
    row(
        "utf16le",
        Effect::Encode(Encoding::Wide),
        "the value as UTF-16 little endian",
    ),
    row(
        "utf16be",
        Effect::Encode(Encoding::Utf16Be),
        "the value as UTF-16 big endian",
    ),
    row(
        "utf16",
        Effect::Encode(Encoding::Utf16),
        "the value as UTF-16 with a byte order mark",
    ),
    row(
        "windash",
        Effect::Encode(Encoding::WinDash),
        "each dash also as slash, en dash, em dash, horizontal bar",
    ),
];

/// What compares the values with the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Text,
    Regex,
    Cidr,
    Exists,
    FieldRef,
    Compare(Compare),
    Time(TimePart, Compare),
}

/// The modifiers of one key, checked against each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chain {
    pub(crate) operator: Operator,
    pub(crate) how: Option<How>,
    pub(crate) case: Case,
    pub(crate) join: Join,
    pub(crate) negation: Negation,
    pub(crate) flags: String,
    pub(crate) encodings: Vec<Encoding>,
    pub(crate) placeholders: Placeholders,
}

/// How the values of one item are linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Join {
    Any,
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Negation {
    None,
    /// `neq`: present, and none of the values.
    NotEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placeholders {
    Literal,
    Expand,
}

/// Splits `field|mod|mod` and checks the chain. `None` after an error, which is reported.
pub(crate) fn chain(key: &Node, report: &mut Report) -> Option<(String, Chain)> {
    let text = key.text().unwrap_or_default();
    let mut parts = text.split('|');
    let field = parts.next().unwrap_or_default().to_owned();
    let mut offset = field.chars().count();
    let mut effects: Vec<(&Modifier, Span)> = Vec::new();
    for name in parts {
        let at = key.part(offset + 1, name.chars().count());
        offset += 1 + name.chars().count();
        let Some(modifier) = MODIFIERS.iter().find(|m| m.name == name) else {
            report.error(
                code::UNKNOWN_MODIFIER,
                at,
                format!("unknown modifier `{}`", short(name)),
                did_you_mean(name, MODIFIERS.iter().map(|m| m.name)),
            );
            return None;
        };
        if effects.iter().any(|(m, _)| m.name == name) {
            report.error(
                code::MODIFIER_CONFLICT,
                at,
                format!("`{name}` appears twice"),
                "write it once",
            );
            return None;
        }
        effects.push((modifier, at));
    }
    assemble(&effects, report).map(|chain| (field, chain))
}

fn assemble(effects: &[(&Modifier, Span)], report: &mut Report) -> Option<Chain> {
    let mut chain = Chain {
        operator: Operator::Text,
        how: None,
        case: Case::Ignored,
        join: Join::Any,
        negation: Negation::None,
        flags: String::new(),
        encodings: Vec::new(),
        placeholders: Placeholders::Literal,
    };
    let mut operator: Option<&str> = None;
    for (modifier, at) in effects {
        let mut conflict = |with: &str| {
            report.error(
                code::MODIFIER_CONFLICT,
                *at,
                format!("`{}` cannot stand with `{with}`", modifier.name),
                "an item compares in one way only; write two items for two comparisons",
            );
        };
        let mut set = |chain: &mut Chain, new: Operator| match operator.replace(modifier.name) {
            None => {
                chain.operator = new;
                true
            }
            Some(before) => {
                conflict(before);
                false
            }
        };
        let fine = match modifier.effect {
            Effect::How(how) => {
                let first = chain.how.replace(how).is_none();
                if !first {
                    conflict("another text comparison");
                }
                first
            }
            Effect::Regex => set(&mut chain, Operator::Regex),
            Effect::Cidr => set(&mut chain, Operator::Cidr),
            Effect::Exists => set(&mut chain, Operator::Exists),
            Effect::FieldRef if chain.how.is_some() => {
                conflict("a text comparison before it");
                false
            }
            Effect::FieldRef => set(&mut chain, Operator::FieldRef),
            // `TimeCreated|hour|gte: 22`: the part of a time may be compared.
            Effect::Compare(compare) => match chain.operator {
                Operator::Time(part, Compare::Equal) => {
                    chain.operator = Operator::Time(part, compare);
                    true
                }
                Operator::Text
                | Operator::Regex
                | Operator::Cidr
                | Operator::Exists
                | Operator::FieldRef
                | Operator::Compare(_)
                | Operator::Time(..) => set(&mut chain, Operator::Compare(compare)),
            },
            Effect::Time(part) => set(&mut chain, Operator::Time(part, Compare::Equal)),
            Effect::All => {
                chain.join = Join::All;
                true
            }
            Effect::Cased => {
                chain.case = Case::Kept;
                true
            }
            Effect::NotEqual => {
                chain.negation = Negation::NotEqual;
                true
            }
            Effect::Expand => {
                chain.placeholders = Placeholders::Expand;
                true
            }
            Effect::RegexFlag(flag) => {
                if chain.operator == Operator::Regex {
                    chain.flags.push(flag);
                    true
                } else {
                    report.error(
                        code::MODIFIER_CONFLICT,
                        *at,
                        format!("`{flag}` is a flag of `re` and must follow it"),
                        "write `|re|i`; text comparisons ignore case anyway",
                    );
                    false
                }
            }
            Effect::Encode(encoding) => {
                chain.encodings.push(encoding);
                true
            }
        };
        if !fine {
            return None;
        }
    }
    let last = effects.last().map(|(_, at)| *at).unwrap_or_default();
    let textual = chain.operator == Operator::Text;
    let wrong =
        if chain.how.is_some() && !matches!(chain.operator, Operator::Text | Operator::FieldRef) {
            Some("contains, startswith and endswith compare text")
        } else if !textual
            && (!chain.encodings.is_empty() || chain.placeholders == Placeholders::Expand)
        {
            Some("encodings and placeholders only apply to text comparisons")
        } else if chain.encodings.contains(&Encoding::Base64)
            && chain.encodings.contains(&Encoding::Base64Offset)
        {
            Some("`base64` and `base64offset` exclude each other")
        } else if chain
            .encodings
            .iter()
            .filter(|e| matches!(e, Encoding::Wide | Encoding::Utf16 | Encoding::Utf16Be))
            .count()
            > 1
        {
            Some("only one UTF-16 encoding can apply")
        } else if chain.encodings.contains(&Encoding::Base64Offset)
            && matches!(chain.how, Some(How::StartsWith | How::EndsWith))
        {
            Some("`base64offset` finds a value inside a longer text, use it with `contains`")
        } else {
            None
        };
    if let Some(message) = wrong {
        let name = operator.unwrap_or("the other modifiers");
        report.error(
            code::MODIFIER_CONFLICT,
            last,
            format!("these modifiers contradict each other: {message}"),
            format!("remove one of them, or `{name}`"),
        );
        return None;
    }
    Some(chain)
}

/// At most 60 characters of foreign text for a message.
pub(crate) fn short(text: &str) -> String {
    let mut out: String = text.chars().take(60).collect();
    if out.len() < text.len() {
        out.push('…');
    }
    out
}
