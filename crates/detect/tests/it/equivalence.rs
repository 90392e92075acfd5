//! The engine gives the same answers as the slow reading in `reference.rs`.

use proptest::{prelude::*, sample::select};
use serde_json::{Map, Value, json};
use watchfloor_detect::{Engine, Options, Scratch, event_of_json, parse_rules};
use watchfloor_types::{Level, Logsource, Norm, Timestamp};

use crate::{corpus, reference};

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(vec![
            "", "a", "b", "ab", "Ab", "aB*", "*b", "a?b", "a\\*", "\\", "\\\\", "a\\b", "-a /b", "–a",
            "whoami", "cmd.exe", "C:\\x\\cmd.exe", "Ä", "ä", "ß", "10.0.0.7", "10.0.0.0/8", "fe80::1",
            "4624", "4624.0", "-1", "1e3", "true", "2024-02-29T23:59:01Z", "2024-02-29 05:06:07",
            "1709164800", "x\ny", "%name%", "dGVzdA==", "test", "dABlAHMAdAA=", "xdGVzdA",
        ]).prop_map(str::to_owned),
        1 => "[abAB*?\\\\ -]{0,5}",
    ]
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => word().prop_map(Value::from),
        2 => select(vec![json!(4624), json!(-1), json!(1.5), json!(0), json!(23), json!(2024)]),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ]
}

const FIELDS: [&str; 6] = ["a", "b", "c.d", "e", "c", ""];

fn event() -> impl Strategy<Value = Value> {
    let value = scalar().prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map(select(vec!["d", "a", "x"]), inner, 0..3)
                .prop_map(|m| json!(m)),
        ]
    });
    proptest::collection::btree_map(select(vec!["a", "b", "c", "c.d", "e"]), value, 0..5)
        .prop_map(|m| json!(m))
}

fn chain() -> impl Strategy<Value = &'static str> {
    select(vec![
        "",
        "",
        "",
        "|contains",
        "|startswith",
        "|endswith",
        "|contains|all",
        "|all",
        "|cased",
        "|contains|cased",
        "|startswith|cased",
        "|re",
        "|re|i",
        "|re|i|m",
        "|re|s",
        "|cidr",
        "|exists",
        "|gt",
        "|gte",
        "|lt",
        "|lte",
        "|neq",
        "|contains|neq",
        "|hour",
        "|minute",
        "|day|gte",
        "|week",
        "|month|lt",
        "|year",
        "|fieldref",
        "|fieldref|contains",
        "|fieldref|startswith",
        "|base64",
        "|base64offset|contains",
        "|wide|base64",
        "|wide|base64offset|contains",
        "|utf16be|base64",
        "|utf16|base64",
        "|windash",
        "|windash|contains",
        "|windash|contains|all",
        "|expand",
    ])
}

fn item() -> impl Strategy<Value = (String, Value)> {
    (select(FIELDS.to_vec()), chain()).prop_flat_map(|(field, chain)| {
        let key = format!("{field}{chain}");
        let value = match chain {
            "|exists" => any::<bool>().prop_map(Value::from).boxed(),
            "|gt" | "|gte" | "|lt" | "|lte" => {
                select(vec![json!(4624), json!(0), json!(-1)]).boxed()
            }
            "|hour" | "|minute" | "|day|gte" | "|week" | "|month|lt" | "|year" => select(vec![
                json!(5),
                json!(23),
                json!(9),
                json!(2),
                json!(29),
                json!(2024),
            ])
            .boxed(),
            "|cidr" => select(vec![
                json!("10.0.0.0/8"),
                json!("10.0.0.7"),
                json!("fe80::/10"),
            ])
            .boxed(),
            "|fieldref" | "|fieldref|contains" | "|fieldref|startswith" => {
                select(vec![json!("a"), json!("b"), json!("c.d")]).boxed()
            }
            "|re" | "|re|i" | "|re|i|m" | "|re|s" => select(vec![
                json!("a"),
                json!("^a.*b$"),
                json!("A|b"),
                json!("\\d+"),
                json!("x.y"),
                json!("^y"),
            ])
            .boxed(),
            _ => scalar().boxed(),
        };
        let values = prop_oneof![
            3 => value.clone(),
            1 => proptest::collection::vec(value, 1..4).prop_map(Value::from),
        ];
        (Just(key), values)
    })
}

