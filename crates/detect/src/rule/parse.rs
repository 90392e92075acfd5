//! From the text of a file to documents and diagnostics.

use std::sync::Arc;

use watchfloor_types::{Diagnostic, View};

use super::{
    Body, Document, Pipeline,
    action::Shared,
    correlation, detection,
    detection::{Brackets, Given},
    filter, meta, pipeline,
};
use crate::{
    diagnostics::{Report, code},
    modifier,
    yaml::{self, Node, YamlDocument},
};

/// What reading rules may need from outside.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub(crate) lists: modifier::Lists,
    pipelines: Vec<Pipeline>,
}

impl Options {
    /// Values that replace `%name%` under the modifier `expand`.
    #[must_use]
    pub fn placeholder(mut self, name: &str, values: impl IntoIterator<Item = String>) -> Self {
        self.lists
            .insert(name.to_owned(), values.into_iter().collect());
        self
    }
    /// A pipeline that rules go through, after those of smaller or the same priority.
    #[must_use]
    pub fn pipeline(mut self, pipeline: Pipeline) -> Self {
        let at = self
            .pipelines
            .partition_point(|p| p.priority() <= pipeline.priority());
        self.pipelines.insert(at, pipeline);
        self
    }
}

/// Reads placeholder lists: a map of names to one value or several. Values may hold wildcards.
#[must_use]
pub fn parse_lists(path: &str, text: &str) -> (Vec<(String, Vec<String>)>, Vec<Diagnostic>) {
    let mut report = Report::new(path);
    let mut lists = Vec::new();
    for document in yaml::read(text, &mut report) {
        let Some(entries) = document.root.map() else {
            report.error(
                code::BAD_LISTS,
                document.root.span,
                format!(
                    "placeholder lists must be a map, not {}",
                    document.root.kind_word()
                ),
                "a name and its values in each entry",
            );
            continue;
        };
        for (key, _) in entries {
            let name = key.text().unwrap_or_default();
            let values = meta::list(&document.root, name, &mut report);
            if name.is_empty() || name.contains('%') || values.is_empty() {
                report.error(
                    code::BAD_LISTS,
                    key.span,
                    format!("`{}` is not a list with a name", modifier::short(name)),
                    "write the name without percent signs, and at least one value",
                );
                continue;
            }
            lists.push((name.to_owned(), values));
        }
    }
    (lists, report.into_diagnostics())
}

/// Reads all rules and correlations of one file. What is refused has an error with its place;
/// the other documents of the file are kept.
#[must_use]
pub fn parse_rules(path: &str, text: &str, options: &Options) -> (Vec<Document>, Vec<Diagnostic>) {
    let mut report = Report::new(path);
    let lines: Vec<&str> = text.lines().collect();
    let mut shared = Shared::default();
    let documents = yaml::read(text, &mut report)
        .into_iter()
        .filter_map(|document| {
            let text = lines_of(&lines, &document);
            let (root, text) = shared.take(document.root, text, &mut report)?;
            if options.pipelines.is_empty() {
                return read_document(&root, &text, &options.lists, &mut report);
            }
            let mut lists = options.lists.clone();
            let root = pipeline::apply(&options.pipelines, root, &mut lists, &mut report)?;
            read_document(&root, &text, &lists, &mut report)
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
    root: &Node,
    text: &Arc<str>,
    lists: &modifier::Lists,
    report: &mut Report,
) -> Option<Document> {
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
    let view = meta.as_ref().map(|m| m.logsource.view());
    let given = Given {
        lists,
        brackets: brackets(root, view),
    };
    let body = if let Some(node) = root.get("correlation") {
        correlation::read(node, root, report).map(|c| Body::Correlation(Arc::new(c)))
    } else if let Some(node) = root.get("filter") {
        filter::read(node, given, report).map(|f| Body::Filter(Arc::new(f)))
    } else if let Some(node) = root.get("detection") {
        detection::read(node, given, report).map(|d| Body::Detection(Arc::new(d)))
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

/// From version 3 of the specification on, brackets after a field name select members of an array
/// (SEP 212).
fn brackets(root: &Node, view: Option<View>) -> Brackets {
    let major = root
        .get("sigma-version")
        .and_then(Node::text)
        .map(|text| text.trim_start_matches('v'))
        .and_then(|text| text.split('.').next()?.parse::<u32>().ok());
    match (major, view) {
        (Some(3..), Some(View::Norm)) => Brackets::Refuse,
        (Some(3..), _) => Brackets::Select,
        (Some(_) | None, _) => Brackets::Literal,
    }
}
