//! Processing pipelines as pySigma has them: field names and values of rules are fitted to the
//! events of an estate, before a rule is compiled.
//!
//! A pipeline is a YAML file with `name`, `priority`, `vars` and `transformations`. Each
//! transformation has a `type`, what it takes, and conditions over the rule, the detection item and
//! the field name. Pipelines apply in the order of their priority, transformations in the order
//! written. What is not known is refused with its place: a rule that was half fitted would be silent.

mod condition;
mod document;
mod nodes;
mod transform;

use std::collections::BTreeMap;

use watchfloor_types::Diagnostic;

use crate::{
    diagnostics::{Report, code, did_you_mean},
    modifier::short,
    rule::meta,
    yaml::{self, Node},
};
pub(super) use document::apply;

/// Between the names of one field that became several.
pub(super) const ALTERNATIVE: char = '\u{1f}';

/// A processing pipeline.
#[derive(Debug, Clone)]
pub struct Pipeline {
    name: String,
    priority: i64,
    vars: BTreeMap<String, Vec<String>>,
    items: Vec<Item>,
}

/// One transformation with its conditions.
#[derive(Debug, Clone)]
struct Item {
    id: Option<String>,
    transformation: transform::Transformation,
    rule: condition::Conditions<condition::OfRule>,
    selected: condition::Conditions<condition::OfItem>,
    field: condition::Conditions<condition::OfField>,
}

impl Pipeline {
    /// Its name; empty where it has none.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
    /// Pipelines with a smaller one apply first.
    #[must_use]
    pub fn priority(&self) -> i64 {
        self.priority
    }
    pub(super) fn vars(&self) -> &BTreeMap<String, Vec<String>> {
        &self.vars
    }
}

const KEYS: [&str; 7] = [
    "name",
    "priority",
    "vars",
    "transformations",
    "allowed_backends",
    "postprocessing",
    "finalizers",
];

/// Keys of an item that are not the transformation's own.
const ITEM_KEYS: [&str; 11] = [
    "id",
    "type",
    "rule_conditions",
    "rule_cond_op",
    "rule_cond_not",
    "detection_item_conditions",
    "detection_item_cond_op",
    "detection_item_cond_not",
    "field_name_conditions",
    "field_name_cond_op",
    "field_name_cond_not",
];

/// Reads a pipeline. Anything that is not understood is an error, and then there is none.
#[must_use]
pub fn parse_pipeline(path: &str, text: &str) -> (Option<Pipeline>, Vec<Diagnostic>) {
    let mut report = Report::new(path);
    let documents = yaml::read(text, &mut report);
    let pipeline = match documents.as_slice() {
        [one] => read(&one.root, &mut report),
        _ => {
            if report.errors() == 0 {
                report.error(
                    code::PIPELINE,
                    yaml::Span::default(),
                    "a pipeline is one YAML document",
                    "",
                );
            }
            None
        }
    };
    let fine = report.errors() == 0;
    (pipeline.filter(|_| fine), report.into_diagnostics())
}

fn read(root: &Node, report: &mut Report) -> Option<Pipeline> {
    let Some(entries) = root.map() else {
        report.error(
            code::PIPELINE,
            root.span,
            format!("a pipeline must be a map, not {}", root.kind_word()),
            "begin with `name:` and `transformations:`",
        );
        return None;
    };
    for (key, _) in entries {
        let word = key.text().unwrap_or_default();
        if !KEYS.contains(&word) {
            report.error(
                code::PIPELINE,
                key.span,
                format!("unknown key `{}` in a pipeline", short(word)),
                did_you_mean(word, KEYS),
            );
        } else if matches!(word, "postprocessing" | "finalizers") {
            report.note(
                code::PIPELINE,
                key.span,
                format!("`{word}` shapes queries for other systems and does nothing here"),
                "",
            );
        }
    }
    let priority = match root.get("priority") {
        None => 0,
        Some(node) => node.text().and_then(|t| t.parse().ok()).unwrap_or_else(|| {
            report.error(
                code::PIPELINE,
                node.span,
                "`priority` must be a whole number",
                "",
            );
            0
        }),
    };
    let mut vars = BTreeMap::new();
    for (key, value) in root.get("vars").and_then(Node::map).unwrap_or_default() {
        let name = key.text().unwrap_or_default();
        let one = Node {
            span: value.span,
            kind: yaml::Kind::Map(vec![(key.clone(), value.clone())]),
        };
        vars.insert(name.to_owned(), meta::list(&one, name, report));
    }
    let Some(yaml::Kind::List(nodes)) = root.get("transformations").map(|n| &n.kind) else {
        report.error(
            code::PIPELINE,
            root.span,
            "the pipeline has no list `transformations`",
            "",
        );
        return None;
    };
    let items = nodes.iter().filter_map(|node| item(node, report)).collect();
    Some(Pipeline {
        name: root
            .get("name")
            .and_then(Node::text)
            .unwrap_or_default()
            .to_owned(),
        priority,
        vars,
        items,
    })
}

fn item(node: &Node, report: &mut Report) -> Option<Item> {
    let Some(entries) = node.map() else {
        report.error(
            code::PIPELINE,
            node.span,
            format!("a transformation must be a map, not {}", node.kind_word()),
            "",
        );
        return None;
    };
    let transformation = transform::read(node, report)?;
    for (key, _) in entries {
        let word = key.text().unwrap_or_default();
        if !ITEM_KEYS.contains(&word) && !transformation.keys().contains(&word) {
            let known = ITEM_KEYS.iter().chain(transformation.keys()).copied();
            report.error(
                code::PIPELINE,
                key.span,
                format!("unknown key `{}` in a transformation", short(word)),
                did_you_mean(word, known),
            );
        }
    }
    Some(Item {
        id: node.get("id").and_then(Node::text).map(ToOwned::to_owned),
        rule: condition::read(node, "rule", condition::OfRule::read, report)?,
        selected: condition::read(node, "detection_item", condition::OfItem::read, report)?,
        field: condition::read(node, "field_name", condition::OfField::read, report)?,
        transformation,
    })
}
