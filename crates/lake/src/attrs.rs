//! The canonical view as flat JSON text, and single values out of it without parsing the rest.

use std::io::Write;

use serde_json::value::RawValue;
use watchfloor_types::{FieldName, Norm, Value};

/// Appends `norm` as a JSON object.
pub(crate) fn write(norm: &Norm, out: &mut Vec<u8>) {
    out.push(b'{');
    for (at, (name, value)) in norm.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_text(name.as_str(), out);
        out.push(b':');
        write_value(value, out);
    }
    out.push(b'}');
}

fn write_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        // Writing into memory cannot fail.
        Value::Int(i) => drop(write!(out, "{i}")),
        // JSON has no word for these; as text they survive.
        Value::Float(x) if !x.is_finite() => write_text(&x.to_string(), out),
        Value::Float(x) => drop(serde_json::to_writer(&mut *out, x)),
        Value::Str(text) => write_text(text, out),
        Value::List(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_value(item, out);
            }
            out.push(b']');
        }
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    // Counted to the end, so that the compiler looks at many bytes at once.
    let special: usize = text
        .bytes()
        .map(|b| usize::from(b < 0x20) + usize::from(b == b'"') + usize::from(b == b'\\'))
        .sum();
    if special == 0 {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        drop(serde_json::to_writer(&mut *out, text));
    }
}

/// Reads back what [`write`] wrote. What does not parse gives an empty view.
pub(crate) fn read(attrs: &str) -> Norm {
    serde_json::from_str::<std::collections::BTreeMap<String, Value>>(attrs)
        .unwrap_or_default()
        .into_iter()
        .map(|(name, value)| (FieldName::from(name.as_str()), value))
        .collect()
}

/// A needle for one field: its key as it stands in the text.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    finder: memchr::memmem::Finder<'static>,
    /// The name, where it begins like what follows a value: then the text alone does not tell a
    /// key from the end of a value, and the object is parsed.
    parsed: Option<Box<str>>,
}

impl Key {
    /// The needle for `field`.
    pub(crate) fn new(field: &str) -> Self {
        let mut needle = Vec::with_capacity(field.len() + 3);
        write_text(field, &mut needle);
        needle.push(b':');
        Self {
            finder: memchr::memmem::Finder::new(&needle).into_owned(),
            parsed: field
                .starts_with([':', ',', '}', ']'])
                .then(|| field.into()),
        }
    }

    /// The JSON text from the value of the field on. Exact: the object is flat and a quote inside
    /// text is escaped, so behind `{` or `,` a quote opens a text or closes one that ends in that
    /// character; behind a closing one stands none of the characters that a name may begin with here.
    pub(crate) fn find<'a>(&self, attrs: &'a str) -> Option<&'a str> {
        if let Some(name) = &self.parsed {
            let fields: std::collections::HashMap<String, &RawValue> =
                serde_json::from_str(attrs).ok()?;
            return fields.get(&**name).map(|value| value.get());
        }
        let bytes = attrs.as_bytes();
        for at in self.finder.find_iter(bytes) {
            let before = at.checked_sub(1).and_then(|i| bytes.get(i));
            if matches!(before, Some(b'{' | b',')) {
                return attrs.get(at + self.finder.needle().len()..);
            }
        }
        None
    }
}

/// Parses the one value at the start of `json`.
pub(crate) fn value(json: &str) -> Option<Value> {
    // Whole numbers are most of what is counted.
    let end = json
        .bytes()
        .position(|b| matches!(b, b',' | b'}'))
        .unwrap_or(json.len());
    if let Some(Ok(int)) = json.get(..end).map(str::parse) {
        return Some(Value::Int(int));
    }
    serde_json::Deserializer::from_str(json)
        .into_iter::<Value>()
        .next()?
        .ok()
}

/// The text at the start of `json`, where it is text without escapes.
pub(crate) fn plain_text(json: &str) -> Option<&str> {
    let rest = json.strip_prefix('"')?;
    let end = memchr::memchr2(b'"', b'\\', rest.as_bytes())?;
    (rest.as_bytes().get(end) == Some(&b'"'))
        .then(|| rest.get(..end))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            (-1e12f64..1e12).prop_map(Value::Float),
            "[a-c\",:{}\\\\\n]{0,8}".prop_map(|s| Value::from(s.as_str())),
        ];
        leaf.clone().prop_recursive(1, 4, 3, move |inner| {
            proptest::collection::vec(inner, 0..3).prop_map(Value::List)
        })
    }

    proptest! {
        #[test]
        fn a_view_round_trips_and_every_field_is_found(
            pairs in proptest::collection::vec(("[ab\",:]{1,3}", any_value()), 0..6)
        ) {
            let norm: Norm = pairs.iter().map(|(k, v)| (FieldName::from(k.as_str()), v.clone())).collect();
            let mut text = Vec::new();
            write(&norm, &mut text);
            let text = String::from_utf8(text).unwrap();
            prop_assert_eq!(&read(&text), &norm);
            for name in ["a", "b", "ab", "\"", ",\"", ":", "a:", "\",a"] {
                let found = Key::new(name).find(&text).and_then(value);
                prop_assert_eq!(found.as_ref(), norm.get(name), "{} in {}", name, text);
            }
        }
    }
}
