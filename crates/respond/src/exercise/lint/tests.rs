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

#[track_caller]
fn check(from: &str, to: &str, expected: &[(&str, u32)]) {
    assert!(SOUND.contains(from), "{from}");
    let (plan, mut found) = parse("exercise.yml", &SOUND.replacen(from, to, 1));
    let one = |text: &str| [text.parse().unwrap()].into_iter().collect();
    let known = Known {
        rules: [String::from("rule-1").parse().unwrap()].into(),
        runbooks: [String::from("agent-contain").parse().unwrap()].into(),
        sources: [String::from("helpdesk").parse().unwrap()].into(),
        clocks: one("gdpr-72h"),
    };
    found.extend(plan.iter().flat_map(|plan| lint(plan, &known)));
    let got: Vec<(&str, u32)> = found
        .iter()
        .map(|d| (d.code.as_str(), d.place.as_ref().map_or(0, |p| p.line)))
        .collect();
    assert_eq!(got, expected, "{from} -> {to}: {found:#?}");
    assert!(found.iter().all(|d| d.help.is_some()), "{found:#?}");
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    check("id: small", "id: small", &[]);
    check("title: Small", "titel: Small", &[("E001", 3)]);
    check("within: 2m", "within: soon", &[("E001", 32)]);
    check(
        "points: 60}\n  - {id: dec",
        "points: 50}\n  - {id: dec",
        &[("E002", 12), ("E002", 13)],
    );
    check("minute: 20", "minute: 9", &[("E003", 42)]);
    check("length: 30", "length: 15", &[("E003", 42), ("E003", 63)]);
    check("- id: c\n", "- id: a\n", &[("E004", 40), ("E015", 63)]);
    check("objective: OBJ-1", "objective: OBJ-7", &[("E005", 23)]);
    check("    group: decide\n", "", &[("E002", 13), ("E005", 40)]);
    check(
        "as: chief, do: {ack",
        "as: cheif, do: {ack",
        &[("E005", 62)],
    );
    check("rules: [rule-1]", "rules: [rule-2]", &[("E006", 32)]);
    check(
        "runbook: agent-contain",
        "runbook: agent-contian",
        &[("E007", 25)],
    );
    check(
        "source: helpdesk\n        records:\n",
        "source: deskhelp\n        records:\n",
        &[("E008", 28)],
    );
    check("clock: gdpr-72h", "clock: gdpr-73h", &[("E009", 26)]);
    check(
        "type: decision",
        "type: telemetry",
        &[("E010", 40), ("E010", 40)],
    );
    check("is: quiet,", "is: judgement,", &[("E010", 50)]);
    check("{{time}}", "{{now}}", &[("E011", 30)]);
    check("'{\"id\":1}'", "'[1]'", &[("E011", 58)]);
    check("    scenario: 2027-03-03T08:00:00Z\n", "", &[("E012", 33)]);
    check("type: jump", "type: context", &[("E012", 36)]);
    check(
        "2027-03-03T08:00:00Z",
        "2027-03-01T08:00:00Z",
        &[("E012", 36)],
    );
    check("incident/decided", "incident/decidde", &[("E013", 48)]);
    check("incident/decided", "incidents/decided", &[("E013", 48)]);
    check(
        "any-of: [{entry: incident/decided}]",
        "rules: [rule-1]",
        &[("E014", 48)],
    );
    check("within: 10m", "within: 0s", &[("E014", 48)]);
    check("minute: 2,", "minute: 0,", &[("E015", 62)]);
    check("{inject: c}", "{inject: x}", &[("E015", 63)]);
    check("minute: 2,", "minute: 25,", &[("E015", 63)]);
    check("{{hex16:t}}", "drill-1", &[("E016", 30)]);
}

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
