//! Splunk HTTP Event Collector, event endpoint: JSON objects one after the other, with or
//! without white space between them. A record is the whole envelope object, byte for byte.

use bytes::Bytes;

use super::{Collector, Decoded, Limits, Resume, Room};
use crate::json::{Json, Scanner, same_length};

pub(super) fn event(body: &Bytes, limits: &Limits) -> Decoded {
    let mut out = Collector::new(body, limits);
    let mut resume = Resume::new(body);
    let text = same_length(body);
    let mut scan = Scanner::new(&text);
    loop {
        // Some senders put a comma between the objects or wrap them in an array.
        while matches!(
            scan.peek(),
            Some(b',' | b'[' | b']' | b' ' | b'\t' | b'\n' | b'\r')
        ) {
            scan.at += 1;
        }
        let start = scan.at;
        if scan.peek().is_none() {
            return out.out;
        }
        match scan.value(0) {
            Ok(value) => match refusal(&value) {
                None => {
                    if out.json(start..scan.at, 0) == Room::None {
                        return out.out;
                    }
                }
                Some(reason) => {
                    if out.error(start..scan.at, 0, start, reason.to_owned()) == Room::None {
                        return out.out;
                    }
                }
            },
            Err(error) => {
                let from = error.offset.max(start + 1);
                let next = resume.find(&text, from, |_, v| refusal(v).is_none());
                let end = next.unwrap_or(body.len());
                let reason = format!("not JSON: {error}");
                if out.error(start..end, 0, error.offset, reason) == Room::None {
                    return out.out;
                }
                match next {
                    Some(at) => scan.at = at,
                    None => return out.out,
                }
            }
        }
    }
}

/// Why an envelope is no event, in the words of the Splunk answer it leads to.
fn refusal(value: &Json<'_>) -> Option<&'static str> {
    match value {
        Json::Object(_) => match value.get("event") {
            None => Some("event field is required"),
            Some(Json::Null) => Some("event field cannot be blank"),
            Some(Json::Text(t)) if t.is_empty() => Some("event field cannot be blank"),
            Some(_) => None,
        },
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Array(_) => {
            Some("an event is a JSON object")
        }
    }
}
