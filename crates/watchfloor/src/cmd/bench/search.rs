//! `watchfloor bench search`: fills a floor with a day, then asks the API what people ask.

use std::time::Instant;

use clap::ArgMatches;
use serde_json::{Value, json};
use watchfloor_types::SignedDuration;

use super::{
    Bench, Client, Context,
    load::{self, Input},
    number, percentile, print, quantiles,
};
use crate::{console::form::percent, output::Exit, pipeline};

/// What is asked: a name, the filter and the field whose top values are wanted.
const SEARCHES: &[(&str, &str, &str)] = &[
    ("everything, newest first", "", ""),
    ("field equals", "user.id: user-42", ""),
    (
        "two fields",
        "gen_ai.request.model: gpt-4o and event.outcome: success",
        "",
    ),
    ("network", "source.ip: 10.3.0.0/16", ""),
    ("number", "gen_ai.usage.input_tokens > 7990", ""),
    ("words, frequent", "\"quarterly report\"", ""),
    ("words, absent", "\"ignore previous instructions\"", ""),
    ("prose field", "ai.prompt.text: \"database export\"", ""),
    ("native path, absent", "native.metadata.team: red", ""),
    ("wildcard", "user.id: user-19*", ""),
    ("top users", "", "user.id"),
    (
        "top models of a search",
        "gen_ai.usage.output_tokens > 800",
        "gen_ai.request.model",
    ),
];

pub(super) fn run(matches: &ArgMatches, context: &Context) -> anyhow::Result<Exit> {
    let (events, senders, batch, rounds) = (
        number(matches, "events", 10_000_000u64),
        number(matches, "senders", 4u32),
        number(matches, "batch", 1_000u32),
        number(matches, "rounds", 20u32),
    );
    let bench = match Bench::open(context)? {
        Ok(bench) => bench,
        Err(exit) => return Ok(exit),
    };
    let outcome = fill(&bench.client, events, senders, batch)
        .and_then(|stored| Ok((stored, ask(&bench.client, rounds)?)));
    let outcome = outcome.map(|(stored, kinds)| report(context, stored, rounds, &kinds));
    bench.close();
    outcome.map(|()| Exit::Done)
}

fn fill(client: &Client, events: u64, senders: u32, batch: u32) -> anyhow::Result<u64> {
    let Some(floor) = client.floor() else {
        return Ok(0);
    };
    let input = Input::Made {
        batch,
        end: floor.clock.now(),
        over: SignedDuration::from_hours(24),
        events,
    };
    load::send(client, "litellm", &input, events, senders)?;
    while floor.in_flight() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    floor.lake.flush()?;
    pipeline::maintain(&floor);
    Ok(floor.lake.stats().file_rows)
}

struct Kind {
    name: &'static str,
    times: Vec<f64>,
    matched: u64,
}

fn ask(client: &Client, rounds: u32) -> anyhow::Result<Vec<Kind>> {
    // The last hour of what was stored; the fill itself took a while.
    let Some(newest) = client
        .get("/api/v1/events?from=2d&limit=1")?
        .pointer("/events/0/time")
        .and_then(Value::as_str)
        .and_then(|t| t.parse::<watchfloor_types::Timestamp>().ok())
    else {
        anyhow::bail!("nothing was stored");
    };
    let from = newest.saturating_sub(SignedDuration::from_hours(1))?;
    let mut kinds = Vec::new();
    for (name, filter, top) in SEARCHES {
        let path = format!(
            "/api/v1/events?limit=100&from={from}&q={}&top={}",
            percent(filter),
            percent(top)
        );
        let mut kind = Kind {
            name,
            times: Vec::new(),
            matched: 0,
        };
        for round in 0..=rounds {
            let began = Instant::now();
            let found = client.get(&path)?;
            // The first is not counted: it finds the system's cache cold.
            if round > 0 {
                kind.times.push(began.elapsed().as_secs_f64() * 1e3);
            }
            kind.matched = found
                .pointer("/histogram/buckets")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(|b| b.get(1)?.as_u64())
                .sum();
        }
        kind.times.sort_by(f64::total_cmp);
        kinds.push(kind);
    }
    Ok(kinds)
}

fn report(context: &Context, stored: u64, rounds: u32, kinds: &[Kind]) {
    let all = quantiles(kinds.iter().flat_map(|k| k.times.iter().copied()).collect());
    let result = json!({
        "schema": "watchfloor.bench/1", "what": "search",
        "stored": stored, "range": "1h", "rounds": rounds,
        "searches": kinds.iter().map(|k| json!({"name": k.name, "matched": k.matched, "ms": quantiles(k.times.clone())})).collect::<Vec<_>>(),
        "ms": all,
    });
    let mut lines = vec![format!(
        "{stored} events stored; each search is a page of 100, a histogram and where asked top values, over one hour"
    )];
    for k in kinds {
        let at = |percent| percentile(&k.times, percent).unwrap_or_default();
        lines.push(format!(
            "{:26} p50 {:7.1} ms  p95 {:7.1} ms  matched {}",
            k.name,
            at(50),
            at(95),
            k.matched
        ));
    }
    lines.push(format!(
        "{:26} p50 {} ms  p95 {} ms",
        "all",
        all.get("median").unwrap_or(&Value::Null),
        all.get("p95").unwrap_or(&Value::Null)
    ));
    print(context, &result, &lines);
}
