//! The ingest listener: one router, four protocols, one way through.
//!
//! A request is looked at in this order: size it states, token, admission by the inside, body
//! within bounds, decompression within bounds, acceptance. Each protocol answers in its own words.

mod elastic;
mod hec;
mod otlp;
mod plain;

use std::{net::SocketAddr, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use bytes::Bytes;
use futures_util::FutureExt as _;
use watchfloor_types::Diagnostic;

use crate::{
    Accepted, Delivery, Encoding, Head, Intake, Readiness, Refusal, Reply, Wire,
    auth::{Credentials, credentials},
    body::{BodyError, Memory, drain, read, unpack},
};
use otlp::Signal;

/// Bounds of the ingest listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpLimits {
    /// Largest body as sent, in bytes.
    pub body_bytes: usize,
    /// Largest body after decompression, in bytes.
    pub unpacked_bytes: usize,
    /// A body above 1 MiB may unpack to at most this many times its size.
    pub ratio: u32,
    /// Memory for the bodies of all requests together, in bytes. When it is used up, senders are
    /// told to come again.
    pub memory_bytes: usize,
    /// A body must have arrived after this time.
    pub body_time: Duration,
    /// A body must have been accepted after this time; else the sender is told to come again.
    pub answer_time: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            body_bytes: 32 << 20,
            unpacked_bytes: 128 << 20,
            ratio: 200,
            memory_bytes: 512 << 20,
            body_time: Duration::from_mins(1),
            answer_time: Duration::from_secs(30),
        }
    }
}

/// The ingest router over an intake. Serve it with [`crate::Listener::serve`].
pub fn router<I: Intake>(intake: Arc<I>, limits: HttpLimits) -> Router {
    let memory = Memory::new(limits.memory_bytes);
    let edge = Edge {
        intake,
        limits: Arc::new(limits),
        memory,
    };
    let bulk = post(elastic_bulk::<I>).put(elastic_bulk::<I>);
    let bulk_of = post(elastic_bulk_of::<I>).put(elastic_bulk_of::<I>);
    Router::new()
        .route("/ingest/{source}", post(plain_ingest::<I>))
        .route("/services/collector", post(hec_event::<I>))
        .route("/services/collector/event", post(hec_event::<I>))
        .route("/services/collector/event/1.0", post(hec_event::<I>))
        .route("/services/collector/raw", post(hec_raw::<I>))
        .route("/services/collector/raw/1.0", post(hec_raw::<I>))
        .route("/services/collector/health", get(hec_health::<I>))
        .route("/services/collector/health/1.0", get(hec_health::<I>))
        .route("/services/collector/ack", any(hec::no_acknowledgement))
        .route("/", get(elastic::root))
        .route("/_bulk", bulk)
        .route("/{index}/_bulk", bulk_of)
        .route("/v1/logs", post(otlp_logs::<I>))
        .route("/v1/traces", post(otlp_traces::<I>))
        .fallback(plain::no_such_path)
        .with_state(edge)
}

struct Edge<I> {
    intake: Arc<I>,
    limits: Arc<HttpLimits>,
    memory: Memory,
}

impl<I> Clone for Edge<I> {
    fn clone(&self) -> Self {
        Self {
            intake: Arc::clone(&self.intake),
            limits: Arc::clone(&self.limits),
            memory: self.memory.clone(),
        }
    }
}

/// What became of a request, before a protocol puts it into words.
#[derive(Debug)]
pub(crate) enum Answer {
    Accepted(Accepted),
    /// No token was sent.
    NoToken,
    /// `Authorization` has no form we know.
    BadAuthorization,
    /// A token was sent that is not valid.
    BadToken,
    Forbidden(String),
    UnknownSource(String),
    Busy(Duration),
    Stopping,
    /// The body is empty.
    NoData,
    /// The body is not what the protocol says; one line that says why and where.
    Invalid(String),
    UnsupportedType(String),
    TooLarge(u64),
    Slow,
    Internal,
}

async fn plain_ingest<I: Intake>(
    State(edge): State<Edge<I>>,
    Path(source): Path<String>,
    request: Request,
) -> Response {
    plain::answer(&take(&edge, Wire::Plain, Some(source), request).await)
}

