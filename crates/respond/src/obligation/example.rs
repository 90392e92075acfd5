//! Worked examples: the tests that stand in the content itself.

use std::collections::BTreeMap;

use jiff::Timestamp;
use watchfloor_types::{Actor, DecisionId, Diagnostic, FactName, ObligationId, Place, RegimeId};

use super::{
    Answer, ClockStatus, Determination, Filing, Hold, Library, Profile,
    clock::{Case, assess},
};
use crate::incident::{Fact, FactValue, Facts};

/// What is known, and what a clock has to say.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// What it shows.
    pub name: String,
    /// The regime.
    pub regime: RegimeId,
    /// Which filing.
    pub stage: ObligationId,
    /// The moment at which the clock is read.
    pub now: Timestamp,
    /// Facts, those of the profile (`entity.…`) included.
    pub facts: BTreeMap<FactName, FactValue>,
    /// Determinations with the moment since when they hold.
    pub decided: BTreeMap<FactName, (Answer, Timestamp)>,
    /// Filings.
    pub submitted: BTreeMap<ObligationId, Timestamp>,
    /// End of a delay that an authority allows.
    pub hold_until: Option<Timestamp>,
    /// Expected: [`ClockStatus::as_str`].
    pub status: String,
    /// Expected.
    pub safe: Option<Timestamp>,
    /// Expected.
    pub outer: Option<Timestamp>,
    /// Where it stands.
    pub place: Place,
}

/// Runs every worked example of `library` and says which do not hold.
#[must_use]
pub fn run_examples(library: &Library) -> Vec<Diagnostic> {
    library
        .examples
        .iter()
        .filter_map(|example| {
            let (status, safe, outer) = outcome(library, example)?;
            let mut wrong = Vec::new();
            if status.as_str() != example.status {
                wrong.push(format!(
                    "the status is {}, not {}",
                    status.as_str(),
                    example.status
                ));
            }
            for (what, found, expected) in [
                ("safe", safe, example.safe),
                ("outer", outer, example.outer),
            ] {
                if found != expected {
                    let show = |at: Option<Timestamp>| {
                        at.map_or_else(|| "none".to_owned(), |at| at.to_string())
                    };
                    wrong.push(format!(
                        "the {what} date is {}, not {}",
                        show(found),
                        show(expected)
                    ));
                }
            }
            (!wrong.is_empty()).then(|| {
                Diagnostic::error(
                    "O012",
                    format!("example `{}`: {}", example.name, wrong.join("; ")),
                )
                .at(example.place.clone())
            })
        })
        .collect()
}

type Outcome = (ClockStatus, Option<Timestamp>, Option<Timestamp>);

fn outcome(library: &Library, example: &Example) -> Option<Outcome> {
    let regime = library.regimes.get(&example.regime)?;
    let stage = regime.stage(&example.stage)?;
    let mut facts = Facts::default();
    let mut profile = Profile::default();
    for (name, value) in &example.facts {
        if name.as_str().starts_with("entity.") {
            profile.facts.insert(name.clone(), value.clone());
        } else {
            facts.record(Fact {
                name: name.clone(),
                value: value.clone(),
                known_at: example.now,
                by: Actor::System,
                events: Vec::new(),
                finding: None,
                note: String::new(),
            });
        }
    }
    let determinations: Vec<Determination> = example
        .decided
        .iter()
        .map(|(question, (answer, effective))| Determination {
            id: DecisionId::minted(*effective, &[question.as_str().as_bytes()]),
            question: question.clone(),
            answer: *answer,
            at: *effective,
            effective: *effective,
            facts: Vec::new(),
            rationale: String::new(),
            by: Actor::System,
        })
        .collect();
    let submitted: BTreeMap<ObligationId, Vec<Filing>> = example
        .submitted
        .iter()
        .map(|(stage, at)| {
            let filing = Filing {
                submitted: *at,
                recorded: *at,
                reference: "example".to_owned(),
                draft: None,
                draft_hash: None,
                note: String::new(),
                by: Actor::System,
            };
            (stage.clone(), vec![filing])
        })
        .collect();
    let filings = |stage: &ObligationId| submitted.get(stage).map_or(&[][..], Vec::as_slice);
    let hold = example.hold_until.map(|until| Hold {
        authority: "the authority".to_owned(),
        basis: "example".to_owned(),
        until,
        by: Actor::System,
    });
    let case = Case {
        facts: &facts,
        profile: &profile,
        calendars: &library.calendars,
        determinations: &determinations,
        filings: &filings,
        now: example.now,
    };
    let result = assess(&case, regime, stage, hold.as_ref());
    Some((result.status, result.safe, result.outer))
}
