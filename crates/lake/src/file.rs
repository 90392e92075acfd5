//! Parquet files: written once, synced, then only read.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::{
    arrow::{
        ArrowWriter,
        arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions},
    },
    basic::{Compression, Encoding, ZstdLevel},
    errors::ParquetError,
    file::{
        metadata::PageIndexPolicy,
        properties::{EnabledStatistics, WriterProperties},
    },
    schema::types::ColumnPath,
};

use crate::{
    LakeError, Table,
    catalog::FileEntry,
    schema::{self, Bloom, CORE},
};

/// Size of a page of a wide column before compression.
const WIDE_PAGE_BYTES: usize = 256 * 1024;

/// Where and how files are written.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) root: PathBuf,
    pub(crate) row_group_rows: usize,
}

/// A file that searches may be reading. Once it is doomed, it is deleted when the last of them ends.
#[derive(Debug)]
pub(crate) struct LiveFile {
    pub(crate) entry: FileEntry,
    full_path: PathBuf,
    metadata: OnceLock<ArrowReaderMetadata>,
    doomed: AtomicBool,
}

impl LiveFile {
    pub(crate) fn new(root: &Path, entry: FileEntry) -> Arc<Self> {
        Arc::new(Self {
            full_path: root.join(&entry.path),
            entry,
            metadata: OnceLock::new(),
            doomed: AtomicBool::new(false),
        })
    }

    /// Deletes the file when nobody reads it any more.
    pub(crate) fn doom(&self) {
        self.doomed.store(true, Ordering::Release);
    }

    #[cfg(feature = "sql")]
    pub(crate) fn path(&self) -> &Path {
        &self.full_path
    }

    pub(crate) fn open(&self) -> Result<File, LakeError> {
        File::open(&self.full_path).map_err(|e| LakeError::read(&self.full_path, &e))
    }

    /// The footer, read once.
    pub(crate) fn metadata(&self) -> Result<&ArrowReaderMetadata, LakeError> {
        if let Some(metadata) = self.metadata.get() {
            return Ok(metadata);
        }
        // Where pages start lets a reader skip those without a wanted row.
        let options = ArrowReaderOptions::new().with_offset_index_policy(PageIndexPolicy::Optional);
        let read =
            ArrowReaderMetadata::load(&self.open()?, options).map_err(|e| self.broken(&e))?;
        Ok(self.metadata.get_or_init(|| read))
    }

    /// An error of this file.
    pub(crate) fn broken(&self, error: &dyn std::error::Error) -> LakeError {
        LakeError::read(&self.full_path, &io::Error::other(error.to_string()))
    }
}

impl Drop for LiveFile {
    fn drop(&mut self) {
        if *self.doomed.get_mut()
            && let Err(error) = fs::remove_file(&self.full_path)
            && error.kind() != io::ErrorKind::NotFound
        {
            // The next start removes it as an orphan.
            tracing::warn!(path = %self.full_path.display(), %error, "old lake file not deleted");
        }
    }
}

fn properties(layout: &Layout) -> WriterProperties {
    let plain = |builder: parquet::file::properties::WriterPropertiesBuilder, name: &str| {
        let path = ColumnPath::from(name);
        builder
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_encoding(path, Encoding::PLAIN)
    };
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_row_count(Some(layout.row_group_rows.max(1)))
        .set_data_page_row_count_limit(8 * 1024)
        .set_created_by(concat!("watchfloor ", env!("CARGO_PKG_VERSION")).to_owned());
    for name in [schema::ID, schema::RAW, schema::ATTRS, schema::REASON] {
        builder = plain(builder, name);
    }
    // A page is the least that is read for one row of a result.
    for name in [schema::RAW, schema::ATTRS] {
        builder = builder.set_column_data_page_size_limit(ColumnPath::from(name), WIDE_PAGE_BYTES);
    }
    for name in [schema::TIME, schema::RECEIVED, schema::SEQ] {
        builder = builder.set_column_dictionary_enabled(ColumnPath::from(name), false);
    }
    for name in [schema::RAW, schema::ATTRS, schema::REASON] {
        builder =
            builder.set_column_statistics_enabled(ColumnPath::from(name), EnabledStatistics::None);
    }
    for core in CORE.iter().filter(|c| c.bloom == Bloom::Yes) {
        let path = ColumnPath::from(core.column);
        builder = builder
            .set_column_bloom_filter_enabled(path.clone(), true)
            .set_column_bloom_filter_fpp(path.clone(), 0.02)
            .set_column_bloom_filter_max_ndv(path, layout.row_group_rows as u64);
    }
    builder.build()
}

