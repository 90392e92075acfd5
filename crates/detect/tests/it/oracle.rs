//! Correlations and filters beside `rsigma-eval` 0.23 on generated streams.
//!
//! It fires at every event while a condition holds; here a condition is reported when it begins to
//! hold, and again after a timespan (`docs/sigma-semantics.md`, "One finding per what"). The test
//! makes the second out of the first, group by group.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rsigma_eval::{CorrelationConfig, CorrelationEngine, JsonEvent, ResultBody};
use rsigma_parser::parse_sigma_yaml;
use watchfloor_detect::{Correlator, Engine, Limits, Options, Scratch, event_of_json, parse_rules};
use watchfloor_types::{EventId, Finding, Logsource, Norm, Timestamp};

const BASE: &str = "---\ntitle: A\nid: a\nname: a\nlogsource:\n    product: p\ndetection:\n    s: {k: a}\n    condition: s\n---\ntitle: B\nid: b\nname: b\nlogsource:\n    product: p\ndetection:\n    s: {k: b}\n    condition: s\n---\ntitle: C\nid: c\nname: c\nlogsource:\n    product: p\ndetection:\n    s: {k: c}\n    condition: s\n";

const SPAN: i64 = 10;

const RULES: &[&str] = &[
    "    type: event_count\n    rules: [a]\n    condition: {gte: 3}\n",
    "    type: event_count\n    rules: [a, b]\n    condition: {gt: 4}\n",
    "    type: value_count\n    rules: [a]\n    condition: {field: v, gte: 3}\n",
    "    type: value_sum\n    rules: [a]\n    condition: {field: n, gte: 9}\n",
    "    type: value_avg\n    rules: [a]\n    condition: {field: n, gt: 3}\n",
    "    type: value_median\n    rules: [a]\n    condition: {field: n, gte: 3}\n",
    "    type: temporal\n    rules: [a, b, c]\n    condition: {gte: 2}\n",
    "    type: temporal\n    rules: [a, b, c]\n    condition: {gte: 3}\n",
    "    type: temporal\n    rules: [a, b, c]\n    condition: a and (b or c)\n",
    "    type: temporal_ordered\n    rules: [a, b, c]\n    condition: {gte: 3}\n",
    "    type: event_count\n    rules: [a]\n    window: tumbling\n    condition: {gte: 3}\n",
];

fn theirs(rule: &str, events: &[(i64, String)]) -> Vec<i64> {
    let mut engine = CorrelationEngine::new(CorrelationConfig::default());
    engine
        .add_collection(&parse_sigma_yaml(rule).unwrap())
        .unwrap();
    // Group to (fires now, last report).
    let mut last: BTreeMap<String, (bool, Option<i64>)> = BTreeMap::new();
    let mut out = Vec::new();
    let tumbling = rule.contains("tumbling");
    for (at, text) in events {
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        let fired = engine
            .process_event_at(&JsonEvent::borrow(&value), *at)
            .iter()
            .any(|r| matches!(r.body, ResultBody::Correlation(_)));
        // Events of other kinds do not touch the window.
        let kind = value["k"].as_str().unwrap();
        let contributes = rule
            .split("rules: [")
            .nth(1)
            .unwrap()
            .split(']')
            .next()
            .unwrap()
            .contains(kind);
        if !contributes {
            continue;
        }
        let group = value["u"].as_str().unwrap().to_owned();
        let entry = last.entry(group).or_default();
        let bucket = entry
            .1
            .is_some_and(|then| tumbling && then.div_euclid(SPAN) != at.div_euclid(SPAN));
        if fired && (!entry.0 || bucket || entry.1.is_none_or(|then| at - then > SPAN)) {
            out.push(*at);
            entry.1 = Some(*at);
        }
        entry.0 = fired;
    }
    out
}

