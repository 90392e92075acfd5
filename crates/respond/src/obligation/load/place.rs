//! Where something stands in a file, and what is said about it.

use jiff::civil::Date;
use serde::de::DeserializeOwned;
use serde_saphyr::Spanned;
use watchfloor_types::{Diagnostic, Level, Place};

use crate::obligation::expr::Span;

/// One file and what has been found in it.
pub(crate) struct Report<'t> {
    path: &'t str,
    text: &'t str,
    pub(crate) found: Vec<Diagnostic>,
}

impl<'t> Report<'t> {
    pub(crate) fn new(path: &'t str, text: &'t str) -> Self {
        Self {
            path,
            text,
            found: Vec::new(),
        }
    }
    /// The path as the user gave it.
    pub(crate) fn path(&self) -> &'t str {
        self.path
    }
    /// Whether nothing is wrong so far.
    pub(crate) fn clean(&self) -> bool {
        self.found.iter().all(|d| d.level != Level::Error)
    }
    /// The file as a type, or what is wrong with it.
    pub(crate) fn parse<T: DeserializeOwned>(&mut self) -> Option<T> {
        match serde_saphyr::from_str(self.text) {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                let mut place = self.start();
                if let Some(at) = error.location() {
                    place.line = u32::try_from(at.line()).unwrap_or(1).max(1);
                    place.column = u32::try_from(at.column()).unwrap_or(1).max(1);
                }
                let message = error.without_snippet().to_string();
                let message = message.lines().next().unwrap_or_default();
                self.error_at(
                    place,
                    "O001",
                    message.to_owned(),
                    Some("docs/obligations.md lists the keys"),
                );
                None
            }
        }
    }
    fn start(&self) -> Place {
        Place {
            file: self.path.to_owned(),
            line: 1,
            column: 1,
            length: 1,
        }
    }
    pub(crate) fn place_of<T>(&self, at: &Spanned<T>) -> Place {
        Place {
            line: u32::try_from(at.referenced.line()).unwrap_or(1).max(1),
            column: u32::try_from(at.referenced.column()).unwrap_or(1).max(1),
            ..self.start()
        }
    }
    /// A part of a scalar, where the scalar stands on one line.
    pub(crate) fn part(&self, at: &Spanned<String>, span: Span) -> Place {
        let mut place = self.place_of(at);
        let before = place.column.saturating_sub(1) as usize;
        let line: Vec<char> = self
            .text
            .lines()
            .nth(place.line.saturating_sub(1) as usize)
            .map(|line| line.chars().skip(before).collect())
            .unwrap_or_default();
        let quote = usize::from(matches!(line.first(), Some('"' | '\'')));
        let start = quote + span.start;
        // Of a text that runs over several lines the beginning is all that is certain.
        if start < line.len() {
            place.column += u32::try_from(start).unwrap_or(0);
            place.length = u32::try_from(span.length).unwrap_or(1).max(1);
        }
        place
    }
    pub(crate) fn error_at(
        &mut self,
        place: Place,
        code: &str,
        message: String,
        help: Option<&str>,
    ) {
        let diagnostic = Diagnostic::error(code, message).at(place);
        self.found.push(match help {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        });
    }
    pub(crate) fn error(
        &mut self,
        at: &Spanned<String>,
        code: &str,
        message: impl Into<String>,
        help: Option<&str>,
    ) {
        let mut place = self.place_of(at);
        place.length = u32::try_from(at.value.chars().count()).unwrap_or(1).max(1);
        self.error_at(place, code, message.into(), help);
    }
    pub(crate) fn warning(&mut self, at: &Spanned<String>, code: &str, message: &str) {
        let place = self.place_of(at);
        self.found
            .push(Diagnostic::warning(code, message).at(place));
    }
    /// A word of a closed vocabulary.
    pub(crate) fn word<T>(&mut self, at: &Spanned<String>) -> Option<T>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        match at.value.parse() {
            Ok(word) => Some(word),
            Err(error) => {
                self.error(at, "O007", T::Err::to_string(&error), None);
                None
            }
        }
    }
    /// A date such as `2026-11-24`.
    pub(crate) fn date(&mut self, at: &Spanned<String>) -> Option<Date> {
        let date = at.value.parse().ok();
        if date.is_none() {
            let text = format!("`{}` is not a date such as 2026-11-24", at.value);
            self.error(at, "O008", text, None);
        }
        date
    }
    /// An id or name.
    pub(crate) fn name<T: std::str::FromStr>(&mut self, at: &Spanned<String>) -> Option<T> {
        let name = at.value.parse().ok();
        if name.is_none() {
            let text = format!("`{}` is not a name", at.value);
            self.error(at, "O002", text, Some("letters, digits and - _ . : / @"));
        }
        name
    }
}
