//! Settings that people change while the server runs, as JSON under a key.

use crate::{
    ReadError, Store, WriteError,
    row::params,
    statement::{SETTING_GET, SETTING_PUT, SETTING_REMOVE},
    transaction::Expect,
};

impl Store {
    /// Sets a value; JSON.
    pub async fn setting_put(&self, key: &str, value: &str) -> Result<(), WriteError> {
        self.change(SETTING_PUT, params![key, value], Expect::Any)
            .await
    }

    /// The value of a key; JSON.
    pub async fn setting(&self, key: &str) -> Result<Option<String>, ReadError> {
        self.row("a setting", SETTING_GET, &params![key], |row| row.text(0))
            .await
    }

    /// Removes a key, if it is there.
    pub async fn setting_remove(&self, key: &str) -> Result<(), WriteError> {
        self.change(SETTING_REMOVE, params![key], Expect::Any).await
    }
}
