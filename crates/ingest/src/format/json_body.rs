//! A body that is one JSON document: an array of records, or one object.

use std::ops::Range;

use bytes::Bytes;

use super::{Collector, Decoded, Limits, Resume, Room, lines::one_value};
use crate::json::{JsonError, Scanner, same_length};

/// Each item of a top-level array is a record; anything else is one record.
///
/// After a fault inside the array the decoder goes on at the next object that follows a comma,
/// so that the items after it survive.
pub(super) fn decode(body: &Bytes, limits: &Limits) -> Decoded {
    let mut out = Collector::new(body, limits);
    let text = same_length(body);
    let mut scan = Scanner::new(&text);
    scan.space();
    match scan.peek() {
        Some(b'[') => array(&mut scan, &mut out),
        Some(_) => single(&mut scan, &mut out),
        None => {}
    }
    out.out
}

fn single(scan: &mut Scanner<'_>, out: &mut Collector<'_>) {
    let (start, end) = (scan.at, out.body.len());
    match scan.skip(0) {
        Ok(range) => {
            if out.json(range, 0) == Room::Left {
                trailing(scan, out);
            }
        }
        Err(e) => {
            out.error(start..end, 0, e.offset, format!("not JSON: {e}"));
        }
    }
}

fn trailing(scan: &mut Scanner<'_>, out: &mut Collector<'_>) {
    scan.space();
    let (at, end) = (scan.at, out.body.len());
    if at < end {
        out.error(at..end, 0, at, "more text after the value".to_owned());
    }
}

fn array(scan: &mut Scanner<'_>, out: &mut Collector<'_>) {
    let mut resume = Resume::new(out.body);
    scan.at += 1;
    scan.space();
    if scan.peek() == Some(b']') {
        scan.at += 1;
        return trailing(scan, out);
    }
    loop {
        let start = scan.at;
        match item(scan) {
            Ok(range) => {
                if out.json(range, 0) == Room::None {
                    return;
                }
            }
            Err(error) => {
                let next = resume.find(scan.text, error.offset.max(start), |at, _| {
                    let before = scan.text.get(..at).unwrap_or_default().trim_end();
                    at > start && before.ends_with(',')
                });
                let end = next.unwrap_or(out.body.len());
                let reason = format!("not JSON: {error}");
                let room = out.error(start..end, 0, error.offset, reason);
                match next {
                    Some(at) if room == Room::Left => scan.at = at,
                    Some(_) | None => return,
                }
                continue;
            }
        }
        let last = scan.peek() == Some(b']');
        scan.at += 1;
        if last {
            return trailing(scan, out);
        }
        scan.space();
    }
}

/// One item, up to the comma or bracket behind it.
fn item(scan: &mut Scanner<'_>) -> Result<Range<usize>, JsonError> {
    let range = scan.skip(1)?;
    scan.space();
    match scan.peek() {
        Some(b',' | b']') => Ok(range),
        Some(_) | None => Err(JsonError {
            offset: scan.at,
            reason: "a comma or `]` should follow",
        }),
    }
}

/// The JSON values in a text, one after the other or as items of an array, told by brackets and
/// quotes alone: each piece is one value where it is JSON at all.
///
/// The bracket around an array must be taken off before.
pub(crate) struct Values<'b> {
    bytes: &'b [u8],
    at: usize,
}

/// Whether the end of a value was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Yes.
    Seen,
    /// It reaches the end of the bytes, and may go on behind it.
    Open,
}

impl<'b> Values<'b> {
    pub(crate) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Just behind the string that starts at `at`.
    fn string(&self, at: usize) -> Option<usize> {
        let mut at = at + 1;
        loop {
            let found = memchr::memchr2(b'"', b'\\', self.bytes.get(at..)?)?;
            at += found + 1;
            if self.bytes.get(at - 1) == Some(&b'"') {
                return Some(at);
            }
            at += 1;
        }
    }

    /// Just behind the value that starts at `at`.
    fn value(&self, start: usize) -> Option<usize> {
        let mut depth = 0usize;
        let mut at = start;
        loop {
            match self.bytes.get(at)? {
                b'"' => at = self.string(at)?,
                b'{' | b'[' => {
                    depth += 1;
                    at += 1;
                }
                b'}' | b']' if depth > 0 => {
                    depth -= 1;
                    at += 1;
                }
                // The end of a bare word.
                b'}' | b']' | b',' | b' ' | b'\n' | b'\r' | b'\t' if depth == 0 => return Some(at),
                _ => {
                    at += 1;
                    continue;
                }
            }
            if depth == 0 {
                return Some(at);
            }
        }
    }
}

impl Iterator for Values<'_> {
    type Item = (Range<usize>, End);

    fn next(&mut self) -> Option<Self::Item> {
        while matches!(
            self.bytes.get(self.at)?,
            b' ' | b'\n' | b'\r' | b'\t' | b',' | b']' | b'}'
        ) {
            self.at += 1;
        }
        let start = self.at;
        let (end, seen) = match self.value(start) {
            Some(end) => (end, End::Seen),
            None => (self.bytes.len(), End::Open),
        };
        self.at = end;
        Some((start..end, seen))
    }
}

/// The values in `body`, each a record where it is JSON. Behind one that is not closed, reading
/// goes on at the next line that begins with an object.
pub(crate) fn values(body: &Bytes, limits: &Limits) -> Decoded {
    let mut out = Collector::new(body, limits);
    let mut resume = Resume::new(body);
    let mut all = Values::new(body);
    while let Some((range, end)) = all.next() {
        let content = body.get(range.clone()).unwrap_or_default();
        let room = match one_value(content) {
            Ok(()) => out.record(range, 0),
            Err(error) => {
                let mut piece = range.clone();
                if end == End::Open {
                    let text = same_length(body);
                    let next = resume.find(&text, range.start + 1, |at, _| {
                        let before = text.get(..at).unwrap_or_default();
                        before.trim_end_matches([' ', '\t']).ends_with('\n')
                    });
                    if let Some(next) = next {
                        piece.end = next;
                        all.at = next;
                    }
                }
                let offset = range.start + error.offset;
                let trimmed = piece.start..piece.end;
                out.error(trimmed, 0, offset, format!("not JSON: {error}"))
            }
        };
        if room == Room::None {
            break;
        }
    }
    out.out
}
