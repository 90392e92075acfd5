//! Events to Arrow and back.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BinaryViewArray, Int32Array, Int64Array, RecordBatch, StringViewArray,
    TimestampMicrosecondArray,
    builder::{BinaryViewBuilder, StringViewBuilder},
};
use arrow_schema::ArrowError;
use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;
use watchfloor_types::{DeadLetter, Event, EventId, Logsource, Mark, Value};

use crate::{
    attrs,
    schema::{self, CORE},
};

/// An event as stored. Times are kept to the microsecond.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The event. `native` is empty where [`Row::raw`] says that the record expired.
    pub event: Event,
    /// The write-ahead frame it came in.
    pub seq: u64,
    /// Whether the record as it came is still there.
    pub raw: Raw,
}

/// Whether the record as it came is still stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Raw {
    /// Byte for byte.
    Kept,
    /// Dropped by retention; the canonical view is still there.
    Expired,
}

fn strings(rows: usize, bytes_each: usize) -> StringViewBuilder {
    StringViewBuilder::with_capacity(rows).with_fixed_block_size(block(rows * bytes_each))
}

fn block(bytes: usize) -> u32 {
    bytes.clamp(64, 4 << 20) as u32
}

/// Converts the events of one frame. Rough bytes in memory come with it.
pub(crate) fn from_events(seq: u64, events: &[Event]) -> Result<(RecordBatch, usize), ArrowError> {
    let rows = events.len();
    let raw_bytes: usize = events.iter().map(|e| e.native.len()).sum();
    let mut id = BinaryViewBuilder::with_capacity(rows).with_fixed_block_size(block(rows * 16));
    let mut time = Vec::with_capacity(rows);
    let mut received = Vec::with_capacity(rows);
    let mut multi = Vec::with_capacity(rows);
    let [
        mut source,
        mut tenant,
        mut product,
        mut category,
        mut service,
    ] = [(); 5].map(|()| strings(rows, 16));
    let [mut exercise, mut inject] = [(); 2].map(|()| strings(rows, 4));
    let mut core = CORE.iter().map(|_| strings(rows, 24)).collect::<Vec<_>>();
    let mut attrs_column = strings(rows, 400);
    let mut raw = BinaryViewBuilder::with_capacity(rows).with_fixed_block_size(block(raw_bytes));
    let mut text = Vec::with_capacity(512);
    let mut attrs_bytes = 0;
    for event in events {
        id.append_value(event.id.uuid().as_bytes());
        time.push(event.time.as_microsecond());
        received.push(event.received.as_microsecond());
        source.append_value(event.source.as_str());
        tenant.append_value(event.tenant.as_str());
        product.append_option(event.logsource.product.as_deref());
        category.append_option(event.logsource.category.as_deref());
        service.append_option(event.logsource.service.as_deref());
        match &event.mark {
            None => {
                exercise.append_null();
                inject.append_null();
            }
            Some(mark) => {
                exercise.append_value(mark.exercise.to_string());
                inject.append_value(mark.inject.as_str());
            }
        }
        let mut bits = 0i32;
        for (at, (column, builder)) in CORE.iter().zip(&mut core).enumerate() {
            match event.norm.get(column.field) {
                None => builder.append_null(),
                Some(Value::Str(text)) => builder.append_value(text),
                Some(Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::List(_)) => {
                    bits |= 1 << at;
                    builder.append_null();
                }
            }
        }
        multi.push((bits != 0).then_some(bits));
        text.clear();
        attrs::write(&event.norm, &mut text);
        attrs_bytes += text.len();
        match std::str::from_utf8(&text) {
            Ok(text) => attrs_column.append_value(text),
            Err(_) => attrs_column.append_value(String::from_utf8_lossy(&text)),
        }
        raw.append_value(&event.native);
    }
    let utc = |values: Vec<i64>| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC"))
    };
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(id.finish()),
        utc(time),
        utc(received),
        Arc::new(Int64Array::from_value(seq as i64, rows)),
    ];
    for mut builder in [source, tenant, product, category, service, exercise, inject] {
        columns.push(Arc::new(builder.finish()));
    }
    for mut builder in core {
        columns.push(Arc::new(builder.finish()));
    }
    columns.push(Arc::new(Int32Array::from(multi)));
    columns.push(Arc::new(attrs_column.finish()));
    columns.push(Arc::new(raw.finish()));
    let batch = RecordBatch::try_new(Arc::clone(&schema::EVENTS), columns)?;
    Ok((batch, raw_bytes + attrs_bytes + rows * 512))
}

