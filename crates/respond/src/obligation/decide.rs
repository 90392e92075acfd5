//! What people determine, file and record.

use jiff::Timestamp;
use watchfloor_types::{Actor, DecisionId, DraftId, FactName, IncidentId, ObligationId, Role};

use super::{
    Answer, DecisionSpec, Determination, Entry, Filing, Hold, Input, Regime, Stage, clocks,
};
use crate::{
    Decision, Refusal, State,
    incident::{self, Fact, FactValue, Incident, Known, fact_name},
    permit::{permit, said},
};

/// Who may say when the organisation became aware; the same as for recording the fact by hand.
const AWARE: &[Role] = &[Role::Privacy, Role::Legal];

pub(crate) fn decide(
    state: &State,
    actor: &Actor,
    input: Input,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    match input {
        Input::Determine {
            incident,
            question,
            answer,
            effective,
            facts,
            rationale,
        } => {
            let found = live(state, incident)?;
            let spec = state
                .content
                .regimes
                .values()
                .find_map(|regime| regime.decisions.get(&question))
                .ok_or_else(|| Refusal::NotFound {
                    kind: "question of a regime",
                    id: question.to_string(),
                })?;
            permit(actor, "determining this", &spec.roles, found.exercise)?;
            let rationale = said(&rationale, "the rationale")?;
            if effective.is_some_and(|at| at > now) {
                return Err(Refusal::Invalid(
                    "a determination cannot hold from the future".to_owned(),
                ));
            }
            determine(
                state,
                actor,
                found,
                spec,
                Said {
                    answer,
                    effective,
                    facts,
                    rationale,
                },
                now,
            )
        }
        Input::File {
            incident,
            stage,
            submitted,
            reference,
            draft,
            note,
        } => {
            let found = live(state, incident)?;
            let (regime, spec) = stage_of(state, &stage)?;
            permit(actor, "recording a filing", &spec.roles, found.exercise)?;
            let submitted = submitted.unwrap_or(now);
            if submitted > now {
                return Err(Refusal::Invalid(
                    "a filing cannot be submitted in the future".to_owned(),
                ));
            }
            let reference = said(&reference, "the reference")?;
            let note = note.trim().to_owned();
            let late = clocks(state, incident, now)
                .iter()
                .any(|view| view.stage == stage && view.safe.is_some_and(|safe| submitted > safe));
            if late && note.is_empty() {
                return Err(Refusal::Invalid(
                    "a filing after the safe date needs its reason in the note".to_owned(),
                ));
            }
            let draft_hash = draft
                .map(|draft| approved(state, incident, draft))
                .transpose()?;
            Ok(
                Decision::nothing().entry(crate::Entry::Obligation(Entry::FilingRecorded {
                    incident,
                    regime: regime.id.clone(),
                    stage,
                    filing: Filing {
                        submitted,
                        recorded: now,
                        reference,
                        draft,
                        draft_hash,
                        note,
                        by: actor.clone(),
                    },
                })),
            )
        }
        Input::Hold {
            incident,
            stage,
            authority,
            basis,
            until,
        } => {
            let found = live(state, incident)?;
            let (regime, spec) = stage_of(state, &stage)?;
            permit(actor, "recording a delay", &[Role::Legal], found.exercise)?;
            if spec.hold.is_none() {
                return Err(Refusal::Conflict(format!(
                    "no rule of {} lets an authority delay {stage}",
                    regime.title
                )));
            }
            let authority = said(&authority, "the authority")?;
            let basis = said(&basis, "the basis")?;
            Ok(
                Decision::nothing().entry(crate::Entry::Obligation(Entry::HoldRecorded {
                    incident,
                    regime: regime.id.clone(),
                    stage,
                    hold: Hold {
                        authority,
                        basis,
                        until,
                        by: actor.clone(),
                    },
                })),
            )
        }
        Input::EndHold {
            incident,
            stage,
            reason,
        } => {
            let found = live(state, incident)?;
            let (regime, _) = stage_of(state, &stage)?;
            permit(actor, "ending a delay", &[Role::Legal], found.exercise)?;
            if state.obligations.hold(incident, &stage).is_none() {
                return Err(Refusal::Conflict(format!("{stage} is not delayed")));
            }
            Ok(
                Decision::nothing().entry(crate::Entry::Obligation(Entry::HoldEnded {
                    incident,
                    regime: regime.id.clone(),
                    stage,
                    reason: said(&reason, "the reason")?,
                    by: actor.clone(),
                })),
            )
        }
    }
}

