//! What people ask of rules and what the journal keeps.

use serde::{Deserialize, Serialize};
use watchfloor_types::{Actor, Finding, RuleId, SuppressionId};

use super::Stage;

/// What a person may ask.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Input {
    /// Keep another text of a rule, or the first one. It is not run by that.
    Push {
        /// The rule: the id that the text has.
        rule: RuleId,
        /// The title in the text.
        title: String,
        /// Ids of the other rules in the text.
        #[serde(default)]
        parts: Vec<RuleId>,
        /// The text of the rule, with the rules that only it needs.
        text: String,
        /// Why.
        reason: String,
    },
    /// Put a rule at a stage, with one of its texts.
    Stage {
        /// The rule.
        rule: RuleId,
        /// The stage.
        to: Stage,
        /// The text, 0 is the file's; where none is named, the newest one that is not in force
        /// for a stage that runs, else the one in force.
        #[serde(default, deserialize_with = "number")]
        version: Option<u32>,
        /// Why.
        reason: String,
    },
    /// Approve what another person asked for.
    Approve {
        /// The rule.
        rule: RuleId,
        /// Hash of the text that the approver read; another text is not approved by it.
        hash: String,
    },
    /// Refuse what was asked for, or take it back.
    Reject {
        /// The rule.
        rule: RuleId,
        /// Why.
        reason: String,
    },
}

/// A number, as programs write it, or as a form does.
fn number<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Wire {
        Number(u32),
        Text(String),
    }
    match Option::<Wire>::deserialize(from)? {
        None => Ok(None),
        Some(Wire::Number(n)) => Ok(Some(n)),
        Some(Wire::Text(text)) => text
            .trim()
            .parse()
            .map(Some)
            .map_err(|_| serde::de::Error::custom("`version` is not a number")),
    }
}

/// Why a finding raised no alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Because {
    /// Its rule is not enabled.
    Stage {
        /// Where the rule stood.
        stage: Stage,
    },
    /// A suppression hides it.
    Suppression {
        /// Which.
        suppression: SuppressionId,
    },
}

/// What the journal keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Entry {
    /// A text is kept.
    Pushed {
        /// The rule.
        rule: RuleId,
        /// Number of the text.
        version: u32,
        /// SHA-256 of the text.
        hash: String,
        /// The title in it.
        title: String,
        /// Ids of the other rules in it.
        parts: Vec<RuleId>,
        /// The text; none where the same text is kept already.
        text: Option<String>,
        /// Why.
        reason: String,
        /// Who.
        by: Actor,
    },
    /// A change waits for a second person.
    Asked {
        /// The rule.
        rule: RuleId,
        /// Where it stands.
        from: Stage,
        /// Where it shall stand.
        to: Stage,
        /// With which text; 0 is the file's.
        version: u32,
        /// SHA-256 of that text.
        hash: String,
        /// Why.
        reason: String,
        /// Who.
        by: Actor,
    },
    /// A rule is at a stage, with a text in force.
    Staged {
        /// The rule.
        rule: RuleId,
        /// Where it stood.
        from: Stage,
        /// Where it stands.
        to: Stage,
        /// With which text; 0 is the file's.
        version: u32,
        /// SHA-256 of that text.
        hash: String,
        /// Why.
        reason: String,
        /// Who decided it.
        by: Actor,
        /// Who asked for it, where the decision is a second person's.
        asked_by: Option<Actor>,
    },
    /// What was asked for was refused.
    Rejected {
        /// The rule.
        rule: RuleId,
        /// The stage that was asked for.
        to: Stage,
        /// Why not.
        reason: String,
        /// Who.
        by: Actor,
    },
    /// A finding raised no alert.
    Held {
        /// The finding.
        finding: Box<Finding>,
        /// Why.
        because: Because,
    },
}
