//! On-call: pages, acknowledgement, escalation.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use watchfloor_types::Actor;

use crate::{Decision, Refusal, State};

/// What a person may ask.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {}

/// What the journal keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Entry {}

/// This module's part of the state.
#[derive(Debug, Clone, Default)]
pub struct Oncall {}

/// Whom to page, in which order.
#[derive(Debug, Clone)]
pub struct Escalation {}

pub(crate) fn decide(
    _state: &State,
    _actor: &Actor,
    input: Input,
    _now: Timestamp,
) -> Result<Decision, Refusal> {
    match input {}
}

pub(crate) fn apply(_state: &mut State, entry: &Entry, _at: Timestamp) {
    match *entry {}
}

pub(crate) fn react(_state: &State, _entry: &crate::Entry, _now: Timestamp) -> Decision {
    Decision::nothing()
}

pub(crate) fn on_tick(_state: &State, _now: Timestamp) -> Decision {
    Decision::nothing()
}

pub(crate) fn on_outcome(
    _state: &State,
    _outcome: &watchfloor_types::Outcome,
    _now: Timestamp,
) -> Decision {
    Decision::nothing()
}

impl crate::need::Needs for Oncall {
    fn needs(&self, _state: &State, _now: Timestamp) -> Vec<crate::Need> {
        Vec::new()
    }
}
