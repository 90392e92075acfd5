//! The form of entries in the journal: a promise to every journal written before.

use std::collections::BTreeMap;

use watchfloor_types::{Actor, DecisionId, DraftId, IncidentId, Role};

use super::*;

pub(super) fn filing(at: &str) -> Filing {
    Filing {
        submitted: moment(at),
        recorded: moment(at),
        reference: "DPC-2027-0042".to_owned(),
        draft: Some(DraftId::minted(Timestamp::UNIX_EPOCH, &[b"draft"])),
        draft_hash: Some("ab".repeat(32)),
        note: "in time".to_owned(),
        by: Actor::Person {
            user: "petra".parse().unwrap(),
            roles: vec![Role::Privacy],
        },
    }
}

/// One of each: a new variant needs a line here and in `golden.jsonl`, an old line never changes.
fn samples() -> Vec<Entry> {
    let incident = IncidentId::minted(Timestamp::UNIX_EPOCH, &[b"incident"]);
    let into = IncidentId::minted(Timestamp::UNIX_EPOCH, &[b"into"]);
    let regime: watchfloor_types::RegimeId = "gdpr".parse().unwrap();
    let stage: ObligationId = "gdpr-72h".parse().unwrap();
    let from = moment("2027-03-02T08:09:00Z");
    let (safe, outer) = (
        Some(moment("2027-03-05T08:09:00Z")),
        Some(moment("2027-03-05T09:00:00Z")),
    );
    let by = filing("2027-03-03T08:00:00Z").by;
    vec![
        Entry::Determined {
            incident,
            determination: Determination {
                id: DecisionId::minted(Timestamp::UNIX_EPOCH, &[b"decision"]),
                question: "gdpr.personal-data-breach".parse().unwrap(),
                answer: Answer::Yes,
                at: moment("2027-03-02T09:30:00Z"),
                effective: from,
                facts: vec!["data.rows_seen".parse().unwrap()],
                rationale: "4,812 customer rows left".to_owned(),
                by: by.clone(),
            },
        },
        Entry::ClockOpened {
            incident,
            regime: regime.clone(),
            stage: stage.clone(),
            from,
            safe,
            outer,
        },
        Entry::ClockStarted {
            incident,
            regime: regime.clone(),
            stage: stage.clone(),
            from,
            safe,
            outer,
        },
        Entry::ClockMoved {
            incident,
            regime: regime.clone(),
            stage: stage.clone(),
            from,
            safe: None,
            outer: None,
        },
        Entry::ClockClosed {
            incident,
            regime: regime.clone(),
            stage: stage.clone(),
            reason: "no risk likely".to_owned(),
        },
        Entry::ClockMissed {
            incident,
            regime: regime.clone(),
            stage: stage.clone(),
            reading: Reading::Outer,
            due: moment("2027-03-05T09:00:00Z"),
        },
        Entry::FilingRecorded {
            incident,
            regime: regime.clone(),
            stage: stage.clone(),
            filing: filing("2027-03-03T08:00:00Z"),
        },
        Entry::HoldRecorded {
            incident,
            regime: regime.clone(),
            stage: stage.clone(),
            hold: Hold {
                authority: "Attorney General".to_owned(),
                basis: "Item 1.05(c)".to_owned(),
                until: moment("2027-04-07T22:30:00Z"),
                by: by.clone(),
            },
        },
        Entry::HoldEnded {
            incident,
            regime,
            stage,
            reason: "withdrawn".to_owned(),
            by,
        },
        Entry::Moved {
            from: incident,
            into,
        },
    ]
}

#[test]
fn the_journal_form_of_every_entry_stays() {
    let now: Vec<String> = samples()
        .iter()
        .map(|entry| serde_json::to_string(&crate::Entry::Obligation(entry.clone())).unwrap())
        .collect();
    let golden: Vec<&str> = include_str!("../golden.jsonl").lines().collect();
    assert_eq!(now, golden, "\n{}\n", now.join("\n"));
    let read: Vec<crate::Entry> = golden
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let samples: Vec<crate::Entry> = samples()
        .into_iter()
        .map(crate::Entry::Obligation)
        .collect();
    assert_eq!(read, samples);
    let kinds: BTreeMap<String, usize> =
        samples.iter().fold(BTreeMap::new(), |mut kinds, entry| {
            let json = serde_json::to_value(entry).unwrap();
            *kinds
                .entry(json["entry"]["type"].as_str().unwrap().to_owned())
                .or_default() += 1;
            kinds
        });
    assert_eq!(kinds.len(), 10, "{kinds:?}");
}
