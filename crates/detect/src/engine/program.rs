//! Rules as boolean programs over asks; equal asks of different rules are one.

use std::{hash::BuildHasher as _, sync::Arc};

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use watchfloor_types::View;

use super::{expression::Expression, literal};
use crate::{
    modifier::{Join, Negation},
    op::{Case, How, Op},
    pattern::{Part, Pattern},
    rule::{Condition, Detection, Field, Item, Selection},
};

/// A question about one field of one view.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Ask {
    pub(crate) view: View,
    pub(crate) field: Field,
    pub(crate) op: Op,
}

/// All questions of all rules, each once. Ids only grow, so that what was compiled from them stays
/// right when rules change.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asks {
    list: Vec<Arc<Ask>>,
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
    regexes: HashMap<u32, Arc<Expression>>,
}

impl Asks {
    pub(crate) fn get(&self, id: u32) -> Option<&Arc<Ask>> {
        self.list.get(id as usize)
    }
    pub(crate) fn regex(&self, id: u32) -> Option<&Arc<Expression>> {
        self.regexes.get(&id)
    }
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }
    /// The id of an ask that was interned before.
    pub(crate) fn find(&self, ask: &Ask) -> Option<u32> {
        let hash = self.hasher.hash_one(ask);
        self.index
            .find(hash, |id| {
                self.list.get(*id as usize).is_some_and(|a| **a == *ask)
            })
            .copied()
    }
    fn intern(&mut self, ask: Ask) -> u32 {
        if let Some(id) = self.find(&ask) {
            return id;
        }
        let id = self.list.len() as u32;
        if let Op::Regex(source) = &ask.op {
            self.regexes.insert(id, Arc::new(Expression::new(source)));
        }
        let hash = self.hasher.hash_one(&ask);
        self.list.push(Arc::new(ask));
        let (list, hasher) = (&self.list, &self.hasher);
        self.index.insert_unique(hash, id, |id| {
            list.get(*id as usize)
                .map_or(0, |ask| hasher.hash_one(ask.as_ref()))
        });
        id
    }
}

/// A selection, compiled.
#[derive(Debug, Clone)]
pub(crate) enum Expr {
    Ask(u32),
    /// A slow ask that can only hold where the quick one does.
    Guarded {
        guard: u32,
        ask: u32,
    },
    All(Box<[Expr]>),
    Any(Box<[Expr]>),
    Not(Box<Expr>),
}

/// A rule, compiled.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) selections: Box<[Expr]>,
    pub(crate) condition: Condition,
}

/// Compiles one rule, interning what it asks.
pub(crate) fn compile(detection: &Detection, view: View, asks: &mut Asks) -> Program {
    Program {
        selections: detection
            .selections
            .iter()
            .map(|(_, s)| selection(s, view, asks))
            .collect(),
        condition: detection.condition.clone(),
    }
}

fn selection(selection: &Selection, view: View, asks: &mut Asks) -> Expr {
    match selection {
        Selection::All(parts) => all(parts
            .iter()
            .map(|p| self::selection(p, view, asks))
            .collect()),
        Selection::Any(parts) => any(parts
            .iter()
            .map(|p| self::selection(p, view, asks))
            .collect()),
        Selection::Item(i) => item(i, view, asks),
    }
}

fn item(item: &Item, view: View, asks: &mut Asks) -> Expr {
    let mut op = |op: &Op| ask(view, &item.field, op, asks);
    let values: Vec<Expr> = item
        .values
        .iter()
        .map(|ops| any(ops.iter().map(&mut op).collect()))
        .collect();
    let values = match item.join {
        Join::Any => any(values),
        Join::All => all(values),
    };
    if item.absent {
        return Expr::Not(Box::new(values));
    }
    match item.negation {
        Negation::None => values,
        Negation::NotEqual => {
            let not = Expr::Not(Box::new(values));
            match item.field {
                Field::Anywhere => not,
                Field::Named(_) => all(vec![op(&Op::Exists), not]),
            }
        }
    }
}

fn ask(view: View, field: &Field, op: &Op, asks: &mut Asks) -> Expr {
    let mut intern = |op: Op| {
        asks.intern(Ask {
            view,
            field: field.clone(),
            op,
        })
    };
    let guard = match op {
        Op::Glob { case, pattern } => glob_guard(*case, pattern),
        Op::Regex(source) => {
            let mut texts: Vec<Op> = literal::required(source)
                .into_iter()
                .map(|literal| Op::Text {
                    how: How::Contains,
                    case: Case::Ignored,
                    literal: literal.into(),
                })
                .collect();
            if texts.len() > 1 {
                let guards = texts.into_iter().map(|t| Expr::Ask(intern(t))).collect();
                return all(vec![any(guards), Expr::Ask(intern(op.clone()))]);
            }
            texts.pop()
        }
        Op::Text { .. }
        | Op::Number(_)
        | Op::Cidr(_)
        | Op::Compare(..)
        | Op::Exists
        | Op::Null
        | Op::FieldRef { .. }
        | Op::Time { .. }
        | Op::Array(_)
        | Op::Placeholder(_) => None,
    };
    match guard {
        Some(guard) => Expr::Guarded {
            guard: intern(guard),
            ask: intern(op.clone()),
        },
        None => Expr::Ask(intern(op.clone())),
    }
}

