//! What is asked of an exercise and what the journal keeps of it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use watchfloor_types::{
    ActionItemId, Actor, AlertId, EventId, ExerciseId, ExercisePlanId, FindingId, InjectId, RuleId,
    SourceId, TenantId, UserId,
};

use crate::word::words;

words! {
    /// How play time passes.
    Pace, "a pace", {
        /// With the floor's clock.
        Live = "live",
        /// The floor's clock is the story's: whoever plays moves it forward while nothing is in flight.
        Stepped = "stepped",
    }
}

words! {
    /// Who plays.
    Players, "who plays", {
        /// People.
        People = "people",
        /// The script of the plan.
        Script = "script",
    }
}

words! {
    /// What kind of lesson.
    LessonKind, "a kind of lesson", {
        /// Something that worked.
        Strength = "strength",
        /// Something that did not.
        Gap = "gap",
    }
}

words! {
    /// What an evaluator saw.
    Rating, "a rating", {
        /// Done within the limit.
        Met = "met",
        /// Done, but late or in part: half the points.
        Partly = "partly",
        /// Not done.
        NotMet = "not-met",
    }
}

/// What came of sending the records of one emission through ingest. The binary reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The exercise.
    pub exercise: ExerciseId,
    /// The inject.
    pub inject: InjectId,
    /// Which of its emissions, from 0.
    pub part: u32,
    /// Records handed to ingest.
    pub sent: u32,
    /// Records that the write-ahead log acknowledged.
    pub received: u32,
    /// Events they became, in order.
    pub events: Vec<EventId>,
    /// Records that became dead letters.
    pub dead: u32,
    /// When ingest acknowledged them; none where it did not.
    pub accepted_at: Option<Timestamp>,
    /// What went wrong, if anything did.
    pub problem: Option<String>,
}

/// What may be asked.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Input {
    /// Play it. Needs exercise control, or the system on behalf of the command line.
    Start {
        /// The plan.
        plan: ExercisePlanId,
        /// How play time passes.
        pace: Pace,
        /// With [`Pace::Live`]: how much faster than the clock play time passes, 1 to 3600. People
        /// play at 1. Limits of detection are real time at any speed.
        speed: u32,
        /// Who plays.
        players: Players,
        /// Whose events the exercise emits.
        tenant: TenantId,
    },
    /// Play time stands still.
    Pause {
        /// The exercise.
        exercise: ExerciseId,
        /// Why.
        reason: String,
    },
    /// Play time goes on.
    Resume {
        /// The exercise.
        exercise: ExerciseId,
    },
    /// The stop button: the exercise ends now and emits nothing more. Anybody with an account may.
    Stop {
        /// The exercise.
        exercise: ExerciseId,
        /// Why.
        reason: String,
    },
    /// Records were sent, or could not be. From the system only.
    Emitted(Receipt),
    /// Every rule has seen every event of the inject. From the system only.
    Evaluated {
        /// The exercise.
        exercise: ExerciseId,
        /// The inject.
        inject: InjectId,
        /// Rules that are loaded, of those that the inject expects.
        rules: Vec<RuleId>,
    },
    /// A scripted act was tried. From the system only; see [`super::due_player_inputs`].
    PlayerActed {
        /// The exercise.
        exercise: ExerciseId,
        /// Which act.
        act: String,
        /// Why it was refused; none where it was done.
        refused: Option<String>,
    },
    /// I have read this inject and what it hands over.
    Read {
        /// The exercise.
        exercise: ExerciseId,
        /// The inject.
        inject: InjectId,
    },
    /// An answer to an inject in words, for the evaluator and the record.
    Answer {
        /// The exercise.
        exercise: ExerciseId,
        /// The inject.
        inject: InjectId,
        /// What.
        text: String,
    },
    /// Tell the players the hint. Needs exercise control.
    Hint {
        /// The exercise.
        exercise: ExerciseId,
        /// The inject.
        inject: InjectId,
    },
    /// What an evaluator saw. Needs exercise control, and overrules what was matched by itself.
    Assess {
        /// The exercise.
        exercise: ExerciseId,
        /// The inject.
        inject: InjectId,
        /// The expectation within it.
        expectation: String,
        /// What was seen.
        rating: Rating,
        /// On what ground.
        note: String,
    },
    /// A strength or a gap.
    Lesson {
        /// The exercise.
        exercise: ExerciseId,
        /// Which of the two.
        kind: LessonKind,
        /// What.
        text: String,
    },
    /// Something to be improved.
    CreateItem {
        /// The exercise.
        exercise: ExerciseId,
        /// What.
        title: String,
        /// Who sees to it.
        owner: UserId,
        /// By when.
        due: Timestamp,
    },
}

