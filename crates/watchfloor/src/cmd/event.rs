//! `watchfloor event …`

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::{Arg, ArgAction, ArgMatches, value_parser};
use serde_json::{Value, json};

use super::{
    Context, Row,
    client::{BadInput, Client},
    input::Input,
};
use crate::{
    console::form::percent,
    output::{Exit, Form},
};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: &["event", "import"],
        about: "Send files through ingest: NDJSON or text, plain, gzip or zstd; `-` is stdin",
        args: |c| {
            c.arg(
                Arg::new("source")
                    .long("source")
                    .required(true)
                    .help("The source whose mapping reads them; `watchfloor source list`"),
            )
            .arg(
                Arg::new("file")
                    .required(true)
                    .num_args(1..)
                    .value_parser(value_parser!(PathBuf))
                    .action(ArgAction::Append),
            )
        },
        run: import,
    },
    Row {
        name: &["event", "search"],
        about: "Events that match a filter, newest first",
        args: |c| {
            c.arg(Arg::new("filter").default_value("").help("docs/search.md"))
                .arg(
                    Arg::new("from")
                        .long("from")
                        .default_value("24h")
                        .help("RFC 3339, or 15m, 1h, 7d before now"),
                )
                .arg(Arg::new("until").long("until").default_value(""))
                .arg(Arg::new("limit").long("limit").default_value("20"))
                .arg(
                    Arg::new("top")
                        .long("top")
                        .default_value("")
                        .help("Most frequent values of this field"),
                )
        },
        run: search,
    },
    Row {
        name: &["event", "sql"],
        about: "One SELECT over the table `events` (builds with the feature `sql`)",
        args: |c| {
            c.arg(
                Arg::new("query")
                    .required(true)
                    .help("docs/search.md names the columns"),
            )
            .arg(
                Arg::new("limit")
                    .long("limit")
                    .default_value("1000")
                    .value_parser(value_parser!(u32).range(1..=10_000)),
            )
        },
        run: sql,
    },
    Row {
        name: &["event", "show"],
        about: "One event with both of its views",
        args: |c| c.arg(Arg::new("id").required(true)),
        run: |m, x| {
            let client = match Client::open(x)? {
                Ok(client) => client,
                Err(exit) => return Ok(exit),
            };
            let id = m.get_one::<String>("id").cloned().unwrap_or_default();
            let answer = client.get(&format!("/api/v1/events/{}", percent(&id)));
            client.close();
            finish(x, answer)
        },
    },
];

fn sql(matches: &ArgMatches, context: &Context) -> anyhow::Result<Exit> {
    let client = match Client::open(context)? {
        Ok(client) => client,
        Err(exit) => return Ok(exit),
    };
    let answer = client.post(
        "/api/v1/sql",
        &json!({"query": matches.get_one::<String>("query"), "limit": matches.get_one::<u32>("limit")}),
    );
    client.close();
    let value = match answer {
        Ok(value) => value,
        Err(error) => return finish(context, Err(error)),
    };
    let list = |key: &str| {
        value
            .get(key)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    let columns: Vec<String> = list("columns").iter().map(text).collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let rows: Vec<Vec<String>> = list("rows")
        .iter()
        .map(|row| row.as_array().into_iter().flatten().map(text).collect())
        .collect();
    context.out.table(&columns, &rows, &value);
    if value.get("more") == Some(&Value::Bool(true)) {
        context
            .out
            .note("there are more rows; raise --limit or narrow the query");
    }
    Ok(Exit::Done)
}

fn finish(context: &Context, answer: anyhow::Result<Value>) -> anyhow::Result<Exit> {
    match answer {
        Ok(value) => {
            context.out.json(&value);
            Ok(Exit::Done)
        }
        Err(error) if error.is::<BadInput>() => {
            context.out.note(&format!("error: {error}"));
            Ok(Exit::BadInput)
        }
        Err(error) => Err(error),
    }
}

/// Bytes of one request.
const CHUNK: usize = 1 << 20;

#[derive(Default)]
struct Tally {
    accepted: u64,
    rejected: u64,
    reasons: Vec<String>,
}

fn import(matches: &ArgMatches, context: &Context) -> anyhow::Result<Exit> {
    let source = matches
        .get_one::<String>("source")
        .cloned()
        .unwrap_or_default();
    let files: Vec<&PathBuf> = matches
        .get_many("file")
        .map(Iterator::collect)
        .unwrap_or_default();
    // Every file is opened before anything is sent, so that a wrong name sends nothing.
    for path in &files {
        if path.as_os_str() != "-" {
            File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        }
    }
    let client = match Client::open(context)? {
        Ok(client) => client,
        Err(exit) => return Ok(exit),
    };
    let mut tally = Tally::default();
    let outcome = files
        .iter()
        .try_for_each(|path| one(&client, &source, path, &mut tally));
    client.close();
    match outcome {
        Ok(()) => {}
        Err(error) if error.downcast_ref::<BadInput>().is_some() => {
            context.out.note(&format!("error: {error:#}"));
            return Ok(Exit::BadInput);
        }
        Err(error) => return Err(error),
    }
    for reason in tally.reasons.iter().take(20) {
        context.out.note(&format!("rejected: {reason}"));
    }
    match context.out.form {
        Form::Json => context.out.json(&json!({"accepted": tally.accepted, "rejected": tally.rejected, "reasons": tally.reasons})),
        Form::Text => context.out.line(&format!("{} accepted, {} rejected", tally.accepted, tally.rejected)),
    }
    Ok(if tally.rejected > 0 {
        Exit::Findings
    } else {
        Exit::Done
    })
}

fn one(client: &Client, source: &str, path: &Path, tally: &mut Tally) -> anyhow::Result<()> {
    let name = path.display().to_string();
    let Input {
        mut lines,
        array,
        bar,
    } = Input::open(path)?;
    let mut chunk = Vec::with_capacity(CHUNK + (1 << 16));
    let mut first_line = 1u64;
    let mut in_chunk = 0u64;
    loop {
        let read = if array {
            lines.read_to_end(&mut chunk)
        } else {
            lines.read_until(b'\n', &mut chunk)
        }
        .with_context(|| format!("cannot read {name} after line {}", first_line + in_chunk))?;
        in_chunk += 1;
        if chunk.len() >= CHUNK || (read == 0 && !chunk.is_empty()) || (array && !chunk.is_empty())
        {
            let answer = client
                .ingest(source, &chunk)
                .with_context(|| format!("{name}, from line {first_line}"))?;
            note(&answer, &name, first_line, tally);
            chunk.clear();
            first_line += in_chunk;
            in_chunk = 0;
        }
        if read == 0 || array {
            break;
        }
    }
    bar.finish_and_clear();
    Ok(())
}

fn note(answer: &Value, name: &str, first_line: u64, tally: &mut Tally) {
    tally.accepted += answer
        .get("accepted")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    let listed = answer
        .get("rejected")
        .and_then(Value::as_array)
        .map_or(0, Vec::len) as u64;
    tally.rejected += answer
        .get("rejected_total")
        .and_then(Value::as_u64)
        .unwrap_or(listed);
    for rejected in answer
        .get("rejected")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        if tally.reasons.len() < 1_000 {
            let line = rejected.get("line").and_then(Value::as_u64).unwrap_or(1);
            let reason = rejected
                .get("reason")
                .and_then(Value::as_str)
                .unwrap_or_default();
            tally
                .reasons
                .push(format!("{name}:{}: {reason}", first_line + line - 1));
        }
    }
}

