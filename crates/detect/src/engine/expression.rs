//! A regular expression of a rule, compiled when it is first asked.
//!
//! Most text is ASCII. For such a value an expression without Unicode classes says the same, and its
//! automaton is many times smaller: `.{0,60}` counts characters of one byte instead of four.

use std::sync::OnceLock;

use regex::Regex;

use crate::modifier::{compile_ascii_regex, compile_regex};

/// One expression.
#[derive(Debug)]
pub(crate) struct Expression {
    source: Box<str>,
    whole: OnceLock<Option<Regex>>,
    ascii: OnceLock<Option<regex::bytes::Regex>>,
}

impl Expression {
    /// `source` was compiled once when the rule was read, so that it can be.
    pub(crate) fn new(source: &str) -> Self {
        Self {
            source: source.into(),
            whole: OnceLock::new(),
            ascii: OnceLock::new(),
        }
    }

    pub(crate) fn is_match(&self, text: &str) -> bool {
        if text.is_ascii()
            && let Some(ascii) = self.ascii.get_or_init(|| {
                is_plain(&self.source)
                    .then(|| compile_ascii_regex(&self.source).ok())
                    .flatten()
            })
        {
            return ascii.is_match(text.as_bytes());
        }
        self.whole
            .get_or_init(|| compile_regex(&self.source).ok())
            .as_ref()
            .is_some_and(|whole| whole.is_match(text))
    }
}

/// Whether the expression means the same on ASCII text without Unicode: it names no character beyond
/// ASCII, whose case may fold to one of ASCII (`ſ` to `s`, the Kelvin sign to `k`), no class by
/// property, and switches nothing on or off.
fn is_plain(source: &str) -> bool {
    source.is_ascii()
        && !source.contains("(?u")
        && !source.contains("(?-u")
        && source.as_bytes().windows(2).all(|w| {
            w.first() != Some(&b'\\') || !matches!(w.get(1), Some(b'p' | b'P' | b'x' | b'u' | b'U'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_plain() {
        for (source, plain) in [
            (r"\bwfc-[0-9a-f]{16}\b", true),
            (r"(?i)(?:act|behave)\b.{0,60}", true),
            (r"\pL\x{200B}", false),
            ("ſ", false),
            (r"(?-u)a", false),
        ] {
            assert_eq!(is_plain(source), plain, "{source}");
        }
    }

    proptest! {
        /// The small automaton and the whole one agree on every text.
        #[test]
        fn both_automata_agree(
            at in 0usize..PIECES.len(), more in 0usize..PIECES.len(), folded in any::<bool>(),
            text in "[a-zA-Z0-9 .\\-_\n\t\u{b}\u{1f}ſKé]{0,24}",
        ) {
            let source = format!("{}{}{}", if folded { "(?i)" } else { "" }, PIECES[at], PIECES[more]);
            let expression = Expression::new(&source);
            prop_assert_eq!(
                expression.is_match(&text),
                Regex::new(&source).unwrap().is_match(&text),
                "{} on {:?}", source, text
            );
        }
    }

    const PIECES: &[&str] = &[
        r"\bs\b",
        r"[^k]",
        r".{1,5}",
        r"\s+",
        r"\S\w",
        r"\W",
        r"(?:sk|ks)",
        r"\d{2}",
        "^a",
        "b$",
        r"[[:alpha:]]",
        r"\D",
        r"(?s:.)",
        r"[a-k&&[^c]]",
        r"\B",
        "",
    ];
}
