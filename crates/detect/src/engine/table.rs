//! All texts that rules ask of one field, found in one pass over a value.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use super::inside::Inside;
use crate::op::{Case, How, Number, Op};

/// What is asked of one field, by local ask.
#[derive(Debug, Default)]
pub(super) struct Table {
    folded: Texts,
    cased: Texts,
    numbers: HashMap<Number, u32>,
}

/// Texts of one case rule.
#[derive(Debug, Default)]
struct Texts {
    equal: HashMap<Box<str>, u32>,
    front: Trie,
    back: Trie,
    inside: Option<Inside>,
}

impl Table {
    /// Builds the table of those of `asks` that it can answer: texts and numbers.
    pub(super) fn new<'a>(asks: impl IntoIterator<Item = (&'a Op, u32)>) -> Self {
        let mut folded: Vec<(How, &str, u32)> = Vec::new();
        let mut cased: Vec<(How, &str, u32)> = Vec::new();
        let mut numbers = HashMap::new();
        for (op, ask) in asks {
            match op {
                Op::Text {
                    how,
                    case: Case::Ignored,
                    literal,
                } => folded.push((*how, literal, ask)),
                Op::Text {
                    how,
                    case: Case::Kept,
                    literal,
                } => cased.push((*how, literal, ask)),
                Op::Number(n) => {
                    numbers.insert(*n, ask);
                }
                Op::Glob { .. }
                | Op::Regex(_)
                | Op::Cidr(_)
                | Op::Compare(..)
                | Op::Exists
                | Op::Null
                | Op::FieldRef { .. }
                | Op::Time { .. }
                | Op::Array(_)
                | Op::Placeholder(_) => {}
            }
        }
        Self {
            folded: Texts::new(&folded),
            cased: Texts::new(&cased),
            numbers,
        }
    }

    /// Whether it asks nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.folded.is_empty() && self.cased.is_empty() && self.numbers.is_empty()
    }

    /// Whether it asks anything of the folded text.
    pub(super) fn reads_folded(&self) -> bool {
        !self.folded.is_empty()
    }

    /// Hands to `holds` every ask that holds for `text`, some perhaps twice. `folded` is the same
    /// text folded, where [`Table::reads_folded`].
    pub(super) fn find(&self, text: &str, folded: &str, holds: &mut impl FnMut(u32)) {
        if !self.folded.is_empty() {
            self.folded.find(folded, holds);
        }
        if !self.cased.is_empty() {
            self.cased.find(text, holds);
        }
        if !self.numbers.is_empty()
            && let Some(number) = Number::read(text)
            && let Some(ask) = self.numbers.get(&number)
        {
            holds(*ask);
        }
    }
}

impl Texts {
    fn new(asks: &[(How, &str, u32)]) -> Self {
        let of = |wanted: How| asks.iter().filter(move |(how, ..)| *how == wanted);
        let mut inside = of(How::Contains)
            .map(|(_, text, ask)| (*text, *ask))
            .peekable();
        let inside = inside.peek().is_some().then(|| Inside::new(inside));
        Self {
            equal: of(How::Equals)
                .map(|(_, text, ask)| (Box::from(*text), *ask))
                .collect(),
            front: Trie::new(
                of(How::StartsWith).map(|(_, text, ask)| (text.bytes().collect(), *ask)),
            ),
            back: Trie::new(
                of(How::EndsWith).map(|(_, text, ask)| (text.bytes().rev().collect(), *ask)),
            ),
            inside,
        }
    }
    fn is_empty(&self) -> bool {
        self.equal.is_empty()
            && self.front.is_empty()
            && self.back.is_empty()
            && self.inside.is_none()
    }
    fn find(&self, text: &str, holds: &mut impl FnMut(u32)) {
        if let Some(ask) = self.equal.get(text) {
            holds(*ask);
        }
        self.front.walk(text.bytes(), holds);
        self.back.walk(text.bytes().rev(), holds);
        if let Some(inside) = &self.inside {
            inside.find(text, &mut |ask, _| holds(ask));
        }
    }
}

/// Texts by their bytes from one end: a walk stops at the first byte that leads nowhere.
#[derive(Debug, Default)]
struct Trie {
    nodes: Vec<TrieNode>,
    edges: Vec<(u8, u32)>,
}

#[derive(Debug, Clone, Copy)]
struct TrieNode {
    first: u32,
    end: u32,
    ask: Option<u32>,
}

impl Trie {
    fn new(texts: impl Iterator<Item = (Vec<u8>, u32)>) -> Self {
        let mut grown: Vec<(BTreeMap<u8, usize>, Option<u32>)> = Vec::new();
        for (bytes, ask) in texts {
            if grown.is_empty() {
                grown.push((BTreeMap::new(), None));
            }
            let mut node = 0usize;
            for byte in bytes {
                let fresh = grown.len();
                let Some((edges, _)) = grown.get_mut(node) else {
                    break;
                };
                node = *edges.entry(byte).or_insert(fresh);
                if node == fresh {
                    grown.push((BTreeMap::new(), None));
                }
            }
            if let Some((_, slot)) = grown.get_mut(node) {
                *slot = Some(ask);
            }
        }
        let mut trie = Self::default();
        for (edges, ask) in grown {
            let first = trie.edges.len() as u32;
            trie.edges
                .extend(edges.into_iter().map(|(byte, to)| (byte, to as u32)));
            trie.nodes.push(TrieNode {
                first,
                end: trie.edges.len() as u32,
                ask,
            });
        }
        trie
    }
    fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
    fn walk(&self, bytes: impl Iterator<Item = u8>, holds: &mut impl FnMut(u32)) {
        let Some(mut node) = self.nodes.first() else {
            return;
        };
        for byte in bytes {
            let edges = self
                .edges
                .get(node.first as usize..node.end as usize)
                .unwrap_or_default();
            let next = edges
                .iter()
                .find(|(edge, _)| *edge == byte)
                .and_then(|(_, to)| self.nodes.get(*to as usize));
            let Some(next) = next else { return };
            node = next;
            if let Some(ask) = node.ask {
                holds(ask);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fold::folded;

    proptest! {
        #[test]
        fn finds_what_single_comparisons_find(
            asks in proptest::collection::vec((0usize..4, any::<bool>(), "[aAbß.]{1,6}"), 1..30),
            text in "[aAbß.]{0,16}",
        ) {
            let ops: Vec<Op> = asks
                .iter()
                .map(|(how, kept, literal)| {
                    let how = [How::Equals, How::Contains, How::StartsWith, How::EndsWith][*how];
                    let (case, literal) = if *kept { (Case::Kept, literal.clone()) } else { (Case::Ignored, folded(literal)) };
                    Op::Text { how, case, literal: literal.into() }
                })
                .collect();
            // Equal asks share an id, as after interning.
            let id = |op: &Op| ops.iter().position(|o| o == op).unwrap() as u32;
            let table = Table::new(ops.iter().map(|op| (op, id(op))));
            let mut got = Vec::new();
            table.find(&text, &folded(&text), &mut |ask| got.push(ask));
            got.sort_unstable();
            got.dedup();
            let mut want: Vec<u32> = ops
                .iter()
                .filter(|op| match op {
                    Op::Text { how, case: Case::Kept, literal } => how.holds(&text, literal),
                    Op::Text { how, literal, .. } => how.holds(&folded(&text), literal),
                    _ => false,
                })
                .map(id)
                .collect();
            want.sort_unstable();
            want.dedup();
            prop_assert_eq!(got, want);
        }
    }
}
