//! Integration tests: one module a behaviour. The programs run as processes of their own, in folders of their own, and are
//! stopped, killed and fed with nonsense; [`harness`] starts and ends them.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod harness;

mod asked;
mod bad_input;
mod calls;
mod certificates;
mod checkpoints;
mod complete;
mod data_pin;
mod deploy;
mod determinism;
mod device_script;
mod devices;
mod drain;
mod durability;
mod everyday;
mod export;
mod full_screen;
mod hooks;
mod interrupt;
mod limits;
mod manners;
mod monitoring;
mod own_data;
mod ownership;
mod page;
mod predict;
mod race;
mod replicates;
mod report;
mod restart;
mod security;
mod shell;
mod splits;
mod stores;
mod tidy;
mod tokens;
mod traces;
mod upkeep;
mod vectors;
mod weights;
mod wire;
mod workers;
