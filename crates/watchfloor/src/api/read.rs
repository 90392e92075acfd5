//! Reading: `GET /api/v1/…`.

use std::sync::{Arc, PoisonError};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Path, Query, State},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::OpenApi;
use watchfloor_respond::obligation::clocks;
use watchfloor_types::{AlertId, DraftId, EventId, ExerciseId, IncidentId, Role};

use super::{
    problem::Problem,
    view::{self, AlertView, ClockJson, DraftView, IncidentView},
};
use crate::{
    floor::Floor,
    search::{self, Ask},
    web::{DecidedView, session::Caller},
};

type Answer<T> = Result<Json<T>, Problem>;

/// Routes of this module.
pub(crate) fn router() -> Router<Arc<Floor>> {
    Router::new()
        .route("/api/v1/health", get(health))
        .route("/api/v1/openapi.json", get(openapi))
        .route("/api/v1/now", get(now))
        .route("/api/v1/alerts", get(alerts))
        .route("/api/v1/alerts/{id}", get(alert))
        .route("/api/v1/incidents", get(incidents))
        .route("/api/v1/incidents/{id}", get(incident))
        .route("/api/v1/incidents/{id}/timeline", get(timeline))
        .route("/api/v1/clocks", get(all_clocks))
        .route("/api/v1/runs", get(runs))
        .route("/api/v1/drafts", get(drafts))
        .route("/api/v1/drafts/{id}", get(draft))
        .route("/api/v1/exercises", get(exercises))
        .route("/api/v1/exercises/{id}", get(exercise))
        .route("/api/v1/events", get(events))
        .route("/api/v1/events/{id}", get(event))
        .route("/api/v1/sql", post(super::sql::query))
        .route("/api/v1/sources", get(sources))
        .route("/api/v1/dead-letters", get(super::dead::list))
        .route("/api/v1/dead-letters/replay", post(super::dead::replay))
        .route("/api/v1/dead-letters/{id}", get(super::dead::show))
        .route("/api/v1/outputs", get(super::outputs::list))
        .route("/api/v1/outputs/{name}/test", post(super::outputs::test))
        .route("/api/v1/outputs/{name}/pause", post(super::outputs::pause))
        .route(
            "/api/v1/outputs/{name}/resume",
            post(super::outputs::resume),
        )
        .route("/api/v1/output-dead-letters", get(super::outputs::dead))
        .route(
            "/api/v1/output-dead-letters/replay",
            post(super::outputs::replay),
        )
        .route(
            "/api/v1/output-dead-letters/{output}/{id}",
            get(super::outputs::show),
        )
        .route(
            "/api/v1/rules",
            get(super::rules::list).post(super::rules::push),
        )
        .route("/api/v1/rules/check", post(super::rules::check))
        .route("/api/v1/rules/{id}", get(super::rules::show))
        .route(
            "/api/v1/rules/{id}/versions/{version}",
            get(super::rules::version),
        )
        .route("/api/v1/rules/{id}/diff", get(super::rules::diff))
        .route("/api/v1/findings", get(super::rules::findings))
        .route("/api/v1/suppressions", get(super::suppressions::list))
        .route(
            "/api/v1/suppressions/preview",
            post(super::suppressions::try_out),
        )
        .route("/api/v1/suppressions/{id}", get(super::suppressions::show))
        .route("/api/v1/rules/backtest", post(super::backtest::backtest))
        .route("/api/v1/runbooks", get(runbooks))
        .route("/api/v1/indicators", get(indicators))
        .route("/api/v1/sightings", get(sightings))
        .route(
            "/api/v1/intel",
            post(super::write::intel).layer(DefaultBodyLimit::max(64 << 20)),
        )
        .route("/api/v1/tokens", get(tokens).post(super::write::token))
        .route("/api/v1/tokens/{id}/revoke", post(super::write::revoke))
        .route("/api/v1/users", get(users).post(super::write::user))
        .route("/api/v1/journal", get(journal))
        .route("/api/v1/journal/verify", get(verify))
}

