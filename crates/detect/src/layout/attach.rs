//! Comments and blank lines go to the item they stand before, or to the end of the block they stand in.

use super::tree::{Brackets, Comment, Piece, Shape, Source, Written};

/// Something between items.
#[derive(Debug, Clone)]
pub(super) enum Trivia {
    Blank,
    Comment(String),
}

/// An entry of a map, or of a list, where it has no key.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) lead: Vec<Trivia>,
    pub(super) key: Option<String>,
    pub(super) props: String,
    pub(super) value: Value,
    /// The comment on the line of the key or value.
    pub(super) tail: Option<String>,
}

#[derive(Debug)]
pub(super) enum Value {
    Nothing,
    /// On one line, or on several that are indented alike.
    Inline(Piece),
    /// `|` or `>`: the header, the indentation, the lines.
    Text(String, Vec<String>),
    Map(Block),
    List(Block),
}

#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) items: Vec<Item>,
    pub(super) trail: Vec<Trivia>,
}

/// One document of the file.
#[derive(Debug)]
pub(super) struct Attached {
    /// Comments before the first `---`.
    pub(super) before_mark: Vec<Trivia>,
    /// Comments before the first key, which stay first.
    pub(super) head: Vec<Trivia>,
    pub(super) root: Value,
    pub(super) aliased: bool,
    /// Whether `---` stands before it.
    pub(super) marked: bool,
}

/// A line from 0, and why the file is left alone.
pub(super) type Refused = (usize, &'static str);

struct State<'a> {
    source: &'a Source<'a>,
    comments: &'a [Comment],
    next: usize,
}

pub(super) fn documents(
    source: &Source<'_>,
    written: &[Written],
    comments: &[Comment],
) -> Result<Vec<Attached>, Refused> {
    let mut state = State {
        source,
        comments,
        next: 0,
    };
    let mut out = Vec::new();
    let mut markers = state.markers(written)?.into_iter().peekable();
    for document in written {
        let mut marked = false;
        let mut before_mark = Vec::new();
        while let Some(at) = markers.next_if(|at| *at <= document.root.from) {
            marked = true;
            before_mark.extend(state.before(at, 0));
        }
        let head = state.before(document.root.from, 0);
        let mut root = state.value(&document.root, None)?;
        let mut lead = head;
        if let Value::Map(block) | Value::List(block) = &mut root
            && let Some(first) = block.items.first_mut()
        {
            lead.append(&mut first.lead);
        }
        if !document.root.props.is_empty() {
            return Err((
                source.line(document.root.from),
                "the document itself has an anchor or tag",
            ));
        }
        // Up to the next marker everything belongs here.
        let end = markers.peek().copied().unwrap_or(source.text.len());
        let mut rest = state.before(end, source.line(end));
        while matches!(rest.last(), Some(Trivia::Blank)) {
            rest.pop();
        }
        if let Value::Map(block) | Value::List(block) = &mut root {
            block.trail.append(&mut rest);
        } else if !rest.is_empty() {
            return Err((source.line(end), "comments follow a document of one value"));
        }
        out.push(Attached {
            before_mark,
            head: lead,
            root,
            aliased: document.aliased,
            marked,
        });
    }
    if state.next < comments.len() {
        return Err((0, "comments stand outside of documents"));
    }
    Ok(out)
}

