//! Where weights and checkpoints lie: a folder, which several hosts may share, or a bucket. Both programs use it: workers write,
//! the coordinator reads.
//!
//! ```text
//!  PLACE / weights / JOB-HASH.safetensors                named by its content: nobody can overwrite it with something else
//!        / checkpoints / JOB / ATTEMPT-FENCE.safetensors the newest of an attempt; no two attempts write the same file
//! ```
//!
//! A file appears whole or not at all. Knows names and bytes, not what they mean.

#[cfg(feature = "cloud")]
mod bucket;
mod folder;

use crate::ids::{JobId, Lease, WeightsHash};
use std::env;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// What the names of buckets begin with.
const SCHEMES: [&str; 3] = ["s3://", "gs://", "az://"];

/// Why a file cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The folder does not do its part.
    #[error("cannot {action} {}: {source}", path.display())]
    Folder {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The bucket does not do its part.
    #[error("cannot {action} {address}: {reason}")]
    Bucket {
        /// What was tried.
        action: &'static str,
        /// On which object.
        address: String,
        /// Why it failed.
        reason: String,
    },
    /// The address of a bucket, and a build that knows none.
    #[error(
        "{address} is a bucket, and this build has no support for buckets: build it with `--features cloud`, or name a folder"
    )]
    NoCloud {
        /// The address.
        address: String,
    },
}

/// A folder or a bucket.
#[derive(Debug, Clone)]
pub struct ArtifactStore {
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Folder(folder::Folder),
    #[cfg(feature = "cloud")]
    Bucket(bucket::Bucket),
}

impl ArtifactStore {
    /// The store at a folder, or at an address that begins with `s3://`, `gs://` or `az://`. Nothing is written yet.
    ///
    /// # Errors
    /// If the address is not that of a bucket, or this build knows no buckets.
    pub fn at(place: &str) -> Result<Self, ArtifactError> {
        if !SCHEMES.iter().any(|scheme| place.starts_with(scheme)) {
            return Ok(Self::in_folder(Path::new(place)));
        }
        #[cfg(feature = "cloud")]
        return Ok(Self { place: Place::Bucket(bucket::Bucket::at(place)?) });
        #[cfg(not(feature = "cloud"))]
        Err(ArtifactError::NoCloud { address: place.to_owned() })
    }

    /// The store in a folder, which is made when something is written.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self { place: Place::Folder(folder::Folder::new(folder)) }
    }

    /// Whether its name means the same on every host: that of a bucket does.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        !matches!(self.place, Place::Folder(_))
    }

    /// Writes a file whole, in the place of an older one of that name. It is on the disk when this returns.
    ///
    /// # Errors
    /// If it cannot be written; an older file stays then.
    pub fn put(&self, name: &str, bytes: &[u8]) -> Result<(), ArtifactError> {
        match &self.place {
            Place::Folder(folder) => folder.put(name, bytes),
            #[cfg(feature = "cloud")]
            Place::Bucket(bucket) => bucket.put(name, bytes),
        }
    }

    /// Reads a file; nothing if there is none.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn get(&self, name: &str) -> Result<Option<Vec<u8>>, ArtifactError> {
        match &self.place {
            Place::Folder(folder) => folder.get(name),
            #[cfg(feature = "cloud")]
            Place::Bucket(bucket) => bucket.get(name),
        }
    }

    /// The names of the files in a folder of the store, sorted.
    ///
    /// # Errors
    /// If they cannot be listed.
    pub fn list(&self, folder: &str) -> Result<Vec<String>, ArtifactError> {
        match &self.place {
            Place::Folder(store) => store.list(folder),
            #[cfg(feature = "cloud")]
            Place::Bucket(bucket) => bucket.list(folder),
        }
    }

    /// Removes a file, which may be gone.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn remove(&self, name: &str) -> Result<(), ArtifactError> {
        match &self.place {
            Place::Folder(folder) => folder.remove(name),
            #[cfg(feature = "cloud")]
            Place::Bucket(bucket) => bucket.remove(name),
        }
    }

    /// Removes all files in a folder of the store, and what writers that died have left there.
    ///
    /// # Errors
    /// If one cannot be removed.
    pub fn clear(&self, folder: &str) -> Result<(), ArtifactError> {
        match &self.place {
            Place::Folder(store) => store.clear(folder),
            #[cfg(feature = "cloud")]
            Place::Bucket(bucket) => bucket.list(folder)?.iter().try_for_each(|name| bucket.remove(name)),
        }
    }
}

impl fmt::Display for ArtifactStore {
    /// The folder or the address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Folder(folder) => folder.fmt(f),
            #[cfg(feature = "cloud")]
            Place::Bucket(bucket) => bucket.fmt(f),
        }
    }
}

/// The user's folder for artifacts: `$XDG_DATA_HOME/splitsweep/artifacts`, else below `~/.local/share`, else below the temporary folder.
#[must_use]
pub fn default_folder() -> PathBuf {
    let absolute = |path: &PathBuf| path.is_absolute();
    env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .filter(absolute)
        .or_else(|| env::home_dir().filter(absolute).map(|home| home.join(".local/share")))
        .unwrap_or_else(env::temp_dir)
        .join("splitsweep/artifacts")
}

/// The name of the file with the weights of a job.
#[must_use]
pub fn weights_name(job: JobId, hash: WeightsHash) -> String {
    format!("weights/{job}-{}.safetensors", &hash.to_string()[..16])
}

/// The folder with the checkpoints of a job.
#[must_use]
pub fn checkpoints_of(job: JobId) -> String {
    format!("checkpoints/{job}")
}

/// The name of an attempt's checkpoint. Coordinators that know nothing of each other may number their attempts alike, so the name has
/// a hash of the lease's token, too.
#[must_use]
pub fn checkpoint_name(lease: &Lease) -> String {
    let fence = WeightsHash::of(&lease.token.0.to_be_bytes()).to_string();
    format!("{}/{}-{}.safetensors", checkpoints_of(lease.job), lease.attempt, &fence[..16])
}
