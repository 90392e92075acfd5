//! Working with rules from the command line.

use std::io::Write as _;

use serde_json::Value;

use crate::program::{json, run};

/// Gateway records: one repeats a canary, one does not.
const CALLS: &str = r#"{"id":"1","call_type":"acompletion","status":"success","model":"m","end_user":"kim","response":{"choices":[{"message":{"role":"assistant","content":"It is wfc-0123456789abcdef."}}]}}
{"id":"2","call_type":"acompletion","status":"success","model":"m","end_user":"kim","response":{"choices":[{"message":{"role":"assistant","content":"Hello."}}]}}
"#;

fn text(output: &std::process::Output) -> (String, String) {
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
fn a_new_rule_passes_lint_and_test_and_is_not_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let made = run(
        dir.path(),
        &[
            "rule",
            "new",
            "It's a test: of quotes",
            "--category",
            "mcp",
            "--out",
            "r.yml",
        ],
    );
    assert_eq!(made.status.code(), Some(0), "{:?}", text(&made));
    assert_eq!(
        run(dir.path(), &["rule", "lint", "r.yml"]).status.code(),
        Some(0)
    );
    let tested = json(dir.path(), &["rule", "test", "r.yml", "--json"]);
    assert_eq!(
        (tested["passed"].as_u64(), tested["failed"].as_u64()),
        (Some(3), Some(0))
    );
    let again = run(dir.path(), &["rule", "new", "x", "--out", "r.yml"]);
    assert_eq!(again.status.code(), Some(3));
    assert_eq!(
        run(dir.path(), &["rule", "new", "two\nlines"])
            .status
            .code(),
        Some(2)
    );
}

#[test]
fn rules_run_over_packed_files_and_arrays_through_a_mapping() {
    let dir = tempfile::tempdir().unwrap();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(CALLS.as_bytes()).unwrap();
    std::fs::write(dir.path().join("calls.ndjson.gz"), gz.finish().unwrap()).unwrap();
    std::fs::write(
        dir.path().join("calls.zst"),
        zstd::encode_all(CALLS.as_bytes(), 1).unwrap(),
    )
    .unwrap();
    let array = format!("[{}]", CALLS.trim().replace('\n', ","));
    std::fs::write(dir.path().join("calls.json"), array).unwrap();
    let output = run(
        dir.path(),
        &[
            "rule",
            "run",
            "--source",
            "litellm",
            "--json",
            "calls.ndjson.gz",
            "calls.zst",
            "calls.json",
        ],
    );
    let (stdout, stderr) = text(&output);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    let findings: Vec<Value> = stdout
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(findings.len(), 3, "{stdout}");
    for (finding, file) in findings
        .iter()
        .zip(["calls.ndjson.gz", "calls.zst", "calls.json"])
    {
        assert_eq!(
            (
                finding["event"]["file"].as_str(),
                finding["event"]["index"].as_u64()
            ),
            (Some(file), Some(0))
        );
        assert_eq!(finding["rule"]["title"], "Canary in a model's output");
        assert!(
            finding["matched"][0]["value"]
                .as_str()
                .unwrap()
                .contains("wfc-"),
            "{finding}"
        );
    }
    assert!(stderr.contains("6 records, 0 not read"), "{stderr}");
    let calm = run(
        dir.path(),
        &[
            "rule",
            "run",
            "--source",
            "litellm",
            "--fail-on",
            "fatal",
            "calls.json",
        ],
    );
    assert_eq!(calm.status.code(), Some(0), "{:?}", text(&calm));
    let wrong = run(
        dir.path(),
        &["rule", "run", "--source", "nowhere", "calls.json"],
    );
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        text(&wrong).1.contains("litellm"),
        "the sources that there are"
    );
    std::fs::write(dir.path().join("broken.json"), "[{\"a\":1},{\"b\":").unwrap();
    let broken = run(dir.path(), &["rule", "run", "broken.json"]);
    // A record that is not whole is an error of that record.
    assert_eq!(broken.status.code(), Some(0));
    assert!(
        text(&broken)
            .1
            .contains("broken.json:2: not read: not JSON"),
        "{:?}",
        text(&broken)
    );
}

