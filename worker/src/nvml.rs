//! What NVIDIA's devices say of themselves, through NVML, the driver's library; where it is missing, nothing is said.
//!
//! A device is found by its place on the bus: CUDA and NVML number devices differently.

use crate::agent::{Device, Meters};
use nvml_wrapper::enum_wrappers::device::TemperatureSensor;
use nvml_wrapper::{Nvml, error::NvmlError};
use proto::status::DeviceReading;
use proto::text::Line;
use std::ffi::OsStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// The library's name: that without a number comes with development files only.
const LIBRARY: &str = "libnvidia-ml.so.1";
/// Bytes of a MiB, as a power of two.
const MIB_BITS: u32 = 20;

/// What reads those of the devices that are on a bus; `None` if there are none, or NVML is missing.
#[must_use]
pub fn meters(devices: &[Device]) -> Option<Meters> {
    let places: Vec<_> =
        devices.iter().filter_map(|device| Some((Line::name(&device.name), device.bus.clone()?))).collect();
    if places.is_empty() {
        return None;
    }
    let nvml = match Nvml::builder().lib_path(OsStr::new(LIBRARY)).init() {
        Ok(nvml) => nvml,
        Err(error) => {
            tracing::debug!(%error, "NVML cannot be used: memory, power and energy of the devices are not reported");
            return None;
        }
    };
    let counters = Mutex::new(vec![Counter::default(); places.len()]);
    Some(Arc::new(move || {
        let mut counters = counters.lock().unwrap_or_else(PoisonError::into_inner);
        let readings = places.iter().zip(counters.iter_mut()).filter_map(|((name, bus), counter)| {
            match read(&nvml, name, bus, counter) {
                Ok(reading) => Some(reading),
                Err(error) => {
                    tracing::debug!(%error, device = &**name, "NVML does not tell of the device");
                    None
                }
            }
        });
        readings.collect()
    }))
}

fn read(nvml: &Nvml, name: &Line, bus: &str, counter: &mut Counter) -> Result<DeviceReading, NvmlError> {
    let device = nvml.device_by_pci_bus_id(bus)?;
    let memory = device.memory_info()?;
    let power = device.power_usage().ok().map(|milliwatts| f64::from(milliwatts) / 1e3);
    let counted = device.total_energy_consumption().ok().map(|millijoules| millijoules as f64 / 1e3);
    Ok(DeviceReading {
        device: name.clone(),
        memory_used_mib: memory.used >> MIB_BITS,
        memory_total_mib: memory.total >> MIB_BITS,
        utilization: device.utilization_rates().ok().map(|rates| f64::from(rates.gpu) / 100.0),
        power_watts: power,
        energy_joules: counter.taken(Instant::now(), counted, power),
        temperature_celsius: device.temperature(TemperatureSensor::Gpu).ok().map(f64::from),
    })
}

/// Energy since the first reading.
#[derive(Debug, Clone, Default)]
struct Counter {
    /// What the device's own counter said first.
    first: Option<f64>,
    /// Of a device without a counter: the sum of power times time, the last power and when it was read.
    sum: f64,
    last: Option<(Instant, f64)>,
}

impl Counter {
    /// What the device has taken by now, joules: by its own counter or, before Volta, by its power.
    fn taken(&mut self, now: Instant, counted: Option<f64>, power: Option<f64>) -> Option<f64> {
        if let Some(counted) = counted {
            return Some(counted - *self.first.get_or_insert(counted));
        }
        let power = power?;
        if let Some((at, before)) = self.last {
            self.sum += 0.5 * (before + power) * now.duration_since(at).as_secs_f64();
        }
        self.last = Some((now, power));
        Some(self.sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn energy_is_counted_from_the_first_reading() {
        let mut counter = Counter::default();
        let now = Instant::now();
        let taken = [500.0, 512.0, 530.0].map(|counted| counter.taken(now, Some(counted), Some(1e9)));
        assert_eq!(taken, [Some(0.0), Some(12.0), Some(30.0)]);
    }

    #[test]
    fn without_a_counter_power_is_summed() {
        let mut counter = Counter::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(counter.taken(at(0), None, Some(100.0)), Some(0.0));
        assert_eq!(counter.taken(at(4), None, Some(200.0)), Some(600.0));
        assert_eq!(counter.taken(at(5), None, None), None);
        assert_eq!(counter.taken(at(6), None, Some(200.0)), Some(1000.0));
    }

    #[test]
    fn devices_without_a_place_on_a_bus_are_not_read() {
        let cpu = Device { name: "cpu".to_owned(), model: None, memory_mib: None, bus: None };
        assert!(meters(&[cpu]).is_none());
    }
}
