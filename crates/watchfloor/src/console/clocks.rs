//! Clocks of an incident: where each stands, both dates, and why.

use jiff::Timestamp;
use maud::{Markup, html};
use watchfloor_respond::{
    State,
    incident::Incident,
    obligation::{Answer, ClockStatus, ClockView, NOTICE, QuestionKind, Step, clocks},
};

use super::{
    form::{act, hidden, text_field},
    frame::{left, moment, tag},
};

fn status(view: &ClockView) -> Markup {
    let class = match &view.status {
        ClockStatus::Unknown | ClockStatus::NotStarted => "unknown",
        ClockStatus::Candidate => "candidate",
        ClockStatus::Running | ClockStatus::Held { .. } => "running",
        ClockStatus::PastSafe { .. } | ClockStatus::Late { .. } => "late",
        ClockStatus::Missed { .. } => "missed",
        ClockStatus::Met { .. } => "met",
        ClockStatus::NotApplicable { .. } => "",
    };
    tag(class, view.status.as_str())
}

/// The short list beside an incident.
pub(crate) fn rail(state: &State, incident: &Incident, now: Timestamp) -> Markup {
    let all = clocks(state, incident.id, now);
    html! {
        @if all.is_empty() { p.dim { "No regime is loaded, so no clock can run." } }
        ul.plain {
            @for view in &all {
                li {
                    p {
                        a href={ "/incidents/" (incident.id) "?tab=clocks#" (view.stage) } { (view.title) } " " (status(view))
                        @if view.status.is_open() { @if let Some(safe) = view.safe { br; (left(safe, now)) span.dim { " · safe " (moment(safe)) } } }
                    }
                }
            }
        }
        p.dim { (NOTICE) }
    }
}

/// The tab: everything about each clock.
pub(crate) fn of_incident(
    state: &State,
    incident: &Incident,
    csrf: &str,
    now: Timestamp,
) -> Markup {
    let id = incident.id.to_string();
    let back = format!("/incidents/{id}?tab=clocks");
    html! {
        h2 { "Clocks" }
        p.note { (NOTICE) }
        @for view in clocks(state, incident.id, now) {
            article id=(view.stage) aria-label=(view.title) {
                h3 { (view.title) " " (status(&view)) }
                dl.facts {
                    dt { "Regime" } dd { (view.regime_title) " (" (view.jurisdiction) "), version " (view.because.version) }
                    dt { "To" } dd { (view.recipient) }
                    @if let Some(from) = view.from { dt { "Counts from" } dd { (moment(from)) } }
                    @if let Some(safe) = view.safe { dt { "Safe date" } dd { (moment(safe)) " " @if view.status.is_open() { (left(safe, now)) } } }
                    @if let Some(outer) = view.outer { dt { "Outer date" } dd { (moment(outer)) } }
                    @if let Some(target) = view.target { dt { "House target" } dd { (moment(target)) span.dim { " (not a legal date)" } } }
                    @if let ClockStatus::NotApplicable { reason } = &view.status { dt { "Does not apply" } dd { (reason) } }
                    @for filing in &view.filings { dt { "Filed" } dd { (moment(filing.submitted)) " by " (filing.by) ", reference " (filing.reference) } }
                }
                details {
                    summary { "Why: article, facts, arithmetic" }
                    @for source in &view.because.sources {
                        p { strong { (source.cite) } " · checked " (source.checked) ", " (source.confidence) }
                        @if let Some(quote) = &source.quote { blockquote { "“" (quote) "”" } }
                        @if let Some(says) = &source.says { p { (says) } }
                    }
                    p { "Applies when " code { (view.because.applies) } }
                    p { "Due " code { (view.because.due) } }
                    @for ground in &view.because.grounds {
                        p { code { (ground.name) } " = " (ground.value) span.dim { " · " (ground.by) @if let Some(at) = ground.known_at { ", known " (moment(at)) } @if !ground.note.is_empty() { " · " (ground.note) } } }
                    }
                    @if let Some(step) = &view.because.safe { p { strong { "Safe date" } } (steps(step)) }
                    @if let Some(step) = &view.because.outer { p { strong { "Outer date" } } (steps(step)) }
                    @for remark in &view.because.remarks { p.dim { (remark) } }
                }
                @for question in &view.missing {
                    div.note {
                        p { strong { "Not known: " } (question.question) @if !question.roles.is_empty() { span.dim { " (for " @for (i, r) in question.roles.iter().enumerate() { @if i > 0 { " or " } (r) } ")" } } }
                        @if question.kind == QuestionKind::Determination {
                            details { summary { "Decide" }
                                (act(csrf, "obligation", "determine", &back, &html! {
                                    (hidden("incident", &id)) (hidden("question", question.name.as_str()))
                                    label.field { span { "Answer" } select name="answer" { @for a in Answer::ALL { option value=(a) { (a) } } } }
                                    label.field { span { "Since (leave empty for now)" } input type="text" name="effective" placeholder="2027-03-02T08:09:00Z"; }
                                    (text_field("rationale", "Reason"))
                                    button type="submit" { "Record the decision" }
                                }))
                            }
                        }
                    }
                }
                @if view.status.is_open() && view.safe.is_some() {
                    details { summary { "Record a filing" }
                        (act(csrf, "obligation", "file", &back, &html! {
                            (hidden("incident", &id)) (hidden("stage", view.stage.as_str()))
                            (text_field("reference", "Reference given by the receiver"))
                            label.field { span { "Note; the reason where it is late" } input type="text" name="note"; }
                            button type="submit" { "Record the filing" }
                        }))
                    }
                }
            }
        }
    }
}

fn steps(step: &Step) -> Markup {
    html! {
        ul { li {
            (step.text)
            @if let Some(at) = step.at { " = " (moment(at)) }
            @if let Some(local) = &step.local { span.dim { " (" (local) ")" } }
            @for inner in &step.from { (steps(inner)) }
        } }
    }
}
