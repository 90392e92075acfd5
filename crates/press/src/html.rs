//! HTML: one self-contained page, readable by people, screen readers and printers.
//!
//! The page holds one `<style>`, no script, no `style` attribute and nothing from elsewhere;
//! its own content security policy allows that style by its hash and nothing else.

use std::fmt::Write as _;

use base64::Engine as _;
use sha2::{Digest, Sha256};
use watchfloor_types::Tlp;

use crate::{
    chart::Chart,
    clean,
    document::{
        Align, Approval, Block, CalloutKind, Deadline, Document, Heading, LEGAL_NOTICE, ListStyle,
        Span, Table, Target, time,
    },
    svg,
};

const STYLE: &str = concat!(include_str!("html.css"), include_str!("chart.css"));

/// Renders a document as one HTML page.
#[must_use]
pub fn html(doc: &Document) -> String {
    let mut out = String::with_capacity(16 * 1024);
    let title = escape(&clean::heading(&doc.title));
    put(
        &mut out,
        format_args!(
            concat!(
                "<!DOCTYPE html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\"/>\n",
                "<meta http-equiv=\"Content-Security-Policy\" content=\"{}\"/>\n",
                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n",
                "<meta name=\"generator\" content=\"Watchfloor\"/>\n",
                "<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n"
            ),
            lang(&doc.meta.lang),
            policy(),
            title,
            STYLE,
        ),
    );
    if let Some(word) = &doc.meta.watermark {
        put(
            &mut out,
            format_args!(
                "<div class=\"watermark\" aria-hidden=\"true\"><span>{}</span></div>\n",
                text(word)
            ),
        );
    }
    out.push_str("<header class=\"page\">");
    band(&mut out, doc);
    put(&mut out, format_args!("<h1>{title}</h1>"));
    if let Some(subtitle) = &doc.subtitle {
        put(
            &mut out,
            format_args!("<p class=\"subtitle\">{}</p>", text(subtitle)),
        );
    }
    out.push_str("<dl class=\"facts\">");
    for (name, value) in doc.meta_lines() {
        put(
            &mut out,
            format_args!("<dt>{name}</dt><dd>{}</dd>", text(&value)),
        );
    }
    out.push_str("</dl>");
    if doc.shows_deadline() {
        put(
            &mut out,
            format_args!("<p class=\"notice\">{LEGAL_NOTICE}</p>"),
        );
    }
    out.push_str("</header>\n<main>\n");
    let mut headings = doc.headings();
    for part in &doc.blocks {
        block(&mut out, doc, part, &mut headings);
        out.push('\n');
    }
    evidence(&mut out, doc);
    out.push_str("</main>\n<footer class=\"page\">");
    band(&mut out, doc);
    out.push_str("</footer>\n</body>\n</html>\n");
    out
}

/// The content security policy of every page that [`html`] makes: send it as a header too.
#[must_use]
pub fn policy() -> String {
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(STYLE));
    format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'")
}

/// Escapes text for an element or a quoted attribute (HTML, 13.1.2 and 13.3).
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

fn text(words: &str) -> String {
    escape(&clean::line(words))
}

/// A language tag that can only be one.
fn lang(tag: &str) -> &str {
    let ok = !tag.is_empty()
        && tag.len() <= 35
        && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if ok { tag } else { "en" }
}

/// The line with the label, at the top and the bottom.
fn band(out: &mut String, doc: &Document) {
    out.push_str("<div class=\"band\">");
    if let Some(word) = &doc.meta.watermark {
        put(
            out,
            format_args!("<strong class=\"exercise\">{}</strong>", text(word)),
        );
    }
    let class = match doc.meta.tlp {
        Tlp::Clear => "clear",
        Tlp::Green => "green",
        Tlp::Amber | Tlp::AmberStrict => "amber",
        Tlp::Red => "red",
    };
    put(
        out,
        format_args!(
            "<strong class=\"tlp tlp-{class}\">{}</strong></div>",
            doc.meta.tlp
        ),
    );
}

