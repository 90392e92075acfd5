//! Drafts: who wrote what, who approved which text, what became of it.

use jiff::Timestamp;
use watchfloor_types::{Actor, DraftId, EffectKey, ExerciseId, IncidentId, Role, TemplateId};

use super::{Block, Change, text};
use crate::word::words;

words! {
    /// For whom a message is.
    Audience, "an audience", {
        /// The management of the organisation.
        Executive = "executive",
        /// Customers and the people concerned.
        Customer = "customer",
        /// An authority.
        Regulator = "regulator",
        /// The press.
        Press = "press",
        /// A supplier.
        Vendor = "vendor",
    }
}

impl Audience {
    /// Roles of which one may approve.
    #[must_use]
    pub const fn approvers(self) -> &'static [Role] {
        match self {
            Self::Executive => &[Role::Commander, Role::Executive],
            Self::Customer => &[Role::Executive, Role::Legal, Role::Privacy],
            Self::Regulator => &[Role::Legal, Role::Privacy],
            Self::Press => &[Role::Executive, Role::Legal],
            Self::Vendor => &[Role::Commander, Role::Legal],
        }
    }
}

/// Where a draft stands.
#[derive(Debug, Clone, PartialEq)]
pub enum DraftState {
    /// Being written.
    Draft,
    /// Waits for approval.
    InReview {
        /// Who asked.
        by: Actor,
        /// Since when.
        since: Timestamp,
    },
    /// Approved as it stands.
    Approved(Approval),
    /// On its way; the outcome is not known yet.
    Sending {
        /// The approval it goes out under.
        approval: Approval,
        /// The effect.
        key: EffectKey,
        /// Name of the channel.
        channel: String,
        /// Since when.
        since: Timestamp,
    },
    /// Nobody knows whether it went out.
    InDoubt {
        /// The approval it went out under.
        approval: Approval,
        /// The effect.
        key: EffectKey,
        /// Name of the channel.
        channel: String,
    },
    /// Out.
    Sent {
        /// The approval it went out under.
        approval: Approval,
        /// When.
        at: Timestamp,
        /// By which way.
        how: String,
        /// Whether it really went out or was only recorded.
        delivery: Delivery,
    },
    /// Not wanted any more.
    Withdrawn {
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
    },
}

impl DraftState {
    /// One word.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::InReview { .. } => "in-review",
            Self::Approved(_) => "approved",
            Self::Sending { .. } => "sending",
            Self::InDoubt { .. } => "in-doubt",
            Self::Sent { .. } => "sent",
            Self::Withdrawn { .. } => "withdrawn",
        }
    }
}

words! {
    /// Whether a message reached the world.
    Delivery, "a delivery", {
        /// It went out.
        Real = "real",
        /// It was recorded, not sent: exercise.
        Rehearsed = "rehearsed",
    }
}

/// Who approved which text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// SHA-256 of the text, in hexadecimal.
    pub hash: String,
    /// Marks of what is unknown that were accepted.
    pub acknowledged: Vec<String>,
}

/// One text that a draft had.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// 1 is the first.
    pub number: usize,
    /// Since when.
    pub at: Timestamp,
    /// Who wrote it.
    pub author: Actor,
    /// How it came about; none for the first.
    pub change: Option<Change>,
    /// The title.
    pub title: String,
    /// The text.
    pub body: Vec<Block>,
    /// SHA-256 of title and text, in hexadecimal.
    pub hash: String,
}

/// A message to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Its id.
    pub id: DraftId,
    /// The incident.
    pub incident: IncidentId,
    /// The template.
    pub template: TemplateId,
    /// For whom.
    pub audience: Audience,
    /// The exercise it belongs to.
    pub exercise: Option<ExerciseId>,
    /// Why it exists.
    pub reason: String,
    /// The text in force.
    pub current: Version,
    /// Former texts, oldest first.
    pub former: Vec<Version>,
    /// Where it stands.
    pub state: DraftState,
}

impl Draft {
    /// The title.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.current.title
    }
    /// The text in structured form.
    #[must_use]
    pub fn body(&self) -> &[Block] {
        &self.current.body
    }
    /// The text as a person edits it.
    #[must_use]
    pub fn text(&self) -> String {
        text::plain(&self.current.body)
    }
    /// SHA-256 of the text, in hexadecimal: what an approval is pinned to.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.current.hash
    }
    /// Who wrote the text in force; who filled it for the system is the system.
    #[must_use]
    pub fn author(&self) -> &Actor {
        &self.current.author
    }
    /// The marks `[unknown: …]` in title and text, each once, in order.
    #[must_use]
    pub fn unknowns(&self) -> Vec<String> {
        text::unknowns(&self.current.title, &self.current.body)
    }
    /// The approval of the text in force, if it has one.
    #[must_use]
    pub fn approval(&self) -> Option<&Approval> {
        match &self.state {
            DraftState::Approved(approval)
            | DraftState::Sending { approval, .. }
            | DraftState::InDoubt { approval, .. }
            | DraftState::Sent { approval, .. } => Some(approval),
            DraftState::Draft | DraftState::InReview { .. } | DraftState::Withdrawn { .. } => None,
        }
    }
}
