//! What the listeners need from the inside: one trait, in the words of no protocol.

use std::{future::Future, net::SocketAddr, time::Duration};

use bytes::Bytes;
use watchfloor_types::{Diagnostic, Secret};

/// Takes what arrives. The binary implements it over tokens, formats and the write-ahead log.
pub trait Intake: Send + Sync + 'static {
    /// What [`Intake::admit`] found out about the sender, such as tenant and source.
    type Ticket: Send;

    /// Decides by the head of a request whether its body may be read at all. A sender without a
    /// valid token is refused here, before it has cost memory.
    fn admit(&self, head: &Head) -> impl Future<Output = Result<Self::Ticket, Refusal>> + Send;

    /// Takes the body. Returns [`Reply::Accepted`] only when the records are kept durably. The
    /// future may be dropped when the sender is gone or the answer takes too long.
    fn accept(
        &self,
        ticket: Self::Ticket,
        delivery: Delivery,
    ) -> impl Future<Output = Reply> + Send;

    /// Whether more could be taken now; asked by health checks.
    fn readiness(&self) -> Readiness;
}

/// The protocol a request speaks. It decides how the body is cut into records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wire {
    /// `POST /ingest/{source}`: NDJSON, a JSON array or lines of text.
    Plain,
    /// Splunk HTTP Event Collector, `/services/collector/event`: JSON objects one after the other.
    HecEvent,
    /// Splunk HTTP Event Collector, `/services/collector/raw`: lines of text.
    HecRaw,
    /// Elasticsearch `_bulk`: action and document lines.
    ElasticBulk,
    /// OTLP/HTTP logs: one `ExportLogsServiceRequest`.
    OtlpLogs(Encoding),
    /// OTLP/HTTP traces: one `ExportTraceServiceRequest`.
    OtlpTraces(Encoding),
}

/// How an OTLP message is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// `application/x-protobuf`.
    Protobuf,
    /// `application/json`.
    Json,
}

/// A request without its body.
#[derive(Debug, Clone)]
pub struct Head {
    /// The protocol.
    pub wire: Wire,
    /// The source or index that the path names.
    pub source: Option<String>,
    /// The token, whichever header it came in.
    pub token: Option<Secret<String>>,
    /// Who connected; none where there is no connection, as in tests.
    pub peer: Option<SocketAddr>,
    /// `Content-Type` as sent.
    pub content_type: Option<String>,
    /// Query parameters, decoded: at most 16 of at most 256 bytes. Splunk sends `sourcetype`,
    /// `host`, `index`, `channel` here, Elasticsearch `pipeline`.
    pub hints: Vec<(String, String)>,
}

/// A request whose body has been read and decompressed.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The head.
    pub head: Head,
    /// The body; not empty.
    pub body: Bytes,
    /// Size of the body on the wire, before decompression.
    pub wire_bytes: u64,
}

/// Why a body is not even read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The token is missing or unknown.
    Unauthorized,
    /// The token is known but may not do this; one line that says what.
    Forbidden(String),
    /// There is no such source.
    UnknownSource(String),
    /// Come again after this time.
    Busy(Duration),
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// The records are kept durably; some may have been refused one by one.
    Accepted(Accepted),
    /// Not even read.
    Refused(Refusal),
    /// The body as a whole is not what the protocol says; nothing of it is kept.
    Invalid(Diagnostic),
    /// Too large for a reason that only the inside knows.
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// Our fault; the cause is in the log, not in the answer.
    Internal,
}

/// Which records of a delivery were taken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accepted {
    /// How many were taken and are durable.
    pub accepted: u64,
    /// Those that were not understood, by position. They are kept as dead letters.
    pub rejected: Vec<Rejected>,
    /// For [`Wire::ElasticBulk`]: every action in order, refused ones too. Empty for the rest.
    pub actions: Vec<BulkAction>,
}

/// A record that was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Its position among the records of the request, 0 is the first.
    pub index: u64,
    /// Its line in the body where it has lines, 1 is the first.
    pub line: Option<u64>,
    /// What is wrong, lower case, no full stop.
    pub reason: String,
}

/// An action line of `_bulk`, for the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkAction {
    /// The action.
    pub op: BulkOp,
    /// `_index` of the line, else of the path.
    pub index: String,
    /// `_id` of the line, else the id that the event was given.
    pub id: String,
}

/// The actions of `_bulk`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BulkOp {
    /// `create`.
    Create,
    /// `index`.
    Index,
    /// `update`; events are never changed, so it is always refused.
    Update,
    /// `delete`; events are never deleted by a sender, so it is always refused.
    Delete,
}

impl BulkOp {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Index => "index",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// Whether more could be taken now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Yes.
    Ready,
    /// No: queues are full.
    Full,
    /// No: the server is stopping.
    Stopping,
}
