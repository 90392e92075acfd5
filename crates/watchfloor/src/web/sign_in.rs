//! Signing in: password, or a link that works once.

use std::sync::{Arc, LazyLock};

use axum::{
    Form,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use maud::html;
use serde::Deserialize;
use watchfloor_types::{Secret, UserId};

use super::session::{self, Guard, Person, Worked};
use crate::{console::frame, floor::Floor, secrets};

static GUARD: LazyLock<Guard> = LazyLock::new(Guard::default);

/// Shortest password, in characters (NIST SP 800-63B-4, section 3.1.1).
const SHORTEST: usize = 15;

/// `GET /sign-in`
pub(crate) async fn page() -> Html<String> {
    Html(form(None))
}

fn form(error: Option<&str>) -> String {
    frame::bare(
        "Sign in",
        &html! {
            h1 { "Watchfloor" }
            p.dim { "Sign in to the floor." }
            @if let Some(error) = error { p.note.error role="alert" { (error) } }
            form method="post" action="/sign-in" {
                div.field { label for="user" { "Account" } input #user name="user" autocomplete="username" required autofocus; }
                div.field { label for="password" { "Password" } input #password type="password" name="password" autocomplete="current-password" required; }
                button type="submit" { "Sign in" }
            }
            p.dim { "No account yet? On the server: " code { "watchfloor user link NAME" } }
        },
    )
    .into_string()
}

#[derive(Deserialize)]
pub(crate) struct Credentials {
    user: String,
    password: Secret<String>,
}

/// `POST /sign-in`
pub(crate) async fn with_password(
    State(floor): State<Arc<Floor>>,
    Form(given): Form<Credentials>,
) -> Response {
    let now = floor.clock.now();
    if !GUARD.may_try(&given.user, now) {
        return (
            StatusCode::TOO_MANY_REQUESTS,
            Html(form(Some("Too many attempts. Wait half a minute."))),
        )
            .into_response();
    }
    let account = match given.user.parse::<UserId>() {
        Ok(id) => floor
            .store
            .account(&id)
            .await
            .ok()
            .flatten()
            .filter(|a| a.disabled.is_none()),
        Err(_) => None,
    };
    let hash = account
        .as_ref()
        .and_then(|a| a.password.as_ref())
        .map(|p| p.reveal().clone());
    // Argon2 takes tens of milliseconds on purpose; an unknown account takes as long as a known one.
    let checked = tokio::task::spawn_blocking(move || match hash {
        Some(hash) => secrets::password_is(given.password.reveal(), &hash),
        None => secrets::password_hash(given.password.reveal()).is_err(),
    })
    .await
    .unwrap_or(false);
    GUARD.note(
        &given.user,
        if checked { Worked::Yes } else { Worked::No },
        now,
    );
    match account {
        Some(account) if checked => enter(&floor, &account.id).await,
        _ => (
            StatusCode::UNAUTHORIZED,
            Html(form(Some("Account or password is wrong."))),
        )
            .into_response(),
    }
}

async fn enter(floor: &Floor, user: &UserId) -> Response {
    match session::begin(floor, user, floor.clock.now()).await {
        Ok(cookie) => ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response(),
        Err(error) => crate::api::problem::Problem::internal(&error).into_response(),
    }
}

#[derive(Deserialize)]
pub(crate) struct LinkQuery {
    token: String,
}

/// `GET /sign-in/link?token=…`: asks for the click that uses the link, so that a preview does not.
pub(crate) async fn link_page(Query(query): Query<LinkQuery>) -> Html<String> {
    Html(link_form(&query.token, None))
}

fn link_form(token: &str, error: Option<&str>) -> String {
    frame::bare(
        "Sign in with a link",
        &html! {
            h1 { "Watchfloor" }
            p { "This link signs you in once." }
            @if let Some(error) = error { p.note.error role="alert" { (error) } }
            form method="post" action="/sign-in/link" {
                input type="hidden" name="token" value=(token);
                div.field {
                    label for="password" { "Set a password (optional)" }
                    input #password type="password" name="password" autocomplete="new-password" aria-describedby="rule";
                    small #rule { "At least " (SHORTEST) " characters. Leave it empty to come back with another link." }
                }
                button type="submit" { "Sign in" }
            }
        },
    )
    .into_string()
}

#[derive(Deserialize)]
pub(crate) struct LinkForm {
    token: String,
    password: Secret<String>,
}

/// `POST /sign-in/link`
pub(crate) async fn with_link(
    State(floor): State<Arc<Floor>>,
    Form(given): Form<LinkForm>,
) -> Response {
    let now = floor.clock.now();
    let password = given.password.reveal().clone();
    if !password.is_empty() && password.chars().count() < SHORTEST {
        let error = format!("A password has at least {SHORTEST} characters.");
        return (
            StatusCode::BAD_REQUEST,
            Html(link_form(&given.token, Some(&error))),
        )
            .into_response();
    }
    let user = match floor
        .store
        .link_use(&secrets::token_hash(&given.token), now)
        .await
    {
        Ok(Some(user)) => user,
        Ok(None) => {
            let error = "This link was used already or has expired. On the server: watchfloor user link NAME";
            return (StatusCode::UNAUTHORIZED, Html(form(Some(error)))).into_response();
        }
        Err(error) => return crate::api::problem::Problem::internal(&error).into_response(),
    };
    if !password.is_empty() {
        let hash = tokio::task::spawn_blocking(move || secrets::password_hash(&password)).await;
        let account = floor.store.account(&user).await.ok().flatten();
        if let (Ok(Ok(hash)), Some(mut account)) = (hash, account) {
            account.password = Some(Secret::new(hash));
            if let Err(error) = floor.store.account_put(&account).await {
                return crate::api::problem::Problem::internal(&error).into_response();
            }
        }
    }
    enter(&floor, &user).await
}

#[derive(Deserialize)]
pub(crate) struct Own {
    csrf: String,
}

/// `POST /sign-out`
pub(crate) async fn out(
    State(floor): State<Arc<Floor>>,
    Person(who): Person,
    headers: HeaderMap,
    Form(own): Form<Own>,
) -> Response {
    if !who.sent_by_own_form(&own.csrf) {
        return StatusCode::FORBIDDEN.into_response();
    }
    match session::end(&floor, &headers).await {
        Ok(cookie) => ([(header::SET_COOKIE, cookie)], Redirect::to("/sign-in")).into_response(),
        Err(error) => crate::api::problem::Problem::internal(&error).into_response(),
    }
}
