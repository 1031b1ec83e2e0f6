//! Where sweeps and workers stand.

use super::InvalidMessage;
use crate::ids::Attempt;
use crate::status::{DeviceReading, RunningJob, Status, SweepState, SweepStatus, WorkerStatus};
use crate::text::Line;
use crate::wire;
use std::collections::BTreeSet;

/// Devices of a worker whose readings are taken.
const MAX_READINGS: usize = 64;

impl From<&Status> for wire::StatusResponse {
    fn from(status: &Status) -> Self {
        Self {
            sweeps: status.sweeps.iter().map(Into::into).collect(),
            workers: status.workers.iter().map(Into::into).collect(),
            epochs_per_second: status.epochs_per_second,
            at_ms: status.at_ms,
        }
    }
}

impl TryFrom<wire::StatusResponse> for Status {
    type Error = InvalidMessage;

    fn try_from(status: wire::StatusResponse) -> Result<Self, InvalidMessage> {
        Ok(Self {
            sweeps: status.sweeps.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            workers: status.workers.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            epochs_per_second: status.epochs_per_second,
            at_ms: status.at_ms,
        })
    }
}

impl From<&SweepStatus> for wire::SweepStatus {
    fn from(status: &SweepStatus) -> Self {
        let state = match status.state {
            SweepState::WaitingForData => wire::SweepState::WaitingForData,
            SweepState::Running => wire::SweepState::Running,
            SweepState::Ended => wire::SweepState::Ended,
            SweepState::Rejected => wire::SweepState::Rejected,
        };
        let SweepStatus { jobs, queued, running, succeeded, failed, cancelled, dropped, .. } = *status;
        let SweepStatus { epochs, epochs_done, simulated, ref sweep, ref problem, .. } = *status;
        let (sweep, state, problem) = (sweep.clone(), state.into(), problem.clone());
        Self {
            sweep,
            state,
            jobs,
            queued,
            running,
            succeeded,
            failed,
            cancelled,
            epochs,
            epochs_done,
            simulated,
            problem,
            dropped,
        }
    }
}

impl TryFrom<wire::SweepStatus> for SweepStatus {
    type Error = InvalidMessage;

    fn try_from(status: wire::SweepStatus) -> Result<Self, InvalidMessage> {
        let state = match status.state() {
            wire::SweepState::Unspecified => return Err(InvalidMessage::Value("sweep.state")),
            wire::SweepState::WaitingForData => SweepState::WaitingForData,
            wire::SweepState::Running => SweepState::Running,
            wire::SweepState::Ended => SweepState::Ended,
            wire::SweepState::Rejected => SweepState::Rejected,
        };
        let wire::SweepStatus { sweep, jobs, queued, running, succeeded, failed, cancelled, .. } = status;
        let wire::SweepStatus { epochs, epochs_done, simulated, problem, dropped, .. } = status;
        Ok(Self {
            sweep,
            state,
            jobs,
            queued,
            running,
            succeeded,
            failed,
            cancelled,
            dropped,
            epochs,
            epochs_done,
            simulated,
            problem,
        })
    }
}

