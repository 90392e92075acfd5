//! `watchfloor intel import`

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Arg, ArgMatches, value_parser};
use serde_json::{Value, json};

use super::{
    Context, Row,
    client::{BadInput, Client},
};
use crate::output::{Exit, Form};

pub(super) const ROWS: &[Row] = &[Row {
    name: &["intel", "import"],
    about: "Import a STIX 2.1 bundle or a MISP event",
    args: |c| {
        c.arg(
            Arg::new("file")
                .required(true)
                .num_args(1..)
                .value_parser(value_parser!(PathBuf)),
        )
        .arg(
            Arg::new("retro-days")
                .long("retro-days")
                .default_value("30")
                .value_parser(value_parser!(u16))
                .help("Match stored events of so many days, too; 0 for none"),
        )
    },
    run,
}];

fn run(matches: &ArgMatches, context: &Context) -> anyhow::Result<Exit> {
    let retro = matches.get_one::<u16>("retro-days").copied().unwrap_or(30);
    let mut texts = Vec::new();
    for path in matches.get_many::<PathBuf>("file").into_iter().flatten() {
        texts.push((
            path.display().to_string(),
            std::fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?,
        ));
    }
    let client = match Client::open(context)? {
        Ok(client) => client,
        Err(exit) => return Ok(exit),
    };
    let mut exit = Exit::Done;
    let mut outcome = Ok(());
    for (name, text) in texts {
        match client.post(
            "/api/v1/intel",
            &json!({"origin": name, "text": text, "retro_days": retro}),
        ) {
            Ok(value) => show(context, &name, &value),
            Err(error) if error.is::<BadInput>() => {
                context.out.note(&format!("error: {name}: {error}"));
                exit = Exit::BadInput;
            }
            Err(error) => {
                outcome = Err(error);
                break;
            }
        }
    }
    client.close();
    outcome.map(|()| exit)
}

fn show(context: &Context, name: &str, value: &Value) {
    if context.out.form == Form::Json {
        context.out.json(value);
        return;
    }
    let number = |key: &str| value.get(key).and_then(Value::as_u64).unwrap_or_default();
    context.out.line(&format!(
        "{name}: {} objects, {} indicators, {} sightings in stored events",
        number("objects"),
        number("indicators"),
        number("retro_sightings")
    ));
    for d in value
        .get("diagnostics")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .take(20)
    {
        let text = |p: &str| d.pointer(p).and_then(Value::as_str).unwrap_or_default();
        context.out.note(&format!(
            "{}[{}]: {}",
            text("/level"),
            text("/code"),
            text("/message")
        ));
    }
}
