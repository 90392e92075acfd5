//! The life of rules: which text is in force, at which stage, who decided it and why. And the
//! findings that were recorded without raising an alert.
//!
//! This crate does not read rules. Their texts are kept here whole, by their hash; whoever asks
//! has parsed them, and whoever runs them parses them again.

mod apply;
mod decide;
mod entry;
mod tally;

pub use entry::{Because, Entry, Input};
pub use tally::{Tally, tally};

pub(crate) use apply::apply;
pub(crate) use decide::{AUTHORS, decide, react};

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use watchfloor_types::{Actor, Finding, FindingId, RuleId, SignedDuration, SuppressionId};

use crate::{Need, NeedKind, State, need::Needs, word::words};

words! {
    /// Where a rule stands in its life.
    Stage, "a stage", {
        /// Written, not run.
        Draft = "draft",
        /// Run; what it finds is recorded and raises no alert.
        Testing = "testing",
        /// Run; what it finds raises alerts.
        Enabled = "enabled",
        /// Not run any more, kept.
        Retired = "retired",
    }
}

impl Stage {
    /// Whether events are matched against it.
    #[must_use]
    pub const fn runs(self) -> bool {
        match self {
            Self::Testing | Self::Enabled => true,
            Self::Draft | Self::Retired => false,
        }
    }

    /// What happens when a rule is put at this stage, said before anybody does it.
    #[must_use]
    pub const fn effect(self) -> &'static str {
        match self {
            Self::Draft => "It is not run.",
            Self::Testing => {
                "It runs. What it finds is recorded and counted; no alert is raised, nobody is paged, no clock starts."
            }
            Self::Enabled => {
                "It runs. What it finds raises alerts, which may open incidents and page people."
            }
            Self::Retired => "It is not run any more. Its text and history are kept.",
        }
    }

    /// Stages that a rule at this stage may be put at.
    #[must_use]
    pub const fn next(self) -> &'static [Self] {
        match self {
            Self::Draft => &[Self::Testing, Self::Enabled, Self::Retired],
            Self::Testing => &[Self::Testing, Self::Enabled, Self::Draft, Self::Retired],
            Self::Enabled => &[Self::Enabled, Self::Testing, Self::Retired],
            Self::Retired => &[Self::Draft, Self::Testing, Self::Enabled],
        }
    }
}

/// Whether a change needs a second person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FourEyes {
    /// One person is enough.
    #[default]
    Off,
    /// Another person than the author and than who asked has to approve.
    Required,
}

/// How rules and suppressions are governed; from the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// For enabling a rule and for changing one that is enabled.
    pub rules: FourEyes,
    /// For suppressions.
    pub suppressions: FourEyes,
    /// Longest that a suppression may last.
    pub longest: SignedDuration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            rules: FourEyes::Off,
            suppressions: FourEyes::Off,
            longest: SignedDuration::from_hours(24 * 90),
        }
    }
}

/// A rule as its file has it. The file's text is version 0 of the rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// Its title.
    pub title: String,
    /// Its folder under `content/rules`.
    pub family: Option<String>,
    /// SHA-256 of its text.
    pub hash: String,
    /// Where it stands as long as nobody says otherwise; from the rule's `status`.
    pub stage: Stage,
    /// Ids of the other rules in the same text: a correlation brings the rules that only it needs.
    pub parts: Vec<RuleId>,
}

/// A text that was written here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its number, from 1. The text of the file is number 0.
    pub number: u32,
    /// SHA-256 of the text, hex.
    pub hash: String,
    /// The title in it.
    pub title: String,
    /// Ids of the other rules in it.
    pub parts: Vec<RuleId>,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
}

/// A change that waits for a second person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Stage that is asked for.
    pub to: Stage,
    /// The text that would be in force; 0 is the file's.
    pub version: u32,
    /// Hash of that text: what an approval is pinned to.
    pub hash: String,
    /// Why.
    pub reason: String,
    /// Who asks.
    pub by: Actor,
    /// Since when.
    pub at: Timestamp,
}

/// One line of a rule's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub what: What,
    /// The text that it is about; 0 is the file's.
    pub version: u32,
    /// Hash of that text.
    pub hash: String,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: Actor,
}

