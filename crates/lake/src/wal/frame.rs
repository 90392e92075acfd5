//! One frame as bytes: a fixed header, then a body that the caller's thread has already packed.
//!
//! ```text
//! header  magic "WFR2", body length u32, seq u64, synced u64, CRC-32 of body, CRC-32 of header
//! body    received (i64 s, i32 ns), source, tenant, mark, record count u32, refused count u32,
//!         plain length u32, zstd( lengths u32 each: records, then piece and reason of each refused
//!         piece; then their bytes )
//! ```
//! All numbers are little-endian; text is a u16 length and its bytes. `synced` is the highest
//! sequence number known to be on disk when the header was written: it tells recovery whether a
//! broken frame was ever acknowledged.

use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;
use watchfloor_types::{ExerciseId, Frame, Mark, Refused};

/// Length of a frame header in bytes.
pub(super) const HEADER_LEN: usize = 32;
/// First bytes of a frame header.
pub(super) const MAGIC: [u8; 4] = *b"WFR2";
/// Longest plain record data of one frame, in bytes.
pub(super) const MAX_PLAIN_BYTES: usize = 256 << 20;

/// A frame header that passed its checksum.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    /// Length of the body in bytes.
    pub(super) body_len: u32,
    /// Sequence number.
    pub(super) seq: u64,
    /// Highest sequence number on disk when this was written.
    pub(super) synced: u64,
    body_crc: u32,
}

impl Header {
    /// The header for `body`.
    pub(super) fn of(body: &[u8], seq: u64, synced: u64) -> [u8; HEADER_LEN] {
        let mut head = Vec::with_capacity(HEADER_LEN);
        head.extend_from_slice(&MAGIC);
        head.extend_from_slice(&(body.len() as u32).to_le_bytes());
        head.extend_from_slice(&seq.to_le_bytes());
        head.extend_from_slice(&synced.to_le_bytes());
        head.extend_from_slice(&crc32fast::hash(body).to_le_bytes());
        let crc = crc32fast::hash(&head);
        head.extend_from_slice(&crc.to_le_bytes());
        *head.first_chunk().unwrap_or(&[0; HEADER_LEN])
    }

    /// Reads a header; none where the bytes are short, foreign or damaged.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut at = Reader(bytes.get(..HEADER_LEN)?);
        let checked = bytes.get(..HEADER_LEN - 4)?;
        if at.array::<4>()? != MAGIC {
            return None;
        }
        let header = Self {
            body_len: at.u32()?,
            seq: at.u64()?,
            synced: at.u64()?,
            body_crc: at.u32()?,
        };
        (at.u32()? == crc32fast::hash(checked)).then_some(header)
    }

    /// Whether `body` is the one this header was written for.
    pub(super) fn fits(&self, body: &[u8]) -> bool {
        body.len() == self.body_len as usize && crc32fast::hash(body) == self.body_crc
    }
}

/// Packs everything of `frame` but its sequence number. The error is the plain length in bytes,
/// where that is over the limit.
pub(super) fn encode_body(frame: &Frame) -> Result<Vec<u8>, usize> {
    let refused = frame.refused.iter();
    let parts = || {
        let refused = refused.clone();
        let records = frame.records.iter().map(|r| &r[..]);
        records.chain(refused.flat_map(|r| [&r.raw[..], r.reason.as_bytes()]))
    };
    let plain_len = parts().map(|p| p.len() + 4).sum::<usize>();
    if plain_len > MAX_PLAIN_BYTES {
        return Err(plain_len);
    }
    let mut plain = Vec::with_capacity(plain_len);
    for part in parts() {
        plain.extend_from_slice(&(part.len() as u32).to_le_bytes());
    }
    for part in parts() {
        plain.extend_from_slice(part);
    }
    let mut body = Vec::with_capacity(96 + plain.len() / 3);
    body.extend_from_slice(&frame.received.as_second().to_le_bytes());
    body.extend_from_slice(&frame.received.subsec_nanosecond().to_le_bytes());
    put_text(&mut body, frame.source.as_str());
    put_text(&mut body, frame.tenant.as_str());
    match &frame.mark {
        None => body.push(0),
        Some(mark) => {
            body.push(1);
            body.extend_from_slice(mark.exercise.uuid().as_bytes());
            put_text(&mut body, mark.inject.as_str());
        }
    }
    body.extend_from_slice(&(frame.records.len() as u32).to_le_bytes());
    body.extend_from_slice(&(frame.refused.len() as u32).to_le_bytes());
    body.extend_from_slice(&(plain.len() as u32).to_le_bytes());
    // Memory cannot be short of a bound that is reserved first, so this does not fail in practice.
    let packed = zstd::bulk::compress(&plain, 1).map_err(|_| plain_len)?;
    body.extend_from_slice(&packed);
    Ok(body)
}

