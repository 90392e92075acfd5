//! Windows event log files (EVTX): a header of 4 KiB, then chunks of 64 KiB.
//!
//! A record becomes a flat JSON object with the names that Sigma rules use ([`crate::windows`]).
//! The only module that knows the `evtx` crate.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use evtx::{EvtxChunkData, ParserSettings};

use super::{Collector, Decoded, Limits, Room};
use crate::windows;

/// How a file begins.
pub(crate) const MAGIC: &[u8] = b"ElfFile\0";
const CHUNK_MAGIC: &[u8] = b"ElfChnk\0";
pub(crate) const HEADER: usize = 4_096;
pub(crate) const CHUNK: usize = 65_536;

/// A file, or chunks of one.
pub(super) fn decode(body: &Bytes, limits: &Limits) -> Decoded {
    let mut out = Collector::new(body, limits);
    let mut at = if body.starts_with(MAGIC) { HEADER } else { 0 };
    let settings = Arc::new(ParserSettings::new().num_threads(1));
    while at < body.len() {
        let piece = at..body.len().min(at + CHUNK);
        at = piece.end;
        if chunk(piece, &settings, &mut out) == Room::None {
            break;
        }
    }
    out.out
}

fn chunk(piece: Range<usize>, settings: &Arc<ParserSettings>, out: &mut Collector<'_>) -> Room {
    let bytes = out.slice(piece.clone());
    if bytes.iter().all(|b| *b == 0) {
        // Windows makes files larger than what they hold.
        return Room::Left;
    }
    let broken =
        |out: &mut Collector<'_>, reason: String| out.error(piece.clone(), 0, piece.start, reason);
    if !bytes.starts_with(CHUNK_MAGIC) {
        return broken(
            out,
            "no EVTX chunk: `ElfChnk` does not stand at its start".into(),
        );
    }
    if bytes.len() < CHUNK {
        // What is missing is empty, so that the records before the cut are read.
        let room = broken(
            out,
            format!("the EVTX chunk ends after {} of 65536 bytes", bytes.len()),
        );
        if room == Room::None {
            return room;
        }
    }
    let mut whole = bytes.to_vec();
    whole.resize(CHUNK, 0);
    let mut data = match EvtxChunkData::new(whole, false) {
        Ok(data) => data,
        Err(error) => return broken(out, format!("no EVTX chunk: {error}")),
    };
    let mut parsed = match data.parse(settings.clone()) {
        Ok(parsed) => parsed,
        Err(error) => return broken(out, format!("cannot read the EVTX chunk: {error}")),
    };
    for record in parsed.iter() {
        let room = match record.and_then(evtx::EvtxRecord::into_json) {
            Ok(record) => {
                let text = record.data.as_bytes();
                let flat = windows::flatten(text).unwrap_or_else(|| record.data.clone());
                out.owned(flat.into(), piece.clone(), 0)
            }
            Err(error) => broken(out, format!("EVTX record: {error}")),
        };
        if room == Room::None {
            return room;
        }
    }
    Room::Left
}
