//! The files as written. Unknown keys are errors.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_saphyr::Spanned;

pub(super) type Text = Spanned<String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Regime {
    pub(super) id: Text,
    pub(super) title: String,
    pub(super) version: String,
    pub(super) owner: String,
    pub(super) jurisdiction: String,
    pub(super) status: Text,
    pub(super) from: Text,
    pub(super) to: Option<Text>,
    pub(super) zone: Text,
    pub(super) calendar: Option<Text>,
    pub(super) counting: Text,
    pub(super) sources: Vec<Spanned<Source>>,
    #[serde(default)]
    pub(super) facts: Vec<Fact>,
    #[serde(default)]
    pub(super) decisions: Vec<Spanned<DecisionQuestion>>,
    pub(super) stages: Vec<Spanned<Stage>>,
    #[serde(default)]
    pub(super) examples: Vec<Spanned<Example>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    pub(super) id: Text,
    pub(super) cite: String,
    pub(super) quote: Option<String>,
    pub(super) says: Option<String>,
    pub(super) checked: Text,
    pub(super) confidence: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fact {
    pub(super) name: Text,
    pub(super) kind: Text,
    pub(super) question: String,
    pub(super) candidate: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DecisionQuestion {
    pub(super) name: Text,
    pub(super) question: String,
    pub(super) roles: Vec<Text>,
    #[serde(default)]
    pub(super) consider: Vec<Text>,
    pub(super) establishes: Option<Text>,
    #[serde(default)]
    pub(super) proposed: Vec<Text>,
    #[serde(default)]
    pub(super) sources: Vec<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stage {
    pub(super) id: Text,
    pub(super) title: String,
    pub(super) applies: Text,
    pub(super) due: Text,
    pub(super) recipient: String,
    pub(super) roles: Vec<Text>,
    pub(super) hold: Option<Text>,
    #[serde(default)]
    pub(super) content: Vec<String>,
    #[serde(default)]
    pub(super) sources: Vec<Text>,
}

/// A worked example: what is known, and what a clock has to say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Example {
    pub(super) name: String,
    pub(super) stage: Text,
    pub(super) now: Text,
    #[serde(default)]
    pub(super) facts: BTreeMap<String, Scalar>,
    #[serde(default)]
    pub(super) decided: BTreeMap<String, Decided>,
    #[serde(default)]
    pub(super) submitted: BTreeMap<String, String>,
    pub(super) hold_until: Option<String>,
    pub(super) status: Text,
    pub(super) safe: Option<Text>,
    pub(super) outer: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Decided {
    pub(super) answer: String,
    pub(super) effective: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Calendar {
    pub(super) id: Text,
    pub(super) title: String,
    pub(super) owner: String,
    pub(super) from: i16,
    pub(super) to: i16,
    pub(super) sources: Vec<Spanned<Source>>,
    pub(super) days: Vec<Holiday>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Holiday {
    pub(super) date: Text,
    pub(super) name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Profile {
    pub(super) name: String,
    #[serde(default)]
    pub(super) facts: BTreeMap<String, Spanned<Scalar>>,
}

#[derive(Deserialize, Clone)]
#[serde(untagged)]
pub(super) enum Scalar {
    Truth(bool),
    Count(i64),
    Text(String),
    List(Vec<String>),
}
