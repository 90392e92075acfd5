//! The index of dead letters. Their bytes are in the lake.

use jiff::Timestamp;
use watchfloor_types::{DeadLetter, EventId, SourceId, TenantId};

use crate::{
    ReadError, Store, WriteError,
    row::{Bad, Row, params},
    statement::{
        DEAD_COUNTS, DEAD_FORGET, DEAD_LIST, DEAD_LIST_OF, DEAD_ONE, DEAD_PUT, DEAD_REPLAYED,
    },
    transaction::Expect,
};

/// What is known of a record that could not be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterRow {
    /// The id its event would have had.
    pub id: EventId,
    /// When it was received.
    pub received: Timestamp,
    /// The source it was sent to.
    pub source: SourceId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What went wrong.
    pub reason: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was read again with success.
    pub replayed: Option<Timestamp>,
}

impl Store {
    /// Notes dead letters. One that is there already stays as it is.
    pub async fn dead_letters_add(&self, letters: &[DeadLetter]) -> Result<(), WriteError> {
        let rows = letters.iter().map(|l| {
            params![
                l.id.to_string(),
                l.received,
                l.source.as_str(),
                l.tenant.as_str(),
                l.reason.as_str(),
                l.raw.len() as u64,
            ]
        });
        self.change_all(DEAD_PUT, rows).await
    }

    /// Dead letters, newest first, of one source or of all; `after` is the last one of the page before.
    pub async fn dead_letters(
        &self,
        source: Option<&SourceId>,
        after: Option<(Timestamp, EventId)>,
        limit: u32,
    ) -> Result<Vec<DeadLetterRow>, ReadError> {
        let (at, id) = after.map_or((Timestamp::MAX, "~".to_owned()), |(at, id)| {
            (at, id.to_string())
        });
        let mut params = Vec::from(params![at, id, u64::from(limit)]);
        let sql = match source {
            Some(source) => {
                params.push(source.as_str().into());
                DEAD_LIST_OF
            }
            None => DEAD_LIST,
        };
        self.rows("dead letters", sql, &params, read).await
    }

    /// One dead letter.
    pub async fn dead_letter(&self, id: EventId) -> Result<Option<DeadLetterRow>, ReadError> {
        let rows = self
            .rows("dead letters", DEAD_ONE, &params![id.to_string()], read)
            .await?;
        Ok(rows.into_iter().next())
    }

    /// How many dead letters of each source wait to be read again.
    pub async fn dead_letter_counts(&self) -> Result<Vec<(SourceId, u64)>, ReadError> {
        self.rows("dead letters", DEAD_COUNTS, &[], |row| {
            Ok((row.parsed(0)?, row.count(1)?))
        })
        .await
    }

    /// Notes that a dead letter was read again with success.
    pub async fn dead_letter_replayed(
        &self,
        id: EventId,
        now: Timestamp,
    ) -> Result<(), WriteError> {
        let refusal = format!("no dead letter {id} waits to be read again");
        self.change(
            DEAD_REPLAYED,
            params![id.to_string(), now],
            Expect::Row(refusal),
        )
        .await
    }

    /// Forgets dead letters received before `before`.
    pub async fn dead_letters_forget(&self, before: Timestamp) -> Result<(), WriteError> {
        self.change(DEAD_FORGET, params![before], Expect::Any).await
    }
}

fn read(row: &Row<'_>) -> Result<DeadLetterRow, Bad> {
    Ok(DeadLetterRow {
        id: row.parsed(0)?,
        received: row.time(1)?,
        source: row.parsed(2)?,
        tenant: row.parsed(3)?,
        reason: row.text(4)?,
        bytes: row.count(5)?,
        replayed: row.opt_time(6)?,
    })
}
