//! Facts about an incident: what is known, since when, from whom, on what evidence.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use watchfloor_types::{Actor, EventId, FactName, FindingId};

/// A value of a fact. A fact that is not recorded is *unknown*, which is never the same as no.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "kebab-case")]
pub enum FactValue {
    /// Yes or no.
    Bool(bool),
    /// A count.
    Int(i64),
    /// Free or coded text.
    Text(String),
    /// A moment.
    Time(Timestamp),
    /// Several coded texts.
    List(Vec<String>),
    /// Somebody determined that the question does not arise.
    NotApplicable,
}

/// One statement about an incident. A later statement of the same name supersedes it; both stay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// Which question it answers, such as `incident.aware_at`.
    pub name: FactName,
    /// The answer.
    pub value: FactValue,
    /// Since when it was known.
    pub known_at: Timestamp,
    /// Who recorded it.
    pub by: Actor,
    /// Events that show it.
    pub events: Vec<EventId>,
    /// Finding that shows it.
    pub finding: Option<FindingId>,
    /// Reason or source in words.
    pub note: String,
}

/// All statements about one incident, by name, oldest first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Facts(BTreeMap<FactName, Vec<Fact>>);

impl Facts {
    /// The statement in force for `name`; none means unknown.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Fact> {
        self.0
            .iter()
            .find(|(n, _)| n.as_str() == name)
            .and_then(|(_, all)| all.last())
    }
    /// Adds a statement.
    pub fn record(&mut self, fact: Fact) {
        self.0.entry(fact.name.clone()).or_default().push(fact);
    }
    /// Statements in force.
    pub fn current(&self) -> impl Iterator<Item = &Fact> {
        self.0.values().filter_map(|all| all.last())
    }
    /// Every statement, superseded ones too.
    pub fn all(&self) -> impl Iterator<Item = &Fact> {
        self.0.values().flatten()
    }
}
