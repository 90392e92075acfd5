//! Evaluates expressions over what is known. Nothing here fails: what is not known stays unknown,
//! and the answer names what would have to be known.

use std::collections::BTreeSet;

use jiff::Timestamp;
use watchfloor_types::{FactName, ObligationId};

use super::{
    Answer, Determination, Filing, Profile, Reading, Regime, Step,
    count::{self, Rules},
    expr::{Kind, Node, Which},
    logic::{
        Extreme, compare, extreme, known, logic, moment, not_applicable, one_of, out, step,
        undecided, unknown,
    },
};
use crate::incident::{Fact, FactValue, Facts, Known};

/// Everything that an expression may read.
pub(crate) struct World<'s> {
    pub(crate) regime: &'s Regime,
    pub(crate) facts: &'s Facts,
    pub(crate) profile: &'s Profile,
    pub(crate) determinations: &'s [Determination],
    pub(crate) filings: &'s dyn Fn(&ObligationId) -> &'s [Filing],
    pub(crate) rules: Rules<'s>,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Truth(bool),
    Moment(Timestamp),
    Count(i64),
    Text(String),
    List(Vec<String>),
}

/// Something that is not known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Missing {
    Fact(FactName),
    Decision(FactName),
    Filing(ObligationId),
}

/// What came out, and why.
#[derive(Debug, Clone)]
pub(crate) struct Out {
    pub(crate) value: Known<Value>,
    /// What would have to be known; empty where the value is known.
    pub(crate) missing: BTreeSet<Missing>,
    /// Facts that were taken from their candidate because nobody has confirmed them.
    pub(crate) assumed: BTreeSet<FactName>,
    /// Why it is so, where it is `false` or does not arise.
    pub(crate) because: Vec<String>,
    /// What to be careful about.
    pub(crate) remarks: Vec<String>,
    pub(crate) step: Step,
}

impl Out {
    pub(crate) fn truth(&self) -> Option<bool> {
        match self.value {
            Known::Value(Value::Truth(truth)) => Some(truth),
            Known::NotApplicable => Some(false),
            Known::Value(Value::Moment(_) | Value::Count(_) | Value::Text(_) | Value::List(_))
            | Known::Unknown => None,
        }
    }
    pub(crate) fn moment(&self) -> Option<Timestamp> {
        match self.value {
            Known::Value(Value::Moment(at)) => Some(at),
            Known::Value(Value::Truth(_) | Value::Count(_) | Value::Text(_) | Value::List(_))
            | Known::NotApplicable
            | Known::Unknown => None,
        }
    }
}

/// The latest determination of `question`.
pub(crate) fn determination<'s>(
    all: &'s [Determination],
    question: &FactName,
) -> Option<&'s Determination> {
    all.iter().rev().find(|d| d.question == *question)
}

impl<'s> World<'s> {
    /// What is known about a fact: of the incident, or of the organisation.
    pub(crate) fn fact(&self, name: &FactName) -> (Option<&'s FactValue>, Option<&'s Fact>) {
        if name.as_str().starts_with("entity.") {
            (self.profile.facts.get(name), None)
        } else {
            let fact = self.facts.get(name.as_str());
            (fact.map(|fact| &fact.value), fact)
        }
    }
}

fn read(value: &FactValue) -> Known<Value> {
    match value {
        FactValue::Bool(truth) => Known::Value(Value::Truth(*truth)),
        FactValue::Int(count) => Known::Value(Value::Count(*count)),
        FactValue::Text(text) => Known::Value(Value::Text(text.clone())),
        FactValue::Time(at) => Known::Value(Value::Moment(*at)),
        FactValue::List(items) => Known::Value(Value::List(items.clone())),
        FactValue::NotApplicable => Known::NotApplicable,
    }
}

