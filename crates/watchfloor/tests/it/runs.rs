//! A runbook against a real gateway, killed over and over: no entry is lost, no effect happens twice but under its key.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::program::Server;

/// What the gateway was asked to do: (key, path, body) in order.
type Seen = Arc<Mutex<Vec<(String, String, String)>>>;

/// A gateway that does what it is asked, slowly enough to be interrupted.
struct Gateway {
    port: u16,
    seen: Seen,
}

impl Gateway {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Seen::default();
        let notes = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let notes = Arc::clone(&notes);
                std::thread::spawn(move || serve(stream, &notes));
            }
        });
        Self { port, seen }
    }

    fn settings(&self) -> String {
        let mut text = String::new();
        for target in ["ai-gateway", "mail-gateway", "secret-manager"] {
            text.push_str(&format!(
                "[target.{target}]\nurl = 'http://127.0.0.1:{}/{target}'\n",
                self.port
            ));
        }
        for channel in ["ai-security", "incident-commander"] {
            text.push_str(&format!(
                "[channel.{channel}]\nurl = 'http://127.0.0.1:{}/page/{channel}'\n",
                self.port
            ));
        }
        text
    }

    fn keys(&self) -> BTreeMap<String, Vec<(String, String)>> {
        let mut keys: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for (key, path, body) in self.seen.lock().unwrap().iter() {
            keys.entry(key.clone())
                .or_default()
                .push((path.clone(), body.clone()));
        }
        keys
    }
}

fn serve(mut stream: TcpStream, notes: &Mutex<Vec<(String, String, String)>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut first = String::new();
    if reader.read_line(&mut first).unwrap_or(0) == 0 {
        return;
    }
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut length, mut key) = (0, String::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(": ").unwrap_or((line, ""));
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap_or(0),
            "idempotency-key" | "webhook-id" => key = value.to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    // From here on it has happened, whether the caller lives to hear of it or not.
    notes
        .lock()
        .unwrap()
        .push((key, path, String::from_utf8_lossy(&body).into_owned()));
    std::thread::sleep(Duration::from_millis(30));
    let answer = r#"{"key":{"id":"key-2"}}"#;
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
        answer.len()
    );
    stream.write_all(head.as_bytes()).ok();
}

/// A client that goes on until the server is gone.
struct Person<'s> {
    server: &'s Server,
    agent: ureq::Agent,
    /// Highest journal number that was acknowledged.
    acknowledged: u64,
}

impl<'s> Person<'s> {
    fn new(server: &'s Server) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(10)))
            .build()
            .into();
        Self {
            server,
            agent,
            acknowledged: 0,
        }
    }

    fn ask(&mut self, body: &Value) -> Option<Value> {
        let mut answer = self
            .agent
            .post(format!("{}/api/v1/inputs", self.server.at("console")))
            .header(
                "authorization",
                format!("Bearer {}", self.server.at("token")),
            )
            .header("content-type", "application/json")
            .send(body.to_string())
            .ok()?;
        let ok = answer.status().is_success();
        let value: Value = serde_json::from_str(&answer.body_mut().read_to_string().ok()?).ok()?;
        if ok {
            self.acknowledged = self.acknowledged.max(value["journal"].as_u64().unwrap());
        }
        ok.then_some(value)
    }

    fn get(&self, path: &str) -> Option<Value> {
        let mut answer = self
            .agent
            .get(format!("{}{path}", self.server.at("console")))
            .header(
                "authorization",
                format!("Bearer {}", self.server.at("token")),
            )
            .call()
            .ok()?;
        serde_json::from_str(&answer.body_mut().read_to_string().ok()?).ok()
    }

    /// Does what runs wait for; whether every run has ended.
    fn work(&mut self, gateway: &Gateway) -> Option<bool> {
        let runs = self.get("/api/v1/runs")?;
        let runs = runs.as_array()?;
        for run in runs {
            for doing in run["doing"].as_array()? {
                let about = |what: &str| json!({"module": "run", "do": what, "run": run["id"], "step": doing["step"]});
                let with = |mut body: Value, more: &[(&str, &str)]| {
                    for (key, value) in more {
                        body[*key] = json!(value);
                    }
                    body
                };
                let body = match doing["phase"].as_str()? {
                    "person" => with(about("complete"), &[("note", "done by hand")]),
                    "approval" => with(about("approve"), &[("note", "looked at")]),
                    "values" => {
                        for name in doing["detail"]["names"].as_array()? {
                            let value = if name.as_str()?.contains("data_left") {
                                "true"
                            } else {
                                "x-1"
                            };
                            self.ask(&json!({"module": "run", "do": "set-value", "run": run["id"], "name": name, "value": value}))?;
                        }
                        continue;
                    }
                    "in-doubt" => {
                        // The person asks the gateway, as one would.
                        let incident =
                            self.get(&format!("/api/v1/incidents/{}", run["incident"].as_str()?))?;
                        let name = incident["name"].as_str()?;
                        let happened =
                            gateway.seen.lock().unwrap().iter().any(|(_, path, body)| {
                                path.ends_with("/rotate") && body.contains(&format!("\"{name}\""))
                            });
                        with(
                            about("resolve"),
                            &[
                                ("resolution", if happened { "done" } else { "retry" }),
                                ("reason", "seen at the gateway"),
                            ],
                        )
                    }
                    _ => continue,
                };
                self.ask(&body)?;
            }
        }
        Some(!runs.is_empty() && runs.iter().all(|r| r["active"] == false))
    }
}

