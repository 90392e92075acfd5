//! The answers of OTLP/HTTP (OpenTelemetry Protocol 1.7, section "OTLP/HTTP"), in the encoding of
//! the request. The two messages are small enough to be written by hand.

use axum::{
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{Answer, response, retry_after};
use crate::{Accepted, Encoding};

/// What is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Logs,
    Traces,
}

/// Codes of `google.rpc.Code`.
const INVALID_ARGUMENT: u8 = 3;
const PERMISSION_DENIED: u8 = 7;
const RESOURCE_EXHAUSTED: u8 = 8;
const INTERNAL: u8 = 13;
const UNAVAILABLE: u8 = 14;
const UNAUTHENTICATED: u8 = 16;

/// The encoding by `Content-Type`; what was found instead, where it is neither.
pub(super) fn encoding(headers: &HeaderMap) -> Result<Encoding, String> {
    let found = headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let media = found
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    match media.as_str() {
        "application/x-protobuf" | "application/protobuf" => Ok(Encoding::Protobuf),
        "application/json" => Ok(Encoding::Json),
        _ => Err(format!(
            "content type `{}`",
            media.chars().take(80).collect::<String>()
        )),
    }
}

pub(super) fn answer(answer: &Answer, encoding: Encoding, signal: Signal) -> Response {
    let fail = |status: StatusCode, code: u8, message: &str| {
        let body = match encoding {
            Encoding::Protobuf => {
                // google.rpc.Status: code = 1, message = 2.
                let mut body = Vec::new();
                integer(&mut body, 1, u64::from(code));
                bytes(&mut body, 2, message.as_bytes());
                body
            }
            Encoding::Json => json!({ "code": code, "message": message })
                .to_string()
                .into_bytes(),
        };
        response(status, content_type(encoding), body)
    };
    let unauthorized = |message: &str| {
        let challenge = [(header::WWW_AUTHENTICATE, "Bearer realm=\"watchfloor\"")];
        (
            challenge,
            fail(StatusCode::UNAUTHORIZED, UNAUTHENTICATED, message),
        )
            .into_response()
    };
    match answer {
        Answer::Accepted(accepted) => response(
            StatusCode::OK,
            content_type(encoding),
            success(accepted, encoding, signal),
        ),
        Answer::NoToken => unauthorized("no token; set the header authorization=Bearer TOKEN"),
        Answer::BadAuthorization => unauthorized("the authorization header is not `Bearer TOKEN`"),
        Answer::BadToken => unauthorized("the token is not valid"),
        Answer::Forbidden(why) => fail(StatusCode::FORBIDDEN, PERMISSION_DENIED, why),
        Answer::UnknownSource(source) => fail(
            StatusCode::FORBIDDEN,
            PERMISSION_DENIED,
            &format!("there is no source `{source}`"),
        ),
        Answer::Busy(after) => retry_after(
            fail(
                StatusCode::TOO_MANY_REQUESTS,
                UNAVAILABLE,
                "the queues are full",
            ),
            *after,
        ),
        Answer::Stopping => fail(
            StatusCode::SERVICE_UNAVAILABLE,
            UNAVAILABLE,
            "the server is stopping",
        ),
        Answer::NoData => fail(
            StatusCode::BAD_REQUEST,
            INVALID_ARGUMENT,
            "the body is empty",
        ),
        Answer::Invalid(why) => fail(StatusCode::BAD_REQUEST, INVALID_ARGUMENT, why),
        Answer::UnsupportedType(found) => fail(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            INVALID_ARGUMENT,
            &format!(
                "cannot read {found}; send application/x-protobuf or application/json, gzip, zstd or deflate"
            ),
        ),
        Answer::TooLarge(limit) => fail(
            StatusCode::PAYLOAD_TOO_LARGE,
            RESOURCE_EXHAUSTED,
            &format!("the body is larger than {limit} bytes; export smaller batches"),
        ),
        // Not 408: exporters retry only 429, 502, 503 and 504.
        Answer::Slow => fail(
            StatusCode::SERVICE_UNAVAILABLE,
            UNAVAILABLE,
            "the body did not arrive in time",
        ),
        Answer::Internal => fail(
            StatusCode::INTERNAL_SERVER_ERROR,
            INTERNAL,
            "an error of the server; see its log",
        ),
    }
}

/// `ExportLogsServiceResponse` or `ExportTraceServiceResponse`; `partial_success` only when
/// something was refused.
fn success(accepted: &Accepted, encoding: Encoding, signal: Signal) -> Vec<u8> {
    let Some(first) = accepted.rejected.first() else {
        return match encoding {
            Encoding::Protobuf => Vec::new(),
            Encoding::Json => b"{}".to_vec(),
        };
    };
    let count = accepted.rejected.len() as u64;
    let message = format!("record {}: {}", first.index, first.reason);
    match encoding {
        Encoding::Protobuf => {
            let mut partial = Vec::new();
            integer(&mut partial, 1, count);
            bytes(&mut partial, 2, message.as_bytes());
            let mut body = Vec::new();
            bytes(&mut body, 1, &partial);
            body
        }
        // Protobuf's JSON mapping writes 64-bit integers as strings.
        Encoding::Json => {
            let name = match signal {
                Signal::Logs => "rejectedLogRecords",
                Signal::Traces => "rejectedSpans",
            };
            json!({ "partialSuccess": { name: count.to_string(), "errorMessage": message } })
                .to_string()
                .into_bytes()
        }
    }
}

fn content_type(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Protobuf => "application/x-protobuf",
        Encoding::Json => "application/json",
    }
}

/// A varint field (Protocol Buffers encoding, wire type 0).
fn integer(out: &mut Vec<u8>, field: u8, value: u64) {
    out.push(field << 3);
    varint(out, value);
}

/// A length-delimited field (wire type 2).
fn bytes(out: &mut Vec<u8>, field: u8, value: &[u8]) {
    out.push(field << 3 | 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
