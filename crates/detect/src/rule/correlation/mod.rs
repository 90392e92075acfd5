//! Correlation rules (Sigma 2.1, correlation rules specification), and three types of our own.

mod expression;
mod kind;
mod threshold;

use jiff::SignedDuration;
use watchfloor_types::Place;

use super::meta;
use crate::{
    diagnostics::{Report, code, did_you_mean},
    modifier::short,
    yaml::{Kind, Node, Scalar, Typed},
};
use expression::Expression;
pub use kind::Aggregate;
use threshold::BOUNDS;
pub use threshold::Threshold;

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
    pub(crate) window: WindowMode,
    pub(crate) condition: Judged,
    /// Alias, rule reference, field.
    pub(crate) aliases: Vec<(String, String, String)>,
    /// Whether the rules it refers to also give findings of their own.
    pub(crate) generate: bool,
}

/// How contributions are cut into windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WindowMode {
    /// At every moment, the timespan before it.
    Sliding,
    /// Timespans one after the other since 1970.
    Tumbling,
    /// Until nothing came for the gap, a timespan at most.
    Session { gap: SignedDuration },
}

/// What must hold of a window.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Judged {
    /// Bounds on the figure.
    Figure(Threshold),
    /// Which rules matched, and which did not.
    Expression(Expression, String),
}

/// When a window is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timing {
    /// At every contribution.
    Early,
    /// When it is over: before that, one more event could undo it.
    End,
}

impl Correlation {
    pub(crate) fn timing(&self) -> Timing {
        let early = match (&self.condition, &self.aggregate) {
            (Judged::Expression(expression, _), _) => expression.is_lasting(),
            (
                Judged::Figure(_),
                Aggregate::ValueAvg(_)
                | Aggregate::ValueMedian(_)
                | Aggregate::ValuePercentile { .. },
            ) => self.window == WindowMode::Sliding,
            (
                Judged::Figure(threshold),
                Aggregate::EventCount
                | Aggregate::ValueCount(_)
                | Aggregate::ValueSum(_)
                | Aggregate::Temporal
                | Aggregate::TemporalOrdered
                | Aggregate::NearDuplicate { .. },
            ) => threshold.is_lower_bound(),
            (Judged::Figure(_), Aggregate::NewValue { .. } | Aggregate::ChangedValue(_)) => true,
        };
        if early { Timing::Early } else { Timing::End }
    }
    /// The condition in words, for findings.
    pub(crate) fn words(&self) -> String {
        let span = format!("within {:#}", self.timespan);
        match (&self.condition, &self.aggregate) {
            (Judged::Expression(_, text), _) => {
                format!("{} `{text}` {span}", self.aggregate.as_str())
            }
            (Judged::Figure(_), Aggregate::NewValue { .. } | Aggregate::ChangedValue(_)) => {
                format!("{} {span}", self.aggregate.as_str())
            }
            (Judged::Figure(threshold), aggregate) => {
                format!("{} {threshold} {span}", aggregate.as_str())
            }
        }
    }
}

/// Keys of the section: the standard's, `window` and `gap` as other engines have them, and ours.
const KEYS: [&str; 11] = [
    "type",
    "rules",
    "aliases",
    "group-by",
    "timespan",
    "timeframe",
    "condition",
    "generate",
    "window",
    "gap",
    "learning",
];

