//! A folder with a store and sweep files, and the commands that are run in it.

use super::{Ended, History, Process, Row, program, runtime_folder, until};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use tempfile::TempDir;

/// A folder with a store. Commands run in it, so that a store or a file without a folder lies there. Prepared data lies elsewhere.
pub(crate) struct Lab {
    folder: TempDir,
    cache: TempDir,
}

/// A coordinator that serves.
pub(crate) struct Coordinator {
    pub(crate) process: Process,
    pub(crate) url: String,
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), cache: tempfile::tempdir().unwrap() }
    }

    /// A lab with the [`grid`], simulated and ended.
    pub(crate) fn ended(name: &str, splits: u32) -> Self {
        let lab = Self::new();
        lab.write(&grid(name, splits));
        lab.sweep(&["--local-workers", "1", "--slots", "4", "--simulate", "1ms"]).process.wait().expect(0);
        lab
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.path("sweeps.db")
    }

    /// Writes a token file, as its owner's alone.
    pub(crate) fn write_token(&self, name: &str, token: &str) {
        let path = self.path(name);
        fs::write(&path, token).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Writes the sweep file that [`sweep`](Self::sweep) and [`submit`](Self::submit) use.
    pub(crate) fn write(&self, sweep: &str) {
        fs::write(self.path("sweep.yaml"), sweep).unwrap();
    }

    /// A command in the folder, without settings of the user.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, name: &str, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(program(name));
        command.args(arguments).current_dir(self.folder.path()).env("XDG_CACHE_HOME", self.cache.path());
        command.env("XDG_RUNTIME_DIR", runtime_folder()).env("HOME", self.folder.path());
        command.env("SPLITSWEEP_PAGE", "none");
        for variable in ["SPLITSWEEP_LOG", "SPLITSWEEP_COORDINATOR", "SPLITSWEEP_WORKER", "SPLITSWEEP_UMASK"] {
            command.env_remove(variable);
        }
        command
    }

    /// Runs `coordinator` to its end.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Ended {
        Process::start(&mut self.command("coordinator", arguments)).wait()
    }

    /// `coordinator --sweep sweep.yaml --listen ...`, on a port that is free.
    pub(crate) fn sweep(&self, arguments: &[&str]) -> Coordinator {
        self.sweep_on(&format!("127.0.0.1:{}", free_port()), arguments)
    }

    /// The same on that address.
    pub(crate) fn sweep_on(&self, address: &str, arguments: &[&str]) -> Coordinator {
        let command = ["--sweep", "sweep.yaml", "--listen", address].into_iter().chain(arguments.iter().copied());
        let process = Process::start(&mut self.command("coordinator", command));
        Coordinator { process, url: format!("http://{address}") }
    }

    /// A coordinator that serves, on a free port that it chooses.
    pub(crate) fn serve(&self, arguments: &[&str]) -> Coordinator {
        self.serve_on("127.0.0.1:0", arguments)
    }

    /// A lab with a folder of certificates and a sweep of two jobs.
    pub(crate) fn with_certs() -> Self {
        let lab = Self::new();
        lab.run(["certs", "certs"]).expect(0);
        lab.write(&simulated(2, 1));
        lab
    }

    /// A coordinator that serves with the certificates.
    pub(crate) fn serve_with_certs(&self, arguments: &[&str]) -> Coordinator {
        let Coordinator { process, url } = self.serve(&[&["--certs", "certs"], arguments].concat());
        Coordinator { process, url: url.replace("http://", "https://") }
    }

    /// A coordinator that serves on a port that nobody else is given while it is away.
    pub(crate) fn serve_on_free_port(&self) -> Coordinator {
        self.serve_on(&format!("127.0.0.1:{}", free_port()), &[])
    }

    /// A coordinator that serves on that address.
    pub(crate) fn serve_on(&self, address: &str, arguments: &[&str]) -> Coordinator {
        let command = ["serve", "--listen", address].into_iter().chain(arguments.iter().copied());
        Coordinator::start(&mut self.command("coordinator", command))
    }

    /// A worker, with a log that says what it starts.
    pub(crate) fn worker(&self, url: &str, name: &str, arguments: &[&str]) -> Process {
        let command = ["--coordinator", url, "--name", name, "--threads", "1"].into_iter();
        let mut command = self.command("worker", command.chain(arguments.iter().copied()));
        Process::start(command.env("SPLITSWEEP_LOG", "info,worker=debug"))
    }

    /// Submits the sweep file to a coordinator.
    pub(crate) fn submit(&self, url: &str, arguments: &[&str]) {
        let command = ["submit", "sweep.yaml", "--coordinator", url].into_iter();
        self.run(command.chain(arguments.iter().copied())).expect(0);
    }

    /// A table of the store, as it is printed.
    pub(crate) fn table(&self, rows: &str, format: &str) -> String {
        self.run(["tables", "--rows", rows, "--format", format]).expect(0).stdout
    }

    /// The rows of a table of the store.
    pub(crate) fn rows(&self, rows: &str) -> Vec<Row> {
        let table = self.table(rows, "csv");
        csv::Reader::from_reader(table.as_bytes()).deserialize().map(Result::unwrap).collect()
    }

    pub(crate) fn history(&self) -> History {
        History::of(&self.store())
    }

    /// Checks that the last sweep is complete: every job has a result, and had it once.
    pub(crate) fn check_complete(&self, jobs: usize) -> Vec<Row> {
        let rows = self.rows("jobs");
        assert_eq!(rows.len(), jobs);
        for row in &rows {
            assert_eq!(row["state"], "succeeded", "{row:?}");
        }
        let history = self.history();
        history.check();
        assert_eq!(history.succeeded().len(), jobs, "a job, a result");
        rows
    }
}

