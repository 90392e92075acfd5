//! OCSF 1.8: Detection Finding (class 2004) for findings and alerts, Incident Finding (class 2005).

mod words;

use serde_json::{Map, Value, json};
use watchfloor_respond::alert::Verdict;
use watchfloor_types::{Finding, FindingKind, RuleRef, Severity, Timestamp};

use super::{
    Activity, AlertCard, AlertStatus, IncidentCard, Message, Reality, Subject, Technique, VERSION,
};
use words::{caption, kind_word, observable_type, status_caption, verdict_caption};

/// The version of the schema that the messages follow.
pub(crate) const SCHEMA: &str = "1.8.0";

/// Most evidences, observables or related events of one message.
const LISTED: usize = 100;

/// A finding as Detection Finding, as `rule run` prints it: no alert, no journal.
pub(crate) fn finding(finding: &Finding) -> Value {
    let reality = Reality::of(finding.mark.as_ref().map(|m| m.exercise));
    let id = finding.id.to_string();
    let head = Head {
        id: &id,
        logged: finding.detected,
        seq: None,
        activity: Activity::Create,
        reality,
    };
    profiled(detection(finding, &head, None))
}

/// A message as an event of its class.
pub(super) fn message(message: &Message) -> Value {
    let head = Head {
        id: &message.id,
        logged: message.at,
        seq: Some(message.seq),
        activity: message.activity,
        reality: message.reality,
    };
    match &message.subject {
        Subject::Finding(f, alert) => profiled(detection(f, &head, alert.as_deref())),
        Subject::Alert(card) => profiled(alert(card, &head)),
        // The class has those attributes by itself.
        Subject::Incident(card) => Value::Object(incident(card, &head)),
    }
}

/// Names the profile `incident` where a Detection Finding has attributes of it.
fn profiled(mut event: Map<String, Value>) -> Value {
    let of_incident = ["assignee", "tickets", "verdict", "verdict_id"];
    if of_incident.iter().any(|name| event.contains_key(*name))
        && let Some(metadata) = event.get_mut("metadata").and_then(Value::as_object_mut)
    {
        metadata.insert("profiles".to_owned(), json!(["incident"]));
    }
    Value::Object(event)
}

/// What is the same for every class.
struct Head<'a> {
    id: &'a str,
    logged: Timestamp,
    seq: Option<u64>,
    activity: Activity,
    reality: Reality,
}

/// A class of the Findings category.
#[derive(Clone, Copy)]
enum Class {
    Detection,
    Incident,
}

impl Class {
    const fn uid(self) -> u32 {
        match self {
            Self::Detection => 2004,
            Self::Incident => 2005,
        }
    }
    const fn name(self) -> &'static str {
        match self {
            Self::Detection => "Detection Finding",
            Self::Incident => "Incident Finding",
        }
    }
}

/// Attributes of the base event.
fn base(
    class: Class,
    head: &Head<'_>,
    severity: Severity,
    time: Timestamp,
    labels: Vec<String>,
    tenant: Option<String>,
    code: Option<String>,
) -> Map<String, Value> {
    let (uid, activity) = (class.uid(), head.activity.ocsf_id());
    let mut metadata = Map::new();
    let mut put = |key: &str, value: Value| drop(metadata.insert(key.to_owned(), value));
    put("version", json!(SCHEMA));
    put(
        "product",
        json!({"name": "Watchfloor", "vendor_name": "Watchfloor", "version": VERSION}),
    );
    put("uid", json!(head.id));
    put("logged_time", json!(head.logged.as_millisecond()));
    put("log_name", json!(class.name()));
    let mut labels = labels;
    labels.extend(head.reality.word().map(str::to_owned));
    put("labels", json!(labels));
    if let Some(seq) = head.seq.and_then(|seq| i64::try_from(seq).ok()) {
        put("sequence", json!(seq));
    }
    if let Some(tenant) = tenant {
        put("tenant_uid", json!(tenant));
    }
    if let Some(code) = code {
        put("event_code", json!(code));
    }
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| drop(out.insert(key.to_owned(), value));
    put("class_uid", json!(uid));
    put("class_name", json!(class.name()));
    put("category_uid", json!(2));
    put("category_name", json!("Findings"));
    put("activity_id", json!(activity));
    put("activity_name", json!(head.activity.caption()));
    put("type_uid", json!(uid * 100 + activity));
    put(
        "type_name",
        json!(format!("{}: {}", class.name(), head.activity.caption())),
    );
    put("time", json!(time.as_millisecond()));
    put("severity_id", json!(severity.ocsf_id()));
    put("severity", json!(caption(severity)));
    put("metadata", Value::Object(metadata));
    out
}

