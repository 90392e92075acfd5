//! Our own JSON: everything that we know, under our own words. `docs/outputs.md` is its schema.

use serde_json::{Map, Value, json};

use super::{AlertCard, AlertStatus, IncidentCard, Message, Part, Subject};

/// Name and version of the schema; the number changes when a field changes its meaning or goes.
pub(crate) const SCHEMA: &str = "watchfloor.output/1";

/// A message in our own words.
pub(super) fn message(message: &Message) -> Value {
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| drop(out.insert(key.to_owned(), value));
    put("schema", json!(SCHEMA));
    put("id", json!(message.id));
    put("kind", json!(message.kind().as_str()));
    put("activity", json!(message.activity.as_str()));
    put("journal", json!(message.seq));
    put("at", json!(message.at));
    put("mark", json!(message.reality.word()));
    put("severity", json!(message.severity()));
    put("title", json!(message.title()));
    put("tlp", json!(message.tlp()));
    put("tenants", json!(message.tenants()));
    match &message.subject {
        Subject::Finding(finding, alert) => {
            put("finding", json!(finding));
            put("alert_id", json!(alert));
        }
        Subject::Alert(card) => put("alert", alert(card)),
        Subject::Incident(card) => put("incident", incident(card)),
    }
    Value::Object(out)
}

fn alert(card: &AlertCard) -> Value {
    let (verdict, reason, merged_into) = match &card.status {
        AlertStatus::New | AlertStatus::Acknowledged => (None, None, None),
        AlertStatus::Closed { verdict, reason } => (Some(verdict), Some(reason), None),
        AlertStatus::Merged { into } => (None, None, Some(into)),
    };
    json!({
        "id": card.id, "title": card.title, "severity": card.severity, "status": card.status.as_str(),
        "verdict": verdict, "verdict_reason": reason, "merged_into": merged_into,
        "grouping": card.grouping, "tenant": card.tenant, "tlp": card.tlp, "exercise": card.exercise,
        "assignee": card.assignee,
        "incident": card.incident.as_ref().map(|(id, name)| json!({"id": id, "name": name})),
        "opened": card.opened, "first_seen": card.first_seen, "last_seen": card.last_seen,
        "rules": card.rules, "techniques": card.techniques, "entities": card.entities,
        "finding_count": card.finding_count, "findings": parts(&card.findings),
    })
}

fn incident(card: &IncidentCard) -> Value {
    json!({
        "id": card.id, "name": card.name, "title": card.title, "severity": card.severity, "status": card.status,
        "reason": card.reason, "resolution": card.resolution, "merged_into": card.merged_into,
        "tenants": card.tenants, "tlp": card.tlp, "exercise": card.exercise, "commander": card.commander,
        "opened": card.opened, "first_seen": card.span.map(|s| s.0), "last_seen": card.span.map(|s| s.1),
        "techniques": card.techniques, "entities": card.entities,
        "finding_count": card.finding_count, "alerts": parts(&card.alerts),
    })
}

fn parts(parts: &[Part]) -> Vec<Value> {
    parts
        .iter()
        .map(|p| json!({"id": p.id, "title": p.title, "severity": p.severity, "time": p.time}))
        .collect()
}
