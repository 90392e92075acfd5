//! What follows by itself: drafts are written and filled again, outcomes of sending arrive.
//! Nothing is ever sent by itself.

use jiff::Timestamp;
use watchfloor_types::{Actor, DraftId, IncidentId, Outcome, Severity};

use super::{
    Change, Draft, DraftState, Entry, Occasion, Template,
    fill::{FillError, fill},
    text,
};
use crate::{
    Decision, State,
    incident::{self, Incident},
    obligation,
};

/// An incident of this severity or worse gets its drafts at once.
const DRAFT_FROM: Severity = Severity::High;

pub(crate) fn react(state: &State, entry: &crate::Entry, now: Timestamp) -> Decision {
    let mut all = Decision::nothing();
    match entry {
        crate::Entry::Incident(incident::Entry::Opened { incident, .. }) => {
            // With alerts the drafts are written when these have joined and facts are there.
            if let Some(found) = state.incidents.get(*incident)
                && found.members.is_empty()
            {
                write_if_severe(state, found, now, &mut all);
            }
        }
        crate::Entry::Incident(
            incident::Entry::AlertJoined { incident, .. }
            | incident::Entry::SeverityChanged { incident, .. },
        ) => {
            if let Some(found) = state.incidents.get(*incident) {
                write_if_severe(state, found, now, &mut all);
                refill(state, found, now, &mut all);
            }
        }
        crate::Entry::Incident(incident::Entry::FactRecorded { incident, fact }) => {
            // A list that grows item by item would write a version for each.
            if let Some(found) = state.incidents.get(*incident)
                && found.facts.history(fact.name.as_str()).len() == 1
            {
                refill(state, found, now, &mut all);
            }
        }
        crate::Entry::Incident(
            incident::Entry::StatusChanged { incident, .. }
            | incident::Entry::Decided { incident, .. },
        )
        | crate::Entry::Obligation(
            obligation::Entry::Determined { incident, .. }
            | obligation::Entry::ClockOpened { incident, .. }
            | obligation::Entry::ClockMoved { incident, .. }
            | obligation::Entry::ClockClosed { incident, .. }
            | obligation::Entry::FilingRecorded { incident, .. }
            | obligation::Entry::HoldRecorded { incident, .. }
            | obligation::Entry::HoldEnded { incident, .. },
        ) => {
            if let Some(found) = state.incidents.get(*incident) {
                refill(state, found, now, &mut all);
            }
        }
        crate::Entry::Obligation(obligation::Entry::ClockStarted {
            incident, stage, ..
        }) => {
            if let Some(found) = state.incidents.get(*incident) {
                write(
                    state,
                    found,
                    &format!("clock {stage} started"),
                    now,
                    &mut all,
                );
                refill(state, found, now, &mut all);
            }
        }
        crate::Entry::Incident(incident::Entry::Merged { from, into, .. }) => {
            all.entries.push(crate::Entry::Comms(Entry::Moved {
                from: *from,
                into: *into,
            }));
        }
        crate::Entry::Incident(_)
        | crate::Entry::Obligation(_)
        | crate::Entry::Alert(_)
        | crate::Entry::Run(_)
        | crate::Entry::Oncall(_)
        | crate::Entry::Comms(_)
        | crate::Entry::Exercise(_)
        | crate::Entry::Rule(_)
        | crate::Entry::Suppression(_) => {}
    }
    all
}

pub(crate) fn on_outcome(state: &State, outcome: &Outcome, _now: Timestamp) -> Decision {
    match state.comms.by_effect.get(&outcome.key) {
        Some(draft) => Decision::nothing().entry(crate::Entry::Comms(Entry::SendAnswered {
            draft: *draft,
            key: outcome.key.clone(),
            status: outcome.status,
            detail: text::visible(&outcome.detail, 500),
        })),
        None => Decision::nothing(),
    }
}

/// Whether filling the template again would give another text. False where a person has written
/// the text, because then it is theirs.
#[must_use]
pub fn is_stale(state: &State, draft: &Draft, now: Timestamp) -> bool {
    draft.current.change != Some(Change::Edited)
        && draft.state == DraftState::Draft
        && refilled(state, draft, now).is_some()
}

fn write_if_severe(state: &State, incident: &Incident, now: Timestamp, all: &mut Decision) {
    if incident.severity >= DRAFT_FROM {
        let reason = format!("incident is {}", incident.severity);
        write(state, incident, &reason, now, all);
    }
}

/// Writes the automatic drafts that the incident does not have yet.
fn write(state: &State, incident: &Incident, reason: &str, now: Timestamp, all: &mut Decision) {
    if incident.merged_into.is_some() {
        return;
    }
    for template in state.content.templates.values() {
        let has = state
            .comms
            .of(incident.id)
            .any(|draft| draft.template == template.id);
        if template.occasion == Occasion::Automatic && !has {
            // A template that cannot be filled is a defect of content that `load` and tests find;
            // it must not stop the incident.
            if let Ok(entry) = drafted(state, incident, template, &Actor::System, reason, now) {
                all.entries.push(crate::Entry::Comms(entry));
            }
        }
    }
}

/// The entry for a new draft.
pub(super) fn drafted(
    state: &State,
    incident: &Incident,
    template: &Template,
    author: &Actor,
    reason: &str,
    now: Timestamp,
) -> Result<Entry, FillError> {
    let (title, body) = fill(state, incident, template, now)?;
    let id = incident.id;
    Ok(Entry::Drafted {
        draft: draft_id(state, id, template, now),
        incident: id,
        template: template.id.clone(),
        audience: template.audience,
        exercise: incident.exercise,
        title,
        body,
        author: author.clone(),
        reason: reason.to_owned(),
    })
}

fn draft_id(state: &State, incident: IncidentId, template: &Template, now: Timestamp) -> DraftId {
    let count = state.comms.of(incident).count() as u64;
    DraftId::minted(
        now,
        &[
            b"draft",
            incident.uuid().as_bytes(),
            template.id.as_str().as_bytes(),
            &count.to_be_bytes(),
        ],
    )
}

/// Fills the drafts again that no person has touched.
fn refill(state: &State, incident: &Incident, now: Timestamp, all: &mut Decision) {
    for draft in state.comms.of(incident.id) {
        if draft.state == DraftState::Draft
            && *draft.author() == Actor::System
            && let Some((title, body)) = refilled(state, draft, now)
        {
            all.entries.push(crate::Entry::Comms(Entry::Revised {
                draft: draft.id,
                change: Change::Refilled,
                title,
                body,
                author: Actor::System,
            }));
        }
    }
}

/// Title and text of the template as things stand, where that differs from what the draft says.
pub(super) fn refilled(
    state: &State,
    draft: &Draft,
    now: Timestamp,
) -> Option<(String, Vec<super::Block>)> {
    let incident = state.incidents.get(draft.incident)?;
    let template = state.content.templates.get(&draft.template)?;
    let (title, body) = fill(state, incident, template, now).ok()?;
    (text::hash(&title, &body) != draft.hash()).then_some((title, body))
}
