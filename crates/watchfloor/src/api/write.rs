//! Changing what is not a decision: intelligence, tokens, accounts.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use watchfloor_intel::{Matcher, import_misp, import_stix};
use watchfloor_lake::{Filter, Query, Tenants, Watch};
use watchfloor_store::{Account, NewToken, TokenKind};
use watchfloor_types::{
    IndicatorMatch, Level, Role, SignedDuration, SourceId, TenantId, Timestamp, UserId,
};

use super::problem::Problem;
use crate::{
    floor::Floor,
    secrets,
    web::session::{Caller, Who},
};

type Answer = Result<Json<Value>, Problem>;

/// Refuses who lacks a role.
pub(crate) fn needs(who: &Who, role: Role) -> Result<(), Problem> {
    if who.has(role) {
        Ok(())
    } else {
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            "not allowed",
            format!("this needs the role {role}"),
        ))
    }
}

/// Intelligence to import.
#[derive(Deserialize, ToSchema)]
pub(crate) struct IntelImport {
    /// Where it comes from, such as the name of the file or feed.
    origin: String,
    /// A STIX 2.1 bundle or a MISP event, as text.
    text: String,
    /// Match stored events of the last days, too: 0 to 365.
    #[serde(default)]
    retro_days: u16,
}

/// Imports a STIX 2.1 bundle or a MISP event. Indicators match events from now on, and stored ones where asked.
#[utoipa::path(post, path = "/api/v1/intel", tag = "intel", request_body = IntelImport, responses((status = 200, body = Object), (status = 400, body = Problem)))]
pub(crate) async fn intel(
    State(floor): State<Arc<Floor>>,
    Caller(who): Caller,
    Json(ask): Json<IntelImport>,
) -> Answer {
    if !who.has(Role::Analyst) && !who.has(Role::Admin) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "not allowed",
            "this needs the role analyst or admin",
        ));
    }
    let now = floor.clock.now();
    let stix = serde_json::from_str::<Value>(&ask.text)
        .is_ok_and(|v| v.get("type").is_some_and(|t| t == "bundle"));
    let (imported, diagnostics) = if stix {
        import_stix(&ask.text, &ask.origin, now)
    } else {
        import_misp(&ask.text, &ask.origin, now)
    };
    if imported.indicators.is_empty() && diagnostics.iter().any(|d| d.level == Level::Error) {
        return Err(Problem::bad(
            diagnostics
                .first()
                .map(ToString::to_string)
                .unwrap_or_default(),
        ));
    }
    floor
        .store
        .indicators_put(&imported.indicators)
        .await
        .map_err(|e| Problem::internal(&e))?;
    let all = floor
        .store
        .indicators()
        .await
        .map_err(|e| Problem::internal(&e))?;
    floor.set_matcher(Matcher::build(all));
    let seen = if ask.retro_days == 0 {
        Vec::new()
    } else {
        retro(
            &floor,
            imported.indicators.clone(),
            i64::from(ask.retro_days.min(365)),
            now,
        )
        .await?
    };
    floor
        .store
        .sightings_add(&seen)
        .await
        .map_err(|e| Problem::internal(&e))?;
    Ok(Json(json!({
        "format": if stix { "stix-2.1" } else { "misp" },
        "objects": imported.objects.len(), "indicators": imported.indicators.len(), "retro_sightings": seen.len(),
        "sightings": seen.iter().take(100).map(|s| json!({"indicator": s.indicator.id, "value": s.value, "field": s.field, "event": s.event, "time": s.time, "tlp": s.indicator.tlp})).collect::<Vec<_>>(),
        "diagnostics": diagnostics,
    })))
}

/// Most sightings that one look back keeps.
const MOST_SIGHTINGS: usize = 10_000;

