//! A runbook as read: the executable part of a CACAO 2.0 playbook.

use std::{collections::BTreeMap, sync::Arc};

use jiff::SignedDuration;
use watchfloor_types::{EffectClass, EscalationId, FactName, Role, RunbookId, StepId};

use super::{Body, Expr, Template};

/// Key of our extension (CACAO 2.0, section 8); `docs/runbooks.md` describes it.
pub const EXTENSION: &str = "extension-definition--5f0c1f2e-6d0b-4d36-9a57-0f6f2a7f3a10";

/// A procedure.
#[derive(Debug, Clone, PartialEq)]
pub struct Runbook {
    /// The name of its folder; rules name it.
    pub id: RunbookId,
    /// Its identifier as a CACAO playbook.
    pub cacao_id: String,
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// CACAO `modified`: the version of the playbook.
    pub modified: String,
    /// First 16 hex digits of the SHA-256 of its text: which version runs.
    pub version: String,
    /// Its text. A run keeps it, so that a later edit does not change what is running.
    pub text: Arc<str>,
    /// When it starts by itself.
    pub start_policy: StartPolicy,
    /// Variables by name, with underscores.
    pub variables: BTreeMap<String, Variable>,
    /// Where it starts.
    pub start: StepId,
    /// Where a failure goes that no step handles.
    pub exception: Option<StepId>,
    /// Its steps.
    pub steps: BTreeMap<StepId, Step>,
}

/// Who starts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartPolicy {
    /// It is suggested; a person starts it.
    Suggest,
    /// It starts when a rule that names it opens or joins an incident.
    Auto,
}

/// A variable (CACAO 2.0, section 10.18).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// CACAO type: `string`, `integer`, …
    pub kind: String,
    /// What it means.
    pub description: String,
    /// Its value before the run.
    pub value: Option<String>,
    /// Whether nobody may change it.
    pub constant: bool,
    /// Where its value comes from while the run is under way.
    pub source: Option<Source>,
}

/// Where the value of a variable comes from. It is read again before each step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A property of the incident.
    Incident(IncidentProperty),
    /// The first value of one of these fields among the findings of the incident.
    Entity(Vec<String>),
    /// The value of a fact.
    Fact(FactName),
    /// Whether a fact is known: `true` or `false`.
    Known(FactName),
}

/// A property of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncidentProperty {
    /// `INC-2026-0001`.
    Name,
    /// Its title.
    Title,
    /// Its severity.
    Severity,
    /// Path in the console.
    Link,
}

/// A step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its id.
    pub id: StepId,
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What it does.
    pub kind: StepKind,
    /// Where it goes when it is done.
    pub on_success: Option<StepId>,
    /// Where it goes when it failed.
    pub on_failure: Option<StepId>,
    /// Wait before it starts.
    pub delay: SignedDuration,
    /// How long it may take; it has failed after that.
    pub timeout: Option<SignedDuration>,
    /// Variables of this step only; they hide those of the runbook.
    pub variables: BTreeMap<String, String>,
    /// Variables that its outcome sets.
    pub out_args: Vec<String>,
    /// What our extension adds.
    pub more: More,
}

/// What our extension adds to a step.
#[derive(Debug, Clone, PartialEq)]
pub struct More {
    /// What its requests can do to the world.
    pub class: EffectClass,
    /// Who may do a manual step.
    pub roles: Vec<Role>,
    /// Who has to approve before anything is done; empty where nobody has to.
    pub approval: Vec<Role>,
    /// The step that takes it back.
    pub undo: Option<StepId>,
    /// How often it is tried again when it failed.
    pub retries: u32,
    /// Variables set from the answer of a request: name to JSON pointer (RFC 6901).
    pub capture: BTreeMap<String, String>,
    /// Pages this escalation policy instead of asking for a manual act.
    pub page: Option<EscalationId>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum StepKind {
    /// The first.
    Start,
    /// The last of a branch.
    End,
    /// Commands, in order, each once per target.
    Action(Vec<Job>),
    /// A choice.
    If {
        /// What decides.
        condition: Expr,
        /// The branch when it holds.
        on_true: StepId,
        /// The branch when it does not.
        on_false: Option<StepId>,
    },
    /// Branches at the same time.
    Parallel(Vec<StepId>),
    /// A step that is understood but not executed; a run that reaches it fails there.
    NotExecutable(String),
}

/// One command for one target.
#[derive(Debug, Clone, PartialEq)]
pub enum Job {
    /// A person does it.
    Manual {
        /// What to do.
        text: Template,
    },
    /// An HTTP request.
    HttpApi {
        /// Name of the target; the settings say where it is and how to sign in there.
        target: String,
        /// Method.
        method: String,
        /// Path and query.
        path: Template,
        /// Header fields.
        headers: Vec<(String, Template)>,
        /// JSON body.
        body: Option<Body>,
    },
    /// A command that is understood but not executed; a run that reaches it fails there.
    NotExecutable(String),
}

impl Runbook {
    /// The step with this id.
    #[must_use]
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.steps.get(id)
    }
    /// What a run of it would refuse to do, with the step; empty when all of it can run.
    #[must_use]
    pub fn not_executable(&self) -> Vec<(&StepId, &str)> {
        self.steps
            .values()
            .flat_map(|step| {
                let reasons: Vec<&str> = match &step.kind {
                    StepKind::NotExecutable(reason) => vec![reason],
                    StepKind::Action(jobs) => jobs
                        .iter()
                        .filter_map(|job| match job {
                            Job::NotExecutable(reason) => Some(reason.as_str()),
                            Job::Manual { .. } | Job::HttpApi { .. } => None,
                        })
                        .collect(),
                    StepKind::Start
                    | StepKind::End
                    | StepKind::If { .. }
                    | StepKind::Parallel(_) => Vec::new(),
                };
                reasons.into_iter().map(|reason| (&step.id, reason))
            })
            .collect()
    }
}

impl Step {
    /// Steps that may follow, each with the property that names it.
    #[must_use]
    pub fn references(&self) -> Vec<(&'static str, &StepId)> {
        let mut all: Vec<(&'static str, &StepId)> = Vec::new();
        all.extend(self.on_success.iter().map(|id| ("on_success", id)));
        all.extend(self.on_failure.iter().map(|id| ("on_failure", id)));
        all.extend(self.more.undo.iter().map(|id| ("undo", id)));
        match &self.kind {
            StepKind::If {
                on_true, on_false, ..
            } => {
                all.push(("on_true", on_true));
                all.extend(on_false.iter().map(|id| ("on_false", id)));
            }
            StepKind::Parallel(branches) => {
                all.extend(branches.iter().map(|id| ("next_steps", id)));
            }
            StepKind::Start | StepKind::End | StepKind::Action(_) | StepKind::NotExecutable(_) => {}
        }
        all
    }
}
