//! The whole flow on one page.
//!
//! ```text
//! accept   1 a request's body becomes records            ingest::format
//!          2 the records become one frame, synced        lake::append     ── answered only now
//! process  3 frames become events                        ingest::Source
//!          4 events become findings                      detect, intel
//!          5 findings become entries, durable            respond::step, store
//!          6 events become searchable                    lake::insert
//! perform  7 effects are performed, outcomes are inputs  edge::perform → 5
//! ```
//!
//! Nothing calls back upstream. A crash between 2 and 6 maps the frame again at the next start:
//! ids are functions of frame and record, so no event and no finding doubles.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::oneshot;
use watchfloor_detect::{Correlator, Hit, Limits, Scratch};
use watchfloor_ingest::{Joiner, Mapped};
use watchfloor_lake::WalError;
use watchfloor_respond::Input;
use watchfloor_types::{Event, Finding, Frame, IndicatorMatch, SignedDuration};

use crate::{
    continuity::Told,
    floor::{Floor, SYSTEM, Seen},
};

/// Steps 1 and 2, the durable half: returns once the frame is on disk, with its number.
pub(crate) async fn accept(floor: &Floor, frame: Frame) -> Result<u64, WalError> {
    if floor.frames.is_full() {
        return Err(WalError::Busy {
            waiting_bytes: floor.frames.waiting(),
        });
    }
    let (done, synced) = oneshot::channel();
    let queue = floor.frames.clone();
    let kept = frame.clone();
    floor.lake.append(
        &frame,
        Box::new(move |result| {
            if let Ok(seq) = &result {
                // Here, on the log's own thread, so that frames arrive in the order of the log.
                queue.push(Frame { seq: *seq, ..kept });
            }
            // A sender that hung up does not want the answer; the frame is kept all the same.
            drop(done.send(result));
        }),
    )?;
    synced.await.unwrap_or(Err(WalError::Closed))
}

/// Fewer records than this are mapped faster than a thread starts.
const WORTH_A_THREAD: usize = 512;

/// What steps 3 and 4 carry from one round to the next.
pub(crate) struct Worker {
    joiner: Joiner,
    pub(crate) correlator: Option<Correlator>,
    pub(crate) scratch: Scratch,
    /// The rules that `correlator` was built for.
    pub(crate) version: u64,
    /// Up to which frame correlations have been told, and what of that is on disk.
    pub(crate) told: Told,
    /// Threads that may help to map.
    helpers: usize,
}

impl Worker {
    /// Nothing carried yet.
    pub(crate) fn new() -> Self {
        Self {
            joiner: Joiner::new(SignedDuration::from_mins(5), 64 << 20),
            correlator: None,
            scratch: Scratch::new(),
            version: 0,
            told: Told::default(),
            helpers: std::thread::available_parallelism()
                .map_or(1, |n| n.get() - 1)
                .min(7),
        }
    }
}

/// Steps 3 to 6 for frames in the order of the log.
pub(crate) fn process(floor: &Floor, worker: &mut Worker, frames: Vec<Frame>) {
    if floor.is_down() {
        // Not inserted, so the watermark stays and the next start takes them.
        return;
    }
    let mapped = map(floor, worker, &frames);
    let findings = detect(floor, worker, &mapped);
    if !findings.is_empty()
        && floor
            .ask_blocking(SYSTEM, Input::Findings(findings))
            .is_err()
    {
        // Correlations have been told, and what they said is not durable: only the log knows.
        worker.told.is_whole = false;
        // Not inserted, so the watermark stays and the next start detects again.
        tracing::warn!("the floor is going down; frames are processed again at the next start");
        return;
    }
    for (frame, (seq, mapped)) in frames.iter().zip(mapped) {
        note(floor, frame, &mapped);
        let seen = frame.mark.is_some().then(|| Seen {
            events: mapped.events.iter().map(|e| e.id).collect(),
            dead: mapped.dead.len() as u32,
        });
        index_dead(floor, &mapped);
        if let Err(error) = floor.lake.insert(seq, &mapped.events, mapped.dead) {
            tracing::error!(%error, seq, "cannot insert events; they stay in the write-ahead log");
        }
        if let Some(seen) = seen {
            floor.ledger.note(seq, seen);
        }
        worker.told.through(frame.seq, frame.received);
    }
}

/// What happens when nothing comes: windows end, and absences are found.
pub(crate) fn idle(floor: &Floor, worker: &mut Worker) {
    let Some(correlator) = &mut worker.correlator else {
        return;
    };
    let now = floor.clock.now();
    let mut findings = Vec::new();
    correlator.advance(now, &mut findings);
    if !findings.is_empty()
        && floor
            .ask_blocking(SYSTEM, Input::Findings(findings))
            .is_err()
    {
        worker.told.is_whole = false;
    }
}

/// Notes dead letters where people look for them. The letters themselves go to the lake.
fn index_dead(floor: &Floor, mapped: &Mapped) {
    if mapped.dead.is_empty() {
        return;
    }
    // In parts, so that the journal's own transactions come between them.
    for part in mapped.dead.chunks(500) {
        if let Err(error) = floor.runtime.block_on(floor.store.dead_letters_add(part)) {
            tracing::error!(%error, "cannot index dead letters; they are kept with the events");
        }
    }
}

