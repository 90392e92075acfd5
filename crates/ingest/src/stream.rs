//! Long inputs: cut into blocks of whole records while they are read, so that memory stays the
//! same however long they are, and blocks can be decoded side by side.

use bytes::Bytes;

use crate::format::{
    Decoded, Format, Limits,
    csv::{self, Header},
    evtx,
    json_body::{self, End, Values},
};

/// Where an input of one format may be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// At line ends.
    Lines,
    /// At line ends outside of quotes; the first row is the header.
    Rows,
    /// Between JSON values, or the items of one array.
    Values,
    /// Between the chunks of a Windows event log.
    Chunks,
    /// Nowhere.
    Whole,
}

/// Whether more bytes follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum More {
    /// More may follow.
    Follows,
    /// This is the end.
    Nothing,
}

/// A longer piece without a place to cut is taken as it is, and mostly refused as too large.
pub const LONGEST: usize = 64 << 20;

/// One input being cut.
#[derive(Debug)]
pub struct Stream {
    format: &'static Format,
    delimiter: Option<u8>,
    header: Option<Header>,
    begun: bool,
}

/// Whole records of an input.
#[derive(Debug)]
pub struct Block {
    bytes: Bytes,
    format: &'static Format,
    header: Option<Header>,
}

impl Stream {
    /// A stream of `format`. `delimiter` is the separator of CSV; looked for where it is not given.
    #[must_use]
    pub fn new(format: &'static Format, delimiter: Option<u8>) -> Self {
        Self {
            format,
            delimiter,
            header: None,
            begun: false,
        }
    }

    /// Takes whole records from the start of `buffer`; none where it holds no whole record yet.
    pub fn next(&mut self, buffer: &mut Vec<u8>, more: More) -> Option<Block> {
        if !self.begun {
            let starts = buffer.len() > 3 && !buffer.trim_ascii().is_empty();
            if !starts && more == More::Follows {
                return None;
            }
            self.begun = true;
            if buffer.starts_with(b"\xef\xbb\xbf") {
                buffer.drain(..3);
            }
            if self.format.cut == Cut::Values {
                // The bracket of an array around all.
                let space = buffer
                    .iter()
                    .take_while(|b| b.is_ascii_whitespace())
                    .count();
                if buffer.get(space) == Some(&b'[') {
                    buffer.drain(..=space);
                }
            }
        }
        // A header that is not whole at the end is an error of the block.
        if self.format.cut == Cut::Rows
            && self.header.is_none()
            && self.take_header(buffer, more).is_none()
            && more == More::Follows
        {
            return None;
        }
        if buffer.is_empty() {
            return None;
        }
        let end = match (more, self.place(buffer)) {
            (More::Nothing, _) => buffer.len(),
            (More::Follows, Some(place)) if place > 0 => place,
            (More::Follows, _) if buffer.len() >= LONGEST => buffer.len(),
            (More::Follows, _) => return None,
        };
        let rest = buffer.get(end..).unwrap_or_default().to_vec();
        let mut bytes = std::mem::replace(buffer, rest);
        bytes.truncate(end);
        Some(Block {
            bytes: bytes.into(),
            format: self.format,
            header: self.header.clone(),
        })
    }

    fn take_header(&mut self, buffer: &mut Vec<u8>, more: More) -> Option<()> {
        if more == More::Follows && csv::last_row(buffer).is_none() && buffer.len() < LONGEST {
            return None;
        }
        let (header, end) = Header::read(buffer, self.delimiter)?;
        buffer.drain(..end);
        self.header = Some(header);
        Some(())
    }

