//! Texts whose parts know what they rest on.
//!
//! A text is a list of blocks, a block a list of spans; a span that was filled in names its
//! evidence. What is filled in is data: it cannot start a heading, break a line or hide characters.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use watchfloor_types::{AlertId, DecisionId, EventId, FactName, FindingId, ObligationId};

use crate::word::words;

/// Longest text that one fact may fill in, in characters.
const MAX_FILLED: usize = 2000;
/// How every mark of something unknown begins.
const UNKNOWN: &str = "[unknown:";

words! {
    /// What a block is.
    BlockKind, "a kind of block", {
        /// A heading.
        Heading = "heading",
        /// A paragraph.
        Paragraph = "paragraph",
        /// A point of a list.
        Item = "item",
    }
}

/// A heading, paragraph or point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// What it is.
    pub kind: BlockKind,
    /// Its text, in order.
    pub spans: Vec<Span>,
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// The words. They may quote what an attacker wrote: escape them for the place they go to.
    pub text: String,
    /// What they rest on; none for the words of the template or of an author.
    pub evidence: Option<Evidence>,
}

/// What a part of a text rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "kebab-case")]
pub enum Evidence {
    /// A fact.
    Fact {
        /// Its name.
        name: FactName,
        /// Since when it was known.
        known_at: Option<Timestamp>,
        /// The finding that shows it.
        finding: Option<FindingId>,
        /// Events that show it.
        events: Vec<EventId>,
    },
    /// A determination of an obligation.
    Determination {
        /// The question.
        question: FactName,
        /// The record.
        id: DecisionId,
    },
    /// A decision of the response.
    Decision {
        /// The record.
        id: DecisionId,
    },
    /// A clock.
    Clock {
        /// Which filing.
        stage: ObligationId,
    },
    /// An alert.
    Alert {
        /// Its id.
        alert: AlertId,
    },
    /// The incident itself.
    Incident,
    /// The profile of the organisation.
    Profile,
    /// Nobody knows yet.
    Unknown {
        /// The fact or question.
        name: FactName,
        /// What to ask.
        question: String,
    },
}

impl Block {
    /// Its words.
    #[must_use]
    pub fn text(&self) -> String {
        self.spans.iter().map(|span| span.text.as_str()).collect()
    }
}

/// The text as a person edits it: paragraphs apart by a blank line, `# ` starts a heading, `- ` a
/// point. A paragraph that begins like one of these begins with a backslash.
pub(crate) fn plain(blocks: &[Block]) -> String {
    let mut all = String::new();
    let mut before: Option<BlockKind> = None;
    for block in blocks {
        match before {
            None => {}
            Some(BlockKind::Item) if block.kind == BlockKind::Item => all.push('\n'),
            Some(_) => all.push_str("\n\n"),
        }
        match block.kind {
            BlockKind::Heading => all.push_str("# "),
            BlockKind::Item => all.push_str("- "),
            BlockKind::Paragraph => {}
        }
        let text = block.text();
        if ["# ", "- ", "\\"]
            .iter()
            .any(|start| text.starts_with(start))
        {
            all.push('\\');
        }
        all.push_str(&text);
        before = Some(block.kind);
    }
    all
}

/// Text as a person wrote it, with the evidence of `former` where its words still stand.
pub(crate) fn parse(text: &str, former: &[Block]) -> Vec<Block> {
    let mut blocks: Vec<(BlockKind, String)> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        let line = line.trim();
        if line.is_empty() {
            open = false;
            continue;
        }
        let (kind, words) = match (line.strip_prefix("# "), line.strip_prefix("- ")) {
            (Some(words), _) => (BlockKind::Heading, words),
            (None, Some(words)) => (BlockKind::Item, words),
            (None, None) => (BlockKind::Paragraph, line),
        };
        let words = visible(
            words.trim().strip_prefix('\\').unwrap_or(words.trim()),
            usize::MAX,
        );
        match blocks.last_mut() {
            Some((last, text)) if open && kind == BlockKind::Paragraph => {
                // A line under a heading is a paragraph of its own; a point may run over lines.
                if *last == BlockKind::Heading {
                    blocks.push((kind, words));
                } else {
                    text.push(' ');
                    text.push_str(&words);
                }
            }
            Some(_) | None => blocks.push((kind, words)),
        }
        open = true;
    }
    blocks
        .into_iter()
        .map(|(kind, text)| rest_on(kind, &text, former))
        .collect()
}

