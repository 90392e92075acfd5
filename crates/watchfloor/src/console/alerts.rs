//! Alerts: the list, and one alert beside it.

use maud::{Markup, html};
use serde::Deserialize;
use watchfloor_respond::{
    State,
    alert::{Alert, Status, Verdict},
};
use watchfloor_types::{AlertId, FindingKind, Severity};

use super::{
    form::{act, hidden, text_field},
    frame::{moment, severity, tag},
};

/// What the list shows: part of the URL, so that it survives reload and sharing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Filter {
    /// `open`, `closed` or `all`; `open` where empty.
    pub status: String,
    /// At least this severity.
    pub severity: String,
    /// Words of the title, rule or entity.
    pub q: String,
}

impl Filter {
    fn wants(&self, alert: &Alert) -> bool {
        let status = match self.status.as_str() {
            "all" => true,
            "closed" => !alert.is_open(),
            _ => alert.is_open(),
        };
        let severity = self
            .severity
            .parse::<Severity>()
            .is_ok_and(|s| alert.severity < s);
        let text = format!("{} {} {}", alert.title, alert.grouping, alert.id).to_lowercase();
        status
            && !severity
            && self
                .q
                .to_lowercase()
                .split_whitespace()
                .all(|word| text.contains(word))
    }

    fn query(&self) -> String {
        let pairs = [
            ("status", &self.status),
            ("severity", &self.severity),
            ("q", &self.q),
        ];
        let set: Vec<String> = pairs
            .iter()
            .filter(|(_, v)| !v.is_empty())
            .map(|(k, v)| format!("{k}={}", super::form::percent(v)))
            .collect();
        if set.is_empty() {
            String::new()
        } else {
            format!("?{}", set.join("&"))
        }
    }
}

/// The page body.
pub(crate) fn page(
    state: &State,
    filter: &Filter,
    selected: Option<AlertId>,
    csrf: &str,
) -> Markup {
    let mut shown: Vec<&Alert> = state.alerts.iter().filter(|a| filter.wants(a)).collect();
    shown.sort_by_key(|a| (std::cmp::Reverse(a.severity), a.opened));
    let detail = selected.and_then(|id| state.alerts.get(id));
    html! {
        div.head {
            h1 { "Alerts" }
            form.row-form method="get" action="/alerts" role="search" {
                label for="status" { "Status" }
                select #status name="status" {
                    @for (value, name) in [("open", "open"), ("closed", "closed"), ("all", "all")] {
                        option value=(value) selected[filter.status == value] { (name) }
                    }
                }
                label for="severity" { "At least" }
                select #severity name="severity" {
                    option value="" { "any severity" }
                    @for s in Severity::ALL { option value=(s) selected[filter.severity == s.as_str()] { (s) } }
                }
                label for="q" { "Words" }
                input #q type="search" name="q" value=(filter.q) data-filter;
                button.quiet type="submit" { "Filter" }
            }
        }
        div.grid.two[detail.is_some()] {
            section.panel aria-label="List of alerts" {
                @if shown.is_empty() { (empty(state, filter)) } @else {
                    div.scroll tabindex="0" role="region" aria-label="Alerts, table" {
                        table {
                            thead { tr { th { "Severity" } th { "Alert" } th { "Status" } th.num { "Findings" } th { "First seen" } th { "Incident" } } }
                            tbody {
                                @for alert in shown.iter().take(500) {
                                    tr data-row aria-selected=[(Some(alert.id) == selected).then_some("true")] {
                                        td { (severity(alert.severity)) }
                                        td {
                                            a.row href={ "/alerts/" (alert.id) (filter.query()) } { (alert.title) }
                                            @if alert.exercise().is_some() { " " (tag("exercise", "exercise")) }
                                            div.dim { (alert.grouping) }
                                        }
                                        td { (status(alert)) }
                                        td.num { (alert.findings.len()) }
                                        td { (moment(alert.first_seen)) }
                                        td { @if let Some(i) = state.incidents.of_alert(alert.id) { a href={ "/incidents/" (i.id) } { (i.name) } } }
                                    }
                                }
                            }
                        }
                    }
                    @if shown.len() > 500 { p.dim { "The first 500 of " (shown.len()) ". Narrow the filter to see the others." } }
                }
            }
            @if let Some(alert) = detail { (beside(state, alert, filter, csrf)) }
        }
    }
}

