//! Reading the native record: a scanner over JSON bytes that stops only at fields some rule
//! reads. Nothing is built; strings that nobody reads are skipped, never unescaped.
//!
//! A name in a rule is the flat key first (`"userIdentity.arn"`), and the dotted path through
//! objects and arrays as well; every value found counts, and a rule holds if any does. A
//! record that is not a JSON object has no fields, and its whole text is one value for
//! keyword rules.

use hashbrown::HashMap;

/// Deeper objects are skipped, not read.
const MAX_DEPTH: usize = 64;

/// The fields that are read, as a tree of keys.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    nodes: Vec<Node>,
}

/// The keys of one object that lead somewhere.
#[derive(Debug, Default)]
struct Node {
    steps: HashMap<Box<str>, Step>,
    /// A bit for each key's length and ends: most keys of a record are not among them, and need
    /// no hash to find out.
    likely: [u64; 4],
}

impl Node {
    fn step_mut(&mut self, key: &str) -> &mut Step {
        let bit = Self::bit(key);
        if let Some(word) = self.likely.get_mut(bit >> 6) {
            *word |= 1 << (bit & 63);
        }
        self.steps.entry(key.into()).or_default()
    }
    #[inline]
    fn step(&self, key: &str) -> Step {
        let bit = Self::bit(key);
        if self
            .likely
            .get(bit >> 6)
            .is_none_or(|word| word >> (bit & 63) & 1 == 0)
        {
            return Step::default();
        }
        self.steps.get(key).copied().unwrap_or_default()
    }
    #[inline]
    fn bit(key: &str) -> usize {
        let bytes = key.as_bytes();
        let byte = |at: usize| usize::from(bytes.get(at).copied().unwrap_or(0));
        let mixed = byte(0)
            .wrapping_mul(7)
            .wrapping_add(byte(bytes.len().wrapping_sub(1)).wrapping_mul(13))
            .wrapping_add(byte(bytes.len() / 2).wrapping_mul(5))
            .wrapping_add(bytes.len().wrapping_mul(29));
        mixed & 255
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Step {
    field: Option<u32>,
    below: Option<u32>,
}

impl Paths {
    pub(crate) fn add(&mut self, name: &str, field: u32) {
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        if let Some(root) = self.nodes.first_mut() {
            root.step_mut(name).field = Some(field);
        }
        if !name.contains('.') {
            return;
        }
        let mut node = 0u32;
        let mut keys = name.split('.').peekable();
        while let Some(key) = keys.next() {
            let fresh = self.nodes.len() as u32;
            let Some(keys_here) = self.nodes.get_mut(node as usize) else {
                return;
            };
            let step = keys_here.step_mut(key);
            if keys.peek().is_none() {
                step.field = Some(field);
                return;
            }
            node = *step.below.get_or_insert(fresh);
            if node == fresh {
                self.nodes.push(Node::default());
            }
        }
    }

    fn step(&self, node: u32, key: &str) -> Step {
        self.nodes
            .get(node as usize)
            .map(|keys| keys.step(key))
            .unwrap_or_default()
    }
}

/// A value as it stands in the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Raw<'a> {
    /// The characters between the quotes, without escapes.
    Plain(&'a str),
    /// The same with escapes in it.
    Escaped(&'a str),
    /// A number, or true, or false, as written.
    Word(&'a str),
    Null,
    /// An object or array: there, but without a text of its own. The record from there on.
    Container(&'a str),
}

/// Scans `record`, handing every value of a field of `paths` to `found`, and every text and
/// number at all to field `anywhere`, if there is one.
pub(crate) fn scan<'a>(
    record: &'a str,
    paths: &Paths,
    anywhere: Option<u32>,
    found: &mut impl FnMut(u32, Raw<'a>),
) {
    let mut scanner = Scanner {
        text: record,
        bytes: record.as_bytes(),
        at: 0,
        paths,
        anywhere,
        key: String::new(),
    };
    scanner.space();
    if scanner.peek() == b'{' {
        let _complete = scanner.object(Some(0), 0, found);
    } else if let Some(anywhere) = anywhere {
        found(anywhere, Raw::Plain(record));
    }
}

struct Scanner<'a, 'p> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    paths: &'p Paths,
    anywhere: Option<u32>,
    key: String,
}

/// `None` where the text stops being JSON: what came before counts.
type Progress = Option<()>;

impl<'a> Scanner<'a, '_> {
    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }
    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    /// The string at `at`, which is its opening quote; and whether it has escapes.
    fn string(&mut self) -> Option<Raw<'a>> {
        let inside = self.quoted()?;
        Some(if memchr::memchr(b'\\', inside.as_bytes()).is_some() {
            Raw::Escaped(inside)
        } else {
            Raw::Plain(inside)
        })
    }

    /// What stands between the quotes of the string at `at`, as written.
    #[inline]
    fn quoted(&mut self) -> Option<&'a str> {
        let start = self.at + 1;
        let mut from = start;
        loop {
            let end = from + quote(self.bytes.get(from..)?)?;
            // A quote ends the string where an even number of backslashes stands before it. Text
            // of many lines is full of escapes and has few quotes, so quotes are looked for.
            let before = self.bytes.get(start..end)?;
            let escapes = before.iter().rev().take_while(|b| **b == b'\\').count();
            if escapes % 2 == 0 {
                self.at = end + 1;
                return self.text.get(start..end);
            }
            from = end + 1;
        }
    }

