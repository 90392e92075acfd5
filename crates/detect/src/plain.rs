//! Rules as plain Sigma, for other tools: without our own keys, in the canonical layout.

use crate::{Document, Engine, layout};

/// Keys that only mean something here.
const OURS: &[&str] = &["owner", "runbook", "tests"];

/// The document as plain Sigma; for a correlation with all rules that it refers to, in front of it.
#[must_use]
pub fn plain_sigma(engine: &Engine, document: &Document) -> String {
    let mut order: Vec<&Document> = Vec::new();
    gather(engine, document, &mut order, 0);
    let texts: Vec<String> = order.into_iter().map(|d| plain(d.meta().text())).collect();
    texts.join("---\n")
}

fn gather<'e>(
    engine: &'e Engine,
    document: &'e Document,
    order: &mut Vec<&'e Document>,
    depth: usize,
) {
    let id = document.meta().id();
    if depth > 32 || order.iter().any(|d| d.meta().id() == id) {
        return;
    }
    for reference in document.references() {
        let named = engine
            .documents()
            .iter()
            .find(|d| d.meta().id().as_str() == reference || d.meta().name() == Some(reference));
        if let Some(named) = named {
            gather(engine, named, order, depth + 1);
        }
    }
    order.push(document);
}

fn plain(text: &str) -> String {
    let text = format!("{text}\n");
    let laid = layout("rule.yml", &text).unwrap_or(text);
    let mut out = String::with_capacity(laid.len());
    let mut ours = false;
    for line in laid.lines() {
        // In the canonical layout only keys and comments of the rule itself stand at the margin.
        if line.starts_with(|c: char| c != ' ' && c != '#') {
            let key = line.split(':').next().unwrap_or_default();
            ours = OURS.contains(&key);
        }
        if !ours {
            out.push_str(line);
            out.push('\n');
        }
    }
    spelled(&out)
}

/// `\x{200B}` as the character itself: Python's expressions, which pySigma checks with, know only that.
fn spelled(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\\x{") {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let hex = after
            .get(3..)
            .and_then(|h| h.split('}').next())
            .unwrap_or_default();
        let c = u32::from_str_radix(hex, 16).ok().and_then(char::from_u32);
        match c.filter(|c| !c.is_ascii() && !c.is_control() && *c != '\u{feff}') {
            Some(c) => {
                out.push(c);
                rest = after.get(hex.len() + 4..).unwrap_or_default();
            }
            // YAML forbids some characters as they are; `\u` is known to Python and Java.
            None if hex.eq_ignore_ascii_case("feff") => {
                out.push_str("\\uFEFF");
                rest = after.get(hex.len() + 4..).unwrap_or_default();
            }
            None => {
                out.push_str("\\x{");
                rest = after.get(3..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, parse_rules};

    #[test]
    fn our_keys_go_and_correlations_bring_their_rules() {
        let text = "title: many\nid: many\ncorrelation:\n  type: event_count\n  rules: [base]\n  group-by: [a]\n  timespan: 5m\n  condition:\n    gte: 3\nowner: me\n---\ntitle: b\nid: b\nname: base\nlogsource:\n  product: x\ndetection:\n  s:\n    a|re: '[\\x{200B}\\x{FEFF}]\\x{41}'\n  condition: s\ntests:\n  - name: t\n    expect: match\n    event: {a: b}\n# end\n";
        let (engine, _) = Engine::new(parse_rules("r.yml", text, &Options::default()).0);
        let many = engine
            .documents()
            .iter()
            .find(|d| d.is_correlation())
            .unwrap();
        assert_eq!(many.references(), ["base"]);
        let out = plain_sigma(&engine, many);
        assert!(
            out.starts_with("title: b\n") && out.contains("\n---\ntitle: many\n"),
            "{out}"
        );
        assert!(!out.contains("owner") && !out.contains("tests"), "{out}");
        assert!(out.contains("a|re: '[\u{200b}\\uFEFF]\\x{41}'\n"), "{out}");
        let (again, found) = parse_rules("r.yml", &out, &Options::default());
        assert_eq!(again.len(), 2, "{found:#?}");
    }
}
