//! `watchfloor rule explain`: why a rule matches an event, or why not, predicate by predicate.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, value_parser};
use serde_json::json;
use watchfloor_ingest::Sources;

use super::{Context, feed, fit, read_rules, reader::Reader, report, with_reader, with_rules};
use crate::{
    clock::Clock,
    content::Files,
    output::{Exit, Form},
};

pub(super) fn args(c: clap::Command) -> clap::Command {
    let c = fit::args(with_reader(with_rules(c)));
    c.arg(
        Arg::new("rule")
            .required(true)
            .help("The rule: its id, name or title"),
    )
    .arg(
        Arg::new("file")
            .required(true)
            .value_parser(value_parser!(PathBuf))
            .help("File of events; `-` is stdin"),
    )
    .arg(
        Arg::new("record")
            .long("record")
            .default_value("1")
            .value_parser(value_parser!(u64).range(1..))
            .help("Which record of the file, from 1"),
    )
}

pub(super) fn run(matches: &ArgMatches, context: &Context) -> anyhow::Result<Exit> {
    let bad = |message: &str| {
        context.out.note(&format!("error: {message}"));
        Ok(Exit::BadInput)
    };
    let files = read_rules(matches, "rules")?;
    let rulebook = match fit::compile(matches, context, &files)? {
        Ok(rulebook) => rulebook,
        Err(exit) => return Ok(exit),
    };
    report(context, &files, &rulebook.diagnostics);
    let wanted = matches.get_one::<String>("rule").map_or("", String::as_str);
    let documents = rulebook.engine.documents();
    let rule = documents
        .iter()
        .map(watchfloor_detect::Document::meta)
        .find(|m| {
            m.id().to_string() == wanted
                || m.name() == Some(wanted)
                || m.title().eq_ignore_ascii_case(wanted)
        });
    let Some(rule) = rule else {
        return bad(&format!(
            "there is no rule `{wanted}`; `watchfloor rule list` names the built-in ones"
        ));
    };
    let (sources, _) = Sources::load(&Files::load(None)?.of("sources"));
    let mut reader = match Reader::new(matches, &sources)? {
        Ok(reader) => reader,
        Err(message) => return bad(&message),
    };
    let number = matches.get_one::<u64>("record").copied().unwrap_or(1);
    let path = matches
        .get_one::<PathBuf>("file")
        .cloned()
        .unwrap_or_default();
    let now = Clock::real().now();
    let record = match feed::record(&path, &feed::Asked::of(matches), number - 1) {
        Err(reason) => return bad(&format!("{}: {reason}", path.display())),
        Ok(None) => return bad(&format!("{} has no record {number}", path.display())),
        Ok(Some(record)) => record,
    };
    let events = match record.and_then(|record| reader.events(record, number, now)) {
        Err(reason) => return bad(&format!("{}:{number}: {reason}", path.display())),
        Ok(events) => events,
    };
    let mut holds = false;
    for event in &events {
        let Some(why) = rulebook.engine.explain(rule.id(), event) else {
            return bad("a correlation counts what its rules match; explain one of those");
        };
        let matched = why.sees && why.holds;
        holds |= matched;
        let value = json!({
            "rule": {"id": rule.id(), "title": rule.title()}, "matches": matched,
            "logsource": {"rule": rule.logsource().to_string(), "event": event.logsource.to_string(), "sees": why.sees},
            "condition": {"text": why.condition, "holds": why.holds},
            "selections": why.selections.iter().map(|s| json!({
                "name": s.name, "holds": s.holds,
                "predicates": s.items.iter().map(|i| json!({"field": i.field, "predicate": i.predicate, "holds": i.holds, "seen": i.seen})).collect::<Vec<_>>(),
            })).collect::<Vec<_>>(),
        });
        if context.out.form == Form::Json {
            context.out.json(&value);
            continue;
        }
        let word = |holds: bool| if holds { "yes" } else { "no " };
        let say = |text: &str| context.out.line(&crate::output::visible(text));
        say(&format!(
            "{}: {}",
            rule.title(),
            if matched { "matches" } else { "does not match" }
        ));
        say(&format!(
            "{}  logsource {}; the event's is {}",
            word(why.sees),
            rule.logsource(),
            event.logsource
        ));
        say(&format!("{}  condition {}", word(why.holds), why.condition));
        for selection in &why.selections {
            say(&format!("{}    {}", word(selection.holds), selection.name));
            for item in &selection.items {
                let seen = item.seen.as_deref().map_or_else(
                    || "the field is absent".to_owned(),
                    |s| format!("saw {:?}", s.chars().take(120).collect::<String>()),
                );
                say(&format!(
                    "{}      {} {}: {seen}",
                    word(item.holds),
                    item.field,
                    item.predicate
                ));
            }
        }
    }
    Ok(if holds { Exit::Findings } else { Exit::Done })
}
