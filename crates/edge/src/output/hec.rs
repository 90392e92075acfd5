//! Splunk's HTTP Event Collector: the event endpoint, with indexer acknowledgement where it is on.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ureq::http::{HeaderValue, Request, header};
use watchfloor_types::Secret;

use super::{
    Bounds, Delivered, Fate, Form, Http, Item, Meaning, OutputError, answered, gzip, header_safe,
    meaning, retry_after,
};
use crate::classify::Tried;

/// How often an acknowledgement is asked for. Splunk says: not more often than every ten seconds
/// under load; indexers answer after a few.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// A Splunk with a token.
#[derive(Debug)]
pub struct HecOutput {
    pub(super) http: Http,
    /// Token of the collector.
    pub token: Secret<String>,
    /// Index; none means the token's.
    pub index: Option<String>,
    /// `sourcetype` of every event.
    pub sourcetype: String,
    /// `host` of every event.
    pub host: String,
    /// Channel for acknowledgements; none where the token has none. Any UUID.
    pub channel: Option<String>,
    /// Whether requests are compressed.
    pub gzip: bool,
}

impl HecOutput {
    /// A collector at `http` with a token.
    pub fn new(
        http: Http,
        token: Secret<String>,
        sourcetype: &str,
        host: &str,
    ) -> Result<Self, OutputError> {
        header_safe(&token)?;
        Ok(Self {
            http,
            token,
            index: None,
            sourcetype: sourcetype.to_owned(),
            host: host.to_owned(),
            channel: None,
            gzip: true,
        })
    }

    pub(super) fn deliver(&self, items: &[Item], bounds: Bounds) -> Delivered {
        let n = items.len();
        let body: String = items.iter().map(|item| self.event(item)).collect();
        let Some(request) = self.request("/services/collector/event", body.into_bytes()) else {
            return Delivered::later(n, "the token cannot be sent");
        };
        let started = Instant::now();
        let (status, headers, body) = match self.http.send(request, bounds) {
            Tried::Answered {
                status,
                headers,
                body,
            } => (status, headers, body),
            Tried::NotSent(why) => {
                return Delivered::later(n, format!("could not be reached: {why}"));
            }
            Tried::Unknown(why) => return Delivered::later(n, format!("did not answer: {why}")),
        };
        let said: Value = serde_json::from_slice(&body).unwrap_or_default();
        let line = answered(status, &body);
        match meaning(status) {
            Meaning::Taken => match (&self.channel, said.get("ackId").and_then(Value::as_u64)) {
                (None, _) => Delivered::all(n, &Fate::Taken, line),
                (Some(_), None) => Delivered::later(
                    n,
                    format!(
                        "{line}; no ackId: acknowledgement is off for this token, set `ack = false`"
                    ),
                ),
                (Some(channel), Some(ack)) => {
                    let left = bounds.time.saturating_sub(started.elapsed());
                    self.acknowledged(n, channel, ack, left, bounds)
                }
            },
            Meaning::Later => Delivered::later(n, line).pausing(retry_after(&headers)),
            Meaning::Refused => refused(n, &said, line),
        }
    }

    /// One event of the batch: objects one after the other, without commas.
    fn event(&self, item: &Item) -> String {
        let mut out = json!({
            "time": item.time.as_millisecond() as f64 / 1_000.0,
            "host": self.host, "source": "watchfloor", "sourcetype": self.sourcetype,
            "fields": {"watchfloor_id": item.id, "watchfloor_kind": item.kind},
        });
        if let (Some(index), Some(object)) = (&self.index, out.as_object_mut()) {
            object.insert("index".to_owned(), json!(index));
        }
        // The body is JSON already, or text that becomes a JSON string.
        let event = match item.form {
            Form::Json => item.body.clone(),
            Form::Text => json!(item.body).to_string(),
        };
        let head = out.to_string();
        format!(
            "{},\"event\":{event}}}",
            head.strip_suffix('}').unwrap_or(&head)
        )
    }

    fn request(&self, path: &str, body: Vec<u8>) -> Option<Request<Vec<u8>>> {
        let mut token = HeaderValue::from_str(&format!("Splunk {}", self.token.reveal())).ok()?;
        token.set_sensitive(true);
        let mut request = Request::post(self.http.below(path))
            .header(header::AUTHORIZATION, token)
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(channel) = &self.channel {
            request = request.header("x-splunk-request-channel", channel);
        }
        match self.gzip.then(|| gzip(&body)).flatten() {
            Some(packed) => request
                .header(header::CONTENT_ENCODING, "gzip")
                .body(packed)
                .ok(),
            None => request.body(body).ok(),
        }
    }

    /// Asks until the indexers have it, or the time is up: then it is sent again.
    fn acknowledged(
        &self,
        n: usize,
        channel: &str,
        ack: u64,
        left: Duration,
        bounds: Bounds,
    ) -> Delivered {
        let end = Instant::now() + left;
        loop {
            let body = json!({"acks": [ack]}).to_string().into_bytes();
            let path = "/services/collector/ack";
            let Some(mut request) = self.request(path, body) else {
                return Delivered::later(n, "the token cannot be sent");
            };
            if let Ok(uri) = format!("{}?channel={channel}", self.ack_url()).parse() {
                *request.uri_mut() = uri;
            }
            let last = match self.http.send(request, bounds) {
                Tried::Answered { status, body, .. } => {
                    let said: Value = serde_json::from_slice(&body).unwrap_or_default();
                    if said.pointer(&format!("/acks/{ack}")) == Some(&Value::Bool(true)) {
                        return Delivered::all(n, &Fate::Taken, format!("indexed, ackId {ack}"));
                    }
                    answered(status, &body)
                }
                Tried::NotSent(why) | Tried::Unknown(why) => why,
            };
            if Instant::now() + ASK_EVERY >= end {
                return Delivered::later(n, format!("not acknowledged in time: {last}"));
            }
            std::thread::sleep(ASK_EVERY);
        }
    }

    fn ack_url(&self) -> String {
        self.http.below("/services/collector/ack")
    }
}

/// A 400. Splunk's codes (Splunk Enterprise 9, "Troubleshoot HTTP Event Collector"): 7 wrong index, 10 and 11 channel, 14 no
/// acknowledgement are the settings' fault; 6 says which event is bad; 12, 13 and 15 are events.
fn refused(n: usize, said: &Value, line: String) -> Delivered {
    let code = said.get("code").and_then(Value::as_u64);
    let number = said
        .get("invalid-event-number")
        .and_then(Value::as_u64)
        .and_then(|k| usize::try_from(k).ok())
        .filter(|k| *k < n);
    match (code, number) {
        (Some(5 | 7 | 10 | 11 | 14), _) => Delivered::later(n, line),
        // The others were not taken either, and are not at fault.
        (_, Some(k)) => {
            let again = format!("sent together with one that was refused: {line}");
            let mut all = Delivered::later(n, again);
            if let Some(fate) = all.fates.get_mut(k) {
                *fate = Fate::Refused(line.clone());
            }
            all.answer = line;
            all.pause = Some(Duration::ZERO);
            all.whole = false;
            all
        }
        _ => Delivered::all(n, &Fate::Refused(line.clone()), line),
    }
}
