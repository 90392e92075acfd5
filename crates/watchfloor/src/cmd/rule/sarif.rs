//! Remarks as SARIF 2.1.0 (OASIS), which code scanning reads.

use serde_json::{Value, json};
use watchfloor_detect::{Code, Remark, codes};
use watchfloor_types::{Level, Place};

/// A log of one run.
pub(super) fn log(remarks: &[Remark]) -> Value {
    // Only the codes that occur, in order.
    let used: Vec<&Code> = codes()
        .filter(|c| remarks.iter().any(|r| r.diagnostic.code == c.code))
        .collect();
    let rules: Vec<Value> = used
        .iter()
        .map(|c| {
            json!({
                "id": c.code,
                "shortDescription": {"text": c.title},
                "fullDescription": {"text": c.meaning},
                "help": {"text": c.way_out, "markdown": c.page()},
            })
        })
        .collect();
    let results: Vec<Value> = remarks.iter().map(|r| result(r, &used)).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "watchfloor",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn result(remark: &Remark, used: &[&Code]) -> Value {
    let d = &remark.diagnostic;
    let text = match &d.help {
        Some(help) => format!("{}. Way out: {help}.", d.message),
        None => format!("{}.", d.message),
    };
    let mut out = json!({
        "ruleId": d.code,
        "level": match d.level {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note => "note",
        },
        "message": {"text": text},
    });
    let Some(map) = out.as_object_mut() else {
        return out;
    };
    if let Some(index) = used.iter().position(|c| c.code == d.code) {
        map.insert("ruleIndex".to_owned(), json!(index));
    }
    let Some(place) = &d.place else { return out };
    let artifact = json!({"uri": uri(&place.file)});
    map.insert("locations".to_owned(), json!([location(place, &artifact)]));
    if let Some(fix) = &remark.fix {
        let replacements: Vec<Value> = fix
            .edits
            .iter()
            .map(|e| {
                json!({
                    "deletedRegion": {"byteOffset": e.start, "byteLength": e.end - e.start},
                    "insertedContent": {"text": e.text},
                })
            })
            .collect();
        map.insert(
            "fixes".to_owned(),
            json!([{
                "description": {"text": fix.title},
                "artifactChanges": [{"artifactLocation": artifact, "replacements": replacements}],
            }]),
        );
    }
    out
}

fn location(place: &Place, artifact: &Value) -> Value {
    json!({"physicalLocation": {
        "artifactLocation": artifact,
        "region": {
            "startLine": place.line,
            "startColumn": place.column,
            "endColumn": place.column + place.length,
        },
    }})
}

/// A path as a URI reference (RFC 3986).
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    if path.starts_with('/') {
        out.push_str("file://");
    }
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchfloor_detect::{Scope, remarks};

    #[test]
    fn results_name_place_code_and_fix() {
        let text = "title: Example.\nid: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11\nlogsource:\n    product: windows\ndetection:\n    s:\n        a: x\n    condition: s\n";
        let log = log(&remarks("my rules/a.yml", text, Scope::Shared));
        let results = log["runs"][0]["results"].as_array().unwrap();
        let title = results.iter().find(|r| r["ruleId"] == "R091").unwrap();
        assert_eq!(
            title["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
            "my%20rules/a.yml"
        );
        assert_eq!(
            title["locations"][0]["physicalLocation"]["region"],
            json!({"startLine": 1, "startColumn": 8, "endColumn": 16})
        );
        let change = &title["fixes"][0]["artifactChanges"][0]["replacements"][0];
        assert_eq!(
            change["deletedRegion"],
            json!({"byteOffset": 7, "byteLength": 8})
        );
        assert_eq!(change["insertedContent"]["text"], "Example");
        let index = title["ruleIndex"].as_u64().unwrap() as usize;
        assert_eq!(
            log["runs"][0]["tool"]["driver"]["rules"][index]["id"],
            "R091"
        );
    }
}
