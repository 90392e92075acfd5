//! What is committed together: all of it or nothing.

use std::ops::Range;

use jiff::Timestamp;
use watchfloor_types::{Effect, EffectKey, Outcome};

use crate::{
    NewEntry, Store, WriteError,
    row::{Param, json_text, params},
    statement::{EFFECT_ADD, EFFECT_END, PROJECTION_PUT, PROJECTION_REMOVE, PROJECTIONS_CLEAR},
};

/// Entries, effects, outcomes and projections that become true at once.
///
/// ```ignore
/// store.append(Transaction::new().entry("alert-opened", now, body).effect(&effect)).await?
/// ```
#[derive(Debug, Clone, Default)]
pub struct Transaction {
    pub(crate) input: Option<Input>,
    pub(crate) entries: Vec<NewEntry>,
    pub(crate) writes: Vec<Write>,
}

#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) key: String,
    pub(crate) at: Timestamp,
}

/// One statement to run, and what must come of it.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    pub(crate) sql: &'static str,
    pub(crate) params: Vec<Param>,
    pub(crate) expect: Expect,
}

#[derive(Debug, Clone)]
pub(crate) enum Expect {
    /// Any number of rows.
    Any,
    /// At least one changed row; otherwise the transaction fails with this text.
    Row(String),
    /// One row with one number, handed back.
    Number,
}

/// A committed transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Numbers of its entries; empty when it has none.
    pub seqs: Range<u64>,
    /// Whether it was committed by this call.
    pub repeat: Repeat,
}

/// Whether a transaction with the same input key had been committed before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// No: this call committed it.
    First,
    /// Yes: nothing was written, the numbers are those of the first time.
    Repeated,
}

impl Transaction {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes it idempotent: a second transaction with the same key writes nothing and returns the
    /// numbers of the first.
    #[must_use]
    pub fn input(mut self, key: impl Into<String>, at: Timestamp) -> Self {
        self.input = Some(Input {
            key: key.into(),
            at,
        });
        self
    }

    /// Appends an entry; `body` is JSON.
    #[must_use]
    pub fn entry(
        mut self,
        kind: impl Into<String>,
        at: Timestamp,
        body: impl Into<String>,
    ) -> Self {
        self.entries.push(NewEntry {
            kind: kind.into(),
            at,
            body: body.into(),
        });
        self
    }

    /// Appends entries.
    #[must_use]
    pub fn entries(mut self, entries: impl IntoIterator<Item = NewEntry>) -> Self {
        self.entries.extend(entries);
        self
    }

    /// Puts an effect into the outbox. One with the same key that is there already stays as it is.
    #[must_use]
    pub fn effect(self, effect: &Effect) -> Self {
        let params = vec![
            Param::from(effect.key.0.as_str()),
            Param::Seq,
            Param::from(effect.class.as_str()),
            Param::from(effect.deadline),
            Param::from(json_text(effect)),
        ];
        self.write(EFFECT_ADD, params, Expect::Any)
    }

    /// Records what came of an effect. Fails the transaction when the effect is unknown or already
    /// has a final outcome; an effect in doubt may still get one.
    #[must_use]
    pub fn outcome(self, outcome: &Outcome) -> Self {
        let EffectKey(key) = &outcome.key;
        let params = params![
            key.as_str(),
            outcome.status.as_str(),
            outcome.at,
            json_text(outcome)
        ];
        let refusal = format!("effect `{key}` waits for no outcome");
        self.write(EFFECT_END, params, Expect::Row(refusal))
    }

    /// The same, where an outcome that comes twice changes nothing.
    #[must_use]
    pub fn outcome_once(self, outcome: &Outcome) -> Self {
        let EffectKey(key) = &outcome.key;
        let params = params![
            key.as_str(),
            outcome.status.as_str(),
            outcome.at,
            json_text(outcome)
        ];
        self.write(EFFECT_END, params, Expect::Any)
    }

    /// Sets a projection: what pages and lists show of one thing. `sort` orders it among its kind.
    #[must_use]
    pub fn project(self, kind: &str, id: &str, sort: i64, body: impl Into<String>) -> Self {
        let params = vec![
            Param::from(kind),
            Param::from(id),
            Param::from(sort),
            Param::Seq,
            Param::from(body.into()),
        ];
        self.write(PROJECTION_PUT, params, Expect::Any)
    }

    /// Removes a projection, if it is there.
    #[must_use]
    pub fn unproject(self, kind: &str, id: &str) -> Self {
        self.write(PROJECTION_REMOVE, params![kind, id], Expect::Any)
    }

    /// Removes all projections, to be built anew from the journal.
    #[must_use]
    pub fn unproject_all(self) -> Self {
        self.write(PROJECTIONS_CLEAR, Vec::<Param>::new(), Expect::Any)
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.writes.is_empty()
    }

    pub(crate) fn write(
        mut self,
        sql: &'static str,
        params: impl Into<Vec<Param>>,
        expect: Expect,
    ) -> Self {
        self.writes.push(Write {
            sql,
            params: params.into(),
            expect,
        });
        self
    }
}

impl Store {
    /// Commits a transaction and returns when it is on disk. Many callers at once share one sync.
    /// Dropping the future before it is ready does not undo the transaction.
    pub async fn append(&self, transaction: Transaction) -> Result<Committed, WriteError> {
        self.submit(transaction)
            .await
            .map(|applied| applied.committed)
    }
}
