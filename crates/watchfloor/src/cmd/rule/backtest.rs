//! `watchfloor rule backtest`: what a rule would have found in stored events.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Arg, ArgMatches, value_parser};
use serde_json::{Value, json};

use super::{
    super::client::{BadInput, Client},
    Context,
};
use crate::output::{Exit, Form};

pub(super) fn args(c: clap::Command) -> clap::Command {
    c.arg(
        Arg::new("rule")
            .required(true)
            .value_parser(value_parser!(PathBuf))
            .help("The rule's file"),
    )
    .arg(
        Arg::new("from")
            .long("from")
            .default_value("24h")
            .help("RFC 3339, or 1h, 7d before now"),
    )
    .arg(Arg::new("until").long("until").default_value(""))
}

pub(super) fn run(matches: &ArgMatches, context: &Context) -> anyhow::Result<Exit> {
    let path = matches
        .get_one::<PathBuf>("rule")
        .cloned()
        .unwrap_or_default();
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let client = match Client::open(context)? {
        Ok(client) => client,
        Err(exit) => return Ok(exit),
    };
    let ask = json!({"text": text, "from": matches.get_one::<String>("from"), "until": matches.get_one::<String>("until")});
    let answer = client.post("/api/v1/rules/backtest", &ask);
    client.close();
    let value = match answer {
        Ok(value) => value,
        Err(error) if error.is::<BadInput>() => {
            context.out.note(&format!("error: {error}"));
            return Ok(Exit::BadInput);
        }
        Err(error) => return Err(error),
    };
    let rules = value
        .get("rules")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let count = |rule: &Value| {
        rule.get("findings")
            .and_then(Value::as_u64)
            .unwrap_or_default()
    };
    let total: u64 = rules.iter().map(count).sum();
    if context.out.form == Form::Json {
        context.out.json(&value);
    } else {
        for rule in &rules {
            let text = |key: &str| {
                rule.get(key)
                    .and_then(Value::as_str)
                    .unwrap_or("-")
                    .to_owned()
            };
            context.out.line(&crate::output::visible(&format!(
                "{}: {} findings, first {}, last {}",
                text("title"),
                count(rule),
                text("first"),
                text("last")
            )));
            for bar in rule
                .pointer("/histogram/buckets")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                let (at, n) = (
                    bar.get(0).and_then(Value::as_str).unwrap_or_default(),
                    bar.get(1).and_then(Value::as_u64).unwrap_or_default(),
                );
                context.out.line(&format!(
                    "  {at}  {n:>7}  {}",
                    "#".repeat(usize::try_from(n.min(60)).unwrap_or(60))
                ));
            }
        }
        let events = value
            .get("events")
            .and_then(Value::as_u64)
            .unwrap_or_default();
        context
            .out
            .note(&format!("{events} events read, {total} findings"));
    }
    Ok(if total > 0 {
        Exit::Findings
    } else {
        Exit::Done
    })
}