fn detection(finding: &Finding, head: &Head<'_>, alert: Option<&str>) -> Map<String, Value> {
    let mut out = base(
        Class::Detection,
        head,
        finding.severity,
        finding.detected,
        vec![finding.tlp.to_string()],
        Some(finding.tenant.to_string()),
        Some(finding.rule.id.to_string()),
    );
    let title = head.reality.title(&finding.rule.title);
    let mut put = |key: &str, value: Value| drop(out.insert(key.to_owned(), value));
    put("message", json!(title));
    put("is_alert", json!(false));
    put("status_id", json!(1));
    put("status", json!("New"));
    if let Some(verdict) = staged(head.reality) {
        put("verdict_id", json!(verdict.ocsf_id()));
        put("verdict", json!(verdict_caption(verdict)));
    }
    let mut info = Map::new();
    let mut tell = |key: &str, value: Value| drop(info.insert(key.to_owned(), value));
    tell("uid", json!(finding.id));
    tell("title", json!(title));
    tell("types", json!([kind_word(finding.kind)]));
    tell("created_time", json!(finding.detected.as_millisecond()));
    tell("last_seen_time", json!(finding.time.as_millisecond()));
    tell("data_sources", json!([finding.source]));
    tell("analytic", analytic(&finding.rule, Some(finding.kind)));
    techniques(&finding.techniques, &mut tell);
    let related: Vec<Value> = finding
        .events
        .iter()
        .take(LISTED)
        .map(|id| json!({"uid": id}))
        .collect();
    if !related.is_empty() {
        tell("related_events", json!(related));
        tell("related_events_count", json!(finding.events.len()));
    }
    put("finding_info", Value::Object(info));
    let evidences: Vec<Value> = finding
        .matched
        .iter()
        .take(LISTED)
        .map(|m| json!({"name": m.field, "uid": m.event, "data": {"field": m.field, "predicate": m.predicate, "value": m.value}}))
        .collect();
    if !evidences.is_empty() {
        put("evidences", json!(evidences));
    }
    let entities: Vec<(String, String)> = finding
        .entities
        .iter()
        .map(|(field, value)| (field.clone(), value.to_string()))
        .collect();
    named(&entities, &mut put);
    put(
        "unmapped",
        json!({"watchfloor": {
            "kind": "finding", "tlp": finding.tlp, "alert": alert, "runbook": finding.runbook,
            "rule_version": finding.rule.version, "techniques": finding.techniques,
            "exercise": exercise(head.reality), "entities": pairs(&entities),
        }}),
    );
    out
}

