//! `watchfloor content test`, `config …`, `schema`, `completions`.

use clap::{Arg, ArgAction, ArgMatches, value_parser};
use serde_json::json;
use watchfloor_ingest::Sources;
use watchfloor_types::{Diagnostic, Level};

use super::{Context, Row, command};
use crate::{
    api,
    content::Files,
    library,
    output::{Exit, Form},
    rulebook::Rulebook,
};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: &["content", "test"],
        about: "Lint all content and run every sample and example",
        args: |c| c,
        run: test,
    },
    Row {
        name: &["config", "check"],
        about: "Say everything that is wrong with the settings",
        args: |c| c,
        run: |_, x| {
            let checked = x.settings()?;
            if checked.is_ok() {
                x.out.note("the settings are in order");
            }
            Ok(checked.err().unwrap_or(Exit::Done))
        },
    },
    Row {
        name: &["config", "show"],
        about: "Every setting with its present value",
        args: |c| c,
        run: |_, x| {
            match x.settings()? {
                Ok(settings) => x.out.json(&settings.shown()),
                Err(exit) => return Ok(exit),
            }
            Ok(Exit::Done)
        },
    },
    Row {
        name: &["schema"],
        about: "The description of the API (OpenAPI 3.1), or of the command line",
        args: |c| {
            c.arg(
                Arg::new("cli")
                    .long("cli")
                    .help("The command line, as docs/cli.md")
                    .action(ArgAction::SetTrue),
            )
        },
        run: |m, x| {
            if m.get_flag("cli") {
                x.out.line(super::reference::text().trim_end());
            } else {
                x.out.line(api::read::description().trim_end());
            }
            Ok(Exit::Done)
        },
    },
    Row {
        name: &["completions"],
        about: "Completions for a shell",
        args: |c| {
            c.arg(
                Arg::new("shell")
                    .required(true)
                    .value_parser(value_parser!(clap_complete::Shell)),
            )
        },
        run: |m, _| {
            if let Some(shell) = m.get_one::<clap_complete::Shell>("shell") {
                clap_complete::generate(
                    *shell,
                    &mut command(),
                    "watchfloor",
                    &mut std::io::stdout(),
                );
            }
            Ok(Exit::Done)
        },
    },
];

fn test(_: &ArgMatches, context: &Context) -> anyhow::Result<Exit> {
    let settings = match context.settings()? {
        Ok(settings) => settings,
        Err(exit) => return Ok(exit),
    };
    let files = Files::load(settings.content_dir.as_deref())?;
    let mut all: Vec<Diagnostic> = Vec::new();
    let (mut passed, mut failed) = (0, Vec::new());

    let (sources, wrong) = Sources::load(&files.of("sources"));
    all.extend(wrong);
    for source in sources.iter() {
        for outcome in source.run_tests() {
            if outcome.passed() {
                passed += 1;
            } else {
                failed.push(format!(
                    "source {}: {}: {}",
                    source.id(),
                    outcome.name,
                    outcome.differences.join("; ")
                ));
            }
        }
    }
    let rulebook = Rulebook::load(&files);
    all.extend(rulebook.diagnostics.iter().cloned());
    for document in rulebook.engine.documents() {
        for outcome in rulebook.engine.run_samples(document) {
            if outcome.passed() {
                passed += 1;
            } else {
                failed.push(format!(
                    "rule {}: sample `{}`",
                    document.meta().title(),
                    outcome.name
                ));
            }
        }
    }
    let (content, wrong) = library::load(&files);
    all.extend(wrong);
    all.extend(library::check(&content, &sources, &rulebook));

    context.out.diagnostics(&all, &|p| files.text(p));
    for f in &failed {
        context.out.note(&format!("failed: {f}"));
    }
    let errors = all.iter().filter(|d| d.level == Level::Error).count();
    let counts = json!({
        "sources": sources.len(), "rules": rulebook.engine.documents().len(), "runbooks": content.runbooks.len(), "escalations": content.escalations.len(),
        "regimes": content.regimes.len(), "templates": content.templates.len(), "exercises": content.exercises.len(),
        "samples_passed": passed, "samples_failed": failed.len(), "errors": errors, "remarks": all.len() - errors,
    });
    match context.out.form {
        Form::Json => context.out.json(&counts),
        Form::Text => {
            for (name, value) in counts.as_object().into_iter().flatten() {
                context
                    .out
                    .line(&format!("{:<16} {value}", name.replace('_', " ")));
            }
        }
    }
    Ok(if errors > 0 || !failed.is_empty() {
        Exit::Findings
    } else {
        Exit::Done
    })
}
