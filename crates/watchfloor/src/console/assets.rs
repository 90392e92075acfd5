//! Assets of the console and the headers that every page carries.

use std::time::Duration;

use axum::{
    body::Body,
    extract::{Path, Request},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::StreamExt;

static ASSETS: &[(&str, &str, &str)] = &[
    (
        "console.css",
        "text/css; charset=utf-8",
        include_str!("../../assets/console.css"),
    ),
    (
        "console.js",
        "text/javascript; charset=utf-8",
        include_str!("../../assets/console.js"),
    ),
    (
        "icon.svg",
        "image/svg+xml",
        include_str!("../../assets/icon.svg"),
    ),
];

/// `GET /assets/{name}`
pub(crate) async fn asset(Path(name): Path<String>) -> Response {
    match ASSETS.iter().find(|(n, _, _)| *n == name) {
        Some((_, kind, body)) => (
            [
                (header::CONTENT_TYPE, *kind),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
            ],
            *body,
        )
            .into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Headers that keep attacker text in pages from doing anything: no foreign script, frame, form or style.
static HEADERS: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), geolocation=(), microphone=(), payment=()",
    ),
];

/// Longest time that the body of a request may take.
const BODY_TIME: Duration = Duration::from_secs(60);

/// Refuses changes that another site's page asks for (Fetch Metadata, section 2.4), and bodies that
/// do not come to an end.
pub(crate) async fn guard(request: Request, next: Next) -> Response {
    let site = request.headers().get("sec-fetch-site");
    let foreign = site.is_some_and(|v| v != "same-origin" && v != "none");
    if foreign && !request.method().is_safe() {
        return StatusCode::FORBIDDEN.into_response();
    }
    let until = tokio::time::Instant::now() + BODY_TIME;
    let in_time = |body: Body| {
        let chunks =
            futures_util::stream::unfold(Some(body.into_data_stream()), move |state| async move {
                let mut stream = state?;
                match tokio::time::timeout_at(until, stream.next()).await {
                    Ok(Some(chunk)) => Some((chunk.map_err(std::io::Error::other), Some(stream))),
                    Ok(None) => None,
                    Err(_) => {
                        let late = std::io::Error::other("the body did not arrive in time");
                        Some((Err(late), None))
                    }
                }
            });
        Body::from_stream(chunks)
    };
    next.run(request.map(in_time)).await
}

/// Adds the security headers; pages are not cached, they show the state of a moment.
pub(crate) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let map = response.headers_mut();
    for (name, value) in HEADERS {
        map.entry(HeaderName::from_static(name))
            .or_insert(HeaderValue::from_static(value));
    }
    map.entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_stay_under_60_kilobytes() {
        let bytes: usize = ASSETS
            .iter()
            .filter(|(n, _, _)| {
                std::path::Path::new(n)
                    .extension()
                    .is_some_and(|e| e == "js")
            })
            .map(|(_, _, b)| b.len())
            .sum();
        assert!(bytes < 60_000, "{bytes}");
    }
}
