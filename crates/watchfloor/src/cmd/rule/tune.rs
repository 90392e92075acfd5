//! `watchfloor rule tune`: a filter from false positives, tried before it is proposed.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use clap::{Arg, ArgAction, ArgMatches, value_parser};
use serde_json::{Value, json};
use watchfloor_detect::{
    Engine, FilterForm, NoProposal, Options, Proposal, fields_of, matching, parse_rules, tune,
};
use watchfloor_ingest::Sources;
use watchfloor_types::{Event, View};

use super::{super::client::Client, Context, feed, files, reader::Reader, with_reader};
use crate::{
    clock::Clock,
    content::Files,
    output::{Exit, Form},
};

/// Most events of one kind that are held at once.
const MAX_EVENTS: usize = 200_000;

pub(super) fn args(c: clap::Command) -> clap::Command {
    let file = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name("FILE")
            .action(ArgAction::Append)
            .value_parser(value_parser!(PathBuf))
            .help(help)
    };
    with_reader(c)
        .arg(Arg::new("rule").required(true).value_parser(value_parser!(PathBuf)).help("The rule's file"))
        .arg(
            Arg::new("file")
                .num_args(0..)
                .value_parser(value_parser!(PathBuf))
                .help("Events, of which the false positives are chosen by number; the other findings must stay"),
        )
        .arg(
            Arg::new("false-positives")
                .long("false-positives")
                .value_name("NUMBERS")
                .requires("file")
                .help("Records of the file that are false positives, from 1: 3,7 or 10-20"),
        )
        .arg(file("fp", "Every event of this file is a false positive"))
        .arg(file("tp", "Every event of this file is a true positive"))
        .arg(file("also", "Say what the filter would hide of these events"))
        .arg(Arg::new("id").long("id").help("Which rule, where the file holds several: id or name"))
        .arg(
            Arg::new("as")
                .long("as")
                .default_value("selection")
                .value_parser(["selection", "filter"])
                .help("A selection `filter_main_…` in the rule, or a Sigma filter document of its own"),
        )
        .arg(
            Arg::new("apply")
                .long("apply")
                .action(ArgAction::SetTrue)
                .help("Write the selection into the rule's file; everything else of it stays as it is"),
        )
        .arg(
            Arg::new("from")
                .long("from")
                .help("Also say what it would hide of the events stored on the server, from this time on: 24h, 7d, RFC 3339"),
        )
}

/// Events with their place, for messages.
#[derive(Default)]
struct Events {
    events: Vec<Event>,
    places: Vec<String>,
}

impl Events {
    fn take(&mut self, event: Event, place: String) {
        self.events.push(event);
        self.places.push(place);
    }
}

