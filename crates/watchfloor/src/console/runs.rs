//! Runs of an incident: what was done, what waits for a person.

use jiff::Timestamp;
use maud::{Markup, html};
use watchfloor_respond::{
    State,
    incident::Incident,
    runbook::{Phase, Resolution, Run, Wait},
};
use watchfloor_types::Role;

use super::{
    form::{act, hidden, text_field},
    frame::{moment, tag},
};

/// The tab: runs, suggestions, and what can be started.
pub(crate) fn of_incident(state: &State, incident: &Incident, csrf: &str) -> Markup {
    let id = incident.id.to_string();
    let back = format!("/incidents/{id}?tab=run");
    let runs: Vec<&Run> = state.runs.of_incident(incident.id).collect();
    html! {
        h2 { "Runs" }
        @if runs.is_empty() { p.dim { "No runbook was started for this incident." } }
        @for run in &runs { (one(run, csrf, &back)) }
        h3 { "Start a runbook" }
        @for (runbook, reason) in state.runs.suggested(incident.id) { p { "Suggested: " strong { (runbook) } span.dim { " · " (reason) } } }
        (act(csrf, "run", "start", &back, &html! {
            (hidden("incident", &id))
            div.row-form {
                label.field { span { "Runbook" } select name="runbook" { @for (id, runbook) in &state.content.runbooks { option value=(id) { (runbook.name) } } } }
                label.field { span { "Mode" } select name="mode" { option value="rehearsal" { "rehearsal: effects are recorded, not done" } option value="live" { "live: effects reach their targets" } } }
                button type="submit" { "Start" }
            }
        }))
    }
}

/// One run.
pub(crate) fn one(run: &Run, csrf: &str, back: &str) -> Markup {
    let id = run.id.to_string();
    html! {
        article id=(id) aria-label=(run.runbook.name) {
            h3 { (run.runbook.name) " " (tag(if run.is_active() { "running" } else { "done" }, run.end.as_ref().map_or("running", |e| e.result.as_str()))) " " (tag("", run.mode.as_str())) }
            p.dim { "started " (moment(run.started)) " by " (run.by) @if let Some(end) = &run.end { ", ended " (moment(end.at)) ": " (end.reason) } }
            @for (_, doing) in run.doing() {
                div.note {
                    p { strong { (run.step_name(&doing.step)) } " since " (moment(doing.since)) }
                    @if let Some(step) = run.runbook.step(&doing.step) { @if !step.description.is_empty() { p { (step.description) } } }
                    @match &doing.phase {
                        Phase::Ready => p { "about to go on" },
                        Phase::Waiting(wait) => (waiting(run, doing.step.as_str(), wait, csrf, back)),
                        Phase::InDoubt(why) => { p { "In doubt: " (why) } (resolve(&id, doing.step.as_str(), csrf, back)) },
                    }
                }
            }
            ol.spine {
                @for record in run.records.iter().rev() {
                    li {
                        (moment(record.started)) (run.step_name(&record.step)) " "
                        @match &record.end { Some(end) => { (tag(if end.done { "done" } else { "critical" }, if end.done { "done" } else { "not done" })) " " span.dim { (end.detail) } }, None => (tag("waiting", "open")) }
                        @for who in &record.people { span.dim { " · " (who) } }
                    }
                }
            }
            @if run.is_active() {
                details { summary { "Stop this run" }
                    (act(csrf, "run", "abort", back, &html! { (hidden("run", &id)) (text_field("reason", "Reason")) button.danger type="submit" { "Stop the run" } }))
                }
            }
        }
    }
}

fn waiting(run: &Run, step: &str, wait: &Wait, csrf: &str, back: &str) -> Markup {
    let id = run.id.to_string();
    let about = html! { (hidden("run", &id)) (hidden("step", step)) };
    match wait {
        Wait::Until { at } => html! { p { "Waits until " (moment(*at)) } },
        Wait::Values { names } => html! {
            p { "Waits for a value" }
            @for name in names {
                (act(csrf, "run", "set-value", back, &html! { (hidden("run", &id)) (hidden("name", name)) (text_field("value", name)) button type="submit" { "Set" } }))
            }
        },
        Wait::Person { text, roles, due } => html! {
            p { (text) } (who(roles, *due))
            (act(csrf, "run", "complete", back, &html! { (about) (text_field("note", "What was found or done")) button type="submit" { "Step is done" } }))
            details { summary { "Cannot be done" } (act(csrf, "run", "fail", back, &html! { (about) (text_field("reason", "Reason")) button.danger type="submit" { "Cannot be done" } })) }
        },
        Wait::Approval { text, roles, due } => html! {
            p { (text) } (who(roles, *due))
            (act(csrf, "run", "approve", back, &html! { (about) (hidden("note", "approved in the console")) button type="submit" { "Approve" } }))
            details { summary { "Refuse" } (act(csrf, "run", "refuse", back, &html! { (about) (text_field("reason", "Reason")) button.danger type="submit" { "Refuse" } })) }
        },
        Wait::Effect { effect, tries } => {
            html! { p { "Waits for the outcome of " code { (effect.key) } ", tried " (tries) " times" } }
        }
    }
}

fn who(roles: &[Role], due: Option<Timestamp>) -> Markup {
    html! { p.dim { @if !roles.is_empty() { "for " @for (i, r) in roles.iter().enumerate() { @if i > 0 { " or " } (r) } } @if let Some(due) = due { " by " (moment(due)) } } }
}

fn resolve(run: &str, step: &str, csrf: &str, back: &str) -> Markup {
    act(
        csrf,
        "run",
        "resolve",
        back,
        &html! {
            (hidden("run", run)) (hidden("step", step))
            label.field { span { "What happened" } select name="resolution" { @for r in Resolution::ALL { option value=(r) { (r) } } } }
            (text_field("reason", "How that is known"))
            button type="submit" { "Record" }
        },
    )
}
