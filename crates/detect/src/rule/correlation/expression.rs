//! Extended conditions of temporal correlations: which rules matched, and which did not.
//!
//! The grammar is that of the standard's extension for 2.2 (Sigma enhancement proposal 198): names
//! of rules with `and`, `or`, `not` and brackets. Beyond it a name may be followed by a bound on how
//! often the rule matched (`failed gte 5 and not success`), and `N of`, `any of`, `all of` take
//! `them` or names with `*`.

use super::{
    Reference,
    threshold::{BOUNDS, Threshold},
};
use crate::{
    diagnostics::{Report, code, did_you_mean},
    modifier::short,
    rule::condition::{Token, like, tokens},
    yaml::{Node, Span},
};

/// Deepest brackets.
const MAX_DEPTH: usize = 32;
/// Most words.
const MAX_TOKENS: usize = 512;

/// A condition over the rules of a correlation, which it names by their place in `rules`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    Rule { place: usize, times: Threshold },
    Of { need: usize, places: Vec<usize> },
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Not(Box<Expression>),
}

impl Expression {
    /// Whether it holds where the rule at each place matched `count(place)` times.
    pub(crate) fn holds(&self, count: &impl Fn(usize) -> u32) -> bool {
        match self {
            Self::Rule { place, times } => times.holds(f64::from(count(*place))),
            Self::Of { need, places } => {
                places.iter().filter(|place| count(**place) > 0).count() >= *need
            }
            Self::All(parts) => parts.iter().all(|p| p.holds(count)),
            Self::Any(parts) => parts.iter().any(|p| p.holds(count)),
            Self::Not(inside) => !inside.holds(count),
        }
    }
    /// Whether further matches can never undo it: then it can be judged as events come.
    pub(crate) fn is_lasting(&self) -> bool {
        self.lasts(true)
    }
    fn lasts(&self, positive: bool) -> bool {
        match self {
            Self::Rule { times, .. } if positive => times.is_lower_bound(),
            Self::Rule { times, .. } => times.is_upper_bound(),
            Self::Of { .. } => positive,
            Self::All(parts) | Self::Any(parts) => parts.iter().all(|p| p.lasts(positive)),
            Self::Not(inside) => inside.lasts(!positive),
        }
    }
    /// For each place: how many matches it asks for, 0 where it asks for none.
    pub(crate) fn wants(&self, rules: usize) -> Vec<usize> {
        let mut out = vec![0; rules];
        self.collect(true, &mut out);
        out
    }
    fn collect(&self, positive: bool, out: &mut [usize]) {
        match self {
            Self::Rule { place, times } => {
                let asks = if positive {
                    !times.is_upper_bound()
                } else {
                    times.is_upper_bound()
                };
                if asks && let Some(slot) = out.get_mut(*place) {
                    *slot = (*slot).max(times.fewest());
                }
            }
            Self::Of { places, .. } if positive => {
                for place in places {
                    if let Some(slot) = out.get_mut(*place) {
                        *slot = (*slot).max(1);
                    }
                }
            }
            Self::Of { .. } => {}
            Self::All(parts) | Self::Any(parts) => {
                for part in parts {
                    part.collect(positive, out);
                }
            }
            Self::Not(inside) => inside.collect(!positive, out),
        }
    }
}

/// Names in an expression in order of appearance: the correlation's rules where it lists none.
pub(super) fn names(node: &Node, report: &Report) -> Vec<Reference> {
    let mut out: Vec<Reference> = Vec::new();
    let mut after_of = false;
    for (at, word) in tokens(node.text().unwrap_or_default()) {
        let skip = std::mem::replace(&mut after_of, word == "of");
        let lower = word.to_ascii_lowercase();
        if skip
            || matches!(
                lower.as_str(),
                "(" | ")" | "|" | "and" | "or" | "not" | "of" | "all" | "any"
            )
            || word.parse::<f64>().is_ok()
            || BOUNDS.iter().any(|(b, _)| *b == word)
            || out.iter().any(|r| r.text == word)
        {
            continue;
        }
        out.push(Reference {
            text: word.to_owned(),
            place: report.place(node.part(at, word.chars().count())),
        });
    }
    out
}

/// Reads the expression; every name must be one of `rules`.
pub(super) fn read(node: &Node, rules: &[Reference], report: &mut Report) -> Option<Expression> {
    let mut parser = Parser {
        node,
        tokens: tokens(node.text().unwrap_or_default()),
        at: 0,
        rules,
        report,
    };
    if parser.tokens.len() > MAX_TOKENS {
        return parser.fail(
            node.span,
            format!("the condition has more than {MAX_TOKENS} words"),
            "chain correlations instead",
        );
    }
    let expression = parser.or(0)?;
    if let Some((_, word)) = parser.tokens.get(parser.at) {
        let at = parser.place();
        let message = format!("`{}` is not understood here", short(word));
        return parser.fail(at, message, "expected `and`, `or` or the end");
    }
    let unused: Vec<String> = rules
        .iter()
        .enumerate()
        .filter(|(place, _)| !expression.mentions(*place))
        .map(|(_, rule)| rule.text.clone())
        .collect();
    if let Some(first) = unused.first() {
        parser.report.warning(
            code::EXTENDED_CONDITION_UNUSED,
            node.span,
            format!("the condition never asks for `{}`", short(first)),
            "use it or remove it from `rules`",
        );
    }
    Some(expression)
}

