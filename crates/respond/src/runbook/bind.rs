//! Variables in commands (CACAO 2.0, section 10.18).
//!
//! A value may have been chosen by an attacker. It is therefore never spliced into text that is
//! read again: a path is built from percent-encoded values, a body from JSON values, a header from
//! values without control characters. There is no other place where a value can go.

use std::{collections::BTreeSet, fmt::Write as _};

use serde_json::Value;

/// Longest value that is shown to a person, in characters.
const SHOWN: usize = 500;

/// A text with variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable(String),
}

/// Why a command could not be filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    /// These variables have no value.
    #[error("no value for {}", .0.iter().cloned().collect::<Vec<_>>().join(", "))]
    Missing(BTreeSet<String>),
    /// The value would change the meaning of what surrounds it.
    #[error("the value of {name} cannot stand in {place}")]
    Unfit {
        /// The variable.
        name: String,
        /// Where it was to go.
        place: &'static str,
    },
}

/// The name of a variable with underscores, for `__name__` and for `$$name$$` of CACAO 1.x.
/// CACAO 2.0: a letter or underscore, then at most 199 letters, digits, `_` or `-`.
#[must_use]
pub(super) fn name(text: &str) -> Option<String> {
    let inner = text
        .strip_prefix("__")
        .and_then(|rest| rest.strip_suffix("__"))
        .or_else(|| {
            text.strip_prefix("$$")
                .and_then(|rest| rest.strip_suffix("$$"))
        })?;
    let mut chars = inner.chars();
    let first = chars.next()?;
    let ok = (first.is_ascii_alphabetic() || first == '_')
        && inner.len() <= 200
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    ok.then(|| format!("__{inner}__"))
}

impl Template {
    /// Reads a text with `__name__:value` or `$$name$$:value` in it. Everything else is text.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(":value") {
            match trailing_variable(before) {
                Some((lead, name)) => {
                    plain.push_str(lead);
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain)));
                    }
                    parts.push(Part::Variable(name));
                }
                None => {
                    plain.push_str(before);
                    plain.push_str(":value");
                }
            }
            rest = after;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Self(parts)
    }

    /// The variables in it.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Variable(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// For a path and query: values are percent-encoded (RFC 3986, section 2.1) and cannot be empty
    /// or a dot segment, which would name another resource.
    pub fn path(&self, value: &dyn Fn(&str) -> Option<String>) -> Result<String, BindError> {
        self.fill(value, |name, value| {
            if matches!(value.trim(), "" | "." | "..") {
                return Err(BindError::Unfit {
                    name: name.to_owned(),
                    place: "a path",
                });
            }
            let mut out = String::with_capacity(value.len());
            for byte in value.bytes() {
                if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
                    out.push(char::from(byte));
                } else {
                    // Writing to a `String` cannot fail.
                    write!(out, "%{byte:02X}").unwrap_or_default();
                }
            }
            Ok(out)
        })
    }

    /// For a header field: values are visible ASCII or spaces (RFC 9110, section 5.5).
    pub fn header(&self, value: &dyn Fn(&str) -> Option<String>) -> Result<String, BindError> {
        self.fill(value, |name, value| {
            if value.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) {
                Ok(value.to_owned())
            } else {
                Err(BindError::Unfit {
                    name: name.to_owned(),
                    place: "a header field",
                })
            }
        })
    }

    /// For the eyes of a person: control and direction characters become spaces, long values are
    /// cut. What shows it escapes it for its own place.
    pub fn shown(&self, value: &dyn Fn(&str) -> Option<String>) -> Result<String, BindError> {
        self.fill(value, |_, value| Ok(visible(value)))
    }

    fn plain(&self, value: &dyn Fn(&str) -> Option<String>) -> Result<String, BindError> {
        self.fill(value, |_, value| Ok(value.to_owned()))
    }

    fn fill(
        &self,
        value: &dyn Fn(&str) -> Option<String>,
        encode: impl Fn(&str, &str) -> Result<String, BindError>,
    ) -> Result<String, BindError> {
        let mut out = String::new();
        let mut missing = BTreeSet::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Variable(name) => match value(name) {
                    Some(value) => out.push_str(&encode(name, &value)?),
                    None => {
                        missing.insert(name.clone());
                    }
                },
            }
        }
        if missing.is_empty() {
            Ok(out)
        } else {
            Err(BindError::Missing(missing))
        }
    }
}

/// `value` on one line, without what could fool the eye.
#[must_use]
pub(super) fn visible(value: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
    };
    let mut out: String = value
        .chars()
        .take(SHOWN)
        .map(|c| if hidden(c) { ' ' } else { c })
        .collect();
    if value.chars().nth(SHOWN).is_some() {
        out.push('…');
    }
    out
}

/// A JSON body with variables in its strings.
#[derive(Debug, Clone, PartialEq)]
pub struct Body(Value);

