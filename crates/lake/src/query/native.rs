//! One dotted path out of a JSON record, without building the rest.

use std::fmt;

use memchr::memmem::Finder;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::value::Scalar;

/// A dotted path into a native record. A key may itself hold dots (`{"a.b": 1}` and
/// `{"a": {"b": 1}}` are both found by `a.b`); arrays on the way are looked through.
#[derive(Debug, Clone)]
pub(crate) struct Path {
    whole: Box<str>,
    /// The last part, which must stand in the record unless it is spelled with escapes.
    last: Option<Finder<'static>>,
    escape: Finder<'static>,
}

impl Path {
    pub(crate) fn new(path: &str) -> Self {
        let last = path.rsplit('.').next().unwrap_or(path);
        let plain = last
            .bytes()
            .all(|b| b > 0x20 && !matches!(b, b'"' | b'\\' | b'/'));
        Self {
            whole: path.into(),
            last: (plain && !last.is_empty()).then(|| Finder::new(last.as_bytes()).into_owned()),
            escape: Finder::new(b"\\u").into_owned(),
        }
    }

    /// Calls `found` for each value at the path. What is not JSON has no fields.
    pub(crate) fn visit(&self, record: &[u8], found: &mut dyn FnMut(Scalar<'_>)) {
        if let Some(last) = &self.last
            && last.find(record).is_none()
            && self.escape.find(record).is_none()
        {
            return;
        }
        let mut json = serde_json::Deserializer::from_slice(record);
        // A broken record gives what stands in front of the break.
        drop(
            At {
                rest: &self.whole,
                found,
            }
            .deserialize(&mut json),
        );
    }
}

struct At<'p, 'f> {
    /// Path still to go; empty here.
    rest: &'p str,
    found: &'f mut dyn FnMut(Scalar<'_>),
}

impl At<'_, '_> {
    fn give(self, value: Scalar<'_>) {
        if self.rest.is_empty() {
            (self.found)(value);
        }
    }
}

impl<'de> DeserializeSeed<'de> for At<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, de: D) -> Result<(), D::Error> {
        de.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for At<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }
    fn visit_bool<E>(self, v: bool) -> Result<(), E> {
        self.give(Scalar::Bool(v));
        Ok(())
    }
    fn visit_i64<E>(self, v: i64) -> Result<(), E> {
        self.give(Scalar::Int(v));
        Ok(())
    }
    fn visit_u64<E>(self, v: u64) -> Result<(), E> {
        self.give(i64::try_from(v).map_or(Scalar::Float(v as f64), Scalar::Int));
        Ok(())
    }
    fn visit_f64<E>(self, v: f64) -> Result<(), E> {
        self.give(Scalar::Float(v));
        Ok(())
    }
    fn visit_str<E>(self, v: &str) -> Result<(), E> {
        self.give(Scalar::Str(v));
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq
            .next_element_seed(At {
                rest: self.rest,
                found: &mut *self.found,
            })?
            .is_some()
        {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        if self.rest.is_empty() {
            (self.found)(Scalar::Object);
        }
        while let Some(rest) = map.next_key_seed(Step(self.rest))? {
            match rest {
                Some(rest) => map.next_value_seed(At {
                    rest,
                    found: &mut *self.found,
                })?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// Reads a key: the path that is left behind it, or none where it does not lead there.
struct Step<'p>(&'p str);

impl<'de, 'p> DeserializeSeed<'de> for Step<'p> {
    type Value = Option<&'p str>;
    fn deserialize<D: Deserializer<'de>>(self, de: D) -> Result<Self::Value, D::Error> {
        de.deserialize_str(self)
    }
}

impl<'p> Visitor<'_> for Step<'p> {
    type Value = Option<&'p str>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        if self.0.is_empty() {
            return Ok(None);
        }
        Ok(self.0.strip_prefix(key).and_then(|rest| match rest {
            "" => Some(""),
            _ => rest.strip_prefix('.').filter(|r| !r.is_empty()),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_through_objects_arrays_and_dotted_keys() {
        let check = |json: &str, path: &str, expected: &[&str]| {
            let mut found = Vec::new();
            Path::new(path).visit(json.as_bytes(), &mut |v| found.push(format!("{v:?}")));
            assert_eq!(found, expected, "{path} in {json}");
        };
        check(r#"{"a":{"b":"x"},"c":1}"#, "a.b", &["Str(\"x\")"]);
        check(
            r#"{"a.b":"x","a":{"b":2}}"#,
            "a.b",
            &["Str(\"x\")", "Int(2)"],
        );
        check(
            r#"{"a":[{"b":1},{"b":[2,null]}]}"#,
            "a.b",
            &["Int(1)", "Int(2)"],
        );
        check(r#"{"a":{"b":1}}"#, "a", &["Object"]);
        check(r#"{"\u0061":true}"#, "a", &["Bool(true)"]);
        check(r#"{"ab":1,"a":null}"#, "a", &[]);
        check(r#"{"a":1, broken"#, "a", &["Int(1)"]);
        check("not json", "a", &[]);
        check(
            r#"{"a":18446744073709551615}"#,
            "a",
            &["Float(1.8446744073709552e19)"],
        );
    }
}
