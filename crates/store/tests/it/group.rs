use std::time::Instant;

use futures_util::future::join_all;
use watchfloor_store::{Repeat, Store, Transaction, WriteError};

use crate::{at, fresh, note};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_share_commits_and_get_their_own_numbers() {
    let fresh = fresh().await;
    let all =
        join_all((0..1_000).map(|n| fresh.store.append(note(n).entry("second", at(n), "{}"))))
            .await;
    let mut numbers: Vec<u64> = all
        .into_iter()
        .flat_map(|done| done.unwrap().seqs)
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=2_000).collect::<Vec<u64>>());
    let stats = fresh.store.writer_stats();
    assert_eq!((stats.transactions, stats.entries), (1_000, 2_000));
    assert!(
        stats.commits <= 100,
        "{} commits for 1,000 transactions",
        stats.commits
    );
    assert_eq!(fresh.store.head().seq, 2_000);
}

#[tokio::test]
async fn a_transaction_that_contradicts_leaves_nothing_and_harms_no_neighbour() {
    let fresh = fresh().await;
    let bad = |n| {
        note(n)
            .project("alert", &format!("bad-{n}"), n, "{}")
            .outcome(&crate::outbox::outcome(
                "no such effect",
                watchfloor_types::OutcomeStatus::Done,
            ))
    };
    let all = join_all((0..20).map(|n| {
        let transaction = if n % 5 == 3 {
            bad(n)
        } else {
            note(n).project("alert", &format!("good-{n}"), n, "{}")
        };
        fresh.store.append(transaction)
    }))
    .await;
    for (n, done) in all.iter().enumerate() {
        match done {
            Ok(_) => assert_ne!(n % 5, 3),
            Err(WriteError::Conflict { what }) => {
                assert!(n % 5 == 3 && what.contains("no such effect"), "{n}: {what}");
            }
            Err(other) => panic!("{n}: {other}"),
        }
    }
    assert_eq!(fresh.store.head().seq, 16);
    assert_eq!(fresh.store.entries(1, 100).await.unwrap().len(), 16);
    assert_eq!(fresh.store.projection_count("alert").await.unwrap(), 16);
    assert!(
        fresh
            .store
            .projection("alert", "bad-3")
            .await
            .unwrap()
            .is_none()
    );
    let fresh = fresh.restart().await;
    assert_eq!(fresh.store.head().seq, 16);
    assert!(matches!(
        fresh.store.verify().await.unwrap(),
        watchfloor_store::Verification::Intact { .. }
    ));
}

#[tokio::test]
async fn the_same_input_is_taken_once() {
    let fresh = fresh().await;
    let send = |n| {
        fresh
            .store
            .append(note(n).entry("x", at(n), "{}").input("finding:1", at(n)))
    };
    let (first, second) = tokio::join!(send(1), send(2));
    let third = send(3).await.unwrap();
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.repeat, Repeat::First);
    assert_eq!(
        (second.repeat, third.repeat),
        (Repeat::Repeated, Repeat::Repeated)
    );
    assert_eq!((second.seqs, third.seqs), (first.seqs.clone(), first.seqs));
    let fresh = fresh.restart().await;
    let fourth = fresh
        .store
        .append(note(4).input("finding:1", at(4)))
        .await
        .unwrap();
    assert_eq!((fourth.repeat, fourth.seqs), (Repeat::Repeated, 1..3));
    fresh.store.forget_inputs(at(100)).await.unwrap();
    let fifth = fresh
        .store
        .append(note(5).input("finding:1", at(5)))
        .await
        .unwrap();
    assert_eq!(fifth.repeat, Repeat::First);
}

#[tokio::test]
async fn a_closed_store_refuses_and_loses_nothing_it_took() {
    let fresh = fresh().await;
    let store = fresh.store.clone();
    let mut heads = store.heads();
    let waiting =
        tokio::spawn(async move { join_all((0..50).map(|n| store.append(note(n)))).await });
    heads.changed().await.unwrap();
    fresh.store.close().await;
    let taken = waiting.await.unwrap().into_iter().flatten().count();
    assert_eq!(fresh.store.append(note(1)).await, Err(WriteError::Closed));
    let fresh = fresh.restart().await;
    assert_eq!(fresh.store.entries(1, 100).await.unwrap().len(), taken);
    assert!(taken > 0);
}

#[tokio::test]
async fn a_replay_sees_what_was_written_in_order() {
    let fresh = fresh().await.restart().await;
    for n in 0..30 {
        fresh.store.append(note(n)).await.unwrap();
    }
    let fresh = fresh.restart().await;
    let mut seen = Vec::new();
    loop {
        let part = fresh.store.entries(seen.len() as u64 + 1, 7).await.unwrap();
        if part.is_empty() {
            break;
        }
        seen.extend(part);
    }
    assert_eq!(seen.len(), 30);
    for (n, entry) in seen.iter().enumerate() {
        assert_eq!(entry.seq, n as u64 + 1);
        assert_eq!((entry.kind.as_str(), entry.at), ("note", at(n as i64)));
        assert_eq!(entry.body, format!("{{\"n\":{n}}}"));
    }
    assert_eq!(seen.last().unwrap().hash, fresh.store.head().hash);
}

/// Figures, not a bar: `cargo nextest run --release -p watchfloor-store --run-ignored only --no-capture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
async fn how_fast_appends_are_durable() {
    let body = format!("{{\"text\":\"{}\"}}", "x".repeat(600));
    let step = |n: i64| {
        Transaction::new()
            .entry("step", at(n), body.clone())
            .entry("timeline", at(n), body.clone())
            .project("run", &format!("run-{}", n % 50), n, body.clone())
    };
    for _ in 0..3 {
        let fresh = fresh().await;
        measure(&fresh.store, "one at a time", 300, 1, step).await;
        measure(&fresh.store, "200 at once", 50, 200, step).await;
    }
}

async fn measure(
    store: &Store,
    what: &str,
    rounds: i64,
    width: i64,
    step: impl Fn(i64) -> Transaction,
) {
    let before = store.writer_stats();
    let started = Instant::now();
    for round in 0..rounds {
        for done in join_all((0..width).map(|n| store.append(step(round * width + n)))).await {
            done.unwrap();
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    let commits = store.writer_stats().commits - before.commits;
    let rate = (rounds * width) as f64 / seconds;
    println!(
        "{what}: {rate:.0} transactions/s, {} in {seconds:.2} s, {commits} commits",
        rounds * width
    );
}
