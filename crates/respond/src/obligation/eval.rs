//! Evaluates expressions over what is known. Nothing here fails: what is not known stays unknown,
//! and the answer names what would have to be known.

use std::collections::BTreeSet;

use jiff::Timestamp;
use watchfloor_types::{FactName, ObligationId};

use super::{
    Answer, Determination, Filing, Profile, Reading, Regime, Step,
    count::{self, Rules},
    expr::{Compare, Kind, Node, Which},
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

/// A condition that nobody can decide yet: the earlier branch is safe, the later one can be
/// defended, and the question stays open.
fn undecided(condition: Out, branches: [Out; 2], reading: Reading) -> Out {
    let [a, b] = &branches;
    let known = a.moment().into_iter().chain(b.moment());
    let chosen = match reading {
        Reading::Safe => known.min(),
        Reading::Outer => known.max(),
    };
    let Some(at) = chosen else {
        return condition;
    };
    let mut all = both(a, b);
    all.value = Known::Value(Value::Moment(at));
    all.missing = condition.missing;
    all.assumed.extend(condition.assumed);
    all.remarks.extend(condition.remarks);
    all.remarks.push(format!(
        "{}; both possibilities are shown",
        condition.step.text
    ));
    let [a, b] = branches;
    all.step = Step {
        at: Some(at),
        ..step(
            "not known which branch holds",
            vec![condition.step, a.step, b.step],
        )
    };
    all
}

fn step(text: impl Into<String>, from: Vec<Step>) -> Step {
    Step {
        text: text.into(),
        at: None,
        local: None,
        from,
    }
}

fn out(value: Known<Value>, text: String) -> Out {
    let at = match &value {
        Known::Value(Value::Moment(at)) => Some(*at),
        Known::Value(Value::Truth(_) | Value::Count(_) | Value::Text(_) | Value::List(_))
        | Known::NotApplicable
        | Known::Unknown => None,
    };
    Out {
        value,
        missing: BTreeSet::new(),
        assumed: BTreeSet::new(),
        because: Vec::new(),
        remarks: Vec::new(),
        step: Step {
            at,
            ..step(text, Vec::new())
        },
    }
}

fn known(value: Value, text: String) -> Out {
    out(Known::Value(value), text)
}

fn unknown(missing: Missing, text: String) -> Out {
    Out {
        missing: BTreeSet::from([missing]),
        ..out(Known::Unknown, text)
    }
}

fn not_applicable(text: String) -> Out {
    Out {
        because: vec![text.clone()],
        ..out(Known::NotApplicable, text)
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

/// Kleene's strong logic: `decisive` is the value of one part that settles the whole.
fn logic(parts: Vec<Out>, decisive: bool, text: &str) -> Out {
    let steps = parts.iter().map(|part| part.step.clone()).collect();
    let truths: Vec<Option<bool>> = parts.iter().map(Out::truth).collect();
    let settled = truths.contains(&Some(decisive));
    let open = truths.contains(&None);
    let value = match (settled, open) {
        (true, _) => Known::Value(Value::Truth(decisive)),
        (false, true) => Known::Unknown,
        (false, false) => Known::Value(Value::Truth(!decisive)),
    };
    let mut all = Out {
        step: step(text, steps),
        ..out(value, String::new())
    };
    for (part, truth) in parts.into_iter().zip(truths) {
        let matters = if settled {
            truth == Some(decisive)
        } else {
            !open || truth.is_none()
        };
        if matters {
            all.because.extend(part.because);
            all.missing.extend(part.missing);
        }
        all.assumed.extend(part.assumed);
        all.remarks.extend(part.remarks);
    }
    all
}

fn both(a: &Out, b: &Out) -> Out {
    let mut all = out(Known::Unknown, String::new());
    for part in [a, b] {
        all.missing.extend(part.missing.iter().cloned());
        all.assumed.extend(part.assumed.iter().cloned());
        all.because.extend(part.because.iter().cloned());
        all.remarks.extend(part.remarks.iter().cloned());
    }
    all
}

fn compare(how: Compare, a: Out, b: Out) -> Out {
    let mut all = both(&a, &b);
    let order = match (&a.value, &b.value) {
        (Known::Value(Value::Moment(a)), Known::Value(Value::Moment(b))) => Some(a.cmp(b)),
        (Known::Value(Value::Count(a)), Known::Value(Value::Count(b))) => Some(a.cmp(b)),
        (Known::Value(a), Known::Value(b)) => Some(if a == b {
            std::cmp::Ordering::Equal
        } else {
            std::cmp::Ordering::Less
        }),
        (Known::NotApplicable, Known::Value(_) | Known::NotApplicable)
        | (Known::Value(_), Known::NotApplicable) => {
            all.value = Known::Value(Value::Truth(false));
            None
        }
        (Known::Unknown, _) | (_, Known::Unknown) => None,
    };
    if let Some(order) = order {
        all.value = Known::Value(Value::Truth(match how {
            Compare::Equal => order.is_eq(),
            Compare::Unequal => order.is_ne(),
            Compare::Less => order.is_lt(),
            Compare::AtMost => order.is_le(),
            Compare::More => order.is_gt(),
            Compare::AtLeast => order.is_ge(),
        }));
    }
    all.step = step(format!("compared by {how}"), vec![a.step, b.step]);
    all
}

fn one_of(one: Out, texts: &[String]) -> Out {
    let value = match &one.value {
        Known::Value(Value::Text(text)) => Known::Value(Value::Truth(texts.contains(text))),
        Known::Value(Value::List(items)) => {
            Known::Value(Value::Truth(items.iter().any(|item| texts.contains(item))))
        }
        Known::NotApplicable => Known::Value(Value::Truth(false)),
        Known::Value(Value::Truth(_) | Value::Moment(_) | Value::Count(_)) | Known::Unknown => {
            Known::Unknown
        }
    };
    Out {
        value,
        step: step(
            format!("is one of {}", texts.join(", ")),
            vec![one.step.clone()],
        ),
        ..one
    }
}

/// Moves a known moment; what is unknown or does not arise stays so.
fn moment(
    inner: Out,
    change: impl Fn(Timestamp) -> Option<(Timestamp, String, Vec<String>)>,
) -> Out {
    let Some(at) = inner.moment() else {
        return inner;
    };
    let mut all = inner;
    match change(at) {
        Some((at, text, gaps)) => {
            all.value = Known::Value(Value::Moment(at));
            all.step = Step {
                at: Some(at),
                ..step(text, vec![all.step])
            };
            all.remarks.extend(gaps);
        }
        None => {
            all.value = Known::Unknown;
            all.remarks
                .push("the date lies outside the range that can be computed".to_owned());
        }
    }
    all
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extreme {
    Earliest,
    Latest,
}

/// The earliest or latest. The earliest of several holds as soon as one is known, because the rest
/// can only bring it forward; the latest needs all of them.
fn extreme(parts: Vec<Out>, which: Extreme) -> Out {
    let steps = parts.iter().map(|part| part.step.clone()).collect();
    let moments: Vec<Timestamp> = parts.iter().filter_map(Out::moment).collect();
    let open = parts.iter().any(|part| part.value.is_unknown());
    let (chosen, text) = match which {
        Extreme::Earliest => (moments.iter().min(), "the earliest of"),
        Extreme::Latest if open => (None, "the latest of"),
        Extreme::Latest => (moments.iter().max(), "the latest of"),
    };
    let value = match chosen {
        Some(at) => Known::Value(Value::Moment(*at)),
        None if open => Known::Unknown,
        None => Known::NotApplicable,
    };
    let mut all = Out {
        step: Step {
            at: chosen.copied(),
            ..step(text, steps)
        },
        ..out(value, String::new())
    };
    for part in parts {
        if chosen.is_some() && part.value.is_unknown() {
            all.remarks
                .push(format!("{}; it may bring the date forward", part.step.text));
        } else {
            all.missing.extend(part.missing);
        }
        all.assumed.extend(part.assumed);
        all.because.extend(part.because);
        all.remarks.extend(part.remarks);
    }
    all
}
