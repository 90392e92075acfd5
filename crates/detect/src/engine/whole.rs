//! Keywords: texts that may stand in any value of a record.
//!
//! Taking every value out of a record, only to see that none has the keyword, would cost more than
//! all other rules together. Instead the keywords are looked for in the record as it is written, in
//! the form that JSON gives them; then it is only asked whether the place found lies inside a value.
//! A record that writes characters in unusual ways (`\u0041`) is read value by value.

use memchr::memmem;

use super::inside::Inside;
use crate::{
    fold::{Aligned, fold_onto},
    op::{Case, How, Op},
};

/// Keywords to be found in records as they are written.
#[derive(Debug)]
pub(super) struct Whole {
    inside: Inside,
    /// By the number that `inside` gives: the ask, and the length as written.
    asks: Box<[(u32, u32)]>,
    /// Whether a keyword has `/`, one of `<>&'`, or a character beyond ASCII: all of these are
    /// written in two ways.
    slash: bool,
    markup: bool,
    foreign: bool,
}

/// A keyword that stands in a record, if its place lies inside a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) ask: u32,
}

impl Whole {
    /// `None` where some of `asks` cannot be looked for in this way.
    pub(super) fn new<'a>(asks: impl IntoIterator<Item = (&'a Op, u32)>) -> Option<Self> {
        let mut texts = Vec::new();
        for (op, ask) in asks {
            let Op::Text {
                how: How::Contains,
                case: Case::Ignored,
                literal,
            } = op
            else {
                return None;
            };
            if literal.chars().any(char::is_control) {
                return None;
            }
            texts.push((literal.replace('\\', "\\\\").replace('"', "\\\""), ask));
        }
        let has = |wanted: fn(char) -> bool| texts.iter().any(|(text, _)| text.contains(wanted));
        Some(Self {
            slash: has(|c| c == '/'),
            markup: has(|c| matches!(c, '<' | '>' | '&' | '\'')),
            foreign: has(|c| !c.is_ascii()),
            inside: Inside::new(
                texts
                    .iter()
                    .zip(0u32..)
                    .map(|((text, _), at)| (text.as_str(), at)),
            ),
            asks: texts
                .iter()
                .map(|(text, ask)| (*ask, text.len() as u32))
                .collect(),
        })
    }

    /// The asks.
    pub(super) fn asks(&self) -> impl Iterator<Item = u32> {
        self.asks.iter().map(|(ask, _)| *ask)
    }

    /// The places in `record` where keywords stand, in order; false where the record has to be
    /// read value by value. `folded` is working memory.
    pub(super) fn find(&self, record: &str, folded: &mut String, places: &mut Vec<Place>) -> bool {
        places.clear();
        if !record.trim_ascii_start().starts_with('{') || !self.is_usual(record) {
            return false;
        }
        folded.clear();
        if fold_onto(record, folded) == Aligned::No {
            return false;
        }
        self.inside.find(folded, &mut |at, from| {
            let Some((ask, length)) = self.asks.get(at as usize).copied() else {
                return;
            };
            // After an odd number of backslashes the first character belongs to an escape.
            if backslashes(record, from).is_multiple_of(2) {
                places.push(Place {
                    from: from as u32,
                    to: from as u32 + length,
                    ask,
                });
            }
        });
        places.sort_unstable();
        true
    }

    /// Whether the record writes every character of a keyword in the one usual way.
    fn is_usual(&self, record: &str) -> bool {
        let bytes = record.as_bytes();
        if self.slash && memmem::find(bytes, b"\\/").is_some() {
            return false;
        }
        memmem::find_iter(bytes, b"\\u").all(|at| {
            // After an odd number of backslashes this one is text.
            if backslashes(record, at) % 2 == 1 {
                return true;
            }
            let unit = record.get(at + 2..at + 6);
            match unit.and_then(|hex| u16::from_str_radix(hex, 16).ok()) {
                Some(0..0x20 | 0x7f) => true,
                Some(0x26 | 0x27 | 0x3c | 0x3e) => !self.markup,
                // The Kelvin sign and the dotted capital I fold to letters of ASCII.
                Some(0x20..0x80 | 0x212a | 0x130) | None => false,
                Some(_) => !self.foreign,
            }
        })
    }
}

/// How many backslashes stand right before `at`.
fn backslashes(record: &str, at: usize) -> usize {
    let before = record.as_bytes().get(..at).unwrap_or_default();
    before.iter().rev().take_while(|b| **b == b'\\').count()
}
