//! Selectors of array members (`sigma-version: 3`, SEP 212): one slow ask each, answered on demand
//! from the member's own text. The members are read as a tree, for a record of which all that is
//! cheaper holds already.

use std::{
    borrow::Cow,
    hash::{Hash, Hasher},
    sync::Arc,
};

use serde_json::Value;

use super::{
    answer,
    expression::Expression,
    state::{At, State, text_of},
};
use crate::{
    fold::folded,
    modifier::{Join, Negation},
    op::{Case, Op},
    rule::{Condition, Detection, Field, Item, Selection},
};

/// Which members must satisfy the nested detection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Members {
    Any,
    /// Every member, and there is one.
    All,
    AllOrEmpty,
    None,
    /// The one at a position; negative ones count from the end.
    At(i64),
}

impl Members {
    /// Whether an array without members, or none at all, satisfies it.
    pub(crate) fn takes_nothing(self) -> bool {
        matches!(self, Self::AllOrEmpty | Self::None)
    }
    /// As written.
    pub(crate) fn word(self) -> String {
        match self {
            Self::Any => "any".to_owned(),
            Self::All => "all".to_owned(),
            Self::AllOrEmpty => "all_or_empty".to_owned(),
            Self::None => "none".to_owned(),
            Self::At(at) => at.to_string(),
        }
    }
}

/// A question about the members of an array. Two are the same when they were written the same.
#[derive(Debug, Clone)]
pub(crate) struct ArrayAsk {
    members: Members,
    source: Arc<str>,
    body: Arc<Body>,
}

impl PartialEq for ArrayAsk {
    fn eq(&self, other: &Self) -> bool {
        self.members == other.members && self.source == other.source
    }
}
impl Eq for ArrayAsk {}
impl Hash for ArrayAsk {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.members, &self.source).hash(state);
    }
}

/// The nested detection, its expressions compiled when first needed.
#[derive(Debug)]
struct Body {
    selections: Vec<Part>,
    condition: Condition,
}

#[derive(Debug)]
enum Part {
    All(Vec<Part>),
    Any(Vec<Part>),
    Item {
        /// Steps inside the member; none for the member itself.
        path: Option<Box<str>>,
        values: Vec<Vec<Test>>,
        join: Join,
        negation: Negation,
        absent: bool,
    },
}

#[derive(Debug)]
enum Test {
    Op(Op),
    Expression(Expression),
}

impl ArrayAsk {
    pub(crate) fn new(members: Members, detection: &Detection) -> Self {
        Self {
            members,
            source: format!("{:?} {:?}", detection.selections, detection.condition).into(),
            body: Arc::new(Body {
                selections: detection.selections.iter().map(|(_, s)| part(s)).collect(),
                condition: detection.condition.clone(),
            }),
        }
    }
    pub(crate) fn members(&self) -> Members {
        self.members
    }

    /// Whether it holds for the value that `text` begins with: an array, or anything else as an
    /// array of one; and how long that value is, bytes.
    pub(crate) fn holds_at(&self, text: &str) -> (bool, usize) {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        let holds = matches!(values.next(), Some(Ok(value)) if self.holds(&value));
        (holds, values.byte_offset())
    }

    /// The same for a text by itself.
    pub(crate) fn holds_text(&self, text: &str) -> bool {
        self.holds(&Value::String(text.to_owned()))
    }

    fn holds(&self, value: &Value) -> bool {
        let one = std::slice::from_ref(value);
        let members = match value {
            Value::Array(members) => members.as_slice(),
            Value::Null => &[],
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => one,
        };
        let holds = |member: &Value| self.body.holds(member);
        match self.members {
            Members::Any => members.iter().any(holds),
            Members::All => !members.is_empty() && members.iter().all(holds),
            Members::AllOrEmpty => members.iter().all(holds),
            Members::None => !members.iter().any(holds),
            Members::At(at) => {
                let from_end = members.len().checked_add_signed(at as isize);
                let at = if at < 0 {
                    from_end
                } else {
                    usize::try_from(at).ok()
                };
                at.and_then(|at| members.get(at)).is_some_and(holds)
            }
        }
    }
}

impl State {
    /// The first value of the field whose members satisfy `array`: not those inside of it.
    pub(super) fn members(&self, native: &str, field: u32, array: &ArrayAsk) -> Option<u32> {
        let mut at = self.first(field);
        let mut end = 0;
        while let Some(index) = at
            && let Some(value) = self.values.get(index as usize)
        {
            let holds = match value.at {
                At::Container(from) if from >= end => {
                    let (holds, length) = array.holds_at(native.get(from as usize..)?);
                    end = from.saturating_add(length as u32);
                    holds
                }
                // With the quotes around it, the text is JSON.
                At::Escaped(from, _) if from >= end => {
                    array.holds_at(native.get(from as usize - 1..)?).0
                }
                At::Record(from, _) if from >= end => {
                    text_of(value.at, native, &self.arena).is_some_and(|t| array.holds_text(t))
                }
                // Where an escaped text stood is not known any more; after an array it is taken
                // for a member.
                At::Arena(..) if end == 0 => {
                    text_of(value.at, native, &self.arena).is_some_and(|t| array.holds_text(t))
                }
                At::Container(_) | At::Escaped(..) | At::Record(..) | At::Arena(..) | At::Null => {
                    false
                }
            };
            if holds {
                return Some(index);
            }
            at = Some(value.next);
        }
        None
    }
}

