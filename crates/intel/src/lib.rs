//! STIX and MISP in, indicators out, matching.
//!
//! ```text
//! STIX bundle ─► import_stix ─┐
//!                             ├─► Indicator ─► Matcher ─► IndicatorMatch ─► finding, sighting
//! MISP event  ─► import_misp ─┘        ▲
//!                          Warninglists: what is too common to say anything
//! ```
//!
//! Feeds are foreign text: whatever they hold becomes a value, a verbatim copy or a diagnostic.

mod extract;
mod finding;
mod json;
mod marking;
mod matcher;
mod misp;
mod normal;
mod pattern;
mod stix;
mod technique;
mod warninglist;

pub use extract::{
    ADDRESS_FIELDS, DOMAIN_FIELDS, EMAIL_FIELDS, HASH_FIELDS, TEXT_FIELDS, URL_FIELDS,
};
pub use finding::{finding, sighting};
pub use matcher::{Matcher, Subdomains};
pub use misp::import_misp;
pub use pattern::{
    Comparison, Literal, ObjectPath, Observation, Op, PatternError, Qualifier, Step, parse_pattern,
};
pub use stix::{Imported, StixObject, import_stix};
pub use warninglist::Warninglists;
