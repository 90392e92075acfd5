//! Files of events as they lie around: folders walked, gzip and zstd unpacked, the format told by
//! content, cut into blocks so that memory stays the same however long a file is.

use std::{
    fs::File,
    io::{BufRead, BufReader, Cursor, IsTerminal, Read},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use clap::ArgMatches;
use indicatif::{ProgressBar, ProgressStyle};
use watchfloor_ingest::{
    Format, Limits,
    format::{find, sniff},
    stream::{Block, LONGEST, More, Stream},
};

/// What the arguments say about the form of the files.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Asked {
    format: Option<&'static Format>,
    delimiter: Option<u8>,
}

impl Asked {
    pub(super) fn of(matches: &ArgMatches) -> Self {
        let format = matches.get_one::<String>("format").and_then(|id| find(id));
        let delimiter = matches.get_one::<u8>("delimiter").copied();
        Self {
            // Naming the separator of CSV says that it is CSV.
            format: format.or_else(|| delimiter.and_then(|_| find("csv"))),
            delimiter,
        }
    }
}

/// A separator as an argument.
pub(super) fn delimiter(text: &str) -> Result<u8, String> {
    match text {
        "tab" | "\\t" | "\t" => Ok(b'\t'),
        _ => match text.as_bytes() {
            [b'"' | b'\n' | b'\r'] => Err("a quote or a line end cannot separate".to_owned()),
            [byte] if byte.is_ascii() => Ok(*byte),
            _ => Err("one character, or `tab`".to_owned()),
        },
    }
}

/// Bytes of one block, about.
const BLOCK: usize = 1 << 20;
/// Bytes read at once.
const BUFFER: usize = 1 << 18;
/// Bytes that tell the format.
const HEAD: usize = 1 << 15;

/// Bounds on one block: a block is bounded already.
pub(super) const LIMITS: Limits = Limits {
    record_bytes: LONGEST,
    records: usize::MAX,
    total_bytes: usize::MAX,
    errors: usize::MAX,
};

/// The files that `paths` name, folders walked in order of name; and what cannot be walked.
pub(super) fn files(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<String>) {
    let (mut files, mut wrong) = (Vec::new(), Vec::new());
    for path in paths {
        if path.is_dir() {
            walk(path, &mut files, &mut wrong);
        } else {
            files.push(path.clone());
        }
    }
    (files, wrong)
}

fn walk(dir: &Path, files: &mut Vec<PathBuf>, wrong: &mut Vec<String>) {
    let entries = std::fs::read_dir(dir).and_then(|entries| {
        let mut entries: Vec<_> = entries.collect::<Result<_, _>>()?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        Ok(entries)
    });
    match entries {
        Ok(entries) => {
            for entry in entries {
                // A link to a folder may lead back to where we are.
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => walk(&entry.path(), files, wrong),
                    Ok(kind) if kind.is_file() => files.push(entry.path()),
                    Ok(_) if entry.path().is_file() => files.push(entry.path()),
                    Ok(_) => {}
                    Err(error) => wrong.push(format!("{}: {error}", entry.path().display())),
                }
            }
        }
        Err(error) => wrong.push(format!("{}: {error}", dir.display())),
    }
}

/// How far all files were read, on a terminal.
pub(super) fn bar(files: &[PathBuf]) -> ProgressBar {
    let size = files
        .iter()
        .filter_map(|f| std::fs::metadata(f).ok())
        .map(|m| m.len())
        .sum();
    if size == 0 || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(size);
    if let Ok(style) =
        ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta} {msg}")
    {
        bar.set_style(style);
    }
    bar
}

/// One file being read.
pub(super) struct Open {
    pub(super) format: &'static Format,
    stream: Stream,
    reader: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    /// Records of a pipe are wanted as they come.
    eager: bool,
    state: State,
}

enum State {
    Reading,
    Ended,
    Failed(String),
}

impl Open {
    /// Opens a file and looks at its first bytes; `-` is stdin.
    pub(super) fn new(path: &Path, asked: &Asked, bar: &ProgressBar) -> Result<Self, String> {
        let eager = path.as_os_str() == "-";
        let raw: Box<dyn Read + Send> = if eager {
            Box::new(std::io::stdin())
        } else {
            Box::new(bar.wrap_read(File::open(path).map_err(|e| e.to_string())?))
        };
        let mut raw = BufReader::with_capacity(BUFFER, raw);
        let magic = head(&mut raw, 4, true).map_err(|e| e.to_string())?;
        let packed = unpack_name(&magic);
        let raw: Box<dyn BufRead + Send> = Box::new(Cursor::new(magic.clone()).chain(raw));
        let mut reader: Box<dyn Read + Send> = match packed {
            Some(Packed::Gzip) => Box::new(flate2::bufread::MultiGzDecoder::new(raw)),
            Some(Packed::Zstd) => {
                let decoder = zstd::stream::read::Decoder::with_buffer(raw);
                let mut decoder = decoder.map_err(|e| format!("cannot unpack: {e}"))?;
                decoder
                    .window_log_max(31)
                    .map_err(|e| format!("cannot unpack: {e}"))?;
                Box::new(decoder)
            }
            Some(Packed::Other(name)) if asked.format.is_none() => {
                return Err(format!(
                    "{name} is not read; unpack it first, or name its --format"
                ));
            }
            Some(Packed::Other(_)) | None => Box::new(raw),
        };
        let start = head(&mut reader, HEAD, eager).map_err(|e| cannot(packed.as_ref(), &e))?;
        let format = match asked.format {
            Some(format) => format,
            None => sniff(&start).ok_or(
                "binary data of no known format; name it with --format, convert UTF-16 to UTF-8",
            )?,
        };
        Ok(Self {
            format,
            stream: Stream::new(format, asked.delimiter),
            reader,
            buffer: start,
            eager,
            state: State::Reading,
        })
    }

