//! JSON read lazily and with places, so that every complaint can point into the text.

use serde_json::value::RawValue;
use watchfloor_types::{Diagnostic, Level, Place};

/// Longer texts are refused.
pub(crate) const MAX_BYTES: usize = 256 * 1024 * 1024;
/// More complaints than these are counted, not kept.
const MAX_DIAGNOSTICS: usize = 1_000;

/// A text being imported, and what there is to say about it.
pub(crate) struct Input<'a> {
    text: &'a str,
    origin: &'a str,
    /// Byte offset of each line.
    starts: Vec<usize>,
    diagnostics: Vec<Diagnostic>,
    unsaid: usize,
}

impl<'a> Input<'a> {
    pub(crate) fn new(text: &'a str, origin: &'a str) -> Self {
        let starts = std::iter::once(0).chain(memchr_lines(text)).collect();
        Self {
            text,
            origin,
            starts,
            diagnostics: Vec::new(),
            unsaid: 0,
        }
    }

    pub(crate) fn origin(&self) -> &'a str {
        self.origin
    }

    /// The text as JSON; none, with the reason said, where it is too long or not JSON.
    pub(crate) fn parse(&mut self) -> Option<&'a RawValue> {
        if self.text.len() > MAX_BYTES {
            let message = format!(
                "text has {} bytes, at most {MAX_BYTES} are read at once",
                self.text.len()
            );
            self.say(Diagnostic::error("I013", message).help("split it"), None);
            return None;
        }
        match serde_json::from_str(self.text.trim_start_matches('\u{feff}')) {
            Ok(raw) => Some(raw),
            Err(error) => {
                let place = Place {
                    file: self.origin.to_owned(),
                    line: u32::try_from(error.line()).unwrap_or(u32::MAX).max(1),
                    column: u32::try_from(error.column()).unwrap_or(u32::MAX).max(1),
                    length: 1,
                };
                self.keep(
                    Diagnostic::error("I001", format!("text is not JSON: {error}")).at(place),
                );
                None
            }
        }
    }

    /// Says something about `raw`, a part of this text, or about the whole.
    pub(crate) fn say(&mut self, diagnostic: Diagnostic, raw: Option<&RawValue>) {
        let diagnostic = match raw.and_then(|raw| self.place(raw)) {
            Some(place) => diagnostic.at(place),
            None => diagnostic,
        };
        self.keep(diagnostic);
    }

    fn keep(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.len() < MAX_DIAGNOSTICS {
            self.diagnostics.push(diagnostic);
        } else {
            self.unsaid += 1;
        }
    }

    /// Line and column of a value that was borrowed from this text.
    fn place(&self, raw: &RawValue) -> Option<Place> {
        // A borrowed value is a slice of the text: the distance of their first bytes is its
        // offset. Addresses are compared, never followed.
        let offset = (raw.get().as_ptr() as usize).checked_sub(self.text.as_ptr() as usize)?;
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = *self.starts.get(line.checked_sub(1)?)?;
        let column = self.text.get(start..offset)?.chars().count() + 1;
        let length = raw
            .get()
            .lines()
            .next()
            .map_or(1, |first| first.chars().count())
            .clamp(1, 200);
        Some(Place {
            file: self.origin.to_owned(),
            line: u32::try_from(line).ok()?,
            column: u32::try_from(column).ok()?,
            length: u32::try_from(length).ok()?,
        })
    }

    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        if self.unsaid > 0 {
            self.diagnostics.push(Diagnostic {
                level: Level::Note,
                ..Diagnostic::warning(
                    "I016",
                    format!("{} more remarks are not shown", self.unsaid),
                )
            });
        }
        self.diagnostics
    }
}

fn memchr_lines(text: &str) -> impl Iterator<Item = usize> + '_ {
    text.bytes()
        .enumerate()
        .filter_map(|(i, b)| (b == b'\n').then_some(i + 1))
}

/// The members of an object, in order.
pub(crate) struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Object<'a> {
    /// `raw` as an object; none where it is something else.
    pub(crate) fn read(raw: &'a RawValue) -> Option<Self> {
        if !raw.get().starts_with('{') {
            return None;
        }
        serde_json::from_str::<Members<'a>>(raw.get())
            .ok()
            .map(|members| Self(members.0))
    }
    /// The member `name`; the last, where it stands twice.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0
            .iter()
            .rev()
            .find(|(n, _)| n == name)
            .map(|(_, raw)| *raw)
    }
    /// The member `name`, where it is text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.get(name).and_then(text)
    }
    /// The member `name`, where it is text or a number, as text.
    pub(crate) fn scalar(&self, name: &str) -> Option<String> {
        self.get(name).and_then(scalar)
    }
    /// The member `name`, where it is true or the text or number that stands for it.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|raw| matches!(raw.get(), "true" | "1" | "\"1\"" | "\"true\""))
    }
    /// The items of the member `name`; nothing where it is absent or no list.
    pub(crate) fn items(&self, name: &str) -> Vec<&'a RawValue> {
        self.get(name).and_then(items).unwrap_or_default()
    }
    /// The items of the member `name` that are text.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        self.items(name).into_iter().filter_map(text).collect()
    }
}

struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> serde::Deserialize<'de> for Members<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> serde::de::Visitor<'de> for Visit {
            type Value = Vec<(String, &'de RawValue)>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Self::Value, A::Error> {
                let mut out = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    out.push(entry);
                }
                Ok(out)
            }
        }
        de.deserialize_map(Visit).map(Members)
    }
}

/// `raw` as a list.
pub(crate) fn items(raw: &RawValue) -> Option<Vec<&RawValue>> {
    raw.get()
        .starts_with('[')
        .then(|| serde_json::from_str(raw.get()).ok())
        .flatten()
}

/// `raw` as text.
pub(crate) fn text(raw: &RawValue) -> Option<String> {
    raw.get()
        .starts_with('"')
        .then(|| serde_json::from_str(raw.get()).ok())
        .flatten()
}

/// `raw` as text, where it is text or a number.
pub(crate) fn scalar(raw: &RawValue) -> Option<String> {
    text(raw).or_else(|| {
        raw.get()
            .starts_with(|c: char| c.is_ascii_digit() || c == '-')
            .then(|| raw.get().to_owned())
    })
}

/// A note about what was done.
pub(crate) fn note(code: &str, message: impl Into<String>) -> Diagnostic {
    Diagnostic {
        level: Level::Note,
        ..Diagnostic::warning(code, message)
    }
}

/// Foreign text for a message: one line, at most 80 characters.
pub(crate) fn quote(text: &str) -> String {
    let mut out: String = text
        .chars()
        .take(80)
        .collect::<String>()
        .escape_debug()
        .to_string();
    if text.chars().nth(80).is_some() {
        out.push('…');
    }
    out
}
