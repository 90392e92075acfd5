//! Runs of the runbook that ships, with people, outcomes and crashes.

use std::collections::{BTreeMap, BTreeSet};

use watchfloor_respond::{
    Entry, Input, Refusal, State,
    runbook::{self, Mode, Phase, Position, Resolution, Run, RunResult, Wait},
    step,
};
use watchfloor_types::{
    Actor, Diagnostic, Effect, EffectClass, EffectKind, Level, Outcome, OutcomeStatus, Role, RunId,
    Severity, StepId, Timestamp,
};

use crate::{
    flagship::telemetry,
    floor::{Floor, analyst, at, commander, finding, person, replay},
};

/// A real incident with everything that the runbook asks for.
fn incident() -> Floor {
    let mut floor = Floor::new();
    let all = telemetry().into_iter().take(5).map(|mut finding| {
        finding.mark = None;
        finding
    });
    floor.find(all.collect());
    floor
}

fn run(floor: &Floor) -> &Run {
    floor.state.runs.iter().next().unwrap()
}

/// What the run waits for, by the name of the step.
fn waits(state: &State) -> BTreeMap<String, String> {
    let run = state.runs.iter().next().unwrap();
    run.doing()
        .filter(|(_, doing)| doing.children.is_empty())
        .map(|(_, doing)| {
            let what = match &doing.phase {
                Phase::Ready => "ready".to_owned(),
                Phase::InDoubt(detail) => format!("in doubt: {detail}"),
                Phase::Waiting(Wait::Until { at }) => format!("until {at}"),
                Phase::Waiting(Wait::Values { names }) => format!("values {names:?}"),
                Phase::Waiting(Wait::Person { text, .. }) => format!("person: {text}"),
                Phase::Waiting(Wait::Approval { text, .. }) => format!("approval: {text}"),
                Phase::Waiting(Wait::Effect { effect, .. }) => match &effect.kind {
                    EffectKind::HttpApi {
                        method,
                        path,
                        body,
                        target,
                        ..
                    } => {
                        format!(
                            "{method} {path} at {target} {}",
                            body.clone().unwrap_or_default()
                        )
                    }
                    EffectKind::Webhook { channel, .. } => format!("webhook {channel}"),
                },
            };
            (run.step_name(&doing.step).to_owned(), what)
        })
        .collect()
}

fn only(floor: &Floor) -> (StepId, String) {
    let (name, what) = waits(&floor.state).pop_first().unwrap();
    let step = run(floor)
        .runbook
        .steps
        .values()
        .find(|s| s.name == name)
        .unwrap();
    (step.id.clone(), format!("{name} <- {what}"))
}

fn tell(floor: &mut Floor, actor: &Actor, input: runbook::Input) -> Result<(), Refusal> {
    floor.tell(actor, Input::Run(input)).map(|_| ())
}

fn complete(floor: &mut Floor) {
    let (run, (step, _)) = (run(floor).id, only(floor));
    let values = BTreeMap::new();
    tell(
        floor,
        &analyst(),
        runbook::Input::Complete {
            run,
            step,
            note: "done".into(),
            values,
        },
    )
    .unwrap();
}

fn approve(floor: &mut Floor) {
    let (run, (step, _)) = (run(floor).id, only(floor));
    tell(
        floor,
        &commander(),
        runbook::Input::Approve {
            run,
            step,
            note: String::new(),
        },
    )
    .unwrap();
}

fn pending(floor: &Floor) -> Effect {
    floor.state.runs.pending_effects().next().unwrap().clone()
}

fn outcome(floor: &mut Floor, status: OutcomeStatus) -> Effect {
    let effect = pending(floor);
    floor.outcome(&effect.key, status);
    effect
}

