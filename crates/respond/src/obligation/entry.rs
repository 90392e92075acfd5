//! What people ask about obligations and what the journal keeps.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use watchfloor_types::{Actor, DecisionId, DraftId, FactName, IncidentId, ObligationId, RegimeId};

use crate::word::words;

words! {
    /// The answer to a question that only a person may answer.
    Answer, "an answer", {
        /// It is so.
        Yes = "yes",
        /// It is not so.
        No = "no",
    }
}

/// What a person may ask.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Input {
    /// Answer a question of a regime: is it a personal data breach, is it material.
    Determine {
        /// The incident.
        incident: IncidentId,
        /// The question, as a regime names it: `sec.material`.
        question: FactName,
        /// The answer.
        answer: Answer,
        /// Since when it is so, where that is not now: awareness may lie before the decision.
        effective: Option<Timestamp>,
        /// The facts it rests on.
        #[serde(default)]
        facts: Vec<FactName>,
        /// Why.
        rationale: String,
    },
    /// Record that a filing was made.
    File {
        /// The incident.
        incident: IncidentId,
        /// Which filing: `gdpr-72h`.
        stage: ObligationId,
        /// When it was submitted; now where not given.
        submitted: Option<Timestamp>,
        /// The number that the receiver gave, or what stands for it.
        reference: String,
        /// The approved draft that was filed, if it was written here.
        draft: Option<DraftId>,
        /// Reason in words; needed when the filing is late (GDPR, Article 33(1)).
        note: String,
    },
    /// Record that an authority allows or orders a delay.
    Hold {
        /// The incident.
        incident: IncidentId,
        /// Which filing.
        stage: ObligationId,
        /// Who allows it.
        authority: String,
        /// On which ground, with the reference of the letter.
        basis: String,
        /// Until when.
        until: Timestamp,
    },
    /// Record that a delay ended before its time.
    EndHold {
        /// The incident.
        incident: IncidentId,
        /// Which filing.
        stage: ObligationId,
        /// Why.
        reason: String,
    },
}

/// Who determined what, since when, on which facts and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Determination {
    /// Its id.
    pub id: DecisionId,
    /// The question.
    pub question: FactName,
    /// The answer.
    pub answer: Answer,
    /// When it was decided.
    pub at: Timestamp,
    /// Since when it is so.
    pub effective: Timestamp,
    /// The facts it rests on.
    pub facts: Vec<FactName>,
    /// Why.
    pub rationale: String,
    /// Who.
    pub by: Actor,
}

/// A filing that was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Filing {
    /// When it was submitted.
    pub submitted: Timestamp,
    /// When it was recorded.
    pub recorded: Timestamp,
    /// The number that the receiver gave.
    pub reference: String,
    /// The draft that was filed.
    pub draft: Option<DraftId>,
    /// SHA-256 of that draft's text, in hexadecimal.
    pub draft_hash: Option<String>,
    /// Reason in words.
    pub note: String,
    /// Who recorded it.
    pub by: Actor,
}

/// A delay that an authority allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Who allows it.
    pub authority: String,
    /// On which ground.
    pub basis: String,
    /// Until when.
    pub until: Timestamp,
    /// Who recorded it.
    pub by: Actor,
}

/// What the journal keeps. A clock's dates in an entry are what was known then; the dates in force
/// are always computed anew from the facts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Entry {
    /// Somebody answered a question.
    Determined {
        /// The incident.
        incident: IncidentId,
        /// The record.
        determination: Determination,
    },
    /// A clock may have begun: nobody has confirmed it yet.
    ClockOpened {
        /// The incident.
        incident: IncidentId,
        /// The regime.
        regime: RegimeId,
        /// Which filing.
        stage: ObligationId,
        /// From when it would count.
        from: Timestamp,
        /// The safe date if it is confirmed.
        safe: Option<Timestamp>,
        /// The outer date if it is confirmed.
        outer: Option<Timestamp>,
    },
    /// A clock runs.
    ClockStarted {
        /// The incident.
        incident: IncidentId,
        /// The regime.
        regime: RegimeId,
        /// Which filing.
        stage: ObligationId,
        /// From when it counts.
        from: Timestamp,
        /// The safe date; none where the law names no period.
        safe: Option<Timestamp>,
        /// The outer date.
        outer: Option<Timestamp>,
    },
    /// The dates of a running clock changed because a fact did.
    ClockMoved {
        /// The incident.
        incident: IncidentId,
        /// The regime.
        regime: RegimeId,
        /// Which filing.
        stage: ObligationId,
        /// From when it counts.
        from: Timestamp,
        /// The safe date.
        safe: Option<Timestamp>,
        /// The outer date.
        outer: Option<Timestamp>,
    },
    /// A clock that was open or ran does not apply after all.
    ClockClosed {
        /// The incident.
        incident: IncidentId,
        /// The regime.
        regime: RegimeId,
        /// Which filing.
        stage: ObligationId,
        /// Why.
        reason: String,
    },
    /// A date passed without a filing.
    ClockMissed {
        /// The incident.
        incident: IncidentId,
        /// The regime.
        regime: RegimeId,
        /// Which filing.
        stage: ObligationId,
        /// Which of its two dates.
        reading: Reading,
        /// The date.
        due: Timestamp,
    },
    /// A filing was made.
    FilingRecorded {
        /// The incident.
        incident: IncidentId,
        /// The regime.
        regime: RegimeId,
        /// Which filing.
        stage: ObligationId,
        /// The filing.
        filing: Filing,
    },
    /// An authority allows a delay.
    HoldRecorded {
        /// The incident.
        incident: IncidentId,
        /// The regime.
        regime: RegimeId,
        /// Which filing.
        stage: ObligationId,
        /// The delay.
        hold: Hold,
    },
    /// A delay ended before its time.
    HoldEnded {
        /// The incident.
        incident: IncidentId,
        /// The regime.
        regime: RegimeId,
        /// Which filing.
        stage: ObligationId,
        /// Why.
        reason: String,
        /// Who.
        by: Actor,
    },
    /// The incident went to another one, and its determinations and filings with it.
    Moved {
        /// The incident that ended.
        from: IncidentId,
        /// The incident that took everything.
        into: IncidentId,
    },
}

impl Entry {
    /// The incident it is about; where one ended, the one that took over.
    #[must_use]
    pub fn incident(&self) -> IncidentId {
        match self {
            Self::Determined { incident, .. }
            | Self::ClockOpened { incident, .. }
            | Self::ClockStarted { incident, .. }
            | Self::ClockMoved { incident, .. }
            | Self::ClockClosed { incident, .. }
            | Self::ClockMissed { incident, .. }
            | Self::FilingRecorded { incident, .. }
            | Self::HoldRecorded { incident, .. }
            | Self::HoldEnded { incident, .. }
            | Self::Moved { into: incident, .. } => *incident,
        }
    }
}

words! {
    /// How strictly a rule is read.
    Reading, "a reading", {
        /// The most conservative reading: the date to work to.
        Safe = "safe",
        /// The latest date that can be defended.
        Outer = "outer",
    }
}
