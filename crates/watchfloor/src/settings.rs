//! Settings: TOML plus `WATCHFLOOR_*`, read into raw structs and parsed once.

mod output;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use figment::{
    Figment,
    providers::{Env, Format, Serialized, Toml},
};
use serde::{Deserialize, Serialize};
use watchfloor_respond::rule::{FourEyes, Policy};
use watchfloor_types::{Diagnostic, Secret, SignedDuration, TenantId};

pub(crate) use output::{Begin, OutputSettings, Sift};

/// Everything a server needs to know, checked.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Where all state lives.
    pub data_dir: PathBuf,
    /// Console and API.
    pub listen: SocketAddr,
    /// Ingest protocols.
    pub ingest_listen: SocketAddr,
    /// Certificate chain and key, PEM.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Listen on other than loopback without TLS.
    pub insecure_listen: Insecure,
    /// Content that overrides what is built in.
    pub content_dir: Option<PathBuf>,
    /// The tenant of events whose source names none.
    pub tenant: TenantId,
    /// Events older than this are removed.
    pub retention: SignedDuration,
    /// Native records older than this are dropped from their events.
    pub native_retention: SignedDuration,
    /// How rules and suppressions are governed.
    pub policy: Policy,
    /// Where webhooks go.
    pub channels: BTreeMap<String, Endpoint>,
    /// What runbook actions may reach.
    pub targets: BTreeMap<String, Endpoint>,
    /// Where findings, alerts and incidents go.
    pub outputs: Vec<Arc<OutputSettings>>,
}

/// Whether clear text may leave this machine's loopback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Insecure {
    /// No: other addresses need TLS.
    Refuse,
    /// Yes, on the operator's word.
    Allow,
}

