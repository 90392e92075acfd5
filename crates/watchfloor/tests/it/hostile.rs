//! Broken requests through the whole program: an answer to each, every good neighbour kept once, every refused piece
//! kept as a dead letter, nothing unaccounted for.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use crate::program::{Server, json, run};

/// The same requests in every run (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 16) % sides.max(1) as u64) as usize
    }
}

const ODD: &[&[u8]] = &[
    b"\0",
    b"\xff\xfe",
    b"{",
    b"}",
    b"[[[[[[[[",
    b"\"",
    b"\\ud800",
    b"1e999999",
    b"null",
    b"${jndi:ldap://x}",
    b"'; drop table event;--",
    b"\x1b[2J",
    b"<script>alert(1)</script>",
    b"99999999999999999999",
    b"{\"a\":{\"a\":{\"a\":",
];

/// Changes a record and keeps it one line.
fn mutate(dice: &mut Dice, record: &str) -> Vec<u8> {
    let mut out = record.as_bytes().to_vec();
    for _ in 0..=dice.roll(3) {
        let at = dice.roll(out.len() + 1).min(out.len());
        match dice.roll(6) {
            0 if at < out.len() => out[at] ^= 1 << dice.roll(8),
            1 => out.truncate(at),
            2 => drop(out.splice(at..at, ODD[dice.roll(ODD.len())].iter().copied())),
            3 => out.extend_from_within(at..),
            4 if at < out.len() => drop(out.remove(at)),
            _ => out.reverse(),
        }
        out.truncate(50_000);
    }
    out.retain(|b| !matches!(b, b'\n' | b'\r'));
    out
}

struct Wire {
    path: &'static str,
    content_type: &'static str,
    /// A request around the mutated piece with good record number `n`.
    body: fn(u64, Vec<u8>) -> Vec<u8>,
    record: &'static str,
}

fn lines(parts: &[&[u8]]) -> Vec<u8> {
    parts
        .iter()
        .flat_map(|p| p.iter().copied().chain([b'\n']))
        .collect()
}

const WIRES: &[Wire] = &[
    Wire {
        path: "/ingest/generic",
        content_type: "application/x-ndjson",
        body: |n, bad| {
            lines(&[
                format!("{{\"good\":{n}}}").as_bytes(),
                &bad,
                format!("{{\"after\":{n}}}").as_bytes(),
            ])
        },
        record: r#"{"user":"a","nested":{"list":[1,2,{"b":null}]},"text":"Grüße"}"#,
    },
    Wire {
        path: "/_bulk",
        content_type: "application/x-ndjson",
        body: |n, bad| {
            lines(&[
                b"{\"create\":{\"_index\":\"generic\"}}",
                format!("{{\"good\":{n}}}").as_bytes(),
                b"{\"index\":{}}",
                &bad,
            ])
        },
        record: r#"{"user":"a","nested":{"list":[1,2,{"b":null}]}}"#,
    },
    Wire {
        path: "/services/collector/event",
        content_type: "application/json",
        body: |n, bad| lines(&[format!("{{\"event\":{{\"good\":{n}}}}}").as_bytes(), &bad]),
        record: r#"{"event":{"user":"a"},"time":1.5,"sourcetype":"generic","fields":{"x":"y"}}"#,
    },
    Wire {
        path: "/v1/logs",
        content_type: "application/json",
        body: |n, bad| {
            let mut body = format!("{{\"resourceLogs\":[{{\"scopeLogs\":[{{\"logRecords\":[{{\"body\":{{\"stringValue\":\"good\"}},\"attributes\":[{{\"key\":\"good\",\"value\":{{\"intValue\":\"{n}\"}}}}]}},").into_bytes();
            body.extend(bad);
            body.extend(b"]}]}]}");
            body
        },
        record: r#"{"body":{"stringValue":"x"},"attributes":[{"key":"k","value":{"boolValue":true}}]}"#,
    },
    Wire {
        path: "/v1/traces",
        content_type: "application/json",
        body: |n, bad| {
            let mut body = format!("{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{{\"traceId\":\"0af7651916cd43dd8448eb211c80319c\",\"spanId\":\"{n:016x}\",\"name\":\"chat\",\"attributes\":[{{\"key\":\"good\",\"value\":{{\"intValue\":\"{n}\"}}}}]}},").into_bytes();
            body.extend(bad);
            body.extend(b"]}]}]}");
            body
        },
        record: r#"{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"chat"}"#,
    },
];

