//! Good practice (`rule lint`): what the specification allows and experience advises against.
//!
//! Every remark has a code, a place and a way out; where the way out changes nothing but the text, also a fix.

mod about;
mod allow;
mod condition;
mod correlation;
mod fix;
mod item;
mod regex;
mod tags;
mod values;

pub use allow::{Allowances, allowances};
pub use fix::{Edit, Fix, mended};

pub(crate) use values::escaped;

use watchfloor_types::{Diagnostic, Level};

use crate::{
    diagnostics::Report,
    layout::Source,
    yaml::{self, Node, Span},
};

/// Whose rules these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Anybody's, SigmaHQ's for example.
    Shared,
    /// The organisation's own: they also need an owner, samples and stated false positives.
    Own,
}

/// Something that could be better.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Code, level, place, message, way out.
    pub diagnostic: Diagnostic,
    /// A change of the text that removes it and keeps what the rule matches.
    pub fix: Option<Fix>,
}

/// What good practice says about a rule file. A file that is not YAML gives none: [`crate::parse_rules`] says why.
#[must_use]
pub fn remarks(path: &str, text: &str, scope: Scope) -> Vec<Remark> {
    let mut quiet = Report::new(path);
    let documents = yaml::read(text, &mut quiet);
    let mut lint = Lint {
        report: Report::new(path),
        source: Source::new(text),
        fixes: Vec::new(),
        scope,
    };
    about::file_name(path, &mut lint);
    for document in &documents {
        if document.root.map().is_some() {
            one(&document.root, &mut lint);
        }
    }
    let Lint { report, fixes, .. } = lint;
    let mut out: Vec<Remark> = report
        .into_diagnostics()
        .into_iter()
        .zip(fixes)
        .map(|(diagnostic, fix)| Remark { diagnostic, fix })
        .collect();
    out.sort_by_key(|r| {
        let place = r.diagnostic.place.as_ref();
        place.map(|p| (p.line, p.column))
    });
    out
}

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Detection,
    Correlation,
    Filter,
}

fn one(root: &Node, lint: &mut Lint<'_>) {
    let kind = if root.get("correlation").is_some() {
        Kind::Correlation
    } else if root.get("filter").is_some() {
        Kind::Filter
    } else if root.get("detection").is_some() {
        Kind::Detection
    } else {
        return;
    };
    about::check(root, kind, lint);
    tags::check(root, lint);
    match kind {
        Kind::Correlation => correlation::check(root, lint),
        Kind::Filter => {}
        Kind::Detection => {
            item::check(root, lint);
            condition::check(root, lint);
        }
    }
}

/// Collects the remarks of one file.
struct Lint<'a> {
    report: Report,
    source: Source<'a>,
    /// One of each remark.
    fixes: Vec<Option<Fix>>,
    scope: Scope,
}

impl Lint<'_> {
    fn note(&mut self, code: &str, at: Span, message: impl Into<String>, help: &str) {
        self.say(Level::Note, code, at, message.into(), help, None);
    }
    fn warning(&mut self, code: &str, at: Span, message: impl Into<String>, help: &str) {
        self.say(Level::Warning, code, at, message.into(), help, None);
    }
    fn say(
        &mut self,
        level: Level,
        code: &str,
        at: Span,
        message: String,
        help: &str,
        fix: Option<Fix>,
    ) {
        let before = self.report.len();
        match level {
            Level::Note => self.report.note(code, at, message, help),
            Level::Warning => self.report.warning(code, at, message, help),
            Level::Error => self.report.error(code, at, message, help),
        }
        // A file with very many remarks has its last ones left out.
        if self.report.len() > before {
            self.fixes.push(fix);
        }
    }
    /// The bytes of a span on one line.
    fn bytes(&self, span: Span) -> (usize, usize) {
        let line = span.line.max(1) as usize;
        let column = span.column.saturating_sub(1) as usize;
        (
            self.source.byte(line, column),
            self.source.byte(line, column + span.length as usize),
        )
    }
}
