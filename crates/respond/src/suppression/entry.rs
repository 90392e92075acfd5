//! What people ask of suppressions and what the journal keeps.

use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use watchfloor_types::{Actor, AlertId, RuleId, SuppressionId, TenantId, UserId};

use super::Selection;

/// When something ends, as people write it: a moment, a day, or how long from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Until {
    /// At this moment.
    At(Timestamp),
    /// So long from now.
    In(SignedDuration),
}

/// Text that is no end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an end; write 14d, 12h, 2026-12-24 or 2026-12-24T12:00:00Z")]
pub struct ParseUntilError(String);

impl FromStr for Until {
    type Err = ParseUntilError;
    fn from_str(text: &str) -> Result<Self, ParseUntilError> {
        let text = text.trim();
        let wrong = || ParseUntilError(text.chars().take(80).collect());
        if let Ok(at) = text.parse() {
            return Ok(Self::At(at));
        }
        // A day is over when it ends, in UTC.
        if let Ok(day) = text.parse::<jiff::civil::Date>() {
            let end = day
                .tomorrow()
                .and_then(|d| {
                    jiff::tz::TimeZone::UTC.to_timestamp(d.to_datetime(jiff::civil::Time::MIN))
                })
                .map_err(|_| wrong())?;
            return Ok(Self::At(end));
        }
        let number = |unit: char| text.strip_suffix(unit).and_then(|n| n.parse::<i64>().ok());
        let hours = match (number('d'), number('h')) {
            (Some(days), _) => days.checked_mul(24),
            (None, hours) => hours,
        };
        hours
            .filter(|h| *h > 0)
            .and_then(SignedDuration::try_from_hours)
            .map(Self::In)
            .ok_or_else(wrong)
    }
}

impl TryFrom<String> for Until {
    type Error = ParseUntilError;
    fn try_from(text: String) -> Result<Self, ParseUntilError> {
        text.parse()
    }
}

/// What a person may ask.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Input {
    /// Hide findings like these until a moment.
    Add {
        /// Findings of these rules.
        #[serde(default)]
        rules: Vec<RuleId>,
        /// Findings of the rules in this folder of `content/rules`.
        #[serde(default)]
        family: Option<String>,
        /// Of this tenant only.
        #[serde(default)]
        tenant: Option<TenantId>,
        /// Which findings.
        when: Selection,
        /// Who answers for it; who asks, where nobody is named.
        #[serde(default)]
        owner: Option<UserId>,
        /// Why.
        reason: String,
        /// When it ends.
        until: Until,
        /// The alert that it was made from.
        #[serde(default)]
        alert: Option<AlertId>,
        /// Why it may hide what was found to be an attack before; needed only then.
        #[serde(default)]
        force: Option<String>,
    },
    /// Approve what another person added.
    Approve {
        /// The suppression.
        suppression: SuppressionId,
    },
    /// Refuse what waits for approval.
    Reject {
        /// The suppression.
        suppression: SuppressionId,
        /// Why.
        reason: String,
    },
    /// End it now.
    End {
        /// The suppression.
        suppression: SuppressionId,
        /// Why.
        reason: String,
    },
}

/// What a suppression says. The journal keeps it as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// Findings of these rules; empty where a family is named.
    pub rules: Vec<RuleId>,
    /// Findings of the rules in this folder of `content/rules`.
    pub family: Option<String>,
    /// Of this tenant only.
    pub tenant: Option<TenantId>,
    /// Which findings.
    pub when: Selection,
    /// Who answers for it.
    pub owner: UserId,
    /// Why.
    pub reason: String,
    /// When it ends.
    pub expires: Timestamp,
    /// The alert that it was made from.
    pub alert: Option<AlertId>,
    /// Why it may hide what was found to be an attack before.
    pub force: Option<String>,
}

/// Whether a suppression acts at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// At once.
    Now,
    /// When another person has approved it.
    Approval,
}

/// What the journal keeps. That one ends at its time needs no entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Entry {
    /// Somebody wants findings hidden.
    Added {
        /// The suppression.
        suppression: SuppressionId,
        /// What it says.
        spec: Spec,
        /// Whether it acts at once.
        start: Start,
        /// Who.
        by: Actor,
    },
    /// Another person approved it.
    Approved {
        /// The suppression.
        suppression: SuppressionId,
        /// Who.
        by: Actor,
    },
    /// It was refused.
    Rejected {
        /// The suppression.
        suppression: SuppressionId,
        /// Why.
        reason: String,
        /// Who.
        by: Actor,
    },
    /// Somebody ended it before its time.
    Ended {
        /// The suppression.
        suppression: SuppressionId,
        /// Why.
        reason: String,
        /// Who.
        by: Actor,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_moment_a_day_or_a_span() {
        let at = |text: &str| Until::At(text.parse().unwrap());
        for (text, until) in [
            ("2026-12-24T12:00:00Z", Some(at("2026-12-24T12:00:00Z"))),
            ("2026-12-24", Some(at("2026-12-25T00:00:00Z"))),
            ("14d", Some(Until::In(SignedDuration::from_hours(336)))),
            ("12h", Some(Until::In(SignedDuration::from_hours(12)))),
            ("0d", None),
            ("-3d", None),
            ("soon", None),
            ("9223372036854775807d", None),
            ("", None),
        ] {
            assert_eq!(text.parse::<Until>().ok(), until, "{text}");
        }
    }
}
