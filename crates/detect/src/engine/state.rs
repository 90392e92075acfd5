//! One event against one class: values seen, asks that hold, rules to try.

use std::sync::atomic::Ordering;

use watchfloor_types::{Norm, Value};

use super::{
    class::{Class, Way},
    program::{Expr, Program},
    record::{self, Raw, unescape_into},
};
use crate::{
    fold::fold_into,
    op::{Case, Number, Op, address},
    rule::Condition,
};

/// Working memory of one thread, reused from event to event.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Marks carry the number of the event they are for, so nothing needs clearing.
    epoch: u32,
    holds: Vec<u32>,
    memo: Vec<(u32, bool)>,
    tried: Vec<u32>,
    heads: Vec<Head>,
    pub(super) values: Vec<Val>,
    pub(super) arena: String,
    buffer: String,
    second: String,
    pub(super) candidates: Vec<u32>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Head {
    epoch: u32,
    first: u32,
    last: u32,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Val {
    pub(super) next: u32,
    pub(super) at: At,
}

/// Where the text of a value is.
#[derive(Debug, Clone, Copy)]
pub(super) enum At {
    /// In the record, from and to.
    Record(u32, u32),
    /// In the arena.
    Arena(u32, u32),
    Null,
    /// An object or array, and where it begins in the record.
    Container(u32),
}

const NONE: u32 = u32::MAX;

impl State {
    /// Reads the event's values, answering quick asks as they come and collecting the rules to try.
    pub(super) fn read(&mut self, class: &Class, native: &str, norm: &Norm) {
        self.begin(class);
        let shared = &class.shared;
        if shared.reads_native {
            let base = native.as_ptr() as usize;
            record::scan(
                native,
                &shared.native,
                shared.native_anywhere,
                &mut |field, raw| {
                    self.native(class, field, raw, native, base);
                },
            );
        }
        // Both are sorted by name: one walk through both finds what they share.
        let mut wanted = shared.norm.iter().peekable();
        for (name, value) in norm.iter() {
            while wanted.next_if(|(w, _)| w < name).is_some() {}
            if let Some((_, field)) = wanted.next_if(|(w, _)| w == name) {
                self.norm(class, *field, value);
            }
        }
        if let Some(field) = shared.norm_anywhere {
            for (_, value) in norm.iter() {
                self.norm(class, field, value);
            }
        }
        for rule in &class.always {
            self.candidate(*rule);
        }
        if let Some(learning) = &class.learning {
            for (hits, holds) in learning.hits.iter().zip(&self.holds) {
                if *holds == self.epoch {
                    hits.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    fn begin(&mut self, class: &Class) {
        if self.epoch == u32::MAX {
            *self = Self::default();
        }
        self.epoch += 1;
        let grow = |len: usize, wanted: usize| len.max(wanted);
        let asks = grow(self.holds.len(), class.shared.asks.len());
        self.holds.resize(asks, 0);
        self.memo.resize(asks, (0, false));
        let rules = grow(self.tried.len(), class.shared.rules.len());
        self.tried.resize(rules, 0);
        let fields = grow(self.heads.len(), class.shared.tables.len());
        self.heads.resize(fields, Head::default());
        self.values.clear();
        self.arena.clear();
        self.candidates.clear();
    }

    fn native(&mut self, class: &Class, field: u32, raw: Raw<'_>, native: &str, base: usize) {
        let at = match raw {
            Raw::Plain(text) | Raw::Word(text) => {
                // The slice lies in the record; its offset is the distance of the two starts.
                let from = (text.as_ptr() as usize).wrapping_sub(base);
                At::Record(from as u32, (from + text.len()) as u32)
            }
            Raw::Escaped(text) => {
                let from = self.arena.len();
                unescape_into(text, &mut self.arena);
                At::Arena(from as u32, self.arena.len() as u32)
            }
            Raw::Null => At::Null,
            Raw::Container(rest) => {
                At::Container((rest.as_ptr() as usize).wrapping_sub(base) as u32)
            }
        };
        self.value(class, field, at, native);
    }

    fn norm(&mut self, class: &Class, field: u32, value: &Value) {
        use std::fmt::Write as _;
        if let Value::List(items) = value {
            self.value(class, field, At::Container(NONE), "");
            for item in items {
                self.norm(class, field, item);
            }
            return;
        }
        let from = self.arena.len();
        // Writing to a String cannot fail.
        let _written = write!(self.arena, "{value}");
        let at = At::Arena(from as u32, self.arena.len() as u32);
        self.value(class, field, at, "");
    }

    fn value(&mut self, class: &Class, field: u32, at: At, native: &str) {
        let index = self.values.len() as u32;
        let Some(head) = self.heads.get_mut(field as usize) else {
            return;
        };
        if head.epoch == self.epoch {
            let last = head.last;
            head.last = index;
            if let Some(last) = self.values.get_mut(last as usize) {
                last.next = index;
            }
        } else {
            *head = Head {
                epoch: self.epoch,
                first: index,
                last: index,
            };
        }
        self.values.push(Val { next: NONE, at });
        let Some(table) = class
            .shared
            .tables
            .get(field as usize)
            .filter(|t| !t.is_empty())
        else {
            return;
        };
        let mut buffer = std::mem::take(&mut self.buffer);
        if let Some(text) = text_of(at, native, &self.arena) {
            let (epoch, holds) = (self.epoch, &mut self.holds);
            let (tried, candidates) = (&mut self.tried, &mut self.candidates);
            table.find(text, &mut buffer, &mut |ask| {
                let Some(slot) = holds.get_mut(ask as usize) else {
                    return;
                };
                if *slot == epoch {
                    return;
                }
                *slot = epoch;
                for rule in class
                    .triggers
                    .get(ask as usize)
                    .map(AsRef::as_ref)
                    .unwrap_or_default()
                {
                    if let Some(seen) = tried.get_mut(*rule as usize)
                        && *seen != epoch
                    {
                        *seen = epoch;
                        candidates.push(*rule);
                    }
                }
            });
        }
        self.buffer = buffer;
    }

    fn candidate(&mut self, rule: u32) {
        if let Some(seen) = self.tried.get_mut(rule as usize)
            && *seen != self.epoch
        {
            *seen = self.epoch;
            self.candidates.push(rule);
        }
    }

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
        match &local.way {
            Way::Quick => self.holds.get(ask as usize) == Some(&self.epoch),
            Way::Exists => self.first(local.field).is_some(),
            Way::Null => {
                let mut at = self.first(local.field);
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
            Way::Slow { .. } => {
                if let Some((epoch, answer)) = self.memo.get(ask as usize)
                    && *epoch == self.epoch
                {
                    return *answer;
                }
                let answer = self.witness(class, native, ask).is_some();
                if let Some(slot) = self.memo.get_mut(ask as usize) {
                    *slot = (self.epoch, answer);
                }
                answer
            }
        }
    }

    pub(super) fn first(&self, field: u32) -> Option<u32> {
        self.heads
            .get(field as usize)
            .filter(|h| h.epoch == self.epoch)
            .map(|h| h.first)
    }

    /// The first value of the ask's field for which it holds, as its position.
    fn witness(&mut self, class: &Class, native: &str, ask: u32) -> Option<u32> {
        let local = class.shared.asks.get(ask as usize)?;
        if let Way::Slow {
            op: Op::Array(array),
            ..
        } = &local.way
        {
            return self.members(native, local.field, array);
        }
        let mut at = self.first(local.field);
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut second = std::mem::take(&mut self.second);
        let mut found = None;
        while let Some(index) = at
            && let Some(value) = self.values.get(index as usize)
        {
            if let Some(text) = text_of(value.at, native, &self.arena)
                && self.holds_for(native, &local.way, text, &mut buffer, &mut second)
            {
                found = Some(index);
                break;
            }
            at = Some(value.next);
        }
        self.buffer = buffer;
        self.second = second;
        found
    }

    fn holds_for(
        &self,
        native: &str,
        way: &Way,
        text: &str,
        buffer: &mut String,
        second: &mut String,
    ) -> bool {
        let Way::Slow { op, regex, other } = way else {
            return false;
        };
        match op {
            Op::Regex(_) => regex.as_ref().is_some_and(|r| r.is_match(text)),
            Op::FieldRef { how, case, .. } => {
                let left = cased(text, *case, buffer);
                let mut at = self.first(*other);
                while let Some(value) = at.and_then(|i| self.values.get(i as usize)) {
                    if let Some(right) = text_of(value.at, native, &self.arena)
                        && how.holds(left, cased(right, *case, second))
                    {
                        return true;
                    }
                    at = Some(value.next);
                }
                false
            }
            Op::Text { .. }
            | Op::Glob { .. }
            | Op::Number(_)
            | Op::Cidr(_)
            | Op::Compare(..)
            | Op::Exists
            | Op::Null
            | Op::Time { .. }
            | Op::Array(_)
            | Op::Placeholder(_) => holds(op, text, buffer),
        }
    }

    /// The value of `field` that makes `op` hold, as text; for asks about presence, the first.
    pub(super) fn seen(
        &mut self,
        class: &Class,
        native: &str,
        ask: u32,
        op: &Op,
    ) -> Option<String> {
        let local = class.shared.asks.get(ask as usize)?;
        let index = if let Way::Slow { .. } = local.way {
            self.witness(class, native, ask)
        } else {
            let mut at = self.first(local.field);
            let mut buffer = std::mem::take(&mut self.buffer);
            let mut found = None;
            while let Some(index) = at
                && let Some(value) = self.values.get(index as usize)
            {
                if let Some(text) = text_of(value.at, native, &self.arena)
                    && holds(op, text, &mut buffer)
                {
                    found = Some(index);
                    break;
                }
                at = Some(value.next);
            }
            self.buffer = buffer;
            found
        };
        let index = index.or_else(|| self.first(local.field))?;
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
}

pub(super) fn text_of<'a>(at: At, native: &'a str, arena: &'a str) -> Option<&'a str> {
    match at {
        At::Record(from, to) => native.get(from as usize..to as usize),
        At::Arena(from, to) => arena.get(from as usize..to as usize),
        At::Null | At::Container(_) => None,
    }
}

fn cased<'a>(text: &'a str, case: Case, buffer: &'a mut String) -> &'a str {
    match case {
        Case::Kept => text,
        Case::Ignored => {
            fold_into(text, buffer);
            buffer
        }
    }
}

/// Whether `op` holds for one value, by itself: the slow path that the tables must agree with.
pub(super) fn holds(op: &Op, text: &str, buffer: &mut String) -> bool {
    match op {
        Op::Text { how, case, literal } => how.holds(cased(text, *case, buffer), literal),
        Op::Glob { case, pattern } => pattern.matches(cased(text, *case, buffer)),
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
        Op::Null | Op::Regex(_) | Op::FieldRef { .. } | Op::Array(_) | Op::Placeholder(_) => false,
    }
}
