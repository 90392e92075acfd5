//! A file of lines, synced after every batch and rotated by size.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    sync::Mutex,
};

use super::{Delivered, Fate, Item, locked};

/// Largest tail that is searched for the end of the last whole line.
const TAIL: u64 = 4 << 20;

/// A file and when it is rotated.
#[derive(Debug)]
pub struct FileOutput {
    path: PathBuf,
    /// Rotated before it would become larger than this.
    pub rotate_bytes: u64,
    /// How many rotated files are kept: `name.1` is the newest.
    pub keep: u32,
    open: Mutex<Option<File>>,
}

impl FileOutput {
    /// A file that is created when the first line comes.
    pub fn new(path: PathBuf, rotate_bytes: u64, keep: u32) -> Self {
        Self {
            path,
            rotate_bytes,
            keep,
            open: Mutex::new(None),
        }
    }

    pub(super) fn shown(&self) -> String {
        self.path.display().to_string()
    }

    pub(super) fn deliver(&self, items: &[Item]) -> Delivered {
        match self.write(items) {
            Ok(bytes) => Delivered::all(
                items.len(),
                &Fate::Taken,
                format!("{bytes} bytes written and synced"),
            ),
            Err(error) => {
                // What was half written is cut off when the file is opened again.
                *locked(&self.open) = None;
                Delivered::later(
                    items.len(),
                    format!("cannot write {}: {error}", self.path.display()),
                )
            }
        }
    }

    fn write(&self, items: &[Item]) -> io::Result<usize> {
        let text: String = items.iter().map(|i| format!("{}\n", i.body)).collect();
        let mut open = locked(&self.open);
        // Somebody may have moved or removed it meanwhile: then the next line starts a new one.
        let mut file = match open.take().filter(|file| is_same(file, &self.path)) {
            Some(file) => file,
            None => self.file()?,
        };
        let size = file.metadata()?.len();
        if size > 0 && size + text.len() as u64 > self.rotate_bytes {
            drop(file);
            self.rotate()?;
            file = self.file()?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        *open = Some(file);
        Ok(text.len())
    }

    /// Opens the file and cuts off a line that a crash left unfinished; it is sent again.
    fn file(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(0o640);
        }
        let fresh = !self.path.exists();
        let mut file = options.open(&self.path)?;
        if fresh {
            sync_folder(&self.path)?;
        }
        let size = file.metadata()?.len();
        let start = size.saturating_sub(TAIL);
        file.seek(SeekFrom::Start(start))?;
        let mut tail = Vec::new();
        (&mut file).take(TAIL).read_to_end(&mut tail)?;
        if tail.last().is_some_and(|b| *b != b'\n') {
            let whole = tail
                .iter()
                .rposition(|b| *b == b'\n')
                .map_or(0, |at| at + 1);
            // A tail without any line end is not ours to cut.
            if whole > 0 || start == 0 {
                file.set_len(start + whole as u64)?;
                file.sync_data()?;
            }
        }
        Ok(file)
    }

    fn rotate(&self) -> io::Result<()> {
        let name = |n: u32| {
            let mut path = self.path.clone().into_os_string();
            path.push(format!(".{n}"));
            PathBuf::from(path)
        };
        if self.keep == 0 {
            std::fs::remove_file(&self.path)?;
            return sync_folder(&self.path);
        }
        for n in (1..self.keep).rev() {
            if name(n).exists() {
                std::fs::rename(name(n), name(n + 1))?;
            }
        }
        std::fs::rename(&self.path, name(1))?;
        sync_folder(&self.path)
    }
}

/// Whether the open file is the one that the path names.
#[cfg(unix)]
fn is_same(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}
#[cfg(not(unix))]
fn is_same(_file: &File, path: &Path) -> bool {
    path.exists()
}

/// Makes names durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    File::open(folder)?.sync_all()
}
