//! Counting instead of listing: over time, by value, with measures.

use std::ops::ControlFlow;

use hashbrown::HashMap;
use jiff::{SignedDuration, Timestamp};

use super::{
    Query, SearchError, Watch, each,
    page::{go_on, stop_if},
    plan::Plan,
    sketch::{DistinctSketch, NumberSketch, Numbers},
    view::{Multi, View, field_columns},
};
use crate::{
    Lake,
    batch::micros_at,
    query::{Field, as_number, with_text},
    schema,
};

/// More groups than this are refused.
const MAX_GROUPS: usize = 1_000_000;

/// How to count.
#[derive(Debug, Clone, Default)]
pub struct Aggregate {
    /// Also by time, in buckets of this width that start at multiples of it since 1970.
    pub bucket: Option<SignedDuration>,
    /// Fields whose values make the groups. An event with several values counts in each.
    pub by: Vec<String>,
    /// What to measure besides the count.
    pub measures: Vec<Measure>,
    /// How many groups to return, largest first; all where none.
    pub limit: Option<usize>,
}

/// A measure of one field within a group.
#[derive(Debug, Clone, PartialEq)]
pub enum Measure {
    /// How many different values: exact up to 16,384, then within about 1 %.
    Distinct(String),
    /// Count, smallest, largest, sum and these percentiles (0 to 100) of its numbers.
    Numbers(String, Vec<f64>),
}

/// One group.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Start of its time bucket, where asked for.
    pub bucket: Option<Timestamp>,
    /// One value per field of [`Aggregate::by`]; none where the event has no such field.
    pub key: Vec<Option<String>>,
    /// Events in it.
    pub count: u64,
    /// One per [`Aggregate::measures`].
    pub measures: Vec<Measured>,
}

/// The result of a [`Measure`].
#[derive(Debug, Clone, PartialEq)]
pub enum Measured {
    /// Different values.
    Distinct(u64),
    /// Numbers; none where there was no number.
    Numbers(Option<Numbers>),
}

struct Cell {
    count: u64,
    measures: Vec<Sketch>,
}

enum Sketch {
    Distinct(DistinctSketch),
    Numbers(NumberSketch),
}

impl Lake {
    /// Counts the events that match, in groups.
    pub fn aggregate(
        &self,
        query: &Query,
        how: &Aggregate,
        watch: &Watch,
    ) -> Result<Vec<Group>, SearchError> {
        let counted = self.aggregates(query, std::slice::from_ref(how), watch)?;
        Ok(counted.into_iter().next().unwrap_or_default())
    }

    /// Counts in several ways at once: what passes the filter is read once for all of them.
    pub fn aggregates(
        &self,
        query: &Query,
        hows: &[Aggregate],
        watch: &Watch,
    ) -> Result<Vec<Vec<Group>>, SearchError> {
        let counters = hows
            .iter()
            .map(Counter::new)
            .collect::<Result<Vec<_>, _>>()?;
        let plan = Plan::new(query);
        let units = self.units(&plan, watch)?;
        let states = each(
            &units,
            self.options.threads,
            watch,
            || counters.iter().map(|_| Cells::new()).collect::<Vec<_>>(),
            |tables, unit| {
                let multi = match unit {
                    super::Unit::Hot(_) => Multi::Present,
                    super::Unit::Group { multi, .. } => *multi,
                };
                let mut columns: Vec<_> = counters.iter().flat_map(|c| c.columns(multi)).collect();
                columns.sort_unstable();
                columns.dedup();
                let mut full = false;
                let flow = plan.read(unit, &columns, &mut |batch| {
                    let view = View::of(&batch);
                    for (counter, table) in counters.iter().zip(tables.iter_mut()) {
                        counter.count(&view, batch.num_rows(), table);
                        full |= table.len() > MAX_GROUPS;
                    }
                    if full {
                        ControlFlow::Break(())
                    } else {
                        go_on(watch)
                    }
                })?;
                if full {
                    return Err(SearchError::TooManyGroups { limit: MAX_GROUPS });
                }
                stop_if(flow)
            },
        )?;
        let mut all: Vec<Cells> = counters.iter().map(|_| Cells::new()).collect();
        for tables in states {
            for (into, table) in all.iter_mut().zip(tables) {
                merge(into, table);
            }
        }
        let ready = all.into_iter().zip(&counters).zip(hows);
        ready
            .map(|((cells, counter), how)| counter.groups(cells, how.limit))
            .collect()
    }
}

