//! Dates that pass, delays that an authority allows, incidents that become one.

use watchfloor_respond::{
    Input, NeedKind, Refusal, incident,
    obligation::{self, Answer, ClockStatus, Reading, clocks},
};
use watchfloor_types::{ObligationId, Role, Severity};

use crate::{
    flagship::telemetry,
    floor::{Floor, at, finding, person},
    lantern::{AWARE, check_replay, clock, determine, file, floor, moment, people},
};

#[test]
fn dates_that_pass_are_recorded_once_and_late_filings_give_a_reason() {
    let mut floor = floor();
    let [privacy, legal, ..] = people();
    floor.find(telemetry().drain(..3).collect());
    determine(
        &mut floor,
        &privacy,
        90,
        "gdpr.personal-data-breach",
        Answer::Yes,
    )
    .unwrap();
    determine(&mut floor, &privacy, 90, "gdpr.risk-likely", Answer::Yes).unwrap();
    let missed = |floor: &Floor| -> Vec<Reading> {
        let stage: ObligationId = "gdpr-72h".parse().unwrap();
        let track = floor
            .state
            .obligations
            .track(floor.incident().id, &stage)
            .unwrap();
        track.missed.clone()
    };
    let three_days = 3 * 24 * 60;
    floor.tick(three_days + 9);
    assert!(missed(&floor).is_empty());
    floor.tick(three_days + 10);
    floor.tick(three_days + 11);
    assert_eq!(missed(&floor), [Reading::Safe]);
    assert!(matches!(
        clock(&floor, "gdpr-72h").status,
        ClockStatus::PastSafe { .. }
    ));
    floor.tick(three_days + 61);
    floor.tick(three_days + 62);
    assert_eq!(missed(&floor), [Reading::Safe, Reading::Outer]);
    assert!(matches!(
        clock(&floor, "gdpr-72h").status,
        ClockStatus::Missed { .. }
    ));
    assert!(
        floor
            .state
            .needs(floor.now)
            .iter()
            .any(|n| n.kind == NeedKind::Filing)
    );
    assert!(matches!(
        file(&mut floor, &privacy, three_days + 70, "gdpr-72h", None),
        Err(Refusal::Invalid(_))
    ));
    let incident = floor.incident().id;
    let late = Input::Obligation(obligation::Input::File {
        incident,
        stage: "gdpr-72h".parse().unwrap(),
        submitted: None,
        reference: "DPC-1".to_owned(),
        draft: None,
        note: "the portal was down".to_owned(),
    });
    floor.tell(&privacy, late).unwrap();
    assert!(matches!(
        clock(&floor, "gdpr-72h").status,
        ClockStatus::Late { .. }
    ));

    // A delay that no rule allows is refused, one that a rule allows holds.
    let hold = |stage: &str| {
        Input::Obligation(obligation::Input::Hold {
            incident,
            stage: stage.parse().unwrap(),
            authority: "Attorney General".to_owned(),
            basis: "Item 1.05(c), letter of today".to_owned(),
            until: at(60 * 24 * 60),
        })
    };
    determine(
        &mut floor,
        &legal,
        three_days + 80,
        "sec.material",
        Answer::Yes,
    )
    .unwrap();
    assert!(matches!(
        floor.tell(&legal, hold("gdpr-72h")),
        Err(Refusal::Conflict(_))
    ));
    assert!(matches!(
        floor.tell(&privacy, hold("sec-4bd")),
        Err(Refusal::NotAllowed { .. })
    ));
    floor.tell(&legal, hold("sec-4bd")).unwrap();
    let sec = clock(&floor, "sec-4bd");
    assert!(matches!(sec.status, ClockStatus::Held { .. }));
    assert_eq!(sec.safe, Some(at(60 * 24 * 60)));
    let end = obligation::Input::EndHold {
        incident,
        stage: "sec-4bd".parse().unwrap(),
        reason: "withdrawn".to_owned(),
    };
    floor.tell(&legal, Input::Obligation(end)).unwrap();
    assert_eq!(clock(&floor, "sec-4bd").status, ClockStatus::Running);
    check_replay(&floor);
}

#[test]
fn what_was_decided_and_filed_follows_a_merge() {
    let mut floor = floor();
    let one = finding(
        "Bulk personal data sent by agent tool",
        9,
        Severity::Critical,
        &["AML.T0086"],
        &[
            ("gen_ai.agent.name", "a"),
            ("ai.data.classes", "email"),
            ("ai.data.rows", "12"),
        ],
        None,
    );
    let other = finding(
        "Else",
        11,
        Severity::High,
        &[],
        &[("gen_ai.agent.name", "b")],
        None,
    );
    floor.find(vec![one, other]);
    let mut both: Vec<_> = floor.state.incidents.iter().collect();
    both.sort_by_key(|incident| incident.title == "Else");
    let ids: Vec<_> = both.iter().map(|incident| incident.id).collect();
    assert_eq!(ids.len(), 2);
    let privacy = person("petra", &[Role::Privacy]);
    floor.now = at(20);
    for question in ["gdpr.personal-data-breach", "gdpr.risk-likely"] {
        floor
            .tell(
                &privacy,
                Input::Obligation(obligation::Input::Determine {
                    incident: ids[0],
                    question: question.parse().unwrap(),
                    answer: Answer::Yes,
                    effective: None,
                    facts: Vec::new(),
                    rationale: "rows left".to_owned(),
                }),
            )
            .unwrap();
    }
    floor.now = at(30);
    let merge = incident::Input::Merge {
        from: ids[0],
        into: ids[1],
        reason: "one and the same".to_owned(),
    };
    floor
        .tell(&crate::floor::commander(), Input::Incident(merge))
        .unwrap();
    assert!(clocks(&floor.state, ids[0], floor.now).is_empty());
    let view = clocks(&floor.state, ids[1], floor.now)
        .into_iter()
        .find(|v| v.stage.as_str() == "gdpr-72h")
        .unwrap();
    assert_eq!(view.status, ClockStatus::Running);
    assert_eq!(view.from, Some(moment(AWARE)));
    assert_eq!(floor.state.comms.of(ids[0]).count(), 0);
    assert!(floor.state.comms.of(ids[1]).count() >= 3);
    check_replay(&floor);
}
