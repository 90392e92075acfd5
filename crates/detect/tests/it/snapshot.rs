//! State that was written and read back goes on as if nothing had happened; damage is an error.

use proptest::prelude::*;
use watchfloor_detect::{Correlator, Engine, Limits, Options, Scratch, SnapshotError, parse_rules};
use watchfloor_types::{Event, Finding, Timestamp};

use crate::correlate::{engine, event};

const RULES: &[&str] = &[
    "type: event_count\nrules: [a]\ngroup-by: [u]\ntimespan: 10s\ncondition: {gte: 3}",
    "type: event_count\nrules: [a]\ngroup-by: [u]\ntimespan: 10s\ncondition: {lt: 2}",
    "type: value_count\nrules: [a]\ngroup-by: [u]\ntimespan: 10s\ncondition: {field: v, gte: 3}",
    "type: value_sum\nrules: [a]\ngroup-by: [u]\ntimespan: 10s\ncondition: {field: n, gte: 9}",
    "type: value_median\nrules: [a]\ngroup-by: [u]\ntimespan: 10s\ncondition: {field: n, gte: 3}",
    "type: temporal\nrules: [a, b, c]\ngroup-by: [u]\ntimespan: 10s",
    "type: temporal_ordered\nrules: [a, b, c]\ngroup-by: [u]\ntimespan: 10s",
    "type: temporal\nrules: [a, b]\ngroup-by: [u]\ntimespan: 10s\ncondition: a gte 2 and not b",
    "type: event_count\nrules: [a]\ngroup-by: [u]\ntimespan: 10s\nwindow: tumbling\ncondition: {gte: 3}",
    "type: event_count\nrules: [a]\ngroup-by: [u]\ntimespan: 30s\nwindow: session\ngap: 4s\ncondition: {eq: 3}",
    "type: new_value\nrules: [a]\ngroup-by: [u]\ntimespan: 30s\nlearning: 5s\ncondition: {field: v}",
    "type: changed_value\nrules: [a]\ngroup-by: [u]\ntimespan: 30s\ncondition: {field: v}",
    "type: near_duplicate\nrules: [a]\ngroup-by: [u]\ntimespan: 30s\ncondition: {field: v, gte: 3}",
];

type Word = (u8, u8, u8, u8);

fn events(script: &[Word]) -> Vec<Event> {
    let mut at = 1_000i64;
    script
        .iter()
        .enumerate()
        .map(|(number, (step, kind, user, value))| {
            // Mostly forward, now and then a little back.
            at += if *step == 0 { -3 } else { i64::from(*step % 5) };
            let kind = ["a", "b", "c"][usize::from(kind % 3)];
            let fields = format!(
                ",\"u\":\"u{}\",\"v\":\"v{}\",\"n\":{}",
                user % 2,
                value % 5,
                value % 7
            );
            event(at, number as u32, kind, &fields)
        })
        .collect()
}

fn feed(
    engine: &Engine,
    correlator: &mut Correlator,
    events: &[Event],
    clock: &mut Timestamp,
    out: &mut Vec<Finding>,
) {
    let mut scratch = Scratch::new();
    for event in events {
        *clock = (*clock).max(event.time);
        let mut hits = Vec::new();
        engine.match_event(event, &mut scratch, &mut hits);
        correlator.feed(event, &hits, out, *clock);
    }
}

fn end(correlator: &mut Correlator, clock: Timestamp, out: &mut Vec<Finding>) {
    let later = clock
        .saturating_add(jiff::SignedDuration::from_hours(1))
        .unwrap();
    correlator.advance(later, out);
    out.sort_by_key(|f| (f.time, f.id));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_restart_changes_nothing(script in proptest::collection::vec((0u8..12, any::<u8>(), any::<u8>(), any::<u8>()), 1..80), cut in 0usize..80) {
        let events = events(&script);
        let cut = cut.min(events.len());
        for rule in RULES {
            let engine = engine(rule);
            let start = Timestamp::UNIX_EPOCH;
            let (mut whole, mut parts) = (Vec::new(), Vec::new());
            let mut clock = start;
            let mut correlator = Correlator::new(&engine, Limits::default());
            feed(&engine, &mut correlator, &events, &mut clock, &mut whole);
            end(&mut correlator, clock, &mut whole);

            let mut clock = start;
            let mut correlator = Correlator::new(&engine, Limits::default());
            feed(&engine, &mut correlator, &events[..cut], &mut clock, &mut parts);
            let bytes = correlator.snapshot(b"here");
            let (mut correlator, restored) = Correlator::restore(&engine, Limits::default(), &bytes).unwrap();
            prop_assert_eq!(restored.note.as_slice(), b"here");
            feed(&engine, &mut correlator, &events[cut..], &mut clock, &mut parts);
            end(&mut correlator, clock, &mut parts);
            let show = |all: &[Finding]| all.iter().map(|f| (f.id, f.time, f.events.clone(), f.matched.clone())).collect::<Vec<_>>();
            prop_assert_eq!(show(&whole), show(&parts), "{}", rule);
        }
    }

    #[test]
    fn damage_is_an_error(script in proptest::collection::vec((0u8..12, any::<u8>(), any::<u8>(), any::<u8>()), 1..30), rule in 0usize..13, at in any::<prop::sample::Index>(), with in 1u8..=255, cut in any::<prop::sample::Index>()) {
        let engine = engine(RULES[rule]);
        let mut correlator = Correlator::new(&engine, Limits::default());
        feed(&engine, &mut correlator, &events(&script), &mut Timestamp::UNIX_EPOCH.clone(), &mut Vec::new());
        let bytes = correlator.snapshot(b"");
        let mut changed = bytes.clone();
        let at = at.index(changed.len());
        changed[at] ^= with;
        prop_assert!(Correlator::restore(&engine, Limits::default(), &changed).is_err());
        let short = &bytes[..cut.index(bytes.len())];
        prop_assert!(Correlator::restore(&engine, Limits::default(), short).is_err());
        // A right checksum over wrong bytes is no reason to panic.
        let body = changed.len() - 8;
        let check: [u8; 32] = sha2::Digest::finalize(sha2::Digest::chain_update(<sha2::Sha256 as sha2::Digest>::new(), &changed[..body])).into();
        changed[body..].copy_from_slice(&check[..8]);
        drop(Correlator::restore(&engine, Limits::default(), &changed));
    }
}

#[test]
fn only_unchanged_correlations_go_on() {
    let before = engine(RULES[0]);
    let mut correlator = Correlator::new(&before, Limits::default());
    feed(
        &before,
        &mut correlator,
        &events(&[(1, 0, 0, 0), (1, 0, 1, 0)]),
        &mut Timestamp::UNIX_EPOCH.clone(),
        &mut Vec::new(),
    );
    let bytes = correlator.snapshot(b"");
    let (_, restored) = Correlator::restore(&before, Limits::default(), &bytes).unwrap();
    assert_eq!((restored.kept, restored.dropped), (2, 0));
    let after = engine(&RULES[0].replace("gte: 3", "gt: 2"));
    let (correlator, restored) = Correlator::restore(&after, Limits::default(), &bytes).unwrap();
    assert_eq!(
        (restored.kept, restored.dropped, correlator.groups()),
        (0, 2, 0)
    );
    let other = Correlator::restore(&before, Limits::default(), b"WFCS\x63").unwrap_err();
    assert_eq!(other, SnapshotError::Version(0x63));
    assert!(parse_rules("t.yml", "", &Options::default()).0.is_empty());
}
