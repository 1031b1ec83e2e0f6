//! The words: what the analysis says of many small tables, each a trap of its own. A change of words is a change of
//! `answers/answers.txt`, and is read before it is kept: `BLESS=1 cargo test --release -p coordinator --test answers` writes it.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use clap::Parser;
use coordinator::analysis::answer::answer;
use coordinator::cli::commands::analyze::{Args, analysed};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Options that are not `--ratio 0.5`.
const OPTIONS: &[(&str, &[&str])] = &[
    ("a_known_pool", &["--ratio", "50/100", "--pool", "200"]),
    ("equivalent_within_a_stated_margin", &["--ratio", "0.5", "--rope", "0.02"]),
    ("failed_runs_count_as_nothing", &["--ratio", "0.5", "--failed-score", "0"]),
    ("log_likelihoods", &["--ratio", "0.5"]),
    ("lower_is_better", &["--ratio", "0.5", "--minimize"]),
    ("lower_is_better_and_one_fails", &["--ratio", "0.5", "--score", "loss", "--minimize"]),
    ("not_worse", &["--ratio", "0.5", "--against", "float32", "--margin", "0.03"]),
    ("seeds_without_ratio", &[]),
    ("six_against_one", &["--ratio", "0.5", "--against", "base"]),
    ("tiny_scores", &["--ratio", "0.5", "--minimize"]),
];

#[derive(Debug, Parser)]
struct Command {
    #[command(flatten)]
    args: Args,
}

fn said(file: &Path) -> String {
    let name = file.file_stem().unwrap().to_str().unwrap();
    let options =
        OPTIONS.iter().find(|(table, _)| *table == name).map_or(&["--ratio", "0.5"][..], |(_, options)| options);
    let line = ["analyze", file.to_str().unwrap()].into_iter().chain(options.iter().copied());
    let analysed = analysed(&Command::try_parse_from(line).unwrap().args).unwrap().remove(0);
    let mut said = format!("## {name} {}\n", options.join(" ")).replace(" \n", "\n");
    for sentence in answer(&analysed.analysis).sentences() {
        writeln!(said, "- {sentence}").unwrap();
    }
    said
}

#[test]
fn the_words_of_every_table_are_the_ones_that_were_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/answers");
    let entries = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|name| name == "csv")).collect();
    files.sort();
    assert!(files.len() >= 40);
    let found = files.iter().map(|file| said(file)).collect::<Vec<_>>().join("\n");
    let golden = folder.join("answers.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&golden, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&golden).unwrap();
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.lines().count(), expected.lines().count());
}
