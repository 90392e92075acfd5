//! Metadata of a rule (Sigma 2.1, "Components") and our own keys.

use std::{collections::BTreeMap, str::FromStr, sync::Arc};

use sha2::{Digest, Sha256};
use watchfloor_types::{FieldName, Logsource, Norm, RuleId, RunbookId, Severity, Value};

use super::{RuleMeta, Status, sample};
use crate::{
    diagnostics::{Report, code, did_you_mean, nearest},
    modifier::short,
    yaml::{Kind as NodeKind, Node},
};

/// Keys of the specification and ours.
const KNOWN: &[&str] = &[
    "title",
    "id",
    "related",
    "name",
    "taxonomy",
    "status",
    "description",
    "license",
    "author",
    "references",
    "date",
    "modified",
    "logsource",
    "detection",
    "fields",
    "falsepositives",
    "level",
    "tags",
    "scope",
    "correlation",
    "filter",
    "generate",
    "sigma-version",
    "rsigma.window",
    "rsigma.gap",
    "runbook",
    "owner",
    "tests",
];

/// Keys of the specification that nothing here reads; kept with the custom ones.
const UNREAD: &[&str] = &["related", "taxonomy", "license", "scope"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Detection,
    Correlation,
}

pub(super) fn read(
    root: &Node,
    text: &Arc<str>,
    kind: Kind,
    report: &mut Report,
) -> Option<RuleMeta> {
    let before = report.errors();
    let version = version_of(text);
    let title = title(root, report);
    let id = id(root, &version, report);
    let logsource = match kind {
        Kind::Correlation => Logsource::default(),
        Kind::Detection => logsource(root, report),
    };
    let tags = list(root, "tags", report);
    check_tags(root, report);
    for key in ["date", "modified"] {
        check_date(root, key, report);
    }
    let runbook = slug::<RunbookId>(root, "runbook", report);
    let samples = root
        .get("tests")
        .map(|node| sample::read(node, report))
        .unwrap_or_default();
    let meta = RuleMeta {
        id: id?,
        title: title?,
        name: one(root, "name", report),
        version,
        status: status(root, report),
        severity: severity(root, report),
        description: one(root, "description", report).unwrap_or_default(),
        author: one(root, "author", report).unwrap_or_default(),
        date: one(root, "date", report),
        modified: one(root, "modified", report),
        references: list(root, "references", report),
        falsepositives: list(root, "falsepositives", report),
        fields: list(root, "fields", report),
        techniques: techniques(&tags),
        tags,
        logsource,
        runbook,
        owner: one(root, "owner", report),
        samples,
        custom: custom(root, report),
        place: report.place(root.entry("title").map(|(k, _)| k.span).unwrap_or_default()),
        text: text.clone(),
    };
    (report.errors() == before).then_some(meta)
}

fn version_of(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest
        .iter()
        .take(8)
        .fold(String::with_capacity(16), |mut out, byte| {
            for digit in [byte >> 4, byte & 15] {
                out.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
            }
            out
        })
}

fn title(root: &Node, report: &mut Report) -> Option<String> {
    let Some((key, node)) = root.entry("title") else {
        report.error(
            code::NO_TITLE,
            root.span,
            "the rule has no title",
            "say in a few words what it finds",
        );
        return None;
    };
    let title = one(root, "title", report)?;
    if title.trim().is_empty() {
        report.error(
            code::NO_TITLE,
            key.span,
            "the title is empty",
            "say in a few words what it finds",
        );
        return None;
    }
    if title.chars().count() > 256 {
        report.warning(
            code::TITLE_TOO_LONG,
            node.span,
            "the title is longer than 256 characters",
            "move detail to `description`",
        );
    }
    Some(title)
}

fn id(root: &Node, version: &str, report: &mut Report) -> Option<RuleId> {
    let Some((key, node)) = root.entry("id") else {
        report.note(
            code::NO_ID,
            root.span,
            "the rule has no id, so one is made from its text and changes with every edit",
            "give it a random UUID",
        );
        return RuleId::from_str(&format!("rule-{version}")).ok();
    };
    let text = node.text().unwrap_or_default();
    let id = RuleId::from_str(text).ok();
    if id.is_none() {
        report.error(
            code::BAD_ID,
            if text.is_empty() { key.span } else { node.span },
            format!("`{}` is not a usable id", short(text)),
            "use a UUID, or letters, digits and - _ . : / @, at most 128",
        );
    }
    id
}

/// The parts of a logsource that select events.
const PARTS: [&str; 3] = ["product", "category", "service"];

