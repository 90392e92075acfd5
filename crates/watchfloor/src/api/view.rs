//! What the API shows of the state. These forms are a promise to programs.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use watchfloor_respond::{
    Need, State,
    alert::{self, Alert},
    comms::Draft,
    exercise,
    incident::Incident,
    obligation::ClockView,
    runbook::{Doing, Phase, Run, Wait},
};
use watchfloor_types::ExerciseId;

/// An alert.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AlertView {
    /// Its id.
    pub id: String,
    /// Title of the rule behind its first finding.
    pub title: String,
    /// `informational` to `fatal`.
    pub severity: String,
    /// `new`, `acknowledged`, `closed` or `merged`.
    pub status: &'static str,
    /// What a person concluded, where it is closed: `true-positive`, `false-positive`, `benign` and so on.
    pub verdict: Option<String>,
    /// Why its findings are together.
    pub reason: String,
    /// Whose it is.
    pub tenant: String,
    /// The incident it belongs to.
    pub incident: Option<String>,
    /// The exercise it belongs to.
    pub exercise: Option<String>,
    /// Who works on it.
    pub assignee: Option<String>,
    /// Time of the earliest finding, RFC 3339.
    pub first_seen: String,
    /// Time of the latest finding.
    pub last_seen: String,
    /// When it was opened.
    pub opened: String,
    /// Technique ids.
    pub techniques: Vec<String>,
    /// How many findings it holds.
    pub finding_count: usize,
    /// Its newest findings, oldest of them first, with rule, matched fields and event ids.
    #[schema(value_type = Vec<Object>)]
    pub findings: Vec<Value>,
}

/// An alert with at most `most` of its findings.
pub(crate) fn alert(state: &State, alert: &Alert, most: usize) -> AlertView {
    let findings = alert.findings.len();
    AlertView {
        id: alert.id.to_string(),
        title: alert.title.clone(),
        severity: alert.severity.to_string(),
        status: alert.status_word(),
        verdict: match &alert.status {
            alert::Status::Closed { verdict, .. } => Some(verdict.to_string()),
            alert::Status::New
            | alert::Status::Acknowledged { .. }
            | alert::Status::Merged { .. } => None,
        },
        reason: alert.grouping.to_string(),
        tenant: alert.tenant().to_string(),
        incident: state.incidents.of_alert(alert.id).map(|i| i.id.to_string()),
        exercise: alert.exercise().map(|e| e.to_string()),
        assignee: alert.assignee.as_ref().map(ToString::to_string),
        first_seen: alert.first_seen.to_string(),
        last_seen: alert.last_seen.to_string(),
        opened: alert.opened.to_string(),
        techniques: alert.techniques().into_iter().map(str::to_owned).collect(),
        finding_count: findings,
        findings: alert
            .findings
            .iter()
            .skip(findings.saturating_sub(most))
            .map(|f| serde_json::to_value(f).unwrap_or_default())
            .collect(),
    }
}

/// An incident.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IncidentView {
    /// Its id.
    pub id: String,
    /// Its short name: `INC-2026-0001`.
    pub name: String,
    /// What it is called.
    pub title: String,
    /// `informational` to `fatal`.
    pub severity: String,
    /// `new`, `in-progress`, `on-hold`, `resolved` or `closed`.
    pub status: String,
    /// The exercise it belongs to.
    pub exercise: Option<String>,
    /// When it was opened.
    pub opened: String,
    /// Why it was opened.
    pub reason: String,
    /// Who holds which role.
    #[schema(value_type = Object)]
    pub roles: Value,
    /// Its alerts with the reason why each belongs to it.
    #[schema(value_type = Vec<Object>)]
    pub alerts: Vec<Value>,
    /// What is known, since when, from whom.
    #[schema(value_type = Vec<Object>)]
    pub facts: Vec<Value>,
    /// Values that its findings share.
    pub entities: Vec<String>,
    /// How many findings it holds.
    pub findings: usize,
}

/// An incident, for the API and the projection.
pub(crate) fn incident(_state: &State, i: &Incident) -> IncidentView {
    IncidentView {
        id: i.id.to_string(),
        name: i.name.clone(),
        title: i.title.clone(),
        severity: i.severity.to_string(),
        status: i.status.to_string(),
        exercise: i.exercise.map(|e| e.to_string()),
        opened: i.opened.to_string(),
        reason: i.reason.clone(),
        roles: i.roles.iter().map(|(r, u)| (r.to_string(), json!(u))).collect::<serde_json::Map<_, _>>().into(),
        alerts: i.members.iter().map(|m| json!({"alert": m.alert, "since": m.since, "reason": m.reason, "by": m.by.to_string()})).collect(),
        facts: i.facts.current().map(|f| json!({"name": f.name, "value": f.value, "known_at": f.known_at, "by": f.by.to_string(), "note": f.note, "events": f.events})).collect(),
        entities: i.entities.iter().map(ToString::to_string).collect(),
        findings: i.findings.len(),
    }
}

/// One line of an incident's timeline.
pub(crate) fn timeline(i: &Incident) -> Vec<Value> {
    i.timeline.iter().map(|t| json!({"at": t.at, "happened": t.happened, "kind": t.kind, "by": t.by.to_string(), "text": t.text})).collect()
}

