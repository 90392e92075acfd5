//! Conditions of transformations: over the rule, a detection item, a field name.

use regex::Regex;

use crate::{
    diagnostics::{Report, code, did_you_mean},
    modifier::short,
    rule::meta,
    yaml::{Kind, Node, Scalar, Typed},
};

/// Conditions linked with `and` or `or`, negated perhaps.
#[derive(Debug, Clone)]
pub(super) struct Conditions<C> {
    all: Vec<C>,
    link: Link,
    sense: Sense,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    And,
    Or,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sense {
    Plain,
    Negated,
}

impl<C> Conditions<C> {
    pub(super) fn hold(&self, holds: impl FnMut(&C) -> bool) -> bool {
        if self.all.is_empty() {
            return true;
        }
        let linked = match self.link {
            Link::And => self.all.iter().all(holds),
            Link::Or => self.all.iter().any(holds),
        };
        linked == (self.sense == Sense::Plain)
    }
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

/// Reads `<kind>_conditions`, `<kind>_cond_op` and `<kind>_cond_not`.
pub(super) fn read<C>(
    node: &Node,
    kind: &str,
    one: fn(&Node, &str, &mut Report) -> Option<C>,
    report: &mut Report,
) -> Option<Conditions<C>> {
    let link = match node.get(&format!("{kind}_cond_op")) {
        None => Link::And,
        Some(at) => match at.text() {
            Some("and") => Link::And,
            Some("or") => Link::Or,
            _ => {
                report.error(
                    code::PIPELINE,
                    at.span,
                    format!("`{kind}_cond_op` must be `and` or `or`"),
                    "",
                );
                return None;
            }
        },
    };
    let negated = node.get(&format!("{kind}_cond_not"));
    let sense = match negated.and_then(Node::scalar).map(Scalar::typed) {
        Some(Typed::Bool(true)) => Sense::Negated,
        _ => Sense::Plain,
    };
    let nodes = match node
        .get(&format!("{kind}_conditions"))
        .map(|n| (&n.kind, n.span))
    {
        None => &[],
        Some((Kind::List(nodes), _)) => nodes.as_slice(),
        Some((Kind::Map(_) | Kind::Scalar(_), at)) => {
            report.error(
                code::PIPELINE,
                at,
                format!("`{kind}_conditions` must be a list"),
                "conditions by name with an expression over them are not known here",
            );
            return None;
        }
    };
    let mut all = Vec::with_capacity(nodes.len());
    for node in nodes {
        let word = node.get("type").and_then(Node::text).unwrap_or_default();
        all.push(one(node, word, report)?);
    }
    Some(Conditions { all, link, sense })
}

fn unknown<T>(node: &Node, word: &str, known: &[&'static str], report: &mut Report) -> Option<T> {
    let at = node.get("type").map_or(node.span, |n| n.span);
    let near = did_you_mean(word, known.iter().copied());
    let help = if near.is_empty() {
        format!("one of {}", known.join(", "))
    } else {
        near
    };
    report.error(
        code::PIPELINE_CONDITION,
        at,
        format!("`{}` is not a condition known here", short(word)),
        help,
    );
    None
}

/// A regular expression that must match at the beginning, as Python's `re.match`.
pub(super) fn pattern(node: &Node, key: &str, report: &mut Report) -> Option<Regex> {
    let Some(text) = node.get(key).and_then(Node::text) else {
        report.error(code::PIPELINE, node.span, format!("`{key}` is missing"), "");
        return None;
    };
    regex_of(text, node.get(key).unwrap_or(node), report)
}

fn regex_of(text: &str, at: &Node, report: &mut Report) -> Option<Regex> {
    match Regex::new(&format!("^(?:{text})")) {
        Ok(regex) => Some(regex),
        Err(error) => {
            let last = error.to_string();
            let last = last.lines().last().unwrap_or_default().to_owned();
            report.error(
                code::PIPELINE,
                at.span,
                format!("not a usable regular expression: {last}"),
                "look-around and back-references are not known here",
            );
            None
        }
    }
}

/// What a rule must be.
#[derive(Debug, Clone)]
pub(super) enum OfRule {
    Logsource([Option<String>; 3]),
    ContainsItem { field: String, value: String },
    ContainsField(String),
    Applied(String),
    State { key: String, value: String },
    IsRule,
    IsCorrelation,
    Attribute { name: String, value: String },
    Tag(String),
}

impl OfRule {
    const TYPES: [&'static str; 9] = [
        "logsource",
        "contains_detection_item",
        "contains_field",
        "processing_item_applied",
        "processing_state",
        "is_sigma_rule",
        "is_sigma_correlation_rule",
        "rule_attribute",
        "tag",
    ];
    pub(super) fn read(node: &Node, word: &str, report: &mut Report) -> Option<Self> {
        let text = |key: &str| node.get(key).and_then(Node::text).map(ToOwned::to_owned);
        let must = |key: &str| text(key).unwrap_or_default();
        Some(match word {
            "logsource" => Self::Logsource([text("product"), text("category"), text("service")]),
            "contains_detection_item" => Self::ContainsItem {
                field: must("field"),
                value: must("value"),
            },
            "contains_field" => Self::ContainsField(must("field")),
            "processing_item_applied" => Self::Applied(must("processing_item_id")),
            "processing_state" => Self::State {
                key: must("key"),
                value: must("val"),
            },
            "is_sigma_rule" => Self::IsRule,
            "is_sigma_correlation_rule" => Self::IsCorrelation,
            "rule_attribute" => Self::Attribute {
                name: must("attribute"),
                value: must("value"),
            },
            "tag" => Self::Tag(must("tag")),
            other => return unknown(node, other, &Self::TYPES, report),
        })
    }
}

/// What a detection item must be.
#[derive(Debug, Clone)]
pub(super) enum OfItem {
    MatchString {
        pattern: Regex,
        every: Every,
        negate: bool,
    },
    IsNull(Every),
    ContainsWildcard(Every),
    State {
        key: String,
        value: String,
    },
}

/// Of several values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Every {
    Any,
    All,
}

impl OfItem {
    const TYPES: [&'static str; 4] = [
        "match_string",
        "is_null",
        "contains_wildcard",
        "processing_state",
    ];
    pub(super) fn read(node: &Node, word: &str, report: &mut Report) -> Option<Self> {
        let every = match node.get("cond").and_then(Node::text) {
            Some("all") => Every::All,
            _ => Every::Any,
        };
        let negate = node.get("negate").and_then(Node::text) == Some("true");
        Some(match word {
            "match_string" => Self::MatchString {
                pattern: pattern(node, "pattern", report)?,
                every,
                negate,
            },
            "is_null" => Self::IsNull(every),
            "contains_wildcard" => Self::ContainsWildcard(every),
            "processing_state" => Self::State {
                key: node
                    .get("key")
                    .and_then(Node::text)
                    .unwrap_or_default()
                    .to_owned(),
                value: node
                    .get("val")
                    .and_then(Node::text)
                    .unwrap_or_default()
                    .to_owned(),
            },
            other => return unknown(node, other, &Self::TYPES, report),
        })
    }
    pub(super) fn holds(&self, value: &Node, state: impl Fn(&str) -> Option<String>) -> bool {
        let values = match &value.kind {
            Kind::List(items) => items.as_slice(),
            Kind::Scalar(_) | Kind::Map(_) => std::slice::from_ref(value),
        };
        let each = |every: &Every, holds: &dyn Fn(&Node) -> bool| match every {
            Every::Any => values.iter().any(holds),
            Every::All => values.iter().all(holds),
        };
        match self {
            Self::MatchString {
                pattern,
                every,
                negate,
            } => {
                each(every, &|node| {
                    node.text().is_some_and(|text| pattern.is_match(text))
                }) != *negate
            }
            Self::IsNull(every) => each(every, &|node| {
                node.scalar().is_some_and(|s| s.typed() == Typed::Null)
            }),
            Self::ContainsWildcard(every) => each(every, &|node| {
                node.text().is_some_and(|t| t.contains(['*', '?']))
            }),
            Self::State { key, value } => state(key).as_ref() == Some(value),
        }
    }
}

/// What a field name must be.
#[derive(Debug, Clone)]
pub(super) enum OfField {
    Include(Vec<Name>),
    Exclude(Vec<Name>),
    State { key: String, value: String },
}

/// A field name, or an expression for several.
#[derive(Debug, Clone)]
pub(super) enum Name {
    Plain(String),
    Like(Regex),
}

impl OfField {
    const TYPES: [&'static str; 3] = ["include_fields", "exclude_fields", "processing_state"];
    pub(super) fn read(node: &Node, word: &str, report: &mut Report) -> Option<Self> {
        let names = |report: &mut Report| {
            let mode = node.get("mode").or_else(|| node.get("match_type"));
            let plain = mode.and_then(Node::text).is_none_or(|m| m == "plain");
            let mut out = Vec::new();
            for name in meta::list(node, "fields", report) {
                out.push(if plain {
                    Name::Plain(name)
                } else {
                    Name::Like(regex_of(&name, node, report)?)
                });
            }
            Some(out)
        };
        Some(match word {
            "include_fields" => Self::Include(names(report)?),
            "exclude_fields" => Self::Exclude(names(report)?),
            "processing_state" => Self::State {
                key: node
                    .get("key")
                    .and_then(Node::text)
                    .unwrap_or_default()
                    .to_owned(),
                value: node
                    .get("val")
                    .and_then(Node::text)
                    .unwrap_or_default()
                    .to_owned(),
            },
            other => return unknown(node, other, &Self::TYPES, report),
        })
    }
    pub(super) fn holds(&self, field: &str, state: impl Fn(&str) -> Option<String>) -> bool {
        let among = |names: &[Name]| {
            names.iter().any(|name| match name {
                Name::Plain(plain) => plain == field,
                Name::Like(regex) => regex.is_match(field),
            })
        };
        match self {
            Self::Include(names) => among(names),
            Self::Exclude(names) => !among(names),
            Self::State { key, value } => state(key).as_ref() == Some(value),
        }
    }
}
