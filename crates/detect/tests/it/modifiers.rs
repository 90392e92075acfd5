//! Every modifier beside `rsigma-eval` 0.23; where the two differ, `docs/sigma-semantics.md` says why.

use rsigma_eval::JsonEvent;
use rsigma_parser::parse_sigma_yaml;
use watchfloor_detect::{
    Engine, MODIFIERS, Options, Scratch, event_of_json, parse_lists, parse_rules,
};
use watchfloor_types::{Logsource, Norm, Timestamp};

/// An item, events, and for each whether it matches here.
const CASES: &[(&str, &[(&str, bool)])] = &[
    (
        "a|contains: 'Mid'",
        &[(r#"{"a":"xmidx"}"#, true), (r#"{"a":"mi"}"#, false)],
    ),
    (
        "a|startswith: 'Be'",
        &[(r#"{"a":"begin"}"#, true), (r#"{"a":"xbe"}"#, false)],
    ),
    (
        "a|endswith: 'nd'",
        &[(r#"{"a":"END"}"#, true), (r#"{"a":"ndx"}"#, false)],
    ),
    (
        "a|contains|all: [x, y]",
        &[(r#"{"a":"y-x"}"#, true), (r#"{"a":"x"}"#, false)],
    ),
    (
        "a|cased: Who",
        &[(r#"{"a":"Who"}"#, true), (r#"{"a":"who"}"#, false)],
    ),
    (
        "a|contains|cased: Who",
        &[(r#"{"a":"xWhox"}"#, true), (r#"{"a":"xwhox"}"#, false)],
    ),
    (
        "a|neq: x",
        &[
            (r#"{"a":"y"}"#, true),
            (r#"{"a":"X"}"#, false),
            (r#"{"b":"y"}"#, false),
        ],
    ),
    (
        "a|exists: true",
        &[(r#"{"a":""}"#, true), (r#"{"b":1}"#, false)],
    ),
    (
        "a|exists: false",
        &[(r#"{"a":1}"#, false), (r#"{"b":1}"#, true)],
    ),
    (
        "a|cidr: 10.0.0.0/8",
        &[
            (r#"{"a":"10.1.2.3"}"#, true),
            (r#"{"a":"11.1.2.3"}"#, false),
            (r#"{"a":"ten"}"#, false),
        ],
    ),
    (
        "a|cidr: ['fe80::/10', '2001:db8::/32']",
        &[
            (r#"{"a":"2001:DB8::1"}"#, true),
            (r#"{"a":"2001:db9::1"}"#, false),
        ],
    ),
    (
        "a|fieldref: b",
        &[
            (r#"{"a":"X","b":"x"}"#, true),
            (r#"{"a":"x","b":"y"}"#, false),
            (r#"{"a":"x"}"#, false),
        ],
    ),
    (
        "a|fieldref|endswith: b",
        &[
            (r#"{"a":"wx","b":"x"}"#, true),
            (r#"{"a":"xw","b":"x"}"#, false),
        ],
    ),
    (
        "a|fieldref|startswith: b",
        &[
            (r#"{"a":"xw","b":"x"}"#, true),
            (r#"{"a":"wx","b":"x"}"#, false),
        ],
    ),
    (
        "a|fieldref|contains: b",
        &[
            (r#"{"a":"wxw","b":"x"}"#, true),
            (r#"{"a":"w","b":"x"}"#, false),
        ],
    ),
    (
        "a|re: '^W.o$'",
        &[(r#"{"a":"Who"}"#, true), (r#"{"a":"who"}"#, false)],
    ),
    (
        "a|re|i: '^W.o$'",
        &[(r#"{"a":"who"}"#, true), (r#"{"a":"whoo"}"#, false)],
    ),
    (
        "a|re|m: '^b$'",
        &[(r#"{"a":"a\nb"}"#, true), (r#"{"a":"a b"}"#, false)],
    ),
    (
        "a|re|s: 'a.b'",
        &[(r#"{"a":"a\nb"}"#, true), (r#"{"a":"ab"}"#, false)],
    ),
    (
        "a|re: 'a.b'",
        &[(r#"{"a":"a\nb"}"#, false), (r#"{"a":"a-b"}"#, true)],
    ),
    (
        "a|re|i|m|s: '^A.B$'",
        &[(r#"{"a":"x\na\nb"}"#, true), (r#"{"a":"ab"}"#, false)],
    ),
    (
        "a|gt: 5",
        &[
            (r#"{"a":6}"#, true),
            (r#"{"a":5}"#, false),
            (r#"{"a":"x"}"#, false),
        ],
    ),
    ("a|gte: 5", &[(r#"{"a":5}"#, true), (r#"{"a":4.9}"#, false)]),
    (
        "a|lt: 5.5",
        &[(r#"{"a":5}"#, true), (r#"{"a":5.5}"#, false)],
    ),
    ("a|lte: -1", &[(r#"{"a":-1}"#, true), (r#"{"a":0}"#, false)]),
    (
        "a|minute: 7",
        &[
            (r#"{"a":"2026-02-03T04:07:06Z"}"#, true),
            (r#"{"a":"2026-02-03T04:05:07Z"}"#, false),
        ],
    ),
    (
        "a|hour: 4",
        &[
            (r#"{"a":"2026-02-03T04:05:06Z"}"#, true),
            (r#"{"a":"2026-02-03T05:05:06Z"}"#, false),
        ],
    ),
    (
        "a|day: 3",
        &[
            (r#"{"a":"2026-02-03T04:05:06Z"}"#, true),
            (r#"{"a":"2026-02-04T04:05:06Z"}"#, false),
        ],
    ),
    (
        "a|week: 6",
        &[
            (r#"{"a":"2026-02-03T04:05:06Z"}"#, true),
            (r#"{"a":"2026-02-13T04:05:06Z"}"#, false),
        ],
    ),
    (
        "a|month: 2",
        &[
            (r#"{"a":"2026-02-03T04:05:06Z"}"#, true),
            (r#"{"a":"2026-03-03T04:05:06Z"}"#, false),
        ],
    ),
    (
        "a|year: 2026",
        &[
            (r#"{"a":"2026-02-03T04:05:06Z"}"#, true),
            (r#"{"a":"2025-02-03T04:05:06Z"}"#, false),
        ],
    ),
    (
        "a|base64: Hello",
        &[(r#"{"a":"SGVsbG8="}"#, true), (r#"{"a":"Hello"}"#, false)],
    ),
    (
        "a|base64|contains: foobar",
        &[
            (r#"{"a":"x Zm9vYmFy x"}"#, true),
            (r#"{"a":"foobar"}"#, false),
        ],
    ),
    (
        "a|base64offset|contains: 'http://'",
        &[
            (r#"{"a":"aHR0cDovL2V4"}"#, true),
            (r#"{"a":"eGh0dHA6Ly9leGFt"}"#, true),
            (r#"{"a":"eHhodHRwOi8vZXhhbQ=="}"#, true),
            (r#"{"a":"http://"}"#, false),
        ],
    ),
    (
        "a|wide|base64offset|contains: ping",
        &[
            (r#"{"a":"cABpAG4AZwA="}"#, true),
            (r#"{"a":"cGluZw=="}"#, false),
        ],
    ),
    (
        "a|utf16le|base64: ping",
        &[
            (r#"{"a":"cABpAG4AZwA="}"#, true),
            (r#"{"a":"AHAAaQBuAGc="}"#, false),
        ],
    ),
    (
        "a|utf16be|base64: ping",
        &[
            (r#"{"a":"AHAAaQBuAGc="}"#, true),
            (r#"{"a":"cABpAG4AZwA="}"#, false),
        ],
    ),
    (
        "a|utf16|base64: ping",
        &[
            (r#"{"a":"//5wAGkAbgBnAA=="}"#, true),
            (r#"{"a":"cABpAG4AZwA="}"#, false),
        ],
    ),
    (
        "a|windash|contains: ' -f '",
        &[
            (r#"{"a":"x /f y"}"#, true),
            (r#"{"a":"x –f y"}"#, true),
            (r#"{"a":"x -f y"}"#, true),
            (r#"{"a":"x f y"}"#, false),
        ],
    ),
    (
        "a|expand: '%names%'",
        &[(r#"{"a":"ann"}"#, true), (r#"{"a":"eve"}"#, false)],
    ),
    (
        "a: ['w?o', 'x*', 'y\\*']",
        &[
            (r#"{"a":"WHO"}"#, true),
            (r#"{"a":"xenon"}"#, true),
            (r#"{"a":"y*"}"#, true),
            (r#"{"a":"yy"}"#, false),
        ],
    ),
    (
        "a: null",
        &[
            (r#"{"b":1}"#, true),
            (r#"{"a":null}"#, true),
            (r#"{"a":"x"}"#, false),
        ],
    ),
    ("a: ''", &[(r#"{"a":""}"#, true), (r#"{"b":1}"#, false)]),
];

/// Not the same there, with the row of `docs/sigma-semantics.md` that says why.
const DIFFERENT: &[(&str, &str)] = &[
    ("expand", "| `expand` |"),
    ("base64offset", "| `base64offset` |"),
];

#[test]
fn as_the_oracle_reads_them() {
    let notes = include_str!("../../../../docs/sigma-semantics.md");
    let (lists, diagnostics) = parse_lists("l.yml", "names: [ann, bob]\n");
    assert!(diagnostics.is_empty());
    let mut options = Options::default();
    for (name, values) in lists {
        options = options.placeholder(&name, values);
    }
    let mut wrong = Vec::new();
    for (item, events) in CASES {
        let text = format!(
            "title: T\nid: t\nlogsource:\n    product: p\ndetection:\n    s:\n        {item}\n    condition: s\n"
        );
        let (documents, diagnostics) = parse_rules("t.yml", &text, &options);
        assert_eq!(documents.len(), 1, "{item}: {diagnostics:#?}");
        let (engine, _) = Engine::new(documents);
        let listed = DIFFERENT.iter().find(|(word, _)| item.contains(word));
        if let Some((_, row)) = listed {
            assert!(notes.contains(row), "{row} is not in the notes");
        }
        let mut oracle = rsigma_eval::Engine::new();
        oracle
            .add_collection(&parse_sigma_yaml(&text).unwrap())
            .unwrap();
        for (native, want) in *events {
            let logsource = Logsource {
                product: Some("p".into()),
                ..Logsource::default()
            };
            let event = event_of_json(native, logsource, Norm::default(), Timestamp::UNIX_EPOCH);
            let mut hits = Vec::new();
            engine.match_event(&event, &mut Scratch::new(), &mut hits);
            if hits.is_empty() == *want {
                wrong.push(format!("{item} on {native}: {} here", !want));
            }
            let value: serde_json::Value = serde_json::from_str(native).unwrap();
            let theirs = !oracle.evaluate(&JsonEvent::borrow(&value)).is_empty();
            if theirs != *want && listed.is_none() {
                wrong.push(format!("{item} on {native}: {theirs} there"));
            }
        }
    }
    for modifier in MODIFIERS {
        let used = CASES.iter().any(|(item, _)| {
            let key = item.split(':').next().unwrap_or_default();
            key.split('|').skip(1).any(|m| m == modifier.name)
        });
        assert!(used, "`{}` is not among the cases", modifier.name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
