//! Each diagnostic, from a sound exercise with one thing changed.

use super::Known;
use crate::exercise::{lint, parse};

const SOUND: &str = r#"id: small
version: 1.0.0
title: Small
summary: A small one.
owner: keeper
atlas: "5.6"
start: 2027-03-02T08:00:00Z
length: 30
objectives:
  - {id: OBJ-1, title: See}
groups:
  - {id: detect, title: Detect, points: 60}
  - {id: decide, title: Decide, points: 40}
roles:
  - {id: chief, title: Chief, roles: [commander], user: carl}
injects:
  - id: a
    type: telemetry
    minute: 1
    title: Ticket
    from: Red
    to: chief
    objective: OBJ-1
    group: detect
    runbook: agent-contain
    clock: gdpr-72h
    emit:
      - source: helpdesk
        records:
          - {id: "{{hex16:t}}", occurred_at: "{{time}}"}
    expect:
      - {id: found, text: Found, is: finding, rules: [rule-1], within: 2m, points: 60}
  - id: b
    type: jump
    minute: 10
    scenario: 2027-03-03T08:00:00Z
    title: Next day
    from: Control
    to: chief
  - id: c
    type: decision
    minute: 20
    title: Stop?
    from: Control
    to: chief
    group: decide
    expect:
      - {id: said, text: Said, is: entry, within: 10m, points: 40, any-of: [{entry: incident/decided}]}
distractors:
  - id: d
    type: distractor
    minute: 5
    title: Noise
    from: White
    to: chief
    emit:
      - source: helpdesk
        records: ['{"id":1}']
    expect:
      - {id: quiet, text: Quiet, is: quiet, within: 5m}
players:
  - {minute: 2, as: chief, do: {acknowledge-alert: {inject: a}}}
  - {minute: 21, as: chief, do: {read: {inject: c}}}
"#;

#[test]
fn a_near_miss_is_suggested() {
    let (plan, _) = parse(
        "exercise.yml",
        &SOUND.replace("runbook: agent-contain", "runbook: agent-contian"),
    );
    let known = Known {
        runbooks: [String::from("agent-contain").parse().unwrap()].into(),
        ..Known::default()
    };
    let found = lint(&plan.unwrap(), &known);
    let help = found
        .iter()
        .find(|d| d.code == "E007")
        .and_then(|d| d.help.as_deref());
    assert_eq!(help, Some("did you mean `agent-contain`?"));
}

#[test]
fn every_code_has_its_page() {
    for number in 1..=16 {
        let page = format!(
            "{}/../../docs/diagnostics/E{number:03}.md",
            env!("CARGO_MANIFEST_DIR")
        );
        let text = std::fs::read_to_string(&page).unwrap();
        assert!(text.starts_with(&format!("# E{number:03}: ")), "{page}");
    }
}
