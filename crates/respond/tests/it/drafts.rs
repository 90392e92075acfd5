//! The messages of *Paper Lantern*: filled, edited, approved by another person, rehearsed.

use watchfloor_respond::{
    NeedKind, Refusal,
    comms::{self, Audience, BlockKind, Draft, DraftState, Evidence, packet},
    incident::{FactValue, TimelineKind},
    obligation::Answer,
};
use watchfloor_types::{Actor, EffectClass, EffectKind, Finding, OutcomeStatus, Role, Value};

use crate::{
    flagship::telemetry,
    lantern::{check_replay, clock, determine, draft, fact, file, floor, people, say},
};

#[test]
fn three_drafts_are_written_filled_again_approved_by_another_person_and_rehearsed() {
    let mut floor = floor();
    let [privacy, legal, comms_lead, executive] = people();
    floor.find(telemetry().drain(..3).collect());
    let mut audiences: Vec<_> = floor.state.comms.iter().map(|d| d.audience).collect();
    audiences.sort();
    assert_eq!(
        audiences,
        [Audience::Executive, Audience::Customer, Audience::Regulator]
    );

    let regulator = draft(&floor, Audience::Regulator);
    assert_eq!(*regulator.author(), Actor::System);
    assert!(regulator.text().contains("EXERCISE"));
    assert!(
        regulator
            .text()
            .contains("Approximate number of records: 4812")
    );
    let rows = regulator
        .body()
        .iter()
        .flat_map(|b| &b.spans)
        .find(|s| s.text == "4812")
        .unwrap();
    let Some(Evidence::Fact {
        name,
        finding,
        events,
        ..
    }) = &rows.evidence
    else {
        panic!("{rows:?}");
    };
    assert_eq!(name.as_str(), "data.rows_seen");
    assert!(finding.is_some() && !events.is_empty());
    assert!(
        regulator
            .unknowns()
            .iter()
            .any(|m| m.contains("How many people"))
    );

    // A determination fills the awareness in, without anybody asking.
    determine(
        &mut floor,
        &privacy,
        90,
        "gdpr.personal-data-breach",
        Answer::Yes,
    )
    .unwrap();
    let regulator = draft(&floor, Audience::Regulator);
    assert!(
        regulator
            .text()
            .contains("became aware at 2027-03-02 08:09:01 UTC"),
        "{}",
        regulator.text()
    );
    assert_eq!(*regulator.author(), Actor::System);
    assert!(regulator.current.number > 1 && regulator.former.len() + 1 == regulator.current.number);

    // Nothing can be sent or filed before it is approved.
    let id = regulator.id;
    assert!(matches!(
        say(
            &mut floor,
            &legal,
            comms::Input::Send {
                draft: id,
                channel: "regulator".to_owned()
            }
        ),
        Err(Refusal::Conflict(_))
    ));
    determine(&mut floor, &privacy, 91, "gdpr.risk-likely", Answer::Yes).unwrap();
    assert!(matches!(
        file(&mut floor, &privacy, 92, "gdpr-72h", Some(&regulator)),
        Err(Refusal::Conflict(_))
    ));

    // The privacy officer edits and becomes the author.
    let text = draft(&floor, Audience::Regulator)
        .text()
        .replace("as far as is known", "so far");
    let text = format!("{text}\n\nWe keep the authority informed.");
    let edit = comms::Input::Edit {
        draft: id,
        title: "Notification".to_owned(),
        text,
    };
    say(&mut floor, &privacy, edit.clone()).unwrap();
    assert!(matches!(
        say(&mut floor, &privacy, edit),
        Err(Refusal::Conflict(_))
    ));
    let edited = draft(&floor, Audience::Regulator);
    assert_eq!(*edited.author(), privacy);
    assert!(
        edited
            .body()
            .iter()
            .flat_map(|b| &b.spans)
            .any(|s| s.text == "4812" && s.evidence.is_some())
    );
    fact(&mut floor, "incident.cross_border", FactValue::Bool(true));
    assert_eq!(
        draft(&floor, Audience::Regulator).hash(),
        edited.hash(),
        "a person's text stays theirs"
    );

    let approve = |draft: &Draft, acknowledged: Vec<String>| comms::Input::Approve {
        draft: draft.id,
        hash: draft.hash().to_owned(),
        acknowledged,
    };
    let all = edited.unknowns();
    assert!(
        matches!(
            say(&mut floor, &legal, approve(&edited, all.clone())),
            Err(Refusal::Conflict(_))
        ),
        "not submitted"
    );
    say(&mut floor, &privacy, comms::Input::Submit { draft: id }).unwrap();
    assert!(
        floor
            .state
            .needs(floor.now)
            .iter()
            .any(|n| n.kind == NeedKind::Approval && n.roles.contains(&Role::Legal))
    );
    // The author, the wrong role, with unknowns open, on another text.
    assert!(matches!(
        say(&mut floor, &privacy, approve(&edited, all.clone())),
        Err(Refusal::SamePerson { .. })
    ));
    assert!(matches!(
        say(&mut floor, &comms_lead, approve(&edited, all.clone())),
        Err(Refusal::NotAllowed { .. })
    ));
    assert!(matches!(
        say(&mut floor, &Actor::System, approve(&edited, all.clone())),
        Err(Refusal::NeedsPerson { .. })
    ));
    match say(&mut floor, &legal, approve(&edited, Vec::new())) {
        Err(Refusal::Conflict(text)) => {
            assert!(text.contains("[unknown: How many people"), "{text}");
        }
        other => panic!("{other:?}"),
    }
    let stale = comms::Input::Approve {
        draft: id,
        hash: regulator.hash().to_owned(),
        acknowledged: all.clone(),
    };
    assert!(matches!(
        say(&mut floor, &legal, stale),
        Err(Refusal::Conflict(_))
    ));
    say(&mut floor, &legal, approve(&edited, all.clone())).unwrap();

    // Any edit voids the approval.
    let more = comms::Input::Edit {
        draft: id,
        title: "Notification".to_owned(),
        text: format!("{} Soon.", edited.text()),
    };
    say(&mut floor, &privacy, more).unwrap();
    let voided = draft(&floor, Audience::Regulator);
    assert!(voided.state == DraftState::Draft && voided.approval().is_none());
    say(&mut floor, &privacy, comms::Input::Submit { draft: id }).unwrap();
    say(&mut floor, &legal, approve(&voided, all)).unwrap();

    // Sending: an exercise reaches nobody.
    say(
        &mut floor,
        &legal,
        comms::Input::Send {
            draft: id,
            channel: "regulator".to_owned(),
        },
    )
    .unwrap();
    let effect = floor.effects.last().unwrap().clone();
    assert!(effect.rehearsal && effect.class == EffectClass::Send);
    let EffectKind::Webhook { channel, body } = &effect.kind else {
        panic!("{effect:?}")
    };
    assert_eq!(
        (channel.as_str(), body["exercise"].as_bool()),
        ("regulator", Some(true))
    );
    assert_eq!(body["sha256"].as_str(), Some(voided.hash()));
    floor.outcome(&effect.key, OutcomeStatus::Rehearsed);
    let sent = draft(&floor, Audience::Regulator);
    assert_eq!(sent.state.as_str(), "sent");
    let refused = say(
        &mut floor,
        &privacy,
        comms::Input::Edit {
            draft: id,
            title: "x".to_owned(),
            text: "y".to_owned(),
        },
    );
    assert!(matches!(refused, Err(Refusal::Conflict(_))));
    file(&mut floor, &privacy, 100, "gdpr-72h", Some(&sent)).unwrap();
    assert_eq!(
        clock(&floor, "gdpr-72h").filings[0].draft_hash.as_deref(),
        Some(sent.hash())
    );

    // The packet marks what is approved, and shows strangers only what their messages cite.
    let incident = floor.incident().id;
    let shown = packet(&floor.state, incident, Audience::Regulator, 77, floor.now).unwrap();
    assert!(
        shown.exercise
            && shown.journal == 77
            && shown.drafts[0].label.starts_with("approved by lee")
    );
    assert_eq!(shown.clocks.len(), 8);
    assert!(
        !shown
            .timeline
            .iter()
            .any(|line| line.kind == TimelineKind::Comms)
    );
    let brief = packet(&floor.state, incident, Audience::Executive, 77, floor.now).unwrap();
    assert!(brief.drafts[0].label.starts_with("NOT APPROVED"));
    assert!(brief.timeline.len() > shown.timeline.len());
    let outside = packet(&floor.state, incident, Audience::Customer, 77, floor.now).unwrap();
    assert!(outside.clocks.is_empty() && outside.timeline.is_empty());
    assert!(outside.facts.len() < shown.facts.len() && !outside.facts.is_empty());

    // One on request: whoever asked for it is its author.
    let press = comms::Input::Create {
        incident,
        template: "press-line".parse().unwrap(),
    };
    say(&mut floor, &executive, press).unwrap();
    let line = draft(&floor, Audience::Press);
    say(
        &mut floor,
        &comms_lead,
        comms::Input::Submit { draft: line.id },
    )
    .unwrap();
    assert!(matches!(
        say(&mut floor, &executive, approve(&line, line.unknowns())),
        Err(Refusal::SamePerson { .. })
    ));
    say(
        &mut floor,
        &legal,
        comms::Input::Return {
            draft: line.id,
            reason: "shorter".to_owned(),
        },
    )
    .unwrap();
    fact(
        &mut floor,
        "incident.measures",
        FactValue::Text("the agent is off".to_owned()),
    );
    assert!(comms::is_stale(
        &floor.state,
        &draft(&floor, Audience::Press),
        floor.now
    ));
    say(
        &mut floor,
        &comms_lead,
        comms::Input::Refill { draft: line.id },
    )
    .unwrap();
    let line = draft(&floor, Audience::Press);
    assert!(line.unknowns().is_empty() && line.text().contains("the agent is off"));
    say(
        &mut floor,
        &comms_lead,
        comms::Input::Submit { draft: line.id },
    )
    .unwrap();
    say(&mut floor, &executive, approve(&line, Vec::new())).unwrap();
    say(
        &mut floor,
        &comms_lead,
        comms::Input::Send {
            draft: line.id,
            channel: "press".to_owned(),
        },
    )
    .unwrap();
    let key = floor.effects.last().unwrap().key.clone();
    floor.outcome(&key, OutcomeStatus::InDoubt);
    assert_eq!(draft(&floor, Audience::Press).state.as_str(), "in-doubt");
    assert!(
        floor
            .state
            .needs(floor.now)
            .iter()
            .any(|n| n.kind == NeedKind::InDoubt)
    );
    let again = comms::Input::Send {
        draft: line.id,
        channel: "press".to_owned(),
    };
    assert!(matches!(
        say(&mut floor, &comms_lead, again),
        Err(Refusal::Conflict(_))
    ));
    say(
        &mut floor,
        &comms_lead,
        comms::Input::MarkSent {
            draft: line.id,
            how: "they answered".to_owned(),
        },
    )
    .unwrap();
    assert_eq!(draft(&floor, Audience::Press).state.as_str(), "sent");
    check_replay(&floor);
}

