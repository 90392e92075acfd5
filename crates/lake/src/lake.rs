//! The lake: write-ahead log, hot buffer and files as one table.

use std::{
    collections::HashSet,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use arrow_schema::ArrowError;
use arrow_select::concat::concat_batches;
use watchfloor_types::{DeadLetter, Event, Frame};

use crate::{
    Catalog, CatalogError, Commit, Raw, Table, batch,
    commit::Leaving,
    file::{self, Layout, LiveFile},
    hot::{Hot, HotBatch, Taken},
    partition, schema,
    wal::{Done, Recovery, Wal, WalError, WalOptions},
};

/// Limits of a lake.
#[derive(Debug, Clone)]
pub struct LakeOptions {
    /// Limits of the write-ahead log.
    pub wal: WalOptions,
    /// Events are written to files when they take more memory than this, in bytes.
    pub flush_bytes: usize,
    /// Or when there are more rows than this.
    pub flush_rows: usize,
    /// Or when the oldest has waited this long.
    pub flush_after: Duration,
    /// Above this many bytes in memory [`Lake::append`] answers [`WalError::Busy`].
    pub busy_bytes: usize,
    /// Threads of one search.
    pub threads: usize,
    /// Rows per row group: small enough that an hour of a busy day skips most of a file, large
    /// enough that columns compress.
    pub row_group_rows: usize,
    /// Files with at least this many rows are left alone by compaction.
    pub compacted_rows: u64,
    /// Compaction aims at files of this many rows.
    pub target_rows: u64,
    /// And of at most this many bytes.
    pub target_bytes: u64,
}

impl Default for LakeOptions {
    fn default() -> Self {
        Self {
            wal: WalOptions::default(),
            flush_bytes: 64 << 20,
            flush_rows: 250_000,
            flush_after: Duration::from_secs(15),
            busy_bytes: 256 << 20,
            threads: 2,
            row_group_rows: 32 * 1024,
            compacted_rows: 131_072,
            target_rows: 262_144,
            target_bytes: 96 << 20,
        }
    }
}

/// Why the lake could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// The write-ahead log failed.
    #[error(transparent)]
    Wal(#[from] WalError),
    /// The catalog failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// A file could not be read.
    #[error("cannot read lake file {}: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// A file could not be written.
    #[error("cannot write lake file {}: {reason}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// Columns could not be put together.
    #[error("cannot put event columns together: {0}")]
    Columns(#[from] ArrowError),
    /// The same frame was inserted twice, or was never appended.
    #[error("frame {0} is not waiting to be inserted")]
    NotWaiting(u64),
    /// A stored value is not one that this program writes.
    #[error("a stored row is not one of ours: {0}")]
    Foreign(String),
}

impl LakeError {
    pub(crate) fn read(path: &Path, error: &io::Error) -> Self {
        Self::Read {
            path: path.to_owned(),
            reason: error.to_string(),
        }
    }
    pub(crate) fn write(path: &Path, error: &io::Error) -> Self {
        Self::Write {
            path: path.to_owned(),
            reason: error.to_string(),
        }
    }
}

/// Events on disk, searchable from the moment they are inserted. All methods may be called from any
/// thread; those that read or write files block.
pub struct Lake {
    pub(crate) layout: Layout,
    pub(crate) options: LakeOptions,
    pub(crate) catalog: Arc<dyn Catalog>,
    wal: Wal,
    state: RwLock<State>,
    pub(crate) hot_bytes: AtomicUsize,
    pub(crate) watermark: AtomicU64,
    /// Whether a commit ended without an answer.
    pub(crate) unsure: AtomicBool,
    /// One flush at a time.
    pub(crate) flushing: Mutex<()>,
    /// One commit at a time.
    pub(crate) committing: Mutex<()>,
    /// One compaction or retention run at a time.
    pub(crate) maintaining: Mutex<()>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) hot: Hot,
    /// What is being written right now: still searched here, until the files are committed.
    pub(crate) leaving: Taken,
    pub(crate) files: Arc<Vec<Arc<LiveFile>>>,
}

/// What a search sees: every event once.
pub(crate) struct Snapshot {
    pub(crate) hot: Vec<Arc<HotBatch>>,
    pub(crate) files: Arc<Vec<Arc<LiveFile>>>,
}

/// What one flush wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flushed {
    /// Events written.
    pub events: usize,
    /// Dead letters written.
    pub dead_letters: usize,
    /// Files written.
    pub files: usize,
    /// The watermark afterwards.
    pub watermark: u64,
}

