//! `POST /ingest/{source}` and everything that no protocol claims: JSON, errors as problem
//! details (RFC 9457).

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{Answer, response, retry_after};

/// At most this many refused records are listed.
const LISTED: usize = 1_000;

pub(super) fn answer(answer: &Answer) -> Response {
    match answer {
        Answer::Accepted(accepted) => {
            let rejected: Vec<Value> = accepted
                .rejected
                .iter()
                .take(LISTED)
                .map(|r| json!({ "line": r.line.unwrap_or(r.index + 1), "reason": r.reason }))
                .collect();
            let mut body = json!({ "accepted": accepted.accepted, "rejected": rejected });
            if accepted.rejected.len() > LISTED
                && let Some(fields) = body.as_object_mut()
            {
                fields.insert("rejected_total".to_owned(), json!(accepted.rejected.len()));
            }
            let all_bad = accepted.accepted == 0 && !accepted.rejected.is_empty();
            let status = if all_bad {
                StatusCode::BAD_REQUEST
            } else {
                StatusCode::OK
            };
            response(status, "application/json", body.to_string())
        }
        Answer::NoData => response(
            StatusCode::OK,
            "application/json",
            r#"{"accepted":0,"rejected":[]}"#,
        ),
        Answer::NoToken => unauthorized("no token; send `Authorization: Bearer TOKEN`"),
        Answer::BadAuthorization => unauthorized("the authorization header is not `Bearer TOKEN`"),
        Answer::BadToken => unauthorized("the token is not valid"),
        Answer::Forbidden(why) => problem(StatusCode::FORBIDDEN, why),
        Answer::UnknownSource(source) => problem(
            StatusCode::NOT_FOUND,
            &format!("there is no source `{source}`"),
        ),
        Answer::Busy(after) => retry_after(
            problem(
                StatusCode::TOO_MANY_REQUESTS,
                "the queues are full; nothing was taken",
            ),
            *after,
        ),
        Answer::Stopping => problem(
            StatusCode::SERVICE_UNAVAILABLE,
            "the server is stopping; nothing was taken",
        ),
        Answer::Invalid(why) => problem(StatusCode::BAD_REQUEST, why),
        Answer::UnsupportedType(found) => problem(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            &format!("cannot read {found}; send gzip, zstd or deflate"),
        ),
        Answer::TooLarge(limit) => problem(
            StatusCode::PAYLOAD_TOO_LARGE,
            &format!("the body is larger than {limit} bytes; nothing was taken"),
        ),
        Answer::Slow => problem(
            StatusCode::REQUEST_TIMEOUT,
            "the body did not arrive in time; nothing was taken",
        ),
        Answer::Internal => problem(
            StatusCode::INTERNAL_SERVER_ERROR,
            "an error of the server; see its log",
        ),
    }
}

pub(super) async fn no_such_path() -> Response {
    problem(
        StatusCode::NOT_FOUND,
        "no such path; POST to /ingest/{source}, /services/collector, /_bulk, /v1/logs or /v1/traces",
    )
}

fn unauthorized(detail: &str) -> Response {
    let challenge = [(
        header::WWW_AUTHENTICATE,
        HeaderValue::from_static("Bearer realm=\"watchfloor\""),
    )];
    (challenge, problem(StatusCode::UNAUTHORIZED, detail)).into_response()
}

fn problem(status: StatusCode, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or_default();
    let body = json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail });
    response(status, "application/problem+json", body.to_string())
}
