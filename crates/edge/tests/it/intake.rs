//! An intake that keeps records in memory.

use std::{sync::Mutex, time::Duration};

use opentelemetry_proto::tonic::collector::{
    logs::v1::ExportLogsServiceRequest, trace::v1::ExportTraceServiceRequest,
};
use prost::Message as _;
use serde_json::Value;
use watchfloor_edge::{
    Accepted, BulkAction, BulkOp, Delivery, Encoding, Head, Intake, Readiness, Refusal, Rejected,
    Reply, Wire,
};
use watchfloor_types::Diagnostic;

#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) records: Mutex<Vec<String>>,
    pub(crate) heads: Mutex<Vec<Head>>,
    pub(crate) mood: Mutex<Mood>,
}

#[derive(Default, Clone, Copy, PartialEq)]
pub(crate) enum Mood {
    #[default]
    Good,
    Full,
    FullLate,
    Forbids,
    Hangs,
    Panics,
    Fails,
}

impl Memory {
    pub(crate) fn count(&self) -> usize {
        self.records.lock().unwrap().len()
    }
    pub(crate) fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }
    fn mood(&self) -> Mood {
        *self.mood.lock().unwrap()
    }

    fn keep(
        &self,
        cut: Vec<Result<String, (Option<u64>, String)>>,
        actions: Vec<BulkAction>,
    ) -> Reply {
        let mut accepted = Accepted {
            actions,
            ..Accepted::default()
        };
        for (index, record) in cut.into_iter().enumerate() {
            match record {
                Ok(record) => {
                    accepted.accepted += 1;
                    self.records.lock().unwrap().push(record);
                }
                Err((line, reason)) => accepted.rejected.push(Rejected {
                    index: index as u64,
                    line,
                    reason,
                }),
            }
        }
        Reply::Accepted(accepted)
    }
}

impl Intake for Memory {
    type Ticket = ();

    async fn admit(&self, head: &Head) -> Result<(), Refusal> {
        self.heads.lock().unwrap().push(head.clone());
        match self.mood() {
            Mood::Full => return Err(Refusal::Busy(Duration::from_millis(1_500))),
            Mood::Forbids => {
                return Err(Refusal::Forbidden("the token may not write to `x`".into()));
            }
            Mood::Good | Mood::FullLate | Mood::Hangs | Mood::Panics | Mood::Fails => {}
        }
        if head.token.as_ref().map(|t| t.reveal().as_str()) != Some(crate::TOKEN) {
            return Err(Refusal::Unauthorized);
        }
        match head.source.as_deref() {
            Some("nowhere") => Err(Refusal::UnknownSource("nowhere".into())),
            Some(_) | None => Ok(()),
        }
    }

    async fn accept(&self, (): (), delivery: Delivery) -> Reply {
        match self.mood() {
            Mood::FullLate => return Reply::Refused(Refusal::Busy(Duration::from_secs(2))),
            Mood::Hangs => std::future::pending().await,
            Mood::Panics => panic!("on purpose"),
            Mood::Fails => return Reply::Internal,
            Mood::Good | Mood::Full | Mood::Forbids => {}
        }
        let invalid = |message: String| Reply::Invalid(Diagnostic::error("X000", message));
        let body = &delivery.body;
        match delivery.head.wire {
            Wire::Plain | Wire::HecRaw => {
                let cut = body
                    .split(|b| *b == b'\n')
                    .enumerate()
                    .filter(|(_, line)| !line.is_empty())
                    .map(|(at, line)| json_line(line).map_err(|why| (Some(at as u64 + 1), why)));
                self.keep(cut.collect(), Vec::new())
            }
            Wire::HecEvent => {
                let mut cut = Vec::new();
                for value in serde_json::Deserializer::from_slice(body).into_iter::<Value>() {
                    match value {
                        Ok(value) if value.get("event").is_some() => {
                            cut.push(Ok(value.to_string()));
                        }
                        Ok(_) => cut.push(Err((None, "no event".to_owned()))),
                        Err(error) => {
                            cut.push(Err((None, error.to_string())));
                            break;
                        }
                    }
                }
                self.keep(cut, Vec::new())
            }
            Wire::ElasticBulk => {
                let index = delivery.head.source.unwrap_or_else(|| "default".into());
                let mut lines = body.split(|b| *b == b'\n').filter(|l| !l.is_empty());
                let (mut cut, mut actions) = (Vec::new(), Vec::new());
                while let Some(line) = lines.next() {
                    let Ok(Value::Object(action)) = serde_json::from_slice(line) else {
                        return invalid("malformed action line".into());
                    };
                    let op = if action.contains_key("create") {
                        BulkOp::Create
                    } else {
                        BulkOp::Index
                    };
                    let given = action.get(op.as_str()).cloned().unwrap_or_default();
                    let text = |key: &str, or: &str| given[key].as_str().unwrap_or(or).to_owned();
                    actions.push(BulkAction {
                        op,
                        index: text("_index", &index),
                        id: text("_id", "minted"),
                    });
                    cut.push(
                        json_line(lines.next().unwrap_or_default()).map_err(|why| (None, why)),
                    );
                }
                self.keep(cut, actions)
            }
            Wire::OtlpLogs(Encoding::Protobuf) => {
                match ExportLogsServiceRequest::decode(body.clone()) {
                    Ok(request) => {
                        let records = request
                            .resource_logs
                            .into_iter()
                            .flat_map(|r| r.scope_logs)
                            .flat_map(|s| s.log_records);
                        self.keep(records.map(|r| Ok(format!("{r:?}"))).collect(), Vec::new())
                    }
                    Err(error) => invalid(error.to_string()),
                }
            }
            Wire::OtlpTraces(Encoding::Protobuf) => {
                match ExportTraceServiceRequest::decode(body.clone()) {
                    Ok(request) => {
                        let spans = request
                            .resource_spans
                            .into_iter()
                            .flat_map(|r| r.scope_spans)
                            .flat_map(|s| s.spans);
                        let cut = spans.map(|s| {
                            if s.name == "bad" {
                                Err((None, "bad span".into()))
                            } else {
                                Ok(s.name)
                            }
                        });
                        self.keep(cut.collect(), Vec::new())
                    }
                    Err(error) => invalid(error.to_string()),
                }
            }
            Wire::OtlpLogs(Encoding::Json) | Wire::OtlpTraces(Encoding::Json) => {
                match serde_json::from_slice::<Value>(body) {
                    Ok(Value::Object(_)) => self.keep(vec![Ok("object".into())], Vec::new()),
                    Ok(_) => self.keep(vec![Err((None, "no object".into()))], Vec::new()),
                    Err(error) => invalid(error.to_string()),
                }
            }
        }
    }

    fn readiness(&self) -> Readiness {
        match self.mood() {
            Mood::Full | Mood::FullLate => Readiness::Full,
            Mood::Good | Mood::Forbids | Mood::Hangs | Mood::Panics | Mood::Fails => {
                Readiness::Ready
            }
        }
    }
}

fn json_line(line: &[u8]) -> Result<String, String> {
    let value: Value = serde_json::from_slice(line).map_err(|e| e.to_string())?;
    value
        .is_object()
        .then(|| value.to_string())
        .ok_or_else(|| "not an object".to_owned())
}
