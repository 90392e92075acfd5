//! Findings: one match of one rule, correlation or indicator.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{EventId, FindingId, Mark, RuleId, Severity, SourceId, TenantId, Tlp, Value};

/// The rule behind a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleRef {
    /// Its id.
    pub id: RuleId,
    /// Its title.
    pub title: String,
    /// First 16 hex digits of the SHA-256 of its text: which version fired.
    pub version: String,
}

/// Why a rule fired: one predicate that held, on one field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MatchedField {
    /// The field, as the rule names it.
    pub field: String,
    /// What it held, at most 1 KiB.
    pub value: String,
    /// The predicate in Sigma terms, such as `contains "ignore previous"`.
    pub predicate: String,
    /// The event that held it.
    pub event: EventId,
}

/// What kind of content matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// A rule over one event.
    Rule,
    /// A correlation over several events.
    Correlation,
    /// A threat-intelligence indicator.
    Indicator,
}

/// One match.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The same for the same rule version and events, so that a replay is not a second finding.
    pub id: FindingId,
    /// What matched.
    pub kind: FindingKind,
    /// The rule; for an indicator, its id and name.
    pub rule: RuleRef,
    /// From the rule's `level`.
    pub severity: Severity,
    /// Whose events they are. A correlation over several tenants names the last.
    pub tenant: TenantId,
    /// Source of the last event.
    pub source: SourceId,
    /// Time of the last event.
    pub time: Timestamp,
    /// When the engine said so.
    pub detected: Timestamp,
    /// The events, oldest first, at most 1,000.
    pub events: Vec<EventId>,
    /// Why.
    pub matched: Vec<MatchedField>,
    /// Technique ids from the rule's tags: `AML.T0051.001`, `T1566`.
    pub techniques: Vec<String>,
    /// Values worth grouping and pivoting on, from the canonical view: (`ai.principal.id`, `support-agent`).
    pub entities: Vec<(String, Value)>,
    /// The runbook that the rule names, if any.
    pub runbook: Option<String>,
    /// Label of the intelligence behind it; [`Tlp::Clear`] for our own rules.
    pub tlp: Tlp,
    /// Set after detection, from the events' envelopes, when every event carries the mark.
    pub mark: Option<Mark>,
}
