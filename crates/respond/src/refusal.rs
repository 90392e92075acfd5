//! Why an input was refused.

use watchfloor_types::Role;

/// An input that was not accepted. Nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such thing.
    #[error("no {kind} `{id}`")]
    NotFound {
        /// What was looked for.
        kind: &'static str,
        /// Under which id.
        id: String,
    },
    /// The actor lacks the role.
    #[error("{what} needs the role {}", .any_of.iter().map(|r| r.as_str()).collect::<Vec<_>>().join(" or "))]
    NotAllowed {
        /// What was asked for.
        what: &'static str,
        /// Roles of which one is needed.
        any_of: Vec<Role>,
    },
    /// Only a person may do this.
    #[error("{what} needs a person")]
    NeedsPerson {
        /// What was asked for.
        what: &'static str,
    },
    /// A player of an exercise reached for something real.
    #[error("{what}: a player of an exercise may act only inside that exercise")]
    PlayerOutside {
        /// What was asked for.
        what: &'static str,
    },
    /// Four eyes: the author may not approve.
    #[error("{who} wrote this and may not approve it; another person has to")]
    SamePerson {
        /// The author.
        who: String,
    },
    /// Not possible in the present state.
    #[error("{0}")]
    Conflict(String),
    /// The input itself is wrong.
    #[error("{0}")]
    Invalid(String),
    /// Reactions did not come to rest. A defect of ours. Nothing may be written, and the state has
    /// to be rebuilt from the journal, because the reactions were already applied to it.
    #[error("reactions did not come to rest after {rounds} rounds")]
    Loop {
        /// How many were tried.
        rounds: usize,
    },
}
