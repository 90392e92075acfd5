//! What scripted players do: acts as data, resolved against the state when they are due.

use serde::Deserialize;
use watchfloor_types::{Actor, ExerciseId, InjectId};

/// Something that a player does, with selectors where a person would point.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Act {
    /// Looks at the newest alert that holds an event of the inject.
    AcknowledgeAlert {
        /// The inject.
        inject: InjectId,
    },
}

/// An input that a scripted player gives now.
#[derive(Debug, Clone, PartialEq)]
pub struct PlayerInput {
    /// The exercise.
    pub exercise: ExerciseId,
    /// Which act of the script.
    pub act: String,
    /// Who gives it: always [`Actor::Player`].
    pub actor: Actor,
    /// What is asked, or why it cannot be asked yet.
    pub input: Result<crate::Input, String>,
}
