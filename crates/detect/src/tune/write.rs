//! The filter as YAML, and into the rule: bytes of the rule that are not the filter's stay as they are.

use super::candidate::Candidate;
use crate::{
    RuleMeta,
    diagnostics::Report,
    layout::{Source, quoted},
    practice::escaped,
    yaml::{self, Node, Style},
};

/// A name for the selection that the rule does not have yet.
pub(super) fn name(text: &str, chosen: &[Candidate]) -> String {
    let word: String = chosen
        .first()
        .map(|c| {
            c.field
                .rsplit('.')
                .next()
                .unwrap_or_default()
                .to_ascii_lowercase()
        })
        .unwrap_or_default()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
        .take(24)
        .collect();
    let base = if word.is_empty() {
        "filter_main_tuned".to_owned()
    } else {
        format!("filter_main_{word}")
    };
    let mut name = base.clone();
    let mut number = 1;
    while text.contains(&format!("{name}:")) {
        number += 1;
        name = format!("{base}_{number}");
    }
    name
}

/// `filter_main_…:` and its items, without indentation of its own.
pub(super) fn selection(name: &str, chosen: &[Candidate], step: usize) -> String {
    let pad = " ".repeat(step);
    let mut out = format!("{name}:\n");
    for candidate in chosen {
        out.push_str(&pad);
        out.push_str(&quoted(&candidate.key()).replace('\'', ""));
        out.push(':');
        match candidate.values.as_slice() {
            [one] => {
                out.push(' ');
                out.push_str(&value(candidate, one));
                out.push('\n');
            }
            many => {
                out.push('\n');
                for one in many {
                    out.push_str(&format!("{pad}{pad}- {}\n", value(candidate, one)));
                }
            }
        }
    }
    out
}

fn value(candidate: &Candidate, text: &str) -> String {
    if candidate.numbers {
        return text.to_owned();
    }
    let text = if candidate.modifier == Some("cidr") {
        text.to_owned()
    } else {
        escaped(text)
    };
    if text.chars().any(char::is_control) {
        return quoted(&text);
    }
    format!("'{}'", text.replace('\'', "''"))
}

/// A filter document for the rule.
pub(super) fn filter(meta: &RuleMeta, chosen: &[Candidate]) -> String {
    let mut out = format!(
        "title: {}\n",
        quoted(&format!("Filter for {}", meta.title()))
    );
    let logsource = meta.logsource();
    out.push_str("logsource:\n");
    for (key, part) in [
        ("category", &logsource.category),
        ("product", &logsource.product),
        ("service", &logsource.service),
    ] {
        if let Some(part) = part {
            out.push_str(&format!("    {key}: {}\n", quoted(part)));
        }
    }
    out.push_str(&format!(
        "filter:\n    rules:\n        - {}\n",
        quoted(meta.id().as_str())
    ));
    for line in selection("selection", chosen, 4).lines() {
        out.push_str(&format!("    {line}\n"));
    }
    out.push_str("    condition: not selection\n");
    out
}

/// The file with the filter in its rule `id`.
pub(super) fn into_rule(
    path: &str,
    text: &str,
    id: &str,
    name: &str,
    chosen: &[Candidate],
) -> Result<String, String> {
    let mut report = Report::new(path);
    let documents = yaml::read(text, &mut report);
    let many = documents.len() > 1;
    let root = documents
        .iter()
        .map(|d| &d.root)
        .find(|root| !many || root.get("id").and_then(Node::text) == Some(id))
        .ok_or_else(|| format!("{path} has no rule `{id}`"))?;
    let detection = root.get("detection").ok_or("the rule has no detection")?;
    let (key, condition) = detection
        .entry("condition")
        .ok_or("the rule has no condition")?;
    let written = condition
        .scalar()
        .ok_or("the rule has several conditions; ask for a filter of its own (`--as filter`)")?;
    if written.style == Style::Block {
        return Err(
            "the condition goes over several lines; ask for a filter of its own (`--as filter`)"
                .to_owned(),
        );
    }
    let source = Source::new(text);
    let start_of_line = source.byte(key.span.line as usize, 0);
    // Comments right above the condition are about the condition.
    let mut insert_line = key.span.line as usize;
    while insert_line > 1 && {
        let above = source.byte(insert_line - 1, 0);
        let line = source.slice(above, source.byte(insert_line, 0));
        line.trim_start().starts_with('#')
    } {
        insert_line -= 1;
    }
    let insert = source.byte(insert_line, 0);
    let indent = key.span.column.saturating_sub(1) as usize;
    let margin = source.slice(start_of_line, start_of_line + indent);
    if !margin.chars().all(|c| c == ' ') || indent == 0 {
        return Err("the detection is written in brackets; run `watchfloor rule fmt` or ask for a filter of its own (`--as filter`)".to_owned());
    }
    let step = indent.saturating_sub(
        root.map()
            .and_then(<[_]>::first)
            .map_or(0, |(k, _)| k.span.column.saturating_sub(1) as usize),
    );
    let mut block = String::new();
    for line in selection(name, chosen, step.max(2)).lines() {
        block.push_str(&format!("{margin}{line}\n"));
    }
    let new = with_filter(written.text.trim(), name);
    let from = source.byte(
        condition.span.line as usize,
        condition.span.column.saturating_sub(1) as usize,
    );
    let to = source.byte(
        condition.span.line as usize,
        (condition.span.column.saturating_sub(1) + condition.span.length) as usize,
    );
    let new = match written.style {
        Style::Plain => new,
        Style::Quoted | Style::Block => format!("'{}'", new.replace('\'', "''")),
    };
    let mut out = String::with_capacity(text.len() + block.len() + 64);
    out.push_str(source.slice(0, insert));
    out.push_str(&block);
    out.push_str(source.slice(insert, from));
    out.push_str(&new);
    out.push_str(source.slice(to, text.len()));
    Ok(out)
}

/// The condition without what the filter takes away.
fn with_filter(condition: &str, name: &str) -> String {
    let flat = condition.split_whitespace().collect::<Vec<_>>().join(" ");
    // The pattern takes it in already.
    if flat.contains("not 1 of filter_main_*") || flat.contains("not 1 of filter_*") {
        return condition.to_owned();
    }
    let loose = flat.split(' ').any(|w| w.eq_ignore_ascii_case("or"));
    if loose {
        format!("({condition}) and not {name}")
    } else {
        format!("{condition} and not {name}")
    }
}
