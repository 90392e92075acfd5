//! SQL over the events, in builds with the feature `sql`.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::problem::Problem;
use crate::{floor::Floor, web::session::Caller};

/// A query.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Sql {
    /// One `SELECT` over the table `events`; its columns are in docs/search.md.
    query: String,
    /// Most rows, at most 10000.
    #[serde(default)]
    limit: Option<usize>,
}

/// Runs one `SELECT` over the events. Answers 501 in a build without the feature `sql`.
#[utoipa::path(post, path = "/api/v1/sql", tag = "events", request_body = Sql, responses((status = 200, body = Object), (status = 400, body = Problem), (status = 501, body = Problem)))]
pub(crate) async fn query(
    State(floor): State<Arc<Floor>>,
    Caller(_who): Caller,
    Json(sql): Json<Sql>,
) -> Result<Json<Value>, Problem> {
    run(&floor, &sql).await.map(Json)
}

#[cfg(feature = "sql")]
async fn run(floor: &Floor, sql: &Sql) -> Result<Value, Problem> {
    use watchfloor_lake::{SqlError, SqlLimits};
    /// Queries that run at the same time; each may take as much memory as its limits say.
    static QUERIES: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(2);
    let _permit = QUERIES.try_acquire().map_err(|_| {
        Problem::new(
            axum::http::StatusCode::TOO_MANY_REQUESTS,
            "busy",
            "other queries are running; try again",
        )
    })?;
    let most = SqlLimits::default();
    let limits = SqlLimits {
        rows: sql.limit.unwrap_or(most.rows).min(most.rows),
        ..most
    };
    match floor.lake.sql(&sql.query, limits).await {
        Ok(found) => Ok(
            serde_json::json!({"columns": found.columns, "rows": found.rows, "more": found.more}),
        ),
        Err(error @ (SqlError::Invalid(_) | SqlError::Slow(_))) => {
            Err(Problem::bad(error.to_string()))
        }
        Err(SqlError::Lake(error)) => Err(Problem::internal(&error)),
    }
}

#[cfg(not(feature = "sql"))]
#[expect(
    clippy::unused_async,
    reason = "the same signature as with the feature"
)]
async fn run(_floor: &Floor, sql: &Sql) -> Result<Value, Problem> {
    let (characters, rows) = (sql.query.chars().count(), sql.limit.unwrap_or_default());
    tracing::debug!(characters, rows, "a query that this build cannot run");
    Err(Problem::new(
        axum::http::StatusCode::NOT_IMPLEMENTED,
        "not built",
        "this build has no SQL; build it with `cargo build --release --features sql`, or use the filter grammar of docs/search.md",
    ))
}
