//! The engine: which rules does an event match?

mod choice;
mod class;
mod cost;
mod explain;
mod expression;
mod inside;
mod literal;
mod order;
mod program;
mod record;
mod state;
mod table;
mod whole;

pub use cost::{ClassCost, Costs, RuleCost};
pub use explain::{Explanation, ItemTrace, SelectionTrace};
pub(crate) use record::{Paths, Raw, scan, unescape_into};

use std::{
    borrow::Cow,
    collections::hash_map::Entry,
    sync::{Arc, PoisonError, RwLock, atomic::Ordering},
};

use hashbrown::HashMap;
use jiff::{SignedDuration, Timestamp};
use watchfloor_types::{
    Diagnostic, Event, EventId, Finding, Logsource, MatchedField, RuleId, View,
};

use crate::{
    correlate::Plan,
    diagnostics::code,
    finding,
    rule::{Body, Condition, Detection, Document, Field, RuleMeta},
};
use class::Class;
use cost::Known;
use program::{Asks, Expr, Program};
use state::State;

/// Most matched fields of one finding.
const MAX_MATCHED: usize = 32;
/// Distinct logsources remembered; beyond, the memory starts anew.
const MAX_LOGSOURCES: usize = 4_096;

/// Compiled rules. Share it between threads; to reload, build another and swap the `Arc`.
#[derive(Debug)]
pub struct Engine {
    /// Tells engines apart, so that a [`Scratch`] never serves two.
    token: Arc<()>,
    documents: Vec<Document>,
    rules: Vec<Rule>,
    asks: Asks,
    plan: Arc<Plan>,
    classes: RwLock<Classes>,
}

#[derive(Debug)]
struct Rule {
    meta: Arc<RuleMeta>,
    detection: Arc<Detection>,
    program: Program,
    view: View,
    emits: bool,
}

#[derive(Debug, Default)]
struct Classes {
    by_logsource: HashMap<Logsource, Arc<Class>>,
    /// Logsources that see the same rules share a class.
    by_rules: std::collections::HashMap<Box<[u32]>, Arc<Class>>,
}

/// One rule that matched one event. Only meaningful to the engine that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hit(pub(crate) u32);

/// Working memory of one matching thread. Reuse it from event to event.
#[derive(Debug, Default)]
pub struct Scratch {
    token: Option<Arc<()>>,
    known: Vec<Known>,
    by_logsource: HashMap<Logsource, usize>,
    /// The kind of event that came last: the next is often of the same.
    last: usize,
    clock: Option<fn() -> u64>,
    state: State,
    /// The event last read, and the class it was read for.
    current: Option<(EventId, usize, Arc<Class>)>,
}

impl Scratch {
    /// Empty working memory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
    /// The same with a clock of nanoseconds, so that [`Engine::costs`] knows times. One event of
    /// 64 is timed.
    #[must_use]
    pub fn with_clock(clock: fn() -> u64) -> Self {
        Self {
            clock: Some(clock),
            ..Self::default()
        }
    }
    fn read(&mut self, event: &Event, native: &str, class: &Arc<Class>, at: u64) {
        self.state.read(class, native, &event.norm, at);
        self.current = Some((event.id, event.native.as_ptr() as usize, class.clone()));
    }
}

impl Engine {
    /// Compiles documents. Those that repeat an id or name, or refer to what is not there, are
    /// left out and reported.
    #[must_use]
    pub fn new(documents: Vec<Document>) -> (Self, Vec<Diagnostic>) {
        let mut diagnostics = Vec::new();
        let documents = without_repeats(documents, &mut diagnostics);
        let (plan, documents) = Plan::new(documents, &mut diagnostics);
        let mut asks = Asks::default();
        let mut rules = Vec::new();
        for document in &documents {
            if let Body::Detection(detection) = &document.body {
                let view = document.meta.logsource.view();
                rules.push(Rule {
                    meta: document.meta.clone(),
                    detection: detection.clone(),
                    program: program::compile(detection, view, &mut asks),
                    view,
                    emits: plan.emits(rules.len() as u32),
                });
            }
        }
        let engine = Self {
            token: Arc::new(()),
            documents,
            rules,
            asks,
            plan: Arc::new(plan),
            classes: RwLock::default(),
        };
        (engine, diagnostics)
    }

