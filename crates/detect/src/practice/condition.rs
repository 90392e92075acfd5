//! Conditions: what they can and cannot mean.

use watchfloor_types::Level;

use super::{Fix, Lint};
use crate::{
    diagnostics::{Report, code},
    modifier::Lists,
    op::Op,
    rule::{Condition, Detection, Item, Selection, given, read_detection},
    yaml::{Kind, Node},
};

/// Conditions over more selections are not tried out.
const MAX_TRIED: usize = 14;

pub(super) fn check(root: &Node, lint: &mut Lint<'_>) {
    let Some(node) = root.get("detection") else {
        return;
    };
    let mut quiet = Report::new("");
    let Some(detection) = read_detection(node, given(&Lists::default()), &mut quiet) else {
        // Errors say why.
        return;
    };
    let Some(condition) = node.get("condition") else {
        return;
    };
    words(condition, &detection, lint);
    polarity(node, &detection, lint);
    truth(condition, &detection, lint);
    if !can_be_fast(&detection, &detection.condition) {
        lint.note(
            code::NO_LITERAL,
            condition.span,
            "nothing in the rule is a text that the engine can look for first, so it is tried on every event of its logsource",
            "add a text that every match has, such as the event's id or name",
        );
    }
}

/// Whether the name says that it takes away.
fn is_filter(name: &str) -> bool {
    let name = name.trim_start_matches('_');
    [
        "filter",
        "exclu",
        "falsepositive",
        "false_positive",
        "whitelist",
        "allowlist",
    ]
    .iter()
    .any(|p| name.starts_with(p))
}

fn words(condition: &Node, detection: &Detection, lint: &mut Lint<'_>) {
    let nodes: &[Node] = match &condition.kind {
        Kind::List(items) => items,
        Kind::Scalar(_) | Kind::Map(_) => std::slice::from_ref(condition),
    };
    let names: Vec<&str> = detection
        .selections
        .iter()
        .map(|(n, _)| n.as_str())
        .collect();
    for node in nodes {
        let text = node.text().unwrap_or_default();
        let spaced = text.replace('(', "( ").replace(')', " )");
        let tokens: Vec<&str> = spaced.split_whitespace().collect();
        for window in tokens.windows(3) {
            let [need, of, what] = window else { continue };
            if *of != "of" {
                continue;
            }
            let them = *what == "them";
            let single = if them {
                let mut all = names.iter().filter(|n| !n.starts_with('_'));
                all.next().filter(|_| all.next().is_none()).copied()
            } else {
                // A pattern without `*` fits one name only.
                names.iter().find(|n| *n == what).copied()
            };
            let phrase = format!("{need} of {what}");
            if let Some(single) = single
                && matches!(*need, "1" | "all" | "any")
            {
                let fix = text
                    .contains(&phrase)
                    .then(|| lint.rewrite(node, &text.replacen(&phrase, single, 1)))
                    .flatten();
                lint.say(
                    Level::Note,
                    code::OF_ONE,
                    node.span,
                    format!("`{phrase}` fits `{single}` alone"),
                    "write the name",
                    fix.map(|edit| Fix {
                        title: format!("write `{single}`"),
                        edits: vec![edit],
                    }),
                );
            } else if them && names.iter().any(|n| is_filter(n)) {
                lint.warning(
                    code::THEM_WITH_FILTER,
                    node.span,
                    format!("`{phrase}` takes the filters for selections, too"),
                    "write a pattern such as `1 of selection_*` and `not 1 of filter_*`",
                );
            }
        }
    }
}

/// Filters that are never negated.
fn polarity(node: &Node, detection: &Detection, lint: &mut Lint<'_>) {
    let mut signs = vec![(false, false); detection.selections.len()];
    walk(&detection.condition, true, &mut signs);
    for ((name, _), (positive, negative)) in detection.selections.iter().zip(signs) {
        if is_filter(name)
            && positive
            && !negative
            && let Some((key, _)) = node.entry(name)
        {
            lint.warning(
                code::FILTER_NOT_NEGATED,
                key.span,
                format!("`{name}` is called a filter, but the condition asks for it"),
                "write `and not`, or give it another name",
            );
        }
    }
}

