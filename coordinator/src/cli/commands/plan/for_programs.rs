//! A plan for programs.

use super::Outlook;
use crate::analysis::comparison::Detectable;
use crate::cli::pace::Time;
use crate::plan::{Candidate, Objective};
use crate::tables::table::Cell;
use proto::cost;
use proto::data::{Dataset, Summary};
use proto::spec::{JobSpec, Seeds};
use serde::Serialize;
use std::io::{self, Write};

/// The plan for programs.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    sweep: &'a str,
    jobs: usize,
    /// Floating-point operations of all jobs.
    flop: f64,
    /// How long they take, if a pace was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<&'a Time>,
    dataset: &'a Dataset,
    /// What the data set holds, if a folder was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Summary>,
    objective: &'a Objective,
    axes: &'a [String],
    candidates: Vec<CandidateCost<'a>>,
    replicates: &'a [Seeds],
    power: PowerOfPlan,
}

/// What the sweep will tell apart.
#[derive(Serialize)]
struct PowerOfPlan {
    alpha: f64,
    power: f64,
    /// Test cases by the other cases of the pool, or by training cases.
    ratio: f64,
    /// Standard deviation of a pair's differences, in units of the score, if it is known.
    sd: Option<f64>,
    /// In standard deviations, by number of splits, that of the plan among them.
    told_apart: Vec<Detectable>,
}

/// A candidate, and what a job of it costs.
#[derive(Serialize)]
struct CandidateCost<'a> {
    values: Vec<Cell>,
    parameters: u64,
    forward_flop_per_image: u64,
    flop_per_job: f64,
    template: &'a JobSpec,
}

impl<'a> CandidateCost<'a> {
    fn of(candidate: &'a Candidate) -> Self {
        let job = &candidate.template;
        Self {
            values: candidate.values.iter().map(|value| Cell::from(value.as_ref())).collect(),
            parameters: cost::parameters(job.architecture, job.model, job.data.image_size),
            forward_flop_per_image: cost::forward_flop(job.architecture, job.model, job.data.image_size),
            flop_per_job: cost::job_flop(job),
            template: job,
        }
    }
}

/// Writes the plan as one JSON object.
pub(super) fn write(outlook: &Outlook<'_>, out: &mut dyn Write) -> io::Result<()> {
    let Outlook { plan, data, spread, time, design, flop, .. } = outlook;
    let document = Document {
        schema: "splitsweep.plan/1",
        sweep: &plan.sweep,
        jobs: plan.jobs(),
        flop: *flop,
        time: time.as_ref(),
        dataset: &plan.dataset,
        data: data.map(|data| &data.summary),
        objective: &plan.objective,
        axes: &plan.axes,
        candidates: plan.candidates.iter().map(CandidateCost::of).collect(),
        replicates: &plan.replicates,
        power: PowerOfPlan {
            alpha: design.alpha,
            power: design.power,
            ratio: design.ratio,
            sd: spread.as_ref().map(|spread| spread.sd),
            told_apart: design.table(),
        },
    };
    serde_json::to_writer(&mut *out, &document)?;
    writeln!(out)
}
