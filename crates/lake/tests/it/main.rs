//! The lake from outside: searches against a plain filter, crashes against a list.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may fail loudly, also in what they share"
)]

mod consistency;
#[cfg(feature = "delta")]
mod delta;
mod events;
mod model;
mod search;
#[cfg(feature = "sql")]
mod sql;
