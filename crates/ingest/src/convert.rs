//! Native values to canonical ones.

use std::{collections::HashSet, net::IpAddr};

use watchfloor_types::Value;

use crate::{
    json::Json,
    messages::{compact, finish_reason, flat},
    path::Found,
    shape::Entry,
    spec::Conversion,
};

/// The first value that one of the entry's paths gives.
pub(crate) fn value(entry: &Entry, found: &Found<'_, '_>) -> Option<Value> {
    match entry.kind {
        Conversion::List => list(entry, found),
        Conversion::FinishReasons => match list(entry, found)? {
            Value::List(items) => Some(Value::List(
                items
                    .iter()
                    .map(|i| Value::from(finish_reason(&i.to_string())))
                    .collect(),
            )),
            one @ (Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Str(_)) => Some(one),
        },
        Conversion::Lines => {
            let texts = list(entry, found)?;
            let Value::List(items) = texts else {
                return Some(texts);
            };
            let lines: Vec<_> = items.iter().map(Value::to_string).collect();
            Some(Value::Str(lines.join("\n").into()))
        }
        Conversion::Count => {
            let counts = entry.slots.iter().flat_map(|s| found.all(*s)).map(count);
            counts.reduce(|a, b| a + b).map(Value::Int)
        }
        Conversion::Scalar
        | Conversion::Text
        | Conversion::Lower
        | Conversion::Number
        | Conversion::Json
        | Conversion::Flat
        | Conversion::Ip
        | Conversion::Host => entry
            .slots
            .iter()
            .flat_map(|slot| found.all(*slot))
            .find_map(|json| one(entry.kind, json))
            .and_then(|value| finish(entry, value)),
    }
}

fn one(kind: Conversion, json: &Json<'_>) -> Option<Value> {
    match kind {
        Conversion::Json => Some(Value::Str(compact(json).into())),
        Conversion::Flat => text(&flat(json)),
        Conversion::Scalar
        | Conversion::List
        | Conversion::Lines
        | Conversion::FinishReasons
        | Conversion::Count => scalar(json),
        Conversion::Text => text(&scalar(json)?.to_string()),
        Conversion::Lower => text(&scalar(json)?.to_string().to_lowercase()),
        Conversion::Number => match json {
            Json::Number(n) | Json::Text(n) => number(n.trim()),
            Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
        },
        Conversion::Ip => {
            let ip: IpAddr = json.text()?.parse().ok()?;
            text(&ip.to_canonical().to_string())
        }
        Conversion::Host => host(json.text()?),
    }
}

/// The host of `scheme://user@host:port/path`, or of `host:port`, in lower case.
fn host(url: &str) -> Option<Value> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next()?,
        None => host.split(':').next()?,
    };
    text(&host.to_ascii_lowercase())
}

fn count(json: &Json<'_>) -> i64 {
    match json {
        Json::Array(items) => i64::try_from(items.len()).unwrap_or(i64::MAX),
        Json::Null => 0,
        Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Object(_) => 1,
    }
}

fn text(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| Value::from(text))
}

/// A scalar as it is; lists and objects are none.
pub(crate) fn scalar(json: &Json<'_>) -> Option<Value> {
    match json {
        Json::Bool(b) => Some(Value::Bool(*b)),
        Json::Number(n) => number(n),
        Json::Text(t) => text(t),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

fn number(digits: &str) -> Option<Value> {
    if let Ok(whole) = digits.parse() {
        return Some(Value::Int(whole));
    }
    let number: f64 = digits.parse().ok()?;
    number.is_finite().then_some(Value::Float(number))
}

/// Most different values of one field that are kept.
const MOST_VALUES: usize = 4_096;

fn list(entry: &Entry, found: &Found<'_, '_>) -> Option<Value> {
    let mut out: Vec<Value> = Vec::new();
    let mut seen: HashSet<String> = HashSet::new();
    for slot in &entry.slots {
        for json in found.all(*slot) {
            let items = match json {
                Json::Array(items) => items.as_slice(),
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Object(_) => {
                    std::slice::from_ref(json)
                }
            };
            for value in items
                .iter()
                .filter_map(scalar)
                .filter_map(|v| finish(entry, v))
            {
                if out.len() == MOST_VALUES {
                    return Some(Value::List(out));
                }
                // Few values are compared one by one; a hostile list must not cost its square.
                let new = if out.len() < 16 {
                    !out.contains(&value)
                } else {
                    if seen.is_empty() {
                        seen.extend(out.iter().map(|v| format!("{v:?}")));
                    }
                    seen.insert(format!("{value:?}"))
                };
                if new {
                    out.push(value);
                }
            }
        }
    }
    (!out.is_empty()).then_some(Value::List(out))
}

/// Separators, factor and table.
fn finish(entry: &Entry, value: Value) -> Option<Value> {
    let mut value = value;
    if let (Some(times), Value::Int(_) | Value::Float(_)) = (entry.times, &value) {
        let number = match value {
            Value::Int(i) => i as f64,
            Value::Float(f) => f,
            Value::Bool(_) | Value::Str(_) | Value::List(_) => 0.0,
        };
        value = Value::Float(number * times);
    }
    if let Value::Str(whole) = &value
        && (entry.after.is_some() || entry.before.is_some())
    {
        let mut part: &str = whole;
        if let Some(separator) = &entry.after {
            part = part.rsplit(separator.as_str()).next()?;
        }
        if let Some(separator) = &entry.before {
            part = part.split(separator.as_str()).next()?;
        }
        value = text(part)?;
    }
    if entry.table.is_empty() {
        return Some(value);
    }
    let word = value.to_string().to_lowercase();
    match entry.table.get(word.as_str()).or(entry.otherwise.as_ref()) {
        Some(found) => Some(found.clone()),
        None => Some(value),
    }
}
