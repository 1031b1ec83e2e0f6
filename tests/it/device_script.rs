//! `tests/reference/device.sh`, which checks and times a worker on a GPU, in a dry run: time on such a machine is short, so every
//! stage and every table is run here, with stand-ins for the GPU's tools and for PyTorch.

use crate::harness::{Process, Signal, children, lives, program, skipped, until};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

fn reference() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("reference")
}

/// A folder for one call of the script; spaces in paths are part of the trial.
struct Call {
    folder: TempDir,
}

/// What the script left behind.
struct Report {
    code: i32,
    text: String,
    archive: BTreeSet<String>,
}

impl Call {
    /// `None` without Python, which the script needs.
    fn new() -> Option<Self> {
        if Command::new("python3").arg("--version").output().is_err() {
            skipped("there is no python3");
            return None;
        }
        let call = Self { folder: tempfile::Builder::new().prefix("a device ").tempdir().unwrap() };
        // the parts, with another PyTorch
        fs::create_dir_all(call.path("reference")).unwrap();
        for (name, place) in
            [("device", "device"), ("networks.py", "networks.py"), ("bench_torch.py", "device/stand_in/bench_torch.py")]
        {
            symlink(reference().join(place), call.path("reference").join(name)).unwrap();
        }
        Some(call)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a script that can be run. A child does it: what another test's child holds open for writing cannot be run.
    fn script(&self, name: &str, line: &str) {
        let write = r#"printf '#!/bin/sh\n%s\n' "$1" >"$0" && chmod +x "$0""#;
        assert!(Command::new("sh").args(["-c", write]).arg(self.path(name)).arg(line).status().unwrap().success());
    }

    fn command(&self, mode: &str, worker: &Path) -> Command {
        let mut command = Command::new("bash");
        command.arg(reference().join("device.sh")).arg(mode).arg(worker).env("OUT", self.path("out"));
        command.envs([("SIZE", "32"), ("WIDTH", "4"), ("BATCH", "2"), ("EPOCHS", "1"), ("STEPS", "3")]);
        command.env_remove("PYTHONPATH").env_remove("LIMIT").env_remove("REFERENCE");
        command
    }

    /// With stand-ins for everything that the machine lacks, of which `faults` go wrong.
    fn stood_in(&self, mode: &str, faults: &str) -> Command {
        let stand_in = reference().join("device/stand_in");
        let mut command = self.command(mode, &stand_in.join("bin/worker"));
        command.env("REFERENCE", self.path("reference")).env("PYTHONPATH", &stand_in);
        command.env("PATH", format!("{}:{}", stand_in.join("bin").display(), std::env::var("PATH").unwrap()));
        command.env("STAND_IN_WORKER", program("worker")).env("STAND_IN_FAULTS", faults);
        command
    }

    fn run(&self, mut command: Command) -> Report {
        let ended = Process::start(&mut command).wait();
        let report = self.report(ended.code());
        assert_eq!(report.text, ended.stdout, "the report is what was printed; errors: {}", ended.stderr);
        report
    }

    fn report(&self, code: i32) -> Report {
        let names = |folder: PathBuf| {
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap())
        };
        let files: BTreeSet<_> = names(self.path("out")).collect();
        assert_eq!(files, ["raw.tar.gz", "report.md"].map(str::to_owned).into());
        let listed = Command::new("tar").arg("tzf").arg(self.path("out/raw.tar.gz")).output().unwrap();
        let archive = String::from_utf8(listed.stdout).unwrap().lines().map(str::to_owned).collect();
        Report { code, text: fs::read_to_string(self.path("out/report.md")).unwrap(), archive }
    }
}

impl Report {
    /// What stands below a title.
    fn section(&self, title: &str) -> &str {
        let start = format!("## {title}");
        let Some((_, rest)) = self.text.split_once(&start) else { panic!("no {start} in:\n{}", self.text) };
        rest.split("\n## ").next().unwrap()
    }

    /// The rows of the tables below a title: every row has as many cells as the head of its table.
    fn rows(&self, title: &str) -> Vec<Vec<&str>> {
        let mut rows = Vec::new();
        let mut lines = self.section(title).lines().peekable();
        while let Some(line) = lines.next() {
            let cells = |line: &'_ str| line.matches(" | ").count();
            if line.starts_with("| ") && lines.next_if(|next| next.starts_with("| --- |")).is_some() {
                while let Some(row) = lines.next_if(|next| next.starts_with("| ")) {
                    assert_eq!(cells(row), cells(line), "{row} below {line}");
                    rows.push(row.trim_matches('|').split(" | ").map(str::trim).collect());
                }
            }
        }
        rows
    }

