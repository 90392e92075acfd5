//! What people, outcomes, time and other entries do to pages.

use jiff::{SignedDuration, Timestamp};
use watchfloor_types::{
    Actor, Effect, EffectClass, EffectKey, EffectKind, EscalationId, IncidentId, Outcome,
    OutcomeStatus, PageId, Role,
};

use super::{Entry, Escalation, Input, Page, PageStatus};
use crate::{
    Decision, Refusal, State,
    incident::{self, IncidentRole},
    permit::{WORKERS, permit, said},
};

/// Who may answer a page.
pub(super) const RESPONDERS: &[Role] = &[
    Role::Analyst,
    Role::Commander,
    Role::Comms,
    Role::Privacy,
    Role::Legal,
    Role::Executive,
];
/// How often a message is sent again, with the same key, when nobody knows whether it arrived. A
/// page that comes twice is better than one that does not come.
const MAX_DOUBTS: u32 = 3;
/// How long a message may take.
const SEND_TIMEOUT: SignedDuration = SignedDuration::from_secs(30);

pub(crate) fn decide(
    state: &State,
    actor: &Actor,
    input: Input,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    match input {
        Input::Page {
            policy,
            incident,
            text,
        } => {
            let found = state
                .incidents
                .get(incident)
                .ok_or_else(|| Refusal::NotFound {
                    kind: "incident",
                    id: incident.to_string(),
                })?;
            permit(actor, "paging", WORKERS, found.exercise)?;
            let text = said(&text, "the text")?;
            let cause = format!("by hand/{}", state.applied());
            page_by(state, &policy, incident, &text, &cause, actor, now).ok_or_else(|| {
                Refusal::NotFound {
                    kind: "escalation policy",
                    id: policy.to_string(),
                }
            })
        }
        Input::Acknowledge { page } => {
            let found = state.oncall.get(page).ok_or_else(|| Refusal::NotFound {
                kind: "page",
                id: page.to_string(),
            })?;
            permit(actor, "answering a page", RESPONDERS, found.exercise)?;
            match &found.status {
                PageStatus::Ringing { .. } | PageStatus::Exhausted { .. } => {
                    let by = actor.clone();
                    Ok(one(Entry::Acknowledged { page, by }))
                }
                PageStatus::Acknowledged { by, .. } => {
                    Err(Refusal::Conflict(format!("{by} has answered this page")))
                }
                PageStatus::Ended { reason, .. } => {
                    Err(Refusal::Conflict(format!("this page ended: {reason}")))
                }
            }
        }
    }
}

/// Pages `policy` for the system; none where there is no such policy.
pub(crate) fn page(
    state: &State,
    policy: &EscalationId,
    incident: IncidentId,
    text: &str,
    cause: &str,
    now: Timestamp,
) -> Option<Decision> {
    page_by(state, policy, incident, text, cause, &Actor::System, now)
}

fn page_by(
    state: &State,
    policy: &EscalationId,
    incident: IncidentId,
    text: &str,
    cause: &str,
    by: &Actor,
    now: Timestamp,
) -> Option<Decision> {
    let policy = state.content.escalations.get(policy)?;
    let found = state.incidents.get(incident)?;
    Some(one(Entry::Paged {
        page: PageId::minted(now, &[b"page", cause.as_bytes()]),
        policy: policy.id.clone(),
        levels: policy.levels.clone(),
        repeat: policy.repeat,
        incident,
        text: text.to_owned(),
        severity: found.severity,
        cause: cause.to_owned(),
        exercise: found.exercise,
        by: by.clone(),
    }))
}

pub(crate) fn on_tick(state: &State, now: Timestamp) -> Decision {
    let mut all = Decision::nothing();
    for page in state.oncall.ringing() {
        if let PageStatus::Ringing { next, .. } = page.status
            && next <= now
        {
            all.extend(ring(state, page, now));
        }
    }
    all
}