/// What happened to a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A text was written.
    Written,
    /// A change was asked for and waits for a second person.
    Asked {
        /// From.
        from: Stage,
        /// To.
        to: Stage,
    },
    /// The text in force or its stage changed.
    Staged {
        /// From.
        from: Stage,
        /// To.
        to: Stage,
        /// Who asked for it, where a second person decided.
        asked_by: Option<Actor>,
    },
    /// What was asked for was refused.
    Rejected {
        /// The stage that was asked for.
        to: Stage,
    },
}

/// What was decided about one rule. A rule of a file that nobody touched has none.
#[derive(Debug, Clone, PartialEq)]
pub struct Life {
    /// Where it stands.
    pub stage: Stage,
    /// The text in force; 0 is the file's.
    pub version: u32,
    /// A newer text that is not in force.
    pub draft: Option<u32>,
    /// A change that waits for a second person.
    pub request: Option<Request>,
    /// Texts, oldest first.
    pub versions: Vec<Version>,
    /// What happened, oldest first.
    pub history: Vec<Change>,
    /// Texts that were in force while it ran, oldest first: what to fall back to.
    pub ran: Vec<u32>,
}

impl Life {
    /// The version with this number.
    #[must_use]
    pub fn version(&self, number: u32) -> Option<&Version> {
        self.versions.iter().find(|v| v.number == number)
    }
}

/// Where a rule stands, whether anybody decided about it or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing<'s> {
    /// Its id.
    pub id: RuleId,
    /// Its title: of the text in force.
    pub title: &'s str,
    /// The stage.
    pub stage: Stage,
    /// The text in force; 0 is the file's.
    pub version: u32,
    /// Hash of the text in force.
    pub hash: &'s str,
    /// As its file has it, if it has one.
    pub base: Option<&'s Base>,
    /// What was decided about it.
    pub life: Option<&'s Life>,
}

/// A finding that raised no alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// The finding.
    pub finding: Finding,
    /// Why it raised none.
    pub because: Because,
    /// When.
    pub at: Timestamp,
}

/// Held findings that are kept whole in memory; older ones are in the journal.
pub const HELD_KEPT: usize = 10_000;

/// Ids of held findings that are remembered, so that none counts twice after a crash.
const HELD_KNOWN: usize = 250_000;

/// Days for which volumes are kept.
pub const DAYS_KEPT: i64 = 400;

/// Findings of one rule on one day that raised no alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quiet {
    /// Because of the rule's stage.
    pub testing: u64,
    /// Because of a suppression.
    pub suppressed: u64,
}

/// This module's part of the state.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {
    lives: BTreeMap<RuleId, Life>,
    /// Every text, by its hash: kept once however many versions have it.
    texts: BTreeMap<String, Arc<str>>,
    /// The rule that another is a part of.
    heads: BTreeMap<RuleId, RuleId>,
    held: VecDeque<Held>,
    known: BTreeSet<FindingId>,
    known_order: VecDeque<FindingId>,
    /// By rule, then day since 1970.
    quiet: BTreeMap<RuleId, BTreeMap<i64, Quiet>>,
}

impl Rules {
    /// What was decided about a rule.
    #[must_use]
    pub fn life(&self, rule: &RuleId) -> Option<&Life> {
        self.lives.get(rule)
    }
    /// Every rule about which something was decided.
    pub fn lives(&self) -> impl Iterator<Item = (&RuleId, &Life)> {
        self.lives.iter()
    }
    /// A text by its hash.
    #[must_use]
    pub fn text(&self, hash: &str) -> Option<&Arc<str>> {
        self.texts.get(hash)
    }
    /// The text of a version that was written here.
    #[must_use]
    pub fn text_of(&self, rule: &RuleId, number: u32) -> Option<&Arc<str>> {
        self.text(&self.life(rule)?.version(number)?.hash)
    }
    /// Findings that raised no alert, newest first; the last [`HELD_KEPT`].
    pub fn held(&self) -> impl Iterator<Item = &Held> {
        self.held.iter().rev()
    }
    /// Whether this finding is held already.
    #[must_use]
    pub fn holds(&self, finding: FindingId) -> bool {
        self.known.contains(&finding)
    }
    /// Findings of a rule that raised no alert, by day since 1970.
    #[must_use]
    pub fn quiet(&self, rule: &RuleId) -> Option<&BTreeMap<i64, Quiet>> {
        self.quiet.get(rule)
    }
    /// Every rule with such findings.
    pub(crate) fn all_quiet(&self) -> impl Iterator<Item = (&RuleId, &BTreeMap<i64, Quiet>)> {
        self.quiet.iter()
    }
}

