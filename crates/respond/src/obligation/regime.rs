//! A regime as content: who it binds, what starts its clocks, when what is due, and the source.

use std::collections::BTreeMap;

use jiff::civil::Date;
use watchfloor_types::{FactName, ObligationId, RegimeId, Role};

use super::expr::Expr;
use crate::word::words;

words! {
    /// Whether a regime binds.
    InForce, "a status of a regime", {
        /// It binds.
        InForce = "in-force",
        /// It is adopted and will bind.
        Adopted = "adopted",
        /// It is only proposed.
        Proposed = "proposed",
        /// It no longer binds.
        Repealed = "repealed",
        /// It binds by agreement.
        Contract = "contract",
    }
}

words! {
    /// How well a source was checked.
    Confidence, "a confidence", {
        /// Read in the official text or a verbatim copy of it.
        Primary = "primary",
        /// Read in a text that quotes or explains it.
        Secondary = "secondary",
        /// From memory; to be checked before anybody relies on it.
        Memory = "memory",
    }
}

/// Where a rule stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its id inside the regime.
    pub id: String,
    /// Title and article.
    pub cite: String,
    /// The words of the text, where they are certain.
    pub quote: Option<String>,
    /// What it says, in our words.
    pub says: Option<String>,
    /// When a person last checked it.
    pub checked: Date,
    /// How well it was checked.
    pub confidence: Confidence,
}

words! {
    /// What kind of value a fact holds.
    FactKind, "a kind of fact", {
        /// Yes or no.
        Truth = "truth",
        /// A moment.
        Moment = "moment",
        /// A count.
        Count = "count",
        /// Text.
        Text = "text",
        /// Several texts.
        List = "list",
    }
}

/// A fact that a regime reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactSpec {
    /// Its name: `incident.aware_at` of the incident, `entity.member_state` of the profile.
    pub name: FactName,
    /// What kind of value it holds.
    pub kind: FactKind,
    /// What to ask where it is unknown.
    pub question: String,
    /// What is taken to be meant while it is unknown and nobody has confirmed it.
    pub candidate: Option<FactName>,
}

/// A question that only a person may answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionSpec {
    /// Its name: `sec.material`.
    pub name: FactName,
    /// The question.
    pub question: String,
    /// Roles of which one is needed.
    pub roles: Vec<Role>,
    /// Facts to look at.
    pub consider: Vec<FactName>,
    /// The moment that answering yes establishes, if it does.
    pub establishes: Option<FactName>,
    /// Facts of which the first known one is proposed for that moment.
    pub proposed: Vec<FactName>,
    /// Ids of the sources.
    pub sources: Vec<String>,
}

words! {
    /// How periods are counted.
    Counting, "a way of counting", {
        /// Elapsed time and whole days from the moment itself.
        Plain = "plain",
        /// Regulation (EEC, Euratom) No 1182/71: the safe date is plain, the outer date leaves out
        /// the hour or day of the event, ends with the last hour of the last day, moves to the next
        /// working day and holds two working days.
        Eu1182 = "eu-1182-71",
        /// Form 8-K, General Instruction B.1: the day of the event is day 0.
        BusinessDays = "business-days",
    }
}

/// One filing with its own clock.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// Its id, unique over all regimes: `gdpr-72h`.
    pub id: ObligationId,
    /// What it is called.
    pub title: String,
    /// When it applies.
    pub applies: Expr,
    /// When it is due.
    pub due: Expr,
    /// Who receives it: words, or the name of a fact of the profile that names them.
    pub recipient: String,
    /// Roles of which one may record the filing.
    pub roles: Vec<Role>,
    /// Whether and on which ground an authority may allow a delay: ids of sources.
    pub hold: Option<String>,
    /// What the filing has to say: facts or words, in order.
    pub content: Vec<String>,
    /// Ids of the sources.
    pub sources: Vec<String>,
}

/// A law, rule or contract with its clocks.
#[derive(Debug, Clone, PartialEq)]
pub struct Regime {
    /// Its id: the name of its folder.
    pub id: RegimeId,
    /// What it is called.
    pub title: String,
    /// Version of the law, then our edition of it.
    pub version: String,
    /// Who looks after it here.
    pub owner: String,
    /// ISO 3166, or `EU`.
    pub jurisdiction: String,
    /// Whether it binds.
    pub status: InForce,
    /// Since when it binds.
    pub from: Date,
    /// Until when it bound.
    pub to: Option<Date>,
    /// The zone in which days are counted: an IANA name or the name of a fact that holds one.
    pub zone: String,
    /// The calendar of days that are not working days: its id, or `ms:` and the name of a fact
    /// that holds a member state.
    pub calendar: Option<String>,
    /// How periods are counted.
    pub counting: Counting,
    /// Facts that its rules read.
    pub facts: BTreeMap<FactName, FactSpec>,
    /// Questions that only a person may answer.
    pub decisions: BTreeMap<FactName, DecisionSpec>,
    /// Where the rules stand, by id.
    pub sources: BTreeMap<String, Source>,
    /// Its filings, in the order in which they are due.
    pub stages: Vec<Stage>,
}

impl Regime {
    /// The filing with this id.
    #[must_use]
    pub fn stage(&self, id: &ObligationId) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.id == *id)
    }
    /// The sources with these ids.
    pub fn cited<'s>(&'s self, ids: &'s [String]) -> impl Iterator<Item = &'s Source> {
        ids.iter().filter_map(|id| self.sources.get(id))
    }
}
