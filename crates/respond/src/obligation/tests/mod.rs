//! Content, arithmetic and journal form of obligations.

mod arithmetic;
mod golden;
mod language;

use jiff::{Timestamp, civil::Date};
use watchfloor_types::Level;

use super::{
    count::{Rules, add},
    *,
};

fn files() -> Vec<(String, String)> {
    macro_rules! files {
        ($($path:literal),* $(,)?) => {
            vec![$((concat!("content/obligations/", $path).to_owned(),
                include_str!(concat!("../../../../../content/obligations/", $path)).to_owned())),*]
        };
    }
    files![
        "calendars/ie.yml",
        "calendars/us-federal.yml",
        "gdpr/regime.yml",
        "nis2/regime.yml",
        "sec/regime.yml",
    ]
}

fn library() -> Library {
    let (library, said) = load(&files());
    assert!(said.is_empty(), "{said:#?}");
    library
}

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn the_worked_examples_hold_and_every_stage_has_six() {
    let library = library();
    let wrong = run_examples(&library);
    assert!(
        wrong.is_empty(),
        "{}",
        wrong
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    );
    for regime in library.regimes.values() {
        for stage in &regime.stages {
            let of: Vec<&Example> = library
                .examples
                .iter()
                .filter(|e| e.stage == stage.id)
                .collect();
            assert!(of.len() >= 6, "{} has {} examples", stage.id, of.len());
            let dead = ["not-applicable", "unknown", "not-started"];
            assert!(of.iter().any(|e| !dead.contains(&e.status.as_str())));
            assert!(of.iter().any(|e| dead.contains(&e.status.as_str())));
        }
    }
}

#[test]
fn a_wrong_example_is_said_with_its_place() {
    let mut files = files();
    for (path, text) in &mut files {
        if path.contains("/sec/") {
            *text = text.replacen(
                "safe: \"2027-03-08T22:30:00Z\"",
                "safe: \"2027-03-08T22:31:00Z\"",
                1,
            );
        }
    }
    let (library, _) = load(&files);
    let wrong = run_examples(&library);
    assert_eq!(wrong.len(), 1);
    let place = wrong[0].place.as_ref().unwrap();
    let (path, text) = &files[4];
    assert_eq!(place.file, *path);
    let line = text.lines().nth(place.line as usize - 1).unwrap();
    assert!(line.contains("determined on a Tuesday"), "{line}");
    assert!(wrong[0].message.contains("2027-03-08T22:30:00Z, not"));
}

#[test]
fn the_demo_profile_answers_what_the_regimes_ask_of_it() {
    let text = include_str!("../../../../../content/obligations/profile.yml");
    let (profile, said) = load_profile("profile.yml", text);
    assert!(said.is_empty(), "{said:?}");
    let profile = profile.unwrap();
    for regime in library().regimes.values() {
        for name in regime
            .facts
            .keys()
            .filter(|n| n.as_str().starts_with("entity."))
        {
            assert!(profile.facts.contains_key(name), "{name}");
        }
        for stage in &regime.stages {
            if stage.recipient.starts_with("entity.") {
                assert!(
                    profile.text(&stage.recipient).is_some(),
                    "{}",
                    stage.recipient
                );
            }
        }
    }
    let (profile, said) = load_profile("p.yml", "name: X\nfacts:\n  incident.aware_at: true\n");
    assert!(profile.is_some_and(|p| p.facts.is_empty()));
    assert_eq!(said[0].code, "O014");
    assert_eq!(said[0].place.as_ref().unwrap().line, 3);
}

/// What `from` → `to` in the file of `regime` leads to.
fn check(regime: &str, from: &str, to: &str, code: &str, line_of: &str, column: u32) {
    let mut files = files();
    let mut expected = 0;
    for (path, text) in &mut files {
        if path.contains(&format!("/{regime}")) {
            assert!(text.contains(from), "{from}");
            *text = text.replacen(from, to, 1);
            expected = text.lines().position(|l| l.contains(line_of)).unwrap() as u32 + 1;
        }
    }
    let (library, said) = load(&files);
    let found = said
        .iter()
        .find(|d| d.code == code)
        .unwrap_or_else(|| panic!("no {code} for {to}: {said:?}"));
    let place = found.place.as_ref().unwrap();
    assert_eq!((place.line, place.column), (expected, column), "{found}");
    if found.level == Level::Error {
        assert!(
            !library.regimes.keys().any(|id| id.as_str() == regime),
            "{to}"
        );
        if !regime.contains("calendars") {
            assert_eq!(
                library.regimes.len(),
                2,
                "a broken file hides its neighbours"
            );
        }
    }
}