fn part(selection: &Selection) -> Part {
    match selection {
        Selection::All(parts) => Part::All(parts.iter().map(part).collect()),
        Selection::Any(parts) => Part::Any(parts.iter().map(part).collect()),
        Selection::Item(item) => of_item(item),
    }
}

fn of_item(item: &Item) -> Part {
    let test = |op: &Op| match op {
        Op::Regex(source) => Test::Expression(Expression::new(source)),
        op => Test::Op(op.clone()),
    };
    Part::Item {
        path: match &item.field {
            Field::Named(name) => Some(name.clone()),
            Field::Anywhere => None,
        },
        values: item
            .values
            .iter()
            .map(|v| v.iter().map(test).collect())
            .collect(),
        join: item.join,
        negation: item.negation,
        absent: item.absent,
    }
}

impl Body {
    fn holds(&self, member: &Value) -> bool {
        self.condition(&self.condition, member)
    }
    fn selection(&self, at: usize, member: &Value) -> bool {
        self.selections
            .get(at)
            .is_some_and(|part| part.holds(member))
    }
    fn condition(&self, condition: &Condition, member: &Value) -> bool {
        match condition {
            Condition::Selection(at) => self.selection(*at, member),
            Condition::All(parts) => parts.iter().all(|p| self.condition(p, member)),
            Condition::Any(parts) => parts.iter().any(|p| self.condition(p, member)),
            Condition::Not(inside) => !self.condition(inside, member),
            Condition::Of { need, members } => {
                let holding = members.iter().filter(|m| self.selection(**m, member));
                holding.count() >= need.of(members.len())
            }
        }
    }
}

impl Part {
    fn holds(&self, member: &Value) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|p| p.holds(member)),
            Self::Any(parts) => parts.iter().any(|p| p.holds(member)),
            Self::Item {
                path,
                values,
                join,
                negation,
                absent,
            } => {
                let mut found = Vec::new();
                match path {
                    Some(path) => lookup(member, path, &mut found),
                    None => found.push(member),
                }
                let value = |tests: &Vec<Test>| tests.iter().any(|t| t.holds(&found));
                let holds = match join {
                    Join::Any => values.iter().any(value),
                    Join::All => values.iter().all(value),
                };
                match (absent, negation) {
                    (true, _) => !holds,
                    (false, Negation::None) => holds,
                    (false, Negation::NotEqual) => !found.is_empty() && !holds,
                }
            }
        }
    }
}

impl Test {
    /// Whether it holds for any of the values of a field.
    fn holds(&self, found: &[&Value]) -> bool {
        match self {
            Self::Op(Op::Exists) => !found.is_empty(),
            Self::Op(Op::Null) => found.is_empty() || found.iter().any(|v| v.is_null()),
            Self::Op(Op::Array(ask)) => found.iter().any(|v| ask.holds(v)),
            Self::Op(op) => texts(found, &mut |text| of_text(op, text)),
            Self::Expression(expression) => texts(found, &mut |text| expression.is_match(text)),
        }
    }
}

/// Whether an operator holds for one text.
fn of_text(op: &Op, text: &str) -> bool {
    let cased = |case: &Case| match case {
        Case::Kept => Cow::Borrowed(text),
        Case::Ignored => Cow::Owned(folded(text)),
    };
    match op {
        Op::Text { how, case, literal } => how.holds(&cased(case), literal),
        Op::Glob { case, pattern } => pattern.matches(&cased(case)),
        Op::Number(_)
        | Op::Regex(_)
        | Op::Cidr(_)
        | Op::Compare(..)
        | Op::Exists
        | Op::Null
        | Op::FieldRef { .. }
        | Op::Time { .. }
        | Op::Array(_)
        | Op::Placeholder(_) => answer::holds(op, text),
    }
}

/// Whether any text, number or boolean among the values, members of arrays too, satisfies `holds`.
fn texts(values: &[&Value], holds: &mut impl FnMut(&str) -> bool) -> bool {
    values.iter().any(|value| match value {
        Value::String(text) => holds(text),
        Value::Number(number) => holds(&number.to_string()),
        Value::Bool(true) => holds("true"),
        Value::Bool(false) => holds("false"),
        Value::Array(members) => {
            let members: Vec<&Value> = members.iter().collect();
            texts_boxed(&members, holds)
        }
        Value::Null | Value::Object(_) => false,
    })
}

fn texts_boxed(values: &[&Value], holds: &mut dyn FnMut(&str) -> bool) -> bool {
    texts(values, &mut |text| holds(text))
}

/// Values behind a name: the flat key, and the dotted path; any member of an array on the way.
fn lookup<'v>(value: &'v Value, path: &str, found: &mut Vec<&'v Value>) {
    match value {
        Value::Object(map) => {
            if let Some(value) = map.get(path) {
                found.push(value);
            }
            for (dot, _) in path.match_indices('.') {
                if let (Some(head), Some(tail)) = (path.get(..dot), path.get(dot + 1..))
                    && let Some(inside) = map.get(head)
                {
                    lookup(inside, tail, found);
                }
            }
        }
        Value::Array(members) => {
            for member in members {
                lookup(member, path, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
