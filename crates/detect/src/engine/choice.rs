//! Which asks are looked for in every event.
//!
//! A rule needs one set of asks of which at least one holds whenever the rule does. Many sets
//! would do; the choice is between two costs: a rule is tried for nothing each time a common ask
//! holds, and each field in which texts are looked for has to be read, unescaped and gone through.
//! Costs are in nanoseconds an event, roughly: only their order matters.

use std::sync::atomic::Ordering;

use super::{
    class::{Learning, LocalAsk, Shared, Way},
    program::triggers,
};
use crate::op::{How, Op};

/// To try one rule, without what it asks.
const TRY: f64 = 40.0;
/// To look a value up in the tables of equal texts, prefixes and suffixes.
const LOOK_UP: f64 = 30.0;
/// To take up the search for texts inside a value.
const SEARCH: f64 = 40.0;
/// To go through one byte of it.
const SEARCH_BYTE: f64 = 0.8;
/// To fold and unescape one byte.
const FOLD_BYTE: f64 = 0.15;

/// What asks and fields cost.
#[derive(Debug, Clone)]
pub(super) struct Costs {
    /// For each ask, in what part of events it holds.
    pub(super) holds: Vec<f64>,
    /// For each field, how much of it an event has; none before anything was seen.
    pub(super) fields: Vec<FieldCost>,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FieldCost {
    pub(super) values: f64,
    pub(super) bytes: f64,
    look_up: f64,
    search: f64,
}

impl FieldCost {
    /// To answer everything that is asked of the field.
    pub(super) fn whole(self) -> f64 {
        self.look_up + self.search
    }
}

/// What may not be looked for in a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ban {
    Nothing,
    /// Texts inside values.
    Inside,
    Everything,
}

impl Costs {
    /// Before anything was seen: longer texts are rarer.
    pub(super) fn guessed(shared: &Shared) -> Self {
        Self {
            holds: shared.asks.iter().map(|a| guess(&a.ask.op)).collect(),
            fields: vec![FieldCost::default(); shared.fields],
        }
    }

    /// What the first events showed; among asks that were never seen to hold, the guess decides.
    pub(super) fn learned(shared: &Shared, learning: &Learning) -> Self {
        let events = f64::from(learning.enough);
        let holds = shared.asks.iter().zip(&learning.hits).map(|(ask, hits)| {
            let hits = match ask.way {
                Way::Quick => Some(hits),
                // It can hold where the field is.
                Way::Exists | Way::Null | Way::Slow { .. } => {
                    learning.present.get(ask.field as usize)
                }
            };
            let hits = hits.map_or(0, |h| h.load(Ordering::Relaxed));
            (f64::from(hits) + 0.2 * guess(&ask.ask.op)) / events
        });
        let fields = learning
            .values
            .iter()
            .zip(&learning.bytes)
            .map(|(values, bytes)| {
                let values = f64::from(values.load(Ordering::Relaxed)) / events;
                let bytes = bytes.load(Ordering::Relaxed) as f64 / events;
                FieldCost {
                    values,
                    bytes,
                    look_up: values * LOOK_UP + bytes * FOLD_BYTE,
                    search: values * SEARCH + bytes * SEARCH_BYTE,
                }
            });
        Self {
            holds: holds.collect(),
            fields: fields.collect(),
        }
    }
}

/// For each rule, the asks that have it tried; none where it is tried on every event. `tries` is
/// what a try of each costs.
pub(super) fn choose(shared: &Shared, costs: &Costs, tries: &[f64]) -> Vec<Option<Vec<u32>>> {
    let mut bans = vec![Ban::Nothing; shared.fields];
    let mut chosen: Vec<Option<Vec<u32>>> = (0..shared.rules.len())
        .map(|rule| for_rule(shared, costs, &bans, rule))
        .collect();
    // The dearest search first: what is given up in one field may be taken up in another.
    let mut fields: Vec<usize> = (0..shared.fields).collect();
    let whole = |f: &usize| costs.fields.get(*f).map_or(0.0, |c| c.search + c.look_up);
    fields.sort_by(|a, b| whole(b).total_cmp(&whole(a)));
    for ban in [Ban::Inside, Ban::Everything] {
        for field in &fields {
            give_up(shared, costs, tries, &mut bans, &mut chosen, *field, ban);
        }
    }
    chosen
}