#[test]
fn what_is_wrong_is_said_with_a_code_and_a_place() {
    // Unknown keys and broken YAML.
    check(
        "gdpr",
        "owner: privacy-office",
        "owner: x\nowners: y",
        "O001",
        "owners: y",
        1,
    );
    check("gdpr", "id: gdpr\n", "id: gpdr\n", "O002", "id: gpdr", 5);
    // A clock without a source, a source that says nothing, one that is not there.
    check(
        "gdpr",
        "    sources: [art33-1, art33-3, edpb, counting]\n",
        "",
        "O003",
        "id: gdpr-72h",
        9,
    );
    check(
        "sec",
        "    says: >-\n      A filing begun after 17:30 Eastern time counts as filed on the next business day.\n",
        "",
        "O004",
        "id: cut-off",
        9,
    );
    check("sec", "hold: ag-delay", "hold: ag", "O004", "hold: ag", 11);
    // Expressions: syntax, names, kinds.
    check(
        "gdpr",
        "due: incident.aware_at + 72h",
        "due: incident.aware_at + 72x",
        "O005",
        "72x",
        30,
    );
    check(
        "gdpr",
        "due: incident.aware_at + 72h",
        "due: \"incident.known_at + 72h\"",
        "O006",
        "known_at + 72h",
        11,
    );
    check(
        "gdpr",
        "applies: entity.eu_established &&",
        "applies: entity.member_state &&",
        "O006",
        "applies: entity.member_state",
        14,
    );
    check(
        "nis2",
        "latest_submitted(nis2-72h)",
        "latest_submitted(nis2-final)",
        "O006",
        "latest_submitted(nis2-final)",
        10,
    );
    check(
        "gdpr",
        "status: in-force",
        "status: forceful",
        "O007",
        "forceful",
        9,
    );
    check(
        "gdpr",
        "from: \"2018-05-25\"",
        "from: \"2018-05-32\"",
        "O008",
        "05-32",
        7,
    );
    check(
        "sec",
        "calendar: us-federal",
        "calendar: us-fed",
        "O009",
        "us-fed",
        11,
    );
    check(
        "sec",
        "zone: America/New_York",
        "zone: America/Gotham",
        "O009",
        "Gotham",
        7,
    );
    check(
        "sec",
        "roles: [legal, executive]\n    consider",
        "roles: []\n    consider",
        "O011",
        "name: sec.material",
        11,
    );
    check(
        "sec",
        "confidence: primary",
        "confidence: memory",
        "O013",
        "memory",
        17,
    );
    check("calendars/ie", "to: 2035", "to: 2036", "O008", "id: ie", 5);
}

#[test]
fn every_code_has_a_page() {
    let pages = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/diagnostics");
    for code in (1..=14).filter(|n| *n != 10).chain([10, 20, 21, 22, 23]) {
        let page = pages.join(format!("O{code:03}.md"));
        assert!(page.exists(), "{}", page.display());
    }
}

#[test]
fn a_calendar_that_ends_is_said_and_its_gap_makes_dates_earlier_at_most() {
    let library = library();
    let today = "2026-11-24".parse().unwrap();
    assert!(coverage(&library.calendars, today).is_empty());
    let late: Date = "2035-02-01".parse().unwrap();
    assert_eq!(coverage(&library.calendars, late).len(), 2);
    let rules = |calendar| Rules {
        zone: zone("America/New_York").unwrap(),
        calendar,
        counting: Counting::BusinessDays,
    };
    let four = Period {
        count: 4,
        unit: Unit::BusinessDays,
    };
    let at = moment("2026-12-23T16:00:00Z");
    let with = add(
        at,
        four,
        Reading::Safe,
        &rules(library.calendars.get("us-federal")),
    )
    .unwrap();
    let without = add(at, four, Reading::Safe, &rules(None)).unwrap();
    assert!(with.gaps.is_empty() && with.how.contains("2026-12-25 Christmas Day"));
    assert!(without.at < with.at && without.gaps.len() == 1);
    let beyond = add(
        moment("2040-12-23T16:00:00Z"),
        four,
        Reading::Safe,
        &rules(library.calendars.get("us-federal")),
    )
    .unwrap();
    assert!(
        beyond.gaps[0].contains("does not cover 2040"),
        "{:?}",
        beyond.gaps
    );
}
