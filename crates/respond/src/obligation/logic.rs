//! How values are combined: Kleene's logic, comparisons, the earliest and the latest.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{
    Reading, Step,
    eval::{Missing, Out, Value},
    expr::Compare,
};
use crate::incident::Known;

/// A condition that nobody can decide yet: the earlier branch is safe, the later one can be
/// defended, and the question stays open.
pub(super) fn undecided(condition: Out, branches: [Out; 2], reading: Reading) -> Out {
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

pub(super) fn step(text: impl Into<String>, from: Vec<Step>) -> Step {
    Step {
        text: text.into(),
        at: None,
        local: None,
        from,
    }
}

pub(super) fn out(value: Known<Value>, text: String) -> Out {
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

pub(super) fn known(value: Value, text: String) -> Out {
    out(Known::Value(value), text)
}

pub(super) fn unknown(missing: Missing, text: String) -> Out {
    Out {
        missing: BTreeSet::from([missing]),
        ..out(Known::Unknown, text)
    }
}

pub(super) fn not_applicable(text: String) -> Out {
    Out {
        because: vec![text.clone()],
        ..out(Known::NotApplicable, text)
    }
}

/// Kleene's strong logic: `decisive` is the value of one part that settles the whole.
pub(super) fn logic(parts: Vec<Out>, decisive: bool, text: &str) -> Out {
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

pub(super) fn both(a: &Out, b: &Out) -> Out {
    let mut all = out(Known::Unknown, String::new());
    for part in [a, b] {
        all.missing.extend(part.missing.iter().cloned());
        all.assumed.extend(part.assumed.iter().cloned());
        all.because.extend(part.because.iter().cloned());
        all.remarks.extend(part.remarks.iter().cloned());
    }
    all
}

pub(super) fn compare(how: Compare, a: Out, b: Out) -> Out {
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

pub(super) fn one_of(one: Out, texts: &[String]) -> Out {
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
pub(super) fn moment(
    inner: Out,
    change: impl Fn(Timestamp) -> Option<(Timestamp, String, Vec<String>)>,
) -> Out {
    let Some(at) = inner.moment() else {
        return inner;
    };
    let mut all = inner;
    if let Some((at, text, gaps)) = change(at) {
        all.value = Known::Value(Value::Moment(at));
        all.step = Step {
            at: Some(at),
            ..step(text, vec![all.step])
        };
        all.remarks.extend(gaps);
    } else {
        all.value = Known::Unknown;
        all.remarks
            .push("the date lies outside the range that can be computed".to_owned());
    }
    all
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extreme {
    Earliest,
    Latest,
}

/// The earliest or latest. The earliest of several holds as soon as one is known, because the rest
/// can only bring it forward; the latest needs all of them.
pub(super) fn extreme(parts: Vec<Out>, which: Extreme) -> Out {
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
