//! Frames to events.

use std::collections::BTreeMap;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use watchfloor_types::{DeadLetter, Event, EventId, FieldName, Frame, Logsource, Norm, Value};

use crate::{
    convert,
    envelope::{Outer, envelope, items, with_outer},
    join::Joiner,
    json::{self, Json},
    messages::{self, Role, Transcript},
    path::Found,
    shape::{Messages, Shape},
    source::Source,
    spec::{Envelope, HashKind, JoinRole, RecordKind},
    time, transform,
};

/// What a frame became.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mapped {
    /// Events in the order of their records.
    pub events: Vec<Event>,
    /// Records that could not be understood.
    pub dead: Vec<DeadLetter>,
    /// Records that the source leaves out on purpose, by reason.
    pub dropped: BTreeMap<String, u64>,
    /// Scalars in the records, without null and empty text.
    pub leaves: u64,
    /// Scalars that the source neither maps nor ignores: the sign of a changed schema.
    pub unknown_leaves: u64,
    /// Paths of some of them, for people.
    pub unknown_examples: Vec<String>,
}

/// Most example paths kept for one frame.
const EXAMPLES: usize = 16;

/// Maps the records of `frame`, which must belong to `source`.
pub(crate) fn frame(source: &Source, frame: &Frame, joiner: Option<&mut Joiner>) -> Mapped {
    let mut run = Run {
        source,
        frame,
        joiner,
        index: 0,
        out: Mapped {
            events: Vec::with_capacity(frame.records.len()),
            ..Mapped::default()
        },
    };
    for record in &frame.records {
        run.record(record);
    }
    run.out.dead.extend(refused(frame));
    run.out
}

/// The logsource that the event of the record `tree` has, without mapping it; none where only the
/// whole mapping can say: the record is left out, holds several, or is none of this source's kind.
pub(crate) fn logsource(source: &Source, mut tree: Json<'_>) -> Option<Logsource> {
    let Json::Object(_) = tree else {
        return None;
    };
    let several = source.split.iter().any(|path| {
        let first = path.first().and_then(|key| tree.get(key));
        first.is_some()
    });
    let wrapped = source.envelope == Envelope::Unwrap && tree.get("event").is_some();
    if several || wrapped {
        return None;
    }
    for change in &source.transforms {
        transform::apply(change, &mut tree);
    }
    let Some(shape) = source.shapes.iter().find(|s| s.detect.hold(&tree)) else {
        return Some(source.logsource.of(&tree));
    };
    for change in &shape.transforms {
        transform::apply(change, &mut tree);
    }
    let dropped = shape.drop.iter().any(|(when, _)| when.hold(&tree));
    (!dropped && shape.join.is_none()).then(|| shape.logsource.of(&tree))
}

/// Dead letters of the pieces that were no record when `frame` came in.
pub fn refused(frame: &Frame) -> impl Iterator<Item = DeadLetter> {
    frame
        .refused
        .iter()
        .zip(0u32..)
        .map(|(refused, index)| DeadLetter {
            id: EventId::minted(
                frame.received,
                &[b"refused", &frame.seq.to_be_bytes(), &index.to_be_bytes()],
            ),
            received: frame.received,
            source: frame.source.clone(),
            tenant: frame.tenant.clone(),
            reason: refused.reason.clone(),
            raw: refused.raw.clone(),
        })
}

struct Run<'r> {
    source: &'r Source,
    frame: &'r Frame,
    joiner: Option<&'r mut Joiner>,
    index: u32,
    out: Mapped,
}