async fn retro(
    floor: &Arc<Floor>,
    indicators: Vec<watchfloor_types::Indicator>,
    days: i64,
    now: Timestamp,
) -> Result<Vec<IndicatorMatch>, Problem> {
    let floor = Arc::clone(floor);
    let found = tokio::task::spawn_blocking(move || {
        let matcher = Matcher::build(indicators);
        let from = now
            .checked_sub(SignedDuration::from_hours(24 * days))
            .unwrap_or(Timestamp::MIN);
        let query = Query {
            filter: Filter::all(),
            from,
            until: now
                .saturating_add(SignedDuration::from_mins(5))
                .unwrap_or(now),
            tenants: Tenants::All,
        };
        let mut seen = Vec::new();
        floor.lake.scan(&query, &Watch::new(), &mut |rows| {
            for row in &rows {
                matcher.match_event(&row.event, &mut seen);
            }
            if seen.len() < MOST_SIGHTINGS {
                std::ops::ControlFlow::Continue(())
            } else {
                std::ops::ControlFlow::Break(())
            }
        })?;
        seen.truncate(MOST_SIGHTINGS);
        Ok::<_, watchfloor_lake::SearchError>(seen)
    })
    .await
    .map_err(|e| Problem::internal(&e))?;
    found.map_err(|e| Problem::internal(&e))
}

/// A token to create.
#[derive(Deserialize, ToSchema)]
pub(crate) struct TokenAsk {
    /// `ingest` for senders, `api` for programs that act for the caller.
    kind: String,
    /// What people call it.
    #[serde(default)]
    name: String,
    /// Sources that an ingest token may send to; empty means all.
    #[serde(default)]
    sources: Vec<String>,
}

/// Creates a token. It is shown once, in this answer. Needs the role admin.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "access", request_body = TokenAsk, responses((status = 200, body = Object), (status = 403, body = Problem)))]
pub(crate) async fn token(
    State(floor): State<Arc<Floor>>,
    Caller(who): Caller,
    Json(ask): Json<TokenAsk>,
) -> Answer {
    needs(&who, Role::Admin)?;
    let kind = match ask.kind.as_str() {
        "ingest" => TokenKind::Ingest,
        "api" => TokenKind::Api,
        other => {
            return Err(Problem::bad(format!(
                "`{other}` is not a kind of token; ingest or api"
            )));
        }
    };
    let mut sources = Vec::new();
    for name in &ask.sources {
        let id: SourceId = name
            .parse()
            .map_err(|e: watchfloor_types::ParseIdError| Problem::bad(e.to_string()))?;
        if floor.sources.get(&id).is_none() {
            return Err(Problem::missing("source", name));
        }
        sources.push(id);
    }
    let tenant = floor.settings.tenant.clone();
    let made = create_token(&floor, kind, &ask.name, sources, Some(who.user), tenant)
        .await
        .map_err(|e| Problem::internal(&e))?;
    Ok(Json(json!({"id": made.0, "token": made.1})))
}

/// Creates a token and returns its id and the token itself.
pub(crate) async fn create_token(
    floor: &Floor,
    kind: TokenKind,
    name: &str,
    sources: Vec<SourceId>,
    account: Option<UserId>,
    tenant: TenantId,
) -> anyhow::Result<(String, String)> {
    let token = secrets::token(match kind {
        TokenKind::Ingest => "wfi_",
        TokenKind::Api => "wfa_",
    })?
    .reveal()
    .clone();
    let hash = secrets::token_hash(&token);
    let id: String = hash.chars().take(12).collect();
    floor
        .store
        .token_add(&NewToken {
            id: id.clone(),
            hash,
            prefix: token.chars().take(10).collect(),
            kind,
            name: if name.is_empty() {
                "unnamed".to_owned()
            } else {
                name.to_owned()
            },
            tenant,
            account: match kind {
                TokenKind::Api => account,
                TokenKind::Ingest => None,
            },
            sources,
            scopes: Vec::new(),
            created: floor.clock.now(),
            expires: None,
        })
        .await?;
    Ok((id, token))
}

