//! Paths into a native record, and an automaton that finds many of them in one walk.
//!
//! `userIdentity.sessionContext.attributes."x.y".*` : segments are keys, `*` is any key or array
//! item, `abc*` any key with that start, a final `**` the whole subtree. A key with dots or
//! other punctuation stands in double quotes.

use std::{collections::BTreeSet, fmt};

use hashbrown::HashMap;

use crate::json::Json;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Segment {
    Key(Box<str>),
    Prefix(Box<str>),
    Any,
    Rest,
}

/// A path as written in a source file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct FieldPath(Vec<Segment>);

/// Text that is not a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a path: {reason}")]
pub(crate) struct PathError {
    text: String,
    reason: &'static str,
}

impl std::str::FromStr for FieldPath {
    type Err = PathError;
    fn from_str(text: &str) -> Result<Self, PathError> {
        let error = |reason| PathError {
            text: text.to_owned(),
            reason,
        };
        let mut segments = Vec::new();
        let mut rest = text;
        loop {
            let (key, quoted, after) = if let Some(inner) = rest.strip_prefix('"') {
                let (key, after) = inner
                    .split_once('"')
                    .ok_or_else(|| error("a quote is not closed"))?;
                (key, true, after)
            } else {
                let end = rest.find('.').unwrap_or(rest.len());
                let (key, after) = rest.split_at(end);
                (key, false, after)
            };
            if key.is_empty() && !quoted {
                return Err(error("a key is empty"));
            }
            segments.push(match key {
                "*" => Segment::Any,
                "**" => Segment::Rest,
                _ => match key.strip_suffix('*') {
                    Some(start) => Segment::Prefix(start.into()),
                    None => Segment::Key(key.into()),
                },
            });
            if after.is_empty() {
                break;
            }
            rest = after
                .strip_prefix('.')
                .ok_or_else(|| error("a dot should follow a quoted key"))?;
        }
        let inner = segments.split_last().map_or(&[][..], |(_, inner)| inner);
        if inner.contains(&Segment::Rest) {
            return Err(error("`**` stands only at the end"));
        }
        Ok(Self(segments))
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, segment) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(".")?;
            }
            match segment {
                Segment::Key(k) if k.contains('.') || k.is_empty() => write!(f, "\"{k}\"")?,
                Segment::Key(k) => f.write_str(k)?,
                Segment::Prefix(k) if k.contains('.') => write!(f, "\"{k}*\"")?,
                Segment::Prefix(k) => write!(f, "{k}*")?,
                Segment::Any => f.write_str("*")?,
                Segment::Rest => f.write_str("**")?,
            }
        }
        Ok(())
    }
}

impl FieldPath {
    /// Its steps.
    pub(crate) fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// Its keys, if it has no wildcard.
    pub(crate) fn keys(&self) -> Option<Vec<&str>> {
        self.0
            .iter()
            .map(|s| match s {
                Segment::Key(k) => Some(k.as_ref()),
                Segment::Prefix(_) | Segment::Any | Segment::Rest => None,
            })
            .collect()
    }

