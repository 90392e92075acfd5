//! `watchfloor rule list | show | stage | approve | reject | push | pull | diff`: rules of a floor.

use std::{io::IsTerminal as _, path::PathBuf};

use anyhow::Context as _;
use clap::{Arg, ArgAction, ArgMatches, value_parser};
use serde_json::{Value, json};

use super::{
    Context, Row,
    ask::{ask, option, required, text},
    client::{BadInput, Client},
};
use crate::{
    console::form::percent,
    output::{Exit, Form, visible},
};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: &["rule", "list"],
        about: "Rules and correlations of the floor, with their stage",
        args: |c| c.arg(option("stage", "draft, testing, enabled or retired")),
        run: |m, x| {
            let path = match m.get_one::<String>("stage") {
                Some(stage) => format!("/api/v1/rules?stage={}", percent(stage)),
                None => "/api/v1/rules".to_owned(),
            };
            let columns = [
                ("id", "/id"),
                ("stage", "/stage"),
                ("version", "/version"),
                ("severity", "/severity"),
                ("title", "/title"),
                ("techniques", "/techniques"),
                ("samples", "/samples"),
            ];
            ask(x, &columns, |c| c.get(&path))
        },
    },
    Row {
        name: &["rule", "show"],
        about: "One rule: stage, figures, text; with --history who changed what, when and why",
        args: |c| {
            c.arg(required("id", "The rule")).arg(
                Arg::new("history")
                    .long("history")
                    .action(ArgAction::SetTrue)
                    .help("Its history and texts instead of the text in force"),
            )
        },
        run: show,
    },
    Row {
        name: &["rule", "stage"],
        about: "Put a rule at a stage: draft, testing, enabled, retired",
        args: |c| {
            c.arg(required("rule", "The rule"))
                .arg(required("to", "The stage"))
                .arg(
                    Arg::new("version")
                        .long("version")
                        .value_parser(value_parser!(u32))
                        .help(
                            "With this text, 0 is the file's; the newest draft where none is named",
                        ),
                )
                .arg(option("reason", "Why").required(true))
        },
        run: |m, x| {
            let body = json!({"module": "rule", "do": "stage", "rule": text(m, "rule"), "to": text(m, "to"), "version": m.get_one::<u32>("version"), "reason": text(m, "reason")});
            told(x, |c| c.post("/api/v1/inputs", &body))
        },
    },
    Row {
        name: &["rule", "approve"],
        about: "Approve the change of a rule that another person asked for",
        args: |c| {
            c.arg(required("rule", "The rule")).arg(option(
                "hash",
                "Hash of the text that was read; the one that waits where none is named",
            ))
        },
        run: |m, x| {
            let rule = text(m, "rule");
            told(x, |c| {
                let hash = match m.get_one::<String>("hash") {
                    Some(hash) => hash.clone(),
                    None => {
                        let found = c.get(&format!("/api/v1/rules/{}", percent(&rule)))?;
                        word(&found, "/request/hash")
                    }
                };
                c.post(
                    "/api/v1/inputs",
                    &json!({"module": "rule", "do": "approve", "rule": rule, "hash": hash}),
                )
            })
        },
    },
    Row {
        name: &["rule", "reject"],
        about: "Refuse the change of a rule that waits for approval, or take it back",
        args: |c| {
            c.arg(required("rule", "The rule"))
                .arg(option("reason", "Why").required(true))
        },
        run: |m, x| {
            let body = json!({"module": "rule", "do": "reject", "rule": text(m, "rule"), "reason": text(m, "reason")});
            told(x, |c| c.post("/api/v1/inputs", &body))
        },
    },
    Row {
        name: &["rule", "push"],
        about: "Keep a text as the newest version of its rule, as a draft",
        args: |c| {
            c.arg(
                Arg::new("file")
                    .required(true)
                    .value_parser(value_parser!(PathBuf))
                    .help("One rule, or a correlation with the rules that only it needs"),
            )
            .arg(option("reason", "Why").required(true))
        },
        run: |m, x| {
            let path = m.get_one::<PathBuf>("file").cloned().unwrap_or_default();
            let rule = std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let body = json!({"text": rule, "reason": text(m, "reason")});
            told(x, |c| c.post("/api/v1/rules", &body))
        },
    },
    Row {
        name: &["rule", "pull"],
        about: "Print a text of a rule",
        args: |c| {
            c.arg(required("rule", "The rule"))
                .arg(option(
                    "version",
                    "Its number, `file`, or the beginning of its hash; the text in force where none is named",
                ))
                .arg(
                    Arg::new("out")
                        .long("out")
                        .value_parser(value_parser!(PathBuf))
                        .help("Write it to this file, which must not be there yet"),
                )
        },
        run: pull,
    },
    Row {
        name: &["rule", "diff"],
        about: "What differs between two texts of a rule",
        args: |c| {
            c.arg(required("rule", "The rule"))
                .arg(required(
                    "from",
                    "A number, `file`, or the beginning of a hash",
                ))
                .arg(required("to", "The same"))
        },
        run: |m, x| {
            let path = format!(
                "/api/v1/rules/{}/diff?from={}&to={}",
                percent(&text(m, "rule")),
                percent(&text(m, "from")),
                percent(&text(m, "to"))
            );
            let found = match with(x, |c| c.get(&path))? {
                Ok(found) => found,
                Err(exit) => return Ok(exit),
            };
            let diff = word(&found, "/diff");
            match x.out.form {
                Form::Json => x.out.json(&found),
                Form::Text if diff.is_empty() => x.out.note("the two texts are the same"),
                Form::Text => x.out.line(visible(&diff).trim_end()),
            }
            Ok(if diff.is_empty() {
                Exit::Done
            } else {
                Exit::Findings
            })
        },
    },
];

