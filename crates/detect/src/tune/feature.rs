//! What an event says, flat.

use std::collections::BTreeMap;

use watchfloor_types::{Event, View};

use crate::fold::folded;

/// Longer values are prose, not properties.
const MAX_VALUE: usize = 400;
/// Most fields of one event that are looked at.
const MAX_FIELDS: usize = 2_000;

/// A value as written and as compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) text: String,
    pub(super) folded: String,
    pub(super) number: bool,
}

/// Field to values; a list has several.
#[derive(Debug, Clone, Default)]
pub(super) struct Features(pub(super) BTreeMap<String, Vec<Seen>>);

pub(super) fn of_event(event: &Event, view: View) -> Features {
    match view {
        View::Native => serde_json::from_slice(&event.native)
            .map(|value: serde_json::Value| features(&value))
            .unwrap_or_default(),
        View::Norm => {
            let map = event
                .norm
                .iter()
                .filter_map(|(name, value)| {
                    Some((name.to_string(), serde_json::to_value(value).ok()?))
                })
                .collect();
            let value = serde_json::Value::Object(map);
            features(&value)
        }
    }
}

/// Nested maps become dotted names.
pub(super) fn features(value: &serde_json::Value) -> Features {
    let mut out = Features::default();
    walk("", value, 0, &mut out);
    out
}

fn walk(prefix: &str, value: &serde_json::Value, depth: usize, out: &mut Features) {
    use serde_json::Value;
    if depth > 16 || out.0.len() >= MAX_FIELDS {
        return;
    }
    let (text, number) = match value {
        Value::Object(map) => {
            for (key, value) in map {
                let name = if prefix.is_empty() {
                    key.clone()
                } else {
                    format!("{prefix}.{key}")
                };
                walk(&name, value, depth + 1, out);
            }
            return;
        }
        Value::Array(items) => {
            for item in items {
                walk(prefix, item, depth + 1, out);
            }
            return;
        }
        Value::Null => return,
        Value::Bool(b) => (b.to_string(), false),
        Value::Number(n) => (n.to_string(), true),
        Value::String(s) => (s.clone(), false),
    };
    if prefix.is_empty() || text.is_empty() || text.len() > MAX_VALUE {
        return;
    }
    out.0.entry(prefix.to_owned()).or_default().push(Seen {
        folded: folded(&text),
        text,
        number,
    });
}
