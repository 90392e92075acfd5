//! The shape of the project, held by tests.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn rust_files(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// Every crate may depend on `types`; only the binary depends on the others.
#[test]
fn the_crates_are_a_star() {
    let mut crates = BTreeSet::new();
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        let dir = entry.unwrap().path();
        let name = dir.file_name().unwrap().to_str().unwrap().to_owned();
        let manifest = std::fs::read_to_string(dir.join("Cargo.toml")).unwrap();
        for line in manifest.lines().map(str::trim) {
            let Some(dependency) = line
                .strip_prefix("watchfloor-")
                .and_then(|l| l.split(['.', ' ', '=']).next())
            else {
                continue;
            };
            assert!(
                name == "watchfloor" || dependency == "types",
                "crates/{name} depends on watchfloor-{dependency}: only the binary may join crates"
            );
        }
        crates.insert(name);
    }
    let expected = [
        "detect",
        "edge",
        "ingest",
        "intel",
        "lake",
        "press",
        "respond",
        "store",
        "types",
        "watchfloor",
    ];
    assert_eq!(crates, expected.iter().map(ToString::to_string).collect());
}

/// The pure crates have no runtime, network or database beneath them.
#[test]
fn the_pure_crates_stay_pure() {
    for name in ["types", "ingest", "detect", "intel", "respond"] {
        let manifest =
            std::fs::read_to_string(root().join(format!("crates/{name}/Cargo.toml"))).unwrap();
        let dependencies = manifest.split("[dev-dependencies]").next().unwrap();
        for banned in [
            "tokio",
            "axum",
            "sqlx",
            "ureq",
            "hyper",
            "getrandom",
            "rand",
            "parquet",
        ] {
            assert!(
                !dependencies
                    .lines()
                    .any(|l| l.starts_with(&format!("{banned}."))),
                "crates/{name} depends on {banned}"
            );
        }
        let mut files = Vec::new();
        rust_files(&root().join(format!("crates/{name}/src")), &mut files);
        for file in files
            .iter()
            .filter(|f| !f.ends_with("tests.rs") && !f.ends_with("golden.rs"))
        {
            let text = std::fs::read_to_string(file).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            for banned in [
                "std::fs",
                "TcpStream",
                "TcpListener",
                "UdpSocket",
                "std::env::",
                "Timestamp::now",
                "SystemTime",
                "Instant::now",
                "thread_rng",
            ] {
                assert!(!code.contains(banned), "{} uses {banned}", file.display());
            }
        }
    }
}

#[test]
fn a_file_has_at_most_500_lines_before_its_tests() {
    let mut files = Vec::new();
    rust_files(&root().join("crates"), &mut files);
    let long: Vec<String> = files
        .iter()
        .filter_map(|file| {
            if file.components().any(|c| c.as_os_str() == "tests") || file.ends_with("tests.rs") {
                return None;
            }
            let text = std::fs::read_to_string(file).unwrap();
            let lines = text
                .lines()
                .take_while(|l| !l.starts_with("#[cfg(test)]"))
                .count();
            (lines > 500).then(|| format!("{} has {lines}", file.display()))
        })
        .collect();
    assert!(long.is_empty(), "split these:\n{}", long.join("\n"));
}

/// No rule may read what says that an event belongs to an exercise.
#[test]
fn no_rule_mentions_the_exercise_mark() {
    fn walk(dir: &Path, check: &mut dyn FnMut(&Path, &str)) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, check);
            } else {
                check(&path, &std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    walk(&root().join("content/rules"), &mut |path, text| {
        for line in text.lines().filter(|l| !l.trim_start().starts_with('#')) {
            let field = line
                .trim_start()
                .trim_start_matches("- ")
                .split([':', '|'])
                .next()
                .unwrap_or_default();
            assert!(
                !field.starts_with("exercise") && !field.starts_with("mark"),
                "{}: {line}",
                path.display()
            );
        }
    });
}

/// A diagnostic code has a page, and each page a code.
#[test]
fn every_diagnostic_code_has_a_page() {
    let mut files = Vec::new();
    rust_files(&root().join("crates"), &mut files);
    let mut used = BTreeSet::new();
    for file in files
        .iter()
        .filter(|f| !f.components().any(|c| c.as_os_str() == "tests"))
    {
        let text = std::fs::read_to_string(file).unwrap();
        for (at, _) in text.match_indices('"') {
            let code: String = text[at + 1..].chars().take(5).collect();
            let b = code.as_bytes();
            if b.len() == 5
                && b[0].is_ascii_uppercase()
                && b[1..4].iter().all(u8::is_ascii_digit)
                && b[4] == b'"'
            {
                used.insert(code[..4].to_owned());
            }
        }
    }
    let pages: BTreeSet<String> = std::fs::read_dir(root().join("docs/diagnostics"))
        .unwrap()
        .filter_map(|e| {
            e.unwrap()
                .path()
                .file_stem()
                .and_then(|s| s.to_str())
                .map(str::to_owned)
        })
        .filter(|s| s != "README")
        .collect();
    let missing: Vec<_> = used.difference(&pages).collect();
    assert!(
        missing.is_empty(),
        "codes without a page in docs/diagnostics: {missing:?}"
    );
}
