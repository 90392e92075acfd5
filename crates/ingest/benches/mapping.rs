//! Records per second of the mapping, on one core.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a bench stops on bad input and says what it passes over"
)]

use std::path::Path;

use bytes::Bytes;
use divan::{Bencher, counter::ItemsCount};
use watchfloor_ingest::{Limits, Sources, format};
use watchfloor_types::{Frame, Timestamp};

fn main() {
    divan::main();
}

fn sources() -> Sources {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../content/sources");
    let mut files = Vec::new();
    for folder in std::fs::read_dir(root).unwrap() {
        let path = folder.unwrap().path().join("source.yml");
        files.push((
            path.to_str().unwrap().to_owned(),
            std::fs::read_to_string(&path).unwrap(),
        ));
    }
    Sources::load(&files).0
}

fn frame(source: &str, records: Vec<Bytes>) -> Frame {
    Frame {
        seq: 1,
        received: Timestamp::from_second(1_800_000_000).unwrap(),
        source: source.parse().unwrap(),
        tenant: "default".parse().unwrap(),
        mark: None,
        records,
        refused: Vec::new(),
    }
}

/// A LiteLLM record of about 650 bytes.
fn litellm() -> Vec<Bytes> {
    (0..1_000)
        .map(|i| {
            Bytes::from(format!(
                r#"{{"id":"chatcmpl-{i}","trace_id":"tr-{i}","call_type":"acompletion","status":"success","custom_llm_provider":"openai","startTime":1803974400.5,"endTime":1803974401.75,"model":"openai/gpt-4o","model_group":"gpt-4o","metadata":{{"user_api_key_hash":"3f23a3{i}","user_api_key_user_id":"u-{i}"}},"response_cost":0.0025,"prompt_tokens":57,"completion_tokens":17,"end_user":"user-{i}","requester_ip_address":"203.0.113.7","user_agent":"curl/8","messages":[{{"role":"user","content":"What is the weather in Paris today, and should I take an umbrella?"}}],"response":{{"id":"chatcmpl-{i}","model":"gpt-4o","choices":[{{"finish_reason":"stop","message":{{"role":"assistant","content":"It is 21C."}}}}]}}}}"#
            ))
        })
        .collect()
}

#[divan::bench]
fn litellm_650_bytes(bencher: Bencher<'_, '_>) {
    let sources = sources();
    let frame = frame("litellm", litellm());
    let source = sources.get(&frame.source).unwrap();
    bencher
        .counter(ItemsCount::new(frame.records.len()))
        .bench(|| source.map_alone(&frame));
}

#[divan::bench]
fn cloudtrail_corpus(bencher: Bencher<'_, '_>) {
    let Some(corpus) = std::env::var_os("WATCHFLOOR_CORPUS") else {
        eprintln!("skipped: WATCHFLOOR_CORPUS is not set");
        return;
    };
    let mut records = Vec::new();
    for file in
        std::fs::read_dir(Path::new(&corpus).join("ai-telemetry/invictus-aws_dataset")).unwrap()
    {
        records.push(Bytes::from(std::fs::read(file.unwrap().path()).unwrap()));
    }
    let sources = sources();
    let frame = frame("aws.cloudtrail", records);
    let source = sources.get(&frame.source).unwrap();
    let events = source.map_alone(&frame).events.len();
    bencher
        .counter(ItemsCount::new(events))
        .bench(|| source.map_alone(&frame));
}

#[divan::bench]
fn ndjson_decode(bencher: Bencher<'_, '_>) {
    let lines: Vec<_> = litellm()
        .iter()
        .map(|r| String::from_utf8_lossy(r).into_owned())
        .collect();
    let body = Bytes::from(lines.join("\n"));
    let decode = format::find("ndjson").unwrap().decode;
    bencher
        .counter(ItemsCount::new(lines.len()))
        .bench(|| decode(&body, &Limits::default()));
}
