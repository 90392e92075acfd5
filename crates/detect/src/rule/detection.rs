//! Selections: maps, lists, keywords (Sigma 2.1, "Detection").

use super::{
    array,
    condition::{self, Condition},
    pipeline::ALTERNATIVE,
};
use crate::{
    diagnostics::{Report, code},
    modifier::{self, Chain, Join, Lists, Negation, Operator},
    op::{How, Op},
    yaml::{Kind, Node, Scalar, Style, Typed},
};

/// Most operators of one rule.
const MAX_OPS: usize = 100_000;

/// What a detection is read with.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    pub(super) lists: &'a Lists,
    pub(super) brackets: Brackets,
}

/// What brackets in a field name are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Brackets {
    /// A part of the name.
    Literal,
    /// Selectors of array members, from version 3 of the specification on.
    Select,
    /// The same, in a view that has no arrays of objects.
    Refuse,
}

/// Brackets as letters, and placeholders from `lists`.
pub(crate) fn given(lists: &Lists) -> Given<'_> {
    Given {
        lists,
        brackets: Brackets::Literal,
    }
}

/// The detection section of a rule.
#[derive(Debug, Clone)]
pub(crate) struct Detection {
    pub(crate) selections: Vec<(String, Selection)>,
    pub(crate) condition: Condition,
    /// The condition as written.
    pub(crate) text: String,
}

/// A search identifier.
#[derive(Debug, Clone)]
pub(crate) enum Selection {
    /// Every part must hold.
    All(Vec<Selection>),
    /// Any part must hold.
    Any(Vec<Selection>),
    Item(Item),
}

/// What an item reads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Field {
    /// A field by name: the flat key, or the dotted path.
    Named(Box<str>),
    /// Any value anywhere in the event ("Keywords search").
    Anywhere,
}

/// A field and its values.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) field: Field,
    /// Each value's operators, any of which may hold.
    pub(crate) values: Vec<Vec<Op>>,
    pub(crate) join: Join,
    pub(crate) negation: Negation,
    /// `exists: false`.
    pub(crate) absent: bool,
}

pub(crate) fn read(node: &Node, given: Given, report: &mut Report) -> Option<Detection> {
    let Some(entries) = node.map() else {
        report.error(
            code::WRONG_TYPE,
            node.span,
            format!("`detection` must be a map, not {}", node.kind_word()),
            "",
        );
        return None;
    };
    let before = report.errors();
    let mut selections = Vec::new();
    let mut ops = 0;
    for (key, value) in entries {
        let name = key.text().unwrap_or_default();
        if matches!(name, "condition" | "timeframe") {
            continue;
        }
        if let Some(selection) = selection(key, value, given, report) {
            ops += weigh(&selection);
            selections.push((name.to_owned(), selection));
        }
        if ops > MAX_OPS {
            report.error(
                code::TOO_MANY_VARIANTS,
                key.span,
                format!("the rule has more than {MAX_OPS} values"),
                "split it",
            );
            return None;
        }
    }
    let Some((_, condition_node)) = node.entry("condition") else {
        report.error(
            code::NO_CONDITION,
            node.span,
            "the detection has no condition",
            "add `condition:` with the names of selections",
        );
        return None;
    };
    if report.errors() > before {
        return None;
    }
    let names: Vec<(&str, &Node)> = entries
        .iter()
        .filter_map(|(key, _)| key.text().map(|name| (name, key)))
        .filter(|(name, _)| !matches!(*name, "condition" | "timeframe"))
        .collect();
    let (condition, text) = condition::read(condition_node, &names, report)?;
    Some(Detection {
        selections,
        condition,
        text,
    })
}

fn weigh(selection: &Selection) -> usize {
    match selection {
        Selection::All(parts) | Selection::Any(parts) => parts.iter().map(weigh).sum(),
        Selection::Item(item) => item.values.iter().map(Vec::len).sum(),
    }
}

pub(super) fn selection(
    key: &Node,
    value: &Node,
    given: Given,
    report: &mut Report,
) -> Option<Selection> {
    match &value.kind {
        Kind::Map(entries) if entries.is_empty() => empty(key, report),
        Kind::List(items) if items.is_empty() => empty(key, report),
        Kind::Map(entries) => {
            let mut parts = Vec::with_capacity(entries.len());
            for (key, value) in entries {
                parts.push(entry(key, value, given, report)?);
            }
            Some(Selection::All(parts))
        }
        Kind::List(items) if items.iter().all(|i| i.scalar().is_some()) => {
            keywords(items, given, report).map(Selection::Item)
        }
        Kind::List(items) => {
            let mut parts = Vec::with_capacity(items.len());
            for item in items {
                parts.push(match item.scalar() {
                    Some(_) => {
                        Selection::Item(keywords(std::slice::from_ref(item), given, report)?)
                    }
                    None => selection(key, item, given, report)?,
                });
            }
            Some(Selection::Any(parts))
        }
        Kind::Scalar(s) if s.typed() == Typed::Null => empty(key, report),
        Kind::Scalar(_) => {
            keywords(std::slice::from_ref(value), given, report).map(Selection::Item)
        }
    }
}

