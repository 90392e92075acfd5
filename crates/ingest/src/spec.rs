//! A source file as written. `docs/sources.md` is its reference.

use std::collections::BTreeMap;

use serde::Deserialize;
use watchfloor_types::Value;

use crate::time::TimeFormat;

/// `content/sources/<id>/source.yml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceSpec {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) owner: String,
    /// What must be true at the sender for these records to appear.
    pub(crate) depends: String,
    /// How to send: one line for people.
    pub(crate) wire: String,
    pub(crate) formats: Vec<String>,
    #[serde(default)]
    pub(crate) references: Vec<String>,
    /// Tells that a record of unknown origin belongs here.
    #[serde(default)]
    pub(crate) recognise: Option<OneOrMany<Cond>>,
    #[serde(default)]
    pub(crate) record: RecordKind,
    #[serde(default)]
    pub(crate) envelope: Envelope,
    #[serde(default)]
    pub(crate) split: Vec<String>,
    pub(crate) logsource: LogsourceSpec,
    /// Operations for every shape, after the shape's own.
    #[serde(default)]
    pub(crate) common: Ops,
    /// The first shape that fits applies.
    #[serde(default)]
    pub(crate) shapes: Vec<ShapeSpec>,
    #[serde(default)]
    pub(crate) tests: Vec<TestSpec>,
}

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RecordKind {
    /// A JSON object; anything else is a dead letter.
    #[default]
    Json,
    /// A JSON object, or a line of text seen as `{"message": line}`.
    JsonOrText,
}

/// What to do with the envelope of the Splunk HTTP Event Collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Envelope {
    /// The native record is what `event` holds, if that is an object.
    #[default]
    Unwrap,
    /// The native record is the envelope.
    Keep,
}

/// A kind of record within a source.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShapeSpec {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) detect: Cond,
    #[serde(default)]
    pub(crate) ops: Ops,
    #[serde(default)]
    pub(crate) logsource: Option<LogsourceSpec>,
}

/// The closed set of operations.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Ops {
    pub(crate) parse: Vec<ParseSpec>,
    pub(crate) fold: Vec<FoldSpec>,
    pub(crate) drop: Vec<DropSpec>,
    pub(crate) time: Option<OneOrMany<TimeSpec>>,
    pub(crate) tenant: Option<OneOrMany<String>>,
    pub(crate) messages: Option<MessagesSpec>,
    pub(crate) join: Option<JoinSpec>,
    pub(crate) map: BTreeMap<String, OneOrMany<MapSpec>>,
    #[serde(rename = "const")]
    pub(crate) constants: BTreeMap<String, OneOrMany<ConstSpec>>,
    pub(crate) principal: Vec<PrincipalSpec>,
    pub(crate) duration: Option<DurationSpec>,
    pub(crate) hash: BTreeMap<String, HashSpec>,
    pub(crate) redact: Vec<String>,
    pub(crate) ignore: Vec<String>,
}

/// One thing, or a list.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    pub(crate) fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// Paths and what must hold there; all must hold.
pub(crate) type Cond = BTreeMap<String, Test>;

/// What must hold of the value at a path.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Test {
    Equals(Value),
    Is(Condition),
}

/// The longer forms of a test.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Condition {
    pub(crate) present: Option<bool>,
    pub(crate) prefix: Option<OneOrMany<String>>,
    pub(crate) suffix: Option<OneOrMany<String>>,
    pub(crate) contains: Option<OneOrMany<String>>,
    pub(crate) not: Option<OneOrMany<Value>>,
}

/// Reads what is inside a value.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ParseSpec {
    pub(crate) path: String,
    #[serde(rename = "as")]
    pub(crate) kind: ParseKind,
}

/// How.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ParseKind {
    /// JSON text becomes its tree; a tree stays.
    Json,
    /// OTLP key-value list becomes an object with plain values.
    OtelAttributes,
    /// OTLP value becomes a plain value.
    OtelValue,
    /// A list of `{Name, #text}` or `<Data Name="…">…</Data>` becomes an object.
    WindowsData,
}

/// Brings pieces together at a new place.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FoldSpec {
    pub(crate) op: FoldKind,
    pub(crate) from: String,
    /// For `indexed`: the start that the keys share, before the number.
    #[serde(default)]
    pub(crate) prefix: Option<String>,
    pub(crate) into: String,
}

/// How.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FoldKind {
    /// Keys `start.0.a.b`, `start.1.a` of an object become a list of objects.
    Indexed,
    /// A list of stream deltas becomes one answer.
    Stream,
}

/// Leaves a record out of the events.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DropSpec {
    pub(crate) when: Cond,
    pub(crate) reason: String,
}

/// Where a time stands and how it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum TimeSpec {
    Path(String),
    Full(TimeFull),
}

/// The long form.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TimeFull {
    pub(crate) path: String,
    #[serde(rename = "as", default)]
    pub(crate) format: TimeFormat,
}

/// Where a conversation stands.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MessagesSpec {
    /// System instructions that stand apart from the messages.
    pub(crate) system: Vec<String>,
    /// The first path that holds messages is the input.
    pub(crate) input: Vec<String>,
    /// Where the role of input messages that name none stands, as one word between dots.
    pub(crate) role_from: Option<String>,
    pub(crate) output: Vec<String>,
    /// Retrieved documents and memory records; all paths count.
    pub(crate) documents: Vec<String>,
}

