//! Pipelines applied to one document, before anything of it is read.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    ALTERNATIVE, Item, Pipeline,
    condition::OfRule,
    nodes::{entry, keyword, mapped, moved, name_of, plain, texts, with_text},
    transform::Transformation,
};
use crate::{
    diagnostics::{Report, code},
    modifier::Lists,
    yaml::{Kind, Node, Span},
};

/// What one document has been through.
struct Passage<'a> {
    state: BTreeMap<String, String>,
    applied: BTreeSet<String>,
    report: &'a mut Report,
}

/// What becomes of a detection item.
enum Change {
    Keep,
    Drop,
    To(Node, Node),
}

/// The document as the pipelines make it. `None` where one of them refuses it.
pub(in crate::rule) fn apply(
    pipelines: &[Pipeline],
    mut root: Node,
    lists: &mut Lists,
    report: &mut Report,
) -> Option<Node> {
    let before = report.errors();
    let mut passage = Passage {
        state: BTreeMap::new(),
        applied: BTreeSet::new(),
        report,
    };
    for pipeline in pipelines {
        for item in &pipeline.items {
            if item.rule.hold(|c| passage.is(c, &root)) {
                passage.transform(pipeline, item, &mut root, lists);
                if let Some(id) = &item.id {
                    passage.applied.insert(id.clone());
                }
            }
        }
    }
    (report.errors() == before).then_some(root)
}

