//! The timeline: what happened in an incident, in the order in which it was recorded.

use jiff::Timestamp;
use watchfloor_types::{
    Actor, AlertId, DraftId, EffectKey, EventId, FactName, FindingId, PageId, RunId,
};

use crate::word::words;

words! {
    /// What kind of thing happened.
    TimelineKind, "a kind of timeline item", {
        /// It was opened, changed status or was merged.
        Incident = "incident",
        /// An alert joined or left.
        Alert = "alert",
        /// A finding joined.
        Finding = "finding",
        /// Somebody took a role.
        Role = "role",
        /// A fact was recorded.
        Fact = "fact",
        /// Somebody decided.
        Decision = "decision",
        /// A remark.
        Note = "note",
        /// A run started, moved or ended.
        Run = "run",
        /// An effect was asked for or its outcome became known.
        Effect = "effect",
        /// Somebody was paged or answered.
        Page = "page",
        /// A clock or filing.
        Obligation = "obligation",
        /// A draft or message.
        Comms = "comms",
        /// An inject.
        Exercise = "exercise",
    }
}

/// What an item rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// An alert.
    Alert(AlertId),
    /// A finding.
    Finding(FindingId),
    /// An event.
    Event(EventId),
    /// A run.
    Run(RunId),
    /// An effect.
    Effect(EffectKey),
    /// A page.
    Page(PageId),
    /// A draft.
    Draft(DraftId),
    /// A fact.
    Fact(FactName),
}

/// One line of the timeline.
#[derive(Debug, Clone, PartialEq)]
pub struct TimelineItem {
    /// When it was recorded.
    pub at: Timestamp,
    /// When it happened, where that is another time.
    pub happened: Option<Timestamp>,
    /// What kind of thing.
    pub kind: TimelineKind,
    /// Who did it.
    pub by: Actor,
    /// One line. It may quote what an attacker wrote: escape it for the place it goes to.
    pub text: String,
    /// What it rests on.
    pub links: Vec<Link>,
}

impl TimelineItem {
    /// A line without links, by the system.
    #[must_use]
    pub fn new(at: Timestamp, kind: TimelineKind, text: impl Into<String>) -> Self {
        Self {
            at,
            happened: None,
            kind,
            by: Actor::System,
            text: text.into(),
            links: Vec::new(),
        }
    }
    /// The same, done by `actor`.
    #[must_use]
    pub fn by(mut self, actor: &Actor) -> Self {
        self.by = actor.clone();
        self
    }
    /// The same, resting on `link` too.
    #[must_use]
    pub fn link(mut self, link: Link) -> Self {
        self.links.push(link);
        self
    }
    /// The same, with the time at which it happened.
    #[must_use]
    pub fn happened(mut self, at: Timestamp) -> Self {
        self.happened = Some(at);
        self
    }
}
