//! Events per second, this engine beside `rsigma-eval`, same rules and events, JSON parsing
//! included, each event with its exact logsource:
//!
//! `WATCHFLOOR_CORPUS=… cargo bench -p watchfloor-detect --profile dist`

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::case_sensitive_file_extension_comparisons,
    reason = "a bench fails by panicking"
)]

use divan::{Bencher, counter::ItemsCount};
use rsigma_eval::event::JsonEvent;
use rsigma_parser::LogSource;
use watchfloor_detect::{Engine, Options, Scratch, event_of_json, parse_rules};
use watchfloor_types::{Event, Norm, Timestamp};

#[path = "../tests/it/corpus.rs"]
mod corpus;

fn main() {
    divan::main();
}

/// Every how many of the Windows events; all others are in.
const STRIDE: usize = 3;

#[divan::bench(sample_count = 12, sample_size = 1)]
fn watchfloor(bencher: Bencher) {
    let Some(folder) = corpus::folder() else {
        return;
    };
    let documents: Vec<_> = corpus::rules(&folder)
        .iter()
        .flat_map(|(path, text)| parse_rules(path, text, &Options::default()).0)
        .collect();
    let (engine, _) = Engine::new(documents);
    let events: Vec<Event> = corpus::events(&folder, STRIDE)
        .iter()
        .map(|(line, source)| {
            event_of_json(
                line,
                corpus::logsource(source),
                Norm::default(),
                Timestamp::UNIX_EPOCH,
            )
        })
        .collect();
    let mut scratch = Scratch::new();
    let mut hits = Vec::new();
    bencher
        .counter(ItemsCount::new(events.len()))
        .bench_local(|| {
            let mut total = 0;
            for event in &events {
                hits.clear();
                engine.match_event(event, &mut scratch, &mut hits);
                total += hits.len();
            }
            total
        });
}

#[divan::bench(sample_count = 12, sample_size = 1)]
fn rsigma(bencher: Bencher) {
    let Some(folder) = corpus::folder() else {
        return;
    };
    let parsed: Vec<_> = corpus::rules(&folder)
        .iter()
        .flat_map(|(_, text)| rsigma_parser::parse_sigma_yaml(text).unwrap().rules)
        .collect();
    let mut engine = rsigma_eval::Engine::new();
    assert!(engine.add_rules(&parsed).is_empty());
    let events: Vec<(String, LogSource)> = corpus::events(&folder, STRIDE)
        .into_iter()
        .map(|(line, [product, service, category])| {
            (
                line,
                LogSource {
                    product,
                    service,
                    category,
                    ..LogSource::default()
                },
            )
        })
        .collect();
    bencher
        .counter(ItemsCount::new(events.len()))
        .bench_local(|| {
            let mut total = 0;
            for (line, logsource) in &events {
                let value: serde_json::Value = serde_json::from_str(line).unwrap();
                total += engine
                    .evaluate_with_logsource(&JsonEvent::borrow(&value), logsource)
                    .len();
            }
            total
        });
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn watchfloor_load(bencher: Bencher) {
    let Some(folder) = corpus::folder() else {
        return;
    };
    let rules = corpus::rules(&folder);
    bencher
        .counter(ItemsCount::new(rules.len()))
        .bench_local(|| {
            let documents = rules
                .iter()
                .flat_map(|(path, text)| parse_rules(path, text, &Options::default()).0)
                .collect();
            Engine::new(documents)
        });
}
