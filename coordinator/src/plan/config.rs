//! A sweep file -> a [`Plan`].
//!
//! ```text
//!  text --document--> values with places --node--> sections, axes, replicates --grid--> Plan
//!                                                      '--> problems, each with its place --> ConfigErrors
//! ```
//!
//! Every key's default is the report's protocol. Reading goes on after a mistake, so that one run names all of them.
//!
//! ```yaml
//! sweep: name                                # required, as are the data set's name and format
//! dataset: {name: ph2, format: ph2, image_size: 256}   # optional `root`; `cases` and `seed` of `format: synthetic`
//! split: {scheme: random, train: 100, validation: 50, test: 50, stratify: none}
//! grid:                                      # a list, or a single value
//!   architecture: [segnet, unet, unet2]
//!   loss: [bce, focal]
//!   learning_rate: [1.0e-3]
//!   training.batch_size: [4, 10]             # every key of `model`, `training` and `losses` can be an axis instead
//!   losses.focal.gamma: [1, 2]               # varies only where it applies
//! model: {width: 64}
//! training: {epochs: 40, optimizer: adam, weight_decay: 0, initialization: pytorch,   # `momentum` with `sgd`
//!            convolution: auto, precision: f32}
//! losses: {dice: {smooth: 1.0e-8}}
//! replicates:
//!   split_seeds: {from: 10, to: 19}          # both ends included; or a count n (the seeds 0 to n - 1); or a list
//!   init_seeds: 0                            # one for all, or as many as split seeds; the split seeds if not given
//!                                            # three counts, or `crossed: true`: every combination
//! objective: {metric: thresholded_iou, subset: validation, epoch: last}
//! race: {alpha: 0.05, looks: [5, 8, 10]}     # or `none`; or until: {half_width: 0.01, max_replicates: 20}
//! simulate: {mean: {from: 0.6, to: 0.8}, split_sd: 0.04, residual_sd: 0.02, collapse: 0}   # made up with --simulate
//! artifacts: {examples: 3, replicates: 1}    # pictures of test cases, from the first replicates of each candidate
//! exclude: [{architecture: segnet, loss: focal}]       # removes the points of the grid that match
//! include: [{architecture: unet, loss: bce, learning_rate: 1.0e-4, training.batch_size: 10}]   # then adds points
//! ```

use super::axes::Axes;
use super::document::Document;
use super::errors::{ConfigErrors, Problems};
use super::node::{Node, Section};
use super::problem::Problem;
use super::replicates::Replicates;
use super::sections::{self, Images};
use super::simulation::Simulate;
use super::stopping::Sections;
use super::{Artifacts, Objective, Plan};
use proto::ids::ContentHash;
use proto::spec::{
    Architecture, DEFAULT_LEARNING_RATE, Data, EpochChoice, JobSpec, LossName, Model, Seeds, Selection, Split, Subset,
    Trainer, Training,
};

/// So many jobs a sweep may have.
pub const MOST_JOBS: u64 = 1_000_000;

/// The keys of a sweep file.
const KEYS: [&str; 15] = [
    "sweep",
    "dataset",
    "split",
    "grid",
    "replicates",
    "model",
    "training",
    "objective",
    "race",
    "until",
    "simulate",
    "artifacts",
    "losses",
    "include",
    "exclude",
];

/// Reads a sweep file. `file` is its name in messages.
///
/// # Errors
/// Everything that is wrong with it, each with its place and what would be right.
pub fn parse(file: &str, text: &str) -> Result<Plan, ConfigErrors> {
    let mut problems = Problems::default();
    let plan = Document::read(text, &mut problems).and_then(|document| plan(&document, &mut problems));
    problems.finish(file, text, plan)
}