impl Coordinator {
    /// Starts one that serves, by that command.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut process = Process::start(command);
        let line = process.says("listening on ");
        let address = line.strip_prefix("listening on ").and_then(|rest| rest.split(',').next());
        let url = format!("http://{}", address.unwrap_or_else(|| panic!("`{line}` says no address")));
        Self { process, url }
    }

    /// What it says of the sweep that was submitted last.
    pub(crate) fn status(&self, lab: &Lab) -> Value {
        let text = lab.run(["status", "--json", "--coordinator", &self.url]).expect(0).stdout;
        serde_json::from_str(&text).unwrap()
    }

    /// Waits until the sweep that was submitted last has ended.
    pub(crate) fn ended(&self, lab: &Lab) {
        until("the end of the sweep", || {
            let status = self.status(lab);
            let sweep = status["sweeps"].as_array()?.last()?.clone();
            (sweep["state"] == "ended").then_some(())
        });
    }

    /// Waits until the worker has measured an epoch of some job; the job's id.
    pub(crate) fn running(&self, lab: &Lab, worker: &str) -> String {
        until(&format!("a running job of {worker}"), || {
            let status = self.status(lab);
            let workers = status["workers"].as_array()?;
            // one of that name that has gone is remembered for a while
            let of_name = workers.iter().filter(|entry| entry["name"] == worker);
            let mut running = of_name.flat_map(|worker| worker["running"].as_array().unwrap());
            let job = running.find(|job| job["epoch"].as_u64() > Some(0))?;
            Some(job["job"].as_str()?.to_owned())
        })
    }

    pub(crate) fn address(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }
}

/// A port that nobody listens on, below those that the system gives to others.
pub(crate) fn free_port() -> u16 {
    const FIRST: u16 = 10_000;
    const COUNT: u16 = 20_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    until("a free port", || {
        let start = std::process::id() as u16;
        let port = FIRST + start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        TcpListener::bind(("127.0.0.1", port)).is_ok().then_some(port)
    })
}

/// A sweep of real jobs that are as small as can be: `losses` x `seeds`.
pub(crate) fn tiny(losses: &str, seeds: u32, epochs: u32) -> String {
    format!(
        "sweep: tiny
dataset: {{name: blobs, format: synthetic, cases: 12, seed: 3, image_size: 32}}
split: {{scheme: random, train: 6, validation: 3, test: 3}}
grid:
  loss: [{losses}]
replicates: {{split_seeds: {seeds}}}
model: {{width: 4}}
training: {{epochs: {epochs}, batch_size: 3}}
"
    )
}

/// A sweep for simulated workers: `jobs` jobs.
pub(crate) fn simulated(jobs: u32, epochs: u32) -> String {
    format!(
        "sweep: simulated
dataset: {{name: blobs, format: synthetic, cases: 3, seed: 0, image_size: 32}}
split: {{scheme: random, train: 1, validation: 1, test: 1}}
replicates: {{split_seeds: {jobs}}}
model: {{width: 4}}
training: {{epochs: {epochs}}}
"
    )
}

/// A sweep for simulated workers: 2 networks x 3 losses on that many splits.
pub(crate) fn grid(name: &str, splits: u32) -> String {
    format!(
        "sweep: {name}
dataset: {{name: blobs, format: synthetic, cases: 12, seed: 0, image_size: 32}}
split: {{scheme: random, train: 6, validation: 3, test: 3}}
grid:
  architecture: [unet, unet2]
  loss: [bce, dice, focal]
replicates: {{split_seeds: {splits}}}
model: {{width: 4}}
training: {{epochs: 3}}
objective: {{metric: iou, subset: test, epoch: last}}
"
    )
}

/// A copy of every file of a folder, by its path in it.
pub(crate) fn contents(folder: &Path) -> std::collections::BTreeMap<PathBuf, Vec<u8>> {
    let mut files = std::collections::BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inner) = folders.pop() {
        for entry in fs::read_dir(inner).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    files
}
