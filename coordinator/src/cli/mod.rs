//! One file a subcommand.

pub mod plan;
