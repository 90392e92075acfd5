//! What scripted players do: acts as data, resolved against the state when they are due.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use watchfloor_types::{
    Actor, ExerciseId, FactName, InjectId, ObligationId, RunbookId, StepId, TemplateId, UserId,
};

use super::{Play, Players, Rating, resolve::resolve};
use crate::{State, incident::IncidentRole, obligation};

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
    /// Does a manual step of the newest run of a runbook.
    CompleteStep {
        /// The runbook.
        runbook: RunbookId,
        /// The step.
        step: StepId,
        /// What was found or done.
        note: String,
        /// Values for the step's `out_args`.
        #[serde(default)]
        values: BTreeMap<String, String>,
    },
    /// Approves a step of the newest run of a runbook.
    ApproveStep {
        /// The runbook.
        runbook: RunbookId,
        /// The step.
        step: StepId,
        /// Why.
        note: String,
    },
    /// Writes a draft from a template.
    CreateDraft {
        /// The template.
        template: TemplateId,
    },
    /// Fills the newest draft of a template again from what is known now.
    RefillDraft {
        /// The template.
        template: TemplateId,
    },
    /// Asks for approval of the newest draft of a template.
    SubmitDraft {
        /// The template.
        template: TemplateId,
    },
    /// Approves the newest draft of a template as it stands, and accepts what it marks as unknown.
    ApproveDraft {
        /// The template.
        template: TemplateId,
    },
    /// Records that the newest draft of a template went out.
    MarkDraftSent {
        /// The template.
        template: TemplateId,
        /// By which way.
        how: String,
    },
    /// Answers a question of a regime.
    Determine {
        /// The question.
        question: FactName,
        /// The answer.
        answer: obligation::Answer,
        /// The fact whose moment it holds from, where that is not now.
        since: Option<FactName>,
        /// The facts it rests on.
        #[serde(default)]
        facts: Vec<FactName>,
        /// Why.
        rationale: String,
    },
    /// Records a filing.
    File {
        /// Which filing.
        stage: ObligationId,
        /// The number that the receiver gave.
        reference: String,
        /// The template of the approved draft that was filed, if one was.
        template: Option<TemplateId>,
        /// Reason in words.
        #[serde(default)]
        note: String,
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
    #[serde(rename_all = "kebab-case")]
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
            | Self::CompleteStep { .. }
            | Self::ApproveStep { .. }
            | Self::CreateDraft { .. }
            | Self::RefillDraft { .. }
            | Self::SubmitDraft { .. }
            | Self::ApproveDraft { .. }
            | Self::MarkDraftSent { .. }
            | Self::Determine { .. }
            | Self::File { .. }
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
