//! What obligations ask of people.

use std::collections::BTreeMap;

use jiff::Timestamp;
use watchfloor_types::{FactName, Severity};

use super::{ClockStatus, ClockView, Obligations, Question, QuestionKind, clocks};
use crate::{
    Need, NeedKind, State,
    incident::{Incident, Status},
    need::Needs,
};

/// An incident of this severity or worse asks the questions of regimes whose clocks nothing has
/// opened yet.
const ASK_FROM: Severity = Severity::High;

impl Needs for Obligations {
    fn needs(&self, state: &State, now: Timestamp) -> Vec<Need> {
        state
            .incidents
            .iter()
            .filter(|incident| incident.merged_into.is_none() && incident.status != Status::Closed)
            .flat_map(|incident| of_incident(state, incident, now))
            .collect()
    }
}

fn of_incident(state: &State, incident: &Incident, now: Timestamp) -> Vec<Need> {
    let mut needs = Vec::new();
    let mut asked: BTreeMap<FactName, (Question, Option<Timestamp>)> = BTreeMap::new();
    for view in clocks(state, incident.id, now) {
        let ask = match &view.status {
            ClockStatus::Candidate => true,
            ClockStatus::Unknown => incident.severity >= ASK_FROM,
            ClockStatus::NotStarted
            | ClockStatus::Held { .. }
            | ClockStatus::Met { .. }
            | ClockStatus::Late { .. }
            | ClockStatus::NotApplicable { .. } => false,
            ClockStatus::Running | ClockStatus::PastSafe { .. } | ClockStatus::Missed { .. } => {
                needs.push(filing(incident, &view));
                false
            }
        };
        if !ask {
            continue;
        }
        for question in &view.missing {
            // A decision that several clocks wait for is asked for once, by the earliest date.
            let due = view.safe;
            asked
                .entry(question.name.clone())
                .and_modify(|(_, known)| {
                    *known = match (*known, due) {
                        (Some(a), Some(b)) => Some(a.min(b)),
                        (one, other) => one.or(other),
                    };
                })
                .or_insert_with(|| (question.clone(), due));
        }
    }
    needs.extend(asked.into_values().map(|(question, due)| Need {
        kind: NeedKind::Decision,
        title: match question.kind {
            QuestionKind::Determination => {
                format!("{}: decide: {}", incident.name, question.question)
            }
            QuestionKind::Fact => format!("{}: find out: {}", incident.name, question.question),
            QuestionKind::Profile => {
                format!(
                    "{}: say in the profile: {}",
                    incident.name, question.question
                )
            }
        },
        roles: question.roles,
        due,
        link: format!("/incidents/{}#clocks", incident.name),
        incident: Some(incident.id),
        exercise: incident.exercise.is_some(),
    }));
    needs
}

fn filing(incident: &Incident, view: &ClockView) -> Need {
    Need {
        kind: NeedKind::Filing,
        title: if view.title.ends_with(&*view.recipient) {
            format!("{}: {}", incident.name, view.title)
        } else {
            format!("{}: {} to {}", incident.name, view.title, view.recipient)
        },
        roles: view.roles.clone(),
        due: view.safe.or(view.target),
        link: format!("/incidents/{}#clocks", incident.name),
        incident: Some(incident.id),
        exercise: incident.exercise.is_some(),
    }
}
