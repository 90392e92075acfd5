//! The content that decisions read: parsed once, never changed while running.

use std::{collections::BTreeMap, sync::Arc};

use watchfloor_types::{EscalationId, ExercisePlanId, RegimeId, RuleId, RunbookId, TemplateId};

use crate::{comms, exercise, obligation, oncall, rule, runbook};

/// Runbooks, escalation policies, regimes, templates and exercise plans by id.
#[derive(Debug, Clone, Default)]
pub struct Content {
    /// Procedures.
    pub runbooks: BTreeMap<RunbookId, Arc<runbook::Runbook>>,
    /// Whom to page, in which order.
    pub escalations: BTreeMap<EscalationId, oncall::Escalation>,
    /// Laws, rules and contracts with their clocks.
    pub regimes: BTreeMap<RegimeId, obligation::Regime>,
    /// Days that are not working days.
    pub calendars: BTreeMap<String, obligation::Calendar>,
    /// What is known about the organisation.
    pub profile: obligation::Profile,
    /// Texts of messages.
    pub templates: BTreeMap<TemplateId, comms::Template>,
    /// Exercises as written.
    pub exercises: BTreeMap<ExercisePlanId, exercise::Plan>,
    /// Rules of files, by id.
    pub rules: BTreeMap<RuleId, rule::Base>,
    /// Rules that stand in the text of another one, and which.
    pub rule_heads: BTreeMap<RuleId, RuleId>,
    /// How rules and suppressions are governed.
    pub policy: rule::Policy,
}
