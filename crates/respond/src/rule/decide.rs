//! What people do to rules.

use jiff::Timestamp;
use watchfloor_types::{Actor, Role, RuleId};

use super::{Entry, FourEyes, Input, Life, Stage, Standing, hash};
use crate::{
    Decision, Refusal, State,
    permit::{permit, said},
};

/// Who may write rules, put them at a stage, and approve that.
pub(crate) const AUTHORS: &[Role] = &[Role::Analyst, Role::Commander, Role::Admin];
/// Longest text in bytes.
const MAX_TEXT: usize = 256 * 1024;
/// Most other rules in one text.
const MAX_PARTS: usize = 1_000;

pub(crate) fn decide(
    state: &State,
    actor: &Actor,
    input: Input,
    _now: Timestamp,
) -> Result<Decision, Refusal> {
    let entry = match input {
        Input::Push {
            rule,
            title,
            parts,
            text,
            reason,
        } => push(state, actor, rule, title, parts, text, &reason)?,
        Input::Stage {
            rule,
            to,
            version,
            reason,
        } => stage(state, actor, &rule, to, version, &reason)?,
        Input::Approve { rule, hash } => approve(state, actor, &rule, &hash)?,
        Input::Reject { rule, reason } => {
            permit(actor, "rejecting a change of a rule", AUTHORS, None)?;
            let (found, life) = waiting(state, &rule)?;
            Entry::Rejected {
                rule: found.id,
                to: life.to,
                reason: said(&reason, "the reason")?,
                by: actor.clone(),
            }
        }
    };
    Ok(Decision::nothing().entry(crate::Entry::Rule(entry)))
}

fn push(
    state: &State,
    actor: &Actor,
    rule: RuleId,
    title: String,
    mut parts: Vec<RuleId>,
    text: String,
    reason: &str,
) -> Result<Entry, Refusal> {
    permit(actor, "writing a rule", AUTHORS, None)?;
    let reason = said(reason, "the reason")?;
    let title: String = said(&title, "the title")?.chars().take(300).collect();
    if text.len() > MAX_TEXT {
        return Err(Refusal::Invalid("the text is longer than 256 KiB".into()));
    }
    if text.trim().is_empty() {
        return Err(Refusal::Invalid("the text must not be empty".into()));
    }
    if parts.len() > MAX_PARTS {
        return Err(Refusal::Invalid(format!(
            "the text holds more than {MAX_PARTS} rules"
        )));
    }
    parts.sort();
    parts.dedup();
    parts.retain(|part| *part != rule);
    let head = state.rule_head(&rule);
    if *head != rule {
        return Err(Refusal::Conflict(format!(
            "`{rule}` is a part of the text of rule `{head}`; change it there"
        )));
    }
    if let Some(taken) = parts.iter().find(|part| {
        let other = state.rule_head(part);
        *other != rule && state.rule(part).is_some()
    }) {
        return Err(Refusal::Conflict(format!(
            "the text holds `{taken}`, which is a rule of its own or of `{}`; refer to it by its id instead",
            state.rule_head(taken)
        )));
    }
    let hash = hash(&text);
    let life = state.rules.life(&rule);
    let newest = life
        .and_then(|l| l.draft.or(Some(l.version)))
        .unwrap_or_default();
    let same = match life.and_then(|l| l.version(newest)) {
        Some(version) => version.hash == hash,
        None => {
            newest == 0
                && state
                    .content
                    .rules
                    .get(&rule)
                    .is_some_and(|b| b.hash == hash)
        }
    };
    if same {
        return Err(Refusal::Conflict(format!(
            "nothing was changed: version {newest} of the rule has this text"
        )));
    }
    Ok(Entry::Pushed {
        version: life
            .and_then(|l| l.versions.last())
            .map_or(1, |v| v.number + 1),
        text: state.rules.text(&hash).is_none().then_some(text),
        rule,
        hash,
        title,
        parts,
        reason,
        by: actor.clone(),
    })
}

