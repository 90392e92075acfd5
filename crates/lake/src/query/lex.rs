//! Filter text to tokens, on demand: what a character means depends on what is expected.

use super::FilterError;

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Open,
    Close,
    /// `:`, `=`, `<`, `>`, `!` and their runs.
    Operator,
    /// Without quotes: pieces between unescaped `*`.
    Word(Vec<String>),
    /// In quotes, escapes resolved.
    Quoted(String),
    /// A quote that never closes.
    Unclosed,
    End,
}

impl Kind {
    /// The text of a word without `*`.
    pub(super) fn plain(&self) -> Option<&str> {
        match self {
            Self::Word(pieces) => match pieces.as_slice() {
                [one] => Some(one),
                [] | [_, _, ..] => None,
            },
            Self::Open
            | Self::Close
            | Self::Operator
            | Self::Quoted(_)
            | Self::Unclosed
            | Self::End => None,
        }
    }

    /// Whether this is the bare word `word`.
    pub(super) fn is_word(&self, word: &str) -> bool {
        self.plain()
            .is_some_and(|text| text.eq_ignore_ascii_case(word))
    }
}

/// Where in an expression the next token stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Where {
    /// A field name may come: `:` and comparisons end a word.
    Name,
    /// A value comes: only space, quotes and parentheses end a word, so that times, addresses and
    /// URLs need no quotes.
    Value,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next token, which is consumed.
    pub(super) fn next(&mut self, place: Where) -> Token {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
        let start = self.at;
        let kind = match self.rest().chars().next() {
            None => Kind::End,
            Some('(') => self.single(Kind::Open),
            Some(')') => self.single(Kind::Close),
            Some('"') => self.quoted(),
            Some(c) if is_operator(c) && place == Where::Name => {
                self.at += self
                    .rest()
                    .chars()
                    .take_while(|c| is_operator(*c))
                    .map(char::len_utf8)
                    .sum::<usize>();
                Kind::Operator
            }
            Some(_) => self.word(place),
        };
        Token {
            kind,
            start,
            end: self.at,
        }
    }

    /// The next token, which stays.
    pub(super) fn peek(&self, place: Where) -> Token {
        let mut ahead = *self;
        ahead.next(place)
    }

    /// What the token looks like in the text.
    pub(super) fn show(&self, token: &Token) -> &'a str {
        self.text.get(token.start..token.end).unwrap_or_default()
    }

    fn single(&mut self, kind: Kind) -> Kind {
        self.at += 1;
        kind
    }

    fn quoted(&mut self) -> Kind {
        self.at += 1;
        let mut text = String::new();
        let mut chars = self.rest().chars();
        while let Some(c) = chars.next() {
            self.at += c.len_utf8();
            match c {
                '"' => return Kind::Quoted(text),
                '\\' => match chars.next() {
                    Some(escaped) => {
                        self.at += escaped.len_utf8();
                        if !matches!(escaped, '"' | '\\') {
                            text.push('\\');
                        }
                        text.push(escaped);
                    }
                    None => break,
                },
                c => text.push(c),
            }
        }
        Kind::Unclosed
    }

    fn word(&mut self, place: Where) -> Kind {
        let mut pieces = vec![String::new()];
        let mut chars = self.rest().chars().peekable();
        let push = |pieces: &mut Vec<String>, c| {
            if let Some(last) = pieces.last_mut() {
                last.push(c);
            }
        };
        while let Some(c) = chars.next() {
            let ends = c.is_whitespace()
                || matches!(c, '(' | ')' | '"')
                || (place == Where::Name && is_operator(c));
            if ends {
                break;
            }
            self.at += c.len_utf8();
            match c {
                '*' => pieces.push(String::new()),
                '\\' => match chars.next() {
                    Some(escaped) => {
                        self.at += escaped.len_utf8();
                        push(&mut pieces, escaped);
                    }
                    None => push(&mut pieces, '\\'),
                },
                c => push(&mut pieces, c),
            }
        }
        Kind::Word(pieces)
    }

    /// The error that `token` stands where `expected` should.
    pub(super) fn unexpected(
        &self,
        token: &Token,
        expected: &str,
        help: Option<String>,
    ) -> FilterError {
        let shown = self.show(token);
        let short: String = shown.chars().take(40).collect();
        let (expected, found) = match token.kind {
            Kind::End => (expected, "the end".to_owned()),
            Kind::Unclosed => ("a closing `\"`", "the end".to_owned()),
            Kind::Open | Kind::Close | Kind::Operator | Kind::Word(_) | Kind::Quoted(_) => {
                (expected, format!("`{short}`"))
            }
        };
        FilterError {
            offset: token.start,
            column: self
                .text
                .get(..token.start)
                .unwrap_or_default()
                .chars()
                .count()
                + 1,
            length: shown.chars().count(),
            expected: expected.to_owned(),
            found,
            help,
        }
    }
}

fn is_operator(c: char) -> bool {
    matches!(c, ':' | '<' | '>' | '=' | '!')
}
