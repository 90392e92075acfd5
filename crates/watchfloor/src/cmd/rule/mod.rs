//! `watchfloor rule …`: offline, without a floor.

mod backtest;
mod coverage;
mod explain;
mod feed;
mod matching;
mod new;
mod print;
mod reader;
mod run;

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
    rulebook::Rulebook,
};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: &["rule", "lint"],
        about: "Say what is wrong with rule files, with place and way out",
        args: paths,
        run: lint,
    },
    Row {
        name: &["rule", "test"],
        about: "Run the inline samples of rules",
        args: paths,
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
        name: &["rule", "coverage"],
        about: "Techniques with tested and with only tagged rules",
        args: coverage::args,
        run: coverage::run,
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

fn files(matches: &ArgMatches) -> anyhow::Result<Vec<(String, String)>> {
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
    let what = || format!("cannot read {}", path.display());
    if path.is_dir() {
        let mut entries: Vec<PathBuf> = std::fs::read_dir(path)
            .with_context(what)?
            .map(|e| e.map(|e| e.path()))
            .collect::<Result<_, _>>()
            .with_context(what)?;
        entries.sort();
        return entries
            .iter()
            .filter(|p| p.is_dir() || p.extension().is_some_and(|e| e == "yml" || e == "yaml"))
            .try_for_each(|p| read(p, all));
    }
    // A file that is not UTF-8 is a finding about that file, not the end of the others.
    let bytes = std::fs::read(path).with_context(what)?;
    all.push((
        path.display().to_string(),
        String::from_utf8_lossy(&bytes).into_owned(),
    ));
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

fn lint(matches: &ArgMatches, context: &Context) -> anyhow::Result<Exit> {
    let files = files(matches)?;
    let rulebook = Rulebook::compile(&files);
    report(context, &files, &rulebook.diagnostics);
    let errors = rulebook
        .diagnostics
        .iter()
        .filter(|d| d.level == Level::Error)
        .count();
    context.out.note(&format!(
        "{} rules in {} files: {errors} errors, {} remarks",
        rulebook.engine.documents().len(),
        files.len(),
        rulebook.diagnostics.len() - errors
    ));
    Ok(if rulebook.diagnostics.is_empty() {
        Exit::Done
    } else {
        Exit::Findings
    })
}

fn test(matches: &ArgMatches, context: &Context) -> anyhow::Result<Exit> {
    let files = files(matches)?;
    let rulebook = Rulebook::compile(&files);
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
