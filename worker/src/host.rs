//! Memory of this host and of this process, as Linux tells of it; elsewhere nothing is known.

use std::fs;
use std::io;

/// What Linux takes, written to `/proc/self/clear_refs`, for the wish to measure the peak anew (proc(5)).
const FORGET_PEAK: &str = "5";

/// The memory that processes of this host, or of the container that this one is in, have together.
#[must_use]
pub fn total_mib() -> Option<u64> {
    let total = kib_after(&fs::read_to_string("/proc/meminfo").ok()?, "MemTotal:")? >> 10;
    let limit = fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let limit = limit.and_then(|text| text.trim().parse::<u64>().ok()).map(|bytes| bytes >> 20);
    Some(limit.map_or(total, |limit| limit.min(total)))
}

/// The most that this process has used since its start, or since [`forget_peak`], a device's memory left out.
#[must_use]
pub fn peak_mib() -> Option<f64> {
    Some(kib_after(&fs::read_to_string("/proc/self/status").ok()?, "VmHWM:")? as f64 / 1024.0)
}

/// Has [`peak_mib`] tell of what comes from now on.
///
/// # Errors
/// If the system does not let it; the peak is then the one since the start.
pub fn forget_peak() -> io::Result<()> {
    fs::write("/proc/self/clear_refs", FORGET_PEAK)
}

/// How often this host has killed a process because it ran out of memory.
#[must_use]
pub fn processes_killed_for_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/vmstat").ok()?;
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

/// The number of the line that begins with `key`, in kB, which Linux takes for KiB.
fn kib_after(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.trim().strip_suffix(" kB"))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::kib_after;

    #[test]
    fn a_number_is_found_by_its_key() {
        let text = "VmPeak:\t  900 kB\nVmHWM:\t  4808 kB\nThreads:\t2\n";
        assert_eq!(kib_after(text, "VmHWM:"), Some(4808));
        assert_eq!((kib_after(text, "Threads:"), kib_after(text, "VmRSS:")), (None, None));
    }
}
