use proptest::prelude::*;
use sqlx::{Connection, Executor, SqliteConnection};
use watchfloor_store::{Break, OpenError, Store, Verification};

use crate::{Fresh, fresh, note};

/// A store with `n` entries, every third commit holding two.
async fn filled(n: i64) -> Fresh {
    let fresh = fresh().await;
    let mut written = 0;
    while written < n {
        let mut transaction = note(written);
        if written % 3 == 0 && written + 1 < n {
            transaction = transaction.entry("more", crate::at(written), "[]");
            written += 1;
        }
        written += 1;
        fresh.store.append(transaction).await.unwrap();
    }
    assert_eq!(fresh.store.head().seq, n as u64);
    fresh
}

/// What somebody with access to the file does, and what the walk then says.
async fn tampered(fresh: &Fresh, sql: &str) -> Verification {
    let path = format!("sqlite://{}", fresh.dir.path().join("state.db").display());
    let mut connection = SqliteConnection::connect(&path).await.unwrap();
    connection
        .execute(sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())))
        .await
        .unwrap();
    connection.close().await.unwrap();
    fresh.store.verify().await.unwrap()
}

async fn check(sql: &str, seq: u64, how: Break) {
    let fresh = filled(20).await;
    assert!(
        matches!(fresh.store.verify().await.unwrap(), Verification::Intact { head, .. } if head == fresh.store.head())
    );
    assert_eq!(
        tampered(&fresh, sql).await,
        Verification::Broken { seq, how },
        "{sql}"
    );
}

#[tokio::test]
async fn each_way_to_tamper_shows_with_its_place() {
    check(
        "update journal set body = '{\"n\":99}' where seq = 7",
        7,
        Break::Hash,
    )
    .await;
    check(
        "update journal set kind = 'x' where seq = 7",
        7,
        Break::Hash,
    )
    .await;
    check(
        "update journal set at = at + 1 where seq = 7",
        7,
        Break::Hash,
    )
    .await;
    check(
        "update journal set hash = 'x' where seq = 7",
        7,
        Break::Hash,
    )
    .await;
    check("delete from journal where seq = 7", 7, Break::Missing).await;
    check("delete from journal where seq = 1", 1, Break::Missing).await;
    check("delete from journal where seq > 15", 16, Break::Truncated).await;
    check("delete from journal; ", 1, Break::Truncated).await;
    check("delete from journal_head", 1, Break::Unsigned).await;
    check(
        "update journal_head set signature = substr(signature, 3) || '00'",
        20,
        Break::Signature,
    )
    .await;
    check(
        "insert into journal values (0, 0, 'x', '{}', 'x')",
        0,
        Break::Inserted,
    )
    .await;
}

#[tokio::test]
async fn a_forged_tail_with_right_hashes_lacks_a_signature() {
    let fresh = filled(5).await;
    let head = fresh.store.head();
    let forged = head.hash.after(6, crate::at(0), "approval", "{}");
    let sql = format!(
        "insert into journal values (6, {}, 'approval', '{{}}', '{forged}')",
        crate::at(0).as_microsecond()
    );
    assert_eq!(
        tampered(&fresh, &sql).await,
        Verification::Broken {
            seq: 6,
            how: Break::Unsigned
        }
    );
}

#[tokio::test]
async fn a_rewritten_journal_does_not_match_its_signed_head() {
    let fresh = filled(2).await;
    let first = watchfloor_store::GENESIS.after(1, crate::at(0), "note", "[]");
    let entries = fresh.store.entries(2, 1).await.unwrap();
    let second = first.after(2, entries[0].at, &entries[0].kind, &entries[0].body);
    let sql = format!(
        "update journal set body = '[]', hash = '{first}' where seq = 1; update journal set hash = '{second}' where seq = 2"
    );
    assert_eq!(
        tampered(&fresh, &sql).await,
        Verification::Broken {
            seq: 2,
            how: Break::Head
        }
    );
}

