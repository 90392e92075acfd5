//! Records that could not be understood: list, show, read again.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Json,
    extract::{Path, Query, State},
};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use watchfloor_ingest::Joiner;
use watchfloor_store::DeadLetterRow;
use watchfloor_types::{DeadLetter, EventId, Frame, Role, SignedDuration, SourceId, Timestamp};

use super::{problem::Problem, write::needs};
use crate::{floor::Floor, pipeline, web::session::Caller};

/// Most letters of one page, and most that one request reads again.
const PAGE: u32 = 1_000;

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Which {
    /// Of this source only.
    source: Option<SourceId>,
    /// The page after this letter.
    after: Option<EventId>,
    limit: Option<u32>,
}

/// Dead letters, newest first, at most 1000.
#[utoipa::path(get, path = "/api/v1/dead-letters", tag = "sources", params(("source" = Option<String>, Query), ("after" = Option<String>, Query), ("limit" = Option<u32>, Query)), responses((status = 200, body = Vec<Object>), (status = 401, body = Problem)))]
pub(crate) async fn list(
    State(floor): State<Arc<Floor>>,
    Caller(_who): Caller,
    Query(which): Query<Which>,
) -> Result<Json<Vec<Value>>, Problem> {
    let after = match which.after {
        None => None,
        Some(id) => Some((row(&floor, id).await?.received, id)),
    };
    let limit = which.limit.unwrap_or(100).clamp(1, PAGE);
    let rows = floor
        .store
        .dead_letters(which.source.as_ref(), after, limit)
        .await
        .map_err(|e| Problem::internal(&e))?;
    Ok(Json(rows.iter().map(view).collect()))
}

/// One dead letter with the record as it came.
#[utoipa::path(get, path = "/api/v1/dead-letters/{id}", tag = "sources", params(("id" = String, Path)), responses((status = 200, body = Object), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(floor): State<Arc<Floor>>,
    Caller(_who): Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let id: EventId = id
        .parse()
        .map_err(|_| Problem::missing("dead letter", &id))?;
    let row = row(&floor, id).await?;
    let letter = letter(&floor, &row).await?;
    let mut value = view(&row);
    if let Some(object) = value.as_object_mut() {
        object.insert(
            "raw".to_owned(),
            json!(String::from_utf8_lossy(&letter.raw)),
        );
    }
    Ok(Json(value))
}

/// Which letters to read again.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Again {
    /// These; empty means all of `source` that wait.
    #[serde(default)]
    ids: Vec<String>,
    /// All of this source that wait, newest first.
    #[serde(default)]
    source: Option<String>,
    /// Go on after this letter, as the last answer said.
    #[serde(default)]
    after: Option<String>,
}

impl Again {
    /// Whether a letter comes after the one where the last request ended; newest come first.
    fn is_before(&self, id: EventId) -> bool {
        let last = self
            .after
            .as_deref()
            .and_then(|a| a.parse::<EventId>().ok());
        last.is_none_or(|last| id < last)
    }
}

/// Reads dead letters again with the mapping of today: what it understands becomes events. At most 1000 at once.
#[utoipa::path(post, path = "/api/v1/dead-letters/replay", tag = "sources", request_body = Again, responses((status = 200, body = Object), (status = 400, body = Problem)))]
pub(crate) async fn replay(
    State(floor): State<Arc<Floor>>,
    Caller(who): Caller,
    Json(again): Json<Again>,
) -> Result<Json<Value>, Problem> {
    needs(&who, Role::Admin)?;
    let mut rows = Vec::new();
    for id in again.ids.iter().take(PAGE as usize) {
        let id: EventId = id
            .parse()
            .map_err(|_| Problem::missing("dead letter", id))?;
        rows.push(row(&floor, id).await?);
    }
    if let Some(source) = &again.source {
        let source: SourceId = source.parse().map_err(|e| Problem::bad(format!("{e}")))?;
        let mut after = None;
        while rows.len() < PAGE as usize {
            let page = floor
                .store
                .dead_letters(Some(&source), after, PAGE)
                .await
                .map_err(|e| Problem::internal(&e))?;
            let Some(last) = page.last() else { break };
            after = Some((last.received, last.id));
            let waits = |r: &DeadLetterRow| r.replayed.is_none() && again.is_before(r.id);
            rows.extend(page.into_iter().filter(waits));
        }
    }
    if again.ids.is_empty() && again.source.is_none() {
        return Err(Problem::bad("name letters in `ids`, or a `source`"));
    }
    let mut seen = BTreeSet::new();
    rows.retain(|r| seen.insert(r.id));
    let more = rows.len() > PAGE as usize;
    rows.truncate(PAGE as usize);
    let after = rows.last().filter(|_| more).map(|r| r.id);
    let (mut events, mut replayed, mut refused) = (0, 0, Vec::new());
    for row in rows.iter().filter(|r| r.replayed.is_none()) {
        match one(&floor, row).await? {
            Ok(n) => {
                events += n;
                replayed += 1;
            }
            Err(reason) => refused.push(json!({"id": row.id, "reason": reason})),
        }
    }
    Ok(Json(
        json!({"replayed": replayed, "events": events, "refused": refused, "after": after}),
    ))
}

/// Reads one letter again; how many events it became, or why it is still none.
async fn one(floor: &Arc<Floor>, row: &DeadLetterRow) -> Result<Result<usize, String>, Problem> {
    let Some(source) = floor.sources.get(&row.source) else {
        return Ok(Err(format!("there is no source `{}`", row.source)));
    };
    let letter = letter(floor, row).await?;
    let frame = Frame {
        seq: 0,
        received: letter.received,
        source: letter.source,
        tenant: letter.tenant,
        mark: None,
        records: vec![letter.raw],
        refused: Vec::new(),
    };
    let tried = source.map_frame(&frame, &mut Joiner::default());
    if let Some(dead) = tried.dead.first() {
        return Ok(Err(dead.reason.clone()));
    }
    let events = tried.events.len();
    pipeline::accept(floor, frame)
        .await
        .map_err(|e| Problem::internal(&e))?;
    // A crash between these two leaves a letter that can be read again: better twice than never.
    floor
        .store
        .dead_letter_replayed(row.id, floor.clock.now())
        .await
        .map_err(|e| Problem::internal(&e))?;
    Ok(Ok(events))
}

async fn row(floor: &Floor, id: EventId) -> Result<DeadLetterRow, Problem> {
    floor
        .store
        .dead_letter(id)
        .await
        .map_err(|e| Problem::internal(&e))?
        .ok_or_else(|| Problem::missing("dead letter", id.to_string()))
}

async fn letter(floor: &Arc<Floor>, row: &DeadLetterRow) -> Result<DeadLetter, Problem> {
    let (id, from) = (row.id, row.received);
    let until: Timestamp = from
        .saturating_add(SignedDuration::from_micros(1))
        .unwrap_or(Timestamp::MAX);
    let floor = Arc::clone(floor);
    let found =
        tokio::task::spawn_blocking(move || floor.lake.dead_letters(from, until, usize::MAX))
            .await
            .map_err(|e| Problem::internal(&e))?
            .map_err(|e| Problem::internal(&e))?;
    found
        .into_iter()
        .find(|l| l.id == id)
        .ok_or_else(|| Problem::missing("dead letter", id.to_string()))
}

fn view(row: &DeadLetterRow) -> Value {
    json!({
        "id": row.id, "received": row.received, "source": row.source, "tenant": row.tenant,
        "reason": row.reason, "bytes": row.bytes, "replayed": row.replayed,
    })
}
