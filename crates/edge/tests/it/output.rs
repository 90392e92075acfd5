//! Outputs against receivers that do as they are told: recorded answers of Splunk and
//! Elasticsearch, busy ones, silent ones, ones that hang up.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, UdpSocket},
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::read::GzDecoder;
use serde_json::Value;
use watchfloor_edge::{
    Bounds, ClearText, Delivered, ElasticOutput, Fate, FileOutput, Form, HecOutput, Http, Item,
    Output, SyslogOutput, WebhookOutput,
};
use watchfloor_types::{Secret, Severity, Timestamp};

use crate::server::{Behave, Server, status};

fn now() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

fn bounds() -> Bounds {
    Bounds {
        time: Duration::from_secs(3),
        message_bytes: 8_192,
    }
}

fn item(n: u32) -> Item {
    Item {
        id: format!("id-{n}"),
        kind: "finding",
        event: "watchfloor.finding.created".to_owned(),
        time: now(),
        severity: Severity::High,
        facts: vec![("title", format!("finding {n}"))],
        body: format!("{{\"n\":{n}}}"),
        form: Form::Json,
    }
}

fn items(n: u32) -> Vec<Item> {
    (0..n).map(item).collect()
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn answer(status: &str, headers: &str, body: &str) -> Behave {
    let n = body.len();
    Behave::Answer(format!(
        "HTTP/1.1 {status}\r\ncontent-length: {n}\r\n{headers}\r\n{body}"
    ))
}

fn http(server: &Server) -> Http {
    Http::new(&server.url(), ClearText::Refuse, None).unwrap()
}

fn hec(server: &Server) -> HecOutput {
    let mut hec =
        HecOutput::new(http(server), secret("t0ken"), "watchfloor:ocsf", "floor").unwrap();
    hec.gzip = false;
    hec
}

fn elastic(server: &Server) -> Output {
    let key = secret("a2V5");
    let mut elastic = ElasticOutput::new(http(server), "alerts", None, Some(&key)).unwrap();
    elastic.gzip = false;
    Output::Elastic(elastic)
}

fn words(delivered: &Delivered) -> Vec<&'static str> {
    let word = |f: &Fate| match f {
        Fate::Taken => "taken",
        Fate::Refused(_) => "refused",
        Fate::Later(_) => "later",
    };
    delivered.fates.iter().map(word).collect()
}

fn body(request: &str) -> &str {
    request.split_once("\r\n\r\n").unwrap().1
}

