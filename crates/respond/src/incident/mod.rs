//! Incidents: facts, severity, status, roles, timeline.

mod apply;
mod decide;
mod entry;
mod fact;
mod policy;
mod timeline;

pub use entry::{Entry, Input};
pub use fact::{Fact, FactValue, Facts, Known, name as fact_name};
pub use policy::{JOIN_WINDOW, OPEN_FROM};
pub use timeline::{Link, TimelineItem, TimelineKind};

pub(crate) use apply::apply;
pub(crate) use decide::decide;
pub(crate) use policy::react;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use watchfloor_types::{
    Actor, AlertId, DecisionId, EventId, ExerciseId, FindingId, IncidentId, Severity, UserId,
};

use crate::{Need, State, entity::Entity, need::Needs, word::words};

words! {
    /// Where an incident stands (OCSF 1.8, Incident Finding 2005, `status_id`).
    Status, "an incident status", {
        /// Nobody works on it yet.
        New = "new",
        /// Somebody works on it.
        InProgress = "in-progress",
        /// It waits for something.
        OnHold = "on-hold",
        /// The harm has stopped; follow-up remains.
        Resolved = "resolved",
        /// Nothing remains.
        Closed = "closed",
    }
}

impl Status {
    /// The number of OCSF `status_id`.
    #[must_use]
    pub const fn ocsf_id(self) -> u8 {
        self as u8 + 1
    }
    /// Whether related alerts still join.
    #[must_use]
    pub const fn is_open(self) -> bool {
        match self {
            Self::New | Self::InProgress | Self::OnHold => true,
            Self::Resolved | Self::Closed => false,
        }
    }
}

words! {
    /// A role in the response to one incident.
    IncidentRole, "a role in an incident", {
        /// Leads and decides.
        Commander = "commander",
        /// Leads the technical work.
        Technical = "technical",
        /// Owns the agent or model.
        Owner = "owner",
        /// Writes to customers and the press.
        Comms = "comms",
        /// Advises on law.
        Legal = "legal",
        /// Advises on personal data.
        Privacy = "privacy",
        /// Keeps the record.
        Scribe = "scribe",
        /// Accepts risk.
        Executive = "executive",
    }
}

/// Who decided what, on what ground.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionRecord {
    /// Its id.
    pub id: DecisionId,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Actor,
    /// The question.
    pub question: String,
    /// The answer.
    pub answer: String,
    /// Why.
    pub reason: String,
}

/// Why an alert belongs to an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The alert.
    pub alert: AlertId,
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub reason: String,
    /// Who put it there.
    pub by: Actor,
}

/// An incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// Its id.
    pub id: IncidentId,
    /// Its short name: `INC-2026-0001`.
    pub name: String,
    /// What it is called.
    pub title: String,
    /// How bad it is.
    pub severity: Severity,
    /// Where it stands.
    pub status: Status,
    /// Why it was resolved or closed.
    pub resolution: Option<String>,
    /// The incident that took everything, if it was merged.
    pub merged_into: Option<IncidentId>,
    /// The exercise it belongs to.
    pub exercise: Option<ExerciseId>,
    /// When it was opened.
    pub opened: Timestamp,
    /// When its status last changed.
    pub status_since: Timestamp,
    /// Who opened it.
    pub opened_by: Actor,
    /// Why it was opened.
    pub reason: String,
    /// Who holds which role.
    pub roles: BTreeMap<IncidentRole, UserId>,
    /// Its alerts in the order in which they joined, with the reason.
    pub members: Vec<Membership>,
    /// What is known.
    pub facts: Facts,
    /// Decisions, oldest first.
    pub decisions: Vec<DecisionRecord>,
    /// Strong entities of its findings; grows with what joins.
    pub entities: BTreeSet<Entity>,
    /// Its findings, in the order in which they joined.
    pub findings: Vec<FindingId>,
    /// Time of the earliest and latest finding.
    pub span: Option<(Timestamp, Timestamp)>,
    /// What happened, in the order in which it was recorded.
    pub timeline: Vec<TimelineItem>,
    /// Alerts that a person took out; they do not join again by themselves.
    detached: BTreeSet<AlertId>,
}

