//! A plan for people.

use super::{Outlook, Spread};
use crate::analysis::foresight::sentences;
use crate::plan::{Plan, Rule, Stopping};
use crate::tables;
use crate::tables::export::{self, Format as TableFormat};
use crate::tables::table::{Cell, Column, Kind, Table};
use crate::text::{flop, measured, plural, seeds};
use proto::cost;
use proto::data::{Format as DatasetFormat, Summary};
use proto::sizes::Size;
use proto::spec::{Augmentation, Convolution, JobSpec, Precision, Schedule, Scheme, Stratify};
use std::io::{self, Write};

/// Maximum number of seeds that are listed.
const MAX_SEEDS: usize = 12;
/// Maximum number of candidates that are listed.
const MAX_LISTED: usize = 50;

/// Writes what people want to know, with the table of other numbers of splits if they ask for it.
pub(super) fn write(outlook: &Outlook<'_>, with_power: bool, out: &mut dyn Write) -> io::Result<()> {
    let Outlook { plan, data, spread, time, design, flop: total, is_nominal } = outlook;
    let candidates = plan.candidates.len();
    let [jobs, rows, columns] = [(plan.jobs(), "job"), (candidates, "candidate"), (plan.replicates.len(), "replicate")]
        .map(|(count, word)| plural(count as u64, word));
    writeln!(out, "{}: {jobs} = {rows} x {columns}\n", plan.sweep)?;
    for (name, value) in protocol(plan) {
        writeln!(out, "{name:<12}{value}")?;
    }
    write_data(plan, data.map(|data| &data.summary), out)?;
    writeln!(out)?;
    out.write_all(&export::render(&grid(plan), TableFormat::Table)?)?;
    if candidates > MAX_LISTED {
        writeln!(out, "... and {} more", candidates - MAX_LISTED)?;
    }
    let note = if *is_nominal { ", if there are 1,000 cases: `--data NAME=PATH` says how many there are" } else { "" };
    writeln!(out, "\narithmetic of all jobs: {}{note}", flop(*total))?;
    if let Some(time) = time {
        writeln!(out, "time: {}", time.sentence())?;
    }
    let sentences = sentences(design, spread.as_ref().map(|spread| spread.sd));
    if sentences.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nleast true difference told apart four times in five")?;
    sentences.iter().try_for_each(|sentence| writeln!(out, "  {sentence}"))?;
    let told = design.with(design.splits);
    if with_power || spread.is_some() || told.this_pool.or(told.new_data).is_some() {
        let known =
            spread.as_ref().map_or_else(String::new, |Spread { sd, from }| format!(" = {} ({from})", measured(*sd)));
        writeln!(out, "  sd{known}: standard deviation of the difference of two candidates, over splits")?;
    }
    if with_power {
        writeln!(out)?;
        out.write_all(&export::render(&tables::foresight(design), TableFormat::Table)?)?;
    }
    Ok(())
}

/// What the data set holds, if that is known.
fn write_data(plan: &Plan, data: Option<&Summary>, out: &mut dyn Write) -> io::Result<()> {
    let Some(summary) = data.filter(|_| plan.dataset.format != DatasetFormat::Synthetic) else { return Ok(()) };
    writeln!(out, "{:<12}{}", "cases", summary.cases)?;
    for fact in summary.facts() {
        let (topic, sentence) = fact.split_once(": ").unwrap_or(("", &fact));
        writeln!(out, "{topic:<12}{sentence}")?;
    }
    summary.warnings().iter().try_for_each(|warning| writeln!(out, "warning: {warning}"))
}

/// How replicates are divided.
fn subsets(plan: &Plan) -> String {
    let (split, lists) = (plan.drawn(), &plan.dataset.lists);
    let [train, validation, test] = match &plan.sizes {
        Some(sizes) => [sizes.train, sizes.validation, sizes.test],
        None => [split.train, split.validation, split.test].map(Size::Cases),
    };
    let text = match split.scheme {
        Scheme::File => format!("{} listed splits", lists.partitions.len()),
        Scheme::KFold => {
            format!("{} folds, one of which is tested, {validation} validation, the rest train", split.folds)
        }
        _ if lists.fixed_test.is_some() => format!("{train} train, {validation} validation, fixed test cases, random"),
        scheme => format!("{train} train, {validation} validation, {test} test, {scheme}"),
    };
    let by = if split.stratify == Stratify::None { String::new() } else { format!(", by {}", split.stratify) };
    text + &by + if lists.groups.is_some() { ", groups together" } else { "" }
}

