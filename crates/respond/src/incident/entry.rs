//! What people ask of an incident and what the journal keeps.

use serde::{Deserialize, Serialize};
use watchfloor_types::{
    Actor, AlertId, DecisionId, EventId, ExerciseId, FactName, FindingId, IncidentId, Severity,
    UserId,
};

use super::{Fact, FactValue, IncidentRole, Status};
use jiff::Timestamp;

/// What a person may ask.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Input {
    /// Open an incident by hand.
    Open {
        /// What it is called.
        title: String,
        /// How bad it is.
        severity: Severity,
        /// Alerts that belong to it; their exercise becomes the incident's.
        #[serde(default)]
        alerts: Vec<AlertId>,
        /// The exercise it belongs to, where no alert says so.
        exercise: Option<ExerciseId>,
        /// Why.
        reason: String,
    },
    /// Another title.
    Rename {
        /// The incident.
        incident: IncidentId,
        /// The title.
        title: String,
    },
    /// Add an alert.
    AddAlert {
        /// The incident.
        incident: IncidentId,
        /// The alert.
        alert: AlertId,
        /// Why.
        reason: String,
    },
    /// Take an alert out.
    DetachAlert {
        /// The incident.
        incident: IncidentId,
        /// The alert.
        alert: AlertId,
        /// Why.
        reason: String,
    },
    /// Another severity.
    SetSeverity {
        /// The incident.
        incident: IncidentId,
        /// The severity.
        severity: Severity,
        /// Why.
        reason: String,
    },
    /// Another status. Resolving and closing need a resolution.
    SetStatus {
        /// The incident.
        incident: IncidentId,
        /// The status.
        status: Status,
        /// Why; the resolution where it is resolved or closed.
        reason: String,
    },
    /// Somebody takes a role, or nobody holds it any more.
    SetRole {
        /// The incident.
        incident: IncidentId,
        /// The role.
        role: IncidentRole,
        /// Who.
        user: Option<UserId>,
    },
    /// A statement.
    RecordFact {
        /// The incident.
        incident: IncidentId,
        /// Which question.
        name: FactName,
        /// The answer.
        value: FactValue,
        /// Since when it was known; now where not given.
        known_at: Option<Timestamp>,
        /// Events that show it.
        #[serde(default)]
        events: Vec<EventId>,
        /// Finding that shows it.
        finding: Option<FindingId>,
        /// Source or reason in words.
        note: String,
    },
    /// A remark.
    Note {
        /// The incident.
        incident: IncidentId,
        /// What.
        text: String,
    },
    /// A decision with its reason.
    Decide {
        /// The incident.
        incident: IncidentId,
        /// The question.
        question: String,
        /// The answer.
        answer: String,
        /// Why.
        reason: String,
    },
    /// Two incidents are one.
    Merge {
        /// Ends.
        from: IncidentId,
        /// Takes everything.
        into: IncidentId,
        /// Why.
        reason: String,
    },
}

/// What the journal keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Entry {
    /// It exists.
    Opened {
        /// The incident.
        incident: IncidentId,
        /// Its short name: `INC-2026-0001`.
        name: String,
        /// What it is called.
        title: String,
        /// How bad it is.
        severity: Severity,
        /// The exercise it belongs to.
        exercise: Option<ExerciseId>,
        /// Why it was opened.
        reason: String,
        /// Who opened it.
        by: Actor,
    },
    /// Another title.
    Renamed {
        /// The incident.
        incident: IncidentId,
        /// The title.
        title: String,
        /// Who.
        by: Actor,
    },
    /// An alert joined.
    AlertJoined {
        /// The incident.
        incident: IncidentId,
        /// The alert.
        alert: AlertId,
        /// Why it belongs here.
        reason: String,
        /// Who.
        by: Actor,
    },
    /// A new finding of an alert that belongs here.
    FindingJoined {
        /// The incident.
        incident: IncidentId,
        /// The alert.
        alert: AlertId,
        /// The finding.
        finding: FindingId,
    },
    /// An alert left.
    AlertDetached {
        /// The incident.
        incident: IncidentId,
        /// The alert.
        alert: AlertId,
        /// Why.
        reason: String,
        /// Who.
        by: Actor,
    },
    /// Another severity.
    SeverityChanged {
        /// The incident.
        incident: IncidentId,
        /// Before.
        from: Severity,
        /// Now.
        to: Severity,
        /// Why.
        reason: String,
        /// Who.
        by: Actor,
    },
    /// Another status.
    StatusChanged {
        /// The incident.
        incident: IncidentId,
        /// Before.
        from: Status,
        /// Now.
        to: Status,
        /// Why; the resolution where it is resolved or closed.
        reason: String,
        /// Who.
        by: Actor,
    },
    /// Somebody took a role, or nobody holds it any more.
    RoleSet {
        /// The incident.
        incident: IncidentId,
        /// The role.
        role: IncidentRole,
        /// Who holds it.
        user: Option<UserId>,
        /// Who said so.
        by: Actor,
    },
    /// A statement.
    FactRecorded {
        /// The incident.
        incident: IncidentId,
        /// The statement, with who made it.
        fact: Fact,
    },
    /// A remark.
    Noted {
        /// The incident.
        incident: IncidentId,
        /// What.
        text: String,
        /// Who.
        by: Actor,
    },
    /// A decision.
    Decided {
        /// The incident.
        incident: IncidentId,
        /// The record.
        decision: DecisionId,
        /// The question.
        question: String,
        /// The answer.
        answer: String,
        /// Why.
        reason: String,
        /// Who.
        by: Actor,
    },
    /// Everything went to another incident.
    Merged {
        /// The incident that ended.
        from: IncidentId,
        /// The incident that took everything.
        into: IncidentId,
        /// Why.
        reason: String,
        /// Who.
        by: Actor,
    },
}

impl Entry {
    /// The incident it is about; for a merge, the one that ended.
    #[must_use]
    pub fn incident(&self) -> IncidentId {
        match self {
            Self::Opened { incident, .. }
            | Self::Renamed { incident, .. }
            | Self::AlertJoined { incident, .. }
            | Self::FindingJoined { incident, .. }
            | Self::AlertDetached { incident, .. }
            | Self::SeverityChanged { incident, .. }
            | Self::StatusChanged { incident, .. }
            | Self::RoleSet { incident, .. }
            | Self::FactRecorded { incident, .. }
            | Self::Noted { incident, .. }
            | Self::Decided { incident, .. }
            | Self::Merged { from: incident, .. } => *incident,
        }
    }
}
