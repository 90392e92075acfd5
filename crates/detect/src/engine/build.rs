//! From documents to an engine, and from an engine to the next when some rules changed.
//!
//! A rule keeps its slot while it lives, and an ask its id, so that a class none of whose rules
//! changed goes on as it is, with the triggers that it has learned. The others are compiled here,
//! before the new engine is used, not by the thread that matches.

use std::sync::{Arc, PoisonError, RwLock};

use hashbrown::{HashMap, HashSet};
use watchfloor_types::{Diagnostic, Logsource, RuleId};

use super::{
    Engine, Rule,
    class::Class,
    program::{self, Asks, Program},
};
use crate::{
    correlate::Plan,
    diagnostics::code,
    rule::{Body, Document, RuleMeta, apply_filters},
};

impl Engine {
    /// Compiles documents. Those that repeat an id or name, or refer to what is not there, are
    /// left out and reported.
    #[must_use]
    pub fn new(documents: Vec<Document>) -> (Self, Vec<Diagnostic>) {
        Self::build(documents, None)
    }

    /// The engine of `documents`, most of which are clones of this engine's: only what differs is
    /// compiled. Swap it in when it is there; matching goes on meanwhile.
    #[must_use]
    pub fn changed(&self, documents: Vec<Document>) -> (Self, Vec<Diagnostic>) {
        // Once half of what is kept is of rules that are gone, it is better to begin anew.
        let gone = self.slots.iter().filter(|s| s.is_none()).count();
        if 2 * gone > self.slots.len() {
            let (engine, diagnostics) = Self::build(documents, None);
            engine.prepare(&self.logsources());
            return (engine, diagnostics);
        }
        Self::build(documents, Some(self))
    }

    fn build(documents: Vec<Document>, old: Option<&Self>) -> (Self, Vec<Diagnostic>) {
        let mut diagnostics = Vec::new();
        let documents = without_repeats(documents, &mut diagnostics);
        let documents = apply_filters(documents, &mut diagnostics);
        let (plan, documents) = Plan::new(documents, &mut diagnostics);
        let mut asks = old.map_or_else(Asks::default, |old| old.asks.clone());
        let mut slots: Vec<Option<u32>> = vec![None; old.map_or(0, |old| old.slots.len())];
        let before: HashMap<&RuleId, &Rule> = old
            .map(|old| old.rules.iter().map(|r| (&r.meta.id, r)).collect())
            .unwrap_or_default();
        let mut changed = Changed::default();
        let mut rules = Vec::new();
        for document in &documents {
            let Body::Detection(detection) = &document.body else {
                continue;
            };
            let order = rules.len() as u32;
            let view = document.meta.logsource.view();
            let known = before.get(&document.meta.id).copied();
            let same = known.filter(|known| {
                Arc::ptr_eq(&known.detection, detection)
                    && known.meta.logsource == document.meta.logsource
            });
            let slot = known.map_or(slots.len() as u32, |known| known.slot);
            match slots.get_mut(slot as usize) {
                Some(there) => *there = Some(order),
                None => slots.push(Some(order)),
            }
            if same.is_none() {
                changed.note(&document.meta.logsource);
                if let Some(known) = known {
                    changed.note(&known.meta.logsource);
                }
            }
            rules.push(Rule {
                meta: document.meta.clone(),
                detection: detection.clone(),
                program: same.map_or_else(
                    || Arc::new(program::compile(detection, view, &mut asks)),
                    |same| same.program.clone(),
                ),
                view,
                emits: plan.emits(order),
                slot,
            });
        }
        for rule in old.iter().flat_map(|old| &old.rules) {
            if slots.get(rule.slot as usize).copied().flatten().is_none() {
                changed.note(&rule.meta.logsource);
            }
        }
        let engine = Self {
            token: Arc::new(()),
            documents,
            rules,
            slots,
            asks,
            plan: Arc::new(plan),
            classes: RwLock::default(),
        };
        if let Some(old) = old {
            engine.take_over(old, &changed);
        }
        (engine, diagnostics)
    }

    /// Takes classes from `old` whose rules are the same, and compiles the others that it had.
    fn take_over(&self, old: &Self, changed: &Changed) {
        let mut affected = Vec::new();
        {
            let theirs = old.classes.read().unwrap_or_else(PoisonError::into_inner);
            let mut ours = self.classes.write().unwrap_or_else(PoisonError::into_inner);
            for (logsource, class) in theirs.iter() {
                if changed.is_seen_by(logsource) {
                    affected.push(logsource.clone());
                } else {
                    ours.insert(logsource, class.clone());
                }
            }
        }
        self.prepare(&affected);
    }

    /// Compiles the classes of these logsources, so that the first event need not wait.
    fn prepare(&self, logsources: &[Logsource]) {
        for logsource in logsources {
            let _class: Arc<Class> = self.shared_class(logsource);
        }
    }

    /// The logsources of events seen so far.
    fn logsources(&self) -> Vec<Logsource> {
        let classes = self.classes.read().unwrap_or_else(PoisonError::into_inner);
        classes
            .iter()
            .map(|(logsource, _)| logsource.clone())
            .collect()
    }

    /// The slots of the rules that see events of a logsource, in order.
    pub(super) fn seeing(&self, logsource: &Logsource) -> Box<[u32]> {
        let slots = self.slots.iter().zip(0u32..);
        slots
            .filter(|(order, _)| {
                order
                    .and_then(|at| self.rules.get(at as usize))
                    .is_some_and(|rule| rule.meta.logsource.sees(logsource))
            })
            .map(|(_, slot)| slot)
            .collect()
    }

    /// The rule in a slot.
    pub(super) fn program(&self, slot: u32) -> Option<&Program> {
        let order = self.slots.get(slot as usize).copied().flatten()?;
        self.rules.get(order as usize).map(|r| r.program.as_ref())
    }
}

/// What differs between two engines.
#[derive(Default)]
struct Changed {
    /// Logsources of rules that came, went or changed.
    logsources: HashSet<Logsource>,
}

impl Changed {
    fn note(&mut self, logsource: &Logsource) {
        self.logsources.insert(logsource.clone());
    }
    fn is_seen_by(&self, event: &Logsource) -> bool {
        self.logsources.iter().any(|rule| rule.sees(event))
    }
}

fn without_repeats(documents: Vec<Document>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Document> {
    let mut ids: HashMap<RuleId, Arc<RuleMeta>> = HashMap::new();
    let mut names: HashMap<String, Arc<RuleMeta>> = HashMap::new();
    let mut kept = Vec::with_capacity(documents.len());
    for document in documents {
        let meta = &document.meta;
        let mut repeat = |code: &str, what: &str, word: &str, first: &RuleMeta| {
            diagnostics.push(
                Diagnostic::error(
                    code,
                    format!(
                        "the {what} `{word}` is taken by {}:{}",
                        first.place.file, first.place.line
                    ),
                )
                .at(meta.place.clone())
                .help(format!("give one of the two another {what}")),
            );
        };
        if let Some(first) = ids.get(&meta.id) {
            repeat(code::DUPLICATE_ID, "id", meta.id.as_str(), first);
            continue;
        }
        if let Some(name) = &meta.name {
            if let Some(first) = names.get(name) {
                repeat(code::DUPLICATE_NAME, "name", name, first);
                continue;
            }
            names.insert(name.clone(), meta.clone());
        }
        ids.insert(meta.id.clone(), meta.clone());
        kept.push(document);
    }
    kept
}
