//! Samples of every kind in every shape: golden files, and OCSF against the schema itself.

use std::{path::PathBuf, sync::Arc};

use serde_json::{Value, json};
use watchfloor_respond::{
    Content, Input, State,
    alert::{self, Verdict},
    incident, step,
};
use watchfloor_types::{
    Actor, EventId, ExerciseId, Finding, FindingId, FindingKind, Mark, MatchedField, Role, RuleRef,
    Severity, SignedDuration, Timestamp, Tlp,
};

use super::*;

fn now() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/siem")
        .join(name)
}

/// A finding with everything in it, hostile text included.
fn finding(rule: &str, severity: Severity, n: u64) -> Finding {
    let at = now() + SignedDuration::from_secs(i64::try_from(n).unwrap());
    let event = EventId::of_record(at, n, 0);
    Finding {
        id: FindingId::minted(at, &[rule.as_bytes(), &n.to_be_bytes()]),
        kind: FindingKind::Rule,
        rule: RuleRef {
            id: rule.parse().unwrap(),
            title: "Tool text | that = steers\nthe \"agent\"".to_owned(),
            version: "0123456789abcdef".to_owned(),
        },
        severity,
        tenant: "main".parse().unwrap(),
        source: "litellm".parse().unwrap(),
        time: at,
        detected: at + SignedDuration::from_millis(250),
        events: vec![event],
        matched: vec![MatchedField {
            field: "ai.untrusted.text".to_owned(),
            value: "ignore previous = \\ instructions]\r\nact=x".to_owned(),
            predicate: "contains \"ignore previous\"".to_owned(),
            event,
        }],
        techniques: vec![
            "AML.T0051.001".to_owned(),
            "T1566".to_owned(),
            "LLM01:2025".to_owned(),
        ],
        entities: vec![
            ("ai.principal.id".to_owned(), "support-agent".into()),
            ("gen_ai.agent.name".to_owned(), "support".into()),
            ("source.ip".to_owned(), "203.0.113.7".into()),
            ("destination.ip".to_owned(), "not an address".into()),
            ("user.email".to_owned(), "a@example.org".into()),
            ("host.name".to_owned(), "agent-7".into()),
            (
                "file.hash.sha256".to_owned(),
                "00ff".repeat(16).as_str().into(),
            ),
        ],
        runbook: Some("prompt-injection".to_owned()),
        tlp: Tlp::Amber,
        mark: None,
    }
}

/// Runs inputs through the responder and returns the messages, as the server would make them.
fn played() -> Vec<Message> {
    let mut state = State::new(Arc::new(Content::default()));
    let mut out = Vec::new();
    let mut seq = 0;
    let lead = Actor::Person {
        user: "ada".parse().unwrap(),
        roles: vec![Role::Analyst, Role::Commander],
    };
    let mut play = |state: &mut State, actor: &Actor, input: Input| {
        let decision = step(state, actor, input, now()).unwrap();
        for entry in &decision.entries {
            seq += 1;
            out.extend(messages(state, entry, seq, now()));
        }
    };
    let exercise = ExerciseId::minted(now(), &[b"play"]);
    let mut staged = finding("staged", Severity::High, 7);
    staged.mark = Some(Mark {
        exercise,
        inject: "m-1".parse().unwrap(),
    });
    let mut indicator = finding("indicator-1", Severity::High, 8);
    indicator.kind = FindingKind::Indicator;
    indicator.tlp = Tlp::AmberStrict;
    indicator.techniques.clear();
    let mut bare = finding("bare", Severity::Low, 9);
    bare.kind = FindingKind::Correlation;
    (bare.matched, bare.entities, bare.techniques) = (vec![], vec![], vec![]);
    let findings = vec![
        finding("tool-text", Severity::Medium, 1),
        finding("tool-text", Severity::Critical, 2),
        finding("tool-text", Severity::Critical, 3),
        staged,
        indicator,
        bare,
    ];
    play(&mut state, &Actor::System, Input::Findings(findings));
    let ids: Vec<_> = state.alerts.iter().map(|a| a.id).collect();
    let (first, second) = (ids[0], ids[1]);
    play(
        &mut state,
        &lead,
        Input::Alert(alert::Input::Acknowledge { alert: first }),
    );
    play(
        &mut state,
        &lead,
        Input::Alert(alert::Input::Assign {
            alert: first,
            to: Some("ada".parse().unwrap()),
        }),
    );
    play(
        &mut state,
        &lead,
        Input::Alert(alert::Input::Close {
            alert: second,
            verdict: Verdict::FalsePositive,
            reason: "a test\nof ours".to_owned(),
        }),
    );
    play(
        &mut state,
        &lead,
        Input::Incident(incident::Input::Open {
            title: "By hand".to_owned(),
            severity: Severity::High,
            alerts: vec![],
            exercise: None,
            reason: "somebody called".to_owned(),
        }),
    );
    let incident = state.incidents.iter().last().unwrap().id;
    for status in [incident::Status::OnHold, incident::Status::Closed] {
        play(
            &mut state,
            &lead,
            Input::Incident(incident::Input::SetStatus {
                incident,
                status,
                reason: "done".to_owned(),
            }),
        );
    }
    out.push(Message::test("siem", "main".parse().unwrap(), now()).unwrap());
    out
}

