//! Sigma rules: parse, compile, match, correlate. Event in, findings out; no clock, file or socket.
//!
//! # How to use it
//!
//! ```
//! use std::sync::Arc;
//! use watchfloor_detect::{Correlator, Engine, Limits, Options, Scratch, parse_rules};
//! # use watchfloor_detect::event_of_json;
//! # use watchfloor_types::{Event, Finding, Logsource, Norm, Timestamp};
//! # let files = [("rules/a.yml", "title: A\nid: a\nlogsource: {product: p}\ndetection:\n    s: {k: v}\n    condition: s\n")];
//! # let logsource = Logsource { product: Some("p".into()), ..Logsource::default() };
//! # let batch: Vec<Event> = vec![event_of_json("{\"k\":\"V\"}", logsource, Norm::default(), Timestamp::UNIX_EPOCH)];
//! # let now = Timestamp::UNIX_EPOCH;
//! // Load: every file gives documents and diagnostics; a broken one never hides the others.
//! let mut documents = Vec::new();
//! let mut diagnostics = Vec::new();
//! for (path, text) in files {
//!     let (read, found) = parse_rules(path, text, &Options::default());
//!     documents.extend(read);
//!     diagnostics.extend(found);
//! }
//! let (engine, found) = Engine::new(documents);
//! diagnostics.extend(found);
//! let engine = Arc::new(engine);
//!
//! // Match: any number of threads, one `Scratch` each. `hits` belong to the event.
//! let mut scratch = Scratch::new();
//! let mut hits = Vec::new();
//! // Correlate: one thread, in the order of arrival, with all hits.
//! let mut correlator = Correlator::new(&engine, Limits::default());
//! let mut findings: Vec<Finding> = Vec::new();
//! for event in &batch {
//!     engine.detect(event, &mut scratch, now, &mut hits, &mut findings);
//!     correlator.feed(event, &hits, &mut findings, now);
//! }
//! // When no events come, let windows end.
//! correlator.advance(now, &mut findings);
//! # assert_eq!(findings.len(), 1);
//!
//! // Reload: build another engine and swap the `Arc`. Correlations whose text did not change
//! // keep their windows. A `Scratch` notices by itself; hits must not cross engines.
//! # let (reloaded, _) = Engine::new(engine.documents().to_vec());
//! let engine = Arc::new(reloaded);
//! let correlator = correlator.reloaded(&engine);
//! # assert_eq!(correlator.groups(), 0);
//! ```
//!
//! # How it works
//!
//! - **Logsource first, and strict** ([`watchfloor_types::Logsource::sees`]): the rules that see
//!   one kind of event are compiled together, the first time such an event comes.
//! - **Asks are interned**: a question about one field (`Image endswith \cmd.exe`) is asked once,
//!   however many rules ask it. Per field, equal texts are in a hash table, prefixes and suffixes
//!   in tries, inner texts by their rarest four bytes; each value is looked at once.
//! - **Triggers**: a rule is tried only when one of a small set of asks holds that it cannot do
//!   without. Only these are looked for in every event. Which set is chosen first by length, then by
//!   what events showed, against the cost of the fields that have to be gone through.
//! - **Keywords** are looked for in the record as it is written, once, not value by value.
//! - **Slow asks** (regular expressions, networks, comparisons, other fields) are answered on
//!   demand, once per event, behind texts of which every match contains one, where there are any.
//! - The native record is **scanned, never built**: see the module `engine::record`.
//!
//! Rules with a logsource category of [`watchfloor_types::Logsource::NORM_CATEGORIES`] read the
//! canonical view, all others the native record. No rule can read an event's mark.
//! What the standard leaves open is decided in `docs/sigma-semantics.md`.
#![forbid(unsafe_code)]

mod correlate;
mod diagnostics;
mod engine;
mod finding;
mod fold;
mod layout;
mod modifier;
mod op;
mod pattern;
mod plain;
mod practice;
mod rule;
mod sample;
mod score;
mod tune;
mod yaml;

pub use correlate::{Correlator, Counters, Limits, Restored, SnapshotError};
pub use diagnostics::{Code, codes};
pub use engine::{
    ClassCost, Costs, Engine, Explanation, Hit, ItemTrace, RuleCost, Scratch, SelectionTrace,
};
pub use finding::ENTITY_FIELDS;
pub use layout::layout;
pub use modifier::{MODIFIERS, Modifier};
pub use plain::plain_sigma;
pub use practice::{Allowances, Edit, Fix, Remark, Scope, allowances, mended, remarks};
pub use rule::{
    Aggregate, Document, Expect, Options, Pipeline, RuleMeta, Sample, SampleEvent, Status,
    Threshold, parse_lists, parse_pipeline, parse_rules,
};
pub use sample::{SampleOutcome, event_of_json, norm_of_json};
pub use score::{Advice, Bounds, Known, advise};
pub use tune::{
    Evidence, Form as FilterForm, NoProposal, Proposal, Refused, Trust, fields_of, matching, tune,
};
