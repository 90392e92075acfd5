//! `SigmaHQ`'s own true positives: each event must match its rule.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use watchfloor_detect::{Engine, Options, event_of_json, parse_rules};
use watchfloor_types::{Logsource, Norm, RuleId, Timestamp};

use crate::corpus;

/// An event in EVTX shape with its fields at the top (Sigma 2.1, "Field Usage", 3).
fn flatten(event: &Value) -> Value {
    let mut out = Map::new();
    let inner = event.get("Event").unwrap_or(event);
    if let Some(system) = inner.get("System").and_then(Value::as_object) {
        for (key, value) in system {
            match value.get("#attributes").and_then(Value::as_object) {
                Some(attributes) => {
                    for (name, value) in attributes {
                        out.insert(format!("{key}_{name}"), value.clone());
                    }
                    if let Some(text) = value.get("#text") {
                        out.insert(key.clone(), text.clone());
                    }
                }
                None => {
                    out.insert(key.clone(), value.clone());
                }
            }
        }
    }
    if let Some(data) = inner.get("EventData").and_then(Value::as_object) {
        out.extend(data.clone());
    }
    if let Some(data) = inner.get("UserData").and_then(Value::as_object) {
        for value in data.values() {
            out.extend(value.as_object().cloned().unwrap_or_default());
        }
    }
    Value::Object(out)
}

#[test]
fn regression_cases_fire() {
    let Some(folder) = corpus::folder() else {
        return;
    };
    let documents: Vec<_> = corpus::rules(&folder)
        .iter()
        .flat_map(|(path, text)| parse_rules(path, text, &Options::default()).0)
        .collect();
    let (engine, _) = Engine::new(documents);
    let files: BTreeMap<String, Vec<u8>> =
        corpus::files(&folder.join("sigma/regression_dev.tar.zst"))
            .into_iter()
            .collect();
    let (mut fired, mut silent) = (0, Vec::new());
    for (name, info) in files.iter().filter(|(name, _)| name.ends_with("info.yml")) {
        let dir = name.trim_end_matches("info.yml");
        let info = String::from_utf8(info.clone()).unwrap();
        let metadata = info.split("rule_metadata:").nth(1).unwrap();
        let id: RuleId = metadata
            .split("id:")
            .nth(1)
            .unwrap()
            .split_whitespace()
            .next()
            .unwrap()
            .parse()
            .unwrap();
        let Some((_, body)) = files
            .iter()
            .find(|(n, _)| n.starts_with(dir) && (n.ends_with(".json") || n.ends_with(".raw")))
        else {
            silent.push(format!("{id} has no event"));
            continue;
        };
        let text = String::from_utf8_lossy(body)
            .trim_start_matches('\u{feff}')
            .to_owned();
        // A file holds one event or several, one after the other; what is not JSON is a raw line.
        let events: Vec<String> = serde_json::Deserializer::from_str(&text)
            .into_iter::<Value>()
            .map_while(Result::ok)
            .map(|event| flatten(&event).to_string())
            .collect();
        let events = if events.is_empty() {
            vec![text]
        } else {
            events
        };
        let explanations: Vec<_> = events
            .iter()
            .map(|native| {
                event_of_json(
                    native,
                    Logsource::default(),
                    Norm::default(),
                    Timestamp::UNIX_EPOCH,
                )
            })
            .map(|event| engine.explain(&id, &event).unwrap())
            .collect();
        if explanations.iter().any(|e| e.holds) {
            fired += 1;
        } else {
            silent.push(format!("{id}: {explanations:#?}"));
        }
    }
    println!("{fired} fired, {} did not", silent.len());
    println!("{}", silent.join("\n"));
    assert_eq!((fired, silent.len()), (129, 0));
}
