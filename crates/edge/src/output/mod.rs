//! Outputs: findings, alerts and incidents on their way to the systems of a SOC. One file each,
//! one arm in [`Output::deliver`].
//!
//! What is to be sent, in which order and how often it is tried is not known here: a call takes a
//! batch and says of each item whether the receiver has it, refuses it for good, or may have it
//! later.

mod elastic;
mod file;
mod hec;
mod stream;
mod syslog;
mod webhook;

use std::{fmt, net::IpAddr, sync::Mutex, time::Duration};

use jiff::Timestamp;
use ureq::http::HeaderMap;
use url::Url;
use watchfloor_types::{Secret, Severity};

use crate::{
    ClearText,
    classify::{Sender, Tried},
    target::{self, TargetError},
};

pub use elastic::ElasticOutput;
pub use file::FileOutput;
pub use hec::HecOutput;
pub use syslog::{SyslogOutput, Transport};
pub use webhook::WebhookOutput;

/// At most this much of an answer is read: a bulk answer has a line for each of 5,000 documents.
const ANSWER_LIMIT: u64 = 16 << 20;

/// One thing to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Idempotency key: the same for the same thing, however often it is sent. Letters, digits,
    /// `-` and `_`.
    pub id: String,
    /// `finding`, `alert` or `incident`.
    pub kind: &'static str,
    /// `watchfloor.finding.created`: what happened, as webhooks name it.
    pub event: String,
    /// When.
    pub time: Timestamp,
    /// How bad it would be.
    pub severity: Severity,
    /// What is known of it in few words, for receivers that have fields beside the message.
    pub facts: Vec<(&'static str, String)>,
    /// The message, one line.
    pub body: String,
    /// Whether the message is a JSON object or text.
    pub form: Form,
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A JSON object.
    Json,
    /// Anything else.
    Text,
}

/// What became of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The receiver has it.
    Taken,
    /// The receiver will never take it as it is.
    Refused(String),
    /// Not now; it is to be sent again.
    Later(String),
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// One for each item, in order.
    pub fates: Vec<Fate>,
    /// One line about the answer.
    pub answer: String,
    /// How long the receiver wants to be left alone.
    pub pause: Option<Duration>,
    /// Whether a refusal is of the batch as a whole, so that its items may fare better alone.
    pub whole: bool,
}

impl Delivered {
    /// The same fate for all.
    fn all(count: usize, fate: &Fate, answer: impl Into<String>) -> Self {
        Self {
            fates: vec![fate.clone(); count],
            answer: answer.into(),
            pause: None,
            whole: true,
        }
    }
    fn later(count: usize, why: impl Into<String>) -> Self {
        let why = why.into();
        Self::all(count, &Fate::Later(why.clone()), why)
    }
    fn pausing(mut self, pause: Option<Duration>) -> Self {
        self.pause = pause;
        self
    }
}

/// Why an output cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutputError {
    /// The address is none that may be reached.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The address of a syslog receiver.
    #[error(
        "`{address}` is not the address of a syslog receiver; write tls://HOST:PORT, tcp://HOST:PORT or udp://HOST:PORT"
    )]
    Syslog {
        /// As written.
        address: String,
    },
    /// The secret cannot stand in a header, or has a colon where that would split it.
    #[error("the secret has characters that a header cannot carry")]
    Secret,
    /// The certificate authorities.
    #[error("the file has no certificate in PEM that can be used")]
    Authorities,
}

/// Bounds of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Longest wait for an answer.
    pub time: Duration,
    /// Largest message of syslog in bytes.
    pub message_bytes: usize,
}

/// Where things are sent, ready to use.
#[derive(Debug)]
pub enum Output {
    /// Splunk, HTTP Event Collector.
    Hec(HecOutput),
    /// Elasticsearch or `OpenSearch`.
    Elastic(ElasticOutput),
    /// Syslog over TLS, TCP or UDP.
    Syslog(SyslogOutput),
    /// Standard Webhooks.
    Webhook(WebhookOutput),
    /// A file of lines.
    File(FileOutput),
}

impl Output {
    /// Sends a batch in order. Blocks; call it on a thread that may wait. `now` is the time of the
    /// call.
    pub fn deliver(&self, items: &[Item], bounds: Bounds, now: Timestamp) -> Delivered {
        if items.is_empty() {
            return Delivered::all(0, &Fate::Taken, "nothing to send");
        }
        match self {
            Self::Hec(output) => output.deliver(items, bounds),
            Self::Elastic(output) => output.deliver(items, bounds),
            Self::Syslog(output) => output.deliver(items, bounds),
            Self::Webhook(output) => output.deliver(items, bounds, now),
            Self::File(output) => output.deliver(items),
        }
    }

    /// Where it goes, without what is secret: scheme, host and port, or the path of the file.
    pub fn shown(&self) -> String {
        match self {
            Self::Hec(output) => origin(&output.http.url),
            Self::Elastic(output) => origin(&output.http.url),
            Self::Webhook(output) => origin(&output.http.url),
            Self::Syslog(output) => output.shown(),
            Self::File(output) => output.shown(),
        }
    }
}

