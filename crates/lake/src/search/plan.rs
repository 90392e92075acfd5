//! Which parts of the lake a query has to read, and reading them.

use std::{ops::ControlFlow, sync::Arc};

use arrow_array::{BooleanArray, RecordBatch};
use arrow_buffer::BooleanBuffer;
use arrow_select::filter::filter_record_batch;
use jiff::Timestamp;
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{
            ArrowPredicate, ArrowPredicateFn, ArrowReaderMetadata, ParquetRecordBatchReaderBuilder,
            RowFilter,
        },
    },
    file::{
        metadata::{ColumnChunkMetaData, RowGroupMetaData},
        statistics::Statistics,
    },
};
use watchfloor_types::TenantId;

use super::view::{Cost, Multi, View, columns, cost};
use crate::{
    Filter, LakeError, Table,
    file::LiveFile,
    hot::HotBatch,
    lake::Snapshot,
    query::{Envelope, Field, Node},
    schema::{self, Bloom, CORE},
};

/// Rows decoded at once.
const BATCH_ROWS: usize = 8 * 1024;

/// What to look for.
#[derive(Debug, Clone)]
pub struct Query {
    /// Which events.
    pub filter: Filter,
    /// From this time on.
    pub from: Timestamp,
    /// Up to this time, exclusive.
    pub until: Timestamp,
    /// Whose.
    pub tenants: Tenants,
}

/// Whose events a query may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tenants {
    /// Everybody's.
    All,
    /// Of these only.
    Only(Vec<TenantId>),
}

/// A query, ready for columns.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Parts of the filter that must all pass, cheapest first.
    conjuncts: Vec<Node>,
    pub(crate) from: i64,
    pub(crate) until: i64,
    tenants: Tenants,
}

/// A piece of work for one thread.
#[derive(Debug, Clone)]
pub(crate) enum Unit {
    Hot(Arc<HotBatch>),
    Group {
        file: Arc<LiveFile>,
        group: usize,
        /// Earliest and latest time in it.
        times: (i64, i64),
        multi: Multi,
    },
}

impl Plan {
    pub(crate) fn new(query: &Query) -> Arc<Self> {
        let mut conjuncts = match query.filter.node() {
            Node::And(nodes) => nodes.clone(),
            other @ (Node::All | Node::Or(_) | Node::Not(_) | Node::Field(..) | Node::Text(_)) => {
                vec![other.clone()]
            }
        };
        conjuncts.sort_by_key(|n| cost(n, Multi::Absent));
        Arc::new(Self {
            conjuncts,
            from: query.from.as_microsecond(),
            until: query.until.as_microsecond(),
            tenants: query.tenants.clone(),
        })
    }

