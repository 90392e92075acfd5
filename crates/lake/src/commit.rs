//! Changing catalog and memory together, also when the catalog gives no answer.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, PoisonError, atomic::Ordering},
};

use crate::{
    Commit, FileEntry, Lake, LakeError,
    file::{self, LiveFile},
    hot::Taken,
};

/// Whether a commit holds what the current flush took.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaving {
    Cleared,
    Kept,
}

impl Lake {
    /// Commits, and shows searches the new files in the same moment.
    pub(crate) fn commit(&self, commit: &Commit, leaving: Leaving) -> Result<(), LakeError> {
        let _one = self
            .committing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = self.catalog.commit(commit) {
            self.unsure.store(true, Ordering::Release);
            // If this fails as well, the next flush or maintenance tries again first.
            match self.reload() {
                Ok(()) => self.remove_unnamed(&commit.add),
                Err(again) => tracing::warn!(error = %again, "lake catalog does not answer"),
            }
            return Err(error.into());
        }
        let removed: HashSet<&str> = commit.remove.iter().map(String::as_str).collect();
        let mut state = self.write_state();
        let mut files = Vec::with_capacity(state.files.len() + commit.add.len());
        for file in state.files.iter() {
            if removed.contains(file.entry.path.as_str()) {
                file.doom();
            } else {
                files.push(Arc::clone(file));
            }
        }
        files.extend(
            commit
                .add
                .iter()
                .map(|e| LiveFile::new(&self.layout.root, e.clone())),
        );
        state.files = Arc::new(files);
        if let Some(watermark) = commit.watermark {
            self.watermark.store(watermark, Ordering::Release);
        }
        match leaving {
            Leaving::Cleared => {
                state.leaving = Taken::default();
                self.note_hot_bytes(&state);
            }
            Leaving::Kept => {}
        }
        Ok(())
    }

    /// Puts back what a flush took and did not bring away.
    pub(crate) fn stay(&self) {
        let mut state = self.write_state();
        let leaving = std::mem::take(&mut state.leaving);
        state.hot.put_back(leaving);
        self.note_hot_bytes(&state);
    }

    /// After a commit without an answer: asks the catalog what is true before anything else is
    /// written, or rows could be committed twice.
    pub(crate) fn settle(&self) -> Result<(), LakeError> {
        if self.unsure.load(Ordering::Acquire) {
            let _one = self
                .committing
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            self.reload()?;
        }
        let left = !self.read_state().leaving.is_empty();
        if left {
            self.stay();
        }
        Ok(())
    }

    pub(crate) fn is_unsure(&self) -> bool {
        self.unsure.load(Ordering::Acquire)
    }

    /// Takes over files and watermark from the catalog.
    fn reload(&self) -> Result<(), LakeError> {
        let watermark = self.catalog.watermark()?;
        let entries = self.catalog.live_files()?;
        let mut state = self.write_state();
        let mut known: HashMap<&str, &Arc<LiveFile>> = HashMap::new();
        for file in state.files.iter() {
            known.insert(&file.entry.path, file);
        }
        let mut files = Vec::with_capacity(entries.len());
        for entry in entries {
            files.push(match known.remove(entry.path.as_str()) {
                Some(file) => Arc::clone(file),
                None => LiveFile::new(&self.layout.root, entry),
            });
        }
        for file in known.into_values() {
            file.doom();
        }
        state.files = Arc::new(files);
        if watermark > self.watermark() {
            self.watermark.store(watermark, Ordering::Release);
            state.leaving = Taken::default();
            self.note_hot_bytes(&state);
        }
        self.unsure.store(false, Ordering::Release);
        Ok(())
    }

    /// Deletes files of a commit that did not happen.
    fn remove_unnamed(&self, added: &[FileEntry]) {
        let files = Arc::clone(&self.read_state().files);
        let live: HashSet<&str> = files.iter().map(|f| f.entry.path.as_str()).collect();
        for entry in added {
            if !live.contains(entry.path.as_str()) {
                file::remove(&self.layout, &entry.path);
            }
        }
    }
}
