//! `watchfloor rule …`: offline, without a floor.

mod backtest;
mod convert;
mod cost;
mod coverage;
mod explain;
mod feed;
mod files;
mod fit;
mod fmt;
mod lint;
mod matching;
mod new;
mod print;
mod reader;
mod run;
mod sarif;
mod scorecard;
mod tune;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::{Arg, ArgMatches, value_parser};
use serde_json::json;
use watchfloor_types::{Diagnostic, Level};

use super::{Context, Row};
use crate::{
    content::Files,
    output::{Exit, Form},
};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: &["rule", "lint"],
        about: "Say what is wrong with rule files, with place and way out",
        args: |c| fit::args(lint::args(c)),
        run: lint::run,
    },
    Row {
        name: &["rule", "fmt"],
        about: "Lay rule files out: order of keys, indentation, quotes; comments stay",
        args: fmt::args,
        run: fmt::run,
    },
    Row {
        name: &["rule", "test"],
        about: "Run the inline samples of rules",
        args: |c| fit::args(paths(c)),
        run: test,
    },
    Row {
        name: &["rule", "run"],
        about: "Match rules and correlations against files of events",
        args: run::args,
        run: run::run,
    },
    Row {
        name: &["rule", "explain"],
        about: "Why a rule matches an event, or why not, predicate by predicate",
        args: explain::args,
        run: explain::run,
    },
    Row {
        name: &["rule", "backtest"],
        about: "What a rule would have found in stored events",
        args: backtest::args,
        run: backtest::run,
    },
    Row {
        name: &["rule", "tune"],
        about: "A filter from false positives, proved on them and on true positives",
        args: tune::args,
        run: tune::run,
    },
    Row {
        name: &["rule", "convert"],
        about: "Rules as queries of other systems, by sigma-cli",
        args: convert::args,
        run: convert::run,
    },
    Row {
        name: &["rule", "coverage"],
        about: "Techniques with tested and with only tagged rules",
        args: coverage::args,
        run: coverage::run,
    },
    Row {
        name: &["rule", "cost"],
        about: "Where detection spends its time, by kind of event and by rule",
        args: cost::args,
        run: cost::run,
    },
    Row {
        name: &["rule", "scorecard"],
        about: "Keep, tune or retire each rule, with the reasons",
        args: scorecard::args,
        run: scorecard::run,
    },
    Row {
        name: &["rule", "new"],
        about: "A rule to fill in",
        args: new::args,
        run: new::run,
    },
];

/// Which rules.
fn with_rules(c: clap::Command) -> clap::Command {
    c.arg(
        Arg::new("rules")
            .long("rules")
            .value_parser(value_parser!(PathBuf))
            .action(clap::ArgAction::Append)
            .help("Rule file or folder; the built-in rules where none is given"),
    )
}

/// How records become events.
fn with_reader(c: clap::Command) -> clap::Command {
    c.arg(
        Arg::new("source")
            .long("source")
            .help("Read the events by the mapping of this source; recognised where it is not given"),
    )
    .arg(
        Arg::new("product")
            .long("product")
            .help("Logsource of the events, whatever the source says"),
    )
    .arg(Arg::new("category").long("category"))
    .arg(Arg::new("service").long("service"))
    .arg(
        Arg::new("format")
            .long("format")
            .value_parser(clap::builder::PossibleValuesParser::new(
                watchfloor_ingest::FORMATS.iter().map(|f| f.id),
            ))
            .help("Format of the files; told by their content where it is not given"),
    )
    .arg(
        Arg::new("delimiter")
            .long("delimiter")
            .value_parser(feed::delimiter)
            .help("Separator of CSV: one character, or `tab`; told by the header row where it is not given"),
    )
}

fn paths(c: clap::Command) -> clap::Command {
    c.arg(
        Arg::new("path")
            .num_args(0..)
            .value_parser(value_parser!(PathBuf))
            .help("Files or folders; the built-in rules where none is given"),
    )
}

fn named_rules(matches: &ArgMatches) -> anyhow::Result<Vec<(String, String)>> {
    read_rules(matches, "path")
}

/// Rule files named by an argument; the built-in ones where it is not given.
fn read_rules(matches: &ArgMatches, argument: &str) -> anyhow::Result<Vec<(String, String)>> {
    let paths: Vec<&PathBuf> = matches
        .get_many(argument)
        .map(Iterator::collect)
        .unwrap_or_default();
    if paths.is_empty() {
        return Ok(Files::load(None)?.of("rules"));
    }
    let mut all = Vec::new();
    for path in paths {
        read(path, &mut all)?;
    }
    Ok(all)
}

fn read(path: &Path, all: &mut Vec<(String, String)>) -> anyhow::Result<()> {
    let mut paths = Vec::new();
    files::walk(path, &mut paths)?;
    for path in paths {
        // A file that is not UTF-8 is a finding about that file, not the end of the others.
        let bytes =
            std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        all.push((
            path.display().to_string(),
            String::from_utf8_lossy(&bytes).into_owned(),
        ));
    }
    Ok(())
}

fn report(context: &Context, files: &[(String, String)], diagnostics: &[Diagnostic]) {
    let texts: BTreeMap<&str, &str> = files
        .iter()
        .map(|(p, t)| (p.as_str(), t.as_str()))
        .collect();
    context
        .out
        .diagnostics(diagnostics, &|p| texts.get(p).map(|t| (*t).to_owned()));
}

fn test(matches: &ArgMatches, context: &Context) -> anyhow::Result<Exit> {
    let files = named_rules(matches)?;
    let rulebook = match fit::compile(matches, context, &files)? {
        Ok(rulebook) => rulebook,
        Err(exit) => return Ok(exit),
    };
    let errors: Vec<Diagnostic> = rulebook
        .diagnostics
        .iter()
        .filter(|d| d.level == Level::Error)
        .cloned()
        .collect();
    report(context, &files, &errors);
    let (mut passed, mut failed, mut without) = (0, 0, 0);
    for document in rulebook.engine.documents() {
        let outcomes = rulebook.engine.run_samples(document);
        without += usize::from(outcomes.is_empty());
        for outcome in outcomes {
            if outcome.passed() {
                passed += 1;
            } else {
                failed += 1;
                let m = document.meta();
                context.out.note(&format!(
                    "failed: {} ({}): sample `{}`",
                    m.title(),
                    m.place().file,
                    outcome.name
                ));
            }
        }
    }
    match context.out.form {
        Form::Json => context.out.json(&json!({"passed": passed, "failed": failed, "rules_without_samples": without, "errors": errors})),
        Form::Text => context.out.line(&format!("{passed} samples passed, {failed} failed; {without} rules have no samples")),
    }
    Ok(if failed > 0 || !errors.is_empty() {
        Exit::Findings
    } else {
        Exit::Done
    })
}
