//! The document model: what a document says, free of how it looks.

use jiff::Timestamp;
use watchfloor_types::Tlp;

use crate::{chart::Chart, clean};

/// A document, complete: the same value always renders to the same bytes.
///
/// Every string in it is untrusted text. Nothing is ever read as markup, by any writer.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Title; also the title in the metadata of each format.
    pub title: String,
    /// Line below the title.
    pub subtitle: Option<String>,
    /// What stands around the text.
    pub meta: Meta,
    /// The text.
    pub blocks: Vec<Block>,
    /// What [`Span::Evidence`] points to; printed as the last section where not empty.
    pub evidence: Vec<EvidenceNote>,
}

/// What stands around the text of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Meta {
    /// For whom it is: `executives`, `customers`, `regulator`.
    pub audience: Option<String>,
    /// How far it may go; shown at the top and bottom of every page (TLP 2.0, FIRST).
    pub tlp: Tlp,
    /// The incident, as people cite it.
    pub incident: Option<String>,
    /// Number of the journal entry up to which facts were read.
    pub journal: Option<u64>,
    /// When it was generated. The only time a writer knows.
    pub generated: Timestamp,
    /// A word across every page, such as `EXERCISE`.
    pub watermark: Option<String>,
    /// Language of the text, BCP 47: `en`, `de`, `pt-BR`.
    pub lang: String,
}

/// One block.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// A heading. Writers close gaps in the levels, so that none is skipped.
    Heading {
        /// How deep.
        level: Level,
        /// The text.
        text: String,
        /// A name that [`Target::Anchor`] can point to.
        anchor: Option<String>,
    },
    /// A paragraph.
    Paragraph(Vec<Span>),
    /// A list.
    List {
        /// Dots or numbers.
        style: ListStyle,
        /// One item each.
        items: Vec<Vec<Span>>,
    },
    /// A table.
    Table(Table),
    /// Names with values: a fact sheet.
    KeyValues(Vec<(String, Vec<Span>)>),
    /// A set-off remark.
    Callout {
        /// What kind.
        kind: CalloutKind,
        /// Paragraphs.
        body: Vec<Vec<Span>>,
    },
    /// Words of others.
    Quote {
        /// The words.
        text: Vec<Span>,
        /// Who said so, where.
        source: Option<Vec<Span>>,
    },
    /// Text shown as it is, line by line.
    Code {
        /// What it is, such as `json` or `raw event`.
        language: Option<String>,
        /// The text.
        text: String,
    },
    /// A chart with its numbers.
    Chart(Chart),
    /// A legal or house clock.
    Deadline(Deadline),
    /// Who approved what.
    Approval(Approval),
    /// What follows starts a page.
    PageBreak,
}

/// Depth of a heading; the title of the document stands above all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A section.
    Section = 1,
    /// Part of a section.
    Subsection = 2,
    /// Part of a subsection.
    Detail = 3,
}

/// Dots or numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListStyle {
    /// Order does not matter.
    Bullet,
    /// Order matters.
    Numbered,
}

/// What a callout tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalloutKind {
    /// Good to know.
    Note,
    /// Look out.
    Warning,
    /// Somebody must act.
    Action,
    /// Not known yet, or open.
    Open,
}

impl CalloutKind {
    /// The word shown before the text: colour never speaks alone.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Note => "Note",
            Self::Warning => "Warning",
            Self::Action => "Action needed",
            Self::Open => "Open question",
        }
    }
}

/// A stretch of text within a line.
#[derive(Debug, Clone, PartialEq)]
pub enum Span {
    /// Plain.
    Text(String),
    /// Strong importance.
    Strong(String),
    /// Stress.
    Emphasis(String),
    /// An identifier, path, field or value.
    Code(String),
    /// A link.
    Link {
        /// What is shown.
        text: String,
        /// Where it leads.
        target: Target,
    },
    /// A reference to the [`EvidenceNote`] with this id, shown as `[id]`.
    Evidence(String),
    /// A time at which something is due; makes the document show the legal notice.
    Due(Timestamp),
    /// A fact that is not known yet; shown as such, never left out.
    Missing(String),
}

impl Span {
    /// Plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }
}

/// Where a link leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A heading of the same document.
    Anchor(String),
    /// An address. Only `https`, `http` and `mailto` become links; the rest stays text.
    Url(String),
}

/// A table. Short rows are filled, long rows are cut to the columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// What it shows.
    pub caption: Option<String>,
    /// Columns.
    pub columns: Vec<Column>,
    /// Rows of cells.
    pub rows: Vec<Vec<Vec<Span>>>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its head.
    pub title: String,
    /// Where its cells stand.
    pub align: Align,
}

/// Where cells stand in their column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Start,
    /// Marks.
    Center,
    /// Numbers.
    End,
}

/// A clock as a card: what is due, by when, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Deadline {
    /// What is due: `GDPR Art 33: notification to the supervisory authority`.
    pub what: String,
    /// The most careful reading, where the clock runs.
    pub safe: Option<Timestamp>,
    /// The latest that can be defended, where it differs.
    pub outer: Option<Timestamp>,
    /// Where it stands: `running`, `met`, `not started: no decision on materiality`.
    pub state: String,
    /// The arithmetic and its sources.
    pub why: Vec<Span>,
}

/// A block of approvals under a text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Approval {
    /// SHA-256 of the approved text, hex, where approvals are pinned to it.
    pub sha256: Option<String>,
    /// One line per approver wanted.
    pub lines: Vec<ApprovalLine>,
}

