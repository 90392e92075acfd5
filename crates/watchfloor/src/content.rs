//! Content: built into the binary, overridden file by file from a directory.

use std::{collections::BTreeMap, path::Path};

use anyhow::Context;
use include_dir::{Dir, include_dir};

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../content");

/// The text of every content file by path, such as `rules/prompt/override.yml`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Files(BTreeMap<String, String>);

impl Files {
    /// What is built in, with the files of `over` laid on top by path.
    pub(crate) fn load(over: Option<&Path>) -> anyhow::Result<Self> {
        let mut files = BTreeMap::new();
        built_in(&BUILT_IN, &mut files);
        if let Some(dir) = over {
            read_dir(dir, dir, &mut files)?;
        }
        Ok(Self(files))
    }

    /// Files of one kind (`rules`, `sources`, …) as (path, text), in order of path.
    pub(crate) fn of(&self, kind: &str) -> Vec<(String, String)> {
        let prefix = format!("{kind}/");
        self.0
            .iter()
            .filter(|(path, _)| path.starts_with(&prefix))
            .map(|(path, text)| (format!("content/{path}"), text.clone()))
            .collect()
    }

    /// The text behind a path as diagnostics name it.
    pub(crate) fn text(&self, path: &str) -> Option<String> {
        self.0
            .get(path.strip_prefix("content/").unwrap_or(path))
            .cloned()
    }
}

fn built_in(dir: &Dir<'_>, files: &mut BTreeMap<String, String>) {
    for file in dir.files() {
        if let (Some(path), Some(text)) = (file.path().to_str(), file.contents_utf8()) {
            files.insert(path.replace('\\', "/"), text.to_owned());
        }
    }
    for inner in dir.dirs() {
        built_in(inner, files);
    }
}

fn read_dir(root: &Path, dir: &Path, files: &mut BTreeMap<String, String>) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(dir)
        .with_context(|| format!("cannot read content folder {}", dir.display()))?;
    for entry in entries {
        let path = entry
            .with_context(|| format!("cannot read content folder {}", dir.display()))?
            .path();
        if path.is_dir() {
            read_dir(root, &path, files)?;
        } else if path.extension().is_some_and(|e| {
            ["yml", "yaml", "json", "md", "toml"]
                .iter()
                .any(|x| e == *x)
        }) {
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read content file {}", path.display()))?;
            if let Some(name) = path.strip_prefix(root).ok().and_then(Path::to_str) {
                files.insert(name.replace('\\', "/"), text);
            }
        }
    }
    Ok(())
}
