//! The body of an Elasticsearch `_bulk` request: action lines, each followed by its document.
//!
//! Every action gets an answer of its own, because the clients count them.

use bytes::Bytes;

use super::{
    Collector, Decoded, Limits, RecordError, Room,
    lines::{blank, each_line, one_value},
};
use crate::json::{self, Json};

/// One action of the body, in order; the answer needs one item for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkItem {
    /// `create` or `index`; for a refused line what it said, `index` where it said nothing.
    pub action: String,
    /// Index or data stream that the client named.
    pub index: Option<String>,
    /// Document id that the client named.
    pub id: Option<String>,
    /// Line of the action, from 1.
    pub line: usize,
    /// Position among the records, or why there is none.
    pub outcome: Result<usize, BulkRefusal>,
}

/// Why an action was refused, in the terms of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkRefusal {
    /// HTTP status of the item: 400 for a bad document, 429 beyond the limits.
    pub status: u16,
    /// Error type as Elasticsearch clients know it.
    pub kind: &'static str,
    /// What is wrong, with the line.
    pub reason: String,
    /// What may have been a document; empty where the sender is to send it again or never meant one.
    pub raw: Bytes,
}

/// A `_bulk` body, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bulk {
    /// One for each action.
    pub items: Vec<BulkItem>,
    /// Documents, and what was refused.
    pub decoded: Decoded,
}

/// The row of `FORMATS`: documents and errors without the items.
pub(super) fn records(body: &Bytes, limits: &Limits) -> Decoded {
    decode(body, limits).decoded
}

/// Takes a `_bulk` body apart (Elasticsearch 9, bulk API). `create` and `index` are accepted
/// alike, since events are never overwritten; `update` and `delete` are refused.
#[must_use]
pub fn decode(body: &Bytes, limits: &Limits) -> Bulk {
    let mut out = Collector::new(body, limits);
    let mut items = Vec::new();
    let mut lines =
        each_line(body).filter(|(_, r)| !blank(body.get(r.clone()).unwrap_or_default()));
    while let Some((line, range)) = lines.next() {
        if out.out.errors.len() > limits.errors {
            // Too much of it is bad; the last error covers the rest.
            break;
        }
        let content = body.get(range.clone()).unwrap_or_default();
        let action = match action(content) {
            Ok(action) => action,
            Err(reason) => {
                // A document whose action line was lost looks like this; the next line is read
                // as an action again, so a bad line costs itself alone.
                let reason = format!("line {line}: {reason}");
                out.error(range.clone(), line, range.start, reason.clone());
                let raw = body.slice(range);
                items.push(BulkItem {
                    action: "index".to_owned(),
                    index: None,
                    id: None,
                    line,
                    outcome: Err(refusal("illegal_argument_exception", reason, raw)),
                });
                continue;
            }
        };
        let outcome = match action.verb.as_str() {
            "create" | "index" => document(&mut out, line, range, lines.next(), body),
            "update" | "delete" => {
                let (verb, document) = (
                    &action.verb,
                    (action.verb == "update").then(|| lines.next()),
                );
                let reason = format!("line {line}: `{verb}` is refused, events are only added");
                let end = document.flatten().map_or(range.end, |(_, r)| r.end);
                out.error(range.start..end, line, range.start, reason.clone());
                Err(refusal("illegal_argument_exception", reason, Bytes::new()))
            }
            other => {
                let reason = format!("line {line}: unknown action `{}`", cut(other));
                out.error(range.clone(), line, range.start, reason.clone());
                Err(refusal("illegal_argument_exception", reason, Bytes::new()))
            }
        };
        items.push(BulkItem {
            action: action.verb,
            index: action.index,
            id: action.id,
            line,
            outcome,
        });
    }
    Bulk {
        items,
        decoded: out.out,
    }
}

fn document(
    out: &mut Collector<'_>,
    line: usize,
    action: std::ops::Range<usize>,
    next: Option<(usize, std::ops::Range<usize>)>,
    body: &Bytes,
) -> Result<usize, BulkRefusal> {
    let Some((at, range)) = next else {
        let reason = format!("line {line}: no document follows the action");
        out.error(action.clone(), line, action.start, reason.clone());
        return Err(refusal("illegal_argument_exception", reason, Bytes::new()));
    };
    let content = body.get(range.clone()).unwrap_or_default();
    let fault = match one_value(content) {
        Err(e) => Some((e.offset, e.to_string())),
        Ok(()) if content.trim_ascii_start().first() == Some(&b'{') => None,
        Ok(()) => Some((0, "a document is a JSON object".to_owned())),
    };
    if let Some((offset, fault)) = fault {
        let reason = format!("line {at}: failed to parse: {fault}");
        let offset = range.start + offset;
        out.error(range.clone(), at, offset, reason.clone());
        let raw = body.slice(range);
        return Err(refusal("document_parsing_exception", reason, raw));
    }
    let position = out.out.records.len();
    let errors = out.out.errors.len();
    if out.record(range, at) == Room::Left && out.out.errors.len() == errors {
        return Ok(position);
    }
    let reason = out
        .out
        .errors
        .last()
        .map(|e: &RecordError| e.reason.clone())
        .unwrap_or_default();
    Err(BulkRefusal {
        status: 429,
        kind: "es_rejected_execution_exception",
        reason: format!("line {at}: {reason}"),
        raw: Bytes::new(),
    })
}

fn refusal(kind: &'static str, reason: String, raw: Bytes) -> BulkRefusal {
    BulkRefusal {
        status: 400,
        kind,
        reason,
        raw,
    }
}

struct Action {
    verb: String,
    index: Option<String>,
    id: Option<String>,
}

fn action(line: &[u8]) -> Result<Action, String> {
    let json = json::parse(line).map_err(|e| format!("malformed action line: {e}"))?;
    let Json::Object(pairs) = &json else {
        return Err("malformed action line: not an object".to_owned());
    };
    let [(verb, meta)] = pairs.as_slice() else {
        return Err("malformed action line: it names not exactly one action".to_owned());
    };
    if !matches!(meta, Json::Object(_)) {
        return Err(format!(
            "malformed action line: `{}` holds no object",
            cut(verb)
        ));
    }
    let text = |key: &str| meta.get(key).and_then(Json::text).map(str::to_owned);
    Ok(Action {
        verb: verb.to_string(),
        index: text("_index"),
        id: text("_id"),
    })
}

fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}