pub(crate) fn on_outcome(state: &State, outcome: &Outcome, now: Timestamp) -> Decision {
    let found = state.oncall.by_effect.get(&outcome.key);
    let Some(page) = found.and_then(|id| state.oncall.get(*id)) else {
        return Decision::nothing();
    };
    let Some(message) = page.messages.iter().find(|m| m.effect.key == outcome.key) else {
        return Decision::nothing();
    };
    // What was delivered stays delivered: a late or repeated answer does not set it back.
    if matches!(
        message.status,
        Some(OutcomeStatus::Done | OutcomeStatus::Rehearsed | OutcomeStatus::Failed)
    ) {
        return Decision::nothing();
    }
    let mut all = one(Entry::Delivery {
        page: page.id,
        key: outcome.key.clone(),
        status: outcome.status,
        detail: outcome.detail.clone(),
    });
    if outcome.status == OutcomeStatus::InDoubt
        && page.is_ringing()
        && message.doubts + 1 < MAX_DOUBTS
    {
        let deadline = now.saturating_add(SEND_TIMEOUT).unwrap_or(Timestamp::MAX);
        all = all.effect(Effect {
            at: now,
            deadline,
            ..message.effect.clone()
        });
    }
    all
}

pub(crate) fn react(state: &State, entry: &crate::Entry, now: Timestamp) -> Decision {
    match entry {
        crate::Entry::Oncall(Entry::Paged { page, .. }) => match state.oncall.get(*page) {
            Some(page) if matches!(page.status, PageStatus::Ringing { turn: 0, .. }) => {
                ring(state, page, now)
            }
            Some(_) | None => Decision::nothing(),
        },
        crate::Entry::Oncall(Entry::Delivery { page, .. }) => match state.oncall.get(*page) {
            // Nobody of this level could be told: do not wait for them.
            Some(page) if lost(page) => ring(state, page, now),
            Some(_) | None => Decision::nothing(),
        },
        crate::Entry::Oncall(
            Entry::Notified { .. }
            | Entry::Acknowledged { .. }
            | Entry::Exhausted { .. }
            | Entry::Ended { .. },
        ) => Decision::nothing(),
        crate::Entry::Incident(entry) => on_incident(state, entry, now),
        crate::Entry::Alert(_)
        | crate::Entry::Run(_)
        | crate::Entry::Obligation(_)
        | crate::Entry::Comms(_)
        | crate::Entry::Exercise(_)
        | crate::Entry::Rule(_)
        | crate::Entry::Suppression(_) => Decision::nothing(),
    }
}

fn on_incident(state: &State, entry: &incident::Entry, now: Timestamp) -> Decision {
    let mut all = Decision::nothing();
    match entry {
        incident::Entry::Opened { incident, .. }
        | incident::Entry::SeverityChanged { incident, .. } => {
            let Some(found) = state.incidents.get(*incident) else {
                return all;
            };
            for policy in state.content.escalations.values() {
                let cause = format!("incident/{incident}/{}", policy.id);
                let wanted = policy.pages_from.is_some_and(|from| found.severity >= from);
                if wanted && found.is_open() && state.oncall.by_cause(&cause).is_none() {
                    let id = &policy.id;
                    let paged = page(state, id, *incident, &found.title, &cause, now);
                    all.extend(paged.unwrap_or_default());
                }
            }
        }
        incident::Entry::RoleSet {
            incident,
            role: IncidentRole::Commander,
            user: Some(_),
            by,
        } => {
            let ringing = state.oncall.of_incident(*incident);
            for page in ringing.filter(|page| page.is_ringing()) {
                all.extend(one(Entry::Acknowledged {
                    page: page.id,
                    by: by.clone(),
                }));
            }
        }
        incident::Entry::StatusChanged { incident, to, .. } if !to.is_open() => {
            all.extend(end(state, *incident, &format!("the incident is {to}")));
        }
        incident::Entry::Merged { from, .. } => {
            all.extend(end(state, *from, "the incident was merged"));
        }
        incident::Entry::RoleSet { .. }
        | incident::Entry::StatusChanged { .. }
        | incident::Entry::Renamed { .. }
        | incident::Entry::AlertJoined { .. }
        | incident::Entry::FindingJoined { .. }
        | incident::Entry::AlertDetached { .. }
        | incident::Entry::FactRecorded { .. }
        | incident::Entry::Noted { .. }
        | incident::Entry::Decided { .. } => {}
    }
    all
}

