//! What is durable in the write-ahead log and not yet in files.

use std::{sync::Arc, time::Instant};

use arrow_array::{ArrayRef, BinaryViewArray, RecordBatch, StringViewArray};
use arrow_schema::{ArrowError, DataType};
use arrow_select::concat::concat_batches;
use watchfloor_types::DeadLetter;

use crate::schema;

/// Batches with fewer rows are merged, so that a trickle of single events does not become thousands
/// of batches.
const SMALL_ROWS: usize = 256;
/// How many small ones are merged into one.
const MERGE_BATCHES: usize = 64;

/// Events of neighbouring frames, at rest in memory.
#[derive(Debug, Clone)]
pub(crate) struct HotBatch {
    pub(crate) batch: RecordBatch,
    first_seq: u64,
    last_seq: u64,
    bytes: usize,
}

/// Everything not yet in files.
#[derive(Debug, Default)]
pub(crate) struct Hot {
    batches: Vec<Arc<HotBatch>>,
    dead: Vec<(u64, DeadLetter)>,
    bytes: usize,
    rows: usize,
    since: Option<Instant>,
}

/// What one flush takes.
#[derive(Debug, Default, Clone)]
pub(crate) struct Taken {
    pub(crate) batches: Vec<Arc<HotBatch>>,
    pub(crate) dead: Vec<(u64, DeadLetter)>,
    pub(crate) watermark: u64,
    bytes: usize,
    rows: usize,
}

impl Hot {
    pub(crate) fn push(
        &mut self,
        seq: u64,
        batch: RecordBatch,
        bytes: usize,
        dead: Vec<DeadLetter>,
    ) -> Result<(), ArrowError> {
        self.since.get_or_insert_with(Instant::now);
        self.bytes += dead
            .iter()
            .map(|d| d.raw.len() + d.reason.len() + 200)
            .sum::<usize>();
        self.dead.extend(dead.into_iter().map(|d| (seq, d)));
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.bytes += bytes;
        self.rows += batch.num_rows();
        self.batches.push(Arc::new(HotBatch {
            batch,
            first_seq: seq,
            last_seq: seq,
            bytes,
        }));
        self.merge_small()
    }

    fn merge_small(&mut self) -> Result<(), ArrowError> {
        let small = self
            .batches
            .iter()
            .rev()
            .take_while(|b| b.batch.num_rows() < SMALL_ROWS)
            .count();
        if small < MERGE_BATCHES {
            return Ok(());
        }
        let tail = self.batches.split_off(self.batches.len() - small);
        let merged = concat_batches(&schema::EVENTS, tail.iter().map(|b| &b.batch))?;
        self.batches.push(Arc::new(HotBatch {
            batch: compacted(&merged)?,
            first_seq: tail.iter().map(|b| b.first_seq).min().unwrap_or(0),
            last_seq: tail.iter().map(|b| b.last_seq).max().unwrap_or(0),
            bytes: tail.iter().map(|b| b.bytes).sum(),
        }));
        Ok(())
    }

    /// Takes everything at or below the highest sequence number up to which nothing is missing
    /// (`complete`). What stays stands wholly above the watermark.
    pub(crate) fn take(&mut self, complete: u64) -> Taken {
        let mut watermark = complete;
        loop {
            let lower = self
                .batches
                .iter()
                .filter(|b| b.last_seq > watermark && b.first_seq <= watermark)
                .map(|b| b.first_seq - 1)
                .min();
            match lower {
                Some(seq) => watermark = seq,
                None => break,
            }
        }
        let (batches, stay): (Vec<_>, Vec<_>) = std::mem::take(&mut self.batches)
            .into_iter()
            .partition(|b| b.last_seq <= watermark);
        self.batches = stay;
        let (dead, stay): (Vec<_>, Vec<_>) = std::mem::take(&mut self.dead)
            .into_iter()
            .partition(|(seq, _)| *seq <= watermark);
        self.dead = stay;
        let left = self.batches.iter().map(|b| b.bytes).sum::<usize>();
        let rows = self
            .batches
            .iter()
            .map(|b| b.batch.num_rows())
            .sum::<usize>();
        let taken = Taken {
            bytes: self.bytes.saturating_sub(left),
            rows: self.rows - rows,
            batches,
            dead,
            watermark,
        };
        self.bytes = left;
        self.rows = rows;
        self.since = (rows > 0 || !self.dead.is_empty()).then(Instant::now);
        taken
    }

    /// Puts back what a failed flush took.
    pub(crate) fn put_back(&mut self, taken: Taken) {
        if taken.is_empty() {
            return;
        }
        self.bytes += taken.bytes;
        self.rows += taken.rows;
        self.batches.splice(0..0, taken.batches);
        self.dead.splice(0..0, taken.dead);
        self.since.get_or_insert_with(Instant::now);
    }

    pub(crate) fn batches(&self) -> &[Arc<HotBatch>] {
        &self.batches
    }
    pub(crate) fn dead(&self) -> &[(u64, DeadLetter)] {
        &self.dead
    }
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }
    /// When the oldest event came in.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.since
    }
}

impl Taken {
    pub(crate) fn is_empty(&self) -> bool {
        self.batches.is_empty() && self.dead.is_empty()
    }
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Copies the text of view columns together: merged views would keep every small buffer alive.
fn compacted(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let columns = batch
        .columns()
        .iter()
        .map(|column| -> ArrayRef {
            let any = column.as_any();
            match column.data_type() {
                DataType::Utf8View => any
                    .downcast_ref::<StringViewArray>()
                    .map_or_else(|| Arc::clone(column), |a| Arc::new(a.gc())),
                DataType::BinaryView => any
                    .downcast_ref::<BinaryViewArray>()
                    .map_or_else(|| Arc::clone(column), |a| Arc::new(a.gc())),
                _ => Arc::clone(column),
            }
        })
        .collect();
    RecordBatch::try_new(batch.schema(), columns)
}
