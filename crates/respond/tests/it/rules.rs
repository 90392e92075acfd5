//! The life of a rule, and findings that raise no alert.

use std::sync::Arc;

use serde_json::{Value, json};
use watchfloor_respond::{
    Content, Decision, Entry, Input, Refusal, State,
    alert::{self, Verdict},
    rule::{self, Because, FourEyes, Stage, What, tally},
    suppression::{self, Selection},
};
use watchfloor_types::{
    Actor, AlertId, Finding, Role, RuleId, Severity, SignedDuration, SuppressionId, Timestamp,
};

use crate::floor::{Floor, analyst, at, commander, content, finding, person, player};

fn id(text: &str) -> RuleId {
    text.parse().unwrap()
}

/// A floor whose files hold `one` (enabled, with the part `one-part`) and `noisy` (testing).
fn floor(change: impl FnOnce(&mut rule::Policy)) -> Floor {
    let mut all = Content::clone(&content());
    for (name, stage, family) in [
        ("one", Stage::Enabled, "agent"),
        ("noisy", Stage::Testing, "agent"),
        ("other", Stage::Enabled, "cost"),
    ] {
        all.rules.insert(
            id(name),
            rule::Base {
                title: name.to_owned(),
                family: Some(family.to_owned()),
                hash: rule::hash(name),
                stage,
                parts: Vec::new(),
            },
        );
    }
    all.rule_heads.insert(id("one-part"), id("one"));
    change(&mut all.policy);
    let mut floor = Floor::new();
    floor.state = State::new(Arc::new(all));
    floor
}

fn four_eyes() -> Floor {
    floor(|p| {
        p.rules = FourEyes::Required;
        p.suppressions = FourEyes::Required;
    })
}

fn push(rule: &str, text: &str) -> Input {
    Input::Rule(rule::Input::Push {
        rule: id(rule),
        title: format!("title of {rule}"),
        parts: Vec::new(),
        text: text.to_owned(),
        reason: "a test".to_owned(),
    })
}

fn stage(rule: &str, to: Stage, version: Option<u32>) -> Input {
    Input::Rule(rule::Input::Stage {
        rule: id(rule),
        to,
        version,
        reason: "a test".to_owned(),
    })
}

fn approve(rule: &str, text: &str) -> Input {
    Input::Rule(rule::Input::Approve {
        rule: id(rule),
        hash: rule::hash(text),
    })
}

fn hit(rule: &str, minute: i64, entities: &[(&str, &str)]) -> Finding {
    finding(rule, minute, Severity::High, &[], entities, None)
}

fn stands(floor: &Floor, rule: &str) -> (Stage, u32, Option<u32>) {
    let rule = id(rule);
    let found = floor.state.rule(&rule).unwrap();
    (found.stage, found.version, found.life.and_then(|l| l.draft))
}

fn input(value: Value) -> suppression::Input {
    serde_json::from_value(value).unwrap()
}

fn suppress(value: Value) -> Input {
    let mut all = json!({"do": "add", "reason": "known", "until": "7d"});
    all.as_object_mut()
        .unwrap()
        .extend(value.as_object().unwrap().clone());
    Input::Suppression(input(all))
}

fn added(decision: &Decision) -> SuppressionId {
    match decision.entries.as_slice() {
        [Entry::Suppression(suppression::Entry::Added { suppression, .. })] => *suppression,
        other => panic!("{other:?}"),
    }
}

fn only_alert(floor: &Floor) -> AlertId {
    let mut all = floor.state.alerts.iter();
    let one = all.next().unwrap().id;
    assert!(all.next().is_none());
    one
}