fn selection() -> impl Strategy<Value = Value> {
    let map = proptest::collection::vec(item(), 1..3)
        .prop_map(|items| Value::Object(items.into_iter().collect::<Map<_, _>>()))
        .boxed();
    prop_oneof![
        4 => map.clone(),
        1 => proptest::collection::vec(map.clone(), 1..3).prop_map(Value::from),
        1 => proptest::collection::vec(word().prop_map(Value::from), 1..3).prop_map(Value::from),
        1 => (map, word()).prop_map(|(m, w)| json!([m, w])),
    ]
}

fn rule() -> impl Strategy<Value = Value> {
    let condition = select(vec![
        "s1",
        "s1 and s2",
        "s1 or not s2",
        "not s1",
        "not (s1 or s2)",
        "1 of them",
        "all of s*",
        "1 of s* and not _f",
        "2 of s*",
        "s1 AND (s2 OR NOT _f)",
        "any of them",
        "not 1 of s*",
    ]);
    (selection(), selection(), selection(), condition).prop_map(|(s1, s2, f, condition)| {
        json!({
            "title": "t", "id": "t", "logsource": {"category": "other"},
            "detection": {"s1": s1, "s2": s2, "_f": f, "condition": condition},
        })
    })
}

/// The engine's answer; none where it refuses the rule.
fn engine(rule: &Value, event: &Value) -> Option<bool> {
    let (documents, diagnostics) = parse_rules("t.yml", &rule.to_string(), &Options::default());
    if diagnostics.iter().any(|d| d.level == Level::Error) {
        return None;
    }
    let (engine, _) = Engine::new(documents);
    let logsource = Logsource {
        category: Some("other".into()),
        ..Logsource::default()
    };
    let native = event.to_string();
    let event = event_of_json(&native, logsource, Norm::default(), Timestamp::UNIX_EPOCH);
    let mut hits = Vec::new();
    engine.match_event(&event, &mut Scratch::new(), &mut hits);
    Some(!hits.is_empty())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_096, max_shrink_iters: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn generated_rules_hold_as_the_reference_says(rule in rule(), event in event()) {
        if let Some(ours) = engine(&rule, &event) {
            prop_assert_eq!(Ok(ours), reference::holds(&rule, &event), "{}\n{}", rule, event);
        }
    }
}

/// Rules of the corpus on a sample of its events, all logsources alike.
#[test]
fn rules_of_the_corpus_hold_as_the_reference_says() {
    let Some(folder) = corpus::folder() else {
        return;
    };
    let mut documents = Vec::new();
    let mut rules = Vec::new();
    for (path, text) in corpus::rules(&folder).iter().step_by(19) {
        let read = parse_rules(path, text, &Options::default()).0;
        let tree: Value = serde_saphyr::from_str(text).unwrap();
        rules.push((tree["id"].as_str().unwrap().to_owned(), tree));
        documents.extend(read);
    }
    let (engine, _) = Engine::new(documents);
    let stride = if cfg!(debug_assertions) {
        20_000
    } else {
        1_000
    };
    let (mut asked, mut held, mut wrong) = (0u64, 0u64, Vec::new());
    let mut scratch = Scratch::new();
    for (line, _) in corpus::events(&folder, stride) {
        let tree: Value = serde_json::from_str(&line).unwrap();
        let event = event_of_json(
            &line,
            Logsource::unknown(),
            Norm::default(),
            Timestamp::UNIX_EPOCH,
        );
        let mut hits = Vec::new();
        engine.match_event(&event, &mut scratch, &mut hits);
        let hits: std::collections::BTreeSet<String> = hits
            .iter()
            .map(|h| engine.meta(*h).unwrap().id().to_string())
            .collect();
        for (id, rule) in &rules {
            // Rules on the canonical view read nothing here.
            let Some(document) = engine.document(&id.parse().unwrap()) else {
                continue;
            };
            if document.meta().logsource().view() == watchfloor_types::View::Norm {
                continue;
            }
            asked += 1;
            let theirs = reference::holds(rule, &tree);
            held += u64::from(theirs == Ok(true));
            if theirs != Ok(hits.contains(id)) {
                wrong.push(format!("{id}: {theirs:?} on {line:.600}"));
            }
        }
    }
    println!("{asked} questions, {held} hold");
    assert!(held > 0, "{held}");
    assert!(
        wrong.is_empty(),
        "{} differ\n{}",
        wrong.len(),
        wrong[..wrong.len().min(5)].join("\n")
    );
}
