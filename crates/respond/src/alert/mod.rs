//! Alerts: grouped findings that ask a person to look.

mod decide;
mod grouping;
mod verdict;

pub use grouping::{Family, Grouping, WINDOW};
pub use verdict::Verdict;

pub(crate) use decide::{decide, on_findings, react};

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use watchfloor_types::{
    Actor, AlertId, EventId, ExerciseId, Finding, FindingId, Severity, TenantId, UserId,
};

use crate::{
    Need, NeedKind, State,
    entity::{self, Entity},
    need::Needs,
};

/// An alert. The findings are kept whole, so that it explains itself without another look-up.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Its id.
    pub id: AlertId,
    /// The title of the rule behind the first finding.
    pub title: String,
    /// Why its findings are together.
    pub grouping: Grouping,
    /// The worst of its findings.
    pub severity: Severity,
    /// Where it stands.
    pub status: Status,
    /// Who works on it.
    pub assignee: Option<UserId>,
    /// Its findings in the order in which they came.
    pub findings: Vec<Finding>,
    /// Time of the earliest finding.
    pub first_seen: Timestamp,
    /// Time of the latest finding.
    pub last_seen: Timestamp,
    /// When it was opened.
    pub opened: Timestamp,
    /// What people said and did.
    pub comments: Vec<Comment>,
}

/// Where an alert stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Nobody has looked.
    New,
    /// Somebody has looked.
    Acknowledged {
        /// Who.
        by: Actor,
        /// When.
        at: Timestamp,
    },
    /// Somebody has concluded.
    Closed {
        /// What.
        verdict: Verdict,
        /// Why.
        reason: String,
        /// Who.
        by: Actor,
        /// When.
        at: Timestamp,
    },
    /// Its findings now belong to another alert.
    Merged {
        /// Which.
        into: AlertId,
    },
}

/// A remark of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// What.
    pub text: String,
}

impl Alert {
    /// Whose it is.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.grouping.tenant
    }
    /// The exercise it belongs to.
    #[must_use]
    pub fn exercise(&self) -> Option<ExerciseId> {
        self.grouping.exercise
    }
    /// Whether it still asks for a person.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match self.status {
            Status::New | Status::Acknowledged { .. } => true,
            Status::Closed { .. } | Status::Merged { .. } => false,
        }
    }
    /// The word for where it stands.
    #[must_use]
    pub fn status_word(&self) -> &'static str {
        match self.status {
            Status::New => "new",
            Status::Acknowledged { .. } => "acknowledged",
            Status::Closed { .. } => "closed",
            Status::Merged { .. } => "merged",
        }
    }
    /// Strong entities of all findings, each once.
    #[must_use]
    pub fn entities(&self) -> BTreeSet<Entity> {
        self.findings.iter().flat_map(entity::strong).collect()
    }
    /// Technique ids of all findings, each once.
    #[must_use]
    pub fn techniques(&self) -> BTreeSet<&str> {
        self.findings
            .iter()
            .flat_map(|f| f.techniques.iter().map(String::as_str))
            .collect()
    }
    /// Events of all findings, each once.
    #[must_use]
    pub fn events(&self) -> BTreeSet<EventId> {
        self.findings
            .iter()
            .flat_map(|f| f.events.clone())
            .collect()
    }
    /// Runbooks that the rules name, each once.
    #[must_use]
    pub fn runbooks(&self) -> BTreeSet<&str> {
        self.findings
            .iter()
            .filter_map(|f| f.runbook.as_deref())
            .collect()
    }
    fn add(&mut self, finding: Finding) {
        self.severity = self.severity.max(finding.severity);
        self.first_seen = self.first_seen.min(finding.time);
        self.last_seen = self.last_seen.max(finding.time);
        self.findings.push(finding);
    }
    /// Recomputes what depends on the findings after some have left.
    fn recount(&mut self) {
        if let Some(first) = self.findings.first() {
            self.severity = first.severity;
            self.first_seen = first.time;
            self.last_seen = first.time;
        }
        for finding in &self.findings {
            self.severity = self.severity.max(finding.severity);
            self.first_seen = self.first_seen.min(finding.time);
            self.last_seen = self.last_seen.max(finding.time);
        }
    }
}

/// What a person may ask.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// I look at it.
    Acknowledge {
        /// The alert.
        alert: AlertId,
    },
    /// Somebody shall work on it, or nobody.
    Assign {
        /// The alert.
        alert: AlertId,
        /// Who.
        to: Option<UserId>,
    },
    /// It is concluded.
    Close {
        /// The alert.
        alert: AlertId,
        /// What is concluded.
        verdict: Verdict,
        /// Why.
        reason: String,
    },
    /// The conclusion was wrong.
    Reopen {
        /// The alert.
        alert: AlertId,
        /// Why.
        reason: String,
    },
    /// Two alerts are one.
    Merge {
        /// Ends.
        from: AlertId,
        /// Takes the findings.
        into: AlertId,
        /// Why.
        reason: String,
    },
    /// Some findings are another alert.
    Split {
        /// The alert.
        alert: AlertId,
        /// The findings that leave; not all.
        findings: Vec<FindingId>,
        /// Why.
        reason: String,
    },
    /// A remark.
    Comment {
        /// The alert.
        alert: AlertId,
        /// What.
        text: String,
    },
}