    /// The last place in `buffer` where it may be cut.
    fn place(&self, buffer: &[u8]) -> Option<usize> {
        match self.format.cut {
            Cut::Lines => memchr::memrchr(b'\n', buffer).map(|at| at + 1),
            Cut::Rows => csv::last_row(buffer),
            Cut::Values => Values::new(buffer)
                .filter(|(_, end)| *end == End::Seen)
                .last()
                .map(|(range, _)| range.end),
            Cut::Chunks => {
                let header = if buffer.starts_with(evtx::MAGIC) {
                    evtx::HEADER
                } else {
                    0
                };
                let chunks = buffer.len().checked_sub(header)? / evtx::CHUNK;
                (chunks > 0).then(|| header + chunks * evtx::CHUNK)
            }
            Cut::Whole => None,
        }
    }
}

impl Block {
    /// How long it is, bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Its records.
    #[must_use]
    pub fn decode(&self, limits: &Limits) -> Decoded {
        match (&self.header, self.format.cut) {
            (Some(header), _) => csv::rows(&self.bytes, 0, header, limits),
            (None, Cut::Values) if self.format.id == "json" => {
                json_body::values(&self.bytes, limits)
            }
            (None, _) => (self.format.decode)(&self.bytes, limits),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{FORMATS, sniff};

    /// Reads `body` in bits of `step` bytes; every record and error in order.
    fn read(format: &'static Format, body: &[u8], step: usize) -> (Vec<String>, Vec<String>) {
        let mut stream = Stream::new(format, None);
        let (mut buffer, mut records, mut errors) = (Vec::new(), Vec::new(), Vec::new());
        let mut take = |block: Block| {
            let decoded = block.decode(&Limits::default());
            let text = |b: &Bytes| String::from_utf8_lossy(b).into_owned();
            records.extend(decoded.records.iter().map(text));
            errors.extend(decoded.errors.into_iter().map(|e| text(&e.raw)));
        };
        for bit in body.chunks(step) {
            buffer.extend_from_slice(bit);
            if let Some(block) = stream.next(&mut buffer, More::Follows) {
                take(block);
            }
        }
        while let Some(block) = stream.next(&mut buffer, More::Nothing) {
            take(block);
        }
        (records, errors)
    }

    #[test]
    fn an_input_in_bits_gives_the_same_records_as_in_one() {
        let long = |n: usize| "x".repeat(n);
        for (body, records, errors) in [
            (
                format!(r#"{{"a":1}}|{{"a":}}|{{"a":"{}"}}|"#, long(6_000)),
                2,
                1,
            ),
            (
                format!(
                    r#"[{{"a":"]}}\\\""}},| {{"a":}}, [1], {{"b":"{}"}} ]|"#,
                    long(6_000)
                ),
                3,
                1,
            ),
            (
                format!(r#"{{| "a": "{}"|}}|{{| "a": 2|}}|42 "#, long(6_000)),
                3,
                0,
            ),
            (
                format!(
                    r#"{{| "a": "{}"|}}|{{| "a": [|}}|{{| "b": 2|}}|"#,
                    long(6_000)
                ),
                2,
                1,
            ),
            (format!(r#"a,b|1,"x|{}"|3|4,5|"#, long(6_000)), 2, 1),
            (
                format!("\u{feff}<34>1 - - - - - - {}|<34>x|", long(6_000)),
                2,
                0,
            ),
        ] {
            let body = body.replace('|', "\n");
            let format = sniff(&body.as_bytes()[..5_000]).unwrap();
            let whole = read(format, body.as_bytes(), usize::MAX);
            assert_eq!(
                (whole.0.len(), whole.1.len()),
                (records, errors),
                "{} {whole:?}",
                format.id
            );
            for step in [1, 7, 100, 4_097] {
                assert_eq!(
                    read(format, body.as_bytes(), step),
                    whole,
                    "{} in bits of {step}",
                    format.id
                );
            }
        }
    }

    #[test]
    fn what_is_empty_has_no_records() {
        for format in FORMATS {
            for body in ["", " \n\n"] {
                let (records, _) = read(format, body.as_bytes(), 3);
                assert!(records.is_empty(), "{}", format.id);
            }
        }
    }
}
