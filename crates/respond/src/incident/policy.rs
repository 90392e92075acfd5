//! When an incident opens by itself, what joins it, and what is recorded without a person.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use watchfloor_types::{Actor, AlertId, Finding, FindingId, IncidentId, Severity};

use super::{Entry, Fact, FactValue, Incident, IncidentRole, Known, Status, fact_name};
use crate::{
    Decision, State,
    alert::{self, Alert},
    entity::{self, Entity, EntityKind},
};

/// An alert of this severity or worse opens an incident. Two related alerts do so at any severity.
pub const OPEN_FROM: Severity = Severity::High;

/// An alert joins an incident that shares a strong entity when its findings lie at most this long
/// before the first or after the last finding of the incident.
pub const JOIN_WINDOW: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Techniques by which data leaves: MITRE ATLAS, tactic Exfiltration, and MITRE ATT&CK, tactic
/// Exfiltration (TA0010). Sub-techniques count.
const EXFILTRATION: &[&str] = &[
    "AML.T0024",
    "AML.T0025",
    "AML.T0057",
    "AML.T0077",
    "AML.T0086",
    "T1011",
    "T1020",
    "T1029",
    "T1030",
    "T1041",
    "T1048",
    "T1052",
    "T1537",
    "T1567",
];

pub(crate) fn react(state: &State, entry: &crate::Entry, now: Timestamp) -> Decision {
    let mut all = Decision::nothing();
    match entry {
        crate::Entry::Alert(
            alert::Entry::Opened { alert, finding, .. }
            | alert::Entry::FindingAdded { alert, finding },
        ) => place(state, *alert, Some(finding.id), now, &mut all),
        crate::Entry::Alert(alert::Entry::Split { into: alert, .. }) => {
            place(state, *alert, None, now, &mut all);
        }
        crate::Entry::Alert(alert::Entry::Merged { from, into, .. }) => {
            // The findings moved; the incident of the alert that ended follows them.
            match (
                state.incidents.of_alert(*from),
                state.incidents.of_alert(*into),
            ) {
                (Some(incident), None) => all.entries.push(join(
                    incident.id,
                    *into,
                    format!("took the findings of alert {from}, which belongs here"),
                )),
                (_, Some(_)) => place(state, *into, None, now, &mut all),
                (None, None) => {}
            }
        }
        crate::Entry::Incident(Entry::AlertJoined {
            incident, alert, ..
        }) => {
            let new: Vec<&Finding> = findings(state, *alert);
            grow(state, *incident, &new, now, &mut all);
        }
        crate::Entry::Incident(Entry::FindingJoined {
            incident,
            alert,
            finding,
        }) => {
            let new: Vec<&Finding> = findings(state, *alert)
                .into_iter()
                .rev()
                .filter(|f| f.id == *finding)
                .take(1)
                .collect();
            grow(state, *incident, &new, now, &mut all);
        }
        crate::Entry::Incident(Entry::Merged { into, .. }) => {
            if let Some(incident) = state.incidents.get(*into) {
                let new: Vec<&Finding> = incident
                    .alerts()
                    .flat_map(|alert| findings(state, alert))
                    .collect();
                grow(state, *into, &new, now, &mut all);
            }
        }
        crate::Entry::Incident(Entry::RoleSet {
            incident,
            role: IncidentRole::Commander,
            user: Some(user),
            ..
        }) => {
            if let Some(found) = state.incidents.get(*incident)
                && found.status == Status::New
            {
                all.entries
                    .push(crate::Entry::Incident(Entry::StatusChanged {
                        incident: *incident,
                        from: Status::New,
                        to: Status::InProgress,
                        reason: format!("{user} leads"),
                        by: Actor::System,
                    }));
            }
        }
        crate::Entry::Alert(_)
        | crate::Entry::Incident(_)
        | crate::Entry::Run(_)
        | crate::Entry::Oncall(_)
        | crate::Entry::Obligation(_)
        | crate::Entry::Comms(_)
        | crate::Entry::Exercise(_)
        | crate::Entry::Rule(_)
        | crate::Entry::Suppression(_) => {}
    }
    all
}

/// Finds the incident of an alert that is new or has something new, or opens one.
fn place(state: &State, id: AlertId, new: Option<FindingId>, now: Timestamp, all: &mut Decision) {
    let Some(alert) = state.alerts.get(id) else {
        return;
    };
    if let Some(incident) = state.incidents.of_alert(id) {
        all.entries.extend(
            alert
                .findings
                .iter()
                .filter(|f| new.map_or(!incident.findings.contains(&f.id), |new| f.id == new))
                .map(|f| {
                    crate::Entry::Incident(Entry::FindingJoined {
                        incident: incident.id,
                        alert: id,
                        finding: f.id,
                    })
                }),
        );
        return;
    }
    if !alert.is_open() {
        return;
    }
    if let Some((incident, entity)) = open_incident_for(state, alert) {
        all.entries.push(join(incident.id, id, shares(&entity)));
        return;
    }
    if alert.severity >= OPEN_FROM {
        let reason = format!("alert is {}", alert.severity);
        let incident = open(state, alert, &reason, now, all);
        all.entries.push(join(incident, id, reason));
        return;
    }
    if let Some((other, entity)) = related_alert(state, alert) {
        let reason = format!("two related alerts: {}", shares(&entity));
        let incident = open(state, alert, &reason, now, all);
        all.entries.push(join(incident, other.id, reason.clone()));
        all.entries.push(join(incident, id, reason));
    }
}

