//! The answers of Elasticsearch's `_bulk` and of its root, as far as senders need them.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::json;

use super::{Answer, response, retry_after};
use crate::Accepted;

/// Without it, official clients refuse to talk.
const PRODUCT: HeaderName = HeaderName::from_static("x-elastic-product");

/// The version of the REST API that a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Plain JSON.
    Plain,
    /// `compatible-with=8`.
    Eight,
    /// `compatible-with=9`.
    Nine,
}

impl Style {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let accept = headers
            .get(header::ACCEPT)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default();
        match accept
            .split_once("compatible-with=")
            .map(|(_, version)| version.trim())
        {
            Some(version) if version.starts_with('8') => Self::Eight,
            Some(version) if version.starts_with('9') => Self::Nine,
            Some(_) | None => Self::Plain,
        }
    }
    fn content_type(self) -> &'static str {
        match self {
            Self::Plain => "application/json",
            Self::Eight => "application/vnd.elasticsearch+json;compatible-with=8",
            Self::Nine => "application/vnd.elasticsearch+json;compatible-with=9",
        }
    }
    /// The version whose answers we give; senders compare it with their own.
    fn version(self) -> &'static str {
        match self {
            Self::Eight => "8.19.0",
            Self::Plain | Self::Nine => "9.1.0",
        }
    }
}

/// `GET /`: what clients ask first.
pub(super) async fn root(headers: HeaderMap) -> Response {
    let style = Style::of(&headers);
    let body = json!({
        "name": "watchfloor",
        "cluster_name": "watchfloor",
        "cluster_uuid": "watchfloor",
        "version": {
            "number": style.version(),
            "build_flavor": "default",
            "build_type": "watchfloor",
            "build_hash": "watchfloor",
            "build_date": "1970-01-01T00:00:00Z",
            "build_snapshot": false,
            "lucene_version": "10.0.0",
            "minimum_wire_compatibility_version": "8.19.0",
            "minimum_index_compatibility_version": "8.0.0",
        },
        "tagline": "You Know, for Search",
    });
    product(response(
        StatusCode::OK,
        style.content_type(),
        body.to_string(),
    ))
}

pub(super) fn answer(answer: &Answer, style: Style, took: Duration) -> Response {
    let fail = |status: StatusCode, kind: &str, reason: &str| {
        let cause = json!({ "type": kind, "reason": reason });
        let body = json!({
            "error": { "root_cause": [cause], "type": kind, "reason": reason },
            "status": status.as_u16(),
        });
        response(status, style.content_type(), body.to_string())
    };
    let unauthorized = |reason: &str| {
        let challenge = [(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("ApiKey, Basic realm=\"watchfloor\""),
        )];
        (
            challenge,
            fail(StatusCode::UNAUTHORIZED, "security_exception", reason),
        )
            .into_response()
    };
    product(match answer {
        Answer::Accepted(accepted) => {
            response(StatusCode::OK, style.content_type(), items(accepted, took))
        }
        Answer::NoToken => {
            unauthorized("missing authentication credentials for REST request [/_bulk]")
        }
        Answer::BadAuthorization => unauthorized("unable to read the authorization header"),
        Answer::BadToken => unauthorized("unable to authenticate with provided credentials"),
        Answer::Forbidden(why) => fail(StatusCode::FORBIDDEN, "security_exception", why),
        Answer::UnknownSource(source) => fail(
            StatusCode::NOT_FOUND,
            "index_not_found_exception",
            &format!("no such index [{source}]"),
        ),
        Answer::Busy(after) => retry_after(
            fail(
                StatusCode::TOO_MANY_REQUESTS,
                "es_rejected_execution_exception",
                "the queues are full",
            ),
            *after,
        ),
        Answer::Stopping => fail(
            StatusCode::SERVICE_UNAVAILABLE,
            "node_closed_exception",
            "the server is stopping",
        ),
        Answer::NoData => fail(
            StatusCode::BAD_REQUEST,
            "parse_exception",
            "request body is required",
        ),
        Answer::Invalid(why) => fail(StatusCode::BAD_REQUEST, "illegal_argument_exception", why),
        Answer::UnsupportedType(found) => fail(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "media_type_header_exception",
            &format!("cannot read {found}; send gzip, zstd or deflate"),
        ),
        Answer::TooLarge(limit) => fail(
            StatusCode::PAYLOAD_TOO_LARGE,
            "content_too_long_exception",
            &format!("the body is larger than {limit} bytes"),
        ),
        Answer::Slow => fail(
            StatusCode::REQUEST_TIMEOUT,
            "timeout_exception",
            "the body did not arrive in time",
        ),
        Answer::Internal => fail(
            StatusCode::INTERNAL_SERVER_ERROR,
            "exception",
            "an error of the server; see its log",
        ),
    })
}

#[derive(Serialize)]
struct Bulk<'a> {
    took: u64,
    errors: bool,
    items: Vec<BTreeMap<&'static str, Item<'a>>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Item<'a> {
    Created {
        _index: &'a str,
        _id: &'a str,
        _version: u8,
        result: &'static str,
        _shards: Shards,
        _seq_no: usize,
        _primary_term: u8,
        status: u16,
    },
    Refused {
        _index: &'a str,
        _id: &'a str,
        status: u16,
        error: ItemError<'a>,
    },
}

#[derive(Serialize)]
struct Shards {
    total: u8,
    successful: u8,
    failed: u8,
}

#[derive(Serialize)]
struct ItemError<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    reason: &'a str,
}

/// One item per action, in order: clients find their document by position.
fn items(accepted: &Accepted, took: Duration) -> Vec<u8> {
    let reasons: BTreeMap<u64, &str> = accepted
        .rejected
        .iter()
        .map(|r| (r.index, r.reason.as_str()))
        .collect();
    let items = accepted
        .actions
        .iter()
        .enumerate()
        .map(|(at, action)| {
            let item = match reasons.get(&(at as u64)) {
                None => Item::Created {
                    _index: &action.index,
                    _id: &action.id,
                    _version: 1,
                    result: "created",
                    _shards: Shards {
                        total: 1,
                        successful: 1,
                        failed: 0,
                    },
                    _seq_no: at,
                    _primary_term: 1,
                    status: 201,
                },
                Some(reason) => Item::Refused {
                    _index: &action.index,
                    _id: &action.id,
                    status: 400,
                    error: ItemError {
                        kind: "document_parsing_exception",
                        reason,
                    },
                },
            };
            BTreeMap::from([(action.op.as_str(), item)])
        })
        .collect();
    let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let bulk = Bulk {
        took,
        errors: !accepted.rejected.is_empty(),
        items,
    };
    serde_json::to_vec(&bulk).unwrap_or_default()
}

fn product(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(PRODUCT, HeaderValue::from_static("Elasticsearch"));
    response
}
