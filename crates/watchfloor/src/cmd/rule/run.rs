//! `watchfloor rule run`: rules over files of events, without a floor.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Arg, ArgMatches, value_parser};
use serde_json::json;
use watchfloor_detect::{Correlator, Hit, Limits, Scratch, event_of_json};
use watchfloor_ingest::{Joiner, Source, Sources};
use watchfloor_types::{Event, Finding, Frame, Logsource, Norm, Severity, TenantId, Timestamp};

use super::{super::input::Input, Context, fit, read_rules, report, with_reader, with_rules};
use crate::{
    clock::Clock,
    content::Files,
    output::{Exit, Form},
};

pub(super) fn args(c: clap::Command) -> clap::Command {
    fit::args(with_reader(with_rules(c)))
        .arg(
            Arg::new("fail-on")
                .long("fail-on")
                .default_value("informational")
                .value_parser(value_parser!(Severity))
                .help("Exit status 1 from this severity on"),
        )
        .arg(
            Arg::new("file")
                .required(true)
                .num_args(1..)
                .value_parser(value_parser!(PathBuf))
                .help("NDJSON or a JSON array, plain, gzip or zstd; `-` is stdin"),
        )
}

/// How records of the files become events.
pub(super) enum Reader<'s> {
    Mapped(&'s Source, Box<Joiner>, TenantId),
    Plain(Logsource),
}

impl Reader<'_> {
    /// The events of one record; or why there is none.
    pub(super) fn events(
        &mut self,
        record: &[u8],
        seq: u64,
        now: Timestamp,
    ) -> Result<Vec<Event>, String> {
        match self {
            Self::Plain(logsource) => {
                let text = std::str::from_utf8(record).map_err(|e| e.to_string())?;
                Ok(vec![event_of_json(
                    text,
                    logsource.clone(),
                    Norm::default(),
                    now,
                )])
            }
            Self::Mapped(source, joiner, tenant) => {
                let frame = Frame {
                    seq,
                    received: now,
                    source: source.id().clone(),
                    tenant: tenant.clone(),
                    mark: None,
                    records: vec![bytes::Bytes::copy_from_slice(record)],
                    refused: Vec::new(),
                };
                let mapped = source.map_frame(&frame, joiner);
                match mapped.dead.into_iter().next() {
                    Some(dead) => Err(dead.reason),
                    None => Ok(mapped.events),
                }
            }
        }
    }
}

/// The reader that the arguments name.
pub(super) fn reader<'s>(
    matches: &ArgMatches,
    sources: &'s Sources,
) -> anyhow::Result<Result<Reader<'s>, String>> {
    let part = |name: &str| matches.get_one::<String>(name).map(|s| s.as_str().into());
    let Some(name) = matches.get_one::<String>("source") else {
        return Ok(Ok(Reader::Plain(Logsource {
            product: part("product"),
            category: part("category"),
            service: part("service"),
        })));
    };
    let found = name.parse().ok().and_then(|id| sources.get(&id));
    Ok(match found {
        Some(source) => Ok(Reader::Mapped(
            source,
            Box::default(),
            "main".parse().context("`main` is no tenant")?,
        )),
        None => Err(format!(
            "there is no source `{name}`; one of {}",
            sources
                .iter()
                .map(|s| s.id().to_string())
                .collect::<Vec<_>>()
                .join(", ")
        )),
    })
}

pub(super) fn run(matches: &ArgMatches, context: &Context) -> anyhow::Result<Exit> {
    let files = read_rules(matches, "rules")?;
    let rulebook = match fit::compile(matches, context, &files)? {
        Ok(rulebook) => rulebook,
        Err(exit) => return Ok(exit),
    };
    report(context, &files, &rulebook.diagnostics);
    let (sources, _) = Sources::load(&Files::load(None)?.of("sources"));
    let mut reader = match reader(matches, &sources)? {
        Ok(reader) => reader,
        Err(message) => {
            context.out.note(&format!("error: {message}"));
            return Ok(Exit::BadInput);
        }
    };
    let paths: Vec<&PathBuf> = matches
        .get_many("file")
        .map(Iterator::collect)
        .unwrap_or_default();
    let fail_on = matches
        .get_one::<Severity>("fail-on")
        .copied()
        .unwrap_or(Severity::Informational);
    let mut correlator = Correlator::new(&rulebook.engine, Limits::default());
    let mut scratch = Scratch::new();
    let mut hits: Vec<Hit> = Vec::new();
    let mut found: Vec<Finding> = Vec::new();
    let (mut total, mut failing, mut records, mut unread, mut seq) = (0u64, 0u64, 0u64, 0u64, 0u64);
    let received = Clock::real().now();
    for path in paths {
        Input::open(path)?.each(path, &mut |index, record| {
            seq += 1;
            records += 1;
            let events = match reader.events(record, seq, received) {
                Ok(events) => events,
                Err(reason) => {
                    unread += 1;
                    if unread <= 20 {
                        context.out.note(&format!("{}:{}: not read: {reason}", path.display(), index + 1));
                    }
                    return Ok(());
                }
            };
            for event in &events {
                // Event time drives correlations: the file is the past.
                rulebook.engine.detect(event, &mut scratch, event.time, &mut hits, &mut found);
                if !hits.is_empty() {
                    correlator.feed(event, &hits, &mut found, event.time);
                }
            }
            for finding in found.drain(..) {
                total += 1;
                failing += u64::from(finding.severity >= fail_on);
                let value = json!({
                    "rule": {"id": finding.rule.id, "title": finding.rule.title, "version": finding.rule.version},
                    "severity": finding.severity, "techniques": finding.techniques, "time": finding.time,
                    "event": {"index": index, "file": path}, "matched": finding.matched,
                });
                match context.out.form {
                    Form::Json => context.out.json(&value),
                    Form::Text => context.out.line(&crate::output::visible(&format!(
                        "{}:{}: {} {} ({})",
                        path.display(),
                        index + 1,
                        finding.severity,
                        finding.rule.title,
                        finding.rule.id
                    ))),
                }
            }
            Ok(())
        })?;
    }
    context.out.note(&format!(
        "{records} records, {unread} not read, {} rules, {total} findings",
        rulebook.engine.documents().len()
    ));
    let late = correlator.counters().late;
    if late > 0 {
        context.out.note(&format!(
            "{late} matches came too late for their correlation's window; files in order of time give them"
        ));
    }
    Ok(if failing > 0 {
        Exit::Findings
    } else {
        Exit::Done
    })
}
