//! Rows, newest first, page by page; and one event by its id.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fmt,
    ops::ControlFlow,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use arrow_array::{BooleanArray, RecordBatch};
use arrow_select::filter::filter_record_batch;
use jiff::Timestamp;
use parquet::arrow::arrow_reader::{ArrowPredicate, ArrowPredicateFn};
use watchfloor_types::{DeadLetter, EventId};

use super::{
    Query, SearchError, Unit, Watch, each,
    plan::{Plan, mask, read_rows},
    view::View,
};
use crate::{
    Lake, LakeError, Row, Table,
    batch::{self, column, id_at, micros_at},
    file::LiveFile,
    schema,
};

/// The most rows of one page.
const MAX_PAGE_ROWS: usize = 100_000;

/// Where the next page begins: behind this event. Its text can be put into a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    time: i64,
    id: EventId,
}

/// Some rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Newest first.
    pub rows: Vec<Row>,
    /// Where to go on, where there may be more.
    pub next: Option<Cursor>,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.time, self.id)
    }
}

/// Text that is not a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a page cursor")]
pub struct ParseCursorError;

impl FromStr for Cursor {
    type Err = ParseCursorError;
    fn from_str(text: &str) -> Result<Self, ParseCursorError> {
        let (time, id) = text.split_once('_').ok_or(ParseCursorError)?;
        Ok(Self {
            time: time.parse().map_err(|_| ParseCursorError)?,
            id: id.parse().map_err(|_| ParseCursorError)?,
        })
    }
}

/// Time and id: the order of all events.
type Place = (i64, [u8; 16]);

/// The newest places one thread has found, each with its unit.
#[derive(Default)]
struct Best {
    places: BTreeSet<(Place, usize)>,
}

impl Best {
    /// Keeps `place` if it belongs to the newest `limit`; returns the oldest of them once full.
    fn offer(&mut self, place: Place, unit: usize, limit: usize) -> Option<i64> {
        self.places.insert((place, unit));
        if self.places.len() > limit {
            self.places.pop_first();
        }
        (self.places.len() == limit)
            .then(|| self.places.first().map(|((time, _), _)| *time))
            .flatten()
    }
}

impl Lake {
    /// The newest `limit` events that match, behind `after`.
    pub fn search(
        &self,
        query: &Query,
        after: Option<Cursor>,
        limit: usize,
        watch: &Watch,
    ) -> Result<Page, SearchError> {
        if limit == 0 || limit > MAX_PAGE_ROWS {
            return Err(SearchError::Invalid("a page has 1 to 100000 rows"));
        }
        let mut query = query.clone();
        let before = after.map(|c| (c.time, *c.id.uuid().as_bytes()));
        if let Some(cursor) = after {
            let end = Timestamp::from_microsecond(cursor.time.saturating_add(1));
            query.until = query.until.min(end.unwrap_or(query.until));
        }
        let plan = Plan::new(&query);
        let units = self.units(&plan, watch)?;
        // The newest `limit` found so far are all at or after this time.
        let floor = AtomicI64::new(i64::MIN);
        let numbered: Vec<(usize, &Unit)> = units.iter().enumerate().collect();
        let best = each(
            &numbered,
            self.options.threads,
            watch,
            Best::default,
            |best, (number, unit)| {
                if unit.latest() < floor.load(Ordering::Relaxed) {
                    return Ok(());
                }
                let flow = plan.read(unit, &[schema::ID, schema::TIME], &mut |batch| {
                    let view = View::of(&batch);
                    let oldest = floor.load(Ordering::Relaxed);
                    for row in 0..batch.num_rows() {
                        let (Some(time), Some(id)) =
                            (micros_at(view.time, row), id_at(view.id, row))
                        else {
                            continue;
                        };
                        if time < oldest || before.is_some_and(|b| (time, id) >= b) {
                            continue;
                        }
                        if let Some(oldest) = best.offer((time, id), *number, limit) {
                            floor.fetch_max(oldest, Ordering::Relaxed);
                        }
                    }
                    go_on(watch)
                })?;
                stop_if(flow)
            },
        )?;
        let mut places: Vec<(Place, usize)> = best.into_iter().flat_map(|b| b.places).collect();
        places.sort_unstable_by(|a, b| b.cmp(a));
        places.truncate(limit);
        let rows = self.fetch(&units, &places, watch)?;
        let next = match rows.last() {
            Some(row) if rows.len() == limit => Some(Cursor {
                time: row.event.time.as_microsecond(),
                id: row.event.id,
            }),
            Some(_) | None => None,
        };
        Ok(Page { rows, next })
    }

    /// The whole rows at `places`, in that order.
    fn fetch(
        &self,
        units: &[Unit],
        places: &[(Place, usize)],
        watch: &Watch,
    ) -> Result<Vec<Row>, SearchError> {
        let mut by_unit: BTreeMap<usize, HashSet<[u8; 16]>> = BTreeMap::new();
        for ((_, id), unit) in places {
            by_unit.entry(*unit).or_default().insert(*id);
        }
        let work: Vec<(&Unit, Arc<HashSet<[u8; 16]>>)> = by_unit
            .into_iter()
            .filter_map(|(number, ids)| Some((units.get(number)?, Arc::new(ids))))
            .collect();
        watch.grow(work.len());
        let found = each(
            &work,
            self.options.threads,
            watch,
            Vec::new,
            |rows, (unit, ids)| {
                rows.extend(read_ids(unit, ids)?);
                Ok(())
            },
        )?;
        let mut rows: Vec<Row> = found.into_iter().flatten().collect();
        rows.sort_unstable_by_key(|row| std::cmp::Reverse((row.event.time, row.event.id)));
        Ok(rows)
    }

