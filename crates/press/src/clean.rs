//! Untrusted text made safe to show: what the eye cannot see is spelled out.

use std::{borrow::Cow, fmt::Write as _};

/// Text for one line: every character that is invisible, reorders its neighbours or controls
/// a device stands as `[U+202E]`; a line feed or tab becomes a space.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    replace(text, |c| match c {
        '\n' | '\t' => Some(Shown::Space),
        _ => unseen(c),
    })
}

/// The text of a heading or title: like [`line`], and never empty, because what has no words
/// cannot be found by those who hear the page (WCAG 2.2, 2.4.6; PDF/UA-1, 7.4.2).
pub(crate) fn heading(text: &str) -> Cow<'_, str> {
    let text = line(text);
    if text.trim().is_empty() {
        "(untitled)".into()
    } else {
        text
    }
}

/// Text of several lines: like [`line`], but line feeds stay and tabs become four spaces.
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    let text: Cow<'_, str> = if text.contains('\r') {
        text.replace("\r\n", "\n").into()
    } else {
        text.into()
    };
    match replace(&text, |c| match c {
        '\n' => None,
        '\t' => Some(Shown::Tab),
        _ => unseen(c),
    }) {
        Cow::Borrowed(_) => text,
        Cow::Owned(shown) => shown.into(),
    }
}

/// How a character is shown instead of itself.
pub(crate) enum Shown {
    Space,
    Tab,
    Code,
}

/// Replaces each character for which `how` says so.
pub(crate) fn replace(text: &str, how: impl Fn(char) -> Option<Shown>) -> Cow<'_, str> {
    if !text.chars().any(|c| how(c).is_some()) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 32);
    for c in text.chars() {
        match how(c) {
            None => out.push(c),
            Some(Shown::Space) => out.push(' '),
            Some(Shown::Tab) => out.push_str("    "),
            Some(Shown::Code) => code(&mut out, c),
        }
    }
    out.into()
}

/// Spells a character as `[U+202E]`.
fn code(out: &mut String, c: char) {
    // Writing to a string cannot fail.
    write!(out, "[U+{:04X}]", u32::from(c)).unwrap_or_default();
}

/// Controls, bidirectional controls, zero-width and tag characters, variation selectors that
/// can carry hidden bytes, separators that break lines, fillers and noncharacters
/// (Unicode 17, chapters 5.20, 23.2-23.9; Trojan Source, CVE-2021-42574).
fn unseen(c: char) -> Option<Shown> {
    let hidden = c.is_control()
        || matches!(u32::from(c),
            0x00AD | 0x034F | 0x061C | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F
            | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFEFF | 0xFFA0
            | 0xFFF0..=0xFFFB | 0xFE00..=0xFE0D | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A
            | 0xE0000..=0xE0FFF | 0xFDD0..=0xFDEF)
        || u32::from(c) & 0xFFFE == 0xFFFE;
    hidden.then_some(Shown::Code)
}

/// A name for an anchor: ASCII letters, digits and hyphens, never empty.
pub(crate) fn anchor(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().take(80) {
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    let name = out.trim_end_matches('-');
    if name.is_empty() {
        "part".to_owned()
    } else {
        name.to_owned()
    }
}

/// The address as it may stand in a link; none where its scheme could do more than open a
/// page or a letter, or where it holds anything but visible ASCII.
pub(crate) fn link(url: &str) -> Option<&str> {
    let url = url.trim();
    let (scheme, rest) = url.split_once(':')?;
    let known = ["http", "https", "mailto"]
        .iter()
        .any(|s| scheme.eq_ignore_ascii_case(s));
    let plain = url.len() <= 2048
        && url
            .bytes()
            .all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'<' | b'>' | b'\\' | b'`'));
    (known && plain && !rest.is_empty()).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_unseen_passes() {
        for (text, shown) in [
            ("plain äöü 漢字 🙂", "plain äöü 漢字 🙂"),
            ("a\u{202e}b", "a[U+202E]b"),
            ("a\u{1b}[2Jb\0", "a[U+001B][2Jb[U+0000]"),
            ("hi\u{e0041}\u{e0042}", "hi[U+E0041][U+E0042]"),
            ("a\u{200b}b\u{feff}", "a[U+200B]b[U+FEFF]"),
            ("two\nlines\tx", "two lines x"),
            ("\u{85}\u{2028}", "[U+0085][U+2028]"),
        ] {
            assert_eq!(line(text), shown, "{text:?}");
        }
        assert_eq!(lines("a\r\nb\tc\r"), "a\nb    c[U+000D]");
    }

    #[test]
    fn only_harmless_schemes_become_links() {
        for (url, ok) in [
            ("https://example.org/a?b=c&d=%20", true),
            ("mailto:soc@example.org", true),
            ("JavaScript:alert(1)", false),
            ("data:text/html,x", false),
            ("https://example.org/\"onload=", false),
            ("https://ex\u{202e}ample.org", false),
            ("//example.org", false),
            ("file:///etc/passwd", false),
        ] {
            assert_eq!(link(url).is_some(), ok, "{url:?}");
        }
    }
}
