//! What stands around a record: a collector's envelope, or a list inside an object.

use std::{borrow::Cow, ops::Range};

use jiff::Timestamp;
use watchfloor_types::{FieldName, Norm, Value};

use crate::{
    json::{self, Json, Scanner},
    time,
};

/// What the envelope around a record says.
#[derive(Default)]
pub(crate) struct Outer<'a> {
    pub(crate) time: Option<Timestamp>,
    pub(crate) fields: Vec<(&'static str, Cow<'a, str>)>,
}

/// Adds what the envelope says where the record itself says nothing.
pub(crate) fn with_outer(mut norm: Norm, outer: &Outer<'_>) -> Norm {
    for (name, value) in &outer.fields {
        if norm.get(name).is_none() {
            norm.set(FieldName::from(*name), Value::from(value.as_ref()));
        }
    }
    norm
}

/// The members of an HTTP Event Collector envelope beside `event`.
const ENVELOPE: &[&str] = &[
    "event",
    "time",
    "host",
    "source",
    "sourcetype",
    "index",
    "fields",
];

/// Where the event stands in a collector envelope, if `text` is one, and what is around it.
pub(crate) fn envelope(text: &str) -> Option<(Range<usize>, Outer<'_>)> {
    // An envelope is told by its members alone, so most records are passed over at once.
    let mut scan = Scanner::new(text);
    scan.space();
    if scan.peek() != Some(b'{') || !text.contains("\"event\"") {
        return None;
    }
    let (mut event, mut outer, mut foreign, mut members) = (None, Outer::default(), false, 0);
    let read = scan.members(0, |scan, key| {
        members += 1;
        if key == "event" {
            event = Some(scan.skip(1)?);
            return Ok(());
        }
        let value = scan.value(1)?;
        match (ENVELOPE.iter().find(|k| **k == key), value) {
            (None, _) => foreign = true,
            (Some(&"time"), value) => outer.time = time::read(&value, time::TimeFormat::Auto),
            (Some(&"host"), Json::Text(t)) => outer.fields.push(("host.name", t)),
            (Some(&"source"), Json::Text(t)) => outer.fields.push(("hec.source", t)),
            (Some(&"sourcetype"), Json::Text(t)) => outer.fields.push(("hec.sourcetype", t)),
            (Some(&"index"), Json::Text(t)) => outer.fields.push(("hec.index", t)),
            (Some(&"fields"), value) if !value.is_empty() => {
                outer
                    .fields
                    .push(("hec.fields", Cow::Owned(value.to_text())));
            }
            (Some(_), _) => {}
        }
        Ok(())
    });
    read.ok()?;
    (!foreign && members > 1).then_some(())?;
    Some((event?, outer))
}

/// The items of the list at `path` inside the object `text`, if there is one.
pub(crate) fn items(
    text: &str,
    path: &[String],
) -> Result<Option<Vec<Range<usize>>>, json::JsonError> {
    let mut scan = Scanner::new(text);
    scan.space();
    for (depth, key) in path.iter().enumerate() {
        if scan.peek() != Some(b'{') {
            return Ok(None);
        }
        let mut place = None;
        scan.members(depth, |scan, found| {
            let range = scan.skip(depth + 1)?;
            if found == key.as_str() {
                place = Some(range.start);
            }
            Ok(())
        })?;
        match place {
            Some(at) => scan.at = at,
            None => return Ok(None),
        }
    }
    if scan.peek() != Some(b'[') {
        return Ok(None);
    }
    let mut out = Vec::new();
    scan.elements(path.len(), |scan| {
        out.push(scan.skip(path.len() + 1)?);
        Ok(())
    })?;
    Ok(Some(out))
}
