//! The workbench from the command line: fmt, lint, tune, convert, scorecard.

use std::{collections::BTreeSet, path::PathBuf, process::Output};

use serde_json::Value;

use crate::program::{json, run};

fn text(output: &Output) -> (String, String) {
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

const RULE: &str = "level: high
title: Encoded command
id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11
description: A shell is started with an encoded command.
# how we know
logsource:
  product: windows
  category: process_creation
detection:
  selection:
    Image: '*\\powershell.exe'   # any folder
    CommandLine|contains: ' -enc '
  condition: selection
tests:
- name: it happens
  expect: match
  event: {Image: 'C:\\x\\powershell.exe', CommandLine: 'p -enc A', User: 'CORP\\kim'}
- name: it does not
  expect: none
  event: {Image: 'C:\\x\\powershell.exe', CommandLine: 'p'}
";

#[test]
fn fmt_checks_writes_and_settles() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r.yml");
    std::fs::write(&path, RULE).unwrap();
    let check = run(dir.path(), &["rule", "fmt", "--check", "r.yml"]);
    assert_eq!(check.status.code(), Some(1), "{:?}", text(&check));
    assert!(text(&check).0.contains("r.yml:1:"), "{:?}", text(&check));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), RULE);
    let shown = run(dir.path(), &["rule", "fmt", "--stdout", "r.yml"]);
    assert_eq!(
        run(dir.path(), &["rule", "fmt", "r.yml"]).status.code(),
        Some(0)
    );
    let laid = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text(&shown).0, laid);
    assert!(laid.starts_with("title: Encoded command\nid:"), "{laid}");
    assert!(
        laid.contains("# how we know\nlogsource:\n    category: process_creation\n"),
        "{laid}"
    );
    assert!(laid.contains("   # any folder\n"), "{laid}");
    assert_eq!(
        run(dir.path(), &["rule", "fmt", "--check", "r.yml"])
            .status
            .code(),
        Some(0)
    );
    std::fs::write(&path, "a: [").unwrap();
    assert_eq!(
        run(dir.path(), &["rule", "fmt", "r.yml"]).status.code(),
        Some(2)
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "a: [");
}

#[test]
fn lint_says_allows_denies_and_mends() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r.yml");
    std::fs::write(&path, RULE).unwrap();
    let codes = |args: &[&str]| -> BTreeSet<String> {
        let output = run(dir.path(), args);
        text(&output)
            .0
            .lines()
            .map(|l| {
                serde_json::from_str::<Value>(l).unwrap()["code"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect()
    };
    let found = codes(&["rule", "lint", "--json", "r.yml"]);
    for code in ["R084", "R086", "R102", "R103"] {
        assert!(found.contains(code), "{code}: {found:?}");
    }
    assert!(!found.contains("R123"), "only with --strict: {found:?}");
    assert!(codes(&["rule", "lint", "--json", "--strict", "r.yml"]).contains("R123"));
    // Notes alone are no failure; what is denied is.
    assert_eq!(
        run(dir.path(), &["rule", "lint", "r.yml"]).status.code(),
        Some(0)
    );
    assert_eq!(
        run(dir.path(), &["rule", "lint", "--deny", "R103", "r.yml"])
            .status
            .code(),
        Some(1)
    );
    assert!(!codes(&["rule", "lint", "--json", "--allow", "R103", "r.yml"]).contains("R103"));
    assert_eq!(
        run(dir.path(), &["rule", "lint", "--deny", "R999", "r.yml"])
            .status
            .code(),
        Some(2)
    );
    let sarif = json(dir.path(), &["rule", "lint", "--sarif", "r.yml"]);
    assert_eq!(sarif["version"], "2.1.0");
    assert!(sarif["runs"][0]["results"].as_array().unwrap().len() >= 4);
    assert_eq!(
        run(dir.path(), &["rule", "lint", "--fix", "r.yml"])
            .status
            .code(),
        Some(0)
    );
    // Only what the fix is about has changed.
    let want = RULE.replace(
        "Image: '*\\powershell.exe'",
        "Image|endswith: '\\powershell.exe'",
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), want);
    std::fs::write(&path, format!("# watchfloor: allow R084 R086 ours\n{RULE}")).unwrap();
    let found = codes(&["rule", "lint", "--json", "r.yml"]);
    assert!(
        !found.contains("R084") && !found.contains("R082"),
        "{found:?}"
    );
}

#[test]
fn tune_proves_its_filter_and_writes_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r.yml");
    std::fs::write(&path, RULE).unwrap();
    let event = |user: &str, n: u32| {
        serde_json::json!({"Image": r"C:\Windows\powershell.exe", "CommandLine": format!("p -enc {n}"), "User": user, "ProcessId": n}).to_string()
    };
    let events = [
        event(r"CORP\svc_backup", 1),
        event(r"CORP\kim", 2),
        event(r"CORP\svc_backup", 3),
    ]
    .join("\n");
    std::fs::write(dir.path().join("e.ndjson"), &events).unwrap();
    let source = ["--product", "windows", "--category", "process_creation"];
    let args = |more: &[&'static str]| -> Vec<&'static str> {
        ["rule", "tune", "r.yml", "e.ndjson"]
            .into_iter()
            .chain(source)
            .chain(more.iter().copied())
            .collect()
    };
    let value = json(
        dir.path(),
        &args(&["--false-positives", "1,3", "--also", "e.ndjson", "--json"]),
    );
    assert_eq!(
        value["proposal"]["predicates"][0]["field"], "User",
        "{value}"
    );
    assert_eq!(value["proved"]["false_positives_silenced"], 2);
    assert_eq!(value["proved"]["true_positives_firing"], 1);
    assert_eq!(value["also"][0]["hidden"].as_array().unwrap().len(), 2);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), RULE);
    let applied = run(dir.path(), &args(&["--false-positives", "1,3", "--apply"]));
    assert_eq!(applied.status.code(), Some(0), "{:?}", text(&applied));
    let now = std::fs::read_to_string(&path).unwrap();
    assert!(now.contains("  filter_main_user:\n    User: 'CORP\\svc_backup'\n  condition: selection and not filter_main_user\n"), "{now}");
    assert!(now.contains("# how we know") && now.contains("# any folder"));
    assert_eq!(
        run(dir.path(), &["rule", "test", "r.yml"]).status.code(),
        Some(0)
    );
    // A finding that the chosen ones cannot be told apart from.
    let same = run(
        dir.path(),
        &args(&["--false-positives", "2", "--fp", "e.ndjson"]),
    );
    assert_ne!(same.status.code(), Some(0), "{:?}", text(&same));
    let missing = run(dir.path(), &args(&["--false-positives", "9"]));
    assert_eq!(missing.status.code(), Some(2), "{:?}", text(&missing));
}

