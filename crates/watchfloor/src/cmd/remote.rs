//! Commands that ask the API: one row each.

use anyhow::Context as _;
use clap::Arg;
use serde_json::json;

use super::{
    Row,
    ask::{ask, decide, list, option, required, show, text},
};
use crate::console::form::percent;

pub(super) const ROWS: &[Row] = &[
    Row {
        name: &["now"],
        about: "What needs a person, the most urgent first",
        args: |c| c,
        run: |_, x| {
            ask(
                x,
                &[
                    ("due", "/due"),
                    ("kind", "/kind"),
                    ("what", "/title"),
                    ("for", "/roles"),
                ],
                |c| c.get("/api/v1/now"),
            )
        },
    },
    list!("source", "list", "Sources with what came from them", "/api/v1/sources", ["source" => "/id", "title" => "/title", "owner" => "/owner", "events" => "/events", "dead" => "/dead_letters", "last" => "/last", "formats" => "/formats"]),
    Row {
        name: &["dead-letter", "list"],
        about: "Records that could not be understood, newest first",
        args: |c| {
            c.arg(option("source", "Of this source only"))
                .arg(option("limit", "How many, at most 1000").default_value("100"))
        },
        run: |m, x| {
            let mut path = format!("/api/v1/dead-letters?limit={}", percent(&text(m, "limit")));
            if let Some(source) = m.get_one::<String>("source") {
                path.push_str(&format!("&source={}", percent(source)));
            }
            let columns = [
                ("received", "/received"),
                ("source", "/source"),
                ("bytes", "/bytes"),
                ("replayed", "/replayed"),
                ("reason", "/reason"),
                ("id", "/id"),
            ];
            ask(x, &columns, |c| c.get(&path))
        },
    },
    show!(
        "dead-letter",
        "One record as it came, and why it was not understood",
        "/api/v1/dead-letters"
    ),
    Row {
        name: &["dead-letter", "replay"],
        about: "Read records again with the mapping of today",
        args: |c| {
            c.arg(Arg::new("id").num_args(0..).help("These"))
                .arg(option("source", "All of this source that wait"))
        },
        run: |m, x| {
            let ids: Vec<&String> = m.get_many("id").map(Iterator::collect).unwrap_or_default();
            let body = json!({"ids": ids, "source": m.get_one::<String>("source")});
            ask(x, &[], |c| c.post("/api/v1/dead-letters/replay", &body))
        },
    },
    list!("alert", "list", "Alerts, newest first", "/api/v1/alerts", ["id" => "/id", "severity" => "/severity", "status" => "/status", "title" => "/title", "first seen" => "/first_seen"]),
    show!("alert", "One alert with its findings", "/api/v1/alerts"),
    Row {
        name: &["alert", "ack"],
        about: "I look at it",
        args: |c| c.arg(required("alert", "The alert")),
        run: |m, x| decide(x, m, "alert", "acknowledge", &["alert"]),
    },
    Row {
        name: &["alert", "verdict"],
        about: "Close an alert with a verdict",
        args: |c| {
            c.arg(required("alert", "The alert"))
                .arg(required(
                    "verdict",
                    "true-positive, false-positive, benign, test, duplicate, …",
                ))
                .arg(option("reason", "Why").required(true))
        },
        run: |m, x| decide(x, m, "alert", "close", &["alert", "verdict", "reason"]),
    },
    Row {
        name: &["alert", "merge"],
        about: "Two alerts are one",
        args: |c| {
            c.arg(required("from", "Ends"))
                .arg(required("into", "Takes the findings"))
                .arg(option("reason", "Why").required(true))
        },
        run: |m, x| decide(x, m, "alert", "merge", &["from", "into", "reason"]),
    },
    list!("incident", "list", "Incidents, newest first", "/api/v1/incidents", ["name" => "/name", "severity" => "/severity", "status" => "/status", "title" => "/title", "opened" => "/opened", "id" => "/id"]),
    show!(
        "incident",
        "One incident, by id or short name",
        "/api/v1/incidents"
    ),
    Row {
        name: &["incident", "timeline"],
        about: "What happened, in the order in which it was recorded",
        args: |c| c.arg(required("id", "The incident, by id or short name")),
        run: |m, x| {
            ask(
                x,
                &[
                    ("at", "/at"),
                    ("kind", "/kind"),
                    ("by", "/by"),
                    ("what", "/text"),
                ],
                |c| {
                    c.get(&format!(
                        "/api/v1/incidents/{}/timeline",
                        percent(&text(m, "id"))
                    ))
                },
            )
        },
    },
    Row {
        name: &["incident", "note"],
        about: "Add a remark",
        args: |c| {
            c.arg(required("incident", "The incident's id"))
                .arg(required("text", "What"))
        },
        run: |m, x| decide(x, m, "incident", "note", &["incident", "text"]),
    },
    Row {
        name: &["incident", "close"],
        about: "Set the status to closed, with the resolution",
        args: |c| {
            c.arg(required("incident", "The incident's id"))
                .arg(option("reason", "The resolution").required(true))
        },
        run: |m, x| {
            let body = json!({"module": "incident", "do": "set-status", "incident": text(m, "incident"), "status": "closed", "reason": text(m, "reason")});
            ask(x, &[], |c| c.post("/api/v1/inputs", &body))
        },
    },
    list!("runbook", "list", "Runbooks", "/api/v1/runbooks", ["runbook" => "/id", "name" => "/name", "steps" => "/steps"]),
    Row {
        name: &["runbook", "start"],
        about: "Start a run for an incident",
        args: |c| {
            c.arg(required("runbook", "The runbook"))
                .arg(option("incident", "The incident's id").required(true))
                .arg(
                    Arg::new("live")
                        .long("live")
                        .help("Effects reach their targets; without it they are recorded")
                        .action(clap::ArgAction::SetTrue),
                )
        },
        run: |m, x| {
            let body = json!({"module": "run", "do": "start", "runbook": text(m, "runbook"), "incident": text(m, "incident"), "mode": if m.get_flag("live") { "live" } else { "rehearsal" }});
            ask(x, &[], |c| c.post("/api/v1/inputs", &body))
        },
    },
    list!("obligation", "list", "Clocks of open incidents. Decision support, not legal advice", "/api/v1/clocks", ["stage" => "/stage", "status" => "/status", "from" => "/from", "safe" => "/safe", "outer" => "/outer", "title" => "/title", "article" => "/citations"]),
    Row {
        name: &["obligation", "decide"],
        about: "Record a determination that only a person may make",
        args: |c| {
            c.arg(required("incident", "The incident's id"))
                .arg(required("question", "Such as sec.material"))
                .arg(required("answer", "yes or no"))
                .arg(option("rationale", "Why").required(true))
                .arg(option("effective", "Since when, RFC 3339"))
        },
        run: |m, x| {
            decide(
                x,
                m,
                "obligation",
                "determine",
                &["incident", "question", "answer", "rationale", "effective"],
            )
        },
    },
    Row {
        name: &["obligation", "file"],
        about: "Record that a filing was made",
        args: |c| {
            c.arg(required("incident", "The incident's id"))
                .arg(required("stage", "Such as gdpr-72h"))
                .arg(option("reference", "Number given by the receiver").required(true))
                .arg(option("note", "Reason, where it is late").default_value(""))
        },
        run: |m, x| {
            decide(
                x,
                m,
                "obligation",
                "file",
                &["incident", "stage", "reference", "note"],
            )
        },
    },
    list!("comms", "list", "Drafts, newest first", "/api/v1/drafts", ["id" => "/id", "audience" => "/audience", "state" => "/state", "title" => "/title", "author" => "/author"]),
    show!(
        "comms",
        "One draft with its text and hash",
        "/api/v1/drafts"
    ),
    Row {
        name: &["comms", "submit"],
        about: "Ask for approval of a draft",
        args: |c| c.arg(required("draft", "The draft")),
        run: |m, x| decide(x, m, "comms", "submit", &["draft"]),
    },
    Row {
        name: &["comms", "approve"],
        about: "Approve the text with this hash",
        args: |c| {
            c.arg(required("draft", "The draft"))
                .arg(option("hash", "SHA-256 of the text that you read").required(true))
                .arg(
                    option(
                        "acknowledge",
                        "Something unknown that the text may say is unknown; once for each",
                    )
                    .action(clap::ArgAction::Append),
                )
        },
        run: |m, x| {
            let acknowledged: Vec<&String> = m
                .get_many("acknowledge")
                .map(Iterator::collect)
                .unwrap_or_default();
            let body = json!({"module": "comms", "do": "approve", "draft": text(m, "draft"), "hash": text(m, "hash"), "acknowledged": acknowledged});
            ask(x, &[], |c| c.post("/api/v1/inputs", &body))
        },
    },
    Row {
        name: &["exercise", "list"],
        about: "Exercises that can be played and those that were",
        args: |c| c,
        run: |_, x| ask(x, &[], |c| c.get("/api/v1/exercises")),
    },
    show!(
        "exercise",
        "One exercise: score and after-action report",
        "/api/v1/exercises"
    ),
    Row {
        name: &["exercise", "start"],
        about: "Play an exercise on a running server",
        args: |c| {
            c.arg(required("plan", "The exercise, such as paper-lantern"))
                .arg(
                    option("speed", "How much faster than the clock, 1 to 3600").default_value("1"),
                )
                .arg(
                    Arg::new("script")
                        .long("script")
                        .help("The script of the plan plays, not people")
                        .action(clap::ArgAction::SetTrue),
                )
        },
        run: |m, x| {
            let speed: u32 = text(m, "speed")
                .parse()
                .context("--speed is a number from 1 to 3600")?;
            let body = json!({"module": "exercise", "do": "start", "plan": text(m, "plan"), "pace": "live", "speed": speed, "players": if m.get_flag("script") { "script" } else { "people" }, "tenant": "main"});
            ask(x, &[], |c| c.post("/api/v1/inputs", &body))
        },
    },
    Row {
        name: &["exercise", "stop"],
        about: "Stop an exercise: nothing more is emitted",
        args: |c| {
            c.arg(required("exercise", "The exercise's id"))
                .arg(option("reason", "Why").required(true))
        },
        run: |m, x| decide(x, m, "exercise", "stop", &["exercise", "reason"]),
    },
    list!("indicator", "list", "Indicators in force", "/api/v1/indicators", ["kind" => "/kind", "value" => "/value", "name" => "/name", "tlp" => "/tlp", "until" => "/valid_until", "origin" => "/origin"]),
    list!("indicator", "sightings", "Where indicators were seen", "/api/v1/sightings", ["time" => "/time", "value" => "/value", "field" => "/field", "tlp" => "/indicator/tlp", "event" => "/event"]),
];
