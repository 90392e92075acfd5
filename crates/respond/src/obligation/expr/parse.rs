//! Text to expression. Positions count characters from 0.

use super::{Compare, Expr, ExprError, Kind, Node, Period, Span, TimeOfDay, Unit, Which};

/// Longest expression in bytes and deepest nesting.
const MAX_BYTES: usize = 4096;
const MAX_DEPTH: usize = 48;

/// Parses `text`, or says what is wrong and where.
///
/// ```text
/// or      = and { "||" and }                 compare = sum [ op sum | "in" "[" text { "," text } "]" ]
/// and     = not { "&&" not }                 sum     = primary { "+" period } [ "@" hh:mm ]
/// not     = "!" not | compare                primary = name | text | count | call | "(" or ")"
/// ```
pub(crate) fn parse(text: &str) -> Result<Expr, ExprError> {
    if text.len() > MAX_BYTES {
        return Err(error(
            Span {
                start: 0,
                length: 1,
            },
            "the expression is longer than 4096 bytes",
        ));
    }
    let mut parser = Parser {
        tokens: tokens(text)?,
        next: 0,
        end: text.chars().count(),
        depth: 0,
    };
    let root = parser.or()?;
    match parser.peek() {
        None => Ok(Expr {
            root,
            text: text.to_owned(),
        }),
        Some(token) => Err(error(token.span, "nothing may follow here")),
    }
}

