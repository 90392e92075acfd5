//! What a correlation reads from an event: fields, group key, counted value, entities.

use std::{fmt::Write as _, sync::Arc};

use jiff::Timestamp;
use watchfloor_types::{Event, EventId, Mark, Norm, SourceId, TenantId, Value, View};

use super::{
    fingerprint::{self, fnv},
    plan::{Feed, Feeds, Planned},
};
use crate::{
    engine::{Raw, scan, unescape_into},
    finding::ENTITY_FIELDS,
    op::Number,
    rule::Aggregate,
};

/// How far in the future an event may claim to be: five minutes, in nanoseconds.
const SKEW: i64 = 300_000_000_000;
/// Longest value in a key as it stands, bytes; the rest of a longer one is in its hash.
const MAX_KEY: usize = 256;

/// Where a contribution came from. Shared: a floor has few.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) tenant: TenantId,
    pub(super) source: SourceId,
    pub(super) mark: Option<Mark>,
}

/// The value of a field, in a buffer that is used again.
#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) there: bool,
    pub(super) text: String,
}

/// An entity of an event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    /// Position in [`ENTITY_FIELDS`].
    pub(super) rank: u8,
    pub(super) hash: u64,
    pub(super) value: &'a Value,
}

/// One event, or one correlation that fired, on its way to the correlations it feeds.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    /// Nanoseconds since 1970.
    pub(super) time: i64,
    pub(super) events: &'a [EventId],
    pub(super) origin: Arc<Origin>,
    /// As the feeder's outlet names them.
    pub(super) values: &'a [Slot],
    pub(super) entities: &'a [Seen<'a>],
}

/// What is counted of a contribution.
#[derive(Debug, Clone, Copy)]
pub(super) enum Counted<'a> {
    Nothing,
    Text(&'a str),
    Number(f64),
    Fingerprint(u64),
}

/// Nanoseconds since 1970; times beyond the years 1678 to 2261 are taken as those.
pub(super) fn nanos_of(time: Timestamp) -> i64 {
    let nanos = time.as_nanosecond();
    i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

/// The other way round.
pub(super) fn time_of(nanos: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A function of the event alone, so that a replay gives the same findings.
pub(super) fn time(event: &Event) -> i64 {
    let (time, received) = (nanos_of(event.time), nanos_of(event.received));
    if time > received.saturating_add(SKEW) {
        received
    } else {
        time
    }
}

/// Reads the fields that `feeds` names.
pub(super) fn read(event: &Event, feeds: &Feeds, into: &mut Vec<Slot>) {
    let names = &feeds.outlet.names;
    into.resize_with(names.len(), Slot::default);
    for slot in into.iter_mut() {
        slot.there = false;
        slot.text.clear();
    }
    if names.is_empty() {
        return;
    }
    if feeds.view == View::Native {
        let native = String::from_utf8_lossy(&event.native);
        scan(&native, &feeds.paths, None, &mut |field, raw| {
            let Some(slot) = into.get_mut(field as usize).filter(|s| !s.there) else {
                return;
            };
            match raw {
                Raw::Plain(text) | Raw::Word(text) => slot.text.push_str(text),
                Raw::Escaped(text) => unescape_into(text, &mut slot.text),
                Raw::Null | Raw::Container(_) => return,
            }
            slot.there = true;
        });
    }
    if event.norm.is_empty() {
        return;
    }
    for (name, slot) in names.iter().zip(into.iter_mut()) {
        if !slot.there
            && let Some(value) = event.norm.get(name)
        {
            slot.there = write!(slot.text, "{value}").is_ok();
        }
    }
}

/// The entities of a canonical view.
pub(super) fn entities(norm: &Norm) -> Vec<Seen<'_>> {
    if norm.is_empty() {
        return Vec::new();
    }
    ENTITY_FIELDS
        .iter()
        .zip(0u8..)
        .filter_map(|(field, rank)| norm.get(field).map(|value| seen(rank, value)))
        .collect()
}

/// The entities of a finding.
pub(super) fn entities_of(entities: &[(String, Value)]) -> Vec<Seen<'_>> {
    entities
        .iter()
        .filter_map(|(name, value)| {
            let rank = ENTITY_FIELDS.iter().position(|f| f == name)?;
            Some(seen(u8::try_from(rank).ok()?, value))
        })
        .collect()
}

