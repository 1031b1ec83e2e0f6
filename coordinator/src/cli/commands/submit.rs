//! `coordinator submit FILE`: hands a sweep file to a running coordinator, or puts it into a store for the next one.

use crate::cli::client::{Found, Source};
use crate::cli::confirm::confirm;
use crate::cli::json::JsonArgs;
use crate::cli::{CliError, offline, sweep_file};
use crate::scheduler::Submitted;
use crate::text::plural;
use proto::wire::{SubmitRequest, SubmitResponse};
use serde_json::{Value, json};
use std::io::{Write, stderr};
use std::path::PathBuf;

/// Hand a sweep file to a running coordinator, or put it into a store for the next one
///
/// Says how many of the sweep's jobs are new, done already or tried again. A file whose sweep is there already takes the place of its grid: if
/// results of the old grid are no longer shown, the command says so and, on a terminal, asks first.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  coordinator submit sweep.yaml
  coordinator submit sweep.yaml --coordinator https://head:7070 --token-file certs/submit.token")]
pub struct Args {
    /// The sweep file (YAML)
    file: PathBuf,
    /// Only simulated workers run it, and make the results up
    #[arg(long)]
    simulated: bool,
    /// Replace the sweep's grid without asking
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    json: JsonArgs,
    #[command(flatten)]
    source: Source,
}

/// Runs the subcommand.
///
/// # Errors
/// If the file is not valid, the user does not want its consequences, or neither a coordinator nor a store takes it.
pub async fn run(args: Args) -> Result<(), CliError> {
    let Args { file, simulated, yes, json, source } = args;
    let (plan, text) = sweep_file::load(&file)?;
    let (submitted, note, place) = match source.find().await? {
        Found::Coordinator(mut coordinator) => {
            let request = SubmitRequest { file: file.display().to_string(), text, simulated, preview: true };
            let answer = coordinator.calls.submit(request.clone()).await;
            agree(&coordinator.answer(answer)?.into_inner().into(), yes)?;
            let answer = coordinator.calls.submit(SubmitRequest { preview: false, ..request }).await;
            let submitted = coordinator.answer(answer)?.into_inner();
            say(&format!("handed to the coordinator at {}", coordinator.url()));
            let note = submitted.note.clone();
            (Submitted::from(submitted), note, ("coordinator", coordinator.url().to_owned()))
        }
        Found::Store(store) => {
            let plan = if simulated { plan.simulated() } else { plan };
            let is_new = !store.exists();
            if !is_new {
                let preview = plan.clone();
                agree(&offline::ask(&store, async move |handle| handle.preview(preview).await).await?, yes)?;
            }
            let submitted = offline::ask(&store, async move |handle| handle.submit(plan, text, None).await).await?;
            let (new, store) = (if is_new { "the new store " } else { "" }, store.display());
            say(&format!(
                "stored in {new}{store}, which no coordinator serves: it runs when you start coordinator serve --store {store}"
            ));
            let note = submitted.taken.as_ref().map(ToString::to_string).unwrap_or_default();
            (submitted, note, ("store", store.to_string()))
        }
    };
    if !note.is_empty() {
        say(&format!("{}: {note}", submitted.sweep));
    }
    let lines = format!("{}\n", describe(&submitted));
    json.print("submit", for_programs(&submitted, &note, place), &lines)
}

/// A submission for programs, and the coordinator or the store that took it.
fn for_programs(submitted: &Submitted, note: &str, (kind, place): (&str, String)) -> Value {
    let Submitted { sweep, jobs, succeeded, retried, running, waiting, new, unknown, hidden, taken: _ } = submitted;
    let mut object = json!({
        "sweep": sweep,
        "jobs": jobs,
        "succeeded": succeeded,
        "retried": retried,
        "running": running,
        "waiting": waiting,
        "new": new,
        "unknown": unknown,
        "hidden": hidden,
        "note": note,
        "coordinator": null,
        "store": null,
    });
    object[kind] = place.into();
    object
}

/// For people: a reader that is gone needs no line.
fn say(what: &str) {
    let _ = writeln!(stderr(), "{what}");
}

/// Says what a submission hides, and asks whether it may.
///
/// # Errors
/// If it may not.
pub fn agree(preview: &Submitted, yes: bool) -> Result<(), CliError> {
    let Submitted { sweep, hidden, .. } = preview;
    if *hidden == 0 {
        return Ok(());
    }
    let results = plural(*hidden, "result");
    let are = if *hidden == 1 { "is" } else { "are" };
    say(&format!(
        "sweep {sweep} has another grid: {results} of it {are} no longer shown (the store keeps them: submit the old file again, or use another name)"
    ));
    confirm("replace the grid?", yes)
}

/// A submission in a line.
#[must_use]
pub fn describe(submitted: &Submitted) -> String {
    let Submitted { sweep, jobs, succeeded, retried, running, waiting, new, unknown, .. } = submitted;
    let jobs_of = format!("{sweep}: {}", plural(*jobs, "job"));
    if unknown == jobs {
        return format!("{jobs_of}; a worker that has the data set will tell which of them are done already");
    }
    let parts = [
        (new, "new"),
        (succeeded, "done already"),
        (retried, "tried again"),
        (running, "running"),
        (waiting, "waiting"),
    ];
    let parts: Vec<_> =
        parts.into_iter().filter(|(count, _)| **count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    format!("{jobs_of}: {}", parts.join(", "))
}

impl From<SubmitResponse> for Submitted {
    fn from(submitted: SubmitResponse) -> Self {
        let SubmitResponse { sweep, jobs, succeeded, retried, running, waiting, new, unknown, hidden, note: _ } =
            submitted;
        Self { sweep, jobs, succeeded, retried, running, waiting, new, unknown, hidden, taken: None }
    }
}
