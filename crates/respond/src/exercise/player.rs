//! What scripted players do: acts as data, resolved against the state when they are due.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use watchfloor_types::{Actor, ExerciseId, FactName, IncidentId, InjectId, UserId};

use super::{Input, LessonKind, Play, Players, Rating, watch};
use crate::{
    State, alert,
    incident::{self, FactValue, IncidentRole},
};

/// Something that a player does, with selectors where a person would point.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Act {
    /// Looks at the oldest alert that holds an event of the inject.
    AcknowledgeAlert {
        /// The inject.
        inject: InjectId,
    },
    /// Takes a role in the incident of the exercise.
    TakeRole {
        /// The role.
        role: IncidentRole,
    },
    /// Records a fact about the incident.
    RecordFact {
        /// Which question.
        name: FactName,
        /// The answer.
        value: ActValue,
        /// Source or reason.
        note: String,
    },
    /// Records a decision about the incident.
    Decide {
        /// The question.
        question: String,
        /// The answer.
        answer: String,
        /// Why.
        reason: String,
    },
    /// Writes a remark into the incident.
    Note {
        /// What.
        text: String,
    },
    /// Reads an inject.
    Read {
        /// The inject.
        inject: InjectId,
    },
    /// Answers an inject in words.
    Answer {
        /// The inject.
        inject: InjectId,
        /// What.
        text: String,
    },
    /// Says what was seen, as an evaluator.
    Assess {
        /// The inject.
        inject: InjectId,
        /// The expectation.
        expectation: String,
        /// What was seen.
        rating: Rating,
        /// On what ground.
        note: String,
    },
    /// Names something that worked.
    Strength {
        /// What.
        text: String,
    },
    /// Names something that did not.
    Gap {
        /// What.
        text: String,
    },
    /// Creates an action item.
    CreateItem {
        /// What.
        title: String,
        /// Who sees to it.
        owner: UserId,
        /// Days from now.
        due_days: u16,
    },
}

impl Act {
    /// The inject that it names.
    pub(super) fn inject(&self) -> Option<&InjectId> {
        match self {
            Self::AcknowledgeAlert { inject }
            | Self::Read { inject }
            | Self::Answer { inject, .. }
            | Self::Assess { inject, .. } => Some(inject),
            Self::TakeRole { .. }
            | Self::RecordFact { .. }
            | Self::Decide { .. }
            | Self::Note { .. }
            | Self::Strength { .. }
            | Self::Gap { .. }
            | Self::CreateItem { .. } => None,
        }
    }
}

/// A value of a fact as a script writes it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ActValue {
    /// Yes or no.
    Truth(bool),
    /// A count.
    Count(i64),
    /// Text.
    Text(String),
    /// Several texts.
    List(Vec<String>),
    /// A moment of the story.
    Moment(Timestamp),
    /// The value that another fact has, such as a candidate that is confirmed.
    SameAs(FactName),
}

/// An input that a scripted player gives now.
#[derive(Debug, Clone, PartialEq)]
pub struct PlayerInput {
    /// The exercise.
    pub exercise: ExerciseId,
    /// Which act of the script.
    pub act: String,
    /// Who gives it: always [`Actor::Player`].
    pub actor: Actor,
    /// What is asked, or why it cannot be asked.
    pub input: Result<crate::Input, String>,
}

/// An act that cannot be asked yet, such as looking at an alert that is not there, is tried again
/// for this much play time.
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);

/// What scripted players do at `now`, one act per play. The binary gives the input to
/// [`crate::step`] and then reports with [`Input::PlayerActed`], refused or not; only then the next
/// act comes.
#[must_use]
pub fn due_player_inputs(state: &State, now: Timestamp) -> Vec<PlayerInput> {
    state
        .exercises
        .live()
        .filter(|play| play.players == Players::Script && play.status == super::Status::Running)
        .filter_map(|play| due(state, play, now))
        .collect()
}

fn due(state: &State, play: &Play, now: Timestamp) -> Option<PlayerInput> {
    let time = play.clock.play_time(now);
    let scripted = play
        .plan
        .script
        .iter()
        .find(|scripted| !play.acted.contains_key(&scripted.id))?;
    // What is given at the same minute comes first.
    let given = play
        .ahead()
        .first()
        .is_none_or(|inject| inject.at > scripted.at);
    if time < scripted.at || !given {
        return None;
    }
    let role = play.plan.role(&scripted.role)?;
    let input = resolve(state, play, &scripted.act, &role.user, now);
    if input.is_err() && time < scripted.at.saturating_add(PATIENCE) && time < play.plan.length {
        return None;
    }
    Some(PlayerInput {
        exercise: play.id,
        act: scripted.id.clone(),
        actor: Actor::Player {
            user: role.user.clone(),
            roles: role.roles.clone(),
        },
        input,
    })
}