fn open(
    state: &State,
    alert: &Alert,
    reason: &str,
    now: Timestamp,
    all: &mut Decision,
) -> IncidentId {
    let incident = IncidentId::minted(now, &[b"incident", alert.id.uuid().as_bytes()]);
    let year = jiff::tz::Offset::UTC.to_datetime(now).year();
    all.entries.push(crate::Entry::Incident(Entry::Opened {
        incident,
        name: state.incidents.next_name(year),
        title: alert.title.clone(),
        severity: alert.severity,
        exercise: alert.exercise(),
        reason: reason.to_owned(),
        by: Actor::System,
    }));
    incident
}

fn join(incident: IncidentId, alert: AlertId, reason: String) -> crate::Entry {
    crate::Entry::Incident(Entry::AlertJoined {
        incident,
        alert,
        reason,
        by: Actor::System,
    })
}

fn shares(entity: &Entity) -> String {
    format!("shares {entity}")
}

/// The oldest open incident that shares a strong entity with `alert`, close enough in time.
fn open_incident_for<'s>(state: &'s State, alert: &Alert) -> Option<(&'s Incident, Entity)> {
    alert
        .entities()
        .into_iter()
        .flat_map(|entity| {
            state
                .incidents
                .with(&entity)
                .map(move |incident| (incident, entity.clone()))
        })
        .filter(|(incident, _)| may_join(incident, alert))
        .min_by_key(|(incident, entity)| (incident.opened, incident.id, entity.kind))
}

fn may_join(incident: &Incident, alert: &Alert) -> bool {
    // The first test is the one that keeps an exercise from hiding something real, and the reverse.
    incident.exercise == alert.exercise()
        && incident.is_open()
        && !incident.detached.contains(&alert.id)
        && incident.span.is_none_or(|(first, last)| {
            alert.first_seen.duration_since(last) <= JOIN_WINDOW
                && first.duration_since(alert.last_seen) <= JOIN_WINDOW
        })
}

/// Another open alert without an incident that shares a strong entity with `alert`.
fn related_alert<'s>(state: &'s State, alert: &Alert) -> Option<(&'s Alert, Entity)> {
    alert
        .entities()
        .into_iter()
        .flat_map(|entity| {
            state
                .alerts
                .open_with(&entity)
                .map(move |other| (other, entity.clone()))
        })
        .find(|(other, _)| {
            other.id != alert.id
                && other.exercise() == alert.exercise()
                && state.incidents.of_alert(other.id).is_none()
                && alert.first_seen.duration_since(other.last_seen) <= JOIN_WINDOW
                && other.first_seen.duration_since(alert.last_seen) <= JOIN_WINDOW
        })
}

fn findings(state: &State, alert: AlertId) -> Vec<&Finding> {
    state
        .alerts
        .get(alert)
        .map_or_else(Vec::new, |alert| alert.findings.iter().collect())
}

/// What follows when `new` findings have joined: severity, facts, alerts that now connect.
fn grow(state: &State, id: IncidentId, new: &[&Finding], now: Timestamp, all: &mut Decision) {
    let Some(incident) = state.incidents.get(id) else {
        return;
    };
    if let Some(worst) = new.iter().map(|f| f.severity).max()
        && worst > incident.severity
    {
        all.entries
            .push(crate::Entry::Incident(Entry::SeverityChanged {
                incident: id,
                from: incident.severity,
                to: worst,
                reason: "a finding is worse".to_owned(),
                by: Actor::System,
            }));
    }
    all.entries.extend(
        facts(incident, new, now)
            .into_iter()
            .map(|fact| crate::Entry::Incident(Entry::FactRecorded { incident: id, fact })),
    );
    let entities: BTreeSet<Entity> = new.iter().flat_map(|f| entity::strong(f)).collect();
    let mut taken = BTreeSet::new();
    for entity in entities {
        for alert in state.alerts.open_with(&entity) {
            if state.incidents.of_alert(alert.id).is_none()
                && may_join(incident, alert)
                && taken.insert(alert.id)
            {
                all.entries.push(join(id, alert.id, shares(&entity)));
            }
        }
    }
}

