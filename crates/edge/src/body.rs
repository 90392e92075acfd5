//! Reading and decompressing a body within bounds of size, time and memory.

use std::{
    io::{self, Read},
    sync::Arc,
    time::Duration,
};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::HttpLimits;

/// Memory is handed out in pieces of this size.
const PIECE: usize = 64 * 1024;
/// Bodies up to this size are decompressed where they are; larger ones on a thread for blocking work.
const SMALL: usize = 64 * 1024;
/// Whatever the ratio, this much may always be unpacked.
const FREE: usize = 1024 * 1024;

/// Why a body could not be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// Larger than allowed, as sent or unpacked.
    TooLarge { limit: u64 },
    /// It unpacks to far more than honest logs do.
    Bomb { ratio: u32 },
    /// Not sent in time.
    Slow,
    /// All memory for bodies is in use.
    Full,
    /// The sender went away.
    Broken,
    /// `Content-Encoding` is none that we unpack.
    Encoding(String),
    /// It does not unpack.
    Corrupt(String),
}

/// Memory for bodies, shared by all requests.
#[derive(Debug, Clone)]
pub(crate) struct Memory(Arc<Semaphore>);

/// The part of it that one request holds.
#[derive(Debug)]
pub(crate) struct Share {
    memory: Memory,
    permit: Option<OwnedSemaphorePermit>,
    bytes: usize,
}

impl Memory {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(
            (bytes / PIECE).clamp(1, Semaphore::MAX_PERMITS),
        )))
    }
    pub(crate) fn share(&self) -> Share {
        Share {
            memory: self.clone(),
            permit: None,
            bytes: 0,
        }
    }
}

impl Share {
    /// Makes sure that the share covers `bytes` in all.
    fn cover(&mut self, bytes: usize) -> Result<(), BodyError> {
        let held = self
            .permit
            .as_ref()
            .map_or(0, OwnedSemaphorePermit::num_permits);
        let wanted = bytes.div_ceil(PIECE);
        if wanted > held {
            let more = u32::try_from(wanted - held).map_err(|_| BodyError::Full)?;
            let permit = Arc::clone(&self.memory.0)
                .try_acquire_many_owned(more)
                .map_err(|_| BodyError::Full)?;
            match &mut self.permit {
                Some(held) => held.merge(permit),
                None => self.permit = Some(permit),
            }
        }
        self.bytes = self.bytes.max(bytes);
        Ok(())
    }
}

/// Reads a body as sent.
pub(crate) async fn read(
    body: Body,
    limits: &HttpLimits,
    share: &mut Share,
) -> Result<Bytes, BodyError> {
    let limit = limits.body_bytes;
    let work = async {
        let mut stream = body.into_data_stream();
        let mut first = Bytes::new();
        let mut rest: Option<BytesMut> = None;
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|_| BodyError::Broken)?;
            let length = rest.as_ref().map_or(first.len(), BytesMut::len) + chunk.len();
            if length > limit {
                return Err(BodyError::TooLarge {
                    limit: limit as u64,
                });
            }
            share.cover(length)?;
            match &mut rest {
                // Most requests are one chunk, which is then not copied.
                None if first.is_empty() => first = chunk,
                None => {
                    let mut all = BytesMut::with_capacity(length * 2);
                    all.extend_from_slice(&first);
                    all.extend_from_slice(&chunk);
                    rest = Some(all);
                }
                Some(all) => all.extend_from_slice(&chunk),
            }
        }
        Ok(rest.map_or(first, BytesMut::freeze))
    };
    tokio::time::timeout(limits.body_time, work)
        .await
        .unwrap_or(Err(BodyError::Slow))
}

/// Reads at most `limit` bytes of a body that nobody wants, so that the sender gets to read the answer.
pub(crate) async fn drain(body: Body, limit: usize) {
    let work = async {
        let mut stream = body.into_data_stream();
        let mut left = limit;
        while let Some(Ok(chunk)) = stream.next().await {
            left = left.saturating_sub(chunk.len());
            if left == 0 {
                break;
            }
        }
    };
    // Not in time: the connection is closed instead.
    tokio::time::timeout(Duration::from_secs(2), work)
        .await
        .ok();
}

/// Unpacks a body by its `Content-Encoding` (RFC 9110, section 8.4).
pub(crate) async fn unpack(
    packed: Bytes,
    encoding: Option<&str>,
    limits: &HttpLimits,
    mut share: Share,
) -> Result<(Bytes, Share), BodyError> {
    let encoding = encoding.unwrap_or_default().trim().to_ascii_lowercase();
    let coding = match encoding.as_str() {
        "" | "identity" => return Ok((packed, share)),
        "gzip" | "x-gzip" => Coding::Gzip,
        "deflate" => Coding::Deflate,
        "zstd" => Coding::Zstd,
        _ => return Err(BodyError::Encoding(encoding.chars().take(80).collect())),
    };
    let bounds = Bounds {
        bytes: limits.unpacked_bytes,
        ratio: limits.ratio,
    };
    if packed.len() <= SMALL {
        let unpacked = coding.unpack(&packed, bounds, &mut share)?;
        return Ok((unpacked, share));
    }
    let work = move || {
        coding
            .unpack(&packed, bounds, &mut share)
            .map(|unpacked| (unpacked, share))
    };
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or(Err(BodyError::Broken))
}

#[derive(Debug, Clone, Copy)]
enum Coding {
    Gzip,
    Deflate,
    Zstd,
}

#[derive(Debug, Clone, Copy)]
struct Bounds {
    bytes: usize,
    ratio: u32,
}

