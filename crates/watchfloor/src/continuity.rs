//! Correlations across restarts: their state on disk, and what to tell them at a start.
//!
//! `<data_dir>/correlations` holds a snapshot and the number of the last frame it covers. At a start
//! it is read; frames that lie in files and came after it are told from the lake, silently, for what
//! they gave is durable; frames that the write-ahead log gives again are told by the pipeline as
//! always, those that the snapshot covers excepted. Without a snapshot that can be used, the lake
//! tells what happened within the longest timespan.

use std::{
    fs::File,
    io::Write as _,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use watchfloor_detect::{Correlator, Hit, Limits};
use watchfloor_lake::{Filter, Query, Tenants, Watch};
use watchfloor_types::{Event, Finding, SignedDuration, Timestamp};

use crate::{floor::Floor, pipeline::Worker, rulebook::Rulebook};

/// Longest that a start waits for correlations to be told what happened before.
const WARM_TIME: Duration = Duration::from_secs(20);

/// Most events that correlations are told.
const WARM_EVENTS: usize = 200_000;

/// How long before its receipt an event may have happened to be told from files.
const REACH: SignedDuration = SignedDuration::from_hours(48);

/// Writing snapshots takes at most one part in this many of the time.
const SHARE: u32 = 50;

/// Up to where correlations have been told.
#[derive(Debug)]
pub(crate) struct Told {
    /// The last frame.
    pub(crate) seq: u64,
    /// When it was received.
    received: Timestamp,
    /// What the snapshot on disk covers.
    saved: u64,
    /// Whether all that correlations said is durable.
    pub(crate) is_whole: bool,
    /// Not before this is a snapshot written again.
    next: Instant,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            seq: 0,
            received: Timestamp::UNIX_EPOCH,
            saved: 0,
            is_whole: true,
            next: Instant::now(),
        }
    }
}

impl Told {
    /// A frame is through.
    pub(crate) fn through(&mut self, seq: u64, received: Timestamp) {
        if seq > self.seq {
            self.seq = seq;
            self.received = received;
        }
    }
}

fn path(floor: &Floor) -> PathBuf {
    floor.settings.data_dir.join("correlations")
}

/// Gives the worker the correlations that go on from where the last run ended.
pub(crate) fn resume(floor: &Floor, worker: &mut Worker) {
    let rulebook = floor.rulebook();
    worker.version = rulebook.version;
    match read(floor, &rulebook) {
        Some((correlator, seq, received)) => {
            worker.correlator = Some(correlator);
            worker.told.through(seq, received);
            worker.told.saved = seq;
            if floor.lake.watermark() > seq {
                let from = received.saturating_sub(REACH).unwrap_or(Timestamp::MIN);
                tell(floor, worker, &rulebook, from, seq);
            }
        }
        None => {
            let Some(span) = rulebook.engine.longest_timespan() else {
                return;
            };
            let from = floor.clock.now().saturating_sub(span);
            worker.correlator = Some(Correlator::new(&rulebook.engine, Limits::default()));
            tell(floor, worker, &rulebook, from.unwrap_or(Timestamp::MIN), 0);
        }
    }
    // What lies in files has been told; the log gives the rest.
    let watermark = floor.lake.watermark();
    let now = floor.clock.now();
    worker.told.through(watermark, now);
}

/// The snapshot on disk, if there is one that can be used.
fn read(floor: &Floor, rulebook: &Rulebook) -> Option<(Correlator, u64, Timestamp)> {
    let path = path(floor);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::warn!(%error, path = %path.display(), "cannot read the state of correlations; stored events are read instead");
            return None;
        }
    };
    match Correlator::restore(&rulebook.engine, Limits::default(), &bytes) {
        Ok((correlator, restored)) => {
            let note = restored.note.as_slice();
            let word = |at: usize| {
                let bytes = note.get(at..at + 8)?;
                bytes.try_into().ok().map(i64::from_le_bytes)
            };
            let (seq, received) = (word(0)?, word(8)?);
            let received = Timestamp::from_millisecond(received).ok()?;
            tracing::info!(
                groups = restored.kept,
                dropped = restored.dropped,
                seq,
                "correlations go on"
            );
            Some((correlator, u64::try_from(seq).ok()?, received))
        }
        Err(error) => {
            tracing::warn!(%error, path = %path.display(), "the state of correlations cannot be used; stored events are read instead");
            None
        }
    }
}

