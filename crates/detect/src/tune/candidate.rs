//! Predicates that hold for every false positive, and how far each can be trusted.

use std::{collections::BTreeMap, net::IpAddr};

use super::{
    Refused, Trust,
    feature::{Features, Seen},
    trust::{is_free_text, is_proof, is_volatile, trust},
};
use crate::op::How;

/// How wide a predicate is: whole values are the narrowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Width {
    Whole,
    Part,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) field: String,
    /// Of Sigma, without `|`.
    pub(super) modifier: Option<&'static str>,
    pub(super) values: Vec<String>,
    /// Whether every value is a number.
    pub(super) numbers: bool,
    pub(super) trust: Trust,
    pub(super) width: Width,
    pub(super) reason: String,
    /// Which of the true positives and samples have it.
    pub(super) good: Vec<bool>,
}

impl Candidate {
    pub(super) fn key(&self) -> String {
        match self.modifier {
            None => self.field.clone(),
            Some(modifier) => format!("{}|{modifier}", self.field),
        }
    }
    /// Whether it says more than that the event is of this log: by its kind, or because a true positive lacks it.
    pub(super) fn is_specific(&self) -> bool {
        match self.trust {
            Trust::Proof | Trust::Identity | Trust::Place | Trust::Network => true,
            Trust::Other => self.good.contains(&false),
            Trust::Weak => false,
        }
    }
    fn holds(&self, seen: &[Seen]) -> bool {
        seen.iter().any(|s| {
            self.values.iter().any(|value| {
                let value = crate::fold::folded(value);
                match self.modifier {
                    None => s.folded == value,
                    Some("startswith") => How::StartsWith.holds(&s.folded, &value),
                    Some("endswith") => How::EndsWith.holds(&s.folded, &value),
                    Some("cidr") => match (s.text.parse::<IpAddr>(), value.parse::<ipnet::IpNet>())
                    {
                        (Ok(address), Ok(net)) => net.contains(&address),
                        _ => false,
                    },
                    Some(_) => How::Contains.holds(&s.folded, &value),
                }
            })
        })
    }
}

/// Most whole values of one predicate; with more the list is chance.
const MAX_VALUES: usize = 8;
/// Shortest common beginning or end, characters.
const MIN_PART: usize = 8;

/// The candidates, safest first, and what was common but is not used.
pub(super) fn candidates(
    bad: &[Features],
    good: &[Features],
    demanded: &[String],
) -> (Vec<Candidate>, Vec<Refused>) {
    let mut out = Vec::new();
    let mut refused = Vec::new();
    let Some((first, rest)) = bad.split_first() else {
        return (out, refused);
    };
    for field in first.0.keys() {
        let values: Option<Vec<&Seen>> = std::iter::once(first)
            .chain(rest)
            .map(|f| match f.0.get(field).map(Vec::as_slice) {
                // A list may be added to; only single values are properties.
                Some([one]) => Some(one),
                _ => None,
            })
            .collect();
        let Some(values) = values else { continue };
        match judge(field, &values, demanded) {
            Ok(mut candidate) => {
                candidate.good = good
                    .iter()
                    .map(|g| g.0.get(field).is_some_and(|s| candidate.holds(s)))
                    .collect();
                out.push(candidate);
            }
            Err(Some(reason)) => refused.push(Refused {
                field: field.clone(),
                reason,
            }),
            Err(None) => {}
        }
    }
    out.sort_by_key(|c| (c.trust, c.width, c.values.len(), c.field.clone()));
    (out, refused)
}

