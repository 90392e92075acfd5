//! Wire formats: the body of one request to native records.
//!
//! A decoder never panics, never loses a good record because of a bad neighbour, and says for
//! each refused piece where it was and why. Records are slices of the body where the wire
//! carries them as they are.

mod auditd;
pub mod bulk;
mod cef;
pub(crate) mod csv;
pub(crate) mod evtx;
mod flat;
mod hec;
pub(crate) mod json_body;
mod leef;
pub(crate) mod lines;
mod otlp;
mod sniff;
mod syslog;

use bytes::Bytes;

use crate::{
    json::{Json, Scanner},
    stream::Cut,
};
pub use sniff::sniff;

/// Bounds on one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest record, bytes.
    pub record_bytes: usize,
    /// Most records in one body. At most 2^20, the limit of a frame.
    pub records: usize,
    /// Most bytes of all records of one body together: a record may repeat what the body says once.
    pub total_bytes: usize,
    /// Most pieces that are refused one by one.
    pub errors: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            record_bytes: 1 << 20,
            records: 1 << 17,
            total_bytes: 128 << 20,
            errors: 10_000,
        }
    }
}

/// What a body held.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decoded {
    /// Native records in order.
    pub records: Vec<Bytes>,
    /// Pieces that are no record.
    pub errors: Vec<RecordError>,
}

/// A piece of a body that is no record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordError {
    /// Position among all pieces of the body, good and bad, from 0.
    pub index: usize,
    /// Line, from 1; 0 where the format has no lines.
    pub line: usize,
    /// Offset of the piece, or of the fault inside it, in bytes from the start of the body.
    pub offset: usize,
    /// What is wrong, lower case, no full stop.
    pub reason: String,
    /// The piece as it came.
    pub raw: Bytes,
}

/// One wire format.
#[derive(Debug)]
pub struct Format {
    /// Its name in source files and settings.
    pub id: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// Body to records.
    pub decode: fn(&Bytes, &Limits) -> Decoded,
    /// How a long input is cut into bodies.
    pub cut: Cut,
}

/// Every format, in the order shown to people.
pub static FORMATS: &[Format] = &[
    Format {
        id: "ndjson",
        title: "JSON, one value on each line",
        decode: lines::ndjson,
        cut: Cut::Lines,
    },
    Format {
        id: "json",
        title: "JSON: an array of records, or one object",
        decode: json_body::decode,
        cut: Cut::Values,
    },
    Format {
        id: "text",
        title: "plain text, one record on each line",
        decode: lines::text,
        cut: Cut::Lines,
    },
    Format {
        id: "syslog",
        title: "syslog lines: RFC 5424, RFC 3164, or without a priority",
        decode: syslog::decode,
        cut: Cut::Lines,
    },
    Format {
        id: "cef",
        title: "Common Event Format, with or without a syslog header",
        decode: cef::decode,
        cut: Cut::Lines,
    },
    Format {
        id: "leef",
        title: "Log Event Extended Format, with or without a syslog header",
        decode: leef::decode,
        cut: Cut::Lines,
    },
    Format {
        id: "auditd",
        title: "Linux audit log lines",
        decode: auditd::decode,
        cut: Cut::Lines,
    },
    Format {
        id: "csv",
        title: "CSV with a header row",
        decode: csv::decode,
        cut: Cut::Rows,
    },
    Format {
        id: "evtx",
        title: "Windows event log file",
        decode: evtx::decode,
        cut: Cut::Chunks,
    },
    Format {
        id: "es-bulk",
        title: "Elasticsearch `_bulk` body",
        decode: bulk::records,
        cut: Cut::Whole,
    },
    Format {
        id: "hec-event",
        title: "Splunk HTTP Event Collector, event endpoint",
        decode: hec::event,
        cut: Cut::Values,
    },
    Format {
        id: "hec-raw",
        title: "Splunk HTTP Event Collector, raw endpoint",
        decode: lines::text,
        cut: Cut::Lines,
    },
    Format {
        id: "otlp-traces",
        title: "OTLP spans, protobuf",
        decode: otlp::traces_protobuf,
        cut: Cut::Whole,
    },
    Format {
        id: "otlp-traces-json",
        title: "OTLP spans, JSON",
        decode: otlp::traces_json,
        cut: Cut::Whole,
    },
    Format {
        id: "otlp-logs",
        title: "OTLP log records, protobuf",
        decode: otlp::logs_protobuf,
        cut: Cut::Whole,
    },
    Format {
        id: "otlp-logs-json",
        title: "OTLP log records, JSON",
        decode: otlp::logs_json,
        cut: Cut::Whole,
    },
];

