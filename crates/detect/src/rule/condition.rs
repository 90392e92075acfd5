//! The condition grammar (Sigma 2.1, "Condition"): or, and, not, `N of`, brackets.

use crate::{
    diagnostics::{Report, code, did_you_mean},
    modifier::short,
    yaml::{Kind, Node, Span},
};

/// Deepest brackets.
const MAX_DEPTH: usize = 64;
/// Most words of one condition.
const MAX_TOKENS: usize = 4_096;

/// A condition over selections, which it names by their position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    Selection(usize),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Of { need: Need, members: Vec<usize> },
}

/// How many of the members must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    All,
    AtLeast(usize),
}

impl Need {
    /// As a number of `members`.
    pub(crate) fn of(self, members: usize) -> usize {
        match self {
            Self::All => members,
            Self::AtLeast(n) => n,
        }
    }
}

/// Reads one condition, or a list of them linked with or.
pub(super) fn read(
    node: &Node,
    names: &[(&str, &Node)],
    report: &mut Report,
) -> Option<(Condition, String)> {
    let nodes = match &node.kind {
        Kind::Scalar(_) => std::slice::from_ref(node),
        Kind::List(items) if !items.is_empty() => items.as_slice(),
        Kind::List(_) | Kind::Map(_) => {
            report.error(
                code::WRONG_TYPE,
                node.span,
                format!(
                    "`condition` must be text or a list of texts, not {}",
                    node.kind_word()
                ),
                "",
            );
            return None;
        }
    };
    let mut used = vec![false; names.len()];
    let mut alternatives = Vec::new();
    let mut texts = Vec::new();
    for node in nodes {
        let Some(text) = node.text() else {
            report.error(
                code::WRONG_TYPE,
                node.span,
                format!("a condition must be text, not {}", node.kind_word()),
                "",
            );
            return None;
        };
        let mut parser = Parser {
            node,
            tokens: tokens(text),
            at: 0,
            names,
            used: &mut used,
            report,
        };
        alternatives.push(parser.whole()?);
        texts.push(text.trim().to_owned());
    }
    for ((name, key), used) in names.iter().zip(&used) {
        if !used {
            report.warning(
                code::UNUSED_SELECTION,
                key.span,
                format!("the condition never uses `{}`", short(name)),
                "use it or remove it",
            );
        }
    }
    let condition = match alternatives.len() {
        1 => alternatives.pop()?,
        _ => Condition::Any(alternatives),
    };
    Some((condition, texts.join(" or ")))
}

/// A word or bracket, with its character offset.
pub(super) type Token<'a> = (usize, &'a str);

pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut out = Vec::new();
    let mut start: Option<(usize, usize)> = None;
    for (chars, (at, c)) in text.char_indices().enumerate() {
        let breaks = c.is_whitespace() || matches!(c, '(' | ')' | '|');
        if breaks {
            if let Some((char_at, byte_at)) = start.take() {
                out.push((char_at, text.get(byte_at..at).unwrap_or_default()));
            }
            if !c.is_whitespace() {
                out.push((chars, text.get(at..at + c.len_utf8()).unwrap_or_default()));
            }
        } else if start.is_none() {
            start = Some((chars, at));
        }
    }
    if let Some((char_at, byte_at)) = start {
        out.push((char_at, text.get(byte_at..).unwrap_or_default()));
    }
    out
}

struct Parser<'a> {
    node: &'a Node,
    tokens: Vec<Token<'a>>,
    at: usize,
    names: &'a [(&'a str, &'a Node)],
    used: &'a mut [bool],
    report: &'a mut Report,
}

impl<'a> Parser<'a> {
    fn whole(&mut self) -> Option<Condition> {
        if self.tokens.len() > MAX_TOKENS {
            self.report.error(
                code::CONDITION_TOO_LARGE,
                self.node.span,
                format!("the condition has more than {MAX_TOKENS} words"),
                "split the rule",
            );
            return None;
        }
        let condition = self.or(0)?;
        match self.peek() {
            None => Some(condition),
            Some("|") => {
                let at = self.place();
                self.report.error(
                    code::AGGREGATION,
                    at,
                    "aggregations behind `|` are no longer part of Sigma",
                    "write a correlation rule with `event_count` or `value_count`",
                );
                None
            }
            Some(word) => self.unexpected(word, "expected `and`, `or` or the end"),
        }
    }

