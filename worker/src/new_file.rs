//! A file that appears whole or not at all: written beside its place, then renamed.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A file that is not yet in its place. Dropped, it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct NewFile {
    file: NamedTempFile,
    place: PathBuf,
}

impl NewFile {
    /// An empty file beside `place`.
    ///
    /// # Errors
    /// If `place` is a folder, or its folder is missing or cannot be written.
    pub(crate) fn create(place: &Path) -> io::Result<Self> {
        if place.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let mut file = tempfile::Builder::new();
        #[cfg(unix)]
        file.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = file.prefix(".splitsweep-").tempfile_in(folder(place))?;
        Ok(Self { file, place: place.to_owned() })
    }

    /// Where it is until it is [kept](Self::keep).
    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Puts it in its place, in that of an older file if there is one, on the disk.
    ///
    /// # Errors
    /// If the disk refuses.
    pub(crate) fn keep(self) -> io::Result<()> {
        self.file.as_file().sync_all()?;
        self.file.persist(&self.place)?;
        File::open(folder(&self.place))?.sync_all()
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The folder of a file.
pub(crate) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