fn stage(
    state: &State,
    actor: &Actor,
    rule: &RuleId,
    to: Stage,
    version: Option<u32>,
    reason: &str,
) -> Result<Entry, Refusal> {
    permit(actor, "putting a rule at a stage", AUTHORS, None)?;
    let reason = said(reason, "the reason")?;
    let found = find(state, rule)?;
    if let Some(request) = found.life.and_then(|l| l.request.as_ref()) {
        return Err(Refusal::Conflict(format!(
            "{} asked for {}, which waits for approval; approve or reject that first",
            request.by, request.to
        )));
    }
    let draft = found.life.and_then(|l| l.draft);
    let version = version.unwrap_or(match (to.runs(), draft) {
        (true, Some(draft)) => draft,
        _ => found.version,
    });
    let hash = hash_of(&found, version)?;
    let from = found.stage;
    if from == to && version == found.version {
        return Err(Refusal::Conflict(format!(
            "the rule is {to} already, with this text"
        )));
    }
    if !from.next().contains(&to) {
        let ways: Vec<&str> = from.next().iter().map(|s| s.as_str()).collect();
        return Err(Refusal::Conflict(format!(
            "a rule that is {from} cannot become {to}; it can become {}",
            ways.join(", ")
        )));
    }
    if !to.runs() && version != found.version {
        return Err(Refusal::Invalid(format!(
            "{to} runs no text; leave the version out"
        )));
    }
    let guarded = to == Stage::Enabled || from == Stage::Enabled;
    let by = actor.clone();
    let rule = found.id;
    Ok(match state.content.policy.rules {
        FourEyes::Required if guarded => Entry::Asked {
            rule,
            from,
            to,
            version,
            hash,
            reason,
            by,
        },
        FourEyes::Required | FourEyes::Off => Entry::Staged {
            rule,
            from,
            to,
            version,
            hash,
            reason,
            by,
            asked_by: None,
        },
    })
}

fn approve(state: &State, actor: &Actor, rule: &RuleId, read: &str) -> Result<Entry, Refusal> {
    let user = permit(actor, "approving a change of a rule", AUTHORS, None)?;
    let (found, request) = waiting(state, rule)?;
    let author = found
        .life
        .and_then(|l| l.version(request.version))
        .map(|v| &v.by);
    if request.by.user() == Some(user) || author.and_then(Actor::user) == Some(user) {
        return Err(Refusal::SamePerson {
            who: user.to_string(),
        });
    }
    // The text of a file may be another one since.
    if request.hash != read || hash_of(&found, request.version)? != request.hash {
        return Err(Refusal::Conflict(
            "the text has changed since; read it again".to_owned(),
        ));
    }
    Ok(Entry::Staged {
        from: found.stage,
        rule: found.id,
        to: request.to,
        version: request.version,
        hash: request.hash.clone(),
        reason: request.reason.clone(),
        by: actor.clone(),
        asked_by: Some(request.by.clone()),
    })
}

fn find<'s>(state: &'s State, rule: &'s RuleId) -> Result<Standing<'s>, Refusal> {
    state.rule(rule).ok_or_else(|| Refusal::NotFound {
        kind: "rule",
        id: rule.to_string(),
    })
}

fn waiting<'s>(
    state: &'s State,
    rule: &'s RuleId,
) -> Result<(Standing<'s>, &'s super::Request), Refusal> {
    let found = find(state, rule)?;
    match found.life.and_then(|l: &Life| l.request.as_ref()) {
        Some(request) => Ok((found, request)),
        None => Err(Refusal::Conflict(
            "no change of this rule waits for approval".to_owned(),
        )),
    }
}

/// Hash of one of a rule's texts.
fn hash_of(found: &Standing<'_>, version: u32) -> Result<String, Refusal> {
    let written = found.life.and_then(|l| l.version(version)).map(|v| &v.hash);
    let file = found.base.filter(|_| version == 0).map(|b| &b.hash);
    written.or(file).cloned().ok_or_else(|| Refusal::NotFound {
        kind: "version of this rule",
        id: version.to_string(),
    })
}

/// A rule follows nothing: its stages are people's.
pub(crate) fn react(_state: &State, _entry: &crate::Entry, _now: Timestamp) -> Decision {
    Decision::nothing()
}