/// Writes `batches` to `path` below `root`: a temporary file, synced, renamed, its folder synced.
/// Returns its size in bytes.
pub(crate) fn write(
    layout: &Layout,
    path: &str,
    table: Table,
    batches: impl Iterator<Item = Result<RecordBatch, LakeError>>,
) -> Result<u64, LakeError> {
    let full = layout.root.join(path);
    let temporary = full.with_extension("tmp");
    let written = write_temporary(layout, &full, &temporary, table, batches);
    if written.is_err()
        && let Err(error) = fs::remove_file(&temporary)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %temporary.display(), %error, "unfinished lake file not deleted");
    }
    written
}

/// Deletes a file that no commit names. If that fails, the next start does it.
pub(crate) fn remove(layout: &Layout, path: &str) {
    if let Err(error) = fs::remove_file(layout.root.join(path))
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path, %error, "lake file without a commit not deleted");
    }
}

fn write_temporary(
    layout: &Layout,
    full: &Path,
    temporary: &Path,
    table: Table,
    batches: impl Iterator<Item = Result<RecordBatch, LakeError>>,
) -> Result<u64, LakeError> {
    let fail = |e: &io::Error| LakeError::write(full, e);
    let parquet = |e: ParquetError| LakeError::write(full, &io::Error::other(e.to_string()));
    let dir = full.parent().unwrap_or(full);
    create_dirs(dir).map_err(|e| fail(&e))?;
    let file = File::create(temporary).map_err(|e| fail(&e))?;
    let schema: SchemaRef = Arc::clone(match table {
        Table::Events => &schema::EVENTS,
        Table::Dead => &schema::DEAD,
    });
    let out = io::BufWriter::with_capacity(1 << 20, file);
    let mut writer =
        ArrowWriter::try_new(out, schema, Some(properties(layout))).map_err(parquet)?;
    for batch in batches {
        writer.write(&batch?).map_err(parquet)?;
    }
    let file = writer
        .into_inner()
        .map_err(parquet)?
        .into_inner()
        .map_err(|e| fail(e.error()))?;
    file.sync_all().map_err(|e| fail(&e))?;
    let bytes = file.metadata().map_err(|e| fail(&e))?.len();
    fs::rename(temporary, full).map_err(|e| fail(&e))?;
    sync_dir(dir).map_err(|e| fail(&e))?;
    Ok(bytes)
}

/// Creates `dir` with all its parents and makes their names durable.
pub(crate) fn create_dirs(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    if let Some(parent) = dir.parent() {
        create_dirs(parent)?;
        match fs::create_dir(dir) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
            Ok(()) | Err(_) => sync_dir(parent)?,
        }
    }
    Ok(())
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Deletes files below `root`'s table folders that the catalog does not know: left behind by a crash
/// between writing and committing.
pub(crate) fn remove_orphans(
    root: &Path,
    known: &std::collections::HashSet<&str>,
) -> Result<usize, LakeError> {
    let mut removed = 0;
    for table in [Table::Events, Table::Dead] {
        let mut folders = vec![root.join(table.as_str())];
        while let Some(folder) = folders.pop() {
            let fail = |e: &io::Error| LakeError::read(&folder, e);
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(e) => return Err(fail(&e)),
            };
            for entry in entries {
                let path = entry.map_err(|e| fail(&e))?.path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let relative = path.strip_prefix(root).ok().and_then(Path::to_str);
                let ours = path
                    .extension()
                    .is_some_and(|e| e == "parquet" || e == "tmp");
                if ours && relative.is_none_or(|r| !known.contains(r)) {
                    fs::remove_file(&path).map_err(|e| LakeError::write(&path, &e))?;
                    removed += 1;
                }
            }
        }
    }
    Ok(removed)
}
