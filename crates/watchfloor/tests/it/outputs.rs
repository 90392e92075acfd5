//! Outputs of the whole program: nothing lost over `kill -9`, order, dead letters, back-pressure,
//! filters, commands.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::program::{Server, json, run};

/// How the fake Elasticsearch answers a bulk request: how many it has had before, its documents.
type Answer = dyn Fn(usize, &[Value]) -> Reply + Send + Sync;

enum Reply {
    /// A status per document.
    Statuses(Vec<u16>),
    /// A status for the request.
    Whole(&'static str),
    /// Hangs up after the documents were taken: the answer is lost.
    TakeAndReset,
    /// Hangs up before.
    Reset,
    /// Says nothing until the sender gives up.
    Hang,
}

/// A recorded-protocol Elasticsearch: keeps what it took, by `_id`, in the order of arrival.
struct Elastic {
    url: String,
    taken: Arc<Mutex<Vec<(String, Value)>>>,
    doubles: Arc<Mutex<BTreeMap<String, u32>>>,
}

impl Elastic {
    fn start(answer: impl Fn(usize, &[Value]) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let elastic = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            taken: Arc::default(),
            doubles: Arc::default(),
        };
        let (taken, doubles) = (Arc::clone(&elastic.taken), Arc::clone(&elastic.doubles));
        let answer: Arc<Answer> = Arc::new(answer);
        std::thread::spawn(move || {
            for (n, stream) in listener.incoming().enumerate() {
                let (taken, doubles) = (Arc::clone(&taken), Arc::clone(&doubles));
                let answer = Arc::clone(&answer);
                std::thread::spawn(move || {
                    serve(stream.unwrap(), n, &*answer, &taken, &doubles);
                });
            }
        });
        elastic
    }

    fn settings(&self, more: &str) -> String {
        format!(
            "[[output]]\nname = 'siem'\nkind = 'elasticsearch'\nurl = '{}'\ngzip = false\n{more}\n",
            self.url
        )
    }

    fn ids(&self) -> Vec<String> {
        let taken = self.taken.lock().unwrap();
        taken.iter().map(|(id, _)| id.clone()).collect()
    }
}

fn serve(
    mut stream: TcpStream,
    n: usize,
    answer: &Answer,
    taken: &Mutex<Vec<(String, Value)>>,
    doubles: &Mutex<BTreeMap<String, u32>>,
) {
    let mut bytes = Vec::new();
    let mut piece = vec![0; 64 << 10];
    let body = loop {
        let read = stream.read(&mut piece).unwrap_or(0);
        if read == 0 {
            return;
        }
        bytes.extend_from_slice(&piece[..read]);
        let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..at]).to_ascii_lowercase();
        let length: usize = head
            .lines()
            .find_map(|l| l.strip_prefix("content-length: "))
            .map_or(0, |l| l.parse().unwrap());
        if bytes.len() >= at + 4 + length {
            break String::from_utf8(bytes[at + 4..].to_vec()).unwrap();
        }
    };
    let lines: Vec<Value> = body
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let documents: Vec<Value> = lines.iter().skip(1).step_by(2).cloned().collect();
    let ids: Vec<String> = lines
        .iter()
        .step_by(2)
        .map(|l| l["create"]["_id"].as_str().unwrap().to_owned())
        .collect();
    let keep = |k: usize| {
        let mut taken = taken.lock().unwrap();
        if taken.iter().any(|(id, _)| *id == ids[k]) {
            *doubles.lock().unwrap().entry(ids[k].clone()).or_default() += 1;
            return 409;
        }
        taken.push((ids[k].clone(), documents[k].clone()));
        201
    };
    let statuses = match answer(n, &documents) {
        Reply::Statuses(statuses) => statuses,
        Reply::Whole(status) => {
            let text = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(text.as_bytes()).ok();
            return;
        }
        Reply::TakeAndReset => {
            for k in 0..ids.len() {
                keep(k);
            }
            return;
        }
        Reply::Reset => return,
        Reply::Hang => {
            std::thread::sleep(Duration::from_secs(60));
            return;
        }
    };
    let items: Vec<Value> = statuses
        .iter()
        .enumerate()
        .map(|(k, status)| {
            let status = if *status == 201 { keep(k) } else { *status };
            let error = json!({"type": "some_exception", "reason": "because"});
            json!({"create": {"status": status, "error": (status >= 400).then_some(error)}})
        })
        .collect();
    let body = json!({"errors": true, "items": items}).to_string();
    let text = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).ok();
}

fn all_taken(documents: &[Value]) -> Reply {
    Reply::Statuses(vec![201; documents.len()])
}