fn plan(document: &Document, problems: &mut Problems) -> Option<Plan> {
    let root = Section::read(Node::root(document), &KEYS, problems)?;
    let sweep = root.required("sweep", problems).and_then(|node| node.name(problems));
    let images = root.required("dataset", problems).and_then(|node| Images::read(node, problems));
    let split = root.optional("split", Split::default(), |node| sections::split(node, problems));
    let objective = root.optional("objective", Objective::default(), |node| sections::objective(node, problems));
    let mut replicates = Replicates::read(root.get("replicates"), problems);
    let stopping = Sections::read(&root, replicates.as_mut(), problems);
    let simulate = root.optional("simulate", None, |node| Simulate::read(node, problems).map(Some));
    let artifacts = root.optional("artifacts", Artifacts::default(), |node| sections::artifacts(node, problems));
    let axes = Axes::read(&root, problems);

    if let (Some(split), Some(images)) = (&split, &images) {
        images.suffice(split, root.get("split"), problems);
    }
    if let (Some(split), Some(objective)) = (&split, &objective) {
        needed_subsets(split, objective, stopping.as_ref().and_then(Option::as_ref), &root, problems);
    }
    if let (Some(axes), Some(images)) = (&axes, &images) {
        images.divide(&axes.architectures(), problems);
    }
    let axes = axes.filter(|axes| few_jobs(axes, replicates.as_ref(), &root, problems))?;
    let points = axes.points(problems);
    let replicates = replicates.and_then(|replicates| replicates.expand(problems));

    let (images, objective, split, points, replicates) = (images?, objective?, split?, points?, replicates?);
    let stopping = match stopping? {
        Some(sections) => Some(sections.expand(&split, &replicates, problems)?),
        None => None,
    };
    let base = base(images.size, split, objective);
    let mut candidates = axes.grid.candidates(&points, &base);
    if let Some(simulate) = simulate? {
        for (candidate, simulation) in candidates.iter_mut().zip(simulate.expand(points.len(), problems)?) {
            candidate.simulation = Some(simulation);
        }
    }
    Some(Plan {
        sweep: sweep?,
        dataset: images.dataset,
        objective,
        axes: axes.grid.names(),
        candidates,
        replicates,
        stopping,
        artifacts: artifacts?,
    })
}

/// Checks that the subsets are not empty which the objective looks at.
fn needed_subsets(
    split: &Split,
    objective: &Objective,
    stopping: Option<&Sections<'_>>,
    root: &Section<'_>,
    problems: &mut Problems,
) {
    let mut needed = |key, cases, needs, reason| {
        let node = root.get("split").and_then(|split| split.entry(key));
        if let (Some(node), 0, true) = (node, cases, needs) {
            node.reject::<()>(Problem::EmptySubset { reason }, problems);
        }
    };
    let selects = objective.epoch == EpochChoice::Best;
    let reason = if selects { "`objective.epoch` is `best`" } else { "`objective.subset` is `validation`" };
    let decides = selects || objective.subset == Subset::Validation;
    needed("validation", split.validation, decides, reason);
    if let Some(reason) = stopping.map(Sections::reason) {
        needed("validation", split.validation, !decides, reason);
    }
    needed("test", split.test, objective.subset == Subset::Test, "`objective.subset` is `test`");
}

/// Checks the number of jobs before any is made.
fn few_jobs(axes: &Axes<'_>, replicates: Option<&Replicates<'_>>, root: &Section<'_>, problems: &mut Problems) -> bool {
    let replicates = replicates.map_or(Some(1), Replicates::len);
    let jobs = axes.count().zip(replicates).and_then(|(candidates, replicates)| candidates.checked_mul(replicates));
    if jobs.is_some_and(|jobs| jobs <= MOST_JOBS.into()) {
        return true;
    }
    let jobs = jobs.map_or_else(|| "over 10^38".to_owned(), |jobs| jobs.to_string());
    let node = root.get("grid").or_else(|| root.get("replicates")).unwrap_or(root.node());
    node.reject_key::<()>(Problem::TooManyJobs { jobs, limit: MOST_JOBS }, problems);
    false
}

/// What all jobs have in common, with the report's protocol for what the axes and sections do not set.
fn base(image_size: u32, split: Split, objective: Objective) -> JobSpec {
    JobSpec {
        trainer: Trainer::Candle,
        data: Data { content: ContentHash(0), image_size },
        split,
        architecture: Architecture::UNet,
        model: Model::default(),
        loss: LossName::Bce.into(),
        learning_rate: DEFAULT_LEARNING_RATE,
        training: Training::default(),
        selection: Selection::of(objective.metric, objective.epoch),
        seeds: Seeds { split_seed: 0, init_seed: 0, order_seed: 0 },
        simulation: None,
    }
}
