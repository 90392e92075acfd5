//! What an entry changes.

use jiff::Timestamp;
use watchfloor_types::{Actor, DraftId, IncidentId, OutcomeStatus};

use super::{Approval, Block, Change, Delivery, Draft, DraftState, Entry, Version, text};
use crate::{
    State,
    incident::{Link, TimelineItem, TimelineKind},
};

pub(crate) fn apply(state: &mut State, entry: &Entry, at: Timestamp) {
    match entry {
        Entry::Drafted {
            draft,
            incident,
            template,
            audience,
            exercise,
            title,
            body,
            author,
            reason,
        } => {
            state.comms.drafts.insert(
                *draft,
                Draft {
                    id: *draft,
                    incident: *incident,
                    template: template.clone(),
                    audience: *audience,
                    exercise: *exercise,
                    reason: reason.clone(),
                    current: version(1, at, author, None, title, body),
                    former: Vec::new(),
                    state: DraftState::Draft,
                },
            );
            let text = format!("draft for {audience} written: {title} ({reason})");
            log(state, *draft, *incident, at, author, text);
        }
        Entry::Revised {
            draft,
            change,
            title,
            body,
            author,
        } => {
            let filled_again = *change == Change::Refilled && *author == Actor::System;
            let told = change_draft(state, *draft, |draft| {
                let number = draft.current.number + 1;
                let next = version(number, at, author, Some(*change), title, body);
                let former = std::mem::replace(&mut draft.current, next);
                draft.former.push(former);
                let void = draft.approval().is_some();
                draft.state = DraftState::Draft;
                if void {
                    format!("draft `{title}` {change}; its approval is void")
                } else {
                    format!("draft `{title}` {change}")
                }
            });
            // Filling a draft that nobody has touched is not news for the timeline.
            if !filled_again {
                told_all(state, *draft, at, author, told);
            }
        }
        Entry::Submitted { draft, by } => {
            let told = change_draft(state, *draft, |draft| {
                draft.state = DraftState::InReview {
                    by: by.clone(),
                    since: at,
                };
                format!("approval of `{}` asked for", draft.title())
            });
            told_all(state, *draft, at, by, told);
        }
        Entry::Approved {
            draft,
            hash,
            acknowledged,
            by,
        } => {
            let told = change_draft(state, *draft, |draft| {
                draft.state = DraftState::Approved(Approval {
                    by: by.clone(),
                    at,
                    hash: hash.clone(),
                    acknowledged: acknowledged.clone(),
                });
                let short: String = hash.chars().take(12).collect();
                format!("`{}` approved, text {short}", draft.title())
            });
            told_all(state, *draft, at, by, told);
        }
        Entry::Returned { draft, reason, by } => {
            let told = change_draft(state, *draft, |draft| {
                draft.state = DraftState::Draft;
                format!("`{}` returned: {reason}", draft.title())
            });
            told_all(state, *draft, at, by, told);
        }
        Entry::SendAsked {
            draft,
            key,
            channel,
            by,
            ..
        } => {
            state.comms.by_effect.insert(key.clone(), *draft);
            let told = change_draft(state, *draft, |draft| {
                if let Some(approval) = draft.approval().cloned() {
                    draft.state = DraftState::Sending {
                        approval,
                        key: key.clone(),
                        channel: channel.clone(),
                        since: at,
                    };
                }
                format!("`{}` on its way to {channel}", draft.title())
            });
            told_all(state, *draft, at, by, told);
        }
        Entry::SendAnswered {
            draft,
            key,
            status,
            detail,
        } => {
            let told = change_draft(state, *draft, |draft| {
                answered(draft, key, *status, at);
                format!("sending `{}`: {status} ({detail})", draft.title())
            });
            told_all(state, *draft, at, &Actor::System, told);
        }
        Entry::MarkedSent { draft, how, by, .. } => {
            let told = change_draft(state, *draft, |draft| {
                if let Some(approval) = draft.approval().cloned() {
                    draft.state = DraftState::Sent {
                        approval,
                        at,
                        how: how.clone(),
                        delivery: match draft.exercise {
                            Some(_) => Delivery::Rehearsed,
                            None => Delivery::Real,
                        },
                    };
                }
                format!("`{}` went out: {how}", draft.title())
            });
            told_all(state, *draft, at, by, told);
        }
        Entry::Withdrawn { draft, reason, by } => {
            let told = change_draft(state, *draft, |draft| {
                draft.state = DraftState::Withdrawn {
                    at,
                    reason: reason.clone(),
                };
                format!("`{}` withdrawn: {reason}", draft.title())
            });
            told_all(state, *draft, at, by, told);
        }
        Entry::Moved { from, into } => {
            for draft in state.comms.drafts.values_mut() {
                if draft.incident == *from {
                    draft.incident = *into;
                }
            }
        }
    }
}

fn version(
    number: usize,
    at: Timestamp,
    author: &Actor,
    change: Option<Change>,
    title: &str,
    body: &[Block],
) -> Version {
    Version {
        number,
        at,
        author: author.clone(),
        change,
        title: title.to_owned(),
        body: body.to_vec(),
        hash: text::hash(title, body),
    }
}

fn answered(
    draft: &mut Draft,
    answered: &watchfloor_types::EffectKey,
    status: OutcomeStatus,
    at: Timestamp,
) {
    let (DraftState::Sending {
        approval,
        key,
        channel,
        ..
    }
    | DraftState::InDoubt {
        approval,
        key,
        channel,
    }) = &draft.state
    else {
        return;
    };
    if key != answered {
        return;
    }
    let (approval, key, channel) = (approval.clone(), key.clone(), channel.clone());
    let sent = |delivery| DraftState::Sent {
        approval: approval.clone(),
        at,
        how: channel.clone(),
        delivery,
    };
    draft.state = match status {
        OutcomeStatus::Done => sent(Delivery::Real),
        OutcomeStatus::Rehearsed => sent(Delivery::Rehearsed),
        OutcomeStatus::Failed => DraftState::Approved(approval),
        OutcomeStatus::InDoubt => DraftState::InDoubt {
            approval,
            key,
            channel,
        },
    };
}

/// Changes a draft and returns its incident with what to say.
fn change_draft(
    state: &mut State,
    id: DraftId,
    change: impl FnOnce(&mut Draft) -> String,
) -> Option<(IncidentId, String)> {
    let draft = state.comms.drafts.get_mut(&id)?;
    let text = change(draft);
    Some((draft.incident, text))
}

fn told_all(
    state: &mut State,
    draft: DraftId,
    at: Timestamp,
    by: &Actor,
    told: Option<(IncidentId, String)>,
) {
    if let Some((incident, text)) = told {
        log(state, draft, incident, at, by, text);
    }
}

fn log(
    state: &mut State,
    draft: DraftId,
    incident: IncidentId,
    at: Timestamp,
    by: &Actor,
    text: String,
) {
    let line = TimelineItem::new(at, TimelineKind::Comms, text)
        .by(by)
        .link(Link::Draft(draft));
    state.incidents.log(incident, line);
}
