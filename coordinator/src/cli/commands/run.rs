//! `coordinator --sweep FILE`: runs a sweep from its file to its table.

use crate::analyst::{self, Question, TableError};
use crate::cli::asked::Asked;
use crate::cli::commands::submit::agree;
use crate::cli::hooks::HookArgs;
use crate::cli::interrupt::interrupted;
use crate::cli::local::{self, Inspected, LocalArgs, LocalWorkers};
use crate::cli::progress::{self, Progress};
use crate::cli::server::{Audience, Server, ServerArgs};
use crate::cli::shape::{ShapeArgs, say_what_is_left_out};
use crate::cli::{CliError, exit, output, sweep_file};
use crate::driver::Handle;
use crate::plan::Plan;
use crate::results;
use crate::scheduler::Submitted;
use crate::store::Reader;
use crate::tables::export::Format;
use crate::tables::{self, Analysed};
use proto::ids::ContentHash;
use proto::status::{Status, SweepState};
use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

const LISTEN: &str = "\
Address at which workers and other commands reach this coordinator: HOST:PORT, or :PORT for all addresses of this machine \
[default: 127.0.0.1:7070; with --local-workers another port if that is taken]";

/// Run a sweep from its file to its table.
#[derive(Debug, clap::Args)]
#[command(mut_arg("listen", |listen| listen.help(LISTEN)))]
pub struct Args {
    /// The sweep file (YAML)
    #[arg(long, value_name = "FILE", required = true)]
    sweep: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    local: LocalArgs,
    #[command(flatten)]
    hooks: HookArgs,
    /// If the sweep is there already with another grid, replace that without asking
    #[arg(long)]
    yes: bool,
    /// The table at its end.
    #[command(flatten)]
    shape: ShapeArgs,
    /// Make results up instead of training, in this time per job (such as 50ms), to try a coordinator
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    simulate: Option<Duration>,
}

/// How the sweep left the loop.
enum End {
    Ended,
    Rejected(String),
    Deleted,
    Interrupted,
}

/// Runs the sweep; the exit code says how it ended.
///
/// # Errors
/// If something the user chose cannot be, or the store fails.
pub async fn run(args: Args) -> Result<u8, CliError> {
    let started = Instant::now();
    let (plan, text) = sweep_file::load(&args.sweep.clone().unwrap_or_default())?;
    let plan = if args.simulate.is_some() { plan.simulated() } else { plan };
    check_shape(&args.shape, &plan)?;
    let hooks = args.hooks.prepare(&args.server.store)?;
    let mut interrupts = interrupted()?;
    let asked = Asked::hear()?;
    let mut seen = Inspected::default();
    if args.local.local_workers > 0 && args.simulate.is_none() {
        seen = tokio::select! {
            checked = check_data(&args.local, &plan) => checked?,
            _ = interrupts.recv() => return Err(CliError::Interrupted),
        };
    }
    let name = plan.sweep.clone();
    let audience = if args.local.local_workers > 0 { Audience::OwnWorkers } else { Audience::Anybody };
    let server = Server::start(&args.server, audience, Some(name.clone())).await?;
    asked.answer(server.handle.status());
    let hooks = hooks.start(server.handle.status());
    let submitted = match submit(&args, &server, plan, text, seen.content).await {
        Ok(submitted) => submitted,
        Err(refused) => {
            server.stop().await?;
            return Err(refused);
        }
    };
    let mut progress = Progress::new();
    seen.lines.iter().for_each(|line| progress.say(line));
    if let Some(taken) = submitted.taken {
        progress.say(&format!("{name}: {taken}"));
    }
    let end = follow(&args, &server, &name, &mut progress, &mut interrupts).await;
    let view = server.handle.status().borrow().clone();
    server.stop().await?;
    hooks.finish(&mut interrupts, &progress).await;
    let end = end?;
    // the driver publishes its last view a moment after its last change: the store is what counts
    let view = match results::state(&Reader::open(&args.server.store)?) {
        Ok(state) => Arc::new(Status { epochs_per_second: 0.0, ..state.status() }),
        Err(_) => view,
    };
    progress.finish(&view, &name);
    match end {
        End::Rejected(problem) => return Err(CliError::Rejected { sweep: name, problem }),
        End::Deleted => return Err(CliError::Usage(format!("sweep {name} was deleted meanwhile"))),
        End::Ended | End::Interrupted => progress.explain(&view, &name),
    }
    let sweep = progress::find(&view, &name);
    // a table of nothing says nothing
    if sweep.is_some_and(|sweep| sweep.succeeded > 0 || sweep.state == SweepState::Ended) {
        let question = Question { sweep: name.clone(), shape: args.shape.shape(false), ..Question::default() };
        let table = analyst::answer(&Reader::open(&args.server.store)?, &question)?;
        output::write(None, &table.text)?;
        say_what_is_left_out(&table.left_out);
    }
    let code = sweep.map_or(exit::INTERNAL, progress::exit_code);
    progress.say(&last_words(code, &args, started.elapsed()));
    Ok(code)
}

