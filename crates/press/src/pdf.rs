//! PDF/A-2a and PDF/UA-1, typeset by typst.
//!
//! The look is a fixed template; the words go in as JSON values, so no text of a document can
//! become code. typst sees a world of two files and the embedded fonts: no disk, no network,
//! no packages, no clock.

use std::{fmt::Write as _, sync::LazyLock};

use jiff::tz::TimeZone;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use typst::{
    Library, LibraryExt, World,
    diag::{FileError, FileResult},
    foundations::{Bytes, Datetime, Duration, Smart},
    syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot},
    text::{Font, FontBook},
    utils::LazyHash,
};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards, Timestamp};

use crate::{
    CalloutKind, ChartData, PressError, clean,
    document::{
        Align, Block, Document, Heading, LEGAL_NOTICE, ListStyle, Span, Target, time, tlp_colour,
    },
    html, svg,
};

/// Renders a document as PDF/A-2a that is also PDF/UA-1.
///
/// Characters that no embedded font can draw are shown as `[U+4E2D]`.
pub fn pdf(doc: &Document) -> Result<Vec<u8>, PressError> {
    let world = Page::new(doc)?;
    let result = typeset(&world).and_then(|pages| export(doc, &pages));
    // Each document is new: what typst remembers of the last one only costs memory.
    typst::comemo::evict(0);
    result
}

fn typeset(world: &Page) -> Result<PagedDocument, PressError> {
    typst::compile::<PagedDocument>(world)
        .output
        .map_err(|errors| {
            PressError::Pdf(
                errors
                    .first()
                    .map(|e| e.message.to_string())
                    .unwrap_or_default(),
            )
        })
}

fn export(doc: &Document, pages: &PagedDocument) -> Result<Vec<u8>, PressError> {
    let standards = PdfStandards::new(&[PdfStandard::A_2a, PdfStandard::Ua_1])
        .map_err(|e| PressError::Pdf(e.message().to_string()))?;
    let at = doc
        .meta
        .generated
        .to_zoned_datetime(TimeZone::UTC)
        .datetime();
    let created = Datetime::from_ymd_hms(
        i32::from(at.year()),
        at.month().unsigned_abs(),
        at.day().unsigned_abs(),
        at.hour().unsigned_abs(),
        at.minute().unsigned_abs(),
        at.second().unsigned_abs(),
    )
    .filter(|_| at.year() >= 0)
    .ok_or_else(|| {
        PressError::Pdf(format!(
            "the time {} has no date in a PDF",
            doc.meta.generated
        ))
    })?;
    let options = PdfOptions {
        ident: Smart::Custom(digest(doc)),
        creator: Smart::Custom(Some("Watchfloor".to_owned())),
        timestamp: Some(Timestamp::new_utc(created)),
        page_ranges: None,
        standards,
        tagged: true,
        pretty: false,
    };
    typst_pdf::pdf(pages, &options).map_err(|errors| {
        PressError::Pdf(
            errors
                .first()
                .map(|e| e.message.to_string())
                .unwrap_or_default(),
        )
    })
}

/// SHA-256 of all that a document says, hex.
fn digest(doc: &Document) -> String {
    let mut out = String::with_capacity(64);
    for byte in Sha256::digest(html::html(doc)) {
        // Writing to a string cannot fail.
        write!(out, "{byte:02x}").unwrap_or_default();
    }
    out
}

static LIBRARY: LazyLock<LazyHash<Library>> = LazyLock::new(|| LazyHash::new(Library::default()));
static FONTS: LazyLock<Vec<Font>> = LazyLock::new(|| {
    embedded::FONTS
        .iter()
        .flat_map(|data| Font::iter(Bytes::new(*data)))
        .collect()
});
static BOOK: LazyLock<LazyHash<FontBook>> =
    LazyLock::new(|| LazyHash::new(FontBook::from_infos(FONTS.iter().map(|f| f.info().clone()))));

/// The fonts that `build.rs` chose, as `pub(super) const FONTS: &[&[u8]]`.
mod embedded {
    include!(concat!(env!("OUT_DIR"), "/fonts.rs"));
}

/// The whole world of one document.
struct Page {
    template: Source,
    data_id: FileId,
    data: Bytes,
}

