//! One event against one class: values seen, asks that hold, rules to try.

use std::sync::atomic::Ordering;

use watchfloor_types::{Norm, Value};

use super::{
    class::{Class, Learning, Look},
    record::{self, Raw, unescape_into},
    table::Table,
    whole::{Place, Whole},
};
use crate::fold::fold_onto;

/// Working memory of one thread, reused from event to event.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Marks carry the number of the event they are for, so nothing needs clearing.
    pub(super) epoch: u32,
    pub(super) holds: Vec<u32>,
    pub(super) memo: Vec<(u32, bool)>,
    pub(super) tried: Vec<u32>,
    pub(super) heads: Vec<Head>,
    pub(super) values: Vec<Val>,
    pub(super) arena: String,
    pub(super) folds: String,
    /// The record folded, and where in it keywords stand.
    pub(super) record: String,
    pub(super) places: Vec<Place>,
    /// Whether the values for keywords were collected.
    pub(super) collected: bool,
    /// Which event of its kind was read.
    pub(super) at: u64,
    /// Whether the class has seen enough to choose better triggers.
    pub(super) enough: bool,
    pub(super) candidates: Vec<u32>,
}

/// The values of one field.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Head {
    pub(super) epoch: u32,
    pub(super) first: u32,
    pub(super) last: u32,
    /// How many asks were answered by themselves so far.
    pub(super) asked: u32,
    /// Whether everything that is asked of the field was answered at once.
    pub(super) whole: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Val {
    pub(super) next: u32,
    pub(super) at: At,
    /// Where it stands folded, once somebody asked.
    pub(super) folded: Option<(u32, u32)>,
}

/// Where the text of a value is.
#[derive(Debug, Clone, Copy)]
pub(super) enum At {
    /// In the record, from and to.
    Record(u32, u32),
    /// In the record, with escapes that nobody has resolved yet.
    Escaped(u32, u32),
    /// In the arena.
    Arena(u32, u32),
    Null,
    /// An object or array, and where it begins in the record.
    Container(u32),
}

pub(super) const NONE: u32 = u32::MAX;

/// Bytes of a record for each value in it, roughly.
const VALUE_BYTES: u32 = 40;

/// So many asks of one field are answered by themselves before its whole table is.
pub(super) const ONE_BY_ONE: u32 = 8;

impl State {
    /// Reads the event's values, answering trigger asks as they come and collecting the rules to try.
    /// `at` says which event of its kind this is.
    pub(super) fn read(&mut self, class: &Class, native: &str, norm: &Norm, at: u64) {
        self.begin(class);
        let (look, learning) = class.look(at);
        self.at = at;
        let shared = &class.shared;
        if shared.reads_native {
            self.scan(class, look, native);
        }
        // Both are sorted by name: one walk through both finds what they share.
        let mut wanted = shared.norm.iter().peekable();
        for (name, value) in norm.iter() {
            while wanted.next_if(|(w, _)| w < name).is_some() {}
            if let Some((_, field)) = wanted.next_if(|(w, _)| w == name) {
                self.norm(class, look, *field, value);
            }
        }
        if let Some(field) = shared.norm_anywhere {
            for (_, value) in norm.iter() {
                self.norm(class, look, field, value);
            }
        }
        for rule in &class.always {
            self.candidate(*rule);
        }
        if let Some(learning) = learning {
            self.learn(class, learning, native);
            self.enough = learning.is_enough();
        }
    }

    fn scan(&mut self, class: &Class, look: &Look, native: &str) {
        let shared = &class.shared;
        let base = native.as_ptr() as usize;
        let each = |state: &mut Self, anywhere: Option<u32>| {
            record::scan(native, &shared.native, anywhere, &mut |field, raw| {
                state.value(class, look, field, place(raw, base), native);
            });
        };
        let Some(anywhere) = shared.native_anywhere else {
            each(self, None);
            return;
        };
        // Working memory is taken out, so that values can be noted meanwhile.
        let mut places = std::mem::take(&mut self.places);
        let written = match &look.keywords {
            Some(keywords) => keywords.find(native, &mut self.record, &mut places),
            // No keyword is a trigger: who asks for one collects the values.
            None => look
                .tables
                .get(anywhere as usize)
                .is_none_or(Table::is_empty),
        };
        if !written {
            self.collected = true;
            each(self, Some(anywhere));
            if let Some(keywords) = &look.keywords {
                self.keywords_by_value(class, native, keywords);
            }
        } else if places.is_empty() {
            each(self, None);
        } else {
            let mut next = places.iter().peekable();
            record::scan(native, &shared.native, Some(anywhere), &mut |field, raw| {
                if field != anywhere {
                    self.value(class, look, field, place(raw, base), native);
                } else if let Raw::Plain(text) | Raw::Escaped(text) | Raw::Word(text) = raw {
                    let from = (text.as_ptr() as usize).wrapping_sub(base) as u32;
                    let to = from + text.len() as u32;
                    while let Some(place) = next.next_if(|p| p.from < to) {
                        if place.from >= from && place.to <= to {
                            self.hold(class, place.ask);
                        }
                    }
                }
            });
        }
        self.places = places;
    }

