//! What other systems of a SOC read: findings, alerts and incidents as OCSF, ECS, CEF and plain
//! JSON. Pure: a message in, text out. `docs/outputs.md` has the tables of fields.

mod card;
mod cef;
mod ecs;
mod ocsf;
mod plain;
#[cfg(test)]
mod tests;

use std::{fmt, str::FromStr};

use serde_json::Value;
use watchfloor_respond::{Entry, State};
use watchfloor_types::{
    ExerciseId, Finding, FindingId, FindingKind, RuleId, RuleRef, Severity, SourceId, TenantId,
    Timestamp, Tlp,
};

pub(crate) use card::{AlertCard, AlertStatus, IncidentCard, Part};
pub(crate) use ocsf::finding as ocsf_finding;

/// Version of the program, as messages name it.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The shape of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// OCSF 1.8: Detection Finding (2004), Incident Finding (2005).
    Ocsf,
    /// Elastic Common Schema 9.
    Ecs,
    /// `ArcSight` Common Event Format, version 0.
    Cef,
    /// Our own JSON.
    Plain,
    /// One line for people.
    Text,
}

impl Format {
    /// Every format.
    pub(crate) const ALL: &[Self] = &[Self::Ocsf, Self::Ecs, Self::Cef, Self::Plain, Self::Text];

    /// The word in the settings.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ocsf => "ocsf",
            Self::Ecs => "ecs",
            Self::Cef => "cef",
            Self::Plain => "plain",
            Self::Text => "text",
        }
    }

    /// Whether what it writes is a JSON object.
    pub(crate) const fn is_json(self) -> bool {
        match self {
            Self::Ocsf | Self::Ecs | Self::Plain => true,
            Self::Cef | Self::Text => false,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Format {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let found = Self::ALL.iter().copied().find(|f| f.as_str() == text);
        found.ok_or(())
    }
}

/// What a message is about, as filters name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// One match of one rule.
    Finding,
    /// Grouped findings that ask a person to look.
    Alert,
    /// An incident.
    Incident,
}

impl Kind {
    /// Every kind.
    pub(crate) const ALL: &[Self] = &[Self::Finding, Self::Alert, Self::Incident];

    /// The word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Finding => "finding",
            Self::Alert => "alert",
            Self::Incident => "incident",
        }
    }
}

impl FromStr for Kind {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL
            .iter()
            .copied()
            .find(|k| k.as_str() == text)
            .ok_or(())
    }
}

/// What happened to the subject (OCSF 1.8, `activity_id` of the Findings category).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activity {
    /// It came to be.
    Create,
    /// It changed.
    Update,
    /// It ended.
    Close,
}

impl Activity {
    /// The number of OCSF `activity_id`.
    pub(crate) const fn ocsf_id(self) -> u32 {
        self as u32 + 1
    }
    /// The caption of OCSF.
    pub(crate) const fn caption(self) -> &'static str {
        match self {
            Self::Create => "Create",
            Self::Update => "Update",
            Self::Close => "Close",
        }
    }
    /// Our word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "created",
            Self::Update => "updated",
            Self::Close => "closed",
        }
    }
}

/// Whether a message is about the world, a play, or nothing at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reality {
    /// It happened.
    Real,
    /// An exercise plays it.
    Exercise(ExerciseId),
    /// `output test` sent it.
    Test,
}

impl Reality {
    fn of(exercise: Option<ExerciseId>) -> Self {
        exercise.map_or(Self::Real, Self::Exercise)
    }
    /// The word that makes it visible; none for what is real.
    pub(crate) const fn word(self) -> Option<&'static str> {
        match self {
            Self::Real => None,
            Self::Exercise(_) => Some("exercise"),
            Self::Test => Some("test"),
        }
    }
    /// A title that nobody takes for something else: `[EXERCISE] …`.
    pub(crate) fn title(self, title: &str) -> String {
        match self {
            Self::Real => title.to_owned(),
            Self::Exercise(_) => format!("[EXERCISE] {title}"),
            Self::Test => format!("[TEST] {title}"),
        }
    }
}

/// What a message is about.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Subject {
    /// A finding, with the alert that it joined.
    Finding(Box<Finding>, Option<String>),
    /// An alert.
    Alert(Box<AlertCard>),
    /// An incident.
    Incident(Box<IncidentCard>),
}

/// One message to other systems.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    /// The same for the same journal entry, however often it is sent. No dots, no spaces.
    pub id: String,
    /// Number of the journal entry; 0 for a test.
    pub seq: u64,
    /// When the entry was made.
    pub at: Timestamp,
    /// What happened.
    pub activity: Activity,
    /// To what.
    pub subject: Subject,
    /// Whether it did.
    pub reality: Reality,
}

impl Message {
    /// What it is about, as filters name it.
    pub(crate) fn kind(&self) -> Kind {
        match self.subject {
            Subject::Finding(..) => Kind::Finding,
            Subject::Alert(_) => Kind::Alert,
            Subject::Incident(_) => Kind::Incident,
        }
    }

    /// How bad it would be.
    pub(crate) fn severity(&self) -> Severity {
        match &self.subject {
            Subject::Finding(f, _) => f.severity,
            Subject::Alert(a) => a.severity,
            Subject::Incident(i) => i.severity,
        }
    }

