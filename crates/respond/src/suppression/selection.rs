//! What a suppression hides, written as a Sigma selection and judged on a finding.
//!
//! A finding is small and kept, so what a selection would have hidden can be said exactly, for the
//! past as for the future. Fields are the finding's entities by their canonical names, the fields
//! that matched by the names that the rule uses, and `tenant`, `source`, `severity`, `rule.id`.

use std::{collections::BTreeMap, net::IpAddr, str::FromStr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use watchfloor_types::Finding;

use crate::entity;

/// Most conditions.
const MAX_CONDITIONS: usize = 16;
/// Most values of one condition.
const MAX_VALUES: usize = 100;
/// Longest value in bytes.
const MAX_VALUE: usize = 1_024;

/// Conditions on a finding, all of which have to hold. Within one condition one value is enough,
/// unless `all` is said (Sigma 2.1, "Detection"). A field that the finding lacks holds nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "BTreeMap<String, Vec<String>>")]
pub struct Selection {
    raw: BTreeMap<String, Vec<String>>,
    conditions: Vec<Condition>,
}

impl PartialEq for Selection {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

#[derive(Debug, Clone)]
struct Condition {
    field: String,
    every: bool,
    tests: Vec<Test>,
}

#[derive(Debug, Clone)]
enum Test {
    Text { pattern: Vec<Part>, cased: bool },
    Network(IpNet),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Char(char),
    One,
    Any,
}

/// Why text is not a selection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SelectionError(String);

impl Selection {
    /// The conditions as written: `field|modifier` and its values.
    #[must_use]
    pub fn conditions(&self) -> &BTreeMap<String, Vec<String>> {
        &self.raw
    }

    /// Reads conditions written as `field|modifier` and values.
    pub fn new(raw: BTreeMap<String, Vec<String>>) -> Result<Self, SelectionError> {
        if raw.is_empty() {
            return Err(SelectionError(
                "a suppression needs at least one condition; to silence a rule as a whole, put it at stage testing"
                    .to_owned(),
            ));
        }
        if raw.len() > MAX_CONDITIONS {
            return Err(SelectionError(format!(
                "more than {MAX_CONDITIONS} conditions"
            )));
        }
        let conditions = raw
            .iter()
            .map(|(key, values)| condition(key, values))
            .collect::<Result<_, _>>()?;
        Ok(Self { raw, conditions })
    }

    /// Whether every condition holds for `finding`.
    #[must_use]
    pub fn holds(&self, finding: &Finding) -> bool {
        self.conditions.iter().all(|c| c.holds(finding))
    }
}

impl Condition {
    fn holds(&self, finding: &Finding) -> bool {
        let values = values(finding, &self.field);
        let held = |test: &Test| values.iter().any(|v| test.holds(v));
        if self.every {
            self.tests.iter().all(held)
        } else {
            self.tests.iter().any(held)
        }
    }
}

impl Test {
    fn holds(&self, value: &str) -> bool {
        match self {
            Self::Text { pattern, cased } => {
                let text: Vec<char> = if *cased {
                    value.chars().collect()
                } else {
                    value.chars().flat_map(char::to_lowercase).collect()
                };
                glob(pattern, &text)
            }
            Self::Network(net) => value
                .trim()
                .parse::<IpAddr>()
                .is_ok_and(|address| net.contains(&address)),
        }
    }
}

fn values(finding: &Finding, field: &str) -> Vec<String> {
    match field {
        "tenant" => vec![finding.tenant.to_string()],
        "source" => vec![finding.source.to_string()],
        "severity" => vec![finding.severity.to_string()],
        "rule.id" => vec![finding.rule.id.to_string()],
        _ => entity::values(finding, field),
    }
}

fn condition(key: &str, values: &[String]) -> Result<Condition, SelectionError> {
    let wrong = |text: String| Err(SelectionError(format!("`{}`: {text}", short(key))));
    let mut words = key.split('|');
    let field = words.next().unwrap_or_default().trim();
    if field.is_empty() || field.len() > 200 {
        return wrong("name a field of the finding, such as user.name or source.ip|cidr".into());
    }
    if values.is_empty() || values.len() > MAX_VALUES {
        return wrong(format!("a condition has 1 to {MAX_VALUES} values"));
    }
    let (mut place, mut every, mut cased) = (None, false, false);
    for word in words {
        match word.trim() {
            "all" => every = true,
            "cased" => cased = true,
            word @ ("contains" | "startswith" | "endswith" | "cidr") if place.is_none() => {
                place = Some(word);
            }
            other => {
                return wrong(format!(
                    "`{}` is not possible here; contains, startswith, endswith, cidr, all, cased are",
                    short(other)
                ));
            }
        }
    }
    let mut tests = Vec::new();
    for value in values {
        if value.is_empty() || value.len() > MAX_VALUE {
            return wrong(format!("a value has 1 to {MAX_VALUE} bytes"));
        }
        tests.push(if place == Some("cidr") {
            match IpNet::from_str(value).or_else(|_| value.parse::<IpAddr>().map(IpNet::from)) {
                Ok(net) => Test::Network(net),
                Err(_) => {
                    return wrong(format!(
                        "`{}` is not a network such as 10.0.0.0/8",
                        short(value)
                    ));
                }
            }
        } else {
            let mut pattern = Vec::new();
            if matches!(place, Some("contains" | "endswith")) {
                pattern.push(Part::Any);
            }
            pattern.extend(parts(value, cased));
            if matches!(place, Some("contains" | "startswith")) {
                pattern.push(Part::Any);
            }
            if pattern.iter().all(|p| *p == Part::Any) {
                return wrong("this value matches everything".into());
            }
            Test::Text { pattern, cased }
        });
    }
    Ok(Condition {
        field: field.to_owned(),
        every,
        tests,
    })
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

/// Wildcards and escapes as in Sigma 2.1, "Escaping": `\` means itself unless it stands before
/// `*`, `?` or another `\`.
fn parts(value: &str, cased: bool) -> Vec<Part> {
    let mut out = Vec::new();
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' => out.push(Part::Any),
            '?' => out.push(Part::One),
            '\\' => match chars.next_if(|next| matches!(next, '*' | '?' | '\\')) {
                Some(next) => out.push(Part::Char(next)),
                None => out.push(Part::Char('\\')),
            },
            c if cased => out.push(Part::Char(c)),
            c => out.extend(c.to_lowercase().map(Part::Char)),
        }
    }
    out
}

/// `value` so that a selection reads it as itself.
#[must_use]
pub fn literal(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        let special = |c: &char| matches!(c, '*' | '?' | '\\');
        if matches!(c, '*' | '?') || (c == '\\' && chars.peek().is_some_and(special)) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Whether the pattern covers the whole text. Goes back to the last `*` only.
fn glob(pattern: &[Part], text: &[char]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while let Some(c) = text.get(t) {
        match pattern.get(p) {
            Some(Part::Any) => {
                back = Some((p + 1, t));
                p += 1;
            }
            Some(Part::One) => (p, t) = (p + 1, t + 1),
            Some(Part::Char(wanted)) if wanted == c => (p, t) = (p + 1, t + 1),
            Some(Part::Char(_)) | None => match back {
                Some((after, at)) => {
                    (p, t) = (after, at + 1);
                    back = Some((after, at + 1));
                }
                None => return false,
            },
        }
    }
    pattern
        .get(p..)
        .is_some_and(|rest| rest.iter().all(|part| *part == Part::Any))
}

/// One condition per line, `field|modifier: value`; a key that comes twice has several values.
impl FromStr for Selection {
    type Err = SelectionError;
    fn from_str(text: &str) -> Result<Self, SelectionError> {
        let mut raw: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in text.lines().map(str::trim).filter(|l| !l.is_empty()) {
            let Some((key, value)) = line.split_once(':') else {
                return Err(SelectionError(format!(
                    "`{}`: write field|modifier: value",
                    short(line)
                )));
            };
            raw.entry(key.trim().to_owned())
                .or_default()
                .push(value.trim().to_owned());
        }
        Self::new(raw)
    }
}

/// One condition a line, as it is read.
impl std::fmt::Display for Selection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines: Vec<String> = self
            .raw
            .iter()
            .flat_map(|(key, values)| values.iter().map(move |v| format!("{key}: {v}")))
            .collect();
        f.write_str(&lines.join("\n"))
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Wire {
    Lines(String),
    Map(BTreeMap<String, Values>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    One(Scalar),
    Many(Vec<Scalar>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Text(String),
    Bool(bool),
    Int(i64),
    Float(f64),
}

impl From<Scalar> for String {
    fn from(scalar: Scalar) -> Self {
        match scalar {
            Scalar::Text(text) => text,
            Scalar::Bool(b) => b.to_string(),
            Scalar::Int(n) => n.to_string(),
            Scalar::Float(n) => n.to_string(),
        }
    }
}

impl TryFrom<Wire> for Selection {
    type Error = SelectionError;
    fn try_from(wire: Wire) -> Result<Self, SelectionError> {
        match wire {
            Wire::Lines(text) => text.parse(),
            Wire::Map(map) => Self::new(
                map.into_iter()
                    .map(|(key, values)| {
                        let values = match values {
                            Values::One(one) => vec![one.into()],
                            Values::Many(many) => many.into_iter().map(String::from).collect(),
                        };
                        (key, values)
                    })
                    .collect(),
            ),
        }
    }
}

impl From<Selection> for BTreeMap<String, Vec<String>> {
    fn from(selection: Selection) -> Self {
        selection.raw
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(pattern: &str, text: &str) -> bool {
        let text: Vec<char> = text.to_lowercase().chars().collect();
        glob(&parts(pattern, false), &text)
    }

    #[test]
    fn wildcards_and_escapes_are_those_of_sigma() {
        for (pattern, text, held) in [
            ("svc-*", "SVC-backup", true),
            ("svc-*", "a-svc-backup", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            (r"a\*", "a*", true),
            (r"a\*", "ab", false),
            (r"C:\Windows\*.exe", r"c:\windows\cmd.exe", false),
            (r"C:\Windows*.exe", r"c:\windows\cmd.exe", true),
            (r"C:\Windows\\*.exe", r"c:\windows\cmd.exe", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "xxaxxbxx", false),
            ("", "", true),
        ] {
            assert_eq!(check(pattern, text), held, "{pattern} on {text}");
        }
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        for (text, part) in [
            ("", "at least one condition"),
            ("user.name", "field|modifier: value"),
            ("user.name|re: a.*", "is not possible here"),
            ("source.ip|cidr: ten", "not a network"),
            ("user.name: *", "matches everything"),
            (": x", "name a field"),
            ("user.name:", "1 to 1024 bytes"),
        ] {
            let said = text.parse::<Selection>().unwrap_err().to_string();
            assert!(said.contains(part), "{text}: {said}");
        }
        let many: String = (0..17).map(|n| format!("f{n}: x\n")).collect();
        assert!(many.parse::<Selection>().is_err());
    }

    #[test]
    fn json_and_lines_are_the_same() {
        let lines: Selection = "source.ip|cidr: 10.0.0.0/8\nuser.name: a\nuser.name: b"
            .parse()
            .unwrap();
        let json: Selection =
            serde_json::from_str(r#"{"user.name": ["a", "b"], "source.ip|cidr": "10.0.0.0/8"}"#)
                .unwrap();
        assert_eq!(lines, json);
        assert_eq!(lines.to_string().parse::<Selection>().unwrap(), lines);
        let back: Selection =
            serde_json::from_value(serde_json::to_value(&lines).unwrap()).unwrap();
        assert_eq!(back, lines);
    }

    proptest! {
        #[test]
        fn a_literal_matches_itself(text in r"[a-z*?\\ ]{1,20}") {
            prop_assert!(check(&literal(&text), &text));
        }

        #[test]
        fn globs_equal_a_slow_reference(pattern in r"[ab*?]{0,8}", text in "[ab]{0,10}") {
            fn slow(p: &[Part], t: &[char]) -> bool {
                match p.split_first() {
                    None => t.is_empty(),
                    Some((Part::Any, rest)) => (0..=t.len()).any(|n| slow(rest, &t[n..])),
                    Some((Part::One, rest)) => t.split_first().is_some_and(|(_, t)| slow(rest, t)),
                    Some((Part::Char(c), rest)) => t.split_first().is_some_and(|(x, t)| x == c && slow(rest, t)),
                }
            }
            let p = parts(&pattern, false);
            let t: Vec<char> = text.chars().collect();
            prop_assert_eq!(glob(&p, &t), slow(&p, &t));
        }
    }
}
