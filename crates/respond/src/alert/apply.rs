//! What an entry changes.

use jiff::Timestamp;
use watchfloor_types::{Actor, AlertId, Finding, FindingId};

use super::{Alert, Alerts, Comment, Entry, Grouping, Status, forget, grouping};
use crate::State;

pub(crate) fn apply(state: &mut State, entry: &Entry, at: Timestamp) {
    let alerts = &mut state.alerts;
    match entry {
        Entry::Opened {
            alert,
            grouping,
            finding,
        } => {
            alerts.all.insert(
                *alert,
                opened(*alert, grouping.clone(), (**finding).clone(), at),
            );
            alerts.index(*alert);
        }
        Entry::FindingAdded { alert, finding } => {
            alerts.add(*alert, finding);
        }
        Entry::Acknowledged { alert, by } => alerts.change(*alert, |a| {
            a.status = Status::Acknowledged { by: by.clone(), at };
            if a.assignee.is_none() {
                a.assignee = by.user().cloned();
            }
        }),
        Entry::Assigned { alert, to, by: _ } => {
            alerts.change(*alert, |a| a.assignee.clone_from(to));
        }
        Entry::Closed {
            alert,
            verdict,
            reason,
            by,
        } => alerts.change(*alert, |a| {
            a.status = Status::Closed {
                verdict: *verdict,
                reason: reason.clone(),
                by: by.clone(),
                at,
            };
        }),
        Entry::Reopened { alert, reason, by } => alerts.change(*alert, |a| {
            a.status = Status::Acknowledged { by: by.clone(), at };
            a.comments
                .push(comment(by, at, format!("reopened: {reason}")));
        }),
        Entry::Merged {
            from,
            into,
            reason,
            by,
        } => {
            let mut moved = Vec::new();
            alerts.change(*from, |a| {
                // Ends first, so that its entities leave the index while it still holds them.
                a.status = Status::Merged { into: *into };
                a.comments
                    .push(comment(by, at, format!("merged: {reason}")));
                moved.clone_from(&a.findings);
            });
            if let Some(alert) = alerts.all.get_mut(from) {
                alert.findings.clear();
            }
            alerts.change(*into, |a| {
                for finding in moved {
                    a.add(finding);
                }
                a.comments.push(comment(
                    by,
                    at,
                    format!("took the findings of alert {from}: {reason}"),
                ));
            });
        }
        Entry::Split {
            from,
            into,
            findings,
            reason,
            by,
        } => split(
            alerts,
            (*from, *into),
            findings,
            &comment(by, at, reason.clone()),
        ),
        Entry::Commented { alert, text, by } => {
            alerts.change(*alert, |a| a.comments.push(comment(by, at, text.clone())));
        }
    }
}

fn opened(id: AlertId, grouping: Grouping, finding: Finding, at: Timestamp) -> Alert {
    Alert {
        id,
        title: finding.rule.title.clone(),
        grouping,
        severity: finding.severity,
        status: Status::New,
        assignee: None,
        first_seen: finding.time,
        last_seen: finding.time,
        findings: vec![finding],
        opened: at,
        comments: Vec::new(),
    }
}

fn comment(by: &Actor, at: Timestamp, text: String) -> Comment {
    Comment {
        by: by.clone(),
        at,
        text,
    }
}

fn split(
    alerts: &mut Alerts,
    (from, into): (AlertId, AlertId),
    findings: &[FindingId],
    said: &Comment,
) {
    let Some(old) = alerts.all.get_mut(&from) else {
        return;
    };
    let (leaving, staying): (Vec<Finding>, Vec<Finding>) = std::mem::take(&mut old.findings)
        .into_iter()
        .partition(|finding| findings.contains(&finding.id));
    old.findings = staying;
    old.recount();
    old.comments.push(Comment {
        text: format!(
            "{} findings became alert {into}: {}",
            leaving.len(),
            said.text
        ),
        ..said.clone()
    });
    let kept = old.entities();
    let mut leaving = leaving.into_iter();
    let Some(first) = leaving.next() else { return };
    let mut new = opened(into, grouping::of(&first), first, said.at);
    for finding in leaving {
        new.add(finding);
    }
    for entity in new.entities().difference(&kept) {
        forget(&mut alerts.open_by_entity, entity, from);
    }
    new.comments.push(Comment {
        text: format!("split from alert {from}: {}", said.text),
        ..said.clone()
    });
    alerts.all.insert(into, new);
    alerts.index(from);
    alerts.index(into);
}
