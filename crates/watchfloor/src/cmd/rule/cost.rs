//! `watchfloor rule cost`: where detection spends its time, by kind of event and by rule.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, value_parser};
use serde_json::Value;
use watchfloor_detect::Scratch;
use watchfloor_ingest::Sources;

use super::{
    super::client::Client, Context, feed, fit, read_rules, reader::Reader, report, with_reader,
    with_rules,
};
use crate::{
    api::costs::shown,
    clock::{self, Clock},
    content::Files,
    output::{Exit, Form, visible},
};

pub(super) fn args(c: clap::Command) -> clap::Command {
    fit::args(with_reader(with_rules(c)))
        .arg(
            Arg::new("limit")
                .long("limit")
                .default_value("20")
                .value_parser(value_parser!(usize))
                .help("Rules and kinds of events to show, the dearest first"),
        )
        .arg(
            Arg::new("file")
                .num_args(0..)
                .value_parser(value_parser!(PathBuf))
                .help("Files of events to measure with; without any, what the server has spent since its rules last changed"),
        )
}

pub(super) fn run(matches: &ArgMatches, context: &Context) -> anyhow::Result<Exit> {
    let paths: Vec<&PathBuf> = matches
        .get_many("file")
        .map(Iterator::collect)
        .unwrap_or_default();
    let costs = if paths.is_empty() {
        let client = match Client::open(context)? {
            Ok(client) => client,
            Err(exit) => return Ok(exit),
        };
        let answer = client.get("/api/v1/rules/costs");
        client.close();
        answer?
    } else {
        match measured(matches, context, &paths)? {
            Ok(costs) => costs,
            Err(why) => {
                context.out.note(&format!("error: {why}"));
                return Ok(Exit::BadInput);
            }
        }
    };
    if context.out.form == Form::Json {
        context.out.json(&costs);
        return Ok(Exit::Done);
    }
    let limit = matches.get_one::<usize>("limit").copied().unwrap_or(20);
    print(context, &costs, limit);
    Ok(Exit::Done)
}

fn measured(
    matches: &ArgMatches,
    context: &Context,
    paths: &[&PathBuf],
) -> anyhow::Result<Result<Value, String>> {
    let rules = read_rules(matches, "rules")?;
    let Ok(rulebook) = fit::compile(matches, context, &rules)? else {
        return Ok(Err("the rules cannot be fitted".to_owned()));
    };
    report(context, &rules, &rulebook.diagnostics);
    let (sources, _) = Sources::load(&Files::load(None)?.of("sources"));
    let mut reader = match Reader::new(matches, &sources)? {
        Ok(reader) => reader,
        Err(why) => return Ok(Err(why)),
    };
    let now = Clock::real().now();
    let mut scratch = Scratch::with_clock(clock::nanos);
    let (mut hits, mut found) = (Vec::new(), Vec::new());
    let (mut number, mut unread) = (0, 0_u64);
    let hidden = indicatif::ProgressBar::hidden();
    for path in paths {
        let cannot = |why: String| format!("cannot read {}: {why}", path.display());
        let mut open = match feed::Open::new(path, &feed::Asked::of(matches), &hidden) {
            Ok(open) => open,
            Err(why) => return Ok(Err(cannot(why))),
        };
        loop {
            let block = match open.next() {
                Ok(Some(block)) => block,
                Ok(None) => break,
                Err(why) => return Ok(Err(cannot(why))),
            };
            for record in feed::records(&block) {
                number += 1;
                let Ok(events) = record.and_then(|record| reader.events(record, number, now))
                else {
                    unread += 1;
                    continue;
                };
                for event in &events {
                    rulebook
                        .engine
                        .detect(event, &mut scratch, event.time, &mut hits, &mut found);
                    found.clear();
                }
            }
        }
    }
    if unread > 0 {
        context
            .out
            .note(&format!("{unread} records could not be read"));
    }
    Ok(Ok(shown(
        &rulebook.engine,
        &rulebook.engine.costs(&scratch),
    )))
}

fn print(context: &Context, costs: &Value, limit: usize) {
    let list = |key: &str| {
        costs
            .get(key)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let number = |of: &Value, key: &str| of.get(key).and_then(Value::as_u64).unwrap_or(0);
    let time = |of: &Value, key: &str| {
        let nanos = of.get(key).and_then(Value::as_f64);
        nanos.map_or_else(|| "-".to_owned(), |n| format!("{:.2}", n / 1e3))
    };
    let text = |of: &Value, key: &str| {
        of.get(key)
            .and_then(Value::as_str)
            .unwrap_or("-")
            .to_owned()
    };
    let (classes, rules) = (list("classes"), list("rules"));
    if classes.is_empty() {
        context.out.line("no events yet");
        return;
    }
    context.out.line(&format!(
        "{:>10} {:>8} {:>6} {:>9} {:>9} {:>9}  kind of event",
        "events", "bytes", "rules", "tried", "read µs", "tries µs"
    ));
    for class in classes.iter().take(limit) {
        context.out.line(&visible(&format!(
            "{:>10} {:>8} {:>6} {:>9.2} {:>9} {:>9}  {}",
            number(class, "events"),
            number(class, "bytes_per_event"),
            number(class, "rules"),
            class
                .get("tried_per_event")
                .and_then(Value::as_f64)
                .unwrap_or(0.0),
            time(class, "read_nanos_per_event"),
            time(class, "try_nanos_per_event"),
            text(class, "logsource"),
        )));
    }
    context.out.line("");
    context.out.line(&format!(
        "{:>10} {:>8} {:>8} {:>7}  rule",
        "tried", "matched", "µs each", "part"
    ));
    for rule in rules.iter().take(limit) {
        context.out.line(&visible(&format!(
            "{:>10} {:>8} {:>8} {:>6.1}%  {} ({})",
            number(rule, "tried"),
            number(rule, "matched"),
            time(rule, "nanos_per_try"),
            rule.get("part").and_then(Value::as_f64).unwrap_or(0.0) * 100.0,
            text(rule, "title"),
            text(rule, "id"),
        )));
    }
}
