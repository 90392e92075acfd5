//! Records of one call that arrive apart: a bounded memory of parts and parents.

use std::collections::VecDeque;

use hashbrown::HashMap;
use jiff::{SignedDuration, Timestamp};
use watchfloor_types::Norm;

use crate::messages::Transcript;

/// Remembers the parts of calls until their parent comes, and parents until late parts have come.
/// Time is that of receipt, so the same frames in the same order give the same events.
#[derive(Debug)]
pub struct Joiner {
    window: SignedDuration,
    capacity_bytes: usize,
    bytes: usize,
    groups: HashMap<Box<str>, Group>,
    order: VecDeque<(Timestamp, Box<str>)>,
    newest: Timestamp,
}

#[derive(Debug)]
struct Group {
    since: Timestamp,
    bytes: usize,
    parts: Vec<(Timestamp, Transcript)>,
    parent: Option<Norm>,
}

impl Default for Joiner {
    /// Two minutes and 64 MiB.
    fn default() -> Self {
        Self::new(SignedDuration::from_secs(120), 64 << 20)
    }
}

impl Joiner {
    /// A memory that keeps what was received less than `window` ago and about `capacity_bytes`
    /// of text; the oldest goes first.
    #[must_use]
    pub fn new(window: SignedDuration, capacity_bytes: usize) -> Self {
        Self {
            window,
            capacity_bytes,
            bytes: 0,
            groups: HashMap::new(),
            order: VecDeque::new(),
            newest: Timestamp::MIN,
        }
    }

    /// How many calls are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Lends a part; gives what the parent said if it came before.
    pub(crate) fn part(
        &mut self,
        key: &str,
        received: Timestamp,
        time: Timestamp,
        transcript: Transcript,
    ) -> Option<Norm> {
        let size = transcript.size();
        let group = self.group(key, received);
        if let Some(parent) = &group.parent {
            return Some(parent.clone());
        }
        group.parts.push((time, transcript));
        self.grow(key, size);
        None
    }

    /// The parts that came before the parent, in order of time; `remembered` stays for late ones.
    pub(crate) fn parent(
        &mut self,
        key: &str,
        received: Timestamp,
        remembered: Norm,
    ) -> Transcript {
        let size = remembered
            .iter()
            .map(|(f, v)| f.as_str().len() + v.to_string().len() + 32)
            .sum();
        let group = self.group(key, received);
        group.parent = Some(remembered);
        let mut parts = std::mem::take(&mut group.parts);
        self.grow(key, size);
        parts.sort_by_key(|(time, _)| *time);
        let mut out = Transcript::default();
        for (_, part) in parts {
            out.input.extend(part.input);
            out.output.extend(part.output);
            out.documents.extend(part.documents);
        }
        out
    }

    fn group(&mut self, key: &str, received: Timestamp) -> &mut Group {
        self.newest = self.newest.max(received);
        self.expire();
        if !self.groups.contains_key(key) {
            self.order.push_back((received, key.into()));
        }
        self.groups.entry_ref(key).or_insert_with(|| Group {
            since: received,
            bytes: 0,
            parts: Vec::new(),
            parent: None,
        })
    }

    fn grow(&mut self, key: &str, size: usize) {
        if let Some(group) = self.groups.get_mut(key) {
            group.bytes += size + key.len() + 64;
            self.bytes += size + key.len() + 64;
        }
    }

    fn expire(&mut self) {
        while let Some((since, key)) = self.order.front() {
            let old = self.newest.duration_since(*since) > self.window;
            if !old && self.bytes <= self.capacity_bytes {
                return;
            }
            if self.groups.get(key).is_some_and(|g| g.since == *since)
                && let Some(group) = self.groups.remove(key)
            {
                self.bytes = self.bytes.saturating_sub(group.bytes);
            }
            self.order.pop_front();
        }
    }
}
