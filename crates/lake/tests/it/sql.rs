//! SQL sees every event once, in files and in memory, and changes nothing.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::json;
use tempfile::tempdir;
use watchfloor_lake::{DirCatalog, Lake, LakeOptions, SqlError, SqlLimits};

use crate::events::{append, at, frame, map};

fn put(lake: &Lake, from: u32) {
    let records = (from..from + 10).map(|n| Bytes::from(format!(r#"{{"n":{n},"t":{n}}}"#)));
    let mut frame = frame(at(i64::from(from)), records.collect());
    frame.seq = append(lake, &frame);
    let (events, dead) = map(&frame);
    lake.insert(frame.seq, &events, dead).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_select_sees_files_and_memory_and_nothing_else_is_allowed() {
    let dir = tempdir().unwrap();
    let catalog = Arc::new(DirCatalog::open(dir.path()).unwrap());
    let (lake, _) = Lake::open(dir.path(), catalog, LakeOptions::default()).unwrap();
    let ask = async |text: &str| lake.sql(text, SqlLimits::default()).await;
    let count = "select count(*) as n, count(distinct id) as ids from events";
    assert_eq!(ask(count).await.unwrap().rows, [[json!(0), json!(0)]]);
    put(&lake, 0);
    assert_eq!(ask(count).await.unwrap().rows, [[json!(10), json!(10)]]);
    lake.flush().unwrap();
    put(&lake, 10);
    let found = ask(count).await.unwrap();
    assert_eq!(found.columns, ["n", "ids"]);
    assert_eq!(found.rows, [[json!(20), json!(20)]]);

    let found =
        ask("select source, attr(attrs, 'no.such.field') a from events order by time limit 1")
            .await
            .unwrap();
    assert_eq!(found.rows, [[json!("litellm"), json!(null)]]);
    let few = SqlLimits {
        rows: 3,
        ..SqlLimits::default()
    };
    let found = lake.sql("select seq from events", few).await.unwrap();
    assert!(found.more && found.rows.len() == 3);

    let elsewhere = dir.path().join("out.csv");
    for text in [
        "drop table events".to_owned(),
        "create external table x stored as csv location '/etc/passwd'".to_owned(),
        "insert into events select * from events".to_owned(),
        format!("copy events to '{}'", elsewhere.display()),
        "set datafusion.execution.batch_size = 1".to_owned(),
        "select * from '/etc/passwd'".to_owned(),
        "select nothing from events".to_owned(),
        "select".to_owned(),
        "select 1; select 2".to_owned(),
    ] {
        let error = ask(&text).await.unwrap_err();
        assert!(
            matches!(&error, SqlError::Invalid(m) if !m.is_empty()),
            "{text}: {error:?}"
        );
    }
    assert!(!elsewhere.exists());
    let short = SqlLimits {
        time: Duration::from_millis(1),
        ..SqlLimits::default()
    };
    // Nothing that statistics could answer: every row of the product has to be made.
    let cross = "select sum(length(a.source || b.source || c.source || d.source || e.source) + a.seq * f.seq)
        from events a, events b, events c, events d, events e, events f";
    assert!(matches!(
        lake.sql(cross, short).await,
        Err(SqlError::Slow(_))
    ));
}
