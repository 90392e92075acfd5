//! The journal: numbered entries, each hash covering the one before it.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::{ReadError, Store, row::params, statement::ENTRIES_FROM};

/// An entry to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// What kind of fact it is, such as `alert-opened`.
    pub kind: String,
    /// When it happened. Kept to the microsecond.
    pub at: Timestamp,
    /// The fact as JSON.
    pub body: String,
}

/// An entry as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number; the first is 1 and there are no gaps.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// What kind of fact it is.
    pub kind: String,
    /// The fact as JSON.
    pub body: String,
    /// SHA-256 over the hash before it and this entry's fields; see [`Hash::after`].
    pub hash: Hash,
}

/// A SHA-256 value. Shown and parsed as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; 32]);

/// The hash before the first entry.
pub const GENESIS: Hash = Hash([0; 32]);

/// Number and hash of the last entry; 0 and [`GENESIS`] of an empty journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The last number.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
}

impl Hash {
    /// The hash of the entry that follows `self`: SHA-256 over the previous hash, number and
    /// microseconds as 64-bit big-endian, then kind and body, each after its length.
    #[must_use]
    pub fn after(self, seq: u64, at: Timestamp, kind: &str, body: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(seq.to_be_bytes());
        hash.update(at.as_microsecond().to_be_bytes());
        for text in [kind, body] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
        Self(hash.finalize().into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Text that is not 64 hex digits.
#[derive(Debug, thiserror::Error)]
#[error("not a SHA-256 in hex")]
pub struct ParseHashError;

impl FromStr for Hash {
    type Err = ParseHashError;
    fn from_str(text: &str) -> Result<Self, ParseHashError> {
        let bytes = hex_bytes(text).ok_or(ParseHashError)?;
        <[u8; 32]>::try_from(bytes)
            .map(Self)
            .map_err(|_| ParseHashError)
    }
}

/// The bytes behind hex digits, none where it is not hex.
pub(crate) fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |b: u8| {
        char::from(b)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    rest.is_empty()
        .then(|| {
            pairs
                .iter()
                .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
                .collect()
        })
        .flatten()
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a string cannot fail.
            write!(text, "{byte:02x}").ok();
            text
        })
}

impl Store {
    /// Entries from number `from` on, oldest first, at most `limit`. For a replay, call it again
    /// with the number after the last one until it returns none.
    pub async fn entries(&self, from: u64, limit: u32) -> Result<Vec<Entry>, ReadError> {
        let params = params![from, u64::from(limit)];
        self.rows("journal entries", ENTRIES_FROM, &params, |row| {
            Ok(Entry {
                seq: row.count(0)?,
                at: row.time(1)?,
                kind: row.text(2)?,
                body: row.text(3)?,
                hash: row.parsed(4)?,
            })
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_covers_every_field_and_their_borders() {
        let at = Timestamp::UNIX_EPOCH;
        let base = GENESIS.after(1, at, "ab", "c");
        let later = at + jiff::SignedDuration::from_micros(1);
        for other in [
            base.after(1, at, "ab", "c"),
            GENESIS.after(2, at, "ab", "c"),
            GENESIS.after(1, later, "ab", "c"),
            GENESIS.after(1, at, "a", "bc"),
            GENESIS.after(1, at, "ab", "d"),
        ] {
            assert_ne!(base, other);
        }
        assert_eq!(base.to_string().parse::<Hash>().unwrap(), base);
        assert!("00".parse::<Hash>().is_err() && "é".repeat(32).parse::<Hash>().is_err());
        assert_eq!(hex(&[0, 171]), "00ab");
    }
}