/// Cells by group key.
type Cells = HashMap<Box<[u8]>, Cell>;

fn merge(into: &mut Cells, from: Cells) {
    if into.is_empty() {
        *into = from;
        return;
    }
    for (key, cell) in from {
        match into.entry(key) {
            hashbrown::hash_map::Entry::Occupied(mut mine) => mine.get_mut().merge(cell),
            hashbrown::hash_map::Entry::Vacant(free) => {
                free.insert(cell);
            }
        }
    }
}

pub(super) fn micros(width: SignedDuration) -> Result<i64, SearchError> {
    i64::try_from(width.as_micros())
        .ok()
        .filter(|m| *m > 0)
        .ok_or(SearchError::Invalid(
            "a time bucket must be longer than nothing",
        ))
}

/// An [`Aggregate`], ready for columns.
struct Counter {
    micros: Option<i64>,
    by: Vec<Field>,
    measures: Vec<(Field, Measure)>,
}

impl Counter {
    fn new(how: &Aggregate) -> Result<Self, SearchError> {
        Ok(Self {
            micros: how.bucket.map(micros).transpose()?,
            by: how.by.iter().map(|f| Field::named(f)).collect(),
            measures: how
                .measures
                .iter()
                .map(|m| match m {
                    Measure::Distinct(field) | Measure::Numbers(field, _) => {
                        (Field::named(field), m.clone())
                    }
                })
                .collect(),
        })
    }

    /// Groups in order, the largest first.
    fn groups(&self, cells: Cells, limit: Option<usize>) -> Result<Vec<Group>, SearchError> {
        if cells.len() > MAX_GROUPS {
            return Err(SearchError::TooManyGroups { limit: MAX_GROUPS });
        }
        let mut groups: Vec<Group> = cells
            .into_iter()
            .map(|(key, cell)| self.group(&key, cell))
            .collect();
        let order = |g: &Group| (std::cmp::Reverse(g.count), g.bucket, g.key.clone());
        if let Some(limit) = limit
            && limit < groups.len()
        {
            groups.select_nth_unstable_by(limit, |a, b| order(a).cmp(&order(b)));
            groups.truncate(limit);
        }
        groups.sort_by_cached_key(order);
        Ok(groups)
    }

    fn columns(&self, multi: Multi) -> Vec<&'static str> {
        let mut columns = vec![schema::TIME];
        for field in self.by.iter().chain(self.measures.iter().map(|(f, _)| f)) {
            field_columns(field, multi, &mut columns);
        }
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    fn count(&self, view: &View<'_>, rows: usize, table: &mut Cells) {
        let mut keys: Vec<Vec<u8>> = Vec::new();
        for row in 0..rows {
            self.keys(view, row, &mut keys);
            for key in &keys {
                let cell = match table.get_mut(key.as_slice()) {
                    Some(cell) => cell,
                    None => table
                        .entry(key.as_slice().into())
                        .or_insert_with(|| Cell::new(&self.measures)),
                };
                cell.count += 1;
                for ((field, _), sketch) in self.measures.iter().zip(&mut cell.measures) {
                    view.visit(field, row, &mut |value| match sketch {
                        Sketch::Distinct(seen) => with_text(value, |text| seen.add(text)),
                        Sketch::Numbers(seen) => {
                            if let Some(number) = as_number(value) {
                                seen.add(number);
                            }
                        }
                    });
                }
            }
        }
    }