    /// Event files that may hold a match.
    pub(crate) fn files<'s>(
        &self,
        snapshot: &'s Snapshot,
    ) -> impl Iterator<Item = &'s Arc<LiveFile>> + use<'s, '_> {
        snapshot.files.iter().filter(|file| {
            let entry = &file.entry;
            let tenant = match &self.tenants {
                Tenants::All => true,
                Tenants::Only(tenants) => tenants.contains(&entry.tenant),
            };
            let source = self.texts().all(|(field, text)| {
                !matches!(field, Field::Envelope(Envelope::Source))
                    || entry.sources.iter().any(|s| s.as_str() == text)
            });
            entry.table == Table::Events
                && tenant
                && source
                && entry.min_time.as_microsecond() < self.until
                && entry.max_time.as_microsecond() >= self.from
        })
    }

    /// Conditions `field equals text` that must hold.
    fn texts(&self) -> impl Iterator<Item = (&Field, &str)> {
        self.conjuncts.iter().filter_map(|node| match node {
            Node::Field(field, test) => Some((field, test.only_text()?)),
            Node::All | Node::And(_) | Node::Or(_) | Node::Not(_) | Node::Text(_) => None,
        })
    }

    /// Row groups of `file` that may hold a match.
    pub(crate) fn groups(&self, file: &Arc<LiveFile>) -> Result<Vec<Unit>, LakeError> {
        let metadata = file.metadata()?;
        let mut units = Vec::new();
        for (group, rows) in metadata.metadata().row_groups().iter().enumerate() {
            let times = times(rows).unwrap_or((i64::MIN, i64::MAX));
            if times.0 >= self.until || times.1 < self.from {
                continue;
            }
            let multi = match column_chunk(rows, schema::MULTI)
                .and_then(|c| c.statistics()?.null_count_opt())
            {
                Some(nulls) if nulls == rows.num_rows() as u64 => Multi::Absent,
                Some(_) | None => Multi::Present,
            };
            if self.may_hold(file, metadata, group, rows, multi)? {
                units.push(Unit::Group {
                    file: Arc::clone(file),
                    group,
                    times,
                    multi,
                });
            }
        }
        Ok(units)
    }

    /// False where statistics or a bloom filter prove that no row passes.
    fn may_hold(
        &self,
        file: &LiveFile,
        metadata: &ArrowReaderMetadata,
        group: usize,
        rows: &RowGroupMetaData,
        multi: Multi,
    ) -> Result<bool, LakeError> {
        for (field, text) in self.texts() {
            let (name, bloom) = match field {
                Field::Core(at) if multi == Multi::Absent => match CORE.get(*at) {
                    Some(core) => (core.column, core.bloom),
                    None => continue,
                },
                Field::Envelope(part) if !part.is_time() && *part != Envelope::Id => {
                    (part.column(), Bloom::No)
                }
                Field::Core(_)
                | Field::Envelope(_)
                | Field::Norm(_)
                | Field::Open(..)
                | Field::Native(_) => {
                    continue;
                }
            };
            let Some(Statistics::ByteArray(stats)) =
                column_chunk(rows, name).and_then(|c| c.statistics())
            else {
                continue;
            };
            if stats.null_count_opt() == Some(rows.num_rows() as u64) {
                return Ok(false);
            }
            let below = stats
                .min_bytes_opt()
                .is_some_and(|min| text.as_bytes() < min);
            let above = stats
                .max_bytes_opt()
                .is_some_and(|max| text.as_bytes() > max);
            if below || above {
                return Ok(false);
            }
            if bloom == Bloom::Yes {
                let column = rows.columns().iter().position(|c| is_named(c, name));
                let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(
                    file.open()?,
                    metadata.clone(),
                );
                let filter = column
                    .map(|c| reader.get_row_group_column_bloom_filter(group, c))
                    .transpose()
                    .map_err(|e| file.broken(&e))?
                    .flatten();
                if filter.is_some_and(|f| !f.check(text)) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Calls `out` with the passing rows of `unit`, reduced to `wanted` columns.
    pub(crate) fn read(
        self: &Arc<Self>,
        unit: &Unit,
        wanted: &[&'static str],
        out: &mut dyn FnMut(RecordBatch) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, LakeError> {
        match unit {
            Unit::Hot(hot) => {
                let passed = self.select_hot(&hot.batch);
                if passed.count_set_bits() == 0 {
                    return Ok(ControlFlow::Continue(()));
                }
                let schema = hot.batch.schema();
                let places: Vec<usize> = wanted
                    .iter()
                    .filter_map(|n| schema.index_of(n).ok())
                    .collect();
                let rows = filter_record_batch(
                    &hot.batch.project(&places)?,
                    &BooleanArray::new(passed, None),
                )?;
                Ok(out(rows))
            }
            Unit::Group {
                file,
                group,
                times,
                multi,
            } => {
                let predicates = self.predicates(file, *times, *multi)?;
                read_group(file, *group, wanted, predicates, out)
            }
        }
    }

    fn select_hot(&self, batch: &RecordBatch) -> BooleanBuffer {
        let view = View::of(batch);
        let mut passed = view.between(self.from, self.until);
        if let Some(tenants) = self.tenant_node() {
            passed = view.select(&tenants, &passed);
        }
        for node in &self.conjuncts {
            if passed.count_set_bits() == 0 {
                break;
            }
            passed = view.select(node, &passed);
        }
        passed
    }

    /// Memory holds every tenant's events side by side; a file holds one tenant's.
    fn tenant_node(&self) -> Option<Node> {
        match &self.tenants {
            Tenants::All => None,
            Tenants::Only(tenants) => Some(Node::Or(
                tenants
                    .iter()
                    .map(|t| {
                        Node::Field(
                            Field::Envelope(Envelope::Tenant),
                            crate::query::Test::equals(t.as_str()),
                        )
                    })
                    .collect(),
            )),
        }
    }

    /// One predicate per cost, so that dear columns are decoded only for rows that are left.
    fn predicates(
        self: &Arc<Self>,
        file: &LiveFile,
        times: (i64, i64),
        multi: Multi,
    ) -> Result<Vec<Box<dyn ArrowPredicate>>, LakeError> {
        let metadata = file.metadata()?;
        let mut predicates: Vec<Box<dyn ArrowPredicate>> = Vec::new();
        let inside = times.0 >= self.from && times.1 < self.until;
        for step in [Cost::Columns, Cost::Attrs, Cost::Raw] {
            let of_step = |node: &&Node| cost(node, multi) == step && !matches!(node, Node::All);
            let check_time = step == Cost::Columns && !inside;
            let mut names = Vec::new();
            if check_time {
                names.push(schema::TIME);
            }
            let mut any = check_time;
            for node in self.conjuncts.iter().filter(of_step) {
                columns(node, multi, &mut names);
                any = true;
            }
            if !any {
                continue;
            }
            let plan = Arc::clone(self);
            predicates.push(Box::new(ArrowPredicateFn::new(
                mask(metadata, &names),
                move |batch: RecordBatch| {
                    let view = View::of(&batch);
                    let mut passed = if check_time {
                        view.between(plan.from, plan.until)
                    } else {
                        BooleanBuffer::new_set(batch.num_rows())
                    };
                    for node in &plan.conjuncts {
                        if cost(node, multi) == step {
                            passed = view.select(node, &passed);
                        }
                    }
                    Ok(BooleanArray::new(passed, None))
                },
            )));
        }
        Ok(predicates)
    }
}

/// Calls `out` with the rows of one row group that pass all `predicates`.
fn read_group(
    file: &LiveFile,
    group: usize,
    wanted: &[&'static str],
    predicates: Vec<Box<dyn ArrowPredicate>>,
    out: &mut dyn FnMut(RecordBatch) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, LakeError> {
    let metadata = file.metadata()?;
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file.open()?, metadata.clone())
        .with_row_groups(vec![group])
        .with_batch_size(BATCH_ROWS)
        .with_projection(mask(metadata, wanted))
        .with_row_filter(RowFilter::new(predicates))
        .build()
        .map_err(|e| file.broken(&e))?;
    for batch in reader {
        let batch = batch.map_err(|e| file.broken(&e))?;
        if batch.num_rows() > 0 && out(batch).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// The same for readers that take every row and may fail.
pub(crate) fn read_rows(
    file: &LiveFile,
    group: usize,
    wanted: &[&'static str],
    predicates: Vec<Box<dyn ArrowPredicate>>,
    out: &mut dyn FnMut(RecordBatch) -> Result<(), LakeError>,
) -> Result<(), LakeError> {
    let mut outcome = Ok(());
    let flow = read_group(file, group, wanted, predicates, &mut |batch| {
        outcome = out(batch);
        if outcome.is_ok() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    debug_assert_eq!(flow.is_break(), outcome.is_err());
    outcome
}

/// The columns `names` as far as the file has them.
pub(crate) fn mask(metadata: &ArrowReaderMetadata, names: &[&str]) -> ProjectionMask {
    ProjectionMask::columns(metadata.parquet_schema(), names.iter().copied())
}

fn column_chunk<'m>(rows: &'m RowGroupMetaData, name: &str) -> Option<&'m ColumnChunkMetaData> {
    rows.columns().iter().find(|c| is_named(c, name))
}

fn is_named(chunk: &ColumnChunkMetaData, name: &str) -> bool {
    matches!(chunk.column_path().parts(), [only] if only == name)
}

/// Earliest and latest time of a row group, in microseconds.
fn times(rows: &RowGroupMetaData) -> Option<(i64, i64)> {
    match column_chunk(rows, schema::TIME)?.statistics()? {
        Statistics::Int64(stats) => Some((*stats.min_opt()?, *stats.max_opt()?)),
        _ => None,
    }
}
