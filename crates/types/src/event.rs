//! Events: envelope, byte-exact native record, sparse canonical view.

use std::{borrow::Borrow, fmt, sync::Arc};

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{EventId, ExerciseId, InjectId, SourceId, TenantId};

/// A canonical field name (`source.ip`, `gen_ai.request.model`): ECS and OpenTelemetry
/// names plus the small `ai.*` extension of `docs/fields.md`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FieldName(Arc<str>);

impl FieldName {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl From<&str> for FieldName {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}
impl Borrow<str> for FieldName {
    fn borrow(&self) -> &str {
        &self.0
    }
}
impl fmt::Display for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &self.0)
    }
}

/// A canonical value. Serialises as plain JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Str(Box<str>),
    /// Several values; any may match.
    List(Vec<Value>),
}

impl Value {
    /// The text, if this is text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(s) => Some(s),
            Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::List(_) => None,
        }
    }
}
impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.into())
    }
}
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(b) => b.fmt(f),
            Self::Int(i) => i.fmt(f),
            Self::Float(x) => x.fmt(f),
            Self::Str(s) => f.write_str(s),
            Self::List(items) => {
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        f.write_str(", ")?;
                    }
                    item.fmt(f)?;
                }
                Ok(())
            }
        }
    }
}

/// The sparse canonical view: field to value, sorted by field, each field once.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Norm(Vec<(FieldName, Value)>);

impl Norm {
    /// The value of `field`.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&Value> {
        let at = self
            .0
            .binary_search_by(|(name, _)| name.as_str().cmp(field))
            .ok()?;
        self.0.get(at).map(|(_, value)| value)
    }
    /// The text of `field`, if it is text.
    #[must_use]
    pub fn str(&self, field: &str) -> Option<&str> {
        self.get(field).and_then(Value::as_str)
    }
    /// Sets `field`, replacing what was there.
    pub fn set(&mut self, field: FieldName, value: Value) {
        match self.0.binary_search_by(|(name, _)| name.cmp(&field)) {
            Ok(at) => {
                if let Some(slot) = self.0.get_mut(at) {
                    slot.1 = value;
                }
            }
            Err(at) => self.0.insert(at, (field, value)),
        }
    }
    /// All fields in order.
    pub fn iter(&self) -> impl Iterator<Item = (&FieldName, &Value)> {
        self.0.iter().map(|(name, value)| (name, value))
    }
    /// How many fields are set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }
    /// Whether none is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
impl FromIterator<(FieldName, Value)> for Norm {
    fn from_iter<I: IntoIterator<Item = (FieldName, Value)>>(iter: I) -> Self {
        let mut all: Vec<(FieldName, Value)> = iter.into_iter().collect();
        // Stable: of equal names the last given stays last, and stays.
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        all.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
        Self(all)
    }
}

/// Which of the two views of an event a rule reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum View {
    /// The vendor's own field names: rules of SigmaHQ and other native rules.
    Native,
    /// Canonical names: rules written once for all vendors.
    Norm,
}

/// The Sigma logsource of an event or rule (Sigma 2.1, "Log source"). An event is seen by a
/// rule when each part that the rule names equals the event's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Logsource {
    /// `windows`, `aws`, `litellm`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<Arc<str>>,
    /// `process_creation`, `gen_ai`, `mcp`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Arc<str>>,
    /// `sysmon`, `cloudtrail`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Arc<str>>,
}

impl Logsource {
    /// Categories whose rules read the canonical view (our Sigma taxonomy appendix, `docs/fields.md`).
    pub const NORM_CATEGORIES: &[&str] = &[
        "ai_admin",
        "ai_agent",
        "ai_host",
        "ai_registry",
        "gen_ai",
        "gpu",
        "guardrail",
        "mail_gateway",
        "mcp",
        "ticket",
        "vector_db",
    ];

    /// The view that a rule with this logsource reads.
    #[must_use]
    pub fn view(&self) -> View {
        match &self.category {
            Some(c) if Self::NORM_CATEGORIES.contains(&c.as_ref()) => View::Norm,
            _ => View::Native,
        }
    }

    /// The word for a part of an event's logsource that nobody knows: rules see it whatever they
    /// name there.
    pub const UNKNOWN: &str = "*";

    /// Categories that stand for several others (Sigma 2.1, taxonomy appendix, "Registry").
    const WIDE_CATEGORIES: &[(&str, &[&str])] = &[(
        "registry_event",
        &[
            "registry_add",
            "registry_delete",
            "registry_set",
            "registry_rename",
        ],
    )];

    /// The logsource of an event of which nothing is known: every rule sees it.
    #[must_use]
    pub fn unknown() -> Self {
        let part = Some(Arc::from(Self::UNKNOWN));
        Self {
            product: part.clone(),
            category: part.clone(),
            service: part,
        }
    }

