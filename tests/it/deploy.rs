//! The files of `deploy/` do what they say: the scripts are run, with stand-ins for ssh and for the worker.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::harness::{Lab, Process, Signal, skipped, until};
use clap::Args;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// Stands in for ssh: a host is a home folder. The host `down` does not answer.
const SSH: &str = r#"#!/bin/bash
while [[ $1 != -- ]]; do shift; done
shift
[[ $1 == down ]] && { echo "ssh: connect to host down port 22: Connection refused" >&2; exit 255; }
export HOME=$HOSTS/$1
mkdir -p "$HOME"
cd && shift && exec "$@"
"#;

/// Stands in for the worker: notes its arguments, works until it is told to stop, and drains.
const WORKER: &str = r#"#!/bin/bash
printf '%s\n' "$@" >>"$HOME/arguments"
trap 'echo drained >>"$HOME/drained"; kill %1; exit 0' TERM
[[ $* == *missing* ]] && { echo "starting" >&2; echo "error: no such folder" >&2; exit 2; }
sleep 600 &
wait
"#;

fn deploy(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(file)
}

/// The options that the worker knows.
fn options() -> BTreeSet<String> {
    let command = worker::cli::run::Args::augment_args(clap::Command::new("worker"));
    command.get_arguments().filter_map(|argument| argument.get_long().map(|long| format!("--{long}"))).collect()
}

fn assert_known<'a>(words: impl Iterator<Item = &'a str>) {
    let options = options();
    for word in words.filter(|word| word.starts_with("--")) {
        assert!(options.contains(word), "the worker has no option {word}; it has {options:?}");
    }
}

/// A folder of stand-ins and hosts. Workers that were started in it are stopped at the end.
struct Site {
    folder: TempDir,
}