impl Expression {
    fn mentions(&self, wanted: usize) -> bool {
        match self {
            Self::Rule { place, .. } => *place == wanted,
            Self::Of { places, .. } => places.contains(&wanted),
            Self::All(parts) | Self::Any(parts) => parts.iter().any(|p| p.mentions(wanted)),
            Self::Not(inside) => inside.mentions(wanted),
        }
    }
}

struct Parser<'a> {
    node: &'a Node,
    tokens: Vec<Token<'a>>,
    at: usize,
    rules: &'a [Reference],
    report: &'a mut Report,
}

impl<'a> Parser<'a> {
    fn or(&mut self, depth: usize) -> Option<Expression> {
        let mut parts = vec![self.and(depth)?];
        while self.take("or") {
            parts.push(self.and(depth)?);
        }
        Some(if parts.len() == 1 {
            parts.pop()?
        } else {
            Expression::Any(parts)
        })
    }
    fn and(&mut self, depth: usize) -> Option<Expression> {
        let mut parts = vec![self.not(depth)?];
        while self.take("and") {
            parts.push(self.not(depth)?);
        }
        Some(if parts.len() == 1 {
            parts.pop()?
        } else {
            Expression::All(parts)
        })
    }
    fn not(&mut self, depth: usize) -> Option<Expression> {
        if depth > MAX_DEPTH {
            let at = self.place();
            return self.fail(
                at,
                format!("brackets deeper than {MAX_DEPTH} levels"),
                "chain correlations instead",
            );
        }
        if self.take("not") {
            return Some(Expression::Not(Box::new(self.not(depth + 1)?)));
        }
        self.primary(depth)
    }
    fn primary(&mut self, depth: usize) -> Option<Expression> {
        let at = self.place();
        let Some(word) = self.next() else {
            return self.fail(
                at,
                "the condition ends where a rule is expected".to_owned(),
                "",
            );
        };
        if word == "(" {
            let inside = self.or(depth + 1)?;
            if self.take(")") {
                return Some(inside);
            }
            let at = self.place();
            return self.fail(at, "a bracket is not closed".to_owned(), "add `)`");
        }
        if self.peek() == Some("of") {
            self.at += 1;
            return self.of(word, at);
        }
        let Some(place) = self.rules.iter().position(|r| r.text == word) else {
            let near = did_you_mean(word, self.rules.iter().map(|r| r.text.as_str()));
            let help = if near.is_empty() {
                "name one of the correlation's `rules`".to_owned()
            } else {
                near
            };
            return self.fail(
                at,
                format!("`{}` is none of the correlation's rules", short(word)),
                &help,
            );
        };
        let bound = self
            .peek()
            .and_then(|next| BOUNDS.iter().find(|(name, _)| *name == next));
        let Some((word, bound)) = bound else {
            return Some(Expression::Rule {
                place,
                times: Threshold::at_least(1),
            });
        };
        self.at += 1;
        let at = self.place();
        let count = self.next().and_then(|n| n.parse::<u32>().ok());
        let Some(count) = count else {
            return self.fail(
                at,
                format!("`{word}` needs a whole number"),
                "such as `failed gte 5`",
            );
        };
        Some(Expression::Rule {
            place,
            times: Threshold::new(vec![(*bound, f64::from(count))]),
        })
    }
    fn of(&mut self, number: &str, number_at: Span) -> Option<Expression> {
        let at = self.place();
        let Some(pattern) = self.next() else {
            return self.fail(
                at,
                "expected `them` or names of rules after `of`".to_owned(),
                "",
            );
        };
        let places: Vec<usize> = self
            .rules
            .iter()
            .enumerate()
            .filter(|(_, r)| pattern == "them" || like(pattern, &r.text))
            .map(|(place, _)| place)
            .collect();
        let need = match number {
            "all" => places.len(),
            "any" => 1,
            number => match number.parse() {
                Ok(n) if n > 0 => n,
                _ => {
                    return self.fail(
                        number_at,
                        format!("`{}` is not understood before `of`", short(number)),
                        "expected a number from 1, `any` or `all`",
                    );
                }
            },
        };
        if places.is_empty() || need > places.len() {
            return self.fail(
                at,
                format!("there are not {need} rules named like `{}`", short(pattern)),
                "",
            );
        }
        Some(Expression::Of { need, places })
    }

    fn fail<T>(&mut self, at: Span, message: String, help: &str) -> Option<T> {
        self.report
            .error(code::EXTENDED_CONDITION, at, message, help);
        None
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
}
