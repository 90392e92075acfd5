//! Elasticsearch and `OpenSearch`: the bulk API with `create` and our own `_id`, so that what is
//! sent twice is there once.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use ureq::http::{HeaderValue, Request, header};
use watchfloor_types::Secret;

use super::{
    Bounds, Delivered, Fate, Form, Http, Item, Meaning, OutputError, answered, excerpt, gzip,
    header_safe, meaning, retry_after,
};
use crate::classify::Tried;

/// An index or data stream.
#[derive(Debug)]
pub struct ElasticOutput {
    pub(super) http: Http,
    /// Index or data stream.
    pub index: String,
    /// Ingest pipeline, if any.
    pub pipeline: Option<String>,
    /// Whether requests are compressed.
    pub gzip: bool,
    authorization: Option<Secret<String>>,
}

impl ElasticOutput {
    /// An index at `http`. The secret is an API key, or the password of `user`.
    pub fn new(
        http: Http,
        index: &str,
        user: Option<&str>,
        secret: Option<&Secret<String>>,
    ) -> Result<Self, OutputError> {
        let authorization = match (user, secret) {
            (_, None) => None,
            (None, Some(key)) => {
                header_safe(key)?;
                Some(Secret::new(format!("ApiKey {}", key.reveal())))
            }
            // RFC 7617, section 2: a user has no colon.
            (Some(user), Some(_)) if user.contains(':') => return Err(OutputError::Secret),
            (Some(user), Some(password)) => {
                let pair = STANDARD.encode(format!("{user}:{}", password.reveal()));
                Some(Secret::new(format!("Basic {pair}")))
            }
        };
        Ok(Self {
            http,
            index: index.to_owned(),
            pipeline: None,
            gzip: true,
            authorization,
        })
    }

    pub(super) fn deliver(&self, items: &[Item], bounds: Bounds) -> Delivered {
        let n = items.len();
        let body: String = items.iter().map(|item| self.lines(item)).collect();
        let Some(request) = self.request(body.into_bytes()) else {
            return Delivered::later(n, "the key cannot be sent");
        };
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
        match meaning(status) {
            Meaning::Taken => {}
            Meaning::Refused => {
                let line = answered(status, &body);
                return Delivered::all(n, &Fate::Refused(line.clone()), line);
            }
            Meaning::Later => {
                return Delivered::later(n, answered(status, &body)).pausing(retry_after(&headers));
            }
        }
        let said: Value = serde_json::from_slice(&body).unwrap_or_default();
        let results = said.get("items").and_then(Value::as_array);
        let Some(results) = results.filter(|all| all.len() == n) else {
            // Not what the bulk API answers: nobody knows what was taken, and `_id` makes a second try harmless.
            return Delivered::later(n, format!("no bulk answer: {}", excerpt(&body)));
        };
        let fates: Vec<Fate> = results.iter().map(fate).collect();
        let count = |f: fn(&Fate) -> bool| fates.iter().filter(|x| f(x)).count();
        let taken = count(|f| matches!(f, Fate::Taken));
        let refused = count(|f| matches!(f, Fate::Refused(_)));
        let first = fates.iter().find_map(|f| match f {
            Fate::Refused(why) | Fate::Later(why) => Some(why.as_str()),
            Fate::Taken => None,
        });
        let mut answer = format!("{taken} of {n} taken");
        if let Some(why) = first {
            answer.push_str(&format!(", {refused} refused, such as: {why}"));
        }
        Delivered {
            fates,
            answer,
            pause: retry_after(&headers),
            whole: false,
        }
    }

    fn lines(&self, item: &Item) -> String {
        let mut action = json!({"_index": self.index, "_id": item.id});
        if let (Some(pipeline), Some(object)) = (&self.pipeline, action.as_object_mut()) {
            object.insert("pipeline".to_owned(), json!(pipeline));
        }
        let document = match item.form {
            Form::Json => item.body.clone(),
            Form::Text => json!({"@timestamp": item.time, "message": item.body}).to_string(),
        };
        format!("{}\n{document}\n", json!({"create": action}))
    }

    fn request(&self, body: Vec<u8>) -> Option<Request<Vec<u8>>> {
        // Only what is read: the answer is bounded and a result of a large batch must fit.
        let path = "/_bulk";
        let filter = "?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason";
        let mut request = Request::post(format!("{}{filter}", self.http.below(path)))
            .header(header::CONTENT_TYPE, "application/x-ndjson");
        if let Some(secret) = &self.authorization {
            let mut value = HeaderValue::from_str(secret.reveal()).ok()?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        match self.gzip.then(|| gzip(&body)).flatten() {
            Some(packed) => request
                .header(header::CONTENT_ENCODING, "gzip")
                .body(packed)
                .ok(),
            None => request.body(body).ok(),
        }
    }
}

/// What one line of the answer means. 409: it is there already, from a try whose answer was lost.
fn fate(result: &Value) -> Fate {
    let create = result.get("create").unwrap_or(result);
    let status = create.get("status").and_then(Value::as_u64).unwrap_or(0);
    let text = |name: &str| {
        let error = create.pointer(&format!("/error/{name}"));
        let text = error.and_then(Value::as_str).unwrap_or_default();
        excerpt(text.as_bytes())
    };
    let why = || format!("{status} {}: {}", text("type"), text("reason"));
    match status {
        200..=299 | 409 => Fate::Taken,
        400 | 413 | 422 => Fate::Refused(why()),
        // 429 and 5xx: overloaded. 401, 403, 404: rights or the index, which an operator mends.
        _ => Fate::Later(why()),
    }
}
