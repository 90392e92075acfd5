//! Items of selections: field, modifiers, values.

use watchfloor_types::{CANONICAL_FIELDS, Level, Logsource, View};

use super::{Fix, Lint, about, regex, values};
use crate::{
    diagnostics::{code, nearest},
    modifier::{MODIFIERS, short},
    op::How,
    yaml::{Kind, Node, Style, Typed},
};

/// One `field|modifiers: values`.
pub(super) struct Item<'n> {
    pub(super) key: &'n Node,
    pub(super) field: &'n str,
    pub(super) modifiers: Vec<&'n str>,
    pub(super) values: Vec<&'n Node>,
}

impl Item<'_> {
    pub(super) fn has(&self, modifier: &str) -> bool {
        self.modifiers.contains(&modifier)
    }
    /// Whether values are compared as texts, without encodings.
    pub(super) fn is_text(&self) -> bool {
        const TEXT: &[&str] = &[
            "contains",
            "startswith",
            "endswith",
            "all",
            "cased",
            "windash",
        ];
        self.modifiers.iter().all(|m| TEXT.contains(m))
    }
    pub(super) fn how(&self) -> How {
        if self.has("contains") || self.field.is_empty() {
            How::Contains
        } else if self.has("startswith") {
            How::StartsWith
        } else if self.has("endswith") {
            How::EndsWith
        } else {
            How::Equals
        }
    }
    /// The key with these modifiers.
    pub(super) fn with(&self, modifiers: &[&str]) -> String {
        std::iter::once(self.field)
            .chain(modifiers.iter().copied())
            .collect::<Vec<_>>()
            .join("|")
    }
}

pub(super) fn check(root: &Node, lint: &mut Lint<'_>) {
    let Some(detection) = root.get("detection") else {
        return;
    };
    let view = view(root);
    for (name, selection) in detection.map().unwrap_or_default() {
        if !matches!(name.text(), Some("condition" | "timeframe")) {
            selection_of(selection, view, lint);
        }
    }
}

fn view(root: &Node) -> View {
    let category = root
        .get("logsource")
        .and_then(|l| l.get("category"))
        .and_then(Node::text);
    Logsource {
        category: category.map(Into::into),
        ..Logsource::default()
    }
    .view()
}

fn selection_of(node: &Node, view: View, lint: &mut Lint<'_>) {
    match &node.kind {
        Kind::Map(entries) => {
            for (key, value) in entries {
                let values = match &value.kind {
                    Kind::List(items) => items.iter().collect(),
                    Kind::Scalar(_) | Kind::Map(_) => vec![value],
                };
                let mut parts = key.text().unwrap_or_default().split('|');
                let item = Item {
                    key,
                    field: parts.next().unwrap_or_default(),
                    modifiers: parts.collect(),
                    values,
                };
                one(&item, view, lint);
            }
            absences(entries, lint);
        }
        Kind::List(items) => items.iter().for_each(|i| selection_of(i, view, lint)),
        Kind::Scalar(_) => values::invisible(node, lint),
    }
}

fn one(item: &Item<'_>, view: View, lint: &mut Lint<'_>) {
    // What R017 refuses is not judged again.
    if item
        .modifiers
        .iter()
        .any(|m| MODIFIERS.iter().all(|known| known.name != *m))
    {
        return;
    }
    field(item, view, lint);
    idle_modifiers(item, lint);
    if item.has("re") {
        expressions(item, lint);
    }
    values::check(item, lint);
}

