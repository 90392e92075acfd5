//! The engine against the slow reading of the specification: rules and events are built from the
//! input's bytes, and both must say the same.
#![no_main]

use serde_json::{Map, Value, json};
use watchfloor_detect::{Engine, Options, Scratch, event_of_json, parse_rules};
use watchfloor_types::{Level, Logsource, Norm, Timestamp};

#[path = "../../crates/detect/tests/it/reference.rs"]
mod reference;

const WORDS: [&str; 28] = [
    "", "a", "b", "ab", "Ab", "aB*", "*b", "a?b", "a\\*", "\\", "\\\\", "a\\b", "-a /b", "–a", "whoami",
    "Ä", "ä", "ß", "10.0.0.7", "fe80::1", "4624", "-1", "1e3", "true", "2024-02-29T23:59:01Z", "x\ny",
    "dGVzdA==", "test",
];
const FIELDS: [&str; 6] = ["a", "b", "c.d", "e", "c", ""];
const CHAINS: [&str; 34] = [
    "", "|contains", "|startswith", "|endswith", "|contains|all", "|cased", "|contains|cased", "|re", "|re|i",
    "|cidr", "|exists", "|gt", "|gte", "|lt", "|lte", "|neq", "|contains|neq", "|hour", "|minute", "|day|gte",
    "|year", "|fieldref", "|fieldref|contains", "|base64", "|base64offset|contains", "|wide|base64",
    "|wide|base64offset|contains", "|utf16|base64", "|windash", "|windash|contains", "|windash|contains|all",
    "|startswith|cased", "|all", "|fieldref|endswith",
];
const CONDITIONS: [&str; 10] = [
    "s1", "s1 and s2", "s1 or not s2", "not s1", "not (s1 or s2)", "1 of them", "all of s*", "1 of s* and not _f",
    "2 of s*", "not 1 of s*",
];

/// Takes choices off the input; zeros when it is used up.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn below(&mut self, bound: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        usize::from(*first) % bound
    }
    fn scalar(&mut self) -> Value {
        match self.below(10) {
            0..5 => WORDS[self.below(WORDS.len())].into(),
            5 => [json!(4624), json!(-1), json!(1.5), json!(0), json!(23)][self.below(5)].clone(),
            6 => (self.below(2) == 0).into(),
            7 => Value::Null,
            // Text of the input itself.
            _ => {
                let length = self.below(8).min(self.0.len());
                let (text, rest) = self.0.split_at(length);
                self.0 = rest;
                String::from_utf8_lossy(text).into_owned().into()
            }
        }
    }
    fn value(&mut self, depth: usize) -> Value {
        match self.below(8) {
            0 if depth < 3 => (0..self.below(3)).map(|_| self.value(depth + 1)).collect(),
            1 if depth < 3 => {
                let keys = ["d", "a", "x"];
                let pairs = (0..self.below(3)).map(|_| (keys[self.below(3)].to_owned(), self.value(depth + 1)));
                Value::Object(pairs.collect::<Map<_, _>>())
            }
            _ => self.scalar(),
        }
    }
    fn item(&mut self) -> (String, Value) {
        let chain = CHAINS[self.below(CHAINS.len())];
        let key = format!("{}{chain}", FIELDS[self.below(FIELDS.len())]);
        let count = self.below(4);
        let one = |bytes: &mut Self| match chain {
            "|exists" => (bytes.below(2) == 0).into(),
            "|gt" | "|gte" | "|lt" | "|lte" => [json!(4624), json!(0), json!(-1)][bytes.below(3)].clone(),
            "|hour" | "|minute" | "|day|gte" | "|year" => [json!(5), json!(23), json!(29), json!(2024)][bytes.below(4)].clone(),
            "|cidr" => ["10.0.0.0/8", "10.0.0.7", "fe80::/10"][bytes.below(3)].into(),
            "|re" | "|re|i" => ["a", "^a.*b$", "A|b", "\\d+", "x.y", "^y"][bytes.below(6)].into(),
            "|fieldref" | "|fieldref|contains" | "|fieldref|endswith" => ["a", "b", "c.d"][bytes.below(3)].into(),
            _ => bytes.scalar(),
        };
        if count < 2 {
            (key, one(self))
        } else {
            (key, (0..count).map(|_| one(self)).collect())
        }
    }
    fn selection(&mut self) -> Value {
        let map = |bytes: &mut Self| {
            let items = (0..1 + bytes.below(3)).map(|_| bytes.item());
            Value::Object(items.collect::<Map<_, _>>())
        };
        match self.below(6) {
            0 => (0..1 + self.below(3)).map(|_| map(self)).collect(),
            1 => (0..1 + self.below(3)).map(|_| Value::from(WORDS[self.below(WORDS.len())])).collect(),
            _ => map(self),
        }
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut bytes = Bytes(data);
    let condition = CONDITIONS[bytes.below(CONDITIONS.len())];
    let rule = json!({
        "title": "t", "id": "t", "logsource": {"category": "other"},
        "detection": {"s1": bytes.selection(), "s2": bytes.selection(), "_f": bytes.selection(), "condition": condition},
    });
    let (documents, diagnostics) = parse_rules("t.yml", &rule.to_string(), &Options::default());
    if diagnostics.iter().any(|d| d.level == Level::Error) {
        return;
    }
    let (engine, _) = Engine::new(documents);
    for _ in 0..3 {
        let event: Map<String, Value> = ["a", "b", "c", "c.d", "e"]
            .into_iter()
            .filter_map(|key| (bytes.below(3) > 0).then(|| (key.to_owned(), bytes.value(0))))
            .collect();
        let event = Value::Object(event);
        let native = event.to_string();
        let made = event_of_json(&native, Logsource::unknown(), Norm::default(), Timestamp::UNIX_EPOCH);
        let mut hits = Vec::new();
        engine.match_event(&made, &mut Scratch::new(), &mut hits);
        assert_eq!(Ok(!hits.is_empty()), reference::holds(&rule, &event), "{rule}\n{event}");
    }
});
