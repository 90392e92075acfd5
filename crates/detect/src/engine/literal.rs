//! A text that every match of a regular expression contains, so that it runs rarely.

use regex_syntax::hir::{Class, Hir, HirKind};

/// Shorter texts are too common to help.
const LEAST: usize = 3;

/// The longest required text of `source`, folded; `None` where there is none worth having.
pub(super) fn required(source: &str) -> Option<String> {
    let hir = regex_syntax::parse(source).ok()?;
    let mut runs = Runs::default();
    walk(&hir, &mut runs);
    runs.close();
    Some(runs.best).filter(|best| best.len() >= LEAST)
}

#[derive(Default)]
struct Runs {
    current: String,
    best: String,
}

impl Runs {
    fn close(&mut self) {
        if self.current.len() > self.best.len() {
            std::mem::swap(&mut self.current, &mut self.best);
        }
        self.current.clear();
    }
}

fn walk(hir: &Hir, runs: &mut Runs) {
    match hir.kind() {
        // A look takes no character: the texts beside it still touch.
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
            Ok(text) => runs
                .current
                .extend(text.chars().flat_map(char::to_lowercase)),
            Err(_) => runs.close(),
        },
        // `[aA]`: one character up to case.
        HirKind::Class(Class::Unicode(class)) => {
            let chars = class
                .iter()
                .flat_map(|range| range.start()..=range.end())
                .take(5);
            let mut folded: Vec<char> = Vec::new();
            for c in chars {
                let mut lower = c.to_lowercase();
                match (lower.next(), lower.next()) {
                    (Some(one), None) => folded.push(one),
                    _ => return runs.close(),
                }
            }
            folded.dedup();
            match folded.as_slice() {
                [one] => runs.current.push(*one),
                _ => runs.close(),
            }
        }
        HirKind::Class(Class::Bytes(_)) | HirKind::Alternation(_) => runs.close(),
        HirKind::Repetition(repetition) => {
            if repetition.min == 0 {
                return runs.close();
            }
            walk(&repetition.sub, runs);
            if repetition.max != Some(1) {
                // Once at least, and perhaps more: what follows need not touch the first.
                runs.close();
            }
        }
        HirKind::Capture(capture) => walk(&capture.sub, runs),
        HirKind::Concat(parts) => parts.iter().for_each(|part| walk(part, runs)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn required_texts() {
        for (source, want) in [
            ("foo.*barbaz", Some("barbaz")),
            ("(?i)WHOAMI", Some("whoami")),
            ("(abc|def)gh", None),
            ("(?:abcd)+efg", Some("abcd")),
            ("x?yz", None),
            ("[Rr][Uu][Nn]dll", Some("rundll")),
            (r"-k\s\w{1,64}", None),
            // With the long s, `s` has a third form that folding keeps apart.
            ("(?i)abcsdef", Some("abc")),
        ] {
            assert_eq!(required(source).as_deref(), want, "{source}");
        }
    }
}
