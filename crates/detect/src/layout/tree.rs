//! A rule file as it is written: nodes with their bytes, and comments.

use saphyr_parser::{Event, Parser, ScalarStyle};

/// A node and the bytes it takes, without anchor and tag.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    /// Anchor and tag as written, or nothing.
    pub(super) props: String,
    /// Where anchor and tag begin, or the node itself.
    pub(super) from: usize,
    pub(super) start: usize,
    /// Of a block collection: the end of its last scalar.
    pub(super) end: usize,
    /// Column in characters, from 0.
    pub(super) column: usize,
    pub(super) kind: Shape,
}

#[derive(Debug, Clone)]
pub(super) enum Shape {
    Alias,
    Scalar(ScalarStyle),
    /// `[…]` or `{…}`: keys and values in a row.
    Flow(Brackets, Vec<Piece>),
    List(Vec<Piece>),
    Map(Vec<(Piece, Piece)>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Brackets {
    List,
    Map,
}

/// One document.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) root: Piece,
    /// Whether anything is named by `*alias`: then nothing may change places.
    pub(super) aliased: bool,
}

/// A comment from its `#` to the end of the line.
#[derive(Debug, Clone)]
pub(super) struct Comment {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) column: usize,
    pub(super) own_line: bool,
}

/// The text with the byte of each line's start.
pub(crate) struct Source<'a> {
    pub(crate) text: &'a str,
    lines: Vec<usize>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            text,
            lines: std::iter::once(0).chain(breaks).collect(),
        }
    }
    /// The byte at a line from 1 and a column from 0 in characters.
    pub(crate) fn byte(&self, line: usize, column: usize) -> usize {
        let start = self
            .lines
            .get(line.saturating_sub(1))
            .copied()
            .unwrap_or(self.text.len());
        let rest = self.text.get(start..).unwrap_or_default();
        rest.char_indices()
            .nth(column)
            .map_or(self.text.len(), |(at, _)| start + at)
    }
    /// The line of a byte, from 0.
    pub(super) fn line(&self, byte: usize) -> usize {
        self.lines
            .partition_point(|start| *start <= byte)
            .saturating_sub(1)
    }
    pub(super) fn line_text(&self, line: usize) -> &'a str {
        let Some(start) = self.lines.get(line) else {
            return "";
        };
        let rest = self.text.get(*start..).unwrap_or_default();
        rest.split('\n').next().unwrap_or_default()
    }
    pub(super) fn column(&self, byte: usize) -> usize {
        let start = self.lines.get(self.line(byte)).copied().unwrap_or_default();
        self.slice(start, byte).chars().count()
    }
    /// The dash of a list's item that begins at `from`.
    pub(super) fn dash(&self, from: usize) -> Option<usize> {
        let mut to = from;
        loop {
            let at = self.slice(0, to).rfind('-')?;
            let line = self.lines.get(self.line(at)).copied().unwrap_or_default();
            let margin = self
                .slice(line, at)
                .bytes()
                .all(|b| matches!(b, b' ' | b'-'));
            let follows = self.text.as_bytes().get(at + 1);
            if margin && follows.is_none_or(u8::is_ascii_whitespace) {
                return Some(at);
            }
            to = at;
        }
    }
    /// The header of a block text that begins at `start`.
    pub(super) fn header(&self, start: usize) -> Option<usize> {
        let mut line = self.line(start).checked_sub(1)?;
        while self.line_text(line).trim().is_empty() {
            line = line.checked_sub(1)?;
        }
        let begin = self.lines.get(line).copied()?;
        let text = self.line_text(line);
        let code = text
            .find(" #")
            .map_or(text, |at| text.get(..at).unwrap_or(text));
        code.rfind(['|', '>']).map(|at| begin + at)
    }
    pub(crate) fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }
}

enum Open {
    List(Piece, Vec<Piece>),
    Map(Piece, Vec<(Piece, Piece)>, Option<Piece>),
}

