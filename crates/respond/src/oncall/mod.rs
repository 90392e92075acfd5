//! On-call: pages, acknowledgement, escalation.

mod decide;
mod entry;
mod policy;

pub use entry::{Entry, Input};
pub use policy::{Escalation, EscalationLevel, Target, parse};

pub(crate) use decide::{decide, on_outcome, on_tick, page, react};

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use watchfloor_types::{
    Actor, Effect, EffectKey, EscalationId, ExerciseId, IncidentId, OutcomeStatus, PageId, Severity,
};

use crate::{
    Need, NeedKind, State,
    incident::{Link, TimelineItem, TimelineKind},
    need::Needs,
};

/// A message to responders that demands an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Its id.
    pub id: PageId,
    /// The policy.
    pub policy: EscalationId,
    /// The levels of the policy when it was sent.
    pub levels: Vec<EscalationLevel>,
    /// How often they start over.
    pub repeat: u32,
    /// The incident.
    pub incident: IncidentId,
    /// What it says.
    pub text: String,
    /// How bad the incident was.
    pub severity: Severity,
    /// The exercise it belongs to.
    pub exercise: Option<ExerciseId>,
    /// When it was sent.
    pub opened: Timestamp,
    /// Who asked for it.
    pub by: Actor,
    /// Where it stands.
    pub status: PageStatus,
    /// Its messages and what came of them.
    pub messages: Vec<Message>,
}

/// Where a page stands.
#[derive(Debug, Clone, PartialEq)]
pub enum PageStatus {
    /// Nobody has answered.
    Ringing {
        /// The level that is told next, counted on over repetitions from 0.
        turn: u32,
        /// When.
        next: Timestamp,
    },
    /// Somebody has answered.
    Acknowledged {
        /// Who.
        by: Actor,
        /// When.
        at: Timestamp,
    },
    /// Nobody answered and nobody is left.
    Exhausted {
        /// Since when.
        at: Timestamp,
    },
    /// It is no longer needed.
    Ended {
        /// Since when.
        at: Timestamp,
        /// Why.
        reason: String,
    },
}

/// One message of a page.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The level, counted on over repetitions from 0.
    pub turn: u32,
    /// What was asked for.
    pub effect: Effect,
    /// What came of it, with the number of times nobody knew.
    pub status: Option<OutcomeStatus>,
    /// How often nobody knew what came of it.
    pub doubts: u32,
}

impl Page {
    /// Whether it demands an answer.
    #[must_use]
    pub fn is_ringing(&self) -> bool {
        matches!(self.status, PageStatus::Ringing { .. })
    }
    /// The level of a turn; none when all repetitions are over.
    fn level(&self, turn: u32) -> Option<&EscalationLevel> {
        let count = u32::try_from(self.levels.len()).ok().filter(|n| *n > 0)?;
        if turn / count > self.repeat {
            return None;
        }
        self.levels.get(usize::try_from(turn % count).ok()?)
    }
}

/// This module's part of the state.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Oncall {
    all: BTreeMap<PageId, Page>,
    ringing: BTreeSet<PageId>,
    causes: BTreeMap<String, PageId>,
    by_effect: BTreeMap<EffectKey, PageId>,
}

impl Oncall {
    /// The page with this id.
    #[must_use]
    pub fn get(&self, id: PageId) -> Option<&Page> {
        self.all.get(&id)
    }
    /// Every page, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Page> {
        self.all.values()
    }
    /// Pages that nobody has answered, the next escalation first.
    #[must_use]
    pub fn ringing(&self) -> Vec<&Page> {
        let mut ringing: Vec<&Page> = self
            .ringing
            .iter()
            .filter_map(|id| self.all.get(id))
            .collect();
        ringing.sort_by_key(|page| match page.status {
            PageStatus::Ringing { next, .. } => (Some(next), page.id),
            PageStatus::Acknowledged { .. }
            | PageStatus::Exhausted { .. }
            | PageStatus::Ended { .. } => (None, page.id),
        });
        ringing
    }
    /// Pages for an incident, oldest first.
    pub fn of_incident(&self, incident: IncidentId) -> impl Iterator<Item = &Page> {
        self.all
            .values()
            .filter(move |page| page.incident == incident)
    }
    /// Messages whose outcome is not known, for a restart to ask for again with the same keys.
    pub fn pending_effects(&self) -> impl Iterator<Item = &Effect> {
        self.ringing
            .iter()
            .filter_map(|id| self.all.get(id))
            .flat_map(|page| &page.messages)
            .filter(|message| message.status.is_none())
            .map(|message| &message.effect)
    }
    /// The page that has this cause.
    pub(crate) fn by_cause(&self, cause: &str) -> Option<PageId> {
        self.causes.get(cause).copied()
    }
}

