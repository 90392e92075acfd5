//! Killed at random moments, nothing acknowledged is lost and nothing is stored twice.

use std::{
    collections::BTreeMap,
    io::Write as _,
    net::TcpStream,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::program::Server;

/// Sends numbered events over one interface until told to stop; notes what was acknowledged.
fn sender(
    server: &Server,
    wire: Wire,
    numbers: std::ops::Range<u64>,
    acknowledged: Arc<Mutex<Vec<u64>>>,
    stop: Arc<AtomicBool>,
) -> std::thread::JoinHandle<u64> {
    let (base, token) = (
        server.at("ingest").to_owned(),
        server.at("ingest_token").to_owned(),
    );
    std::thread::spawn(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(20)))
            .build()
            .into();
        let mut next = numbers.start;
        while next < numbers.end && !stop.load(Ordering::Relaxed) {
            let batch: Vec<u64> = (next..(next + 500).min(numbers.end)).collect();
            let request = match wire {
                Wire::Bulk => agent
                    .post(format!("{base}/_bulk"))
                    .header("content-type", "application/x-ndjson"),
                Wire::Otlp => agent
                    .post(format!("{base}/v1/logs"))
                    .header("content-type", "application/json"),
            };
            let answer = request
                .header("authorization", format!("Bearer {token}"))
                .send(wire.body(&batch));
            match answer {
                Ok(mut response) if response.status().is_success() => {
                    let text = response.body_mut().read_to_string().unwrap_or_default();
                    assert!(!text.contains("\"errors\":true"), "{text}");
                    acknowledged.lock().unwrap().extend(&batch);
                }
                Ok(response) if matches!(response.status().as_u16(), 429 | 503) => {
                    std::thread::sleep(Duration::from_millis(20));
                    continue;
                }
                // Killed in the middle: not acknowledged, may or may not be stored. A real sender would send it
                // again; this one goes on, so that every number is sent once and doubles show.
                Ok(_) | Err(_) => {}
            }
            next += 500;
        }
        next
    })
}

#[derive(Clone, Copy)]
enum Wire {
    Bulk,
    Otlp,
}

impl Wire {
    fn body(self, batch: &[u64]) -> String {
        let filler = "x".repeat(440);
        match self {
            Self::Bulk => batch.iter().map(|n| format!("{{\"create\":{{\"_index\":\"generic\"}}}}\n{{\"@timestamp\":\"2026-11-24T12:00:00Z\",\"n\":{n},\"message\":\"{filler}\"}}\n")).collect(),
            Self::Otlp => {
                let records: Vec<String> = batch
                    .iter()
                    .map(|n| format!("{{\"timeUnixNano\":\"1795521600000000000\",\"body\":{{\"stringValue\":\"{filler}\"}},\"attributes\":[{{\"key\":\"n\",\"value\":{{\"intValue\":\"{n}\"}}}}]}}"))
                    .collect();
                format!("{{\"resourceLogs\":[{{\"resource\":{{\"attributes\":[]}},\"scopeLogs\":[{{\"scope\":{{}},\"logRecords\":[{}]}}]}}]}}", records.join(","))
            }
        }
    }
}

#[test]
fn killed_ten_times_under_load_it_keeps_what_it_acknowledged_once() {
    let dir = tempfile::tempdir().unwrap();
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let mut next = [0u64, 1 << 40];
    // Moments that differ from run to run and are printed, so that a failure can be told.
    let seed = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_nanos() as u64;
    let total = if cfg!(debug_assertions) {
        40_000
    } else {
        200_000
    };
    for round in 0..10u64 {
        let server = Server::start(dir.path());
        let stop = Arc::new(AtomicBool::new(false));
        let share = total / 20;
        let senders = [Wire::Bulk, Wire::Otlp].map(|wire| {
            let first = next[wire as usize];
            sender(
                &server,
                wire,
                first..first + share,
                Arc::clone(&acknowledged),
                Arc::clone(&stop),
            )
        });
        let moment = seed.rotate_left(round as u32 * 5) % 900;
        eprintln!("round {round}: kill after {moment} ms");
        std::thread::sleep(Duration::from_millis(moment));
        server.kill();
        stop.store(true, Ordering::Relaxed);
        for (i, sender) in senders.into_iter().enumerate() {
            // Numbers sent and not acknowledged are never sent again.
            next[i] = sender.join().unwrap().max(next[i]) + 1_000;
        }
    }
    let server = Server::start(dir.path());
    // What was not interrupted arrives, too.
    let rest = total - acknowledged.lock().unwrap().len() as u64;
    let senders = [Wire::Bulk, Wire::Otlp].map(|wire| {
        let first = next[wire as usize];
        sender(
            &server,
            wire,
            first..first + rest / 2,
            Arc::clone(&acknowledged),
            Arc::new(AtomicBool::new(false)),
        )
    });
    for sender in senders {
        sender.join().unwrap();
    }
    let stored = stored(&server);
    let acknowledged = acknowledged.lock().unwrap();
    let lost: Vec<&u64> = acknowledged
        .iter()
        .filter(|n| !stored.contains_key(n))
        .collect();
    let doubled: Vec<_> = stored.iter().filter(|(_, count)| **count > 1).collect();
    assert!(
        lost.is_empty(),
        "{} of {} acknowledged events are lost, such as {:?}",
        lost.len(),
        acknowledged.len(),
        &lost[..lost.len().min(5)]
    );
    assert!(
        doubled.is_empty(),
        "{} events are stored twice, such as {:?}",
        doubled.len(),
        &doubled[..doubled.len().min(5)]
    );
    eprintln!(
        "{} acknowledged, {} stored",
        acknowledged.len(),
        stored.len()
    );
}