#[test]
fn explain_says_predicate_by_predicate_why() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("calls.ndjson"), CALLS).unwrap();
    let ask = |record: &str| {
        run(
            dir.path(),
            &[
                "rule",
                "explain",
                "canary_in_output",
                "calls.ndjson",
                "--source",
                "litellm",
                "--record",
                record,
            ],
        )
    };
    let first = ask("1");
    assert_eq!(first.status.code(), Some(1));
    let (said, _) = text(&first);
    assert!(
        said.contains(": matches")
            && said.contains("wfc-0123456789abcdef")
            && said.contains("the field is absent"),
        "{said}"
    );
    let second = ask("2");
    assert_eq!(second.status.code(), Some(0));
    assert!(
        text(&second).0.contains("does not match"),
        "{:?}",
        text(&second)
    );
    assert_eq!(ask("3").status.code(), Some(2));
}

#[test]
fn coverage_counts_only_what_a_test_shows() {
    let dir = tempfile::tempdir().unwrap();
    let all = json(dir.path(), &["rule", "coverage", "--json"]);
    let tested = all
        .as_array()
        .unwrap()
        .iter()
        .filter(|t| !t["tested"].as_array().unwrap().is_empty())
        .count();
    assert!(tested > 10, "{tested}");
    std::fs::write(
        dir.path().join("untested.yml"),
        "title: Untested\nid: 6f8b1a52-0d55-4c73-9c0b-50e86e2f6a11\nstatus: test\nlogsource: {category: gen_ai}\ndetection: {s: {a: b}, condition: s}\nlevel: low\ntags: [atlas.aml.t0051]\n",
    )
    .unwrap();
    let one = json(
        dir.path(),
        &["rule", "coverage", "--rules", "untested.yml", "--json"],
    );
    assert_eq!(
        (
            one[0]["technique"].as_str(),
            one[0]["tested"].as_array().map(Vec::len)
        ),
        (Some("AML.T0051"), Some(0)),
        "{one}"
    );
    let layer = json(dir.path(), &["rule", "coverage", "--navigator", "atlas"]);
    assert_eq!(layer["versions"]["layer"], "4.5");
    assert!(
        layer["techniques"]
            .as_array()
            .unwrap()
            .iter()
            .all(|t| t["techniqueID"].as_str().unwrap().starts_with("AML."))
    );
}

#[test]
fn a_rule_is_tried_on_stored_events_before_it_is_enabled() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("calls.ndjson"), CALLS.repeat(3)).unwrap();
    json(
        dir.path(),
        &[
            "event",
            "import",
            "--source",
            "litellm",
            "calls.ndjson",
            "--json",
            "--data-dir",
            "d",
        ],
    );
    let rule = "title: Says hello\nid: 5d1f0a1c-56a1-4d8e-8a08-0f6b27a3c6d2\nstatus: test\nlogsource: {category: gen_ai}\ndetection: {s: {ai.response.text|contains: hello}, condition: s}\nlevel: low\n";
    std::fs::write(dir.path().join("r.yml"), rule).unwrap();
    let output = run(
        dir.path(),
        &["rule", "backtest", "r.yml", "--json", "--data-dir", "d"],
    );
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (
            output.status.code(),
            found["events"].as_u64(),
            found["rules"][0]["findings"].as_u64()
        ),
        (Some(1), Some(6), Some(3)),
        "{found}"
    );
    assert_eq!(found["rules"][0]["newest"].as_array().unwrap().len(), 3);
    let alerts = json(dir.path(), &["alert", "list", "--json", "--data-dir", "d"]);
    assert!(
        alerts
            .as_array()
            .unwrap()
            .iter()
            .all(|a| a["title"] != "Says hello"),
        "nothing is kept of a backtest"
    );
    std::fs::write(
        dir.path().join("bad.yml"),
        rule.replace("condition: s", "condition: nothing"),
    )
    .unwrap();
    let bad = run(
        dir.path(),
        &["rule", "backtest", "bad.yml", "--data-dir", "d"],
    );
    assert_eq!(bad.status.code(), Some(2));
    assert!(text(&bad).1.contains("rule.yml:"), "{:?}", text(&bad));
}