impl State {
    /// The rule whose life `rule` shares: itself, or the correlation whose text it is a part of.
    #[must_use]
    pub fn rule_head<'s>(&'s self, rule: &'s RuleId) -> &'s RuleId {
        if self.rules.lives.contains_key(rule) {
            return rule;
        }
        self.rules
            .heads
            .get(rule)
            .or_else(|| self.content.rule_heads.get(rule))
            .unwrap_or(rule)
    }

    /// Where the rule of a finding stands. What is no rule here, such as an indicator, is enabled.
    #[must_use]
    pub fn rule_stage(&self, rule: &RuleId) -> Stage {
        let head = self.rule_head(rule);
        match (self.rules.lives.get(head), self.content.rules.get(head)) {
            (Some(life), _) => life.stage,
            (None, Some(base)) => base.stage,
            (None, None) => Stage::Enabled,
        }
    }

    /// The folder of a rule under `content/rules`.
    #[must_use]
    pub fn rule_family(&self, rule: &RuleId) -> Option<&str> {
        self.content
            .rules
            .get(self.rule_head(rule))?
            .family
            .as_deref()
    }

    /// Where a rule stands; none where there is no such rule.
    #[must_use]
    pub fn rule<'s>(&'s self, rule: &'s RuleId) -> Option<Standing<'s>> {
        let id = self.rule_head(rule);
        let base = self.content.rules.get(id);
        let life = self.rules.lives.get(id);
        let version = life.map_or(0, |l| l.version);
        let written = life.and_then(|l| l.version(version));
        let (title, hash) = match (written, base) {
            (Some(v), _) => (v.title.as_str(), v.hash.as_str()),
            (None, Some(base)) => (base.title.as_str(), base.hash.as_str()),
            // The file is gone that the text in force came from.
            (None, None) => {
                life?;
                ("(its file is gone)", "")
            }
        };
        Some(Standing {
            id: id.clone(),
            title,
            hash,
            stage: self.rule_stage(id),
            version,
            base,
            life,
        })
    }

    /// Every rule, of files and written here, by id.
    #[must_use]
    pub fn all_rules(&self) -> Vec<Standing<'_>> {
        let ids: BTreeSet<&RuleId> = self
            .content
            .rules
            .keys()
            .chain(self.rules.lives.keys())
            .collect();
        ids.into_iter().filter_map(|id| self.rule(id)).collect()
    }
}

/// SHA-256 of a text, hex: the address of a version.
#[must_use]
pub fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Why `finding` raises no alert at `now`; none where it does. A suppression comes first, so that it
/// can be tried on a rule that is being tested.
pub(crate) fn because(state: &State, finding: &Finding, now: Timestamp) -> Option<Because> {
    if let Some(suppression) = crate::suppression::hiding(state, finding, now) {
        return Some(Because::Suppression { suppression });
    }
    match state.rule_stage(&finding.rule.id) {
        Stage::Enabled => None,
        // A rule that is put out of force runs on for the moment that its replacement takes.
        stage @ (Stage::Draft | Stage::Testing | Stage::Retired) => Some(Because::Stage { stage }),
    }
}

/// The suppression behind a reason.
pub(crate) fn suppression_of(because: &Because) -> Option<SuppressionId> {
    match because {
        Because::Suppression { suppression } => Some(*suppression),
        Because::Stage { .. } => None,
    }
}

impl Needs for Rules {
    fn needs(&self, state: &State, _now: Timestamp) -> Vec<Need> {
        self.lives
            .iter()
            .filter_map(|(id, life)| {
                let request = life.request.as_ref()?;
                let title = state.rule(id).map_or("", |s| s.title).to_owned();
                Some(Need {
                    kind: NeedKind::Approval,
                    title: format!(
                        "approve: rule {title} to {}, asked by {}",
                        request.to, request.by
                    ),
                    roles: AUTHORS.to_vec(),
                    due: None,
                    link: format!("/rules/{id}"),
                    incident: None,
                    exercise: false,
                })
            })
            .collect()
    }
}
