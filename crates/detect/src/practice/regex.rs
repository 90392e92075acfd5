//! Regular expressions: what they could be instead.

use regex_syntax::hir::{Class, Hir, HirKind, Look};

use crate::op::How;

/// Where an expression that is only text would be a text comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plain {
    pub(super) how: How,
    pub(super) text: String,
}

fn parse(source: &str) -> Option<Hir> {
    regex_syntax::ParserBuilder::new()
        .nest_limit(100)
        .build()
        .parse(source)
        .ok()
}

/// The text comparison that the expression is, if it is one.
pub(super) fn plain(source: &str) -> Option<Plain> {
    let hir = parse(source)?;
    let parts: Vec<&Hir> = match hir.kind() {
        HirKind::Concat(parts) => parts.iter().collect(),
        _ => vec![&hir],
    };
    let mut parts = parts.as_slice();
    let mut starts = false;
    let mut ends = false;
    if let [first, rest @ ..] = parts
        && matches!(first.kind(), HirKind::Look(Look::Start))
    {
        starts = true;
        parts = rest;
    } else {
        while let [first, rest @ ..] = parts
            && is_anything(first)
        {
            parts = rest;
        }
    }
    if let [rest @ .., last] = parts
        && matches!(last.kind(), HirKind::Look(Look::End))
    {
        ends = true;
        parts = rest;
    } else {
        while let [rest @ .., last] = parts
            && is_anything(last)
        {
            parts = rest;
        }
    }
    let [only] = parts else { return None };
    let HirKind::Literal(literal) = only.kind() else {
        return None;
    };
    let text = std::str::from_utf8(&literal.0).ok()?.to_owned();
    if text.chars().any(char::is_control) {
        return None;
    }
    let how = match (starts, ends) {
        (true, true) => How::Equals,
        (true, false) => How::StartsWith,
        (false, true) => How::EndsWith,
        (false, false) => How::Contains,
    };
    Some(Plain { how, text })
}

/// `.*`: any characters but perhaps newlines, perhaps none.
fn is_anything(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Repetition(r) => {
            r.min == 0
                && r.max.is_none()
                && matches!(r.sub.kind(), HirKind::Class(c) if is_broad(c))
        }
        HirKind::Capture(c) => is_anything(&c.sub),
        _ => false,
    }
}

/// The class of `.`.
fn is_broad(class: &Class) -> bool {
    match class {
        Class::Unicode(class) => {
            class.ranges().len() <= 2 && class.contains('a') && class.contains('\u{10ffff}')
        }
        Class::Bytes(class) => class.ranges().len() <= 2,
    }
}

trait Contains {
    fn contains(&self, c: char) -> bool;
}

impl Contains for regex_syntax::hir::ClassUnicode {
    fn contains(&self, c: char) -> bool {
        self.ranges()
            .iter()
            .any(|r| (r.start()..=r.end()).contains(&c))
    }
}

/// Whether a `.*` at an end does nothing, because expressions are searched anywhere.
pub(super) fn has_idle_ends(source: &str) -> bool {
    let Some(hir) = parse(source) else {
        return false;
    };
    match hir.kind() {
        HirKind::Concat(parts) => {
            parts.first().is_some_and(is_anything) || parts.last().is_some_and(is_anything)
        }
        _ => false,
    }
}

/// Whether it matches whatever the field holds.
pub(super) fn matches_anything(source: &str) -> bool {
    let Ok(regex) = crate::modifier::compile_regex(source) else {
        return false;
    };
    ["", "q", "\u{1}7 \u{e4}/Z", "\n"]
        .iter()
        .all(|text| regex.is_match(text))
}

/// A repetition of a repetition, such as `(a+)+`: engines that go back take exponential time.
pub(super) fn is_catastrophic(source: &str) -> bool {
    parse(source).is_some_and(|hir| nested(&hir))
}

fn nested(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Repetition(r) => (r.max.is_none() && loops(&r.sub)) || nested(&r.sub),
        HirKind::Capture(c) => nested(&c.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().any(nested),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => false,
    }
}

/// Whether all of it can be one unbounded repetition.
fn loops(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Repetition(r) => r.max.is_none(),
        HirKind::Capture(c) => loops(&c.sub),
        HirKind::Alternation(parts) => parts.iter().any(loops),
        HirKind::Concat(parts) => {
            let must = |p: &&Hir| p.properties().minimum_len().is_none_or(|n| n > 0);
            let needed: Vec<&Hir> = parts.iter().filter(must).collect();
            match needed.as_slice() {
                [] => parts.iter().any(loops),
                [one] => loops(one),
                _ => false,
            }
        }
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => false,
    }
}

/// Bytes of the longest text that every match contains.
pub(super) fn required(source: &str) -> usize {
    parse(source).map_or(0, |hir| need(&hir))
}

fn need(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Literal(l) => l.0.len(),
        HirKind::Capture(c) => need(&c.sub),
        HirKind::Repetition(r) if r.min > 0 => need(&r.sub),
        HirKind::Concat(parts) => {
            // Without case a text is a row of classes of few characters.
            let mut best = 0;
            let mut row = 0;
            for part in parts {
                match part.kind() {
                    HirKind::Class(class) if class_size(class) <= 4 => row += 1,
                    HirKind::Literal(l) => row += l.0.len(),
                    _ => {
                        best = best.max(row).max(need(part));
                        row = 0;
                    }
                }
            }
            best.max(row)
        }
        HirKind::Alternation(parts) => parts.iter().map(need).min().unwrap_or(0),
        HirKind::Empty | HirKind::Class(_) | HirKind::Look(_) | HirKind::Repetition(_) => 0,
    }
}

fn class_size(class: &Class) -> usize {
    match class {
        Class::Unicode(c) => c
            .ranges()
            .iter()
            .map(|r| (u32::from(r.end()) - u32::from(r.start())) as usize + 1)
            .sum(),
        Class::Bytes(c) => c
            .ranges()
            .iter()
            .map(|r| usize::from(r.end() - r.start()) + 1)
            .sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_that_are_text() {
        for (source, want) in [
            (r"foo\.bar", Some((How::Contains, "foo.bar"))),
            (r"^foo", Some((How::StartsWith, "foo"))),
            (r"foo$", Some((How::EndsWith, "foo"))),
            (r"^foo$", Some((How::Equals, "foo"))),
            (r".*foo.*", Some((How::Contains, "foo"))),
            (r"(?s).*foo", Some((How::Contains, "foo"))),
            (r"^.*foo", None),
            (r"fo+", None),
            (r"a|b", None),
            (r"(?i)foo", None),
        ] {
            let got = plain(source).map(|p| (p.how, p.text));
            assert_eq!(got, want.map(|(h, t)| (h, t.to_owned())), "{source}");
        }
    }

    #[test]
    fn shapes_to_avoid() {
        assert!(
            is_catastrophic(r"(a+)+b")
                && is_catastrophic(r"(\w*\s*)*")
                && is_catastrophic("(x|y+)*")
        );
        assert!(!is_catastrophic(r"(?:[a-z0-9-]+\.)*x") && !is_catastrophic(r"(ab)+c+"));
        assert!(matches_anything(".*") && matches_anything("(a|b)*") && !matches_anything("^$"));
        assert!(has_idle_ends(r".*\d") && !has_idle_ends(r"\d.+"));
        assert_eq!(
            (required("(?i)abcd"), required("abc|d"), required("a+bcd")),
            (4, 1, 3)
        );
    }
}
