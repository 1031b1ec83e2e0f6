//! Generates the wire types from `sweep/v1/*.proto` and fails if the committed ones differ, so that no build needs `protoc`. With
//! `BLESS=1` in the environment the committed ones are replaced.

use std::error::Error;
use std::path::Path;

const FILES: [&str; 4] =
    ["sweep/v1/job.proto", "sweep/v1/fleet.proto", "sweep/v1/sweeps.proto", "sweep/v1/trainer.proto"];

#[test]
fn the_committed_wire_types_are_those_of_the_proto_files() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let committed = root.join("src/gen/sweep.v1.rs");
    let files: Vec<_> = FILES.iter().map(|file| root.join(file)).collect();
    let folder = tempfile::tempdir()?;
    tonic_prost_build::configure()
        .build_transport(true)
        .out_dir(folder.path())
        .compile_fds(protox::compile(files, [root])?)?;
    let generated = std::fs::read_to_string(folder.path().join("sweep.v1.rs"))?;
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&committed, &generated)?;
    }
    let is_current = std::fs::read_to_string(&committed)? == generated;
    assert!(is_current, "{} is out of date: BLESS=1 cargo test -p proto, and commit it", committed.display());
    Ok(())
}