/// One approver.
#[derive(Debug, Clone, PartialEq)]
pub struct ApprovalLine {
    /// In which role.
    pub role: String,
    /// Who.
    pub name: Option<String>,
    /// What was decided: `approved`, `refused`; none while it is open.
    pub decision: Option<String>,
    /// When.
    pub at: Option<Timestamp>,
}

/// What stands behind a statement.
#[derive(Debug, Clone, PartialEq)]
pub struct EvidenceNote {
    /// The id that spans cite.
    pub id: String,
    /// What it is.
    pub what: Vec<Span>,
    /// SHA-256 of the item, hex, where it has one.
    pub sha256: Option<String>,
}

impl Approval {
    /// Role, name, decision, time of each line; what is open says so.
    pub(crate) fn rows(&self) -> impl Iterator<Item = [String; 4]> + '_ {
        self.lines.iter().map(|line| {
            [
                line.role.clone(),
                line.name.clone().unwrap_or_default(),
                line.decision.clone().unwrap_or_else(|| "open".to_owned()),
                line.at.map(time).unwrap_or_default(),
            ]
        })
    }
}

impl Document {
    /// Whether a date is shown by which something is due: then [`LEGAL_NOTICE`] stands in every
    /// rendering.
    #[must_use]
    pub fn shows_deadline(&self) -> bool {
        let due = |spans: &[Span]| spans.iter().any(|s| matches!(s, Span::Due(_)));
        self.blocks.iter().any(|block| match block {
            Block::Deadline(_) => true,
            Block::Paragraph(spans) => due(spans),
            Block::List { items, .. } => items.iter().any(|i| due(i)),
            Block::Table(table) => table.rows.iter().flatten().any(|cell| due(cell)),
            Block::KeyValues(pairs) => pairs.iter().any(|(_, value)| due(value)),
            Block::Callout { body, .. } => body.iter().any(|p| due(p)),
            Block::Quote { text, source } => due(text) || source.as_deref().is_some_and(due),
            Block::Heading { .. }
            | Block::Code { .. }
            | Block::Chart(_)
            | Block::Approval(_)
            | Block::PageBreak => false,
        }) || self.evidence.iter().any(|note| due(&note.what))
    }

    /// Depth and anchor of each heading in order. Gaps in the depths are closed: the first is 1
    /// and none is more than one deeper than the one before (PDF/UA-1, 7.4.2; WCAG 2.2, 1.3.1).
    /// Of several headings with one anchor the first has it.
    pub(crate) fn headings(&self) -> impl Iterator<Item = Heading> + '_ {
        let mut before = 0u8;
        let mut seen = Vec::new();
        self.blocks.iter().filter_map(move |block| match block {
            Block::Heading { level, anchor, .. } => {
                before = (*level as u8).min(before + 1);
                let id = anchor
                    .as_deref()
                    .map(|name| format!("s-{}", clean::anchor(name)))
                    .filter(|id| !seen.contains(id));
                seen.extend(id.clone());
                Some(Heading { depth: before, id })
            }
            _ => None,
        })
    }

    /// The id of the heading that `name` points to, if there is one.
    pub(crate) fn anchor(&self, name: &str) -> Option<String> {
        let id = format!("s-{}", clean::anchor(name));
        self.headings()
            .any(|h| h.id.as_ref() == Some(&id))
            .then_some(id)
    }

    /// The lines of meta data that every format prints below the title.
    pub(crate) fn meta_lines(&self) -> Vec<(&'static str, String)> {
        let meta = &self.meta;
        let mut lines = Vec::new();
        if let Some(audience) = &meta.audience {
            lines.push(("For", audience.clone()));
        }
        if let Some(incident) = &meta.incident {
            lines.push(("Incident", incident.clone()));
        }
        lines.push(("Generated", time(meta.generated)));
        if let Some(number) = meta.journal {
            lines.push(("Journal entry", number.to_string()));
        }
        lines.push(("Label", format!("{}: {}", meta.tlp, tlp_meaning(meta.tlp))));
        lines
    }
}

/// Where a heading stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heading {
    /// 1 to 3.
    pub(crate) depth: u8,
    /// `s-` and the anchor, unique in the document.
    pub(crate) id: Option<String>,
}

impl Default for Heading {
    fn default() -> Self {
        Self { depth: 1, id: None }
    }
}

/// Shown wherever a date is shown by which something is due.
pub const LEGAL_NOTICE: &str = "Decision support, not legal advice.";

/// What a label allows, in our words (TLP 2.0, FIRST).
const fn tlp_meaning(tlp: Tlp) -> &'static str {
    match tlp {
        Tlp::Clear => "may be shared without limit",
        Tlp::Green => "may be shared within the community, not in public",
        Tlp::Amber => "may be shared within the organisation and with its clients, need to know",
        Tlp::AmberStrict => "may be shared within the organisation only, need to know",
        Tlp::Red => "for the named recipients only",
    }
}

/// The colour of a label on black (TLP 2.0, FIRST), `RRGGBB`.
pub(crate) const fn tlp_colour(tlp: Tlp) -> &'static str {
    match tlp {
        Tlp::Clear => "FFFFFF",
        Tlp::Green => "33FF00",
        Tlp::Amber | Tlp::AmberStrict => "FFC000",
        Tlp::Red => "FF2B2B",
    }
}

/// A time as people read it, to the minute where nothing is lost: `2026-11-20 15:20 UTC`.
#[must_use]
pub fn time(at: Timestamp) -> String {
    let second = at.as_second();
    if second % 60 == 0 && at.subsec_nanosecond() == 0 {
        at.strftime("%Y-%m-%d %H:%M UTC").to_string()
    } else {
        at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
    }
}
