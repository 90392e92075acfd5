//! From a match to what the rest of the product understands.

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use watchfloor_types::{
    Event, Finding, FindingId, FindingKind, IndicatorKind, IndicatorMatch, MatchedField, RuleId,
    RuleRef, Severity,
};

/// Fields worth grouping and pivoting on, where the event has them.
const ENTITY_FIELDS: &[&str] = &[
    "ai.principal.id",
    "ai.tenant.id",
    "ai.tool.server",
    "gen_ai.agent.id",
    "gen_ai.conversation.id",
    "host.name",
    "session.id",
    "source.ip",
    "user.email",
    "user.name",
];

/// The finding of a match. Its id is the same for the same indicator, event and field.
///
/// Severity follows the producer's confidence: high from 80, low below 40, else medium.
/// The mark stays open: marks are set after detection.
#[must_use]
pub fn finding(found: &IndicatorMatch, event: &Event, now: Timestamp) -> Finding {
    let indicator = &found.indicator;
    let severity = match indicator.confidence {
        Some(80..) => Severity::High,
        Some(..40) => Severity::Low,
        Some(_) | None => Severity::Medium,
    };
    let mut entities: Vec<_> = ENTITY_FIELDS
        .iter()
        .filter_map(|field| Some(((*field).to_owned(), event.norm.get(field)?.clone())))
        .collect();
    entities.push((
        "indicator.value".to_owned(),
        indicator.value.as_str().into(),
    ));
    let relation = if indicator.kind == IndicatorKind::Cidr {
        "cidr"
    } else if found.value == indicator.value {
        "equals"
    } else {
        "contains"
    };
    Finding {
        id: FindingId::minted(
            found.time,
            &[
                b"indicator",
                indicator.id.as_bytes(),
                indicator.value.as_bytes(),
                indicator.origin.as_bytes(),
                found.field.as_bytes(),
                found.event.uuid().as_bytes(),
            ],
        ),
        kind: FindingKind::Indicator,
        rule: RuleRef {
            id: rule_id(&indicator.id),
            title: format!("{} {}: {}", indicator.kind, indicator.value, indicator.name)
                .chars()
                .take(300)
                .collect(),
            version: version(found),
        },
        severity,
        tenant: event.tenant.clone(),
        source: event.source.clone(),
        time: found.time,
        detected: now,
        events: vec![found.event],
        matched: vec![MatchedField {
            field: found.field.clone(),
            value: found.value.clone(),
            predicate: format!("{relation} \"{}\"", indicator.value),
            event: found.event,
        }],
        techniques: indicator.techniques.clone(),
        entities,
        runbook: None,
        tlp: indicator.tlp,
        mark: None,
    }
}

/// A STIX 2.1 sighting (section 5.2) of a match; none where the indicator did not come from
/// STIX. It names the indicator, the time and the number, never the event, and carries the
/// label of the indicator.
#[must_use]
pub fn sighting(found: &IndicatorMatch, now: Timestamp) -> Option<Json> {
    let indicator = &found.indicator;
    if !indicator.id.starts_with("indicator--") {
        return None;
    }
    let id = Uuid::new_v5(
        &Uuid::NAMESPACE_URL,
        format!("watchfloor:sighting:{}:{}", indicator.id, found.event).as_bytes(),
    );
    let marking = match indicator.tlp {
        watchfloor_types::Tlp::Clear => "94868c89-83c2-464b-929b-a1a8aa3c8487",
        watchfloor_types::Tlp::Green => "bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
        watchfloor_types::Tlp::Amber => "55d920b0-5e8b-4f79-9ee9-91f868d9b421",
        watchfloor_types::Tlp::AmberStrict => "939a9414-2ddd-4d32-a0cd-375ea402b003",
        watchfloor_types::Tlp::Red => "e828b379-4e03-4974-9ac4-e53a884c97c1",
    };
    Some(json!({
        "type": "sighting",
        "spec_version": "2.1",
        "id": format!("sighting--{id}"),
        "created": stix_time(now),
        "modified": stix_time(now),
        "first_seen": stix_time(found.time),
        "last_seen": stix_time(found.time),
        "count": 1,
        "sighting_of_ref": indicator.id,
        "object_marking_refs": [format!("marking-definition--{marking}")],
    }))
}

fn stix_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// The id of the indicator where it can be a rule id, else a hash of it.
#[expect(
    clippy::expect_used,
    reason = "hexadecimal digits after a fixed word always make a rule id"
)]
fn rule_id(id: &str) -> RuleId {
    id.parse().unwrap_or_else(|_| {
        format!("indicator:{}", hex16(id.as_bytes()))
            .parse()
            .expect("a rule id")
    })
}

/// First 16 hex digits of a hash of what the indicator says.
fn version(found: &IndicatorMatch) -> String {
    let i = &found.indicator;
    hex16(
        format!(
            "{}\n{}\n{}\n{:?}\n{:?}\n{}",
            i.kind, i.value, i.valid_from, i.valid_until, i.confidence, i.tlp
        )
        .as_bytes(),
    )
}

fn hex16(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let head = digest.first_chunk::<8>().copied().unwrap_or_default();
    format!("{:016x}", u64::from_be_bytes(head))
}
