//! How runs start.

use jiff::Timestamp;
use watchfloor_types::{Actor, AlertId, IncidentId, RunId, RunbookId};

use super::{Entry, Mode, Runbook, StartPolicy, decide::one};
use crate::{
    Decision, Refusal, State, alert,
    permit::{WORKERS, permit},
};

/// Suggests or starts the runbooks that the rules behind an alert name.
pub(super) fn propose(
    state: &State,
    incident: IncidentId,
    alert: AlertId,
    now: Timestamp,
) -> Decision {
    let mut all = Decision::nothing();
    let named = state
        .alerts
        .get(alert)
        .map(alert::Alert::runbooks)
        .unwrap_or_default();
    for name in named {
        let Some(runbook) = name
            .to_ascii_lowercase()
            .parse::<RunbookId>()
            .ok()
            .and_then(|id| state.content.runbooks.get(&id))
        else {
            continue;
        };
        let ran = state
            .runs
            .of_incident(incident)
            .any(|run| run.runbook.id == runbook.id);
        let told = state
            .runs
            .suggested(incident)
            .any(|(id, _)| *id == runbook.id);
        let reason = "a rule that fired names it".to_owned();
        match runbook.start_policy {
            _ if ran => {}
            StartPolicy::Auto => {
                let started = start(
                    state,
                    runbook,
                    incident,
                    Mode::Live,
                    reason,
                    Actor::System,
                    now,
                );
                all.extend(started);
            }
            StartPolicy::Suggest if told => {}
            StartPolicy::Suggest => all.extend(one(Entry::Suggested {
                incident,
                runbook: runbook.id.clone(),
                reason,
            })),
        }
    }
    all
}

pub(super) fn start_by_hand(
    state: &State,
    actor: &Actor,
    id: &RunbookId,
    incident: IncidentId,
    mode: Mode,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let runbook = state
        .content
        .runbooks
        .get(id)
        .ok_or_else(|| Refusal::NotFound {
            kind: "runbook",
            id: id.to_string(),
        })?;
    let found = state
        .incidents
        .get(incident)
        .ok_or_else(|| Refusal::NotFound {
            kind: "incident",
            id: incident.to_string(),
        })?;
    permit(actor, "starting a run", WORKERS, found.exercise)?;
    if !found.is_open() {
        return Err(Refusal::Conflict(format!(
            "{} is {}",
            found.name, found.status
        )));
    }
    if let Some(other) = state
        .runs
        .unfinished_of(incident)
        .find(|run| run.runbook.id == *id && run.mode == mode && run.end.is_none())
    {
        return Err(Refusal::Conflict(format!(
            "run {} of this runbook is under way",
            other.id
        )));
    }
    let reason = format!("{actor} started it");
    let by = actor.clone();
    Ok(start(state, runbook, incident, mode, reason, by, now))
}

fn start(
    state: &State,
    runbook: &Runbook,
    incident: IncidentId,
    mode: Mode,
    reason: String,
    by: Actor,
    now: Timestamp,
) -> Decision {
    let exercise = state.incidents.get(incident).and_then(|i| i.exercise);
    let run = RunId::minted(
        now,
        &[
            b"run",
            &state.applied().to_be_bytes(),
            incident.uuid().as_bytes(),
            runbook.id.as_str().as_bytes(),
        ],
    );
    one(Entry::Started {
        run,
        runbook: runbook.id.clone(),
        version: runbook.version.clone(),
        text: runbook.text.to_string(),
        incident,
        // An exercise never acts on what is real.
        mode: if exercise.is_some() {
            Mode::Rehearsal
        } else {
            mode
        },
        exercise,
        reason,
        by,
    })
}
