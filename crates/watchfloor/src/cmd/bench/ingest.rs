//! `watchfloor bench ingest`: requests until everything is searchable, with a canary among them now and then.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use clap::ArgMatches;
use serde_json::json;
use watchfloor_respond::{Entry, alert};
use watchfloor_types::{Finding, SignedDuration};

use super::{
    Bench, Client, Context,
    load::{self, Input, Sent},
    number, print, quantiles, usage,
};
use crate::{floor::Floor, output::Exit};

/// How often a canary is sent: the rule `canary_in_output` fires on it.
const PROBE_EVERY: Duration = Duration::from_millis(250);

pub(super) fn run(matches: &ArgMatches, context: &Context) -> anyhow::Result<Exit> {
    let (events, senders, batch) = (
        number(matches, "events", 2_000_000u64),
        number(matches, "senders", 4u32),
        number(matches, "batch", 1_000u32),
    );
    let files: Vec<&PathBuf> = matches
        .get_many("file")
        .map(Iterator::collect)
        .unwrap_or_default();
    let given = if files.is_empty() {
        None
    } else {
        match Input::read(&files, batch) {
            Ok(input) => Some(input),
            Err(error) => {
                context.out.note(&format!("error: {error:#}"));
                return Ok(Exit::BadInput);
            }
        }
    };
    let source = match &given {
        Some(_) => matches
            .get_one::<String>("source")
            .map_or("litellm", String::as_str),
        None => "litellm",
    };
    let bench = match Bench::open(context)? {
        Ok(bench) => bench,
        Err(exit) => return Ok(exit),
    };
    let Some(floor) = bench.client.floor() else {
        return Ok(Exit::Outside);
    };
    let input = given.unwrap_or_else(|| Input::Made {
        batch,
        end: floor.clock.now(),
        over: SignedDuration::from_mins(1),
        events,
    });
    let measured = measure(&bench.client, &floor, source, &input, events, senders);
    let outcome = measured.map(|m| report(context, source, &files, batch, senders, &m));
    drop(floor);
    bench.close();
    outcome.map(|()| Exit::Done)
}

struct Measured {
    sent: Sent,
    searchable: Duration,
    alerts: Vec<f64>,
    probes: usize,
    stored_bytes: u64,
    stored_rows: u64,
    cpu: Option<f64>,
    peak: Option<u64>,
}

fn measure(
    client: &Client,
    floor: &Arc<Floor>,
    source: &str,
    input: &Input,
    events: u64,
    senders: u32,
) -> anyhow::Result<Measured> {
    let probes = Probes::default();
    let stop = AtomicBool::new(false);
    let listening = client.spawn(listen(Arc::clone(floor), probes.clone()));
    let cpu_before = usage().0;
    let began = Instant::now();
    let sent = std::thread::scope(|scope| {
        scope.spawn(|| probe(client, &probes, &stop));
        let sent = load::send(client, source, input, events, senders);
        stop.store(true, Ordering::Relaxed);
        sent
    });
    let sent = sent?;
    while floor.in_flight() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let searchable = began.elapsed();
    let (cpu, peak) = usage();
    std::thread::sleep(Duration::from_millis(200));
    if let Some(listening) = listening {
        listening.abort();
    }
    floor.lake.flush()?;
    let stats = floor.lake.stats();
    let (sent_at, seen_at) = probes.take();
    let alerts = sent_at
        .iter()
        .filter_map(|(n, acknowledged)| {
            // Seen before the answer was read: the alert was there when the sender knew.
            let seen = seen_at.get(n)?;
            Some(seen.saturating_duration_since(*acknowledged).as_secs_f64() * 1e3)
        })
        .collect();
    Ok(Measured {
        sent,
        searchable,
        alerts,
        probes: sent_at.len(),
        stored_bytes: stats.file_bytes,
        stored_rows: stats.file_rows,
        cpu: cpu.zip(cpu_before).map(|(after, before)| after - before),
        peak,
    })
}