/// Asks a floor; what was wrong with the input is said and becomes an exit status.
pub(super) fn with(
    context: &Context,
    ask: impl FnOnce(&Client) -> anyhow::Result<Value>,
) -> anyhow::Result<Result<Value, Exit>> {
    let client = match Client::open(context)? {
        Ok(client) => client,
        Err(exit) => return Ok(Err(exit)),
    };
    let answer = ask(&client);
    client.close();
    match answer {
        Ok(value) => Ok(Ok(value)),
        Err(error) if error.is::<BadInput>() => {
            context.out.note(&format!("error: {error}"));
            Ok(Err(Exit::BadInput))
        }
        Err(error) => Err(error),
    }
}

/// Asks for a decision and says in a line what came of it.
pub(super) fn told(
    context: &Context,
    ask: impl FnOnce(&Client) -> anyhow::Result<Value>,
) -> anyhow::Result<Exit> {
    let decided = match with(context, ask)? {
        Ok(decided) => decided,
        Err(exit) => return Ok(exit),
    };
    if context.out.form == Form::Json {
        context.out.json(&decided);
        return Ok(Exit::Done);
    }
    let entries = decided.get("entries").and_then(Value::as_array);
    for entry in entries.into_iter().flatten() {
        let e = |name: &str| word(entry, &format!("/entry/{name}"));
        let line = match (word(entry, "/module").as_str(), e("type").as_str()) {
            ("rule", "pushed") => format!(
                "rule {}: version {} is kept as a draft; what runs is as it was\nnext: watchfloor rule stage {0} testing --reason …",
                e("rule"),
                e("version")
            ),
            ("rule", "staged") => format!(
                "rule {} is {}, with {}",
                e("rule"),
                e("to"),
                version(&e("version"))
            ),
            ("rule", "asked") => format!(
                "rule {}: {} with {} waits for another person: watchfloor rule approve {0}\nuntil then it is {} as it was",
                e("rule"),
                e("to"),
                version(&e("version")),
                e("from")
            ),
            ("rule", "rejected") => format!(
                "rule {}: {} was rejected; everything stays as it is",
                e("rule"),
                e("to")
            ),
            ("suppression", "approved") => format!("suppression {} acts", e("suppression")),
            ("suppression", "rejected") => format!("suppression {} was rejected", e("suppression")),
            ("suppression", "ended") => format!(
                "suppression {} is over; findings like these raise alerts again",
                e("suppression")
            ),
            ("suppression", "added") if e("start") == "approval" => format!(
                "suppression {} waits for another person and hides nothing until then",
                e("suppression")
            ),
            ("suppression", "added") => format!(
                "suppression {} acts until {}",
                e("suppression"),
                e("spec/expires")
            ),
            (module, kind) => format!("{module}: {kind}"),
        };
        context.out.line(&visible(&line));
    }
    Ok(Exit::Done)
}

