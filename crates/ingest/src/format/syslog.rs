//! Syslog: RFC 5424, RFC 3164, and the lines that daemons write to files without a priority.
//!
//! A line becomes a JSON object: `facility`, `severity` (the words of RFC 5424, section 6.2.1),
//! `timestamp` (RFC 3339, or `Mar  2 08:00:00` as it stands), `hostname`, `program`, `pid`,
//! `msgid`, `structured_data`, `message`, and the whole line as `raw`. What a line does not say
//! is left out; a line without any header is all `message`.

use bytes::Bytes;

use super::{Decoded, Limits, flat::Flat, lines::each_record};

pub(super) fn decode(body: &Bytes, limits: &Limits) -> Decoded {
    each_record(body, limits, |line| Ok(Some(record(line))))
}

fn record(line: &str) -> Bytes {
    let header = Header::read(line);
    let mut out = Flat::new(line.len() * 2);
    header.write(&mut out);
    out.text("message", header.message);
    out.text("raw", line);
    out.done()
}

/// What stands before the message.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Header<'a> {
    priority: Option<u8>,
    timestamp: &'a str,
    hostname: &'a str,
    program: &'a str,
    pid: &'a str,
    msgid: &'a str,
    /// (element id, parameters).
    data: Vec<(&'a str, Vec<(&'a str, String)>)>,
    pub(super) message: &'a str,
}

const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
    "ftp", "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4",
    "local5", "local6", "local7",
];
const SEVERITIES: [&str; 8] = [
    "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
];

impl<'a> Header<'a> {
    /// Takes the header off `line`.
    pub(super) fn read(line: &'a str) -> Self {
        let line = unframed(line.trim_start());
        let Some((priority, rest)) = priority(line) else {
            let mut header = Self::default();
            header.rfc_3164(line);
            return header;
        };
        let mut header = Self {
            priority: Some(priority),
            ..Self::default()
        };
        match rest.strip_prefix("1 ") {
            Some(rest) if header.rfc_5424(rest) => {}
            Some(_) | None => header.rfc_3164(rest),
        }
        header
    }

