//! The columns of the event table.

use std::sync::{Arc, LazyLock};

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// A frequent canonical field that has a typed column of its own. The column holds text values
/// only; where the field holds anything else, the bit of the column is set in [`MULTI`] and the
/// value stands in [`ATTRS`] alone.
#[derive(Debug)]
pub(crate) struct Core {
    /// Canonical name, as in `docs/fields.md`.
    pub(crate) field: &'static str,
    /// Column name: the same with `_` for `.`, so that other engines need no quoting.
    pub(crate) column: &'static str,
    /// Whether equality searches are worth a bloom filter.
    pub(crate) bloom: Bloom,
}

/// Whether a column gets a bloom filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bloom {
    Yes,
    No,
}

const fn core(field: &'static str, column: &'static str, bloom: Bloom) -> Core {
    Core {
        field,
        column,
        bloom,
    }
}

/// Every core column. New ones go at the end: the place is the bit in [`MULTI`].
pub(crate) static CORE: [Core; 12] = [
    core("event.action", "event_action", Bloom::No),
    core("event.outcome", "event_outcome", Bloom::No),
    core("ai.principal.id", "ai_principal_id", Bloom::Yes),
    core("gen_ai.agent.id", "gen_ai_agent_id", Bloom::Yes),
    core("session.id", "session_id", Bloom::Yes),
    core("user.id", "user_id", Bloom::Yes),
    core("source.ip", "source_ip", Bloom::Yes),
    core("gen_ai.request.model", "gen_ai_request_model", Bloom::No),
    core("gen_ai.tool.name", "gen_ai_tool_name", Bloom::No),
    core("host.name", "host_name", Bloom::Yes),
    core("ai.key.id", "ai_key_id", Bloom::Yes),
    core("trace.id", "trace_id", Bloom::Yes),
];

/// UUID, 16 bytes.
pub(crate) const ID: &str = "id";
/// When it happened, microseconds UTC.
pub(crate) const TIME: &str = "time";
/// When it was received, microseconds UTC.
pub(crate) const RECEIVED: &str = "received";
/// Write-ahead frame it came in.
pub(crate) const SEQ: &str = "seq";
/// Source id.
pub(crate) const SOURCE: &str = "source";
/// Tenant id.
pub(crate) const TENANT: &str = "tenant";
/// Logsource parts.
pub(crate) const PRODUCT: &str = "product";
pub(crate) const CATEGORY: &str = "category";
pub(crate) const SERVICE: &str = "service";
/// Exercise that emitted it, a UUID as text; null for what really happened.
pub(crate) const EXERCISE: &str = "exercise";
/// Inject that emitted it.
pub(crate) const INJECT: &str = "inject";
/// Bits of core columns whose value is not text.
pub(crate) const MULTI: &str = "multi";
/// The whole canonical view as a flat JSON object.
pub(crate) const ATTRS: &str = "attrs";
/// The record as it came; null once its retention ended.
pub(crate) const RAW: &str = "raw";
/// Why a dead letter is one.
pub(crate) const REASON: &str = "reason";

fn time(name: &str) -> Field {
    Field::new(
        name,
        DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        false,
    )
}

/// Whether a column may be null.
fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8View, true)
}

/// Schema of `events`.
pub(crate) static EVENTS: LazyLock<SchemaRef> = LazyLock::new(|| {
    let mut fields = vec![
        Field::new(ID, DataType::BinaryView, false),
        time(TIME),
        time(RECEIVED),
        Field::new(SEQ, DataType::Int64, false),
        Field::new(SOURCE, DataType::Utf8View, false),
        Field::new(TENANT, DataType::Utf8View, false),
    ];
    fields.extend([PRODUCT, CATEGORY, SERVICE, EXERCISE, INJECT].map(text));
    fields.extend(CORE.iter().map(|c| text(c.column)));
    fields.push(Field::new(MULTI, DataType::Int32, true));
    fields.push(Field::new(ATTRS, DataType::Utf8View, false));
    fields.push(Field::new(RAW, DataType::BinaryView, true));
    Arc::new(Schema::new(fields))
});

/// Schema of `dead`.
pub(crate) static DEAD: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new(ID, DataType::BinaryView, false),
        time(RECEIVED),
        Field::new(SOURCE, DataType::Utf8View, false),
        Field::new(TENANT, DataType::Utf8View, false),
        Field::new(REASON, DataType::Utf8View, false),
        Field::new(RAW, DataType::BinaryView, false),
    ]))
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_column_is_named_after_its_field() {
        for core in &CORE {
            assert_eq!(core.column, core.field.replace('.', "_"));
            assert!(
                watchfloor_types::CANONICAL_FIELDS.contains(&core.field),
                "{}",
                core.field
            );
        }
        assert!(CORE.len() <= 31, "one bit each in an Int32");
    }
}
