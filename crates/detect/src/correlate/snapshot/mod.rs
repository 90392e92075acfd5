//! State of correlations as bytes, so that a restart loses nothing.
//!
//! ```text
//! "WFCS" version  length  body  checksum (SHA-256, first 8 bytes)
//! body = note, origins, then for each correlation with groups: id, version of its text, groups
//! ```
//!
//! Numbers are variable-length (7 bits a byte), signed ones folded; times are nanoseconds, within
//! a window given by their distance. Figures are not written: adding the contributions again gives
//! them.

mod read;
mod write;

use std::{collections::HashMap, sync::Arc};

use sha2::{Digest as _, Sha256};

use super::{Correlator, Limits, facts::Origin, positions};
use crate::engine::Engine;
use read::open;
use write::Writer;

const MAGIC: &[u8; 4] = b"WFCS";
const VERSION: u8 = 1;
const CHECK: usize = 8;

/// Why a snapshot cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// It does not begin as one does.
    #[error("the snapshot of correlations is not one")]
    NotOne,
    /// Another version of the format.
    #[error("the snapshot of correlations has version {0}, known is {VERSION}")]
    Version(u8),
    /// Bytes are missing or changed.
    #[error("the snapshot of correlations is damaged at byte {0}")]
    Damaged(usize),
}

/// What became of a snapshot's groups.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Restored {
    /// What the caller of [`Correlator::snapshot`] wrote beside the state.
    pub note: Vec<u8>,
    /// Groups taken over.
    pub kept: usize,
    /// Groups of correlations that are gone or whose text changed.
    pub dropped: usize,
}

impl Correlator {
    /// All state as bytes, for [`Correlator::restore`], with a note of the caller's: up to where
    /// it has been told.
    #[must_use]
    pub fn snapshot(&self, note: &[u8]) -> Vec<u8> {
        let mut origins: Vec<Arc<Origin>> = Vec::new();
        let mut numbers: HashMap<*const Origin, u64> = HashMap::new();
        let mut sections: Vec<(usize, Writer)> = Vec::new();
        let mut at_section: HashMap<usize, usize> = HashMap::new();
        for group in self.groups.iter() {
            let section = *at_section.entry(group.at).or_insert_with(|| {
                sections.push((0, Writer::default()));
                sections.len() - 1
            });
            if let Some((count, writer)) = sections.get_mut(section) {
                *count += 1;
                writer.group(group, &mut |origin| {
                    *numbers.entry(Arc::as_ptr(origin)).or_insert_with(|| {
                        origins.push(origin.clone());
                        origins.len() as u64 - 1
                    })
                });
            }
        }
        let mut body = Writer::default();
        body.number(note.len() as u64);
        body.bytes.extend(note);
        body.number(origins.len() as u64);
        for origin in &origins {
            body.text(origin.tenant.as_str());
            body.text(origin.source.as_str());
            match &origin.mark {
                None => body.number(0),
                Some(mark) => {
                    body.number(1);
                    body.bytes.extend(mark.exercise.uuid().as_bytes());
                    body.text(mark.inject.as_str());
                }
            }
        }
        body.number(at_section.len() as u64);
        for (at, section) in at_section {
            let meta = self.plan.correlations.get(at).map(|c| &c.meta);
            let (count, groups) = match sections.get_mut(section) {
                Some((count, writer)) => (*count, std::mem::take(&mut writer.bytes)),
                None => (0, Vec::new()),
            };
            body.text(meta.map_or("", |m| m.id.as_str()));
            body.text(meta.map_or("", |m| &m.version));
            body.number(count as u64);
            body.number(groups.len() as u64);
            body.bytes.extend(groups);
        }
        let mut out = MAGIC.to_vec();
        out.push(VERSION);
        out.extend((body.bytes.len() as u64).to_le_bytes());
        out.extend(&body.bytes);
        let check = Sha256::digest(&out);
        out.extend(check.iter().take(CHECK));
        out
    }

    /// State as it was, for an engine of the same or other rules: correlations whose text is the
    /// same get their windows back.
    ///
    /// # Errors
    /// When the bytes are not a whole snapshot of this version.
    pub fn restore(
        engine: &Engine,
        limits: Limits,
        bytes: &[u8],
    ) -> Result<(Self, Restored), SnapshotError> {
        let mut correlator = Self::new(engine, limits);
        let mut reader = open(bytes)?;
        let length = reader.count()?;
        let note = reader.take(length)?.to_vec();
        let origins = reader.origins()?;
        let known = positions(&correlator.plan);
        let plan = correlator.plan.clone();
        let mut restored = Restored {
            note,
            ..Restored::default()
        };
        for _ in 0..reader.count()? {
            let id = reader.text()?.parse().ok();
            let version = reader.text()?.to_owned();
            let groups = reader.count()?;
            let length = reader.count()?;
            let end = reader.at + length;
            let section = id.and_then(|id| known.get(&(id, version)).copied());
            let Some((at, correlation)) =
                section.and_then(|at| Some((at, plan.correlations.get(at)?)))
            else {
                restored.dropped += groups;
                reader.skip(length)?;
                continue;
            };
            for _ in 0..groups {
                let group = reader.group(at, correlation, &origins)?;
                correlator.groups.insert(group);
                restored.kept += 1;
            }
            if reader.at != end {
                return Err(reader.damaged());
            }
        }
        Ok((correlator, restored))
    }
}