fn search(matches: &ArgMatches, context: &Context) -> anyhow::Result<Exit> {
    let get = |name: &str| percent(&matches.get_one::<String>(name).cloned().unwrap_or_default());
    let path = format!(
        "/api/v1/events?q={}&from={}&until={}&limit={}&top={}",
        get("filter"),
        get("from"),
        get("until"),
        get("limit"),
        get("top")
    );
    let client = match Client::open(context)? {
        Ok(client) => client,
        Err(exit) => return Ok(exit),
    };
    let answer = client.get(&path);
    client.close();
    let value = match answer {
        Ok(value) if context.out.form == Form::Text => value,
        other => return finish(context, other),
    };
    let text = |v: &Value, p: &str| {
        v.pointer(p)
            .map(|x| x.as_str().map_or_else(|| x.to_string(), str::to_owned))
            .unwrap_or_default()
    };
    let rows: Vec<Vec<String>> = value
        .pointer("/events")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|e| {
            let first = |names: &[&str]| {
                names
                    .iter()
                    .find_map(|n| e.get("norm")?.get(*n))
                    .map(|x| x.as_str().map_or_else(|| x.to_string(), str::to_owned))
                    .unwrap_or_default()
            };
            vec![
                text(e, "/time"),
                text(e, "/source"),
                first(&["event.action", "gen_ai.operation.name", "mcp.method.name"]),
                first(&[
                    "ai.principal.id",
                    "gen_ai.agent.id",
                    "user.id",
                    "user.name",
                    "source.ip",
                ]),
                first(&[
                    "ai.prompt.user_text",
                    "ai.untrusted.text",
                    "ai.prompt.text",
                    "ai.response.text",
                    "email.subject",
                ])
                .chars()
                .take(60)
                .collect::<String>()
                .replace('\n', " "),
                text(e, "/id"),
            ]
        })
        .collect();
    context.out.table(
        &["time", "source", "what", "who", "text", "id"],
        &rows,
        &value,
    );
    if let Some(values) = value.pointer("/top/values").and_then(Value::as_array) {
        let rows: Vec<Vec<String>> = values
            .iter()
            .map(|v| vec![text(v, "/0"), text(v, "/1")])
            .collect();
        context.out.table(&["value", "events"], &rows, &value);
    }
    let total: u64 = value
        .pointer("/histogram/buckets")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|b| b.get(1)?.as_u64())
        .sum();
    context.out.note(&format!("{total} events match"));
    Ok(Exit::Done)
}
