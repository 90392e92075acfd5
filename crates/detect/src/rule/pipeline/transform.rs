//! Transformations, as read from a pipeline.

use std::collections::BTreeMap;

use regex::Regex;

use crate::{
    diagnostics::{Report, code, did_you_mean},
    modifier::short,
    rule::meta,
    yaml::{Kind, Node},
};

/// What is done to a rule.
#[derive(Debug, Clone)]
pub(super) enum Transformation {
    /// Names to the names that stand for them.
    FieldNames(BTreeMap<String, Vec<String>>),
    /// The beginnings of names to others.
    FieldNamePrefixes(BTreeMap<String, Vec<String>>),
    FieldNamePrefix(String),
    FieldNameSuffix(String),
    Logsource([Option<String>; 3]),
    Condition {
        fields: Vec<(Node, Node)>,
        negated: bool,
    },
    ReplaceString {
        pattern: Regex,
        with: String,
    },
    MapString(BTreeMap<String, Vec<String>>),
    SetValue(Node),
    DropItem,
    SetState {
        key: String,
        value: String,
    },
    RuleFailure(String),
    ItemFailure(String),
    /// Placeholders filled from `vars`; only those named, if any are.
    ValuePlaceholders {
        include: Vec<String>,
        exclude: Vec<String>,
    },
    WildcardPlaceholders {
        include: Vec<String>,
        exclude: Vec<String>,
    },
}

const TYPES: [&str; 15] = [
    "field_name_mapping",
    "field_name_prefix_mapping",
    "field_name_prefix",
    "field_name_suffix",
    "change_logsource",
    "add_condition",
    "replace_string",
    "map_string",
    "set_value",
    "drop_detection_item",
    "set_state",
    "rule_failure",
    "detection_item_failure",
    "value_placeholders",
    "wildcard_placeholders",
];

impl Transformation {
    /// Keys of its own.
    pub(super) fn keys(&self) -> &'static [&'static str] {
        match self {
            Self::FieldNames(_) | Self::FieldNamePrefixes(_) | Self::MapString(_) => &["mapping"],
            Self::FieldNamePrefix(_) => &["prefix"],
            Self::FieldNameSuffix(_) => &["suffix"],
            Self::Logsource(_) => &["product", "category", "service"],
            Self::Condition { .. } => &["conditions", "negated", "name", "template"],
            Self::ReplaceString { .. } => &["regex", "replacement", "skip_special"],
            Self::SetValue(_) => &["value", "force_type"],
            Self::DropItem => &[],
            Self::SetState { .. } => &["key", "val"],
            Self::RuleFailure(_) | Self::ItemFailure(_) => &["message"],
            Self::ValuePlaceholders { .. } | Self::WildcardPlaceholders { .. } => {
                &["include", "exclude"]
            }
        }
    }
}