/// Bans asks of `field` where the rules that use them have others that cost less than the field.
fn give_up(
    shared: &Shared,
    costs: &Costs,
    tries: &[f64],
    bans: &mut [Ban],
    chosen: &mut [Option<Vec<u32>>],
    field: usize,
    ban: Ban,
) {
    let Some(cost) = costs.fields.get(field).copied() else {
        return;
    };
    let banned = |ask: &LocalAsk| ask.field as usize == field && forbids(ban, ask);
    let users: Vec<usize> = chosen
        .iter()
        .enumerate()
        .filter(|(_, asks)| {
            let mut asks = asks
                .iter()
                .flatten()
                .filter_map(|a| shared.asks.get(*a as usize));
            asks.any(banned)
        })
        .map(|(rule, _)| rule)
        .collect();
    if users.is_empty() {
        return;
    }
    let saved = match ban {
        Ban::Nothing => return,
        Ban::Inside => cost.search,
        Ban::Everything => cost.look_up,
    };
    let Some(slot) = bans.get_mut(field) else {
        return;
    };
    let before = std::mem::replace(slot, ban);
    let mut spent = 0.0;
    let mut others = Vec::with_capacity(users.len());
    for rule in users {
        let other = for_rule(shared, costs, bans, rule);
        let one = TRY + tries.get(rule).copied().unwrap_or(0.0);
        let now = chosen
            .get(rule)
            .map_or(1.0, |asks| tried(costs, asks.as_deref()));
        spent += one * (tried(costs, other.as_deref()) - now);
        if spent >= saved {
            if let Some(slot) = bans.get_mut(field) {
                *slot = before;
            }
            return;
        }
        others.push((rule, other));
    }
    for (rule, other) in others {
        if let Some(slot) = chosen.get_mut(rule) {
            *slot = other;
        }
    }
}

fn for_rule(shared: &Shared, costs: &Costs, bans: &[Ban], rule: usize) -> Option<Vec<u32>> {
    let program = &shared.rules.get(rule)?.program;
    triggers(program, &|ask| {
        let local = shared.asks.get(ask as usize)?;
        let ban = bans
            .get(local.field as usize)
            .copied()
            .unwrap_or(Ban::Nothing);
        let usable = match local.way {
            Way::Quick => !forbids(ban, local),
            // The presence of the field is the trigger; keywords have no field.
            Way::Exists | Way::Slow { .. } => Some(local.field) != shared.native_anywhere,
            Way::Null => false,
        };
        usable.then(|| costs.holds.get(ask as usize).copied().unwrap_or(1.0))
    })
}

fn forbids(ban: Ban, ask: &LocalAsk) -> bool {
    match ban {
        Ban::Nothing => false,
        Ban::Inside => ask.is_contains(),
        Ban::Everything => true,
    }
}

/// In what part of events a rule with these triggers is tried.
fn tried(costs: &Costs, asks: Option<&[u32]>) -> f64 {
    asks.map_or(1.0, |asks| {
        asks.iter()
            .map(|a| costs.holds.get(*a as usize).copied().unwrap_or(1.0))
            .sum::<f64>()
            .min(1.0)
    })
}

/// How often an ask is likely to hold.
fn guess(op: &Op) -> f64 {
    match op {
        Op::Text { how, literal, .. } => {
            let length = literal.len().min(40) as f64;
            match how {
                How::Equals => 1.0 / (2.0 + length),
                How::Contains => 3.0 / (1.0 + length),
                How::StartsWith | How::EndsWith => 4.0 / (1.0 + length),
            }
        }
        Op::Number(_) => 0.5,
        Op::Glob { .. }
        | Op::Regex(_)
        | Op::Cidr(_)
        | Op::Compare(..)
        | Op::Exists
        | Op::Null
        | Op::FieldRef { .. }
        | Op::Time { .. }
        | Op::Array(_)
        | Op::Placeholder(_) => 1.0,
    }
}
