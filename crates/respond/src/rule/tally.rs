//! What came of each rule: volume, verdicts, open alerts.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use watchfloor_types::{AlertId, RuleId};

use crate::{
    State,
    alert::{Status, Verdict},
};

/// What came of one rule. What exercises emitted is counted apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Findings in alerts.
    pub alerted: u64,
    /// Findings recorded without an alert because of the rule's stage.
    pub testing: u64,
    /// Findings that a suppression hid.
    pub suppressed: u64,
    /// Findings in alerts that an exercise emitted.
    pub exercised: u64,
    /// Time of the first finding in an alert.
    pub first: Option<Timestamp>,
    /// Time of the last finding in an alert.
    pub last: Option<Timestamp>,
    /// Findings by day since 1970, of all three kinds.
    pub days: BTreeMap<i64, u64>,
    /// Alerts that ask for a person.
    pub open: BTreeSet<AlertId>,
    /// Alerts that were closed, by verdict; each counts once for each rule in it.
    pub verdicts: BTreeMap<Verdict, u64>,
}

impl Tally {
    /// Closed alerts.
    #[must_use]
    pub fn closed(&self) -> u64 {
        self.verdicts.values().sum()
    }
}

/// What came of every rule that found something.
#[must_use]
pub fn tally(state: &State) -> BTreeMap<RuleId, Tally> {
    let mut all: BTreeMap<RuleId, Tally> = BTreeMap::new();
    for alert in state.alerts.iter() {
        let mut rules: BTreeSet<&RuleId> = BTreeSet::new();
        for finding in &alert.findings {
            let into = entry(&mut all, &finding.rule.id);
            if finding.mark.is_some() {
                into.exercised += 1;
                continue;
            }
            rules.insert(&finding.rule.id);
            into.alerted += 1;
            into.first = Some(into.first.map_or(finding.time, |t| t.min(finding.time)));
            into.last = Some(into.last.map_or(finding.time, |t| t.max(finding.time)));
            *into
                .days
                .entry(finding.time.as_second().div_euclid(86_400))
                .or_default() += 1;
        }
        for rule in rules {
            let into = entry(&mut all, rule);
            match &alert.status {
                Status::New | Status::Acknowledged { .. } => drop(into.open.insert(alert.id)),
                Status::Closed { verdict, .. } => *into.verdicts.entry(*verdict).or_default() += 1,
                Status::Merged { .. } => {}
            }
        }
    }
    for (rule, days) in state.rules.all_quiet() {
        let into = entry(&mut all, rule);
        for (day, quiet) in days {
            into.testing += quiet.testing;
            into.suppressed += quiet.suppressed;
            *into.days.entry(*day).or_default() += quiet.testing + quiet.suppressed;
        }
    }
    all
}

fn entry<'a>(all: &'a mut BTreeMap<RuleId, Tally>, rule: &RuleId) -> &'a mut Tally {
    // Most findings are of a rule that is there already: no clone for them.
    if !all.contains_key(rule) {
        all.insert(rule.clone(), Tally::default());
    }
    all.entry(rule.clone()).or_default()
}
