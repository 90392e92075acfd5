//! A whole play on a stepped clock, with findings that the test makes.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use watchfloor_types::{
    Actor, EventId, ExerciseId, Finding, FindingId, FindingKind, Mark, Outcome, OutcomeStatus,
    RuleId, RuleRef, Severity, Tlp, Value,
};

use super::*;
use crate::{
    Content, Entry as Any, Input as Ask, Refusal, State, alert, comms, obligation, runbook,
};

pub(super) const FLAGSHIP: &str =
    include_str!("../../../../content/exercises/paper-lantern/exercise.yml");
const FILE: &str = "content/exercises/paper-lantern/exercise.yml";

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn start() -> Timestamp {
    at("2027-03-02T08:00:00Z")
}

/// Everything under `content/` that decisions read.
fn content() -> Content {
    fn read(dir: &Path, out: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                read(&path, out);
            } else if path.extension().is_some_and(|e| e == "yml") {
                let text = std::fs::read_to_string(&path).unwrap();
                out.push((path.to_str().unwrap().replace('\\', "/"), text));
            }
        }
    }
    let files = |kind: &str| {
        let mut out = Vec::new();
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../content");
        read(&Path::new(root).join(kind), &mut out);
        out
    };
    let mut content = Content::default();
    for (path, text) in files("runbooks") {
        let id = path.rsplit('/').nth(1).unwrap().parse().unwrap();
        let (found, wrong) = runbook::parse(&id, &path, &text);
        assert!(wrong.is_empty(), "{wrong:#?}");
        content.runbooks.insert(id, Arc::new(found.unwrap()));
    }
    let obligations = files("obligations");
    let (library, wrong) = obligation::load(&obligations);
    assert!(wrong.is_empty(), "{wrong:#?}");
    content.regimes = library.regimes;
    content.calendars = library.calendars;
    for (path, text) in &obligations {
        if path.ends_with("/profile.yml") {
            content.profile = obligation::load_profile(path, text).0.unwrap();
        }
    }
    content.templates = comms::load(&files("templates")).0;
    let (plan, wrong) = parse(FILE, FLAGSHIP);
    assert!(wrong.is_empty(), "{wrong:#?}");
    let plan = plan.unwrap();
    content.exercises.insert(plan.id.clone(), plan);
    content
}

/// A floor whose world the test plays: ingest takes what it is told to, rules find what they are
/// told to.
struct Floor {
    state: State,
    now: Timestamp,
    log: Vec<(Any, Timestamp)>,
    /// Injects whose records no rule finds.
    blind: Vec<&'static str>,
    /// Injects whose records ingest does not take.
    deaf: Vec<&'static str>,
    /// How long detection takes.
    detection: SignedDuration,
    emitted: usize,
    refused: Vec<(String, String)>,
}

impl Floor {
    fn new(now: Timestamp) -> Self {
        Self {
            state: State::new(Arc::new(content())),
            now,
            log: Vec::new(),
            blind: Vec::new(),
            deaf: Vec::new(),
            detection: SignedDuration::from_millis(40),
            emitted: 0,
            refused: Vec::new(),
        }
    }

    fn ask(&mut self, actor: &Actor, input: Ask) -> Result<Vec<Any>, Refusal> {
        let decided = crate::step(&mut self.state, actor, input, self.now)?;
        self.log
            .extend(decided.entries.iter().map(|e| (e.clone(), self.now)));
        for effect in decided.effects {
            let outcome = Outcome {
                key: effect.key,
                status: OutcomeStatus::Rehearsed,
                detail: "rehearsed".to_owned(),
                output: None,
                at: self.now,
            };
            assert!(effect.rehearsal, "an exercise reached for the world");
            self.ask(&Actor::System, Ask::Outcome(outcome)).unwrap();
        }
        Ok(decided.entries)
    }

    fn system(&mut self, input: Input) -> Vec<Any> {
        self.ask(&Actor::System, Ask::Exercise(input)).unwrap()
    }

    fn start(&mut self, pace: Pace, speed: u32, players: Players) -> ExerciseId {
        let entries = self.system(Input::Start {
            plan: "paper-lantern".parse().unwrap(),
            pace,
            speed,
            players,
            tenant: "lumen-paper".parse().unwrap(),
        });
        match &entries[0] {
            Any::Exercise(Entry::Started { exercise, .. }) => *exercise,
            other => panic!("{other:?}"),
        }
    }

