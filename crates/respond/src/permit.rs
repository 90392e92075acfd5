//! Who may do what.

use watchfloor_types::{Actor, ExerciseId, Role, UserId};

use crate::Refusal;

/// Roles that work alerts, incidents and runs.
pub(crate) const WORKERS: &[Role] = &[Role::Analyst, Role::Commander];

/// The account behind an act that needs one of `any_of`. `exercise` is the exercise that the thing
/// belongs to: a player of an exercise may act inside it and nowhere else, and the system itself
/// never stands in for a person.
pub(crate) fn permit<'a>(
    actor: &'a Actor,
    what: &'static str,
    any_of: &[Role],
    exercise: Option<ExerciseId>,
) -> Result<&'a UserId, Refusal> {
    let user = actor.user().ok_or(Refusal::NeedsPerson { what })?;
    if matches!(actor, Actor::Player { .. }) && exercise.is_none() {
        return Err(Refusal::PlayerOutside { what });
    }
    if any_of.iter().any(|role| actor.has(*role)) {
        Ok(user)
    } else {
        Err(Refusal::NotAllowed {
            what,
            any_of: any_of.to_vec(),
        })
    }
}

/// Text that must say something, trimmed; `what` names it in the refusal.
pub(crate) fn said(text: &str, what: &str) -> Result<String, Refusal> {
    let text = text.trim();
    if text.is_empty() {
        Err(Refusal::Invalid(format!("{what} must not be empty")))
    } else if text.len() > 64 * 1024 {
        Err(Refusal::Invalid(format!("{what} is longer than 64 KiB")))
    } else {
        Ok(text.to_owned())
    }
}
