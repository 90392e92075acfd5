//! STIX patterns: the whole grammar is read, the simple ones become values to match
//! (STIX 2.1, section 9).

mod ast;
mod lex;
mod simple;

pub use ast::{Comparison, Literal, ObjectPath, Observation, Op, Qualifier, Step};
use lex::{Kind, Token, lex};
pub(crate) use simple::{Sort, Term, simple};

/// Longer patterns are refused.
const MAX_BYTES: usize = 64 * 1024;
/// Deeper nesting is refused.
const MAX_DEPTH: usize = 64;

/// A pattern that does not follow the grammar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (at byte {at} of the pattern)")]
pub struct PatternError {
    /// Byte offset in the pattern.
    pub at: usize,
    /// What is wrong.
    pub message: String,
}

impl PatternError {
    fn new(at: usize, message: impl Into<String>) -> Self {
        Self {
            at,
            message: message.into(),
        }
    }
}

/// Reads a pattern.
pub fn parse_pattern(text: &str) -> Result<Observation, PatternError> {
    if text.len() > MAX_BYTES {
        return Err(PatternError::new(
            0,
            format!(
                "pattern has {} bytes, at most {MAX_BYTES} are read",
                text.len()
            ),
        ));
    }
    let mut parser = Parser {
        tokens: lex(text)?,
        next: 0,
        depth: 0,
        end: text.len(),
    };
    let pattern = parser.observations()?;
    match parser.peek() {
        None => Ok(pattern),
        Some(token) => Err(PatternError::new(token.at, "pattern goes on after its end")),
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
    end: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }
    fn at(&self) -> usize {
        self.peek().map_or(self.end, |t| t.at)
    }
    fn fail<T>(&self, message: impl Into<String>) -> Result<T, PatternError> {
        Err(PatternError::new(self.at(), message))
    }
    fn take(&mut self) -> Option<Kind> {
        let kind = self.tokens.get(self.next).map(|t| t.kind.clone());
        self.next += usize::from(kind.is_some());
        kind
    }
    fn mark(&mut self, wanted: char) -> bool {
        let found = matches!(self.peek(), Some(Token { kind: Kind::Mark(c), .. }) if *c == wanted);
        self.next += usize::from(found);
        found
    }
    fn need(&mut self, wanted: char) -> Result<(), PatternError> {
        if self.mark(wanted) {
            Ok(())
        } else {
            self.fail(format!("expected `{wanted}`"))
        }
    }
    fn word(&mut self, wanted: &str) -> bool {
        let found = matches!(self.peek(), Some(Token { kind: Kind::Word(w), .. }) if w == wanted);
        self.next += usize::from(found);
        found
    }
    fn down(&mut self) -> Result<(), PatternError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.fail(format!("pattern nests deeper than {MAX_DEPTH}"));
        }
        Ok(())
    }

    /// `FOLLOWEDBY` binds weakest, then `OR`, then `AND`.
    fn observations(&mut self) -> Result<Observation, PatternError> {
        self.down()?;
        let mut parts = vec![self.observation_or()?];
        while self.word("FOLLOWEDBY") {
            parts.push(self.observation_or()?);
        }
        self.depth -= 1;
        Ok(one_or(parts, Observation::FollowedBy))
    }
    fn observation_or(&mut self) -> Result<Observation, PatternError> {
        let mut parts = vec![self.observation_and()?];
        while self.word("OR") {
            parts.push(self.observation_and()?);
        }
        Ok(one_or(parts, Observation::Or))
    }
    fn observation_and(&mut self) -> Result<Observation, PatternError> {
        let mut parts = vec![self.observation()?];
        while self.word("AND") {
            parts.push(self.observation()?);
        }
        Ok(one_or(parts, Observation::And))
    }
    fn observation(&mut self) -> Result<Observation, PatternError> {
        let mut inner = if self.mark('[') {
            let test = self.comparison_or()?;
            self.need(']')?;
            Observation::Test(test)
        } else if self.mark('(') {
            let inner = self.observations()?;
            self.need(')')?;
            inner
        } else {
            return self.fail("expected `[` or `(`");
        };
        // Each qualifier wraps a box, so a flood of them would nest without brackets.
        for _ in 0..MAX_DEPTH {
            let Some(qualifier) = self.qualifier()? else {
                return Ok(inner);
            };
            inner = Observation::Qualified(Box::new(inner), qualifier);
        }
        self.fail(format!("more than {MAX_DEPTH} qualifiers"))
    }
    fn qualifier(&mut self) -> Result<Option<Qualifier>, PatternError> {
        if self.word("START") {
            let start = self.time()?;
            if !self.word("STOP") {
                return self.fail("expected `STOP`");
            }
            Ok(Some(Qualifier::StartStop(start, self.time()?)))
        } else if self.word("WITHIN") {
            let at = self.at();
            let Some(seconds) = self.number::<f64>().filter(|s| *s > 0.0) else {
                return Err(PatternError::new(
                    at,
                    "expected a number of seconds above 0",
                ));
            };
            if !self.word("SECONDS") {
                return self.fail("expected `SECONDS`");
            }
            Ok(Some(Qualifier::Within(seconds)))
        } else if self.word("REPEATS") {
            let at = self.at();
            let Some(times) = self.number::<u64>().filter(|n| *n > 0) else {
                return Err(PatternError::new(
                    at,
                    "expected a whole number of times above 0",
                ));
            };
            if !self.word("TIMES") {
                return self.fail("expected `TIMES`");
            }
            Ok(Some(Qualifier::Repeats(times)))
        } else {
            Ok(None)
        }
    }
    fn time(&mut self) -> Result<String, PatternError> {
        match self.peek().map(|t| &t.kind) {
            Some(Kind::Tagged('t', text)) => {
                let text = text.clone();
                self.next += 1;
                Ok(text)
            }
            _ => self.fail("expected a time such as t'2026-01-01T00:00:00Z'"),
        }
    }
    fn number<T: std::str::FromStr>(&mut self) -> Option<T> {
        match self.peek().map(|t| &t.kind) {
            Some(Kind::Number(text)) => {
                let value = text.parse().ok()?;
                self.next += 1;
                Some(value)
            }
            _ => None,
        }
    }

    fn comparison_or(&mut self) -> Result<Comparison, PatternError> {
        self.down()?;
        let mut parts = vec![self.comparison_and()?];
        while self.word("OR") {
            parts.push(self.comparison_and()?);
        }
        self.depth -= 1;
        Ok(one_or(parts, Comparison::Or))
    }
    fn comparison_and(&mut self) -> Result<Comparison, PatternError> {
        let mut parts = vec![self.test()?];
        while self.word("AND") {
            parts.push(self.test()?);
        }
        Ok(one_or(parts, Comparison::And))
    }
    fn test(&mut self) -> Result<Comparison, PatternError> {
        if self.mark('(') {
            let inner = self.comparison_or()?;
            self.need(')')?;
            return Ok(inner);
        }
        let negated = self.word("NOT");
        if self.word("EXISTS") {
            return Ok(Comparison::Test {
                path: self.path()?,
                negated,
                op: Op::Exists,
                values: Vec::new(),
            });
        }
        let path = self.path()?;
        let negated = self.word("NOT") || negated;
        let at = self.at();
        let op = match self.take() {
            Some(Kind::Op(op)) => match op {
                "=" => Op::Equal,
                "!=" => Op::NotEqual,
                "<" => Op::Less,
                "<=" => Op::LessOrEqual,
                ">" => Op::Greater,
                _ => Op::GreaterOrEqual,
            },
            Some(Kind::Word(word)) => match word.as_str() {
                "IN" => Op::In,
                "LIKE" => Op::Like,
                "MATCHES" => Op::Matches,
                "ISSUBSET" => Op::IsSubset,
                "ISSUPERSET" => Op::IsSuperset,
                _ => {
                    return Err(PatternError::new(
                        at,
                        format!("`{word}` is not a comparison operator"),
                    ));
                }
            },
            _ => return Err(PatternError::new(at, "expected a comparison operator")),
        };
        let values = if op == Op::In {
            self.set()?
        } else {
            vec![self.literal()?]
        };
        if matches!(op, Op::Like | Op::Matches | Op::IsSubset | Op::IsSuperset)
            && !values.iter().all(|v| matches!(v, Literal::Str(_)))
        {
            return Err(PatternError::new(
                at,
                format!("`{}` needs a string", op.as_str()),
            ));
        }
        Ok(Comparison::Test {
            path,
            negated,
            op,
            values,
        })
    }
    fn set(&mut self) -> Result<Vec<Literal>, PatternError> {
        self.need('(')?;
        let mut values = Vec::new();
        if self.mark(')') {
            return Ok(values);
        }
        loop {
            values.push(self.literal()?);
            if self.mark(')') {
                return Ok(values);
            }
            self.need(',')?;
        }
    }
    fn literal(&mut self) -> Result<Literal, PatternError> {
        let at = self.at();
        match self.take() {
            Some(Kind::Str(text)) => Ok(Literal::Str(text)),
            Some(Kind::Number(text)) => Ok(Literal::Number(text)),
            Some(Kind::Tagged('t', text)) => Ok(Literal::Time(text)),
            Some(Kind::Tagged('h', text)) => Ok(Literal::Hex(text)),
            Some(Kind::Tagged(_, text)) => Ok(Literal::Base64(text)),
            Some(Kind::Word(word)) if word == "true" => Ok(Literal::Bool(true)),
            Some(Kind::Word(word)) if word == "false" => Ok(Literal::Bool(false)),
            _ => Err(PatternError::new(
                at,
                "expected a value; text stands in single quotes",
            )),
        }
    }
    fn path(&mut self) -> Result<ObjectPath, PatternError> {
        let at = self.at();
        let Some(Kind::Word(object)) = self.take() else {
            return Err(PatternError::new(
                at,
                "expected an object path such as url:value",
            ));
        };
        self.need(':')?;
        let mut steps = vec![self.name()?];
        loop {
            if self.mark('.') {
                steps.push(self.name()?);
            } else if self.mark('[') {
                steps.push(if self.mark('*') {
                    Step::Any
                } else {
                    match self.number() {
                        Some(index) => Step::Index(index),
                        None => return self.fail("expected a whole number or `*`"),
                    }
                });
                self.need(']')?;
            } else {
                return Ok(ObjectPath { object, steps });
            }
        }
    }
    fn name(&mut self) -> Result<Step, PatternError> {
        let at = self.at();
        match self.take() {
            Some(Kind::Word(name) | Kind::Str(name)) => Ok(Step::Name(name)),
            _ => Err(PatternError::new(at, "expected the name of a property")),
        }
    }
}

