//! The built programs. Cargo tells a package's tests of its own programs only, so they are looked for beside the test and built if
//! they are not there or are not made of these sources.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// The path of `coordinator` or `worker`.
pub(crate) fn program(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(build).join(name)
}

/// The folder of the programs, which are there and up to date.
fn build() -> PathBuf {
    // target/PROFILE/deps/it-HASH
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap().to_owned();
    if ["coordinator", "worker"].iter().any(|name| !is_current(&folder, name)) {
        let profile = match folder.file_name().unwrap().to_str().unwrap() {
            "debug" => "dev",
            other => other,
        };
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let mut command = Command::new(cargo);
        // all of it, as `cargo test --workspace` has built it: fewer targets would want their libraries with other features
        command.args(["build", "--workspace", "--all-targets", "--profile", profile]);
        command.arg("--target-dir").arg(folder.parent().unwrap()).current_dir(env!("CARGO_MANIFEST_DIR"));
        let output = command.output().unwrap_or_else(|error| panic!("cannot build the programs: {command:?}: {error}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "cannot build the programs: {command:?}:\n{said}");
        for name in ["coordinator", "worker"] {
            assert!(folder.join(name).is_file(), "{command:?} made no {}:\n{said}", folder.join(name).display());
        }
    }
    folder
}

/// Whether the program is there, was built from this checkout, and no source of it has changed since. Cargo lists them beside it.
fn is_current(folder: &Path, name: &str) -> bool {
    let modified = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let built = modified(&folder.join(name));
    let list = fs::read_to_string(folder.join(format!("{name}.d"))).unwrap_or_default();
    let sources = list.split_once(": ").map_or("", |(_, sources)| sources).trim_end().replace("\\ ", "\0");
    let sources: Vec<_> = sources.split(' ').map(|source| PathBuf::from(source.replace('\0', " "))).collect();
    let main = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(name).join("src/main.rs");
    sources.contains(&main) && sources.iter().all(|source| source.exists() && modified(source) <= built)
}
