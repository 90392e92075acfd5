//! Walking the journal to see whether it is what was written.

use std::collections::VecDeque;

use crate::{
    Entry, GENESIS, Hash, Head, ReadError, Store,
    key::signature_holds,
    row::params,
    statement::{ENTRIES_FROM, ENTRIES_STRAY, HEADS},
    store::rows,
};

const STEP: u64 = 1_000;

/// What a walk over the journal found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    /// Every entry is as written, and the last one is covered by a signature of this store's key.
    /// Whether somebody replaced the whole store by an older copy of itself can only be seen by
    /// comparing `head` with one kept elsewhere.
    Intact {
        /// The last entry.
        head: Head,
        /// Signatures checked.
        signatures: u64,
    },
    /// Something was changed, removed or inserted.
    Broken {
        /// The first entry that is not as written.
        seq: u64,
        /// How it shows.
        how: Break,
    },
}

/// How a journal shows that it is not as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// The number is not there, but later ones are.
    Missing,
    /// The number is below 1, where no entry was ever written.
    Inserted,
    /// The hash does not follow from the entry and the one before.
    Hash,
    /// A signed head has another hash than the entry of its number.
    Head,
    /// A signature does not hold, or is by another key.
    Signature,
    /// No signature covers the last entry.
    Unsigned,
    /// Entries after this number were signed and are gone.
    Truncated,
}

struct SignedHead {
    head: Head,
    key: String,
    signature: String,
}

impl Store {
    /// Reads the whole journal and checks chain and signatures. Reports the first break.
    pub async fn verify(&self) -> Result<Verification, ReadError> {
        let what = "the journal";
        let error = |e: sqlx::Error| ReadError {
            what,
            reason: e.to_string(),
        };
        // One transaction: the walk sees one state, however much is written meanwhile.
        let mut snapshot = self.readers().begin().await.map_err(error)?;
        let mut heads: VecDeque<SignedHead> = rows(&mut *snapshot, what, HEADS, &[], |row| {
            let head = Head {
                seq: row.count(0)?,
                hash: row.parsed(1).unwrap_or(GENESIS),
            };
            Ok(SignedHead {
                head,
                key: row.text(2)?,
                signature: row.text(3)?,
            })
        })
        .await?
        .into();
        let strays = rows(&mut *snapshot, what, ENTRIES_STRAY, &[], |row| row.int(0)).await?;
        if !strays.is_empty() {
            return Ok(Verification::Broken {
                seq: 0,
                how: Break::Inserted,
            });
        }
        let mut last = Head {
            seq: 0,
            hash: GENESIS,
        };
        let mut signed = 0;
        let mut signatures = 0;
        loop {
            let params = params![last.seq + 1, STEP];
            let entries = rows(&mut *snapshot, what, ENTRIES_FROM, &params, |row| {
                Ok(Entry {
                    seq: row.count(0)?,
                    at: row.time(1)?,
                    kind: row.text(2)?,
                    body: row.text(3)?,
                    // Text that is no hash is a hash that does not follow.
                    hash: row.parsed(4).unwrap_or(Hash([0xff; 32])),
                })
            })
            .await?;
            if entries.is_empty() {
                break;
            }
            for entry in entries {
                let seq = last.seq + 1;
                if entry.seq != seq {
                    return Ok(Verification::Broken {
                        seq,
                        how: Break::Missing,
                    });
                }
                if last.hash.after(seq, entry.at, &entry.kind, &entry.body) != entry.hash {
                    return Ok(Verification::Broken {
                        seq,
                        how: Break::Hash,
                    });
                }
                last = Head {
                    seq,
                    hash: entry.hash,
                };
                while let Some(signed_head) = heads.pop_front_if(|h| h.head.seq <= seq) {
                    if signed_head.head != last {
                        return Ok(Verification::Broken {
                            seq: signed_head.head.seq,
                            how: Break::Head,
                        });
                    }
                    if signed_head.key != self.public_key()
                        || !signature_holds(last, &signed_head.key, &signed_head.signature)
                    {
                        return Ok(Verification::Broken {
                            seq,
                            how: Break::Signature,
                        });
                    }
                    signed = seq;
                    signatures += 1;
                }
            }
        }
        if !heads.is_empty() {
            return Ok(Verification::Broken {
                seq: last.seq + 1,
                how: Break::Truncated,
            });
        }
        if signed != last.seq {
            return Ok(Verification::Broken {
                seq: signed + 1,
                how: Break::Unsigned,
            });
        }
        Ok(Verification::Intact {
            head: last,
            signatures,
        })
    }
}
