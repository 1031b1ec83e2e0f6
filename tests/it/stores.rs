//! Stores on their own: read where nothing can be written, copied as a file, empty, merged, and without a sweep that was deleted.

use crate::harness::{Lab, contents, simulated, skipped, until};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Another sweep for simulated workers.
fn named(name: &str, jobs: u32) -> String {
    simulated(jobs, 1).replace("sweep: simulated", &format!("sweep: {name}"))
}

/// Runs the sweep to its end, in that store.
fn run(lab: &Lab, sweep: &str, store: &str) {
    lab.write(sweep);
    let arguments = ["--local-workers", "1", "--slots", "4", "--simulate", "1ms", "--store", store];
    lab.sweep(&arguments).process.wait().expect(0);
}

fn succeeded(lab: &Lab, store: &str) -> usize {
    let table = lab.run(["jobs", "--state", "succeeded", "--format", "csv", "--store", store]).expect(0).stdout;
    table.lines().count() - 1
}

/// Whether this user is root, who may write everywhere and may become somebody who may not.
fn is_root() -> bool {
    let setpriv = Command::new("setpriv").args(["--reuid=54321", "--clear-groups", "true"]).status();
    let is_root = setpriv.is_ok_and(|status| status.success());
    if !is_root {
        skipped("only root can become another user");
    }
    is_root
}

