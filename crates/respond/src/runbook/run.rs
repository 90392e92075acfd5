//! Runs: where each branch stands, and what an entry changes.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use watchfloor_types::{
    Actor, Effect, EffectKey, ExerciseId, IncidentId, RunId, RunbookId, StepId,
};

use super::{At, Mode, Purpose, RunResult, Runbook, Wait};

/// One execution of a runbook.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// The procedure, as it was when the run started.
    pub runbook: Arc<Runbook>,
    /// The incident it is for.
    pub incident: IncidentId,
    /// Whether it acts.
    pub mode: Mode,
    /// The exercise it belongs to.
    pub exercise: Option<ExerciseId>,
    /// When it started.
    pub started: Timestamp,
    /// Who started it.
    pub by: Actor,
    /// How and when it ended.
    pub end: Option<End>,
    /// Its branches by number.
    pub branches: Vec<Branch>,
    /// What was done, in order.
    pub records: Vec<Record>,
    /// Values that people and answers have set.
    pub values: BTreeMap<String, String>,
    /// Attempts at each step so far.
    pub(super) attempts: BTreeMap<StepId, u32>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// How.
    pub result: RunResult,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// A branch of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    /// The branch whose step opened it.
    pub parent: Option<u32>,
    /// Why it exists.
    pub purpose: Purpose,
    /// Where it stands.
    pub position: Position,
}

/// Where a branch stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Position {
    /// This step comes next.
    Next(StepId),
    /// In the middle of a step.
    In(Doing),
    /// This step is done.
    After(StepId),
    /// This step failed.
    Failed(StepId, String),
    /// It came to its end, or was given up.
    Closed,
}

/// In the middle of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Doing {
    /// The step.
    pub step: StepId,
    /// The attempt.
    pub attempt: u32,
    /// When this attempt began.
    pub since: Timestamp,
    /// Who approved it.
    pub approved: Option<Actor>,
    /// How many of its commands are done.
    pub jobs_done: u32,
    /// Branches that it opened.
    pub children: Vec<u32>,
    /// What it waits for.
    pub phase: Phase,
}

/// What a step is about.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    /// To be moved on.
    Ready,
    /// Waiting.
    Waiting(Wait),
    /// Nobody knows whether its effect happened.
    InDoubt(String),
}

/// One attempt at a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The step.
    pub step: StepId,
    /// The attempt.
    pub attempt: u32,
    /// The branch.
    pub branch: u32,
    /// When it began.
    pub started: Timestamp,
    /// How and when it ended.
    pub end: Option<RecordEnd>,
    /// Who did it, approved it or said what came of it.
    pub people: Vec<Actor>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordEnd {
    /// When.
    pub at: Timestamp,
    /// Whether it was done; otherwise it failed or was given up.
    pub done: bool,
    /// What came of it.
    pub detail: String,
}

