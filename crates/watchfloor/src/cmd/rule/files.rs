//! Rule files on disk: read exactly, written whole or not at all.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::ArgMatches;

/// A rule file as it was read.
pub(super) struct RuleFile {
    pub path: PathBuf,
    pub text: String,
}

impl RuleFile {
    /// The path as the user gave it.
    pub(super) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Puts `new` in its place by a rename, so that nobody ever reads half a file. Links are followed, permissions
    /// kept. A file that changed since it was read is not overwritten.
    pub(super) fn replace(&self, new: &str) -> anyhow::Result<()> {
        let name = self.path.display();
        let target = fs::canonicalize(&self.path).with_context(|| format!("cannot find {name}"))?;
        let now = fs::read(&target).with_context(|| format!("cannot read {name}"))?;
        anyhow::ensure!(
            now == self.text.as_bytes(),
            "{name} was changed by somebody else meanwhile; run again"
        );
        let file = target.file_name().unwrap_or_default().to_string_lossy();
        let draft = target.with_file_name(format!(".{file}.{}.tmp", std::process::id()));
        let what = || format!("cannot write {}", draft.display());
        let write = || -> std::io::Result<()> {
            let mut out = fs::File::create_new(&draft)?;
            out.write_all(new.as_bytes())?;
            out.set_permissions(fs::metadata(&target)?.permissions())?;
            out.sync_all()?;
            fs::rename(&draft, &target)
        };
        write()
            .inspect_err(|_| {
                // The draft is ours alone; if it is gone already, so much the better.
                drop(fs::remove_file(&draft));
            })
            .with_context(what)
    }
}

/// A file that is no text.
pub(super) struct NotText(pub String);

/// The rule files that the argument `path` names, folders included, in order.
pub(super) fn named(matches: &ArgMatches) -> anyhow::Result<Vec<Result<RuleFile, NotText>>> {
    let mut paths = Vec::new();
    for path in matches.get_many::<PathBuf>("path").into_iter().flatten() {
        walk(path, &mut paths)?;
    }
    paths.into_iter().map(open).collect()
}

/// Reads one file; a file that is not UTF-8 is said, not mended.
pub(super) fn open(path: PathBuf) -> anyhow::Result<Result<RuleFile, NotText>> {
    let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(match String::from_utf8(bytes) {
        Ok(text) => Ok(RuleFile { path, text }),
        Err(error) => Err(NotText(format!(
            "{}: byte {} is not UTF-8",
            path.display(),
            error.utf8_error().valid_up_to()
        ))),
    })
}

/// The files below `path` that hold rules, in order; `path` itself where it is a file.
pub(super) fn walk(path: &Path, all: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if !path.is_dir() {
        all.push(path.to_owned());
        return Ok(());
    }
    let what = || format!("cannot read {}", path.display());
    let mut entries: Vec<PathBuf> = fs::read_dir(path)
        .with_context(what)?
        .map(|e| e.map(|e| e.path()))
        .collect::<Result<_, _>>()
        .with_context(what)?;
    entries.sort();
    entries
        .iter()
        .filter(|p| p.is_dir() || p.extension().is_some_and(|e| e == "yml" || e == "yaml"))
        .try_for_each(|p| walk(p, all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_only_if_it_is_the_one_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.yml");
        fs::write(&path, "a").unwrap();
        let Ok(file) = open(path.clone()).unwrap() else {
            panic!("text")
        };
        file.replace("b").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "b");
        assert!(
            file.replace("c")
                .unwrap_err()
                .to_string()
                .contains("somebody else")
        );
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        fs::write(&path, [0xff]).unwrap();
        assert!(open(path).unwrap().is_err());
    }
}
