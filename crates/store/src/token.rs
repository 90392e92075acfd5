//! Tokens of programs: those that send events and those that use the API.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use watchfloor_types::{SourceId, TenantId, UserId};

use crate::{
    ReadError, Store, WriteError,
    row::{Bad, Row, json_text, params},
    statement::{TOKEN_ADD, TOKEN_REVOKE, TOKEN_USED, TOKEN_VALID, TOKENS},
    transaction::Expect,
};

/// What a token is for. One kind is never accepted in place of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// Sending events.
    Ingest,
    /// Using the API.
    Api,
}

/// A token about to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// Its id, to list and revoke it.
    pub id: String,
    /// SHA-256 of the token, hex. The token itself is stored nowhere.
    pub hash: String,
    /// Its first characters, to recognise it.
    pub prefix: String,
    /// What it is for.
    pub kind: TokenKind,
    /// What people call it.
    pub name: String,
    /// Whose events it may send or see.
    pub tenant: TenantId,
    /// The account it acts for; none for a program of its own.
    pub account: Option<UserId>,
    /// Sources it may send to; empty means any.
    pub sources: Vec<SourceId>,
    /// What it may do in the API.
    pub scopes: Vec<String>,
    /// When it was created.
    pub created: Timestamp,
    /// When it ends, if ever.
    pub expires: Option<Timestamp>,
}

/// A token as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What it was created with.
    pub details: NewToken,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
    /// When it was last used.
    pub used: Option<Timestamp>,
}

impl TokenKind {
    /// The word, as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Api => "api",
        }
    }
}
impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Text that is no kind of token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a kind of token; one of ingest, api")]
pub struct ParseTokenKindError(String);

impl FromStr for TokenKind {
    type Err = ParseTokenKindError;
    fn from_str(text: &str) -> Result<Self, ParseTokenKindError> {
        let found = [Self::Ingest, Self::Api]
            .into_iter()
            .find(|k| k.as_str() == text);
        found.ok_or_else(|| ParseTokenKindError(text.chars().take(80).collect()))
    }
}

impl Store {
    /// Keeps a new token.
    pub async fn token_add(&self, token: &NewToken) -> Result<(), WriteError> {
        let params = params![
            token.id.as_str(),
            token.hash.as_str(),
            token.prefix.as_str(),
            token.kind.as_str(),
            token.name.as_str(),
            token.tenant.as_str(),
            token.account.as_ref().map(|a| a.as_str().to_owned()),
            json_text(&token.sources),
            json_text(&token.scopes),
            token.created,
            token.expires,
        ];
        let refusal = format!("there is a token `{}` already", token.id);
        self.change(TOKEN_ADD, params, Expect::Row(refusal)).await
    }

    /// The token with this hash and kind, if it is neither revoked nor over at `now`.
    pub async fn token_valid(
        &self,
        hash: &str,
        kind: TokenKind,
        now: Timestamp,
    ) -> Result<Option<Token>, ReadError> {
        self.row(
            "a token",
            TOKEN_VALID,
            &params![hash, kind.as_str(), now],
            token,
        )
        .await
    }

    /// All tokens, oldest first, revoked ones too.
    pub async fn tokens(&self) -> Result<Vec<Token>, ReadError> {
        self.rows("tokens", TOKENS, &[], token).await
    }

    /// Revokes a token; refused when it is unknown or revoked.
    pub async fn token_revoke(&self, id: &str, now: Timestamp) -> Result<(), WriteError> {
        let refusal = format!("there is no token `{id}` to revoke");
        self.change(TOKEN_REVOKE, params![id, now], Expect::Row(refusal))
            .await
    }

    /// Notes when a token was used. Call it now and then, not for each request.
    pub async fn token_used(&self, id: &str, now: Timestamp) -> Result<(), WriteError> {
        self.change(TOKEN_USED, params![id, now], Expect::Any).await
    }
}

fn token(row: &Row<'_>) -> Result<Token, Bad> {
    let account = row.opt_text(6)?;
    Ok(Token {
        details: NewToken {
            id: row.text(0)?,
            hash: row.text(1)?,
            prefix: row.text(2)?,
            kind: row.parsed(3)?,
            name: row.text(4)?,
            tenant: row.parsed(5)?,
            account: account
                .map(|a| a.parse())
                .transpose()
                .map_err(|_| Bad("no account id".to_owned()))?,
            sources: row.json(7)?,
            scopes: row.json(8)?,
            created: row.time(9)?,
            expires: row.opt_time(10)?,
        },
        revoked: row.opt_time(11)?,
        used: row.opt_time(12)?,
    })
}
