//! Decides: alerts, incidents, runs, on-call, obligations, drafts, exercises.
//!
//! The whole crate is one pure function. [`step`] takes the state, who asks, what they ask and
//! the time, and returns the entries for the journal and the effects for the world. Entries are
//! durable before an effect runs; the outcome of an effect comes back as an [`Input`].
//!
//! Each module owns one part of the state and has the same three functions:
//!
//! - `decide`: what an input means, given the state;
//! - `apply`: what an entry changes in the module's own part of the state, never fails;
//! - `react`: what follows from an entry of any module.

pub mod alert;
pub mod comms;
mod content;
pub mod entity;
pub mod exercise;
pub mod incident;
mod need;
pub mod obligation;
pub mod oncall;
mod permit;
mod refusal;
pub mod rule;
pub mod runbook;
mod state;
pub mod suppression;
mod word;

pub use content::Content;
pub use need::{Need, NeedKind};
pub use refusal::Refusal;
pub use state::State;
pub use word::ParseWordError;

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use watchfloor_types::{Actor, Effect, Finding, Outcome};

/// Something that asks for a decision.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Findings of detection and intelligence matching.
    Findings(Vec<Finding>),
    /// What came of an effect.
    Outcome(Outcome),
    /// Time has passed; sent about once a second.
    Tick,
    /// A person works an alert.
    Alert(alert::Input),
    /// A person works an incident.
    Incident(incident::Input),
    /// A person works a run.
    Run(runbook::Input),
    /// A person answers a page or changes who is on call.
    Oncall(oncall::Input),
    /// A person decides or files.
    Obligation(obligation::Input),
    /// A person writes, approves or sends.
    Comms(comms::Input),
    /// Exercise control or a player acts.
    Exercise(exercise::Input),
    /// A person writes a rule or puts it at a stage.
    Rule(rule::Input),
    /// A person suppresses findings.
    Suppression(suppression::Input),
}

/// One fact of the journal. Its JSON form is a promise: journals written by earlier versions must
/// still read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "module", content = "entry", rename_all = "kebab-case")]
pub enum Entry {
    /// About an alert.
    Alert(alert::Entry),
    /// About an incident.
    Incident(incident::Entry),
    /// About a run.
    Run(runbook::Entry),
    /// About pages and duty.
    Oncall(oncall::Entry),
    /// About clocks and filings.
    Obligation(obligation::Entry),
    /// About drafts and messages.
    Comms(comms::Entry),
    /// About an exercise.
    Exercise(exercise::Entry),
    /// About a rule, or a finding that raised no alert.
    Rule(rule::Entry),
    /// About a suppression.
    Suppression(suppression::Entry),
}

/// What was decided: entries to make durable, then effects to perform.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decision {
    /// In order.
    pub entries: Vec<Entry>,
    /// To be performed once the entries are durable.
    pub effects: Vec<Effect>,
}

impl Decision {
    /// Nothing to do.
    #[must_use]
    pub fn nothing() -> Self {
        Self::default()
    }
    /// The same with one more entry.
    #[must_use]
    pub fn entry(mut self, entry: Entry) -> Self {
        self.entries.push(entry);
        self
    }
    /// The same with one more effect.
    #[must_use]
    pub fn effect(mut self, effect: Effect) -> Self {
        self.effects.push(effect);
        self
    }
    /// Adds what `other` decided, after what is here.
    pub fn extend(&mut self, other: Decision) {
        self.entries.extend(other.entries);
        self.effects.extend(other.effects);
    }
}

/// How deep reactions to one input may nest before it counts as a loop.
const MAX_DEPTH: usize = 1000;

/// Decides on `input`, applies every entry to `state`, follows the reactions until none is left,
/// and returns everything in order. A refused input changes nothing.
///
/// Reactions are taken one at a time and each sees everything decided before it, so that two
/// findings of one batch cannot open the same incident twice.
pub fn step(
    state: &mut State,
    actor: &Actor,
    input: Input,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let decided = decide(state, actor, input, now)?;
    let mut all = Decision::nothing();
    let mut waiting = VecDeque::new();
    take(state, decided, 0, now, &mut waiting, &mut all);
    while let Some((entry, depth)) = waiting.pop_front() {
        if depth >= MAX_DEPTH {
            return Err(Refusal::Loop { rounds: MAX_DEPTH });
        }
        for module in REACTIONS {
            let reaction = module(state, &entry, now);
            take(state, reaction, depth + 1, now, &mut waiting, &mut all);
        }
    }
    Ok(all)
}

/// Applies what was decided and queues it for reactions.
fn take(
    state: &mut State,
    decided: Decision,
    depth: usize,
    now: Timestamp,
    waiting: &mut VecDeque<(Entry, usize)>,
    all: &mut Decision,
) {
    for entry in decided.entries {
        state.apply(&entry, now);
        waiting.push_back((entry.clone(), depth));
        all.entries.push(entry);
    }
    all.effects.extend(decided.effects);
}

/// What follows from an entry, module by module.
const REACTIONS: &[fn(&State, &Entry, Timestamp) -> Decision] = &[
    alert::react,
    incident::react,
    runbook::react,
    oncall::react,
    obligation::react,
    comms::react,
    exercise::react,
    rule::react,
    suppression::react,
];

/// What `input` means, given `state`. Does not change anything.
pub fn decide(
    state: &State,
    actor: &Actor,
    input: Input,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    match input {
        Input::Findings(findings) => Ok(alert::on_findings(state, findings, now)),
        Input::Outcome(outcome) => {
            let mut all = runbook::on_outcome(state, &outcome, now);
            all.extend(oncall::on_outcome(state, &outcome, now));
            all.extend(comms::on_outcome(state, &outcome, now));
            Ok(all)
        }
        Input::Tick => {
            let mut all = runbook::on_tick(state, now);
            all.extend(oncall::on_tick(state, now));
            all.extend(obligation::on_tick(state, now));
            all.extend(exercise::on_tick(state, now));
            Ok(all)
        }
        Input::Alert(input) => alert::decide(state, actor, input, now),
        Input::Incident(input) => incident::decide(state, actor, input, now),
        Input::Run(input) => runbook::decide(state, actor, input, now),
        Input::Oncall(input) => oncall::decide(state, actor, input, now),
        Input::Obligation(input) => obligation::decide(state, actor, input, now),
        Input::Comms(input) => comms::decide(state, actor, input, now),
        Input::Exercise(input) => exercise::decide(state, actor, input, now),
        Input::Rule(input) => rule::decide(state, actor, input, now),
        Input::Suppression(input) => suppression::decide(state, actor, input, now),
    }
}
