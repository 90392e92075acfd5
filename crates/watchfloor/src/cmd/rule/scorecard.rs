//! `watchfloor rule scorecard`: keep, tune or retire, with the reasons.

use std::{collections::HashMap, path::PathBuf};

use clap::{Arg, ArgAction, ArgMatches, value_parser};
use serde_json::{Value, json};
use watchfloor_detect::{
    Advice, Bounds, Correlator, Expect, Hit, Known, Limits, Scope, Scratch, Status, advise,
    allowances, remarks,
};
use watchfloor_ingest::Sources;
use watchfloor_types::{Finding, Level};

use super::{
    super::client::Client, Context, feed, read_rules, reader::Reader, report, with_reader,
};
use crate::{
    clock::Clock,
    content::Files,
    output::{Exit, Form},
    rulebook::Rulebook,
};

pub(super) fn args(c: clap::Command) -> clap::Command {
    let number = |name: &'static str, default: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .default_value(default)
            .value_parser(value_parser!(f64))
            .help(help)
    };
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .action(ArgAction::SetTrue)
            .help(help)
    };
    with_reader(super::paths(c))
        .arg(
            Arg::new("events")
                .long("events")
                .value_name("FILE")
                .action(ArgAction::Append)
                .value_parser(value_parser!(PathBuf))
                .help("Events to count findings and time over"),
        )
        .arg(flag(
            "verdicts",
            "Ask the server for closed alerts: how often each rule was right",
        ))
        .arg(flag(
            "strict",
            "Also what lint asks of rules of one's own; on for the built-in rules",
        ))
        .arg(flag("markdown", "Print a Markdown table"))
        .arg(number(
            "max-findings",
            "1000",
            "Findings of a million events above which a rule is to be tuned",
        ))
        .arg(number(
            "min-precision",
            "0.5",
            "Share of right verdicts below which a rule is to be tuned",
        ))
        .arg(number(
            "max-nanos",
            "1000",
            "Nanoseconds an event above which a rule is to be tuned",
        ))
        .arg(
            Arg::new("min-verdicts")
                .long("min-verdicts")
                .default_value("5")
                .value_parser(value_parser!(u64).range(1..))
                .help("Closed alerts below which nothing follows from verdicts"),
        )
}

struct Card {
    id: String,
    title: String,
    file: String,
    known: Known,
    advice: Advice,
    reasons: Vec<String>,
}

/// What files of events show, by rule.
#[derive(Default)]
struct Measured {
    events: u64,
    findings: HashMap<String, u64>,
    nanos: HashMap<String, f64>,
}

pub(super) fn run(matches: &ArgMatches, context: &Context) -> anyhow::Result<Exit> {
    let files = read_rules(matches, "path")?;
    let own = matches.get_flag("strict") || !matches.contains_id("path");
    let scope = if own { Scope::Own } else { Scope::Shared };
    let rulebook = Rulebook::compile(&files);
    let errors: Vec<_> = rulebook
        .diagnostics
        .iter()
        .filter(|d| d.level == Level::Error)
        .cloned()
        .collect();
    report(context, &files, &errors);
    let measured = match measure(matches, context, &rulebook)? {
        Ok(measured) => measured,
        Err(why) => {
            context.out.note(&format!("error: {why}"));
            return Ok(Exit::BadInput);
        }
    };
    let verdicts = if matches.get_flag("verdicts") {
        match ask(context)? {
            Ok(verdicts) => verdicts,
            Err(exit) => return Ok(exit),
        }
    } else {
        HashMap::new()
    };
    let warnings = warnings(&files, &rulebook, scope);
    let number = |name: &str| matches.get_one::<f64>(name).copied().unwrap_or_default();
    let bounds = Bounds {
        findings_per_million: number("max-findings"),
        precision: number("min-precision"),
        verdicts: matches.get_one::<u64>("min-verdicts").copied().unwrap_or(5),
        nanos: number("max-nanos"),
    };
    let mut cards: Vec<Card> = rulebook
        .engine
        .documents()
        .iter()
        .map(|document| {
            let meta = document.meta();
            let id = meta.id().to_string();
            let outcomes = rulebook.engine.run_samples(document);
            let expects = |e: Expect| outcomes.iter().filter(|o| o.expect == e).count();
            let (right, wrong) = verdicts.get(&id).copied().unwrap_or_default();
            let measured = measured.as_ref();
            let known = Known {
                retired: matches!(
                    meta.status(),
                    Some(Status::Deprecated | Status::Unsupported)
                ),
                warnings: warnings
                    .get(&(meta.place().file.clone(), id.clone()))
                    .copied()
                    .unwrap_or_default(),
                positive: expects(Expect::Match),
                negative: expects(Expect::None),
                failed: outcomes.iter().filter(|o| !o.passed()).count(),
                techniques: meta.techniques().len(),
                events: measured.map(|m| m.events),
                findings: measured.map(|m| m.findings.get(&id).copied().unwrap_or_default()),
                right,
                wrong,
                nanos: measured.and_then(|m| m.nanos.get(&id).copied()),
            };
            let (advice, reasons) = advise(&known, &bounds);
            Card {
                id,
                title: meta.title().to_owned(),
                file: meta.place().file.clone(),
                known,
                advice,
                reasons,
            }
        })
        .collect();
    cards.sort_by_key(|c| (c.advice, c.title.clone()));
    show(matches, context, &cards, &bounds);
    Ok(if !errors.is_empty() {
        Exit::BadInput
    } else if cards.iter().any(|c| c.advice != Advice::Keep) {
        Exit::Findings
    } else {
        Exit::Done
    })
}

