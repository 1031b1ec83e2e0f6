//! The devices of a worker, as it tells others of them.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A device that jobs are trained on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// What it is called: `cpu`, `cuda:N`, `sim:N` or `simulated`.
    pub name: String,
    /// What it is, for people.
    pub model: Option<String>,
    /// All of its memory, if that is known.
    pub memory_mib: Option<u64>,
    /// Its place on the PCI bus, such as `00000000:17:00.0`; of a CUDA device.
    pub bus: Option<String>,
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&described(std::slice::from_ref(self)))
    }
}

/// The devices for people, those of one model together: `cuda:0, cuda:1 (NVIDIA A100), cuda:2 (NVIDIA T4)`.
#[must_use]
pub fn described(devices: &[Device]) -> String {
    let alike = devices.chunk_by(|one, next| one.model == next.model).map(|alike| {
        let names: Vec<_> = alike.iter().map(|device| device.name.as_str()).collect();
        let names = names.join(", ");
        match alike.first().and_then(|device| device.model.as_deref()) {
            Some(model) => format!("{names} ({model})"),
            None => names,
        }
    });
    alike.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_devices_are_named_and_those_of_one_model_together() {
        let device = |name: &str, model: Option<&str>| Device {
            name: name.to_owned(),
            model: model.map(str::to_owned),
            memory_mib: None,
            bus: None,
        };
        assert_eq!(described(&[device("simulated", None)]), "simulated");
        let three = [device("cuda:0", Some("A")), device("cuda:1", Some("A")), device("cuda:3", Some("B"))];
        assert_eq!(described(&three), "cuda:0, cuda:1 (A), cuda:3 (B)");
    }
}
