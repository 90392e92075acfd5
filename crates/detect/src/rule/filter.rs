//! Filters (Sigma 2.1, filters specification): conditions added to rules from outside.

use std::sync::Arc;

use watchfloor_types::{Diagnostic, Place};

use super::{Body, Condition, Detection, Document, action, detection};
use crate::{
    diagnostics::{Report, code, did_you_mean},
    modifier::short,
    yaml::{Kind, Node},
};

/// The filter section.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    rules: Named,
    detection: Detection,
}

/// Which rules a filter is for, among those of its logsource.
#[derive(Debug, Clone)]
enum Named {
    Any,
    These(Vec<(String, Place)>),
}

pub(super) fn read(node: &Node, given: detection::Given, report: &mut Report) -> Option<Filter> {
    if node.map().is_none() {
        report.error(
            code::WRONG_TYPE,
            node.span,
            format!("`filter` must be a map, not {}", node.kind_word()),
            "",
        );
        return None;
    }
    let rules = match node.get("rules").map(|n| (&n.kind, n)) {
        Some((Kind::Scalar(s), _)) if s.text.eq_ignore_ascii_case("any") => Named::Any,
        Some((Kind::Scalar(s), one)) => {
            Named::These(vec![(s.text.clone(), report.place(one.span))])
        }
        Some((Kind::List(items), _)) if !items.is_empty() => Named::These(
            items
                .iter()
                .filter_map(|i| Some((i.text()?.to_owned(), report.place(i.span))))
                .collect(),
        ),
        Some((Kind::List(_) | Kind::Map(_), _)) | None => {
            report.error(
                code::FILTER_RULES,
                node.get("rules").map_or(node.span, |n| n.span),
                "the filter does not say which rules it is for",
                "list ids or names under `rules`, or write `rules: any` for all of its logsource",
            );
            return None;
        }
    };
    let inside = action::without(node.clone(), "rules");
    let detection = detection::read(&inside, given, report)?;
    if !negates(&detection.condition) {
        report.warning(
            code::FILTER_KEEPS,
            node.get("condition").map_or(node.span, |n| n.span),
            "this lets rules match only where the filter's selection holds, for the condition is added with `and`",
            "write `condition: not selection` to leave out what it selects",
        );
    }
    Some(Filter { rules, detection })
}

fn negates(condition: &Condition) -> bool {
    match condition {
        Condition::Not(_) => true,
        Condition::All(parts) | Condition::Any(parts) => parts.iter().any(negates),
        Condition::Selection(_) | Condition::Of { .. } => false,
    }
}

/// Adds filters to the rules they name, and takes them out of the documents. A filter's logsource
/// must be part of the rule's.
pub(crate) fn apply(documents: Vec<Document>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Document> {
    let (filters, mut rules): (Vec<Document>, Vec<Document>) = documents
        .into_iter()
        .partition(|d| matches!(d.body, Body::Filter(_)));
    for document in &filters {
        let Body::Filter(filter) = &document.body else {
            continue;
        };
        let sees = |rule: &Document| document.meta.logsource.sees(&rule.meta.logsource);
        match &filter.rules {
            Named::Any => {
                for rule in rules.iter_mut().filter(|r| sees(r)) {
                    add(rule, filter, &document.meta.title);
                }
            }
            Named::These(names) => {
                for (name, place) in names {
                    let is = |rule: &Document| {
                        rule.meta.id.as_str() == name || rule.meta.name.as_ref() == Some(name)
                    };
                    let message = match rules.iter_mut().find(|r| is(r)) {
                        Some(rule) if rule.is_correlation() => {
                            "filters are for rules over one event, not for correlations".to_owned()
                        }
                        Some(rule) if !sees(rule) => format!(
                            "the filter is for {}, the rule `{}` for {}",
                            document.meta.logsource,
                            short(name),
                            rule.meta.logsource
                        ),
                        Some(rule) => {
                            add(rule, filter, &document.meta.title);
                            continue;
                        }
                        None => format!("there is no rule with the id or name `{}`", short(name)),
                    };
                    let near =
                        did_you_mean(name, rules.iter().filter_map(|r| r.meta.name.as_deref()));
                    let mut found =
                        Diagnostic::warning(code::FILTER_TARGET, message).at(place.clone());
                    if !near.is_empty() {
                        found = found.help(near);
                    }
                    diagnostics.push(found);
                }
            }
        }
    }
    rules
}

fn add(rule: &mut Document, filter: &Filter, title: &str) {
    let Body::Detection(detection) = &rule.body else {
        return;
    };
    let mut out = Detection::clone(detection);
    let offset = out.selections.len();
    for (name, selection) in &filter.detection.selections {
        out.selections
            .push((format!("{title}: {name}"), selection.clone()));
    }
    out.condition = Condition::All(vec![
        out.condition,
        shifted(&filter.detection.condition, offset),
    ]);
    out.text = format!("({}) and filter ({})", out.text, filter.detection.text);
    rule.body = Body::Detection(Arc::new(out));
}

/// The condition over selections that stand `offset` further on.
fn shifted(condition: &Condition, offset: usize) -> Condition {
    let all = |parts: &[Condition]| parts.iter().map(|p| shifted(p, offset)).collect();
    match condition {
        Condition::Selection(at) => Condition::Selection(at + offset),
        Condition::All(parts) => Condition::All(all(parts)),
        Condition::Any(parts) => Condition::Any(all(parts)),
        Condition::Not(inside) => Condition::Not(Box::new(shifted(inside, offset))),
        Condition::Of { need, members } => Condition::Of {
            need: *need,
            members: members.iter().map(|m| m + offset).collect(),
        },
    }
}