fn alert(card: &AlertCard, head: &Head<'_>) -> Map<String, Value> {
    let mut out = base(
        Class::Detection,
        head,
        card.severity,
        head.logged,
        vec![card.tlp.to_string()],
        Some(card.tenant.to_string()),
        None,
    );
    let title = head.reality.title(&card.title);
    let mut put = |key: &str, value: Value| drop(out.insert(key.to_owned(), value));
    put("message", json!(title));
    put("is_alert", json!(true));
    put("count", json!(card.finding_count));
    put("start_time", json!(card.first_seen.as_millisecond()));
    put("end_time", json!(card.last_seen.as_millisecond()));
    let (status, word) = match card.status {
        AlertStatus::New => (1, "New"),
        AlertStatus::Acknowledged => (2, "In Progress"),
        AlertStatus::Closed { .. } | AlertStatus::Merged { .. } => (4, "Resolved"),
    };
    put("status_id", json!(status));
    put("status", json!(word));
    let verdict = match &card.status {
        AlertStatus::Closed { verdict, reason } => {
            put("status_detail", json!(reason));
            Some(*verdict)
        }
        AlertStatus::Merged { into } => {
            put("status_detail", json!(format!("merged into {into}")));
            Some(Verdict::Duplicate)
        }
        AlertStatus::New | AlertStatus::Acknowledged => staged(head.reality),
    };
    if let Some(verdict) = verdict {
        put("verdict_id", json!(verdict.ocsf_id()));
        put("verdict", json!(verdict_caption(verdict)));
    }
    if let Some(assignee) = &card.assignee {
        put("assignee", json!({"uid": assignee, "name": assignee}));
    }
    if let Some((id, name)) = &card.incident {
        put(
            "tickets",
            json!([{"uid": id, "title": name, "type": "incident"}]),
        );
    }
    let mut info = Map::new();
    let mut tell = |key: &str, value: Value| drop(info.insert(key.to_owned(), value));
    tell("uid", json!(card.id));
    tell("title", json!(title));
    tell("desc", json!(card.grouping));
    tell("types", json!(["alert"]));
    tell("created_time", json!(card.opened.as_millisecond()));
    tell("modified_time", json!(head.logged.as_millisecond()));
    tell("first_seen_time", json!(card.first_seen.as_millisecond()));
    tell("last_seen_time", json!(card.last_seen.as_millisecond()));
    let mut rules = card.rules.iter();
    if let Some(first) = rules.next() {
        tell("analytic", analytic(first, None));
    }
    let more: Vec<Value> = rules.map(|rule| analytic(rule, None)).collect();
    if !more.is_empty() {
        tell("related_analytics", json!(more));
    }
    techniques(&card.techniques, &mut tell);
    let related: Vec<Value> = card
        .findings
        .iter()
        .map(|p| json!({"uid": p.id, "title": p.title, "severity_id": p.severity.ocsf_id(), "severity": caption(p.severity), "created_time": p.time.as_millisecond(), "type_uid": 200_401, "type_name": "Detection Finding: Create"}))
        .collect();
    tell("related_events", json!(related));
    tell("related_events_count", json!(card.finding_count));
    put("finding_info", Value::Object(info));
    named(&card.entities, &mut put);
    put(
        "unmapped",
        json!({"watchfloor": {
            "kind": "alert", "tlp": card.tlp, "status": card.status.as_str(), "exercise": exercise(head.reality),
            "techniques": card.techniques, "entities": pairs(&card.entities),
        }}),
    );
    out
}

fn incident(card: &IncidentCard, head: &Head<'_>) -> Map<String, Value> {
    let tenant = (card.tenants.len() == 1)
        .then(|| card.tenants.first().map(ToString::to_string))
        .flatten();
    let mut out = base(
        Class::Incident,
        head,
        card.severity,
        head.logged,
        vec![card.tlp.to_string()],
        tenant,
        None,
    );
    let title = head.reality.title(&card.title);
    let mut put = |key: &str, value: Value| drop(out.insert(key.to_owned(), value));
    put("message", json!(format!("{}: {title}", card.name)));
    put("desc", json!(card.reason));
    put("count", json!(card.finding_count));
    put("status_id", json!(card.status.ocsf_id()));
    put("status", json!(status_caption(card.status)));
    if let Some(why) = &card.resolution {
        put("status_detail", json!(why));
    }
    if let Some(verdict) = staged(head.reality) {
        put("verdict_id", json!(verdict.ocsf_id()));
        put("verdict", json!(verdict_caption(verdict)));
    }
    match &card.commander {
        Some(user) => put("assignee", json!({"uid": user, "name": user})),
        // The class wants one or the other: nobody leads it yet, so it is the duty's.
        None => put(
            "assignee_group",
            json!({"uid": "on-call", "name": "on call"}),
        ),
    }
    if let Some((first, last)) = card.span {
        put("start_time", json!(first.as_millisecond()));
        put("end_time", json!(last.as_millisecond()));
    }
    put(
        "tickets",
        json!([{"uid": card.name, "title": title, "type": "incident"}]),
    );
    let mut infos: Vec<Value> = card
        .alerts
        .iter()
        .map(|p| json!({"uid": p.id, "title": head.reality.title(&p.title), "types": ["alert"], "created_time": p.time.as_millisecond()}))
        .collect();
    if infos.is_empty() {
        // Opened by hand, before anything was found; the class wants one.
        infos.push(json!({"uid": card.id, "title": title, "types": ["incident"], "created_time": card.opened.as_millisecond()}));
    }
    put("finding_info_list", json!(infos));
    let attacks = attacks(&card.techniques);
    if !attacks.is_empty() {
        put("attacks", json!(attacks));
    }
    let observables = observables(&card.entities);
    if !observables.is_empty() {
        put("observables", json!(observables));
    }
    put(
        "unmapped",
        json!({"watchfloor": {
            "kind": "incident", "id": card.id, "name": card.name, "tlp": card.tlp, "tenants": card.tenants,
            "merged_into": card.merged_into, "exercise": exercise(head.reality),
            "techniques": card.techniques, "entities": pairs(&card.entities),
        }}),
    );
    out
}

