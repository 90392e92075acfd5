//! Outputs: how far each has come in the journal, and its dead letters.

use jiff::Timestamp;

use crate::{
    ReadError, Store, Transaction, WriteError,
    row::{Bad, Row, params},
    statement::{
        OUTPUT_ADD, OUTPUT_ADVANCE, OUTPUT_DEAD_COUNTS, OUTPUT_DEAD_FORGET, OUTPUT_DEAD_LIST,
        OUTPUT_DEAD_LIST_OF, OUTPUT_DEAD_ONE, OUTPUT_DEAD_PUT, OUTPUT_DEAD_REPLAYED, OUTPUT_PAUSE,
        OUTPUTS,
    },
    transaction::Expect,
};

/// How far an output has come, and what became of what it passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputRow {
    /// Its name in the settings.
    pub name: String,
    /// Number of the last journal entry that it is done with.
    pub cursor: u64,
    /// Since when a person has it paused.
    pub paused: Option<Timestamp>,
    /// What it is done with, counted.
    pub counts: OutputCounts,
    /// When something was last taken.
    pub last_sent: Option<Timestamp>,
}

/// What became of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutputCounts {
    /// The receiver has them.
    pub sent: u64,
    /// The receiver refused them for good; they are dead letters.
    pub refused: u64,
    /// Of a kind, severity or tenant that the output does not want.
    pub filtered: u64,
    /// Their TLP label is above what the output may have.
    pub held_tlp: u64,
    /// Of an exercise, and the output takes none.
    pub held_exercise: u64,
}

/// A message that a receiver refused for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputDeadRow {
    /// The output.
    pub output: String,
    /// Idempotency key of the message.
    pub id: String,
    /// Number of the journal entry that it is about.
    pub seq: u64,
    /// When it was refused.
    pub at: Timestamp,
    /// `finding`, `alert` or `incident`.
    pub kind: String,
    /// Its title.
    pub title: String,
    /// What the receiver said.
    pub reason: String,
    /// The message as it was sent; empty in lists.
    pub body: String,
    /// When it was sent again and taken.
    pub replayed: Option<Timestamp>,
}

impl Store {
    /// Every output that ever ran, by name.
    pub async fn outputs(&self) -> Result<Vec<OutputRow>, ReadError> {
        self.rows("outputs", OUTPUTS, &[], |row| {
            Ok(OutputRow {
                name: row.text(0)?,
                cursor: row.count(1)?,
                paused: row.opt_time(2)?,
                counts: OutputCounts {
                    sent: row.count(3)?,
                    refused: row.count(4)?,
                    filtered: row.count(5)?,
                    held_tlp: row.count(6)?,
                    held_exercise: row.count(7)?,
                },
                last_sent: row.opt_time(8)?,
            })
        })
        .await
    }

    /// Notes an output that starts after `cursor`. One that is there stays where it is.
    pub async fn output_add(&self, name: &str, cursor: u64) -> Result<(), WriteError> {
        self.change(OUTPUT_ADD, params![name, cursor], Expect::Any)
            .await
    }

    /// Moves an output on, together with what was refused on the way. `counts` are added.
    pub async fn output_advance(
        &self,
        name: &str,
        cursor: u64,
        counts: OutputCounts,
        last_sent: Option<Timestamp>,
        dead: &[OutputDeadRow],
    ) -> Result<(), WriteError> {
        let mut transaction = Transaction::new();
        for letter in dead {
            transaction = transaction.write(
                OUTPUT_DEAD_PUT,
                params![
                    letter.output.as_str(),
                    letter.id.as_str(),
                    letter.seq,
                    letter.at,
                    letter.kind.as_str(),
                    letter.title.as_str(),
                    letter.reason.as_str(),
                    letter.body.as_str(),
                ],
                Expect::Any,
            );
        }
        let row = params![
            name,
            cursor,
            counts.sent,
            counts.refused,
            counts.filtered,
            counts.held_tlp,
            counts.held_exercise,
            last_sent,
        ];
        let refusal = format!("there is no output `{name}`");
        let transaction = transaction.write(OUTPUT_ADVANCE, row, Expect::Row(refusal));
        self.append(transaction).await.map(|_| ())
    }

    /// Pauses an output, or lets it go on.
    pub async fn output_pause(
        &self,
        name: &str,
        since: Option<Timestamp>,
    ) -> Result<(), WriteError> {
        let refusal = format!("there is no output `{name}`");
        self.change(OUTPUT_PAUSE, params![name, since], Expect::Row(refusal))
            .await
    }

    /// Dead letters of one output or of all, newest first, without their bodies; `after` is the
    /// last of the page before.
    pub async fn output_dead(
        &self,
        output: Option<&str>,
        after: Option<(Timestamp, String)>,
        limit: u32,
    ) -> Result<Vec<OutputDeadRow>, ReadError> {
        let (at, id) = after.unwrap_or((Timestamp::MAX, "~".to_owned()));
        let mut params = Vec::from(params![at, id, u64::from(limit)]);
        let sql = match output {
            Some(output) => {
                params.push(output.into());
                OUTPUT_DEAD_LIST_OF
            }
            None => OUTPUT_DEAD_LIST,
        };
        self.rows("dead letters of outputs", sql, &params, read)
            .await
    }

    /// One dead letter with its body.
    pub async fn output_dead_one(
        &self,
        output: &str,
        id: &str,
    ) -> Result<Option<OutputDeadRow>, ReadError> {
        self.row(
            "a dead letter of an output",
            OUTPUT_DEAD_ONE,
            &params![output, id],
            read,
        )
        .await
    }

    /// How many dead letters of each output wait.
    pub async fn output_dead_counts(&self) -> Result<Vec<(String, u64)>, ReadError> {
        self.rows("dead letters of outputs", OUTPUT_DEAD_COUNTS, &[], |row| {
            Ok((row.text(0)?, row.count(1)?))
        })
        .await
    }

    /// Notes that a dead letter was sent again and taken.
    pub async fn output_dead_replayed(
        &self,
        output: &str,
        id: &str,
        now: Timestamp,
    ) -> Result<(), WriteError> {
        let refusal = format!("no dead letter {id} of output `{output}` waits");
        let params = params![output, id, now];
        self.change(OUTPUT_DEAD_REPLAYED, params, Expect::Row(refusal))
            .await
    }

    /// Forgets dead letters of outputs from before `before`.
    pub async fn output_dead_forget(&self, before: Timestamp) -> Result<(), WriteError> {
        self.change(OUTPUT_DEAD_FORGET, params![before], Expect::Any)
            .await
    }
}

fn read(row: &Row<'_>) -> Result<OutputDeadRow, Bad> {
    Ok(OutputDeadRow {
        output: row.text(0)?,
        id: row.text(1)?,
        seq: row.count(2)?,
        at: row.time(3)?,
        kind: row.text(4)?,
        title: row.text(5)?,
        reason: row.text(6)?,
        replayed: row.opt_time(7)?,
        body: row.text(8)?,
    })
}
