//! The layout on all rules of the corpus.

use watchfloor_detect::layout;

use crate::corpus;

/// Comments by a reading of our own that knows quotes and block texts only as far as SigmaHQ's rules need.
fn comments(text: &str) -> Vec<String> {
    let mut all: Vec<String> = text
        .lines()
        .map(str::trim)
        .filter(|l| l.starts_with('#'))
        .map(str::to_owned)
        .collect();
    all.sort();
    all
}

#[test]
fn every_rule_of_the_corpus_is_laid_out_settles_and_keeps_its_comments() {
    let Some(folder) = corpus::folder() else {
        return;
    };
    let (mut changed, mut total) = (0, 0);
    for (path, text) in corpus::rules(&folder) {
        let out = layout(&path, &text).unwrap_or_else(|e| panic!("{path}: {e:#?}"));
        assert_eq!(comments(&text), comments(&out), "{path}");
        assert_eq!(layout(&path, &out).unwrap(), out, "{path} did not settle");
        total += 1;
        changed += usize::from(out != text);
        if std::env::var_os("WATCHFLOOR_SHOW").is_some() && out != text {
            println!("--- {path}");
            for (a, b) in text
                .lines()
                .zip(out.lines())
                .filter(|(a, b)| a != b)
                .take(3)
            {
                println!("-{a}\n+{b}");
            }
        }
    }
    println!("{total} rules, {changed} laid out anew");
}
