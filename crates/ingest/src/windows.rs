//! The fields of a Windows event at the top, under the names that Sigma rules use.
//!
//! Rules name `EventID`, `Channel`, `Provider_Name`, `CommandLine` (Sigma 2.1, "Field Usage");
//! the tree of an EVTX record, as `evtx_dump`, Velociraptor or an XML converter write it, and the
//! members of Winlogbeat hold them deeper.

use std::borrow::Cow;

use crate::{
    json::{self, Json},
    transform::windows_data,
};

type Pairs<'a> = Vec<(Cow<'a, str>, Json<'a>)>;

/// The flat form of `record` as JSON text; none where it is no tree of a Windows event.
///
/// | in the tree | in the flat record |
/// |---|---|
/// | `Event.System.Channel`, and the like | `Channel` |
/// | `Event.System.Provider.#attributes.Name` | `Provider_Name` |
/// | `Event.EventData.CommandLine` | `CommandLine` |
/// | `Event.EventData.Data[].{@Name, #text}` | the name and its text |
/// | `Event.UserData.<any>.Param` | `Param` |
/// | `winlog.event_data.CommandLine` | `CommandLine`, the other members stay |
///
/// A process creation of the Security log (4688) also has its fields under the names of
/// `process_creation`: `Image`, `ParentImage`, `User`.
#[must_use]
pub fn flatten(record: &[u8]) -> Option<String> {
    // Most records are passed over without reading them.
    let mentions = |word: &str| memchr::memmem::find(record, word.as_bytes()).is_some();
    if !mentions("\"System\"") && !mentions("\"winlog\"") {
        return None;
    }
    let Json::Object(mut top) = json::parse(record).ok()? else {
        return None;
    };
    let mut out = Pairs::new();
    if let Some(Json::Object(winlog)) = take(&mut top, "winlog") {
        beats(winlog, &mut out);
        out.extend(top);
    } else {
        let mut event = match take(&mut top, "Event") {
            Some(Json::Object(event)) => event,
            Some(_) => return None,
            None => top,
        };
        let Some(Json::Object(system)) = take(&mut event, "System") else {
            return None;
        };
        for (key, value) in system {
            of_system(&key, value, &mut out);
        }
        for (key, value) in event {
            match key.as_ref() {
                "EventData" => data(value, &mut out),
                "UserData" => {
                    if let Json::Object(elements) = value {
                        for (_, element) in elements.into_iter().filter(|(k, _)| !is_attributes(k))
                        {
                            data(element, &mut out);
                        }
                    }
                }
                key if is_attributes(key) => {}
                _ => set(&mut out, key, value),
            }
        }
    }
    as_process_creation(&mut out);
    Some(Json::Object(out).to_text())
}

fn take<'a>(pairs: &mut Pairs<'a>, key: &str) -> Option<Json<'a>> {
    let at = pairs.iter().position(|(k, _)| k == key)?;
    Some(pairs.remove(at).1)
}

/// More than any real envelope has, and few enough to be looked through for every field.
const ENVELOPE: usize = 64;

/// Sets a field; what the event itself says goes before what its envelope says.
fn set<'a>(out: &mut Pairs<'a>, key: Cow<'a, str>, value: Json<'a>) {
    match out.iter_mut().take(ENVELOPE).find(|(k, _)| *k == key) {
        Some((_, slot)) => *slot = value,
        None => out.push((key, value)),
    }
}

fn is_attributes(key: &str) -> bool {
    matches!(
        key,
        "#attributes" | "@attributes" | "$" | "xmlns" | "@xmlns"
    ) || key.ends_with("_attributes")
}

/// Where converters put the text of an element that has attributes.
fn is_text(key: &str) -> bool {
    matches!(key, "#text" | "@text" | "_" | "Value" | "#value" | "$value")
}

