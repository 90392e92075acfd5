//! All rules that see one kind of event, compiled together.
//!
//! Of all texts that rules ask for, only the triggers are looked for in every event: a rule is
//! tried when one of a small set of asks holds that it cannot do without. What else a rule asks is
//! answered when it is tried. Which asks are triggers is chosen first by a guess, then by what the
//! first events showed ([`super::choice`]).

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
};

use hashbrown::HashMap;
use memchr::memmem::Finder;
use watchfloor_types::{FieldName, View};

use super::{
    choice::{self, Costs},
    expression::Expression,
    order,
    program::{Ask, Asks, Program},
    record::Paths,
    table::Table,
    whole::Whole,
};
use crate::{
    op::{How, Op},
    rule::Field,
};

/// Events after which triggers are chosen anew from what really happened.
pub(super) const LEARN_EVENTS: u32 = 1_024;

/// Rules for one kind of event.
#[derive(Debug)]
pub(crate) struct Class {
    pub(super) shared: Arc<Shared>,
    /// The rules' programs, each in the order that decides soonest.
    pub(super) programs: Box<[Program]>,
    /// Rules without a quick necessary ask.
    pub(super) always: Box<[u32]>,
    /// For each ask, the rules to try when it holds.
    pub(super) triggers: Box<[Box<[u32]>]>,
    /// For each field, what is looked for in every value as it comes.
    pub(super) first: Box<[Table]>,
    /// For each ask, whether `first` answers it.
    pub(super) in_first: Box<[bool]>,
    /// What of `first` is looked for in the record as it is written.
    pub(super) keywords: Option<Whole>,
    pub(super) learning: Option<Learning>,
    /// A better one has taken its place.
    pub(super) replaced: AtomicBool,
}

/// What stays when triggers change.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) rules: Box<[ClassRule]>,
    pub(super) asks: Box<[LocalAsk]>,
    pub(super) fields: usize,
    /// For each field, everything that is asked of it: for a value of which much is asked.
    whole: Box<[OnceLock<Table>]>,
    pub(super) native: Paths,
    pub(super) native_anywhere: Option<u32>,
    pub(super) reads_native: bool,
    /// In the order of names, as an event's view is.
    pub(super) norm: Box<[(FieldName, u32)]>,
    pub(super) norm_anywhere: Option<u32>,
    /// Global ask to local.
    pub(super) local: HashMap<u32, u32>,
}

#[derive(Debug)]
pub(super) struct ClassRule {
    /// Position in the engine.
    pub(super) rule: u32,
    /// In the order of the rule, which is the order in which matched fields are told.
    pub(super) program: Program,
}

/// How an ask is answered.
#[derive(Debug)]
pub(super) struct LocalAsk {
    pub(super) ask: Arc<Ask>,
    pub(super) field: u32,
    pub(super) way: Way,
    /// Looks for the text of a `contains`, made when first needed.
    finder: OnceLock<Box<Finder<'static>>>,
}

#[derive(Debug)]
pub(super) enum Way {
    /// By a table of the field, or by itself.
    Quick,
    Exists,
    Null,
    /// On demand, once per event.
    Slow {
        regex: Option<Arc<Expression>>,
        other: u32,
    },
}

/// What the first events show.
#[derive(Debug)]
pub(super) struct Learning {
    pub(super) seen: AtomicU32,
    /// For each ask, in how many events it held.
    pub(super) hits: Box<[AtomicU32]>,
    /// For each field, how many values and bytes came.
    pub(super) values: Box<[AtomicU32]>,
    pub(super) bytes: Box<[AtomicU64]>,
}

impl LocalAsk {
    /// Whether `literal`, the text of this `contains`, stands in `text`.
    pub(super) fn contains(&self, text: &str, literal: &str) -> bool {
        let finder = self
            .finder
            .get_or_init(|| Box::new(Finder::new(literal.as_bytes()).into_owned()));
        finder.find(text.as_bytes()).is_some()
    }
    pub(super) fn is_contains(&self) -> bool {
        matches!(
            self.ask.op,
            Op::Text {
                how: How::Contains,
                ..
            }
        )
    }
}

