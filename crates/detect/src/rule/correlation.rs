//! Correlation rules (Sigma 2.1, correlation rules specification).

use jiff::SignedDuration;
use watchfloor_types::Place;

use super::meta;
use crate::{
    diagnostics::{Report, code, did_you_mean},
    modifier::short,
    yaml::{Kind, Node, Scalar, Typed},
};

/// How contributions are judged ("Correlation Types").
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Aggregate {
    /// How many events.
    EventCount,
    /// How many distinct values of these fields together.
    ValueCount(Vec<String>),
    /// How many of the rules, in any order.
    Temporal,
    /// The rules in the order given.
    TemporalOrdered,
}

impl Aggregate {
    /// The word in rules.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::EventCount => "event_count",
            Self::ValueCount(_) => "value_count",
            Self::Temporal => "temporal",
            Self::TemporalOrdered => "temporal_ordered",
        }
    }
}

const TYPES: [&str; 4] = ["event_count", "value_count", "temporal", "temporal_ordered"];

/// Bounds on a count, all of which must hold ("Condition").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Threshold(Vec<(Bound, u64)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    Greater,
    AtLeast,
    Less,
    AtMost,
    Equal,
    NotEqual,
}

const BOUNDS: [(&str, Bound); 6] = [
    ("gt", Bound::Greater),
    ("gte", Bound::AtLeast),
    ("lt", Bound::Less),
    ("lte", Bound::AtMost),
    ("eq", Bound::Equal),
    ("neq", Bound::NotEqual),
];

