//! The agent: registers with a coordinator, keeps trainers busy, reports. Knows leases, not tensors.
//!
//! ```text
//!  coordinator <--client.rs, calls.rs--> agent.rs <--slot.rs--> a task a slot <--pipe.rs--> trainer, a child process
//!                                        one loop owns all state
//! ```
//!
//! A trainer is a process of its own, so that a device fault or an abort costs one job and not the worker; without faults it serves job
//! after job. A worker that loses the coordinator trains on, keeps what it measured, and hands it in when the coordinator is back.

#[expect(clippy::module_inception, reason = "the loop, beside what it uses")]
mod agent;
mod calls;
mod client;
mod enrolment;
mod finds;
mod pipe;
mod slot;

pub use agent::{AgentError, Inspect, Options, run};
pub use client::ConnectError;
pub use pipe::{read_frame, write_frame};
pub use slot::Launcher;
