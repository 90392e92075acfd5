//! Which files make up the table. One commit changes files and watermark together.

use jiff::Timestamp;
use serde_json::{Value, json};
use watchfloor_types::{EventId, SourceId, TenantId};

use crate::Raw;

/// Where the list of live files is kept. The binary keeps it in the state store; [`crate::DirCatalog`]
/// keeps it in a folder. There is one writer at a time.
pub trait Catalog: Send + Sync {
    /// Makes all of `commit` true at once and durably, or nothing of it, and returns the new version.
    fn commit(&self, commit: &Commit) -> Result<u64, CatalogError>;
    /// Every live file, in any order.
    fn live_files(&self) -> Result<Vec<FileEntry>, CatalogError>;
    /// Frames of the write-ahead log up to this sequence number are in the live files; 0 at first.
    fn watermark(&self) -> Result<u64, CatalogError>;
    /// Live files of `table` that may hold something in `from..until`. A catalog with an index may
    /// do better than this default.
    fn files_between(
        &self,
        table: Table,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<FileEntry>, CatalogError> {
        let mut files = self.live_files()?;
        files.retain(|f| f.table == table && f.min_time < until && f.max_time >= from);
        Ok(files)
    }
}

/// A change of the catalog.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Commit {
    /// Files that become live. They are complete and synced.
    pub add: Vec<FileEntry>,
    /// Paths that stop being live.
    pub remove: Vec<String>,
    /// The new watermark, where it moves.
    pub watermark: Option<u64>,
}

/// Which table a file belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Table {
    /// Events.
    Events,
    /// Records that could not be understood.
    Dead,
}

impl Table {
    /// The word in paths and in the catalog.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Dead => "dead",
        }
    }
    fn parse(text: &str) -> Option<Self> {
        [Self::Events, Self::Dead]
            .into_iter()
            .find(|t| t.as_str() == text)
    }
}

/// One live file.
#[derive(Debug, Clone, PartialEq)]
pub struct FileEntry {
    /// Path below the root of the lake, with `/`.
    pub path: String,
    /// The table it is part of.
    pub table: Table,
    /// The one tenant whose rows it holds.
    pub tenant: TenantId,
    /// Number of rows.
    pub rows: u64,
    /// Size in bytes.
    pub bytes: u64,
    /// Earliest time in it; of receipt for dead letters.
    pub min_time: Timestamp,
    /// Latest time in it.
    pub max_time: Timestamp,
    /// Smallest event id in it.
    pub min_id: EventId,
    /// Largest event id in it.
    pub max_id: EventId,
    /// Every source that has a row in it, sorted.
    pub sources: Vec<SourceId>,
    /// Whether the records as they came are still in it.
    pub raw: Raw,
}

/// Why the catalog could not be read or changed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} the catalog of the lake: {reason}")]
pub struct CatalogError {
    /// `read` or `commit to`.
    pub what: &'static str,
    /// What went wrong.
    pub reason: String,
}

impl FileEntry {
    /// One line of JSON holding everything. Times are microseconds since 1970.
    pub fn to_json(&self) -> String {
        json!({
            "path": self.path,
            "table": self.table.as_str(),
            "tenant": self.tenant.as_str(),
            "rows": self.rows,
            "bytes": self.bytes,
            "min_time": self.min_time.as_microsecond(),
            "max_time": self.max_time.as_microsecond(),
            "min_id": self.min_id.to_string(),
            "max_id": self.max_id.to_string(),
            "sources": self.sources,
            "raw": self.raw == Raw::Kept,
        })
        .to_string()
    }

    /// Reads what [`FileEntry::to_json`] wrote.
    pub fn from_json(text: &str) -> Result<Self, CatalogError> {
        serde_json::from_str(text)
            .ok()
            .as_ref()
            .and_then(Self::from_value)
            .ok_or_else(|| CatalogError {
                what: "read",
                reason: format!(
                    "`{}` is no file entry",
                    text.chars().take(200).collect::<String>()
                ),
            })
    }

    fn from_value(value: &Value) -> Option<Self> {
        let text = |key| value.get(key).and_then(Value::as_str);
        let number = |key| value.get(key).and_then(Value::as_u64);
        let time = |key| {
            value
                .get(key)
                .and_then(Value::as_i64)
                .and_then(|us| Timestamp::from_microsecond(us).ok())
        };
        Some(Self {
            path: text("path")?.to_owned(),
            table: Table::parse(text("table")?)?,
            tenant: text("tenant")?.parse().ok()?,
            rows: number("rows")?,
            bytes: number("bytes")?,
            min_time: time("min_time")?,
            max_time: time("max_time")?,
            min_id: text("min_id")?.parse().ok()?,
            max_id: text("max_id")?.parse().ok()?,
            sources: value
                .get("sources")?
                .as_array()?
                .iter()
                .map(|s| s.as_str()?.parse().ok())
                .collect::<Option<_>>()?,
            raw: if value.get("raw")?.as_bool()? {
                Raw::Kept
            } else {
                Raw::Expired
            },
        })
    }
}
