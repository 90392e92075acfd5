use crate::{ask, fresh, intake::Memory, request};

/// A small generator with a fixed seed: the same thousand requests in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides.max(1) as u64) as usize
    }
}

const ODD: &[&[u8]] = &[
    b"\0",
    b"\xff\xfe",
    b"{",
    b"}",
    b"[[[[[[[[[[",
    b"\"",
    b"\\u0000",
    b"\\ud800",
    b"\r\n",
    b"1e999999",
    b"-",
    b"null",
    b"../../etc/passwd",
    b"${jndi:ldap://x}",
    b"'; drop table x;--",
    b"\x1b[2J",
    b"\xef\xbb\xbf",
    b"99999999999999999999",
];

fn mutate(dice: &mut Dice, bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for _ in 0..=dice.roll(4) {
        let at = dice.roll(out.len());
        match dice.roll(7) {
            0 if !out.is_empty() => out[at] ^= 1 << dice.roll(8),
            1 => out.truncate(at),
            2 => {
                let odd = ODD[dice.roll(ODD.len())];
                out.splice(at..at, odd.iter().copied());
            }
            3 => out.extend_from_within(at..),
            4 if !out.is_empty() => {
                out.remove(at);
            }
            5 => {
                out = std::iter::repeat_n(ODD[dice.roll(ODD.len())], 1 + dice.roll(500))
                    .flatten()
                    .copied()
                    .collect();
            }
            _ => out.reverse(),
        }
        out.truncate(200_000);
    }
    out
}

const AUTHORIZATIONS: &[&str] = &[
    "Bearer wf_in_0123",
    "Splunk wf_in_0123",
    "ApiKey wf_in_0123",
    "Basic eDp3Zl9pbl8wMTIz",
    "Bearer",
    "Splunk \u{7f}",
    "",
];
const ENCODINGS: &[&str] = &[
    "",
    "gzip",
    "zstd",
    "deflate",
    "identity",
    "br",
    "gzip, gzip",
    "\u{7f}",
];
const TYPES: &[&str] = &[
    "",
    "application/json",
    "application/x-protobuf",
    "text/plain",
    "a/b; charset=\"",
    "\u{7f}",
];

/// 1,000 mutated requests of one interface: always an answer, never a panic, and the interface
/// serves an honest request afterwards.
async fn check(path: &str, content_type: &'static str, honest: &[u8]) {
    let (memory, router) = fresh();
    let mut dice = Dice(0x5eed_0000 + path.len() as u64);
    let gzip = |bytes: &[u8]| {
        let mut w = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut w, bytes).unwrap();
        w.finish().unwrap()
    };
    let mut statuses = std::collections::BTreeMap::new();
    for n in 0..1_000 {
        // Half of the bodies are broken before they are packed, the rest after.
        let early = dice.roll(2) == 0;
        let inner = if early {
            mutate(&mut dice, honest)
        } else {
            honest.to_vec()
        };
        let (mut encoding, packed) = match dice.roll(4) {
            0 => ("gzip", gzip(&inner)),
            1 => ("zstd", zstd::encode_all(&inner[..], 1).unwrap()),
            _ => ("", inner),
        };
        let body = if early {
            packed
        } else {
            mutate(&mut dice, &packed)
        };
        // Most of what stands in headers is right, or nothing would come further.
        let mut pick = |right: &'static str, all: &[&'static str]| match dice.roll(4) {
            0 => all[dice.roll(all.len())],
            _ => right,
        };
        let authorization = pick(AUTHORIZATIONS[0], AUTHORIZATIONS);
        encoding = pick(encoding, ENCODINGS);
        let content_type = pick(content_type, TYPES);
        let mut headers = vec![("accept", "*/*")];
        for (name, value) in [
            ("authorization", authorization),
            ("content-encoding", encoding),
            ("content-type", content_type),
        ] {
            if !value.is_empty() && axum::http::HeaderValue::from_str(value).is_ok() {
                headers.push((name, value));
            }
        }
        let answer = ask(&router, request("POST", path, &headers, body)).await;
        let status = answer.status.as_u16();
        assert!(
            (200..500).contains(&status),
            "request {n} to {path}: {status}"
        );
        assert!(
            status == 200 || !answer.body.is_empty(),
            "request {n} to {path}: {status} without a word"
        );
        *statuses.entry(status).or_insert(0) += 1;
    }
    assert!(statuses.len() > 2, "{path}: {statuses:?} is no variety");
    println!("{path}: {statuses:?}");
    honest_is_served(&memory, &router, path, content_type, honest).await;
}

async fn honest_is_served(
    memory: &Memory,
    router: &axum::Router,
    path: &str,
    content_type: &str,
    honest: &[u8],
) {
    let before = memory.count();
    let headers = [
        ("authorization", AUTHORIZATIONS[0]),
        ("content-type", content_type),
    ];
    let answer = ask(router, request("POST", path, &headers, honest.to_vec())).await;
    assert_eq!(answer.status, 200, "{path}");
    assert!(memory.count() > before, "{path}");
}

#[tokio::test]
async fn mutated_plain_requests() {
    check(
        "/ingest/litellm",
        "application/x-ndjson",
        b"{\"a\":1}\n{\"b\":[1,2,{\"c\":null}]}\n",
    )
    .await;
}

#[tokio::test]
async fn mutated_event_collector_requests() {
    check(
        "/services/collector/event",
        "application/json",
        br#"{"event":"a","time":1.5}{"event":{"b":[1]},"fields":{}}"#,
    )
    .await;
    check("/services/collector/raw", "text/plain", b"{\"line\":1}\n{}").await;
}

#[tokio::test]
async fn mutated_bulk_requests() {
    check(
        "/_bulk",
        "application/x-ndjson",
        b"{\"create\":{\"_index\":\"a\"}}\n{\"a\":1}\n{\"index\":{}}\n{\"b\":2}\n",
    )
    .await;
}

#[tokio::test]
async fn mutated_otlp_requests() {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
    use prost::Message as _;
    let span = Span {
        name: "chat".into(),
        trace_id: vec![7; 16],
        span_id: vec![9; 8],
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans {
        spans: vec![span; 3],
        ..ScopeSpans::default()
    }];
    let resource_spans = vec![ResourceSpans {
        scope_spans,
        ..ResourceSpans::default()
    }];
    let body = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
    check("/v1/traces", "application/x-protobuf", &body).await;
    check(
        "/v1/logs",
        "application/json",
        br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"x"}}]}]}]}"#,
    )
    .await;
}
