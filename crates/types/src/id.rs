//! Identifiers. Two shapes: UUIDs for things that happen, slugs for things that people name.

use std::{fmt, str::FromStr, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Lays out a version 7 UUID (RFC 9562, section 5.7) whose random bits are a hash
/// of `salt`: the same time and salt always give the same id, so replaying a
/// write-ahead log or a journal gives the ids it gave the first time.
#[must_use]
pub fn mint(at: Timestamp, salt: &[&[u8]]) -> Uuid {
    let mut hash = Sha256::new();
    for part in salt {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    let mut random = [0u8; 10];
    random.copy_from_slice(digest.first_chunk::<10>().unwrap_or(&[0; 10]));
    uuid::Builder::from_unix_timestamp_millis(at.as_millisecond().max(0) as u64, &random)
        .into_uuid()
}

macro_rules! uuid_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self { Self(uuid) }
            /// The UUID inside.
            #[must_use]
            pub const fn uuid(self) -> Uuid { self.0 }
            /// A time-ordered id, the same for the same `at` and `salt`; see [`mint`].
            #[must_use]
            pub fn minted(at: Timestamp, salt: &[&[u8]]) -> Self { Self(mint(at, salt)) }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                Uuid::parse_str(text).map(Self).map_err(|_| ParseIdError {
                    kind: stringify!($name), text: text.chars().take(80).collect(),
                })
            }
        }
    )*};
}

uuid_id! {
    /// One event. Version 7; the time part is the time of receipt.
    EventId;
    /// One match of one rule or correlation.
    FindingId;
    /// Grouped findings that ask a person to look.
    AlertId;
    /// An incident.
    IncidentId;
    /// One execution of a runbook.
    RunId;
    /// A draft message.
    DraftId;
    /// One play of an exercise.
    ExerciseId;
    /// A page sent to a responder.
    PageId;
    /// An action item that follows from an exercise or incident.
    ActionItemId;
    /// A decision record: who decided what, when, on which facts.
    DecisionId;
    /// A suppression of findings.
    SuppressionId;
}

impl EventId {
    /// The id of record `index` of write-ahead frame `seq`, received at `received`.
    /// Replaying the frame gives the same id. `index` must be below 2^20, `seq` below 2^42.
    #[must_use]
    pub fn of_record(received: Timestamp, seq: u64, index: u32) -> Self {
        let mut random = [0u8; 10];
        let low = (u128::from(seq) << 20) | u128::from(index & 0xF_FFFF);
        random.copy_from_slice(low.to_be_bytes().last_chunk::<10>().unwrap_or(&[0; 10]));
        // The builder overwrites bits 76-79 (version) and 62-63 (variant) of these 80: `seq` stays below 2^42.
        debug_assert!(seq < 1 << 42, "frame sequence out of range");
        Self(
            uuid::Builder::from_unix_timestamp_millis(
                received.as_millisecond().max(0) as u64,
                &random,
            )
            .into_uuid(),
        )
    }

    /// The write-ahead frame that [`EventId::of_record`] was given.
    #[must_use]
    pub fn frame_seq(self) -> u64 {
        (self.0.as_u128() >> 20) as u64 & ((1 << 42) - 1)
    }
}

/// Text that is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a valid {kind}")]
pub struct ParseIdError {
    kind: &'static str,
    text: String,
}

macro_rules! slug_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str { &self.0 }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let ok = !text.is_empty() && text.len() <= 128 && text.bytes().all(|b| {
                    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':' | b'/' | b'@')
                });
                if ok { Ok(Self(text.into())) } else {
                    Err(ParseIdError { kind: stringify!($name), text: text.chars().take(80).collect() })
                }
            }
        }
        impl TryFrom<String> for $name {
            type Error = ParseIdError;
            fn try_from(text: String) -> Result<Self, ParseIdError> { text.parse() }
        }
        impl From<$name> for String {
            fn from(id: $name) -> String { id.0.as_ref().to_owned() }
        }
    )*};
}

slug_id! {
    /// A configured origin of events: the name of a folder in `content/sources`.
    SourceId;
    /// A tenant: an organisation or unit whose data stays apart.
    TenantId;
    /// A detection rule: a UUID in Sigma, any slug in our own extensions.
    RuleId;
    /// A runbook.
    RunbookId;
    /// A step of a runbook (CACAO 2.0, section 3.1: `action--<uuid>` and so on).
    StepId;
    /// A regime: a law, rule or contract that creates obligations.
    RegimeId;
    /// A stage of an obligation: one filing with its own clock.
    ObligationId;
    /// A message template.
    TemplateId;
    /// An exercise as written, before it is played.
    ExercisePlanId;
    /// An inject of an exercise.
    InjectId;
    /// A person with an account.
    UserId;
    /// An escalation policy.
    EscalationId;
    /// The name of a fact about an incident, such as `incident.aware_at`.
    FactName;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn record_ids_are_unique_and_ordered(seq in 0u64..(1 << 42) - 1, index in 0u32..(1 << 20) - 1) {
            let at = Timestamp::UNIX_EPOCH;
            let a = EventId::of_record(at, seq, index);
            let b = EventId::of_record(at, seq, index + 1);
            prop_assert_eq!(a.frame_seq(), seq);
            let c = EventId::of_record(at, seq + 1, 0);
            prop_assert!(a < b && b < c, "{a} {b} {c}");
            prop_assert_eq!(a.uuid().get_version_num(), 7);
            prop_assert_eq!(a.to_string().parse::<EventId>().unwrap(), a);
        }
    }

    #[test]
    fn a_slug_refuses_what_could_break_out_of_a_name() {
        for bad in ["", "a b", "a\nb", "a\"b", "ä", &"x".repeat(129)] {
            assert!(bad.parse::<SourceId>().is_err(), "{bad:?}");
        }
        assert_eq!(
            "aws.cloudtrail".parse::<SourceId>().unwrap().as_str(),
            "aws.cloudtrail"
        );
    }
}
