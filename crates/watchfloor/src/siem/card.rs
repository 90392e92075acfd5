//! From journal entries to messages: alerts and incidents as other systems see them.

use std::collections::BTreeSet;

use watchfloor_respond::{
    State,
    alert::{self, Alert, Status, Verdict},
    incident::{self, Incident, IncidentRole},
};
use watchfloor_types::{
    AlertId, ExerciseId, Finding, FindingId, IncidentId, RuleRef, Severity, TenantId, Timestamp,
    Tlp,
};

use super::{Activity, Message, Reality, Subject};

/// Most findings, rules, alerts or values that a message lists; it says how many there are.
const LISTED: usize = 100;

/// Where an alert stood after an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AlertStatus {
    /// Nobody has looked.
    New,
    /// Somebody has looked.
    Acknowledged,
    /// Somebody has concluded.
    Closed {
        /// What.
        verdict: Verdict,
        /// Why.
        reason: String,
    },
    /// Its findings went to another alert.
    Merged {
        /// Which.
        into: AlertId,
    },
}

impl AlertStatus {
    /// The word.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Acknowledged => "acknowledged",
            Self::Closed { .. } => "closed",
            Self::Merged { .. } => "merged",
        }
    }
    fn of(alert: &Alert) -> Self {
        match &alert.status {
            Status::New => Self::New,
            Status::Acknowledged { .. } => Self::Acknowledged,
            Status::Closed {
                verdict, reason, ..
            } => Self::Closed {
                verdict: *verdict,
                reason: reason.clone(),
            },
            Status::Merged { into } => Self::Merged { into: *into },
        }
    }
}

/// A thing that a bigger thing is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// Id of a finding or alert.
    pub id: String,
    /// Its title.
    pub title: String,
    /// How bad.
    pub severity: Severity,
    /// When.
    pub time: Timestamp,
}

/// An alert as other systems see it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AlertCard {
    pub id: AlertId,
    pub title: String,
    pub severity: Severity,
    pub status: AlertStatus,
    /// Why its findings are together.
    pub grouping: String,
    pub tenant: TenantId,
    pub tlp: Tlp,
    pub exercise: Option<ExerciseId>,
    pub assignee: Option<String>,
    /// Id and short name of the incident that it belongs to.
    pub incident: Option<(IncidentId, String)>,
    pub opened: Timestamp,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub finding_count: usize,
    /// Its newest findings.
    pub findings: Vec<Part>,
    pub rules: Vec<RuleRef>,
    pub techniques: Vec<String>,
    /// Canonical fields with their values.
    pub entities: Vec<(String, String)>,
}

/// An incident as other systems see it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct IncidentCard {
    pub id: IncidentId,
    pub name: String,
    pub title: String,
    pub severity: Severity,
    pub status: incident::Status,
    /// Why it was opened.
    pub reason: String,
    /// Why it was resolved or closed.
    pub resolution: Option<String>,
    pub merged_into: Option<IncidentId>,
    pub tenants: BTreeSet<TenantId>,
    pub tlp: Tlp,
    pub exercise: Option<ExerciseId>,
    /// Who leads and decides.
    pub commander: Option<String>,
    pub opened: Timestamp,
    /// Time of the earliest and latest finding.
    pub span: Option<(Timestamp, Timestamp)>,
    pub alerts: Vec<Part>,
    pub finding_count: usize,
    pub techniques: Vec<String>,
    pub entities: Vec<(String, String)>,
}

/// The messages of an entry about an alert: its finding first, then the alert.
pub(super) fn of_alert(
    state: &State,
    entry: &alert::Entry,
    seq: u64,
    at: Timestamp,
) -> Vec<Message> {
    use alert::Entry as E;
    let mut out = Vec::new();
    let mut add = |id: AlertId, activity: Activity, status: Option<AlertStatus>| {
        let Some(alert) = state.alerts.get(id) else {
            return;
        };
        let card = alert_card(state, alert, status);
        out.push(Message {
            id: format!("{id}-{seq}"),
            seq,
            at,
            activity,
            reality: Reality::of(card.exercise),
            subject: Subject::Alert(Box::new(card)),
        });
    };
    match entry {
        E::Opened { alert, finding, .. } => {
            add(*alert, Activity::Create, Some(AlertStatus::New));
            out.insert(0, of_finding(finding, *alert, seq, at));
        }
        E::FindingAdded { alert, finding } => {
            // More of the same is only a finding. Worse than all before is news of the alert.
            if worsened(state, *alert, finding) {
                add(*alert, Activity::Update, None);
            }
            out.insert(0, of_finding(finding, *alert, seq, at));
        }
        E::Acknowledged { alert, .. } => {
            add(*alert, Activity::Update, Some(AlertStatus::Acknowledged));
        }
        E::Assigned { alert, .. } => add(*alert, Activity::Update, None),
        E::Closed {
            alert,
            verdict,
            reason,
            ..
        } => add(
            *alert,
            Activity::Close,
            Some(AlertStatus::Closed {
                verdict: *verdict,
                reason: reason.clone(),
            }),
        ),
        E::Reopened { alert, .. } => add(*alert, Activity::Update, Some(AlertStatus::New)),
        E::Merged { from, into, .. } => {
            let status = AlertStatus::Merged { into: *into };
            add(*from, Activity::Close, Some(status));
            add(*into, Activity::Update, None);
        }
        E::Split { from, into, .. } => {
            add(*from, Activity::Update, None);
            add(*into, Activity::Create, Some(AlertStatus::New));
        }
        // What people say to each other stays here.
        E::Commented { .. } => {}
    }
    out
}