impl Run<'_> {
    fn id(&mut self) -> EventId {
        let index = self.index;
        self.index += 1;
        let (received, seq) = (self.frame.received, self.frame.seq);
        if index < 1 << 20 {
            EventId::of_record(received, seq, index)
        } else {
            // Splitting can give more events than the short form counts.
            EventId::minted(received, &[&seq.to_be_bytes(), &index.to_be_bytes()])
        }
    }

    /// What records must share to be tied together: nothing crosses tenants, and what is real is
    /// not tied to an exercise.
    fn scope(&self) -> String {
        let mark = self.frame.mark.as_ref();
        let exercise = mark.map(|m| m.exercise.to_string()).unwrap_or_default();
        format!("{}\0{}\0{exercise}", self.source.id, self.frame.tenant)
    }

    fn dead(&mut self, raw: &Bytes, reason: String) {
        let letter = DeadLetter {
            id: self.id(),
            received: self.frame.received,
            source: self.frame.source.clone(),
            tenant: self.frame.tenant.clone(),
            reason,
            raw: raw.clone(),
        };
        self.out.dead.push(letter);
    }

    fn dropped(&mut self, reason: &str) {
        *self.out.dropped.entry(reason.to_owned()).or_default() += 1;
    }

    fn record(&mut self, record: &Bytes) {
        let text = match json::utf8(record) {
            Ok(text) => text,
            Err(e) => return self.dead(record, e.to_string()),
        };
        let mut outer = Outer::default();
        let mut native = record.clone();
        let mut inner = text;
        if self.source.envelope == Envelope::Unwrap
            && let Some((range, fields)) = envelope(text)
        {
            outer = fields;
            let value = text.get(range.clone()).unwrap_or_default();
            if value.starts_with('{') {
                native = record.slice(range);
                inner = value;
            } else if let Ok(Json::Text(event)) = json::parse(value.as_bytes()) {
                // The event is text: the envelope stays the native record.
                return self.one(&native, &event, &outer);
            }
        }
        for path in &self.source.split {
            match items(inner, path) {
                Ok(Some(items)) => {
                    if items.is_empty() {
                        self.dropped("no records inside");
                    }
                    for item in items {
                        let text = inner.get(item.clone()).unwrap_or_default();
                        self.one(&native.slice(item), text, &outer);
                    }
                    return;
                }
                Ok(None) => {}
                Err(_) => break,
            }
        }
        self.one(&native, inner, &outer);
    }

    /// One event from `text`.
    fn one(&mut self, native: &Bytes, text: &str, outer: &Outer<'_>) {
        let tree = match (json::parse(text.as_bytes()), self.source.record) {
            (Ok(tree @ Json::Object(_)), RecordKind::Json | RecordKind::JsonOrText) => tree,
            (Ok(_) | Err(_), RecordKind::JsonOrText) => {
                Json::Object(vec![("message".into(), Json::Text(text.into()))])
            }
            (Ok(_), RecordKind::Json) => {
                return self.dead(native, "not a JSON object at byte 0".to_owned());
            }
            (Err(e), RecordKind::Json) => return self.dead(native, format!("not JSON: {e}")),
        };
        let mut tree = tree;
        for change in &self.source.transforms {
            transform::apply(change, &mut tree);
        }
        let Some(shape) = self.source.shapes.iter().find(|s| s.detect.hold(&tree)) else {
            return self.shapeless(native, &tree, outer);
        };
        for change in &shape.transforms {
            transform::apply(change, &mut tree);
        }
        if let Some((_, reason)) = shape.drop.iter().find(|(when, _)| when.hold(&tree)) {
            return self.dropped(reason);
        }
        let wanted = EXAMPLES.saturating_sub(self.out.unknown_examples.len());
        let found = shape.paths.walk(&tree, wanted);
        self.out.leaves += found.leaves;
        self.out.unknown_leaves += found.unknown;
        self.out
            .unknown_examples
            .extend(found.examples.iter().cloned());
        let event = self.event(shape, native, &tree, &found, outer);
        self.out.events.push(event);
    }

    /// A record that fits no shape is kept as it is; all of it is unknown.
    fn shapeless(&mut self, native: &Bytes, tree: &Json<'_>, outer: &Outer<'_>) {
        let found = crate::path::Paths::new(&[]).walk(tree, 4);
        self.out.leaves += found.leaves;
        self.out.unknown_leaves += found.unknown;
        self.out.unknown_examples.extend(found.examples);
        let event = Event {
            id: self.id(),
            time: outer.time.unwrap_or(self.frame.received),
            received: self.frame.received,
            source: self.frame.source.clone(),
            tenant: self.frame.tenant.clone(),
            logsource: self.source.logsource.of(tree),
            mark: self.frame.mark.clone(),
            native: native.clone(),
            norm: with_outer(Norm::default(), outer),
        };
        self.out.events.push(event);
    }

    fn event(
        &mut self,
        shape: &Shape,
        native: &Bytes,
        tree: &Json<'_>,
        found: &Found<'_, '_>,
        outer: &Outer<'_>,
    ) -> Event {
        let time = shape
            .time
            .iter()
            .find_map(|(slot, format)| {
                found.all(*slot).find_map(|v| {
                    time::read(v, *format).or_else(|| time::without_year(v, self.frame.received))
                })
            })
            .or(outer.time)
            .unwrap_or(self.frame.received);
        let tenant = shape
            .tenant
            .iter()
            .flat_map(|slot| found.all(*slot))
            .find_map(|v| v.text()?.parse().ok())
            .unwrap_or_else(|| self.frame.tenant.clone());
        let mut logsource = shape.logsource.of(tree);
        let mut fields = Fields(vec![None; shape.fields.len()]);
        fields.read(shape, tree, found);

        let mut transcript = shape
            .messages
            .as_ref()
            .map(|m| read_transcript(m, found))
            .unwrap_or_default();
        let mut borrowed = None;
        let key = shape
            .join
            .as_ref()
            .and_then(|join| join_key(&self.scope(), &join.by, found));
        if let (Some(join), Some(joiner), Some(key)) =
            (&shape.join, self.joiner.as_deref_mut(), key)
        {
            match join.role {
                JoinRole::Part => {
                    borrowed = joiner.part(&key, self.frame.received, time, transcript.clone());
                    if borrowed.is_some() && join.late_category.is_some() {
                        logsource.category.clone_from(&join.late_category);
                    }
                }
                JoinRole::Parent => {
                    let parts = joiner.parent(&key, self.frame.received, fields.lend(shape));
                    transcript = complete(transcript, parts);
                }
            }
        }
        if !transcript.is_empty() {
            for (at, value) in shape.transcript_at.iter().zip(transcript.values()) {
                fields.set(*at, value);
            }
        }
        fields.finish(shape);
        let mut norm = with_outer(fields.into_norm(&shape.fields), outer);
        for (name, value) in borrowed.iter().flat_map(Norm::iter) {
            if norm.get(name.as_str()).is_none() {
                norm.set(name.clone(), value.clone());
            }
        }
        Event {
            id: self.id(),
            time,
            received: self.frame.received,
            source: self.frame.source.clone(),
            tenant,
            logsource,
            mark: self.frame.mark.clone(),
            native: native.clone(),
            norm,
        }
    }
}

