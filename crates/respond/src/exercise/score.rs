//! What a play earned. A function of the plan and the entries: no time of day, no id that a play
//! mints, so that two plays of the same course give the same bytes.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use watchfloor_types::{ExercisePlanId, InjectId};

use super::{Expectation, Expected, Inject, Play, Points, Rating, Verdict};
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

/// What `play` has earned so far.
#[must_use]
pub fn score(play: &Play) -> Score {
    let injects: Vec<InjectScore> = play
        .plan
        .injects
        .iter()
        .chain(&play.plan.distractors)
        .map(|inject| of_inject(play, inject))
        .collect();
    let groups = play
        .plan
        .groups
        .iter()
        .map(|group| GroupScore {
            id: group.id.clone(),
            title: group.title.clone(),
            points: play
                .plan
                .injects
                .iter()
                .zip(&injects)
                .filter(|(inject, _)| inject.group.as_ref() == Some(&group.id))
                .map(|(_, score)| score.points)
                .sum(),
            of: group.points,
        })
        .collect();
    Score {
        plan: play.plan.id.clone(),
        text: play.plan.hash(),
        points: injects.iter().map(|inject| inject.points).sum(),
        of: play.plan.points(),
        is_final: !play.is_live(),
        groups,
        injects,
    }
}

fn of_inject(play: &Play, inject: &Inject) -> InjectScore {
    let progress = play.progress.get(&inject.id);
    let parts: Vec<PartScore> = inject
        .expects
        .iter()
        .map(|expected| {
            let status = status(play, inject, expected);
            PartScore {
                expectation: expected.id.clone(),
                status,
                points: earned(status, expected.points),
                of: expected.points,
            }
        })
        .collect();
    let points: Points = parts.iter().map(|part| part.points).sum();
    let hint = progress.is_some_and(|progress| progress.hint);
    InjectScore {
        inject: inject.id.clone(),
        title: inject.title.clone(),
        points: if hint {
            points.three_quarters()
        } else {
            points
        },
        of: inject.points(),
        hint,
        parts,
    }
}

fn earned(status: Status, points: Points) -> Points {
    match status {
        Status::Met => points,
        Status::Late => points.half(),
        Status::TooLate
        | Status::Missed
        | Status::Inconclusive
        | Status::FalseAlarm
        | Status::NotGiven
        | Status::Open => Points::ZERO,
    }
}

/// How an expectation turned out.
pub(super) fn status(play: &Play, inject: &Inject, expected: &Expectation) -> Status {
    let open_or = |ended: Status| if play.is_live() { Status::Open } else { ended };
    let Some(progress) = play.progress.get(&inject.id) else {
        return open_or(Status::NotGiven);
    };
    match &expected.what {
        Expected::Finding { .. } | Expected::Quiet => match &progress.verdict {
            None => open_or(Status::Inconclusive),
            Some(Verdict::Detected { .. } | Verdict::Quiet { .. }) => Status::Met,
            Some(Verdict::Late { delay, .. }) => in_time(*delay, expected.within),
            Some(Verdict::Missed { .. }) => Status::Missed,
            Some(Verdict::Inconclusive { .. }) => Status::Inconclusive,
            Some(Verdict::FalseAlarm { .. }) => Status::FalseAlarm,
        },
        Expected::Entry { .. } | Expected::Judgement => {
            if let Some(assessment) = progress.assessed.get(&expected.id) {
                return match assessment.rating {
                    Rating::Met => Status::Met,
                    Rating::Partly => Status::Late,
                    Rating::NotMet => Status::Missed,
                };
            }
            match (progress.met.get(&expected.id), &expected.what) {
                (Some(met), _) => in_time(met.after, expected.within),
                // An evaluator may still say what was seen.
                (None, Expected::Judgement) => Status::Open,
                (None, _) => open_or(Status::Missed),
            }
        }
    }
}

fn in_time(took: SignedDuration, limit: SignedDuration) -> Status {
    if took <= limit {
        Status::Met
    } else if took <= limit * 2 {
        Status::Late
    } else {
        Status::TooLate
    }
}
