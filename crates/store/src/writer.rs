//! The one task that writes.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use sqlx::{Connection, Executor, Row as _, sqlite::SqliteConnection};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    Committed, Hash, Head, Repeat, WriteError,
    key::SigningKey,
    row::{Param, bound, params},
    statement::{ENTRY_ADD, HEAD_ADD, HEAD_REMOVE, INPUT_ADD, INPUT_FIND},
    transaction::{Expect, Transaction, Write},
};

/// At most this many transactions share a commit.
const GROUP_LIMIT: usize = 512;
/// One signed head is kept for good per this many entries; the rest only while it is the last.
const HEAD_SPACING: u64 = 1_000;

/// A transaction on its way to the writer, or the wish to stop.
pub(crate) enum Message {
    Append(Request),
    Close(oneshot::Sender<()>),
}

pub(crate) struct Request {
    pub(crate) transaction: Transaction,
    pub(crate) reply: oneshot::Sender<Result<Applied, WriteError>>,
}

/// What came of a transaction: its entries' numbers and the number of each [`Expect::Number`].
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) committed: Committed,
    pub(crate) numbers: Vec<i64>,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) commits: AtomicU64,
    pub(crate) transactions: AtomicU64,
    pub(crate) entries: AtomicU64,
}

pub(crate) struct Writer {
    pub(crate) connection: SqliteConnection,
    pub(crate) head: Head,
    pub(crate) key: SigningKey,
    pub(crate) heads: watch::Sender<Head>,
    pub(crate) counters: Arc<Counters>,
}

/// Serves until asked to close or until every [`crate::Store`] is gone.
pub(crate) async fn run(mut writer: Writer, mut inbox: mpsc::Receiver<Message>) {
    let mut waiting = Vec::with_capacity(GROUP_LIMIT);
    let mut closing = None;
    while closing.is_none() && inbox.recv_many(&mut waiting, GROUP_LIMIT).await > 0 {
        let mut group = Vec::with_capacity(waiting.len());
        for message in waiting.drain(..) {
            match message {
                Message::Append(request) if closing.is_none() => group.push(request),
                Message::Append(request) => refuse(request, WriteError::Closed),
                Message::Close(reply) => closing = Some(reply),
            }
        }
        writer.serve(group).await;
    }
    inbox.close();
    while let Some(message) = inbox.recv().await {
        match message {
            Message::Append(request) => refuse(request, WriteError::Closed),
            // Dropping the sender tells the second closer that it is done.
            Message::Close(_) => {}
        }
    }
    if let Err(error) = writer.connection.close().await {
        tracing::warn!(%error, "the state store did not close cleanly");
    }
    if let Some(reply) = closing {
        reply.send(()).ok();
    }
}

fn refuse(request: Request, error: WriteError) {
    // Nobody may be waiting any more.
    request.reply.send(Err(error)).ok();
}

impl Writer {
    /// Commits a group together. If one of them fails, each is tried alone, so that a bad
    /// transaction harms none of its neighbours.
    async fn serve(&mut self, group: Vec<Request>) {
        if group.is_empty() {
            return;
        }
        let transactions: Vec<&Transaction> = group.iter().map(|r| &r.transaction).collect();
        match self.commit(&transactions).await {
            Ok(applied) => {
                for (request, applied) in group.into_iter().zip(applied) {
                    request.reply.send(Ok(applied)).ok();
                }
            }
            Err(_) if group.len() > 1 => {
                for request in group {
                    let result = self.commit(&[&request.transaction]).await;
                    let result = result.and_then(|mut one| one.pop().ok_or(WriteError::Closed));
                    request.reply.send(result).ok();
                }
            }
            Err(error) => group
                .into_iter()
                .for_each(|request| refuse(request, error.clone())),
        }
    }

    async fn commit(&mut self, group: &[&Transaction]) -> Result<Vec<Applied>, WriteError> {
        self.run("begin immediate").await?;
        match self.write(group).await {
            Ok((head, applied)) => {
                if let Err(error) = self.run("commit").await {
                    self.roll_back().await;
                    return Err(error);
                }
                self.counters.commits.fetch_add(1, Relaxed);
                self.counters
                    .transactions
                    .fetch_add(group.len() as u64, Relaxed);
                self.counters
                    .entries
                    .fetch_add(head.seq - self.head.seq, Relaxed);
                if head != self.head {
                    self.head = head;
                    self.heads.send_replace(head);
                }
                Ok(applied)
            }
            Err(error) => {
                self.roll_back().await;
                Err(error)
            }
        }
    }

