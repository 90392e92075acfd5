//! Whole-program tests: one binary, so that the program is linked once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stderr,
    clippy::disallowed_methods,
    unreachable_pub,
    missing_docs,
    reason = "a test fails by panicking, and its helpers are part of it"
)]

#[path = "../../../detect/tests/it/corpus.rs"]
#[expect(dead_code, reason = "shared with the tests of another crate")]
#[allow(
    clippy::print_stdout,
    clippy::case_sensitive_file_extension_comparisons,
    reason = "as in the crate that it is of"
)]
mod corpus;
mod cycle;
mod demo;
mod durability;
mod hostile;
mod offline;
mod openapi;
mod outputs;
mod pages;
mod program;
mod rules;
mod runs;
mod tidy;
mod workbench;
