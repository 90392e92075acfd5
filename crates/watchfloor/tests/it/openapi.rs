//! The descriptions of API and command line are committed; a change of them is a change of a promise.

#[test]
fn the_committed_description_is_the_generated_one() {
    let dir = tempfile::tempdir().unwrap();
    let output = crate::program::run(dir.path(), &["schema"]);
    let generated = String::from_utf8(output.stdout).unwrap();
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        generated == committed,
        "docs/openapi.json is not what `watchfloor schema` prints; run `cargo run --release -- schema > docs/openapi.json` and review the difference"
    );
}

#[test]
fn the_committed_reference_of_the_command_line_is_the_generated_one() {
    let dir = tempfile::tempdir().unwrap();
    let output = crate::program::run(dir.path(), &["schema", "--cli"]);
    let generated = String::from_utf8(output.stdout).unwrap();
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        generated == committed,
        "docs/cli.md is not what `watchfloor schema --cli` prints; run `cargo run --release -- schema --cli > docs/cli.md`"
    );
}
