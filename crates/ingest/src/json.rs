//! JSON (RFC 8259) over borrowed text: a strict scanner that gives byte ranges, and a tree
//! that copies only strings with escapes. Lone surrogates become U+FFFD, because real logs have
//! them; everything else outside the grammar is refused with its byte offset.

use std::{borrow::Cow, fmt::Write as _, ops::Range};

/// A value. Numbers keep their text, objects their order and repeated keys.
#[derive(Debug, Clone, PartialEq)]
pub enum Json<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// The digits as written.
    Number(Cow<'a, str>),
    /// Unescaped text.
    Text(Cow<'a, str>),
    /// `[…]`.
    Array(Vec<Json<'a>>),
    /// `{…}`.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// Text that is not JSON, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at byte {offset}")]
pub struct JsonError {
    /// Offset in bytes from the start of the text.
    pub offset: usize,
    /// What is wrong.
    pub reason: &'static str,
}

/// Deepest nesting that is read.
pub const MAX_DEPTH: usize = 96;

/// Parses `bytes` as exactly one value with white space around it.
pub fn parse(bytes: &[u8]) -> Result<Json<'_>, JsonError> {
    let text = utf8(bytes)?;
    let mut scan = Scanner::new(text);
    scan.space();
    let value = scan.value(0)?;
    scan.space();
    if scan.at < text.len() {
        return Err(scan.error("more text after the value"));
    }
    Ok(value)
}

/// `bytes` as text, or the offset of the first byte that is not UTF-8.
pub fn utf8(bytes: &[u8]) -> Result<&str, JsonError> {
    std::str::from_utf8(bytes).map_err(|e| JsonError {
        offset: e.valid_up_to(),
        reason: "not UTF-8",
    })
}

/// `bytes` as text of the same length, each byte that is not UTF-8 replaced by `?`, so that
/// ranges found in the text hold for the bytes.
pub(crate) fn same_length(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|_| '?'));
    }
    Cow::Owned(out)
}

