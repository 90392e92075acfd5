//! `[[output]]`: where findings, alerts and incidents go. `docs/outputs.md` has every key.

mod parse;

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
    sync::Arc,
};

use serde_json::{Value, json};
use watchfloor_edge::{Bounds, Output};
use watchfloor_types::{Severity, TenantId, Tlp};

pub(super) use parse::{RawOutput, parse};

use crate::siem::{Format, Kind, Message, Reality};

/// A checked output.
#[derive(Debug)]
pub(crate) struct OutputSettings {
    /// Its name: in the store, in commands, in messages.
    pub name: String,
    /// What it talks to.
    pub kind: OutputKind,
    /// The shape of its messages.
    pub format: Format,
    /// The receiver.
    pub to: Output,
    /// What it gets.
    pub wants: Wants,
    /// Messages sent at once.
    pub batch: usize,
    /// Bytes sent at once.
    pub batch_bytes: usize,
    /// Bounds of one call.
    pub bounds: Bounds,
    /// Where an output starts that has never run.
    pub from: Begin,
}

/// What an output talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutputKind {
    /// Splunk, HTTP Event Collector.
    Splunk,
    /// Elasticsearch or `OpenSearch`.
    Elasticsearch,
    /// Syslog, RFC 5424.
    Syslog,
    /// Standard Webhooks.
    Webhook,
    /// A file of lines.
    File,
}

impl OutputKind {
    /// Every kind.
    pub(crate) const ALL: &[Self] = &[
        Self::Splunk,
        Self::Elasticsearch,
        Self::Syslog,
        Self::Webhook,
        Self::File,
    ];

    /// The word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Splunk => "splunk",
            Self::Elasticsearch => "elasticsearch",
            Self::Syslog => "syslog",
            Self::Webhook => "webhook",
            Self::File => "file",
        }
    }

    const fn format(self) -> Format {
        match self {
            Self::Splunk | Self::File => Format::Ocsf,
            Self::Elasticsearch => Format::Ecs,
            Self::Syslog => Format::Cef,
            Self::Webhook => Format::Plain,
        }
    }

    /// Keys that only some kinds have.
    const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Splunk => &[
                "url",
                "secret_env",
                "index",
                "sourcetype",
                "hostname",
                "ack",
                "gzip",
                "tls_ca",
                "clear_text",
                "timeout_seconds",
            ],
            Self::Elasticsearch => &[
                "url",
                "secret_env",
                "user",
                "index",
                "pipeline",
                "gzip",
                "tls_ca",
                "clear_text",
                "timeout_seconds",
            ],
            Self::Syslog => &[
                "url",
                "facility",
                "hostname",
                "confirm",
                "max_bytes",
                "tls_ca",
                "clear_text",
                "timeout_seconds",
            ],
            Self::Webhook => &[
                "url",
                "secret_env",
                "tls_ca",
                "clear_text",
                "timeout_seconds",
            ],
            Self::File => &["path", "rotate_bytes", "keep"],
        }
    }
}

impl FromStr for OutputKind {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let found = Self::ALL.iter().copied().find(|k| k.as_str() == text);
        found.ok_or(())
    }
}

/// Where an output starts that has never run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begin {
    /// With what comes from now on.
    Now,
    /// With the first entry of the journal.
    Start,
}

/// What an output gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wants {
    pub min_severity: Severity,
    pub kinds: BTreeSet<Kind>,
    /// Empty means all.
    pub tenants: BTreeSet<TenantId>,
    pub max_tlp: Tlp,
    pub exercises: Exercises,
}

/// Whether an output gets what an exercise plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exercises {
    /// No: a real SIEM pages real people.
    Hold,
    /// Yes, marked.
    Send,
}

/// What a filter says of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sift {
    /// Send it.
    Send,
    /// Of a kind, severity or tenant that is not wanted.
    Unwanted,
    /// Its label is above what the output may have.
    AboveTlp,
    /// An exercise plays it.
    Staged,
}

impl Wants {
    /// Whether a message is to be sent. What must not leave is named first.
    pub(crate) fn sift(&self, message: &Message) -> Sift {
        if matches!(message.reality, Reality::Exercise(_)) && self.exercises == Exercises::Hold {
            return Sift::Staged;
        }
        let tenants = message.tenants();
        // An incident that spans tenants goes only where all of them may be seen.
        let theirs = self.tenants.is_empty() || tenants.iter().all(|t| self.tenants.contains(*t));
        if !self.kinds.contains(&message.kind())
            || message.severity() < self.min_severity
            || !theirs
        {
            return Sift::Unwanted;
        }
        if message.tlp().may_go_to(self.max_tlp) {
            Sift::Send
        } else {
            Sift::AboveTlp
        }
    }
}

/// Outputs as `config show` and the console show them; secrets are not in it.
pub(super) fn shown(outputs: &[Arc<OutputSettings>]) -> Value {
    let one = |o: &Arc<OutputSettings>| {
        let wants = BTreeMap::from([
            ("min_severity", json!(o.wants.min_severity)),
            ("kinds", o.wants.kinds.iter().map(|k| k.as_str()).collect()),
            ("tenants", json!(o.wants.tenants)),
            ("max_tlp", json!(o.wants.max_tlp)),
            ("exercises", json!(o.wants.exercises == Exercises::Send)),
        ]);
        let mut value = json!({
            "name": o.name, "kind": o.kind.as_str(), "to": o.to.shown(), "format": o.format.as_str(),
            "batch": o.batch, "batch_bytes": o.batch_bytes,
        });
        if let Some(object) = value.as_object_mut() {
            object.extend(wants.into_iter().map(|(k, v)| (k.to_owned(), v)));
        }
        value
    };
    outputs.iter().map(one).collect()
}
