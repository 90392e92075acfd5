//! Rules: the list, and one rule with its life, samples, volume and suppressions.

use std::collections::BTreeMap;

use maud::{Markup, PreEscaped, html};
use serde::Deserialize;
use watchfloor_detect::{Document, SampleOutcome};
use watchfloor_respond::{
    State,
    rule::{FourEyes, Stage, Standing, Tally, What},
};
use watchfloor_types::{RuleId, Timestamp};

use super::{
    form::{act, hidden, text_field},
    frame::{moment, severity, tag},
    suppressions,
};
use crate::rulebook::Rulebook;

/// What the list shows: part of the URL.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Filter {
    /// Words of title, id, tags and log source.
    pub q: String,
    /// At this stage only; all where empty.
    pub stage: String,
}

/// One line of the list.
pub(crate) struct Line<'a> {
    /// The document.
    pub document: Document,
    /// Where it stands.
    pub standing: Standing<'a>,
}

/// A stage as a tag.
pub(crate) fn stage_tag(stage: Stage) -> Markup {
    let class = match stage {
        Stage::Draft => "",
        Stage::Testing => "waiting",
        Stage::Enabled => "good",
        Stage::Retired => "",
    };
    tag(class, stage.as_str())
}

/// The list.
pub(crate) fn list(
    lines: &[Line<'_>],
    book: &Rulebook,
    tallies: &BTreeMap<RuleId, Tally>,
    filter: &Filter,
) -> Markup {
    let wanted = filter.q.to_lowercase();
    let shown: Vec<&Line<'_>> = lines
        .iter()
        .filter(|line| filter.stage.is_empty() || line.standing.stage.as_str() == filter.stage)
        .filter(|line| {
            let m = line.document.meta();
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
            form.row-form method="get" action="/rules" role="search" {
                label for="stage" { "Stage" }
                select #stage name="stage" {
                    option value="" { "any stage" }
                    @for s in Stage::ALL { option value=(s) selected[filter.stage == s.as_str()] { (s) } }
                }
                label for="q" { "Words" }
                input #q type="search" name="q" value=(filter.q) data-filter;
                button.quiet type="submit" { "Filter" }
                a.button href="/rules/new" { "New rule" }
            }
            p.sub { (book.engine.documents().len()) " rules and correlations run, " (lines.len()) " are known" @if !book.diagnostics.is_empty() { ", " (book.diagnostics.len()) " remarks about content: " code { "watchfloor content test" } } }
        }
        @for (id, fallen) in &book.fallen {
            p.note.error role="alert" {
                "Rule " a href={ "/rules/" (id) "/edit" } { (id) } ": its version " (fallen.wanted) " cannot be run. "
                @match fallen.running { Some(n) => { "Version " (n) " runs on. " }, None => { "Nothing of it runs. " } }
                (fallen.why)
            }
        }
        section.panel aria-label="Rules" {
            @if shown.is_empty() { div.empty { p { "No rule is at this stage with these words." } p { a href="/rules" { "Show all" } } } } @else {
                div.scroll tabindex="0" role="region" aria-label="Rules, table" {
                    table {
                        thead { tr { th { "Severity" } th { "Rule" } th { "Stage" } th { "Log source" } th { "Techniques" } th.num { "Samples" } th.num { "Alerted" } th.num { "Quiet" } } }
                        tbody {
                            @for line in shown.iter().take(1000) {
                                @let m = line.document.meta();
                                @let tally = tallies.get(m.id());
                                tr data-row {
                                    td { (severity(m.severity())) }
                                    td { a.row href={ "/rules/" (m.id()) } { (m.title()) } @if line.document.is_correlation() { " " (tag("", "correlation")) } @if *m.id() != line.standing.id { " " (tag("", "part")) } }
                                    td { (stage_tag(line.standing.stage)) @if let Some(l) = line.standing.life { @if l.request.is_some() { " " (tag("waiting", "approval")) } @else if l.draft.is_some() { " " (tag("", "draft")) } } }
                                    td { (m.logsource()) }
                                    td { @for t in m.techniques() { code { (t) } " " } }
                                    td.num { (m.samples().len()) }
                                    td.num { (tally.map_or(0, |t| t.alerted + t.exercised)) }
                                    td.num { (tally.map_or(0, |t| t.testing + t.suppressed)) }
                                }
                            }
                        }
                    }
                }
                @if shown.len() > 1000 { p.dim { "The first 1000 of " (shown.len()) ". Narrow the filter to see the others." } }
            }
        }
    }
}

