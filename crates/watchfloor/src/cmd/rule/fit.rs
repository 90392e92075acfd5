//! `--pipeline` and `--lists`: rules fitted to an estate before they are compiled.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Arg, ArgAction, ArgMatches, value_parser};
use watchfloor_detect::Options;
use watchfloor_types::Level;

use super::{Context, report};
use crate::{
    output::Exit,
    rulebook::{Fitting, Rulebook},
};

/// What fits rules.
pub(super) fn args(c: clap::Command) -> clap::Command {
    c.arg(
        Arg::new("pipeline")
            .long("pipeline")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .action(ArgAction::Append)
            .help("Processing pipeline as pySigma has them; several apply in the order of their priority"),
    )
    .arg(
        Arg::new("lists")
            .long("lists")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .action(ArgAction::Append)
            .help("Placeholder lists: YAML with a name and its values in each entry"),
    )
}

/// The rules as the arguments fit them. A pipeline or list that cannot be read is reported, and
/// then there are none: rules that are not fitted would be silent.
pub(super) fn compile(
    matches: &ArgMatches,
    context: &Context,
    files: &[(String, String)],
) -> anyhow::Result<Result<Rulebook, Exit>> {
    let read = |name: &str| -> anyhow::Result<Vec<(String, String)>> {
        let paths = matches.get_many::<PathBuf>(name).into_iter().flatten();
        paths
            .map(|path| {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                Ok((path.display().to_string(), text))
            })
            .collect()
    };
    let fitting = Fitting {
        lists: read("lists")?,
        pipelines: read("pipeline")?,
    };
    let (options, wrong): (Options, _) = fitting.options();
    let mut texts = fitting.lists;
    texts.extend(fitting.pipelines);
    report(context, &texts, &wrong);
    if wrong.iter().any(|d| d.level == Level::Error) {
        return Ok(Err(Exit::BadInput));
    }
    Ok(Ok(Rulebook::fitted(files, &options)))
}
