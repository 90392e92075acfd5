//! What a rule says about itself.

use watchfloor_types::Level;

use super::{Edit, Fix, Kind, Lint, Scope};
use crate::{
    diagnostics::code,
    modifier::short,
    yaml::{Kind as Shape, Node, Style},
};

pub(super) fn check(root: &Node, kind: Kind, lint: &mut Lint<'_>) {
    let at = root
        .entry("title")
        .map_or_else(|| root.span, |(key, _)| key.span);
    let wanted: &[(&str, &str, &str, &str)] = &[
        (
            code::NO_DESCRIPTION,
            "description",
            "no description",
            "say what happens and why it matters",
        ),
        (
            code::NO_AUTHOR,
            "author",
            "no author",
            "name who can be asked",
        ),
        (
            code::NO_DATE,
            "date",
            "no date",
            "write the day it was made as YYYY-MM-DD",
        ),
        (
            code::NO_REFERENCES,
            "references",
            "no references",
            "link what made you write it",
        ),
        (
            code::NO_FALSEPOSITIVES,
            "falsepositives",
            "no causes of false positives",
            "say who does this for a good reason",
        ),
        (
            code::NO_LEVEL,
            "level",
            "no level, so medium is assumed",
            "choose informational, low, medium, high or critical",
        ),
        (
            code::NO_STATUS,
            "status",
            "no status",
            "begin with experimental",
        ),
        (
            code::NO_TAGS,
            "tags",
            "no tags, so it counts for no technique",
            "add attack.t… or atlas.aml.t…",
        ),
    ];
    for (code, key, message, help) in wanted {
        let quiet = kind == Kind::Filter
            && matches!(*key, "falsepositives" | "level" | "tags" | "references");
        if !quiet && root.get(key).is_none_or(is_blank) {
            let level = if *key == "level" {
                Level::Warning
            } else {
                Level::Note
            };
            lint.say(
                level,
                code,
                at,
                format!("the rule has {message}"),
                help,
                None,
            );
        }
    }
    title(root, lint);
    description(root, lint);
    id(root, lint);
    dates(root, lint);
    related(root, lint);
    references(root, lint);
    false_positives(root, lint);
    if let Some((first, _)) = root.map().and_then(<[_]>::first)
        && first.text() != Some("title")
        && root.get("title").is_some()
    {
        lint.note(
            code::TITLE_NOT_FIRST,
            first.span,
            "the title does not come first",
            "`watchfloor rule fmt` puts the keys into the order of the specification",
        );
    }
    if lint.scope == Scope::Own {
        own(root, kind, lint);
    }
}

fn is_blank(node: &Node) -> bool {
    match &node.kind {
        Shape::Scalar(s) => s.text.trim().is_empty(),
        Shape::List(items) => items.is_empty(),
        Shape::Map(entries) => entries.is_empty(),
    }
}

fn title(root: &Node, lint: &mut Lint<'_>) {
    let Some(node) = root.get("title") else {
        return;
    };
    let text = node.text().unwrap_or_default();
    let trimmed = text.trim();
    let first = trimmed.split(' ').next().unwrap_or_default();
    let ends = trimmed.ends_with('.') && !trimmed.ends_with("..");
    let (message, help, better) = if matches!(first, "Detects" | "Detect" | "detects" | "detect") {
        (
            "the title says that it detects, as every rule does",
            "name what happens",
            None,
        )
    } else if ends {
        (
            "the title ends with a full stop",
            "leave it out",
            trimmed.strip_suffix('.'),
        )
    } else if trimmed != text {
        (
            "the title has spaces around it",
            "remove them",
            Some(trimmed),
        )
    } else if first.chars().all(|c| c.is_ascii_lowercase()) && first.len() > 2 {
        (
            "the title begins in lower case",
            "begin it like a headline",
            None,
        )
    } else {
        return;
    };
    let fix = better.and_then(|new| {
        Some(Fix {
            title: help.to_owned(),
            edits: vec![lint.rewrite(node, new)?],
        })
    });
    lint.say(
        Level::Note,
        code::TITLE_FORM,
        node.span,
        message.to_owned(),
        help,
        fix,
    );
}

fn description(root: &Node, lint: &mut Lint<'_>) {
    let Some(node) = root.get("description") else {
        return;
    };
    let text = node.text().unwrap_or_default().trim();
    let title = root.get("title").and_then(Node::text).unwrap_or_default();
    let says_nothing = !text.is_empty()
        && (text.chars().count() < 16
            || text
                .trim_end_matches('.')
                .eq_ignore_ascii_case(title.trim()));
    if says_nothing {
        lint.note(
            code::THIN_DESCRIPTION,
            node.span,
            "the description says no more than the title",
            "say what happens, why it matters and what an analyst sees",
        );
    }
}

/// A UUID of a version that nobody hands out twice: 4, 7 or 8 (RFC 9562).
fn is_random_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let hex = |p: &&str| p.bytes().all(|b| b.is_ascii_hexdigit());
    parts.iter().map(|p| p.len()).eq([8, 4, 4, 4, 12])
        && parts.iter().all(hex)
        && parts.get(2).is_some_and(|p| p.starts_with(['4', '7', '8']))
}

fn id(root: &Node, lint: &mut Lint<'_>) {
    if let Some(node) = root.get("id")
        && let Some(text) = node.text()
        && !text.is_empty()
        && !is_random_uuid(text)
    {
        lint.note(
            code::ID_NOT_RANDOM,
            node.span,
            format!("`{}` is not a random UUID", short(text)),
            "a random UUID (version 4) meets no other rule's, even in other collections; changing the id of a rule in use loses its history",
        );
    }
}