/// What a page about one rule shows.
pub(crate) struct View<'a> {
    /// The state.
    pub state: &'a State,
    /// Rules in force.
    pub book: &'a Rulebook,
    /// The document that was asked for.
    pub document: &'a Document,
    /// Where it stands.
    pub standing: &'a Standing<'a>,
    /// The text in force.
    pub text: &'a str,
    /// What came of the samples of that text.
    pub samples: &'a [SampleOutcome],
    /// What came of the rule.
    pub tally: &'a Tally,
    /// Token of the session's forms.
    pub csrf: &'a str,
    /// The time.
    pub now: Timestamp,
}

/// One rule.
pub(crate) fn page(view: &View<'_>) -> Markup {
    let m = view.document.meta();
    let standing = view.standing;
    let fallen = view.book.fallen.get(&standing.id);
    html! {
        div.head {
            h1 { (m.title()) }
            a.button href={ "/rules/" (standing.id) "/edit" } { "Edit" }
            p.sub { (severity(m.severity())) " " (stage_tag(standing.stage)) " " code { (m.id()) } " " (version_word(standing.version)) ", hash " code { (short(standing.hash)) } }
        }
        @if *m.id() != standing.id { p.note { "A part of the text of " a href={ "/rules/" (standing.id) } { (standing.title) } ", whose stage it shares." } }
        @if let Some(fallen) = fallen {
            p.note.error role="alert" { "Version " (fallen.wanted) " cannot be run: " (fallen.why) ". " @match fallen.running { Some(n) => { (version_word(n)) " runs on in its place." }, None => { "Nothing of it runs." } } }
        }
        div.grid.two {
            div {
                section.panel aria-label="Rule text" { h2 { "Rule" } p { (m.description()) } pre tabindex="0" { (view.text) } }
                br;
                (volume(view))
                br;
                (history(view))
            }
            aside {
                (life(view))
                br;
                (about(view))
                br;
                section.panel aria-label="Samples" {
                    h2 { "Samples" }
                    @if view.samples.is_empty() { p.dim { "No samples: this rule is tagged, not tested, and does not count as coverage." } }
                    ul.plain { @for o in view.samples { li { (tag(if o.passed() { "ok" } else { "critical" }, if o.passed() { "holds" } else { "fails" })) " " (o.name) } } }
                }
                br;
                section.panel aria-label="Suppressions" {
                    h2 { "Suppressions" }
                    @let all = view.state.suppressions_of(&standing.id);
                    @if all.is_empty() { p.dim { "None is about this rule." } }
                    ul.plain { @for s in all.iter().rev().take(20) { li { a href={ "/suppressions/" (s.id) } { (s.spec.reason) } " " (suppressions::status_tag(s, view.now)) " " (s.hidden) " hidden" } } }
                    p { a href={ "/suppressions/new?rule=" (super::form::percent(standing.id.as_str())) } { "Suppress some of its findings" } }
                }
                br;
                section.panel aria-label="Alerts" {
                    h2 { "Open alerts" }
                    @if view.tally.open.is_empty() { p.dim { "None is open." } }
                    ul.plain { @for id in view.tally.open.iter().rev().take(20) { @if let Some(a) = view.state.alerts.get(*id) { li { a href={ "/alerts/" (a.id) "?status=all" } { (a.title) } " " (moment(a.last_seen)) } } } }
                }
            }
        }
    }
}