impl<'a> Json<'a> {
    /// The value of `key` in an object; the last where it is repeated.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Json<'a>> {
        match self {
            Json::Object(pairs) => pairs.iter().rev().find(|(k, _)| k == key).map(|(_, v)| v),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Array(_) => None,
        }
    }
    /// The same, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Json<'a>> {
        match self {
            Json::Object(pairs) => pairs
                .iter_mut()
                .rev()
                .find(|(k, _)| k == key)
                .map(|(_, v)| v),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Array(_) => None,
        }
    }
    /// The text of a string.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Json::Text(t) => Some(t),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => None,
        }
    }
    /// The items of an array, none for anything else.
    #[must_use]
    pub fn items(&self) -> &[Json<'a>] {
        match self {
            Json::Array(items) => items,
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Object(_) => &[],
        }
    }
    /// Whether it says nothing: null, empty text, empty array or object.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Json::Null => true,
            Json::Bool(_) | Json::Number(_) => false,
            Json::Text(t) => t.is_empty(),
            Json::Array(items) => items.is_empty(),
            Json::Object(pairs) => pairs.is_empty(),
        }
    }
    /// A copy that borrows nothing.
    #[must_use]
    pub fn into_owned(self) -> Json<'static> {
        match self {
            Json::Null => Json::Null,
            Json::Bool(b) => Json::Bool(b),
            Json::Number(n) => Json::Number(Cow::Owned(n.into_owned())),
            Json::Text(t) => Json::Text(Cow::Owned(t.into_owned())),
            Json::Array(items) => Json::Array(items.into_iter().map(Json::into_owned).collect()),
            Json::Object(pairs) => Json::Object(
                pairs
                    .into_iter()
                    .map(|(k, v)| (Cow::Owned(k.into_owned()), v.into_owned()))
                    .collect(),
            ),
        }
    }
    /// Compact JSON text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }
    /// Appends compact JSON text to `out`.
    pub fn write(&self, out: &mut String) {
        match self {
            Json::Null => out.push_str("null"),
            Json::Bool(true) => out.push_str("true"),
            Json::Bool(false) => out.push_str("false"),
            Json::Number(n) => out.push_str(n),
            Json::Text(t) => write_text(t, out),
            Json::Array(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Json::Object(pairs) => {
                out.push('{');
                for (i, (key, value)) in pairs.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    write_text(key, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

/// Appends `text` as a JSON string.
pub fn write_text(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c < ' ' || c == '"' || c == '\\') {
        let (plain, tail) = rest.split_at(at);
        out.push_str(plain);
        let mut chars = tail.chars();
        match chars.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some(c) => {
                write!(out, "\\u{:04x}", u32::from(c)).ok();
            }
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

/// Reads values one after the other from a text.
pub(crate) struct Scanner<'a> {
    pub(crate) text: &'a str,
    /// Byte offset of the next character.
    pub(crate) at: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn error(&self, reason: &'static str) -> JsonError {
        JsonError {
            offset: self.at.min(self.text.len()),
            reason,
        }
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(crate) fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8, reason: &'static str) -> Result<(), JsonError> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(self.error(reason))
        }
    }

    fn slice(&self, range: Range<usize>) -> &'a str {
        self.text.get(range).unwrap_or_default()
    }

    /// The next value as a tree.
    pub(crate) fn value(&mut self, depth: usize) -> Result<Json<'a>, JsonError> {
        match self.peek() {
            Some(b'{') => {
                let mut pairs = Vec::with_capacity(8);
                self.members(depth, |scan, key| {
                    pairs.push((key, scan.value(depth + 1)?));
                    Ok(())
                })?;
                Ok(Json::Object(pairs))
            }
            Some(b'[') => {
                let mut items = Vec::new();
                self.elements(depth, |scan| {
                    items.push(scan.value(depth + 1)?);
                    Ok(())
                })?;
                Ok(Json::Array(items))
            }
            Some(b'"') => Ok(Json::Text(self.string()?)),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            Some(b'-' | b'0'..=b'9') => Ok(Json::Number(Cow::Borrowed(self.number()?))),
            Some(_) => Err(self.error("not the start of a value")),
            None => Err(self.error("text ends where a value should start")),
        }
    }

    /// Passes over the next value and gives its bytes.
    pub(crate) fn skip(&mut self, depth: usize) -> Result<Range<usize>, JsonError> {
        let start = self.at;
        match self.peek() {
            Some(b'{') => self.members(depth, |scan, _| scan.skip(depth + 1).map(drop))?,
            Some(b'[') => self.elements(depth, |scan| scan.skip(depth + 1).map(drop))?,
            Some(b'"') => {
                self.raw_string()?;
            }
            Some(_) | None => drop(self.value(depth)?),
        }
        Ok(start..self.at)
    }

    fn word(&mut self, word: &str, value: Json<'static>) -> Result<Json<'a>, JsonError> {
        if self.slice(self.at..self.at + word.len()) == word {
            self.at += word.len();
            Ok(value)
        } else {
            Err(self.error("not the start of a value"))
        }
    }

    fn number(&mut self) -> Result<&'a str, JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            Some(_) | None => return Err(self.error("a number needs a digit here")),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Ok(self.slice(start..self.at))
    }

    fn digits(&mut self) {
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
    }

    fn some_digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        self.digits();
        if self.at == start {
            return Err(self.error("a number needs a digit here"));
        }
        Ok(())
    }

    /// The next string as written, without its quotes, and whether it has escapes.
    fn raw_string(&mut self) -> Result<(Range<usize>, Escapes), JsonError> {
        self.expect(b'"', "a string should start here")?;
        let start = self.at;
        let mut escapes = Escapes::None;
        loop {
            let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
            let Some(run) = memchr::memchr2(b'"', b'\\', rest) else {
                self.at = self.text.len();
                return Err(self.error("text ends inside a string"));
            };
            let plain = rest.get(..run).unwrap_or_default();
            if let Some(bad) = plain.iter().position(|b| *b < 0x20) {
                self.at += bad;
                return Err(self.error("control character inside a string"));
            }
            self.at += run;
            if self.peek() == Some(b'"') {
                let range = start..self.at;
                self.at += 1;
                return Ok((range, escapes));
            }
            escapes = Escapes::Some;
            let code = self.text.as_bytes().get(self.at + 1).copied();
            match code {
                Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
                Some(b'u') => {
                    let hex = self.text.as_bytes().get(self.at + 2..self.at + 6);
                    if !hex.is_some_and(|h| h.iter().all(u8::is_ascii_hexdigit)) {
                        return Err(self.error("an escape needs four hex digits"));
                    }
                    self.at += 6;
                }
                Some(_) | None => return Err(self.error("unknown escape in a string")),
            }
        }
    }

    /// The next string, unescaped.
    pub(crate) fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        let (range, escapes) = self.raw_string()?;
        let raw = self.slice(range);
        Ok(match escapes {
            Escapes::None => Cow::Borrowed(raw),
            Escapes::Some => Cow::Owned(unescape(raw)),
        })
    }

    /// Calls `each` at every value of an object, with its key; `each` must pass over the value.
    pub(crate) fn members(
        &mut self,
        depth: usize,
        mut each: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        self.open(b'{', depth)?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            let key = self.string()?;
            self.space();
            self.expect(b':', "a colon should follow the key")?;
            self.space();
            each(self, key)?;
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(_) | None => return Err(self.error("a comma or `}` should follow")),
            }
            self.space();
        }
    }

    /// Calls `each` at every item of an array; `each` must pass over the item.
    pub(crate) fn elements(
        &mut self,
        depth: usize,
        mut each: impl FnMut(&mut Self) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        self.open(b'[', depth)?;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            each(self)?;
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(_) | None => return Err(self.error("a comma or `]` should follow")),
            }
            self.space();
        }
    }

    fn open(&mut self, bracket: u8, depth: usize) -> Result<(), JsonError> {
        if depth >= MAX_DEPTH {
            return Err(self.error("nested too deep"));
        }
        self.expect(bracket, "not the start of an array or object")?;
        self.space();
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Escapes {
    None,
    Some,
}

/// Resolves the escapes of a string that `raw_string` has checked.
fn unescape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, tail)) = rest.split_once('\\') {
        out.push_str(plain);
        let mut chars = tail.chars();
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('u') => {
                let first = hex4(tail.get(1..5));
                rest = tail.get(5..).unwrap_or_default();
                let low = match first {
                    0xD800..=0xDBFF => rest.strip_prefix("\\u").map(|t| hex4(t.get(..4))),
                    _ => None,
                };
                match low {
                    Some(low @ 0xDC00..=0xDFFF) => {
                        let code = 0x1_0000 + ((first - 0xD800) << 10) + (low - 0xDC00);
                        out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                        rest = rest.get(6..).unwrap_or_default();
                    }
                    Some(_) | None => {
                        out.push(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
                    }
                }
                continue;
            }
            Some(c) => out.push(c),
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out
}

fn hex4(text: Option<&str>) -> u32 {
    text.and_then(|t| u32::from_str_radix(t, 16).ok())
        .unwrap_or(0xFFFD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn errors_name_the_byte() {
        for (text, offset) in [
            ("", 0),
            ("{", 1),
            ("{\"a\" 1}", 5),
            ("[1,]", 3),
            ("01", 1),
            ("\"\u{1}\"", 1),
            ("\"\\x\"", 1),
            ("1 2", 2),
            ("tru", 0),
            ("-", 1),
            ("\"\\u12g4\"", 1),
            ("{\"a\":1,}", 7),
        ] {
            assert_eq!(
                parse(text.as_bytes()).map_err(|e| e.offset),
                Err(offset),
                "{text}"
            );
        }
        assert_eq!(parse(b"\"a\xff\"").map_err(|e| e.offset), Err(2));
        assert!(parse("[".repeat(200_000).as_bytes()).is_err());
        assert_eq!(
            parse(br#""\ud83d\ude00 \ud83d \n""#),
            Ok(Json::Text("\u{1f600} \u{fffd} \n".into()))
        );
    }

    fn convert(json: &Json<'_>) -> serde_json::Value {
        serde_json::from_str(&json.to_text()).unwrap()
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json_on_text_near_json(text in r#"[\[\]{}:," \\a-eu0-9.\-+tfn]{0,40}"#) {
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            match (parse(text.as_bytes()), theirs) {
                (Ok(ours), Ok(theirs)) => prop_assert_eq!(convert(&ours), theirs),
                (Err(_), Err(_)) => {}
                // serde_json refuses numbers out of range and lone surrogates; we keep them.
                (Ok(_), Err(e)) => prop_assert!(e.to_string().contains("out of range") || text.contains("\\ud"), "{}", text),
                (Err(e), Ok(_)) => prop_assert!(false, "{} {}", text, e),
            }
            let mut scan = Scanner::new(&text);
            prop_assert_eq!(scan.skip(0).is_ok(), Scanner::new(&text).value(0).is_ok());
        }
        #[test]
        fn writes_what_it_reads(text in "\\PC*|[\u{0}-\u{20}\"\\\\]*") {
            let json = Json::Text(text.as_str().into());
            let written = json.to_text();
            prop_assert_eq!(parse(written.as_bytes()).unwrap(), json);
        }
    }
}
