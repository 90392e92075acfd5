//! Reading segments back: what is whole, what is torn, what is damaged.

use std::{
    fs,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use watchfloor_types::Frame;

use super::{
    WalError,
    frame::{self, HEADER_LEN, Header, MAGIC},
};

/// First bytes of a segment file; the first sequence number and a CRC-32 follow.
const SEGMENT_MAGIC: [u8; 8] = *b"WFWAL001";
/// Length of a segment's head in bytes.
pub(super) const SEGMENT_HEAD_LEN: usize = 20;

/// The head of a segment whose first frame will be `first_seq`.
pub(super) fn segment_head(first_seq: u64) -> Vec<u8> {
    let mut head = SEGMENT_MAGIC.to_vec();
    head.extend_from_slice(&first_seq.to_le_bytes());
    let crc = crc32fast::hash(&head);
    head.extend_from_slice(&crc.to_le_bytes());
    head
}

/// Path of the segment that starts at `first_seq`.
pub(super) fn segment_path(dir: &Path, first_seq: u64) -> PathBuf {
    dir.join(format!("{first_seq:016x}.wal"))
}

/// Segments of `dir`, oldest first, with their first sequence number.
pub(super) fn list(dir: &Path) -> Result<Vec<(u64, PathBuf)>, WalError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(|e| WalError::read(dir, &e))? {
        let path = entry.map_err(|e| WalError::read(dir, &e))?.path();
        if path.extension().is_none_or(|e| e != "wal") {
            continue;
        }
        let first = path
            .file_stem()
            .and_then(|s| s.to_str())
            .and_then(|s| u64::from_str_radix(s, 16).ok());
        if let Some(first) = first {
            found.push((first, path));
        }
    }
    found.sort();
    Ok(found)
}

/// Where a whole frame lies.
#[derive(Debug, Clone)]
pub(super) struct FrameAt {
    pub(super) seq: u64,
    path: PathBuf,
    offset: u64,
    header: Header,
}

impl FrameAt {
    /// Reads and unpacks the frame.
    pub(super) fn read(&self) -> Result<Frame, WalError> {
        let fail = |e: &std::io::Error| WalError::read(&self.path, e);
        let mut file = fs::File::open(&self.path).map_err(|e| fail(&e))?;
        file.seek(SeekFrom::Start(self.offset + HEADER_LEN as u64))
            .map_err(|e| fail(&e))?;
        let mut body = vec![0; self.header.body_len as usize];
        file.read_exact(&mut body).map_err(|e| fail(&e))?;
        if !self.header.fits(&body) {
            return Err(fail(&std::io::Error::other(format!(
                "frame {} at byte {} changed since it was checked",
                self.seq, self.offset
            ))));
        }
        frame::decode_body(self.seq, &body).ok_or_else(|| {
            fail(&std::io::Error::other(format!(
                "frame {} at byte {} does not decode",
                self.seq, self.offset
            )))
        })
    }
}

/// A place in a segment that could not be read. Good frames around it were still read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The segment file.
    pub segment: PathBuf,
    /// First unreadable byte.
    pub offset: u64,
    /// How many bytes could not be read.
    pub bytes: u64,
    /// Sequence number of the last good frame before it.
    pub after_seq: u64,
    /// Sequence number of the next good frame, if one follows in this segment.
    pub before_seq: Option<u64>,
    /// Whether a later frame proves that what stood here had been acknowledged.
    pub acknowledged: Acknowledged,
}

/// Whether something unreadable had been acknowledged to its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledged {
    /// A later frame says so: data is lost.
    Yes,
    /// Nothing says so: most likely the end of a write that never finished.
    Unknown,
}

/// What one segment holds.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    pub(super) frames: Vec<FrameAt>,
    pub(super) damage: Vec<Damage>,
    /// End of the last good frame.
    pub(super) good_len: u64,
    /// Length of the file.
    pub(super) file_len: u64,
}

/// Reads the segment at `path`. `last_seq` is the last good sequence number before it.
pub(super) fn scan(path: &Path, mut last_seq: u64) -> Result<Scanned, WalError> {
    let bytes = fs::read(path).map_err(|e| WalError::read(path, &e))?;
    let mut found = Scanned {
        file_len: bytes.len() as u64,
        ..Scanned::default()
    };
    let head_ok = bytes.get(..SEGMENT_HEAD_LEN).is_some_and(|head| {
        head.starts_with(&SEGMENT_MAGIC)
            && head.get(8..16).is_some_and(|first| {
                first
                    .try_into()
                    .map(u64::from_le_bytes)
                    .is_ok_and(|f| segment_head(f) == head)
            })
    });
    let mut at = if head_ok { SEGMENT_HEAD_LEN } else { 0 };
    found.good_len = at as u64;
    let mut broken_from = (!head_ok && !bytes.is_empty()).then_some(0);
    while at < bytes.len() {
        let whole = bytes
            .get(at..)
            .and_then(Header::parse)
            .filter(|h| h.seq > last_seq)
            .filter(|h| {
                bytes
                    .get(at + HEADER_LEN..at + HEADER_LEN + h.body_len as usize)
                    .is_some_and(|body| h.fits(body))
            });
        if let Some(header) = whole {
            if let Some(from) = broken_from.take() {
                found.damage.push(Damage {
                    segment: path.to_owned(),
                    offset: from as u64,
                    bytes: (at - from) as u64,
                    after_seq: last_seq,
                    before_seq: Some(header.seq),
                    acknowledged: Acknowledged::Unknown,
                });
            }
            found.frames.push(FrameAt {
                seq: header.seq,
                path: path.to_owned(),
                offset: at as u64,
                header,
            });
            last_seq = header.seq;
            at += HEADER_LEN + header.body_len as usize;
            found.good_len = at as u64;
        } else {
            broken_from.get_or_insert(at);
            // The next place where a frame could start.
            let next = bytes
                .get(at + 1..)
                .and_then(|rest| memchr::memmem::find(rest, &MAGIC));
            at = next.map_or(bytes.len(), |n| at + 1 + n);
        }
    }
    let synced = found
        .frames
        .iter()
        .map(|f| f.header.synced)
        .max()
        .unwrap_or(0);
    for damage in &mut found.damage {
        if damage.after_seq < synced {
            damage.acknowledged = Acknowledged::Yes;
        }
    }
    Ok(found)
}

/// The highest `synced` of the frames.
pub(super) fn synced(frames: &[FrameAt]) -> u64 {
    frames.iter().map(|f| f.header.synced).max().unwrap_or(0)
}
