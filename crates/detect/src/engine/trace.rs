//! Which values made a rule match.

use watchfloor_types::{Event, EventId, MatchedField};

use super::{
    Engine, Hit, Scratch,
    class::Class,
    program::{Expr, Program},
    state::State,
    text_of,
};
use crate::{
    finding,
    rule::{Condition, Field},
};

/// Most matched fields of one finding.
const MAX_MATCHED: usize = 32;

impl Engine {
    /// The predicates that held and what they held of.
    pub(super) fn matched(
        &self,
        event: &Event,
        hit: Hit,
        scratch: &mut Scratch,
    ) -> Vec<MatchedField> {
        self.attach(scratch);
        let class = match &scratch.current {
            Some((id, at, class)) if *id == event.id && *at == event.native.as_ptr() as usize => {
                class.clone()
            }
            _ => {
                let (_, class) = self.class(&event.logsource, scratch);
                scratch.read(event, &text_of(event, &class), &class, 1);
                class
            }
        };
        let native = text_of(event, &class);
        // Rules of a class are in the order of their slots.
        let rules = &class.shared.rules;
        let slot = self.rules.get(hit.0 as usize).map_or(u32::MAX, |r| r.slot);
        let found = rules.binary_search_by_key(&slot, |r| r.slot);
        let Some(rule) = found.ok().and_then(|at| rules.get(at)) else {
            return Vec::new();
        };
        let mut trace = Trace {
            class: &class,
            native: &native,
            program: &rule.program,
            event: event.id,
            out: Vec::new(),
        };
        trace.condition(&mut scratch.state, &rule.program.condition);
        trace.out
    }
}

struct Trace<'a> {
    class: &'a Class,
    native: &'a str,
    program: &'a Program,
    event: EventId,
    out: Vec<MatchedField>,
}

impl Trace<'_> {
    fn condition(&mut self, state: &mut State, condition: &Condition) {
        match condition {
            Condition::Selection(at) => self.selection(state, *at),
            Condition::All(parts) | Condition::Any(parts) => {
                for part in parts {
                    self.condition(state, part);
                }
            }
            Condition::Not(_) => {}
            Condition::Of { members, .. } => {
                for member in members {
                    self.selection(state, *member);
                }
            }
        }
    }
    fn selection(&mut self, state: &mut State, at: usize) {
        if let Some(expr) = self.program.selections.get(at)
            && state.expr(self.class, self.native, expr)
        {
            self.expr(state, expr);
        }
    }
    fn expr(&mut self, state: &mut State, expr: &Expr) {
        match expr {
            Expr::Ask(ask) | Expr::Guarded { ask, .. } => self.ask(state, *ask),
            Expr::All(parts) | Expr::Any(parts) => {
                for part in parts {
                    if state.expr(self.class, self.native, part) {
                        self.expr(state, part);
                    }
                }
            }
            Expr::Not(_) => {}
        }
    }
    fn ask(&mut self, state: &mut State, ask: u32) {
        if self.out.len() >= MAX_MATCHED {
            return;
        }
        let Some(question) = self.class.shared.asks.get(ask as usize).map(|a| &a.ask) else {
            return;
        };
        let value = state.seen(self.class, self.native, ask).unwrap_or_default();
        self.out.push(MatchedField {
            field: match &question.field {
                Field::Named(name) => name.to_string(),
                Field::Anywhere => "(keyword)".to_owned(),
            },
            value: finding::capped(&value).to_owned(),
            predicate: finding::capped(&question.op.to_string()).to_owned(),
            event: self.event,
        });
    }
}