    /// The first value it leads to for which `fits` holds.
    pub(crate) fn find<'t, 'a>(
        &self,
        tree: &'t Json<'a>,
        fits: &dyn Fn(&Json<'_>) -> bool,
    ) -> Option<&'t Json<'a>> {
        find(&self.0, tree, fits)
    }

    /// Calls `change` on every value it leads to.
    pub(crate) fn change<'a>(&self, tree: &mut Json<'a>, change: &mut dyn FnMut(&mut Json<'a>)) {
        visit(&self.0, tree, change);
    }
}

fn find<'t, 'a>(
    path: &[Segment],
    tree: &'t Json<'a>,
    fits: &dyn Fn(&Json<'_>) -> bool,
) -> Option<&'t Json<'a>> {
    let Some((head, tail)) = path.split_first() else {
        return fits(tree).then_some(tree);
    };
    match (head, tree) {
        (Segment::Rest, _) => fits(tree).then_some(tree),
        (Segment::Key(key), _) => find(tail, tree.get(key)?, fits),
        (Segment::Prefix(start), Json::Object(pairs)) => {
            let mut under = pairs.iter().filter(|(k, _)| k.starts_with(start.as_ref()));
            under.find_map(|(_, v)| find(tail, v, fits))
        }
        (Segment::Any, Json::Object(pairs)) => pairs.iter().find_map(|(_, v)| find(tail, v, fits)),
        (Segment::Any, Json::Array(items)) => items.iter().find_map(|v| find(tail, v, fits)),
        (
            Segment::Prefix(_) | Segment::Any,
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Array(_),
        ) => None,
    }
}

fn visit<'a>(path: &[Segment], tree: &mut Json<'a>, change: &mut dyn FnMut(&mut Json<'a>)) {
    let Some((head, tail)) = path.split_first() else {
        return change(tree);
    };
    match (head, tree) {
        (Segment::Rest, tree) => change(tree),
        (Segment::Key(key), tree) => {
            if let Some(value) = tree.get_mut(key) {
                visit(tail, value, change);
            }
        }
        (Segment::Prefix(start), Json::Object(pairs)) => {
            let under = pairs
                .iter_mut()
                .filter(|(k, _)| k.starts_with(start.as_ref()));
            under.for_each(|(_, v)| visit(tail, v, change));
        }
        (Segment::Any, Json::Object(pairs)) => {
            for (_, v) in pairs {
                visit(tail, v, change);
            }
        }
        (Segment::Any, Json::Array(items)) => {
            for v in items {
                visit(tail, v, change);
            }
        }
        (
            Segment::Prefix(_) | Segment::Any,
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Array(_),
        ) => {}
    }
}

/// How much of a record a path accounts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Known {
    /// Nothing.
    No,
    /// A scalar at its end.
    Leaf,
    /// Everything at and below its end.
    Tree,
}

/// A state of the automaton.
#[derive(Debug)]
struct State {
    keys: HashMap<Box<str>, u32>,
    /// Longest first.
    prefixes: Vec<(Box<str>, u32)>,
    any: u32,
    slots: Vec<u16>,
    known: Known,
}

/// No state: nothing below is asked for.
const NOWHERE: u32 = u32::MAX;

/// Many paths, walked at once.
#[derive(Debug)]
pub(crate) struct Paths {
    states: Vec<State>,
    slots: usize,
}

/// What one walk found.
pub(crate) struct Found<'t, 'a> {
    /// For each slot the first value that says something.
    pub(crate) first: Vec<Option<&'t Json<'a>>>,
    /// Further values, with their slot.
    pub(crate) more: Vec<(u16, &'t Json<'a>)>,
    /// Scalars that are neither null nor empty text.
    pub(crate) leaves: u64,
    /// Those that no path accounts for.
    pub(crate) unknown: u64,
    /// Paths of some of them.
    pub(crate) examples: Vec<String>,
}

impl<'t, 'a> Found<'t, 'a> {
    /// Every value of `slot` in order.
    pub(crate) fn all(&self, slot: u16) -> impl Iterator<Item = &'t Json<'a>> + '_ {
        let first = self.first.get(usize::from(slot)).copied().flatten();
        let more = self
            .more
            .iter()
            .filter(move |(s, _)| *s == slot)
            .map(|(_, v)| *v);
        first.into_iter().chain(more)
    }
}

impl Paths {
    /// Builds the automaton: `paths` with the slot that collects its values, if any.
    pub(crate) fn new(paths: &[(FieldPath, Option<u16>, Known)]) -> Self {
        let slots = paths
            .iter()
            .filter_map(|(_, s, _)| s.map(|s| usize::from(s) + 1))
            .max();
        let mut build = Build {
            paths,
            ids: HashMap::new(),
            states: Vec::new(),
        };
        build.state(&(0..paths.len()).map(|p| (p, 0)).collect());
        Self {
            states: build.states,
            slots: slots.unwrap_or(0),
        }
    }

