//! The tests of the Python package, where Python has what they need.

use crate::harness::{program, skipped};
use std::path::Path;
use std::process::Command;

/// The package is taken from its folder, without being installed.
#[test]
fn the_python_package_passes_its_tests() {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let probe = Command::new(&python).args(["-c", "import blake3, grpc, google.protobuf, pytest"]).output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        return skipped(&format!(
            "{python} lacks one of blake3, grpc, protobuf and pytest: the Python package was not tested (python/README.md)"
        ));
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("python");
    let mut tests = Command::new(&python);
    tests.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]).current_dir(&folder);
    tests.env("PYTHONPATH", folder.join("src")).env("PYTHONDONTWRITEBYTECODE", "1");
    tests.env("SPLITSWEEP_PROGRAMS", program("coordinator").parent().unwrap());
    let output = tests.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}
