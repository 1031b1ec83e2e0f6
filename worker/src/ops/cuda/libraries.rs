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
    #[error(
        "{library} has no function {function}: a newer version is needed (the driver 580, CUDA 12.8, cuDNN 9.1 or newer)"
    )]
    TooOld {
        /// The library.
        library: &'static str,
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
    /// None: another library needs it, and finds it once it is loaded; its absence shows there.
    functions: &'static [&'static str],
}

const DRIVER: Wanted = Wanted { names: &["libcuda.so.1"], package: "", functions: entries::DRIVER };

/// What is needed beside the driver; a library stands after those that it needs itself.
const LIBRARIES: [Wanted; 7] = [
    Wanted { names: &["libcudart.so.13", "libcudart.so.12"], package: "nvidia-cuda-runtime", functions: &[] },
    Wanted {
        names: &["libnvrtc-builtins.so.13.0", "libnvrtc-builtins.so.12.8"],
        package: "nvidia-cuda-nvrtc",
        functions: &[],
    },
    Wanted { names: &["libnvrtc.so.13", "libnvrtc.so.12"], package: "nvidia-cuda-nvrtc", functions: entries::NVRTC },
    Wanted { names: &["libcublasLt.so.13", "libcublasLt.so.12"], package: "nvidia-cublas", functions: &[] },
    Wanted { names: &["libcublas.so.13", "libcublas.so.12"], package: "nvidia-cublas", functions: entries::CUBLAS },
    Wanted { names: &["libcurand.so.10"], package: "nvidia-curand", functions: entries::CURAND },
    Wanted { names: &["libcudnn.so.9"], package: "nvidia-cudnn-cu13", functions: entries::CUDNN },
];

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
        let found = load(wanted, &folders.known)? || load(wanted, folders.of_python())?;
        if !found && !wanted.functions.is_empty() {
            missing.push(wanted);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let list = |of: &dyn Fn(&Wanted) -> &'static str, separator: &str| {
        missing.iter().map(|wanted| of(wanted)).collect::<Vec<_>>().join(separator)
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
                Ok(library) => return fill(wanted, library).map(|()| true),
                // a bare name that is not found is no fault; a file that is there and cannot be loaded is
                Err(error) if path.components().count() > 1 => return Err(LibraryError::Broken(error.to_string())),
                Err(_) => {}
            }
        }
    }
    Ok(false)
}

fn fill(wanted: &Wanted, library: Library) -> Result<(), LibraryError> {
    for function in wanted.functions {
        // SAFETY: only the address is taken; who calls the function knows its type.
        match unsafe { library.get::<*mut c_void>(function.as_bytes()) } {
            Ok(symbol) => entries::set(function, symbol.into_raw()),
            Err(_) => return Err(LibraryError::TooOld { library: wanted.names[0], function }),
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
