//! Real bundles, events and lists.

use std::{
    fs,
    path::{Path, PathBuf},
};

use watchfloor_intel::{Warninglists, import_misp, import_stix, parse_pattern};
use watchfloor_types::{Level, Tlp};

use crate::now;

fn corpus() -> Option<PathBuf> {
    let root = std::env::var_os("WATCHFLOOR_CORPUS").map(PathBuf::from);
    if root.is_none() {
        println!("skipped: WATCHFLOOR_CORPUS is not set");
    }
    root.map(|root| root.join("intel"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn every_pattern_of_the_specification_parses() {
    let Some(root) = corpus() else { return };
    let text = read(&root.join("patterns/stix21_spec_examples.txt"));
    let mut count = 0;
    for line in text.lines().filter(|l| !l.trim().is_empty()) {
        parse_pattern(line).unwrap_or_else(|e| panic!("{line}: {e}"));
        count += 1;
    }
    assert!(count >= 23, "{count}");
}

#[test]
fn bundles_import_whole() {
    let Some(root) = corpus() else { return };
    for (file, objects) in [
        ("atlas/stix-atlas.json", 538),
        ("atlas/opencti-AMLCS0010_.json", 0),
        ("atlas/opencti-AMLCS0017_Report-New.json", 0),
        ("atlas/opencti-AMLCS0019_Report-PoisonGPT_.json", 0),
        ("atlas/opencti-AMLCS0020_Report-Indirect.json", 0),
        ("atlas/opencti-AMLCS0021_Report-ChatGPT.json", 0),
        ("stix/validator-identity.json", 1),
        ("stix/validator-identity_custom.json", 0),
        ("stix/validator-identity_unicode.json", 1),
        ("stix/validator-identity_warning.json", 1),
        ("stix/validator-tlp-amber.json", 1),
        ("stix/validator-tool.json", 1),
    ] {
        let text = read(&root.join(file));
        let (imported, diagnostics) = import_stix(&text, file, now());
        let errors: Vec<_> = diagnostics
            .iter()
            .filter(|d| d.level == Level::Error)
            .collect();
        assert!(errors.is_empty(), "{file}: {errors:?}");
        let wanted: serde_json::Value = serde_json::from_str(&text).unwrap();
        let wanted = wanted["objects"].as_array().map_or(1, Vec::len);
        assert_eq!(imported.objects.len(), wanted, "{file}");
        if objects > 0 {
            assert_eq!(wanted, objects, "{file}");
        }
        assert!(imported.indicators.is_empty(), "{file}");
        if file.contains("opencti") {
            let report = imported
                .objects
                .iter()
                .find(|o| o.kind == "report")
                .unwrap();
            assert_eq!(report.tlp, Tlp::Clear, "{file}");
        }
    }
}

#[test]
fn what_is_broken_is_said() {
    let Some(root) = corpus() else { return };
    for (file, code, objects) in [
        ("stix/validator-invalid_braces.json", "I001", 0),
        ("stix/validator-invalid_comma.json", "I001", 0),
        ("stix/validator-invalid_timestamp.json", "I010", 1),
    ] {
        let (imported, diagnostics) = import_stix(&read(&root.join(file)), file, now());
        assert!(
            diagnostics.iter().any(|d| d.code == code),
            "{file}: {diagnostics:?}"
        );
        assert_eq!(imported.objects.len(), objects, "{file}");
    }
}

#[test]
fn indicators_of_the_taxii_sample_are_found() {
    let Some(root) = corpus() else { return };
    let all: serde_json::Value =
        serde_json::from_str(&read(&root.join("stix/medallion_default_data.json"))).unwrap();
    let mut indicators = Vec::new();
    for group in ["trustgroup1", "api1", "api2"] {
        for collection in all[group]["collections"].as_array().into_iter().flatten() {
            let text = collection["objects"].to_string();
            let (imported, diagnostics) = import_stix(&text, group, now());
            assert!(
                diagnostics.iter().all(|d| d.level != Level::Error),
                "{diagnostics:?}"
            );
            indicators.extend(imported.indicators);
        }
    }
    let mut values: Vec<_> = indicators.iter().map(|i| i.value.as_str()).collect();
    values.sort_unstable();
    values.dedup();
    assert!(values.contains(&"http://x4z9arb.cn/4712"), "{values:?}");
    assert!(
        values.contains(&"ef537f25c895bfa782526529a9b63d97aa631564d5d789c2b765448c8635fb6c"),
        "{values:?}"
    );
}

#[test]
fn observables_are_kept_but_are_no_indicators() {
    let Some(root) = corpus() else { return };
    let text = read(&root.join("stix/sco-examples-bundle.json"));
    let (imported, _) = import_stix(&text, "sco", now());
    assert!(imported.objects.len() > 50, "{}", imported.objects.len());
    assert!(imported.indicators.is_empty());
}

#[test]
fn misp_events_import() {
    let Some(root) = corpus() else { return };
    // Counted in the files: attributes with `to_ids` of the types that are looked up. Nine
    // more in the third stand in references, which repeat attributes of the event.
    for (file, indicators, is_event) in [
        ("misp/57c4445b-c548-4654-af0b-4be3950d210f.json", 3, true),
        ("misp/event_obj_attr_tag.json", 1, true),
        ("misp/existing_event.json", 68, true),
        ("misp/misp_event.json", 0, true),
        ("misp/new_misp_event.json", 0, true),
        ("misp/shadow.json", 0, true),
        (
            "misp/feed/5a3c2fcd-8328-42bb-a95e-4f4402de0b81.json",
            68,
            true,
        ),
        (
            "misp/feed/57c4445b-c548-4654-af0b-4be3950d210f.json",
            3,
            true,
        ),
        ("misp/feed/manifest.json", 0, false),
        ("misp/galaxy.json", 0, false),
        ("misp/sighting.json", 0, false),
    ] {
        let (imported, diagnostics) = import_misp(&read(&root.join(file)), file, now());
        assert_eq!(
            imported.indicators.len(),
            indicators,
            "{file}: {diagnostics:?}"
        );
        assert_eq!(
            diagnostics.iter().all(|d| d.code != "I002"),
            is_event,
            "{file}"
        );
    }
}

#[test]
fn warninglists_load() {
    let Some(root) = corpus() else { return };
    let texts: Vec<(String, String)> = fs::read_dir(root.join("warninglists"))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path().join("list.json");
            (path.display().to_string(), read(&path))
        })
        .collect();
    let (_, diagnostics) = Warninglists::load(
        texts
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str())),
    );
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    assert!(texts.len() >= 20);
}
