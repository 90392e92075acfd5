//! Security operations and incident response for AI systems.
//!
//! Start reading at [`pipeline`]: the whole flow is there, on one page.
#![forbid(unsafe_code)]

mod api;
mod clock;
mod cmd;
mod console;
mod content;
mod continuity;
mod doc;
mod floor;
mod library;
mod output;
mod pipeline;
mod rulebook;
mod rules;
mod search;
mod secrets;
mod serve;
mod settings;
mod siem;
mod web;

fn main() {
    let filter = std::env::var("WATCHFLOOR_LOG").unwrap_or_else(|_| "warn".to_owned());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let exit = cmd::run();
    std::process::exit(exit as i32);
}
