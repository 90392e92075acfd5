//! The threads behind `rule run`: one reads files and cuts them into blocks, the others decode,
//! map and match them.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender, SyncSender},
    },
};

use indicatif::ProgressBar;
use watchfloor_detect::{Engine, Hit, Scratch, event_of_json};
use watchfloor_ingest::{Format, stream::Block};
use watchfloor_types::{Event, EventId, Finding, Logsource, Norm, Timestamp, View};

use super::{
    feed::{self, Asked, Open},
    reader::Reader,
};

/// One thing on its way to the threads that match.
pub(super) struct Work {
    pub(super) order: u64,
    pub(super) file: usize,
    pub(super) what: What,
}

pub(super) enum What {
    Opened(&'static Format),
    Block(Block),
    /// The file cannot be read, or not to its end.
    Failed(String),
}

/// What became of it.
pub(super) struct Outcome {
    pub(super) order: u64,
    pub(super) file: usize,
    pub(super) result: Matched,
}

pub(super) enum Matched {
    Opened(&'static Format),
    Block(Vec<Record>, u64),
    Failed(String),
}

/// A record of which something is to be said.
pub(super) struct Record {
    /// In its block, from 0.
    pub(super) index: u64,
    pub(super) wrong: Option<String>,
    pub(super) findings: Vec<Finding>,
    /// Events and their hits that correlations count.
    pub(super) counted: Vec<(Event, Vec<Hit>)>,
}

/// Reads all files in order.
pub(super) fn read(
    files: &[PathBuf],
    asked: &Asked,
    bar: &ProgressBar,
    work: &SyncSender<Work>,
    free: &Receiver<()>,
    stop: &AtomicBool,
) {
    let mut order = 0;
    let mut send = |file: usize, what: What| {
        // Both ends hang up when the run is over.
        let sent = free.recv().is_ok() && work.send(Work { order, file, what }).is_ok();
        order += 1;
        sent && !stop.load(Ordering::Relaxed)
    };
    for (file, path) in files.iter().enumerate() {
        bar.set_message(crate::output::visible(&path.display().to_string()));
        let mut open = match Open::new(path, asked, bar) {
            Ok(open) => open,
            Err(reason) => {
                if !send(file, What::Failed(reason)) {
                    return;
                }
                continue;
            }
        };
        if !send(file, What::Opened(open.format)) {
            return;
        }
        loop {
            let what = match open.next() {
                Ok(Some(block)) => What::Block(block),
                Ok(None) => break,
                Err(reason) => What::Failed(reason),
            };
            let last = matches!(what, What::Failed(_));
            if !send(file, what) {
                return;
            }
            if last {
                break;
            }
        }
    }
}

/// Matches blocks until there are no more; says how many records each source read.
pub(super) fn work(
    engine: &Engine,
    mut reader: Reader<'_>,
    work: &Mutex<Receiver<Work>>,
    done: &Sender<Outcome>,
    now: Timestamp,
) -> Vec<(Option<String>, u64)> {
    let mut scratch = Scratch::new();
    loop {
        let next = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Work { order, file, what }) = next else {
            break;
        };
        let result = match what {
            What::Opened(format) => Matched::Opened(format),
            What::Failed(reason) => Matched::Failed(reason),
            What::Block(block) => {
                let records = feed::records(&block);
                let total = records.len() as u64;
                let mut out = Vec::new();
                for (index, record) in (0u64..).zip(records) {
                    // Distinct for every record of the run.
                    let seq = (order << 20).wrapping_add(index) & ((1 << 42) - 1);
                    let record = record.and_then(|record| {
                        catch_unwind(AssertUnwindSafe(|| {
                            one(engine, &mut reader, &mut scratch, record, seq, now)
                        }))
                        .unwrap_or_else(|_| {
                            scratch = Scratch::new();
                            Err("reading or matching it failed; please report this".to_owned())
                        })
                    });
                    match record {
                        Ok(None) => {}
                        Ok(Some(record)) => out.push(Record { index, ..record }),
                        Err(reason) => out.push(Record {
                            index,
                            wrong: Some(reason),
                            findings: Vec::new(),
                            counted: Vec::new(),
                        }),
                    }
                }
                Matched::Block(out, total)
            }
        };
        let outcome = Outcome {
            order,
            file,
            result,
        };
        if done.send(outcome).is_err() {
            break;
        }
    }
    let seen = reader.seen.iter();
    seen.map(|(source, count)| (source.map(|s| s.id().to_string()), *count))
        .collect()
}

/// Matches one record; none where there is nothing to say about it.
fn one(
    engine: &Engine,
    reader: &mut Reader<'_>,
    scratch: &mut Scratch,
    record: bytes::Bytes,
    seq: u64,
    now: Timestamp,
) -> Result<Option<Record>, String> {
    let mut out: Option<Record> = None;
    let mut hits = Vec::new();
    // Most records match nothing, and rules on the native record need no mapping to see that.
    let id = EventId::of_record(now, seq, 0);
    let mut wanted = |record: &bytes::Bytes, logsource: Logsource| {
        if logsource.view() == View::Norm
            || logsource.category.as_deref() == Some(Logsource::UNKNOWN)
        {
            return true;
        }
        let event = first_look(record, logsource, id, now);
        hits.clear();
        engine.match_event(&event, scratch, &mut hits);
        !hits.is_empty()
    };
    let events = reader.events_if(record, seq, now, &mut wanted)?;
    for event in events {
        let mut findings = Vec::new();
        // Event time drives correlations: the file is the past.
        engine.detect(&event, scratch, event.time, &mut hits, &mut findings);
        if hits.is_empty() {
            continue;
        }
        if event.logsource.category.as_deref() == Some(Logsource::UNKNOWN) {
            // Rules for other logs hold of what is not there; only what was seen counts.
            findings.retain(|f| !f.matched.is_empty());
        }
        let out = out.get_or_insert_with(|| Record {
            index: 0,
            wrong: None,
            findings: Vec::new(),
            counted: Vec::new(),
        });
        out.findings.append(&mut findings);
        if hits.iter().any(|h| engine.is_counted(*h)) {
            out.counted.push((event, hits.clone()));
        }
    }
    Ok(out)
}

/// A record as rules on the native record see it.
fn first_look(record: &bytes::Bytes, logsource: Logsource, id: EventId, now: Timestamp) -> Event {
    let mut event = event_of_json("", logsource, Norm::default(), now);
    event.id = id;
    event.native = record.clone();
    event
}