    async fn write(&mut self, group: &[&Transaction]) -> Result<(Head, Vec<Applied>), WriteError> {
        let mut head = self.head;
        let mut applied = Vec::with_capacity(group.len());
        for transaction in group {
            applied.push(apply(&mut self.connection, &mut head, transaction).await?);
        }
        if head != self.head {
            if self.head.seq > 0 && self.head.seq / HEAD_SPACING == head.seq / HEAD_SPACING {
                execute(&mut self.connection, HEAD_REMOVE, &params![self.head.seq]).await?;
            }
            let (key, signature) = self.key.sign(head);
            let params = params![head.seq, head.hash.to_string(), key, signature];
            execute(&mut self.connection, HEAD_ADD, &params).await?;
        }
        Ok((head, applied))
    }

    async fn run(&mut self, sql: &'static str) -> Result<(), WriteError> {
        self.connection
            .execute(sql)
            .await
            .map(|_| ())
            .map_err(failed)
    }

    async fn roll_back(&mut self) {
        // SQLite has rolled back by itself after some errors; then there is nothing to undo.
        if let Err(error) = self.run("rollback").await {
            tracing::debug!(%error, "nothing to roll back");
        }
    }
}

async fn apply(
    connection: &mut SqliteConnection,
    head: &mut Head,
    transaction: &Transaction,
) -> Result<Applied, WriteError> {
    if let Some(input) = &transaction.input {
        let params = params![input.key.as_str()];
        let seen = bound(INPUT_FIND, &params, 0)
            .fetch_optional(&mut *connection)
            .await
            .map_err(failed)?;
        if let Some(row) = seen {
            let first: i64 = row.try_get(0).map_err(failed)?;
            let last: i64 = row.try_get(1).map_err(failed)?;
            let committed = Committed {
                seqs: first as u64..last as u64,
                repeat: Repeat::Repeated,
            };
            return Ok(Applied {
                committed,
                numbers: Vec::new(),
            });
        }
    }
    let first = head.seq + 1;
    for entry in &transaction.entries {
        let seq = head.seq + 1;
        // The hash is over what is stored: microseconds.
        let hash: Hash = head.hash.after(seq, entry.at, &entry.kind, &entry.body);
        let query = sqlx::query(ENTRY_ADD)
            .bind(seq as i64)
            .bind(entry.at.as_microsecond())
            .bind(entry.kind.as_str())
            .bind(entry.body.as_str())
            .bind(hash.to_string());
        query.execute(&mut *connection).await.map_err(failed)?;
        *head = Head { seq, hash };
    }
    let seqs = first..head.seq + 1;
    if let Some(input) = &transaction.input {
        let params = params![input.key.as_str(), seqs.start, seqs.end, input.at];
        execute(connection, INPUT_ADD, &params).await?;
    }
    let mut numbers = Vec::new();
    for Write {
        sql,
        params,
        expect,
    } in &transaction.writes
    {
        let query = bound(sql, params, head.seq);
        match expect {
            Expect::Any => {
                query.execute(&mut *connection).await.map_err(failed)?;
            }
            Expect::Row(refusal) => {
                let done = query
                    .execute(&mut *connection)
                    .await
                    .map_err(refused(refusal))?;
                if done.rows_affected() == 0 {
                    return Err(WriteError::Conflict {
                        what: refusal.clone(),
                    });
                }
            }
            Expect::Number => {
                let row = query.fetch_one(&mut *connection).await.map_err(failed)?;
                numbers.push(row.try_get(0).map_err(failed)?);
            }
        }
    }
    Ok(Applied {
        committed: Committed {
            seqs,
            repeat: Repeat::First,
        },
        numbers,
    })
}

async fn execute(
    connection: &mut SqliteConnection,
    sql: &'static str,
    params: &[Param],
) -> Result<(), WriteError> {
    bound(sql, params, 0)
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(failed)
}

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn failed(error: sqlx::Error) -> WriteError {
    WriteError::Failed {
        reason: error.to_string(),
    }
}

/// A broken constraint is a contradiction, not a failing database.
fn refused(refusal: &str) -> impl Fn(sqlx::Error) -> WriteError + '_ {
    move |error| match error.as_database_error() {
        Some(e) if e.is_unique_violation() || e.is_foreign_key_violation() => {
            WriteError::Conflict {
                what: refusal.to_owned(),
            }
        }
        _ => failed(error),
    }
}