/// A command of a user who may read the lab, and write nothing.
fn as_reader(lab: &Lab, arguments: &[&str]) -> (i32, String, String) {
    let own = lab.command("coordinator", arguments);
    let mut command = Command::new("setpriv");
    command.args(["--reuid=54321", "--regid=54321", "--clear-groups"]).arg(own.get_program()).args(own.get_args());
    command.current_dir(lab.path(""));
    for (name, value) in own.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn open_to_others(path: &Path) {
    let mode = if path.is_dir() { 0o755 } else { 0o644 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_store_of_another_user_is_read_during_and_after_its_coordinators_life() {
    if !is_root() {
        return;
    }
    let lab = Lab::new();
    open_to_others(&lab.path(""));
    let coordinator = lab.serve(&[]);
    lab.write(&simulated(3, 1));
    lab.submit(&coordinator.url, &["--simulated"]);
    let _worker = lab.worker(&coordinator.url, "w", &["--simulate", "1ms"]);
    coordinator.ended(&lab);
    let own = lab.table("candidates", "csv");
    for suffix in ["", "-wal", "-shm"] {
        open_to_others(&lab.path(&format!("sweeps.db{suffix}")));
    }
    let tables = ["tables", "--format", "csv"];
    fs::set_permissions(lab.store(), fs::Permissions::from_mode(0o600)).unwrap();
    let (code, _, stderr) = as_reader(&lab, &tables);
    assert!(code == 2 && stderr.contains("cannot read sweeps.db: Permission denied"), "{stderr}");
    open_to_others(&lab.store());
    assert_eq!(as_reader(&lab, &tables), (0, own.clone(), String::new()));
    let (code, stdout, _) = as_reader(&lab, &["store", "check"]);
    assert!(code == 0 && stdout.contains("sweeps.db is sound"), "{stdout}");
    drop(coordinator);
    lab.run(["cancel", "simulated"]).expect(0);
    let before = contents(&lab.path(""));
    assert_eq!(as_reader(&lab, &tables), (0, own, String::new()));
    assert_eq!(contents(&lab.path("")), before, "nothing was made, nothing was changed");
    let (code, _, stderr) = as_reader(&lab, &["cancel", "simulated"]);
    assert!(code == 2 && stderr.contains("sweeps.db"), "{stderr}");
}

#[test]
fn a_copy_of_the_file_alone_has_what_was_committed_before_the_last_seconds() {
    let lab = Lab::new();
    lab.write(&simulated(3, 1));
    let coordinator = lab.serve(&[]);
    lab.submit(&coordinator.url, &["--simulated"]);
    let _worker = lab.worker(&coordinator.url, "w", &["--simulate", "1ms"]);
    coordinator.ended(&lab);
    until("a copy with all results", || {
        fs::copy(lab.store(), lab.path("copy.db")).unwrap();
        let jobs = lab.run(["jobs", "--state", "succeeded", "--format", "csv", "--store", "copy.db"]);
        (jobs.code() == 0 && jobs.stdout.lines().count() == 4).then_some(())
    });
    lab.run(["store", "check", "copy.db"]).expect(0);
}

#[test]
fn an_empty_store_is_said_to_be_one_by_every_command() {
    let lab = Lab::new();
    let coordinator = lab.serve(&[]);
    drop(coordinator);
    for command in [
        &["status"][..],
        &["status", "--json"],
        &["watch"],
        &["jobs"],
        &["tables"],
        &["job", "1"],
        &["log", "1"],
        &["cancel", "any"],
        &["retry", "any"],
        &["extend", "any", "--splits", "9"],
        &["delete", "any"],
        &["report", "--out", "report"],
        &["store", "check"],
        &["store", "journal"],
        &["store", "merge", "sweeps.db", "sweeps.db", "--into", "new.db"],
    ] {
        let ended = lab.run(command).expect(2);
        assert!(ended.stderr.contains("sweeps.db is empty, it holds no sweep"), "{command:?}: {}", ended.stderr);
        assert_eq!(ended.stdout, "", "{command:?}");
    }
    assert!(!lab.path("new.db").exists());
}

#[test]
fn stores_are_merged_into_a_new_one() {
    let lab = Lab::new();
    run(&lab, &named("one", 3), "a.db");
    run(&lab, &named("both", 4), "a.db");
    run(&lab, &named("both", 4), "b.db");
    run(&lab, &named("two", 5), "b.db");
    let merged = lab.run(["store", "merge", "a.db", "b.db", "--into", "new.db"]).expect(0);
    // simulated jobs of one seed are the same jobs in every sweep
    let jobs = 5;
    assert!(merged.stdout.contains(&format!("new.db has 3 sweeps and {jobs} results")), "{}", merged.stdout);
    assert!(merged.stdout.contains("4 more were in several stores"), "{}", merged.stdout);
    lab.run(["store", "check", "new.db"]).expect(0);
    for (sweep, store) in [("one", "a.db"), ("both", "a.db"), ("two", "b.db")] {
        let table = |store| lab.run(["tables", "--sweep", sweep, "--format", "csv", "--store", store]).expect(0).stdout;
        assert_eq!(table("new.db"), table(store), "{sweep}");
    }
    let again = lab.run(["store", "merge", "a.db", "b.db", "--into", "new.db"]).expect(2);
    assert!(again.stderr.contains("new.db is there already"), "{}", again.stderr);
    run(&lab, &named("two", 5), "new.db");

    run(&lab, &named("both", 6), "c.db");
    let refused = lab.run(["store", "merge", "a.db", "c.db", "--into", "other.db"]).expect(2);
    assert!(refused.stderr.contains("sweep `both` has another grid in c.db"), "{}", refused.stderr);
    assert!(!lab.path("other.db").exists());
}

#[test]
fn a_deleted_sweep_is_gone_with_the_results_that_no_other_lists() {
    let lab = Lab::new();
    run(&lab, &named("small", 2), "sweeps.db");
    run(&lab, &named("large", 5), "sweeps.db");
    let deleted = lab.run(["delete", "large"]).expect(0);
    assert_eq!(deleted.stdout, "large: deleted, with 3 results; 2 more stay, as other sweeps list them\n");
    let status = lab.run(["status"]).expect(0).stdout;
    assert!(status.contains("small: 2/2") && !status.contains("large"), "{status}");
    lab.run(["store", "check"]).expect(0);
    // what is deleted is trained again, what is shared is not
    lab.write(&named("large", 5));
    let submitted = lab.run(["submit", "sweep.yaml", "--simulated"]).expect(0);
    assert_eq!(submitted.stdout, "large: 5 jobs: 3 new, 2 done already\n");
    run(&lab, &named("large", 5), "sweeps.db");
    assert_eq!(succeeded(&lab, "sweeps.db"), 5);
    lab.run(["store", "salvage", "sweeps.db", "--into", "saved.db"]).expect(0);
    assert_eq!(succeeded(&lab, "saved.db"), 5);
}

#[test]
fn a_sweep_that_runs_is_deleted_and_its_worker_goes_on_with_another() {
    let lab = Lab::new();
    let coordinator = lab.serve(&[]);
    lab.write(&named("long", 2).replace("epochs: 1", "epochs: 1000"));
    lab.submit(&coordinator.url, &["--simulated"]);
    let _worker = lab.worker(&coordinator.url, "w", &["--simulate", "1h"]);
    until("a running job", || (coordinator.status(&lab)["sweeps"][0]["running"] == 1).then_some(()));
    lab.run(["delete", "long", "--yes"]).expect(0);
    until("its end", || {
        let status = coordinator.status(&lab);
        (status["sweeps"] == serde_json::json!([]) && status["workers"][0]["running"] == serde_json::json!([]))
            .then_some(())
    });
}
