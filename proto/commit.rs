//! The build script of both programs: `--version` names the commit that they are made of, `0.1.0 (abc1234)`. It runs again only when
//! sources have changed, so a commit by itself builds nothing anew.

#![allow(clippy::print_stdout, reason = "cargo reads what a build script prints")]

use std::env;
use std::process::Command;

fn main() {
    for place in ["src", "../proto/src", "../Cargo.lock"] {
        println!("cargo::rerun-if-changed={place}");
    }
    let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let version = commit().map_or_else(|| version.clone(), |commit| format!("{version} ({commit})"));
    println!("cargo::rustc-env=SPLITSWEEP_VERSION={version}");
}

/// The short name of the commit, and whether files differ from it; `None` if the sources are in no repository.
fn commit() -> Option<String> {
    let arguments = ["describe", "--always", "--exclude=*", "--abbrev=7", "--dirty=, changed"];
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    let commit = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!commit.is_empty()).then_some(commit)
}
