//! The tests that stand beside the mappings.

use watchfloor_ingest::Sources;

#[test]
fn every_source_passes_its_own_tests() {
    let mut report = Vec::new();
    for source in super::sources().iter() {
        for outcome in source.run_tests().iter().filter(|o| !o.passed()) {
            report.push(format!(
                "#### {}: {}\n{}\n## actual\n{}",
                source.id(),
                outcome.name,
                outcome.differences.join("\n"),
                outcome.actual
            ));
        }
    }
    let report = report.concat();
    assert!(report.is_empty(), "\n{report}");
}

#[track_caller]
fn check(path: &str, text: &str, expected: &[&str]) {
    let (_, diagnostics) = Sources::load(&[(path.to_owned(), text.to_owned())]);
    let got: Vec<_> = diagnostics.iter().map(ToString::to_string).collect();
    assert_eq!(got.len(), expected.len(), "{got:#?}");
    for (got, expected) in got.iter().zip(expected) {
        assert!(got.starts_with(expected), "{got}\n{expected}");
    }
}

#[test]
fn a_wrong_source_file_has_a_place() {
    let head = "id: a\ntitle: t\nowner: o\ndepends: d\nwire: w\nformats: [json]\nlogsource: { product: x }\n";
    let tests = "tests:\n  - { name: n, records: [\"{}\"], events: [{ logsource: product=x, norm: {} }] }\n";
    check("s/a/source.yml", &format!("{head}{tests}"), &[]);
    check(
        "s/a/source.yml",
        head,
        &["s/a/source.yml:1:1: error[S006]: the source has no test"],
    );
    check(
        "s/b/source.yml",
        &format!("{head}{tests}"),
        &["s/b/source.yml:1:1: error[S007]: the id `a` is not"],
    );
    check(
        "s/a/source.yml",
        &format!("{head}commn: {{}}\n{tests}"),
        &["s/a/source.yml:8:1: error[S001]: cannot read the file"],
    );
    check(
        "s/a/source.yml",
        &format!("{head}common:\n  ignore: [a..b]\n{tests}"),
        &["s/a/source.yml:9:12: error[S002]: `a..b` is not a path: a key is empty"],
    );
    check(
        "s/a/source.yml",
        &format!("{head}common:\n  map: {{ made.up: a }}\n{tests}"),
        &["s/a/source.yml:9:10: warning[S003]: `made.up` is not a canonical field"],
    );
    check(
        "s/a/source.yml",
        &format!("{}{tests}", head.replace("[json]", "[jsn]")),
        &["s/a/source.yml:6:11: error[S005]: there is no format `jsn`"],
    );
}

/// A source that uses what the sources of the project do not.
const OTHER: &str = r#"
id: other
title: t
owner: o
depends: d
wire: w
formats: [json]
split: [wrapped.items]
logsource: { product: x }
common:
  time: { path: ticks, as: ticks }
  drop:
    - { when: { kind: [heartbeat, probe] }, reason: sign of life }
  map:
    user.name: { from: who, before: "@" }
    event.outcome: { from: state, enum: { ok: success }, otherwise: unknown }
    event.duration_ms: { from: seconds, as: number, times: 1000 }
    ai.data.rows: { from: rows, as: count }
    url.domain: { from: link, as: host }
    error.message: note
    gen_ai.tool.call.arguments: { from: arguments, as: json }
  hash:
    file.hash.sha256: { of: user.name }
    ai.instruction.hash: { of: error.message, as: instruction }
  redact: [gen_ai.tool.call.arguments]
  ignore: [kind]
tests:
  - name: all of it
    records:
      - '{"wrapped":{"items":[{"kind":"a","who":"mia@example.net","state":"weird","seconds":"1.5","rows":[1,2,3],"link":"HTTPS://u:p@Example.NET:8443/x?y","note":"Do  X","arguments":{"key":"v"},"ticks":638000000000000000}, {"kind":"heartbeat"},{"kind":"b","more":1}]},"kind":"outer"}'
    dropped: 1
    unknown: 5
    events:
      - logsource: product=x
        time: "2022-09-28T22:13:20Z"
        norm:
          user.name: mia
          event.outcome: unknown
          event.duration_ms: 1500.0
          ai.data.rows: 3
          url.domain: example.net
          error.message: "Do  X"
          gen_ai.tool.call.arguments: "[redacted sha256:HASH]"
          file.hash.sha256: "MIA"
          ai.instruction.hash: "DOX"
      - logsource: product=x
        norm: {}
"#;

#[test]
fn operations_that_the_sources_of_the_project_do_not_use() {
    use sha2::{Digest, Sha256};
    let hex = |text: &str| format!("{:x}", Sha256::digest(text.as_bytes()));
    let text = OTHER
        .replace("HASH", hex(r#"{"key":"v"}"#).get(..16).unwrap())
        .replace("MIA", &hex("mia"))
        .replace("DOX", hex("do x").get(..16).unwrap())
        .replace("unknown: 5", "unknown: 1");
    let (sources, diagnostics) = Sources::load(&[("s/other/source.yml".to_owned(), text)]);
    assert_eq!(diagnostics, []);
    let outcome = sources.iter().next().unwrap().run_tests();
    // The one leaf that nobody knows is named, which a test without unknown leaves would refuse.
    assert_eq!(
        outcome[0].differences,
        Vec::<String>::new(),
        "{}",
        outcome[0].actual
    );
}

#[test]
fn a_replay_gives_the_same_events_and_every_id_is_its_own() {
    let sources = super::sources();
    let mut joiners = [
        watchfloor_ingest::Joiner::default(),
        watchfloor_ingest::Joiner::default(),
    ];
    for (seq, source) in (1..).zip(sources.iter()) {
        let records = source
            .samples()
            .into_iter()
            .map(bytes::Bytes::from)
            .collect();
        let frame = super::frame(source.id().as_str(), seq, records);
        let [first, second] = joiners.each_mut().map(|j| source.map_frame(&frame, j));
        assert_eq!(first, second);
        let events = first.events.iter().map(|e| e.id);
        let mut ids: Vec<_> = events.chain(first.dead.iter().map(|d| d.id)).collect();
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), count, "{}", source.id());
    }
}
