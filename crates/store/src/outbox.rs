//! The outbox: effects that were decided, and what is known of each.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use watchfloor_types::{Effect, EffectKey, Outcome};

use crate::{
    ReadError, Store, Transaction, WriteError,
    row::{Bad, Row, params},
    statement::{EFFECT_GET, EFFECT_START, EFFECTS_IN, EFFECTS_OPEN, INPUT_FORGET},
    transaction::Expect,
};

/// An effect with what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct EffectRecord {
    /// What to do.
    pub effect: Effect,
    /// Where it stands.
    pub status: EffectStatus,
    /// Number of the last entry of the transaction that decided it.
    pub seq: u64,
    /// How often it was started.
    pub attempts: u64,
    /// When it was last started.
    pub started: Option<Timestamp>,
    /// What came of it.
    pub outcome: Option<Outcome>,
}

/// Where an effect stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EffectStatus {
    /// Decided, not yet tried.
    Pending,
    /// Being tried; after a crash nobody knows how far it came.
    Started,
    /// Done.
    Done,
    /// Recorded, not done: rehearsal.
    Rehearsed,
    /// Nothing happened.
    Failed,
    /// Nobody knows whether it happened; a person decides.
    InDoubt,
}

impl EffectStatus {
    /// Every value.
    pub const ALL: &[Self] = &[
        Self::Pending,
        Self::Started,
        Self::Done,
        Self::Rehearsed,
        Self::Failed,
        Self::InDoubt,
    ];

    /// The word, as stored; the last four are those of `OutcomeStatus`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Started => "started",
            Self::Done => "done",
            Self::Rehearsed => "rehearsed",
            Self::Failed => "failed",
            Self::InDoubt => "in-doubt",
        }
    }
}

impl fmt::Display for EffectStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Text that is no status of an effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the status of an effect")]
pub struct ParseEffectStatusError(String);

impl FromStr for EffectStatus {
    type Err = ParseEffectStatusError;
    fn from_str(text: &str) -> Result<Self, ParseEffectStatusError> {
        let found = Self::ALL.iter().copied().find(|s| s.as_str() == text);
        found.ok_or_else(|| ParseEffectStatusError(text.chars().take(80).collect()))
    }
}

impl Store {
    /// Effects without an outcome, in the order they were decided. One that is
    /// [`EffectStatus::Started`] when the store has just been opened was cut off by a crash:
    /// repeat it where its class allows, else record it as in doubt.
    pub async fn pending_effects(&self) -> Result<Vec<EffectRecord>, ReadError> {
        self.rows("pending effects", EFFECTS_OPEN, &[], record)
            .await
    }

    /// Effects with a status, in the order they were decided.
    pub async fn effects_in(
        &self,
        status: EffectStatus,
        limit: u32,
    ) -> Result<Vec<EffectRecord>, ReadError> {
        self.rows(
            "effects",
            EFFECTS_IN,
            &params![status.as_str(), u64::from(limit)],
            record,
        )
        .await
    }

    /// One effect.
    pub async fn effect(&self, key: &EffectKey) -> Result<Option<EffectRecord>, ReadError> {
        self.row("an effect", EFFECT_GET, &params![key.0.as_str()], record)
            .await
    }

    /// Notes, durably, that an effect is about to be performed. Refused when it is unknown or has
    /// a final outcome; one in doubt may be tried again, with its key. Perform it only after this has returned.
    pub async fn mark_started(&self, key: &EffectKey, now: Timestamp) -> Result<(), WriteError> {
        let refusal = format!("effect `{key}` does not wait to be performed");
        self.change(
            EFFECT_START,
            params![key.0.as_str(), now],
            Expect::Row(refusal),
        )
        .await
    }

    /// Commits what came of an effect together with the entries that follow from it.
    pub async fn record_outcome(
        &self,
        outcome: &Outcome,
        transaction: Transaction,
    ) -> Result<crate::Committed, WriteError> {
        self.append(transaction.outcome(outcome)).await
    }

    /// Forgets input keys from before `before`; an input as old as that is not sent again.
    pub async fn forget_inputs(&self, before: Timestamp) -> Result<(), WriteError> {
        self.change(INPUT_FORGET, params![before], Expect::Any)
            .await
    }
}

fn record(row: &Row<'_>) -> Result<EffectRecord, Bad> {
    Ok(EffectRecord {
        status: row.parsed(0)?,
        seq: row.count(1)?,
        attempts: row.count(2)?,
        started: row.opt_time(3)?,
        effect: row.json(4)?,
        outcome: row
            .opt_text(5)?
            .map(|text| serde_json::from_str(&text).map_err(|e| Bad(e.to_string())))
            .transpose()?,
    })
}