#[test]
fn a_run_goes_from_the_finding_to_its_end() {
    let mut floor = incident();
    let mut seen = vec![only(&floor).1];
    complete(&mut floor);
    seen.push(only(&floor).1);
    assert_eq!(
        outcome(&mut floor, OutcomeStatus::Done).class,
        EffectClass::SetState
    );
    seen.push(only(&floor).1);
    complete(&mut floor);
    seen.push(only(&floor).1);
    outcome(&mut floor, OutcomeStatus::Done);
    seen.push(only(&floor).1);

    let (step, _) = only(&floor);
    let id = run(&floor).id;
    let ask = |actor: &Actor, floor: &mut Floor| {
        tell(
            floor,
            actor,
            runbook::Input::Approve {
                run: id,
                step: step.clone(),
                note: "go".into(),
            },
        )
    };
    assert!(matches!(
        ask(&analyst(), &mut floor),
        Err(Refusal::NotAllowed { .. })
    ));
    assert!(matches!(
        ask(&Actor::System, &mut floor),
        Err(Refusal::NeedsPerson { .. })
    ));
    ask(&commander(), &mut floor).unwrap();
    seen.push(only(&floor).1);
    insta::assert_json_snapshot!("waits", seen);

    let key = pending(&floor).key;
    assert_eq!(key.to_string(), format!("{id}/{step}/1"));
    let answer = serde_json::json!({"key": {"id": "AKIA9NEW"}});
    floor.answer(&key, OutcomeStatus::Done, Some(answer));
    let run = run(&floor);
    assert_eq!(run.end.as_ref().unwrap().result, RunResult::Done);
    let record = run.records.iter().find(|r| r.step == step).unwrap();
    assert_eq!(record.people, [commander()], "the approver is on record");
    let pages: Vec<&str> = floor.state.oncall.iter().map(|p| p.text.as_str()).collect();
    assert!(
        pages.iter().any(|text| text.ends_with("new key AKIA9NEW.")),
        "{pages:?}"
    );
    assert!(!floor.effects.iter().any(|e| e.rehearsal));
    floor.check_replay();

    // What was done can be taken back, once.
    let suspended = run
        .undoable()
        .iter()
        .map(|s| run.step_name(s).to_owned())
        .collect::<Vec<_>>();
    assert_eq!(suspended.iter().collect::<BTreeSet<_>>().len(), 2);
    let suspend = run
        .runbook
        .steps
        .values()
        .find(|s| s.name == "Suspend the session")
        .unwrap()
        .id
        .clone();
    let undo = runbook::Input::Undo {
        run: id,
        step: suspend,
        reason: "wrong agent".into(),
    };
    tell(&mut floor, &analyst(), undo.clone()).unwrap();
    assert_eq!(
        only(&floor).1.split(" at ").next(),
        Some("Resume the session <- POST /sessions/s-4711/resume")
    );
    assert!(matches!(
        tell(&mut floor, &analyst(), undo.clone()),
        Err(Refusal::Conflict(_))
    ));
    outcome(&mut floor, OutcomeStatus::Done);
    assert!(!floor.state.runs.get(id).unwrap().is_active());
    assert!(matches!(
        tell(&mut floor, &analyst(), undo),
        Err(Refusal::Conflict(_))
    ));
    floor.check_replay();
}

#[test]
fn a_refused_step_takes_the_way_of_failure_and_leaves_the_key_alone() {
    let mut floor = incident();
    complete(&mut floor);
    outcome(&mut floor, OutcomeStatus::Done);
    complete(&mut floor);
    outcome(&mut floor, OutcomeStatus::Done);
    let before = floor.effects.len();
    let (id, (step, _)) = (run(&floor).id, only(&floor));
    tell(
        &mut floor,
        &commander(),
        runbook::Input::Refuse {
            run: id,
            step: step.clone(),
            reason: "payday".into(),
        },
    )
    .unwrap();
    let run = run(&floor);
    assert_eq!(run.end.as_ref().unwrap().result, RunResult::Done);
    let record = run.records.iter().find(|r| r.step == step).unwrap();
    assert_eq!(record.end.as_ref().unwrap().detail, "refused: payday");
    assert_eq!(record.people, [commander()]);
    assert!(
        floor.effects[before..]
            .iter()
            .all(|e| matches!(e.kind, EffectKind::Webhook { .. }))
    );
    floor.check_replay();
}

