//! The frame around every page: navigation, exercise banner, palette, keyboard help.

use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use watchfloor_types::Severity;

/// What a page tells its frame.
pub(crate) struct Page<'a> {
    /// Title of the page and the tab.
    pub title: &'a str,
    /// Path of the navigation entry that is current.
    pub section: &'a str,
    /// Modules of the journal whose entries are news on this page, comma-separated; empty for none.
    pub live: &'a str,
    /// An exercise is in play: its name.
    pub exercise: Option<&'a str>,
    /// Who is signed in.
    pub user: &'a str,
    /// Token that every form carries.
    pub csrf: &'a str,
    /// Numbers beside navigation entries: what waits there.
    pub waiting: Waiting,
    /// The time that the page shows.
    pub now: Timestamp,
}

/// How much waits for a person, by page.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Waiting {
    /// Things on Now.
    pub now: usize,
    /// Open alerts.
    pub alerts: usize,
    /// Open incidents.
    pub incidents: usize,
}

/// Path, name, key.
type Place = (&'static str, &'static str, &'static str);

/// Navigation: group, then its places.
static NAVIGATION: &[(&str, &[Place])] = &[
    (
        "Watch",
        &[
            ("/", "Now", "g n"),
            ("/alerts", "Alerts", "g a"),
            ("/incidents", "Incidents", "g i"),
            ("/search", "Search", "g s"),
        ],
    ),
    (
        "Prepare",
        &[
            ("/rules", "Rules", "g r"),
            ("/suppressions", "Suppressions", ""),
            ("/exercises", "Exercises", "g e"),
        ],
    ),
    (
        "Run",
        &[
            ("/sources", "Sources", ""),
            ("/outputs", "Outputs", ""),
            ("/settings", "Settings", ""),
        ],
    ),
];

/// The whole document.
pub(crate) fn frame(page: &Page<'_>, body: &Markup) -> Markup {
    let name = match page.exercise {
        Some(_) => format!("EXERCISE · {} · Watchfloor", page.title),
        None => format!("{} · Watchfloor", page.title),
    };
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(&name))
            body data-live=[(!page.live.is_empty()).then_some(page.live)] data-now=(page.now.as_millisecond()) {
                a.skip href="#main" { "Skip to content" }
                nav.side aria-label="Main" {
                    a.brand href="/" { (logo()) "Watchfloor" }
                    @for (group, entries) in NAVIGATION {
                        div {
                            h2 { (group) }
                            ul {
                                @for (path, name, _) in *entries {
                                    li {
                                        a href=(path) aria-current=[(*path == page.section).then_some("page")] {
                                            span { (name) }
                                            @let n = match *path { "/" => page.waiting.now, "/alerts" => page.waiting.alerts, "/incidents" => page.waiting.incidents, _ => 0 };
                                            @if n > 0 { span.count { (n) span.visually-hidden { " waiting" } } }
                                        }
                                    }
                                }
                            }
                        }
                    }
                    div.foot {
                        p { button.quiet #open-palette type="button" { "Go to…\u{a0}" kbd { "Ctrl K" } } }
                        p { button.quiet #theme type="button" { "Light / dark" } }
                        p.dim { (page.user) }
                        form method="post" action="/sign-out" { (csrf(page.csrf)) button.quiet type="submit" { "Sign out" } }
                    }
                }
                @if let Some(exercise) = page.exercise {
                    div.banner role="note" { "EXERCISE · " (exercise) " · nothing here reaches real recipients" }
                }
                main #main tabindex="-1" { (body) }
                div.live #live hidden { button type="button" { "new" } }
                p.visually-hidden #status role="status" {}
                (palette())
                (help())
            }
        }
    }
}

/// A page without navigation: sign-in and errors before it.
pub(crate) fn bare(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(&format!("{title} · Watchfloor")))
            body { main.signin #main { div.panel { (body) } } }
        }
    }
}

fn head(title: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="referrer" content="same-origin";
            title { (title) }
            link rel="icon" href="/assets/icon.svg" type="image/svg+xml";
            link rel="stylesheet" href=(asset("console.css"));
            script type="module" src=(asset("console.js")) {}
        }
    }
}

