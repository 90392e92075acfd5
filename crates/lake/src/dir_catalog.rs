//! A catalog in one file: for tests, and for a lake without a state store.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;

use crate::catalog::{Catalog, CatalogError, Commit, FileEntry, Table};

/// Commits are lines of a journal, each with its own checksum. A line that was cut short by a crash
/// was never answered and is dropped on opening.
pub struct DirCatalog {
    path: PathBuf,
    state: Mutex<State>,
}

struct State {
    journal: File,
    journal_len: u64,
    lines: u64,
    version: u64,
    watermark: u64,
    files: BTreeMap<String, FileEntry>,
}

/// The journal is rewritten as one line when it has more lines than this and than live files.
const REWRITE_AFTER_LINES: u64 = 1_000;

impl DirCatalog {
    /// Opens or creates `catalog.log` in `dir`.
    pub fn open(dir: &Path) -> Result<Self, CatalogError> {
        let path = dir.join("catalog.log");
        let state = Self::load(dir, &path).map_err(|e| CatalogError {
            what: "read",
            reason: format!("{}: {e}", path.display()),
        })?;
        Ok(Self {
            path,
            state: Mutex::new(state),
        })
    }

    fn load(dir: &Path, path: &Path) -> io::Result<State> {
        fs::create_dir_all(dir)?;
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(e),
        };
        let journal = OpenOptions::new().append(true).create(true).open(path)?;
        File::open(dir)?.sync_all()?;
        let mut state = State {
            journal,
            journal_len: 0,
            lines: 0,
            version: 0,
            watermark: 0,
            files: BTreeMap::new(),
        };
        let lines: Vec<&[u8]> = bytes.split_inclusive(|b| *b == b'\n').collect();
        for (at, line) in lines.iter().enumerate() {
            match parse_line(line) {
                Some((version, commit)) => {
                    state.apply(version, &commit);
                    state.journal_len += line.len() as u64;
                    state.lines += 1;
                }
                None if at + 1 == lines.len() => state.journal.set_len(state.journal_len)?,
                None => {
                    return Err(io::Error::other(format!(
                        "line {} is damaged and {} commits follow it",
                        at + 1,
                        lines.len() - at - 1
                    )));
                }
            }
        }
        state.journal.sync_all()?;
        Ok(state)
    }

    fn append(&self, state: &mut State, commit: &Commit) -> io::Result<u64> {
        let version = state.version + 1;
        let line = line(version, commit);
        let written = state
            .journal
            .write_all(line.as_bytes())
            .and_then(|()| state.journal.sync_data());
        if let Err(e) = written {
            // The commit did not happen; leave no half of it in front of the next one.
            state.journal.set_len(state.journal_len)?;
            return Err(e);
        }
        state.journal_len += line.len() as u64;
        state.lines += 1;
        state.apply(version, commit);
        if state.lines > REWRITE_AFTER_LINES && state.lines > state.files.len() as u64 {
            // The commit is durable either way; the next one tries to tidy up again.
            if let Err(error) = self.rewrite(state) {
                tracing::warn!(path = %self.path.display(), %error, "catalog journal not rewritten");
            }
        }
        Ok(version)
    }

    fn rewrite(&self, state: &mut State) -> io::Result<()> {
        let all = Commit {
            add: state.files.values().cloned().collect(),
            remove: Vec::new(),
            watermark: Some(state.watermark),
        };
        let line = line(state.version, &all);
        let fresh = self.path.with_extension("tmp");
        let mut journal = OpenOptions::new().append(true).create(true).open(&fresh)?;
        journal.set_len(0)?;
        journal.write_all(line.as_bytes())?;
        journal.sync_all()?;
        fs::rename(&fresh, &self.path)?;
        // From here on the old file has no name: nothing may be appended to it.
        state.journal = journal;
        state.journal_len = line.len() as u64;
        state.lines = 1;
        self.path
            .parent()
            .map_or(Ok(()), |dir| File::open(dir)?.sync_all())
    }
}

impl State {
    fn apply(&mut self, version: u64, commit: &Commit) {
        self.version = version;
        for path in &commit.remove {
            self.files.remove(path);
        }
        for file in &commit.add {
            self.files.insert(file.path.clone(), file.clone());
        }
        self.watermark = commit.watermark.unwrap_or(self.watermark);
    }
}

/// `<crc, 8 hex digits> <version> <watermark or -> [removed paths] [entries]`
fn line(version: u64, commit: &Commit) -> String {
    let entries: Vec<String> = commit.add.iter().map(FileEntry::to_json).collect();
    let body = serde_json::json!([version, commit.watermark, commit.remove, entries]).to_string();
    format!("{:08x} {body}\n", crc32fast::hash(body.as_bytes()))
}

fn parse_line(line: &[u8]) -> Option<(u64, Commit)> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let (crc, body) = line.split_once(' ')?;
    if u32::from_str_radix(crc, 16).ok()? != crc32fast::hash(body.as_bytes()) {
        return None;
    }
    let (version, watermark, remove, entries): (u64, Option<u64>, Vec<String>, Vec<String>) =
        serde_json::from_str(body).ok()?;
    let add = entries
        .iter()
        .map(|e| FileEntry::from_json(e).ok())
        .collect::<Option<_>>()?;
    Some((
        version,
        Commit {
            add,
            remove,
            watermark,
        },
    ))
}

impl Catalog for DirCatalog {
    fn commit(&self, commit: &Commit) -> Result<u64, CatalogError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.append(&mut state, commit).map_err(|e| CatalogError {
            what: "commit to",
            reason: format!("{}: {e}", self.path.display()),
        })
    }

    fn live_files(&self) -> Result<Vec<FileEntry>, CatalogError> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(state.files.values().cloned().collect())
    }

    fn watermark(&self) -> Result<u64, CatalogError> {
        Ok(self
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .watermark)
    }

    fn files_between(
        &self,
        table: Table,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<FileEntry>, CatalogError> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(state
            .files
            .values()
            .filter(|f| f.table == table && f.min_time < until && f.max_time >= from)
            .cloned()
            .collect())
    }
}
