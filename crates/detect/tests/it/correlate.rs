use watchfloor_detect::{Correlator, Engine, Limits, Options, Scratch, event_of_json, parse_rules};
use watchfloor_types::{Event, EventId, ExerciseId, Finding, Logsource, Mark, Norm, Timestamp};

const BASE: &str = "---\ntitle: A\nid: a\nlogsource:\n    product: p\ndetection:\n    s: {k: a}\n    condition: s\n---\ntitle: B\nid: b\nlogsource:\n    product: p\ndetection:\n    s: {k: b}\n    condition: s\n---\ntitle: C\nid: c\nlogsource:\n    product: p\ndetection:\n    s: {k: c}\n    condition: s\n";

fn engine(correlation: &str) -> Engine {
    let body: String = correlation
        .lines()
        .fold(String::new(), |out, l| out + "    " + l + "\n");
    let text = format!("title: X\nid: x\ncorrelation:\n{body}{BASE}");
    let (documents, diagnostics) = parse_rules("t.yml", &text, &Options::default());
    assert!(diagnostics.is_empty(), "{diagnostics:#?}");
    let (engine, diagnostics) = Engine::new(documents);
    assert!(diagnostics.is_empty(), "{diagnostics:#?}");
    engine
}

fn event(at: i64, number: u32, kind: &str, fields: &str) -> Event {
    let time = Timestamp::from_second(at).unwrap();
    let logsource = Logsource {
        product: Some("p".into()),
        ..Logsource::default()
    };
    let mut event = event_of_json(
        &format!("{{\"k\":\"{kind}\"{fields}}}"),
        logsource,
        Norm::default(),
        time,
    );
    event.id = EventId::of_record(time, 1, number);
    event
}

/// Feeds `seconds:kind:user[:value]` words; gives the seconds at which the correlation fired, with the number of events.
fn run(engine: &Engine, limits: Limits, script: &str) -> (Vec<(i64, usize)>, Correlator) {
    let mut correlator = Correlator::new(engine, limits);
    let mut scratch = Scratch::new();
    let mut out: Vec<Finding> = Vec::new();
    let mut now = 0;
    for (number, word) in script.split_whitespace().enumerate() {
        let parts: Vec<&str> = word.split(':').collect();
        let at: i64 = parts[0].parse().unwrap();
        now = now.max(at);
        let value = parts
            .get(3)
            .map(|v| format!(",\"v\":\"{v}\""))
            .unwrap_or_default();
        let event = event(
            at,
            number as u32,
            parts[1],
            &format!(",\"u\":\"{}\"{value}", parts[2]),
        );
        let mut hits = Vec::new();
        engine.match_event(&event, &mut scratch, &mut hits);
        correlator.feed(
            &event,
            &hits,
            &mut out,
            Timestamp::from_second(now).unwrap(),
        );
    }
    correlator.advance(Timestamp::from_second(now + 1_000_000).unwrap(), &mut out);
    let fired = out
        .iter()
        .map(|f| (f.time.as_second(), f.events.len()))
        .collect();
    (fired, correlator)
}

fn check(correlation: &str, script: &str, want: &[(i64, usize)]) {
    let (got, _) = run(&engine(correlation), Limits::default(), script);
    assert_eq!(got, want, "{correlation}\n{script}");
}

#[test]
fn event_count() {
    let rule = "type: event_count\nrules: [a]\ngroup-by: [u]\ntimespan: 10s\ncondition: {gte: 3}";
    check(rule, "1:a:x 2:a:x 3:a:x", &[(3, 3)]);
    check(rule, "1:a:x 2:a:y 3:a:x 4:b:x", &[]);
    check(rule, "1:a:x 2:a:X 11:a:x", &[(11, 3)]);
    check(rule, "1:a:x 2:a:x 12:a:x", &[]);
    // Once while it holds, again after a timespan.
    check(rule, "1:a:x 2:a:x 3:a:x 4:a:x 5:a:x", &[(3, 3)]);
    check(
        rule,
        "1:a:x 2:a:x 3:a:x 12:a:x 13:a:x 14:a:x",
        &[(3, 3), (14, 3)],
    );
    // Late, but within the window; and too late.
    check(rule, "5:a:x 6:a:x 1:a:x", &[(6, 3)]);
    check(rule, "15:a:x 16:a:x 1:a:x", &[]);
    // Without the field there is no group.
    check(
        &rule.replace("group-by: [u]", "group-by: [missing]"),
        "1:a:x 2:a:x 3:a:x",
        &[],
    );
    check(
        &rule.replace("group-by: [u]\n", ""),
        "1:a:x 2:a:y 3:a:z",
        &[(3, 3)],
    );
}

#[test]
fn conditions_that_can_be_undone_wait_for_the_end() {
    let rule = |condition: &str| {
        format!(
            "type: event_count\nrules: [a]\ngroup-by: [u]\ntimespan: 10s\ncondition: {condition}"
        )
    };
    check(&rule("{lt: 3}"), "1:a:x 2:a:x 20:a:y", &[(2, 2), (20, 1)]);
    check(&rule("{lt: 3}"), "1:a:x 2:a:x 3:a:x", &[]);
    check(&rule("{eq: 2}"), "1:a:x 2:a:x 15:a:x", &[(2, 2)]);
    check(
        &rule("{gt: 1, lte: 2}"),
        "1:a:x 2:a:x 3:a:x 20:a:x 21:a:x",
        &[(21, 2)],
    );
    check(&rule("{neq: 2}"), "1:a:x 2:a:x", &[]);
}

