//! Whatever is wrong with what somebody wrote or chose: exit code 2, a message that names the place, and nothing left behind.

use crate::harness::{Lab, contents, free_port, program, simulated, tiny};
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs the command; checks that it fails by the user's mistake, says each of `names`, and changes no file.
fn assert_refused(lab: &Lab, arguments: &[&str], names: &[&str]) {
    let files = || contents(&lab.path(""));
    let before = files();
    let ended = lab.run(arguments).expect(2);
    for name in names {
        assert!(ended.stderr.contains(name), "`{name}` is not in the message of {arguments:?}:\n{}", ended.stderr);
    }
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    assert_eq!(ended.stdout, "", "{arguments:?}");
    let after = files();
    assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>(), "{arguments:?} left files behind");
    assert!(after == before, "{arguments:?} changed a file");
}

/// Every way to hand in a sweep file.
fn assert_sweep_refused(lab: &Lab, names: &[&str]) {
    let address = format!("127.0.0.1:{}", free_port());
    assert_refused(lab, &["--sweep", "sweep.yaml", "--listen", &address], names);
    assert_refused(lab, &["--sweep", "sweep.yaml", "--listen", &address, "--local-workers", "1"], names);
    assert_refused(lab, &["submit", "sweep.yaml"], names);
    assert_refused(lab, &["plan", "sweep.yaml"], names);
}

#[test]
fn a_sweep_file_that_is_wrong() {
    let good = tiny("bce", 2, 1);
    for (from, to, names) in [
        ("epochs: 1", "epoch: 1", &["sweep.yaml:8:12", "training.epoch: unknown key", "did you mean `epochs`"][..]),
        ("epochs: 1", "epochs: many", &["sweep.yaml:8:20", "training.epochs"]),
        ("loss: [bce]", "loss: []", &["sweep.yaml:5:9", "grid.loss: the list is empty"]),
        ("loss: [bce]", "loss: [bce, dice, bce]", &["sweep.yaml:5:21", "duplicate value `bce`"]),
        ("loss: [bce]", "loss: [bcee]", &["sweep.yaml:5:10", "unknown name `bcee`", "did you mean `bce`"]),
        ("loss: [bce]", "architecture: [resnet]", &["sweep.yaml:5:18", "unknown name `resnet`", "segnet"]),
        ("train: 6", "train: 60", &["sweep.yaml:3", "12"]),
        ("image_size: 32", "image_size: 40", &["sweep.yaml:2", "40"]),
        ("split_seeds: 2", "split_seeds: 1000001", &["sweep.yaml", "1000001", "1000000"]),
        ("model:", "model: {width: 4}\nmodel:", &["sweep.yaml:8", "duplicate key", "line 7"]),
        ("sweep: tiny", "sweep: [", &["sweep.yaml:"]),
    ] {
        assert!(good.contains(from), "{from}");
        let lab = Lab::new();
        lab.write(&good.replacen(from, to, 1));
        assert_sweep_refused(&lab, names);
    }
}

#[test]
fn a_sweep_file_that_is_wrong_in_several_places_says_all() {
    let lab = Lab::new();
    lab.write(&tiny("bcee", 2, 1).replace("width", "widht"));
    assert_sweep_refused(&lab, &["2 errors", "sweep.yaml:5:10", "sweep.yaml:7:9"]);
}

#[test]
fn a_sweep_file_in_another_encoding() {
    let lab = Lab::new();
    let latin = tiny("bce", 1, 1).replace("loss: [bce]", "loss: [bce]  # Gr").into_bytes();
    let at = latin.windows(2).position(|pair| pair == b"Gr").unwrap() + 2;
    let latin = [&latin[..at], b"\xf6\xdfe", &latin[at..]].concat();
    fs::write(lab.path("sweep.yaml"), latin).unwrap();
    assert_sweep_refused(&lab, &["sweep.yaml:5:20", "the byte 0xF6 is not valid UTF-8", "save the file as UTF-8"]);

    let sixteen: Vec<_> = tiny("bce", 1, 1).encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(lab.path("sweep.yaml"), [&b"\xff\xfe"[..], &sixteen].concat()).unwrap();
    let ended = lab.run(["plan", "sweep.yaml"]).expect(0);
    assert!(ended.stdout.starts_with("tiny: 1 job"), "{}", ended.stdout);
}

#[test]
fn a_sweep_file_that_is_not_there() {
    assert_sweep_refused(&Lab::new(), &["sweep.yaml", "No such file"]);
}

/// A sweep of a data set in PH2's layout.
fn of_folder(train: u32) -> String {
    tiny("bce", 1, 1)
        .replace("format: synthetic, cases: 12, seed: 3", "format: ph2")
        .replace("train: 6", &format!("train: {train}"))
}

