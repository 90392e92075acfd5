use std::{io::Write as _, sync::Arc, time::Duration};

use axum::body::Body;
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse},
        trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    },
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message as _;
use serde_json::json;
use watchfloor_edge::{HttpLimits, router};

use crate::{TOKEN, ask, fresh, intake::Memory, intake::Mood, request};

const BEARER: (&str, &str) = ("authorization", "Bearer wf_in_0123");
const SPLUNK: (&str, &str) = ("authorization", "Splunk wf_in_0123");

#[tokio::test]
async fn plain_ingest_names_each_bad_line_and_keeps_its_neighbours() {
    let (memory, router) = fresh();
    let body = "{\"a\":1}\n[]\n\n{\"b\":2}\n{";
    let answer = ask(
        &router,
        request("POST", "/ingest/litellm?host=gw%201&x=", &[BEARER], body),
    )
    .await;
    assert_eq!(answer.status, 200);
    let body = answer.json();
    assert_eq!(body["accepted"], 2);
    assert_eq!(
        body["rejected"][0],
        json!({ "line": 2, "reason": "not an object" })
    );
    assert_eq!(body["rejected"][1]["line"], 5);
    let head = memory.heads.lock().unwrap()[0].clone();
    assert_eq!(head.source.as_deref(), Some("litellm"));
    assert_eq!(
        head.hints,
        [
            ("host".to_owned(), "gw 1".to_owned()),
            ("x".to_owned(), String::new())
        ]
    );
    let answer = ask(
        &router,
        request("POST", "/ingest/litellm", &[BEARER], "{\n["),
    )
    .await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()["accepted"].clone()),
        (400, json!(0))
    );
    let answer = ask(&router, request("POST", "/ingest/nowhere", &[BEARER], "{}")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("content-type")),
        (404, "application/problem+json")
    );
    assert_eq!(
        ask(&router, request("POST", "/ingest/a", &[BEARER], ""))
            .await
            .json()["accepted"],
        0
    );
    assert_eq!(
        ask(&router, request("GET", "/ingest/a", &[BEARER], ""))
            .await
            .status,
        405
    );
    assert_eq!(
        ask(&router, request("POST", "/nope", &[BEARER], "{}"))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn packed_bodies_are_unpacked_and_bombs_refused() {
    let (memory, router) = fresh();
    let text = "{\"a\":1}\n".repeat(20_000);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    for (coding, body) in [
        ("gzip", gzip.finish().unwrap()),
        ("zstd", zstd::encode_all(text.as_bytes(), 1).unwrap()),
    ] {
        let before = memory.count();
        let answer = ask(
            &router,
            request(
                "POST",
                "/ingest/a",
                &[BEARER, ("content-encoding", coding)],
                body,
            ),
        )
        .await;
        assert_eq!(answer.status, 200, "{coding}");
        assert_eq!(memory.count() - before, 20_000);
    }
    let bomb = zstd::encode_all(&vec![b' '; 3 << 20][..], 3).unwrap();
    let answer = ask(
        &router,
        request(
            "POST",
            "/ingest/a",
            &[BEARER, ("content-encoding", "zstd")],
            bomb,
        ),
    )
    .await;
    assert_eq!(answer.status, 400);
    assert!(
        answer.json()["detail"]
            .as_str()
            .unwrap()
            .contains("times its size")
    );
    let answer = ask(
        &router,
        request(
            "POST",
            "/ingest/a",
            &[BEARER, ("content-encoding", "br")],
            "x",
        ),
    )
    .await;
    assert_eq!(answer.status, 415);
    let answer = ask(
        &router,
        request("POST", "/ingest/a", &[BEARER], vec![b' '; (1 << 20) + 1]),
    )
    .await;
    assert_eq!(answer.status, 413);
}

#[tokio::test]
async fn the_event_collector_answers_with_splunks_codes() {
    let (memory, router) = fresh();
    let path = "/services/collector/event";
    let good = r#"{"event":"a"}{"event":{"b":1},"time":1.5} {"event":"c"}"#;
    let bad = r#"{"event":"a"}{"x":1}{"event":"c"}"#;
    let malformed = ("authorization", "Splunk");
    let other = ("authorization", "Splunk 1111");
    for (path, headers, body, status, expected) in [
        (
            path,
            vec![SPLUNK],
            good,
            200,
            json!({ "text": "Success", "code": 0 }),
        ),
        (
            "/services/collector",
            vec![SPLUNK],
            good,
            200,
            json!({ "text": "Success", "code": 0 }),
        ),
        (
            "/services/collector/raw?sourcetype=x",
            vec![SPLUNK],
            "{}\n{}",
            200,
            json!({ "text": "Success", "code": 0 }),
        ),
        (
            path,
            vec![],
            good,
            401,
            json!({ "text": "Token is required", "code": 2 }),
        ),
        (
            path,
            vec![malformed],
            good,
            401,
            json!({ "text": "Invalid authorization", "code": 3 }),
        ),
        (
            path,
            vec![other],
            good,
            403,
            json!({ "text": "Invalid token", "code": 4 }),
        ),
        (
            path,
            vec![SPLUNK],
            "",
            400,
            json!({ "text": "No data", "code": 5 }),
        ),
        (
            path,
            vec![SPLUNK],
            bad,
            400,
            json!({ "text": "Invalid data format", "code": 6, "invalid-event-number": 1 }),
        ),
        (
            path,
            vec![SPLUNK, ("content-encoding", "gzip")],
            "x",
            400,
            json!({ "text": "Invalid data format", "code": 6 }),
        ),
        (
            "/services/collector/ack",
            vec![SPLUNK],
            "{}",
            400,
            json!({ "text": "ACK is disabled", "code": 14 }),
        ),
    ] {
        let answer = ask(&router, request("POST", path, &headers, body)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()),
            (status, expected),
            "{path} {headers:?} {body}"
        );
    }
    assert_eq!(memory.count(), 3 + 3 + 2 + 2);
    let health = ask(
        &router,
        request("GET", "/services/collector/health", &[], ""),
    )
    .await;
    assert_eq!(
        (health.status.as_u16(), health.json()["code"].clone()),
        (200, json!(17))
    );
    memory.set(Mood::Full);
    let health = ask(
        &router,
        request("GET", "/services/collector/health/1.0", &[], ""),
    )
    .await;
    assert_eq!(
        (health.status.as_u16(), health.json()["code"].clone()),
        (503, json!(18))
    );
    let busy = ask(&router, request("POST", path, &[SPLUNK], good)).await;
    assert_eq!(
        (busy.status.as_u16(), busy.json()),
        (503, json!({ "text": "Server is busy", "code": 9 }))
    );
    assert_eq!(busy.header("retry-after"), "2");
}

