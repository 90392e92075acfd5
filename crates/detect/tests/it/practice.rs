//! Good practice: each code has an example, its way out is right, fixes keep what a rule matches, and SigmaHQ's rules
//! are not drowned in remarks.

use std::collections::BTreeMap;

use watchfloor_detect::{
    Allowances, Options, Remark, Scope, allowances, codes, layout, mended, parse_rules, remarks,
};
use watchfloor_types::Diagnostic;

use crate::corpus;

/// The file name that an example states in its first line.
pub(crate) fn file_of(example: &str) -> &str {
    example
        .lines()
        .next()
        .and_then(|l| l.strip_prefix("# file: "))
        .unwrap_or("example.yml")
}

/// Everything that is said about an example, as `rule lint --strict` and `rule fmt` do.
pub(crate) fn said(example: &str) -> Vec<Diagnostic> {
    let path = file_of(example);
    let (_, mut all) = parse_rules(path, example, &Options::default());
    all.extend(
        remarks(path, example, Scope::Own)
            .into_iter()
            .map(|r| r.diagnostic),
    );
    if let Err(why) = layout(path, example) {
        all.extend(why.into_iter().filter(|d| d.code == "R080"));
    }
    let allowances: Allowances = allowances(path, example);
    allowances.apply(all)
}

fn has(code: &str, found: &[Diagnostic]) -> bool {
    found.iter().any(|d| d.code == code)
}

/// Ways out that a person has to go: what to exchange for what in the example.
const WAYS: &[(&str, &str, &str)] = &[
    ("R080", "? title\n: Example", "title: Example"),
    ("R081", "allow R083", "allow R083 the title says it all"),
    (
        "R082",
        "# watchfloor: allow R116 the name comes from elsewhere\n",
        "",
    ),
    (
        "R083",
        "logsource:",
        "description: Somebody runs the example.\nlogsource:",
    ),
    ("R084", "logsource:", "author: Kim\nlogsource:"),
    ("R085", "logsource:", "date: 2026-01-02\nlogsource:"),
    (
        "R086",
        "logsource:",
        "references:\n    - https://example.org/\nlogsource:",
    ),
    (
        "R087",
        "logsource:",
        "falsepositives:\n    - Tests\nlogsource:",
    ),
    ("R088", "logsource:", "level: low\nlogsource:"),
    ("R089", "logsource:", "status: test\nlogsource:"),
    (
        "R090",
        "logsource:",
        "tags:\n    - attack.t1059\nlogsource:",
    ),
    (
        "R092",
        "description: Example",
        "description: Somebody runs the example at night.",
    ),
    (
        "R093",
        "example-rule",
        "5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a11",
    ),
    ("R094", "2025-12-31", "2026-01-03"),
    (
        "R095",
        "logsource:",
        "related:\n    - id: 5f0c5a5e-6f1d-4b0e-9a43-0d6f2f1f8a12\n      type: obsolete\nlogsource:",
    ),
    ("R096", "the vendor's blog", "https://example.org/blog"),
    ("R098", "attack.t105", "attack.t1059"),
    ("R099", "atack.t1059", "attack.t1059"),
    ("R100", "- None", "- Backup software"),
    ("R101", "# file: My Rule.yaml", "# file: my-rule.yml"),
    (
        "R102",
        "level: low\ntitle: Example\n",
        "title: Example\nlevel: low\n",
    ),
    ("R106", r"Users\*\App", r"Users\\*\App"),
    ("R107", "'a'", "'a secret'"),
    ("R108", "Image: '*'", "Image|exists: true"),
    ("R110", ".*cmd[0-9]", "cmd[0-9]"),
    ("R111", "(cmd)*", "cmd[0-9]"),
    ("R112", "([cmd]+)+[0-9]", "[cmd]+[0-9]"),
    ("R115", "1 of them", "selection and not 1 of filter_*"),
    (
        "R116",
        "selection and filter_own",
        "selection and not filter_own",
    ),
    ("R119", "ai.prompt.txt", "ai.prompt.text"),
    ("R120", "selection and not selection", "selection"),
    ("R121", "not selection", "selection"),
    (
        "R122",
        "logsource:",
        "tests:\n    - name: yes\n      expect: match\n      event: {Image: x}\n    - name: no\n      expect: none\n      event: {Image: y}\nlogsource:",
    ),
    ("R123", "logsource:", "owner: detection\nlogsource:"),
    ("R124", "Port|gt: 1024", "EventID: 3"),
    ("R125", "timespan: 30d", "timespan: 1d"),
    (
        "R126",
        "timespan: 5m",
        "timespan: 5m\n    group-by:\n        - User",
    ),
    ("R129", "cm\u{200b}d", "cmd"),
];

