//! Generates the wire types and their description from `sweep/v1/*.proto` and fails if the committed ones differ, so that no build
//! needs `protoc`. With `BLESS=1` in the environment the committed ones are replaced.

use prost::Message;
use std::error::Error;
use std::fs;
use std::path::Path;

const FILES: [&str; 4] =
    ["sweep/v1/job.proto", "sweep/v1/fleet.proto", "sweep/v1/sweeps.proto", "sweep/v1/trainer.proto"];

#[test]
fn the_committed_wire_types_are_those_of_the_proto_files() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let descriptors = protox::compile(FILES.map(|file| root.join(file)), [root])?;
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("sweep.v1.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().build_transport(true).out_dir(folder.path()).compile_fds(descriptors)?;
    for name in ["sweep.v1.rs", "sweep.v1.bin"] {
        let committed = root.join("src/gen").join(name);
        let generated = fs::read(folder.path().join(name))?;
        if std::env::var_os("BLESS").is_some() {
            fs::write(&committed, &generated)?;
        }
        let is_current = fs::read(&committed).is_ok_and(|committed| committed == generated);
        assert!(is_current, "{} is out of date: BLESS=1 cargo test -p proto, and commit it", committed.display());
    }
    Ok(())
}
