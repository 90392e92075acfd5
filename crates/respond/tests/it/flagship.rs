//! The eight telemetry injects of *Paper Lantern* and what people do with what comes of them.

use watchfloor_respond::{
    Input, Refusal,
    alert::{self, Status, Verdict},
    incident::{self, FactValue, IncidentRole, Known, fact_name},
};
use watchfloor_types::{Actor, Finding, Role, Severity, SignedDuration};

use crate::floor::{Floor, analyst, at, commander, exercise, finding, person, player};

/// What the rules find for the injects, with the entities that the sources name.
pub(crate) fn telemetry() -> Vec<Finding> {
    use Severity::{Critical, High, Medium};
    let agent = ("gen_ai.agent.name", "support-agent");
    let session = ("session.id", "s-4711");
    let hash = ("ai.instruction.hash", "9f86d081884c7d65");
    vec![
        finding(
            "Indirect prompt injection",
            2,
            High,
            &["AML.T0093", "AML.T0051.001"],
            &[agent, session, hash],
            Some("2"),
        ),
        finding(
            "Tool call outside declared task",
            6,
            High,
            &["AML.T0053", "AML.T0085.001"],
            &[agent, session],
            Some("3"),
        ),
        finding(
            "Bulk personal data sent by agent tool",
            9,
            Critical,
            &["AML.T0086", "AML.T0025"],
            &[
                ("ai.principal.id", "support-agent"),
                ("ai.data.classes", "email"),
                ("ai.data.rows", "4812"),
                ("destination.domain", "drop.example"),
            ],
            Some("4"),
        ),
        finding(
            "Instruction written to memory",
            14,
            Medium,
            &["AML.T0080.000", "AML.T0070"],
            &[hash, ("ai.memory.collection", "shared")],
            Some("5"),
        ),
        finding(
            "Secret read by agent runtime",
            20,
            High,
            &["AML.T0083", "AML.T0098"],
            &[agent, ("host.name", "agent-07"), ("ai.key.id", "AKIA0TEST")],
            Some("6"),
        ),
        finding(
            "Model invocation from new network",
            27,
            High,
            &["AML.T0012", "AML.T0034.000"],
            &[
                ("ai.key.id", "AKIA0TEST"),
                ("ai.principal.id", "AKIA0TEST"),
                ("source.ip", "198.51.100.7"),
            ],
            Some("7"),
        ),
        finding(
            "Same instruction hash in two tenants",
            60,
            High,
            &["AML.T0080.000", "AML.T0048.003"],
            &[("tenant", "globex"), hash, ("gen_ai.agent.name", "helper")],
            Some("10"),
        ),
        finding(
            "Variant of known injection",
            23 * 60 + 40,
            High,
            &["AML.T0051.001", "AML.T0068"],
            &[agent, ("session.id", "s-5000")],
            Some("17"),
        ),
    ]
}

#[test]
fn the_injects_become_one_incident_and_each_join_says_why() {
    let mut floor = Floor::new();
    for finding in telemetry() {
        floor.find(vec![finding]);
    }
    let incident = floor.incident();
    assert_eq!(incident.name, "INC-2027-0001");
    assert_eq!(incident.exercise, Some(exercise()));
    assert_eq!(incident.findings.len(), 8);
    assert_eq!(incident.severity, Severity::Critical);
    let reasons: Vec<&str> = incident.members.iter().map(|m| m.reason.as_str()).collect();
    insta::assert_json_snapshot!("reasons", reasons);
    let facts: Vec<String> = incident
        .facts
        .current()
        .map(|fact| format!("{} = {}", fact.name, fact.value))
        .collect();
    insta::assert_json_snapshot!("facts", facts);
    let groups: Vec<String> = floor
        .state
        .alerts
        .iter()
        .map(|a| a.grouping.to_string())
        .collect();
    insta::assert_json_snapshot!("groups", groups);
    floor.check_replay();
}

#[test]
fn one_batch_is_the_same_as_one_by_one() {
    let mut floor = Floor::new();
    floor.find(telemetry());
    assert_eq!(floor.incident().findings.len(), 8);
    assert_eq!(floor.state.runs.iter().count(), 1);
    floor.check_replay();
}

#[test]
fn a_repeated_finding_changes_nothing() {
    let mut floor = Floor::new();
    floor.find(telemetry());
    let before = floor.entries.len();
    let again: Vec<Finding> = telemetry().into_iter().chain(telemetry()).collect();
    assert!(floor.find(again).entries.is_empty());
    assert_eq!(floor.entries.len(), before);
}

