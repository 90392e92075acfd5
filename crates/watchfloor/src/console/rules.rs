//! Rules: what is loaded, whether its samples hold, how often it fired.

use std::collections::BTreeMap;

use maud::{Markup, html};
use watchfloor_detect::Document;
use watchfloor_respond::State;
use watchfloor_types::RuleId;

use super::frame::{severity, tag};
use crate::rulebook::Rulebook;

/// Findings by rule in the alerts kept.
fn fired(state: &State) -> BTreeMap<&RuleId, usize> {
    let mut all = BTreeMap::new();
    for finding in state.alerts.iter().flat_map(|a| &a.findings) {
        *all.entry(&finding.rule.id).or_default() += 1;
    }
    all
}

/// The list.
pub(crate) fn list(rulebook: &Rulebook, state: &State, words: &str) -> Markup {
    let fired = fired(state);
    let wanted = words.to_lowercase();
    let shown: Vec<&Document> = rulebook
        .engine
        .documents()
        .iter()
        .filter(|d| {
            let m = d.meta();
            let text = format!(
                "{} {} {} {}",
                m.title(),
                m.id(),
                m.tags().join(" "),
                m.logsource()
            )
            .to_lowercase();
            wanted.split_whitespace().all(|w| text.contains(w))
        })
        .collect();
    html! {
        div.head {
            h1 { "Rules" }
            form.row-form method="get" action="/rules" role="search" { label for="q" { "Words" } input #q type="search" name="q" value=(words) data-filter; button.quiet type="submit" { "Filter" } }
            p.sub { (rulebook.engine.documents().len()) " rules and correlations in force" @if !rulebook.diagnostics.is_empty() { ", " (rulebook.diagnostics.len()) " remarks about content: " code { "watchfloor content test" } } }
        }
        section.panel aria-label="Rules" {
            @if shown.is_empty() { div.empty { p { "No rule matches these words." } p { a href="/rules" { "Show all" } } } } @else {
                div.scroll tabindex="0" role="region" aria-label="Rules, table" {
                    table {
                        thead { tr { th { "Severity" } th { "Rule" } th { "Log source" } th { "Techniques" } th.num { "Samples" } th.num { "Findings" } } }
                        tbody {
                            @for d in shown.iter().take(1000) {
                                @let m = d.meta();
                                tr data-row {
                                    td { (severity(m.severity())) }
                                    td { a.row href={ "/rules/" (m.id()) } { (m.title()) } @if d.is_correlation() { " " (tag("", "correlation")) } }
                                    td { (m.logsource()) }
                                    td { @for t in m.techniques() { code { (t) } " " } }
                                    td.num { (m.samples().len()) }
                                    td.num { (fired.get(m.id()).copied().unwrap_or(0)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// One rule.
pub(crate) fn page(rulebook: &Rulebook, document: &Document, state: &State) -> Markup {
    let m = document.meta();
    let outcomes = rulebook.engine.run_samples(document);
    let findings: Vec<_> = state
        .alerts
        .iter()
        .filter(|a| a.findings.iter().any(|f| f.rule.id == *m.id()))
        .collect();
    html! {
        div.head { h1 { (m.title()) } p.sub { (severity(m.severity())) " " code { (m.id()) } " version " code { (m.version()) } } }
        div.grid.two {
            div {
                section.panel aria-label="Rule text" { h2 { "Rule" } p { (m.description()) } pre tabindex="0" { (m.text()) } }
            }
            aside {
                section.panel aria-label="About" {
                    h2 { "About" }
                    dl.facts {
                        dt { "Log source" } dd { (m.logsource()) }
                        dt { "Owner" } dd { (m.owner().unwrap_or("nobody")) }
                        dt { "Runbook" } dd { (m.runbook().map_or("none", |r| r.as_str())) }
                        dt { "Tags" } dd { @for t in m.tags() { code { (t) } " " } }
                        @if !m.falsepositives().is_empty() { dt { "False positives" } dd { (m.falsepositives().join("; ")) } }
                        dt { "File" } dd { code { (m.place().file) ":" (m.place().line) } }
                    }
                }
                br;
                section.panel aria-label="Samples" {
                    h2 { "Samples" }
                    @if outcomes.is_empty() { p.dim { "No samples: this rule is tagged, not tested, and does not count as coverage." } }
                    ul.plain { @for o in &outcomes { li { (tag(if o.passed() { "ok" } else { "critical" }, if o.passed() { "holds" } else { "fails" })) " " (o.name) } } }
                }
                br;
                section.panel aria-label="Alerts" {
                    h2 { "Alerts" }
                    @if findings.is_empty() { p.dim { "It has not fired." } }
                    ul.plain { @for a in findings.iter().take(20) { li { a href={ "/alerts/" (a.id) "?status=all" } { (a.title) } } } }
                }
            }
        }
    }
}
