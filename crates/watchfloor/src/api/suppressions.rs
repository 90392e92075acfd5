//! Suppressions: list, one, and what one would have hidden.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use watchfloor_respond::suppression::{Preview, Selection, Spec, Suppression, preview};
use watchfloor_types::{RuleId, SuppressionId, TenantId, Timestamp};

use super::problem::Problem;
use crate::{floor::Floor, search::moment, web::session::Caller};

type Answer<T> = Result<Json<T>, Problem>;

/// A suppression, for the API.
pub(crate) fn view(s: &Suppression, now: Timestamp) -> Value {
    json!({
        "id": s.id, "status": s.status(now), "rules": s.spec.rules, "family": s.spec.family, "tenant": s.spec.tenant,
        "when": s.spec.when, "owner": s.spec.owner, "reason": s.spec.reason, "expires": s.spec.expires, "ends_soon": s.ends_soon(now),
        "alert": s.spec.alert, "force": s.spec.force, "by": s.by.to_string(), "added": s.added,
        "approved_by": s.approved_by.as_ref().map(ToString::to_string),
        "hidden": s.hidden, "last": s.last, "never_matched": s.hidden == 0,
    })
}

/// Suppressions, newest first, with what each has hidden.
#[utoipa::path(get, path = "/api/v1/suppressions", tag = "suppressions", responses((status = 200, body = Vec<Object>), (status = 401, body = Problem)))]
pub(crate) async fn list(
    State(floor): State<Arc<Floor>>,
    Caller(_who): Caller,
) -> Json<Vec<Value>> {
    let now = floor.clock.now();
    let state = floor.state();
    Json(
        state
            .suppressions
            .iter()
            .rev()
            .map(|s| view(s, now))
            .collect(),
    )
}

/// One suppression. Findings that it has hidden are at `/api/v1/findings?suppression=`.
#[utoipa::path(get, path = "/api/v1/suppressions/{id}", tag = "suppressions", params(("id" = String, Path)), responses((status = 200, body = Object), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(floor): State<Arc<Floor>>,
    Caller(_who): Caller,
    Path(id): Path<String>,
) -> Answer<Value> {
    let state = floor.state();
    id.parse::<SuppressionId>()
        .ok()
        .and_then(|i| state.suppressions.get(i))
        .map(|s| Json(view(s, floor.clock.now())))
        .ok_or_else(|| Problem::missing("suppression", &id))
}

/// A suppression to try.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Try {
    /// Findings of these rules.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    rules: Vec<RuleId>,
    /// Or of the rules in this folder of `content/rules`.
    #[serde(default)]
    family: Option<String>,
    /// Of this tenant only.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    tenant: Option<TenantId>,
    /// Which findings: field and modifier to values, as in a Sigma selection, or one condition a line.
    #[schema(value_type = Object)]
    when: Selection,
    /// From when on: RFC 3339, or `7d`, `24h` before now; 30 days where empty.
    #[serde(default)]
    since: String,
}

/// Says what a suppression would have hidden: findings, alerts, and whether an attack was among them. Nothing is kept.
#[utoipa::path(post, path = "/api/v1/suppressions/preview", tag = "suppressions", request_body = Try, responses((status = 200, body = Object), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub(crate) async fn try_out(
    State(floor): State<Arc<Floor>>,
    Caller(who): Caller,
    Json(ask): Json<Try>,
) -> Answer<Value> {
    let now = floor.clock.now();
    let since = moment(
        if ask.since.is_empty() {
            "30d"
        } else {
            &ask.since
        },
        now,
    )?;
    let spec = Spec {
        rules: ask.rules,
        family: ask.family,
        tenant: ask.tenant,
        when: ask.when,
        owner: who.user,
        reason: String::new(),
        expires: Timestamp::MAX,
        alert: None,
        force: None,
    };
    Ok(Json(seen(&preview(&floor.state(), &spec, since), since)))
}

fn seen(p: &Preview, since: Timestamp) -> Value {
    json!({
        "since": since, "findings": p.findings, "held": p.held, "alerts": p.alerts, "whole_alerts": p.whole,
        "attacks": p.attacks, "incidents": p.incidents, "newest": p.newest,
    })
}
