//! Fewer and larger files, and none older than they may be.

use std::{collections::BTreeMap, sync::Arc, sync::PoisonError};

use arrow_array::{RecordBatch, new_null_array};
use arrow_schema::SchemaRef;
use arrow_select::concat::concat_batches;
use jiff::{SignedDuration, Timestamp};

use crate::{
    Commit, Lake, LakeError, Raw, Table, commit::Leaving, file::LiveFile, partition, schema,
    search::read_rows,
};

/// Events may arrive late: files are left alone until this long after their last event.
const SETTLE: SignedDuration = SignedDuration::from_hours(1);
/// While a day is still open, this many files are merged at least.
const OPEN_DAY_FILES: usize = 16;

/// How long things are kept. None means for ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Events as a whole.
    pub events: Option<SignedDuration>,
    /// The records as they came; the canonical view stays.
    pub raw: Option<SignedDuration>,
    /// Dead letters.
    pub dead_letters: Option<SignedDuration>,
}

/// What [`Lake::maintain`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Maintained {
    /// Files that were merged.
    pub merged: usize,
    /// Files they became.
    pub merged_into: usize,
    /// Files deleted because all in them was too old.
    pub expired: usize,
    /// Files rewritten without the records as they came.
    pub raw_dropped: usize,
}

impl Lake {
    /// Applies `retention` and merges small files. Call it every few minutes on a thread of its own;
    /// searches and flushes go on meanwhile. Each step is one commit: it may be stopped at any time.
    pub fn maintain(&self, now: Timestamp, retention: &Retention) -> Result<Maintained, LakeError> {
        let _one = self
            .maintaining
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if self.is_unsure() {
            // A flush must not run meanwhile: it owns what is leaving.
            let _flush = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
            self.settle()?;
        }
        let mut did = Maintained {
            expired: self.expire(now, retention)?,
            ..Maintained::default()
        };
        if let Some(keep) = retention.raw {
            let files = self.snapshot().files;
            for file in files.iter().filter(|f| {
                f.entry.table == Table::Events && f.entry.raw == Raw::Kept && is_older(f, now, keep)
            }) {
                match self.rewrite(std::slice::from_ref(file), Raw::Expired) {
                    Ok(_) => did.raw_dropped += 1,
                    Err(error) => self.pass_over(error, &file.entry.path)?,
                }
            }
        }
        for group in merge_groups(&self.snapshot().files, now, &self.options) {
            let raw = group.first().map_or(Raw::Kept, |f| f.entry.raw);
            match self.rewrite(&group, raw) {
                Ok(count) => {
                    did.merged_into += count;
                    did.merged += group.len();
                }
                Err(error) => {
                    let path = group.first().map_or("", |f| f.entry.path.as_str());
                    self.pass_over(error, path)?;
                }
            }
        }
        Ok(did)
    }

    /// One file that cannot be rewritten does not keep the others from it.
    fn pass_over(&self, error: LakeError, path: &str) -> Result<(), LakeError> {
        if self.is_unsure() {
            return Err(error);
        }
        tracing::error!(%error, path, "an event file is left as it is; it is tried again");
        Ok(())
    }

    fn expire(&self, now: Timestamp, retention: &Retention) -> Result<usize, LakeError> {
        let snapshot = self.snapshot();
        let old = snapshot.files.iter().filter(|f| {
            let keep = match f.entry.table {
                Table::Events => retention.events,
                Table::Dead => retention.dead_letters,
            };
            keep.is_some_and(|keep| is_older(f, now, keep))
        });
        let remove: Vec<String> = old.map(|f| f.entry.path.clone()).collect();
        let count = remove.len();
        if count > 0 {
            self.commit(
                &Commit {
                    remove,
                    ..Commit::default()
                },
                Leaving::Kept,
            )?;
        }
        Ok(count)
    }