/// Unpacks a body that passed its checksum; none where it is not one of ours.
pub(super) fn decode_body(seq: u64, body: &[u8]) -> Option<Frame> {
    let mut at = Reader(body);
    let seconds = i64::from_le_bytes(at.array()?);
    let nanos = i32::from_le_bytes(at.array()?);
    let received = Timestamp::new(seconds, nanos).ok()?;
    let source = at.text()?.parse().ok()?;
    let tenant = at.text()?.parse().ok()?;
    let mark = match at.array::<1>()? {
        [0] => None,
        _ => Some(Mark {
            exercise: ExerciseId::from_uuid(Uuid::from_bytes(at.array()?)),
            inject: at.text()?.parse().ok()?,
        }),
    };
    let count = at.u32()? as usize;
    let refused_count = at.u32()? as usize;
    let plain_len = at.u32()? as usize;
    if plain_len > MAX_PLAIN_BYTES {
        return None;
    }
    let plain = Bytes::from(zstd::bulk::decompress(at.0, plain_len).ok()?);
    let mut lengths = Reader(&plain);
    let mut from = refused_count
        .checked_mul(2)?
        .checked_add(count)?
        .checked_mul(4)?;
    let mut next = || {
        let to = from.checked_add(lengths.u32()? as usize)?;
        plain.get(from..to)?;
        let part = plain.slice(from..to);
        from = to;
        Some(part)
    };
    let mut records = Vec::with_capacity(count.min(1 << 20));
    for _ in 0..count {
        records.push(next()?);
    }
    let mut refused = Vec::new();
    for _ in 0..refused_count {
        let (raw, reason) = (next()?, next()?);
        let reason = String::from_utf8(reason.to_vec()).ok()?;
        refused.push(Refused { raw, reason });
    }
    Some(Frame {
        seq,
        received,
        source,
        tenant,
        mark,
        records,
        refused,
    })
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    // Ids are at most 128 bytes, see `watchfloor_types::id`.
    out.extend_from_slice(&(text.len() as u16).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }
    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }
    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
    fn text(&mut self) -> Option<&'a str> {
        let len = usize::from(u16::from_le_bytes(self.array()?));
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        std::str::from_utf8(head).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_frame_round_trips(
            records in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..20),
            refused in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..20), ".{0,9}"), 0..4),
            seconds in 0i64..4_000_000_000, nanos in 0i32..1_000_000_000, marked in any::<bool>(),
        ) {
            let frame = Frame {
                seq: 7,
                received: Timestamp::new(seconds, nanos).unwrap(),
                source: "litellm".parse().unwrap(),
                tenant: "acme".parse().unwrap(),
                mark: marked.then(|| Mark {
                    exercise: ExerciseId::from_uuid(Uuid::from_u128(42)),
                    inject: "inj-3".parse().unwrap(),
                }),
                records: records.into_iter().map(Bytes::from).collect(),
                refused: refused.into_iter().map(|(raw, reason)| Refused { raw: raw.into(), reason }).collect(),
            };
            let body = encode_body(&frame).unwrap();
            let header = Header::parse(&Header::of(&body, 7, 6)).unwrap();
            prop_assert!(header.fits(&body) && header.seq == 7 && header.synced == 6);
            prop_assert_eq!(decode_body(7, &body).unwrap(), frame);
        }

        #[test]
        fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Header::parse(&bytes);
            let _ = decode_body(1, &bytes);
        }
    }
}