/// Scheme, host and port: the path of a webhook is often its secret.
fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// An HTTP receiver: an address and whom to trust there.
#[derive(Clone)]
pub struct Http {
    url: Url,
    sender: Sender,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Http").field(&origin(&self.url)).finish()
    }
}

impl Http {
    /// An address under the rules for targets: https, or http on this machine, unless the operator
    /// allows clear text. `authorities` is PEM; none means the public ones.
    pub fn new(
        url: &str,
        clear: ClearText,
        authorities: Option<&[u8]>,
    ) -> Result<Self, OutputError> {
        let url = target::parse("the output", url, clear)?;
        let sender = match authorities {
            None => Sender::default(),
            Some(pem) => Sender::trusting(pem).ok_or(OutputError::Authorities)?,
        };
        Ok(Self { url, sender })
    }

    /// The address with something after its path.
    fn below(&self, path: &str) -> String {
        let mut url = self.url.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        if !base.ends_with(path) {
            url.set_path(&format!("{base}{path}"));
        }
        url.to_string()
    }

    fn send(&self, request: ureq::http::Request<Vec<u8>>, bounds: Bounds) -> Tried {
        self.sender.send_for(request, bounds.time, ANSWER_LIMIT)
    }
}

/// A header value of a secret, or the error that says that it cannot be one.
fn header_safe(secret: &Secret<String>) -> Result<(), OutputError> {
    let text = secret.reveal();
    let good = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    good.then_some(()).ok_or(OutputError::Secret)
}

/// What a status means for a whole batch.
enum Meaning {
    Taken,
    Refused,
    Later,
}

/// What an HTTP status says of a batch (RFC 9110, section 15). Refusals of who we are and where we
/// ask are the settings' fault and pass; only refusals of what we say are for good.
fn meaning(status: u16) -> Meaning {
    match status {
        200..=299 => Meaning::Taken,
        400 | 413 | 414 | 415 | 422 | 431 => Meaning::Refused,
        _ => Meaning::Later,
    }
}

/// `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date after `Date` of the same answer.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Duration::from_secs(u64::from(seconds)));
    }
    let date = |text: &str| {
        jiff::fmt::rfc2822::DateTimeParser::new()
            .parse_timestamp(text)
            .ok()
    };
    let until = date(text)?;
    let since = headers
        .get("date")
        .and_then(|v| v.to_str().ok())
        .and_then(date)?;
    Duration::try_from(until.duration_since(since)).ok()
}

/// The start of an answer, fit for a line of a log.
fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(300)
        .collect();
    line.trim().to_owned()
}

/// `answered 503: Server is busy`.
fn answered(status: u16, body: &[u8]) -> String {
    let said = excerpt(body);
    if said.is_empty() {
        format!("answered {status}")
    } else {
        format!("answered {status}: {said}")
    }
}

/// gzip (RFC 1952).
fn gzip(bytes: &[u8]) -> Option<Vec<u8>> {
    use std::io::Write as _;
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).ok()?;
    out.finish().ok()
}

/// Whether an address is this machine.
fn is_local(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// A lock that outlives a thread that died holding it.
fn locked<T>(lock: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    lock.lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let headers = |retry: &str, date: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert("retry-after", retry.parse().unwrap());
            if let Some(date) = date {
                headers.insert("date", date.parse().unwrap());
            }
            headers
        };
        assert_eq!(
            retry_after(&headers("7", None)),
            Some(Duration::from_secs(7))
        );
        let now = Some("Tue, 24 Nov 2026 12:00:00 GMT");
        assert_eq!(
            retry_after(&headers("Tue, 24 Nov 2026 12:01:30 GMT", now)),
            Some(Duration::from_secs(90))
        );
        for (odd, date) in [
            ("soon", now),
            ("-1", now),
            ("Tue, 24 Nov 2026 11:00:00 GMT", now),
            ("Tue, 24 Nov 2026 12:01:30 GMT", None),
        ] {
            assert_eq!(retry_after(&headers(odd, date)), None, "{odd}");
        }
    }

    #[test]
    fn a_path_is_added_once_and_an_answer_is_one_line() {
        let http = |url: &str| Http::new(url, ClearText::Refuse, None).map(|h| h.below("/_bulk"));
        assert_eq!(
            http("https://x.example").unwrap(),
            "https://x.example/_bulk"
        );
        assert_eq!(
            http("https://x.example/es/").unwrap(),
            "https://x.example/es/_bulk"
        );
        assert_eq!(
            http("https://x.example/es/_bulk").unwrap(),
            "https://x.example/es/_bulk"
        );
        assert!(http("http://siem.example").is_err());
        assert_eq!(answered(500, b"a\r\nb\x1b[31m"), "answered 500: a  b [31m");
        assert_eq!(answered(204, b""), "answered 204");
        assert!(is_local("localhost") && is_local("[::1]") && !is_local("10.0.0.1"));
    }
}
