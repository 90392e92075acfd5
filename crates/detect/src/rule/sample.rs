//! Inline samples: our key `tests`, a list of events with what the rule should say.

use jiff::SignedDuration;
use watchfloor_types::Logsource;

use super::correlation::read_timespan;
use crate::{
    diagnostics::{Report, code, did_you_mean},
    modifier::short,
    yaml::{Kind, Node},
};

/// What a sample expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// At least one finding.
    Match,
    /// No finding.
    None,
}

/// One test of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// What it shows.
    pub name: String,
    /// What the rule should say.
    pub expect: Expect,
    /// The events, in order.
    pub events: Vec<SampleEvent>,
}

/// One event of a sample.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleEvent {
    /// Fields in the view that the rule reads: native JSON, or canonical names (nested or dotted).
    pub fields: serde_json::Value,
    /// The rule's own logsource where none is given. For a correlation without one, the event
    /// is offered to each of its rules.
    pub logsource: Option<Logsource>,
    /// How long after the first event; one second after the event before where none is given.
    pub after: Option<SignedDuration>,
}

const KEYS: [&str; 5] = ["name", "expect", "event", "events", "logsource"];

pub(super) fn read(node: &Node, report: &mut Report) -> Vec<Sample> {
    let Kind::List(items) = &node.kind else {
        report.error(
            code::BAD_SAMPLE,
            node.span,
            format!("`tests` must be a list, not {}", node.kind_word()),
            "",
        );
        return Vec::new();
    };
    items.iter().filter_map(|item| one(item, report)).collect()
}

fn one(node: &Node, report: &mut Report) -> Option<Sample> {
    let Some(entries) = node.map() else {
        report.error(
            code::BAD_SAMPLE,
            node.span,
            format!("a test must be a map, not {}", node.kind_word()),
            "",
        );
        return None;
    };
    for (key, _) in entries {
        let word = key.text().unwrap_or_default();
        if !KEYS.contains(&word) {
            report.error(
                code::BAD_SAMPLE,
                key.span,
                format!("unknown key `{}` in a test", short(word)),
                did_you_mean(word, KEYS),
            );
            return None;
        }
    }
    let name = node
        .get("name")
        .and_then(Node::text)
        .unwrap_or_default()
        .to_owned();
    if name.is_empty() {
        report.error(
            code::BAD_SAMPLE,
            node.span,
            "the test has no name",
            "say what it shows",
        );
        return None;
    }
    let expect = match node.get("expect").and_then(Node::text) {
        Some("match") => Expect::Match,
        Some("none") => Expect::None,
        _ => {
            let at = node.get("expect").map_or(node.span, |n| n.span);
            report.error(
                code::BAD_SAMPLE,
                at,
                "`expect` must be `match` or `none`",
                "",
            );
            return None;
        }
    };
    let logsource = node.get("logsource").map(logsource);
    let nodes = match (node.get("event"), node.get("events").map(|n| &n.kind)) {
        (Some(event), None) => std::slice::from_ref(event),
        (None, Some(Kind::List(events))) if !events.is_empty() => events.as_slice(),
        _ => {
            report.error(
                code::BAD_SAMPLE,
                node.span,
                "a test needs either `event` or a list `events`",
                "",
            );
            return None;
        }
    };
    let mut events = Vec::with_capacity(nodes.len());
    for node in nodes {
        events.push(event(node, logsource.as_ref(), report)?);
    }
    Some(Sample {
        name,
        expect,
        events,
    })
}

fn event(node: &Node, shared: Option<&Logsource>, report: &mut Report) -> Option<SampleEvent> {
    let Some(entries) = node.map() else {
        report.error(
            code::BAD_SAMPLE,
            node.span,
            format!("an event must be a map, not {}", node.kind_word()),
            "",
        );
        return None;
    };
    let mut out = SampleEvent {
        fields: serde_json::Value::Null,
        logsource: shared.cloned(),
        after: None,
    };
    let mut fields = serde_json::Map::new();
    for (key, value) in entries {
        match key.text().unwrap_or_default() {
            "_logsource" => out.logsource = Some(logsource(value)),
            "_after" => {
                let text = value.text().unwrap_or_default();
                out.after = if text == "0s" {
                    Some(SignedDuration::ZERO)
                } else {
                    read_timespan(text)
                };
                if out.after.is_none() {
                    report.error(
                        code::BAD_TIMESPAN,
                        value.span,
                        format!("`{}` is not a timespan", short(text)),
                        "write a number and s, m, h or d",
                    );
                    return None;
                }
            }
            name => {
                fields.insert(name.to_owned(), value.to_json());
            }
        }
    }
    out.fields = serde_json::Value::Object(fields);
    Some(out)
}

fn logsource(node: &Node) -> Logsource {
    let part = |key: &str| {
        node.get(key)
            .and_then(Node::text)
            .filter(|t| !t.is_empty())
            .map(Into::into)
    };
    Logsource {
        product: part("product"),
        category: part("category"),
        service: part("service"),
    }
}
