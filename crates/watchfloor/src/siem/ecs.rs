//! Elastic Common Schema 9 (the fields used are the same in 8): findings as signals, alerts and
//! incidents as alerts. What ECS has no field for is under `watchfloor.*`.

use std::net::IpAddr;

use serde_json::{Map, Value, json};
use watchfloor_types::{Finding, FindingKind, Severity};

use super::{
    AlertCard, AlertStatus, IncidentCard, Message, Part, Reality, Subject, Technique, VERSION,
};

/// The version of the schema that the messages follow.
pub(crate) const SCHEMA: &str = "9.0.0";

/// Canonical fields that ECS has under the same name with type `keyword`.
const SAME: &[&str] = &[
    "user.id",
    "user.name",
    "user.email",
    "host.name",
    "destination.domain",
    "dns.question.name",
    "url.domain",
    "email.from.address",
    "email.to.address",
    "gen_ai.agent.id",
    "gen_ai.agent.name",
    "gen_ai.request.model",
    "cloud.account.id",
    "service.name",
];

/// A message as one document.
pub(super) fn message(message: &Message) -> Value {
    let mut doc = Doc::default();
    let severity = message.severity();
    doc.put("ecs.version", json!(SCHEMA));
    doc.put("message", json!(message.title()));
    let mut tags = vec!["watchfloor"];
    tags.extend(message.reality.word());
    doc.put("tags", json!(tags));
    doc.put("event.id", json!(message.id));
    doc.put("event.module", json!("watchfloor"));
    doc.put("event.provider", json!("watchfloor"));
    doc.put("event.severity", json!(severity.ocsf_id()));
    doc.put("event.risk_score", json!(risk(severity)));
    doc.put("event.sequence", json!(message.seq));
    doc.put("log.level", json!(severity));
    doc.put("observer.vendor", json!("Watchfloor"));
    doc.put("observer.product", json!("Watchfloor"));
    doc.put("observer.version", json!(VERSION));
    let kind = message.kind().as_str();
    doc.put("event.dataset", json!(format!("watchfloor.{kind}")));
    doc.put(
        "event.action",
        json!(format!("{kind}-{}", message.activity.as_str())),
    );
    doc.put("watchfloor.kind", json!(kind));
    doc.put("watchfloor.activity", json!(message.activity.as_str()));
    doc.put("watchfloor.severity", json!(severity));
    doc.put("watchfloor.tlp", json!(message.tlp()));
    doc.put("watchfloor.tenants", json!(message.tenants()));
    doc.put("watchfloor.journal", json!(message.seq));
    if let [tenant] = message.tenants().as_slice() {
        doc.put("organization.id", json!(tenant));
    }
    if let Some(word) = message.reality.word() {
        doc.put("watchfloor.mark", json!(word));
        doc.put("labels.watchfloor_mark", json!(word));
    }
    if let Reality::Exercise(id) = message.reality {
        doc.put("watchfloor.exercise", json!(id));
    }
    match &message.subject {
        Subject::Finding(f, alert) => finding(&mut doc, f, alert.as_deref()),
        Subject::Alert(card) => self::alert(&mut doc, card, message),
        Subject::Incident(card) => incident(&mut doc, card, message),
    }
    Value::Object(doc.0)
}

fn finding(doc: &mut Doc, finding: &Finding, alert: Option<&str>) {
    doc.put("@timestamp", json!(finding.time));
    doc.put("event.kind", json!("signal"));
    doc.put("event.created", json!(finding.detected));
    category(doc, finding.kind == FindingKind::Indicator);
    doc.put("event.code", json!(finding.rule.id));
    doc.put("rule.id", json!(finding.rule.id));
    doc.put("rule.name", json!(finding.rule.title));
    doc.put("rule.version", json!(finding.rule.version));
    doc.put("rule.ruleset", json!("watchfloor"));
    doc.put("rule.category", json!(finding.kind));
    if finding.kind == FindingKind::Indicator {
        doc.put("threat.indicator.name", json!(finding.rule.title));
        let label = finding.tlp.as_str();
        doc.put(
            "threat.indicator.marking.tlp",
            json!(label.strip_prefix("TLP:").unwrap_or(label)),
        );
        doc.put("threat.indicator.marking.tlp_version", json!("2.0"));
    }
    techniques(doc, &finding.techniques);
    let entities: Vec<(String, String)> = finding
        .entities
        .iter()
        .map(|(field, value)| (field.clone(), value.to_string()))
        .collect();
    self::entities(doc, &entities);
    doc.put("watchfloor.finding.id", json!(finding.id));
    doc.put("watchfloor.alert.id", json!(alert));
    doc.put("watchfloor.source", json!(finding.source));
    doc.put("watchfloor.runbook", json!(finding.runbook));
    doc.put("watchfloor.events", json!(finding.events));
    let matched: Vec<Value> = finding
        .matched
        .iter()
        .map(|m| json!({"field": m.field, "predicate": m.predicate, "value": m.value, "event": m.event}))
        .collect();
    doc.put("watchfloor.matched", json!(matched));
}

