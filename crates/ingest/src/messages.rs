//! Conversations: the message lists of model APIs and instrumentations to a few canonical fields.
//!
//! One reader takes the shapes of `OpenAI` chat completions, Anthropic messages, Amazon Bedrock
//! Converse, OpenTelemetry GenAI parts and `OpenInference` indexed messages, because gateways mix
//! them within one record.

use std::collections::HashSet;

use sha2::{Digest, Sha256};
use watchfloor_types::Value;

use crate::json::{self, Json};

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    System,
    User,
    Assistant,
    Tool,
}

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    role: Role,
    text: String,
    calls: Vec<Call>,
    /// Results of tools that this message carries.
    results: Vec<String>,
    finish: Option<String>,
}

/// A tool that the model asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    name: String,
    arguments: String,
}

/// What went into a model call and what came out.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Transcript {
    pub(crate) input: Vec<Message>,
    pub(crate) output: Vec<Message>,
    /// Texts of retrieved documents and memory records.
    pub(crate) documents: Vec<String>,
}

/// Canonical fields that a transcript can give, in the order of `Transcript::values`.
pub(crate) const FIELDS: &[&str] = &[
    "ai.prompt.text",
    "ai.prompt.user_text",
    "ai.untrusted.text",
    "ai.response.text",
    "ai.tool.calls",
    "ai.tool.call_arguments",
    "gen_ai.response.finish_reasons",
    "ai.instruction.hash",
];

impl Transcript {
    /// Size in memory, roughly, bytes.
    pub(crate) fn size(&self) -> usize {
        let of = |m: &Message| {
            let calls = m.calls.iter().map(|c| c.name.len() + c.arguments.len());
            m.text.len()
                + calls.sum::<usize>()
                + m.results.iter().map(String::len).sum::<usize>()
                + 128
        };
        let messages = self.input.iter().chain(&self.output).map(of).sum::<usize>();
        messages + self.documents.iter().map(String::len).sum::<usize>()
    }

    /// Whether it holds nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.input.is_empty() && self.output.is_empty() && self.documents.is_empty()
    }

    /// Canonical values, one for each of `FIELDS`.
    pub(crate) fn values(&self) -> [Option<Value>; 8] {
        let of = |roles: &[Role]| {
            let texts = self
                .input
                .iter()
                .filter(|m| roles.contains(&m.role))
                .map(|m| m.text.as_str());
            lines(texts)
        };
        let results = self
            .input
            .iter()
            .flat_map(|m| &m.results)
            .map(String::as_str);
        let untrusted = lines(results.chain(self.documents.iter().map(String::as_str)));
        let calls = || self.output.iter().flat_map(|m| &m.calls);
        let mut finish: Vec<&str> = Vec::new();
        for reason in self.output.iter().filter_map(|m| m.finish.as_deref()) {
            finish.push(finish_reason(reason));
        }
        let mut hashes: Vec<String> = Vec::new();
        let mut seen = HashSet::new();
        for document in &self.documents {
            let hash = instruction_hash(document);
            if seen.insert(hash.clone()) {
                hashes.push(hash);
            }
        }
        let hash = match hashes.as_slice() {
            [] => None,
            [one] => Some(Value::from(one.as_str())),
            many => list(many.iter().map(String::as_str)),
        };
        [
            of(&[Role::System, Role::User]),
            of(&[Role::User]),
            untrusted,
            lines(self.output.iter().map(|m| m.text.as_str())),
            list(calls().map(|c| c.name.as_str())),
            list(calls().map(|c| c.arguments.as_str())),
            list(finish.into_iter()),
            hash,
        ]
    }
}

fn lines<'t>(texts: impl Iterator<Item = &'t str>) -> Option<Value> {
    let mut out = String::new();
    for text in texts.filter(|t| !t.is_empty()) {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(text);
    }
    (!out.is_empty()).then(|| Value::Str(out.into()))
}

fn list<'t>(texts: impl Iterator<Item = &'t str>) -> Option<Value> {
    let items: Vec<Value> = texts.filter(|t| !t.is_empty()).map(Value::from).collect();
    (!items.is_empty()).then_some(Value::List(items))
}

/// One word for each reason to stop: `stop`, `length`, `tool_calls`, `content_filter`;
/// what is none of them stays as it is.
pub(crate) fn finish_reason(native: &str) -> &str {
    match native {
        "stop" | "end_turn" | "stop_sequence" | "eos" | "STOP" | "COMPLETE" | "FINISH" => "stop",
        "length" | "max_tokens" | "MAX_TOKENS" | "LENGTH" | "model_context_window_exceeded" => {
            "length"
        }
        "tool_calls" | "tool_call" | "tool_use" | "function_call" | "TOOL_CALL" => "tool_calls",
        "content_filter"
        | "content_filtered"
        | "guardrail_intervened"
        | "refusal"
        | "SAFETY"
        | "CONTENT_FILTERED"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT" => "content_filter",
        other => other,
    }
}

