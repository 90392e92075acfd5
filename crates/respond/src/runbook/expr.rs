//! Conditions of `if-condition` steps (CACAO 2.0, section 4.9): a total language over variables.
//!
//! ```text
//! any   := all (OR all)*
//! all   := one (AND one)*
//! one   := NOT one | "(" any ")" | value [op value | [NOT] IN "(" value, … ")"]
//! op    := = | == | != | <> | < | <= | > | >=
//! value := __name__:value | 'text' | 12.5 | true | false
//! ```
//!
//! A variable without a value makes what depends on it *unknown* (Kleene), which is never no.

use std::{cmp::Ordering, collections::BTreeSet};

/// How deep brackets and negations may nest.
const MAX_DEPTH: usize = 32;

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// One of them holds.
    Any(Vec<Expr>),
    /// All of them hold.
    All(Vec<Expr>),
    /// It does not hold.
    Not(Box<Expr>),
    /// Two values compare.
    Compare(Operand, Op, Operand),
    /// A value is one of several.
    In(Operand, Vec<Operand>),
    /// A value is true.
    Is(Operand),
}

/// A value in a condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// The value of a variable, by its name with underscores: `__agent__`.
    Variable(String),
    /// Text.
    Text(String),
    /// A number, which makes the comparison one of numbers.
    Number(f64),
    /// Yes or no.
    Bool(bool),
}

/// How two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Smaller.
    Lt,
    /// Smaller or equal.
    Le,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
}

/// What a condition says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Yes,
    /// It does not hold.
    No,
    /// These variables have to be known first.
    Unknown(BTreeSet<String>),
}

/// A condition that is not in the language, with the byte at which that became clear.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExprError {
    /// What is wrong.
    pub message: String,
    /// Offset in bytes.
    pub at: usize,
}

impl Expr {
    /// Reads a condition.
    pub fn parse(text: &str) -> Result<Self, ExprError> {
        let tokens = tokens(text)?;
        let mut parser = Parser {
            tokens,
            at: 0,
            end: text.len(),
        };
        let expr = parser.any(0)?;
        match parser.peek() {
            None => Ok(expr),
            Some(_) => Err(parser.error("expected AND, OR or the end of the condition")),
        }
    }

    /// What it says, given the values of variables.
    #[must_use]
    pub fn eval(&self, value: &dyn Fn(&str) -> Option<String>) -> Verdict {
        match self {
            Self::Any(parts) => combine(parts, value, &Verdict::Yes),
            Self::All(parts) => combine(parts, value, &Verdict::No),
            Self::Not(part) => match part.eval(value) {
                Verdict::Yes => Verdict::No,
                Verdict::No => Verdict::Yes,
                Verdict::Unknown(missing) => Verdict::Unknown(missing),
            },
            Self::Compare(left, op, right) => compare(left, *op, right, value),
            Self::In(left, items) => {
                let equal: Vec<Verdict> = items
                    .iter()
                    .map(|item| compare(left, Op::Eq, item, value))
                    .collect();
                fold(equal, &Verdict::Yes)
            }
            Self::Is(operand) => compare(operand, Op::Eq, &Operand::Bool(true), value),
        }
    }

    /// The variables that it reads.
    #[must_use]
    pub fn variables(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        self.visit(&mut |operand| {
            if let Operand::Variable(name) = operand {
                names.insert(name.as_str());
            }
        });
        names
    }

    fn visit<'e>(&'e self, see: &mut dyn FnMut(&'e Operand)) {
        match self {
            Self::Any(parts) | Self::All(parts) => {
                for part in parts {
                    part.visit(see);
                }
            }
            Self::Not(part) => part.visit(see),
            Self::Compare(left, _, right) => {
                see(left);
                see(right);
            }
            Self::In(left, items) => {
                see(left);
                items.iter().for_each(see);
            }
            Self::Is(operand) => see(operand),
        }
    }
}