fn report(
    context: &Context,
    source: &str,
    files: &[&PathBuf],
    batch: u32,
    senders: u32,
    m: &Measured,
) {
    let seconds = m.sent.took.as_secs_f64();
    let searchable = m.searchable.as_secs_f64();
    let rate = |n: u64, seconds: f64| (n as f64 / seconds.max(1e-9)).round();
    let record = m.sent.bytes as f64 / m.sent.events.max(1) as f64;
    let stored = m.stored_bytes as f64 / m.stored_rows.max(1) as f64;
    let by_second = quantiles(m.sent.by_second.clone());
    let alerts = quantiles(m.alerts.clone());
    let result = json!({
        "schema": "watchfloor.bench/1", "what": "ingest",
        "input": {"source": source, "files": files, "bytes_per_record": record.round(), "batch": batch, "senders": senders},
        "acknowledged": {"events": m.sent.events, "seconds": seconds, "per_second": rate(m.sent.events, seconds), "by_second": by_second, "asked_to_come_again": m.sent.busy},
        "searchable": {"seconds": searchable, "per_second": rate(m.sent.events, searchable)},
        "alert_ms": alerts, "canaries": m.probes,
        "stored": {"events": m.stored_rows, "bytes": m.stored_bytes, "bytes_per_event": stored.round()},
        "cpu_seconds": m.cpu, "peak_memory_bytes": m.peak,
    });
    let text = |pointer: &str| {
        result
            .pointer(pointer)
            .map_or_else(String::new, ToString::to_string)
    };
    let lines = [
        format!(
            "sent        {} events of {record:.0} bytes, {batch} in a request, {senders} connections",
            m.sent.events
        ),
        format!(
            "acknowledged {} events/s (per second: p10 {}, median {}, p90 {})",
            text("/acknowledged/per_second"),
            text("/acknowledged/by_second/p10"),
            text("/acknowledged/by_second/median"),
            text("/acknowledged/by_second/p90")
        ),
        format!(
            "searchable  {} events/s, {searchable:.1} s in all",
            text("/searchable/per_second")
        ),
        format!(
            "alert       {} of {} canaries; after the acknowledgement: median {} ms, p95 {} ms, max {} ms",
            m.alerts.len(),
            m.probes,
            text("/alert_ms/median"),
            text("/alert_ms/p95"),
            text("/alert_ms/max")
        ),
        format!("stored      {stored:.0} bytes an event"),
        format!(
            "cost        {} CPU seconds with the senders, {} bytes of memory at the peak",
            text("/cpu_seconds"),
            text("/peak_memory_bytes")
        ),
    ];
    print(context, &result, &lines);
}

/// When canaries were acknowledged and when the journal told of them, by number.
#[derive(Clone, Default)]
struct Probes(Arc<Mutex<Times>>);

type Moments = BTreeMap<u64, Instant>;
type Times = (Moments, Moments);

impl Probes {
    fn with(&self, change: impl FnOnce(&mut Times)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
    fn take(&self) -> Times {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

const CANARY: &str = "wfc-be7c4000";

fn probe(client: &Client, probes: &Probes, stop: &AtomicBool) {
    let busy = std::sync::atomic::AtomicU64::new(0);
    for n in 0u64.. {
        std::thread::sleep(PROBE_EVERY);
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let body = format!(
            r#"{{"id":"canary-{n}","call_type":"acompletion","status":"success","model":"m","end_user":"bench","messages":[{{"role":"user","content":"hello"}}],"response":{{"choices":[{{"message":{{"role":"assistant","content":"{CANARY}{n:08x}"}}}}]}}}}"#
        );
        if client
            .ingest_counting("litellm", body.as_bytes(), &busy)
            .is_ok()
        {
            let now = Instant::now();
            probes.with(|(sent, _)| {
                sent.insert(n, now);
            });
        }
    }
}

async fn listen(floor: Arc<Floor>, probes: Probes) {
    let mut news = floor.news();
    loop {
        let news = match news.recv().await {
            Ok(news) => news,
            Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => continue,
            Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
        };
        let now = Instant::now();
        for entry in news.entries.iter() {
            let Entry::Alert(
                alert::Entry::Opened { finding, .. } | alert::Entry::FindingAdded { finding, .. },
            ) = entry
            else {
                continue;
            };
            if let Some(n) = canary(finding) {
                probes.with(|(_, seen)| {
                    seen.insert(n, now);
                });
            }
        }
    }
}

fn canary(finding: &Finding) -> Option<u64> {
    finding.matched.iter().find_map(|m| {
        let (_, rest) = m.value.split_once(CANARY)?;
        u64::from_str_radix(rest.get(..8)?, 16).ok()
    })
}
