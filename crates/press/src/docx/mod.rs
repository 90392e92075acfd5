//! DOCX (ISO/IEC 29500, `WordprocessingML`) for those who must edit: the press office, counsel.
//!
//! Charts become their tables of numbers: a picture cannot be edited.

mod frame;

use docx_rs::{
    AlignmentType, BorderType, BreakType, Docx, Footer, Header, Hyperlink, HyperlinkData,
    HyperlinkType, IndentLevel, LevelOverride, NumPages, Numbering, NumberingId, PageNum,
    Paragraph, Run, RunFonts, Shading, ShdType, Table, TableBorder, TableBorderPosition,
    TableBorders, TableCell, TableRow, WidthType,
};

use crate::{
    PressError, clean,
    document::{
        Align, Block, Deadline, Document, Heading, LEGAL_NOTICE, ListStyle, Span, Target, time,
        tlp_colour,
    },
};

/// Width of the text on an A4 page with the margins below, in twentieths of a point.
const TEXT_WIDTH: usize = 9638;
const SOFT: &str = "4A5563";

/// Renders a document as DOCX.
pub fn docx(doc: &Document) -> Result<Vec<u8>, PressError> {
    let mut page = Page {
        doc,
        docx: frame::start(doc),
        paragraphs: 0,
        bookmarks: 0,
        links: 0,
        lists: 0,
    };
    page.front();
    let mut headings = doc.headings();
    for block in &doc.blocks {
        page.block(block, &mut headings);
    }
    page.evidence();
    frame::pack(doc, &page.docx.build()).map_err(|e| PressError::Docx(e.to_string()))
}

/// A document being written. docx-rs numbers paragraphs and links from counters of the
/// process; these count from one for every document.
struct Page<'a> {
    doc: &'a Document,
    docx: Docx,
    paragraphs: u32,
    bookmarks: usize,
    links: usize,
    lists: usize,
}

