//! Golden tests that stand beside a mapping: records in, events out.

use std::{collections::BTreeSet, fmt::Write as _};

use bytes::Bytes;
use watchfloor_types::{Event, Frame, Timestamp, Value};

use crate::{join::Joiner, json::write_text, map::Mapped, source::Source, spec::TestSpec};

/// How one test went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestOutcome {
    /// The test.
    pub name: String,
    /// What differs, one line each; empty means passed.
    pub differences: Vec<String>,
    /// The events as they came out, in the form in which a test states them.
    pub actual: String,
}

impl TestOutcome {
    /// Whether all was as stated.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Time of receipt in tests.
const RECEIVED: i64 = 1_800_000_000;

/// Runs one test of `source`.
pub(crate) fn run(source: &Source, test: &TestSpec) -> TestOutcome {
    let Ok(tenant) = "test".parse() else {
        // `test` is a valid slug.
        return TestOutcome {
            name: test.name.clone(),
            differences: vec!["no tenant".to_owned()],
            actual: String::new(),
        };
    };
    let frame = Frame {
        seq: 1,
        received: Timestamp::from_second(RECEIVED).unwrap_or_default(),
        source: source.id().clone(),
        tenant,
        mark: None,
        records: test
            .records
            .iter()
            .map(|r| Bytes::from(r.trim_end().to_owned()))
            .collect(),
        refused: Vec::new(),
    };
    let mapped = source.map_frame(&frame, &mut Joiner::default());
    TestOutcome {
        name: test.name.clone(),
        differences: compare(test, &mapped, &frame),
        actual: describe(&mapped, &frame),
    }
}

fn compare(test: &TestSpec, mapped: &Mapped, frame: &Frame) -> Vec<String> {
    let mut out = Vec::new();
    let mut differ = |what: String, expected: String, actual: String| {
        if expected != actual {
            out.push(format!("{what}: expected {expected}, got {actual}"));
        }
    };
    differ(
        "events".into(),
        test.events.len().to_string(),
        mapped.events.len().to_string(),
    );
    let dropped: u64 = mapped.dropped.values().sum();
    differ(
        "dropped".into(),
        test.dropped.to_string(),
        dropped.to_string(),
    );
    differ(
        "unknown leaves".into(),
        test.unknown.to_string(),
        mapped.unknown_leaves.to_string(),
    );
    differ(
        "dead letters".into(),
        test.dead.len().to_string(),
        mapped.dead.len().to_string(),
    );
    for (i, (expected, actual)) in test.dead.iter().zip(&mapped.dead).enumerate() {
        if !actual.reason.starts_with(expected.as_str()) {
            differ(
                format!("dead letter {i}"),
                expected.clone(),
                actual.reason.clone(),
            );
        }
    }
    for (i, (expected, actual)) in test.events.iter().zip(&mapped.events).enumerate() {
        differ(
            format!("event {i} logsource"),
            expected.logsource.clone(),
            actual.logsource.to_string(),
        );
        let time = expected
            .time
            .clone()
            .unwrap_or_else(|| frame.received.to_string());
        differ(format!("event {i} time"), time, actual.time.to_string());
        let tenant = expected
            .tenant
            .clone()
            .unwrap_or_else(|| frame.tenant.to_string());
        differ(
            format!("event {i} tenant"),
            tenant,
            actual.tenant.to_string(),
        );
        let names: BTreeSet<&str> = expected
            .norm
            .keys()
            .map(String::as_str)
            .chain(actual.norm.iter().map(|(n, _)| n.as_str()))
            .collect();
        for name in &names {
            let show = |v: Option<&Value>| v.map_or_else(|| "nothing".to_owned(), json_text);
            let stated = show(expected.norm.get(*name));
            differ(
                format!("event {i} {name}"),
                stated,
                show(actual.norm.get(name)),
            );
        }
    }
    if !mapped.unknown_examples.is_empty() && test.unknown == 0 {
        out.push(format!(
            "unknown leaves at {}",
            mapped.unknown_examples.join(", ")
        ));
    }
    out
}

/// The events in the form of a test's `events`.
fn describe(mapped: &Mapped, frame: &Frame) -> String {
    let mut out = String::new();
    for event in &mapped.events {
        describe_event(event, frame, &mut out);
    }
    out
}

fn describe_event(event: &Event, frame: &Frame, out: &mut String) {
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line(format!("- logsource: {}", event.logsource));
    if event.time != frame.received {
        line(format!("  time: \"{}\"", event.time));
    }
    if event.tenant != frame.tenant {
        line(format!("  tenant: {}", event.tenant));
    }
    line(if event.norm.is_empty() {
        "  norm: {}".to_owned()
    } else {
        "  norm:".to_owned()
    });
    for (name, value) in event.norm.iter() {
        line(format!("    {name}: {}", json_text(value)));
    }
}

/// A value as JSON, which is YAML too.
fn json_text(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Bool(b) => out.push_str(&b.to_string()),
        Value::Int(i) => out.push_str(&i.to_string()),
        Value::Float(f) => {
            write!(out, "{f:?}").ok();
        }
        Value::Str(s) => write_text(s, &mut out),
        Value::List(items) => {
            let items: Vec<_> = items.iter().map(json_text).collect();
            write!(out, "[{}]", items.join(", ")).ok();
        }
    }
    out
}