/// A legal clock. Decision support, not legal advice.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClockJson {
    /// The incident.
    pub incident: String,
    /// The regime, such as `gdpr`.
    pub regime: String,
    /// The filing, such as `gdpr-72h`.
    pub stage: String,
    /// What the filing is called.
    pub title: String,
    /// Who receives it.
    pub recipient: String,
    /// `unknown`, `candidate`, `not-started`, `running`, `past-safe`, `held`, `met`, `late`, `missed` or `not-applicable`.
    pub status: String,
    /// From when it counts.
    pub from: Option<String>,
    /// The most conservative date.
    pub safe: Option<String>,
    /// The latest defensible date.
    pub outer: Option<String>,
    /// Articles it rests on.
    pub citations: Vec<String>,
    /// Questions whose answers are missing.
    pub missing: Vec<String>,
    /// Reference numbers of filings made.
    pub filings: Vec<String>,
    /// What every clock says of itself.
    pub notice: &'static str,
}

/// A clock, for the API.
pub(crate) fn clock(view: &ClockView) -> ClockJson {
    let time = |t: Option<Timestamp>| t.map(|t| t.to_string());
    ClockJson {
        incident: view.incident.to_string(),
        regime: view.regime.to_string(),
        stage: view.stage.to_string(),
        title: view.title.clone(),
        recipient: view.recipient.clone(),
        status: view.status.as_str().to_owned(),
        from: time(view.from),
        safe: time(view.safe),
        outer: time(view.outer),
        citations: view
            .because
            .sources
            .iter()
            .map(|s| s.cite.clone())
            .collect(),
        missing: view.missing.iter().map(|q| q.question.clone()).collect(),
        filings: view.filings.iter().map(|f| f.reference.clone()).collect(),
        notice: view.notice,
    }
}

/// A draft.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DraftView {
    /// Its id.
    pub id: String,
    /// The incident.
    pub incident: String,
    /// `executive`, `customer`, `regulator`, `press` or `vendor`.
    pub audience: String,
    /// The title.
    pub title: String,
    /// The text.
    pub text: String,
    /// `draft`, `in-review`, `approved`, `sending`, `in-doubt`, `sent` or `withdrawn`.
    pub state: &'static str,
    /// Who wrote the text in force.
    pub author: String,
    /// SHA-256 of the text: what an approval is pinned to.
    pub hash: String,
    /// Who approved it.
    pub approved_by: Option<String>,
    /// What the text says is not known.
    pub unknowns: Vec<String>,
}

/// A draft, for the API.
pub(crate) fn draft(d: &Draft) -> DraftView {
    DraftView {
        id: d.id.to_string(),
        incident: d.incident.to_string(),
        audience: d.audience.to_string(),
        title: d.title().to_owned(),
        text: d.text(),
        state: d.state.as_str(),
        author: d.author().to_string(),
        hash: d.hash().to_owned(),
        approved_by: d.approval().map(|a| a.by.to_string()),
        unknowns: d.unknowns(),
    }
}

/// A run of a runbook.
pub(crate) fn run(r: &Run) -> Value {
    json!({
        "id": r.id, "runbook": r.runbook.id, "name": r.runbook.name, "incident": r.incident, "mode": r.mode, "exercise": r.exercise,
        "started": r.started, "by": r.by.to_string(), "active": r.is_active(), "result": r.end.as_ref().map(|e| e.result),
        "waiting": r.doing().map(|(_, d)| r.step_name(&d.step).to_owned()).collect::<Vec<_>>(),
        "doing": r.doing().map(|(_, d)| doing(r, d)).collect::<Vec<_>>(),
        "steps": r.records.iter().map(|s| json!({"step": r.step_name(&s.step), "attempt": s.attempt, "started": s.started, "done": s.end.as_ref().map(|e| e.done), "detail": s.end.as_ref().map(|e| e.detail.clone())})).collect::<Vec<_>>(),
    })
}

/// A step that a run is at, and what it waits for.
fn doing(r: &Run, doing: &Doing) -> Value {
    let (phase, detail) = match &doing.phase {
        Phase::Ready => ("ready", Value::Null),
        Phase::Waiting(wait) => (
            match wait {
                Wait::Until { .. } => "until",
                Wait::Values { .. } => "values",
                Wait::Person { .. } => "person",
                Wait::Approval { .. } => "approval",
                Wait::Effect { .. } => "effect",
            },
            serde_json::to_value(wait).unwrap_or_default(),
        ),
        Phase::InDoubt(why) => ("in-doubt", json!({"why": why})),
    };
    json!({"step": doing.step, "name": r.step_name(&doing.step), "since": doing.since, "phase": phase, "detail": detail})
}

/// Something that needs a person.
pub(crate) fn need(n: &Need) -> Value {
    json!({"kind": n.kind, "title": n.title, "roles": n.roles, "due": n.due, "link": n.link, "incident": n.incident, "exercise": n.exercise})
}

/// The score of an exercise with its parts.
pub(crate) fn score(state: &State, id: ExerciseId) -> Option<Value> {
    let play = state.exercises.get(id)?;
    Some(serde_json::to_value(exercise::score(play)).unwrap_or_default())
}
