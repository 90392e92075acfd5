//! Which findings belong to one alert, and why.

use std::fmt;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use watchfloor_types::{ExerciseId, Finding, TenantId};

use crate::entity::{self, Entity};

/// A finding joins an open alert when the alert was last seen at most this long before or after.
pub const WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// The key of an alert. Findings with an equal key, close enough in time, are one alert.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Grouping {
    /// Tenants stay apart.
    pub tenant: TenantId,
    /// Exercises stay apart from each other and from what is real.
    pub exercise: Option<ExerciseId>,
    /// The strongest entity that the finding holds.
    pub entity: Option<Entity>,
    /// What the finding is about.
    pub family: Family,
}

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "kebab-case")]
pub enum Family {
    /// A technique with all its sub-techniques: `AML.T0051` for `AML.T0051.001`.
    Technique(String),
    /// One rule, where the rule names no technique.
    Rule(String),
}

/// The key of `finding`.
#[must_use]
pub(super) fn of(finding: &Finding) -> Grouping {
    Grouping {
        tenant: finding.tenant.clone(),
        exercise: finding.mark.as_ref().map(|mark| mark.exercise),
        entity: entity::strong(finding).into_iter().next(),
        family: finding.techniques.first().map_or_else(
            || Family::Rule(finding.rule.id.to_string()),
            |technique| Family::Technique(parent(technique)),
        ),
    }
}

/// `AML.T0051` for `AML.T0051.001`, `T1566` for `T1566.002`, anything else unchanged.
fn parent(technique: &str) -> String {
    match technique.rsplit_once('.') {
        Some((head, sub)) if sub.len() == 3 && sub.bytes().all(|b| b.is_ascii_digit()) => {
            head.to_owned()
        }
        Some(_) | None => technique.to_owned(),
    }
}

/// The reason in words.
impl fmt::Display for Grouping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.family {
            Family::Technique(id) => write!(f, "same technique {id}")?,
            Family::Rule(id) => write!(f, "same rule {id}")?,
        }
        match &self.entity {
            Some(entity) => write!(f, " by the same {entity}")?,
            None => f.write_str(", no agent, key, host or session known")?,
        }
        write!(f, " in tenant {}", self.tenant)?;
        if self.exercise.is_some() {
            f.write_str(", all of one exercise")?;
        }
        write!(f, ", within {} hours", WINDOW.as_hours())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sub_techniques_belong_to_their_parent() {
        for (technique, family) in [
            ("AML.T0051.001", "AML.T0051"),
            ("AML.T0051", "AML.T0051"),
            ("T1566.002", "T1566"),
            ("T1566", "T1566"),
            ("LLM01:2025", "LLM01:2025"),
        ] {
            assert_eq!(parent(technique), family);
        }
    }
}