/// How full the lake is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LakeStats {
    /// Events in memory, durable in the write-ahead log.
    pub hot_rows: usize,
    /// Bytes they take, roughly.
    pub hot_bytes: usize,
    /// Live event files.
    pub files: usize,
    /// Events in them.
    pub file_rows: u64,
    /// Bytes of all live files.
    pub file_bytes: u64,
    /// Frames up to this one are in files.
    pub watermark: u64,
    /// Bytes that wait to be synced.
    pub waiting_bytes: usize,
}

impl Lake {
    /// Opens or creates the lake in `root` (`wal/`, `events/`, `dead/`), removes what a crash left
    /// behind, and returns the frames that have to be mapped and inserted again. They must all be
    /// inserted, in any order, before the watermark can pass them.
    pub fn open(
        root: &Path,
        catalog: Arc<dyn Catalog>,
        options: LakeOptions,
    ) -> Result<(Self, Recovery), LakeError> {
        file::create_dirs(root).map_err(|e| LakeError::write(root, &e))?;
        let watermark = catalog.watermark()?;
        let entries = catalog.live_files()?;
        let known: HashSet<&str> = entries.iter().map(|e| e.path.as_str()).collect();
        let orphans = file::remove_orphans(root, &known)?;
        if orphans > 0 {
            tracing::info!(orphans, "removed lake files that no commit names");
        }
        let (wal, recovery) = Wal::open(&root.join("wal"), options.wal.clone(), watermark)?;
        let files = entries
            .into_iter()
            .map(|e| LiveFile::new(root, e))
            .collect();
        let lake = Self {
            layout: Layout {
                root: root.to_owned(),
                row_group_rows: options.row_group_rows,
            },
            options,
            catalog,
            wal,
            state: RwLock::new(State {
                files: Arc::new(files),
                ..State::default()
            }),
            hot_bytes: AtomicUsize::new(0),
            watermark: AtomicU64::new(watermark),
            unsure: AtomicBool::new(false),
            flushing: Mutex::default(),
            committing: Mutex::default(),
            maintaining: Mutex::default(),
        };
        Ok((lake, recovery))
    }

    /// Queues `frame` for the write-ahead log. `done` is called on the writer's thread with its
    /// sequence number once it is on disk; only then may the sender be told. Afterwards map it and
    /// call [`Lake::insert`]. [`WalError::Busy`] means: ask the sender to come back.
    pub fn append(&self, frame: &Frame, done: Done) -> Result<(), WalError> {
        let waiting_bytes = self.hot_bytes.load(Ordering::Relaxed);
        if waiting_bytes > self.options.busy_bytes {
            return Err(WalError::Busy { waiting_bytes });
        }
        self.wal.append(frame, done)
    }

    /// Makes the events of frame `seq` searchable. Call it once per frame, also when it held nothing.
    pub fn insert(
        &self,
        seq: u64,
        events: &[Event],
        dead: Vec<DeadLetter>,
    ) -> Result<(), LakeError> {
        let (batch, bytes) = batch::from_events(seq, events)?;
        let mut state = self.write_state();
        if !self.wal.outstanding().finish(seq) {
            return Err(LakeError::NotWaiting(seq));
        }
        state.hot.push(seq, batch, bytes, dead)?;
        self.note_hot_bytes(&state);
        Ok(())
    }

    /// Whether [`Lake::flush`] has something to do by size or age.
    pub fn flush_due(&self) -> bool {
        let state = self.read_state();
        state.hot.bytes() > self.options.flush_bytes
            || state.hot.rows() > self.options.flush_rows
            || state
                .hot
                .since()
                .is_some_and(|s| s.elapsed() >= self.options.flush_after)
    }

    /// Writes everything inserted so far to files and moves the watermark, in one commit. After an
    /// error everything is still searchable and the next flush tries again.
    pub fn flush(&self) -> Result<Flushed, LakeError> {
        let _one = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        self.settle()?;
        let taken = {
            let mut state = self.write_state();
            let taken = state.hot.take(self.wal.outstanding().complete_up_to());
            state.leaving = taken.clone();
            taken
        };
        let outcome = self.write_and_commit(&taken);
        let flushed = match outcome {
            Ok(flushed) => flushed,
            // The catalog did not answer, but it did commit.
            Err(_) if self.watermark() == taken.watermark && !taken.is_empty() => Flushed {
                watermark: taken.watermark,
                ..Flushed::default()
            },
            Err(error) => {
                if !self.unsure.load(Ordering::Acquire) {
                    self.stay();
                }
                return Err(error);
            }
        };
        self.wal.release(flushed.watermark)?;
        Ok(flushed)
    }