fn ours(rule: &str, events: &[(i64, String)]) -> Vec<i64> {
    let (documents, diagnostics) = parse_rules("t.yml", rule, &Options::default());
    assert!(diagnostics.is_empty(), "{diagnostics:#?}");
    let (engine, _) = Engine::new(documents);
    let mut correlator = Correlator::new(&engine, Limits::default());
    let mut scratch = Scratch::new();
    let mut out: Vec<Finding> = Vec::new();
    let logsource = Logsource {
        product: Some("p".into()),
        ..Logsource::default()
    };
    for (number, (at, text)) in events.iter().enumerate() {
        let time = Timestamp::from_second(*at).unwrap();
        let mut event = event_of_json(text, logsource.clone(), Norm::default(), time);
        event.id = EventId::of_record(time, 1, number as u32);
        let mut hits = Vec::new();
        engine.match_event(&event, &mut scratch, &mut hits);
        correlator.feed(&event, &hits, &mut out, time);
    }
    out.iter().map(|f| f.time.as_second()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn same_firings(script in proptest::collection::vec((1u8..6, 0usize..3, 0u8..3, 0u8..6), 1..60)) {
        let mut at = 1_000i64;
        let events: Vec<(i64, String)> = script
            .iter()
            .map(|(step, kind, user, value)| {
                at += i64::from(*step);
                let kind = ["a", "b", "c"][*kind];
                (at, format!("{{\"k\":\"{kind}\",\"u\":\"u{user}\",\"v\":\"v{value}\",\"n\":{value}}}"))
            })
            .collect();
        for body in RULES {
            let rule = format!("title: X\nid: x\ncorrelation:\n    group-by: [u]\n    timespan: {SPAN}s\n{body}{BASE}")
                .replace("    condition: {gte: 3}\n", if body.contains("temporal_ordered") { "" } else { "    condition: {gte: 3}\n" });
            prop_assert_eq!(theirs(&rule, &events), ours(&rule, &events), "{}", body);
        }
    }
}

const FILTERED: &str = "title: Rule\nid: rule\nname: rule\nlogsource:\n    product: p\n    category: c\ndetection:\n    one: {k: a}\n    two: {k: b}\n    condition: 1 of them\n---\ntitle: Other\nid: other\nname: other\nlogsource:\n    product: q\ndetection:\n    s: {k: a}\n    condition: s\n---\ntitle: F\nid: f\nlogsource:\n    product: p\nfilter:\n    rules: RULES\n    adm_one: {u: x}\n    adm_two: {v|startswith: y}\n    condition: not adm_one and not adm_two\n";

#[test]
fn filters_as_the_oracle_reads_them() {
    for rules in ["[rule]", "any", "[other]", "rule"] {
        let text = FILTERED.replace("RULES", rules);
        let collection = parse_sigma_yaml(&text).unwrap();
        let mut oracle = rsigma_eval::Engine::new();
        oracle.add_collection(&collection).unwrap();
        let (documents, diagnostics) = parse_rules("t.yml", &text, &Options::default());
        assert!(diagnostics.is_empty(), "{diagnostics:#?}");
        let (engine, diagnostics) = Engine::new(documents);
        assert_eq!(
            diagnostics.len(),
            usize::from(rules == "[other]"),
            "{diagnostics:#?}"
        );
        for (k, u, v) in [
            ("a", "x", "z"),
            ("a", "w", "z"),
            ("b", "w", "yes"),
            ("b", "w", "no"),
            ("c", "w", "no"),
        ] {
            for product in ["p", "q"] {
                let native = format!("{{\"k\":\"{k}\",\"u\":\"{u}\",\"v\":\"{v}\"}}");
                let value: serde_json::Value = serde_json::from_str(&native).unwrap();
                let logsource = rsigma_parser::LogSource {
                    product: Some(product.into()),
                    category: Some("c".into()),
                    ..rsigma_parser::LogSource::default()
                };
                let mut theirs: Vec<String> = oracle
                    .evaluate_with_logsource(&JsonEvent::borrow(&value), &logsource)
                    .into_iter()
                    .filter_map(|r| r.header.rule_id)
                    .collect();
                theirs.sort();
                let logsource = Logsource {
                    product: Some(product.into()),
                    category: Some("c".into()),
                    service: None,
                };
                let event =
                    event_of_json(&native, logsource, Norm::default(), Timestamp::UNIX_EPOCH);
                let mut hits = Vec::new();
                engine.match_event(&event, &mut Scratch::new(), &mut hits);
                let mut ours: Vec<String> = hits
                    .iter()
                    .map(|h| engine.meta(*h).unwrap().id().to_string())
                    .collect();
                ours.sort();
                assert_eq!(ours, theirs, "{rules} {native} {product}");
            }
        }
    }
}

/// The oracle takes patterns in a filter's condition for the rule's own selections; pySigma does
/// not (`docs/sigma-semantics.md`, "Filters").
#[test]
fn patterns_in_a_filter_mean_its_own_selections() {
    let text = FILTERED
        .replace("RULES", "any")
        .replace("not adm_one and not adm_two", "not 1 of them");
    let (documents, diagnostics) = parse_rules("t.yml", &text, &Options::default());
    assert!(diagnostics.is_empty(), "{diagnostics:#?}");
    let (engine, _) = Engine::new(documents);
    for (u, v, want) in [("x", "z", 0), ("w", "y", 0), ("w", "z", 1)] {
        let logsource = Logsource {
            product: Some("p".into()),
            category: Some("c".into()),
            service: None,
        };
        let native = format!("{{\"k\":\"a\",\"u\":\"{u}\",\"v\":\"{v}\"}}");
        let event = event_of_json(&native, logsource, Norm::default(), Timestamp::UNIX_EPOCH);
        let mut hits = Vec::new();
        engine.match_event(&event, &mut Scratch::new(), &mut hits);
        assert_eq!(hits.len(), want, "{native}");
    }
}

#[test]
fn documents_that_share_parts() {
    let text = "action: global\ntitle: Shared\nlogsource:\n    product: p\n---\nid: one\ndetection:\n    s: {k: a}\n    condition: s\n---\naction: repeat\nid: two\ndetection:\n    s: {k: b}\n---\naction: reset\n---\ntitle: Own\nid: three\nlogsource:\n    product: q\ndetection:\n    s: {k: c}\n    condition: s\n";
    let (documents, diagnostics) = parse_rules("t.yml", text, &Options::default());
    assert!(diagnostics.is_empty(), "{diagnostics:#?}");
    let ours: Vec<(String, String)> = documents
        .iter()
        .map(|d| (d.meta().title().to_owned(), d.meta().id().to_string()))
        .collect();
    let theirs: Vec<(String, String)> = parse_sigma_yaml(text)
        .unwrap()
        .rules
        .into_iter()
        .map(|r| (r.title, r.id.unwrap_or_default()))
        .collect();
    assert_eq!(ours, theirs);
    // A change of what is shared is a change of the rule.
    let (other, _) = parse_rules(
        "t.yml",
        &text.replace("product: p", "product: r"),
        &Options::default(),
    );
    assert_ne!(documents[0].meta().version(), other[0].meta().version());
    assert_eq!(documents[2].meta().version(), other[2].meta().version());
}