impl From<&WorkerStatus> for wire::WorkerStatus {
    fn from(status: &WorkerStatus) -> Self {
        Self {
            worker: status.worker.clone(),
            name: status.name.clone(),
            host: status.host.clone(),
            device: status.device.clone(),
            slots: status.slots,
            running: status.running.iter().map(Into::into).collect(),
            notices: status.notices.clone(),
            connected: status.connected,
            quarantined: status.quarantined,
            silent: status.silent,
            last_seen_ms: status.last_seen_ms.unwrap_or_default(),
            readings: status.readings.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<wire::WorkerStatus> for WorkerStatus {
    type Error = InvalidMessage;

    fn try_from(status: wire::WorkerStatus) -> Result<Self, InvalidMessage> {
        Ok(Self {
            running: status.running.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            worker: status.worker,
            name: status.name,
            host: status.host,
            device: status.device,
            slots: status.slots,
            notices: status.notices,
            connected: status.connected,
            quarantined: status.quarantined,
            silent: status.silent,
            last_seen_ms: Some(status.last_seen_ms).filter(|at| *at > 0),
            readings: readings(&status.readings),
        })
    }
}

impl From<&DeviceReading> for wire::DeviceReading {
    fn from(reading: &DeviceReading) -> Self {
        Self {
            device: reading.device.to_string(),
            memory_used_mib: reading.memory_used_mib,
            memory_total_mib: reading.memory_total_mib,
            utilization: reading.utilization,
            power_watts: reading.power_watts,
            energy_joules: reading.energy_joules,
            temperature_celsius: reading.temperature_celsius,
        }
    }
}

/// What devices say of themselves: each once, not too many. Nothing depends on it, so what cannot be is left out.
#[must_use]
pub fn readings(said: &[wire::DeviceReading]) -> Vec<DeviceReading> {
    let mut devices = BTreeSet::new();
    let first = said.iter().filter(|reading| devices.insert(reading.device.as_str())).take(MAX_READINGS);
    let number = |value: Option<f64>, most: f64| value.filter(|value| (0.0..=most).contains(value));
    first
        .map(|reading| DeviceReading {
            device: Line::name(&reading.device),
            memory_used_mib: reading.memory_used_mib.min(reading.memory_total_mib),
            memory_total_mib: reading.memory_total_mib,
            utilization: number(reading.utilization, 1.0),
            power_watts: number(reading.power_watts, f64::MAX),
            energy_joules: number(reading.energy_joules, f64::MAX),
            temperature_celsius: reading.temperature_celsius.filter(|celsius| celsius.is_finite()),
        })
        .collect()
}

impl From<&RunningJob> for wire::RunningJob {
    fn from(running: &RunningJob) -> Self {
        let RunningJob { sweep, job, attempt, label, epoch, epochs, loss, seconds, measured_ms } = running;
        Self {
            sweep: sweep.clone(),
            job: job.to_string(),
            attempt: attempt.0,
            label: label.clone(),
            epoch: *epoch,
            epochs: *epochs,
            loss: *loss,
            seconds: *seconds,
            measured_ms: measured_ms.unwrap_or_default(),
        }
    }
}

impl TryFrom<wire::RunningJob> for RunningJob {
    type Error = InvalidMessage;

    fn try_from(running: wire::RunningJob) -> Result<Self, InvalidMessage> {
        let wire::RunningJob { sweep, job, attempt, label, epoch, epochs, loss, seconds, measured_ms } = running;
        let measured_ms = Some(measured_ms).filter(|at| *at > 0);
        let (job, attempt) = (job.parse()?, Attempt(attempt));
        Ok(Self { sweep, job, attempt, label, epoch, epochs, loss, seconds, measured_ms })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

    use super::*;
    use crate::ids::JobId;

    fn status() -> Status {
        let sweep = |state| SweepStatus {
            sweep: "a".to_owned(),
            state,
            jobs: 1,
            queued: 2,
            running: 3,
            succeeded: 4,
            failed: 5,
            cancelled: 6,
            dropped: 7,
            epochs: 8,
            epochs_done: 9,
            simulated: true,
            problem: "none".to_owned(),
        };
        let states = [SweepState::WaitingForData, SweepState::Running, SweepState::Ended, SweepState::Rejected];
        let running = RunningJob {
            sweep: "a".to_owned(),
            job: JobId(7),
            attempt: Attempt(2),
            label: "unet split 3".to_owned(),
            epoch: 10,
            epochs: 11,
            loss: Some(0.25),
            seconds: 2.5,
            measured_ms: Some(12),
        };
        let worker = WorkerStatus {
            worker: "w".to_owned(),
            name: "gpu".to_owned(),
            host: "h".to_owned(),
            device: "cpu".to_owned(),
            slots: 12,
            running: vec![running],
            notices: vec!["no data".to_owned()],
            connected: true,
            quarantined: true,
            silent: true,
            last_seen_ms: Some(13),
            readings: vec![reading()],
        };
        Status { sweeps: states.map(sweep).to_vec(), workers: vec![worker], epochs_per_second: 0.5, at_ms: 14 }
    }

    fn reading() -> DeviceReading {
        DeviceReading {
            device: Line::name("cuda:0"),
            memory_used_mib: 15,
            memory_total_mib: 16,
            utilization: Some(0.75),
            power_watts: Some(17.0),
            energy_joules: Some(18.0),
            temperature_celsius: Some(19.0),
        }
    }

    #[test]
    fn of_what_devices_say_only_what_can_be_is_taken() {
        let told = wire::DeviceReading::from(&reading());
        let absurd = wire::DeviceReading {
            device: "cuda:1\n".to_owned(),
            memory_used_mib: 17,
            utilization: Some(1.5),
            power_watts: Some(-1.0),
            energy_joules: Some(f64::INFINITY),
            temperature_celsius: Some(f64::NAN),
            ..told.clone()
        };
        let device = Line::name("cuda:1");
        let nothing = DeviceReading { device, memory_used_mib: 16, memory_total_mib: 16, ..DeviceReading::default() };
        assert_eq!(readings(&[told.clone(), absurd, told.clone()]), [reading(), nothing]);
        let many: Vec<_> =
            (0..100).map(|device| wire::DeviceReading { device: device.to_string(), ..told.clone() }).collect();
        assert_eq!(readings(&many).len(), MAX_READINGS);
    }

    #[test]
    fn a_status_survives_the_wire() {
        let wire = wire::StatusResponse::from(&status());
        assert_eq!(Status::try_from(wire.clone()), Ok(status()));
        let mut unknown = wire;
        unknown.sweeps[0].state = 99;
        assert_eq!(Status::try_from(unknown), Err(InvalidMessage::Value("sweep.state")));
    }

    #[test]
    fn a_job_runs_since_it_was_measured_and_as_long_as_it_said() {
        let running = &status().workers[0].running[0];
        assert_eq!(running.elapsed(1012).unwrap().as_millis(), 3500);
        let unseen = RunningJob { measured_ms: None, ..running.clone() };
        assert_eq!(unseen.elapsed(1012), None);
    }

    #[test]
    fn a_worker_s_pace_is_that_of_all_epochs_that_its_jobs_have_measured() {
        let worker = &status().workers[0];
        assert_eq!(worker.seconds_per_epoch(), Some(0.25));
        let job = |epoch, seconds| RunningJob { epoch, seconds, ..worker.running[0].clone() };
        let with = |running| WorkerStatus { running, ..worker.clone() }.seconds_per_epoch();
        assert_eq!(with(vec![job(10, 2.5), job(30, 17.5), job(0, 0.0)]), Some(0.5));
        assert_eq!((with(vec![job(0, 0.0)]), with(Vec::new())), (None, None));
    }

    #[test]
    fn a_status_for_programs_has_the_keys_that_they_know() {
        let json = serde_json::to_value(status()).unwrap();
        let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
        assert_eq!(keys(&json), "at_ms epochs_per_second sweeps workers");
        let of_sweep =
            "cancelled dropped epochs epochs_done failed jobs problem queued running simulated state succeeded sweep";
        assert_eq!(keys(&json["sweeps"][0]), of_sweep);
        assert_eq!(json["sweeps"][0]["state"], "waiting_for_data");
        let worker = &json["workers"][0];
        assert_eq!(
            keys(worker),
            "connected device host last_seen_ms name notices quarantined readings running silent slots worker"
        );
        assert_eq!(
            keys(&worker["readings"][0]),
            "device energy_joules memory_total_mib memory_used_mib power_watts temperature_celsius utilization"
        );
        assert_eq!(keys(&worker["running"][0]), "attempt epoch epochs job loss measured_ms seconds sweep");
    }
}
