//! Texts of which every match of a regular expression contains one, so that it runs rarely.

use regex_syntax::hir::{Class, Hir, HirKind};

/// Shorter texts are too common to help.
const LEAST: usize = 3;
/// More alternatives than this are not worth looking for.
const MOST: usize = 64;
/// Nor are classes of more characters.
const MOST_CHARS: usize = 12;

/// Folded texts of which each match of `source` contains at least one; empty where there are none
/// worth having.
pub(super) fn required(source: &str) -> Vec<String> {
    regex_syntax::parse(source)
        .ok()
        .and_then(|hir| best(&hir))
        .unwrap_or_default()
}

/// The most selective set of texts that a match of `hir` cannot do without.
fn best(hir: &Hir) -> Option<Vec<String>> {
    if let Some(texts) = exact(hir) {
        return worth_having(texts);
    }
    match hir.kind() {
        HirKind::Concat(parts) => {
            let mut found: Option<Vec<String>> = None;
            // Neighbours whose texts are known exactly touch.
            let mut run = vec![String::new()];
            for part in parts {
                match exact(part).and_then(|texts| product(&run, &texts)) {
                    Some(longer) => run = longer,
                    None => {
                        let start = exact(part);
                        let whole = worth_having(std::mem::replace(
                            &mut run,
                            start.clone().unwrap_or_else(|| vec![String::new()]),
                        ));
                        found = better(found, whole);
                        if start.is_none() {
                            found = better(found, best(part));
                        }
                    }
                }
            }
            better(found, worth_having(run))
        }
        HirKind::Alternation(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(best(part)?);
            }
            worth_having(all)
        }
        HirKind::Repetition(repetition) if repetition.min > 0 => best(&repetition.sub),
        HirKind::Capture(capture) => best(&capture.sub),
        HirKind::Repetition(_)
        | HirKind::Class(_)
        | HirKind::Empty
        | HirKind::Look(_)
        | HirKind::Literal(_) => None,
    }
}

/// Every text that `hir` matches, folded, where they are few. A look takes no character: the texts
/// beside it still touch.
fn exact(hir: &Hir) -> Option<Vec<String>> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(vec![String::new()]),
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).ok()?;
            Some(vec![text.chars().flat_map(char::to_lowercase).collect()])
        }
        HirKind::Class(Class::Unicode(class)) => {
            let chars: Vec<char> = class
                .iter()
                .flat_map(|range| range.start()..=range.end())
                .take(MOST_CHARS + 1)
                .collect();
            if chars.len() > MOST_CHARS {
                return None;
            }
            let mut folded: Vec<String> =
                chars.iter().map(|c| c.to_lowercase().collect()).collect();
            folded.sort_unstable();
            folded.dedup();
            (1..=4).contains(&folded.len()).then_some(folded)
        }
        HirKind::Class(Class::Bytes(_)) => None,
        HirKind::Repetition(repetition) if repetition.max == Some(1) => {
            let mut texts = exact(&repetition.sub)?;
            if repetition.min == 0 {
                texts.push(String::new());
            }
            Some(texts)
        }
        HirKind::Repetition(_) => None,
        HirKind::Capture(capture) => exact(&capture.sub),
        HirKind::Concat(parts) => parts.iter().try_fold(vec![String::new()], |run, part| {
            product(&run, &exact(part)?)
        }),
        HirKind::Alternation(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(exact(part)?);
            }
            (all.len() <= MOST).then_some(all)
        }
    }
}

/// Every text of `left` followed by every text of `right`, where they are few.
fn product(left: &[String], right: &[String]) -> Option<Vec<String>> {
    (left.len() * right.len() <= MOST).then(|| {
        left.iter()
            .flat_map(|l| right.iter().map(move |r| format!("{l}{r}")))
            .collect()
    })
}

fn worth_having(mut texts: Vec<String>) -> Option<Vec<String>> {
    texts.sort_unstable();
    texts.dedup();
    let useful = (1..=MOST).contains(&texts.len()) && shortest(&texts) >= LEAST;
    useful.then_some(texts)
}

fn shortest(texts: &[String]) -> usize {
    texts.iter().map(String::len).min().unwrap_or(0)
}

/// Longer texts are rarer, and so are fewer.
fn better(a: Option<Vec<String>>, b: Option<Vec<String>>) -> Option<Vec<String>> {
    let worth = |texts: &Vec<String>| (2 * shortest(texts)).saturating_sub(texts.len().min(8));
    match (a, b) {
        (Some(a), Some(b)) => Some(if worth(&b) > worth(&a) { b } else { a }),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn required_texts() {
        for (source, want) in [
            ("foo.*barbaz", &["barbaz"][..]),
            ("(?i)WHOAMI", &["whoami"]),
            ("(abc|def)gh", &["abcgh", "defgh"]),
            ("(?:abcd)+efg", &["abcd"]),
            ("x?yz", &[]),
            ("[Rr][Uu][Nn]dll", &["rundll"]),
            (r"-k\s\w{1,64}", &[]),
            (
                r"\b(?:act|behave)\b.{0,60}\b(?:as|like)\b",
                &["act", "behave"],
            ),
            (r"summari[sz]e \d", &["summarise ", "summarize "]),
            (r"a(?:b|c\d+)?defg", &["defg"]),
            (r"(?:one|two\d|x)", &[]),
            // With the long s, `s` has a third form that folding keeps apart.
            ("(?i)sad", &["sad", "ſad"]),
        ] {
            assert_eq!(required(source), want, "{source}");
        }
    }

    #[test]
    fn what_matches_contains_one_of_them() {
        for (source, matches) in [
            (
                r"(?i)\b(?:repeat|print|reveal)\b.{0,9}\b(?:all|text)\b",
                "REPEAT the text",
            ),
            ("(?i)ſtop|stop", "STOP"),
            (r"(?:ab)?c{2}d(?:ef|gh)x", "ccdghx"),
            (r"^(?:GET|POST) /a", "POST /a"),
            (
                r"(?i)(?:always|never).{0,5}(?:send|forward)",
                "Never FORWARD",
            ),
            (r"(?:\d{2}|xyz)abc", "12abc"),
            ("(?i)[abck→]def", "→def"),
            ("x[ǄǅǆǇǈǉǊǋǌǱǲǳ]yz", "xǳyz"),
        ] {
            assert!(
                regex::Regex::new(source).unwrap().is_match(matches),
                "{source}"
            );
            let folded = crate::fold::folded(matches);
            let texts = required(source);
            assert!(
                texts.is_empty() || texts.iter().any(|t| folded.contains(t.as_str())),
                "{source}: {texts:?}"
            );
        }
    }
}