/// Evaluates `node` under `reading`.
pub(crate) fn eval(node: &Node, world: &World<'_>, reading: Reading) -> Out {
    let go = |node: &Node| eval(node, world, reading);
    match &node.kind {
        Kind::Truth(truth) => known(Value::Truth(*truth), truth.to_string()),
        Kind::Count(count) => known(Value::Count(*count), count.to_string()),
        Kind::Text(text) => known(Value::Text(text.clone()), format!("`{text}`")),
        Kind::Fact(name) => fact(name, world),
        Kind::Decided(name) => match determination(world.determinations, name) {
            Some(d) => {
                let text = format!("`{name}` was determined: {}, by {}", d.answer, d.by);
                let mut out = known(Value::Truth(d.answer == Answer::Yes), text.clone());
                out.because = vec![text];
                out
            }
            None => unknown(
                Missing::Decision(name.clone()),
                format!("`{name}` is not determined"),
            ),
        },
        Kind::DecidedAt(name) => match determination(world.determinations, name) {
            Some(d) if d.answer == Answer::Yes => known(
                Value::Moment(d.effective),
                format!("`{name}` was determined: yes, by {}", d.by),
            ),
            Some(d) => not_applicable(format!("`{name}` was determined: no, by {}", d.by)),
            None => unknown(
                Missing::Decision(name.clone()),
                format!("`{name}` is not determined"),
            ),
        },
        Kind::Submitted(stage, which) => {
            let filings = (world.filings)(stage);
            let filing = match which {
                Which::First => filings.iter().min_by_key(|f| f.submitted),
                Which::Latest => filings.iter().max_by_key(|f| f.submitted),
            };
            match filing {
                Some(filing) => known(
                    Value::Moment(filing.submitted),
                    format!("`{stage}` was submitted, reference {}", filing.reference),
                ),
                None => unknown(
                    Missing::Filing(stage.clone()),
                    format!("`{stage}` has not been submitted"),
                ),
            }
        }
        Kind::Not(one) => {
            let inner = go(one);
            let value = match inner.truth() {
                Some(truth) => Known::Value(Value::Truth(!truth)),
                None => Known::Unknown,
            };
            Out {
                value,
                step: step("not", vec![inner.step.clone()]),
                ..inner
            }
        }
        Kind::All(all) => logic(all.iter().map(go).collect(), false, "all of"),
        Kind::Any(all) => logic(all.iter().map(go).collect(), true, "any of"),
        Kind::Compare(how, a, b) => compare(*how, go(a), go(b)),
        Kind::OneOf(one, texts) => one_of(go(one), texts),
        Kind::Add(one, period) => moment(go(one), |at| {
            let counted = count::add(at, *period, reading, &world.rules)?;
            Some((counted.at, format!("plus {}", counted.how), counted.gaps))
        }),
        Kind::At(one, time) => moment(go(one), |at| {
            let text = format!("at {:02}:{:02} of that day", time.hour, time.minute);
            Some((
                count::at_time(at, *time, &world.rules.zone)?,
                text,
                Vec::new(),
            ))
        }),
        Kind::EndOfDay(one) => moment(go(one), |at| {
            let end = count::end_of_its_day(at, &world.rules.zone)?;
            Some((end, "end of that day".to_owned(), Vec::new()))
        }),
        Kind::EndOfYear(one) => moment(go(one), |at| {
            let end = count::end_of_its_year(at, &world.rules.zone)?;
            Some((end, "end of that year".to_owned(), Vec::new()))
        }),
        Kind::NextWorkingDay(one) => moment(go(one), |at| {
            let (next, gaps) = count::next_working_day(at, &world.rules)?;
            Some((next, "end of the next working day".to_owned(), gaps))
        }),
        Kind::IsNonworking(one) => {
            let inner = go(one);
            match inner.moment() {
                Some(at) => {
                    let (off, gaps) = count::is_nonworking(at, &world.rules);
                    let mut out = Out {
                        value: Known::Value(Value::Truth(off)),
                        step: step("is not a working day", vec![inner.step.clone()]),
                        ..inner
                    };
                    out.remarks.extend(gaps);
                    out
                }
                None => inner,
            }
        }
        Kind::Soft(one) => go(one),
        Kind::Min(all) => extreme(all.iter().map(go).collect(), Extreme::Earliest),
        Kind::Max(all) => extreme(all.iter().map(go).collect(), Extreme::Latest),
        Kind::If(condition, then, otherwise) => {
            let condition = go(condition);
            match condition.truth() {
                Some(truth) => {
                    let mut out = go(if truth { then } else { otherwise });
                    let text = if truth {
                        "condition holds"
                    } else {
                        "condition does not hold"
                    };
                    out.step = step(text, vec![condition.step, out.step]);
                    out.assumed.extend(condition.assumed);
                    out.remarks.extend(condition.remarks);
                    out
                }
                None => undecided(condition, [go(then), go(otherwise)], reading),
            }
        }
        Kind::FirstDefined(all) => {
            let mut missing = BTreeSet::new();
            let mut last = None;
            for node in all {
                let out = go(node);
                if matches!(out.value, Known::Value(_)) {
                    return out;
                }
                missing.extend(out.missing.iter().cloned());
                last = Some(out);
            }
            match last {
                Some(mut out) => {
                    if !missing.is_empty() {
                        out.value = Known::Unknown;
                    }
                    out.missing = missing;
                    out
                }
                None => not_applicable("nothing to choose from".to_owned()),
            }
        }
    }
}

fn fact(name: &FactName, world: &World<'_>) -> Out {
    let spec = world.regime.facts.get(name);
    let fits = |value: &Known<Value>| match (value, spec) {
        (Known::Value(value), Some(spec)) => kind(value) == spec.kind,
        (Known::NotApplicable, Some(_)) => true,
        (Known::Unknown, _) | (_, None) => false,
    };
    let (value, recorded) = world.fact(name);
    let by = recorded.map_or_else(
        || ", from the profile".to_owned(),
        |fact| format!(", recorded by {}", fact.by),
    );
    match value.map(read) {
        Some(value) if fits(&value) => {
            let shown = world
                .fact(name)
                .0
                .map(ToString::to_string)
                .unwrap_or_default();
            let text = format!("`{name}` is {shown}{by}");
            Out {
                because: vec![text.clone()],
                ..out(value, text)
            }
        }
        Some(_) | None => {
            let candidate = spec
                .and_then(|spec| spec.candidate.as_ref())
                .and_then(|candidate| Some((candidate, read(world.fact(candidate).0?))))
                .filter(|(_, value)| fits(value));
            match candidate {
                Some((candidate, value)) => Out {
                    assumed: BTreeSet::from([name.clone()]),
                    ..out(
                        value,
                        format!("`{candidate}` stands in for `{name}`, which nobody has confirmed"),
                    )
                },
                None => unknown(
                    Missing::Fact(name.clone()),
                    format!("`{name}` is not known"),
                ),
            }
        }
    }
}

fn kind(value: &Value) -> super::FactKind {
    match value {
        Value::Truth(_) => super::FactKind::Truth,
        Value::Moment(_) => super::FactKind::Moment,
        Value::Count(_) => super::FactKind::Count,
        Value::Text(_) => super::FactKind::Text,
        Value::List(_) => super::FactKind::List,
    }
}