/// The hash that ties the same instruction together across sources and tenants: the first 16 hex
/// digits of the SHA-256 of the text in lower case with runs of white space as single spaces.
#[must_use]
pub fn instruction_hash(text: &str) -> String {
    let mut hash = Sha256::new();
    for (i, word) in text.split_whitespace().enumerate() {
        if i > 0 {
            hash.update(b" ");
        }
        hash.update(word.to_lowercase().as_bytes());
    }
    hex(&hash.finalize()).chars().take(16).collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let halves = bytes.iter().flat_map(|b| [b >> 4, b & 15]);
    halves
        .filter_map(|h| char::from_digit(u32::from(h), 16))
        .collect()
}

/// The messages in `tree`; `role` is that of messages that do not say.
pub(crate) fn read(tree: &Json<'_>, role: Role) -> Vec<Message> {
    let mut out = Vec::new();
    read_into(tree, role, 0, &mut out);
    out
}

fn read_into(tree: &Json<'_>, role: Role, depth: usize, out: &mut Vec<Message>) {
    match tree {
        Json::Text(text) => {
            // A list of messages that a sender wrote as text.
            if depth == 0
                && text.trim_start().starts_with(['[', '{'])
                && let Ok(inner) = json::parse(text.as_bytes())
            {
                let before = out.len();
                read_into(&inner, role, depth + 1, out);
                if out.len() > before {
                    return;
                }
            }
            out.push(plain(role, text));
        }
        Json::Array(items) => {
            // Parts without a message around them are one message.
            if items.iter().all(is_part) && !items.is_empty() {
                let mut message = plain(role, "");
                for item in items {
                    part(item, &mut message);
                }
                push(message, out);
            } else {
                for item in items {
                    read_into(item, role, depth + 1, out);
                }
            }
        }
        Json::Object(_) => object(tree, role, depth, out),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

fn object(tree: &Json<'_>, role: Role, depth: usize, out: &mut Vec<Message>) {
    if depth > 8 {
        return;
    }
    // A whole answer: OpenAI `choices`, Converse `output`, a choice or message inside.
    for key in [
        "choices", "output", "messages", "message", "outputs", "results",
    ] {
        if let Some(inner @ (Json::Array(_) | Json::Object(_))) = tree.get(key) {
            let before = out.len();
            read_into(inner, role, depth + 1, out);
            let finish = finish_of(tree);
            if let Some(last) = out.get_mut(before..).and_then(<[Message]>::last_mut) {
                last.finish = last.finish.take().or(finish);
            } else if let Some(finish) = finish {
                out.push(Message {
                    finish: Some(finish),
                    ..plain(role, "")
                });
            }
            return;
        }
    }
    let role = tree
        .get("role")
        .and_then(Json::text)
        .map_or(role, |w| role_of(w).unwrap_or(Role::User));
    let mut message = plain(role, "");
    if is_part(tree) && tree.get("role").is_none() {
        part(tree, &mut message);
    } else {
        for key in [
            "content",
            "contents",
            "parts",
            "outputText",
            "completion",
            "generation",
        ] {
            content(tree.get(key), &mut message);
        }
        for key in ["tool_calls", "toolCalls"] {
            let calls = tree.get(key).map_or(&[][..], Json::items);
            message.calls.extend(calls.iter().filter_map(call));
        }
        message
            .calls
            .extend(tree.get("function_call").and_then(call));
    }
    message.finish = finish_of(tree);
    if role == Role::Tool && !message.text.is_empty() {
        message.results.push(std::mem::take(&mut message.text));
    }
    push(message, out);
}

fn finish_of(tree: &Json<'_>) -> Option<String> {
    [
        "finish_reason",
        "stop_reason",
        "stopReason",
        "completionReason",
        "finishReason",
    ]
    .iter()
    .find_map(|k| tree.get(k).and_then(Json::text))
    .map(str::to_owned)
}

fn push(message: Message, out: &mut Vec<Message>) {
    let says = !message.text.is_empty()
        || !message.calls.is_empty()
        || !message.results.is_empty()
        || message.finish.is_some();
    if says {
        out.push(message);
    }
}

fn plain(role: Role, text: &str) -> Message {
    let (text, results) = match role {
        Role::Tool if !text.is_empty() => (String::new(), vec![text.to_owned()]),
        Role::System | Role::User | Role::Assistant | Role::Tool => (text.to_owned(), Vec::new()),
    };
    Message {
        role,
        text,
        calls: Vec::new(),
        results,
        finish: None,
    }
}

/// The role that `word` names in one of the vendors' vocabularies.
pub(crate) fn role_of(word: &str) -> Option<Role> {
    match word {
        "system" | "developer" => Some(Role::System),
        "assistant" | "model" | "ai" => Some(Role::Assistant),
        "tool" | "function" | "ipython" => Some(Role::Tool),
        "user" | "human" => Some(Role::User),
        _ => None,
    }
}

fn content(tree: Option<&Json<'_>>, message: &mut Message) {
    match tree {
        Some(Json::Text(text)) => add(&mut message.text, text),
        Some(Json::Array(parts)) => parts.iter().for_each(|p| part(p, message)),
        Some(one @ Json::Object(_)) => part(one, message),
        Some(Json::Null | Json::Bool(_) | Json::Number(_)) | None => {}
    }
}

fn add(text: &mut String, more: &str) {
    if !more.is_empty() {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(more);
    }
}

/// Whether an object is a part of a message and not a message.
fn is_part(tree: &Json<'_>) -> bool {
    let typed = tree.get("type").is_some() && tree.get("role").is_none();
    typed
        || ["text", "toolUse", "toolResult"]
            .iter()
            .any(|k| tree.get(k).is_some())
}

fn part(tree: &Json<'_>, message: &mut Message) {
    if let Json::Text(text) = tree {
        return add(&mut message.text, text);
    }
    // Converse names the kind by the key, all others by `type`.
    if let Some(used) = tree.get("toolUse") {
        return message.calls.extend(call(used));
    }
    if let Some(result) = tree.get("toolResult") {
        return message.results.extend(result_text(result));
    }
    match tree.get("type").and_then(Json::text) {
        Some(
            "tool_call" | "tool_use" | "function" | "function_call" | "server_tool_call"
            | "mcp_call",
        ) => {
            message.calls.extend(call(tree));
        }
        Some(
            "tool_call_response"
            | "tool_result"
            | "function_call_output"
            | "server_tool_call_response",
        ) => {
            message.results.extend(result_text(tree));
        }
        Some(_) | None => {
            for key in ["text", "content"] {
                if let Some(Json::Text(text)) = tree.get(key) {
                    return add(&mut message.text, text);
                }
            }
            // OpenInference: `message_content.text`.
            content(tree.get("message_content"), message);
        }
    }
}

fn call(tree: &Json<'_>) -> Option<Call> {
    // OpenAI puts name and arguments under `function`, OpenInference under `tool_call.function`.
    let inner = tree.get("function").or_else(|| tree.get("tool_call"));
    if let Some(inner @ Json::Object(_)) = inner {
        return call(inner);
    }
    let name = tree.get("name").and_then(Json::text)?;
    let arguments = ["arguments", "input", "parameters"]
        .iter()
        .find_map(|k| tree.get(k));
    Some(Call {
        name: name.to_owned(),
        arguments: arguments.map(compact).unwrap_or_default(),
    })
}

/// JSON as compact text, also where it already is text, so that all dialects give the same.
pub(crate) fn compact(tree: &Json<'_>) -> String {
    match tree {
        Json::Text(text) => match json::parse(text.as_bytes()) {
            Ok(inner @ (Json::Object(_) | Json::Array(_))) => inner.to_text(),
            Ok(Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_)) | Err(_) => {
                text.to_string()
            }
        },
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
            tree.to_text()
        }
    }
}

