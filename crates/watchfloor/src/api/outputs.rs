//! Outputs: how they are doing, test, pause, resume, dead letters.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, State},
};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use watchfloor_store::OutputDeadRow;
use watchfloor_types::{Role, Timestamp};

use super::{problem::Problem, write::needs};
use crate::{
    floor::{Floor, OutputAgain, OutputLine, OutputStanding},
    web::session::Caller,
};

/// Most letters of one page, and most that one request sends again.
const PAGE: u32 = 1_000;

type Answer<T> = Result<Json<T>, Problem>;

/// How every output is doing: state, how far behind, what was sent, refused and held back, the last error.
#[utoipa::path(get, path = "/api/v1/outputs", tag = "outputs", responses((status = 200, body = Vec<Object>), (status = 401, body = Problem)))]
pub(crate) async fn list(
    State(floor): State<Arc<Floor>>,
    Caller(_who): Caller,
) -> Answer<Vec<Value>> {
    let all = floor.output_standings().await;
    let all = all.map_err(|e| Problem::internal(&e))?;
    Ok(Json(all.iter().map(OutputStanding::view).collect()))
}

/// Sends one message that is marked as a test, and shows what the receiver answered.
#[utoipa::path(post, path = "/api/v1/outputs/{name}/test", tag = "outputs", params(("name" = String, Path)), responses((status = 200, body = Object), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn test(
    State(floor): State<Arc<Floor>>,
    Caller(who): Caller,
    Path(name): Path<String>,
) -> Answer<Value> {
    needs(&who, Role::Admin)?;
    let line = line(&floor, &name)?;
    Ok(Json(floor.output_test(&line).await))
}

/// Pauses an output: nothing is sent, nothing is lost.
#[utoipa::path(post, path = "/api/v1/outputs/{name}/pause", tag = "outputs", params(("name" = String, Path)), responses((status = 200, body = Object), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn pause(
    State(floor): State<Arc<Floor>>,
    Caller(who): Caller,
    Path(name): Path<String>,
) -> Answer<Value> {
    needs(&who, Role::Admin)?;
    let now = floor.clock.now();
    set(&floor, &name, Some(now)).await
}

/// Lets an output go on where it stopped, and try at once.
#[utoipa::path(post, path = "/api/v1/outputs/{name}/resume", tag = "outputs", params(("name" = String, Path)), responses((status = 200, body = Object), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn resume(
    State(floor): State<Arc<Floor>>,
    Caller(who): Caller,
    Path(name): Path<String>,
) -> Answer<Value> {
    needs(&who, Role::Admin)?;
    set(&floor, &name, None).await
}

async fn set(floor: &Floor, name: &str, since: Option<Timestamp>) -> Answer<Value> {
    let done = floor.output_pause(name, since).await;
    match done.map_err(|e| Problem::internal(&e))? {
        Some(()) => Ok(Json(json!({"output": name, "paused": since}))),
        None => Err(Problem::missing("output", name)),
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Which {
    /// Of this output only.
    output: Option<String>,
    /// The page after this letter: its `at` and `id`, with a space between.
    after: Option<String>,
    limit: Option<u32>,
}

/// What receivers refused for good, newest first, at most 1000.
#[utoipa::path(get, path = "/api/v1/output-dead-letters", tag = "outputs", params(("output" = Option<String>, Query), ("after" = Option<String>, Query), ("limit" = Option<u32>, Query)), responses((status = 200, body = Vec<Object>), (status = 400, body = Problem)))]
pub(crate) async fn dead(
    State(floor): State<Arc<Floor>>,
    Caller(_who): Caller,
    Query(which): Query<Which>,
) -> Answer<Vec<Value>> {
    let after = match &which.after {
        None => None,
        Some(text) => {
            let parsed = text
                .split_once(' ')
                .and_then(|(at, id)| Some((at.parse().ok()?, id.to_owned())));
            let help = "`after` is the time and id of a letter, with a space between";
            Some(parsed.ok_or_else(|| Problem::bad(help))?)
        }
    };
    let limit = which.limit.unwrap_or(100).clamp(1, PAGE);
    let rows = floor
        .store
        .output_dead(which.output.as_deref(), after, limit)
        .await
        .map_err(|e| Problem::internal(&e))?;
    Ok(Json(rows.iter().map(view).collect()))
}

/// One refused message as it was sent, and what the receiver said.
#[utoipa::path(get, path = "/api/v1/output-dead-letters/{output}/{id}", tag = "outputs", params(("output" = String, Path), ("id" = String, Path)), responses((status = 200, body = Object), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(floor): State<Arc<Floor>>,
    Caller(_who): Caller,
    Path((output, id)): Path<(String, String)>,
) -> Answer<Value> {
    let letter = letter(&floor, &output, &id).await?;
    let mut value = view(&letter);
    if let Some(object) = value.as_object_mut() {
        object.insert("body".to_owned(), json!(letter.body));
    }
    Ok(Json(value))
}

/// Which letters to send again.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Again {
    /// The output.
    output: String,
    /// These; empty means all that wait, newest first.
    #[serde(default)]
    ids: Vec<String>,
}

/// Sends refused messages again, made anew from the journal. At most 1000 at once.
#[utoipa::path(post, path = "/api/v1/output-dead-letters/replay", tag = "outputs", request_body = Again, responses((status = 200, body = Object), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn replay(
    State(floor): State<Arc<Floor>>,
    Caller(who): Caller,
    Json(again): Json<Again>,
) -> Answer<Value> {
    needs(&who, Role::Admin)?;
    let line = line(&floor, &again.output)?;
    let mut letters = Vec::new();
    if again.ids.is_empty() {
        let rows = floor.store.output_dead(Some(&again.output), None, PAGE);
        letters = rows.await.map_err(|e| Problem::internal(&e))?;
    }
    for id in again.ids.iter().take(PAGE as usize) {
        letters.push(letter(&floor, &again.output, id).await?);
    }
    let (mut sent, mut refused, mut stopped) = (0, Vec::new(), None);
    for row in letters.iter().filter(|l| l.replayed.is_none()) {
        // Lists come without bodies.
        let whole = letter(&floor, &again.output, &row.id).await?;
        let outcome = floor.output_again(&line, &whole).await;
        match outcome.map_err(|e| Problem::internal(&e))? {
            OutputAgain::Taken => sent += 1,
            OutputAgain::Refused(reason) => {
                refused.push(json!({"id": row.id, "reason": reason}));
            }
            OutputAgain::Later(why) => {
                stopped = Some(why);
                break;
            }
        }
    }
    Ok(Json(
        json!({"output": again.output, "sent": sent, "refused": refused, "stopped": stopped}),
    ))
}

fn line(floor: &Floor, name: &str) -> Result<Arc<OutputLine>, Problem> {
    let found = floor.outputs.get(name).cloned();
    found.ok_or_else(|| Problem::missing("output", name))
}

async fn letter(floor: &Floor, output: &str, id: &str) -> Result<OutputDeadRow, Problem> {
    floor
        .store
        .output_dead_one(output, id)
        .await
        .map_err(|e| Problem::internal(&e))?
        .ok_or_else(|| Problem::missing("dead letter", id))
}

fn view(row: &OutputDeadRow) -> Value {
    json!({
        "output": row.output, "id": row.id, "journal": row.seq, "at": row.at, "kind": row.kind,
        "title": row.title, "reason": row.reason, "replayed": row.replayed,
    })
}
