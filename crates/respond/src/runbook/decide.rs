//! What people, outcomes, time and other entries do to runs.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use watchfloor_types::{Actor, Effect, Outcome, OutcomeStatus, RunId, StepId};

use super::{
    At, Doing, Entry, Input, Phase, Purpose, Resolution, Run, RunResult, Wait,
    advance::{advance, ask, begin, fail},
    start::{propose, start_by_hand},
};
use crate::{
    Decision, Refusal, State, incident,
    permit::{WORKERS, permit, said},
};

/// How often an effect that may be repeated is asked for with the same key before a person is.
const MAX_TRIES: u32 = 3;
/// How long after its deadline the outcome of an effect may still arrive.
const GRACE: SignedDuration = SignedDuration::from_secs(60);

pub(crate) fn decide(
    state: &State,
    actor: &Actor,
    input: Input,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let by = actor.clone();
    let entry = match input {
        Input::Start {
            runbook,
            incident,
            mode,
        } => return start_by_hand(state, actor, &runbook, incident, mode, now),
        Input::Complete {
            run,
            step,
            note,
            values,
        } => {
            let (found, at, doing) = doing(state, run, &step)?;
            let Phase::Waiting(Wait::Person { roles, .. }) = &doing.phase else {
                return Err(elsewhere(doing, "a person"));
            };
            permit(actor, "doing this step", roles, found.exercise)?;
            let out_args = found.runbook.step(&step).map_or(&[][..], |s| &s.out_args);
            if let Some(stranger) = values.keys().find(|name| !out_args.contains(name)) {
                return Err(Refusal::Invalid(format!(
                    "this step does not set `{stranger}`"
                )));
            }
            let note = note.trim();
            Entry::JobDone {
                at,
                job: doing.jobs_done,
                detail: if note.is_empty() {
                    "done".to_owned()
                } else {
                    said(note, "the note")?
                },
                values,
                by,
            }
        }
        Input::Fail { run, step, reason } => {
            let (found, at, doing) = doing(state, run, &step)?;
            let roles = match &doing.phase {
                Phase::Waiting(Wait::Person { roles, .. }) => roles.as_slice(),
                // Nobody has the value: the step is not for this incident.
                Phase::Waiting(Wait::Values { .. }) => WORKERS,
                Phase::Waiting(_) | Phase::Ready | Phase::InDoubt(_) => {
                    return Err(elsewhere(doing, "a person"));
                }
            };
            permit(actor, "failing this step", roles, found.exercise)?;
            let reason = said(&reason, "the reason")?;
            Entry::StepFailed { at, reason, by }
        }
        Input::Approve { run, step, note } => {
            let (found, at, doing) = doing(state, run, &step)?;
            let Phase::Waiting(Wait::Approval { roles, .. }) = &doing.phase else {
                return Err(elsewhere(doing, "approval"));
            };
            permit(actor, "approving this step", roles, found.exercise)?;
            let note = note.trim().to_owned();
            Entry::Approved { at, by, note }
        }
        Input::Refuse { run, step, reason } => {
            let (found, at, doing) = doing(state, run, &step)?;
            let Phase::Waiting(Wait::Approval { roles, .. }) = &doing.phase else {
                return Err(elsewhere(doing, "approval"));
            };
            permit(actor, "refusing this step", roles, found.exercise)?;
            let reason = format!("refused: {}", said(&reason, "the reason")?);
            Entry::StepFailed { at, reason, by }
        }
        Input::Resolve {
            run,
            step,
            resolution,
            reason,
        } => {
            let (found, at, doing) = doing(state, run, &step)?;
            if !matches!(doing.phase, Phase::InDoubt(_)) {
                return Err(elsewhere(doing, "an answer to a doubt"));
            }
            permit(actor, "resolving a doubt", WORKERS, found.exercise)?;
            let reason = said(&reason, "the reason")?;
            match resolution {
                Resolution::Retry => {
                    return Ok(begin(found, at.branch, &step, found.attempt_of(&step) + 1));
                }
                Resolution::Done => Entry::JobDone {
                    at,
                    job: doing.jobs_done,
                    detail: format!("was done: {reason}"),
                    values: BTreeMap::new(),
                    by,
                },
                Resolution::Failed => Entry::StepFailed { at, reason, by },
            }
        }
        Input::SetValue { run, name, value } => {
            let found = known(state, run)?;
            permit(actor, "giving a value", WORKERS, found.exercise)?;
            match found.runbook.variables.get(&name) {
                None => {
                    return Err(Refusal::NotFound {
                        kind: "variable in this runbook",
                        id: name,
                    });
                }
                Some(variable) if variable.constant => {
                    return Err(Refusal::Conflict(format!("`{name}` is constant")));
                }
                Some(_) => {}
            }
            let value = said(&value, "the value")?;
            Entry::ValueSet {
                run,
                name,
                value,
                by,
            }
        }
        Input::Undo { run, step, reason } => {
            let found = known(state, run)?;
            permit(actor, "taking a step back", WORKERS, found.exercise)?;
            if !found.undoable().contains(&&step) {
                return Err(Refusal::Conflict(
                    "this step was not done, cannot be taken back or was taken back".to_owned(),
                ));
            }
            let undo = found.runbook.step(&step).and_then(|s| s.more.undo.clone());
            let first = undo.ok_or_else(|| no_step(&step))?;
            Entry::BranchOpened {
                run,
                branch: found.next_branch(),
                parent: None,
                purpose: Purpose::Undo,
                first,
                by,
                reason: said(&reason, "the reason")?,
            }
        }
        Input::Abort { run, reason } => {
            let found = known(state, run)?;
            permit(actor, "stopping a run", WORKERS, found.exercise)?;
            if found.end.is_some() {
                return Err(Refusal::Conflict("this run has ended".to_owned()));
            }
            Entry::Finished {
                run,
                result: RunResult::Aborted,
                reason: said(&reason, "the reason")?,
                by,
            }
        }
    };
    Ok(one(entry))
}