pub(super) fn seen(rank: u8, value: &Value) -> Seen<'_> {
    let hash = match value {
        Value::Str(text) => fnv(text.as_bytes()),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::List(_) => {
            fnv(value.to_string().as_bytes())
        }
    };
    Seen { rank, hash, value }
}

/// Writes the group's key; false where a field is missing.
pub(super) fn key(correlation: &Planned, feed: &Feed, facts: &Facts, into: &mut String) -> bool {
    into.clear();
    if !correlation.across_tenants {
        into.push_str(facts.origin.tenant.as_str());
    }
    feed.key.len() == correlation.spec.group_by.len() && join(&feed.key, facts, into)
}

/// Values that cannot be taken for others: ("ab", "c") is not ("a", "bc"), case does not matter.
fn join(fields: &[usize], facts: &Facts, into: &mut String) -> bool {
    for field in fields {
        let Some(slot) = facts.values.get(*field).filter(|s| s.there) else {
            return false;
        };
        into.push('\u{1f}');
        let value = slot.text.as_str();
        let mut end = value.len().min(MAX_KEY);
        while !value.is_char_boundary(end) {
            end -= 1;
        }
        let from = into.len();
        if value.is_ascii() {
            into.push_str(value.get(..end).unwrap_or_default());
            if let Some(new) = into.get_mut(from..) {
                new.make_ascii_lowercase();
            }
        } else {
            let shown = value.get(..end).unwrap_or_default();
            into.extend(shown.chars().flat_map(char::to_lowercase));
        }
        // A length ends each value; values may hold any character.
        let written = into.len() - from;
        into.push('\u{1f}');
        push_number(written as u64, into);
        if end < value.len() {
            into.push('\u{1e}');
            push_number(fnv(value.to_lowercase().as_bytes()), into);
        }
    }
    true
}

fn push_number(mut number: u64, into: &mut String) {
    // Base 32 digits: short, and quicker than decimal.
    loop {
        let digit = (number & 31) as u8;
        into.push(char::from(if digit < 10 {
            b'0' + digit
        } else {
            b'a' + digit - 10
        }));
        number >>= 5;
        if number == 0 {
            break;
        }
    }
}

/// What is counted; `None` where the field is missing or is not what the type counts.
pub(super) fn counted<'b>(
    correlation: &Planned,
    feed: &Feed,
    facts: &Facts,
    buffer: &'b mut String,
) -> Option<Counted<'b>> {
    let first = || {
        let slot = facts.values.get(*feed.counted.first()?)?;
        slot.there.then_some(slot.text.as_str())
    };
    match &correlation.spec.aggregate {
        Aggregate::EventCount | Aggregate::Temporal | Aggregate::TemporalOrdered => {
            Some(Counted::Nothing)
        }
        Aggregate::ValueCount(_) | Aggregate::NewValue { .. } | Aggregate::ChangedValue(_) => {
            buffer.clear();
            (feed.counted.len() == correlation.spec.aggregate.fields().len()
                && join(&feed.counted, facts, buffer))
            .then_some(Counted::Text(buffer))
        }
        Aggregate::ValueSum(_)
        | Aggregate::ValueAvg(_)
        | Aggregate::ValuePercentile { .. }
        | Aggregate::ValueMedian(_) => {
            let number = Number::read(first()?.trim())?.get();
            number.is_finite().then_some(Counted::Number(number))
        }
        Aggregate::NearDuplicate { .. } => {
            Some(Counted::Fingerprint(fingerprint::of_text(first()?)))
        }
    }
}