fn version(number: &str) -> String {
    if number == "0" {
        "its file's text".to_owned()
    } else {
        format!("version {number}")
    }
}

/// The text or number at a pointer; empty where there is none.
pub(super) fn word(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn show(m: &ArgMatches, x: &Context) -> anyhow::Result<Exit> {
    let path = format!("/api/v1/rules/{}", percent(&text(m, "id")));
    let found = match with(x, |c| c.get(&path))? {
        Ok(found) => found,
        Err(exit) => return Ok(exit),
    };
    if x.out.form == Form::Json {
        x.out.json(&found);
        return Ok(Exit::Done);
    }
    let say = |line: String| x.out.line(&visible(&line));
    let w = |pointer: &str| word(&found, pointer);
    say(format!("{}  {}", w("/id"), w("/title")));
    say(format!(
        "{}, {}, {}, owner {}",
        w("/stage"),
        version(&w("/version")),
        w("/severity"),
        if w("/owner").is_empty() {
            "nobody".to_owned()
        } else {
            w("/owner")
        }
    ));
    if !w("/fallen/why").is_empty() {
        say(format!(
            "WARNING: version {} cannot be run: {}",
            w("/fallen/wanted"),
            w("/fallen/why")
        ));
    }
    if !w("/draft").is_empty() {
        say(format!("version {} is a draft, not in force", w("/draft")));
    }
    if !w("/request/to").is_empty() {
        say(format!(
            "{} asks for {} with {}: {}",
            w("/request/by"),
            w("/request/to"),
            version(&w("/request/version")),
            w("/request/reason")
        ));
    }
    say(format!(
        "findings: {} in alerts, {} while testing, {} suppressed, {} of exercises; verdicts {}",
        w("/counts/alerted"),
        w("/counts/testing"),
        w("/counts/suppressed"),
        w("/counts/exercised"),
        w("/counts/verdicts")
    ));
    if m.get_flag("history") {
        let rows: Vec<Vec<String>> = found
            .get("history")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .map(|c| {
                let change = match (word(c, "/from"), word(c, "/to")) {
                    (from, to) if from.is_empty() => to,
                    (from, to) => format!("{from} → {to}"),
                };
                vec![
                    word(c, "/at"),
                    word(c, "/by"),
                    word(c, "/what"),
                    change,
                    word(c, "/version"),
                    word(c, "/hash").chars().take(12).collect(),
                    word(c, "/reason"),
                ]
            })
            .collect();
        if rows.is_empty() {
            x.out
                .note("it is as its file says; nobody has changed it here");
        } else {
            x.out.table(
                &["at", "by", "what", "stage", "version", "hash", "reason"],
                &rows,
                &found,
            );
        }
    } else {
        x.out.line("");
        x.out.line(visible(&w("/text")).trim_end());
    }
    Ok(Exit::Done)
}

fn pull(m: &ArgMatches, x: &Context) -> anyhow::Result<Exit> {
    let rule = percent(&text(m, "rule"));
    let wanted = m.get_one::<String>("version").cloned();
    let found = with(x, |c| {
        let version = match wanted {
            Some(version) => version,
            None => word(&c.get(&format!("/api/v1/rules/{rule}"))?, "/version"),
        };
        c.get(&format!(
            "/api/v1/rules/{rule}/versions/{}",
            percent(&version)
        ))
    })?;
    let found = match found {
        Ok(found) => found,
        Err(exit) => return Ok(exit),
    };
    let text = word(&found, "/text");
    match m.get_one::<PathBuf>("out") {
        Some(path) => {
            let mut file = std::fs::File::create_new(path)
                .with_context(|| format!("cannot create {}", path.display()))?;
            std::io::Write::write_all(&mut file, text.as_bytes())
                .with_context(|| format!("cannot write {}", path.display()))?;
            x.out.note(&format!("wrote {}", path.display()));
        }
        None if x.out.form == Form::Json => x.out.json(&found),
        // Into a file byte by byte; a terminal gets nothing that it would act on.
        None if std::io::stdout().is_terminal() => x.out.line(visible(&text).trim_end()),
        None => x.out.line(text.trim_end()),
    }
    Ok(Exit::Done)
}