pub(crate) fn apply(state: &mut State, entry: &Entry, at: Timestamp) {
    log(state, entry, at);
    let oncall = &mut state.oncall;
    if let Entry::Paged {
        page,
        policy,
        levels,
        repeat,
        incident,
        text,
        severity,
        cause,
        exercise,
        by,
    } = entry
    {
        oncall.causes.insert(cause.clone(), *page);
        oncall.ringing.insert(*page);
        oncall.all.insert(
            *page,
            Page {
                id: *page,
                policy: policy.clone(),
                levels: levels.clone(),
                repeat: *repeat,
                incident: *incident,
                text: text.clone(),
                severity: *severity,
                exercise: *exercise,
                opened: at,
                by: by.clone(),
                status: PageStatus::Ringing { turn: 0, next: at },
                messages: Vec::new(),
            },
        );
        return;
    }
    let Some(page) = oncall.all.get_mut(&entry.page()) else {
        return;
    };
    match entry {
        Entry::Paged { .. } => {}
        Entry::Notified {
            turn,
            effects,
            next,
            ..
        } => {
            for effect in effects {
                oncall.by_effect.insert(effect.key.clone(), page.id);
                page.messages.push(Message {
                    turn: *turn,
                    effect: effect.clone(),
                    status: None,
                    doubts: 0,
                });
            }
            if page.is_ringing() {
                page.status = PageStatus::Ringing {
                    turn: turn + 1,
                    next: *next,
                };
            }
        }
        Entry::Delivery { key, status, .. } => {
            if let Some(message) = page.messages.iter_mut().find(|m| m.effect.key == *key) {
                message.status = Some(*status);
                message.doubts += u32::from(*status == OutcomeStatus::InDoubt);
            }
        }
        Entry::Acknowledged { by, .. } => {
            page.status = PageStatus::Acknowledged { by: by.clone(), at };
        }
        Entry::Exhausted { .. } => page.status = PageStatus::Exhausted { at },
        Entry::Ended { reason, .. } => {
            page.status = PageStatus::Ended {
                at,
                reason: reason.clone(),
            };
        }
    }
    if !page.is_ringing() {
        oncall.ringing.remove(&page.id);
    }
}

fn log(state: &mut State, entry: &Entry, at: Timestamp) {
    let known = state.oncall.get(entry.page());
    let (incident, text, by) = match (entry, known) {
        (
            Entry::Paged {
                incident,
                policy,
                text,
                by,
                ..
            },
            _,
        ) => (*incident, format!("paged {policy}: {text}"), by.clone()),
        (Entry::Notified { turn, effects, .. }, Some(page)) => {
            let told: Vec<String> = page
                .level(*turn)
                .iter()
                .flat_map(|level| level.notify.iter().map(Target::to_string))
                .collect();
            let keys = effects.len();
            let text = format!("level {}: told {} ({keys})", turn + 1, told.join(", "));
            (page.incident, text, Actor::System)
        }
        (Entry::Delivery { status, detail, .. }, Some(page)) => {
            let text = format!("page {status}: {detail}");
            (page.incident, text, Actor::System)
        }
        (Entry::Acknowledged { by, .. }, Some(page)) => (
            page.incident,
            format!("page of {} answered", page.policy),
            by.clone(),
        ),
        (Entry::Exhausted { .. }, Some(page)) => (
            page.incident,
            format!("nobody answered the page of {}", page.policy),
            Actor::System,
        ),
        (Entry::Ended { reason, .. }, Some(page)) => (
            page.incident,
            format!("page of {} ended: {reason}", page.policy),
            Actor::System,
        ),
        (
            Entry::Notified { .. }
            | Entry::Delivery { .. }
            | Entry::Acknowledged { .. }
            | Entry::Exhausted { .. }
            | Entry::Ended { .. },
            None,
        ) => return,
    };
    let item = TimelineItem::new(at, TimelineKind::Page, text)
        .by(&by)
        .link(Link::Page(entry.page()));
    state.incidents.log(incident, item);
}

impl Needs for Oncall {
    fn needs(&self, state: &State, _now: Timestamp) -> Vec<Need> {
        self.all
            .values()
            .filter_map(|page| {
                let (lead, due) = match &page.status {
                    PageStatus::Ringing { next, .. } => ("answer the page", Some(*next)),
                    PageStatus::Exhausted { .. } => ("nobody answered the page", None),
                    PageStatus::Acknowledged { .. } | PageStatus::Ended { .. } => return None,
                };
                let name = state.incidents.get(page.incident).map(|i| i.name.as_str());
                Some(Need {
                    kind: NeedKind::Page,
                    title: format!("{lead}: {}", page.text),
                    roles: decide::RESPONDERS.to_vec(),
                    due,
                    link: format!("/incidents/{}", name.unwrap_or_default()),
                    incident: Some(page.incident),
                    exercise: page.exercise.is_some(),
                })
            })
            .collect()
    }
}
