//! The selectors of a scripted act, looked up in the state.

use jiff::{SignedDuration, Timestamp};
use watchfloor_types::{
    AlertId, ExerciseId, FactName, IncidentId, InjectId, RunId, RunbookId, StepId, TemplateId,
    UserId,
};

use super::{Act, ActValue, Input, LessonKind, Play, watch};
use crate::{
    State, alert,
    comms::{self, Draft, DraftState},
    incident::{self, FactValue},
    obligation, runbook,
};

/// The input that an act is, or why it cannot be given now.
pub(super) fn resolve(
    state: &State,
    play: &Play,
    act: &Act,
    user: &UserId,
    now: Timestamp,
) -> Result<crate::Input, String> {
    let exercise = play.id;
    let incident = || {
        watch::incident_of(state, exercise).ok_or_else(|| "the exercise has no incident".to_owned())
    };
    Ok(match act {
        Act::AcknowledgeAlert { inject } => crate::Input::Alert(alert::Input::Acknowledge {
            alert: alert_of(state, play, inject)?,
        }),
        Act::TakeRole { role } => crate::Input::Incident(incident::Input::SetRole {
            incident: incident()?,
            role: *role,
            user: Some(user.clone()),
        }),
        Act::RecordFact { name, value, note } => {
            let incident = incident()?;
            crate::Input::Incident(incident::Input::RecordFact {
                incident,
                name: name.clone(),
                value: fact_value(state, incident, value)?,
                known_at: None,
                events: Vec::new(),
                finding: None,
                note: note.clone(),
            })
        }
        Act::Decide {
            question,
            answer,
            reason,
        } => crate::Input::Incident(incident::Input::Decide {
            incident: incident()?,
            question: question.clone(),
            answer: answer.clone(),
            reason: reason.clone(),
        }),
        Act::CompleteStep {
            runbook,
            step,
            note,
            values,
        } => crate::Input::Run(runbook::Input::Complete {
            run: run_at(state, exercise, runbook, step)?,
            step: step.clone(),
            note: note.clone(),
            values: values.clone(),
        }),
        Act::ApproveStep {
            runbook,
            step,
            note,
        } => crate::Input::Run(runbook::Input::Approve {
            run: run_at(state, exercise, runbook, step)?,
            step: step.clone(),
            note: note.clone(),
        }),
        Act::CreateDraft { template } => crate::Input::Comms(comms::Input::Create {
            incident: incident()?,
            template: template.clone(),
        }),
        Act::RefillDraft { template } => crate::Input::Comms(comms::Input::Refill {
            draft: draft_of(state, exercise, template)?.id,
        }),
        Act::SubmitDraft { template } => crate::Input::Comms(comms::Input::Submit {
            draft: draft_of(state, exercise, template)?.id,
        }),
        Act::ApproveDraft { template } => {
            let draft = draft_of(state, exercise, template)?;
            crate::Input::Comms(comms::Input::Approve {
                draft: draft.id,
                hash: draft.hash().to_owned(),
                acknowledged: draft.unknowns(),
            })
        }
        Act::MarkDraftSent { template, how } => crate::Input::Comms(comms::Input::MarkSent {
            draft: draft_of(state, exercise, template)?.id,
            how: how.clone(),
        }),
        Act::Determine {
            question,
            answer,
            since,
            facts,
            rationale,
        } => {
            let incident = incident()?;
            let effective = since
                .as_ref()
                .map(|name| moment(state, incident, name))
                .transpose()?;
            crate::Input::Obligation(obligation::Input::Determine {
                incident,
                question: question.clone(),
                answer: *answer,
                effective,
                facts: facts.clone(),
                rationale: rationale.clone(),
            })
        }
        Act::File {
            stage,
            reference,
            template,
            note,
        } => crate::Input::Obligation(obligation::Input::File {
            incident: incident()?,
            stage: stage.clone(),
            submitted: None,
            reference: reference.clone(),
            draft: template
                .as_ref()
                .map(|template| draft_of(state, exercise, template).map(|draft| draft.id))
                .transpose()?,
            note: note.clone(),
        }),
        Act::Note { text } => crate::Input::Incident(incident::Input::Note {
            incident: incident()?,
            text: text.clone(),
        }),
        Act::Read { .. }
        | Act::Answer { .. }
        | Act::Assess { .. }
        | Act::Strength { .. }
        | Act::Gap { .. }
        | Act::CreateItem { .. } => crate::Input::Exercise(own(exercise, act, now)?),
    })
}