/// Reads all documents. `None` where the text is not YAML; depth and size were bounded before.
pub(super) fn read(source: &Source<'_>) -> Option<Vec<Written>> {
    let mut documents = Vec::new();
    let mut stack: Vec<Open> = Vec::new();
    let mut root = None;
    let mut aliased = false;
    for event in Parser::new_from_str(source.text) {
        let (event, span) = event.ok()?;
        let from = source.byte(span.start.line(), span.start.col());
        let to = source.byte(span.end.line(), span.end.col());
        let node = match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd => continue,
            Event::DocumentStart(_) => {
                aliased = false;
                continue;
            }
            Event::DocumentEnd => {
                if let Some(root) = root.take() {
                    documents.push(Written { root, aliased });
                }
                continue;
            }
            Event::Alias(_) => {
                aliased = true;
                let length = source
                    .slice(from, source.text.len())
                    .find(|c: char| c.is_whitespace() || matches!(c, ',' | ']' | '}'))
                    .unwrap_or(to.saturating_sub(from));
                Piece {
                    end: from + length,
                    ..piece(source, from, String::new(), from, Shape::Alias)
                }
            }
            Event::Scalar(_, style, anchor, tag) => {
                let named = anchor != 0 || tag.is_some();
                let (props, start) = if named {
                    props(source, from, to)
                } else {
                    (String::new(), from)
                };
                let end = scalar_end(source, start, to, style);
                let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                let from = if block && props.is_empty() {
                    source.header(start).unwrap_or(from)
                } else {
                    from
                };
                Piece {
                    end,
                    ..piece(source, from, props, start, Shape::Scalar(style))
                }
            }
            Event::SequenceStart(anchor, tag) => {
                // The place of a list at the column of its key is that of its first item.
                let named = anchor != 0 || tag.is_some();
                let (props, start) = if named {
                    props(source, from, source.text.len())
                } else {
                    (String::new(), from)
                };
                stack.push(Open::List(
                    piece(source, from, props, start, Shape::Alias),
                    Vec::new(),
                ));
                continue;
            }
            Event::MappingStart(anchor, tag) => {
                let named = anchor != 0 || tag.is_some();
                let (props, start) = if named {
                    props(source, from, source.text.len())
                } else {
                    (String::new(), from)
                };
                stack.push(Open::Map(
                    piece(source, from, props, start, Shape::Alias),
                    Vec::new(),
                    None,
                ));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let closed = if from < to {
                    Closed::ByBracket
                } else {
                    Closed::ByIndentation
                };
                close(source, stack.pop()?, to, closed)
            }
        };
        match stack.last_mut() {
            None => root = Some(node),
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map(_, entries, key)) => match key.take() {
                None => *key = Some(node),
                Some(key) => entries.push((key, node)),
            },
        }
    }
    Some(documents)
}