/// A key of a map and what stands under it.
pub(super) fn entry(
    key: &Node,
    value: &Node,
    given: Given,
    report: &mut Report,
) -> Option<Selection> {
    if given.brackets == Brackets::Literal {
        return alternatives(key, value, given, report);
    }
    match array::read(key, value, given, report)? {
        array::Read::Plain(key) => alternatives(&key, value, given, report),
        array::Read::Selects(selection) => Some(selection),
    }
}

/// An item; several of which any may hold where a pipeline gave the field several names.
fn alternatives(key: &Node, value: &Node, given: Given, report: &mut Report) -> Option<Selection> {
    let text = key.text().unwrap_or_default();
    if !text.contains(ALTERNATIVE) {
        return item(key, value, given.lists, report).map(Selection::Item);
    }
    let (fields, modifiers) = match text.split_once('|') {
        Some((fields, modifiers)) => (fields, format!("|{modifiers}")),
        None => (text, String::new()),
    };
    let mut parts = Vec::new();
    for field in fields.split(ALTERNATIVE) {
        let key = Node {
            span: key.span,
            kind: Kind::Scalar(Scalar {
                text: format!("{field}{modifiers}"),
                style: Style::Block,
            }),
        };
        parts.push(Selection::Item(item(&key, value, given.lists, report)?));
    }
    Some(Selection::Any(parts))
}

fn empty<T>(key: &Node, report: &mut Report) -> Option<T> {
    report.error(
        code::EMPTY_SELECTION,
        key.span,
        format!(
            "`{}` selects nothing",
            modifier::short(key.text().unwrap_or_default())
        ),
        "give it at least one field or keyword, or remove it",
    );
    None
}

fn keywords(items: &[Node], given: Given, report: &mut Report) -> Option<Item> {
    let chain = Chain {
        operator: Operator::Text,
        how: Some(How::Contains),
        case: crate::op::Case::Ignored,
        join: Join::Any,
        negation: Negation::None,
        flags: String::new(),
        encodings: Vec::new(),
        placeholders: modifier::Placeholders::Literal,
    };
    let mut values = Vec::with_capacity(items.len());
    for item in items {
        values.push(modifier::values(
            item,
            &chain,
            How::Contains,
            given.lists,
            report,
        )?);
    }
    Some(Item {
        field: Field::Anywhere,
        values,
        join: Join::Any,
        negation: Negation::None,
        absent: false,
    })
}

pub(super) fn item(key: &Node, value: &Node, lists: &Lists, report: &mut Report) -> Option<Item> {
    if key.text().is_none() {
        report.error(code::WRONG_TYPE, key.span, "a field name must be text", "");
        return None;
    }
    let (field, chain) = modifier::chain(key, report)?;
    let (field, default) = if field.is_empty() {
        (Field::Anywhere, How::Contains)
    } else {
        (Field::Named(field.into()), How::Equals)
    };
    let nodes = match &value.kind {
        Kind::List(items) if items.is_empty() => return empty(key, report),
        Kind::List(items) => items.as_slice(),
        Kind::Scalar(_) | Kind::Map(_) => std::slice::from_ref(value),
    };
    if chain.join == Join::All && nodes.len() < 2 {
        report.error(
            code::ALL_OF_ONE,
            key.span,
            "`all` needs a list of at least two values",
            "remove `all`, or list more values",
        );
        return None;
    }
    let mut values = Vec::with_capacity(nodes.len());
    for node in nodes {
        values.push(modifier::values(node, &chain, default, lists, report)?);
        if nodes.len() > 1
            && chain.operator == Operator::Text
            && values.last() == Some(&vec![Op::Null])
        {
            report.warning(
                code::NULL_IN_LIST,
                node.span,
                "null cannot be part of a list of values; it is read as one more alternative",
                "make a selection of its own for the missing field",
            );
        }
    }
    let absent =
        chain.operator == Operator::Exists && nodes.iter().all(|n| !modifier::wants_presence(n));
    if chain.operator == Operator::Exists && (nodes.len() > 1 || field == Field::Anywhere) {
        report.error(
            code::BAD_VALUE,
            key.span,
            "`exists` takes one field and one of true and false",
            "",
        );
        return None;
    }
    Some(Item {
        field,
        values,
        join: chain.join,
        negation: chain.negation,
        absent,
    })
}