    /// Walks the record once.
    pub(crate) fn walk<'t, 'a>(&self, tree: &'t Json<'a>, examples: usize) -> Found<'t, 'a> {
        let mut walk = Walk {
            states: &self.states,
            found: Found {
                first: vec![None; self.slots],
                more: Vec::new(),
                leaves: 0,
                unknown: 0,
                examples: Vec::new(),
            },
            wanted: examples,
            stack: Vec::with_capacity(8),
        };
        walk.visit(tree, 0, Known::No);
        walk.found
    }
}

/// Positions in the paths (path, next segment) that a state stands for.
type Positions = BTreeSet<(usize, usize)>;

struct Build<'p> {
    paths: &'p [(FieldPath, Option<u16>, Known)],
    ids: HashMap<Positions, u32>,
    states: Vec<State>,
}

impl Build<'_> {
    /// The state for `at`, made where it does not exist yet (subset construction).
    fn state(&mut self, at: &Positions) -> u32 {
        if at.is_empty() {
            return NOWHERE;
        }
        if let Some(id) = self.ids.get(at) {
            return *id;
        }
        let id = u32::try_from(self.states.len()).unwrap_or(NOWHERE);
        self.ids.insert(at.clone(), id);
        self.states.push(State {
            keys: HashMap::new(),
            prefixes: Vec::new(),
            any: NOWHERE,
            slots: Vec::new(),
            known: Known::No,
        });
        let (mut slots, mut known) = (Vec::new(), Known::No);
        let (mut keys, mut prefixes) = (BTreeSet::new(), BTreeSet::new());
        for (path, step) in at {
            let Some((field, slot, end)) = self.paths.get(*path) else {
                continue;
            };
            match field.segments().get(*step) {
                None => {
                    slots.extend(*slot);
                    known = known.max(*end);
                }
                Some(Segment::Rest) => {
                    slots.extend(*slot);
                    known = Known::Tree;
                }
                Some(Segment::Key(k)) => drop(keys.insert(k.clone())),
                Some(Segment::Prefix(k)) => drop(prefixes.insert(k.clone())),
                Some(Segment::Any) => {}
            }
        }
        let any = self.step(at, |s| matches!(s, Segment::Any));
        let keys: Vec<_> = keys
            .into_iter()
            .map(|key| {
                let next = self.step(at, |s| match s {
                    Segment::Key(k) => *k == key,
                    Segment::Prefix(p) => key.starts_with(p.as_ref()),
                    Segment::Any => true,
                    Segment::Rest => false,
                });
                (key, next)
            })
            .collect();
        let mut prefixes: Vec<_> = prefixes
            .into_iter()
            .map(|start| {
                let next = self.step(at, |s| match s {
                    Segment::Prefix(p) => start.starts_with(p.as_ref()),
                    Segment::Any => true,
                    Segment::Key(_) | Segment::Rest => false,
                });
                (start, next)
            })
            .collect();
        prefixes.sort_by_key(|(start, _)| std::cmp::Reverse(start.len()));
        if let Some(state) = self.states.get_mut(id as usize) {
            *state = State {
                keys: keys.into_iter().collect(),
                prefixes,
                any,
                slots,
                known,
            };
        }
        id
    }

    fn step(&mut self, at: &Positions, takes: impl Fn(&Segment) -> bool) -> u32 {
        let next = at
            .iter()
            .filter(|(path, step)| {
                let segment = self
                    .paths
                    .get(*path)
                    .and_then(|(f, _, _)| f.segments().get(*step));
                segment.is_some_and(&takes)
            })
            .map(|(path, step)| (*path, step + 1))
            .collect::<Positions>();
        self.state(&next)
    }
}

struct Walk<'p, 't, 'a> {
    states: &'p [State],
    found: Found<'t, 'a>,
    wanted: usize,
    stack: Vec<&'t str>,
}