pub(super) fn read(node: &Node, report: &mut Report) -> Option<Transformation> {
    let kind = node.get("type");
    let word = kind.and_then(Node::text).unwrap_or_default();
    let text = |key: &str| node.get(key).and_then(Node::text).map(ToOwned::to_owned);
    let mut must = |key: &str| {
        let found = text(key);
        if found.is_none() {
            report.error(
                code::PIPELINE,
                node.span,
                format!("`{word}` needs `{key}`"),
                "",
            );
        }
        found
    };
    Some(match word {
        "field_name_mapping" => Transformation::FieldNames(mapping(node, report)?),
        "field_name_prefix_mapping" => Transformation::FieldNamePrefixes(mapping(node, report)?),
        "map_string" => Transformation::MapString(mapping(node, report)?),
        "field_name_prefix" => Transformation::FieldNamePrefix(must("prefix")?),
        "field_name_suffix" => Transformation::FieldNameSuffix(must("suffix")?),
        "change_logsource" => {
            Transformation::Logsource([text("product"), text("category"), text("service")])
        }
        "add_condition" => {
            if text("template").is_some_and(|t| t == "true") {
                report.error(
                    code::PIPELINE,
                    node.span,
                    "templates in added conditions are not known here",
                    "write the values out",
                );
                return None;
            }
            let Some(fields) = node.get("conditions").and_then(Node::map) else {
                report.error(
                    code::PIPELINE,
                    node.span,
                    "`add_condition` needs a map `conditions`",
                    "fields and their values",
                );
                return None;
            };
            Transformation::Condition {
                fields: fields.to_vec(),
                negated: text("negated").is_some_and(|t| t == "true"),
            }
        }
        "replace_string" => {
            let expression = must("regex")?;
            let with = must("replacement")?;
            let Ok(pattern) = Regex::new(&expression) else {
                report.error(
                    code::PIPELINE,
                    node.get("regex").map_or(node.span, |n| n.span),
                    "not a usable regular expression",
                    "look-around and back-references are not known here",
                );
                return None;
            };
            Transformation::ReplaceString {
                pattern,
                with: python_template(&with),
            }
        }
        "set_value" => Transformation::SetValue(node.get("value")?.clone()),
        "drop_detection_item" => Transformation::DropItem,
        "set_state" => Transformation::SetState {
            key: must("key")?,
            value: must("val")?,
        },
        "rule_failure" => Transformation::RuleFailure(must("message")?),
        "detection_item_failure" => Transformation::ItemFailure(must("message")?),
        "value_placeholders" => Transformation::ValuePlaceholders {
            include: meta::list(node, "include", report),
            exclude: meta::list(node, "exclude", report),
        },
        "wildcard_placeholders" => Transformation::WildcardPlaceholders {
            include: meta::list(node, "include", report),
            exclude: meta::list(node, "exclude", report),
        },
        other => {
            let near = did_you_mean(other, TYPES);
            let help = if near.is_empty() {
                format!("one of {}", TYPES.join(", "))
            } else {
                near
            };
            report.error(
                code::PIPELINE_TRANSFORMATION,
                kind.map_or(node.span, |n| n.span),
                format!("`{}` is not a transformation known here", short(other)),
                help,
            );
            return None;
        }
    })
}

/// A map of texts to one text or several.
fn mapping(node: &Node, report: &mut Report) -> Option<BTreeMap<String, Vec<String>>> {
    let Some(entries) = node.get("mapping").and_then(Node::map) else {
        report.error(
            code::PIPELINE,
            node.span,
            "the transformation needs a map `mapping`",
            "",
        );
        return None;
    };
    let mut out = BTreeMap::new();
    for (key, value) in entries {
        let names: Option<Vec<String>> = match &value.kind {
            Kind::Scalar(s) => Some(vec![s.text.clone()]),
            Kind::List(items) if !items.is_empty() => items
                .iter()
                .map(|i| i.text().map(ToOwned::to_owned))
                .collect(),
            Kind::List(_) | Kind::Map(_) => None,
        };
        let (Some(key), Some(names)) = (key.text(), names) else {
            report.error(
                code::PIPELINE,
                value.span,
                "a name must map to a name or a list of names",
                "",
            );
            return None;
        };
        out.insert(key.to_owned(), names);
    }
    Some(out)
}

/// Python's `\1` and `\g<name>` as the regex library writes them.
fn python_template(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek().copied()) {
            ('\\', Some(digit)) if digit.is_ascii_digit() => {
                chars.next();
                out.push_str("${");
                out.push(digit);
                out.push('}');
            }
            ('\\', Some('g')) => {
                chars.next();
                let name: String = chars.by_ref().take_while(|c| *c != '>').collect();
                out.push_str("${");
                out.push_str(name.trim_start_matches('<'));
                out.push('}');
            }
            ('\\', Some('\\')) => {
                chars.next();
                out.push('\\');
            }
            ('$', _) => out.push_str("$$"),
            (c, _) => out.push(c),
        }
    }
    out
}