fn journal(server: &Server) -> u64 {
    server.get("/api/v1/health")["journal"].as_u64().unwrap()
}

fn prepare(dir: &Path, gateway: &Gateway, runs: usize) {
    let server = Server::start_with(dir, &gateway.settings());
    let mut person = Person::new(&server);
    for i in 0..runs {
        let opened = person
            .ask(&json!({"module": "incident", "do": "open", "title": format!("agent {i} obeys a ticket"), "severity": "medium", "reason": "a test"}))
            .unwrap();
        let incident = opened["entries"]
            .as_array()
            .unwrap()
            .iter()
            .find_map(|e| e["entry"]["incident"].as_str())
            .unwrap()
            .to_owned();
        person
            .ask(&json!({"module": "run", "do": "start", "runbook": "agent-contain", "incident": incident, "mode": "live"}))
            .unwrap();
    }
}

#[test]
fn a_runbook_killed_over_and_over_loses_no_entry_and_repeats_no_effect_without_its_key() {
    let (dir, gateway) = (tempfile::tempdir().unwrap(), Gateway::open());
    let runs = 8;
    prepare(dir.path(), &gateway, runs);
    let seed = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_nanos() as u64;
    let (mut known, mut kills, mut ended) = (0, 0, false);
    for round in 0..150u32 {
        let server = Server::start_with(dir.path(), &gateway.settings());
        assert!(
            journal(&server) >= known,
            "acknowledged entries are gone: {known} were there"
        );
        let moment = Duration::from_millis(3 + seed.rotate_left(round * 7) % 38);
        let began = Instant::now();
        let mut person = Person::new(&server);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(moment);
                // `kill -9` from outside, while the person is in the middle of something.
                std::process::Command::new("kill")
                    .args(["-9", &server.pid().to_string()])
                    .status()
                    .unwrap();
            });
            while let Some(done) = person.work(&gateway) {
                ended = done;
                if done {
                    break;
                }
                std::thread::sleep(Duration::from_millis(3));
            }
        });
        eprintln!(
            "round {round}: killed after {:?}, journal {}",
            began.elapsed(),
            person.acknowledged
        );
        known = known.max(person.acknowledged);
        kills += 1;
        if ended {
            break;
        }
    }
    if !ended {
        let server = Server::start_with(dir.path(), &gateway.settings());
        for run in server.get("/api/v1/runs").as_array().unwrap() {
            eprintln!("{run:#}");
        }
        let last = server.get(&format!(
            "/api/v1/journal?from={}",
            known.saturating_sub(40)
        ));
        for entry in last.as_array().unwrap() {
            eprintln!("{} {} {}", entry["seq"], entry["kind"], entry["body"]);
        }
    }
    assert!(ended, "{runs} runs did not end in {kills} rounds");
    assert!(kills > 8, "{kills} kills are too few to say anything");

    let server = Server::start_with(dir.path(), &gateway.settings());
    assert!(journal(&server) >= known);
    assert_eq!(server.get("/api/v1/journal/verify")["intact"], true);
    // A key is one thing to do, however often it was asked for.
    let keys = gateway.keys();
    for (key, asked) in &keys {
        assert!(!key.is_empty(), "{asked:?} came without a key");
        assert!(
            asked.iter().all(|a| a == &asked[0]),
            "{key} was used for several things: {asked:?}"
        );
    }
    let distinct = |end: &str| {
        keys.values()
            .filter(|asked| asked[0].0.ends_with(end))
            .count()
    };
    let times = |end: &str| {
        keys.values()
            .flatten()
            .filter(|(path, _)| path.ends_with(end))
            .count()
    };
    assert_eq!(distinct("/suspend"), runs, "{keys:?}");
    assert_eq!(
        (distinct("/rotate"), times("/rotate")),
        (runs, runs),
        "what destroys happened once for each run: {keys:?}"
    );
    for run in server.get("/api/v1/runs").as_array().unwrap() {
        assert_eq!(run["result"], "done", "{run}");
    }
}
