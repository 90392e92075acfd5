//! Content and recorded traffic through the public interface.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops on bad input and says what it measured"
)]

mod content;
mod corpus;
mod hostile;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use watchfloor_ingest::{Joiner, Mapped, Sources};
use watchfloor_types::{Frame, Timestamp};

/// Every source of the project.
fn sources() -> Sources {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../content/sources");
    let mut files = Vec::new();
    collect(&root, &root, &mut files);
    files.sort();
    let (sources, diagnostics) = Sources::load(&files);
    let text: Vec<_> = diagnostics.iter().map(ToString::to_string).collect();
    assert!(text.is_empty(), "{}", text.join("\n"));
    sources
}

fn collect(root: &Path, dir: &Path, files: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path
                .strip_prefix(root)
                .unwrap()
                .to_str()
                .unwrap()
                .replace('\\', "/");
            files.push((
                format!("content/sources/{name}"),
                std::fs::read_to_string(&path).unwrap(),
            ));
        }
    }
}

/// The folder of recorded data, or a plain word that the test was passed over.
fn corpus() -> Option<PathBuf> {
    let folder = std::env::var_os("WATCHFLOOR_CORPUS").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: WATCHFLOOR_CORPUS is not set");
    }
    folder
}

fn frame(source: &str, seq: u64, records: Vec<Bytes>) -> Frame {
    Frame {
        seq,
        received: Timestamp::from_second(1_800_000_000).unwrap(),
        source: source.parse().unwrap(),
        tenant: "default".parse().unwrap(),
        mark: None,
        records,
        refused: Vec::new(),
    }
}

fn map(sources: &Sources, source: &str, records: Vec<Bytes>) -> Mapped {
    let frame = frame(source, 1, records);
    sources
        .get(&frame.source)
        .unwrap()
        .map_frame(&frame, &mut Joiner::default())
}
