//! YAML with positions: parser events to a bounded tree.
//!
//! Nesting, size and alias expansion are bounded, so a hostile file costs a diagnostic, not memory.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span as YamlSpan};

use crate::diagnostics::{Report, code};

/// Deepest nesting of maps and lists.
const MAX_DEPTH: usize = 48;
/// Most nodes of one file, aliases expanded.
const MAX_NODES: usize = 200_000;
/// Largest file, bytes.
pub(crate) const MAX_BYTES: usize = 4 << 20;

/// Where a node stands: line and column count from 1, length in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) length: u32,
}

impl Span {
    /// The part `length` characters long, `offset` characters in; only sound on one line.
    pub(crate) fn part(self, offset: usize, length: usize) -> Self {
        Self {
            line: self.line,
            column: self.column.saturating_add(offset as u32),
            length: (length as u32).max(1),
        }
    }
}

/// A value in the file.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

/// Text and how it was written: only plain text can be a number, a boolean or null.
#[derive(Debug, Clone)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    pub(crate) style: Style,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    /// Quoted on one line: the text starts one character in.
    Quoted,
    /// Block or folded over lines: positions inside are unknown.
    Block,
}

/// A scalar read with the YAML 1.2 core schema.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Typed {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

impl Scalar {
    pub(crate) fn typed(&self) -> Typed {
        if self.style != Style::Plain {
            return Typed::Text(self.text.clone());
        }
        match self.text.as_str() {
            "" | "~" | "null" | "Null" | "NULL" => return Typed::Null,
            "true" | "True" | "TRUE" => return Typed::Bool(true),
            "false" | "False" | "FALSE" => return Typed::Bool(false),
            _ => {}
        }
        let text = self.text.as_str();
        if let Ok(int) = text.parse::<i64>() {
            return Typed::Int(int);
        }
        if let Some(int) = text
            .strip_prefix("0x")
            .and_then(|hex| i64::from_str_radix(hex, 16).ok())
            .or_else(|| {
                text.strip_prefix("0o")
                    .and_then(|oct| i64::from_str_radix(oct, 8).ok())
            })
        {
            return Typed::Int(int);
        }
        let numeric = text
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'))
            && text.bytes().any(|b| b.is_ascii_digit());
        match text.parse::<f64>() {
            Ok(float) if numeric => Typed::Float(float),
            _ => Typed::Text(self.text.clone()),
        }
    }
}

impl Node {
    pub(crate) fn scalar(&self) -> Option<&Scalar> {
        match &self.kind {
            Kind::Scalar(scalar) => Some(scalar),
            Kind::List(_) | Kind::Map(_) => None,
        }
    }
    pub(crate) fn text(&self) -> Option<&str> {
        self.scalar().map(|s| s.text.as_str())
    }
    pub(crate) fn map(&self) -> Option<&[(Node, Node)]> {
        match &self.kind {
            Kind::Map(entries) => Some(entries),
            Kind::Scalar(_) | Kind::List(_) => None,
        }
    }
    /// The value of `key` in a map.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, value)| value)
    }
    /// Key and value of `key` in a map.
    pub(crate) fn entry(&self, key: &str) -> Option<(&Node, &Node)> {
        self.map()?
            .iter()
            .find(|(k, _)| k.text() == Some(key))
            .map(|(k, v)| (k, v))
    }
    /// What it is, for messages.
    pub(crate) fn kind_word(&self) -> &'static str {
        match &self.kind {
            Kind::Scalar(s) => match s.typed() {
                Typed::Null => "nothing",
                Typed::Bool(_) => "a boolean",
                Typed::Int(_) | Typed::Float(_) => "a number",
                Typed::Text(_) => "text",
            },
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }
    /// The span of characters inside a scalar on one line; the whole scalar where that is unknown.
    pub(crate) fn part(&self, offset: usize, length: usize) -> Span {
        match &self.kind {
            Kind::Scalar(s) => match s.style {
                Style::Plain => self.span.part(offset, length),
                Style::Quoted => self.span.part(offset + 1, length),
                Style::Block => self.span,
            },
            Kind::List(_) | Kind::Map(_) => self.span,
        }
    }
    /// The same as JSON, for samples and custom keys.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        use serde_json::Value;
        match &self.kind {
            Kind::Scalar(s) => match s.typed() {
                Typed::Null => Value::Null,
                Typed::Bool(b) => Value::Bool(b),
                Typed::Int(i) => Value::from(i),
                Typed::Float(x) => Value::from(x),
                Typed::Text(t) => Value::String(t),
            },
            Kind::List(items) => Value::Array(items.iter().map(Node::to_json).collect()),
            Kind::Map(entries) => Value::Object(
                entries
                    .iter()
                    .map(|(k, v)| (k.text().unwrap_or_default().to_owned(), v.to_json()))
                    .collect(),
            ),
        }
    }
}