#[test]
fn a_doubt_about_what_cannot_be_repeated_asks_a_person() {
    for (resolution, key_of_attempt, ends) in [
        (Resolution::Retry, Some("2"), false),
        (Resolution::Done, None, true),
        (Resolution::Failed, None, true),
    ] {
        let mut floor = incident();
        complete(&mut floor);
        // May be repeated: asked for again with the same key, three times in all.
        let first = pending(&floor).key;
        for _ in 0..2 {
            let decision = floor.outcome(&first, OutcomeStatus::InDoubt);
            assert_eq!(decision.effects[0].key, first);
        }
        floor.outcome(&first, OutcomeStatus::Done);
        assert!(
            floor
                .outcome(&first, OutcomeStatus::Failed)
                .entries
                .is_empty(),
            "late answers change nothing"
        );
        complete(&mut floor);
        outcome(&mut floor, OutcomeStatus::Done);
        approve(&mut floor);
        let rotate = outcome(&mut floor, OutcomeStatus::InDoubt);
        assert_eq!(rotate.class, EffectClass::Destructive);
        assert!(floor.state.runs.pending_effects().next().is_none());
        assert!(
            floor
                .state
                .needs(floor.now)
                .iter()
                .any(|n| n.kind.as_str() == "in-doubt")
        );
        let (run_id, (step, _)) = (run(&floor).id, only(&floor));
        let reason = "asked the vendor".to_owned();
        tell(
            &mut floor,
            &analyst(),
            runbook::Input::Resolve {
                run: run_id,
                step: step.clone(),
                resolution,
                reason,
            },
        )
        .unwrap();
        match key_of_attempt {
            Some(attempt) => assert_eq!(
                pending(&floor).key.to_string(),
                format!("{run_id}/{step}/{attempt}")
            ),
            None => assert!(floor.state.runs.pending_effects().next().is_none()),
        }
        assert_eq!(run(&floor).end.is_some(), ends);
        floor.check_replay();
    }
}

#[test]
fn a_failed_request_is_tried_again_and_then_goes_the_way_for_exceptions() {
    let mut floor = incident();
    complete(&mut floor);
    let keys: Vec<String> = (0..3)
        .map(|_| outcome(&mut floor, OutcomeStatus::Failed).key.to_string())
        .collect();
    let attempts: Vec<&str> = keys.iter().map(|k| k.rsplit('/').next().unwrap()).collect();
    assert_eq!(attempts, ["1", "2", "3"]);
    let end = run(&floor).end.clone().unwrap();
    assert_eq!(end.result, RunResult::Failed);
    assert!(
        floor
            .state
            .oncall
            .iter()
            .any(|p| p.text.contains("stopped"))
    );
    assert!(
        floor
            .state
            .needs(floor.now)
            .iter()
            .any(|n| n.kind.as_str() == "failed-run")
    );
    floor.check_replay();
}

#[test]
fn a_value_that_is_missing_is_asked_for_or_arrives_with_a_finding() {
    let mut floor = Floor::new();
    let agent = ("gen_ai.agent.id", "a");
    floor.find(vec![finding("One", 0, Severity::High, &[], &[agent], None)]);
    complete(&mut floor);
    assert_eq!(
        only(&floor).1,
        "Suspend the session <- values {\"__session__\"}"
    );
    floor.find(vec![finding(
        "Two",
        1,
        Severity::Low,
        &[],
        &[agent, ("session.id", "../admin?x=1")],
        None,
    )]);
    floor.tick(2);
    assert_eq!(
        only(&floor).1.split(" at ").next(),
        Some("Suspend the session <- POST /sessions/..%2Fadmin%3Fx%3D1/suspend")
    );
    outcome(&mut floor, OutcomeStatus::Done);
    complete(&mut floor);
    // No finding shows that data left: the queue stays as it is, and nobody knows a key.
    assert_eq!(only(&floor).1, "Rotate the key <- values {\"__key__\"}");
    let (id, (step, _)) = (run(&floor).id, only(&floor));
    let give = |name: &str| runbook::Input::SetValue {
        run: id,
        name: name.into(),
        value: "k-1".into(),
    };
    assert!(matches!(
        tell(&mut floor, &analyst(), give("__other__")),
        Err(Refusal::NotFound { .. })
    ));
    tell(&mut floor, &analyst(), give("__key__")).unwrap();
    assert!(
        only(&floor)
            .1
            .starts_with("Rotate the key <- approval: POST /keys/k-1/rotate at secret-manager")
    );
    // Nobody answers for a day.
    floor.tick(60 * 24 + 3);
    let record = run(&floor).records.iter().find(|r| r.step == step).unwrap();
    assert_eq!(
        record.end.as_ref().unwrap().detail,
        "nobody answered in time"
    );
    floor.check_replay();
}