    /// Answers keywords value by value.
    fn keywords_by_value(&mut self, class: &Class, native: &str, keywords: &Whole) {
        for ask in keywords.asks() {
            if let Some(local) = class.shared.asks.get(ask as usize)
                && self.witness(native, local).is_some()
            {
                self.hold(class, ask);
            }
        }
    }

    /// Collects the values for keywords, where that was not needed before.
    pub(super) fn collect(&mut self, class: &Class, native: &str, field: u32) {
        if self.collected || class.shared.native_anywhere != Some(field) {
            return;
        }
        self.collected = true;
        let base = native.as_ptr() as usize;
        let nothing = record::Paths::default();
        record::scan(native, &nothing, Some(field), &mut |field, raw| {
            let at = place(raw, base);
            self.note(field, at);
        });
    }

    /// Marks an ask as true, and has the rules tried of which it is a trigger.
    fn hold(&mut self, class: &Class, ask: u32) {
        let Some(slot) = self.holds.get_mut(ask as usize) else {
            return;
        };
        if *slot == self.epoch {
            return;
        }
        *slot = self.epoch;
        for rule in class
            .triggers
            .get(ask as usize)
            .map(AsRef::as_ref)
            .unwrap_or_default()
        {
            self.candidate(*rule);
        }
    }

    fn learn(&self, class: &Class, learning: &Learning, native: &str) {
        // Keywords are looked for in the whole record; to take its values out is dear.
        if let Some(field) = class.shared.native_anywhere
            && let (Some(values), Some(bytes)) = (
                learning.values.get(field as usize),
                learning.bytes.get(field as usize),
            )
        {
            values.fetch_add(native.len() as u32 / VALUE_BYTES, Ordering::Relaxed);
            bytes.fetch_add(native.len() as u64, Ordering::Relaxed);
        }
        for (hits, holds) in learning.hits.iter().zip(&self.holds) {
            if *holds == self.epoch {
                hits.fetch_add(1, Ordering::Relaxed);
            }
        }
        let fields = self.heads.iter().zip(&learning.values).zip(&learning.bytes);
        for (((head, values), bytes), field) in fields.zip(0u32..) {
            if head.epoch != self.epoch || class.shared.native_anywhere == Some(field) {
                continue;
            }
            if let Some(present) = learning.present.get(field as usize) {
                present.fetch_add(1, Ordering::Relaxed);
            }
            let mut at = Some(head.first);
            while let Some(value) = at.and_then(|i| self.values.get(i as usize)) {
                values.fetch_add(1, Ordering::Relaxed);
                if let At::Record(from, to) | At::Escaped(from, to) | At::Arena(from, to) = value.at
                {
                    bytes.fetch_add(u64::from(to - from), Ordering::Relaxed);
                }
                at = Some(value.next);
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
        let fields = grow(self.heads.len(), class.shared.fields);
        self.heads.resize(fields, Head::default());
        self.values.clear();
        self.arena.clear();
        self.folds.clear();
        self.candidates.clear();
        self.collected = false;
        self.enough = false;
    }

    /// Whether the event read was the last that its class needed to see.
    pub(super) fn has_learned_enough(&self) -> bool {
        self.enough
    }

    fn norm(&mut self, class: &Class, look: &Look, field: u32, value: &Value) {
        use std::fmt::Write as _;
        if let Value::List(items) = value {
            self.value(class, look, field, At::Container(NONE), "");
            for item in items {
                self.norm(class, look, field, item);
            }
            return;
        }
        let from = self.arena.len();
        if let Value::Str(text) = value {
            self.arena.push_str(text);
        } else {
            // Writing to a String cannot fail.
            let _written = write!(self.arena, "{value}");
        }
        let at = At::Arena(from as u32, self.arena.len() as u32);
        self.value(class, look, field, at, "");
    }

    /// Notes a value of a field; gives its position.
    fn note(&mut self, field: u32, at: At) -> Option<u32> {
        let index = self.values.len() as u32;
        let head = self.heads.get_mut(field as usize)?;
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
                asked: 0,
                whole: false,
            };
        }
        self.values.push(Val {
            next: NONE,
            at,
            folded: None,
        });
        Some(index)
    }

