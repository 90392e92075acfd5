//! Documents from live state. Each builder reads the state and returns a [`watchfloor_press::Document`].

pub(crate) mod after_action;
pub(crate) mod dossier;
pub(crate) mod packet;

use serde::Deserialize;
use watchfloor_press::{Align, Block, Column, Document, Level, Meta, PressError, Span, Table};
use watchfloor_types::{Timestamp, Tlp};

/// File formats of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Form {
    /// One self-contained page.
    Html,
    /// Office Open XML.
    Docx,
    /// PDF/A.
    Pdf,
    /// Plain text.
    Text,
}

impl Form {
    /// All of them.
    pub(crate) const ALL: &[Self] = &[Self::Html, Self::Docx, Self::Pdf, Self::Text];
    /// File name extension.
    pub(crate) const fn extension(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Docx => "docx",
            Self::Pdf => "pdf",
            Self::Text => "txt",
        }
    }
    /// Media type.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Docx => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            Self::Pdf => "application/pdf",
            Self::Text => "text/plain; charset=utf-8",
        }
    }
}

/// A document in one format.
pub(crate) fn render(document: &Document, form: Form) -> Result<Vec<u8>, PressError> {
    match form {
        Form::Html => Ok(watchfloor_press::html(document).into_bytes()),
        Form::Docx => watchfloor_press::docx(document),
        Form::Pdf => watchfloor_press::pdf(document),
        Form::Text => Ok(watchfloor_press::text(document).into_bytes()),
    }
}

/// What stands around a document of ours.
fn meta(
    audience: Option<&str>,
    incident: Option<&str>,
    journal: u64,
    now: Timestamp,
    tlp: Tlp,
    exercise: bool,
) -> Meta {
    Meta {
        audience: audience.map(str::to_owned),
        tlp,
        incident: incident.map(str::to_owned),
        journal: Some(journal),
        generated: now,
        watermark: exercise.then(|| "EXERCISE".to_owned()),
        lang: "en".to_owned(),
    }
}

fn heading(text: &str) -> Block {
    Block::Heading {
        level: Level::Section,
        text: text.to_owned(),
        anchor: None,
    }
}

fn sub(text: &str) -> Block {
    Block::Heading {
        level: Level::Subsection,
        text: text.to_owned(),
        anchor: None,
    }
}

fn paragraph(text: impl Into<String>) -> Block {
    Block::Paragraph(vec![Span::text(text)])
}

/// A table of plain cells. Columns whose title starts with `#` hold numbers.
fn table(caption: &str, columns: &[&str], rows: Vec<Vec<String>>) -> Block {
    Block::Table(Table {
        caption: Some(caption.to_owned()),
        columns: columns
            .iter()
            .map(|c| match c.strip_prefix('#') {
                Some(title) => Column {
                    title: title.to_owned(),
                    align: Align::End,
                },
                None => Column {
                    title: (*c).to_owned(),
                    align: Align::Start,
                },
            })
            .collect(),
        rows: rows
            .into_iter()
            .map(|row| row.into_iter().map(|cell| vec![Span::text(cell)]).collect())
            .collect(),
    })
}
