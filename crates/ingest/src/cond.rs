//! Conditions on native values.

use watchfloor_types::Value;

use crate::{
    json::Json,
    path::{FieldPath, PathError},
    spec::{Cond, Condition, OneOrMany, Test},
};

/// All must hold; each of a value that one of several paths leads to.
#[derive(Debug, Default)]
pub(crate) struct Conditions(Vec<(Vec<FieldPath>, Check)>);

#[derive(Debug)]
enum Check {
    Present,
    Absent,
    In(Vec<Value>),
    NotIn(Vec<Value>),
    Prefix(Vec<String>),
    Suffix(Vec<String>),
    Contains(Vec<String>),
}

impl Conditions {
    /// Reads the conditions; a path that is none is an error.
    pub(crate) fn compile(cond: &Cond) -> Result<Self, PathError> {
        let mut out = Vec::new();
        for (path, test) in cond {
            let paths: Vec<FieldPath> = path
                .split(" | ")
                .map(str::parse)
                .collect::<Result<_, _>>()?;
            match test {
                Test::Equals(value) => out.push((paths, Check::In(values(value)))),
                Test::Is(is) => out.extend(checks(is).into_iter().map(|c| (paths.clone(), c))),
            }
        }
        Ok(Self(out))
    }

    /// Whether all hold of `tree`.
    pub(crate) fn hold(&self, tree: &Json<'_>) -> bool {
        self.0.iter().all(|(paths, check)| {
            let any = |fits: &dyn Fn(&Json<'_>) -> bool| {
                paths.iter().any(|p| p.find(tree, fits).is_some())
            };
            let text = |holds: &dyn Fn(&str) -> bool| any(&|v| v.text().is_some_and(holds));
            match check {
                Check::Present => any(&|v| !v.is_empty()),
                Check::Absent => !any(&|v| !v.is_empty()),
                Check::In(list) => any(&|v| list.iter().any(|x| same(v, x))),
                Check::NotIn(list) => !any(&|v| list.iter().any(|x| same(v, x))),
                Check::Prefix(list) => text(&|t| list.iter().any(|x| t.starts_with(x.as_str()))),
                Check::Suffix(list) => text(&|t| list.iter().any(|x| t.ends_with(x.as_str()))),
                Check::Contains(list) => text(&|t| list.iter().any(|x| t.contains(x.as_str()))),
            }
        })
    }

    /// The paths it looks at.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &FieldPath> {
        self.0.iter().flat_map(|(p, _)| p)
    }
}

fn values(value: &Value) -> Vec<Value> {
    match value {
        Value::List(items) => items.clone(),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Str(_) => vec![value.clone()],
    }
}

fn checks(is: &Condition) -> Vec<Check> {
    let list = |l: &OneOrMany<String>| l.as_slice().to_vec();
    let mut out = Vec::new();
    out.extend(
        is.present
            .map(|p| if p { Check::Present } else { Check::Absent }),
    );
    out.extend(is.prefix.as_ref().map(|l| Check::Prefix(list(l))));
    out.extend(is.suffix.as_ref().map(|l| Check::Suffix(list(l))));
    out.extend(is.contains.as_ref().map(|l| Check::Contains(list(l))));
    out.extend(
        is.not
            .as_ref()
            .map(|l| Check::NotIn(l.as_slice().iter().flat_map(values).collect())),
    );
    out
}

/// Whether a native value says the same as `value`; numbers also as text.
fn same(native: &Json<'_>, value: &Value) -> bool {
    match (native, value) {
        (Json::Bool(a), Value::Bool(b)) => a == b,
        (Json::Text(a) | Json::Number(a), Value::Str(b)) => a.as_ref() == b.as_ref(),
        (Json::Number(a) | Json::Text(a), Value::Int(b)) => a.parse() == Ok(*b),
        (Json::Number(a) | Json::Text(a), Value::Float(b)) => a.parse() == Ok(*b),
        (Json::Array(items), _) => items.iter().any(|i| same(i, value)),
        (Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Object(_), _) => {
            false
        }
    }
}
