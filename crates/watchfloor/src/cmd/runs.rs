//! `watchfloor run …`: executions of runbooks, answered from the command line.

use serde_json::Value;

use super::{
    Row,
    ask::{ask, decide, list, option, required, text},
    client::BadInput,
};

pub(super) const ROWS: &[Row] = &[
    list!("run", "list", "Runs of runbooks, newest first", "/api/v1/runs", ["id" => "/id", "name" => "/name", "mode" => "/mode", "result" => "/result", "waits for" => "/waiting"]),
    Row {
        name: &["run", "show"],
        about: "One run: what it waits for and what was done",
        args: |c| c.arg(required("id", "Its id")),
        run: |m, x| {
            let id = text(m, "id");
            ask(x, &[], |c| {
                let runs = c.get("/api/v1/runs")?;
                let found = runs
                    .as_array()
                    .into_iter()
                    .flatten()
                    .find(|r| r.get("id").and_then(Value::as_str) == Some(id.as_str()));
                found
                    .cloned()
                    .ok_or_else(|| BadInput(format!("there is no run `{id}`")).into())
            })
        },
    },
    Row {
        name: &["run", "complete"],
        about: "A step that a person does is done",
        args: |c| step(c).arg(option("note", "What was found or done").required(true)),
        run: |m, x| decide(x, m, "run", "complete", &["run", "step", "note"]),
    },
    Row {
        name: &["run", "fail"],
        about: "A step cannot be done",
        args: |c| step(c).arg(option("reason", "Why").required(true)),
        run: |m, x| decide(x, m, "run", "fail", &["run", "step", "reason"]),
    },
    Row {
        name: &["run", "approve"],
        about: "Let a step happen",
        args: |c| step(c).arg(option("note", "What was looked at").required(true)),
        run: |m, x| decide(x, m, "run", "approve", &["run", "step", "note"]),
    },
    Row {
        name: &["run", "refuse"],
        about: "Do not let a step happen",
        args: |c| step(c).arg(option("reason", "Why").required(true)),
        run: |m, x| decide(x, m, "run", "refuse", &["run", "step", "reason"]),
    },
    Row {
        name: &["run", "resolve"],
        about: "Say what came of an effect that is in doubt",
        args: |c| {
            step(c)
                .arg(required("resolution", "done, failed or retry"))
                .arg(option("reason", "How that is known").required(true))
        },
        run: |m, x| {
            decide(
                x,
                m,
                "run",
                "resolve",
                &["run", "step", "resolution", "reason"],
            )
        },
    },
    Row {
        name: &["run", "set-value"],
        about: "Give a run a value that it waits for",
        args: |c| {
            c.arg(required("run", "The run"))
                .arg(required("name", "The variable"))
                .arg(required("value", "Its value"))
        },
        run: |m, x| decide(x, m, "run", "set-value", &["run", "name", "value"]),
    },
    Row {
        name: &["run", "abort"],
        about: "Stop a run",
        args: |c| {
            c.arg(required("run", "The run"))
                .arg(option("reason", "Why").required(true))
        },
        run: |m, x| decide(x, m, "run", "abort", &["run", "reason"]),
    },
];

fn step(command: clap::Command) -> clap::Command {
    command.arg(required("run", "The run")).arg(required(
        "step",
        "The step, as `watchfloor run show` names it",
    ))
}