/// Sends events that fire a rule each, by users of their own.
fn fire(server: &Server, numbers: std::ops::Range<u32>) {
    let body: String = numbers
        .map(|n| format!("{{\"eventVersion\":\"1.09\",\"eventID\":\"e-{n}\",\"eventTime\":\"2026-11-24T12:00:00Z\",\"eventSource\":\"bedrock.amazonaws.com\",\"eventName\":\"DeleteGuardrail\",\"awsRegion\":\"eu-central-1\",\"sourceIPAddress\":\"203.0.113.7\",\"userIdentity\":{{\"type\":\"IAMUser\",\"arn\":\"arn:aws:iam::1:user/u-{}\",\"userName\":\"u-{}\"}}}}\n", n % 7, n % 7))
        .collect();
    let mut answer = ureq::post(format!("{}/ingest/aws.cloudtrail", server.at("ingest")))
        .header(
            "authorization",
            format!("Bearer {}", server.at("ingest_token")),
        )
        .header("content-type", "application/x-ndjson")
        .send(body)
        .unwrap();
    let said: Value = answer.body_mut().read_json().unwrap();
    assert!(said.to_string().contains("accepted"), "{said}");
}

fn wait(what: &str, seconds: u64, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_secs(seconds), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Every finding of the journal, in its order.
fn findings(server: &Server) -> Vec<String> {
    let mut all: Vec<String> = server
        .get("/api/v1/alerts")
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["id"].as_str().unwrap().to_owned())
        .flat_map(|id| {
            let alert = server.get(&format!("/api/v1/alerts/{id}"));
            let findings = alert["findings"].as_array().unwrap().clone();
            assert_eq!(alert["finding_count"], findings.len());
            findings
        })
        .map(|f| f["id"].as_str().unwrap().to_owned())
        .collect();
    all.sort();
    all
}

fn output(server: &Server) -> Value {
    server.get("/api/v1/outputs")[0].clone()
}

#[test]
fn killed_while_it_sends_it_loses_nothing_and_doubles_only_under_the_same_id() {
    let dir = tempfile::tempdir().unwrap();
    // Slow, and now and then the answer is lost, the connection reset, the receiver busy.
    let elastic = Elastic::start(|n, documents| {
        std::thread::sleep(Duration::from_millis(30));
        match n % 7 {
            2 => Reply::TakeAndReset,
            3 => Reply::Reset,
            4 => Reply::Whole("503 Busy"),
            5 => {
                let status = |k: usize| if k.is_multiple_of(3) { 429 } else { 201 };
                Reply::Statuses((0..documents.len()).map(status).collect())
            }
            _ => all_taken(documents),
        }
    });
    let settings = elastic.settings("batch = 8\ntimeout_seconds = 5\nkinds = ['finding']");
    let seed = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_nanos() as u64;
    for round in 0..5u32 {
        let server = Server::start_with(dir.path(), &settings);
        fire(&server, round * 40..round * 40 + 40);
        let moment = 100 + seed.rotate_left(round * 7) % 900;
        eprintln!(
            "round {round}: kill after {moment} ms, {} taken",
            elastic.ids().len()
        );
        std::thread::sleep(Duration::from_millis(moment));
        server.kill();
    }
    let server = Server::start_with(dir.path(), &settings);
    wait("detection is through", 60, || {
        server.get("/api/v1/health")["in_flight"] == false
    });
    let expected = findings(&server);
    assert_eq!(expected.len(), 200);
    wait("everything arrives", 60, || output(&server)["behind"] == 0);
    let arrived = elastic.ids();
    let mut sorted = arrived.clone();
    sorted.sort();
    assert_eq!(sorted, expected, "each once, by its id");
    eprintln!(
        "doubles that the id made harmless: {:?}",
        elastic.doubles.lock().unwrap().len()
    );
    let standing = output(&server);
    assert_eq!(standing["refused"], 0, "{standing}");
    // In order but for those of a batch whose elder siblings had to wait.
    let journal: Vec<u64> = elastic
        .taken
        .lock()
        .unwrap()
        .iter()
        .map(|(_, d)| d["watchfloor"]["journal"].as_u64().unwrap())
        .collect();
    let mut sorted = journal.clone();
    sorted.sort_unstable();
    let mut highest = 0;
    for seq in journal {
        let rank = sorted.binary_search(&seq).unwrap();
        assert!(rank + 8 > highest, "{rank} came after {highest}");
        highest = highest.max(rank);
    }
}

