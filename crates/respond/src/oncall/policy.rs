//! Escalation policies: whom to page, in which order, after which wait.

use std::fmt;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use watchfloor_types::{Diagnostic, EscalationId, Place, Severity, UserId};

/// An escalation policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escalation {
    /// Its id; the name of its file.
    pub id: EscalationId,
    /// What it is called.
    pub name: String,
    /// Who keeps it up to date.
    pub owner: String,
    /// An incident of this severity or worse pages by itself; none means only on request.
    pub pages_from: Option<Severity>,
    /// Levels, first to last.
    pub levels: Vec<EscalationLevel>,
    /// How often the levels start over when nobody answers.
    pub repeat: u32,
}

/// One level of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EscalationLevel {
    /// Whom to tell, all at the same time.
    pub notify: Vec<Target>,
    /// Minutes until the next level.
    pub wait_minutes: u32,
}

impl EscalationLevel {
    /// The wait until the next level.
    #[must_use]
    pub fn wait(&self) -> SignedDuration {
        SignedDuration::from_mins(i64::from(self.wait_minutes))
    }
}

/// Whom to tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Target {
    /// A channel that the settings name.
    Channel(String),
    /// A person; the settings name their channel `user/<account>`.
    User(UserId),
}

impl Target {
    /// The channel that the settings name.
    #[must_use]
    pub fn channel(&self) -> String {
        match self {
            Self::Channel(name) => name.clone(),
            Self::User(user) => format!("user/{user}"),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.channel())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    id: EscalationId,
    name: String,
    owner: String,
    #[serde(default)]
    pages_from: Option<Severity>,
    levels: Vec<EscalationLevel>,
    #[serde(default)]
    repeat: u32,
}

/// Reads a policy from YAML. `file` is the path for diagnostics.
#[must_use]
pub fn parse(file: &str, text: &str) -> (Option<Escalation>, Vec<Diagnostic>) {
    let place = |line: u64, column: u64| Place {
        file: file.to_owned(),
        line: u32::try_from(line).unwrap_or(1).max(1),
        column: u32::try_from(column).unwrap_or(1).max(1),
        length: 1,
    };
    let read: File = match serde_saphyr::from_str(text) {
        Ok(read) => read,
        Err(error) => {
            let at = error.location();
            let at = at.map_or_else(|| place(1, 1), |l| place(l.line(), l.column()));
            let message = format!("not an escalation policy: {error}");
            return (None, vec![Diagnostic::error("P001", message).at(at)]);
        }
    };
    let mut out = Vec::new();
    let mut refuse = |message: &str| out.push(Diagnostic::error("P002", message).at(place(1, 1)));
    if read.levels.is_empty() {
        refuse("a policy needs at least one level");
    }
    if read.levels.iter().any(|level| level.notify.is_empty()) {
        refuse("a level has to tell somebody");
    }
    if read.levels.iter().any(|level| level.wait_minutes == 0) {
        refuse("`wait_minutes` has to be at least 1");
    }
    if read.repeat > 10 {
        refuse("`repeat` is at most 10");
    }
    if !out.is_empty() {
        return (None, out);
    }
    let policy = Escalation {
        id: read.id,
        name: read.name,
        owner: read.owner,
        pages_from: read.pages_from,
        levels: read.levels,
        repeat: read.repeat,
    };
    (Some(policy), out)
}
