//! What holds for the event that was read.

use super::{
    class::{Class, LocalAsk, Way},
    program::{Expr, Program},
    state::{At, NONE, ONE_BY_ONE, State, both, text_of},
};
use crate::{
    op::{Case, How, Number, Op, address},
    rule::Condition,
};

impl State {
    /// Whether the rule's condition holds for the event read.
    pub(super) fn condition(
        &mut self,
        class: &Class,
        native: &str,
        program: &Program,
        condition: &Condition,
    ) -> bool {
        match condition {
            Condition::Selection(at) => self.selection(class, native, program, *at),
            Condition::All(parts) => parts
                .iter()
                .all(|p| self.condition(class, native, program, p)),
            Condition::Any(parts) => parts
                .iter()
                .any(|p| self.condition(class, native, program, p)),
            Condition::Not(inside) => !self.condition(class, native, program, inside),
            Condition::Of { need, members } => {
                let need = need.of(members.len());
                let mut left = members.len();
                let mut got = 0;
                for member in members {
                    if got >= need || got + left < need {
                        break;
                    }
                    got += usize::from(self.selection(class, native, program, *member));
                    left -= 1;
                }
                got >= need
            }
        }
    }

    pub(super) fn selection(
        &mut self,
        class: &Class,
        native: &str,
        program: &Program,
        at: usize,
    ) -> bool {
        program
            .selections
            .get(at)
            .is_some_and(|expr| self.expr(class, native, expr))
    }

    pub(super) fn expr(&mut self, class: &Class, native: &str, expr: &Expr) -> bool {
        match expr {
            Expr::Ask(ask) => self.ask(class, native, *ask),
            Expr::Guarded { guard, ask } => {
                self.ask(class, native, *guard) && self.ask(class, native, *ask)
            }
            Expr::All(parts) => parts.iter().all(|p| self.expr(class, native, p)),
            Expr::Any(parts) => parts.iter().any(|p| self.expr(class, native, p)),
            Expr::Not(inside) => !self.expr(class, native, inside),
        }
    }

    /// Whether one ask holds.
    pub(super) fn ask(&mut self, class: &Class, native: &str, ask: u32) -> bool {
        let Some(local) = class.shared.asks.get(ask as usize) else {
            return false;
        };
        if !matches!(local.way, Way::Quick) {
            self.collect(class, native, local.field);
        }
        match &local.way {
            Way::Exists => self.first(local.field).is_some(),
            Way::Null => self.is_null(local.field),
            Way::Quick if class.look(self.at).0.answers.get(ask as usize) == Some(&true) => {
                self.held(ask)
            }
            Way::Quick | Way::Slow { .. } => {
                if let Some((epoch, answer)) = self.memo.get(ask as usize)
                    && *epoch == self.epoch
                {
                    return *answer;
                }
                self.collect(class, native, local.field);
                if matches!(local.way, Way::Quick) && self.answer_whole(class, native, local.field)
                {
                    return self.held(ask);
                }
                let answer = self.witness(native, local).is_some();
                if let Some(slot) = self.memo.get_mut(ask as usize) {
                    *slot = (self.epoch, answer);
                }
                answer
            }
        }
    }

    fn held(&self, ask: u32) -> bool {
        self.holds.get(ask as usize) == Some(&self.epoch)
    }

    fn is_null(&self, field: u32) -> bool {
        let mut at = self.first(field);
        if at.is_none() {
            return true;
        }
        while let Some(value) = at.and_then(|i| self.values.get(i as usize)) {
            if matches!(value.at, At::Null) {
                return true;
            }
            at = Some(value.next);
        }
        false
    }

    /// Whether everything that is asked of the field is answered in `holds`: once much has been
    /// asked, one pass through its values is cheaper than one for each ask.
    fn answer_whole(&mut self, class: &Class, native: &str, field: u32) -> bool {
        let epoch = self.epoch;
        let Some(head) = self.heads.get_mut(field as usize) else {
            return false;
        };
        if head.epoch != epoch || head.whole {
            // Of an absent field nothing holds, and nothing was marked.
            return true;
        }
        head.asked += 1;
        if head.asked <= ONE_BY_ONE {
            return false;
        }
        head.whole = true;
        let mut at = Some(head.first);
        let Some(table) = class.shared.whole(field) else {
            return false;
        };
        while let Some(index) = at
            && let Some(value) = self.values.get(index as usize)
        {
            at = Some(value.next);
            if self.prepare(index, native, table.reads_folded()) {
                let (text, folded) = both(&self.values, index, native, &self.arena, &self.folds);
                let holds = &mut self.holds;
                table.find(text, folded, &mut |ask| {
                    if let Some(slot) = holds.get_mut(ask as usize) {
                        *slot = epoch;
                    }
                });
            }
        }
        true
    }

