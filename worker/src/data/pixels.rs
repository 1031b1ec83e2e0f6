//! The pixels of many images: in memory of their own, or in a file that is mapped into memory. Processes that map the same file share the
//! memory.

use memmap2::Mmap;
use std::fs::{self, File};
use std::io;
use std::ops::{Deref, Range};
use std::path::Path;
use std::sync::Arc;

/// Bytes that are read and never changed.
#[derive(Debug, Clone)]
pub struct Pixels(Place);

#[derive(Debug, Clone)]
enum Place {
    Own(Vec<u8>),
    Mapped(Arc<Mmap>, Range<usize>),
}

impl Pixels {
    /// The bytes of a file that nobody writes to, mapped if the file system can do that.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(super) fn of_file(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        // SAFETY: prepared images appear whole, by a rename; they are replaced by another file, but never written to.
        match unsafe { Mmap::map(&file) } {
            Ok(map) => {
                let all = 0..map.len();
                Ok(Self(Place::Mapped(Arc::new(map), all)))
            }
            Err(_) => fs::read(path).map(Self::from),
        }
    }

    /// Some of the bytes; `None` if they are not all there.
    pub(super) fn part(&self, range: Range<usize>) -> Option<Self> {
        let part = self.get(range.clone())?;
        Some(match &self.0 {
            Place::Own(_) => Self::from(part.to_vec()),
            Place::Mapped(map, all) => {
                Self(Place::Mapped(Arc::clone(map), all.start + range.start..all.start + range.end))
            }
        })
    }
}

impl From<Vec<u8>> for Pixels {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Place::Own(bytes))
    }
}

impl Deref for Pixels {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Place::Own(bytes) => bytes,
            Place::Mapped(map, range) => &map[range.clone()],
        }
    }
}

impl AsRef<[u8]> for Pixels {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

/// Where the bytes are makes no difference.
impl<T: AsRef<[u8]> + ?Sized> PartialEq<T> for Pixels {
    fn eq(&self, other: &T) -> bool {
        **self == *other.as_ref()
    }
}

impl Eq for Pixels {}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::{Pixels, Place};
    use std::fs;

    #[test]
    fn a_file_is_mapped_and_its_parts_are_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, [1, 2, 3, 4, 5]).unwrap();
        let all = Pixels::of_file(&path).unwrap();
        let part = all.part(1..4).unwrap();
        assert!(matches!((&all.0, &part.0), (Place::Mapped(..), Place::Mapped(..))));
        assert_eq!((&*all, &*part.part(1..3).unwrap()), (&[1, 2, 3, 4, 5][..], &[3, 4][..]));
        assert!(part.part(1..4).is_none() && all == vec![1, 2, 3, 4, 5]);
        // one that replaces the file leaves those be who have it
        fs::write(folder.path().join("new"), [9; 5]).unwrap();
        fs::rename(folder.path().join("new"), &path).unwrap();
        assert_eq!(part, [2, 3, 4]);
        assert_eq!(Pixels::from(vec![7, 8]).part(1..2).unwrap(), [8]);
        fs::write(&path, []).unwrap();
        assert!(Pixels::of_file(&path).unwrap().is_empty());
    }
}