/// The predicate of one field, or why not; nothing where the values just differ.
fn judge(field: &str, values: &[&Seen], demanded: &[String]) -> Result<Candidate, Option<String>> {
    let name = field.to_ascii_lowercase();
    let mut distinct: BTreeMap<&str, &Seen> = BTreeMap::new();
    for seen in values {
        distinct.entry(&seen.folded).or_insert(seen);
    }
    let usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
    if !field.chars().all(usual) {
        return Err(None);
    }
    let same = distinct.len() == 1;
    if is_volatile(&name, values) {
        return Err(same
            .then(|| "changes from event to event, so it would soon silence nothing".to_owned()));
    }
    if is_free_text(&name, values) {
        return Err(same.then(|| "free text: an attacker can write the same".to_owned()));
    }
    let asks_program = demanded.iter().any(|d| {
        let d = d.to_ascii_lowercase();
        [
            "image",
            "originalfilename",
            "process.name",
            "process.executable",
            "commandline",
            "command_line",
        ]
        .contains(&d.as_str())
    });
    if is_proof(&name) && asks_program && !name.contains("parent") {
        let reason =
            "says which program it is, and the rule is about what that program does".to_owned();
        return Err(same.then_some(reason));
    }
    let trust = trust(&name, values);
    let numbers = distinct.values().all(|s| s.number);
    let make = |modifier, values: Vec<String>, width, reason: String| Candidate {
        field: field.to_owned(),
        modifier,
        values,
        numbers,
        trust,
        width,
        reason,
        good: Vec::new(),
    };
    if same || distinct.len() <= MAX_VALUES && values.len() >= distinct.len() * 2 {
        if demanded.iter().any(|d| d.eq_ignore_ascii_case(field)) && same && trust > Trust::Place {
            return Err(Some("the rule asks for it itself".to_owned()));
        }
        let reason = if same {
            format!("the same in all {}", values.len())
        } else {
            format!(
                "{} values, each seen more than once on average",
                distinct.len()
            )
        };
        let texts = distinct.values().map(|s| s.text.clone()).collect();
        return Ok(make(None, texts, Width::Whole, reason));
    }
    if let Some(net) = common_network(values) {
        let reason = format!(
            "{} addresses of one network; wider than the addresses seen, because more of the same follow",
            distinct.len()
        );
        return Ok(make(Some("cidr"), vec![net], Width::Part, reason));
    }
    if matches!(trust, Trust::Weak) {
        return Err(None);
    }
    let texts: Vec<&str> = values.iter().map(|s| s.text.as_str()).collect();
    if let Some(text) = common_start(&texts) {
        let reason = format!(
            "{} values with one beginning, up to a separator; what follows differs each time",
            distinct.len()
        );
        return Ok(make(Some("startswith"), vec![text], Width::Part, reason));
    }
    if let Some(text) = common_end(&texts) {
        // The end of a path is a name that anybody may give a file.
        if trust == Trust::Place {
            return Err(Some(
                "only the names agree, not the folders: anybody may call a file so".to_owned(),
            ));
        }
        let reason = format!(
            "{} values with one end, from a separator on; what stands before differs each time",
            distinct.len()
        );
        return Ok(make(Some("endswith"), vec![text], Width::Part, reason));
    }
    Err(None)
}

/// The network of all values: a /24 or a /64 with at least three addresses.
fn common_network(values: &[&Seen]) -> Option<String> {
    let mut distinct: Vec<IpAddr> = values
        .iter()
        .map(|s| s.text.parse().ok())
        .collect::<Option<_>>()?;
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < 3 {
        return None;
    }
    let first = *distinct.first()?;
    let prefix = if first.is_ipv4() { 24 } else { 64 };
    let net = ipnet::IpNet::new(first, prefix).ok()?.trunc();
    distinct
        .iter()
        .all(|a| net.contains(a))
        .then(|| net.to_string())
}

fn is_separator(c: char) -> bool {
    matches!(c, '\\' | '/' | '.' | '-' | '_' | ':' | '@' | ' ')
}

fn common_start(texts: &[&str]) -> Option<String> {
    let (first, rest) = texts.split_first()?;
    let mut length = first.len();
    for text in rest {
        let same = first
            .char_indices()
            .zip(text.chars())
            .take_while(|((_, a), b)| a.to_lowercase().eq(b.to_lowercase()))
            .last()
            .map_or(0, |((at, c), _)| at + c.len_utf8());
        length = length.min(same);
    }
    let common = first.get(..length)?;
    let stop = common.rfind(is_separator)?;
    let text = common.get(..=stop)?;
    let specific = text.chars().count() >= MIN_PART && text.matches(['\\', '/']).count() != 1;
    specific.then(|| text.to_owned())
}

fn common_end(texts: &[&str]) -> Option<String> {
    let (first, rest) = texts.split_first()?;
    let mut length = first.len();
    for text in rest {
        let same: usize = first
            .chars()
            .rev()
            .zip(text.chars().rev())
            .take_while(|(a, b)| a.to_lowercase().eq(b.to_lowercase()))
            .map(|(a, _)| a.len_utf8())
            .sum();
        length = length.min(same);
    }
    let common = first.get(first.len() - length..)?;
    let start = common.find(is_separator)?;
    let text = common.get(start..)?;
    (text.chars().count() >= MIN_PART).then(|| text.to_owned())
}
