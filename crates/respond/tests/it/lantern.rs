//! The decisions of *Paper Lantern*: three clocks from first awareness, three drafts, filings.

use std::sync::Arc;

use watchfloor_respond::{
    Content, Entry, Input, NeedKind, Refusal, State,
    comms::{self, Audience, Draft},
    incident::{self, FactValue, TimelineKind},
    obligation::{self, Answer, ClockStatus, ClockView, Phase, clocks},
};
use watchfloor_types::{Actor, ObligationId, Role, SignedDuration, Timestamp};

use crate::{
    flagship::telemetry,
    floor::{Floor, at, player},
};

/// When the first finding shows that personal data left.
pub(crate) const AWARE: &str = "2027-03-02T08:09:01Z";

pub(crate) fn with_obligations() -> Arc<Content> {
    macro_rules! files {
        ($($path:literal),* $(,)?) => {
            [$((concat!("content/", $path).to_owned(),
                include_str!(concat!("../../../../content/", $path)).to_owned())),*]
        };
    }
    let (library, said) = obligation::load(&files![
        "obligations/calendars/ie.yml",
        "obligations/calendars/us-federal.yml",
        "obligations/gdpr/regime.yml",
        "obligations/nis2/regime.yml",
        "obligations/sec/regime.yml",
    ]);
    assert!(said.is_empty(), "{said:#?}");
    let (templates, said) = comms::load(&files![
        "templates/customer-notice/template.yml",
        "templates/executive-brief/template.yml",
        "templates/press-line/template.yml",
        "templates/regulator-notification/template.yml",
    ]);
    assert!(said.is_empty(), "{said:#?}");
    let (profile, said) = obligation::load_profile(
        "profile.yml",
        include_str!("../../../../content/obligations/profile.yml"),
    );
    assert!(said.is_empty(), "{said:#?}");
    Arc::new(Content {
        regimes: library.regimes,
        calendars: library.calendars,
        profile: profile.unwrap(),
        templates,
        ..Content::default()
    })
}

pub(crate) fn floor() -> Floor {
    let mut floor = Floor::new();
    floor.state = State::new(with_obligations());
    floor
}

pub(crate) fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn clock(floor: &Floor, stage: &str) -> ClockView {
    let id = floor.incident().id;
    clocks(&floor.state, id, floor.now)
        .into_iter()
        .find(|view| view.stage.as_str() == stage)
        .unwrap()
}

pub(crate) fn determine(
    floor: &mut Floor,
    actor: &Actor,
    minute: i64,
    question: &str,
    answer: Answer,
) -> Result<(), Refusal> {
    floor.now = at(minute);
    let incident = floor.incident().id;
    floor
        .tell(
            actor,
            Input::Obligation(obligation::Input::Determine {
                incident,
                question: question.parse().unwrap(),
                answer,
                effective: None,
                facts: vec!["data.rows_seen".parse().unwrap()],
                rationale: "the gateway shows 4,812 customer rows".to_owned(),
            }),
        )
        .map(drop)
}

pub(crate) fn file(
    floor: &mut Floor,
    actor: &Actor,
    minute: i64,
    stage: &str,
    draft: Option<&Draft>,
) -> Result<(), Refusal> {
    floor.now = at(minute);
    let incident = floor.incident().id;
    floor
        .tell(
            actor,
            Input::Obligation(obligation::Input::File {
                incident,
                stage: stage.parse().unwrap(),
                submitted: None,
                reference: format!("{stage}-0042"),
                draft: draft.map(|draft| draft.id),
                note: String::new(),
            }),
        )
        .map(drop)
}

pub(crate) fn draft(floor: &Floor, audience: Audience) -> Draft {
    floor
        .state
        .comms
        .iter()
        .find(|draft| draft.audience == audience)
        .unwrap()
        .clone()
}