/// Finds the evidence for the words that still stand in a block.
fn rest_on(kind: BlockKind, text: &str, former: &[Block]) -> Block {
    if let Some(same) = former.iter().find(|b| b.kind == kind && b.text() == text) {
        return same.clone();
    }
    let known: Vec<&Span> = former
        .iter()
        .flat_map(|block| &block.spans)
        .filter(|span| span.evidence.is_some() && span.text.chars().count() >= 2)
        .collect();
    let mut spans = Vec::new();
    let mut rest = text;
    loop {
        let next = known
            .iter()
            .filter_map(|span| Some((rest.find(span.text.as_str())?, *span)))
            .min_by_key(|(at, span)| (*at, usize::MAX - span.text.len()));
        let Some((at, span)) = next else { break };
        let (before, found) = rest.split_at(at);
        if !before.is_empty() {
            spans.push(bare(before));
        }
        spans.push(span.clone());
        rest = found.strip_prefix(span.text.as_str()).unwrap_or_default();
    }
    if !rest.is_empty() {
        spans.push(bare(rest));
    }
    Block { kind, spans }
}

fn bare(text: &str) -> Span {
    Span {
        text: text.to_owned(),
        evidence: None,
    }
}

/// SHA-256 of title and text, in hexadecimal: what an approval is pinned to.
pub(crate) fn hash(title: &str, body: &[Block]) -> String {
    let mut hash = Sha256::new();
    hash.update(title.as_bytes());
    hash.update(b"\n\n");
    hash.update(plain(body).as_bytes());
    let mut hex = String::with_capacity(64);
    for byte in hash.finalize() {
        // Writing to a string does not fail.
        write!(hex, "{byte:02x}").unwrap_or_default();
    }
    hex
}

/// The mark that stands where something is unknown.
pub(crate) fn unknown(question: &str) -> String {
    // Brackets inside would end the mark early.
    let question = visible(question, MAX_FILLED).replace(['[', ']'], "");
    format!("{UNKNOWN} {question}]")
}

/// The marks `[unknown: …]` of title and text, each once, in order.
pub(crate) fn unknowns(title: &str, body: &[Block]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let texts = std::iter::once(title.to_owned()).chain(body.iter().map(Block::text));
    for text in texts {
        let mut rest = text.as_str();
        while let Some((_, from)) = rest.split_once(UNKNOWN) {
            let (inside, after) = from.split_once(']').unwrap_or((from, ""));
            let mark = format!("{UNKNOWN}{inside}]");
            if !found.contains(&mark) {
                found.push(mark);
            }
            rest = after;
        }
    }
    found
}

/// `text` on one line with every hidden or control character made visible, at most `max`
/// characters long. What an attacker wrote stays readable and does nothing.
pub(crate) fn visible(text: &str, max: usize) -> String {
    let mut shown = String::with_capacity(text.len());
    for (count, c) in text.chars().enumerate() {
        if count >= max {
            shown.push('…');
            break;
        }
        match c {
            '\n' | '\r' | '\t' => shown.push(' '),
            c if hidden(c) => {
                // Writing to a string does not fail.
                write!(shown, "⟨U+{:04X}⟩", u32::from(c)).unwrap_or_default();
            }
            c => shown.push(c),
        }
    }
    shown
}

/// The same with the limit for what is filled in.
pub(crate) fn filled(text: &str) -> String {
    visible(text, MAX_FILLED)
}

/// Controls, and characters that have no shape or change the order of others (Unicode 16,
/// `Bidi_Control`, `Default_Ignorable_Code_Point`, private use).
fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0x00AD | 0x034F | 0x061C | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x180B..=0x180F
            | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0x3164 | 0xE000..=0xF8FF
            | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB | 0xE_0000..=0xE_0FFF
            | 0xF_0000..=0x10_FFFF)
}
