//! `watchfloor serve`

use anyhow::Context as _;
use clap::ArgMatches;

use super::{Context, Row, client::Address};
use crate::{
    clock::Clock,
    floor,
    output::Exit,
    serve::{Sockets, Taken, first_link, interrupted, shared},
    settings::Insecure,
};

pub(super) const ROWS: &[Row] = &[Row {
    name: &["serve"],
    about: "Run the server: console, API and ingest",
    args: |c| {
        c.arg(
            clap::Arg::new("insecure-listen")
                .long("insecure-listen")
                .help("Listen on other than loopback without TLS")
                .action(clap::ArgAction::SetTrue),
        )
    },
    run,
}];

fn run(matches: &ArgMatches, context: &Context) -> anyhow::Result<Exit> {
    let mut settings = match context.settings()? {
        Ok(settings) => settings,
        Err(exit) => return Ok(exit),
    };
    if matches.get_flag("insecure-listen") {
        settings.insecure_listen = Insecure::Allow;
    }
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    runtime.block_on(async {
        let sockets = Sockets::open(&settings, Taken::Fail).await?;
        let opened = floor::open(settings, Clock::real()).await?;
        if opened.has_errors() {
            context
                .out
                .diagnostics(&opened.diagnostics, &|p| opened.floor.files.text(p));
        }
        let link = first_link(&opened.floor).await?;
        let address = Address::publish(&opened.floor, &sockets).await?;
        context.out.note(&format!("console  {}", address.console));
        context.out.note(&format!("ingest   {}", address.ingest));
        context.out.note(&format!(
            "data     {}",
            opened.floor.settings.data_dir.display()
        ));
        if let Some(link) = link {
            context
                .out
                .note(&format!("sign in  {}{link}", address.console));
        }
        let stop = shared(interrupted());
        sockets
            .serve(std::sync::Arc::clone(&opened.floor), stop)
            .await;
        context.out.note("stopping");
        drop(std::fs::remove_file(Address::path(&opened.floor.settings)));
        opened.close().await;
        Ok(Exit::Done)
    })
}