/// One document of a file: its root and its lines, first and last, counted from 1.
pub(crate) struct YamlDocument {
    pub(crate) root: Node,
    pub(crate) first_line: u32,
    pub(crate) last_line: u32,
}

enum Open {
    List(Vec<Node>, Span, usize),
    Map(Vec<(Node, Node)>, Option<Node>, Span, usize),
}

/// Reads all documents of `text`; stops at the first thing that is not YAML, keeping what came before.
pub(crate) fn read(text: &str, report: &mut Report) -> Vec<YamlDocument> {
    let mut documents = Vec::new();
    if text.len() > MAX_BYTES {
        report.error(
            code::TOO_LARGE,
            Span::default(),
            format!(
                "the file has {} bytes, at most {MAX_BYTES} are read",
                text.len()
            ),
            "split it into several files",
        );
        return documents;
    }
    let mut stack: Vec<Open> = Vec::new();
    let mut anchors: HashMap<usize, (Node, usize)> = HashMap::new();
    let mut nodes = 0usize;
    let mut first_line = 1;
    let mut root: Option<Node> = None;
    let lines: Vec<&str> = text.split('\n').collect();
    for event in Parser::new_from_str(text) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(e) => {
                let mark = e.marker();
                let at = Span {
                    line: mark.line() as u32,
                    column: mark.col() as u32 + 1,
                    length: 1,
                };
                report.error(code::YAML, at, format!("not valid YAML: {}", e.info()), "");
                break;
            }
        };
        let at = place(span);
        let (node, weight, anchor) = match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd => continue,
            Event::DocumentStart(_) => {
                first_line = at.line;
                anchors.clear();
                nodes = 0;
                continue;
            }
            Event::DocumentEnd => {
                if let Some(root) = root.take() {
                    documents.push(YamlDocument {
                        root,
                        first_line,
                        last_line: at.line,
                    });
                }
                continue;
            }
            Event::Alias(id) => match anchors.get(&id) {
                Some((node, weight)) if nodes + weight <= MAX_NODES => (node.clone(), *weight, 0),
                Some(_) => {
                    report.error(
                        code::TOO_LARGE,
                        at,
                        format!("this alias makes the document larger than {MAX_NODES} nodes"),
                        "write the values out, or split the file",
                    );
                    break;
                }
                // An alias inside its own anchor: YAML allows the graph, a rule cannot use it.
                None => {
                    report.error(code::YAML, at, "this alias refers to itself", "");
                    break;
                }
            },
            Event::Scalar(text, style, anchor, _) => {
                let style = match style {
                    ScalarStyle::Plain if span.start.line() == span.end.line() => Style::Plain,
                    ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
                        if span.start.line() == span.end.line() {
                            Style::Quoted
                        } else {
                            Style::Block
                        }
                    }
                    ScalarStyle::Plain | ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
                };
                // A plain scalar over several lines is always text, and so is one of no characters that has a style.
                let kind = Kind::Scalar(Scalar {
                    text: text.into_owned(),
                    style,
                });
                let at = match style {
                    Style::Quoted => within_quotes(at, &lines),
                    Style::Plain | Style::Block => at,
                };
                (Node { span: at, kind }, 1, anchor)
            }
            Event::SequenceStart(anchor, _) => {
                stack.push(Open::List(Vec::new(), at, anchor));
                if stack.len() > MAX_DEPTH {
                    too_deep(report, at);
                    break;
                }
                continue;
            }
            Event::MappingStart(anchor, _) => {
                stack.push(Open::Map(Vec::new(), None, at, anchor));
                if stack.len() > MAX_DEPTH {
                    too_deep(report, at);
                    break;
                }
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match stack.pop() {
                Some(Open::List(items, span, anchor)) => (
                    Node {
                        span,
                        kind: Kind::List(items),
                    },
                    1,
                    anchor,
                ),
                Some(Open::Map(entries, _, span, anchor)) => (
                    Node {
                        span,
                        kind: Kind::Map(entries),
                    },
                    1,
                    anchor,
                ),
                None => break,
            },
        };
        nodes += weight;
        if nodes > MAX_NODES {
            report.error(
                code::TOO_LARGE,
                at,
                format!("the document has more than {MAX_NODES} nodes"),
                "split the file",
            );
            break;
        }
        if anchor != 0 {
            let weight = weigh(&node);
            anchors.insert(anchor, (node.clone(), weight));
        }
        match stack.last_mut() {
            None => root = Some(node),
            Some(Open::List(items, ..)) => items.push(node),
            Some(Open::Map(entries, key, ..)) => match key.take() {
                None => *key = Some(node),
                Some(key) => {
                    if key.text().is_some() && entries.iter().any(|(k, _)| k.text() == key.text()) {
                        report.error(
                            code::DUPLICATE_KEY,
                            key.span,
                            format!("the key `{}` appears twice", key.text().unwrap_or_default()),
                            "merge the two, or rename one",
                        );
                    }
                    entries.push((key, node));
                }
            },
        }
    }
    documents
}

