//! Operations that change the tree of a record before it is read: `parse` and `fold`.

use std::borrow::Cow;

use crate::{
    json::{self, Json},
    path::FieldPath,
    spec::{FoldKind, ParseKind},
};

/// One change.
#[derive(Debug)]
pub(crate) enum Transform {
    Parse(FieldPath, ParseKind),
    Fold {
        kind: FoldKind,
        from: FieldPath,
        prefix: String,
        into: Vec<String>,
    },
}

/// Applies one change; where its place is missing or holds something else, nothing happens.
pub(crate) fn apply(transform: &Transform, tree: &mut Json<'_>) {
    match transform {
        Transform::Parse(path, kind) => path.change(tree, &mut |v| match kind {
            ParseKind::Json => parse_json(v),
            ParseKind::OtelAttributes => otel_attributes(v),
            ParseKind::OtelValue => otel_value(v),
            ParseKind::WindowsData => windows_data(v),
        }),
        Transform::Fold {
            kind,
            from,
            prefix,
            into,
        } => {
            let mut made = None;
            from.change(tree, &mut |v| match kind {
                FoldKind::Indexed => made = indexed(v, prefix),
                FoldKind::Stream => made = stream(v),
            });
            if let Some(made) = made {
                put(tree, into, made);
            }
        }
    }
}

fn take<'a>(value: &mut Json<'a>) -> Json<'a> {
    std::mem::replace(value, Json::Null)
}

/// Sets `value` at `keys`, making objects on the way; a place that is no object stays.
fn put<'a>(tree: &mut Json<'a>, keys: &[String], value: Json<'a>) {
    let Some((key, rest)) = keys.split_first() else {
        *tree = value;
        return;
    };
    let Json::Object(pairs) = tree else { return };
    let at = pairs
        .iter()
        .rposition(|(k, _)| k == key)
        .unwrap_or_else(|| {
            pairs.push((Cow::Owned(key.clone()), Json::Object(Vec::new())));
            pairs.len() - 1
        });
    if let Some((_, slot)) = pairs.get_mut(at) {
        put(slot, rest, value);
    }
}

fn parse_json(value: &mut Json<'_>) {
    let parsed = match value {
        Json::Text(Cow::Borrowed(text)) => json::parse(text.as_bytes()).ok(),
        Json::Text(Cow::Owned(text)) => json::parse(text.as_bytes()).ok().map(Json::into_owned),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => None,
    };
    if let Some(tree @ (Json::Object(_) | Json::Array(_))) = parsed {
        *value = tree;
    }
}

fn otel_attributes(value: &mut Json<'_>) {
    if let Json::Array(items) = value {
        let pairs = items.iter_mut().filter_map(pair).collect();
        *value = Json::Object(pairs);
    }
}

fn pair<'a>(item: &mut Json<'a>) -> Option<(Cow<'a, str>, Json<'a>)> {
    let Some(Json::Text(key)) = item.get_mut("key").map(take) else {
        return None;
    };
    let mut value = item.get_mut("value").map_or(Json::Null, take);
    otel_value(&mut value);
    Some((key, value))
}

fn otel_value(value: &mut Json<'_>) {
    let Json::Object(pairs) = value else { return };
    let Some((kind, mut inner)) = pairs.pop() else {
        *value = Json::Null;
        return;
    };
    *value = match kind.as_ref() {
        "intValue" => match inner {
            Json::Text(n) => Json::Number(n),
            other => other,
        },
        "arrayValue" => {
            let mut items = match inner.get_mut("values").map(take) {
                Some(Json::Array(items)) => items,
                Some(_) | None => Vec::new(),
            };
            items.iter_mut().for_each(otel_value);
            Json::Array(items)
        }
        "kvlistValue" => {
            let mut list = inner
                .get_mut("values")
                .map_or(Json::Array(Vec::new()), take);
            otel_attributes(&mut list);
            list
        }
        _ => inner,
    };
}

