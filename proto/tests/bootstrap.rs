//! Regenerates the wire types from `sweep/v1/*.proto` and fails if the committed ones differ, so that no build needs `protoc`.

use std::error::Error;
use std::path::Path;

const FILES: [&str; 4] =
    ["sweep/v1/job.proto", "sweep/v1/fleet.proto", "sweep/v1/sweeps.proto", "sweep/v1/trainer.proto"];

#[test]
fn the_committed_wire_types_are_those_of_the_proto_files() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let committed = root.join("src/gen/sweep.v1.rs");
    let before = std::fs::read_to_string(&committed)?;
    let files: Vec<_> = FILES.iter().map(|file| root.join(file)).collect();
    tonic_prost_build::configure()
        .build_transport(true)
        .out_dir(root.join("src/gen"))
        .compile_fds(protox::compile(files, [root])?)?;
    let after = std::fs::read_to_string(&committed)?;
    assert!(before == after, "{} was out of date and is now regenerated: commit it", committed.display());
    Ok(())
}
