//! The only places that effects may reach: those that the settings name.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use url::{Host, Url};
use watchfloor_types::Secret;

use crate::{ClearText, classify::Sender};

/// Channels and targets by name, and the means to reach them. Cheap to clone.
#[derive(Clone, Default)]
pub struct Targets {
    pub(crate) channels: BTreeMap<String, Channel>,
    pub(crate) apis: BTreeMap<String, Target>,
    pub(crate) sender: Sender,
}

/// Where webhooks go.
#[derive(Debug, Clone)]
pub(crate) struct Channel {
    pub(crate) url: Url,
    pub(crate) secret: Option<Secret<Vec<u8>>>,
}

/// What `http-api` actions may reach.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) base: Url,
    pub(crate) bearer: Option<Secret<String>>,
    pub(crate) keys: KeySupport,
}

/// Whether a receiver recognises a request that it has had before by its `Idempotency-Key`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeySupport {
    /// Yes: a request whose outcome is unknown may be sent again.
    Honoured,
    /// No, or nobody knows.
    #[default]
    Ignored,
}

/// Why an address cannot be a target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Not an absolute `http` or `https` URL.
    #[error("the address of {name} is not an absolute http or https URL")]
    NotHttp {
        /// Name in the settings.
        name: String,
    },
    /// User, password or fragment in the URL; a query in the base of a target.
    #[error("the address of {name} has {part}, which does not belong there")]
    Odd {
        /// Name in the settings.
        name: String,
        /// What is too much.
        part: &'static str,
    },
    /// Clear text to another machine.
    #[error("the address of {name} is http and not on this machine; use https")]
    ClearText {
        /// Name in the settings.
        name: String,
    },
    /// A secret that starts with `whsec_` and is no Base64 after it.
    #[error("the secret of {name} starts with whsec_ but is not Base64 after it")]
    Secret {
        /// Name in the settings.
        name: String,
    },
    /// A PEM file without certificates.
    #[error("the certificate authorities are not certificates in PEM")]
    Authorities,
    /// A token with characters that no header can carry.
    #[error("the token of {name} has characters that a header cannot carry")]
    Token {
        /// Name in the settings.
        name: String,
    },
}

impl Targets {
    /// None at all: every effect fails.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a channel. The secret signs (Standard Webhooks 1.0.0); `whsec_` and Base64, or any text.
    pub fn channel(
        mut self,
        name: &str,
        url: &str,
        secret: Option<&Secret<String>>,
        clear: ClearText,
    ) -> Result<Self, TargetError> {
        let shown = format!("channel {name}");
        let url = parse(&shown, url, clear)?;
        let secret = secret
            .map(|secret| key_bytes(&shown, secret.reveal()))
            .transpose()?
            .map(Secret::new);
        self.channels
            .insert(name.to_owned(), Channel { url, secret });
        Ok(self)
    }

    /// Adds a target of `http-api` actions: a base URL that no request leaves, and a bearer token.
    pub fn target(
        mut self,
        name: &str,
        base: &str,
        bearer: Option<&Secret<String>>,
        keys: KeySupport,
        clear: ClearText,
    ) -> Result<Self, TargetError> {
        let shown = format!("target {name}");
        let base = parse(&shown, base, clear)?;
        if base.query().is_some() {
            return Err(TargetError::Odd {
                name: shown,
                part: "a query",
            });
        }
        if bearer.is_some_and(|token| !token.reveal().bytes().all(|b| b.is_ascii_graphic())) {
            return Err(TargetError::Token { name: shown });
        }
        self.apis.insert(
            name.to_owned(),
            Target {
                base,
                bearer: bearer.cloned(),
                keys,
            },
        );
        Ok(self)
    }

    /// Trusts the certificate authorities of a PEM file in place of the public ones.
    pub fn trusting(mut self, pem: &[u8]) -> Result<Self, TargetError> {
        self.sender = Sender::trusting(pem).ok_or(TargetError::Authorities)?;
        Ok(self)
    }

    /// Names of all channels.
    pub fn channel_names(&self) -> BTreeSet<&str> {
        self.channels.keys().map(String::as_str).collect()
    }

