//! From the text of a file to documents and diagnostics.

use std::sync::Arc;

use watchfloor_types::Diagnostic;

use super::{Body, Document, correlation, detection, meta};
use crate::{
    diagnostics::{Report, code},
    modifier,
    yaml::{self, YamlDocument},
};

/// What reading rules may need from outside.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub(crate) lists: modifier::Lists,
}

impl Options {
    /// Values that replace `%name%` under the modifier `expand`.
    #[must_use]
    pub fn placeholder(mut self, name: &str, values: impl IntoIterator<Item = String>) -> Self {
        self.lists
            .insert(name.to_owned(), values.into_iter().collect());
        self
    }
}

/// Reads all rules and correlations of one file. What is refused has an error with its place;
/// the other documents of the file are kept.
#[must_use]
pub fn parse_rules(path: &str, text: &str, options: &Options) -> (Vec<Document>, Vec<Diagnostic>) {
    let mut report = Report::new(path);
    let lines: Vec<&str> = text.lines().collect();
    let documents = yaml::read(text, &mut report)
        .into_iter()
        .filter_map(|document| {
            let text = lines_of(&lines, &document);
            read_document(&document, &text, options, &mut report)
        })
        .collect();
    (documents, report.into_diagnostics())
}

/// The document's own lines: what its version is the hash of.
fn lines_of(lines: &[&str], document: &YamlDocument) -> Arc<str> {
    let first = document.first_line.max(1) as usize - 1;
    let last = (document.last_line.max(document.first_line) as usize).min(lines.len());
    let own = lines.get(first..last).unwrap_or_default();
    own.iter()
        .filter(|line| line.trim_end() != "---")
        .copied()
        .collect::<Vec<_>>()
        .join("\n")
        .trim()
        .into()
}

fn read_document(
    document: &YamlDocument,
    text: &Arc<str>,
    options: &Options,
    report: &mut Report,
) -> Option<Document> {
    let root = &document.root;
    if root.map().is_none() {
        // A file may end with an empty document.
        if root.text() == Some("") {
            return None;
        }
        report.error(
            code::NOT_A_MAP,
            root.span,
            format!("a rule must be a map, not {}", root.kind_word()),
            "begin with `title:`",
        );
        return None;
    }
    let before = report.errors();
    let correlates = root.get("correlation").is_some();
    let meta = meta::read(
        root,
        text,
        if correlates {
            meta::Kind::Correlation
        } else {
            meta::Kind::Detection
        },
        report,
    );
    let body = if let Some(node) = root.get("correlation") {
        correlation::read(node, root, report).map(|c| Body::Correlation(Arc::new(c)))
    } else if let Some(node) = root.get("detection") {
        detection::read(node, &options.lists, report).map(|d| Body::Detection(Arc::new(d)))
    } else {
        let near = root
            .map()
            .and_then(|entries| entries.first())
            .map_or(root.span, |(key, _)| key.span);
        report.error(
            code::NO_DETECTION,
            near,
            "the rule has neither `detection` nor `correlation`",
            "add `detection:` with at least one selection and a `condition`",
        );
        None
    };
    let (meta, body) = (meta?, body?);
    (report.errors() == before).then(|| Document {
        meta: Arc::new(meta),
        body,
    })
}
