//! What people ask and what the journal keeps.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use watchfloor_types::{
    Actor, Effect, EffectKey, EscalationId, ExerciseId, IncidentId, OutcomeStatus, PageId, Severity,
};

use super::EscalationLevel;

/// What a person may ask.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Input {
    /// Page a policy.
    Page {
        /// Which.
        policy: EscalationId,
        /// For which incident.
        incident: IncidentId,
        /// What to say.
        text: String,
    },
    /// I answer.
    Acknowledge {
        /// The page.
        page: PageId,
    },
}

/// What the journal keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Entry {
    /// A page exists. The levels are those of that moment: a later edit does not change it.
    Paged {
        /// The page.
        page: PageId,
        /// The policy.
        policy: EscalationId,
        /// Its levels.
        levels: Vec<EscalationLevel>,
        /// How often they start over.
        repeat: u32,
        /// The incident.
        incident: IncidentId,
        /// What it says.
        text: String,
        /// How bad the incident was.
        severity: Severity,
        /// What caused it: the same cause never pages twice.
        cause: String,
        /// The exercise it belongs to.
        exercise: Option<ExerciseId>,
        /// Who asked for it.
        by: Actor,
    },
    /// A level was told.
    Notified {
        /// The page.
        page: PageId,
        /// Which level, counted on over repetitions from 0.
        turn: u32,
        /// What was asked for.
        effects: Vec<Effect>,
        /// When the next level is told.
        next: Timestamp,
    },
    /// What came of one message.
    Delivery {
        /// The page.
        page: PageId,
        /// The message.
        key: EffectKey,
        /// What came of it.
        status: OutcomeStatus,
        /// In words.
        detail: String,
    },
    /// Somebody answered.
    Acknowledged {
        /// The page.
        page: PageId,
        /// Who.
        by: Actor,
    },
    /// Nobody answered and nobody is left.
    Exhausted {
        /// The page.
        page: PageId,
    },
    /// It is no longer needed.
    Ended {
        /// The page.
        page: PageId,
        /// Why.
        reason: String,
    },
}

impl Entry {
    /// The page it is about.
    #[must_use]
    pub fn page(&self) -> PageId {
        match self {
            Self::Paged { page, .. }
            | Self::Notified { page, .. }
            | Self::Delivery { page, .. }
            | Self::Acknowledged { page, .. }
            | Self::Exhausted { page }
            | Self::Ended { page, .. } => *page,
        }
    }
}