    /// The event `id`, if it is there. The time of receipt in the id says which files to look into.
    pub fn get(&self, id: EventId) -> Result<Option<Row>, LakeError> {
        let ids = Arc::new(HashSet::from([*id.uuid().as_bytes()]));
        let snapshot = self.snapshot();
        for hot in snapshot.hot {
            if let Some(row) = read_ids(&Unit::Hot(hot), &ids)?.pop() {
                return Ok(Some(row));
            }
        }
        let holds = |file: &&Arc<LiveFile>| {
            let entry = &file.entry;
            entry.table == Table::Events && entry.min_id <= id && id <= entry.max_id
        };
        for file in snapshot.files.iter().filter(holds) {
            let everything = Plan::new(&Query {
                filter: crate::Filter::all(),
                from: Timestamp::MIN,
                until: Timestamp::MAX,
                tenants: super::Tenants::All,
            });
            for unit in everything.groups(file)? {
                if let Some(row) = read_ids(&unit, &ids)?.pop() {
                    return Ok(Some(row));
                }
            }
        }
        Ok(None)
    }

    /// Records received in `from..until` that could not be understood, newest first.
    pub fn dead_letters(
        &self,
        from: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, LakeError> {
        let inside = |letter: &DeadLetter| letter.received >= from && letter.received < until;
        let (mut letters, files) = self.dead_snapshot();
        letters.retain(inside);
        let mut files: Vec<_> = files
            .iter()
            .filter(|f| {
                f.entry.table == Table::Dead && f.entry.min_time < until && f.entry.max_time >= from
            })
            .collect();
        files.sort_by_key(|f| std::cmp::Reverse(f.entry.max_time));
        for file in files {
            letters.sort_unstable_by_key(|l| std::cmp::Reverse((l.received, l.id)));
            letters.truncate(limit);
            let enough = letters.len() == limit;
            if enough
                && letters
                    .last()
                    .is_some_and(|l| l.received > file.entry.max_time)
            {
                break;
            }
            let columns = dead_columns();
            for group in 0..file.metadata()?.metadata().num_row_groups() {
                read_rows(file, group, &columns, Vec::new(), &mut |batch| {
                    let found = batch::to_dead(&batch).into_iter().flatten();
                    letters.extend(found.filter(|l| inside(l)));
                    Ok(())
                })?;
            }
        }
        letters.sort_unstable_by_key(|l| std::cmp::Reverse((l.received, l.id)));
        letters.truncate(limit);
        Ok(letters)
    }
}

/// Whole rows of `unit` whose id is one of `ids`.
fn read_ids(unit: &Unit, ids: &Arc<HashSet<[u8; 16]>>) -> Result<Vec<Row>, LakeError> {
    let wanted = Arc::clone(ids);
    let matches = move |batch: &RecordBatch| {
        let id = column(batch, schema::ID);
        let found =
            (0..batch.num_rows()).map(|row| id_at(id, row).is_some_and(|id| wanted.contains(&id)));
        BooleanArray::from(found.collect::<Vec<bool>>())
    };
    let mut rows = Vec::new();
    let mut give = |batch: &RecordBatch| -> Result<(), LakeError> {
        for row in batch::to_rows(batch) {
            rows.push(row.ok_or_else(|| LakeError::Foreign("an event row".to_owned()))?);
        }
        Ok(())
    };
    match unit {
        Unit::Hot(hot) => give(&filter_record_batch(&hot.batch, &matches(&hot.batch))?)?,
        Unit::Group { file, group, .. } => {
            let predicate: Box<dyn ArrowPredicate> = Box::new(ArrowPredicateFn::new(
                mask(file.metadata()?, &[schema::ID]),
                move |batch: RecordBatch| Ok(matches(&batch)),
            ));
            read_rows(
                file,
                *group,
                &all_columns(),
                vec![predicate],
                &mut |batch| give(&batch),
            )?;
        }
    }
    Ok(rows)
}

/// Every column of the event table.
pub(crate) fn all_columns() -> Vec<&'static str> {
    schema::EVENTS
        .fields()
        .iter()
        .map(|f| f.name().as_str())
        .collect()
}

/// Every column of the dead-letter table.
pub(crate) fn dead_columns() -> Vec<&'static str> {
    schema::DEAD
        .fields()
        .iter()
        .map(|f| f.name().as_str())
        .collect()
}

/// Continues unless somebody cancelled.
pub(crate) fn go_on(watch: &Watch) -> ControlFlow<()> {
    if watch.is_cancelled() {
        ControlFlow::Break(())
    } else {
        ControlFlow::Continue(())
    }
}

/// Turns a break by [`go_on`] into its error.
pub(crate) fn stop_if(flow: ControlFlow<()>) -> Result<(), SearchError> {
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(SearchError::Cancelled),
    }
}
