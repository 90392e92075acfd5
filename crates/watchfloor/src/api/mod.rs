//! The API for programs: JSON over HTTP, described by `docs/openapi.json`.

mod backtest;
mod dead;
mod outputs;
pub(crate) mod problem;
pub(crate) mod read;
mod sql;
pub(crate) mod view;
pub(crate) mod write;
