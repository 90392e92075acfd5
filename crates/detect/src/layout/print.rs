//! Writes the canonical form.

use super::{
    attach::{Attached, Block, Item, Trivia, Value, is_plain_list},
    order::{self, Keys},
    scalar::{self, Use},
    tree::{Piece, Shape, Source},
};

/// Spaces of one level.
const STEP: usize = 4;

/// Keys of a rule that hold one text.
const TEXTS: &[&str] = &[
    "title",
    "id",
    "name",
    "status",
    "description",
    "license",
    "author",
    "date",
    "modified",
    "level",
    "owner",
    "runbook",
    "taxonomy",
];
/// Keys of a rule that hold a list of texts.
const LISTS: &[&str] = &["references", "tags", "scope", "fields", "falsepositives"];

struct Printer<'a> {
    source: &'a Source<'a>,
    out: String,
    sorts: bool,
}

/// The whole file.
pub(super) fn file(source: &Source<'_>, documents: Vec<Attached>) -> String {
    let mut printer = Printer {
        source,
        out: String::with_capacity(source.text.len() + 256),
        sorts: true,
    };
    for (number, document) in documents.into_iter().enumerate() {
        printer.sorts = !document.aliased;
        printer.trivia(&document.before_mark, 0, Start::Block);
        if number > 0 || document.marked {
            printer.out.push_str("---\n");
        }
        printer.trivia(&document.head, 0, Start::Block);
        match document.root {
            Value::Map(block) => printer.map(block, 0, &[], First::OwnLine),
            Value::List(block) => printer.list(block, 0, &[], First::OwnLine),
            Value::Inline(piece) => {
                let text = source.slice(piece.start, piece.end);
                printer.out.push_str(text);
                printer.out.push('\n');
            }
            Value::Nothing => {}
            Value::Text(header, lines) => {
                printer.out.push_str(&header);
                printer.out.push('\n');
                printer.lines(&lines, STEP);
            }
        }
    }
    printer.out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    OwnLine,
    /// Behind the dash that was just written.
    BehindDash,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    /// Nothing stands before in this block.
    Block,
    Between,
}