/// Canonical values by position; the first one known stays.
struct Fields(Vec<Option<Value>>);

impl Fields {
    fn set(&mut self, at: usize, value: Option<Value>) {
        if let Some(slot @ None) = self.0.get_mut(at) {
            *slot = value;
        }
    }

    fn get(&self, at: usize) -> Option<&Value> {
        self.0.get(at).and_then(Option::as_ref)
    }

    fn read(&mut self, shape: &Shape, tree: &Json<'_>, found: &Found<'_, '_>) {
        for entry in &shape.entries {
            if self.get(entry.field).is_none() && entry.when.hold(tree) {
                self.set(entry.field, convert::value(entry, found));
            }
        }
        for (field, value, when) in &shape.constants {
            if self.get(*field).is_none() && when.hold(tree) {
                self.set(*field, Some(value.clone()));
            }
        }
        let principal = shape.principal.iter().find_map(|p| {
            let value = found
                .all(p.slot)
                .find_map(convert::scalar)
                .filter(|_| p.when.hold(tree))?;
            Some((Value::Str(value.to_string().into()), p))
        });
        if let Some((id, p)) = principal {
            let [id_at, kind_at, source_at] = shape.principal_at;
            if self.get(id_at).is_none() {
                self.set(id_at, Some(id));
                self.set(kind_at, Some(p.kind.clone()));
                self.set(source_at, Some(p.source.clone()));
            }
        }
        if let Some((start, end, format)) = shape.duration {
            let at = |slot| found.all(slot).find_map(|v| time::read(v, format));
            if let (Some(start), Some(end)) = (at(start), at(end)) {
                let nanos = end.duration_since(start).as_nanos();
                // Microseconds are enough, and short to read.
                let millis = (nanos / 1000) as f64 / 1000.0;
                self.set(shape.duration_at, Some(Value::Float(millis)));
            }
        }
    }

