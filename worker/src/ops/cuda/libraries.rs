//! CUDA's libraries: where they are looked for, and what is said if one is missing. A program that opens no device needs none.
//!
//! They come with a toolkit, or as wheels beside PyTorch (`site-packages/nvidia/*/lib`), which no loader knows by itself.

use super::entries;
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use std::env;
use std::ffi::c_void;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Why CUDA cannot be used on this machine.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum LibraryError {
    /// There is no driver.
    #[error(
        "the NVIDIA driver's library libcuda.so.1 is not found: this machine has no NVIDIA GPU with a driver, or LD_LIBRARY_PATH lacks its folder"
    )]
    NoDriver,
    /// There is a driver, but not all that is needed beside it.
    #[error(
        "these CUDA libraries are not found: {missing}. Get them with `pip install {packages}` in an active virtual environment, where they are found, or name their folders: export LD_LIBRARY_PATH=$(python3 -c 'import glob, nvidia; print(*glob.glob(nvidia.__path__[0] + \"/*/lib\"), sep=\":\")')"
    )]
    Missing {
        /// Their file names.
        missing: String,
        /// The packages of PyPI that have them.
        packages: String,
    },
    /// A library is there but cannot be loaded.
    #[error("a CUDA library cannot be loaded: {0}")]
    Broken(String),
    /// A library is too old.
    #[error("{library} has no function {function}: a newer version is needed")]
    TooOld {
        /// The library.
        library: String,
        /// What it lacks.
        function: &'static str,
    },
}

/// A library, and what the program calls of it.
struct Wanted {
    /// Its file names, newest first.
    names: &'static [&'static str],
    /// The package of PyPI that has it.
    package: &'static str,
    /// None: only other libraries call it.
    functions: &'static [&'static str],
}

const DRIVER: Wanted = Wanted { names: &["libcuda.so.1"], package: "", functions: entries::DRIVER };

/// What is needed beside the driver; a library stands after those that it needs itself.
const LIBRARIES: [Wanted; 6] = [
    Wanted { names: &["libcudart.so.13", "libcudart.so.12"], package: "nvidia-cuda-runtime", functions: &[] },
    Wanted { names: &["libnvrtc.so.13", "libnvrtc.so.12"], package: "nvidia-cuda-nvrtc", functions: entries::NVRTC },
    Wanted { names: &["libcublasLt.so.13", "libcublasLt.so.12"], package: "nvidia-cublas", functions: &[] },
    Wanted { names: &["libcublas.so.13", "libcublas.so.12"], package: "nvidia-cublas", functions: entries::CUBLAS },
    Wanted { names: &["libcurand.so.10"], package: "nvidia-curand", functions: entries::CURAND },
    Wanted { names: &["libcudnn.so.9"], package: "nvidia-cudnn-cu13", functions: entries::CUDNN },
];

/// NVRTC looks for this one, under the name of its own version, on the loader's path only: from a folder it is loaded beside NVRTC.
const NVRTC_BUILTINS: &str = "libnvrtc-builtins.so.";

/// Opens all libraries, at the first call, for as long as the process lives.
///
/// # Errors
/// If one is missing, cannot be loaded or is too old; the answer to later calls is the same.
pub(super) fn open() -> Result<(), LibraryError> {
    static OPENED: OnceLock<Result<(), LibraryError>> = OnceLock::new();
    OPENED.get_or_init(|| open_in(&mut Folders::default())).clone()
}

fn open_in(folders: &mut Folders) -> Result<(), LibraryError> {
    if !load(&DRIVER, &folders.of_drivers)? {
        return Err(LibraryError::NoDriver);
    }
    let mut missing = Vec::new();
    for wanted in &LIBRARIES {
        if !load(wanted, &folders.known)? && !load(wanted, folders.of_python())? {
            missing.push(wanted);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let list = |of: &dyn Fn(&Wanted) -> &'static str, separator: &str| {
        let mut names: Vec<_> = missing.iter().map(|wanted| of(wanted)).collect();
        names.dedup();
        names.join(separator)
    };
    Err(LibraryError::Missing {
        missing: list(&|wanted| wanted.names[0], ", "),
        packages: list(&|wanted| wanted.package, " "),
    })
}

/// Loads a library from the loader's own path or one of `folders`, and fills its slots; whether it was found.
fn load(wanted: &Wanted, folders: &[PathBuf]) -> Result<bool, LibraryError> {
    for name in wanted.names {
        let paths = folders.iter().map(|folder| folder.join(name)).filter(|path| path.exists());
        for path in std::iter::once(PathBuf::from(name)).chain(paths) {
            // SAFETY: the libraries' initialisers are those that a program that is linked with them would run.
            match unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_GLOBAL) } {
                Ok(library) => {
                    if name.starts_with("libnvrtc")
                        && let Some(folder) = path.parent()
                    {
                        load_builtins(folder);
                    }
                    tracing::debug!(library = %path.display(), "a CUDA library is open");
                    return fill(wanted, &path, library).map(|()| true);
                }
                Err(error) => {
                    // a missing file is not a fault; one that exists and cannot be loaded is
                    let why = proto::error_chain::line(&error);
                    if !why.contains(&format!("{name}: cannot open shared object file")) {
                        return Err(LibraryError::Broken(why));
                    }
                }
            }
        }
    }
    Ok(false)
}

