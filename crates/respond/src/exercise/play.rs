//! One play of an exercise: its clock, and what came of each inject so far.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use watchfloor_types::{
    ActionItemId, Actor, EventId, ExerciseId, InjectId, RuleId, TenantId, UserId,
};

use super::{Inject, LessonKind, Pace, Plan, Players, Proof, Rating, Receipt, Shown, Verdict};

/// A play.
#[derive(Debug, Clone, PartialEq)]
pub struct Play {
    /// Its id, the one in the marks of its events.
    pub id: ExerciseId,
    /// What is played.
    pub plan: Arc<Plan>,
    /// When it was started.
    pub started: Timestamp,
    /// Who started it.
    pub started_by: Actor,
    /// Whose events it emits.
    pub tenant: TenantId,
    /// Who plays.
    pub players: Players,
    /// Where it stands.
    pub status: Status,
    /// Play time and scenario time.
    pub clock: PlayClock,
    /// What came of each inject that was given.
    pub progress: BTreeMap<InjectId, Progress>,
    /// Scripted acts that were tried, with the refusal where there was one.
    pub acted: BTreeMap<String, Option<String>>,
    /// Strengths and gaps, in the order in which they were said.
    pub lessons: Vec<Lesson>,
    /// What is to be improved.
    pub items: Vec<Item>,
}

/// Where a play stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Play time passes.
    Running,
    /// Play time stands still.
    Paused {
        /// Why.
        reason: String,
    },
    /// The stop button was pressed.
    Stopped {
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
        /// Who.
        by: Actor,
    },
    /// It was played to its end.
    Ended {
        /// When.
        at: Timestamp,
    },
}

/// What came of an inject so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// When it was due on the floor's clock.
    pub due: Timestamp,
    /// The time in the story.
    pub scenario: Timestamp,
    /// What came of its emissions, by part.
    pub receipts: BTreeMap<u32, Receipt>,
    /// Expected rules that have seen every event; none until that is reported.
    pub evaluated: Option<BTreeSet<RuleId>>,
    /// What detection made of it.
    pub verdict: Option<Verdict>,
    /// Expectations that were seen to be met, by id.
    pub met: BTreeMap<String, Met>,
    /// What evaluators saw, by expectation.
    pub assessed: BTreeMap<String, Assessment>,
    /// Whether the players were told the hint.
    pub hint: bool,
    /// Who has read it.
    pub readers: Vec<Actor>,
    /// Answers in words.
    pub answers: Vec<(Actor, String)>,
}

/// An expectation that was seen to be met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Met {
    /// When.
    pub at: Timestamp,
    /// Play time between the inject and the act.
    pub after: SignedDuration,
    /// The entry that shows it.
    pub shown_by: Shown,
}

/// What an evaluator saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// What.
    pub rating: Rating,
    /// On what ground.
    pub note: String,
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
}

/// A strength or a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lesson {
    /// Which of the two.
    pub kind: LessonKind,
    /// What.
    pub text: String,
    /// Who said so.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
}

/// Something to be improved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its id.
    pub id: ActionItemId,
    /// What.
    pub title: String,
    /// Who sees to it.
    pub owner: UserId,
    /// By when.
    pub due: Timestamp,
    /// The inject whose result asks for it, where the item was made by itself.
    pub inject: Option<InjectId>,
    /// Who made it.
    pub by: Actor,
}