    /// What a parent says about itself, for parts that come late: all but texts, and all but
    /// amounts, which would count twice.
    fn lend(&self, shape: &Shape) -> Norm {
        let pairs = shape.fields.iter().zip(&self.0);
        pairs
            .filter(|(name, value)| {
                let amount = matches!(value, Some(Value::Int(_) | Value::Float(_)));
                !amount && !name.as_str().ends_with("text")
            })
            .filter_map(|(name, value)| Some((name.clone(), value.clone()?)))
            .collect()
    }

    fn finish(&mut self, shape: &Shape) {
        for (field, of, kind) in &shape.hashes {
            let hash = self
                .get(*of)
                .and_then(Value::as_str)
                .map(|text| match kind {
                    HashKind::Sha256 => messages::hex(&Sha256::digest(text.as_bytes())),
                    HashKind::Instruction => messages::instruction_hash(text),
                });
            self.set(*field, hash.map(|h| Value::Str(h.into())));
        }
        for at in &shape.redact {
            if let Some(Some(value)) = self.0.get_mut(*at) {
                let hash = messages::hex(&Sha256::digest(value.to_string().as_bytes()));
                let short: String = hash.chars().take(16).collect();
                *value = Value::Str(format!("[redacted sha256:{short}]").into());
            }
        }
    }

    fn into_norm(self, names: &[FieldName]) -> Norm {
        let pairs = names.iter().zip(self.0);
        pairs
            .filter_map(|(name, value)| Some((name.clone(), value?)))
            .collect()
    }
}

fn read_transcript(spec: &Messages, found: &Found<'_, '_>) -> Transcript {
    let side = |slots: &[u16], role| {
        let mut read = slots.iter().map(|slot| {
            let all = found.all(*slot).flat_map(|v| messages::read(v, role));
            all.collect::<Vec<_>>()
        });
        read.find(|m| !m.is_empty()).unwrap_or_default()
    };
    let mut input = side(&spec.system, Role::System);
    let word = spec
        .role_from
        .and_then(|slot| found.all(slot).find_map(Json::text));
    let role = word
        .and_then(|w| w.split('.').find_map(messages::role_of))
        .unwrap_or(Role::User);
    input.extend(side(&spec.input, role));
    let documents = spec.documents.iter().flat_map(|slot| found.all(*slot));
    Transcript {
        input,
        output: side(&spec.output, Role::Assistant),
        documents: documents.flat_map(messages::documents).collect(),
    }
}

/// The parent's own words win; parts fill the sides it is silent on.
fn complete(own: Transcript, parts: Transcript) -> Transcript {
    let pick = |own: Vec<_>, parts| if own.is_empty() { parts } else { own };
    Transcript {
        input: pick(own.input, parts.input),
        output: pick(own.output, parts.output),
        documents: if own.documents.is_empty() {
            parts.documents
        } else {
            own.documents
        },
    }
}

/// What ties a record to others, if it says all of it.
fn join_key(source: &str, by: &[u16], found: &Found<'_, '_>) -> Option<String> {
    let mut key = source.to_owned();
    for slot in by {
        key.push('\0');
        key.push_str(found.all(*slot).find_map(Json::text)?);
    }
    Some(key)
}
