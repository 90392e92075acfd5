//! Exercises: what can be played, and one play with its injects and score.

use jiff::Timestamp;
use maud::{Markup, html};
use watchfloor_respond::{
    State,
    exercise::{Line, PartStatus, Play, Row, report},
};

use super::{
    form::{act, hidden, text_field},
    frame::{moment, tag},
};

/// The list.
pub(crate) fn list(state: &State, csrf: &str) -> Markup {
    html! {
        div.head { h1 { "Exercises" } p.sub { "An exercise is played through the ordinary pipeline. Nothing in it reaches real recipients." } }
        section.panel aria-label="Plays" {
            h2 { "Played" }
            @if state.exercises.iter().next().is_none() { div.empty { p { "No exercise was played yet. Start one below, or on the command line: " code { "watchfloor exercise start paper-lantern" } "." } } }
            @else {
                table { thead { tr { th { "Exercise" } th { "Status" } th.num { "Score" } th { "Started" } } } tbody {
                    @for play in state.exercises.iter().rev() {
                        @let score = watchfloor_respond::exercise::score(play);
                        tr data-row {
                            td { a.row href={ "/exercises/" (play.id) } { (play.plan.title) } }
                            td { (tag(if play.is_live() { "running" } else { "done" }, play.status_word())) }
                            td.num { (score.points) " of " (score.of) }
                            td { (moment(play.started)) }
                        }
                    }
                } }
            }
        }
        br;
        section.panel aria-label="Plans" {
            h2 { "To be played" }
            @for plan in state.content.exercises.values() {
                article aria-label=(plan.title) {
                    h3 { (plan.title) }
                    p { (plan.summary) }
                    p.dim { (plan.injects.len()) " injects, " (plan.length.as_mins()) " minutes, " (plan.points()) " points, owner " (plan.owner) }
                    (act(csrf, "exercise", "start", "/exercises", &html! {
                        (hidden("plan", plan.id.as_str())) (hidden("pace", "live")) (hidden("tenant", "main"))
                        div.row-form {
                            label.field { span { "Players" } select name="players" { option value="people" { "people" } option value="script" { "the script of the plan" } } }
                            label.field { span { "Speed" } select name="speed" { @for s in ["1", "10", "60"] { option value=(s) { (s) "×" } } } }
                            button type="submit" { "Start" }
                        }
                    }))
                }
            }
        }
    }
}

fn status(status: PartStatus) -> Markup {
    let word = status.as_str();
    let class = match word {
        "met" | "detected" | "quiet" => "ok",
        "late" | "partly" | "open" => "medium",
        "not-given" => "",
        _ => "critical",
    };
    tag(class, word)
}

/// One play.
pub(crate) fn page(state: &State, play: &Play, csrf: &str, now: Timestamp) -> Markup {
    let Some(r) = report(state, play.id) else {
        return html! { p { "This exercise is not in the journal." } };
    };
    let id = play.id.to_string();
    html! {
        div.head {
            h1 { (play.plan.title) }
            p.sub { (tag(if play.is_live() { "running" } else { "done" }, play.status_word())) " · play minute " (play.play_time(now).as_mins()) " of " (play.plan.length.as_mins()) " · " a href={ "/exercises/" (id) "/report?format=html" } { "after-action report" } " (" a href={ "/exercises/" (id) "/report?format=docx" } { "DOCX" } ", " a href={ "/exercises/" (id) "/report?format=pdf" } { "PDF" } ")" }
        }
        div.grid.tiles #score data-live-part {
            div.tile { b { (r.score.points) " of " (r.score.of) } "points" @if !r.score.is_final { " so far" } }
            @for g in &r.score.groups { div.tile { b { (g.points) " of " (g.of) } (g.title) } }
        }
        br;
        section.panel aria-label="Injects" {
            h2 { "Injects" }
            div.scroll tabindex="0" role="region" aria-label="Injects, table" {
                table {
                    thead { tr { th.num { "No." } th.num { "Minute" } th { "Inject" } th { "Expected and observed" } th.num { "Points" } } }
                    tbody { @for row in r.rows.iter().chain(&r.distractors) { (inject(row)) } }
                }
            }
        }
        br;
        div.grid.two {
            section.panel aria-label="Lessons" {
                h2 { "Strengths and gaps" }
                @for s in &r.strengths { p { (tag("ok", "strength")) " " (s.text) span.dim { " · " (s.by) } } }
                @for s in &r.gaps { p { (tag("medium", "gap")) " " (s.text) span.dim { " · " (s.by) } } }
                h3 { "Action items" }
                ul { @for i in &r.items { li { (i.title) span.dim { " · " (i.owner) ", due " (moment(i.due)) } } } }
            }
            aside {
                section.panel aria-label="Control" {
                    h2 { "Control" }
                    @if play.is_live() {
                        (act(csrf, "exercise", "stop", &format!("/exercises/{id}"), &html! { (hidden("exercise", &id)) (text_field("reason", "Reason")) button.danger type="submit" { "Stop the exercise" } }))
                    } @else { p.dim { "It is over." } }
                    (act(csrf, "exercise", "lesson", &format!("/exercises/{id}"), &html! {
                        (hidden("exercise", &id))
                        label.field { span { "Kind" } select name="kind" { option value="strength" { "strength" } option value="gap" { "gap" } } }
                        (text_field("text", "What worked, or what did not"))
                        button.quiet type="submit" { "Add" }
                    }))
                }
            }
        }
    }
}

fn inject(row: &Row) -> Markup {
    html! {
        tr data-row id=(row.inject) {
            td.num { @if let Some(n) = row.number { (n) } }
            td.num { (row.minute) }
            td { strong { (row.title) } div.dim { (row.kind) " · " (row.from) " to " (row.to) } @for t in &row.techniques { code { (t) } " " } }
            td { @for line in &row.lines { (expected(line)) } }
            td.num { (row.points) " of " (row.of) }
        }
    }
}

fn expected(line: &Line) -> Markup {
    html! {
        p { (status(line.status)) " " (line.expected) div.dim { (line.observed)
            @for (kind, id) in &line.evidence {
                @match kind.as_str() {
                    "alert" => { " " a href={ "/alerts/" (id) "?status=all" } { "alert" } },
                    "event" => { " " a href={ "/events/" (id) } { "event" } },
                    _ => {},
                }
            }
        } }
    }
}
