//! What the targets share.

use std::{path::Path, sync::OnceLock};

use bytes::Bytes;
use watchfloor_detect::{Engine, Options, Scratch, event_of_json, parse_rules};
use watchfloor_ingest::{
    Limits, Sources, format,
    stream::{More, Stream},
    windows,
};
use watchfloor_types::{Frame, Logsource, Norm, Timestamp};

/// Reads `data` as one body of the format `id`, then as a stream in bits; both must hold what the
/// format promises.
pub fn of_format(id: &str, data: &[u8]) {
    let format = format::find(id).expect("a format that there is");
    let body = Bytes::copy_from_slice(data);
    let limits = Limits {
        record_bytes: 1 << 16,
        records: 4_096,
        total_bytes: 1 << 20,
        errors: 256,
    };
    let decoded = (format.decode)(&body, &limits);
    assert!(decoded.records.len() <= limits.records);
    assert!(decoded.errors.len() <= limits.errors + 1);
    assert!(decoded.records.iter().map(Bytes::len).sum::<usize>() <= limits.total_bytes);
    for record in &decoded.records {
        assert!(record.len() <= limits.record_bytes);
        drop(windows::flatten(record));
    }
    for error in &decoded.errors {
        assert!(error.offset <= data.len() && !error.reason.is_empty());
    }
    let mut stream = Stream::new(format, None);
    let mut buffer = Vec::new();
    let step = usize::from(data.first().copied().unwrap_or(1)).max(1) * 16;
    for bit in data.chunks(step) {
        buffer.extend_from_slice(bit);
        if let Some(block) = stream.next(&mut buffer, More::Follows) {
            block.decode(&limits);
        }
    }
    while let Some(block) = stream.next(&mut buffer, More::Nothing) {
        block.decode(&limits);
    }
    format::sniff(data);
}

const RULES: &str = include_str!("../seeds/rules.yml");

/// An engine over rules that use every kind of predicate.
pub fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let (documents, diagnostics) = parse_rules("rules.yml", RULES, &Options::default());
        assert!(!documents.is_empty(), "{diagnostics:?}");
        Engine::new(documents).0
    })
}

/// Matches a record as it is, whatever it is.
pub fn of_event(data: &[u8]) {
    let mut scratch = Scratch::new();
    let (mut hits, mut findings) = (Vec::new(), Vec::new());
    let text = String::from_utf8_lossy(data);
    let mut event = event_of_json(
        &text,
        Logsource::unknown(),
        Norm::default(),
        Timestamp::UNIX_EPOCH,
    );
    event.native = Bytes::copy_from_slice(data);
    engine().detect(
        &event,
        &mut scratch,
        event.time,
        &mut hits,
        &mut findings,
    );
    for document in engine().documents() {
        drop(engine().explain(document.meta().id(), &event));
    }
}

/// Parses and compiles a rule file, and matches one event with what came out.
pub fn of_rules(text: &str) {
    let (documents, diagnostics) = parse_rules("fuzz.yml", text, &Options::default());
    for diagnostic in &diagnostics {
        assert!(!diagnostic.to_string().is_empty());
    }
    let (engine, _) = Engine::new(documents);
    let event = event_of_json(
        r#"{"a":"x","b":[1,"whoami"],"c":{"d":"10.0.0.1"}}"#,
        Logsource::unknown(),
        Norm::default(),
        Timestamp::UNIX_EPOCH,
    );
    let mut hits = Vec::new();
    engine.match_event(&event, &mut Scratch::new(), &mut hits);
    for document in engine.documents() {
        engine.run_samples(document);
    }
}

/// Every source of the project.
fn sources() -> &'static Sources {
    static SOURCES: OnceLock<Sources> = OnceLock::new();
    SOURCES.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../content/sources");
        let mut files = Vec::new();
        for entry in std::fs::read_dir(root).expect("sources").flatten() {
            let path = entry.path().join("source.yml");
            let text = std::fs::read_to_string(&path).expect("a source");
            let id = entry.file_name().to_string_lossy().into_owned();
            files.push((format!("content/sources/{id}/source.yml"), text));
        }
        Sources::load(&files).0
    })
}

/// Maps a record by a source that the first byte chooses, and by the one that recognises it.
pub fn of_record(data: &[u8]) {
    let Some((first, record)) = data.split_first() else {
        return;
    };
    let all: Vec<_> = sources().iter().collect();
    let chosen = all[usize::from(*first) % all.len()];
    let recognised = sources().recognise(record, Some(chosen)).map(|(source, _)| source);
    for source in [Some(chosen), recognised].into_iter().flatten() {
        let good = Bytes::from(r#"{"a":1}"#);
        let frame = Frame {
            seq: 1,
            received: Timestamp::UNIX_EPOCH,
            source: source.id().clone(),
            tenant: "main".parse().expect("a tenant"),
            mark: None,
            records: vec![Bytes::copy_from_slice(record), good],
            refused: Vec::new(),
        };
        source.map_alone(&frame);
    }
}
