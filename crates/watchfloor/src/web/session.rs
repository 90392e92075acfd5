//! Who is asking: a signed-in person, or a program with a token.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use watchfloor_store::{NewSession, TokenKind};
use watchfloor_types::{Actor, Role, Secret, SignedDuration, Timestamp, UserId};

use crate::{api::problem::Problem, floor::Floor, secrets};

/// Name of the session cookie. With TLS browsers accept it from this very host only (RFC 6265bis,
/// section 4.1.3.2).
fn cookie(floor: &Floor) -> &'static str {
    if floor.settings.tls.is_some() {
        "__Host-wf_session"
    } else {
        "wf_session"
    }
}

/// How long a session lasts without being renewed by a new sign-in.
const LASTS: SignedDuration = SignedDuration::from_hours(12);

/// A signed-in person or a program acting for one.
#[derive(Debug, Clone)]
pub(crate) struct Who {
    /// The account.
    pub user: UserId,
    /// Its roles.
    pub roles: Vec<Role>,
    /// Token that forms must carry; none for programs, which send no cookie.
    pub csrf: Option<String>,
}

impl Who {
    /// As decisions know them.
    pub(crate) fn actor(&self) -> Actor {
        Actor::Person {
            user: self.user.clone(),
            roles: self.roles.clone(),
        }
    }

    /// Whether they hold a role.
    pub(crate) fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// The form token, empty for programs.
    pub(crate) fn csrf(&self) -> &str {
        self.csrf.as_deref().unwrap_or_default()
    }

    /// Whether `sent` is the token that this session's forms carry.
    pub(crate) fn sent_by_own_form(&self, sent: &str) -> bool {
        self.csrf
            .as_deref()
            .is_some_and(|own| secrets::same(own, sent))
    }
}

/// A person with a session; everybody else is sent to sign in.
pub(crate) struct Person(pub(crate) Who);

impl FromRequestParts<Arc<Floor>> for Person {
    type Rejection = Response;
    async fn from_request_parts(parts: &mut Parts, floor: &Arc<Floor>) -> Result<Self, Response> {
        match by_cookie(floor, &parts.headers).await {
            Some(who) if who.roles.is_empty() => Err(no_role().into_response()),
            Some(who) => Ok(Self(who)),
            None => Err(Redirect::to("/sign-in").into_response()),
        }
    }
}

/// A program with an API token, or a person with a session.
pub(crate) struct Caller(pub(crate) Who);

impl FromRequestParts<Arc<Floor>> for Caller {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, floor: &Arc<Floor>) -> Result<Self, Problem> {
        if let Some(who) = parts.extensions.get::<Who>() {
            return Ok(Self(who.clone())); // the command line, in process
        }
        let bearer = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|v| v.to_str().ok())
            .and_then(|v| v.strip_prefix("Bearer "))
            .map(str::trim);
        if let Some(token) = bearer {
            let who = by_token(floor, token)
                .await
                .ok_or_else(Problem::unauthorized)?;
            return if who.roles.is_empty() {
                Err(no_role())
            } else {
                Ok(Self(who))
            };
        }
        let who = by_cookie(floor, &parts.headers)
            .await
            .ok_or_else(Problem::unauthorized)?;
        if who.roles.is_empty() {
            return Err(no_role());
        }
        // A page of another site can send our cookie; it cannot set this header.
        let safe = parts.method.is_safe()
            || parts
                .headers
                .get("x-csrf")
                .and_then(|v| v.to_str().ok())
                .is_some_and(|sent| who.sent_by_own_form(sent));
        if safe {
            Ok(Self(who))
        } else {
            Err(Problem::new(
                StatusCode::FORBIDDEN,
                "not allowed",
                "send the session's form token as `x-csrf`",
            ))
        }
    }
}

/// An account without a role may sign in and see nothing.
fn no_role() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "not allowed",
        "this account has no role; an administrator gives one with `watchfloor user link NAME --roles analyst`",
    )
}