/// The description of the API (`OpenAPI` 3.1).
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Watchfloor",
        description = "Security operations and incident response for AI systems. Dates of clocks are decision support, not legal advice."
    ),
    paths(
        health,
        now,
        alerts,
        alert,
        incidents,
        incident,
        timeline,
        all_clocks,
        runs,
        drafts,
        draft,
        exercises,
        exercise,
        events,
        event,
        super::sql::query,
        sources,
        super::dead::list,
        super::dead::show,
        super::dead::replay,
        super::outputs::list,
        super::outputs::test,
        super::outputs::pause,
        super::outputs::resume,
        super::outputs::dead,
        super::outputs::show,
        super::outputs::replay,
        super::rules::list,
        super::rules::push,
        super::rules::check,
        super::rules::show,
        super::rules::version,
        super::rules::diff,
        super::rules::findings,
        super::suppressions::list,
        super::suppressions::show,
        super::suppressions::try_out,
        super::backtest::backtest,
        runbooks,
        indicators,
        sightings,
        tokens,
        users,
        journal,
        verify,
        crate::web::act::input,
        super::write::intel,
        super::write::token,
        super::write::revoke,
        super::write::user
    ),
    components(schemas(Problem, AlertView, IncidentView, ClockJson, DraftView, DecidedView))
)]
struct Description;

/// The description as pretty JSON, as committed in `docs/openapi.json`.
pub(crate) fn description() -> String {
    let mut text = Description::openapi().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

async fn openapi() -> Json<Value> {
    Json(serde_json::to_value(Description::openapi()).unwrap_or_default())
}

/// Whether the floor runs; needs no token.
#[utoipa::path(get, path = "/api/v1/health", tag = "floor", responses((status = 200, body = Object)))]
async fn health(State(floor): State<Arc<Floor>>) -> Json<Value> {
    let status = match (floor.is_down(), floor.lake.is_refusing()) {
        (true, _) => "stopping",
        (false, true) => "refusing events: the write-ahead log cannot be written",
        (false, false) => "ok",
    };
    Json(
        json!({"status": status, "version": env!("CARGO_PKG_VERSION"), "journal": floor.journal(), "in_flight": floor.in_flight(), "outputs": floor.outputs.health(floor.journal())}),
    )
}

/// What needs a person now, the most urgent first.
#[utoipa::path(get, path = "/api/v1/now", tag = "floor", responses((status = 200, body = Vec<Object>), (status = 401, body = Problem)))]
async fn now(State(floor): State<Arc<Floor>>, Caller(_who): Caller) -> Json<Vec<Value>> {
    let at = floor.clock.now();
    Json(floor.state().needs(at).iter().map(view::need).collect())
}

/// Alerts, newest first.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "alerts", responses((status = 200, body = Vec<AlertView>), (status = 401, body = Problem)))]
async fn alerts(State(floor): State<Arc<Floor>>, Caller(_who): Caller) -> Json<Vec<AlertView>> {
    let state = floor.state();
    Json(
        state
            .alerts
            .iter()
            .rev()
            .map(|a| view::alert(&state, a, 20))
            .collect(),
    )
}

/// One alert with its findings.
#[utoipa::path(get, path = "/api/v1/alerts/{id}", tag = "alerts", params(("id" = String, Path)), responses((status = 200, body = AlertView), (status = 404, body = Problem)))]
async fn alert(
    State(floor): State<Arc<Floor>>,
    Caller(_who): Caller,
    Path(id): Path<String>,
) -> Answer<AlertView> {
    let state = floor.state();
    let found = id
        .parse::<AlertId>()
        .ok()
        .and_then(|i| state.alerts.get(i))
        .ok_or_else(|| Problem::missing("alert", &id))?;
    Ok(Json(view::alert(&state, found, 1_000)))
}

/// Incidents, newest first.
#[utoipa::path(get, path = "/api/v1/incidents", tag = "incidents", responses((status = 200, body = Vec<IncidentView>), (status = 401, body = Problem)))]
async fn incidents(
    State(floor): State<Arc<Floor>>,
    Caller(_who): Caller,
) -> Json<Vec<IncidentView>> {
    let state = floor.state();
    Json(
        state
            .incidents
            .iter()
            .rev()
            .map(|i| view::incident(&state, i))
            .collect(),
    )
}

fn find<'s>(
    state: &'s watchfloor_respond::State,
    id: &str,
) -> Result<&'s watchfloor_respond::incident::Incident, Problem> {
    id.parse::<IncidentId>()
        .ok()
        .and_then(|i| state.incidents.get(i))
        .or_else(|| state.incidents.named(id))
        .ok_or_else(|| Problem::missing("incident", id))
}

