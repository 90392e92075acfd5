//! Rows to files: one file per tenant and day, each sorted by time.

use std::{cmp::Ordering, collections::BTreeSet};

use arrow_array::{
    BinaryViewArray, RecordBatch, StringViewArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow_select::take::take_record_batch;
use jiff::Timestamp;
use uuid::Uuid;
use watchfloor_types::{EventId, SourceId, TenantId, mint};

use crate::{
    LakeError, Raw, Table,
    batch::{column, id_at, micros_at, str_at},
    catalog::FileEntry,
    file::{self, Layout},
    schema,
};

const DAY_MICROS: i64 = 86_400_000_000;
/// Days before the newest receipt that have folders of their own; what is older shares one.
const OLDEST_DAYS: i64 = 400;
/// Rows handed to the Parquet writer at once.
const WRITE_ROWS: usize = 8 * 1024;

/// Columns that decide where a row goes.
struct Keys<'a> {
    id: Option<&'a BinaryViewArray>,
    time: Option<&'a TimestampMicrosecondArray>,
    tenant: Option<&'a StringViewArray>,
    source: Option<&'a StringViewArray>,
    /// Day on which the newest row was received: the time part of its id (RFC 9562, section 5.7).
    newest: i64,
}

impl<'a> Keys<'a> {
    fn of(batch: &'a RecordBatch, table: Table) -> Self {
        let time = match table {
            Table::Events => schema::TIME,
            Table::Dead => schema::RECEIVED,
        };
        let ids: Option<&BinaryViewArray> = column(batch, schema::ID);
        let newest = (0..batch.num_rows())
            .filter_map(|row| id_at(ids, row))
            .max()
            .map_or(0, |id| u128::from_be_bytes(id) >> 80);
        Self {
            newest: i64::try_from(newest).unwrap_or(0) * 1_000 / DAY_MICROS,
            id: ids,
            time: column(batch, time),
            tenant: column(batch, schema::TENANT),
            source: column(batch, schema::SOURCE),
        }
    }
    fn id(&self, row: u32) -> [u8; 16] {
        id_at(self.id, row as usize).unwrap_or_default()
    }
    fn time(&self, row: u32) -> i64 {
        micros_at(self.time, row as usize).unwrap_or_default()
    }
    fn tenant(&self, row: u32) -> &'a str {
        str_at(self.tenant, row as usize).unwrap_or_default()
    }
    /// The day whose folder the row goes to: that of its time, within bounds. Times are what records
    /// say, and hostile ones must not make a file for each day of history.
    fn day(&self, row: u32) -> i64 {
        let day = self.time(row).div_euclid(DAY_MICROS);
        day.clamp(self.newest - OLDEST_DAYS, self.newest + 1)
    }
    fn cmp(&self, a: u32, b: u32) -> Ordering {
        self.tenant(a)
            .cmp(self.tenant(b))
            .then_with(|| self.time(a).cmp(&self.time(b)))
            .then_with(|| self.id(a).cmp(&self.id(b)))
    }
}

/// Writes `rows` as one file per tenant and day. `salt` makes the names: the same rows written for
/// the same reason get the same name.
pub(crate) fn write_files(
    layout: &Layout,
    table: Table,
    rows: &RecordBatch,
    raw: Raw,
    salt: &[&[u8]],
) -> Result<Vec<FileEntry>, LakeError> {
    let keys = Keys::of(rows, table);
    let mut order: Vec<u32> = (0..rows.num_rows() as u32).collect();
    order.sort_unstable_by(|a, b| keys.cmp(*a, *b));
    let mut written = Vec::new();
    for part in
        order.chunk_by(|a, b| keys.day(*a) == keys.day(*b) && keys.tenant(*a) == keys.tenant(*b))
    {
        match write_part(layout, table, rows, &keys, part, raw, salt) {
            Ok(entry) => written.push(entry),
            Err(error) => {
                // No commit will name them; do not fill a disk that may be full already.
                for entry in written {
                    file::remove(layout, &entry.path);
                }
                return Err(error);
            }
        }
    }
    Ok(written)
}

fn write_part(
    layout: &Layout,
    table: Table,
    rows: &RecordBatch,
    keys: &Keys<'_>,
    part: &[u32],
    raw: Raw,
    salt: &[&[u8]],
) -> Result<FileEntry, LakeError> {
    let (first, last) = (
        part.first().copied().unwrap_or_default(),
        part.last().copied().unwrap_or_default(),
    );
    let tenant: TenantId = keys
        .tenant(first)
        .parse()
        .map_err(|e: watchfloor_types::ParseIdError| LakeError::Foreign(e.to_string()))?;
    let mut sources = BTreeSet::new();
    let (mut min_id, mut max_id) = ([0xFF; 16], [0; 16]);
    for row in part {
        let id = keys.id(*row);
        min_id = min_id.min(id);
        max_id = max_id.max(id);
        let source = str_at(keys.source, *row as usize).unwrap_or_default();
        if !sources.contains(source) {
            sources.insert(source);
        }
    }
    let min_time = instant(keys.time(first))?;
    let day = instant(keys.day(first).saturating_mul(DAY_MICROS))?;
    let day = jiff::tz::Offset::UTC.to_datetime(day).date();
    let name = mint(
        min_time,
        &[
            salt,
            &[table.as_str().as_bytes(), tenant.as_str().as_bytes()],
        ]
        .concat(),
    );
    let path = format!(
        "{}/{}/{day}/{name}.parquet",
        table.as_str(),
        folder(tenant.as_str())
    );
    let batches = part.chunks(WRITE_ROWS).map(|chunk| {
        take_record_batch(rows, &UInt32Array::from(chunk.to_vec())).map_err(LakeError::from)
    });
    let bytes = file::write(layout, &path, table, batches)?;
    Ok(FileEntry {
        path,
        table,
        tenant,
        rows: part.len() as u64,
        bytes,
        min_time,
        max_time: instant(keys.time(last))?,
        min_id: EventId::from_uuid(Uuid::from_bytes(min_id)),
        max_id: EventId::from_uuid(Uuid::from_bytes(max_id)),
        sources: sources
            .into_iter()
            .map(|s| {
                s.parse::<SourceId>()
                    .map_err(|e| LakeError::Foreign(e.to_string()))
            })
            .collect::<Result<_, _>>()?,
        raw,
    })
}

fn instant(micros: i64) -> Result<Timestamp, LakeError> {
    Timestamp::from_microsecond(micros).map_err(|e| LakeError::Foreign(e.to_string()))
}

/// A tenant's folder name: nothing that a path or a URL gives a meaning to.
fn folder(tenant: &str) -> String {
    let mut name = String::with_capacity(tenant.len());
    for c in tenant.chars() {
        if c.is_ascii_alphanumeric() || c == '-' {
            name.push(c);
        } else {
            name.extend(["_".to_owned(), format!("{:02x}", u32::from(c))]);
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_cannot_leave_its_folder() {
        for (tenant, expected) in [
            ("acme-1", "acme-1"),
            ("..", "_2e_2e"),
            ("a/b", "a_2fb"),
            ("a_2fb", "a_5f2fb"),
        ] {
            assert_eq!(folder(tenant), expected);
        }
    }
}
