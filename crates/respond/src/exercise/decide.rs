//! What people, players and the binary may ask of an exercise.

use jiff::{SignedDuration, Timestamp};
use watchfloor_types::{ActionItemId, Actor, ExerciseId, InjectId, Role};

use super::{Entry, Input, MAX_SPEED, Pace, Play, Progress};
use crate::{
    Decision, Refusal, State,
    permit::{permit, said},
};

/// A stepped play whose floor's clock shows the start of the story, or at most this much later,
/// counts from that start, so that time in the story and on the floor are one.
const ANCHOR: SignedDuration = SignedDuration::from_mins(10);

/// Roles that take part in an exercise.
const PLAYERS: &[Role] = &[
    Role::Analyst,
    Role::Commander,
    Role::Comms,
    Role::Privacy,
    Role::Legal,
    Role::Executive,
    Role::ExerciseControl,
];

pub(crate) fn decide(
    state: &State,
    actor: &Actor,
    input: Input,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let by = actor.clone();
    let entry = match input {
        Input::Start {
            plan,
            pace,
            speed,
            players,
            tenant,
        } => {
            control(actor, "starting an exercise")?;
            let found = state
                .content
                .exercises
                .get(&plan)
                .ok_or_else(|| Refusal::NotFound {
                    kind: "exercise",
                    id: plan.to_string(),
                })?;
            if !(1..=MAX_SPEED).contains(&speed) {
                return Err(Refusal::Invalid(format!(
                    "speed {speed} is not between 1 and {MAX_SPEED}"
                )));
            }
            let exercise = ExerciseId::minted(
                now,
                &[
                    b"exercise",
                    &state.applied().to_be_bytes(),
                    plan.as_str().as_bytes(),
                ],
            );
            Entry::Started {
                exercise,
                text: found.text.to_string(),
                anchor: anchor(pace, found.start, now),
                plan,
                pace,
                speed,
                players,
                tenant,
                by,
            }
        }
        Input::Pause { exercise, reason } => {
            control(actor, "pausing an exercise")?;
            let play = live(state, exercise)?;
            if play.status != super::Status::Running {
                return Err(Refusal::Conflict("this exercise is paused".to_owned()));
            }
            let reason = said(&reason, "the reason")?;
            Entry::Paused {
                exercise,
                reason,
                by,
            }
        }
        Input::Resume { exercise } => {
            control(actor, "resuming an exercise")?;
            if live(state, exercise)?.status == super::Status::Running {
                return Err(Refusal::Conflict("this exercise is running".to_owned()));
            }
            Entry::Resumed { exercise, by }
        }
        Input::Stop { exercise, reason } => {
            live(state, exercise)?;
            let reason = said(&reason, "the reason")?;
            Entry::Stopped {
                exercise,
                reason,
                by,
            }
        }
        Input::Emitted(receipt) => {
            system(actor, "reporting what ingest took")?;
            given(play(state, receipt.exercise)?, &receipt.inject)?;
            Entry::Emitted(receipt)
        }
        Input::Evaluated {
            exercise,
            inject,
            rules,
        } => {
            system(actor, "reporting what rules have seen")?;
            given(play(state, exercise)?, &inject)?;
            Entry::Evaluated {
                exercise,
                inject,
                rules,
            }
        }
        Input::PlayerActed {
            exercise,
            act,
            refused,
        } => {
            system(actor, "reporting what a script did")?;
            let play = play(state, exercise)?;
            if !play.plan.script.iter().any(|scripted| scripted.id == act) {
                return Err(Refusal::NotFound {
                    kind: "act in the script",
                    id: act,
                });
            }
            if play.acted.contains_key(&act) {
                return Err(Refusal::Conflict(format!("act {act} was tried before")));
            }
            Entry::PlayerActed {
                exercise,
                act,
                refused,
            }
        }
        Input::Read { exercise, inject } => {
            permit(actor, "reading an inject", PLAYERS, Some(exercise))?;
            given(live(state, exercise)?, &inject)?;
            Entry::Read {
                exercise,
                inject,
                by,
            }
        }
        Input::Answer {
            exercise,
            inject,
            text,
        } => {
            permit(actor, "answering an inject", PLAYERS, Some(exercise))?;
            given(live(state, exercise)?, &inject)?;
            let text = said(&text, "the answer")?;
            Entry::Answered {
                exercise,
                inject,
                text,
                by,
            }
        }
        Input::Hint { exercise, inject } => {
            control(actor, "giving a hint")?;
            let play = live(state, exercise)?;
            if given(play, &inject)?.hint {
                return Err(Refusal::Conflict("the hint was given before".to_owned()));
            }
            if play.plan.inject(&inject).is_none_or(|i| i.hint.is_none()) {
                return Err(Refusal::Conflict(format!("inject {inject} has no hint")));
            }
            Entry::HintGiven {
                exercise,
                inject,
                by,
            }
        }
        Input::Assess {
            exercise,
            inject,
            expectation,
            rating,
            note,
        } => {
            permit(
                actor,
                "assessing an expectation",
                &[Role::ExerciseControl],
                Some(exercise),
            )?;
            assessable(play(state, exercise)?, &inject, &expectation)?;
            let note = said(&note, "the note")?;
            Entry::Assessed {
                exercise,
                inject,
                expectation,
                rating,
                note,
                by,
            }
        }
        Input::Lesson {
            exercise,
            kind,
            text,
        } => {
            permit(actor, "noting a lesson", PLAYERS, Some(exercise))?;
            play(state, exercise)?;
            let text = said(&text, "the lesson")?;
            Entry::LessonNoted {
                exercise,
                kind,
                text,
                by,
            }
        }
        Input::CreateItem {
            exercise,
            title,
            owner,
            due,
        } => {
            permit(actor, "creating an action item", PLAYERS, Some(exercise))?;
            play(state, exercise)?;
            let title = said(&title, "the title")?;
            if due <= now {
                return Err(Refusal::Invalid("an item is due in the future".to_owned()));
            }
            let item = ActionItemId::minted(
                now,
                &[b"item", &state.applied().to_be_bytes(), title.as_bytes()],
            );
            Entry::ItemCreated {
                exercise,
                item,
                title,
                owner,
                due,
                inject: None,
                by,
            }
        }
    };
    Ok(Decision::nothing().entry(crate::Entry::Exercise(entry)))
}