fn alert(doc: &mut Doc, card: &AlertCard, message: &Message) {
    doc.put("@timestamp", json!(message.at));
    doc.put("event.kind", json!("alert"));
    doc.put("event.created", json!(card.opened));
    doc.put("event.start", json!(card.first_seen));
    doc.put("event.end", json!(card.last_seen));
    doc.put("event.reason", json!(card.grouping));
    category(doc, false);
    if let Some(rule) = card.rules.first() {
        doc.put("event.code", json!(rule.id));
        doc.put("rule.id", json!(rule.id));
        doc.put("rule.name", json!(rule.title));
        doc.put("rule.version", json!(rule.version));
        doc.put("rule.ruleset", json!("watchfloor"));
    }
    techniques(doc, &card.techniques);
    entities(doc, &card.entities);
    doc.put("watchfloor.alert.id", json!(card.id));
    doc.put("watchfloor.alert.title", json!(card.title));
    doc.put("watchfloor.alert.status", json!(card.status.as_str()));
    match &card.status {
        AlertStatus::Closed { verdict, reason } => {
            doc.put("watchfloor.alert.verdict", json!(verdict));
            doc.put("watchfloor.alert.verdict_reason", json!(reason));
        }
        AlertStatus::Merged { into } => doc.put("watchfloor.alert.merged_into", json!(into)),
        AlertStatus::New | AlertStatus::Acknowledged => {}
    }
    doc.put("watchfloor.alert.assignee", json!(card.assignee));
    doc.put("watchfloor.alert.finding_count", json!(card.finding_count));
    doc.put("watchfloor.alert.rules", json!(card.rules));
    doc.put("watchfloor.alert.findings", parts(&card.findings));
    if let Some((id, name)) = &card.incident {
        doc.put("watchfloor.incident.id", json!(id));
        doc.put("watchfloor.incident.name", json!(name));
    }
}

fn incident(doc: &mut Doc, card: &IncidentCard, message: &Message) {
    doc.put("@timestamp", json!(message.at));
    doc.put("event.kind", json!("alert"));
    doc.put("event.created", json!(card.opened));
    doc.put("event.reason", json!(card.reason));
    if let Some((first, last)) = card.span {
        doc.put("event.start", json!(first));
        doc.put("event.end", json!(last));
    }
    category(doc, false);
    techniques(doc, &card.techniques);
    entities(doc, &card.entities);
    doc.put("watchfloor.incident.id", json!(card.id));
    doc.put("watchfloor.incident.name", json!(card.name));
    doc.put("watchfloor.incident.title", json!(card.title));
    doc.put("watchfloor.incident.status", json!(card.status));
    doc.put("watchfloor.incident.resolution", json!(card.resolution));
    doc.put("watchfloor.incident.merged_into", json!(card.merged_into));
    doc.put("watchfloor.incident.commander", json!(card.commander));
    doc.put(
        "watchfloor.incident.finding_count",
        json!(card.finding_count),
    );
    doc.put("watchfloor.incident.alerts", parts(&card.alerts));
}

/// `event.category` and `event.type` from the closed lists of ECS.
fn category(doc: &mut Doc, indicator: bool) {
    let (category, kind) = if indicator {
        ("threat", "indicator")
    } else {
        ("intrusion_detection", "info")
    };
    doc.put("event.category", json!([category]));
    doc.put("event.type", json!([kind]));
}

fn parts(parts: &[Part]) -> Value {
    parts
        .iter()
        .map(|p| json!({"id": p.id, "title": p.title, "severity": p.severity, "time": p.time}))
        .collect()
}

