//! All rules that see one kind of event, compiled together.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use hashbrown::HashMap;
use watchfloor_types::{FieldName, View};

use super::{
    expression::Expression,
    program::{Asks, Program, triggers},
    record::Paths,
    table::Table,
};
use crate::{
    op::{How, Op},
    rule::Field,
};

/// Events after which triggers are chosen anew from what really happened.
const LEARN_EVENTS: u32 = 1_024;

/// Rules for one kind of event.
#[derive(Debug)]
pub(crate) struct Class {
    pub(super) shared: Arc<Shared>,
    /// Rules without a quick necessary ask.
    pub(super) always: Box<[u32]>,
    /// For each ask, the rules to try when it holds.
    pub(super) triggers: Box<[Box<[u32]>]>,
    pub(super) learning: Option<Learning>,
    /// A better one has taken its place.
    pub(super) replaced: AtomicBool,
}

/// What stays when triggers change.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) rules: Box<[ClassRule]>,
    pub(super) asks: Box<[LocalAsk]>,
    pub(super) tables: Box<[Table]>,
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
    pub(super) program: Program,
}

/// How an ask is answered.
#[derive(Debug)]
pub(super) struct LocalAsk {
    pub(super) global: u32,
    pub(super) field: u32,
    pub(super) way: Way,
}

#[derive(Debug)]
pub(super) enum Way {
    /// By the field's table, as the values come.
    Quick,
    Exists,
    Null,
    /// On demand, once per event.
    Slow {
        op: Op,
        regex: Option<Arc<Expression>>,
        other: u32,
    },
}

#[derive(Debug)]
pub(super) struct Learning {
    pub(super) seen: AtomicU32,
    pub(super) hits: Box<[AtomicU32]>,
}

impl Class {
    /// Compiles `rules`, each with its position in the engine.
    pub(super) fn new<'a>(
        rules: impl IntoIterator<Item = (u32, &'a Program)>,
        asks: &Asks,
    ) -> Self {
        let shared = Shared::new(rules, asks);
        let ask_count = shared.asks.len();
        let learning = Learning {
            seen: AtomicU32::new(0),
            hits: (0..ask_count).map(|_| AtomicU32::new(0)).collect(),
        };
        let guesses: Vec<f64> = shared
            .asks
            .iter()
            .map(|ask| asks.get(ask.global).map_or(1.0, |a| guess(&a.op)))
            .collect();
        Self::with_costs(Arc::new(shared), &guesses, Some(learning))
    }

    fn with_costs(shared: Arc<Shared>, costs: &[f64], learning: Option<Learning>) -> Self {
        let cost = |ask: u32| {
            let quick = shared
                .asks
                .get(ask as usize)
                .is_some_and(|a| matches!(a.way, Way::Quick));
            quick.then(|| costs.get(ask as usize).copied().unwrap_or(1.0))
        };
        let mut by_ask: Vec<Vec<u32>> = vec![Vec::new(); shared.asks.len()];
        let mut always = Vec::new();
        for (at, rule) in shared.rules.iter().enumerate() {
            match triggers(&rule.program, &cost) {
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
        Self {
            always: always.into(),
            triggers: by_ask.into_iter().map(Into::into).collect(),
            learning,
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
    pub(super) fn learned(&self, asks: &Asks) -> Self {
        let costs: Vec<f64> = self
            .shared
            .asks
            .iter()
            .enumerate()
            .map(|(at, ask)| {
                let hits = self
                    .learning
                    .as_ref()
                    .and_then(|l| l.hits.get(at))
                    .map_or(0, |h| h.load(Ordering::Relaxed));
                // Among those never seen, the guess decides.
                f64::from(hits) + asks.get(ask.global).map_or(1.0, |a| guess(&a.op)) / 100.0
            })
            .collect();
        Self::with_costs(self.shared.clone(), &costs, None)
    }
}

/// How often an ask is likely to hold, before anything was seen: longer texts are rarer.
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
                        op: ask.op.clone(),
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
                        op: ask.op.clone(),
                        regex: asks.regex(global).cloned(),
                        other: field,
                    },
                };
                local.insert(global, locals.len() as u32);
                locals.push(LocalAsk { global, field, way });
            }
            let renumber = |global: u32| local.get(&global).copied().unwrap_or(u32::MAX);
            class_rules.push(ClassRule {
                rule,
                program: program.renumbered(&renumber),
            });
        }
        let mut by_field: Vec<Vec<(&Op, u32)>> = vec![Vec::new(); fields.ids.len()];
        for (at, local) in locals.iter().enumerate() {
            if let (Some(list), Some(ask)) = (
                by_field.get_mut(local.field as usize),
                asks.get(local.global),
            ) {
                list.push((&ask.op, at as u32));
            }
        }
        let tables = by_field.into_iter().map(Table::new).collect();
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
        Self {
            rules: class_rules.into(),
            asks: locals.into(),
            tables,
            native,
            native_anywhere,
            reads_native,
            norm: norm.into(),
            norm_anywhere,
            local,
        }
    }
}
