//! What a play earned. A function of the plan and the entries: no time of day, no id that a play
//! mints, so that two plays of the same course give the same bytes.

use serde::{Deserialize, Serialize};
use watchfloor_types::{ExercisePlanId, InjectId};

use super::Points;
use crate::word::words;

words! {
    /// How an expectation turned out.
    Status, "a result", {
        /// Within the limit.
        Met = "met",
        /// After the limit, within twice the limit: half the points.
        Late = "late",
        /// After twice the limit: no points.
        TooLate = "too-late",
        /// Not at all.
        Missed = "missed",
        /// Cannot be said: the records did not come through.
        Inconclusive = "inconclusive",
        /// An alert on harmless activity.
        FalseAlarm = "false-alarm",
        /// The inject was never given.
        NotGiven = "not-given",
        /// Still possible.
        Open = "open",
    }
}

/// What a play earned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The plan.
    pub plan: ExercisePlanId,
    /// Which version of its text, by hash.
    pub text: String,
    /// What was earned.
    pub points: Points,
    /// What could be earned.
    pub of: Points,
    /// Whether nothing can change any more but by an evaluator.
    pub is_final: bool,
    /// By group.
    pub groups: Vec<GroupScore>,
    /// By inject.
    pub injects: Vec<InjectScore>,
}

/// What one group earned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupScore {
    /// The group.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// What was earned.
    pub points: Points,
    /// What could be earned.
    pub of: Points,
}

/// What one inject earned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InjectScore {
    /// The inject.
    pub inject: InjectId,
    /// What it is called.
    pub title: String,
    /// What was earned, the hint taken off.
    pub points: Points,
    /// What could be earned.
    pub of: Points,
    /// Whether a hint was given, which costs a quarter.
    pub hint: bool,
    /// By expectation.
    pub parts: Vec<PartScore>,
}

/// What one expectation earned, before the hint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartScore {
    /// The expectation.
    pub expectation: String,
    /// How it turned out.
    pub status: Status,
    /// What was earned.
    pub points: Points,
    /// What could be earned.
    pub of: Points,
}
