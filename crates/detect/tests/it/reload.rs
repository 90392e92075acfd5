//! An engine that came from another by some changes says what a new one says.

use proptest::prelude::*;
use watchfloor_detect::{Document, Engine, Hit, Options, Scratch, event_of_json, parse_rules};
use watchfloor_types::{Event, Logsource, Norm, Timestamp};

const KINDS: [&str; 3] = ["process_creation", "file_event", "dns_query"];

fn rule(number: usize, kind: usize, text: &str) -> Document {
    let kind = KINDS[kind % KINDS.len()];
    let text = format!(
        "title: Rule {number}\nid: rule-{number}\nlogsource: {{product: windows, category: {kind}}}\ndetection:\n    a: {{f|contains: '{text}'}}\n    b: ['{text}{text}']\n    c: {{g|re: '{text}$'}}\n    condition: a or b or c\n"
    );
    let (mut documents, found) = parse_rules("r.yml", &text, &Options::default());
    assert!(documents.len() == 1, "{found:?}");
    documents.remove(0)
}

fn events() -> Vec<Event> {
    let mut out = Vec::new();
    for kind in KINDS {
        for native in [
            r#"{"f":"xabx","g":"ba"}"#,
            r#"{"f":"b","g":"a b"}"#,
            r#"{"h":"aa bb abab","f":["c","ca"]}"#,
            r#"{"g":"c"}"#,
        ] {
            let logsource = Logsource {
                product: Some("windows".into()),
                category: Some(kind.into()),
                service: None,
            };
            out.push(event_of_json(
                native,
                logsource,
                Norm::default(),
                Timestamp::UNIX_EPOCH,
            ));
        }
    }
    out
}

fn hits(engine: &Engine, events: &[Event]) -> Vec<Vec<String>> {
    let mut scratch = Scratch::new();
    let titles = |hits: &[Hit]| {
        hits.iter()
            .map(|h| engine.meta(*h).unwrap().id().to_string())
            .collect::<Vec<_>>()
    };
    events
        .iter()
        .map(|event| {
            let mut found = Vec::new();
            engine.match_event(event, &mut scratch, &mut found);
            titles(&found)
        })
        .collect()
}

proptest! {
    #[test]
    fn a_changed_engine_is_as_a_new_one(
        start in proptest::collection::vec((0usize..8, 0usize..3, "[abc]{1,2}"), 0..8),
        steps in proptest::collection::vec(
            (0usize..8, 0usize..3, "[abc]{1,2}", any::<bool>()), 1..12),
    ) {
        let events = events();
        let mut documents: Vec<Document> = Vec::new();
        for (number, kind, text) in start {
            documents.retain(|d| d.meta().id().as_str() != format!("rule-{number}"));
            documents.push(rule(number, kind, &text));
        }
        let (mut engine, _) = Engine::new(documents.clone());
        hits(&engine, &events);
        for (number, kind, text, keep) in steps {
            let id = format!("rule-{number}");
            let at = documents.iter().position(|d| d.meta().id().as_str() == id);
            match (at, keep) {
                (Some(at), true) => documents[at] = rule(number, kind, &text),
                (Some(at), false) => {
                    documents.remove(at);
                }
                (None, _) => documents.push(rule(number, kind, &text)),
            }
            engine = engine.changed(documents.clone()).0;
            let (new, _) = Engine::new(documents.clone());
            prop_assert_eq!(hits(&engine, &events), hits(&new, &events));
        }
    }
}