impl Page {
    fn new(doc: &Document) -> Result<Self, PressError> {
        let id = |name: &str| {
            VirtualPath::new(name)
                .map(|path| FileId::new(RootedPath::new(VirtualRoot::Project, path)))
                .map_err(|e| PressError::Pdf(format!("{e:?}")))
        };
        Ok(Self {
            template: Source::new(id("main.typ")?, include_str!("template.typ").to_owned()),
            data_id: id("document.json")?,
            data: Bytes::from_string(data(doc).to_string()),
        })
    }
}

impl World for Page {
    fn library(&self) -> &LazyHash<Library> {
        &LIBRARY
    }
    fn book(&self) -> &LazyHash<FontBook> {
        &BOOK
    }
    fn main(&self) -> FileId {
        self.template.id()
    }
    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == self.template.id() {
            Ok(self.template.clone())
        } else {
            Err(FileError::AccessDenied)
        }
    }
    fn file(&self, id: FileId) -> FileResult<Bytes> {
        if id == self.data_id {
            Ok(self.data.clone())
        } else {
            Err(FileError::AccessDenied)
        }
    }
    fn font(&self, index: usize) -> Option<Font> {
        FONTS.get(index).cloned()
    }
    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        None
    }
}

/// A document as the template reads it.
fn data(doc: &Document) -> Value {
    let mut headings = doc.headings();
    let mut foot: Vec<String> = doc.meta.incident.iter().cloned().collect();
    foot.push(time(doc.meta.generated));
    json!({
        "title": line(&clean::heading(&doc.title), Breaks::Never),
        "subtitle": doc.subtitle.as_deref().map(shown),
        "lang": lang(&doc.meta.lang),
        "tlp": doc.meta.tlp.as_str(),
        "tlp_colour": tlp_colour(doc.meta.tlp),
        "watermark": doc.meta.watermark.as_deref().map(|word| {
            line(&word.chars().take(24).collect::<String>(), Breaks::Never)
        }),
        "meta": doc.meta_lines().into_iter().map(|(k, v)| json!([k, shown(&v)])).collect::<Vec<_>>(),
        "notice": doc.shows_deadline().then_some(LEGAL_NOTICE),
        "foot": shown(&foot.join(" · ")),
        "blocks": doc.blocks.iter().map(|b| block(doc, b, &mut headings)).collect::<Vec<_>>(),
        "evidence": doc.evidence.iter().enumerate().map(|(i, note)| {
            let mut body = spans(doc, &note.what);
            if let Some(hash) = &note.sha256 {
                body.push(json!({"k": "text", "s": " SHA-256 "}));
                body.push(json!({"k": "code", "s": shown(hash)}));
            }
            json!({"id": format!("e-{}", i + 1), "shown": shown(&note.id), "body": body})
        }).collect::<Vec<_>>(),
    })
}