fn walk(condition: &Condition, sign: bool, signs: &mut [(bool, bool)]) {
    let mut mark = |at: usize| {
        if let Some((positive, negative)) = signs.get_mut(at) {
            *positive |= sign;
            *negative |= !sign;
        }
    };
    match condition {
        Condition::Selection(at) => mark(*at),
        Condition::Of { members, .. } => members.iter().copied().for_each(mark),
        Condition::All(parts) | Condition::Any(parts) => {
            for part in parts {
                walk(part, sign, signs);
            }
        }
        Condition::Not(inside) => walk(inside, !sign, signs),
    }
}

/// Tries the condition on every combination of selections.
fn truth(condition: &Node, detection: &Detection, lint: &mut Lint<'_>) {
    let count = detection.selections.len();
    if count > MAX_TRIED {
        return;
    }
    let holds = |bits: usize| holds(&detection.condition, bits);
    if !(0..1_usize << count).any(holds) {
        lint.warning(
            code::NEVER_MATCHES,
            condition.span,
            "the condition contradicts itself and never holds",
            "look for a selection that is both asked for and ruled out",
        );
    } else if holds(0) {
        lint.warning(
            code::MATCHES_WITHOUT_SELECTION,
            condition.span,
            "the condition holds for an event in which no selection holds, so for nearly all",
            "ask for at least one selection before ruling others out",
        );
    }
}

fn holds(condition: &Condition, bits: usize) -> bool {
    match condition {
        Condition::Selection(at) => bits >> at & 1 == 1,
        Condition::All(parts) => parts.iter().all(|p| holds(p, bits)),
        Condition::Any(parts) => parts.iter().any(|p| holds(p, bits)),
        Condition::Not(inside) => !holds(inside, bits),
        Condition::Of { need, members } => {
            let n = members.iter().filter(|at| bits >> **at & 1 == 1).count();
            n >= need.of(members.len())
        }
    }
}

/// Whether every way to hold has a text or number that can be looked for.
fn can_be_fast(detection: &Detection, condition: &Condition) -> bool {
    let of = |at: &usize| detection.selections.get(*at).is_some_and(|(_, s)| fast(s));
    match condition {
        Condition::Selection(at) => of(at),
        Condition::All(parts) => parts.iter().any(|p| can_be_fast(detection, p)),
        Condition::Any(parts) => parts.iter().all(|p| can_be_fast(detection, p)),
        Condition::Not(_) => false,
        Condition::Of { need, members } => {
            let slow = members.iter().filter(|m| !of(m)).count();
            // Those that hold are more than the slow ones.
            need.of(members.len()) > slow
        }
    }
}

fn fast(selection: &Selection) -> bool {
    match selection {
        Selection::All(parts) => parts.iter().any(fast),
        Selection::Any(parts) => parts.iter().all(fast),
        Selection::Item(item) => fast_item(item),
    }
}

fn fast_item(item: &Item) -> bool {
    use crate::modifier::{Join, Negation};
    if item.absent || item.negation == Negation::NotEqual {
        return false;
    }
    let value = |ops: &Vec<Op>| !ops.is_empty() && ops.iter().all(fast_op);
    match item.join {
        Join::All => item.values.iter().any(value),
        Join::Any => item.values.iter().all(value),
    }
}

fn fast_op(op: &Op) -> bool {
    match op {
        Op::Text { literal, .. } => !literal.is_empty(),
        Op::Glob { pattern, .. } => pattern.longest_text().is_some_and(|t| t.len() >= 2),
        Op::Number(_) => true,
        Op::Regex(source) => super::regex::required(source) >= 2,
        // A placeholder without a list never holds.
        Op::Placeholder(_) => true,
        Op::Cidr(_)
        | Op::Compare(..)
        | Op::Exists
        | Op::Null
        | Op::FieldRef { .. }
        | Op::Array(_)
        | Op::Time { .. } => false,
    }
}
