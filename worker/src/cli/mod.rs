//! The subcommands, one file each.

pub mod prepare;
pub mod synthesize;