impl Shared {
    /// The table of everything that is asked of a field.
    pub(super) fn whole(&self, field: u32) -> Option<&Table> {
        let slot = self.whole.get(field as usize)?;
        Some(slot.get_or_init(|| {
            let asked = self
                .asks
                .iter()
                .enumerate()
                .filter(|(_, a)| a.field == field);
            Table::new(asked.map(|(at, a)| (&a.ask.op, at as u32)))
        }))
    }
}

impl Class {
    /// Compiles `rules`, each with its position in the engine.
    pub(super) fn new<'a>(
        rules: impl IntoIterator<Item = (u32, &'a Program)>,
        asks: &Asks,
    ) -> Self {
        Self::to_learn(Arc::new(Shared::new(rules, asks)))
    }

    /// Looks for everything, to see what is rare.
    fn to_learn(shared: Arc<Shared>) -> Self {
        let learning = Learning {
            seen: AtomicU32::new(0),
            hits: shared.asks.iter().map(|_| AtomicU32::new(0)).collect(),
            values: (0..shared.fields).map(|_| AtomicU32::new(0)).collect(),
            bytes: (0..shared.fields).map(|_| AtomicU64::new(0)).collect(),
        };
        let costs = Costs::guessed(&shared);
        let mut class = Self::with_costs(shared, &costs);
        let quick: Vec<bool> = class
            .shared
            .asks
            .iter()
            .map(|a| matches!(a.way, Way::Quick))
            .collect();
        (class.first, class.keywords) = tables(&class.shared, &quick);
        class.in_first = quick.into();
        class.learning = Some(learning);
        class
    }

    fn with_costs(shared: Arc<Shared>, costs: &Costs) -> Self {
        let (programs, tries): (Vec<Program>, Vec<f64>) = shared
            .rules
            .iter()
            .map(|rule| order::arranged(&rule.program, &shared, costs))
            .unzip();
        let chosen = choice::choose(&shared, costs, &tries);
        let mut by_ask: Vec<Vec<u32>> = vec![Vec::new(); shared.asks.len()];
        let mut always = Vec::new();
        for (at, triggers) in chosen.into_iter().enumerate() {
            match triggers {
                Some(asks) => {
                    for ask in asks {
                        if let Some(list) = by_ask.get_mut(ask as usize) {
                            list.push(at as u32);
                        }
                    }
                }
                None => always.push(at as u32),
            }
        }
        let in_first: Vec<bool> = by_ask.iter().map(|rules| !rules.is_empty()).collect();
        let (first, keywords) = tables(&shared, &in_first);
        Self {
            programs: programs.into(),
            always: always.into(),
            triggers: by_ask.into_iter().map(Into::into).collect(),
            first,
            keywords,
            in_first: in_first.into(),
            learning: None,
            replaced: AtomicBool::new(false),
            shared,
        }
    }

    /// Counts one event; true once, when enough has been seen to choose better triggers.
    pub(super) fn is_ready_to_learn(&self) -> bool {
        self.learning
            .as_ref()
            .is_some_and(|l| l.seen.fetch_add(1, Ordering::Relaxed) + 1 == LEARN_EVENTS)
    }

    /// The same class with triggers that held rarely in the events seen.
    pub(super) fn learned(&self) -> Self {
        let costs = match &self.learning {
            Some(learning) => Costs::learned(&self.shared, learning),
            None => Costs::guessed(&self.shared),
        };
        Self::with_costs(self.shared.clone(), &costs)
    }

    /// The same class, to look again at what is rare: what was may have changed.
    pub(super) fn learning_again(&self) -> Self {
        Self::to_learn(self.shared.clone())
    }
}

