//! Whatever happens in whatever order, each acknowledged event is found exactly once.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use proptest::prelude::*;
use tempfile::tempdir;
use watchfloor_lake::{
    Catalog, CatalogError, Commit, DirCatalog, FileEntry, Lake, LakeOptions, Retention, WalOptions,
};
use watchfloor_types::EventId;

use crate::events::{append, at, frame, map, query, scan};

#[derive(Debug, Clone)]
enum Step {
    /// Append a frame of so many records and insert it.
    Insert(u8),
    /// Append and crash before it is mapped, when the next crash comes; until then it waits.
    AppendOnly(u8),
    Flush,
    Maintain,
    /// A flush whose commit fails, or is done but not answered.
    FailedCommit(Answer),
    /// The same for maintenance.
    FailedMerge(Answer),
    Crash,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Answer {
    NotDone,
    DoneButCrashed,
    DoneButSilent,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1u8..6).prop_map(Step::Insert),
        1 => (1u8..4).prop_map(Step::AppendOnly),
        3 => Just(Step::Flush),
        2 => Just(Step::Maintain),
        1 => Just(Step::FailedCommit(Answer::NotDone)),
        1 => Just(Step::FailedCommit(Answer::DoneButCrashed)),
        1 => Just(Step::FailedCommit(Answer::DoneButSilent)),
        1 => Just(Step::FailedMerge(Answer::NotDone)),
        1 => Just(Step::FailedMerge(Answer::DoneButSilent)),
        2 => Just(Step::Crash),
    ];
    proptest::collection::vec(step, 1..24)
}

struct Moody {
    inner: DirCatalog,
    mood: Arc<Mutex<Option<Answer>>>,
}

impl Catalog for Moody {
    fn commit(&self, commit: &Commit) -> Result<u64, CatalogError> {
        let refused = CatalogError {
            what: "commit to",
            reason: "test".to_owned(),
        };
        match self.mood.lock().unwrap().take() {
            None => self.inner.commit(commit),
            Some(Answer::NotDone) => Err(refused),
            Some(Answer::DoneButCrashed | Answer::DoneButSilent) => {
                self.inner.commit(commit)?;
                Err(refused)
            }
        }
    }
    fn live_files(&self) -> Result<Vec<FileEntry>, CatalogError> {
        self.inner.live_files()
    }
    fn watermark(&self) -> Result<u64, CatalogError> {
        self.inner.watermark()
    }
}

