//! What shells and other programs are told: completions, pages for `man`, the version, the status and other answers as JSON.

use crate::harness::{Lab, grid, program, simulated, skipped, tiny, until};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const PROGRAMS: [&str; 2] = ["coordinator", "worker"];

fn run(name: &str, arguments: &[&str]) -> Output {
    Command::new(program(name)).args(arguments).env("COLUMNS", "200").output().unwrap()
}

fn said(name: &str, arguments: &[&str]) -> String {
    let output = run(name, arguments);
    assert!(output.status.success() && output.stderr.is_empty(), "{name} {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The commands that the help lists.
fn commands(name: &str) -> BTreeSet<String> {
    let help = said(name, &["--help"]);
    let lists = help.split("\nOptions:").next().unwrap();
    let lines = lists.lines().filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')));
    lines.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

#[test]
fn every_command_is_listed_and_has_a_page() {
    for (name, some) in [("coordinator", ["plan", "store", "man"]), ("worker", ["prepare", "train", "man"])] {
        let listed = commands(name);
        assert!(some.iter().all(|command| listed.contains(*command)), "{listed:?}");
        assert!(!said(name, &["--help"]).contains("Other commands"), "a command of {name} is in no group");
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("man1");
        assert_eq!(said(name, &["man", place.to_str().unwrap()]), "");
        let page = |command: &str| std::fs::read_to_string(place.join(format!("{command}.1"))).unwrap_or_default();
        assert!(page(name).contains("Examples:"), "{}", page(name));
        for command in listed.iter().filter(|command| *command != "help") {
            assert!(page(&format!("{name}-{command}")).contains(".SH NAME"), "{name} {command}");
        }
        // the one that the worker starts by itself is for nobody else
        assert_eq!((listed.contains("trainer"), page("worker-trainer").as_str()), (false, ""));
    }
    let refused = run("worker", &["man", "/dev/null/pages"]);
    let words = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{words}");
    assert!(words.contains("cannot write the pages to /dev/null/pages: "), "{words}");
}

#[test]
fn completions_are_scripts_of_the_shell() {
    for name in PROGRAMS {
        for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
            let script = said(name, &["completions", shell]);
            assert!(script.contains(name) && script.contains("completions"), "{name}, {shell}");
            let Ok(found) = Command::new(shell).arg("-c").arg("exit 0").stderr(Stdio::null()).status() else {
                if shell == "bash" {
                    skipped("bash is not there");
                }
                continue;
            };
            if !found.success() || !["bash", "fish", "zsh"].contains(&shell) {
                continue;
            }
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), script).unwrap();
            let checked = Command::new(shell).arg("-n").arg(file.path()).output().unwrap();
            assert!(checked.status.success() && checked.stderr.is_empty(), "{name}, {shell}: {checked:?}");
        }
    }
}

#[test]
fn the_version_names_the_commit_if_there_is_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let git = Command::new("git").args(["rev-parse", "HEAD"]).current_dir(root).output();
    let is_repository = git.is_ok_and(|output| output.status.success());
    for name in PROGRAMS {
        let version = said(name, &["--version"]);
        let plain = format!("{name} {}", env!("CARGO_PKG_VERSION"));
        let rest = version.trim_end().strip_prefix(&plain).unwrap_or_else(|| panic!("{version}"));
        // of the last build that found other sources: not always the commit of now
        let commit = rest.strip_prefix(" (").and_then(|rest| rest.split([',', ')']).next());
        let is_hash = |commit: &str| commit.len() >= 7 && commit.chars().all(|c| c.is_ascii_hexdigit());
        assert_eq!(commit.is_some_and(is_hash), is_repository, "{version}");
        assert_eq!(commit.is_none(), rest.is_empty(), "{version}");
    }
}

/// The fields that a section of docs/status.md lists; the first section has no title.
fn documented(section: &str) -> BTreeSet<String> {
    documented_in("status.md", section)
}

/// The same of any document.
fn documented_in(document: &str, section: &str) -> BTreeSet<String> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let text = std::fs::read_to_string(docs.join(document)).unwrap();
    let mut sections = text.split("\n## ");
    let found = match section {
        "" => sections.next(),
        title => sections.find(|text| text.starts_with(&format!("{title}\n"))),
    };
    let rows = found.unwrap().lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    rows.map(str::to_owned).collect()
}

