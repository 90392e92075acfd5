//! What an entry is about: its exercise, its alert, and what patterns may name besides its fields.

use serde_json::{Value, json};
use watchfloor_types::{AlertId, DraftId, ExerciseId, IncidentId, RunId};

use crate::State;

/// What an entry is about.
#[derive(Debug, Default)]
pub(super) struct Subject {
    pub(super) exercise: Option<ExerciseId>,
    pub(super) alert: Option<AlertId>,
    /// `draft.template`, `draft.audience`, `run.runbook`.
    pub(super) about: Value,
}

/// Looks up what the ids in the fields of an entry stand for.
pub(super) fn of(state: &State, fields: &Value) -> Subject {
    let mut subject = Subject {
        exercise: id(fields, "exercise"),
        alert: id(fields, "alert"),
        about: json!({}),
    };
    if let Some(alert) = subject.alert.and_then(|alert| state.alerts.get(alert)) {
        subject.exercise = subject.exercise.or(alert.exercise());
    }
    let incident = id::<IncidentId>(fields, "incident");
    if let Some(incident) = incident.and_then(|incident| state.incidents.get(incident)) {
        subject.exercise = subject.exercise.or(incident.exercise);
    }
    if let Some(run) = id::<RunId>(fields, "run").and_then(|run| state.runs.get(run)) {
        subject.exercise = subject.exercise.or(run.exercise);
        subject.about = json!({"run": {"runbook": run.runbook.id}});
    }
    if let Some(draft) = id::<DraftId>(fields, "draft").and_then(|draft| state.comms.get(draft)) {
        subject.exercise = subject.exercise.or(draft.exercise);
        subject.about = json!({"draft": {"template": draft.template, "audience": draft.audience}});
    }
    subject
}

fn id<Id: std::str::FromStr>(fields: &Value, key: &str) -> Option<Id> {
    fields.get(key)?.as_str()?.parse().ok()
}
