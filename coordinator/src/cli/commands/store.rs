//! `coordinator store`: copies of stores, and what to do with a damaged one.

use crate::cli::client::DEFAULT_STORE;
use crate::cli::json::JsonArgs;
use crate::cli::output::quietly;
use crate::cli::working::Working;
use crate::cli::{CliError, exit};
use crate::merge::{Merged, merge};
use crate::results::{self, NoSweep};
use crate::salvage::{self, Checked, Saved};
use crate::store::{Entry, Reader, StoreError, Wanted, backup};
use crate::text::plural;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{BufWriter, Write, stdout};
use std::path::{Path, PathBuf};

/// Check, copy or repair a store, or print its journal
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Check a whole store for damage, even while it is in use
    Check {
        /// The store
        #[arg(value_name = "FILE", default_value = DEFAULT_STORE)]
        store: PathBuf,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Copy everything undamaged of a damaged store into a new one; jobs whose results are lost are queued again
    Salvage {
        /// The damaged store
        #[arg(value_name = "FILE")]
        store: PathBuf,
        /// File for the new store
        #[arg(long, value_name = "NEW")]
        into: PathBuf,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Copy a store, even while it is in use
    Backup {
        /// The store
        #[arg(value_name = "FILE", default_value = DEFAULT_STORE)]
        store: PathBuf,
        /// File for the copy [default: FILE.backup]
        #[arg(long, value_name = "COPY")]
        into: Option<PathBuf>,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Put the sweeps and results of several stores into a new one
    Merge {
        /// The stores; of a job that several have, the result of the first counts
        #[arg(value_name = "FILE", required = true, num_args = 2..)]
        stores: Vec<PathBuf>,
        /// File for the new store
        #[arg(long, value_name = "NEW")]
        into: PathBuf,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Print the journal: one line of JSON for everything that happened
    Journal {
        /// The store
        #[arg(value_name = "FILE", default_value = DEFAULT_STORE)]
        store: PathBuf,
    },
}

/// Runs the subcommand; the exit code tells of a check whether the store is sound.
///
/// # Errors
/// If there is no store, it cannot be read, or what is asked for cannot be written.
pub fn run(args: Args) -> Result<u8, CliError> {
    match args.command {
        Command::Check { store, json } => {
            let working = Working::on("checks the store");
            let checked = salvage::check(&store, |what| working.say(what))?;
            if checked.is_empty && checked.findings.is_empty() {
                not_empty(&Reader::open(&store)?)?;
            }
            drop(working);
            json.print("check", check_for_programs(&store, &checked), &describe(&store, &checked))?;
            return Ok(if checked.findings.is_empty() { exit::COMPLETE } else { exit::INTERNAL });
        }
        Command::Salvage { store, into, json } => {
            let working = Working::on("saves what is sound");
            let saved = salvage::salvage(&store, &into, |what| working.say(what))?;
            drop(working);
            let Saved { sweeps, results, lost, facts_lost, strays } = saved;
            let object = json!({
                "store": name(&store), "into": name(&into), "sweeps": sweeps, "results": results, "lost": lost,
                "facts_lost": facts_lost, "strays": strays,
            });
            json.print("salvage", object, &told(&into, &saved))?;
        }
        Command::Backup { store, into, json } => {
            let into = into.unwrap_or_else(|| {
                let mut name = store.clone().into_os_string();
                name.push(".backup");
                name.into()
            });
            let working = Working::on("copies the store");
            let bytes = backup(&store, &into)?;
            drop(working);
            let lines = format!("{} is a copy of {}: {:.1} MB\n", into.display(), store.display(), bytes as f64 / 1e6);
            json.print("backup", json!({ "store": name(&store), "into": name(&into), "bytes": bytes }), &lines)?;
        }
        Command::Merge { stores, into, json } => {
            let working = Working::on("merges the stores");
            let all = merge(&stores, &into, |what| working.say(what))?;
            drop(working);
            let Merged { sweeps, results, repeated, strays } = all;
            let stores: Vec<_> = stores.iter().map(|store| name(store)).collect();
            let object = json!({
                "stores": stores, "into": name(&into), "sweeps": sweeps, "results": results, "repeated": repeated,
                "strays": strays,
            });
            json.print("merge", object, &merged(&into, &all))?;
        }
        Command::Journal { store } => {
            let reader = Reader::open(&store)?;
            if reader.last_fact()? == 0 {
                not_empty(&reader)?;
            }
            print_journal(&reader)?;
        }
    }
    Ok(exit::COMPLETE)
}

/// Refuses an empty store: who checks a copy should know that nothing is in it.
fn not_empty(reader: &Reader) -> Result<(), CliError> {
    Ok(NoSweep::check(reader, &results::state(reader)?)?)
}

/// Why the journal is not printed to its end.
enum Unprinted {
    Store(StoreError),
    Output(std::io::Error),
}

impl From<StoreError> for Unprinted {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn print_journal(reader: &Reader) -> Result<(), CliError> {
    let mut lines = BufWriter::new(stdout().lock());
    let printed = reader.entries(Wanted::All, |entry| writeln!(lines, "{}", line(&entry)).map_err(Unprinted::Output));
    match printed {
        Err(Unprinted::Store(error)) => {
            quietly(lines.flush())?;
            Err(error.into())
        }
        Err(Unprinted::Output(error)) => quietly(Err(error)),
        Ok(()) => quietly(lines.flush()),
    }
}

/// A fact as JSON: its number and time before what it says.
fn line(Entry { seq, at, fact }: &Entry) -> String {
    let fact = serde_json::to_string(fact).unwrap_or_default();
    format!("{{\"seq\":{seq},\"at\":\"{at}\",{}", fact.strip_prefix('{').unwrap_or("}"))
}

/// The name of a file; JSON is text.
fn name(path: &Path) -> String {
    path.display().to_string()
}

fn check_for_programs(store: &Path, checked: &Checked) -> Value {
    let Checked { tables, is_sealed, results, is_empty: _, findings } = checked;
    let table = |(table, rows, unsound): &(&str, u64, u64)| json!({ "table": table, "rows": rows, "unsound": unsound });
    json!({
        "store": name(store),
        "is_sound": findings.is_empty(),
        "is_sealed": is_sealed,
        "tables": tables.iter().map(table).collect::<Vec<_>>(),
        "results": results,
        "findings": findings,
    })
}

fn describe(store: &Path, checked: &Checked) -> String {
    let mut text = String::new();
    for (table, rows, unsound) in &checked.tables {
        let _ = writeln!(text, "{table:<13} {rows:>10} rows, {unsound} not as written");
    }
    let _ = writeln!(text, "{:<13} {:>10} fit their facts", "results", checked.results);
    if !checked.is_sealed {
        let _ = writeln!(text, "older stores have no checksums: a flipped bit may be unseen");
    }
    for finding in &checked.findings {
        let _ = writeln!(text, "damaged: {finding}");
    }
    let store = store.display();
    let _ = match checked.findings.len() {
        0 => writeln!(text, "{store} is sound"),
        _ => writeln!(text, "{store} is damaged: coordinator store salvage {store} --into NEW"),
    };
    text
}

fn told(into: &Path, saved: &Saved) -> String {
    let Saved { sweeps, results, lost, facts_lost, strays } = saved;
    let mut text = format!("{} has {sweeps} sweeps and {results} results\n", into.display());
    let _ = writeln!(text, "lost: {lost} results, whose jobs are queued again; {facts_lost} facts");
    if *strays > 0 {
        let _ = writeln!(text, "{strays} sound results stay behind: the sweeps that they belong to cannot be read");
    }
    text
}

fn merged(into: &Path, merged: &Merged) -> String {
    let Merged { sweeps, results, repeated, strays } = *merged;
    let mut text = format!("{} has {} and {}\n", into.display(), plural(sweeps, "sweep"), plural(results, "result"));
    if repeated > 0 {
        let _ = writeln!(text, "{repeated} more were in several stores; that of the first was taken");
    }
    if strays > 0 {
        let _ = writeln!(text, "{strays} stay behind: no sweep lists their jobs any more");
    }
    text
}