impl Incident {
    /// Its alerts in the order in which they joined.
    pub fn alerts(&self) -> impl Iterator<Item = AlertId> {
        self.members.iter().map(|member| member.alert)
    }
    /// Whether related alerts still join.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.status.is_open() && self.merged_into.is_none()
    }
    /// Events of its findings, each once.
    #[must_use]
    pub fn events(&self, state: &State) -> BTreeSet<EventId> {
        self.alerts()
            .filter_map(|alert| state.alerts.get(alert))
            .flat_map(crate::alert::Alert::events)
            .collect()
    }
    /// Other incidents, open or not, that share a strong entity, with what they share. They belong
    /// to the same exercise or to none.
    #[must_use]
    pub fn related(&self, state: &State) -> BTreeMap<IncidentId, Entity> {
        let mut related = BTreeMap::new();
        for entity in &self.entities {
            for other in state.incidents.with(entity) {
                if other.id != self.id && other.exercise == self.exercise {
                    related.entry(other.id).or_insert_with(|| entity.clone());
                }
            }
        }
        related
    }
}

/// This module's part of the state.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Incidents {
    all: BTreeMap<IncidentId, Incident>,
    by_alert: BTreeMap<AlertId, IncidentId>,
    by_entity: BTreeMap<Entity, BTreeSet<IncidentId>>,
    by_name: BTreeMap<String, IncidentId>,
}

impl Incidents {
    /// The incident with this id.
    #[must_use]
    pub fn get(&self, id: IncidentId) -> Option<&Incident> {
        self.all.get(&id)
    }
    /// The incident with this id, or the one that took it over.
    #[must_use]
    pub fn current(&self, id: IncidentId) -> Option<&Incident> {
        let mut found = self.all.get(&id)?;
        // A merge needs two live incidents, so the chain has no circle; the bound is a belt.
        for _ in 0..self.all.len() {
            match found.merged_into.and_then(|into| self.all.get(&into)) {
                Some(into) => found = into,
                None => break,
            }
        }
        Some(found)
    }
    /// The incident with this short name: `INC-2026-0001`.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Incident> {
        self.by_name.get(name).and_then(|id| self.all.get(id))
    }
    /// The incident that an alert belongs to.
    #[must_use]
    pub fn of_alert(&self, alert: AlertId) -> Option<&Incident> {
        self.by_alert.get(&alert).and_then(|id| self.all.get(id))
    }
    /// Every incident, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Incident> {
        self.all.values()
    }
    /// Open incidents, most urgent first: severity, then nobody works on it, then the oldest.
    #[must_use]
    pub fn open(&self) -> Vec<&Incident> {
        let mut open: Vec<&Incident> = self.all.values().filter(|i| i.is_open()).collect();
        open.sort_by_key(|i| (std::cmp::Reverse(i.severity), i.status, i.opened, i.id));
        open
    }
    /// Incidents, open or not, that hold `entity`, oldest first.
    pub(crate) fn with<'s>(
        &'s self,
        entity: &Entity,
    ) -> impl Iterator<Item = &'s Incident> + use<'s> {
        self.by_entity
            .get(entity)
            .into_iter()
            .flatten()
            .filter_map(|id| self.all.get(id))
    }
    /// Adds a line to the timeline of `incident`. For the `apply` of any module.
    pub(crate) fn log(&mut self, incident: IncidentId, item: TimelineItem) {
        let id = self.current(incident).map_or(incident, |found| found.id);
        if let Some(incident) = self.all.get_mut(&id) {
            incident.timeline.push(item);
        }
    }
    /// The short name of the next incident opened in `year`.
    fn next_name(&self, year: i16) -> String {
        let prefix = format!("INC-{year:04}-");
        let count = self
            .by_name
            .keys()
            .filter(|name| name.starts_with(&prefix))
            .count();
        format!("{prefix}{:04}", count + 1)
    }
}

impl Needs for Incidents {
    /// An incident asks through its pages, runs, clocks and drafts, never by itself.
    fn needs(&self, _state: &State, _now: Timestamp) -> Vec<Need> {
        Vec::new()
    }
}