    fn or(&mut self, depth: usize) -> Option<Condition> {
        let mut parts = vec![self.and(depth)?];
        while self.take("or") {
            parts.push(self.and(depth)?);
        }
        Some(if parts.len() == 1 {
            parts.pop()?
        } else {
            Condition::Any(parts)
        })
    }

    fn and(&mut self, depth: usize) -> Option<Condition> {
        let mut parts = vec![self.not(depth)?];
        while self.take("and") {
            parts.push(self.not(depth)?);
        }
        Some(if parts.len() == 1 {
            parts.pop()?
        } else {
            Condition::All(parts)
        })
    }

    fn not(&mut self, depth: usize) -> Option<Condition> {
        if depth > MAX_DEPTH {
            let at = self.place();
            self.report.error(
                code::CONDITION_TOO_LARGE,
                at,
                format!("brackets deeper than {MAX_DEPTH} levels"),
                "split the rule",
            );
            return None;
        }
        if self.take("not") {
            return Some(Condition::Not(Box::new(self.not(depth + 1)?)));
        }
        self.primary(depth)
    }

    fn primary(&mut self, depth: usize) -> Option<Condition> {
        let at = self.place();
        let Some(word) = self.next() else {
            self.report.error(
                code::CONDITION_SYNTAX,
                at,
                "the condition ends where a selection is expected",
                "",
            );
            return None;
        };
        if word == "(" {
            let inside = self.or(depth + 1)?;
            if self.take(")") {
                return Some(inside);
            }
            let at = self.place();
            self.report.error(
                code::CONDITION_SYNTAX,
                at,
                "a bracket is not closed",
                "add `)`",
            );
            return None;
        }
        if self.peek() == Some("of") {
            let need = match word {
                "all" => Some(Need::All),
                "any" => Some(Need::AtLeast(1)),
                number => number.parse().ok().filter(|n| *n > 0).map(Need::AtLeast),
            };
            let Some(need) = need else {
                self.at = self.at.saturating_sub(1);
                return self
                    .unexpected(word, "expected a number from 1, `any` or `all` before `of`");
            };
            self.at += 1;
            return self.of(need);
        }
        if let Some(found) = self.names.iter().position(|(name, _)| *name == word) {
            self.mark(found);
            return Some(Condition::Selection(found));
        }
        if matches!(word, ")" | "|" | "and" | "or" | "not" | "of" | "them") {
            self.at = self.at.saturating_sub(1);
            return self.unexpected(word, "expected the name of a selection");
        }
        self.report.error(
            code::UNKNOWN_SELECTION,
            at,
            format!("there is no selection `{}`", short(word)),
            did_you_mean(word, self.names.iter().map(|(name, _)| *name)),
        );
        None
    }

    fn of(&mut self, need: Need) -> Option<Condition> {
        let at = self.place();
        let Some(pattern) = self.next() else {
            self.report.error(
                code::CONDITION_SYNTAX,
                at,
                "expected `them` or the names of selections after `of`",
                "",
            );
            return None;
        };
        let members: Vec<usize> = self
            .names
            .iter()
            .enumerate()
            .filter(|(_, (name, _))| match pattern {
                "them" => !name.starts_with('_'),
                pattern => like(pattern, name),
            })
            .map(|(at, _)| at)
            .collect();
        if members.is_empty() {
            self.report.error(
                code::EMPTY_PATTERN,
                at,
                format!("no selection is named like `{}`", short(pattern)),
                did_you_mean(
                    pattern.trim_end_matches('*'),
                    self.names.iter().map(|(name, _)| *name),
                ),
            );
            return None;
        }
        for member in &members {
            self.mark(*member);
        }
        if need.of(members.len()) > members.len() {
            self.report.warning(
                code::EMPTY_PATTERN,
                at,
                format!(
                    "only {} selections are named like `{}`, so this never holds",
                    members.len(),
                    short(pattern)
                ),
                "lower the number",
            );
        }
        Some(Condition::Of { need, members })
    }

