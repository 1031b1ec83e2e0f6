//! The memory of an emulated device, which the trainers of a worker share: what a simulated job needs of it, and running out of it; and
//! what the device says of itself.
//!
//! It is a folder with a file for each job that has some of the memory. The file is locked by the trainer that runs the job, and says how
//! much the job has. The system takes the lock of a trainer that dies, so its file does not count any more.

use crate::agent::{Device, Meters};
use proto::cost;
use proto::spec::JobSpec;
use proto::status::DeviceReading;
use proto::text::Line;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use tempfile::NamedTempFile;

/// An emulated device's memory.
#[derive(Debug, Clone)]
pub struct Memory {
    /// The folder, which is there.
    pub folder: PathBuf,
    /// All of it.
    pub mib: u64,
}

/// Memory that a job has, until it is dropped.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) mib: u64,
    _file: NamedTempFile,
}

/// What cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum MemoryError {
    #[error("the emulated device is out of memory: the job needs {needed} MiB, {free} of {all} MiB are free")]
    Out { needed: u64, free: u64, all: u64 },
    #[error("the memory of the emulated device cannot be counted: {0}")]
    Io(#[from] io::Error),
}

impl Memory {
    /// Takes what the job needs, until that is dropped.
    ///
    /// # Errors
    /// If there is not so much left, or the folder does not take it.
    pub(super) fn take(&self, spec: &JobSpec) -> Result<Taken, MemoryError> {
        let needed = needed_mib(spec);
        let lock = File::options().create(true).append(true).open(self.folder.join("lock"))?;
        lock.lock()?;
        let free = self.mib.saturating_sub(self.taken()?);
        if needed > free {
            return Err(MemoryError::Out { needed, free, all: self.mib });
        }
        let mut file = tempfile::Builder::new().prefix("job-").tempfile_in(&self.folder)?;
        file.as_file().lock()?;
        write!(file, "{needed}")?;
        Ok(Taken { mib: needed, _file: file })
    }

    /// What running jobs have.
    fn taken(&self) -> io::Result<u64> {
        let mut taken = 0;
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if !entry.file_name().to_string_lossy().starts_with("job-") {
                continue;
            }
            // one that has ended meanwhile
            let Ok(file) = File::open(entry.path()) else { continue };
            if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
                taken += fs::read_to_string(entry.path()).unwrap_or_default().parse::<u64>().unwrap_or(0);
            }
        }
        Ok(taken)
    }
}

/// What an emulated device takes, whatever it does, watts.
const WATTS: f64 = 100.0;

/// What reads emulated devices, whose folders of these names are in `folder`; `None` if there are none.
#[must_use]
pub fn meters(devices: &[Device], folder: &Path) -> Option<Meters> {
    let memory = |device: &Device| Some(Memory { folder: folder.join(&device.name), mib: device.memory_mib? });
    let memories: Vec<_> = devices.iter().filter_map(|of| Some((Line::name(&of.name), memory(of)?))).collect();
    let began = Instant::now();
    let read = move || {
        let of_device = |(name, memory): &(Line, Memory)| DeviceReading {
            device: name.clone(),
            memory_used_mib: memory.taken().unwrap_or_default(),
            memory_total_mib: memory.mib,
            power_watts: Some(WATTS),
            energy_joules: Some(WATTS * began.elapsed().as_secs_f64()),
            ..DeviceReading::default()
        };
        memories.iter().map(of_device).collect()
    };
    (devices.iter().any(|device| device.memory_mib.is_some())).then(|| Arc::new(read) as Meters)
}

/// What such a job would take about: of each convolution the maps that it writes and their gradients, weights, their gradients and Adam's
/// moments, all in f32.
fn needed_mib(spec: &JobSpec) -> u64 {
    let size = spec.data.image_size;
    let layers = cost::layers(spec.architecture, spec.model, size);
    let values: u64 = layers.iter().map(|layer| layer.output * layer.size(size).pow(2)).sum();
    let maps = 2 * values * u64::from(spec.training.batch_size);
    let weights = 4 * cost::parameters(spec.architecture, spec.model, size);
    (4 * (maps + weights)).div_ceil(1 << 20)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn jobs_share_the_memory_and_give_it_back() {
        let folder = tempfile::tempdir().unwrap();
        let spec = JobSpec::default();
        let needed = needed_mib(&spec);
        // a UNet2 of width 64 at 256 pixels, in batches of 10, takes gigabytes
        assert!((1 << 10..16 << 10).contains(&needed), "{needed} MiB");
        let memory = Memory { folder: folder.path().to_owned(), mib: 2 * needed };
        let one = memory.take(&spec).unwrap();
        let two = memory.take(&spec).unwrap();
        assert_eq!((one.mib, two.mib), (needed, needed));
        let refused = memory.take(&spec).unwrap_err();
        assert!(matches!(refused, MemoryError::Out { free: 0, .. }), "{refused}");
        assert!(refused.to_string().contains("out of memory"));
        drop(one);
        memory.take(&spec).unwrap();
        // the file of a trainer that was killed is not locked
        fs::write(folder.path().join("job-dead"), needed.to_string()).unwrap();
        memory.take(&spec).unwrap();
    }
}