/// Frames in order. Those whose records are not tied to others are mapped by several threads.
fn map(floor: &Floor, worker: &mut Worker, frames: &[Frame]) -> Vec<(u64, Mapped)> {
    let source_of = |frame: &Frame| floor.sources.get(&frame.source);
    let joins = |frame: &Frame| source_of(frame).is_some_and(|source| source.joins());
    let alone: Vec<(usize, &Frame)> = frames
        .iter()
        .enumerate()
        .filter(|(_, frame)| !joins(frame))
        .collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((at, frame)) = alone.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mapped = match source_of(frame) {
                Some(source) => surely(frame, || source.map_alone(frame)),
                None => {
                    // The source was removed from the content since the frame was accepted.
                    let reason = format!("there is no source `{}` any more", frame.source);
                    crate::floor::unmapped(frame, &reason)
                }
            };
            done.push((*at, mapped));
        }
        done
    };
    let records: usize = alone.iter().map(|(_, frame)| frame.records.len()).sum();
    let helpers = if records < WORTH_A_THREAD {
        0
    } else {
        worker.helpers.min(alone.len().saturating_sub(1))
    };
    let mut done = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..helpers).map(|_| scope.spawn(work)).collect();
        let mut done = Vec::with_capacity(frames.len());
        for (at, frame) in frames.iter().enumerate().filter(|(_, f)| joins(f)) {
            if let Some(source) = source_of(frame) {
                let joiner = &mut worker.joiner;
                done.push((at, surely(frame, || source.map_frame(frame, joiner))));
            }
        }
        done.extend(work());
        for thread in threads {
            match thread.join() {
                Ok(more) => done.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter()
        .zip(frames)
        .map(|((_, mapped), frame)| (frame.seq, mapped))
        .collect()
}

/// A record that makes a mapping fail must not stop all others, now and at every start.
fn surely(frame: &Frame, map: impl FnOnce() -> Mapped) -> Mapped {
    catch_unwind(AssertUnwindSafe(map)).unwrap_or_else(|_| {
        tracing::error!(seq = frame.seq, source = %frame.source, "a defect: the mapping failed; the records are kept as dead letters");
        crate::floor::unmapped(frame, "the mapping failed on a record of this request")
    })
}

fn detect(floor: &Floor, worker: &mut Worker, mapped: &[(u64, Mapped)]) -> Vec<Finding> {
    let rulebook = floor.rulebook();
    let engine = &rulebook.engine;
    let mut correlator = match worker.correlator.take() {
        Some(same) if worker.version == rulebook.version => same,
        // Correlations whose text is the same keep what they have seen.
        Some(old) => old.reloaded(engine),
        None => Correlator::new(engine, Limits::default()),
    };
    worker.version = rulebook.version;
    let matcher = floor.matcher();
    let now = floor.clock.now();
    let mut findings = Vec::new();
    let mut hits: Vec<Hit> = Vec::new();
    let mut matches: Vec<IndicatorMatch> = Vec::new();
    let events = mapped
        .iter()
        .flat_map(|(seq, m)| m.events.iter().map(|event| (*seq, event)));
    for (seq, event) in events {
        let judged = catch_unwind(AssertUnwindSafe(|| {
            engine.detect(event, &mut worker.scratch, now, &mut hits, &mut findings);
            // After a crash the log gives frames again that a snapshot has been told already.
            if !hits.is_empty() && seq > worker.told.seq {
                correlator.feed(event, &hits, &mut findings, now);
            }
            if !matcher.is_empty() {
                indicators(floor, &matcher, event, &mut matches, &mut findings);
            }
        }));
        if judged.is_err() {
            tracing::error!(event = %event.id, "a defect: the rules failed on an event; it is kept, and was not judged");
            worker.scratch = Scratch::new();
        }
    }
    correlator.advance(now, &mut findings);
    worker.correlator = Some(correlator);
    findings
}

fn indicators(
    floor: &Floor,
    matcher: &watchfloor_intel::Matcher,
    event: &Event,
    matches: &mut Vec<IndicatorMatch>,
    findings: &mut Vec<Finding>,
) {
    matches.clear();
    matcher.match_event(event, matches);
    let now = floor.clock.now();
    for found in matches.iter() {
        findings.push(watchfloor_intel::finding(found, event, now));
        floor.sighted(found);
    }
}

fn note(floor: &Floor, frame: &Frame, mapped: &Mapped) {
    let mut all = floor.figures.lock().unwrap_or_else(PoisonError::into_inner);
    let figures = all.entry(frame.source.clone()).or_default();
    figures.events += mapped.events.len() as u64;
    figures.dead += mapped.dead.len() as u64;
    figures.leaves += mapped.leaves;
    figures.unknown += mapped.unknown_leaves;
    figures.last = Some(frame.received);
    if let Some(newest) = mapped.events.iter().map(|e| e.time).max() {
        figures.lag_ms = frame
            .received
            .duration_since(newest)
            .as_millis()
            .try_into()
            .unwrap_or(i64::MAX);
    }
}

/// Compaction and retention.
pub(crate) fn maintain(floor: &Floor) {
    let now = floor.clock.now();
    if let Err(error) = floor.lake.maintain(now, &floor.settings.kept()) {
        tracing::error!(%error, "cannot compact or expire event files; nothing is lost, it is tried again");
    }
    let before = now.saturating_sub(floor.settings.retention).unwrap_or(now);
    if let Err(error) = floor
        .runtime
        .block_on(floor.store.dead_letters_forget(before))
    {
        tracing::error!(%error, "cannot forget old dead letters; it is tried again");
    }
    if let Err(error) = floor
        .runtime
        .block_on(floor.store.output_dead_forget(before))
    {
        tracing::error!(%error, "cannot forget old dead letters of outputs; it is tried again");
    }
}
