//! SIGHUP: what a program hears when its terminal is gone, unless it was started by `nohup`.

use std::fs;

/// Whether the process was started so that it does not hear SIGHUP. False if the system does not say.
#[must_use]
pub fn is_ignored() -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| says_ignored(&status))
}

/// Whether the first bit of the mask of ignored signals is set, as proc(5) describes it.
fn says_ignored(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 != 0)
}

#[cfg(test)]
mod tests {
    use super::says_ignored;

    #[test]
    fn the_mask_of_ignored_signals_says_so() {
        assert!(says_ignored("Name:\tworker\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000000\n"));
        assert!(!says_ignored("SigIgn:\t0000000000001000\n") && !says_ignored("SigIgn:\n") && !says_ignored(""));
    }
}
