//! `http-api` actions (CACAO 2.0, section 5.7) against targets that the settings name.

use ureq::http::{HeaderName, HeaderValue, Method, Request, header};
use url::Url;
use watchfloor_types::EffectKey;

use crate::target::Target;

/// What a runbook asks for.
pub(crate) struct Ask<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a [(String, String)],
    pub(crate) body: Option<&'a str>,
}

/// Header fields that a runbook cannot set: they frame the message, name the receiver, carry
/// credentials, or are ours.
const OURS: &[&str] = &[
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "host",
    "idempotency-key",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The request, or why it would be wrong to send it.
pub(crate) fn request(
    target: &Target,
    key: &EffectKey,
    ask: &Ask<'_>,
) -> Result<Request<Vec<u8>>, String> {
    let method = match ask.method {
        "GET" => Method::GET,
        "HEAD" => Method::HEAD,
        "POST" => Method::POST,
        "PUT" => Method::PUT,
        "PATCH" => Method::PATCH,
        "DELETE" => Method::DELETE,
        "OPTIONS" => Method::OPTIONS,
        other => {
            return Err(format!(
                "the method `{}` is not allowed",
                other.escape_debug()
            ));
        }
    };
    let url = join(&target.base, ask.path)?;
    let mut request = Request::builder().method(method).uri(url.as_str());
    for (name, value) in ask.headers {
        let parsed = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("`{}` is not the name of a header", name.escape_debug()))?;
        if OURS.contains(&parsed.as_str()) {
            return Err(format!("a runbook may not set the header `{parsed}`"));
        }
        let value = HeaderValue::from_str(value)
            .map_err(|_| format!("the value of header `{parsed}` cannot be sent"))?;
        request = request.header(parsed, value);
    }
    let key = HeaderValue::from_str(&format!("\"{}\"", key.0.escape_default()))
        .map_err(|_| "the key of the effect cannot be sent".to_owned())?;
    request = request.header("idempotency-key", key);
    if let Some(token) = &target.bearer {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", token.reveal()))
            .map_err(|_| "the token of the target cannot be sent".to_owned())?;
        value.set_sensitive(true);
        request = request.header(header::AUTHORIZATION, value);
    }
    request
        .body(ask.body.unwrap_or_default().as_bytes().to_vec())
        .map_err(|e| e.to_string())
}

/// Puts a path below a base, or refuses: nothing in it may change the host or climb out.
fn join(base: &Url, path: &str) -> Result<Url, String> {
    let refuse = |why: &str| {
        Err(format!(
            "the path `{}` {why}",
            path.chars().take(200).collect::<String>().escape_debug()
        ))
    };
    if !path.starts_with('/') {
        return refuse("does not start with /");
    }
    if !path.bytes().all(|b| {
        b.is_ascii_graphic() && !matches!(b, b'\\' | b'#' | b'"' | b'<' | b'>' | b'`' | b'{' | b'}')
    }) {
        return refuse("has characters that must be percent-encoded");
    }
    let only_path = path.split('?').next().unwrap_or_default();
    for segment in only_path.split('/').skip(1) {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        if plain == "." || plain == ".." {
            return refuse("climbs");
        }
        if plain.contains("%2f") || plain.contains("%5c") || plain.contains("%00") {
            return refuse("hides a separator");
        }
    }
    if only_path.contains("//") {
        return refuse("has an empty segment");
    }
    let prefix = base.path().trim_end_matches('/');
    let joined = format!("{}{prefix}{path}", base.origin().ascii_serialization());
    match Url::parse(&joined) {
        Ok(url)
            if url.origin() == base.origin()
                && url.path().starts_with(prefix)
                && url.as_str() == joined =>
        {
            Ok(url)
        }
        Ok(_) | Err(_) => refuse("does not stay below the target"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClearText, KeySupport, Targets};
    use watchfloor_types::Secret;

    fn target(base: &str) -> Target {
        let token = Secret::new("t0ken".to_owned());
        let targets = Targets::new()
            .target(
                "gw",
                base,
                Some(&token),
                KeySupport::Honoured,
                ClearText::Refuse,
            )
            .unwrap();
        targets.apis["gw"].clone()
    }

    #[test]
    fn a_path_stays_below_its_target() {
        let base = Url::parse("https://gw.example/api/").unwrap();
        for (path, url) in [
            ("/keys/1/block", "https://gw.example/api/keys/1/block"),
            (
                "/keys?id=a%20b&x=..",
                "https://gw.example/api/keys?id=a%20b&x=..",
            ),
            ("/@evil.example", "https://gw.example/api/@evil.example"),
        ] {
            assert_eq!(join(&base, path).unwrap().as_str(), url);
        }
        for bad in [
            "",
            "keys",
            "@evil.example/",
            ".evil.example",
            ":8080/",
            "/../admin",
            "/a/%2E%2e/b",
            "/a/%2e./b",
            "//evil.example/",
            "/\\evil.example",
            "/a b",
            "/a\r\nHost: evil",
            "/a#b",
            "/ä",
            "/a%2f..%2fb",
            "/a%00",
            "https://evil.example/",
            "/./a",
        ] {
            assert!(
                join(&base, bad).is_err(),
                "{bad:?} became {:?}",
                join(&base, bad)
            );
        }
    }

    #[test]
    fn a_runbook_cannot_speak_for_us() {
        let target = target("https://gw.example");
        let key = EffectKey("run:1".into());
        let headers = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        for (name, value) in [
            ("Authorization", "x"),
            ("host", "evil"),
            ("Content-Length", "0"),
            ("Transfer-Encoding", "chunked"),
            ("Idempotency-Key", "x"),
            ("x\r\ny", "x"),
            ("x", "a\r\nHost: evil"),
            ("", "x"),
        ] {
            let headers = headers(name, value);
            let ask = Ask {
                method: "POST",
                path: "/a",
                headers: &headers,
                body: None,
            };
            assert!(request(&target, &key, &ask).is_err(), "{name:?}: {value:?}");
        }
        for method in ["CONNECT", "TRACE", "post", "GET / HTTP/1.1\r\n", ""] {
            let ask = Ask {
                method,
                path: "/a",
                headers: &[],
                body: None,
            };
            assert!(request(&target, &key, &ask).is_err(), "{method:?}");
        }
        let headers = headers("Content-Type", "application/json");
        let ask = Ask {
            method: "POST",
            path: "/a",
            headers: &headers,
            body: Some("{}"),
        };
        let request = request(&target, &key, &ask).unwrap();
        assert_eq!(request.headers()["idempotency-key"], "\"run:1\"");
        assert_eq!(request.headers()["authorization"], "Bearer t0ken");
        assert!(request.headers()["authorization"].is_sensitive());
    }
}
