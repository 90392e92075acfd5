//! Playbooks of others: each loads, or says why not and where.

use std::path::Path;

use watchfloor_respond::runbook;
use watchfloor_types::Level;

#[test]
fn every_playbook_of_the_corpus_loads_or_says_why() {
    let Ok(corpus) = std::env::var("WATCHFLOOR_CORPUS") else {
        println!("skipped: WATCHFLOOR_CORPUS is not set");
        return;
    };
    let mut files = Vec::new();
    collect(&Path::new(&corpus).join("cacao/playbooks"), &mut files);
    files.sort();
    let mut table = Vec::new();
    for file in &files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(file).unwrap();
        let (book, said) = runbook::parse(&"corpus".parse().unwrap(), &name, &text);
        for diagnostic in &said {
            assert!(
                diagnostic.place.as_ref().is_some_and(|p| p.line > 0),
                "{diagnostic}"
            );
        }
        let errors = said.iter().filter(|d| d.level == Level::Error).count();
        assert_eq!(book.is_none(), errors > 0, "{name}");
        let mut codes: Vec<&str> = said.iter().map(|d| d.code.as_str()).collect();
        codes.sort_unstable();
        codes.dedup();
        table.push(match book {
            Some(book) => format!(
                "{name}: loads, {} steps, {} not executable [{}]",
                book.steps.len(),
                book.not_executable().len(),
                codes.join(" ")
            ),
            None => format!("{name}: refused [{}] {}", codes.join(" "), said[0]),
        });
    }
    assert!(table.len() >= 11, "{table:#?}");
    insta::assert_snapshot!("corpus", table.join("\n"));
}

fn collect(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "json") {
            files.push(path);
        }
    }
}