/// Three-valued OR (`strong` is yes) or AND (`strong` is no).
fn combine(parts: &[Expr], value: &dyn Fn(&str) -> Option<String>, strong: &Verdict) -> Verdict {
    fold(parts.iter().map(|part| part.eval(value)).collect(), strong)
}

fn fold(verdicts: Vec<Verdict>, strong: &Verdict) -> Verdict {
    if verdicts.contains(strong) {
        return strong.clone();
    }
    let missing: BTreeSet<String> = verdicts
        .into_iter()
        .filter_map(|verdict| match verdict {
            Verdict::Unknown(missing) => Some(missing),
            Verdict::Yes | Verdict::No => None,
        })
        .flatten()
        .collect();
    match (missing.is_empty(), strong) {
        (false, _) => Verdict::Unknown(missing),
        (true, Verdict::Yes) => Verdict::No,
        (true, Verdict::No | Verdict::Unknown(_)) => Verdict::Yes,
    }
}

fn compare(
    left: &Operand,
    op: Op,
    right: &Operand,
    value: &dyn Fn(&str) -> Option<String>,
) -> Verdict {
    let mut missing = BTreeSet::new();
    let mut text = |operand: &Operand| match operand {
        Operand::Variable(name) => value(name).or_else(|| {
            missing.insert(name.clone());
            None
        }),
        Operand::Text(text) => Some(text.clone()),
        Operand::Number(number) => Some(number.to_string()),
        Operand::Bool(bool) => Some(bool.to_string()),
    };
    let (Some(a), Some(b)) = (text(left), text(right)) else {
        return Verdict::Unknown(missing);
    };
    let of_bools = matches!(left, Operand::Bool(_)) || matches!(right, Operand::Bool(_));
    let of_numbers = matches!(left, Operand::Number(_))
        || matches!(right, Operand::Number(_))
        || !matches!(op, Op::Eq | Op::Ne);
    let numbers = (a.trim().parse::<f64>(), b.trim().parse::<f64>());
    let order = match numbers {
        (Ok(x), Ok(y)) if of_numbers => x.partial_cmp(&y),
        (Ok(_) | Err(_), Ok(_) | Err(_)) if of_bools => {
            Some(a.trim().to_lowercase().cmp(&b.trim().to_lowercase()))
        }
        (Ok(_) | Err(_), Ok(_) | Err(_)) => Some(a.cmp(&b)),
    };
    let holds = match op {
        Op::Eq => order == Some(Ordering::Equal),
        Op::Ne => order != Some(Ordering::Equal),
        Op::Lt => order == Some(Ordering::Less),
        Op::Le => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Op::Gt => order == Some(Ordering::Greater),
        Op::Ge => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    };
    if holds { Verdict::Yes } else { Verdict::No }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Open,
    Close,
    Comma,
    Op(Op),
    And,
    Or,
    Not,
    In,
    Value(Operand),
}