#[test]
fn splunk_gets_events_one_after_the_other() {
    let server = Server::start(vec![answer("200 OK", "", r#"{"text":"Success","code":0}"#)]);
    let mut splunk = hec(&server);
    splunk.index = Some("soc".to_owned());
    let mut text = item(1);
    (text.body, text.form) = ("CEF:0|\"x\"".to_owned(), Form::Text);
    let delivered = Output::Hec(splunk).deliver(&[item(0), text], bounds(), now());
    assert_eq!(words(&delivered), ["taken", "taken"], "{delivered:?}");
    let request = &server.requests()[0];
    let head = request.to_ascii_lowercase();
    assert!(head.starts_with("post /services/collector/event http/1.1\r\n"));
    assert!(head.contains("\r\nauthorization: splunk t0ken\r\n"));
    assert!(!head.contains("x-splunk-request-channel"));
    let events: Vec<Value> = serde_json::Deserializer::from_str(body(request))
        .into_iter()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(events[0]["event"]["n"], 0);
    assert_eq!(events[1]["event"], "CEF:0|\"x\"");
    assert_eq!(events[0]["index"], "soc");
    assert_eq!(events[0]["sourcetype"], "watchfloor:ocsf");
    assert_eq!(events[0]["fields"]["watchfloor_id"], "id-0");
    assert_eq!(events[0]["time"], 1_795_521_600.0);
}

#[test]
fn splunk_is_asked_whether_the_indexers_have_it() {
    let posted = answer("200 OK", "", r#"{"text":"Success","code":0,"ackId":7}"#);
    let not_yet = answer("200 OK", "", r#"{"acks":{"7":false}}"#);
    let indexed = answer("200 OK", "", r#"{"acks":{"7":true}}"#);
    let server = Server::start(vec![posted.clone(), not_yet.clone(), indexed]);
    let mut splunk = hec(&server);
    splunk.channel = Some("0aeeac95-ac74-4aa9-b30d-6c4c0ac581ba".to_owned());
    let delivered = Output::Hec(splunk).deliver(&items(3), bounds(), now());
    assert_eq!(words(&delivered), ["taken"; 3], "{delivered:?}");
    let requests = server.requests();
    assert!(
        requests[0]
            .to_ascii_lowercase()
            .contains("x-splunk-request-channel: 0aeeac95-ac74-4aa9-b30d-6c4c0ac581ba")
    );
    assert!(requests[1].starts_with(
        "POST /services/collector/ack?channel=0aeeac95-ac74-4aa9-b30d-6c4c0ac581ba HTTP/1.1\r\n"
    ));
    assert_eq!(body(&requests[1]), r#"{"acks":[7]}"#);
    // Never acknowledged: it is sent again, not lost.
    let server = Server::start(vec![posted, not_yet]);
    let mut splunk = hec(&server);
    splunk.channel = Some("c".to_owned());
    let delivered = Output::Hec(splunk).deliver(&items(1), bounds(), now());
    assert_eq!(words(&delivered), ["later"]);
    // Asked for and not given: a setting is wrong, nothing is refused.
    let server = Server::start(vec![answer("200 OK", "", r#"{"text":"Success","code":0}"#)]);
    let mut splunk = hec(&server);
    splunk.channel = Some("c".to_owned());
    let delivered = Output::Hec(splunk).deliver(&items(1), bounds(), now());
    assert!(delivered.answer.contains("ack = false"), "{delivered:?}");
}

#[test]
fn what_splunk_says_decides() {
    let check = |behave: Behave, expected: &[&str], pause: Option<u64>| {
        let server = Server::start(vec![behave.clone()]);
        let delivered = Output::Hec(hec(&server)).deliver(&items(3), bounds(), now());
        assert_eq!(words(&delivered), expected, "{behave:?}: {delivered:?}");
        assert_eq!(
            delivered.pause,
            pause.map(Duration::from_secs),
            "{behave:?}"
        );
    };
    let later = ["later"; 3];
    let busy = r#"{"text":"Server is busy","code":9}"#;
    check(answer("503 Busy", "", busy), &later, None);
    check(
        answer("503 Busy", "retry-after: 17\r\n", busy),
        &later,
        Some(17),
    );
    check(
        answer("403 No", "", r#"{"text":"Invalid token","code":4}"#),
        &later,
        None,
    );
    check(answer("404 No", "", ""), &later, None);
    // The setting `index` is wrong: nothing is thrown away for it.
    check(
        answer("400 Bad", "", r#"{"text":"Incorrect index","code":7}"#),
        &later,
        None,
    );
    let one = r#"{"text":"Event field cannot be blank","code":13,"invalid-event-number":1}"#;
    check(
        answer("400 Bad", "", one),
        &["later", "refused", "later"],
        Some(0),
    );
    let big = answer("413 Too big", "", "");
    check(big.clone(), &["refused"; 3], None);
    let server = Server::start(vec![big]);
    assert!(
        Output::Hec(hec(&server))
            .deliver(&items(3), bounds(), now())
            .whole
    );
    check(Behave::Close, &later, None);
    check(Behave::Silence(Duration::from_secs(4)), &later, None);
    // A redirect would leave what the settings name.
    let away = answer("302 Found", "location: http://127.0.0.1:1/\r\n", "");
    check(away, &later, None);
}

#[test]
fn compression_is_gzip() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = Vec::new();
        let mut piece = [0; 4_096];
        loop {
            let n = stream.read(&mut piece).unwrap();
            bytes.extend_from_slice(&piece[..n]);
            if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&bytes[..at]).to_ascii_lowercase();
                let length: usize = head
                    .lines()
                    .find_map(|l| l.strip_prefix("content-length: "))
                    .unwrap()
                    .parse()
                    .unwrap();
                if bytes.len() >= at + 4 + length {
                    stream
                        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                        .unwrap();
                    return (head, bytes[at + 4..].to_vec());
                }
            }
        }
    });
    let http = Http::new(&url, ClearText::Refuse, None).unwrap();
    let splunk = HecOutput::new(http, secret("t"), "s", "h").unwrap();
    let delivered = Output::Hec(splunk).deliver(&items(50), bounds(), now());
    assert_eq!(words(&delivered), ["taken"; 50]);
    let (head, packed) = seen.join().unwrap();
    assert!(head.contains("content-encoding: gzip"), "{head}");
    let mut text = String::new();
    GzDecoder::new(&packed[..])
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text.matches("\"event\":{\"n\":").count(), 50);
}

#[test]
fn elasticsearch_gets_our_ids_and_each_document_has_its_own_fate() {
    let said = r#"{"errors":true,"items":[{"create":{"status":201}},{"create":{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"there"}}},{"create":{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"full"}}},{"create":{"status":400,"error":{"type":"document_parsing_exception","reason":"failed to parse field [source.ip]"}}},{"create":{"status":404,"error":{"type":"index_not_found_exception","reason":"no"}}},{"create":{"status":503}}]}"#;
    let server = Server::start(vec![answer("200 OK", "retry-after: 2\r\n", said)]);
    let delivered = elastic(&server).deliver(&items(6), bounds(), now());
    let expected = ["taken", "taken", "later", "refused", "later", "later"];
    assert_eq!(words(&delivered), expected, "{delivered:?}");
    assert_eq!(delivered.pause, Some(Duration::from_secs(2)));
    assert!(!delivered.whole);
    let Fate::Refused(why) = &delivered.fates[3] else {
        panic!()
    };
    assert_eq!(
        why,
        "400 document_parsing_exception: failed to parse field [source.ip]"
    );
    let request = &server.requests()[0];
    let head = request.to_ascii_lowercase();
    assert!(head.starts_with("post /_bulk?filter_path="), "{head}");
    assert!(head.contains("\r\nauthorization: apikey a2v5\r\n"));
    assert!(head.contains("\r\ncontent-type: application/x-ndjson\r\n"));
    let lines: Vec<Value> = body(request)
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(lines.len(), 12);
    assert_eq!(lines[2]["create"]["_id"], "id-1");
    assert_eq!(lines[2]["create"]["_index"], "alerts");
    assert_eq!(lines[3]["n"], 1);
    assert!(body(request).ends_with('\n'));
}

/// An answer that is larger than the batch was is read to its end.
#[test]
fn a_refusal_of_each_of_many_documents_is_understood() {
    let reason = "failed to parse field [x] ".repeat(20);
    let item = format!(
        r#"{{"create":{{"status":400,"error":{{"type":"document_parsing_exception","reason":"{reason}"}}}}}}"#
    );
    let said = format!(
        r#"{{"errors":true,"items":[{}]}}"#,
        vec![item; 500].join(",")
    );
    assert!(said.len() > 64 * 1_024);
    let server = Server::start(vec![answer("200 OK", "", &said)]);
    let delivered = elastic(&server).deliver(&items(500), bounds(), now());
    assert_eq!(words(&delivered), ["refused"; 500], "{}", delivered.answer);
}

#[test]
fn what_elasticsearch_says_of_the_whole_decides() {
    for (behave, expected) in [
        (answer("429 Slow", "", "{}"), "later"),
        (answer("401 No", "", "{}"), "later"),
        (answer("503 Busy", "", ""), "later"),
        (answer("413 Too big", "", ""), "refused"),
        (answer("400 Bad", "", "{}"), "refused"),
        // A proxy's page, or an answer for another number of documents.
        (answer("200 OK", "", "<html>"), "later"),
        (
            answer("200 OK", "", r#"{"items":[{"create":{"status":201}}]}"#),
            "later",
        ),
        (Behave::Close, "later"),
        (Behave::Silence(Duration::from_secs(4)), "later"),
    ] {
        let server = Server::start(vec![behave.clone()]);
        let delivered = elastic(&server).deliver(&items(2), bounds(), now());
        assert_eq!(
            words(&delivered),
            [expected; 2],
            "{behave:?}: {delivered:?}"
        );
    }
    let (user, password) = ("soc", secret("pass:word"));
    let server = Server::start(vec![status("503 Busy")]);
    let elastic = ElasticOutput::new(http(&server), "x", Some(user), Some(&password)).unwrap();
    Output::Elastic(elastic).deliver(&items(1), bounds(), now());
    let basic = format!(
        "basic {}",
        STANDARD.encode("soc:pass:word").to_ascii_lowercase()
    );
    assert!(server.requests()[0].to_ascii_lowercase().contains(&basic));
}

#[test]
fn webhooks_are_signed_and_keep_their_order() {
    let script = vec![status("204 OK"), status("422 No"), status("503 Busy")];
    let server = Server::start(script);
    let whsec = secret(&format!("whsec_{}", STANDARD.encode("sesame")));
    let output = WebhookOutput::new(http(&server), Some(&whsec)).unwrap();
    let delivered = Output::Webhook(output).deliver(&items(5), bounds(), now());
    assert_eq!(
        words(&delivered),
        ["taken", "refused", "later", "later", "later"]
    );
    let requests = server.requests();
    assert_eq!(requests.len(), 3, "the one after a busy answer is not sent");
    for (n, request) in requests.iter().enumerate() {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let header = |name: &str| {
            let line = head
                .lines()
                .find(|l| l.to_ascii_lowercase().starts_with(&format!("{name}:")))
                .unwrap();
            line.split_once(':').unwrap().1.trim().to_owned()
        };
        assert_eq!(header("webhook-id"), format!("id-{n}"));
        let sent = header("webhook-timestamp");
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"sesame");
        let signature = header("webhook-signature");
        let signature = STANDARD
            .decode(signature.strip_prefix("v1,").unwrap())
            .unwrap();
        let signed = format!("id-{n}.{sent}.{body}");
        ring::hmac::verify(&key, signed.as_bytes(), &signature).unwrap();
        let payload: Value = serde_json::from_str(body).unwrap();
        assert_eq!(payload["type"], "watchfloor.finding.created");
        assert_eq!(payload["data"]["n"], n);
    }
}

/// A syslog receiver that reads to the end, or hangs up in the middle.
fn receiver(end: &'static str) -> (String, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&bytes);
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        match end {
            "reads" => {
                stream.read_to_end(&mut seen.lock().unwrap()).unwrap();
            }
            // Unread bytes make the system answer with a reset.
            "resets" => {
                let mut some = [0; 10];
                stream.read_exact(&mut some).unwrap();
            }
            _ => std::thread::sleep(Duration::from_secs(10)),
        }
    });
    (address, bytes)
}

#[test]
fn syslog_over_tcp_counts_octets_and_knows_whether_it_was_read() {
    let output = |address: &str| {
        let mut syslog = SyslogOutput::new(address, ClearText::Refuse, None).unwrap();
        syslog.hostname = "floor".to_owned();
        Output::Syslog(syslog)
    };
    let (address, bytes) = receiver("reads");
    let delivered = output(&address).deliver(&items(3), bounds(), now());
    assert_eq!(words(&delivered), ["taken"; 3], "{delivered:?}");
    // RFC 6587, section 3.4.1: MSG-LEN SP SYSLOG-MSG.
    let bytes = bytes.lock().unwrap();
    let mut rest = std::str::from_utf8(&bytes).unwrap();
    for n in 0..3 {
        let (length, tail) = rest.split_once(' ').unwrap();
        let (message, next) = tail.split_at(length.parse().unwrap());
        assert!(message.starts_with("<131>1 2026-11-24T12:00:00.000000Z floor watchfloor - finding [watchfloor@32473 id="), "{message}");
        assert!(message.ends_with(&format!("] {{\"n\":{n}}}")));
        rest = next;
    }
    assert_eq!(rest, "");
    // Reset in the middle, or silent: sent again.
    let many: Vec<Item> = (0..2_000).map(item).collect();
    for end in ["resets", "hangs"] {
        let (address, _) = receiver(end);
        let delivered = output(&address).deliver(&many, bounds(), now());
        assert!(
            words(&delivered).iter().all(|w| *w == "later"),
            "{end}: {}",
            delivered.answer
        );
    }
    let closed = output("tcp://127.0.0.1:1").deliver(&items(1), bounds(), now());
    assert_eq!(words(&closed), ["later"]);
}

#[test]
fn a_message_that_is_too_long_is_refused_and_the_others_go() {
    let (address, bytes) = receiver("reads");
    let mut all = items(3);
    all[1].body = "x".repeat(9_000);
    let syslog = SyslogOutput::new(&address, ClearText::Refuse, None).unwrap();
    let delivered = Output::Syslog(syslog).deliver(&all, bounds(), now());
    assert_eq!(words(&delivered), ["taken", "refused", "taken"]);
    assert!(!String::from_utf8_lossy(&bytes.lock().unwrap()).contains("xxx"));
}

#[test]
fn syslog_over_udp_is_one_message_a_datagram() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    let address = format!("udp://{}", socket.local_addr().unwrap());
    let syslog = SyslogOutput::new(&address, ClearText::Refuse, None).unwrap();
    let delivered = Output::Syslog(syslog).deliver(&items(2), bounds(), now());
    assert_eq!(words(&delivered), ["taken"; 2]);
    for n in 0..2 {
        let mut bytes = [0; 4_096];
        let size = socket.recv(&mut bytes).unwrap();
        let text = std::str::from_utf8(&bytes[..size]).unwrap();
        assert!(text.starts_with("<131>1 ") && text.ends_with(&format!("{{\"n\":{n}}}")));
    }
}

#[test]
fn a_file_is_rotated_and_never_keeps_half_a_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.ndjson");
    std::fs::write(&path, "{\"n\":\"old\"}\n{\"n\":\"torn").unwrap();
    let output = || Output::File(FileOutput::new(path.clone(), 100, 2));
    let first = output();
    assert_eq!(
        words(&first.deliver(&items(2), bounds(), now())),
        ["taken"; 2]
    );
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap_or_default();
    assert_eq!(
        read("out.ndjson"),
        "{\"n\":\"old\"}\n{\"n\":0}\n{\"n\":1}\n"
    );
    for _ in 0..6 {
        first.deliver(&items(5), bounds(), now());
    }
    let lines = |name: &str| read(name).lines().count();
    assert_eq!(
        (
            lines("out.ndjson"),
            lines("out.ndjson.1"),
            lines("out.ndjson.2")
        ),
        (5, 10, 10)
    );
    assert_eq!(read("out.ndjson.3"), "");
    // Taken away by another program: the next line starts a new file.
    std::fs::remove_file(&path).unwrap();
    first.deliver(&items(1), bounds(), now());
    assert_eq!(read("out.ndjson"), "{\"n\":0}\n");
    let nowhere = Output::File(FileOutput::new(dir.path().join("no/such/folder"), 100, 2));
    let delivered = nowhere.deliver(&items(1), bounds(), now());
    assert_eq!(words(&delivered), ["later"]);
    assert!(delivered.answer.contains("no/such/folder"));
}

#[test]
fn secrets_are_never_shown() {
    let server = Server::start(vec![status("200 OK")]);
    let hec = Output::Hec(hec(&server));
    let webhook = WebhookOutput::new(http(&server), Some(&secret("sesame"))).unwrap();
    let shown = format!("{hec:?} {webhook:?} {:?}", elastic(&server));
    for word in ["t0ken", "sesame", "a2V5", "115, 101"] {
        assert!(!shown.contains(word), "{shown}");
    }
    let odd = HecOutput::new(http(&server), secret("a\r\nb"), "s", "h");
    assert!(odd.is_err());
}
