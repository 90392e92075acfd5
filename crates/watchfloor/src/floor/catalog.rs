//! The lake's catalog, kept in the state store.

use watchfloor_lake::{Catalog, CatalogError, Commit, FileEntry, Raw, Table};
use watchfloor_store::{BlockingCatalog, CatalogChange, CatalogFile, NativeRecords};
use watchfloor_types::Timestamp;

/// Adapts the store to what the lake asks for.
pub(super) struct StoreCatalog(pub(super) BlockingCatalog);

impl Catalog for StoreCatalog {
    fn commit(&self, commit: &Commit) -> Result<u64, CatalogError> {
        let change = CatalogChange {
            add: commit.add.iter().map(file_out).collect(),
            remove: commit.remove.clone(),
            watermark: commit.watermark,
        };
        self.0.commit(change).map_err(|e| CatalogError {
            what: "commit to",
            reason: e.to_string(),
        })
    }

    fn live_files(&self) -> Result<Vec<FileEntry>, CatalogError> {
        self.0
            .live_files()
            .map_err(|e| read(&e))?
            .iter()
            .map(file_in)
            .collect()
    }

    fn watermark(&self) -> Result<u64, CatalogError> {
        Ok(self.0.watermark().map_err(|e| read(&e))?.frame)
    }

    fn files_between(
        &self,
        table: Table,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<FileEntry>, CatalogError> {
        self.0
            .files_between(table.as_str(), from, until)
            .map_err(|e| read(&e))?
            .iter()
            .map(file_in)
            .collect()
    }
}

fn read(error: &dyn std::fmt::Display) -> CatalogError {
    CatalogError {
        what: "read",
        reason: error.to_string(),
    }
}

fn file_out(file: &FileEntry) -> CatalogFile {
    CatalogFile {
        path: file.path.clone(),
        dataset: file.table.as_str().to_owned(),
        tenant: file.tenant.clone(),
        rows: file.rows,
        bytes: file.bytes,
        min_time: file.min_time,
        max_time: file.max_time,
        min_id: file.min_id.to_string(),
        max_id: file.max_id.to_string(),
        sources: file.sources.clone(),
        native: match file.raw {
            Raw::Kept => NativeRecords::Kept,
            Raw::Expired => NativeRecords::Expired,
        },
        commit_in: 0,
        commit_out: None,
    }
}

fn file_in(file: &CatalogFile) -> Result<FileEntry, CatalogError> {
    let table = [Table::Events, Table::Dead]
        .into_iter()
        .find(|t| t.as_str() == file.dataset)
        .ok_or_else(|| read(&format!("no table `{}`", file.dataset)))?;
    let id = |text: &str| {
        text.parse()
            .map_err(|e: watchfloor_types::ParseIdError| read(&e))
    };
    Ok(FileEntry {
        path: file.path.clone(),
        table,
        tenant: file.tenant.clone(),
        rows: file.rows,
        bytes: file.bytes,
        min_time: file.min_time,
        max_time: file.max_time,
        min_id: id(&file.min_id)?,
        max_id: id(&file.max_id)?,
        sources: file.sources.clone(),
        raw: match file.native {
            NativeRecords::Kept => Raw::Kept,
            NativeRecords::Expired => Raw::Expired,
        },
    })
}
