//! Facts about an incident: what is known, since when, from whom, on what evidence.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use watchfloor_types::{Actor, EventId, FactName, FindingId};

/// Names of the facts that are recorded without a person. Content may name any other.
pub mod name {
    /// Time of the earliest finding: a moment.
    pub const FIRST_FINDING_AT: &str = "incident.first_finding_at";
    /// When a finding first showed that personal data left: a moment. A proposal, not awareness.
    pub const AWARE_CANDIDATE_AT: &str = "incident.aware_candidate_at";
    /// When the organisation became aware (GDPR, Article 33(1)): a moment. Only a person records it.
    pub const AWARE_AT: &str = "incident.aware_at";
    /// Tenants with findings: a list.
    pub const TENANTS: &str = "incident.tenants";
    /// Agents and principals with findings: a list.
    pub const AGENTS: &str = "incident.agents";
    /// Sessions with findings: a list.
    pub const SESSIONS: &str = "incident.sessions";
    /// Keys with findings, by id: a list.
    pub const KEYS: &str = "incident.keys";
    /// Technique ids of the findings: a list.
    pub const TECHNIQUES: &str = "incident.techniques";
    /// Most rows that one finding named as having left: a count.
    pub const ROWS_SEEN: &str = "data.rows_seen";
    /// Data classes that findings named: a list.
    pub const CLASSES_SEEN: &str = "data.classes_seen";
    /// Destinations that findings named: a list.
    pub const DESTINATIONS: &str = "incident.destinations";
}

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

impl fmt::Display for FactValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(true) => f.write_str("yes"),
            Self::Bool(false) => f.write_str("no"),
            Self::Int(n) => n.fmt(f),
            Self::Text(text) => f.write_str(text),
            Self::Time(at) => at.fmt(f),
            Self::List(items) => f.write_str(&items.join(", ")),
            Self::NotApplicable => f.write_str("not applicable"),
        }
    }
}

/// What is known about a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known<T> {
    /// The answer.
    Value(T),
    /// Somebody determined that the question does not arise.
    NotApplicable,
    /// Nobody has said, or what was said is not of this kind.
    Unknown,
}

impl<T> Known<T> {
    /// The answer, if there is one.
    #[must_use]
    pub fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::NotApplicable | Self::Unknown => None,
        }
    }
    /// Whether nobody has said.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }
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
        self.history(name).last()
    }
    /// Every statement of `name`, oldest first.
    #[must_use]
    pub fn history(&self, name: &str) -> &[Fact] {
        name.parse::<FactName>()
            .ok()
            .and_then(|name| self.0.get(&name))
            .map_or(&[], Vec::as_slice)
    }
    /// Yes, no, not applicable or unknown.
    #[must_use]
    pub fn truth(&self, name: &str) -> Known<bool> {
        self.known(name, |value| match value {
            FactValue::Bool(b) => Some(*b),
            FactValue::Int(_)
            | FactValue::Text(_)
            | FactValue::Time(_)
            | FactValue::List(_)
            | FactValue::NotApplicable => None,
        })
    }
    /// A moment.
    #[must_use]
    pub fn time(&self, name: &str) -> Known<Timestamp> {
        self.known(name, |value| match value {
            FactValue::Time(at) => Some(*at),
            FactValue::Bool(_)
            | FactValue::Int(_)
            | FactValue::Text(_)
            | FactValue::List(_)
            | FactValue::NotApplicable => None,
        })
    }
    /// A count.
    #[must_use]
    pub fn int(&self, name: &str) -> Known<i64> {
        self.known(name, |value| match value {
            FactValue::Int(n) => Some(*n),
            FactValue::Bool(_)
            | FactValue::Text(_)
            | FactValue::Time(_)
            | FactValue::List(_)
            | FactValue::NotApplicable => None,
        })
    }
    /// Text.
    #[must_use]
    pub fn text(&self, name: &str) -> Known<&str> {
        self.known(name, |value| match value {
            FactValue::Text(text) => Some(text.as_str()),
            FactValue::Bool(_)
            | FactValue::Int(_)
            | FactValue::Time(_)
            | FactValue::List(_)
            | FactValue::NotApplicable => None,
        })
    }
    /// Several texts.
    #[must_use]
    pub fn list(&self, name: &str) -> Known<&[String]> {
        self.known(name, |value| match value {
            FactValue::List(items) => Some(items.as_slice()),
            FactValue::Bool(_)
            | FactValue::Int(_)
            | FactValue::Text(_)
            | FactValue::Time(_)
            | FactValue::NotApplicable => None,
        })
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

    fn known<'f, T>(&'f self, name: &str, read: impl Fn(&'f FactValue) -> Option<T>) -> Known<T> {
        match self.get(name) {
            None => Known::Unknown,
            Some(Fact {
                value: FactValue::NotApplicable,
                ..
            }) => Known::NotApplicable,
            Some(fact) => read(&fact.value).map_or(Known::Unknown, Known::Value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(value: FactValue) -> Fact {
        Fact {
            name: "data.left".parse().unwrap(),
            value,
            known_at: Timestamp::UNIX_EPOCH,
            by: Actor::System,
            events: Vec::new(),
            finding: None,
            note: String::new(),
        }
    }

    #[test]
    fn unknown_is_not_no_and_the_latest_statement_holds() {
        let mut facts = Facts::default();
        assert_eq!(facts.truth("data.left"), Known::Unknown);
        facts.record(fact(FactValue::Bool(true)));
        assert_eq!(facts.truth("data.left"), Known::Value(true));
        assert_eq!(facts.int("data.left"), Known::Unknown);
        facts.record(fact(FactValue::NotApplicable));
        assert_eq!(facts.truth("data.left"), Known::NotApplicable);
        facts.record(fact(FactValue::Bool(false)));
        assert_eq!(facts.truth("data.left"), Known::Value(false));
        assert_eq!(facts.history("data.left").len(), 3);
        assert_eq!(facts.current().count(), 1);
    }
}
