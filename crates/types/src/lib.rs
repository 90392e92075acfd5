//! Words that cross crate walls: ids, events, findings, indicators, effects, diagnostics.
//!
//! Every other crate depends on this one and on no other of ours. Nothing here
//! reads a clock, a file, a socket or randomness: `now` is always passed in.

mod actor;
mod diagnostic;
mod effect;
mod event;
mod field;
mod finding;
mod id;
mod indicator;
mod secret;
mod severity;
mod tlp;

pub use actor::{Actor, ParseRoleError, Role};
pub use diagnostic::{Diagnostic, Level, Place};
pub use effect::{Effect, EffectClass, EffectKey, EffectKind, Outcome, OutcomeStatus};
pub use event::{DeadLetter, Event, FieldName, Frame, Logsource, Mark, Norm, Refused, Value, View};
pub use field::CANONICAL_FIELDS;
pub use finding::{Finding, FindingKind, MatchedField, RuleRef};
pub use id::*;
pub use indicator::{Indicator, IndicatorKind, IndicatorMatch, ParseIndicatorKindError};
pub use secret::Secret;
pub use severity::{ParseSeverityError, Severity};
pub use tlp::{ParseTlpError, Tlp};

pub use jiff::{SignedDuration, Timestamp};
