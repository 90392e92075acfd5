//! `watchfloor rule lint`: what is wrong with rules, and what could be better; `--fix` mends what it safely can.

use std::collections::BTreeMap;

use clap::{Arg, ArgAction, ArgMatches};
use serde_json::{Value, json};
use watchfloor_detect::{Remark, Scope, allowances, codes, mended, parse_rules, remarks};
use watchfloor_types::{Diagnostic, Level};

use super::{Context, files, fit, named_rules, report, sarif};
use crate::output::{Exit, Form};

/// Rounds of fixes: one may make room for another.
const MAX_ROUNDS: usize = 8;

pub(super) fn args(c: clap::Command) -> clap::Command {
    let code = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name("CODE")
            .action(ArgAction::Append)
            .value_parser(|text: &str| {
                let known = codes().any(|c| c.code == text);
                known
                    .then(|| text.to_owned())
                    .ok_or_else(|| format!("`{text}` is no code of rules; they are R001 to R129"))
            })
            .help(help)
    };
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .action(ArgAction::SetTrue)
            .help(help)
    };
    super::paths(c)
        .arg(flag("strict", "Also what rules of one's own need: owner, samples, stated false positives; on for the built-in rules"))
        .arg(flag("fix", "Mend what can be mended without changing what a rule matches").requires("path"))
        .arg(flag("sarif", "Print SARIF 2.1.0, for code scanning"))
        .arg(code("deny", "Make this an error"))
        .arg(code("allow", "Leave this out, unless it is an error"))
        .arg(level("level", "note", "Leave out what is below"))
        .arg(level("fail-on", "warning", "Exit status 1 from this on"))
}

fn level(name: &'static str, default: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .default_value(default)
        .value_parser(["note", "warning", "error"])
        .help(help)
}

fn level_of(matches: &ArgMatches, name: &str) -> Level {
    match matches.get_one::<String>(name).map(String::as_str) {
        Some("error") => Level::Error,
        Some("warning") => Level::Warning,
        _ => Level::Note,
    }
}

pub(super) fn run(matches: &ArgMatches, context: &Context) -> anyhow::Result<Exit> {
    let own = matches.get_flag("strict") || !matches.contains_id("path");
    let scope = if own { Scope::Own } else { Scope::Shared };
    let mut broken = 0_usize;
    if matches.get_flag("fix") {
        for file in files::named(matches)? {
            match file {
                Ok(file) => fix(&file, scope, matches, context)?,
                Err(files::NotText(why)) => {
                    broken += 1;
                    context.out.note(&format!("error: {why}"));
                }
            }
        }
    }
    let files = named_rules(matches)?;
    let rulebook = match fit::compile(matches, context, &files)? {
        Ok(rulebook) => rulebook,
        Err(exit) => return Ok(exit),
    };
    let all = gather(&files, &rulebook.diagnostics, scope, matches);
    let shown = level_of(matches, "level");
    let all: Vec<Remark> = all
        .into_iter()
        .filter(|r| r.diagnostic.level >= shown)
        .collect();
    if matches.get_flag("sarif") {
        context.out.json(&sarif::log(&all));
    } else if context.out.form == Form::Json {
        for remark in &all {
            context.out.json(&as_json(remark));
        }
    } else {
        let plain: Vec<Diagnostic> = all.iter().map(|r| r.diagnostic.clone()).collect();
        report(context, &files, &plain);
    }
    let count = |level: Level| all.iter().filter(|r| r.diagnostic.level == level).count();
    let fixable = all.iter().filter(|r| r.fix.is_some()).count();
    context.out.note(&format!(
        "{} rules in {} files: {} errors, {} warnings, {} notes{}",
        rulebook.engine.documents().len(),
        files.len(),
        count(Level::Error),
        count(Level::Warning),
        count(Level::Note),
        if fixable > 0 {
            format!("; --fix mends {fixable}")
        } else {
            String::new()
        }
    ));
    let fail_on = level_of(matches, "fail-on");
    Ok(if broken > 0 {
        Exit::BadInput
    } else if all.iter().any(|r| r.diagnostic.level >= fail_on) {
        Exit::Findings
    } else {
        Exit::Done
    })
}

