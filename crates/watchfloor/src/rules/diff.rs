//! Two texts, line by line.

use similar::{ChangeTag, TextDiff};

/// One line of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// What became of it.
    pub kind: Kind,
    /// Its text, without the line break.
    pub text: String,
}

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// In both.
    Same,
    /// Only in the new text.
    Added,
    /// Only in the old text.
    Removed,
    /// Lines that are the same are left out here.
    Gap,
}

impl Kind {
    /// The sign in front of the line.
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Same => " ",
            Self::Added => "+",
            Self::Removed => "-",
            Self::Gap => "@",
        }
    }
}

/// Lines of context around a change.
const CONTEXT: usize = 3;

/// The changes from `old` to `new` with some lines around them; empty where there are none.
pub(crate) fn lines(old: &str, new: &str) -> Vec<Line> {
    let diff = TextDiff::configure()
        .deadline(std::time::Instant::now() + std::time::Duration::from_millis(500))
        .diff_lines(old, new);
    let mut out = Vec::new();
    for group in diff.grouped_ops(CONTEXT) {
        let first = group.first().map_or(0, |op| op.new_range().start + 1);
        out.push(Line {
            kind: Kind::Gap,
            text: format!("line {first}"),
        });
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            out.push(Line {
                kind: match change.tag() {
                    ChangeTag::Equal => Kind::Same,
                    ChangeTag::Insert => Kind::Added,
                    ChangeTag::Delete => Kind::Removed,
                },
                text: change.value().trim_end_matches(['\n', '\r']).to_owned(),
            });
        }
    }
    out
}

/// As text: a sign, then the line.
pub(crate) fn text(old: &str, new: &str) -> String {
    lines(old, new)
        .iter()
        .map(|l| {
            format!(
                "{}{}{}\n",
                l.kind.sign(),
                if l.kind == Kind::Gap { " " } else { "" },
                l.text
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_shown_with_what_is_around() {
        let old: String = (1..=20).map(|n| format!("line {n}\n")).collect();
        let new = old.replace("line 10\n", "line ten\n");
        assert_eq!(
            text(&old, &new),
            "@ line 7\n line 7\n line 8\n line 9\n-line 10\n+line ten\n line 11\n line 12\n line 13\n"
        );
        assert_eq!(text(&old, &old), "");
    }
}
