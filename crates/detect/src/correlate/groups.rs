//! All groups: by key, and by the time something has to be done about them.

use std::{cmp::Reverse, collections::BinaryHeap, hash::BuildHasher as _};

use hashbrown::{DefaultHashBuilder, HashTable};

use super::{facts::Facts, group::Group, plan::Feed};

/// Groups in places that do not move. Every group has exactly one entry among the deadlines; it
/// may be too early, never too late, so that a contribution costs no sorting.
#[derive(Debug, Default)]
pub(super) struct Groups {
    slots: Vec<Option<Group>>,
    free: Vec<u32>,
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
    deadlines: BinaryHeap<Reverse<(i64, u32)>>,
    len: usize,
    held: usize,
}

impl Groups {
    pub(super) fn len(&self) -> usize {
        self.len
    }
    pub(super) fn held(&self) -> usize {
        self.held
    }
    pub(super) fn bytes(&self) -> usize {
        let groups: usize = self.slots.iter().flatten().map(Group::bytes).sum();
        let empty = self.slots.capacity().saturating_sub(self.len);
        groups + empty * size_of::<Option<Group>>()
    }
    pub(super) fn iter(&self) -> impl Iterator<Item = &Group> {
        self.slots.iter().flatten()
    }
    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut Group> {
        self.slots.get_mut(slot as usize)?.as_mut()
    }
    /// Corrects the number of contributions held.
    pub(super) fn account(&mut self, before: usize, after: usize) {
        self.held = (self.held + after).saturating_sub(before);
    }

    fn hash(&self, at: usize, key: &str) -> u64 {
        self.hasher.hash_one((at, key))
    }

    /// The group with this key; a new one has no deadline yet, see [`Groups::started`].
    pub(super) fn find_or_add(&mut self, feed: &Feed, key: &str, facts: &Facts) -> u32 {
        let hash = self.hash(feed.at, key);
        let slots = &self.slots;
        let found = self.table.find(hash, |slot| {
            let group = slots.get(*slot as usize).and_then(Option::as_ref);
            group.is_some_and(|g| g.hash == hash && g.at == feed.at && *g.key == *key)
        });
        if let Some(slot) = found {
            return *slot;
        }
        let value = |at: &usize| -> Box<str> {
            let text = facts.values.get(*at).map_or("", |s| s.text.as_str());
            crate::finding::capped(text).into()
        };
        let shown = feed.key.iter().map(value).collect();
        self.place(Group::new(feed.at, key.into(), hash, shown))
    }

    fn place(&mut self, group: Group) -> u32 {
        let hash = group.hash;
        self.held += group.held;
        self.len += 1;
        let slot = match self.free.pop() {
            Some(slot) => {
                if let Some(place) = self.slots.get_mut(slot as usize) {
                    *place = Some(group);
                }
                slot
            }
            None => {
                self.slots.push(Some(group));
                (self.slots.len() - 1) as u32
            }
        };
        let slots = &self.slots;
        self.table.insert_unique(hash, slot, |slot| {
            let group = slots.get(*slot as usize).and_then(Option::as_ref);
            group.map_or(0, |g| g.hash)
        });
        slot
    }

    /// Takes over a group from elsewhere.
    pub(super) fn insert(&mut self, mut group: Group) {
        group.hash = self.hash(group.at, &group.key);
        group.waits = false;
        let slot = self.place(group);
        self.started(slot);
    }

    /// Gives every group away.
    pub(super) fn take_all(&mut self) -> Vec<Group> {
        std::mem::take(self).slots.into_iter().flatten().collect()
    }

    /// Makes sure that the group is among the deadlines, early enough.
    pub(super) fn started(&mut self, slot: u32) {
        if let Some(group) = self.slots.get_mut(slot as usize).and_then(Option::as_mut) {
            // A deadline only moves closer with an older event of a new window: rare, and then a
            // second entry does no harm.
            if !group.waits || group.deadline < group.waiting_for {
                group.waits = true;
                group.waiting_for = group.deadline;
                self.deadlines.push(Reverse((group.deadline, slot)));
            }
        }
    }

    /// A group that took nothing is not kept.
    pub(super) fn drop_if_empty(&mut self, slot: u32) {
        if self.get_mut(slot).is_some_and(|g| !g.waits) {
            self.remove(slot);
        }
    }

    /// Whether the first deadline has passed.
    pub(super) fn is_due(&self, now: i64) -> bool {
        self.deadlines
            .peek()
            .is_some_and(|Reverse((at, _))| *at < now)
    }

    /// Takes out the next group whose deadline has passed. It must be removed or made to wait.
    pub(super) fn pop_due(&mut self, now: i64) -> Option<u32> {
        while self.is_due(now) {
            let slot = self.next()?;
            if let Some(group) = self.get_mut(slot) {
                if group.deadline < now {
                    return Some(slot);
                }
                self.wait(slot);
            }
        }
        None
    }

    /// The next entry whose group is still there and waits for it.
    fn next(&mut self) -> Option<u32> {
        while let Some(Reverse((at, slot))) = self.deadlines.pop() {
            if let Some(group) = self.get_mut(slot)
                && group.waits
                && group.waiting_for == at
            {
                group.waits = false;
                return Some(slot);
            }
        }
        None
    }

    /// Puts a group taken out back among the deadlines.
    pub(super) fn wait(&mut self, slot: u32) {
        self.started(slot);
    }

    pub(super) fn remove(&mut self, slot: u32) {
        let Some(group) = self.slots.get_mut(slot as usize).and_then(Option::take) else {
            return;
        };
        self.len -= 1;
        self.held = self.held.saturating_sub(group.held);
        if let Ok(entry) = self.table.find_entry(group.hash, |s| *s == slot) {
            entry.remove();
        }
        self.free.push(slot);
    }

    /// Forgets the group whose deadline is next; false where there is none.
    pub(super) fn evict(&mut self) -> bool {
        while let Some(slot) = self.next() {
            let Some(group) = self.get_mut(slot) else {
                continue;
            };
            // The entry may be older than the group's last contribution.
            if group.deadline > group.waiting_for {
                self.wait(slot);
                continue;
            }
            self.remove(slot);
            return true;
        }
        false
    }
}
