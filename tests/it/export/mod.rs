//! The results of a sweep as other programs take them. What those programs say themselves: `tests/reference/export_*.py`.

mod mlflow;
mod python;

use crate::harness::{Lab, Process, contents};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A simulated sweep of 6 candidates on 3 splits, ended.
fn ended() -> Lab {
    Lab::ended("exported", 3)
}

fn json(text: &[u8]) -> Value {
    serde_json::from_slice(text).unwrap()
}

#[test]
fn a_bundle_is_whole_and_describes_each_of_its_files() {
    let lab = ended();
    let options = ["--license", "https://spdx.org/licenses/CC-BY-4.0", "--author", "A. B."];
    let export = |out: &str, more: &[&str]| {
        let command = [&["export", "bundle", "exported", "--out", out][..], &options, more].concat();
        assert_eq!(lab.run(command).expect(0).stdout, format!("{out}\n"));
        fs::read(lab.path(out)).unwrap()
    };
    let bundle = export("a.zip", &[]);
    assert!(bundle == export("b.zip", &[]), "the same store, the same bytes");
    let coordinator = lab.serve(&[]);
    assert!(bundle == export("c.zip", &["--coordinator", &coordinator.url]), "a coordinator has the same");

    let folder = lab.path("bundle");
    zip::ZipArchive::new(std::io::Cursor::new(bundle)).unwrap().extract(&folder).unwrap();
    let checked =
        Command::new("sha256sum").args(["--check", "--strict", "--quiet", "SHA256SUMS"]).current_dir(&folder).status();
    assert!(checked.unwrap().success());
    let files = contents(&folder);
    let names: BTreeSet<String> = files.keys().map(|path| path.display().to_string()).collect();
    let hashes = String::from_utf8(files[Path::new("SHA256SUMS")].clone()).unwrap();
    let hashed = hashes.lines().filter_map(|line| line.split_once("  ")).map(|(_, name)| name.to_owned());
    let hashed: BTreeSet<String> = hashed.chain(["SHA256SUMS".to_owned()]).collect();
    assert_eq!(hashed, names, "every file has its hash");
    for name in [
        "report.html",
        "sweep.yaml",
        "resolved.yaml",
        "README.md",
        "figures/scores.svg",
        "tables/jobs.csv",
        "tables/pairs.tex",
    ] {
        assert!(names.contains(name), "{name} is missing");
    }
    for rows in ["candidates", "jobs"] {
        let table = &files[Path::new(&format!("tables/{rows}.json"))];
        assert_eq!(String::from_utf8_lossy(table), lab.table(rows, "json"));
    }
    let graph = json(&files[Path::new("ro-crate-metadata.json")])["@graph"].as_array().unwrap().clone();
    let entity =
        |id: &str| graph.iter().find(|entity| entity["@id"] == id).unwrap_or_else(|| panic!("no {id}")).clone();
    let parts = entity("./")["hasPart"].as_array().unwrap().clone();
    let parts: BTreeSet<String> = parts.iter().map(|part| part["@id"].as_str().unwrap().to_owned()).collect();
    let described: BTreeSet<String> = names.iter().filter(|name| *name != "ro-crate-metadata.json").cloned().collect();
    assert_eq!(parts, described);
    assert!(parts.iter().all(|part| entity(part)["@type"] == "File"));
    let about = json(&files[Path::new("about.json")]);
    assert_eq!((&about["jobs"]["succeeded"], &about["trainer"]), (&18.into(), &"simulated".into()));
    let readme = String::from_utf8(files[Path::new("README.md")].clone()).unwrap();
    assert!(
        readme.contains("6 candidates on 3 replicates") && readme.contains("**The numbers are made up**"),
        "{readme}"
    );
    assert_eq!(entity("figures/scores.pdf")["encodingFormat"], "application/pdf");
    // what the README says to type, where there is a store of the usual name
    fs::copy(lab.store(), folder.join("sweeps.db")).unwrap();
    let typed = readme.lines().find(|line| line.starts_with("coordinator ")).unwrap();
    assert_eq!(about["repeat"], typed);
    let words = typed.split(' ').skip(1).chain(["--listen", "127.0.0.1:0"]);
    Process::start(lab.command("coordinator", words).current_dir(&folder)).wait().expect(0);
    let again = lab.run(["tables", "--store", "bundle/again.db", "--rows", "candidates", "--format", "json"]).expect(0);
    let means = |table: &str| {
        let rows = json(table.as_bytes())["rows"].as_array().unwrap().clone();
        rows.iter().map(|row| row["mean"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(means(&again.stdout), means(&lab.table("candidates", "json")));
}

#[test]
fn event_files_lie_in_a_folder_for_each_job() {
    let lab = ended();
    let export = |out: &str, more: &[&str]| lab.run([&["export", "tensorboard", "--out", out][..], more].concat());
    export("runs", &[]).expect(0);
    let files = contents(&lab.path("runs"));
    assert_eq!(files.len(), 19, "a file of the experiment, and one per job");
    let folders: BTreeSet<_> = files.keys().filter_map(|path| Some(path.parent()?.display().to_string())).collect();
    assert!(folders.contains("unet2 focal/split-02"), "{folders:?}");
    let refused = export("runs", &[]).expect(2).stderr;
    assert!(refused.contains("runs is not empty: choose another folder with --out, or give --replace"), "{refused}");
    let coordinator = lab.serve(&[]);
    fs::write(lab.path("runs/notes.txt"), "mine").unwrap();
    fs::create_dir_all(lab.path("runs/gone/split-00")).unwrap();
    fs::copy(lab.path("runs/unet bce/split-00").join(EVENTS), lab.path("runs/gone/split-00").join(EVENTS)).unwrap();
    export("runs", &["--replace", "--coordinator", &coordinator.url]).expect(0);
    let mut again = contents(&lab.path("runs"));
    assert_eq!(again.remove(Path::new("notes.txt")), Some(b"mine".to_vec()));
    assert!(again == files, "the same runs, the same bytes, and none of a run that has gone");
    // what is not an export is left alone
    fs::create_dir(lab.path("other")).unwrap();
    fs::write(lab.path("other/thesis.txt"), "precious").unwrap();
    export("other", &["--replace"]).expect(2);
}

const EVENTS: &str = "events.out.tfevents.0.splitsweep";

#[test]
fn the_csv_of_wandb_is_analysed_to_the_same_numbers() {
    let lab = ended();
    let csv = lab.run(["export", "wandb", "exported"]).expect(0).stdout;
    lab.run(["export", "wandb", "--out", "runs.csv"]).expect(0);
    assert_eq!(fs::read_to_string(lab.path("runs.csv")).unwrap(), csv);
    assert!(
        csv.starts_with(
            "\"Name\",\"State\",\"Group\",\"Runtime\",\"config.architecture\",\"config.loss\",\"config.learning_rate\",\"config.split_seed\""
        ),
        "{csv}"
    );
    let analysed = lab.run(["analyze", "runs.csv", "--score", "test_iou", "--json"]).expect(0).stdout;
    let analysed = json(analysed.as_bytes());
    let expected = json(lab.table("candidates", "json").as_bytes());
    let rows = |value: &Value| value["rows"].as_array().unwrap().clone();
    for row in rows(&expected).iter().filter(|row| row["loss"] != Value::Null) {
        let of = rows(&analysed["candidates"]);
        let found = of
            .iter()
            .find(|found| ["architecture", "loss"].iter().all(|axis| found[format!("config.{axis}")] == row[axis]));
        let found = found.unwrap_or_else(|| panic!("{row} is not in {of:?}"));
        for column in ["n", "mean", "sd", "median", "min", "max"] {
            let [found, expected] = [found, row].map(|row| row[column].as_f64().unwrap());
            assert!((found - expected).abs() < 1e-12, "{column} of {row}: {found}");
        }
    }
}

#[test]
fn a_sweep_that_is_not_there_makes_no_file() {
    let lab = ended();
    for command in [
        &["export", "bundle", "nobody", "--out", "x"][..],
        &["export", "tensorboard", "nobody", "--out", "x"],
        &["export", "wandb", "nobody", "--out", "x"],
        &["export", "mlflow", "nobody", "--uri", "http://127.0.0.1:1"],
    ] {
        let refused = lab.run(command).expect(2).stderr;
        assert!(refused.contains("no sweep is named `nobody`; there are: exported"), "{command:?}: {refused}");
        assert!(!lab.path("x").exists(), "{command:?}");
    }
    let date = lab.run(["export", "bundle", "--out", "x", "--date", "today"]).expect(2).stderr;
    assert!(date.contains("give a day such as 2026-05-31"), "{date}");
}