fn field(item: &Item<'_>, view: View, lint: &mut Lint<'_>) {
    if view == View::Norm && !item.field.is_empty() && !CANONICAL_FIELDS.contains(&item.field) {
        let help = nearest(item.field, CANONICAL_FIELDS.iter().copied()).map_or_else(
            || "canonical fields are listed in docs/fields.md".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        lint.warning(
            code::FIELD_NOT_CANONICAL,
            item.key.part(0, item.field.chars().count()),
            format!(
                "no source gives events of this category the field `{}`",
                short(item.field)
            ),
            &help,
        );
    }
}

fn idle_modifiers(item: &Item<'_>, lint: &mut Lint<'_>) {
    let textual = !["re", "cidr", "exists", "gt", "gte", "lt", "lte"]
        .iter()
        .any(|m| item.has(m));
    let dashes = |n: &&Node| {
        n.text()
            .unwrap_or_default()
            .contains(['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'])
    };
    let idle = if item.has("cased") && !textual {
        ("cased", "it compares no text")
    } else if item.has("windash") && textual && !item.values.iter().any(dashes) {
        ("windash", "no value has a dash")
    } else {
        return;
    };
    let rest: Vec<&str> = item
        .modifiers
        .iter()
        .copied()
        .filter(|m| *m != idle.0)
        .collect();
    let fix = about::fix(
        &format!("remove `{}`", idle.0),
        lint.rekey(item.key, &item.with(&rest)),
    );
    lint.say(
        Level::Note,
        code::IDLE_MODIFIER,
        item.key.span,
        format!("`{}` does nothing here: {}", idle.0, idle.1),
        "remove it",
        fix,
    );
}

fn expressions(item: &Item<'_>, lint: &mut Lint<'_>) {
    let mut plain = Vec::new();
    for node in &item.values {
        let source = node.text().unwrap_or_default();
        if regex::matches_anything(source) {
            lint.warning(
                code::REGEX_MATCHES_ANYTHING,
                node.span,
                "the expression matches whatever the field holds",
                "say what it must hold; for a field that only has to be there write `|exists: true`",
            );
            return;
        }
        if regex::is_catastrophic(source) {
            lint.note(
                code::REGEX_CATASTROPHIC,
                node.span,
                "a repetition repeats another one: linear here, but exponential in engines that rules are converted for",
                "let the inner or the outer one go, as in `(a+)+` to `a+`",
            );
        }
        match regex::plain(source) {
            Some(text) => plain.push((*node, text)),
            None if regex::has_idle_ends(source) => lint.note(
                code::REGEX_IDLE_END,
                node.span,
                "`.*` at the end of an expression does nothing: it is searched anywhere in the field",
                "remove it, unless the rule is for an engine that matches whole values",
            ),
            None => {}
        }
    }
    let Some((first, text)) = plain.first() else {
        return;
    };
    let same = plain.len() == item.values.len() && plain.iter().all(|(_, p)| p.how == text.how);
    let flags = ["i", "m", "s"].iter().any(|f| *f != "i" && item.has(f));
    if !same || flags {
        return;
    }
    let how = match text.how {
        How::Equals => None,
        How::Contains => Some("contains"),
        How::StartsWith => Some("startswith"),
        How::EndsWith => Some("endswith"),
    };
    // `re` minds case, text comparisons do not.
    let cased = (!item.has("i")).then_some("cased");
    let others = item
        .modifiers
        .iter()
        .copied()
        .filter(|m| !matches!(*m, "re" | "i"));
    let modifiers: Vec<&str> = how.into_iter().chain(cased).chain(others).collect();
    let mut edits = plain
        .iter()
        .map(|(node, p)| lint.rewrite(node, &values::escaped(&p.text)))
        .collect::<Option<Vec<_>>>();
    let key = lint.rekey(item.key, &item.with(&modifiers));
    if let (Some(edits), Some(key)) = (edits.as_mut(), key) {
        edits.push(key);
    } else {
        edits = None;
    }
    let say = modifiers.join("|");
    lint.say(
        Level::Note,
        code::REGEX_IS_TEXT,
        first.span,
        format!("the expression is only text, `{}`", short(&text.text)),
        "a text comparison says the same and is faster in every engine",
        edits.map(|edits| Fix {
            title: if say.is_empty() {
                "compare the text".to_owned()
            } else {
                format!("write `|{say}`")
            },
            edits,
        }),
    );
}

/// A field that must be absent and hold something.
fn absences(entries: &[(Node, Node)], lint: &mut Lint<'_>) {
    for (key, value) in entries {
        let Some((field, "exists")) = key.text().and_then(|t| t.split_once('|')) else {
            continue;
        };
        let absent = value
            .scalar()
            .is_some_and(|s| s.style == Style::Plain && s.typed() == Typed::Bool(false));
        let asked = entries.iter().find(|(other, value)| {
            let text = other.text().unwrap_or_default();
            let same =
                text.split('|').next() == Some(field) && text != key.text().unwrap_or_default();
            let null = value.scalar().is_some_and(|s| s.typed() == Typed::Null);
            same && !null
        });
        if absent && let Some((other, _)) = asked {
            lint.warning(
                code::NEVER_MATCHES,
                other.span,
                format!("`{}` must be absent and hold this value", short(field)),
                "remove one of the two",
            );
        }
    }
}