#[test]
fn a_rule_goes_from_draft_to_retired_and_keeps_its_history() {
    let mut floor = floor(|_| {});
    floor.tell(&analyst(), push("new", "v1")).unwrap();
    assert_eq!(stands(&floor, "new"), (Stage::Draft, 1, None));
    floor
        .tell(&analyst(), stage("new", Stage::Testing, None))
        .unwrap();
    floor
        .tell(&analyst(), stage("new", Stage::Enabled, None))
        .unwrap();
    assert_eq!(stands(&floor, "new"), (Stage::Enabled, 1, None));
    // A new text changes nothing until it is put in force.
    floor.tell(&analyst(), push("new", "v2")).unwrap();
    assert_eq!(stands(&floor, "new"), (Stage::Enabled, 1, Some(2)));
    floor
        .tell(&analyst(), stage("new", Stage::Enabled, None))
        .unwrap();
    assert_eq!(stands(&floor, "new"), (Stage::Enabled, 2, None));
    // Back to the first one; its text is kept once.
    floor
        .tell(&analyst(), stage("new", Stage::Enabled, Some(1)))
        .unwrap();
    let again = floor.tell(&analyst(), push("new", "v2")).unwrap();
    assert!(
        matches!(
            again.entries.as_slice(),
            [Entry::Rule(rule::Entry::Pushed {
                version: 3,
                text: None,
                ..
            })]
        ),
        "{again:?}"
    );
    assert_eq!(
        floor.state.rules.text_of(&id("new"), 3).map(|t| &**t),
        Some("v2")
    );
    floor
        .tell(&analyst(), stage("new", Stage::Retired, None))
        .unwrap();
    let life = floor.state.rules.life(&id("new")).unwrap();
    assert_eq!(life.history.len(), 8);
    assert_eq!(life.ran, [1, 2, 1]);
    assert!(
        life.history
            .iter()
            .all(|c| c.by == analyst() && c.reason == "a test" && c.hash.len() == 64)
    );
    floor.check_replay();
}

#[test]
fn a_rule_of_a_file_is_overridden_and_given_back() {
    let mut floor = floor(|_| {});
    floor.tell(&analyst(), push("one", "better")).unwrap();
    assert_eq!(stands(&floor, "one"), (Stage::Enabled, 0, Some(1)));
    floor
        .tell(&analyst(), stage("one", Stage::Enabled, None))
        .unwrap();
    assert_eq!(stands(&floor, "one"), (Stage::Enabled, 1, None));
    floor
        .tell(&analyst(), stage("one", Stage::Enabled, Some(0)))
        .unwrap();
    assert_eq!(stands(&floor, "one"), (Stage::Enabled, 0, None));
    floor.check_replay();
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut floor = floor(|_| {});
    let viewer = person("vic", &[Role::Viewer]);
    for (actor, input, part) in [
        (viewer, push("new", "x"), "needs the role"),
        (player(Role::Analyst), push("new", "x"), "exercise"),
        (Actor::System, push("new", "x"), "needs a person"),
        (analyst(), push("one", "one"), "nothing was changed"),
        (analyst(), push("one-part", "x"), "a part of the text"),
        (analyst(), push("new", "  "), "must not be empty"),
        (analyst(), stage("gone", Stage::Enabled, None), "no rule"),
        (analyst(), stage("one", Stage::Enabled, None), "already"),
        (analyst(), stage("one", Stage::Draft, None), "cannot become"),
        (
            analyst(),
            stage("one", Stage::Enabled, Some(9)),
            "no version",
        ),
        (analyst(), approve("one", "one"), "waits for approval"),
    ] {
        let said = floor.tell(&actor, input.clone()).unwrap_err().to_string();
        assert!(said.contains(part), "{input:?}: {said}");
    }
    assert!(floor.entries.is_empty());
}