#[test]
fn what_is_real_never_hides_behind_an_exercise() {
    let mut floor = Floor::new();
    let mut all = telemetry();
    // The same technique by another identity, and even by the same one, without the mark.
    let agent = ("gen_ai.agent.name", "billing-agent");
    let real = finding(
        "Indirect prompt injection",
        7,
        Severity::High,
        &["AML.T0093"],
        &[agent],
        None,
    );
    let twin = finding(
        "Tool call outside declared task",
        8,
        Severity::High,
        &["AML.T0053"],
        &[
            ("gen_ai.agent.name", "support-agent"),
            ("session.id", "s-4711"),
        ],
        None,
    );
    all.insert(2, real.clone());
    all.insert(3, twin.clone());
    floor.find(all);
    let of = |finding: &Finding| {
        let alert = floor.state.alerts.of_finding(finding.id).unwrap();
        floor.state.incidents.of_alert(alert).unwrap()
    };
    assert_eq!(floor.state.incidents.iter().count(), 3);
    for finding in [&real, &twin] {
        let incident = of(finding);
        assert_eq!(incident.exercise, None);
        assert_eq!(incident.findings, [finding.id]);
        let pages: Vec<_> = floor.state.oncall.of_incident(incident.id).collect();
        assert!(pages.len() == 1 && pages[0].is_ringing());
        let message = &pages[0].messages[0].effect;
        assert!(!message.rehearsal, "a real page has to be sent");
    }
    let marked = floor
        .state
        .incidents
        .iter()
        .find(|i| i.exercise.is_some())
        .unwrap();
    assert_eq!(marked.findings.len(), 8);
    for effect in &floor.effects {
        let exercise = floor
            .state
            .incidents
            .get(effect.incident.unwrap())
            .unwrap()
            .exercise;
        assert_eq!(effect.rehearsal, exercise.is_some(), "{effect:?}");
    }
}

#[test]
fn low_alerts_make_an_incident_only_together() {
    let mut floor = Floor::new();
    let low = |title: &str, minute, agent: &str| {
        finding(
            title,
            minute,
            Severity::Low,
            &[],
            &[("gen_ai.agent.id", agent)],
            None,
        )
    };
    floor.find(vec![
        low("One", 0, "a"),
        low("Two", 1, "b"),
        low("Three", 2, "unknown"),
        low("Four", 3, "unknown"),
    ]);
    assert_eq!(
        floor.state.incidents.iter().count(),
        0,
        "placeholders join nothing"
    );
    floor.find(vec![low("Five", 4, "a")]);
    assert_eq!(floor.incident().members.len(), 2);
    assert_eq!(
        floor.incident().reason,
        "two related alerts: shares agent or principal `a`"
    );
    // Too long after, it is another story.
    let week = SignedDuration::from_hours(24 * 8).as_mins();
    floor.find(vec![low("Six", week, "a")]);
    assert_eq!(floor.incident().members.len(), 2);
}

#[test]
fn awareness_is_proposed_by_a_finding_and_said_by_a_person() {
    let mut floor = Floor::new();
    floor.find(telemetry());
    let id = floor.incident().id;
    let candidate = floor.incident().facts.time(fact_name::AWARE_CANDIDATE_AT);
    assert_eq!(
        candidate,
        Known::Value(at(9) + SignedDuration::from_secs(1))
    );
    assert_eq!(
        floor.incident().facts.time(fact_name::AWARE_AT),
        Known::Unknown
    );
    let aware = Input::Incident(incident::Input::RecordFact {
        incident: id,
        name: fact_name::AWARE_AT.parse().unwrap(),
        value: FactValue::Time(at(9)),
        known_at: None,
        events: Vec::new(),
        finding: None,
        note: "mail gateway shows the rows".to_owned(),
    });
    assert!(matches!(
        floor.tell(&player(Role::Analyst), aware.clone()),
        Err(Refusal::NotAllowed { .. })
    ));
    assert!(matches!(
        floor.tell(&Actor::System, aware.clone()),
        Err(Refusal::NeedsPerson { .. })
    ));
    floor.tell(&player(Role::Privacy), aware).unwrap();
    assert_eq!(
        floor.incident().facts.time(fact_name::AWARE_AT),
        Known::Value(at(9))
    );
    floor.check_replay();
}

#[test]
fn a_player_reaches_nothing_real() {
    let mut floor = Floor::new();
    floor.find(vec![finding(
        "One",
        0,
        Severity::High,
        &[],
        &[("gen_ai.agent.id", "a")],
        None,
    )]);
    let alert = floor.state.alerts.iter().next().unwrap().id;
    let refused = floor.tell(
        &player(Role::Commander),
        Input::Alert(alert::Input::Acknowledge { alert }),
    );
    assert!(matches!(refused, Err(Refusal::PlayerOutside { .. })));
}

