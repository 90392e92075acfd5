//! The Linux audit log as `auditd` writes it: `type=EXECVE msg=audit(1364481363.243:24287): …`.
//!
//! A line becomes a JSON object: `type`, `timestamp` (RFC 3339), `serial`, `node`, the fields of
//! the line and of the quoted `msg='…'` inside it, and the whole line as `raw`. Values that the
//! kernel wrote in hex, because they hold spaces or quotes, are decoded.

use std::borrow::Cow;

use bytes::Bytes;

use super::{Decoded, Limits, flat::Flat, lines::each_record};

pub(super) fn decode(body: &Bytes, limits: &Limits) -> Decoded {
    each_record(body, limits, |line| {
        // `ausearch` puts dashes between events.
        if line == "----" {
            return Ok(None);
        }
        let reason = "no audit record: `type=… msg=audit(…):` does not stand at its start";
        record(line).map(Some).ok_or_else(|| reason.to_owned())
    })
}

/// Whether a line begins like an audit record.
pub(super) fn looks_like(line: &str) -> bool {
    head(line).is_some()
}

struct Head<'a> {
    node: &'a str,
    kind: &'a str,
    time: &'a str,
    serial: &'a str,
    rest: &'a str,
}

fn head(line: &str) -> Option<Head<'_>> {
    let (node, line) = match line.strip_prefix("node=") {
        Some(rest) => rest.split_once(' ')?,
        None => ("", line),
    };
    let (kind, rest) = line.strip_prefix("type=")?.split_once(' ')?;
    let (stamp, rest) = rest.strip_prefix("msg=audit(")?.split_once("):")?;
    let (time, serial) = stamp.rsplit_once(':')?;
    Some(Head {
        node,
        kind,
        time,
        serial,
        rest,
    })
}

fn record(line: &str) -> Option<Bytes> {
    let head = head(line)?;
    let mut out = Flat::new(line.len() * 2);
    out.text("type", head.kind);
    let time: Option<jiff::Timestamp> = crate::time::read(
        &crate::json::Json::Text(head.time.into()),
        crate::time::TimeFormat::EpochS,
    );
    match time {
        Some(time) => out.text("timestamp", &time.to_string()),
        // `ausearch -i` writes a local time.
        None => out.text("timestamp", head.time),
    }
    out.text("serial", head.serial);
    out.text("node", head.node);
    fields(head.rest, head.kind, &mut out);
    out.text("raw", line);
    Some(out.done())
}

fn fields(text: &str, kind: &str, out: &mut Flat) {
    let mut rest = text;
    loop {
        // The enriched log puts interpreted values behind a group separator.
        rest = rest.trim_start_matches([' ', '\u{1d}', ',']);
        let Some(equals) = rest.find(['=', ' ']) else {
            return;
        };
        let Some((key, tail)) = rest.split_at_checked(equals) else {
            return;
        };
        let Some(tail) = tail.strip_prefix('=') else {
            // A word without a value.
            rest = tail;
            continue;
        };
        let (value, after, quoted) = value(tail);
        if key == "msg" && quoted == Quoted::Single {
            fields(value, kind, out);
        } else if !key.is_empty() && value != "(null)" {
            let value = if quoted == Quoted::No && may_be_hex(key, kind) {
                from_hex(value)
            } else {
                Cow::Borrowed(value)
            };
            out.always(key, &value);
        }
        rest = after;
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quoted {
    No,
    Single,
    Double,
}

fn value(text: &str) -> (&str, &str, Quoted) {
    for (quote, kind) in [('"', Quoted::Double), ('\'', Quoted::Single)] {
        if let Some((value, rest)) = text.strip_prefix(quote).and_then(|t| t.split_once(quote)) {
            return (value, rest, kind);
        }
    }
    let end = text.find([' ', '\u{1d}']).unwrap_or(text.len());
    let (value, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    (value, rest, Quoted::No)
}

/// Fields that hold text of a process, which the kernel writes in hex where it is not plain
/// (`audit_log_untrustedstring`).
fn may_be_hex(key: &str, kind: &str) -> bool {
    match key {
        "proctitle" | "name" | "exe" | "comm" | "cwd" | "cmd" | "acct" | "data" | "path"
        | "key" | "dir" | "watch" => true,
        _ => {
            // In SYSCALL records a0 to a3 are numbers.
            kind == "EXECVE"
                && key
                    .strip_prefix('a')
                    .is_some_and(|n| n.bytes().next().is_some_and(|b| b.is_ascii_digit()))
        }
    }
}

fn from_hex(text: &str) -> Cow<'_, str> {
    let hex = |b: u8| b.is_ascii_digit() || (b'A'..=b'F').contains(&b);
    if text.len() < 2 || !text.len().is_multiple_of(2) || !text.bytes().all(hex) {
        return Cow::Borrowed(text);
    }
    let bytes: Vec<u8> = text
        .as_bytes()
        .chunks(2)
        .filter_map(|pair| {
            let pair = std::str::from_utf8(pair).ok()?;
            u8::from_str_radix(pair, 16).ok()
        })
        // The words of a command line are separated by zero bytes.
        .map(|b| if b == 0 { b' ' } else { b })
        .collect();
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
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
    fn records_of_the_kernel_and_of_programs() {
        check(
            r#"type=EXECVE msg=audit(1364481363.243:24287): argc=3 a0="bash" a1="-c" a2=636174202F6574632F736861646F77"#,
            r#"{"type":"EXECVE","timestamp":"2013-03-28T14:36:03.243Z","serial":"24287","argc":"3","a0":"bash","a1":"-c","a2":"cat /etc/shadow"}"#,
        );
        check(
            r#"node=web-1 type=SYSCALL msg=audit(1364481363.243:24287): arch=c000003e syscall=2 success=no a0=7fffd19c5592 exe="/bin/cat" key=(null)"#,
            r#"{"type":"SYSCALL","timestamp":"2013-03-28T14:36:03.243Z","serial":"24287","node":"web-1","arch":"c000003e","syscall":"2","success":"no","a0":"7fffd19c5592","exe":"/bin/cat"}"#,
        );
        check(
            r#"type=USER_AUTH msg=audit(1364475353.159:24270): user pid=3280 uid=500 msg='op=PAM:authentication acct="root" exe="/bin/su" hostname=? res=failed'"#,
            r#"{"type":"USER_AUTH","timestamp":"2013-03-28T12:55:53.159Z","serial":"24270","pid":"3280","uid":"500","op":"PAM:authentication","acct":"root","exe":"/bin/su","hostname":"?","res":"failed"}"#,
        );
        check(
            "type=PROCTITLE msg=audit(1364481363.243:24287): proctitle=6C73002D6C",
            r#"{"type":"PROCTITLE","timestamp":"2013-03-28T14:36:03.243Z","serial":"24287","proctitle":"ls -l"}"#,
        );
    }

    #[test]
    fn a_broken_line_is_an_error_of_its_own() {
        let body = Bytes::from_static(b"----\ntype=X msg=audit(1.0:2): a=b\nrubbish\n");
        let decoded = decode(&body, &Limits::default());
        assert_eq!((decoded.records.len(), decoded.errors.len()), (1, 1));
        assert_eq!(decoded.errors[0].line, 3);
    }
}