impl Run {
    /// Whether something can still happen in it.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.end.is_none() || self.branches.iter().any(|b| b.position != Position::Closed)
    }
    /// Branches in the middle of a step, with their numbers.
    pub fn doing(&self) -> impl Iterator<Item = (u32, &Doing)> {
        (0u32..)
            .zip(&self.branches)
            .filter_map(|(number, branch)| match &branch.position {
                Position::In(doing) => Some((number, doing)),
                Position::Next(_)
                | Position::After(_)
                | Position::Failed(..)
                | Position::Closed => None,
            })
    }
    /// The branch with this number.
    #[must_use]
    pub fn branch(&self, number: u32) -> Option<&Branch> {
        self.branches.get(usize::try_from(number).ok()?)
    }
    pub(super) fn branch_mut(&mut self, number: u32) -> Option<&mut Branch> {
        self.branches.get_mut(usize::try_from(number).ok()?)
    }
    pub(super) fn doing_mut(&mut self, at: &At) -> Option<&mut Doing> {
        match &mut self.branch_mut(at.branch)?.position {
            Position::In(doing) if doing.step == at.step && doing.attempt == at.attempt => {
                Some(doing)
            }
            Position::In(_)
            | Position::Next(_)
            | Position::After(_)
            | Position::Failed(..)
            | Position::Closed => None,
        }
    }
    /// Steps that were done and name a step that takes them back, and were not taken back yet.
    #[must_use]
    pub fn undoable(&self) -> Vec<&StepId> {
        let done = |step: &StepId| {
            self.records
                .iter()
                .any(|r| r.step == *step && r.end.as_ref().is_some_and(|end| end.done))
        };
        self.runbook
            .steps
            .values()
            .filter(|step| {
                done(&step.id)
                    && step.more.undo.as_ref().is_some_and(|undo| {
                        !self.records.iter().any(|r| r.step == *undo)
                            && !self.branches.iter().any(
                                |b| matches!(&b.position, Position::Next(next) if next == undo),
                            )
                    })
            })
            .map(|step| &step.id)
            .collect()
    }
    /// The name of a step, or its id where it has none.
    #[must_use]
    pub fn step_name<'r>(&'r self, step: &'r StepId) -> &'r str {
        match self.runbook.step(step) {
            Some(found) if !found.name.is_empty() => &found.name,
            Some(_) | None => step.as_str(),
        }
    }
}

/// This module's part of the state.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Runs {
    pub(super) all: BTreeMap<RunId, Run>,
    pub(super) by_incident: BTreeMap<IncidentId, BTreeSet<RunId>>,
    pub(super) active: BTreeSet<RunId>,
    pub(super) by_effect: BTreeMap<EffectKey, (RunId, u32)>,
    pub(super) suggested: BTreeMap<IncidentId, BTreeMap<RunbookId, String>>,
}

impl Runs {
    /// The run with this id.
    #[must_use]
    pub fn get(&self, id: RunId) -> Option<&Run> {
        self.all.get(&id)
    }
    /// Every run, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Run> {
        self.all.values()
    }
    /// Runs in which something can still happen.
    pub fn active(&self) -> impl Iterator<Item = &Run> {
        self.active.iter().filter_map(|id| self.all.get(id))
    }
    /// Runs for an incident, oldest first.
    pub fn of_incident(&self, incident: IncidentId) -> impl Iterator<Item = &Run> {
        self.by_incident
            .get(&incident)
            .into_iter()
            .flatten()
            .filter_map(|id| self.all.get(id))
    }
    /// Runs for an incident in which something can still happen.
    pub fn unfinished_of(&self, incident: IncidentId) -> impl Iterator<Item = &Run> {
        self.of_incident(incident).filter(|run| run.is_active())
    }
    /// Runbooks suggested for an incident and not started since, with the reason.
    pub fn suggested(&self, incident: IncidentId) -> impl Iterator<Item = (&RunbookId, &str)> {
        self.suggested
            .get(&incident)
            .into_iter()
            .flatten()
            .map(|(runbook, reason)| (runbook, reason.as_str()))
    }
    /// The run and branch that asked for an effect.
    pub(super) fn of_effect(&self, key: &EffectKey) -> Option<(&Run, u32)> {
        let (run, branch) = self.by_effect.get(key)?;
        Some((self.all.get(run)?, *branch))
    }
    /// Effects whose outcome is not known, for a restart to ask for again with the same keys.
    pub fn pending_effects(&self) -> impl Iterator<Item = &Effect> {
        self.active().flat_map(|run| {
            run.doing().filter_map(|(_, doing)| match &doing.phase {
                Phase::Waiting(Wait::Effect { effect, .. }) => Some(effect.as_ref()),
                Phase::Waiting(
                    Wait::Until { .. }
                    | Wait::Values { .. }
                    | Wait::Person { .. }
                    | Wait::Approval { .. },
                )
                | Phase::Ready
                | Phase::InDoubt(_) => None,
            })
        })
    }
}