/// Makes a data set in the lab; its files of that kind, sorted.
fn data(lab: &Lab, cases: &str, kind: &str) -> Vec<PathBuf> {
    let folder = lab.path("data");
    let made = Command::new(program("worker")).args(["synthesize", "--cases", cases, "--out"]).arg(&folder).output();
    assert!(made.unwrap().status.success());
    let mut files: Vec<_> =
        contents(&folder).into_keys().filter(|path| path.to_str().unwrap().contains(kind)).collect();
    files.sort();
    files.into_iter().map(|path| folder.join(path)).collect()
}

fn with_data<'a>(address: &'a str, data: &'a str) -> [&'a str; 8] {
    ["--sweep", "sweep.yaml", "--listen", address, "--local-workers", "1", "--data", data]
}

#[test]
fn data_that_cannot_be_used() {
    let address = format!("127.0.0.1:{}", free_port());
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let lab = Lab::new();
    lab.write(&of_folder(6));
    assert_refused(&lab, &with_data(&address, "blobs=nowhere"), &["--data blobs=nowhere", "no such folder"]);
    assert_refused(&lab, &with_data(&address, "others=."), &["data set `blobs`", "--data blobs=PATH"]);
    assert_refused(&lab, &with_data(&address, "blobs=."), &["data set `blobs`", "holds no cases"]);

    let masks = data(&lab, "11", "lesion");
    assert_refused(&lab, &with_data(&address, "blobs=data"), &["6 + 3 + 3 = 12 cases", "has 11"]);

    lab.write(&of_folder(5));
    let (whole, path) = (fs::read(&masks[4]).unwrap(), masks[4].to_str().unwrap());
    fs::write(path, &whole[..whole.len() / 2]).unwrap();
    assert_refused(&lab, &with_data(&address, "blobs=data"), &["data set `blobs`", &name(&masks[4]), "cannot decode"]);
    fs::remove_file(path).unwrap();
    assert_refused(&lab, &with_data(&address, "blobs=data"), &["data set `blobs`", "has no mask", &name(&masks[4])]);
    fs::write(path, &whole).unwrap();
    let ended = lab.run(with_data(&address, "blobs=data")).expect(0);
    assert!(ended.stdout.contains("bce"), "the same data set, mended: {}", ended.stdout);
}

#[test]
fn a_folder_in_the_sweep_file_that_is_not_there() {
    let lab = Lab::new();
    lab.write(&of_folder(6).replace("format: ph2", "format: ph2, root: /nowhere/at/all"));
    let address = format!("127.0.0.1:{}", free_port());
    let arguments = ["--sweep", "sweep.yaml", "--listen", &address, "--local-workers", "1"];
    assert_refused(&lab, &arguments, &["data set `blobs`", "/nowhere/at/all"]);
}

