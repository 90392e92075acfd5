//! The event files as a Delta Lake table, for engines that read nothing but tables.
//!
//! The transaction log is a documented format of JSON lines (Delta Transaction Log Protocol,
//! "Actions"), and this table needs four of them: `protocol`, `metaData`, `add` and `remove`. It is
//! published after the catalog's commit and is never read back as truth.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use arrow_schema::DataType;
use jiff::Timestamp;
use serde_json::{Value, json};
use watchfloor_types::mint;

use crate::{
    Table,
    catalog::{Catalog, CatalogError, Commit, FileEntry},
    schema,
};

/// A commit that only adds files is published after at most this long, together with others:
/// readers replay the log, so it should be short.
const PUBLISH_EVERY: Duration = Duration::from_mins(5);

/// A catalog that also keeps `events/_delta_log` in step. Give it to [`crate::Lake::open`] in place
/// of the one inside. Trouble with the log is logged, never an error: the catalog has committed.
pub struct DeltaLog<C> {
    inner: C,
    dir: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Path to size of the files that the log names.
    published: BTreeMap<String, u64>,
    next_version: u64,
    last: Option<Instant>,
}

/// Why the log could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} Delta log {}: {reason}", path.display())]
pub struct DeltaError {
    what: &'static str,
    path: PathBuf,
    reason: String,
}

impl<C: Catalog> DeltaLog<C> {
    /// Publishes the events of the lake in `root` whose catalog is `inner`, beginning with what is
    /// live now.
    pub fn over(inner: C, root: &Path) -> Result<Self, DeltaError> {
        let dir = root.join(Table::Events.as_str()).join("_delta_log");
        let state = read(&dir).map_err(|e| DeltaError {
            what: "read",
            path: dir.clone(),
            reason: e.to_string(),
        })?;
        let log = Self {
            inner,
            dir,
            state: Mutex::new(state),
        };
        log.publish()?;
        Ok(log)
    }

    /// Brings the log up to date now.
    pub fn publish(&self) -> Result<(), DeltaError> {
        let fail = |reason: String| DeltaError {
            what: "write",
            path: self.dir.clone(),
            reason,
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut live = self.inner.live_files().map_err(|e| fail(e.to_string()))?;
        live.retain(|f| f.table == Table::Events);
        write(&self.dir, &mut state, &live).map_err(|e| fail(e.to_string()))
    }

    fn is_due(&self) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state
            .last
            .is_none_or(|last| last.elapsed() >= PUBLISH_EVERY)
    }
}

impl<C: Catalog> Catalog for DeltaLog<C> {
    fn commit(&self, commit: &Commit) -> Result<u64, CatalogError> {
        let version = self.inner.commit(commit)?;
        // Removed files are deleted soon: readers must not find them named any more.
        let now = !commit.remove.is_empty() || (!commit.add.is_empty() && self.is_due());
        if now && let Err(error) = self.publish() {
            tracing::warn!(%error, "the next commit tries again");
        }
        Ok(version)
    }
    fn live_files(&self) -> Result<Vec<FileEntry>, CatalogError> {
        self.inner.live_files()
    }
    fn watermark(&self) -> Result<u64, CatalogError> {
        self.inner.watermark()
    }
    fn files_between(
        &self,
        table: Table,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<FileEntry>, CatalogError> {
        self.inner.files_between(table, from, until)
    }
}

/// What the log says so far.
fn read(dir: &Path) -> io::Result<State> {
    let mut state = State::default();
    loop {
        let text = match fs::read_to_string(version_path(dir, state.next_version)) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(state),
            Err(e) => return Err(e),
        };
        for line in text.lines() {
            let action: Value = serde_json::from_str(line)?;
            let path = |kind: &str| {
                let path = action.get(kind)?.get("path")?.as_str()?;
                Some(path.to_owned())
            };
            if let Some(path) = path("remove") {
                state.published.remove(&path);
            }
            if let Some(path) = path("add") {
                let size = action.pointer("/add/size").and_then(Value::as_u64);
                state.published.insert(path, size.unwrap_or(0));
            }
        }
        state.next_version += 1;
    }
}