pub(crate) fn say(floor: &mut Floor, actor: &Actor, input: comms::Input) -> Result<(), Refusal> {
    floor.tell(actor, Input::Comms(input)).map(drop)
}

pub(crate) fn fact(floor: &mut Floor, name: &str, value: FactValue) {
    let incident = floor.incident().id;
    floor
        .tell(
            &player(Role::Privacy),
            Input::Incident(incident::Input::RecordFact {
                incident,
                name: name.parse().unwrap(),
                value,
                known_at: None,
                events: Vec::new(),
                finding: None,
                note: String::new(),
            }),
        )
        .unwrap();
}

/// The state rebuilt from the JSON of the journal equals the state that deciding built.
pub(crate) fn check_replay(floor: &Floor) {
    let mut state = State::new(with_obligations());
    for (entry, at) in &floor.entries {
        let text = serde_json::to_string(entry).unwrap();
        state.apply(&serde_json::from_str::<Entry>(&text).unwrap(), *at);
    }
    assert_eq!(state.obligations, floor.state.obligations);
    assert_eq!(state.comms, floor.state.comms);
    assert_eq!(state.incidents, floor.state.incidents);
}

pub(crate) fn journal(floor: &Floor) -> Vec<String> {
    floor
        .entries
        .iter()
        .filter_map(|(entry, _)| match entry {
            Entry::Obligation(entry) => {
                let json = serde_json::to_value(entry).unwrap();
                let stage = json["stage"]
                    .as_str()
                    .or(json["determination"]["question"].as_str());
                Some(format!(
                    "{} {}",
                    json["type"].as_str().unwrap(),
                    stage.unwrap_or_default()
                ))
            }
            _ => None,
        })
        .collect()
}

pub(crate) fn people() -> [Actor; 4] {
    let as_player = |user: &str, role| Actor::Player {
        user: user.parse().unwrap(),
        roles: vec![role],
    };
    [
        as_player("petra", Role::Privacy),
        as_player("lee", Role::Legal),
        as_player("cleo", Role::Comms),
        as_player("ed", Role::Executive),
    ]
}

