//! What must not be lost: the journal with its hash chain, the outbox of effects, projections,
//! the catalog of the lake, accounts, tokens, intelligence and health of sources. SQLite.
//!
//! One task writes. Transactions that wait for it are committed together and share one sync of
//! the disk ("group commit"). Reading goes through its own connections and never waits for it.
//! Every SQL statement stands in [`STATEMENTS`].

mod account;
mod blocking;
mod catalog;
mod dead_letter;
mod error;
mod health;
mod intel;
mod journal;
mod key;
mod migration;
mod outbox;
mod output;
mod projection;
mod row;
mod setting;
mod statement;
mod store;
mod token;
mod transaction;
mod verify;
mod writer;

pub use account::{Account, NewSession, Session};
pub use blocking::BlockingCatalog;
pub use catalog::{CatalogChange, CatalogFile, NativeRecords, Watermark};
pub use dead_letter::DeadLetterRow;
pub use error::{KeyError, OpenError, ReadError, WriteError};
pub use health::{SourceDelta, SourceHealth};
pub use journal::{Entry, GENESIS, Hash, Head, NewEntry};
pub use outbox::{EffectRecord, EffectStatus, ParseEffectStatusError};
pub use output::{OutputCounts, OutputDeadRow, OutputRow};
pub use projection::{Order, Page, Projection};
pub use statement::STATEMENTS;
pub use store::{Store, WriterStats};
pub use token::{NewToken, ParseTokenKindError, Token, TokenKind};
pub use transaction::{Committed, Repeat, Transaction};
pub use verify::{Break, Verification};
