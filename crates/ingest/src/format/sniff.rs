//! Which format is this? Told by content, never by a file's name.

use super::{Format, auditd, cef, csv, evtx, find, leef, lines, syslog};
use crate::json::Scanner;

/// Lines that are looked at.
const LINES: usize = 20;

/// The format of an input that begins with `head`: some tens of KiB, unpacked. None where it is
/// binary and no format that is known.
#[must_use]
pub fn sniff(head: &[u8]) -> Option<&'static Format> {
    find(id(head)?)
}

fn id(head: &[u8]) -> Option<&'static str> {
    if head.starts_with(evtx::MAGIC) {
        return Some("evtx");
    }
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    if head.contains(&0) {
        return None;
    }
    let start = head.trim_ascii_start();
    if start.first() == Some(&b'[') {
        let next = start.get(1..).unwrap_or_default().trim_ascii_start();
        if matches!(next.first(), None | Some(b'{' | b'[' | b']')) {
            return Some("json");
        }
    }
    let lines: Vec<&[u8]> = lines::each_line(head)
        .filter_map(|(_, range)| head.get(range))
        .filter(|line| !lines::blank(line))
        .take(LINES)
        .collect();
    let mut votes: Vec<(&'static str, usize)> = Vec::new();
    for (position, line) in lines.iter().enumerate() {
        let text = String::from_utf8_lossy(line);
        let kind = of_line(&text);
        if position == 0 && kind == "ndjson" && !is_value(&text, lines.len() == 1) {
            // An object over several lines.
            return Some("json");
        }
        match votes.iter_mut().find(|(k, _)| *k == kind) {
            Some((_, count)) => *count += 1,
            None => votes.push((kind, 1)),
        }
    }
    // Of equal counts the first seen.
    let winner = votes
        .iter()
        .rev()
        .max_by_key(|(_, count)| *count)
        .map_or("ndjson", |(kind, _)| *kind);
    if winner == "text" && is_csv(head) {
        return Some("csv");
    }
    Some(winner)
}

fn of_line(line: &str) -> &'static str {
    let line = line.trim_start();
    if line.starts_with('{') {
        "ndjson"
    } else if cef::start(line).is_some() {
        "cef"
    } else if leef::start(line).is_some() {
        "leef"
    } else if auditd::looks_like(line) {
        "auditd"
    } else if syslog::looks_like(line) {
        "syslog"
    } else {
        "text"
    }
}

/// Whether a line holds one whole JSON value, or is wrong in a way that more lines do not mend.
fn is_value(line: &str, alone: bool) -> bool {
    let mut scan = Scanner::new(line.trim());
    match scan.skip(0) {
        Ok(_) => true,
        // The head may end inside a long line.
        Err(error) => alone || error.offset < line.trim().len(),
    }
}

/// Whether the first line is a plausible header and the rows that are in sight fit it.
fn is_csv(head: &[u8]) -> bool {
    let Some((header, end)) = csv::Header::read(head, None) else {
        return false;
    };
    if !header.is_plausible() {
        return false;
    }
    let Some(last) = csv::last_row(head) else {
        return false;
    };
    let body = bytes::Bytes::copy_from_slice(head.get(..last).unwrap_or_default());
    let limits = super::Limits {
        records: LINES,
        ..super::Limits::default()
    };
    let decoded = csv::rows(&body, end, &header, &limits);
    let bad = decoded.errors.iter().filter(|e| e.index < LINES).count();
    if decoded.records.is_empty() && bad == 0 {
        // A header alone, or one long row whose end is not in sight.
        let rest = head.get(end..).unwrap_or_default();
        return rest.is_empty() || rest.contains(&b'"');
    }
    decoded.records.len() > bad
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(head: &str, expected: &str) {
        assert_eq!(id(head.as_bytes()), Some(expected), "{head}");
    }

    #[test]
    fn by_content() {
        check("{\"a\":1}\n{\"a\":2}\n", "ndjson");
        check("{\"a\":1}", "ndjson");
        check("{\"a\":}\n{\"a\":2}\n", "ndjson");
        check("\u{feff}{\n  \"a\": 1\n}\n", "json");
        check("[\n {\"a\":1}]", "json");
        check("[ ]", "json");
        check("<34>1 - - - - - -\n", "syslog");
        check("Mar  2 08:00:00 web-1 sshd[411]: x\n", "syslog");
        check("[2027-03-02] starting\n[2027-03-02] done\n", "text");
        check("CEF:0|v|p|1|1|n|1|a=b\n", "cef");
        check("<34>Mar  2 08:00:00 h CEF:0|v|p|1|1|n|1|a=b\n", "cef");
        check("LEEF:1.0|v|p|1|1|a=b\n", "leef");
        check(
            "type=CWD msg=audit(1364481363.243:24287): cwd=\"/\"\n",
            "auditd",
        );
        check("EventID,Channel,Image\n1,c,i\n2,c,\"i,j\"\n", "csv");
        check("a;b\n1;2\n", "csv");
        check("a,b\n1,\"long", "csv");
        check("Dear Kim, hello\nhow are you, friend, today\n", "text");
        check("just text\n", "text");
        check("", "ndjson");
        // One bad line does not decide.
        check(
            "garbage\nMar  2 08:00:00 h a[1]: x\nMar  2 08:00:01 h a[1]: y\n",
            "syslog",
        );
    }

    #[test]
    fn binary_is_not_guessed() {
        assert_eq!(id(b"ElfFile\0\0\0"), Some("evtx"));
        assert_eq!(id(b"PK\x03\x04\0\0"), None);
    }
}