fn too_deep(report: &mut Report, at: Span) {
    report.error(
        code::TOO_LARGE,
        at,
        format!("nested deeper than {MAX_DEPTH} levels"),
        "flatten the structure",
    );
}

fn weigh(node: &Node) -> usize {
    match &node.kind {
        Kind::Scalar(_) => 1,
        Kind::List(items) => 1 + items.iter().map(weigh).sum::<usize>(),
        Kind::Map(entries) => {
            1 + entries
                .iter()
                .map(|(k, v)| weigh(k) + weigh(v))
                .sum::<usize>()
        }
    }
}

/// The parser counts what follows a quoted text on its line; the text ends at its quote.
fn within_quotes(at: Span, lines: &[&str]) -> Span {
    let line = lines.get(at.line.saturating_sub(1) as usize);
    let mut chars = line
        .into_iter()
        .flat_map(|line| line.chars())
        .skip(at.column.saturating_sub(1) as usize);
    let Some(quote @ ('\'' | '"')) = chars.next() else {
        return at;
    };
    let mut length = 1;
    let mut chars = chars.peekable();
    while let Some(c) = chars.next() {
        length += 1;
        let escapes = if quote == '"' {
            c == '\\' && chars.next().is_some()
        } else {
            c == '\'' && chars.next_if_eq(&'\'').is_some()
        };
        if escapes {
            length += 1;
        } else if c == quote {
            return Span { length, ..at };
        }
    }
    at
}

fn place(span: YamlSpan) -> Span {
    let one_line = span.start.line() == span.end.line();
    Span {
        line: (span.start.line() as u32).max(1),
        column: span.start.col() as u32 + 1,
        length: if one_line {
            (span.end.index().saturating_sub(span.start.index()) as u32).max(1)
        } else {
            1
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want_code: &str) {
        let mut report = Report::new("t.yml");
        let _documents = read(text, &mut report);
        let codes: Vec<_> = report
            .diagnostics()
            .iter()
            .map(|d| d.code.as_str())
            .collect();
        assert_eq!(
            codes,
            if want_code.is_empty() {
                vec![]
            } else {
                vec![want_code]
            },
            "{text:.80}"
        );
    }

    #[test]
    fn bombs_cost_a_diagnostic() {
        check(&"[".repeat(200), "R003");
        let deep = (0..100).fold(String::new(), |out, i| out + &" ".repeat(i) + "a:\n");
        check(&deep, "R003");
        let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for i in 1..9 {
            let of = [format!("*a{}", i - 1).as_str(); 10].join(", ");
            laughs = format!("{laughs}a{i}: &a{i} [{of}]\n");
        }
        check(&laughs, "R003");
        check("a: 1\na: 2", "R004");
        check("a: &x [*x]", "R001");
        check("a: 'unclosed", "R001");
        check("---\na: 1\n---\nb: 2\n", "");
    }

    #[test]
    fn a_quoted_text_ends_at_its_quote() {
        let mut report = Report::new("t.yml");
        let text = "a: 'it''s'  # why\nb: \"x\\\"y\" # so\n'c': d\n";
        let documents = read(text, &mut report);
        let length = |key| documents[0].root.get(key).unwrap().span.length;
        assert_eq!((length("a"), length("b")), (7, 6));
        assert_eq!(documents[0].root.entry("c").unwrap().0.span.length, 3);
    }

    #[test]
    fn scalars_have_places_and_types() {
        let mut report = Report::new("t.yml");
        let documents = read(
            "a: 'x'\nb:\n  - 0x1F\n  - 1.5\n  - yes\n  - '12'\n  -\n",
            &mut report,
        );
        let root = &documents[0].root;
        assert_eq!(
            root.get("a").unwrap().span,
            Span {
                line: 1,
                column: 4,
                length: 3
            }
        );
        assert_eq!(
            root.get("a").unwrap().part(0, 1),
            Span {
                line: 1,
                column: 5,
                length: 1
            }
        );
        let Kind::List(items) = &root.get("b").unwrap().kind else {
            panic!()
        };
        let typed: Vec<_> = items.iter().map(|n| n.scalar().unwrap().typed()).collect();
        let text = |t: &str| Typed::Text(t.to_owned());
        assert_eq!(
            typed,
            [
                Typed::Int(31),
                Typed::Float(1.5),
                text("yes"),
                text("12"),
                Typed::Null
            ]
        );
    }
}