#[test]
fn a_rehearsal_and_an_exercise_send_nothing() {
    let mut floor = Floor::new();
    floor.find(telemetry());
    assert_eq!(run(&floor).mode, Mode::Rehearsal);
    let mut floor = incident();
    let incident = floor.incident().id;
    let start = |mode| runbook::Input::Start {
        runbook: "agent-contain".parse().unwrap(),
        incident,
        mode,
    };
    assert!(matches!(
        tell(&mut floor, &analyst(), start(Mode::Live)),
        Err(Refusal::Conflict(_))
    ));
    tell(&mut floor, &analyst(), start(Mode::Rehearsal)).unwrap();
    let id = floor
        .state
        .runs
        .iter()
        .find(|r| r.mode == Mode::Rehearsal)
        .unwrap()
        .id;
    let step = floor
        .state
        .runs
        .get(id)
        .unwrap()
        .doing()
        .next()
        .unwrap()
        .1
        .step
        .clone();
    let before = floor.effects.len();
    tell(
        &mut floor,
        &analyst(),
        runbook::Input::Complete {
            run: id,
            step,
            note: String::new(),
            values: BTreeMap::new(),
        },
    )
    .unwrap();
    assert!(floor.effects[before..].iter().all(|e| e.rehearsal) && floor.effects.len() > before);
    let viewer = person("vera", &[Role::Viewer]);
    let abort = runbook::Input::Abort {
        run: id,
        reason: "enough".into(),
    };
    assert!(matches!(
        tell(&mut floor, &viewer, abort.clone()),
        Err(Refusal::NotAllowed { .. })
    ));
    tell(&mut floor, &analyst(), abort).unwrap();
    assert!(!floor.state.runs.get(id).unwrap().is_active());
    floor.check_replay();
}

/// Continues from `state` to the end: people answer, and the world does each effect when it is
/// asked for. `done` is what the world has done so far, by key.
fn go_on(state: &mut State, now: Timestamp, done: &mut BTreeMap<String, u32>) {
    for _ in 0..200 {
        step(state, &Actor::System, Input::Tick, now).unwrap();
        let Some(run) = state.runs.iter().next() else {
            return;
        };
        let id = run.id;
        let doubt = run.doing().find_map(|(_, doing)| {
            matches!(doing.phase, Phase::InDoubt(_)).then(|| doing.step.clone())
        });
        if let Some(step) = doubt {
            let input = runbook::Input::Resolve {
                run: id,
                step,
                resolution: Resolution::Done,
                reason: "looked at the target".into(),
            };
            self::step(state, &analyst(), Input::Run(input), now).unwrap();
            continue;
        }
        let waiting = run.doing().find_map(|(_, doing)| match &doing.phase {
            Phase::Waiting(wait) => Some((doing.step.clone(), wait.clone())),
            Phase::Ready | Phase::InDoubt(_) => None,
        });
        let (actor, input) = match waiting {
            Some((step, Wait::Person { .. })) => (
                analyst(),
                runbook::Input::Complete {
                    run: id,
                    step,
                    note: String::new(),
                    values: BTreeMap::new(),
                },
            ),
            Some((step, Wait::Approval { .. })) => (
                commander(),
                runbook::Input::Approve {
                    run: id,
                    step,
                    note: String::new(),
                },
            ),
            Some((_, Wait::Effect { effect, .. })) => {
                world(state, &effect, now, done);
                continue;
            }
            Some((_, Wait::Until { .. } | Wait::Values { .. })) => panic!("the run waits for ever"),
            None if run.is_active() => continue,
            None => return,
        };
        step(state, &actor, Input::Run(input), now).unwrap();
    }
    panic!("the run does not end");
}

fn world(state: &mut State, effect: &Effect, now: Timestamp, done: &mut BTreeMap<String, u32>) {
    *done.entry(effect.key.to_string()).or_default() += 1;
    let outcome = Outcome {
        key: effect.key.clone(),
        status: OutcomeStatus::Done,
        detail: "200".into(),
        output: None,
        at: now,
    };
    step(state, &Actor::System, Input::Outcome(outcome), now).unwrap();
}

