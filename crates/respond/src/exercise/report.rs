//! The after-action report as data (HSEEP 2020, AAR/IP): expected against observed, with the
//! evidence, strengths, gaps, and what will be improved by whom and when.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use watchfloor_types::{ActionItemId, Actor, AlertId, ExerciseId, IncidentId, InjectId, UserId};

use super::{
    Entry, Expectation, Expected, Inject, InjectKind, Item, Lesson, LessonKind, PartStatus, Play,
    Points, Proof, Score, Verdict, score, score::status,
};
use crate::{Decision, State, word::words};

/// How long an improvement that was proposed by itself may take.
const IMPROVE_WITHIN: SignedDuration = SignedDuration::from_hours(30 * 24);

words! {
    /// How an objective was performed (HSEEP 2020, exercise evaluation guide).
    Performance, "a performance", {
        /// At least nine tenths of its points.
        Performed = "performed",
        /// At least seven tenths.
        SomeChallenges = "performed with some challenges",
        /// At least four tenths.
        MajorChallenges = "performed with major challenges",
        /// Less.
        Unable = "unable to be performed",
    }
}

/// The report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The exercise.
    pub exercise: ExerciseId,
    /// What was played.
    pub title: String,
    /// Which version of the plan.
    pub version: String,
    /// The story.
    pub summary: String,
    /// Version of MITRE ATLAS that technique ids mean.
    pub atlas: String,
    /// When play began.
    pub started: Timestamp,
    /// When it came to its end.
    pub ended: Option<Timestamp>,
    /// The word for where it stands.
    pub status: &'static str,
    /// What was earned.
    pub score: Score,
    /// By objective.
    pub objectives: Vec<ObjectiveResult>,
    /// By inject.
    pub rows: Vec<Row>,
    /// By distractor.
    pub distractors: Vec<Row>,
    /// What worked.
    pub strengths: Vec<Said>,
    /// What did not.
    pub gaps: Vec<Said>,
    /// What will be improved.
    pub items: Vec<ItemRow>,
    /// Incidents of the exercise, oldest first.
    pub incidents: Vec<IncidentId>,
    /// Alerts of the exercise, oldest first.
    pub alerts: Vec<AlertId>,
    /// Scripted acts that were refused, with the reason.
    pub refused: Vec<(String, String)>,
}

/// How an objective was performed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObjectiveResult {
    /// `OBJ-1`.
    pub id: String,
    /// What the players shall be able to do.
    pub title: String,
    /// What was earned.
    pub points: Points,
    /// What could be earned.
    pub of: Points,
    /// The word for it; none where nothing could be earned.
    pub performance: Option<Performance>,
}

/// Expected against observed for one inject.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Its place in the list.
    pub number: Option<u32>,
    /// The inject.
    pub inject: InjectId,
    /// What kind.
    pub kind: InjectKind,
    /// What it is called.
    pub title: String,
    /// Play time in minutes at which it was planned.
    pub minute: i64,
    /// When it was given on the floor's clock.
    pub given: Option<Timestamp>,
    /// The time in the story.
    pub scenario: Option<Timestamp>,
    /// Who gave it.
    pub from: String,
    /// Who got it.
    pub to: String,
    /// Technique ids.
    pub techniques: Vec<String>,
    /// What was earned.
    pub points: Points,
    /// What could be earned.
    pub of: Points,
    /// Whether a hint was given.
    pub hint: bool,
    /// Answers in words.
    pub answers: Vec<Said>,
    /// By expectation.
    pub lines: Vec<Line>,
}

/// Expected against observed for one expectation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// The expectation.
    pub expectation: String,
    /// What was expected.
    pub expected: String,
    /// What was observed.
    pub observed: String,
    /// How it turned out.
    pub status: PartStatus,
    /// How long it took: real time for a detection, play time for an act.
    pub took: Option<SignedDuration>,
    /// The limit.
    pub limit: SignedDuration,
    /// What was earned.
    pub points: Points,
    /// What could be earned.
    pub of: Points,
    /// What shows it: kind and id.
    pub evidence: Vec<(String, String)>,
    /// How far the records are known to have come.
    pub proof: Option<Proof>,
}

/// What somebody said.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Said {
    /// Who.
    pub by: String,
    /// What.
    pub text: String,
}

/// Something to be improved.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ItemRow {
    /// Its id.
    pub id: ActionItemId,
    /// What.
    pub title: String,
    /// Who sees to it.
    pub owner: UserId,
    /// By when.
    pub due: Timestamp,
    /// The inject whose result asks for it.
    pub inject: Option<InjectId>,
    /// Who made it.
    pub by: String,
}