/// One incident, by id or short name.
#[utoipa::path(get, path = "/api/v1/incidents/{id}", tag = "incidents", params(("id" = String, Path)), responses((status = 200, body = IncidentView), (status = 404, body = Problem)))]
async fn incident(
    State(floor): State<Arc<Floor>>,
    Caller(_who): Caller,
    Path(id): Path<String>,
) -> Answer<IncidentView> {
    let state = floor.state();
    Ok(Json(view::incident(&state, find(&state, &id)?)))
}

/// What happened in an incident, in the order in which it was recorded.
#[utoipa::path(get, path = "/api/v1/incidents/{id}/timeline", tag = "incidents", params(("id" = String, Path)), responses((status = 200, body = Vec<Object>), (status = 404, body = Problem)))]
async fn timeline(
    State(floor): State<Arc<Floor>>,
    Caller(_who): Caller,
    Path(id): Path<String>,
) -> Answer<Vec<Value>> {
    let state = floor.state();
    Ok(Json(view::timeline(find(&state, &id)?)))
}

/// Clocks of every incident that is open. Decision support, not legal advice.
#[utoipa::path(get, path = "/api/v1/clocks", tag = "obligations", responses((status = 200, body = Vec<ClockJson>), (status = 401, body = Problem)))]
async fn all_clocks(State(floor): State<Arc<Floor>>, Caller(_who): Caller) -> Json<Vec<ClockJson>> {
    let at = floor.clock.now();
    let state = floor.state();
    let open = state.incidents.open();
    Json(
        open.iter()
            .flat_map(|i| clocks(&state, i.id, at))
            .map(|c| view::clock(&c))
            .collect(),
    )
}

/// Runs of runbooks, newest first.
#[utoipa::path(get, path = "/api/v1/runs", tag = "runs", responses((status = 200, body = Vec<Object>), (status = 401, body = Problem)))]
async fn runs(State(floor): State<Arc<Floor>>, Caller(_who): Caller) -> Json<Vec<Value>> {
    Json(floor.state().runs.iter().rev().map(view::run).collect())
}

/// Drafts, newest first.
#[utoipa::path(get, path = "/api/v1/drafts", tag = "comms", responses((status = 200, body = Vec<DraftView>), (status = 401, body = Problem)))]
async fn drafts(State(floor): State<Arc<Floor>>, Caller(_who): Caller) -> Json<Vec<DraftView>> {
    Json(floor.state().comms.iter().rev().map(view::draft).collect())
}

/// One draft.
#[utoipa::path(get, path = "/api/v1/drafts/{id}", tag = "comms", params(("id" = String, Path)), responses((status = 200, body = DraftView), (status = 404, body = Problem)))]
async fn draft(
    State(floor): State<Arc<Floor>>,
    Caller(_who): Caller,
    Path(id): Path<String>,
) -> Answer<DraftView> {
    let state = floor.state();
    let found = id
        .parse::<DraftId>()
        .ok()
        .and_then(|i| state.comms.get(i))
        .ok_or_else(|| Problem::missing("draft", &id))?;
    Ok(Json(view::draft(found)))
}

/// Exercises that can be played, and those that were.
#[utoipa::path(get, path = "/api/v1/exercises", tag = "exercises", responses((status = 200, body = Object), (status = 401, body = Problem)))]
async fn exercises(State(floor): State<Arc<Floor>>, Caller(_who): Caller) -> Json<Value> {
    let state = floor.state();
    Json(json!({
        "plans": state.content.exercises.values().map(|p| json!({"id": p.id, "title": p.title, "injects": p.injects.len(), "points": p.points(), "minutes": p.length.as_mins()})).collect::<Vec<_>>(),
        "plays": state.exercises.iter().rev().map(|p| json!({"id": p.id, "plan": p.plan.id, "status": p.status_word(), "started": p.started, "score": view::score(&state, p.id)})).collect::<Vec<_>>(),
    }))
}

