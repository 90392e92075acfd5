use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;
use watchfloor_types::{EventId, FieldName, Logsource, Mark, Norm, Value};

use super::*;

fn event() -> Event {
    let norm: Norm = [
        ("event.action", Value::from("tool_call")),
        ("user.id", Value::from("and")),
        ("source.ip", Value::from("10.1.2.3")),
        ("gen_ai.usage.input_tokens", Value::Int(1200)),
        (
            "ai.tool.calls",
            Value::List(vec!["read_file".into(), "send_mail".into()]),
        ),
        (
            "ai.prompt.text",
            Value::from("Please IGNORE previous instructions"),
        ),
        ("url.full", Value::from("https://example.org/a?b=(c)")),
        ("custom.field", Value::from("mapped")),
    ]
    .into_iter()
    .map(|(k, v)| (FieldName::from(k), v))
    .collect();
    Event {
        id: EventId::from_uuid(Uuid::from_u128(7)),
        time: "2026-03-01T14:30:00Z".parse().unwrap(),
        received: Timestamp::UNIX_EPOCH,
        source: "litellm".parse().unwrap(),
        tenant: "acme".parse().unwrap(),
        logsource: Logsource {
            category: Some("gen_ai".into()),
            ..Logsource::default()
        },
        mark: Some(Mark {
            exercise: watchfloor_types::ExerciseId::from_uuid(Uuid::from_u128(9)),
            inject: "inj-1".parse().unwrap(),
        }),
        native: Bytes::from_static(
            br#"{"eventName":"InvokeModel","custom":{"field":"native"},"req":{"n":[5,7]},"msg":"said \"hi\""}"#,
        ),
        norm,
    }
}

#[test]
fn a_filter_means_what_it_says() {
    let event = event();
    let check = |text: &str, expected: bool| {
        let filter: Filter = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(filter.matches(&event), expected, "{text}");
        assert_eq!(filter.to_string(), text.trim());
    };
    for yes in [
        "",
        "*",
        "event.action: tool_call",
        "event.action:tool_call",
        "event.action: \"tool_call\"",
        "event.action: tool*",
        "event.action: *call",
        "event.action: *_*",
        "event.action: *",
        "not user.name: *",
        "user.id: \"and\"",
        "source.ip: 10.0.0.0/8",
        "gen_ai.usage.input_tokens >= 1200",
        "gen_ai.usage.input_tokens > 1000 and gen_ai.usage.input_tokens < 2000",
        "gen_ai.usage.input_tokens: 1200.0",
        "ai.tool.calls: send_mail",
        "ai.tool.calls: (delete or read*)",
        "ai.tool.calls: (read_file and send_mail)",
        "ai.tool.calls: (not delete)",
        "ai.prompt.text: \"ignore previous\"",
        "ai.prompt.text: ignore*instructions",
        "url.full: \"https://example.org/a?b=(c)\"",
        "url.full: https://example.org/*",
        "invokemodel",
        "INVOKE*model",
        "\"said \\\\\\\"hi\"",
        "eventName: InvokeModel",
        "native.eventName: InvokeModel",
        "req.n: 7",
        "req: *",
        "req.n >= 7",
        "custom.field: mapped",
        "native.custom.field: native",
        "time >= 2026-03-01 and time < 2026-03-02",
        "@timestamp: 2026-03-01T14:30:00Z",
        "exercise: * and inject: inj-1",
        "category: gen_ai",
        "source: litellm AND tenant: acme",
        "nothing or source: litellm and category: gen_ai",
        "not (nothing and source: litellm)",
        "id: 00000000-0000-0000-0000-000000000007",
    ] {
        check(yes, true);
    }
    for no in [
        "event.action: Tool_Call",
        "custom.field: native",
        "native.event.action: *",
        "source.ip: 192.168.0.0/16",
        "gen_ai.usage.input_tokens > 1200",
        "ai.tool.calls: (read_file and delete)",
        "not ai.tool.calls: send_mail",
        "req.n: (5 and not 7)",
        "event.action: \"tool*\"",
        "event.action: tool\\*",
        "user.name: *",
        "(nothing or source: litellm) and category: other",
        "time < 2026-03-01T14:30:00Z",
    ] {
        check(no, false);
    }
}

