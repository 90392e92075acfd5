//! Runs: where each branch stands, and what an entry changes.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use watchfloor_types::{
    Actor, Effect, EffectKey, ExerciseId, IncidentId, RunId, RunbookId, StepId,
};

use super::{At, Entry, Mode, Purpose, RunResult, Runbook, Wait, log, parse};
use crate::State;

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
    fn branch_mut(&mut self, number: u32) -> Option<&mut Branch> {
        self.branches.get_mut(usize::try_from(number).ok()?)
    }
    fn doing_mut(&mut self, at: &At) -> Option<&mut Doing> {
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
    all: BTreeMap<RunId, Run>,
    by_incident: BTreeMap<IncidentId, BTreeSet<RunId>>,
    active: BTreeSet<RunId>,
    by_effect: BTreeMap<EffectKey, (RunId, u32)>,
    suggested: BTreeMap<IncidentId, BTreeMap<RunbookId, String>>,
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

pub(crate) fn apply(state: &mut State, entry: &Entry, now: Timestamp) {
    log::log(state, entry, now);
    match entry {
        Entry::Suggested {
            incident,
            runbook,
            reason,
        } => {
            state
                .runs
                .suggested
                .entry(*incident)
                .or_default()
                .insert(runbook.clone(), reason.clone());
        }
        Entry::Started { run, .. } => started(state, *run, entry, now),
        Entry::BranchOpened { run, .. }
        | Entry::BranchClosed { run, .. }
        | Entry::ValueSet { run, .. }
        | Entry::Finished { run, .. } => {
            if let Some(run) = state.runs.all.get_mut(run) {
                run_changed(run, entry, now);
            }
        }
        Entry::StepStarted { at }
        | Entry::Waiting { at, .. }
        | Entry::Approved { at, .. }
        | Entry::JobDone { at, .. }
        | Entry::InDoubt { at, .. }
        | Entry::StepFinished { at, .. }
        | Entry::StepFailed { at, .. } => {
            if let Entry::Waiting {
                wait: Wait::Effect { effect, .. },
                ..
            } = entry
            {
                let place = (at.run, at.branch);
                state.runs.by_effect.insert(effect.key.clone(), place);
            }
            if let Some(run) = state.runs.all.get_mut(&at.run) {
                step_changed(run, at, entry, now);
            }
        }
    }
    if let Some((id, _)) = entry.place() {
        match state.runs.all.get(&id) {
            Some(run) if run.is_active() => state.runs.active.insert(id),
            Some(_) | None => state.runs.active.remove(&id),
        };
    }
}

fn started(state: &mut State, id: RunId, entry: &Entry, now: Timestamp) {
    let Entry::Started {
        runbook,
        version,
        text,
        incident,
        mode,
        exercise,
        by,
        ..
    } = entry
    else {
        return;
    };
    let known = state
        .content
        .runbooks
        .get(runbook)
        .filter(|known| known.version == *version)
        .cloned();
    // An older version is read again from the journal; it was accepted when the run started.
    let Some(runbook) = known.or_else(|| parse(runbook, runbook.as_str(), text).0.map(Arc::new))
    else {
        return;
    };
    if let Some(suggested) = state.runs.suggested.get_mut(incident) {
        suggested.remove(&runbook.id);
    }
    state
        .runs
        .by_incident
        .entry(*incident)
        .or_default()
        .insert(id);
    state.runs.all.insert(
        id,
        Run {
            id,
            runbook,
            incident: *incident,
            mode: *mode,
            exercise: *exercise,
            started: now,
            by: by.clone(),
            end: None,
            branches: Vec::new(),
            records: Vec::new(),
            values: BTreeMap::new(),
            attempts: BTreeMap::new(),
        },
    );
}

fn run_changed(run: &mut Run, entry: &Entry, now: Timestamp) {
    match entry {
        Entry::BranchOpened {
            branch,
            parent,
            purpose,
            first,
            ..
        } => {
            if *purpose == Purpose::Exception {
                give_up(run, now, "given up: another step failed");
            }
            if let Some(Position::In(doing)) = parent
                .and_then(|parent| run.branch_mut(parent))
                .map(|b| &mut b.position)
            {
                doing.children.push(*branch);
            }
            run.branches.push(Branch {
                parent: *parent,
                purpose: *purpose,
                position: Position::Next(first.clone()),
            });
        }
        Entry::BranchClosed { branch, .. } => {
            if let Some(branch) = run.branch_mut(*branch) {
                branch.position = Position::Closed;
            }
        }
        Entry::ValueSet { name, value, .. } => {
            run.values.insert(name.clone(), value.clone());
        }
        Entry::Finished { result, reason, .. } => {
            give_up(run, now, "given up: the run ended");
            run.end = Some(End {
                result: *result,
                reason: reason.clone(),
                at: now,
            });
        }
        Entry::Suggested { .. }
        | Entry::Started { .. }
        | Entry::StepStarted { .. }
        | Entry::Waiting { .. }
        | Entry::Approved { .. }
        | Entry::JobDone { .. }
        | Entry::InDoubt { .. }
        | Entry::StepFinished { .. }
        | Entry::StepFailed { .. } => {}
    }
}

/// Ends every branch of the flow where it stands; what is being taken back goes on.
fn give_up(run: &mut Run, now: Timestamp, why: &str) {
    let mut ended = Vec::new();
    for (number, branch) in (0u32..).zip(&mut run.branches) {
        if branch.purpose != Purpose::Undo {
            if let Position::In(doing) = &branch.position {
                ended.push((number, doing.step.clone(), doing.attempt));
            }
            branch.position = Position::Closed;
        }
    }
    for (branch, step, attempt) in ended {
        let at = At {
            run: run.id,
            branch,
            step,
            attempt,
        };
        end_record(run, &at, now, false, why);
    }
}

fn step_changed(run: &mut Run, at: &At, entry: &Entry, now: Timestamp) {
    match entry {
        Entry::StepStarted { .. } => start_step(run, at, now),
        Entry::Waiting { wait, .. } => {
            if let Some(doing) = run.doing_mut(at) {
                doing.phase = Phase::Waiting(wait.clone());
            }
        }
        Entry::Approved { by, .. } => {
            if let Some(doing) = run.doing_mut(at) {
                doing.approved = Some(by.clone());
                doing.phase = Phase::Ready;
            }
            saw(run, at, by);
        }
        Entry::JobDone {
            job, values, by, ..
        } => {
            run.values
                .extend(values.iter().map(|(k, v)| (k.clone(), v.clone())));
            if let Some(doing) = run.doing_mut(at) {
                doing.jobs_done = job + 1;
                doing.phase = Phase::Ready;
            }
            saw(run, at, by);
        }
        Entry::InDoubt { detail, .. } => {
            if let Some(doing) = run.doing_mut(at) {
                doing.phase = Phase::InDoubt(detail.clone());
            }
        }
        Entry::StepFinished { detail, .. } => {
            end_record(run, at, now, true, detail);
            if let Some(branch) = run.branch_mut(at.branch) {
                branch.position = Position::After(at.step.clone());
            }
        }
        Entry::StepFailed { reason, by, .. } => {
            end_record(run, at, now, false, reason);
            saw(run, at, by);
            if let Some(branch) = run.branch_mut(at.branch) {
                branch.position = Position::Failed(at.step.clone(), reason.clone());
            }
        }
        Entry::Suggested { .. }
        | Entry::Started { .. }
        | Entry::BranchOpened { .. }
        | Entry::ValueSet { .. }
        | Entry::BranchClosed { .. }
        | Entry::Finished { .. } => {}
    }
}

fn start_step(run: &mut Run, at: &At, now: Timestamp) {
    run.attempts.insert(at.step.clone(), at.attempt);
    let mut doing = Doing {
        step: at.step.clone(),
        attempt: at.attempt,
        since: now,
        approved: None,
        jobs_done: 0,
        children: Vec::new(),
        phase: Phase::Ready,
    };
    let mut before = None;
    if let Some(branch) = run.branch_mut(at.branch) {
        if let Position::In(old) = &branch.position
            && old.step == at.step
        {
            // Another attempt repeats neither what is done nor the question to the approver.
            doing.approved.clone_from(&old.approved);
            doing.jobs_done = old.jobs_done;
            before = Some(old.attempt);
        }
        branch.position = Position::In(doing);
    }
    if let Some(attempt) = before {
        let old = At {
            attempt,
            ..at.clone()
        };
        end_record(run, &old, now, false, "tried again");
    }
    run.records.push(Record {
        step: at.step.clone(),
        attempt: at.attempt,
        branch: at.branch,
        started: now,
        end: None,
        people: Vec::new(),
    });
}

fn record<'r>(run: &'r mut Run, at: &At) -> Option<&'r mut Record> {
    run.records
        .iter_mut()
        .rev()
        .find(|r| r.step == at.step && r.attempt == at.attempt)
}

fn end_record(run: &mut Run, at: &At, now: Timestamp, done: bool, detail: &str) {
    if let Some(record) = record(run, at) {
        record.end = Some(RecordEnd {
            at: now,
            done,
            detail: detail.to_owned(),
        });
    }
}

fn saw(run: &mut Run, at: &At, by: &Actor) {
    if let Some(record) = record(run, at)
        && by.user().is_some()
    {
        record.people.push(by.clone());
    }
}
