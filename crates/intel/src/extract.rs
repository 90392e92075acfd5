//! What an event shows that an indicator could name.

use std::borrow::Cow;

use watchfloor_types::{Event, Value};

use crate::normal::{self, Normal};

/// Fields that hold one address each, or a list of them (`docs/fields.md`).
pub const ADDRESS_FIELDS: &[&str] = &["destination.ip", "source.ip"];
/// Fields that hold a host name, or an address in its place.
pub const DOMAIN_FIELDS: &[&str] = &["destination.domain", "dns.question.name", "url.domain"];
/// Fields that hold a URL.
pub const URL_FIELDS: &[&str] = &["mcp.resource.uri", "url.full"];
/// Fields that hold a hash of a file.
pub const HASH_FIELDS: &[&str] = &["file.hash.md5", "file.hash.sha1", "file.hash.sha256"];
/// Fields that hold an e-mail address.
pub const EMAIL_FIELDS: &[&str] = &["email.from.address", "email.to.address", "user.email"];
/// Fields that hold text in which any of these may stand.
pub const TEXT_FIELDS: &[&str] = &[
    "ai.memory.text",
    "ai.prompt.text",
    "ai.response.text",
    "ai.tool.description",
    "ai.untrusted.text",
    "gen_ai.tool.call.arguments",
];

/// Bytes of a text that are searched. The rest is not: a prompt may be of any length, the
/// time for one event may not.
const MAX_TEXT: usize = 256 * 1024;
/// Tokens of a text that are looked at.
const MAX_TOKENS: usize = 20_000;
/// Items of a list that are looked at.
const MAX_ITEMS: usize = 1_000;
/// A longer token is no URL that anybody wrote down as an indicator.
const MAX_TOKEN: usize = 2_048;

/// Reads the text of a field and hands on what it could be.
type Reader<'r> = dyn Fn(&str, &mut dyn FnMut(Normal)) + 'r;

/// Calls `see` with each field, the text as it stood, and its normal form.
pub(crate) fn extract<'e>(event: &'e Event, mut see: impl FnMut(&'static str, &'e str, &Normal)) {
    let mut each = |fields: &'static [&'static str], read: &Reader<'_>| {
        for field in fields {
            let Some(value) = event.norm.get(field) else {
                continue;
            };
            for text in texts(value) {
                read(text, &mut |normal| see(field, text, &normal));
            }
        }
    };
    each(ADDRESS_FIELDS, &|text, out| {
        normal::address(text).into_iter().for_each(out);
    });
    each(DOMAIN_FIELDS, &|text, out| {
        normal::domain(text)
            .or_else(|| normal::address(text))
            .into_iter()
            .for_each(out);
    });
    each(URL_FIELDS, &|text, out| url(text, out));
    each(HASH_FIELDS, &|text, out| {
        normal::hash(text).into_iter().for_each(out);
    });
    each(EMAIL_FIELDS, &|text, out| {
        normal::email(text).into_iter().for_each(out);
    });
    for field in TEXT_FIELDS {
        let Some(value) = event.norm.get(field) else {
            continue;
        };
        for text in texts(value) {
            tokens(text, |shown, token| {
                token_values(token, &mut |normal| see(field, shown, &normal));
            });
        }
    }
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Str(text) => vec![text],
        Value::List(items) => items
            .iter()
            .take(MAX_ITEMS)
            .filter_map(Value::as_str)
            .collect(),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => Vec::new(),
    }
}

/// A URL and its host.
fn url(text: &str, out: &mut dyn FnMut(Normal)) {
    let Some(url) = normal::url(text) else {
        return;
    };
    let host = normal::host_of(&url.value);
    out(url);
    host.into_iter().for_each(out);
}

/// Everything that one token could be.
fn token_values(token: &str, out: &mut dyn FnMut(Normal)) {
    if let Some(hash) = normal::hash(token) {
        out(hash);
        return;
    }
    if !token.contains(['.', ':']) {
        return;
    }
    let plain = normal::refang(token);
    if plain.contains("://") {
        // `see:https://…` and `![x](https://…` start before the scheme.
        let start = ["https://", "http://", "ftp://", "ws://", "wss://"]
            .iter()
            .filter_map(|scheme| plain.to_ascii_lowercase().find(scheme))
            .min()
            .unwrap_or(0);
        url(plain.get(start..).unwrap_or(&plain), out);
        return;
    }
    if let Some(address) = normal::address(&plain) {
        out(address);
    } else if let Some(email) = normal::email(plain.strip_prefix("mailto:").unwrap_or(&plain)) {
        out(email);
    } else if plain.contains('/') {
        url(&plain, out);
    } else {
        // `host:port`
        let host = match plain.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            _ => &plain,
        };
        normal::domain(host)
            .or_else(|| normal::address(host))
            .into_iter()
            .for_each(out);
    }
}

