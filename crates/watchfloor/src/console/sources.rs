//! Sources: what is understood, what has come, and how well it fits.

use std::collections::BTreeMap;

use maud::{Markup, html};
use watchfloor_ingest::Sources;
use watchfloor_store::DeadLetterRow;
use watchfloor_types::SourceId;

use super::{
    frame::{moment, tag},
    now::grouped,
};
use crate::floor::SourceFigures;

/// From this share of unknown leaves on, a source has drifted from its mapping.
const DRIFT: f64 = 0.05;

/// The page, with the newest dead letters.
pub(crate) fn page(
    sources: &Sources,
    figures: &BTreeMap<SourceId, SourceFigures>,
    dead: &[DeadLetterRow],
) -> Markup {
    html! {
        div.head { h1 { "Sources" } p.sub { "Figures since the server started." } }
        section.panel aria-label="Sources" {
            div.scroll tabindex="0" role="region" aria-label="Sources, table" {
                table {
                    thead { tr { th { "Source" } th { "State" } th.num { "Events" } th.num { "Dead letters" } th.num { "Unknown leaves" } th { "Last" } th { "Owner" } th { "Formats" } } }
                    tbody {
                        @for source in sources.iter() {
                            @let f = figures.get(source.id()).copied().unwrap_or_default();
                            @let ratio = if f.leaves == 0 { 0.0 } else { f.unknown as f64 / f.leaves as f64 };
                            tr data-row {
                                td { strong { (source.title()) } div { code { (source.id()) } } }
                                td {
                                    @if f.last.is_none() { (tag("", "nothing came")) }
                                    @else if ratio > DRIFT { (tag("medium", "drifted")) }
                                    @else if f.dead > 0 { (tag("medium", "dead letters")) }
                                    @else { (tag("ok", "healthy")) }
                                }
                                td.num { (grouped(f.events)) }
                                td.num { (grouped(f.dead)) }
                                td.num { (format!("{:.1} %", ratio * 100.0)) }
                                td { @if let Some(at) = f.last { (moment(at)) } }
                                td { (source.owner()) }
                                td.dim { (source.formats().join(", ")) }
                            }
                        }
                    }
                }
            }
        }
        @if !dead.is_empty() { (letters(dead)) }
    }
}

/// Records that wait until a mapping understands them.
fn letters(dead: &[DeadLetterRow]) -> Markup {
    html! {
        br;
        section.panel aria-label="Dead letters" {
            h2 { "Dead letters" }
            p.sub { "Records that no mapping understood, kept as they came. " code { "watchfloor dead-letter show ID" } " shows one; once the mapping is mended, " code { "watchfloor dead-letter replay --source SOURCE" } " reads them again." }
            div.scroll tabindex="0" role="region" aria-label="Dead letters, table" {
                table {
                    thead { tr { th { "Received" } th { "Source" } th.num { "Bytes" } th { "Why" } th { "Id" } th { "Read again" } } }
                    tbody {
                        @for letter in dead {
                            tr data-row {
                                td { (moment(letter.received)) }
                                td { code { (letter.source) } }
                                td.num { (grouped(letter.bytes)) }
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
