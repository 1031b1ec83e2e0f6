//! The design's rules, read off the sources: which part knows which.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The Rust files in a folder, or the file, by path; what is generated is not ours to keep tidy.
fn sources(place: &str) -> BTreeMap<PathBuf, String> {
    let mut places = vec![root().join(place)];
    let mut files = BTreeMap::new();
    while let Some(path) = places.pop() {
        if path.is_dir() {
            places.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|kind| kind == "rs") && !path.ends_with("gen/sweep.v1.rs") {
            files.insert(path.strip_prefix(root()).unwrap().to_owned(), fs::read_to_string(&path).unwrap());
        }
    }
    assert!(!files.is_empty(), "{place} has no sources");
    files
}

/// The file without comments and without its tests, line by line.
fn code(path: &Path, text: &str) -> Vec<String> {
    if path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs") {
        return Vec::new();
    }
    let tests = text.split_once("\n#[cfg(test)]\n").filter(|(_, rest)| rest.contains("tests {"));
    let product = tests.map_or(text, |(product, _)| product);
    product.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code).to_owned()).collect()
}

/// Whether the line has the path, and not as the end of a longer word.
fn mentions(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let after = &line[at + path.len()..];
        !line[..at].ends_with(is_word) && (path.ends_with(':') || !after.starts_with(is_word))
    })
}

/// Checks that none of the places mentions any of the paths.
fn assert_knows_not(places: &[&str], paths: &[&str]) {
    for place in places {
        for (file, text) in sources(place) {
            for (number, line) in code(&file, &text).iter().enumerate() {
                for path in paths {
                    assert!(!mentions(line, path), "{}:{}: must not know `{path}`: {line}", file.display(), number + 1);
                }
            }
        }
    }
}

#[test]
fn what_decides_is_pure() {
    let outside = ["tokio", "tonic", "rusqlite", "prost", "std::fs", "std::net", "Instant::now", "SystemTime", "rand"];
    let room = |name: &str| format!("coordinator/src/{name}");
    let decides = ["plan", "scheduler", "race.rs", "stats"].map(room);
    let says = ["analysis", "results/types.rs", "tables", "report", "text.rs"].map(room);
    let (decides, says) = (decides.each_ref().map(String::as_str), says.each_ref().map(String::as_str));
    let edge = ["crate::store", "crate::driver", "crate::serve", "crate::analyst", "crate::cli", "proto::wire"];
    for pure in [&decides[..], &says] {
        assert_knows_not(pure, &outside);
        assert_knows_not(pure, &edge);
    }
    // what decides does not stand on what draws
    assert_knows_not(&decides, &["crate::results", "crate::analysis", "crate::tables", "crate::report", "crate::text"]);
    assert_knows_not(&says, &["crate::scheduler"]);
    assert_knows_not(&decides[..1], &["crate::scheduler", "crate::race", "crate::stats"]);
    assert_knows_not(&["coordinator/src/stats"], &["crate::plan", "proto", "observations", "comparison"]);
    assert_knows_not(&["coordinator/src/analysis"], &["crate::tables", "crate::report"]);
    assert_knows_not(&["coordinator/src/analysis/comparison"], &["analysis::answer", "analysis::versus_best"]);
    assert_knows_not(&["coordinator/src/tables"], &["crate::report"]);
}

/// `use crate::` of every file, as arrows between the rooms of the coordinator: its files and folders in `src`.
#[test]
fn the_coordinators_rooms_import_each_other_in_one_direction() {
    let src = Path::new("coordinator/src");
    let room = |file: &Path| {
        let path = file.strip_prefix(src).unwrap();
        path.components().next().unwrap().as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
    };
    let sources = sources("coordinator/src");
    let rooms: BTreeSet<String> = sources.keys().map(|file| room(file)).collect();
    let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (file, text) in &sources {
        let own = room(file);
        let text = code(file, text).join("\n");
        let named = rooms.iter().filter(|other| **other != own && mentions(&text, &format!("crate::{other}")));
        imports.entry(own.clone()).or_default().extend(named.cloned());
    }
    // rooms that import nothing that is left are taken away, until none is left
    while !imports.is_empty() {
        let left: BTreeSet<String> = imports.keys().cloned().collect();
        imports.retain(|_, others| others.iter().any(|other| left.contains(other)));
        assert!(imports.len() < left.len(), "these rooms import each other in a circle: {left:?}");
    }
}

