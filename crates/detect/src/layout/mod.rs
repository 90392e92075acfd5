//! The canonical layout of rule files (`rule fmt`).
//!
//! Keys in the order of the Sigma specification, four spaces a level, lists under their key, quotes where they are
//! needed. Comments stay with what they stand before. What the layout cannot write down again safely is refused, and
//! what it wrote is read again and compared before anybody sees it.

mod attach;
mod order;
mod print;
mod scalar;
mod tree;

pub(crate) use scalar::{is_plain, quoted};
pub(crate) use tree::Source;

use watchfloor_types::{Diagnostic, Level};

use crate::{
    diagnostics::{Report, code},
    yaml::{self, Kind, Node, Span, Typed},
};

/// The canonical layout of a rule file.
///
/// # Errors
/// What is wrong with the file where it is not YAML (R001 to R004), or why it is left alone (R080).
pub fn layout(path: &str, text: &str) -> Result<String, Vec<Diagnostic>> {
    let refuse = |line: usize, message: &str| {
        let mut report = Report::new(path);
        report.warning(
            code::LAYOUT_REFUSED,
            Span {
                line: line as u32 + 1,
                column: 1,
                length: 1,
            },
            format!("the layout of this file is left alone: {message}"),
            "write this place in a plainer way, or lay the file out by hand",
        );
        report.into_diagnostics()
    };
    let before = documents(path, text)?;
    let clean = text
        .strip_prefix('\u{feff}')
        .unwrap_or(text)
        .replace("\r\n", "\n");
    if clean.contains('\r') {
        return Err(refuse(0, "it has carriage returns inside lines"));
    }
    let source = tree::Source::new(&clean);
    let Some(written) = tree::read(&source) else {
        return Err(refuse(0, "its bytes cannot be placed"));
    };
    let comments = tree::comments(&source, &written);
    let attached = attach::documents(&source, &written, &comments)
        .map_err(|(line, message)| refuse(line, message))?;
    let out = print::file(&source, attached);
    // The proof, every time: the same documents, and every comment.
    let after = documents(path, &out).map_err(|_| refuse(0, "it would not be YAML any more"))?;
    let same = before.len() == after.len() && before.iter().zip(&after).all(|(a, b)| equal(a, b));
    if !same {
        return Err(refuse(0, "its meaning would change"));
    }
    let said = |text: &str, comments: &[tree::Comment]| {
        let mut all: Vec<String> = comments
            .iter()
            .map(|c| {
                text.get(c.start..c.end)
                    .unwrap_or_default()
                    .trim_end()
                    .to_owned()
            })
            .collect();
        all.sort();
        all
    };
    let again = tree::Source::new(&out);
    let kept = tree::read(&again)
        .is_some_and(|w| said(&out, &tree::comments(&again, &w)) == said(&clean, &comments));
    if kept {
        Ok(out)
    } else {
        Err(refuse(0, "a comment would be lost"))
    }
}

fn documents(path: &str, text: &str) -> Result<Vec<Node>, Vec<Diagnostic>> {
    let mut report = Report::new(path);
    let documents = yaml::read(text, &mut report);
    let found = report.into_diagnostics();
    if found.iter().any(|d| d.level == Level::Error) {
        return Err(found);
    }
    Ok(documents.into_iter().map(|d| d.root).collect())
}

/// Whether two nodes say the same. The order of keys says nothing in YAML.
fn equal(a: &Node, b: &Node) -> bool {
    match (&a.kind, &b.kind) {
        (Kind::Scalar(a), Kind::Scalar(b)) => match (a.typed(), b.typed()) {
            (Typed::Float(a), Typed::Float(b)) => a.to_bits() == b.to_bits(),
            (a, b) => a == b,
        },
        (Kind::List(a), Kind::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Kind::Map(a), Kind::Map(b)) => {
            let sorted = |entries: &[(Node, Node)]| {
                let mut order: Vec<usize> = (0..entries.len()).collect();
                order.sort_by_key(|at| entries.get(*at).and_then(|(k, _)| k.text()));
                order
            };
            let pair = |(i, j): (usize, usize)| match (a.get(i), b.get(j)) {
                (Some((ka, va)), Some((kb, vb))) => equal(ka, kb) && equal(va, vb),
                _ => false,
            };
            a.len() == b.len() && sorted(a).into_iter().zip(sorted(b)).all(pair)
        }
        (Kind::Scalar(_) | Kind::List(_) | Kind::Map(_), _) => false,
    }
}

/// Line and column from 0, text, and whether it has its line to itself, of each comment. None where the file is not YAML.
pub(crate) fn comments_of(text: &str) -> Vec<(usize, usize, String, bool)> {
    let mut report = Report::new("");
    // Depth and size are bounded there.
    let read = yaml::read(text, &mut report);
    let source = Source::new(text);
    let Some(written) = (!read.is_empty()).then(|| tree::read(&source)).flatten() else {
        return Vec::new();
    };
    tree::comments(&source, &written)
        .into_iter()
        .map(|c| {
            let text = source.slice(c.start, c.end).trim_end().to_owned();
            (source.line(c.start), c.column, text, c.own_line)
        })
        .collect()
}

#[cfg(test)]
mod tests;