#[test]
fn without_refusals_the_order_is_that_of_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let elastic = Elastic::start(|n, documents| {
        if n % 3 == 1 {
            Reply::Whole("429 Slow")
        } else {
            all_taken(documents)
        }
    });
    let server = Server::start_with(dir.path(), &elastic.settings("batch = 7"));
    fire(&server, 0..60);
    wait("everything arrives", 60, || {
        elastic.ids().len() >= 60 && output(&server)["behind"] == 0
    });
    let taken = elastic.taken.lock().unwrap();
    let journal: Vec<u64> = taken
        .iter()
        .map(|(_, d)| d["watchfloor"]["journal"].as_u64().unwrap())
        .collect();
    assert!(journal.is_sorted(), "{journal:?}");
    // A finding comes before its alert, the alert before its incident.
    let first = |kind: &str| {
        taken
            .iter()
            .position(|(_, d)| d["watchfloor"]["kind"] == kind)
    };
    let (finding, alert, incident) = (first("finding"), first("alert"), first("incident"));
    assert!(
        finding < alert && alert < incident && finding.is_some(),
        "{finding:?} {alert:?} {incident:?}"
    );
}

#[test]
fn a_receiver_that_hangs_slows_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let free = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&free);
    let elastic = Elastic::start(move |_, documents| {
        if gate.load(Ordering::Relaxed) {
            all_taken(documents)
        } else {
            Reply::Hang
        }
    });
    let settings = elastic.settings("kinds = ['finding']\ntimeout_seconds = 2\nbatch = 1000");
    let server = Server::start_with(dir.path(), &settings);
    let memory = || {
        let text = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
        let line = text.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    fire(&server, 0..200);
    let started = Instant::now();
    for k in 1..10 {
        fire(&server, k * 200..k * 200 + 200);
    }
    wait("detection is through", 60, || {
        server.get("/api/v1/health")["in_flight"] == false
    });
    eprintln!(
        "2,000 findings in {:?} while the receiver hangs, {} KiB",
        started.elapsed(),
        memory()
    );
    wait("the error is shown", 20, || {
        output(&server)["state"] == "retrying"
    });
    let standing = output(&server);
    assert_eq!(standing["sent"], 0);
    assert!(standing["behind"].as_u64().unwrap() >= 1_000, "{standing}");
    assert!(
        standing["last_error"]
            .as_str()
            .unwrap()
            .contains("did not answer"),
        "{standing}"
    );
    assert_eq!(server.get("/api/v1/health")["outputs"]["retrying"], 1);
    free.store(true, Ordering::Relaxed);
    let args = ["output", "resume", "siem", "--json"];
    json(dir.path(), &args);
    wait("everything arrives", 60, || elastic.ids().len() == 2_000);
}

