//! Strong entities: values that are specific enough to say "this belongs together".

use std::fmt;

use serde::{Deserialize, Serialize};
use watchfloor_types::{Finding, TenantId, Value};

use crate::word::words;

words! {
    /// What a strong entity is. The order is the order in which alerts are grouped: who acts comes
    /// before what they used.
    EntityKind, "a kind of entity", {
        /// An AI agent or the principal behind a call.
        Identity = "agent or principal",
        /// A key, by id or hash.
        Key = "key",
        /// A host.
        Host = "host",
        /// A session or conversation.
        Session = "session",
        /// The hash of an instruction text.
        Instruction = "instruction hash",
        /// A distributed trace.
        Trace = "trace",
        /// The name of a secret.
        Secret = "secret",
    }
}

/// Canonical fields (`docs/fields.md`) that hold a strong entity.
const FIELDS: &[(&str, EntityKind)] = &[
    ("ai.principal.id", EntityKind::Identity),
    ("gen_ai.agent.id", EntityKind::Identity),
    ("gen_ai.agent.name", EntityKind::Identity),
    ("ai.key.id", EntityKind::Key),
    ("host.name", EntityKind::Host),
    ("session.id", EntityKind::Session),
    ("gen_ai.conversation.id", EntityKind::Session),
    ("mcp.session.id", EntityKind::Session),
    ("ai.instruction.hash", EntityKind::Instruction),
    ("trace.id", EntityKind::Trace),
    ("ai.secret.name", EntityKind::Secret),
];

/// Values that sources write when they know nothing. Grouping by them would join strangers.
const PLACEHOLDERS: &[&str] = &[
    "",
    "-",
    "?",
    "0",
    "anonymous",
    "default",
    "localhost",
    "n/a",
    "na",
    "nil",
    "none",
    "null",
    "undefined",
    "unknown",
];

/// A strong entity of a finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Entity {
    /// What it is.
    pub kind: EntityKind,
    /// Its value, as the source wrote it.
    pub value: String,
    /// Whose it is. None for what means the same everywhere: an instruction hash and a key id are
    /// the same thing in every tenant; an agent called `support` is not.
    pub tenant: Option<TenantId>,
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.kind, self.value)
    }
}

/// The strong entities of `finding`, each once, in the order of [`EntityKind`].
#[must_use]
pub fn strong(finding: &Finding) -> Vec<Entity> {
    let mut found: Vec<Entity> = finding
        .entities
        .iter()
        .filter_map(|(field, value)| {
            let (_, kind) = FIELDS.iter().find(|(name, _)| name == field)?;
            Some(
                texts(value)
                    .into_iter()
                    .filter(|text| specific(text))
                    .map(|value| Entity {
                        kind: *kind,
                        value,
                        tenant: scope(*kind, &finding.tenant),
                    }),
            )
        })
        .flatten()
        .collect();
    found.sort();
    found.dedup();
    found
}

/// The texts of every value that `finding` holds for `field`, from its entities and then from what
/// matched, each once.
pub(crate) fn values(finding: &Finding, field: &str) -> Vec<String> {
    let mut found: Vec<String> = finding
        .entities
        .iter()
        .filter(|(name, _)| name == field)
        .flat_map(|(_, value)| texts(value))
        .chain(
            finding
                .matched
                .iter()
                .filter(|matched| matched.field == field)
                .map(|matched| matched.value.clone()),
        )
        .filter(|text| !text.trim().is_empty())
        .collect();
    found.sort();
    found.dedup();
    found
}

fn scope(kind: EntityKind, tenant: &TenantId) -> Option<TenantId> {
    match kind {
        EntityKind::Key | EntityKind::Instruction => None,
        EntityKind::Identity
        | EntityKind::Host
        | EntityKind::Session
        | EntityKind::Trace
        | EntityKind::Secret => Some(tenant.clone()),
    }
}

fn specific(text: &str) -> bool {
    let text = text.trim();
    !PLACEHOLDERS.iter().any(|p| text.eq_ignore_ascii_case(p))
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::List(items) => items.iter().flat_map(texts).collect(),
        Value::Str(text) => vec![text.to_string()],
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => vec![value.to_string()],
    }
}
