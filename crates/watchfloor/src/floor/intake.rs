//! What the listeners ask: who may send, and what became of it. Steps 1 and 2 of the pipeline.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use watchfloor_edge::{
    Accepted, BulkAction, BulkOp, Delivery, Encoding, Head, Intake, Readiness, Refusal, Rejected,
    Reply, Wire,
};
use watchfloor_ingest::{Decoded, Limits, RecordError, format, json};
use watchfloor_lake::WalError;
use watchfloor_store::TokenKind;
use watchfloor_types::{Diagnostic, EventId, Frame, Mark, Refused, SourceId, TenantId, Timestamp};

use super::Floor;
use crate::{pipeline, secrets};

/// How long a sender is kept waiting before it is asked to come back.
const PATIENCE: Duration = Duration::from_secs(5);

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
        if floor.frames.room(PATIENCE).await {
            Ok(ticket)
        } else {
            Err(Refusal::Busy(COME_BACK))
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
        for (source, share) in routed {
            let frame = Frame {
                seq: 0,
                received,
                source,
                tenant: ticket.tenant.clone(),
                mark: None,
                records: share.records,
                refused: share.refused,
            };
            let outcome = match first {
                None => pipeline::accept(&self.0, frame).await,
                // A part of the request is kept: asking for all of it again would double that part.
                Some(_) => accept_patiently(&self.0, frame).await,
            };
            match outcome {
                Ok(seq) => first = first.or(Some(seq)),
                // Busy says that nothing was taken, which holds for the first part only.
                Err(WalError::Busy { .. }) if first.is_none() => {
                    return Reply::Refused(Refusal::Busy(COME_BACK));
                }
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
        if self.0.is_down() {
            Readiness::Stopping
        } else if self.0.frames.is_full() || self.0.lake.is_refusing() {
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
    ) -> Result<Vec<(SourceId, Share)>, Refusal> {
        let settled = |name: Option<&str>| -> Result<SourceId, Refusal> {
            if let Some(Ok(id)) = name.map(|n| self.source(ticket, n)) {
                return Ok(id);
            }
            match ticket.sources.as_slice() {
                [only] => Ok(only.clone()),
                _ => self.source(ticket, "generic"),
            }
        };
        let mut routed: BTreeMap<SourceId, Share> = BTreeMap::new();
        let all = || Share {
            records: decoded.records.clone(),
            refused: decoded.errors.iter().filter_map(refused).collect(),
        };
        match head.wire {
            Wire::Plain => {
                let source = self.source(ticket, head.source.as_deref().unwrap_or_default())?;
                routed.insert(source, all());
            }
            Wire::OtlpLogs(_) | Wire::OtlpTraces(_) => {
                routed.insert(self.source(ticket, "otel")?, all());
            }
            Wire::HecRaw => {
                routed.insert(settled(hint(head, "sourcetype"))?, all());
            }
            Wire::HecEvent => {
                routed
                    .entry(settled(hint(head, "sourcetype"))?)
                    .or_default()
                    .refused = all().refused;
                for record in &decoded.records {
                    let named = json::parse(record).ok().and_then(|j| {
                        j.get("sourcetype")
                            .and_then(json::Json::text)
                            .map(str::to_owned)
                    });
                    routed
                        .entry(settled(named.as_deref().or(hint(head, "sourcetype")))?)
                        .or_default()
                        .records
                        .push(record.clone());
                }
            }
            Wire::ElasticBulk => {
                let mut errors = decoded.errors.iter();
                for (action, record) in actions {
                    let share = routed.entry(settled(Some(&action.index))?).or_default();
                    match record {
                        Some(i) => share.records.extend(decoded.records.get(*i).cloned()),
                        // One error for each action without a record, in the same order.
                        None => share.refused.extend(errors.next().and_then(refused)),
                    }
                }
            }
        }
        routed.retain(|_, share| !share.records.is_empty() || !share.refused.is_empty());
        Ok(routed.into_iter().collect())
    }
}

/// What one source gets of a request.
#[derive(Default)]
struct Share {
    records: Vec<Bytes>,
    refused: Vec<Refused>,
}

/// Most bytes of a refused piece that are kept.
const MOST_REFUSED: usize = 8 << 20;

/// A refused piece as it is kept; none where there is nothing to keep.
fn refused(error: &RecordError) -> Option<Refused> {
    if error.raw.is_empty() {
        return None;
    }
    let mut reason: String = error.reason.chars().take(1_000).collect();
    if error.raw.len() > MOST_REFUSED {
        reason.push_str(&format!(
            "; the first {MOST_REFUSED} of {} bytes are kept",
            error.raw.len()
        ));
    }
    Some(Refused {
        raw: error.raw.slice(..error.raw.len().min(MOST_REFUSED)),
        reason,
    })
}

/// Accepts the rest of a request of which a part is kept already.
async fn accept_patiently(floor: &Floor, frame: Frame) -> Result<u64, WalError> {
    for _ in 0..2_000 {
        match pipeline::accept(floor, frame.clone()).await {
            Err(WalError::Busy { .. }) => tokio::time::sleep(Duration::from_millis(10)).await,
            other => return other,
        }
    }
    pipeline::accept(floor, frame).await
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
            Some(RecordError {
                index,
                line: item.line,
                offset: 0,
                reason: refusal.reason.clone(),
                raw: refusal.raw.clone(),
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
        refused: Vec::new(),
    };
    let seq = pipeline::accept(floor, frame).await?;
    Ok((seq, floor.clock.now()))
}