/// `[{"@Name": "A", "#text": "x"}, …]` and `<Data Name="A">x</Data>…` become `{"A": "x"}`.
pub(crate) fn windows_data(value: &mut Json<'_>) {
    match value {
        Json::Array(items) => {
            let pairs = items.iter_mut().filter_map(|item| {
                let names = ["@Name", "Name", "name"];
                let direct = names.iter().find_map(|k| item.get(k)).and_then(Json::text);
                let nested = item
                    .get("#attributes")
                    .and_then(|a| a.get("Name"))
                    .and_then(Json::text);
                let name = direct.or(nested)?.to_owned();
                let text = ["#text", "Value", "value", "content"]
                    .iter()
                    .find(|k| item.get(k).is_some());
                let text = text.and_then(|k| item.get_mut(k)).map_or(Json::Null, take);
                Some((Cow::Owned(name), text))
            });
            let pairs: Vec<_> = pairs.collect();
            if !pairs.is_empty() {
                *value = Json::Object(pairs);
            }
        }
        Json::Text(xml) => {
            let pairs: Vec<_> = xml_data(xml);
            if !pairs.is_empty() {
                *value = Json::Object(pairs);
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_) => {}
    }
}

fn xml_data(xml: &str) -> Vec<(Cow<'static, str>, Json<'static>)> {
    let mut out = Vec::new();
    for piece in xml.split("<Data Name=").skip(1) {
        let Some(quote) = piece.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
            continue;
        };
        let mut parts = piece.splitn(3, quote).skip(1);
        let (Some(name), Some(rest)) = (parts.next(), parts.next()) else {
            continue;
        };
        let text = rest
            .strip_prefix('>')
            .and_then(|r| r.split_once("</Data>"))
            .map_or("", |(t, _)| t);
        out.push((
            Cow::Owned(entities(name)),
            Json::Text(Cow::Owned(entities(text))),
        ));
    }
    out
}

fn entities(text: &str) -> String {
    let named = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"");
    named.replace("&apos;", "'").replace("&amp;", "&")
}

/// Most keys that are folded into one list.
const MOST_INDEXED: usize = 4_096;

/// Takes `prefix.0.a.b` and the like out of an object and makes the list they spell.
fn indexed<'a>(value: &mut Json<'a>, prefix: &str) -> Option<Json<'a>> {
    let Json::Object(pairs) = value else {
        return None;
    };
    let (mine, rest): (Vec<_>, Vec<_>) = std::mem::take(pairs)
        .into_iter()
        .partition(|(key, _)| key.strip_prefix(prefix).is_some_and(|k| k.starts_with('.')));
    *pairs = rest;
    if mine.is_empty() {
        return None;
    }
    if mine.len() > MOST_INDEXED {
        // No sender writes so many; folding them would cost their square.
        pairs.extend(mine);
        return None;
    }
    let mut tree = Json::Object(Vec::new());
    for (key, value) in mine {
        let path = key.get(prefix.len() + 1..).unwrap_or_default();
        // Attribute names of real senders are far from this deep.
        let keys: Vec<String> = path.splitn(24, '.').map(str::to_owned).collect();
        put(&mut tree, &keys, value);
    }
    Some(lists(tree))
}

/// Objects whose keys are all numbers become lists, in the order of the numbers.
fn lists(tree: Json<'_>) -> Json<'_> {
    let Json::Object(pairs) = tree else {
        return tree;
    };
    let mut pairs: Vec<_> = pairs.into_iter().map(|(k, v)| (k, lists(v))).collect();
    if !pairs.is_empty() && pairs.iter().all(|(k, _)| k.parse::<u32>().is_ok()) {
        pairs.sort_by_key(|(k, _)| k.parse::<u32>().unwrap_or(0));
        return Json::Array(pairs.into_iter().map(|(_, v)| v).collect());
    }
    Json::Object(pairs)
}

/// What a stream of deltas adds up to.
#[derive(Default)]
struct Answer<'a> {
    text: String,
    calls: Vec<(String, String)>,
    stop: Option<Json<'a>>,
    input_tokens: Option<Json<'a>>,
    output_tokens: Option<Json<'a>>,
    /// Members that stand beside the text, such as a guardrail trace.
    beside: Vec<(Cow<'a, str>, Json<'a>)>,
    deltas: usize,
}

/// Anthropic message events, Bedrock Converse events, `OpenAI` chunks and plain text chunks add up
/// to one answer in the shape of an Anthropic message. A list with none of them stays.
fn stream<'a>(value: &mut Json<'a>) -> Option<Json<'a>> {
    let Json::Array(deltas) = value else {
        return None;
    };
    let mut answer = Answer::default();
    for item in deltas {
        delta(item, &mut answer);
    }
    if answer.deltas == 0 {
        return None;
    }
    let text = |t: String| Json::Text(Cow::Owned(t));
    let mut content = Vec::new();
    if !answer.text.is_empty() {
        content.push(Json::Object(vec![
            ("type".into(), text("text".to_owned())),
            ("text".into(), text(answer.text)),
        ]));
    }
    content.extend(answer.calls.into_iter().map(|(name, input)| {
        Json::Object(vec![
            ("type".into(), text("tool_use".to_owned())),
            ("name".into(), text(name)),
            ("input".into(), text(input)),
        ])
    }));
    let mut usage = Vec::new();
    usage.extend(answer.input_tokens.map(|t| ("input_tokens".into(), t)));
    usage.extend(answer.output_tokens.map(|t| ("output_tokens".into(), t)));
    let mut out = vec![
        ("role".into(), text("assistant".to_owned())),
        ("content".into(), Json::Array(content)),
        ("stop_reason".into(), answer.stop.unwrap_or(Json::Null)),
        ("usage".into(), Json::Object(usage)),
    ];
    out.extend(answer.beside);
    Some(Json::Object(out))
}

