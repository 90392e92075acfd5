//! The filter language: one grammar for console, API, hunts and exercise proofs.

mod field;
mod lex;
mod native;
mod needle;
mod parse;
mod value;

use std::{fmt, str::FromStr};

use watchfloor_types::Event;

pub(crate) use field::{Envelope, Field};
pub(crate) use needle::Needle;
pub(crate) use value::{Scalar, Test, as_number, visit_value, with_text};

/// A parsed filter in the style of KQL: `event.action: login and not source.ip: 10.0.0.0/8`.
/// The grammar is in `docs/search.md`. Shows as it was typed.
#[derive(Debug, Clone)]
pub struct Filter {
    node: Node,
    text: String,
}

/// What a filter asks of an event.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    All,
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Field(Field, Test),
    /// Somewhere in the record as it came.
    Text(Needle),
}

/// Why a text is not a filter, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} at character {column}, found {found}")]
pub struct FilterError {
    /// Byte offset into the text.
    pub offset: usize,
    /// The same in characters, 1 is the first.
    pub column: usize,
    /// Length of what was found, in characters; 0 at the end.
    pub length: usize,
    /// What would have been right here.
    pub expected: String,
    /// What stands there.
    pub found: String,
    /// The way out.
    pub help: Option<String>,
}

impl FilterError {
    /// Two lines: the text, and marks under the place. Characters that could steer a terminal are
    /// replaced.
    #[must_use]
    pub fn marked(&self, text: &str) -> String {
        let line: String = text
            .chars()
            .map(|c| if c.is_control() { '\u{FFFD}' } else { c })
            .collect();
        let indent = " ".repeat(self.column.saturating_sub(1));
        format!("{line}\n{indent}{}", "^".repeat(self.length.max(1)))
    }
}

impl Filter {
    /// Passes every event.
    #[must_use]
    pub fn all() -> Self {
        Self {
            node: Node::All,
            text: String::new(),
        }
    }

    /// Whether `event` passes: what a search over stored events decides as well.
    #[must_use]
    pub fn matches(&self, event: &Event) -> bool {
        self.node.matches(event)
    }

    /// As it was typed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn node(&self) -> &Node {
        &self.node
    }
}

impl Default for Filter {
    fn default() -> Self {
        Self::all()
    }
}

impl FromStr for Filter {
    type Err = FilterError;
    /// Empty text passes everything.
    fn from_str(text: &str) -> Result<Self, FilterError> {
        Ok(Self {
            node: parse::parse(text)?,
            text: text.trim().to_owned(),
        })
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Node {
    fn matches(&self, event: &Event) -> bool {
        match self {
            Self::All => true,
            Self::And(nodes) => nodes.iter().all(|n| n.matches(event)),
            Self::Or(nodes) => nodes.iter().any(|n| n.matches(event)),
            Self::Not(node) => !node.matches(event),
            Self::Field(field, test) => {
                let mut passes = false;
                field.visit_event(event, &mut |value| passes = passes || test.passes(value));
                passes
            }
            Self::Text(needle) => needle.is_in(&event.native),
        }
    }
}

#[cfg(test)]
mod tests;
