//! One spelling per value, for indicators and for what is seen in events.

use std::{borrow::Cow, net::IpAddr};

use ipnet::IpNet;
use url::Url;
use watchfloor_types::IndicatorKind;

/// Longer values are refused: nothing that long is seen whole.
const MAX_BYTES: usize = 8 * 1024;

/// A value in its one spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Normal {
    pub(crate) kind: IndicatorKind,
    pub(crate) value: String,
}

/// Undoes the defanging that people do by hand: `hxxp`, `[.]`, `(dot)`, `[at]`, `[:]`.
/// Text without it comes back borrowed.
pub(crate) fn refang(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    let scheme = text
        .get(..4)
        .is_some_and(|head| head.eq_ignore_ascii_case("hxxp") || head.eq_ignore_ascii_case("meow"));
    let marks = [
        "[.", ".]", "(.)", "{.}", "[dot]", "(dot)", "[:]", "[://]", "[at]", "[@]", "(at)",
    ];
    let lower = text.to_ascii_lowercase();
    if !scheme && !marks.iter().any(|mark| lower.contains(mark)) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    if scheme {
        out.push_str("http");
        rest = rest.get(4..).unwrap_or_default();
    }
    'outer: while !rest.is_empty() {
        for (mark, plain) in [
            ("[.]", "."),
            ("(.)", "."),
            ("{.}", "."),
            ("[dot]", "."),
            ("(dot)", "."),
            ("[://]", "://"),
            ("[:]", ":"),
            ("[at]", "@"),
            ("(at)", "@"),
            ("[@]", "@"),
            ("[.", "."),
            (".]", "."),
        ] {
            if rest
                .get(..mark.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(mark))
            {
                out.push_str(plain);
                rest = rest.get(mark.len()..).unwrap_or_default();
                continue 'outer;
            }
        }
        let mut chars = rest.chars();
        out.extend(chars.next());
        rest = chars.as_str();
    }
    out.into()
}

/// An address or network. IPv4-mapped IPv6 becomes IPv4 (RFC 4291, 2.5.5.2); a network of one
/// address becomes the address; IPv6 is spelled as in RFC 5952; host bits of a network are cut.
pub(crate) fn address(text: &str) -> Option<Normal> {
    let text = text.trim();
    let text = text
        .strip_prefix('[')
        .and_then(|t| t.strip_suffix(']'))
        .unwrap_or(text);
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Some(host(ip));
    }
    let net = text.parse::<IpNet>().ok()?.trunc();
    if net.prefix_len() == net.max_prefix_len() {
        return Some(host(net.addr()));
    }
    Some(Normal {
        kind: IndicatorKind::Cidr,
        value: net.to_string(),
    })
}

fn host(ip: IpAddr) -> Normal {
    let ip = ip.to_canonical();
    Normal {
        kind: match ip {
            IpAddr::V4(_) => IndicatorKind::Ipv4,
            IpAddr::V6(_) => IndicatorKind::Ipv6,
        },
        value: ip.to_string(),
    }
}

/// A domain name: lower case, no dot at the end, labels of at most 63 bytes, 253 in all
/// (RFC 1035, 2.3.4). Names in Unicode stay as they are, in lower case.
pub(crate) fn domain(text: &str) -> Option<Normal> {
    let name = text.trim().trim_end_matches('.').to_lowercase();
    let ok = name.len() <= 253
        && name.contains('.')
        && name.parse::<IpAddr>().is_err()
        && name.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .chars()
                    .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
        })
        && name
            .rsplit('.')
            .next()
            .is_some_and(|tld| !tld.bytes().all(|b| b.is_ascii_digit()));
    ok.then_some(Normal {
        kind: IndicatorKind::Domain,
        value: name,
    })
}

/// A URL as the WHATWG URL standard spells it, without its fragment, which never leaves a
/// client.
pub(crate) fn url(text: &str) -> Option<Normal> {
    let text = text.trim();
    if text.len() > MAX_BYTES {
        return None;
    }
    let parsed = Url::parse(text).ok().filter(Url::has_host).or_else(|| {
        Url::parse(&format!("http://{text}")).ok().filter(|u| {
            // A bare `host/path` is a URL only when its host is one.
            text.contains('/')
                && u.host_str()
                    .is_some_and(|h| domain(h).is_some() || address(h).is_some())
        })
    })?;
    let mut parsed = parsed;
    parsed.set_fragment(None);
    Some(Normal {
        kind: IndicatorKind::Url,
        value: parsed.into(),
    })
}