    /// The narrowest label of what is in it.
    pub(crate) fn tlp(&self) -> Tlp {
        match &self.subject {
            Subject::Finding(f, _) => f.tlp,
            Subject::Alert(a) => a.tlp,
            Subject::Incident(i) => i.tlp,
        }
    }

    /// Whose it is; several for an incident that spans tenants.
    pub(crate) fn tenants(&self) -> Vec<&TenantId> {
        match &self.subject {
            Subject::Finding(f, _) => vec![&f.tenant],
            Subject::Alert(a) => vec![&a.tenant],
            Subject::Incident(i) => i.tenants.iter().collect(),
        }
    }

    /// Its title, with the mark of what is not real.
    pub(crate) fn title(&self) -> String {
        let title = match &self.subject {
            Subject::Finding(f, _) => f.rule.title.as_str(),
            Subject::Alert(a) => a.title.as_str(),
            Subject::Incident(i) => i.title.as_str(),
        };
        self.reality.title(title)
    }

    /// One line for people.
    pub(crate) fn line(&self) -> String {
        let detail = match &self.subject {
            Subject::Finding(f, _) => f
                .matched
                .first()
                .map_or_else(String::new, |m| format!(": {} {}", m.field, m.predicate)),
            Subject::Alert(a) => format!(": {}, {} findings", a.status.as_str(), a.finding_count),
            Subject::Incident(i) => format!(" ({}): {}", i.name, i.status),
        };
        format!(
            "{} {} {}: {}{detail}",
            self.severity(),
            self.kind().as_str(),
            self.activity.as_str(),
            self.title()
        )
    }

    /// The message of `output test`: a finding of nothing, marked as such everywhere.
    pub(crate) fn test(output: &str, tenant: TenantId, now: Timestamp) -> Option<Self> {
        let rule: RuleId = "watchfloor-output-test".parse().ok()?;
        let source: SourceId = "watchfloor".parse().ok()?;
        let id = FindingId::minted(now, &[b"output test", output.as_bytes()]);
        let finding = Finding {
            id,
            kind: FindingKind::Rule,
            rule: RuleRef {
                id: rule,
                title: format!("Test of the output {output}; nothing happened"),
                version: "0000000000000000".to_owned(),
            },
            severity: Severity::Informational,
            tenant,
            source,
            time: now,
            detected: now,
            events: Vec::new(),
            matched: Vec::new(),
            techniques: Vec::new(),
            entities: Vec::new(),
            runbook: None,
            tlp: Tlp::Clear,
            mark: None,
        };
        Some(Self {
            id: format!("test-{id}"),
            seq: 0,
            at: now,
            activity: Activity::Create,
            subject: Subject::Finding(Box::new(finding), None),
            reality: Reality::Test,
        })
    }
}

/// The messages that a journal entry gives. What changed is the entry's; who is in it, how many
/// and how bad is as `state` has it now, which is never older than the entry.
pub(crate) fn messages(state: &State, entry: &Entry, seq: u64, at: Timestamp) -> Vec<Message> {
    match entry {
        Entry::Alert(entry) => card::of_alert(state, entry, seq, at),
        Entry::Incident(entry) => card::of_incident(state, entry, seq, at)
            .into_iter()
            .collect(),
        Entry::Run(_)
        | Entry::Oncall(_)
        | Entry::Obligation(_)
        | Entry::Comms(_)
        | Entry::Exercise(_)
        // What raised no alert stays here.
        | Entry::Rule(_)
        | Entry::Suppression(_) => Vec::new(),
    }
}

/// A message as one JSON object, or none for the formats that are text.
pub(crate) fn json(format: Format, message: &Message) -> Option<Value> {
    match format {
        Format::Ocsf => Some(ocsf::message(message)),
        Format::Ecs => Some(ecs::message(message)),
        Format::Plain => Some(plain::message(message)),
        Format::Cef | Format::Text => None,
    }
}

/// A message as one line of text.
pub(crate) fn line(format: Format, message: &Message) -> String {
    match json(format, message) {
        Some(value) => value.to_string(),
        None if format == Format::Cef => cef::message(message),
        // One line, whatever a title holds.
        None => message
            .line()
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect(),
    }
}

/// At most `most` characters of `text`.
fn capped(text: &str, most: usize) -> &str {
    text.char_indices()
        .nth(most)
        .and_then(|(end, _)| text.get(..end))
        .unwrap_or(text)
}

/// A technique id of MITRE ATT&CK or ATLAS, cut in technique and sub-technique; none for others.
struct Technique<'a> {
    framework: &'static str,
    id: &'a str,
    sub: Option<&'a str>,
}

impl<'a> Technique<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let digits = |t: &str, n: usize| t.len() == n && t.bytes().all(|b| b.is_ascii_digit());
        let (framework, number) = match text.strip_prefix("AML.T") {
            Some(number) => ("MITRE ATLAS", number),
            None => ("MITRE ATT&CK", text.strip_prefix('T')?),
        };
        match number.split_once('.') {
            None => digits(number, 4).then_some(Self {
                framework,
                id: text,
                sub: None,
            }),
            Some((head, tail)) => {
                let id = text.get(..text.len().checked_sub(tail.len() + 1)?)?;
                (digits(head, 4) && digits(tail, 3)).then_some(Self {
                    framework,
                    id,
                    sub: Some(text),
                })
            }
        }
    }
}
