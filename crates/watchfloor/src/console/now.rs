//! Now: what needs a person, and by when.

use jiff::Timestamp;
use maud::{Markup, html};
use watchfloor_respond::{Need, State};

use super::frame::{left, severity, tag};

/// Figures of the pipeline that the first page shows.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Figures {
    /// Events in the lake.
    pub events: u64,
    /// Records that could not be understood since the start.
    pub dead_letters: u64,
    /// Sources that sent something.
    pub sources: usize,
    /// Rules that are loaded.
    pub rules: usize,
}

/// The page body.
pub(crate) fn page(state: &State, figures: Figures, now: Timestamp) -> Markup {
    let needs = state.needs(now);
    let alerts = state.alerts.open();
    let incidents = state.incidents.open();
    html! {
        div.head { h1 { "Now" } p.sub { "What needs a person, the most urgent first. Times are UTC." } }
        div.grid.tiles #figures data-live-part {
            a.tile href="/alerts" { b { (alerts.len()) } "open alerts" }
            a.tile href="/incidents" { b { (incidents.len()) } "open incidents" }
            a.tile href="/search" { b { (grouped(figures.events)) } "events kept" }
            a.tile href="/sources" { b { (figures.sources) } "sources seen" @if figures.dead_letters > 0 { br; (tag("medium", &format!("{} dead letters", figures.dead_letters))) } }
            a.tile href="/rules" { b { (figures.rules) } "rules loaded" }
        }
        br;
        section.panel aria-labelledby="needs" {
            h2 #needs { "Needs a person" span.dim { (needs.len()) } }
            @if needs.is_empty() {
                div.empty {
                    p { "Pages, approvals, manual steps, running clocks and open decisions appear here, sorted by the time that is left." }
                    p { "Nothing waits. To see it at work: " code { "watchfloor exercise start paper-lantern" } "." }
                }
            } @else {
                ul.plain.needs { @for need in &needs { (row(need, now)) } }
            }
        }
        @if !incidents.is_empty() {
            br;
            section.panel aria-labelledby="open" {
                h2 #open { "Open incidents" }
                div.scroll tabindex="0" role="region" aria-label="Open incidents, table" {
                    table {
                        thead { tr { th { "Severity" } th { "Incident" } th { "Status" } th.num { "Alerts" } th { "Commander" } } }
                        tbody {
                            @for i in incidents {
                                tr {
                                    td { (severity(i.severity)) }
                                    td { a.row href={ "/incidents/" (i.id) } { (i.name) " " (i.title) } @if i.exercise.is_some() { " " (tag("exercise", "exercise")) } }
                                    td { (i.status) }
                                    td.num { (i.members.len()) }
                                    td { (i.roles.get(&watchfloor_respond::incident::IncidentRole::Commander).map_or("nobody", |u| u.as_str())) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn row(need: &Need, now: Timestamp) -> Markup {
    html! {
        li data-row {
            span { @match need.due { Some(due) => (left(due, now)), None => span.dim { "no limit" } } }
            span {
                a href=(need.link) { (need.title) }
                @if need.exercise { " " (tag("exercise", "exercise")) }
                @if !need.roles.is_empty() { div.dim { "for " @for (i, r) in need.roles.iter().enumerate() { @if i > 0 { " or " } (r) } } }
            }
            (tag("", need.kind.as_str()))
        }
    }
}

/// A count with thin spaces between groups of three digits.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn counts_are_grouped_by_three() {
        for (n, text) in [
            (7, "7"),
            (1_000, "1\u{202f}000"),
            (12_345_678, "12\u{202f}345\u{202f}678"),
        ] {
            assert_eq!(super::grouped(n), text);
        }
    }
}