fn logsource(root: &Node, report: &mut Report) -> Logsource {
    let mut logsource = Logsource::default();
    let Some((key, node)) = root.entry("logsource") else {
        report.error(
            code::NO_LOGSOURCE,
            root.span,
            "the rule has no logsource, so it would see every event",
            "name at least one of product, category, service",
        );
        return logsource;
    };
    let Some(entries) = node.map() else {
        report.error(
            code::WRONG_TYPE,
            if node.span.line == 0 {
                key.span
            } else {
                node.span
            },
            format!("`logsource` must be a map, not {}", node.kind_word()),
            "name at least one of product, category, service",
        );
        return logsource;
    };
    for (name, value) in entries {
        let word = name.text().unwrap_or_default();
        if !PARTS.contains(&word) {
            // Optional elements such as `definition` are allowed; a near miss is not one.
            if let Some(near) = nearest(word, PARTS) {
                report.warning(
                    code::UNKNOWN_KEY,
                    name.span,
                    format!("`{}` in logsource selects nothing", short(word)),
                    format!("did you mean `{near}`?"),
                );
            }
            continue;
        }
        let Some(text) = value.text() else {
            report.error(
                code::WRONG_TYPE,
                value.span,
                format!("`{word}` must be text, not {}", value.kind_word()),
                "",
            );
            continue;
        };
        if text.is_empty() {
            continue;
        }
        let lower = text.to_lowercase();
        if lower != text {
            report.warning(
                code::LOGSOURCE_CASE,
                value.span,
                format!(
                    "logsource values are lower case; `{}` is read as `{}`",
                    short(text),
                    short(&lower)
                ),
                "write it in lower case",
            );
        }
        let part = Some(Arc::from(lower));
        match word {
            "product" => logsource.product = part,
            "category" => logsource.category = part,
            _ => logsource.service = part,
        }
    }
    if logsource == Logsource::default() {
        report.warning(
            code::LOGSOURCE_EMPTY,
            key.span,
            "the logsource names nothing, so the rule sees every event",
            "name at least one of product, category, service",
        );
    }
    logsource
}

fn severity(root: &Node, report: &mut Report) -> Severity {
    const LEVELS: [&str; 5] = ["informational", "low", "medium", "high", "critical"];
    let Some(node) = root.get("level") else {
        return Severity::Medium;
    };
    let text = node.text().unwrap_or_default();
    match Severity::from_str(text) {
        Ok(severity) if severity != Severity::Fatal => severity,
        _ => {
            let near = did_you_mean(text, LEVELS);
            let help = if near.is_empty() {
                format!("one of {}", LEVELS.join(", "))
            } else {
                near
            };
            report.error(
                code::BAD_LEVEL,
                node.span,
                format!("`{}` is not a level", short(text)),
                help,
            );
            Severity::Medium
        }
    }
}

fn status(root: &Node, report: &mut Report) -> Option<Status> {
    let node = root.get("status")?;
    let text = node.text().unwrap_or_default();
    let found = Status::ALL
        .iter()
        .find(|(_, word)| *word == text)
        .map(|(status, _)| *status);
    if found.is_none() {
        report.warning(
            code::BAD_STATUS,
            node.span,
            format!("`{}` is not a status", short(text)),
            did_you_mean(text, Status::ALL.iter().map(|(_, word)| *word)),
        );
    }
    found
}

/// Technique ids in Sigma tags (tags appendix): `attack.t1566.001`, `atlas.aml.t0051.001`.
fn techniques(tags: &[String]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for tag in tags {
        let tag = tag.to_ascii_lowercase();
        let (prefix, id) = if let Some(id) = tag.strip_prefix("attack.t") {
            ("T", id)
        } else if let Some(id) = tag
            .strip_prefix("atlas.aml.t")
            .or_else(|| tag.strip_prefix("atlas.t"))
        {
            ("AML.T", id)
        } else {
            continue;
        };
        let digits = id.bytes().next().is_some_and(|b| b.is_ascii_digit())
            && id.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let technique = format!("{prefix}{id}");
        if digits && !out.contains(&technique) {
            out.push(technique);
        }
    }
    out
}

fn check_tags(root: &Node, report: &mut Report) {
    let Some(NodeKind::List(items)) = root.get("tags").map(|n| &n.kind) else {
        return;
    };
    for item in items {
        let text = item.text().unwrap_or_default();
        let well_formed = text
            .split_once('.')
            .is_some_and(|(space, name)| !space.is_empty() && !name.is_empty())
            && text.bytes().all(|b| {
                b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.' | b'_')
            });
        if !well_formed {
            report.warning(
                code::BAD_TAG,
                item.span,
                format!("`{}` is not a tag", short(text)),
                "write namespace.name in lower case, such as attack.t1059.001 or atlas.aml.t0051",
            );
        }
    }
}