/// An address outside, with its secret.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    /// Base URL.
    pub url: String,
    /// Signing secret of a channel or bearer token of a target.
    pub secret: Option<Secret<String>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    data_dir: PathBuf,
    listen: String,
    ingest_listen: String,
    tls_certificate: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    insecure_listen: bool,
    content_dir: Option<PathBuf>,
    tenant: String,
    retention_days: i64,
    native_retention_days: i64,
    rules: RawRules,
    suppressions: RawSuppressions,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    channel: BTreeMap<String, RawEndpoint>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    target: BTreeMap<String, RawEndpoint>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    output: Vec<output::RawOutput>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawRules {
    /// Enabling a rule, or changing one that is enabled, needs a second person.
    four_eyes: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawSuppressions {
    /// A suppression needs a second person.
    four_eyes: bool,
    /// Longest that one may last.
    max_days: i64,
}

impl Default for RawSuppressions {
    fn default() -> Self {
        Self {
            four_eyes: false,
            max_days: Policy::default().longest.as_hours() / 24,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEndpoint {
    url: String,
    /// Name of the environment variable that holds the secret.
    secret_env: Option<String>,
}

/// Keys that the environment may set as `WATCHFLOOR_…`; channels and targets are written in the file.
const FLAT: &[&str] = &[
    "data_dir",
    "listen",
    "ingest_listen",
    "tls_certificate",
    "tls_key",
    "insecure_listen",
    "content_dir",
    "tenant",
    "retention_days",
    "native_retention_days",
];

impl Default for Raw {
    fn default() -> Self {
        Self {
            data_dir: "watchfloor-data".into(),
            listen: "127.0.0.1:8480".into(),
            ingest_listen: "127.0.0.1:8481".into(),
            tls_certificate: None,
            tls_key: None,
            insecure_listen: false,
            content_dir: None,
            tenant: "main".into(),
            retention_days: 400,
            native_retention_days: 400,
            rules: RawRules::default(),
            suppressions: RawSuppressions::default(),
            channel: BTreeMap::new(),
            target: BTreeMap::new(),
            output: Vec::new(),
        }
    }
}

/// What the command line says over file and environment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overrides {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--data-dir`.
    pub data_dir: Option<PathBuf>,
}

impl Settings {
    /// Reads file, environment and command line; every error is reported, not only the first.
    pub(crate) fn load(overrides: &Overrides) -> anyhow::Result<Result<Self, Vec<Diagnostic>>> {
        let mut figment = Figment::from(Serialized::defaults(Raw::default()));
        match &overrides.config {
            Some(path) => {
                // A missing file would be read as empty; a named file must exist.
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read settings {}", path.display()))?;
                figment = figment.merge(Toml::string(&text));
            }
            None if Path::new("watchfloor.toml").exists() => {
                figment = figment.merge(Toml::file("watchfloor.toml"));
            }
            None => {}
        }
        // Nested keys are written in the file; the environment sets the flat ones.
        figment = figment.merge(Env::prefixed("WATCHFLOOR_").only(FLAT));
        let raw: Raw = match figment.extract() {
            Ok(raw) => raw,
            Err(errors) => {
                return Ok(Err(errors
                    .into_iter()
                    .map(|e| {
                        Diagnostic::error("C001", e.to_string()).help(
                            "`watchfloor config show` prints every key with its present value",
                        )
                    })
                    .collect()));
            }
        };
        Ok(Self::parse(raw, overrides))
    }

    fn parse(raw: Raw, overrides: &Overrides) -> Result<Self, Vec<Diagnostic>> {
        let mut errors = Vec::new();
        let mut address = |key: &str, text: &str| match text.parse::<SocketAddr>() {
            Ok(address) => address,
            Err(_) => {
                errors.push(
                    Diagnostic::error(
                        "C002",
                        format!("{key} is `{text}`, which is not an address and port"),
                    )
                    .help("write it as 127.0.0.1:8480 or [::1]:8480"),
                );
                SocketAddr::from(([127, 0, 0, 1], 0))
            }
        };
        let listen = address("listen", &raw.listen);
        let ingest_listen = address("ingest_listen", &raw.ingest_listen);
        let tls = match (raw.tls_certificate, raw.tls_key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => {
                errors.push(
                    Diagnostic::error(
                        "C003",
                        "tls_certificate and tls_key belong together; one is missing",
                    )
                    .help("name both PEM files or neither"),
                );
                None
            }
        };
        let tenant = raw.tenant.parse().unwrap_or_else(|error| {
            errors.push(
                Diagnostic::error("C004", format!("tenant: {error}"))
                    .help("use letters, digits, - _ . : / @"),
            );
            main_tenant()
        });
        for (key, days) in [
            ("retention_days", raw.retention_days),
            ("native_retention_days", raw.native_retention_days),
            ("suppressions.max_days", raw.suppressions.max_days),
        ] {
            if !(1..=36_500).contains(&days) {
                errors.push(
                    Diagnostic::error("C005", format!("{key} is {days}"))
                        .help("a number of days from 1 to 36500"),
                );
            }
        }
        let mut endpoints = |kind: &str,
                             raw: BTreeMap<String, RawEndpoint>|
         -> BTreeMap<String, Endpoint> {
            raw.into_iter()
                .map(|(name, e)| {
                    if !e.url.starts_with("https://") && !e.url.starts_with("http://") {
                        errors.push(
                            Diagnostic::error("C006", format!("{kind}.{name}.url is `{}`", e.url))
                                .help("a URL that starts with https:// (or http:// on this machine)"),
                        );
                    }
                    let secret = e.secret_env.and_then(|var| match std::env::var(&var) {
                        Ok(value) => Some(Secret::new(value)),
                        Err(_) => {
                            errors.push(
                                Diagnostic::error("C007", format!("{kind}.{name}.secret_env names `{var}`, which is not set"))
                                    .help(format!("set {var} in the environment of the server, or remove secret_env")),
                            );
                            None
                        }
                    });
                    (name, Endpoint { url: e.url, secret })
                })
                .collect()
        };
        let channels = endpoints("channel", raw.channel);
        let targets = endpoints("target", raw.target);
        let outputs = output::parse(raw.output, &mut errors);
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            data_dir: overrides.data_dir.clone().unwrap_or(raw.data_dir),
            listen,
            ingest_listen,
            tls,
            insecure_listen: if raw.insecure_listen {
                Insecure::Allow
            } else {
                Insecure::Refuse
            },
            content_dir: raw.content_dir,
            tenant,
            retention: SignedDuration::from_hours(24 * raw.retention_days),
            native_retention: SignedDuration::from_hours(24 * raw.native_retention_days),
            policy: Policy {
                rules: eyes(raw.rules.four_eyes),
                suppressions: eyes(raw.suppressions.four_eyes),
                longest: SignedDuration::from_hours(24 * raw.suppressions.max_days),
            },
            channels,
            targets,
            outputs,
        })
    }

    /// How long the lake keeps what.
    pub(crate) fn kept(&self) -> watchfloor_lake::Retention {
        watchfloor_lake::Retention {
            events: Some(self.retention),
            raw: Some(self.native_retention),
            dead_letters: Some(self.retention),
        }
    }

    /// The settings as TOML-like lines for `config show`; secrets are not in it.
    pub(crate) fn shown(&self) -> serde_json::Value {
        let endpoints = |all: &BTreeMap<String, Endpoint>| {
            all.iter()
                .map(|(name, e)| {
                    (
                        name.clone(),
                        serde_json::json!({ "url": origin(&e.url), "secret": e.secret.is_some() }),
                    )
                })
                .collect::<serde_json::Map<_, _>>()
        };
        serde_json::json!({
            "data_dir": self.data_dir, "listen": self.listen, "ingest_listen": self.ingest_listen,
            "tls_certificate": self.tls.as_ref().map(|t| &t.0), "tls_key": self.tls.as_ref().map(|t| &t.1),
            "insecure_listen": self.insecure_listen == Insecure::Allow,
            "content_dir": self.content_dir, "tenant": self.tenant,
            "retention_days": self.retention.as_hours() / 24,
            "native_retention_days": self.native_retention.as_hours() / 24,
            "rules": {"four_eyes": self.policy.rules == FourEyes::Required},
            "suppressions": {"four_eyes": self.policy.suppressions == FourEyes::Required, "max_days": self.policy.longest.as_hours() / 24},
            "channel": endpoints(&self.channels), "target": endpoints(&self.targets),
            "output": output::shown(&self.outputs),
        })
    }
}

fn eyes(four: bool) -> FourEyes {
    if four {
        FourEyes::Required
    } else {
        FourEyes::Off
    }
}

/// Scheme, host and port: the path of a webhook is often its secret.
fn origin(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let plain = url.get(..end).unwrap_or_default();
    plain.splitn(4, '/').take(3).collect::<Vec<_>>().join("/")
}

#[expect(
    clippy::expect_used,
    reason = "a constant that the id grammar accepts; a test reads it"
)]
fn main_tenant() -> TenantId {
    "main".parse().expect("`main` is a valid tenant id")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(toml: &str) -> Result<Settings, Vec<Diagnostic>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("w.toml");
        std::fs::write(&path, toml).unwrap();
        Settings::load(&Overrides {
            config: Some(path),
            data_dir: None,
        })
        .unwrap()
    }

    #[test]
    fn every_error_is_reported_at_once() {
        let errors = load("listen = 'here'\ntls_key = 'k.pem'\ntenant = 'a b'\nretention_days = 0\n[channel.x]\nurl = 'ftp://x'\nsecret_env = 'NOT_SET_ANYWHERE'")
            .unwrap_err();
        let codes: Vec<_> = errors.iter().map(|d| d.code.as_str()).collect();
        assert_eq!(
            codes,
            ["C002", "C003", "C004", "C005", "C006", "C007"],
            "{errors:#?}"
        );
        assert!(errors.iter().all(|d| d.help.is_some()));
    }

    #[test]
    fn the_path_of_a_webhook_is_not_shown() {
        assert_eq!(
            origin("https://hooks.example/services/T0/secret?sig=x"),
            "https://hooks.example"
        );
        assert_eq!(origin("http://127.0.0.1:9"), "http://127.0.0.1:9");
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it() {
        let errors = load("lissten = '127.0.0.1:1'").unwrap_err();
        assert!(errors[0].message.contains("lissten"), "{errors:?}");
    }

    #[test]
    fn defaults_are_loopback_and_refuse_clear_text_elsewhere() {
        let settings = load("").unwrap();
        assert!(settings.listen.ip().is_loopback() && settings.ingest_listen.ip().is_loopback());
        assert_eq!(settings.insecure_listen, Insecure::Refuse);
        assert_eq!(main_tenant().as_str(), "main");
    }
}
