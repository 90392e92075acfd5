//! What commands that ask the API share.

use clap::{Arg, ArgMatches};
use serde_json::{Map, Value, json};

use super::{
    Context,
    client::{BadInput, Client},
};
use crate::output::{Exit, Form};

/// Runs `ask` against a floor and prints the answer: columns of each row for people, everything for programs.
pub(super) fn ask(
    context: &Context,
    columns: &[(&str, &str)],
    ask: impl FnOnce(&Client) -> anyhow::Result<Value>,
) -> anyhow::Result<Exit> {
    let client = match Client::open(context)? {
        Ok(client) => client,
        Err(exit) => return Ok(exit),
    };
    let answer = ask(&client);
    client.close();
    let value = match answer {
        Ok(value) => value,
        Err(error) if error.is::<BadInput>() => {
            context.out.note(&format!("error: {error}"));
            return Ok(Exit::BadInput);
        }
        Err(error) => return Err(error),
    };
    match (&value, context.out.form) {
        (Value::Array(rows), Form::Text) if !columns.is_empty() => {
            let titles: Vec<&str> = columns.iter().map(|(t, _)| *t).collect();
            let cells: Vec<Vec<String>> = rows
                .iter()
                .map(|r| columns.iter().map(|(_, p)| cell(r, p)).collect())
                .collect();
            context.out.table(&titles, &cells, &value);
            if rows.is_empty() {
                context.out.note("none");
            }
        }
        _ => context.out.json(&value),
    }
    Ok(Exit::Done)
}

fn cell(row: &Value, pointer: &str) -> String {
    match row.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(s)) => s.clone(),
        Some(Value::Array(items)) => items
            .iter()
            .map(|i| i.as_str().map_or_else(|| i.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join(" "),
        Some(other) => other.to_string(),
    }
}

pub(super) fn text(matches: &ArgMatches, name: &str) -> String {
    matches.get_one::<String>(name).cloned().unwrap_or_default()
}

pub(super) fn required(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).required(true).help(help)
}

pub(super) fn option(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).help(help)
}

/// Sends an input: the fields are the arguments that were given.
pub(super) fn decide(
    context: &Context,
    matches: &ArgMatches,
    module: &str,
    what: &str,
    fields: &[&str],
) -> anyhow::Result<Exit> {
    let mut body = Map::from_iter([
        ("module".to_owned(), json!(module)),
        ("do".to_owned(), json!(what)),
    ]);
    for name in fields {
        if let Some(value) = matches.get_one::<String>(name) {
            body.insert((*name).to_owned(), json!(value));
        }
    }
    ask(context, &[], |c| {
        c.post("/api/v1/inputs", &Value::Object(body))
    })
}

macro_rules! list {
    ($noun:literal, $verb:literal, $about:literal, $path:literal, [$($title:literal => $pointer:literal),* $(,)?]) => {
        Row { name: &[$noun, $verb], about: $about, args: |c| c, run: |_, x| ask(x, &[$(($title, $pointer)),*], |c| c.get($path)) }
    };
}

macro_rules! show {
    ($noun:literal, $about:literal, $path:literal) => {
        Row {
            name: &[$noun, "show"],
            about: $about,
            args: |c| c.arg(required("id", "Its id")),
            run: |m, x| {
                ask(x, &[], |c| {
                    c.get(&format!(concat!($path, "/{}"), percent(&text(m, "id"))))
                })
            },
        }
    };
}

pub(super) use {list, show};