fn check_date(root: &Node, key: &str, report: &mut Report) {
    let Some(node) = root.get(key) else { return };
    let text = node.text().unwrap_or_default();
    if text.parse::<jiff::civil::Date>().is_err() {
        report.warning(
            code::BAD_DATE,
            node.span,
            format!("`{key}` is not a date: `{}`", short(text)),
            "write YYYY-MM-DD",
        );
    }
}

fn custom(root: &Node, report: &mut Report) -> BTreeMap<String, serde_json::Value> {
    let mut out = BTreeMap::new();
    for (key, value) in root.map().unwrap_or_default() {
        let word = key.text().unwrap_or_default();
        if UNREAD.contains(&word) {
            out.insert(word.to_owned(), value.to_json());
        }
        if KNOWN.contains(&word) {
            continue;
        }
        if let Some(near) = nearest(word, KNOWN.iter().copied()) {
            report.warning(
                code::UNKNOWN_KEY,
                key.span,
                format!("unknown key `{}`", short(word)),
                format!("did you mean `{near}`?"),
            );
        }
        out.insert(word.to_owned(), value.to_json());
    }
    out
}

fn slug<T: FromStr>(root: &Node, key: &str, report: &mut Report) -> Option<T> {
    let node = root.get(key)?;
    let text = node.text().unwrap_or_default();
    let parsed = text.parse().ok();
    if parsed.is_none() {
        report.error(
            code::BAD_RUNBOOK,
            node.span,
            format!("`{}` is not the name of a {key}", short(text)),
            "use letters, digits and - _ . : / @",
        );
    }
    parsed
}

/// The text of `key`, if it is there.
pub(super) fn one(root: &Node, key: &str, report: &mut Report) -> Option<String> {
    let node = root.get(key)?;
    let text = node.text().map(ToOwned::to_owned);
    if text.is_none() {
        report.error(
            code::WRONG_TYPE,
            node.span,
            format!("`{key}` must be text, not {}", node.kind_word()),
            "",
        );
    }
    text
}

/// The texts of `key`: a list, or one text for a list of one.
pub(super) fn list(root: &Node, key: &str, report: &mut Report) -> Vec<String> {
    let Some(node) = root.get(key) else {
        return Vec::new();
    };
    match &node.kind {
        NodeKind::Scalar(s) if s.text.is_empty() => Vec::new(),
        NodeKind::Scalar(s) => vec![s.text.clone()],
        NodeKind::List(items) => items
            .iter()
            .filter_map(|item| {
                if item.text().is_none() {
                    report.error(
                        code::WRONG_TYPE,
                        item.span,
                        format!("`{key}` must list texts, not {}", item.kind_word()),
                        "",
                    );
                }
                item.text().map(ToOwned::to_owned)
            })
            .collect(),
        NodeKind::Map(_) => {
            report.error(
                code::WRONG_TYPE,
                node.span,
                format!("`{key}` must be a list of texts, not a map"),
                "",
            );
            Vec::new()
        }
    }
}

/// The canonical view that a JSON map writes: nested maps become dotted names.
pub(crate) fn json_to_norm(value: &serde_json::Value) -> Norm {
    fn walk(prefix: &str, value: &serde_json::Value, out: &mut Vec<(FieldName, Value)>) {
        if let serde_json::Value::Object(map) = value {
            for (key, value) in map {
                let name = if prefix.is_empty() {
                    key.clone()
                } else {
                    format!("{prefix}.{key}")
                };
                walk(&name, value, out);
            }
        } else if let Some(value) = leaf(value) {
            out.push((FieldName::from(prefix), value));
        }
    }
    fn leaf(value: &serde_json::Value) -> Option<Value> {
        Some(match value {
            serde_json::Value::Null | serde_json::Value::Object(_) => return None,
            serde_json::Value::Bool(b) => Value::Bool(*b),
            serde_json::Value::Number(n) => match n.as_i64() {
                Some(i) => Value::Int(i),
                None => Value::Float(n.as_f64()?),
            },
            serde_json::Value::String(s) => Value::from(s.as_str()),
            serde_json::Value::Array(items) => Value::List(items.iter().filter_map(leaf).collect()),
        })
    }
    let mut out = Vec::new();
    walk("", value, &mut out);
    out.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn techniques_come_from_tags() {
        let tags: Vec<String> = [
            "attack.t1566.001",
            "attack.execution",
            "atlas.aml.t0051.001",
            "attack.T1059",
            "cve.2024-1",
        ]
        .map(str::to_owned)
        .to_vec();
        assert_eq!(techniques(&tags), ["T1566.001", "AML.T0051.001", "T1059"]);
    }
}
