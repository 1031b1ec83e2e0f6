//! The agent: registers with a coordinator, keeps trainers busy, reports. Knows leases, not tensors.
//!
//! ```text
//!  state    what the worker knows and does next; jobs, calls, finds, packing, meters, complaint, leaving, standing    pure
//!  run      the loop that owns the state and does what it says
//!  client   the connection to the coordinator
//!  slot     a task a slot <--pipe--> trainer, a child process
//!  device   the devices that the slots are on
//! ```
//!
//! A trainer is a process of its own, so that a device fault or an abort costs one job and not the worker; without faults it serves job
//! after job. A worker that loses the coordinator trains on, keeps what it measured, and hands it in when the coordinator is back.

mod calls;
mod client;
mod complaint;
mod device;
mod enrolment;
mod finds;
mod jobs;
mod last_words;
mod leaving;
mod meters;
mod packing;
mod pipe;
mod run;
mod slot;
mod standing;
mod state;

pub use calls::Answer;
pub use client::ConnectError;
pub use device::{Device, described};
pub use finds::Found;
pub use meters::Meters;
pub use pipe::{read_frame, write_frame};
pub use run::{AgentError, Discard, Inspect, Options, run};
pub use slot::Launcher;
pub use state::{Action, Call, CallId, Profile, Report, State};
