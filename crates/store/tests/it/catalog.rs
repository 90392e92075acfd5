use watchfloor_store::{CatalogChange, CatalogFile, NativeRecords, Watermark, WriteError};
use watchfloor_types::EventId;

use crate::{at, fresh};

fn file(path: &str, from: i64, until: i64) -> CatalogFile {
    CatalogFile {
        path: path.to_owned(),
        dataset: "events".into(),
        tenant: "main".parse().unwrap(),
        rows: 10,
        bytes: 1_000,
        min_time: at(from),
        max_time: at(until),
        min_id: EventId::of_record(at(from), 1, 0).to_string(),
        max_id: EventId::of_record(at(until), 1, 9).to_string(),
        sources: vec![
            "aws.cloudtrail".parse().unwrap(),
            "litellm".parse().unwrap(),
        ],
        native: NativeRecords::Kept,
        commit_in: 0,
        commit_out: None,
    }
}

fn paths(files: &[CatalogFile]) -> Vec<&str> {
    files.iter().map(|f| f.path.as_str()).collect()
}

/// From an ordinary thread, as the lake calls it.
#[test]
fn commits_are_whole_and_the_table_can_be_seen_as_it_was() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let fresh = runtime.block_on(fresh());
    let catalog = fresh.store.blocking_catalog(runtime.handle().clone());
    assert_eq!(
        catalog.watermark().unwrap(),
        Watermark {
            version: 0,
            frame: 0
        }
    );

    let add = vec![file("a", 0, 9), file("b", 10, 19)];
    assert_eq!(
        catalog
            .commit(CatalogChange {
                add,
                watermark: Some(7),
                ..Default::default()
            })
            .unwrap(),
        1
    );
    let dead = CatalogFile {
        dataset: "dead".into(),
        native: NativeRecords::Expired,
        ..file("d", 0, 9)
    };
    assert_eq!(
        catalog
            .commit(CatalogChange {
                add: vec![dead],
                watermark: Some(5),
                ..Default::default()
            })
            .unwrap(),
        2
    );
    assert_eq!(
        catalog.watermark().unwrap(),
        Watermark {
            version: 2,
            frame: 7
        }
    );

    // Compaction that names a file which is not live: nothing of it happens.
    let wrong = CatalogChange {
        add: vec![file("ab", 0, 19)],
        remove: vec!["a".into(), "x".into()],
        watermark: Some(99),
    };
    let refused = catalog.commit(wrong).unwrap_err();
    assert!(
        matches!(&refused, WriteError::Conflict { what } if what.contains("`x`")),
        "{refused}"
    );
    assert_eq!(paths(&catalog.live_files().unwrap()), ["a", "d", "b"]);
    assert_eq!(
        catalog.watermark().unwrap(),
        Watermark {
            version: 2,
            frame: 7
        }
    );
    let twice = catalog
        .commit(CatalogChange {
            add: vec![file("a", 0, 1)],
            ..Default::default()
        })
        .unwrap_err();
    assert!(matches!(twice, WriteError::Conflict { .. }), "{twice}");

    let right = CatalogChange {
        add: vec![file("ab", 0, 19)],
        remove: vec!["a".into(), "b".into()],
        watermark: None,
    };
    assert_eq!(catalog.commit(right).unwrap(), 3);
    let live = catalog.live_files().unwrap();
    assert_eq!(paths(&live), ["ab", "d"]);
    assert_eq!(
        live[0],
        CatalogFile {
            commit_in: 3,
            ..file("ab", 0, 19)
        }
    );
    assert_eq!(live[1].native, NativeRecords::Expired);
    runtime.block_on(async {
        assert_eq!(
            paths(&fresh.store.catalog_files_at(2).await.unwrap()),
            ["a", "d", "b"]
        );
        assert_eq!(
            paths(&fresh.store.catalog_files_changed(2).await.unwrap()),
            ["a", "b", "ab"]
        );
    });
    assert_eq!(
        paths(&catalog.files_between("events", at(19), at(100)).unwrap()),
        ["ab"]
    );
    assert!(
        catalog
            .files_between("events", at(20), at(100))
            .unwrap()
            .is_empty()
    );
    assert!(
        catalog
            .files_between("events", at(-9), at(0))
            .unwrap()
            .is_empty()
    );
    catalog.forget(3).unwrap();
    runtime.block_on(async {
        assert_eq!(
            paths(&fresh.store.catalog_files_at(2).await.unwrap()),
            ["d"]
        );
        let fresh = fresh.restart().await;
        assert_eq!(
            fresh.store.catalog_watermark().await.unwrap(),
            Watermark {
                version: 3,
                frame: 7
            }
        );
    });
}

/// Called by mistake from inside the runtime it waits, and does not panic.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_blocking_catalog_survives_an_async_caller() {
    let fresh = fresh().await;
    let catalog = fresh
        .store
        .blocking_catalog(tokio::runtime::Handle::current());
    assert!(catalog.live_files().unwrap().is_empty());
}
