//! The packet for one audience: drafts, facts, clocks and timeline at a journal number.

use watchfloor_press::{Approval, ApprovalLine, Block, CalloutKind, Deadline, Document, EvidenceNote, Span, time};
use watchfloor_respond::{
    State,
    comms::{self, Audience, Draft},
    incident::Incident,
    obligation::{ClockView, clocks},
};
use watchfloor_types::{IncidentId, Timestamp, Tlp};

use super::{heading, meta, paragraph, sub, table};

/// The packet; none where there is no such incident.
pub(crate) fn build(state: &State, incident: IncidentId, audience: Audience, journal: u64, now: Timestamp) -> Option<Document> {
    let i = state.incidents.get(incident)?;
    let mut evidence = Vec::new();
    let mut blocks = Vec::new();
    let drafts: Vec<&Draft> = state.comms.of_incident(incident).filter(|d| d.audience == audience && d.state.as_str() != "withdrawn").collect();
    if drafts.is_empty() {
        blocks.push(Block::Callout { kind: CalloutKind::Open, body: vec![vec![Span::text(format!("There is no draft for this audience ({audience}) yet."))]] });
    }
    for draft in drafts {
        draft_blocks(state, draft, &mut blocks, &mut evidence);
    }
    if audience != Audience::Customer && audience != Audience::Press {
        clock_blocks(&clocks(state, incident, now), &mut blocks);
        fact_blocks(i, &mut blocks);
        timeline_blocks(i, &mut blocks);
    }
    let tlp = match audience {
        Audience::Customer | Audience::Press => Tlp::Clear,
        Audience::Regulator | Audience::Vendor => Tlp::Amber,
        Audience::Executive => Tlp::AmberStrict,
    };
    Some(Document {
        title: format!("{}: {}", i.name, i.title),
        subtitle: Some(format!("Packet for {audience}, severity {}, status {}", i.severity, i.status)),
        meta: meta(Some(audience.as_str()), Some(&i.name), journal, now, tlp, i.exercise.is_some()),
        blocks,
        evidence,
    })
}

fn draft_blocks(state: &State, draft: &Draft, blocks: &mut Vec<Block>, evidence: &mut Vec<EvidenceNote>) {
    blocks.push(heading(draft.title()));
    if draft.approval().is_none() {
        blocks.push(Block::Callout { kind: CalloutKind::Warning, body: vec![vec![Span::Strong("Not approved.".to_owned()), Span::text(" This text may not leave the organisation.")]] });
    }
    for block in draft.body() {
        blocks.push(match block {
            comms::Block::Heading(spans) => sub(&spans.iter().map(|s| s.text.as_str()).collect::<String>()),
            comms::Block::Paragraph(spans) => Block::Paragraph(traced(state, spans, evidence)),
            comms::Block::Point(spans) => Block::List { style: watchfloor_press::ListStyle::Bullet, items: vec![traced(state, spans, evidence)] },
        });
    }
    let line = |role: &str, name: Option<String>, decision: Option<&str>, at| ApprovalLine { role: role.to_owned(), name, decision: decision.map(str::to_owned), at };
    let mut lines = vec![line("author", Some(draft.author().to_string()), Some("wrote version"), Some(draft.current.at))];
    lines.push(match draft.approval() {
        Some(a) => line("approver", Some(a.by.to_string()), Some("approved"), Some(a.at)),
        None => line(&draft.audience.approvers().iter().map(|r| r.as_str()).collect::<Vec<_>>().join(" or "), None, None, None),
    });
    blocks.push(Block::Approval(Approval { sha256: Some(draft.hash().to_owned()), lines }));
}

/// Spans with a mark behind what rests on a fact, and the note that the mark points to.
fn traced(_state: &State, spans: &[comms::Span], evidence: &mut Vec<EvidenceNote>) -> Vec<Span> {
    let mut out = Vec::new();
    for span in spans {
        match &span.source {
            None => out.push(Span::text(span.text.clone())),
            Some(source) => {
                out.push(Span::text(span.text.clone()));
                let what = source.to_string();
                let known = evidence.iter().position(|e| matches!(e.what.first(), Some(Span::Text(t)) if *t == what));
                let number = known.map_or_else(
                    || {
                        let id = format!("E{}", evidence.len() + 1);
                        evidence.push(EvidenceNote { id: id.clone(), what: vec![Span::text(what)], sha256: None });
                        id
                    },
                    |at| format!("E{}", at + 1),
                );
                out.push(Span::Evidence(number));
            }
        }
    }
    out
}

fn clock_blocks(all: &[ClockView], blocks: &mut Vec<Block>) {
    blocks.push(heading("Clocks"));
    for view in all {
        let mut why = vec![Span::text(view.because.sources.iter().map(|s| s.cite.as_str()).collect::<Vec<_>>().join("; "))];
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

fn fact_blocks(incident: &Incident, blocks: &mut Vec<Block>) {
    blocks.push(heading("Facts"));
    blocks.push(table(
        "What is known, since when, from whom",
        &["Fact", "Value", "Known since", "From"],
        incident.facts.current().map(|f| vec![f.name.to_string(), f.value.to_string(), time(f.known_at), f.by.to_string()]).collect(),
    ));
}

fn timeline_blocks(incident: &Incident, blocks: &mut Vec<Block>) {
    blocks.push(heading("Timeline"));
    if incident.timeline.is_empty() {
        blocks.push(paragraph("Nothing has been recorded."));
    }
    blocks.push(table(
        "In the order in which it was recorded",
        &["Time", "Kind", "What", "By"],
        incident.timeline.iter().map(|t| vec![time(t.at), t.kind.to_string(), t.text.clone(), t.by.to_string()]).collect(),
    ));
}
