//! What people ask of an alert and what the journal keeps.

use serde::{Deserialize, Serialize};
use watchfloor_types::{Actor, AlertId, Finding, FindingId, UserId};

use super::{Grouping, Verdict};

/// What a person may ask.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Input {
    /// I look at it.
    Acknowledge {
        /// The alert.
        alert: AlertId,
    },
    /// Somebody shall work on it, or nobody.
    Assign {
        /// The alert.
        alert: AlertId,
        /// Who.
        to: Option<UserId>,
    },
    /// It is concluded.
    Close {
        /// The alert.
        alert: AlertId,
        /// What is concluded.
        verdict: Verdict,
        /// Why.
        reason: String,
    },
    /// The conclusion was wrong.
    Reopen {
        /// The alert.
        alert: AlertId,
        /// Why.
        reason: String,
    },
    /// Two alerts are one.
    Merge {
        /// Ends.
        from: AlertId,
        /// Takes the findings.
        into: AlertId,
        /// Why.
        reason: String,
    },
    /// Some findings are another alert.
    Split {
        /// The alert.
        alert: AlertId,
        /// The findings that leave; not all.
        findings: Vec<FindingId>,
        /// Why.
        reason: String,
    },
    /// A remark.
    Comment {
        /// The alert.
        alert: AlertId,
        /// What.
        text: String,
    },
}

/// What the journal keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Entry {
    /// A finding that fits no open alert opened one.
    Opened {
        /// The alert.
        alert: AlertId,
        /// Its key.
        grouping: Grouping,
        /// The first finding.
        finding: Box<Finding>,
    },
    /// A finding joined.
    FindingAdded {
        /// The alert.
        alert: AlertId,
        /// The finding.
        finding: Box<Finding>,
    },
    /// Somebody looks at it.
    Acknowledged {
        /// The alert.
        alert: AlertId,
        /// Who.
        by: Actor,
    },
    /// Somebody works on it, or nobody any more.
    Assigned {
        /// The alert.
        alert: AlertId,
        /// Who.
        to: Option<UserId>,
        /// Who said so.
        by: Actor,
    },
    /// It is concluded.
    Closed {
        /// The alert.
        alert: AlertId,
        /// What.
        verdict: Verdict,
        /// Why.
        reason: String,
        /// Who.
        by: Actor,
    },
    /// The conclusion no longer holds.
    Reopened {
        /// The alert.
        alert: AlertId,
        /// Why.
        reason: String,
        /// Who.
        by: Actor,
    },
    /// All findings went to another alert.
    Merged {
        /// The alert that ended.
        from: AlertId,
        /// The alert that took them.
        into: AlertId,
        /// Why.
        reason: String,
        /// Who.
        by: Actor,
    },
    /// Some findings became another alert.
    Split {
        /// The alert they left.
        from: AlertId,
        /// The new alert.
        into: AlertId,
        /// Which.
        findings: Vec<FindingId>,
        /// Why.
        reason: String,
        /// Who.
        by: Actor,
    },
    /// A remark.
    Commented {
        /// The alert.
        alert: AlertId,
        /// What.
        text: String,
        /// Who.
        by: Actor,
    },
}