fn error(span: Span, message: impl Into<String>) -> ExprError {
    ExprError {
        span,
        message: message.into(),
        help: None,
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Word {
    Name(String),
    Text(String),
    Count(i64),
    /// A number with a unit written to it: `72h`.
    Period(Period),
    Time(TimeOfDay),
    Sign(&'static str),
}

#[derive(Debug, Clone, PartialEq)]
struct Token {
    word: Word,
    span: Span,
}

const SIGNS: &[&str] = &[
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "(", ")", "[", "]", ",", "+", "@",
];

fn tokens(text: &str) -> Result<Vec<Token>, ExprError> {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied();
    let mut tokens = Vec::new();
    let mut i = 0;
    while let Some(c) = at(i) {
        let start = i;
        if c.is_whitespace() {
            i += 1;
            continue;
        }
        let word = if c.is_ascii_alphabetic() {
            while at(i).is_some_and(|c| {
                c.is_ascii_alphanumeric()
                    || matches!(c, '.' | '_')
                    || (c == '-' && at(i + 1).is_some_and(|c| c.is_ascii_alphanumeric()))
            }) {
                i += 1;
            }
            Word::Name(slice(&chars, start, i))
        } else if c == '\'' || c == '"' {
            i += 1;
            while at(i).is_some_and(|d| d != c) {
                i += 1;
            }
            if at(i).is_none() {
                let span = Span {
                    start,
                    length: i - start,
                };
                return Err(error(span, format!("the text is not closed by {c}")));
            }
            i += 1;
            Word::Text(slice(&chars, start + 1, i - 1))
        } else if c.is_ascii_digit() {
            number(&chars, &mut i)?
        } else {
            let rest = slice(&chars, i, (i + 2).min(chars.len()));
            let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) else {
                return Err(error(
                    Span { start, length: 1 },
                    format!("`{c}` has no meaning here"),
                ));
            };
            i += sign.len();
            Word::Sign(sign)
        };
        tokens.push(Token {
            word,
            span: Span {
                start,
                length: i - start,
            },
        });
    }
    Ok(tokens)
}

fn slice(chars: &[char], from: usize, to: usize) -> String {
    chars.get(from..to).unwrap_or_default().iter().collect()
}

/// `72`, `72h`, `17:30`.
fn number(chars: &[char], i: &mut usize) -> Result<Word, ExprError> {
    let start = *i;
    let run = |i: &mut usize, test: fn(&char) -> bool| {
        let from = *i;
        while chars.get(*i).is_some_and(test) {
            *i += 1;
        }
        slice(chars, from, *i)
    };
    let digits = run(i, char::is_ascii_digit);
    let count: i64 = digits.parse().map_err(|_| {
        error(
            Span {
                start,
                length: digits.len(),
            },
            "the number is too large",
        )
    })?;
    if chars.get(*i) == Some(&':') {
        *i += 1;
        let minute = run(i, char::is_ascii_digit);
        let span = Span {
            start,
            length: *i - start,
        };
        return match (i8::try_from(count), minute.parse::<i8>()) {
            (Ok(hour @ 0..=23), Ok(minute @ 0..=59)) => Ok(Word::Time(TimeOfDay { hour, minute })),
            _ => Err(error(span, "this is not a time of the day such as 17:30")),
        };
    }
    let unit = run(i, char::is_ascii_alphabetic);
    if unit.is_empty() {
        return Ok(Word::Count(count));
    }
    let span = Span {
        start,
        length: *i - start,
    };
    period(count, &unit, span).map(Word::Period)
}

fn period(count: i64, unit: &str, span: Span) -> Result<Period, ExprError> {
    let unit = match unit {
        "h" | "hour" | "hours" => Unit::Hours,
        "d" | "day" | "days" => Unit::Days,
        "bd" => Unit::BusinessDays,
        "week" | "weeks" => Unit::Weeks,
        "month" | "months" => Unit::Months,
        "year" | "years" => Unit::Years,
        _ => {
            return Err(ExprError {
                span,
                message: format!("`{unit}` is not a unit of time"),
                help: Some("one of h, d, bd, weeks, months, years".to_owned()),
            });
        }
    };
    match u16::try_from(count) {
        Ok(count @ 1..=9999) => Ok(Period { count, unit }),
        Ok(_) | Err(_) => Err(error(span, "a period is from 1 to 9999")),
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    end: usize,
    depth: usize,
}

type Parsed = Result<Node, ExprError>;

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }
    fn here(&self) -> Span {
        self.peek().map_or(
            Span {
                start: self.end,
                length: 1,
            },
            |token| token.span,
        )
    }
    fn take(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Token { word: Word::Sign(s), .. }) if *s == sign);
        self.next += usize::from(found);
        found
    }
    fn expect(&mut self, sign: &str) -> Result<(), ExprError> {
        if self.take(sign) {
            Ok(())
        } else {
            Err(error(self.here(), format!("`{sign}` is missing here")))
        }
    }
    /// From `start` to the end of what was read last.
    fn since(&self, start: Span) -> Span {
        let end = self
            .next
            .checked_sub(1)
            .and_then(|i| self.tokens.get(i))
            .map_or(start.start + start.length, |t| t.span.start + t.span.length);
        Span {
            start: start.start,
            length: end.saturating_sub(start.start).max(1),
        }
    }
    fn node(&self, start: Span, kind: Kind) -> Node {
        Node {
            kind,
            span: self.since(start),
        }
    }

    fn or(&mut self) -> Parsed {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(error(self.here(), "the expression is nested too deeply"));
        }
        let node = self.chain("||", Self::and, Kind::Any);
        self.depth -= 1;
        node
    }
    fn and(&mut self) -> Parsed {
        self.chain("&&", Self::not, Kind::All)
    }
    fn chain(
        &mut self,
        sign: &str,
        inner: fn(&mut Self) -> Parsed,
        kind: fn(Vec<Node>) -> Kind,
    ) -> Parsed {
        let start = self.here();
        let first = inner(self)?;
        let mut all = vec![first];
        while self.take(sign) {
            all.push(inner(self)?);
        }
        if all.len() == 1
            && let Some(only) = all.pop()
        {
            return Ok(only);
        }
        Ok(self.node(start, kind(all)))
    }
    fn not(&mut self) -> Parsed {
        let start = self.here();
        let mut turns = 0usize;
        while self.take("!") {
            turns += 1;
        }
        let mut node = self.compare()?;
        if turns > MAX_DEPTH {
            return Err(error(start, "the expression is nested too deeply"));
        }
        for _ in 0..turns {
            node = self.node(start, Kind::Not(Box::new(node)));
        }
        Ok(node)
    }
    fn compare(&mut self) -> Parsed {
        let start = self.here();
        let left = self.sum()?;
        for compare in Compare::ALL {
            if self.take(compare.as_str()) {
                let right = self.sum()?;
                return Ok(self.node(
                    start,
                    Kind::Compare(*compare, Box::new(left), Box::new(right)),
                ));
            }
        }
        if matches!(self.peek(), Some(Token { word: Word::Name(name), .. }) if name == "in") {
            self.next += 1;
            self.expect("[")?;
            let mut texts = Vec::new();
            loop {
                match self.peek().map(|token| token.word.clone()) {
                    Some(Word::Text(text)) => texts.push(text),
                    _ => return Err(error(self.here(), "a text in quotes is missing here")),
                }
                self.next += 1;
                if !self.take(",") {
                    break;
                }
            }
            self.expect("]")?;
            return Ok(self.node(start, Kind::OneOf(Box::new(left), texts)));
        }
        Ok(left)
    }
    fn sum(&mut self) -> Parsed {
        let start = self.here();
        let mut node = self.primary()?;
        let mut terms = 0;
        while self.take("+") {
            terms += 1;
            if terms > MAX_DEPTH {
                return Err(error(self.here(), "too many periods in one sum"));
            }
            let period = self.period()?;
            node = self.node(start, Kind::Add(Box::new(node), period));
        }
        if self.take("@") {
            let Some(Token {
                word: Word::Time(time),
                ..
            }) = self.peek()
            else {
                return Err(error(
                    self.here(),
                    "a time of the day such as 17:30 is missing here",
                ));
            };
            let time = *time;
            self.next += 1;
            node = self.node(start, Kind::At(Box::new(node), time));
        }
        Ok(node)
    }
    fn period(&mut self) -> Result<Period, ExprError> {
        let here = self.here();
        let missing = || ExprError {
            span: here,
            message: "a period is missing here".to_owned(),
            help: Some("write 72h, 15d, 4bd, 2 weeks, 1 month or 1 year".to_owned()),
        };
        match self.peek().map(|token| token.word.clone()) {
            Some(Word::Period(period)) => {
                self.next += 1;
                Ok(period)
            }
            Some(Word::Count(count)) => {
                self.next += 1;
                match self.peek().map(|token| token.word.clone()) {
                    Some(Word::Name(unit)) => {
                        self.next += 1;
                        period(count, &unit, self.since(here))
                    }
                    _ => Err(missing()),
                }
            }
            _ => Err(missing()),
        }
    }
    fn primary(&mut self) -> Parsed {
        let start = self.here();
        if self.take("(") {
            let node = self.or()?;
            self.expect(")")?;
            return Ok(node);
        }
        let Some(token) = self.peek().cloned() else {
            return Err(error(start, "the expression ends too early"));
        };
        self.next += 1;
        match token.word {
            Word::Text(text) => Ok(self.node(start, Kind::Text(text))),
            Word::Count(count) => Ok(self.node(start, Kind::Count(count))),
            Word::Name(name) if name == "true" || name == "false" => {
                Ok(self.node(start, Kind::Truth(name == "true")))
            }
            Word::Name(name) if self.take("(") => self.call(start, &name),
            Word::Name(name) => {
                let fact = name
                    .parse()
                    .map_err(|_| error(start, format!("`{name}` is not the name of a fact")))?;
                Ok(self.node(start, Kind::Fact(fact)))
            }
            Word::Period(_) => Err(error(start, "a period can only be added to a moment")),
            Word::Time(_) => Err(error(start, "a time of the day can only follow `@`")),
            Word::Sign(sign) => Err(error(
                start,
                format!("`{sign}` cannot stand here; a value is missing"),
            )),
        }
    }
    fn call(&mut self, start: Span, name: &str) -> Parsed {
        let kind = match name {
            "decided" => Kind::Decided(self.name_argument()?),
            "decided_at" => Kind::DecidedAt(self.name_argument()?),
            "submitted" => Kind::Submitted(self.name_argument()?, Which::First),
            "latest_submitted" => Kind::Submitted(self.name_argument()?, Which::Latest),
            "min" => Kind::Min(self.several()?),
            "max" => Kind::Max(self.several()?),
            "first_defined" => Kind::FirstDefined(self.several()?),
            "soft" => Kind::Soft(self.one()?),
            "end_of_day" => Kind::EndOfDay(self.one()?),
            "end_of_year" => Kind::EndOfYear(self.one()?),
            "next_working_day" => Kind::NextWorkingDay(self.one()?),
            "is_nonworking" => Kind::IsNonworking(self.one()?),
            "if" => {
                let condition = self.one()?;
                self.expect(",")?;
                let then = self.one()?;
                self.expect(",")?;
                Kind::If(condition, then, self.one()?)
            }
            _ => {
                return Err(ExprError {
                    span: start,
                    message: format!("there is no function `{name}`"),
                    help: Some(
                        "one of decided, decided_at, submitted, latest_submitted, min, max, if, \
                         first_defined, soft, end_of_day, end_of_year, next_working_day, \
                         is_nonworking"
                            .to_owned(),
                    ),
                });
            }
        };
        self.expect(")")?;
        Ok(self.node(start, kind))
    }
    fn one(&mut self) -> Result<Box<Node>, ExprError> {
        Ok(Box::new(self.or()?))
    }
    fn several(&mut self) -> Result<Vec<Node>, ExprError> {
        let mut all = vec![self.or()?];
        while self.take(",") {
            all.push(self.or()?);
        }
        Ok(all)
    }
    fn name_argument<T: std::str::FromStr>(&mut self) -> Result<T, ExprError> {
        let here = self.here();
        match self.peek().map(|token| token.word.clone()) {
            Some(Word::Name(name) | Word::Text(name)) => {
                self.next += 1;
                name.parse()
                    .map_err(|_| error(here, format!("`{name}` is not a name")))
            }
            _ => Err(error(here, "a name is missing here")),
        }
    }
}