/// Facts that findings establish by themselves.
fn facts(incident: &Incident, new: &[&Finding], now: Timestamp) -> Vec<Fact> {
    let mut facts = Vec::new();
    if let Some(first) = new.iter().min_by_key(|f| f.time)
        && earlier(incident, fact_name::FIRST_FINDING_AT, first.time)
    {
        let value = FactValue::Time(first.time);
        facts.extend(fact(
            fact_name::FIRST_FINDING_AT,
            value,
            first,
            "time of the earliest finding",
            now,
        ));
    }
    if let Some(first) = new
        .iter()
        .filter(|f| shows_personal_data_left(f))
        .min_by_key(|f| f.detected)
        && earlier(incident, fact_name::AWARE_CANDIDATE_AT, first.detected)
    {
        let note = format!(
            "the finding `{}` shows that personal data left; a person has to confirm awareness",
            first.rule.title
        );
        let value = FactValue::Time(first.detected);
        facts.extend(fact(
            fact_name::AWARE_CANDIDATE_AT,
            value,
            first,
            &note,
            now,
        ));
    }
    let kinds = |finding: &Finding, kind: EntityKind| -> Vec<String> {
        entity::strong(finding)
            .into_iter()
            .filter(|entity| entity.kind == kind)
            .map(|entity| entity.value)
            .collect()
    };
    type Read<'r> = Box<dyn Fn(&Finding) -> Vec<String> + 'r>;
    let lists: [(&str, &str, Read<'_>); 7] = [
        (
            fact_name::TENANTS,
            "tenants with findings",
            Box::new(|f| vec![f.tenant.to_string()]),
        ),
        (
            fact_name::AGENTS,
            "agents and principals with findings",
            Box::new(move |f| kinds(f, EntityKind::Identity)),
        ),
        (
            fact_name::SESSIONS,
            "sessions with findings",
            Box::new(move |f| kinds(f, EntityKind::Session)),
        ),
        (
            fact_name::KEYS,
            "keys with findings",
            Box::new(move |f| kinds(f, EntityKind::Key)),
        ),
        (
            fact_name::TECHNIQUES,
            "techniques of the findings",
            Box::new(|f| f.techniques.clone()),
        ),
        (
            fact_name::CLASSES_SEEN,
            "data classes that findings named",
            Box::new(|f| entity::values(f, "ai.data.classes")),
        ),
        (
            fact_name::DESTINATIONS,
            "destinations that findings named",
            Box::new(destinations),
        ),
    ];
    for (name, note, read) in lists {
        facts.extend(longer(incident, name, new, note, &read, now));
    }
    let rows = |f: &Finding| -> Option<i64> {
        entity::values(f, "ai.data.rows")
            .iter()
            .filter_map(|text| text.parse().ok())
            .max()
    };
    if let Some((most, finding)) = new
        .iter()
        .filter_map(|f| Some((rows(f)?, *f)))
        .max_by_key(|(rows, _)| *rows)
        && incident
            .facts
            .int(fact_name::ROWS_SEEN)
            .value()
            .is_none_or(|known| most > known)
    {
        let note = "most rows that one finding named";
        facts.extend(fact(
            fact_name::ROWS_SEEN,
            FactValue::Int(most),
            finding,
            note,
            now,
        ));
    }
    facts
}

fn destinations(finding: &Finding) -> Vec<String> {
    ["destination.domain", "email.to.address"]
        .iter()
        .flat_map(|field| entity::values(finding, field))
        .collect()
}

fn fact(
    name: &str,
    value: FactValue,
    finding: &Finding,
    note: &str,
    now: Timestamp,
) -> Option<Fact> {
    Some(Fact {
        name: name.parse().ok()?,
        value,
        known_at: now,
        by: Actor::System,
        events: finding.events.iter().copied().take(16).collect(),
        finding: Some(finding.id),
        note: note.to_owned(),
    })
}

fn earlier(incident: &Incident, name: &str, at: Timestamp) -> bool {
    match incident.facts.time(name) {
        Known::Value(known) => at < known,
        Known::Unknown => true,
        Known::NotApplicable => false,
    }
}

/// The list `name` with what `new` adds, if it adds anything.
fn longer(
    incident: &Incident,
    name: &str,
    new: &[&Finding],
    note: &str,
    read: impl Fn(&Finding) -> Vec<String>,
    now: Timestamp,
) -> Option<Fact> {
    let known: BTreeSet<String> = match incident.facts.list(name) {
        Known::Value(items) => items.iter().cloned().collect(),
        Known::Unknown => BTreeSet::new(),
        Known::NotApplicable => return None,
    };
    let mut all = known.clone();
    let mut last = None;
    for finding in new {
        for item in read(finding) {
            // A list that an attacker can lengthen without end helps nobody.
            if all.len() < 1000 && all.insert(item) {
                last = Some(*finding);
            }
        }
    }
    let value = FactValue::List(all.into_iter().collect());
    last.and_then(|finding| fact(name, value, finding, note, now))
}

/// Whether a finding shows that personal data left: the rule says so by the entity
/// `watchfloor.personal-data`, or data classes or rows are named together with a way out.
fn shows_personal_data_left(finding: &Finding) -> bool {
    let names = |field: &str| !entity::values(finding, field).is_empty();
    let way_out = finding.techniques.iter().any(|technique| {
        EXFILTRATION.iter().any(|id| {
            technique
                .strip_prefix(id)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    });
    names("watchfloor.personal-data")
        || (way_out && (names("ai.data.classes") || names("ai.data.rows")))
}