/// Acts of this module, which name everything themselves.
fn own(exercise: ExerciseId, act: &Act, now: Timestamp) -> Result<Input, String> {
    let lesson = |kind, text: &String| Input::Lesson {
        exercise,
        kind,
        text: text.clone(),
    };
    Ok(match act {
        Act::Read { inject } => Input::Read {
            exercise,
            inject: inject.clone(),
        },
        Act::Answer { inject, text } => Input::Answer {
            exercise,
            inject: inject.clone(),
            text: text.clone(),
        },
        Act::Assess {
            inject,
            expectation,
            rating,
            note,
        } => Input::Assess {
            exercise,
            inject: inject.clone(),
            expectation: expectation.clone(),
            rating: *rating,
            note: note.clone(),
        },
        Act::Strength { text } => lesson(LessonKind::Strength, text),
        Act::Gap { text } => lesson(LessonKind::Gap, text),
        Act::CreateItem {
            title,
            owner,
            due_days,
        } => Input::CreateItem {
            exercise,
            title: title.clone(),
            owner: owner.clone(),
            due: now
                .saturating_add(SignedDuration::from_hours(i64::from(*due_days) * 24))
                .unwrap_or(Timestamp::MAX),
        },
        Act::AcknowledgeAlert { .. }
        | Act::TakeRole { .. }
        | Act::RecordFact { .. }
        | Act::Decide { .. }
        | Act::CompleteStep { .. }
        | Act::ApproveStep { .. }
        | Act::CreateDraft { .. }
        | Act::RefillDraft { .. }
        | Act::SubmitDraft { .. }
        | Act::ApproveDraft { .. }
        | Act::MarkDraftSent { .. }
        | Act::Determine { .. }
        | Act::File { .. }
        | Act::Note { .. } => return Err("an act of another module".to_owned()),
    })
}

/// The oldest open alert that holds an event of the inject and that nobody has looked at, else the
/// oldest that is open.
fn alert_of(state: &State, play: &Play, inject: &InjectId) -> Result<AlertId, String> {
    let planned = play
        .plan
        .inject(inject)
        .ok_or_else(|| format!("no inject `{inject}`"))?;
    let ours = || {
        state.alerts.iter().filter(|alert| {
            alert.exercise() == Some(play.id)
                && alert.is_open()
                && watch::holds(play, planned, alert)
        })
    };
    ours()
        .find(|alert| alert.status == alert::Status::New)
        .or_else(|| ours().next())
        .map(|alert| alert.id)
        .ok_or_else(|| format!("no open alert holds an event of inject `{inject}`"))
}

/// The newest run of the runbook in this exercise that stands at the step.
fn run_at(
    state: &State,
    exercise: ExerciseId,
    runbook: &RunbookId,
    step: &StepId,
) -> Result<RunId, String> {
    state
        .runs
        .iter()
        .rev()
        .filter(|run| run.exercise == Some(exercise) && run.runbook.id == *runbook)
        .find(|run| run.doing().any(|(_, doing)| doing.step == *step))
        .map(|run| run.id)
        .ok_or_else(|| format!("no run of `{runbook}` stands at step `{step}`"))
}

/// The newest draft from the template in this exercise that was neither sent nor withdrawn.
fn draft_of<'s>(
    state: &'s State,
    exercise: ExerciseId,
    template: &TemplateId,
) -> Result<&'s Draft, String> {
    state
        .comms
        .iter()
        .rev()
        .filter(|draft| draft.exercise == Some(exercise) && draft.template == *template)
        .find(|draft| match draft.state {
            DraftState::Draft
            | DraftState::InReview { .. }
            | DraftState::Approved(_)
            | DraftState::Sending { .. }
            | DraftState::InDoubt { .. } => true,
            DraftState::Sent { .. } | DraftState::Withdrawn { .. } => false,
        })
        .ok_or_else(|| format!("no draft from template `{template}` is under way"))
}

fn fact_value(state: &State, incident: IncidentId, value: &ActValue) -> Result<FactValue, String> {
    Ok(match value {
        ActValue::Truth(truth) => FactValue::Bool(*truth),
        ActValue::Count(count) => FactValue::Int(*count),
        ActValue::Text(text) => FactValue::Text(text.clone()),
        ActValue::List(items) => FactValue::List(items.clone()),
        ActValue::Moment(at) => FactValue::Time(*at),
        ActValue::SameAs(name) => known(state, incident, name)?.clone(),
    })
}

fn moment(state: &State, incident: IncidentId, name: &FactName) -> Result<Timestamp, String> {
    match known(state, incident, name)? {
        FactValue::Time(at) => Ok(*at),
        FactValue::Bool(_)
        | FactValue::Int(_)
        | FactValue::Text(_)
        | FactValue::List(_)
        | FactValue::NotApplicable => Err(format!("fact `{name}` is not a moment")),
    }
}

fn known<'s>(
    state: &'s State,
    incident: IncidentId,
    name: &FactName,
) -> Result<&'s FactValue, String> {
    state
        .incidents
        .get(incident)
        .and_then(|incident| incident.facts.get(name.as_str()))
        .map(|fact| &fact.value)
        .ok_or_else(|| format!("fact `{name}` is not known"))
}
