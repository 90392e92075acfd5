//! What is wrong with a rule file: stable codes, places, ways out.

mod codes;

pub(crate) use codes::code;
pub use codes::{Code, codes};

use watchfloor_types::{Diagnostic, Level, Place};

use crate::yaml::Span;

/// Collects the diagnostics of one file.
pub(crate) struct Report {
    file: String,
    found: Vec<Diagnostic>,
    errors: usize,
}

/// Most diagnostics kept of one file; a broken file need not say everything.
const MAX_PER_FILE: usize = 200;

impl Report {
    pub(crate) fn new(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            found: Vec::new(),
            errors: 0,
        }
    }
    pub(crate) fn error(
        &mut self,
        code: &str,
        at: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.errors += 1;
        self.push(Diagnostic::error(code, message), at, help.into());
    }
    pub(crate) fn warning(
        &mut self,
        code: &str,
        at: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(Diagnostic::warning(code, message), at, help.into());
    }
    pub(crate) fn note(
        &mut self,
        code: &str,
        at: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let mut diagnostic = Diagnostic::warning(code, message);
        diagnostic.level = Level::Note;
        self.push(diagnostic, at, help.into());
    }
    /// How many errors so far: a caller compares before and after.
    pub(crate) fn errors(&self) -> usize {
        self.errors
    }
    /// How many of all levels are kept.
    pub(crate) fn len(&self) -> usize {
        self.found.len()
    }
    #[cfg(test)]
    pub(crate) fn diagnostics(&self) -> &[Diagnostic] {
        &self.found
    }
    pub(crate) fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.found
    }
    /// The place of `at` in this file.
    pub(crate) fn place(&self, at: Span) -> Place {
        Place {
            file: self.file.clone(),
            line: at.line.max(1),
            column: at.column.max(1),
            length: at.length.max(1),
        }
    }
    fn push(&mut self, mut diagnostic: Diagnostic, at: Span, help: String) {
        if self.found.len() >= MAX_PER_FILE {
            return;
        }
        diagnostic.place = Some(self.place(at));
        diagnostic.help = (!help.is_empty()).then_some(help);
        self.found.push(diagnostic);
    }
}

/// "did you mean `x`?" for the nearest of `known`, or nothing where none is near.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map_or_else(String::new, |near| format!("did you mean `{near}`?"))
}

/// The nearest of `known` within a third of the word's length, rounded up.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > 64 {
        return None;
    }
    known
        .into_iter()
        .map(|candidate| {
            (
                distance(&word.to_lowercase(), &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(far, candidate)| *far <= candidate.len().max(word.len()).div_ceil(3))
        .min_by_key(|(far, _)| *far)
        .map(|(_, candidate)| candidate)
}

/// Edits to get from `a` to `b` (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut previous = i;
        let mut left = i + 1;
        for (slot, cb) in row.iter_mut().skip(1).zip(&b) {
            let cost = previous + usize::from(ca != *cb);
            previous = *slot;
            left = cost.min(previous + 1).min(left + 1);
            *slot = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_offered() {
        assert_eq!(
            did_you_mean("contain", ["contains", "cidr"]),
            "did you mean `contains`?"
        );
        assert_eq!(did_you_mean("xyzzy", ["contains", "cidr"]), "");
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "ab"), 2);
    }
}
