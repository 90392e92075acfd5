//! Obligations: applicability, clocks, determinations, filings.
//!
//! A regime is content; a clock is computed from the facts each time it is asked for and never
//! stored. What people determine and file is in the journal, and so is each moment at which a
//! clock opened, started, moved or was missed. Unknown is never shown as no obligation.

mod apply;
mod because;
mod calendar;
mod clock;
mod count;
mod decide;
mod entry;
mod eval;
mod example;
mod expr;
mod follow;
mod load;
mod logic;
mod needs;
mod profile;
mod regime;
#[cfg(test)]
mod tests;
mod view;

pub use calendar::Calendar;
pub use clock::clocks;
pub use entry::{Answer, Determination, Entry, Filing, Hold, Input, Reading};
pub use example::{Example, run_examples};
pub use expr::{Expr, Period, Unit};
pub use load::{Library, coverage, load, load_profile};
pub use profile::Profile;
pub use regime::{
    Confidence, Counting, DecisionSpec, FactKind, FactSpec, InForce, Regime, Source, Stage,
};
pub use view::{
    Citation, ClockStatus, ClockView, Explanation, Ground, NOTICE, Question, QuestionKind, Step,
};

pub(crate) use apply::apply;
pub(crate) use decide::decide;
pub(crate) use follow::{on_tick, react};

use std::{collections::BTreeMap, sync::LazyLock};

use jiff::{
    Timestamp,
    tz::{TimeZone, TimeZoneDatabase},
};
use watchfloor_types::{FactName, IncidentId, ObligationId};

/// The zones that are built in: the same rules on every machine, whatever is installed there.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The zone with this IANA name.
pub(crate) fn zone(name: &str) -> Option<TimeZone> {
    ZONES.get(name).ok()
}

/// How far a clock has come, as the journal has recorded it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Track {
    /// Where it stands.
    pub phase: Phase,
    /// When it was opened as a candidate.
    pub opened: Option<Timestamp>,
    /// When it was first known to run.
    pub started: Option<Timestamp>,
    /// From when it counts.
    pub from: Option<Timestamp>,
    /// The safe date when last recorded.
    pub safe: Option<Timestamp>,
    /// The outer date when last recorded.
    pub outer: Option<Timestamp>,
    /// Dates that passed without a filing.
    pub missed: Vec<Reading>,
    /// Filings, oldest first.
    pub filings: Vec<Filing>,
    /// A delay in force.
    pub hold: Option<Hold>,
}

/// Where a recorded clock stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// Nothing has begun.
    #[default]
    Idle,
    /// A candidate.
    Open,
    /// Running.
    Running,
    /// It does not apply after all.
    Closed,
}

/// This module's part of the state.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Obligations {
    determinations: BTreeMap<IncidentId, Vec<Determination>>,
    tracks: BTreeMap<(IncidentId, ObligationId), Track>,
}

impl Obligations {
    /// Every determination about `incident`, oldest first; a later one supersedes an earlier one.
    #[must_use]
    pub fn determinations(&self, incident: IncidentId) -> &[Determination] {
        self.determinations
            .get(&incident)
            .map_or(&[], Vec::as_slice)
    }
    /// The determination of `question` in force.
    #[must_use]
    pub fn determined(&self, incident: IncidentId, question: &FactName) -> Option<&Determination> {
        eval::determination(self.determinations(incident), question)
    }
    /// What the journal has recorded of a clock.
    #[must_use]
    pub fn track(&self, incident: IncidentId, stage: &ObligationId) -> Option<&Track> {
        self.tracks.get(&(incident, stage.clone()))
    }
    /// Filings of one stage, oldest first.
    #[must_use]
    pub fn filings(&self, incident: IncidentId, stage: &ObligationId) -> &[Filing] {
        self.track(incident, stage)
            .map_or(&[], |track| track.filings.as_slice())
    }
    /// The delay in force for one stage.
    #[must_use]
    pub fn hold(&self, incident: IncidentId, stage: &ObligationId) -> Option<&Hold> {
        self.track(incident, stage)
            .and_then(|track| track.hold.as_ref())
    }
}
