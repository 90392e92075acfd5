//! Events on disk: write-ahead log, Parquet, search.
//!
//! ```text
//! append(frame) ─► write-ahead log ─► synced ─► done(seq)
//!                                                 │ the caller maps the frame
//! insert(seq, events, dead) ─► hot buffer ◄───────┘         search sees both,
//!                                │ flush, every 15 s         each event once
//!                                ▼
//!                       Parquet files + watermark: one catalog commit
//!                                │ maintain(now)
//!                                ▼
//!                       fewer, larger, older: compaction and retention
//! ```

mod attrs;
mod batch;
mod catalog;
mod commit;
#[cfg(feature = "delta")]
mod delta;
mod dir_catalog;
mod file;
mod hot;
mod lake;
mod maintain;
mod partition;
mod query;
mod schema;
mod search;
#[cfg(feature = "sql")]
mod sql;
mod wal;

pub use batch::{Raw, Row};
pub use catalog::{Catalog, CatalogError, Commit, FileEntry, Table};
#[cfg(feature = "delta")]
pub use delta::{DeltaError, DeltaLog};
pub use dir_catalog::DirCatalog;
pub use lake::{Flushed, Lake, LakeError, LakeOptions, LakeStats};
pub use maintain::{Maintained, Retention};
pub use query::{Filter, FilterError};
pub use search::{
    Aggregate, Bucket, Cursor, Group, Measure, Measured, Numbers, Page, ParseCursorError, Query,
    SearchError, Tenants, Top, Watch,
};
#[cfg(feature = "sql")]
pub use sql::{SqlError, SqlLimits, SqlRows};
pub use wal::{Acknowledged, Damage, Done, Frames, Recovery, Wal, WalError, WalOptions};
