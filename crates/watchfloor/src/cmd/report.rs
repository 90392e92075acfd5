//! `watchfloor report build dossier`

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Arg, ArgMatches, value_parser};
use serde_json::json;

use super::{Context, Row};
use crate::{
    clock::Clock,
    doc::{self, Form as Format},
    floor,
    output::Exit,
};

pub(super) const ROWS: &[Row] = &[Row {
    name: &["report", "build"],
    about: "Build a document from live state: dossier (SOC integration)",
    args: |c| {
        c.arg(Arg::new("kind").required(true).value_parser(["dossier"]))
            .arg(
                Arg::new("out")
                    .long("out")
                    .default_value(".")
                    .value_parser(value_parser!(PathBuf))
                    .help("Folder for the files"),
            )
    },
    run,
}];

fn run(matches: &ArgMatches, context: &Context) -> anyhow::Result<Exit> {
    let settings = match context.settings()? {
        Ok(settings) => settings,
        Err(exit) => return Ok(exit),
    };
    let dir = matches
        .get_one::<PathBuf>("out")
        .cloned()
        .unwrap_or_default();
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    let document = runtime.block_on(async {
        let opened = floor::open(settings, Clock::real()).await?;
        let document = doc::dossier::build(
            &opened.floor,
            opened.floor.journal(),
            opened.floor.clock.now(),
        );
        opened.close().await;
        anyhow::Ok(document)
    })?;
    let mut paths = Vec::new();
    for format in Format::ALL {
        let path = dir.join(format!("soc-integration-dossier.{}", format.extension()));
        std::fs::write(&path, doc::render(&document, *format)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
        paths.push(path.display().to_string());
    }
    context.out.json(&json!({"documents": paths}));
    Ok(Exit::Done)
}
