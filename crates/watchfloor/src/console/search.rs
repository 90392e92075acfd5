//! Search: events that match, over time, and one event with both of its views.

use maud::{Markup, PreEscaped, html};
use watchfloor_lake::{Raw, Row};

use super::{
    form::percent,
    frame::{moment, tag},
    now::grouped,
};
use crate::{
    api::problem::Problem,
    search::{Ask, Found},
};

/// Example filters, shown on an empty page.
const EXAMPLES: &[&str] = &[
    "ai.prompt.text: *ignore*previous*",
    "gen_ai.tool.name: * and not event.outcome: success",
    "source.ip: 203.0.113.0/24 and gen_ai.request.model: *",
    "ai.data.rows >= 100",
];

/// The page.
pub(crate) fn page(ask: &Ask, found: &Result<Found, Problem>) -> Markup {
    html! {
        div.head { h1 { "Search" } }
        form.panel method="get" action="/search" role="search" {
            div.row-form {
                label.field style="" { span { "Filter" } input type="search" name="q" value=(ask.q) size="70" data-filter aria-describedby="grammar"; }
                label.field { span { "Time" } select name="from" {
                    @for (value, name) in [("15m", "last 15 minutes"), ("1h", "last hour"), ("24h", "last 24 hours"), ("7d", "last 7 days"), ("30d", "last 30 days"), ("3650d", "everything")] {
                        option value=(value) selected[ask.from == value || (ask.from.is_empty() && value == "24h")] { (name) }
                    }
                } }
                label.field { span { "Top values of" } input type="text" name="top" value=(ask.top) placeholder="ai.principal.id"; }
                button type="submit" { "Search" }
            }
            p.dim #grammar { code { "field: value" } ", wildcards " code { "*" } ", " code { ">=" } ", " code { "and or not" } ", parentheses; a word alone searches the native record." }
        }
        br;
        @match found {
            Err(problem) => { div.note.error role="alert" {
                p { (problem.detail) }
                @if let Some(at) = problem.position { pre { (ask.q) "\n" (" ".repeat(at.saturating_sub(1) as usize)) "^" } }
            } },
            Ok(found) => (results(ask, found)),
        }
    }
}

fn results(ask: &Ask, found: &Found) -> Markup {
    let total: u64 = found.histogram.iter().map(|b| b.count).sum();
    html! {
        section.panel aria-label="Events over time" {
            h2 { (grouped(total)) " events" span.dim { (moment(found.range.0)) " to " (moment(found.range.1)) } }
            (chart(found))
        }
        br;
        @if let Some(top) = &found.top {
            section.panel aria-label="Top values" {
                h2 { "Top values of " code { (ask.top) } span.dim { (top.distinct) " distinct, " (grouped(top.absent)) " events without it" } }
                table { thead { tr { th { "Value" } th.num { "Events" } } } tbody {
                    @for (value, count) in &top.values {
                        tr { td { a href={ "/search?from=" (percent(&ask.from)) "&q=" (percent(&narrowed(&ask.q, &ask.top, value))) } { (value) } } td.num { (grouped(*count)) } }
                    }
                } }
            }
            br;
        }
        section.panel aria-label="Events" {
            @if found.page.rows.is_empty() {
                div.empty {
                    p { "No event matches in this time." }
                    p { "Try a longer time, or one of these:" }
                    ul { @for e in EXAMPLES { li { a href={ "/search?from=30d&q=" (percent(e)) } { code { (e) } } } } }
                }
            } @else {
                div.scroll tabindex="0" role="region" aria-label="Events, table" {
                    table {
                        thead { tr { th { "Time" } th { "Source" } th { "What" } th { "Who" } th { "Text" } } }
                        tbody { @for row in &found.page.rows { (line(row)) } }
                    }
                }
                @if let Some(next) = &found.page.next {
                    p { a.button.quiet href={ "/search?q=" (percent(&ask.q)) "&from=" (percent(&ask.from)) "&after=" (percent(&next.to_string())) } { "Older events" } }
                }
            }
        }
    }
}

/// `filter` with one more condition.
fn narrowed(filter: &str, field: &str, value: &str) -> String {
    let condition = format!(
        "{field}: \"{}\"",
        value.replace('\\', "\\\\").replace('"', "\\\"")
    );
    if filter.trim().is_empty() {
        condition
    } else {
        format!("({filter}) and {condition}")
    }
}

fn line(row: &Row) -> Markup {
    let norm = &row.event.norm;
    let first = |names: &[&str]| {
        names
            .iter()
            .find_map(|n| norm.get(n))
            .map(ToString::to_string)
            .unwrap_or_default()
    };
    html! {
        tr data-row {
            td { a.row href={ "/events/" (row.event.id) } { (moment(row.event.time)) } @if row.event.mark.is_some() { " " (tag("exercise", "exercise")) } }
            td { (row.event.source) }
            td { (first(&["event.action", "gen_ai.operation.name", "mcp.method.name"])) " " code { (first(&["gen_ai.tool.name", "gen_ai.request.model", "file.path"])) } }
            td { (first(&["ai.principal.id", "gen_ai.agent.id", "user.id", "user.name", "source.ip"])) }
            td { div.clip { (first(&["ai.prompt.text", "ai.untrusted.text", "ai.response.text", "email.subject", "ai.memory.text", "process.command_line"])) } }
        }
    }
}

fn chart(found: &Found) -> Markup {
    let points: Vec<(String, u64)> = found
        .histogram
        .iter()
        .map(|b| (b.start.to_string(), b.count))
        .collect();
    let svg = super::chart::histogram("Events over time", &points);
    html! { (PreEscaped(svg)) }
}

/// One event: envelope, canonical view, native record.
pub(crate) fn event(row: &Row) -> Markup {
    let e = &row.event;
    let native = String::from_utf8_lossy(&e.native);
    let pretty = serde_json::from_slice::<serde_json::Value>(&e.native)
        .ok()
        .and_then(|v| serde_json::to_string_pretty(&v).ok());
    html! {
        div.head { h1 { "Event" } p.sub { code { (e.id) } @if e.mark.is_some() { " " (tag("exercise", "exercise")) } } }
        div.grid.two {
            div {
                section.panel aria-label="Canonical view" {
                    h2 { "Canonical view" }
                    @if e.norm.is_empty() { p.dim { "This source maps nothing to canonical names; rules for it read the native record." } }
                    dl.facts { @for (name, value) in e.norm.iter() { dt { code { (name) } } dd { (value) } } }
                }
                br;
                section.panel aria-label="Native record" {
                    h2 { "Native record" span.dim { (e.native.len()) " bytes, as it came" } }
                    @if row.raw == Raw::Expired { p.dim { "Its retention is over; the canonical view is kept." } }
                    @else { pre tabindex="0" { (pretty.as_deref().unwrap_or(&native)) } }
                }
            }
            aside.panel aria-label="Envelope" {
                h2 { "Envelope" }
                dl.facts {
                    dt { "Time" } dd { (moment(e.time)) }
                    dt { "Received" } dd { (moment(e.received)) }
                    dt { "Source" } dd { (e.source) }
                    dt { "Tenant" } dd { (e.tenant) }
                    dt { "Logsource" } dd { (e.logsource) }
                    dt { "Frame" } dd { (row.seq) }
                    @if let Some(mark) = &e.mark { dt { "Exercise" } dd { a href={ "/exercises/" (mark.exercise) } { (mark.inject) } } }
                }
            }
        }
    }
}
