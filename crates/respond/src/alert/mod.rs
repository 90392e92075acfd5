//! Alerts: grouped findings that ask a person to look.

mod apply;
mod decide;
mod entry;
mod grouping;
mod verdict;

pub use entry::{Entry, Input};
pub use grouping::{Family, Grouping, WINDOW};
pub use verdict::Verdict;

pub(crate) use apply::apply;
pub(crate) use decide::{decide, on_findings, react};

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
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
