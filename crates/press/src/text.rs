//! Plain text: for terminals, mail without markup, chat and diffs.

use std::fmt::Write as _;

use crate::{
    clean,
    document::{
        Align, Block, Document, Heading, LEGAL_NOTICE, ListStyle, Span, Table, Target, time,
    },
};

/// Columns that running text is wrapped to.
const WIDTH: usize = 80;

/// Renders a document as plain text, UTF-8, wrapped to 80 columns where text can be wrapped.
#[must_use]
pub fn text(doc: &Document) -> String {
    let mut out = String::new();
    edge(&mut out, doc);
    out.push('\n');
    let title = clean::heading(&doc.title);
    put(
        &mut out,
        format_args!("{title}\n{}\n", "=".repeat(width(&title).clamp(1, WIDTH))),
    );
    if let Some(subtitle) = &doc.subtitle {
        wrap(&mut out, "", "", &clean::line(subtitle));
    }
    out.push('\n');
    for (name, value) in doc.meta_lines() {
        wrap(&mut out, &format!("{name}: "), "  ", &clean::line(&value));
    }
    if doc.shows_deadline() {
        put(&mut out, format_args!("{LEGAL_NOTICE}\n"));
    }
    let mut headings = doc.headings();
    for block in &doc.blocks {
        out.push('\n');
        self::block(&mut out, block, &mut headings);
    }
    if !doc.evidence.is_empty() {
        out.push_str("\nEvidence\n--------\n");
        for note in &doc.evidence {
            let mut what = spans(&note.what);
            if let Some(hash) = &note.sha256 {
                put(&mut what, format_args!(" SHA-256 {}", clean::line(hash)));
            }
            wrap(
                &mut out,
                &format!("[{}] ", clean::line(&note.id)),
                "  ",
                &what,
            );
        }
    }
    out.push('\n');
    edge(&mut out, doc);
    out
}

/// The label, right-aligned, and the watermark: first and last line.
fn edge(out: &mut String, doc: &Document) {
    let mark = doc
        .meta
        .watermark
        .as_deref()
        .map(clean::line)
        .unwrap_or_default();
    let label = doc.meta.tlp.as_str();
    let gap = WIDTH.saturating_sub(width(&mark) + label.len()).max(1);
    put(out, format_args!("{mark}{}{label}\n", " ".repeat(gap)));
}

fn block(out: &mut String, block: &Block, headings: &mut impl Iterator<Item = Heading>) {
    match block {
        Block::Heading { text, .. } => {
            let words = clean::heading(text);
            match headings.next().unwrap_or_default().depth {
                1 => put(
                    out,
                    format_args!("{words}\n{}\n", "-".repeat(width(&words).clamp(1, WIDTH))),
                ),
                2 => put(out, format_args!("## {words}\n")),
                _ => put(out, format_args!("### {words}\n")),
            }
        }
        Block::Paragraph(body) => wrap(out, "", "", &spans(body)),
        Block::List { style, items } => {
            for (i, item) in items.iter().enumerate() {
                let lead = match style {
                    ListStyle::Bullet => "- ".to_owned(),
                    ListStyle::Numbered => format!("{}. ", i + 1),
                };
                wrap(out, &lead, &" ".repeat(lead.len()), &spans(item));
            }
        }
        Block::Table(content) => table(out, content),
        Block::KeyValues(pairs) => {
            for (name, value) in pairs {
                wrap(
                    out,
                    &format!("{}: ", clean::line(name)),
                    "  ",
                    &spans(value),
                );
            }
        }
        Block::Callout { kind, body } => {
            put(out, format_args!("! {}\n", kind.word()));
            for paragraph in body {
                wrap(out, "! ", "! ", &spans(paragraph));
            }
        }
        Block::Quote { text, source } => {
            wrap(out, "> ", "> ", &spans(text));
            if let Some(source) = source {
                wrap(out, "> - ", ">   ", &spans(source));
            }
        }
        Block::Code { language, text } => {
            if let Some(language) = language {
                put(out, format_args!("({})\n", clean::line(language)));
            }
            for line in clean::lines(text).split('\n') {
                put(out, format_args!("    {line}\n"));
            }
        }
        Block::Chart(chart) => {
            wrap(out, "Chart: ", "  ", &clean::line(&chart.title));
            wrap(out, "  ", "  ", &clean::line(&chart.description));
            let (titles, rows) = chart.rows();
            let shown: Vec<Vec<String>> = rows
                .iter()
                .map(|row| {
                    row.iter()
                        .map(|cell| clean::line(cell).into_owned())
                        .collect()
                })
                .collect();
            let titles: Vec<(String, Align)> = titles
                .iter()
                .map(|t| (clean::line(t).into_owned(), Align::Start))
                .collect();
            grid(out, &titles, &shown);
        }
        Block::Deadline(clock) => {
            wrap(out, "* ", "  ", &clean::line(&clock.what));
            if let Some(safe) = clock.safe {
                put(out, format_args!("  Safe date:  {}\n", time(safe)));
            }
            if let Some(outer) = clock.outer {
                put(out, format_args!("  Outer date: {}\n", time(outer)));
            }
            wrap(out, "  State: ", "  ", &clean::line(&clock.state));
            wrap(out, "  ", "  ", &spans(&clock.why));
        }
        Block::Approval(approval) => {
            let titles = ["Role", "Name", "Decision", "Time"]
                .map(|t| (t.to_owned(), Align::Start))
                .to_vec();
            let rows: Vec<Vec<String>> = approval
                .rows()
                .map(|row| {
                    row.iter()
                        .map(|cell| clean::line(cell).into_owned())
                        .collect()
                })
                .collect();
            out.push_str("Approval\n");
            grid(out, &titles, &rows);
            if let Some(hash) = &approval.sha256 {
                put(
                    out,
                    format_args!("Text approved: SHA-256 {}\n", clean::line(hash)),
                );
            }
        }
        Block::PageBreak => put(out, format_args!("{}\n", "-".repeat(WIDTH))),
    }
}

