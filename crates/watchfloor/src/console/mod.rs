//! Pages, rendered on the server and readable without scripts.

pub(crate) mod alerts;
pub(crate) mod assets;
pub(crate) mod chart;
pub(crate) mod clocks;
pub(crate) mod drafts;
pub(crate) mod exercises;
pub(crate) mod form;
pub(crate) mod frame;
pub(crate) mod incidents;
pub(crate) mod now;
pub(crate) mod outputs;
pub(crate) mod rule_edit;
pub(crate) mod rules;
pub(crate) mod runs;
pub(crate) mod search;
pub(crate) mod sources;
pub(crate) mod suppressions;
