//! What `rule run` prints: a line for each finding, or a line for each rule.

use std::{collections::BTreeMap, io::IsTerminal, path::Path};

use serde_json::{Value, json};
use watchfloor_types::{Finding, Severity, Timestamp};

use crate::{
    output::{Form, Output, json_line, visible},
    siem,
};

/// Widths of the columns that are aligned.
const TITLE: usize = 48;
const PLACE: usize = 28;
/// Matched fields shown, and how much of each.
const FIELDS: usize = 3;
const FIELD: usize = 72;

/// Prints findings as they come, or gathers them by rule.
pub(super) struct Printer {
    out: Output,
    colour: bool,
    /// The heads of the columns were printed.
    begun: bool,
    summary: Option<BTreeMap<String, Line>>,
    listing: Listing,
    /// Lines that wait to be written together.
    text: String,
}

/// What is counted of one rule.
struct Line {
    title: String,
    severity: Severity,
    count: u64,
    first: Timestamp,
    last: Timestamp,
}

/// Whether findings are listed or counted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Listing {
    /// Each finding.
    Findings,
    /// Each finding as OCSF Detection Finding.
    Ocsf,
    /// Count, first and last of each rule.
    Summary,
}

impl Printer {
    pub(super) fn new(out: Output, listing: Listing) -> Self {
        let terminal = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self {
            out,
            colour: terminal,
            begun: false,
            summary: (listing == Listing::Summary).then(BTreeMap::new),
            listing,
            text: String::new(),
        }
    }

    /// One finding on the record `index`, counted from 0, of a file.
    pub(super) fn finding(&mut self, finding: &Finding, file: &Path, index: u64) {
        if let Some(rules) = &mut self.summary {
            let time = finding.time;
            let line = rules.entry(finding.rule.id.to_string()).or_insert(Line {
                title: finding.rule.title.clone(),
                severity: finding.severity,
                count: 0,
                first: time,
                last: time,
            });
            line.count += 1;
            line.first = line.first.min(time);
            line.last = line.last.max(time);
            return;
        }
        if self.listing == Listing::Ocsf {
            self.text.push_str(&json_line(&ocsf(finding, file, index)));
            self.text.push('\n');
            return;
        }
        match self.out.form {
            Form::Json => {
                let value = json!({
                    "rule": {"id": finding.rule.id, "title": finding.rule.title, "version": finding.rule.version},
                    "severity": finding.severity, "techniques": finding.techniques, "time": finding.time,
                    "event": {"index": index, "file": file}, "matched": finding.matched,
                });
                self.text.push_str(&json_line(&value));
            }
            Form::Text => {
                if !self.begun {
                    self.begun = true;
                    self.text.push_str(&format!(
                        "{:<13} {:<19} {:<TITLE$} {:<PLACE$} matched\n",
                        "severity", "time (UTC)", "rule", "file:record"
                    ));
                }
                self.text.push_str(&self.row(finding, file, index));
            }
        }
        self.text.push('\n');
    }

    fn row(&self, finding: &Finding, file: &Path, index: u64) -> String {
        let word = finding.severity.to_string();
        let severity = if self.colour {
            let code = match finding.severity {
                Severity::Fatal | Severity::Critical => "1;31",
                Severity::High => "31",
                Severity::Medium => "33",
                Severity::Low | Severity::Informational => "36",
            };
            format!("\u{1b}[{code}m{word:<13}\u{1b}[0m")
        } else {
            format!("{word:<13}")
        };
        let mut fields = Vec::new();
        for matched in &finding.matched {
            let text = format!("{}={}", cell(&matched.field), cell(&matched.value));
            let text = shortened(&text, FIELD);
            if !fields.contains(&text) && fields.len() < FIELDS {
                fields.push(text);
            }
        }
        let row = format!(
            "{severity} {} {:<TITLE$} {:<PLACE$} {}",
            finding.time.strftime("%Y-%m-%d %H:%M:%S"),
            shortened(&cell(&finding.rule.title), TITLE),
            format!("{}:{}", cell(&file.display().to_string()), index + 1),
            fields.join("  ")
        );
        row.trim_end().to_owned()
    }

    /// Writes what waits.
    pub(super) fn flush(&mut self) {
        if !self.text.is_empty() {
            self.out.lines(&self.text);
            self.text.clear();
        }
    }

    /// Whether something waits to be written.
    pub(super) fn waits(&self) -> bool {
        !self.text.is_empty()
    }

    /// Prints the summary, if one was asked for: the most severe and most frequent first.
    pub(super) fn end(&mut self) {
        self.flush();
        let Some(rules) = self.summary.take() else {
            return;
        };
        let mut rules: Vec<_> = rules.into_iter().collect();
        rules.sort_by_key(|(_, line)| {
            (
                std::cmp::Reverse(line.severity),
                std::cmp::Reverse(line.count),
            )
        });
        if self.out.form == Form::Json {
            for (id, line) in &rules {
                let value: Value = json!({
                    "rule": {"id": id, "title": line.title}, "severity": line.severity,
                    "count": line.count, "first": line.first, "last": line.last,
                });
                self.text.push_str(&json_line(&value));
                self.text.push('\n');
            }
            self.flush();
        } else if !rules.is_empty() {
            let time = |t: Timestamp| t.strftime("%Y-%m-%d %H:%M:%S").to_string();
            let rows: Vec<Vec<String>> = rules
                .iter()
                .map(|(id, line)| {
                    vec![
                        line.severity.to_string(),
                        line.count.to_string(),
                        time(line.first),
                        time(line.last),
                        line.title.clone(),
                        id.clone(),
                    ]
                })
                .collect();
            let heads = [
                "severity",
                "count",
                "first (UTC)",
                "last (UTC)",
                "rule",
                "id",
            ];
            self.out.table(&heads, &rows, &Value::Null);
        }
    }
}

/// A finding as other systems read it, with the place of its record.
fn ocsf(finding: &Finding, file: &Path, index: u64) -> Value {
    let mut value = siem::ocsf_finding(finding);
    if let Some(ours) = value
        .pointer_mut("/unmapped/watchfloor")
        .and_then(Value::as_object_mut)
    {
        ours.insert("event".to_owned(), json!({"index": index, "file": file}));
    }
    value
}

/// Hostile text in one line.
fn cell(text: &str) -> String {
    visible(text).replace(['\n', '\t'], " ")
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(most.saturating_sub(1)).collect();
    out.push('…');
    out
}
