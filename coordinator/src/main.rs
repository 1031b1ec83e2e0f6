//! Entry point of `coordinator`: parses, sets tracing up, maps errors to exit codes.

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use coordinator::cli::asked::Asked;
use coordinator::cli::commands::{
    analyze, cancel, certs, delete, export, extend, job, jobs, log, page, plan, report, retry, run, serve, status,
    store, submit, tables, watch, weights,
};
use coordinator::cli::progress::Log;
use coordinator::cli::{CliError, exit};
use proto::manual::{Completions, Man, grouped};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;
use tracing_subscriber::EnvFilter;

/// Gives back what a peak took: the system's allocator keeps it for good.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Trains the jobs of a sweep file on any number of workers and makes tables of the results.
///
/// Exit codes: 0 complete; 1 internal error; 2 an option or a file is wrong; 3 the sweep has ended, but jobs failed or were cancelled; 5 interrupted,
/// the same command continues; 6 the coordinator cannot be reached, is silent for 10 s, or refuses.
///
/// `kill -USR1 PID` has a coordinator, or `page`, say on the standard error how sweeps and workers stand.
#[derive(Debug, Parser)]
#[command(name = "coordinator", version = env!("SPLITSWEEP_VERSION"), arg_required_else_help = true)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(override_usage = "coordinator --sweep <FILE> [OPTIONS]\n       coordinator <COMMAND>", after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: run::Args,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    Submit(submit::Args),
    Plan(plan::Args),
    Status(status::Args),
    Watch(watch::Args),
    Jobs(jobs::Args),
    Job(job::Args),
    Log(log::Args),
    Cancel(cancel::Args),
    Retry(retry::Args),
    Extend(extend::Args),
    Delete(delete::Args),
    Tables(tables::Args),
    Report(report::Args),
    Page(page::Args),
    Weights(weights::Args),
    Export(export::Args),
    Analyze(analyze::Args),
    Store(store::Args),
    Certs(certs::Args),
    Completions(Completions),
    Man(Man),
}

/// The commands as the help lists them.
const GROUPS: &[(&str, &[&str])] = &[
    ("Run sweeps", &["plan", "submit", "serve", "cancel", "retry", "extend", "delete"]),
    ("See how they stand", &["status", "watch", "page", "jobs", "job", "log"]),
    ("See what comes of them", &["tables", "report", "export", "weights", "analyze"]),
    ("Look after stores and hosts", &["store", "certs"]),
    ("Shell", &["completions", "man", "help"]),
];

const EXAMPLES: &str = "\
Examples:
  coordinator --sweep configs/quick.yaml --local-workers 2    run a sweep on this machine, to its table
  coordinator --sweep configs/full.yaml --listen 0.0.0.0:7070 --certs certs/    wait for workers of other hosts
  coordinator watch    see how it comes on, from another terminal
  coordinator report --out report    write its report";

/// Time for what the program has started to be ended.
const FAREWELL: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    let matches = grouped(Cli::command(), GROUPS).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    if let Err(error) = proto::umask::set() {
        complain(&error);
        return ExitCode::from(exit::USERS_MISTAKE);
    }
    // who serves wants to know who comes and goes
    let level = if matches!(cli.command, Some(Command::Serve(_))) { "info" } else { "warn" };
    let filter = EnvFilter::try_from_env("SPLITSWEEP_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| Log)
        .with_ansi(colours())
        .with_target(false)
        // a terminal that is gone takes no line, and is no reason to end
        .log_internal_errors(false)
        .init();
    let runtime = tokio::runtime::Runtime::new();
    let result = runtime.map_err(|error| CliError::Internal(format!("cannot start: {error}"))).and_then(|runtime| {
        let result = runtime.block_on(dispatch(cli));
        // what is made for somebody who has left, such as a table of a million jobs, ends with the program
        runtime.shutdown_timeout(FAREWELL);
        result
    });
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            complain(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

async fn dispatch(cli: Cli) -> Result<u8, CliError> {
    Asked::pass_over()?;
    match cli.command {
        None => return run::run(cli.run).await,
        Some(Command::Watch(args)) => return watch::run(args).await,
        Some(Command::Serve(args)) => serve::run(args).await?,
        Some(Command::Submit(args)) => submit::run(args).await?,
        Some(Command::Plan(args)) => {
            let data = plan::look(&args).await?;
            plan::run(args, data.as_ref(), &mut std::io::stdout().lock())?;
        }
        Some(Command::Status(args)) => status::run(args).await?,
        Some(Command::Jobs(args)) => jobs::run(args).await?,
        Some(Command::Job(args)) => job::run(args).await?,
        Some(Command::Log(args)) => log::run(args).await?,
        Some(Command::Cancel(args)) => cancel::run(args).await?,
        Some(Command::Retry(args)) => retry::run(args).await?,
        Some(Command::Extend(args)) => extend::run(args).await?,
        Some(Command::Delete(args)) => delete::run(args).await?,
        Some(Command::Tables(args)) => tables::run(args).await?,
        Some(Command::Report(args)) => report::run(args).await?,
        Some(Command::Page(args)) => page::run(args).await?,
        Some(Command::Weights(args)) => weights::run(args).await?,
        Some(Command::Export(args)) => export::run(args).await?,
        Some(Command::Analyze(args)) => analyze::run(&args)?,
        Some(Command::Certs(args)) => certs::run(args)?,
        Some(Command::Store(args)) => return store::run(args),
        Some(Command::Completions(args)) => args.print(Cli::command()).map_err(CliError::Output)?,
        Some(Command::Man(args)) => args.write(Cli::command()).map_err(CliError::Pages)?,
    }
    Ok(exit::COMPLETE)
}

fn complain(error: &dyn std::error::Error) {
    // who has closed the standard error wants no message; the exit code says enough
    let _ = writeln!(std::io::stderr(), "error: {}", proto::error_chain::line(error));
}

/// Colours are for terminals whose user does not object.
fn colours() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