fn about(view: &View<'_>) -> Markup {
    let m = view.document.meta();
    html! {
        section.panel aria-label="About" {
            h2 { "About" }
            dl.facts {
                dt { "Log source" } dd { (m.logsource()) }
                dt { "Owner" } dd { (m.owner().unwrap_or("nobody")) }
                dt { "Runbook" } dd { (m.runbook().map_or("none", |r| r.as_str())) }
                dt { "Techniques" } dd { @if m.techniques().is_empty() { "none" } @for t in m.techniques() { code { (t) } " " } }
                dt { "Tags" } dd { @for t in m.tags() { code { (t) } " " } }
                @if !m.falsepositives().is_empty() { dt { "False positives" } dd { (m.falsepositives().join("; ")) } }
                @if let Some(family) = view.standing.base.and_then(|b| b.family.as_deref()) { dt { "Family" } dd { (family) } }
                @if view.standing.version == 0 { dt { "File" } dd { code { (m.place().file) ":" (m.place().line) } } }
            }
        }
    }
}

/// Buttons for the stages that are possible, each with its effect.
fn life(view: &View<'_>) -> Markup {
    let standing = view.standing;
    let id = standing.id.to_string();
    let back = format!("/rules/{id}");
    let four = view.state.content.policy.rules == FourEyes::Required;
    let draft = standing.life.and_then(|l| l.draft);
    let request = standing.life.and_then(|l| l.request.as_ref());
    html! {
        section.panel aria-label="Stage" {
            h2 { "Stage" (stage_tag(standing.stage)) }
            p { (standing.stage.effect()) }
            @if let Some(draft) = draft {
                p.note { "Version " (draft) " is written and not in force: " a href={ "/rules/" (id) "/diff?from=" (standing.version) "&to=" (draft) } { "what it changes" } "." }
            }
            @if let Some(r) = request {
                p.note { (r.by) " asks to put " (version_word(r.version)) " at " b { (r.to) } ": " (r.reason) }
                p { (r.to.effect()) " Needs another person than " (r.by) " and than the author of the text." }
                p { a href={ "/rules/" (id) "/diff?from=" (standing.version) "&to=" (r.version) } { "Read what changes" } }
                (act(view.csrf, "rule", "approve", &back, &html! { (hidden("rule", &id)) (hidden("hash", &r.hash)) button type="submit" { "Approve: put it at " (r.to) } }))
                details { summary { "Reject or take back" } (act(view.csrf, "rule", "reject", &back, &html! { (hidden("rule", &id)) (text_field("reason", "Reason")) button.danger type="submit" { "Reject" } })) }
            } @else {
                @for to in standing.stage.next() {
                    @let numbers = choices(standing, *to);
                    @if !numbers.is_empty() {
                        details {
                            summary { (verb(standing.stage, *to)) }
                            p { (to.effect()) @if standing.stage == Stage::Enabled && *to != Stage::Enabled { " From then on it raises no alert." } @if four && (*to == Stage::Enabled || standing.stage == Stage::Enabled) { " Another person has to approve; until then everything stays as it is." } }
                            (act(view.csrf, "rule", "stage", &back, &html! {
                                (hidden("rule", &id)) (hidden("to", to.as_str()))
                                @if to.runs() {
                                    label.field { span { "With text" } select name="version" { @for n in &numbers { option value=(n) { (version_word(*n)) } } } }
                                }
                                (text_field("reason", "Reason"))
                                button type="submit" { (verb(standing.stage, *to)) }
                            }))
                        }
                    }
                }
            }
        }
    }
}

/// Texts that can be put at a stage, the likeliest first.
fn choices(standing: &Standing<'_>, to: Stage) -> Vec<u32> {
    if !to.runs() {
        return vec![standing.version];
    }
    let draft = standing.life.and_then(|l| l.draft);
    let written = standing
        .life
        .into_iter()
        .flat_map(|l| l.versions.iter().rev());
    let mut all: Vec<u32> = draft
        .into_iter()
        .chain([standing.version])
        .chain(written.map(|v| v.number))
        .chain(standing.base.map(|_| 0))
        .filter(|n| to != standing.stage || *n != standing.version)
        .filter(|n| *n > 0 || standing.base.is_some())
        .collect();
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|n| seen.insert(*n));
    all
}

