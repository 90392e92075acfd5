use watchfloor_types::{Logsource, Norm, Timestamp};

use super::*;
use crate::event_of_json;

const RULE: &str = "title: Encoded command\nid: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11\nlogsource:\n  category: process_creation\n  product: windows\n# why\ndetection:\n  selection:\n    CommandLine|contains: ' -enc '\n  # keep me\n  condition: selection # and me\ntests:\n  - name: an attack\n    expect: match\n    event: {CommandLine: 'powershell -enc AAAA', Image: 'C:\\Windows\\powershell.exe', User: 'CORP\\kim'}\n";

fn event(json: &str) -> Event {
    let logsource = Logsource {
        product: Some("windows".into()),
        category: Some("process_creation".into()),
        service: None,
    };
    event_of_json(json, logsource, Norm::default(), Timestamp::UNIX_EPOCH)
}

fn process(user: &str, parent: &str, n: u32) -> Event {
    event(
        &serde_json::json!({
            "CommandLine": format!("powershell -enc {n}"), "User": user, "ParentImage": parent,
            "ProcessId": n, "UtcTime": format!("2026-01-01 00:00:{n:02}"), "Computer": "ws1",
        })
        .to_string(),
    )
}

const ID: &str = "5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11";

#[test]
fn a_filter_silences_the_false_positives_and_nothing_else() {
    let bad = [
        process("CORP\\svc_backup", r"C:\Program Files\Backup\agent.exe", 1),
        process("CORP\\svc_backup", r"C:\Program Files\Backup\agent.exe", 2),
    ];
    let good = [process("CORP\\kim", r"C:\Windows\explorer.exe", 3)];
    let p = tune("r.yml", RULE, ID, &bad, &good, Form::Selection).unwrap();
    assert_eq!(
        p.filter,
        "filter_main_user:\n    User: 'CORP\\svc_backup'\n"
    );
    // The rest of the file is untouched.
    assert!(
        p.rule.contains("# why\n")
            && p.rule.contains(
                "  # keep me\n  condition: selection and not filter_main_user # and me\n"
            ),
        "{}",
        p.rule
    );
    assert!(
        p.rule
            .contains("  filter_main_user:\n    User: 'CORP\\svc_backup'\n"),
        "{}",
        p.rule
    );
    assert_eq!(p.samples, 1);
    assert_eq!(
        matching("r.yml", &p.rule, ID, &bad).unwrap(),
        [false, false]
    );
    assert_eq!(matching("r.yml", &p.rule, ID, &good).unwrap(), [true]);
    assert_eq!(p.predicates.len(), 1);
    assert_eq!(p.predicates[0].trust, Trust::Identity);
    let p = tune("r.yml", RULE, ID, &bad, &good, Form::Filter).unwrap();
    assert!(
        p.filter.contains("rules:\n        - '5f0c5a5e")
            && p.filter.ends_with("condition: not selection\n"),
        "{}",
        p.filter
    );
    assert_eq!(p.rule, RULE);
}