    fn value(&mut self, class: &Class, look: &Look, field: u32, at: At, native: &str) {
        let Some(index) = self.note(field, at) else {
            return;
        };
        // The first value of a field says that it is there.
        if self
            .heads
            .get(field as usize)
            .is_some_and(|h| h.first == index)
        {
            for rule in class
                .presence
                .get(field as usize)
                .map(AsRef::as_ref)
                .unwrap_or_default()
            {
                self.candidate(*rule);
            }
        }
        let Some(table) = look.tables.get(field as usize).filter(|t| !t.is_empty()) else {
            return;
        };
        if !self.prepare(index, native, table.reads_folded()) {
            return;
        }
        let (text, folded) = both(&self.values, index, native, &self.arena, &self.folds);
        let (epoch, holds) = (self.epoch, &mut self.holds);
        let (tried, candidates) = (&mut self.tried, &mut self.candidates);
        table.find(text, folded, &mut |ask| {
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

    /// Resolves the escapes of a value, and folds it where that is wanted. False where the value
    /// has no text.
    pub(super) fn prepare(&mut self, index: u32, native: &str, fold: bool) -> bool {
        let Some(value) = self.values.get_mut(index as usize) else {
            return false;
        };
        match value.at {
            At::Null | At::Container(_) => return false,
            At::Escaped(from, to) => {
                let start = self.arena.len();
                let text = native.get(from as usize..to as usize).unwrap_or_default();
                unescape_into(text, &mut self.arena);
                value.at = At::Arena(start as u32, self.arena.len() as u32);
            }
            At::Record(..) | At::Arena(..) => {}
        }
        if fold && value.folded.is_none() {
            let start = self.folds.len();
            let text = text_of(value.at, native, &self.arena).unwrap_or_default();
            fold_onto(text, &mut self.folds);
            value.folded = Some((start as u32, self.folds.len() as u32));
        }
        true
    }

    fn candidate(&mut self, rule: u32) {
        if let Some(seen) = self.tried.get_mut(rule as usize)
            && *seen != self.epoch
        {
            *seen = self.epoch;
            self.candidates.push(rule);
        }
    }
}

/// A value as it is and folded, where [`State::prepare`] made them.
pub(super) fn both<'a>(
    values: &[Val],
    index: u32,
    native: &'a str,
    arena: &'a str,
    folds: &'a str,
) -> (&'a str, &'a str) {
    let Some(value) = values.get(index as usize) else {
        return ("", "");
    };
    let folded = value
        .folded
        .and_then(|(from, to)| folds.get(from as usize..to as usize));
    (
        text_of(value.at, native, arena).unwrap_or_default(),
        folded.unwrap_or_default(),
    )
}

/// Where a value stands, in a record whose text begins at `base`.
fn place(raw: Raw<'_>, base: usize) -> At {
    // The slice lies in the record; its offset is the distance of the two starts.
    let span = |text: &str| {
        let from = (text.as_ptr() as usize).wrapping_sub(base);
        (from as u32, (from + text.len()) as u32)
    };
    match raw {
        Raw::Plain(text) | Raw::Word(text) => {
            let (from, to) = span(text);
            At::Record(from, to)
        }
        Raw::Escaped(text) => {
            let (from, to) = span(text);
            At::Escaped(from, to)
        }
        Raw::Null => At::Null,
        Raw::Container(rest) => At::Container(span(rest).0),
    }
}

pub(super) fn text_of<'a>(at: At, native: &'a str, arena: &'a str) -> Option<&'a str> {
    match at {
        At::Record(from, to) => native.get(from as usize..to as usize),
        At::Arena(from, to) => arena.get(from as usize..to as usize),
        At::Null | At::Container(_) | At::Escaped(..) => None,
    }
}
