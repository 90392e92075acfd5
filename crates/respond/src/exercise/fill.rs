//! Placeholders in the records of an inject.
//!
//! | placeholder | becomes |
//! |---|---|
//! | `{{time}}` | RFC 3339 in UTC, milliseconds |
//! | `{{time_s}}`, `{{time_ms}}`, `{{time_ns}}` | time since 1970 in that unit |
//! | `{{tenant}}` | the tenant of the play |
//! | `{{uuid:NAME}}` | a UUID, the same for the same play and name |
//! | `{{hex16:NAME}}`, `{{hex32:NAME}}` | that many hex digits, the same for the same play and name |
//!
//! Each time takes an offset in seconds: `{{time+5s}}`, `{{time_ns-1s}}`.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use watchfloor_types::{ExerciseId, TenantId};

/// A placeholder that means nothing, or one that is not closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown placeholder `{{{{{placeholder}}}}}` in a record")]
pub struct FillError {
    /// What stands between the braces.
    pub placeholder: String,
}

/// `record` with its placeholders filled in for a play, its tenant and a moment.
pub fn fill(
    record: &str,
    exercise: ExerciseId,
    tenant: &TenantId,
    at: Timestamp,
) -> Result<String, FillError> {
    let mut filled = String::with_capacity(record.len() + 32);
    let mut rest = record;
    while let Some((before, after)) = rest.split_once("{{") {
        filled.push_str(before);
        let (placeholder, after) = after.split_once("}}").ok_or_else(|| unknown(after))?;
        match placeholder.trim() {
            "tenant" => filled.push_str(tenant.as_str()),
            other => filled.push_str(&value(other, exercise, at)?),
        }
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn value(placeholder: &str, exercise: ExerciseId, at: Timestamp) -> Result<String, FillError> {
    if let Some((kind, name)) = placeholder.split_once(':') {
        let salt = format!("{exercise} {name}");
        return match kind {
            "uuid" => Ok(name_uuid(salt.as_bytes()).to_string()),
            "hex16" => Ok(hex(salt.as_bytes(), 16)),
            "hex32" => Ok(hex(salt.as_bytes(), 32)),
            _ => Err(unknown(placeholder)),
        };
    }
    let cut = placeholder.find(['+', '-']).unwrap_or(placeholder.len());
    let (unit, offset) = placeholder
        .split_at_checked(cut)
        .ok_or_else(|| unknown(placeholder))?;
    let seconds = match offset {
        "" => 0,
        _ => offset
            .strip_suffix('s')
            .and_then(|text| text.parse::<i64>().ok())
            .ok_or_else(|| unknown(placeholder))?,
    };
    let at = at
        .saturating_add(SignedDuration::from_secs(seconds))
        .unwrap_or(at);
    match unit {
        "time" => Ok(format!("{at:.3}")),
        "time_s" => Ok(at.as_second().to_string()),
        "time_ms" => Ok(at.as_millisecond().to_string()),
        "time_ns" => Ok(at.as_nanosecond().to_string()),
        _ => Err(unknown(placeholder)),
    }
}

fn unknown(placeholder: &str) -> FillError {
    FillError {
        placeholder: placeholder.chars().take(80).collect(),
    }
}

fn name_uuid(salt: &[u8]) -> Uuid {
    let digest = Sha256::digest(salt);
    let mut bytes = [0u8; 16];
    bytes.copy_from_slice(digest.first_chunk::<16>().unwrap_or(&[0; 16]));
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// The first `digits` hex digits of the SHA-256 of `bytes`; at most 64.
pub(crate) fn hex(bytes: &[u8], digits: usize) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        let _written = write!(text, "{byte:02x}");
    }
    text.truncate(digits);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(record: &str, expected: Result<&str, &str>) {
        let exercise = ExerciseId::from_uuid(Uuid::nil());
        let at = "2027-03-02T08:02:00Z".parse().unwrap();
        let got = fill(record, exercise, &"acme".parse().unwrap(), at);
        assert_eq!(
            got.as_deref().map_err(|e| e.placeholder.as_str()),
            expected,
            "{record}"
        );
    }

    #[test]
    fn times_and_names() {
        check(
            r#"{"t":"{{time}}"}"#,
            Ok(r#"{"t":"2027-03-02T08:02:00.000Z"}"#),
        );
        check(
            "{{time+90s}} {{time_s-1s}}",
            Ok("2027-03-02T08:03:30.000Z 1803974519"),
        );
        check(
            "{{time_ms}} {{time_ns}}",
            Ok("1803974520000 1803974520000000000"),
        );
        check("{{tenant}}", Ok("acme"));
        check("no placeholder }} {", Ok("no placeholder }} {"));
        check("{{now}}", Err("now"));
        check("{{time+5}}", Err("time+5"));
        check("{{rot13:x}}", Err("rot13:x"));
        check("{{time", Err("time"));
    }

    #[test]
    fn a_name_is_the_same_within_a_play_and_another_in_the_next() {
        let at = Timestamp::UNIX_EPOCH;
        let of = |n: u128, text: &str| {
            let exercise = ExerciseId::from_uuid(Uuid::from_u128(n));
            fill(text, exercise, &"acme".parse().unwrap(), at).unwrap()
        };
        assert_eq!(of(1, "{{hex32:trace}}"), of(1, "{{hex32:trace}}"));
        assert_ne!(of(1, "{{hex32:trace}}"), of(2, "{{hex32:trace}}"));
        assert_ne!(of(1, "{{hex16:a}}"), of(1, "{{hex16:b}}"));
        assert_eq!(of(1, "{{hex16:a}}").len(), 16);
        assert!(of(1, "{{uuid:a}}").parse::<Uuid>().is_ok());
    }
}
