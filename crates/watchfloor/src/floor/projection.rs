//! What other programs read with SQL: one row per alert and incident, written with its entries.

use std::collections::BTreeSet;

use watchfloor_respond::{Entry, State, alert};
use watchfloor_store::Transaction;
use watchfloor_types::AlertId;

use crate::api::view;

/// Findings of an alert in its row; a busy alert has a great many.
const SHOWN: usize = 20;

/// Adds the rows that `entries` changed.
pub(super) fn project(
    mut transaction: Transaction,
    state: &State,
    entries: &[Entry],
) -> Transaction {
    let mut alerts = BTreeSet::new();
    let mut incidents = BTreeSet::new();
    for entry in entries {
        match entry {
            Entry::Alert(e) => alerts.extend(touched(e)),
            Entry::Incident(e) => drop(incidents.insert(e.incident())),
            Entry::Run(_)
            | Entry::Oncall(_)
            | Entry::Obligation(_)
            | Entry::Comms(_)
            | Entry::Exercise(_)
            | Entry::Rule(_)
            | Entry::Suppression(_) => {}
        }
    }
    for id in alerts {
        if let Some(alert) = state.alerts.get(id) {
            let body = serde_json::to_string(&view::alert(state, alert, SHOWN)).unwrap_or_default();
            transaction = transaction.project(
                "alert",
                &id.to_string(),
                alert.opened.as_microsecond(),
                body,
            );
        }
    }
    for id in incidents {
        if let Some(incident) = state.incidents.get(id) {
            let body = serde_json::to_string(&view::incident(state, incident)).unwrap_or_default();
            transaction = transaction.project(
                "incident",
                &id.to_string(),
                incident.opened.as_microsecond(),
                body,
            );
        }
    }
    transaction
}

/// Alerts that an entry changes.
fn touched(entry: &alert::Entry) -> Vec<AlertId> {
    match entry {
        alert::Entry::Opened { alert, .. }
        | alert::Entry::FindingAdded { alert, .. }
        | alert::Entry::Acknowledged { alert, .. }
        | alert::Entry::Assigned { alert, .. }
        | alert::Entry::Closed { alert, .. }
        | alert::Entry::Reopened { alert, .. }
        | alert::Entry::Commented { alert, .. } => vec![*alert],
        alert::Entry::Merged { from, into, .. } | alert::Entry::Split { from, into, .. } => {
            vec![*from, *into]
        }
    }
}
