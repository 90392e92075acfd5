//! `# watchfloor: allow R083 reason`: a remark that somebody has decided to live with.

use watchfloor_types::{Diagnostic, Level};

use crate::{
    diagnostics::{Report, code},
    layout,
    yaml::Span,
};

/// What the comments of one file allow.
#[derive(Debug, Clone, Default)]
pub struct Allowances {
    file: String,
    all: Vec<Allowance>,
}

#[derive(Debug, Clone)]
struct Allowance {
    code: String,
    reason: String,
    at: Span,
    /// Lines it covers, from 1; none for the whole file.
    lines: Option<(u32, u32)>,
}

const MARK: &str = "watchfloor: allow";

/// Reads the allowances of a rule file. One before the first key holds for the file; one on a line of its own for what
/// begins on the next line; one behind something for its line.
#[must_use]
pub fn allowances(path: &str, text: &str) -> Allowances {
    let mut all = Vec::new();
    for (line, column, comment, own_line) in layout::comments_of(text) {
        let Some(rest) = comment.trim_start_matches('#').trim().strip_prefix(MARK) else {
            continue;
        };
        let rest = rest.trim_start_matches(':').trim();
        let codes: Vec<&str> = rest
            .split([' ', ','])
            .filter(|w| !w.is_empty())
            .take_while(|w| is_code(w))
            .collect();
        let reason = codes
            .last()
            .and_then(|last| rest.rfind(last).map(|at| at + last.len()))
            .and_then(|at| rest.get(at..))
            .unwrap_or(rest)
            .trim_matches([' ', ':', ',', '-'])
            .to_owned();
        let at = Span {
            line: line as u32 + 1,
            column: column as u32 + 1,
            length: comment.chars().count() as u32,
        };
        let lines = covered(text, line, own_line);
        let allowance = |code: &str| Allowance {
            code: code.to_owned(),
            reason: reason.clone(),
            at,
            lines,
        };
        if codes.is_empty() {
            all.push(allowance(""));
        }
        all.extend(codes.into_iter().map(allowance));
    }
    Allowances {
        file: path.to_owned(),
        all,
    }
}

fn is_code(word: &str) -> bool {
    word.strip_prefix('R')
        .is_some_and(|n| n.len() == 3 && n.bytes().all(|b| b.is_ascii_digit()))
}

/// The lines that an allowance on `line` (from 0) covers.
fn covered(text: &str, line: usize, own_line: bool) -> Option<(u32, u32)> {
    let lines: Vec<&str> = text.lines().collect();
    let here = line as u32 + 1;
    if !own_line {
        return Some((here, here));
    }
    let silent = |l: &&str| {
        let l = l.trim();
        l.is_empty() || l.starts_with('#') || l == "---"
    };
    if lines.iter().take(line).all(silent) {
        return None;
    }
    let rest = lines.iter().enumerate().skip(line + 1);
    let Some((first, opener)) = rest.clone().find(|(_, l)| !silent(l)) else {
        return Some((here, here));
    };
    let depth = |l: &str| l.len() - l.trim_start_matches(' ').len();
    let deep = depth(opener);
    let last = rest
        .skip_while(|(at, _)| *at <= first)
        .take_while(|(_, l)| l.trim().is_empty() || depth(l) > deep)
        .last()
        .map_or(first, |(at, _)| at);
    Some((first as u32 + 1, last as u32 + 1))
}

impl Allowances {
    /// What remains of `found`, and what is wrong with the allowances themselves: no code or reason (R081), or
    /// nothing there to allow (R082). Errors cannot be allowed.
    #[must_use]
    pub fn apply(&self, found: Vec<Diagnostic>) -> Vec<Diagnostic> {
        let mut used = vec![false; self.all.len()];
        let mut out: Vec<Diagnostic> = found
            .into_iter()
            .filter(|d| !self.allows(d, &mut used))
            .collect();
        let mut report = Report::new(&self.file);
        for (allowance, used) in self.all.iter().zip(used) {
            if allowance.code.is_empty() || allowance.reason.is_empty() {
                report.warning(
                    code::ALLOWANCE_WITHOUT_REASON,
                    allowance.at,
                    "an allowance needs codes and a reason",
                    "write `# watchfloor: allow R083 why it is fine here`",
                );
            } else if !used {
                report.note(
                    code::ALLOWANCE_UNUSED,
                    allowance.at,
                    format!("there is nothing here that {} would say", allowance.code),
                    "remove the comment",
                );
            }
        }
        out.extend(report.into_diagnostics());
        out
    }

    /// Whether the remark is allowed.
    #[must_use]
    pub fn allow(&self, diagnostic: &Diagnostic) -> bool {
        self.allows(diagnostic, &mut vec![false; self.all.len()])
    }

    fn allows(&self, diagnostic: &Diagnostic, used: &mut [bool]) -> bool {
        if diagnostic.level == Level::Error {
            return false;
        }
        let Some(place) = diagnostic.place.as_ref().filter(|p| p.file == self.file) else {
            return false;
        };
        let mut found = false;
        for (allowance, used) in self.all.iter().zip(used) {
            let here = allowance
                .lines
                .is_none_or(|(first, last)| (first..=last).contains(&place.line));
            if allowance.code == diagnostic.code && here && !allowance.reason.is_empty() {
                *used = true;
                found = true;
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_covers_the_file_a_block_or_a_line() {
        let text = "# watchfloor: allow R083 ours\ntitle: x\n# watchfloor: allow R084, R085 why\na:\n    b: 1\nc: 2 # watchfloor: allow R086 because\nd: 3 # watchfloor: allow R087\n";
        let allowances = allowances("t.yml", text);
        let at = |code: &str, line: u32| {
            let place = watchfloor_types::Place {
                file: "t.yml".into(),
                line,
                column: 1,
                length: 1,
            };
            allowances.allow(&Diagnostic::warning(code, "m").at(place))
        };
        for (code, line, want) in [
            ("R083", 7, true),
            ("R084", 5, true),
            ("R085", 4, true),
            ("R085", 6, false),
            ("R086", 6, true),
            ("R086", 5, false),
            ("R087", 7, false),
        ] {
            assert_eq!(at(code, line), want, "{code} {line}");
        }
        let left: Vec<_> = allowances
            .apply(Vec::new())
            .into_iter()
            .map(|d| d.code)
            .collect();
        assert_eq!(left, ["R082", "R082", "R082", "R082", "R081"]);
    }
}
