//! Formats with one record on each line.

use bytes::Bytes;

use super::{Collector, Decoded, Limits, Room};
use crate::json::{Scanner, utf8};

/// Each line of `body` with its number from 1 and its bytes, without the line end (LF or CR LF).
pub(super) fn each_line(body: &[u8]) -> impl Iterator<Item = (usize, std::ops::Range<usize>)> {
    let mut start = 0;
    let mut line = 0;
    std::iter::from_fn(move || {
        if start >= body.len() {
            return None;
        }
        let rest = body.get(start..).unwrap_or_default();
        let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let range = start..start + length;
        start = range.end + 1;
        line += 1;
        let content = body.get(range.clone()).unwrap_or_default();
        let end = if content.ends_with(b"\r") {
            range.end - 1
        } else {
            range.end
        };
        Some((line, range.start..end))
    })
}

/// Whether a line holds nothing but white space.
pub(super) fn blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

/// Lines that `read` makes records of; it gives none for a line that is between records, and says
/// what is wrong with one that is no record. Blank lines are passed over.
pub(super) fn each_record(
    body: &Bytes,
    limits: &Limits,
    read: impl Fn(&str) -> Result<Option<Bytes>, String>,
) -> Decoded {
    let mut out = Collector::new(body, limits);
    for (line, range) in each_line(body) {
        let content = body.get(range.clone()).unwrap_or_default();
        if blank(content) {
            continue;
        }
        // What is longer than a record may be is refused unread.
        let room = if content.len() > limits.record_bytes {
            out.record(range, line)
        } else {
            match read(&String::from_utf8_lossy(content)) {
                Ok(Some(record)) => out.owned(record, range, line),
                Ok(None) => continue,
                Err(reason) => {
                    let start = range.start;
                    out.error(range, line, start, reason)
                }
            }
        };
        if room == Room::None {
            break;
        }
    }
    out.out
}

/// Text lines; blank lines are passed over.
pub(super) fn text(body: &Bytes, limits: &Limits) -> Decoded {
    let mut out = Collector::new(body, limits);
    for (line, range) in each_line(body) {
        if blank(body.get(range.clone()).unwrap_or_default()) {
            continue;
        }
        if out.record(range, line) == Room::None {
            break;
        }
    }
    out.out
}

/// Newline-delimited JSON: each line that is not blank is one value.
pub(super) fn ndjson(body: &Bytes, limits: &Limits) -> Decoded {
    let mut out = Collector::new(body, limits);
    for (line, range) in each_line(body) {
        let content = body.get(range.clone()).unwrap_or_default();
        if blank(content) {
            continue;
        }
        match one_value(content) {
            Ok(()) => {
                if out.record(range, line) == Room::None {
                    break;
                }
            }
            Err(error) => {
                let offset = range.start + error.offset;
                if out.error(range, line, offset, format!("not JSON: {error}")) == Room::None {
                    break;
                }
            }
        }
    }
    out.out
}

/// Whether `bytes` is exactly one JSON value with white space around it.
pub(super) fn one_value(bytes: &[u8]) -> Result<(), crate::json::JsonError> {
    let text = utf8(bytes)?;
    let mut scan = Scanner::new(text);
    scan.space();
    scan.skip(0)?;
    scan.space();
    if scan.peek().is_some() {
        return Err(crate::json::JsonError {
            offset: scan.at,
            reason: "more text after the value",
        });
    }
    Ok(())
}