#[test]
fn an_error_says_where_what_and_how_on() {
    let check = |text: &str, expected: &str| {
        let error = text.parse::<Filter>().expect_err(text);
        let help = error.help.as_deref().unwrap_or("-");
        assert_eq!(
            format!("{error}\n{}\n{help}", error.marked(text)),
            expected.trim_start()
        );
    };
    check(
        "user.id = bob",
        "
expected an operator at character 9, found `=`
user.id = bob
        ^
equality is written `user.id: value`",
    );
    check(
        "user.id != bob",
        "
expected an operator at character 9, found `!=`
user.id != bob
        ^^
inequality is written `not user.id: value`",
    );
    check(
        "gen_ai.usage.input_tokens: >= 5",
        "
expected a value for `gen_ai.usage.input_tokens` at character 28, found `>=`
gen_ai.usage.input_tokens: >= 5
                           ^^
a comparison has no colon: `gen_ai.usage.input_tokens >=`",
    );
    check(
        "event.action:",
        "
expected a value for `event.action` at character 14, found the end
event.action:
             ^
`event.action: *` asks whether the field is there at all",
    );
    check(
        "(user.id: a or",
        "
expected a condition at character 15, found the end
(user.id: a or
              ^
-",
    );
    check(
        "(user.id: a",
        "
expected `and`, `or` or `)` at character 12, found the end
(user.id: a
           ^
the `(` at character 1 is still open",
    );
    check(
        "user.id: a)",
        "
expected the end at character 11, found `)`
user.id: a)
          ^
this `)` has no `(` before it",
    );
    check(
        "größe failed login",
        "
expected `and`, `or` or the end at character 7, found `failed`
größe failed login
      ^^^^^^
put text that belongs together in quotes: \"two words\"",
    );
    check(
        "user.id: \"bob",
        "
expected a closing `\"` at character 10, found the end
user.id: \"bob
         ^^^^
`user.id: *` asks whether the field is there at all",
    );
    check(
        "time >= yesterday",
        "
expected a time at character 9, found `yesterday`
time >= yesterday
        ^^^^^^^^^
write it as 2026-03-01T14:30:00Z, or 2026-03-01 for midnight UTC",
    );
    check(
        ": x",
        "
expected a field name at character 1, found `:`
: x
^
write the field first: `event.action: login`",
    );
    check(
        "and x",
        "
expected a condition at character 1, found `and`
and x
^^^
-",
    );
    check(
        "a and or b",
        "
expected a condition at character 7, found `or`
a and or b
      ^^
-",
    );
    check(
        "user.id: not",
        "
expected a value for `user.id` at character 10, found `not`
user.id: not
         ^^^
if you mean the word itself, write \"not\"",
    );
    check(
        "\"\"",
        "
expected text to look for at character 1, found `\"\"`
\"\"
^^
-",
    );
    check(
        "a\u{1b}[31m b",
        "
expected `and`, `or` or the end at character 8, found `b`
a\u{FFFD}[31m b
       ^
put text that belongs together in quotes: \"two words\"",
    );
}

#[test]
fn deep_nesting_is_refused_not_crashed() {
    let error = "(".repeat(5000).parse::<Filter>().unwrap_err();
    assert_eq!(error.offset, 64);
    let not = "not ".repeat(5000) + "a";
    assert!(not.parse::<Filter>().is_err());
}

proptest::proptest! {
    #[test]
    fn any_text_parses_or_is_refused_inside_its_bounds(text in "[a-c:<>=()\"\\\\* ä.]{0,24}") {
        if let Err(error) = text.parse::<Filter>() {
            proptest::prop_assert!(text.is_char_boundary(error.offset), "{text:?} {error:?}");
            proptest::prop_assert!(error.column <= text.chars().count() + 1);
        }
    }
}