#[test]
fn three_clocks_count_from_what_starts_them_and_filings_meet_them() {
    let mut floor = floor();
    let [privacy, legal, comms_lead, executive] = people();
    let mut findings = telemetry();
    let later = findings.split_off(3);

    // Before the third inject nothing suggests personal data; that is not "no obligation".
    floor.find(findings.drain(..2).collect());
    for view in clocks(&floor.state, floor.incident().id, floor.now) {
        match view.stage.as_str() {
            "nis2-after-handling"
            | "gdpr-72h"
            | "gdpr-34"
            | "nis2-24h"
            | "nis2-72h"
            | "nis2-final"
            | "sec-4bd"
            | "sec-amendment" => {
                assert_eq!(view.status, ClockStatus::Unknown, "{}", view.stage);
                assert!(!view.missing.is_empty(), "{}", view.stage);
            }
            other => panic!("{other}"),
        }
    }
    assert!(journal(&floor).is_empty());

    // 08:09: a candidate, with the dates that hold if somebody confirms. SEC stays silent.
    floor.find(findings);
    let gdpr = clock(&floor, "gdpr-72h");
    assert_eq!(gdpr.status, ClockStatus::Candidate);
    assert_eq!(gdpr.from, Some(moment(AWARE)));
    assert_eq!(gdpr.safe, Some(moment("2027-03-05T08:09:01Z")));
    assert_eq!(gdpr.outer, Some(moment("2027-03-05T09:00:00Z")));
    assert_eq!(clock(&floor, "sec-4bd").status, ClockStatus::Unknown);
    assert_eq!(
        journal(&floor),
        [
            "clock-opened nis2-24h",
            "clock-opened gdpr-72h",
            "clock-opened nis2-72h"
        ]
    );
    let needs = floor.state.needs(floor.now);
    let ask: Vec<_> = needs
        .iter()
        .filter(|n| n.kind == NeedKind::Decision)
        .collect();
    assert!(
        ask.iter()
            .any(|n| n.due == gdpr.safe && n.roles == [Role::Privacy, Role::Legal])
    );
    assert!(
        ask.iter()
            .any(|n| n.title.contains("material") && n.due.is_none())
    );
    for found in later {
        floor.find(vec![found]);
        if floor.now > at(60) {
            break;
        }
    }

    // Only the right people determine, and no machine does.
    for wrong in [
        &comms_lead,
        &player(Role::Analyst),
        &player(Role::Commander),
    ] {
        let refused = determine(
            &mut floor,
            wrong,
            89,
            "gdpr.personal-data-breach",
            Answer::Yes,
        );
        assert!(
            matches!(refused, Err(Refusal::NotAllowed { .. })),
            "{refused:?}"
        );
    }
    let refused = determine(&mut floor, &Actor::System, 89, "sec.material", Answer::Yes);
    assert!(matches!(refused, Err(Refusal::NeedsPerson { .. })));

    // 09:30: the decision. The clock counts from 08:09, not from now.
    determine(
        &mut floor,
        &privacy,
        90,
        "gdpr.personal-data-breach",
        Answer::Yes,
    )
    .unwrap();
    assert_eq!(clock(&floor, "gdpr-72h").status, ClockStatus::Candidate);
    determine(&mut floor, &privacy, 90, "gdpr.risk-likely", Answer::Yes).unwrap();
    let gdpr = clock(&floor, "gdpr-72h");
    assert_eq!(gdpr.status, ClockStatus::Running);
    assert_eq!(gdpr.from, Some(moment(AWARE)));
    assert_eq!(
        gdpr.safe.unwrap().duration_since(moment(AWARE)),
        SignedDuration::from_hours(72)
    );
    assert_eq!(
        gdpr.left,
        Some(SignedDuration::from_hours(72) - at(90).duration_since(moment(AWARE)))
    );
    let stage: ObligationId = "gdpr-72h".parse().unwrap();
    let track = floor
        .state
        .obligations
        .track(floor.incident().id, &stage)
        .unwrap();
    assert_eq!((track.phase, track.started), (Phase::Running, Some(at(90))));
    assert!(track.opened.unwrap() <= at(10));

    // 09:40 and 09:55.
    determine(&mut floor, &legal, 100, "nis2.significant", Answer::Yes).unwrap();
    let nis2 = clock(&floor, "nis2-24h");
    assert_eq!(nis2.status, ClockStatus::Running);
    assert_eq!(nis2.safe, Some(moment("2027-03-03T08:09:01Z")));
    determine(&mut floor, &executive, 115, "sec.material", Answer::Yes).unwrap();
    let sec = clock(&floor, "sec-4bd");
    assert_eq!(sec.from, Some(moment("2027-03-02T09:55:00Z")));
    assert_eq!(sec.safe, Some(moment("2027-03-08T22:30:00Z")));
    assert_eq!(sec.zone, "America/New_York");

    // It explains itself down to the article, the facts, who said so, and the arithmetic.
    let because = &gdpr.because;
    assert!(
        because.sources[0]
            .quote
            .as_ref()
            .unwrap()
            .contains("72 hours")
    );
    assert_eq!(because.sources[0].checked, "2026-11-24");
    let aware = because
        .grounds
        .iter()
        .find(|g| g.name.as_str() == "incident.aware_at")
        .unwrap();
    assert_eq!(
        (aware.value.as_str(), aware.by.as_str()),
        (AWARE, "petra (player)")
    );
    assert!(aware.finding.is_some());
    let step = because.outer.as_ref().unwrap();
    assert!(step.text.contains("Article 3(1)"), "{}", step.text);
    assert_eq!(step.local.as_deref(), Some("2027-03-05 09:00:00 GMT"));
    assert_eq!(step.from[0].at, Some(moment(AWARE)));
    assert!(gdpr.notice.contains("Not legal advice"));

    // Filings by the right people meet the clocks; a chain starts with its parent.
    assert!(matches!(
        file(&mut floor, &comms_lead, 110, "nis2-24h", None),
        Err(Refusal::NotAllowed { .. })
    ));
    file(&mut floor, &legal, 120, "nis2-24h", None).unwrap();
    assert!(matches!(
        clock(&floor, "nis2-24h").status,
        ClockStatus::Met { .. }
    ));
    assert_eq!(clock(&floor, "nis2-final").status, ClockStatus::NotStarted);
    file(&mut floor, &legal, 1440, "nis2-72h", None).unwrap();
    let last = clock(&floor, "nis2-final");
    assert_eq!(last.status, ClockStatus::Running);
    assert_eq!(last.safe, Some(moment("2027-04-03T07:00:00Z")));
    file(&mut floor, &privacy, 1440, "gdpr-72h", None).unwrap();
    file(&mut floor, &legal, 1450, "sec-4bd", None).unwrap();
    for stage in ["gdpr-72h", "nis2-24h", "nis2-72h", "sec-4bd"] {
        assert!(
            matches!(clock(&floor, stage).status, ClockStatus::Met { .. }),
            "{stage}"
        );
    }
    let kinds: Vec<_> = floor
        .incident()
        .timeline
        .iter()
        .map(|line| line.kind)
        .collect();
    assert!(kinds.contains(&TimelineKind::Obligation) && kinds.contains(&TimelineKind::Decision));
    check_replay(&floor);
}