fn delta<'a>(item: &Json<'a>, answer: &mut Answer<'a>) {
    let at = |path: &[&str]| path.iter().try_fold(item, |v, k| v.get(k));
    let said = answer.text.len() + answer.calls.len();
    let texts: [&[&str]; 7] = [
        &["delta", "text"],
        &["content_block", "text"],
        &["contentBlockDelta", "delta", "text"],
        &["outputText"],
        &["generation"],
        &["completion"],
        &["text"],
    ];
    for path in texts {
        if let Some(text) = at(path).and_then(Json::text) {
            answer.text.push_str(text);
        }
    }
    for path in [
        &["content_block", "name"][..],
        &["contentBlockStart", "start", "toolUse", "name"],
    ] {
        if let Some(name) = at(path).and_then(Json::text) {
            answer.calls.push((name.to_owned(), String::new()));
        }
    }
    for path in [
        &["delta", "partial_json"][..],
        &["contentBlockDelta", "delta", "toolUse", "input"],
    ] {
        if let (Some(more), Some((_, input))) =
            (at(path).and_then(Json::text), answer.calls.last_mut())
        {
            input.push_str(more);
        }
    }
    for choice in item.get("choices").map_or(&[][..], Json::items) {
        chunk(choice, answer);
    }
    let stops: [&[&str]; 5] = [
        &["delta", "stop_reason"],
        &["messageStop", "stopReason"],
        &["stop_reason"],
        &["completionReason"],
        &["stopReason"],
    ];
    let known = |v: &&Json<'a>| !v.is_empty();
    if let Some(stop) = stops.iter().find_map(|p| at(p).filter(known)) {
        answer.stop = Some(stop.clone());
    }
    let inputs: [&[&str]; 4] = [
        &["message", "usage", "input_tokens"],
        &["metadata", "usage", "inputTokens"],
        &["amazon-bedrock-invocationMetrics", "inputTokenCount"],
        &["usage", "prompt_tokens"],
    ];
    let outputs: [&[&str]; 4] = [
        &["usage", "output_tokens"],
        &["metadata", "usage", "outputTokens"],
        &["amazon-bedrock-invocationMetrics", "outputTokenCount"],
        &["usage", "completion_tokens"],
    ];
    if let Some(tokens) = inputs.iter().find_map(|p| at(p).filter(known)) {
        answer.input_tokens = Some(tokens.clone());
    }
    if let Some(tokens) = outputs.iter().find_map(|p| at(p).filter(known)) {
        answer.output_tokens = Some(tokens.clone());
    }
    for key in ["amazon-bedrock-guardrailAction", "amazon-bedrock-trace"] {
        if let Some(value) = item.get(key) {
            answer.beside.retain(|(k, _)| k != key);
            answer.beside.push((key.into(), value.clone()));
        }
    }
    if let Some(trace) = at(&["metadata", "trace"]) {
        answer.beside.push(("trace".into(), trace.clone()));
    }
    let marks = [
        "type",
        "messageStart",
        "messageStop",
        "contentBlockDelta",
        "contentBlockStart",
        "metadata",
        "choices",
    ];
    if answer.text.len() + answer.calls.len() > said || marks.iter().any(|k| item.get(k).is_some())
    {
        answer.deltas += 1;
    }
}