    /// Names of all targets.
    pub fn target_names(&self) -> BTreeSet<&str> {
        self.apis.keys().map(String::as_str).collect()
    }
}

impl fmt::Debug for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Targets")
            .field("channels", &self.channels)
            .field("targets", &self.apis)
            .finish_non_exhaustive()
    }
}

pub(crate) fn parse(name: &str, text: &str, clear: ClearText) -> Result<Url, TargetError> {
    let name = || name.to_owned();
    let url = Url::parse(text).map_err(|_| TargetError::NotHttp { name: name() })?;
    let local = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.to_canonical().is_loopback(),
        Some(Host::Domain(host)) => host.eq_ignore_ascii_case("localhost"),
        None => return Err(TargetError::NotHttp { name: name() }),
    };
    match url.scheme() {
        "https" => {}
        "http" if local || clear == ClearText::Allow => {}
        "http" => return Err(TargetError::ClearText { name: name() }),
        _ => return Err(TargetError::NotHttp { name: name() }),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(TargetError::Odd {
            name: name(),
            part: "a user or password",
        });
    }
    if url.fragment().is_some() {
        return Err(TargetError::Odd {
            name: name(),
            part: "a fragment",
        });
    }
    Ok(url)
}

/// Standard Webhooks 1.0.0, "Signature scheme": secrets are serialised as `whsec_` and Base64.
pub(crate) fn key_bytes(name: &str, secret: &str) -> Result<Vec<u8>, TargetError> {
    match secret.strip_prefix("whsec_") {
        Some(encoded) => STANDARD.decode(encoded).map_err(|_| TargetError::Secret {
            name: name.to_owned(),
        }),
        None => Ok(secret.as_bytes().to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_honest_addresses_become_targets() {
        let add = |url: &str, clear| {
            Targets::new()
                .target("t", url, None, KeySupport::Ignored, clear)
                .map(|_| ())
        };
        for good in [
            "https://gateway.example/v1",
            "http://127.0.0.1:9",
            "http://[::1]:9/",
            "http://localhost:1",
        ] {
            assert_eq!(add(good, ClearText::Refuse), Ok(()), "{good}");
        }
        for bad in [
            "",
            "gateway.example",
            "ftp://x",
            "file:///etc/passwd",
            "https://u:p@x",
            "https://x/#a",
            "https://x/?a",
        ] {
            assert!(add(bad, ClearText::Allow).is_err(), "{bad}");
        }
        let clear = add("http://gateway.example", ClearText::Refuse).unwrap_err();
        assert_eq!(
            clear,
            TargetError::ClearText {
                name: "target t".into()
            }
        );
        assert_eq!(add("http://gateway.example", ClearText::Allow), Ok(()));
    }

    #[test]
    fn secrets_are_never_shown() {
        let secret = Secret::new("whsec_c2VjcmV0".to_owned());
        let targets = Targets::new()
            .channel(
                "pager",
                "https://x.example/",
                Some(&secret),
                ClearText::Refuse,
            )
            .and_then(|t| {
                t.target(
                    "gw",
                    "https://y.example/",
                    Some(&secret),
                    KeySupport::Honoured,
                    ClearText::Refuse,
                )
            })
            .unwrap();
        let shown = format!("{targets:?}");
        assert!(
            !shown.contains("whsec") && !shown.contains("c2Vj") && !shown.contains("115, 101"),
            "{shown}"
        );
        assert_eq!(
            targets.channels["pager"].secret.as_ref().unwrap().reveal(),
            b"secret"
        );
        let broken = Secret::new("whsec_*".to_owned());
        assert!(
            Targets::new()
                .channel("x", "https://x.example", Some(&broken), ClearText::Refuse)
                .is_err()
        );
        let split = Secret::new("a\r\nb".to_owned());
        assert!(
            Targets::new()
                .target(
                    "x",
                    "https://x.example",
                    Some(&split),
                    KeySupport::Ignored,
                    ClearText::Refuse
                )
                .is_err()
        );
    }
}