impl State<'_> {
    /// The bytes of `---` lines. Directives, `...` and content behind `---` are not laid out.
    fn markers(&self, written: &[Written]) -> Result<Vec<usize>, Refused> {
        let mut out = Vec::new();
        let mut at = 0;
        for (number, line) in self.source.text.split_inclusive('\n').enumerate() {
            let start = at;
            at += line.len();
            // A line inside a document's own text is none of ours, unless it begins at the margin.
            let inside = written
                .iter()
                .any(|w| (w.root.from..w.root.end).contains(&start));
            let content = line.trim_end();
            if content == "..." || (content.starts_with('%') && !inside) {
                return Err((number, "it has directives or document ends"));
            }
            if let Some(rest) = content.strip_prefix("---") {
                if !rest.is_empty() && !rest.starts_with([' ', '\t']) {
                    continue;
                }
                let rest = rest.trim_start();
                if !rest.is_empty() && !rest.starts_with('#') {
                    return Err((number, "content stands behind `---`"));
                }
                out.push(start);
            }
        }
        Ok(out)
    }

    /// Comments not yet placed before the byte `end`, which stands on line `line`.
    fn before(&mut self, end: usize, line: usize) -> Vec<Trivia> {
        let mut out = Vec::new();
        while let Some(comment) = self.comments.get(self.next)
            && comment.start < end
        {
            self.place(comment, &mut out);
            self.next += 1;
        }
        if line > 0 && self.blank(line - 1) {
            out.push(Trivia::Blank);
        }
        out
    }

    fn place(&self, comment: &Comment, out: &mut Vec<Trivia>) {
        let line = self.source.line(comment.start);
        if comment.own_line && line > 0 && self.blank(line - 1) {
            out.push(Trivia::Blank);
        }
        let text = self.source.slice(comment.start, comment.end).trim_end();
        out.push(Trivia::Comment(text.to_owned()));
    }

    fn blank(&self, line: usize) -> bool {
        self.source.line_text(line).trim().is_empty()
    }

    /// The comment that stands on `line` behind `from`, if it is next.
    fn tail(&mut self, line: usize, from: usize) -> Option<String> {
        let comment = self.comments.get(self.next)?;
        let here = comment.start >= from && self.source.line(comment.start) == line;
        here.then(|| {
            self.next += 1;
            // With the blanks before it: comments below each other often stand in a column.
            let before = self.source.slice(0, comment.start);
            let gap = before.len() - before.trim_end_matches(' ').len();
            let text = self.source.slice(comment.start, comment.end);
            format!("{}{}", " ".repeat(gap.max(1)), text.trim_end())
        })
    }

    fn value(&mut self, piece: &Piece, parent: Option<usize>) -> Result<Value, Refused> {
        Ok(match &piece.kind {
            Shape::Scalar(style) if is_block(*style) => self.block_scalar(piece)?,
            Shape::Scalar(_) if piece.start == piece.end => Value::Nothing,
            Shape::Scalar(_) | Shape::Alias | Shape::Flow(..) => {
                // Comments inside brackets are printed with them.
                while self
                    .comments
                    .get(self.next)
                    .is_some_and(|c| c.start < piece.end)
                {
                    self.next += 1;
                }
                Value::Inline(piece.clone())
            }
            Shape::Map(entries) => {
                let mut block = Block::default();
                for (key, value) in entries {
                    let item = self.entry(key, value, piece.column)?;
                    block.items.push(item);
                }
                self.trail(&mut block, piece, parent);
                Value::Map(block)
            }
            Shape::List(items) => {
                let mut block = Block::default();
                for item in items {
                    let item = self.element(item, piece.column)?;
                    block.items.push(item);
                }
                self.trail(&mut block, piece, parent);
                Value::List(block)
            }
        })
    }

    /// Comments behind the last item, which ends at the byte `end`, at its column or deeper.
    fn trail(&mut self, block: &mut Block, piece: &Piece, parent: Option<usize>) {
        while let Some(comment) = self.comments.get(self.next)
            && comment.own_line
            && comment.column >= piece.column
            && parent.is_none_or(|parent| comment.column > parent)
            && self.follows(piece.end, comment)
        {
            self.place(comment, &mut block.trail);
            self.next += 1;
        }
    }

    /// Whether nothing but comments stands between the byte `end` and the comment.
    fn follows(&self, end: usize, comment: &Comment) -> bool {
        let from = self.source.line(end.saturating_sub(1)) + 1;
        (from..self.source.line(comment.start)).all(|line| {
            let text = self.source.line_text(line).trim_start();
            text.is_empty() || text.starts_with('#')
        })
    }

    fn entry(&mut self, key: &Piece, value: &Piece, column: usize) -> Result<Item, Refused> {
        let source = self.source;
        let line = source.line(key.from);
        let mut lead = self.before(key.from, line);
        let before = source.slice(0, key.from);
        let start_of_line = before.rfind('\n').map_or(0, |at| at + 1);
        let margin = source.slice(start_of_line, key.from);
        if !margin.chars().all(|c| c == ' ' || c == '-') {
            return Err((line, "a key does not begin its line"));
        }
        if matches!(key.kind, Shape::Map(_) | Shape::List(_) | Shape::Flow(..))
            || source.line(key.end.saturating_sub(1)) != line
        {
            return Err((line, "a key is not one word or text"));
        }
        let rest = source.slice(key.end, source.text.len());
        let Some(colon) = rest
            .find(|c: char| c != ' ')
            .filter(|at| rest.get(*at..).is_some_and(|r| r.starts_with(':')))
        else {
            return Err((line, "a key is not followed by a colon"));
        };
        let colon = key.end + colon + 1;
        // Comments between the key and a value on a later line.
        let mut tail = None;
        let value_line = source.line(value.from);
        let collection = matches!(value.kind, Shape::Map(_) | Shape::List(_));
        if let Shape::Scalar(style) = value.kind
            && is_block(style)
        {
            tail = self.tail(line, colon);
        } else if value_line > line || collection {
            tail = self.tail(line, colon);
            if !collection {
                lead.extend(self.before(value.from.max(colon), 0));
            }
        }
        let inner = self.value(value, Some(column))?;
        if matches!(inner, Value::Inline(_) | Value::Nothing) {
            let last = source.line(value.end.saturating_sub(1).max(key.end));
            if let Some(found) = self.tail(last, key.end) {
                match tail.take() {
                    None => tail = Some(found),
                    Some(first) => {
                        lead.push(alone(first));
                        tail = Some(found);
                    }
                }
            }
        }
        Ok(Item {
            lead,
            key: Some(source.slice(key.from, key.end).to_owned()),
            props: value.props.clone(),
            value: inner,
            tail,
        })
    }

    fn element(&mut self, item: &Piece, column: usize) -> Result<Item, Refused> {
        let source = self.source;
        let dash = source.dash(item.from).unwrap_or_default();
        let line = source.line(dash);
        let mut lead = self.before(dash, line);
        let mut tail = None;
        let scalar_text = matches!(item.kind, Shape::Scalar(style) if is_block(style));
        let collection = matches!(item.kind, Shape::Map(_) | Shape::List(_));
        if scalar_text || source.line(item.from) > line {
            tail = self.tail(line, dash);
        }
        if collection && item.props.is_empty() {
            lead.extend(tail.take().map(alone));
        }
        if !scalar_text {
            let between = self.before(item.from, 0);
            lead.extend(between);
        }
        let mut inner = self.value(item, Some(column))?;
        if let Value::Map(block) | Value::List(block) = &mut inner
            && let Some(first) = block.items.first_mut()
        {
            first.lead.retain(|t| matches!(t, Trivia::Comment(_)));
            lead.append(&mut first.lead);
        }
        if matches!(inner, Value::Inline(_) | Value::Nothing) {
            let last = source.line(item.end.saturating_sub(1).max(dash));
            if let Some(found) = self.tail(last, dash) {
                lead.extend(tail.take().map(alone));
                tail = Some(found);
            }
        }
        Ok(Item {
            lead,
            key: None,
            props: item.props.clone(),
            value: inner,
            tail,
        })
    }

    fn block_scalar(&mut self, piece: &Piece) -> Result<Value, Refused> {
        let source = self.source;
        let Some(at) = source.header(piece.start) else {
            return Err((source.line(piece.start), "a block text has no header"));
        };
        let line = source.line(at);
        let header: String = source
            .slice(at, source.text.len())
            .chars()
            .take_while(|c| !c.is_whitespace() && *c != '#')
            .collect();
        if header.bytes().any(|b| b.is_ascii_digit()) {
            return Err((line, "a block text states its own indentation"));
        }
        let first = source.line(piece.start);
        if first <= line {
            return Err((line, "a block text is empty"));
        }
        let indent = piece.column;
        let keeps = header.contains('+');
        let mut lines: Vec<String> = Vec::new();
        let mut number = line + 1;
        let total = source.text.split('\n').count();
        while number < total {
            let text = source.line_text(number);
            let deep = text.chars().take_while(|c| *c == ' ').count();
            if deep < indent && !text.trim_matches(' ').is_empty() {
                break;
            }
            lines.push(text.get(indent..).unwrap_or_default().to_owned());
            number += 1;
        }
        if keeps {
            // The last line break of the file makes no line of its own.
            if number == total {
                lines.pop();
            }
        } else {
            while lines.last().is_some_and(|l| l.trim_matches(' ').is_empty()) {
                lines.pop();
            }
        }
        Ok(Value::Text(header, lines))
    }
}

/// A comment that no longer stands behind anything.
fn alone(tail: String) -> Trivia {
    Trivia::Comment(tail.trim_start().to_owned())
}

pub(super) fn is_block(style: saphyr_parser::ScalarStyle) -> bool {
    use saphyr_parser::ScalarStyle as S;
    matches!(style, S::Literal | S::Folded)
}

/// Whether a list in brackets may stand with one item a line.
pub(super) fn is_plain_list(source: &Source<'_>, piece: &Piece) -> bool {
    let Shape::Flow(Brackets::List, items) = &piece.kind else {
        return false;
    };
    let one_line = |i: &Piece| !source.slice(i.start, i.end).contains('\n');
    let inked: usize = items.iter().map(|i| i.end - i.start).sum();
    let rest = source.slice(piece.start, piece.end);
    // Between the items only commas and blanks: no comment.
    let hashes = items
        .iter()
        .map(|i| source.slice(i.start, i.end).matches('#').count())
        .sum::<usize>();
    !items.is_empty()
        && inked < rest.len()
        && rest.matches('#').count() == hashes
        && items.iter().all(|i| {
            matches!(i.kind, Shape::Scalar(_))
                && i.props.is_empty()
                && i.start < i.end
                && one_line(i)
        })
}
