//! What findings and people do to alerts.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use watchfloor_types::{Actor, AlertId, Finding, FindingId};

use super::{Alert, Entry, Input, Status, WINDOW, grouping};
use crate::{
    Decision, Refusal, State,
    permit::{WORKERS, permit, said},
    rule,
};

pub(crate) fn decide(
    state: &State,
    actor: &Actor,
    input: Input,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let by = actor.clone();
    let entry = match input {
        Input::Acknowledge { alert } => {
            let found = allowed(state, actor, alert, "acknowledging an alert")?;
            match &found.status {
                Status::New => Entry::Acknowledged { alert, by },
                Status::Acknowledged { by, .. } => {
                    return Err(Refusal::Conflict(format!(
                        "{by} already looks at this alert"
                    )));
                }
                Status::Closed { .. } | Status::Merged { .. } => return Err(ended(found)),
            }
        }
        Input::Assign { alert, to } => {
            open(allowed(state, actor, alert, "assigning an alert")?)?;
            Entry::Assigned { alert, to, by }
        }
        Input::Close {
            alert,
            verdict,
            reason,
        } => {
            open(allowed(state, actor, alert, "closing an alert")?)?;
            let reason = said(&reason, "the reason")?;
            Entry::Closed {
                alert,
                verdict,
                reason,
                by,
            }
        }
        Input::Reopen { alert, reason } => {
            let found = allowed(state, actor, alert, "reopening an alert")?;
            let reason = said(&reason, "the reason")?;
            match found.status {
                Status::Closed { .. } => Entry::Reopened { alert, reason, by },
                Status::New | Status::Acknowledged { .. } => {
                    return Err(Refusal::Conflict("this alert is open".to_owned()));
                }
                Status::Merged { .. } => return Err(ended(found)),
            }
        }
        Input::Merge { from, into, reason } => {
            let a = open(allowed(state, actor, from, "merging alerts")?)?;
            let b = open(allowed(state, actor, into, "merging alerts")?)?;
            if from == into {
                return Err(Refusal::Invalid(
                    "an alert cannot be merged into itself".to_owned(),
                ));
            }
            if a.exercise() != b.exercise() {
                return Err(Refusal::Conflict(
                    "an alert of an exercise and another alert cannot be merged".to_owned(),
                ));
            }
            if a.tenant() != b.tenant() {
                return Err(Refusal::Conflict(format!(
                    "alerts of tenants {} and {} cannot be merged; put both into one incident instead",
                    a.tenant(),
                    b.tenant()
                )));
            }
            let reason = said(&reason, "the reason")?;
            Entry::Merged {
                from,
                into,
                reason,
                by,
            }
        }
        Input::Split {
            alert,
            findings,
            reason,
        } => {
            let found = open(allowed(state, actor, alert, "splitting an alert")?)?;
            let reason = said(&reason, "the reason")?;
            let leaving = leaving(found, &findings)?;
            let into = AlertId::minted(
                now,
                &[
                    b"alert split",
                    &state.applied().to_be_bytes(),
                    alert.uuid().as_bytes(),
                ],
            );
            Entry::Split {
                from: alert,
                into,
                findings: leaving,
                reason,
                by,
            }
        }
        Input::Comment { alert, text } => {
            allowed(state, actor, alert, "commenting on an alert")?;
            let text = said(&text, "the comment")?;
            Entry::Commented { alert, text, by }
        }
    };
    Ok(Decision::nothing().entry(crate::Entry::Alert(entry)))
}

/// Findings become alerts. A finding that is already held by an alert changes nothing.
pub(crate) fn on_findings(state: &State, findings: Vec<Finding>, now: Timestamp) -> Decision {
    let mut all = Decision::nothing();
    let mut batch = Batch::default();
    for finding in findings {
        if state.alerts.of_finding(finding.id).is_some()
            || state.rules.holds(finding.id)
            || !batch.taken.insert(finding.id)
        {
            continue;
        }
        if let Some(because) = rule::because(state, &finding, now) {
            all.entries.push(crate::Entry::Rule(rule::Entry::Held {
                finding: Box::new(finding),
                because,
            }));
            continue;
        }
        let key = grouping::of(&finding);
        let near = |last_seen: Timestamp| last_seen.duration_since(finding.time).abs() <= WINDOW;
        let known = state
            .alerts
            .open_like(&key)
            .filter(|alert| near(alert.last_seen))
            .map(|alert| alert.id)
            .next_back()
            .or_else(|| {
                let opened = batch.opened.get(&key)?;
                opened
                    .iter()
                    .rev()
                    .find(|(_, seen)| near(*seen))
                    .map(|(id, _)| *id)
            });
        let entry = if let Some(alert) = known {
            Entry::FindingAdded {
                alert,
                finding: Box::new(finding),
            }
        } else {
            let alert = AlertId::minted(now, &[b"alert", finding.id.uuid().as_bytes()]);
            batch
                .opened
                .entry(key.clone())
                .or_default()
                .push((alert, finding.time));
            Entry::Opened {
                alert,
                grouping: key,
                finding: Box::new(finding),
            }
        };
        all.entries.push(crate::Entry::Alert(entry));
    }
    all
}

/// What this batch has decided so far, not yet in the state.
#[derive(Default)]
struct Batch {
    taken: BTreeSet<FindingId>,
    opened: BTreeMap<grouping::Grouping, Vec<(AlertId, Timestamp)>>,
}

/// Closing an incident closes nothing here: a verdict is a person's.
pub(crate) fn react(_state: &State, _entry: &crate::Entry, _now: Timestamp) -> Decision {
    Decision::nothing()
}

fn allowed<'s>(
    state: &'s State,
    actor: &Actor,
    alert: AlertId,
    what: &'static str,
) -> Result<&'s Alert, Refusal> {
    let found = state.alerts.get(alert).ok_or_else(|| Refusal::NotFound {
        kind: "alert",
        id: alert.to_string(),
    })?;
    permit(actor, what, WORKERS, found.exercise())?;
    Ok(found)
}

fn open(alert: &Alert) -> Result<&Alert, Refusal> {
    if alert.is_open() {
        Ok(alert)
    } else {
        Err(ended(alert))
    }
}

fn ended(alert: &Alert) -> Refusal {
    Refusal::Conflict(match &alert.status {
        Status::Merged { into } => format!("this alert was merged into alert {into}"),
        Status::New | Status::Acknowledged { .. } | Status::Closed { .. } => {
            "this alert is closed; reopen it first".to_owned()
        }
    })
}

fn leaving(alert: &Alert, asked: &[FindingId]) -> Result<Vec<FindingId>, Refusal> {
    if let Some(stranger) = asked
        .iter()
        .find(|id| alert.findings.iter().all(|f| f.id != **id))
    {
        return Err(Refusal::NotFound {
            kind: "finding in this alert",
            id: stranger.to_string(),
        });
    }
    let leaving: Vec<FindingId> = alert
        .findings
        .iter()
        .map(|f| f.id)
        .filter(|id| asked.contains(id))
        .collect();
    if leaving.is_empty() {
        return Err(Refusal::Invalid("name the findings that leave".to_owned()));
    }
    if leaving.len() == alert.findings.len() {
        return Err(Refusal::Invalid(
            "all findings would leave; nothing to split".to_owned(),
        ));
    }
    Ok(leaving)
}