#[test]
fn value_count() {
    let rule = "type: value_count\nrules: [a]\ngroup-by: [u]\ntimespan: 10s\ncondition: {field: v, gte: 3}";
    check(rule, "1:a:x:p 2:a:x:q 3:a:x:r", &[(3, 3)]);
    check(rule, "1:a:x:p 2:a:x:q 3:a:x:q 4:a:x:P", &[]);
    // A value leaves with its last event.
    check(rule, "1:a:x:p 5:a:x:q 12:a:x:r", &[]);
    check(rule, "1:a:x:p 5:a:x:q 8:a:x:p 12:a:x:r", &[(12, 3)]);
    check(rule, "1:a:x 2:a:x 3:a:x", &[]);
}

#[test]
fn temporal() {
    let any = "type: temporal\nrules: [a, b, c]\ngroup-by: [u]\ntimespan: 10s";
    check(any, "1:c:x 2:a:x 3:b:x", &[(3, 3)]);
    check(any, "1:c:x 2:a:x 3:b:y", &[]);
    check(any, "1:c:x 2:a:x 13:b:x", &[]);
    check(
        &format!("{any}\ncondition: {{gte: 2}}"),
        "1:c:x 2:c:x 3:a:x",
        &[(3, 3)],
    );
    let ordered = any.replace("temporal", "temporal_ordered");
    check(&ordered, "1:a:x 2:b:x 3:c:x", &[(3, 3)]);
    check(&ordered, "1:c:x 2:a:x 3:b:x", &[]);
    check(&ordered, "1:b:x 2:a:x 3:b:x 4:a:x 5:c:x", &[(5, 3)]);
    // The order is that of the events' times, not of arrival.
    check(&ordered, "3:c:x 2:b:x 1:a:x", &[(3, 3)]);
    // Events of one time keep their order of arrival.
    check(&ordered, "1:a:x 1:b:x 1:c:x", &[(1, 3)]);
    check(&ordered, "1:c:x 1:b:x 1:a:x", &[]);
    // The second rule must come after the first, also past the second place.
    check(&ordered, "1:a:x 2:c:x 3:b:x", &[]);
}

#[test]
fn memory_is_bounded() {
    let rule = "type: event_count\nrules: [a]\ngroup-by: [u]\ntimespan: 10s\ncondition: {gte: 3}";
    let limits = Limits {
        groups: 10,
        events_per_group: 5,
    };
    let words: Vec<String> = (0..100).map(|i| format!("1:a:user{i}")).collect();
    let (fired, correlator) = run(&engine(rule), limits, &words.join(" "));
    assert!(fired.is_empty());
    assert_eq!(correlator.counters().evicted, 90);
    let (_, correlator) = run(&engine(rule), limits, "100:a:x 101:a:x 5:a:x");
    assert_eq!(correlator.counters().late, 1);
    assert_eq!(correlator.groups(), 0, "all time is over");
}

#[test]
fn base_rules_are_silent_unless_generated() {
    for (generate, want) in [("", 0), ("\ngenerate: true", 1)] {
        let engine = engine(&format!(
            "type: event_count\nrules: [a]\ntimespan: 10s\ncondition: {{gte: 2}}{generate}"
        ));
        let (mut hits, mut out) = (Vec::new(), Vec::new());
        let event = event(1, 1, "a", "");
        engine.detect(&event, &mut Scratch::new(), event.time, &mut hits, &mut out);
        assert_eq!((hits.len(), out.len()), (1, want), "{generate}");
    }
}

#[test]
fn a_mark_needs_every_event() {
    let engine = engine("type: event_count\nrules: [a]\ntimespan: 10s\ncondition: {gte: 2}");
    let exercise = ExerciseId::minted(Timestamp::UNIX_EPOCH, &[b"x"]);
    let other = ExerciseId::minted(Timestamp::UNIX_EPOCH, &[b"y"]);
    let mark = |exercise, inject: &str| {
        Some(Mark {
            exercise,
            inject: inject.parse().unwrap(),
        })
    };
    for (first, second, want) in [
        (
            mark(exercise, "i1"),
            mark(exercise, "i2"),
            mark(exercise, "i2"),
        ),
        (mark(exercise, "i1"), None, None),
        (None, mark(exercise, "i1"), None),
        (mark(exercise, "i1"), mark(other, "i1"), None),
    ] {
        let mut correlator = Correlator::new(&engine, Limits::default());
        let mut out = Vec::new();
        for (number, mark) in [first, second].into_iter().enumerate() {
            let mut event = event(number as i64 + 1, number as u32, "a", "");
            event.mark = mark;
            let mut hits = Vec::new();
            engine.match_event(&event, &mut Scratch::new(), &mut hits);
            correlator.feed(&event, &hits, &mut out, event.time);
        }
        assert_eq!(out.len(), 1);
        assert_eq!(out[0].mark, want);
        assert_eq!(out[0].events.len(), 2);
    }
}

#[test]
fn a_reload_keeps_windows_of_unchanged_correlations() {
    let rule = "type: event_count\nrules: [a]\ntimespan: 10s\ncondition: {gte: 2}";
    let (before, same) = (engine(rule), engine(rule));
    let changed = engine(&rule.replace("gte: 2", "gt: 1"));
    for (after, want) in [(same, 1), (changed, 0)] {
        let mut out = Vec::new();
        let mut correlator = Correlator::new(&before, Limits::default());
        for (number, engine) in [&before, &after].into_iter().enumerate() {
            let event = event(number as i64 + 1, number as u32, "a", "");
            let mut hits = Vec::new();
            engine.match_event(&event, &mut Scratch::new(), &mut hits);
            if number == 1 {
                correlator = correlator.reloaded(engine);
            }
            correlator.feed(&event, &hits, &mut out, event.time);
        }
        assert_eq!(out.len(), want);
    }
}
