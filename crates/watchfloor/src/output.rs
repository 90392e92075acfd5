//! What commands print: data to stdout, the rest to stderr; the only module that does.

use std::io::{IsTerminal, Write};

use serde_json::Value;
use watchfloor_types::{Diagnostic, Level};

/// How a command ended. Documented in `docs/cli.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// Done, and it found something: lint findings, failed tests, fired rules, missed deadlines.
    Findings = 1,
    /// The input was wrong: arguments, settings, content.
    BadInput = 2,
    /// Something outside failed: network, disk, permission.
    Outside = 3,
}

/// Form of the data on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// For people.
    Text,
    /// One JSON document, or one per line for streams.
    Json,
}

/// The two streams of a command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// Form of the data.
    pub form: Form,
}

impl Output {
    /// One line of data.
    pub(crate) fn line(self, text: &str) {
        write_line(&mut std::io::stdout().lock(), text);
    }

    /// A JSON document.
    pub(crate) fn json(self, value: &Value) {
        let text = match self.form {
            Form::Json => value.to_string(),
            Form::Text => serde_json::to_string_pretty(value).unwrap_or_default(),
        };
        write_line(&mut std::io::stdout().lock(), &escaped(&text));
    }

    /// Whole lines of data at once, each with its line end.
    pub(crate) fn lines(self, text: &str) {
        let mut out = std::io::stdout().lock();
        if out
            .write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .is_err()
        {
            std::process::exit(0);
        }
    }

    /// A message for the person at the terminal.
    pub(crate) fn note(self, text: &str) {
        write_line(&mut std::io::stderr().lock(), &visible(text));
    }

    /// A table for people, or the rows as JSON.
    pub(crate) fn table(self, columns: &[&str], rows: &[Vec<String>], json: &Value) {
        if self.form == Form::Json {
            self.json(json);
            return;
        }
        let width = |i: usize| {
            rows.iter()
                .filter_map(|r| r.get(i).map(|c| c.chars().count()))
                .chain(columns.get(i).map(|c| c.len()))
                .max()
                .unwrap_or(0)
                .min(60)
        };
        let widths: Vec<usize> = (0..columns.len()).map(width).collect();
        let row = |cells: &mut dyn Iterator<Item = &str>| {
            let mut text = String::new();
            for (cell, width) in cells.zip(&widths) {
                // A line break in a cell would look like another row.
                let cell = visible(cell).replace(['\n', '\t'], " ");
                text.push_str(&cell);
                text.extend(std::iter::repeat_n(
                    ' ',
                    width.saturating_sub(cell.chars().count()) + 2,
                ));
            }
            text.trim_end().to_owned()
        };
        self.line(&row(&mut columns.iter().copied()));
        for r in rows {
            self.line(&row(&mut r.iter().map(String::as_str)));
        }
    }

    /// Diagnostics with their source text where it is known.
    pub(crate) fn diagnostics(self, all: &[Diagnostic], source: &dyn Fn(&str) -> Option<String>) {
        if self.form == Form::Json {
            for d in all {
                self.json(&serde_json::to_value(d).unwrap_or_default());
            }
            return;
        }
        for d in all {
            write_line(&mut std::io::stderr().lock(), &render(d, source));
        }
    }
}

/// Text from outside made safe for a terminal: control characters are shown, not sent.
pub(crate) fn visible(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            c if c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// A value as one line of JSON, without a line end.
pub(crate) fn json_line(value: &Value) -> String {
    escaped(&value.to_string())
}

/// JSON with the characters escaped that steer a terminal or hide text. They stand only inside
/// strings, so it stays the same JSON.
fn escaped(json: &str) -> String {
    let steers = |c: char| matches!(c, '\u{7f}'..='\u{9f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if steers(c) {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

fn render(d: &Diagnostic, source: &dyn Fn(&str) -> Option<String>) -> String {
    use annotate_snippets::{AnnotationKind, Level as L, Renderer, Snippet};
    let level = match d.level {
        Level::Error => L::ERROR,
        Level::Warning => L::WARNING,
        Level::Note => L::NOTE,
    };
    let place = d.place.as_ref().and_then(|p| {
        let text = source(&p.file)?;
        let start: usize = text
            .split_inclusive('\n')
            .take(p.line.saturating_sub(1) as usize)
            .map(str::len)
            .sum();
        let line = text
            .get(start..)?
            .split('\n')
            .next()
            .unwrap_or_default()
            .to_owned();
        let column = line
            .char_indices()
            .nth(p.column.saturating_sub(1) as usize)
            .map_or(line.len(), |(i, _)| i);
        let end = line
            .char_indices()
            .nth((p.column.saturating_sub(1) + p.length.max(1)) as usize)
            .map_or(line.len(), |(i, _)| i);
        Some((line, p.line, column..end.max(column), p.file.clone()))
    });
    let Some((line, number, span, file)) = place else {
        return visible(&d.to_string());
    };
    let message = visible(&d.message);
    let line = visible(&line);
    let span = span.start.min(line.len())..span.end.min(line.len());
    let mut group = level.primary_title(&message).id(&d.code).element(
        Snippet::source(&line)
            .line_start(number as usize)
            .path(&file)
            .annotation(AnnotationKind::Primary.span(span)),
    );
    let help = d.help.as_deref().map(visible);
    if let Some(help) = &help {
        group = group.element(L::HELP.message(help));
    }
    let renderer = if std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    renderer.render(&[group])
}

fn write_line(to: &mut dyn Write, text: &str) {
    // A closed pipe is the reader's wish to stop, not an error of ours.
    if writeln!(to, "{text}").is_err() {
        std::process::exit(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchfloor_types::Place;

    #[test]
    fn a_diagnostic_shows_the_line_and_the_way_out() {
        let d = Diagnostic::error("R017", "unknown modifier `contain`")
            .at(Place {
                file: "a.yml".into(),
                line: 2,
                column: 6,
                length: 7,
            })
            .help("did you mean `contains`?");
        let text = render(&d, &|_| Some("detection:\n  a|contain: x\n".into()));
        assert!(
            text.contains("error[R017]: unknown modifier `contain`"),
            "{text}"
        );
        assert!(
            text.contains("a.yml:2:6")
                && text.contains("a|contain: x")
                && text.contains("did you mean"),
            "{text}"
        );
    }

    #[test]
    fn json_stays_the_same_and_steers_no_terminal() {
        let value = serde_json::json!({"a": "x\u{9b}31m\u{202e}y\u{1b}"});
        let text = escaped(&value.to_string());
        assert!(text.is_ascii() && !text.contains('\u{1b}'), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn terminal_escapes_in_data_are_not_sent_to_the_terminal() {
        assert_eq!(visible("a\x1b[31mb\u{202e}c"), "a\u{fffd}[31mb\u{fffd}c");
    }
}
