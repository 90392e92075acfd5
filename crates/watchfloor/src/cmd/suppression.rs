//! `watchfloor suppression add | list | show | end | approve | reject | preview`.

use clap::{Arg, ArgAction, ArgMatches};
use serde_json::{Map, Value, json};

use super::{
    Context, Row,
    ask::{ask, list, option, required, show, text},
    cycle::{told, with, word},
};
use crate::{
    console::form::percent,
    output::{Exit, Form},
};

pub(super) const ROWS: &[Row] = &[
    list!("suppression", "list", "Suppressions, newest first, with what each has hidden", "/api/v1/suppressions", ["id" => "/id", "status" => "/status", "ends" => "/expires", "hidden" => "/hidden", "last" => "/last", "owner" => "/owner", "rules" => "/rules", "family" => "/family", "reason" => "/reason"]),
    show!("suppression", "One suppression", "/api/v1/suppressions"),
    Row {
        name: &["suppression", "add"],
        about: "Hide findings that are known, for a while",
        args: |c| {
            what(c)
                .arg(option("reason", "Why").required(true))
                .arg(option("until", "When it ends: 14d, 12h, 2026-12-24 or a time").required(true))
                .arg(option(
                    "owner",
                    "Who answers for it; you where nobody is named",
                ))
                .arg(option(
                    "force",
                    "Why it may hide what was found to be an attack before",
                ))
        },
        run: |m, x| {
            let mut body = body(m);
            body.extend(Map::from_iter([
                ("module".to_owned(), json!("suppression")),
                ("do".to_owned(), json!("add")),
            ]));
            for name in ["reason", "until", "owner", "force"] {
                if let Some(value) = m.get_one::<String>(name) {
                    body.insert(name.to_owned(), json!(value));
                }
            }
            told(x, |c| {
                if let Some(alert) = m.get_one::<String>("alert") {
                    like(
                        &c.get(&format!("/api/v1/alerts/{}", percent(alert)))?,
                        &mut body,
                    );
                    body.insert("alert".to_owned(), json!(alert));
                }
                c.post("/api/v1/inputs", &Value::Object(body))
            })
        },
    },
    Row {
        name: &["suppression", "preview"],
        about: "What a suppression would have hidden, and whether an attack was among it",
        args: |c| {
            what(c).arg(option("since", "RFC 3339, or 7d, 24h before now").default_value("30d"))
        },
        run: |m, x| {
            let mut body = body(m);
            body.insert("since".to_owned(), json!(text(m, "since")));
            let seen = with(x, |c| {
                if let Some(alert) = m.get_one::<String>("alert") {
                    like(
                        &c.get(&format!("/api/v1/alerts/{}", percent(alert)))?,
                        &mut body,
                    );
                }
                c.post("/api/v1/suppressions/preview", &Value::Object(body))
            })?;
            let seen = match seen {
                Ok(seen) => seen,
                Err(exit) => return Ok(exit),
            };
            let count = |key: &str| seen.get(key).and_then(Value::as_array).map_or(0, Vec::len);
            if x.out.form == Form::Json {
                x.out.json(&seen);
            } else {
                x.out.line(&format!(
                    "{} findings in {} alerts since {}; {} alerts would not have been raised; {} findings raised none anyway",
                    word(&seen, "/findings"),
                    count("alerts"),
                    word(&seen, "/since"),
                    count("whole_alerts"),
                    word(&seen, "/held")
                ));
                for id in seen
                    .get("attacks")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                {
                    x.out.line(&format!(
                        "found to be an attack: alert {}",
                        id.as_str().unwrap_or_default()
                    ));
                }
            }
            Ok(if count("attacks") > 0 {
                Exit::Findings
            } else {
                Exit::Done
            })
        },
    },
    Row {
        name: &["suppression", "end"],
        about: "End a suppression before its time",
        args: |c| {
            c.arg(required("suppression", "The suppression"))
                .arg(option("reason", "Why").required(true))
        },
        run: |m, x| change(m, x, "end"),
    },
    Row {
        name: &["suppression", "approve"],
        about: "Approve a suppression that another person added",
        args: |c| c.arg(required("suppression", "The suppression")),
        run: |m, x| change(m, x, "approve"),
    },
    Row {
        name: &["suppression", "reject"],
        about: "Refuse a suppression that waits for approval",
        args: |c| {
            c.arg(required("suppression", "The suppression"))
                .arg(option("reason", "Why").required(true))
        },
        run: |m, x| change(m, x, "reject"),
    },
    Row {
        name: &["finding", "list"],
        about: "Findings, newest first, in alerts and without one",
        args: |c| {
            c.arg(option("rule", "Of this rule"))
                .arg(option("suppression", "Hidden by this suppression"))
                .arg(option("held", "yes: without an alert; no: in alerts"))
                .arg(option("q", "Words of rule, entities and matched values"))
                .arg(option("limit", "How many, at most 1000").default_value("100"))
        },
        run: |m, x| {
            let pairs: Vec<String> = ["rule", "suppression", "held", "q", "limit"]
                .iter()
                .filter_map(|k| Some(format!("{k}={}", percent(m.get_one::<String>(k)?))))
                .collect();
            let columns = [
                ("time", "/finding/time"),
                ("rule", "/finding/rule/title"),
                ("tenant", "/finding/tenant"),
                ("alert", "/alert"),
                ("held", "/held/kind"),
                ("id", "/finding/id"),
            ];
            ask(x, &columns, |c| {
                c.get(&format!("/api/v1/findings?{}", pairs.join("&")))
            })
        },
    },
];

