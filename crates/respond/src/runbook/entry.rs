//! What people ask of a run and what the journal keeps.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use watchfloor_types::{Actor, Effect, ExerciseId, IncidentId, Role, RunId, RunbookId, StepId};

use crate::word::words;

words! {
    /// Whether a run acts.
    Mode, "a mode of a run", {
        /// Effects reach their targets.
        Live = "live",
        /// Effects are recorded, not done: dry runs, and every run of an exercise.
        Rehearsal = "rehearsal",
    }
}

words! {
    /// What a person says about an effect that is in doubt or a step that failed.
    Resolution, "a resolution", {
        /// It did not happen; try again with a new key.
        Retry = "retry",
        /// It happened.
        Done = "done",
        /// It did not happen and is not to be tried again: the step has failed.
        Failed = "failed",
    }
}

words! {
    /// How a run ended.
    RunResult, "a result of a run", {
        /// Every way came to its end.
        Done = "done",
        /// A step failed.
        Failed = "failed",
        /// A person stopped it.
        Aborted = "aborted",
    }
}

words! {
    /// Why a branch exists.
    Purpose, "a purpose of a branch", {
        /// The flow of the runbook.
        Flow = "flow",
        /// A step failed and nothing handled it.
        Exception = "exception",
        /// A step is taken back.
        Undo = "undo",
    }
}

/// What a person may ask.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Input {
    /// Start a run.
    Start {
        /// Of which runbook.
        runbook: RunbookId,
        /// For which incident.
        incident: IncidentId,
        /// Whether it acts.
        mode: Mode,
    },
    /// A manual step is done.
    Complete {
        /// The run.
        run: RunId,
        /// The step.
        step: StepId,
        /// What was found or done.
        note: String,
        /// Values for the step's `out_args`, by name with underscores.
        #[serde(default)]
        values: BTreeMap<String, String>,
    },
    /// A manual step cannot be done.
    Fail {
        /// The run.
        run: RunId,
        /// The step.
        step: StepId,
        /// Why.
        reason: String,
    },
    /// Yes.
    Approve {
        /// The run.
        run: RunId,
        /// The step.
        step: StepId,
        /// Why, if there is something to say.
        note: String,
    },
    /// No.
    Refuse {
        /// The run.
        run: RunId,
        /// The step.
        step: StepId,
        /// Why.
        reason: String,
    },
    /// What came of an effect that is in doubt.
    Resolve {
        /// The run.
        run: RunId,
        /// The step.
        step: StepId,
        /// What.
        resolution: Resolution,
        /// How that is known.
        reason: String,
    },
    /// A value that the run waits for, or a better one.
    SetValue {
        /// The run.
        run: RunId,
        /// The variable, with underscores.
        name: String,
        /// The value.
        value: String,
    },
    /// Take a step back.
    Undo {
        /// The run.
        run: RunId,
        /// The step that was done.
        step: StepId,
        /// Why.
        reason: String,
    },
    /// Stop.
    Abort {
        /// The run.
        run: RunId,
        /// Why.
        reason: String,
    },
}

/// What a step waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "for", rename_all = "kebab-case")]
pub enum Wait {
    /// A moment (CACAO `delay`).
    Until {
        /// Which.
        at: Timestamp,
    },
    /// Values that nobody has given yet.
    Values {
        /// Of these variables.
        names: BTreeSet<String>,
    },
    /// A person who does something.
    Person {
        /// What to do.
        text: String,
        /// Roles of which one is needed.
        roles: Vec<Role>,
        /// The step has failed after this.
        due: Option<Timestamp>,
    },
    /// A person who approves.
    Approval {
        /// What will be done.
        text: String,
        /// Roles of which one is needed.
        roles: Vec<Role>,
        /// The step has failed after this.
        due: Option<Timestamp>,
    },
    /// The outcome of an effect.
    Effect {
        /// The effect, so that a restart can ask for it again with the same key.
        effect: Box<Effect>,
        /// How often it was asked for.
        tries: u32,
    },
}

