//! Entry point of `worker`: parses, sets tracing up, maps errors to exit codes.

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use proto::manual::{Completions, Man, grouped};
use std::error::Error;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;
use worker::agent::AgentError;
use worker::cli::{self, baselines, bench, predict, prepare, run, selftest, synthesize, train, trainer};

/// Trains segmentation networks: the jobs of a coordinator, or one job file.
///
/// `kill -USR1 PID` has a worker say on the standard error whether it is connected, and what each slot does.
#[derive(Debug, Parser)]
#[command(name = "worker", version = env!("SPLITSWEEP_VERSION"))]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(override_usage = "worker --coordinator <URL> [OPTIONS]\n       worker <COMMAND>", after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: run::Args,
}

#[derive(Debug, Subcommand)]
enum Command {
    Train(train::Args),
    Bench(bench::Args),
    #[command(name = "selftest")]
    SelfTest(selftest::Args),
    Prepare(prepare::Args),
    Predict(predict::Args),
    Baselines(baselines::Args),
    Synthesize(synthesize::Args),
    #[command(hide = true)]
    Trainer(trainer::Args),
    Completions(Completions),
    Man(Man),
}

/// The commands as the help lists them.
const GROUPS: &[(&str, &[&str])] = &[
    ("Data sets", &["prepare", "synthesize", "baselines"]),
    ("Without a coordinator", &["train", "predict"]),
    ("This machine", &["selftest", "bench"]),
    ("Shell", &["completions", "man", "help"]),
];

const EXAMPLES: &str = "\
Examples:
  worker --coordinator http://127.0.0.1:7070 --data ph2=/data/PH2Dataset    train for the coordinator on this machine
  worker --coordinator https://head:7070 --join worker.token --data ph2=/data/PH2Dataset --device all    on a GPU host
  worker selftest --device cuda:0 --full    check a GPU first";

/// Exit codes, the same as the coordinator's.
const INTERNAL: u8 = 1;
const USERS_MISTAKE: u8 = 2;
const NOT_REACHED: u8 = 6;

fn main() -> ExitCode {
    worker::memory::keep();
    let matches = grouped(Cli::command(), GROUPS).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    if let Err(error) = proto::umask::set() {
        report(&error);
        return ExitCode::from(USERS_MISTAKE);
    }
    if let Err(error) = cli::pass_over_questions() {
        report(&error);
        return ExitCode::from(INTERNAL);
    }
    let filter = EnvFilter::try_from_env("SPLITSWEEP_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours())
        .with_target(false)
        // a terminal that is gone takes no line, and is no reason to end
        .log_internal_errors(false)
        .init();
    let result = match cli.command {
        None => run::run(cli.run).map_err(|error| (run_code(&error), error.into())),
        Some(Command::Train(args)) => train::run(args).map_err(|error| (train_code(&error), error.into())),
        Some(Command::Bench(args)) => bench::run(args).map_err(|error| (bench_code(&error), error.into())),
        Some(Command::SelfTest(args)) => selftest::run(args).map_err(|error| (selftest_code(&error), error.into())),
        Some(Command::Predict(args)) => predict::run(args).map_err(|error| (predict_code(&error), error.into())),
        Some(Command::Prepare(args)) => prepare::run(args).map_err(users),
        Some(Command::Baselines(args)) => baselines::run(args).map_err(users),
        Some(Command::Synthesize(args)) => synthesize::run(args).map_err(users),
        Some(Command::Trainer(args)) => trainer::run(args).map_err(|error| (trainer_code(&error), error.into())),
        Some(Command::Completions(args)) => args.print(Cli::command()).map_err(|error| (INTERNAL, error.into())),
        Some(Command::Man(args)) => args.write(Cli::command()).map_err(users),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, error)) => {
            report(error.as_ref());
            ExitCode::from(code)
        }
    }
}

type Failure = (u8, Box<dyn Error>);

fn users(error: impl Error + 'static) -> Failure {
    (USERS_MISTAKE, error.into())
}

fn run_code(error: &run::RunError) -> u8 {
    match error {
        run::RunError::NoFolder { .. } | run::RunError::Token(_) | run::RunError::NotToJoin { .. } => USERS_MISTAKE,
        run::RunError::Device(_) | run::RunError::TooManySlots { .. } | run::RunError::Artifacts(_) => USERS_MISTAKE,
        run::RunError::Agent(AgentError::Connect(_)) => USERS_MISTAKE,
        run::RunError::Agent(AgentError::Refused { .. }) => NOT_REACHED,
        run::RunError::Start(_) => INTERNAL,
    }
}

fn train_code(error: &train::TrainCommandError) -> u8 {
    if error.is_users() { USERS_MISTAKE } else { INTERNAL }
}

fn predict_code(error: &predict::PredictError) -> u8 {
    if error.is_users() { USERS_MISTAKE } else { INTERNAL }
}

fn bench_code(error: &bench::BenchError) -> u8 {
    if error.is_users() { USERS_MISTAKE } else { INTERNAL }
}

fn selftest_code(error: &selftest::SelfTestError) -> u8 {
    match error {
        selftest::SelfTestError::Device(_) | selftest::SelfTestError::Vectors(_) => USERS_MISTAKE,
        _ => INTERNAL,
    }
}

fn trainer_code(error: &trainer::CliError) -> u8 {
    match error {
        trainer::CliError::Device(_) => USERS_MISTAKE,
        trainer::CliError::Trainer(_) | trainer::CliError::Output(_) => INTERNAL,
    }
}

fn report(error: &dyn Error) {
    // who has closed the standard error wants no message; the exit code says enough
    let _ = writeln!(std::io::stderr(), "error: {}", proto::error_chain::line(error));
}

/// Colours are for terminals whose user does not object.
fn colours() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
