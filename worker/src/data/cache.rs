//! Resized cases kept in a file, so that the next process need not decode them, and all processes of a host share their memory.
//!
//! ```text
//!  safetensors   images u8 [cases, 3, size, size]     masks u8 [cases, size, size], 0 or 1
//!  its metadata  version  content  image_size  cases (ids, JSON)  checksum (BLAKE3 of images, then masks)
//! ```
//!
//! A file is believed only if all of it agrees with what was asked for; else it is made anew. It appears by a rename, so it is
//! whole or absent. A lock file beside it lets one process make it while others wait. Knows no image formats.

use super::{CaseSet, DataError, Pixels};
use crate::new_file::{NewFile, folder};
use proto::data::Inventory;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensorError, SafeTensors};
use std::collections::HashMap;
use std::env;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Changed with every change of the reading, of the resizing or of the file's layout.
const VERSION: &str = "2";

/// The resized cases are right, but could not be kept.
#[derive(Debug, thiserror::Error)]
#[error("cannot keep the resized images in `{}`; check the folder's permissions and free space", path.display())]
pub struct CacheError {
    /// The file.
    pub path: PathBuf,
    /// The system's reason.
    pub source: io::Error,
}

/// The user's cache folder: `$XDG_CACHE_HOME/splitsweep`, else `~/.cache/splitsweep`, else below the temporary folder.
#[must_use]
pub fn default_cache_dir() -> PathBuf {
    let absolute = |path: &PathBuf| path.is_absolute();
    env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(absolute)
        .or_else(|| env::home_dir().filter(absolute).map(|home| home.join(".cache")))
        .unwrap_or_else(env::temp_dir)
        .join("splitsweep")
}

/// The name of the file that holds a data set at a size.
pub(crate) fn file_name(inventory: &Inventory, image_size: u32) -> String {
    format!("{}-{image_size}.safetensors", inventory.content)
}

/// Takes the cases from the file, else from `make`, and then tries to keep them in the file.
///
/// # Errors
/// If `make` fails; nothing is written then.
pub(crate) fn fetch(
    path: &Path,
    inventory: &Inventory,
    image_size: u32,
    make: impl FnOnce() -> Result<CaseSet, DataError>,
) -> Result<(CaseSet, Result<(), CacheError>), DataError> {
    if let Some(set) = usable(path, inventory, image_size) {
        return Ok((set, Ok(())));
    }
    let lock = lock(path);
    // Another process may have made the file while this one waited for the lock.
    if let Some(set) = usable(path, inventory, image_size) {
        return Ok((set, Ok(())));
    }
    let set = make()?;
    let kept = lock.and_then(|_lock| write(path, &set));
    Ok((set, kept.map_err(|source| CacheError { path: path.to_owned(), source })))
}

/// Waits until no other process makes the file. The lock goes with the returned file, and when its process dies.
fn lock(path: &Path) -> io::Result<File> {
    let folder = folder(path);
    fs::create_dir_all(folder)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    let lock = File::options().create(true).append(true).open(folder.join(name))?;
    if let Err(error) = lock.lock() {
        // Some network file systems have none. The rename still keeps the file whole.
        tracing::debug!(path = %path.display(), %error, "no file lock; the images may be prepared twice");
    }
    Ok(lock)
}

fn write(path: &Path, set: &CaseSet) -> io::Result<()> {
    let bytes = encode(set).map_err(io::Error::other)?;
    let mut file = NewFile::create(path)?;
    file.write_all(&bytes)?;
    file.keep()
}

fn encode(set: &CaseSet) -> Result<Vec<u8>, SafeTensorError> {
    let [images, masks] = shapes(&set.inventory, set.image_size);
    let tensors = [
        ("images", TensorView::new(Dtype::U8, images, &set.images)?),
        ("masks", TensorView::new(Dtype::U8, masks, &set.masks)?),
    ];
    let mut metadata = expected(&set.inventory, set.image_size)?;
    metadata.insert("checksum".to_owned(), checksum(&set.images, &set.masks));
    safetensors::serialize(tensors, Some(metadata))
}

