//! Commands: noun, verb, one row each. Help and completions come from the rows.

mod access;
mod ask;
mod bench;
mod client;
mod content;
mod cycle;
mod demo;
mod event;
mod input;
mod intel;
mod outputs;
mod reference;
mod remote;
mod report;
mod rule;
mod runs;
mod serve;
mod suppression;

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, value_parser};

use crate::{
    output::{Exit, Form, Output},
    settings::{Overrides, Settings},
};

/// What every command gets.
pub(crate) struct Context {
    /// Where to print.
    pub out: Output,
    /// `--config`, `--data-dir`.
    pub overrides: Overrides,
    /// `--server` or `WATCHFLOOR_SERVER`: a running server to talk to.
    pub server: Option<String>,
}

impl Context {
    /// The settings; prints what is wrong with them and ends with bad input otherwise.
    pub(crate) fn settings(&self) -> anyhow::Result<Result<Settings, Exit>> {
        Ok(Settings::load(&self.overrides)?.map_err(|errors| {
            self.out.diagnostics(&errors, &|_| None);
            Exit::BadInput
        }))
    }
}

/// One command.
pub(crate) struct Row {
    /// Noun and verb; a lone word for the few commands that are one.
    pub name: &'static [&'static str],
    /// One line of help.
    pub about: &'static str,
    /// Adds the arguments.
    pub args: fn(clap::Command) -> clap::Command,
    /// Runs it.
    pub run: fn(&ArgMatches, &Context) -> anyhow::Result<Exit>,
}

/// Every command, in the order of the help.
pub(crate) static ROWS: &[&[Row]] = &[
    demo::ROWS,
    serve::ROWS,
    remote::ROWS,
    runs::ROWS,
    access::ROWS,
    event::ROWS,
    rule::ROWS,
    cycle::ROWS,
    suppression::ROWS,
    intel::ROWS,
    outputs::ROWS,
    report::ROWS,
    content::ROWS,
    bench::ROWS,
];

/// The command line of the program.
pub(crate) fn command() -> clap::Command {
    let mut root = clap::Command::new("watchfloor")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Security operations and incident response for AI systems")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .after_help("Exit status: 0 done, 1 findings, 2 bad input, 3 outside failure.")
        .arg(global("json", "Print JSON on stdout").action(ArgAction::SetTrue))
        .arg(
            global(
                "config",
                "Settings file [default: watchfloor.toml if present]",
            )
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf)),
        )
        .arg(
            global("data-dir", "Folder that holds all state")
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf)),
        )
        .arg(
            global("server", "Talk to a running server at this URL")
                .value_name("URL")
                .env("WATCHFLOOR_SERVER"),
        );
    for row in ROWS.iter().copied().flatten() {
        root = insert(root, row.name, row);
    }
    root
}

fn global(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).help(help).global(true)
}

fn insert(parent: clap::Command, path: &'static [&'static str], row: &Row) -> clap::Command {
    match path {
        [] => parent,
        [last] => parent.subcommand((row.args)(clap::Command::new(*last).about(row.about))),
        [noun, rest @ ..] => {
            let about = NOUNS
                .iter()
                .find(|(n, _)| n == noun)
                .map_or("", |(_, about)| *about);
            if parent.find_subcommand(noun).is_some() {
                parent.mut_subcommand(noun, |child| insert(child, rest, row))
            } else {
                let child = clap::Command::new(*noun)
                    .about(about)
                    .subcommand_required(true)
                    .arg_required_else_help(true);
                parent.subcommand(insert(child, rest, row))
            }
        }
    }
}

/// What each noun is, for the help.
static NOUNS: &[(&str, &str)] = &[
    ("source", "Origins of events: mapping, health, owner"),
    ("event", "Observations: import, search, show"),
    (
        "dead-letter",
        "Records that could not be understood: list, show, replay",
    ),
    (
        "rule",
        "Sigma rules: list, lint, test, run; their stages and versions",
    ),
    ("suppression", "Findings that are known, hidden for a while"),
    ("finding", "Matches of rules, correlations and indicators"),
    ("alert", "Grouped findings that ask a person to look"),
    ("incident", "Incidents: facts, status, timeline"),
    ("runbook", "Procedures: list, lint, start"),
    ("run", "Executions of runbooks"),
    ("obligation", "Regimes, clocks, determinations, filings"),
    ("comms", "Drafts: show, approve"),
    ("exercise", "Exercises: list, start, report"),
    ("intel", "Threat intelligence"),
    ("indicator", "Indicators and sightings"),
    (
        "output",
        "Where findings, alerts and incidents go: list, test, pause, resume",
    ),
    (
        "dead",
        "What receivers refused for good: list, show, replay",
    ),
    ("report", "Documents from live state"),
    ("content", "Everything under content/: lint and test"),
    ("config", "Settings"),
    ("token", "Tokens of senders and programs"),
    ("user", "Accounts"),
    ("journal", "The hash-chained journal"),
    ("bench", "What this machine carries"),
];

/// Runs the command line.
pub(crate) fn run() -> Exit {
    let matches = match command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => {
            let asked = !error.use_stderr();
            // Help that cannot be printed has no reader.
            drop(error.print());
            return if asked { Exit::Done } else { Exit::BadInput };
        }
    };
    let form = if matches.get_flag("json") {
        Form::Json
    } else {
        Form::Text
    };
    let context = Context {
        out: Output { form },
        overrides: Overrides {
            config: matches.get_one("config").cloned(),
            data_dir: matches.get_one("data-dir").cloned(),
        },
        server: matches.get_one("server").cloned(),
    };
    let mut path: Vec<&str> = Vec::new();
    let mut inner = &matches;
    while let Some((name, next)) = inner.subcommand() {
        path.push(name);
        inner = next;
    }
    let Some(row) = ROWS.iter().copied().flatten().find(|row| row.name == path) else {
        context
            .out
            .note("no such command; `watchfloor --help` lists all");
        return Exit::BadInput;
    };
    match (row.run)(inner, &context) {
        Ok(exit) => exit,
        Err(error) => {
            context.out.note(&format!("error: {error:#}"));
            Exit::Outside
        }
    }
}