#[test]
fn what_an_attacker_wrote_stays_data() {
    let mut floor = floor();
    let evil = "{{ organisation }}\n# Approved\n- pay\u{202e}\u{1}0\u{2}forged\u{3} [unknown: x] {% for a in alerts %}";
    let mut bad: Finding = telemetry().remove(2);
    bad.entities = vec![
        ("ai.principal.id".to_owned(), Value::from("support-agent")),
        ("ai.data.classes".to_owned(), Value::from(evil)),
        ("destination.domain".to_owned(), Value::from(evil)),
    ];
    floor.find(vec![bad]);
    for audience in [Audience::Customer, Audience::Executive, Audience::Regulator] {
        let found = draft(&floor, audience);
        let headings: Vec<String> = found
            .body()
            .iter()
            .filter(|b| b.kind == BlockKind::Heading)
            .map(comms::Block::text)
            .collect();
        assert!(
            headings.iter().all(|h| !h.contains("Approved")),
            "{headings:?}"
        );
        let span = found
            .body()
            .iter()
            .flat_map(|b| &b.spans)
            .find(|s| s.text.contains("{{ organisation }}"))
            .unwrap();
        assert!(matches!(&span.evidence, Some(Evidence::Fact { .. })));
        assert!(span.text.contains("⟨U+202E⟩") && span.text.contains("⟨U+0001⟩0⟨U+0002⟩forged"));
        assert!(!span.text.contains('\n') && span.text.contains("{% for a in alerts %}"));
        assert!(
            found.unknowns().contains(&"[unknown: x]".to_owned()),
            "it holds up approval, no more"
        );
    }
}
