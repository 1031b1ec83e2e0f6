//! Integration tests: one module a behaviour. The programs run as processes of their own, in folders of their own, and are
//! stopped, killed and fed with nonsense; [`harness`] starts and ends them.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod harness;

mod complete;
mod deploy;
mod restart;
