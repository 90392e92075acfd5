//! Measures the lake on this machine.
//!
//! ```text
//! cargo run --release -p watchfloor-lake --example measure -- ingest DIR [EVENTS]
//! cargo run --release -p watchfloor-lake --example measure -- fill   DIR [EVENTS]
//! cargo run --release -p watchfloor-lake --example measure -- search DIR [ROUNDS]
//! ```
//! `ingest`: frames of 1,000 events of about 650 bytes are appended, synced, inserted, flushed to
//! Parquet. Mapping is not part of it: events are made beforehand, 50 frames are reused.
//! `fill`: the same, spread over 24 hours and compacted, to search in. `search`: the last hour.

#![expect(
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "it prints its figures and picks from its own lists"
)]

use std::{
    error::Error,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use watchfloor_lake::{
    Aggregate, Catalog, DirCatalog, Filter, Lake, LakeOptions, Measure, Query, Retention, Tenants,
    Watch,
};
use watchfloor_types::{Event, EventId, FieldName, Frame, Logsource, Norm, Value};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// 2026-03-01 00:00 UTC.
const START: i64 = 1_772_323_200;
const DAY_SECONDS: i64 = 86_400;
const FRAME_EVENTS: u32 = 1_000;

fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let text = |at: usize| args.get(at).map(String::as_str);
    let number = |default: u32| text(2).map_or(Ok(default), str::parse);
    let dir = Path::new(text(1).ok_or("usage: measure ingest|fill|search DIR [N]")?);
    match text(0) {
        Some("ingest") => ingest(
            dir,
            number(1_000_000)?,
            Fill::Compact(Duration::from_mins(1)),
        ),
        Some("fill") => {
            ingest(dir, number(10_000_000)?, Fill::Spread)?;
            let lake = open(dir)?;
            let begin = Instant::now();
            let did = lake.maintain(
                Timestamp::from_second(START + 2 * DAY_SECONDS)?,
                &Retention::default(),
            )?;
            println!(
                "compaction: {did:?} in {:.1} s",
                begin.elapsed().as_secs_f64()
            );
            println!("{:?}", lake.stats());
            Ok(())
        }
        Some("search") => search(dir, number(40)?),
        Some(_) | None => Err("usage: measure ingest|fill|search DIR [N]".into()),
    }
}

/// How times are given to events.
#[derive(Clone, Copy)]
enum Fill {
    /// All within this time.
    Compact(Duration),
    /// Evenly over 24 hours.
    Spread,
}

fn open(dir: &Path) -> Outcome<Lake> {
    let catalog: Arc<dyn Catalog> = Arc::new(DirCatalog::open(dir)?);
    Ok(Lake::open(dir, catalog, LakeOptions::default())?.0)
}

/// Numbers that look random and are the same each time (splitmix64).
struct Random(u64);
impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

const WORDS: &[&str] = &[
    "please",
    "summarise",
    "the",
    "quarterly",
    "report",
    "and",
    "send",
    "it",
    "to",
    "customer",
    "list",
    "with",
    "contract",
    "figures",
    "from",
    "database",
    "export",
    "review",
    "invoice",
    "ticket",
    "open",
    "again",
    "model",
    "context",
    "window",
    "policy",
    "reset",
    "account",
    "deploy",
    "pipeline",
];

fn event(random: &mut Random) -> Outcome<Event> {
    let user = format!("user-{}", random.below(2_000));
    let session = format!("{:016x}", random.next() % 400_000);
    let ip = format!(
        "10.{}.{}.{}",
        random.below(4),
        random.below(256),
        random.below(256)
    );
    let model = format!("model-{}", random.below(6));
    let tool = format!("tool_{}", random.below(40));
    let action = ["chat", "execute_tool", "embeddings", "invoke_agent"][random.below(4) as usize];
    let tokens = random.below(8_000) as i64;
    let trace = format!(
        "{:032x}",
        u128::from(random.next()) << 64 | u128::from(random.next())
    );
    let mut prompt = String::new();
    while prompt.len() < 130 {
        prompt.push_str(WORDS[random.below(WORDS.len() as u64) as usize]);
        prompt.push(' ');
    }
    let native = format!(
        r#"{{"timestamp":"2026-03-01T12:00:00.{:06}Z","event":{{"action":"{action}","outcome":"success"}},"user":{{"id":"{user}","email":"{user}@example.org"}},"session_id":"{session}","source_ip":"{ip}","request":{{"model":"{model}","max_tokens":1024,"temperature":0.7,"messages":[{{"role":"user","content":"{prompt}"}}]}},"tool":{{"name":"{tool}","call_id":"call_{:012x}"}},"usage":{{"input_tokens":{tokens},"output_tokens":{}}},"trace_id":"{trace}","region":"eu-central-1","gateway":"gw-{}"}}"#,
        random.below(1_000_000),
        random.next() >> 16,
        random.below(900),
        random.below(8),
    );
    let norm: Norm = [
        ("event.action", Value::from(action)),
        ("event.outcome", Value::from("success")),
        ("user.id", Value::from(user.as_str())),
        ("ai.principal.id", Value::from(user.as_str())),
        ("session.id", Value::from(session.as_str())),
        ("source.ip", Value::from(ip.as_str())),
        ("gen_ai.request.model", Value::from(model.as_str())),
        ("gen_ai.tool.name", Value::from(tool.as_str())),
        ("gen_ai.usage.input_tokens", Value::Int(tokens)),
        ("trace.id", Value::from(trace.as_str())),
        ("ai.prompt.user_text", Value::from(prompt.as_str())),
    ]
    .into_iter()
    .map(|(name, value)| (FieldName::from(name), value))
    .collect();
    Ok(Event {
        id: EventId::of_record(Timestamp::UNIX_EPOCH, 0, 0),
        time: Timestamp::UNIX_EPOCH,
        received: Timestamp::UNIX_EPOCH,
        source: "litellm".parse()?,
        tenant: "acme".parse()?,
        logsource: Logsource {
            category: Some("gen_ai".into()),
            ..Logsource::default()
        },
        mark: None,
        native: Bytes::from(native),
        norm,
    })
}