impl Coding {
    fn unpack(self, packed: &[u8], bounds: Bounds, share: &mut Share) -> Result<Bytes, BodyError> {
        match self {
            Self::Gzip => copy(
                flate2::read::MultiGzDecoder::new(packed),
                packed.len(),
                bounds,
                share,
            ),
            // "deflate" means zlib; some senders leave out its two bytes of header.
            Self::Deflate if has_zlib_header(packed) => copy(
                flate2::read::ZlibDecoder::new(packed),
                packed.len(),
                bounds,
                share,
            ),
            Self::Deflate => copy(
                flate2::read::DeflateDecoder::new(packed),
                packed.len(),
                bounds,
                share,
            ),
            Self::Zstd => {
                let corrupt = |e: io::Error| BodyError::Corrupt(e.to_string());
                let mut decoder = zstd::stream::read::Decoder::new(packed).map_err(corrupt)?;
                // 8 MiB, what RFC 8878 recommends to accept; more is memory outside our count.
                decoder.window_log_max(23).map_err(corrupt)?;
                copy(decoder, packed.len(), bounds, share)
            }
        }
    }
}

/// RFC 1950, section 2.2: method 8 and a check over both bytes.
fn has_zlib_header(packed: &[u8]) -> bool {
    matches!(packed, [method, flags, ..]
        if method & 0x0f == 8 && (u16::from(*method) << 8 | u16::from(*flags)) % 31 == 0)
}

fn copy(
    mut from: impl Read,
    packed: usize,
    bounds: Bounds,
    share: &mut Share,
) -> Result<Bytes, BodyError> {
    let mut piece = vec![0; PIECE];
    let mut unpacked = Vec::new();
    loop {
        let read = match from.read(&mut piece) {
            Ok(0) => return Ok(unpacked.into()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(BodyError::Corrupt(error.to_string())),
        };
        let length = unpacked.len() + read;
        if length > bounds.bytes {
            return Err(BodyError::TooLarge {
                limit: bounds.bytes as u64,
            });
        }
        if length > FREE && length / packed.max(1) > bounds.ratio as usize {
            return Err(BodyError::Bomb {
                ratio: bounds.ratio,
            });
        }
        // The packed body stays in memory until this is done.
        share.cover(length + packed)?;
        unpacked.extend_from_slice(piece.get(..read).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn limits() -> HttpLimits {
        HttpLimits {
            body_bytes: 1 << 20,
            unpacked_bytes: 8 << 20,
            ratio: 200,
            ..HttpLimits::default()
        }
    }
    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut w = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        w.write_all(bytes).unwrap();
        w.finish().unwrap()
    }
    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut w = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        w.write_all(bytes).unwrap();
        w.finish().unwrap()
    }
    async fn check(encoding: &str, packed: Vec<u8>, expected: Result<&[u8], BodyError>) {
        let share = Memory::new(64 << 20).share();
        let got = unpack(packed.into(), Some(encoding), &limits(), share)
            .await
            .map(|(bytes, _)| bytes);
        assert_eq!(got.as_deref(), expected.as_deref(), "{encoding}");
    }

    #[tokio::test]
    async fn what_senders_pack_is_unpacked() {
        let text = b"{\"a\":1}\n".repeat(1_000);
        check("gzip", gzip(&text), Ok(&text)).await;
        check(
            " X-GZip ",
            [gzip(&text), gzip(b"more")].concat(),
            Ok(&[&text[..], b"more"].concat()),
        )
        .await;
        check("deflate", zlib(&text), Ok(&text)).await;
        check("deflate", zlib(&text)[2..].to_vec(), Ok(&text)).await;
        check("zstd", zstd::encode_all(&text[..], 3).unwrap(), Ok(&text)).await;
        check("identity", text.clone(), Ok(&text)).await;
        check("br", text, Err(BodyError::Encoding("br".into()))).await;
    }

    #[tokio::test]
    async fn bombs_are_refused_before_they_fill_memory() {
        let zeros = vec![0; 4 << 20];
        check("gzip", gzip(&zeros), Err(BodyError::Bomb { ratio: 200 })).await;
        check(
            "zstd",
            zstd::encode_all(&zeros[..], 3).unwrap(),
            Err(BodyError::Bomb { ratio: 200 }),
        )
        .await;
        let mut noise = Vec::new();
        let mut x = 1u32;
        while noise.len() < 9 << 20 {
            x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            noise.extend_from_slice(&[(x >> 24) as u8 & 0x0f; 4]);
        }
        check(
            "gzip",
            gzip(&noise),
            Err(BodyError::TooLarge { limit: 8 << 20 }),
        )
        .await;
        let small = Memory::new(1 << 20).share();
        let error = unpack(
            gzip(&noise[..4 << 20]).into(),
            Some("gzip"),
            &limits(),
            small,
        )
        .await
        .unwrap_err();
        assert_eq!(error, BodyError::Full);
    }

    #[tokio::test]
    async fn what_is_cut_short_is_corrupt() {
        let text = b"{\"a\":1}\n".repeat(1_000);
        for (encoding, packed) in [
            ("gzip", gzip(&text)),
            ("deflate", zlib(&text)),
            ("zstd", zstd::encode_all(&text[..], 3).unwrap()),
        ] {
            let share = Memory::new(64 << 20).share();
            let cut = packed[..packed.len() - 9].to_vec();
            let error = unpack(cut.into(), Some(encoding), &limits(), share)
                .await
                .unwrap_err();
            assert!(
                matches!(error, BodyError::Corrupt(_)),
                "{encoding}: {error:?}"
            );
        }
    }
}