pub(super) fn run(matches: &ArgMatches, context: &Context) -> anyhow::Result<Exit> {
    let bad = |message: &str| {
        context.out.note(&format!("error: {message}"));
        Ok(Exit::BadInput)
    };
    let path = matches
        .get_one::<PathBuf>("rule")
        .cloned()
        .unwrap_or_default();
    let file = match files::open(path)? {
        Ok(file) => file,
        Err(files::NotText(why)) => return bad(&why),
    };
    let name = file.name();
    let (id, view) = match the_rule(
        &name,
        &file.text,
        matches.get_one::<String>("id").map(String::as_str),
    ) {
        Ok(found) => found,
        Err(why) => return bad(&why),
    };
    let wanted = match numbers(
        matches
            .get_one::<String>("false-positives")
            .map_or("", String::as_str),
    ) {
        Ok(wanted) => wanted,
        Err(why) => return bad(&why),
    };
    let (mut wrong, mut right) = (Events::default(), Events::default());
    for path in paths(matches, "file") {
        let all = match read(matches, context, path)? {
            Ok(all) => all,
            Err(why) => return bad(&why),
        };
        let hits = match matching(&name, &file.text, &id, &all.events) {
            Ok(hits) => hits,
            Err(why) => return bad(&why),
        };
        for ((event, place), hit) in all.events.into_iter().zip(all.places).zip(hits) {
            let record = place
                .rsplit(':')
                .next()
                .and_then(|n| n.parse().ok())
                .unwrap_or(0);
            if wanted.contains(&record) {
                // A record may give several events; those that the rule finds are meant.
                if hit {
                    wrong.take(event, place);
                }
            } else if hit {
                right.take(event, place);
            }
        }
        let missing = wanted.iter().find(|n| {
            let end = format!(":{n}");
            !wrong.places.iter().any(|p| p.ends_with(&end))
        });
        if let Some(missing) = missing {
            return bad(&format!(
                "record {missing} of {} is not there or does not match the rule; `watchfloor rule explain` says why",
                path.display()
            ));
        }
    }
    for (argument, into) in [("fp", &mut wrong), ("tp", &mut right)] {
        for path in paths(matches, argument) {
            match read(matches, context, path)? {
                Ok(all) => {
                    into.events.extend(all.events);
                    into.places.extend(all.places);
                }
                Err(why) => return bad(&why),
            }
        }
    }
    let form = if matches
        .get_one::<String>("as")
        .is_some_and(|f| f == "filter")
    {
        FilterForm::Filter
    } else {
        FilterForm::Selection
    };
    if matches.get_flag("apply") && form == FilterForm::Filter {
        return bad(
            "--apply writes a selection into the rule; write a filter document to a file of its own",
        );
    }
    let proposal = match tune(&name, &file.text, &id, &wrong.events, &right.events, form) {
        Ok(proposal) => proposal,
        Err(why) => return Ok(refuse(context, &why)),
    };
    let mut also = Vec::new();
    for path in paths(matches, "also") {
        let all = match read(matches, context, path)? {
            Ok(all) => all,
            Err(why) => return bad(&why),
        };
        match hidden(&name, &file.text, &id, &proposal, &all, view) {
            Ok(found) => also.push((path.display().to_string(), found)),
            Err(why) => return bad(&why),
        }
    }
    let stored = match matches.get_one::<String>("from") {
        None => None,
        Some(from) => match stored(context, &file.text, &proposal.tried, from)? {
            Ok(found) => Some(found),
            Err(exit) => return Ok(exit),
        },
    };
    if matches.get_flag("apply") {
        file.replace(&proposal.rule)?;
    }
    show(
        context,
        &proposal,
        form,
        (wrong.events.len(), right.events.len()),
        &also,
        stored.as_ref(),
    );
    if matches.get_flag("apply") {
        context.out.note(&format!("wrote {name}"));
    }
    Ok(Exit::Done)
}

fn paths<'m>(matches: &'m ArgMatches, name: &str) -> impl Iterator<Item = &'m PathBuf> + use<'m> {
    matches.get_many::<PathBuf>(name).into_iter().flatten()
}

/// Id and view of the rule that is meant.
fn the_rule(path: &str, text: &str, wanted: Option<&str>) -> Result<(String, View), String> {
    let (documents, found) = parse_rules(path, text, &Options::default());
    let (engine, _) = Engine::new(documents);
    let mut rules = engine.documents().iter().filter(|d| match wanted {
        Some(wanted) => d.meta().id().as_str() == wanted || d.meta().name() == Some(wanted),
        None => !d.is_correlation(),
    });
    let first = rules.next().ok_or_else(|| {
        let error = found
            .iter()
            .find(|d| d.level == watchfloor_types::Level::Error);
        error.map_or_else(|| format!("{path} has no such rule"), ToString::to_string)
    })?;
    if rules.next().is_some() {
        return Err(format!("{path} has several rules; name one by --id"));
    }
    let meta = first.meta();
    Ok((meta.id().to_string(), meta.logsource().view()))
}

