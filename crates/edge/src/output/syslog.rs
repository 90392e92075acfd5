//! Syslog, RFC 5424: over TLS (RFC 5425) and TCP with counted octets (RFC 6587, section 3.4.1), or
//! UDP (RFC 5426).

use std::{
    io,
    net::{ToSocketAddrs as _, UdpSocket},
    sync::Arc,
};

use rustls::ClientConfig;
use watchfloor_types::Severity;

use super::{
    Bounds, Delivered, Fate, Item, OutputError, is_local,
    stream::{self, Confirm},
};
use crate::{ClearText, target::TargetError};

/// The id of our structured data. We have no private enterprise number; 32473 is the one that
/// RFC 5612 sets aside, and a receiver that wants another name gives it one.
const SD_ID: &str = "watchfloor@32473";

/// How messages travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// RFC 5425.
    Tls,
    /// RFC 6587 with counted octets.
    Tcp,
    /// RFC 5426, one message a datagram; nobody knows whether it arrives.
    Udp,
}

/// A syslog receiver.
pub struct SyslogOutput {
    transport: Transport,
    host: String,
    port: u16,
    tls: Option<Arc<ClientConfig>>,
    /// Number of the facility, 0 to 23.
    pub facility: u8,
    /// HOSTNAME of every message.
    pub hostname: String,
    /// Whether a batch waits until the receiver has closed its side.
    pub confirm: bool,
}

impl std::fmt::Debug for SyslogOutput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SyslogOutput").field(&self.shown()).finish()
    }
}

impl SyslogOutput {
    /// A receiver at `tls://HOST:PORT`, `tcp://…` or `udp://…`. The ports may be left out: 6514 for
    /// TLS, 601 for TCP, 514 for UDP. Clear text leaves this machine only on the operator's word.
    pub fn new(
        address: &str,
        clear: ClearText,
        authorities: Option<&[u8]>,
    ) -> Result<Self, OutputError> {
        let wrong = || OutputError::Syslog {
            address: address.chars().take(200).collect(),
        };
        let (scheme, rest) = address.split_once("://").ok_or_else(wrong)?;
        let (transport, default) = match scheme {
            "tls" => (Transport::Tls, 6_514),
            "tcp" => (Transport::Tcp, 601),
            "udp" => (Transport::Udp, 514),
            _ => return Err(wrong()),
        };
        // The URL parser knows hosts, ports and brackets; it must find nothing else.
        let url = url::Url::parse(&format!("{scheme}://{rest}")).map_err(|_| wrong())?;
        let host = url.host_str().filter(|h| !h.is_empty()).ok_or_else(wrong)?;
        let bare = matches!(url.path(), "" | "/") && url.query().is_none();
        if !bare
            || url.fragment().is_some()
            || !url.username().is_empty()
            || url.password().is_some()
        {
            return Err(wrong());
        }
        if transport != Transport::Tls && clear == ClearText::Refuse && !is_local(host) {
            return Err(TargetError::ClearText {
                name: "the output".to_owned(),
            }
            .into());
        }
        Ok(Self {
            transport,
            host: host.to_owned(),
            port: url.port().unwrap_or(default),
            tls: (transport == Transport::Tls)
                .then(|| stream::tls(authorities))
                .transpose()?,
            facility: 16,
            hostname: "-".to_owned(),
            confirm: true,
        })
    }

    /// How its messages travel.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    pub(super) fn shown(&self) -> String {
        let scheme = match self.transport {
            Transport::Tls => "tls",
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
        };
        format!("{scheme}://{}:{}", self.host, self.port)
    }

    pub(super) fn deliver(&self, items: &[Item], bounds: Bounds) -> Delivered {
        let mut fates = vec![Fate::Taken; items.len()];
        let mut messages = Vec::with_capacity(items.len());
        for (item, fate) in items.iter().zip(&mut fates) {
            let message = self.message(item);
            if message.len() > bounds.message_bytes {
                *fate = Fate::Refused(format!(
                    "the message has {} bytes, `max_bytes` is {}; raise it here and at the receiver, or choose a smaller format",
                    message.len(),
                    bounds.message_bytes
                ));
            } else {
                messages.push(message);
            }
        }
        let sent = match self.transport {
            Transport::Udp => self.datagrams(&messages),
            Transport::Tcp | Transport::Tls => {
                let confirm = if self.confirm {
                    Confirm::Close
                } else {
                    Confirm::Nothing
                };
                let bytes: Vec<u8> = messages
                    .iter()
                    .flat_map(|m| [format!("{} ", m.len()).as_bytes(), m.as_bytes()].concat())
                    .collect();
                if messages.is_empty() {
                    Ok(())
                } else {
                    let tls = self.tls.as_ref();
                    stream::send(&self.host, self.port, tls, &bytes, bounds.time, confirm)
                }
            }
        };
        let answer = match sent {
            Ok(()) if self.transport == Transport::Udp => {
                format!(
                    "{} datagrams sent; UDP tells nobody whether they arrive",
                    messages.len()
                )
            }
            Ok(()) if !self.confirm => format!("{} messages handed to the system", messages.len()),
            Ok(()) => format!("{} messages read by the receiver", messages.len()),
            Err(error) => {
                let why = format!("not read by the receiver: {error}");
                for fate in fates.iter_mut().filter(|f| **f == Fate::Taken) {
                    *fate = Fate::Later(why.clone());
                }
                why
            }
        };
        Delivered {
            fates,
            answer,
            pause: None,
            whole: false,
        }
    }

    fn datagrams(&self, messages: &[String]) -> io::Result<()> {
        let host = self.host.trim_matches(['[', ']']);
        let address = (host, self.port)
            .to_socket_addrs()?
            .next()
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"))?;
        let any = if address.is_ipv4() {
            "0.0.0.0:0"
        } else {
            "[::]:0"
        };
        let socket = UdpSocket::bind(any)?;
        socket.connect(address)?;
        messages
            .iter()
            .try_for_each(|m| socket.send(m.as_bytes()).map(|_| ()))
    }

    /// RFC 5424, section 6: `<PRI>1 TIME HOST APP PROCID MSGID [SD] MSG`.
    fn message(&self, item: &Item) -> String {
        let priority = u16::from(self.facility) * 8 + level(item.severity);
        // Section 6.2.3: at most six digits of a second.
        let time = item.time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ");
        let mut data = format!("[{SD_ID}");
        let own = [("id", item.id.as_str()), ("kind", item.kind)];
        let facts = item
            .facts
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        for (name, value) in own.into_iter().chain(facts) {
            data.push_str(&format!(" {name}=\"{}\"", parameter(value)));
        }
        data.push(']');
        // The mark of UTF-8 stands before text only where the text is not ASCII: section 6.4 wants it, and
        // many receivers show it as dirt.
        let mark = if item.body.is_ascii() { "" } else { "\u{feff}" };
        format!(
            "<{priority}>1 {time} {} watchfloor - {} {data} {mark}{}",
            word(&self.hostname, 255),
            word(item.kind, 32),
            item.body
        )
    }
}

