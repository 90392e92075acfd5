//! `watchfloor rule coverage`: which techniques the rules cover, and whether a test shows it.

use std::collections::BTreeMap;

use clap::{Arg, ArgMatches};
use serde_json::json;

use super::{Context, read_rules, report, with_rules};
use crate::{
    output::{Exit, Form},
    rulebook::Rulebook,
};

pub(super) fn args(c: clap::Command) -> clap::Command {
    with_rules(c)
    .arg(
        Arg::new("navigator")
            .long("navigator")
            .help("A layer for the ATT&CK Navigator (format 4.5) of this domain: enterprise-attack or atlas")
            .value_parser(["enterprise-attack", "atlas"]),
    )
}

#[derive(Default)]
struct Covered {
    tested: Vec<String>,
    tagged: Vec<String>,
}

pub(super) fn run(matches: &ArgMatches, context: &Context) -> anyhow::Result<Exit> {
    let files = read_rules(matches, "rules")?;
    let rulebook = Rulebook::compile(&files);
    report(context, &files, &rulebook.diagnostics);
    let mut all: BTreeMap<String, Covered> = BTreeMap::new();
    for document in rulebook.engine.documents() {
        let outcomes = rulebook.engine.run_samples(document);
        // Tested means: a sample that must match does, and none goes wrong.
        let shown = outcomes.iter().any(|o| o.matched && o.passed())
            && outcomes
                .iter()
                .all(watchfloor_detect::SampleOutcome::passed);
        let meta = document.meta();
        for technique in meta.techniques() {
            let covered = all.entry(technique.clone()).or_default();
            let list = if shown {
                &mut covered.tested
            } else {
                &mut covered.tagged
            };
            list.push(meta.title().to_owned());
        }
    }
    let atlas = |id: &str| id.starts_with("AML.");
    if let Some(domain) = matches.get_one::<String>("navigator") {
        let techniques: Vec<_> = all
            .iter()
            .filter(|(id, _)| atlas(id) == (domain == "atlas"))
            .map(|(id, c)| {
                json!({
                    "techniqueID": id, "score": c.tested.len(), "enabled": true,
                    "comment": c.tested.iter().map(|t| format!("tested: {t}")).chain(c.tagged.iter().map(|t| format!("only tagged: {t}"))).collect::<Vec<_>>().join("\n"),
                })
            })
            .collect();
        let most = all.values().map(|c| c.tested.len()).max().unwrap_or(1);
        context.out.json(&json!({
            "name": "Watchfloor rules", "domain": domain, "versions": {"layer": "4.5"},
            "description": "The score counts rules with a passing test.", "techniques": techniques,
            "gradient": {"colors": ["#ffffff", "#66b1ff"], "minValue": 0, "maxValue": most},
        }));
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|(id, c)| {
            vec![
                id.clone(),
                c.tested.len().to_string(),
                c.tagged.len().to_string(),
                c.tested
                    .iter()
                    .chain(&c.tagged)
                    .cloned()
                    .collect::<Vec<_>>()
                    .join("; "),
            ]
        })
        .collect();
    let value = json!(
        all.iter()
            .map(|(id, c)| json!({"technique": id, "tested": c.tested, "only_tagged": c.tagged}))
            .collect::<Vec<_>>()
    );
    context.out.table(
        &["technique", "tested", "only tagged", "rules"],
        &rows,
        &value,
    );
    if context.out.form == Form::Text {
        let tested = |of_atlas: bool| {
            all.iter()
                .filter(|(id, c)| atlas(id) == of_atlas && !c.tested.is_empty())
                .count()
        };
        context.out.note(&format!(
            "{} ATLAS and {} ATT&CK techniques have a tested rule",
            tested(true),
            tested(false)
        ));
    }
    Ok(Exit::Done)
}
