//! `watchfloor output …`

use clap::{Arg, ArgMatches};
use serde_json::{Value, json};

use super::{
    Context, Row,
    ask::{ask, option, required, text},
    client::{BadInput, Client},
};
use crate::{
    console::form::percent,
    output::{Exit, Form},
};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: &["output", "list"],
        about: "Where findings go, how far each output has come, and what went wrong",
        args: |c| c,
        run: |_, x| {
            let columns = [
                ("name", "/name"),
                ("state", "/state"),
                ("behind", "/behind"),
                ("sent", "/sent"),
                ("dead", "/dead_letters"),
                ("held tlp", "/held_tlp"),
                ("held exercise", "/held_exercise"),
                ("kind", "/kind"),
                ("to", "/to"),
                ("last error", "/last_error"),
            ];
            ask(x, &columns, |c| c.get("/api/v1/outputs"))
        },
    },
    Row {
        name: &["output", "test"],
        about: "Send one message that says it is a test, and show the answer",
        args: |c| c.arg(required("name", "The output")),
        run: test,
    },
    Row {
        name: &["output", "pause"],
        about: "Stop an output; what comes meanwhile is sent later",
        args: |c| c.arg(required("name", "The output")),
        run: |m, x| act(m, x, "pause"),
    },
    Row {
        name: &["output", "resume"],
        about: "Let an output go on where it stopped, and try at once",
        args: |c| c.arg(required("name", "The output")),
        run: |m, x| act(m, x, "resume"),
    },
    Row {
        name: &["output", "dead", "list"],
        about: "Messages that receivers refused for good, newest first",
        args: |c| {
            c.arg(option("output", "Of this output only"))
                .arg(option("limit", "How many, at most 1000").default_value("100"))
        },
        run: |m, x| {
            let limit = percent(&text(m, "limit"));
            let mut path = format!("/api/v1/output-dead-letters?limit={limit}");
            if let Some(output) = m.get_one::<String>("output") {
                path.push_str(&format!("&output={}", percent(output)));
            }
            let columns = [
                ("refused", "/at"),
                ("output", "/output"),
                ("kind", "/kind"),
                ("title", "/title"),
                ("replayed", "/replayed"),
                ("reason", "/reason"),
                ("id", "/id"),
            ];
            ask(x, &columns, |c| c.get(&path))
        },
    },
    Row {
        name: &["output", "dead", "show"],
        about: "One refused message as it was sent, and what the receiver said",
        args: |c| {
            c.arg(required("output", "The output"))
                .arg(required("id", "The message"))
        },
        run: |m, x| {
            let (output, id) = (percent(&text(m, "output")), percent(&text(m, "id")));
            let path = format!("/api/v1/output-dead-letters/{output}/{id}");
            ask(x, &[], |c| c.get(&path))
        },
    },
    Row {
        name: &["output", "dead", "replay"],
        about: "Send refused messages again, made anew from the journal",
        args: |c| {
            c.arg(required("output", "The output")).arg(
                Arg::new("id")
                    .num_args(0..)
                    .help("These; all that wait where none is named"),
            )
        },
        run: |m, x| {
            let ids: Vec<&String> = m.get_many("id").map(Iterator::collect).unwrap_or_default();
            let body = json!({"output": text(m, "output"), "ids": ids});
            ask(x, &[], |c| {
                c.post("/api/v1/output-dead-letters/replay", &body)
            })
        },
    },
];

fn act(matches: &ArgMatches, context: &Context, what: &str) -> anyhow::Result<Exit> {
    let name = percent(&text(matches, "name"));
    ask(context, &[], |c| {
        c.post(&format!("/api/v1/outputs/{name}/{what}"), &json!({}))
    })
}

/// Exit status 3 where the receiver did not take it: that is what a script asks.
fn test(matches: &ArgMatches, context: &Context) -> anyhow::Result<Exit> {
    let client = match Client::open(context)? {
        Ok(client) => client,
        Err(exit) => return Ok(exit),
    };
    let name = percent(&text(matches, "name"));
    let answer = client.post(&format!("/api/v1/outputs/{name}/test"), &json!({}));
    client.close();
    let value = match answer {
        Ok(value) => value,
        Err(error) if error.is::<BadInput>() => {
            context.out.note(&format!("error: {error}"));
            return Ok(Exit::BadInput);
        }
        Err(error) => return Err(error),
    };
    let taken = value.get("taken") == Some(&Value::Bool(true));
    let part = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    match context.out.form {
        Form::Json => context.out.json(&value),
        Form::Text => {
            let word = if taken { "taken" } else { "not taken" };
            let line = format!("{word} by {}: {}", part("to"), part("answer"));
            context.out.line(&crate::output::visible(&line));
            context
                .out
                .line(&crate::output::visible(&format!("sent: {}", part("sent"))));
        }
    }
    Ok(if taken { Exit::Done } else { Exit::Outside })
}