impl Passage<'_> {
    fn is(&self, condition: &OfRule, root: &Node) -> bool {
        match condition {
            OfRule::Logsource(parts) => {
                let Some(logsource) = root.get("logsource") else {
                    return false;
                };
                ["product", "category", "service"]
                    .iter()
                    .zip(parts)
                    .all(|(key, part)| {
                        part.is_none() || logsource.get(key).and_then(Node::text) == part.as_deref()
                    })
            }
            OfRule::ContainsField(field) => any_item(root, |key, _| name_of(key) == field),
            OfRule::ContainsItem { field, value } => any_item(root, |key, node| {
                name_of(key) == field && texts(node).any(|t| t == value)
            }),
            OfRule::Applied(id) => self.applied.contains(id),
            OfRule::State { key, value } => self.state.get(key) == Some(value),
            OfRule::IsRule => root.get("correlation").is_none(),
            OfRule::IsCorrelation => root.get("correlation").is_some(),
            OfRule::Attribute { name, value } => root.get(name).and_then(Node::text) == Some(value),
            OfRule::Tag(tag) => root.get("tags").is_some_and(|n| texts(n).any(|t| t == tag)),
        }
    }

    fn transform(&mut self, pipeline: &Pipeline, item: &Item, root: &mut Node, lists: &mut Lists) {
        match &item.transformation {
            Transformation::Logsource(parts) => change_logsource(root, parts),
            Transformation::Condition { fields, negated } => add_condition(root, fields, *negated),
            Transformation::SetState { key, value } => {
                self.state.insert(key.clone(), value.clone());
            }
            Transformation::RuleFailure(message) => {
                let at = root.entry("title").map_or(root.span, |(key, _)| key.span);
                self.refuse(at, message);
            }
            Transformation::ValuePlaceholders { include, exclude } => {
                for (name, values) in pipeline.vars() {
                    let wanted =
                        (include.is_empty() || include.contains(name)) && !exclude.contains(name);
                    if wanted && !lists.contains_key(name) {
                        lists.insert(name.clone(), values.clone());
                    }
                }
            }
            Transformation::WildcardPlaceholders { include, exclude } => {
                for name in placeholders(root) {
                    let wanted =
                        (include.is_empty() || include.contains(&name)) && !exclude.contains(&name);
                    if wanted {
                        lists.entry(name).or_insert_with(|| vec!["*".to_owned()]);
                    }
                }
            }
            Transformation::FieldNames(_)
            | Transformation::FieldNamePrefixes(_)
            | Transformation::FieldNamePrefix(_)
            | Transformation::FieldNameSuffix(_)
            | Transformation::ReplaceString { .. }
            | Transformation::MapString(_)
            | Transformation::SetValue(_)
            | Transformation::DropItem
            | Transformation::ItemFailure(_) => {
                for section in ["detection", "filter"] {
                    let Some(Kind::Map(entries)) = entry(root, section).map(|n| &mut n.kind) else {
                        continue;
                    };
                    for (name, selection) in entries {
                        let skip = ["condition", "timeframe", "rules"];
                        if !skip.iter().any(|s| name.text() == Some(s)) {
                            self.walk(item, selection);
                        }
                    }
                }
                self.names_beside(item, root);
            }
        }
    }

    fn refuse(&mut self, at: Span, message: &str) {
        self.report.error(
            code::PIPELINE_REFUSES,
            at,
            format!("the pipeline refuses this rule: {message}"),
            "leave the rule or the pipeline out, or change either",
        );
    }

    fn walk(&mut self, item: &Item, node: &mut Node) {
        match &mut node.kind {
            Kind::Map(entries) => {
                let mut out = Vec::with_capacity(entries.len());
                for (key, value) in entries.drain(..) {
                    match self.change(item, &key, &value) {
                        Change::Keep => out.push((key, value)),
                        Change::Drop => {}
                        Change::To(key, value) => out.push((key, value)),
                    }
                }
                *entries = out;
            }
            Kind::List(nodes) => {
                let mut out = Vec::with_capacity(nodes.len());
                for mut node in nodes.drain(..) {
                    if node.scalar().is_none() {
                        self.walk(item, &mut node);
                        // A map that has lost its last item selects nothing any more.
                        if node.map().is_none_or(|entries| !entries.is_empty()) {
                            out.push(node);
                        }
                        continue;
                    }
                    match self.change(item, &keyword(node.span), &node) {
                        Change::Keep => out.push(node),
                        Change::Drop => {}
                        Change::To(_, value) => match value.kind {
                            Kind::List(several) => out.extend(several),
                            Kind::Scalar(_) | Kind::Map(_) => out.push(value),
                        },
                    }
                }
                *nodes = out;
            }
            Kind::Scalar(_) => {
                if let Change::To(_, value) = self.change(item, &keyword(node.span), node) {
                    *node = value;
                }
            }
        }
    }

    fn change(&mut self, item: &Item, key: &Node, value: &Node) -> Change {
        let text = key.text().unwrap_or_default();
        let (field, modifiers) = text.split_once('|').unwrap_or((text, ""));
        let state = |name: &str| self.state.get(name).cloned();
        if !item.selected.hold(|c| c.holds(value, state))
            || !item.field.hold(|c| c.holds(field, state))
        {
            return Change::Keep;
        }
        let is = |modifier: &str| modifiers.split('|').any(|m| m == modifier);
        match &item.transformation {
            Transformation::DropItem => Change::Drop,
            Transformation::ItemFailure(message) => {
                self.refuse(key.span, message);
                Change::Keep
            }
            Transformation::SetValue(new) => Change::To(key.clone(), new.clone()),
            Transformation::ReplaceString { pattern, with } if !is("re") => {
                let value = mapped(value, &|text| {
                    vec![pattern.replace_all(text, with.as_str()).into_owned()]
                });
                Change::To(key.clone(), value)
            }
            Transformation::MapString(mapping) if !is("re") => {
                let value = mapped(value, &|text| {
                    mapping
                        .get(text)
                        .cloned()
                        .unwrap_or_else(|| vec![text.to_owned()])
                });
                Change::To(key.clone(), value)
            }
            _ => {
                let value = if is("fieldref") {
                    mapped(value, &|text| renamed(&item.transformation, text))
                } else {
                    value.clone()
                };
                let names: Vec<String> = field
                    .split(ALTERNATIVE)
                    .flat_map(|name| renamed(&item.transformation, name))
                    .collect();
                let mut new = names.join(&ALTERNATIVE.to_string());
                if !modifiers.is_empty() {
                    new.push('|');
                    new.push_str(modifiers);
                }
                Change::To(with_text(key, new), value)
            }
        }
    }

    /// Field names outside of selections: `fields`, and what a correlation reads.
    fn names_beside(&mut self, item: &Item, root: &mut Node) {
        if !item.selected.is_empty() {
            return;
        }
        let aliases: Vec<String> = root
            .get("correlation")
            .and_then(|c| c.get("aliases"))
            .and_then(Node::map)
            .unwrap_or_default()
            .iter()
            .filter_map(|(alias, _)| alias.text().map(ToOwned::to_owned))
            .collect();
        let state = self.state.clone();
        let rename = |text: &str| {
            let holds = item
                .field
                .hold(|c| c.holds(text, |k| state.get(k).cloned()));
            if holds && !aliases.iter().any(|a| a == text) {
                renamed(&item.transformation, text)
            } else {
                vec![text.to_owned()]
            }
        };
        if let Some(fields) = entry(root, "fields") {
            *fields = mapped(fields, &rename);
        }
        let Some(correlation) = entry(root, "correlation") else {
            return;
        };
        let mut several = None;
        let mut one = |node: &mut Node| {
            let before = texts(node).count();
            let new = mapped(node, &rename);
            if texts(&new).count() == before {
                *node = new;
            } else {
                several = Some(node.span);
            }
        };
        if let Some(node) = entry(correlation, "group-by") {
            one(node);
        }
        if let Some(node) = entry(correlation, "condition").and_then(|c| entry(c, "field")) {
            one(node);
        }
        if let Some(Kind::Map(aliases)) = entry(correlation, "aliases").map(|n| &mut n.kind) {
            for (_, fields) in aliases {
                if let Kind::Map(fields) = &mut fields.kind {
                    for (_, field) in fields {
                        one(field);
                    }
                }
            }
        }
        if let Some(at) = several {
            self.refuse(at, "a correlation cannot read several fields for one");
        }
    }
}

