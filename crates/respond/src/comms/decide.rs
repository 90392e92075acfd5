//! What people do to drafts.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use watchfloor_types::{Actor, DraftId, Effect, EffectClass, EffectKey, EffectKind, Role};

use super::{
    Audience, BlockKind, Change, Draft, DraftState, Entry, Input,
    follow::{drafted, refilled},
    text,
};
use crate::{
    Decision, Refusal, State,
    permit::{permit, said},
};

/// Who may write.
const WRITERS: &[Role] = &[
    Role::Analyst,
    Role::Commander,
    Role::Comms,
    Role::Privacy,
    Role::Legal,
    Role::Executive,
];
/// Who may send what is approved.
const SENDERS: &[Role] = &[
    Role::Commander,
    Role::Comms,
    Role::Privacy,
    Role::Legal,
    Role::Executive,
];
/// How long sending may take.
const SEND_WITHIN: SignedDuration = SignedDuration::from_mins(10);
/// Longest text in bytes.
const MAX_TEXT: usize = 256 * 1024;

pub(crate) fn decide(
    state: &State,
    actor: &Actor,
    input: Input,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let by = actor.clone();
    match input {
        Input::Create { incident, template } => {
            let found = state
                .incidents
                .get(incident)
                .ok_or_else(|| not_found("incident", incident))?;
            let template = state
                .content
                .templates
                .get(&template)
                .ok_or_else(|| not_found("template", template))?;
            let user = permit(actor, "writing a draft", WRITERS, found.exercise)?;
            if found.merged_into.is_some() {
                return Err(Refusal::Conflict(format!("{} was merged", found.name)));
            }
            let reason = format!("{user} asked for it");
            let entry = drafted(state, found, template, actor, &reason, now)
                .map_err(|error| Refusal::Conflict(error.to_string()))?;
            Ok(entry_of(entry))
        }
        Input::Edit { draft, title, text } => {
            let found = get(state, draft)?;
            permit(actor, "editing a draft", WRITERS, found.exercise)?;
            still_here(found)?;
            let title = text::visible(&said(&title, "the title")?, 300);
            if text.len() > MAX_TEXT {
                return Err(Refusal::Invalid(
                    "the text is longer than 256 KiB".to_owned(),
                ));
            }
            let body = text::parse(&text, found.body());
            if body.is_empty() {
                return Err(Refusal::Invalid("the text must not be empty".to_owned()));
            }
            if text::hash(&title, &body) == found.hash() {
                return Err(Refusal::Conflict("nothing was changed".to_owned()));
            }
            Ok(entry_of(Entry::Revised {
                draft,
                change: Change::Edited,
                title,
                body,
                author: by,
            }))
        }
        Input::Refill { draft } => {
            let found = get(state, draft)?;
            permit(actor, "filling a draft again", WRITERS, found.exercise)?;
            still_here(found)?;
            let Some((title, body)) = refilled(state, found, now) else {
                return Err(Refusal::Conflict(
                    "nothing has become known that would change this text".to_owned(),
                ));
            };
            Ok(entry_of(Entry::Revised {
                draft,
                change: Change::Refilled,
                title,
                body,
                author: by,
            }))
        }
        Input::Submit { draft } => {
            let found = get(state, draft)?;
            permit(actor, "asking for approval", WRITERS, found.exercise)?;
            match &found.state {
                DraftState::Draft => Ok(entry_of(Entry::Submitted { draft, by })),
                DraftState::InReview { .. }
                | DraftState::Approved(_)
                | DraftState::Sending { .. }
                | DraftState::InDoubt { .. }
                | DraftState::Sent { .. }
                | DraftState::Withdrawn { .. } => Err(stands(found)),
            }
        }
        Input::Approve {
            draft,
            hash,
            acknowledged,
        } => approve(state, actor, draft, hash, &acknowledged),
        Input::Return { draft, reason } => {
            let found = get(state, draft)?;
            let who = approvers_and_writers(found.audience);
            permit(actor, "returning a draft", &who, found.exercise)?;
            let reason = said(&reason, "the reason")?;
            match &found.state {
                DraftState::InReview { .. }
                | DraftState::Approved(_)
                | DraftState::InDoubt { .. } => Ok(entry_of(Entry::Returned { draft, reason, by })),
                DraftState::Draft
                | DraftState::Sending { .. }
                | DraftState::Sent { .. }
                | DraftState::Withdrawn { .. } => Err(stands(found)),
            }
        }
        Input::Send { draft, channel } => send(state, actor, draft, &channel, now),
        Input::MarkSent { draft, how } => {
            let found = get(state, draft)?;
            permit(
                actor,
                "recording that a message went out",
                SENDERS,
                found.exercise,
            )?;
            let how = said(&how, "the way")?;
            match &found.state {
                DraftState::Approved(approval) | DraftState::InDoubt { approval, .. } => {
                    pinned(found, &approval.hash)?;
                    Ok(entry_of(Entry::MarkedSent {
                        draft,
                        how,
                        hash: approval.hash.clone(),
                        by,
                    }))
                }
                DraftState::Draft
                | DraftState::InReview { .. }
                | DraftState::Sending { .. }
                | DraftState::Sent { .. }
                | DraftState::Withdrawn { .. } => Err(stands(found)),
            }
        }
        Input::Withdraw { draft, reason } => {
            let found = get(state, draft)?;
            permit(actor, "withdrawing a draft", WRITERS, found.exercise)?;
            still_here(found)?;
            Ok(entry_of(Entry::Withdrawn {
                draft,
                reason: said(&reason, "the reason")?,
                by,
            }))
        }
    }
}

