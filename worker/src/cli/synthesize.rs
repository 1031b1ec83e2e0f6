//! `worker synthesize`: writes synthetic cases in the layout and the file variants of the PH2 database. The folder appears by a
//! rename, so it is whole or absent.

use super::prepare::progress;
use crate::data::{bmp, ph2, synthetic};
use crate::new_file::folder;
use proto::data::Synthetic;
use rayon::prelude::*;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// One mask in so many is written as 24 bits a pixel, first row first.
const TOP_DOWN_EVERY: u32 = 8;

/// Write a synthetic data set in PH2's layout.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder to make
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Number of cases
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(Synthetic::MAX_CASES)))]
    cases: u32,
    /// Seed of the images
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum SynthesizeError {
    /// The folder is not ours to replace.
    #[error("`{}` exists and is not an empty folder; name another with --out", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// The system would not write.
    #[error("cannot write `{}`; check that the folder it lies in exists, its permissions and free space", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The standard output cannot be written.
    #[error("cannot write to the standard output")]
    Output(#[from] io::Error),
}

/// Runs the subcommand.
///
/// # Errors
/// If the folder is there and not empty, or cannot be written; nothing is left behind then.
pub fn run(args: Args) -> Result<(), SynthesizeError> {
    write(&args.out, args.cases, args.seed)?;
    let mut out = io::stdout().lock();
    writeln!(out, "path: {}\ncases: {}", args.out.display(), args.cases)?;
    Ok(())
}

/// Writes the data set into the new folder `out`.
fn write(out: &Path, cases: u32, seed: u64) -> Result<(), SynthesizeError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| SynthesizeError::Write { path, source }
    };
    let taken = match fs::read_dir(out) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    };
    if taken {
        return Err(SynthesizeError::Exists { path: out.to_owned() });
    }
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    let unfinished = builder.prefix(".splitsweep-").tempdir_in(folder(out)).map_err(failed(out))?;

    let images = unfinished.path().join(ph2::IMAGES);
    let progress = progress(cases as usize);
    Synthetic { cases, seed }.ids().par_iter().zip(0..cases).try_for_each(|(id, index)| {
        let case = synthetic::case(seed, index);
        let mask = if index % TOP_DOWN_EVERY == 0 { bmp::mask_top_down } else { bmp::mask };
        let files = [
            (ph2::image_path(&images, id), bmp::image(case.width, case.height, &case.image)),
            (ph2::mask_path(&images, id), mask(case.width, case.height, &case.mask)),
        ];
        for (path, bytes) in files {
            let folder = path.parent().unwrap_or(&images);
            fs::create_dir_all(folder).and_then(|()| fs::write(&path, bytes)).map_err(failed(&path))?;
        }
        progress.inc(1);
        Ok::<_, SynthesizeError>(())
    })?;
    progress.finish_and_clear();
    fs::rename(unfinished.path(), out).map_err(failed(out))?;
    // The folder is at its place; there is nothing to clean up.
    let _ = unfinished.keep();
    Ok(())
}
