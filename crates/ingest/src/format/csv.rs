//! Comma-separated values (RFC 4180) with a header row; the separator may also be a semicolon, a
//! tab or a vertical bar.
//!
//! A row becomes a JSON object of texts under the names of the header, empty cells included. A row
//! of another length is an error of that row.

use std::sync::Arc;

use bytes::Bytes;

use super::{Collector, Decoded, Limits, Room, flat::Flat, lines::blank};

/// Separators that are looked for, the likelier first.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// The header row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    names: Arc<[String]>,
    pub(crate) separator: u8,
}

/// A body whose first row is the header.
pub(super) fn decode(body: &Bytes, limits: &Limits) -> Decoded {
    let from = if body.starts_with(b"\xef\xbb\xbf") {
        3
    } else {
        0
    };
    let rest = body.get(from..).unwrap_or_default();
    match Header::read(rest, None) {
        Some((header, read)) => rows(body, from + read, &header, limits),
        None => {
            let mut out = Collector::new(body, limits);
            if !blank(rest) {
                let reason = "the header row is not whole: a quote is opened and not closed";
                out.error(from..body.len(), 1, from, reason.to_owned());
            }
            out.out
        }
    }
}

impl Header {
    /// Reads the header row at the start of `body`, and how long it is. None where there is no
    /// row, or its end is not in sight.
    pub(crate) fn read(body: &[u8], separator: Option<u8>) -> Option<(Self, usize)> {
        let separator = separator.unwrap_or_else(|| separator_of(body));
        let (cells, end) = match row(body, 0, separator) {
            Row::Whole(cells, end) => (cells, end),
            Row::Open | Row::Broken(_) => return None,
        };
        let names = cells.iter().map(|c| c.trim().to_owned());
        let header = Self {
            names: names.collect(),
            separator,
        };
        Some((header, end))
    }

    /// Whether its cells look like names of columns: not empty, none twice, none a number.
    pub(super) fn is_plausible(&self) -> bool {
        let mut seen = hashbrown::HashSet::new();
        self.names.len() > 1
            && self.names.iter().all(|n| {
                !n.is_empty()
                    && n.len() <= 128
                    && !n.bytes().any(|b| b.is_ascii_control())
                    && n.parse::<f64>().is_err()
                    && seen.insert(n)
            })
    }
}

/// The separator that stands most often in the first line, outside of quotes.
fn separator_of(body: &[u8]) -> u8 {
    let mut counts = [0usize; SEPARATORS.len()];
    let mut quoted = false;
    for byte in body {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            byte if !quoted => {
                if let Some(at) = SEPARATORS.iter().position(|s| s == byte)
                    && let Some(count) = counts.get_mut(at)
                {
                    *count += 1;
                }
            }
            _ => {}
        }
    }
    let best = SEPARATORS
        .iter()
        .zip(counts)
        .rev()
        .max_by_key(|(_, count)| *count);
    best.map_or(b',', |(separator, _)| *separator)
}

/// The rows of `body` from `from` on.
pub(crate) fn rows(body: &Bytes, from: usize, header: &Header, limits: &Limits) -> Decoded {
    let mut out = Collector::new(body, limits);
    let mut at = from;
    let mut line = 1 + count_lines(body.get(..from).unwrap_or_default());
    while at < body.len() {
        let here = line;
        let (end, outcome) = match row(body, at, header.separator) {
            Row::Whole(cells, end) => (end, Ok(cells)),
            Row::Broken(reason) => (line_end(body, at), Err(reason.to_owned())),
            Row::Open => {
                let reason = "a quote is opened and not closed".to_owned();
                (line_end(body, at), Err(reason))
            }
        };
        let piece = at..end;
        let content = body.get(piece.clone()).unwrap_or_default();
        line += count_lines(content);
        at = end;
        if blank(content) {
            continue;
        }
        let outcome = outcome.and_then(|mut cells| {
            let wanted = header.names.len();
            // Some programs end each row with a separator.
            while cells.len() > wanted && cells.last().is_some_and(String::is_empty) {
                cells.pop();
            }
            if cells.len() == wanted {
                Ok(cells)
            } else {
                Err(format!(
                    "the row has {} cells, the header names {wanted}",
                    cells.len()
                ))
            }
        });
        let trimmed = piece.start..piece.start + content.trim_ascii_end().len();
        let room = match outcome {
            Ok(_) if content.len() > limits.record_bytes => out.record(trimmed, here),
            Ok(cells) => {
                let mut record = Flat::new(content.len() * 2);
                for (name, cell) in header.names.iter().zip(&cells) {
                    record.always(name, cell);
                }
                out.owned(record.done(), trimmed, here)
            }
            Err(reason) => {
                let start = piece.start;
                out.error(trimmed, here, start, reason)
            }
        };
        if room == Room::None {
            break;
        }
    }
    out.out
}