/// Writes one version that turns what is published into `live`.
fn write(dir: &Path, state: &mut State, live: &[FileEntry]) -> io::Result<()> {
    let wanted: BTreeMap<&str, &FileEntry> = live.iter().map(|f| (relative(f), f)).collect();
    let now = live.iter().map(received).max().unwrap_or(0);
    let mut actions = Vec::new();
    if state.next_version == 0 {
        actions.push(json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}));
        actions.push(meta_data(now));
    }
    for (path, size) in &state.published {
        if !wanted.contains_key(path.as_str()) {
            actions.push(json!({"remove": {
                "path": path, "deletionTimestamp": now, "dataChange": true,
                "extendedFileMetadata": true, "partitionValues": {}, "size": size,
            }}));
        }
    }
    for (path, file) in &wanted {
        if !state.published.contains_key(*path) {
            actions.push(add(path, file));
        }
    }
    state.last = Some(Instant::now());
    if actions.is_empty() {
        return Ok(());
    }
    crate::file::create_dirs(dir)?;
    let path = version_path(dir, state.next_version);
    let temporary = path.with_extension("tmp");
    let mut file = File::create(&temporary)?;
    for action in &actions {
        writeln!(file, "{action}")?;
    }
    file.sync_all()?;
    fs::rename(&temporary, &path)?;
    File::open(dir)?.sync_all()?;
    state.next_version += 1;
    state.published = wanted
        .into_iter()
        .map(|(p, f)| (p.to_owned(), f.bytes))
        .collect();
    Ok(())
}

fn version_path(dir: &Path, version: u64) -> PathBuf {
    dir.join(format!("{version:020}.json"))
}

/// Path below the table, whose root is `events/`. It has no character that a URL would escape.
fn relative(file: &FileEntry) -> &str {
    file.path
        .split_once('/')
        .map_or(file.path.as_str(), |(_, below)| below)
}

/// When the last event of the file was received, in milliseconds: the time part of its id
/// (RFC 9562, section 5.7).
fn received(file: &FileEntry) -> u64 {
    let bits = file.max_id.uuid().as_u128() >> 80;
    u64::try_from(bits).unwrap_or(0)
}

fn add(path: &str, file: &FileEntry) -> Value {
    let stats = json!({
        "numRecords": file.rows,
        "minValues": {"time": format!("{:.6}", file.min_time), "tenant": file.tenant.as_str()},
        "maxValues": {"time": format!("{:.6}", file.max_time), "tenant": file.tenant.as_str()},
        "nullCount": {"time": 0, "tenant": 0},
    });
    json!({"add": {
        "path": path, "partitionValues": {}, "size": file.bytes,
        "modificationTime": received(file), "dataChange": true, "stats": stats.to_string(),
    }})
}

fn meta_data(now: u64) -> Value {
    let fields: Vec<Value> = schema::EVENTS
        .fields()
        .iter()
        .map(|field| {
            let kind = match field.data_type() {
                DataType::BinaryView => "binary",
                DataType::Timestamp(..) => "timestamp",
                DataType::Int64 => "long",
                DataType::Int32 => "integer",
                _ => "string",
            };
            json!({"name": field.name(), "type": kind, "nullable": field.is_nullable(), "metadata": {}})
        })
        .collect();
    let schema = json!({"type": "struct", "fields": fields});
    let id = mint(
        Timestamp::from_millisecond(now as i64).unwrap_or_default(),
        &[b"delta", schema.to_string().as_bytes()],
    );
    json!({"metaData": {
        "id": id, "name": "events", "format": {"provider": "parquet", "options": {}},
        "schemaString": schema.to_string(), "partitionColumns": [], "configuration": {},
        "createdTime": now,
    }})
}
