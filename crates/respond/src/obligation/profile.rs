//! What is known about the organisation, whatever the incident.

use std::collections::BTreeMap;

use watchfloor_types::FactName;

use crate::incident::FactValue;

/// Facts about the organisation: `entity.member_state`, `entity.sec_registrant` and so on.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Profile {
    /// Its name, as letters call it.
    pub name: String,
    /// What is known. A fact that is not here is unknown, which is never the same as no.
    pub facts: BTreeMap<FactName, FactValue>,
}

impl Profile {
    /// What is known about a question.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&FactValue> {
        name.parse::<FactName>()
            .ok()
            .and_then(|name| self.facts.get(&name))
    }
    /// A text, where the fact is one.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            FactValue::Text(text) => Some(text),
            FactValue::Bool(_)
            | FactValue::Int(_)
            | FactValue::Time(_)
            | FactValue::List(_)
            | FactValue::NotApplicable => None,
        }
    }
}