/// How often each number is stored.
fn stored(server: &Server) -> BTreeMap<u64, u32> {
    for _ in 0..600 {
        if server.get("/api/v1/health")["in_flight"] == false {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let mut counts = BTreeMap::new();
    let mut after = String::new();
    loop {
        let page = server.get(&format!(
            "/api/v1/events?from=36500d&limit=1000&after={}",
            after.replace('+', "%2B")
        ));
        for event in page["events"].as_array().unwrap() {
            let native: serde_json::Value =
                serde_json::from_str(event["native"].as_str().unwrap()).unwrap();
            let n = native["n"].as_u64().or_else(|| {
                let attribute = native
                    .pointer("/logRecord/attributes/0/value/intValue")
                    .or_else(|| native.pointer("/log/attributes/0/value/intValue"))?;
                attribute
                    .as_u64()
                    .or_else(|| attribute.as_str()?.parse().ok())
            });
            *counts
                .entry(n.unwrap_or_else(|| panic!("an event without a number: {native}")))
                .or_default() += 1;
        }
        match page["after"].as_str() {
            Some(next) => after = next.to_owned(),
            None => return counts,
        }
    }
}

#[test]
fn a_second_process_on_the_same_folder_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let output = crate::program::run(dir.path(), &["serve"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("in use by another process"),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // A half-open connection does not keep the others out.
    let mut half = TcpStream::connect(server.at("ingest").trim_start_matches("http://")).unwrap();
    half.write_all(b"POST /ingest/generic HTTP/1.1\r\nHost: x\r\n")
        .unwrap();
    assert_eq!(server.get("/api/v1/health")["status"], "ok");
    assert!(server.pid() > 0);
}

/// Nineteen refused credentials, a restart, one more: the burst of twenty is seen, and said once.
#[test]
fn a_correlation_goes_on_counting_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |n: u32| {
        format!(
            "{{\"id\":\"r-{n}\",\"call_type\":\"acompletion\",\"status\":\"failure\",\"error_information\":{{\"error_class\":\"AuthenticationError\"}},\"requester_ip_address\":\"203.0.113.77\"}}\n"
        )
    };
    let send = |numbers: std::ops::Range<u32>| {
        let text: String = numbers.map(refused).collect();
        std::fs::write(dir.path().join("f.ndjson"), text).unwrap();
        // Opens the folder, takes the file, closes the folder in order.
        let sent = crate::program::json(
            dir.path(),
            &[
                "event",
                "import",
                "--source",
                "litellm",
                "f.ndjson",
                "--json",
                "--data-dir",
                "d",
            ],
        );
        assert_eq!(sent["rejected"], 0);
    };
    let bursts = || {
        let alerts =
            crate::program::json(dir.path(), &["alert", "list", "--json", "--data-dir", "d"]);
        let burst =
            |a: &&serde_json::Value| a["title"].as_str().unwrap().starts_with("Burst of refused");
        let found: Vec<_> = alerts
            .as_array()
            .unwrap()
            .iter()
            .filter(burst)
            .cloned()
            .collect();
        found
            .iter()
            .map(|a| a["finding_count"].as_u64().unwrap())
            .sum::<u64>()
    };
    send(0..10);
    send(10..19);
    assert_eq!(bursts(), 0);
    send(19..20);
    assert_eq!(bursts(), 1);
    send(20..23);
    assert_eq!(bursts(), 1, "what was said is not said again");
}

/// Rules of the test below: a burst within an hour, and a value never seen in a fortnight.
const RULES: &str = "title: Burst of the test
id: test-burst
level: high
correlation:
    type: event_count
    rules: [test_failed]
    group-by: [user]
    timespan: 1h
    condition: {gte: 6}
---
title: New host of the test
id: test-new-host
level: high
correlation:
    type: new_value
    rules: [test_failed]
    group-by: [user]
    timespan: 60d
    learning: 14d
    condition: {field: host}
---
title: Failed
id: test-failed
name: test_failed
logsource:
    product: generic
detection:
    s: {action: failed}
    condition: s
";

/// Killed between any two requests, correlations go on: with a window half full, and with a
/// fortnight's baseline. What they said is said once.
#[test]
fn killed_in_the_middle_of_windows_correlations_go_on() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("content/rules")).unwrap();
    std::fs::write(dir.path().join("content/rules/test.yml"), RULES).unwrap();
    let settings = "content_dir = 'content'\n";
    let now = jiff::Timestamp::now();
    let line = |days: i64, minutes: i64, user: &str, host: &str| {
        let time = now - jiff::SignedDuration::from_hours(24 * days)
            + jiff::SignedDuration::from_mins(minutes);
        format!(
            "{{\"@timestamp\":\"{time}\",\"action\":\"failed\",\"user\":\"{user}\",\"host\":\"{host}\"}}\n"
        )
    };
    let send = |server: &Server, text: &str| {
        let mut answer = ureq::post(format!("{}/ingest/generic", server.at("ingest")))
            .header(
                "authorization",
                format!("Bearer {}", server.at("ingest_token")),
            )
            .header("content-type", "application/x-ndjson")
            .send(text)
            .unwrap();
        assert!(
            answer.status().is_success(),
            "{:?}",
            answer.body_mut().read_to_string()
        );
    };
    let settle = |server: &Server| {
        for _ in 0..600 {
            if server.get("/api/v1/health")["in_flight"] == false {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("events are in flight for 12 seconds");
    };
    let said = |server: &Server, title: &str| -> u64 {
        let alerts = server.get("/api/v1/alerts?limit=200");
        let all = alerts["alerts"]
            .as_array()
            .or_else(|| alerts.as_array())
            .unwrap();
        all.iter()
            .filter(|a| a["title"].as_str().unwrap_or_default().starts_with(title))
            .map(|a| a["finding_count"].as_u64().unwrap())
            .sum()
    };
    let kill = |server: Server| {
        server.kill();
        Server::start_with(dir.path(), settings)
    };

    // The baseline: known hosts twenty days ago; then killed at once, and killed when idle.
    let mut server = Server::start_with(dir.path(), settings);
    send(&server, &line(20, 0, "ann", "laptop"));
    server = kill(server);
    send(&server, &line(19, 0, "ann", "desktop"));
    settle(&server);
    std::thread::sleep(Duration::from_millis(400));
    server = kill(server);
    settle(&server);
    assert!(dir.path().join("data/correlations").exists());
    // Five of six failures, with a kill after each.
    for minute in 0..5 {
        send(&server, &line(0, minute, "ann", "laptop"));
        if minute % 2 == 0 {
            settle(&server);
            std::thread::sleep(Duration::from_millis(minute as u64 * 100));
        }
        server = kill(server);
    }
    settle(&server);
    assert_eq!(
        (
            said(&server, "Burst of the test"),
            said(&server, "New host of the test")
        ),
        (0, 0)
    );
    send(&server, &line(0, 5, "ann", "kiosk"));
    settle(&server);
    assert_eq!(
        (
            said(&server, "Burst of the test"),
            said(&server, "New host of the test")
        ),
        (1, 1)
    );
    // Said before is not said again, whatever happens; a damaged state is no obstacle.
    server = kill(server);
    settle(&server);
    send(&server, &line(0, 6, "ann", "kiosk"));
    settle(&server);
    std::thread::sleep(Duration::from_millis(400));
    server.kill();
    let state = dir.path().join("data/correlations");
    let mut bytes = std::fs::read(&state).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    std::fs::write(&state, bytes).unwrap();
    let server = Server::start_with(dir.path(), settings);
    settle(&server);
    send(&server, &line(0, 7, "ann", "kiosk"));
    settle(&server);
    assert_eq!(
        (
            said(&server, "Burst of the test"),
            said(&server, "New host of the test")
        ),
        (1, 1)
    );
}
