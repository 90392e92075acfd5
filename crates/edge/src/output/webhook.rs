//! Webhooks to any receiver, signed as Standard Webhooks 1.0.0 says: one request per message.

use ureq::http::Request;
use watchfloor_types::{Secret, Timestamp};

use super::{
    Bounds, Delivered, Fate, Form, Http, Item, Meaning, OutputError, answered, meaning, retry_after,
};
use crate::{channel::webhook, classify::Tried, target};

/// A receiver and the secret that signs.
#[derive(Debug)]
pub struct WebhookOutput {
    pub(super) http: Http,
    secret: Option<Secret<Vec<u8>>>,
}

impl WebhookOutput {
    /// A receiver at `http`. The secret is `whsec_` and Base64, or any text.
    pub fn new(http: Http, secret: Option<&Secret<String>>) -> Result<Self, OutputError> {
        let secret = secret
            .map(|secret| target::key_bytes("the output", secret.reveal()))
            .transpose()?
            .map(Secret::new);
        Ok(Self { http, secret })
    }

    /// In order; the first that is not taken holds up those behind it.
    pub(super) fn deliver(&self, items: &[Item], bounds: Bounds, now: Timestamp) -> Delivered {
        let mut all = Delivered {
            fates: Vec::with_capacity(items.len()),
            answer: String::new(),
            pause: None,
            whole: false,
        };
        for item in items {
            let (fate, answer, pause) = self.one(item, bounds, now);
            all.answer = answer;
            all.pause = pause;
            let stop = matches!(fate, Fate::Later(_));
            all.fates.push(fate);
            if stop {
                break;
            }
        }
        let held = Fate::Later("the one before it was not taken".to_owned());
        all.fates.resize(items.len(), held);
        all
    }

    fn one(
        &self,
        item: &Item,
        bounds: Bounds,
        now: Timestamp,
    ) -> (Fate, String, Option<std::time::Duration>) {
        let request = match self.request(item, now) {
            Ok(request) => request,
            Err(why) => return (Fate::Refused(why.clone()), why, None),
        };
        match self.http.send(request, bounds) {
            Tried::Answered {
                status,
                headers,
                body,
            } => {
                let line = answered(status, &body);
                match meaning(status) {
                    Meaning::Taken => (Fate::Taken, line, None),
                    Meaning::Refused => (Fate::Refused(line.clone()), line, None),
                    Meaning::Later => (Fate::Later(line.clone()), line, retry_after(&headers)),
                }
            }
            Tried::NotSent(why) => {
                let line = format!("could not be reached: {why}");
                (Fate::Later(line.clone()), line, None)
            }
            Tried::Unknown(why) => {
                let line = format!("did not answer: {why}");
                (Fate::Later(line.clone()), line, None)
            }
        }
    }

    /// The payload has `type`, `timestamp` and `data`, as the specification recommends.
    fn request(&self, item: &Item, now: Timestamp) -> Result<Request<Vec<u8>>, String> {
        let data = match item.form {
            Form::Json => item.body.clone(),
            Form::Text => serde_json::Value::from(item.body.as_str()).to_string(),
        };
        let body = format!(
            "{{\"type\":\"{}\",\"timestamp\":\"{}\",\"data\":{data}}}",
            item.event, item.time
        );
        webhook::signed(&self.http.url, self.secret.as_ref(), &item.id, body, now)
    }
}