/// Converts dead letters.
pub(crate) fn from_dead(letters: &[DeadLetter]) -> Result<RecordBatch, ArrowError> {
    let rows = letters.len();
    let mut id = BinaryViewBuilder::with_capacity(rows);
    let mut received = Vec::with_capacity(rows);
    let [mut source, mut tenant, mut reason] = [(); 3].map(|()| StringViewBuilder::new());
    let mut raw = BinaryViewBuilder::with_capacity(rows);
    for letter in letters {
        id.append_value(letter.id.uuid().as_bytes());
        received.push(letter.received.as_microsecond());
        source.append_value(letter.source.as_str());
        tenant.append_value(letter.tenant.as_str());
        reason.append_value(&letter.reason);
        raw.append_value(&letter.raw);
    }
    RecordBatch::try_new(
        Arc::clone(&schema::DEAD),
        vec![
            Arc::new(id.finish()),
            Arc::new(TimestampMicrosecondArray::from(received).with_timezone("UTC")),
            Arc::new(source.finish()),
            Arc::new(tenant.finish()),
            Arc::new(reason.finish()),
            Arc::new(raw.finish()),
        ],
    )
}

/// Column `name` as a concrete array; none where the file does not have it.
pub(crate) fn column<'a, T: Array + 'static>(batch: &'a RecordBatch, name: &str) -> Option<&'a T> {
    batch.column_by_name(name)?.as_any().downcast_ref()
}

/// The value at `row`; none for null or out of range.
pub(crate) fn str_at(array: Option<&StringViewArray>, row: usize) -> Option<&str> {
    let array = array?;
    (row < array.len() && array.is_valid(row)).then(|| array.value(row))
}

/// The same for bytes.
pub(crate) fn bytes_at(array: Option<&BinaryViewArray>, row: usize) -> Option<&[u8]> {
    let array = array?;
    (row < array.len() && array.is_valid(row)).then(|| array.value(row))
}

/// The 16 bytes of an id.
pub(crate) fn id_at(array: Option<&BinaryViewArray>, row: usize) -> Option<[u8; 16]> {
    bytes_at(array, row)?.try_into().ok()
}

/// Microseconds at `row`.
pub(crate) fn micros_at(array: Option<&TimestampMicrosecondArray>, row: usize) -> Option<i64> {
    array?.values().get(row).copied()
}

/// Reads the events back. A row that is not one of ours is none.
pub(crate) fn to_rows(batch: &RecordBatch) -> Vec<Option<Row>> {
    let str_column = |name| column::<StringViewArray>(batch, name);
    let ids = column(batch, schema::ID);
    let times = column(batch, schema::TIME);
    let received = column(batch, schema::RECEIVED);
    let seqs = column::<Int64Array>(batch, schema::SEQ);
    let source = str_column(schema::SOURCE);
    let tenant = str_column(schema::TENANT);
    let product = str_column(schema::PRODUCT);
    let category = str_column(schema::CATEGORY);
    let service = str_column(schema::SERVICE);
    let exercise = str_column(schema::EXERCISE);
    let inject = str_column(schema::INJECT);
    let attrs = str_column(schema::ATTRS);
    let raw = column::<BinaryViewArray>(batch, schema::RAW);
    let part = |array, row| str_at(array, row).map(Arc::from);
    (0..batch.num_rows())
        .map(|row| {
            let native = bytes_at(raw, row);
            let mark = match (str_at(exercise, row), str_at(inject, row)) {
                (Some(exercise), Some(inject)) => Some(Mark {
                    exercise: exercise.parse().ok()?,
                    inject: inject.parse().ok()?,
                }),
                (None | Some(_), None | Some(_)) => None,
            };
            Some(Row {
                event: Event {
                    id: EventId::from_uuid(Uuid::from_bytes(id_at(ids, row)?)),
                    time: Timestamp::from_microsecond(micros_at(times, row)?).ok()?,
                    received: Timestamp::from_microsecond(micros_at(received, row)?).ok()?,
                    source: str_at(source, row)?.parse().ok()?,
                    tenant: str_at(tenant, row)?.parse().ok()?,
                    logsource: Logsource {
                        product: part(product, row),
                        category: part(category, row),
                        service: part(service, row),
                    },
                    mark,
                    native: native.map_or_else(Bytes::new, Bytes::copy_from_slice),
                    norm: attrs::read(str_at(attrs, row)?),
                },
                seq: *seqs?.values().get(row)? as u64,
                raw: if native.is_some() {
                    Raw::Kept
                } else {
                    Raw::Expired
                },
            })
        })
        .collect()
}

/// Reads dead letters back.
pub(crate) fn to_dead(batch: &RecordBatch) -> Vec<Option<DeadLetter>> {
    let ids = column(batch, schema::ID);
    let received = column(batch, schema::RECEIVED);
    let source = column(batch, schema::SOURCE);
    let tenant = column(batch, schema::TENANT);
    let reason = column(batch, schema::REASON);
    let raw = column(batch, schema::RAW);
    (0..batch.num_rows())
        .map(|row| {
            Some(DeadLetter {
                id: EventId::from_uuid(Uuid::from_bytes(id_at(ids, row)?)),
                received: Timestamp::from_microsecond(micros_at(received, row)?).ok()?,
                source: str_at(source, row)?.parse().ok()?,
                tenant: str_at(tenant, row)?.parse().ok()?,
                reason: str_at(reason, row)?.to_owned(),
                raw: Bytes::copy_from_slice(bytes_at(raw, row)?),
            })
        })
        .collect()
}
