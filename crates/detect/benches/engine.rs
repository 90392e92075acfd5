//! Figures of the engine beside `rsigma-eval`, on the same rules and events, in turns, in CPU time
//! of one thread. From the line of text to built findings; each event with its logsource.
//!
//! `WATCHFLOOR_CORPUS=… taskset -c 1 cargo bench -p watchfloor-detect --bench engine --profile dist`
//!
//! Names of parts (`tagged untagged fourfold load reload prompt`) run those parts only; `--quick`
//! takes a tenth of the events.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::case_sensitive_file_extension_comparisons,
    reason = "a bench fails by panicking and prints what it saw"
)]

use std::{hint::black_box, time::Duration};

use bytes::Bytes;
use rsigma_eval::event::JsonEvent;
use rsigma_parser::LogSource;
use watchfloor_detect::{Document, Engine, Options, Scratch, event_of_json, parse_rules};
use watchfloor_types::{Event, EventId, Finding, Logsource, Norm, Timestamp};

#[path = "../tests/it/corpus.rs"]
mod corpus;
#[path = "engine/costs.rs"]
mod costs;
#[path = "engine/prompt.rs"]
mod prompt;
#[path = "engine/texts.rs"]
mod texts;

use texts::{turned, without_logsource};

/// Rounds of each engine, in turns.
const ROUNDS: usize = 5;
/// Reloads of a round, and passes over prompts: the clock of CPU time ticks every few milliseconds.
const RELOADS: u32 = 20;
const PASSES: u32 = 40;

fn main() {
    let named: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with("--"))
        .collect();
    let quick = std::env::args().any(|a| a == "--quick");
    let alone = std::env::args().any(|a| a == "--alone");
    let wanted = |part: &str| named.is_empty() || named.iter().any(|n| n == part);
    if wanted("prompt") {
        prompt::prompt();
    }
    let Some(folder) = corpus::folder() else {
        return;
    };
    let rules = corpus::rules(&folder);
    if wanted("load") {
        load(&rules);
    }
    let total = if quick { 12_000 } else { 120_000 };
    if !["tagged", "untagged", "fourfold", "reload"]
        .iter()
        .any(|p| wanted(p))
    {
        return;
    }
    let events = mixed(&folder, total);
    let bytes: usize = events.iter().map(|(line, _)| line.len()).sum();
    println!(
        "{} events, {} B on average",
        events.len(),
        bytes / events.len()
    );
    if wanted("tagged") {
        let ours = Ours::new(&rules, &events);
        let theirs = (!alone).then(|| Theirs::new(&rules, &events));
        compare("tagged", &ours, theirs.as_ref(), events.len());
    }
    if wanted("fourfold") {
        fourfold(&rules, &events);
    }
    if wanted("reload") {
        reload(&rules, &events);
    }
    if wanted("untagged") {
        let rules: Vec<_> = rules
            .iter()
            .map(|(path, text)| (path.clone(), without_logsource(text)))
            .collect();
        let any = || [Some("any".to_owned()), None, None];
        let events: Vec<_> = events.into_iter().map(|(line, _)| (line, any())).collect();
        let ours = Ours::new(&rules, &events);
        let theirs = (!alone).then(|| Theirs::new(&rules, &events));
        compare("untagged", &ours, theirs.as_ref(), events.len());
    }
}

/// CPU time of this thread.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let before = cpu();
    let out = work();
    (cpu().saturating_sub(before), out)
}