/// One exercise: its score and after-action report.
#[utoipa::path(get, path = "/api/v1/exercises/{id}", tag = "exercises", params(("id" = String, Path)), responses((status = 200, body = Object), (status = 404, body = Problem)))]
async fn exercise(
    State(floor): State<Arc<Floor>>,
    Caller(_who): Caller,
    Path(id): Path<String>,
) -> Answer<Value> {
    let state = floor.state();
    let report = id
        .parse::<ExerciseId>()
        .ok()
        .and_then(|e| watchfloor_respond::exercise::report(&state, e))
        .ok_or_else(|| Problem::missing("exercise", &id))?;
    Ok(Json(serde_json::to_value(report).unwrap_or_default()))
}

/// Search: events that match, newest first, with a histogram over time. The grammar is in `docs/search.md`.
#[utoipa::path(get, path = "/api/v1/events", tag = "events",
    params(("q" = Option<String>, Query, description = "Filter"), ("from" = Option<String>, Query, description = "RFC 3339, or 15m, 1h, 7d before now; 24h where not given"), ("until" = Option<String>, Query), ("limit" = Option<usize>, Query, description = "1 to 1000"), ("after" = Option<String>, Query, description = "`after` of the last answer"), ("top" = Option<String>, Query, description = "Field whose most frequent values are wanted")),
    responses((status = 200, body = Object), (status = 400, body = Problem), (status = 401, body = Problem)))]
async fn events(
    State(floor): State<Arc<Floor>>,
    Caller(_who): Caller,
    Query(ask): Query<Ask>,
) -> Answer<Value> {
    Ok(Json(search::found(&search::run(&floor, &ask).await?)))
}

/// One event with both of its views.
#[utoipa::path(get, path = "/api/v1/events/{id}", tag = "events", params(("id" = String, Path)), responses((status = 200, body = Object), (status = 404, body = Problem)))]
async fn event(
    State(floor): State<Arc<Floor>>,
    Caller(_who): Caller,
    Path(id): Path<String>,
) -> Answer<Value> {
    let wanted = id
        .parse::<EventId>()
        .map_err(|_| Problem::missing("event", &id))?;
    let row = tokio::task::spawn_blocking(move || floor.lake.get(wanted))
        .await
        .map_err(|e| Problem::internal(&e))?
        .map_err(|e| Problem::internal(&e))?;
    row.map(|r| Json(search::event(&r)))
        .ok_or_else(|| Problem::missing("event", &id))
}

/// Sources with what came from them since the server started.
#[utoipa::path(get, path = "/api/v1/sources", tag = "sources", responses((status = 200, body = Vec<Object>), (status = 401, body = Problem)))]
async fn sources(State(floor): State<Arc<Floor>>, Caller(_who): Caller) -> Json<Vec<Value>> {
    let figures = floor.figures.lock().unwrap_or_else(PoisonError::into_inner);
    let all = floor.sources.iter().map(|s| {
        let f = figures.get(s.id()).copied().unwrap_or_default();
        json!({
            "id": s.id(), "title": s.title(), "owner": s.owner(), "formats": s.formats(), "logsources": s.logsources(),
            "events": f.events, "dead_letters": f.dead, "leaves": f.leaves, "unknown_leaves": f.unknown, "last": f.last, "lag_ms": f.lag_ms,
        })
    });
    Json(all.collect())
}

/// Runbooks.
#[utoipa::path(get, path = "/api/v1/runbooks", tag = "runs", responses((status = 200, body = Vec<Object>), (status = 401, body = Problem)))]
async fn runbooks(State(floor): State<Arc<Floor>>, Caller(_who): Caller) -> Json<Vec<Value>> {
    Json(floor.state().content.runbooks.values().map(|r| json!({"id": r.id, "name": r.name, "description": r.description, "steps": r.steps.len()})).collect())
}

