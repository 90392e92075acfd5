//! Tests of the whole crate; those that need the corpus say so and pass when it is not there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::case_sensitive_file_extension_comparisons,
    reason = "a test fails by panicking"
)]

mod array;
mod codes;
mod corpus;
mod correlate;
mod differential;
mod equivalence;
mod findings;
mod layout;
mod load;
mod modifiers;
mod mutation;
mod oracle;
mod pipeline;
mod practice;
mod reference;
mod regression;
mod reload;
mod semantics;
mod snapshot;