    fn write_and_commit(&self, taken: &Taken) -> Result<Flushed, LakeError> {
        let watermark = taken.watermark;
        let range = [self.watermark().to_be_bytes(), watermark.to_be_bytes()];
        let salt: Vec<&[u8]> = range.iter().map(<[u8; 8]>::as_slice).collect();
        let mut add = Vec::new();
        let mut flushed = Flushed {
            watermark,
            ..Flushed::default()
        };
        if !taken.batches.is_empty() {
            let rows = concat_batches(&schema::EVENTS, taken.batches.iter().map(|b| &b.batch))?;
            flushed.events = rows.num_rows();
            add.extend(partition::write_files(
                &self.layout,
                Table::Events,
                &rows,
                Raw::Kept,
                &salt,
            )?);
        }
        if !taken.dead.is_empty() {
            let dead: Vec<DeadLetter> = taken.dead.iter().map(|(_, d)| d.clone()).collect();
            let rows = batch::from_dead(&dead)?;
            flushed.dead_letters = rows.num_rows();
            let dead = partition::write_files(&self.layout, Table::Dead, &rows, Raw::Kept, &salt);
            match dead {
                Ok(more) => add.extend(more),
                Err(error) => {
                    // No commit will name them; do not fill a disk that may be full already.
                    for entry in add {
                        file::remove(&self.layout, &entry.path);
                    }
                    return Err(error);
                }
            }
        }
        flushed.files = add.len();
        if add.is_empty() && watermark <= self.watermark() {
            return Ok(flushed);
        }
        self.commit(
            &Commit {
                add,
                remove: Vec::new(),
                watermark: Some(watermark),
            },
            Leaving::Cleared,
        )?;
        Ok(flushed)
    }

    /// Whether the write-ahead log takes nothing, after a failed sync, until it is reopened.
    pub fn is_refusing(&self) -> bool {
        self.wal.is_refusing()
    }

    /// Starts the write-ahead log again after a failed sync; see [`Wal::reopen`].
    pub fn reopen_log(&self, done: Box<dyn FnOnce(Result<(), WalError>) + Send>) {
        self.wal.reopen(done);
    }

    /// How full the lake is.
    pub fn stats(&self) -> LakeStats {
        let state = self.read_state();
        let events = || {
            state
                .files
                .iter()
                .filter(|f| f.entry.table == Table::Events)
        };
        LakeStats {
            hot_rows: state.hot.rows()
                + state
                    .leaving
                    .batches
                    .iter()
                    .map(|b| b.batch.num_rows())
                    .sum::<usize>(),
            hot_bytes: state.hot.bytes() + state.leaving.bytes(),
            files: events().count(),
            file_rows: events().map(|f| f.entry.rows).sum(),
            file_bytes: state.files.iter().map(|f| f.entry.bytes).sum(),
            watermark: self.watermark(),
            waiting_bytes: self.wal.waiting_bytes(),
        }
    }

    /// Frames up to this sequence number are in files.
    pub fn watermark(&self) -> u64 {
        self.watermark.load(Ordering::Acquire)
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let state = self.read_state();
        Snapshot {
            hot: state
                .leaving
                .batches
                .iter()
                .chain(state.hot.batches())
                .cloned()
                .collect(),
            files: Arc::clone(&state.files),
        }
    }

    /// Dead letters not yet in files, and the files.
    pub(crate) fn dead_snapshot(&self) -> (Vec<DeadLetter>, Arc<Vec<Arc<LiveFile>>>) {
        let state = self.read_state();
        let hot = state
            .leaving
            .dead
            .iter()
            .chain(state.hot.dead())
            .map(|(_, d)| d.clone());
        (hot.collect(), Arc::clone(&state.files))
    }

    pub(crate) fn note_hot_bytes(&self, state: &State) {
        self.hot_bytes
            .store(state.hot.bytes() + state.leaving.bytes(), Ordering::Relaxed);
    }

    pub(crate) fn read_state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write_state(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}