#[test]
fn the_store_knows_no_decisions_and_the_driver_no_wire() {
    assert_knows_not(&["coordinator/src/store"], &["tokio", "tonic", "crate::driver", "crate::serve", "crate::cli"]);
    assert_knows_not(
        &["coordinator/src/driver", "coordinator/src/results", "coordinator/src/analyst"],
        &["tonic", "proto::wire", "crate::serve"],
    );
}

#[test]
fn the_page_reads_what_others_publish() {
    let makers = ["crate::driver", "crate::scheduler", "crate::store", "crate::serve", "crate::cli", "crate::publish"];
    assert_knows_not(&["coordinator/src/page"], &makers);
    assert_knows_not(&["coordinator/src/page"], &["tonic", "proto::wire", "rusqlite"]);
    // it counts for all of them
    let counters =
        ["tokio", "tonic", "crate::page", "crate::store", "crate::driver", "crate::scheduler", "crate::serve"];
    assert_knows_not(&["coordinator/src/telemetry"], &counters);
    // views are made of what the desk gives them
    let outside = ["tokio", "spawn_blocking", "std::fs", "std::net", "Instant", "SystemTime"];
    assert_knows_not(&["coordinator/src/page/views"], &outside);
    let screen = ["coordinator/src/screen"];
    assert_knows_not(&screen, &makers);
    assert_knows_not(&screen, &["tonic", "proto::wire", "rusqlite", "crossterm", "crate::analyst", "crate::page"]);
    assert_knows_not(&screen, &outside);
    assert_knows_not(
        &["coordinator/src/interchange"],
        &["tokio", "tonic", "ureq", "std::fs", "std::net", "SystemTime", "proto::wire"],
    );
    assert_knows_not(
        &["coordinator/src/interchange"],
        &["crate::store", "crate::driver", "crate::analyst", "crate::cli"],
    );
    assert_knows_not(&["coordinator/src/outlook.rs"], &["tokio", "crate::cli", "crate::page", "crate::scheduler"]);
}

#[test]
fn what_trains_knows_no_fleet() {
    let training = [
        "train",
        "augment",
        "postprocess.rs",
        "bench",
        "selftest",
        "models",
        "losses",
        "ops",
        "metrics",
        "optimizers",
        "data",
        "seed.rs",
    ];
    let places: Vec<_> = training.iter().map(|place| format!("worker/src/{place}")).collect();
    let places: Vec<_> = places.iter().map(String::as_str).collect();
    assert_knows_not(
        &places,
        &["tonic", "tokio", "proto::wire", "prost", "crate::agent", "crate::trainer", "crate::cli"],
    );
    assert_knows_not(&["worker/src/data"], &["crate::train", "crate::models", "crate::losses", "crate::ops"]);
    assert_knows_not(&["worker/src/ops", "worker/src/losses"], &["crate::train", "crate::data", "crate::models"]);
    assert_knows_not(&["worker/src/ops"], &["crate::losses", "crate::optimizers"]);
    assert_knows_not(
        &["worker/src/augment", "worker/src/postprocess.rs"],
        &["candle_core", "crate::train", "crate::data", "crate::models", "crate::losses"],
    );
    // references are for the self-test and the tests: nothing trains with them
    let trains =
        ["train", "trainer", "models", "losses", "optimizers", "ops"].map(|place| format!("worker/src/{place}"));
    assert_knows_not(&trains.each_ref().map(String::as_str), &["crate::selftest"]);
}

