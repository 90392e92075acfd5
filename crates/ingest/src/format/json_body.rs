//! A body that is one JSON document: an array of records, or one object.

use bytes::Bytes;

use super::{Collector, Decoded, Limits, Resume, Room};
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
fn item(scan: &mut Scanner<'_>) -> Result<std::ops::Range<usize>, JsonError> {
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
