//! Suppressions: findings that are known and not worth a person's time, hidden for a while.
//!
//! A hidden finding is recorded and counted ([`crate::rule::Held`]) and raises no alert. What an
//! exercise emitted is never hidden: an exercise asks whether detection and response work, and a
//! suppression is about what really happens. A finding of a rule hides nothing from correlations:
//! a correlation is a rule of its own.

mod apply;
mod decide;
mod entry;
mod preview;
mod selection;

pub use entry::{Entry, Input, ParseUntilError, Spec, Start, Until};
pub use preview::{Preview, preview};
pub use selection::{Selection, SelectionError, literal};

pub(crate) use apply::{apply, count};
pub(crate) use decide::{decide, react};

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use watchfloor_types::{Actor, Finding, RuleId, SuppressionId};

use crate::{Need, NeedKind, State, need::Needs};

/// A suppression that ends within this time is shown as about to expire.
pub const SOON: SignedDuration = SignedDuration::from_hours(24 * 7);

/// A suppression.
#[derive(Debug, Clone, PartialEq)]
pub struct Suppression {
    /// Its id.
    pub id: SuppressionId,
    /// What it says.
    pub spec: Spec,
    /// What people did to it.
    pub standing: Standing,
    /// Who added it.
    pub by: Actor,
    /// When.
    pub added: Timestamp,
    /// Who approved it.
    pub approved_by: Option<Actor>,
    /// How many findings it has hidden.
    pub hidden: u64,
    /// When it last hid one.
    pub last: Option<Timestamp>,
}

/// What people did to a suppression. Its end by time is not among it; see [`Suppression::status`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Waits for another person.
    Waiting,
    /// Acts until it expires.
    Acting,
    /// Somebody refused it.
    Rejected {
        /// Why.
        reason: String,
        /// Who.
        by: Actor,
        /// When.
        at: Timestamp,
    },
    /// Somebody ended it.
    Ended {
        /// Why.
        reason: String,
        /// Who.
        by: Actor,
        /// When.
        at: Timestamp,
    },
}

impl Suppression {
    /// The word for where it stands at `now`: `waiting`, `active`, `expired`, `rejected`, `ended`.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> &'static str {
        match &self.standing {
            Standing::Rejected { .. } => "rejected",
            Standing::Ended { .. } => "ended",
            Standing::Waiting | Standing::Acting if self.spec.expires <= now => "expired",
            Standing::Waiting => "waiting",
            Standing::Acting => "active",
        }
    }

    /// Whether it acts at `now`.
    #[must_use]
    pub fn acts(&self, now: Timestamp) -> bool {
        self.standing == Standing::Acting && now < self.spec.expires
    }

    /// Whether it acts and ends soon.
    #[must_use]
    pub fn ends_soon(&self, now: Timestamp) -> bool {
        self.acts(now) && self.spec.expires.duration_since(now) <= SOON
    }
}

/// Whether a suppression that says `spec` is about this finding, whatever the time.
pub(crate) fn covers(state: &State, spec: &Spec, finding: &Finding) -> bool {
    let id = &finding.rule.id;
    let in_scope = spec.rules.contains(id)
        || spec.rules.contains(state.rule_head(id))
        || spec
            .family
            .as_deref()
            .is_some_and(|family| state.rule_family(id) == Some(family));
    finding.mark.is_none()
        && in_scope
        && spec.tenant.as_ref().is_none_or(|t| *t == finding.tenant)
        && spec.when.holds(finding)
}

/// The suppression that hides `finding` at `now`, the oldest of several. A finding of an event
/// after its end is not hidden, nor one of before that is judged only after it.
pub(crate) fn hiding(state: &State, finding: &Finding, now: Timestamp) -> Option<SuppressionId> {
    let all = &state.suppressions;
    let id = &finding.rule.id;
    let head = state.rule_head(id);
    let of = |rule: &RuleId| all.by_rule.get(rule).into_iter().flatten();
    let family = state
        .rule_family(id)
        .and_then(|f| all.by_family.get(f))
        .into_iter()
        .flatten();
    let also = (head != id).then(|| of(head)).into_iter().flatten();
    of(id)
        .chain(also)
        .chain(family)
        .copied()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .find(|id| {
            all.get(*id).is_some_and(|s| {
                s.acts(now) && finding.time < s.spec.expires && covers(state, &s.spec, finding)
            })
        })
}

/// This module's part of the state.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Suppressions {
    all: BTreeMap<SuppressionId, Suppression>,
    /// Those that may act, by what they are about.
    by_rule: BTreeMap<RuleId, BTreeSet<SuppressionId>>,
    by_family: BTreeMap<String, BTreeSet<SuppressionId>>,
}

impl Suppressions {
    /// The suppression with this id.
    #[must_use]
    pub fn get(&self, id: SuppressionId) -> Option<&Suppression> {
        self.all.get(&id)
    }
    /// Every suppression, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Suppression> {
        self.all.values()
    }
}

impl State {
    /// Suppressions about a rule, by its id or its folder, oldest first.
    #[must_use]
    pub fn suppressions_of(&self, rule: &RuleId) -> Vec<&Suppression> {
        let family = self.rule_family(rule);
        self.suppressions
            .iter()
            .filter(|s| {
                s.spec.rules.contains(rule)
                    || s.spec
                        .family
                        .as_deref()
                        .is_some_and(|named| family == Some(named))
            })
            .collect()
    }
}

impl Needs for Suppressions {
    fn needs(&self, _state: &State, now: Timestamp) -> Vec<Need> {
        self.all
            .values()
            .filter(|s| s.standing == Standing::Waiting && now < s.spec.expires)
            .map(|s| Need {
                kind: NeedKind::Approval,
                title: format!(
                    "approve: a suppression, asked by {}: {}",
                    s.by, s.spec.reason
                ),
                roles: crate::rule::AUTHORS.to_vec(),
                due: None,
                link: format!("/suppressions/{}", s.id),
                incident: None,
                exercise: false,
            })
            .collect()
    }
}
