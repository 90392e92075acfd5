//! What messages ask of people.

use jiff::Timestamp;

use super::{Comms, Draft, DraftState};
use crate::{Need, NeedKind, State, need::Needs};

impl Needs for Comms {
    fn needs(&self, state: &State, _now: Timestamp) -> Vec<Need> {
        self.drafts
            .values()
            .filter_map(|draft| {
                let (kind, what) = match &draft.state {
                    DraftState::InReview { .. } => (NeedKind::Approval, "approve"),
                    DraftState::InDoubt { .. } => (NeedKind::InDoubt, "say whether this went out"),
                    DraftState::Draft
                    | DraftState::Approved(_)
                    | DraftState::Sending { .. }
                    | DraftState::Sent { .. }
                    | DraftState::Withdrawn { .. } => return None,
                };
                Some(need(state, draft, kind, what))
            })
            .collect()
    }
}

fn need(state: &State, draft: &Draft, kind: NeedKind, what: &str) -> Need {
    let incident = state.incidents.get(draft.incident);
    let name = incident.map_or("", |incident| incident.name.as_str());
    Need {
        kind,
        title: format!("{name}: {what}: {}", draft.title()),
        roles: draft.audience.approvers().to_vec(),
        due: None,
        link: format!("/drafts/{}", draft.id),
        incident: Some(draft.incident),
        exercise: draft.exercise.is_some(),
    }
}