    fn tick(&mut self) {
        let entries = self.ask(&Actor::System, Ask::Tick).unwrap();
        self.carry_out(&entries);
    }

    /// What the binary does with entries that ask for an emission.
    fn carry_out(&mut self, entries: &[Any]) {
        let mut injects: BTreeMap<_, Vec<EventId>> = BTreeMap::new();
        for entry in entries {
            let Any::Exercise(Entry::Emit {
                exercise,
                inject,
                part,
                records,
                ..
            }) = entry
            else {
                continue;
            };
            if !may_emit(&self.state, *exercise) {
                continue;
            }
            self.emitted += records.len();
            let deaf = self.deaf.contains(&inject.as_str());
            let events: Vec<EventId> = (0..records.len())
                .map(|i| {
                    let salt = format!("{exercise} {inject} {part} {i}");
                    EventId::minted(self.now, &[salt.as_bytes()])
                })
                .collect();
            self.system(Input::Emitted(Receipt {
                exercise: *exercise,
                inject: inject.clone(),
                part: *part,
                sent: records.len() as u32,
                received: if deaf { 0 } else { records.len() as u32 },
                events: if deaf { Vec::new() } else { events.clone() },
                dead: 0,
                accepted_at: (!deaf).then_some(self.now),
                problem: deaf.then(|| "the queue is full".to_owned()),
            }));
            if !deaf {
                injects
                    .entry((*exercise, inject.clone()))
                    .or_default()
                    .extend(events);
            }
        }
        for ((exercise, inject), events) in injects {
            let played = self.state.exercises.get(exercise).unwrap();
            let plan = played.plan.inject(&inject).unwrap().clone();
            let rules = plan
                .detection()
                .map_or(Vec::new(), |(rules, _)| rules.to_vec());
            if let Some(rule) = rules.first()
                && !self.blind.contains(&inject.as_str())
            {
                let finding = self.finding(rule, &plan, exercise, events);
                self.ask(&Actor::System, Ask::Findings(vec![finding]))
                    .unwrap();
            }
            self.system(Input::Evaluated {
                exercise,
                inject,
                rules,
            });
        }
    }

    fn finding(
        &self,
        rule: &RuleId,
        inject: &Inject,
        exercise: ExerciseId,
        events: Vec<EventId>,
    ) -> Finding {
        let text = |name: &str, value: &str| (name.to_owned(), Value::from(value));
        let (tenant, agent) = match inject.id.as_str() {
            "i10" => ("marlow-insurance", "renewal-agent"),
            _ => ("lumen-paper", "support-agent"),
        };
        Finding {
            id: FindingId::minted(self.now, &[inject.id.as_str().as_bytes()]),
            kind: FindingKind::Rule,
            rule: RuleRef {
                id: rule.clone(),
                title: inject.title.clone(),
                version: "0".to_owned(),
            },
            severity: Severity::High,
            tenant: tenant.parse().unwrap(),
            source: inject.emits[0].source.clone(),
            time: self.now,
            detected: self.now + self.detection,
            events,
            matched: Vec::new(),
            techniques: inject.techniques.clone(),
            entities: vec![
                text("gen_ai.agent.id", agent),
                text("session.id", "conv-1"),
                text("ai.instruction.hash", "0011223344556677"),
                text("ai.key.id", "AKIAQ7LANTERN2PAPER5"),
                text("ai.data.rows", "4812"),
                text("ai.data.classes", "email"),
            ],
            runbook: Some("agent-contain".to_owned()),
            tlp: Tlp::Clear,
            mark: Some(Mark {
                exercise,
                inject: inject.id.clone(),
            }),
        }
    }

    /// Plays until the end, moving the clock from one thing to the next.
    fn play(&mut self, exercise: ExerciseId) {
        for _ in 0..2000 {
            self.tick();
            let due = due_player_inputs(&self.state, self.now);
            let idle = due.is_empty();
            for player in due {
                let refused = match player.input {
                    Ok(input) => self.ask(&player.actor, input).err().map(|e| e.to_string()),
                    Err(reason) => Some(reason),
                };
                if let Some(reason) = &refused {
                    self.refused.push((player.act.clone(), reason.clone()));
                }
                self.system(Input::PlayerActed {
                    exercise,
                    act: player.act,
                    refused,
                });
            }
            if !self.state.exercises.get(exercise).unwrap().is_live() {
                return;
            }
            if idle && let Some(next) = next_due(&self.state, self.now) {
                self.now = next;
            }
        }
        panic!("the play did not come to its end");
    }