fn one_or<T>(mut parts: Vec<T>, join: impl Fn(Vec<T>) -> T) -> T {
    match (parts.len(), parts.pop()) {
        (1, Some(one)) => one,
        (_, last) => {
            parts.extend(last);
            join(parts)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn precedence_and_brackets() {
        let shape = |text: &str| match parse_pattern(text).unwrap() {
            Observation::Test(Comparison::Or(parts)) => format!("or{}", parts.len()),
            Observation::Test(Comparison::And(parts)) => format!("and{}", parts.len()),
            Observation::Test(Comparison::Test { path, op, .. }) => {
                format!("{path} {}", op.as_str())
            }
            Observation::FollowedBy(parts) => format!("then{}", parts.len()),
            Observation::Or(parts) => format!("OR{}", parts.len()),
            Observation::And(parts) => format!("AND{}", parts.len()),
            Observation::Qualified(..) => "qualified".to_owned(),
        };
        for (text, expected) in [
            ("[a:b = 1 OR a:b = 2 AND a:c = 3]", "or2"),
            ("[(a:b = 1 OR a:b = 2) AND a:c = 3]", "and2"),
            ("[a:b=1] FOLLOWEDBY [a:b=2] OR [a:b=3]", "then2"),
            ("[a:b=1] AND [a:b=2] OR [a:b=3]", "OR2"),
            ("([a:b=1] AND [a:b=2]) WITHIN 5.5 SECONDS", "qualified"),
            (
                "[a:b=1] START t'2026-01-01T00:00:00Z' STOP t'2026-01-02T00:00:00Z'",
                "qualified",
            ),
            (
                "[file:hashes.'SHA-256' NOT IN ('a','b')]",
                "file:hashes.SHA-256 IN",
            ),
            ("[EXISTS a:b[*].c[0]]", "a:b[*].c[0] EXISTS"),
            ("/* c */ [ a:b == true ] // end", "a:b ="),
        ] {
            assert_eq!(shape(text), expected, "{text}");
        }
    }

    #[test]
    fn errors_name_the_place() {
        for (text, at) in [
            ("", 0),
            ("[url:value = 'x'", 16),
            ("[url:value 'x']", 11),
            ("[url:value = \"x\"]", 13),
            (r"[url:value = 'a\n']", 15),
            ("[url = 'x']", 5),
            ("[url:value MATCHES 5]", 11),
            ("[a:b=1] WITHIN 0 SECONDS", 15),
            ("[a:b=1] junk", 8),
        ] {
            assert_eq!(parse_pattern(text).unwrap_err().at, at, "{text}");
        }
        assert!(parse_pattern(&format!("{}[a:b=1]", "(".repeat(5000))).is_err());
        assert!(parse_pattern(&format!("[a:b=1]{}", " REPEATS 1 TIMES".repeat(5000))).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[\\[\\]()a-c:.'=<>!*,0-9 \\\\-]{0,60}|\\PC{0,40}") {
            drop(parse_pattern(&text));
        }
    }
}
