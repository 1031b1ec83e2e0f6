//! What the devices say of themselves, and which job has taken how much of their energy. Pure, as `state.rs`.
//!
//! ```text
//!           start of a job          start of another        end of one             end of the other
//!  reading  |--------- all to it ---|-------- half to each --|------- all to it ----|--- to nobody
//! ```
//!
//! Devices are read at every start and end of a job, and now and then between: so in each span the same jobs run.

use super::state::State;
use proto::status::DeviceReading;
use proto::wire;
use std::sync::Arc;
use std::time::Duration;

/// Devices are read this often at least.
pub(super) const READING_INTERVAL: Duration = Duration::from_secs(5);

/// Reads the devices that can be read, by their names.
pub type Meters = Arc<dyn Fn() -> Vec<DeviceReading> + Send + Sync>;

/// A job's part of what its device has taken.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Share {
    /// The job ran at the last reading, so what was taken since is its as well.
    is_metered: bool,
    /// `None`: the device does not say.
    pub(super) joules: Option<f64>,
}

impl State {
    /// The devices were read.
    pub fn on_read(&mut self, readings: Vec<DeviceReading>) {
        for (index, device) in self.profile.devices.iter().enumerate() {
            let of_device = |readings: &[DeviceReading]| {
                readings.iter().find(|reading| *reading.device == device.name).and_then(|reading| reading.energy_joules)
            };
            let Some(energy) = of_device(&readings) else { continue };
            // a counter that was set back says nothing of this span
            let taken = of_device(&self.readings).map_or(0.0, |before| (energy - before).max(0.0));
            let is_here = |slot: Option<usize>| slot.is_some_and(|slot| self.profile.device_of(slot) == index);
            let mut shares: Vec<_> =
                self.attempts.values_mut().filter(|held| is_here(held.slot)).map(|held| &mut held.share).collect();
            let metered = shares.iter().filter(|share| share.is_metered).count().max(1) as f64;
            for share in &mut shares {
                let part = if share.is_metered { taken / metered } else { 0.0 };
                **share = Share { is_metered: true, joules: Some(share.joules.unwrap_or(0.0) + part) };
            }
        }
        (self.readings, self.readings_unsent) = (readings, true);
    }

    /// What the coordinator was not told yet. What gets lost on its way is old soon.
    pub(super) fn unsent_readings(&mut self) -> Vec<wire::DeviceReading> {
        let is_unsent = std::mem::take(&mut self.readings_unsent);
        self.readings.iter().filter(|_| is_unsent).map(Into::into).collect()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

    use super::*;
    use crate::agent::Device;
    use crate::agent::state::tests::profile;
    use proto::ids::WorkerId;
    use proto::text::Line;
    use proto::wire::{Assignment, Lease};
    use std::time::Instant;

    /// A job that nobody need understand.
    fn assignment(job: u128) -> Assignment {
        let lease = Lease { job: format!("{job:032x}"), attempt: 1, token: format!("{job:032x}") };
        let dataset = wire::Dataset { name: "ph2".to_owned(), format: 1, ..wire::Dataset::default() };
        Assignment { lease: Some(lease), dataset: Some(dataset), ..Assignment::default() }
    }

    #[test]
    fn jobs_share_what_their_device_takes_while_they_run() {
        let mut of_two = profile(2);
        let device = |name: &str| Device { name: name.to_owned(), model: None, memory_mib: None, bus: None };
        of_two.devices = vec![device("cuda:0"), device("cuda:1")];
        let now = Instant::now();
        let mut state = State::new(of_two, WorkerId(1), now);
        let read = |state: &mut State, first: f64, second: f64| {
            let reading = |name: &str, joules| DeviceReading {
                device: Line::name(name),
                energy_joules: Some(joules),
                ..DeviceReading::default()
            };
            state.on_read(vec![reading("cuda:0", first), reading("cuda:1", second)]);
        };
        let joules = |state: &State| -> Vec<_> { state.attempts.values().map(|held| held.share.joules).collect() };
        let place = |state: &mut State, job: u128, slot: usize| {
            state.on_assigned(now, vec![assignment(job)]);
            state.attempts.values_mut().find(|held| held.lease.job.0 == job).unwrap().slot = Some(slot);
        };
        read(&mut state, 1000.0, 0.0);
        place(&mut state, 1, 0);
        read(&mut state, 1010.0, 5.0);
        assert_eq!(joules(&state), [Some(0.0)], "what an idle device took is nobody's");
        read(&mut state, 1030.0, 7.0);
        assert_eq!(joules(&state), [Some(20.0)]);
        // slots 0 and 2 are on the first device, 1 on the second
        place(&mut state, 2, 2);
        place(&mut state, 3, 1);
        read(&mut state, 1040.0, 8.0);
        assert_eq!(joules(&state), [Some(30.0), Some(0.0), Some(0.0)]);
        read(&mut state, 1060.0, 11.0);
        assert_eq!(joules(&state), [Some(40.0), Some(10.0), Some(3.0)]);
        read(&mut state, 0.0, 12.0);
        assert_eq!(joules(&state), [Some(40.0), Some(10.0), Some(4.0)], "the counter was set back");
    }
}
