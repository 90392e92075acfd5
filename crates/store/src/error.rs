//! What can go wrong, one enum per operation.

use std::path::PathBuf;

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be opened or is not a database.
    #[error("cannot open state store {path}: {reason}")]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        reason: String,
    },
    /// A later version of Watchfloor has written here.
    #[error(
        "state store {path} has schema {found}, this version knows up to {known}; use a newer version"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Version found.
        found: i64,
        /// Last version known.
        known: i64,
    },
    /// A migration that has run is not the one built in.
    #[error("schema {version} of state store {path} is not the one this version was built with")]
    Changed {
        /// The file.
        path: PathBuf,
        /// The migration.
        version: i64,
    },
    /// The schema could not be brought up to date. Nothing of the failed migration stays.
    #[error("cannot migrate state store {path} to schema {version}: {reason}")]
    Migrate {
        /// The file.
        path: PathBuf,
        /// The migration that failed.
        version: i64,
        /// What SQLite says.
        reason: String,
    },
    /// The signing key cannot be had.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The journal could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Why there is no key to sign the journal with.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("cannot use signing key {path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The journal is signed, but the key file is gone. Making a new one would hide a replaced journal.
    #[error(
        "signing key {path} is missing, but the journal is signed; restore the file from the backup"
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The key file is not the one that signed the journal.
    #[error("signing key {path} is not the key that signed the journal")]
    Other {
        /// The file.
        path: PathBuf,
    },
}

/// Why a transaction did not happen. Nothing of it is stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// Something in it contradicts what is stored.
    #[error("cannot commit: {what}")]
    Conflict {
        /// What contradicts.
        what: String,
    },
    /// The database refused.
    #[error("cannot write to the state store: {reason}")]
    Failed {
        /// What SQLite says.
        reason: String,
    },
    /// The store has been closed.
    #[error("cannot write: the state store is closed")]
    Closed,
}

/// Why something could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read {what} from the state store: {reason}")]
pub struct ReadError {
    /// What was to be read.
    pub what: &'static str,
    /// What went wrong.
    pub reason: String,
}