    /// Checks that a table has so many rows, and numbers in these columns.
    fn assert_table(&self, title: &str, rows: usize, numbers: &[usize]) {
        let found = self.rows(title);
        assert_eq!(found.len(), rows, "{title}:\n{}", self.text);
        for row in &found {
            for &column in numbers {
                let value: f64 = row[column].parse().unwrap_or_else(|_| panic!("{title}, column {column}: {row:?}"));
                assert!(value.is_finite() && value >= 0.0, "{title}: {row:?}");
            }
        }
    }

    fn assert_ends(&self, code: i32, outcome: &str) {
        assert!(self.section("Outcome").trim_start().starts_with(outcome), "not `{outcome}`:\n{}", self.text);
        assert_eq!(self.code, code, "{}", self.text);
    }
}

#[test]
fn every_check_runs_and_fills_its_table() {
    let Some(call) = Call::new() else { return };
    let report = call.run(call.stood_in("check", ""));
    report.assert_ends(0, "clean\n");
    assert!(!report.text.contains("**"), "{}", report.text);
    assert_eq!(report.section("Left out").trim(), "nothing");
    assert_eq!(report.section("Self-test at full size").trim(), "all 84 checks passed");
    report.assert_table("Every network in every precision", 9, &[2, 3, 4, 5, 7, 9]);
    let first = &report.rows("Every network in every precision")[0];
    assert_eq!(first[6..], ["1 of 2", "4", "BWD_DATA_1 FWD_IMPLICIT_GEMM FWD_IMPLICIT_PRECOMP_GEMM", "1"]);
    report.assert_table("The same steps in PyTorch", 9, &[4]);
    report.assert_table("The same bits again", 5, &[]);
    // four kernels of each of the worker's last steps, three of each of PyTorch's
    report.assert_table("Kernels of one training step", 3 * 4 + 4 * 3, &[0, 1]);
    assert_eq!(report.rows("Kernels of one training step")[0], ["3", "2", "adam_all"]);
    report.assert_table("Milliseconds of kernels", 3 + 4, &[3, 4, 5, 6, 7]);
    assert_eq!(
        report.rows("Milliseconds of kernels")[0],
        ["segnet", "bf16", "PyTorch", "6", "0.32", "0.08", "0.00", "0.24"]
    );
    report.assert_table("For BENCHMARKS.md", 9, &[8]);
    assert_eq!(report.rows("For BENCHMARKS.md")[0][4], "9.28.1");
    assert!(report.archive.contains("ncu_unet2_bf16.csv") && report.archive.contains("selftest.out"));
    assert!(report.archive.iter().all(|name| !name.contains("worker") && !name.ends_with("safetensors")));
}

#[test]
fn every_timing_runs_and_fills_its_table() {
    let Some(call) = Call::new() else { return };
    let report = call.run(call.stood_in("time", ""));
    report.assert_ends(0, "clean\n");
    assert!(!report.text.contains("**"), "{}", report.text);
    assert_eq!(report.section("Left out").trim(), "nothing");
    report.assert_table("Whole jobs", 5 + 4, &[2, 3, 4, 5, 7, 8]);
    assert!(report.rows("Whole jobs").iter().all(|row| row[9].starts_with("2048 MiB, 1980 MHz, ")), "{}", report.text);
    // in turns, then medians of four kinds in nine places
    let turns = (2 * 2 * 3 * 2) + (3 * 2) + 3 + (2 * 3) + (2 * 2 * 3);
    report.assert_table("Steps beside PyTorch", turns + 9 * 4, &[]);
    report.assert_table("For BENCHMARKS.md", 9, &[8, 10]);
    let row = &report.rows("For BENCHMARKS.md")[0];
    assert_eq!([row[0], row[2], row[3], row[4], row[5]], ["Stand-in GPU", "580.0", "13.0", "9.28.1", "0.0+stand-in"]);
    assert_eq!(row[9], "2.00 (PyTorch compile)");
}