#[test]
fn data_that_is_found_wanting_once_the_sweep_runs() {
    let lab = Lab::new();
    lab.write(&of_folder(6));
    data(&lab, "11", "lesion");
    let mut coordinator = lab.sweep(&[]);
    coordinator.process.says("waiting for workers");
    let _worker = lab.worker(&coordinator.url, "w", &["--data", "blobs=data"]);
    let ended = coordinator.process.wait().expect(2);
    assert!(ended.stderr.contains("12 cases are asked for, but the data set has 11"), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
}

#[test]
fn a_store_of_another_version() {
    let lab = Lab::new();
    lab.write(&simulated(2, 1));
    lab.run(["submit", "sweep.yaml", "--simulated"]).expect(0);
    let connection = rusqlite::Connection::open(lab.store()).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    connection.close().unwrap();
    assert_store_refused(&lab, &["sweeps.db", "version 99", "version 5"]);
}

#[test]
fn a_file_that_is_no_store() {
    let lab = Lab::new();
    lab.write(&simulated(2, 1));
    fs::write(lab.store(), "dear diary, ".repeat(1000)).unwrap();
    assert_store_refused(&lab, &["sweeps.db is not a store"]);
    fs::remove_file(lab.store()).unwrap();
    let connection = rusqlite::Connection::open(lab.store()).unwrap();
    connection.execute_batch("CREATE TABLE diary (entry TEXT)").unwrap();
    connection.close().unwrap();
    assert_store_refused(&lab, &["sweeps.db is not a store"]);
}

fn assert_store_refused(lab: &Lab, names: &[&str]) {
    let address = format!("127.0.0.1:{}", free_port());
    for arguments in [
        &["--sweep", "sweep.yaml", "--simulate", "1ms", "--local-workers", "1", "--listen", &address][..],
        &["serve", "--listen", &address],
        &["submit", "sweep.yaml", "--simulated"],
        &["cancel", "simulated"],
        &["status"],
        &["jobs"],
        &["tables"],
    ] {
        assert_refused(lab, arguments, names);
    }
}

#[test]
fn a_store_that_is_not_there() {
    let lab = Lab::new();
    for command in [&["status"][..], &["jobs"], &["tables"], &["watch"], &["job", "1"], &["log", "1"]] {
        assert_refused(&lab, command, &["no store sweeps.db", "--store"]);
    }
    for command in [&["cancel"][..], &["retry"], &["extend", "--splits", "9"], &["delete"]] {
        assert_refused(&lab, &[command, &["any"]].concat(), &["no store sweeps.db", "--store"]);
    }
    assert_refused(&lab, &["serve", "--store", "no/folder/s.db", "--listen", "127.0.0.1:0"], &["no/folder/s.db"]);
}

#[test]
fn a_port_in_use() {
    let lab = Lab::new();
    lab.write(&simulated(2, 1));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let arguments = ["--sweep", "sweep.yaml", "--simulate", "1ms", "--local-workers", "1", "--listen", &address];
    assert_refused(&lab, &arguments, &[&address, "--listen"]);
    assert_refused(&lab, &["serve", "--listen", &address], &[&address, "--listen"]);
}

#[test]
fn a_sweep_or_a_table_that_does_not_exist() {
    let lab = Lab::new();
    lab.write(&simulated(2, 1));
    lab.run(["submit", "sweep.yaml", "--simulated"]).expect(0);
    assert_refused(&lab, &["tables", "--sweep", "other"], &["no sweep is named `other`", "simulated"]);
    assert_refused(&lab, &["job", "0x1"], &["`0x1` is not the beginning of a job's id"]);
    assert_refused(&lab, &["job", "f00"], &["no job's id begins with `f00`", "coordinator jobs"]);
    for command in [&["cancel"][..], &["retry"], &["extend", "--splits", "9"], &["delete"]] {
        assert_refused(&lab, &[command, &["other"]].concat(), &["no sweep is named `other`"]);
    }
    assert_refused(&lab, &["extend", "simulated", "--splits", "999"], &["the number of splits must be 3 to 102"]);
    assert_refused(&lab, &["log", "f00"], &["no job's id begins with `f00`", "coordinator jobs"]);
    assert_refused(&lab, &["jobs", "--state", "lost"], &["lost", "queued, running, succeeded, failed"]);
    assert_refused(&lab, &["cancel", ""], &["[SWEEP]"]);
    assert_refused(&lab, &["tables", "--rows", "columns"], &["columns", "candidates"]);
    assert_refused(&lab, &["tables", "--out", "no/folder/table"], &["no/folder/table"]);
    assert_refused(&lab, &["--sweep", "sweep.yaml", "--lease", "1ms"], &["--lease", "1s to 1h"]);
    assert_refused(&lab, &["--sweep", "sweep.yaml", "--simulate", "soon"], &["--simulate"]);
}

#[test]
fn a_running_coordinator_refuses_the_same_with_the_same_words() {
    let lab = Lab::new();
    let coordinator = lab.serve(&[]);
    lab.write(&tiny("bcee", 1, 1));
    let here = lab.run(["submit", "sweep.yaml"]).expect(2);
    let there = lab.run(["submit", "sweep.yaml", "--coordinator", &coordinator.url]).expect(2);
    assert_eq!(here.stderr, there.stderr);
    let unknown = lab.run(["tables", "--sweep", "other", "--coordinator", &coordinator.url]).expect(2);
    assert!(unknown.stderr.contains("is empty, it holds no sweep"), "{}", unknown.stderr);
    lab.write(&simulated(2, 1));
    lab.submit(&coordinator.url, &["--simulated"]);
    let extend = |sweep: &str, splits: &str| {
        let arguments = ["extend", sweep, "--splits", splits];
        let there = lab.run(arguments.into_iter().chain(["--coordinator", &coordinator.url])).expect(2).stderr;
        assert_eq!(lab.run(arguments).expect(2).stderr, there, "the store names it");
        there
    };
    assert!(extend("simulated", "999").contains("the number of splits must be 3 to 102"));
    assert!(extend("other", "9").contains("no sweep is named `other`"));
}

#[test]
fn a_coordinator_that_is_not_there() {
    let lab = Lab::new();
    for command in ["status", "watch", "jobs", "tables"] {
        let ended = lab.run([command, "--coordinator", "http://127.0.0.1:1"]).expect(6);
        assert!(
            ended.stderr.contains("http://127.0.0.1:1 is not reached: ") && ended.stderr.contains("refused"),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn an_address_that_is_none() {
    let lab = Lab::new();
    for mistaken in ["nonsense", "127.0.0.1:1", "ftp://127.0.0.1:1", "http://"] {
        let ended = lab.run(["status", "--coordinator", mistaken]).expect(2);
        assert!(ended.stderr.contains(&format!("`{mistaken}` is not a coordinator's address")), "{}", ended.stderr);
    }
}
