//! The catalog for threads that know nothing of async.

use std::{future::Future, sync::mpsc};

use jiff::Timestamp;
use tokio::runtime::Handle;

use crate::{CatalogChange, CatalogFile, ReadError, Store, Watermark, WriteError};

/// The catalog of the lake, to be called from ordinary threads. Each call waits for its answer.
/// The work runs on the runtime; a caller inside a runtime blocks one of its threads meanwhile,
/// so that a runtime with a single thread would wait for itself.
#[derive(Clone)]
pub struct BlockingCatalog {
    store: Store,
    runtime: Handle,
}

impl Store {
    /// The catalog for ordinary threads; `runtime` does the work.
    #[must_use]
    pub fn blocking_catalog(&self, runtime: Handle) -> BlockingCatalog {
        BlockingCatalog {
            store: self.clone(),
            runtime,
        }
    }
}

impl BlockingCatalog {
    /// See [`Store::catalog_commit`].
    pub fn commit(&self, change: CatalogChange) -> Result<u64, WriteError> {
        let store = self.store.clone();
        self.wait(async move { store.catalog_commit(&change).await })
            .unwrap_or(Err(WriteError::Closed))
    }

    /// See [`Store::catalog_live_files`].
    pub fn live_files(&self) -> Result<Vec<CatalogFile>, ReadError> {
        let store = self.store.clone();
        self.wait(async move { store.catalog_live_files().await })
            .unwrap_or_else(stopped)
    }

    /// See [`Store::catalog_files_between`].
    pub fn files_between(
        &self,
        dataset: &str,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<CatalogFile>, ReadError> {
        let (store, dataset) = (self.store.clone(), dataset.to_owned());
        self.wait(async move { store.catalog_files_between(&dataset, from, until).await })
            .unwrap_or_else(stopped)
    }

    /// See [`Store::catalog_watermark`].
    pub fn watermark(&self) -> Result<Watermark, ReadError> {
        let store = self.store.clone();
        self.wait(async move { store.catalog_watermark().await })
            .unwrap_or_else(stopped)
    }

    /// See [`Store::catalog_forget`].
    pub fn forget(&self, version: u64) -> Result<(), WriteError> {
        let store = self.store.clone();
        self.wait(async move { store.catalog_forget(version).await })
            .unwrap_or(Err(WriteError::Closed))
    }

    /// `Handle::block_on` panics inside a runtime; a channel does not.
    fn wait<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let (give, take) = mpsc::sync_channel(1);
        self.runtime.spawn(async move {
            // The receiver is waiting below.
            give.send(work.await).ok();
        });
        take.recv().ok()
    }
}

fn stopped<T>() -> Result<T, ReadError> {
    Err(ReadError {
        what: "the catalog",
        reason: "the runtime has stopped".to_owned(),
    })
}
