//! How each source is doing.

use jiff::Timestamp;
use watchfloor_types::{SourceId, TenantId};

use crate::{
    ReadError, Store, WriteError,
    row::params,
    statement::{HEALTH, HEALTH_ADD},
};

/// What to add to the figures of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceDelta {
    /// The source.
    pub source: SourceId,
    /// Whose events they are.
    pub tenant: TenantId,
    /// Time of the newest event among them.
    pub last_event: Option<Timestamp>,
    /// Events.
    pub events: u64,
    /// Records that could not be understood.
    pub dead_letters: u64,
    /// Bytes of records.
    pub bytes: u64,
    /// Values in the records.
    pub leaves: u64,
    /// Values that the mapping neither maps nor ignores.
    pub unknown_leaves: u64,
}

/// The figures of a source since it was first heard of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceHealth {
    /// Sums; `last_event` is the newest ever.
    pub total: SourceDelta,
    /// When they were last added to.
    pub updated: Timestamp,
}

impl SourceHealth {
    /// Share of values that the mapping does not know, 0 to 1: how far the source has drifted.
    pub fn unknown_ratio(&self) -> f64 {
        if self.total.leaves == 0 {
            0.0
        } else {
            self.total.unknown_leaves as f64 / self.total.leaves as f64
        }
    }
}

impl Store {
    /// Adds to the figures of sources, in one transaction.
    pub async fn source_health_add(
        &self,
        deltas: &[SourceDelta],
        now: Timestamp,
    ) -> Result<(), WriteError> {
        let rows = deltas.iter().map(|d| {
            params![
                d.source.as_str(),
                d.tenant.as_str(),
                d.last_event,
                d.events,
                d.dead_letters,
                d.bytes,
                d.leaves,
                d.unknown_leaves,
                now,
            ]
        });
        self.change_all(HEALTH_ADD, rows).await
    }

    /// The figures of every source, by name.
    pub async fn source_health(&self) -> Result<Vec<SourceHealth>, ReadError> {
        self.rows("health of sources", HEALTH, &[], |row| {
            Ok(SourceHealth {
                total: SourceDelta {
                    source: row.parsed(0)?,
                    tenant: row.parsed(1)?,
                    last_event: row.opt_time(2)?,
                    events: row.count(3)?,
                    dead_letters: row.count(4)?,
                    bytes: row.count(5)?,
                    leaves: row.count(6)?,
                    unknown_leaves: row.count(7)?,
                },
                updated: row.time(8)?,
            })
        })
        .await
    }
}