/// Finds out before the sweep runs whether its table will have the columns that are named.
fn check_shape(shape: &ShapeArgs, plan: &Plan) -> Result<(), CliError> {
    if shape.chooses() {
        let table = tables::candidates(&Analysed::of(&results::none_yet(plan)));
        shape.shape(false).apply(table, Format::Table).map_err(TableError::from)?;
    }
    Ok(())
}

/// Submits the sweep, once the user agrees with what that hides.
async fn submit(
    args: &Args,
    server: &Server,
    plan: Plan,
    text: String,
    seen: Option<ContentHash>,
) -> Result<Submitted, CliError> {
    agree(&server.handle.preview(plan.clone()).await?, args.yes)?;
    Ok(server.handle.submit(plan, text, seen).await?)
}

/// Looks at the data before anything is stored.
async fn check_data(local: &LocalArgs, plan: &Plan) -> Result<Inspected, CliError> {
    local::inspect(&local.data, plan).await
}

/// Shows the progress until the sweep has ended or somebody interrupts it; local workers live as long.
async fn follow(
    args: &Args,
    server: &Server,
    sweep: &str,
    progress: &mut Progress,
    interrupts: &mut mpsc::UnboundedReceiver<()>,
) -> Result<End, CliError> {
    if let Some(end) = has_ended(&server.handle, sweep).await? {
        return Ok(end);
    }
    if args.local.local_workers == 0 {
        let command = [vec!["worker --coordinator".into(), server.url().into()], server.credentials()].concat();
        progress.say(&format!("waiting for workers: {}", command.join(OsStr::new(" ")).display()));
    }
    let mut workers = LocalWorkers::start(
        &args.local,
        &server.url(),
        &args.server.artifacts(),
        &server.credentials(),
        args.simulate,
    )?;
    let result = tokio::select! {
        end = watch(&server.handle, sweep, progress) => end,
        status = workers.ended() => match status.code() {
            Some(code) if code == i32::from(exit::USERS_MISTAKE) => Err(CliError::LocalWorker),
            _ => Err(CliError::Internal(format!("the last local worker ended unexpectedly ({status}); the same command goes on from here"))),
        },
        _ = interrupts.recv() => Ok(End::Interrupted),
    };
    if matches!(result, Ok(End::Interrupted)) {
        progress.say("stopping: running jobs are given back; Ctrl-C again stops at once (no result is lost)");
    }
    tokio::select! {
        () = workers.drain() => {}
        _ = interrupts.recv() => {}
    }
    result
}

async fn watch(handle: &Handle, sweep: &str, progress: &mut Progress) -> Result<End, CliError> {
    let mut views = handle.status();
    loop {
        let view = views.borrow_and_update().clone();
        progress.show(&view, sweep);
        if let Some(end) = end_of(&view, sweep) {
            return Ok(end);
        }
        tokio::select! {
            changed = views.changed() => {
                changed.map_err(|_| CliError::Internal("the driver died; see the messages above".to_owned()))?;
            }
            () = tokio::time::sleep(progress.next_line()) => {}
        }
    }
}

/// Whether there is nothing to do. The first view after the submission knows.
async fn has_ended(handle: &Handle, sweep: &str) -> Result<Option<End>, CliError> {
    let mut views = handle.status();
    let view = views.wait_for(|view| progress::find(view, sweep).is_some()).await;
    let view = view.map_err(|_| CliError::Internal("the driver died; see the messages above".to_owned()))?.clone();
    Ok(end_of(&view, sweep))
}

fn end_of(view: &Status, sweep: &str) -> Option<End> {
    let Some(sweep) = progress::find(view, sweep) else { return Some(End::Deleted) };
    match sweep.state {
        SweepState::Ended => Some(End::Ended),
        SweepState::Rejected => Some(End::Rejected(sweep.problem.clone())),
        SweepState::WaitingForData | SweepState::Running => None,
    }
}

fn last_words(code: u8, args: &Args, elapsed: Duration) -> String {
    let store = args.server.store.display();
    let time = humantime::format_duration(Duration::from_secs(elapsed.as_secs()));
    match code {
        exit::COMPLETE => format!("complete after {time}; next: coordinator report --store {store} --out report"),
        exit::FAILED_JOBS => {
            format!(
                "ended after {time} with jobs that have no result: coordinator jobs --store {store} shows which; the same command tries them again"
            )
        }
        _ => format!("interrupted after {time}; the same command goes on from here"),
    }
}
