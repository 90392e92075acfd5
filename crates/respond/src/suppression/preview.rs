//! What a suppression would have hidden.

use std::collections::BTreeSet;

use jiff::Timestamp;
use watchfloor_types::{AlertId, FindingId, IncidentId};

use super::{Spec, covers};
use crate::{
    State,
    alert::{Alert, Status, Verdict},
};

/// Findings that are named.
const SHOWN: usize = 20;

/// What would have been hidden since a moment, of what is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preview {
    /// Findings in alerts.
    pub findings: u64,
    /// Findings that raised no alert, because of a stage or another suppression.
    pub held: u64,
    /// Alerts that hold one of them.
    pub alerts: BTreeSet<AlertId>,
    /// Alerts of which nothing would be left.
    pub whole: BTreeSet<AlertId>,
    /// Alerts among them that were found to be an attack, or belong to an incident with one that was.
    pub attacks: BTreeSet<AlertId>,
    /// Incidents of those alerts.
    pub incidents: BTreeSet<IncidentId>,
    /// The newest of the findings.
    pub newest: Vec<FindingId>,
}

/// What a suppression that says `spec` would have hidden since `since`.
#[must_use]
pub fn preview(state: &State, spec: &Spec, since: Timestamp) -> Preview {
    let mut seen = Preview::default();
    let mut newest: Vec<(Timestamp, FindingId)> = Vec::new();
    for alert in state.alerts.iter() {
        let mut left = 0;
        let mut hidden = 0;
        for finding in &alert.findings {
            if finding.time >= since && covers(state, spec, finding) {
                hidden += 1;
                newest.push((finding.time, finding.id));
            } else {
                left += 1;
            }
        }
        if hidden == 0 {
            continue;
        }
        seen.findings += hidden;
        seen.alerts.insert(alert.id);
        if left == 0 {
            seen.whole.insert(alert.id);
        }
        let incident = state.incidents.of_alert(alert.id);
        seen.incidents.extend(incident.map(|i| i.id));
        let beside = incident
            .into_iter()
            .flat_map(crate::incident::Incident::alerts)
            .filter_map(|id| state.alerts.get(id));
        if std::iter::once(alert).chain(beside).any(was_attack) {
            seen.attacks.insert(alert.id);
        }
    }
    for held in state.rules.held() {
        let finding = &held.finding;
        if finding.time >= since && covers(state, spec, finding) {
            seen.held += 1;
            newest.push((finding.time, finding.id));
        }
    }
    newest.sort_unstable_by(|a, b| b.cmp(a));
    seen.newest = newest.into_iter().take(SHOWN).map(|(_, id)| id).collect();
    seen
}

fn was_attack(alert: &Alert) -> bool {
    matches!(
        alert.status,
        Status::Closed {
            verdict: Verdict::TruePositive,
            ..
        }
    )
}
