//! A slow, plain reading of Sigma 2.1 and of `docs/sigma-semantics.md`: rule and event are JSON
//! trees, and every question is answered by looking at every value again. It shares no code with
//! the engine, so that the two can be held against each other, by a property here and by
//! `fuzz/fuzz_targets/reference.rs`.

use serde_json::{Map, Value};

/// Whether the detection of `rule` holds on `event`; an error where the rule is none or asks for
/// something that is not read here.
pub(crate) fn holds(rule: &Value, event: &Value) -> Result<bool, String> {
    let detection = rule
        .get("detection")
        .and_then(Value::as_object)
        .ok_or("no detection")?;
    let conditions = match detection.get("condition") {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => items
            .iter()
            .map(|i| i.as_str().map(str::to_owned).ok_or("a condition is text"))
            .collect::<Result<_, _>>()?,
        _ => return Err("no condition".to_owned()),
    };
    let mut any = false;
    for text in conditions {
        any |= Condition::new(&text, detection, event).whole()?;
    }
    Ok(any)
}

/// The grammar of "Condition": `or`, `and`, `not`, brackets, `N of`.
struct Condition<'a> {
    words: Vec<String>,
    at: usize,
    detection: &'a Map<String, Value>,
    event: &'a Value,
}

impl<'a> Condition<'a> {
    fn new(text: &str, detection: &'a Map<String, Value>, event: &'a Value) -> Self {
        let spaced = text.replace('(', " ( ").replace(')', " ) ");
        Self {
            words: spaced.split_whitespace().map(str::to_owned).collect(),
            at: 0,
            detection,
            event,
        }
    }
    fn is(&mut self, word: &str) -> bool {
        let is = self
            .words
            .get(self.at)
            .is_some_and(|w| w.eq_ignore_ascii_case(word));
        self.at += usize::from(is);
        is
    }
    fn whole(&mut self) -> Result<bool, String> {
        let out = self.or()?;
        if self.at == self.words.len() {
            Ok(out)
        } else {
            Err("more words".to_owned())
        }
    }
    fn or(&mut self) -> Result<bool, String> {
        let mut out = self.and()?;
        while self.is("or") {
            out |= self.and()?;
        }
        Ok(out)
    }
    fn and(&mut self) -> Result<bool, String> {
        let mut out = self.not()?;
        while self.is("and") {
            out &= self.not()?;
        }
        Ok(out)
    }
    fn not(&mut self) -> Result<bool, String> {
        if self.is("not") {
            return Ok(!self.not()?);
        }
        if self.is("(") {
            let out = self.or()?;
            return if self.is(")") {
                Ok(out)
            } else {
                Err("a bracket is not closed".to_owned())
            };
        }
        let word = self
            .words
            .get(self.at)
            .cloned()
            .ok_or("a word is missing")?;
        self.at += 1;
        if self.is("of") {
            let pattern = self.words.get(self.at).cloned().ok_or("no pattern")?;
            self.at += 1;
            let mut members = Vec::new();
            for (name, selection) in self.detection {
                let fits = if pattern.eq_ignore_ascii_case("them") {
                    !name.starts_with('_')
                } else {
                    glob(&parts_of_name(&pattern), name)
                };
                if fits && name != "condition" && name != "timeframe" {
                    members.push(selected(selection, self.event)?);
                }
            }
            let holding = members.iter().filter(|m| **m).count();
            return match word.to_ascii_lowercase().as_str() {
                "all" => Ok(holding == members.len()),
                "any" => Ok(holding > 0),
                number => {
                    let number: usize = number.parse().map_err(|_| "no number")?;
                    Ok(holding >= number)
                }
            };
        }
        let selection = self.detection.get(&word).ok_or("no such selection")?;
        selected(selection, self.event)
    }
}

/// Names hold no escapes.
fn parts_of_name(pattern: &str) -> Vec<Part> {
    pattern
        .chars()
        .map(|c| if c == '*' { Part::Many } else { Part::Char(c) })
        .collect()
}

/// A selection: a map (all), a list (any), keywords.
fn selected(selection: &Value, event: &Value) -> Result<bool, String> {
    match selection {
        Value::Object(map) => {
            let mut all = true;
            for (key, value) in map {
                all &= item(key, value, event)?;
            }
            Ok(all)
        }
        Value::Array(items) => {
            let mut any = false;
            for one in items {
                any |= selected(one, event)?;
            }
            Ok(any)
        }
        scalar => item("", scalar, event),
    }
}