#[tokio::test]
async fn bulk_answers_item_by_item_in_the_words_of_elasticsearch() {
    let (memory, router) = fresh();
    let nine = "application/vnd.elasticsearch+json; compatible-with=9";
    let headers = [("authorization", "ApiKey wf_in_0123"), ("accept", nine)];
    let body = "{\"create\":{\"_index\":\"logs-ai\"}}\n{\"a\":1}\n{\"index\":{\"_id\":\"7\"}}\n[1]\n{\"index\":{}}\n{\"b\":2}\n";
    for method in ["PUT", "POST"] {
        let answer = ask(&router, request(method, "/logs/_bulk", &headers, body)).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("x-elastic-product"), "Elasticsearch");
        assert_eq!(
            answer.header("content-type"),
            "application/vnd.elasticsearch+json;compatible-with=9"
        );
        let body = answer.json();
        assert_eq!(body["errors"], true);
        assert!(body["took"].is_u64());
        assert_eq!(body["items"].as_array().unwrap().len(), 3);
        let (first, second, third) = (
            &body["items"][0]["create"],
            &body["items"][1]["index"],
            &body["items"][2]["index"],
        );
        assert_eq!(
            (&first["_index"], &first["status"], &first["result"]),
            (&json!("logs-ai"), &json!(201), &json!("created"))
        );
        assert_eq!(
            (&second["_index"], &second["_id"], &second["status"]),
            (&json!("logs"), &json!("7"), &json!(400))
        );
        assert_eq!(
            second["error"],
            json!({ "type": "document_parsing_exception", "reason": "not an object" })
        );
        assert_eq!(third["status"], 201);
    }
    assert_eq!(memory.count(), 4);
    for (headers, body, status, kind) in [
        (vec![], "{}", 401, "security_exception"),
        (
            vec![("authorization", "ApiKey nope")],
            "{}",
            401,
            "security_exception",
        ),
        (vec![headers[0]], "", 400, "parse_exception"),
        (
            vec![headers[0]],
            "nonsense",
            400,
            "illegal_argument_exception",
        ),
    ] {
        let answer = ask(&router, request("POST", "/_bulk", &headers, body)).await;
        let json = answer.json();
        assert_eq!(
            (
                answer.status.as_u16(),
                &json["error"]["type"],
                &json["status"]
            ),
            (status, &json!(kind), &json!(status))
        );
        assert_eq!(answer.header("x-elastic-product"), "Elasticsearch");
    }
    memory.set(Mood::FullLate);
    let busy = ask(
        &router,
        request("POST", "/_bulk", &headers, "{\"create\":{}}\n{}\n"),
    )
    .await;
    assert_eq!(
        (busy.status.as_u16(), busy.header("retry-after")),
        (429, "2")
    );
    assert_eq!(
        busy.json()["error"]["type"],
        "es_rejected_execution_exception"
    );
}

