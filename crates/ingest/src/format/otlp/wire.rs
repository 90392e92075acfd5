//! The outermost layer of protobuf: fields of a message as byte ranges
//! (Protocol Buffers, "Encoding").

use std::ops::Range;

/// One field: its number and the bytes of its value.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) number: u32,
    /// Whether it is length-delimited.
    pub(super) message: bool,
    pub(super) range: Range<usize>,
}

impl Field {
    pub(super) fn bytes<'a>(&self, body: &'a [u8]) -> &'a [u8] {
        body.get(self.range.clone()).unwrap_or_default()
    }
}

/// A fault, and the bytes from there to the end of the message, which cannot be read.
#[derive(Debug, Clone)]
pub(super) struct WireError {
    pub(super) rest: Range<usize>,
    pub(super) reason: &'static str,
}

/// The fields of the message at `range` of `body`; after a fault there are no more.
pub(super) fn fields(
    body: &[u8],
    range: Range<usize>,
) -> impl Iterator<Item = Result<Field, WireError>> {
    let mut at = range.start;
    let end = range.end.min(body.len());
    std::iter::from_fn(move || {
        if at >= end {
            return None;
        }
        match field(body, at, end) {
            Ok(field) => {
                at = field.range.end;
                Some(Ok(field))
            }
            Err(reason) => {
                let rest = at..end;
                at = end;
                Some(Err(WireError { rest, reason }))
            }
        }
    })
}

fn field(body: &[u8], at: usize, end: usize) -> Result<Field, &'static str> {
    let (key, mut at) = varint(body, at, end)?;
    let number = u32::try_from(key >> 3).map_err(|_| "protobuf field number out of range")?;
    let mut message = false;
    let length = match key & 7 {
        0 => {
            let (_, after) = varint(body, at, end)?;
            after - at
        }
        1 => 8,
        2 => {
            let (length, after) = varint(body, at, end)?;
            at = after;
            message = true;
            usize::try_from(length).map_err(|_| "protobuf field is longer than its message")?
        }
        5 => 4,
        _ => return Err("unknown protobuf wire type"),
    };
    match at.checked_add(length) {
        Some(stop) if stop <= end => Ok(Field {
            number,
            message,
            range: at..stop,
        }),
        _ => Err("protobuf field is longer than its message"),
    }
}

fn varint(body: &[u8], mut at: usize, end: usize) -> Result<(u64, usize), &'static str> {
    let mut value = 0u64;
    for shift in (0..70).step_by(7) {
        let byte = body
            .get(at)
            .filter(|_| at < end)
            .ok_or("protobuf ends inside a number")?;
        at += 1;
        value |= u64::from(byte & 0x7F).checked_shl(shift).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Ok((value, at));
        }
    }
    Err("protobuf number is longer than ten bytes")
}
