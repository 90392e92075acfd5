//! YAML or JSON text as a tree that remembers where everything stands.

use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use watchfloor_types::{Diagnostic, Place};

/// How deep a document may nest.
const MAX_DEPTH: usize = 64;
/// How many values a document may hold.
const MAX_NODES: usize = 200_000;

/// A value with its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) value: Yaml,
    pub(crate) place: Place,
}

/// A value.
#[derive(Debug, Clone)]
pub(crate) enum Yaml {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Place, Node)>),
}

impl Node {
    /// The value of `key`, if this is a map that has it and it is not null.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries()
            .iter()
            .find(|(name, _, _)| name == key)
            .map(|(_, _, node)| node)
            .filter(|node| !matches!(node.value, Yaml::Null))
    }
    /// Keys, their places and values; nothing for what is no map.
    pub(crate) fn entries(&self) -> &[(String, Place, Node)] {
        match &self.value {
            Yaml::Map(entries) => entries,
            Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) | Yaml::List(_) => &[],
        }
    }
    /// Items; nothing for what is no list.
    pub(crate) fn items(&self) -> &[Node] {
        match &self.value {
            Yaml::List(items) => items,
            Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) | Yaml::Map(_) => &[],
        }
    }
    /// Text, if it is text.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Yaml::Text(text) => Some(text),
            Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::List(_) | Yaml::Map(_) => None,
        }
    }
    /// A whole number that is not negative.
    pub(crate) fn count(&self) -> Option<u64> {
        match &self.value {
            Yaml::Number(number) => number.as_u64(),
            Yaml::Null | Yaml::Bool(_) | Yaml::Text(_) | Yaml::List(_) | Yaml::Map(_) => None,
        }
    }
    /// Yes or no.
    pub(crate) fn truth(&self) -> Option<bool> {
        match &self.value {
            Yaml::Bool(truth) => Some(*truth),
            Yaml::Null | Yaml::Number(_) | Yaml::Text(_) | Yaml::List(_) | Yaml::Map(_) => None,
        }
    }
    /// Text, number or truth as text.
    pub(crate) fn scalar(&self) -> Option<String> {
        match &self.value {
            Yaml::Text(text) => Some(text.clone()),
            Yaml::Bool(truth) => Some(truth.to_string()),
            Yaml::Number(number) => Some(number.to_string()),
            Yaml::Null | Yaml::List(_) | Yaml::Map(_) => None,
        }
    }
}

/// Reads one document. Anchors, tags, repeated keys and second documents are refused: what is
/// reviewed should be what runs.
pub(crate) fn read(file: &str, text: &str) -> Result<Node, Diagnostic> {
    let mut events = Parser::new_from_str(text);
    let mut left = MAX_NODES;
    loop {
        match next(&mut events, file)? {
            (Event::StreamStart | Event::DocumentStart(_) | Event::Nothing, _) => {}
            (Event::StreamEnd | Event::DocumentEnd, span) => {
                return Err(wrong(file, span, "the document is empty"));
            }
            (event, span) => {
                let node = build(&mut events, file, event, span, 0, &mut left)?;
                loop {
                    match next(&mut events, file)? {
                        (Event::StreamEnd, _) => return Ok(node),
                        (Event::DocumentEnd | Event::Nothing, _) => {}
                        (_, span) => {
                            return Err(wrong(
                                file,
                                span,
                                "a second document follows; one is read",
                            ));
                        }
                    }
                }
            }
        }
    }
}

type Events<'t> = Parser<'t, saphyr_parser::StrInput<'t>>;

fn next<'t>(events: &mut Events<'t>, file: &str) -> Result<(Event<'t>, Span), Diagnostic> {
    match events.next() {
        Some(Ok(pair)) => Ok(pair),
        Some(Err(error)) => {
            let at = *error.marker();
            Err(wrong(
                file,
                Span::new(at, at),
                &format!("not YAML: {}", error.info()),
            ))
        }
        None => Ok((Event::StreamEnd, Span::default())),
    }
}

fn build(
    events: &mut Events<'_>,
    file: &str,
    event: Event<'_>,
    span: Span,
    depth: usize,
    left: &mut usize,
) -> Result<Node, Diagnostic> {
    if depth > MAX_DEPTH {
        return Err(wrong(file, span, "the document nests too deep"));
    }
    *left = left
        .checked_sub(1)
        .ok_or_else(|| wrong(file, span, "the document holds too many values"))?;
    let place = place(file, span);
    let value = match event {
        Event::Scalar(text, ScalarStyle::Plain, 0, None) => plain(&text),
        Event::Scalar(text, _, 0, None) => Yaml::Text(text.into_owned()),
        Event::SequenceStart(0, None) => {
            let mut items = Vec::new();
            loop {
                match next(events, file)? {
                    (Event::SequenceEnd, _) => break Yaml::List(items),
                    (event, span) => {
                        items.push(build(events, file, event, span, depth + 1, left)?);
                    }
                }
            }
        }
        Event::MappingStart(0, None) => {
            let mut entries: Vec<(String, Place, Node)> = Vec::new();
            loop {
                match next(events, file)? {
                    (Event::MappingEnd, _) => break Yaml::Map(entries),
                    (Event::Scalar(key, _, 0, None), span) => {
                        if entries.iter().any(|(known, _, _)| *known == key) {
                            return Err(wrong(file, span, &format!("`{key}` stands here twice")));
                        }
                        let key_place = self::place(file, span);
                        let (event, span) = next(events, file)?;
                        let node = build(events, file, event, span, depth + 1, left)?;
                        entries.push((key.into_owned(), key_place, node));
                    }
                    (_, span) => return Err(wrong(file, span, "a key has to be plain text")),
                }
            }
        }
        Event::Alias(_)
        | Event::Scalar(..)
        | Event::SequenceStart(..)
        | Event::MappingStart(..) => {
            return Err(wrong(file, span, "anchors, aliases and tags are not read"));
        }
        Event::Nothing
        | Event::StreamStart
        | Event::StreamEnd
        | Event::DocumentStart(_)
        | Event::DocumentEnd
        | Event::SequenceEnd
        | Event::MappingEnd => return Err(wrong(file, span, "a value is missing here")),
    };
    Ok(Node { value, place })
}

/// A plain scalar by the core schema of YAML 1.2.
fn plain(text: &str) -> Yaml {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Yaml::Null,
        "true" | "True" | "TRUE" => Yaml::Bool(true),
        "false" | "False" | "FALSE" => Yaml::Bool(false),
        _ => match text.parse::<serde_json::Number>() {
            Ok(number) => Yaml::Number(number),
            Err(_) => Yaml::Text(text.to_owned()),
        },
    }
}

fn place(file: &str, span: Span) -> Place {
    let length = if span.start.line() == span.end.line() {
        span.end.col().saturating_sub(span.start.col())
    } else {
        1
    };
    Place {
        file: file.to_owned(),
        line: u32::try_from(span.start.line()).unwrap_or(u32::MAX),
        column: u32::try_from(span.start.col() + 1).unwrap_or(u32::MAX),
        length: u32::try_from(length.max(1)).unwrap_or(1),
    }
}

fn wrong(file: &str, span: Span, message: &str) -> Diagnostic {
    Diagnostic::error("B001", message).at(place(file, span))
}
