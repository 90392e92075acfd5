//! What the listeners ask: who may send, and what became of it. Steps 1 and 2 of the pipeline.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use watchfloor_edge::{
    Accepted, BulkAction, BulkOp, Delivery, Encoding, Head, Intake, Readiness, Refusal, Rejected,
    Reply, Wire,
};
use watchfloor_ingest::{Decoded, Limits, format, json};
use watchfloor_lake::WalError;
use watchfloor_store::TokenKind;
use watchfloor_types::{Diagnostic, EventId, Frame, Mark, SourceId, TenantId, Timestamp};

use super::Floor;
use crate::{pipeline, secrets};

/// How long a sender is asked to stay away when queues are full.
const COME_BACK: Duration = Duration::from_secs(2);

/// The floor as the listeners see it.
#[derive(Clone)]
pub(crate) struct FloorIntake(pub(crate) Arc<Floor>);

/// What is known about an admitted sender.
pub(crate) struct Ticket {
    tenant: TenantId,
    /// Sources that the token may send to; empty means all.
    sources: Vec<SourceId>,
}

impl Intake for FloorIntake {
    type Ticket = Ticket;

    async fn admit(&self, head: &Head) -> Result<Ticket, Refusal> {
        let floor = &self.0;
        let Some(token) = &head.token else {
            return Err(Refusal::Unauthorized);
        };
        let hash = secrets::token_hash(token.reveal());
        let token = match floor
            .store
            .token_valid(&hash, TokenKind::Ingest, floor.clock.now())
            .await
        {
            Ok(Some(token)) => token,
            Ok(None) => return Err(Refusal::Unauthorized),
            Err(error) => {
                tracing::error!(%error, "cannot look up a token");
                return Err(Refusal::Busy(COME_BACK));
            }
        };
        let ticket = Ticket {
            tenant: token.details.tenant,
            sources: token.details.sources,
        };
        // The path names a source of ours for the plain wire only; elsewhere it is an index name.
        if head.wire == Wire::Plain {
            self.source(&ticket, head.source.as_deref().unwrap_or_default())?;
        }
        if floor.frames.is_full() {
            Err(Refusal::Busy(COME_BACK))
        } else {
            Ok(ticket)
        }
    }

    async fn accept(&self, ticket: Ticket, delivery: Delivery) -> Reply {
        let received = self.0.clock.now();
        let (decoded, actions) = decode(&delivery);
        if decoded.records.is_empty()
            && let [only] = decoded.errors.as_slice()
            && only.raw.len() >= delivery.body.len()
        {
            return Reply::Invalid(
                Diagnostic::error("N001", format!("byte {}: {}", only.offset, only.reason))
                    .help("see docs/api-ingest.md for the form of the body"),
            );
        }
        let routed = match self.route(&ticket, &delivery.head, &decoded, &actions) {
            Ok(routed) => routed,
            Err(refusal) => return Reply::Refused(refusal),
        };
        let mut first = None;
        for (source, records) in routed {
            let frame = Frame {
                seq: 0,
                received,
                source,
                tenant: ticket.tenant.clone(),
                mark: None,
                records,
            };
            match pipeline::accept(&self.0, frame).await {
                Ok(seq) => first = first.or(Some(seq)),
                Err(WalError::Busy { .. }) => return Reply::Refused(Refusal::Busy(COME_BACK)),
                Err(WalError::TooLarge { .. }) => return Reply::TooLarge { limit: 64 << 20 },
                Err(error) => {
                    tracing::error!(%error, "a request was not accepted");
                    return Reply::Internal;
                }
            }
        }
        Reply::Accepted(answer(
            &decoded,
            actions,
            received,
            first.unwrap_or_default(),
        ))
    }

    fn readiness(&self) -> Readiness {
        if self.0.frames.is_full() {
            Readiness::Full
        } else {
            Readiness::Ready
        }
    }
}

impl FloorIntake {
    fn source(&self, ticket: &Ticket, name: &str) -> Result<SourceId, Refusal> {
        let known = name
            .parse::<SourceId>()
            .ok()
            .filter(|id| self.0.sources.get(id).is_some());
        let Some(id) = known else {
            return Err(Refusal::UnknownSource(name.chars().take(80).collect()));
        };
        if ticket.sources.is_empty() || ticket.sources.contains(&id) {
            Ok(id)
        } else {
            Err(Refusal::Forbidden(format!(
                "this token may not send to source `{id}`"
            )))
        }
    }