#[test]
fn a_thousand_broken_requests_on_each_interface_lose_no_good_neighbour() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(30)))
        .build()
        .into();
    let mut dice = Dice(0x5eed);
    let mut promised: Vec<u64> = Vec::new();
    let (mut accepted, mut rejected) = (0, 0);
    for (w, wire) in WIRES.iter().enumerate() {
        let mut statuses: BTreeMap<u16, u32> = BTreeMap::new();
        for i in 0..1_000 {
            let n = w as u64 * 1_000_000 + i;
            let body = (wire.body)(n, mutate(&mut dice, wire.record));
            let mut answer = agent
                .post(format!("{}{}", server.at("ingest"), wire.path))
                .header(
                    "authorization",
                    format!("Bearer {}", server.at("ingest_token")),
                )
                .header("content-type", wire.content_type)
                .send(&body[..])
                .unwrap_or_else(|e| panic!("{} {i}: {e}", wire.path));
            let status = answer.status().as_u16();
            let text = answer.body_mut().read_to_string().unwrap();
            assert!(
                (200..500).contains(&status),
                "{} {i}: {status} {text}",
                wire.path
            );
            assert!(
                status == 200 || !text.is_empty(),
                "{} {i}: {status} without a word",
                wire.path
            );
            *statuses.entry(status).or_default() += 1;
            // The collector says 400 and which event was bad, and keeps the good ones.
            let kept = status == 200
                || (wire.path.contains("collector") && text.contains("invalid-event-number"));
            if kept {
                promised.push(n);
            }
            if w == 0 {
                assert_eq!(status, 200, "a good line makes a request good: {text}");
                let answer: Value = serde_json::from_str(&text).unwrap();
                accepted += answer["accepted"].as_u64().unwrap();
                rejected += answer["rejected"].as_array().unwrap().len();
                for r in answer["rejected"].as_array().unwrap() {
                    assert_eq!(r["line"], 2, "{answer}");
                    assert!(!r["reason"].as_str().unwrap().is_empty());
                }
            }
        }
        println!("{}: {statuses:?}", wire.path);
        assert!(statuses.contains_key(&200), "{}: {statuses:?}", wire.path);
    }
    while server.get("/api/v1/health")["in_flight"] == true {
        std::thread::sleep(Duration::from_millis(50));
    }
    let counts = good(&server);
    let lost: Vec<_> = promised
        .iter()
        .filter(|n| counts.get(n) != Some(&1))
        .collect();
    assert!(
        lost.is_empty(),
        "{} good neighbours are not there once, such as {:?}",
        lost.len(),
        &lost[..lost.len().min(5)]
    );

    // The first interface tells what it took and what it did not: both are there.
    let dead = dead_letters(&server);
    assert!(
        dead >= rejected && rejected > 300,
        "{dead} dead letters, {rejected} rejected"
    );
    assert!(accepted >= 2_000, "{accepted}");
    assert_eq!(server.get("/api/v1/health")["status"], "ok");
}