impl Page<'_> {
    fn paragraph(&mut self) -> Paragraph {
        self.paragraphs += 1;
        Paragraph::new().id(format!("{:08x}", self.paragraphs))
    }

    fn add(&mut self, paragraph: Paragraph) {
        let docx = std::mem::take(&mut self.docx);
        self.docx = docx.add_paragraph(paragraph);
    }

    fn front(&mut self) {
        let label = edge(self.doc).align(AlignmentType::Right);
        let label = label.id(self.next_id());
        let foot = edge(self.doc)
            .add_run(Run::new().add_text("   page "))
            .add_page_num(PageNum::new())
            .add_run(Run::new().add_text(" of "))
            .add_num_pages(NumPages::new())
            .align(AlignmentType::Right)
            .id(self.next_id());
        let docx = std::mem::take(&mut self.docx);
        self.docx = docx
            .header(Header::new().add_paragraph(label))
            .footer(Footer::new().add_paragraph(foot));

        let title = self
            .paragraph()
            .style("Title")
            .add_run(plain(&clean::heading(&self.doc.title)));
        self.add(title);
        if let Some(subtitle) = &self.doc.subtitle {
            let subtitle = self.paragraph().style("Subtitle").add_run(plain(subtitle));
            self.add(subtitle);
        }
        for (name, value) in self.doc.meta_lines() {
            let line = self
                .paragraph()
                .style("Fact")
                .add_run(plain(&format!("{name}: ")).color(SOFT))
                .add_run(plain(&value));
            self.add(line);
        }
        if self.doc.shows_deadline() {
            let notice = self.paragraph().add_run(plain(LEGAL_NOTICE).italic());
            self.add(notice);
        }
    }

    fn next_id(&mut self) -> String {
        self.paragraphs += 1;
        format!("{:08x}", self.paragraphs)
    }

    fn block(&mut self, block: &Block, headings: &mut impl Iterator<Item = Heading>) {
        match block {
            Block::Heading { text, .. } => {
                let Heading { depth, id } = headings.next().unwrap_or_default();
                self.heading(
                    &format!("Heading{depth}"),
                    &clean::heading(text),
                    id.as_deref(),
                );
            }
            Block::Paragraph(body) => self.styled("Normal", body),
            Block::List { style, items } => {
                let numbering = match style {
                    ListStyle::Bullet => 1,
                    ListStyle::Numbered => {
                        self.lists += 1;
                        let id = 100 + self.lists;
                        let docx = std::mem::take(&mut self.docx);
                        self.docx = docx.add_numbering(
                            Numbering::new(id, 2).add_override(LevelOverride::new(0).start(1)),
                        );
                        id
                    }
                };
                for item in items {
                    let line = self
                        .paragraph()
                        .style("ListParagraph")
                        .numbering(NumberingId::new(numbering), IndentLevel::new(0));
                    let line = self.spans(line, item);
                    self.add(line);
                }
            }
            Block::Table(table) => {
                if let Some(caption) = &table.caption {
                    self.caption(caption);
                }
                let titles: Vec<(String, Align)> = table
                    .columns
                    .iter()
                    .map(|c| (c.title.clone(), c.align))
                    .collect();
                self.table(&titles, &table.rows);
            }
            Block::KeyValues(pairs) => {
                for (name, value) in pairs {
                    let line = self
                        .paragraph()
                        .style("Fact")
                        .add_run(plain(&format!("{name}: ")).color(SOFT));
                    let line = self.spans(line, value);
                    self.add(line);
                }
            }
            Block::Callout { kind, body } => {
                let head = self
                    .paragraph()
                    .style("Callout")
                    .keep_next(true)
                    .add_run(plain(kind.word()).bold());
                self.add(head);
                for paragraph in body {
                    self.styled("Callout", paragraph);
                }
            }
            Block::Quote { text, source } => {
                self.styled("Quote", text);
                if let Some(source) = source {
                    self.styled("QuoteSource", source);
                }
            }
            Block::Code { language, text } => {
                if let Some(language) = language {
                    self.caption(language);
                }
                let mut run = Run::new();
                for (i, line) in clean::lines(text).split('\n').enumerate() {
                    if i > 0 {
                        run = run.add_break(BreakType::TextWrapping);
                    }
                    run = run.add_text(line);
                }
                let code = self.paragraph().style("Code").add_run(run);
                self.add(code);
            }
            Block::Chart(chart) => {
                self.caption(&chart.title);
                self.styled("Normal", &[Span::Text(chart.description.clone())]);
                let (titles, rows) = chart.rows();
                let titles: Vec<_> = titles.into_iter().map(|t| (t, Align::Start)).collect();
                self.table(&titles, &cells(rows));
            }
            Block::Deadline(clock) => self.deadline(clock),
            Block::Approval(approval) => {
                self.caption("Approval");
                let titles =
                    ["Role", "Name", "Decision", "Time"].map(|t| (t.to_owned(), Align::Start));
                let rows = approval.rows().map(|row| row.to_vec()).collect();
                self.table(&titles, &cells(rows));
                if let Some(hash) = &approval.sha256 {
                    self.styled(
                        "Normal",
                        &[
                            Span::text("Text approved: SHA-256 "),
                            Span::Code(hash.clone()),
                        ],
                    );
                }
            }
            Block::PageBreak => {
                let page = self
                    .paragraph()
                    .add_run(Run::new().add_break(BreakType::Page));
                self.add(page);
            }
        }
    }

    fn heading(&mut self, style: &str, text: &str, id: Option<&str>) {
        let mut line = self.paragraph().style(style).keep_next(true);
        line = match id {
            Some(id) => {
                self.bookmarks += 1;
                line.add_bookmark_start(self.bookmarks, bookmark(id))
                    .add_run(plain(text))
                    .add_bookmark_end(self.bookmarks)
            }
            None => line.add_run(plain(text)),
        };
        self.add(line);
    }

    fn styled(&mut self, style: &str, body: &[Span]) {
        let line = self.paragraph().style(style);
        let line = self.spans(line, body);
        self.add(line);
    }

    fn caption(&mut self, words: &str) {
        let line = self
            .paragraph()
            .style("Caption")
            .keep_next(true)
            .add_run(plain(words));
        self.add(line);
    }

    fn deadline(&mut self, clock: &Deadline) {
        let head = self
            .paragraph()
            .style("Callout")
            .keep_next(true)
            .add_run(plain(&clock.what).bold());
        self.add(head);
        for (name, at) in [("Safe date: ", clock.safe), ("Outer date: ", clock.outer)] {
            if let Some(at) = at {
                let line = self
                    .paragraph()
                    .style("Callout")
                    .add_run(plain(name))
                    .add_run(plain(&time(at)).bold());
                self.add(line);
            }
        }
        self.styled("Callout", &[Span::Text(format!("State: {}", clock.state))]);
        self.styled("Callout", &clock.why);
    }

    fn table(&mut self, titles: &[(String, Align)], rows: &[Vec<Vec<Span>>]) {
        // A table must have a column (ISO/IEC 29500-1, 17.4.37).
        if titles.is_empty() {
            return;
        }
        let wide = TEXT_WIDTH / titles.len().max(1);
        let cell = |paragraph| {
            TableCell::new()
                .width(wide, WidthType::Dxa)
                .add_paragraph(paragraph)
        };
        let mut lines = Vec::with_capacity(rows.len() + 1);
        let head = titles
            .iter()
            .map(|(title, align)| {
                let head = self
                    .paragraph()
                    .style("Cell")
                    .align(alignment(*align))
                    .add_run(plain(title).bold());
                cell(head).shading(Shading::new().shd_type(ShdType::Clear).fill("E9EDF1"))
            })
            .collect();
        // Only head rows are kept whole: `pack` finds them by that and makes them repeat.
        lines.push(TableRow::new(head).cant_split());
        for row in rows {
            let line = titles
                .iter()
                .enumerate()
                .map(|(i, (_, align))| {
                    let paragraph = self.paragraph().style("Cell").align(alignment(*align));
                    let body = row.get(i).map_or(&[][..], Vec::as_slice);
                    cell(self.spans(paragraph, body))
                })
                .collect();
            lines.push(TableRow::new(line));
        }
        let docx = std::mem::take(&mut self.docx);
        self.docx = docx.add_table(
            Table::new(lines)
                .set_grid(vec![wide; titles.len()])
                .width(wide * titles.len(), WidthType::Dxa)
                .set_borders(borders()),
        );
        let gap = self.paragraph().style("Fact");
        self.add(gap);
    }

    fn spans(&mut self, mut line: Paragraph, body: &[Span]) -> Paragraph {
        for span in body {
            line = match span {
                Span::Text(words) => line.add_run(plain(words)),
                Span::Strong(words) => line.add_run(plain(words).bold()),
                Span::Emphasis(words) => line.add_run(plain(words).italic()),
                Span::Code(words) => line.add_run(plain(words).fonts(mono()).size(18)),
                Span::Link { text, target } => match target {
                    Target::Anchor(name) => match self.doc.anchor(name) {
                        Some(id) => line.add_hyperlink(self.link(
                            text,
                            HyperlinkType::Anchor,
                            &bookmark(&id),
                        )),
                        None => line.add_run(plain(text)),
                    },
                    Target::Url(url) => match clean::link(url) {
                        Some(url) => {
                            line.add_hyperlink(self.link(text, HyperlinkType::External, url))
                        }
                        None => line.add_run(plain(&format!("{text} ({url})"))),
                    },
                },
                Span::Evidence(id) => {
                    let shown = format!("[{id}]");
                    match self.doc.evidence.iter().position(|note| note.id == *id) {
                        Some(i) => line.add_hyperlink(self.link(
                            &shown,
                            HyperlinkType::Anchor,
                            &format!("e_{}", i + 1),
                        )),
                        None => line.add_run(plain(&shown)),
                    }
                }
                Span::Due(at) => line.add_run(plain(&time(*at))),
                Span::Missing(what) => line.add_run(
                    plain(&format!("[not yet known: {what}]"))
                        .bold()
                        .color("8A3C00"),
                ),
            };
        }
        line
    }

    fn link(&mut self, words: &str, kind: HyperlinkType, target: &str) -> Hyperlink {
        let mut link =
            Hyperlink::new(target, kind).add_run(plain(words).color("0B5394").underline("single"));
        if let HyperlinkData::External { rid, .. } = &mut link.link {
            self.links += 1;
            *rid = format!("rIdLink{}", self.links);
        }
        link
    }

    fn evidence(&mut self) {
        let doc = self.doc;
        if doc.evidence.is_empty() {
            return;
        }
        self.heading("Heading1", "Evidence", None);
        for (i, note) in doc.evidence.iter().enumerate() {
            self.bookmarks += 1;
            let line = self
                .paragraph()
                .style("Fact")
                .add_bookmark_start(self.bookmarks, format!("e_{}", i + 1))
                .add_run(plain(&format!("[{}] ", note.id)).bold())
                .add_bookmark_end(self.bookmarks);
            let mut line = self.spans(line, &note.what);
            if let Some(hash) = &note.sha256 {
                line = line
                    .add_run(plain(" SHA-256 "))
                    .add_run(plain(hash).fonts(mono()).size(18));
            }
            self.add(line);
        }
    }
}