/// What is said about files: the rules of the specification and good practice, without what is allowed.
fn gather(
    files: &[(String, String)],
    compiled: &[Diagnostic],
    scope: Scope,
    matches: &ArgMatches,
) -> Vec<Remark> {
    let mut by_file: BTreeMap<&str, Vec<Remark>> = BTreeMap::new();
    let mut out = Vec::new();
    for diagnostic in compiled {
        let remark = Remark {
            diagnostic: diagnostic.clone(),
            fix: None,
        };
        match &diagnostic.place {
            Some(place) => by_file.entry(place.file.as_str()).or_default().push(remark),
            None => out.push(remark),
        }
    }
    for (path, text) in files {
        let mut found = by_file.remove(path.as_str()).unwrap_or_default();
        found.extend(remarks(path, text, scope));
        let allowances = allowances(path, text);
        let kept = allowances.apply(found.iter().map(|r| r.diagnostic.clone()).collect());
        // The same ones with their fixes, and what is wrong with the allowances.
        for diagnostic in kept {
            let at = found.iter().position(|r| r.diagnostic == diagnostic);
            let fix = at.and_then(|at| found.swap_remove(at).fix);
            out.push(Remark { diagnostic, fix });
        }
    }
    out.extend(by_file.into_values().flatten());
    let given = |name: &str, code: &str| {
        matches
            .get_many::<String>(name)
            .into_iter()
            .flatten()
            .any(|c| c == code)
    };
    out.retain(|r| r.diagnostic.level == Level::Error || !given("allow", &r.diagnostic.code));
    for remark in &mut out {
        if given("deny", &remark.diagnostic.code) {
            remark.diagnostic.level = Level::Error;
        }
    }
    let place = |r: &Remark| {
        let place = r.diagnostic.place.as_ref();
        place.map(|p| (p.file.clone(), p.line, p.column))
    };
    out.sort_by_key(place);
    out
}

/// Mends a file until nothing that can be mended is left, and writes it if it still loads as it did.
fn fix(
    file: &files::RuleFile,
    scope: Scope,
    matches: &ArgMatches,
    context: &Context,
) -> anyhow::Result<()> {
    let name = file.name();
    let errors = |text: &str| {
        let (documents, found) = parse_rules(&name, text, &watchfloor_detect::Options::default());
        let errors = found.iter().filter(|d| d.level == Level::Error).count();
        (documents.len(), errors)
    };
    let mut text = file.text.clone();
    let mut total = 0;
    for _ in 0..MAX_ROUNDS {
        let allowed = allowances(&name, &text);
        let open: Vec<Remark> = remarks(&name, &text, scope)
            .into_iter()
            .filter(|r| r.fix.is_some() && !allowed.allow(&r.diagnostic))
            .filter(|r| {
                !matches
                    .get_many::<String>("allow")
                    .into_iter()
                    .flatten()
                    .any(|c| *c == r.diagnostic.code)
            })
            .collect();
        let (next, made) = mended(&text, &open);
        if made == 0 {
            break;
        }
        total += made;
        text = next;
    }
    if total == 0 {
        return Ok(());
    }
    if errors(&text) != errors(&file.text) {
        context.out.note(&format!(
            "{name}: left alone: mended it would not load as before"
        ));
        return Ok(());
    }
    file.replace(&text)?;
    context.out.note(&format!("{name}: {total} mended"));
    Ok(())
}

fn as_json(remark: &Remark) -> Value {
    let mut value = serde_json::to_value(&remark.diagnostic).unwrap_or_default();
    if let Some(fix) = &remark.fix {
        let edits: Vec<Value> = fix
            .edits
            .iter()
            .map(|e| json!({"start_byte": e.start, "end_byte": e.end, "text": e.text}))
            .collect();
        if let Some(map) = value.as_object_mut() {
            map.insert(
                "fix".to_owned(),
                json!({"title": fix.title, "edits": edits}),
            );
        }
    }
    value
}