    fn mark(&mut self, selection: usize) {
        if let Some(used) = self.used.get_mut(selection) {
            *used = true;
        }
    }
    fn peek(&self) -> Option<&'a str> {
        self.tokens.get(self.at).map(|(_, word)| *word)
    }
    fn next(&mut self) -> Option<&'a str> {
        let word = self.peek();
        self.at += 1;
        word
    }
    fn take(&mut self, word: &str) -> bool {
        let there = self
            .peek()
            .is_some_and(|next| next.eq_ignore_ascii_case(word));
        self.at += usize::from(there);
        there
    }
    fn place(&self) -> Span {
        if let Some((offset, word)) = self.tokens.get(self.at) {
            return self.node.part(*offset, word.chars().count());
        }
        let length = self.node.text().unwrap_or_default().chars().count();
        self.node.part(length.saturating_sub(1), 1)
    }
    fn unexpected(&mut self, word: &str, wanted: &str) -> Option<Condition> {
        let at = self.place();
        self.report.error(
            code::CONDITION_SYNTAX,
            at,
            format!("`{}` is not understood here", short(word)),
            wanted,
        );
        None
    }
}

/// Wildcards `*` at any place in the names of selections.
pub(super) fn like(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let Some(mut part) = parts.next() else {
        return rest.is_empty();
    };
    for next in parts {
        match rest.find(part).and_then(|at| rest.get(at + part.len()..)) {
            Some(after) => rest = after,
            None => return false,
        }
        part = next;
    }
    rest.ends_with(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn check(condition: &str, want: &str) {
        let text =
            format!("a: x\nb: x\nsel_1: x\nsel_2: x\n_hid: x\nand_f: x\ncondition: {condition}\n");
        let mut report = Report::new("t.yml");
        let documents = yaml::read(&text, &mut report);
        let root = &documents[0].root;
        let names: Vec<_> = root
            .map()
            .unwrap()
            .iter()
            .map(|(k, _)| (k.text().unwrap(), k))
            .filter(|(n, _)| *n != "condition")
            .collect();
        let got = if let Some((condition, _)) =
            read(root.get("condition").unwrap(), &names, &mut report)
        {
            show(&condition, &names)
        } else {
            let d = report
                .diagnostics()
                .iter()
                .find(|d| d.level == watchfloor_types::Level::Error)
                .unwrap();
            format!("{} at {}", d.code, d.place.as_ref().unwrap().column)
        };
        assert_eq!(got, want, "{condition}");
    }

    fn show(condition: &Condition, names: &[(&str, &Node)]) -> String {
        let list = |parts: &[Condition]| {
            parts
                .iter()
                .map(|p| show(p, names))
                .collect::<Vec<_>>()
                .join(" ")
        };
        match condition {
            Condition::Selection(at) => names[*at].0.to_owned(),
            Condition::All(parts) => format!("(and {})", list(parts)),
            Condition::Any(parts) => format!("(or {})", list(parts)),
            Condition::Not(inside) => format!("(not {})", show(inside, names)),
            Condition::Of { need, members } => {
                let members: Vec<_> = members.iter().map(|m| names[*m].0).collect();
                format!("({} of {})", need.of(members.len()), members.join(" "))
            }
        }
    }

    #[test]
    fn the_grammar() {
        for (condition, want) in [
            ("a", "a"),
            ("a or b and not sel_1", "(or a (and b (not sel_1)))"),
            ("(a or b) and sel_1", "(and (or a b) sel_1)"),
            ("not not a", "(not (not a))"),
            ("1 of sel_*", "(1 of sel_1 sel_2)"),
            ("all of sel*1", "(1 of sel_1)"),
            ("2 of them", "(2 of a b sel_1 sel_2 and_f)"),
            ("not 1 of sel_* and a", "(and (not (1 of sel_1 sel_2)) a)"),
            ("and_f AND a", "(and and_f a)"),
            ("[a, b and sel_1]", "(or a (and b sel_1))"),
            ("a or c", "R026 at 17"),
            ("a and", "R025 at 16"),
            ("(a or b", "R025 at 18"),
            ("a b", "R025 at 14"),
            ("1 of nope*", "R027 at 17"),
            ("0 of sel_*", "R025 at 12"),
            ("a | count() > 5", "R030 at 14"),
            ("'a or c'", "R026 at 18"),
        ] {
            check(condition, want);
        }
        check(&"(".repeat(100), "R029 at 77");
    }
}