fn fields(object: &Value) -> BTreeSet<String> {
    object.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn the_status_has_the_documented_fields_and_no_others() {
    let lab = Lab::new();
    lab.write(&simulated(3, 100));
    let coordinator = lab.serve(&[]);
    lab.submit(&coordinator.url, &["--simulated"]);
    let _worker = lab.worker(&coordinator.url, "w", &["--simulate", "100s", "--emulate", "8GiB"]);
    coordinator.running(&lab, "w");
    let status = until("a reading of the device", || {
        Some(coordinator.status(&lab)).filter(|status| status["workers"][0]["readings"][0].is_object())
    });
    assert_eq!(status["schema"], "splitsweep.status/1");
    let worker = &status["workers"][0];
    let parts = [
        ("", &status),
        ("sweeps", &status["sweeps"][0]),
        ("workers", worker),
        ("readings", &worker["readings"][0]),
        ("running", &worker["running"][0]),
    ];
    for (section, object) in parts {
        assert_eq!(fields(object), documented(section), "{section}");
    }
    let sweep = &status["sweeps"][0];
    let states = ["queued", "running", "succeeded", "failed", "cancelled", "dropped"];
    let sum: u64 = states.iter().map(|state| sweep[state].as_u64().unwrap()).sum();
    assert_eq!(sweep["jobs"].as_u64(), Some(sum), "{status}");
}

/// What a command tells programs: one line, of which the section lists the fields.
fn told(lab: &Lab, arguments: &[&str], section: &str) -> Value {
    let stdout = lab.run(arguments.iter().chain(&["--json"])).expect(0).stdout;
    assert_eq!(stdout.lines().count(), 1, "{stdout}");
    let object: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(object["schema"], format!("splitsweep.{section}/1"));
    assert!(fields(&object).is_subset(&documented_in("json.md", section)), "{section}: {object}");
    let given = ["time", "data"].map(str::to_owned);
    let missing: Vec<_> = documented_in("json.md", section).difference(&fields(&object)).cloned().collect();
    assert!(missing.iter().all(|field| section == "plan" && given.contains(field)), "{section}: {missing:?}");
    object
}

#[test]
fn what_commands_tell_programs_has_the_documented_fields_and_no_others() {
    let lab = Lab::new();
    lab.write(&simulated(3, 1));
    let told = |arguments: &[&str], section: &str| told(&lab, arguments, section);
    let plan = told(&["plan", "sweep.yaml"], "plan");
    assert_eq!(fields(&plan["candidates"][0]), documented_in("json.md", "candidates"));
    assert_eq!(fields(&plan["power"]), documented_in("json.md", "power"));
    let same = lab.run(["plan", "sweep.yaml", "--format", "json"]).expect(0).stdout;
    assert_eq!(serde_json::from_str::<Value>(&same).unwrap(), plan);

    let stored = told(&["submit", "sweep.yaml", "--simulated"], "submit");
    assert_eq!(
        (&stored["new"], &stored["store"], &stored["coordinator"]),
        (&3.into(), &"sweeps.db".into(), &Value::Null)
    );
    assert_eq!(told(&["cancel", "simulated"], "cancel")["cancelled"], 3);
    let coordinator = lab.serve(&[]);
    assert_eq!(told(&["retry", "simulated", "--coordinator", &coordinator.url], "retry")["retried"], 3);
    let command = ["submit", "sweep.yaml", "--simulated", "--coordinator", &coordinator.url];
    let handed = told(&command, "submit");
    assert_eq!((&handed["waiting"], &handed["coordinator"]), (&3.into(), &coordinator.url.as_str().into()));
    let numbers = ["succeeded", "retried", "running", "waiting", "new", "unknown"];
    let sum: u64 = numbers.iter().map(|number| handed[number].as_u64().unwrap()).sum();
    assert_eq!(handed["jobs"], sum);
    let more = ["extend", "simulated", "--splits", "4", "--coordinator", &coordinator.url];
    assert_eq!(told(&more, "extend")["added"], 1);
    assert_eq!(told(&more, "extend")["added"], 0);
    assert_eq!(told(&["cancel", "simulated", "--coordinator", &coordinator.url], "cancel")["cancelled"], 4);
    drop(coordinator);

    let checked = told(&["store", "check"], "check");
    assert_eq!((&checked["is_sound"], &checked["findings"]), (&true.into(), &Value::Array(Vec::new())));
    assert!(checked["tables"][0]["rows"].is_u64() && checked["tables"][0]["unsound"] == 0, "{checked}");
    let copy = told(&["store", "backup", "--into", "copy.db"], "backup");
    assert_eq!(copy["bytes"].as_u64(), Some(lab.path("copy.db").metadata().unwrap().len()));
    let merged = told(&["store", "merge", "sweeps.db", "copy.db", "--into", "both.db"], "merge");
    assert_eq!((&merged["sweeps"], &merged["results"]), (&1.into(), &0.into()));
    assert_eq!(told(&["store", "salvage", "sweeps.db", "--into", "new.db"], "salvage")["sweeps"], 1);
    let gone = told(&["delete", "simulated", "--yes"], "delete");
    assert_eq!((&gone["results"], &gone["shared"]), (&0.into(), &0.into()));
}

#[test]
fn what_commands_write_is_told_to_programs_under_the_documented_fields() {
    let lab = Lab::new();
    lab.write(&(tiny("bce", 1, 1) + "artifacts: {weights: best}\n"));
    lab.sweep(&["--local-workers", "1"]).process.wait().expect(0);
    let told = |arguments: &[&str], section: &str| told(&lab, arguments, section);
    let is_file = |name: &Value| lab.path(name.as_str().unwrap()).is_file();
    let id = lab.rows("jobs")[0]["job"].clone();
    let file = told(&["job", &id[..8]], "job")["file"].clone();
    assert_eq!(file, lab.run(["job", &id]).expect(0).stdout);
    let log = told(&["log", &id[..8]], "log");
    assert_eq!((&log["job"], &log["sweep"]), (&id.as_str().into(), &"tiny".into()));
    assert_eq!(fields(&log["events"][0]), ["at", "log", "what"].map(str::to_owned).into());
    assert_eq!(log["events"][1]["what"], "attempt 1 has succeeded");
    let report = told(&["report", "--out", "report"], "report");
    let files = report["files"].as_array().unwrap();
    assert!(files.contains(&report["page"]) && files.iter().all(is_file), "{report}");
    let weights = told(&["weights", "--out", "weights"], "weights");
    assert_eq!((&weights["files"][0]["job"], &weights["without"]), (&id.as_str().into(), &0.into()));
    assert!(is_file(&weights["files"][0]["file"]), "{weights}");
    for (kind, out) in [("bundle", "tiny.zip"), ("tensorboard", "runs"), ("wandb", "runs.csv")] {
        let exported = told(&["export", kind, "--out", out], "export");
        assert_eq!((&exported["kind"], &exported["out"]), (&kind.into(), &out.into()));
        assert!(lab.path(out).exists(), "{exported}");
    }
    let both = lab.run(["export", "wandb", "--json"]).expect(2);
    assert!(both.stdout.is_empty() && both.stderr.contains("--out FILE"), "{}", both.stderr);
    let certs = told(&["certs", "certs", "head"], "certs");
    assert_eq!((&certs["folder"], &certs["names"][0]), (&"certs".into(), &"head".into()));
    let tokens = certs["tokens"].as_array().unwrap();
    assert!(tokens.len() == 3 && tokens.iter().all(is_file), "{certs}");
    let renewed = told(&["certs", "certs", "--new-token", "reader"], "certs");
    assert_eq!(
        (&renewed["names"], &renewed["tokens"]),
        (&serde_json::json!([]), &serde_json::json!(["certs/reader.token"]))
    );
    let coordinator = lab.serve(&[]);
    assert_eq!(told(&["log", &id, "--coordinator", &coordinator.url], "log"), log);
}

#[test]
fn a_sweep_is_watched_line_by_line_to_its_end() {
    let lab = Lab::new();
    lab.write(&grid("watched", 2));
    let coordinator = lab.serve(&[]);
    lab.submit(&coordinator.url, &["--simulated"]);
    let mut watching = lab.command("coordinator", ["watch", "watched", "--json"]);
    let mut watching = crate::harness::Process::start(&mut watching);
    // nobody reads this one any more: it ends quietly at the next change
    let mut unread = lab.command("coordinator", ["watch", "--json"]);
    let mut unread = unread.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(unread.stdout.take());
    let _worker = lab.worker(&coordinator.url, "w", &["--simulate", "50ms"]);
    let lines = watching.wait().expect(0).stdout;
    let unread = unread.wait_with_output().unwrap();
    assert_eq!((unread.status.code(), String::from_utf8(unread.stderr).unwrap().as_str()), (Some(0), ""));

    let seen: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(seen.len() > 1, "{lines}");
    let done: Vec<u64> = seen.iter().map(|status| status["sweeps"][0]["succeeded"].as_u64().unwrap()).collect();
    assert!(done.is_sorted() && done.last() == Some(&12), "{done:?}");
    for pair in seen.windows(2) {
        let [before, mut after] = [&pair[0], &pair[1]].map(Value::clone);
        after["at_ms"] = before["at_ms"].clone();
        assert_ne!(before, after, "time alone is no change");
    }
    assert_eq!(seen.last().unwrap()["sweeps"][0]["state"], "ended");

    drop(coordinator);
    let once = lab.run(["watch", "--json"]).expect(0).stdout;
    let stored: Value = serde_json::from_str(&once).unwrap();
    assert_eq!((fields(&stored), &stored["sweeps"][0]["state"]), (documented(""), &"ended".into()));
}
