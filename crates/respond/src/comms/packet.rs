//! The packet: what one audience gets to see of an incident at one journal number.

use std::collections::BTreeSet;

use jiff::Timestamp;
use watchfloor_types::{IncidentId, Severity};

use super::{Audience, Draft, DraftState, Evidence};
use crate::{
    Refusal, State,
    incident::{self, DecisionRecord, Fact, TimelineItem, TimelineKind},
    obligation::{self, ClockView, Determination},
};

/// A draft as a packet shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct PacketDraft {
    /// The draft with its text, evidence and approval.
    pub draft: Draft,
    /// What has to stand above it: `approved by … at …` or that it is not approved.
    pub label: String,
}

/// Everything that one audience gets to see, at one journal number.
#[derive(Debug, Clone, PartialEq)]
pub struct Packet {
    /// The incident.
    pub incident: IncidentId,
    /// Its short name.
    pub name: String,
    /// What it is called.
    pub title: String,
    /// How bad it is.
    pub severity: Severity,
    /// Where it stands.
    pub status: incident::Status,
    /// Whether it belongs to an exercise. Every page has to say so.
    pub exercise: bool,
    /// What the organisation is called.
    pub organisation: String,
    /// For whom.
    pub audience: Audience,
    /// Number of the last journal entry that it shows.
    pub journal: u64,
    /// As of when.
    pub at: Timestamp,
    /// Messages: approved ones first, withdrawn ones left out.
    pub drafts: Vec<PacketDraft>,
    /// Facts in force. For those outside, only facts that their messages cite.
    pub facts: Vec<Fact>,
    /// Clocks; none for customers, press and suppliers.
    pub clocks: Vec<ClockView>,
    /// Determinations, superseded ones too; none for customers, press and suppliers.
    pub determinations: Vec<Determination>,
    /// Decisions of the response; for executives only.
    pub decisions: Vec<DecisionRecord>,
    /// The timeline: whole for executives, what happened without internal remarks for a regulator,
    /// none for others.
    pub timeline: Vec<TimelineItem>,
    /// What has to be said of every computed date.
    pub notice: &'static str,
}

/// The packet of `incident` for `audience` at `now`; `journal` is the number of the last entry
/// that is part of `state`.
pub fn packet(
    state: &State,
    incident: IncidentId,
    audience: Audience,
    journal: u64,
    now: Timestamp,
) -> Result<Packet, Refusal> {
    let found = state
        .incidents
        .get(incident)
        .ok_or_else(|| Refusal::NotFound {
            kind: "incident",
            id: incident.to_string(),
        })?;
    let mut drafts: Vec<PacketDraft> = state
        .comms
        .of(incident)
        .filter(|draft| draft.audience == audience)
        .filter(|draft| !matches!(draft.state, DraftState::Withdrawn { .. }))
        .map(|draft| PacketDraft {
            label: label(draft),
            draft: draft.clone(),
        })
        .collect();
    drafts.sort_by_key(|draft| draft.draft.approval().is_none());
    let inside = match audience {
        Audience::Executive | Audience::Regulator => true,
        Audience::Customer | Audience::Press | Audience::Vendor => false,
    };
    let cited: BTreeSet<&str> = drafts
        .iter()
        .flat_map(|draft| draft.draft.body())
        .flat_map(|block| &block.spans)
        .filter_map(|span| match &span.evidence {
            Some(Evidence::Fact { name, .. }) => Some(name.as_str()),
            Some(
                Evidence::Determination { .. }
                | Evidence::Decision { .. }
                | Evidence::Clock { .. }
                | Evidence::Alert { .. }
                | Evidence::Incident
                | Evidence::Profile
                | Evidence::Unknown { .. },
            )
            | None => None,
        })
        .collect();
    let facts = found
        .facts
        .current()
        .filter(|fact| inside || cited.contains(fact.name.as_str()))
        .cloned()
        .collect();
    Ok(Packet {
        incident,
        name: found.name.clone(),
        title: found.title.clone(),
        severity: found.severity,
        status: found.status,
        exercise: found.exercise.is_some(),
        organisation: state.content.profile.name.clone(),
        audience,
        journal,
        at: now,
        facts,
        clocks: if inside {
            obligation::clocks(state, incident, now)
        } else {
            Vec::new()
        },
        determinations: if inside {
            state.obligations.determinations(incident).to_vec()
        } else {
            Vec::new()
        },
        decisions: match audience {
            Audience::Executive => found.decisions.clone(),
            Audience::Customer | Audience::Regulator | Audience::Press | Audience::Vendor => {
                Vec::new()
            }
        },
        timeline: found
            .timeline
            .iter()
            .filter(|item| shows(audience, item.kind))
            .cloned()
            .collect(),
        drafts,
        notice: obligation::NOTICE,
    })
}

fn label(draft: &Draft) -> String {
    match draft.approval() {
        Some(approval) => {
            let short: String = approval.hash.chars().take(12).collect();
            format!(
                "approved by {} at {}, text {short}",
                approval.by, approval.at
            )
        }
        None => "NOT APPROVED: a draft, not to be passed on".to_owned(),
    }
}

fn shows(audience: Audience, kind: TimelineKind) -> bool {
    match audience {
        Audience::Executive => true,
        Audience::Regulator => match kind {
            TimelineKind::Incident
            | TimelineKind::Alert
            | TimelineKind::Finding
            | TimelineKind::Fact
            | TimelineKind::Decision
            | TimelineKind::Run
            | TimelineKind::Effect
            | TimelineKind::Obligation => true,
            TimelineKind::Role
            | TimelineKind::Note
            | TimelineKind::Page
            | TimelineKind::Comms
            | TimelineKind::Exercise => false,
        },
        Audience::Customer | Audience::Press | Audience::Vendor => false,
    }
}
