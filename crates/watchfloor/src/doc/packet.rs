//! The packet for one audience: drafts, facts, clocks and timeline at a journal number.

use watchfloor_press::{
    Approval, ApprovalLine, Block, CalloutKind, Deadline, Document, EvidenceNote, ListStyle, Span,
    time,
};
use watchfloor_respond::{
    State,
    comms::{self, Audience, BlockKind, Evidence, PacketDraft},
    obligation::ClockView,
};
use watchfloor_types::{IncidentId, Timestamp, Tlp};

use super::{heading, meta, sub, table};
use crate::console::drafts::named;

/// The packet; none where there is no such incident.
pub(crate) fn build(
    state: &State,
    incident: IncidentId,
    audience: Audience,
    journal: u64,
    now: Timestamp,
) -> Option<Document> {
    let p = comms::packet(state, incident, audience, journal, now).ok()?;
    let mut evidence = Vec::new();
    let mut blocks = Vec::new();
    if p.drafts.is_empty() {
        blocks.push(Block::Callout {
            kind: CalloutKind::Open,
            body: vec![vec![Span::text(format!(
                "There is no draft for this audience ({audience}) yet."
            ))]],
        });
    }
    for draft in &p.drafts {
        draft_blocks(draft, &mut blocks, &mut evidence);
    }
    if !p.clocks.is_empty() {
        clock_blocks(&p.clocks, &mut blocks);
    }
    if !p.determinations.is_empty() {
        blocks.push(heading("Determinations"));
        let rows = p.determinations.iter().map(|d| {
            vec![
                d.question.to_string(),
                d.answer.to_string(),
                time(d.at),
                time(d.effective),
                d.by.to_string(),
                d.rationale.clone(),
            ]
        });
        blocks.push(table(
            "Made by people",
            &["Question", "Answer", "Decided", "Since", "By", "Why"],
            rows.collect(),
        ));
    }
    if !p.decisions.is_empty() {
        blocks.push(heading("Decisions"));
        let rows = p.decisions.iter().map(|d| {
            vec![
                time(d.at),
                d.question.clone(),
                d.answer.clone(),
                d.reason.clone(),
                d.by.to_string(),
            ]
        });
        blocks.push(table(
            "Decisions of the response",
            &["Time", "Question", "Answer", "Why", "By"],
            rows.collect(),
        ));
    }
    if !p.facts.is_empty() {
        blocks.push(heading("Facts"));
        let rows = p.facts.iter().map(|f| {
            vec![
                f.name.to_string(),
                f.value.to_string(),
                time(f.known_at),
                f.by.to_string(),
            ]
        });
        blocks.push(table(
            "What is known, since when, from whom",
            &["Fact", "Value", "Known since", "From"],
            rows.collect(),
        ));
    }
    if !p.timeline.is_empty() {
        blocks.push(heading("Timeline"));
        let rows = p.timeline.iter().map(|t| {
            vec![
                time(t.at),
                t.kind.to_string(),
                t.text.clone(),
                t.by.to_string(),
            ]
        });
        blocks.push(table(
            "In the order in which it was recorded",
            &["Time", "Kind", "What", "By"],
            rows.collect(),
        ));
    }
    let tlp = match audience {
        Audience::Customer | Audience::Press => Tlp::Clear,
        Audience::Regulator | Audience::Vendor => Tlp::Amber,
        Audience::Executive => Tlp::AmberStrict,
    };
    Some(Document {
        title: format!("{}: {}", p.name, p.title),
        subtitle: Some(format!(
            "{}: packet for {audience}, severity {}, status {}",
            p.organisation, p.severity, p.status
        )),
        meta: meta(
            Some(audience.as_str()),
            Some(&p.name),
            p.journal,
            p.at,
            tlp,
            p.exercise,
        ),
        blocks,
        evidence,
    })
}

fn draft_blocks(shown: &PacketDraft, blocks: &mut Vec<Block>, evidence: &mut Vec<EvidenceNote>) {
    let draft = &shown.draft;
    blocks.push(heading(draft.title()));
    let kind = if draft.approval().is_none() {
        CalloutKind::Warning
    } else {
        CalloutKind::Note
    };
    blocks.push(Block::Callout {
        kind,
        body: vec![vec![Span::text(shown.label.clone())]],
    });
    let mut points = Vec::new();
    for block in draft.body() {
        let spans = traced(&block.spans, evidence);
        if block.kind != BlockKind::Item && !points.is_empty() {
            blocks.push(Block::List {
                style: ListStyle::Bullet,
                items: std::mem::take(&mut points),
            });
        }
        match block.kind {
            BlockKind::Heading => blocks.push(sub(&block.text())),
            BlockKind::Paragraph => blocks.push(Block::Paragraph(spans)),
            BlockKind::Item => points.push(spans),
        }
    }
    if !points.is_empty() {
        blocks.push(Block::List {
            style: ListStyle::Bullet,
            items: points,
        });
    }
    let line = |role: String, name: Option<String>, decision: Option<&str>, at| ApprovalLine {
        role,
        name,
        decision: decision.map(str::to_owned),
        at,
    };
    let mut lines = vec![line(
        "author".to_owned(),
        Some(draft.author().to_string()),
        Some("wrote"),
        Some(draft.current.at),
    )];
    lines.push(match draft.approval() {
        Some(a) => line(
            "approver".to_owned(),
            Some(a.by.to_string()),
            Some("approved"),
            Some(a.at),
        ),
        None => line(
            draft
                .audience
                .approvers()
                .iter()
                .map(|r| r.as_str())
                .collect::<Vec<_>>()
                .join(" or "),
            None,
            None,
            None,
        ),
    });
    blocks.push(Block::Approval(Approval {
        sha256: Some(draft.hash().to_owned()),
        lines,
    }));
}

/// Spans with a mark behind what rests on evidence, and the note that the mark points to.
fn traced(spans: &[comms::Span], evidence: &mut Vec<EvidenceNote>) -> Vec<Span> {
    let mut out = Vec::new();
    for span in spans {
        let Some(source) = &span.evidence else {
            out.push(Span::text(span.text.clone()));
            continue;
        };
        if matches!(source, Evidence::Unknown { .. }) {
            out.push(Span::Missing(span.text.clone()));
            continue;
        }
        out.push(Span::text(span.text.clone()));
        let what = vec![Span::text(named(source))];
        let at = evidence
            .iter()
            .position(|e| e.what == what)
            .unwrap_or_else(|| {
                evidence.push(EvidenceNote {
                    id: format!("E{}", evidence.len() + 1),
                    what,
                    sha256: None,
                });
                evidence.len() - 1
            });
        out.push(Span::Evidence(format!("E{}", at + 1)));
    }
    out
}

fn clock_blocks(all: &[ClockView], blocks: &mut Vec<Block>) {
    blocks.push(heading("Clocks"));
    for view in all {
        let mut why = vec![Span::text(
            view.because
                .sources
                .iter()
                .map(|s| s.cite.as_str())
                .collect::<Vec<_>>()
                .join("; "),
        )];
        if let Some(from) = view.from {
            why.push(Span::text(format!(". Counts from {}.", time(from))));
        }
        for question in &view.missing {
            why.push(Span::Missing(question.question.clone()));
        }
        blocks.push(Block::Deadline(Deadline {
            what: format!("{}: {}", view.regime_title, view.title),
            safe: view.safe,
            outer: view.outer.filter(|o| Some(*o) != view.safe),
            state: view.status.as_str().to_owned(),
            why,
        }));
    }
}
