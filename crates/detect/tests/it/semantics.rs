//! What values match what: one line each.

use watchfloor_detect::{Engine, Options, event_of_json, norm_of_json, parse_rules};
use watchfloor_types::{Level, Logsource, Norm, Timestamp};

fn check(detection: &str, event: &str, want: bool) {
    let body: String = detection
        .lines()
        .fold(String::new(), |out, l| out + "    " + l + "\n");
    let condition = if detection.contains("condition:") {
        ""
    } else {
        "    condition: s\n"
    };
    for (category, native) in [("other", true), ("gen_ai", false)] {
        let text = format!(
            "title: t\nid: t\nlogsource:\n    category: {category}\ndetection:\n{body}{condition}"
        );
        let (documents, diagnostics) = parse_rules(
            "t.yml",
            &text,
            &Options::default().placeholder("names", ["ann".to_owned(), "b*b".to_owned()]),
        );
        assert!(
            diagnostics.iter().all(|d| d.level != Level::Error),
            "{diagnostics:?} in {text}"
        );
        let (engine, _) = Engine::new(documents);
        let logsource = Logsource {
            category: Some(category.into()),
            ..Logsource::default()
        };
        let norm = if native {
            Norm::default()
        } else {
            norm_of_json(event).unwrap_or_default()
        };
        let event_made = event_of_json(
            if native { event } else { "" },
            logsource,
            norm,
            Timestamp::UNIX_EPOCH,
        );
        // The canonical view has neither null nor empty containers.
        if !native && (event.contains("null") || event.contains("[]") || !event.starts_with('{')) {
            continue;
        }
        let mut hits = Vec::new();
        engine.match_event(
            &event_made,
            &mut watchfloor_detect::Scratch::new(),
            &mut hits,
        );
        assert_eq!(
            !hits.is_empty(),
            want,
            "{detection} on {event} ({category})"
        );
        let explained = engine
            .explain(engine.documents()[0].meta().id(), &event_made)
            .unwrap();
        assert_eq!(
            explained.holds, want,
            "explained: {detection} on {event}\n{explained:#?}"
        );
    }
}

