//! `watchfloor token …`, `user …`, `journal …`: who may do what, and what was done.

use clap::{Arg, ArgMatches};
use serde_json::{Value, json};

use super::{
    Context, Row,
    ask::{ask, list, option, required, text},
    client::Client,
};
use crate::{console::form::percent, output::Exit};

pub(super) const ROWS: &[Row] = &[
    list!("token", "list", "Tokens", "/api/v1/tokens", ["id" => "/id", "kind" => "/kind", "name" => "/name", "prefix" => "/prefix", "sources" => "/sources", "revoked" => "/revoked", "used" => "/used"]),
    Row {
        name: &["token", "create"],
        about: "Create a token; it is shown once",
        args: |c| {
            c.arg(
                option("ingest", "For sending events to this source, or `all`")
                    .value_name("SOURCE"),
            )
            .arg(
                Arg::new("api")
                    .long("api")
                    .help("For programs that use the API as you")
                    .action(clap::ArgAction::SetTrue),
            )
            .arg(option("name", "What people call it"))
            .group(
                clap::ArgGroup::new("kind")
                    .args(["ingest", "api"])
                    .required(true),
            )
        },
        run: |m, x| {
            let sources: Vec<String> = m
                .get_one::<String>("ingest")
                .filter(|s| *s != "all")
                .cloned()
                .into_iter()
                .collect();
            let body = json!({"kind": if m.get_flag("api") { "api" } else { "ingest" }, "name": text(m, "name"), "sources": sources});
            ask(x, &[], |c| c.post("/api/v1/tokens", &body))
        },
    },
    Row {
        name: &["token", "revoke"],
        about: "Revoke a token",
        args: |c| c.arg(required("id", "Its id")),
        run: |m, x| {
            ask(x, &[], |c| {
                c.post(
                    &format!("/api/v1/tokens/{}/revoke", percent(&text(m, "id"))),
                    &json!({}),
                )
            })
        },
    },
    list!("user", "list", "Accounts", "/api/v1/users", ["id" => "/id", "name" => "/name", "roles" => "/roles", "disabled" => "/disabled"]),
    Row {
        name: &["user", "link"],
        about: "Create or change an account and print a link that signs it in once",
        args: |c| {
            c.arg(required("id", "The account")).arg(option("name", "Full name").default_value("")).arg(option("roles", "Comma-separated: viewer, analyst, commander, comms, privacy, legal, executive, exercise-control, admin"))
        },
        run: |m, x| {
            let roles: Vec<String> = text(m, "roles")
                .split(',')
                .map(str::trim)
                .filter(|r| !r.is_empty())
                .map(str::to_owned)
                .collect();
            ask(x, &[], |c| {
                let mut made = c.post(
                    "/api/v1/users",
                    &json!({"id": text(m, "id"), "name": text(m, "name"), "roles": roles}),
                )?;
                let link = format!(
                    "{}{}",
                    c.console(),
                    made.get("link").and_then(Value::as_str).unwrap_or_default()
                );
                if let Some(object) = made.as_object_mut() {
                    object.insert("link".to_owned(), json!(link));
                }
                Ok(made)
            })
        },
    },
    Row {
        name: &["user", "disable"],
        about: "Shut an account out: no session, no token works any more",
        args: |c| c.arg(required("id", "The account")),
        run: |m, x| {
            ask(x, &[], |c| {
                c.post(
                    "/api/v1/users",
                    &json!({"id": text(m, "id"), "disabled": true}),
                )
            })
        },
    },
    Row {
        name: &["user", "enable"],
        about: "Let an account in again",
        args: |c| c.arg(required("id", "The account")),
        run: |m, x| {
            ask(x, &[], |c| {
                c.post(
                    "/api/v1/users",
                    &json!({"id": text(m, "id"), "disabled": false}),
                )
            })
        },
    },
    Row {
        name: &["journal", "verify"],
        about: "Walk the hash chain and say where it breaks, if it does",
        args: |c| c,
        run: verify,
    },
];

fn verify(_: &ArgMatches, context: &Context) -> anyhow::Result<Exit> {
    let client = match Client::open(context)? {
        Ok(client) => client,
        Err(exit) => return Ok(exit),
    };
    let answer = client.get("/api/v1/journal/verify");
    client.close();
    let value = answer?;
    context.out.json(&value);
    Ok(if value.get("intact") == Some(&json!(true)) {
        Exit::Done
    } else {
        Exit::Findings
    })
}