/// `3,7,10-20`.
fn numbers(text: &str) -> Result<Vec<usize>, String> {
    let mut out = Vec::new();
    for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        let wrong = || format!("`{part}` is no number or range; write 3,7 or 10-20");
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let from: usize = from.trim().parse().map_err(|_| wrong())?;
        let to: usize = to.trim().parse().map_err(|_| wrong())?;
        if from == 0 || to < from || to - from > MAX_EVENTS {
            return Err(wrong());
        }
        out.extend(from..=to);
    }
    Ok(out)
}

/// Every event of a file, through the mapping that was named.
fn read(
    matches: &ArgMatches,
    context: &Context,
    path: &Path,
) -> anyhow::Result<Result<Events, String>> {
    let (sources, _) = Sources::load(&Files::load(None)?.of("sources"));
    let mut reader = match Reader::new(matches, &sources)? {
        Ok(reader) => reader,
        Err(why) => return Ok(Err(why)),
    };
    let now = Clock::real().now();
    let mut out = Events::default();
    let mut unread = 0_u64;
    let mut number = 0;
    let hidden = indicatif::ProgressBar::hidden();
    let cannot = |why: String| anyhow::anyhow!("cannot read {}: {why}", path.display());
    let mut open = feed::Open::new(path, &feed::Asked::of(matches), &hidden).map_err(cannot)?;
    while let Some(block) = open.next().map_err(cannot)? {
        for record in feed::records(&block) {
            number += 1;
            anyhow::ensure!(
                out.events.len() < MAX_EVENTS,
                "{} has more than {MAX_EVENTS} events",
                path.display()
            );
            match record.and_then(|record| reader.events(record, number, now)) {
                Ok(events) => {
                    for event in events {
                        out.take(event, format!("{}:{number}", path.display()));
                    }
                }
                Err(_) => unread += 1,
            }
        }
    }
    if unread > 0 {
        context.out.note(&format!(
            "{}: {unread} records could not be read",
            path.display()
        ));
    }
    Ok(Ok(out))
}

/// What the filter takes away of further events.
struct Hidden {
    events: usize,
    before: usize,
    places: Vec<String>,
    /// What the hidden ones say, most frequent first.
    say: Vec<(String, usize)>,
}

fn hidden(
    name: &str,
    text: &str,
    id: &str,
    proposal: &Proposal,
    all: &Events,
    view: View,
) -> Result<Hidden, String> {
    let before = matching(name, text, id, &all.events)?;
    let after = matching(name, &proposal.tried, id, &all.events)?;
    let mut out = Hidden {
        events: all.events.len(),
        before: before.iter().filter(|b| **b).count(),
        places: Vec::new(),
        say: Vec::new(),
    };
    let fields: Vec<&str> = proposal
        .predicates
        .iter()
        .filter_map(|p| p.field.split('|').next())
        .collect();
    let mut say: BTreeMap<String, usize> = BTreeMap::new();
    for (((event, place), before), after) in
        all.events.iter().zip(&all.places).zip(before).zip(after)
    {
        if before && !after {
            out.places.push(place.clone());
            let said: Vec<String> = fields_of(event, view)
                .into_iter()
                .filter(|(field, _)| fields.contains(&field.as_str()))
                .map(|(field, value)| format!("{field}={value}"))
                .collect();
            *say.entry(said.join(" ")).or_default() += 1;
        }
    }
    out.say = say.into_iter().collect();
    out.say.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    Ok(out)
}

/// Findings in stored events, without and with the filter.
fn stored(
    context: &Context,
    before: &str,
    after: &str,
    from: &str,
) -> anyhow::Result<Result<(u64, u64), Exit>> {
    let client = match Client::open(context)? {
        Ok(client) => client,
        Err(exit) => return Ok(Err(exit)),
    };
    let count = |text: &str| -> anyhow::Result<u64> {
        let answer = client.post(
            "/api/v1/rules/backtest",
            &json!({"text": text, "from": from, "until": ""}),
        )?;
        let rules = answer.get("rules").and_then(Value::as_array);
        Ok(rules
            .into_iter()
            .flatten()
            .filter_map(|r| r.get("findings").and_then(Value::as_u64))
            .sum())
    };
    let both = count(before).and_then(|b| count(after).map(|a| (b, a)));
    client.close();
    both.map(Ok)
}