/// Path of an asset with its version, so that it can be cached for ever.
fn asset(name: &str) -> String {
    format!("/assets/{name}?v={}", env!("CARGO_PKG_VERSION"))
}

/// The hidden field of every form.
pub(crate) fn csrf(token: &str) -> Markup {
    html! { input type="hidden" name="csrf" value=(token); }
}

fn logo() -> Markup {
    html! {
        svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" aria-hidden="true" {
            path d="M12 2.5 20.5 6v6c0 5-3.6 8.3-8.5 9.6C7.1 20.3 3.5 17 3.5 12V6Z" {}
            circle cx="12" cy="11.5" r="3.2" {}
            path d="M12 5.8v2.5M12 14.7v2.5M6.3 11.5h2.5M15.2 11.5h2.5" {}
        }
    }
}

fn palette() -> Markup {
    html! {
        dialog.palette #palette aria-label="Go to" {
            label for="palette-text" { "Go to a page, or type a filter and press Enter to search events" }
            input #palette-text type="search" autocomplete="off";
            ul {
                @for (_, entries) in NAVIGATION {
                    @for (path, name, key) in *entries {
                        li { a href=(path) { (name) " " @if !key.is_empty() { kbd { (key) } } } }
                    }
                }
            }
        }
    }
}

fn help() -> Markup {
    let keys = [
        ("Ctrl K", "go to a page or search"),
        ("/", "filter this list"),
        ("j k", "next and previous row"),
        ("Enter", "open"),
        ("g n", "Now"),
        ("g a", "Alerts"),
        ("g i", "Incidents"),
        ("g s", "Search"),
        ("g r", "Rules"),
        ("g e", "Exercises"),
        ("?", "this help"),
    ];
    html! {
        dialog #help aria-labelledby="help-title" {
            h2 #help-title { "Keyboard" }
            dl.facts { @for (key, what) in keys { dt { kbd { (key) } } dd { (what) } } }
            p { label { input #keys type="checkbox" checked; " single-key shortcuts" } }
            button type="button" data-close { "Close" }
        }
    }
}

/// Severity as word, shape and colour.
pub(crate) fn severity(severity: Severity) -> Markup {
    let shape = match severity {
        Severity::Informational => {
            r#"<circle cx="6" cy="6" r="3" fill="none" stroke="currentColor" stroke-width="2"/>"#
        }
        Severity::Low => r#"<rect x="2" y="7" width="8" height="3" fill="currentColor"/>"#,
        Severity::Medium => r#"<rect x="2" y="2" width="8" height="8" fill="currentColor"/>"#,
        Severity::High => r#"<path d="M6 1 11 11H1Z" fill="currentColor"/>"#,
        Severity::Critical | Severity::Fatal => {
            r#"<path d="M6 0 12 6 6 12 0 6Z" fill="currentColor"/>"#
        }
    };
    html! { span class={ "tag " (severity) } { svg viewBox="0 0 12 12" aria-hidden="true" { (PreEscaped(shape)) } (severity) } }
}

/// A state as a tag; `class` picks the colour, the word carries the meaning.
pub(crate) fn tag(class: &str, word: &str) -> Markup {
    html! { span class={ "tag " (class) } { (word) } }
}

/// A moment, in UTC, short; the full form for machines and on hover.
pub(crate) fn moment(at: Timestamp) -> Markup {
    html! { time datetime=(at) title=(at) { (at.strftime("%Y-%m-%d %H:%M:%S")) "\u{a0}Z" } }
}

/// Time left until `due`, counted down in the page.
pub(crate) fn left(due: Timestamp, now: Timestamp) -> Markup {
    let seconds = due.duration_since(now).as_secs();
    let abs = seconds.unsigned_abs();
    let (d, h, m) = (abs / 86_400, abs / 3_600 % 24, abs / 60 % 60);
    let text = if d > 0 {
        format!("{d} d {h} h")
    } else if h > 0 {
        format!("{h} h {m} min")
    } else {
        format!("{m} min")
    };
    html! { span.left data-due=(due.as_millisecond()) { (text) @if seconds < 0 { " over" } @else { " left" } } }
}
