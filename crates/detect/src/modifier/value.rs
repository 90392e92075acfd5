//! From a value and its modifiers to operators.

use std::collections::BTreeMap;

use ipnet::IpNet;
use regex::Regex;

use super::{
    Chain, Encoding, Operator, Placeholders,
    encode::{base64, base64_offsets, utf16, windash},
    short,
};
use crate::{
    diagnostics::{Report, code},
    fold::folded,
    op::{Case, How, Number, Op},
    pattern::{Part, Pattern},
    yaml::{Node, Typed},
};

/// Largest compiled regular expression, bytes.
const REGEX_BYTES: usize = 10 << 20;

/// Placeholder lists for `expand`: name without the percent signs, to values.
pub(crate) type Lists = BTreeMap<String, Vec<String>>;

/// The operators of one value; any of them may hold. `None` after an error, which is reported.
pub(crate) fn values(
    node: &Node,
    chain: &Chain,
    default: How,
    lists: &Lists,
    report: &mut Report,
) -> Option<Vec<Op>> {
    let Some(scalar) = node.scalar() else {
        report.error(
            code::WRONG_TYPE,
            node.span,
            format!(
                "a value must be text, a number, a boolean or null, not {}",
                node.kind_word()
            ),
            "nested maps are written as dotted field names",
        );
        return None;
    };
    let typed = scalar.typed();
    let bad = |report: &mut Report, wants: &str| {
        report.error(
            code::BAD_VALUE,
            node.span,
            format!("`{}` is not {wants}", short(&scalar.text)),
            "",
        );
        None
    };
    match chain.operator {
        Operator::Text => text(node, &typed, chain, default, lists, report),
        Operator::Exists => match scalar.text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "false" | "no" => Some(vec![Op::Exists]),
            _ => bad(report, "true or false, as `exists` wants"),
        },
        Operator::Regex => regex(node, &scalar.text, &chain.flags, report).map(|op| vec![op]),
        Operator::Cidr => {
            let parsed = scalar.text.parse::<IpNet>().ok().or_else(|| {
                scalar
                    .text
                    .parse::<std::net::IpAddr>()
                    .ok()
                    .map(IpNet::from)
            });
            if let Some(net) = parsed {
                return Some(vec![Op::Cidr(net.trunc())]);
            }

            report.error(
                code::BAD_NETWORK,
                node.span,
                format!(
                    "`{}` is not a network in CIDR notation",
                    short(&scalar.text)
                ),
                "write it as 10.0.0.0/8 or 2001:db8::/32",
            );
            None
        }
        Operator::FieldRef => {
            let name = Pattern::parse(&scalar.text);
            match name.as_text() {
                Some(field) if !field.is_empty() => Some(vec![Op::FieldRef {
                    field: field.into(),
                    how: chain.how.unwrap_or(How::Equals),
                    case: chain.case,
                }]),
                _ => bad(report, "a field name, as `fieldref` wants"),
            }
        }
        Operator::Compare(compare) => match number(&typed) {
            Some(n) => Some(vec![Op::Compare(compare, n)]),
            None => bad(report, "a number"),
        },
        Operator::Time(part, compare) => match number(&typed).map(Number::get) {
            Some(n)
                if n.fract() == 0.0 && (part.range().0..=part.range().1).contains(&(n as i64)) =>
            {
                Some(vec![Op::Time {
                    part,
                    compare,
                    value: n as i64,
                }])
            }
            _ => {
                let (least, most) = part.range();
                bad(
                    report,
                    &format!(
                        "a whole number from {least} to {most}, as `{}` wants",
                        part.word()
                    ),
                )
            }
        },
    }
}

/// What `exists` wants of the field.
pub(crate) fn wants_presence(node: &Node) -> bool {
    !matches!(
        node.text()
            .unwrap_or_default()
            .to_ascii_lowercase()
            .as_str(),
        "false" | "no"
    )
}

fn number(typed: &Typed) -> Option<Number> {
    match typed {
        Typed::Int(i) => Some(Number::new(*i as f64)),
        Typed::Float(x) => Some(Number::new(*x)),
        Typed::Text(text) => Number::read(text),
        Typed::Null | Typed::Bool(_) => None,
    }
}