fn block(
    out: &mut String,
    doc: &Document,
    part: &Block,
    headings: &mut impl Iterator<Item = Heading>,
) {
    match part {
        Block::Heading { text: words, .. } => {
            let Heading { depth, id } = headings.next().unwrap_or_default();
            let depth = depth + 1;
            let id = id.map(|id| format!(" id=\"{id}\"")).unwrap_or_default();
            put(
                out,
                format_args!(
                    "<h{depth}{id}>{}</h{depth}>",
                    escape(&clean::heading(words))
                ),
            );
        }
        Block::Paragraph(body) => wrap(out, doc, "p", body),
        Block::List { style, items } => {
            let tag = match style {
                ListStyle::Bullet => "ul",
                ListStyle::Numbered => "ol",
            };
            put(out, format_args!("<{tag}>"));
            for item in items {
                wrap(out, doc, "li", item);
            }
            put(out, format_args!("</{tag}>"));
        }
        Block::Table(content) => table(out, doc, content),
        Block::KeyValues(pairs) => {
            out.push_str("<dl class=\"facts\">");
            for (name, value) in pairs {
                put(out, format_args!("<dt>{}</dt>", text(name)));
                wrap(out, doc, "dd", value);
            }
            out.push_str("</dl>");
        }
        Block::Callout { kind, body } => {
            let class = match kind {
                CalloutKind::Note => "note",
                CalloutKind::Warning => "warning",
                CalloutKind::Action => "action",
                CalloutKind::Open => "open",
            };
            put(
                out,
                format_args!(
                    "<div class=\"callout callout-{class}\" role=\"note\"><p><strong>{}</strong></p>",
                    kind.word()
                ),
            );
            for paragraph in body {
                wrap(out, doc, "p", paragraph);
            }
            out.push_str("</div>");
        }
        Block::Quote {
            text: words,
            source,
        } => {
            out.push_str("<blockquote>");
            wrap(out, doc, "p", words);
            if let Some(source) = source {
                wrap(out, doc, "footer", source);
            }
            out.push_str("</blockquote>");
        }
        Block::Code { language, text } => {
            let label = language.as_deref().map_or_else(
                || "text as recorded".to_owned(),
                |l| escape(&clean::line(l)),
            );
            put(
                out,
                format_args!(
                    "<pre tabindex=\"0\" role=\"region\" aria-label=\"{label}\"><code>{}</code></pre>",
                    escape(&clean::lines(text))
                ),
            );
        }
        Block::Chart(content) => chart(out, content),
        Block::Deadline(clock) => deadline(out, doc, clock),
        Block::Approval(content) => approval(out, content),
        Block::PageBreak => out.push_str("<hr class=\"break\"/>"),
    }
}

fn wrap(out: &mut String, doc: &Document, tag: &str, body: &[Span]) {
    put(out, format_args!("<{tag}>"));
    spans(out, doc, body);
    put(out, format_args!("</{tag}>"));
}

fn spans(out: &mut String, doc: &Document, body: &[Span]) {
    for span in body {
        match span {
            Span::Text(words) => out.push_str(&text(words)),
            Span::Strong(words) => put(out, format_args!("<strong>{}</strong>", text(words))),
            Span::Emphasis(words) => put(out, format_args!("<em>{}</em>", text(words))),
            Span::Code(words) => put(out, format_args!("<code>{}</code>", text(words))),
            Span::Link {
                text: words,
                target,
            } => match target {
                Target::Anchor(name) => match doc.anchor(name) {
                    Some(id) => put(out, format_args!("<a href=\"#{id}\">{}</a>", text(words))),
                    None => out.push_str(&text(words)),
                },
                Target::Url(url) => match clean::link(url) {
                    Some(url) => put(
                        out,
                        format_args!(
                            "<a href=\"{}\" rel=\"noreferrer noopener\">{}</a>",
                            escape(url),
                            text(words)
                        ),
                    ),
                    None => put(out, format_args!("{} ({})", text(words), text(url))),
                },
            },
            Span::Evidence(id) => {
                let shown = text(id);
                match doc.evidence.iter().position(|note| note.id == *id) {
                    Some(i) => put(
                        out,
                        format_args!("<a class=\"evidence\" href=\"#e-{}\">[{shown}]</a>", i + 1),
                    ),
                    None => put(
                        out,
                        format_args!("<span class=\"evidence\">[{shown}]</span>"),
                    ),
                }
            }
            Span::Due(at) => put(
                out,
                format_args!("<time datetime=\"{at}\">{}</time>", time(*at)),
            ),
            Span::Missing(what) => put(
                out,
                format_args!(
                    "<span class=\"missing\">[not yet known: {}]</span>",
                    text(what)
                ),
            ),
        }
    }
}