/// What the journal keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Entry {
    /// A finding that fits no open alert opened one.
    Opened {
        /// The alert.
        alert: AlertId,
        /// Its key.
        grouping: Grouping,
        /// The first finding.
        finding: Box<Finding>,
    },
    /// A finding joined.
    FindingAdded {
        /// The alert.
        alert: AlertId,
        /// The finding.
        finding: Box<Finding>,
    },
    /// Somebody looks at it.
    Acknowledged {
        /// The alert.
        alert: AlertId,
        /// Who.
        by: Actor,
    },
    /// Somebody works on it, or nobody any more.
    Assigned {
        /// The alert.
        alert: AlertId,
        /// Who.
        to: Option<UserId>,
        /// Who said so.
        by: Actor,
    },
    /// It is concluded.
    Closed {
        /// The alert.
        alert: AlertId,
        /// What.
        verdict: Verdict,
        /// Why.
        reason: String,
        /// Who.
        by: Actor,
    },
    /// The conclusion no longer holds.
    Reopened {
        /// The alert.
        alert: AlertId,
        /// Why.
        reason: String,
        /// Who.
        by: Actor,
    },
    /// All findings went to another alert.
    Merged {
        /// The alert that ended.
        from: AlertId,
        /// The alert that took them.
        into: AlertId,
        /// Why.
        reason: String,
        /// Who.
        by: Actor,
    },
    /// Some findings became another alert.
    Split {
        /// The alert they left.
        from: AlertId,
        /// The new alert.
        into: AlertId,
        /// Which.
        findings: Vec<FindingId>,
        /// Why.
        reason: String,
        /// Who.
        by: Actor,
    },
    /// A remark.
    Commented {
        /// The alert.
        alert: AlertId,
        /// What.
        text: String,
        /// Who.
        by: Actor,
    },
}

/// This module's part of the state.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Alerts {
    all: BTreeMap<AlertId, Alert>,
    by_finding: BTreeMap<FindingId, AlertId>,
    open_by_key: BTreeMap<Grouping, BTreeSet<AlertId>>,
    open_by_entity: BTreeMap<Entity, BTreeSet<AlertId>>,
}

impl Alerts {
    /// The alert with this id.
    #[must_use]
    pub fn get(&self, id: AlertId) -> Option<&Alert> {
        self.all.get(&id)
    }
    /// The alert that holds a finding.
    #[must_use]
    pub fn of_finding(&self, finding: FindingId) -> Option<AlertId> {
        self.by_finding.get(&finding).copied()
    }
    /// Every alert, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Alert> {
        self.all.values()
    }
    /// Alerts that ask for a person, most urgent first: nobody has looked, then severity, then
    /// the longest waiting.
    #[must_use]
    pub fn open(&self) -> Vec<&Alert> {
        let mut open: Vec<&Alert> = self.all.values().filter(|alert| alert.is_open()).collect();
        open.sort_by_key(|alert| {
            (
                alert.status != Status::New,
                std::cmp::Reverse(alert.severity),
                alert.opened,
                alert.id,
            )
        });
        open
    }
    /// Open alerts that hold `entity`.
    pub(crate) fn open_with<'s>(
        &'s self,
        entity: &Entity,
    ) -> impl Iterator<Item = &'s Alert> + use<'s> {
        self.open_by_entity
            .get(entity)
            .into_iter()
            .flatten()
            .filter_map(|id| self.all.get(id))
    }
    /// Open alerts with this key.
    fn open_like<'s>(
        &'s self,
        key: &Grouping,
    ) -> impl DoubleEndedIterator<Item = &'s Alert> + use<'s> {
        self.open_by_key
            .get(key)
            .into_iter()
            .flatten()
            .filter_map(|id| self.all.get(id))
    }
    /// Brings the indexes up to date with an alert that opened, ended or changed its findings.
    fn index(&mut self, id: AlertId) {
        let Some(alert) = self.all.get(&id) else {
            return;
        };
        for finding in &alert.findings {
            self.by_finding.insert(finding.id, id);
        }
        if alert.is_open() {
            let key = alert.grouping.clone();
            self.open_by_key.entry(key).or_default().insert(id);
            for entity in alert.entities() {
                self.open_by_entity.entry(entity).or_default().insert(id);
            }
        } else {
            forget(&mut self.open_by_key, &alert.grouping, id);
            for entity in alert.entities() {
                forget(&mut self.open_by_entity, &entity, id);
            }
        }
    }
    /// One more finding; cheaper than [`Self::index`] for an alert with thousands.
    fn add(&mut self, id: AlertId, finding: &Finding) {
        let Some(alert) = self.all.get_mut(&id) else {
            return;
        };
        alert.add(finding.clone());
        self.by_finding.insert(finding.id, id);
        if alert.is_open() {
            for entity in entity::strong(finding) {
                self.open_by_entity.entry(entity).or_default().insert(id);
            }
        }
    }
    fn change(&mut self, id: AlertId, change: impl FnOnce(&mut Alert)) {
        if let Some(alert) = self.all.get_mut(&id) {
            change(alert);
        }
        self.index(id);
    }
}

fn forget<K: Ord>(index: &mut BTreeMap<K, BTreeSet<AlertId>>, key: &K, id: AlertId) {
    if let Some(ids) = index.get_mut(key) {
        ids.remove(&id);
        if ids.is_empty() {
            index.remove(key);
        }
    }
}

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
            alerts.change(*alert, |a| a.assignee.clone_from(to))
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

impl Needs for Alerts {
    fn needs(&self, _state: &State, _now: Timestamp) -> Vec<Need> {
        self.all
            .values()
            .filter(|alert| alert.status == Status::New && alert.severity >= Severity::Medium)
            .map(|alert| Need {
                kind: NeedKind::Alert,
                title: format!("look at {} alert: {}", alert.severity, alert.title),
                roles: crate::permit::WORKERS.to_vec(),
                due: None,
                link: format!("/alerts/{}", alert.id),
                incident: None,
                exercise: alert.exercise().is_some(),
            })
            .collect()
    }
}