#[tokio::test]
async fn old_signed_heads_are_kept_sparsely() {
    let fresh = fresh().await;
    for n in 0..5 {
        let mut transaction = note(n);
        for _ in 0..450 {
            transaction = transaction.entry("x", crate::at(n), "{}");
        }
        fresh.store.append(transaction).await.unwrap();
    }
    // 451, 902 | 1353, 1804 | 2255: the last of each thousand, and the last of all.
    let Verification::Intact { head, signatures } = fresh.store.verify().await.unwrap() else {
        panic!()
    };
    assert_eq!((head.seq, signatures), (2_255, 3));
}

#[tokio::test]
async fn the_key_is_made_once_kept_private_and_missed_when_gone() {
    let fresh = filled(3).await;
    let key = fresh.dir.path().join("journal.key");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        for name in ["journal.key", "state.db", "state.db-wal"] {
            let rights = std::fs::metadata(fresh.dir.path().join(name))
                .unwrap()
                .permissions();
            assert_eq!(rights.mode() & 0o777, 0o600, "{name}");
        }
    }
    let public = fresh.store.public_key().to_owned();
    let fresh = fresh.restart().await;
    assert_eq!(fresh.store.public_key(), public);
    fresh.store.close().await;
    let path = fresh.dir.path().join("state.db");
    let other = filled(1).await;
    std::fs::copy(other.dir.path().join("journal.key"), &key).unwrap();
    let error = Store::open(&path).await.err().unwrap();
    assert!(
        matches!(error, OpenError::Key(_)) && error.to_string().contains("not the key"),
        "{error}"
    );
    std::fs::remove_file(&key).unwrap();
    let error = Store::open(&path).await.err().unwrap();
    assert!(error.to_string().contains("restore the file"), "{error}");
    assert!(!key.exists());
}

#[derive(Debug, Clone)]
enum Tamper {
    Change {
        seq: u64,
        column: &'static str,
        value: String,
    },
    Remove {
        seq: u64,
    },
    Swap {
        a: u64,
        b: u64,
    },
    Insert {
        before: u64,
    },
}

fn tampering() -> impl Strategy<Value = Tamper> {
    let seq = 1..=12u64;
    prop_oneof![
        (
            seq.clone(),
            prop_oneof![Just("kind"), Just("body"), Just("hash")],
            "[a-z0-9]{1,70}"
        )
            .prop_map(|(seq, column, value)| Tamper::Change { seq, column, value }),
        seq.clone().prop_map(|seq| Tamper::Remove { seq }),
        (seq.clone(), 1..=11u64).prop_map(|(a, step)| Tamper::Swap {
            a,
            b: (a + step - 1) % 12 + 1
        }),
        seq.prop_map(|before| Tamper::Insert { before }),
    ]
}

fn sql(tamper: &Tamper) -> String {
    match tamper {
        Tamper::Change { seq, column, value } => {
            format!("update journal set {column} = '{value}' where seq = {seq}")
        }
        Tamper::Remove { seq } => format!("delete from journal where seq = {seq}"),
        Tamper::Swap { a, b } => format!(
            "update journal set seq = -1 where seq = {a}; update journal set seq = {a} where seq = {b}; \
             update journal set seq = {b} where seq = -1"
        ),
        Tamper::Insert { before } => format!(
            "update journal set seq = -seq where seq >= {before}; update journal set seq = 1 - seq where seq < 0; \
             insert into journal select {before}, at, 'inserted', body, hash from journal where seq = 1 or seq = 2 limit 1"
        ),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_change_removal_swap_or_insertion_breaks_the_chain(tamper in tampering()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let fresh = filled(12).await;
            let found = tampered(&fresh, &sql(&tamper)).await;
            let first = match &tamper {
                Tamper::Change { seq, .. } | Tamper::Remove { seq } => *seq,
                Tamper::Swap { a, b } => *a.min(b),
                Tamper::Insert { before } => *before,
            };
            match found {
                Verification::Broken { seq, .. } => assert_eq!(seq, first, "{tamper:?}"),
                Verification::Intact { .. } => panic!("{tamper:?} was not seen"),
            }
        });
    }
}