    /// Adds what it says to a record.
    pub(super) fn write(&self, out: &mut Flat) {
        if let Some(priority) = self.priority {
            let word = |list: &[&'static str], at: u8| list.get(usize::from(at)).copied();
            out.text(
                "facility",
                word(&FACILITIES, priority / 8).unwrap_or_default(),
            );
            out.text(
                "severity",
                word(&SEVERITIES, priority % 8).unwrap_or_default(),
            );
        }
        for (key, value) in [
            ("timestamp", self.timestamp),
            ("hostname", self.hostname),
            ("program", self.program),
            ("pid", self.pid),
            ("msgid", self.msgid),
        ] {
            out.text(key, value);
        }
        for (id, parameters) in &self.data {
            // Flat keys with dots: an element id may itself hold dots and `@`.
            out.object(
                &format!("structured_data.{id}"),
                parameters
                    .iter()
                    .map(|(name, value)| (*name, value.as_str())),
            );
        }
    }

    /// RFC 5424, section 6, behind the version; false where it is something else.
    fn rfc_5424(&mut self, rest: &'a str) -> bool {
        let mut words = rest.splitn(6, ' ');
        let mut word = || words.next().map(|w| if w == "-" { "" } else { w });
        let (Some(timestamp), Some(hostname), Some(program), Some(pid), Some(msgid), Some(tail)) =
            (word(), word(), word(), word(), word(), word())
        else {
            return false;
        };
        if !timestamp.is_empty() && !is_rfc3339(timestamp) {
            return false;
        }
        let (data, message) = match tail {
            "" => (Vec::new(), ""),
            text if text.starts_with('[') => match structured(text) {
                Some(read) => read,
                None => return false,
            },
            text => match text.strip_prefix("- ") {
                Some(message) => (Vec::new(), message),
                None => return false,
            },
        };
        *self = Self {
            priority: self.priority,
            timestamp,
            hostname,
            program,
            pid,
            msgid,
            data,
            message: message.trim_start_matches('\u{feff}'),
        };
        true
    }

    /// RFC 3164, section 4.1, and what is like it: each part may be missing.
    fn rfc_3164(&mut self, line: &'a str) {
        let (timestamp, rest) = leading_time(line).unwrap_or(("", line));
        self.timestamp = timestamp;
        // Without a time nothing tells a host name from the first word of a message.
        if timestamp.is_empty() {
            if let Some((program, pid, message)) = tag(rest) {
                (self.program, self.pid, self.message) = (program, pid, message);
            } else {
                self.message = rest;
            }
            return;
        }
        if let Some((program, pid, message)) = tag(rest) {
            (self.program, self.pid, self.message) = (program, pid, message);
            return;
        }
        let Some((host, rest)) = rest.split_once(' ') else {
            self.message = rest;
            return;
        };
        self.hostname = host;
        let rest = rest.trim_start();
        match tag(rest) {
            Some((program, pid, message)) => {
                (self.program, self.pid, self.message) = (program, pid, message);
            }
            None => self.message = rest,
        }
    }
}

/// Whether a line begins like syslog: a priority, or a time and a host.
pub(super) fn looks_like(line: &str) -> bool {
    let line = unframed(line);
    if priority(line).is_some() {
        return true;
    }
    leading_time(line).is_some_and(|(_, rest)| {
        let header = Header::read(line);
        !header.program.is_empty() || (!header.hostname.is_empty() && rest.contains(": "))
    })
}

/// The line without the octet count of RFC 6587, section 3.4.1.
fn unframed(line: &str) -> &str {
    match line.split_once(' ') {
        Some((count, rest))
            if rest.starts_with('<')
                && !count.is_empty()
                && count.bytes().all(|b| b.is_ascii_digit()) =>
        {
            rest
        }
        Some(_) | None => line,
    }
}

/// `<34>` and what follows.
fn priority(line: &str) -> Option<(u8, &str)> {
    let (number, rest) = line.strip_prefix('<')?.split_once('>')?;
    if number.is_empty() || number.len() > 3 || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: u8 = number.parse().ok().filter(|n| *n <= 191)?;
    Some((number, rest))
}

fn is_rfc3339(text: &str) -> bool {
    text.len() <= 40
        && text.as_bytes().get(10) == Some(&b'T')
        && text.parse::<jiff::Timestamp>().is_ok()
}

/// The time at the start of a line: `Mar  2 08:00:00` or RFC 3339; and what follows it.
fn leading_time(line: &str) -> Option<(&str, &str)> {
    if let Some((word, rest)) = line.split_once(' ')
        && is_rfc3339(word)
    {
        return Some((word, rest.trim_start()));
    }
    let month = line.get(..3)?;
    crate::time::month(month)?;
    let after = line.get(3..)?.strip_prefix(' ')?;
    let day = after.trim_start();
    if after.len() - day.len() > 1 {
        return None;
    }
    let (day, clock) = day.split_once(' ')?;
    let number: u8 = day.parse().ok()?;
    let clock_text = clock.split(' ').next()?;
    if !(1..=31).contains(&number) || !is_clock(clock_text) {
        return None;
    }
    let end = line.len() - clock.len() + clock_text.len();
    Some((
        line.get(..end)?,
        line.get(end..)?.trim_start_matches([':', ' ']),
    ))
}

/// `08:00:00`, with or without a fraction; some devices put a colon behind it.
fn is_clock(text: &str) -> bool {
    let text = text.trim_end_matches(':');
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let b = clock.as_bytes();
    b.len() == 8
        && b.iter().enumerate().all(|(i, c)| {
            if i % 3 == 2 {
                *c == b':'
            } else {
                c.is_ascii_digit()
            }
        })
        && fraction.bytes().all(|c| c.is_ascii_digit())
}

/// `sshd[411]: message`: program, process id, message.
fn tag(text: &str) -> Option<(&str, &str, &str)> {
    let end = text.find(|c: char| {
        !(c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '(' | ')' | '@'))
    })?;
    let (program, rest) = text.split_at_checked(end)?;
    // The sequence numbers and mnemonics of network devices are no programs.
    let named = |c: char| c.is_alphabetic() || matches!(c, '_' | '/' | '(');
    if !program.starts_with(named) || program.len() > 64 {
        return None;
    }
    if let Some(rest) = rest.strip_prefix('[') {
        let (pid, rest) = rest.split_once(']')?;
        let message = rest.strip_prefix(':').unwrap_or(rest);
        if pid.is_empty() || pid.len() > 32 || pid.contains(' ') {
            return None;
        }
        return Some((program, pid, message.trim_start()));
    }
    let message = rest.strip_prefix(':')?;
    // `08:00` or a path is no tag.
    (message.is_empty() || message.starts_with(' ')).then(|| (program, "", message.trim_start()))
}

