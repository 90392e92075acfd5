//! Bringing the schema up to date.

use std::path::Path;

use sha2::{Digest, Sha256};
use sqlx::{Executor, sqlite::SqliteConnection};

use crate::{OpenError, journal::hex, row::bound, row::params, store::rows};

/// Every step of the schema, oldest first: number, name, SQL. Steps that have been released are
/// never edited; a hash in the database holds that.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (
        1,
        "start",
        include_str!("../migrations/sqlite/0001_start.sql"),
    ),
    (
        2,
        "output",
        include_str!("../migrations/sqlite/0002_output.sql"),
    ),
];

const TABLE: &str = "create table if not exists migration (version bigint not null primary key, \
    name text not null, hash text not null)";
const DONE: &str = "select version, hash from migration order by version";
const ADD: &str = "insert into migration (version, name, hash) values ($1, $2, $3)";

/// Runs what has not run yet, each step in its own transaction.
pub(crate) async fn run(connection: &mut SqliteConnection, path: &Path) -> Result<(), OpenError> {
    run_all(connection, path, MIGRATIONS).await
}

async fn run_all(
    connection: &mut SqliteConnection,
    path: &Path,
    migrations: &'static [(i64, &'static str, &'static str)],
) -> Result<(), OpenError> {
    let open_error = |e: sqlx::Error| OpenError::Open {
        path: path.to_owned(),
        reason: e.to_string(),
    };
    connection.execute(TABLE).await.map_err(open_error)?;
    let done = rows(&mut *connection, "migrations", DONE, &[], |row| {
        Ok((row.int(0)?, row.text(1)?))
    })
    .await?;
    let known = migrations.last().map_or(0, |(version, ..)| *version);
    if let Some((found, _)) = done.last().filter(|(found, _)| *found > known) {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            found: *found,
            known,
        });
    }
    for &(version, name, sql) in migrations {
        let hash = hex(&Sha256::digest(sql.as_bytes()));
        match done.iter().find(|(found, _)| *found == version) {
            Some((_, found)) if *found != hash => {
                return Err(OpenError::Changed {
                    path: path.to_owned(),
                    version,
                });
            }
            Some(_) => {}
            None => {
                let result = step(connection, version, name, sql, hash).await;
                if let Err(error) = result {
                    connection.execute("rollback").await.ok();
                    return Err(OpenError::Migrate {
                        path: path.to_owned(),
                        version,
                        reason: error.to_string(),
                    });
                }
            }
        }
    }
    Ok(())
}

async fn step(
    connection: &mut SqliteConnection,
    version: i64,
    name: &'static str,
    sql: &'static str,
    hash: String,
) -> Result<(), sqlx::Error> {
    connection.execute("begin immediate").await?;
    sqlx::raw_sql(sql).execute(&mut *connection).await?;
    bound(ADD, &params![version, name, hash], 0)
        .execute(&mut *connection)
        .await?;
    connection.execute("commit").await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::STATEMENTS;
    use sqlx::{AssertSqlSafe, Connection, SqlSafeStr as _};

    async fn memory() -> SqliteConnection {
        SqliteConnection::connect("sqlite::memory:").await.unwrap()
    }

    #[tokio::test]
    async fn every_statement_prepares() {
        let mut connection = memory().await;
        run(&mut connection, Path::new("memory")).await.unwrap();
        let mut names = std::collections::BTreeSet::new();
        for (name, sql) in STATEMENTS {
            let sql = AssertSqlSafe((*sql).to_owned()).into_sql_str();
            connection
                .prepare(sql)
                .await
                .unwrap_or_else(|e| panic!("{name}: {e}"));
            assert!(names.insert(name), "{name} twice");
        }
        assert!(STATEMENTS.len() > 50);
    }

    /// Words of one database only, and placeholders that only one of them reads.
    #[test]
    fn statements_stay_in_the_common_dialect() {
        for (name, sql) in STATEMENTS {
            for odd in [
                "?",
                "insert or ",
                "replace into",
                "rowid",
                "pragma",
                "ilike",
                "::",
                "json_",
                "now()",
                "`",
                "glob ",
            ] {
                assert!(!sql.contains(odd), "{name} uses {odd}");
            }
            assert!(
                !sql.contains("  ") && !sql.ends_with(';'),
                "{name} is untidy"
            );
        }
    }

    #[tokio::test]
    async fn a_failed_step_leaves_nothing_and_an_edited_or_newer_one_is_refused() {
        const BROKEN: &[(i64, &str, &str)] = &[(
            1,
            "broken",
            "create table a (x text); create table a (x text);",
        )];
        const NEXT: &[(i64, &str, &str)] = &[
            (1, "a", "create table a (x text)"),
            (2, "b", "create table b (x text)"),
        ];
        const EDITED: &[(i64, &str, &str)] = &[(1, "a", "create table a (y text)"), NEXT[1]];
        let path = Path::new("memory");
        let mut connection = memory().await;
        let error = run_all(&mut connection, path, BROKEN).await.unwrap_err();
        assert!(
            matches!(error, OpenError::Migrate { version: 1, .. }),
            "{error}"
        );
        run_all(&mut connection, path, NEXT).await.unwrap();
        run_all(&mut connection, path, NEXT).await.unwrap();
        let error = run_all(&mut connection, path, EDITED).await.unwrap_err();
        assert!(
            matches!(error, OpenError::Changed { version: 1, .. }),
            "{error}"
        );
        let error = run_all(&mut connection, path, &NEXT[..1])
            .await
            .unwrap_err();
        assert!(
            matches!(
                error,
                OpenError::Newer {
                    found: 2,
                    known: 1,
                    ..
                }
            ),
            "{error}"
        );
    }
}
