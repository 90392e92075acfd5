//! `watchfloor rule fmt`: rule files in the canonical layout.

use std::{io::IsTerminal as _, path::PathBuf};

use clap::{Arg, ArgAction, ArgMatches, value_parser};
use serde_json::json;
use watchfloor_detect::layout;
use watchfloor_types::{Diagnostic, Level};

use super::{Context, files, report};
use crate::output::{Exit, Form};

pub(super) fn args(c: clap::Command) -> clap::Command {
    c.arg(
        Arg::new("path")
            .required(true)
            .num_args(1..)
            .value_parser(value_parser!(PathBuf))
            .help("Files or folders"),
    )
    .arg(
        Arg::new("check")
            .long("check")
            .action(ArgAction::SetTrue)
            .help("Write nothing; exit status 1 where a file is laid out otherwise"),
    )
    .arg(
        Arg::new("stdout")
            .long("stdout")
            .action(ArgAction::SetTrue)
            .conflicts_with("check")
            .help("Print the result instead of writing it"),
    )
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum To {
    File,
    Stdout,
    Nowhere,
}

pub(super) fn run(matches: &ArgMatches, context: &Context) -> anyhow::Result<Exit> {
    let to = match (matches.get_flag("check"), matches.get_flag("stdout")) {
        (true, _) => To::Nowhere,
        (false, true) => To::Stdout,
        (false, false) => To::File,
    };
    let (mut total, mut changed, mut left, mut broken) = (0u64, 0u64, 0u64, 0u64);
    for file in files::named(matches)? {
        total += 1;
        let file = match file {
            Ok(file) => file,
            Err(files::NotText(why)) => {
                broken += 1;
                context.out.note(&format!("error: {why}"));
                continue;
            }
        };
        let name = file.name();
        let new = match layout(&name, &file.text) {
            Ok(new) => new,
            Err(why) => {
                if why.iter().any(|d: &Diagnostic| d.level == Level::Error) {
                    broken += 1;
                } else {
                    left += 1;
                }
                report(context, &[(name.clone(), file.text.clone())], &why);
                if to == To::Stdout {
                    print(context, &file.text);
                }
                continue;
            }
        };
        let differs = new != file.text;
        changed += u64::from(differs);
        let line = first_difference(&file.text, &new);
        match (to, context.out.form) {
            (To::Stdout, Form::Text) => print(context, &new),
            (To::Stdout, Form::Json) => {
                context
                    .out
                    .json(&json!({"file": name, "changed": differs, "text": new}));
            }
            (To::File | To::Nowhere, form) => {
                if differs && to == To::File {
                    file.replace(&new)?;
                }
                if form == Form::Json {
                    context.out.json(&json!({"file": name, "changed": differs, "line": differs.then_some(line), "written": differs && to == To::File}));
                } else if differs {
                    let word = if to == To::File {
                        "laid out"
                    } else {
                        "is laid out otherwise from this line on"
                    };
                    context
                        .out
                        .line(&crate::output::visible(&format!("{name}:{line}: {word}")));
                }
            }
        }
    }
    let word = if to == To::File {
        "laid out anew"
    } else {
        "would be laid out anew"
    };
    context.out.note(&format!(
        "{total} files: {changed} {word}, {left} left alone, {broken} not read"
    ));
    Ok(if broken > 0 {
        Exit::BadInput
    } else if left > 0 || (to == To::Nowhere && changed > 0) {
        Exit::Findings
    } else {
        Exit::Done
    })
}

/// A rule as it is; on a terminal without what would steer it.
fn print(context: &Context, text: &str) {
    let text = text.strip_suffix('\n').unwrap_or(text);
    if std::io::stdout().is_terminal() {
        context.out.line(&crate::output::visible(text));
    } else {
        context.out.line(text);
    }
}

fn first_difference(a: &str, b: &str) -> usize {
    let same = a.lines().zip(b.lines()).take_while(|(a, b)| a == b);
    same.count() + 1
}