fn piece(source: &Source<'_>, from: usize, props: String, start: usize, kind: Shape) -> Piece {
    Piece {
        props,
        from,
        start,
        end: start,
        column: source.column(start),
        kind,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Closed {
    ByBracket,
    ByIndentation,
}

fn close(source: &Source<'_>, open: Open, to: usize, closed: Closed) -> Piece {
    match open {
        Open::List(head, items) => {
            if closed == Closed::ByBracket {
                return Piece {
                    end: to,
                    kind: Shape::Flow(Brackets::List, items),
                    ..head
                };
            }
            // A list at the column of its key has no token of its own: its items begin behind dashes.
            let column = items
                .first()
                .and_then(|first| source.dash(first.from))
                .map_or(head.column, |at| source.column(at));
            Piece {
                end: items.last().map_or(head.start, |i| i.end),
                column,
                kind: Shape::List(items),
                ..head
            }
        }
        Open::Map(head, entries, _) => {
            if closed == Closed::ByBracket {
                let parts = entries.into_iter().flat_map(|(k, v)| [k, v]).collect();
                return Piece {
                    end: to,
                    kind: Shape::Flow(Brackets::Map, parts),
                    ..head
                };
            }
            Piece {
                end: entries.last().map_or(head.start, |(k, v)| v.end.max(k.end)),
                column: entries.first().map_or(head.column, |(k, _)| k.column),
                kind: Shape::Map(entries),
                ..head
            }
        }
    }
}

/// Anchor and tag in front of a node, and where the node itself begins.
fn props(source: &Source<'_>, from: usize, to: usize) -> (String, usize) {
    let mut found: Vec<&str> = Vec::new();
    let mut at = from;
    loop {
        let rest = source.slice(at, to);
        let skipped = rest.len() - rest.trim_start().len();
        let word = rest.trim_start();
        if word.starts_with('#') && !found.is_empty() {
            at += skipped + word.find('\n').unwrap_or(word.len());
        } else if word.starts_with(['&', '!']) {
            let length = word.find(char::is_whitespace).unwrap_or(word.len());
            found.push(word.get(..length).unwrap_or_default());
            at += skipped + length;
        } else {
            let start = if found.is_empty() { from } else { at + skipped };
            return (found.join(" "), start.min(to));
        }
    }
}

/// Where a scalar ends; the parser may count what follows it on the line.
fn scalar_end(source: &Source<'_>, start: usize, to: usize, style: ScalarStyle) -> usize {
    let text = source.slice(start, to);
    match style {
        ScalarStyle::Plain | ScalarStyle::Literal | ScalarStyle::Folded => {
            start + text.trim_end().len()
        }
        ScalarStyle::SingleQuoted => {
            let bytes = text.as_bytes();
            let mut at = 1;
            while let Some(byte) = bytes.get(at) {
                if *byte == b'\'' {
                    if bytes.get(at + 1) != Some(&b'\'') {
                        break;
                    }
                    at += 1;
                }
                at += 1;
            }
            (start + at + 1).min(to)
        }
        ScalarStyle::DoubleQuoted => {
            let bytes = text.as_bytes();
            let mut at = 1;
            while let Some(byte) = bytes.get(at) {
                match byte {
                    b'"' => break,
                    b'\\' => at += 2,
                    _ => at += 1,
                }
            }
            (start + at + 1).min(to)
        }
    }
}

/// Every comment: a `#` outside of scalars that begins a line or follows a blank.
pub(super) fn comments(source: &Source<'_>, documents: &[Written]) -> Vec<Comment> {
    let mut scalars: Vec<(usize, usize)> = Vec::new();
    for document in documents {
        inked(&document.root, &mut scalars);
    }
    scalars.sort_unstable();
    let bytes = source.text.as_bytes();
    let mut out = Vec::new();
    let mut next = scalars.iter().peekable();
    let mut at = 0;
    while at < bytes.len() {
        while next.peek().is_some_and(|(_, end)| *end <= at) {
            next.next();
        }
        if let Some((start, end)) = next.peek()
            && (*start..*end).contains(&at)
        {
            at = *end;
            continue;
        }
        let opens = bytes.get(at) == Some(&b'#')
            && at
                .checked_sub(1)
                .is_none_or(|before| matches!(bytes.get(before), Some(b' ' | b'\t' | b'\n')));
        if opens {
            let line = source.slice(at, bytes.len()).split('\n').next();
            let end = at + line.unwrap_or_default().len();
            let column = source.column(at);
            let before = source.line_text(source.line(at));
            out.push(Comment {
                start: at,
                end,
                column,
                own_line: before.trim_start().starts_with('#'),
            });
            at = end;
        } else {
            at += 1;
        }
    }
    out
}

/// The bytes of scalars, in flow collections too.
fn inked(piece: &Piece, out: &mut Vec<(usize, usize)>) {
    match &piece.kind {
        Shape::Alias | Shape::Scalar(_) => out.push((piece.start, piece.end)),
        Shape::Flow(_, items) | Shape::List(items) => items.iter().for_each(|i| inked(i, out)),
        Shape::Map(entries) => {
            for (key, value) in entries {
                inked(key, out);
                inked(value, out);
            }
        }
    }
}