/// What came of an effect. An outcome that nothing waits for changes nothing.
pub(crate) fn on_outcome(state: &State, outcome: &Outcome, now: Timestamp) -> Decision {
    let Some((run, number)) = state.runs.of_effect(&outcome.key) else {
        return Decision::nothing();
    };
    let waiting = run.doing().find_map(|(branch, doing)| match &doing.phase {
        Phase::Waiting(Wait::Effect { effect, tries })
            if branch == number && effect.key == outcome.key =>
        {
            Some((doing, effect.as_ref(), *tries))
        }
        Phase::Ready | Phase::Waiting(_) | Phase::InDoubt(_) => None,
    });
    let Some((doing, effect, tries)) = waiting else {
        return Decision::nothing();
    };
    let at = place(run, number, doing);
    let job = doing.jobs_done;
    let step = run.runbook.step(&doing.step);
    match outcome.status {
        OutcomeStatus::Done | OutcomeStatus::Rehearsed => one(Entry::JobDone {
            at,
            job,
            detail: format!("{}: {}", outcome.status, outcome.detail),
            values: captured(step, outcome),
            by: Actor::System,
        }),
        OutcomeStatus::Failed => {
            let tried = run.attempt_of(&doing.step);
            if step.is_some_and(|step| tried <= step.more.retries) {
                begin(run, number, &doing.step, tried + 1)
            } else {
                fail(at, &outcome.detail)
            }
        }
        OutcomeStatus::InDoubt => in_doubt(at, job, (effect, tries), &outcome.detail, now),
    }
}

/// Asks again with the same key where that is harmless, else a person.
fn in_doubt(
    at: At,
    job: u32,
    (effect, tries): (&Effect, u32),
    detail: &str,
    now: Timestamp,
) -> Decision {
    if effect.class.may_repeat() && tries < MAX_TRIES {
        let again = Effect {
            at: now,
            deadline: now + effect.deadline.duration_since(effect.at),
            ..effect.clone()
        };
        return ask(at, job, again, tries + 1);
    }
    one(Entry::InDoubt {
        at,
        job,
        detail: detail.to_owned(),
    })
}

fn captured(step: Option<&super::Step>, outcome: &Outcome) -> BTreeMap<String, String> {
    let Some((step, output)) = step.zip(outcome.output.as_ref()) else {
        return BTreeMap::new();
    };
    step.more
        .capture
        .iter()
        .filter_map(|(name, pointer)| {
            let value = match output.pointer(pointer)? {
                serde_json::Value::String(text) => text.clone(),
                serde_json::Value::Null => return None,
                other => other.to_string(),
            };
            Some((name.clone(), value))
        })
        .collect()
}

/// Moves on what a restart or a new fact has left waiting, one branch of a run at a time, and ends
/// what took too long.
pub(crate) fn on_tick(state: &State, now: Timestamp) -> Decision {
    let mut all = Decision::nothing();
    for run in state.runs.active() {
        if let Some(late) = late(run, now) {
            all.extend(late);
            continue;
        }
        if run.branches.is_empty() {
            all.extend(first(run));
            continue;
        }
        let next = (0u32..run.next_branch())
            .map(|number| advance(state, run, number, now))
            .find(|decision| !decision.entries.is_empty());
        all.extend(next.unwrap_or_default());
    }
    all
}

