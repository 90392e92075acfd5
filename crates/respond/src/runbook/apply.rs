//! What an entry changes.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use watchfloor_types::{Actor, RunId};

use super::{
    At, Branch, Doing, End, Entry, Phase, Position, Purpose, Record, RecordEnd, Run, Wait, log,
    parse,
};
use crate::State;

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