/// The mixture of the corpus: 85 % Windows, the others repeated, in blocks of 50, shuffled.
fn mixed(folder: &std::path::Path, total: usize) -> Vec<(String, [Option<String>; 3])> {
    let all = corpus::events(folder, 1);
    let (windows, others): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|(_, [product, ..])| product.as_deref() == Some("windows"));
    let of_windows = (total * 85 / 100).min(windows.len());
    let rest = total - of_windows;
    let mut blocks: Vec<Vec<_>> = Vec::new();
    let step = (windows.len() / of_windows).max(1);
    let taken: Vec<_> = windows
        .chunks(50)
        .step_by(step)
        .flatten()
        .cloned()
        .collect();
    blocks.extend(taken.chunks(50).map(<[_]>::to_vec));
    let repeated: Vec<_> = (0..rest)
        .map(|at| others[at % others.len()].clone())
        .collect();
    blocks.extend(repeated.chunks(50).map(<[_]>::to_vec));
    // Fisher and Yates with a fixed generator (Knuth's MMIX).
    let mut state = 11u64;
    for at in (1..blocks.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        blocks.swap(at, (state >> 33) as usize % (at + 1));
    }
    blocks.into_iter().flatten().collect()
}

fn engine_of(rules: &[(String, String)]) -> Engine {
    let documents = rules
        .iter()
        .flat_map(|(path, text)| parse_rules(path, text, &Options::default()).0)
        .collect();
    Engine::new(documents).0
}

struct Ours {
    engine: Engine,
    events: Vec<(Bytes, Logsource)>,
}

impl Ours {
    fn new(rules: &[(String, String)], events: &[(String, [Option<String>; 3])]) -> Self {
        Self {
            engine: engine_of(rules),
            events: events
                .iter()
                .map(|(line, source)| (Bytes::from(line.clone()), corpus::logsource(source)))
                .collect(),
        }
    }

    /// Every event from its line to its findings.
    fn run(&self, scratch: &mut Scratch) -> usize {
        let mut event = event_of_json(
            "",
            Logsource::default(),
            Norm::default(),
            Timestamp::UNIX_EPOCH,
        );
        let (mut hits, mut findings): (_, Vec<Finding>) = (Vec::new(), Vec::new());
        let mut total = 0;
        for (at, (line, logsource)) in self.events.iter().enumerate() {
            event.id = EventId::of_record(Timestamp::UNIX_EPOCH, 0, at as u32);
            event.native = line.clone();
            event.logsource.clone_from(logsource);
            self.engine.detect(
                &event,
                scratch,
                Timestamp::UNIX_EPOCH,
                &mut hits,
                &mut findings,
            );
            total += hits.len();
            black_box(&findings);
            findings.clear();
        }
        total
    }
}

struct Theirs<'e> {
    engine: rsigma_eval::Engine,
    events: &'e [(String, [Option<String>; 3])],
    sources: Vec<LogSource>,
}

impl<'e> Theirs<'e> {
    fn new(rules: &[(String, String)], events: &'e [(String, [Option<String>; 3])]) -> Self {
        let parsed: Vec<_> = rules
            .iter()
            .flat_map(|(_, text)| rsigma_parser::parse_sigma_yaml(text).unwrap().rules)
            .collect();
        let mut engine = rsigma_eval::Engine::new();
        assert!(engine.add_rules(&parsed).is_empty());
        Self {
            engine,
            events,
            sources: events
                .iter()
                .map(|(_, [product, service, category])| LogSource {
                    product: product.clone(),
                    service: service.clone(),
                    category: category.clone(),
                    ..LogSource::default()
                })
                .collect(),
        }
    }

    /// Time for parsing, for all, and how many hits.
    fn run(&self) -> (Duration, Duration, usize) {
        let mut total = 0;
        let (mut parsing, mut all) = (Duration::ZERO, Duration::ZERO);
        // In parts, so that reading the clock costs nothing.
        for (events, sources) in self.events.chunks(500).zip(self.sources.chunks(500)) {
            let (parse, values) = timed(|| {
                events
                    .iter()
                    .map(|(line, _)| serde_json::from_str::<serde_json::Value>(line).unwrap())
                    .collect::<Vec<_>>()
            });
            parsing += parse;
            let (rest, ()) = timed(|| {
                for (value, source) in values.iter().zip(sources) {
                    let results = self
                        .engine
                        .evaluate_with_logsource(&JsonEvent::borrow(value), source);
                    total += results.len();
                    black_box(results);
                }
            });
            all += parse + rest;
        }
        (parsing, all, total)
    }
}