fn dates(root: &Node, lint: &mut Lint<'_>) {
    let date = |key: &str| -> Option<jiff::civil::Date> { root.get(key)?.text()?.parse().ok() };
    if let (Some(made), Some(changed), Some(node)) =
        (date("date"), date("modified"), root.get("modified"))
        && changed < made
    {
        lint.warning(
            code::MODIFIED_BEFORE_DATE,
            node.span,
            format!("the rule was changed on {changed}, before it was made on {made}"),
            "correct one of the two",
        );
    }
}

fn related(root: &Node, lint: &mut Lint<'_>) {
    if let Some(node) = root.get("status")
        && node.text() == Some("deprecated")
        && root.get("related").is_none_or(is_blank)
    {
        lint.note(
            code::DEPRECATED_WITHOUT_RELATED,
            node.span,
            "a deprecated rule that does not say what replaces it",
            "name the new rule under `related`, or say in the description why there is none",
        );
    }
}

fn references(root: &Node, lint: &mut Lint<'_>) {
    for node in items(root, "references") {
        let text = node.text().unwrap_or_default().trim();
        let link = ["https://", "http://", "ftp://"]
            .iter()
            .any(|s| text.to_ascii_lowercase().starts_with(s));
        // Said where there is nothing to link, in SigmaHQ's rules too.
        let honest = text.to_ascii_lowercase().contains("internal");
        if !link && !honest && !text.is_empty() {
            lint.note(
                code::REFERENCE_NOT_URL,
                node.span,
                format!("`{}` cannot be followed", short(text)),
                "write the whole address, beginning with https://",
            );
        }
    }
    repeats(root, "references", lint);
}

/// Entries of a list that stand in it twice.
pub(super) fn repeats(root: &Node, key: &str, lint: &mut Lint<'_>) {
    let nodes = items(root, key);
    for (at, node) in nodes.iter().enumerate() {
        let text = node.text().unwrap_or_default();
        let before = nodes
            .iter()
            .take(at)
            .any(|other| other.text() == Some(text));
        if before && !text.is_empty() {
            let fix = lint.remove_item(node).map(|edit| Fix {
                title: "remove the second one".to_owned(),
                edits: vec![edit],
            });
            lint.say(
                Level::Warning,
                code::REPEATED_ENTRY,
                node.span,
                format!("`{}` stands in `{key}` already", short(text)),
                "remove one of the two",
                fix,
            );
        }
    }
}

/// Words that say nothing about false positives.
const NOTHING: &[&str] = &[
    "none",
    "none known",
    "no",
    "n/a",
    "na",
    "-",
    "nothing",
    "tbd",
    "todo",
    "no false positives",
];

fn false_positives(root: &Node, lint: &mut Lint<'_>) {
    for node in items(root, "falsepositives") {
        let text = node
            .text()
            .unwrap_or_default()
            .trim()
            .trim_end_matches('.')
            .to_ascii_lowercase();
        // SigmaHQ's word where nobody has looked yet; not enough for rules of one's own.
        let unknown = text == "unknown" && lint.scope == Scope::Own;
        if NOTHING.contains(&text.as_str()) || unknown {
            lint.note(
                code::FALSE_POSITIVES_SAY_NOTHING,
                node.span,
                format!(
                    "`{}` helps nobody to judge an alert",
                    short(node.text().unwrap_or_default())
                ),
                "say who does this for a good reason, or `Unlikely` and why",
            );
        }
    }
}

fn own(root: &Node, kind: Kind, lint: &mut Lint<'_>) {
    let at = root.entry("title").map_or(root.span, |(key, _)| key.span);
    if root.get("owner").is_none_or(is_blank) {
        lint.warning(
            code::NO_OWNER,
            at,
            "nobody owns the rule",
            "add `owner:` with the team that answers for it",
        );
    }
    if kind == Kind::Filter {
        return;
    }
    let expects = |word: &str| {
        items(root, "tests")
            .iter()
            .any(|t| t.get("expect").and_then(Node::text) == Some(word))
    };
    let lacks = match (expects("match"), expects("none")) {
        (true, true) => return,
        (false, false) => "no samples",
        (false, true) => "no sample that must match",
        (true, false) => "no sample that must not match",
    };
    let at = root.entry("tests").map_or(at, |(key, _)| key.span);
    lint.warning(
        code::NO_SAMPLES,
        at,
        format!("the rule has {lacks}"),
        "add `tests:` with at least one event that it finds and one near miss that it leaves alone",
    );
}

/// The items of a list.
pub(super) fn items<'n>(root: &'n Node, key: &str) -> Vec<&'n Node> {
    match root.get(key).map(|n| &n.kind) {
        Some(Shape::List(items)) => items.iter().collect(),
        Some(Shape::Scalar(_) | Shape::Map(_)) | None => Vec::new(),
    }
}

pub(super) fn file_name(path: &str, lint: &mut Lint<'_>) {
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = name.strip_suffix(".yml").unwrap_or_default();
    let usual = !stem.is_empty()
        && stem.len() <= 90
        && stem
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'));
    if !usual && !name.is_empty() && name != "-" {
        lint.note(
            code::FILE_NAME,
            crate::yaml::Span {
                line: 1,
                column: 1,
                length: 1,
            },
            format!("the file is called `{}`", short(name)),
            "use lower case, digits, - and _, at most 90 of them, and the ending .yml",
        );
    }
}

/// A scalar that was written without quotes.
pub(super) fn is_plain(node: &Node) -> bool {
    node.scalar().is_some_and(|s| s.style == Style::Plain)
}

/// An edit as a fix.
pub(super) fn fix(title: &str, edit: Option<Edit>) -> Option<Fix> {
    Some(Fix {
        title: title.to_owned(),
        edits: vec![edit?],
    })
}
