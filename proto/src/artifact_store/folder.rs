//! Files in a folder: written beside their place, synchronised, then renamed.

use super::ArtifactError;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::{fmt, io};

/// What the name of a file begins with that is not whole yet.
const UNFINISHED: &str = ".splitsweep-";

#[derive(Debug, Clone)]
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub(super) fn put(&self, name: &str, bytes: &[u8]) -> Result<(), ArtifactError> {
        let place = self.root.join(name);
        write(&place, bytes).map_err(|source| ArtifactError::Folder { action: "write", path: place, source })
    }

    pub(super) fn get(&self, name: &str) -> Result<Option<Vec<u8>>, ArtifactError> {
        match fs::read(self.root.join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ArtifactError::Folder { action: "read", path: self.root.join(name), source }),
        }
    }

    pub(super) fn list(&self, folder: &str) -> Result<Vec<String>, ArtifactError> {
        let is_whole = |name: &String| !name.starts_with('.');
        let names = self.entries(folder)?.into_iter().filter(is_whole);
        Ok(names.map(|name| format!("{folder}/{name}")).collect())
    }

    pub(super) fn remove(&self, name: &str) -> Result<(), ArtifactError> {
        let path = self.root.join(name);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                Err(ArtifactError::Folder { action: "remove", path, source })
            }
            _ => Ok(()),
        }
    }

    pub(super) fn clear(&self, folder: &str) -> Result<(), ArtifactError> {
        let ours = |name: &String| !name.starts_with('.') || name.starts_with(UNFINISHED);
        for name in self.entries(folder)?.into_iter().filter(ours) {
            self.remove(&format!("{folder}/{name}"))?;
        }
        // another writer may have come meanwhile
        let _ = fs::remove_dir(self.root.join(folder));
        Ok(())
    }

    fn entries(&self, folder: &str) -> Result<Vec<String>, ArtifactError> {
        let path = self.root.join(folder);
        let failed = |source| ArtifactError::Folder { action: "list", path: path.clone(), source };
        let entries = match fs::read_dir(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let name = |entry: io::Result<fs::DirEntry>| entry.map(|entry| entry.file_name().into_string().ok());
        let names: io::Result<Vec<_>> = entries.map(name).collect();
        let mut names: Vec<_> = names.map_err(failed)?.into_iter().flatten().collect();
        names.sort_unstable();
        Ok(names)
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.display().fmt(f)
    }
}

fn write(place: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = place.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut new = tempfile::Builder::new();
    #[cfg(unix)]
    new.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = new.prefix(UNFINISHED).tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(place)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

    use super::Folder;
    use std::fs;

    #[test]
    fn files_are_replaced_listed_and_cleared() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::new(&root.path().join("new"));
        assert_eq!(folder.list("a").unwrap(), Vec::<String>::new());
        assert_eq!(folder.get("a/1").unwrap(), None);
        folder.put("a/2", b"two").unwrap();
        folder.put("a/1", b"one").unwrap();
        folder.put("a/1", b"eins").unwrap();
        assert_eq!(folder.list("a").unwrap(), ["a/1", "a/2"]);
        assert_eq!(folder.get("a/1").unwrap().unwrap(), b"eins");
        // a writer has died
        fs::write(root.path().join("new/a/.splitsweep-x"), b"hal").unwrap();
        assert_eq!(folder.list("a").unwrap().len(), 2);
        folder.remove("a/2").unwrap();
        folder.remove("a/2").unwrap();
        folder.clear("a").unwrap();
        assert!(!root.path().join("new/a").exists());
    }

    #[test]
    fn a_file_that_cannot_be_written_leaves_the_old_one() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::new(root.path());
        folder.put("a", b"old").unwrap();
        fs::create_dir(root.path().join("b")).unwrap();
        let error = folder.put("b", b"new").unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot write {}: ", root.path().join("b").display())), "{error}");
        let error = folder.put("a/b", b"new").unwrap_err().to_string();
        assert!(error.contains("a/b"), "{error}");
        assert_eq!(folder.get("a").unwrap().unwrap(), b"old");
        let left = fs::read_dir(root.path()).unwrap().count();
        assert_eq!(left, 2, "nothing unfinished is left");
    }
}
