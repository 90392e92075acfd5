//! Suppressions: the list, one with what it has hidden, and a form that says what a new one would hide.

use maud::{Markup, html};
use serde::Deserialize;
use watchfloor_respond::{
    State,
    rule::{Because, FourEyes, Held},
    suppression::{Preview, Spec, Standing, Suppression, literal},
};
use watchfloor_types::{Finding, RuleId, Timestamp, Value};

use super::{
    form::{act, hidden, text_field},
    frame::{self, moment, tag},
};

/// The word for where a suppression stands, as a tag.
pub(crate) fn status_tag(s: &Suppression, now: Timestamp) -> Markup {
    let word = s.status(now);
    let class = match word {
        "active" => "running",
        "waiting" => "waiting",
        _ => "",
    };
    html! { (tag(class, word)) @if s.ends_soon(now) { " " (tag("medium", "ends soon")) } }
}

fn scope(spec: &Spec) -> Markup {
    html! {
        @if let Some(family) = &spec.family { "all rules of family " b { (family) } }
        @for (i, rule) in spec.rules.iter().enumerate() { @if i > 0 { ", " } a href={ "/rules/" (rule) } { (rule) } }
        @if let Some(tenant) = &spec.tenant { " of tenant " (tenant) }
    }
}

/// The list.
pub(crate) fn list(state: &State, now: Timestamp) -> Markup {
    let all: Vec<&Suppression> = state.suppressions.iter().rev().collect();
    let soon = all.iter().filter(|s| s.ends_soon(now)).count();
    let idle = all.iter().filter(|s| s.acts(now) && s.hidden == 0).count();
    html! {
        div.head {
            h1 { "Suppressions" }
            p.sub { (all.iter().filter(|s| s.acts(now)).count()) " act, " (soon) " of them end within 7 days, " (idle) " have never matched. What they hide is recorded and raises no alert." }
        }
        section.panel aria-label="Suppressions" {
            @if all.is_empty() {
                div.empty {
                    p { "Findings that are known and not worth anybody's time are hidden here, each for a stated time and reason." }
                    p { "There is none. Open an " a href="/alerts" { "alert" } " and choose “Suppress like this”, or run " code { "watchfloor suppression add" } "." }
                }
            } @else {
                div.scroll tabindex="0" role="region" aria-label="Suppressions, table" {
                    table {
                        thead { tr { th { "Status" } th { "Reason" } th { "Of" } th { "Owner" } th { "Ends" } th.num { "Hidden" } th { "Last" } } }
                        tbody {
                            @for s in all.iter().take(1000) {
                                tr data-row {
                                    td { (status_tag(s, now)) }
                                    td { a.row href={ "/suppressions/" (s.id) } { (s.spec.reason) } }
                                    td { (scope(&s.spec)) }
                                    td { (s.spec.owner) }
                                    td { (moment(s.spec.expires)) }
                                    td.num { (s.hidden) @if s.hidden == 0 && s.acts(now) { " " (tag("medium", "never matched")) } }
                                    td { @if let Some(last) = s.last { (moment(last)) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// One suppression.
pub(crate) fn page(state: &State, s: &Suppression, csrf: &str, now: Timestamp) -> Markup {
    let id = s.id.to_string();
    let back = format!("/suppressions/{id}");
    let hidden_findings = state
        .rules
        .held()
        .filter(|h| h.because == Because::Suppression { suppression: s.id });
    html! {
        div.head { h1 { (s.spec.reason) } p.sub { (status_tag(s, now)) " added by " (s.by) " " (moment(s.added)) } }
        div.grid.two {
            div {
                section.panel aria-label="What it hides" {
                    h2 { "What it hides" }
                    p { "Findings of " (scope(&s.spec)) " where every line holds:" }
                    pre tabindex="0" { (s.spec.when) }
                    @if let Some(force) = &s.spec.force { p.note { "It may hide what was found to be an attack before: " (force) } }
                }
                br;
                section.panel aria-label="Hidden findings" { h2 { "Hidden findings" } (held(hidden_findings, 50)) }
            }
            aside {
                section.panel aria-label="About" {
                    h2 { "About" }
                    dl.facts {
                        dt { "Owner" } dd { (s.spec.owner) }
                        dt { "Ends" } dd { (moment(s.spec.expires)) }
                        dt { "Hidden so far" } dd { (s.hidden) @if s.hidden == 0 { ", it has never matched" } }
                        @if let Some(by) = &s.approved_by { dt { "Approved by" } dd { (by) } }
                        @if let Some(alert) = &s.spec.alert { dt { "Made from" } dd { a href={ "/alerts/" (alert) "?status=all" } { "alert" } } }
                        @match &s.standing {
                            Standing::Rejected { reason, by, at } => { dt { "Rejected" } dd { (by) " " (moment(*at)) ": " (reason) } },
                            Standing::Ended { reason, by, at } => { dt { "Ended" } dd { (by) " " (moment(*at)) ": " (reason) } },
                            Standing::Waiting | Standing::Acting => {},
                        }
                    }
                    @if s.status(now) == "waiting" {
                        p { "Needs another person than " (s.by) ". Until then it hides nothing." }
                        (act(csrf, "suppression", "approve", &back, &html! { (hidden("suppression", &id)) button type="submit" { "Approve: hide these findings" } }))
                        details { summary { "Reject" } (act(csrf, "suppression", "reject", &back, &html! { (hidden("suppression", &id)) (text_field("reason", "Reason")) button.danger type="submit" { "Reject" } })) }
                    }
                    @if s.acts(now) {
                        details { summary { "End it now" } p { "Findings like these raise alerts again." } (act(csrf, "suppression", "end", &back, &html! { (hidden("suppression", &id)) (text_field("reason", "Reason")) button.danger type="submit" { "End" } })) }
                    }
                }
            }
        }
    }
}

/// Findings that raised no alert.
pub(crate) fn held<'a>(all: impl Iterator<Item = &'a Held>, most: usize) -> Markup {
    let shown: Vec<&Held> = all.take(most).collect();
    html! {
        @if shown.is_empty() { p.dim { "None is kept in memory; the journal has every one." } }
        ul.plain {
            @for h in shown {
                li {
                    details {
                        summary { (moment(h.finding.time)) " " (h.finding.rule.title) " " @if h.finding.mark.is_some() { (tag("exercise", "exercise")) } }
                        p.dim { "rule " a href={ "/rules/" (h.finding.rule.id) } { (h.finding.rule.id) } " tenant " (h.finding.tenant) ". No alert: "
                            @match &h.because { Because::Stage { stage } => { "the rule is at stage " (stage) }, Because::Suppression { suppression } => { a href={ "/suppressions/" (suppression) } { "a suppression" } } }
                        }
                        @for m in h.finding.matched.iter().take(20) { p { code { (m.field) } " " (m.predicate) br; mark { (m.value) } } }
                        p { @for event in h.finding.events.iter().take(5) { a href={ "/events/" (event) } { "event " (event) } " " } }
                    }
                }
            }
        }
    }
}

/// The page of findings without an alert.
pub(crate) fn findings(state: &State, rule: &str) -> Markup {
    let all = state
        .rules
        .held()
        .filter(|h| rule.is_empty() || h.finding.rule.id.as_str() == rule);
    html! {
        div.head { h1 { "Findings without an alert" } p.sub { "Newest first" @if !rule.is_empty() { ", of rule " a href={ "/rules/" (rule) } { (rule) } } ". They were recorded because a rule is being tested or a suppression hides them." } }
        section.panel aria-label="Findings" { (held(all, 200)) }
    }
}

/// A form to fill in, as it stands in a URL or was sent.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Form {
    /// Token of the session; only where it was sent.
    pub csrf: String,
    /// Made from this alert.
    pub alert: String,
    /// Made from this finding of it.
    pub finding: String,
    /// Rules, apart by spaces.
    pub rule: String,
    /// Or a family.
    pub family: String,
    /// Tenant.
    pub tenant: String,
    /// Conditions, one a line.
    pub when: String,
    /// When it ends.
    pub until: String,
    /// Why.
    pub reason: String,
    /// Why it may hide what was an attack.
    pub force: String,
}

impl Form {
    /// Fills in what an alert, or a finding of it, says.
    pub(crate) fn prefill(&mut self, state: &State) {
        if self.until.is_empty() {
            self.until = "14d".to_owned();
        }
        let alert = self.alert.parse().ok().and_then(|id| state.alerts.get(id));
        let Some(alert) = alert.filter(|_| self.when.is_empty()) else {
            return;
        };
        let findings: Vec<&Finding> = alert
            .findings
            .iter()
            .filter(|f| self.finding.is_empty() || f.id.to_string() == self.finding)
            .collect();
        let mut rules: Vec<&RuleId> = findings.iter().map(|f| &f.rule.id).collect();
        rules.sort();
        rules.dedup();
        if self.rule.is_empty() {
            self.rule = rules
                .iter()
                .take(100)
                .map(|r| r.as_str())
                .collect::<Vec<_>>()
                .join(" ");
        }
        if self.tenant.is_empty() {
            self.tenant = alert.tenant().to_string();
        }
        let Some((first, others)) = findings.split_first() else {
            return;
        };
        // What all of them share is what “like this” means.
        let shared = first
            .entities
            .iter()
            .filter(|entity| others.iter().all(|f| f.entities.contains(entity)));
        self.when = shared
            .flat_map(|(field, value)| match value {
                Value::List(items) => items.iter().map(|v| (field, v.to_string())).collect(),
                one => vec![(field, one.to_string())],
            })
            .filter(|(_, text)| !text.is_empty() && !text.contains('\n') && text.len() < 500)
            .take(16)
            .map(|(field, text)| format!("{field}: {}\n", literal(&text)))
            .collect();
    }
}

/// The form, with what it would have hidden where that was asked.
pub(crate) fn form(
    state: &State,
    form: &Form,
    seen: Option<&Result<Preview, String>>,
    csrf: &str,
) -> Markup {
    let four = state.content.policy.suppressions == FourEyes::Required;
    let days = state.content.policy.longest.as_hours() / 24;
    let field = |name: &str, label: &str, value: &str| html! { label.field { span { (label) } input type="text" name=(name) value=(value) maxlength="4000"; } };
    html! {
        div.head { h1 { "Suppress findings" } p.sub { "They are recorded and counted and raise no alert. What exercises emit is never hidden." } }
        div.grid.two {
            section.panel aria-label="Suppression" {
                @if form.alert.parse().ok().and_then(|id| state.alerts.get(id)).is_some_and(|a| a.exercise().is_some()) { p.note { "This alert is of an exercise. A suppression like this hides what really happens, not what exercises emit." } }
                form method="post" action="/suppressions/new" {
                    (frame::csrf(csrf))
                    (hidden("alert", &form.alert))
                    (field("rule", "Rules, apart by spaces", &form.rule))
                    (field("family", "Or all rules of a family (folder under content/rules)", &form.family))
                    (field("tenant", "Tenant; empty for all", &form.tenant))
                    label.field { span { "Where every line holds: field|modifier: value (contains, startswith, endswith, cidr, all, cased; * and ? in values)" } textarea name="when" rows="8" spellcheck="false" { "\n" (form.when) } }
                    (field("until", &format!("Ends: 14d, 12h or a date; at most {days} days"), &form.until))
                    (field("reason", "Reason", &form.reason))
                    (field("force", "Only where it would hide what was an attack: why it may", &form.force))
                    p { @if four { "Another person has to approve it; until then it hides nothing." } @else { "It acts at once." } }
                    div.row-form {
                        button.quiet type="submit" name="do" value="preview" { "Preview" }
                        button type="submit" name="do" value="add" { "Suppress" }
                    }
                }
            }
            aside aria-label="Preview" {
                section.panel {
                    h2 { "What it would have hidden" }
                    @match seen {
                        None => p.dim { "Preview says what it would have hidden in the last 30 days." },
                        Some(Err(problem)) => p.note.error role="alert" { (problem) },
                        Some(Ok(p)) => (preview(state, p)),
                    }
                }
            }
        }
    }
}

fn preview(state: &State, p: &Preview) -> Markup {
    html! {
        p role="status" { b { (p.findings) } " findings in " (p.alerts.len()) " alerts, " (p.whole.len()) " of which would not have been raised; " (p.held) " findings that raised none." }
        @if p.attacks.is_empty() { p.note.good { "No alert among them was found to be an attack." } }
        @else {
            div.note.error role="alert" {
                p { "It would have hidden what was found to be an attack. Without a reason for that it is refused." }
                ul { @for id in p.attacks.iter().take(20) { li { a href={ "/alerts/" (id) "?status=all" } { (state.alerts.get(*id).map_or("alert", |a| a.title.as_str())) } } } }
            }
        }
        @if !p.incidents.is_empty() { p { "Incidents: " @for id in p.incidents.iter().take(20) { @if let Some(i) = state.incidents.get(*id) { a href={ "/incidents/" (i.id) } { (i.name) } " " } } } }
        ul.plain { @for id in p.alerts.iter().rev().take(20) { @if let Some(a) = state.alerts.get(*id) { li { a href={ "/alerts/" (a.id) "?status=all" } { (a.title) } " " (moment(a.last_seen)) } } } }
    }
}
