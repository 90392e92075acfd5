//! Between rows and Rust: typed columns out, parameters in.

use std::{fmt::Display, str::FromStr};

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use sqlx::{
    Row as _, Sqlite,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};

/// One row, read by position.
pub(crate) struct Row<'r>(pub(crate) &'r SqliteRow);

/// A column that does not hold what it should.
#[derive(Debug)]
pub(crate) struct Bad(pub(crate) String);

impl Row<'_> {
    pub(crate) fn int(&self, column: usize) -> Result<i64, Bad> {
        self.0.try_get(column).map_err(|e| Bad(e.to_string()))
    }
    pub(crate) fn opt_int(&self, column: usize) -> Result<Option<i64>, Bad> {
        self.0.try_get(column).map_err(|e| Bad(e.to_string()))
    }
    pub(crate) fn count(&self, column: usize) -> Result<u64, Bad> {
        self.int(column).map(|n| u64::try_from(n).unwrap_or(0))
    }
    pub(crate) fn text(&self, column: usize) -> Result<String, Bad> {
        self.0.try_get(column).map_err(|e| Bad(e.to_string()))
    }
    pub(crate) fn opt_text(&self, column: usize) -> Result<Option<String>, Bad> {
        self.0.try_get(column).map_err(|e| Bad(e.to_string()))
    }
    pub(crate) fn time(&self, column: usize) -> Result<Timestamp, Bad> {
        Timestamp::from_microsecond(self.int(column)?).map_err(|e| Bad(e.to_string()))
    }
    pub(crate) fn opt_time(&self, column: usize) -> Result<Option<Timestamp>, Bad> {
        self.opt_int(column)?
            .map(|us| Timestamp::from_microsecond(us).map_err(|e| Bad(e.to_string())))
            .transpose()
    }
    pub(crate) fn parsed<T: FromStr<Err: Display>>(&self, column: usize) -> Result<T, Bad> {
        self.text(column)?
            .parse()
            .map_err(|e: T::Err| Bad(e.to_string()))
    }
    pub(crate) fn json<T: DeserializeOwned>(&self, column: usize) -> Result<T, Bad> {
        serde_json::from_str(&self.text(column)?).map_err(|e| Bad(e.to_string()))
    }
}

/// A value for a placeholder.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Param {
    Int(i64),
    OptInt(Option<i64>),
    Text(String),
    OptText(Option<String>),
    /// The number of the transaction's last entry, known only to the writer.
    Seq,
}

impl From<i64> for Param {
    fn from(n: i64) -> Self {
        Self::Int(n)
    }
}
impl From<u64> for Param {
    fn from(n: u64) -> Self {
        Self::Int(i64::try_from(n).unwrap_or(i64::MAX))
    }
}
impl From<&str> for Param {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
impl From<String> for Param {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
impl From<Option<String>> for Param {
    fn from(text: Option<String>) -> Self {
        Self::OptText(text)
    }
}
impl From<Timestamp> for Param {
    fn from(at: Timestamp) -> Self {
        Self::Int(at.as_microsecond())
    }
}
impl From<Option<Timestamp>> for Param {
    fn from(at: Option<Timestamp>) -> Self {
        Self::OptInt(at.map(Timestamp::as_microsecond))
    }
}

/// `params![a, b]`: parameters of different types.
macro_rules! params {
    ($($value:expr),* $(,)?) => { [$($crate::row::Param::from($value)),*] };
}
pub(crate) use params;

/// A statement with its parameters bound.
pub(crate) fn bound<'q>(
    sql: &'static str,
    params: &'q [Param],
    seq: u64,
) -> Query<'q, Sqlite, SqliteArguments> {
    let mut query = sqlx::query(sql);
    for param in params {
        query = match param {
            Param::Int(n) => query.bind(*n),
            Param::OptInt(n) => query.bind(*n),
            Param::Text(text) => query.bind(text.as_str()),
            Param::OptText(text) => query.bind(text.as_deref()),
            Param::Seq => query.bind(seq as i64),
        };
    }
    query
}

/// JSON text of something that always serialises.
pub(crate) fn json_text<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}
