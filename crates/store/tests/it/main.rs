//! The store from outside.

#![cfg(test)]

mod catalog;
mod chain;
mod group;
mod outbox;
mod people;
mod rows;

use watchfloor_store::{Store, Transaction};
use watchfloor_types::Timestamp;

/// A store in a folder of its own. The folder is removed with the value.
struct Fresh {
    store: Store,
    dir: tempfile::TempDir,
}

async fn fresh() -> Fresh {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("state.db")).await.unwrap();
    Fresh { store, dir }
}

impl Fresh {
    /// Closes and opens again, as a restart does.
    async fn restart(self) -> Self {
        self.store.close().await;
        let store = Store::open(self.dir.path().join("state.db")).await.unwrap();
        Self {
            store,
            dir: self.dir,
        }
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn note(n: i64) -> Transaction {
    Transaction::new().entry("note", at(n), format!("{{\"n\":{n}}}"))
}
