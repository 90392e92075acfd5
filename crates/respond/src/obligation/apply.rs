//! What an entry changes.

use jiff::Timestamp;
use watchfloor_types::{IncidentId, ObligationId};

use super::{Entry, Phase, Reading, Track};
use crate::{
    State,
    incident::{Link, TimelineItem, TimelineKind},
};

pub(crate) fn apply(state: &mut State, entry: &Entry, at: Timestamp) {
    let mut line = TimelineItem::new(at, TimelineKind::Obligation, text(entry));
    match entry {
        Entry::Determined {
            incident,
            determination,
        } => {
            line.kind = TimelineKind::Decision;
            line = line.by(&determination.by);
            line.links
                .extend(determination.facts.iter().cloned().map(Link::Fact));
            if determination.effective != at {
                line = line.happened(determination.effective);
            }
            state
                .obligations
                .determinations
                .entry(*incident)
                .or_default()
                .push(determination.clone());
        }
        Entry::ClockOpened {
            incident,
            stage,
            from,
            safe,
            outer,
            ..
        } => {
            let track = track_of(state, *incident, stage);
            track.phase = Phase::Open;
            track.opened = track.opened.or(Some(at));
            (track.from, track.safe, track.outer) = (Some(*from), *safe, *outer);
        }
        Entry::ClockStarted {
            incident,
            stage,
            from,
            safe,
            outer,
            ..
        } => {
            let track = track_of(state, *incident, stage);
            track.phase = Phase::Running;
            track.started = track.started.or(Some(at));
            (track.from, track.safe, track.outer) = (Some(*from), *safe, *outer);
        }
        Entry::ClockMoved {
            incident,
            stage,
            from,
            safe,
            outer,
            ..
        } => {
            let track = track_of(state, *incident, stage);
            (track.from, track.safe, track.outer) = (Some(*from), *safe, *outer);
            // A date that moved into the future has not been missed yet.
            track.missed.retain(|reading| {
                let due = match reading {
                    Reading::Safe => *safe,
                    Reading::Outer => *outer,
                };
                due.is_some_and(|due| due < at)
            });
        }
        Entry::ClockClosed {
            incident, stage, ..
        } => {
            let track = track_of(state, *incident, stage);
            track.phase = Phase::Closed;
            (track.from, track.safe, track.outer) = (None, None, None);
            track.missed.clear();
        }
        Entry::ClockMissed {
            incident,
            stage,
            reading,
            ..
        } => track_of(state, *incident, stage).missed.push(*reading),
        Entry::FilingRecorded {
            incident,
            stage,
            filing,
            ..
        } => {
            line = line.by(&filing.by);
            line.links.extend(filing.draft.map(Link::Draft));
            if filing.submitted != at {
                line = line.happened(filing.submitted);
            }
            let filings = &mut track_of(state, *incident, stage).filings;
            filings.push(filing.clone());
            filings.sort_by_key(|filing| filing.submitted);
        }
        Entry::HoldRecorded {
            incident,
            stage,
            hold,
            ..
        } => {
            line = line.by(&hold.by);
            track_of(state, *incident, stage).hold = Some(hold.clone());
        }
        Entry::HoldEnded {
            incident,
            stage,
            by,
            ..
        } => {
            line = line.by(by);
            track_of(state, *incident, stage).hold = None;
        }
        Entry::Moved { from, into } => move_all(state, *from, *into),
    }
    if !line.text.is_empty() {
        state.incidents.log(entry.incident(), line);
    }
}

fn track_of<'s>(state: &'s mut State, incident: IncidentId, of: &ObligationId) -> &'s mut Track {
    state
        .obligations
        .tracks
        .entry((incident, of.clone()))
        .or_default()
}

fn text(entry: &Entry) -> String {
    let dates = |safe: &Option<Timestamp>, outer: &Option<Timestamp>| match (safe, outer) {
        (Some(safe), Some(outer)) if safe != outer => format!("due {safe}, at the latest {outer}"),
        (Some(safe), _) => format!("due {safe}"),
        (None, _) => "due without undue delay".to_owned(),
    };
    match entry {
        Entry::Determined { determination, .. } => format!(
            "{}: {}, because {}",
            determination.question, determination.answer, determination.rationale
        ),
        Entry::ClockOpened {
            stage,
            from,
            safe,
            outer,
            ..
        } => format!(
            "clock {stage} may have begun at {from}; if confirmed it is {}",
            dates(safe, outer)
        ),
        Entry::ClockStarted {
            stage,
            from,
            safe,
            outer,
            ..
        } => format!("clock {stage} runs from {from}; {}", dates(safe, outer)),
        Entry::ClockMoved {
            stage,
            from,
            safe,
            outer,
            ..
        } => format!(
            "clock {stage} moved, it counts from {from}; {}",
            dates(safe, outer)
        ),
        Entry::ClockClosed { stage, reason, .. } => {
            format!("clock {stage} does not apply: {reason}")
        }
        Entry::ClockMissed {
            stage,
            reading,
            due,
            ..
        } => format!("clock {stage}: the {reading} date {due} passed without a filing"),
        Entry::FilingRecorded { stage, filing, .. } => {
            format!("{stage} filed, reference {}", filing.reference)
        }
        Entry::HoldRecorded { stage, hold, .. } => format!(
            "{} allows a delay of {stage} until {}: {}",
            hold.authority, hold.until, hold.basis
        ),
        Entry::HoldEnded { stage, reason, .. } => format!("delay of {stage} ended: {reason}"),
        Entry::Moved { .. } => String::new(),
    }
}

/// Determinations and filings follow the incident. Of two clocks the one of the incident that
/// stays is kept; it is computed anew from all facts anyway.
fn move_all(state: &mut State, from: IncidentId, into: IncidentId) {
    let obligations = &mut state.obligations;
    if let Some(old) = obligations.determinations.remove(&from) {
        let all = obligations.determinations.entry(into).or_default();
        all.extend(old);
        all.sort_by_key(|determination| determination.at);
    }
    let stages: Vec<ObligationId> = obligations
        .tracks
        .keys()
        .filter(|(incident, _)| *incident == from)
        .map(|(_, stage)| stage.clone())
        .collect();
    for stage in stages {
        let Some(mut old) = obligations.tracks.remove(&(from, stage.clone())) else {
            continue;
        };
        let track = obligations.tracks.entry((into, stage)).or_default();
        track.filings.append(&mut old.filings);
        track.filings.sort_by_key(|filing| filing.submitted);
        let hold = old.hold.take();
        track.hold = track.hold.take().or(hold);
        track.opened = earliest(track.opened, old.opened);
        track.started = earliest(track.started, old.started);
        if track.phase == Phase::Idle {
            track.phase = old.phase;
            (track.from, track.safe, track.outer) = (old.from, old.safe, old.outer);
        }
    }
}

fn earliest(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}
