//! `watchfloor rule new`: a rule to fill in, which already passes lint and test.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Arg, ArgMatches, value_parser};
use watchfloor_types::{Logsource, RuleId, mint};

use super::Context;
use crate::{clock::Clock, output::Exit, secrets};

pub(super) fn args(c: clap::Command) -> clap::Command {
    c.arg(Arg::new("title").required(true).help("What it finds, in a few words"))
        .arg(Arg::new("category").long("category").help("Logsource, such as gen_ai, mcp or process_creation"))
        .arg(Arg::new("product").long("product"))
        .arg(Arg::new("service").long("service"))
        .arg(
            Arg::new("out")
                .long("out")
                .value_parser(value_parser!(PathBuf))
                .help("Where to write it; stdout where not given. A file that is there is not overwritten"),
        )
}

pub(super) fn run(matches: &ArgMatches, context: &Context) -> anyhow::Result<Exit> {
    let title = matches
        .get_one::<String>("title")
        .map_or("", String::as_str)
        .trim();
    if title.is_empty() || title.chars().count() > 256 || title.contains(['\n', '\r']) {
        context
            .out
            .note("error: a title is one line of 1 to 256 characters (Sigma 2.1, `title`)");
        return Ok(Exit::BadInput);
    }
    let now = Clock::real().now();
    let salt = secrets::token("")?;
    let id: RuleId = mint(now, &[title.as_bytes(), salt.reveal().as_bytes()])
        .to_string()
        .parse()?;
    let part = |key: &str| {
        matches
            .get_one::<String>(key)
            .map(|value| format!("    {key}: {}\n", quoted(value)))
            .unwrap_or_default()
    };
    let mut logsource = format!("{}{}{}", part("category"), part("product"), part("service"));
    if logsource.is_empty() {
        "    category: gen_ai\n".clone_into(&mut logsource);
    }
    let category = matches
        .get_one::<String>("category")
        .map_or("gen_ai", String::as_str);
    // Rules of AI categories read canonical names, of which this is one.
    let field = if Logsource::NORM_CATEGORIES.contains(&category) {
        "event.action"
    } else {
        "field.name"
    };
    let text = format!(
        "title: {}\nid: {id}\nstatus: experimental\ndescription: >-\n    Say what happens, why it matters, and what an analyst sees.\nauthor: {}\ndate: {}\ntags:\n    - atlas.aml.t0051\nlogsource:\n{logsource}detection:\n    selection:\n        {field}|contains: replace me\n    condition: selection\nfalsepositives:\n    - Say who does this for a good reason\nlevel: medium\nowner: detection-engineering\ntests:\n    - name: it happens\n      expect: match\n      event: {{{field}: 'please replace me now'}}\n    - name: it does not happen\n      expect: none\n      event: {{{field}: something else}}\n    - name: the field is absent\n      expect: none\n      event: {{other.field: replace me}}\n",
        quoted(title),
        quoted(&std::env::var("USER").unwrap_or_else(|_| "unknown".to_owned())),
        now.strftime("%Y-%m-%d"),
    );
    match matches.get_one::<PathBuf>("out") {
        None => context.out.line(text.trim_end()),
        Some(path) => {
            let mut file = std::fs::File::create_new(path)
                .with_context(|| format!("cannot create {}", path.display()))?;
            std::io::Write::write_all(&mut file, text.as_bytes())
                .with_context(|| format!("cannot write {}", path.display()))?;
            context.out.note(&format!(
                "wrote {}; next: watchfloor rule lint {0} && watchfloor rule test {0}",
                path.display()
            ));
        }
    }
    Ok(Exit::Done)
}

/// A YAML scalar that stays the text it is.
fn quoted(text: &str) -> String {
    let plain = text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'_' | b'-' | b'.'))
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
        && !text.ends_with(' ')
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
            .contains(&text.to_ascii_lowercase().as_str());
    if plain {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_stays_text() {
        for (text, want) in [
            ("Model asked twice", "Model asked twice"),
            ("it's: #1", "'it''s: #1'"),
            ("yes", "'yes'"),
            ("1e3", "'1e3'"),
        ] {
            assert_eq!(quoted(text), want);
        }
    }
}
