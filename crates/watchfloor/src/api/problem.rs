//! Errors of the API: problem details (RFC 9457).

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;
use watchfloor_respond::Refusal;

/// What went wrong with a request.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// HTTP status.
    pub status: u16,
    /// Short name of the problem, the same for the same kind.
    pub title: String,
    /// What happened this time, and the way out.
    pub detail: String,
    /// Where in the input, counted in characters from 1, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u32>,
}

impl Problem {
    /// A problem of a kind.
    pub(crate) fn new(status: StatusCode, title: &str, detail: impl Into<String>) -> Self {
        Self {
            status: status.as_u16(),
            title: title.to_owned(),
            detail: detail.into(),
            position: None,
        }
    }
    /// The input is wrong.
    pub(crate) fn bad(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad input", detail)
    }
    /// There is no such thing.
    pub(crate) fn missing(kind: &str, id: impl std::fmt::Display) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not found",
            format!("no {kind} `{id}`"),
        )
    }
    /// Nobody is signed in.
    pub(crate) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "not signed in",
            "send a token of `watchfloor token create --api` as `Authorization: Bearer …`",
        )
    }
    /// Something of ours failed; the cause is in the log, not in the answer.
    pub(crate) fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal error",
            "the cause is in the server's log",
        )
    }
    /// The same with a place in the input.
    pub(crate) fn at(mut self, position: u32) -> Self {
        self.position = Some(position);
        self
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (status, title) = match &refusal {
            Refusal::NotFound { .. } => (StatusCode::NOT_FOUND, "not found"),
            Refusal::NotAllowed { .. }
            | Refusal::SamePerson { .. }
            | Refusal::NeedsPerson { .. }
            | Refusal::PlayerOutside { .. } => (StatusCode::FORBIDDEN, "not allowed"),
            Refusal::Conflict(_) => (StatusCode::CONFLICT, "not possible now"),
            Refusal::Invalid(_) => (StatusCode::BAD_REQUEST, "bad input"),
            Refusal::Loop { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "internal error"),
        };
        Self::new(status, title, refusal.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (
            status,
            [(header::CONTENT_TYPE, "application/problem+json")],
            Json(self),
        )
            .into_response()
    }
}