impl<'t, 'a> Walk<'_, 't, 'a> {
    fn visit(&mut self, node: &'t Json<'a>, state: u32, above: Known) {
        let state = self.states.get(state as usize);
        let mut known = if above == Known::Tree {
            Known::Tree
        } else {
            Known::No
        };
        if let Some(state) = state {
            known = known.max(state.known);
            if !node.is_empty() {
                for slot in &state.slots {
                    match self.found.first.get_mut(usize::from(*slot)) {
                        Some(first @ None) => *first = Some(node),
                        Some(Some(_)) | None => self.found.more.push((*slot, node)),
                    }
                }
            }
        }
        match node {
            Json::Null => {}
            Json::Bool(_) | Json::Number(_) | Json::Text(_) => {
                if node.is_empty() {
                    return;
                }
                self.found.leaves += 1;
                if known == Known::No {
                    self.found.unknown += 1;
                    if self.found.examples.len() < self.wanted {
                        self.found.examples.push(self.stack.join("."));
                    }
                }
            }
            Json::Array(items) => {
                let next = state.map_or(NOWHERE, |s| s.any);
                // A list of scalars belongs to the path that leads to the list.
                let inherit = if known == Known::Leaf && next == NOWHERE {
                    Known::Leaf
                } else {
                    known
                };
                self.stack.push("*");
                for item in items {
                    match item {
                        Json::Array(_) | Json::Object(_) => self.visit(item, next, tree(known)),
                        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => {
                            if inherit == Known::Leaf {
                                self.found.leaves += u64::from(!item.is_empty());
                            } else {
                                self.visit(item, next, tree(known));
                            }
                        }
                    }
                }
                self.stack.pop();
            }
            Json::Object(pairs) => {
                for (key, value) in pairs {
                    let next = state.map_or(NOWHERE, |s| {
                        s.keys.get(key.as_ref()).copied().unwrap_or_else(|| {
                            let prefix =
                                s.prefixes.iter().find(|(p, _)| key.starts_with(p.as_ref()));
                            prefix.map_or(s.any, |(_, next)| *next)
                        })
                    });
                    self.stack.push(key);
                    self.visit(value, next, tree(known));
                    self.stack.pop();
                }
            }
        }
    }
}

/// What children inherit: a whole tree, or nothing.
fn tree(known: Known) -> Known {
    if known == Known::Tree {
        Known::Tree
    } else {
        Known::No
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    #[test]
    fn paths_read_and_print() {
        for text in [
            "a.b",
            "a.*.c",
            "a.\"x.y\".**",
            "tele*",
            "\"gen_ai.usage.*\"",
        ] {
            assert_eq!(text.parse::<FieldPath>().unwrap().to_string(), text);
        }
        for bad in ["", "a..b", "a.", "\"x", "\"x\"y", "a.**.b"] {
            assert!(bad.parse::<FieldPath>().is_err(), "{bad}");
        }
    }

    #[test]
    fn one_walk_finds_values_and_counts_what_nobody_knows() {
        let paths: Vec<(FieldPath, Option<u16>, Known)> = [
            ("a.b", Some(0), Known::Leaf),
            ("a.*", Some(1), Known::Leaf),
            ("l.*.x", Some(2), Known::Leaf),
            ("p*", None, Known::Leaf),
            ("t.**", None, Known::Tree),
            ("s", Some(3), Known::Leaf),
        ]
        .into_iter()
        .map(|(p, s, k)| (p.parse().unwrap(), s, k))
        .collect();
        let text = br#"{"a":{"b":1,"c":2},"l":[{"x":3,"y":4},{"x":5}],"pq":6,"t":{"d":[7,{"e":8}]},"s":["x","y"],"n":null,"u":{"v":9}}"#;
        let tree = parse(text).unwrap();
        let found = Paths::new(&paths).walk(&tree, 8);
        let texts = |slot| found.all(slot).map(Json::to_text).collect::<Vec<_>>();
        assert_eq!(texts(0), ["1"]);
        assert_eq!(texts(1), ["1", "2"]);
        assert_eq!(texts(2), ["3", "5"]);
        assert_eq!(texts(3), ["[\"x\",\"y\"]"]);
        assert_eq!((found.leaves, found.unknown), (11, 2));
        assert_eq!(found.examples, ["l.*.y", "u.v"]);
    }
}
