//! `watchfloor bench …`: what this machine carries, measured through the listeners that senders use.

mod ingest;
mod load;
mod search;

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, value_parser};
use serde_json::{Value, json};

use super::{Context, Row, client::Client, demo::fresh};
use crate::{
    output::{Exit, Form},
    settings::{Overrides, Settings},
};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: &["bench", "ingest"],
        about: "Events per second from request to searchable, and how soon an alert follows",
        args: |c| {
            common(c, "2000000")
                .arg(
                    Arg::new("source")
                        .long("source")
                        .default_value("litellm")
                        .help("The source whose mapping reads FILE"),
                )
                .arg(
                    Arg::new("file")
                        .num_args(0..)
                        .value_name("FILE")
                        .value_parser(value_parser!(PathBuf))
                        .action(ArgAction::Append)
                        .help("NDJSON to send over and over, in place of made gateway records of about 650 bytes"),
                )
        },
        run: ingest::run,
    },
    Row {
        name: &["bench", "search"],
        about: "Stores events of 24 hours, then times searches over the last hour",
        args: |c| {
            common(c, "10000000").arg(
                Arg::new("rounds")
                    .long("rounds")
                    .default_value("20")
                    .value_parser(value_parser!(u32).range(1..=10_000))
                    .help("How often each search is run"),
            )
        },
        run: search::run,
    },
];

fn common(command: clap::Command, events: &'static str) -> clap::Command {
    command
        .arg(
            Arg::new("events")
                .long("events")
                .default_value(events)
                .value_parser(value_parser!(u64).range(1_000..=1_000_000_000))
                .help("How many events are sent"),
        )
        .arg(
            Arg::new("senders")
                .long("senders")
                .default_value("4")
                .value_parser(value_parser!(u32).range(1..=64))
                .help("Connections that send at the same time"),
        )
        .arg(
            Arg::new("batch")
                .long("batch")
                .default_value("1000")
                .value_parser(value_parser!(u32).range(1..=20_000))
                .help("Events in a request"),
        )
}

/// A floor in a fresh folder, which is removed at the end unless it was named.
struct Bench {
    client: Client,
    remove: Option<PathBuf>,
}

impl Bench {
    fn open(context: &Context) -> anyhow::Result<Result<Self, Exit>> {
        let given = context.overrides.data_dir.clone();
        let dir = match fresh(given.clone()) {
            Ok(dir) => dir,
            Err(error) => {
                context.out.note(&format!("error: {error:#}"));
                return Ok(Err(Exit::BadInput));
            }
        };
        let overrides = Overrides {
            data_dir: Some(dir.clone()),
            ..context.overrides.clone()
        };
        let settings = match Settings::load(&overrides)? {
            Ok(settings) => settings,
            Err(errors) => {
                context.out.diagnostics(&errors, &|_| None);
                return Ok(Err(Exit::BadInput));
            }
        };
        Ok(Ok(Self {
            client: Client::local(settings)?,
            remove: given.is_none().then_some(dir),
        }))
    }

    fn close(self) {
        self.client.close();
        if let Some(dir) = self.remove {
            // A folder that stays costs disk, not truth.
            drop(std::fs::remove_dir_all(dir));
        }
    }
}

fn number<T: Copy + Send + Sync + 'static>(matches: &ArgMatches, name: &str, default: T) -> T {
    matches.get_one::<T>(name).copied().unwrap_or(default)
}

/// The value below which `percent` of the sorted values lie (nearest rank).
fn percentile(sorted: &[f64], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

/// Count, median, spread and extremes.
fn quantiles(mut values: Vec<f64>) -> Value {
    values.sort_by(f64::total_cmp);
    let at = |percent| percentile(&values, percent).map(|v| (v * 100.0).round() / 100.0);
    json!({"n": values.len(), "p10": at(10), "median": at(50), "p90": at(90), "p95": at(95), "max": at(100)})
}

/// CPU seconds and peak memory of this process, where the system tells.
fn usage() -> (Option<f64>, Option<u64>) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // proc(5): after the name in parentheses, user and system time are fields 12 and 13, in hundredths.
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .map_or("", |(_, rest)| rest)
        .split_ascii_whitespace()
        .collect();
    let ticks = |i: usize| fields.get(i)?.parse::<f64>().ok();
    let cpu = ticks(11).zip(ticks(12)).map(|(a, b)| (a + b) / 100.0);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status
        .lines()
        .find_map(|l| l.strip_prefix("VmHWM:"))
        .and_then(|l| l.trim().strip_suffix(" kB")?.parse::<u64>().ok())
        .map(|kib| kib * 1024);
    (cpu, peak)
}

fn print(context: &Context, result: &Value, lines: &[String]) {
    match context.out.form {
        Form::Json => context.out.json(result),
        Form::Text => {
            for line in lines {
                context.out.line(line);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let values: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!(percentile(&values, 50), Some(10.0));
        assert_eq!(percentile(&values, 95), Some(19.0));
        assert_eq!(percentile(&values, 100), Some(20.0));
        assert_eq!(percentile(&[], 95), None);
        assert_eq!(quantiles(vec![3.0, 1.0, 2.0])["median"], 2.0);
    }
}