#[test]
fn four_eyes_are_four() {
    let mut floor = four_eyes();
    let admin = person("ada", &[Role::Admin]);
    floor.tell(&analyst(), push("one", "v1")).unwrap();
    // Another person asks for what the first one wrote: neither may approve.
    floor
        .tell(&commander(), stage("one", Stage::Enabled, None))
        .unwrap();
    assert_eq!(
        stands(&floor, "one"),
        (Stage::Enabled, 0, Some(1)),
        "the last good text runs on"
    );
    assert!(
        floor
            .state
            .needs(floor.now)
            .iter()
            .any(|n| n.link == "/rules/one" && n.title.contains("to enabled"))
    );
    for actor in [analyst(), commander()] {
        assert!(matches!(
            floor.tell(&actor, approve("one", "v1")),
            Err(Refusal::SamePerson { .. })
        ));
    }
    for (actor, input) in [
        (Actor::System, approve("one", "v1")),
        (player(Role::Admin), approve("one", "v1")),
        (admin.clone(), approve("one", "another text")),
        (admin.clone(), stage("one", Stage::Retired, None)),
    ] {
        floor.tell(&actor, input).unwrap_err();
    }
    floor.tell(&admin, approve("one", "v1")).unwrap();
    assert_eq!(stands(&floor, "one"), (Stage::Enabled, 1, None));
    let life = floor.state.rules.life(&id("one")).unwrap();
    assert_eq!(
        life.history.last().unwrap().what,
        What::Staged {
            from: Stage::Enabled,
            to: Stage::Enabled,
            asked_by: Some(commander())
        }
    );
    // To take an enabled rule out of force needs two, as well; to test a draft does not.
    floor
        .tell(&analyst(), stage("one", Stage::Retired, None))
        .unwrap();
    assert_eq!(stands(&floor, "one").0, Stage::Enabled);
    let reject = Input::Rule(rule::Input::Reject {
        rule: id("one"),
        reason: "we need it".to_owned(),
    });
    floor.tell(&commander(), reject.clone()).unwrap();
    floor.tell(&commander(), reject).unwrap_err();
    floor.tell(&analyst(), push("new", "x")).unwrap();
    floor
        .tell(&analyst(), stage("new", Stage::Testing, None))
        .unwrap();
    assert_eq!(stands(&floor, "new").0, Stage::Testing);
    floor.check_replay();
}

#[test]
fn a_rule_in_testing_raises_nothing_and_is_counted() {
    let mut floor = floor(|_| {});
    let found: Vec<Finding> = (0..3).map(|n| hit("noisy", n, &[])).collect();
    let decision = floor.find(found.clone());
    assert!(decision.effects.is_empty());
    assert!(floor.state.alerts.iter().next().is_none());
    assert!(floor.state.incidents.iter().next().is_none());
    // Told again after a crash, nothing is counted twice.
    assert!(floor.find(found).entries.is_empty());
    let tally = tally(&floor.state);
    assert_eq!(tally[&id("noisy")].testing, 3);
    assert_eq!(tally[&id("noisy")].days.values().sum::<u64>(), 3);
    // A part of a text has the stage of its text.
    floor
        .tell(&analyst(), stage("one", Stage::Testing, None))
        .unwrap();
    let part = floor.find(vec![hit("one-part", 9, &[])]);
    assert!(
        matches!(
            part.entries.as_slice(),
            [Entry::Rule(rule::Entry::Held {
                because: Because::Stage {
                    stage: Stage::Testing
                },
                ..
            })]
        ),
        "{part:?}"
    );
    floor.check_replay();
}

#[test]
fn a_suppression_hides_records_counts_and_ends() {
    let mut floor = floor(|_| {});
    let decision = floor
        .tell(
            &analyst(),
            suppress(json!({"rules": ["one"], "when": {"user.name": "svc-*"}, "until": "1h", "tenant": "acme"})),
        )
        .unwrap();
    let suppression = added(&decision);
    floor.find(vec![
        hit("one", 1, &[("user.name", "svc-backup")]),
        hit("one-part", 2, &[("user.name", "SVC-2")]),
    ]);
    assert!(floor.state.alerts.iter().next().is_none());
    let found = floor.state.suppressions.get(suppression).unwrap();
    assert_eq!((found.hidden, found.last), (2, Some(at(2))));
    assert!(
        floor
            .state
            .rules
            .held()
            .all(|h| h.because == Because::Suppression { suppression })
    );
    // Another rule, another tenant, another user, an exercise: not hidden.
    let mark = finding(
        "one",
        6,
        Severity::High,
        &[],
        &[("user.name", "svc-1")],
        Some("inject-1"),
    );
    floor.find(vec![
        hit("other", 3, &[("user.name", "svc-1")]),
        hit("one", 4, &[("user.name", "svc-1"), ("tenant", "globex")]),
        hit("one", 5, &[("user.name", "kim")]),
        mark,
    ]);
    assert_eq!(floor.state.alerts.iter().count(), 4);
    // It ends by itself, by the time of the decision and of the event.
    floor.find(vec![hit("one", 61, &[("user.name", "svc-9")])]);
    assert_eq!(floor.state.suppressions.get(suppression).unwrap().hidden, 2);
    assert_eq!(
        floor
            .state
            .suppressions
            .get(suppression)
            .unwrap()
            .status(floor.now),
        "expired"
    );
    let mut late = hit("one", 30, &[("user.name", "svc-8")]);
    late.detected = at(70);
    floor.find(vec![late]);
    assert_eq!(floor.state.suppressions.get(suppression).unwrap().hidden, 2);
    floor.check_replay();
}

