//! Which devices `worker --device` names.

use crate::agent::Device;
use std::io;
use std::num::ParseIntError;
use std::process::Command;
use std::str::FromStr;

/// What `--device` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Choice {
    /// The first CUDA device, else the CPU.
    Auto,
    /// Every CUDA device; the CPU if there is none.
    All,
    /// These, each once.
    Named(Vec<String>),
}

/// Why `--device` says nothing that can be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ChoiceError {
    #[error("{0} is listed twice: list each device once; --slots N trains N jobs at once on each")]
    Twice(String),
    #[error("{0} is not for lists: give it alone, or list devices such as cuda:0,cuda:2")]
    NotForLists(String),
    #[error("cpu cannot be listed with other devices, which compute in other numbers: start a worker for it")]
    Mixed,
}

impl FromStr for Choice {
    type Err = ChoiceError;

    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        match text {
            "auto" => return Ok(Self::Auto),
            "all" => return Ok(Self::All),
            _ => {}
        }
        let mut names: Vec<String> = Vec::new();
        for name in text.split(',').map(str::trim) {
            let name = if name == "cuda" { "cuda:0" } else { name };
            if ["auto", "all"].contains(&name) {
                return Err(ChoiceError::NotForLists(name.to_owned()));
            }
            if names.iter().any(|other| other == name) {
                return Err(ChoiceError::Twice(name.to_owned()));
            }
            names.push(name.to_owned());
        }
        if names.len() > 1 && names.iter().any(|name| name == "cpu") {
            return Err(ChoiceError::Mixed);
        }
        Ok(Self::Named(names))
    }
}

impl Choice {
    /// As it was given.
    fn text(&self) -> String {
        match self {
            Self::Auto => "auto".to_owned(),
            Self::All => "all".to_owned(),
            Self::Named(names) => names.join(","),
        }
    }
}

/// The memory of an emulated device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Memory {
    mib: u64,
}

/// A size of memory that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum MemoryError {
    #[error("a size ends in MiB or GiB, such as 8GiB")]
    Unit,
    #[error("a size begins with a whole number, such as 8GiB: {0}")]
    Number(#[from] ParseIntError),
}

impl FromStr for Memory {
    type Err = MemoryError;

    fn from_str(text: &str) -> Result<Self, MemoryError> {
        let (number, unit) = match (text.strip_suffix("MiB"), text.strip_suffix("GiB")) {
            (Some(number), _) => (number, 1),
            (None, Some(number)) => (number, 1 << 10),
            (None, None) => return Err(MemoryError::Unit),
        };
        Ok(Self { mib: u64::from(number.trim().parse::<u32>()?) * unit })
    }
}

/// A device that cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("--device {choice}: {reason}")]
pub struct NoDevice {
    choice: String,
    reason: String,
}

/// The only device of a simulated worker: it has all the memory that there is need for.
pub(super) fn simulated() -> Device {
    Device { name: "simulated".to_owned(), model: None, memory_mib: None, bus: None }
}

/// The emulated devices of that choice, of those with so much memory each: `sim:0`, `sim:1` and so on.
///
/// # Errors
/// If one is not among them.
pub(super) fn emulated(choice: &Choice, memories: &[Memory]) -> Result<Vec<Device>, NoDevice> {
    let all = memories.iter().enumerate().map(|(number, memory)| Device {
        name: format!("sim:{number}"),
        model: Some(format!("{} MiB", memory.mib)),
        memory_mib: Some(memory.mib),
        bus: None,
    });
    let all: Vec<_> = all.collect();
    let names = match choice {
        Choice::Auto => return Ok(all.into_iter().take(1).collect()),
        Choice::All => return Ok(all),
        Choice::Named(names) => names,
    };
    let found = names.iter().map(|name| {
        let device = all.iter().find(|device| device.name == *name).cloned();
        device.ok_or_else(|| {
            let names: Vec<_> = all.iter().map(|device| device.name.as_str()).collect();
            NoDevice {
                choice: choice.text(),
                reason: format!("there is no {name}: --emulate makes {}", names.join(", ")),
            }
        })
    });
    found.collect()
}

/// The devices of that choice. A trainer is asked, because opening a CUDA device takes memory of it for the life of the process.
///
/// # Errors
/// If one is not there or cannot be used, with the reason; if the trainer cannot be started.
pub(super) fn probe(choice: &Choice) -> io::Result<Result<Vec<Device>, NoDevice>> {
    let text = choice.text();
    let probe = Command::new(std::env::current_exe()?).args(["trainer", "--probe", "--device", &text]).output()?;
    if probe.status.success() {
        return Ok(Ok(serde_json::from_slice(&probe.stdout)?));
    }
    let reason = String::from_utf8_lossy(&probe.stderr).trim().trim_start_matches("error: ").to_owned();
    Ok(Err(NoDevice { choice: text, reason }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_each_device_once() {
        let named = |names: &[&str]| Ok(Choice::Named(names.iter().map(|name| (*name).to_owned()).collect()));
        assert_eq!("auto".parse(), Ok(Choice::Auto));
        assert_eq!("all".parse(), Ok(Choice::All));
        assert_eq!("cpu".parse(), named(&["cpu"]));
        assert_eq!("cuda, cuda:2".parse(), named(&["cuda:0", "cuda:2"]));
        assert_eq!("cuda,cuda:0".parse::<Choice>(), Err(ChoiceError::Twice("cuda:0".to_owned())));
        assert_eq!("cuda:0,all".parse::<Choice>(), Err(ChoiceError::NotForLists("all".to_owned())));
        assert_eq!("cuda:0,cpu".parse::<Choice>(), Err(ChoiceError::Mixed));
    }

    #[test]
    fn emulated_devices_are_numbered_and_chosen_like_others() {
        let memories = ["512MiB", "16GiB"].map(|text| text.parse::<Memory>().expect(text));
        let chosen = |choice: &str| {
            let devices = emulated(&choice.parse().expect(choice), &memories);
            devices.map(|devices| devices.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(chosen("auto").expect("the first"), ["sim:0 (512 MiB)"]);
        assert_eq!(chosen("all").expect("both"), ["sim:0 (512 MiB)", "sim:1 (16384 MiB)"]);
        assert_eq!(chosen("sim:1").expect("the second"), ["sim:1 (16384 MiB)"]);
        let missing = chosen("sim:1,sim:2").expect_err("there are two").to_string();
        assert_eq!(missing, "--device sim:1,sim:2: there is no sim:2: --emulate makes sim:0, sim:1");
        for wrong in ["8", "GiB", "8 GB", "-1GiB"] {
            assert!(wrong.parse::<Memory>().is_err(), "{wrong}");
        }
    }
}