#[test]
fn every_way_out_is_right() {
    for code in codes().filter(|c| c.code >= "R080") {
        let found = said(code.example);
        assert!(has(code.code, &found), "{}: {found:#?}", code.code);
        let better = if let Some((_, from, to)) = WAYS.iter().find(|(c, ..)| *c == code.code) {
            assert!(code.example.contains(from), "{}: no `{from}`", code.code);
            code.example.replacen(from, to, 1)
        } else {
            let own = remarks(file_of(code.example), code.example, Scope::Own);
            let own: Vec<Remark> = own
                .into_iter()
                .filter(|r| r.diagnostic.code == code.code)
                .collect();
            let (better, made) = mended(code.example, &own);
            assert!(
                made > 0,
                "{} has neither a fix nor a way out in this test",
                code.code
            );
            better
        };
        let left = said(&better);
        assert!(
            !has(code.code, &left),
            "{} stays in:\n{better}\n{left:#?}",
            code.code
        );
        let errors: Vec<_> = left
            .iter()
            .filter(|d| d.level == watchfloor_types::Level::Error)
            .collect();
        assert!(
            errors.is_empty() || code.code == "R080",
            "{} breaks:\n{better}\n{errors:#?}",
            code.code
        );
    }
}

/// Fixes of the whole corpus: the code goes away, nothing new comes, comments stay, and the rule matches the same of
/// its own values.
#[test]
fn fixes_of_the_corpus_remove_what_they_are_for_and_break_nothing() {
    let Some(folder) = corpus::folder() else {
        return;
    };
    let mut counts: BTreeMap<String, (usize, usize, Vec<String>)> = BTreeMap::new();
    let mut mended_files = 0;
    for (path, text) in corpus::rules(&folder) {
        let found = remarks(&path, &text, Scope::Shared);
        for remark in &found {
            let entry = counts.entry(remark.diagnostic.code.clone()).or_default();
            entry.0 += 1;
            entry.1 += usize::from(remark.fix.is_some());
            entry.2.push(remark.diagnostic.to_string());
        }
        let fixable: Vec<Remark> = found.into_iter().filter(|r| r.fix.is_some()).collect();
        if fixable.is_empty() {
            continue;
        }
        mended_files += 1;
        let mut now = text.clone();
        for _ in 0..8 {
            let open: Vec<Remark> = remarks(&path, &now, Scope::Shared)
                .into_iter()
                .filter(|r| r.fix.is_some())
                .collect();
            let (next, made) = mended(&now, &open);
            if made == 0 {
                break;
            }
            now = next;
        }
        let left: Vec<Remark> = remarks(&path, &now, Scope::Shared)
            .into_iter()
            .filter(|r| r.fix.is_some())
            .collect();
        assert!(left.is_empty(), "{path}: {left:#?}");
        let comments = |t: &str| {
            t.lines()
                .filter(|l| {
                    l.rsplit('\'')
                        .next()
                        .is_some_and(|end| format!(" {end}").contains(" #"))
                })
                .count()
        };
        assert_eq!(comments(&text), comments(&now), "{path}\n{now}");
        let (documents, diagnostics) = parse_rules(&path, &now, &Options::default());
        let errors: Vec<_> = diagnostics
            .iter()
            .filter(|d| d.level == watchfloor_types::Level::Error)
            .collect();
        assert!(
            errors.is_empty() && documents.len() == 1,
            "{path}: {errors:#?}\n{now}"
        );
    }
    for (code, (count, fixes, examples)) in &counts {
        println!("{code}: {count}, {fixes} with a fix");
        for example in examples.iter().step_by((examples.len() / 4).max(1)).take(5) {
            println!("    {example}");
        }
    }
    println!("{mended_files} files mended");
}
