//! Write-ahead log: an event is acknowledged once its frame is on disk.
//!
//! Any number of threads append; one thread writes whatever waits, syncs once and then answers
//! every one of them (group commit). When nothing waits, a single frame is written at once.

mod frame;
mod outstanding;
mod segment;
mod writer;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
};

use watchfloor_types::Frame;

pub(crate) use outstanding::Outstanding;
use segment::FrameAt;
pub use segment::{Acknowledged, Damage};
use writer::{Closed, Condition, Disk, RealDisk, Shared};

/// What is called when a frame is on disk (with its sequence number) or will never be. It runs on
/// the writer's thread: hand the result on and return.
pub type Done = Box<dyn FnOnce(Result<u64, WalError>) + Send>;

/// Limits of a write-ahead log.
#[derive(Debug, Clone)]
pub struct WalOptions {
    /// A new segment starts when the current one is longer, in bytes.
    pub segment_bytes: u64,
    /// Packed bytes that may wait for the disk before [`Wal::append`] answers [`WalError::Busy`].
    pub queue_bytes: usize,
    /// Frames that may wait.
    pub queue_frames: usize,
}

impl Default for WalOptions {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            queue_bytes: 64 << 20,
            queue_frames: 65_536,
        }
    }
}

/// Why a frame was not made durable, or the log not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WalError {
    /// Too much waits already; the sender should try again shortly.
    #[error("the write-ahead log is busy: {waiting_bytes} bytes wait for the disk or for files")]
    Busy {
        /// Bytes that wait.
        waiting_bytes: usize,
    },
    /// The frame is over the limit.
    #[error(
        "a frame of {bytes} bytes is over the limit of {} bytes",
        frame::MAX_PLAIN_BYTES
    )]
    TooLarge {
        /// Its plain length.
        bytes: usize,
    },
    /// Writing failed, for instance because the disk is full. Later writes are tried again.
    #[error("cannot write write-ahead log {}: {reason}", path.display())]
    Write {
        /// The segment.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// Syncing failed: nothing more is written until [`Wal::reopen`].
    #[error("cannot sync write-ahead log {}: {reason}", path.display())]
    Sync {
        /// The segment.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// A sync failed earlier, so what the disk holds is unknown.
    #[error("the write-ahead log takes no more frames since a sync failed; reopen it")]
    Refusing,
    /// Reading failed.
    #[error("cannot read write-ahead log {}: {reason}", path.display())]
    Read {
        /// The segment or folder.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The log is shutting down.
    #[error("the write-ahead log is closed")]
    Closed,
}

impl WalError {
    pub(super) fn read(path: &Path, error: &io::Error) -> Self {
        Self::Read {
            path: path.to_owned(),
            reason: error.to_string(),
        }
    }
    fn write(path: &Path, error: &io::Error) -> Self {
        Self::Write {
            path: path.to_owned(),
            reason: error.to_string(),
        }
    }
}

/// A write-ahead log in a folder of its own. One process at a time may have it open.
pub struct Wal {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What opening a log found.
#[derive(Debug)]
pub struct Recovery {
    /// Frames after the watermark, to be mapped and inserted again, in order.
    pub frames: Frames,
    /// The end of a write that never finished and was never acknowledged, now cut off.
    pub truncated: Option<Damage>,
    /// Places that could not be read.
    pub damage: Vec<Damage>,
}

/// Frames read from disk one by one.
#[derive(Debug)]
pub struct Frames(std::vec::IntoIter<FrameAt>);

impl Iterator for Frames {
    type Item = Result<Frame, WalError>;
    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|at| at.read())
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl Wal {
    /// Opens or creates the log in `dir`, whose frames up to `watermark` are stored elsewhere.
    pub fn open(
        dir: &Path,
        options: WalOptions,
        watermark: u64,
    ) -> Result<(Self, Recovery), WalError> {
        Self::open_on(Box::new(RealDisk), dir, options, watermark)
    }

    fn open_on(
        disk: Box<dyn Disk>,
        dir: &Path,
        options: WalOptions,
        watermark: u64,
    ) -> Result<(Self, Recovery), WalError> {
        fs::create_dir_all(dir).map_err(|e| WalError::write(dir, &e))?;
        let listed = segment::list(dir)?;
        let (mut frames, mut damage, mut truncated) = (Vec::new(), Vec::new(), None);
        let mut closed = Vec::new();
        let mut last_seq = 0;
        for (at, (first, path)) in listed.iter().enumerate() {
            let found = segment::scan(path, last_seq)?;
            last_seq = found
                .frames
                .last()
                .map_or(last_seq, |f| f.seq)
                .max(first.saturating_sub(1));
            damage.extend(found.damage);
            if found.good_len < found.file_len {
                let tail = Damage {
                    segment: path.clone(),
                    offset: found.good_len,
                    bytes: found.file_len - found.good_len,
                    after_seq: last_seq,
                    before_seq: None,
                    acknowledged: Acknowledged::Unknown,
                };
                if at + 1 == listed.len() {
                    writer::truncate(path, found.good_len)?;
                    truncated = Some(tail);
                } else {
                    // A segment is only left behind after its last byte was synced.
                    damage.push(tail);
                }
            }
            if found.frames.is_empty() && damage.iter().all(|d| &d.segment != path) {
                fs::remove_file(path).map_err(|e| WalError::write(path, &e))?;
            } else {
                let state = if damage.iter().any(|d| &d.segment == path) {
                    Condition::Damaged
                } else {
                    Condition::Good
                };
                closed.push(Closed {
                    last_seq,
                    path: path.clone(),
                    state,
                });
            }
            frames.extend(found.frames);
        }
        let synced = segment::synced(&frames);
        for place in &mut damage {
            if place.after_seq < synced {
                place.acknowledged = Acknowledged::Yes;
            }
        }
        frames.retain(|f| f.seq > watermark);
        let next_seq = last_seq.max(watermark) + 1;
        let outstanding = Outstanding::new(frames.iter().map(|f| f.seq), next_seq - 1);
        let shared = Shared::new(options, outstanding, closed);
        let log = writer::Log::create(disk, dir, next_seq)?;
        let thread =
            writer::spawn(Arc::clone(&shared), log).map_err(|e| WalError::write(dir, &e))?;
        let wal = Self {
            shared,
            thread: Some(thread),
        };
        let recovery = Recovery {
            frames: Frames(frames.into_iter()),
            truncated,
            damage,
        };
        wal.release(watermark)?;
        Ok((wal, recovery))
    }

    /// Queues `frame` (its own `seq` is ignored) and returns at once; `done` is called when it is on
    /// disk or cannot be. An error here means that `done` will not be called.
    pub fn append(&self, frame: &Frame, done: Done) -> Result<(), WalError> {
        self.shared.check()?;
        let body = frame::encode_body(frame).map_err(|bytes| WalError::TooLarge { bytes })?;
        self.shared.push(body, done)
    }

    /// Whether appends are refused, after a failed sync.
    pub fn is_refusing(&self) -> bool {
        self.shared.is_refusing()
    }

    /// Starts again after a failed sync: cuts off what was never acknowledged and goes on in a new
    /// segment. `done` is called with the outcome.
    pub fn reopen(&self, done: Box<dyn FnOnce(Result<(), WalError>) + Send>) {
        self.shared.push_reopen(done);
    }

    /// Deletes segments whose frames are all at or below `watermark`. A damaged one is kept under
    /// the name `*.damaged` for examination.
    pub fn release(&self, watermark: u64) -> Result<(), WalError> {
        self.shared.release(watermark)
    }

    /// Bytes that wait for the disk.
    pub fn waiting_bytes(&self) -> usize {
        self.shared.waiting_bytes()
    }

    pub(crate) fn outstanding(&self) -> &Outstanding {
        self.shared.outstanding()
    }
}

impl Drop for Wal {
    fn drop(&mut self) {
        self.shared.close();
        if let Some(thread) = self.thread.take() {
            // A panic of the writer has already been answered with `Closed` to everybody waiting.
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests;
