//! The rule editor: one text, what is wrong with it, what it would have found, what it changes.

use maud::{Markup, html};
use watchfloor_types::{Diagnostic, Level};

use super::{
    form::hidden,
    frame::{self, moment, tag},
};
use crate::rules::{
    check::Checked,
    diff::{Kind, Line},
};

/// What the editor shows.
pub(crate) struct Editor<'a> {
    /// The rule; empty for a new one.
    pub rule: &'a str,
    /// Its title.
    pub title: &'a str,
    /// The text in the editor.
    pub text: &'a str,
    /// Why it is changed, as typed so far.
    pub reason: &'a str,
    /// What was found out about the text.
    pub checked: &'a Checked,
    /// What it changes of the newest kept text.
    pub changes: &'a [Line],
    /// Why it was not kept.
    pub problem: Option<&'a str>,
    /// Token of the session's forms.
    pub csrf: &'a str,
}

/// The page.
pub(crate) fn page(editor: &Editor<'_>) -> Markup {
    html! {
        div.head {
            h1 { @if editor.rule.is_empty() { "New rule" } @else { "Edit: " (editor.title) } }
            @if !editor.rule.is_empty() { a.button.quiet href={ "/rules/" (editor.rule) } { "Back to the rule" } }
            p.sub { "Saving keeps the text as a draft. What runs stays as it is until somebody puts the draft at a stage." }
        }
        @if let Some(problem) = editor.problem { div.note.error role="alert" { p { "Not saved." } @for line in problem.lines() { p { (line) } } } }
        div.grid.wide {
            form #rule-form method="post" action="/rules/edit" data-check {
                (frame::csrf(editor.csrf))
                (hidden("rule", editor.rule))
                section.panel aria-label="Text" {
                    label for="rule-text" { "Text (Sigma)" }
                    div.editor {
                        pre.gutter aria-hidden="true" {}
                        textarea #rule-text name="text" rows="30" wrap="off" spellcheck="false" autocomplete="off" autocapitalize="off" aria-describedby="check-summary" { "\n" (editor.text) }
                    }
                    label.field { span { "What changes, and why" } input type="text" name="reason" maxlength="2000" value=(editor.reason); }
                    div.row-form {
                        button.quiet type="submit" name="do" value="check" { "Check" }
                        button type="submit" name="do" value="save" { "Save as draft" }
                    }
                }
            }
            aside #check { (part(editor)) }
        }
    }
}

/// The part that follows the text while it is written.
pub(crate) fn part(editor: &Editor<'_>) -> Markup {
    let checked = editor.checked;
    let errors = count(&checked.diagnostics, Level::Error);
    let others = checked.diagnostics.len() - errors;
    html! {
        section.panel aria-label="Diagnostics" data-lines=(lines(&checked.diagnostics)) {
            h2 { "Diagnostics" }
            p #check-summary role="status" {
                @if errors > 0 { (tag("critical", "errors")) " " } @else if others > 0 { (tag("medium", "remarks")) " " } @else { (tag("ok", "fine")) " " }
                (errors) " errors, " (others) " remarks" @if errors > 0 { "; it cannot be saved like this" }
            }
            ul.plain {
                @for d in checked.diagnostics.iter().take(50) {
                    li {
                        @if let Some(p) = &d.place { a href="#rule-text" data-line=(p.line) data-column=(p.column) data-length=(p.length) { (p.line) ":" (p.column) } " " }
                        (tag(match d.level { Level::Error => "critical", Level::Warning => "medium", Level::Note => "" }, match d.level { Level::Error => "error", Level::Warning => "warning", Level::Note => "note" }))
                        " " code { (d.code) } " " (d.message) @if let Some(help) = &d.help { span.dim { ": " (help) } }
                    }
                }
            }
        }
        br;
        section.panel aria-label="Samples" {
            h2 { "Samples" }
            @if checked.samples.is_empty() { p.dim { @if checked.unit.is_some() { "None: add " code { "tests:" } " with what must match and near misses that must not." } @else { "They run when the text can be read." } } }
            ul.plain { @for s in &checked.samples { li { (tag(if s.passed() { "ok" } else { "critical" }, if s.passed() { "holds" } else { "fails" })) " " (s.name) } } }
        }
        br;
        (matches(checked))
        br;
        section.panel aria-label="Changes" {
            h2 { "Changes" }
            @if editor.changes.is_empty() { p.dim { "None: this is the newest text that is kept." } } @else { (diff(editor.changes)) }
        }
    }
}

fn matches(checked: &Checked) -> Markup {
    html! {
        section.panel aria-label="Matches" {
            h2 { "Matches in recent events" }
            @if let Some(m) = &checked.matches {
                p { b { (m.count) } " in " (m.events) " events of its log source" @if let Some(from) = m.from { " since " (moment(from)) } @if m.cut { ". There are more; " code { "watchfloor rule backtest" } " reads them all" } "." }
                ul.plain {
                    @for s in &m.shown {
                        li {
                            details {
                                summary { (moment(s.time)) }
                                @if let Some(event) = s.event { p { a href={ "/events/" (event) } { "event " (event) } } }
                                @for f in s.matched.iter().take(20) { p { code { (f.field) } " " (f.predicate) br; mark { (f.value) } } }
                            }
                        }
                    }
                }
            } @else { p.dim { "They are looked for when the text has no errors." } }
        }
    }
}

/// A comparison, each line with its sign.
pub(crate) fn diff(lines: &[Line]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="Differences, line by line" {
            pre.diff {
                @for line in lines {
                    @let class = match line.kind { Kind::Same => "", Kind::Added => "added", Kind::Removed => "removed", Kind::Gap => "gap" };
                    span class=(class) { (line.kind.sign()) " " (line.text) "\n" }
                }
            }
        }
    }
}

/// The page of a comparison.
pub(crate) fn diff_page(rule: &str, title: &str, from: &str, to: &str, lines: &[Line]) -> Markup {
    html! {
        div.head { h1 { "Compare: " (title) } a.button.quiet href={ "/rules/" (rule) } { "Back to the rule" } p.sub { "From " (from) " to " (to) } }
        section.panel aria-label="Differences" { @if lines.is_empty() { p { "The two texts are the same." } } @else { (diff(lines)) } }
    }
}

fn count(all: &[Diagnostic], level: Level) -> usize {
    all.iter().filter(|d| d.level == level).count()
}

/// Lines with an error or remark, for the marks beside the text: `3e 7w`.
fn lines(all: &[Diagnostic]) -> String {
    let marks: Vec<String> = all
        .iter()
        .filter_map(|d| {
            let mark = if d.level == Level::Error { 'e' } else { 'w' };
            Some(format!("{}{mark}", d.place.as_ref()?.line))
        })
        .collect();
    marks.join(" ")
}