async fn by_token(floor: &Floor, token: &str) -> Option<Who> {
    let found = floor
        .store
        .token_valid(
            &secrets::token_hash(token),
            TokenKind::Api,
            floor.clock.now(),
        )
        .await;
    let details = found
        .inspect_err(|error| tracing::error!(%error, "cannot look up a token"))
        .ok()??
        .details;
    let account = floor.store.account(&details.account?).await.ok()??;
    account.disabled.is_none().then_some(Who {
        user: account.id,
        roles: account.roles,
        csrf: None,
    })
}

async fn by_cookie(floor: &Floor, headers: &HeaderMap) -> Option<Who> {
    let token = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(cookie(floor))?.strip_prefix('='))?;
    let found = floor
        .store
        .session(&secrets::token_hash(token), floor.clock.now())
        .await;
    let session = found
        .inspect_err(|error| tracing::error!(%error, "cannot look up a session"))
        .ok()??;
    Some(Who {
        user: session.account.id,
        roles: session.account.roles,
        csrf: Some(session.csrf.reveal().clone()),
    })
}

/// Begins a session and returns the cookie that carries it.
pub(crate) async fn begin(floor: &Floor, user: &UserId, now: Timestamp) -> anyhow::Result<String> {
    let token = secrets::token("wfs_")?;
    floor
        .store
        .session_begin(&NewSession {
            hash: secrets::token_hash(token.reveal()),
            account: user.clone(),
            created: now,
            expires: now.checked_add(LASTS)?,
            csrf: Secret::new(secrets::token("")?.reveal().clone()),
        })
        .await?;
    Ok(format!(
        "{}={}; Path=/; HttpOnly; SameSite=Lax; Max-Age={}{}",
        cookie(floor),
        token.reveal(),
        LASTS.as_secs(),
        secure(floor),
    ))
}

/// Ends the session of a request and returns the cookie that removes it.
pub(crate) async fn end(floor: &Floor, headers: &HeaderMap) -> anyhow::Result<String> {
    let token = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .find_map(|p| p.trim().strip_prefix(cookie(floor))?.strip_prefix('='));
    if let Some(token) = token {
        floor.store.session_end(&secrets::token_hash(token)).await?;
    }
    Ok(format!(
        "{}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0{}",
        cookie(floor),
        secure(floor),
    ))
}

fn secure(floor: &Floor) -> &'static str {
    if floor.settings.tls.is_some() {
        "; Secure"
    } else {
        ""
    }
}

/// Slows down guessing: after five failures an account waits half a minute.
#[derive(Debug, Default)]
pub(crate) struct Guard(Mutex<HashMap<UserId, (u32, Timestamp)>>);

impl Guard {
    const FREE: u32 = 5;
    const WAIT: SignedDuration = SignedDuration::from_secs(30);

    /// Whether `user` may try now; counts the attempt, so that many at once are many.
    pub(crate) fn begin(&self, user: &UserId, now: Timestamp) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, (_, last)| now.duration_since(*last) < SignedDuration::from_hours(1));
        let (attempts, last) = all.entry(user.clone()).or_insert((0, now));
        if *attempts >= Self::FREE && now.duration_since(*last) <= Self::WAIT {
            return false;
        }
        (*attempts, *last) = (attempts.saturating_add(1), now);
        true
    }

    /// The attempt worked: what went before is forgotten.
    pub(crate) fn clear(&self, user: &UserId) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(user);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_failures_make_an_account_wait() {
        let guard = Guard::default();
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let [kim, lee]: [UserId; 2] = ["kim", "lee"].map(|u| u.parse().unwrap());
        for _ in 0..5 {
            assert!(guard.begin(&kim, now));
        }
        assert!(!guard.begin(&kim, now) && guard.begin(&lee, now));
        let later = now + SignedDuration::from_secs(31);
        assert!(guard.begin(&kim, later) && !guard.begin(&kim, later));
        guard.clear(&kim);
        assert!(guard.begin(&kim, later));
    }
}
