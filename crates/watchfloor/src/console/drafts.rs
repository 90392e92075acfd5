//! Drafts: what waits, one draft with its evidence, and its approval.

use maud::{Markup, html};
use watchfloor_respond::{
    State,
    comms::{Block, BlockKind, Draft, DraftState, Evidence, Span},
    incident::Incident,
};

use super::{
    form::{act, hidden, text_field},
    frame::{moment, tag},
};

fn state_tag(draft: &Draft) -> Markup {
    let class = match draft.state {
        DraftState::Draft => "waiting",
        DraftState::InReview { .. } => "medium",
        DraftState::Approved(_) => "approved",
        DraftState::Sending { .. } => "running",
        DraftState::InDoubt { .. } => "critical",
        DraftState::Sent { .. } => "done",
        DraftState::Withdrawn { .. } => "",
    };
    tag(class, draft.state.as_str())
}

/// The tab of an incident.
pub(crate) fn of_incident(state: &State, incident: &Incident, csrf: &str) -> Markup {
    let id = incident.id.to_string();
    html! {
        h2 { "Drafts" }
        div.scroll tabindex="0" role="region" aria-label="Drafts, table" {
            table {
                thead { tr { th { "For" } th { "Draft" } th { "State" } th { "Author" } } }
                tbody {
                    @for draft in state.comms.of(incident.id) {
                        tr data-row {
                            td { (draft.audience) }
                            td { a.row href={ "/drafts/" (draft.id) } data-approvable[matches!(draft.state, DraftState::InReview { .. })] { (draft.title()) } div.dim { (draft.reason) } }
                            td { (state_tag(draft)) }
                            td { (draft.author()) }
                        }
                    }
                }
            }
        }
        h3 { "New draft" }
        (act(csrf, "comms", "create", &format!("/incidents/{id}?tab=comms"), &html! {
            (hidden("incident", &id))
            div.row-form {
                label.field { span { "Template" } select name="template" { @for (id, template) in &state.content.templates { option value=(id) { (template.title) } } } }
                button type="submit" { "Fill from facts" }
            }
        }))
        h3 { "Packet" }
        form.row-form method="post" action={ "/incidents/" (id) "/packet" } {
            (super::frame::csrf(csrf))
            label.field { span { "For" } select name="audience" { @for a in watchfloor_respond::comms::Audience::ALL { option value=(a) { (a) } } } }
            label.field { span { "As" } select name="format" { @for f in ["html", "docx", "pdf", "text"] { option value=(f) { (f) } } } }
            button.quiet type="submit" { "Build packet" }
        }
    }
}

/// One draft.
pub(crate) fn page(state: &State, draft: &Draft, csrf: &str) -> Markup {
    let id = draft.id.to_string();
    let back = format!("/drafts/{id}");
    let incident = state.incidents.get(draft.incident);
    html! {
        div.head {
            h1 { (draft.title()) }
            p.sub {
                (state_tag(draft)) " for " (draft.audience) " · "
                @if let Some(i) = incident { a href={ "/incidents/" (i.id) "?tab=comms" } { (i.name) } " · " }
                "version " (draft.current.number) " by " (draft.author()) ", " (moment(draft.current.at))
                @if draft.exercise.is_some() { " " (tag("exercise", "exercise")) }
            }
        }
        div.grid.two {
            section.panel aria-label="Text" { @for block in draft.body() { (paragraph(block)) } }
            aside aria-label="Approval" {
                section.panel {
                    h2 { "Approval" }
                    @match &draft.state {
                        DraftState::Approved(a) | DraftState::Sending { approval: a, .. } | DraftState::InDoubt { approval: a, .. } | DraftState::Sent { approval: a, .. } => {
                            p.note.good { "Approved by " (a.by) ", " (moment(a.at)) }
                        },
                        DraftState::Withdrawn { reason, .. } => p { "Withdrawn: " (reason) },
                        DraftState::Draft => {
                            p { "Nobody has been asked yet. The text stays as it is while it is looked at." }
                            (act(csrf, "comms", "submit", &back, &html! { (hidden("draft", &id)) button type="submit" { "Ask for approval" } }))
                        },
                        DraftState::InReview { .. } => (approve(draft, csrf, &back)),
                    }
                    p.dim { "Text " code { (draft.hash().chars().take(16).collect::<String>()) } ". An approval holds for this text only; any change voids it." }
                }
                br;
                @if matches!(draft.state, DraftState::Approved(_)) {
                    section.panel {
                        h2 { "Send" }
                        p.dim { @if draft.exercise.is_some() { "This is an exercise: it is recorded and reaches nobody." } @else { "It leaves through the channel that you name." } }
                        (act(csrf, "comms", "send", &back, &html! { (hidden("draft", &id)) (text_field("channel", "Channel")) button type="submit" { "Send" } }))
                        details { summary { "It went out by another way" } (act(csrf, "comms", "mark-sent", &back, &html! { (hidden("draft", &id)) (text_field("how", "How, with a reference")) button.quiet type="submit" { "Record" } })) }
                    }
                    br;
                }
                @if matches!(draft.state, DraftState::Draft | DraftState::InReview { .. } | DraftState::Approved(_)) {
                    section.panel {
                        h2 { "Edit" }
                        details { summary { "Change the text" }
                            (act(csrf, "comms", "edit", &back, &html! {
                                (hidden("draft", &id))
                                label.field { span { "Title" } input type="text" name="title" value=(draft.title()) required; }
                                label.field { span { "Text" } textarea name="text" rows="14" { (draft.text()) } }
                                button.quiet type="submit" { "Save as a new version" }
                            }))
                        }
                        (act(csrf, "comms", "refill", &back, &html! { (hidden("draft", &id)) button.quiet type="submit" { "Fill again from what is known now" } }))
                    }
                }
            }
        }
    }
}