async fn hec_event<I: Intake>(State(edge): State<Edge<I>>, request: Request) -> Response {
    hec::answer(&take(&edge, Wire::HecEvent, None, request).await)
}

async fn hec_raw<I: Intake>(State(edge): State<Edge<I>>, request: Request) -> Response {
    hec::answer(&take(&edge, Wire::HecRaw, None, request).await)
}

async fn hec_health<I: Intake>(State(edge): State<Edge<I>>) -> Response {
    hec::health(edge.intake.readiness())
}

async fn elastic_bulk<I: Intake>(State(edge): State<Edge<I>>, request: Request) -> Response {
    bulk(&edge, None, request).await
}

async fn elastic_bulk_of<I: Intake>(
    State(edge): State<Edge<I>>,
    Path(index): Path<String>,
    request: Request,
) -> Response {
    bulk(&edge, Some(index), request).await
}

async fn bulk<I: Intake>(edge: &Edge<I>, index: Option<String>, request: Request) -> Response {
    let style = elastic::Style::of(request.headers());
    let started = tokio::time::Instant::now();
    let answer = take(edge, Wire::ElasticBulk, index, request).await;
    elastic::answer(&answer, style, started.elapsed())
}

async fn otlp_logs<I: Intake>(State(edge): State<Edge<I>>, request: Request) -> Response {
    otlp_export(&edge, Signal::Logs, request).await
}

async fn otlp_traces<I: Intake>(State(edge): State<Edge<I>>, request: Request) -> Response {
    otlp_export(&edge, Signal::Traces, request).await
}

async fn otlp_export<I: Intake>(edge: &Edge<I>, signal: Signal, request: Request) -> Response {
    match otlp::encoding(request.headers()) {
        Ok(encoding) => {
            let wire = match signal {
                Signal::Logs => Wire::OtlpLogs(encoding),
                Signal::Traces => Wire::OtlpTraces(encoding),
            };
            let answer = match take(edge, wire, None, request).await {
                // An empty protobuf message has no bytes.
                Answer::NoData if encoding == Encoding::Protobuf => {
                    Answer::Accepted(Accepted::default())
                }
                answer => answer,
            };
            otlp::answer(&answer, encoding, signal)
        }
        Err(found) => {
            drain(request.into_body(), UNWANTED).await;
            otlp::answer(&Answer::UnsupportedType(found), Encoding::Json, signal)
        }
    }
}

/// Bytes that are read of a body that is refused for good.
const UNWANTED: usize = 256 << 10;

/// The one way through.
async fn take<I: Intake>(
    edge: &Edge<I>,
    wire: Wire,
    source: Option<String>,
    request: Request,
) -> Answer {
    let (parts, body) = request.into_parts();
    match admitted(edge, wire, source, &parts).await {
        Ok((head, ticket)) => accepted(edge, head, ticket, &parts.headers, body).await,
        Err(answer) => {
            // A sender that is known and only asked to come back is read to the end: it may not
            // look for an answer before it has sent everything.
            let limit = match answer {
                Answer::Busy(_) => edge.limits.body_bytes,
                _ => UNWANTED,
            };
            drain(body, limit).await;
            answer
        }
    }
}

async fn admitted<I: Intake>(
    edge: &Edge<I>,
    wire: Wire,
    source: Option<String>,
    parts: &Parts,
) -> Result<(Head, I::Ticket), Answer> {
    let stated = parts
        .headers
        .get(header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if stated.is_some_and(|length| length > edge.limits.body_bytes as u64) {
        return Err(Answer::TooLarge(edge.limits.body_bytes as u64));
    }
    let token = match credentials(&parts.headers) {
        Credentials::Missing => None,
        Credentials::Malformed => return Err(Answer::BadAuthorization),
        Credentials::Token(token) => Some(token),
    };
    let has_token = token.is_some();
    let head = Head {
        wire,
        source,
        token,
        peer: parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|ConnectInfo(peer)| *peer),
        content_type: text(&parts.headers, header::CONTENT_TYPE).map(str::to_owned),
        hints: hints(parts.uri.query().unwrap_or_default()),
    };
    match caught(edge.intake.admit(&head)).await {
        Some(Ok(ticket)) => Ok((head, ticket)),
        Some(Err(refusal)) => Err(refused(refusal, has_token)),
        None => Err(Answer::Internal),
    }
}

