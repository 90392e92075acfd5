//! A clock as people see it: where it stands, both dates, and why.

use jiff::{SignedDuration, Timestamp};
use watchfloor_types::{DecisionId, FactName, FindingId, IncidentId, ObligationId, RegimeId, Role};

use super::{Confidence, Filing};

/// What every computed clock says of itself.
pub const NOTICE: &str = "Computed to support a decision. Not legal advice: a person who knows the \
                          law and the facts has to confirm whether and when a filing is due.";

/// Where a clock stands. Unknown is never the same as no obligation.
#[derive(Debug, Clone, PartialEq)]
pub enum ClockStatus {
    /// Whether it applies is not known, and nothing suggests that it has begun.
    Unknown,
    /// It may have begun; a person has to confirm. The dates hold if they do.
    Candidate,
    /// It applies and what starts it has not happened or is not recorded.
    NotStarted,
    /// It runs.
    Running,
    /// It runs, the safe date has passed, the outer date has not.
    PastSafe {
        /// For how long.
        by: SignedDuration,
    },
    /// An authority allows a delay.
    Held {
        /// Until when.
        until: Timestamp,
    },
    /// Filed in time.
    Met {
        /// When.
        at: Timestamp,
        /// How long before the safe date; negative between the safe and the outer date.
        early: SignedDuration,
    },
    /// Filed after the outer date.
    Late {
        /// When.
        at: Timestamp,
        /// For how long.
        by: SignedDuration,
    },
    /// The outer date has passed and nothing was filed.
    Missed {
        /// For how long.
        by: SignedDuration,
    },
    /// It does not apply.
    NotApplicable {
        /// Why.
        reason: String,
    },
}

impl ClockStatus {
    /// One word.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Candidate => "candidate",
            Self::NotStarted => "not-started",
            Self::Running => "running",
            Self::PastSafe { .. } => "past-safe",
            Self::Held { .. } => "held",
            Self::Met { .. } => "met",
            Self::Late { .. } => "late",
            Self::Missed { .. } => "missed",
            Self::NotApplicable { .. } => "not-applicable",
        }
    }
    /// Whether something remains to be decided or filed.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match self {
            Self::Unknown
            | Self::Candidate
            | Self::NotStarted
            | Self::Running
            | Self::PastSafe { .. }
            | Self::Held { .. }
            | Self::Missed { .. } => true,
            Self::Met { .. } | Self::Late { .. } | Self::NotApplicable { .. } => false,
        }
    }
}

/// Something that is not known and would decide a clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The fact or determination.
    pub name: FactName,
    /// What to ask.
    pub question: String,
    /// Roles of which one may answer; empty where any responder may.
    pub roles: Vec<Role>,
    /// Whether the answer is a determination, made with [`super::Input::Determine`].
    pub kind: QuestionKind,
}

/// What kind of answer a question takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum QuestionKind {
    /// A determination by one of the roles.
    Determination,
    /// A fact about the incident.
    Fact,
    /// A fact about the organisation, from its profile.
    Profile,
}

/// A fact or determination that a clock rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Ground {
    /// Its name.
    pub name: FactName,
    /// What it says, or `unknown`.
    pub value: String,
    /// Since when it was known.
    pub known_at: Option<Timestamp>,
    /// Who said so.
    pub by: String,
    /// Why, in their words.
    pub note: String,
    /// The finding that shows it.
    pub finding: Option<FindingId>,
    /// The determination, if it is one.
    pub determination: Option<DecisionId>,
}

/// One step of the arithmetic and the steps it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What was done, in words and numbers.
    pub text: String,
    /// The moment that came out, in UTC.
    pub at: Option<Timestamp>,
    /// The same moment as people there read it.
    pub local: Option<String>,
    /// What it rests on.
    pub from: Vec<Step>,
}

/// A source, as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Citation {
    /// Title and article.
    pub cite: String,
    /// The words of the text.
    pub quote: Option<String>,
    /// What it says, in our words.
    pub says: Option<String>,
    /// When it was last checked: `2026-11-24`.
    pub checked: String,
    /// How well.
    pub confidence: Confidence,
}

/// Why a clock says what it says.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The articles.
    pub sources: Vec<Citation>,
    /// The rule of when it applies, as written.
    pub applies: String,
    /// The rule of when it is due, as written.
    pub due: String,
    /// Facts and determinations, with where they come from.
    pub grounds: Vec<Ground>,
    /// The arithmetic of the safe date.
    pub safe: Option<Step>,
    /// The arithmetic of the outer date.
    pub outer: Option<Step>,
    /// What to be careful about.
    pub remarks: Vec<String>,
    /// Version of the regime.
    pub version: String,
}

/// One clock of one incident.
#[derive(Debug, Clone, PartialEq)]
pub struct ClockView {
    /// The incident.
    pub incident: IncidentId,
    /// Whether it belongs to an exercise.
    pub exercise: bool,
    /// The regime.
    pub regime: RegimeId,
    /// What the regime is called.
    pub regime_title: String,
    /// ISO 3166, or `EU`.
    pub jurisdiction: String,
    /// Which filing: `gdpr-72h`.
    pub stage: ObligationId,
    /// What the filing is called.
    pub title: String,
    /// Who receives it.
    pub recipient: String,
    /// Roles of which one may record the filing.
    pub roles: Vec<Role>,
    /// Where it stands.
    pub status: ClockStatus,
    /// From when it counts.
    pub from: Option<Timestamp>,
    /// The most conservative date: the one to work to. None where the law names no period.
    pub safe: Option<Timestamp>,
    /// The latest date that can be defended.
    pub outer: Option<Timestamp>,
    /// A date of the house where the law says "without undue delay"; never a legal date.
    pub target: Option<Timestamp>,
    /// Time left until the safe date, negative once it has passed.
    pub left: Option<SignedDuration>,
    /// The zone in which days are counted.
    pub zone: String,
    /// What would have to be known.
    pub missing: Vec<Question>,
    /// What the filing has to say.
    pub content: Vec<String>,
    /// Filings made, oldest first.
    pub filings: Vec<Filing>,
    /// Why.
    pub because: Explanation,
    /// What every computed clock says of itself.
    pub notice: &'static str,
}
