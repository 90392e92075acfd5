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

/// Triggers are chosen anew after so many events were looked at thoroughly: soon, at first.
const FIRST_EVENTS: u32 = 256;
/// And later, one of so many events at a time, from more.
const LATER_EVENTS: u32 = 1_024;
const LATER_STRIDE: u64 = 16;

/// Rules for one kind of event.
#[derive(Debug)]
pub(crate) struct Class {
    pub(super) shared: Arc<Shared>,
    /// What triggers were chosen by.
    costs: Costs,
    /// The rules' programs, each in the order that decides soonest.
    pub(super) programs: Box<[Program]>,
    /// Rules without a quick necessary ask.
    pub(super) always: Box<[u32]>,
    /// For each ask, the rules to try when it holds.
    pub(super) triggers: Box<[Box<[u32]>]>,
    /// For each field, the rules to try when it is there at all.
    pub(super) presence: Box<[Box<[u32]>]>,
    /// What is looked for in every event.
    pub(super) look: Look,
    pub(super) learning: Option<Learning>,
    /// A better one has taken its place.
    pub(super) replaced: AtomicBool,
}

/// What is looked for as an event is read.
#[derive(Debug)]
pub(super) struct Look {
    /// For each field, what is looked for in every value as it comes.
    pub(super) tables: Box<[Table]>,
    /// What is looked for in the record as it is written.
    pub(super) keywords: Option<Whole>,
    /// For each ask, whether it is among them.
    pub(super) answers: Box<[bool]>,
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
    /// Its slot in the engine.
    pub(super) slot: u32,
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

/// What events show that are looked at thoroughly.
#[derive(Debug)]
pub(super) struct Learning {
    /// Everything that is asked.
    look: Look,
    /// One of so many events is looked at thoroughly, until there were `enough`.
    stride: u64,
    pub(super) enough: u32,
    seen: AtomicU32,
    /// For each ask, in how many events it held.
    pub(super) hits: Box<[AtomicU32]>,
    /// For each field, in how many events it was, and how many values and bytes came.
    pub(super) present: Box<[AtomicU32]>,
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
    /// Compiles `rules`, each with its slot in the engine.
    pub(super) fn new<'a>(
        rules: impl IntoIterator<Item = (u32, &'a Program)>,
        asks: &Asks,
    ) -> Self {
        let shared = Arc::new(Shared::new(rules, asks));
        let costs = Costs::guessed(&shared);
        let learning = Learning::new(&shared, 1, FIRST_EVENTS);
        Self::with_costs(shared, &costs, Some(learning))
    }

    fn with_costs(shared: Arc<Shared>, costs: &Costs, learning: Option<Learning>) -> Self {
        let (programs, tries): (Vec<Program>, Vec<f64>) = shared
            .rules
            .iter()
            .map(|rule| order::arranged(&rule.program, &shared, costs))
            .unzip();
        let chosen = choice::choose(&shared, costs, &tries);
        let mut by_ask: Vec<Vec<u32>> = vec![Vec::new(); shared.asks.len()];
        let mut by_field: Vec<Vec<u32>> = vec![Vec::new(); shared.fields];
        let mut always = Vec::new();
        for (at, triggers) in chosen.into_iter().enumerate() {
            match triggers {
                Some(asks) => {
                    for ask in asks {
                        let Some(local) = shared.asks.get(ask as usize) else {
                            continue;
                        };
                        let list = match local.way {
                            Way::Quick => by_ask.get_mut(ask as usize),
                            _ => by_field.get_mut(local.field as usize),
                        };
                        if let Some(list) = list
                            && list.last() != Some(&(at as u32))
                        {
                            list.push(at as u32);
                        }
                    }
                }
                None => always.push(at as u32),
            }
        }
        let wanted: Vec<bool> = by_ask.iter().map(|rules| !rules.is_empty()).collect();
        Self {
            costs: costs.clone(),
            programs: programs.into(),
            always: always.into(),
            triggers: by_ask.into_iter().map(Into::into).collect(),
            presence: by_field.into_iter().map(Into::into).collect(),
            look: Look::new(&shared, wanted),
            learning,
            replaced: AtomicBool::new(false),
            shared,
        }
    }

    /// What to look for in the `at`-th event of a thread, and where to note what it shows.
    pub(super) fn look(&self, at: u64) -> (&Look, Option<&Learning>) {
        match &self.learning {
            Some(learning) if at.is_multiple_of(learning.stride) => {
                (&learning.look, Some(learning))
            }
            Some(_) | None => (&self.look, None),
        }
    }

    /// The same class with triggers that held rarely in the events seen, once there were enough.
    pub(super) fn learned(&self) -> Option<Self> {
        let learning = self.learning.as_ref()?;
        // True once, for one thread.
        if learning.seen.swap(0, Ordering::Relaxed) < learning.enough {
            return None;
        }
        let costs = Costs::learned(&self.shared, learning);
        Some(Self::with_costs(self.shared.clone(), &costs, None))
    }

    /// The same class, to look again at what is rare: what was may have changed.
    pub(super) fn learning_again(&self) -> Option<Self> {
        if self.learning.is_some() {
            return None;
        }
        let costs = self.costs.clone();
        let learning = Learning::new(&self.shared, LATER_STRIDE, LATER_EVENTS);
        Some(Self::with_costs(
            self.shared.clone(),
            &costs,
            Some(learning),
        ))
    }
}

impl Learning {
    fn new(shared: &Shared, stride: u64, enough: u32) -> Self {
        let quick = shared
            .asks
            .iter()
            .map(|a| matches!(a.way, Way::Quick))
            .collect();
        let counters = |many: usize| (0..many).map(|_| AtomicU32::new(0)).collect();
        Self {
            look: Look::new(shared, quick),
            stride,
            enough,
            seen: AtomicU32::new(0),
            hits: counters(shared.asks.len()),
            present: counters(shared.fields),
            values: counters(shared.fields),
            bytes: (0..shared.fields).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Counts one event; true when there were enough.
    pub(super) fn is_enough(&self) -> bool {
        self.seen.fetch_add(1, Ordering::Relaxed) + 1 >= self.enough
    }
}

impl Look {
    /// Looks for those asks that are `wanted`.
    fn new(shared: &Shared, wanted: Vec<bool>) -> Self {
        let mut by_field: Vec<Vec<(&Op, u32)>> = vec![Vec::new(); shared.fields];
        for (at, (local, wanted)) in shared.asks.iter().zip(&wanted).enumerate() {
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
        Self {
            tables: by_field.into_iter().map(Table::new).collect(),
            keywords,
            answers: wanted.into(),
        }
    }
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
        for (slot, program) in rules {
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
                    | Op::Array(_)
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
                slot,
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