/// Loads what NVRTC opens at its first compilation; if that fails, NVRTC says so then.
fn load_builtins(folder: &Path) {
    let is_builtins =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(NVRTC_BUILTINS));
    for path in entries_of(folder).into_iter().filter(is_builtins) {
        // SAFETY: as in `load`.
        if let Ok(library) = unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_GLOBAL) } {
            std::mem::forget(library);
        }
    }
}

fn fill(wanted: &Wanted, path: &Path, library: Library) -> Result<(), LibraryError> {
    for function in wanted.functions {
        // SAFETY: only the address is taken; the callers of the function know its type.
        match unsafe { library.get::<*mut c_void>(function.as_bytes()) } {
            Ok(symbol) => entries::set(function, symbol.into_raw()),
            Err(_) => return Err(LibraryError::TooOld { library: path.display().to_string(), function }),
        }
    }
    // it stays open: the slots point into it
    std::mem::forget(library);
    Ok(())
}

/// Where libraries may lie beside the loader's own path.
struct Folders {
    /// Of a driver that a container was lent.
    of_drivers: Vec<PathBuf>,
    /// Of toolkits and of Python environments that are known without asking.
    known: Vec<PathBuf>,
    /// What the `python3` of the path says, once it was asked.
    asked: Option<Vec<PathBuf>>,
}

impl Default for Folders {
    fn default() -> Self {
        let drivers =
            ["/usr/local/nvidia/lib64", "/usr/local/nvidia/lib", "/usr/lib/wsl/lib", "/run/opengl-driver/lib"];
        let variable = |name: &str| env::var_os(name).map(PathBuf::from);
        let toolkits = ["CUDA_HOME", "CUDA_PATH"].into_iter().filter_map(variable);
        let toolkits = toolkits.chain([PathBuf::from("/usr/local/cuda")]).map(|folder| folder.join("lib64"));
        let pythons = ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(variable);
        let pythons = pythons.chain(variable("HOME").map(|home| home.join(".local")));
        let pythons = pythons.chain(["/usr/local", "/usr", "/opt/conda"].map(PathBuf::from));
        let wheels = pythons.flat_map(|prefix| packages(&prefix)).flat_map(|packages| wheels(&packages.join("nvidia")));
        Self { of_drivers: drivers.map(PathBuf::from).to_vec(), known: toolkits.chain(wheels).collect(), asked: None }
    }
}

impl Folders {
    /// The folders of wheels beside the `python3` that a user would start. Asked last: it takes a moment.
    fn of_python(&mut self) -> &[PathBuf] {
        self.asked.get_or_insert_with(|| {
            let mut python = Command::new("python3");
            python.args(["-c", "import nvidia; print(*nvidia.__path__, sep='\\n')"]).stdin(Stdio::null());
            let said = python.output().map(|output| output.stdout).unwrap_or_default();
            String::from_utf8_lossy(&said).lines().flat_map(|line| wheels(Path::new(line))).collect()
        })
    }
}

/// The package folders of the Python with that prefix.
fn packages(prefix: &Path) -> Vec<PathBuf> {
    let versions = entries_of(&prefix.join("lib"))
        .into_iter()
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("python3")));
    versions.flat_map(|version| ["site-packages", "dist-packages"].map(|kind| version.join(kind))).collect()
}

/// The library folders of NVIDIA's wheels.
fn wheels(nvidia: &Path) -> Vec<PathBuf> {
    entries_of(nvidia).into_iter().map(|package| package.join("lib")).filter(|lib| lib.is_dir()).collect()
}

/// What a folder holds, sorted; nothing if it cannot be read.
fn entries_of(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut entries: Vec<_> = entries.collect();
    entries.sort_unstable();
    entries
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

    use super::*;

    const MADE_UP: Wanted =
        Wanted { names: &["libmade-up.so.2", "libmade-up.so.1"], package: "made-up", functions: &[] };

    #[test]
    fn libraries_of_cuda_are_found_in_wheels_and_what_is_broken_is_told() {
        let prefix = tempfile::tempdir().unwrap();
        let lib = prefix.path().join("lib/python3.11/site-packages/nvidia/cu13/lib");
        fs::create_dir_all(&lib).unwrap();
        let found: Vec<_> =
            packages(prefix.path()).into_iter().flat_map(|packages| wheels(&packages.join("nvidia"))).collect();
        assert_eq!(found, std::slice::from_ref(&lib));
        assert!(matches!(load(&MADE_UP, &found), Ok(false)));
        fs::write(lib.join("libmade-up.so.1"), "not a library").unwrap();
        let Err(LibraryError::Broken(why)) = load(&MADE_UP, &found) else {
            panic!("a file that is no library was loaded")
        };
        assert!(why.contains("libmade-up.so.1"), "{why}");
    }

    #[test]
    fn a_library_of_cuda_without_a_function_is_too_old() {
        let libm = Wanted { names: &["libm.so.6"], package: "", functions: &["cudnnWhatever"] };
        let error = load(&libm, &[]).unwrap_err();
        assert!(error.to_string().starts_with("libm.so.6 has no function cudnnWhatever: a newer version"), "{error}");
    }
}