/// What the candidates have in common.
fn protocol(plan: &Plan) -> Vec<(&'static str, String)> {
    let Some(job) = plan.candidates.first().map(|candidate| &candidate.template) else { return Vec::new() };
    let JobSpec { split, training, .. } = job;
    let images = match &plan.dataset.synthetic {
        Some(synthetic) => format!("{} synthetic cases", synthetic.cases),
        None => plan.dataset.format.name().to_owned(),
    };
    let side = job.data.image_size;
    // what varies stands in the grid
    let fixed = |axis: &str, text: String| (!plan.axes.iter().any(|name| name == axis)).then_some(text);
    let training = [
        fixed("training.epochs", format!("{} epochs", training.epochs)),
        fixed("training.batch_size", format!("batches of {}", training.batch_size)),
        fixed("training.optimizer", training.optimizer.to_string()),
        fixed("training.initialization", format!("{} initialization", training.initialization)),
        fixed("model.width", format!("width {}", job.model.width)),
        // the usual ways to compute go without saying
        fixed("training.convolution", format!("{} convolution", training.convolution))
            .filter(|_| training.convolution != Convolution::default()),
        fixed("training.precision", training.precision.to_string())
            .filter(|_| training.precision != Precision::default()),
        fixed("training.schedule", format!("{} schedule", training.schedule.name()))
            .filter(|_| training.schedule != Schedule::default()),
        fixed("augmentation", format!("{} augmentation", job.augmentation.preset))
            .filter(|_| job.augmentation != Augmentation::default()),
    ];
    let training: Vec<_> = training.into_iter().flatten().collect();
    let objective = &plan.objective;
    let mut lines = vec![
        ("data set", format!("{} ({images}), {side} x {side} pixels", plan.dataset.name)),
        ("split", subsets(plan)),
        ("training", training.join(", ")),
        (
            "objective",
            format!("{} of the {} subset, {} epoch", objective.metric, objective.reported(split), objective.epoch),
        ),
        ("replicates", seeds(&plan.replicates, MAX_SEEDS)),
    ];
    let artifacts = &plan.artifacts;
    if artifacts.examples > 0 && artifacts.replicates > 0 {
        let jobs = match artifacts.replicates {
            1 => "each candidate's first job".to_owned(),
            replicates => format!("each of a candidate's first {replicates} jobs"),
        };
        lines.push(("pictures", format!("{} of {jobs}", artifacts.examples)));
    }
    if artifacts.weights {
        lines.push(("weights", "those of each job's selected epoch are kept".to_owned()));
    }
    if plan.checkpoint_every > 0 {
        lines.push(("checkpoints", format!("after every {} epochs of a job", plan.checkpoint_every)));
    }
    lines.extend(plan.stopping.as_ref().map(stopping));
    lines
}

/// When candidates are looked at, and what stops them.
fn stopping(stopping: &Stopping) -> (&'static str, String) {
    let looks = &stopping.looks;
    let listed = looks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match stopping.rule {
        Rule::Race { alpha } => ("race", format!("looks after {listed} replicates, alpha {alpha}")),
        Rule::Until { half_width } => ("until", format!("half width {half_width}, looks after {listed} replicates")),
    }
}

/// The first candidates, with what a job of each costs.
fn grid(plan: &Plan) -> Table {
    let axis = |(index, name): (usize, &String)| {
        let value = plan.candidates.iter().find_map(|candidate| candidate.values[index].as_ref());
        Column::new(name, Kind::of(value))
    };
    let mut columns: Vec<_> = plan.axes.iter().enumerate().map(axis).collect();
    columns.extend([
        Column::new("parameters", Kind::Exact),
        Column::new("per image", Kind::Exact),
        Column::new("per job", Kind::Exact),
    ]);
    let rows = plan.candidates.iter().take(MAX_LISTED).map(|candidate| {
        let job = &candidate.template;
        let mut row: Vec<_> = candidate.values.iter().map(|value| Cell::from(value.as_ref())).collect();
        let forward = cost::forward_flop(job.architecture, job.model, job.data.image_size);
        row.push(cost::parameters(job.architecture, job.model, job.data.image_size).into());
        row.extend([Cell::Text(flop(forward as f64)), Cell::Text(flop(cost::job_flop(job)))]);
        row
    });
    let rows = rows.collect();
    Table { rows_name: "candidates", title: "candidates".to_owned(), columns, rows, ..Table::default() }
}