    /// Writes the rows of `files` anew as one sorted file per day and swaps them in one commit.
    fn rewrite(&self, files: &[Arc<LiveFile>], raw: Raw) -> Result<usize, LakeError> {
        let Some(table) = files.first().map(|f| f.entry.table) else {
            return Ok(0);
        };
        let schema = match table {
            Table::Events => &schema::EVENTS,
            Table::Dead => &schema::DEAD,
        };
        let mut batches = Vec::new();
        for file in files {
            read_all(file, schema, raw, &mut batches)?;
        }
        let rows = concat_batches(schema, &batches)?;
        drop(batches);
        let mut salt: Vec<&[u8]> = vec![match raw {
            Raw::Kept => b"merge",
            Raw::Expired => b"without raw",
        }];
        salt.extend(files.iter().map(|f| f.entry.path.as_bytes()));
        let add = partition::write_files(&self.layout, table, &rows, raw, &salt)?;
        let count = add.len();
        self.commit(
            &Commit {
                add,
                remove: files.iter().map(|f| f.entry.path.clone()).collect(),
                watermark: None,
            },
            Leaving::Kept,
        )?;
        Ok(count)
    }
}

/// Age counts from receipt, the time part of an id (RFC 9562, section 5.7): what a record says of
/// its own time neither deletes it early nor keeps it for ever.
fn is_older(file: &LiveFile, now: Timestamp, keep: SignedDuration) -> bool {
    now.duration_since(received(&file.entry)) > keep
}

fn received(entry: &crate::FileEntry) -> Timestamp {
    let milliseconds = i64::try_from(entry.max_id.uuid().as_u128() >> 80).ok();
    milliseconds
        .and_then(|ms| Timestamp::from_millisecond(ms).ok())
        .unwrap_or(entry.max_time)
}

/// Reads a whole file in today's columns. Columns that it does not have are null.
fn read_all(
    file: &LiveFile,
    schema: &SchemaRef,
    raw: Raw,
    out: &mut Vec<RecordBatch>,
) -> Result<(), LakeError> {
    let names: Vec<&'static str> = match file.entry.table {
        Table::Events => crate::search::all_columns(),
        Table::Dead => crate::search::dead_columns(),
    };
    let wanted: Vec<&'static str> = names
        .into_iter()
        .filter(|n| raw == Raw::Kept || *n != schema::RAW)
        .collect();
    for group in 0..file.metadata()?.metadata().num_row_groups() {
        read_rows(file, group, &wanted, Vec::new(), &mut |batch| {
            out.push(in_columns(&batch, schema)?);
            Ok(())
        })?;
    }
    Ok(())
}

fn in_columns(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, LakeError> {
    let columns = schema.fields().iter().map(|field| {
        batch.column_by_name(field.name()).map_or_else(
            || new_null_array(field.data_type(), batch.num_rows()),
            Arc::clone,
        )
    });
    Ok(RecordBatch::try_new(Arc::clone(schema), columns.collect())?)
}

/// Files to merge with one another.
fn merge_groups(
    files: &[Arc<LiveFile>],
    now: Timestamp,
    options: &crate::LakeOptions,
) -> Vec<Vec<Arc<LiveFile>>> {
    let mut days: BTreeMap<(&str, Raw), Vec<&Arc<LiveFile>>> = BTreeMap::new();
    for file in files {
        let small = file.entry.rows < options.compacted_rows;
        if small && now.duration_since(file.entry.max_time) > SETTLE {
            // The folder is table, tenant and day.
            let folder = file
                .entry
                .path
                .rsplit_once('/')
                .map_or("", |(folder, _)| folder);
            days.entry((folder, file.entry.raw)).or_default().push(file);
        }
    }
    let mut groups = Vec::new();
    for mut day in days.into_values() {
        day.sort_by_key(|f| f.entry.min_time);
        let closed = day.first().is_some_and(|f| {
            let next = jiff::tz::Offset::UTC
                .to_datetime(f.entry.min_time)
                .date()
                .tomorrow();
            let next = next
                .ok()
                .and_then(|d| jiff::tz::Offset::UTC.to_timestamp(d.at(0, 0, 0, 0)).ok());
            next.is_some_and(|next| now.duration_since(next) > SETTLE)
        });
        let least = if closed { 2 } else { OPEN_DAY_FILES };
        let mut group: Vec<Arc<LiveFile>> = Vec::new();
        let (mut rows, mut bytes) = (0, 0);
        for file in day {
            let over = rows + file.entry.rows > options.target_rows
                || bytes + file.entry.bytes > options.target_bytes;
            if over {
                // Full: worth merging even while the day is open.
                groups.extend((group.len() > 1).then(|| std::mem::take(&mut group)));
                group.clear();
                (rows, bytes) = (0, 0);
            }
            rows += file.entry.rows;
            bytes += file.entry.bytes;
            group.push(Arc::clone(file));
        }
        groups.extend((group.len() >= least).then_some(group));
    }
    groups
}