#[test]
fn what_an_attacker_chooses_is_no_filter() {
    let bad = [
        event(r#"{"CommandLine":"x -enc 1","Image":"C:\\Users\\kim\\tool.exe","ProcessId":1}"#),
        event(r#"{"CommandLine":"x -enc 1","Image":"C:\\Users\\kim\\tool.exe","ProcessId":1}"#),
    ];
    let no = tune("r.yml", RULE, ID, &bad, &[], Form::Selection).unwrap_err();
    assert!(no.reason.contains("weak"), "{no:?}");
    assert!(
        no.refused
            .iter()
            .any(|r| r.field == "CommandLine" && r.reason.contains("attacker")),
        "{no:?}"
    );
    assert!(
        no.refused
            .iter()
            .any(|r| r.field == "ProcessId" && r.reason.contains("changes")),
        "{no:?}"
    );
}

#[test]
fn which_program_it_is_says_nothing_where_the_rule_asks_for_it() {
    let rule = RULE
        .replace(
            "    CommandLine|contains: ' -enc '\n",
            "    Image|endswith: '\\conhost.exe'\n",
        )
        .replace(
            "Image: 'C:\\Windows\\powershell.exe'",
            "Image: 'C:\\x\\conhost.exe'",
        );
    let bad = [event(
        r#"{"Image":"C:\\Windows\\System32\\conhost.exe","Hashes":"MD5=AA","ParentImage":"C:\\Windows\\explorer.exe"}"#,
    )];
    let no = tune("r.yml", &rule, ID, &bad, &[], Form::Selection).unwrap_err();
    assert!(
        no.refused
            .iter()
            .any(|r| r.field == "Hashes" && r.reason.contains("which program")),
        "{no:?}"
    );
}

#[test]
fn what_all_events_of_a_log_share_or_anybody_chooses_is_no_filter() {
    let constant = r#"{"CommandLine":"x -enc 1","CurrentDirectory":"C:\\windows","TargetFilename":"C:\\Program Files\\a\\b.txt","Channel":"Microsoft-Windows-Sysmon/Operational","SourceName":"Sysmon","TimeZone":"Central Europe"}"#;
    let bad = [event(constant), event(constant)];
    let rule = RULE.split("tests:").next().unwrap();
    let no = tune("r.yml", rule, ID, &bad, &[], Form::Selection).unwrap_err();
    assert!(no.reason.contains("weak"), "{no:?}");
    // What a true positive lacks is more than that.
    let good = [event(
        r#"{"CommandLine":"x -enc 1","SourceName":"Other one","TimeZone":"Nowhere"}"#,
    )];
    let p = tune("r.yml", rule, ID, &bad, &good, Form::Selection);
    assert!(p.is_ok_and(
        |p| p.predicates.iter().all(|e| e.trust == Trust::Other) && p.predicates.len() == 2
    ));
}

#[test]
fn true_positives_that_share_everything_are_said() {
    let bad = [process("CORP\\svc", r"C:\Program Files\a.exe", 1)];
    let good = [process("CORP\\svc", r"C:\Program Files\a.exe", 2)];
    let no = tune("r.yml", RULE, ID, &bad, &good, Form::Selection).unwrap_err();
    assert!(
        no.reason.contains("hide") || no.reason.contains("weak"),
        "{no:?}"
    );
    let other = [event(r#"{"CommandLine":"x"}"#)];
    let no = tune("r.yml", RULE, ID, &other, &[], Form::Selection).unwrap_err();
    assert!(no.reason.contains("does not match"), "{no:?}");
}

#[test]
fn wider_predicates_say_why_and_stop_at_separators() {
    let bad: Vec<Event> = (1..7)
        .map(|n| {
            event(&serde_json::json!({"CommandLine": format!("a -enc {n}"), "SourceIp": format!("10.1.2.{n}"), "ParentImage": format!(r"C:\Program Files\Vendor\v{n}\run.exe")}).to_string())
        })
        .collect();
    let p = tune("r.yml", RULE, ID, &bad, &[], Form::Selection).unwrap();
    assert!(
        p.filter
            .contains(r"ParentImage|startswith: 'C:\Program Files\Vendor\'"),
        "{}",
        p.filter
    );
    assert!(p.predicates.iter().all(|e| !e.reason.is_empty()));
}

#[test]
fn conditions_keep_their_meaning() {
    for (condition, want) in [
        ("selection", "selection and not filter_main_user"),
        ("a or b", "(a or b) and not filter_main_user"),
        (
            "selection and not 1 of filter_main_*",
            "selection and not 1 of filter_main_*",
        ),
    ] {
        let rule = RULE
            .replace("condition: selection # and me", &format!("condition: {condition}"))
            .replace("  selection:\n", "  a:\n    CommandLine|contains: ' -enc '\n  b:\n    x: y\n  filter_main_x:\n    User: nobody\n  selection:\n");
        let bad = [process(
            "CORP\\svc_backup",
            r"C:\Program Files\Backup\agent.exe",
            1,
        )];
        let p = tune("r.yml", &rule, ID, &bad, &[], Form::Selection).unwrap();
        assert!(
            p.rule.contains(&format!("condition: {want}\n")),
            "{}",
            p.rule
        );
    }
}