impl Site {
    fn new(hosts: &str) -> Self {
        let site = Self { folder: tempfile::tempdir().unwrap() };
        for (name, text) in [("ssh", SSH), ("worker", WORKER)] {
            write_script(&site.path(name), text);
        }
        fs::write(site.path("hosts.txt"), hosts).unwrap();
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// The script's exit status and its lines, process ids replaced by `N`.
    fn workers(&self, action: &str, grace: &str, options: &[&str]) -> (i32, Vec<String>) {
        let search = format!("{}:{}", self.folder.path().display(), std::env::var("PATH").unwrap());
        let output = Command::new(deploy("ssh/start-workers"))
            .arg(action)
            .arg(self.path("hosts.txt"))
            .args(options)
            .env("PATH", search)
            .env("HOSTS", self.folder.path())
            .env("SPLITSWEEP_WORKER", self.path("worker"))
            .env("SPLITSWEEP_GRACE", grace)
            .env_remove("XDG_STATE_HOME")
            .output()
            .unwrap();
        let said = text(&output);
        let lines = said.lines().map(|line| match line.split_once("(pid ") {
            Some((before, _)) => format!("{before}(pid N)"),
            None => line.to_owned(),
        });
        (output.status.code().unwrap(), lines.collect())
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.workers("stop", "1", &[]);
    }
}

/// Writes a script that can be run. A child does it: a descriptor of ours could be inherited by the process of another test, and who
/// runs a file that is open for writing is refused.
fn write_script(path: &Path, text: &str) {
    let write = r#"printf %s "$1" >"$0" && chmod +x "$0""#;
    assert!(Command::new("sh").args(["-c", write]).arg(path).arg(text).status().unwrap().success());
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[test]
fn the_scripts_are_bash() {
    for file in ["ssh/start-workers", "slurm/workers.sbatch"] {
        let output = Command::new("bash").arg("-n").arg(deploy(file)).output().unwrap();
        assert!(output.status.success() && text(&output).is_empty(), "{file}: {}", text(&output));
    }
}

#[test]
fn workers_on_many_hosts_start_answer_and_stop() {
    let site = Site::new("# all of them\n\none  cuda:0\tcuda:1   # two cards\ntwo\n");
    let options = ["--coordinator", "http://head:7070", "--data", "ph2=/data/it's here"];

    let (status, lines) = site.workers("start", "0.3", &options);
    assert_eq!(lines, ["one cuda:0: started (pid N)", "one cuda:1: started (pid N)", "two auto: started (pid N)"]);
    assert_eq!(status, 0);
    let given = "--coordinator\nhttp://head:7070\n--data\nph2=/data/it's here\n--device\nauto\n";
    let arrived = until("the arguments", || Some(site.read("two/arguments")).filter(|text| !text.is_empty()));
    assert_eq!(arrived, given, "options arrive as they were given");
    assert_known(given.lines());

    let (status, lines) = site.workers("start", "0.3", &options);
    assert_eq!((status, lines[2].as_str()), (0, "two auto: already running (pid N)"));
    assert_eq!(site.read("two/arguments"), given, "no second worker");

    let (status, lines) = site.workers("status", "0.3", &[]);
    assert_eq!((status, lines[1].as_str()), (0, "one cuda:1: running (pid N)"));

    let (status, lines) = site.workers("stop", "0.3", &[]);
    assert_eq!(
        (status, lines),
        (0, vec!["one cuda:0: stopped".into(), "one cuda:1: stopped".into(), "two auto: stopped".into()])
    );
    assert_eq!(site.read("one/drained"), "drained\ndrained\n", "workers are told, not killed");

    let (status, lines) = site.workers("status", "0.3", &[]);
    assert_eq!(status, 1);
    assert!(lines[0].starts_with("one cuda:0: not running"), "{lines:?}");
}

#[test]
fn a_worker_that_fails_is_reported_with_its_last_words() {
    let site = Site::new("one\n");
    let (status, lines) = site.workers("start", "30", &["--data", "missing=/x"]);
    assert_eq!((status, lines), (1, vec!["one auto: failed: error: no such folder".to_owned()]));
}

#[test]
fn a_host_that_does_not_answer_keeps_no_other_from_starting() {
    let site = Site::new("down\none\n");
    let (status, lines) = site.workers("start", "0.3", &[]);
    let expected = ["down: ssh: connect to host down port 22: Connection refused", "one auto: started (pid N)"];
    assert_eq!((status, lines), (1, expected.map(str::to_owned).to_vec()));
}

#[test]
fn a_wrong_command_line_is_said() {
    let site = Site::new("# nobody\n");
    for (action, expected) in [("begin", "the action is start, status or stop"), ("status", "no host in")] {
        let (status, lines) = site.workers(action, "1", &[]);
        assert_eq!(status, 2);
        assert!(lines[0].contains(expected), "{lines:?}");
    }
}

#[test]
fn slurm_runs_one_worker_that_takes_the_signals() {
    let script = fs::read_to_string(deploy("slurm/workers.sbatch")).unwrap();
    let directives: Vec<_> = script.lines().filter_map(|line| line.strip_prefix("#SBATCH --")).collect();
    for expected in ["array=", "gpus-per-node=1", "signal=B:TERM@", "requeue", "time=", "open-mode=append"] {
        assert!(directives.iter().any(|directive| directive.starts_with(expected)), "no {expected} in {directives:?}");
    }
    // The process that Slurm would signal must be the worker itself.
    let folder = tempfile::tempdir().unwrap();
    let worker = folder.path().join("worker");
    write_script(&worker, "#!/bin/bash\necho $$ \"$@\"\n");
    let child = Command::new("bash")
        .arg(deploy("slurm/workers.sbatch"))
        .args(["--coordinator", "http://head:7070"])
        .envs([("SLURM_JOB_ID", "12"), ("SLURM_ARRAY_JOB_ID", "9"), ("SLURM_ARRAY_TASK_ID", "3")])
        .env("SPLITSWEEP_WORKER", worker)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let id = child.id();
    let said = text(&child.wait_with_output().unwrap());
    assert_eq!(said, format!("{id} --idle-timeout 10m --coordinator http://head:7070 --name slurm-9-3\n"));
    assert_known(said.split_whitespace());
}

#[test]
fn the_service_drains_starts_again_and_sees_the_gpus() {
    let unit = fs::read_to_string(deploy("systemd/splitsweep-worker.service")).unwrap();
    let values = |key: &str| -> Vec<_> {
        unit.lines()
            .filter_map(|line| line.split_once('='))
            .filter(|(name, _)| *name == key)
            .map(|(_, value)| value)
            .collect()
    };
    for (key, value) in [
        ("KillSignal", "SIGTERM"),
        ("KillMode", "mixed"),
        ("Restart", "on-failure"),
        ("RestartPreventExitStatus", "2"),
        ("EnvironmentFile", "/etc/splitsweep/worker.env"),
        ("DynamicUser", "yes"),
        ("NoNewPrivileges", "yes"),
        ("DevicePolicy", "closed"),
        ("WantedBy", "multi-user.target"),
    ] {
        assert_eq!(values(key), [value], "{key}");
    }
    assert!(values("DeviceAllow").contains(&"char-nvidia-uvm rw"));
    // The worker does not notify, and these would keep it from its devices or from CUDA's compiler.
    for key in ["Type", "WatchdogSec", "PrivateDevices", "MemoryDenyWriteExecute"] {
        assert!(values(key).is_empty(), "{key}");
    }
    assert_known(values("ExecStart")[0].split_whitespace());
}

/// The service is started as the unit says, but for the places.
#[test]
fn the_coordinators_service_serves() {
    let unit = fs::read_to_string(deploy("systemd/splitsweep-coordinator.service")).unwrap();
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/coordinator ")).unwrap();
    let lab = Lab::with_certs();
    let line =
        line.replace("/var/lib/splitsweep/", "").replace(":7070", "127.0.0.1:0").replace(" $SPLITSWEEP_OPTIONS", "");
    let mut coordinator = Process::start(&mut lab.command("coordinator", line.split(' ')));
    coordinator.says("listening on 127.0.0.1:");
    coordinator.signal(Signal::TERM);
    coordinator.wait().expect(0);
    assert!(lab.store().exists());
}

#[test]
fn systemd_accepts_the_services() {
    for program in ["worker", "coordinator"] {
        systemd_accepts(program);
    }
}

fn systemd_accepts(program: &str) {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        return skipped("there is no systemd-analyze");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("splitsweep-{program}.service"));
    let unit = fs::read_to_string(deploy(&format!("systemd/splitsweep-{program}.service"))).unwrap();
    fs::write(&path, unit.replace(&format!("/usr/local/bin/{program}"), "/bin/true")).unwrap();
    let analyze = |arguments: &[&str]| Command::new("systemd-analyze").args(arguments).arg(&path).output().unwrap();
    let verified = analyze(&["verify", "--man=no"]);
    assert!(verified.status.success() && !text(&verified).contains("splitsweep"), "{}", text(&verified));
    let exposure = analyze(&["security", "--offline=true", "--threshold=25"]);
    assert!(exposure.status.success(), "{}", text(&exposure));
}

#[test]
fn the_guide_names_options_that_exist() {
    let guide = fs::read_to_string(deploy("README.md")).unwrap();
    let commands =
        guide.lines().filter(|line| line.contains("start-workers start") || line.starts_with("SPLITSWEEP_OPTIONS"));
    let words: Vec<_> = commands.flat_map(|line| line.split([' ', '='])).collect();
    assert!(words.contains(&"--coordinator") && words.contains(&"--device"));
    assert_known(words.into_iter());
    let slurm = guide.lines().find(|line| line.contains("workers.sbatch")).unwrap();
    assert_known(slurm.split_once("workers.sbatch").unwrap().1.split_whitespace());
}
