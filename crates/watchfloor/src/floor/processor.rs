//! From accepted frames to findings and searchable events: steps 4 to 6 of the pipeline.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use watchfloor_types::{Actor, Frame, Timestamp};

use super::Floor;
use crate::{
    continuity::{self, Occasion},
    pipeline,
};

/// Above this many records on their way, senders wait before their bodies are read: what is
/// acknowledged is through detection within a second at the rate of two cores.
const CROWDED_RECORDS: usize = 24_000;

/// Above this many, they are asked to come back.
const BUSY_RECORDS: usize = 200_000;

/// Records that one round takes together.
const ROUND_RECORDS: usize = 8_192;

/// Frames on their way to detection, in the order of the write-ahead log.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    frames: mpsc::Sender<Frame>,
    records: Arc<AtomicUsize>,
    /// Told whenever records are through.
    through: Arc<tokio::sync::Notify>,
}

/// The other end of a [`Queue`].
pub(crate) struct Frames {
    arriving: mpsc::Receiver<Frame>,
    records: Arc<AtomicUsize>,
    through: Arc<tokio::sync::Notify>,
}

/// A queue and its other end.
pub(crate) fn queue() -> (Queue, Frames) {
    let (tx, rx) = mpsc::channel();
    let records = Arc::new(AtomicUsize::new(0));
    let through = Arc::new(tokio::sync::Notify::new());
    (
        Queue {
            frames: tx,
            records: Arc::clone(&records),
            through: Arc::clone(&through),
        },
        Frames {
            arriving: rx,
            records,
            through,
        },
    )
}

impl Queue {
    /// Hands over a frame that is durable. Never blocks: it is called by the log's writer.
    pub(crate) fn push(&self, frame: Frame) {
        self.records.fetch_add(weight(&frame), Ordering::AcqRel);
        if self.frames.send(frame).is_err() {
            tracing::warn!(
                "a frame was accepted during shutdown; it is processed at the next start"
            );
        }
    }

    /// Records on their way.
    pub(crate) fn waiting(&self) -> usize {
        self.records.load(Ordering::Acquire)
    }

    /// Waits until there is room for more; whether there is.
    pub(crate) async fn room(&self, patience: Duration) -> bool {
        let wait = async {
            loop {
                let through = self.through.notified();
                if self.waiting() <= CROWDED_RECORDS {
                    return;
                }
                through.await;
            }
        };
        tokio::time::timeout(patience, wait).await.is_ok() || !self.is_full()
    }

    /// Whether senders should be asked to come back.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting() > BUSY_RECORDS
    }
}

/// What a frame counts in the queue: its records, or its bytes where they are long. An empty one
/// counts, too: it has to pass before the watermark may.
fn weight(frame: &Frame) -> usize {
    let records = frame.records.iter().map(bytes::Bytes::len);
    let refused = frame.refused.iter().map(|r| r.raw.len() + r.reason.len());
    let bytes: usize = records.chain(refused).sum();
    (frame.records.len() + frame.refused.len())
        .max(bytes / 2_048)
        .max(1)
}

/// What a source has sent since the start.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SourceFigures {
    /// Events.
    pub events: u64,
    /// Records that could not be understood.
    pub dead: u64,
    /// Leaves seen in native records.
    pub leaves: u64,
    /// Leaves that the mapping does not know.
    pub unknown: u64,
    /// When the last record came.
    pub last: Option<Timestamp>,
    /// How far its newest event lies behind its receipt, milliseconds.
    pub lag_ms: i64,
}

/// Takes frames until the floor closes.
pub(crate) fn run(floor: &Floor, frames: &Frames) {
    let mut worker = pipeline::Worker::new();
    continuity::resume(floor, &mut worker);
    loop {
        let mut round = Vec::new();
        let mut records = 0;
        match frames.arriving.recv_timeout(Duration::from_millis(100)) {
            Ok(frame) => {
                records += weight(&frame);
                round.push(frame);
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {
                pipeline::idle(floor, &mut worker);
                if floor.closing.load(Ordering::Acquire) {
                    continuity::save(floor, &mut worker, Occasion::End);
                    return;
                }
                continuity::save(floor, &mut worker, Occasion::Idle);
                continue;
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        }
        while records < ROUND_RECORDS {
            let Ok(frame) = frames.arriving.try_recv() else {
                break;
            };
            records += weight(&frame);
            round.push(frame);
        }
        pipeline::process(floor, &mut worker, round);
        continuity::save(floor, &mut worker, Occasion::Round);
        frames.records.fetch_sub(records, Ordering::AcqRel);
        frames.through.notify_waiters();
    }
}

/// Writes files when it is time, and keeps them in order. Runs on a thread of its own.
pub(crate) fn housekeeping(floor: &Floor, stop: &mpsc::Receiver<()>) {
    let mut since_maintenance = 0u32;
    while stop.recv_timeout(Duration::from_millis(500)) == Err(mpsc::RecvTimeoutError::Timeout) {
        if floor.lake.flush_due()
            && let Err(error) = floor.lake.flush()
        {
            tracing::error!(%error, "cannot write event files; events stay in the write-ahead log and in memory");
        }
        if floor.lake.is_refusing() {
            floor.lake.reopen_log(Box::new(|outcome| match outcome {
                Ok(()) => tracing::warn!("the write-ahead log takes events again"),
                Err(error) => tracing::error!(%error, "the write-ahead log cannot be reopened; it is tried again"),
            }));
        }
        since_maintenance += 1;
        if since_maintenance >= 600 {
            since_maintenance = 0;
            pipeline::maintain(floor);
        }
    }
    // What is in memory is in the write-ahead log, too; writing it now makes the next start faster.
    if let Err(error) = floor.lake.flush() {
        tracing::warn!(%error, "cannot write event files at shutdown; the next start reads the write-ahead log");
    }
}

/// The system, as the actor of what the pipeline itself reports.
pub(crate) const SYSTEM: Actor = Actor::System;