fn end(state: &State, incident: IncidentId, reason: &str) -> Decision {
    let mut all = Decision::nothing();
    for page in state.oncall.of_incident(incident) {
        match page.status {
            PageStatus::Ringing { .. } | PageStatus::Exhausted { .. } => {
                all.extend(one(Entry::Ended {
                    page: page.id,
                    reason: reason.to_owned(),
                }));
            }
            PageStatus::Acknowledged { .. } | PageStatus::Ended { .. } => {}
        }
    }
    all
}

/// Whether every message of the last level failed.
fn lost(page: &Page) -> bool {
    let PageStatus::Ringing { turn, .. } = page.status else {
        return false;
    };
    let mut last = page
        .messages
        .iter()
        .filter(|m| m.turn + 1 == turn)
        .peekable();
    last.peek().is_some()
        && last.all(|m| {
            m.status == Some(OutcomeStatus::Failed)
                || (m.status == Some(OutcomeStatus::InDoubt) && m.doubts >= MAX_DOUBTS)
        })
}

/// Tells the next level.
fn ring(state: &State, page: &Page, now: Timestamp) -> Decision {
    let PageStatus::Ringing { turn, .. } = page.status else {
        return Decision::nothing();
    };
    let Some(level) = page.level(turn) else {
        return one(Entry::Exhausted { page: page.id });
    };
    let effects: Vec<Effect> = level
        .notify
        .iter()
        .enumerate()
        .map(|(n, target)| Effect {
            key: EffectKey(format!("page/{}/{turn}/{n}", page.id)),
            class: EffectClass::Send,
            kind: EffectKind::Webhook {
                channel: target.channel(),
                body: body(state, page, turn),
            },
            incident: Some(page.incident),
            run: None,
            rehearsal: page.exercise.is_some(),
            at: now,
            deadline: now + SEND_TIMEOUT,
        })
        .collect();
    Decision {
        entries: vec![crate::Entry::Oncall(Entry::Notified {
            page: page.id,
            turn,
            effects: effects.clone(),
            next: now + level.wait(),
        })],
        effects,
    }
}

fn body(state: &State, page: &Page, turn: u32) -> serde_json::Value {
    let incident = state.incidents.get(page.incident);
    let name = incident.map_or("", |incident| incident.name.as_str());
    let mark = if page.exercise.is_some() {
        "[EXERCISE] "
    } else {
        ""
    };
    serde_json::json!({
        "text": format!("{mark}{} {name}: {}", page.severity, page.text),
        "incident": name,
        "severity": page.severity,
        "link": format!("/incidents/{name}"),
        "page": page.id,
        "policy": page.policy,
        "level": turn + 1,
        "exercise": page.exercise.is_some(),
    })
}

fn one(entry: Entry) -> Decision {
    Decision::nothing().entry(crate::Entry::Oncall(entry))
}

impl Escalation {
    /// What it does, one line per level, for people.
    #[must_use]
    pub fn describe(&self) -> Vec<String> {
        (1..)
            .zip(&self.levels)
            .map(|(number, level): (u32, _)| {
                let told: Vec<String> = level.notify.iter().map(ToString::to_string).collect();
                format!(
                    "level {number}: tell {}, wait {} minutes",
                    told.join(", "),
                    level.wait_minutes
                )
            })
            .collect()
    }
}