fn regex(node: &Node, source: &str, flags: &str, report: &mut Report) -> Option<Op> {
    let source = if flags.is_empty() {
        source.to_owned()
    } else {
        format!("(?{flags}){source}")
    };
    match compile_regex(&source) {
        Ok(_) => Some(Op::Regex(source.into())),
        Err(e) => {
            let text = e.to_string();
            let reason = text
                .lines()
                .last()
                .unwrap_or_default()
                .trim_start_matches("error: ");
            if ["look-around", "backreference"]
                .iter()
                .any(|w| reason.contains(w))
            {
                report.error(
                    code::REGEX_FEATURE,
                    node.span,
                    format!("the regular expression uses what Sigma does not: {reason}"),
                    "Sigma allows . ^ $ * + ? {n,m} [] | () only; use `condition: … and not …` for look-around",
                );
            } else {
                report.error(
                    code::BAD_REGEX,
                    node.span,
                    format!("the regular expression does not compile: {reason}"),
                    "",
                );
            }
            None
        }
    }
}

/// Compiles with the size bound of rules.
pub(crate) fn compile_regex(source: &str) -> Result<Regex, regex::Error> {
    regex::RegexBuilder::new(source)
        .size_limit(REGEX_BYTES)
        .build()
}

/// The same for text that is ASCII.
pub(crate) fn compile_ascii_regex(source: &str) -> Result<regex::bytes::Regex, regex::Error> {
    regex::bytes::RegexBuilder::new(source)
        .unicode(false)
        .size_limit(REGEX_BYTES)
        .build()
}

fn text(
    node: &Node,
    typed: &Typed,
    chain: &Chain,
    default: How,
    lists: &Lists,
    report: &mut Report,
) -> Option<Vec<Op>> {
    let how = chain.how.unwrap_or(default);
    let plain = chain.encodings.is_empty() && how == How::Equals;
    let source = match typed {
        Typed::Null if chain.how.is_none() && chain.encodings.is_empty() => {
            return Some(vec![Op::Null]);
        }
        Typed::Null => {
            report.error(
                code::BAD_VALUE,
                node.span,
                "null has no text to compare",
                "write '' for the empty text",
            );
            return None;
        }
        Typed::Int(i) if plain => return Some(vec![Op::Number(Number::new(*i as f64))]),
        Typed::Float(x) if plain => return Some(vec![Op::Number(Number::new(*x))]),
        Typed::Int(_) | Typed::Float(_) => Pattern::literal(node.text().unwrap_or_default()),
        Typed::Bool(b) => Pattern::literal(if *b { "true" } else { "false" }),
        Typed::Text(text) if chain.placeholders == Placeholders::Expand => {
            return expand(node, text, chain, how, lists, report);
        }
        Typed::Text(text) => Pattern::parse(text),
    };
    encode(node, &source, chain, how, report)
}

/// Fills in `%name%` (Sigma 2.1, "Placeholders"); each list value becomes an alternative.
fn expand(
    node: &Node,
    text: &str,
    chain: &Chain,
    how: How,
    lists: &Lists,
    report: &mut Report,
) -> Option<Vec<Op>> {
    let mut made = vec![Pattern::default()];
    let mut rest = text;
    loop {
        let (literal, name, after) = next_placeholder(rest);
        for pattern in &mut made {
            pattern.extend(&Pattern::parse(&literal));
        }
        let (Some(name), Some(after)) = (name, after) else {
            break;
        };
        let Some(list) = lists.get(name) else {
            report.warning(
                code::PLACEHOLDER,
                node.span,
                format!(
                    "no list for the placeholder `%{}%`: this value never matches",
                    short(name)
                ),
                "supply the placeholder list, or write the values into the rule",
            );
            return Some(vec![Op::Placeholder(text.into())]);
        };
        if made.len().saturating_mul(list.len()) > 10_000 {
            too_many(node, report);
            return None;
        }
        made = made
            .iter()
            .flat_map(|pattern| {
                list.iter().map(|value| {
                    let mut filled = pattern.clone();
                    filled.extend(&Pattern::parse(value));
                    filled
                })
            })
            .collect();
        rest = after;
    }
    let mut ops = Vec::new();
    for pattern in &made {
        ops.extend(encode(node, pattern, chain, how, report)?);
    }
    Some(ops)
}

/// Text up to the next `%name%`, the name, and what follows; `\%` is a plain percent sign.
fn next_placeholder(text: &str) -> (String, Option<&str>, Option<&str>) {
    let mut literal = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        if let Some(before) = before.strip_suffix('\\') {
            literal.push_str(before);
            literal.push('%');
            rest = after;
            continue;
        }
        match after.split_once('%') {
            Some((name, behind)) if !name.is_empty() && !name.ends_with('\\') => {
                literal.push_str(before);
                return (literal, Some(name), Some(behind));
            }
            _ => break,
        }
    }
    literal.push_str(rest);
    (literal, None, None)
}

fn too_many(node: &Node, report: &mut Report) {
    report.error(
        code::TOO_MANY_VARIANTS,
        node.span,
        "this value stands for too many texts",
        "split it into shorter values joined with `all`",
    );
}

