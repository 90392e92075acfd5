//! What is wrong with a piece of content, where, and what to do about it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Works, but could be better.
    Note,
    /// Works, but probably not as meant.
    Warning,
    /// Refused.
    Error,
}

/// A span in a file. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Place {
    /// Path as the user gave it.
    pub file: String,
    /// Line, 1 is the first.
    pub line: u32,
    /// Column, 1 is the first.
    pub column: u32,
    /// Length in characters, at least 1.
    pub length: u32,
}

/// One thing to say about content or input. `code` is stable and has a page in
/// `docs/diagnostics/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// Stable code such as `R017`; never reused.
    pub code: String,
    /// How much it matters.
    pub level: Level,
    /// What is wrong, lower case, no full stop.
    pub message: String,
    /// Where, if it has a place.
    pub place: Option<Place>,
    /// The way out.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error without a place yet.
    #[must_use]
    pub fn error(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            level: Level::Error,
            message: message.into(),
            place: None,
            help: None,
        }
    }
    /// A warning without a place yet.
    #[must_use]
    pub fn warning(code: &str, message: impl Into<String>) -> Self {
        Self {
            level: Level::Warning,
            ..Self::error(code, message)
        }
    }
    /// The same with a place.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }
    /// The same with a way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Note => "note",
            Level::Warning => "warning",
            Level::Error => "error",
        };
        if let Some(p) = &self.place {
            write!(f, "{}:{}:{}: ", p.file, p.line, p.column)?;
        }
        write!(f, "{level}[{}]: {}", self.code, self.message)?;
        if let Some(help) = &self.help {
            write!(f, " ({help})")?;
        }
        Ok(())
    }
}
