//! Search over memory and files: each event once, whatever is being flushed or compacted meanwhile.

mod aggregate;
mod histogram;
mod page;
mod plan;
mod scan;
mod sketch;
mod view;

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

pub use aggregate::{Aggregate, Group, Measure, Measured};
pub use histogram::{Bucket, Top};
pub use page::{Cursor, Page, ParseCursorError};
pub(crate) use page::{all_columns, dead_columns};
pub(crate) use plan::{Plan, Unit, read_rows};
pub use plan::{Query, Tenants};
pub use sketch::Numbers;

use crate::{Lake, LakeError};

/// Lets somebody else watch a search and stop it. Share it by reference or `Arc`.
#[derive(Debug, Default)]
pub struct Watch {
    cancelled: AtomicBool,
    done: AtomicUsize,
    total: AtomicUsize,
}

impl Watch {
    /// A fresh one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
    /// Stops the search soon; it ends with [`SearchError::Cancelled`].
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
    /// Whether [`Watch::cancel`] was called.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
    /// How many parts are done, of how many. The total grows once files have been pruned.
    pub fn progress(&self) -> (usize, usize) {
        (
            self.done.load(Ordering::Relaxed),
            self.total.load(Ordering::Relaxed),
        )
    }
    fn grow(&self, parts: usize) {
        self.total.fetch_add(parts, Ordering::Relaxed);
    }
    fn step(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }
}

/// Why a search gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// Somebody stopped it.
    #[error("search cancelled")]
    Cancelled,
    /// Grouping would take too much memory.
    #[error("more than {limit} groups; narrow the filter or group by fewer fields")]
    TooManyGroups {
        /// The limit.
        limit: usize,
    },
    /// A number is out of range.
    #[error("cannot search: {0}")]
    Invalid(&'static str),
    /// The lake failed.
    #[error(transparent)]
    Lake(#[from] LakeError),
}

impl Lake {
    /// The parts of the lake that may hold a match for `plan`, latest first.
    pub(crate) fn units(&self, plan: &Plan, watch: &Watch) -> Result<Vec<Unit>, SearchError> {
        let snapshot = self.snapshot();
        let files: Vec<_> = plan.files(&snapshot).cloned().collect();
        watch.grow(files.len());
        let found = each(
            &files,
            self.options.threads,
            watch,
            Vec::new,
            |units, file| {
                units.extend(plan.groups(file)?);
                Ok(())
            },
        )?;
        let mut units: Vec<Unit> = found.into_iter().flatten().collect();
        units.sort_by_key(|unit| std::cmp::Reverse(unit.latest()));
        let hot = snapshot.hot.into_iter().rev().map(Unit::Hot);
        units.splice(0..0, hot);
        watch.grow(units.len());
        Ok(units)
    }
}

impl Unit {
    /// Latest time in it, in microseconds.
    pub(crate) fn latest(&self) -> i64 {
        match self {
            Self::Hot(_) => i64::MAX,
            Self::Group { times, .. } => times.1,
        }
    }
}

/// Does `work` on every item, on up to `threads` threads, each with its own state.
pub(crate) fn each<T: Sync, S: Send>(
    items: &[T],
    threads: usize,
    watch: &Watch,
    start: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &T) -> Result<(), SearchError> + Sync,
) -> Result<Vec<S>, SearchError> {
    let next = AtomicUsize::new(0);
    let failed: Mutex<Option<SearchError>> = Mutex::new(None);
    let run = || {
        let mut state = start();
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            let outcome = if watch.is_cancelled() {
                Err(SearchError::Cancelled)
            } else {
                work(&mut state, item)
            };
            if let Err(error) = outcome {
                next.store(items.len(), Ordering::Relaxed);
                failed
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .get_or_insert(error);
                break;
            }
            watch.step();
        }
        state
    };
    let more = threads.min(items.len()).saturating_sub(1);
    let states = thread::scope(|scope| {
        let others: Vec<_> = (0..more).map(|_| scope.spawn(run)).collect();
        let mut states = vec![run()];
        for other in others {
            match other.join() {
                Ok(state) => states.push(state),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        states
    });
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(states),
    }
}
