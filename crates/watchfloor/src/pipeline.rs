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

use std::sync::PoisonError;

use tokio::sync::oneshot;
use watchfloor_detect::{Correlator, Hit, Limits, Scratch};
use watchfloor_ingest::{Joiner, Mapped};
use watchfloor_lake::WalError;
use watchfloor_respond::Input;
use watchfloor_types::{Event, Finding, Frame, IndicatorMatch, SignedDuration};

use crate::floor::{Floor, SYSTEM, Seen};

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

/// What steps 3 and 4 carry from one round to the next.
pub(crate) struct Worker {
    joiner: Joiner,
    correlator: Option<Correlator>,
    scratch: Scratch,
    /// The rules that `correlator` was built for.
    version: u64,
}

impl Worker {
    /// Nothing carried yet.
    pub(crate) fn new() -> Self {
        Self {
            joiner: Joiner::new(SignedDuration::from_mins(5), 64 << 20),
            correlator: None,
            scratch: Scratch::new(),
            version: 0,
        }
    }
}

/// Steps 3 to 6 for frames in the order of the log.
pub(crate) fn process(floor: &Floor, worker: &mut Worker, frames: Vec<Frame>) {
    let mapped: Vec<(u64, Mapped)> = frames
        .iter()
        .map(|frame| (frame.seq, map(floor, worker, frame)))
        .collect();
    let findings = detect(floor, worker, &mapped);
    if !findings.is_empty()
        && floor
            .ask_blocking(SYSTEM, Input::Findings(findings))
            .is_err()
    {
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
        if let Err(error) = floor.lake.insert(seq, &mapped.events, mapped.dead) {
            tracing::error!(%error, seq, "cannot insert events; they stay in the write-ahead log");
        }
        if let Some(seen) = seen {
            floor.ledger.note(seq, seen);
        }
    }
}

fn map(floor: &Floor, worker: &mut Worker, frame: &Frame) -> Mapped {
    match floor.sources.get(&frame.source) {
        Some(source) => source.map_frame(frame, &mut worker.joiner),
        // The source was removed from the content since the frame was accepted.
        None => crate::floor::unmapped(frame),
    }
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
    for event in mapped.iter().flat_map(|(_, m)| &m.events) {
        engine.detect(event, &mut worker.scratch, now, &mut hits, &mut findings);
        if !hits.is_empty() {
            correlator.feed(event, &hits, &mut findings, now);
        }
        if !matcher.is_empty() {
            indicators(floor, &matcher, event, &mut matches, &mut findings);
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
}
