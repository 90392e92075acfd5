//! Tokens of a STIX pattern (STIX 2.1, section 9.4).

use super::PatternError;

/// One token with the byte offset it starts at.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) at: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// An identifier or keyword; keywords are recognised by the parser, case as written.
    Word(String),
    /// `'…'`, unescaped.
    Str(String),
    /// `t'…'`, `h'…'`, `b'…'`: the letter and what stands between the quotes.
    Tagged(char, String),
    /// A number as written.
    Number(String),
    /// `=`, `!=`, `<`, `<=`, `>`, `>=`; `==` and `<>` come as `=` and `!=`.
    Op(&'static str),
    /// One of `[ ] ( ) : . , *`.
    Mark(char),
}

/// Splits `text` into tokens.
pub(super) fn lex(text: &str) -> Result<Vec<Token>, PatternError> {
    let mut out = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, c)| *c);
        let kind = match c {
            c if c.is_whitespace() => continue,
            '/' if next == Some('/') => {
                for (_, c) in chars.by_ref() {
                    if c == '\n' || c == '\r' {
                        break;
                    }
                }
                continue;
            }
            '/' if next == Some('*') => {
                chars.next();
                let mut before = ' ';
                loop {
                    match chars.next() {
                        Some((_, '/')) if before == '*' => break,
                        Some((_, c)) => before = c,
                        None => return Err(PatternError::new(at, "comment has no end")),
                    }
                }
                continue;
            }
            '[' | ']' | '(' | ')' | ':' | '.' | ',' | '*' => Kind::Mark(c),
            '=' => {
                if next == Some('=') {
                    chars.next();
                }
                Kind::Op("=")
            }
            '!' if next == Some('=') => {
                chars.next();
                Kind::Op("!=")
            }
            '<' => match next {
                Some('=') => {
                    chars.next();
                    Kind::Op("<=")
                }
                Some('>') => {
                    chars.next();
                    Kind::Op("!=")
                }
                _ => Kind::Op("<"),
            },
            '>' => {
                if next == Some('=') {
                    chars.next();
                    Kind::Op(">=")
                } else {
                    Kind::Op(">")
                }
            }
            '\'' => Kind::Str(string(at, &mut chars)?),
            't' | 'h' | 'b' if next == Some('\'') => {
                chars.next();
                Kind::Tagged(c, string(at, &mut chars)?)
            }
            c if c.is_ascii_alphabetic() || c == '_' => {
                let mut word = String::from(c);
                while let Some((_, c)) =
                    chars.next_if(|(_, c)| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
                {
                    word.push(c);
                }
                Kind::Word(word)
            }
            c if c.is_ascii_digit() || c == '-' || c == '+' => {
                let mut number = String::from(c);
                while let Some((_, c)) = chars.next_if(|(_, c)| c.is_ascii_digit() || *c == '.') {
                    number.push(c);
                }
                if number.parse::<f64>().is_err() {
                    return Err(PatternError::new(at, format!("`{number}` is not a number")));
                }
                Kind::Number(number)
            }
            c => {
                return Err(PatternError::new(
                    at,
                    format!("`{}` cannot stand here", c.escape_debug()),
                ));
            }
        };
        out.push(Token { kind, at });
    }
    Ok(out)
}

/// The rest of a string literal: only `\'` and `\\` are escapes.
fn string(
    start: usize,
    chars: &mut std::iter::Peekable<std::str::CharIndices<'_>>,
) -> Result<String, PatternError> {
    let mut out = String::new();
    while let Some((at, c)) = chars.next() {
        match c {
            '\'' => return Ok(out),
            '\\' => match chars.next() {
                Some((_, c @ ('\'' | '\\'))) => out.push(c),
                _ => {
                    return Err(PatternError::new(
                        at,
                        r"a backslash in a string must be followed by `\` or `'`",
                    ));
                }
            },
            c => out.push(c),
        }
    }
    Err(PatternError::new(start, "string has no end"))
}