/// One element under `System`.
fn of_system<'a>(key: &str, value: Json<'a>, out: &mut Pairs<'a>) {
    let Json::Object(members) = value else {
        if value != Json::Null {
            set(out, Cow::Owned(key.to_owned()), value);
        }
        return;
    };
    // `Provider_attributes: {Name: …}` of `evtx_dump --separate-json-attributes`.
    let key = key.strip_suffix("_attributes").unwrap_or(key);
    for (name, value) in members {
        match value {
            Json::Object(attributes) if is_attributes(&name) => {
                for (name, value) in attributes {
                    set(out, Cow::Owned(format!("{key}_{name}")), value);
                }
            }
            value if is_text(&name) => set(out, Cow::Owned(key.to_owned()), value),
            value => {
                let name = name.trim_start_matches('@');
                set(out, Cow::Owned(format!("{key}_{name}")), value);
            }
        }
    }
}

/// `EventData`, or an element under `UserData`.
fn data<'a>(mut value: Json<'a>, out: &mut Pairs<'a>) {
    windows_data(&mut value);
    let Json::Object(members) = value else {
        return;
    };
    for (key, mut value) in members {
        if is_attributes(&key) {
            continue;
        }
        if key == "Data" {
            // One element is no list in most converters.
            if matches!(&value, Json::Object(_)) {
                value = Json::Array(vec![value]);
                windows_data(&mut value);
                if let Json::Array(items) = value {
                    value = items.into_iter().next().unwrap_or(Json::Null);
                }
            } else {
                windows_data(&mut value);
            }
            if let Json::Object(named) = value {
                let only_text = named.iter().all(|(k, _)| is_text(k) || is_attributes(k));
                for (name, value) in named {
                    match (only_text, is_text(&name)) {
                        (true, true) => set(out, Cow::Borrowed("Data"), value),
                        (true, false) => {}
                        (false, _) => set(out, name, value),
                    }
                }
                continue;
            }
        }
        if let Json::Object(members) = value {
            let text = members.iter().position(|(k, _)| is_text(k));
            value = match text {
                Some(at) => members.into_iter().nth(at).map_or(Json::Null, |(_, v)| v),
                None => Json::Object(members),
            };
        }
        set(out, key, value);
    }
}

/// Winlogbeat and Elastic Agent.
fn beats<'a>(winlog: Pairs<'a>, out: &mut Pairs<'a>) {
    const NAMES: [(&str, &str); 8] = [
        ("channel", "Channel"),
        ("event_id", "EventID"),
        ("provider_name", "Provider_Name"),
        ("computer_name", "Computer"),
        ("record_id", "EventRecordID"),
        ("task", "Task"),
        ("opcode", "Opcode"),
        ("version", "Version"),
    ];
    let mut inner = Vec::new();
    for (key, value) in winlog {
        if matches!(key.as_ref(), "event_data" | "user_data") {
            inner.push(value);
        } else if let Some((_, name)) = NAMES.iter().find(|(k, _)| *k == key) {
            set(out, Cow::Borrowed(*name), value);
        } else {
            set(out, Cow::Owned(format!("winlog.{key}")), value);
        }
    }
    for value in inner {
        data(value, out);
    }
}

