//! An exercise as written: what is given to the players when, what is expected, what it is worth.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use watchfloor_types::{
    ExercisePlanId, InjectId, ObligationId, Place, Role, RuleId, RunbookId, SourceId, TenantId,
    UserId,
};

use super::{Points, player::Act};
use crate::word::words;

/// An exercise as written (HSEEP 2020: the master scenario events list and its evaluation guide).
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Its id: the name of its folder.
    pub id: ExercisePlanId,
    /// Version of the text, such as `1.0.0`.
    pub version: String,
    /// What it is called.
    pub title: String,
    /// The story in a few sentences.
    pub summary: String,
    /// The account that keeps it.
    pub owner: UserId,
    /// What it rests on.
    pub references: Vec<String>,
    /// Version of MITRE ATLAS that the technique ids mean.
    pub atlas: String,
    /// When the story begins.
    pub start: Timestamp,
    /// Play time from the first inject to the end.
    pub length: SignedDuration,
    /// What is exercised.
    pub objectives: Vec<Objective>,
    /// What points are counted by.
    pub groups: Vec<Group>,
    /// Who is needed.
    pub roles: Vec<PlanRole>,
    /// What is given to the players, in the order of play time.
    pub injects: Vec<Inject>,
    /// Harmless activity that must not raise an alert, in the order of play time.
    pub distractors: Vec<Inject>,
    /// What scripted players do in a headless play, in the order of play time.
    pub script: Vec<Scripted>,
    /// The text that it was read from. It goes into the journal, so that a score is a function of
    /// the journal alone.
    pub(crate) text: Arc<str>,
    /// Where references to other content stand, for [`super::lint`].
    pub(crate) places: Places,
}

impl Plan {
    /// Injects and distractors in the order of play time.
    #[must_use]
    pub fn timeline(&self) -> Vec<&Inject> {
        let mut all: Vec<&Inject> = self.injects.iter().chain(&self.distractors).collect();
        all.sort_by_key(|inject| inject.at);
        all
    }
    /// The inject or distractor with this id.
    #[must_use]
    pub fn inject(&self, id: &InjectId) -> Option<&Inject> {
        self.injects
            .iter()
            .chain(&self.distractors)
            .find(|inject| inject.id == *id)
    }
    /// The role with this id.
    #[must_use]
    pub fn role(&self, id: &str) -> Option<&PlanRole> {
        self.roles.iter().find(|role| role.id == id)
    }
    /// What all injects are worth together.
    #[must_use]
    pub fn points(&self) -> Points {
        self.injects.iter().map(Inject::points).sum()
    }
    /// The YAML text it was read from.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
    /// First 16 hex digits of the SHA-256 of its text: which version was played.
    #[must_use]
    pub fn hash(&self) -> String {
        super::fill::hex(self.text.as_bytes(), 16)
    }
}

/// Something that is exercised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objective {
    /// `OBJ-1`.
    pub id: String,
    /// What the players shall be able to do.
    pub title: String,
}

/// A part of the score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// `detect`.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// What its injects are worth together.
    pub points: Points,
}

/// A role in the play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRole {
    /// `privacy-officer`.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// What the role may do on the floor.
    pub roles: Vec<Role>,
    /// The account under which a script plays it.
    pub user: UserId,
}

words! {
    /// What kind of thing is given to the players.
    InjectKind, "a kind of inject", {
        /// Something to know.
        Context = "context",
        /// Records sent through the ordinary ingest.
        Telemetry = "telemetry",
        /// A message from somebody outside.
        Message = "message",
        /// A question that only a person may decide.
        Decision = "decision",
        /// A deadline of a law, rule or contract.
        Clock = "clock",
        /// The story moves forward.
        Jump = "jump",
        /// Harmless records that must not raise an alert.
        Distractor = "distractor",
    }
}