    fn score(&self, exercise: ExerciseId) -> Score {
        score(self.state.exercises.get(exercise).unwrap())
    }
}

fn part<'s>(score: &'s Score, inject: &str, expectation: &str) -> &'s PartScore {
    let inject = score
        .injects
        .iter()
        .find(|i| i.inject.as_str() == inject)
        .unwrap();
    inject
        .parts
        .iter()
        .find(|p| p.expectation == expectation)
        .unwrap()
}

#[test]
fn the_flagship_is_sound() {
    let (plan, wrong) = parse(FILE, FLAGSHIP);
    assert!(
        wrong.is_empty(),
        "{}",
        wrong.iter().map(|d| format!("{d}\n")).collect::<String>()
    );
    let plan = plan.unwrap();
    assert_eq!(plan.injects.len(), 22);
    assert_eq!(plan.points(), Points::whole(100));
    let of = |kind| plan.injects.iter().filter(|i| i.kind == kind).count();
    assert_eq!(of(InjectKind::Telemetry), 8);
    assert_eq!(of(InjectKind::Decision), 3);
    assert_eq!(plan.distractors.len(), 2);
    let known = Known {
        runbooks: content().runbooks.into_keys().collect(),
        clocks: content()
            .regimes
            .into_values()
            .flat_map(|r| r.stages.into_iter().map(|s| s.id))
            .collect(),
        rules: plan.places.rules.keys().cloned().collect(),
        sources: plan.places.sources.keys().cloned().collect(),
    };
    assert_eq!(lint(&plan, &known), []);
}

#[test]
fn a_script_plays_the_flagship_to_full_points_and_twice_the_same() {
    let run = |start: Timestamp, detection: i64| {
        let mut floor = Floor::new(start);
        floor.detection = SignedDuration::from_millis(detection);
        let exercise = floor.start(Pace::Stepped, 1, Players::Script);
        floor.play(exercise);
        (floor, exercise)
    };
    let (floor, exercise) = run(start(), 40);
    let score = floor.score(exercise);
    let lost: Vec<_> = score
        .injects
        .iter()
        .filter(|i| i.points < i.of)
        .map(|i| (i.inject.as_str(), &i.parts))
        .collect();
    assert_eq!(
        score.points,
        Points::whole(100),
        "{lost:#?} {:#?}",
        floor.refused
    );
    assert!(floor.refused.is_empty(), "{:#?}", floor.refused);
    let groups: Vec<_> = score
        .groups
        .iter()
        .map(|g| (g.id.as_str(), g.points.to_string()))
        .collect();
    let of = |id, points: &str| (id, points.to_owned());
    assert_eq!(
        groups,
        [
            of("detect", "31"),
            of("decide", "19"),
            of("communicate", "21"),
            of("regulator", "14"),
            of("hand-over", "3"),
            of("improve", "12"),
        ]
    );
    let report = report(&floor.state, exercise).unwrap();
    assert_eq!(report.incidents.len(), 1, "one incident holds all");
    assert_eq!(report.rows[15].scenario, Some(at("2027-03-03T07:30:00Z")));
    assert_eq!(report.rows[17].scenario, Some(at("2027-03-03T08:00:00Z")));
    assert_eq!(report.rows[21].scenario, Some(at("2027-03-03T09:05:00Z")));
    assert_eq!(
        report.rows[1].lines[0].observed,
        "finding 0.040 s after acceptance"
    );
    assert!(
        report.rows[1].lines[0]
            .evidence
            .iter()
            .any(|(kind, _)| kind == "finding")
    );
    assert!(
        report.items.iter().all(|item| item.inject.is_none()),
        "{:#?}",
        report.items
    );
    assert_eq!(report.items.len(), 2);

    let (again, other) = run(start() + SignedDuration::from_millis(730), 95);
    let json = |s: &Score| serde_json::to_string(s).unwrap();
    assert_eq!(json(&score), json(&again.score(other)));
}