/// `threat.*` of MITRE techniques; every technique under `watchfloor.techniques`.
fn techniques(doc: &mut Doc, all: &[String]) {
    let known: Vec<Technique<'_>> = all.iter().filter_map(|t| Technique::parse(t)).collect();
    let each = |text: &mut dyn Iterator<Item = &str>| {
        let mut seen: Vec<String> = Vec::new();
        for t in text {
            if !seen.iter().any(|s| s == t) {
                seen.push(t.to_owned());
            }
        }
        seen
    };
    let frameworks = each(&mut known.iter().map(|t| t.framework));
    match frameworks.as_slice() {
        [] => {}
        [one] => doc.put("threat.framework", json!(one)),
        several => doc.put("threat.framework", json!(several)),
    }
    if !known.is_empty() {
        doc.put(
            "threat.technique.id",
            json!(each(&mut known.iter().map(|t| t.id))),
        );
    }
    let subs = each(&mut known.iter().filter_map(|t| t.sub));
    if !subs.is_empty() {
        doc.put("threat.technique.subtechnique.id", json!(subs));
    }
    doc.put("watchfloor.techniques", json!(all));
}

/// Entities under their ECS names where ECS has them and the value fits its type, and all of them
/// as pairs: a value of the wrong type would make Elasticsearch refuse the whole document.
fn entities(doc: &mut Doc, entities: &[(String, String)]) {
    let mut hosts: Vec<&str> = Vec::new();
    let mut users: Vec<&str> = Vec::new();
    let mut ips: Vec<&str> = Vec::new();
    let mut hashes: Vec<&str> = Vec::new();
    for (field, value) in entities {
        match field.as_str() {
            "source.ip" | "destination.ip" if value.parse::<IpAddr>().is_ok() => {
                doc.add(field, value);
                ips.push(value);
            }
            "file.hash.sha256" => {
                doc.add(field, value);
                hashes.push(value);
            }
            name if SAME.contains(&name) => {
                doc.add(name, value);
                match name {
                    "host.name" | "destination.domain" | "url.domain" | "dns.question.name" => {
                        hosts.push(value);
                    }
                    "user.id" | "user.name" | "user.email" => users.push(value),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    for (name, mut values) in [
        ("related.hosts", hosts),
        ("related.user", users),
        ("related.ip", ips),
        ("related.hash", hashes),
    ] {
        values.sort_unstable();
        values.dedup();
        if !values.is_empty() {
            doc.put(name, json!(values));
        }
    }
    let pairs: Vec<Value> = entities
        .iter()
        .map(|(field, value)| json!({"field": field, "value": value}))
        .collect();
    doc.put("watchfloor.entities", json!(pairs));
}

/// `event.risk_score` as Elastic's own rules score the words.
const fn risk(severity: Severity) -> u32 {
    match severity {
        Severity::Informational => 1,
        Severity::Low => 21,
        Severity::Medium => 47,
        Severity::High => 73,
        Severity::Critical => 99,
        Severity::Fatal => 100,
    }
}

/// A document that is written by dotted names. Empty values are left out.
#[derive(Default)]
struct Doc(Map<String, Value>);

impl Doc {
    fn put(&mut self, path: &str, value: Value) {
        if value.is_null() || value.as_array().is_some_and(Vec::is_empty) {
            return;
        }
        if let Some(slot) = self.slot(path) {
            *slot = value;
        }
    }

    /// Adds a value: alone, or to those that are there.
    fn add(&mut self, path: &str, value: &str) {
        let Some(slot) = self.slot(path) else { return };
        match &mut *slot {
            Value::Null => *slot = json!(value),
            Value::Array(all) => all.push(json!(value)),
            _ => {
                let one = slot.take();
                *slot = json!([one, value]);
            }
        }
    }

    fn slot(&mut self, path: &str) -> Option<&mut Value> {
        let mut parts = path.split('.').peekable();
        let mut map = &mut self.0;
        loop {
            let name = parts.next()?;
            let next = map.entry(name.to_owned()).or_insert(Value::Null);
            if parts.peek().is_none() {
                return Some(next);
            }
            if next.is_null() {
                *next = Value::Object(Map::new());
            }
            map = next.as_object_mut()?;
        }
    }
}