/// A short name of each sample, for its golden file.
fn name(m: &Message) -> String {
    format!(
        "{:02}-{}-{}{}",
        m.seq,
        m.kind().as_str(),
        m.activity.as_str(),
        m.reality
            .word()
            .map(|w| format!("-{w}"))
            .unwrap_or_default()
    )
}

#[test]
fn the_shapes_are_as_written_down() {
    let bless = std::env::var_os("WATCHFLOOR_BLESS").is_some();
    let mut wrong = Vec::new();
    for format in Format::ALL {
        let mut text = String::new();
        for m in played() {
            text.push_str(&format!("== {}\n", name(&m)));
            match json(*format, &m) {
                Some(value) => text.push_str(&serde_json::to_string_pretty(&value).unwrap()),
                None => text.push_str(&line(*format, &m)),
            }
            text.push('\n');
        }
        let text = text.replace(
            &format!("\"version\": \"{VERSION}\""),
            "\"version\": \"VERSION\"",
        );
        let text = text.replace(&format!("|{VERSION}|"), "|VERSION|");
        let path = data(&format!("golden/{format}.txt"));
        if bless {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        if std::fs::read_to_string(&path).unwrap_or_default() != text {
            wrong.push(path);
        }
    }
    assert!(wrong.is_empty(), "WATCHFLOOR_BLESS=1 writes {wrong:?}");
}

#[test]
fn every_kind_of_sample_is_there() {
    let all = played();
    for kind in Kind::ALL {
        for activity in ["created", "updated", "closed"] {
            let found = all
                .iter()
                .any(|m| m.kind() == *kind && m.activity.as_str() == activity);
            assert_eq!(
                found,
                *kind != Kind::Finding || activity == "created",
                "{} {activity}",
                kind.as_str()
            );
        }
    }
    let mut ids: Vec<&str> = all.iter().map(|m| m.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all.len(), "an id is that of two messages");
    assert!(all.iter().all(|m| !m.id.contains(['.', ' '])));
    // The second finding of an alert that is worse than the first is news, the third is not.
    let updates = |m: &&Message| {
        matches!(&m.subject, Subject::Alert(a) if a.severity == Severity::Critical)
            && m.seq <= 10
            && m.activity == Activity::Update
    };
    assert_eq!(all.iter().filter(updates).count(), 1);
}

#[test]
fn what_is_not_real_says_so_in_every_shape() {
    let all = played();
    let staged: Vec<&Message> = all.iter().filter(|m| m.reality != Reality::Real).collect();
    assert!(
        staged
            .iter()
            .any(|m| matches!(m.reality, Reality::Exercise(_)))
    );
    assert!(staged.iter().any(|m| m.reality == Reality::Test));
    for m in staged {
        let word = m.reality.word().unwrap().to_uppercase();
        for format in Format::ALL {
            let line = line(*format, m);
            assert!(line.contains(&format!("[{word}] ")), "{format}: {line}");
        }
    }
}

#[test]
fn a_message_is_one_line_in_every_shape() {
    for m in played() {
        for format in Format::ALL {
            let line = line(*format, &m);
            assert!(!line.contains(['\n', '\r']), "{format}: {line}");
        }
    }
}

#[test]
fn techniques_are_cut_and_others_left() {
    let cut =
        |t: &str| Technique::parse(t).map(|t| (t.framework, t.id.to_owned(), t.sub.is_some()));
    assert_eq!(
        cut("AML.T0051.001"),
        Some(("MITRE ATLAS", "AML.T0051".to_owned(), true))
    );
    assert_eq!(
        cut("T1566"),
        Some(("MITRE ATT&CK", "T1566".to_owned(), false))
    );
    for other in [
        "",
        "T",
        "T1",
        "TA0001",
        "LLM01:2025",
        "T1566.1",
        "T15é6",
        "AML.T0051.",
    ] {
        assert_eq!(cut(other), None, "{other}");
    }
}

/// The definitions of OCSF 1.8.0, cut down by `tests/siem/extract.py`.
fn schema() -> Value {
    serde_json::from_str(include_str!("../../tests/siem/ocsf-1.8.0.json")).unwrap()
}

/// What is wrong with an event, by the definitions.
fn validate(schema: &Value, event: &Value) -> Vec<String> {
    let class = schema["classes"]
        .as_object()
        .unwrap()
        .values()
        .find(|c| c["uid"] == event["class_uid"]);
    let Some(class) = class else {
        return vec!["class_uid names no class".to_owned()];
    };
    let mut wrong = Vec::new();
    let (uid, activity) = (
        class["uid"].as_u64().unwrap(),
        event["activity_id"].as_u64(),
    );
    if event["type_uid"].as_u64() != activity.map(|a| uid * 100 + a) {
        wrong.push("type_uid is not class_uid * 100 + activity_id".to_owned());
    }
    if event["category_uid"] != class["category_uid"] {
        wrong.push("category_uid is not the class's".to_owned());
    }
    if event.pointer("/metadata/version") != Some(&schema["version"]) {
        wrong.push("metadata.version is not that of the schema".to_owned());
    }
    let profiles: Vec<&str> = event
        .pointer("/metadata/profiles")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    object(schema, class, event, &profiles, "", &mut wrong);
    wrong
}

fn object(
    schema: &Value,
    definition: &Value,
    value: &Value,
    profiles: &[&str],
    path: &str,
    wrong: &mut Vec<String>,
) {
    let Some(value) = value.as_object() else {
        wrong.push(format!("{path} is not an object"));
        return;
    };
    let attributes = definition["attributes"].as_object().unwrap();
    // An attribute of a profile is there only where the event names the profile.
    let active = |a: &Value| match a["profiles"].as_array() {
        None => true,
        Some(of) => of.iter().any(|p| profiles.contains(&p.as_str().unwrap())),
    };
    for (name, attribute) in attributes {
        if attribute["requirement"] == "required" && active(attribute) && !value.contains_key(name)
        {
            wrong.push(format!("{path}.{name} is required"));
        }
    }
    for (rule, names) in definition["constraints"].as_object().into_iter().flatten() {
        let there = names
            .as_array()
            .unwrap()
            .iter()
            .filter(|n| value.contains_key(n.as_str().unwrap()))
            .count();
        if (rule == "at_least_one" && there == 0) || (rule == "just_one" && there != 1) {
            wrong.push(format!("{path}: {rule} of {names}"));
        }
    }
    for (name, v) in value {
        let at = format!("{path}.{name}");
        let Some(attribute) = attributes.get(name).filter(|a| active(a)) else {
            wrong.push(format!("{at} is not an attribute"));
            continue;
        };
        let array = attribute["array"] == true;
        let items = match v {
            Value::Array(items) if array => items.iter().collect(),
            _ if array => {
                wrong.push(format!("{at} is not an array"));
                continue;
            }
            one => vec![one],
        };
        for item in items {
            single(schema, attribute, item, profiles, &at, wrong);
        }
        if let Some(sibling) = attribute["sibling"].as_str() {
            let caption = &attribute["captions"][v.to_string()];
            let said = value.get(sibling);
            // 99 is "Other": the sibling then says what.
            if *v != json!(99) && said.is_some_and(|s| s != caption) {
                wrong.push(format!(
                    "{path}.{sibling} is {said:?}, {name} says {caption}"
                ));
            }
        }
    }
}

fn single(
    schema: &Value,
    attribute: &Value,
    value: &Value,
    profiles: &[&str],
    at: &str,
    wrong: &mut Vec<String>,
) {
    let kind = attribute["type"].as_str().unwrap();
    let good = match kind {
        "object_t" => {
            let name = attribute["object"].as_str().unwrap();
            if name == "object" {
                value.is_object()
            } else if let Some(definition) = schema["objects"].get(name) {
                object(schema, definition, value, profiles, at, wrong);
                true
            } else {
                // Written by us and not in the extract: the test must hear of it.
                false
            }
        }
        "integer_t" => value.as_i64().is_some_and(|n| i32::try_from(n).is_ok()),
        "long_t" => value.is_i64() || value.is_u64(),
        // Milliseconds since 1970; seconds or microseconds would be far away.
        "timestamp_t" => value
            .as_i64()
            .is_some_and(|ms| (1_600_000_000_000..4_000_000_000_000).contains(&ms)),
        "boolean_t" => value.is_boolean(),
        "json_t" => true,
        "ip_t" => value
            .as_str()
            .is_some_and(|t| t.parse::<std::net::IpAddr>().is_ok()),
        "email_t" => value.as_str().is_some_and(|t| t.contains('@')),
        "string_t" | "username_t" | "hostname_t" | "url_t" | "resource_uid_t" | "uuid_t" => {
            value.as_str().is_some_and(|t| !t.is_empty())
        }
        other => panic!("the validator does not know the type {other} of {at}"),
    };
    if !good {
        wrong.push(format!("{at} is no {kind}: {value}"));
    }
    if let Some(numbers) = attribute["enum"].as_array()
        && !numbers.contains(value)
    {
        wrong.push(format!("{at} is {value}, not one of {numbers:?}"));
    }
}

#[test]
fn ocsf_events_are_valid_by_the_schemas_own_definitions() {
    let schema = schema();
    assert_eq!(schema["version"], ocsf::SCHEMA);
    let mut events: Vec<(String, Value)> = played()
        .iter()
        .map(|m| (name(m), ocsf::message(m)))
        .collect();
    events.push((
        "rule run".to_owned(),
        ocsf_finding(&finding("x", Severity::Fatal, 1)),
    ));
    for (name, event) in &events {
        assert_eq!(
            validate(&schema, event),
            Vec::<String>::new(),
            "{name}: {event:#}"
        );
    }
    // The published JSON Schema says the same, where its tool is installed.
    if let Some(python) = std::env::var_os("WATCHFLOOR_CLIENTS") {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("events.ndjson");
        let lines: String = events.iter().map(|(_, e)| format!("{e}\n")).collect();
        std::fs::write(&file, lines).unwrap();
        let output = std::process::Command::new(python)
            .arg(data("validate.py"))
            .arg(&file)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.code() == Some(77) {
            println!("skipped: {said}");
        } else {
            assert!(output.status.success(), "{said}");
        }
    } else {
        println!("skipped: the published JSON Schema; WATCHFLOOR_CLIENTS is not set");
    }
}

/// A validator that never refuses proves nothing.
#[test]
fn the_validator_refuses_what_is_wrong() {
    let schema = schema();
    let good = ocsf_finding(&finding("x", Severity::High, 1));
    let change = |pointer: &str, value: Value| {
        let mut event = good.clone();
        *event.pointer_mut(pointer).unwrap() = value;
        event
    };
    let mut more = good.clone();
    more["invented"] = json!(1);
    let mut less = good.clone();
    less.as_object_mut().unwrap().remove("finding_info");
    let mut profile = good.clone();
    profile["verdict_id"] = json!(6);
    for (event, what) in [
        (change("/severity_id", json!(7)), "severity_id"),
        (change("/severity", json!("high")), "severity"),
        (change("/time", json!("2026")), "time"),
        (change("/time", json!(1_795_521_600)), "time"),
        (change("/type_uid", json!(200_501)), "type_uid"),
        (change("/metadata/product", json!({})), "product"),
        (change("/metadata/version", json!("1.7.0")), "version"),
        (change("/finding_info/uid", json!(1)), "uid"),
        (change("/evidences/0", json!({"name": "x"})), "evidences"),
        (change("/observables", json!({})), "observables"),
        (more, "invented"),
        (less, "finding_info"),
        (profile, "verdict_id"),
    ] {
        let wrong = validate(&schema, &event);
        assert!(wrong.iter().any(|w| w.contains(what)), "{what}: {wrong:?}");
    }
}
