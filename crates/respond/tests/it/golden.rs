//! A journal written by an earlier version still reads: one line for each kind of entry, never
//! edited, only added to.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use watchfloor_respond::Entry;

const GOLDEN: &str = include_str!("golden.jsonl");

#[test]
fn every_line_reads_and_writes_the_same() {
    for line in GOLDEN.lines() {
        let entry: Entry = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let written = serde_json::to_value(&entry).unwrap();
        assert_eq!(written, serde_json::from_str::<Value>(line).unwrap());
    }
}

#[test]
fn every_kind_of_entry_has_a_line() {
    let lines: Vec<Value> = GOLDEN
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    for module in ["alert", "incident", "run", "oncall", "rule", "suppression"] {
        let seen: BTreeSet<&str> = lines
            .iter()
            .filter(|line| line["module"] == module)
            .filter_map(|line| line["entry"]["type"].as_str())
            .collect();
        let expected = kinds(&json!({"module": module, "entry": {"type": "?"}}));
        assert_eq!(
            seen,
            expected.iter().map(String::as_str).collect(),
            "{module}"
        );
    }
    let seen: BTreeSet<&str> = lines
        .iter()
        .filter_map(|l| l["entry"]["wait"]["for"].as_str())
        .collect();
    let mut wait = lines
        .iter()
        .find(|l| l["entry"]["type"] == "waiting")
        .unwrap()
        .clone();
    wait["entry"]["wait"] = json!({"for": "?"});
    assert_eq!(seen, kinds(&wait).iter().map(String::as_str).collect());
}

/// The kinds that the reader knows, from what it says about one that it does not.
fn kinds(unknown: &Value) -> BTreeSet<String> {
    let said = serde_json::from_value::<Entry>(unknown.clone())
        .unwrap_err()
        .to_string();
    let (_, list) = said.split_once("expected ").unwrap();
    list.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}