#[test]
fn a_suppression_by_family_and_one_that_is_ended() {
    let mut floor = floor(|_| {});
    let decision = floor
        .tell(
            &analyst(),
            suppress(json!({"family": "agent", "when": "source.ip|cidr: 10.0.0.0/8"})),
        )
        .unwrap();
    let hits = |minute| {
        vec![
            hit("one", minute, &[("source.ip", "10.1.2.3")]),
            hit("other", minute, &[("source.ip", "10.1.2.3")]),
            hit("one", minute, &[("source.ip", "192.0.2.1")]),
        ]
    };
    floor.find(hits(1));
    assert_eq!(floor.state.rules.held().count(), 1);
    floor
        .tell(
            &commander(),
            Input::Suppression(suppression::Input::End {
                suppression: added(&decision),
                reason: "not known at all".to_owned(),
            }),
        )
        .unwrap();
    floor.find(hits(2));
    assert_eq!(floor.state.rules.held().count(), 1);
    floor.check_replay();
}

#[test]
fn a_suppression_of_what_was_an_attack_is_refused_unless_forced() {
    let mut floor = floor(|_| {});
    floor.find(vec![
        hit("one", 1, &[("user.name", "kim")]),
        hit("other", 1, &[("user.name", "kim")]),
    ]);
    let alert = floor
        .state
        .alerts
        .iter()
        .find(|a| a.findings[0].rule.id == id("one"))
        .unwrap()
        .id;
    let when = json!({"rules": ["one"], "when": {"user.name": "kim"}});
    let spec = |selection: &str| suppression::Spec {
        rules: vec![id("one")],
        family: None,
        tenant: None,
        when: selection.parse::<Selection>().unwrap(),
        owner: "ana".parse().unwrap(),
        reason: "known".to_owned(),
        expires: at(100),
        alert: None,
        force: None,
    };
    let seen = suppression::preview(&floor.state, &spec("user.name: kim"), Timestamp::MIN);
    assert_eq!(
        (
            seen.findings,
            seen.alerts.len(),
            seen.whole.len(),
            seen.attacks.len()
        ),
        (1, 1, 1, 0)
    );
    floor
        .tell(
            &analyst(),
            Input::Alert(alert::Input::Close {
                alert,
                verdict: Verdict::TruePositive,
                reason: "it was".to_owned(),
            }),
        )
        .unwrap();
    let seen = suppression::preview(&floor.state, &spec("user.name: kim"), Timestamp::MIN);
    assert!(seen.attacks.contains(&alert));
    assert!(
        suppression::preview(&floor.state, &spec("user.name: kim"), at(2))
            .attacks
            .is_empty()
    );
    let said = floor
        .tell(&analyst(), suppress(when.clone()))
        .unwrap_err()
        .to_string();
    assert!(
        said.contains(&alert.to_string()) && said.contains("force"),
        "{said}"
    );
    let mut forced = when;
    forced["force"] = json!("the account is new since");
    floor.tell(&analyst(), suppress(forced)).unwrap();
    assert_eq!(
        tally(&floor.state)[&id("one")].verdicts[&Verdict::TruePositive],
        1
    );
    floor.check_replay();
}

