//! The files of a report -> a zip to publish. The same files give the same bytes.

mod crate_metadata;
mod readme;

use crate::publish::ABOUT;
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use std::fmt::Write as _;
use std::io::{self, Cursor, Write};
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// What a bundle says in plain words.
const README: &str = "README.md";
/// What it says to programs (RO-Crate).
const METADATA: &str = "ro-crate-metadata.json";
/// The hashes of its files.
const HASHES: &str = "SHA256SUMS";

/// What only its publisher can say of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Publication {
    /// The names of its authors.
    pub authors: Vec<String>,
    /// The address of its licence.
    pub license: Option<String>,
    /// The day (ISO 8601) on which it is published; that of the sweep's submission if `None`.
    pub date: Option<String>,
}

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The zip is not written.
    #[error("the bundle cannot be written: {0}")]
    Zip(#[from] ZipError),
    /// A file is not written into it.
    #[error("the bundle cannot be written: {0}")]
    Io(#[from] io::Error),
    /// The coordinator says nothing of the sweep, or something else.
    #[error("the coordinator sends no {ABOUT} that this program understands: use programs of the same version")]
    About,
}

/// A bundle that is being made.
pub struct Bundle {
    zip: ZipWriter<Cursor<Vec<u8>>>,
    files: Vec<Packed>,
    about: Option<About>,
}

/// A file in a bundle.
struct Packed {
    path: String,
    size: usize,
    /// Its SHA-256 in hexadecimal digits.
    hash: String,
}

/// What is known of the sweep: a part of [`ABOUT`].
#[derive(Debug, Deserialize)]
struct About {
    sweep: String,
    submitted: String,
    trainer: String,
    data: Data,
    candidates: u64,
    replicates: u64,
    versions: Versions,
    /// The command that runs the sweep again.
    repeat: String,
    answer: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Data {
    name: String,
    content: Option<String>,
    cases: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Versions {
    splitsweep: String,
}

impl Default for Bundle {
    fn default() -> Self {
        Self { zip: ZipWriter::new(Cursor::new(Vec::new())), files: Vec::new(), about: None }
    }
}

impl Bundle {
    /// Takes a file of the report.
    ///
    /// # Errors
    /// If it cannot be packed, or is [`ABOUT`] and not understood.
    pub fn add(&mut self, path: &str, bytes: &[u8]) -> Result<(), BundleError> {
        if path == ABOUT {
            self.about = Some(serde_json::from_slice(bytes).map_err(|_| BundleError::About)?);
        }
        // a zip has times: one that says nothing
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::DEFAULT)
            .unix_permissions(0o644);
        self.zip.start_file(path, options)?;
        self.zip.write_all(bytes)?;
        let hash = digest(&SHA256, bytes).as_ref().iter().fold(String::new(), |mut hash, byte| {
            let _ = write!(hash, "{byte:02x}"); // a text takes all
            hash
        });
        self.files.push(Packed { path: path.to_owned(), size: bytes.len(), hash });
        Ok(())
    }

    /// The zip, once it has all files of the report.
    ///
    /// # Errors
    /// If [`ABOUT`] was not among them, or the zip is not written.
    pub fn close(mut self, publication: &Publication) -> Result<Vec<u8>, BundleError> {
        let about = self.about.take().ok_or(BundleError::About)?;
        self.add(README, readme::write(&about, publication).as_bytes())?;
        self.add(METADATA, crate_metadata::write(&about, &self.files, publication).as_bytes())?;
        let hashes: String = self.files.iter().map(|file| format!("{}  {}\n", file.hash, file.path)).collect();
        self.add(HASHES, hashes.as_bytes())?;
        Ok(self.zip.finish()?.into_inner())
    }
}

/// The day of a time (RFC 3339).
fn day(time: &str) -> &str {
    time.split_once(['T', ' ']).map_or(time, |(day, _)| day)
}