/// Calls `see` with each token of `text`: as it stood, and with JSON escapes undone.
fn tokens<'t>(text: &'t str, mut see: impl FnMut(&'t str, &str)) {
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = text.get(..end).unwrap_or_default();
    let mut count = 0;
    for shown in text.split(|c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '"' | '\'' | '<' | '>' | '{' | '}' | '|' | ',' | ';' | '`' | '“' | '”'
            )
    }) {
        if shown.len() < 4 {
            continue;
        }
        count += 1;
        if count > MAX_TOKENS {
            return;
        }
        for piece in unescape(shown).split('\n') {
            // Brackets end a token unless they defang a dot or hold an IPv6 host.
            for part in brackets(piece) {
                let part = part.trim_matches(|c: char| {
                    matches!(c, '.' | ',' | ':' | '!' | '?' | '*' | '_' | '=')
                });
                if (4..=MAX_TOKEN).contains(&part.len()) {
                    see(shown, part);
                }
            }
        }
    }
}

/// Undoes the JSON escapes that matter: `\/` is `/`, any other escape ends a token.
fn unescape(token: &str) -> Cow<'_, str> {
    if !token.contains('\\') {
        return token.into();
    }
    let mut out = String::with_capacity(token.len());
    let mut chars = token.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('/') => out.push('/'),
            Some('u') => {
                chars.by_ref().take(4).for_each(drop);
                out.push('\n');
            }
            _ => out.push('\n'),
        }
    }
    out.into()
}

/// Splits at brackets that hold more than a dot, a colon or an IPv6 address.
fn brackets(token: &str) -> Vec<&str> {
    let lower = token.to_ascii_lowercase();
    let defanged = [
        "[.", ".]", "(.)", "[dot]", "(dot)", "[:", "[at]", "(at)", "[@]", "//[",
    ]
    .iter()
    .any(|mark| lower.contains(mark));
    if defanged {
        vec![token]
    } else {
        token.split(['(', ')', '[', ']']).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> String {
        let mut out = Vec::new();
        tokens(text, |_, token| {
            token_values(token, &mut |n| out.push(n.value));
        });
        out.join(" ")
    }

    #[test]
    fn values_are_found_in_running_text() {
        for (text, expected) in [
            (
                "go to https://evil.example/a?b=c.",
                "https://evil.example/a?b=c evil.example",
            ),
            (
                "![x](https://evil.example/p.png?d=1)",
                "https://evil.example/p.png?d=1 evil.example",
            ),
            (
                "{\"url\":\"https:\\/\\/evil.example\\/x\",\"n\":1}",
                "https://evil.example/x evil.example",
            ),
            (
                "first\\nhttps://evil.example/\\nlast",
                "https://evil.example/ evil.example",
            ),
            (
                "hxxps://evil[.]example/x",
                "https://evil.example/x evil.example",
            ),
            (
                "ping 192.0.2.7:8080, or 2001:db8::1!",
                "192.0.2.7 2001:db8::1",
            ),
            ("mail joe@evil.example now", "joe@evil.example"),
            (
                "sum D41D8CD98F00B204E9800998ECF8427E",
                "d41d8cd98f00b204e9800998ecf8427e",
            ),
            ("nothing here. Really: nothing", ""),
            (
                "http://[2001:db8::1]/x",
                "http://[2001:db8::1]/x 2001:db8::1",
            ),
        ] {
            assert_eq!(seen(text), expected, "{text}");
        }
    }

    #[test]
    fn long_texts_are_bounded() {
        let text = "a.example ".repeat(200_000);
        assert!(seen(&text).split(' ').count() <= MAX_TOKENS);
        assert_eq!(seen(&"é".repeat(MAX_TEXT)), "");
    }
}