#[tokio::test]
async fn the_root_says_which_elasticsearch_it_answers_like() {
    let (_, router) = fresh();
    for (accept, number) in [
        ("*/*", "9."),
        (
            "application/vnd.elasticsearch+json; compatible-with=8",
            "8.",
        ),
    ] {
        let answer = ask(&router, request("GET", "/", &[("accept", accept)], "")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("x-elastic-product")),
            (200, "Elasticsearch")
        );
        assert!(
            answer.json()["version"]["number"]
                .as_str()
                .unwrap()
                .starts_with(number)
        );
        assert_eq!(answer.json()["tagline"], "You Know, for Search");
    }
    let head = ask(&router, request("HEAD", "/", &[], "")).await;
    assert_eq!(
        (
            head.status.as_u16(),
            head.body.len(),
            head.header("x-elastic-product")
        ),
        (200, 0, "Elasticsearch")
    );
}

/// `google.rpc.Status`, to read error bodies.
#[derive(Clone, PartialEq, prost::Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

fn spans(names: &[&str]) -> Vec<u8> {
    let spans = names
        .iter()
        .map(|name| Span {
            name: (*name).to_owned(),
            ..Span::default()
        })
        .collect();
    let scope_spans = vec![ScopeSpans {
        spans,
        ..ScopeSpans::default()
    }];
    let resource_spans = vec![ResourceSpans {
        scope_spans,
        ..ResourceSpans::default()
    }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

#[tokio::test]
async fn otlp_answers_in_the_encoding_it_was_asked_in() {
    let (memory, router) = fresh();
    let protobuf = ("content-type", "application/x-protobuf");
    let json_type = ("content-type", "application/json; charset=utf-8");
    let answer = ask(
        &router,
        request("POST", "/v1/traces", &[BEARER, protobuf], spans(&["chat"])),
    )
    .await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("content-type")),
        (200, "application/x-protobuf")
    );
    assert_eq!(
        ExportTraceServiceResponse::decode(&answer.body[..]).unwrap(),
        ExportTraceServiceResponse::default()
    );
    let long = vec!["bad"; 300];
    let answer = ask(
        &router,
        request("POST", "/v1/traces", &[BEARER, protobuf], spans(&long)),
    )
    .await;
    let partial = ExportTraceServiceResponse::decode(&answer.body[..])
        .unwrap()
        .partial_success
        .unwrap();
    assert_eq!(
        (partial.rejected_spans, partial.error_message.as_str()),
        (300, "record 0: bad span")
    );
    let empty = ExportLogsServiceRequest::default().encode_to_vec();
    let answer = ask(
        &router,
        request("POST", "/v1/logs", &[BEARER, protobuf], empty),
    )
    .await;
    assert_eq!(answer.status, 200);
    assert!(
        ExportLogsServiceResponse::decode(&answer.body[..])
            .unwrap()
            .partial_success
            .is_none()
    );

    let answer = ask(
        &router,
        request(
            "POST",
            "/v1/logs",
            &[BEARER, json_type],
            "{\"resourceLogs\":[]}",
        ),
    )
    .await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({})));
    let answer = ask(
        &router,
        request("POST", "/v1/logs", &[BEARER, json_type], "[]"),
    )
    .await;
    assert_eq!(answer.json()["partialSuccess"]["rejectedLogRecords"], "1");

    let status = |body: &[u8]| Status::decode(body).unwrap();
    let answer = ask(
        &router,
        request("POST", "/v1/logs", &[BEARER, protobuf], vec![0xff; 40]),
    )
    .await;
    assert_eq!(
        (answer.status.as_u16(), status(&answer.body).code),
        (400, 3)
    );
    assert!(!status(&answer.body).message.is_empty());
    let answer = ask(
        &router,
        request("POST", "/v1/logs", &[protobuf], spans(&[])),
    )
    .await;
    assert_eq!(
        (answer.status.as_u16(), status(&answer.body).code),
        (401, 16)
    );
    assert!(answer.header("www-authenticate").starts_with("Bearer"));
    let answer = ask(&router, request("POST", "/v1/logs", &[json_type], "{}")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()["code"].clone()),
        (401, json!(16))
    );
    let answer = ask(
        &router,
        request(
            "POST",
            "/v1/logs",
            &[BEARER, ("content-type", "text/plain")],
            "x",
        ),
    )
    .await;
    assert_eq!(answer.status, 415);
    memory.set(Mood::Full);
    let answer = ask(
        &router,
        request("POST", "/v1/traces", &[BEARER, protobuf], spans(&["x"])),
    )
    .await;
    assert_eq!(
        (
            answer.status.as_u16(),
            answer.header("retry-after"),
            status(&answer.body).code
        ),
        (429, "2", 14)
    );
    memory.set(Mood::Forbids);
    let answer = ask(
        &router,
        request("POST", "/v1/traces", &[BEARER, protobuf], spans(&["x"])),
    )
    .await;
    assert_eq!(
        (answer.status.as_u16(), status(&answer.body).code),
        (403, 7)
    );
}

