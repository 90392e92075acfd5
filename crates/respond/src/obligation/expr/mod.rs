//! The language of deadlines: small, total, without loops, clock or input.
//!
//! An expression says when a stage applies (`decided(sec.material) && entity.sec_registrant`) or
//! when it is due (`decided_at(sec.material) + 4bd @ 17:30`). It reads facts, determinations and
//! filings, each of which may be unknown, and evaluation never fails: see [`super::eval`].

mod check;
mod parse;

pub(crate) use check::{Calendar, Scope, check};
pub(crate) use parse::parse;

use watchfloor_types::{FactName, ObligationId};

use super::FactKind;
use crate::word::words;

/// A parsed expression and its text.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    pub(crate) root: Node,
    text: String,
}

impl Expr {
    /// As written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Where in the expression, in characters from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) length: usize,
}

/// What is wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExprError {
    pub(crate) span: Span,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Truth(bool),
    Count(i64),
    Text(String),
    Fact(FactName),
    Decided(FactName),
    DecidedAt(FactName),
    Submitted(ObligationId, Which),
    Not(Box<Node>),
    All(Vec<Node>),
    Any(Vec<Node>),
    Compare(Compare, Box<Node>, Box<Node>),
    OneOf(Box<Node>, Vec<String>),
    Add(Box<Node>, Period),
    At(Box<Node>, TimeOfDay),
    Min(Vec<Node>),
    Max(Vec<Node>),
    If(Box<Node>, Box<Node>, Box<Node>),
    FirstDefined(Vec<Node>),
    Soft(Box<Node>),
    EndOfDay(Box<Node>),
    EndOfYear(Box<Node>),
    NextWorkingDay(Box<Node>),
    IsNonworking(Box<Node>),
}

/// Which of several filings of one stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    First,
    Latest,
}

words! {
    /// How two values are compared.
    Compare, "a comparison", {
        /// Equal.
        Equal = "==",
        /// Not equal.
        Unequal = "!=",
        /// Less or earlier.
        Less = "<",
        /// Less, earlier or equal.
        AtMost = "<=",
        /// More or later.
        More = ">",
        /// More, later or equal.
        AtLeast = ">=",
    }
}

words! {
    /// The unit of a period.
    Unit, "a unit of time", {
        /// Elapsed hours.
        Hours = "h",
        /// Calendar days.
        Days = "d",
        /// Working days of the regime's calendar.
        BusinessDays = "bd",
        /// Calendar weeks.
        Weeks = "weeks",
        /// Calendar months.
        Months = "months",
        /// Calendar years.
        Years = "years",
    }
}

/// A period of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// How many.
    pub count: u16,
    /// Of what.
    pub unit: Unit,
}

impl std::fmt::Display for Period {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self.unit {
            Unit::Hours => "hour",
            Unit::Days => "day",
            Unit::BusinessDays => "business day",
            Unit::Weeks => "week",
            Unit::Months => "month",
            Unit::Years => "year",
        };
        let plural = if self.count == 1 { "" } else { "s" };
        write!(f, "{} {name}{plural}", self.count)
    }
}

/// A time of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeOfDay {
    pub(crate) hour: i8,
    pub(crate) minute: i8,
}

impl Node {
    /// The kind of value that the expression gives, given the kinds of facts. None where a fact is
    /// not declared.
    pub(crate) fn ty(&self, fact: &impl Fn(&FactName) -> Option<FactKind>) -> Option<FactKind> {
        match &self.kind {
            Kind::Truth(_)
            | Kind::Decided(_)
            | Kind::Not(_)
            | Kind::All(_)
            | Kind::Any(_)
            | Kind::Compare(..)
            | Kind::OneOf(..)
            | Kind::IsNonworking(_) => Some(FactKind::Truth),
            Kind::Count(_) => Some(FactKind::Count),
            Kind::Text(_) => Some(FactKind::Text),
            Kind::Fact(name) => fact(name),
            Kind::DecidedAt(_)
            | Kind::Submitted(..)
            | Kind::Add(..)
            | Kind::At(..)
            | Kind::Min(_)
            | Kind::Max(_)
            | Kind::Soft(_)
            | Kind::EndOfDay(_)
            | Kind::EndOfYear(_)
            | Kind::NextWorkingDay(_) => Some(FactKind::Moment),
            Kind::If(_, then, _) => then.ty(fact),
            Kind::FirstDefined(all) => all.first().and_then(|first| first.ty(fact)),
        }
    }

    /// The fact or determination that it reads itself.
    pub(crate) fn name(&self) -> Option<&FactName> {
        if let Kind::Fact(name) | Kind::Decided(name) | Kind::DecidedAt(name) = &self.kind {
            Some(name)
        } else {
            None
        }
    }

    /// Whether its value is that of one of several expressions inside.
    pub(crate) fn chooses(&self) -> bool {
        matches!(self.kind, Kind::Min(_) | Kind::Max(_) | Kind::If(..))
    }

    /// The expressions directly inside.
    pub(crate) fn children(&self) -> Vec<&Node> {
        match &self.kind {
            Kind::Truth(_)
            | Kind::Count(_)
            | Kind::Text(_)
            | Kind::Fact(_)
            | Kind::Decided(_)
            | Kind::DecidedAt(_)
            | Kind::Submitted(..) => Vec::new(),
            Kind::Not(one)
            | Kind::OneOf(one, _)
            | Kind::Add(one, _)
            | Kind::At(one, _)
            | Kind::Soft(one)
            | Kind::EndOfDay(one)
            | Kind::EndOfYear(one)
            | Kind::NextWorkingDay(one)
            | Kind::IsNonworking(one) => vec![one],
            Kind::All(all)
            | Kind::Any(all)
            | Kind::Min(all)
            | Kind::Max(all)
            | Kind::FirstDefined(all) => all.iter().collect(),
            Kind::Compare(_, a, b) => vec![a, b],
            Kind::If(a, b, c) => vec![a, b, c],
        }
    }
}
