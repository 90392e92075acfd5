//! Writes one flat JSON object, member by member.

use bytes::Bytes;

use crate::json::write_text;

/// An object in the making. What says nothing is left out.
pub(super) struct Flat(String);

impl Flat {
    pub(super) fn new(size: usize) -> Self {
        let mut text = String::with_capacity(size + 128);
        text.push('{');
        Self(text)
    }

    /// A text member; empty text is left out.
    pub(super) fn text(&mut self, key: &str, value: &str) {
        if !value.is_empty() {
            self.always(key, value);
        }
    }

    /// A text member, also where it is empty.
    pub(super) fn always(&mut self, key: &str, value: &str) {
        self.key(key);
        write_text(value, &mut self.0);
    }

    /// An object of text members; left out where it has none.
    pub(super) fn object<'v>(
        &mut self,
        key: &str,
        members: impl IntoIterator<Item = (&'v str, &'v str)>,
    ) {
        let mut inner = Self::new(0);
        for (name, value) in members {
            inner.always(name, value);
        }
        if inner.0.len() > 1 {
            self.key(key);
            self.0.push_str(&inner.0);
            self.0.push('}');
        }
    }

    fn key(&mut self, key: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        write_text(key, &mut self.0);
        self.0.push(':');
    }

    /// The record.
    pub(super) fn done(mut self) -> Bytes {
        self.0.push('}');
        self.0.into()
    }
}
