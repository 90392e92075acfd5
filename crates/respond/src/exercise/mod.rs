//! Exercises: plans, injects, verdicts, scores.
//!
//! An exercise is played through the ordinary pipeline. On a tick, injects that are due become
//! entries; those of type telemetry are followed by [`Entry::Emit`], which the binary carries out
//! through ordinary ingest with the mark in the envelope. It answers with [`Input::Emitted`] and,
//! once every rule has seen the events, [`Input::Evaluated`]. Verdicts join findings to the ids of
//! the emitted events, never to times or names. What people do is seen in the entries of all other
//! modules.

mod apply;
mod decide;
mod entry;
mod fill;
mod judge;
mod lint;
mod plan;
mod play;
mod player;
mod points;
mod read;
mod report;
mod resolve;
mod score;
mod subject;
mod tick;
mod watch;

pub use entry::{Entry, Input, LessonKind, Pace, Players, Proof, Rating, Receipt, Shown, Verdict};
pub use fill::{FillError, fill};
pub use lint::{Known, lint};
pub use plan::{
    About, Emission, EntryPattern, Expectation, Expected, Group, Inject, InjectKind, Objective,
    Plan, PlanRole, Scripted,
};
pub use play::{Assessment, Item, Lesson, Met, Play, PlayClock, Progress, Status, scenario_time};
pub use player::{Act, ActValue, PlayerInput, due_player_inputs};
pub use points::Points;
pub use read::parse;
pub use report::{ItemRow, Line, ObjectiveResult, Performance, Report, Row, Said, report};
pub use score::{GroupScore, InjectScore, PartScore, Score, Status as PartStatus, score};
pub use tick::{may_emit, next_due};

pub(crate) use apply::apply;
pub(crate) use decide::decide;
pub(crate) use tick::on_tick;

use std::collections::BTreeMap;

use jiff::Timestamp;
use watchfloor_types::ExerciseId;

use crate::{Decision, Need, NeedKind, State, need::Needs};

/// Fastest live play: an hour of play time in a second.
pub(crate) const MAX_SPEED: u32 = 3600;

/// This module's part of the state.
#[derive(Debug, Clone, Default, PartialEq)]
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

/// What follows from an entry: verdicts, expectations that it meets, improvements at the end.
pub(crate) fn react(state: &State, entry: &crate::Entry, now: Timestamp) -> Decision {
    let mut all = judge::react(state, entry);
    all.extend(watch::react(state, entry, now));
    all.extend(report::react(state, entry, now));
    all
}

impl Needs for Exercises {
    /// Injects that people were given and have not answered.
    fn needs(&self, _state: &State, _now: Timestamp) -> Vec<Need> {
        self.live()
            .filter(|play| play.players == Players::People)
            .flat_map(needs_of)
            .collect()
    }
}

fn needs_of(play: &Play) -> impl Iterator<Item = Need> {
    play.progress.iter().flat_map(move |(id, progress)| {
        let inject = play.plan.inject(id);
        inject.into_iter().flat_map(move |inject| {
            let open = |expected: &&Expectation| match expected.what {
                Expected::Entry { .. } => {
                    !progress.met.contains_key(&expected.id)
                        && !progress.assessed.contains_key(&expected.id)
                }
                Expected::Finding { .. } | Expected::Quiet | Expected::Judgement => false,
            };
            inject
                .expects
                .iter()
                .filter(open)
                .map(move |expected| Need {
                    kind: NeedKind::Inject,
                    title: format!("{}: {}", inject.title, expected.text),
                    roles: play
                        .plan
                        .role(&inject.to)
                        .map_or_else(Vec::new, |role| role.roles.clone()),
                    due: play
                        .clock
                        .floor_time(inject.at.saturating_add(expected.within)),
                    link: format!("/exercises/{}#{}", play.id, inject.id),
                    incident: None,
                    exercise: true,
                })
        })
    })
}

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;