async fn accepted<I: Intake>(
    edge: &Edge<I>,
    head: Head,
    ticket: I::Ticket,
    headers: &HeaderMap,
    body: Body,
) -> Answer {
    let mut share = edge.memory.share();
    let packed = match read(body, &edge.limits, &mut share).await {
        Ok(packed) => packed,
        Err(error) => return not_read(error),
    };
    let wire_bytes = packed.len() as u64;
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    let encoding = encodings.next().map(|v| v.to_str().unwrap_or("?"));
    if encodings.next().is_some() {
        return Answer::UnsupportedType("several content encodings".to_owned());
    }
    // The share is held until the answer is known.
    let (body, _share) = match unpack(packed, encoding, &edge.limits, share).await {
        Ok(unpacked) => unpacked,
        Err(error) => return not_read(error),
    };
    if body.is_empty() {
        return Answer::NoData;
    }
    let has_token = head.token.is_some();
    let work = edge.intake.accept(
        ticket,
        Delivery {
            head,
            body,
            wire_bytes,
        },
    );
    match tokio::time::timeout(edge.limits.answer_time, caught(work)).await {
        Ok(Some(Reply::Accepted(accepted))) => Answer::Accepted(accepted),
        Ok(Some(Reply::Refused(refusal))) => refused(refusal, has_token),
        Ok(Some(Reply::Invalid(diagnostic))) => Answer::Invalid(say(&diagnostic)),
        Ok(Some(Reply::TooLarge { limit })) => Answer::TooLarge(limit),
        Ok(Some(Reply::Internal) | None) => Answer::Internal,
        Err(_) if edge.intake.readiness() == Readiness::Stopping => Answer::Stopping,
        Err(_) => Answer::Busy(Duration::from_secs(5)),
    }
}

/// A panic inside becomes no answer instead of a torn connection.
async fn caught<T>(work: impl Future<Output = T>) -> Option<T> {
    let result = AssertUnwindSafe(work).catch_unwind().await;
    if result.is_err() {
        tracing::error!("the intake panicked; the sender was told so");
    }
    result.ok()
}

fn refused(refusal: Refusal, has_token: bool) -> Answer {
    match refusal {
        Refusal::Unauthorized if has_token => Answer::BadToken,
        Refusal::Unauthorized => Answer::NoToken,
        Refusal::Forbidden(why) => Answer::Forbidden(why),
        Refusal::UnknownSource(source) => Answer::UnknownSource(source),
        Refusal::Busy(after) => Answer::Busy(after),
    }
}

fn not_read(error: BodyError) -> Answer {
    match error {
        BodyError::TooLarge { limit } => Answer::TooLarge(limit),
        BodyError::Bomb { ratio } => Answer::Invalid(format!(
            "the body unpacks to more than {ratio} times its size; send smaller batches"
        )),
        BodyError::Slow => Answer::Slow,
        BodyError::Full => Answer::Busy(Duration::from_secs(1)),
        BodyError::Broken => Answer::Invalid("the body was cut short".to_owned()),
        BodyError::Encoding(found) => {
            Answer::UnsupportedType(format!("content encoding `{found}`"))
        }
        BodyError::Corrupt(reason) => {
            Answer::Invalid(format!("the body does not unpack: {reason}"))
        }
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|v| v.to_str().ok())
}

fn hints(query: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(query.as_bytes())
        .filter(|(key, value)| key.len() <= 256 && value.len() <= 256)
        .take(16)
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect()
}

/// A response with a body of a type.
fn response(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response {
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static(content_type))];
    (status, headers, Body::from(body.into())).into_response()
}

/// Adds `Retry-After` in whole seconds, at least 1 (RFC 9110, section 10.2.3).
fn retry_after(mut response: Response, after: Duration) -> Response {
    let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    response
}

/// One line about an item or body that was not understood.
fn say(diagnostic: &Diagnostic) -> String {
    match &diagnostic.place {
        Some(place) => format!(
            "line {}, column {}: {}",
            place.line, place.column, diagnostic.message
        ),
        None => diagnostic.message.clone(),
    }
}