fn median(mut of: Vec<f64>) -> (f64, f64, f64) {
    of.sort_by(f64::total_cmp);
    (of[of.len() / 2], of[0], of[of.len() - 1])
}

fn show(what: &str, per_second: Vec<f64>) -> f64 {
    let (middle, least, most) = median(per_second);
    println!("{what:<34} {middle:>12.0}/s  ({least:.0} to {most:.0})");
    middle
}

fn compare(name: &str, ours: &Ours, theirs: Option<&Theirs<'_>>, events: usize) {
    let mut scratch = Scratch::new();
    // Once before, so that classes are compiled and triggers chosen: a floor runs for months.
    let hits = ours.run(&mut scratch);
    let (mut all, mut scan, mut match_only) = (Vec::new(), Vec::new(), Vec::new());
    let (mut their_all, mut their_match) = (Vec::new(), Vec::new());
    let mut their_hits = 0;
    for _ in 0..ROUNDS {
        let (whole, again) = timed(|| ours.run(&mut scratch));
        assert_eq!(again, hits);
        let (read, ()) = timed(|| {
            for (line, logsource) in &ours.events {
                let event = Event {
                    native: line.clone(),
                    logsource: logsource.clone(),
                    ..event_of_json(
                        "",
                        Logsource::default(),
                        Norm::default(),
                        Timestamp::UNIX_EPOCH,
                    )
                };
                black_box(ours.engine.read_only(&event, &mut scratch));
            }
        });
        all.push(events as f64 / whole.as_secs_f64());
        scan.push(events as f64 / read.as_secs_f64());
        match_only.push(events as f64 / whole.saturating_sub(read).as_secs_f64());
        if let Some(theirs) = theirs {
            let (parse, whole, found) = theirs.run();
            their_hits = found;
            their_all.push(events as f64 / whole.as_secs_f64());
            their_match.push(events as f64 / whole.saturating_sub(parse).as_secs_f64());
        }
    }
    println!("{name}: {hits} hits, rsigma {their_hits}");
    if std::env::args().any(|a| a == "--costs") {
        costs::costs(ours);
    }
    let ours_all = show("  from the line", all);
    show("  reading the fields only", scan);
    let ours_match = show("  matching alone", match_only);
    if theirs.is_some() {
        let all = show("  rsigma from the line", their_all);
        let matching = show("  rsigma matching alone", their_match);
        println!(
            "  {:.2} times from the line, {:.2} times matching alone",
            ours_all / all,
            ours_match / matching
        );
    }
}

/// Rules with other texts: three more of each, as different as a rotation of letters makes them.
fn fourfold(rules: &[(String, String)], events: &[(String, [Option<String>; 3])]) {
    let mut more = rules.to_vec();
    for turn in 1u8..4 {
        for (path, text) in rules {
            more.push((format!("{turn}/{path}"), turned(text, turn)));
        }
    }
    let (once, four) = (Ours::new(rules, events), Ours::new(&more, events));
    println!(
        "fourfold: {} rules of {} files",
        four.engine.documents().len(),
        more.len()
    );
    let (mut first, mut second) = (Scratch::new(), Scratch::new());
    once.run(&mut first);
    four.run(&mut second);
    let (mut base, mut loaded) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        base.push(events.len() as f64 / timed(|| once.run(&mut first)).0.as_secs_f64());
        loaded.push(events.len() as f64 / timed(|| four.run(&mut second)).0.as_secs_f64());
    }
    let base = show("  as many rules", base);
    let loaded = show("  four times as many", loaded);
    println!("  {:+.1} %", (loaded / base - 1.0) * 100.0);
}

fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS")).unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<f64>()
        .unwrap()
        / 1024.0
}