fn verb(from: Stage, to: Stage) -> String {
    match to {
        _ if from == to => "Put another text in force".to_owned(),
        Stage::Draft => "Back to draft".to_owned(),
        Stage::Testing => "Test".to_owned(),
        Stage::Enabled => "Enable".to_owned(),
        Stage::Retired => "Retire".to_owned(),
    }
}

/// A text by its number.
pub(crate) fn version_word(number: u32) -> String {
    if number == 0 {
        "the file's text".to_owned()
    } else {
        format!("version {number}")
    }
}

fn short(hash: &str) -> String {
    hash.chars().take(12).collect()
}

/// Days of the chart.
const DAYS: i64 = 30;

fn volume(view: &View<'_>) -> Markup {
    let t = view.tally;
    let today = view.now.as_second().div_euclid(86_400);
    let points: Vec<(String, u64)> = (today - DAYS + 1..=today)
        .map(|day| {
            (
                crate::api::rules::date(day),
                t.days.get(&day).copied().unwrap_or_default(),
            )
        })
        .collect();
    html! {
        section.panel aria-label="Findings" {
            h2 { "Findings" span.dim { "the last " (DAYS) " days, UTC" } }
            (PreEscaped(super::chart::histogram("Findings by day", &points)))
            dl.facts {
                dt { "In alerts" } dd { (t.alerted) @if t.exercised > 0 { ", and " (t.exercised) " of exercises" } }
                dt { "Without an alert" } dd { (t.testing) " because of its stage, " (t.suppressed) " suppressed" @if t.testing + t.suppressed > 0 { ": " a href={ "/findings?rule=" (super::form::percent(view.standing.id.as_str())) } { "show them" } } }
                dt { "Verdicts" } dd { @if t.verdicts.is_empty() { "none yet" } @for (i, (verdict, n)) in t.verdicts.iter().enumerate() { @if i > 0 { ", " } (n) " " (verdict) } }
            }
        }
    }
}

fn history(view: &View<'_>) -> Markup {
    let standing = view.standing;
    let id = &standing.id;
    html! {
        section.panel aria-label="History" {
            h2 { "History" }
            @if let Some(life) = standing.life {
                ol.spine {
                    @for c in life.history.iter().rev().take(100) {
                        li {
                            (moment(c.at)) (c.by) " "
                            @match &c.what {
                                What::Written => { "wrote " (version_word(c.version)) },
                                What::Asked { from, to } => { "asked to put " (version_word(c.version)) " from " (from) " to " (to) },
                                What::Staged { from, to, asked_by } => { @if let Some(asker) = asked_by { "approved what " (asker) " asked for: " } "put " (version_word(c.version)) " from " (from) " to " (to) },
                                What::Rejected { to } => { "rejected " (version_word(c.version)) " at " (to) },
                            }
                            ": " (c.reason) " " code { (short(&c.hash)) }
                        }
                    }
                }
                h3 { "Texts" }
                ul.plain {
                    @for v in life.versions.iter().rev().take(50) {
                        li {
                            "version " (v.number) " by " (v.by) " " (moment(v.at)) @if v.number == standing.version { " " (tag("good", "in force")) }
                            " " a href={ "/rules/" (id) "/diff?from=" (standing.version) "&to=" (v.number) } { "compare version " (v.number) }
                            " " a href={ "/rules/" (id) "/edit?version=" (v.number) } { "edit from version " (v.number) }
                        }
                    }
                    @if standing.base.is_some() {
                        li {
                            "the file's text" @if standing.version == 0 { " " (tag("good", "in force")) } @else {
                                " " a href={ "/rules/" (id) "/diff?from=" (standing.version) "&to=0" } { "compare the file's text" }
                                " " a href={ "/rules/" (id) "/edit?version=0" } { "edit from the file's text" }
                            }
                        }
                    }
                }
            } @else {
                p.dim { "It is as its file says; nobody has changed it here. Its stage follows from " code { "status" } "." }
            }
        }
    }
}