#[test]
fn values() {
    for (detection, event, want) in [
        // Case, whole values, wildcards.
        ("s: {a: Whoami}", r#"{"a":"WHOAMI"}"#, true),
        ("s: {a: whoami}", r#"{"a":"whoami /all"}"#, false),
        ("s: {a: 'who*'}", r#"{"a":"WhoAmI"}"#, true),
        ("s: {a: 'who?mi'}", r#"{"a":"whoami"}"#, true),
        (r"s: {a: 'who\*'}", r#"{"a":"who*"}"#, true),
        (r"s: {a: 'who\*'}", r#"{"a":"whoami"}"#, false),
        (
            r"s: {a|endswith: '\cmd.exe'}",
            r#"{"a":"C:\\X\\CMD.exe"}"#,
            true,
        ),
        ("s: {a|cased: Whoami}", r#"{"a":"whoami"}"#, false),
        ("s: {a|contains|cased: hoA}", r#"{"a":"whoAmi"}"#, true),
        ("s: {a|contains: 'ÄÖ'}", r#"{"a":"xäöx"}"#, true),
        ("s: {a: 'x*y'}", "{\"a\":\"x\\ny\"}", true),
        // Numbers, booleans, empty, null.
        ("s: {a: 4624}", r#"{"a":4624}"#, true),
        ("s: {a: 4624}", r#"{"a":"4624"}"#, true),
        ("s: {a: '4624'}", r#"{"a":4624}"#, true),
        ("s: {a: 4624}", r#"{"a":46240}"#, false),
        ("s: {a: 1.5}", r#"{"a":1.50}"#, true),
        ("s: {a|contains: 24}", r#"{"a":4624}"#, true),
        ("s: {a: true}", r#"{"a":true}"#, true),
        ("s: {a: 'true'}", r#"{"a":true}"#, true),
        ("s: {a: ''}", r#"{"a":""}"#, true),
        ("s: {a: ''}", r#"{"b":"x"}"#, false),
        ("s: {a: null}", r#"{"b":"x"}"#, true),
        ("s: {a: null}", r#"{"a":null}"#, true),
        ("s: {a: null}", r#"{"a":""}"#, false),
        ("s: {a: '*'}", r#"{"a":"x"}"#, true),
        ("s: {a: '*'}", r#"{"b":"x"}"#, false),
        // Lists.
        ("s: {a: [x, y]}", r#"{"a":"y"}"#, true),
        ("s: {a|contains|all: [x, y]}", r#"{"a":"xzy"}"#, true),
        ("s: {a|contains|all: [x, y]}", r#"{"a":"x"}"#, false),
        ("s: {a: y}", r#"{"a":["x","y"]}"#, true),
        ("s: {a.b: y}", r#"{"a":{"b":["x","y"]}}"#, true),
        ("s: {a.b: y}", r#"{"a.b":"y"}"#, true),
        ("s: [{a: x}, {b: y}]", r#"{"b":"y"}"#, true),
        // Presence.
        ("s: {a|exists: true}", r#"{"a":""}"#, true),
        ("s: {a|exists: true}", r#"{"a":null}"#, true),
        ("s: {a|exists: false}", r#"{"b":1}"#, true),
        ("s: {a|exists: false}", r#"{"a":1}"#, false),
        ("s: {a|neq: x}", r#"{"a":"y"}"#, true),
        ("s: {a|neq: x}", r#"{"a":"X"}"#, false),
        ("s: {a|neq: x}", r#"{"b":"y"}"#, false),
        ("s: {a|contains|neq: [x, y]}", r#"{"a":"zyz"}"#, false),
        // Networks, comparisons, times.
        ("s: {a|cidr: 10.0.0.0/8}", r#"{"a":"10.9.8.7"}"#, true),
        ("s: {a|cidr: 10.0.0.0/8}", r#"{"a":"11.0.0.1"}"#, false),
        (
            "s: {a|cidr: '2001:db8::/32'}",
            r#"{"a":"2001:DB8::1"}"#,
            true,
        ),
        ("s: {a|cidr: 10.0.0.0/8}", r#"{"a":"::1"}"#, false),
        ("s: {a|gte: 10}", r#"{"a":"10"}"#, true),
        ("s: {a|gt: 10}", r#"{"a":10}"#, false),
        ("s: {a|lt: 1.5}", r#"{"a":-3}"#, true),
        ("s: {a|lte: 5}", r#"{"a":"x"}"#, false),
        (
            "s: {a|hour|gte: 22}",
            r#"{"a":"2025-01-01T23:00:00Z"}"#,
            true,
        ),
        ("s: {a|month: 2}", r#"{"a":"2025-01-01T23:00:00Z"}"#, false),
        // Regular expressions.
        ("s: {a|re: '^who.mi$'}", r#"{"a":"whoami"}"#, true),
        ("s: {a|re: 'whoami'}", r#"{"a":"WHOAMI"}"#, false),
        ("s: {a|re|i: 'hoam'}", r#"{"a":"WHOAMI"}"#, true),
        ("s: {a|re|s: 'a.c'}", "{\"a\":\"a\\nc\"}", true),
        ("s: {a|re|m: '^c$'}", "{\"a\":\"a\\nc\"}", true),
        // Other fields.
        ("s: {a|fieldref: b}", r#"{"a":"X","b":"x"}"#, true),
        ("s: {a|fieldref: b}", r#"{"a":"x"}"#, false),
        ("s: {a|fieldref|cased: b}", r#"{"a":"X","b":"x"}"#, false),
        (
            "s: {a|fieldref|endswith: b}",
            r#"{"a":"an/x","b":"x"}"#,
            true,
        ),
        ("s: {a|fieldref: b}", r#"{"a":5,"b":"5"}"#, true),
        // Encodings.
        ("s: {a|base64: foobar}", r#"{"a":"Zm9vYmFy"}"#, true),
        (
            "s: {a|base64offset|contains: foobar}",
            r#"{"a":"xx IGZvb2Jhcg yy"}"#,
            true,
        ),
        (
            "s: {a|wide|base64offset|contains: 'ping'}",
            r#"{"a":"cABpAG4AZwA="}"#,
            true,
        ),
        ("s: {a|windash|contains: ' -f'}", r#"{"a":"x /F"}"#, true),
        ("s: {a|windash|contains: ' /f'}", r#"{"a":"x –f"}"#, true),
        ("s: {a|expand: 'x%names%'}", r#"{"a":"xbob"}"#, true),
        ("s: {a|expand: 'x%names%'}", r#"{"a":"xcid"}"#, false),
        ("s: {a|expand: 'x%other%'}", r#"{"a":"x%other%"}"#, false),
        (r"s: {a|expand: 'x\%names%'}", r#"{"a":"x%names%"}"#, true),
        // Keywords.
        ("s: [evil]", r#"{"x":{"y":["An EVIL thing"]}}"#, true),
        ("s: ['a*b']", r#"{"x":"__a__b__"}"#, true),
        ("s: evil", r#"{"evil":"x"}"#, false),
        ("s: {'|all': [one, two]}", r#"{"x":"one","y":"two"}"#, true),
        ("s: [4625]", r#"{"x":4625}"#, true),
        ("s: [evil]", "plain text, Evil", true),
        // Conditions.
        (
            "s1: {a: x}\ns2: {b: y}\ncondition: 1 of s*",
            r#"{"b":"y"}"#,
            true,
        ),
        (
            "s1: {a: x}\ns2: {b: y}\ncondition: all of them",
            r#"{"b":"y"}"#,
            false,
        ),
        (
            "s1: {a: x}\ns2: {b: y}\ns3: {c: z}\ncondition: 2 of s*",
            r#"{"b":"y","c":"z"}"#,
            true,
        ),
        (
            "s1: {a: x}\ns2: {b: y}\ncondition: not s1 and not s2",
            r#"{"c":1}"#,
            true,
        ),
        (
            "s1: {a: x}\ns2: {b: y}\ncondition: s1 or s2 and not s1",
            r#"{"a":"x"}"#,
            true,
        ),
        (
            "s1: {a: x}\ns2: {b: y}\ncondition: [s1, s2]",
            r#"{"b":"y"}"#,
            true,
        ),
    ] {
        check(detection, event, want);
    }
}
