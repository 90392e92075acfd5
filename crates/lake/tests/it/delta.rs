//! The published table, and whether other engines open it.

use std::{collections::BTreeSet, path::Path, process::Command, sync::Arc};

use bytes::Bytes;
use tempfile::tempdir;
use watchfloor_lake::{Catalog, DeltaLog, DirCatalog, Lake, LakeOptions, Retention};

use crate::events::{append, at, frame, map};

fn open(dir: &Path) -> Lake {
    let catalog = DeltaLog::over(DirCatalog::open(dir).unwrap(), dir).unwrap();
    Lake::open(dir, Arc::new(catalog), LakeOptions::default())
        .unwrap()
        .0
}

fn fill(lake: &Lake, from: u32) {
    let records = (from..from + 10).map(|n| Bytes::from(format!(r#"{{"n":{n},"t":{n}}}"#)));
    let mut frame = frame(at(i64::from(from)), records.collect());
    frame.seq = append(lake, &frame);
    let (events, dead) = map(&frame);
    lake.insert(frame.seq, &events, dead).unwrap();
    lake.flush().unwrap();
}

/// Files that the log names after replaying it.
fn named(dir: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for version in 0.. {
        let path = dir.join(format!("events/_delta_log/{version:020}.json"));
        let Ok(text) = std::fs::read_to_string(path) else {
            break;
        };
        for line in text.lines() {
            let action: serde_json::Value = serde_json::from_str(line).unwrap();
            if let Some(path) = action.pointer("/remove/path") {
                assert!(names.remove(path.as_str().unwrap()), "removed twice");
            }
            if let Some(path) = action.pointer("/add/path") {
                assert!(
                    names.insert(path.as_str().unwrap().to_owned()),
                    "added twice"
                );
            }
        }
    }
    names
}

/// With `WATCHFLOOR_DELTA_PYTHON` (an interpreter with `deltalake`, `duckdb` and, without a
/// network, `duckdb-extension-delta`) the table is also
/// opened by both.
#[test]
fn the_log_names_exactly_the_live_files_and_other_engines_open_it() {
    let dir = tempdir().unwrap();
    let lake = open(dir.path());
    fill(&lake, 0);
    fill(&lake, 10);
    drop(lake);
    let lake = open(dir.path());
    fill(&lake, 20);
    assert_eq!(
        lake.maintain(at(10 * 86_400), &Retention::default())
            .unwrap()
            .merged,
        3
    );
    fill(&lake, 30);
    drop(lake);
    drop(open(dir.path()));
    let live: BTreeSet<String> = DirCatalog::open(dir.path())
        .unwrap()
        .live_files()
        .unwrap()
        .into_iter()
        .map(|f| f.path.strip_prefix("events/").unwrap().to_owned())
        .collect();
    assert_eq!(live.len(), 2);
    assert_eq!(named(dir.path()), live);
    let Ok(python) = std::env::var("WATCHFLOOR_DELTA_PYTHON") else {
        println!("skipped opening with other engines: WATCHFLOOR_DELTA_PYTHON is not set");
        return;
    };
    let script = "
import sys, glob, importlib.util, os, deltalake, duckdb
path = sys.argv[1]
table = deltalake.DeltaTable(path)
print(len(table.file_uris()), len(deltalake.QueryBuilder().register('e', table).execute('select time from e').read_all()))
con = duckdb.connect()
package = importlib.util.find_spec('duckdb_extension_delta')
if package:
    place = os.path.dirname(package.origin or package.submodule_search_locations[0] + '/x')
    con.execute(\"load '%s'\" % glob.glob(place + '/extensions/*/delta.duckdb_extension')[0])
else:
    con.execute('install delta; load delta')
print(con.execute(\"select count(*), min(time)::varchar, sum(octet_length(raw)), count(distinct id) from delta_scan('%s')\" % path).fetchall())
print(con.execute(\"select count(*) from delta_scan('%s') where time >= '2026-03-01 00:00:35+00' and source = 'litellm'\" % path).fetchall())
";
    let output = Command::new(python)
        .args(["-c", script, dir.path().join("events").to_str().unwrap()])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        text.starts_with("2 40\n") && text.contains("(40, "),
        "{text}"
    );
}
