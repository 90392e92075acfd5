use std::path::PathBuf;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::{TOKEN, ask, fresh, request};

/// Requests of real clients, as recorded.
fn recorded(file: &str) -> Option<Vec<Value>> {
    let Some(corpus) = std::env::var_os("WATCHFLOOR_CORPUS") else {
        println!("skipped: WATCHFLOOR_CORPUS is not set");
        return None;
    };
    let path = PathBuf::from(corpus)
        .join("ai-telemetry/captures")
        .join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    Some(
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
    )
}

#[tokio::test]
async fn recorded_shippers_are_understood() {
    let Some(requests) = recorded("shipper_http.jsonl") else {
        return;
    };
    let mut served = 0;
    for recorded in requests {
        let (memory, router) = fresh();
        let path = recorded["path"].as_str().unwrap();
        let body = STANDARD
            .decode(recorded["body_b64"].as_str().unwrap())
            .unwrap();
        let mut headers: Vec<(&str, String)> = Vec::new();
        for pair in recorded["headers"].as_array().unwrap() {
            let (name, value) = (pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
            // The tokens of the recording are not ours.
            if !name.eq_ignore_ascii_case("authorization") {
                headers.push((name, value.to_owned()));
            }
        }
        let scheme = if path.starts_with("/services") {
            "Splunk"
        } else {
            "ApiKey"
        };
        headers.push(("authorization", format!("{scheme} {TOKEN}")));
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let answer = ask(
            &router,
            request(recorded["method"].as_str().unwrap(), path, &headers, body),
        )
        .await;
        match path {
            "/_bulk" => {
                assert_eq!(answer.status, 200);
                let json = answer.json();
                assert_eq!((json["errors"].as_bool(), memory.count()), (Some(false), 3));
                assert_eq!(json["items"][2]["create"]["status"], 201);
                assert_eq!(
                    answer.header("content-type"),
                    "application/vnd.elasticsearch+json;compatible-with=9"
                );
                assert_eq!(answer.header("x-elastic-product"), "Elasticsearch");
                served += 1;
            }
            "/services/collector/event" => {
                assert_eq!(
                    (
                        answer.status.as_u16(),
                        answer.json()["code"].as_u64(),
                        memory.count()
                    ),
                    (200, Some(0), 1)
                );
                served += 1;
            }
            // Loki is not spoken here.
            other => assert_eq!(answer.status, 404, "{other}"),
        }
    }
    assert!(served >= 4, "{served}");
}

#[tokio::test]
async fn recorded_exporters_are_understood() {
    let Some(requests) = recorded("otlp_http_dialects.jsonl") else {
        return;
    };
    let (memory, router) = fresh();
    let mut records = 0;
    for recorded in &requests {
        let path = recorded["path"].as_str().unwrap();
        let body = STANDARD
            .decode(recorded["body_b64"].as_str().unwrap())
            .unwrap();
        let token = format!("Bearer {TOKEN}");
        let mut headers = vec![("authorization", token.as_str())];
        for (name, value) in recorded["headers"].as_object().unwrap() {
            headers.push((name.as_str(), value.as_str().unwrap()));
        }
        let answer = ask(&router, request("POST", path, &headers, body)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.body.len()),
            (200, 0),
            "{path}"
        );
        assert_eq!(answer.header("content-type"), "application/x-protobuf");
        assert!(memory.count() > records, "{path} gave no record");
        records = memory.count();
    }
    assert!(requests.len() >= 20, "{}", requests.len());
}