    fn object(
        &mut self,
        node: Option<u32>,
        depth: usize,
        found: &mut impl FnMut(u32, Raw<'a>),
    ) -> Progress {
        self.at += 1;
        loop {
            self.space();
            match self.peek() {
                b'}' => {
                    self.at += 1;
                    return Some(());
                }
                b',' => {
                    self.at += 1;
                    continue;
                }
                b'"' => {}
                _ => return None,
            }
            let key = self.quoted()?;
            let step = match node {
                Some(node) if !key.as_bytes().contains(&b'\\') => self.paths.step(node, key),
                Some(node) => {
                    let mut plain = std::mem::take(&mut self.key);
                    plain.clear();
                    unescape_into(key, &mut plain);
                    let step = self.paths.step(node, &plain);
                    self.key = plain;
                    step
                }
                None => Step::default(),
            };
            self.space();
            if self.peek() != b':' {
                return None;
            }
            self.at += 1;
            self.value(step, depth, found)?;
        }
    }

    fn value(
        &mut self,
        step: Step,
        depth: usize,
        found: &mut impl FnMut(u32, Raw<'a>),
    ) -> Progress {
        self.space();
        match self.peek() {
            b'"' if step.field.is_none() && self.anywhere.is_none() => {
                self.quoted()?;
                Some(())
            }
            b'"' => {
                let raw = self.string()?;
                for field in step.field.into_iter().chain(self.anywhere) {
                    found(field, raw);
                }
                Some(())
            }
            open @ (b'{' | b'[') => {
                let wanted =
                    step.field.is_some() || step.below.is_some() || self.anywhere.is_some();
                if !wanted || depth >= MAX_DEPTH {
                    return self.skip();
                }
                if let Some(field) = step.field {
                    found(field, Raw::Container(self.text.get(self.at..)?));
                }
                if open == b'{' {
                    self.object(step.below, depth + 1, found)
                } else {
                    self.array(step, depth + 1, found)
                }
            }
            _ => {
                let start = self.at;
                while !matches!(
                    self.peek(),
                    0 | b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r'
                ) {
                    self.at += 1;
                }
                let word = self.text.get(start..self.at)?;
                if word.is_empty() {
                    return None;
                }
                let raw = if word == "null" {
                    Raw::Null
                } else {
                    Raw::Word(word)
                };
                if let Some(field) = step.field {
                    found(field, raw);
                }
                if let (Some(anywhere), Raw::Word(_)) = (self.anywhere, raw) {
                    found(anywhere, raw);
                }
                Some(())
            }
        }
    }

    /// Each element counts as a value of the array's own name.
    fn array(
        &mut self,
        step: Step,
        depth: usize,
        found: &mut impl FnMut(u32, Raw<'a>),
    ) -> Progress {
        self.at += 1;
        loop {
            self.space();
            match self.peek() {
                b']' => {
                    self.at += 1;
                    return Some(());
                }
                b',' => self.at += 1,
                _ => self.value(step, depth, found)?,
            }
        }
    }

    /// Past an object or array, by brackets alone.
    fn skip(&mut self) -> Progress {
        let mut open = 0usize;
        loop {
            match self.peek() {
                b'"' => {
                    self.quoted()?;
                    continue;
                }
                b'{' | b'[' => open += 1,
                b'}' | b']' => {
                    open -= 1;
                    if open == 0 {
                        self.at += 1;
                        return Some(());
                    }
                }
                0 if self.at >= self.bytes.len() => return None,
                _ => {}
            }
            self.at += 1;
        }
    }
}

/// Where the first quote is.
#[inline]
fn quote(bytes: &[u8]) -> Option<usize> {
    // Keys and most values are short: eight bytes at a time find their end sooner than a call.
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let mut at = 0;
    let (chunks, _) = bytes.as_chunks::<8>();
    for chunk in chunks.iter().take(3) {
        let differs = u64::from_le_bytes(*chunk) ^ (ONES * u64::from(b'"'));
        // The lowest zero byte is the only one this finds without fail, and the only one needed.
        let zero = differs.wrapping_sub(ONES) & !differs & HIGH;
        if zero != 0 {
            return Some(at + zero.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    memchr::memchr(b'"', bytes.get(at..)?).map(|more| at + more)
}

/// `text` with JSON escapes resolved, appended to `into`. What is not an escape is kept;
/// a lone surrogate becomes U+FFFD.
pub(crate) fn unescape_into(text: &str, into: &mut String) {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes())
        && let (Some(before), Some(after)) = (rest.get(..at), rest.get(at + 1..))
    {
        into.push_str(before);
        let mut chars = after.chars();
        match chars.next() {
            Some('n') => into.push('\n'),
            Some('t') => into.push('\t'),
            Some('r') => into.push('\r'),
            Some('b') => into.push('\u{8}'),
            Some('f') => into.push('\u{c}'),
            Some('u') => {
                rest = unicode(chars.as_str(), into);
                continue;
            }
            Some(other) => into.push(other),
            None => {}
        }
        rest = chars.as_str();
    }
    into.push_str(rest);
}

/// After `\u`: pushes the character and gives what follows.
fn unicode<'a>(text: &'a str, into: &mut String) -> &'a str {
    let unit = |text: &str| {
        text.get(..4)
            .and_then(|hex| u16::from_str_radix(hex, 16).ok())
    };
    let Some(first) = unit(text) else {
        into.push_str("\\u");
        return text;
    };
    let rest = text.get(4..).unwrap_or_default();
    if let Some(c) = char::from_u32(u32::from(first)) {
        into.push(c);
        return rest;
    }
    if let Some(second) = rest.strip_prefix("\\u").and_then(unit)
        && let Some(Ok(c)) = char::decode_utf16([first, second]).next()
    {
        into.push(c);
        return rest.get(6..).unwrap_or_default();
    }
    into.push(char::REPLACEMENT_CHARACTER);
    rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(record: &str, names: &[&str], want: &[(&str, &str)]) {
        let mut paths = Paths::default();
        for (i, name) in names.iter().enumerate() {
            paths.add(name, i as u32);
        }
        let mut got = Vec::new();
        scan(record, &paths, None, &mut |field, raw| {
            let text = match raw {
                Raw::Plain(t) | Raw::Word(t) => t.to_owned(),
                Raw::Escaped(t) => {
                    let mut out = String::new();
                    unescape_into(t, &mut out);
                    out
                }
                Raw::Null => "<null>".to_owned(),
                Raw::Container(_) => "<container>".to_owned(),
            };
            got.push((names[field as usize], text));
        });
        let got: Vec<_> = got.iter().map(|(n, t)| (*n, t.as_str())).collect();
        assert_eq!(got, want, "{record}");
    }

    #[test]
    fn flat_keys_paths_and_arrays() {
        check(
            r#"{"a":1,"b":{"c":"x"},"b.d":true}"#,
            &["a", "b.c", "b.d"],
            &[("a", "1"), ("b.c", "x"), ("b.d", "true")],
        );
        check(
            r#"{"u":[{"n":"x"},{"n":["y",2,null]}],"skip":{"a":[1,{"b":"}"}]},"z":null}"#,
            &["u.n", "z"],
            &[
                ("u.n", "x"),
                ("u.n", "<container>"),
                ("u.n", "y"),
                ("u.n", "2"),
                ("u.n", "<null>"),
                ("z", "<null>"),
            ],
        );
        check(
            r#"{"p":"C:\\a\"b\u00e4\ud83d\ude00\ud800"}"#,
            &["p"],
            &[("p", "C:\\a\"bä😀\u{fffd}")],
        );
        check(
            "{\"a\u{e4}\": \"x\", \"\\u0061\" : \"y\"",
            &["a"],
            &[("a", "y")],
        );
        check(
            r#"{"a":{}, "a.b":"x"}"#,
            &["a", "a.b"],
            &[("a", "<container>"), ("a.b", "x")],
        );
        for broken in [
            "",
            "[1]",
            "{",
            "{\"a",
            "{\"a\":",
            "{\"a\":\"\\",
            "{\"a\":[",
            "{\"a\" 1}",
            "{]",
        ] {
            let mut paths = Paths::default();
            paths.add("zz", 0);
            scan(broken, &paths, Some(1), &mut |_, _| {});
        }
    }

    fn leaves(prefix: &str, value: &serde_json::Value, want: &str, out: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(map) => {
                for (key, value) in map {
                    let name = if prefix.is_empty() {
                        key.clone()
                    } else {
                        format!("{prefix}.{key}")
                    };
                    leaves(&name, value, want, out);
                }
            }
            serde_json::Value::Array(items) => {
                for item in items {
                    leaves(prefix, item, want, out);
                }
            }
            serde_json::Value::String(s) if prefix == want => out.push(s.clone()),
            serde_json::Value::Number(n) if prefix == want => out.push(n.to_string()),
            _ => {}
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            any::<i32>().prop_map(|i| serde_json::json!(i)),
            "\\PC{0,6}".prop_map(|s| serde_json::json!(s)),
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(|b| serde_json::json!(b)),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::Array),
                proptest::collection::vec(("[ab]", inner), 0..4)
                    .prop_map(|pairs| serde_json::Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn agrees_with_a_tree(value in json()) {
            let root = serde_json::json!({ "a": value });
            let text = root.to_string();
            for name in ["a", "a.a", "a.b", "a.b.a"] {
                let mut want = Vec::new();
                leaves("", &root, name, &mut want);
                let mut paths = Paths::default();
                paths.add(name, 0);
                let mut got = Vec::new();
                scan(&text, &paths, None, &mut |_, raw| match raw {
                    Raw::Plain(t) => got.push(t.to_owned()),
                    Raw::Escaped(t) => {
                        let mut out = String::new();
                        unescape_into(t, &mut out);
                        got.push(out);
                    }
                    Raw::Word(w) if w != "true" && w != "false" => got.push(w.to_owned()),
                    Raw::Word(_) | Raw::Null | Raw::Container(_) => {}
                });
                prop_assert_eq!(got, want, "{} in {}", name, &text);
            }
        }

        #[test]
        fn never_panics(text in "\\PC{0,60}") {
            let mut paths = Paths::default();
            paths.add("a", 0);
            scan(&text, &paths, Some(1), &mut |_, _| {});
            scan(&format!("{{\"a\":{text}"), &paths, Some(1), &mut |_, _| {});
        }
    }
}
