//! Webhooks, signed as Standard Webhooks 1.0.0 says.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::hmac;
use ureq::http::Request;
use url::Url;
use watchfloor_types::{EffectKey, Secret, Timestamp};

use crate::target::Channel;

/// The request of one try. The id is the same in every try, so that the receiver can tell; the
/// timestamp is that of the try.
pub(crate) fn request(
    channel: &Channel,
    key: &EffectKey,
    body: &serde_json::Value,
    now: Timestamp,
) -> Result<Request<Vec<u8>>, String> {
    let secret = channel.secret.as_ref();
    signed(
        &channel.url,
        secret,
        &message_id(key),
        body.to_string(),
        now,
    )
}

/// A signed request. `id` has no dot: the signed text is cut at dots.
pub(crate) fn signed(
    url: &Url,
    secret: Option<&Secret<Vec<u8>>>,
    id: &str,
    body: String,
    now: Timestamp,
) -> Result<Request<Vec<u8>>, String> {
    let seconds = now.as_second();
    let mut request = Request::post(url.as_str())
        .header("content-type", "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", seconds);
    if let Some(secret) = secret {
        let signature = signature(secret.reveal(), id, seconds, &body);
        request = request.header("webhook-signature", signature);
    }
    request.body(body.into_bytes()).map_err(|e| e.to_string())
}

/// `v1,` and the Base64 of HMAC-SHA256 over `id.timestamp.body`.
fn signature(secret: &[u8], id: &str, seconds: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let tag = hmac::sign(&key, format!("{id}.{seconds}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(tag))
}

/// The effect's key, if it may stand in a header and holds no dot (the signed text is cut at
/// dots); else its bytes in URL-safe Base64.
fn message_id(key: &EffectKey) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b':' | b'/');
    if !key.0.is_empty() && key.0.len() <= 256 && key.0.bytes().all(plain) {
        return key.0.clone();
    }
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(ring::digest::digest(
        &ring::digest::SHA256,
        key.0.as_bytes(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification.
    #[test]
    fn the_signature_is_the_one_of_the_specification() {
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = r#"{"test": 2432232314}"#;
        assert_eq!(
            signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn a_key_never_breaks_the_header_or_the_signed_text() {
        assert_eq!(
            message_id(&EffectKey("page:1/a-b_c".into())),
            "page:1/a-b_c"
        );
        for odd in ["", "a.b", "a\r\nb", "ä", &"x".repeat(300)] {
            let id = message_id(&EffectKey(odd.to_owned()));
            assert_eq!(id.len(), 43, "{odd:?}");
            assert!(
                id.bytes().all(|b| b.is_ascii_graphic() && b != b'.'),
                "{id}"
            );
        }
    }
}