/// One thing given to the players at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Inject {
    /// Its id, such as `i02`.
    pub id: InjectId,
    /// Its place in the list, from 1; distractors have none.
    pub number: Option<u32>,
    /// What kind of thing.
    pub kind: InjectKind,
    /// Play time at which it is given.
    pub at: SignedDuration,
    /// Time in the story at which it is given. Where it is ahead of the story, the story moves there.
    pub scenario: Option<Timestamp>,
    /// What it is called.
    pub title: String,
    /// Who gives it.
    pub from: String,
    /// Who gets it.
    pub to: String,
    /// How it reaches them.
    pub delivery: String,
    /// What the players read.
    pub text: String,
    /// Technique ids.
    pub techniques: Vec<String>,
    /// The objective it serves.
    pub objective: Option<String>,
    /// The group that its points count in.
    pub group: Option<String>,
    /// The runbook that answers it.
    pub runbook: Option<RunbookId>,
    /// The obligation stage whose clock it is about.
    pub clock: Option<ObligationId>,
    /// What the players may be told if they are stuck; it costs a quarter of the inject.
    pub hint: Option<String>,
    /// Records to send, source by source.
    pub emits: Vec<Emission>,
    /// What is expected.
    pub expects: Vec<Expectation>,
}

impl Inject {
    /// What it is worth.
    #[must_use]
    pub fn points(&self) -> Points {
        self.expects.iter().map(|expected| expected.points).sum()
    }
    /// Rules of which any has to fire, with the limit between acceptance of the records and finding.
    #[must_use]
    pub fn detection(&self) -> Option<(&[RuleId], SignedDuration)> {
        self.expects
            .iter()
            .find_map(|expected| match &expected.what {
                Expected::Finding { rules } => Some((rules.as_slice(), expected.within)),
                Expected::Quiet | Expected::Entry { .. } | Expected::Judgement => None,
            })
    }
    /// Whether an alert on it would be wrong.
    #[must_use]
    pub fn expects_quiet(&self) -> bool {
        self.expects
            .iter()
            .any(|expected| expected.what == Expected::Quiet)
    }
    /// How many records it sends.
    #[must_use]
    pub fn record_count(&self) -> usize {
        self.emits
            .iter()
            .map(|emission| emission.records.len())
            .sum()
    }
}

/// Records for one source, in its native format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emission {
    /// The source whose mapping reads them.
    pub source: SourceId,
    /// Whose records they are, where it is not the tenant of the play.
    pub tenant: Option<TenantId>,
    /// One JSON text per record, with placeholders for times and ids; see [`super::fill`].
    pub records: Vec<String>,
}

/// One thing that is expected of an inject, and what it is worth.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// Its id within the inject, such as `detected`.
    pub id: String,
    /// What it is in words.
    pub text: String,
    /// What shows it.
    pub what: Expected,
    /// The limit. For a finding: real time between acceptance of the records and the finding. For
    /// everything else: play time since the inject was given. Twice the limit earns half.
    pub within: SignedDuration,
    /// What it is worth.
    pub points: Points,
}

/// What shows that an expectation is met.
#[derive(Debug, Clone, PartialEq)]
pub enum Expected {
    /// A finding of one of these rules on an event that the inject emitted.
    Finding {
        /// Any of them is enough.
        rules: Vec<RuleId>,
    },
    /// No finding on any event that the inject emitted.
    Quiet,
    /// An entry of the journal that belongs to the exercise.
    Entry {
        /// Which entries. Any of them is enough.
        patterns: Vec<EntryPattern>,
    },
    /// An evaluator saw it and says so with a note.
    Judgement,
}

/// Which entries of the journal show that something was done: `incident/decided` where
/// `question` is so and so. Names and values are those of the journal's JSON form.
#[derive(Debug, Clone, PartialEq)]
pub struct EntryPattern {
    /// The module: `incident`.
    pub module: String,
    /// The type of entry: `decided`.
    pub kind: String,
    /// Fields by dotted path with the value that each must have.
    pub fields: Vec<(String, serde_json::Value)>,
    /// What the entry has to be about.
    pub about: About,
}

words! {
    /// What an entry has to be about.
    About, "what an entry is about", {
        /// Anything that belongs to the exercise.
        Exercise = "exercise",
        /// An alert that holds an event of this inject.
        Inject = "inject",
    }
}

/// Something that a scripted player does.
#[derive(Debug, Clone, PartialEq)]
pub struct Scripted {
    /// Its id: `p01` is the first.
    pub id: String,
    /// Play time at which it is done.
    pub at: SignedDuration,
    /// The role of the plan that does it.
    pub role: String,
    /// What is done.
    pub act: Act,
}

/// Where references to other content stand in the text.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Places {
    pub(crate) rules: BTreeMap<RuleId, Place>,
    pub(crate) runbooks: BTreeMap<RunbookId, Place>,
    pub(crate) sources: BTreeMap<SourceId, Place>,
    pub(crate) clocks: BTreeMap<ObligationId, Place>,
}