/// Asks for a change of one suppression.
fn change(m: &ArgMatches, x: &Context, what: &str) -> anyhow::Result<Exit> {
    let mut body =
        json!({"module": "suppression", "do": what, "suppression": text(m, "suppression")});
    if let (Some(body), true) = (body.as_object_mut(), what != "approve") {
        body.insert("reason".to_owned(), json!(text(m, "reason")));
    }
    told(x, |c| c.post("/api/v1/inputs", &body))
}

/// What it is about.
fn what(c: clap::Command) -> clap::Command {
    let many = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .help(help)
            .action(ArgAction::Append)
    };
    c.arg(many("rule", "Findings of this rule; may be given several times"))
        .arg(option("family", "Or of all rules in this folder of content/rules"))
        .arg(option("tenant", "Of this tenant only"))
        .arg(many(
            "when",
            "A condition, `field|modifier: value`, such as 'user.name: svc-*' or 'source.ip|cidr: 10.0.0.0/8'; all have to hold",
        ))
        .arg(option(
            "alert",
            "Like the findings of this alert: its rules, its tenant, and the entities that all of them share, where not said otherwise",
        ))
}

fn body(m: &ArgMatches) -> Map<String, Value> {
    let all = |name: &str| -> Vec<String> {
        m.get_many::<String>(name)
            .map(|v| v.cloned().collect())
            .unwrap_or_default()
    };
    let mut body = Map::from_iter([
        ("rules".to_owned(), json!(all("rule"))),
        ("when".to_owned(), json!(all("when").join("\n"))),
    ]);
    for name in ["family", "tenant"] {
        if let Some(value) = m.get_one::<String>(name) {
            body.insert(name.to_owned(), json!(value));
        }
    }
    body
}

/// Fills in what an alert says and the arguments do not.
fn like(alert: &Value, body: &mut Map<String, Value>) {
    let findings: Vec<&Value> = alert
        .get("findings")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .collect();
    if body.get("rules").is_some_and(|r| r == &json!([])) && !body.contains_key("family") {
        let mut rules: Vec<String> = findings.iter().map(|f| word(f, "/rule/id")).collect();
        rules.sort();
        rules.dedup();
        body.insert("rules".to_owned(), json!(rules));
    }
    if !body.contains_key("tenant") {
        body.insert("tenant".to_owned(), json!(word(alert, "/tenant")));
    }
    if body.get("when").is_some_and(|w| w != "") {
        return;
    }
    let entities = |f: &Value| -> Vec<Value> {
        f.get("entities")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let mut when = Map::new();
    if let Some((first, others)) = findings.split_first() {
        let rest: Vec<Vec<Value>> = others.iter().map(|f| entities(f)).collect();
        for entity in entities(first) {
            let (Some(Value::String(field)), Some(value)) = (entity.get(0), entity.get(1)) else {
                continue;
            };
            if when.len() < 16 && rest.iter().all(|all| all.contains(&entity)) {
                let literal = match value {
                    Value::String(text) => json!(watchfloor_respond::suppression::literal(text)),
                    other => other.clone(),
                };
                when.insert(field.clone(), literal);
            }
        }
    }
    body.insert("when".to_owned(), Value::Object(when));
}