#[test]
fn alerts_are_worked() {
    let mut floor = Floor::new();
    let one = |minute| {
        finding(
            "One",
            minute,
            Severity::Medium,
            &[],
            &[("gen_ai.agent.id", "a")],
            None,
        )
    };
    let other = |minute| {
        finding(
            "Other",
            minute,
            Severity::Medium,
            &["T1566.001"],
            &[("host.name", "h")],
            None,
        )
    };
    floor.find(vec![one(0), one(1), one(2), other(3)]);
    let ids: Vec<_> = floor.state.alerts.iter().map(|a| a.id).collect();
    let [first, second] = ids[..] else {
        panic!("{ids:?}")
    };
    let tell = |floor: &mut Floor, input| floor.tell(&analyst(), Input::Alert(input));

    tell(&mut floor, alert::Input::Acknowledge { alert: first }).unwrap();
    let refused = tell(&mut floor, alert::Input::Acknowledge { alert: first }).unwrap_err();
    assert_eq!(refused.to_string(), "ana already looks at this alert");
    tell(
        &mut floor,
        alert::Input::Close {
            alert: first,
            verdict: Verdict::Benign,
            reason: "a test".into(),
        },
    )
    .unwrap();
    let refused = tell(
        &mut floor,
        alert::Input::Close {
            alert: first,
            verdict: Verdict::Benign,
            reason: "x".into(),
        },
    );
    assert!(matches!(refused, Err(Refusal::Conflict(_))));
    // A new finding of a closed alert is a new alert.
    floor.find(vec![one(4)]);
    assert_eq!(floor.state.alerts.iter().count(), 3);
    tell(
        &mut floor,
        alert::Input::Reopen {
            alert: first,
            reason: "it came again".into(),
        },
    )
    .unwrap();

    let leaving: Vec<_> = floor
        .state
        .alerts
        .get(first)
        .unwrap()
        .findings
        .iter()
        .map(|f| f.id)
        .collect();
    let all = alert::Input::Split {
        alert: first,
        findings: leaving.clone(),
        reason: "x".into(),
    };
    assert!(matches!(tell(&mut floor, all), Err(Refusal::Invalid(_))));
    let split = alert::Input::Split {
        alert: first,
        findings: leaving[..1].to_vec(),
        reason: "another job".into(),
    };
    tell(&mut floor, split).unwrap();
    let kept = floor.state.alerts.get(first).unwrap();
    assert_eq!((kept.findings.len(), kept.first_seen), (2, at(1)));
    let born = floor.state.alerts.of_finding(leaving[0]).unwrap();
    assert_eq!(floor.state.alerts.get(born).unwrap().first_seen, at(0));

    tell(
        &mut floor,
        alert::Input::Merge {
            from: born,
            into: second,
            reason: "one campaign".into(),
        },
    )
    .unwrap();
    assert_eq!(floor.state.alerts.get(second).unwrap().findings.len(), 2);
    assert_eq!(
        floor.state.alerts.get(born).unwrap().status,
        Status::Merged { into: second }
    );
    assert_eq!(floor.state.alerts.of_finding(leaving[0]), Some(second));
    let nobody = person("vera", &[Role::Viewer]);
    let refused = floor.tell(
        &nobody,
        Input::Alert(alert::Input::Comment {
            alert: second,
            text: "hm".into(),
        }),
    );
    assert!(matches!(refused, Err(Refusal::NotAllowed { .. })));
    floor.check_replay();
}

#[test]
fn incidents_are_led_merged_and_closed() {
    let mut floor = Floor::new();
    let high = |title: &str, agent: &str| {
        finding(
            title,
            0,
            Severity::High,
            &[],
            &[("gen_ai.agent.id", agent)],
            None,
        )
    };
    floor.find(vec![high("One", "a"), high("Two", "b")]);
    let ids: Vec<_> = floor.state.incidents.iter().map(|i| i.id).collect();
    let [first, second] = ids[..] else {
        panic!("{ids:?}")
    };
    let tell = |floor: &mut Floor, input| floor.tell(&commander(), Input::Incident(input));

    let lead = incident::Input::SetRole {
        incident: first,
        role: IncidentRole::Commander,
        user: Some("carl".parse().unwrap()),
    };
    tell(&mut floor, lead).unwrap();
    assert_eq!(
        floor.state.incidents.get(first).unwrap().status,
        incident::Status::InProgress
    );
    tell(
        &mut floor,
        incident::Input::Merge {
            from: second,
            into: first,
            reason: "one actor".into(),
        },
    )
    .unwrap();
    let merged = floor.state.incidents.get(first).unwrap();
    assert_eq!((merged.members.len(), merged.findings.len()), (2, 2));
    assert_eq!(floor.state.incidents.current(second).unwrap().id, first);
    assert!(matches!(
        tell(
            &mut floor,
            incident::Input::Note {
                incident: second,
                text: "hm".into()
            }
        ),
        Err(Refusal::Conflict(_))
    ));
    // What is related to the one that ended joins the one that took over.
    floor.find(vec![finding(
        "Three",
        5,
        Severity::Low,
        &[],
        &[("gen_ai.agent.id", "b")],
        None,
    )]);
    assert_eq!(floor.state.incidents.get(first).unwrap().members.len(), 3);

    let close = |reason: &str| incident::Input::SetStatus {
        incident: first,
        status: incident::Status::Closed,
        reason: reason.into(),
    };
    assert!(matches!(
        tell(&mut floor, close(" ")),
        Err(Refusal::Invalid(_))
    ));
    let running = tell(&mut floor, close("contained"))
        .unwrap_err()
        .to_string();
    assert!(running.contains("has not ended"), "{running}");
    floor.check_replay();
}
