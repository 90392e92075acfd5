use watchfloor_store::{Order, Page, SourceDelta, Transaction};
use watchfloor_types::{DeadLetter, EventId, Indicator, IndicatorKind, IndicatorMatch, Tlp};

use crate::{at, fresh};

#[tokio::test]
async fn projections_are_paged_in_both_ways_without_gap_or_repeat() {
    let fresh = fresh().await;
    let store = &fresh.store;
    let mut transaction = Transaction::new().entry("x", at(0), "{}");
    for n in 0..25 {
        transaction = transaction.project("alert", &format!("a{n:02}"), n / 4, format!("{n}"));
    }
    store
        .append(transaction.project("incident", "i", 0, "{}"))
        .await
        .unwrap();
    for order in [Order::Up, Order::Down] {
        let mut page = Page::first(order, 7);
        let mut seen = Vec::new();
        loop {
            let part = store.projections("alert", &page).await.unwrap();
            let Some(last) = part.last() else { break };
            page.after = Some((last.sort, last.id.clone()));
            seen.extend(part.into_iter().map(|p| p.id));
        }
        let mut expected: Vec<String> = (0..25).map(|n| format!("a{n:02}")).collect();
        if order == Order::Down {
            expected.reverse();
        }
        assert_eq!(seen, expected, "{order:?}");
    }
    let change = Transaction::new()
        .entry("y", at(1), "{}")
        .project("alert", "a00", 99, "new")
        .unproject("alert", "a01");
    store.append(change).await.unwrap();
    let first = store.projection("alert", "a00").await.unwrap().unwrap();
    assert_eq!((first.sort, first.seq, first.body.as_str()), (99, 2, "new"));
    assert_eq!(store.projection_count("alert").await.unwrap(), 24);
    store
        .append(Transaction::new().unproject_all())
        .await
        .unwrap();
    assert_eq!(store.projection_count("incident").await.unwrap(), 0);
}

#[tokio::test]
async fn dead_letters_are_counted_until_they_are_read_again() {
    let fresh = fresh().await;
    let store = &fresh.store;
    let letter = |n: u32, source: &str| DeadLetter {
        id: EventId::of_record(at(i64::from(n)), 1, n),
        received: at(i64::from(n)),
        source: source.parse().unwrap(),
        tenant: "main".parse().unwrap(),
        reason: "byte 3: '; drop table journal; --".into(),
        raw: vec![0; n as usize].into(),
    };
    let letters: Vec<_> = (0..10)
        .map(|n| letter(n, if n % 2 == 0 { "a" } else { "b" }))
        .collect();
    store.dead_letters_add(&letters).await.unwrap();
    store.dead_letters_add(&letters[..3]).await.unwrap();
    let page = store.dead_letters(None, None, 4).await.unwrap();
    assert_eq!(
        page.iter().map(|l| l.bytes).collect::<Vec<_>>(),
        [9, 8, 7, 6]
    );
    let last = page.last().unwrap();
    let of_a = store
        .dead_letters(
            Some(&"a".parse().unwrap()),
            Some((last.received, last.id)),
            9,
        )
        .await
        .unwrap();
    assert_eq!(of_a.iter().map(|l| l.bytes).collect::<Vec<_>>(), [4, 2, 0]);
    store
        .dead_letter_replayed(letters[0].id, at(50))
        .await
        .unwrap();
    assert!(
        store
            .dead_letter_replayed(letters[0].id, at(50))
            .await
            .is_err()
    );
    assert_eq!(
        store.dead_letter_counts().await.unwrap(),
        [("a".parse().unwrap(), 4), ("b".parse().unwrap(), 5)]
    );
    store.dead_letters_forget(at(9)).await.unwrap();
    assert_eq!(store.dead_letters(None, None, 99).await.unwrap().len(), 1);
}

#[tokio::test]
async fn indicators_and_sightings_round_trip() {
    let fresh = fresh().await;
    let store = &fresh.store;
    let indicator = |n: usize| Indicator {
        id: format!("indicator--{}", n / 2),
        kind: IndicatorKind::Domain,
        value: format!("evil{n}.example"),
        name: "Evil \"one\"".into(),
        origin: if n < 6_000 { "feed" } else { "file" }.into(),
        valid_from: at(0),
        valid_until: n.is_multiple_of(2).then(|| at(10)),
        confidence: Some(80),
        tlp: Tlp::Amber,
        techniques: vec!["T1566".into()],
    };
    let mut all: Vec<_> = (0..6_003).map(indicator).collect();
    store.indicators_put(&all).await.unwrap();
    store.indicators_put(&all[..10]).await.unwrap();
    all.sort_by(|a, b| (&a.id, &a.value).cmp(&(&b.id, &b.value)));
    assert_eq!(store.indicators().await.unwrap(), all);
    store.indicators_remove_from("feed").await.unwrap();
    assert_eq!(store.indicator_count().await.unwrap(), 3);

    let seen = |n: u32| IndicatorMatch {
        indicator: indicator(6_000 + n as usize % 2),
        event: EventId::of_record(at(0), 1, n),
        field: "source.domain".into(),
        value: "EVIL".into(),
        time: at(i64::from(n)),
    };
    store
        .sightings_add(&[seen(1), seen(2), seen(4)])
        .await
        .unwrap();
    store.sightings_add(&[seen(2)]).await.unwrap();
    assert_eq!(
        store.sightings(None, 9).await.unwrap(),
        [seen(4), seen(2), seen(1)]
    );
    assert_eq!(
        store.sightings(Some("indicator--3000"), 1).await.unwrap(),
        [seen(4)]
    );
}

#[tokio::test]
async fn health_adds_up_and_settings_are_kept() {
    let fresh = fresh().await;
    let delta = |last: Option<i64>, unknown| SourceDelta {
        source: "litellm".parse().unwrap(),
        tenant: "main".parse().unwrap(),
        last_event: last.map(at),
        events: 10,
        dead_letters: 1,
        bytes: 100,
        leaves: 50,
        unknown_leaves: unknown,
    };
    for (last, unknown) in [(None, 0), (Some(7), 5), (Some(3), 10), (None, 0)] {
        fresh
            .store
            .source_health_add(&[delta(last, unknown)], at(20))
            .await
            .unwrap();
    }
    let fresh = fresh.restart().await;
    let health = fresh.store.source_health().await.unwrap();
    assert_eq!(health.len(), 1);
    let expected = SourceDelta {
        events: 40,
        dead_letters: 4,
        bytes: 400,
        leaves: 200,
        ..delta(Some(7), 15)
    };
    assert_eq!((&health[0].total, health[0].updated), (&expected, at(20)));
    assert!((health[0].unknown_ratio() - 0.075).abs() < 1e-9);

    fresh
        .store
        .setting_put("quiet-hours", "{\"from\":22}")
        .await
        .unwrap();
    fresh
        .store
        .setting_put("quiet-hours", "{\"from\":23}")
        .await
        .unwrap();
    assert_eq!(
        fresh.store.setting("quiet-hours").await.unwrap().as_deref(),
        Some("{\"from\":23}")
    );
    fresh.store.setting_remove("quiet-hours").await.unwrap();
    assert_eq!(fresh.store.setting("quiet-hours").await.unwrap(), None);
}