/// Applies the encodings in order, then makes operators.
fn encode(
    node: &Node,
    source: &Pattern,
    chain: &Chain,
    how: How,
    report: &mut Report,
) -> Option<Vec<Op>> {
    if chain.encodings.is_empty() {
        return Some(vec![operator(source, how, chain.case)]);
    }
    if chain.encodings == [Encoding::WinDash] {
        // The only encoding that leaves wildcards in place.
        return windashed(node, source, chain, how, report);
    }
    let Some(text) = source.as_text() else {
        report.error(
            code::BAD_VALUE,
            node.span,
            "a value that is encoded cannot have wildcards",
            r"escape them as \* and \?, or split the value",
        );
        return None;
    };
    let mut texts: Vec<Vec<u8>> = vec![text.as_bytes().to_vec()];
    let mut how = how;
    for encoding in &chain.encodings {
        let mut next = Vec::new();
        for bytes in &texts {
            let text = String::from_utf8_lossy(bytes);
            match encoding {
                Encoding::Base64 => next.push(base64(bytes).into_bytes()),
                Encoding::Base64Offset => {
                    next.extend(base64_offsets(bytes).into_iter().map(String::into_bytes));
                    how = How::Contains;
                }
                Encoding::Wide => next.push(utf16(&text, u16::to_le_bytes)),
                Encoding::Utf16Be => next.push(utf16(&text, u16::to_be_bytes)),
                Encoding::Utf16 => {
                    let mut marked = vec![0xFF, 0xFE];
                    marked.extend(utf16(&text, u16::to_le_bytes));
                    next.push(marked);
                }
                Encoding::WinDash => {
                    let Some(variants) = windash(&text) else {
                        too_many(node, report);
                        return None;
                    };
                    next.extend(variants.into_iter().map(String::into_bytes));
                }
            }
        }
        texts = next;
    }
    let mut ops = Vec::with_capacity(texts.len());
    for bytes in texts {
        let Ok(text) = String::from_utf8(bytes) else {
            report.error(
                code::BAD_VALUE,
                node.span,
                "the encoded value is not text, so no field can hold it",
                "follow it with `base64` or `base64offset`",
            );
            return None;
        };
        ops.push(operator(&Pattern::literal(&text), how, chain.case));
    }
    if ops.is_empty() {
        report.error(
            code::BAD_VALUE,
            node.span,
            "the value is too short to be found in base64",
            "use at least two characters",
        );
        return None;
    }
    Some(ops)
}

fn windashed(
    node: &Node,
    source: &Pattern,
    chain: &Chain,
    how: How,
    report: &mut Report,
) -> Option<Vec<Op>> {
    let mut made = vec![Pattern::default()];
    for part in source.parts() {
        let choices: Vec<Part> = match part {
            Part::Text(text) => {
                let Some(variants) = windash(text) else {
                    too_many(node, report);
                    return None;
                };
                variants.into_iter().map(|v| Part::Text(v.into())).collect()
            }
            Part::One => vec![Part::One],
            Part::Many => vec![Part::Many],
        };
        if made.len().saturating_mul(choices.len()) > 10_000 {
            too_many(node, report);
            return None;
        }
        made = made
            .iter()
            .flat_map(|pattern| {
                choices.iter().map(|choice| {
                    let mut longer = pattern.clone();
                    longer.push(choice.clone());
                    longer
                })
            })
            .collect();
    }
    Some(
        made.iter()
            .map(|pattern| operator(pattern, how, chain.case))
            .collect(),
    )
}

/// The cheapest operator for a text with wildcards: `*x*` is `contains x`.
pub(crate) fn operator(source: &Pattern, how: How, case: Case) -> Op {
    let mut whole = Pattern::default();
    if matches!(how, How::Contains | How::EndsWith) {
        whole.push(Part::Many);
    }
    whole.extend(source);
    if matches!(how, How::Contains | How::StartsWith) {
        whole.push(Part::Many);
    }
    let pattern = match case {
        Case::Ignored => whole.map_text(folded),
        Case::Kept => whole,
    };
    let (how, literal) = match pattern.parts() {
        [] => (How::Equals, ""),
        [Part::Text(text)] => (How::Equals, text.as_ref()),
        [Part::Many, Part::Text(text)] => (How::EndsWith, text.as_ref()),
        [Part::Text(text), Part::Many] => (How::StartsWith, text.as_ref()),
        [Part::Many, Part::Text(text), Part::Many] => (How::Contains, text.as_ref()),
        _ => return Op::Glob { case, pattern },
    };
    Op::Text {
        how,
        case,
        literal: literal.into(),
    }
}
