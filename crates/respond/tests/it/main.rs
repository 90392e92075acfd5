//! The responder from outside: findings in, entries and effects out.
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

mod corpus;
mod dates;
mod drafts;
mod flagship;
mod floor;
mod golden;
mod lantern;
mod oncall;
mod rules;
mod runbook;
