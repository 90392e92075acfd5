//! What stands around the words: page, styles, numbering, the archive.

use std::io::{Cursor, Write as _};

use docx_rs::{
    AbstractNumbering, Docx, Level, LevelJc, LevelText, LineSpacing, NumberFormat, Numbering,
    PageMargin, RunFonts, SpecialIndentType, Start, Style, StyleType, XMLDocx,
};
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

use super::{SOFT, mono};
use crate::{clean, document::Document, html::escape};

/// Page, styles and numbering.
pub(super) fn start(doc: &Document) -> Docx {
    let at = doc
        .meta
        .generated
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string();
    let spaced = |before, after| LineSpacing::new().before(before).after(after);
    let heading = |n: usize, size, before| {
        Style::new(format!("Heading{n}"), StyleType::Paragraph)
            .name(format!("heading {n}"))
            .based_on("Normal")
            .next("Normal")
            .q_format(true)
            .outline_lvl(n - 1)
            .size(size)
            .bold()
            .line_spacing(spaced(before, 80))
    };
    let body = |id: &str, name: &str| {
        Style::new(id, StyleType::Paragraph)
            .name(name)
            .based_on("Normal")
    };
    let level = |format: &str, text: &str| {
        Level::new(
            0,
            Start::new(1),
            NumberFormat::new(format),
            LevelText::new(text),
            LevelJc::new("left"),
        )
        .indent(Some(425), Some(SpecialIndentType::Hanging(425)), None, None)
    };
    Docx::new()
        .created_at(&at)
        .updated_at(&at)
        .page_size(11906, 16838)
        .page_margin(PageMargin {
            top: 1417,
            left: 1134,
            bottom: 1417,
            right: 1134,
            header: 567,
            footer: 567,
            gutter: 0,
        })
        .default_fonts(
            RunFonts::new()
                .ascii("Georgia")
                .hi_ansi("Georgia")
                .cs("Georgia"),
        )
        .default_size(21)
        .add_style(
            Style::new("Normal", StyleType::Paragraph)
                .name("Normal")
                .line_spacing(spaced(0, 120)),
        )
        .add_style(
            body("Title", "Title")
                .size(40)
                .bold()
                .line_spacing(spaced(0, 60)),
        )
        .add_style(body("Subtitle", "Subtitle").size(26).color(SOFT))
        .add_style(heading(1, 30, 320))
        .add_style(heading(2, 26, 240))
        .add_style(heading(3, 22, 200))
        .add_style(body("ListParagraph", "List Paragraph").line_spacing(spaced(0, 60)))
        .add_style(body("Fact", "Fact").line_spacing(spaced(0, 30)))
        .add_style(body("Cell", "Cell").size(19).line_spacing(spaced(30, 30)))
        .add_style(
            body("Caption", "caption")
                .size(19)
                .color(SOFT)
                .line_spacing(spaced(120, 40)),
        )
        .add_style(
            body("Callout", "Callout")
                .indent(Some(425), None, None, None)
                .line_spacing(spaced(0, 60)),
        )
        .add_style(
            body("Quote", "Quote")
                .italic()
                .indent(Some(567), None, None, None),
        )
        .add_style(body("QuoteSource", "Quote Source").color(SOFT).indent(
            Some(567),
            None,
            None,
            None,
        ))
        .add_style(body("Code", "Code").size(17).fonts(mono()))
        .add_abstract_numbering(AbstractNumbering::new(1).add_level(level("bullet", "•")))
        .add_abstract_numbering(AbstractNumbering::new(2).add_level(level("decimal", "%1.")))
        .add_numbering(Numbering::new(1, 1))
}

/// What docx-rs cannot say: the title in the properties, the language, repeating table heads.
pub(super) fn pack(doc: &Document, xml: &XMLDocx) -> zip::result::ZipResult<Vec<u8>> {
    let at = doc.meta.generated.strftime("%Y-%m-%dT%H:%M:%SZ");
    let lang = &doc.meta.lang;
    let core = format!(
        concat!(
            r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>"#,
            r#"<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties""#,
            r#" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/""#,
            r#" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><dc:title>{}</dc:title>"#,
            r#"<dc:creator>Watchfloor</dc:creator><dc:language>{}</dc:language>"#,
            r#"<dcterms:created xsi:type="dcterms:W3CDTF">{at}</dcterms:created>"#,
            r#"<dcterms:modified xsi:type="dcterms:W3CDTF">{at}</dcterms:modified>"#,
            r#"<cp:revision>1</cp:revision></cp:coreProperties>"#
        ),
        escape(&clean::heading(&doc.title)),
        escape(&clean::line(lang)),
        at = at
    );
    let body = String::from_utf8_lossy(&xml.document)
        .replace("<w:cantSplit />", "<w:cantSplit /><w:tblHeader />");
    // docx-rs brings a style `Normal` of its own, before ours; an id may stand only once.
    let normal = r#"<w:style w:type="paragraph" w:styleId="Normal">"#;
    let mut styles = String::from_utf8_lossy(&xml.styles).into_owned();
    if let Some((before, after)) = styles.split_once(normal)
        && let Some((own, rest)) = after.split_once("</w:style>")
        && !own.contains("w:spacing")
    {
        styles = format!("{before}{rest}");
    }
    let styles = styles
        .replace(
            normal,
            r#"<w:style w:type="paragraph" w:default="1" w:styleId="Normal">"#,
        )
        .replace(
            "<w:rPrDefault><w:rPr>",
            &format!(
                "<w:rPrDefault><w:rPr><w:lang w:val=\"{}\" />",
                escape(&clean::line(lang))
            ),
        );

    // Entries carry the first time that the format knows: no clock is read.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default());
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut part = |name: &str, bytes: &[u8]| -> zip::result::ZipResult<()> {
        zip.start_file(name, options)?;
        zip.write_all(bytes)?;
        Ok(())
    };
    part("[Content_Types].xml", &xml.content_type)?;
    part("_rels/.rels", &xml.rels)?;
    part("docProps/app.xml", &xml.doc_props.app)?;
    part("docProps/core.xml", core.as_bytes())?;
    part("docProps/custom.xml", &xml.doc_props.custom)?;
    part("word/_rels/document.xml.rels", &xml.document_rels)?;
    part("word/document.xml", body.as_bytes())?;
    part("word/styles.xml", styles.as_bytes())?;
    part("word/settings.xml", &xml.settings)?;
    part("word/fontTable.xml", &xml.font_table)?;
    part("word/comments.xml", &xml.comments)?;
    part("word/commentsExtended.xml", &xml.comments_extended)?;
    part("word/numbering.xml", &xml.numberings)?;
    for (i, header) in xml.headers.iter().enumerate() {
        part(&format!("word/header{}.xml", i + 1), header)?;
    }
    for (i, rels) in xml.header_rels.iter().take(xml.headers.len()).enumerate() {
        part(&format!("word/_rels/header{}.xml.rels", i + 1), rels)?;
    }
    for (i, footer) in xml.footers.iter().enumerate() {
        part(&format!("word/footer{}.xml", i + 1), footer)?;
    }
    for (i, rels) in xml.footer_rels.iter().take(xml.footers.len()).enumerate() {
        part(&format!("word/_rels/footer{}.xml.rels", i + 1), rels)?;
    }
    Ok(zip.finish()?.into_inner())
}
