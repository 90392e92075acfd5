//! What people do to incidents.

use jiff::Timestamp;
use watchfloor_types::{Actor, DecisionId, IncidentId, Role};

use super::{Entry, Fact, Incident, Input, Status, fact_name};
use crate::{
    Decision, Refusal, State,
    permit::{WORKERS, permit, said},
};

/// Everybody with a part in a response.
const RESPONDERS: &[Role] = &[
    Role::Analyst,
    Role::Commander,
    Role::Comms,
    Role::Privacy,
    Role::Legal,
    Role::Executive,
    Role::ExerciseControl,
];
/// Who may decide for the organisation.
const DECIDERS: &[Role] = &[
    Role::Commander,
    Role::Comms,
    Role::Privacy,
    Role::Legal,
    Role::Executive,
];
/// Who may say when the organisation became aware.
const AWARE: &[Role] = &[Role::Privacy, Role::Legal];

pub(crate) fn decide(
    state: &State,
    actor: &Actor,
    input: Input,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let by = actor.clone();
    let mut all = Decision::nothing();
    match input {
        Input::Open {
            title,
            severity,
            alerts,
            exercise,
            reason,
        } => {
            let exercise = one_exercise(state, &alerts, exercise)?;
            permit(actor, "opening an incident", WORKERS, exercise)?;
            let title = said(&title, "the title")?;
            let reason = said(&reason, "the reason")?;
            let incident =
                IncidentId::minted(now, &[b"incident by hand", &state.applied().to_be_bytes()]);
            let year = jiff::tz::Offset::UTC.to_datetime(now).year();
            push(
                &mut all,
                Entry::Opened {
                    incident,
                    name: state.incidents.next_name(year),
                    title,
                    severity,
                    exercise,
                    reason: reason.clone(),
                    by: by.clone(),
                },
            );
            for alert in alerts {
                push(
                    &mut all,
                    Entry::AlertJoined {
                        incident,
                        alert,
                        reason: reason.clone(),
                        by: by.clone(),
                    },
                );
            }
        }
        Input::Rename { incident, title } => {
            live(state, actor, incident, "renaming an incident", WORKERS)?;
            let title = said(&title, "the title")?;
            push(
                &mut all,
                Entry::Renamed {
                    incident,
                    title,
                    by,
                },
            );
        }
        Input::AddAlert {
            incident,
            alert,
            reason,
        } => {
            let found = live(state, actor, incident, "adding an alert", WORKERS)?;
            if one_exercise(state, &[alert], None)? != found.exercise {
                return Err(mixed());
            }
            let reason = said(&reason, "the reason")?;
            push(
                &mut all,
                Entry::AlertJoined {
                    incident,
                    alert,
                    reason,
                    by,
                },
            );
        }
        Input::DetachAlert {
            incident,
            alert,
            reason,
        } => {
            let found = live(state, actor, incident, "taking an alert out", WORKERS)?;
            if found.alerts().all(|member| member != alert) {
                return Err(Refusal::NotFound {
                    kind: "alert in this incident",
                    id: alert.to_string(),
                });
            }
            let reason = said(&reason, "the reason")?;
            push(
                &mut all,
                Entry::AlertDetached {
                    incident,
                    alert,
                    reason,
                    by,
                },
            );
        }
        Input::SetSeverity {
            incident,
            severity,
            reason,
        } => {
            let found = live(state, actor, incident, "setting the severity", WORKERS)?;
            let reason = said(&reason, "the reason")?;
            if severity == found.severity {
                return Err(Refusal::Conflict(format!(
                    "the severity is {severity} already"
                )));
            }
            push(
                &mut all,
                Entry::SeverityChanged {
                    incident,
                    from: found.severity,
                    to: severity,
                    reason,
                    by,
                },
            );
        }
        Input::SetStatus {
            incident,
            status,
            reason,
        } => {
            let who = match status {
                Status::Closed => &[Role::Commander][..],
                Status::New | Status::InProgress | Status::OnHold | Status::Resolved => WORKERS,
            };
            let found = live(state, actor, incident, "changing the status", who)?;
            let what = if status.is_open() {
                "the reason"
            } else {
                "the resolution"
            };
            let reason = said(&reason, what)?;
            if status == found.status {
                return Err(Refusal::Conflict(format!("the status is {status} already")));
            }
            if status == Status::Closed
                && let Some(run) = state.runs.unfinished_of(incident).next()
            {
                return Err(Refusal::Conflict(format!(
                    "run {} of this incident has not ended; finish or stop it first",
                    run.id
                )));
            }
            push(
                &mut all,
                Entry::StatusChanged {
                    incident,
                    from: found.status,
                    to: status,
                    reason,
                    by,
                },
            );
        }
        Input::SetRole {
            incident,
            role,
            user,
        } => {
            live(state, actor, incident, "assigning a role", RESPONDERS)?;
            push(
                &mut all,
                Entry::RoleSet {
                    incident,
                    role,
                    user,
                    by,
                },
            );
        }
        Input::RecordFact {
            incident,
            name,
            value,
            known_at,
            events,
            finding,
            note,
        } => {
            let who = if name.as_str() == fact_name::AWARE_AT {
                AWARE
            } else {
                RESPONDERS
            };
            live(state, actor, incident, "recording a fact", who)?;
            let known_at = known_at.unwrap_or(now);
            if known_at > now {
                return Err(Refusal::Invalid(
                    "a fact cannot be known in the future".to_owned(),
                ));
            }
            let fact = Fact {
                name,
                value,
                known_at,
                by,
                events,
                finding,
                note: note.trim().to_owned(),
            };
            push(&mut all, Entry::FactRecorded { incident, fact });
        }
        Input::Note { incident, text } => {
            live(state, actor, incident, "writing a note", RESPONDERS)?;
            let text = said(&text, "the note")?;
            push(&mut all, Entry::Noted { incident, text, by });
        }
        Input::Decide {
            incident,
            question,
            answer,
            reason,
        } => {
            live(state, actor, incident, "recording a decision", DECIDERS)?;
            let question = said(&question, "the question")?;
            let answer = said(&answer, "the answer")?;
            let reason = said(&reason, "the reason")?;
            let salt = state.applied().to_be_bytes();
            push(
                &mut all,
                Entry::Decided {
                    incident,
                    decision: DecisionId::minted(now, &[b"decision", &salt]),
                    question,
                    answer,
                    reason,
                    by,
                },
            );
        }
        Input::Merge { from, into, reason } => {
            let a = live(state, actor, from, "merging incidents", WORKERS)?;
            let b = live(state, actor, into, "merging incidents", WORKERS)?;
            if from == into {
                return Err(Refusal::Invalid(
                    "an incident cannot be merged into itself".to_owned(),
                ));
            }
            if a.exercise != b.exercise {
                return Err(mixed());
            }
            let reason = said(&reason, "the reason")?;
            push(
                &mut all,
                Entry::Merged {
                    from,
                    into,
                    reason,
                    by,
                },
            );
        }
    }
    Ok(all)
}