#[test]
fn a_crash_at_any_boundary_loses_no_step_and_repeats_no_recorded_effect() {
    let mut whole = Floor::new();
    // Everything is known before the run starts: findings and what follows from them are one
    // transaction of the journal.
    let all = telemetry().into_iter().take(5).map(|mut finding| {
        (finding.mark, finding.runbook) = (None, None);
        finding
    });
    whole.find(all.collect());
    let begins = whole.entries.len();
    let (runbook, incident) = ("agent-contain".parse().unwrap(), whole.incident().id);
    tell(
        &mut whole,
        &analyst(),
        runbook::Input::Start {
            runbook,
            incident,
            mode: Mode::Live,
        },
    )
    .unwrap();
    complete(&mut whole);
    outcome(&mut whole, OutcomeStatus::Done);
    complete(&mut whole);
    outcome(&mut whole, OutcomeStatus::Done);
    approve(&mut whole);
    outcome(&mut whole, OutcomeStatus::Done);
    let expected: Vec<StepId> = run(&whole).records.iter().map(|r| r.step.clone()).collect();
    let end = run(&whole).end.clone().unwrap().result;
    assert_eq!(end, RunResult::Done);
    assert_eq!(expected.len(), 10);
    // Back at once, and back so late that every outcome is overdue.
    for (cut, now) in
        (begins + 1..=whole.entries.len()).flat_map(|cut| [(cut, whole.now), (cut, at(30))])
    {
        let prefix = &whole.entries[..cut];
        let mut state = replay(&whole.state, prefix);
        let recorded: BTreeSet<String> = recorded(prefix);
        let mut done = BTreeMap::new();
        go_on(&mut state, now, &mut done);
        let run = state.runs.iter().next().unwrap();
        let steps: Vec<StepId> = run.records.iter().map(|r| r.step.clone()).collect();
        assert_eq!(steps, expected, "after entry {cut} at {now}");
        assert_eq!(run.end.as_ref().unwrap().result, end);
        for (key, times) in &done {
            assert_eq!(*times, 1, "{key} after entry {cut} at {now}");
            assert!(
                !recorded.contains(key),
                "{key} was recorded as done before entry {cut}"
            );
        }
        let told: BTreeSet<&str> = state.oncall.iter().map(|p| p.text.as_str()).collect();
        assert_eq!(
            told.len(),
            state.oncall.iter().count(),
            "a page was sent twice after entry {cut}"
        );
    }
}

/// Keys of effects whose end is in the journal.
fn recorded(entries: &[(Entry, Timestamp)]) -> BTreeSet<String> {
    entries
        .iter()
        .filter_map(|(entry, _)| match entry {
            Entry::Run(runbook::Entry::JobDone { at, .. }) => {
                Some(format!("{}/{}/{}", at.run, at.step, at.attempt))
            }
            _ => None,
        })
        .collect()
}

/// Two branches at once, each with its own end, a delay, and a choice inside.
const PARALLEL: &str = include_str!("parallel.yml");

#[test]
fn branches_run_side_by_side_and_come_together() {
    let (book, said) = runbook::parse(&"parallel".parse().unwrap(), "parallel.yml", PARALLEL);
    assert!(said.is_empty(), "{said:#?}");
    let mut content = (*crate::floor::content()).clone();
    let book = book.unwrap();
    content
        .runbooks
        .insert(book.id.clone(), std::sync::Arc::new(book));
    let mut floor = Floor::new();
    floor.state = State::new(std::sync::Arc::new(content));
    let mut first = finding(
        "One",
        0,
        Severity::High,
        &[],
        &[("gen_ai.agent.id", "a")],
        None,
    );
    first.runbook = Some("parallel".to_owned());
    floor.find(vec![first]);
    let incident = floor.incident().id;
    let suggested: Vec<_> = floor
        .state
        .runs
        .suggested(incident)
        .map(|(id, _)| id.to_string())
        .collect();
    assert_eq!(suggested, ["parallel"]);
    tell(
        &mut floor,
        &analyst(),
        runbook::Input::Start {
            runbook: "parallel".parse().unwrap(),
            incident,
            mode: Mode::Live,
        },
    )
    .unwrap();
    let id: RunId = run(&floor).id;
    let names = |floor: &Floor| waits(&floor.state).into_keys().collect::<Vec<_>>();
    assert_eq!(names(&floor), ["left", "right"]);
    assert!(waits(&floor.state)["right"].starts_with("until "));
    floor.tick(2);
    assert_eq!(waits(&floor.state)["right"], "person: wait");
    let step = |floor: &Floor, name: &str| {
        run(floor)
            .runbook
            .steps
            .values()
            .find(|s| s.name == name)
            .unwrap()
            .id
            .clone()
    };
    let done = |floor: &mut Floor, name: &str, values: &[(&str, &str)]| {
        let step = step(floor, name);
        let values = values
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        tell(
            floor,
            &analyst(),
            runbook::Input::Complete {
                run: id,
                step,
                note: String::new(),
                values,
            },
        )
        .unwrap();
    };
    done(&mut floor, "right", &[]);
    assert_eq!(names(&floor), ["left"]);
    done(&mut floor, "left", &[("__worse__", "true")]);
    assert_eq!(names(&floor), ["worse"]);
    done(&mut floor, "worse", &[]);
    assert_eq!(names(&floor), ["after"]);
    done(&mut floor, "after", &[]);
    assert_eq!(run(&floor).end.as_ref().unwrap().result, RunResult::Done);
    assert!(
        run(&floor)
            .branches
            .iter()
            .all(|b| b.position == Position::Closed)
    );
}