impl Printer<'_> {
    fn map(&mut self, mut block: Block, indent: usize, path: &[&str], first: First) {
        if self.sorts {
            let keys = order::of(path);
            if !matches!(keys, Keys::AsWritten) {
                order::sort(&mut block.items, keys, |item| {
                    let key = item.key.as_deref().unwrap_or_default();
                    key.trim_matches(['\'', '"']).to_owned()
                });
            }
        }
        for (number, item) in block.items.into_iter().enumerate() {
            let behind = number == 0 && first == First::BehindDash;
            if !behind {
                self.trivia(&item.lead, indent, Start::at(number));
                self.pad(indent);
            }
            let key = item.key.clone().unwrap_or_default();
            self.out.push_str(&key);
            self.out.push(':');
            let name = key.split('|').next().unwrap_or_default();
            let mut inner = path.to_vec();
            inner.push(name.trim_matches(['\'', '"']));
            self.value(item, indent, STEP, &inner);
        }
        self.trivia(&block.trail, indent, Start::Between);
    }

    fn list(&mut self, block: Block, indent: usize, path: &[&str], first: First) {
        let mut inner = path.to_vec();
        inner.push("-");
        for (number, item) in block.items.into_iter().enumerate() {
            let behind = number == 0 && first == First::BehindDash;
            if !behind {
                self.trivia(&item.lead, indent, Start::at(number));
                self.pad(indent);
            }
            self.out.push('-');
            self.value(item, indent, 2, &inner);
        }
        self.trivia(&block.trail, indent, Start::Between);
    }

    /// What follows `key:` or `-`, up to the end of its last line.
    fn value(&mut self, item: Item, indent: usize, step: usize, path: &[&str]) {
        let Item {
            key,
            props,
            value,
            tail,
            ..
        } = item;
        let deeper = indent + step;
        if !props.is_empty() {
            self.out.push(' ');
            self.out.push_str(&props);
        }
        let behind = key.is_none() && props.is_empty() && tail.is_none();
        match value {
            Value::Nothing => self.end(tail),
            Value::Inline(piece) => self.inline(&piece, &props, deeper, path, tail),
            Value::Text(header, lines) => {
                self.out.push(' ');
                self.out.push_str(&header);
                self.end(tail);
                self.lines(&lines, deeper);
            }
            Value::Map(block) if behind => {
                self.out.push(' ');
                self.map(block, deeper, path, First::BehindDash);
            }
            Value::List(block) if behind => {
                self.out.push(' ');
                self.list(block, deeper, path, First::BehindDash);
            }
            Value::Map(block) => {
                self.end(tail);
                self.map(block, deeper, path, First::OwnLine);
            }
            Value::List(block) => {
                self.end(tail);
                self.list(block, deeper, path, First::OwnLine);
            }
        }
    }

    fn inline(
        &mut self,
        piece: &Piece,
        props: &str,
        deeper: usize,
        path: &[&str],
        tail: Option<String>,
    ) {
        if props.is_empty()
            && let Shape::Flow(_, items) = &piece.kind
            && spreads(path)
            && is_plain_list(self.source, piece)
        {
            self.end(tail);
            let mut inner = path.to_vec();
            inner.push("-");
            for item in items {
                self.pad(deeper);
                self.out.push_str("- ");
                self.scalar(item, &inner);
                self.out.push('\n');
            }
            return;
        }
        self.out.push(' ');
        let raw = self.source.slice(piece.start, piece.end);
        let mut lines = raw.split('\n');
        if let Shape::Scalar(_) = piece.kind
            && !raw.contains('\n')
        {
            self.scalar(piece, path);
        } else {
            self.out
                .push_str(lines.next().unwrap_or_default().trim_end());
            for line in lines {
                self.out.push('\n');
                let line = line.trim();
                if !line.is_empty() {
                    self.pad(deeper);
                    self.out.push_str(line);
                }
            }
        }
        self.end(tail);
    }

    fn scalar(&mut self, piece: &Piece, path: &[&str]) {
        let raw = self.source.slice(piece.start, piece.end);
        let text = match piece.kind {
            Shape::Scalar(style) => scalar::written(raw, style, used(path)),
            Shape::Alias | Shape::Flow(..) | Shape::List(_) | Shape::Map(_) => raw.to_owned(),
        };
        self.out.push_str(&text);
    }

    fn end(&mut self, tail: Option<String>) {
        if let Some(tail) = tail {
            self.out.push_str(&tail);
        }
        self.out.push('\n');
    }

    fn lines(&mut self, lines: &[String], indent: usize) {
        for line in lines {
            if !line.is_empty() {
                self.pad(indent);
                self.out.push_str(line);
            }
            self.out.push('\n');
        }
    }

    /// Comments, and at most one blank line in a row; none at the start of a block or file.
    fn trivia(&mut self, trivia: &[Trivia], indent: usize, start: Start) {
        let mut fresh = start == Start::Block;
        for part in trivia {
            match part {
                Trivia::Blank => {
                    if !fresh && !self.out.ends_with("\n\n") && !self.out.is_empty() {
                        self.out.push('\n');
                    }
                }
                Trivia::Comment(text) => {
                    self.pad(indent);
                    self.out.push_str(text);
                    self.out.push('\n');
                    fresh = false;
                }
            }
        }
    }

    fn pad(&mut self, indent: usize) {
        self.out.extend(std::iter::repeat_n(' ', indent));
    }
}

impl Start {
    fn at(number: usize) -> Self {
        if number == 0 {
            Self::Block
        } else {
            Self::Between
        }
    }
}

/// Whether a list in brackets here is written with one item a line.
fn spreads(path: &[&str]) -> bool {
    match path {
        [key] => LISTS.contains(key),
        // A list inside a list stays in its brackets.
        [.., "-"] => false,
        ["detection" | "filter" | "correlation", _, ..] => true,
        _ => false,
    }
}

fn used(path: &[&str]) -> Use {
    match path {
        [key] if TEXTS.contains(key) || LISTS.contains(key) => Use::About,
        [key, "-"] if LISTS.contains(key) => Use::About,
        ["logsource" | "correlation", ..] | ["detection", "condition"] => Use::About,
        ["detection" | "filter", ..] => Use::Value,
        _ => Use::Other,
    }
}
