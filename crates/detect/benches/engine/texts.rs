//! Rules with other texts.

use std::fmt::Write as _;

/// The rule with the letters of its values exchanged, its id and title as well: its selections ask
/// for other texts of the same fields, just as long and as common.
pub(crate) fn turned(text: &str, turn: u8) -> String {
    let mut out = String::new();
    let mut inside = false;
    let swap = |c: char| match c {
        'a'..='z' => (b'a' + (c as u8 - b'a' + 3 * turn) % 26) as char,
        'A'..='Z' => (b'A' + (c as u8 - b'A' + 3 * turn) % 26) as char,
        other => other,
    };
    for line in text.lines() {
        let top = !line.starts_with([' ', '-']);
        if top {
            inside = line.starts_with("detection:");
        }
        if let Some(id) = line.strip_prefix("id: ") {
            let hex: String = id
                .chars()
                .map(|c| match c.to_digit(16) {
                    Some(d) => char::from_digit((d + u32::from(turn)) % 16, 16).unwrap(),
                    None => c,
                })
                .collect();
            writeln!(out, "id: {hex}").unwrap();
        } else if line.starts_with("name: ") {
        } else if inside && !line.trim_start().starts_with("condition") && !line.contains("|re") {
            // A value stands after the colon, or after the dash of a list.
            let (head, value) = match (line.split_once(": "), line.split_once("- ")) {
                (Some((head, value)), _)
                    if !head.trim_start().starts_with("- '") && !head.contains('\'') =>
                {
                    (format!("{head}: "), value)
                }
                (_, Some((head, value))) if head.trim().is_empty() => (format!("{head}- "), value),
                _ => (line.to_owned(), ""),
            };
            let value = value.split(" #").next().unwrap_or(value);
            let keep = value.contains(':')
                || value.parse::<f64>().is_ok()
                || matches!(value, "null" | "true" | "false");
            let value: String = if keep {
                value.to_owned()
            } else {
                value.chars().map(swap).collect()
            };
            writeln!(out, "{head}{value}").unwrap();
        } else {
            writeln!(out, "{line}").unwrap();
        }
    }
    out
}

/// The rule for events of one kind, which all events of the bench then are.
pub(crate) fn without_logsource(text: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("logsource:") {
            inside = true;
            out.push_str("logsource:\n    product: any\n");
            continue;
        }
        inside &= line.starts_with([' ', '#']);
        if !inside {
            writeln!(out, "{line}").unwrap();
        }
    }
    out
}
