//! Pages: escalation, answers, failed channels, exercises.

use watchfloor_respond::{
    Input, Refusal,
    incident::{self, IncidentRole},
    oncall::{self, PageStatus},
};
use watchfloor_types::{EffectKind, OutcomeStatus, Role, Severity};

use crate::floor::{Floor, at, commander, finding, person};

fn ringing() -> Floor {
    let mut floor = Floor::new();
    floor.find(vec![finding(
        "One",
        0,
        Severity::High,
        &[],
        &[("gen_ai.agent.id", "a")],
        None,
    )]);
    floor
}

fn status(floor: &Floor) -> &PageStatus {
    &floor.state.oncall.iter().next().unwrap().status
}

fn channels(floor: &Floor) -> Vec<String> {
    floor
        .effects
        .iter()
        .filter_map(|effect| match &effect.kind {
            EffectKind::Webhook { channel, .. } => Some(channel.clone()),
            EffectKind::HttpApi { .. } => None,
        })
        .collect()
}

#[test]
fn a_page_rings_level_by_level_until_somebody_answers() {
    let mut floor = ringing();
    assert_eq!(channels(&floor), ["ai-security"]);
    let key = floor.effects[0].key.clone();
    floor.outcome(&key, OutcomeStatus::Done);
    floor.tick(4);
    assert_eq!(channels(&floor).len(), 1);
    floor.tick(6);
    assert_eq!(
        channels(&floor),
        ["ai-security", "ai-security", "incident-commander"]
    );
    let need = &floor.state.needs(floor.now)[0];
    assert_eq!((need.kind.as_str(), need.due), ("page", Some(at(16))));

    let page = floor.state.oncall.iter().next().unwrap().id;
    let answer = || Input::Oncall(oncall::Input::Acknowledge { page });
    let viewer = person("vera", &[Role::Viewer]);
    assert!(matches!(
        floor.tell(&viewer, answer()),
        Err(Refusal::NotAllowed { .. })
    ));
    floor.tell(&commander(), answer()).unwrap();
    assert!(matches!(
        floor.tell(&commander(), answer()),
        Err(Refusal::Conflict(_))
    ));
    for minute in 7..200 {
        floor.tick(minute);
    }
    assert_eq!(channels(&floor).len(), 3, "an answered page rings no more");
    assert!(matches!(status(&floor), PageStatus::Acknowledged { .. }));
    floor.check_replay();
}

#[test]
fn a_page_that_nobody_answers_stays_on_the_list() {
    let mut floor = ringing();
    for minute in 1..200 {
        floor.tick(minute);
    }
    // Two levels, three rounds: 1 + 2 messages each.
    assert_eq!(channels(&floor).len(), 9);
    assert!(matches!(status(&floor), PageStatus::Exhausted { .. }));
    assert!(
        floor
            .state
            .needs(floor.now)
            .iter()
            .any(|n| n.title.starts_with("nobody answered"))
    );
    let incident = floor.incident().id;
    let lead = incident::Input::SetRole {
        incident,
        role: IncidentRole::Commander,
        user: Some("carl".parse().unwrap()),
    };
    floor.tell(&commander(), Input::Incident(lead)).unwrap();
    floor.check_replay();
}

#[test]
fn a_channel_that_fails_is_passed_over_at_once() {
    let mut floor = ringing();
    let key = floor.effects[0].key.clone();
    floor.outcome(&key, OutcomeStatus::Failed);
    assert_eq!(channels(&floor).len(), 3);
    // Nobody knows whether it arrived: it is sent again with the same key, a bounded number of times.
    let key = floor.effects[1].key.clone();
    let again: usize = (0..5)
        .map(|_| floor.outcome(&key, OutcomeStatus::InDoubt).effects.len())
        .sum();
    assert_eq!(again, 2);
    floor.check_replay();
}

#[test]
fn somebody_who_leads_has_answered_and_a_closed_incident_pages_nobody() {
    let mut floor = ringing();
    let incident = floor.incident().id;
    let lead = incident::Input::SetRole {
        incident,
        role: IncidentRole::Commander,
        user: Some("carl".parse().unwrap()),
    };
    floor.tell(&commander(), Input::Incident(lead)).unwrap();
    assert!(matches!(status(&floor), PageStatus::Acknowledged { .. }));
    let mut floor = ringing();
    let resolve = incident::Input::SetStatus {
        incident: floor.incident().id,
        status: incident::Status::Resolved,
        reason: "false alarm".into(),
    };
    floor.tell(&commander(), Input::Incident(resolve)).unwrap();
    assert!(matches!(status(&floor), PageStatus::Ended { .. }));
}

#[test]
fn an_exercise_says_so_and_reaches_nobody() {
    let mut floor = Floor::new();
    floor.find(vec![finding(
        "One",
        0,
        Severity::High,
        &[],
        &[("gen_ai.agent.id", "a")],
        Some("2"),
    )]);
    let effect = floor
        .effects
        .iter()
        .find(|e| matches!(e.kind, EffectKind::Webhook { .. }))
        .unwrap();
    assert!(effect.rehearsal);
    let EffectKind::Webhook { body, .. } = &effect.kind else {
        unreachable!()
    };
    insta::assert_json_snapshot!("exercise_page", body);
}

#[test]
fn a_policy_that_tells_nobody_is_refused_with_its_place() {
    for (text, expected) in [
        (
            "id: x\nname: X\nowner: o\nlevels: []\n",
            "x.yml:1:1: error[P002]: a policy needs at least one level",
        ),
        (
            "id: x\nname: X\nowner: o\nlevels:\n  - notify: []\n    wait_minutes: 0\n",
            "x.yml:1:1: error[P002]: a level has to tell somebody",
        ),
    ] {
        let (policy, said) = oncall::parse("x.yml", text);
        assert!(policy.is_none());
        assert_eq!(said[0].to_string(), expected);
    }
    let (_, said) = oncall::parse("x.yml", "id: x\nname: X\nowner: o\nlevel: []\n");
    let place = said[0].place.as_ref().unwrap();
    assert_eq!((said[0].code.as_str(), place.line), ("P001", 4));
}