/// Ties records of one call together.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JoinSpec {
    /// All must be present, else the record stands alone.
    pub(crate) by: Vec<String>,
    pub(crate) role: JoinRole,
    /// Logsource category of a part that comes after its parent.
    #[serde(default)]
    pub(crate) late_category: Option<String>,
}

/// Which side of a join a record is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum JoinRole {
    /// Takes what its parts say.
    Parent,
    /// Lends its text to the parent.
    Part,
}

/// Where a canonical value comes from.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum MapSpec {
    Path(String),
    Full(MapFull),
}

/// The long form.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MapFull {
    pub(crate) from: OneOrMany<String>,
    #[serde(rename = "as", default)]
    pub(crate) kind: Conversion,
    /// Words to replace, by lower-case native word.
    #[serde(rename = "enum", default)]
    pub(crate) table: BTreeMap<String, Value>,
    /// What a word outside the table becomes; absent, it stays as it is.
    #[serde(default)]
    pub(crate) otherwise: Option<Value>,
    /// Factor for numbers.
    #[serde(default)]
    pub(crate) times: Option<f64>,
    /// Keeps what follows the last of these separators.
    #[serde(default)]
    pub(crate) after: Option<String>,
    /// Keeps what precedes the first of these separators.
    #[serde(default)]
    pub(crate) before: Option<String>,
    #[serde(default)]
    pub(crate) when: Cond,
}

/// How a native value becomes a canonical one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Conversion {
    /// Text, number or truth value as it is.
    #[default]
    Scalar,
    /// Scalars as text.
    Text,
    /// Text in lower case.
    Lower,
    /// A number, also from text.
    Number,
    /// Every value at the paths, and in lists there.
    List,
    /// How many values there are.
    Count,
    /// The value as compact JSON text.
    Json,
    /// All text inside, lines between.
    Flat,
    /// The scalars at all paths, lines between.
    Lines,
    /// An IP address, nothing else.
    Ip,
    /// The host name of a URL.
    Host,
    /// A list of reasons to stop, in our words.
    FinishReasons,
}

/// A value that is always the same, or depends on others.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum ConstSpec {
    When(ConstWhen),
    Value(Value),
}

/// The long form.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConstWhen {
    pub(crate) value: Value,
    pub(crate) when: Cond,
}

/// Who is behind an event.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PrincipalSpec {
    pub(crate) from: String,
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) when: Cond,
}

/// Start and end of what an event describes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DurationSpec {
    pub(crate) start: String,
    pub(crate) end: String,
    #[serde(rename = "as", default)]
    pub(crate) format: TimeFormat,
}

/// A hash of a canonical field.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HashSpec {
    pub(crate) of: String,
    #[serde(rename = "as", default)]
    pub(crate) kind: HashKind,
}

/// Which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum HashKind {
    /// All 64 hex digits of the SHA-256.
    #[default]
    Sha256,
    /// See `instruction_hash`.
    Instruction,
}

/// How the Sigma logsource follows from a record.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogsourceSpec {
    pub(crate) product: Option<String>,
    pub(crate) service: Option<String>,
    pub(crate) category: Option<String>,
    /// In order; each may set one part from a table.
    pub(crate) lookup: Vec<LookupSpec>,
    /// The first that fits sets the parts it names.
    pub(crate) rules: Vec<LogsourceRule>,
}

/// One part from a table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LookupSpec {
    pub(crate) set: Part,
    pub(crate) from: OneOrMany<String>,
    /// Only for events whose service is this by now.
    #[serde(default)]
    pub(crate) service: Option<String>,
    /// By lower-case native word; `*` keeps the native word.
    pub(crate) table: BTreeMap<String, String>,
}

/// A part of a logsource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Part {
    Product,
    Service,
    Category,
}

/// Parts under a condition.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogsourceRule {
    pub(crate) when: Cond,
    #[serde(default)]
    pub(crate) product: Option<String>,
    #[serde(default)]
    pub(crate) service: Option<String>,
    #[serde(default)]
    pub(crate) category: Option<String>,
}

/// Records in, events out.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TestSpec {
    pub(crate) name: String,
    /// Native records as text, one frame.
    pub(crate) records: Vec<String>,
    #[serde(default)]
    pub(crate) events: Vec<ExpectedEvent>,
    /// Start of the reason of each dead letter.
    #[serde(default)]
    pub(crate) dead: Vec<String>,
    #[serde(default)]
    pub(crate) dropped: u64,
    /// Paths that nobody accounts for.
    #[serde(default)]
    pub(crate) unknown: u64,
}

/// What an event must be, in full.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectedEvent {
    /// `product=aws service=cloudtrail category=gen_ai`.
    pub(crate) logsource: String,
    /// RFC 3339; absent means the time of receipt.
    #[serde(default)]
    pub(crate) time: Option<String>,
    #[serde(default)]
    pub(crate) tenant: Option<String>,
    pub(crate) norm: BTreeMap<String, Value>,
}