fn push(all: &mut Decision, entry: Entry) {
    all.entries.push(crate::Entry::Incident(entry));
}

/// The incident, if it still is one and the actor may.
fn live<'s>(
    state: &'s State,
    actor: &Actor,
    id: IncidentId,
    what: &'static str,
    any_of: &[Role],
) -> Result<&'s Incident, Refusal> {
    let incident = state.incidents.get(id).ok_or_else(|| Refusal::NotFound {
        kind: "incident",
        id: id.to_string(),
    })?;
    permit(actor, what, any_of, incident.exercise)?;
    match incident.merged_into.and_then(|id| state.incidents.get(id)) {
        Some(into) => Err(Refusal::Conflict(format!(
            "{} was merged into {}",
            incident.name, into.name
        ))),
        None => Ok(incident),
    }
}

fn mixed() -> Refusal {
    Refusal::Conflict("what belongs to an exercise and what does not stay apart".to_owned())
}

/// An alert that exists and belongs to no incident.
fn free(state: &State, alert: watchfloor_types::AlertId) -> Result<(), Refusal> {
    if state.alerts.get(alert).is_none() {
        return Err(Refusal::NotFound {
            kind: "alert",
            id: alert.to_string(),
        });
    }
    match state.incidents.of_alert(alert) {
        Some(other) => Err(Refusal::Conflict(format!(
            "this alert belongs to {}; take it out there first",
            other.name
        ))),
        None => Ok(()),
    }
}

/// The exercise of all `alerts`, which must be `exercise` where that is given.
fn one_exercise(
    state: &State,
    alerts: &[watchfloor_types::AlertId],
    exercise: Option<watchfloor_types::ExerciseId>,
) -> Result<Option<watchfloor_types::ExerciseId>, Refusal> {
    let mut all = alerts
        .iter()
        .map(|alert| {
            free(state, *alert)?;
            Ok(state
                .alerts
                .get(*alert)
                .and_then(crate::alert::Alert::exercise))
        })
        .collect::<Result<Vec<_>, Refusal>>()?;
    if exercise.is_some() || all.is_empty() {
        all.push(exercise);
    }
    let first = all.first().copied().flatten();
    if all.iter().all(|other| *other == first) {
        Ok(first)
    } else {
        Err(mixed())
    }
}