/// One character or wildcard of a Sigma string.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Part {
    Char(char),
    One,
    Many,
}

/// "Escape Character": a backslash before `*`, `?` or a backslash takes away its meaning.
fn parts(text: &str) -> Vec<Part> {
    let mut out = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        out.push(match (c, chars.peek().copied()) {
            ('\\', Some(next @ ('*' | '?' | '\\'))) => {
                chars.next();
                Part::Char(next)
            }
            ('*', _) => Part::Many,
            ('?', _) => Part::One,
            (c, _) => Part::Char(c),
        });
    }
    out
}

/// Whether the whole text fits: at a mismatch the last `*` takes one character more.
fn glob(pattern: &[Part], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(Part::Many) => {
                star = Some((p, t));
                p += 1;
            }
            Some(Part::One) => (p, t) = (p + 1, t + 1),
            Some(Part::Char(c)) if *c == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    (p, t) = (at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|part| *part == Part::Many)
}

/// Each character by itself, to lower case.
fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// Every value that a field name leads to: by the flat key, and by the path through objects and
/// lists. The empty name stands for every value at any depth (keywords).
fn values<'v>(name: &str, event: &'v Value) -> Vec<&'v Value> {
    let mut out = Vec::new();
    if name.is_empty() {
        leaves(event, &mut out);
        return out;
    }
    let Some(top) = event.as_object() else {
        return out;
    };
    if let Some(value) = top.get(name) {
        spread(value, &mut out);
    }
    if name.contains('.') {
        let keys: Vec<&str> = name.split('.').collect();
        along(&keys, event, &mut out);
    }
    out
}

fn along<'v>(keys: &[&str], value: &'v Value, out: &mut Vec<&'v Value>) {
    match (keys, value) {
        ([], value) => spread(value, out),
        (_, Value::Array(items)) => items.iter().for_each(|i| along(keys, i, out)),
        ([first, rest @ ..], Value::Object(map)) => {
            if let Some(value) = map.get(*first) {
                along(rest, value, out);
            }
        }
        _ => {}
    }
}

/// A list stands for its elements, at any depth.
fn spread<'v>(value: &'v Value, out: &mut Vec<&'v Value>) {
    match value {
        Value::Array(items) if !items.is_empty() => items.iter().for_each(|i| spread(i, out)),
        other => out.push(other),
    }
}

fn leaves<'v>(value: &'v Value, out: &mut Vec<&'v Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|i| leaves(i, out)),
        Value::Object(map) => map.values().for_each(|i| leaves(i, out)),
        other => out.push(other),
    }
}

/// A scalar as text.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn number(text: &str) -> Option<f64> {
    let first = text.chars().next()?;
    if !(first.is_ascii_digit() || matches!(first, '-' | '+' | '.')) {
        return None;
    }
    text.parse().ok().filter(|n: &f64| n.is_finite())
}

#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a word that stands there or not"
)]
struct Modifiers {
    how: Option<String>,
    all: bool,
    cased: bool,
    negated: bool,
    /// `re`, `cidr`, `exists`, `fieldref`, `expand`, a comparison, a part of a time.
    kind: Option<String>,
    compare: Option<String>,
    flags: String,
    encodings: Vec<String>,
    windash: bool,
}

fn item(key: &str, value: &Value, event: &Value) -> Result<bool, String> {
    let mut words = key.split('|');
    let field = words.next().unwrap_or_default();
    let mut modifiers = Modifiers::default();
    for word in words {
        match word {
            "contains" | "startswith" | "endswith" => modifiers.how = Some(word.to_owned()),
            "all" => modifiers.all = true,
            "cased" => modifiers.cased = true,
            "neq" => modifiers.negated = true,
            "i" | "m" | "s" => modifiers.flags.push_str(word),
            "gt" | "gte" | "lt" | "lte" => modifiers.compare = Some(word.to_owned()),
            "re" | "cidr" | "exists" | "fieldref" | "minute" | "hour" | "day" | "week"
            | "month" | "year" | "expand" => modifiers.kind = Some(word.to_owned()),
            "base64" | "base64offset" | "wide" | "utf16" | "utf16le" | "utf16be" => {
                modifiers.encodings.push(word.to_owned());
            }
            "windash" => modifiers.windash = true,
            other => return Err(format!("`{other}` is not read here")),
        }
    }
    let wanted: Vec<&Value> = match value {
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    };
    let found = values(field, event);
    if modifiers.kind.as_deref() == Some("exists") {
        return Ok(wanted
            .iter()
            .any(|one| (*one == &Value::Bool(true)) != found.is_empty()));
    }
    let mut answers = Vec::new();
    for one in wanted {
        answers.push(answer(field, one, &modifiers, &found, event)?);
    }
    let holds = if modifiers.all {
        answers.iter().all(|a| *a)
    } else {
        answers.iter().any(|a| *a)
    };
    // "The field is different": it has to be there. The event of keywords always is.
    Ok(if modifiers.negated {
        (field.is_empty() || !found.is_empty()) && !holds
    } else {
        holds
    })
}

