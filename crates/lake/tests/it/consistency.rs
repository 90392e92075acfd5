//! Searches while everything moves; retention; files and catalog on bad days.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use jiff::SignedDuration;
use tempfile::tempdir;
use watchfloor_lake::{Catalog, DirCatalog, LakeOptions, Query, Raw, Retention, Watch};

use crate::events::{append, at, frame, map, open, query, scan};

fn fill(lake: &watchfloor_lake::Lake, from: u32, count: u32) {
    let records = (from..from + count)
        .map(|n| Bytes::from(format!(r#"{{"n":{n},"t":{}}}"#, n * 60)))
        .collect();
    let mut frame = frame(at(i64::from(from)), records);
    frame.seq = append(lake, &frame);
    let (events, dead) = map(&frame);
    lake.insert(frame.seq, &events, dead).unwrap();
}

/// Ends the other threads also when an assertion fails.
struct StopOnDrop<'a>(&'a AtomicBool);
impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn no_row_is_missed_or_doubled_while_files_are_flushed_and_merged() {
    let dir = tempdir().unwrap();
    let options = LakeOptions {
        compacted_rows: 1_000_000,
        target_rows: 1_000_000,
        ..LakeOptions::default()
    };
    let (lake, _) = open(dir.path(), options);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let stopping = StopOnDrop(&stop);
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                lake.maintain(at(400 * 86_400), &Retention::default())
                    .unwrap();
            }
        });
        let reader = scope.spawn(|| {
            let mut searches = 0;
            while !stop.load(Ordering::Relaxed) {
                let rows = scan(&lake, &query(""));
                let mut numbers: Vec<i64> = rows
                    .iter()
                    .map(|r| {
                        serde_json::from_slice::<serde_json::Value>(&r.event.native).unwrap()["n"]
                            .as_i64()
                            .unwrap()
                    })
                    .collect();
                // Frames are inserted in order: what is there has no gap and nothing twice.
                numbers.sort_unstable();
                assert_eq!(numbers, (0..numbers.len() as i64).collect::<Vec<_>>());
                let page = lake
                    .search(&query("n >= 0"), None, 100_000, &Watch::new())
                    .unwrap();
                assert!(page.rows.len() >= numbers.len());
                searches += 1;
            }
            searches
        });
        for n in 0..60 {
            fill(&lake, n * 20, 20);
            lake.flush().unwrap();
        }
        drop(stopping);
        assert!(reader.join().unwrap() > 0);
    });
    assert_eq!(scan(&lake, &query("")).len(), 1200);
}

#[test]
fn retention_drops_raw_first_and_events_later() {
    let dir = tempdir().unwrap();
    let (lake, _) = open(dir.path(), LakeOptions::default());
    fill(&lake, 0, 50);
    lake.flush().unwrap();
    let retention = Retention {
        raw: Some(SignedDuration::from_hours(30 * 24)),
        events: Some(SignedDuration::from_hours(400 * 24)),
        dead_letters: None,
    };
    let day = 86_400;
    assert_eq!(
        lake.maintain(at(10 * day), &retention).unwrap().raw_dropped,
        0
    );
    let before = scan(&lake, &query(""));
    let did = lake.maintain(at(40 * day), &retention).unwrap();
    assert_eq!((did.raw_dropped, did.expired), (1, 0));
    let after = scan(&lake, &query(""));
    assert_eq!(after.len(), 50);
    for (old, new) in before.iter().zip(&after) {
        assert_eq!(
            (old.event.id, &old.event.norm),
            (new.event.id, &new.event.norm)
        );
        assert_eq!((old.raw, new.raw), (Raw::Kept, Raw::Expired));
        assert!(new.event.native.is_empty());
    }
    assert_eq!(
        lake.maintain(at(40 * day), &retention).unwrap().raw_dropped,
        0,
        "only once"
    );
    assert_eq!(lake.maintain(at(500 * day), &retention).unwrap().expired, 1);
    assert_eq!(scan(&lake, &query("")).len(), 0);
    drop(lake);
    let (lake, _) = open(dir.path(), LakeOptions::default());
    assert_eq!(lake.stats().files, 0);
}

#[test]
fn a_file_that_is_gone_is_an_error_with_its_name_and_hides_nothing_else() {
    let dir = tempdir().unwrap();
    let (lake, _) = open(dir.path(), LakeOptions::default());
    fill(&lake, 0, 5);
    lake.flush().unwrap();
    fill(&lake, 5, 5);
    let entry = DirCatalog::open(dir.path())
        .unwrap()
        .live_files()
        .unwrap()
        .remove(0);
    std::fs::remove_file(dir.path().join(&entry.path)).unwrap();
    let error = lake
        .search(&query(""), None, 10, &Watch::new())
        .unwrap_err();
    assert!(error.to_string().contains(&entry.path), "{error}");
    let only_memory = Query {
        from: at(i64::from(5u32 * 60)),
        ..query("")
    };
    assert_eq!(
        lake.search(&only_memory, None, 10, &Watch::new())
            .unwrap()
            .rows
            .len(),
        5
    );
}

#[test]
fn a_flush_that_cannot_write_keeps_everything_searchable() {
    let dir = tempdir().unwrap();
    let (lake, _) = open(dir.path(), LakeOptions::default());
    fill(&lake, 0, 5);
    std::fs::write(dir.path().join("events"), b"a file in the way").unwrap();
    let error = lake.flush().unwrap_err();
    assert!(
        error.to_string().starts_with("cannot write lake file"),
        "{error}"
    );
    assert_eq!(scan(&lake, &query("")).len(), 5);
    fill(&lake, 5, 5);
    std::fs::remove_file(dir.path().join("events")).unwrap();
    assert_eq!(lake.flush().unwrap().events, 10);
    assert_eq!(scan(&lake, &query("")).len(), 10);
}

#[test]
fn a_catalog_journal_cut_anywhere_opens_at_the_commit_before() {
    let dir = tempdir().unwrap();
    let (lake, _) = open(dir.path(), LakeOptions::default());
    for n in 0..3 {
        fill(&lake, n, 1);
        lake.flush().unwrap();
    }
    drop(lake);
    let journal = std::fs::read(dir.path().join("catalog.log")).unwrap();
    let ends: Vec<usize> = journal
        .iter()
        .enumerate()
        .filter(|(_, b)| **b == b'\n')
        .map(|(i, _)| i + 1)
        .collect();
    for cut in 0..=journal.len() {
        let other = tempdir().unwrap();
        std::fs::write(other.path().join("catalog.log"), &journal[..cut]).unwrap();
        let catalog = DirCatalog::open(other.path()).unwrap();
        let whole = ends.iter().filter(|e| **e <= cut).count();
        assert_eq!(catalog.live_files().unwrap().len(), whole, "cut at {cut}");
        assert_eq!(catalog.watermark().unwrap(), whole as u64);
    }
    let mut damaged = journal;
    damaged[ends[0] + 12] ^= 1;
    let other = tempdir().unwrap();
    std::fs::write(other.path().join("catalog.log"), &damaged).unwrap();
    assert!(
        DirCatalog::open(other.path()).is_err(),
        "damage in the middle is not skipped"
    );
}
