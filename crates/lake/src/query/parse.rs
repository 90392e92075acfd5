//! Tokens to a filter.

use super::{
    Field, FilterError, Needle, Node,
    field::Envelope,
    lex::{Kind, Lexer, Token, Where},
    value::{Like, Literal, Net, Order, Test},
};

/// Parentheses and `not` may nest this deep.
const MAX_DEPTH: usize = 64;

/// Parses `text`; empty text passes everything.
pub(super) fn parse(text: &str) -> Result<Node, FilterError> {
    let mut parser = Parser {
        lexer: Lexer::new(text),
        depth: 0,
    };
    if parser.lexer.peek(Where::Name).kind == Kind::End {
        return Ok(Node::All);
    }
    let node = parser.any_of(None)?;
    let rest = parser.lexer.next(Where::Name);
    match rest.kind {
        Kind::End => Ok(node),
        Kind::Close => Err(parser.lexer.unexpected(
            &rest,
            "the end",
            Some("this `)` has no `(` before it".to_owned()),
        )),
        Kind::Open | Kind::Operator | Kind::Word(_) | Kind::Quoted(_) | Kind::Unclosed => {
            Err(parser.lexer.unexpected(
                &rest,
                "`and`, `or` or the end",
                Some("put text that belongs together in quotes: \"two words\"".to_owned()),
            ))
        }
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    depth: usize,
}

/// The field that values inside parentheses belong to; none outside `field: (…)`.
type Of<'n> = Option<&'n str>;

impl Parser<'_> {
    fn place(of: Of<'_>) -> Where {
        match of {
            Some(_) => Where::Value,
            None => Where::Name,
        }
    }

    /// `a or b or c`
    fn any_of(&mut self, of: Of<'_>) -> Result<Node, FilterError> {
        let mut nodes = vec![self.all_of(of)?];
        while self.take_word("or", of) {
            nodes.push(self.all_of(of)?);
        }
        Ok(one_or(nodes, Node::Or))
    }

    /// `a and b and c`
    fn all_of(&mut self, of: Of<'_>) -> Result<Node, FilterError> {
        let mut nodes = vec![self.one(of)?];
        while self.take_word("and", of) {
            nodes.push(self.one(of)?);
        }
        Ok(one_or(nodes, Node::And))
    }

    fn take_word(&mut self, word: &str, of: Of<'_>) -> bool {
        let found = self.lexer.peek(Self::place(of)).kind.is_word(word);
        if found {
            self.lexer.next(Self::place(of));
        }
        found
    }

    /// `not a`, `(…)` or one condition.
    fn one(&mut self, of: Of<'_>) -> Result<Node, FilterError> {
        let token = self.lexer.next(Self::place(of));
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self
                .lexer
                .unexpected(&token, "at most 64 levels of nesting", None));
        }
        let node = if token.kind.is_word("not") {
            Node::Not(Box::new(self.one(of)?))
        } else if token.kind == Kind::Open {
            let inner = self.any_of(of)?;
            self.close(&token, of)?;
            inner
        } else if let Some(name) = of {
            self.value(name, &token)?
        } else {
            self.condition(&token)?
        };
        self.depth -= 1;
        Ok(node)
    }

    fn close(&mut self, open: &Token, of: Of<'_>) -> Result<(), FilterError> {
        let token = self.lexer.next(Self::place(of));
        if token.kind == Kind::Close {
            return Ok(());
        }
        let help = match token.kind {
            Kind::End => format!(
                "the `(` at character {} is still open",
                self.lexer.unexpected(open, "", None).column
            ),
            Kind::Open
            | Kind::Close
            | Kind::Operator
            | Kind::Word(_)
            | Kind::Quoted(_)
            | Kind::Unclosed => {
                "put text that belongs together in quotes: \"two words\"".to_owned()
            }
        };
        Err(self
            .lexer
            .unexpected(&token, "`and`, `or` or `)`", Some(help)))
    }

    /// `field: value`, `field >= value`, or bare text.
    fn condition(&mut self, token: &Token) -> Result<Node, FilterError> {
        let pieces = match &token.kind {
            Kind::Word(pieces) => pieces.clone(),
            Kind::Quoted(text) => vec![text.clone()],
            Kind::Operator => {
                return Err(self.lexer.unexpected(
                    token,
                    "a field name",
                    Some("write the field first: `event.action: login`".to_owned()),
                ));
            }
            Kind::Open | Kind::Close | Kind::Unclosed | Kind::End => {
                return Err(self.lexer.unexpected(token, "a condition", None));
            }
        };
        if self.lexer.peek(Where::Name).kind != Kind::Operator {
            return self.bare(token, &pieces);
        }
        let operator = self.lexer.next(Where::Name);
        let Some(name) = token.kind.plain().filter(|n| !n.is_empty()) else {
            return Err(self.lexer.unexpected(
                token,
                "a field name",
                Some("a field name has no quotes and no `*`".to_owned()),
            ));
        };
        let order = match self.lexer.show(&operator) {
            ":" => return self.after_colon(name),
            "<" => Order::Less,
            "<=" => Order::AtMost,
            ">" => Order::Greater,
            ">=" => Order::AtLeast,
            other => {
                let help = match other {
                    "=" | "==" => format!("equality is written `{name}: value`"),
                    "!=" | "<>" | "!" | "!:" => {
                        format!("inequality is written `not {name}: value`")
                    }
                    _ if other.starts_with(':') => {
                        format!(
                            "a comparison has no colon: `{name} {} value`",
                            other.trim_start_matches(':')
                        )
                    }
                    _ => "the operators are `:`, `<`, `<=`, `>` and `>=`".to_owned(),
                };
                return Err(self.lexer.unexpected(&operator, "an operator", Some(help)));
            }
        };
        let value = self.lexer.next(Where::Value);
        let text = match &value.kind {
            Kind::Quoted(text) => text.clone(),
            Kind::Word(_)
            | Kind::Open
            | Kind::Close
            | Kind::Operator
            | Kind::Unclosed
            | Kind::End => match value.kind.plain() {
                Some(text) => text.to_owned(),
                None => {
                    return Err(self
                        .lexer
                        .unexpected(&value, "one value to compare with", None));
                }
            },
        };
        let field = Field::named(name);
        let literal = self.literal(&field, &value, &text)?;
        Ok(Node::Field(field, Test::Compare(order, literal)))
    }

    fn after_colon(&mut self, name: &str) -> Result<Node, FilterError> {
        let token = self.lexer.next(Where::Value);
        if token.kind != Kind::Open {
            return self.value(name, &token);
        }
        let inner = self.any_of(Some(name))?;
        self.close(&token, Some(name))?;
        Ok(inner)
    }

    /// One value of `field: value`.
    fn value(&self, name: &str, token: &Token) -> Result<Node, FilterError> {
        let field = Field::named(name);
        let prose = Field::is_prose(name);
        let test = match &token.kind {
            Kind::Quoted(text) if prose => Test::Contains(Needle::new([text.as_str()].into_iter())),
            Kind::Quoted(text) => Test::Equals(self.literal(&field, token, text)?),
            Kind::Word(pieces) if pieces.iter().all(String::is_empty) => Test::Exists,
            Kind::Word(pieces) if prose => {
                Test::Contains(Needle::new(pieces.iter().map(String::as_str)))
            }
            Kind::Word(pieces) => match pieces.as_slice() {
                [word] if starts_comparison(word) => {
                    return Err(self.lexer.unexpected(
                        token,
                        &format!("a value for `{name}`"),
                        Some(format!("a comparison has no colon: `{name} {word}`")),
                    ));
                }
                [word]
                    if ["and", "or", "not"]
                        .iter()
                        .any(|k| word.eq_ignore_ascii_case(k)) =>
                {
                    return Err(self.lexer.unexpected(
                        token,
                        &format!("a value for `{name}`"),
                        Some(format!("if you mean the word itself, write \"{word}\"")),
                    ));
                }
                [word] => match Net::parse(word).filter(|_| name.ends_with("ip")) {
                    Some(net) => Test::InNet(net),
                    None => Test::Equals(self.literal(&field, token, word)?),
                },
                _ => Test::Like(Like::new(pieces)),
            },
            Kind::Open | Kind::Close | Kind::Operator | Kind::Unclosed | Kind::End => {
                return Err(self.lexer.unexpected(
                    token,
                    &format!("a value for `{name}`"),
                    Some(format!(
                        "`{name}: *` asks whether the field is there at all"
                    )),
                ));
            }
        };
        Ok(Node::Field(field, test))
    }

    fn literal(&self, field: &Field, token: &Token, text: &str) -> Result<Literal, FilterError> {
        let literal = Literal::new(text);
        let time = matches!(field, Field::Envelope(part) if Envelope::is_time(*part));
        if time && literal.micros.is_none() {
            return Err(self.lexer.unexpected(
                token,
                "a time",
                Some("write it as 2026-03-01T14:30:00Z, or 2026-03-01 for midnight UTC".to_owned()),
            ));
        }
        Ok(literal)
    }

    /// Text anywhere in the record.
    fn bare(&self, token: &Token, pieces: &[String]) -> Result<Node, FilterError> {
        if ["and", "or"].iter().any(|k| token.kind.is_word(k)) {
            return Err(self.lexer.unexpected(token, "a condition", None));
        }
        if pieces.iter().all(String::is_empty) {
            return match token.kind {
                Kind::Word(_) => Ok(Node::All),
                Kind::Open
                | Kind::Close
                | Kind::Operator
                | Kind::Quoted(_)
                | Kind::Unclosed
                | Kind::End => Err(self.lexer.unexpected(token, "text to look for", None)),
            };
        }
        Ok(Node::Text(Needle::new(pieces.iter().map(String::as_str))))
    }
}

fn starts_comparison(word: &str) -> bool {
    word.starts_with(['<', '>', '='])
}

fn one_or(mut nodes: Vec<Node>, many: fn(Vec<Node>) -> Node) -> Node {
    if nodes.len() > 1 {
        return many(nodes);
    }
    nodes.pop().unwrap_or(Node::All)
}
