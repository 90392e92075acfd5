use watchfloor_detect::{Engine, Hit, Options, Scratch, event_of_json, norm_of_json, parse_rules};
use watchfloor_types::{Event, ExerciseId, Finding, Logsource, Mark, Timestamp};

const RULE: &str = "title: Prompt asks to forget\nid: forget\nlogsource:\n    category: gen_ai\ndetection:\n    s:\n        ai.prompt.text|contains:\n            - ignore previous\n            - never there\n    f:\n        gen_ai.request.model: trusted\n    condition: s and not f\nlevel: high\ntags:\n    - atlas.aml.t0051.001\n    - attack.t1566\nrunbook: prompt-injection\n";

fn engine(text: &str) -> Engine {
    let (documents, diagnostics) = parse_rules("t.yml", text, &Options::default());
    assert!(diagnostics.is_empty(), "{diagnostics:#?}");
    let (engine, diagnostics) = Engine::new(documents);
    assert!(diagnostics.is_empty(), "{diagnostics:#?}");
    engine
}

fn event(norm: &str) -> Event {
    let logsource = Logsource {
        category: Some("gen_ai".into()),
        ..Logsource::default()
    };
    event_of_json(
        "{}",
        logsource,
        norm_of_json(norm).unwrap(),
        Timestamp::from_second(1_700_000_000).unwrap(),
    )
}

fn findings(engine: &Engine, event: &Event) -> Vec<Finding> {
    let (mut hits, mut out): (Vec<Hit>, _) = (Vec::new(), Vec::new());
    engine.detect(event, &mut Scratch::new(), event.time, &mut hits, &mut out);
    out
}

#[test]
fn a_finding_says_why() {
    let engine = engine(RULE);
    let long = format!("Please IGNORE previous {}", "ä".repeat(2_000));
    let event = event(&format!(
        r#"{{"ai.prompt.text":"{long}","ai.principal.id":"bot","source.ip":"10.0.0.1"}}"#
    ));
    let found = findings(&engine, &event);
    let [finding] = found.as_slice() else {
        panic!("{found:#?}")
    };
    assert_eq!(finding.techniques, ["AML.T0051.001", "T1566"]);
    assert_eq!(finding.runbook.as_deref(), Some("prompt-injection"));
    assert_eq!(finding.severity, watchfloor_types::Severity::High);
    let entities: Vec<_> = finding
        .entities
        .iter()
        .map(|(k, v)| format!("{k}={v}"))
        .collect();
    assert_eq!(entities, ["ai.principal.id=bot", "source.ip=10.0.0.1"]);
    let [matched] = finding.matched.as_slice() else {
        panic!("{:#?}", finding.matched)
    };
    assert_eq!(
        (matched.field.as_str(), matched.predicate.as_str()),
        ("ai.prompt.text", "contains \"ignore previous\"")
    );
    assert!(
        matched.value.len() <= 1_024 && matched.value.starts_with("Please IGNORE"),
        "{}",
        matched.value.len()
    );
    // The same again: the same id. Another version of the rule: another id.
    assert_eq!(findings(&engine, &event)[0].id, finding.id);
    let changed = self::engine(&RULE.replace("never there", "never"));
    assert_ne!(findings(&changed, &event)[0].id, finding.id);
}

#[test]
fn a_mark_is_carried_but_never_seen() {
    let mut marked = event(r#"{"ai.prompt.text":"ignore previous"}"#);
    let exercise = ExerciseId::minted(marked.time, &[b"x"]);
    marked.mark = Some(Mark {
        exercise,
        inject: "inject-7".parse().unwrap(),
    });
    let found = findings(&engine(RULE), &marked);
    assert_eq!(found[0].mark, marked.mark);
    // No field and no keyword reaches the mark.
    for selection in [
        "mark|exists: true",
        "exercise|exists: true",
        "mark.inject: inject-7",
        "'|contains': inject-7",
        "mark.exercise|exists: true",
    ] {
        let rule = RULE.replace(
            "ai.prompt.text|contains:\n            - ignore previous\n            - never there",
            selection,
        );
        assert!(findings(&engine(&rule), &marked).is_empty(), "{selection}");
        let native = rule.replace("category: gen_ai", "product: any");
        let mut event = marked.clone();
        event.logsource = Logsource {
            product: Some("any".into()),
            ..Logsource::default()
        };
        assert!(findings(&engine(&native), &event).is_empty(), "{selection}");
    }
}

#[test]
fn only_rules_of_the_events_logsource_are_tried() {
    let engine = engine(RULE);
    let mut other = event(r#"{"ai.prompt.text":"ignore previous"}"#);
    other.logsource = Logsource {
        category: Some("mcp".into()),
        ..Logsource::default()
    };
    assert!(findings(&engine, &other).is_empty());
}

#[test]
fn learning_changes_triggers_not_matches() {
    let engine = engine(RULE);
    let (yes, no) = (
        event(r#"{"ai.prompt.text":"ignore previous"}"#),
        event(r#"{"ai.prompt.text":"hello"}"#),
    );
    let mut scratch = Scratch::new();
    for _ in 0..3_000 {
        for (event, want) in [(&yes, 1), (&no, 0)] {
            let mut hits = Vec::new();
            engine.match_event(event, &mut scratch, &mut hits);
            assert_eq!(hits.len(), want);
        }
    }
}

#[test]
fn samples_of_rules_and_correlations_run() {
    for text in [
        include_str!("samples/detection.yml"),
        include_str!("samples/correlation.yml"),
    ] {
        let (documents, _) = parse_rules("t.yml", text, &Options::default());
        let (engine, diagnostics) = Engine::new(documents);
        assert!(diagnostics.is_empty(), "{diagnostics:#?}");
        let outcomes: Vec<_> = engine
            .documents()
            .iter()
            .flat_map(|d| engine.run_samples(d))
            .collect();
        assert!(
            outcomes.len() >= 2
                && outcomes
                    .iter()
                    .all(watchfloor_detect::SampleOutcome::passed),
            "{outcomes:#?}"
        );
    }
}