/// Revokes a token. Needs the role admin.
#[utoipa::path(post, path = "/api/v1/tokens/{id}/revoke", tag = "access", params(("id" = String, Path)), responses((status = 200, body = Object), (status = 403, body = Problem)))]
pub(crate) async fn revoke(
    State(floor): State<Arc<Floor>>,
    Caller(who): Caller,
    Path(id): Path<String>,
) -> Answer {
    needs(&who, Role::Admin)?;
    floor
        .store
        .token_revoke(&id, floor.clock.now())
        .await
        .map_err(|e| Problem::bad(e.to_string()))?;
    Ok(Json(json!({"revoked": id})))
}

/// An account to create or change, and a sign-in link for it.
#[derive(Deserialize, ToSchema)]
pub(crate) struct UserAsk {
    /// Its id: letters, digits, `- _ . : / @`.
    id: String,
    /// What people call them.
    #[serde(default)]
    name: String,
    /// Roles; where empty those it has.
    #[serde(default)]
    roles: Vec<String>,
    /// Shut out, or let in again. Whoever is shut out has no session and no working token any more.
    #[serde(default)]
    disabled: Option<bool>,
}

/// Creates or changes an account and returns a link that signs in once, for 24 hours. Needs the role admin.
#[utoipa::path(post, path = "/api/v1/users", tag = "access", request_body = UserAsk, responses((status = 200, body = Object), (status = 403, body = Problem)))]
pub(crate) async fn user(
    State(floor): State<Arc<Floor>>,
    Caller(who): Caller,
    Json(ask): Json<UserAsk>,
) -> Answer {
    needs(&who, Role::Admin)?;
    let id: UserId = ask
        .id
        .parse()
        .map_err(|e: watchfloor_types::ParseIdError| Problem::bad(e.to_string()))?;
    let mut roles = Vec::new();
    for word in &ask.roles {
        roles.push(
            word.parse::<Role>()
                .map_err(|e| Problem::bad(e.to_string()))?,
        );
    }
    if let Some(disabled) = ask.disabled {
        shut(&floor, &who, &id, disabled).await?;
        return Ok(Json(json!({"id": id, "disabled": disabled})));
    }
    let link = invite(&floor, &id, &ask.name, &roles)
        .await
        .map_err(|e| Problem::internal(&e))?;
    Ok(Json(json!({"id": id, "link": link})))
}

/// Shuts an account out, or lets it in again.
async fn shut(floor: &Floor, who: &Who, id: &UserId, disabled: bool) -> Result<(), Problem> {
    if disabled && who.user == *id {
        return Err(Problem::bad("nobody can shut themselves out"));
    }
    let mut account = floor
        .store
        .account(id)
        .await
        .map_err(|e| Problem::internal(&e))?
        .ok_or_else(|| Problem::missing("account", id.as_str()))?;
    account.disabled = disabled.then(|| floor.clock.now());
    floor
        .store
        .account_put(&account)
        .await
        .map_err(|e| Problem::internal(&e))?;
    floor
        .store
        .sessions_end_of(id)
        .await
        .map_err(|e| Problem::internal(&e))
}

/// Creates or changes an account and returns the path of a link that signs it in once.
pub(crate) async fn invite(
    floor: &Floor,
    id: &UserId,
    name: &str,
    roles: &[Role],
) -> anyhow::Result<String> {
    let now = floor.clock.now();
    let mut account = floor.store.account(id).await?.unwrap_or_else(|| Account {
        id: id.clone(),
        name: id.to_string(),
        roles: Vec::new(),
        password: None,
        created: now,
        disabled: None,
    });
    if !name.is_empty() {
        name.clone_into(&mut account.name);
    }
    if !roles.is_empty() {
        account.roles = roles.to_vec();
    }
    floor.store.account_put(&account).await?;
    let token = secrets::token("wfl_")?;
    floor
        .store
        .link_add(
            &secrets::token_hash(token.reveal()),
            id,
            now,
            now.checked_add(SignedDuration::from_hours(24))?,
        )
        .await?;
    Ok(format!("/sign-in/link?token={}", token.reveal()))
}
