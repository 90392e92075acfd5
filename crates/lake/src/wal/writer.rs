//! The one thread that writes.

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};

use super::{
    Done, Outstanding, WalError, WalOptions,
    frame::{HEADER_LEN, Header},
    segment::{self, SEGMENT_HEAD_LEN},
};

/// Where segments are created; a test puts a failing disk here.
pub(super) trait Disk: Send {
    /// Creates the file, empty.
    fn create(&mut self, path: &Path) -> io::Result<Box<dyn SegmentFile>>;
}

/// A segment being written.
pub(super) trait SegmentFile: Send {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()>;
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file to `len` and goes on writing there.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
}

/// The file system.
pub(super) struct RealDisk;

impl Disk for RealDisk {
    fn create(&mut self, path: &Path) -> io::Result<Box<dyn SegmentFile>> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        file.set_len(0)?;
        Ok(Box::new(file))
    }
}

impl SegmentFile for File {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        Write::write_all(self, bytes)
    }
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
    fn truncate(&mut self, len: u64) -> io::Result<()> {
        // Opened for appending: the next write goes to the new end.
        self.set_len(len)
    }
}

/// Cuts a segment that is not being written, and syncs it.
pub(super) fn truncate(path: &Path, len: u64) -> Result<(), WalError> {
    let cut = || {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(len)?;
        file.sync_all()
    };
    cut().map_err(|e: io::Error| WalError::write(path, &e))
}

enum Job {
    Append { body: Vec<u8>, done: Done },
    Reopen(Box<dyn FnOnce(Result<(), WalError>) + Send>),
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    bytes: usize,
    closed: bool,
    refusing: bool,
}

/// What callers and the writer share.
pub(super) struct Shared {
    options: WalOptions,
    queue: Mutex<Queue>,
    wake: Condvar,
    outstanding: Outstanding,
    closed: Mutex<Vec<Closed>>,
}

/// A segment no longer written.
pub(super) struct Closed {
    pub(super) last_seq: u64,
    pub(super) path: PathBuf,
    pub(super) state: Condition,
}

/// How a segment was found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    Good,
    Damaged,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(
        options: WalOptions,
        outstanding: Outstanding,
        closed: Vec<Closed>,
    ) -> Arc<Self> {
        Arc::new(Self {
            options,
            queue: Mutex::default(),
            wake: Condvar::new(),
            outstanding,
            closed: Mutex::new(closed),
        })
    }

    pub(super) fn outstanding(&self) -> &Outstanding {
        &self.outstanding
    }

    pub(super) fn waiting_bytes(&self) -> usize {
        lock(&self.queue).bytes
    }

    /// Whether a frame would be taken now.
    pub(super) fn check(&self) -> Result<(), WalError> {
        Self::refusal(&lock(&self.queue), &self.options)
    }

    fn refusal(queue: &Queue, options: &WalOptions) -> Result<(), WalError> {
        if queue.closed {
            return Err(WalError::Closed);
        }
        if queue.refusing {
            return Err(WalError::Refusing);
        }
        if queue.bytes >= options.queue_bytes || queue.jobs.len() >= options.queue_frames {
            return Err(WalError::Busy {
                waiting_bytes: queue.bytes,
            });
        }
        Ok(())
    }

    pub(super) fn push(&self, body: Vec<u8>, done: Done) -> Result<(), WalError> {
        let mut queue = lock(&self.queue);
        Self::refusal(&queue, &self.options)?;
        queue.bytes += body.len();
        queue.jobs.push_back(Job::Append { body, done });
        drop(queue);
        self.wake.notify_one();
        Ok(())
    }

    pub(super) fn push_reopen(&self, done: Box<dyn FnOnce(Result<(), WalError>) + Send>) {
        let mut queue = lock(&self.queue);
        if queue.closed {
            drop(queue);
            done(Err(WalError::Closed));
            return;
        }
        queue.jobs.push_back(Job::Reopen(done));
        drop(queue);
        self.wake.notify_one();
    }

    pub(super) fn close(&self) {
        lock(&self.queue).closed = true;
        self.wake.notify_one();
    }

    /// Everything that waits; none when closed and empty.
    fn take(&self) -> Option<VecDeque<Job>> {
        let mut queue = lock(&self.queue);
        while queue.jobs.is_empty() {
            if queue.closed {
                return None;
            }
            queue = self
                .wake
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Some(std::mem::take(&mut queue.jobs))
    }

    fn written(&self, bytes: usize) {
        let mut queue = lock(&self.queue);
        queue.bytes = queue.bytes.saturating_sub(bytes);
    }

    pub(super) fn is_refusing(&self) -> bool {
        lock(&self.queue).refusing
    }

    fn set_refusing(&self, refusing: bool) {
        lock(&self.queue).refusing = refusing;
    }

    pub(super) fn release(&self, watermark: u64) -> Result<(), WalError> {
        let mut closed = lock(&self.closed);
        let mut failed = None;
        closed.retain(|segment| {
            let path = &segment.path;
            if segment.last_seq > watermark {
                return true;
            }
            let gone = match segment.state {
                Condition::Good => fs::remove_file(path),
                Condition::Damaged => fs::rename(path, path.with_extension("damaged")),
            };
            match gone {
                Ok(()) => false,
                Err(e) if e.kind() == io::ErrorKind::NotFound => false,
                Err(e) => {
                    failed = Some(WalError::write(path, &e));
                    true
                }
            }
        });
        failed.map_or(Ok(()), Err)
    }
}