/// The names that stand for one.
fn renamed(transformation: &Transformation, name: &str) -> Vec<String> {
    if name.is_empty() {
        return vec![String::new()];
    }
    match transformation {
        Transformation::FieldNames(mapping) => mapping
            .get(name)
            .cloned()
            .unwrap_or_else(|| vec![name.to_owned()]),
        Transformation::FieldNamePrefixes(mapping) => mapping
            .iter()
            .find_map(|(from, to)| {
                let rest = name.strip_prefix(from.as_str())?;
                Some(to.iter().map(|to| format!("{to}{rest}")).collect())
            })
            .unwrap_or_else(|| vec![name.to_owned()]),
        Transformation::FieldNamePrefix(prefix) => vec![format!("{prefix}{name}")],
        Transformation::FieldNameSuffix(suffix) => vec![format!("{name}{suffix}")],
        Transformation::Logsource(_)
        | Transformation::Condition { .. }
        | Transformation::ReplaceString { .. }
        | Transformation::MapString(_)
        | Transformation::SetValue(_)
        | Transformation::DropItem
        | Transformation::SetState { .. }
        | Transformation::RuleFailure(_)
        | Transformation::ItemFailure(_)
        | Transformation::ValuePlaceholders { .. }
        | Transformation::WildcardPlaceholders { .. } => vec![name.to_owned()],
    }
}

/// Whether any detection item of the document is such.
fn any_item(root: &Node, mut is: impl FnMut(&Node, &Node) -> bool) -> bool {
    let mut open: Vec<&Node> = Vec::new();
    for section in ["detection", "filter"] {
        let entries = root.get(section).and_then(Node::map).unwrap_or_default();
        open.extend(entries.iter().map(|(_, value)| value));
    }
    while let Some(node) = open.pop() {
        match &node.kind {
            Kind::Map(entries) => {
                if entries.iter().any(|(key, value)| is(key, value)) {
                    return true;
                }
            }
            Kind::List(items) => open.extend(items),
            Kind::Scalar(_) => {}
        }
    }
    false
}

/// Names between percent signs in values.
fn placeholders(root: &Node) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    let _looked_at_all = any_item(root, |_, value| {
        for text in texts(value) {
            out.extend(text.split('%').skip(1).step_by(2).map(ToOwned::to_owned));
        }
        false
    });
    out
}

fn change_logsource(root: &mut Node, parts: &[Option<String>; 3]) {
    let Some(logsource) = entry(root, "logsource") else {
        return;
    };
    let span = logsource.span;
    let entries = ["product", "category", "service"]
        .iter()
        .zip(parts)
        .filter_map(|(key, part)| Some((plain(key, span), plain(part.as_deref()?, span))))
        .collect();
    logsource.kind = Kind::Map(entries);
}

fn add_condition(root: &mut Node, fields: &[(Node, Node)], negated: bool) {
    let Some(detection) = entry(root, "detection") else {
        return;
    };
    let span = detection.span;
    let Kind::Map(entries) = &mut detection.kind else {
        return;
    };
    let taken = |name: &str| entries.iter().any(|(k, _)| k.text() == Some(name));
    let mut number = 1;
    while taken(&format!("_pipeline_{number}")) {
        number += 1;
    }
    let name = format!("_pipeline_{number}");
    for (key, value) in entries.iter_mut() {
        if key.text() != Some("condition") {
            continue;
        }
        let not = if negated { "not " } else { "" };
        *value = mapped(value, &|old| vec![format!("{not}{name} and ({old})")]);
    }
    // The pipeline's own places are in another file.
    let fields = fields
        .iter()
        .map(|(key, value)| (moved(key, span), moved(value, span)))
        .collect();
    entries.push((
        plain(&name, span),
        Node {
            span,
            kind: Kind::Map(fields),
        },
    ));
}