/// What the journal keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Entry {
    /// Play began.
    Started {
        /// The exercise.
        exercise: ExerciseId,
        /// The plan.
        plan: ExercisePlanId,
        /// The text of the plan, so that the score follows from the journal alone.
        text: String,
        /// The moment at which play time is nought.
        anchor: Timestamp,
        /// How play time passes.
        pace: Pace,
        /// How much faster than the clock.
        speed: u32,
        /// Who plays.
        players: Players,
        /// Whose events it emits.
        tenant: TenantId,
        /// Who started it.
        by: Actor,
    },
    /// Play time stands still.
    Paused {
        /// The exercise.
        exercise: ExerciseId,
        /// Why.
        reason: String,
        /// Who.
        by: Actor,
    },
    /// Play time goes on.
    Resumed {
        /// The exercise.
        exercise: ExerciseId,
        /// Who.
        by: Actor,
    },
    /// An inject was given.
    InjectDelivered {
        /// The exercise.
        exercise: ExerciseId,
        /// The inject.
        inject: InjectId,
        /// When it was due on the floor's clock.
        due: Timestamp,
        /// The time in the story.
        scenario: Timestamp,
    },
    /// Records that the binary has to send through ingest with the mark of this inject, once this
    /// entry is durable. It answers with [`Input::Emitted`].
    Emit {
        /// The exercise.
        exercise: ExerciseId,
        /// The inject.
        inject: InjectId,
        /// Which of its emissions, from 0.
        part: u32,
        /// The source whose mapping reads them.
        source: SourceId,
        /// Whose records they are.
        tenant: TenantId,
        /// One JSON text per record, placeholders filled in.
        records: Vec<String>,
    },
    /// Records were sent, or could not be.
    Emitted(Receipt),
    /// Every rule has seen every event of the inject.
    Evaluated {
        /// The exercise.
        exercise: ExerciseId,
        /// The inject.
        inject: InjectId,
        /// Rules that are loaded, of those that the inject expects.
        rules: Vec<RuleId>,
    },
    /// What detection made of an inject. A later verdict replaces an earlier one.
    Judged {
        /// The exercise.
        exercise: ExerciseId,
        /// The inject.
        inject: InjectId,
        /// The verdict.
        verdict: Verdict,
    },
    /// Something was done that an inject expects.
    Met {
        /// The exercise.
        exercise: ExerciseId,
        /// The inject.
        inject: InjectId,
        /// The expectation within it.
        expectation: String,
        /// Play time between the inject and the act.
        after: SignedDuration,
        /// The entry that shows it.
        shown_by: Shown,
    },
    /// A scripted act was tried.
    PlayerActed {
        /// The exercise.
        exercise: ExerciseId,
        /// Which act.
        act: String,
        /// Why it was refused; none where it was done.
        refused: Option<String>,
    },
    /// Somebody has read an inject.
    Read {
        /// The exercise.
        exercise: ExerciseId,
        /// The inject.
        inject: InjectId,
        /// Who.
        by: Actor,
    },
    /// Somebody has answered an inject in words.
    Answered {
        /// The exercise.
        exercise: ExerciseId,
        /// The inject.
        inject: InjectId,
        /// What.
        text: String,
        /// Who.
        by: Actor,
    },
    /// The players were told the hint.
    HintGiven {
        /// The exercise.
        exercise: ExerciseId,
        /// The inject.
        inject: InjectId,
        /// Who.
        by: Actor,
    },
    /// What an evaluator saw.
    Assessed {
        /// The exercise.
        exercise: ExerciseId,
        /// The inject.
        inject: InjectId,
        /// The expectation within it.
        expectation: String,
        /// What was seen.
        rating: Rating,
        /// On what ground.
        note: String,
        /// Who.
        by: Actor,
    },
    /// A strength or a gap.
    LessonNoted {
        /// The exercise.
        exercise: ExerciseId,
        /// Which of the two.
        kind: LessonKind,
        /// What.
        text: String,
        /// Who.
        by: Actor,
    },
    /// Something to be improved.
    ItemCreated {
        /// The exercise.
        exercise: ExerciseId,
        /// The item.
        item: ActionItemId,
        /// What.
        title: String,
        /// Who sees to it.
        owner: UserId,
        /// By when.
        due: Timestamp,
        /// The inject whose result asks for it, where the item was made by itself.
        inject: Option<InjectId>,
        /// Who.
        by: Actor,
    },
    /// The stop button was pressed.
    Stopped {
        /// The exercise.
        exercise: ExerciseId,
        /// Why.
        reason: String,
        /// Who.
        by: Actor,
    },
    /// Play time is over and everything is judged.
    Ended {
        /// The exercise.
        exercise: ExerciseId,
    },
}

