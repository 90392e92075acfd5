//! Selectors of array members in keys (`sigma-version: 3`, SEP 212): `connections[any].ip`,
//! `args[0]`, and maps under them whose items must hold of one member together.

use super::{
    Detection, Field, Item, Selection,
    condition::Condition,
    detection::{self, Brackets, Given},
};
use crate::{
    diagnostics::{Report, code, did_you_mean},
    engine::{ArrayAsk, Members},
    modifier::{Join, Negation, short},
    op::Op,
    yaml::{Kind, Node, Scalar, Style},
};

/// Most brackets in one key.
const MAX_SELECTORS: usize = 8;

const QUANTIFIERS: [&str; 4] = ["any", "all", "all_or_empty", "none"];

/// A key cut at its first selector.
struct Cut {
    /// The array, without escapes.
    field: String,
    members: Members,
    /// What follows, still as written.
    rest: String,
    /// From the bar on.
    modifiers: String,
}

/// What a key with a selector selects; the key alone, without escapes, where it has none.
pub(super) enum Read {
    Plain(Node),
    Selects(Selection),
}

pub(super) fn read(key: &Node, value: &Node, given: Given, report: &mut Report) -> Option<Read> {
    let text = key.text().unwrap_or_default();
    let (path, modifiers) = match text.split_once('|') {
        Some((path, modifiers)) => (path, format!("|{modifiers}")),
        None => (text, String::new()),
    };
    if path.matches('[').count() > MAX_SELECTORS {
        report.error(
            code::ARRAY_SELECTOR,
            key.span,
            format!("more than {MAX_SELECTORS} brackets in one field name"),
            "flatten the path",
        );
        return None;
    }
    let Ok(cut) = cut(key, path, modifiers, report) else {
        return None;
    };
    let Some(cut) = cut else {
        if !text.contains("\\[") && !text.contains("\\]") {
            return Some(Read::Plain(key.clone()));
        }
        return Some(Read::Plain(with_text(key, unescaped(text))));
    };
    if given.brackets == Brackets::Refuse {
        report.error(
            code::ARRAY_SELECTOR,
            key.span,
            "fields of the canonical view hold no arrays to select from",
            "leave the selector out: any of several values may match",
        );
        return None;
    }
    let body = body(key, value, &cut, given, report)?;
    if body.selections.iter().any(|(_, s)| refers(s)) {
        report.error(
            code::ARRAY_SELECTOR,
            key.span,
            "`fieldref` inside of an array's members is not known here",
            "compare fields outside of the selector",
        );
        return None;
    }
    let item = |op: Op| {
        Selection::Item(Item {
            field: Field::Named(cut.field.as_str().into()),
            values: vec![vec![op]],
            join: Join::Any,
            negation: Negation::None,
            absent: false,
        })
    };
    let ask = item(Op::Array(ArrayAsk::new(cut.members, &body)));
    Some(Read::Selects(if cut.members.takes_nothing() {
        Selection::Any(vec![item(Op::Null), ask])
    } else {
        ask
    }))
}

/// A selector that was reported.
struct Refused;

/// Finds the first selector of a path, if there is one.
fn cut(
    key: &Node,
    path: &str,
    modifiers: String,
    report: &mut Report,
) -> Result<Option<Cut>, Refused> {
    let bytes = path.as_bytes();
    let open = (0..bytes.len()).find(|at| {
        bytes.get(*at) == Some(&b'[') && (*at == 0 || bytes.get(at - 1) != Some(&b'\\'))
    });
    let Some(open) = open else {
        return Ok(None);
    };
    let after = path.get(open + 1..).unwrap_or_default();
    let mut wrong = |message: String, help: String| {
        report.error(code::ARRAY_SELECTOR, key.span, message, help);
        Err(Refused)
    };
    let Some((word, rest)) = after.split_once(']') else {
        return wrong(
            format!("a bracket in `{}` is not closed", short(path)),
            "add `]`, or write `\\[` for a bracket in a name".to_owned(),
        );
    };
    let members = match word {
        "any" => Members::Any,
        "all" => Members::All,
        "all_or_empty" => Members::AllOrEmpty,
        "none" => Members::None,
        number => match number.parse() {
            Ok(at) => Members::At(at),
            Err(_) => {
                let near = did_you_mean(word, QUANTIFIERS);
                let help = if near.is_empty() {
                    format!("one of {}, or a position", QUANTIFIERS.join(", "))
                } else {
                    near
                };
                return wrong(format!("`[{}]` selects nothing known", short(word)), help);
            }
        },
    };
    let rest = match rest.strip_prefix('.') {
        Some(rest) if !rest.is_empty() => rest,
        None if rest.is_empty() => rest,
        _ => {
            return wrong(
                format!("`{}` does not go on after the bracket", short(path)),
                "a dot and a name may follow".to_owned(),
            );
        }
    };
    let field = unescaped(path.get(..open).unwrap_or_default());
    if field.is_empty() {
        return wrong(
            "a selector needs a field before it".to_owned(),
            String::new(),
        );
    }
    Ok(Some(Cut {
        field,
        members,
        rest: rest.to_owned(),
        modifiers,
    }))
}

/// What must hold of one member.
fn body(
    key: &Node,
    value: &Node,
    cut: &Cut,
    given: Given,
    report: &mut Report,
) -> Option<Detection> {
    let one = |selection: Selection| Detection {
        selections: vec![("member".to_owned(), selection)],
        condition: Condition::Selection(0),
        text: "member".to_owned(),
    };
    let Kind::Map(entries) = &value.kind else {
        if cut.rest.is_empty() {
            // The member itself.
            let name = with_text(key, format!("member{}", cut.modifiers));
            let mut item = detection::item(&name, value, given.lists, report)?;
            item.field = Field::Anywhere;
            return Some(one(Selection::Item(item)));
        }
        let name = with_text(key, format!("{}{}", cut.rest, cut.modifiers));
        return detection::entry(&name, value, given, report).map(one);
    };
    if !cut.modifiers.is_empty() {
        report.error(
            code::ARRAY_SELECTOR,
            key.span,
            "a map under a selector takes no modifiers",
            "put them on the fields inside",
        );
        return None;
    }
    if cut.rest.is_empty() && value.get("condition").is_some() {
        return detection::read(value, given, report);
    }
    if cut.rest.is_empty() {
        return detection::selection(key, value, given, report).map(one);
    }
    let entries = entries
        .iter()
        .map(|(inner, value)| {
            let name = format!("{}.{}", cut.rest, inner.text().unwrap_or_default());
            (with_text(inner, name), value.clone())
        })
        .collect();
    let map = Node {
        span: value.span,
        kind: Kind::Map(entries),
    };
    detection::selection(key, &map, given, report).map(one)
}

/// Whether a selection asks for another field.
fn refers(selection: &Selection) -> bool {
    match selection {
        Selection::All(parts) | Selection::Any(parts) => parts.iter().any(refers),
        Selection::Item(item) => item
            .values
            .iter()
            .flatten()
            .any(|op| matches!(op, Op::FieldRef { .. })),
    }
}

fn unescaped(text: &str) -> String {
    text.replace("\\[", "[").replace("\\]", "]")
}

fn with_text(node: &Node, text: String) -> Node {
    Node {
        span: node.span,
        kind: Kind::Scalar(Scalar {
            text,
            style: Style::Block,
        }),
    }
}
