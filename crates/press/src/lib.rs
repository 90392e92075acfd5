//! Documents: one typed model, written as HTML, DOCX, PDF/A or plain text.
//!
//! ```text
//! Document ─► html   one page, no script, strict content security policy
//!          ─► docx   editable
//!          ─► pdf    PDF/A-2a and PDF/UA-1
//!          ─► text   80 columns
//! ```
//!
//! The same [`Document`] always gives the same bytes: no clock, no randomness, no counter of
//! the process is read. Every string in a document is untrusted; [`svg`] draws the charts for
//! documents and for the console.

mod chart;
mod clean;
mod document;
mod docx;
mod html;
mod pdf;
pub mod svg;
mod text;

pub use chart::{Bar, Bucket, Chart, ChartData, Moment, Tone};
pub use document::{
    Align, Approval, ApprovalLine, Block, CalloutKind, Column, Deadline, Document, EvidenceNote,
    LEGAL_NOTICE, Level, ListStyle, Meta, Span, Table, Target, time,
};
pub use docx::docx;
pub use html::{html, policy};
pub use pdf::pdf;
pub use text::text;

/// A document that could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PressError {
    /// The archive could not be built.
    #[error("cannot write the document as DOCX: {0}")]
    Docx(String),
    /// The typesetter refused.
    #[error("cannot write the document as PDF: {0}")]
    Pdf(String),
}