fn anchor(pace: Pace, story: Timestamp, now: Timestamp) -> Timestamp {
    let late = now.duration_since(story);
    match pace {
        Pace::Stepped if !late.is_negative() && late <= ANCHOR => story,
        Pace::Stepped | Pace::Live => now,
    }
}

/// Exercise control, or the system on behalf of the command line.
fn control(actor: &Actor, what: &'static str) -> Result<(), Refusal> {
    match actor {
        Actor::System => Ok(()),
        Actor::Person { .. } | Actor::Player { .. } => {
            permit(actor, what, &[Role::ExerciseControl], None).map(|_| ())
        }
    }
}

fn system(actor: &Actor, what: &str) -> Result<(), Refusal> {
    match actor {
        Actor::System => Ok(()),
        Actor::Person { .. } | Actor::Player { .. } => {
            Err(Refusal::Invalid(format!("{what} is for the system alone")))
        }
    }
}

fn play(state: &State, exercise: ExerciseId) -> Result<&Play, Refusal> {
    state
        .exercises
        .get(exercise)
        .ok_or_else(|| Refusal::NotFound {
            kind: "exercise in play",
            id: exercise.to_string(),
        })
}

fn live(state: &State, exercise: ExerciseId) -> Result<&Play, Refusal> {
    let play = play(state, exercise)?;
    if play.is_live() {
        Ok(play)
    } else {
        Err(Refusal::Conflict(format!(
            "this exercise has {}",
            play.status_word()
        )))
    }
}

fn given<'p>(play: &'p Play, inject: &InjectId) -> Result<&'p Progress, Refusal> {
    play.progress
        .get(inject)
        .ok_or_else(|| Refusal::Conflict(format!("inject {inject} was not given yet")))
}

fn assessable(play: &Play, inject: &InjectId, expectation: &str) -> Result<(), Refusal> {
    given(play, inject)?;
    let expected = play
        .plan
        .inject(inject)
        .and_then(|i| i.expects.iter().find(|e| e.id == expectation))
        .ok_or_else(|| Refusal::NotFound {
            kind: "expectation",
            id: expectation.to_owned(),
        })?;
    match expected.what {
        super::Expected::Entry { .. } | super::Expected::Judgement => Ok(()),
        super::Expected::Finding { .. } | super::Expected::Quiet => Err(Refusal::Conflict(
            "detection is judged by event ids, not by an evaluator".to_owned(),
        )),
    }
}
