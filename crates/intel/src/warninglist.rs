//! MISP warninglists: values that are widely used and therefore poor indicators.

use std::{collections::HashSet, net::IpAddr};

use ipnet::IpNet;
use watchfloor_types::{Diagnostic, Indicator, IndicatorKind};

use crate::{
    json::{Input, Object, note, quote},
    normal,
};

/// Lists of values that are no evidence of anything: private networks, public resolvers,
/// shared hosts, hashes of empty files.
#[derive(Debug, Clone, Default)]
pub struct Warninglists(Vec<List>);

#[derive(Debug, Clone)]
struct List {
    name: String,
    /// Kinds that the list speaks about; none means all.
    kinds: Option<Vec<IndicatorKind>>,
    entries: Entries,
}

#[derive(Debug, Clone)]
enum Entries {
    /// The value itself.
    Exact(HashSet<String>),
    /// Anywhere in the value.
    Substring(Vec<String>),
    /// The host of the value, or a domain above it.
    Hostname(HashSet<String>),
    /// The address or network lies inside.
    Network(Vec<IpNet>),
}

impl Warninglists {
    /// Reads lists as MISP publishes them, each given as its name (for places) and its text.
    /// A list that cannot be read is left out and has a diagnostic.
    #[must_use]
    pub fn load<'a>(
        texts: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> (Self, Vec<Diagnostic>) {
        let mut lists = Vec::new();
        let mut diagnostics = Vec::new();
        for (origin, text) in texts {
            let mut input = Input::new(text, origin);
            lists.extend(read(&mut input));
            diagnostics.extend(input.finish());
        }
        (Self(lists), diagnostics)
    }

    /// The name of the first list that holds the value of `indicator`.
    #[must_use]
    pub fn find(&self, indicator: &Indicator) -> Option<&str> {
        self.0
            .iter()
            .find(|list| {
                list.kinds
                    .as_ref()
                    .is_none_or(|kinds| kinds.contains(&indicator.kind))
                    && list.entries.hold(indicator)
            })
            .map(|list| list.name.as_str())
    }

    /// Parts `indicators` into those to match and those on a list, which are worth a remark
    /// but not an alert. Each of the latter has a diagnostic (I014).
    #[must_use]
    pub fn part(
        &self,
        indicators: Vec<Indicator>,
    ) -> (Vec<Indicator>, Vec<Indicator>, Vec<Diagnostic>) {
        let mut kept = Vec::with_capacity(indicators.len());
        let mut listed = Vec::new();
        let mut diagnostics = Vec::new();
        for indicator in indicators {
            match self.find(&indicator) {
                None => kept.push(indicator),
                Some(list) => {
                    diagnostics.push(note(
                        "I014",
                        format!(
                            "`{}` of `{}` is not matched: it is on the warninglist `{}`",
                            quote(&indicator.value),
                            quote(&indicator.id),
                            quote(list)
                        ),
                    ));
                    listed.push(indicator);
                }
            }
        }
        (kept, listed, diagnostics)
    }
}

impl Entries {
    fn hold(&self, indicator: &Indicator) -> bool {
        let value = indicator.value.as_str();
        match self {
            Self::Exact(set) => set.contains(value),
            Self::Substring(parts) => parts.iter().any(|part| value.contains(part.as_str())),
            Self::Hostname(set) => {
                let host = match indicator.kind {
                    IndicatorKind::Domain => Some(value.to_owned()),
                    IndicatorKind::Url => normal::host_of(value).map(|n| n.value),
                    IndicatorKind::Email => value.rsplit_once('@').map(|(_, host)| host.to_owned()),
                    IndicatorKind::Ipv4
                    | IndicatorKind::Ipv6
                    | IndicatorKind::Cidr
                    | IndicatorKind::Md5
                    | IndicatorKind::Sha1
                    | IndicatorKind::Sha256 => None,
                };
                host.is_some_and(|host| normal::and_above(&host).any(|name| set.contains(name)))
            }
            Self::Network(nets) => {
                let net = value
                    .parse::<IpNet>()
                    .or_else(|_| value.parse::<IpAddr>().map(IpNet::from));
                net.is_ok_and(|net| nets.iter().any(|outer| outer.contains(&net)))
            }
        }
    }
}

fn read(input: &mut Input<'_>) -> Option<List> {
    let root = input.parse()?;
    let object = Object::read(root).filter(|o| o.get("list").is_some());
    let Some(object) = object else {
        input.say(
            Diagnostic::error("I017", "text is not a MISP warninglist")
                .help("a warninglist is `{\"name\": …, \"type\": …, \"list\": […]}`"),
            Some(root),
        );
        return None;
    };
    let values = object.texts("list");
    let lower = || values.iter().map(|v| v.trim().to_lowercase());
    let kind = object.text("type").unwrap_or_else(|| "string".to_owned());
    let entries = match kind.as_str() {
        "string" => Entries::Exact(lower().collect()),
        "substring" => Entries::Substring(lower().filter(|v| !v.is_empty()).collect()),
        "hostname" => Entries::Hostname(
            lower()
                .map(|v| v.trim_matches('.').to_owned())
                .filter(|v| !v.is_empty())
                .collect(),
        ),
        "cidr" => Entries::Network(
            lower()
                .filter_map(|v| {
                    v.parse::<IpNet>()
                        .or_else(|_| v.parse::<IpAddr>().map(IpNet::from))
                        .ok()
                })
                .collect(),
        ),
        other => {
            input.say(
                Diagnostic::warning(
                    "I017",
                    format!(
                        "warninglist type `{}` is not supported, list left out",
                        quote(other)
                    ),
                )
                .help("types are string, substring, hostname and cidr"),
                object.get("type"),
            );
            return None;
        }
    };
    Some(List {
        name: object
            .text("name")
            .unwrap_or_else(|| input.origin().to_owned()),
        kinds: object
            .get("matching_attributes")
            .map(|_| kinds(&object.texts("matching_attributes"))),
        entries,
    })
}

/// Kinds of indicators that attributes of these MISP types become.
fn kinds(types: &[String]) -> Vec<IndicatorKind> {
    let mut out = Vec::new();
    for part in types.iter().flat_map(|t| t.split('|')) {
        let more: &[IndicatorKind] = match part {
            "ip" | "ip-src" | "ip-dst" => &[
                IndicatorKind::Ipv4,
                IndicatorKind::Ipv6,
                IndicatorKind::Cidr,
            ],
            "domain" | "hostname" => &[IndicatorKind::Domain],
            "url" | "uri" | "link" => &[IndicatorKind::Url],
            "md5" => &[IndicatorKind::Md5],
            "sha1" => &[IndicatorKind::Sha1],
            "sha256" => &[IndicatorKind::Sha256],
            part if part.starts_with("email") || part == "target-email" => &[IndicatorKind::Email],
            _ => &[],
        };
        out.extend(more);
    }
    out
}
