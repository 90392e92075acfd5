//! Matches per second that correlations take, beside `rsigma-eval` on the same events and rules.
//!
//! `whole` is rule and correlation together, from the event in the form that each engine reads
//! (text here, a parsed value there); `alone` is the correlation only, matches given:
//!
//! `cargo bench -p watchfloor-detect --profile dist --bench correlate`

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "a bench fails by panicking"
)]

use divan::{Bencher, counter::ItemsCount};
use rsigma_eval::{CorrelationConfig, CorrelationEngine, JsonEvent};
use rsigma_parser::parse_sigma_yaml;
use watchfloor_detect::{
    Correlator, Engine, Hit, Limits, Options, Scratch, event_of_json, parse_rules,
};
use watchfloor_types::{Event, EventId, Logsource, Norm, Timestamp};

fn main() {
    divan::main();
}

/// Few enough to stay near the core: what is measured is the engine, not the memory.
const EVENTS: usize = 20_000;

/// Name, correlation, distinct values. A window holds 3,600 events, those of 20 groups 180 each.
const KINDS: &[(&str, &str, usize)] = &[
    (
        "event_count",
        "type: event_count\n    group-by: [u]\n    condition: {gte: 100000}",
        1,
    ),
    (
        "value_count of 1,800",
        "type: value_count\n    condition: {field: v, gte: 100000}",
        1_800,
    ),
    (
        "value_sum",
        "type: value_sum\n    group-by: [u]\n    condition: {field: n, gte: 1000000000}",
        1,
    ),
    (
        "value_median",
        "type: value_median\n    condition: {field: n, gte: 100000}",
        1_800,
    ),
    (
        "temporal_ordered",
        "type: temporal_ordered\n    group-by: [u]",
        1,
    ),
];

fn rule(kind: &str) -> String {
    let (_, body, _) = KINDS.iter().find(|(name, ..)| *name == kind).unwrap();
    let rules = if kind.starts_with("temporal") {
        "[a, b]"
    } else {
        "[a]"
    };
    format!(
        "title: X\nid: x\ncorrelation:\n    rules: {rules}\n    timespan: 1h\n    {body}\n---\ntitle: A\nid: a\nname: a\nlogsource:\n    product: p\ndetection:\n    s: {{k: a}}\n    condition: s\n---\ntitle: B\nid: b\nname: b\nlogsource:\n    product: p\ndetection:\n    s: {{k: b}}\n    condition: s\n"
    )
}

/// One a second, so 3,600 in a window, with 1,800 distinct values where values are counted.
fn lines(kind: &str) -> Vec<(i64, String)> {
    let (_, _, distinct) = KINDS.iter().find(|(name, ..)| *name == kind).unwrap();
    (0..EVENTS)
        .map(|n| {
            let value = n % distinct;
            (
                1_700_000_000 + n as i64,
                format!(
                    "{{\"k\":\"a\",\"u\":\"user-{}\",\"v\":\"host-{value}.example.org\",\"n\":{}}}",
                    n % 20,
                    n * 7_919 % 1_000
                ),
            )
        })
        .collect()
}

fn events(kind: &str) -> Vec<Event> {
    let logsource = Logsource {
        product: Some("p".into()),
        ..Logsource::default()
    };
    lines(kind)
        .into_iter()
        .enumerate()
        .map(|(number, (at, text))| {
            let time = Timestamp::from_second(at).unwrap();
            let mut event = event_of_json(&text, logsource.clone(), Norm::default(), time);
            event.id = EventId::of_record(time, 1, number as u32);
            event
        })
        .collect()
}

fn engine(kind: &str) -> Engine {
    let (documents, _) = parse_rules("t.yml", &rule(kind), &Options::default());
    Engine::new(documents).0
}

fn names() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|(name, ..)| *name)
}

#[divan::bench(args = names(), sample_count = 12, sample_size = 1)]
fn watchfloor_alone(bencher: Bencher, kind: &str) {
    let (engine, events) = (engine(kind), events(kind));
    let mut scratch = Scratch::new();
    let hits: Vec<Vec<Hit>> = events
        .iter()
        .map(|event| {
            let mut hits = Vec::new();
            engine.match_event(event, &mut scratch, &mut hits);
            hits
        })
        .collect();
    bencher
        .counter(ItemsCount::new(events.len()))
        .bench_local(|| {
            let mut correlator = Correlator::new(&engine, Limits::default());
            let mut out = Vec::new();
            for (event, hits) in events.iter().zip(&hits) {
                correlator.feed(event, hits, &mut out, event.time);
            }
            (correlator, out)
        });
}

#[divan::bench(args = names(), sample_count = 12, sample_size = 1)]
fn watchfloor_whole(bencher: Bencher, kind: &str) {
    let (engine, events) = (engine(kind), events(kind));
    let mut scratch = Scratch::new();
    bencher
        .counter(ItemsCount::new(events.len()))
        .bench_local(|| {
            let mut correlator = Correlator::new(&engine, Limits::default());
            let (mut out, mut hits) = (Vec::new(), Vec::new());
            for event in &events {
                hits.clear();
                engine.match_event(event, &mut scratch, &mut hits);
                correlator.feed(event, &hits, &mut out, event.time);
            }
            (correlator, out)
        });
}

/// Sorting a window at every event takes minutes.
fn names_there() -> impl Iterator<Item = &'static str> {
    names().filter(|name| *name != "value_median")
}

#[divan::bench(args = names_there(), sample_count = 3, sample_size = 1)]
fn rsigma_alone(bencher: Bencher, kind: &str) {
    let collection = parse_sigma_yaml(&rule(kind)).unwrap();
    let values: Vec<(i64, serde_json::Value)> = lines(kind)
        .into_iter()
        .map(|(at, text)| (at, serde_json::from_str(&text).unwrap()))
        .collect();
    let mut engine = CorrelationEngine::new(CorrelationConfig::default());
    engine.add_collection(&collection).unwrap();
    let found = engine.evaluate(&JsonEvent::borrow(&values[0].1));
    bencher
        .counter(ItemsCount::new(values.len()))
        .with_inputs(|| {
            let mut engine = CorrelationEngine::new(CorrelationConfig::default());
            engine.add_collection(&collection).unwrap();
            engine
        })
        .bench_local_values(|mut engine| {
            let mut total = 0;
            for (at, value) in &values {
                let event = JsonEvent::borrow(value);
                total += engine
                    .process_with_detections(&event, found.clone(), *at)
                    .len();
            }
            (engine, total)
        });
}

#[divan::bench(args = names_there(), sample_count = 3, sample_size = 1)]
fn rsigma_whole(bencher: Bencher, kind: &str) {
    let collection = parse_sigma_yaml(&rule(kind)).unwrap();
    let values: Vec<(i64, serde_json::Value)> = lines(kind)
        .into_iter()
        .map(|(at, text)| (at, serde_json::from_str(&text).unwrap()))
        .collect();
    bencher
        .counter(ItemsCount::new(values.len()))
        .with_inputs(|| {
            let mut engine = CorrelationEngine::new(CorrelationConfig::default());
            engine.add_collection(&collection).unwrap();
            engine
        })
        .bench_local_values(|mut engine| {
            let mut total = 0;
            for (at, value) in &values {
                total += engine
                    .process_event_at(&JsonEvent::borrow(value), *at)
                    .len();
            }
            (engine, total)
        });
}