/// Whether `finding` made its alert as severe as it is.
fn worsened(state: &State, alert: AlertId, finding: &Finding) -> bool {
    state.alerts.get(alert).is_some_and(|alert| {
        let worst = |f: &&Finding| f.severity == alert.severity;
        alert.severity == finding.severity
            && alert.findings.len() > 1
            && alert
                .findings
                .iter()
                .find(worst)
                .is_some_and(|first| first.id == finding.id)
    })
}

fn of_finding(finding: &Finding, alert: AlertId, seq: u64, at: Timestamp) -> Message {
    Message {
        id: finding.id.to_string(),
        seq,
        at,
        activity: Activity::Create,
        reality: Reality::of(finding.mark.as_ref().map(|m| m.exercise)),
        subject: Subject::Finding(Box::new(finding.clone()), Some(alert.to_string())),
    }
}

/// The message of an entry about an incident; none for what people note, state and decide in it.
pub(super) fn of_incident(
    state: &State,
    entry: &incident::Entry,
    seq: u64,
    at: Timestamp,
) -> Option<Message> {
    use incident::{Entry as E, Status};
    let (activity, status) = match entry {
        E::Opened { .. } => (Activity::Create, Some(Status::New)),
        E::StatusChanged {
            to: Status::Closed, ..
        } => (Activity::Close, Some(Status::Closed)),
        E::StatusChanged { to, .. } => (Activity::Update, Some(*to)),
        E::Merged { .. } => (Activity::Close, Some(Status::Closed)),
        E::Renamed { .. }
        | E::AlertJoined { .. }
        | E::AlertDetached { .. }
        | E::SeverityChanged { .. }
        | E::RoleSet { .. } => (Activity::Update, None),
        E::FindingJoined { .. } | E::FactRecorded { .. } | E::Noted { .. } | E::Decided { .. } => {
            return None;
        }
    };
    let incident = state.incidents.get(entry.incident())?;
    let mut card = incident_card(state, incident);
    card.status = status.unwrap_or(card.status);
    Some(Message {
        id: format!("{}-{seq}", incident.id),
        seq,
        at,
        activity,
        reality: Reality::of(card.exercise),
        subject: Subject::Incident(Box::new(card)),
    })
}

fn alert_card(state: &State, alert: &Alert, status: Option<AlertStatus>) -> AlertCard {
    let mut rules: Vec<RuleRef> = Vec::new();
    for finding in &alert.findings {
        if rules.len() < LISTED && !rules.contains(&finding.rule) {
            rules.push(finding.rule.clone());
        }
    }
    let count = alert.findings.len();
    let part = |f: &Finding| Part {
        id: id_text(f.id),
        title: f.rule.title.clone(),
        severity: f.severity,
        time: f.time,
    };
    AlertCard {
        id: alert.id,
        title: alert.title.clone(),
        severity: alert.severity,
        status: status.unwrap_or_else(|| AlertStatus::of(alert)),
        grouping: alert.grouping.to_string(),
        tenant: alert.tenant().clone(),
        tlp: tlp(&alert.findings),
        exercise: alert.exercise(),
        assignee: alert.assignee.as_ref().map(ToString::to_string),
        incident: state
            .incidents
            .of_alert(alert.id)
            .map(|i| (i.id, i.name.clone())),
        opened: alert.opened,
        first_seen: alert.first_seen,
        last_seen: alert.last_seen,
        finding_count: count,
        findings: alert
            .findings
            .iter()
            .skip(count.saturating_sub(LISTED))
            .map(part)
            .collect(),
        rules,
        techniques: alert.techniques().into_iter().map(str::to_owned).collect(),
        entities: entities(alert.findings.iter()),
    }
}

fn incident_card(state: &State, incident: &Incident) -> IncidentCard {
    let alerts: Vec<&Alert> = incident
        .alerts()
        .filter_map(|id| state.alerts.get(id))
        .collect();
    let techniques: BTreeSet<String> = alerts
        .iter()
        .flat_map(|a| a.techniques())
        .map(str::to_owned)
        .collect();
    IncidentCard {
        id: incident.id,
        name: incident.name.clone(),
        title: incident.title.clone(),
        severity: incident.severity,
        status: incident.status,
        reason: incident.reason.clone(),
        resolution: incident.resolution.clone(),
        merged_into: incident.merged_into,
        tenants: alerts.iter().map(|a| a.tenant().clone()).collect(),
        tlp: alerts
            .iter()
            .map(|a| tlp(&a.findings))
            .max()
            .unwrap_or(Tlp::Clear),
        exercise: incident.exercise,
        commander: incident
            .roles
            .get(&IncidentRole::Commander)
            .map(ToString::to_string),
        opened: incident.opened,
        span: incident.span,
        finding_count: incident.findings.len(),
        techniques: techniques.into_iter().collect(),
        entities: entities(alerts.iter().flat_map(|a| &a.findings)),
        alerts: alerts
            .iter()
            .take(LISTED)
            .map(|a| Part {
                id: a.id.to_string(),
                title: a.title.clone(),
                severity: a.severity,
                time: a.opened,
            })
            .collect(),
    }
}

/// The narrowest label: what holds one TLP:RED finding is TLP:RED.
fn tlp(findings: &[Finding]) -> Tlp {
    findings.iter().map(|f| f.tlp).max().unwrap_or(Tlp::Clear)
}

fn id_text(id: FindingId) -> String {
    id.to_string()
}

/// The values of findings, each once, the first [`LISTED`].
fn entities<'f>(findings: impl Iterator<Item = &'f Finding>) -> Vec<(String, String)> {
    let mut seen = BTreeSet::new();
    let mut out = Vec::new();
    for (field, value) in findings.flat_map(|f| &f.entities) {
        if out.len() >= LISTED {
            break;
        }
        let pair = (field.clone(), value.to_string());
        if seen.insert(pair.clone()) {
            out.push(pair);
        }
    }
    out
}
