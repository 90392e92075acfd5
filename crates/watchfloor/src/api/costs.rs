//! Where detection spends its time.

use std::sync::{Arc, PoisonError};

use axum::{Json, extract::State};
use serde_json::{Value, json};
use watchfloor_detect::{Costs, Engine};

use super::problem::Problem;
use crate::{floor::Floor, web::session::Caller};

/// Time of detection by kind of event and by rule, since the rules in force last changed; the dearest first. One event of 64 is timed.
#[utoipa::path(get, path = "/api/v1/rules/costs", tag = "rules", responses((status = 200, body = Object), (status = 401, body = Problem)))]
pub(crate) async fn costs(
    State(floor): State<Arc<Floor>>,
    Caller(_who): Caller,
) -> Result<Json<Value>, Problem> {
    let book = floor.rulebook();
    let costs = floor.costs.lock().unwrap_or_else(PoisonError::into_inner);
    // Figures of rules that are not in force any more say nothing.
    Ok(Json(match &*costs {
        Some((version, costs)) if *version == book.version => shown(&book.engine, costs),
        Some(_) | None => shown(&book.engine, &Costs::default()),
    }))
}

/// Costs as JSON: `classes` and `rules`.
pub(crate) fn shown(engine: &Engine, costs: &Costs) -> Value {
    let each = |nanos: Option<u64>, many: u64| nanos.map(|n| n as f64 / many.max(1) as f64);
    let whole: u64 = costs
        .classes
        .iter()
        .map(|c| c.read_nanos.unwrap_or(0) + c.try_nanos.unwrap_or(0))
        .sum();
    let classes: Vec<Value> = costs
        .classes
        .iter()
        .map(|c| {
            json!({
                "logsource": c.logsource.to_string(), "rules": c.rules, "events": c.events,
                "bytes_per_event": c.bytes / c.events.max(1),
                "tried_per_event": c.tried as f64 / c.events.max(1) as f64,
                "read_nanos_per_event": each(c.read_nanos, c.events),
                "try_nanos_per_event": each(c.try_nanos, c.events),
            })
        })
        .collect();
    let rules: Vec<Value> = costs
        .rules
        .iter()
        .map(|r| {
            let title = engine.document(&r.rule).map(|d| d.meta().title());
            json!({
                "id": r.rule, "title": title, "tried": r.tried, "matched": r.matched,
                "nanos_per_try": each(r.nanos, r.tried),
                "part": r.nanos.map(|n| n as f64 / whole.max(1) as f64),
            })
        })
        .collect();
    json!({"classes": classes, "rules": rules})
}
