//! Which frames are durable but not yet in files or the hot buffer.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Sequence numbers handed out whose events have not been inserted yet.
#[derive(Debug)]
pub(crate) struct Outstanding(Mutex<State>);

#[derive(Debug)]
struct State {
    pending: BTreeSet<u64>,
    highest: u64,
}

impl Outstanding {
    pub(super) fn new(pending: impl Iterator<Item = u64>, highest: u64) -> Self {
        Self(Mutex::new(State {
            pending: pending.collect(),
            highest,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands out `first..=last`.
    pub(super) fn begin(&self, first: u64, last: u64) {
        let mut state = self.lock();
        state.pending.extend(first..=last);
        state.highest = state.highest.max(last);
    }

    /// Takes back `first..=last`: they were never acknowledged and are not on disk.
    pub(super) fn abandon(&self, first: u64, last: u64) {
        let mut state = self.lock();
        for seq in first..=last {
            state.pending.remove(&seq);
        }
    }

    /// Notes that the events of `seq` were inserted. False where `seq` is not waiting for that.
    pub(crate) fn finish(&self, seq: u64) -> bool {
        self.lock().pending.remove(&seq)
    }

    /// Up to this sequence number nothing is missing.
    pub(crate) fn complete_up_to(&self) -> u64 {
        let state = self.lock();
        state
            .pending
            .first()
            .map_or(state.highest, |first| first - 1)
    }
}