fn codes(text: &str) -> Vec<String> {
    let (book, said) = runbook::parse(&"x".parse().unwrap(), "x.yml", text);
    assert_eq!(book.is_none(), said.iter().any(|d| d.level == Level::Error));
    said.iter()
        .map(|d: &Diagnostic| {
            let place = d.place.as_ref().unwrap();
            format!("{}:{}:{}", place.line, place.column, d.code)
        })
        .collect()
}

#[test]
fn each_defect_is_found_where_it_stands() {
    assert_eq!(codes(PARALLEL), [""; 0]);
    let base = "5e1c1d3a-2f3b-4a5b-8c6d-0123456789";
    let end = |last: &str| format!("end--{base}{last}");
    let action = |last: &str| format!("action--{base}{last}");
    let right = format!("on_completion: {} # right", end("c2"));
    for (from, to, expected) in [
        ("name: Side by side\n", "", vec!["2:1:B002"]),
        (
            "name: Side by side\n",
            "name: a\nname: b\n",
            vec!["6:1:B001"],
        ),
        ("name: Side by side\n", "name: &a b\n", vec!["5:7:B001"]),
        (
            "spec_version: cacao-2.0",
            "spec_version: '1.1'",
            vec!["3:15:B002"],
        ),
        (
            "4a5b-8c6d-0123456789a1",
            "7a5b-8c6d-0123456789a1",
            vec!["4:5:B003"],
        ),
        (
            &format!("on_true: {}", action("b4")),
            &format!("on_true: {}", action("ff")),
            vec!["53:14:B004"],
        ),
        (
            &right,
            &format!("on_completion: {}", action("b2")),
            vec!["74:20:B006", "79:3:B005"],
        ),
        (
            &format!("    {right}\n"),
            "",
            vec!["69:3:B007", "78:3:B005"],
        ),
        (
            &right,
            &format!("{right}\n    on_failure: {}", end("c2")),
            vec!["75:17:B008"],
        ),
        ("type: parallel", "type: paralel", vec!["32:11:B009"]),
        ("type: manual # right", "type: bash", vec!["77:15:B010"]),
        (
            "__worse__:value = true",
            "__wurst__:value = true",
            vec!["49:3:B011"],
        ),
        (
            "__worse__:value = true",
            "__worse__:value is true",
            vec!["52:32:B012"],
        ),
        (
            &format!("group--{base}e1 # right"),
            &format!("group--{base}e2"),
            vec!["75:12:B013"],
        ),
        (
            &format!("workflow_start: start--{base}a0"),
            &format!("workflow_start: {}", action("b1")),
            vec![
                "24:17:B015",
                "27:3:B005",
                "31:3:B005",
                "69:3:B005",
                "79:3:B005",
                "82:3:B005",
                "90:3:B005",
            ],
        ),
    ] {
        assert!(PARALLEL.contains(from), "{from}");
        let mut found = codes(&PARALLEL.replacen(from, to, 1));
        let mut expected = expected;
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{from} -> {to}");
    }
}

#[test]
fn requests_and_the_extension_are_checked() {
    let text = include_str!("../../../../content/runbooks/agent-contain/runbook.yml");
    for (from, to, code) in [
        (
            "POST /sessions/__session__:value/suspend HTTP/1.1",
            "POST sessions",
            "B014",
        ),
        ("approval: [commander]", "aproval: [commander]", "B016"),
        ("approval: [commander]", "approval: [king]", "B016"),
        ("approval: [commander]", "approval: []", "B016"),
        ("retries: 2", "retries: 200", "B016"),
        (
            r#"{"agent": "__agent__:value", "reason""#,
            r#"{"agent": __agent__:value, "reason""#,
            "B017",
        ),
        (
            "{content-type: [application/json]}",
            "{authorization: [Bearer x]}",
            "B018",
        ),
        ("known incident.aware_candidate_at", "whatever x", "B019"),
    ] {
        assert!(text.contains(from), "{from}");
        let found = codes(&text.replacen(from, to, 1));
        assert!(
            found.len() == 1 && found[0].ends_with(code),
            "{from} -> {to}: {found:?}"
        );
    }
}
