//! Selectors of array members, beside `rsigma-eval` 0.23.

use rsigma_eval::JsonEvent;
use rsigma_parser::parse_sigma_yaml;
use watchfloor_detect::{Engine, Options, Scratch, event_of_json, parse_rules};
use watchfloor_types::{Logsource, Norm, Timestamp};

const EVENTS: &[&str] = &[
    r#"{"c":[{"ip":"10.0.0.1","p":"tcp"},{"ip":"192.168.0.1","p":"udp"}],"args":["cmd.exe","/c","whoami"]}"#,
    r#"{"c":[{"ip":"10.0.0.1","p":"udp"},{"ip":"192.168.0.1","p":"tcp"}],"args":["/c","cmd.exe"]}"#,
    r#"{"c":[{"ip":"10.0.0.1","p":"tcp"},{"ip":"10.0.0.2","p":"tcp"}],"args":["cmd.exe"]}"#,
    r#"{"c":[],"args":[]}"#,
    r#"{"c":null,"args":null}"#,
    r#"{"other":1}"#,
    r#"{"c":{"ip":"10.0.0.1","p":"tcp"},"args":"cmd.exe"}"#,
    r#"{"c":[{"ip":"10.0.0.9","sub":[{"n":1},{"n":2}]},{"sub":[{"n":3}]}],"args":["a\"b","cmd.exe"]}"#,
    r#"{"d":{"c":[{"ip":"10.0.0.1"}]},"args":[1,2,true]}"#,
    r#"{"a[b]":"x","args":[["cmd.exe"]]}"#,
];

const RULES: &[&str] = &[
    "c[any]:\n            ip|cidr: 10.0.0.0/8\n            p: tcp",
    "c[all]:\n            ip|cidr: 10.0.0.0/8",
    "c[all_or_empty]:\n            ip|cidr: 10.0.0.0/8",
    "c[none]:\n            p: udp",
    "c[any].ip: 10.0.0.2",
    "c[any].ip|startswith: '192.'",
    "c[all].p: tcp",
    "c[any].sub[any].n: 3",
    "c[any].sub[all].n|gte: 1",
    "c[0].ip: 10.0.0.1",
    "c[-1].p: tcp",
    "c[1]:\n            ip|startswith: '192'\n            p: udp",
    "c[any]:\n            one: {ip|cidr: 10.0.0.0/8}\n            two: {p: udp}\n            condition: one and not two",
    "d.c[any].ip: 10.0.0.1",
    "args[any]: cmd.exe",
    "args[all]|contains: c",
    "args[none]: whoami",
    "args[0]: cmd.exe",
    "args[-1]: [whoami, cmd.exe]",
    "args[0]|endswith: '.exe'",
    "args[any]|re: '^/c$'",
    "args[any]: 'a\"b'",
    "a\\[b\\]: x",
];

#[test]
fn as_the_oracle_reads_them() {
    let mut wrong = Vec::new();
    let mut matches = 0;
    for rule in RULES {
        let text = format!(
            "title: T\nid: t\nsigma-version: 3\nlogsource:\n    product: p\ndetection:\n    s:\n        {rule}\n    condition: s\n"
        );
        let (documents, diagnostics) = parse_rules("t.yml", &text, &Options::default());
        assert_eq!(documents.len(), 1, "{rule}: {diagnostics:#?}");
        let (engine, _) = Engine::new(documents);
        let mut oracle = rsigma_eval::Engine::new();
        oracle
            .add_collection(&parse_sigma_yaml(&text).unwrap())
            .unwrap();
        for native in EVENTS {
            let logsource = Logsource {
                product: Some("p".into()),
                ..Logsource::default()
            };
            let event = event_of_json(native, logsource, Norm::default(), Timestamp::UNIX_EPOCH);
            let mut hits = Vec::new();
            engine.match_event(&event, &mut Scratch::new(), &mut hits);
            let ours = !hits.is_empty();
            matches += usize::from(ours);
            let value: serde_json::Value = serde_json::from_str(native).unwrap();
            let theirs = !oracle.evaluate(&JsonEvent::borrow(&value)).is_empty();
            if ours != theirs {
                wrong.push(format!(
                    "{rule}\n  on {native}: {ours} here, {theirs} there"
                ));
            }
        }
    }
    assert!(matches > 40, "{matches}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn brackets_are_letters_before_version_three() {
    let text = "title: T\nid: t\nlogsource:\n    product: p\ndetection:\n    s: {'a[any]': x}\n    condition: s\n";
    for (version, documents) in [
        ("", 1),
        ("sigma-version: 2.1\n", 1),
        ("sigma-version: 3\n", 1),
    ] {
        let (read, _) = parse_rules("t.yml", &format!("{version}{text}"), &Options::default());
        assert_eq!(read.len(), documents);
        let (engine, _) = Engine::new(read);
        for (native, want) in [
            (r#"{"a[any]":"x"}"#, version != "sigma-version: 3\n"),
            (r#"{"a":["x"]}"#, version == "sigma-version: 3\n"),
        ] {
            let logsource = Logsource {
                product: Some("p".into()),
                ..Logsource::default()
            };
            let event = event_of_json(native, logsource, Norm::default(), Timestamp::UNIX_EPOCH);
            let mut hits = Vec::new();
            engine.match_event(&event, &mut Scratch::new(), &mut hits);
            assert_eq!(!hits.is_empty(), want, "{version} {native}");
        }
    }
    let canonical = text.replace("product: p", "category: gen_ai");
    let (read, diagnostics) = parse_rules(
        "t.yml",
        &format!("sigma-version: 3\n{canonical}"),
        &Options::default(),
    );
    assert!(read.is_empty());
    assert_eq!(
        diagnostics.iter().filter(|d| d.code == "R075").count(),
        1,
        "{diagnostics:#?}"
    );
}