/// One `OpenAI` chunk.
fn chunk<'a>(choice: &Json<'a>, answer: &mut Answer<'a>) {
    let delta = choice.get("delta");
    if let Some(text) = delta.and_then(|d| d.get("content")).and_then(Json::text) {
        answer.text.push_str(text);
    }
    for call in delta
        .and_then(|d| d.get("tool_calls"))
        .map_or(&[][..], Json::items)
    {
        let function = call.get("function");
        if let Some(name) = function.and_then(|f| f.get("name")).and_then(Json::text) {
            answer.calls.push((name.to_owned(), String::new()));
        }
        let more = function
            .and_then(|f| f.get("arguments"))
            .and_then(Json::text);
        if let (Some(more), Some((_, input))) = (more, answer.calls.last_mut()) {
            input.push_str(more);
        }
    }
    if let Some(stop @ Json::Text(_)) = choice.get("finish_reason") {
        answer.stop = Some(stop.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(transform: &Transform, input: &str, expected: &str) {
        let mut tree = json::parse(input.as_bytes()).unwrap();
        apply(transform, &mut tree);
        assert_eq!(tree.to_text(), expected);
    }

    #[test]
    fn parses_what_is_inside() {
        let parse = |path: &str, kind| Transform::Parse(path.parse().unwrap(), kind);
        check(
            &parse("a", ParseKind::Json),
            r#"{"a":"{\"b\":[1]}"}"#,
            r#"{"a":{"b":[1]}}"#,
        );
        check(
            &parse("a", ParseKind::Json),
            r#"{"a":{"b":1}}"#,
            r#"{"a":{"b":1}}"#,
        );
        check(
            &parse("a", ParseKind::Json),
            r#"{"a":"not json"}"#,
            r#"{"a":"not json"}"#,
        );
        check(
            &parse("a", ParseKind::OtelAttributes),
            r#"{"a":[{"key":"x.y","value":{"intValue":"7"}},{"key":"z","value":{"arrayValue":{"values":[{"kvlistValue":{"values":[{"key":"k","value":{"stringValue":"v"}}]}}]}}},{"key":"n"}]}"#,
            r#"{"a":{"x.y":7,"z":[{"k":"v"}],"n":null}}"#,
        );
        check(
            &parse("d", ParseKind::WindowsData),
            r##"{"d":[{"@Name":"A","#text":"x"},{"#attributes":{"Name":"B"},"#text":"y"}]}"##,
            r#"{"d":{"A":"x","B":"y"}}"#,
        );
        check(
            &parse("d", ParseKind::WindowsData),
            r#"{"d":"<EventData><Data Name=\"A\">x &amp; y</Data><Data Name=\"B\"/></EventData>"}"#,
            r#"{"d":{"A":"x & y","B":""}}"#,
        );
    }

    #[test]
    fn indexed_keys_become_a_list() {
        let fold = Transform::Fold {
            kind: FoldKind::Indexed,
            from: "a".parse().unwrap(),
            prefix: "m".into(),
            into: vec!["list".into()],
        };
        check(
            &fold,
            r#"{"a":{"m.1.t":"b","m.0.t":"a","m.1.c.0.f.n":"g","other":1,"mm":2}}"#,
            r#"{"a":{"other":1,"mm":2},"list":[{"t":"a"},{"t":"b","c":[{"f":{"n":"g"}}]}]}"#,
        );
    }

    #[test]
    fn stream_deltas_add_up() {
        let fold = Transform::Fold {
            kind: FoldKind::Stream,
            from: "o".parse().unwrap(),
            prefix: String::new(),
            into: vec!["o".into()],
        };
        let expected = r#"{"o":{"role":"assistant","content":[{"type":"text","text":"Hi you"},{"type":"tool_use","name":"f","input":"{\"a\":1}"}],"stop_reason":"tool_use","usage":{"input_tokens":5,"output_tokens":9}}}"#;
        for input in [
            r#"{"o":[{"type":"message_start","message":{"usage":{"input_tokens":5,"output_tokens":1}}},{"type":"content_block_start","content_block":{"type":"text","text":""}},{"type":"content_block_delta","delta":{"type":"text_delta","text":"Hi "}},{"type":"content_block_delta","delta":{"type":"text_delta","text":"you"}},{"type":"content_block_start","content_block":{"type":"tool_use","name":"f","input":{}}},{"type":"content_block_delta","delta":{"partial_json":"{\"a\":"}},{"type":"content_block_delta","delta":{"partial_json":"1}"}},{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":9}},{"type":"message_stop"}]}"#,
            r#"{"o":[{"messageStart":{"role":"assistant"}},{"contentBlockDelta":{"delta":{"text":"Hi you"}}},{"contentBlockStart":{"start":{"toolUse":{"name":"f"}}}},{"contentBlockDelta":{"delta":{"toolUse":{"input":"{\"a\":1}"}}}},{"messageStop":{"stopReason":"tool_use"}},{"metadata":{"usage":{"inputTokens":5,"outputTokens":9}}}]}"#,
        ] {
            check(&fold, input, expected);
        }
        check(&fold, r#"{"o":[[0.1,0.2]]}"#, r#"{"o":[[0.1,0.2]]}"#);
        check(
            &fold,
            r#"{"o":{"content":"x"}}"#,
            r#"{"o":{"content":"x"}}"#,
        );
    }
}