    /// Whether a rule with this logsource sees an event with logsource `event`.
    #[must_use]
    pub fn sees(&self, event: &Logsource) -> bool {
        let part = |rule: &Option<Arc<str>>, event: &Option<Arc<str>>| {
            rule.is_none() || rule == event || event.as_deref() == Some(Self::UNKNOWN)
        };
        let holds = |wide: &str, narrow: &str| {
            let row = Self::WIDE_CATEGORIES.iter().find(|(w, _)| *w == wide);
            row.is_some_and(|(_, narrows)| narrows.contains(&narrow))
        };
        let category = part(&self.category, &event.category)
            || matches!((&self.category, &event.category), (Some(r), Some(e)) if holds(r, e));
        category && part(&self.product, &event.product) && part(&self.service, &event.service)
    }
}

impl fmt::Display for Logsource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for (key, value) in [
            ("product", &self.product),
            ("category", &self.category),
            ("service", &self.service),
        ] {
            if let Some(value) = value {
                if !first {
                    f.write_str(" ")?;
                }
                write!(f, "{key}={value}")?;
                first = false;
            }
        }
        Ok(())
    }
}

/// Marks an event as emitted by an exercise. It sits in the envelope, where no rule can see it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Mark {
    /// The play.
    pub exercise: ExerciseId,
    /// The inject that emitted it.
    pub inject: InjectId,
}

/// One normalised observation.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Stable across a replay of the write-ahead log.
    pub id: EventId,
    /// When it happened, as the record says; the time of receipt where it says nothing.
    pub time: Timestamp,
    /// When it was received.
    pub received: Timestamp,
    /// Where it came from.
    pub source: SourceId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Resolved at ingest.
    pub logsource: Logsource,
    /// Emitted by an exercise. No rule can see this.
    pub mark: Option<Mark>,
    /// The record as it came, byte for byte.
    pub native: Bytes,
    /// The canonical view.
    pub norm: Norm,
}

/// Records as received in one request, before mapping: the unit of the write-ahead log.
/// Replaying a frame maps to the same events with the same ids.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Position in the write-ahead log; 0 until it is appended.
    pub seq: u64,
    /// When it was received.
    pub received: Timestamp,
    /// The source whose mapping applies.
    pub source: SourceId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Emitted by an exercise.
    pub mark: Option<Mark>,
    /// One native record each, at most 2^20.
    pub records: Vec<Bytes>,
    /// Pieces of the request that are no record; they become dead letters.
    pub refused: Vec<Refused>,
}

/// A piece of a request that is no record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The piece as it came.
    pub raw: Bytes,
    /// What is wrong with it, at most 64 KiB.
    pub reason: String,
}

/// A record that could not be understood, kept with the reason so that it can be replayed.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    /// The id its event would have had.
    pub id: EventId,
    /// When it was received.
    pub received: Timestamp,
    /// The source it was sent to.
    pub source: SourceId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What went wrong, with a byte offset where there is one.
    pub reason: String,
    /// The record as it came.
    pub raw: Bytes,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ls(product: &str, category: &str, service: &str) -> Logsource {
        let part = |s: &str| (!s.is_empty()).then(|| Arc::from(s));
        Logsource {
            product: part(product),
            category: part(category),
            service: part(service),
        }
    }

    #[test]
    fn a_rule_sees_only_events_that_carry_every_part_it_names() {
        let event = ls("windows", "process_creation", "sysmon");
        for (rule, seen) in [
            (ls("windows", "", ""), true),
            (ls("", "process_creation", ""), true),
            (ls("windows", "", "security"), false),
            (ls("linux", "process_creation", ""), false),
            (ls("", "", ""), true),
        ] {
            assert_eq!(rule.sees(&event), seen, "{rule}");
        }
        assert!(!ls("windows", "process_creation", "").sees(&ls("windows", "", "")));
        assert!(ls("windows", "process_creation", "sysmon").sees(&Logsource::unknown()));
        let registry = ls("windows", "registry_event", "");
        assert!(registry.sees(&ls("windows", "registry_set", "sysmon")));
        assert!(!registry.sees(&ls("windows", "file_event", "sysmon")));
        assert!(!ls("windows", "registry_set", "").sees(&ls("windows", "registry_event", "")));
        assert_eq!(ls("", "gen_ai", "").view(), View::Norm);
        assert_eq!(ls("aws", "", "cloudtrail").view(), View::Native);
    }

    proptest! {
        #[test]
        fn norm_returns_the_last_value_set(pairs in proptest::collection::vec(("[a-d]{1,2}", any::<i64>()), 0..20)) {
            let norm: Norm = pairs.iter().map(|(k, v)| (FieldName::from(k.as_str()), Value::Int(*v))).collect();
            for (k, _) in &pairs {
                let last = pairs.iter().rev().find(|(key, _)| key == k).map(|(_, v)| Value::Int(*v));
                prop_assert_eq!(norm.get(k).cloned(), last);
            }
            let names: Vec<_> = norm.iter().map(|(k, _)| k.as_str().to_owned()).collect();
            let mut sorted = names.clone();
            sorted.sort();
            sorted.dedup();
            prop_assert_eq!(names, sorted);
        }
    }
}
