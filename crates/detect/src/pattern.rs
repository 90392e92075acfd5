//! Sigma strings: wildcards and escapes (Sigma 2.1, "String Wildcard", "Escape Character").

use std::fmt;

/// One part of a Sigma string.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    /// Plain text.
    Text(Box<str>),
    /// `?`: exactly one character.
    One,
    /// `*`: any number of characters.
    Many,
}

/// A Sigma string: text with wildcards. Two neighbouring texts or `*` never occur.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Pattern(Vec<Part>);

impl Pattern {
    /// Reads wildcards and escapes: `\*`, `\?` and `\\` stand for the second character, any
    /// other backslash for itself.
    pub(crate) fn parse(text: &str) -> Self {
        let mut pattern = Self::default();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '*' => pattern.push(Part::Many),
                '?' => pattern.push(Part::One),
                '\\' => match chars.next_if(|next| matches!(next, '*' | '?' | '\\')) {
                    Some(next) => pattern.push_char(next),
                    None => pattern.push_char('\\'),
                },
                other => pattern.push_char(other),
            }
        }
        pattern
    }
    /// Text without wildcards.
    pub(crate) fn literal(text: &str) -> Self {
        let mut pattern = Self::default();
        pattern.push_text(text);
        pattern
    }
    pub(crate) fn parts(&self) -> &[Part] {
        &self.0
    }
    /// The text, if there is no wildcard.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }
    pub(crate) fn push(&mut self, part: Part) {
        match part {
            Part::Text(text) => self.push_text(&text),
            Part::One => self.0.push(Part::One),
            Part::Many => {
                if self.0.last() != Some(&Part::Many) {
                    self.0.push(Part::Many);
                }
            }
        }
    }
    pub(crate) fn push_text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if let Some(Part::Text(last)) = self.0.last_mut() {
            let mut joined = String::from(std::mem::take(last));
            joined.push_str(text);
            *last = joined.into();
        } else {
            self.0.push(Part::Text(text.into()));
        }
    }
    fn push_char(&mut self, c: char) {
        let mut buffer = [0; 4];
        self.push_text(c.encode_utf8(&mut buffer));
    }
    /// All parts of `other` after these.
    pub(crate) fn extend(&mut self, other: &Self) {
        for part in &other.0 {
            self.push(part.clone());
        }
    }
    /// The same with every text mapped.
    pub(crate) fn map_text(&self, map: impl Fn(&str) -> String) -> Self {
        let mut out = Self::default();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_text(&map(text)),
                Part::One => out.push(Part::One),
                Part::Many => out.push(Part::Many),
            }
        }
        out
    }
    /// The longest text that every match contains.
    pub(crate) fn longest_text(&self) -> Option<&str> {
        self.0
            .iter()
            .filter_map(|part| match part {
                Part::Text(text) => Some(text.as_ref()),
                Part::One | Part::Many => None,
            })
            .max_by_key(|text: &&str| text.len())
    }

    /// Whether the whole of `text` matches. Linear in the text for each `*`.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let mut segments = self.0.split(|part| *part == Part::Many);
        let first = segments.next().unwrap_or_default();
        let Some(mut rest) = strip_front(first, text) else {
            return false;
        };
        let Some(mut segment) = segments.next() else {
            return rest.is_empty();
        };
        for next in segments {
            match find(segment, rest) {
                Some(after) => rest = after,
                None => return false,
            }
            segment = next;
        }
        strip_back(segment, rest).is_some()
    }
}

/// What follows `segment` at the very start of `text`.
fn strip_front<'a>(segment: &[Part], text: &'a str) -> Option<&'a str> {
    segment.iter().try_fold(text, |rest, part| match part {
        Part::Text(literal) => rest.strip_prefix(literal.as_ref()),
        Part::One => {
            let mut chars = rest.chars();
            chars.next().map(|_| chars.as_str())
        }
        Part::Many => Some(rest),
    })
}

/// What precedes `segment` at the very end of `text`.
fn strip_back<'a>(segment: &[Part], text: &'a str) -> Option<&'a str> {
    segment
        .iter()
        .rev()
        .try_fold(text, |rest, part| match part {
            Part::Text(literal) => rest.strip_suffix(literal.as_ref()),
            Part::One => {
                let mut chars = rest.chars();
                chars.next_back().map(|_| chars.as_str())
            }
            Part::Many => Some(rest),
        })
}

/// What follows the first place where `segment` matches.
fn find<'a>(segment: &[Part], text: &'a str) -> Option<&'a str> {
    let mut rest = text;
    loop {
        if let Some(Part::Text(literal)) = segment.first() {
            // Jump to the next place that can match at all.
            let at = rest.find(literal.as_ref())?;
            rest = rest.get(at..)?;
        }
        if let Some(after) = strip_front(segment, rest) {
            return Some(after);
        }
        let mut chars = rest.chars();
        chars.next()?;
        rest = chars.as_str();
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            match part {
                Part::Text(text) => f.write_str(text)?,
                Part::One => f.write_str("?")?,
                Part::Many => f.write_str("*")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_follow_the_specification() {
        let text = |t: &str| Part::Text(t.into());
        for (input, want) in [
            (r"C:\Windows\cmd.exe", vec![text(r"C:\Windows\cmd.exe")]),
            (r"a\*b", vec![text("a*b")]),
            (r"a\\*b", vec![text(r"a\"), Part::Many, text("b")]),
            (r"a\\\*b", vec![text(r"a\*b")]),
            (r"\\\\srv", vec![text(r"\\srv")]),
            (r"\\\srv", vec![text(r"\\srv")]),
            (r"a?**", vec![text("a"), Part::One, Part::Many]),
            (r"end\", vec![text(r"end\")]),
        ] {
            assert_eq!(Pattern::parse(input).0, want, "{input}");
        }
    }

    #[test]
    fn wildcards_match_whole_values() {
        for (pattern, text, want) in [
            ("a*c", "abbbc", true),
            ("a*c", "abbbcd", false),
            ("a?c", "abc", true),
            ("a?c", "aäc", true),
            ("a?c", "ac", false),
            ("*a?c*e", "xxabcxxe", true),
            ("*ab*ab", "ab", false),
            ("*", "", true),
            ("?*", "", false),
            ("", "", true),
            ("a*b", "a\nb", true),
        ] {
            assert_eq!(
                Pattern::parse(pattern).matches(text),
                want,
                "{pattern} on {text}"
            );
        }
    }

    proptest! {
        #[test]
        fn agrees_with_a_regex(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
            let source = format!("(?s)^{}$", pattern.replace('*', ".*").replace('?', "."));
            let want = regex::Regex::new(&source).unwrap().is_match(&text);
            prop_assert_eq!(Pattern::parse(&pattern).matches(&text), want);
        }
    }
}