fn late(run: &Run, now: Timestamp) -> Option<Decision> {
    run.doing().find_map(|(number, doing)| {
        let at = place(run, number, doing);
        match &doing.phase {
            Phase::Waiting(
                Wait::Person { due: Some(due), .. } | Wait::Approval { due: Some(due), .. },
            ) if *due <= now => Some(fail(at, "nobody answered in time")),
            // Nothing leaves in a rehearsal, and its clock may run faster than the world.
            Phase::Waiting(Wait::Effect { effect, tries })
                if !effect.rehearsal && effect.deadline + GRACE <= now =>
            {
                let job = doing.jobs_done;
                Some(in_doubt(
                    at,
                    job,
                    (effect, *tries),
                    "no outcome arrived",
                    now,
                ))
            }
            Phase::Ready | Phase::Waiting(_) | Phase::InDoubt(_) => None,
        }
    })
}

/// A run follows its own entries; a rule that names a runbook suggests or starts it.
pub(crate) fn react(state: &State, entry: &crate::Entry, now: Timestamp) -> Decision {
    match entry {
        crate::Entry::Run(entry) => follow(state, entry, now),
        crate::Entry::Incident(incident::Entry::AlertJoined {
            incident, alert, ..
        }) => propose(state, *incident, *alert, now),
        crate::Entry::Incident(incident::Entry::FindingJoined {
            incident, alert, ..
        }) => propose(state, *incident, *alert, now),
        crate::Entry::Alert(_)
        | crate::Entry::Incident(_)
        | crate::Entry::Oncall(_)
        | crate::Entry::Obligation(_)
        | crate::Entry::Comms(_)
        | crate::Entry::Exercise(_)
        | crate::Entry::Rule(_)
        | crate::Entry::Suppression(_) => Decision::nothing(),
    }
}

fn follow(state: &State, entry: &Entry, now: Timestamp) -> Decision {
    let Some((id, branch)) = entry.place() else {
        return Decision::nothing();
    };
    let Some(run) = state.runs.get(id) else {
        return Decision::nothing();
    };
    if matches!(entry, Entry::Started { .. }) && run.branches.is_empty() {
        return first(run);
    }
    let parent = match entry {
        Entry::BranchClosed { branch, .. } => run.branch(*branch).and_then(|b| b.parent),
        Entry::Suggested { .. }
        | Entry::Started { .. }
        | Entry::BranchOpened { .. }
        | Entry::StepStarted { .. }
        | Entry::Waiting { .. }
        | Entry::Approved { .. }
        | Entry::ValueSet { .. }
        | Entry::JobDone { .. }
        | Entry::InDoubt { .. }
        | Entry::StepFinished { .. }
        | Entry::StepFailed { .. }
        | Entry::Finished { .. } => None,
    };
    let next = parent.or(branch);
    let branches = match next {
        Some(number) => number..number + 1,
        None => 0..run.next_branch(),
    };
    branches
        .map(|number| advance(state, run, number, now))
        .find(|decision| !decision.entries.is_empty())
        .unwrap_or_default()
}

fn first(run: &Run) -> Decision {
    one(Entry::BranchOpened {
        run: run.id,
        branch: 0,
        parent: None,
        purpose: Purpose::Flow,
        first: run.runbook.start.clone(),
        by: Actor::System,
        reason: String::new(),
    })
}

pub(super) fn one(entry: Entry) -> Decision {
    Decision::nothing().entry(crate::Entry::Run(entry))
}

fn place(run: &Run, branch: u32, doing: &Doing) -> At {
    At {
        run: run.id,
        branch,
        step: doing.step.clone(),
        attempt: doing.attempt,
    }
}

fn known(state: &State, id: RunId) -> Result<&Run, Refusal> {
    state.runs.get(id).ok_or_else(|| Refusal::NotFound {
        kind: "run",
        id: id.to_string(),
    })
}

fn no_step(step: &StepId) -> Refusal {
    Refusal::NotFound {
        kind: "step under way",
        id: step.to_string(),
    }
}

fn doing<'s>(
    state: &'s State,
    run: RunId,
    step: &StepId,
) -> Result<(&'s Run, At, &'s Doing), Refusal> {
    let run = known(state, run)?;
    run.doing()
        .find(|(_, doing)| doing.step == *step)
        .map(|(branch, doing)| (run, place(run, branch, doing), doing))
        .ok_or_else(|| no_step(step))
}

fn elsewhere(doing: &Doing, wanted: &str) -> Refusal {
    let waits = match &doing.phase {
        Phase::Ready => "moves on by itself",
        Phase::InDoubt(_) => "is in doubt; say what came of it",
        Phase::Waiting(Wait::Until { .. }) => "waits for its time",
        Phase::Waiting(Wait::Values { .. }) => "waits for values",
        Phase::Waiting(Wait::Person { .. }) => "waits for a person who does it",
        Phase::Waiting(Wait::Approval { .. }) => "waits for approval",
        Phase::Waiting(Wait::Effect { .. }) => "waits for the outcome of its effect",
    };
    Refusal::Conflict(format!("this step does not wait for {wanted}; it {waits}"))
}
