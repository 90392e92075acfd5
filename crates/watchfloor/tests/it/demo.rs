//! The flagship exercise, played by the program as a user plays it.

use serde_json::Value;

use crate::program::json;

fn play() -> (tempfile::TempDir, Value) {
    let dir = tempfile::tempdir().unwrap();
    let result = json(
        dir.path(),
        &["demo", "--headless", "--json", "--data-dir", "floor"],
    );
    (dir, result)
}

#[test]
fn paper_lantern_is_detected_in_one_incident_with_clocks_drafts_and_packets() {
    let (dir, r) = play();
    assert_eq!(r["injects"]["telemetry"], 8, "{r:#}");
    assert_eq!(r["injects"]["detected"], 8, "{:#}", r["injects"]["list"]);
    let incidents = r["incidents"].as_array().unwrap();
    assert_eq!(incidents.len(), 1, "{incidents:#?}");
    assert!(incidents[0]["findings"].as_u64().unwrap() >= 8);
    assert!(!r["runs"].as_array().unwrap().is_empty());

    let clock = |stage: &str| {
        r["clocks"]
            .as_array()
            .unwrap()
            .iter()
            .find(|c| c["stage"] == stage)
            .unwrap_or_else(|| panic!("no clock {stage}: {:#}", r["clocks"]))
            .clone()
    };
    // From the first awareness at 08:09, not from the decision at 09:30 that confirmed it.
    for stage in ["gdpr-72h", "nis2-24h"] {
        assert_eq!(clock(stage)["from"], clock("gdpr-72h")["from"], "{stage}");
    }
    assert!(
        clock("gdpr-72h")["from"]
            .as_str()
            .unwrap()
            .starts_with("2027-03-02T08:09:"),
        "{:#}",
        clock("gdpr-72h")
    );
    assert!(
        clock("gdpr-72h")["safe"]
            .as_str()
            .unwrap()
            .starts_with("2027-03-05T08:"),
        "{:#}",
        clock("gdpr-72h")
    );
    assert!(clock("sec-4bd")["safe"].as_str().is_some());
    for c in r["clocks"].as_array().unwrap() {
        assert!(
            !c["citations"].as_array().unwrap().is_empty(),
            "a clock without a source: {c:#}"
        );
        assert!(c["notice"].as_str().unwrap().contains("ot legal advice"));
    }

    let audiences: std::collections::BTreeSet<&str> = r["drafts"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|d| d["audience"].as_str())
        .collect();
    for audience in ["executive", "customer", "regulator"] {
        assert!(audiences.contains(audience), "{audiences:?}");
    }
    for d in r["drafts"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|d| d["approved_by"].is_string())
    {
        assert_ne!(d["author"], d["approved_by"], "{d:#}");
    }

    let documents = r["documents"].as_array().unwrap();
    assert!(documents.len() >= 12, "{documents:?}");
    for path in documents {
        let bytes = std::fs::read(dir.path().join(path.as_str().unwrap())).unwrap();
        let start: &[u8] = match path.as_str().unwrap().rsplit('.').next().unwrap() {
            "pdf" => b"%PDF-",
            "docx" => b"PK\x03\x04",
            _ => b"<!DOCTYPE html>",
        };
        assert!(
            bytes.len() > 1_000 && bytes[..start.len()].eq_ignore_ascii_case(start),
            "{path}"
        );
    }
    assert!(r["seconds"].as_f64().unwrap() <= 60.0, "{}", r["seconds"]);

    // The journal of the play is intact, and playing again gives the same score.
    assert_eq!(
        json(
            dir.path(),
            &["--data-dir", "floor", "journal", "verify", "--json"]
        )["intact"],
        true
    );
    let (_again, second) = play();
    assert_eq!(r["score"], second["score"]);
}

#[test]
fn the_demo_refuses_a_folder_that_holds_something() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("floor")).unwrap();
    std::fs::write(dir.path().join("floor/x"), "mine").unwrap();
    let output = crate::program::run(dir.path(), &["demo", "--headless", "--data-dir", "floor"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is not empty"));
    assert_eq!(std::fs::read(dir.path().join("floor/x")).unwrap(), b"mine");
}