struct Said {
    answer: Answer,
    effective: Option<Timestamp>,
    facts: Vec<FactName>,
    rationale: String,
}

fn determine(
    state: &State,
    actor: &Actor,
    incident: &Incident,
    spec: &DecisionSpec,
    said: Said,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    for name in &said.facts {
        if incident.facts.get(name.as_str()).is_none() {
            return Err(Refusal::NotFound {
                kind: "fact of this incident",
                id: name.to_string(),
            });
        }
    }
    let established = spec.establishes.as_ref().map(|fact| {
        let recorded = known(incident, fact);
        let proposed = spec.proposed.iter().find_map(|name| known(incident, name));
        (fact, recorded, proposed)
    });
    let effective = said
        .effective
        .or_else(|| established.and_then(|(_, recorded, proposed)| recorded.or(proposed)))
        .unwrap_or(now);
    let mut all = Decision::nothing();
    if said.answer == Answer::Yes
        && let Some((fact, recorded, _)) = established
        && recorded.is_none_or(|known| said.effective.is_some_and(|said| said != known))
    {
        let may = fact.as_str() != fact_name::AWARE_AT || AWARE.iter().any(|r| actor.has(*r));
        if !may && said.effective.is_some() {
            return Err(Refusal::NotAllowed {
                what: "saying since when the organisation is aware",
                any_of: AWARE.to_vec(),
            });
        }
        // The moment counts from when it was, not from when somebody decided about it.
        all.entries.extend(may.then(|| {
            crate::Entry::Incident(incident::Entry::FactRecorded {
                incident: incident.id,
                fact: Fact {
                    name: fact.clone(),
                    value: FactValue::Time(effective),
                    known_at: now,
                    by: actor.clone(),
                    events: Vec::new(),
                    finding: spec
                        .proposed
                        .iter()
                        .filter_map(|name| incident.facts.get(name.as_str()))
                        .find(|fact| fact.value == FactValue::Time(effective))
                        .and_then(|fact| fact.finding),
                    note: format!("established with `{}`: {}", spec.name, said.rationale),
                },
            })
        }));
    }
    all.entries.insert(
        0,
        crate::Entry::Obligation(Entry::Determined {
            incident: incident.id,
            determination: Determination {
                id: DecisionId::minted(now, &[b"determination", &state.applied().to_be_bytes()]),
                question: spec.name.clone(),
                answer: said.answer,
                at: now,
                effective,
                facts: said.facts,
                rationale: said.rationale,
                by: actor.clone(),
            },
        }),
    );
    Ok(all)
}

fn known(incident: &Incident, name: &FactName) -> Option<Timestamp> {
    match incident.facts.time(name.as_str()) {
        Known::Value(at) => Some(at),
        Known::NotApplicable | Known::Unknown => None,
    }
}

/// The incident, if it still is one.
fn live(state: &State, id: IncidentId) -> Result<&Incident, Refusal> {
    let incident = state.incidents.get(id).ok_or_else(|| Refusal::NotFound {
        kind: "incident",
        id: id.to_string(),
    })?;
    match incident.merged_into.and_then(|id| state.incidents.get(id)) {
        Some(into) => Err(Refusal::Conflict(format!(
            "{} was merged into {}",
            incident.name, into.name
        ))),
        None => Ok(incident),
    }
}

fn stage_of<'s>(state: &'s State, id: &ObligationId) -> Result<(&'s Regime, &'s Stage), Refusal> {
    state
        .content
        .regimes
        .values()
        .find_map(|regime| Some((regime, regime.stage(id)?)))
        .ok_or_else(|| Refusal::NotFound {
            kind: "filing",
            id: id.to_string(),
        })
}

/// The hash of an approved draft of this incident.
fn approved(state: &State, incident: IncidentId, id: DraftId) -> Result<String, Refusal> {
    let draft = state.comms.get(id).ok_or_else(|| Refusal::NotFound {
        kind: "draft",
        id: id.to_string(),
    })?;
    if draft.incident != incident {
        return Err(Refusal::Conflict(
            "this draft belongs to another incident".to_owned(),
        ));
    }
    match draft.approval() {
        Some(approval) => Ok(approval.hash.clone()),
        None => Err(Refusal::Conflict(
            "this draft is not approved; only an approved text can be filed".to_owned(),
        )),
    }
}
