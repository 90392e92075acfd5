//! OTLP/JSON to OTLP messages, tolerant of what senders get wrong: snake-case names, base64
//! ids, enum names instead of numbers, 64-bit integers as numbers. Unknown members are passed
//! over, as the OTLP specification demands of receivers.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use opentelemetry_proto::tonic::{
    common::v1::{
        AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value,
    },
    logs::v1::LogRecord,
    resource::v1::Resource,
    trace::v1::{Span, Status, span},
};

use super::{Item, Room};
use crate::json::Json;

/// One item, or what is wrong with it and its JSON.
pub(super) type Read<'j> = Result<Item, (String, &'j Json<'j>)>;

type Visit<'v> = &'v mut dyn FnMut(&Resource, &InstrumentationScope, Read<'_>) -> Room;

/// Every span of a trace request.
pub(super) fn traces(
    tree: &Json<'_>,
    mut visit: impl FnMut(&Resource, &InstrumentationScope, Read<'_>) -> Room,
) -> Result<(), String> {
    groups(
        tree,
        "resourceSpans",
        "scopeSpans",
        "spans",
        read_span,
        &mut visit,
    )
}

/// Every log record of a logs request.
pub(super) fn logs(
    tree: &Json<'_>,
    mut visit: impl FnMut(&Resource, &InstrumentationScope, Read<'_>) -> Room,
) -> Result<(), String> {
    groups(
        tree,
        "resourceLogs",
        "scopeLogs",
        "logRecords",
        read_log,
        &mut visit,
    )
}

fn groups(
    tree: &Json<'_>,
    outer: &'static str,
    inner: &'static str,
    leaf: &'static str,
    read: fn(&Json<'_>) -> Result<Item, String>,
    visit: Visit<'_>,
) -> Result<(), String> {
    if !matches!(tree, Json::Object(_)) {
        return Err("an OTLP request is a JSON object".to_owned());
    }
    let Some(list) = member(tree, outer) else {
        return if tree.is_empty() {
            Ok(())
        } else {
            Err(format!("the request has no `{outer}`"))
        };
    };
    for (i, group) in list.items().iter().enumerate() {
        let resource = member(group, "resource").map(read_resource).transpose();
        let resource = resource
            .map_err(|e| format!("{outer}[{i}].resource: {e}"))?
            .unwrap_or_default();
        for (j, scopes) in member(group, inner)
            .map_or(&[][..], Json::items)
            .iter()
            .enumerate()
        {
            let scope = member(scopes, "scope").map(read_scope).transpose();
            let scope = scope
                .map_err(|e| format!("{inner}[{j}].scope: {e}"))?
                .unwrap_or_default();
            for (k, item) in member(scopes, leaf)
                .map_or(&[][..], Json::items)
                .iter()
                .enumerate()
            {
                let item = read(item)
                    .map_err(|e| (format!("{outer}[{i}].{inner}[{j}].{leaf}[{k}]{e}"), item));
                if visit(&resource, &scope, item) == Room::None {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// The member called `name`, in camel or snake case, unless it is null.
fn member<'j, 'a>(json: &'j Json<'a>, name: &str) -> Option<&'j Json<'a>> {
    let found = json.get(name).or_else(|| {
        let mut snake = String::with_capacity(name.len() + 4);
        for c in name.chars() {
            if c.is_ascii_uppercase() {
                snake.push('_');
            }
            snake.push(c.to_ascii_lowercase());
        }
        json.get(&snake)
    })?;
    (!matches!(found, Json::Null)).then_some(found)
}

fn read_resource(json: &Json<'_>) -> Result<Resource, String> {
    Ok(Resource {
        attributes: attributes(json)?,
        dropped_attributes_count: number(json, "droppedAttributesCount")?,
        entity_refs: Vec::new(),
    })
}

fn read_scope(json: &Json<'_>) -> Result<InstrumentationScope, String> {
    Ok(InstrumentationScope {
        name: text(json, "name")?,
        version: text(json, "version")?,
        attributes: attributes(json)?,
        dropped_attributes_count: number(json, "droppedAttributesCount")?,
    })
}

const KINDS: &[&str] = &[
    "UNSPECIFIED",
    "INTERNAL",
    "SERVER",
    "CLIENT",
    "PRODUCER",
    "CONSUMER",
];
const CODES: &[&str] = &["UNSET", "OK", "ERROR"];

fn read_span(json: &Json<'_>) -> Result<Item, String> {
    if !matches!(json, Json::Object(_)) {
        return Err(" is not an object".to_owned());
    }
    let status = match member(json, "status") {
        None => None,
        Some(s) => Some(Status {
            message: text(s, "message")?,
            code: enumeration(s, "code", "STATUS_CODE_", CODES)?,
        }),
    };
    Ok(Item::Span(Box::new(Span {
        trace_id: id(json, "traceId", 16)?,
        span_id: id(json, "spanId", 8)?,
        trace_state: text(json, "traceState")?,
        parent_span_id: id(json, "parentSpanId", 8)?,
        flags: number(json, "flags")?,
        name: text(json, "name")?,
        kind: enumeration(json, "kind", "SPAN_KIND_", KINDS)?,
        start_time_unix_nano: number(json, "startTimeUnixNano")?,
        end_time_unix_nano: number(json, "endTimeUnixNano")?,
        attributes: attributes(json)?,
        dropped_attributes_count: number(json, "droppedAttributesCount")?,
        events: each(json, "events", |e| {
            Ok(span::Event {
                time_unix_nano: number(e, "timeUnixNano")?,
                name: text(e, "name")?,
                attributes: attributes(e)?,
                dropped_attributes_count: number(e, "droppedAttributesCount")?,
            })
        })?,
        dropped_events_count: number(json, "droppedEventsCount")?,
        links: each(json, "links", |l| {
            Ok(span::Link {
                trace_id: id(l, "traceId", 16)?,
                span_id: id(l, "spanId", 8)?,
                trace_state: text(l, "traceState")?,
                attributes: attributes(l)?,
                dropped_attributes_count: number(l, "droppedAttributesCount")?,
                flags: number(l, "flags")?,
            })
        })?,
        dropped_links_count: number(json, "droppedLinksCount")?,
        status,
    })))
}

fn read_log(json: &Json<'_>) -> Result<Item, String> {
    if !matches!(json, Json::Object(_)) {
        return Err(" is not an object".to_owned());
    }
    let severity = match member(json, "severityNumber") {
        // `SEVERITY_NUMBER_INFO2` and the like: the word alone is kept in `severityText`.
        Some(Json::Text(word)) => word.parse().unwrap_or(0),
        Some(_) | None => number(json, "severityNumber")?,
    };
    Ok(Item::Log(Box::new(LogRecord {
        time_unix_nano: number(json, "timeUnixNano")?,
        observed_time_unix_nano: number(json, "observedTimeUnixNano")?,
        severity_number: severity,
        severity_text: text(json, "severityText")?,
        body: member(json, "body").map(any).transpose()?,
        attributes: attributes(json)?,
        dropped_attributes_count: number(json, "droppedAttributesCount")?,
        flags: number(json, "flags")?,
        trace_id: id(json, "traceId", 16)?,
        span_id: id(json, "spanId", 8)?,
        event_name: text(json, "eventName")?,
    })))
}

fn each<T>(
    json: &Json<'_>,
    name: &str,
    read: impl Fn(&Json<'_>) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    member(json, name)
        .map_or(&[][..], Json::items)
        .iter()
        .map(read)
        .collect()
}

fn text(json: &Json<'_>, name: &str) -> Result<String, String> {
    match member(json, name) {
        None => Ok(String::new()),
        Some(Json::Text(t)) => Ok(t.to_string()),
        Some(_) => Err(format!(".{name} is not text")),
    }
}

/// A number, also as text; protobuf writes 64-bit integers as text.
fn number<N: std::str::FromStr + Default>(json: &Json<'_>, name: &str) -> Result<N, String> {
    let digits = match member(json, name) {
        None => return Ok(N::default()),
        Some(Json::Number(n) | Json::Text(n)) => n.trim(),
        Some(_) => return Err(format!(".{name} is not a number")),
    };
    if digits.is_empty() {
        return Ok(N::default());
    }
    digits
        .parse()
        .map_err(|_| format!(".{name} is out of range"))
}

fn enumeration(json: &Json<'_>, name: &str, prefix: &str, words: &[&str]) -> Result<i32, String> {
    if let Some(Json::Text(word)) = member(json, name)
        && let Some(at) = words
            .iter()
            .position(|w| word.strip_prefix(prefix) == Some(w))
    {
        return Ok(i32::try_from(at).unwrap_or(0));
    }
    number(json, name)
}

/// An id of `size` bytes as hex, or as the base64 that generic protobuf tools write.
fn id(json: &Json<'_>, name: &str, size: usize) -> Result<Vec<u8>, String> {
    let text = match member(json, name) {
        None => return Ok(Vec::new()),
        Some(Json::Text(t)) if t.is_empty() => return Ok(Vec::new()),
        Some(Json::Text(t)) => t,
        Some(_) => return Err(format!(".{name} is not text")),
    };
    let read = if text.len() == size * 2 {
        hex(text)
    } else {
        STANDARD
            .decode(text.as_bytes())
            .ok()
            .filter(|b| b.len() == size)
    };
    read.ok_or_else(|| format!(".{name} is not {size} bytes in hex"))
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
        .collect();
    Some(
        digits?
            .chunks(2)
            .filter_map(|p| Some(p.first()? << 4 | p.get(1)?))
            .collect(),
    )
}

fn attributes(json: &Json<'_>) -> Result<Vec<KeyValue>, String> {
    match member(json, "attributes") {
        None => Ok(Vec::new()),
        Some(list) => pairs(list),
    }
}

fn pairs(list: &Json<'_>) -> Result<Vec<KeyValue>, String> {
    list.items()
        .iter()
        .map(|pair| {
            Ok(KeyValue {
                key: text(pair, "key")?,
                value: member(pair, "value").map(any).transpose()?,
                key_strindex: 0,
            })
        })
        .collect()
}

fn any(json: &Json<'_>) -> Result<AnyValue, String> {
    let Json::Object(members) = json else {
        return Err(" has a value that is not an object".to_owned());
    };
    let Some((kind, _)) = members.iter().find(|(_, v)| !matches!(v, Json::Null)) else {
        return Ok(AnyValue { value: None });
    };
    let kind = kind.as_ref();
    let inner = json.get(kind).unwrap_or(&Json::Null);
    let value = match kind {
        "stringValue" | "string_value" => Value::StringValue(text(json, "stringValue")?),
        "boolValue" | "bool_value" => match inner {
            Json::Bool(b) => Value::BoolValue(*b),
            other => Value::BoolValue(other.text() == Some("true")),
        },
        "intValue" | "int_value" => Value::IntValue(number(json, "intValue")?),
        "doubleValue" | "double_value" => match inner.text() {
            Some("Infinity") => Value::DoubleValue(f64::INFINITY),
            Some("-Infinity") => Value::DoubleValue(f64::NEG_INFINITY),
            Some("NaN") => Value::DoubleValue(f64::NAN),
            Some(_) | None => Value::DoubleValue(number(json, "doubleValue")?),
        },
        "arrayValue" | "array_value" => Value::ArrayValue(ArrayValue {
            values: each(inner, "values", any)?,
        }),
        "kvlistValue" | "kvlist_value" => Value::KvlistValue(KeyValueList {
            values: member(inner, "values")
                .map(pairs)
                .transpose()?
                .unwrap_or_default(),
        }),
        "bytesValue" | "bytes_value" => {
            let bytes = STANDARD.decode(inner.text().unwrap_or_default());
            Value::BytesValue(bytes.map_err(|_| " has bytes that are not base64".to_owned())?)
        }
        _ => return Ok(AnyValue { value: None }),
    };
    Ok(AnyValue { value: Some(value) })
}