fn shapes(inventory: &Inventory, image_size: u32) -> [Vec<usize>; 2] {
    let (cases, size) = (inventory.cases.len(), image_size as usize);
    [vec![cases, 3, size, size], vec![cases, size, size]]
}

/// The metadata that is known before the file is read.
fn expected(inventory: &Inventory, image_size: u32) -> Result<HashMap<String, String>, serde_json::Error> {
    let entries = [
        ("version", VERSION.to_owned()),
        ("content", inventory.content.to_string()),
        ("image_size", image_size.to_string()),
        ("cases", serde_json::to_string(&inventory.cases)?),
    ];
    Ok(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn checksum(images: &[u8], masks: &[u8]) -> String {
    blake3::Hasher::new().update(images).update(masks).finalize().to_string()
}

/// The cases of a file that is there and agrees with what is asked for.
fn usable(path: &Path, inventory: &Inventory, image_size: u32) -> Option<CaseSet> {
    let bytes = match Pixels::of_file(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "cannot read the prepared images; making them anew");
            return None;
        }
    };
    let set = decode(&bytes, inventory, image_size);
    set.inspect_err(|reason| tracing::warn!(path = %path.display(), %reason, "making the prepared images anew")).ok()
}

/// Why a file is not believed.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("not a safetensors file: {0}")]
    Format(#[from] SafeTensorError),
    #[error("{0} is not what was asked for")]
    Differs(&'static str),
}

fn decode(bytes: &Pixels, inventory: &Inventory, image_size: u32) -> Result<CaseSet, Unusable> {
    let (header_bytes, header) = SafeTensors::read_metadata(bytes)?;
    let mut metadata = header.metadata().clone().unwrap_or_default();
    let stored = metadata.remove("checksum");
    if metadata != expected(inventory, image_size).map_err(SafeTensorError::from)? {
        return Err(Unusable::Differs("the metadata"));
    }
    let tensors = SafeTensors::deserialize(bytes)?;
    let (images, masks) = (tensors.tensor("images")?, tensors.tensor("masks")?);
    if [images.shape(), masks.shape()] != shapes(inventory, image_size)
        || [images.dtype(), masks.dtype()] != [Dtype::U8; 2]
    {
        return Err(Unusable::Differs("a shape"));
    }
    if stored != Some(checksum(images.data(), masks.data())) || masks.data().iter().any(|pixel| *pixel > 1) {
        return Err(Unusable::Differs("a pixel"));
    }
    // the length of the header stands before it, in eight bytes
    let pixels = |name| {
        let (start, end) = header.info(name)?.data_offsets;
        bytes.part(8 + header_bytes + start..8 + header_bytes + end)
    };
    let (images, masks) = pixels("images").zip(pixels("masks")).ok_or(Unusable::Differs("a shape"))?;
    Ok(CaseSet { images, masks, ..CaseSet::new(inventory.clone(), image_size, Vec::new(), Vec::new()) })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::{DataError, fetch};
    use crate::data::CaseSet;
    use proto::data::Inventory;
    use proto::ids::ContentHash;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn who_waits_for_the_lock_makes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let inventory = Inventory::new(ContentHash::of(b"some"), vec!["a".to_owned()]);
        let set = CaseSet::new(inventory.clone(), 1, vec![1, 2, 3], vec![1]);
        let (start, made) = (Barrier::new(8), AtomicU32::new(0));
        let make = || {
            made.fetch_add(1, Ordering::SeqCst);
            Ok::<_, DataError>(set.clone())
        };
        let work = || {
            start.wait();
            let (got, kept) = fetch(&dir.path().join("file"), &inventory, 1, make).unwrap();
            assert!(got == set && kept.is_ok());
        };
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(work);
            }
        });
        assert_eq!(made.into_inner(), 1);
    }
}
