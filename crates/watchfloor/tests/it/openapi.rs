//! The description of the API is committed; a change of it is a change of a promise.

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