    /// The groups of `row`: bucket number, then per field a zero byte for none, or one, length and
    /// text.
    fn keys(&self, view: &View<'_>, row: usize, keys: &mut Vec<Vec<u8>>) {
        keys.truncate(1);
        match keys.first_mut() {
            Some(first) => first.clear(),
            None => keys.push(Vec::new()),
        }
        if let (Some(micros), Some(first)) = (self.micros, keys.first_mut()) {
            let time = micros_at(view.time, row).unwrap_or_default();
            first.extend_from_slice(&time.div_euclid(micros).to_be_bytes());
        }
        let mut stems = Vec::new();
        for field in &self.by {
            // Each key so far goes on with the first value in place, and once more per further value.
            stems.clear();
            stems.extend(keys.iter().map(Vec::len));
            let mut values = 0;
            view.visit(field, row, &mut |value| {
                with_text(value, |text| {
                    for (at, stem) in stems.iter().enumerate() {
                        if values == 0 {
                            keys.get_mut(at)
                                .into_iter()
                                .for_each(|key| put_value(key, text));
                        } else {
                            let stem = keys.get(at).and_then(|key| key.get(..*stem));
                            let mut key = stem.unwrap_or_default().to_vec();
                            put_value(&mut key, text);
                            keys.push(key);
                        }
                    }
                    values += 1;
                });
            });
            if values == 0 {
                for key in keys.iter_mut() {
                    key.push(0);
                }
            } else if values > 1 {
                // A value that stands twice in one event counts once.
                keys.sort_unstable();
                keys.dedup();
            }
        }
    }

    fn group(&self, key: &[u8], cell: Cell) -> Group {
        let mut rest = key;
        let bucket = self.micros.and_then(|micros| {
            let (number, behind) = rest.split_first_chunk::<8>()?;
            rest = behind;
            Timestamp::from_microsecond(i64::from_be_bytes(*number).saturating_mul(micros)).ok()
        });
        let values = self.by.iter().map(|_| {
            let (has, behind) = rest.split_first()?;
            rest = behind;
            if *has == 0 {
                return None;
            }
            let (length, behind) = rest.split_first_chunk::<4>()?;
            let (text, behind) = behind.split_at_checked(u32::from_be_bytes(*length) as usize)?;
            rest = behind;
            Some(String::from_utf8_lossy(text).into_owned())
        });
        Group {
            bucket,
            key: values.collect(),
            count: cell.count,
            measures: cell
                .measures
                .into_iter()
                .zip(&self.measures)
                .map(|(sketch, (_, measure))| match (sketch, measure) {
                    (Sketch::Distinct(seen), _) => Measured::Distinct(seen.count()),
                    (Sketch::Numbers(seen), Measure::Numbers(_, percents)) => {
                        let numbers = seen.finish(percents);
                        Measured::Numbers((numbers.count > 0).then_some(numbers))
                    }
                    (Sketch::Numbers(_), Measure::Distinct(_)) => Measured::Numbers(None),
                })
                .collect(),
        }
    }
}

fn put_value(key: &mut Vec<u8>, text: &str) {
    key.push(1);
    key.extend_from_slice(&(text.len() as u32).to_be_bytes());
    key.extend_from_slice(text.as_bytes());
}

impl Cell {
    fn new(measures: &[(Field, Measure)]) -> Self {
        Self {
            count: 0,
            measures: measures
                .iter()
                .map(|(_, m)| match m {
                    Measure::Distinct(_) => Sketch::Distinct(DistinctSketch::default()),
                    Measure::Numbers(..) => Sketch::Numbers(NumberSketch::default()),
                })
                .collect(),
        }
    }

    fn merge(&mut self, other: Self) {
        self.count += other.count;
        for (mine, theirs) in self.measures.iter_mut().zip(other.measures) {
            match (mine, theirs) {
                (Sketch::Distinct(a), Sketch::Distinct(b)) => a.merge(b),
                (Sketch::Numbers(a), Sketch::Numbers(b)) => a.merge(b),
                // Both sides were made from the same measures.
                (Sketch::Distinct(_), Sketch::Numbers(_))
                | (Sketch::Numbers(_), Sketch::Distinct(_)) => {}
            }
        }
    }
}