#[test]
fn a_person_may_name_another_moment_and_the_clock_says_so() {
    let mut floor = floor();
    let [privacy, legal, _, executive] = people();
    floor.find(telemetry().drain(..3).collect());
    let incident = floor.incident().id;
    let say_since = |question: &str, effective: Timestamp| {
        Input::Obligation(obligation::Input::Determine {
            incident,
            question: question.parse().unwrap(),
            answer: Answer::Yes,
            effective: Some(effective),
            facts: Vec::new(),
            rationale: "the log was read then".to_owned(),
        })
    };
    floor.now = at(90);
    // An executive may call it significant and may not say since when the organisation is aware.
    assert!(matches!(
        floor.tell(&executive, say_since("nis2.significant", at(10))),
        Err(Refusal::NotAllowed { .. })
    ));
    assert!(matches!(
        floor.tell(&privacy, say_since("gdpr.personal-data-breach", at(91))),
        Err(Refusal::Invalid(_))
    ));
    floor
        .tell(&privacy, say_since("gdpr.personal-data-breach", at(30)))
        .unwrap();
    determine(&mut floor, &privacy, 91, "gdpr.risk-likely", Answer::Yes).unwrap();
    let view = clock(&floor, "gdpr-72h");
    assert_eq!(view.from, Some(at(30)));
    assert!(
        view.because
            .remarks
            .iter()
            .any(|r| r.contains("be ready to say why"))
    );

    // Taken back: the clock closes, and opens again with another answer.
    determine(&mut floor, &legal, 92, "gdpr.risk-likely", Answer::No).unwrap();
    match clock(&floor, "gdpr-72h").status {
        ClockStatus::NotApplicable { reason } => assert!(reason.contains("lee"), "{reason}"),
        other => panic!("{other:?}"),
    }
    determine(&mut floor, &legal, 93, "gdpr.risk-likely", Answer::Yes).unwrap();
    let seen = journal(&floor);
    let gdpr: Vec<&str> = seen
        .iter()
        .filter_map(|line| line.strip_suffix(" gdpr-72h"))
        .collect();
    assert_eq!(
        gdpr,
        [
            "clock-opened",
            "clock-moved",
            "clock-started",
            "clock-closed",
            "clock-started"
        ]
    );
    check_replay(&floor);
}
