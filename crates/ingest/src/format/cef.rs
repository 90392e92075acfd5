//! The Common Event Format of `ArcSight`, version 0 or 1, with or without a syslog header before it.
//!
//! A line becomes a JSON object: what the syslog header says (`timestamp`, `hostname`, …), then
//! `deviceVendor`, `deviceProduct`, `deviceVersion`, `deviceEventClassId`, `name`, `severity`, the
//! extension's own keys, and the whole line as `raw`.

use bytes::Bytes;

use super::{Decoded, Limits, flat::Flat, lines::each_record, syslog::Header};

pub(super) fn decode(body: &Bytes, limits: &Limits) -> Decoded {
    each_record(body, limits, |line| record(line).map(Some))
}

/// Where `CEF:` and a version stand in a line.
pub(super) fn start(line: &str) -> Option<usize> {
    line.match_indices("CEF:").map(|(at, _)| at).find(|at| {
        let version = line.get(at + 4..).and_then(|t| t.split_once('|'));
        version.is_some_and(|(v, _)| {
            let v = v.trim();
            !v.is_empty() && v.len() < 5 && v.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        })
    })
}

/// Names of the header's fields behind the version.
const FIELDS: [&str; 6] = [
    "deviceVendor",
    "deviceProduct",
    "deviceVersion",
    "deviceEventClassId",
    "name",
    "severity",
];

fn record(line: &str) -> Result<Bytes, String> {
    let at = start(line).ok_or("not CEF: `CEF:0|` does not stand in the line")?;
    let (before, cef) = line.split_at_checked(at).unwrap_or(("", line));
    let mut out = Flat::new(line.len() * 2);
    if !before.is_empty() {
        Header::read(before).write(&mut out);
    }
    let mut rest = cef.split_once('|').map(|(_, r)| r).unwrap_or_default();
    for (position, name) in FIELDS.iter().enumerate() {
        let (value, tail) = header_field(rest)
            .ok_or_else(|| format!("not CEF: the header has {} fields of 7", position + 2))?;
        out.always(name, value.trim());
        rest = tail;
    }
    extension(rest, &mut out);
    out.text("raw", line);
    Ok(out.done())
}

/// Text up to the next `|` that is not escaped, and what follows.
fn header_field(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '|' => return Some((value, text.get(at + 1..)?)),
            '\\' => match chars.next()?.1 {
                c @ ('|' | '\\') => value.push(c),
                c => value.extend(['\\', c]),
            },
            c => value.push(c),
        }
    }
    None
}

/// `key=value key=value`: a value goes on until the next word with an equals sign behind it.
fn extension(text: &str, out: &mut Flat) {
    let mut pending: Option<(&str, usize)> = None;
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(found) = memchr::memchr2(b'=', b'\\', bytes.get(from..).unwrap_or_default()) {
        let at = from + found;
        from = at + 1;
        if bytes.get(at) == Some(&b'\\') {
            from += 1;
            continue;
        }
        let before = text.get(..at).unwrap_or_default();
        let floor = pending.map_or(0, |(_, start)| start);
        let start = before.rfind(char::is_whitespace).map_or(0, |i| i + 1);
        let key = before.get(start..).unwrap_or_default();
        let named = !key.is_empty()
            && key.bytes().all(|b| {
                b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'[' | b']')
            });
        if start < floor || !named {
            continue;
        }
        if let Some((key, value)) = pending.take() {
            out.always(key, &unescaped(text.get(value..start).unwrap_or_default()));
        }
        pending = Some((key, at + 1));
    }
    if let Some((key, value)) = pending {
        out.always(key, &unescaped(text.get(value..).unwrap_or_default()));
    }
}

fn unescaped(value: &str) -> String {
    let value = value.trim_end();
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some(c @ ('=' | '\\' | '|')) => out.push(c),
            Some(c) => out.extend(['\\', c]),
            None => out.push('\\'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &str) {
        let decoded = decode(&Bytes::from(line.to_owned()), &Limits::default());
        assert_eq!(decoded.errors, []);
        let got: serde_json::Value = serde_json::from_slice(&decoded.records[0]).unwrap();
        let mut expected: serde_json::Value = serde_json::from_str(expected).unwrap();
        expected["raw"] = line.into();
        assert_eq!(got, expected, "{line}");
    }

    #[test]
    fn header_and_extension() {
        check(
            r"Sep 19 08:26:10 host CEF:0|security|threat\|manager|1.0|100|detected a \\ in packet|10|src=10.0.0.1 act=blocked a | dst=1.1.1.1 msg=a \= b\nc filePath=C:\\x cs1=k v w",
            r#"{"timestamp":"Sep 19 08:26:10","hostname":"host","deviceVendor":"security","deviceProduct":"threat|manager","deviceVersion":"1.0","deviceEventClassId":"100","name":"detected a \\ in packet","severity":"10","src":"10.0.0.1","act":"blocked a |","dst":"1.1.1.1","msg":"a = b\nc","filePath":"C:\\x","cs1":"k v w"}"#,
        );
        check(
            "CEF:1|v|p||1||Low|",
            r#"{"deviceVendor":"v","deviceProduct":"p","deviceVersion":"","deviceEventClassId":"1","name":"","severity":"Low"}"#,
        );
        // An equals sign inside a URL starts no key.
        check(
            "CEF:0|v|p|1|1|n|1|request=http://h/?a=b&c=d src=1.2.3.4",
            r#"{"deviceVendor":"v","deviceProduct":"p","deviceVersion":"1","deviceEventClassId":"1","name":"n","severity":"1","request":"http://h/?a=b&c=d","src":"1.2.3.4"}"#,
        );
    }

    #[test]
    fn a_broken_line_is_an_error_of_its_own() {
        let body = Bytes::from_static(b"CEF:0|a|b\nCEF:0|v|p|1|1|n|1|a=b\nhello\n");
        let decoded = decode(&body, &Limits::default());
        assert_eq!(decoded.records.len(), 1);
        let reasons: Vec<_> = decoded
            .errors
            .iter()
            .map(|e| (e.index, e.line, e.reason.as_str()))
            .collect();
        assert_eq!(
            reasons,
            [
                (0, 1, "not CEF: the header has 3 fields of 7"),
                (2, 3, "not CEF: `CEF:0|` does not stand in the line"),
            ]
        );
    }
}