fn cpu_seconds() -> f64 {
    // utime and stime of this process in ticks of 10 ms.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks: f64 = stat
        .rsplit(')')
        .next()
        .into_iter()
        .flat_map(|rest| rest.split_whitespace().skip(11).take(2))
        .filter_map(|t| t.parse::<f64>().ok())
        .sum();
    ticks / 100.0
}

fn ingest(dir: &Path, events: u32, fill: Fill) -> Outcome<()> {
    let frames = events / FRAME_EVENTS;
    let step_micros = match fill {
        Fill::Compact(within) => within.as_micros() as i64 / i64::from(events.max(1)),
        Fill::Spread => DAY_SECONDS * 1_000_000 / i64::from(events.max(1)),
    };
    let mut random = Random(7);
    let stock: Vec<Vec<Event>> = (0..50)
        .map(|_| {
            (0..FRAME_EVENTS)
                .map(|_| event(&mut random))
                .collect::<Outcome<_>>()
        })
        .collect::<Outcome<_>>()?;
    let bytes: usize = stock.iter().flatten().map(|e| e.native.len()).sum();
    println!(
        "{events} events, {} B each on average",
        bytes / (50 * FRAME_EVENTS as usize)
    );
    let lake = open(dir)?;
    let stop = AtomicBool::new(false);
    let (cpu, begin) = (cpu_seconds(), Instant::now());
    let mut acknowledged = Vec::with_capacity(frames as usize);
    std::thread::scope(|scope| -> Outcome<()> {
        let flusher = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                if lake.flush_due() {
                    lake.flush()?;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            lake.flush()
        });
        let (give, receive) = mpsc::channel::<(u32, Instant, u64)>();
        let inserted = scope.spawn(|| {
            let mut delays = Vec::new();
            for (number, start, seq) in receive {
                delays.push(start.elapsed());
                let mut events = stock[number as usize % stock.len()].clone();
                for (index, event) in events.iter_mut().enumerate() {
                    let n = i64::from(number) * i64::from(FRAME_EVENTS) + index as i64;
                    let at = Timestamp::from_microsecond(START * 1_000_000 + n * step_micros)
                        .unwrap_or_default();
                    (event.time, event.received) = (at, at);
                    event.id = EventId::of_record(at, seq, index as u32);
                }
                if let Err(error) = lake.insert(seq, &events, Vec::new()) {
                    println!("insert failed: {error}");
                }
            }
            delays
        });
        for number in 0..frames {
            let frame = Frame {
                seq: 0,
                received: Timestamp::from_second(START)?,
                source: "litellm".parse()?,
                tenant: "acme".parse()?,
                mark: None,
                records: stock[number as usize % stock.len()]
                    .iter()
                    .map(|e| e.native.clone())
                    .collect(),
                refused: Vec::new(),
            };
            loop {
                let (hand_over, start) = (give.clone(), Instant::now());
                let done = move |outcome: Result<u64, _>| match outcome {
                    Ok(seq) => drop(hand_over.send((number, start, seq))),
                    Err(error) => println!("append failed: {error}"),
                };
                match lake.append(&frame, Box::new(done)) {
                    Ok(()) => break,
                    Err(watchfloor_lake::WalError::Busy { .. }) => {
                        std::thread::sleep(Duration::from_millis(2));
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
        drop(give);
        acknowledged = inserted
            .join()
            .map_err(|_| "the inserting thread panicked")?;
        stop.store(true, Ordering::Relaxed);
        flusher
            .join()
            .map_err(|_| "the flushing thread panicked")??;
        Ok(())
    })?;
    let (seconds, cpu) = (begin.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    acknowledged.sort_unstable();
    let stats = lake.stats();
    println!(
        "durable, searchable and in Parquet: {seconds:.1} s = {:.0} events/s; {cpu:.1} CPU-s = {:.0} events/CPU-s",
        f64::from(events) / seconds,
        f64::from(events) / cpu,
    );
    println!(
        "append to handed over: p50 {:.1} ms, p99 {:.1} ms; {:.0} B/event on disk; {stats:?}",
        percentile(&acknowledged, 50),
        percentile(&acknowledged, 99),
        stats.file_bytes as f64 / stats.file_rows as f64,
    );
    Ok(())
}

fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).map_or(0.0, |d| d.as_secs_f64() * 1000.0)
}

/// One search; says how many rows or groups came.
type Run<'a> = Box<dyn FnMut(&Lake, &mut Random) -> Outcome<usize> + 'a>;

fn search(dir: &Path, rounds: u32) -> Outcome<()> {
    let lake = open(dir)?;
    println!("{:?}", lake.stats());
    let mut random = Random(99);
    let last_hour = |filter: &str| -> Outcome<Query> {
        Ok(Query {
            filter: filter.parse::<Filter>()?,
            from: Timestamp::from_second(START + DAY_SECONDS - 3600)?,
            until: Timestamp::from_second(START + DAY_SECONDS)?,
            tenants: Tenants::All,
        })
    };
    let page = |filter: &'static str| -> Run<'_> {
        Box::new(move |lake, _| {
            Ok(lake
                .search(&last_hour(filter)?, None, 100, &Watch::new())?
                .rows
                .len())
        })
    };
    let mut runs: Vec<(&str, Run<'_>)> = vec![
        ("newest 100", page("")),
        ("substring, frequent", page("\"quarterly report\"")),
        (
            "substring, absent",
            page("\"ignore previous instructions\""),
        ),
        (
            "substring in a text field, absent",
            page("ai.prompt.user_text: \"ignore previous\""),
        ),
        ("native path, absent", page("native.gateway: gw-9")),
        (
            "number in attrs, 100",
            page("gen_ai.usage.input_tokens > 7990"),
        ),
        (
            "user equals, 100",
            Box::new(|lake, random| {
                let filter = format!("user.id: user-{}", random.below(2_000));
                Ok(lake
                    .search(&last_hour(&filter)?, None, 100, &Watch::new())?
                    .rows
                    .len())
            }),
        ),
        (
            "trace equals (absent), 24 h",
            Box::new(|lake, random| {
                let mut query = last_hour(&format!("trace.id: {:032x}", random.next()))?;
                query.from = Timestamp::from_second(START)?;
                Ok(lake.search(&query, None, 100, &Watch::new())?.rows.len())
            }),
        ),
        (
            "histogram by minute",
            Box::new(|lake, _| {
                Ok(lake
                    .histogram(&last_hour("")?, SignedDuration::from_mins(1), &Watch::new())?
                    .len())
            }),
        ),
        (
            "histogram by minute of a substring",
            Box::new(|lake, _| {
                Ok(lake
                    .histogram(
                        &last_hour("\"database export\"")?,
                        SignedDuration::from_mins(1),
                        &Watch::new(),
                    )?
                    .len())
            }),
        ),
        (
            "top 10 users",
            Box::new(|lake, _| {
                Ok(lake
                    .top(&last_hour("")?, "user.id", 10, &Watch::new())?
                    .values
                    .len())
            }),
        ),
        (
            "by model: distinct users, token percentiles",
            Box::new(|lake, _| {
                let how = Aggregate {
                    by: vec!["gen_ai.request.model".to_owned()],
                    measures: vec![
                        Measure::Distinct("user.id".to_owned()),
                        Measure::Numbers("gen_ai.usage.input_tokens".to_owned(), vec![50.0, 90.0]),
                    ],
                    ..Aggregate::default()
                };
                Ok(lake.aggregate(&last_hour("")?, &how, &Watch::new())?.len())
            }),
        ),
    ];
    let mut all = Vec::new();
    for (name, run) in &mut runs {
        run(&lake, &mut random)?;
        let (mut times, cpu, mut found) = (Vec::new(), cpu_seconds(), 0);
        for _ in 0..rounds {
            let begin = Instant::now();
            found = run(&lake, &mut random)?;
            times.push(begin.elapsed());
        }
        let cpu = (cpu_seconds() - cpu) * 1000.0 / f64::from(rounds);
        times.sort_unstable();
        println!(
            "{name:45} p50 {:7.1} ms  p95 {:7.1} ms  cpu {cpu:7.1} ms  rows {found}",
            percentile(&times, 50),
            percentile(&times, 95),
        );
        all.extend(times);
    }
    all.sort_unstable();
    println!(
        "all: p50 {:.1} ms, p95 {:.1} ms",
        percentile(&all, 50),
        percentile(&all, 95)
    );
    Ok(())
}
