//! How a scalar on one line is written.

use saphyr_parser::ScalarStyle;

/// What a scalar is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// Metadata: without quotes where they do nothing.
    About,
    /// A value to compare with: in single quotes rather than double ones.
    Value,
    /// Anything else stays as it is.
    Other,
}

/// The scalar `raw` as it should be written.
pub(super) fn written(raw: &str, style: ScalarStyle, what: Use) -> String {
    let text = match style {
        ScalarStyle::DoubleQuoted => inside(raw, '"').and_then(unescaped),
        ScalarStyle::SingleQuoted => inside(raw, '\'').map(|t| t.replace("''", "'")),
        ScalarStyle::Plain | ScalarStyle::Literal | ScalarStyle::Folded => None,
    };
    match (text, what) {
        (Some(text), Use::About) if is_plain(&text) => text,
        (Some(text), Use::About | Use::Value)
            if style == ScalarStyle::DoubleQuoted && !text.contains('\'') =>
        {
            format!("'{text}'")
        }
        _ => raw.to_owned(),
    }
}

fn inside(raw: &str, quote: char) -> Option<&str> {
    if raw.contains('\n') {
        return None;
    }
    raw.strip_prefix(quote)?.strip_suffix(quote)
}

/// The text of a double-quoted scalar whose only escapes are `\\` and `\"`.
fn unescaped(inner: &str) -> Option<String> {
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c == '\\' {
            out.push(chars.next().filter(|n| matches!(n, '\\' | '"'))?);
        } else if c.is_control() {
            return None;
        } else {
            out.push(c);
        }
    }
    Some(out)
}

/// Words that some YAML reader takes for something else than text.
const WORDS: &[&str] = &["true", "false", "null", "yes", "no", "on", "off", "y", "n"];

/// Whether text needs no quotes in any YAML version, in a block or in brackets.
pub(crate) fn is_plain(text: &str) -> bool {
    text.chars().next().is_some_and(char::is_alphabetic)
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text
            .chars()
            .any(|c| c.is_control() || matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}' | '\u{85}'))
        && !WORDS.contains(&text.to_ascii_lowercase().as_str())
}

/// A YAML scalar for text: plain where that is safe, else in single quotes, else in double ones.
pub(crate) fn quoted(text: &str) -> String {
    if is_plain(text) && !text.contains([',', '[', ']', '{', '}', '\\', '*', '?']) {
        return text.to_owned();
    }
    if !text
        .chars()
        .any(|c| c.is_control() || matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}'))
    {
        return format!("'{}'", text.replace('\'', "''"));
    }
    // JSON text is a double-quoted YAML scalar, but for what JSON leaves as it is.
    let json = serde_json::Value::from(text).to_string();
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_control() || matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}') {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_go_where_they_do_nothing_and_stay_where_they_do() {
        use ScalarStyle::{DoubleQuoted as D, SingleQuoted as S};
        for (raw, style, what, want) in [
            ("'high'", S, Use::About, "high"),
            ("\"high\"", D, Use::About, "high"),
            ("'2024-01-01'", S, Use::About, "'2024-01-01'"),
            ("'yes'", S, Use::About, "'yes'"),
            ("'a: b'", S, Use::About, "'a: b'"),
            ("'x'", S, Use::Value, "'x'"),
            (r#""\\cmd.exe""#, D, Use::Value, r"'\cmd.exe'"),
            (r#""a\tb""#, D, Use::Value, r#""a\tb""#),
            (r#""it's""#, D, Use::Value, r#""it's""#),
            (r#""x""#, D, Use::Other, r#""x""#),
        ] {
            assert_eq!(written(raw, style, what), want, "{raw}");
        }
        assert_eq!(quoted("a\u{1}b\u{85}"), r#""a\u0001b\u0085""#);
        assert_eq!(quoted("it's: so"), "'it''s: so'");
    }
}
