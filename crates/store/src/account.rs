//! People and their sessions.

use jiff::Timestamp;
use watchfloor_types::{Role, Secret, UserId};

use crate::{
    ReadError, Store, WriteError,
    row::{Bad, Row, json_text, params},
    statement::{
        ACCOUNT_GET, ACCOUNT_PUT, ACCOUNTS, LINK_ADD, LINK_GET, LINK_USE, SESSION_ADD, SESSION_GET,
        SESSION_REMOVE, SESSIONS_REMOVE_EXPIRED, SESSIONS_REMOVE_OF,
    },
    transaction::Expect,
};

/// A person who may sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The name to sign in with; never reused.
    pub id: UserId,
    /// The name shown.
    pub name: String,
    /// What they may do.
    pub roles: Vec<Role>,
    /// Hash of the password as a PHC string, made and checked by the caller; none until they set one.
    pub password: Option<Secret<String>>,
    /// When it was created.
    pub created: Timestamp,
    /// Since when they may not sign in.
    pub disabled: Option<Timestamp>,
}

/// A session about to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// SHA-256 of the token in the cookie, hex. The token itself is stored nowhere.
    pub hash: String,
    /// Whose it is.
    pub account: UserId,
    /// When it begins.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// The secret that forms must return.
    pub csrf: Secret<String>,
}

/// A session with the account as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of the token in the cookie, hex.
    pub hash: String,
    /// When it began.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// The secret that forms must return.
    pub csrf: Secret<String>,
    /// Whose it is, with the roles they hold now.
    pub account: Account,
}

impl Store {
    /// Creates or changes an account. `created` stays as it was first.
    pub async fn account_put(&self, account: &Account) -> Result<(), WriteError> {
        let params = params![
            account.id.as_str(),
            account.name.as_str(),
            json_text(&account.roles),
            account.password.as_ref().map(|p| p.reveal().clone()),
            account.created,
            account.disabled,
        ];
        self.change(ACCOUNT_PUT, params, Expect::Any).await
    }

    /// One account, disabled or not.
    pub async fn account(&self, id: &UserId) -> Result<Option<Account>, ReadError> {
        self.row("an account", ACCOUNT_GET, &params![id.as_str()], |row| {
            account(row, 0)
        })
        .await
    }

    /// All accounts, by id.
    pub async fn accounts(&self) -> Result<Vec<Account>, ReadError> {
        self.rows("accounts", ACCOUNTS, &[], |row| account(row, 0))
            .await
    }

    /// Begins a session.
    pub async fn session_begin(&self, session: &NewSession) -> Result<(), WriteError> {
        let params = params![
            session.hash.as_str(),
            session.account.as_str(),
            session.created,
            session.expires,
            session.csrf.reveal().as_str(),
        ];
        let refusal = format!("no account `{}` for a session", session.account);
        self.change(SESSION_ADD, params, Expect::Row(refusal)).await
    }

    /// The session with this token hash, if it is valid at `now` and its account is not disabled.
    pub async fn session(&self, hash: &str, now: Timestamp) -> Result<Option<Session>, ReadError> {
        self.row("a session", SESSION_GET, &params![hash, now], |row| {
            Ok(Session {
                hash: row.text(0)?,
                created: row.time(1)?,
                expires: row.time(2)?,
                csrf: Secret::new(row.text(3)?),
                account: account(row, 4)?,
            })
        })
        .await
    }

    /// Ends a session, if there is one.
    pub async fn session_end(&self, hash: &str) -> Result<(), WriteError> {
        self.change(SESSION_REMOVE, params![hash], Expect::Any)
            .await
    }

    /// Ends every session of an account: after a change of password or roles.
    pub async fn sessions_end_of(&self, account: &UserId) -> Result<(), WriteError> {
        self.change(SESSIONS_REMOVE_OF, params![account.as_str()], Expect::Any)
            .await
    }

    /// Removes sessions that have run out.
    pub async fn sessions_expire(&self, now: Timestamp) -> Result<(), WriteError> {
        self.change(SESSIONS_REMOVE_EXPIRED, params![now], Expect::Any)
            .await
    }

    /// Adds a link that signs `account` in once, until `expires`. `hash` is the SHA-256 of its token, hex.
    pub async fn link_add(
        &self,
        hash: &str,
        account: &UserId,
        created: Timestamp,
        expires: Timestamp,
    ) -> Result<(), WriteError> {
        let refusal = format!("no account `{account}` for a sign-in link");
        self.change(
            LINK_ADD,
            params![hash, account.as_str(), created, expires],
            Expect::Row(refusal),
        )
        .await
    }

    /// Uses a link up and returns the account it signs in; none when it is unknown, used or over.
    /// Of two callers at once one gets it.
    pub async fn link_use(&self, hash: &str, now: Timestamp) -> Result<Option<UserId>, WriteError> {
        let account = self
            .row("a sign-in link", LINK_GET, &params![hash, now], |row| {
                row.parsed(0)
            })
            .await
            .map_err(|e| WriteError::Failed {
                reason: e.to_string(),
            })?;
        let Some(account) = account else {
            return Ok(None);
        };
        let refusal = "the sign-in link is used".to_owned();
        match self
            .change(LINK_USE, params![hash, now], Expect::Row(refusal))
            .await
        {
            Ok(()) => Ok(Some(account)),
            Err(WriteError::Conflict { .. }) => Ok(None),
            Err(error @ (WriteError::Failed { .. } | WriteError::Closed)) => Err(error),
        }
    }
}

fn account(row: &Row<'_>, first: usize) -> Result<Account, Bad> {
    Ok(Account {
        id: row.parsed(first)?,
        name: row.text(first + 1)?,
        roles: row.json(first + 2)?,
        password: row.opt_text(first + 3)?.map(Secret::new),
        created: row.time(first + 4)?,
        disabled: row.opt_time(first + 5)?,
    })
}