fn approve(
    state: &State,
    actor: &Actor,
    draft: DraftId,
    hash: String,
    acknowledged: &[String],
) -> Result<Decision, Refusal> {
    let found = get(state, draft)?;
    let user = permit(
        actor,
        "approving this draft",
        found.audience.approvers(),
        found.exercise,
    )?;
    match &found.state {
        DraftState::InReview { .. } => {}
        DraftState::Draft
        | DraftState::Approved(_)
        | DraftState::Sending { .. }
        | DraftState::InDoubt { .. }
        | DraftState::Sent { .. }
        | DraftState::Withdrawn { .. } => return Err(stands(found)),
    }
    if found.author().user() == Some(user) {
        return Err(Refusal::SamePerson {
            who: user.to_string(),
        });
    }
    pinned(found, &hash)?;
    let open: Vec<String> = found
        .unknowns()
        .into_iter()
        .filter(|mark| !acknowledged.contains(mark))
        .collect();
    if !open.is_empty() {
        return Err(Refusal::Conflict(format!(
            "the text still says {}; answer or acknowledge each",
            open.join(" and ")
        )));
    }
    Ok(entry_of(Entry::Approved {
        draft,
        hash,
        acknowledged: found.unknowns(),
        by: actor.clone(),
    }))
}

fn send(
    state: &State,
    actor: &Actor,
    draft: DraftId,
    channel: &str,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let found = get(state, draft)?;
    permit(actor, "sending a message", SENDERS, found.exercise)?;
    let channel = said(channel, "the channel")?;
    let approval = match &found.state {
        DraftState::Approved(approval) => approval,
        DraftState::InDoubt { .. } => {
            return Err(Refusal::Conflict(
                "nobody knows whether this went out already; say that first".to_owned(),
            ));
        }
        DraftState::Draft
        | DraftState::InReview { .. }
        | DraftState::Sending { .. }
        | DraftState::Sent { .. }
        | DraftState::Withdrawn { .. } => return Err(stands(found)),
    };
    pinned(found, &approval.hash)?;
    // A send that failed may be asked for again; that is another effect with another key.
    let attempt = state
        .comms
        .by_effect
        .values()
        .filter(|id| **id == draft)
        .count()
        + 1;
    let key = EffectKey(format!("draft:{draft}:{}:{attempt}", found.current.number));
    let effect = Effect {
        key: key.clone(),
        class: EffectClass::Send,
        kind: EffectKind::Webhook {
            channel: channel.clone(),
            body: message(state, found),
        },
        incident: Some(found.incident),
        run: None,
        rehearsal: found.exercise.is_some(),
        at: now,
        deadline: now.checked_add(SEND_WITHIN).unwrap_or(now),
    };
    Ok(entry_of(Entry::SendAsked {
        draft,
        key,
        channel,
        hash: approval.hash.clone(),
        by: actor.clone(),
    })
    .effect(effect))
}

/// The message as the channel gets it. Evidence stays here.
fn message(state: &State, draft: &Draft) -> serde_json::Value {
    let blocks: Vec<serde_json::Value> = draft
        .body()
        .iter()
        .map(|block| {
            let kind = match block.kind {
                BlockKind::Heading => "heading",
                BlockKind::Paragraph => "paragraph",
                BlockKind::Item => "item",
            };
            json!({ "kind": kind, "text": block.text() })
        })
        .collect();
    json!({
        "type": "message",
        "draft": draft.id,
        "incident": state.incidents.get(draft.incident).map(|incident| incident.name.clone()),
        "audience": draft.audience,
        "exercise": draft.exercise.is_some(),
        "title": draft.title(),
        "text": draft.text(),
        "blocks": blocks,
        "sha256": draft.hash(),
    })
}

fn entry_of(entry: Entry) -> Decision {
    Decision::nothing().entry(crate::Entry::Comms(entry))
}

fn not_found(kind: &'static str, id: impl std::fmt::Display) -> Refusal {
    Refusal::NotFound {
        kind,
        id: id.to_string(),
    }
}

fn get(state: &State, id: DraftId) -> Result<&Draft, Refusal> {
    state.comms.get(id).ok_or_else(|| not_found("draft", id))
}

/// Refuses unless the text in force is the one that `hash` names.
fn pinned(draft: &Draft, hash: &str) -> Result<(), Refusal> {
    if draft.hash() == hash {
        Ok(())
    } else {
        Err(Refusal::Conflict(
            "the text has changed since; read it again".to_owned(),
        ))
    }
}

/// Refuses where the text is out of the hands of its authors.
fn still_here(draft: &Draft) -> Result<(), Refusal> {
    match &draft.state {
        DraftState::Draft | DraftState::InReview { .. } | DraftState::Approved(_) => Ok(()),
        DraftState::Sending { .. }
        | DraftState::InDoubt { .. }
        | DraftState::Sent { .. }
        | DraftState::Withdrawn { .. } => Err(stands(draft)),
    }
}

fn stands(draft: &Draft) -> Refusal {
    Refusal::Conflict(format!(
        "this is not possible while the draft is {}",
        draft.state.as_str()
    ))
}

fn approvers_and_writers(audience: Audience) -> Vec<Role> {
    let mut roles = audience.approvers().to_vec();
    roles.extend(WRITERS);
    roles
}
