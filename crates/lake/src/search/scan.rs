//! Every matching event in order of time, for hunts and backtests.

use std::{
    cmp::Reverse, collections::BinaryHeap, collections::VecDeque, ops::ControlFlow, sync::Arc,
};

use watchfloor_types::EventId;

use super::{
    Query, SearchError, Unit, Watch,
    page::{all_columns, stop_if},
    plan::Plan,
};
use crate::{Lake, LakeError, Row, batch, schema};

/// Rows given at once.
const GIVE_ROWS: usize = 1024;

/// One sorted run of rows: a file, or a batch in memory. Its parts are read when they are reached.
struct Run {
    units: VecDeque<Unit>,
    rows: VecDeque<Row>,
}

type Next = Reverse<(jiff::Timestamp, EventId, usize)>;

impl Lake {
    /// Gives every event that matches to `give`, in batches, oldest first (ties by id), until it
    /// breaks. Returns how many were given. Reads on the calling thread.
    pub fn scan(
        &self,
        query: &Query,
        watch: &Watch,
        give: &mut dyn FnMut(Vec<Row>) -> ControlFlow<()>,
    ) -> Result<u64, SearchError> {
        let plan = Plan::new(query);
        // Runs not begun, those that begin latest first; a run is begun when its time has come.
        let mut later = self.runs(&plan)?;
        watch.grow(later.len());
        later.sort_by_key(|(begins, _)| Reverse(*begins));
        let mut runs: Vec<Run> = Vec::new();
        let mut heads: BinaryHeap<Next> = BinaryHeap::new();
        let mut ready = Vec::with_capacity(GIVE_ROWS);
        let mut given = 0;
        loop {
            let now = heads
                .peek()
                .map(|Reverse((time, ..))| time.as_microsecond());
            if later
                .last()
                .is_some_and(|(begins, _)| now.is_none_or(|now| *begins <= now))
            {
                if watch.is_cancelled() {
                    return Err(SearchError::Cancelled);
                }
                if let Some((_, mut run)) = later.pop() {
                    run.fill(&plan, watch)?;
                    heads.extend(run.head(runs.len()));
                    runs.push(run);
                }
                continue;
            }
            let Some(Reverse((_, _, number))) = heads.pop() else {
                break;
            };
            if let Some(run) = runs.get_mut(number) {
                ready.extend(run.rows.pop_front());
                run.fill(&plan, watch)?;
                heads.extend(run.head(number));
            }
            if ready.len() >= GIVE_ROWS {
                given += ready.len() as u64;
                if give(std::mem::take(&mut ready)).is_break() {
                    return Ok(given);
                }
            }
        }
        if !ready.is_empty() {
            given += ready.len() as u64;
            // Nothing follows, so it makes no difference whether this breaks.
            match give(ready) {
                ControlFlow::Continue(()) | ControlFlow::Break(()) => {}
            }
        }
        Ok(given)
    }

    fn runs(&self, plan: &Arc<Plan>) -> Result<Vec<(i64, Run)>, LakeError> {
        let snapshot = self.snapshot();
        let mut runs = Vec::new();
        for file in plan.files(&snapshot) {
            runs.push((
                file.entry.min_time.as_microsecond(),
                Run {
                    units: plan.groups(file)?.into(),
                    rows: VecDeque::new(),
                },
            ));
        }
        for hot in snapshot.hot {
            let times =
                batch::column::<arrow_array::TimestampMicrosecondArray>(&hot.batch, schema::TIME);
            let begins = times.and_then(|t| t.values().iter().min().copied());
            runs.push((
                begins.unwrap_or(i64::MIN),
                Run {
                    units: VecDeque::from([Unit::Hot(hot)]),
                    rows: VecDeque::new(),
                },
            ));
        }
        Ok(runs)
    }
}

impl Run {
    /// Reads on until there is a row or nothing more.
    fn fill(&mut self, plan: &Arc<Plan>, watch: &Watch) -> Result<(), SearchError> {
        while self.rows.is_empty() {
            let Some(unit) = self.units.pop_front() else {
                return Ok(());
            };
            let mut outcome = Ok(());
            let flow = plan.read(&unit, &all_columns(), &mut |batch| {
                for row in batch::to_rows(&batch) {
                    match row {
                        Some(row) => self.rows.push_back(row),
                        None => outcome = Err(LakeError::Foreign("an event row".to_owned())),
                    }
                }
                super::page::go_on(watch)
            })?;
            outcome?;
            stop_if(flow)?;
            // A file is sorted already; a batch in memory is in order of arrival.
            self.rows
                .make_contiguous()
                .sort_by_key(|row| (row.event.time, row.event.id));
            if self.units.is_empty() {
                watch.step();
            }
        }
        Ok(())
    }

    fn head(&self, number: usize) -> Option<Next> {
        let row = self.rows.front()?;
        Some(Reverse((row.event.time, row.event.id, number)))
    }
}