/// Indicators in force.
#[utoipa::path(get, path = "/api/v1/indicators", tag = "intel", responses((status = 200, body = Vec<Object>), (status = 401, body = Problem)))]
async fn indicators(State(floor): State<Arc<Floor>>, Caller(_who): Caller) -> Answer<Vec<Value>> {
    let all = floor
        .store
        .indicators()
        .await
        .map_err(|e| Problem::internal(&e))?;
    Ok(Json(
        all.iter()
            .map(|i| serde_json::to_value(i).unwrap_or_default())
            .collect(),
    ))
}

/// Sightings of indicators, newest first, at most 1000.
#[utoipa::path(get, path = "/api/v1/sightings", tag = "intel", responses((status = 200, body = Vec<Object>), (status = 401, body = Problem)))]
async fn sightings(State(floor): State<Arc<Floor>>, Caller(_who): Caller) -> Answer<Vec<Value>> {
    let all = floor
        .store
        .sightings(None, 1_000)
        .await
        .map_err(|e| Problem::internal(&e))?;
    Ok(Json(
        all.iter()
            .map(|s| serde_json::to_value(s).unwrap_or_default())
            .collect(),
    ))
}

/// Tokens; the tokens themselves are stored nowhere. Needs the role admin.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "access", responses((status = 200, body = Vec<Object>), (status = 403, body = Problem)))]
async fn tokens(State(floor): State<Arc<Floor>>, Caller(who): Caller) -> Answer<Vec<Value>> {
    super::write::needs(&who, Role::Admin)?;
    let all = floor
        .store
        .tokens()
        .await
        .map_err(|e| Problem::internal(&e))?;
    Ok(Json(all.iter().map(|t| json!({"id": t.details.id, "prefix": t.details.prefix, "kind": t.details.kind.as_str(), "account": t.details.account, "name": t.details.name, "sources": t.details.sources, "created": t.details.created, "expires": t.details.expires, "revoked": t.revoked, "used": t.used})).collect()))
}

/// Accounts. Needs the role admin.
#[utoipa::path(get, path = "/api/v1/users", tag = "access", responses((status = 200, body = Vec<Object>), (status = 403, body = Problem)))]
async fn users(State(floor): State<Arc<Floor>>, Caller(who): Caller) -> Answer<Vec<Value>> {
    super::write::needs(&who, Role::Admin)?;
    let all = floor
        .store
        .accounts()
        .await
        .map_err(|e| Problem::internal(&e))?;
    Ok(Json(all.iter().map(|a| json!({"id": a.id, "name": a.name, "roles": a.roles, "created": a.created, "disabled": a.disabled})).collect()))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct From {
    from: u64,
}

/// Journal entries from a number on, at most 1000.
#[utoipa::path(get, path = "/api/v1/journal", tag = "journal", params(("from" = Option<u64>, Query)), responses((status = 200, body = Vec<Object>), (status = 401, body = Problem)))]
async fn journal(
    State(floor): State<Arc<Floor>>,
    Caller(_who): Caller,
    Query(from): Query<From>,
) -> Answer<Vec<Value>> {
    let all = floor
        .store
        .entries(from.from.max(1), 1_000)
        .await
        .map_err(|e| Problem::internal(&e))?;
    Ok(Json(all.iter().map(|e| json!({"seq": e.seq, "at": e.at, "kind": e.kind, "hash": e.hash.to_string(), "body": serde_json::from_str::<Value>(&e.body).unwrap_or_default()})).collect()))
}

/// Walks the hash chain of the journal and says where it breaks, if it does.
#[utoipa::path(get, path = "/api/v1/journal/verify", tag = "journal", responses((status = 200, body = Object), (status = 401, body = Problem)))]
async fn verify(State(floor): State<Arc<Floor>>, Caller(_who): Caller) -> Answer<Value> {
    let found = floor
        .store
        .verify()
        .await
        .map_err(|e| Problem::internal(&e))?;
    let head = floor.store.head();
    let intact = matches!(found, watchfloor_store::Verification::Intact { .. });
    Ok(Json(
        json!({"intact": intact, "detail": format!("{found:?}"), "head": {"seq": head.seq, "hash": head.hash.to_string()}}),
    ))
}
