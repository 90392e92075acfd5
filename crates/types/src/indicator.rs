//! Indicators: patterns that, if seen, suggest malicious activity.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{EventId, Tlp, severity::words};

words! {
    /// What kind of value an indicator holds.
    IndicatorKind, ParseIndicatorKindError, "an indicator kind", {
        /// One IPv4 address.
        Ipv4 = "ipv4",
        /// One IPv6 address.
        Ipv6 = "ipv6",
        /// A network in CIDR notation.
        Cidr = "cidr",
        /// A domain name; matches the name itself.
        Domain = "domain",
        /// A URL, normalised.
        Url = "url",
        /// MD5, lower-case hex.
        Md5 = "md5",
        /// SHA-1, lower-case hex.
        Sha1 = "sha1",
        /// SHA-256, lower-case hex.
        Sha256 = "sha256",
        /// An e-mail address, lower case.
        Email = "email",
    }
}

/// One indicator, ready to match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Indicator {
    /// Id of the STIX object or MISP attribute it came from.
    pub id: String,
    /// Kind of value.
    pub kind: IndicatorKind,
    /// Normalised value.
    pub value: String,
    /// Human name.
    pub name: String,
    /// Who said so: feed or file.
    pub origin: String,
    /// Valid from this time.
    pub valid_from: Timestamp,
    /// Valid until this time, exclusive; open where none.
    pub valid_until: Option<Timestamp>,
    /// 0 to 100 (STIX 2.1 `confidence`), where given.
    pub confidence: Option<u8>,
    /// How far it may be shared.
    pub tlp: Tlp,
    /// Technique ids it points to.
    pub techniques: Vec<String>,
}

impl Indicator {
    /// Whether it holds at `at`.
    #[must_use]
    pub fn is_valid_at(&self, at: Timestamp) -> bool {
        self.valid_from <= at && self.valid_until.is_none_or(|until| at < until)
    }
}

/// An indicator seen in an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndicatorMatch {
    /// The indicator.
    pub indicator: Indicator,
    /// The event.
    pub event: EventId,
    /// The field it stood in.
    pub field: String,
    /// The value as it stood there.
    pub value: String,
    /// When the event happened.
    pub time: Timestamp,
}
