//! Bytes to events: formats, decoding, mapping.
//!
//! Two steps, both pure. [`format::FORMATS`] takes the body of a request apart into native
//! records; [`Source::map_frame`] turns records into [`watchfloor_types::Event`]s by the mapping
//! in `content/sources/<id>/source.yml` (`docs/sources.md`).

mod cond;
mod convert;
mod envelope;
pub mod format;
mod golden;
mod join;
pub mod json;
mod logsource;
mod map;
mod messages;
mod path;
mod shape;
mod source;
mod spec;
pub mod stream;
mod time;
mod transform;
pub mod windows;

pub use format::{
    Decoded, FORMATS, Format, Limits, RecordError,
    bulk::{Bulk, BulkItem, BulkRefusal},
};
pub use golden::TestOutcome;
pub use join::Joiner;
pub use map::{Mapped, refused};
pub use messages::instruction_hash;
pub use source::{Source, Sources};
