//! Files of events as they lie around: plain, gzip or zstd, lines or one JSON array; `-` is stdin.

use std::{
    fs::File,
    io::{BufRead, BufReader, IsTerminal, Read},
    path::Path,
};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};

/// A file, unpacked.
pub(super) struct Input {
    /// Its text.
    pub lines: Box<dyn BufRead>,
    /// Whether it is one JSON array; everything else goes line by line.
    pub array: bool,
    /// How far it was read, on a terminal.
    pub bar: ProgressBar,
}

const BUFFER: usize = 1 << 18;

impl Input {
    /// Opens a file and looks at its first bytes.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let (raw, size): (Box<dyn Read>, u64) = if path.as_os_str() == "-" {
            (Box::new(std::io::stdin()), 0)
        } else {
            let file = File::open(path).with_context(|| format!("cannot read {name}"))?;
            let size = file.metadata().map(|m| m.len()).unwrap_or_default();
            (Box::new(file), size)
        };
        let bar = if std::io::stderr().is_terminal() && size > 0 {
            ProgressBar::new(size)
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) =
            ProgressStyle::with_template("{msg} {bar:30} {bytes}/{total_bytes} {eta}")
        {
            bar.set_style(style);
        }
        bar.set_message(name.clone());
        let mut reader = BufReader::with_capacity(BUFFER, bar.wrap_read(raw));
        let magic = reader
            .fill_buf()
            .with_context(|| format!("cannot read {name}"))?;
        let mut lines: Box<dyn BufRead> = if magic.starts_with(&[0x1f, 0x8b]) {
            let decoder = flate2::bufread::MultiGzDecoder::new(reader);
            Box::new(BufReader::with_capacity(BUFFER, decoder))
        } else if magic.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(reader)
                .with_context(|| format!("cannot decompress {name}"))?;
            decoder
                .window_log_max(31)
                .with_context(|| format!("cannot decompress {name}"))?;
            Box::new(BufReader::with_capacity(BUFFER, decoder))
        } else {
            Box::new(reader)
        };
        let array = lines
            .fill_buf()
            .with_context(|| format!("cannot read {name}"))?
            .iter()
            .find(|b| !b.is_ascii_whitespace())
            == Some(&b'[');
        Ok(Self { lines, array, bar })
    }
}
