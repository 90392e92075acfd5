//! The tests that stand beside the mappings.

use watchfloor_ingest::Sources;

#[test]
fn every_source_passes_its_own_tests() {
    let mut report = Vec::new();
    for source in super::sources().iter() {
        for outcome in source.run_tests().iter().filter(|o| !o.passed()) {
            report.push(format!(
                "#### {}: {}\n{}\n## actual\n{}",
                source.id(),
                outcome.name,
                outcome.differences.join("\n"),
                outcome.actual
            ));
        }
    }
    let report = report.concat();
    assert!(report.is_empty(), "\n{report}");
}

#[track_caller]
fn check(path: &str, text: &str, expected: &[&str]) {
    let (_, diagnostics) = Sources::load(&[(path.to_owned(), text.to_owned())]);
    let got: Vec<_> = diagnostics.iter().map(ToString::to_string).collect();
    assert_eq!(got.len(), expected.len(), "{got:#?}");
    for (got, expected) in got.iter().zip(expected) {
        assert!(got.starts_with(expected), "{got}\n{expected}");
    }
}

#[test]
fn a_wrong_source_file_has_a_place() {
    let head = "id: a\ntitle: t\nowner: o\ndepends: d\nwire: w\nformats: [json]\nlogsource: { product: x }\n";
    let tests = "tests:\n  - { name: n, records: [\"{}\"], events: [{ logsource: product=x, norm: {} }] }\n";
    check("s/a/source.yml", &format!("{head}{tests}"), &[]);
    check(
        "s/a/source.yml",
        head,
        &["s/a/source.yml:1:1: error[S006]: the source has no test"],
    );
    check(
        "s/b/source.yml",
        &format!("{head}{tests}"),
        &["s/b/source.yml:1:1: error[S007]: the id `a` is not"],
    );
    check(
        "s/a/source.yml",
        &format!("{head}commn: {{}}\n{tests}"),
        &["s/a/source.yml:8:1: error[S001]: cannot read the file"],
    );
    check(
        "s/a/source.yml",
        &format!("{head}common:\n  ignore: [a..b]\n{tests}"),
        &["s/a/source.yml:9:12: error[S002]: `a..b` is not a path: a key is empty"],
    );
    check(
        "s/a/source.yml",
        &format!("{head}common:\n  map: {{ made.up: a }}\n{tests}"),
        &["s/a/source.yml:9:10: warning[S003]: `made.up` is not a canonical field"],
    );
    check(
        "s/a/source.yml",
        &format!("{}{tests}", head.replace("[json]", "[jsn]")),
        &["s/a/source.yml:6:11: error[S005]: there is no format `jsn`"],
    );
}