#[test]
fn suppressions_are_bounded_and_need_two_where_configured() {
    let mut floor = four_eyes();
    let good = json!({"rules": ["one"], "when": {"user.name": "kim"}});
    for (change, part) in [
        (json!({"until": "91d"}), "at most 90 days"),
        (json!({"until": "2020-01-01"}), "over already"),
        (json!({"rules": []}), "name the rules"),
        (json!({"family": "agent"}), "name the rules"),
        (json!({"rules": ["nothing"]}), "no rule"),
        (json!({"rules": [], "family": "nothing"}), "no family"),
        (json!({"reason": " "}), "reason must not be empty"),
    ] {
        let mut value = good.clone();
        value
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let said = floor
            .tell(&analyst(), suppress(value))
            .unwrap_err()
            .to_string();
        assert!(said.contains(part), "{said}");
    }
    let suppression = added(&floor.tell(&analyst(), suppress(good)).unwrap());
    floor.find(vec![hit("one", 1, &[("user.name", "kim")])]);
    only_alert(&floor);
    let approve = Input::Suppression(suppression::Input::Approve { suppression });
    assert!(matches!(
        floor.tell(&analyst(), approve.clone()),
        Err(Refusal::SamePerson { .. })
    ));
    floor.tell(&Actor::System, approve.clone()).unwrap_err();
    assert!(
        floor
            .state
            .needs(floor.now)
            .iter()
            .any(|n| n.link.starts_with("/suppressions/"))
    );
    floor.tell(&commander(), approve).unwrap();
    floor.find(vec![hit("one", 2, &[("user.name", "kim")])]);
    assert_eq!(floor.state.suppressions.get(suppression).unwrap().hidden, 1);
    floor.now = at(2) + SignedDuration::from_hours(24 * 8);
    assert!(
        !floor
            .state
            .suppressions
            .get(suppression)
            .unwrap()
            .acts(floor.now)
    );
    floor.check_replay();
}

/// One line of each kind of entry for `golden.jsonl`: printed, never compared, for whoever adds one.
#[test]
fn a_golden_line_of_each_kind_can_be_made() {
    let mut floor = four_eyes();
    let admin = person("ada", &[Role::Admin]);
    floor.tell(&analyst(), push("one", "title: One")).unwrap();
    floor
        .tell(&commander(), stage("one", Stage::Enabled, None))
        .unwrap();
    floor.tell(&admin, approve("one", "title: One")).unwrap();
    floor
        .tell(&commander(), stage("one", Stage::Retired, None))
        .unwrap();
    floor
        .tell(
            &admin,
            Input::Rule(rule::Input::Reject {
                rule: id("one"),
                reason: "no".to_owned(),
            }),
        )
        .unwrap();
    floor.find(vec![hit("noisy", 1, &[])]);
    let when = json!({"rules": ["one"], "when": {"source.ip|cidr": ["10.0.0.0/8"]}});
    let first = added(&floor.tell(&analyst(), suppress(when.clone())).unwrap());
    floor
        .tell(
            &admin,
            Input::Suppression(suppression::Input::Approve { suppression: first }),
        )
        .unwrap();
    floor
        .tell(
            &admin,
            Input::Suppression(suppression::Input::End {
                suppression: first,
                reason: "done".to_owned(),
            }),
        )
        .unwrap();
    let second = added(&floor.tell(&analyst(), suppress(when)).unwrap());
    floor
        .tell(
            &admin,
            Input::Suppression(suppression::Input::Reject {
                suppression: second,
                reason: "no".to_owned(),
            }),
        )
        .unwrap();
    let lines: Vec<String> = floor
        .entries
        .iter()
        .map(|(e, _)| serde_json::to_string(e).unwrap())
        .collect();
    if let Some(path) = std::env::var_os("WATCHFLOOR_GOLDEN") {
        std::fs::write(path, lines.join("\n") + "\n").unwrap();
    }
    assert_eq!(lines.len(), 11);
    floor.check_replay();
}