    /// Which records go to which source. What the wire says is tried first; a token for one source
    /// settles the rest; `generic` takes what names no source of ours.
    fn route(
        &self,
        ticket: &Ticket,
        head: &Head,
        decoded: &Decoded,
        actions: &[(BulkAction, Option<usize>)],
    ) -> Result<Vec<(SourceId, Vec<Bytes>)>, Refusal> {
        let settled = |name: Option<&str>| -> Result<SourceId, Refusal> {
            if let Some(Ok(id)) = name.map(|n| self.source(ticket, n)) {
                return Ok(id);
            }
            match ticket.sources.as_slice() {
                [only] => Ok(only.clone()),
                _ => self.source(ticket, "generic"),
            }
        };
        let mut routed: BTreeMap<SourceId, Vec<Bytes>> = BTreeMap::new();
        match head.wire {
            Wire::Plain => {
                let source = self.source(ticket, head.source.as_deref().unwrap_or_default())?;
                routed.insert(source, decoded.records.clone());
            }
            Wire::OtlpLogs(_) | Wire::OtlpTraces(_) => {
                routed.insert(self.source(ticket, "otel")?, decoded.records.clone());
            }
            Wire::HecRaw => {
                routed.insert(settled(hint(head, "sourcetype"))?, decoded.records.clone());
            }
            Wire::HecEvent => {
                for record in &decoded.records {
                    let named = json::parse(record).ok().and_then(|j| {
                        j.get("sourcetype")
                            .and_then(json::Json::text)
                            .map(str::to_owned)
                    });
                    routed
                        .entry(settled(named.as_deref().or(hint(head, "sourcetype")))?)
                        .or_default()
                        .push(record.clone());
                }
            }
            Wire::ElasticBulk => {
                for (action, record) in actions {
                    let Some(record) = record.and_then(|i| decoded.records.get(i)) else {
                        continue;
                    };
                    routed
                        .entry(settled(Some(&action.index))?)
                        .or_default()
                        .push(record.clone());
                }
            }
        }
        routed.retain(|_, records| !records.is_empty());
        Ok(routed.into_iter().collect())
    }
}

fn hint<'a>(head: &'a Head, name: &str) -> Option<&'a str> {
    head.hints
        .iter()
        .find(|(n, _)| n == name)
        .map(|(_, v)| v.as_str())
}

/// Actions of a bulk request, each with the position of its record; empty for other wires.
type Actions = Vec<(BulkAction, Option<usize>)>;

fn decode(delivery: &Delivery) -> (Decoded, Actions) {
    let limits = Limits::default();
    let body = &delivery.body;
    let id = match delivery.head.wire {
        Wire::ElasticBulk => return decode_bulk(delivery, &limits),
        Wire::Plain => plain(delivery.head.content_type.as_deref(), body),
        Wire::HecEvent => "hec-event",
        Wire::HecRaw => "hec-raw",
        Wire::OtlpLogs(Encoding::Protobuf) => "otlp-logs",
        Wire::OtlpLogs(Encoding::Json) => "otlp-logs-json",
        Wire::OtlpTraces(Encoding::Protobuf) => "otlp-traces",
        Wire::OtlpTraces(Encoding::Json) => "otlp-traces-json",
    };
    (
        format::find(id)
            .map(|f| (f.decode)(body, &limits))
            .unwrap_or_default(),
        Vec::new(),
    )
}

/// NDJSON, a JSON document or text: by what was declared, else by the first byte that is not space.
fn plain(content_type: Option<&str>, body: &Bytes) -> &'static str {
    let declared = content_type
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    let first = body.iter().find(|b| !b.is_ascii_whitespace());
    match (declared, first) {
        (_, Some(b'[')) => "json",
        ("text/plain", Some(b)) if *b != b'{' => "text",
        ("application/json", Some(b'{')) if json::parse(body).is_ok() => "json",
        _ => "ndjson",
    }
}

fn decode_bulk(delivery: &Delivery, limits: &Limits) -> (Decoded, Actions) {
    let bulk = watchfloor_ingest::format::bulk::decode(&delivery.body, limits);
    let path = delivery.head.source.as_deref().unwrap_or_default();
    let actions = bulk
        .items
        .iter()
        .map(|item| {
            let op = match item.action.as_str() {
                "create" => BulkOp::Create,
                "update" => BulkOp::Update,
                "delete" => BulkOp::Delete,
                _ => BulkOp::Index,
            };
            let action = BulkAction {
                op,
                index: item.index.clone().unwrap_or_else(|| path.to_owned()),
                id: item.id.clone().unwrap_or_default(),
            };
            (action, item.outcome.as_ref().ok().copied())
        })
        .collect();
    let mut decoded = bulk.decoded;
    // The answer needs the reason of each refused action at the action's own position.
    decoded.errors = bulk
        .items
        .iter()
        .enumerate()
        .filter_map(|(index, item)| {
            let refusal = item.outcome.as_ref().err()?;
            Some(watchfloor_ingest::RecordError {
                index,
                line: item.line,
                offset: 0,
                reason: refusal.reason.clone(),
                raw: Bytes::new(),
            })
        })
        .collect();
    (decoded, actions)
}

fn answer(decoded: &Decoded, actions: Actions, received: Timestamp, seq: u64) -> Accepted {
    Accepted {
        accepted: decoded.records.len() as u64,
        rejected: decoded
            .errors
            .iter()
            .map(|e| Rejected {
                index: e.index as u64,
                line: (e.line > 0).then_some(e.line as u64),
                reason: e.reason.clone(),
            })
            .collect(),
        actions: actions
            .into_iter()
            .enumerate()
            .map(|(i, (mut action, _))| {
                if action.id.is_empty() {
                    action.id =
                        EventId::of_record(received, seq, u32::try_from(i).unwrap_or_default())
                            .to_string();
                }
                action
            })
            .collect(),
    }
}

/// Sends records through the same path on behalf of an exercise, with its mark in the envelope.
pub(crate) async fn emit(
    floor: &Floor,
    source: SourceId,
    tenant: TenantId,
    mark: Mark,
    records: Vec<Bytes>,
) -> Result<(u64, Timestamp), WalError> {
    let received = floor.clock.now();
    let frame = Frame {
        seq: 0,
        received,
        source,
        tenant,
        mark: Some(mark),
        records,
    };
    let seq = pipeline::accept(floor, frame).await?;
    Ok((seq, floor.clock.now()))
}