fn empty(state: &State, filter: &Filter) -> Markup {
    html! {
        div.empty {
            @if state.alerts.iter().next().is_none() {
                p { "Findings that belong together appear here as one alert." }
                p { "There is none because no rule has fired yet. Send events (" code { "watchfloor event import --source litellm FILE" } ") or play an exercise (" code { "watchfloor exercise start paper-lantern" } ")." }
            } @else {
                p { "No alert matches this filter." }
                p { a href="/alerts?status=all" { "Show all " (state.alerts.iter().count()) } @if filter.status.is_empty() || filter.status == "open" { ": none is open, which is good." } }
            }
        }
    }
}

fn status(alert: &Alert) -> Markup {
    match &alert.status {
        Status::New => tag("waiting", "new"),
        Status::Acknowledged { by, .. } => {
            html! { (tag("running", "acknowledged")) div.dim { (by) } }
        }
        Status::Closed { verdict, .. } => html! { (tag("done", "closed")) div.dim { (verdict) } },
        Status::Merged { into } => {
            html! { (tag("", "merged")) div { a href={ "/alerts/" (into) } { "into" } } }
        }
    }
}

/// One alert: why it exists, what is in it, what can be done.
fn beside(state: &State, alert: &Alert, filter: &Filter, csrf: &str) -> Markup {
    let id = alert.id.to_string();
    html! {
        section.panel aria-labelledby="alert-title" {
            h2 #alert-title { span { (alert.title) } a href={ "/alerts" (filter.query()) } { "Close" } }
            p { (severity(alert.severity)) " " (status(alert)) }
            dl.facts {
                dt { "Grouped because" } dd { (alert.grouping) }
                dt { "Seen" } dd { (moment(alert.first_seen)) " to " (moment(alert.last_seen)) }
                dt { "Tenant" } dd { (alert.tenant()) }
                @if let Some(user) = &alert.assignee { dt { "Assigned to" } dd { (user) } }
                @let techniques = alert.techniques();
                @if !techniques.is_empty() { dt { "Techniques" } dd { @for t in techniques { code { (t) } " " } } }
                dt { "Incident" }
                dd { @match state.incidents.of_alert(alert.id) { Some(i) => a href={ "/incidents/" (i.id) } { (i.name) " " (i.title) }, None => "none" } }
            }
            @if alert.is_open() {
                @if alert.status == Status::New {
                    (act(csrf, "alert", "acknowledge", &format!("/alerts/{id}"), &html! {
                        (hidden("alert", &id))
                        button type="submit" { "Acknowledge" }
                    }))
                }
                details {
                    summary { "Close with a verdict" }
                    (act(csrf, "alert", "close", &format!("/alerts/{id}"), &html! {
                        (hidden("alert", &id))
                        div.field { label for="verdict" { "Verdict" } select #verdict name="verdict" required { option value="" { "choose…" } @for v in Verdict::ALL { option value=(v) { (v) } } } }
                        (text_field("reason", "Reason"))
                        button type="submit" { "Close alert" }
                    }))
                }
                details {
                    summary { "Comment" }
                    (act(csrf, "alert", "comment", &format!("/alerts/{id}"), &html! { (hidden("alert", &id)) (text_field("text", "Comment")) button.quiet type="submit" { "Add" } }))
                }
            }
            p { a href={ "/suppressions/new?alert=" (id) } { "Suppress like this" } }
            h3 { "Findings" }
            ul.plain {
                @for finding in alert.findings.iter().rev().take(50) {
                    li {
                        details open[alert.findings.len() <= 3] {
                            summary { (finding.rule.title) " · " (moment(finding.time)) }
                            p.dim {
                                @match finding.kind { FindingKind::Rule => "rule ", FindingKind::Correlation => "correlation ", FindingKind::Indicator => "indicator " }
                                @if finding.kind == FindingKind::Indicator { code { (finding.rule.id) } } @else { a href={ "/rules/" (finding.rule.id) } { (finding.rule.id) } }
                                " version " code { (finding.rule.version) } " from " (finding.source) " · " (finding.tlp) " · " a href={ "/suppressions/new?alert=" (id) "&finding=" (finding.id) } { "suppress findings like this one" }
                            }
                            @for m in &finding.matched {
                                p { code { (m.field) } " " (m.predicate) br; mark { (m.value) } }
                            }
                            p { @for event in finding.events.iter().take(10) { a href={ "/events/" (event) } { "event " (event.to_string().chars().take(13).collect::<String>()) "…" } " " } @if finding.events.len() > 10 { "and " (finding.events.len() - 10) " more" } }
                        }
                    }
                }
            }
            @if !alert.comments.is_empty() {
                h3 { "Comments" }
                ol.spine { @for c in &alert.comments { li { (moment(c.at)) (c.by) ": " (c.text) } } }
            }
        }
    }
}
