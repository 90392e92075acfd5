//! Whether an expression makes sense: every name declared, every kind of value where it belongs.

use std::collections::{BTreeMap, BTreeSet};

use watchfloor_types::{FactName, ObligationId};

use super::{Compare, ExprError, Kind, Node};
use crate::obligation::{DecisionSpec, FactKind, FactSpec};

/// What an expression may name.
pub(crate) struct Scope<'r> {
    pub(crate) facts: &'r BTreeMap<FactName, FactSpec>,
    pub(crate) decisions: &'r BTreeMap<FactName, DecisionSpec>,
    /// Stages that come before the one checked: chains run forward, never in a circle.
    pub(crate) stages: &'r BTreeSet<ObligationId>,
    /// Whether the regime has a calendar.
    pub(crate) calendar: Calendar,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Calendar {
    Named,
    Missing,
}

/// What is wrong with `root`, which has to give a value of kind `want`.
pub(crate) fn check(root: &Node, want: FactKind, scope: &Scope<'_>) -> Vec<ExprError> {
    let mut errors = Vec::new();
    let inner = match &root.kind {
        Kind::Soft(inner) if want == FactKind::Moment => inner,
        _ => root,
    };
    needs(inner, want, scope, &mut errors);
    walk(inner, scope, &mut errors);
    errors
}

fn error(node: &Node, message: impl Into<String>) -> ExprError {
    ExprError {
        span: node.span,
        message: message.into(),
        help: None,
    }
}

fn kind_of(node: &Node, scope: &Scope<'_>) -> Option<FactKind> {
    node.ty(&|name| scope.facts.get(name).map(|spec| spec.kind))
}

fn needs(node: &Node, want: FactKind, scope: &Scope<'_>, errors: &mut Vec<ExprError>) {
    if let Some(found) = kind_of(node, scope)
        && found != want
    {
        errors.push(error(
            node,
            format!("this is a {found}, a {want} is needed"),
        ));
    }
}

fn walk(node: &Node, scope: &Scope<'_>, errors: &mut Vec<ExprError>) {
    let want = |nodes: &[&Node], kind: FactKind, errors: &mut Vec<ExprError>| {
        for node in nodes {
            needs(node, kind, scope, errors);
        }
    };
    match &node.kind {
        Kind::Truth(_) | Kind::Count(_) | Kind::Text(_) => {}
        Kind::Fact(name) => {
            if !scope.facts.contains_key(name) {
                errors.push(ExprError {
                    help: Some(
                        "add it under `facts` with its kind and the question to ask".to_owned(),
                    ),
                    ..error(node, format!("the fact `{name}` is not declared"))
                });
            }
        }
        Kind::Decided(name) | Kind::DecidedAt(name) => {
            if !scope.decisions.contains_key(name) {
                errors.push(ExprError {
                    help: Some("add it under `decisions` with who may answer it".to_owned()),
                    ..error(node, format!("the decision `{name}` is not declared"))
                });
            }
        }
        Kind::Submitted(stage, _) => {
            if !scope.stages.contains(stage) {
                errors.push(error(
                    node,
                    format!("there is no stage `{stage}` before this one"),
                ));
            }
        }
        Kind::Not(one) => want(&[one], FactKind::Truth, errors),
        Kind::All(all) | Kind::Any(all) => {
            want(&all.iter().collect::<Vec<_>>(), FactKind::Truth, errors);
        }
        Kind::Compare(how, a, b) => {
            if let (Some(left), Some(right)) = (kind_of(a, scope), kind_of(b, scope)) {
                let ordered = match how {
                    Compare::Equal | Compare::Unequal => true,
                    Compare::Less | Compare::AtMost | Compare::More | Compare::AtLeast => {
                        matches!(left, FactKind::Moment | FactKind::Count)
                    }
                };
                if left != right {
                    errors.push(error(
                        node,
                        format!("a {left} cannot be compared with a {right}"),
                    ));
                } else if !ordered {
                    errors.push(error(
                        node,
                        format!("`{how}` does not compare values of kind {left}"),
                    ));
                }
            }
        }
        Kind::OneOf(one, _) => match kind_of(one, scope) {
            None | Some(FactKind::Text | FactKind::List) => {}
            Some(found) => errors.push(error(
                one,
                format!("this is a {found}, a text or list is needed"),
            )),
        },
        Kind::Add(one, period) => {
            want(&[one], FactKind::Moment, errors);
            if period.unit == super::Unit::BusinessDays && scope.calendar == Calendar::Missing {
                errors.push(error(
                    node,
                    "business days need a calendar; the regime names none",
                ));
            }
        }
        Kind::NextWorkingDay(one) | Kind::IsNonworking(one) => {
            want(&[one], FactKind::Moment, errors);
            if scope.calendar == Calendar::Missing {
                errors.push(error(
                    node,
                    "working days need a calendar; the regime names none",
                ));
            }
        }
        Kind::At(one, _) | Kind::EndOfDay(one) | Kind::EndOfYear(one) => {
            want(&[one], FactKind::Moment, errors);
        }
        Kind::Min(all) | Kind::Max(all) => {
            want(&all.iter().collect::<Vec<_>>(), FactKind::Moment, errors);
        }
        Kind::If(condition, a, b) => {
            want(&[condition], FactKind::Truth, errors);
            if let Some(kind) = kind_of(a, scope) {
                want(&[b], kind, errors);
            }
        }
        Kind::FirstDefined(all) => {
            if let Some(kind) = all.first().and_then(|first| kind_of(first, scope)) {
                want(&all.iter().collect::<Vec<_>>(), kind, errors);
            }
        }
        Kind::Soft(_) => errors.push(error(
            node,
            "`soft` may only stand around the whole due expression",
        )),
    }
    for child in node.children() {
        walk(child, scope, errors);
    }
}