/// The format called `id`.
#[must_use]
pub fn find(id: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|f| f.id == id)
}

/// Collects records and errors under the limits.
struct Collector<'a> {
    body: &'a Bytes,
    limits: &'a Limits,
    index: usize,
    /// Bytes of the records taken.
    spent: usize,
    out: Decoded,
}

/// Whether a decoder should go on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Room {
    Left,
    None,
}

impl<'a> Collector<'a> {
    fn new(body: &'a Bytes, limits: &'a Limits) -> Self {
        Self {
            body,
            limits,
            index: 0,
            spent: 0,
            out: Decoded::default(),
        }
    }

    fn slice(&self, range: std::ops::Range<usize>) -> Bytes {
        let end = range.end.min(self.body.len());
        self.body.slice(range.start.min(end)..end)
    }

    /// Takes a piece of the body as a record; refuses it where it is too large.
    fn record(&mut self, range: std::ops::Range<usize>, line: usize) -> Room {
        let raw = self.slice(range.clone());
        self.owned(raw, range, line)
    }

    /// Takes `record`, made from the piece at `range`.
    fn owned(&mut self, record: Bytes, range: std::ops::Range<usize>, line: usize) -> Room {
        if self.out.records.len() >= self.limits.records {
            let reason = format!("more than {} records in one request", self.limits.records);
            return self.rest(range.start, line, reason);
        }
        if self.spent + record.len() > self.limits.total_bytes {
            let reason = format!(
                "more than {} bytes of records in one request",
                self.limits.total_bytes
            );
            return self.rest(range.start, line, reason);
        }
        if record.len() > self.limits.record_bytes {
            let reason = format!(
                "record of {} bytes is larger than {}",
                record.len(),
                self.limits.record_bytes
            );
            let offset = range.start;
            return self.error(range, line, offset, reason);
        }
        self.index += 1;
        self.spent += record.len();
        self.out.records.push(record);
        Room::Left
    }

    /// Refuses everything from `start` on as one piece.
    fn rest(&mut self, start: usize, line: usize, reason: String) -> Room {
        let raw = self.slice(start..self.body.len());
        self.out.errors.push(RecordError {
            index: self.index,
            line,
            offset: start,
            reason,
            raw,
        });
        self.index += 1;
        Room::None
    }

    /// Takes a piece of the body that is JSON but for its encoding.
    fn json(&mut self, range: std::ops::Range<usize>, line: usize) -> Room {
        let raw = self.slice(range.clone());
        if let Err(e) = std::str::from_utf8(&raw) {
            let offset = range.start + e.valid_up_to();
            return self.error(range, line, offset, format!("not UTF-8 at byte {offset}"));
        }
        self.owned(raw, range, line)
    }

    /// Refuses a piece; where too many were, everything from it on.
    fn error(
        &mut self,
        piece: std::ops::Range<usize>,
        line: usize,
        offset: usize,
        reason: String,
    ) -> Room {
        if self.out.errors.len() >= self.limits.errors {
            let reason = format!(
                "more than {} bad records in one request",
                self.limits.errors
            );
            return self.rest(piece.start, line, reason);
        }
        let raw = self.slice(piece);
        self.out.errors.push(RecordError {
            index: self.index,
            line,
            offset,
            reason,
            raw,
        });
        self.index += 1;
        Room::Left
    }
}

/// Finds where a decoder can go on after a fault, within a budget of bytes read again, so that
/// a hostile body costs no more than a few passes.
struct Resume {
    budget: usize,
}

impl Resume {
    fn new(body: &[u8]) -> Self {
        Self {
            budget: body.len().saturating_mul(4).saturating_add(1 << 16),
        }
    }

    /// The first `{` at or after `from` where `fits` holds of the value that starts there.
    fn find(
        &mut self,
        text: &str,
        from: usize,
        fits: impl Fn(usize, &Json<'_>) -> bool,
    ) -> Option<usize> {
        let rest = text.get(from..)?;
        for at in memchr::memchr_iter(b'{', rest.as_bytes()) {
            let at = from + at;
            let mut scan = Scanner::new(text);
            scan.at = at;
            let value = scan.value(0);
            self.budget = self.budget.checked_sub(scan.at - at + 16)?;
            if value.is_ok_and(|v| fits(at, &v)) {
                return Some(at);
            }
        }
        None
    }
}