#[test]
fn what_is_refused_for_good_is_kept_shown_and_sent_again() {
    let dir = tempfile::tempdir().unwrap();
    let mended = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&mended);
    let elastic = Elastic::start(move |_, documents| {
        let bad = |d: &Value| d["watchfloor"]["kind"] == "alert" && !gate.load(Ordering::Relaxed);
        let status = |d| if bad(d) { 400 } else { 201 };
        Reply::Statuses(documents.iter().map(status).collect())
    });
    let settings = elastic.settings("kinds = ['alert', 'finding']");
    let server = Server::start_with(dir.path(), &settings);
    fire(&server, 0..20);
    wait("everything is decided", 60, || {
        let standing = output(&server);
        standing["behind"] == 0 && standing["sent"].as_u64() == Some(20)
    });
    let letters = json(
        dir.path(),
        &["output", "dead", "list", "--output", "siem", "--json"],
    );
    let letters = letters.as_array().unwrap();
    assert!(!letters.is_empty());
    assert_eq!(output(&server)["dead_letters"], letters.len());
    assert_eq!(letters[0]["reason"], "400 some_exception: because");
    let id = letters[0]["id"].as_str().unwrap();
    let shown = json(
        dir.path(),
        &["output", "dead", "show", "siem", id, "--json"],
    );
    let body: Value = serde_json::from_str(shown["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["event"]["kind"], "alert");
    // Not mended: it is refused again, and kept.
    let again = json(
        dir.path(),
        &["output", "dead", "replay", "siem", id, "--json"],
    );
    assert_eq!(
        (&again["sent"], again["refused"].as_array().unwrap().len()),
        (&json!(0), 1)
    );
    mended.store(true, Ordering::Relaxed);
    let again = json(dir.path(), &["output", "dead", "replay", "siem", "--json"]);
    assert_eq!(again["sent"], letters.len(), "{again}");
    assert_eq!(output(&server)["dead_letters"], 0);
    assert_eq!(elastic.ids().len(), 20 + letters.len());
    let missing = run(dir.path(), &["output", "dead", "show", "siem", "nothing"]);
    assert_eq!(missing.status.code(), Some(2));
}

#[test]
fn an_output_is_tested_paused_resumed_and_starts_where_it_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let elastic = Elastic::start(|_, documents| all_taken(documents));
    let (lines, closed) = (
        dir.path().join("all.ndjson"),
        "[[output]]\nname = 'shut'\nkind = 'webhook'\nurl = 'http://127.0.0.1:1/'\n",
    );
    let first = Server::start_with(dir.path(), "");
    fire(&first, 0..5);
    wait("detection is through", 60, || {
        first.get("/api/v1/health")["in_flight"] == false
    });
    first.kill();
    let settings = format!(
        "{}{closed}[[output]]\nname = 'all'\nkind = 'file'\npath = '{}'\nfrom = 'start'\nformat = 'plain'\n",
        elastic.settings("min_severity = 'high'"),
        lines.display()
    );
    let server = Server::start_with(dir.path(), &settings);
    let shown = json(dir.path(), &["output", "test", "siem", "--json"]);
    assert_eq!(shown["taken"], true, "{shown}");
    let sent: Value = serde_json::from_str(shown["sent"].as_str().unwrap()).unwrap();
    assert_eq!(sent["watchfloor"]["mark"], "test");
    assert_eq!(elastic.ids().len(), 1, "what was before is not sent");
    let refused = run(dir.path(), &["output", "test", "shut"]);
    assert_eq!(refused.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&refused.stdout).contains("could not be reached"));
    assert_eq!(
        run(dir.path(), &["output", "test", "nobody"]).status.code(),
        Some(2)
    );
    // `from = "start"`: what was found before the output was there.
    let written = || std::fs::read_to_string(&lines).unwrap_or_default();
    let count = || {
        written()
            .lines()
            .filter(|l| l.contains("\"kind\":\"finding\""))
            .count()
    };
    wait("the file has what came before", 30, || count() == 5);
    for line in written().lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        assert_eq!(value["schema"], "watchfloor.output/1");
    }
    json(dir.path(), &["output", "pause", "siem", "--json"]);
    fire(&server, 5..10);
    wait("the others go on", 30, || count() == 10);
    assert_eq!(elastic.ids().len(), 1);
    let find = |name: &str| {
        let all = server.get("/api/v1/outputs");
        let found = all.as_array().unwrap().iter().find(|o| o["name"] == name);
        found.unwrap().clone()
    };
    assert_eq!(find("siem")["state"], "paused");
    let dir = server.kill();
    let server = Server::start_with(&dir, &settings);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(elastic.ids().len(), 1, "paused over a restart");
    json(&dir, &["output", "resume", "siem", "--json"]);
    wait("it goes on where it stopped", 30, || {
        elastic.ids().len() > 5
    });
    let kinds: Vec<String> = elastic
        .taken
        .lock()
        .unwrap()
        .iter()
        .skip(1)
        .map(|(_, d)| d["watchfloor"]["kind"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        kinds.iter().filter(|k| *k == "finding").count(),
        5,
        "{kinds:?}"
    );
    drop(server);
}

#[test]
fn findings_of_files_are_printed_as_ocsf() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("r.yml"),
        "title: T\nid: 4772833c-6f89-42b8-8a55-4d3ab255a1b0\nlogsource:\n  product: x\ndetection:\n  s:\n    a: b\n  condition: s\nlevel: high\n",
    )
    .unwrap();
    std::fs::write(
        dir.path().join("e.ndjson"),
        "{\"a\":\"c\"}\n{\"a\":\"b\"}\n",
    )
    .unwrap();
    let args = [
        "rule",
        "run",
        "--rules",
        "r.yml",
        "--product",
        "x",
        "--ocsf",
        "e.ndjson",
    ];
    let output = run(dir.path(), &args);
    let text = String::from_utf8(output.stdout).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let event: Value =
        serde_json::from_str(text.trim()).unwrap_or_else(|e| panic!("{e}: {text} {said}"));
    assert_eq!(
        (&event["class_uid"], &event["severity_id"]),
        (&json!(2004), &json!(4))
    );
    assert_eq!(event["unmapped"]["watchfloor"]["event"]["index"], 1);
}

#[test]
fn wrong_settings_are_all_named_and_nothing_starts() {
    let dir = tempfile::tempdir().unwrap();
    let toml = "[[output]]\nname = 'a b'\nkind = 'file'\n[[output]]\nname = 'c'\nkind = 'kafka'\n";
    std::fs::write(dir.path().join("watchfloor.toml"), toml).unwrap();
    let output = run(dir.path(), &["serve"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    for code in ["Q001", "Q002", "Q003"] {
        assert!(said.contains(code), "{said}");
    }
}