/// A hash in lower-case hex; its length says which.
pub(crate) fn hash(text: &str) -> Option<Normal> {
    let value = text.trim().to_ascii_lowercase();
    if !value.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let kind = match value.len() {
        32 => IndicatorKind::Md5,
        40 => IndicatorKind::Sha1,
        64 => IndicatorKind::Sha256,
        _ => return None,
    };
    Some(Normal { kind, value })
}

/// An e-mail address in lower case, without a display name.
pub(crate) fn email(text: &str) -> Option<Normal> {
    let text = text.trim();
    let bare = match (text.rfind('<'), text.strip_suffix('>')) {
        (Some(open), Some(rest)) => rest.get(open + 1..)?,
        _ => text,
    };
    let (local, host) = bare.rsplit_once('@')?;
    let host = domain(host)?.value;
    let ok = !local.is_empty()
        && local.len() <= 64
        && !local.chars().any(|c| c.is_whitespace() || c.is_control());
    ok.then(|| Normal {
        kind: IndicatorKind::Email,
        value: format!("{}@{host}", local.to_lowercase()),
    })
}

/// A domain name and every name above it that has a dot: `a.b.org`, `b.org`.
pub(crate) fn and_above(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |name| {
        name.split_once('.').map(|(_, rest)| rest)
    })
    .filter(|name| name.contains('.'))
}

/// Host of a normalised URL as an indicator value.
pub(crate) fn host_of(url: &str) -> Option<Normal> {
    let parsed = Url::parse(url).ok()?;
    let host = parsed.host_str()?;
    address(host).or_else(|| domain(host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_spelling_per_value() {
        let show =
            |n: Option<Normal>| n.map_or("-".to_owned(), |n| format!("{} {}", n.kind, n.value));
        for (text, expected) in [
            ("192.0.2.1", "ipv4 192.0.2.1"),
            ("192.0.2.1/32", "ipv4 192.0.2.1"),
            ("192.0.2.77/24", "cidr 192.0.2.0/24"),
            ("2001:0DB8:0:0::1", "ipv6 2001:db8::1"),
            ("[2001:db8::1]", "ipv6 2001:db8::1"),
            ("::ffff:192.0.2.1", "ipv4 192.0.2.1"),
            ("2001:db8::/32", "cidr 2001:db8::/32"),
            ("300.1.1.1", "-"),
        ] {
            assert_eq!(show(address(text)), expected, "{text}");
        }
        for (text, expected) in [
            ("Evil.Example.ORG.", "domain evil.example.org"),
            ("xn--bcher-kva.example", "domain xn--bcher-kva.example"),
            ("bücher.example", "domain bücher.example"),
            ("localhost", "-"),
            ("192.0.2.1", "-"),
            ("a..b", "-"),
            ("-a.org", "-"),
        ] {
            assert_eq!(show(domain(text)), expected, "{text}");
        }
        for (text, expected) in [
            (
                "HTTP://Example.org:80/a/../b?q#frag",
                "url http://example.org/b?q",
            ),
            ("example.org/path", "url http://example.org/path"),
            ("https://example.org", "url https://example.org/"),
            ("mailto:a@example.org", "-"),
            ("not a url", "-"),
        ] {
            assert_eq!(show(url(text)), expected, "{text}");
        }
        assert_eq!(
            show(email("\"A B\" <Joe@Example.org>")),
            "email joe@example.org"
        );
        assert_eq!(show(email("joe@")), "-");
        assert_eq!(
            show(hash("D41D8CD98F00B204E9800998ECF8427E")),
            "md5 d41d8cd98f00b204e9800998ecf8427e"
        );
    }

    #[test]
    fn defanged_values_are_refanged() {
        for (text, plain) in [
            (
                "hxxps://evil[.]example[.]org/x",
                "https://evil.example.org/x",
            ),
            ("hXXp[://]evil(dot)org", "http://evil.org"),
            ("192[.]0[.]2[.]1", "192.0.2.1"),
            ("joe[at]example[dot]org", "joe@example.org"),
            ("192.0.2[.1", "192.0.2.1"),
        ] {
            assert_eq!(refang(text), plain, "{text}");
        }
        assert!(matches!(refang("http://[2001:db8::1]/"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn normal_values_stay_as_they_are(text in "\\PC{0,40}|[a-z0-9.:/@\\[\\]-]{0,40}") {
            for f in [address, domain, url, hash, email] {
                if let Some(n) = f(&refang(&text)) {
                    prop_assert_eq!(f(&n.value), Some(n));
                }
            }
        }
    }
}