/// Whether any value of the field answers one value of the rule.
fn answer(
    field: &str,
    wanted: &Value,
    modifiers: &Modifiers,
    found: &[&Value],
    event: &Value,
) -> Result<bool, String> {
    let texts: Vec<String> = if field.is_empty() {
        // Keywords stand in every scalar.
        let mut all: Vec<_> = found.iter().filter_map(|v| text(v)).collect();
        if !event.is_object() {
            all.push(text(event).unwrap_or_else(|| event.to_string()));
        }
        all
    } else {
        found.iter().filter_map(|v| text(v)).collect()
    };
    let any = |fits: &dyn Fn(&str) -> bool| texts.iter().any(|t| fits(t));
    if wanted.is_null() && field.is_empty() {
        // A keyword is asked of what has a text; it is absent where nothing has.
        return Ok(texts.is_empty());
    }
    if wanted.is_null() {
        return Ok(found.is_empty() || found.iter().any(|v| v.is_null()));
    }
    let plain = text(wanted).ok_or("a value is a scalar")?;
    match modifiers.kind.as_deref() {
        Some("re") => {
            let flags = &modifiers.flags;
            let source = if flags.is_empty() {
                plain
            } else {
                format!("(?{flags}){plain}")
            };
            let regex = regex::Regex::new(&source).map_err(|e| e.to_string())?;
            return Ok(any(&|t| regex.is_match(t)));
        }
        Some("cidr") => {
            let network: ipnet::IpNet = match plain.parse::<std::net::IpAddr>() {
                Ok(address) => address.into(),
                Err(_) => plain.parse().map_err(|_| "no network")?,
            };
            return Ok(any(&|t| {
                t.parse::<std::net::IpAddr>()
                    .is_ok_and(|a| network.contains(&a))
            }));
        }
        Some("fieldref") => {
            let others: Vec<String> = values(&plain, event).into_iter().filter_map(text).collect();
            let fold = |t: &str| {
                if modifiers.cased {
                    t.to_owned()
                } else {
                    folded(t)
                }
            };
            return Ok(any(&|t| {
                others.iter().any(|o| {
                    let (t, o) = (fold(t), fold(o));
                    match modifiers.how.as_deref() {
                        Some("contains") => t.contains(&o),
                        Some("startswith") => t.starts_with(&o),
                        Some("endswith") => t.ends_with(&o),
                        _ => t == o,
                    }
                })
            }));
        }
        // No list is configured, and an empty list matches nothing.
        Some("expand") if plain.contains('%') => return Ok(false),
        Some("expand") => {}
        Some(part) => {
            let number: f64 = plain.parse().map_err(|_| "no number")?;
            return Ok(any(&|t| {
                time_part(part, t)
                    .is_some_and(|p| compared(modifiers.compare.as_deref(), p as f64, number))
            }));
        }
        None => {}
    }
    if let Some(word) = &modifiers.compare {
        let wanted = number(&plain).ok_or("no number")?;
        return Ok(any(&|t| {
            number(t).is_some_and(|n| compared(Some(word), n, wanted))
        }));
    }
    if wanted.is_number()
        && modifiers.how.is_none()
        && modifiers.encodings.is_empty()
        // What exchanges characters makes it text.
        && !modifiers.windash
        && !field.is_empty()
    {
        // An unquoted number matches any way to write it.
        let wanted = number(&plain);
        return Ok(any(&|t| number(t).is_some() && number(t) == wanted));
    }
    let fold = |t: &str| {
        if modifiers.cased {
            t.to_owned()
        } else {
            folded(t)
        }
    };
    let how = match modifiers.how.as_deref() {
        None if field.is_empty() => Some("contains"),
        how => how,
    };
    let texts: Vec<String> = texts.iter().map(|t| fold(t)).collect();
    let mut patterns = Vec::new();
    for variant in variants(&plain, modifiers) {
        patterns.push(if modifiers.encodings.is_empty() {
            parts(&variant)
        } else {
            variant.chars().map(Part::Char).collect()
        });
    }
    Ok(patterns.into_iter().any(|pattern| {
        let mut whole = Vec::new();
        if matches!(how, Some("contains" | "endswith")) {
            whole.push(Part::Many);
        }
        for part in pattern {
            match part {
                Part::Char(c) => whole.extend(fold(&c.to_string()).chars().map(Part::Char)),
                other => whole.push(other),
            }
        }
        if matches!(how, Some("contains" | "startswith")) {
            whole.push(Part::Many);
        }
        texts.iter().any(|t| glob(&whole, t))
    }))
}

