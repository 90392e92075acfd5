//! IBM Log Event Extended Format 1.0 and 2.0, with or without a syslog header before it.
//!
//! The record has `deviceVendor`, `deviceProduct`, `deviceVersion`, `deviceEventClassId` as in
//! CEF, the line's own attributes, and the whole line as `raw`.

use bytes::Bytes;

use super::{Decoded, Limits, flat::Flat, lines::each_record, syslog::Header};

pub(super) fn decode(body: &Bytes, limits: &Limits) -> Decoded {
    each_record(body, limits, |line| {
        let reason = "not LEEF: `LEEF:1.0|vendor|product|version|event|` is not whole";
        record(line).map(Some).ok_or_else(|| reason.to_owned())
    })
}

/// Where `LEEF:1.0|` or `LEEF:2.0|` stands in a line.
pub(super) fn start(line: &str) -> Option<usize> {
    line.find("LEEF:1.0|").or_else(|| line.find("LEEF:2.0|"))
}

fn record(line: &str) -> Option<Bytes> {
    let (before, leef) = line.split_at_checked(start(line)?)?;
    let mut out = Flat::new(line.len() * 2);
    if !before.is_empty() {
        Header::read(before).write(&mut out);
    }
    let mut parts = leef.splitn(6, '|');
    let version = parts.next()?;
    for name in [
        "deviceVendor",
        "deviceProduct",
        "deviceVersion",
        "deviceEventClassId",
    ] {
        out.always(name, parts.next()?.trim());
    }
    let mut rest = parts.next()?;
    let mut separator = '\t';
    if version == "LEEF:2.0"
        && let Some((word, attributes)) = rest.split_once('|')
        && let Some(named) = delimiter(word)
    {
        separator = named;
        rest = attributes;
    }
    for pair in rest.split(separator) {
        if let Some((key, value)) = pair.split_once('=') {
            out.always(key.trim(), value.trim_end());
        }
    }
    out.text("raw", line);
    Some(out.done())
}

/// The delimiter field of version 2: one character, `x09` or `0x09`, or nothing.
fn delimiter(word: &str) -> Option<char> {
    let mut chars = word.chars();
    match (chars.next(), chars.next()) {
        (None, _) => Some('\t'),
        (Some(c), None) => Some(c),
        _ => {
            let hex = word.strip_prefix("0x").or_else(|| word.strip_prefix('x'))?;
            let code = u32::from_str_radix(hex, 16).ok()?;
            char::from_u32(code)
        }
    }
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
    fn both_versions() {
        let head = r#""deviceVendor":"V","deviceProduct":"P","deviceVersion":"1","deviceEventClassId":"E""#;
        check(
            "LEEF:1.0|V|P|1|E|src=10.0.0.1\tusrName=a b",
            &format!(r#"{{{head},"src":"10.0.0.1","usrName":"a b"}}"#),
        );
        check(
            "Jan  5 01:02:03 host LEEF:2.0|V|P|1|E|^|src=10.0.0.1^msg=a=b",
            &format!(
                r#"{{"timestamp":"Jan  5 01:02:03","hostname":"host",{head},"src":"10.0.0.1","msg":"a=b"}}"#
            ),
        );
        check(
            "LEEF:2.0|V|P|1|E|0x7c|a=1|b=2",
            &format!(r#"{{{head},"a":"1","b":"2"}}"#),
        );
    }

    #[test]
    fn a_broken_line_is_an_error_of_its_own() {
        let decoded = decode(
            &Bytes::from_static(b"LEEF:1.0|V|P\nx\n"),
            &Limits::default(),
        );
        assert_eq!((decoded.records.len(), decoded.errors.len()), (0, 2));
    }
}