/// Label and watermark in one line, for the head and foot of each page.
fn edge(doc: &Document) -> Paragraph {
    let mut line = Paragraph::new();
    if let Some(word) = &doc.meta.watermark {
        line = line
            .add_run(plain(word).bold().size(36).color("B3261E"))
            .add_run(Run::new().add_text("   "));
    }
    line.add_run(
        Run::new()
            .add_text(format!(" {} ", doc.meta.tlp))
            .bold()
            .size(24)
            .color(tlp_colour(doc.meta.tlp))
            .shading(Shading::new().shd_type(ShdType::Clear).fill("000000")),
    )
}

fn plain(words: &str) -> Run {
    Run::new().add_text(clean::line(words))
}

fn mono() -> RunFonts {
    RunFonts::new()
        .ascii("DejaVu Sans Mono")
        .hi_ansi("DejaVu Sans Mono")
        .cs("DejaVu Sans Mono")
}

fn cells(rows: Vec<Vec<String>>) -> Vec<Vec<Vec<Span>>> {
    rows.into_iter()
        .map(|row| row.into_iter().map(|cell| vec![Span::Text(cell)]).collect())
        .collect()
}

/// A bookmark name: at most 40 letters, digits and underscores (ISO/IEC 29500-1, 17.13.6.2).
fn bookmark(id: &str) -> String {
    id.chars()
        .map(|c| if c == '-' { '_' } else { c })
        .take(40)
        .collect()
}

const fn alignment(align: Align) -> AlignmentType {
    match align {
        Align::Start => AlignmentType::Left,
        Align::Center => AlignmentType::Center,
        Align::End => AlignmentType::Right,
    }
}

fn borders() -> TableBorders {
    let line = |position| {
        TableBorder::new(position)
            .border_type(BorderType::Single)
            .size(4)
            .color("C9CED6")
    };
    TableBorders::with_empty()
        .set(line(TableBorderPosition::Top))
        .set(line(TableBorderPosition::Bottom))
        .set(line(TableBorderPosition::InsideH))
}