impl Play {
    /// Whether it still gives injects.
    #[must_use]
    pub fn is_live(&self) -> bool {
        match self.status {
            Status::Running | Status::Paused { .. } => true,
            Status::Stopped { .. } | Status::Ended { .. } => false,
        }
    }
    /// The word for where it stands.
    #[must_use]
    pub fn status_word(&self) -> &'static str {
        match self.status {
            Status::Running => "running",
            Status::Paused { .. } => "paused",
            Status::Stopped { .. } => "stopped",
            Status::Ended { .. } => "ended",
        }
    }
    /// When it came to its end.
    #[must_use]
    pub fn ended(&self) -> Option<Timestamp> {
        match self.status {
            Status::Running | Status::Paused { .. } => None,
            Status::Stopped { at, .. } | Status::Ended { at } => Some(at),
        }
    }
    /// Play time at `now`; it no longer passes once the play has ended.
    #[must_use]
    pub fn play_time(&self, now: Timestamp) -> SignedDuration {
        self.clock.play_time(self.ended().unwrap_or(now))
    }
    /// Injects and distractors that were not given yet, in the order of play time.
    #[must_use]
    pub fn ahead(&self) -> Vec<&Inject> {
        let mut all = self.plan.timeline();
        all.retain(|inject| !self.progress.contains_key(&inject.id));
        all
    }
    /// Events that the inject became.
    #[must_use]
    pub fn events(&self, inject: &InjectId) -> BTreeSet<EventId> {
        self.progress
            .get(inject)
            .map_or_else(BTreeSet::new, |progress| {
                progress
                    .receipts
                    .values()
                    .flat_map(|receipt| receipt.events.iter().copied())
                    .collect()
            })
    }
    /// How far the records of the inject are known to have come.
    #[must_use]
    pub fn proof(&self, inject: &Inject) -> Proof {
        let mut proof = Proof {
            planned: inject.record_count() as u32,
            ..Proof::default()
        };
        if let Some((rules, _)) = inject.detection() {
            proof.rules_expected = rules.len() as u32;
        }
        if let Some(progress) = self.progress.get(&inject.id) {
            for receipt in progress.receipts.values() {
                proof.sent += receipt.sent;
                proof.received += receipt.received;
                proof.parsed += receipt.events.len() as u32;
            }
            if let (Some(seen), Some((rules, _))) = (&progress.evaluated, inject.detection()) {
                proof.rules_evaluated =
                    rules.iter().filter(|rule| seen.contains(rule)).count() as u32;
            }
        }
        proof
    }
}

/// The time in the story at `now`.
#[must_use]
pub fn scenario_time(play: &Play, now: Timestamp) -> Timestamp {
    play.clock.scenario_time(play.ended().unwrap_or(now))
}

/// Two clocks in one: play time counts from the first inject and stands still in a pause; the time
/// in the story is play time plus the jumps so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlayClock {
    pace: Pace,
    speed: i32,
    story: Timestamp,
    jumped: SignedDuration,
    /// Play time at `since`.
    base: SignedDuration,
    /// The moment of the floor's clock from which play time passes; none in a pause.
    since: Option<Timestamp>,
}

