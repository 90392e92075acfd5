//! Everything that entries have established so far.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    Content, Entry, Need, alert, comms, exercise, incident,
    need::{self, Needs},
    obligation, oncall, rule, runbook, suppression,
};

/// The state of the floor: a fold of the journal. The same entries give the same state.
#[derive(Debug, Clone)]
pub struct State {
    /// Runbooks, regimes and so on.
    pub content: Arc<Content>,
    /// Alerts.
    pub alerts: alert::Alerts,
    /// Incidents.
    pub incidents: incident::Incidents,
    /// Runs of runbooks.
    pub runs: runbook::Runs,
    /// Pages and duty.
    pub oncall: oncall::Oncall,
    /// Clocks and filings.
    pub obligations: obligation::Obligations,
    /// Drafts and messages.
    pub comms: comms::Comms,
    /// Exercises in play or played.
    pub exercises: exercise::Exercises,
    /// Stages and texts of rules, findings that raised no alert.
    pub rules: rule::Rules,
    /// Suppressions.
    pub suppressions: suppression::Suppressions,
    /// Entries applied so far; the salt of the ids that decisions mint.
    applied: u64,
}

impl State {
    /// The state before the first entry.
    #[must_use]
    pub fn new(content: Arc<Content>) -> Self {
        Self {
            content,
            alerts: alert::Alerts::default(),
            incidents: incident::Incidents::default(),
            runs: runbook::Runs::default(),
            oncall: oncall::Oncall::default(),
            obligations: obligation::Obligations::default(),
            comms: comms::Comms::default(),
            exercises: exercise::Exercises::default(),
            rules: rule::Rules::default(),
            suppressions: suppression::Suppressions::default(),
            applied: 0,
        }
    }

    /// Number of entries applied so far.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// What needs a person at `now`, most urgent first.
    #[must_use]
    pub fn needs(&self, now: Timestamp) -> Vec<Need> {
        let parts: [&dyn Needs; 9] = [
            &self.alerts,
            &self.incidents,
            &self.runs,
            &self.oncall,
            &self.obligations,
            &self.comms,
            &self.exercises,
            &self.rules,
            &self.suppressions,
        ];
        let mut needs: Vec<Need> = parts
            .iter()
            .flat_map(|part| part.needs(self, now))
            .collect();
        need::sort(&mut needs);
        needs
    }

    /// Applies one entry. Replaying the journal is calling this for each entry in order.
    pub fn apply(&mut self, entry: &Entry, at: Timestamp) {
        self.applied += 1;
        match entry {
            Entry::Alert(e) => alert::apply(self, e, at),
            Entry::Incident(e) => incident::apply(self, e, at),
            Entry::Run(e) => runbook::apply(self, e, at),
            Entry::Oncall(e) => oncall::apply(self, e, at),
            Entry::Obligation(e) => obligation::apply(self, e, at),
            Entry::Comms(e) => comms::apply(self, e, at),
            Entry::Exercise(e) => exercise::apply(self, e, at),
            Entry::Rule(e) => rule::apply(self, e, at),
            Entry::Suppression(e) => suppression::apply(self, e, at),
        }
    }
}