#[test]
fn scorecards_say_what_to_do_and_why() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("r.yml"),
        RULE.replace("level: high\n", "level: high\nstatus: deprecated\n"),
    )
    .unwrap();
    let output = run(dir.path(), &["rule", "scorecard", "r.yml", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let value: Value = serde_json::from_str(&text(&output).0).unwrap();
    assert_eq!(value["rules"][0]["advice"], "retire");
    let markdown = run(dir.path(), &["rule", "scorecard", "--markdown"]);
    assert!(
        text(&markdown).0.starts_with("| advice | rule |"),
        "{:?}",
        text(&markdown)
    );
    assert!(text(&markdown).0.lines().count() > 20);
}

#[test]
fn without_sigma_cli_the_way_to_it_is_said_and_plain_rules_are_written() {
    let dir = tempfile::tempdir().unwrap();
    let output = run(
        dir.path(),
        &[
            "rule",
            "convert",
            "--target",
            "splunk",
            "--sigma-cli",
            "./no-such-program",
        ],
    );
    assert_eq!(output.status.code(), Some(3));
    assert!(
        text(&output).1.contains("pip install sigma-cli"),
        "{:?}",
        text(&output)
    );
    let output = run(
        dir.path(),
        &["rule", "convert", "--target", "splunk", "--emit", "out"],
    );
    assert_eq!(output.status.code(), Some(0), "{:?}", text(&output));
    let rule = std::fs::read_to_string(dir.path().join("out/rule-00001.yml")).unwrap();
    assert!(
        rule.starts_with("title: ") && !rule.contains("\ntests:"),
        "{rule}"
    );
    assert!(dir.path().join("out/pipeline.yml").exists());
    let option = run(dir.path(), &["rule", "convert", "--target", "--help-me"]);
    assert_eq!(option.status.code(), Some(2));
}

/// Every rule of ours converts, or `docs/convert.md` says why not.
#[test]
fn our_rules_convert_or_the_reason_is_documented() {
    let sigma = std::env::var_os("WATCHFLOOR_CLIENTS")
        .map(|python| PathBuf::from(python).with_file_name("sigma"))
        .filter(|sigma| sigma.exists());
    let Some(sigma) = sigma else {
        eprintln!("skipped: WATCHFLOOR_CLIENTS names no Python with sigma-cli");
        return;
    };
    let documented = include_str!("../../../../docs/convert.md");
    for target in ["splunk", "elasticsearch-lucene"] {
        let dir = tempfile::tempdir().unwrap();
        let output = run(
            dir.path(),
            &[
                "rule",
                "convert",
                "--target",
                target,
                "--json",
                "--sigma-cli",
                sigma.to_str().unwrap(),
            ],
        );
        let (stdout, stderr) = text(&output);
        let all: Vec<Value> = stdout
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        assert!(all.len() > 20, "{stderr}");
        let failed: BTreeSet<String> = all
            .iter()
            .filter(|v| v["query"].is_null())
            .map(|v| v["rule"]["title"].as_str().unwrap().to_owned())
            .collect();
        let said: BTreeSet<String> = documented
            .lines()
            .filter_map(|l| l.strip_prefix(&format!("| `{target}` | ")))
            .filter_map(|l| l.split(" | ").next().map(str::to_owned))
            // Another table names pipelines, not rules.
            .filter(|title| !title.starts_with('`'))
            .collect();
        assert_eq!(
            failed, said,
            "{target}: docs/convert.md is not what happens\n{stderr}"
        );
        assert!(
            all.iter()
                .filter(|v| !v["query"].is_null())
                .all(|v| v["query"].as_str().unwrap().len() > 10)
        );
    }
}
