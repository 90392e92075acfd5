//! From matches to findings.

use jiff::Timestamp;
use watchfloor_types::{
    Event, EventId, Finding, FindingId, FindingKind, Mark, MatchedField, Norm, RuleRef, Tlp, Value,
};

use crate::rule::RuleMeta;

/// Canonical fields whose values a finding carries for grouping and pivoting, most telling
/// first. Rules over native fields have them too: every event has its canonical view.
pub const ENTITY_FIELDS: &[&str] = &[
    "ai.principal.id",
    "ai.key.id",
    "gen_ai.agent.id",
    "gen_ai.agent.name",
    "session.id",
    "gen_ai.conversation.id",
    "mcp.session.id",
    "user.id",
    "user.name",
    "user.email",
    "source.ip",
    "host.name",
    "ai.instruction.hash",
    "ai.tool.server",
    "ai.tool.descriptor_hash",
    "ai.memory.collection",
    "ai.secret.name",
    "destination.domain",
    "destination.ip",
    "dns.question.name",
    "url.domain",
    "email.from.address",
    "email.to.address",
    "file.hash.sha256",
    "gen_ai.request.model",
    "cloud.account.id",
    "service.name",
];

/// Longest value or predicate in a finding, bytes.
pub(crate) const MAX_VALUE: usize = 1_024;
/// Most events of one finding.
pub(crate) const MAX_EVENTS: usize = 1_000;

/// At most 1 KiB of `text`, cut between characters.
pub(crate) fn capped(text: &str) -> &str {
    let mut end = text.len().min(MAX_VALUE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// The entities in a canonical view.
pub(crate) fn entities(norm: &Norm) -> Vec<(String, Value)> {
    ENTITY_FIELDS
        .iter()
        .filter_map(|field| {
            norm.get(field)
                .map(|value| ((*field).to_owned(), value.clone()))
        })
        .collect()
}

/// The mark of events that all carry the mark of one exercise: the last event's.
pub(crate) fn common_mark<'a>(marks: impl IntoIterator<Item = Option<&'a Mark>>) -> Option<Mark> {
    let mut common: Option<&Mark> = None;
    for mark in marks {
        let mark = mark?;
        if common.is_some_and(|c| c.exercise != mark.exercise) {
            return None;
        }
        common = Some(mark);
    }
    common.cloned()
}

/// The same id for the same rule version and events, so that a replay is not a second finding.
pub(crate) fn id(meta: &RuleMeta, time: Timestamp, events: &[EventId]) -> FindingId {
    let mut salt: Vec<&[u8]> = vec![
        b"finding",
        meta.id.as_str().as_bytes(),
        meta.version.as_bytes(),
    ];
    let ids: Vec<[u8; 16]> = events.iter().map(|e| *e.uuid().as_bytes()).collect();
    salt.extend(ids.iter().map(<[u8; 16]>::as_slice));
    FindingId::minted(time, &salt)
}

pub(crate) fn rule_ref(meta: &RuleMeta) -> RuleRef {
    RuleRef {
        id: meta.id.clone(),
        title: meta.title.clone(),
        version: meta.version.clone(),
    }
}

/// A rule over one event.
pub(crate) fn of_rule(
    meta: &RuleMeta,
    event: &Event,
    matched: Vec<MatchedField>,
    now: Timestamp,
) -> Finding {
    Finding {
        id: id(meta, event.time, &[event.id]),
        kind: FindingKind::Rule,
        rule: rule_ref(meta),
        severity: meta.severity,
        tenant: event.tenant.clone(),
        source: event.source.clone(),
        time: event.time,
        detected: now,
        events: vec![event.id],
        matched,
        techniques: meta.techniques.clone(),
        entities: entities(&event.norm),
        runbook: meta.runbook.as_ref().map(ToString::to_string),
        tlp: Tlp::Clear,
        mark: event.mark.clone(),
    }
}
