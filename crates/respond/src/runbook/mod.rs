//! Runbooks and runs.
//!
//! A runbook is data (CACAO 2.0, a stated subset, see `docs/runbooks.md`); a run is a tree of
//! branches over it. `advance` says what comes next and changes nothing; entries move branches.

mod advance;
mod apply;
mod bind;
mod decide;
mod entry;
mod expr;
mod lint;
mod log;
mod model;
mod needs;
mod node;
mod parse;
mod parse_step;
mod run;
mod start;

pub use bind::{BindError, Body, Template};
pub use entry::{At, Entry, Input, Mode, Purpose, Resolution, RunResult, Wait};
pub use expr::{Expr, ExprError, Op, Operand, Verdict};
pub use model::{
    EXTENSION, IncidentProperty, Job, More, Runbook, Source, StartPolicy, Step, StepKind, Variable,
};
pub use parse::parse;
pub use run::{Branch, Doing, End, Phase, Position, Record, RecordEnd, Run, Runs};

pub(crate) use apply::apply;
pub(crate) use decide::{decide, on_outcome, on_tick, react};
