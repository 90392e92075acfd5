//! Communication: drafts, approvals, packets.
//!
//! A draft is filled from facts and every filled part links to its evidence. Whoever wrote the text
//! in force may not approve it; an approval is pinned to the hash of the text and void with any
//! other text; nothing is sent that is not approved, and nothing is sent by itself.

mod apply;
mod decide;
mod draft;
mod entry;
mod fill;
mod follow;
mod needs;
mod packet;
mod template;
#[cfg(test)]
mod tests;
mod text;

pub use draft::{Approval, Audience, Delivery, Draft, DraftState, Version};
pub use entry::{Change, Entry, Input};
pub use follow::is_stale;
pub use packet::{Packet, PacketDraft, packet};
pub use template::{Occasion, Template, load};
pub use text::{Block, BlockKind, Evidence, Span};

pub(crate) use apply::apply;
pub(crate) use decide::decide;
pub(crate) use follow::{on_outcome, react};

use std::collections::BTreeMap;

use watchfloor_types::{DraftId, EffectKey, IncidentId};

/// This module's part of the state.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Comms {
    drafts: BTreeMap<DraftId, Draft>,
    by_effect: BTreeMap<EffectKey, DraftId>,
}

impl Comms {
    /// The draft with this id.
    #[must_use]
    pub fn get(&self, id: DraftId) -> Option<&Draft> {
        self.drafts.get(&id)
    }
    /// Every draft, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Draft> {
        self.drafts.values()
    }
    /// Drafts of one incident, oldest first.
    pub fn of(&self, incident: IncidentId) -> impl DoubleEndedIterator<Item = &Draft> {
        self.drafts
            .values()
            .filter(move |draft| draft.incident == incident)
    }
}