impl PlayClock {
    pub(crate) fn new(pace: Pace, speed: u32, story: Timestamp, anchor: Timestamp) -> Self {
        Self {
            pace,
            speed: match pace {
                Pace::Live => speed.clamp(1, super::MAX_SPEED) as i32,
                Pace::Stepped => 1,
            },
            story,
            jumped: SignedDuration::ZERO,
            base: SignedDuration::ZERO,
            since: Some(anchor),
        }
    }
    /// How play time passes.
    #[must_use]
    pub fn pace(&self) -> Pace {
        self.pace
    }
    /// How much faster than the floor's clock play time passes.
    #[must_use]
    pub fn speed(&self) -> i32 {
        self.speed
    }
    /// Play time at `now`.
    #[must_use]
    pub fn play_time(&self, now: Timestamp) -> SignedDuration {
        self.since.map_or(self.base, |since| {
            // A stepped clock has not caught up with a jump yet while `since` is ahead of it.
            let passed = now.duration_since(since).max(SignedDuration::ZERO);
            self.base.saturating_add(passed.saturating_mul(self.speed))
        })
    }
    /// The time in the story at `now`.
    #[must_use]
    pub fn scenario_time(&self, now: Timestamp) -> Timestamp {
        self.scenario_at(self.play_time(now))
    }
    /// When play time is `at`, on the floor's clock; none in a pause.
    #[must_use]
    pub fn floor_time(&self, at: SignedDuration) -> Option<Timestamp> {
        let since = self.since?;
        let ahead = at.saturating_sub(self.base) / self.speed;
        Some(since.saturating_add(ahead).unwrap_or(Timestamp::MAX))
    }
    /// The time in the story when play time is `at`, without jumps to come.
    #[must_use]
    pub fn scenario_at(&self, at: SignedDuration) -> Timestamp {
        let since_start = at.saturating_add(self.jumped);
        self.story
            .saturating_add(since_start)
            .unwrap_or(Timestamp::MAX)
    }
    /// Moves the story to `scenario` at play time `at`, reached at `due`, if it is ahead.
    pub(crate) fn move_story(&mut self, at: SignedDuration, due: Timestamp, scenario: Timestamp) {
        let jump = scenario.duration_since(self.scenario_at(at));
        if !jump.is_positive() {
            return;
        }
        self.jumped = self.jumped.saturating_add(jump);
        self.base = at;
        self.since = Some(match self.pace {
            Pace::Live => due,
            // The floor's clock is the story's and has to make the jump, too.
            Pace::Stepped => due.saturating_add(jump).unwrap_or(Timestamp::MAX),
        });
    }
    pub(crate) fn pause(&mut self, now: Timestamp) {
        self.base = self.play_time(now);
        self.since = None;
    }
    pub(crate) fn resume(&mut self, now: Timestamp) {
        self.since.get_or_insert(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }
    fn minutes(n: i64) -> SignedDuration {
        SignedDuration::from_mins(n)
    }

    #[test]
    fn a_live_clock_jumps_in_the_story_only() {
        let mut clock = PlayClock::new(
            Pace::Live,
            60,
            at("2027-03-02T08:00:00Z"),
            at("2026-01-01T00:00:00Z"),
        );
        assert_eq!(clock.play_time(at("2026-01-01T00:02:30Z")), minutes(150));
        let due = clock.floor_time(minutes(150)).unwrap();
        assert_eq!(due, at("2026-01-01T00:02:30Z"));
        clock.move_story(minutes(150), due, at("2027-03-03T07:30:00Z"));
        assert_eq!(
            clock.floor_time(minutes(160)),
            Some(at("2026-01-01T00:02:40Z"))
        );
        assert_eq!(
            clock.scenario_time(at("2026-01-01T00:02:40Z")),
            at("2027-03-03T07:40:00Z")
        );
    }

    #[test]
    fn a_stepped_clock_makes_the_jump() {
        let start = at("2027-03-02T08:00:00Z");
        let mut clock = PlayClock::new(Pace::Stepped, 9, start, start);
        let due = clock.floor_time(minutes(150)).unwrap();
        assert_eq!(due, at("2027-03-02T10:30:00Z"));
        clock.move_story(minutes(150), due, at("2027-03-03T07:30:00Z"));
        assert_eq!(clock.play_time(at("2027-03-02T10:30:05Z")), minutes(150));
        assert_eq!(
            clock.floor_time(minutes(160)),
            Some(at("2027-03-03T07:40:00Z"))
        );
        assert_eq!(
            clock.scenario_time(at("2027-03-03T07:40:00Z")),
            at("2027-03-03T07:40:00Z")
        );
    }

    #[test]
    fn a_pause_costs_no_play_time() {
        let start = at("2027-03-02T08:00:00Z");
        let mut clock = PlayClock::new(Pace::Live, 1, start, start);
        clock.pause(at("2027-03-02T08:10:00Z"));
        assert_eq!(clock.floor_time(minutes(20)), None);
        clock.resume(at("2027-03-02T09:00:00Z"));
        assert_eq!(clock.play_time(at("2027-03-02T09:05:00Z")), minutes(15));
        assert_eq!(
            clock.floor_time(minutes(20)),
            Some(at("2027-03-02T09:10:00Z"))
        );
    }
}