/// Where in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct At {
    /// The run.
    pub run: RunId,
    /// The branch.
    pub branch: u32,
    /// The step.
    pub step: StepId,
    /// Counts from 1, over all branches.
    pub attempt: u32,
}

/// What the journal keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Entry {
    /// A rule that fired names a runbook that a person may start.
    Suggested {
        /// For which incident.
        incident: IncidentId,
        /// Which.
        runbook: RunbookId,
        /// Why.
        reason: String,
    },
    /// A run exists.
    Started {
        /// The run.
        run: RunId,
        /// Of which runbook.
        runbook: RunbookId,
        /// Which version of it.
        version: String,
        /// Its text: what runs is what was read then.
        text: String,
        /// For which incident.
        incident: IncidentId,
        /// Whether it acts.
        mode: Mode,
        /// The exercise it belongs to.
        exercise: Option<ExerciseId>,
        /// Why it started.
        reason: String,
        /// Who started it.
        by: Actor,
    },
    /// A branch exists.
    BranchOpened {
        /// The run.
        run: RunId,
        /// Its number; counts from 0.
        branch: u32,
        /// The branch whose step opened it.
        parent: Option<u32>,
        /// Why.
        purpose: Purpose,
        /// The step it begins with.
        first: StepId,
        /// Who caused it.
        by: Actor,
        /// Why, where there is something to say.
        reason: String,
    },
    /// A step began.
    StepStarted {
        /// Where.
        #[serde(flatten)]
        at: At,
    },
    /// A step waits.
    Waiting {
        /// Where.
        #[serde(flatten)]
        at: At,
        /// Which of its commands; counts from 0.
        job: u32,
        /// For what.
        wait: Wait,
    },
    /// A person approved.
    Approved {
        /// Where.
        #[serde(flatten)]
        at: At,
        /// Who.
        by: Actor,
        /// What they said.
        note: String,
    },
    /// A variable has a value.
    ValueSet {
        /// The run.
        run: RunId,
        /// The variable, with underscores.
        name: String,
        /// The value.
        value: String,
        /// Who gave it.
        by: Actor,
    },
    /// A command is done.
    JobDone {
        /// Where.
        #[serde(flatten)]
        at: At,
        /// Which of its commands.
        job: u32,
        /// What came of it.
        detail: String,
        /// Variables that it set.
        values: BTreeMap<String, String>,
        /// Who did it.
        by: Actor,
    },
    /// Nobody knows whether an effect happened.
    InDoubt {
        /// Where.
        #[serde(flatten)]
        at: At,
        /// Which of its commands.
        job: u32,
        /// What is known.
        detail: String,
    },
    /// A step is done.
    StepFinished {
        /// Where.
        #[serde(flatten)]
        at: At,
        /// What came of it.
        detail: String,
    },
    /// A step failed.
    StepFailed {
        /// Where.
        #[serde(flatten)]
        at: At,
        /// Why.
        reason: String,
        /// Who said so.
        by: Actor,
    },
    /// A branch came to its end.
    BranchClosed {
        /// The run.
        run: RunId,
        /// The branch.
        branch: u32,
    },
    /// A run ended.
    Finished {
        /// The run.
        run: RunId,
        /// How.
        result: RunResult,
        /// Why.
        reason: String,
        /// Who ended it.
        by: Actor,
    },
}

impl Entry {
    /// The run and, where it is about one, the branch.
    pub(super) fn place(&self) -> Option<(RunId, Option<u32>)> {
        match self {
            Self::Suggested { .. } => None,
            Self::Started { run, .. } | Self::ValueSet { run, .. } | Self::Finished { run, .. } => {
                Some((*run, None))
            }
            Self::BranchOpened { run, branch, .. } | Self::BranchClosed { run, branch } => {
                Some((*run, Some(*branch)))
            }
            Self::StepStarted { at }
            | Self::Waiting { at, .. }
            | Self::Approved { at, .. }
            | Self::JobDone { at, .. }
            | Self::InDoubt { at, .. }
            | Self::StepFinished { at, .. }
            | Self::StepFailed { at, .. } => Some((at.run, Some(at.branch))),
        }
    }
}
