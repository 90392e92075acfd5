//! Looking up what events show among the indicators.

use std::{
    collections::HashMap,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    net::IpAddr,
};

use hashbrown::HashTable;
use ipnet::IpNet;
use watchfloor_types::{Event, Indicator, IndicatorKind, IndicatorMatch};

use crate::{
    extract::extract,
    normal::{self, Normal},
};

/// Matches of one event beyond these are not reported.
const MAX_MATCHES: usize = 256;
/// Bytes of a value that are kept in a match.
const MAX_VALUE: usize = 1_024;

/// Keys are hashed with fixed seeds: nothing here is random.
type Hasher = BuildHasherDefault<DefaultHasher>;

/// Whether a domain indicator also matches the names below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Subdomains {
    /// Only the name itself.
    #[default]
    Ignore,
    /// Also `a.evil.example` where the indicator says `evil.example`.
    Match,
}

/// Indicators, ready to be looked up. Immutable: build a new one when they change.
#[derive(Debug, Default)]
pub struct Matcher {
    /// Sorted by kind and value: those of one value stand together.
    indicators: Vec<Indicator>,
    /// Index of the first indicator of each kind and value.
    table: HashTable<u32>,
    /// First and number of the indicators of each network, by length and first address.
    nets: HashMap<(bool, u8, u128), u32, Hasher>,
    /// Lengths that occur, by family, longest first.
    lengths_v4: Vec<u8>,
    lengths_v6: Vec<u8>,
    subdomains: Subdomains,
    hasher: Hasher,
}

impl Matcher {
    /// Builds a matcher where a domain matches itself only. At most 2^32 - 1 indicators are
    /// taken; those of the same id, kind and value once.
    #[must_use]
    pub fn build(indicators: Vec<Indicator>) -> Self {
        Self::build_with(indicators, Subdomains::Ignore)
    }

    /// Builds a matcher and says what a domain matches.
    #[must_use]
    pub fn build_with(mut indicators: Vec<Indicator>, subdomains: Subdomains) -> Self {
        indicators.truncate(u32::MAX as usize - 1);
        indicators.sort_by(|a, b| {
            (a.kind, &a.value, &a.id, &a.origin).cmp(&(b.kind, &b.value, &b.id, &b.origin))
        });
        indicators.dedup_by(|a, b| {
            (a.kind, &a.value, &a.id, &a.origin) == (b.kind, &b.value, &b.id, &b.origin)
        });
        let hasher = Hasher::default();
        let mut table = HashTable::with_capacity(indicators.len());
        let mut nets = HashMap::default();
        let mut lengths_v4 = Vec::new();
        let mut lengths_v6 = Vec::new();
        let mut before: Option<(IndicatorKind, &str)> = None;
        for (i, indicator) in indicators.iter().enumerate() {
            let key = (indicator.kind, indicator.value.as_str());
            if before.replace(key) == Some(key) {
                continue;
            }
            let i = i as u32;
            if indicator.kind == IndicatorKind::Cidr {
                // A value that is no network can never match.
                let Ok(net) = indicator.value.parse::<IpNet>() else {
                    continue;
                };
                let (v6, first) = bits(net.network());
                nets.insert((v6, net.prefix_len(), first), i);
                if v6 { &mut lengths_v6 } else { &mut lengths_v4 }.push(net.prefix_len());
            } else {
                table.insert_unique(hasher.hash_one(key), i, |other: &u32| {
                    indicators
                        .get(*other as usize)
                        .map_or(0, |o| hasher.hash_one((o.kind, o.value.as_str())))
                });
            }
        }
        for lengths in [&mut lengths_v4, &mut lengths_v6] {
            lengths.sort_unstable_by(|a, b| b.cmp(a));
            lengths.dedup();
        }
        Self {
            indicators,
            table,
            nets,
            lengths_v4,
            lengths_v6,
            subdomains,
            hasher,
        }
    }