fn compared(word: Option<&str>, left: f64, right: f64) -> bool {
    match word {
        Some("gt") => left > right,
        Some("gte") => left >= right,
        Some("lt") => left < right,
        Some("lte") => left <= right,
        _ => (left - right).abs() == 0.0,
    }
}

fn time_part(part: &str, text: &str) -> Option<i64> {
    let time = text
        .parse::<jiff::Timestamp>()
        .ok()
        .or_else(|| {
            let civil = text.parse::<jiff::civil::DateTime>().ok()?;
            jiff::tz::TimeZone::UTC.to_timestamp(civil).ok()
        })
        .or_else(|| {
            let number = number(text)?;
            let seconds = if number.abs() > 1e12 {
                number / 1000.0
            } else {
                number
            };
            jiff::Timestamp::from_second(seconds as i64).ok()
        })?;
    let civil = jiff::tz::TimeZone::UTC.to_datetime(time);
    Some(match part {
        "minute" => civil.minute().into(),
        "hour" => civil.hour().into(),
        "day" => civil.day().into(),
        "week" => civil.date().iso_week_date().week().into(),
        "month" => civil.month().into(),
        _ => civil.year().into(),
    })
}

/// The texts that a value stands for: dashes exchanged, encodings applied.
fn variants(plain: &str, modifiers: &Modifiers) -> Vec<String> {
    const DASHES: [char; 5] = ['-', '/', '–', '—', '―'];
    let mut texts = vec![String::new()];
    for c in plain.chars() {
        let choices: &[char] = if modifiers.windash && DASHES.contains(&c) {
            &DASHES
        } else {
            &[c]
        };
        texts = texts
            .iter()
            .flat_map(|t| choices.iter().map(move |c| format!("{t}{c}")))
            .collect();
    }
    let mut bytes: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
    for encoding in &modifiers.encodings {
        bytes = bytes.iter().flat_map(|b| encoded(encoding, b)).collect();
    }
    bytes
        .into_iter()
        .filter_map(|b| String::from_utf8(b).ok())
        .collect()
}

fn encoded(encoding: &str, bytes: &[u8]) -> Vec<Vec<u8>> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let units = || {
        String::from_utf8_lossy(bytes)
            .encode_utf16()
            .collect::<Vec<u16>>()
    };
    let le = || {
        units()
            .into_iter()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<u8>>()
    };
    match encoding {
        "wide" | "utf16le" => vec![le()],
        "utf16be" => vec![units().into_iter().flat_map(u16::to_be_bytes).collect()],
        "utf16" => vec![[vec![0xff, 0xfe], le()].concat()],
        "base64" => vec![STANDARD.encode(bytes).into_bytes()],
        // What stays the same whatever stands before and after: encoded among all bytes, each
        // neighbour all zeros and all ones, the characters that agree.
        _ => (0..3)
            .filter_map(|offset| {
                let with = |neighbour: u8| {
                    let text =
                        [vec![neighbour; offset], bytes.to_vec(), vec![neighbour; 3]].concat();
                    STANDARD.encode(text)
                };
                let (zeros, ones) = (with(0), with(0xff));
                let same: Vec<bool> = zeros
                    .bytes()
                    .zip(ones.bytes())
                    // Padding is no character of the value, though it agrees.
                    .map(|(a, b)| a == b && a != b'=')
                    .collect();
                let first = same.iter().position(|s| *s)?;
                let last = same.iter().rposition(|s| *s)?;
                Some(zeros.into_bytes()[first..=last].to_vec())
            })
            .collect(),
    }
}
