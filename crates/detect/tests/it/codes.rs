//! Every code has an example that gives it, and a page.

use std::{fmt::Write as _, path::PathBuf};

use watchfloor_detect::{Engine, Options, codes, parse_lists, parse_pipeline, parse_rules};

const RULE: &str = "title: Example\nid: example\nlogsource:\n    product: windows\ndetection:\n    selection:\n        Image: x\n    condition: selection\n";

use crate::practice::said;

#[test]
fn every_example_gives_its_code() {
    let mut shown = String::new();
    for code in codes() {
        // An example is a rule file, or a pipeline that a plain rule goes through.
        let diagnostics = if code.code >= "R080" {
            said(code.example)
        } else if code.example.starts_with("# lists") {
            parse_lists("example.yml", code.example).1
        } else if code.example.contains("transformations:") {
            let (pipeline, mut diagnostics) = parse_pipeline("example.yml", code.example);
            if let Some(pipeline) = pipeline {
                let options = Options::default().pipeline(pipeline);
                diagnostics.extend(parse_rules("rule.yml", RULE, &options).1);
            }
            diagnostics
        } else {
            let (documents, mut diagnostics) =
                parse_rules("example.yml", code.example, &Options::default());
            diagnostics.extend(Engine::new(documents).1);
            diagnostics
        };
        let own = diagnostics.iter().find(|d| d.code == code.code);
        let own = own.unwrap_or_else(|| {
            panic!(
                "{} is not given by its example: {diagnostics:#?}",
                code.code
            )
        });
        let place = own.place.as_ref().unwrap();
        writeln!(shown, "{own} [{} long]", place.length).unwrap();
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn every_code_has_its_page() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/diagnostics");
    for code in codes() {
        let path = folder.join(format!("{}.md", code.code));
        if std::env::var_os("WATCHFLOOR_BLESS").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, code.page()).unwrap();
        }
        let page = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            page,
            code.page(),
            "{} is stale; run again with WATCHFLOOR_BLESS=1",
            path.display()
        );
    }
}