    /// How many indicators it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.indicators.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.indicators.is_empty()
    }

    /// Adds to `out` every indicator that held when the event happened and whose value stands
    /// in it: in the fields of `ADDRESS_FIELDS`, `DOMAIN_FIELDS`, `URL_FIELDS`, `HASH_FIELDS`,
    /// `EMAIL_FIELDS`, or within the first 256 KiB of the text of `TEXT_FIELDS`. One indicator
    /// is reported once per field, at most 256 in all.
    pub fn match_event(&self, event: &Event, out: &mut Vec<IndicatorMatch>) {
        if self.indicators.is_empty() {
            return;
        }
        let start = out.len();
        extract(event, |field, shown, normal| {
            self.look_up(normal, &mut |indicator| {
                let seen = out.get(start..).unwrap_or_default();
                if seen.len() >= MAX_MATCHES
                    || !indicator.is_valid_at(event.time)
                    || seen
                        .iter()
                        .any(|m| m.field == field && m.indicator == *indicator)
                {
                    return;
                }
                out.push(IndicatorMatch {
                    indicator: indicator.clone(),
                    event: event.id,
                    field: field.to_owned(),
                    value: cut(shown),
                    time: event.time,
                });
            });
        });
    }

    fn look_up(&self, normal: &Normal, hit: &mut dyn FnMut(&Indicator)) {
        self.exact(normal.kind, &normal.value, hit);
        match normal.kind {
            IndicatorKind::Ipv4 | IndicatorKind::Ipv6 => self.networks(&normal.value, hit),
            IndicatorKind::Domain if self.subdomains == Subdomains::Match => {
                for name in normal::and_above(&normal.value).skip(1) {
                    self.exact(IndicatorKind::Domain, name, hit);
                }
            }
            IndicatorKind::Domain
            | IndicatorKind::Cidr
            | IndicatorKind::Url
            | IndicatorKind::Md5
            | IndicatorKind::Sha1
            | IndicatorKind::Sha256
            | IndicatorKind::Email => {}
        }
    }

    fn exact(&self, kind: IndicatorKind, value: &str, hit: &mut dyn FnMut(&Indicator)) {
        let found = self.table.find(self.hasher.hash_one((kind, value)), |i| {
            self.indicators
                .get(*i as usize)
                .is_some_and(|o| o.kind == kind && o.value == value)
        });
        if let Some(first) = found {
            self.all_from(*first, hit);
        }
    }

    fn networks(&self, address: &str, hit: &mut dyn FnMut(&Indicator)) {
        let Ok(address) = address.parse::<IpAddr>() else {
            return;
        };
        let (v6, whole) = bits(address);
        let (lengths, width) = if v6 {
            (&self.lengths_v6, 128)
        } else {
            (&self.lengths_v4, 32)
        };
        for length in lengths {
            let host_bits = width - u32::from(*length);
            let first = whole
                .checked_shr(host_bits)
                .unwrap_or(0)
                .checked_shl(host_bits)
                .unwrap_or(0);
            if let Some(found) = self.nets.get(&(v6, *length, first)) {
                self.all_from(*found, hit);
            }
        }
    }

    /// The indicators that share the value of the one at `first`.
    fn all_from(&self, first: u32, hit: &mut dyn FnMut(&Indicator)) {
        let rest = self.indicators.get(first as usize..).unwrap_or_default();
        let Some(head) = rest.first() else {
            return;
        };
        rest.iter()
            .take_while(|o| o.kind == head.kind && o.value == head.value)
            .for_each(hit);
    }
}

/// Family and number of an address.
fn bits(address: IpAddr) -> (bool, u128) {
    match address {
        IpAddr::V4(v4) => (false, u128::from(v4.to_bits())),
        IpAddr::V6(v6) => (true, v6.to_bits()),
    }
}

fn cut(text: &str) -> String {
    let mut end = text.len().min(MAX_VALUE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}
