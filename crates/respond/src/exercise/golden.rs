//! The JSON form of every entry: a promise to journals already written.

use jiff::SignedDuration;
use uuid::Uuid;
use watchfloor_types::{
    ActionItemId, Actor, AlertId, EventId, ExerciseId, FindingId, InjectId, Role,
};

use super::{tests::at, *};

fn inject() -> InjectId {
    "i02".parse().unwrap()
}

fn all() -> Vec<Entry> {
    let id = Uuid::from_u128;
    let exercise = ExerciseId::from_uuid(id(1));
    let by = || Actor::Person {
        user: "noor.control".parse().unwrap(),
        roles: vec![Role::ExerciseControl],
    };
    let now = at("2027-03-02T08:02:00Z");
    let proof = Proof {
        planned: 2,
        sent: 2,
        received: 2,
        parsed: 1,
        rules_expected: 1,
        rules_evaluated: 1,
    };
    let (finding, alert) = (FindingId::from_uuid(id(2)), AlertId::from_uuid(id(3)));
    let delay = SignedDuration::from_millis(412);
    let judged = |verdict| Entry::Judged {
        exercise,
        inject: inject(),
        verdict,
    };
    vec![
        Entry::Started {
            exercise,
            plan: "paper-lantern".parse().unwrap(),
            text: "id: paper-lantern".to_owned(),
            anchor: now,
            pace: Pace::Stepped,
            speed: 1,
            players: Players::Script,
            tenant: "lumen-paper".parse().unwrap(),
            by: Actor::System,
        },
        Entry::Paused {
            exercise,
            reason: "a real alert".to_owned(),
            by: by(),
        },
        Entry::Resumed { exercise, by: by() },
        Entry::InjectDelivered {
            exercise,
            inject: inject(),
            due: now,
            scenario: now,
        },
        Entry::Emit {
            exercise,
            inject: inject(),
            part: 0,
            source: "helpdesk".parse().unwrap(),
            tenant: "lumen-paper".parse().unwrap(),
            records: vec!["{}".to_owned()],
        },
        Entry::Emitted(Receipt {
            exercise,
            inject: inject(),
            part: 0,
            sent: 1,
            received: 1,
            events: vec![EventId::from_uuid(id(4))],
            dead: 0,
            accepted_at: Some(now),
            problem: None,
        }),
        Entry::Evaluated {
            exercise,
            inject: inject(),
            rules: vec!["d8f56de5-f35b-4e2e-a02c-1e109c455a03".parse().unwrap()],
        },
        judged(Verdict::Detected {
            finding,
            alert,
            delay,
        }),
        judged(Verdict::Late {
            finding,
            alert,
            delay,
        }),
        judged(Verdict::Missed { proof }),
        judged(Verdict::Inconclusive {
            proof,
            reason: "1 of 2 records became events".to_owned(),
        }),
        judged(Verdict::Quiet { proof }),
        judged(Verdict::FalseAlarm {
            finding,
            alert,
            rule: "d8f56de5-f35b-4e2e-a02c-1e109c455a03".parse().unwrap(),
        }),
        Entry::Met {
            exercise,
            inject: inject(),
            expectation: "opened".to_owned(),
            after: SignedDuration::from_secs(125),
            shown_by: Shown {
                entry: "alert/acknowledged".to_owned(),
                ids: vec![("alert".to_owned(), alert.to_string())],
                by: Some("ines.analyst".parse().unwrap()),
            },
        },
        Entry::PlayerActed {
            exercise,
            act: "p01".to_owned(),
            refused: Some("no".to_owned()),
        },
        Entry::Read {
            exercise,
            inject: inject(),
            by: by(),
        },
        Entry::Answered {
            exercise,
            inject: inject(),
            text: "yes".to_owned(),
            by: by(),
        },
        Entry::HintGiven {
            exercise,
            inject: inject(),
            by: by(),
        },
        Entry::Assessed {
            exercise,
            inject: inject(),
            expectation: "opened".to_owned(),
            rating: Rating::NotMet,
            note: "nobody looked".to_owned(),
            by: by(),
        },
        Entry::LessonNoted {
            exercise,
            kind: LessonKind::Strength,
            text: "calm".to_owned(),
            by: by(),
        },
        Entry::ItemCreated {
            exercise,
            item: ActionItemId::from_uuid(id(5)),
            title: "be faster".to_owned(),
            owner: "ines.analyst".parse().unwrap(),
            due: now,
            inject: Some(inject()),
            by: Actor::System,
        },
        Entry::Stopped {
            exercise,
            reason: "a real fire".to_owned(),
            by: by(),
        },
        Entry::Ended { exercise },
    ]
}

#[test]
fn entries_read_and_write_as_they_always_did() {
    let written: Vec<String> = all()
        .into_iter()
        .map(|entry| serde_json::to_string(&crate::Entry::Exercise(entry)).unwrap())
        .collect();
    insta::assert_snapshot!(written.join("\n"));
    for (line, entry) in written.iter().zip(all()) {
        let read: crate::Entry = serde_json::from_str(line).unwrap();
        assert_eq!(read, crate::Entry::Exercise(entry), "{line}");
    }
}
