//! Events and filters at random, from few words so that they meet.

use std::sync::{Arc, mpsc};

use bytes::Bytes;
use jiff::Timestamp;
use proptest::prelude::*;
use uuid::Uuid;
use watchfloor_lake::{
    Catalog, DirCatalog, Filter, Lake, LakeOptions, Query, Recovery, Row, Tenants, Watch,
};
use watchfloor_types::{
    DeadLetter, Event, EventId, FieldName, Frame, Logsource, Mark, Norm, Value,
};

/// 2026-03-01 00:00 UTC.
pub(crate) const START: i64 = 1_772_323_200;

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(START + seconds).unwrap()
}

pub(crate) fn open(dir: &std::path::Path, options: LakeOptions) -> (Lake, Recovery) {
    let catalog: Arc<dyn Catalog> = Arc::new(DirCatalog::open(dir).unwrap());
    Lake::open(dir, catalog, options).unwrap()
}

pub(crate) fn frame(received: Timestamp, records: Vec<Bytes>) -> Frame {
    Frame {
        seq: 0,
        received,
        source: "litellm".parse().unwrap(),
        tenant: "acme".parse().unwrap(),
        mark: None,
        records,
        refused: Vec::new(),
    }
}

/// Appends and waits for the disk.
pub(crate) fn append(lake: &Lake, frame: &Frame) -> u64 {
    let (send, receive) = mpsc::channel();
    lake.append(frame, Box::new(move |r| send.send(r).unwrap()))
        .unwrap();
    receive.recv().unwrap().unwrap()
}

/// A mapping for frames whose records are JSON `{"n": …}`; what is not JSON is a dead letter.
pub(crate) fn map(frame: &Frame) -> (Vec<Event>, Vec<DeadLetter>) {
    let (mut events, mut dead) = (Vec::new(), Vec::new());
    for (index, record) in frame.records.iter().enumerate() {
        let id = EventId::of_record(frame.received, frame.seq, index as u32);
        match serde_json::from_slice::<serde_json::Value>(record) {
            Ok(json) => events.push(Event {
                id,
                time: at(json["t"].as_i64().unwrap_or(0)),
                received: frame.received,
                source: frame.source.clone(),
                tenant: frame.tenant.clone(),
                logsource: Logsource::default(),
                mark: None,
                native: record.clone(),
                norm: Norm::default(),
            }),
            Err(error) => dead.push(DeadLetter {
                id,
                received: frame.received,
                source: frame.source.clone(),
                tenant: frame.tenant.clone(),
                reason: error.to_string(),
                raw: record.clone(),
            }),
        }
    }
    (events, dead)
}

pub(crate) fn query(filter: &str) -> Query {
    Query {
        filter: filter.parse::<Filter>().unwrap(),
        from: Timestamp::MIN,
        until: Timestamp::MAX,
        tenants: Tenants::All,
    }
}

pub(crate) fn scan(lake: &Lake, query: &Query) -> Vec<Row> {
    let mut rows = Vec::new();
    lake.scan(query, &Watch::new(), &mut |batch| {
        rows.extend(batch);
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    rows
}

fn word() -> impl Strategy<Value = String> {
    "[abAB]{1,2}|10\\.0\\.0\\.[1-3]|[0-9]{1,2}"
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => word().prop_map(|w| Value::from(w.as_str())),
        2 => (-3i64..20).prop_map(Value::Int),
        1 => (-3i32..20).prop_map(|x| Value::Float(f64::from(x) / 2.0)),
        1 => any::<bool>().prop_map(Value::Bool),
        2 => proptest::collection::vec(word().prop_map(|w| Value::from(w.as_str())), 0..3).prop_map(Value::List),
    ]
}

const FIELDS: &[&str] = &[
    "event.action",
    "user.id",
    "source.ip",
    "trace.id",
    "gen_ai.usage.input_tokens",
    "ai.tool.calls",
    "ai.prompt.text",
    "custom.x",
    "native.n.x",
    "n.x",
    "source",
    "tenant",
    "category",
    "inject",
];

/// An event of frame `seq`.
pub(crate) fn event(seq: u64, index: u32) -> impl Strategy<Value = Event> {
    (
        proptest::collection::vec((0..8usize, value()), 0..5),
        0i64..3 * 86_400,
        0..3usize,
        word(),
        any::<bool>(),
        prop_oneof![Just(None), Just(Some("gen_ai")), Just(Some("mcp"))],
    )
        .prop_map(
            move |(fields, time, source, text, marked, category)| Event {
                id: EventId::of_record(at(100), seq, index),
                time: at(time),
                received: at(100),
                source: ["litellm", "aws.cloudtrail", "mcp"][source]
                    .parse()
                    .unwrap(),
                tenant: ["acme", "globex", "a/b"][(time % 3) as usize]
                    .parse()
                    .unwrap(),
                logsource: Logsource {
                    category: category.map(Arc::from),
                    ..Logsource::default()
                },
                mark: marked.then(|| Mark {
                    exercise: watchfloor_types::ExerciseId::from_uuid(Uuid::from_u128(5)),
                    inject: "inj-1".parse().unwrap(),
                }),
                native: Bytes::from(format!(
                    r#"{{"n":{{"x":"{text}"}},"custom.x":[{},"{text}"],"é":"{text}{text}"}}"#,
                    time % 7
                )),
                norm: fields
                    .into_iter()
                    .map(|(f, v)| (FieldName::from(FIELDS[f]), v))
                    .collect(),
            },
        )
}

/// Text of a filter.
pub(crate) fn filter() -> impl Strategy<Value = String> {
    let field = (0..FIELDS.len()).prop_map(|f| FIELDS[f]);
    let leaf = prop_oneof![
        (field.clone(), word()).prop_map(|(f, w)| format!("{f}: {w}")),
        (field.clone(), word()).prop_map(|(f, w)| format!("{f}: \"{w}\"")),
        (field.clone(), "[abAB]").prop_map(|(f, w)| format!("{f}: {w}*")),
        (field.clone(), "[abAB]").prop_map(|(f, w)| format!("{f}: *{w}")),
        field.clone().prop_map(|f| format!("{f}: *")),
        (field.clone(), "<|<=|>|>=", -3..20).prop_map(|(f, op, n)| format!("{f} {op} {n}")),
        (field, word(), word()).prop_map(|(f, a, b)| format!("{f}: ({a} or not {b})")),
        word().prop_map(|w| format!("\"{w}\"")),
        Just("source.ip: 10.0.0.0/31".to_owned()),
        (0i64..3 * 86_400).prop_map(|t| format!("time >= {}", at(t))),
        Just("source: litellm".to_owned()),
        Just("exercise: *".to_owned()),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) and ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) or ({b})")),
            inner.prop_map(|a| format!("not ({a})")),
        ]
    })
}
