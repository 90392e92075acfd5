//! What time brings: injects, verdicts that wait no longer, the end.

use jiff::Timestamp;

use super::{Entry, Expected, Inject, Play, Players, Status, fill::fill, judge};
use crate::{Decision, State};

pub(crate) fn on_tick(state: &State, now: Timestamp) -> Decision {
    let mut all = Decision::nothing();
    for play in state.exercises.live() {
        if play.status == Status::Running {
            deliver(play, now, &mut all);
        }
        for (inject, progress) in &play.progress {
            if let Some(inject) = play.plan.inject(inject)
                && let Some(verdict) = judge::by_time(play, inject, progress, now)
            {
                all.entries.push(judge::judged(play, inject, verdict));
            }
        }
        if is_over(play, now) {
            all.entries
                .push(crate::Entry::Exercise(Entry::Ended { exercise: play.id }));
        }
    }
    all
}

/// Injects that are due, each followed by what it emits.
fn deliver(play: &Play, now: Timestamp, all: &mut Decision) {
    // A jump changes when the next inject is due, so the clock goes along.
    let mut clock = play.clock.clone();
    for inject in play.ahead() {
        let Some(due) = clock.floor_time(inject.at).filter(|due| *due <= now) else {
            return;
        };
        let running = clock.scenario_at(inject.at);
        let scenario = inject
            .scenario
            .map_or(running, |wanted| wanted.max(running));
        clock.move_story(inject.at, due, scenario);
        all.entries
            .push(crate::Entry::Exercise(Entry::InjectDelivered {
                exercise: play.id,
                inject: inject.id.clone(),
                due,
                scenario,
            }));
        emit(play, inject, due, all);
    }
}

/// Records carry the time of the floor's clock at which the inject is due. With a stepped clock
/// that is the time in the story. Were the story's time used in a live play, events would lie in
/// the future, and correlation windows of real events would close early.
fn emit(play: &Play, inject: &Inject, due: Timestamp, all: &mut Decision) {
    for (part, emission) in inject.emits.iter().enumerate() {
        let records = emission
            .records
            .iter()
            // The lint has refused what cannot be filled; a record is never dropped in silence.
            .map(|record| {
                fill(record, play.id, &play.tenant, due).unwrap_or_else(|_| record.clone())
            })
            .collect();
        all.entries.push(crate::Entry::Exercise(Entry::Emit {
            exercise: play.id,
            inject: inject.id.clone(),
            part: part as u32,
            source: emission.source.clone(),
            tenant: emission
                .tenant
                .clone()
                .unwrap_or_else(|| play.tenant.clone()),
            records,
        }));
    }
}

/// A play is over once its time has passed, everything is judged, and nobody can still do anything
/// that counts: the script is through, or every limit has passed twice.
fn is_over(play: &Play, now: Timestamp) -> bool {
    let time = play.clock.play_time(now);
    if play.status != Status::Running || time < play.plan.length || !play.ahead().is_empty() {
        return false;
    }
    let everything_judged = play.progress.iter().all(|(id, progress)| {
        progress.verdict.is_some()
            || play
                .plan
                .inject(id)
                .is_none_or(|inject| inject.detection().is_none() && !inject.expects_quiet())
    });
    everything_judged
        && match play.players {
            Players::Script => play
                .plan
                .script
                .iter()
                .all(|scripted| play.acted.contains_key(&scripted.id)),
            Players::People => play.progress.iter().all(|(id, progress)| {
                play.plan.inject(id).is_none_or(|inject| {
                    inject.expects.iter().all(|expected| match expected.what {
                        Expected::Entry { .. } => {
                            progress.met.contains_key(&expected.id)
                                || time > inject.at.saturating_add(expected.within * 2)
                        }
                        Expected::Finding { .. } | Expected::Quiet | Expected::Judgement => true,
                    })
                })
            }),
        }
}

/// Whether records of this exercise may still be sent. The binary asks right before it sends, so
/// that nothing leaves after the stop button.
#[must_use]
pub fn may_emit(state: &State, exercise: watchfloor_types::ExerciseId) -> bool {
    state.exercises.get(exercise).is_some_and(Play::is_live)
}

/// The next moment after `now` at which a live play has something to do; a stepped clock may be
/// moved there while nothing is in flight.
#[must_use]
pub fn next_due(state: &State, now: Timestamp) -> Option<Timestamp> {
    state
        .exercises
        .live()
        .filter(|play| play.status == Status::Running)
        .flat_map(|play| {
            let inject = play
                .ahead()
                .first()
                .and_then(|i| play.clock.floor_time(i.at));
            let act = match play.players {
                Players::Script => play
                    .plan
                    .script
                    .iter()
                    .find(|scripted| !play.acted.contains_key(&scripted.id))
                    .and_then(|scripted| play.clock.floor_time(scripted.at)),
                Players::People => None,
            };
            let end = play.clock.floor_time(play.plan.length);
            let verdicts = play.progress.iter().filter_map(|(id, progress)| {
                judge::deadline(play, play.plan.inject(id)?, progress)
            });
            [inject, act, end].into_iter().flatten().chain(verdicts)
        })
        .filter(|at| *at > now)
        .min()
}