pub(super) fn read(node: &Node, root: &Node, report: &mut Report) -> Option<Correlation> {
    let Some(entries) = node.map() else {
        report.error(
            code::WRONG_TYPE,
            node.span,
            format!("`correlation` must be a map, not {}", node.kind_word()),
            "",
        );
        return None;
    };
    let before = report.errors();
    for (key, _) in entries {
        let word = key.text().unwrap_or_default();
        if !KEYS.contains(&word) {
            report.warning(
                code::UNKNOWN_KEY,
                key.span,
                format!("`{}` in `correlation` means nothing", short(word)),
                did_you_mean(word, KEYS),
            );
        }
    }
    let aggregate = kind::read(node, report);
    let rules = references(node, report);
    let group_by = meta::list(node, "group-by", report);
    let timespan = timespan(node, report);
    let window = window(node, root, timespan, report);
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
    let condition = condition(node, &aggregate, &rules, report);
    let window = window?;
    if aggregate.is_memory() && window != WindowMode::Sliding {
        let at = node.get("window").map_or(node.span, |n| n.span);
        report.error(
            code::BAD_WINDOW,
            at,
            format!(
                "`{}` remembers values and has no window",
                aggregate.as_str()
            ),
            "remove `window`",
        );
    }
    let correlation = Correlation {
        aggregate,
        rules,
        group_by,
        timespan: timespan?,
        window,
        condition: condition?,
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

/// `window` and `gap`, in the section or, as `rsigma.window` and `rsigma.gap`, beside it.
fn window(
    node: &Node,
    root: &Node,
    timespan: Option<SignedDuration>,
    report: &mut Report,
) -> Option<WindowMode> {
    const MODES: [&str; 3] = ["sliding", "tumbling", "session"];
    let mode = root.get("rsigma.window").or_else(|| node.get("window"));
    let gap = root.get("rsigma.gap").or_else(|| node.get("gap"));
    let (word, at) = mode.map_or(("sliding", node.span), |n| {
        (n.text().unwrap_or_default(), n.span)
    });
    let mut wrong = |at, message: String, help: &str| -> Option<WindowMode> {
        report.error(code::BAD_WINDOW, at, message, help);
        None
    };
    match (word, gap) {
        ("sliding", None) => Some(WindowMode::Sliding),
        ("tumbling", None) => Some(WindowMode::Tumbling),
        ("sliding" | "tumbling", Some(gap)) => wrong(
            gap.span,
            format!("a {word} window has no gap"),
            "remove `gap`, or write `window: session`",
        ),
        ("session", None) => wrong(
            at,
            "a session needs the gap that ends it".to_owned(),
            "add `gap:`, such as 5m",
        ),
        ("session", Some(gap)) => {
            let text = gap.text().unwrap_or_default();
            let Some(read) = read_timespan(text) else {
                return wrong(
                    gap.span,
                    format!("`{}` is not a timespan", short(text)),
                    "write a number and s, m, h or d",
                );
            };
            if timespan.is_some_and(|span| read > span) {
                return wrong(
                    gap.span,
                    "the gap is longer than the longest session".to_owned(),
                    "`timespan` bounds a session as a whole",
                );
            }
            Some(WindowMode::Session { gap: read })
        }
        (other, _) => {
            let near = did_you_mean(other, MODES);
            let help = if near.is_empty() {
                "sliding, tumbling or session".to_owned()
            } else {
                near
            };
            wrong(
                at,
                format!("`{}` is not a kind of window", short(other)),
                &help,
            )
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
    // An expression names its rules; a list of them beside it is not needed.
    if out.is_empty()
        && let Some(condition) = node.get("condition").filter(|n| n.text().is_some())
    {
        return expression::names(condition, report);
    }
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
    let Some(span) = node.get("timespan").or_else(|| node.get("timeframe")) else {
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

/// The bounds of a figure, or an expression over rules.
fn condition(
    node: &Node,
    aggregate: &Aggregate,
    rules: &[Reference],
    report: &mut Report,
) -> Option<Judged> {
    if aggregate.is_memory() {
        return Some(Judged::Figure(Threshold::at_least(1)));
    }
    let temporal = matches!(aggregate, Aggregate::Temporal | Aggregate::TemporalOrdered);
    let Some(condition) = node.get("condition") else {
        if temporal {
            return Some(Judged::Figure(Threshold::at_least(rules.len())));
        }
        return missing(node, "condition", "such as `gte: 5`", report);
    };
    if let (true, Some(text)) = (temporal, condition.text()) {
        let read = expression::read(condition, rules, report)?;
        return Some(Judged::Expression(read, text.trim().to_owned()));
    }
    let Some(entries) = condition.map() else {
        report.error(
            code::BAD_CORRELATION_CONDITION,
            condition.span,
            format!(
                "the condition of this correlation must be a map, not {}",
                condition.kind_word()
            ),
            "such as `gte: 5`; only temporal types take text",
        );
        return None;
    };
    let whole = !aggregate.is_measured();
    let mut bounds = Vec::new();
    for (key, value) in entries {
        let word = key.text().unwrap_or_default();
        if aggregate.condition_keys().contains(&word) {
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
        let number = value
            .text()
            .and_then(|text| text.parse::<f64>().ok())
            .filter(|n| n.is_finite() && (!whole || (*n >= 0.0 && n.fract() == 0.0)));
        let Some(n) = number else {
            report.error(
                code::BAD_CORRELATION_CONDITION,
                value.span,
                if whole {
                    "a bound must be a whole number from 0"
                } else {
                    "a bound must be a number"
                },
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
    let threshold = Threshold::new(bounds);
    if *aggregate == Aggregate::TemporalOrdered && threshold != Threshold::at_least(rules.len()) {
        report.error(
            code::BAD_CORRELATION_CONDITION,
            condition.span,
            "`temporal_ordered` asks for all its rules in their order; a number cannot change that",
            "remove the condition, write an expression over rules, or use `temporal`",
        );
        return None;
    }
    Some(Judged::Figure(threshold))
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