/// What is staged has a verdict from the start.
fn staged(reality: Reality) -> Option<Verdict> {
    match reality {
        Reality::Real => None,
        Reality::Exercise(_) | Reality::Test => Some(Verdict::Test),
    }
}

fn exercise(reality: Reality) -> Option<String> {
    match reality {
        Reality::Exercise(id) => Some(id.to_string()),
        Reality::Real | Reality::Test => None,
    }
}

/// Object `analytic`. Sigma rules and correlations are rules; an indicator is none of the others.
fn analytic(rule: &RuleRef, kind: Option<FindingKind>) -> Value {
    let (type_id, name) = match kind {
        Some(FindingKind::Indicator) => (99, "Indicator"),
        Some(FindingKind::Rule | FindingKind::Correlation) | None => (1, "Rule"),
    };
    let mut value = json!({"uid": rule.id, "name": rule.title, "type_id": type_id, "type": name, "version": rule.version});
    if let (Some(kind), Some(object)) = (kind, value.as_object_mut()) {
        object.insert("category".to_owned(), json!(kind_word(kind)));
    }
    value
}

/// MITRE techniques as `attacks`, the rest as `tags`.
fn techniques(all: &[String], tell: &mut impl FnMut(&str, Value)) {
    let attacks = attacks(all);
    if !attacks.is_empty() {
        tell("attacks", json!(attacks));
    }
    let others: Vec<Value> = all
        .iter()
        .filter(|t| Technique::parse(t).is_none())
        .map(|t| json!({"name": "technique", "value": t}))
        .collect();
    if !others.is_empty() {
        tell("tags", json!(others));
    }
}

fn attacks(techniques: &[String]) -> Vec<Value> {
    techniques
        .iter()
        .filter_map(|t| Technique::parse(t))
        .map(|t| match t.sub {
            Some(sub) => json!({"technique": {"uid": t.id}, "sub_technique": {"uid": sub}}),
            None => json!({"technique": {"uid": t.id}}),
        })
        .collect()
}

/// Observables of every entity, and resources of those that are AI agents, models, services.
fn named(entities: &[(String, String)], put: &mut impl FnMut(&str, Value)) {
    let observables = observables(entities);
    if !observables.is_empty() {
        put("observables", json!(observables));
    }
    let resources: Vec<Value> = entities
        .iter()
        .take(LISTED)
        .filter_map(|(field, value)| {
            let kind = match field.as_str() {
                "gen_ai.agent.id" | "gen_ai.agent.name" => "AI agent",
                "gen_ai.request.model" => "AI model",
                "ai.tool.server" => "MCP server",
                "ai.memory.collection" => "AI memory",
                "service.name" => "service",
                _ => return None,
            };
            Some(json!({"uid": value, "name": value, "type": kind}))
        })
        .collect();
    if !resources.is_empty() {
        put("resources", json!(resources));
    }
}

fn observables(entities: &[(String, String)]) -> Vec<Value> {
    entities
        .iter()
        .take(LISTED)
        .map(|(field, value)| {
            let (id, caption) = observable_type(field, value);
            json!({"name": field, "type_id": id, "type": caption, "value": value})
        })
        .collect()
}

fn pairs(entities: &[(String, String)]) -> Vec<Value> {
    entities
        .iter()
        .take(LISTED)
        .map(|(field, value)| json!({"field": field, "value": value}))
        .collect()
}
