//! Rules as written: metadata, detections, correlations, samples.

mod action;
mod array;
mod condition;
mod correlation;
mod detection;
mod filter;
mod meta;
mod parse;
mod pipeline;
mod sample;

pub use correlation::{Aggregate, Threshold};
pub use parse::{Options, parse_lists, parse_rules};
pub use pipeline::{Pipeline, parse_pipeline};
pub use sample::{Expect, Sample, SampleEvent};

pub(crate) use condition::Condition;
pub(crate) use correlation::{Correlation, Judged, Timing, WindowMode, read_timespan};
pub(crate) use detection::{Detection, Field, Item, Selection, given, read as read_detection};
pub(crate) use filter::{Filter, apply as apply_filters};
pub(crate) use meta::json_to_norm;

use std::{collections::BTreeMap, sync::Arc};

use watchfloor_types::{Logsource, Place, RuleId, RunbookId, Severity};

/// One document of a rule file.
#[derive(Debug, Clone)]
pub struct Document {
    pub(crate) meta: Arc<RuleMeta>,
    pub(crate) body: Body,
}

/// What a document is.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    /// A rule over one event.
    Detection(Arc<Detection>),
    /// A correlation over the events of other rules.
    Correlation(Arc<Correlation>),
    /// A condition added to other rules; gone once it is added.
    Filter(Arc<Filter>),
}

impl Document {
    /// Everything but the detection itself.
    #[must_use]
    pub fn meta(&self) -> &Arc<RuleMeta> {
        &self.meta
    }
    /// Whether it correlates other rules (Sigma 2.1, correlation rules).
    #[must_use]
    pub fn is_correlation(&self) -> bool {
        matches!(self.body, Body::Correlation(_))
    }
    /// Whether it is a condition for other rules (Sigma 2.1, filters), which an engine adds to them
    /// and does not list.
    #[must_use]
    pub fn is_filter(&self) -> bool {
        matches!(self.body, Body::Filter(_))
    }
    /// Names and ids of the rules that it cannot do without; none for a rule over one event.
    #[must_use]
    pub fn references(&self) -> Vec<&str> {
        match &self.body {
            Body::Detection(_) | Body::Filter(_) => Vec::new(),
            Body::Correlation(spec) => spec.rules.iter().map(|r| r.text.as_str()).collect(),
        }
    }
}

/// How mature a rule says it is (Sigma 2.1, "Status").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// For production.
    Stable,
    /// Mostly stable.
    Test,
    /// Noisy perhaps.
    Experimental,
    /// Replaced by another.
    Deprecated,
    /// Cannot be used as it is.
    Unsupported,
}

impl Status {
    /// Every status with its word.
    pub const ALL: &[(Self, &str)] = &[
        (Self::Stable, "stable"),
        (Self::Test, "test"),
        (Self::Experimental, "experimental"),
        (Self::Deprecated, "deprecated"),
        (Self::Unsupported, "unsupported"),
    ];
    /// The word in rules.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(status, _)| *status == self)
            .map_or("", |(_, word)| word)
    }
}

/// What a rule says about itself.
#[derive(Debug, Clone)]
pub struct RuleMeta {
    pub(crate) id: RuleId,
    pub(crate) title: String,
    pub(crate) name: Option<String>,
    pub(crate) version: String,
    pub(crate) status: Option<Status>,
    pub(crate) severity: Severity,
    pub(crate) description: String,
    pub(crate) author: String,
    pub(crate) date: Option<String>,
    pub(crate) modified: Option<String>,
    pub(crate) references: Vec<String>,
    pub(crate) falsepositives: Vec<String>,
    pub(crate) fields: Vec<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) techniques: Vec<String>,
    pub(crate) logsource: Logsource,
    pub(crate) runbook: Option<RunbookId>,
    pub(crate) owner: Option<String>,
    pub(crate) samples: Vec<Sample>,
    pub(crate) custom: BTreeMap<String, serde_json::Value>,
    pub(crate) place: Place,
    pub(crate) text: Arc<str>,
}

impl RuleMeta {
    /// The id; where the rule has none, `rule-` and its version.
    #[must_use]
    pub fn id(&self) -> &RuleId {
        &self.id
    }
    /// The title.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }
    /// The name that correlations may refer to.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
    /// First 16 hex digits of the SHA-256 of the document's text.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }
    /// Maturity, where stated.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        self.status
    }
    /// From `level`; medium where the rule says none.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.severity
    }
    /// What it finds.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }
    /// Who wrote it.
    #[must_use]
    pub fn author(&self) -> &str {
        &self.author
    }
    /// Date of creation, as written.
    #[must_use]
    pub fn date(&self) -> Option<&str> {
        self.date.as_deref()
    }
    /// Date of the last change, as written.
    #[must_use]
    pub fn modified(&self) -> Option<&str> {
        self.modified.as_deref()
    }
    /// Where it comes from.
    #[must_use]
    pub fn references(&self) -> &[String] {
        &self.references
    }
    /// Known causes of false positives.
    #[must_use]
    pub fn falsepositives(&self) -> &[String] {
        &self.falsepositives
    }
    /// Fields worth showing (Sigma 2.1, "Fields").
    #[must_use]
    pub fn fields(&self) -> &[String] {
        &self.fields
    }
    /// Tags as written.
    #[must_use]
    pub fn tags(&self) -> &[String] {
        &self.tags
    }
    /// Technique ids from the tags: `T1566.001`, `AML.T0051.001`.
    #[must_use]
    pub fn techniques(&self) -> &[String] {
        &self.techniques
    }
    /// Which events it sees; empty for a correlation.
    #[must_use]
    pub fn logsource(&self) -> &Logsource {
        &self.logsource
    }
    /// The runbook to follow (our key `runbook`).
    #[must_use]
    pub fn runbook(&self) -> Option<&RunbookId> {
        self.runbook.as_ref()
    }
    /// Who answers for the rule (our key `owner`).
    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }
    /// Inline samples (our key `tests`).
    #[must_use]
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }
    /// All other keys.
    #[must_use]
    pub fn custom(&self) -> &BTreeMap<String, serde_json::Value> {
        &self.custom
    }
    /// File and line of its title.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }
    /// The document's text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}
