//! Values: wildcards, escapes, repeats.

use watchfloor_types::Level;

use super::{Fix, Lint, about, item::Item};
use crate::{
    diagnostics::code,
    fold::folded,
    modifier::short,
    op::How,
    pattern::{Part, Pattern},
    yaml::{Node, Style, Typed},
};

pub(super) fn check(item: &Item<'_>, lint: &mut Lint<'_>) {
    for node in &item.values {
        invisible(node, lint);
        word(node, lint);
    }
    if item.is_text() {
        if !modifier_meant(item, lint) {
            for node in &item.values {
                wildcards(item, node, lint);
            }
        }
        for node in &item.values {
            number(item, node, lint);
        }
        all_equal(item, lint);
    }
    if item.is_text() || item.has("re") || item.has("cidr") {
        repeated(item, lint);
    }
    if item.is_text() && !item.has("windash") {
        covered(item, lint);
    }
}

/// Characters that nobody sees.
pub(super) fn invisible(node: &Node, lint: &mut Lint<'_>) {
    let hidden = |c: &char| {
        (c.is_control() && !matches!(c, '\n' | '\t'))
            || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    let Some(scalar) = node.scalar() else { return };
    // By itself, or joining emoji, it is what is looked for.
    let among_letters = scalar.text.chars().any(|c| c.is_ascii_alphanumeric());
    if let Some(c) = scalar.text.chars().find(hidden)
        && among_letters
    {
        // Written as an escape it is meant.
        let (start, end) = lint.bytes(node.span);
        if scalar.style != Style::Block && lint.source.slice(start, end).contains(c) {
            lint.warning(
                code::INVISIBLE_CHARACTER,
                node.span,
                format!("the value holds U+{:04X}, which nobody sees", u32::from(c)),
                "remove it, or write it as an escape in double quotes",
            );
        }
    }
}

/// Plain words that other YAML readers take for booleans.
fn word(node: &Node, lint: &mut Lint<'_>) {
    let plain = about::is_plain(node);
    let text = node.text().unwrap_or_default();
    if plain && ["yes", "no", "on", "off", "y", "n"].contains(&text.to_ascii_lowercase().as_str()) {
        let fix = lint.rewrite(node, text).map(|edit| Fix {
            title: "put it in quotes".to_owned(),
            edits: vec![edit],
        });
        lint.say(
            Level::Note,
            code::YAML_WORD,
            node.span,
            format!("`{text}` is text here and a boolean for readers of YAML 1.1"),
            "put it in quotes",
            fix,
        );
    }
}

/// The value with its unescaped wildcards at the ends told apart: `*`, the rest, `*`.
fn ends(raw: &str) -> Option<(bool, &str, bool)> {
    let pattern = Pattern::parse(raw);
    let (first, last) = (pattern.parts().first()?, pattern.parts().last()?);
    let starts = *first == Part::Many;
    let stops = *last == Part::Many && pattern.parts().len() > 1;
    let mut rest = raw;
    if starts {
        rest = rest.trim_start_matches('*');
    }
    if stops {
        rest = rest.trim_end_matches('*');
        // An escaped `*` before the wildcard went with it.
        if raw
            .get(..rest.len() + usize::from(starts))
            .is_some_and(odd_backslashes)
        {
            return None;
        }
    }
    Some((starts, rest, stops))
}

fn odd_backslashes(text: &str) -> bool {
    (text.len() - text.trim_end_matches('\\').len()) % 2 == 1
}

/// Wildcards at the ends of every value where a modifier is meant (pySigma asks the same). Says whether it is so.
fn modifier_meant(item: &Item<'_>, lint: &mut Lint<'_>) -> bool {
    if item.how() != How::Equals || item.has("windash") {
        return false;
    }
    let mut shape: Option<(bool, bool)> = None;
    let mut edits = Vec::new();
    for node in &item.values {
        let Some((starts, rest, stops)) = node
            .text()
            .filter(|_| {
                node.scalar()
                    .is_some_and(|s| matches!(s.typed(), Typed::Text(_)))
            })
            .and_then(ends)
        else {
            return false;
        };
        let whole = Pattern::parse(rest)
            .as_text()
            .is_some_and(|t| !t.is_empty());
        if !whole || !(starts || stops) || shape.is_some_and(|s| s != (starts, stops)) {
            return false;
        }
        shape = Some((starts, stops));
        edits.push(lint.rewrite(node, rest));
    }
    let modifier = match shape {
        Some((true, true)) => "contains",
        Some((false, true)) => "startswith",
        Some((true, false)) => "endswith",
        Some((false, false)) | None => return false,
    };
    let modifiers: Vec<&str> = std::iter::once(modifier)
        .chain(item.modifiers.iter().copied())
        .collect();
    edits.push(lint.rekey(item.key, &item.with(&modifiers)));
    let fix = edits
        .into_iter()
        .collect::<Option<Vec<_>>>()
        .map(|edits| Fix {
            title: format!("write `|{modifier}`"),
            edits,
        });
    lint.say(
        Level::Note,
        code::WILDCARD_FOR_MODIFIER,
        item.values.first().map_or(item.key.span, |n| n.span),
        format!("the wildcards say `{modifier}`"),
        &format!("write `|{modifier}` and leave the wildcards out"),
        fix,
    );
    true
}

fn wildcards(item: &Item<'_>, node: &Node, lint: &mut Lint<'_>) {
    let Some(scalar) = node.scalar() else { return };
    let raw = scalar.text.as_str();
    if !raw.contains('*') {
        short_value(item, node, raw, lint);
        return;
    }
    let pattern = Pattern::parse(raw);
    if pattern.parts() == [Part::Many] {
        lint.note(
            code::ONLY_WILDCARD,
            node.span,
            "the value matches whatever the field holds",
            "write `|exists: true` where the field only has to be there",
        );
        return;
    }
    if let Some(single) = without_doubles(raw) {
        let fix = about::fix("write one `*`", lint.rewrite(node, &single));
        lint.say(
            Level::Note,
            code::DOUBLE_WILDCARD,
            node.span,
            "two `*` in a row say no more than one".to_owned(),
            "write one",
            fix,
        );
        return;
    }
    if escaped_in_path(raw) {
        lint.warning(
            code::ESCAPED_WILDCARD,
            node.span,
            format!(
                "`\\*` in `{}` is a plain asterisk, which no path holds",
                short(raw)
            ),
            "for a folder of any name write `\\\\*\\`",
        );
    }
    let (front, back) = match item.how() {
        How::Contains => (true, true),
        How::StartsWith => (false, true),
        How::EndsWith => (true, false),
        How::Equals => (false, false),
    };
    if let Some((starts, rest, stops)) = ends(raw)
        && !rest.is_empty()
        && ((starts && front) || (stops && back))
    {
        let kept = format!(
            "{}{rest}{}",
            if starts && !front { "*" } else { "" },
            if stops && !back { "*" } else { "" }
        );
        let fix = about::fix("leave the wildcard out", lint.rewrite(node, &kept));
        lint.say(
            Level::Note,
            code::IDLE_WILDCARD,
            node.span,
            "a wildcard at this end does nothing under this modifier".to_owned(),
            "leave it out",
            fix,
        );
    }
}

/// Very short texts are in nearly every value.
fn short_value(item: &Item<'_>, node: &Node, raw: &str, lint: &mut Lint<'_>) {
    let alone = item.has("contains") && !item.has("all") && !item.field.is_empty();
    // A letter of another script may be the very thing that is looked for.
    let letter = raw.bytes().all(|b| b.is_ascii_alphanumeric());
    if alone && raw.chars().count() == 1 && letter {
        lint.note(
            code::SHORT_VALUE,
            node.span,
            format!("nearly every text contains `{raw}`"),
            "look for more, or join it with other values by `all`",
        );
    }
}

fn without_doubles(raw: &str) -> Option<String> {
    let mut out = String::with_capacity(raw.len());
    let mut chars = raw.chars().peekable();
    let mut last = false;
    let mut doubled = false;
    while let Some(c) = chars.next() {
        if c == '*' && last {
            doubled = true;
            continue;
        }
        last = c == '*';
        out.push(c);
        if c == '\\'
            && let Some(next) = chars.next_if(|n| matches!(n, '*' | '?' | '\\'))
        {
            out.push(next);
        }
    }
    doubled.then_some(out)
}

/// `\*` between folders.
fn escaped_in_path(raw: &str) -> bool {
    let mut chars = raw.chars().peekable();
    let mut seen = false;
    while let Some(c) = chars.next() {
        if c == '\\'
            && let Some(next) = chars.next_if(|n| matches!(n, '*' | '?' | '\\'))
        {
            if next == '*' && chars.peek() == Some(&'\\') && seen {
                return true;
            }
        } else {
            seen |= c.is_alphanumeric() || c == ':' || c == '%';
        }
    }
    false
}

/// Text as a Sigma string that means it.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let special = matches!(c, '*' | '?')
            || (c == '\\' && chars.peek().is_some_and(|n| matches!(n, '*' | '?' | '\\')));
        if special {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn number(item: &Item<'_>, node: &Node, lint: &mut Lint<'_>) {
    let Some(scalar) = node.scalar() else { return };
    let text = scalar.text.as_str();
    let canonical = |n: &&Node| {
        let text = n.text().unwrap_or_default();
        text.len() <= 15 && text.parse::<u64>().is_ok_and(|n| n.to_string() == text)
    };
    // Among other texts it is a text that happens to be made of digits.
    let all = item.values.iter().all(canonical);
    if scalar.style == Style::Quoted && all && item.modifiers.is_empty() && !item.field.is_empty() {
        let fix = about::fix("leave the quotes out", lint.unquote(node));
        lint.say(
            Level::Note,
            code::NUMBER_AS_TEXT,
            node.span,
            format!("the number {text} is written as text"),
            "leave the quotes out: other engines compare types",
            fix,
        );
    }
}

/// `all` over whole values.
fn all_equal(item: &Item<'_>, lint: &mut Lint<'_>) {
    let wild = item.values.iter().any(|n| {
        Pattern::parse(n.text().unwrap_or_default())
            .as_text()
            .is_none()
    });
    if item.has("all") && item.how() == How::Equals && item.values.len() > 1 && !wild {
        lint.warning(
            code::NEVER_MATCHES,
            item.key.span,
            "a field cannot equal all of these values, unless it is a list",
            "write `|contains|all`, or leave `all` out",
        );
    }
}

/// A value as it is compared.
fn compared(item: &Item<'_>, node: &Node) -> String {
    let text = node.text().unwrap_or_default();
    if item.has("cased") || item.has("re") {
        text.to_owned()
    } else {
        folded(text)
    }
}

fn repeated(item: &Item<'_>, lint: &mut Lint<'_>) {
    let mut seen: Vec<String> = Vec::with_capacity(item.values.len());
    for node in &item.values {
        let text = compared(item, node);
        if seen.contains(&text) && node.scalar().is_some_and(|s| s.typed() != Typed::Null) {
            // A list of two under `all` would become a single value, which `all` refuses.
            let fix = (item.values.len() > 2 || !item.has("all"))
                .then(|| about::fix("remove the second one", lint.remove_item(node)))
                .flatten();
            lint.say(
                Level::Warning,
                code::REPEATED_VALUE,
                node.span,
                format!(
                    "`{}` stands in the list already",
                    short(node.text().unwrap_or_default())
                ),
                "remove one of the two",
                fix,
            );
        }
        seen.push(text);
    }
}

/// Values that another value of the list makes superfluous.
fn covered(item: &Item<'_>, lint: &mut Lint<'_>) {
    let how = item.how();
    if how == How::Equals || item.values.len() < 2 || item.values.len() > 2_000 {
        return;
    }
    let texts: Vec<Option<String>> = item
        .values
        .iter()
        .map(|n| {
            let text = compared(item, n);
            let typed = n.scalar().map(crate::yaml::Scalar::typed);
            let plain = matches!(typed, Some(Typed::Text(_) | Typed::Int(_)));
            Pattern::parse(&text)
                .as_text()
                .filter(|t| plain && !t.is_empty())
                .map(ToOwned::to_owned)
        })
        .collect();
    for (at, node) in item.values.iter().enumerate() {
        let Some(Some(text)) = texts.get(at) else {
            continue;
        };
        let by = texts.iter().flatten().find(|other| {
            *other != text
                && if item.has("all") {
                    how.holds(other, text)
                } else {
                    how.holds(text, other)
                }
        });
        if let Some(by) = by {
            let fix = (item.values.len() > 2 || !item.has("all"))
                .then(|| about::fix("remove it", lint.remove_item(node)))
                .flatten();
            lint.say(
                Level::Note,
                code::COVERED_VALUE,
                node.span,
                format!(
                    "`{}` adds nothing to `{}`",
                    short(node.text().unwrap_or_default()),
                    short(by)
                ),
                "remove it",
                fix,
            );
        }
    }
}
