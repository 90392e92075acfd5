//! The answers of Splunk's HTTP Event Collector: a text and a code, as its senders compare them.

use std::time::Duration;

use axum::{http::StatusCode, response::Response};
use serde_json::json;

use super::{Answer, response, retry_after};
use crate::Readiness;

pub(super) fn answer(answer: &Answer) -> Response {
    match answer {
        Answer::Accepted(accepted) => match accepted.rejected.first() {
            None => say(StatusCode::OK, 0, "Success"),
            // The good events of the request are kept; Splunk, too, names only the first bad one.
            Some(first) => {
                let body = json!({ "text": "Invalid data format", "code": 6, "invalid-event-number": first.index });
                response(
                    StatusCode::BAD_REQUEST,
                    "application/json",
                    body.to_string(),
                )
            }
        },
        Answer::NoToken => say(StatusCode::UNAUTHORIZED, 2, "Token is required"),
        Answer::BadAuthorization => say(StatusCode::UNAUTHORIZED, 3, "Invalid authorization"),
        Answer::BadToken => say(StatusCode::FORBIDDEN, 4, "Invalid token"),
        Answer::NoData => say(StatusCode::BAD_REQUEST, 5, "No data"),
        Answer::Invalid(_) | Answer::UnsupportedType(_) => {
            say(StatusCode::BAD_REQUEST, 6, "Invalid data format")
        }
        // The only thing a token can be kept from here is the place it writes to.
        Answer::Forbidden(_) | Answer::UnknownSource(_) => {
            say(StatusCode::BAD_REQUEST, 7, "Incorrect index")
        }
        Answer::Internal => say(
            StatusCode::INTERNAL_SERVER_ERROR,
            8,
            "Internal server error",
        ),
        Answer::Busy(after) => retry_after(
            say(StatusCode::SERVICE_UNAVAILABLE, 9, "Server is busy"),
            *after,
        ),
        Answer::Slow => say(StatusCode::REQUEST_TIMEOUT, 6, "Invalid data format"),
        Answer::Stopping => say(
            StatusCode::SERVICE_UNAVAILABLE,
            23,
            "Server is shutting down",
        ),
        // Splunk answers 413 without a code of its own.
        Answer::TooLarge(limit) => {
            let body = json!({ "text": format!("Content-Length too large (maximum is {limit})"), "code": 6 });
            response(
                StatusCode::PAYLOAD_TOO_LARGE,
                "application/json",
                body.to_string(),
            )
        }
    }
}

pub(super) fn health(readiness: Readiness) -> Response {
    match readiness {
        Readiness::Ready => say(StatusCode::OK, 17, "HEC is healthy"),
        Readiness::Full => retry_after(
            say(
                StatusCode::SERVICE_UNAVAILABLE,
                18,
                "HEC is unhealthy, queues are full",
            ),
            Duration::from_secs(1),
        ),
        Readiness::Stopping => say(
            StatusCode::SERVICE_UNAVAILABLE,
            23,
            "Server is shutting down",
        ),
    }
}

/// Success means durable here, so that there is nothing left to acknowledge.
pub(super) async fn no_acknowledgement() -> Response {
    say(StatusCode::BAD_REQUEST, 14, "ACK is disabled")
}

fn say(status: StatusCode, code: u16, text: &str) -> Response {
    response(
        status,
        "application/json",
        json!({ "text": text, "code": code }).to_string(),
    )
}