/// The input that an act is, with its selectors looked up.
fn resolve(
    state: &State,
    play: &Play,
    act: &Act,
    user: &UserId,
    now: Timestamp,
) -> Result<crate::Input, String> {
    let exercise = play.id;
    let incident = || {
        watch::incident_of(state, exercise).ok_or_else(|| "the exercise has no incident".to_owned())
    };
    let ours = |input: Input| Ok(crate::Input::Exercise(input));
    match act {
        Act::AcknowledgeAlert { inject } => {
            let alert = alert_of(state, play, inject)?;
            Ok(crate::Input::Alert(alert::Input::Acknowledge { alert }))
        }
        Act::TakeRole { role } => Ok(crate::Input::Incident(incident::Input::SetRole {
            incident: incident()?,
            role: *role,
            user: Some(user.clone()),
        })),
        Act::RecordFact { name, value, note } => {
            let incident = incident()?;
            Ok(crate::Input::Incident(incident::Input::RecordFact {
                incident,
                name: name.clone(),
                value: fact_value(state, incident, value)?,
                known_at: None,
                events: Vec::new(),
                finding: None,
                note: note.clone(),
            }))
        }
        Act::Decide {
            question,
            answer,
            reason,
        } => Ok(crate::Input::Incident(incident::Input::Decide {
            incident: incident()?,
            question: question.clone(),
            answer: answer.clone(),
            reason: reason.clone(),
        })),
        Act::Note { text } => Ok(crate::Input::Incident(incident::Input::Note {
            incident: incident()?,
            text: text.clone(),
        })),
        Act::Read { inject } => ours(Input::Read {
            exercise,
            inject: inject.clone(),
        }),
        Act::Answer { inject, text } => ours(Input::Answer {
            exercise,
            inject: inject.clone(),
            text: text.clone(),
        }),
        Act::Assess {
            inject,
            expectation,
            rating,
            note,
        } => ours(Input::Assess {
            exercise,
            inject: inject.clone(),
            expectation: expectation.clone(),
            rating: *rating,
            note: note.clone(),
        }),
        Act::Strength { text } => ours(Input::Lesson {
            exercise,
            kind: LessonKind::Strength,
            text: text.clone(),
        }),
        Act::Gap { text } => ours(Input::Lesson {
            exercise,
            kind: LessonKind::Gap,
            text: text.clone(),
        }),
        Act::CreateItem {
            title,
            owner,
            due_days,
        } => ours(Input::CreateItem {
            exercise,
            title: title.clone(),
            owner: owner.clone(),
            due: now
                .saturating_add(SignedDuration::from_hours(i64::from(*due_days) * 24))
                .unwrap_or(Timestamp::MAX),
        }),
    }
}

/// The oldest open alert that holds an event of the inject and that nobody has looked at, else the
/// oldest that is open.
fn alert_of(
    state: &State,
    play: &Play,
    inject: &InjectId,
) -> Result<watchfloor_types::AlertId, String> {
    let planned = play
        .plan
        .inject(inject)
        .ok_or_else(|| format!("no inject `{inject}`"))?;
    let ours = || {
        state.alerts.iter().filter(|alert| {
            alert.exercise() == Some(play.id)
                && alert.is_open()
                && watch::holds(play, planned, alert)
        })
    };
    ours()
        .find(|alert| alert.status == alert::Status::New)
        .or_else(|| ours().next())
        .map(|alert| alert.id)
        .ok_or_else(|| format!("no open alert holds an event of inject `{inject}`"))
}

fn fact_value(state: &State, incident: IncidentId, value: &ActValue) -> Result<FactValue, String> {
    Ok(match value {
        ActValue::Truth(truth) => FactValue::Bool(*truth),
        ActValue::Count(count) => FactValue::Int(*count),
        ActValue::Text(text) => FactValue::Text(text.clone()),
        ActValue::List(items) => FactValue::List(items.clone()),
        ActValue::Moment(at) => FactValue::Time(*at),
        ActValue::SameAs(name) => state
            .incidents
            .get(incident)
            .and_then(|incident| incident.facts.get(name.as_str()))
            .map(|fact| fact.value.clone())
            .ok_or_else(|| format!("fact `{name}` is not known"))?,
    })
}