/// The words of spans in one line.
pub(crate) fn spans(body: &[Span]) -> String {
    let mut out = String::new();
    for span in body {
        match span {
            Span::Text(words) | Span::Strong(words) | Span::Emphasis(words) | Span::Code(words) => {
                out.push_str(&clean::line(words));
            }
            Span::Link { text, target } => {
                let words = clean::line(text);
                match target {
                    Target::Url(url) if *url != *text => {
                        put(&mut out, format_args!("{words} ({})", clean::line(url)));
                    }
                    Target::Url(_) | Target::Anchor(_) => out.push_str(&words),
                }
            }
            Span::Evidence(id) => put(&mut out, format_args!("[{}]", clean::line(id))),
            Span::Due(at) => out.push_str(&time(*at)),
            Span::Missing(what) => {
                put(
                    &mut out,
                    format_args!("[not yet known: {}]", clean::line(what)),
                );
            }
        }
    }
    out
}

fn table(out: &mut String, content: &Table) {
    if let Some(caption) = &content.caption {
        wrap(out, "Table: ", "  ", &clean::line(caption));
    }
    let titles: Vec<(String, Align)> = content
        .columns
        .iter()
        .map(|c| (clean::line(&c.title).into_owned(), c.align))
        .collect();
    let rows: Vec<Vec<String>> = content
        .rows
        .iter()
        .map(|row| row.iter().map(|cell| spans(cell)).collect())
        .collect();
    grid(out, &titles, &rows);
}

/// Columns with two spaces between them; a line of more than 160 columns falls back to one
/// fact per line.
fn grid(out: &mut String, titles: &[(String, Align)], rows: &[Vec<String>]) {
    let cell = |row: &[String], i: usize| row.get(i).cloned().unwrap_or_default();
    let widths: Vec<usize> = titles
        .iter()
        .enumerate()
        .map(|(i, (title, _))| {
            rows.iter()
                .map(|row| row.get(i).map_or(0, |c| width(c)))
                .max()
                .unwrap_or(0)
                .max(width(title))
        })
        .collect();
    if widths.iter().sum::<usize>() + 2 * widths.len() > 160 {
        for row in rows {
            for (i, (title, _)) in titles.iter().enumerate() {
                wrap(out, &format!("{title}: "), "  ", &cell(row, i));
            }
            out.push('\n');
        }
        return;
    }
    let mut line = |cells: &dyn Fn(usize) -> String| {
        let mut text = String::new();
        for (i, ((_, align), wide)) in titles.iter().zip(&widths).enumerate() {
            if i > 0 {
                text.push_str("  ");
            }
            let words = cells(i);
            let gap = wide.saturating_sub(width(&words));
            let before = match align {
                Align::Start => 0,
                Align::Center => gap / 2,
                Align::End => gap,
            };
            put(
                &mut text,
                format_args!("{}{words}{}", " ".repeat(before), " ".repeat(gap - before)),
            );
        }
        put(out, format_args!("{}\n", text.trim_end()));
    };
    line(&|i| titles.get(i).map(|(t, _)| t.clone()).unwrap_or_default());
    line(&|i| "-".repeat(widths.get(i).copied().unwrap_or_default()));
    for row in rows {
        line(&|i| cell(row, i));
    }
}

/// Words, wrapped at spaces; a word that does not fit stands alone.
fn wrap(out: &mut String, first: &str, rest: &str, words: &str) {
    let mut line = first.to_owned();
    let mut bare = true;
    for word in words.split(' ').filter(|w| !w.is_empty()) {
        if !bare && width(&line) + 1 + width(word) > WIDTH {
            put(out, format_args!("{}\n", line.trim_end()));
            rest.clone_into(&mut line);
            bare = true;
        }
        if !bare {
            line.push(' ');
        }
        line.push_str(word);
        bare = false;
    }
    put(out, format_args!("{}\n", line.trim_end()));
}

/// Columns that text takes, one per character: near enough for alignment.
fn width(text: &str) -> usize {
    text.chars().count()
}

fn put(out: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    out.write_fmt(what).unwrap_or_default();
}
