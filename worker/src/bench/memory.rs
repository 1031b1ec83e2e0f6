//! Memory of this process.

/// The most that it has used so far, in MiB, the device's memory left out; known on Linux only.
#[must_use]
pub fn peak_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"))?;
    Some(peak.trim().parse::<f64>().ok()? / 1024.0)
}
