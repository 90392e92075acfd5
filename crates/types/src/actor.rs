//! Who acts.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{UserId, severity::words};

words! {
    /// What a person may do. A person may hold several.
    Role, ParseRoleError, "a role", {
        /// Sees everything, changes nothing.
        Viewer = "viewer",
        /// Works alerts and runs.
        Analyst = "analyst",
        /// Leads incidents.
        Commander = "commander",
        /// Writes to customers and the press.
        Comms = "comms",
        /// Decides on personal data and notification.
        Privacy = "privacy",
        /// Decides on law and materiality.
        Legal = "legal",
        /// Accepts risk, takes systems offline.
        Executive = "executive",
        /// Runs exercises.
        ExerciseControl = "exercise-control",
        /// Manages people, tokens and settings.
        Admin = "admin",
    }
}

/// Who gave an input: a named person with roles, or the system itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Actor {
    /// A person with an account, and the roles they held at that moment.
    Person {
        /// The account.
        user: UserId,
        /// Roles at the time of the act.
        roles: Vec<Role>,
    },
    /// A role played by the script of an exercise; never counts as a real approval outside it.
    Player {
        /// The role-played account.
        user: UserId,
        /// Roles played.
        roles: Vec<Role>,
    },
    /// Watchfloor itself.
    System,
}

impl Actor {
    /// The account behind the act, none for the system.
    #[must_use]
    pub fn user(&self) -> Option<&UserId> {
        match self {
            Self::Person { user, .. } | Self::Player { user, .. } => Some(user),
            Self::System => None,
        }
    }

    /// Whether the actor holds `role`. Admin does not imply other roles.
    #[must_use]
    pub fn has(&self, role: Role) -> bool {
        match self {
            Self::Person { roles, .. } | Self::Player { roles, .. } => roles.contains(&role),
            Self::System => false,
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person { user, .. } => write!(f, "{user}"),
            Self::Player { user, .. } => write!(f, "{user} (player)"),
            Self::System => f.write_str("watchfloor"),
        }
    }
}
