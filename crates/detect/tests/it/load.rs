use watchfloor_detect::{Engine, Options, parse_rules};
use watchfloor_types::Level;

use crate::corpus;

#[test]
fn every_rule_of_the_corpus_loads() {
    let Some(folder) = corpus::folder() else {
        return;
    };
    let rules = corpus::rules(&folder);
    assert_eq!(rules.len(), 3_754);
    let started = std::time::Instant::now();
    let mut documents = Vec::new();
    let mut warnings = std::collections::BTreeMap::new();
    for (path, text) in &rules {
        let (mut read, diagnostics) = parse_rules(path, text, &Options::default());
        let errors: Vec<_> = diagnostics
            .iter()
            .filter(|d| d.level == Level::Error)
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
        assert_eq!(read.len(), 1, "{path}");
        documents.append(&mut read);
        for diagnostic in diagnostics {
            assert!(diagnostic.place.is_some(), "{diagnostic}");
            warnings
                .entry(diagnostic.code.clone())
                .or_insert_with(Vec::new)
                .push(diagnostic.to_string());
        }
    }
    let parsed = started.elapsed();
    let (engine, diagnostics) = Engine::new(documents);
    assert!(diagnostics.is_empty(), "{diagnostics:#?}");
    assert_eq!(engine.documents().len(), 3_754);
    for (code, list) in &warnings {
        println!("{code}: {} such as {}", list.len(), list[0]);
    }
    println!(
        "parsed in {parsed:?}, compiled in {:?}, {} asks",
        started.elapsed().saturating_sub(parsed),
        engine.asks()
    );
    // Two rules use `expand` and cannot be filled in without a list.
    assert_eq!(warnings.get("R024").map(Vec::len), Some(2), "{warnings:#?}");
}