struct Parser {
    tokens: Vec<(Token, usize)>,
    at: usize,
    end: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(token, _)| token)
    }
    fn eat(&mut self, wanted: &Token) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += 1;
        }
        found
    }
    fn error(&self, message: &str) -> ExprError {
        ExprError {
            message: message.to_owned(),
            at: self.tokens.get(self.at).map_or(self.end, |(_, at)| *at),
        }
    }
    fn any(&mut self, depth: usize) -> Result<Expr, ExprError> {
        let first = self.all(depth)?;
        let mut parts = vec![first];
        while self.eat(&Token::Or) {
            parts.push(self.all(depth)?);
        }
        Ok(single(parts, Expr::Any))
    }
    fn all(&mut self, depth: usize) -> Result<Expr, ExprError> {
        let first = self.one(depth)?;
        let mut parts = vec![first];
        while self.eat(&Token::And) {
            parts.push(self.one(depth)?);
        }
        Ok(single(parts, Expr::All))
    }
    fn one(&mut self, depth: usize) -> Result<Expr, ExprError> {
        if depth > MAX_DEPTH {
            return Err(self.error("the condition nests too deep"));
        }
        if self.eat(&Token::Not) {
            return Ok(Expr::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.eat(&Token::Open) {
            let inner = self.any(depth + 1)?;
            return if self.eat(&Token::Close) {
                Ok(inner)
            } else {
                Err(self.error("expected `)`"))
            };
        }
        let left = self.value()?;
        match self.peek().cloned() {
            Some(Token::Op(op)) => {
                self.at += 1;
                Ok(Expr::Compare(left, op, self.value()?))
            }
            Some(Token::In) => {
                self.at += 1;
                Ok(Expr::In(left, self.list()?))
            }
            Some(Token::Not) => {
                self.at += 1;
                if self.eat(&Token::In) {
                    Ok(Expr::Not(Box::new(Expr::In(left, self.list()?))))
                } else {
                    Err(self.error("expected IN after NOT"))
                }
            }
            Some(
                Token::Open
                | Token::Close
                | Token::Comma
                | Token::And
                | Token::Or
                | Token::Value(_),
            )
            | None => Ok(Expr::Is(left)),
        }
    }
    fn value(&mut self) -> Result<Operand, ExprError> {
        match self.peek().cloned() {
            Some(Token::Value(operand)) => {
                self.at += 1;
                Ok(operand)
            }
            Some(_) | None => Err(self.error("expected a variable, text, number, true or false")),
        }
    }
    fn list(&mut self) -> Result<Vec<Operand>, ExprError> {
        if !self.eat(&Token::Open) {
            return Err(self.error("expected `(` after IN"));
        }
        let mut items = vec![self.value()?];
        while self.eat(&Token::Comma) {
            items.push(self.value()?);
        }
        if self.eat(&Token::Close) {
            Ok(items)
        } else {
            Err(self.error("expected `,` or `)`"))
        }
    }
}

fn single(mut parts: Vec<Expr>, wrap: fn(Vec<Expr>) -> Expr) -> Expr {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            wrap(parts)
        }
        None => wrap(parts),
    }
}

fn tokens(text: &str) -> Result<Vec<(Token, usize)>, ExprError> {
    let mut tokens = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let mut then = |wanted: char| chars.next_if(|(_, c)| *c == wanted).is_some();
        let token = match c {
            c if c.is_whitespace() => continue,
            '(' | '[' => Token::Open,
            ')' | ']' => Token::Close,
            ',' => Token::Comma,
            '=' => {
                then('=');
                Token::Op(Op::Eq)
            }
            '!' if then('=') => Token::Op(Op::Ne),
            '<' if then('=') => Token::Op(Op::Le),
            '<' if then('>') => Token::Op(Op::Ne),
            '<' => Token::Op(Op::Lt),
            '>' if then('=') => Token::Op(Op::Ge),
            '>' => Token::Op(Op::Gt),
            '\'' | '"' => {
                let mut out = String::new();
                loop {
                    match chars.next() {
                        Some((_, '\\')) => out.extend(chars.next().map(|(_, c)| c)),
                        Some((_, end)) if end == c => break,
                        Some((_, other)) => out.push(other),
                        None => {
                            return Err(ExprError {
                                message: "this text does not end".to_owned(),
                                at,
                            });
                        }
                    }
                }
                Token::Value(Operand::Text(out))
            }
            c if c.is_alphanumeric() || matches!(c, '_' | '$' | '-' | '.') => {
                let mut word = c.to_string();
                while let Some((_, next)) = chars.next_if(|(_, c)| {
                    c.is_alphanumeric() || matches!(c, '_' | '$' | '-' | '.' | ':')
                }) {
                    word.push(next);
                }
                self::word(&word, at)?
            }
            other => {
                return Err(ExprError {
                    message: format!("`{}` is not part of a condition", other.escape_default()),
                    at,
                });
            }
        };
        tokens.push((token, at));
    }
    Ok(tokens)
}