fn block(doc: &Document, block: &Block, headings: &mut impl Iterator<Item = Heading>) -> Value {
    let words = |body: &[Span]| spans(doc, body);
    match block {
        Block::Heading { text, .. } => {
            let Heading { depth, id } = headings.next().unwrap_or_default();
            json!({"k": "heading", "depth": depth, "id": id, "s": shown(&clean::heading(text))})
        }
        Block::Paragraph(body) => json!({"k": "paragraph", "body": words(body)}),
        Block::List { style, items } => json!({
            "k": match style { ListStyle::Bullet => "bullets", ListStyle::Numbered => "numbers" },
            "items": items.iter().map(|item| words(item)).collect::<Vec<_>>(),
        }),
        // Nothing in nothing.
        Block::Table(table) if table.columns.is_empty() => json!({"k": "paragraph", "body": []}),
        Block::Table(table) => json!({
            "k": "table",
            "caption": table.caption.as_deref().map(shown),
            "columns": table.columns.iter().map(|c| json!({
                "title": shown(&c.title),
                "align": match c.align { Align::Start => "start", Align::Center => "center", Align::End => "end" },
            })).collect::<Vec<_>>(),
            "rows": table.rows.iter().map(|row| {
                (0..table.columns.len())
                    .map(|i| words(row.get(i).map_or(&[], Vec::as_slice)))
                    .collect::<Vec<_>>()
            }).collect::<Vec<_>>(),
        }),
        Block::KeyValues(pairs) => json!({
            "k": "facts",
            "rows": pairs.iter().map(|(k, v)| json!([shown(k), words(v)])).collect::<Vec<_>>(),
        }),
        Block::Callout { kind, body } => json!({
            "k": "callout",
            "word": kind.word(),
            "alarm": match kind {
                CalloutKind::Warning | CalloutKind::Action => true,
                CalloutKind::Note | CalloutKind::Open => false,
            },
            "body": body.iter().map(|p| words(p)).collect::<Vec<_>>(),
        }),
        Block::Quote { text, source } => json!({
            "k": "quote", "body": words(text), "source": source.as_deref().map(words),
        }),
        Block::Code { language, text } => json!({
            "k": "code",
            "language": language.as_deref().map(shown),
            "lines": clean::lines(text).split('\n').map(shown).collect::<Vec<_>>(),
        }),
        Block::Chart(chart) => {
            let (columns, rows) = chart.rows();
            let plain = |text: &str| line(text, Breaks::Never);
            json!({
                "k": "chart",
                "title": plain(&chart.title),
                "description": plain(&chart.description),
                "width": match chart.data {
                    ChartData::Sparkline(_) => 0.25,
                    ChartData::Histogram(_) | ChartData::Bars(_) | ChartData::Timeline(_) => 1.0,
                },
                // Coverage works on text, and the drawing is text; its markup is ASCII.
                "svg": plain(&svg::draw(chart)),
                "columns": columns.iter().map(|c| shown(c)).collect::<Vec<_>>(),
                "rows": rows.iter().map(|r| r.iter().map(|c| shown(c)).collect::<Vec<_>>()).collect::<Vec<_>>(),
            })
        }
        Block::Deadline(clock) => {
            let mut rows = Vec::new();
            for (name, at) in [("Safe date", clock.safe), ("Outer date", clock.outer)] {
                if let Some(at) = at {
                    rows.push(json!([name, time(at)]));
                }
            }
            rows.push(json!(["State", shown(&clock.state)]));
            json!({"k": "deadline", "what": shown(&clock.what), "rows": rows, "why": words(&clock.why)})
        }
        Block::Approval(approval) => json!({
            "k": "approval",
            "sha256": approval.sha256.as_deref().map(shown),
            "columns": ["Role", "Name", "Decision", "Time"],
            "rows": approval.rows().map(|r| r.iter().map(|c| shown(c)).collect::<Vec<_>>()).collect::<Vec<_>>(),
        }),
        Block::PageBreak => json!({"k": "break"}),
    }
}

fn spans(doc: &Document, body: &[Span]) -> Vec<Value> {
    body.iter()
        .map(|span| match span {
            Span::Text(words) => json!({"k": "text", "s": shown(words)}),
            Span::Strong(words) => json!({"k": "strong", "s": shown(words)}),
            Span::Emphasis(words) => json!({"k": "emphasis", "s": shown(words)}),
            Span::Code(words) => json!({"k": "code", "s": shown(words)}),
            Span::Link { text, target } => match target {
                Target::Anchor(name) => match doc.anchor(name) {
                    Some(id) => json!({"k": "anchor", "s": shown(text), "to": id}),
                    None => json!({"k": "text", "s": shown(text)}),
                },
                Target::Url(url) => match clean::link(url) {
                    Some(url) => json!({"k": "url", "s": shown(text), "to": url}),
                    None => json!({"k": "text", "s": shown(&format!("{text} ({url})"))}),
                },
            },
            Span::Evidence(id) => {
                let words = shown(&format!("[{id}]"));
                match doc.evidence.iter().position(|note| note.id == *id) {
                    Some(i) => json!({"k": "anchor", "s": words, "to": format!("e-{}", i + 1)}),
                    None => json!({"k": "text", "s": words}),
                }
            }
            Span::Due(at) => json!({"k": "text", "s": time(*at)}),
            Span::Missing(what) => {
                json!({"k": "missing", "s": shown(&format!("[not yet known: {what}]"))})
            }
        })
        .collect()
}

/// Whether long tokens get places to break.
#[derive(Clone, Copy)]
enum Breaks {
    Never,
    Long,
}

fn shown(text: &str) -> String {
    line(text, Breaks::Long)
}

