//! Outputs: where findings go, how far each has come, what went wrong.

use jiff::Timestamp;
use maud::{Markup, html};
use watchfloor_store::OutputDeadRow;

use super::{
    frame::{moment, tag},
    now::grouped,
};
use crate::floor::OutputStanding;

/// The page, with the newest dead letters.
pub(crate) fn page(outputs: &[OutputStanding], dead: &[OutputDeadRow], now: Timestamp) -> Markup {
    html! {
        div.head { h1 { "Outputs" } p.sub { "Findings, alerts and incidents on their way to other systems." } }
        @if outputs.is_empty() {
            section.panel aria-label="Outputs" {
                p { "The settings name no output. Add one to " code { "watchfloor.toml" } " and start the server again:" }
                pre tabindex="0" { (EXAMPLE) }
            }
        } @else {
            section.panel aria-label="Outputs" {
                div.scroll tabindex="0" role="region" aria-label="Outputs, table" {
                    table {
                        thead { tr { th { "Output" } th { "State" } th.num { "Behind" } th.num { "Sent" } th.num { "Dead letters" } th.num { "Held back" } th.num { "Not wanted" } th { "Last sent" } th { "Last error" } } }
                        tbody { @for output in outputs { (row(output, now)) } }
                    }
                }
                p.sub { "The queue is the journal: nothing is lost while an output is paused or its receiver is away. " code { "watchfloor output test NAME" } " sends a message that says it is a test; " code { "output pause NAME" } " and " code { "output resume NAME" } " stop and start one." }
            }
        }
        @if !dead.is_empty() { (letters(dead)) }
    }
}

const EXAMPLE: &str = "[[output]]\nname = \"siem\"\nkind = \"elasticsearch\"\nurl = \"https://es.example:9200\"\nsecret_env = \"SIEM_API_KEY\"";

fn row(output: &OutputStanding, now: Timestamp) -> Markup {
    let counts = output.row.counts;
    let live = output.line.as_ref().map(|l| l.live()).unwrap_or_default();
    let to = output.line.as_ref().map(|l| &l.settings);
    html! {
        tr data-row {
            td {
                strong { (output.row.name) }
                @if let Some(settings) = to {
                    div.dim { (settings.kind.as_str()) ", " (settings.format.as_str()) }
                    div { code { (settings.to.shown()) } }
                }
            }
            td {
                (match output.state() {
                    "retrying" => tag("high", "retrying"),
                    "paused" => tag("medium", "paused"),
                    "removed" => tag("", "not in the settings"),
                    word => tag("ok", word),
                })
                @if let Some(at) = live.next_try { div.dim { "next try in " (at.duration_since(now).as_secs().max(0)) " s" } }
            }
            td.num {
                (grouped(output.behind))
                @if output.behind_seconds > 0 { div.dim { (grouped(output.behind_seconds)) " s" } }
            }
            td.num { (grouped(counts.sent)) }
            td.num { (grouped(output.dead)) }
            td.num {
                (grouped(counts.held_tlp + counts.held_exercise))
                @if counts.held_tlp > 0 { div.dim { "TLP " (grouped(counts.held_tlp)) } }
                @if counts.held_exercise > 0 { div.dim { "exercise " (grouped(counts.held_exercise)) } }
            }
            td.num { (grouped(counts.filtered)) }
            td { @if let Some(at) = output.row.last_sent { (moment(at)) } }
            td { @if let Some((at, why)) = &live.error { (why) div.dim { (moment(*at)) } } }
        }
    }
}

/// What receivers refused for good.
fn letters(dead: &[OutputDeadRow]) -> Markup {
    html! {
        br;
        section.panel aria-label="Dead letters" {
            h2 { "Dead letters" }
            p.sub { "Messages that a receiver refused for good. " code { "watchfloor output dead show OUTPUT ID" } " shows one as it was sent; once the cause is mended, " code { "watchfloor output dead replay OUTPUT" } " sends them again." }
            div.scroll tabindex="0" role="region" aria-label="Dead letters, table" {
                table {
                    thead { tr { th { "Refused" } th { "Output" } th { "Kind" } th { "Title" } th { "Why" } th { "Id" } th { "Sent again" } } }
                    tbody {
                        @for letter in dead {
                            tr data-row {
                                td { (moment(letter.at)) }
                                td { code { (letter.output) } }
                                td { (letter.kind) }
                                td { (letter.title) }
                                td { (letter.reason) }
                                td.dim { code { (letter.id) } }
                                td { @if let Some(at) = letter.replayed { (moment(at)) } @else { (tag("medium", "waits")) } }
                            }
                        }
                    }
                }
            }
        }
    }
}
