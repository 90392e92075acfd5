//! SQL over the same events, for questions that the filter grammar does not ask: one `SELECT`, read only.
//!
//! The table is `events`, with the columns of `docs/search.md`. `attr(attrs, 'gen_ai.usage.input_tokens')` is one field
//! of the canonical view, as text.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use arrow_array::{Array, ArrayRef, StringArray, StringViewArray, cast::AsArray};
use datafusion::{
    arrow::{
        datatypes::DataType,
        util::display::{ArrayFormatter, FormatOptions},
    },
    common::DataFusionError,
    execution::runtime_env::RuntimeEnvBuilder,
    logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf},
    prelude::{ParquetReadOptions, SQLOptions, SessionConfig, SessionContext},
};
use futures_util::StreamExt;
use serde_json::Value;

use crate::{Lake, LakeError, Table, attrs, schema};

/// Bounds on one query.
#[derive(Debug, Clone, Copy)]
pub struct SqlLimits {
    /// Most rows of the answer.
    pub rows: usize,
    /// Most memory, bytes.
    pub memory: usize,
    /// Longest time.
    pub time: Duration,
}

impl Default for SqlLimits {
    fn default() -> Self {
        Self {
            rows: 10_000,
            memory: 1 << 30,
            time: Duration::from_mins(1),
        }
    }
}

/// What a query found.
#[derive(Debug, Clone, PartialEq)]
pub struct SqlRows {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Rows; numbers and truth values as such, all else as text.
    pub rows: Vec<Vec<Value>>,
    /// Whether there are more rows than the limit.
    pub more: bool,
}

/// Why a query gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// The text is no query that is allowed.
    #[error("{0}")]
    Invalid(String),
    /// It took too long.
    #[error("the query took longer than {} s; narrow the time", .0.as_secs())]
    Slow(Duration),
    /// The events could not be read.
    #[error(transparent)]
    Lake(#[from] LakeError),
}

impl Lake {
    /// Runs one query over every event that is there now. Must be called inside a tokio runtime.
    pub async fn sql(&self, text: &str, limits: SqlLimits) -> Result<SqlRows, SqlError> {
        let began = Instant::now();
        // Held to the end: files that go meanwhile are removed after the last reader.
        let snapshot = self.snapshot();
        let work = async {
            let context = context(limits)?;
            let paths: Vec<String> = snapshot
                .files
                .iter()
                .filter(|f| f.entry.table == Table::Events)
                .map(|f| f.path().display().to_string())
                .collect();
            let hot = snapshot.hot.iter().map(|h| h.batch.clone());
            let mut events = context.read_batches(hot)?;
            if snapshot.hot.is_empty() {
                let empty = arrow_array::RecordBatch::new_empty(Arc::clone(&schema::EVENTS));
                events = context.read_batches([empty])?;
            }
            if !paths.is_empty() {
                let options = ParquetReadOptions::default().schema(&schema::EVENTS);
                events = context.read_parquet(paths, options).await?.union(events)?;
            }
            context.register_table("events", events.into_view())?;
            let only_reading = SQLOptions::new()
                .with_allow_ddl(false)
                .with_allow_dml(false)
                .with_allow_statements(false);
            let found = context.sql_with_options(text, only_reading).await?;
            rows(found, limits.rows).await
        };
        match tokio::time::timeout(limits.time, work).await {
            Ok(Ok(rows)) => {
                tracing::debug!(took = ?began.elapsed(), rows = rows.rows.len(), "sql");
                Ok(rows)
            }
            Ok(Err(error)) => Err(SqlError::Invalid(
                error
                    .strip_backtrace()
                    .lines()
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
            )),
            Err(_) => Err(SqlError::Slow(limits.time)),
        }
    }
}

fn context(limits: SqlLimits) -> Result<SessionContext, DataFusionError> {
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_limit(limits.memory, 1.0)
        .build_arc()?;
    let config = SessionConfig::new().with_information_schema(true);
    let context = SessionContext::new_with_config_rt(config, runtime);
    context.register_udf(attr());
    Ok(context)
}

async fn rows(
    found: datafusion::dataframe::DataFrame,
    limit: usize,
) -> Result<SqlRows, DataFusionError> {
    let columns = found
        .schema()
        .fields()
        .iter()
        .map(|f| f.name().clone())
        .collect();
    let mut out = SqlRows {
        columns,
        rows: Vec::new(),
        more: false,
    };
    let mut stream = found.execute_stream().await?;
    let options = FormatOptions::default();
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let formatters = batch
            .columns()
            .iter()
            .map(|c| ArrayFormatter::try_new(c, &options))
            .collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            if out.rows.len() == limit {
                out.more = true;
                return Ok(out);
            }
            let cells = batch.columns().iter().zip(&formatters);
            out.rows
                .push(cells.map(|(column, f)| cell(column, f, row)).collect());
        }
    }
    Ok(out)
}

fn cell(column: &ArrayRef, formatter: &ArrayFormatter<'_>, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    let text = formatter.value(row).to_string();
    let kind = column.data_type();
    if kind.is_numeric() || *kind == DataType::Boolean {
        // What JSON has no word for, such as NaN, stays text.
        return serde_json::from_str(&text).unwrap_or(Value::String(text));
    }
    Value::String(text)
}

/// `attr(attrs, field)`: one field of the canonical view as text; null where it is not there.
fn attr() -> ScalarUDF {
    let call = |args: &[ColumnarValue]| -> Result<ColumnarValue, DataFusionError> {
        let arrays = ColumnarValue::values_to_arrays(args)?;
        let wrong = || DataFusionError::Execution("attr takes attrs and a field name".to_owned());
        let [views, names] = arrays.as_slice() else {
            return Err(wrong());
        };
        let views: &StringViewArray = views.as_string_view_opt().ok_or_else(wrong)?;
        let names: &StringArray = names.as_string_opt::<i32>().ok_or_else(wrong)?;
        let mut last: Option<(&str, attrs::Key)> = None;
        let mut out = Vec::with_capacity(views.len());
        for (view, name) in views.iter().zip(names) {
            let (Some(view), Some(name)) = (view, name) else {
                out.push(None);
                continue;
            };
            if last.as_ref().is_none_or(|(n, _)| *n != name) {
                last = Some((name, attrs::Key::new(name)));
            }
            let found = last
                .as_ref()
                .and_then(|(_, key)| key.find(view))
                .and_then(attrs::value);
            out.push(found.map(|v| v.to_string()));
        }
        Ok(ColumnarValue::Array(Arc::new(
            out.into_iter().collect::<StringViewArray>(),
        )))
    };
    create_udf(
        "attr",
        vec![DataType::Utf8View, DataType::Utf8],
        DataType::Utf8View,
        Volatility::Immutable,
        Arc::new(call),
    )
}
