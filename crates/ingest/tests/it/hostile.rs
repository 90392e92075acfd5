//! Changed requests: errors where due, never a panic, good neighbours kept.

use bytes::Bytes;
use watchfloor_ingest::{FORMATS, Limits, format};

/// A small generator of numbers, so that the same requests are tried on every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap_or(0)
    }
    fn below(&mut self, bound: usize) -> usize {
        self.next() % bound.max(1)
    }
}

fn change(body: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut out = body.to_vec();
    for _ in 0..=numbers.below(4) {
        if out.is_empty() {
            return out;
        }
        let at = numbers.below(out.len());
        match numbers.below(6) {
            0 => out[at] = u8::try_from(numbers.below(256)).unwrap(),
            1 => out[at] ^= 1 << numbers.below(8),
            2 => drop(out.remove(at)),
            3 => out.insert(at, [b'{', b'"', b'\n', b'[', 0xFF, b'\\'][numbers.below(6)]),
            4 => out.truncate(at),
            _ => {
                let end = (at + numbers.below(40)).min(out.len());
                let piece = out[at..end].to_vec();
                out.splice(at..at, piece);
            }
        }
    }
    out
}

/// A good request in each format, with five records.
pub(crate) fn sample(id: &str) -> Bytes {
    let record = |i: usize| {
        format!(r#"{{"id":{i},"message":"Grüße {i}","nested":{{"list":[1,2,{{"a":"b"}}]}}}}"#)
    };
    let records: Vec<String> = (0..5).map(record).collect();
    match id {
        "json" => format!("[{}]", records.join(",\n")).into(),
        "es-bulk" => {
            let lines = records
                .iter()
                .map(|r| format!("{{\"create\":{{\"_index\":\"logs\"}}}}\n{r}\n"));
            lines.collect::<String>().into()
        }
        "hec-event" => {
            let events = records
                .iter()
                .map(|r| format!(r#"{{"time":1.5,"host":"h","event":{r}}}"#));
            events.collect::<String>().into()
        }
        "cef" => (0..5)
            .map(|i| format!("CEF:0|v|p|1|{i}|n|5|src=10.0.0.{i} msg=a b\n"))
            .collect::<String>()
            .into(),
        "leef" => (0..5)
            .map(|i| format!("LEEF:1.0|v|p|1|{i}|src=10.0.0.{i}\tmsg=a b\n"))
            .collect::<String>()
            .into(),
        "auditd" => (0..5)
            .map(|i| format!("type=EXECVE msg=audit(1364481363.243:{i}): argc=1 a0=\"rm\"\n"))
            .collect::<String>()
            .into(),
        "csv" => {
            let rows = (0..5).map(|i| format!("{i},\"a, b\",c\n"));
            format!("id,text,more\n{}", rows.collect::<String>()).into()
        }
        "otlp-traces-json" | "otlp-logs-json" => otlp_json(id == "otlp-logs-json").into(),
        "otlp-traces" | "otlp-logs" => protobuf(id == "otlp-logs"),
        _ => records.join("\n").into(),
    }
}

fn otlp_json(logs: bool) -> String {
    let attribute = r#"{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}}"#;
    let item = |i: usize| {
        format!(
            r#"{{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b716920333{i}","name":"chat","startTimeUnixNano":"1795390167100771363","attributes":[{attribute}],"observedTimeUnixNano":"1795390167100771363","body":{{"stringValue":"hi"}}}}"#
        )
    };
    let items: Vec<_> = (0..5).map(item).collect();
    let (outer, inner, leaf) = if logs {
        ("resourceLogs", "scopeLogs", "logRecords")
    } else {
        ("resourceSpans", "scopeSpans", "spans")
    };
    format!(
        r#"{{"{outer}":[{{"resource":{{"attributes":[]}},"{inner}":[{{"scope":{{"name":"s"}},"{leaf}":[{}]}}]}}]}}"#,
        items.join(",")
    )
}

/// The same request in protobuf, written by hand: field 1 > field 2 > five fields 2.
fn protobuf(logs: bool) -> Bytes {
    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2];
        let mut length = bytes.len();
        while length > 0x7F {
            out.push(u8::try_from(length & 0x7F).unwrap() | 0x80);
            length >>= 7;
        }
        out.push(u8::try_from(length).unwrap());
        out.extend_from_slice(bytes);
        out
    }
    let items: Vec<u8> = (0..5u8)
        .flat_map(|i| {
            let (trace, span) = if logs { (9, 10) } else { (1, 2) };
            let text = field(1, b"chat");
            let body = if logs {
                field(5, &text)
            } else {
                field(5, b"chat")
            };
            field(
                2,
                &[field(trace, &[i; 16]), field(span, &[i; 8]), body].concat(),
            )
        })
        .collect();
    let scope = field(1, &field(1, b"s"));
    field(
        1,
        &[field(1, &[]), field(2, &[scope, items].concat())].concat(),
    )
    .into()
}

#[test]
fn changed_requests_never_panic_and_every_piece_is_inside_the_body() {
    let mut numbers = Numbers(0x9E37_79B9_7F4A_7C15);
    let limits = Limits {
        record_bytes: 400,
        records: 8,
        ..Limits::default()
    };
    // A Windows event log is not written by hand; recorded ones are read by the program's tests.
    for format in FORMATS.iter().filter(|f| f.id != "evtx") {
        let body = sample(format.id);
        assert_eq!(
            (format.decode)(&body, &Limits::default()).records.len(),
            5,
            "{}",
            format.id
        );
        let mut kept = 0;
        for _ in 0..1_000 {
            let changed = Bytes::from(change(&body, &mut numbers));
            let decoded = (format.decode)(&changed, &limits);
            for error in &decoded.errors {
                assert!(
                    error.offset <= changed.len() && !error.reason.is_empty(),
                    "{} {error:?}",
                    format.id
                );
            }
            for record in &decoded.records {
                assert!(record.len() <= limits.record_bytes, "{}", format.id);
            }
            kept += decoded.records.len();
        }
        println!(
            "{}: {kept} records kept of 5,000 in 1,000 changed requests",
            format.id
        );
        // A change hits one or two of five records, and truncation takes its share; most of the
        // rest must survive. A byte more or less in protobuf breaks every length around it, and
        // OTLP in JSON is one document.
        let floor = match format.id {
            "otlp-traces" | "otlp-logs" => 1_000,
            "otlp-traces-json" | "otlp-logs-json" => 300,
            // A change of the header changes every row.
            "csv" => 1_500,
            _ => 2_500,
        };
        assert!(kept > floor, "{} kept {kept}", format.id);
    }
}

#[test]
fn every_changed_record_maps_or_is_a_dead_letter() {
    let sources = super::sources();
    let mut numbers = Numbers(0x1234_5678_9ABC_DEF1);
    for source in sources.iter() {
        let samples = source.samples();
        for _ in 0..1_000 {
            let good = Bytes::from(samples[0].clone());
            let changed = Bytes::from(change(
                samples[numbers.below(samples.len())].as_bytes(),
                &mut numbers,
            ));
            let mapped = super::map(
                &sources,
                source.id().as_str(),
                vec![good.clone(), changed, good.clone()],
            );
            let ends =
                [mapped.events.first(), mapped.events.last()].map(|e| e.unwrap().native.clone());
            assert_eq!(
                ends,
                [good.clone(), good],
                "{}: a good neighbour was lost",
                source.id()
            );
            for letter in &mapped.dead {
                assert!(
                    letter.reason.contains("at byte"),
                    "{}: {}",
                    source.id(),
                    letter.reason
                );
            }
        }
    }
}

#[test]
fn bulk_answers_each_action() {
    let body = Bytes::from_static(
        b"{\"create\":{\"_index\":\"a\"}}\n{\"x\":1}\n{\"index\":{\"_id\":\"7\"}}\n{\"x\":\n{\"delete\":{\"_id\":\"8\"}}\n{\"update\":{}}\n{\"doc\":{}}\n{\"create\":{}}\n{\"x\":2}\nnonsense\n{\"create\":{}}\n",
    );
    let bulk = format::bulk::decode(&body, &Limits::default());
    let answers: Vec<_> = bulk
        .items
        .iter()
        .map(|i| match &i.outcome {
            Ok(at) => format!("{} {} ok {at}", i.line, i.action),
            Err(e) => format!(
                "{} {} {} {} {}",
                i.line, i.action, e.status, e.kind, e.reason
            ),
        })
        .collect();
    assert_eq!(
        answers,
        [
            "1 create ok 0",
            "3 index 400 document_parsing_exception line 4: failed to parse: text ends where a value should start at byte 5",
            "5 delete 400 illegal_argument_exception line 5: `delete` is refused, events are only added",
            "6 update 400 illegal_argument_exception line 6: `update` is refused, events are only added",
            "8 create ok 1",
            "10 index 400 illegal_argument_exception line 10: malformed action line: not the start of a value at byte 0",
            "11 create 400 illegal_argument_exception line 11: no document follows the action",
        ]
    );
    assert_eq!(bulk.decoded.records, [&b"{\"x\":1}"[..], b"{\"x\":2}"]);
    assert_eq!(bulk.decoded.errors.len(), 5);
}

#[track_caller]
fn check(format: &str, body: &[u8], records: &[&str], errors: &[(usize, &str)]) {
    let decode = format::find(format).unwrap().decode;
    let decoded = decode(&Bytes::copy_from_slice(body), &Limits::default());
    let got: Vec<_> = decoded
        .records
        .iter()
        .map(|r| String::from_utf8_lossy(r))
        .collect();
    assert_eq!(got, records);
    let got: Vec<_> = decoded
        .errors
        .iter()
        .map(|e| (e.offset, e.reason.as_str()))
        .collect();
    assert_eq!(got, errors);
}

#[test]
fn good_neighbours_survive() {
    check(
        "ndjson",
        b"{\"a\":1}\r\n\n{\"a\":\n7\n",
        &[r#"{"a":1}"#, "7"],
        &[(
            15,
            "not JSON: text ends where a value should start at byte 5",
        )],
    );
    check(
        "json",
        br#"[{"a":1},{"a":x},{"a":3}]"#,
        &[r#"{"a":1}"#, r#"{"a":3}"#],
        &[(14, "not JSON: not the start of a value at byte 14")],
    );
    check(
        "json",
        b"[{\"a\":\"\xff\"},{\"a\":3}]",
        &[r#"{"a":3}"#],
        &[(7, "not UTF-8 at byte 7")],
    );
    check("json", b" {\"Records\":[1]} ", &[r#"{"Records":[1]}"#], &[]);
    check("json", b"[] x", &[], &[(3, "more text after the value")]);
    check("json", b"", &[], &[]);
    check(
        "hec-event",
        br#"{"event":"a"}{"event":{"b":1},"time":1.5} {"time":2}{"event":""}{bad}{"event":"c"}"#,
        &[
            r#"{"event":"a"}"#,
            r#"{"event":{"b":1},"time":1.5}"#,
            r#"{"event":"c"}"#,
        ],
        &[
            (42, "event field is required"),
            (52, "event field cannot be blank"),
            (65, "not JSON: a string should start here at byte 65"),
        ],
    );
    check("hec-raw", b"one\ntwo\n\n", &["one", "two"], &[]);
}

/// A small body cannot become a large one: what repeats in every record is counted, and so are bad records.
#[test]
fn a_body_grows_within_bounds() {
    let limits = Limits {
        total_bytes: 200_000,
        errors: 50,
        ..Limits::default()
    };
    // One resource attribute of 10 kB, a thousand empty spans.
    let spans = ["{}"; 1_000].join(",");
    let body = format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"k","value":{{"stringValue":"{}"}}}}]}},"scopeSpans":[{{"scope":{{}},"spans":[{spans}]}}]}}]}}"#,
        "x".repeat(10_000)
    );
    let decode = format::find("otlp-traces-json").unwrap().decode;
    let decoded = decode(&body.into(), &limits);
    let bytes: usize = decoded.records.iter().map(Bytes::len).sum();
    assert!(bytes <= 200_000 && !decoded.records.is_empty(), "{bytes}");
    assert_eq!(decoded.errors.len(), 1, "{:?}", decoded.errors);
    for (id, bad) in [("ndjson", "x\n"), ("es-bulk", "x\n"), ("hec-event", "{} ")] {
        let body = Bytes::from(bad.repeat(1_000));
        let decoded = (format::find(id).unwrap().decode)(&body, &limits);
        // The last one covers what was not looked at any more.
        assert_eq!(decoded.errors.len(), 51, "{id}");
        let last = &decoded.errors[50];
        assert_eq!(last.offset + last.raw.len(), body.len(), "{id}");
    }
}