fn load(rules: &[(String, String)]) {
    let before = resident();
    let (mut read, mut compile) = (Vec::new(), Vec::new());
    let mut kept = None;
    for _ in 0..ROUNDS {
        drop(kept.take());
        let (parsing, documents) = timed(|| {
            rules
                .iter()
                .flat_map(|(path, text)| parse_rules(path, text, &Options::default()).0)
                .collect::<Vec<_>>()
        });
        let (compiling, engine) = timed(|| Engine::new(documents).0);
        kept = Some(engine);
        read.push(parsing.as_secs_f64() * 1e3);
        compile.push(compiling.as_secs_f64() * 1e3);
    }
    let (read, compile) = (median(read), median(compile));
    println!(
        "load: {} rules; parse {:.0} ms ({:.0} to {:.0}), compile {:.0} ms ({:.0} to {:.0}); {:.0} MB more",
        rules.len(),
        read.0,
        read.1,
        read.2,
        compile.0,
        compile.1,
        compile.2,
        resident() - before
    );
    let mut theirs = Vec::new();
    for _ in 0..ROUNDS {
        let (time, engine) = timed(|| {
            let parsed: Vec<_> = rules
                .iter()
                .flat_map(|(_, text)| rsigma_parser::parse_sigma_yaml(text).unwrap().rules)
                .collect();
            let mut engine = rsigma_eval::Engine::new();
            assert!(engine.add_rules(&parsed).is_empty());
            engine
        });
        drop(engine);
        theirs.push(time.as_secs_f64() * 1e3);
    }
    let theirs = median(theirs);
    println!(
        "load: rsigma {:.0} ms ({:.0} to {:.0})",
        theirs.0, theirs.1, theirs.2
    );
}

/// One rule changed while events come: until the new engine is there, and what the first event of
/// the kind costs with it. The texts of the others were parsed before.
fn reload(rules: &[(String, String)], events: &[(String, [Option<String>; 3])]) {
    let parse = |(path, text): &(String, String)| parse_rules(path, text, &Options::default()).0;
    let documents: Vec<_> = rules.iter().flat_map(parse).collect();
    let (engine, _) = Engine::new(documents.clone());
    let first = events
        .iter()
        .find(|(_, source)| source[2].as_deref() == Some("process_creation"))
        .expect("the corpus has such events");
    let ours = Ours {
        engine,
        events: events
            .iter()
            .map(|(line, source)| (Bytes::from(line.clone()), corpus::logsource(source)))
            .collect(),
    };
    ours.run(&mut Scratch::new());
    let event = event_of_json(
        &first.0,
        corpus::logsource(&first.1),
        Norm::default(),
        Timestamp::UNIX_EPOCH,
    );
    for kind in ["process_creation", "image_load", "webserver"] {
        let at = rules
            .iter()
            .position(|(_, text)| text.contains(&format!("category: {kind}\n")))
            .expect("the corpus has such rules");
        let (path, text) = &rules[at];
        let (mut swap, mut wait) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let changed: Vec<Document> = (0..RELOADS)
                .map(|turn| {
                    let mark = format!("license: v{round}.{turn}\nlevel: ");
                    parse(&(path.clone(), text.replace("level: ", &mark))).remove(0)
                })
                .collect();
            let (took, engines) = timed(|| {
                let swap = |document: &Document| {
                    let mut documents = documents.clone();
                    documents[at] = document.clone();
                    ours.engine.changed(documents).0
                };
                changed.iter().map(swap).collect::<Vec<Engine>>()
            });
            swap.push(took.as_secs_f64() * 1e3 / f64::from(RELOADS));
            for engine in engines {
                let (mut scratch, mut hits) = (Scratch::new(), Vec::new());
                let began = std::time::Instant::now();
                engine.match_event(&event, &mut scratch, &mut hits);
                wait.push(began.elapsed().as_secs_f64() * 1e6);
            }
        }
        let (swap, wait) = (median(swap), median(wait));
        println!(
            "reload of one {kind} rule of {}: {:.1} ms ({:.1} to {:.1}); first event after it {:.0} µs",
            rules.len(),
            swap.0,
            swap.1,
            swap.2,
            wait.0
        );
    }
}
