//! What only somebody who can read rules can check before a decision about them is asked for.

use std::sync::Arc;

use axum::http::StatusCode;
use watchfloor_respond::{Input, rule};
use watchfloor_types::{Level, RuleId};

use super::{
    assemble::{assemble, wanted_if},
    unit::one,
};
use crate::{api::problem::Problem, floor::Floor};

/// The name that diagnostics give to a text that somebody is writing.
pub(crate) const TEXT: &str = "rule.yml";

/// The input as it may be decided, or why not.
pub(crate) async fn admit(floor: &Arc<Floor>, input: Input) -> Result<Input, Problem> {
    match input {
        Input::Rule(rule::Input::Push {
            rule, text, reason, ..
        }) => {
            let push = push(floor, &text, &reason)?;
            match &push {
                rule::Input::Push { rule: named, .. } if *named != rule => {
                    Err(Problem::bad(format!(
                        "the text is of rule `{named}`, not of `{rule}`; another id is another rule"
                    )))
                }
                _ => Ok(Input::Rule(push)),
            }
        }
        Input::Rule(rule::Input::Stage {
            rule,
            to,
            version,
            reason,
        }) => {
            let number = {
                let state = floor.state();
                let found = state.rule(&rule);
                version.or_else(|| {
                    let found = found.as_ref()?;
                    let draft = found.life.and_then(|l| l.draft).filter(|_| to.runs());
                    draft.or(Some(found.version))
                })
            };
            if let Some(number) = number {
                fits(floor, &rule, to, number).await?;
            }
            Ok(Input::Rule(rule::Input::Stage {
                rule,
                to,
                version,
                reason,
            }))
        }
        Input::Rule(rule::Input::Approve { rule, hash }) => {
            let asked = {
                let state = floor.state();
                let found = state.rule(&rule);
                found
                    .and_then(|s| s.life?.request.as_ref())
                    .map(|r| (r.to, r.version))
            };
            if let Some((to, version)) = asked {
                fits(floor, &rule, to, version).await?;
            }
            Ok(Input::Rule(rule::Input::Approve { rule, hash }))
        }
        other => Ok(other),
    }
}

/// The input that keeps a text, with what the text says of itself.
pub(crate) fn push(floor: &Floor, text: &str, reason: &str) -> Result<rule::Input, Problem> {
    let (unit, diagnostics) = one(TEXT, text, &floor.units.options);
    let Some(unit) = unit else {
        let errors: Vec<String> = diagnostics
            .iter()
            .filter(|d| d.level == Level::Error)
            .map(ToString::to_string)
            .collect();
        return Err(Problem::bad(errors.join("\n")));
    };
    Ok(rule::Input::Push {
        rule: unit.id.clone(),
        title: unit.title.clone(),
        parts: unit.parts(),
        text: text.to_owned(),
        reason: reason.to_owned(),
    })
}

/// Refuses where the rule could not be run beside the others, or others could not without it.
async fn fits(
    floor: &Arc<Floor>,
    rule: &RuleId,
    to: rule::Stage,
    version: u32,
) -> Result<(), Problem> {
    let then = {
        let state = floor.state();
        let head = state.rule_head(rule).clone();
        wanted_if(&state, &floor.units, &head, to, version)
    };
    let builder = Arc::clone(floor);
    let then = tokio::task::spawn_blocking(move || assemble(then, &builder.units))
        .await
        .map_err(|e| Problem::internal(&e))?;
    let now = floor.rulebook();
    let new = then
        .fallen
        .iter()
        .find(|(id, _)| !now.fallen.contains_key(*id) || *id == rule);
    let Some((id, fallen)) = new else {
        return Ok(());
    };
    let who = if id == rule {
        "it cannot be run".to_owned()
    } else {
        format!("rule `{id}` could not be run any more")
    };
    Err(Problem::new(
        StatusCode::CONFLICT,
        "not possible now",
        format!("{who}: {}", fallen.why),
    ))
}