/// Errors and warnings by file and rule: each belongs to the last rule of its file that begins before it.
fn warnings(
    files: &[(String, String)],
    rulebook: &Rulebook,
    scope: Scope,
) -> HashMap<(String, String), usize> {
    let mut out = HashMap::new();
    for (path, text) in files {
        let mut found: Vec<_> = rulebook
            .diagnostics
            .iter()
            .filter(|d| d.place.as_ref().is_some_and(|p| p.file == *path))
            .cloned()
            .collect();
        found.extend(remarks(path, text, scope).into_iter().map(|r| r.diagnostic));
        let mut rules: Vec<(u32, String)> = rulebook
            .engine
            .documents()
            .iter()
            .map(watchfloor_detect::Document::meta)
            .filter(|m| m.place().file == *path)
            .map(|m| (m.place().line, m.id().to_string()))
            .collect();
        rules.sort();
        let found = allowances(path, text).apply(found);
        for diagnostic in found.iter().filter(|d| d.level >= Level::Warning) {
            let line = diagnostic.place.as_ref().map_or(0, |p| p.line);
            let of = rules
                .iter()
                .rev()
                .find(|(first, _)| *first <= line)
                .or(rules.first());
            if let Some((_, id)) = of {
                *out.entry((path.clone(), id.clone())).or_default() += 1;
            }
        }
    }
    out
}

fn measure(
    matches: &ArgMatches,
    context: &Context,
    rulebook: &Rulebook,
) -> anyhow::Result<Result<Option<Measured>, String>> {
    let paths: Vec<&PathBuf> = matches
        .get_many("events")
        .map(Iterator::collect)
        .unwrap_or_default();
    if paths.is_empty() {
        return Ok(Ok(None));
    }
    let (sources, _) = Sources::load(&Files::load(None)?.of("sources"));
    let mut reader = match Reader::new(matches, &sources)? {
        Ok(reader) => reader,
        Err(why) => return Ok(Err(why)),
    };
    let now = Clock::real().now();
    let mut out = Measured::default();
    let mut scratch = Scratch::with_clock(crate::clock::nanos);
    let mut correlator = Correlator::new(&rulebook.engine, Limits::default());
    let mut hits: Vec<Hit> = Vec::new();
    let mut found: Vec<Finding> = Vec::new();
    let (mut number, mut unread) = (0, 0_u64);
    let hidden = indicatif::ProgressBar::hidden();
    for path in paths {
        let cannot = |why: String| anyhow::anyhow!("cannot read {}: {why}", path.display());
        let mut open = feed::Open::new(path, &feed::Asked::of(matches), &hidden).map_err(cannot)?;
        while let Some(block) = open.next().map_err(cannot)? {
            for record in feed::records(&block) {
                number += 1;
                let Ok(events) = record.and_then(|record| reader.events(record, number, now))
                else {
                    unread += 1;
                    continue;
                };
                for event in &events {
                    out.events += 1;
                    rulebook
                        .engine
                        .detect(event, &mut scratch, event.time, &mut hits, &mut found);
                    if !hits.is_empty() {
                        correlator.feed(event, &hits, &mut found, event.time);
                    }
                }
                for finding in found.drain(..) {
                    *out.findings.entry(finding.rule.id.to_string()).or_default() += 1;
                }
            }
        }
    }
    if unread > 0 {
        context
            .out
            .note(&format!("{unread} records could not be read"));
    }
    if out.events > 0 {
        for cost in rulebook.engine.costs(&scratch).rules {
            if let Some(nanos) = cost.nanos {
                out.nanos
                    .insert(cost.rule.to_string(), nanos as f64 / out.events as f64);
            }
        }
    }
    Ok(Ok(Some(out)))
}

/// By rule, how many closed alerts were right and how many were not.
type Verdicts = HashMap<String, (u64, u64)>;

/// Closed alerts of the server that were right and that were not, by rule.
fn ask(context: &Context) -> anyhow::Result<Result<Verdicts, Exit>> {
    let client = match Client::open(context)? {
        Ok(client) => client,
        Err(exit) => return Ok(Err(exit)),
    };
    let answer = client.get("/api/v1/alerts");
    client.close();
    Ok(Ok(tally(&answer?)))
}

