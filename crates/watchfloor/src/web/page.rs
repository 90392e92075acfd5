//! One handler per page.

use std::sync::{Arc, PoisonError};

use axum::{
    Form,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use watchfloor_types::{AlertId, DraftId, EventId, ExerciseId, IncidentId, RunId};

use super::session::{Person, Who};
use crate::{
    api::problem::Problem,
    console::{
        self,
        alerts::Filter,
        frame::{Page, Waiting, frame},
        now::Figures,
    },
    doc::{self, Form as Format},
    floor::Floor,
    search::{self, Ask},
};

/// Frames a body. `build` gets the state; the lock is held only while the page is built.
pub(super) fn show(
    floor: &Floor,
    who: &Who,
    title: &str,
    section: &str,
    live: &str,
    build: impl FnOnce(&watchfloor_respond::State) -> Option<Markup>,
) -> Response {
    let now = floor.clock.now();
    let state = floor.state();
    let Some(body) = build(&state) else {
        return not_found(title);
    };
    let playing = state.exercises.live().next().map(|p| p.plan.title.clone());
    let waiting = Waiting {
        now: state.needs(now).len(),
        alerts: state.alerts.open().len(),
        incidents: state.incidents.open().len(),
    };
    drop(state);
    let page = Page {
        title,
        section,
        live,
        exercise: playing.as_deref(),
        user: who.user.as_str(),
        csrf: who.csrf(),
        waiting,
        now,
    };
    Html(frame(&page, &body).into_string()).into_response()
}

pub(super) fn not_found(what: &str) -> Response {
    let body = html! { h1 { "Not found" } p { "There is no such " (what.to_lowercase()) "." } p { a href="/" { "Back to Now" } } };
    (
        StatusCode::NOT_FOUND,
        Html(console::frame::bare("Not found", &body).into_string()),
    )
        .into_response()
}

/// What a path names, where it can be read.
pub(super) fn id<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// Anything else.
pub(crate) async fn missing() -> Response {
    not_found("page")
}

/// `GET /`
pub(crate) async fn now(State(floor): State<Arc<Floor>>, Person(who): Person) -> Response {
    let figures = figures(&floor);
    let at = floor.clock.now();
    show(
        &floor,
        &who,
        "Now",
        "/",
        "alert,incident,run,oncall,obligation,comms,exercise,rule,suppression",
        |state| Some(console::now::page(state, figures, at)),
    )
}

/// Figures of the pipeline.
pub(crate) fn figures(floor: &Floor) -> Figures {
    let stats = floor.lake.stats();
    let sources = floor.figures.lock().unwrap_or_else(PoisonError::into_inner);
    Figures {
        events: stats.file_rows + stats.hot_rows as u64,
        dead_letters: sources.values().map(|f| f.dead).sum(),
        sources: sources.len(),
        rules: floor.rulebook().engine.documents().len(),
    }
}

/// `GET /alerts`
pub(crate) async fn alerts(
    State(floor): State<Arc<Floor>>,
    Person(who): Person,
    Query(filter): Query<Filter>,
) -> Response {
    show(&floor, &who, "Alerts", "/alerts", "alert", |state| {
        Some(console::alerts::page(state, &filter, None, who.csrf()))
    })
}

/// `GET /alerts/{id}`
pub(crate) async fn alert(
    State(floor): State<Arc<Floor>>,
    Person(who): Person,
    Path(alert): Path<String>,
    Query(filter): Query<Filter>,
) -> Response {
    let wanted = id::<AlertId>(&alert);
    show(&floor, &who, "Alert", "/alerts", "alert", |state| {
        let found = state.alerts.get(wanted?)?.id;
        Some(console::alerts::page(
            state,
            &filter,
            Some(found),
            who.csrf(),
        ))
    })
}

/// `GET /incidents`
pub(crate) async fn incidents(State(floor): State<Arc<Floor>>, Person(who): Person) -> Response {
    show(
        &floor,
        &who,
        "Incidents",
        "/incidents",
        "incident",
        |state| Some(console::incidents::list(state)),
    )
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Tab {
    tab: String,
}

/// `GET /incidents/{id}`: by id or by short name.
pub(crate) async fn incident(
    State(floor): State<Arc<Floor>>,
    Person(who): Person,
    Path(incident): Path<String>,
    Query(tab): Query<Tab>,
) -> Response {
    let at = floor.clock.now();
    show(
        &floor,
        &who,
        "Incident",
        "/incidents",
        "incident,alert,run,obligation,comms",
        |state| {
            let found = id::<IncidentId>(&incident)
                .and_then(|i| state.incidents.get(i))
                .or_else(|| state.incidents.named(&incident))?;
            Some(console::incidents::page(
                state,
                found,
                &tab.tab,
                who.csrf(),
                at,
            ))
        },
    )
}

#[derive(Deserialize)]
pub(crate) struct PacketForm {
    csrf: String,
    audience: watchfloor_respond::comms::Audience,
    format: Format,
}

/// `POST /incidents/{id}/packet`
pub(crate) async fn packet(
    State(floor): State<Arc<Floor>>,
    Person(who): Person,
    Path(incident): Path<String>,
    Form(form): Form<PacketForm>,
) -> Response {
    if !who.sent_by_own_form(&form.csrf) {
        return Problem::new(
            StatusCode::FORBIDDEN,
            "not allowed",
            "the form is from another session",
        )
        .into_response();
    }
    let document = {
        let state = floor.state();
        id::<IncidentId>(&incident).and_then(|i| {
            doc::packet::build(&state, i, form.audience, floor.journal(), floor.clock.now())
        })
    };
    match document {
        Some(document) => render(document, form.format, "packet").await,
        None => not_found("incident"),
    }
}

async fn render(
    document: watchfloor_press::Document,
    format: Format,
    name: &'static str,
) -> Response {
    let made = tokio::task::spawn_blocking(move || doc::render(&document, format)).await;
    match made {
        Ok(Ok(bytes)) => {
            let disposition = format!(
                "{}; filename=\"{name}.{}\"",
                if format == Format::Html {
                    "inline"
                } else {
                    "attachment"
                },
                format.extension()
            );
            // A document carries its own style, which the console's policy would not let through.
            let policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; sandbox";
            (
                [
                    (header::CONTENT_TYPE, format.content_type().to_owned()),
                    (header::CONTENT_DISPOSITION, disposition),
                    (header::CONTENT_SECURITY_POLICY, policy.to_owned()),
                ],
                bytes,
            )
                .into_response()
        }
        Ok(Err(error)) => Problem::internal(&error).into_response(),
        Err(error) => Problem::internal(&error).into_response(),
    }
}

/// `GET /runs/{id}`
pub(crate) async fn run(
    State(floor): State<Arc<Floor>>,
    Person(who): Person,
    Path(run): Path<String>,
) -> Response {
    show(&floor, &who, "Run", "/incidents", "run", |state| {
        let found = state.runs.get(id::<RunId>(&run)?)?;
        let back = format!("/runs/{}", found.id);
        let incident = state.incidents.get(found.incident);
        Some(html! {
            div.head { h1 { "Run" } @if let Some(i) = incident { p.sub { "for " a href={ "/incidents/" (i.id) "?tab=run" } { (i.name) " " (i.title) } } } }
            section.panel aria-label="Run" { (console::runs::one(found, who.csrf(), &back)) }
        })
    })
}

/// `GET /drafts/{id}`
pub(crate) async fn draft(
    State(floor): State<Arc<Floor>>,
    Person(who): Person,
    Path(draft): Path<String>,
) -> Response {
    show(&floor, &who, "Draft", "/incidents", "comms", |state| {
        Some(console::drafts::page(
            state,
            state.comms.get(id::<DraftId>(&draft)?)?,
            who.csrf(),
        ))
    })
}

/// `GET /search`
pub(crate) async fn search(
    State(floor): State<Arc<Floor>>,
    Person(who): Person,
    Query(ask): Query<Ask>,
) -> Response {
    let found = search::run(&floor, &ask).await;
    show(&floor, &who, "Search", "/search", "", |_| {
        Some(console::search::page(&ask, &found))
    })
}

/// `GET /events/{id}`
pub(crate) async fn event(
    State(floor): State<Arc<Floor>>,
    Person(who): Person,
    Path(event): Path<String>,
) -> Response {
    let Some(wanted) = id::<EventId>(&event) else {
        return not_found("event");
    };
    let reader = Arc::clone(&floor);
    match tokio::task::spawn_blocking(move || reader.lake.get(wanted)).await {
        Ok(Ok(row)) => show(&floor, &who, "Event", "/search", "", |_| {
            Some(console::search::event(&row?))
        }),
        Ok(Err(error)) => Problem::internal(&error).into_response(),
        Err(error) => Problem::internal(&error).into_response(),
    }
}

/// `GET /exercises`
pub(crate) async fn exercises(State(floor): State<Arc<Floor>>, Person(who): Person) -> Response {
    show(
        &floor,
        &who,
        "Exercises",
        "/exercises",
        "exercise",
        |state| Some(console::exercises::list(state, who.csrf())),
    )
}

/// `GET /exercises/{id}`
pub(crate) async fn exercise(
    State(floor): State<Arc<Floor>>,
    Person(who): Person,
    Path(exercise): Path<String>,
) -> Response {
    let at = floor.clock.now();
    show(
        &floor,
        &who,
        "Exercise",
        "/exercises",
        "exercise,alert",
        |state| {
            Some(console::exercises::page(
                state,
                state.exercises.get(id::<ExerciseId>(&exercise)?)?,
                who.csrf(),
                at,
            ))
        },
    )
}

#[derive(Deserialize)]
pub(crate) struct In {
    format: Format,
}

/// `GET /exercises/{id}/report`
pub(crate) async fn exercise_report(
    State(floor): State<Arc<Floor>>,
    Person(_): Person,
    Path(exercise): Path<String>,
    Query(wanted): Query<In>,
) -> Response {
    let document = {
        let state = floor.state();
        id::<ExerciseId>(&exercise)
            .and_then(|e| doc::after_action::build(&state, e, floor.journal(), floor.clock.now()))
    };
    match document {
        Some(document) => render(document, wanted.format, "after-action-report").await,
        None => not_found("exercise"),
    }
}

/// `GET /sources`
pub(crate) async fn sources(State(floor): State<Arc<Floor>>, Person(who): Person) -> Response {
    let figures = floor
        .figures
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let dead = match floor.store.dead_letters(None, None, 20).await {
        Ok(dead) => dead,
        Err(error) => {
            tracing::error!(%error, "cannot list dead letters");
            Vec::new()
        }
    };
    show(&floor, &who, "Sources", "/sources", "", |_| {
        Some(console::sources::page(&floor.sources, &figures, &dead))
    })
}

/// `GET /outputs`
pub(crate) async fn outputs(State(floor): State<Arc<Floor>>, Person(who): Person) -> Response {
    let outputs = floor.output_standings().await.unwrap_or_else(|error| {
        tracing::error!(%error, "cannot list outputs");
        Vec::new()
    });
    let dead = floor.store.output_dead(None, None, 20).await;
    let dead = dead.unwrap_or_else(|error| {
        tracing::error!(%error, "cannot list dead letters of outputs");
        Vec::new()
    });
    let now = floor.clock.now();
    show(&floor, &who, "Outputs", "/outputs", "", |_| {
        Some(console::outputs::page(&outputs, &dead, now))
    })
}

/// `GET /settings`
pub(crate) async fn settings(State(floor): State<Arc<Floor>>, Person(who): Person) -> Response {
    let shown = serde_json::to_string_pretty(&floor.settings.shown()).unwrap_or_default();
    let head = floor.store.head();
    show(&floor, &who, "Settings", "/settings", "", |_| {
        Some(html! {
            div.head { h1 { "Settings" } p.sub { "As the server was started. Secrets are not shown." } }
            section.panel aria-label="Settings" { pre tabindex="0" { (shown) } }
            br;
            section.panel aria-label="Journal" { h2 { "Journal" } dl.facts { dt { "Entries" } dd { (head.seq) } dt { "Head" } dd { code { (head.hash) } } dt { "Check it" } dd { code { "watchfloor journal verify" } } } }
        })
    })
}
