//! The console and the API on one listener.

pub(crate) mod act;
mod live;
mod page;
mod rules;
pub(crate) mod session;
mod sign_in;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{get, post},
};

use crate::{api, console::assets, floor::Floor};

pub(crate) use act::{DecidedView, decide};

/// Every route of the console and the API.
pub(crate) fn router(floor: Arc<Floor>) -> Router {
    Router::new()
        .route("/", get(page::now))
        .route("/alerts", get(page::alerts))
        .route("/alerts/{id}", get(page::alert))
        .route("/incidents", get(page::incidents))
        .route("/incidents/{id}", get(page::incident))
        .route("/incidents/{id}/packet", post(page::packet))
        .route("/runs/{id}", get(page::run))
        .route("/drafts/{id}", get(page::draft))
        .route("/search", get(page::search))
        .route("/events/{id}", get(page::event))
        .route("/rules", get(rules::list))
        .route("/rules/new", get(rules::new))
        .route("/rules/edit", post(rules::edited))
        .route("/rules/{id}", get(rules::one))
        .route("/rules/{id}/edit", get(rules::edit))
        .route("/rules/{id}/diff", get(rules::compare))
        .route("/findings", get(rules::findings))
        .route("/suppressions", get(rules::suppressions))
        .route(
            "/suppressions/new",
            get(rules::suppress).post(rules::suppressed),
        )
        .route("/suppressions/{id}", get(rules::suppression))
        .route("/exercises", get(page::exercises))
        .route("/exercises/{id}", get(page::exercise))
        .route("/exercises/{id}/report", get(page::exercise_report))
        .route("/sources", get(page::sources))
        .route("/outputs", get(page::outputs))
        .route("/settings", get(page::settings))
        .route("/act", post(act::form))
        .route("/live", get(live::stream))
        .route(
            "/sign-in",
            get(sign_in::page)
                .post(sign_in::with_password)
                .layer(DefaultBodyLimit::max(16 << 10)),
        )
        .route(
            "/sign-in/link",
            get(sign_in::link_page)
                .post(sign_in::with_link)
                .layer(DefaultBodyLimit::max(16 << 10)),
        )
        .route("/sign-out", post(sign_in::out))
        .route("/assets/{name}", get(assets::asset))
        .route("/api/v1/inputs", post(act::input))
        .merge(api::read::router())
        .fallback(page::missing)
        .layer(middleware::from_fn(assets::guard))
        .layer(middleware::from_fn(assets::headers))
        .with_state(floor)
}