fn approve(draft: &Draft, csrf: &str, back: &str) -> Markup {
    let id = draft.id.to_string();
    let unknowns = draft.unknowns();
    html! {
        p { "Needs one of: " @for (i, r) in draft.audience.approvers().iter().enumerate() { @if i > 0 { ", " } (r) } ". Not its author." }
        @if !unknowns.is_empty() {
            p { "These are not known. Approving accepts that the text says so:" }
            ul { @for u in &unknowns { li { (u) } } }
        }
        (act(csrf, "comms", "approve", back, &html! {
            (hidden("draft", &id)) (hidden("hash", draft.hash()))
            @for (i, u) in unknowns.iter().enumerate() { (hidden(&format!("acknowledged.{i}"), u)) }
            button type="submit" data-approve { "Approve this text" }
        }))
        details { summary { "Give it back" } (act(csrf, "comms", "return", back, &html! { (hidden("draft", &id)) (text_field("reason", "Reason")) button.danger type="submit" { "Give back" } })) }
    }
}

fn paragraph(block: &Block) -> Markup {
    let text = spans(&block.spans);
    match block.kind {
        BlockKind::Heading => html! { h2 { (text) } },
        BlockKind::Paragraph => html! { p { (text) } },
        BlockKind::Item => html! { ul { li { (text) } } },
    }
}

/// Text with a mark under what rests on evidence; the evidence is named on hover and to screen readers.
fn spans(spans: &[Span]) -> Markup {
    html! { @for span in spans { @match &span.evidence { Some(evidence) => { mark title=(named(evidence)) { (span.text) } }, None => (span.text) } } }
}

/// What a part of a text rests on, in words.
pub(crate) fn named(evidence: &Evidence) -> String {
    match evidence {
        Evidence::Fact {
            name,
            known_at,
            events,
            ..
        } => {
            let since = known_at
                .map(|at| format!(", known {at}"))
                .unwrap_or_default();
            let shown = events
                .first()
                .map(|e| format!(", shown by event {e}"))
                .unwrap_or_default();
            format!("fact {name}{since}{shown}")
        }
        Evidence::Determination { question, id } => {
            format!("determination {question}, record {id}")
        }
        Evidence::Decision { id } => format!("decision record {id}"),
        Evidence::Clock { stage } => format!("clock {stage}"),
        Evidence::Alert { alert } => format!("alert {alert}"),
        Evidence::Incident => "the incident's record".to_owned(),
        Evidence::Profile => "the profile of the organisation".to_owned(),
        Evidence::Unknown { name, question } => format!("not known: {name} ({question})"),
    }
}