/// Numerical severity of RFC 5424, section 6.2.1.
const fn level(severity: Severity) -> u16 {
    match severity {
        Severity::Fatal => 1,
        Severity::Critical => 2,
        Severity::High => 3,
        Severity::Medium => 4,
        Severity::Low => 5,
        Severity::Informational => 6,
    }
}

/// PRINTUSASCII without spaces, `-` for nothing.
fn word(text: &str, most: usize) -> String {
    let word: String = text
        .chars()
        .filter(char::is_ascii_graphic)
        .take(most)
        .collect();
    if word.is_empty() {
        "-".to_owned()
    } else {
        word
    }
}

/// A PARAM-VALUE: quote, backslash and bracket escaped (section 6.3.3), one line, at most 500 characters.
fn parameter(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().take(500) {
        match c {
            '"' | '\\' | ']' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item() -> Item {
        Item {
            id: "a-1".to_owned(),
            kind: "finding",
            event: "watchfloor.finding.created".to_owned(),
            time: "2026-11-24T12:00:00.123456789Z".parse().unwrap(),
            severity: Severity::High,
            facts: vec![("title", "say \"x\\\" ]\nä".to_owned())],
            body: "CEF:0|x".to_owned(),
            form: super::super::Form::Text,
        }
    }

    #[test]
    fn a_message_is_as_rfc_5424_says() {
        let mut output = SyslogOutput::new("tcp://127.0.0.1:9", ClearText::Refuse, None).unwrap();
        output.hostname = "floor 1".to_owned();
        assert_eq!(
            output.message(&item()),
            "<131>1 2026-11-24T12:00:00.123456Z floor1 watchfloor - finding [watchfloor@32473 id=\"a-1\" kind=\"finding\" title=\"say \\\"x\\\\\\\" \\] ä\"] CEF:0|x"
        );
        let mut odd = item();
        odd.body = "ä".to_owned();
        output.hostname = "é".to_owned();
        assert!(output.message(&odd).contains("Z - watchfloor"));
        assert!(output.message(&odd).ends_with("] \u{feff}ä"));
    }

    #[test]
    fn only_addresses_of_receivers_are_taken() {
        let new = |address: &str, clear| SyslogOutput::new(address, clear, None).map(|o| o.shown());
        for (address, shown) in [
            ("tls://siem.example", "tls://siem.example:6514"),
            ("tls://siem.example:6515/", "tls://siem.example:6515"),
            ("tcp://127.0.0.1", "tcp://127.0.0.1:601"),
            ("udp://[::1]:5514", "udp://[::1]:5514"),
        ] {
            assert_eq!(new(address, ClearText::Refuse).as_deref(), Ok(shown));
        }
        for wrong in [
            "",
            "siem.example:514",
            "https://siem.example",
            "tls://",
            "tls://a@siem.example",
            "tls://siem.example/x",
            "tls://siem.example?x",
        ] {
            assert!(
                matches!(
                    new(wrong, ClearText::Allow),
                    Err(OutputError::Syslog { .. })
                ),
                "{wrong}"
            );
        }
        assert!(new("udp://siem.example", ClearText::Refuse).is_err());
        assert!(new("udp://siem.example", ClearText::Allow).is_ok());
        let pem = SyslogOutput::new("tls://x.example", ClearText::Refuse, Some(b"nothing"));
        assert_eq!(pem.err(), Some(OutputError::Authorities));
    }
}