#[test]
fn replaying_the_journal_gives_the_same_plays() {
    let mut floor = Floor::new(start());
    let exercise = floor.start(Pace::Stepped, 1, Players::Script);
    floor.play(exercise);
    // Another text of the plan does not change a play that was played.
    let mut content = content();
    content.exercises.clear();
    let mut replayed = State::new(Arc::new(content));
    for (entry, at) in &floor.log {
        let json = serde_json::to_string(entry).unwrap();
        let entry: Any = serde_json::from_str(&json).unwrap();
        replayed.apply(&entry, *at);
    }
    assert_eq!(replayed.exercises, floor.state.exercises);
    assert_eq!(
        score(replayed.exercises.get(exercise).unwrap()),
        floor.score(exercise)
    );
}

#[test]
fn what_is_not_found_is_missed_and_what_did_not_arrive_is_inconclusive() {
    let mut floor = Floor::new(start());
    floor.blind = vec!["i03"];
    floor.deaf = vec!["i07", "d02"];
    let exercise = floor.start(Pace::Stepped, 1, Players::Script);
    floor.play(exercise);
    let score = floor.score(exercise);
    assert_eq!(part(&score, "i03", "detected").status, PartStatus::Missed);
    assert_eq!(
        part(&score, "i07", "detected").status,
        PartStatus::Inconclusive
    );
    assert_eq!(part(&score, "d01", "quiet").status, PartStatus::Met);
    assert_eq!(
        part(&score, "d02", "quiet").status,
        PartStatus::Inconclusive
    );
    assert_eq!(score.points, Points::whole(96));
    let report = report(&floor.state, exercise).unwrap();
    assert_eq!(
        report.rows[6].lines[0].observed,
        "cannot be said: ingest acknowledged 0 of 3 records: the queue is full"
    );
    let proof = report.rows[2].lines[0].proof.unwrap();
    assert_eq!(
        (proof.planned, proof.sent, proof.received, proof.parsed),
        (1, 1, 1, 1)
    );
    assert_eq!((proof.rules_expected, proof.rules_evaluated), (1, 1));
    let made: Vec<_> = report
        .items
        .iter()
        .filter_map(|i| i.inject.as_ref())
        .map(watchfloor_types::InjectId::as_str)
        .collect();
    assert_eq!(made, ["i03", "i07", "d02"]);
}

#[test]
fn late_earns_half_until_twice_the_limit() {
    for (seconds, status, points) in [
        (119, PartStatus::Met, 100.0),
        // Limits of 2 minutes are passed for i02 and i03 and held for all others.
        (121, PartStatus::Late, 98.0),
        (241, PartStatus::TooLate, 94.5),
    ] {
        let mut floor = Floor::new(start());
        // A finding says when it was made; the clock stands where it stood.
        floor.detection = SignedDuration::from_secs(seconds);
        let exercise = floor.start(Pace::Stepped, 1, Players::Script);
        floor.play(exercise);
        let score = floor.score(exercise);
        assert_eq!(
            part(&score, "i02", "detected").status,
            status,
            "{seconds} s"
        );
        assert_eq!(score.points.to_string(), points.to_string(), "{seconds} s");
    }
}

#[test]
fn the_stop_button_ends_emission_at_once() {
    let mut floor = Floor::new(start());
    let exercise = floor.start(Pace::Stepped, 1, Players::People);
    floor.now = at("2027-03-02T08:03:00Z");
    floor.tick();
    let before = floor.emitted;
    assert!(before > 0);
    floor.now = at("2027-03-02T08:06:30Z");
    // The tick has decided to emit, and the button is pressed before the records left.
    let pending = floor.ask(&Actor::System, Ask::Tick).unwrap();
    assert!(
        pending
            .iter()
            .any(|e| matches!(e, Any::Exercise(Entry::Emit { .. })))
    );
    let person = Actor::Person {
        user: "ana".parse().unwrap(),
        roles: Vec::new(),
    };
    floor
        .ask(
            &person,
            Ask::Exercise(Input::Stop {
                exercise,
                reason: "a real fire".to_owned(),
            }),
        )
        .unwrap();
    floor.carry_out(&pending);
    floor.now = at("2027-03-02T12:00:00Z");
    floor.tick();
    assert_eq!(floor.emitted, before);
    assert_eq!(next_due(&floor.state, floor.now), None);
    assert!(floor.score(exercise).is_final);
}

