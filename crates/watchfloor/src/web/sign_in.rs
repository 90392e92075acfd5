//! Signing in: password, or a link that works once.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use axum::{
    Form,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use maud::html;
use serde::Deserialize;
use tokio::sync::Semaphore;
use watchfloor_types::{Secret, UserId};

use super::session::{self, Guard, Person};
use crate::{console::frame, floor::Floor, secrets};

static GUARD: LazyLock<Guard> = LazyLock::new(Guard::default);

/// Passwords that are hashed at the same time.
static HASHING: Semaphore = Semaphore::const_new(2);

/// Longest password, in bytes.
const LONGEST: usize = 1_024;

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
            p.dim { "No account yet? On the server: " code { "watchfloor user link NAME --roles analyst" } }
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
    let refused = |status: StatusCode, why: &str| (status, Html(form(Some(why)))).into_response();
    let wrong = || refused(StatusCode::UNAUTHORIZED, "Account or password is wrong.");
    let busy = || {
        refused(
            StatusCode::TOO_MANY_REQUESTS,
            "Too many attempts. Wait half a minute.",
        )
    };
    let Ok(user) = given.user.parse::<UserId>() else {
        return wrong();
    };
    if given.password.reveal().len() > LONGEST {
        return wrong();
    }
    // Hashing takes memory and time on purpose, so few do it at once.
    let waited = tokio::time::timeout(Duration::from_secs(5), HASHING.acquire()).await;
    let Ok(Ok(permit)) = waited else {
        return busy();
    };
    if !GUARD.begin(&user, now) {
        return busy();
    }
    let account = floor
        .store
        .account(&user)
        .await
        .ok()
        .flatten()
        .filter(|a| a.disabled.is_none());
    let hash = account
        .as_ref()
        .and_then(|a| a.password.as_ref())
        .map(|p| p.reveal().clone());
    // Argon2 takes tens of milliseconds on purpose; an unknown account takes as long as a known one.
    let checked = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        match hash {
            Some(hash) => secrets::password_is(given.password.reveal(), &hash),
            None => secrets::password_hash(given.password.reveal()).is_err(),
        }
    })
    .await
    .unwrap_or(false);
    match account {
        Some(account) if checked => {
            GUARD.clear(&user);
            enter(&floor, &account.id).await
        }
        _ => wrong(),
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
    let fits = password.chars().count() >= SHORTEST && password.len() <= LONGEST;
    if !password.is_empty() && !fits {
        let error =
            format!("A password has at least {SHORTEST} characters and at most {LONGEST} bytes.");
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
        let _permit = HASHING.acquire().await;
        let hash = tokio::task::spawn_blocking(move || secrets::password_hash(&password)).await;
        let account = floor.store.account(&user).await.ok().flatten();
        if let (Ok(Ok(hash)), Some(mut account)) = (hash, account) {
            account.password = Some(Secret::new(hash));
            let kept = async {
                floor.store.account_put(&account).await?;
                // Whoever else is signed in with the old password is not any more.
                floor.store.sessions_end_of(&user).await
            };
            if let Err(error) = kept.await {
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