impl Entry {
    /// The exercise it is about.
    #[must_use]
    pub fn exercise(&self) -> ExerciseId {
        match self {
            Self::Emitted(receipt) => receipt.exercise,
            Self::Started { exercise, .. }
            | Self::Paused { exercise, .. }
            | Self::Resumed { exercise, .. }
            | Self::InjectDelivered { exercise, .. }
            | Self::Emit { exercise, .. }
            | Self::Evaluated { exercise, .. }
            | Self::Judged { exercise, .. }
            | Self::Met { exercise, .. }
            | Self::PlayerActed { exercise, .. }
            | Self::Read { exercise, .. }
            | Self::Answered { exercise, .. }
            | Self::HintGiven { exercise, .. }
            | Self::Assessed { exercise, .. }
            | Self::LessonNoted { exercise, .. }
            | Self::ItemCreated { exercise, .. }
            | Self::Stopped { exercise, .. }
            | Self::Ended { exercise } => *exercise,
        }
    }
}

/// What detection made of an inject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Verdict {
    /// An expected rule fired on an emitted event within the limit.
    Detected {
        /// The finding.
        finding: FindingId,
        /// Its alert.
        alert: AlertId,
        /// Real time between acceptance of the records and the finding.
        delay: SignedDuration,
    },
    /// The same, after the limit: half the points until twice the limit, then none.
    Late {
        /// The finding.
        finding: FindingId,
        /// Its alert.
        alert: AlertId,
        /// Real time between acceptance of the records and the finding.
        delay: SignedDuration,
    },
    /// Every record became an event, every expected rule saw it, and none fired.
    Missed {
        /// What is known of the way of the records.
        proof: Proof,
    },
    /// It cannot be said: a record did not become an event, or a rule did not see it.
    Inconclusive {
        /// What is known of the way of the records.
        proof: Proof,
        /// The link that is missing.
        reason: String,
    },
    /// Harmless records raised nothing, as they should.
    Quiet {
        /// What is known of the way of the records.
        proof: Proof,
    },
    /// Harmless records raised an alert.
    FalseAlarm {
        /// The finding.
        finding: FindingId,
        /// Its alert.
        alert: AlertId,
        /// The rule that fired.
        rule: RuleId,
    },
}

/// How far the records of an inject are known to have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Proof {
    /// Records that the plan wants sent.
    pub planned: u32,
    /// Records handed to ingest.
    pub sent: u32,
    /// Records that the write-ahead log acknowledged.
    pub received: u32,
    /// Records that became events.
    pub parsed: u32,
    /// Rules that the inject expects.
    pub rules_expected: u32,
    /// Those of them that have seen every event.
    pub rules_evaluated: u32,
}

/// The entry that shows that something was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// Module and type of the entry: `incident/decided`.
    pub entry: String,
    /// Ids that the entry names, by field: (`incident`, the id).
    pub ids: Vec<(String, String)>,
    /// Who did it, where the entry says so.
    pub by: Option<UserId>,
}
