//! Exercises: plans, injects, verdicts, scores.
//!
//! An exercise is played through the ordinary pipeline. On a tick, injects that are due become
//! entries; those of type telemetry are followed by [`Entry::Emit`], which the binary carries out
//! through ordinary ingest with the mark in the envelope. It answers with [`Input::Emitted`] and,
//! once every rule has seen the events, [`Input::Evaluated`]. Verdicts join findings to the ids of
//! the emitted events, never to times or names. What people do is seen in the entries of all other
//! modules.

mod entry;
mod fill;
mod plan;
mod play;
mod player;
mod points;
mod score;

pub use entry::{
    Entry, Input, LessonKind, Pace, Players, Proof, Rating, Receipt, Shown, Verdict,
};
pub use fill::{FillError, fill};
pub use plan::{
    About, Emission, EntryPattern, Expectation, Expected, Group, Inject, InjectKind, Objective,
    Plan, PlanRole, Scripted,
};
pub use play::{Assessment, Item, Lesson, Met, Play, PlayClock, Progress, Status, scenario_time};
pub use player::{Act, PlayerInput};
pub use points::Points;
pub use score::{GroupScore, InjectScore, PartScore, Score, Status as PartStatus};

use std::collections::BTreeMap;

use jiff::Timestamp;
use watchfloor_types::{Actor, ExerciseId};

use crate::{Decision, Refusal, State};

/// Fastest live play: an hour of play time in a second.
pub(crate) const MAX_SPEED: u32 = 3600;

/// This module's part of the state.
#[derive(Debug, Clone, Default)]
pub struct Exercises {
    all: BTreeMap<ExerciseId, Play>,
}

impl Exercises {
    /// The play with this id.
    #[must_use]
    pub fn get(&self, id: ExerciseId) -> Option<&Play> {
        self.all.get(&id)
    }
    /// Every play, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Play> {
        self.all.values()
    }
    /// Plays that still give injects, oldest first.
    pub fn live(&self) -> impl Iterator<Item = &Play> {
        self.all.values().filter(|play| play.is_live())
    }
}

pub(crate) fn decide(
    _state: &State,
    _actor: &Actor,
    _input: Input,
    _now: Timestamp,
) -> Result<Decision, Refusal> {
    Err(Refusal::Conflict("exercises cannot be played yet".to_owned()))
}

pub(crate) fn apply(_state: &mut State, _entry: &Entry, _at: Timestamp) {}

pub(crate) fn react(_state: &State, _entry: &crate::Entry, _now: Timestamp) -> Decision {
    Decision::nothing()
}

pub(crate) fn on_tick(_state: &State, _now: Timestamp) -> Decision {
    Decision::nothing()
}