    /// Every document in use, rules and correlations, in the order given.
    #[must_use]
    pub fn documents(&self) -> &[Document] {
        &self.documents
    }
    /// What the matched rule says about itself.
    #[must_use]
    pub fn meta(&self, hit: Hit) -> Option<&Arc<RuleMeta>> {
        self.rules.get(hit.0 as usize).map(|r| &r.meta)
    }
    /// The document with this id.
    #[must_use]
    pub fn document(&self, id: &RuleId) -> Option<&Document> {
        self.documents.iter().find(|d| d.meta.id == *id)
    }
    /// How many distinct questions all rules together ask.
    #[must_use]
    pub fn asks(&self) -> usize {
        self.asks.len()
    }
    /// The longest timespan of a correlation; none where there is no correlation.
    #[must_use]
    pub fn longest_timespan(&self) -> Option<SignedDuration> {
        self.plan.longest_timespan()
    }
    /// Whether a correlation counts this hit.
    #[must_use]
    pub fn is_counted(&self, hit: Hit) -> bool {
        self.plan.counts(hit.0)
    }
    pub(crate) fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }
    pub(crate) fn position(&self, id: &RuleId) -> Option<u32> {
        self.rules
            .iter()
            .position(|r| r.meta.id == *id)
            .map(|at| at as u32)
    }

    /// The rules that `event` matches, in the order of the engine, appended to `hits`. Rules
    /// that only feed correlations are among them.
    pub fn match_event(&self, event: &Event, scratch: &mut Scratch, hits: &mut Vec<Hit>) {
        let (at, class) = self.class(&event.logsource, scratch);
        let native = text_of(event, &class);
        let clock = scratch.clock.filter(|_| {
            let known = scratch.known.get(at);
            known.is_some_and(|k| k.tally.is_sampled())
        });
        let began = clock.map(|clock| clock());
        let number = scratch.known.get(at).map_or(0, |k| k.tally.events());
        scratch.read(event, &native, &class, number);
        let from = hits.len();
        let Scratch { known, state, .. } = scratch;
        let candidates = std::mem::take(&mut state.candidates);
        if let Some(Known { tally, .. }) = known.get_mut(at) {
            let mut time = clock.map(|clock| clock());
            tally.event(
                native.len(),
                time.zip(began).map(|(now, then)| now.saturating_sub(then)),
            );
            for candidate in &candidates {
                let at = *candidate as usize;
                let (Some(rule), Some(program)) =
                    (class.shared.rules.get(at), class.programs.get(at))
                else {
                    continue;
                };
                let held = state.condition(&class, &native, program, &program.condition);
                if held {
                    hits.push(Hit(rule.rule));
                }
                let spent = clock.zip(time).map(|(clock, then)| {
                    let now = clock();
                    time = Some(now);
                    now.saturating_sub(then)
                });
                tally.tried(*candidate, held, spent);
            }
        }
        state.candidates = candidates;
        if let Some(new) = hits.get_mut(from..) {
            new.sort_unstable();
        }
        if state.has_learned_enough()
            && let Some(new) = class.learned()
        {
            self.replace(&class, new);
        }
    }

    /// Finds the values that rules read and answers nothing: what reading alone costs, for
    /// measurements. Gives how many values there are.
    #[doc(hidden)]
    pub fn read_only(&self, event: &Event, scratch: &mut Scratch) -> usize {
        let (_, class) = self.class(&event.logsource, scratch);
        let native = text_of(event, &class);
        let mut values = 0;
        let shared = &class.shared;
        scan(
            &native,
            &shared.native,
            shared.native_anywhere,
            &mut |_, _| values += 1,
        );
        values
    }

    /// Findings of `hits` on `event`, appended to `out`, saying which values matched. Rules that
    /// only feed correlations give none.
    pub fn findings(
        &self,
        event: &Event,
        hits: &[Hit],
        scratch: &mut Scratch,
        now: Timestamp,
        out: &mut Vec<Finding>,
    ) {
        for hit in hits {
            let Some(rule) = self.rules.get(hit.0 as usize).filter(|r| r.emits) else {
                continue;
            };
            let matched = self.matched(event, *hit, scratch);
            out.push(finding::of_rule(&rule.meta, event, matched, now));
        }
    }

    /// [`Engine::match_event`] and [`Engine::findings`] in one: `hits` is replaced by this event's.
    pub fn detect(
        &self,
        event: &Event,
        scratch: &mut Scratch,
        now: Timestamp,
        hits: &mut Vec<Hit>,
        out: &mut Vec<Finding>,
    ) {
        hits.clear();
        self.match_event(event, scratch, hits);
        if !hits.is_empty() {
            self.findings(event, hits, scratch, now, out);
        }
    }

    fn attach(&self, scratch: &mut Scratch) {
        if !scratch
            .token
            .as_ref()
            .is_some_and(|t| Arc::ptr_eq(t, &self.token))
        {
            *scratch = Scratch {
                token: Some(self.token.clone()),
                clock: scratch.clock,
                ..Scratch::default()
            };
        }
    }

    /// The class of events of this logsource, and its place in `scratch`.
    fn class(&self, logsource: &Logsource, scratch: &mut Scratch) -> (usize, Arc<Class>) {
        self.attach(scratch);
        let Scratch {
            known,
            by_logsource,
            last,
            ..
        } = scratch;
        let at = match known.get(*last) {
            Some(same) if same.logsource == *logsource => Some(*last),
            _ => by_logsource.get(logsource).copied(),
        };
        if let Some(at) = at
            && let Some(there) = known.get_mut(at)
        {
            *last = at;
            if there.class.replaced.load(Ordering::Relaxed) {
                there.replace(self.shared_class(logsource));
            }
            if there.is_to_learn_again()
                && let Some(new) = there.class.learning_again()
            {
                self.replace(&there.class, new);
            }
            return (at, there.class.clone());
        }
        let class = self.shared_class(logsource);
        if known.len() >= MAX_LOGSOURCES {
            known.clear();
            by_logsource.clear();
        }
        let at = known.len();
        known.push(Known::new(logsource, class.clone()));
        by_logsource.insert(logsource.clone(), at);
        *last = at;
        (at, class)
    }

    fn shared_class(&self, logsource: &Logsource) -> Arc<Class> {
        let known = self
            .classes
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .by_logsource
            .get(logsource)
            .cloned();
        if let Some(class) = known {
            return class;
        }
        let seen: Box<[u32]> = self
            .rules
            .iter()
            .enumerate()
            .filter(|(_, rule)| rule.meta.logsource.sees(logsource))
            .map(|(at, _)| at as u32)
            .collect();
        let mut classes = self.classes.write().unwrap_or_else(PoisonError::into_inner);
        if classes.by_logsource.len() >= MAX_LOGSOURCES {
            *classes = Classes::default();
        }
        let class = match classes.by_rules.entry(seen) {
            Entry::Occupied(there) => there.get().clone(),
            Entry::Vacant(free) => {
                let rules = free.key().iter().filter_map(|at| {
                    self.rules
                        .get(*at as usize)
                        .map(|rule| (*at, &rule.program))
                });
                let class = Arc::new(Class::new(rules, &self.asks));
                free.insert(class).clone()
            }
        };
        classes
            .by_logsource
            .insert(logsource.clone(), class.clone());
        class
    }

    /// Puts a class with other triggers in the place of `old`. What matches stays the same.
    fn replace(&self, old: &Arc<Class>, new: Class) {
        let new = Arc::new(new);
        let mut classes = self.classes.write().unwrap_or_else(PoisonError::into_inner);
        let Classes {
            by_logsource,
            by_rules,
        } = &mut *classes;
        for class in by_logsource.values_mut().chain(by_rules.values_mut()) {
            if Arc::ptr_eq(class, old) {
                *class = new.clone();
            }
        }
        drop(classes);
        old.replaced.store(true, Ordering::Relaxed);
    }

    /// The predicates that held and what they held of.
    fn matched(&self, event: &Event, hit: Hit, scratch: &mut Scratch) -> Vec<MatchedField> {
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
        // Rules of a class are in the order of the engine.
        let rules = &class.shared.rules;
        let found = rules.binary_search_by_key(&hit.0, |r| r.rule);
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

/// The record as text; what is not UTF-8 is replaced.
/// The native record, where the class reads it at all.
fn text_of<'e>(event: &'e Event, class: &Class) -> Cow<'e, str> {
    if !class.shared.reads_native {
        return Cow::Borrowed("");
    }
    match std::str::from_utf8(&event.native) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(&event.native),
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