#[test]
fn a_worker_is_checked_alone_where_there_is_nothing_else() {
    let Some(call) = Call::new() else { return };
    // a Python without what is installed for it, and a worker as it travels
    fs::create_dir(call.path("bin")).unwrap();
    let python = Command::new("python3").args(["-c", "import sys; print(sys.executable, end='')"]).output().unwrap();
    call.script("bin/python3", &format!("exec '{}' -S \"$@\"", String::from_utf8(python.stdout).unwrap()));
    call.script("worker", &format!("exec '{}' \"$@\"", program("worker").display()));
    let packed =
        Command::new("xz").arg("--keep").arg(call.path("worker")).status().is_ok_and(|status| status.success());
    let worker = call.path(if packed { "worker.xz" } else { "worker" });
    let mut command = call.command("check", &worker);
    command.env("PATH", format!("{}:{}", call.path("bin").display(), std::env::var("PATH").unwrap()));
    command.envs([("DEVICE", "cpu"), ("PRECISIONS", "f32")]);
    let report = call.run(command);
    report.assert_ends(0, "clean, apart from what was left out");
    assert!(report.section("Self-test").contains("checks passed"));
    report.assert_table("Every network in every precision", 3, &[2, 3, 4, 5]);
    report.assert_table("The same bits again", 3, &[]);
    for name in ["ceilings: no PyTorch", "same_steps: no PyTorch", "torch_kernels: no PyTorch", "ncu_unet2_f32: "] {
        assert!(report.section("Left out").contains(name), "{name}:\n{}", report.text);
    }
}

#[test]
fn what_goes_wrong_is_said_and_stops_nothing() {
    let Some(call) = Call::new() else { return };
    let report = call.run(call.stood_in("check", "selftest losses ncu memcheck"));
    report.assert_ends(1, "**not clean**");
    assert!(report.section("Self-test").contains("**selftest failed**: status 1"));
    assert!(report.section("Self-test").contains("convolution 3x3  result  tf32  7.0e-1  1e-3  WRONG"));
    assert!(report.section("Self-test").contains("W! CuDNN: a warning"));
    report.assert_table("Every network in every precision", 9, &[2]);
    assert!(report.rows("The same steps in PyTorch").iter().all(|row| row[5] == "**NO**"));
    let problems = report.section("Outcome");
    for problem in
        ["selftest: status 1", "selftest_full: status 1", "losses differ from PyTorch's", "memcheck found faults"]
    {
        assert!(problems.contains(problem), "{problem}:\n{problems}");
    }
    assert!(report.section("Left out").contains("ncu_unet2_bf16: ncu may not read counters here"));
}

#[test]
fn what_does_not_fit_is_left_out_by_name() {
    let Some(call) = Call::new() else { return };
    let mut command = call.stood_in("check", "");
    command.env("LIMIT", "35");
    let report = call.run(command);
    report.assert_ends(1, "**not clean**:\n\n* there was no time for the self-test");
    report.assert_table("Every network in every precision", 9, &[2]);
    for name in ["ceilings", "selftest", "selftest_full", "same_steps", "ncu_unet2_bf16", "torch_kernels", "memcheck"] {
        assert!(report.section("Left out").contains(&format!("* {name}: no time")), "{name}:\n{}", report.text);
    }
}

#[test]
fn a_run_that_is_cut_off_leaves_its_report() {
    let Some(call) = Call::new() else { return };
    let mut script = Process::start(&mut call.stood_in("check", "sleep"));
    let running = until("the self-test", || {
        let text = fs::read_to_string(call.path("out/report.md")).ok()?;
        let started: Vec<_> = children(script.id()).into_iter().flat_map(children).collect();
        (text.contains("## Open the device") && !started.is_empty()).then_some(started)
    });
    script.signal(Signal::TERM);
    let code = script.wait().code();
    let report = call.report(code);
    report.assert_ends(1, "**not clean**:\n\n* stopped by SIGTERM during selftest");
    assert!(report.archive.contains("open.out"));
    until("the end of what it had started", || running.iter().all(|&id| !lives(id)).then_some(()));
}

#[test]
fn what_is_missing_is_said_before_anything_is_built_or_run() {
    let Some(call) = Call::new() else { return };
    let said = |command: &mut Command| {
        let ended = Process::start(command).wait();
        (ended.code(), ended.stderr)
    };
    let (code, text) = said(&mut call.command("check", &call.path("none")));
    assert!(code == 1 && text.contains("none is not a file"), "{code} {text}");
    let (code, text) = said(call.command("check", &program("worker")).env("REFERENCE", call.path("none")));
    assert!(code == 2 && text.contains("set $REFERENCE"), "{code} {text}");
    let (code, text) = said(call.command("prepare", &call.path("none")).env("PYTHON", "python3"));
    assert!(code == 2 && text.contains("none is not a folder"), "{code} {text}");
    let (code, text) = said(call.command("prepare", call.folder.path()).env("PYTHON", "false"));
    assert!(code == 2 && text.contains("no numpy or no pillow"), "{code} {text}");
}
