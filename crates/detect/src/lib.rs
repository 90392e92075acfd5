//! Sigma rules: parse, compile, match, correlate.
#![forbid(unsafe_code)]

mod correlate;
mod diagnostics;
mod engine;
mod finding;
mod fold;
mod modifier;
mod op;
mod pattern;
mod rule;
mod sample;
mod yaml;

pub use correlate::{Correlator, Counters, Limits};
pub use diagnostics::{CODES, Code};
pub use engine::{Engine, Explanation, Hit, ItemTrace, Scratch, SelectionTrace};
pub use finding::ENTITY_FIELDS;
pub use modifier::{MODIFIERS, Modifier};
pub use rule::{
    Aggregate, Document, Expect, Options, RuleMeta, Sample, SampleEvent, Status, Threshold,
    parse_rules,
};
pub use sample::{SampleOutcome, event_of_json, norm_of_json};