    pub(super) fn first(&self, field: u32) -> Option<u32> {
        self.heads
            .get(field as usize)
            .filter(|h| h.epoch == self.epoch)
            .map(|h| h.first)
    }

    /// The first value of the ask's field for which it holds, as its position.
    pub(super) fn witness(&mut self, native: &str, local: &LocalAsk) -> Option<u32> {
        if let Op::Array(array) = &local.ask.op {
            return self.members(native, local.field, array);
        }
        let mut at = self.first(local.field);
        while let Some(index) = at {
            if self.holds_for(native, local, index) {
                return Some(index);
            }
            at = self
                .values
                .get(index as usize)
                .map(|v| v.next)
                .filter(|next| *next != NONE);
        }
        None
    }

    /// Whether an ask about texts holds for one value.
    fn holds_for(&mut self, native: &str, local: &LocalAsk, index: u32) -> bool {
        let op = &local.ask.op;
        let fold = op.case() == Case::Ignored;
        if !self.prepare(index, native, fold) {
            return false;
        }
        if let Op::FieldRef { how, .. } = op {
            let Way::Slow { other, .. } = local.way else {
                return false;
            };
            let mut at = self.first(other);
            while let Some(right) = at {
                if self.prepare(right, native, fold) {
                    let (left, left_folded) = self.both(index, native);
                    let (text, folded) = self.both(right, native);
                    let held = if fold {
                        how.holds(left_folded, folded)
                    } else {
                        how.holds(left, text)
                    };
                    if held {
                        return true;
                    }
                }
                at = self
                    .values
                    .get(right as usize)
                    .map(|v| v.next)
                    .filter(|next| *next != NONE);
            }
            return false;
        }
        let (text, folded) = self.both(index, native);
        let cased = if fold { folded } else { text };
        match op {
            Op::Text {
                how: How::Contains,
                literal,
                ..
            } => local.contains(cased, literal),
            Op::Text { how, literal, .. } => how.holds(cased, literal),
            Op::Glob { pattern, .. } => pattern.matches(cased),
            Op::Regex(_) => match &local.way {
                Way::Slow { regex, .. } => regex.as_ref().is_some_and(|r| r.is_match(text)),
                Way::Quick | Way::Exists | Way::Null => false,
            },
            Op::Number(_)
            | Op::Cidr(_)
            | Op::Compare(..)
            | Op::Exists
            | Op::Null
            | Op::FieldRef { .. }
            | Op::Time { .. }
            | Op::Array(_)
            | Op::Placeholder(_) => holds(op, text),
        }
    }

    /// The value of `field` that makes `op` hold, as text; for asks about presence, the first.
    pub(super) fn seen(&mut self, class: &Class, native: &str, ask: u32) -> Option<String> {
        let local = class.shared.asks.get(ask as usize)?;
        self.collect(class, native, local.field);
        let index = self
            .witness(native, local)
            .or_else(|| self.first(local.field))?;
        self.prepare(index, native, false);
        let at = self.values.get(index as usize)?.at;
        Some(text_of(at, native, &self.arena).map_or_else(
            || {
                if matches!(at, At::Null) {
                    "null".to_owned()
                } else {
                    "(several values)".to_owned()
                }
            },
            ToOwned::to_owned,
        ))
    }

    fn both<'a>(&'a self, index: u32, native: &'a str) -> (&'a str, &'a str) {
        both(&self.values, index, native, &self.arena, &self.folds)
    }
}

/// Whether `op` holds for one text, where it asks of nothing else and minds no case.
pub(super) fn holds(op: &Op, text: &str) -> bool {
    match op {
        Op::Number(n) => Number::read(text) == Some(*n),
        Op::Cidr(net) => address(text).is_some_and(|ip| net.contains(&ip)),
        Op::Compare(compare, n) => {
            Number::read(text).is_some_and(|v| compare.holds(v.get(), n.get()))
        }
        Op::Exists => true,
        Op::Time {
            part,
            compare,
            value,
        } => part
            .of(text)
            .is_some_and(|v| compare.holds(v as f64, *value as f64)),
        // These need more than the text; the caller answers them.
        Op::Text { .. }
        | Op::Glob { .. }
        | Op::Null
        | Op::Regex(_)
        | Op::FieldRef { .. }
        | Op::Array(_)
        | Op::Placeholder(_) => false,
    }
}