fn tally(alerts: &Value) -> Verdicts {
    let mut out = Verdicts::new();
    for alert in alerts.as_array().into_iter().flatten() {
        // What was staged says nothing about the world.
        if alert.get("exercise").is_some_and(|e| !e.is_null()) {
            continue;
        }
        let right = match alert.get("verdict").and_then(Value::as_str) {
            Some("true-positive" | "suspicious" | "security-risk" | "managed-externally") => true,
            Some("false-positive" | "benign" | "disregard") => false,
            _ => continue,
        };
        let mut rules: Vec<&str> = alert
            .get("findings")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|f| f.pointer("/rule/id")?.as_str())
            .collect();
        rules.sort_unstable();
        rules.dedup();
        for rule in rules {
            let entry = out.entry(rule.to_owned()).or_default();
            if right {
                entry.0 += 1;
            } else {
                entry.1 += 1;
            }
        }
    }
    out
}

fn show(matches: &ArgMatches, context: &Context, cards: &[Card], bounds: &Bounds) {
    let optional = |n: Option<u64>| n.map_or_else(|| "-".to_owned(), |n| n.to_string());
    let cells = |c: &Card| -> Vec<String> {
        let k = &c.known;
        vec![
            c.advice.to_string(),
            c.title.clone(),
            format!(
                "{}/{}",
                k.positive + k.negative - k.failed,
                k.positive + k.negative
            ),
            k.warnings.to_string(),
            optional(k.findings),
            if k.right + k.wrong == 0 {
                "-".to_owned()
            } else {
                format!("{}/{}", k.right, k.right + k.wrong)
            },
            k.nanos
                .map_or_else(|| "-".to_owned(), |n| format!("{n:.1}")),
            k.techniques.to_string(),
            c.reasons.join("; "),
        ]
    };
    let columns = [
        "advice",
        "rule",
        "samples",
        "warnings",
        "findings",
        "right",
        "ns/event",
        "techniques",
        "why",
    ];
    if matches.get_flag("markdown") {
        let row = |cells: Vec<String>| {
            // A pipe or line break in a title would be another cell or row; brackets another link.
            let safe: Vec<String> = cells
                .iter()
                .map(|c| {
                    crate::output::visible(c)
                        .replace(['\n', '\t'], " ")
                        .replace('\\', "\\\\")
                        .replace('|', "\\|")
                        .replace('<', "&lt;")
                        .replace('[', "\\[")
                })
                .collect();
            format!("| {} |", safe.join(" | "))
        };
        context
            .out
            .line(&row(columns.iter().map(|c| (*c).to_owned()).collect()));
        context
            .out
            .line(&format!("|{}", "---|".repeat(columns.len())));
        for card in cards {
            context.out.line(&row(cells(card)));
        }
    } else {
        let rows: Vec<Vec<String>> = cards.iter().map(cells).collect();
        let json: Vec<Value> = cards
            .iter()
            .map(|c| {
                let k = &c.known;
                json!({
                    "rule": {"id": c.id, "title": c.title}, "file": c.file, "advice": c.advice.to_string(), "reasons": c.reasons,
                    "samples": {"positive": k.positive, "negative": k.negative, "failed": k.failed}, "warnings": k.warnings,
                    "techniques": k.techniques, "events": k.events, "findings": k.findings, "findings_per_million": k.per_million(),
                    "verdicts": {"right": k.right, "wrong": k.wrong, "precision": k.precision()}, "nanos_per_event": k.nanos,
                })
            })
            .collect();
        let value = json!({
            "bounds": {"findings_per_million": bounds.findings_per_million, "precision": bounds.precision, "verdicts": bounds.verdicts, "nanos_per_event": bounds.nanos},
            "rules": json,
        });
        context.out.table(&columns, &rows, &value);
    }
    let count = |a: Advice| cards.iter().filter(|c| c.advice == a).count();
    if context.out.form == Form::Text {
        context.out.note(&format!(
            "{} to keep, {} to tune, {} to retire; bounds: {} findings of a million events, {} of verdicts right (from {} verdicts on), {} ns an event",
            count(Advice::Keep),
            count(Advice::Tune),
            count(Advice::Retire),
            bounds.findings_per_million,
            bounds.precision,
            bounds.verdicts,
            bounds.nanos
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_count_for_each_rule_once_an_alert() {
        let finding = |rule: &str| json!({"rule": {"id": rule}});
        let alerts = json!([
            {"verdict": "true-positive", "exercise": null, "findings": [finding("a"), finding("a"), finding("b")]},
            {"verdict": "benign", "exercise": null, "findings": [finding("a")]},
            {"verdict": "duplicate", "exercise": null, "findings": [finding("a")]},
            {"verdict": null, "exercise": null, "findings": [finding("a")]},
            {"verdict": "false-positive", "exercise": "x", "findings": [finding("b")]},
        ]);
        let got = tally(&alerts);
        assert_eq!((got["a"], got["b"]), ((1, 1), (1, 0)));
    }
}
