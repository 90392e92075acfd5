//! Documents: HTML, DOCX, PDF, text.