/// For each field, the table of those of its asks that are wanted, and what can be looked for in
/// records as they are written instead.
fn tables(shared: &Shared, wanted: &[bool]) -> (Box<[Table]>, Option<Whole>) {
    let mut by_field: Vec<Vec<(&Op, u32)>> = vec![Vec::new(); shared.fields];
    for (at, (local, wanted)) in shared.asks.iter().zip(wanted).enumerate() {
        if *wanted && let Some(list) = by_field.get_mut(local.field as usize) {
            list.push((&local.ask.op, at as u32));
        }
    }
    let mut keywords = None;
    if let Some(asks) = shared
        .native_anywhere
        .and_then(|f| by_field.get_mut(f as usize))
        && !asks.is_empty()
    {
        keywords = Whole::new(asks.iter().copied());
        if keywords.is_some() {
            asks.clear();
        }
    }
    (by_field.into_iter().map(Table::new).collect(), keywords)
}

#[derive(Default)]
struct Fields {
    ids: HashMap<(View, Field), u32>,
}

impl Fields {
    fn id(&mut self, view: View, field: &Field) -> u32 {
        let next = self.ids.len() as u32;
        *self.ids.entry((view, field.clone())).or_insert(next)
    }
}

impl Shared {
    fn new<'a>(rules: impl IntoIterator<Item = (u32, &'a Program)>, asks: &Asks) -> Self {
        let mut local: HashMap<u32, u32> = HashMap::new();
        let mut locals: Vec<LocalAsk> = Vec::new();
        let mut fields = Fields::default();
        let mut class_rules = Vec::new();
        for (rule, program) in rules {
            for global in program.asks() {
                if local.contains_key(&global) {
                    continue;
                }
                let Some(ask) = asks.get(global) else {
                    continue;
                };
                let field = fields.id(ask.view, &ask.field);
                let way = match &ask.op {
                    Op::Text { .. } | Op::Number(_) => Way::Quick,
                    Op::Exists => Way::Exists,
                    Op::Null => Way::Null,
                    Op::FieldRef { field: other, .. } => Way::Slow {
                        regex: None,
                        other: fields.id(ask.view, &Field::Named(other.clone())),
                    },
                    Op::Glob { .. }
                    | Op::Regex(_)
                    | Op::Cidr(_)
                    | Op::Compare(..)
                    | Op::Time { .. }
                    | Op::Placeholder(_) => Way::Slow {
                        regex: asks.regex(global).cloned(),
                        other: field,
                    },
                };
                local.insert(global, locals.len() as u32);
                locals.push(LocalAsk {
                    ask: ask.clone(),
                    field,
                    way,
                    finder: OnceLock::new(),
                });
            }
            let renumber = |global: u32| local.get(&global).copied().unwrap_or(u32::MAX);
            class_rules.push(ClassRule {
                rule,
                program: program.renumbered(&renumber),
            });
        }
        let mut native = Paths::default();
        let (mut native_anywhere, mut norm_anywhere) = (None, None);
        let mut reads_native = false;
        let mut norm = Vec::new();
        for ((view, field), id) in &fields.ids {
            reads_native |= *view == View::Native;
            match (view, field) {
                (View::Native, Field::Named(name)) => native.add(name, *id),
                (View::Native, Field::Anywhere) => native_anywhere = Some(*id),
                (View::Norm, Field::Named(name)) => {
                    norm.push((FieldName::from(name.as_ref()), *id));
                }
                (View::Norm, Field::Anywhere) => norm_anywhere = Some(*id),
            }
        }
        norm.sort_unstable();
        let fields = fields.ids.len();
        Self {
            rules: class_rules.into(),
            asks: locals.into(),
            fields,
            whole: (0..fields).map(|_| OnceLock::new()).collect(),
            native,
            native_anywhere,
            reads_native,
            norm: norm.into(),
            norm_anywhere,
            local,
        }
    }
}