/// The names of `process_creation` for what the Security log says in its own.
fn as_process_creation(out: &mut Pairs<'_>) {
    let is = |key: &str, wanted: &str| {
        out.iter().any(|(k, v)| {
            k == key
                && matches!(v, Json::Text(t) | Json::Number(t) if t.eq_ignore_ascii_case(wanted))
        })
    };
    if !is("EventID", "4688") || !is("Channel", "Security") {
        return;
    }
    let text = |key: &str| {
        let found = out.iter().find(|(k, _)| k == key);
        found.and_then(|(_, v)| v.text()).map(str::to_owned)
    };
    let user = match (text("SubjectDomainName"), text("SubjectUserName")) {
        (Some(domain), Some(name)) => Some(format!("{domain}\\{name}")),
        (None, name) => name,
        (Some(_), None) => None,
    };
    let added = [
        ("Image", text("NewProcessName")),
        ("ParentImage", text("ParentProcessName")),
        ("User", user),
    ];
    for (key, value) in added {
        if let Some(value) = value
            && !out.iter().any(|(k, _)| k == key)
        {
            out.push((Cow::Borrowed(key), Json::Text(Cow::Owned(value))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(record: &str, expected: Option<&str>) {
        assert_eq!(flatten(record.as_bytes()).as_deref(), expected, "{record}");
    }

    #[test]
    fn trees_of_several_converters_become_the_same_fields() {
        let flat = r#"{"Provider_Name":"P","EventID":1,"Channel":"C","Computer":"h","CommandLine":"a \"b\""}"#;
        for record in [
            r##"{"Event":{"#attributes":{"xmlns":"x"},"System":{"Provider":{"#attributes":{"Name":"P"}},"EventID":{"#attributes":{"Qualifiers":0},"#text":1},"Channel":"C","Computer":"h","Correlation":null},"EventData":{"CommandLine":"a \"b\""}}}"##,
            r##"{"Event":{"System":{"Provider":{"@Name":"P"},"EventID":1,"Channel":"C","Computer":"h"},"EventData":{"Data":[{"@Name":"CommandLine","#text":"a \"b\""}]}}}"##,
            r##"{"Event":{"System":{"Provider_attributes":{"Name":"P"},"EventID":1,"Channel":"C","Computer":"h"},"EventData":{"#attributes":{"Name":"n"},"CommandLine":"a \"b\""}}}"##,
            r#"{"System":{"Provider":{"Name":"P"},"EventID":{"Value":1},"Channel":"C","Computer":"h"},"EventData":{"CommandLine":"a \"b\""}}"#,
        ] {
            let got = flatten(record.as_bytes()).unwrap();
            let got = got.replace(r#""EventID_Qualifiers":0,"#, "");
            assert_eq!(got, flat, "{record}");
        }
    }

    #[test]
    fn user_data_unnamed_data_and_beats() {
        check(
            r##"{"Event":{"System":{"EventID":1102},"UserData":{"LogFileCleared":{"#attributes":{"xmlns":"y"},"SubjectUserName":"kim"}}}}"##,
            Some(r#"{"EventID":1102,"SubjectUserName":"kim"}"#),
        );
        check(
            r##"{"Event":{"System":{"EventID":400},"EventData":{"Data":{"#text":["a","HostName=x"]},"Binary":null}}}"##,
            Some(r#"{"EventID":400,"Data":["a","HostName=x"],"Binary":null}"#),
        );
        check(
            r#"{"@timestamp":"2027-03-02T08:00:00Z","winlog":{"channel":"C","event_id":1,"provider_name":"P","event_data":{"Image":"i"},"api":"wineventlog"},"message":"m"}"#,
            Some(
                r#"{"Channel":"C","EventID":1,"Provider_Name":"P","winlog.api":"wineventlog","Image":"i","@timestamp":"2027-03-02T08:00:00Z","message":"m"}"#,
            ),
        );
    }

    #[test]
    fn a_security_process_creation_has_the_names_of_the_category() {
        check(
            r#"{"Event":{"System":{"EventID":4688,"Channel":"Security"},"EventData":{"SubjectUserName":"kim","SubjectDomainName":"EX","NewProcessName":"C:\\a.exe"}}}"#,
            Some(
                r#"{"EventID":4688,"Channel":"Security","SubjectUserName":"kim","SubjectDomainName":"EX","NewProcessName":"C:\\a.exe","Image":"C:\\a.exe","User":"EX\\kim"}"#,
            ),
        );
    }

    #[test]
    fn other_records_are_left_alone() {
        check(r#"{"Channel":"C","EventID":1}"#, None);
        check(r#"{"a":"\"System\""}"#, None);
        check(r#"{"System":"x"}"#, None);
        check(r#"{"Event":{"System":3}}"#, None);
        check("[\"System\"", None);
    }
}