/// Untrusted text in characters that the fonts can draw. With [`Breaks::Long`], U+200B stands
/// wherever a token without a natural break has run for 12 characters; text itself cannot hold
/// that character, because [`clean::line`] spells it out.
fn line(text: &str, breaks: Breaks) -> String {
    let text = clean::line(text);
    let text = clean::replace(&text, |c| (!drawable(c)).then_some(clean::Shown::Code));
    let mut out = String::with_capacity(text.len());
    let mut run = 0;
    for c in text.chars() {
        if c == ' ' || c == '-' {
            run = 0;
        } else {
            run += 1;
        }
        out.push(c);
        if matches!(breaks, Breaks::Long) && run == 12 {
            out.push('\u{200b}');
            run = 0;
        }
    }
    out
}

fn drawable(c: char) -> bool {
    (' '..='~').contains(&c)
        || FONTS
            .iter()
            .any(|font| font.info().coverage.contains(u32::from(c)))
}

/// The primary language, two or three letters: all that typst takes.
fn lang(tag: &str) -> &str {
    let primary = tag.split('-').next().unwrap_or_default();
    let ok = matches!(primary.len(), 2 | 3) && primary.bytes().all(|b| b.is_ascii_lowercase());
    if ok { primary } else { "en" }
}

#[cfg(test)]
mod tests {
    use typst::layout::{Frame, FrameItem};

    use super::*;
    use crate::{Level, Meta};

    fn words_of(frame: &Frame, out: &mut String) {
        for (_, item) in frame.items() {
            match item {
                FrameItem::Group(group) => words_of(&group.frame, out),
                FrameItem::Text(text) => out.push_str(&text.text),
                FrameItem::Shape(..)
                | FrameItem::Image(..)
                | FrameItem::Link(..)
                | FrameItem::Tag(_) => {}
            }
        }
    }

    /// All words on each page, as they were set.
    fn set(blocks: Vec<Block>) -> Vec<String> {
        let doc = Document {
            title: "Title".to_owned(),
            subtitle: None,
            meta: Meta {
                audience: None,
                tlp: watchfloor_types::Tlp::Red,
                incident: None,
                journal: None,
                generated: "2026-11-20T16:05:00Z".parse().unwrap(),
                watermark: Some("EXERCISE".to_owned()),
                lang: "en".to_owned(),
            },
            blocks,
            evidence: Vec::new(),
        };
        typeset(&Page::new(&doc).unwrap())
            .unwrap()
            .pages()
            .iter()
            .map(|page| {
                let mut out = String::new();
                words_of(&page.frame, &mut out);
                out
            })
            .collect()
    }

    #[test]
    fn words_are_set_as_words() {
        for (words, shown) in [
            (
                "#let x = 1; $sum$ *b* _i_ <a> @b [c] // d",
                "#let x = 1; $sum$ *b* _i_ <a> @b [c] // d",
            ),
            ("= Heading", "= Heading"),
            (
                "https://example.org/#read(\"x\")",
                "https://example.org/#read(\"x\")",
            ),
            ("Кириллица Ελληνικά", "Кириллица Ελληνικά"),
            ("漢", "[U+6F22]"),
            ("a\u{202e}b", "a[U+202E]b"),
        ] {
            for span in [Span::text(words), Span::Code(words.to_owned())] {
                let pages = set(vec![Block::Paragraph(vec![span])]);
                assert!(pages[0].contains(shown), "{words:?}: {pages:?}");
            }
        }
    }

    #[test]
    fn every_page_carries_label_and_mark() {
        let pages = set(vec![
            Block::Heading {
                level: Level::Section,
                text: "One".to_owned(),
                anchor: None,
            },
            Block::PageBreak,
            Block::Paragraph(vec![Span::text("word ".repeat(3_000))]),
        ]);
        assert!(pages.len() >= 3, "{}", pages.len());
        for page in &pages {
            assert!(page.matches("TLP:RED").count() >= 2, "{page}");
            assert!(page.matches("EXERCISE").count() >= 3, "{page}");
        }
    }

    #[test]
    fn long_tokens_break_and_copy_whole() {
        let token = "a1b2c3d4".repeat(60);
        let pages = set(vec![Block::Paragraph(vec![Span::Code(token.clone())])]);
        assert!(pages[0].contains(&token), "{pages:?}");
    }
}
