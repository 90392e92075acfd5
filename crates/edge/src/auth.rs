//! The token of a request, whichever way the sender's protocol carries it.

use axum::http::{HeaderMap, header::AUTHORIZATION};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use watchfloor_types::Secret;

/// Longest `Authorization` that is looked at.
const LIMIT: usize = 4_096;

/// What the `Authorization` header holds.
#[derive(Debug)]
pub(crate) enum Credentials {
    /// There is none.
    Missing,
    /// It is in no form we know.
    Malformed,
    /// A token.
    Token(Secret<String>),
}

/// Reads `Bearer t`, `Splunk t`, `ApiKey t`, `ApiKey base64(id:t)` and `Basic base64(any:t)`.
pub(crate) fn credentials(headers: &HeaderMap) -> Credentials {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Credentials::Missing;
    };
    if values.next().is_some() {
        return Credentials::Malformed;
    }
    let text = value.to_str().unwrap_or_default().trim();
    if text.is_empty() || text.len() > LIMIT {
        return Credentials::Malformed;
    }
    let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
    let rest = rest.trim();
    let token = match scheme.to_ascii_lowercase().as_str() {
        "bearer" | "splunk" => Some(rest.to_owned()),
        // Elasticsearch clients send what they are given, or the Base64 of id and key.
        "apikey" => Some(secret_of_pair(rest).unwrap_or_else(|| rest.to_owned())),
        "basic" => secret_of_pair(rest),
        _ => None,
    };
    match token {
        Some(token) if !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic()) => {
            Credentials::Token(Secret::new(token))
        }
        Some(_) | None => Credentials::Malformed,
    }
}

/// What stands after the first colon of a Base64 text (RFC 7617, section 2).
fn secret_of_pair(text: &str) -> Option<String> {
    let bytes = STANDARD.decode(text).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    text.split_once(':').map(|(_, secret)| secret.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn check(value: &str, expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        let token = match credentials(&headers) {
            Credentials::Token(token) => Some(token.reveal().clone()),
            Credentials::Missing | Credentials::Malformed => None,
        };
        assert_eq!(token.as_deref(), expected, "{value}");
    }

    #[test]
    fn every_protocol_carries_its_token() {
        check("Bearer wf_1", Some("wf_1"));
        check("bearer   wf_1 ", Some("wf_1"));
        check("Splunk 1111-2222", Some("1111-2222"));
        check("ApiKey wf_1", Some("wf_1"));
        check("ApiKey aWQ6d2ZfMQ==", Some("wf_1"));
        check("Basic eDp3Zl8x", Some("wf_1"));
        check("Basic eDph0Q==", None);
        check("Basic wf_1", None);
        check("Bearer", None);
        check("Bearer a b", None);
        check("Digest x", None);
        check(&format!("Bearer {}", "x".repeat(5_000)), None);
        assert!(matches!(
            credentials(&HeaderMap::new()),
            Credentials::Missing
        ));
    }
}