#[test]
fn the_agent_knows_no_tensors() {
    let decide = [
        "state.rs",
        "calls.rs",
        "complaint.rs",
        "device.rs",
        "finds.rs",
        "jobs.rs",
        "leaving.rs",
        "meters.rs",
        "packing.rs",
        "standing.rs",
    ]
    .map(|file| format!("worker/src/agent/{file}"));
    let outside = ["tokio", "rand", "Instant::now", "std::fs", "std::process"];
    assert_knows_not(&decide.each_ref().map(String::as_str), &outside);
    assert_knows_not(&["coordinator/src/driver/core.rs"], &["Instant", "rand", "std::thread", "crate::store::Store"]);
    assert_knows_not(&["worker/src/agent"], &["candle_core", "crate::train", "crate::models", "crate::trainer"]);
    assert_knows_not(&["proto/src", "coordinator/src"], &["candle_core", "candle_nn"]);
}

#[test]
fn packages_point_one_way() {
    for (place, others) in
        [("coordinator", &["worker"][..]), ("worker", &["coordinator"]), ("proto", &["coordinator", "worker"])]
    {
        let manifest = fs::read_to_string(root().join(place).join("Cargo.toml")).unwrap();
        for other in others {
            assert_knows_not(&[&format!("{place}/src")], &[&format!("{other}::")]);
            assert!(!manifest.contains(&format!("\n{other}")), "{place} depends on {other}");
        }
        let candle = manifest.contains("\ncandle");
        assert_eq!(candle, place == "worker", "{place}: only the worker knows Candle");
    }
}

#[test]
fn nothing_unwraps_outside_of_tests() {
    for place in ["proto/src", "coordinator/src", "worker/src"] {
        for (file, text) in sources(place) {
            for (number, line) in code(&file, &text).iter().enumerate() {
                let found = [".unwrap()", ".expect(", "panic!(", "todo!(", "unimplemented!("];
                let found = found.iter().find(|word| line.contains(*word));
                assert!(found.is_none(), "{}:{}: {line}", file.display(), number + 1);
            }
        }
    }
}

#[test]
fn files_that_the_documents_name_are_there() {
    let folders = ["configs/", "coordinator/", "worker/", "proto/", "python/", "tests/", "deploy/", "docs/"];
    let whole = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "configs/README.md", "deploy/README.md"];
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let of_scripts = ["python/README.md", "tests/reference/README.md"];
    let documents = whole.into_iter().chain(of_scripts).map(|document| root().join(document)).chain(docs);
    for document in documents.filter(|document| document.extension().is_some_and(|ending| ending == "md")) {
        let text = fs::read_to_string(&document).unwrap();
        // a path from a folder below, and a place in a document
        let path = |word: &str| {
            let word = word.trim_end_matches(['.', ':']).trim_start_matches("../");
            word.split('#').next().unwrap_or_default().to_owned()
        };
        let words = || text.split(|c: char| c.is_whitespace() || "`()[],;*".contains(c)).map(path);
        let named: Vec<_> = words().filter(|word| folders.iter().any(|folder| word.starts_with(folder))).collect();
        for name in &named {
            assert!(root().join(name).exists(), "{} names {name}", document.display());
        }
        let in_root = document.parent() == Some(&root());
        assert!(!named.is_empty() || !in_root, "{} names no file", document.display());
        // by their names alone, those beside it
        let is_script = |word: &String| !word.contains('/') && (word.ends_with(".py") || word.ends_with(".sh"));
        if of_scripts.iter().any(|of_scripts| document.ends_with(of_scripts)) {
            for script in words().filter(is_script) {
                assert!(document.with_file_name(&script).exists(), "{} names {script}", document.display());
            }
        }
    }
}

#[test]
fn these_rules_can_be_broken() {
    assert!(mentions("use crate::store::Reader;", "crate::store") && mentions("tokio::spawn(", "tokio"));
    assert!(!mentions("use my_tokio::x;", "tokio") && !mentions("let random = 1;", "rand"));
    let text = "use a::b; // tokio\nfn f() {}\n#[cfg(test)]\nmod tests {\n x.unwrap() }";
    assert_eq!(code(Path::new("x.rs"), text), ["use a::b; ", "fn f() {}"]);
}
