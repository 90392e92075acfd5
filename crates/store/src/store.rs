//! Opening, reading, submitting, closing.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use futures_util::TryStreamExt as _;
use sqlx::{
    ConnectOptions as _,
    sqlite::{
        SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
        SqliteSynchronous,
    },
};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    GENESIS, Head, OpenError, ReadError, Transaction, WriteError,
    key::{self, SigningKey},
    migration,
    row::{Bad, Param, Row, bound},
    statement::{ENTRY_LAST, HEADS},
    transaction::{Expect, Write},
    writer::{self, Applied, Counters, Message, Request, Writer},
};

/// Transactions that may wait for the writer before callers wait to hand theirs over.
const INBOX: usize = 4_096;
/// Connections for reading.
const READERS: u32 = 4;

/// The state store. Cheap to clone; all clones are the same store.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    readers: SqlitePool,
    inbox: mpsc::Sender<Message>,
    heads: watch::Receiver<Head>,
    counters: Arc<Counters>,
    public_key: String,
}

/// What the writer has done since the store was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriterStats {
    /// Commits, each with one sync of the disk.
    pub commits: u64,
    /// Transactions in them.
    pub transactions: u64,
    /// Journal entries in them.
    pub entries: u64,
}

impl Store {
    /// Opens the database at `path`, creates or migrates it, and starts the writer. The key that
    /// signs the journal is `journal.key` beside it. One process may have it open at a time; the
    /// caller holds the lock.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref().to_owned();
        let open_error = |e: sqlx::Error| OpenError::Open {
            path: path.clone(),
            reason: e.to_string(),
        };
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10))
            .pragma("trusted_schema", "off")
            .pragma("journal_size_limit", "67108864");
        create_private(&path).map_err(|e| OpenError::Open {
            path: path.clone(),
            reason: e.to_string(),
        })?;
        let mut connection: SqliteConnection = options
            .clone()
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .connect()
            .await
            .map_err(open_error)?;
        migration::run(&mut connection, &path).await?;
        // Readers need a file that exists; WAL mode is kept in the file.
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(options.read_only(true))
            .await
            .map_err(open_error)?;

        let head = rows(&readers, "journal head", ENTRY_LAST, &[], |row| {
            Ok(Head {
                seq: row.count(0)?,
                hash: row.parsed(1)?,
            })
        })
        .await?
        .pop()
        .unwrap_or(Head {
            seq: 0,
            hash: GENESIS,
        });
        let signed_with = rows(&readers, "signed heads", HEADS, &[], |row| row.text(2))
            .await?
            .pop();
        let key = SigningKey::open(&key::path_beside(&path), signed_with.as_deref())?;

        let (inbox, messages) = mpsc::channel(INBOX);
        let (publish, heads) = watch::channel(head);
        let counters = Arc::new(Counters::default());
        let public_key = key.public().to_owned();
        let writer = Writer {
            connection,
            head,
            key,
            heads: publish,
            counters: Arc::clone(&counters),
        };
        tokio::spawn(writer::run(writer, messages));
        Ok(Self {
            inner: Arc::new(Inner {
                path,
                readers,
                inbox,
                heads,
                counters,
                public_key,
            }),
        })
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Number and hash of the last committed entry.
    pub fn head(&self) -> Head {
        *self.inner.heads.borrow()
    }

    /// Changes whenever entries have been committed.
    pub fn heads(&self) -> watch::Receiver<Head> {
        self.inner.heads.clone()
    }

    /// The Ed25519 public key that the journal is signed with, hex. Whoever audits the journal
    /// keeps a copy elsewhere.
    pub fn public_key(&self) -> &str {
        &self.inner.public_key
    }

    /// What the writer has done so far.
    pub fn writer_stats(&self) -> WriterStats {
        let counters = &self.inner.counters;
        WriterStats {
            commits: counters.commits.load(Relaxed),
            transactions: counters.transactions.load(Relaxed),
            entries: counters.entries.load(Relaxed),
        }
    }

    /// Finishes what is waiting and closes the database. Later writes are refused.
    pub async fn close(&self) {
        let (reply, done) = oneshot::channel();
        if self.inner.inbox.send(Message::Close(reply)).await.is_ok() {
            // An error means that the writer has ended, which is what is wanted.
            done.await.ok();
        }
        self.inner.readers.close().await;
    }

    pub(crate) async fn submit(&self, transaction: Transaction) -> Result<Applied, WriteError> {
        let (reply, answer) = oneshot::channel();
        let request = Request { transaction, reply };
        self.inner
            .inbox
            .send(Message::Append(request))
            .await
            .map_err(|_| WriteError::Closed)?;
        answer.await.map_err(|_| WriteError::Closed)?
    }

    /// Runs one statement outside the journal, in the group of whatever else is waiting.
    pub(crate) async fn change(
        &self,
        sql: &'static str,
        params: impl Into<Vec<Param>>,
        expect: Expect,
    ) -> Result<(), WriteError> {
        self.submit(Transaction::new().write(sql, params, expect))
            .await
            .map(|_| ())
    }

    /// Runs one statement many times in one transaction.
    pub(crate) async fn change_all(
        &self,
        sql: &'static str,
        all: impl IntoIterator<Item = impl Into<Vec<Param>>>,
    ) -> Result<(), WriteError> {
        let writes = all
            .into_iter()
            .map(|params| Write {
                sql,
                params: params.into(),
                expect: Expect::Any,
            })
            .collect::<Vec<_>>();
        if writes.is_empty() {
            return Ok(());
        }
        self.submit(Transaction {
            writes,
            ..Transaction::new()
        })
        .await
        .map(|_| ())
    }

    pub(crate) fn readers(&self) -> &SqlitePool {
        &self.inner.readers
    }

    pub(crate) async fn rows<T>(
        &self,
        what: &'static str,
        sql: &'static str,
        params: &[Param],
        read: impl Fn(&Row<'_>) -> Result<T, Bad>,
    ) -> Result<Vec<T>, ReadError> {
        rows(self.readers(), what, sql, params, read).await
    }

    pub(crate) async fn row<T>(
        &self,
        what: &'static str,
        sql: &'static str,
        params: &[Param],
        read: impl Fn(&Row<'_>) -> Result<T, Bad>,
    ) -> Result<Option<T>, ReadError> {
        Ok(self.rows(what, sql, params, read).await?.into_iter().next())
    }
}

pub(crate) async fn rows<'e, T>(
    on: impl sqlx::Executor<'e, Database = sqlx::Sqlite>,
    what: &'static str,
    sql: &'static str,
    params: &[Param],
    read: impl Fn(&Row<'_>) -> Result<T, Bad>,
) -> Result<Vec<T>, ReadError> {
    let error = |reason: String| ReadError { what, reason };
    let mut found = Vec::new();
    let mut stream = bound(sql, params, 0).fetch(on);
    while let Some(row) = stream.try_next().await.map_err(|e| error(e.to_string()))? {
        found.push(read(&Row(&row)).map_err(|Bad(reason)| error(reason))?);
    }
    Ok(found)
}

/// Makes the file, readable for its owner only: it holds hashes of passwords and tokens. SQLite gives
/// the files it puts beside it the same rights.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path).map(|_| ())
}
