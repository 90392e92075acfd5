//! In what order a rule's parts are asked: what is cheap and decides comes first.
//!
//! A conjunction ends at its first part that does not hold, a disjunction at its first that does.
//! The best order of independent parts is by cost over the chance that the part ends it.

use super::{
    choice::Costs,
    class::{Shared, Way},
    program::{Expr, Program},
};
use crate::{op::Op, rule::Condition};

/// To look at an answer that is known.
const KNOWN: f64 = 3.0;
/// To ask one thing of one value.
const ASK: f64 = 25.0;
/// To search one byte of it for one text.
const ASK_BYTE: f64 = 0.06;
/// To run an expression over one byte.
const EXPRESSION_BYTE: f64 = 2.0;
/// After so many asks of a field, everything that is asked of it is answered at once.
const ONE_BY_ONE: f64 = super::state::ONE_BY_ONE as f64;

/// What to expect of a part.
#[derive(Debug, Clone, Copy)]
struct Weight {
    cost: f64,
    holds: f64,
}

/// The program in its best order, and what a try costs in nanoseconds, roughly.
pub(super) fn arranged(program: &Program, shared: &Shared, costs: &Costs) -> (Program, f64) {
    let weigh = |ask: u32| of_ask(ask, shared, costs);
    let (selections, weights): (Vec<Expr>, Vec<Weight>) =
        program.selections.iter().map(|s| expr(s, &weigh)).unzip();
    let (condition, weight) = condition(&program.condition, &weights);
    let program = Program {
        selections: selections.into(),
        condition,
    };
    // Many asks of few fields are answered by one pass through each.
    let most: f64 = costs
        .fields
        .iter()
        .map(|f| f.whole() + ONE_BY_ONE * direct(*f, ASK_BYTE))
        .sum();
    (program, weight.cost.min(most))
}

fn direct(field: super::choice::FieldCost, byte: f64) -> f64 {
    field.values * ASK + field.bytes * byte
}

fn of_ask(ask: u32, shared: &Shared, costs: &Costs) -> Weight {
    let holds = costs.holds.get(ask as usize).copied().unwrap_or(0.5);
    let Some(local) = shared.asks.get(ask as usize) else {
        return Weight { cost: KNOWN, holds };
    };
    let field = costs
        .fields
        .get(local.field as usize)
        .copied()
        .unwrap_or_default();
    let cost = match (&local.way, &local.ask.op) {
        (Way::Exists | Way::Null, _) => KNOWN,
        (_, Op::Regex(_)) => KNOWN + direct(field, EXPRESSION_BYTE),
        _ => KNOWN + direct(field, if local.is_contains() { ASK_BYTE } else { 0.0 }),
    };
    // How often slow asks hold where their field is was not learned.
    let holds = match local.way {
        Way::Quick | Way::Exists => holds,
        Way::Null | Way::Slow { .. } => holds / 2.0,
    };
    Weight {
        cost,
        holds: holds.clamp(0.0, 1.0),
    }
}

fn expr(of: &Expr, weigh: &impl Fn(u32) -> Weight) -> (Expr, Weight) {
    match of {
        Expr::Ask(ask) => (Expr::Ask(*ask), weigh(*ask)),
        Expr::Guarded { guard, ask } => {
            let (first, second) = (weigh(*guard), weigh(*ask));
            let weight = Weight {
                cost: first.cost + first.holds * second.cost,
                holds: first.holds * second.holds,
            };
            (of.clone(), weight)
        }
        Expr::All(parts) => {
            let (parts, weight) = all(parts.iter().map(|p| expr(p, weigh)).collect());
            (Expr::All(parts.into()), weight)
        }
        Expr::Any(parts) => {
            let (parts, weight) = any(parts.iter().map(|p| expr(p, weigh)).collect());
            (Expr::Any(parts.into()), weight)
        }
        Expr::Not(inside) => {
            let (inside, weight) = expr(inside, weigh);
            (Expr::Not(Box::new(inside)), not(weight))
        }
    }
}

fn condition(of: &Condition, selections: &[Weight]) -> (Condition, Weight) {
    match of {
        Condition::Selection(at) => {
            let weight = selections.get(*at).copied();
            (
                of.clone(),
                weight.unwrap_or(Weight {
                    cost: KNOWN,
                    holds: 0.5,
                }),
            )
        }
        Condition::All(parts) => {
            let (parts, weight) = all(parts.iter().map(|p| condition(p, selections)).collect());
            (Condition::All(parts), weight)
        }
        Condition::Any(parts) => {
            let (parts, weight) = any(parts.iter().map(|p| condition(p, selections)).collect());
            (Condition::Any(parts), weight)
        }
        Condition::Not(inside) => {
            let (inside, weight) = condition(inside, selections);
            (Condition::Not(Box::new(inside)), not(weight))
        }
        Condition::Of { members, .. } => {
            let cost = members
                .iter()
                .filter_map(|m| selections.get(*m))
                .map(|w| w.cost)
                .sum();
            (of.clone(), Weight { cost, holds: 0.5 })
        }
    }
}

fn not(weight: Weight) -> Weight {
    Weight {
        cost: weight.cost,
        holds: 1.0 - weight.holds,
    }
}

fn all<T>(parts: Vec<(T, Weight)>) -> (Vec<T>, Weight) {
    sequence(parts, |weight| 1.0 - weight.holds, |ended| 1.0 - ended)
}

fn any<T>(parts: Vec<(T, Weight)>) -> (Vec<T>, Weight) {
    sequence(parts, |weight| weight.holds, |ended| ended)
}

/// Parts that are asked one after the other until one of them ends it.
fn sequence<T>(
    mut parts: Vec<(T, Weight)>,
    ends: impl Fn(&Weight) -> f64,
    holds: impl Fn(f64) -> f64,
) -> (Vec<T>, Weight) {
    let rank = |weight: &Weight| weight.cost / ends(weight).max(1e-6);
    parts.sort_by(|(_, a), (_, b)| rank(a).total_cmp(&rank(b)));
    let mut cost = 0.0;
    let mut goes_on = 1.0;
    let mut sorted = Vec::with_capacity(parts.len());
    for (part, weight) in parts {
        cost += goes_on * weight.cost;
        goes_on *= 1.0 - ends(&weight);
        sorted.push(part);
    }
    let weight = Weight {
        cost,
        holds: holds(1.0 - goes_on),
    };
    (sorted, weight)
}