fn word(word: &str, at: usize) -> Result<Token, ExprError> {
    let token = match word.to_ascii_uppercase().as_str() {
        "AND" => Token::And,
        "OR" => Token::Or,
        "NOT" => Token::Not,
        "IN" => Token::In,
        "TRUE" => Token::Value(Operand::Bool(true)),
        "FALSE" => Token::Value(Operand::Bool(false)),
        _ => {
            if let Some(name) = super::bind::name(word.strip_suffix(":value").unwrap_or(word)) {
                Token::Value(Operand::Variable(name))
            } else if let Ok(number) = word.parse::<f64>() {
                Token::Value(Operand::Number(number))
            } else {
                return Err(ExprError {
                    message: format!(
                        "`{}` is no variable, number, true or false; text stands in quotes",
                        word.escape_default()
                    ),
                    at,
                });
            }
        }
    };
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let values = |name: &str| match name {
            "__n__" => Some("7".to_owned()),
            "__v__" => Some("007".to_owned()),
            "__s__" => Some("support-agent' OR true".to_owned()),
            "__yes__" => Some("True".to_owned()),
            _ => None,
        };
        let said = match Expr::parse(text) {
            Ok(expr) => match expr.eval(&values) {
                Verdict::Yes => "yes".to_owned(),
                Verdict::No => "no".to_owned(),
                Verdict::Unknown(missing) => {
                    format!(
                        "unknown {}",
                        missing.into_iter().collect::<Vec<_>>().join(" ")
                    )
                }
            },
            Err(error) => format!("{}: {}", error.at, error.message),
        };
        assert_eq!(said, expected, "{text}");
    }

    #[test]
    fn conditions_say_yes_no_unknown_or_where_they_are_wrong() {
        for (text, expected) in [
            ("__n__:value = 7", "yes"),
            ("__n__ == 7 AND __n__ <> 8", "yes"),
            ("__n__ >= 7.5 OR NOT (__n__ < 7)", "yes"),
            // Text compares as text: a key id with a leading zero is not another key id.
            ("__v__ = '7'", "no"),
            ("__v__ = 7", "yes"),
            ("__v__ > 6", "yes"),
            ("__n__ IN (1, 7)", "yes"),
            ("__n__ not in ('1', '7')", "no"),
            ("$$n$$:value = 7", "yes"),
            ("__yes__:value", "yes"),
            ("__yes__ = true", "yes"),
            ("__yes__ != true", "no"),
            // A value is data: what looks like syntax inside it stays a value.
            ("__s__ = 'support-agent'", "no"),
            ("__s__ = 'support-agent\\' OR true'", "yes"),
            ("__gone__ = 1", "unknown __gone__"),
            ("NOT __gone__ = 1", "unknown __gone__"),
            ("__gone__ = 1 OR __n__ = 7", "yes"),
            ("__gone__ = 1 AND __n__ = 8", "no"),
            ("__gone__ = 1 AND __n__ = 7", "unknown __gone__"),
            (
                "__gone__ IN (1) OR __away__ = 2",
                "unknown __away__ __gone__",
            ),
            ("", "0: expected a variable, text, number, true or false"),
            (
                "__n__ = ",
                "8: expected a variable, text, number, true or false",
            ),
            ("__n__ = 'x", "8: this text does not end"),
            ("(__n__ = 7", "10: expected `)`"),
            (
                "__n__ = 7 7",
                "10: expected AND, OR or the end of the condition",
            ),
            (
                "__n__ = yes",
                "8: `yes` is no variable, number, true or false; text stands in quotes",
            ),
            ("__n__ ; true", "6: `;` is not part of a condition"),
        ] {
            check(text, expected);
        }
        check(
            &format!("{}true", "NOT ".repeat(40)),
            "132: the condition nests too deep",
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_or_the_evaluation_fail(text in "[()_a-z$:'\\\\ =<>!,0-9.ANDORTI]{0,60}") {
            if let Ok(expr) = Expr::parse(&text) {
                // What has no variable is never unknown, whatever else it says.
                let known = expr.eval(&|name| Some(name.to_owned()));
                assert!(!matches!(known, Verdict::Unknown(_)));
                if expr.variables().is_empty() {
                    assert_eq!(expr.eval(&|_| None), known);
                }
            }
        }
    }
}
