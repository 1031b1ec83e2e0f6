//! How many jobs a worker trains side by side where nobody says it.

use crate::host;

/// Memory of the largest jobs of the reference protocol: 256 pixels, width 64, batches of 10.
const MIB_PER_JOB: u64 = 6 << 10;

/// The number of slots on a device of that name, with so many CPU threads.
pub(super) fn default_slots(device: &str, threads: usize) -> usize {
    if device.starts_with("cpu") { on_cpu(threads, host::total_mib()) } else { 1 }
}

/// One slot per thread, as far as their jobs fit into the memory.
///
/// Several jobs on one thread each are faster than one job on all threads: the layers with small maps have too little to do to
/// share. At 64 pixels two jobs on two cores take 1.2 to 1.4 times as long one after the other.
fn on_cpu(threads: usize, memory_mib: Option<u64>) -> usize {
    let fitting = memory_mib.map_or(1, |mib| mib / MIB_PER_JOB);
    threads.min(usize::try_from(fitting).unwrap_or(usize::MAX)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_the_cpu_every_thread_has_a_slot_if_the_memory_has_room_for_their_jobs() {
        for (threads, memory, slots) in
            [(2, 24 << 10, 2), (16, 24 << 10, 4), (2, 7 << 10, 1), (4, 100, 1), (1, 1 << 20, 1)]
        {
            assert_eq!(on_cpu(threads, Some(memory)), slots, "{threads} threads, {memory} MiB");
        }
        assert_eq!(on_cpu(8, None), 1, "memory is not known");
        assert_eq!(default_slots("cuda:0", 8), 1);
        assert_eq!(default_slots("simulated", 8), 1);
    }
}