/// A body is read only after the head was admitted.
#[tokio::test]
async fn without_a_token_no_large_body_is_read() {
    let (memory, router) = fresh();
    let endless = futures_util::stream::unfold(0_usize, |sent| async move {
        assert!(sent < 1_000_000, "the body was read to its end");
        tokio::task::yield_now().await;
        Some((Ok::<_, std::io::Error>(vec![b'x'; 10_000]), sent + 10_000))
    });
    let answer = ask(
        &router,
        request("POST", "/ingest/a", &[], Body::from_stream(endless)),
    )
    .await;
    assert_eq!((answer.status.as_u16(), memory.count()), (401, 0));
}

#[tokio::test]
async fn whatever_happens_inside_the_sender_gets_an_answer() {
    let memory = Arc::new(Memory::default());
    let short = Duration::from_millis(100);
    let limits = HttpLimits {
        body_time: short,
        answer_time: short,
        ..HttpLimits::default()
    };
    let router = router(Arc::clone(&memory), limits);
    let send = || ask(&router, request("POST", "/ingest/a", &[BEARER], "{}"));
    memory.set(Mood::Hangs);
    let answer = send().await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("retry-after")),
        (429, "5")
    );
    memory.set(Mood::Panics);
    assert_eq!(send().await.status, 500);
    memory.set(Mood::Fails);
    assert_eq!(send().await.status, 500);
    memory.set(Mood::Good);
    assert_eq!(send().await.status, 200);
    let never = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let answer = ask(
        &router,
        request("POST", "/ingest/a", &[BEARER], Body::from_stream(never)),
    )
    .await;
    assert_eq!(answer.status, 408);
}

#[tokio::test]
async fn memory_for_bodies_is_bounded_and_given_back() {
    let memory = Arc::new(Memory::default());
    let limits = HttpLimits {
        memory_bytes: 256 << 10,
        answer_time: Duration::from_mins(1),
        ..HttpLimits::default()
    };
    let router = router(Arc::clone(&memory), limits);
    let big = || request("POST", "/ingest/a", &[BEARER], vec![b'\n'; 200_000]);
    memory.set(Mood::Hangs);
    let holder = tokio::spawn({
        let router = router.clone();
        async move { ask(&router, big()).await.status }
    });
    while memory.heads.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    tokio::task::yield_now().await;
    let answer = ask(&router, big()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("retry-after")),
        (429, "1")
    );
    holder.abort();
    holder.await.unwrap_err();
    memory.set(Mood::Good);
    assert_eq!(ask(&router, big()).await.status, 200);
    assert_eq!(TOKEN, "wf_in_0123");
}
