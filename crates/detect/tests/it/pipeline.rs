//! Processing pipelines: what they make of rules, and the same as pySigma makes of them.

use std::process::Command;

use watchfloor_detect::{Engine, Options, Scratch, event_of_json, parse_pipeline, parse_rules};
use watchfloor_types::{Logsource, Norm, Timestamp};

const RULE: &str = "title: Rule
id: 6f3e2987-db24-4c78-a860-b4f4095a7095
logsource:
    product: windows
    category: process_creation
detection:
    sel:
        Image|endswith: '\\cmd.exe'
        User: Administrator
    two:
        - CommandLine|contains: whoami
        - Hashes|contains: abc
    condition: sel or two
";

fn matches(pipelines: &[&str], rule: &str, events: &[&str]) -> Vec<bool> {
    let mut options = Options::default();
    for text in pipelines {
        let (pipeline, diagnostics) = parse_pipeline("p.yml", text);
        options = options.pipeline(pipeline.unwrap_or_else(|| panic!("{diagnostics:#?}")));
    }
    let (documents, diagnostics) = parse_rules("r.yml", rule, &options);
    assert!(!documents.is_empty(), "{diagnostics:#?}");
    let (engine, _) = Engine::new(documents);
    let logsource = Logsource {
        product: Some("windows".into()),
        category: Some("process_creation".into()),
        service: None,
    };
    events
        .iter()
        .map(|text| {
            let event = event_of_json(
                text,
                logsource.clone(),
                Norm::default(),
                Timestamp::UNIX_EPOCH,
            );
            let mut hits = Vec::new();
            engine.match_event(&event, &mut Scratch::new(), &mut hits);
            !hits.is_empty()
        })
        .collect()
}

const MAPPING: &str = "name: ecs
priority: 20
transformations:
    - id: map
      type: field_name_mapping
      mapping:
          Image: process.executable
          User: [user.name, winlog.user]
          CommandLine: process.command_line
      rule_conditions:
          - type: logsource
            product: windows
";

#[test]
fn names_are_exchanged() {
    let cmd = r#""process":{"executable":"C:\\a\\CMD.exe","command_line":"x"}"#;
    let events = [
        format!("{{{cmd},\"user\":{{\"name\":\"administrator\"}}}}"),
        format!("{{{cmd},\"winlog\":{{\"user\":\"administrator\"}}}}"),
        format!("{{{cmd},\"User\":\"administrator\"}}"),
        "{\"process.command_line\":\"run WhoAmI\"}".to_owned(),
        "{\"CommandLine\":\"run WhoAmI\"}".to_owned(),
        "{\"Hashes\":\"xABCx\"}".to_owned(),
    ];
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    assert_eq!(
        matches(&[MAPPING], RULE, &events),
        [true, true, false, true, false, true]
    );
    let other = MAPPING.replace("product: windows", "product: linux");
    assert_eq!(
        matches(&[&other], RULE, &events),
        [false, false, false, false, true, true]
    );
    let but = format!(
        "{MAPPING}      field_name_conditions:\n          - type: exclude_fields\n            fields: [CommandLine]\n"
    );
    assert_eq!(matches(&[&but], RULE, &events[3..5]), [false, true]);
    // In the order of priority, whatever the order given.
    let first = "name: first\npriority: 10\ntransformations:\n    - type: field_name_mapping\n      mapping: {CommandLine: cmd}\n";
    let then = "name: then\npriority: 30\ntransformations:\n    - type: field_name_prefix\n      prefix: win.\n";
    assert_eq!(
        matches(
            &[then, first],
            RULE,
            &["{\"win.cmd\":\"whoami\"}", "{\"cmd\":\"whoami\"}"]
        ),
        [true, false]
    );
}