fn count_lines(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes).count()
}

/// Just behind the line that `at` stands in.
fn line_end(body: &[u8], at: usize) -> usize {
    memchr::memchr(b'\n', body.get(at..).unwrap_or_default()).map_or(body.len(), |n| at + n + 1)
}

/// One row.
enum Row {
    /// Its cells, and where the next row starts.
    Whole(Vec<String>, usize),
    /// The body ends inside quotes.
    Open,
    /// What is wrong.
    Broken(&'static str),
}

/// Most cells of a row.
const CELLS: usize = 4_096;

fn row(body: &[u8], from: usize, separator: u8) -> Row {
    let mut cells = Vec::new();
    let mut at = from;
    loop {
        let rest = body.get(at..).unwrap_or_default();
        if rest.first() == Some(&b'"') {
            let mut cell = Vec::new();
            at += 1;
            loop {
                let rest = body.get(at..).unwrap_or_default();
                let Some(quote) = memchr::memchr(b'"', rest) else {
                    return Row::Open;
                };
                cell.extend_from_slice(rest.get(..quote).unwrap_or_default());
                at += quote + 1;
                if body.get(at) != Some(&b'"') {
                    break;
                }
                cell.push(b'"');
                at += 1;
            }
            cells.push(String::from_utf8_lossy(&cell).into_owned());
        } else {
            let end = rest
                .iter()
                .position(|b| *b == separator || *b == b'\n')
                .unwrap_or(rest.len());
            let cell = rest.get(..end).unwrap_or_default();
            let ends = rest.get(end) != Some(&separator);
            let cell = match cell.strip_suffix(b"\r") {
                Some(cell) if ends => cell,
                Some(_) | None => cell,
            };
            cells.push(String::from_utf8_lossy(cell).into_owned());
            at += end;
        }
        if cells.len() > CELLS {
            return Row::Broken("more than 4096 cells in one row");
        }
        match (body.get(at), body.get(at + 1)) {
            (Some(byte), _) if *byte == separator => at += 1,
            (Some(b'\n'), _) => return Row::Whole(cells, at + 1),
            (Some(b'\r'), Some(b'\n')) => return Row::Whole(cells, at + 2),
            (None, _) | (Some(b'\r'), None) => return Row::Whole(cells, body.len()),
            (Some(_), _) => return Row::Broken("text stands behind a closing quote"),
        }
    }
}

/// The end of the last row that is whole for certain, in a body that goes on.
pub(crate) fn last_row(body: &[u8]) -> Option<usize> {
    let mut quoted = false;
    let mut end = None;
    for at in memchr::memchr2_iter(b'"', b'\n', body) {
        match body.get(at) {
            Some(b'"') => quoted = !quoted,
            _ if !quoted => end = Some(at + 1),
            _ => {}
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, records: &[&str], errors: &[(usize, usize, &str)]) {
        let decoded = decode(&Bytes::from(body.to_owned()), &Limits::default());
        let got: Vec<_> = decoded
            .records
            .iter()
            .map(|r| std::str::from_utf8(r).unwrap())
            .collect();
        assert_eq!(got, records, "{body}");
        let got: Vec<_> = decoded
            .errors
            .iter()
            .map(|e| (e.index, e.line, e.reason.as_str()))
            .collect();
        assert_eq!(got, errors, "{body}");
    }

    #[test]
    fn rfc_4180() {
        check(
            "a,b\r\n1,\"x, \"\"y\"\"\r\nz\"\r\n,\r\n",
            &[r#"{"a":"1","b":"x, \"y\"\r\nz"}"#, r#"{"a":"","b":""}"#],
            &[],
        );
        check("\u{feff}\"a\";\"b\"\n1;2", &[r#"{"a":"1","b":"2"}"#], &[]);
        check("a\tb\n1\t2,3\t\n", &[r#"{"a":"1","b":"2,3"}"#], &[]);
        check("", &[], &[]);
        check("a,b\n", &[], &[]);
        check(
            "a,\"b\n1,2\n",
            &[],
            &[(
                0,
                1,
                "the header row is not whole: a quote is opened and not closed",
            )],
        );
    }

    #[test]
    fn a_broken_row_is_an_error_of_its_own() {
        check(
            "a,b\n1,2\n3\n\"x\"y,4\n5,6\n\"open,7\n8,9\n",
            &[
                r#"{"a":"1","b":"2"}"#,
                r#"{"a":"5","b":"6"}"#,
                r#"{"a":"8","b":"9"}"#,
            ],
            &[
                (1, 3, "the row has 1 cells, the header names 2"),
                (2, 4, "text stands behind a closing quote"),
                (4, 6, "a quote is opened and not closed"),
            ],
        );
    }
}
