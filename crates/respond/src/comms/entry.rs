//! What people ask about messages and what the journal keeps.

use serde::{Deserialize, Serialize};
use watchfloor_types::{
    Actor, DraftId, EffectKey, ExerciseId, IncidentId, OutcomeStatus, TemplateId,
};

use super::{Audience, Block};
use crate::word::words;

/// What a person may ask.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Input {
    /// Write a draft from a template.
    Create {
        /// The incident.
        incident: IncidentId,
        /// The template.
        template: TemplateId,
    },
    /// Another text: paragraphs apart by a blank line, `# ` starts a heading, `- ` a point.
    Edit {
        /// The draft.
        draft: DraftId,
        /// The title.
        title: String,
        /// The text.
        text: String,
    },
    /// Fill the template again from what is known now.
    Refill {
        /// The draft.
        draft: DraftId,
    },
    /// Ask for approval.
    Submit {
        /// The draft.
        draft: DraftId,
    },
    /// Approve the text.
    Approve {
        /// The draft.
        draft: DraftId,
        /// SHA-256 of the text that the approver read; another text is not approved by it.
        hash: String,
        /// The `[unknown: …]` marks that the approver accepts, as they stand in the text.
        #[serde(default)]
        acknowledged: Vec<String>,
    },
    /// Give it back to its author.
    Return {
        /// The draft.
        draft: DraftId,
        /// Why.
        reason: String,
    },
    /// Send what was approved.
    Send {
        /// The draft.
        draft: DraftId,
        /// Name of the channel in the settings.
        channel: String,
    },
    /// Record that what was approved went out by another way: a portal, a call.
    MarkSent {
        /// The draft.
        draft: DraftId,
        /// By which way, with a reference.
        how: String,
    },
    /// It is not wanted any more.
    Withdraw {
        /// The draft.
        draft: DraftId,
        /// Why.
        reason: String,
    },
}

words! {
    /// How a new version came about.
    Change, "a way of changing a draft", {
        /// Somebody wrote it.
        Edited = "edited",
        /// The template was filled again.
        Refilled = "refilled",
    }
}

/// What the journal keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Entry {
    /// A draft exists.
    Drafted {
        /// The draft.
        draft: DraftId,
        /// The incident.
        incident: IncidentId,
        /// The template.
        template: TemplateId,
        /// For whom.
        audience: Audience,
        /// The exercise it belongs to.
        exercise: Option<ExerciseId>,
        /// The title.
        title: String,
        /// The text.
        body: Vec<Block>,
        /// Who asked for it; the system where nobody did.
        author: Actor,
        /// Why.
        reason: String,
    },
    /// Another text. An approval of the former text is void.
    Revised {
        /// The draft.
        draft: DraftId,
        /// How.
        change: Change,
        /// The title.
        title: String,
        /// The text.
        body: Vec<Block>,
        /// Who.
        author: Actor,
    },
    /// Approval is asked for.
    Submitted {
        /// The draft.
        draft: DraftId,
        /// Who asks.
        by: Actor,
    },
    /// The text is approved.
    Approved {
        /// The draft.
        draft: DraftId,
        /// SHA-256 of the text, in hexadecimal.
        hash: String,
        /// Marks of what is unknown that were accepted.
        acknowledged: Vec<String>,
        /// Who.
        by: Actor,
    },
    /// It went back to its author.
    Returned {
        /// The draft.
        draft: DraftId,
        /// Why.
        reason: String,
        /// Who.
        by: Actor,
    },
    /// It is on its way.
    SendAsked {
        /// The draft.
        draft: DraftId,
        /// The effect.
        key: EffectKey,
        /// Name of the channel in the settings.
        channel: String,
        /// SHA-256 of the text, in hexadecimal.
        hash: String,
        /// Who.
        by: Actor,
    },
    /// The outcome of sending is known.
    SendAnswered {
        /// The draft.
        draft: DraftId,
        /// The effect.
        key: EffectKey,
        /// What came of it.
        status: OutcomeStatus,
        /// One line.
        detail: String,
    },
    /// It went out by another way.
    MarkedSent {
        /// The draft.
        draft: DraftId,
        /// By which way.
        how: String,
        /// SHA-256 of the text, in hexadecimal.
        hash: String,
        /// Who.
        by: Actor,
    },
    /// It is not wanted any more.
    Withdrawn {
        /// The draft.
        draft: DraftId,
        /// Why.
        reason: String,
        /// Who.
        by: Actor,
    },
    /// The incident went to another one, and its drafts with it.
    Moved {
        /// The incident that ended.
        from: IncidentId,
        /// The incident that took everything.
        into: IncidentId,
    },
}
