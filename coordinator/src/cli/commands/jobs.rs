//! `coordinator jobs`: the table of the jobs, under its own name.

use super::tables;
use crate::cli::client::Source;
use crate::cli::shape::ShapeArgs;
use crate::cli::which::AnySweep;
use crate::cli::{CliError, ask};
use crate::outlook;
use crate::results::RowState;
use crate::tables::TableKind;
use crate::tables::export::Format;
use proto::status::{Status, SweepState};
use std::io::Write;

/// List the jobs of a sweep, with their states and scores
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which sweep.
    #[command(flatten)]
    sweep: AnySweep,
    /// Only the jobs in this state: queued, running, succeeded, failed, cancelled or dropped
    #[arg(long, value_parser = state)]
    state: Option<RowState>,
    /// Format of the table
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Which part of the table.
    #[command(flatten)]
    shape: ShapeArgs,
    /// Where to look.
    #[command(flatten)]
    source: Source,
}

/// Runs the subcommand.
///
/// # Errors
/// Those of `tables`.
pub async fn run(args: Args) -> Result<(), CliError> {
    let Args { sweep, state, format, shape, source } = args;
    let (rows, name) = (TableKind::Jobs, sweep.clone().name());
    let tables =
        tables::Args { sweep, rows, metric: Vec::new(), format, shape, caption: None, label: None, out: None, source };
    let mut found = tables::print(tables, state).await?;
    // the list is complete without these words, which are for people
    if let Some(state) = state
        && let Ok(status) = ask::status(&mut found).await
        && let Some(words) = none(&status, &name, state)
    {
        let _ = writeln!(std::io::stderr(), "{words}");
    }
    Ok(())
}

/// What is to be said of a list without a job in that state; `None` of one that has some.
fn none(status: &Status, sweep: &str, state: RowState) -> Option<String> {
    let sweep = outlook::find(status, sweep)?;
    match sweep.state {
        SweepState::WaitingForData => {
            return Some(format!("{} lists its jobs once a worker has offered its data set", sweep.sweep));
        }
        SweepState::Rejected => return Some(format!("{} has no jobs: {}", sweep.sweep, sweep.problem)),
        SweepState::Running | SweepState::Ended => {}
    }
    let count = match state {
        RowState::Queued => sweep.queued,
        RowState::Running => sweep.running,
        RowState::Succeeded => sweep.succeeded,
        RowState::Failed => sweep.failed,
        RowState::Cancelled => sweep.cancelled,
        RowState::Dropped => sweep.dropped,
    };
    let words = || format!("no job of {} is {}: {}", sweep.sweep, state.name(), outlook::counts(sweep));
    (count == 0).then(words)
}

fn state(name: &str) -> Result<RowState, String> {
    let names = || RowState::ALL.map(RowState::name).join(", ");
    RowState::from_name(name).ok_or_else(|| format!("expected one of {}", names()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::status::SweepStatus;

    #[test]
    fn a_list_without_a_job_says_where_the_jobs_are() {
        let sweep = |state| SweepStatus {
            sweep: "a".to_owned(),
            state,
            jobs: 48,
            succeeded: 47,
            running: 1,
            ..SweepStatus::default()
        };
        let of = |sweep| Status { sweeps: vec![sweep], ..Status::default() };
        let running = of(sweep(SweepState::Running));
        let failed = none(&running, "", RowState::Failed);
        assert_eq!(failed.as_deref(), Some("no job of a is failed: 47/48 jobs done, 1 running, 0 failed"));
        assert_eq!(none(&running, "a", RowState::Running), None);
        let waiting = of(sweep(SweepState::WaitingForData));
        assert!(none(&waiting, "a", RowState::Failed).is_some_and(|words| words.contains("once a worker has offered")));
    }
}