struct World {
    dir: tempfile::TempDir,
    lake: Option<Lake>,
    mood: Arc<Mutex<Option<Answer>>>,
    acknowledged: BTreeMap<EventId, Bytes>,
    dead: BTreeMap<EventId, Bytes>,
    counter: u32,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            dir: tempdir().unwrap(),
            lake: None,
            mood: Arc::default(),
            acknowledged: BTreeMap::new(),
            dead: BTreeMap::new(),
            counter: 0,
        };
        world.crash();
        world
    }

    fn lake(&self) -> &Lake {
        self.lake.as_ref().unwrap()
    }

    /// Forgets everything in memory and starts again, as the binary does.
    fn crash(&mut self) {
        self.lake = None;
        let catalog = Moody {
            inner: DirCatalog::open(self.dir.path()).unwrap(),
            mood: Arc::clone(&self.mood),
        };
        let options = LakeOptions {
            row_group_rows: 3,
            target_rows: 40,
            compacted_rows: 20,
            wal: WalOptions {
                segment_bytes: 400,
                ..WalOptions::default()
            },
            ..LakeOptions::default()
        };
        let (lake, recovery) = Lake::open(self.dir.path(), Arc::new(catalog), options).unwrap();
        assert_eq!((&recovery.truncated, &recovery.damage), (&None, &vec![]));
        for frame in recovery.frames {
            let frame = frame.unwrap();
            let (events, dead) = map(&frame);
            lake.insert(frame.seq, &events, dead).unwrap();
        }
        self.lake = Some(lake);
    }

    fn append(&mut self, records: u8) -> watchfloor_types::Frame {
        let records = (0..records)
            .map(|_| {
                self.counter += 1;
                let n = self.counter;
                Bytes::from(if n.is_multiple_of(7) {
                    format!("broken {n}")
                } else {
                    format!(r#"{{"n":{n},"t":{}}}"#, n * 5000)
                })
            })
            .collect();
        let mut frame = frame(at(i64::from(self.counter)), records);
        frame.seq = append(self.lake(), &frame);
        let (events, dead) = map(&frame);
        self.acknowledged
            .extend(events.into_iter().map(|e| (e.id, e.native)));
        self.dead.extend(dead.into_iter().map(|d| (d.id, d.raw)));
        frame
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Insert(records) => {
                let frame = self.append(*records);
                let (events, dead) = map(&frame);
                self.lake()
                    .insert(frame.seq, &events, dead.clone())
                    .unwrap();
                assert!(
                    self.lake().insert(frame.seq, &events, dead).is_err(),
                    "inserted twice"
                );
            }
            Step::AppendOnly(records) => drop(self.append(*records)),
            Step::Flush => drop(self.lake().flush().unwrap()),
            Step::Maintain => {
                self.lake()
                    .maintain(at(400 * 86_400), &Retention::default())
                    .unwrap();
            }
            Step::FailedCommit(answer) => {
                *self.mood.lock().unwrap() = Some(*answer);
                let outcome = self.lake().flush();
                let untouched = self.mood.lock().unwrap().take().is_some();
                match answer {
                    Answer::NotDone => assert_eq!(outcome.is_ok(), untouched),
                    Answer::DoneButSilent => drop(outcome),
                    Answer::DoneButCrashed => {
                        if !untouched {
                            self.crash();
                        }
                    }
                }
            }
            Step::FailedMerge(answer) => {
                *self.mood.lock().unwrap() = Some(*answer);
                drop(
                    self.lake()
                        .maintain(at(400 * 86_400), &Retention::default()),
                );
                self.mood.lock().unwrap().take();
            }
            Step::Crash => self.crash(),
        }
    }

    fn verify(&self) -> Result<(), TestCaseError> {
        let rows = scan(self.lake(), &query(""));
        let found: BTreeMap<EventId, Bytes> = rows
            .iter()
            .map(|r| (r.event.id, r.event.native.clone()))
            .collect();
        prop_assert_eq!(rows.len(), found.len(), "an event was found twice");
        prop_assert_eq!(&found, &self.acknowledged);
        let letters = self
            .lake()
            .dead_letters(at(0), at(1 << 30), 10_000)
            .unwrap();
        let dead: BTreeMap<EventId, Bytes> =
            letters.iter().map(|l| (l.id, l.raw.clone())).collect();
        prop_assert_eq!(letters.len(), dead.len(), "a dead letter was found twice");
        prop_assert_eq!(&dead, &self.dead);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn each_acknowledged_event_is_found_exactly_once(steps in steps()) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
        }
        // Frames that still wait to be mapped are found after the next start.
        world.crash();
        world.verify()?;
        world.lake().flush().unwrap();
        world.verify()?;
        let on_disk = world.lake().stats();
        prop_assert_eq!(on_disk.hot_rows, 0);
        prop_assert_eq!(on_disk.file_rows, world.acknowledged.len() as u64);
        world.crash();
        world.lake().maintain(at(400 * 86_400), &Retention::default()).unwrap();
        world.verify()?;
        let files = walk(&world.dir.path().join("events")) + walk(&world.dir.path().join("dead"));
        let live = DirCatalog::open(world.dir.path()).unwrap().live_files().unwrap().len();
        prop_assert_eq!(files, live, "files that nobody knows");
    }
}

fn walk(dir: &std::path::Path) -> usize {
    std::fs::read_dir(dir).map_or(0, |entries| {
        entries
            .map(|e| e.unwrap().path())
            .map(|p| if p.is_dir() { walk(&p) } else { 1 })
            .sum()
    })
}