impl Body {
    /// Reads a body. Variables may stand in text, not in names and not outside of quotes.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text).map(Self)
    }

    /// The variables in it.
    #[must_use]
    pub fn variables(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        visit(&self.0, &mut |text| {
            names.extend(Template::parse(text).variables().map(str::to_owned));
        });
        names
    }

    /// The body with values filled in. A value stays inside the string it stands in.
    pub fn fill(&self, value: &dyn Fn(&str) -> Option<String>) -> Result<String, BindError> {
        let mut filled = self.0.clone();
        let mut missing = BTreeSet::new();
        change(
            &mut filled,
            &mut |text| match Template::parse(text).plain(value) {
                Ok(new) => *text = new,
                Err(BindError::Missing(names)) => missing.extend(names),
                Err(BindError::Unfit { name, .. }) => {
                    missing.insert(name);
                }
            },
        );
        if missing.is_empty() {
            Ok(filled.to_string())
        } else {
            Err(BindError::Missing(missing))
        }
    }
}

fn visit(value: &Value, see: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => see(text),
        Value::Array(items) => items.iter().for_each(|item| visit(item, see)),
        Value::Object(map) => map.values().for_each(|item| visit(item, see)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn change(value: &mut Value, edit: &mut dyn FnMut(&mut String)) {
    match value {
        Value::String(text) => edit(text),
        Value::Array(items) => items.iter_mut().for_each(|item| change(item, edit)),
        Value::Object(map) => map.values_mut().for_each(|item| change(item, edit)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The variable at the end of `text`, with what stands before it.
fn trailing_variable(text: &str) -> Option<(&str, String)> {
    for mark in ["__", "$$"] {
        let Some(inner) = text.strip_suffix(mark) else {
            continue;
        };
        // The shortest name wins, so that `__a__b__` after text reads as one would.
        for (at, _) in inner.rmatch_indices(mark) {
            let (lead, candidate) = text.split_at_checked(at)?;
            if let Some(name) = name(candidate) {
                return Some((lead, name));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(of: &str) -> impl Fn(&str) -> Option<String> {
        let of = of.to_owned();
        move |name: &str| (name == "__id__").then(|| of.clone())
    }

    #[test]
    fn a_value_stays_inside_its_place() {
        let path = Template::parse("/sessions/__id__:value/suspend?why=$$id$$:value");
        for (id, expected) in [
            ("s-1", "/sessions/s-1/suspend?why=s-1"),
            (
                "../../keys",
                "/sessions/..%2F..%2Fkeys/suspend?why=..%2F..%2Fkeys",
            ),
            (
                "a?b#c&d",
                "/sessions/a%3Fb%23c%26d/suspend?why=a%3Fb%23c%26d",
            ),
            (
                "a b\r\nHost: x",
                "/sessions/a%20b%0D%0AHost%3A%20x/suspend?why=a%20b%0D%0AHost%3A%20x",
            ),
            ("ü", "/sessions/%C3%BC/suspend?why=%C3%BC"),
        ] {
            assert_eq!(path.path(&value(id)).unwrap(), expected);
        }
        for bad in ["", " ", ".", ".."] {
            assert!(
                matches!(path.path(&value(bad)), Err(BindError::Unfit { .. })),
                "{bad:?}"
            );
        }
        let header = Template::parse("run __id__:value");
        assert!(header.header(&value("a\r\nX-Evil: 1")).is_err());
        assert_eq!(header.header(&value("a b")).unwrap(), "run a b");
        assert_eq!(
            path.path(&|_| None).unwrap_err().to_string(),
            "no value for __id__"
        );
        assert_eq!(
            Template::parse("read __id__:value")
                .shown(&value("a\n\u{202e}b\u{1b}[2J"))
                .unwrap(),
            "read a  b [2J"
        );
    }

    #[test]
    fn only_what_has_the_form_of_a_variable_is_one() {
        for (text, names) in [
            ("__a__:value", vec!["__a__"]),
            ("x__a__:value y$$b$$:value", vec!["__a__", "__b__"]),
            ("__a__", vec![]),
            ("__1__:value __a b__:value :value", vec![]),
            ("__a__b__:value", vec!["__a__b__"]),
        ] {
            let template = Template::parse(text);
            // Where two readings are possible the shortest name that is a name is taken.
            let found: Vec<&str> = template.variables().collect();
            if text == "__a__b__:value" {
                assert_eq!(found, ["__b__"]);
            } else {
                assert_eq!(found, names, "{text}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_value_leaves_its_json_string(id in any::<String>()) {
            let body = Body::parse(r#"{"reason": "run of __id__:value", "list": ["__id__:value"], "n": 1}"#).unwrap();
            let filled: Value = serde_json::from_str(&body.fill(&value(&id)).unwrap()).unwrap();
            prop_assert_eq!(&filled["reason"], &Value::String(format!("run of {id}")));
            prop_assert_eq!(&filled["list"][0], &Value::String(id));
            prop_assert_eq!(filled.as_object().unwrap().len(), 3);
        }
        #[test]
        fn no_value_adds_a_path_segment(id in any::<String>()) {
            if let Ok(path) = Template::parse("/a/__id__:value/b").path(&value(&id)) {
                prop_assert_eq!(path.split('/').count(), 4);
                prop_assert!(path.bytes().all(|b| b.is_ascii_graphic() && b != b'?' && b != b'#'));
            }
        }
        #[test]
        fn a_template_without_variables_is_its_text(text in "[a-z_$: ]{0,30}") {
            let template = Template::parse(&text);
            if template.variables().next().is_none() {
                prop_assert_eq!(template.shown(&|_| None).unwrap(), text);
            }
        }
    }
}
