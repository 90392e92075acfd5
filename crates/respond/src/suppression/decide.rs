//! What people do to suppressions.

use jiff::Timestamp;
use watchfloor_types::{Actor, RuleId, SuppressionId};

use super::{Entry, Input, Spec, Standing, Start, Suppression, Until, preview};
use crate::{
    Decision, Refusal, State,
    permit::{permit, said},
    rule::{AUTHORS, FourEyes},
};

/// Most rules of one suppression.
const MAX_RULES: usize = 100;

pub(crate) fn decide(
    state: &State,
    actor: &Actor,
    input: Input,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let by = actor.clone();
    let entry = match input {
        Input::Add {
            mut rules,
            family,
            tenant,
            when,
            owner,
            reason,
            until,
            alert,
            force,
        } => {
            let user = permit(actor, "suppressing findings", AUTHORS, None)?;
            let reason = said(&reason, "the reason")?;
            rules.sort();
            rules.dedup();
            in_scope(state, &rules, family.as_deref())?;
            if let Some(alert) = alert
                && state.alerts.get(alert).is_none()
            {
                return Err(Refusal::NotFound {
                    kind: "alert",
                    id: alert.to_string(),
                });
            }
            let spec = Spec {
                rules,
                family,
                tenant,
                when,
                owner: owner.unwrap_or_else(|| user.clone()),
                reason,
                expires: expiry(state, until, now)?,
                alert,
                force: force
                    .filter(|f| !f.trim().is_empty())
                    .map(|f| said(&f, "the reason to force it"))
                    .transpose()?,
            };
            let seen = preview(state, &spec, Timestamp::MIN);
            if !seen.attacks.is_empty() && spec.force.is_none() {
                let alerts: Vec<String> = seen.attacks.iter().map(ToString::to_string).collect();
                return Err(Refusal::Conflict(format!(
                    "it would have hidden what was found to be an attack: alert {}; narrow it, or say why with `force`",
                    alerts.join(", ")
                )));
            }
            let text = serde_json::to_vec(&spec).unwrap_or_default();
            Entry::Added {
                suppression: SuppressionId::minted(
                    now,
                    &[b"suppression", &state.applied().to_be_bytes(), &text],
                ),
                spec,
                start: match state.content.policy.suppressions {
                    FourEyes::Off => Start::Now,
                    FourEyes::Required => Start::Approval,
                },
                by,
            }
        }
        Input::Approve { suppression } => {
            let user = permit(actor, "approving a suppression", AUTHORS, None)?;
            let found = waiting(state, suppression, now)?;
            if found.by.user() == Some(user) {
                return Err(Refusal::SamePerson {
                    who: user.to_string(),
                });
            }
            Entry::Approved { suppression, by }
        }
        Input::Reject {
            suppression,
            reason,
        } => {
            permit(actor, "rejecting a suppression", AUTHORS, None)?;
            waiting(state, suppression, now)?;
            Entry::Rejected {
                suppression,
                reason: said(&reason, "the reason")?,
                by,
            }
        }
        Input::End {
            suppression,
            reason,
        } => {
            permit(actor, "ending a suppression", AUTHORS, None)?;
            let found = get(state, suppression)?;
            if !found.acts(now) {
                return Err(stands(found, now));
            }
            Entry::Ended {
                suppression,
                reason: said(&reason, "the reason")?,
                by,
            }
        }
    };
    Ok(Decision::nothing().entry(crate::Entry::Suppression(entry)))
}

fn in_scope(state: &State, rules: &[RuleId], family: Option<&str>) -> Result<(), Refusal> {
    if rules.is_empty() == family.is_none() {
        return Err(Refusal::Invalid(
            "name the rules that it is about, or one family of rules".to_owned(),
        ));
    }
    if rules.len() > MAX_RULES {
        return Err(Refusal::Invalid(format!(
            "more than {MAX_RULES} rules; name their family"
        )));
    }
    // Indicators have findings, too, and are no rules: what has been seen is known.
    let seen = |id: &RuleId| {
        state
            .alerts
            .iter()
            .any(|a| a.findings.iter().any(|f| f.rule.id == *id))
    };
    if let Some(unknown) = rules.iter().find(|id| {
        state.rule(id).is_none() && !state.content.rule_heads.contains_key(*id) && !seen(id)
    }) {
        return Err(Refusal::NotFound {
            kind: "rule",
            id: unknown.to_string(),
        });
    }
    let known = |name: &str| {
        state
            .content
            .rules
            .values()
            .any(|b| b.family.as_deref() == Some(name))
    };
    match family {
        Some(name) if !known(name) => Err(Refusal::NotFound {
            kind: "family of rules",
            id: name.to_owned(),
        }),
        Some(_) | None => Ok(()),
    }
}

fn expiry(state: &State, until: Until, now: Timestamp) -> Result<Timestamp, Refusal> {
    let longest = state.content.policy.longest;
    let expires = match until {
        Until::At(at) => at,
        Until::In(span) => now.saturating_add(span).unwrap_or(Timestamp::MAX),
    };
    if expires <= now {
        return Err(Refusal::Invalid(format!("{expires} is over already")));
    }
    if expires.duration_since(now) > longest {
        return Err(Refusal::Invalid(format!(
            "a suppression lasts at most {} days here (`suppressions.max_days`)",
            longest.as_hours() / 24
        )));
    }
    Ok(expires)
}

fn get(state: &State, id: SuppressionId) -> Result<&Suppression, Refusal> {
    state.suppressions.get(id).ok_or_else(|| Refusal::NotFound {
        kind: "suppression",
        id: id.to_string(),
    })
}

fn waiting(state: &State, id: SuppressionId, now: Timestamp) -> Result<&Suppression, Refusal> {
    let found = get(state, id)?;
    if found.standing == Standing::Waiting && now < found.spec.expires {
        Ok(found)
    } else {
        Err(stands(found, now))
    }
}

fn stands(found: &Suppression, now: Timestamp) -> Refusal {
    Refusal::Conflict(format!(
        "this is not possible: the suppression is {}",
        found.status(now)
    ))
}

/// A suppression follows nothing and causes nothing: it only is.
pub(crate) fn react(_state: &State, _entry: &crate::Entry, _now: Timestamp) -> Decision {
    Decision::nothing()
}