/// The segment being written.
pub(super) struct Log {
    disk: Box<dyn Disk>,
    dir: PathBuf,
    path: PathBuf,
    file: Box<dyn SegmentFile>,
    /// Length known to be good; what lies behind is cut off after an error.
    len: u64,
    next_seq: u64,
    synced: u64,
    buffer: Vec<u8>,
}

impl Log {
    /// Starts a segment at `next_seq`.
    pub(super) fn create(
        mut disk: Box<dyn Disk>,
        dir: &Path,
        next_seq: u64,
    ) -> Result<Self, WalError> {
        let path = segment::segment_path(dir, next_seq);
        let file = start_segment(disk.as_mut(), dir, &path, next_seq)?;
        Ok(Self {
            disk,
            dir: dir.to_owned(),
            path,
            file,
            len: SEGMENT_HEAD_LEN as u64,
            next_seq,
            synced: next_seq - 1,
            buffer: Vec::new(),
        })
    }

    fn rotate(&mut self, shared: &Shared) -> Result<(), WalError> {
        let path = segment::segment_path(&self.dir, self.next_seq);
        let old = self.path.clone();
        if path == old {
            return self
                .file
                .truncate(self.len)
                .map_err(|e| WalError::write(&old, &e));
        }
        self.file = start_segment(self.disk.as_mut(), &self.dir, &path, self.next_seq)?;
        self.path = path;
        self.len = SEGMENT_HEAD_LEN as u64;
        lock(&shared.closed).push(Closed {
            last_seq: self.next_seq - 1,
            path: old,
            state: Condition::Good,
        });
        Ok(())
    }
}

fn start_segment(
    disk: &mut dyn Disk,
    dir: &Path,
    path: &Path,
    first_seq: u64,
) -> Result<Box<dyn SegmentFile>, WalError> {
    let mut start = || {
        let mut file = disk.create(path)?;
        file.write_all(&segment::segment_head(first_seq))?;
        file.sync()?;
        // The name must survive a crash as well as the content.
        File::open(dir)?.sync_all()?;
        Ok(file)
    };
    start().map_err(|e: io::Error| WalError::write(path, &e))
}

pub(super) fn spawn(shared: Arc<Shared>, log: Log) -> io::Result<JoinHandle<()>> {
    thread::Builder::new()
        .name("wal-writer".to_owned())
        .spawn(move || run(&shared, log))
}

fn run(shared: &Shared, mut log: Log) {
    let mut failed = false;
    while let Some(jobs) = shared.take() {
        let mut batch = Vec::with_capacity(jobs.len());
        for job in jobs {
            match job {
                Job::Append { body, done } => batch.push((body, done)),
                Job::Reopen(done) => {
                    commit(shared, &mut log, &mut failed, std::mem::take(&mut batch));
                    done(reopen(shared, &mut log, &mut failed));
                }
            }
        }
        commit(shared, &mut log, &mut failed, batch);
    }
}

fn reopen(shared: &Shared, log: &mut Log, failed: &mut bool) -> Result<(), WalError> {
    if !*failed {
        return Ok(());
    }
    let len = log.len;
    log.file
        .truncate(len)
        .map_err(|e| WalError::write(&log.path, &e))?;
    log.file.sync().map_err(|e| WalError::Sync {
        path: log.path.clone(),
        reason: e.to_string(),
    })?;
    log.rotate(shared)?;
    shared.outstanding.abandon(log.synced + 1, log.next_seq - 1);
    log.synced = log.next_seq - 1;
    *failed = false;
    shared.set_refusing(false);
    Ok(())
}

/// Writes and syncs `batch`, then answers everybody in order.
fn commit(shared: &Shared, log: &mut Log, failed: &mut bool, batch: Vec<(Vec<u8>, Done)>) {
    if batch.is_empty() {
        return;
    }
    let bytes = batch.iter().map(|(body, _)| body.len()).sum();
    let first = log.next_seq;
    let outcome = if *failed {
        Err(WalError::Refusing)
    } else {
        write(shared, log, &batch)
    };
    if matches!(outcome, Err(WalError::Sync { .. })) {
        *failed = true;
        shared.set_refusing(true);
    }
    shared.written(bytes);
    for (seq, (_, done)) in (first..).zip(batch) {
        done(outcome.clone().map(|()| seq));
    }
}

fn write(shared: &Shared, log: &mut Log, batch: &[(Vec<u8>, Done)]) -> Result<(), WalError> {
    if log.len > shared.options.segment_bytes {
        log.rotate(shared)?;
    }
    let first = log.next_seq;
    log.buffer.clear();
    for (seq, (body, _)) in (first..).zip(batch) {
        log.buffer.reserve(HEADER_LEN + body.len());
        log.buffer
            .extend_from_slice(&Header::of(body, seq, log.synced));
        log.buffer.extend_from_slice(body);
    }
    let last = first + batch.len() as u64 - 1;
    if let Err(e) = log.file.write_all(&log.buffer) {
        // Half a write must not stay in front of the next one.
        let error = WalError::write(&log.path, &e);
        return Err(match log.file.truncate(log.len) {
            Ok(()) => error,
            Err(e) => WalError::Sync {
                path: log.path.clone(),
                reason: format!("{error}; cutting it off failed too: {e}"),
            },
        });
    }
    // Known before anybody can insert them, so that no watermark passes over them.
    shared.outstanding.begin(first, last);
    log.next_seq = last + 1;
    log.file.sync().map_err(|e| WalError::Sync {
        path: log.path.clone(),
        reason: e.to_string(),
    })?;
    log.len += log.buffer.len() as u64;
    log.synced = last;
    Ok(())
}