#[test]
fn everything_else_about_a_rule() {
    let one = |body: &str, event: &str| {
        let text = format!("name: p\ntransformations:\n{body}");
        matches(&[&text], RULE, &[event])[0]
    };
    let who = "{\"CommandLine\":\"whoami\"}";
    assert!(one("    - {type: set_state, key: a, val: b}\n", who));
    assert!(!one(
        "    - {type: change_logsource, product: windows, service: sysmon}\n",
        who
    ));
    assert!(!one(
        "    - {type: add_condition, conditions: {Channel: Sysmon}}\n",
        who
    ));
    assert!(one(
        "    - {type: add_condition, conditions: {Channel: Sysmon}}\n",
        "{\"CommandLine\":\"whoami\",\"Channel\":\"sysmon\"}"
    ));
    assert!(!one(
        "    - {type: add_condition, negated: true, conditions: {Channel: Sysmon}}\n",
        "{\"CommandLine\":\"whoami\",\"Channel\":\"sysmon\"}"
    ));
    assert!(one(
        "    - {type: replace_string, regex: '^who(am)i$', replacement: 'I \\1'}\n",
        "{\"CommandLine\":\"i am\"}"
    ));
    assert!(one(
        "    - {type: map_string, mapping: {Administrator: [ann, bob]}}\n",
        "{\"Image\":\"c:\\\\cmd.exe\",\"User\":\"bob\"}"
    ));
    assert!(!one(
        "    - {type: drop_detection_item, field_name_conditions: [{type: include_fields, fields: [CommandLine]}]}\n",
        who
    ));
    assert!(one(
        "    - {type: drop_detection_item, field_name_conditions: [{type: include_fields, fields: [User]}]}\n",
        "{\"Image\":\"c:\\\\cmd.exe\"}"
    ));
    assert!(one(
        "    - {type: field_name_suffix, suffix: .raw, detection_item_conditions: [{type: match_string, pattern: who}]}\n",
        "{\"CommandLine.raw\":\"whoami\"}"
    ));
    assert!(one(
        "    - {type: set_state, key: a, val: b}\n    - {type: field_name_prefix_mapping, mapping: {Command: cmd.}, rule_conditions: [{type: processing_state, key: a, val: b}]}\n",
        "{\"cmd.Line\":\"whoami\"}"
    ));
    let vars =
        "name: p\nvars: {admins: [ann, bob]}\ntransformations:\n    - type: value_placeholders\n";
    let rule = RULE
        .replace("User: Administrator", "User|expand: '%admins%'")
        .replace("sel or two", "sel");
    let events = [
        "{\"Image\":\"c:\\\\cmd.exe\",\"User\":\"BOB\"}",
        "{\"Image\":\"c:\\\\cmd.exe\",\"User\":\"eve\"}",
    ];
    assert_eq!(matches(&[vars], &rule, &events), [true, false]);
    assert_eq!(
        matches(
            &["name: p\ntransformations:\n    - type: wildcard_placeholders\n"],
            &rule,
            &events
        ),
        [true, true]
    );
    let (pipeline, _) = parse_pipeline(
        "p.yml",
        "name: p\ntransformations:\n    - {type: rule_failure, message: not collected, rule_conditions: [{type: logsource, category: process_creation}]}\n",
    );
    let (documents, diagnostics) = parse_rules(
        "r.yml",
        RULE,
        &Options::default().pipeline(pipeline.unwrap()),
    );
    assert!(documents.is_empty());
    assert_eq!(diagnostics[0].code, "R073");
    assert!(diagnostics[0].message.contains("not collected"));
}

/// Both sides' field names and values, from pySigma where the test's Python has it.
#[test]
fn as_pysigma_fits_them() {
    let script = r"
import sys, yaml
from sigma.collection import SigmaCollection
from sigma.processing.pipeline import ProcessingPipeline
rules = SigmaCollection.from_yaml(open(sys.argv[1]).read())
pipeline = ProcessingPipeline.from_yaml(open(sys.argv[2]).read())
for rule in rules:
    pipeline.apply(rule)
    # A condition that is added stands in the parsed one only.
    fitted = rule.to_dict()
    fitted['detection']['condition'] = [c.condition for c in rule.detection.parsed_condition]
    print(yaml.safe_dump(fitted))
";
    let python = std::env::var("WATCHFLOOR_CLIENTS").unwrap_or_else(|_| "python3".to_owned());
    let there = Command::new(&python)
        .args(["-c", "import sigma.processing.pipeline, yaml"])
        .output();
    if !there.is_ok_and(|o| o.status.success()) {
        println!("skipped: no pySigma in {python}");
        return;
    }
    let dir = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let (rule, pipeline) = (dir.join("rule.yml"), dir.join("pipeline.yml"));
    std::fs::write(&rule, RULE).unwrap();
    let events = [
        "{\"process\":{\"executable\":\"c:\\\\cmd.exe\"},\"user\":{\"name\":\"administrator\"}}",
        "{\"process\":{\"executable\":\"c:\\\\cmd.exe\"},\"winlog\":{\"user\":\"administrator\"}}",
        "{\"process\":{\"command_line\":\"whoami\"}}",
        "{\"CommandLine\":\"whoami\"}",
        "{\"win.CommandLine\":\"whoami\"}",
        "{\"CommandLine\":\"id\"}",
        "{\"CommandLine\":\"whoami\",\"Channel\":\"sysmon\"}",
        "{\"Image\":\"c:\\\\cmd.exe\"}",
    ];
    let mapping = MAPPING.replace("[user.name, winlog.user]", "user.name");
    for text in [
        mapping.as_str(),
        "name: p\npriority: 1\ntransformations:\n    - {type: field_name_prefix, prefix: win.}\n",
        "name: p\npriority: 1\ntransformations:\n    - {type: replace_string, regex: whoami, replacement: id}\n",
        "name: p\npriority: 1\ntransformations:\n    - {type: map_string, mapping: {whoami: id}}\n",
        "name: p\npriority: 1\ntransformations:\n    - {type: add_condition, conditions: {Channel: Sysmon}}\n",
        "name: p\npriority: 1\ntransformations:\n    - {type: change_logsource, category: process_creation, product: linux}\n",
        "name: p\npriority: 1\ntransformations:\n    - {type: drop_detection_item, field_name_conditions: [{type: include_fields, fields: [User]}]}\n",
    ] {
        std::fs::write(&pipeline, text).unwrap();
        let output = Command::new(&python)
            .args(["-c", script])
            .arg(&rule)
            .arg(&pipeline)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let fitted = String::from_utf8(output.stdout).unwrap();
        assert_eq!(
            matches(&[text], RULE, &events),
            matches(&[], &fitted, &events),
            "{text}\n{fitted}"
        );
    }
}