fn refuse(context: &Context, why: &NoProposal) -> Exit {
    if context.out.form == Form::Json {
        let refused: Vec<Value> = why
            .refused
            .iter()
            .map(|r| json!({"field": r.field, "reason": r.reason}))
            .collect();
        context
            .out
            .json(&json!({"proposal": null, "reason": why.reason, "refused": refused}));
    } else {
        context.out.note(&format!("no filter: {}", why.reason));
        for refused in &why.refused {
            context
                .out
                .note(&format!("  not {}: {}", refused.field, refused.reason));
        }
    }
    Exit::Findings
}

fn show(
    context: &Context,
    proposal: &Proposal,
    form: FilterForm,
    (wrong, right): (usize, usize),
    also: &[(String, Hidden)],
    stored: Option<&(u64, u64)>,
) {
    if context.out.form == Form::Json {
        context.out.json(&json!({
            "proposal": {
                "yaml": proposal.filter, "form": if form == FilterForm::Filter { "filter" } else { "selection" }, "rule": proposal.rule,
                "predicates": proposal.predicates.iter().map(|p| json!({"field": p.field, "values": p.values, "trust": p.trust.as_str(), "reason": p.reason, "true_positives_with_it": p.true_positives})).collect::<Vec<_>>(),
            },
            "proved": {"false_positives_silenced": wrong, "true_positives_firing": right, "samples_matching": proposal.samples},
            "refused": proposal.refused.iter().map(|r| json!({"field": r.field, "reason": r.reason})).collect::<Vec<_>>(),
            "also": also.iter().map(|(file, h)| json!({"file": file, "events": h.events, "findings": h.before, "hidden": h.places})).collect::<Vec<_>>(),
            "stored": stored.map(|(before, after)| json!({"findings": before, "hidden": before.saturating_sub(*after)})),
        }));
        return;
    }
    let say = |text: &str| context.out.line(&crate::output::visible(text));
    say(proposal.filter.trim_end());
    let rows: Vec<Vec<String>> = proposal
        .predicates
        .iter()
        .map(|p| {
            vec![
                p.field.clone(),
                p.values.join(", "),
                p.trust.to_string(),
                format!("{wrong} of {wrong}"),
                format!("{} of {}", p.true_positives, right + proposal.samples),
                p.reason.clone(),
            ]
        })
        .collect();
    say("");
    context.out.table(
        &[
            "predicate",
            "value",
            "trust",
            "false positives",
            "true positives",
            "why",
        ],
        &rows,
        &Value::Null,
    );
    context.out.note(&format!(
        "proved by running it: {wrong} false positives are silent, {right} true positives still fire, {} samples still match",
        proposal.samples
    ));
    if right + proposal.samples == 0 {
        context.out.note("there was no true positive to compare with: look at the filter twice, or give some by --tp");
    }
    for refused in &proposal.refused {
        context
            .out
            .note(&format!("not {}: {}", refused.field, refused.reason));
    }
    for (file, hidden) in also {
        context.out.note(&format!(
            "{file}: {} events, {} findings, {} of them hidden",
            hidden.events,
            hidden.before,
            hidden.places.len()
        ));
        for (said, count) in hidden.say.iter().take(5) {
            context.out.note(&format!("  {count} with {said}"));
        }
        for place in hidden.places.iter().take(5) {
            context.out.note(&format!("  such as {place}"));
        }
    }
    if let Some((before, after)) = stored {
        context.out.note(&format!(
            "stored events: {before} findings, {} of them hidden",
            before.saturating_sub(*after)
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn records_are_named_by_numbers_and_ranges() {
        assert_eq!(numbers("3, 7,10-12").unwrap(), [3, 7, 10, 11, 12]);
        assert!(numbers("").unwrap().is_empty());
        for wrong in ["0", "x", "5-3", "1-9999999", "-"] {
            assert!(numbers(wrong).is_err(), "{wrong}");
        }
    }
}