#[test]
fn a_real_alert_beside_the_exercise_stays_real() {
    let mut floor = Floor::new(start());
    let exercise = floor.start(Pace::Stepped, 1, Players::People);
    floor.now = at("2027-03-02T08:02:00Z");
    floor.tick();
    let played = floor.state.exercises.get(exercise).unwrap();
    let plan = played.plan.inject(&"i02".parse().unwrap()).unwrap().clone();
    let rule = plan.detection().unwrap().0[0].clone();
    let event = EventId::minted(floor.now, &[b"somebody else"]);
    let mut real = floor.finding(&rule, &plan, exercise, vec![event]);
    real.id = FindingId::minted(floor.now, &[b"real"]);
    real.mark = None;
    real.entities = vec![("gen_ai.agent.id".to_owned(), Value::from("other-agent"))];
    floor
        .ask(&Actor::System, Ask::Findings(vec![real]))
        .unwrap();
    let opened = floor
        .state
        .alerts
        .iter()
        .find(|a| a.exercise().is_none())
        .unwrap();
    assert_eq!(opened.findings.len(), 1);
    assert_eq!(
        floor
            .state
            .incidents
            .iter()
            .filter(|i| i.exercise.is_none())
            .count(),
        1
    );
    // A player of the exercise cannot touch it, and what a person does with it meets nothing.
    let alert = opened.id;
    let player = Actor::Player {
        user: "ines.analyst".parse().unwrap(),
        roles: vec![watchfloor_types::Role::Analyst],
    };
    let ask = || Ask::Alert(alert::Input::Acknowledge { alert });
    assert!(matches!(
        floor.ask(&player, ask()),
        Err(Refusal::PlayerOutside { .. })
    ));
    let person = Actor::Person {
        user: "ana".parse().unwrap(),
        roles: vec![watchfloor_types::Role::Analyst],
    };
    floor.ask(&person, ask()).unwrap();
    assert_eq!(
        part(&floor.score(exercise), "i02", "opened").status,
        PartStatus::Open
    );
}

#[test]
fn a_hint_costs_a_quarter_and_an_evaluator_overrules() {
    let mut floor = Floor::new(start());
    let exercise = floor.start(Pace::Stepped, 1, Players::People);
    floor.now = at("2027-03-02T08:45:00Z");
    floor.tick();
    let inject: watchfloor_types::InjectId = "i09".parse().unwrap();
    floor.system(Input::Hint {
        exercise,
        inject: inject.clone(),
    });
    let control = Actor::Person {
        user: "noor".parse().unwrap(),
        roles: vec![watchfloor_types::Role::ExerciseControl],
    };
    floor
        .ask(
            &control,
            Ask::Exercise(Input::Assess {
                exercise,
                inject: inject.clone(),
                expectation: "decided".to_owned(),
                rating: Rating::Partly,
                note: "decided on the telephone".to_owned(),
            }),
        )
        .unwrap();
    let score = floor.score(exercise);
    let i09 = score.injects.iter().find(|i| i.inject == inject).unwrap();
    assert_eq!(i09.points.to_string(), "2.25");
    let detection = Input::Assess {
        exercise,
        inject: "i02".parse().unwrap(),
        expectation: "detected".to_owned(),
        rating: Rating::Met,
        note: "I am sure".to_owned(),
    };
    assert!(floor.ask(&control, Ask::Exercise(detection)).is_err());
}

#[test]
fn people_are_shown_what_an_inject_asks_of_them() {
    let mut floor = Floor::new(start());
    let exercise = floor.start(Pace::Live, 1, Players::People);
    floor.now = at("2027-03-02T08:46:00Z");
    floor.tick();
    let needs = floor.state.needs(floor.now);
    let need = needs
        .iter()
        .find(|n| n.link == format!("/exercises/{exercise}#i09"))
        .unwrap();
    assert_eq!(need.due, Some(at("2027-03-02T08:55:00Z")));
    assert_eq!(need.roles, [watchfloor_types::Role::Executive]);
}