    /// The next block of whole records.
    pub(super) fn next(&mut self) -> Result<Option<Block>, String> {
        loop {
            match &self.state {
                State::Failed(reason) => return Err(reason.clone()),
                State::Ended => return Ok(self.stream.next(&mut self.buffer, More::Nothing)),
                State::Reading => {}
            }
            if (self.eager || self.buffer.len() >= BLOCK)
                && let Some(block) = self.stream.next(&mut self.buffer, More::Follows)
            {
                return Ok(Some(block));
            }
            let wanted = BUFFER as u64;
            let mut part = self.reader.by_ref().take(wanted);
            let outcome = if self.eager {
                let mut bit = vec![0; BUFFER];
                part.read(&mut bit).inspect(|n| {
                    bit.truncate(*n);
                    self.buffer.extend_from_slice(&bit);
                })
            } else {
                part.read_to_end(&mut self.buffer)
            };
            match outcome {
                Ok(0) => self.state = State::Ended,
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    // What was read before the fault is whole.
                    self.state = State::Failed(format!("cannot read on: {error}"));
                    if let Some(block) = self.stream.next(&mut self.buffer, More::Follows) {
                        return Ok(Some(block));
                    }
                }
            }
        }
    }
}

/// A record, or why it is none.
pub(super) type Read1 = Result<Bytes, String>;

/// The records of a block in order, good and bad.
pub(super) fn records(block: &Block) -> Vec<Read1> {
    let decoded = block.decode(&LIMITS);
    let total = decoded.records.len() + decoded.errors.len();
    let mut records = decoded.records.into_iter();
    let mut errors = decoded.errors.into_iter().peekable();
    (0..total)
        .filter_map(|index| match errors.next_if(|e| e.index == index) {
            Some(error) => Some(Err(error.reason)),
            None => records.next().map(Ok),
        })
        .collect()
}

/// One record of a file, counted from 0.
pub(super) fn record(path: &Path, asked: &Asked, number: u64) -> Result<Option<Read1>, String> {
    let mut open = Open::new(path, asked, &ProgressBar::hidden())?;
    let mut before = 0;
    while let Some(block) = open.next()? {
        let mut all = records(&block);
        let here = all.len() as u64;
        if let Some(at) = number.checked_sub(before).filter(|at| *at < here) {
            return Ok(Some(
                all.swap_remove(usize::try_from(at).unwrap_or_default()),
            ));
        }
        before += here;
    }
    Ok(None)
}

/// How a file is packed.
enum Packed {
    Gzip,
    Zstd,
    /// Something that we do not unpack.
    Other(&'static str),
}

fn unpack_name(magic: &[u8]) -> Option<Packed> {
    match magic {
        [0x1f, 0x8b, ..] => Some(Packed::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Packed::Zstd),
        [b'P', b'K', 3, 4, ..] => Some(Packed::Other("a zip archive")),
        [0xfd, b'7', b'z', b'X', ..] => Some(Packed::Other("an xz file")),
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(Packed::Other("a bzip2 file")),
        [b'7', b'z', 0xbc, 0xaf, ..] => Some(Packed::Other("a 7z archive")),
        [b'P', b'A', b'R', b'1', ..] => Some(Packed::Other("a Parquet file")),
        _ => None,
    }
}

fn cannot(packed: Option<&Packed>, error: &std::io::Error) -> String {
    match packed {
        Some(Packed::Gzip | Packed::Zstd) => format!("cannot unpack: {error}"),
        Some(Packed::Other(_)) | None => error.to_string(),
    }
}

/// Up to `size` bytes; of an eager reader, what comes first and is at least four bytes.
fn head(reader: &mut dyn Read, size: usize, eager: bool) -> std::io::Result<Vec<u8>> {
    let mut out = vec![0; size];
    let mut filled = 0;
    while filled < size {
        match reader.read(out.get_mut(filled..).unwrap_or_default()) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => {
                if filled == 0 {
                    return Err(error);
                }
                // The fault comes again with the next read.
                break;
            }
        }
        if eager && filled >= 4 && out.get(..filled).unwrap_or_default().contains(&b'\n') {
            break;
        }
    }
    out.truncate(filled);
    Ok(out)
}
