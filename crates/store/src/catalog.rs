//! The catalog of the lake: which files make up the tables, from which commit to which.

use jiff::Timestamp;
use watchfloor_types::{SourceId, TenantId};

use crate::{
    ReadError, Store, Transaction, WriteError,
    row::{Bad, Param, Row, json_text, params},
    statement::{
        LAKE_COMMIT, LAKE_COMMITS_TRIM, LAKE_FILE_ADD, LAKE_FILE_END, LAKE_FILES_AT,
        LAKE_FILES_BETWEEN, LAKE_FILES_CHANGED, LAKE_FILES_FORGET, LAKE_FILES_LIVE, LAKE_WATERMARK,
    },
    transaction::Expect,
};

/// One file of the lake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogFile {
    /// Path below the root of the lake; a path is used once.
    pub path: String,
    /// Table it is part of, such as `events`.
    pub dataset: String,
    /// Whose rows it holds.
    pub tenant: TenantId,
    /// Number of rows.
    pub rows: u64,
    /// Size in bytes.
    pub bytes: u64,
    /// Earliest time in it.
    pub min_time: Timestamp,
    /// Latest time in it.
    pub max_time: Timestamp,
    /// Smallest id in it.
    pub min_id: String,
    /// Largest id in it.
    pub max_id: String,
    /// Sources that have a row in it.
    pub sources: Vec<SourceId>,
    /// Whether the records as they came are in it.
    pub native: NativeRecords,
    /// The commit that brought it; set by the store.
    pub commit_in: u64,
    /// The commit that took it away; set by the store.
    pub commit_out: Option<u64>,
}

/// Whether a file still holds the records as they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NativeRecords {
    /// Yes.
    Kept,
    /// No, their retention is over.
    Expired,
}

/// A change of the catalog: all of it or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CatalogChange {
    /// Files that become live. Their `commit_in` and `commit_out` are ignored.
    pub add: Vec<CatalogFile>,
    /// Paths that stop being live; each must be live.
    pub remove: Vec<String>,
    /// Frames of the write-ahead log up to this number are in the files; it never goes back.
    pub watermark: Option<u64>,
}

/// Where the catalog stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Watermark {
    /// The last commit; 0 at first.
    pub version: u64,
    /// The last frame of the write-ahead log whose events are in live files.
    pub frame: u64,
}

impl Store {
    /// Makes a change true, durably, and returns its version.
    pub async fn catalog_commit(&self, change: &CatalogChange) -> Result<u64, WriteError> {
        let mut transaction = Transaction::new()
            .write(
                LAKE_COMMIT,
                params![change.watermark.unwrap_or(0)],
                Expect::Number,
            )
            .write(LAKE_COMMITS_TRIM, Vec::<Param>::new(), Expect::Any);
        for path in &change.remove {
            let refusal = format!("file `{path}` of the lake is not live");
            transaction =
                transaction.write(LAKE_FILE_END, params![path.as_str()], Expect::Row(refusal));
        }
        for file in &change.add {
            let params = params![
                file.path.as_str(),
                file.dataset.as_str(),
                file.tenant.as_str(),
                file.rows,
                file.bytes,
                file.min_time,
                file.max_time,
                file.min_id.as_str(),
                file.max_id.as_str(),
                json_text(&file.sources),
                file.native.as_str(),
            ];
            let refusal = format!("file `{}` of the lake is known already", file.path);
            transaction = transaction.write(LAKE_FILE_ADD, params, Expect::Row(refusal));
        }
        let applied = self.submit(transaction).await?;
        let version = applied.numbers.first().and_then(|n| u64::try_from(*n).ok());
        version.ok_or_else(|| WriteError::Failed {
            reason: "the catalog gave no version".to_owned(),
        })
    }

    /// Every live file, by time.
    pub async fn catalog_live_files(&self) -> Result<Vec<CatalogFile>, ReadError> {
        self.rows("the catalog", LAKE_FILES_LIVE, &[], file).await
    }

    /// Live files of a table that may hold something in `from..until`, by time.
    pub async fn catalog_files_between(
        &self,
        dataset: &str,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<CatalogFile>, ReadError> {
        self.rows(
            "the catalog",
            LAKE_FILES_BETWEEN,
            &params![dataset, from, until],
            file,
        )
        .await
    }

    /// The files that were live at a version: the table as it was.
    pub async fn catalog_files_at(&self, version: u64) -> Result<Vec<CatalogFile>, ReadError> {
        self.rows("the catalog", LAKE_FILES_AT, &params![version], file)
            .await
    }

    /// Files that came or went after a version, for publishing the table elsewhere.
    pub async fn catalog_files_changed(&self, after: u64) -> Result<Vec<CatalogFile>, ReadError> {
        self.rows("the catalog", LAKE_FILES_CHANGED, &params![after], file)
            .await
    }

    /// Where the catalog stands.
    pub async fn catalog_watermark(&self) -> Result<Watermark, ReadError> {
        let found = self
            .row("the catalog", LAKE_WATERMARK, &[], |row| {
                Ok(Watermark {
                    version: row.count(0)?,
                    frame: row.count(1)?,
                })
            })
            .await?;
        Ok(found.unwrap_or_default())
    }

    /// Forgets files that went at or before `version`. Call it after they are deleted.
    pub async fn catalog_forget(&self, version: u64) -> Result<(), WriteError> {
        self.change(LAKE_FILES_FORGET, params![version], Expect::Any)
            .await
    }
}

impl NativeRecords {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Expired => "expired",
        }
    }
}

fn file(row: &Row<'_>) -> Result<CatalogFile, Bad> {
    Ok(CatalogFile {
        path: row.text(0)?,
        dataset: row.text(1)?,
        tenant: row.parsed(2)?,
        rows: row.count(3)?,
        bytes: row.count(4)?,
        min_time: row.time(5)?,
        max_time: row.time(6)?,
        min_id: row.text(7)?,
        max_id: row.text(8)?,
        sources: row.json(9)?,
        native: match row.text(10)?.as_str() {
            "kept" => NativeRecords::Kept,
            "expired" => NativeRecords::Expired,
            other => return Err(Bad(format!("`{other}` is neither kept nor expired"))),
        },
        commit_in: row.count(11)?,
        commit_out: row.opt_int(12)?.and_then(|n| u64::try_from(n).ok()),
    })
}