fn table(out: &mut String, doc: &Document, content: &Table) {
    // A region that scrolls must be reachable by keyboard and have a name (WCAG 2.2, 2.1.1).
    let name = content
        .caption
        .as_deref()
        .map_or_else(|| "table".to_owned(), text);
    put(
        out,
        format_args!(
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{name}\"><table>"
        ),
    );
    if let Some(caption) = &content.caption {
        put(out, format_args!("<caption>{}</caption>", text(caption)));
    }
    out.push_str("<thead><tr>");
    for column in &content.columns {
        put(
            out,
            format_args!(
                "<th scope=\"col\"{}>{}</th>",
                class_of(column.align),
                text(&column.title)
            ),
        );
    }
    out.push_str("</tr></thead><tbody>");
    for row in &content.rows {
        out.push_str("<tr>");
        for (i, column) in content.columns.iter().enumerate() {
            put(out, format_args!("<td{}>", class_of(column.align)));
            spans(out, doc, row.get(i).map_or(&[], Vec::as_slice));
            out.push_str("</td>");
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>");
}

const fn class_of(align: Align) -> &'static str {
    match align {
        Align::Start => "",
        Align::Center => " class=\"mid\"",
        Align::End => " class=\"num\"",
    }
}

fn chart(out: &mut String, content: &Chart) {
    put(
        out,
        format_args!(
            "<figure><figcaption>{}</figcaption>{}<p>{}</p><details><summary>Numbers</summary><table><thead><tr>",
            text(&content.title),
            svg::draw(content),
            text(&content.description)
        ),
    );
    let (columns, rows) = content.rows();
    for column in columns {
        put(
            out,
            format_args!("<th scope=\"col\">{}</th>", text(&column)),
        );
    }
    out.push_str("</tr></thead><tbody>");
    for row in rows {
        out.push_str("<tr>");
        for cell in row {
            put(out, format_args!("<td>{}</td>", text(&cell)));
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></details></figure>");
}

fn deadline(out: &mut String, doc: &Document, clock: &Deadline) {
    put(
        out,
        format_args!(
            "<div class=\"deadline\" role=\"note\"><p><strong>{}</strong></p><dl class=\"facts\">",
            text(&clock.what)
        ),
    );
    for (name, at) in [("Safe date", clock.safe), ("Outer date", clock.outer)] {
        if let Some(at) = at {
            put(
                out,
                format_args!(
                    "<dt>{name}</dt><dd><time datetime=\"{at}\">{}</time></dd>",
                    time(at)
                ),
            );
        }
    }
    put(
        out,
        format_args!("<dt>State</dt><dd>{}</dd></dl>", text(&clock.state)),
    );
    wrap(out, doc, "p", &clock.why);
    out.push_str("</div>");
}

fn approval(out: &mut String, content: &Approval) {
    out.push_str(
        "<div class=\"approval\"><table><caption>Approval</caption><thead><tr><th scope=\"col\">Role</th><th scope=\"col\">Name</th><th scope=\"col\">Decision</th><th scope=\"col\">Time</th></tr></thead><tbody>",
    );
    for line in content.rows() {
        out.push_str("<tr>");
        for cell in line {
            put(out, format_args!("<td>{}</td>", text(&cell)));
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table>");
    if let Some(hash) = &content.sha256 {
        put(
            out,
            format_args!("<p>Text approved: SHA-256 <code>{}</code></p>", text(hash)),
        );
    }
    out.push_str("</div>");
}

fn evidence(out: &mut String, doc: &Document) {
    if doc.evidence.is_empty() {
        return;
    }
    out.push_str("<h2 id=\"evidence\">Evidence</h2><dl class=\"facts\">");
    for (i, note) in doc.evidence.iter().enumerate() {
        put(
            out,
            format_args!("<dt id=\"e-{}\">[{}]</dt><dd>", i + 1, text(&note.id)),
        );
        spans(out, doc, &note.what);
        if let Some(hash) = &note.sha256 {
            put(out, format_args!(" SHA-256 <code>{}</code>", text(hash)));
        }
        out.push_str("</dd>");
    }
    out.push_str("</dl>\n");
}

fn put(out: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    out.write_fmt(what).unwrap_or_default();
}
