//! What follows from facts and from time: clocks open, start, move, close and are missed.

use jiff::Timestamp;
use watchfloor_types::IncidentId;

use super::{ClockStatus, ClockView, Entry, Phase, Reading, Track, clocks};
use crate::{Decision, State, incident};

pub(crate) fn react(state: &State, entry: &crate::Entry, now: Timestamp) -> Decision {
    let mut all = Decision::nothing();
    match entry {
        crate::Entry::Incident(incident::Entry::Merged { from, into, .. }) => {
            push(
                &mut all,
                Entry::Moved {
                    from: *from,
                    into: *into,
                },
            );
        }
        crate::Entry::Incident(
            incident::Entry::Opened { incident, .. }
            | incident::Entry::FactRecorded { incident, .. },
        )
        | crate::Entry::Obligation(
            Entry::Determined { incident, .. }
            | Entry::FilingRecorded { incident, .. }
            | Entry::HoldRecorded { incident, .. }
            | Entry::HoldEnded { incident, .. }
            | Entry::Moved { into: incident, .. },
        ) => follow(state, *incident, now, &mut all),
        crate::Entry::Incident(_)
        | crate::Entry::Obligation(_)
        | crate::Entry::Alert(_)
        | crate::Entry::Run(_)
        | crate::Entry::Oncall(_)
        | crate::Entry::Comms(_)
        | crate::Entry::Exercise(_)
        | crate::Entry::Rule(_)
        | crate::Entry::Suppression(_) => {}
    }
    all
}

/// Dates that have passed without a filing.
pub(crate) fn on_tick(state: &State, now: Timestamp) -> Decision {
    let mut all = Decision::nothing();
    for ((incident, stage), track) in &state.obligations.tracks {
        if track.phase != Phase::Running || !track.filings.is_empty() {
            continue;
        }
        for (reading, due) in [(Reading::Safe, track.safe), (Reading::Outer, track.outer)] {
            let Some(due) = due.filter(|due| *due < now) else {
                continue;
            };
            if track.missed.contains(&reading) {
                continue;
            }
            if let Some(regime) = state
                .content
                .regimes
                .values()
                .find(|regime| regime.stage(stage).is_some())
            {
                push(
                    &mut all,
                    Entry::ClockMissed {
                        incident: *incident,
                        regime: regime.id.clone(),
                        stage: stage.clone(),
                        reading,
                        due,
                    },
                );
            }
        }
    }
    all
}

fn push(all: &mut Decision, entry: Entry) {
    all.entries.push(crate::Entry::Obligation(entry));
}

/// Records the difference between what the journal says of the clocks and what they are.
fn follow(state: &State, incident: IncidentId, now: Timestamp, all: &mut Decision) {
    let idle = Track::default();
    for view in clocks(state, incident, now) {
        let track = state
            .obligations
            .track(incident, &view.stage)
            .unwrap_or(&idle);
        if let Some(entry) = change(&view, track) {
            push(all, entry);
        }
    }
}

fn change(view: &ClockView, track: &Track) -> Option<Entry> {
    let (incident, regime, stage) = (view.incident, view.regime.clone(), view.stage.clone());
    let (safe, outer) = (view.safe, view.outer);
    let moved = (view.from, safe, outer) != (track.from, track.safe, track.outer);
    match &view.status {
        ClockStatus::Candidate => match track.phase {
            Phase::Idle | Phase::Closed => Some(Entry::ClockOpened {
                incident,
                regime,
                stage,
                from: view.from?,
                safe,
                outer,
            }),
            Phase::Open | Phase::Running if moved => Some(Entry::ClockMoved {
                incident,
                regime,
                stage,
                from: view.from?,
                safe,
                outer,
            }),
            Phase::Open | Phase::Running => None,
        },
        ClockStatus::Running
        | ClockStatus::PastSafe { .. }
        | ClockStatus::Held { .. }
        | ClockStatus::Missed { .. }
        | ClockStatus::Met { .. }
        | ClockStatus::Late { .. } => match track.phase {
            Phase::Idle | Phase::Open | Phase::Closed => Some(Entry::ClockStarted {
                incident,
                regime,
                stage,
                from: view.from?,
                safe,
                outer,
            }),
            Phase::Running if moved => Some(Entry::ClockMoved {
                incident,
                regime,
                stage,
                from: view.from?,
                safe,
                outer,
            }),
            Phase::Running => None,
        },
        ClockStatus::NotApplicable { reason } => match track.phase {
            Phase::Open | Phase::Running => Some(Entry::ClockClosed {
                incident,
                regime,
                stage,
                reason: reason.clone(),
            }),
            Phase::Idle | Phase::Closed => None,
        },
        ClockStatus::Unknown | ClockStatus::NotStarted => None,
    }
}
