//! Fixes: edits of bytes that leave everything else as it is.

use super::{Lint, Remark};
use crate::{
    layout::{is_plain, quoted},
    yaml::{Node, Style},
};

/// A change of the text that keeps what a rule matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What it does, such as "write `|contains`".
    pub title: String,
    /// Its edits, which do not overlap.
    pub edits: Vec<Edit>,
}

/// Bytes of the file and what replaces them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edit {
    /// First byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
    /// What stands there instead.
    pub text: String,
}

/// The text with the fixes of `remarks`, and how many were made. A fix that would touch bytes of one before it waits
/// for the next round, as does one that would not leave valid YAML.
#[must_use]
pub fn mended(text: &str, remarks: &[Remark]) -> (String, usize) {
    let mut taken: Vec<&Edit> = Vec::new();
    let mut done = 0;
    for fix in remarks.iter().filter_map(|r| r.fix.as_ref()) {
        let free = fix.edits.iter().all(|new| {
            taken
                .iter()
                .all(|old| new.end <= old.start || new.start >= old.end)
                && !taken.iter().any(|old| old.start == new.start)
        });
        if free {
            taken.extend(&fix.edits);
            done += 1;
        }
    }
    taken.sort();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for edit in taken {
        out.push_str(text.get(at..edit.start).unwrap_or_default());
        out.push_str(&edit.text);
        at = edit.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    (out, done)
}

impl Lint<'_> {
    /// The edit that gives a scalar on one line another text, quoted as it was where it was.
    pub(super) fn rewrite(&self, node: &Node, text: &str) -> Option<Edit> {
        let style = node.scalar()?.style;
        let (start, end) = self.bytes(node.span);
        let raw = self.source.slice(start, end);
        let text = match style {
            Style::Plain if raw == node.text()? => quoted(text),
            Style::Quoted
                if raw.len() >= 2 && raw.starts_with('\'') && raw.ends_with('\'')
                    || raw.starts_with('"') && raw.ends_with('"') =>
            {
                if text.chars().any(char::is_control) {
                    quoted(text)
                } else {
                    format!("'{}'", text.replace('\'', "''"))
                }
            }
            Style::Plain | Style::Quoted | Style::Block => return None,
        };
        Some(Edit { start, end, text })
    }

    /// The edit that takes the quotes away.
    pub(super) fn unquote(&self, node: &Node) -> Option<Edit> {
        let edit = self.rewrite(node, node.text()?)?;
        Some(Edit {
            text: node.text()?.to_owned(),
            ..edit
        })
    }

    /// The edit that exchanges one line of a block list for nothing; only where nothing else stands on it.
    pub(super) fn remove_item(&self, node: &Node) -> Option<Edit> {
        let (start, end) = self.bytes(node.span);
        let text = self.source.text;
        let begin = text.get(..start)?.rfind('\n').map_or(0, |at| at + 1);
        let margin = self.source.slice(begin, start).trim();
        let rest = text.get(end..)?;
        let stop = rest.find('\n').map_or(text.len(), |at| end + at + 1);
        let alone = margin == "-" && self.source.slice(end, stop).trim().is_empty();
        alone.then(|| Edit {
            start: begin,
            end: stop,
            text: String::new(),
        })
    }

    /// The edit that gives an item's key other modifiers.
    pub(super) fn rekey(&self, key: &Node, new: &str) -> Option<Edit> {
        let (start, end) = self.bytes(key.span);
        let raw = self.source.slice(start, end);
        let old = key.text()?;
        let text = if raw == old && is_plain(new) {
            new.to_owned()
        } else {
            self.rewrite(key, new)?.text
        };
        Some(Edit { start, end, text })
    }
}