/// The report on a play, at any time.
#[must_use]
pub fn report(state: &State, exercise: ExerciseId) -> Option<Report> {
    let play = state.exercises.get(exercise)?;
    let written = &play.plan;
    let score = score(play);
    let said = |kind: LessonKind| -> Vec<Said> {
        let of_kind = play.lessons.iter().filter(|lesson| lesson.kind == kind);
        of_kind.map(said_in).collect()
    };
    Some(Report {
        exercise,
        title: written.title.clone(),
        version: written.version.clone(),
        summary: written.summary.clone(),
        atlas: written.atlas.clone(),
        started: play.started,
        ended: play.ended(),
        status: play.status_word(),
        objectives: objectives(play, &score),
        rows: written
            .injects
            .iter()
            .map(|inject| row(play, inject, &score))
            .collect(),
        distractors: written
            .distractors
            .iter()
            .map(|inject| row(play, inject, &score))
            .collect(),
        strengths: said(LessonKind::Strength),
        gaps: said(LessonKind::Gap),
        items: play.items.iter().map(item_row).collect(),
        incidents: state
            .incidents
            .iter()
            .filter(|incident| incident.exercise == Some(exercise))
            .map(|incident| incident.id)
            .collect(),
        alerts: state
            .alerts
            .iter()
            .filter(|alert| alert.exercise() == Some(exercise))
            .map(|alert| alert.id)
            .collect(),
        refused: play
            .acted
            .iter()
            .filter_map(|(act, refused)| Some((act.clone(), refused.clone()?)))
            .collect(),
        score,
    })
}

fn said_in(lesson: &Lesson) -> Said {
    Said {
        by: lesson.by.to_string(),
        text: lesson.text.clone(),
    }
}

fn item_row(item: &Item) -> ItemRow {
    ItemRow {
        id: item.id,
        title: item.title.clone(),
        owner: item.owner.clone(),
        due: item.due,
        inject: item.inject.clone(),
        by: item.by.to_string(),
    }
}

fn objectives(play: &Play, score: &Score) -> Vec<ObjectiveResult> {
    play.plan
        .objectives
        .iter()
        .map(|objective| {
            let of_objective = || {
                play.plan
                    .injects
                    .iter()
                    .zip(&score.injects)
                    .filter(|(inject, _)| inject.objective.as_ref() == Some(&objective.id))
                    .map(|(_, score)| score)
            };
            let points: Points = of_objective().map(|s| s.points).sum();
            let of: Points = of_objective().map(|s| s.of).sum();
            ObjectiveResult {
                id: objective.id.clone(),
                title: objective.title.clone(),
                points,
                of,
                performance: performance(points, of),
            }
        })
        .collect()
}

fn performance(points: Points, of: Points) -> Option<Performance> {
    if of == Points::ZERO {
        return None;
    }
    let share = points.as_f64() / of.as_f64();
    Some(if share >= 0.9 {
        Performance::Performed
    } else if share >= 0.7 {
        Performance::SomeChallenges
    } else if share >= 0.4 {
        Performance::MajorChallenges
    } else {
        Performance::Unable
    })
}

fn row(play: &Play, inject: &Inject, score: &Score) -> Row {
    let progress = play.progress.get(&inject.id);
    let earned = score.injects.iter().find(|s| s.inject == inject.id);
    let answers = progress.map_or_else(Vec::new, |progress| {
        progress
            .answers
            .iter()
            .map(|(by, text)| Said {
                by: by.to_string(),
                text: text.clone(),
            })
            .collect()
    });
    Row {
        number: inject.number,
        inject: inject.id.clone(),
        kind: inject.kind,
        title: inject.title.clone(),
        minute: inject.at.as_mins(),
        given: progress.map(|progress| progress.due),
        scenario: progress.map(|progress| progress.scenario),
        from: inject.from.clone(),
        to: inject.to.clone(),
        techniques: inject.techniques.clone(),
        points: earned.map_or(Points::ZERO, |s| s.points),
        of: inject.points(),
        hint: earned.is_some_and(|s| s.hint),
        answers,
        lines: inject
            .expects
            .iter()
            .map(|expected| {
                let part = earned
                    .and_then(|s| s.parts.iter().find(|part| part.expectation == expected.id));
                line(
                    play,
                    inject,
                    expected,
                    part.map_or(Points::ZERO, |p| p.points),
                )
            })
            .collect(),
    }
}

