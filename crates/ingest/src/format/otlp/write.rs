//! The canonical OTLP/JSON of one span or log record.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    logs::v1::LogRecord,
    resource::v1::Resource,
    trace::v1::{Span, Status, span},
};

use super::Item;
use crate::json::write_text;

/// `{"resource":…,"scope":…,"span":…}` or `{…,"log":…}`.
pub(super) fn record(resource: &Resource, scope: &InstrumentationScope, item: &Item) -> Bytes {
    let mut out = Out(String::with_capacity(1024));
    out.object(|o| {
        o.member("resource", |o| {
            o.object(|o| {
                o.attributes("attributes", &resource.attributes);
                o.count("droppedAttributesCount", resource.dropped_attributes_count);
            });
        });
        o.member("scope", |o| {
            o.object(|o| {
                o.text("name", &scope.name);
                o.text("version", &scope.version);
                o.attributes("attributes", &scope.attributes);
                o.count("droppedAttributesCount", scope.dropped_attributes_count);
            });
        });
        match item {
            Item::Span(span) => o.member("span", |o| o.span(span)),
            Item::Log(log) => o.member("log", |o| o.log(log)),
        }
    });
    Bytes::from(out.0)
}

struct Out(String);

impl Out {
    fn object(&mut self, inner: impl FnOnce(&mut Self)) {
        self.0.push('{');
        inner(self);
        self.0.push('}');
    }

    fn comma(&mut self) {
        if !self.0.ends_with(['{', '[']) {
            self.0.push(',');
        }
    }

    fn member(&mut self, key: &str, value: impl FnOnce(&mut Self)) {
        self.comma();
        write_text(key, &mut self.0);
        self.0.push(':');
        value(self);
    }

    fn text(&mut self, key: &str, text: &str) {
        if !text.is_empty() {
            self.member(key, |o| write_text(text, &mut o.0));
        }
    }

    fn hex(&mut self, key: &str, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.member(key, |o| {
                o.0.push('"');
                for byte in bytes {
                    for half in [byte >> 4, byte & 15] {
                        o.0.push(char::from_digit(u32::from(half), 16).unwrap_or('0'));
                    }
                }
                o.0.push('"');
            });
        }
    }

    fn count(&mut self, key: &str, number: u32) {
        if number != 0 {
            self.member(key, |o| o.0.push_str(&number.to_string()));
        }
    }

    fn enumeration(&mut self, key: &str, number: i32) {
        if number != 0 {
            self.member(key, |o| o.0.push_str(&number.to_string()));
        }
    }

    fn nanos(&mut self, key: &str, number: u64) {
        if number != 0 {
            self.text(key, &number.to_string());
        }
    }

    fn attributes(&mut self, key: &str, attributes: &[KeyValue]) {
        if !attributes.is_empty() {
            self.member(key, |o| o.pairs(attributes));
        }
    }

    fn pairs(&mut self, attributes: &[KeyValue]) {
        self.list(attributes, |o, kv| {
            o.object(|o| {
                o.member("key", |o| write_text(&kv.key, &mut o.0));
                o.member("value", |o| o.any(kv.value.as_ref()));
            });
        });
    }

    fn list<T>(&mut self, items: &[T], each: impl Fn(&mut Self, &T)) {
        self.0.push('[');
        for item in items {
            self.comma();
            each(self, item);
        }
        self.0.push(']');
    }

    fn any(&mut self, value: Option<&AnyValue>) {
        self.object(|o| match value.and_then(|v| v.value.as_ref()) {
            Some(Value::StringValue(s)) => o.member("stringValue", |o| write_text(s, &mut o.0)),
            Some(Value::BoolValue(b)) => o.member("boolValue", |o| o.0.push_str(&b.to_string())),
            Some(Value::IntValue(i)) => {
                o.member("intValue", |o| write_text(&i.to_string(), &mut o.0));
            }
            Some(Value::DoubleValue(d)) => o.member("doubleValue", |o| o.double(*d)),
            Some(Value::ArrayValue(a)) => o.member("arrayValue", |o| {
                o.object(|o| {
                    o.member("values", |o| o.list(&a.values, |o, v| o.any(Some(v))));
                });
            }),
            Some(Value::KvlistValue(l)) => o.member("kvlistValue", |o| {
                o.object(|o| o.member("values", |o| o.pairs(&l.values)));
            }),
            Some(Value::BytesValue(b)) => {
                o.member("bytesValue", |o| write_text(&STANDARD.encode(b), &mut o.0));
            }
            // Only the profiling signal uses the string table.
            Some(Value::StringValueStrindex(_)) | None => {}
        });
    }

    fn double(&mut self, number: f64) {
        if number.is_finite() {
            // `{:?}` keeps a decimal point, so that a double never reads as an integer.
            write!(self.0, "{number:?}").ok();
        } else {
            let word = if number.is_nan() {
                "NaN"
            } else if number > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            };
            write_text(word, &mut self.0);
        }
    }

    fn span(&mut self, span: &Span) {
        self.object(|o| {
            o.hex("traceId", &span.trace_id);
            o.hex("spanId", &span.span_id);
            o.text("traceState", &span.trace_state);
            o.hex("parentSpanId", &span.parent_span_id);
            o.count("flags", span.flags);
            o.text("name", &span.name);
            o.enumeration("kind", span.kind);
            o.nanos("startTimeUnixNano", span.start_time_unix_nano);
            o.nanos("endTimeUnixNano", span.end_time_unix_nano);
            o.attributes("attributes", &span.attributes);
            o.count("droppedAttributesCount", span.dropped_attributes_count);
            if !span.events.is_empty() {
                o.member("events", |o| o.list(&span.events, Self::event));
            }
            o.count("droppedEventsCount", span.dropped_events_count);
            if !span.links.is_empty() {
                o.member("links", |o| o.list(&span.links, Self::link));
            }
            o.count("droppedLinksCount", span.dropped_links_count);
            if let Some(Status { message, code }) = &span.status
                && (*code != 0 || !message.is_empty())
            {
                o.member("status", |o| {
                    o.object(|o| {
                        o.text("message", message);
                        o.enumeration("code", *code);
                    });
                });
            }
        });
    }

    fn event(&mut self, event: &span::Event) {
        self.object(|o| {
            o.nanos("timeUnixNano", event.time_unix_nano);
            o.text("name", &event.name);
            o.attributes("attributes", &event.attributes);
            o.count("droppedAttributesCount", event.dropped_attributes_count);
        });
    }

    fn link(&mut self, link: &span::Link) {
        self.object(|o| {
            o.hex("traceId", &link.trace_id);
            o.hex("spanId", &link.span_id);
            o.text("traceState", &link.trace_state);
            o.attributes("attributes", &link.attributes);
            o.count("droppedAttributesCount", link.dropped_attributes_count);
            o.count("flags", link.flags);
        });
    }

    fn log(&mut self, log: &LogRecord) {
        self.object(|o| {
            o.nanos("timeUnixNano", log.time_unix_nano);
            o.nanos("observedTimeUnixNano", log.observed_time_unix_nano);
            o.enumeration("severityNumber", log.severity_number);
            o.text("severityText", &log.severity_text);
            if log.body.as_ref().is_some_and(|b| b.value.is_some()) {
                o.member("body", |o| o.any(log.body.as_ref()));
            }
            o.attributes("attributes", &log.attributes);
            o.count("droppedAttributesCount", log.dropped_attributes_count);
            o.count("flags", log.flags);
            o.hex("traceId", &log.trace_id);
            o.hex("spanId", &log.span_id);
            o.text("eventName", &log.event_name);
        });
    }
}