/// Tells correlations what lies in files from `from` on and came in frames after `after`. What they
/// say is durable already.
fn tell(floor: &Floor, worker: &mut Worker, rulebook: &Rulebook, from: Timestamp, after: u64) {
    let engine = &rulebook.engine;
    let Some(mut correlator) = worker.correlator.take() else {
        return;
    };
    let now = floor.clock.now();
    let began = Instant::now();
    let mut known: Vec<(Event, Vec<Hit>)> = Vec::new();
    let mut hits = Vec::new();
    let mut until = Timestamp::MAX;
    let watermark = floor.lake.watermark();
    // From the newest hour backwards, so that a bound cuts off the oldest.
    for hour in 1i64.. {
        let start = now
            .saturating_sub(SignedDuration::from_hours(hour))
            .unwrap_or(Timestamp::MIN);
        let query = Query {
            filter: Filter::all(),
            from: start,
            until,
            tenants: Tenants::All,
        };
        let enough = |known: &Vec<(Event, Vec<Hit>)>| {
            began.elapsed() > WARM_TIME || known.len() > WARM_EVENTS
        };
        let scanned = floor.lake.scan(&query, &Watch::new(), &mut |rows| {
            for row in rows {
                let seq = row.event.id.frame_seq();
                if seq <= after || seq > watermark {
                    continue;
                }
                hits.clear();
                engine.match_event(&row.event, &mut worker.scratch, &mut hits);
                hits.retain(|h| engine.is_counted(*h));
                if !hits.is_empty() {
                    known.push((row.event, hits.clone()));
                }
            }
            if enough(&known) || floor.closing.load(Ordering::Acquire) {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        if let Err(error) = scanned {
            tracing::warn!(%error, "correlations go on without what is stored");
            break;
        }
        if floor.closing.load(Ordering::Acquire) {
            // The program ends; what was not told must not be written down as told.
            worker.told.is_whole = false;
            break;
        }
        if enough(&known) {
            tracing::warn!(from = %start, "correlations know what happened since then only; there was too much before");
            break;
        }
        if start < from {
            break;
        }
        until = start;
    }
    known.sort_by_key(|(event, _)| (event.received, event.id));
    let mut said_before: Vec<Finding> = Vec::new();
    for (event, hits) in &known {
        correlator.feed(event, hits, &mut said_before, event.received);
        said_before.clear();
    }
    worker.correlator = Some(correlator);
}

/// Which occasion there is to write a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// Frames are through: only when files hold what the snapshot does not.
    Round,
    /// Nothing comes at the moment.
    Idle,
    /// The program ends.
    End,
}

/// Writes a snapshot, if it is time.
pub(crate) fn save(floor: &Floor, worker: &mut Worker, occasion: Occasion) {
    let told = &worker.told;
    let Some(correlator) = worker.correlator.as_ref().filter(|_| told.is_whole) else {
        return;
    };
    let due = match occasion {
        Occasion::Round => floor.lake.watermark() > told.saved,
        Occasion::Idle | Occasion::End => told.seq > told.saved,
    };
    if !due || (occasion != Occasion::End && Instant::now() < told.next) {
        return;
    }
    let began = Instant::now();
    let mut note = told.seq.to_le_bytes().to_vec();
    note.extend(told.received.as_millisecond().to_le_bytes());
    let bytes = correlator.snapshot(&note);
    let path = path(floor);
    match replace(&path, &bytes) {
        Ok(()) => worker.told.saved = worker.told.seq,
        Err(error) => {
            tracing::warn!(%error, path = %path.display(), "cannot write the state of correlations; a restart reads stored events instead");
        }
    }
    worker.told.next = Instant::now() + began.elapsed() * SHARE;
}

/// The new file takes the place of the old one whole, or not at all.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