fn line(play: &Play, inject: &Inject, expected: &Expectation, points: Points) -> Line {
    let progress = play.progress.get(&inject.id);
    let mut line = Line {
        expectation: expected.id.clone(),
        expected: expected.text.clone(),
        observed: "nothing seen".to_owned(),
        status: status(play, inject, expected),
        took: None,
        limit: expected.within,
        points,
        of: expected.points,
        evidence: Vec::new(),
        proof: None,
    };
    let Some(progress) = progress else {
        "the inject was not given".clone_into(&mut line.observed);
        return line;
    };
    match &expected.what {
        Expected::Finding { .. } | Expected::Quiet => {
            line.proof = Some(play.proof(inject));
            if let Some(verdict) = &progress.verdict {
                observe(verdict, &mut line);
            }
        }
        Expected::Entry { .. } | Expected::Judgement => {
            if let Some(met) = progress.met.get(&expected.id) {
                let by = met
                    .shown_by
                    .by
                    .as_ref()
                    .map_or_else(String::new, |by| format!(" by {by}"));
                line.observed = format!("{}{by}", met.shown_by.entry);
                line.took = Some(met.after);
                line.evidence.clone_from(&met.shown_by.ids);
            }
            if let Some(assessment) = progress.assessed.get(&expected.id) {
                line.observed = format!(
                    "{} says {}: {}",
                    assessment.by, assessment.rating, assessment.note
                );
            }
        }
    }
    line
}

fn observe(verdict: &Verdict, line: &mut Line) {
    let of_finding = |finding: &dyn std::fmt::Display, alert: &dyn std::fmt::Display| {
        vec![
            ("finding".to_owned(), finding.to_string()),
            ("alert".to_owned(), alert.to_string()),
        ]
    };
    match verdict {
        Verdict::Detected {
            finding,
            alert,
            delay,
        }
        | Verdict::Late {
            finding,
            alert,
            delay,
        } => {
            let millis = delay.as_millis();
            line.observed = format!(
                "finding {}.{:03} s after acceptance",
                millis / 1000,
                millis % 1000
            );
            line.took = Some(*delay);
            line.evidence = of_finding(finding, alert);
        }
        Verdict::Missed { proof } => {
            "every rule saw every event and none fired".clone_into(&mut line.observed);
            line.proof = Some(*proof);
        }
        Verdict::Inconclusive { proof, reason } => {
            line.observed = format!("cannot be said: {reason}");
            line.proof = Some(*proof);
        }
        Verdict::Quiet { proof } => {
            "no alert".clone_into(&mut line.observed);
            line.proof = Some(*proof);
        }
        Verdict::FalseAlarm {
            finding,
            alert,
            rule,
        } => {
            line.observed = format!("rule {rule} fired");
            line.evidence = of_finding(finding, alert);
        }
    }
}

/// When a play ends, each result that is not as expected becomes an item with owner and date.
pub(super) fn react(state: &State, entry: &crate::Entry, now: Timestamp) -> Decision {
    let exercise = match entry {
        crate::Entry::Exercise(Entry::Ended { exercise } | Entry::Stopped { exercise, .. }) => {
            *exercise
        }
        crate::Entry::Alert(_)
        | crate::Entry::Incident(_)
        | crate::Entry::Run(_)
        | crate::Entry::Oncall(_)
        | crate::Entry::Obligation(_)
        | crate::Entry::Comms(_)
        | crate::Entry::Exercise(_)
        | crate::Entry::Rule(_)
        | crate::Entry::Suppression(_) => return Decision::nothing(),
    };
    let mut all = Decision::nothing();
    let Some(play) = state.exercises.get(exercise) else {
        return all;
    };
    for inject in play.plan.injects.iter().chain(&play.plan.distractors) {
        for expected in &inject.expects {
            let Some(title) = improvement(inject, expected, status(play, inject, expected)) else {
                continue;
            };
            let item = ActionItemId::minted(
                now,
                &[
                    b"improvement",
                    exercise.uuid().as_bytes(),
                    inject.id.as_str().as_bytes(),
                    expected.id.as_bytes(),
                ],
            );
            all.entries.push(crate::Entry::Exercise(Entry::ItemCreated {
                exercise,
                item,
                title,
                owner: owner(play, inject),
                due: now.saturating_add(IMPROVE_WITHIN).unwrap_or(Timestamp::MAX),
                inject: Some(inject.id.clone()),
                by: Actor::System,
            }));
        }
    }
    all
}

/// Who answers the inject, else who keeps the plan.
fn owner(play: &Play, inject: &Inject) -> UserId {
    play.plan
        .role(&inject.to)
        .map_or_else(|| play.plan.owner.clone(), |role| role.user.clone())
}

fn improvement(inject: &Inject, expected: &Expectation, status: PartStatus) -> Option<String> {
    let what = &expected.text;
    let title = &inject.title;
    match status {
        PartStatus::Met | PartStatus::NotGiven | PartStatus::Open => None,
        PartStatus::Late | PartStatus::TooLate => Some(format!("be faster: {what} ({title})")),
        PartStatus::Missed => Some(format!("close the gap: {what} ({title})")),
        PartStatus::Inconclusive => {
            Some(format!("find out why it cannot be said: {what} ({title})"))
        }
        PartStatus::FalseAlarm => Some(format!("stop the false alarm: {what} ({title})")),
    }
}