type Elements<'a> = Vec<(&'a str, Vec<(&'a str, String)>)>;

/// `[id a="b"][id2]` and the message behind it; RFC 5424, section 6.3.
fn structured(text: &str) -> Option<(Elements<'_>, &str)> {
    let mut elements = Vec::new();
    let mut rest = text;
    while let Some(inside) = rest.strip_prefix('[') {
        let end = inside.find([' ', ']'])?;
        let (id, mut tail) = inside.split_at_checked(end)?;
        let mut parameters = Vec::new();
        loop {
            tail = tail.trim_start_matches(' ');
            if let Some(after) = tail.strip_prefix(']') {
                rest = after;
                break;
            }
            let (name, after) = tail.split_once("=\"")?;
            let (value, after) = quoted(after)?;
            parameters.push((name, value));
            tail = after;
        }
        elements.push((id, parameters));
    }
    let message = rest.strip_prefix(' ').unwrap_or(rest);
    Some((elements, message))
}

/// The value up to the closing quote, its escapes (`\"`, `\\`, `\]`) undone.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => match chars.next()?.1 {
                c @ ('"' | '\\' | ']') => value.push(c),
                c => value.extend(['\\', c]),
            },
            c => value.push(c),
        }
    }
    None
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
    fn headers_of_rfc_5424() {
        check(
            "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \u{feff}'su root' failed",
            r#"{"facility":"auth","severity":"crit","timestamp":"2003-10-11T22:14:15.003Z","hostname":"mymachine.example.com","program":"su","msgid":"ID47","message":"'su root' failed"}"#,
        );
        check(
            r#"<165>1 2003-10-11T22:14:15.003Z host evntslog 12 ID47 [exampleSDID@32473 iut="3" note="a \"b\" \] c"][x] An event"#,
            r#"{"facility":"local4","severity":"notice","timestamp":"2003-10-11T22:14:15.003Z","hostname":"host","program":"evntslog","pid":"12","msgid":"ID47","structured_data.exampleSDID@32473":{"iut":"3","note":"a \"b\" ] c"},"message":"An event"}"#,
        );
        check(
            "71 <34>1 - - - - - -",
            r#"{"facility":"auth","severity":"crit"}"#,
        );
    }

    #[test]
    fn headers_of_rfc_3164_and_of_files() {
        check(
            "<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick",
            r#"{"facility":"auth","severity":"crit","timestamp":"Oct 11 22:14:15","hostname":"mymachine","program":"su","message":"'su root' failed for lonvick"}"#,
        );
        check(
            "Mar  2 08:00:00 web-1 sshd[411]: Failed password for root from 203.0.113.9 port 4022 ssh2",
            r#"{"timestamp":"Mar  2 08:00:00","hostname":"web-1","program":"sshd","pid":"411","message":"Failed password for root from 203.0.113.9 port 4022 ssh2"}"#,
        );
        check(
            "2027-03-02T08:00:00.123456+01:00 web-1 systemd[1]: Started Session 4.",
            r#"{"timestamp":"2027-03-02T08:00:00.123456+01:00","hostname":"web-1","program":"systemd","pid":"1","message":"Started Session 4."}"#,
        );
        check(
            "Mar  2 08:00:00 sudo: kim : TTY=pts/0 ; COMMAND=/bin/ls",
            r#"{"timestamp":"Mar  2 08:00:00","program":"sudo","message":"kim : TTY=pts/0 ; COMMAND=/bin/ls"}"#,
        );
        check(
            "<14>hello there",
            r#"{"facility":"user","severity":"info","message":"hello there"}"#,
        );
        check("no header at all", r#"{"message":"no header at all"}"#);
        check("<999>x", r#"{"message":"<999>x"}"#);
    }

    #[test]
    fn lines_are_told_from_other_text() {
        for (line, expected) in [
            ("<34>1 - - - - - -", true),
            ("Mar  2 08:00:00 web-1 sshd[411]: x", true),
            ("2027-03-02T08:00:00Z web-1 app: x", true),
            ("Mary had a little lamb", false),
            ("Mar 2", false),
            ("<b>bold</b>", false),
            ("2027-03-02T08:00:00Z,a,b", false),
        ] {
            assert_eq!(looks_like(line), expected, "{line}");
        }
    }
}
