//! What an entry changes.

use jiff::Timestamp;
use watchfloor_types::{Finding, SuppressionId};

use super::{Entry, Standing, Start, Suppression, Suppressions};
use crate::State;

pub(crate) fn apply(state: &mut State, entry: &Entry, at: Timestamp) {
    let all = &mut state.suppressions;
    match entry {
        Entry::Added {
            suppression,
            spec,
            start,
            by,
        } => {
            all.all.insert(
                *suppression,
                Suppression {
                    id: *suppression,
                    spec: spec.clone(),
                    standing: match start {
                        Start::Now => Standing::Acting,
                        Start::Approval => Standing::Waiting,
                    },
                    by: by.clone(),
                    added: at,
                    approved_by: None,
                    hidden: 0,
                    last: None,
                },
            );
            all.index(at);
        }
        Entry::Approved { suppression, by } => {
            all.change(*suppression, at, |s| {
                s.standing = Standing::Acting;
                s.approved_by = Some(by.clone());
            });
        }
        Entry::Rejected {
            suppression,
            reason,
            by,
        } => all.change(*suppression, at, |s| {
            s.standing = Standing::Rejected {
                reason: reason.clone(),
                by: by.clone(),
                at,
            };
        }),
        Entry::Ended {
            suppression,
            reason,
            by,
        } => all.change(*suppression, at, |s| {
            s.standing = Standing::Ended {
                reason: reason.clone(),
                by: by.clone(),
                at,
            };
        }),
    }
}

/// One more finding was hidden.
pub(crate) fn count(all: &mut Suppressions, id: SuppressionId, finding: &Finding, _at: Timestamp) {
    if let Some(found) = all.all.get_mut(&id) {
        found.hidden += 1;
        found.last = Some(found.last.map_or(finding.time, |t| t.max(finding.time)));
    }
}

impl Suppressions {
    fn change(&mut self, id: SuppressionId, at: Timestamp, change: impl FnOnce(&mut Suppression)) {
        if let Some(found) = self.all.get_mut(&id) {
            change(found);
        }
        self.index(at);
    }

    /// Builds the indexes anew, without what is over. Suppressions are few and change seldom.
    fn index(&mut self, at: Timestamp) {
        self.by_rule.clear();
        self.by_family.clear();
        for found in self.all.values().filter(|s| s.acts(at)) {
            for rule in &found.spec.rules {
                self.by_rule
                    .entry(rule.clone())
                    .or_default()
                    .insert(found.id);
            }
            if let Some(family) = &found.spec.family {
                self.by_family
                    .entry(family.clone())
                    .or_default()
                    .insert(found.id);
            }
        }
    }
}
