//! A search finds what a plain filter finds, wherever the events lie.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use tempfile::tempdir;
use watchfloor_lake::{
    Aggregate, Lake, LakeOptions, Measure, Measured, Query, Retention, Tenants, Watch,
};
use watchfloor_types::{Event, Value};

use crate::events::{append, at, event, filter, frame, open, query, scan};

/// Three frames: one merged into larger files, one flushed, one in memory.
fn filled(dir: &std::path::Path, frames: &[Vec<Event>]) -> Lake {
    let options = LakeOptions {
        row_group_rows: 7,
        ..LakeOptions::default()
    };
    let (lake, _) = open(dir, options);
    for (number, events) in frames.iter().enumerate() {
        let seq = append(&lake, &frame(at(100), Vec::new()));
        assert_eq!(seq, number as u64 + 1);
        lake.insert(seq, events, Vec::new()).unwrap();
        match number {
            0 | 1 => drop(lake.flush().unwrap()),
            _ => {}
        }
        if number == 1 {
            lake.maintain(at(10 * 86_400), &Retention::default())
                .unwrap();
        }
    }
    lake
}

fn frames() -> impl Strategy<Value = Vec<Vec<Event>>> {
    let frame = |seq: u64, n: usize| (0..n as u32).map(|i| event(seq, i)).collect::<Vec<_>>();
    (frame(1, 40), frame(2, 30), frame(3, 20)).prop_map(|(a, b, c)| vec![a, b, c])
}

fn check(lake: &Lake, all: &[Event], query: &Query) -> Result<(), TestCaseError> {
    let watch = Watch::new();
    let mut expected: Vec<&Event> = all
        .iter()
        .filter(|e| {
            let tenant = match &query.tenants {
                Tenants::All => true,
                Tenants::Only(tenants) => tenants.contains(&e.tenant),
            };
            query.filter.matches(e) && e.time >= query.from && e.time < query.until && tenant
        })
        .collect();
    expected.sort_by_key(|e| (e.time, e.id));
    let scanned: Vec<Event> = scan(lake, query).into_iter().map(|r| r.event).collect();
    prop_assert_eq!(
        scanned.iter().collect::<Vec<_>>(),
        expected.clone(),
        "scan: {}",
        query.filter
    );
    // Pages of seven, newest first.
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = lake.search(query, after, 7, &watch).unwrap();
        found.extend(page.rows.into_iter().map(|r| r.event));
        match page.next {
            None => break,
            Some(next) => after = Some(next.to_string().parse().unwrap()),
        }
    }
    found.reverse();
    prop_assert_eq!(
        found.iter().collect::<Vec<_>>(),
        expected.clone(),
        "search: {}",
        query.filter
    );
    // Counted by hour and by user.
    let hour = SignedDuration::from_hours(1);
    let mut hours: BTreeMap<Timestamp, u64> = BTreeMap::new();
    for event in &expected {
        let start = event.time.as_second().div_euclid(3600) * 3600;
        *hours
            .entry(Timestamp::from_second(start).unwrap())
            .or_default() += 1;
    }
    let bounded = Query {
        from: query.from.max(at(0)),
        until: query.until.min(at(4 * 86_400)),
        ..query.clone()
    };
    let counted: BTreeMap<Timestamp, u64> = lake
        .histogram(&bounded, hour, &watch)
        .unwrap()
        .into_iter()
        .filter(|b| b.count > 0)
        .map(|b| (b.start, b.count))
        .collect();
    prop_assert_eq!(counted, hours, "histogram: {}", query.filter);
    // The same, counted with something else, and from what is known already.
    let top = lake.top(&bounded, "user.id", 3, &watch).unwrap();
    let both = lake.histogram_and_top(&bounded, hour, "user.id", 3, &watch);
    let alone = lake.histogram(&bounded, hour, &watch).unwrap();
    prop_assert_eq!(both.unwrap(), (alone.clone(), top));
    let times = scan(lake, &bounded).into_iter().map(|r| r.event.time);
    prop_assert_eq!(Lake::histogram_of(&bounded, hour, times).unwrap(), alone);
    let how = Aggregate {
        by: vec!["user.id".to_owned()],
        measures: vec![Measure::Distinct("source".to_owned())],
        ..Aggregate::default()
    };
    let groups = lake.aggregate(query, &how, &watch).unwrap();
    for group in groups {
        let members: Vec<_> = expected
            .iter()
            .filter(|e| {
                let shown: Vec<String> = match e.norm.get("user.id") {
                    None => vec![],
                    Some(Value::List(items)) => items.iter().map(Value::to_string).collect(),
                    Some(one) => vec![one.to_string()],
                };
                match &group.key[0] {
                    Some(user) => shown.contains(user),
                    None => shown.is_empty(),
                }
            })
            .collect();
        prop_assert_eq!(
            group.count,
            members.len() as u64,
            "{:?} in {}",
            &group.key,
            query.filter
        );
        let sources: std::collections::BTreeSet<_> =
            members.iter().map(|e| e.source.as_str()).collect();
        prop_assert_eq!(
            &group.measures[0],
            &Measured::Distinct(sources.len() as u64)
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]
    #[test]
    fn a_search_finds_what_a_plain_filter_finds(
        frames in frames(),
        filters in proptest::collection::vec(filter(), 12),
        (from, length) in (0i64..3 * 86_400, 0i64..3 * 86_400),
    ) {
        let dir = tempdir().unwrap();
        let lake = filled(dir.path(), &frames);
        let all: Vec<Event> = frames.concat();
        check(&lake, &all, &query(""))?;
        for (number, text) in filters.iter().enumerate() {
            let mut query = query(text);
            if number % 2 == 0 {
                (query.from, query.until) = (at(from), at(from + length));
            }
            if number % 3 == 0 {
                query.tenants = Tenants::Only(vec!["acme".parse().unwrap(), "a/b".parse().unwrap()]);
            }
            check(&lake, &all, &query)?;
        }
        for event in all.iter().step_by(7) {
            let row = lake.get(event.id).unwrap().unwrap();
            prop_assert_eq!(&row.event, event);
        }
    }
}

#[test]
fn a_cancelled_search_ends_and_progress_is_seen() {
    let dir = tempdir().unwrap();
    let (lake, _) = open(dir.path(), LakeOptions::default());
    let watch = Watch::new();
    lake.search(&query(""), None, 5, &watch).unwrap();
    let seq = append(&lake, &frame(at(100), Vec::new()));
    lake.insert(seq, &[], Vec::new()).unwrap();
    watch.cancel();
    let found = lake.scan(&query(""), &watch, &mut |_| {
        std::ops::ControlFlow::Continue(())
    });
    assert!(
        found.is_ok_and(|n| n == 0),
        "nothing to read, nothing to cancel"
    );
    let (events, _) = crate::events::map(&watchfloor_types::Frame {
        seq: 2,
        ..frame(at(1), vec![bytes::Bytes::from_static(b"{}")])
    });
    let seq = append(&lake, &frame(at(100), Vec::new()));
    lake.insert(seq, &events, Vec::new()).unwrap();
    assert!(matches!(
        lake.search(&query(""), None, 5, &watch),
        Err(watchfloor_lake::SearchError::Cancelled)
    ));
    let fresh = Watch::new();
    lake.search(&query(""), None, 5, &fresh).unwrap();
    let (done, total) = fresh.progress();
    assert!(done == total && total > 0, "{done} of {total}");
}