/// A text that every match of the pattern has.
fn glob_guard(case: Case, pattern: &Pattern) -> Option<Op> {
    let longest = pattern.longest_text()?;
    let is =
        |part: Option<&Part>| matches!(part, Some(Part::Text(text)) if text.as_ref() == longest);
    let how = if is(pattern.parts().first()) {
        How::StartsWith
    } else if is(pattern.parts().last()) {
        How::EndsWith
    } else {
        How::Contains
    };
    Some(Op::Text {
        how,
        case,
        literal: longest.into(),
    })
}

fn all(mut parts: Vec<Expr>) -> Expr {
    match parts.len() {
        1 => parts.swap_remove(0),
        _ => Expr::All(parts.into()),
    }
}

fn any(mut parts: Vec<Expr>) -> Expr {
    match parts.len() {
        1 => parts.swap_remove(0),
        _ => Expr::Any(parts.into()),
    }
}

impl Program {
    /// Every ask of the program, some perhaps twice.
    pub(crate) fn asks(&self) -> Vec<u32> {
        fn walk(expr: &Expr, out: &mut Vec<u32>) {
            match expr {
                Expr::Ask(id) => out.push(*id),
                Expr::Guarded { guard, ask } => out.extend([*guard, *ask]),
                Expr::All(parts) | Expr::Any(parts) => parts.iter().for_each(|p| walk(p, out)),
                Expr::Not(inside) => walk(inside, out),
            }
        }
        let mut out = Vec::new();
        self.selections.iter().for_each(|s| walk(s, &mut out));
        out
    }
    /// The same with other ids.
    pub(crate) fn renumbered(&self, new: &impl Fn(u32) -> u32) -> Self {
        fn walk(expr: &Expr, new: &impl Fn(u32) -> u32) -> Expr {
            match expr {
                Expr::Ask(id) => Expr::Ask(new(*id)),
                Expr::Guarded { guard, ask } => Expr::Guarded {
                    guard: new(*guard),
                    ask: new(*ask),
                },
                Expr::All(parts) => Expr::All(parts.iter().map(|p| walk(p, new)).collect()),
                Expr::Any(parts) => Expr::Any(parts.iter().map(|p| walk(p, new)).collect()),
                Expr::Not(inside) => Expr::Not(Box::new(walk(inside, new))),
            }
        }
        Self {
            selections: self.selections.iter().map(|s| walk(s, new)).collect(),
            condition: self.condition.clone(),
        }
    }
}

/// A set of quick asks of which at least one holds whenever the rule does, the cheapest that
/// can be found by `cost`. `None` where there is no such set: the rule must always be tried.
pub(crate) fn triggers(program: &Program, cost: &impl Fn(u32) -> Option<f64>) -> Option<Vec<u32>> {
    let selections: Vec<Option<Set>> = program
        .selections
        .iter()
        .map(|s| of_expr(s, cost))
        .collect();
    of_condition(&program.condition, &selections).map(|set| {
        let mut asks = set.asks;
        asks.sort_unstable();
        asks.dedup();
        asks
    })
}

#[derive(Debug, Clone)]
struct Set {
    asks: Vec<u32>,
    cost: f64,
}

fn union(sets: impl IntoIterator<Item = Option<Set>>) -> Option<Set> {
    let mut out = Set {
        asks: Vec::new(),
        cost: 0.0,
    };
    for set in sets {
        let set = set?;
        out.asks.extend(set.asks);
        out.cost += set.cost;
    }
    Some(out)
}

fn cheapest(sets: impl IntoIterator<Item = Option<Set>>) -> Option<Set> {
    sets.into_iter()
        .flatten()
        .min_by(|a, b| a.cost.total_cmp(&b.cost))
}

fn of_expr(expr: &Expr, cost: &impl Fn(u32) -> Option<f64>) -> Option<Set> {
    match expr {
        Expr::Ask(id) | Expr::Guarded { guard: id, .. } => cost(*id).map(|cost| Set {
            asks: vec![*id],
            cost,
        }),
        Expr::All(parts) => cheapest(parts.iter().map(|p| of_expr(p, cost))),
        Expr::Any(parts) => union(parts.iter().map(|p| of_expr(p, cost))),
        Expr::Not(_) => None,
    }
}

fn of_condition(condition: &Condition, selections: &[Option<Set>]) -> Option<Set> {
    match condition {
        Condition::Selection(at) => selections.get(*at).cloned().flatten(),
        Condition::All(parts) => cheapest(parts.iter().map(|p| of_condition(p, selections))),
        Condition::Any(parts) => union(parts.iter().map(|p| of_condition(p, selections))),
        Condition::Not(_) => None,
        Condition::Of { need, members } => {
            // Of k members n must hold, so among any k - n + 1 of them one does.
            let enough = (members.len() + 1).saturating_sub(need.of(members.len()));
            let mut sets: Vec<Set> = members
                .iter()
                .filter_map(|m| selections.get(*m).cloned().flatten())
                .collect();
            sets.sort_by(|a, b| a.cost.total_cmp(&b.cost));
            if sets.len() < enough || enough == 0 {
                return None;
            }
            sets.truncate(enough);
            union(sets.into_iter().map(Some))
        }
    }
}