impl Threshold {
    pub(crate) fn at_least(count: usize) -> Self {
        Self(vec![(Bound::AtLeast, count as u64)])
    }
    /// Whether `count` is within all bounds.
    #[must_use]
    pub fn holds(&self, count: usize) -> bool {
        let count = count as u64;
        self.0.iter().all(|(bound, n)| match bound {
            Bound::Greater => count > *n,
            Bound::AtLeast => count >= *n,
            Bound::Less => count < *n,
            Bound::AtMost => count <= *n,
            Bound::Equal => count == *n,
            Bound::NotEqual => count != *n,
        })
    }
    /// Whether more can never undo it: then it can be judged as events come, else only when
    /// the window is over.
    #[must_use]
    pub fn is_lower_bound(&self) -> bool {
        self.0
            .iter()
            .all(|(bound, _)| matches!(bound, Bound::Greater | Bound::AtLeast))
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

/// A rule that a correlation names, by id or name.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    pub(crate) text: String,
    pub(crate) place: Place,
}

/// The correlation section.
#[derive(Debug, Clone)]
pub(crate) struct Correlation {
    pub(crate) aggregate: Aggregate,
    pub(crate) rules: Vec<Reference>,
    pub(crate) group_by: Vec<String>,
    pub(crate) timespan: SignedDuration,
    pub(crate) threshold: Threshold,
    /// Alias, rule reference, field.
    pub(crate) aliases: Vec<(String, String, String)>,
    /// Whether the rules it refers to also give findings of their own.
    pub(crate) generate: bool,
}

pub(super) fn read(node: &Node, root: &Node, report: &mut Report) -> Option<Correlation> {
    if node.map().is_none() {
        report.error(
            code::WRONG_TYPE,
            node.span,
            format!("`correlation` must be a map, not {}", node.kind_word()),
            "",
        );
        return None;
    }
    let before = report.errors();
    let aggregate = aggregate(node, report);
    let rules = references(node, report);
    let group_by = meta::list(node, "group-by", report);
    let timespan = timespan(node, report);
    let aliases = aliases(node, &rules, report);
    let generate = node.get("generate").or_else(|| root.get("generate"));
    let generate = match generate.and_then(Node::scalar).map(Scalar::typed) {
        None | Some(Typed::Bool(false) | Typed::Null) => false,
        Some(Typed::Bool(true)) => true,
        Some(Typed::Int(_) | Typed::Float(_) | Typed::Text(_)) => {
            let at = generate.map(|n| n.span).unwrap_or_default();
            report.error(code::WRONG_TYPE, at, "`generate` must be true or false", "");
            false
        }
    };
    let aggregate = aggregate?;
    let threshold = threshold(node, &aggregate, rules.len(), report);
    let correlation = Correlation {
        aggregate,
        rules,
        group_by,
        timespan: timespan?,
        threshold: threshold?,
        aliases,
        generate,
    };
    (report.errors() == before).then_some(correlation)
}

fn missing<T>(node: &Node, key: &str, help: &str, report: &mut Report) -> Option<T> {
    report.error(
        code::CORRELATION_INCOMPLETE,
        node.span,
        format!("the correlation has no `{key}`"),
        help,
    );
    None
}

fn aggregate(node: &Node, report: &mut Report) -> Option<Aggregate> {
    let Some(kind) = node.get("type") else {
        return missing(
            node,
            "type",
            &format!("one of {}", TYPES.join(", ")),
            report,
        );
    };
    match kind.text().unwrap_or_default() {
        "event_count" => Some(Aggregate::EventCount),
        "temporal" => Some(Aggregate::Temporal),
        "temporal_ordered" => Some(Aggregate::TemporalOrdered),
        "value_count" => {
            let Some(condition) = node.get("condition") else {
                return missing(
                    node,
                    "condition",
                    "give `field` and a bound such as `gte: 5`",
                    report,
                );
            };
            let fields = meta::list(condition, "field", report);
            if fields.is_empty() {
                report.error(
                    code::BAD_CORRELATION_CONDITION,
                    condition.span,
                    "`value_count` needs `field` in its condition",
                    "name the field whose values are counted",
                );
                return None;
            }
            Some(Aggregate::ValueCount(fields))
        }
        other => {
            let near = did_you_mean(other, TYPES);
            let help = if near.is_empty() {
                format!("one of {}", TYPES.join(", "))
            } else {
                near
            };
            report.error(
                code::BAD_CORRELATION_TYPE,
                kind.span,
                format!("`{}` is not a correlation type known here", short(other)),
                help,
            );
            None
        }
    }
}

fn references(node: &Node, report: &mut Report) -> Vec<Reference> {
    let items = match node.get("rules").map(|n| (&n.kind, n)) {
        Some((Kind::List(items), _)) => items.as_slice(),
        Some((Kind::Scalar(_), one)) => std::slice::from_ref(one),
        Some((Kind::Map(_), _)) | None => &[],
    };
    let out: Vec<Reference> = items
        .iter()
        .filter_map(|item| {
            Some(Reference {
                text: item.text()?.to_owned(),
                place: report.place(item.span),
            })
        })
        .collect();
    if out.is_empty() {
        let _: Option<()> = missing(node, "rules", "list the ids or names of the rules", report);
    }
    out
}

/// `90m`, `1h`: a number and one of s m h d, and w as other tools have it ("Time Selection").
pub(crate) fn read_timespan(text: &str) -> Option<SignedDuration> {
    let unit = text.chars().next_back()?;
    let count: i64 = text.strip_suffix(unit)?.parse().ok().filter(|n| *n > 0)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    // A year is more memory than any window should hold.
    count
        .checked_mul(seconds)
        .filter(|s| *s <= 366 * 86_400)
        .map(SignedDuration::from_secs)
}

fn timespan(node: &Node, report: &mut Report) -> Option<SignedDuration> {
    let Some(span) = node.get("timespan") else {
        return missing(node, "timespan", "such as `timespan: 10m`", report);
    };
    let text = span.text().unwrap_or_default();
    let read = read_timespan(text);
    if read.is_none() {
        report.error(
            code::BAD_TIMESPAN,
            span.span,
            format!("`{}` is not a timespan", short(text)),
            "write a number and s, m, h or d, at most one year",
        );
    }
    read
}

fn threshold(
    node: &Node,
    aggregate: &Aggregate,
    rules: usize,
    report: &mut Report,
) -> Option<Threshold> {
    let temporal = matches!(aggregate, Aggregate::Temporal | Aggregate::TemporalOrdered);
    let Some(condition) = node.get("condition") else {
        if temporal {
            return Some(Threshold::at_least(rules));
        }
        return missing(node, "condition", "such as `gte: 5`", report);
    };
    let Some(entries) = condition.map() else {
        report.error(
            code::BAD_CORRELATION_CONDITION,
            condition.span,
            format!(
                "the condition of a correlation must be a map, not {}",
                condition.kind_word()
            ),
            "such as `gte: 5`",
        );
        return None;
    };
    let mut bounds = Vec::new();
    for (key, value) in entries {
        let word = key.text().unwrap_or_default();
        if word == "field" && matches!(aggregate, Aggregate::ValueCount(_)) {
            continue;
        }
        let Some((_, bound)) = BOUNDS.iter().find(|(name, _)| *name == word) else {
            report.error(
                code::BAD_CORRELATION_CONDITION,
                key.span,
                format!("`{}` is not a bound", short(word)),
                "one of gt, gte, lt, lte, eq, neq",
            );
            return None;
        };
        let Some(n) = value.text().and_then(|text| text.parse::<u64>().ok()) else {
            report.error(
                code::BAD_CORRELATION_CONDITION,
                value.span,
                "a bound must be a whole number from 0",
                "",
            );
            return None;
        };
        bounds.push((*bound, n));
    }
    if bounds.is_empty() {
        report.error(
            code::BAD_CORRELATION_CONDITION,
            condition.span,
            "the condition has no bound",
            "add one of gt, gte, lt, lte, eq, neq",
        );
        return None;
    }
    let threshold = Threshold(bounds);
    if *aggregate == Aggregate::TemporalOrdered && threshold != Threshold::at_least(rules) {
        report.error(
            code::BAD_CORRELATION_CONDITION,
            condition.span,
            "`temporal_ordered` asks for all its rules in their order; a condition cannot change that",
            "remove the condition, or use `temporal`",
        );
        return None;
    }
    Some(threshold)
}

fn aliases(node: &Node, rules: &[Reference], report: &mut Report) -> Vec<(String, String, String)> {
    let mut out = Vec::new();
    let Some(aliases) = node.get("aliases") else {
        return out;
    };
    let Some(entries) = aliases.map() else {
        report.error(
            code::BAD_ALIAS,
            aliases.span,
            format!("`aliases` must be a map, not {}", aliases.kind_word()),
            "alias name, then rule name: field",
        );
        return out;
    };
    for (alias, fields) in entries {
        let Some(fields) = fields.map() else {
            report.error(
                code::BAD_ALIAS,
                fields.span,
                "an alias must map rule names to fields",
                "",
            );
            continue;
        };
        for (rule, field) in fields {
            let name = rule.text().unwrap_or_default();
            if !rules.iter().any(|r| r.text == name) {
                report.error(
                    code::BAD_ALIAS,
                    rule.span,
                    format!(
                        "the alias names `{}`, which is none of the correlation's rules",
                        short(name)
                    ),
                    did_you_mean(name, rules.iter().map(|r| r.text.as_str())),
                );
            } else if let Some(field) = field.text() {
                out.push((
                    alias.text().unwrap_or_default().to_owned(),
                    name.to_owned(),
                    field.to_owned(),
                ));
            } else {
                report.error(
                    code::BAD_ALIAS,
                    field.span,
                    "an alias must name one field for each rule",
                    "",
                );
            }
        }
    }
    out
}
