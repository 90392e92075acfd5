//! OTLP 1.x, traces and logs, over HTTP: protobuf and JSON.
//!
//! A native record is the OTLP/JSON form of one span or log record with its resource and scope
//! beside it: `{"resource":{…},"scope":{…},"span":{…}}` or `{…,"log":{…}}`. Ids are lower-case
//! hex, 64-bit integers are strings, enums are numbers (OTLP specification, "JSON Protobuf
//! Encoding"); empty members are left out. Both encodings of one request give the same bytes.

mod from_json;
mod wire;
mod write;

use bytes::Bytes;
use opentelemetry_proto::tonic::{
    common::v1::InstrumentationScope, logs::v1::LogRecord, resource::v1::Resource, trace::v1::Span,
};
use prost::Message;

use super::{Collector, Decoded, Limits, Room};
use crate::json;

/// A span or a log record.
pub(crate) enum Item {
    Span(Box<Span>),
    Log(Box<LogRecord>),
}

#[derive(Clone, Copy)]
enum Signal {
    Traces,
    Logs,
}

pub(super) fn traces_protobuf(body: &Bytes, limits: &Limits) -> Decoded {
    protobuf(body, limits, Signal::Traces)
}
pub(super) fn logs_protobuf(body: &Bytes, limits: &Limits) -> Decoded {
    protobuf(body, limits, Signal::Logs)
}
pub(super) fn traces_json(body: &Bytes, limits: &Limits) -> Decoded {
    from_body(body, limits, Signal::Traces)
}
pub(super) fn logs_json(body: &Bytes, limits: &Limits) -> Decoded {
    from_body(body, limits, Signal::Logs)
}

/// Field 1 of the request is a list of resource groups; in each, field 1 is the resource and
/// field 2 a list of scope groups; in each, field 1 is the scope and field 2 a list of items.
/// The outer messages are walked by hand so that one bad item does not lose its neighbours.
fn protobuf(body: &Bytes, limits: &Limits, signal: Signal) -> Decoded {
    let mut out = Collector::new(body, limits);
    for group in wire::fields(body, 0..body.len()) {
        let Some(group) = taken(&mut out, group, 1) else {
            continue;
        };
        let mut resource = Resource::default();
        let fields: Vec<_> = wire::fields(body, group).collect();
        for field in fields.iter().flatten().filter(|f| f.number == 1) {
            match Resource::decode(field.bytes(body)) {
                Ok(read) => resource = read,
                Err(e) => fault(&mut out, field, "resource", &e),
            }
        }
        for scopes in fields {
            if let Some(scopes) = taken(&mut out, scopes, 2)
                && scope_group(&mut out, scopes, &resource, signal) == Room::None
            {
                return out.out;
            }
        }
    }
    out.out
}

fn scope_group(
    out: &mut Collector<'_>,
    range: std::ops::Range<usize>,
    resource: &Resource,
    signal: Signal,
) -> Room {
    let body = out.body;
    let mut scope = InstrumentationScope::default();
    let fields: Vec<_> = wire::fields(body, range).collect();
    for field in fields.iter().flatten().filter(|f| f.number == 1) {
        match InstrumentationScope::decode(field.bytes(body)) {
            Ok(read) => scope = read,
            Err(e) => fault(out, field, "scope", &e),
        }
    }
    for field in fields {
        let Some(range) = taken(out, field, 2) else {
            continue;
        };
        let bytes = body.get(range.clone()).unwrap_or_default();
        let item = match signal {
            Signal::Traces => Span::decode(bytes).map(|s| Item::Span(Box::new(s))),
            Signal::Logs => LogRecord::decode(bytes).map(|l| Item::Log(Box::new(l))),
        };
        match item {
            Ok(item) => {
                let record = write::record(resource, &scope, &item);
                if out.owned(record, range, 0) == Room::None {
                    return Room::None;
                }
            }
            Err(e) => {
                let what = match signal {
                    Signal::Traces => "span",
                    Signal::Logs => "log record",
                };
                let start = range.start;
                if out.error(range, 0, start, format!("cannot read {what}: {e}")) == Room::None {
                    return Room::None;
                }
            }
        }
    }
    Room::Left
}

fn fault(out: &mut Collector<'_>, field: &wire::Field, what: &str, error: &prost::DecodeError) {
    let start = field.range.start;
    out.error(
        field.range.clone(),
        0,
        start,
        format!("cannot read {what}: {error}"),
    );
}

/// The bytes of `field` if it is a message with `number`; a fault is noted.
fn taken(
    out: &mut Collector<'_>,
    field: Result<wire::Field, wire::WireError>,
    number: u32,
) -> Option<std::ops::Range<usize>> {
    match field {
        Ok(field) => (field.number == number && field.message).then_some(field.range),
        Err(e) => {
            out.error(e.rest.clone(), 0, e.rest.start, e.reason.to_owned());
            None
        }
    }
}

fn from_body(body: &Bytes, limits: &Limits, signal: Signal) -> Decoded {
    let mut out = Collector::new(body, limits);
    let all = 0..body.len();
    let tree = match json::parse(body) {
        Ok(tree) => tree,
        Err(e) => {
            out.error(all, 0, e.offset, format!("not JSON: {e}"));
            return out.out;
        }
    };
    let visit =
        |resource: &Resource, scope: &InstrumentationScope, item: from_json::Read<'_>| match item {
            Ok(item) => out.owned(write::record(resource, scope, &item), 0..body.len(), 0),
            Err((reason, raw)) => {
                let room = out.error(0..0, 0, 0, reason);
                if room == Room::Left
                    && let Some(error) = out.out.errors.last_mut()
                {
                    error.raw = Bytes::from(raw.to_text());
                }
                room
            }
        };
    let result = match signal {
        Signal::Traces => from_json::traces(&tree, visit),
        Signal::Logs => from_json::logs(&tree, visit),
    };
    if let Err(reason) = result {
        out.error(all, 0, 0, reason);
    }
    out.out
}