fn result_text(tree: &Json<'_>) -> Option<String> {
    let inner = ["response", "result", "content", "output"]
        .iter()
        .find_map(|k| tree.get(k))?;
    let text = flat(inner);
    (!text.is_empty()).then_some(text)
}

/// The text inside, whatever is around it: strings as they are, `text` of parts, else JSON.
pub(crate) fn flat(tree: &Json<'_>) -> String {
    match tree {
        Json::Text(text) => text.to_string(),
        Json::Array(items) => {
            let mut out = String::new();
            for item in items {
                add(&mut out, &flat(item));
            }
            out
        }
        Json::Object(_) => {
            for key in [
                "text",
                "content",
                "page_content",
                "document",
                "memory",
                "value",
                "json",
            ] {
                if let Some(inner) = tree.get(key) {
                    return flat(inner);
                }
            }
            tree.to_text()
        }
        Json::Null => String::new(),
        Json::Bool(_) | Json::Number(_) => tree.to_text(),
    }
}

/// The texts of retrieved documents or memory records: a list, one, or JSON text of either.
pub(crate) fn documents(tree: &Json<'_>) -> Vec<String> {
    let texts = match tree {
        Json::Text(text) => match json::parse(text.as_bytes()) {
            Ok(inner @ (Json::Array(_) | Json::Object(_))) => return documents(&inner),
            Ok(Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_)) | Err(_) => {
                vec![text.to_string()]
            }
        },
        Json::Array(items) => items.iter().map(flat).collect(),
        Json::Object(_) => match tree.get("documents").or_else(|| tree.get("records")) {
            Some(inner) => return documents(inner),
            None => vec![flat(tree)],
        },
        Json::Null | Json::Bool(_) | Json::Number(_) => Vec::new(),
    };
    texts.into_iter().filter(|t| !t.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(side: &str, text: &str, expected: &[(&str, &str)]) {
        let tree = json::parse(text.as_bytes()).unwrap();
        let mut transcript = Transcript::default();
        match side {
            "in" => transcript.input = read(&tree, Role::User),
            "out" => transcript.output = read(&tree, Role::Assistant),
            _ => transcript.documents = documents(&tree),
        }
        let values = transcript.values();
        let got: Vec<_> = FIELDS
            .iter()
            .zip(&values)
            .filter_map(|(f, v)| v.as_ref().map(|v| (*f, v.to_string())))
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(f, v)| (*f, (*v).to_owned()))
            .collect();
        assert_eq!(got, expected, "{text}");
    }

    #[test]
    fn one_reader_for_all_shapes() {
        let both = [
            ("ai.prompt.text", "be kind\nhi"),
            ("ai.prompt.user_text", "hi"),
        ];
        for text in [
            r#"[{"role":"system","content":"be kind"},{"role":"user","content":"hi"}]"#,
            r#"[{"role":"system","content":[{"text":"be kind"}]},{"role":"user","content":[{"type":"text","text":"hi"}]}]"#,
            r#"[{"role":"system","parts":[{"type":"text","content":"be kind"}]},{"role":"user","parts":[{"type":"text","content":"hi"}]}]"#,
            r#""[{\"role\":\"developer\",\"content\":\"be kind\"},{\"role\":\"user\",\"content\":\"hi\"}]""#,
            r#"[{"message":{"role":"system","content":"be kind"}},{"message":{"role":"user","content":"hi"}}]"#,
        ] {
            check("in", text, &both);
        }
        let call = [
            ("ai.tool.calls", "f"),
            ("ai.tool.call_arguments", r#"{"a":1}"#),
            ("gen_ai.response.finish_reasons", "tool_calls"),
        ];
        for text in [
            r#"{"choices":[{"finish_reason":"tool_calls","message":{"role":"assistant","content":null,"tool_calls":[{"function":{"name":"f","arguments":"{\"a\": 1}"}}]}}]}"#,
            r#"[{"role":"assistant","parts":[{"type":"tool_call","name":"f","arguments":{"a":1}}],"finish_reason":"tool_call"}]"#,
            r#"{"output":{"message":{"role":"assistant","content":[{"toolUse":{"name":"f","input":{"a":1}}}]}},"stopReason":"tool_use"}"#,
            r#"{"role":"assistant","content":[{"type":"tool_use","name":"f","input":{"a":1}}],"stop_reason":"tool_use"}"#,
            r#"[{"message":{"tool_calls":[{"tool_call":{"function":{"name":"f","arguments":"{\"a\":1}"}}}]},"finish_reason":"tool_calls"}]"#,
        ] {
            check("out", text, &call);
        }
        let result = [("ai.untrusted.text", "21C")];
        for text in [
            r#"[{"role":"tool","content":"21C"}]"#,
            r#"[{"role":"tool","parts":[{"type":"tool_call_response","response":"21C"}]}]"#,
            r#"[{"role":"user","content":[{"toolResult":{"content":[{"text":"21C"}]}}]}]"#,
            r#"[{"role":"user","content":[{"type":"tool_result","content":[{"type":"text","text":"21C"}]}]}]"#,
        ] {
            check("in", text, &result);
        }
        check(
            "in",
            "\"just text\"",
            &[
                ("ai.prompt.text", "just text"),
                ("ai.prompt.user_text", "just text"),
            ],
        );
    }

    #[test]
    fn documents_are_hashed_alike_however_they_arrive() {
        let hash = instruction_hash("Do  X\nnow");
        assert_eq!(hash, instruction_hash("do x NOW "));
        assert_eq!(hash.len(), 16);
        let expected = [
            ("ai.untrusted.text", "Do  X\nnow"),
            ("ai.instruction.hash", hash.as_str()),
        ];
        for text in [
            r#""Do  X\nnow""#,
            r#"["Do  X\nnow"]"#,
            r#"[{"id":"d1","content":"Do  X\nnow","score":0.9}]"#,
            r#""[{\"id\":\"d1\",\"content\":\"Do  X\\nnow\"}]""#,
            r#"{"documents":[{"document":{"content":"Do  X\nnow"}}]}"#,
        ] {
            check("documents", text, &expected);
        }
    }
}