/// How often each good record is stored.
fn good(server: &Server) -> BTreeMap<u64, u32> {
    let mut counts = BTreeMap::new();
    let mut after = String::new();
    loop {
        let page = server.get(&format!(
            "/api/v1/events?from=36500d&limit=1000&after={}",
            after.replace('+', "%2B")
        ));
        for event in page["events"].as_array().unwrap() {
            let native: Value =
                serde_json::from_str(event["native"].as_str().unwrap()).unwrap_or_default();
            let attribute = [
                "/logRecord/attributes/0",
                "/log/attributes/0",
                "/span/attributes/0",
            ]
            .iter()
            .find_map(|p| native.pointer(p))
            .filter(|a| a["key"] == "good")
            .and_then(|a| a.pointer("/value/intValue")?.as_str()?.parse().ok());
            let plain = native["good"].as_u64().or(native["event"]["good"].as_u64());
            if let Some(n) = plain.or(attribute) {
                *counts.entry(n).or_default() += 1;
            }
        }
        match page["after"].as_str() {
            Some(next) => after = next.to_owned(),
            None => return counts,
        }
    }
}

fn dead_letters(server: &Server) -> usize {
    let (mut count, mut after) = (0, String::new());
    loop {
        let page = server.get(&format!("/api/v1/dead-letters?limit=1000{after}"));
        let page = page.as_array().unwrap();
        count += page.len();
        match page.last() {
            Some(last) => after = format!("&after={}", last["id"].as_str().unwrap()),
            None => return count,
        }
    }
}

/// A record that no mapping understood waits, with its reason, until the mapping does.
#[test]
fn a_dead_letter_is_shown_and_read_again_once_the_mapping_understands_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.ndjson");
    std::fs::write(
        &file,
        "{\"id\":\"1\",\"call_type\":\"acompletion\"}\n{\"id\":\n[1,2]\n",
    )
    .unwrap();
    let output = run(
        dir.path(),
        &[
            "event",
            "import",
            "--source",
            "litellm",
            "a.ndjson",
            "--data-dir",
            "d",
        ],
    );
    assert_eq!(output.status.code(), Some(1), "a line was rejected");
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("a.ndjson:2:"),
        "the place is named"
    );
    let letters = json(
        dir.path(),
        &["dead-letter", "list", "--json", "--data-dir", "d"],
    );
    let letters = letters.as_array().unwrap();
    assert_eq!(letters.len(), 2, "{letters:?}");
    for letter in letters {
        let id = letter["id"].as_str().unwrap();
        let shown = json(
            dir.path(),
            &["dead-letter", "show", id, "--json", "--data-dir", "d"],
        );
        assert!(
            ["{\"id\":", "[1,2]"].contains(&shown["raw"].as_str().unwrap()),
            "{shown}"
        );
        assert!(!shown["reason"].as_str().unwrap().is_empty());
    }
    // The mapping is as it was: both stay, with the reason.
    let again = json(
        dir.path(),
        &[
            "dead-letter",
            "replay",
            "--source",
            "litellm",
            "--json",
            "--data-dir",
            "d",
        ],
    );
    assert_eq!(
        (
            again["replayed"].as_u64(),
            again["refused"].as_array().map(Vec::len)
        ),
        (Some(0), Some(2)),
        "{again}"
    );

    // A mapping that takes text, too.
    let source = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../content/sources/litellm/source.yml"
    ))
    .unwrap();
    let content = dir.path().join("content/sources/litellm");
    std::fs::create_dir_all(&content).unwrap();
    std::fs::write(
        content.join("source.yml"),
        source.replacen("wire:", "record: json-or-text\nwire:", 1),
    )
    .unwrap();
    std::fs::write(
        dir.path().join("watchfloor.toml"),
        "content_dir = 'content'\n",
    )
    .unwrap();
    let again = json(
        dir.path(),
        &[
            "dead-letter",
            "replay",
            "--source",
            "litellm",
            "--json",
            "--data-dir",
            "d",
        ],
    );
    assert_eq!(
        (again["replayed"].as_u64(), again["events"].as_u64()),
        (Some(2), Some(2)),
        "{again}"
    );
    let again = json(
        dir.path(),
        &[
            "dead-letter",
            "replay",
            "--source",
            "litellm",
            "--json",
            "--data-dir",
            "d",
        ],
    );
    assert_eq!(again["replayed"], 0, "once");
}
