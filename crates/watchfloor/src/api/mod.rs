//! The API for programs: JSON over HTTP, described by `docs/openapi.json`.

pub(crate) mod backtest;
mod dead;
mod outputs;
pub(crate) mod problem;
pub(crate) mod read;
pub(crate) mod rules;
mod sql;
mod suppressions;
pub(crate) mod view;
pub(crate) mod write;
