//! Incidents: the list, and one incident with its timeline, clocks, runs, drafts and evidence.

use jiff::Timestamp;
use maud::{Markup, html};
use watchfloor_respond::{
    State,
    incident::{Incident, IncidentRole, Link, Status, TimelineItem},
};
use watchfloor_types::Severity;

use super::{
    clocks, drafts,
    form::{act, hidden, text_field},
    frame::{moment, severity, tag},
    runs,
};

/// The list.
pub(crate) fn list(state: &State) -> Markup {
    let mut all: Vec<&Incident> = state.incidents.iter().collect();
    all.sort_by_key(|i| {
        (
            !i.is_open(),
            std::cmp::Reverse(i.severity),
            std::cmp::Reverse(i.opened),
        )
    });
    html! {
        div.head { h1 { "Incidents" } }
        section.panel aria-label="List of incidents" {
            @if all.is_empty() {
                div.empty {
                    p { "An incident opens by itself from an alert of severity high or above, or from two related alerts, and by hand." }
                    p { "There is none. Play one: " code { "watchfloor exercise start paper-lantern" } "." }
                }
            } @else {
                div.scroll tabindex="0" role="region" aria-label="Incidents, table" {
                    table {
                        thead { tr { th { "Severity" } th { "Incident" } th { "Status" } th.num { "Alerts" } th { "Opened" } th { "Commander" } } }
                        tbody {
                            @for i in all {
                                tr data-row {
                                    td { (severity(i.severity)) }
                                    td { a.row href={ "/incidents/" (i.id) } { (i.name) " " (i.title) } @if i.exercise.is_some() { " " (tag("exercise", "exercise")) } }
                                    td { (status(i)) }
                                    td.num { (i.members.len()) }
                                    td { (moment(i.opened)) }
                                    td { (i.roles.get(&IncidentRole::Commander).map_or("nobody", |u| u.as_str())) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn status(incident: &Incident) -> Markup {
    if incident.merged_into.is_some() {
        return tag("", "merged");
    }
    let class = match incident.status {
        Status::New => "waiting",
        Status::InProgress => "running",
        Status::OnHold => "medium",
        Status::Resolved | Status::Closed => "done",
    };
    tag(class, incident.status.as_str())
}

/// Tabs of an incident: query value and name.
pub(crate) static TABS: &[(&str, &str)] = &[
    ("timeline", "Timeline"),
    ("clocks", "Clocks"),
    ("run", "Run"),
    ("comms", "Comms"),
    ("facts", "Facts"),
    ("evidence", "Evidence"),
];

/// One incident.
pub(crate) fn page(
    state: &State,
    incident: &Incident,
    tab: &str,
    csrf: &str,
    now: Timestamp,
) -> Markup {
    let id = incident.id.to_string();
    let tab = TABS
        .iter()
        .map(|(t, _)| *t)
        .find(|t| *t == tab)
        .unwrap_or("timeline");
    html! {
        div.head {
            h1 { (incident.name) " · " (incident.title) }
            p.sub {
                (severity(incident.severity)) " " (status(incident)) " "
                @if incident.exercise.is_some() { (tag("exercise", "exercise")) " " }
                "opened " (moment(incident.opened)) " by " (incident.opened_by) ": " (incident.reason)
            }
        }
        @if let Some(into) = incident.merged_into { p.note { "Merged into " a href={ "/incidents/" (into) } { "another incident" } "." } }
        div.grid.two {
            div {
                nav.tabs aria-label="Parts of the incident" {
                    @for (value, name) in TABS {
                        a href={ "/incidents/" (id) "?tab=" (value) } aria-current=[(*value == tab).then_some("page")] { (name) }
                    }
                }
                section.panel #part data-live-part aria-label=(tab) {
                    @match tab {
                        "clocks" => (clocks::of_incident(state, incident, csrf, now)),
                        "run" => (runs::of_incident(state, incident, csrf)),
                        "comms" => (drafts::of_incident(state, incident, csrf)),
                        "facts" => (facts(incident, csrf)),
                        "evidence" => (evidence(state, incident)),
                        _ => (timeline(&incident.timeline)),
                    }
                }
            }
            aside aria-label="About this incident" {
                section.panel #clocks-rail data-live-part { h2 { "Clocks" } (clocks::rail(state, incident, now)) }
                br;
                section.panel { h2 { "People" }
                    dl.facts { @for role in IncidentRole::ALL { @if let Some(user) = incident.roles.get(role) { dt { (role) } dd { (user) } } } }
                    @if incident.roles.is_empty() { p.dim { "Nobody holds a role yet." } }
                    details { summary { "Assign a role" }
                        (act(csrf, "incident", "set-role", &format!("/incidents/{id}"), &html! {
                            (hidden("incident", &id))
                            div.field { label for="role" { "Role" } select #role name="role" { @for r in IncidentRole::ALL { option value=(r) { (r) } } } }
                            (text_field("user", "Account"))
                            button.quiet type="submit" { "Assign" }
                        }))
                    }
                }
                br;
                section.panel { h2 { "State" } (state_forms(incident, csrf)) }
            }
        }
    }
}

fn state_forms(incident: &Incident, csrf: &str) -> Markup {
    let id = incident.id.to_string();
    let back = format!("/incidents/{id}");
    html! {
        details { summary { "Status" }
            (act(csrf, "incident", "set-status", &back, &html! {
                (hidden("incident", &id))
                div.field { label for="new-status" { "New status" } select #new-status name="status" { @for s in Status::ALL { option value=(s) selected[*s == incident.status] { (s) } } } }
                (text_field("reason", "Reason, or the resolution"))
                button type="submit" { "Set status" }
            }))
        }
        details { summary { "Severity" }
            (act(csrf, "incident", "set-severity", &back, &html! {
                (hidden("incident", &id))
                div.field { label for="new-severity" { "New severity" } select #new-severity name="severity" { @for s in Severity::ALL { option value=(s) selected[*s == incident.severity] { (s) } } } }
                (text_field("reason", "Reason"))
                button type="submit" { "Set severity" }
            }))
        }
        details { summary { "Note" }
            (act(csrf, "incident", "note", &back, &html! { (hidden("incident", &id)) (text_field("text", "Note")) button.quiet type="submit" { "Add" } }))
        }
    }
}

fn timeline(items: &[TimelineItem]) -> Markup {
    html! {
        h2 { "Timeline" span.dim { (items.len()) " entries" } }
        ol.spine {
            @for item in items.iter().rev() {
                li class=(item.kind.as_str()) {
                    (moment(item.at)) span.dim { (item.kind) " · " } (item.text)
                    @if let Some(at) = item.happened { span.dim { " (happened " (moment(at)) ")" } }
                    @for l in &item.links { " " (link(l)) }
                    span.dim { " · " (item.by) }
                }
            }
        }
    }
}

fn link(link: &Link) -> Markup {
    match link {
        Link::Alert(id) => html! { a href={ "/alerts/" (id) "?status=all" } { "alert" } },
        Link::Event(id) => html! { a href={ "/events/" (id) } { "event" } },
        Link::Draft(id) => html! { a href={ "/drafts/" (id) } { "draft" } },
        Link::Run(id) => html! { a href={ "/runs/" (id) } { "run" } },
        Link::Fact(name) => html! { code { (name) } },
        Link::Finding(_) | Link::Page(_) => html! {},
        Link::Effect(key) => html! { code { (key) } },
    }
}

fn facts(incident: &Incident, csrf: &str) -> Markup {
    let id = incident.id.to_string();
    html! {
        h2 { "Facts" }
        p.dim { "What is known, since when, from whom. What is not here is unknown, which is never the same as no." }
        div.scroll tabindex="0" role="region" aria-label="Facts, table" {
            table {
                thead { tr { th { "Fact" } th { "Value" } th { "Known since" } th { "From" } } }
                tbody {
                    @for fact in incident.facts.current() {
                        tr {
                            td { code { (fact.name) } }
                            td { (fact.value) }
                            td { (moment(fact.known_at)) }
                            td { (fact.by) @if !fact.note.is_empty() { div.dim { (fact.note) } } @for e in fact.events.iter().take(3) { " " a href={ "/events/" (e) } { "event" } } }
                        }
                    }
                }
            }
        }
        details { summary { "Record a fact" }
            (act(csrf, "incident", "record-fact", &format!("/incidents/{id}?tab=facts"), &html! {
                (hidden("incident", &id))
                (text_field("name", "Name, such as incident.records_affected"))
                div.field { label for="fact-type" { "Kind of value" } select #fact-type name="value.type" { @for t in ["text", "int", "bool", "time"] { option value=(t) { (t) } } } }
                (text_field("value.value", "Value (times as 2027-03-02T08:09:00Z)"))
                (text_field("note", "Source or reason"))
                button type="submit" { "Record" }
            }))
        }
    }
}

fn evidence(state: &State, incident: &Incident) -> Markup {
    html! {
        h2 { "Evidence" }
        p.dim { "Alerts in the order in which they joined, with the reason, and the events behind them." }
        ul.plain {
            @for member in &incident.members {
                @if let Some(alert) = state.alerts.get(member.alert) {
                    li {
                        p { (severity(alert.severity)) " " a href={ "/alerts/" (alert.id) "?status=all" } { (alert.title) } }
                        p.dim { "joined " (moment(member.since)) ": " (member.reason) }
                        @for f in &alert.findings {
                            @for m in f.matched.iter().take(3) { p { code { (m.field) } " " (m.predicate) br; mark { (m.value) } " " a href={ "/events/" (m.event) } { "event" } } }
                        }
                    }
                }
            }
        }
        h3 { "Shared entities" }
        p { @for e in &incident.entities { (tag("", &e.to_string())) " " } }
    }
}
