//! Effects: things that `respond` wants done outside, and what came of them.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{IncidentId, RunId, severity::words};

/// Idempotency key of an effect: the same effect always has the same key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EffectKey(pub String);

impl fmt::Display for EffectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

words! {
    /// What an effect can do to the world, harmless first.
    EffectClass, ParseEffectClassError, "an effect class", {
        /// Only looks.
        Read = "read",
        /// Takes a copy for evidence.
        Snapshot = "snapshot",
        /// Sets something to a value; doing it twice is doing it once.
        SetState = "set-state",
        /// Sends something to somebody.
        Send = "send",
        /// Cannot be taken back.
        Destructive = "destructive",
    }
}
impl EffectClass {
    /// Whether it may be tried again after a crash left its outcome unknown.
    /// The rest is *in doubt* and asks a person, unless the receiver honours the key.
    #[must_use]
    pub fn may_repeat(self) -> bool {
        match self {
            Self::Read | Self::Snapshot | Self::SetState => true,
            Self::Send | Self::Destructive => false,
        }
    }
}

/// A thing to be done by `edge`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// Idempotency key; also sent to receivers that honour one.
    pub key: EffectKey,
    /// What it can do.
    pub class: EffectClass,
    /// What to do.
    pub kind: EffectKind,
    /// The incident it belongs to.
    pub incident: Option<IncidentId>,
    /// The run that asked for it, for the outcome to find its way back.
    pub run: Option<RunId>,
    /// Asked by an exercise or dry run: `edge` records it and sends nothing to real recipients.
    pub rehearsal: bool,
    /// When it was decided.
    pub at: Timestamp,
    /// Give up after this time.
    pub deadline: Timestamp,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum EffectKind {
    /// POST a JSON document to a channel that the settings name.
    Webhook {
        /// Name of the channel in the settings; the URL and secret are only there.
        channel: String,
        /// The document.
        body: serde_json::Value,
    },
    /// An HTTP request of a runbook (CACAO 2.0, section 5.7, `http-api`) to a target that the settings name.
    HttpApi {
        /// Name of the target in the settings.
        target: String,
        /// Method.
        method: String,
        /// Path and query, with variables filled in and percent-encoded.
        path: String,
        /// Header fields, without credentials.
        headers: Vec<(String, String)>,
        /// Body.
        body: Option<String>,
    },
}

words! {
    /// What came of an effect.
    OutcomeStatus, ParseOutcomeStatusError, "an outcome", {
        /// It was done.
        Done = "done",
        /// It was recorded, not done: rehearsal.
        Rehearsed = "rehearsed",
        /// The receiver refused or could not be reached; nothing happened there.
        Failed = "failed",
        /// Nobody knows whether it happened.
        InDoubt = "in-doubt",
    }
}

/// What came of an effect, fed back as an input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Which effect.
    pub key: EffectKey,
    /// What came of it.
    pub status: OutcomeStatus,
    /// One line for the timeline.
    pub detail: String,
    /// What the receiver answered, for later steps: at most 64 KiB.
    pub output: Option<serde_json::Value>,
    /// When it was known.
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_taken_back_is_never_repeated_blindly() {
        assert!(EffectClass::SetState.may_repeat());
        assert!(!EffectClass::Send.may_repeat());
        assert!(!EffectClass::Destructive.may_repeat());
    }
}
