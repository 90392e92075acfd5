//! What needs a person now, and by when.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use watchfloor_types::{IncidentId, Role};

use crate::word::words;

words! {
    /// What kind of act is asked for.
    NeedKind, "a kind of need", {
        /// Answer a page.
        Page = "page",
        /// Say what came of an effect that is in doubt.
        InDoubt = "in-doubt",
        /// Approve or refuse.
        Approval = "approval",
        /// Do a step by hand.
        ManualStep = "manual-step",
        /// Look at an alert.
        Alert = "alert",
        /// Determine something that only a person may.
        Decision = "decision",
        /// File with an authority.
        Filing = "filing",
        /// Answer an inject.
        Inject = "inject",
        /// A step failed and the run stopped.
        FailedRun = "failed-run",
    }
}

/// One thing that needs a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// What kind of act is asked for.
    pub kind: NeedKind,
    /// One line, as a person would say it.
    pub title: String,
    /// Roles of which one is enough; empty means anybody who works the floor.
    pub roles: Vec<Role>,
    /// By when, where there is a limit.
    pub due: Option<Timestamp>,
    /// Path in the console.
    pub link: String,
    /// The incident it belongs to.
    pub incident: Option<IncidentId>,
    /// Whether it belongs to an exercise.
    pub exercise: bool,
}

/// A part of the state that may need a person.
///
/// Every module implements it for its own part; `State::needs` collects and sorts.
pub(crate) trait Needs {
    /// What this part needs at `now`, in any order.
    fn needs(&self, state: &crate::State, now: Timestamp) -> Vec<Need>;
}

// Each line moves into its module together with the first need of that module.

/// Most urgent first: earliest limit, then what has no limit, then by kind and title.
pub(crate) fn sort(needs: &mut [Need]) {
    needs.sort_by(|a, b| {
        (a.due.is_none(), a.due, a.kind, &a.title).cmp(&(b.due.is_none(), b.due, b.kind, &b.title))
    });
}
