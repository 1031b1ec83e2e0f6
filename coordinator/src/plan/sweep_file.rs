//! A sweep file -> a [`Plan`].
//!
//! ```text
//!  text --proto::file--> sections --axes, replicates, stopping, simulation--> SweepFile --grid--> Plan
//!                           '--> every mistake, with its place --> Mistakes
//! ```
//!
//! Every key's default is that of the reference protocol.
//!
//! ```yaml
//! sweep: name                                # required, as are the data set's name and format
//! dataset: {name: ph2, format: ph2, image_size: 256}   # optional `root`, `mask` and `invert`; `cases` and `seed` of `format: synthetic`;
//!                                            # `images`, `masks`, and `image_prefix` to `mask_suffix` of `format: folder`
//! split: {scheme: random, train: 100, validation: 50, test: 50, stratify: none}   # see proto::file::SplitSection
//! grid:                                      # a list, or a single value
//!   architecture: [segnet, unet, unet2]
//!   loss: [bce, focal]
//!   learning_rate: {from: 1.0e-4, to: 1.0e-3, steps: 2, scale: log}   # a range; or a list; `linear` is the default
//!   training.batch_size: [4, 10]             # every key of a section can be an axis instead
//!   losses.focal.gamma: [1, 2]               # varies only where it applies
//!   zip: [learning_rate, training.batch_size]   # these advance together; or several such lists
//! model: {width: 64}
//! training: {epochs: 40, optimizer: adam, weight_decay: 0, initialization: pytorch,   # `momentum` with `sgd`
//!            convolution: auto, precision: f32}
//! augmentation: light                        # a preset; or `preset: custom` with keys of its own
//! evaluation: {flips: false, postprocess: none}
//! losses: {dice: {smooth: 1.0e-8}}
//! replicates:
//!   split_seeds: {from: 10, to: 19}          # both ends included; or a count n (the seeds 0 to n - 1); or a list
//!   init_seeds: 0                            # one for all, or as many as split seeds; the split seeds if not given
//!                                            # three counts, or `crossed: true`: every combination
//! objective: {metric: thresholded_iou, subset: validation, epoch: last}
//! metrics: []                                # measured beside, such as hd95
//! race: {alpha: 0.05, looks: [5, 8, 10]}     # or `none`; or until: {half_width: 0.01, max_replicates: 20}
//! simulate: {mean: {from: 0.6, to: 0.8}, split_sd: 0.04, residual_sd: 0.02, collapse: 0}   # made up with --simulate
//! artifacts: {examples: 3, replicates: 1,    # pictures of test cases, from the first replicates of each candidate
//!             weights: none}                 # or `best`: every job keeps the weights of its selected epoch
//! checkpoints: {every: 0, keep: last}        # epochs between two checkpoints of a job; 0: none
//! exclude: [{architecture: segnet, loss: focal}]       # removes the points of the grid that match
//! include: [{architecture: unet, loss: bce, learning_rate: 1.0e-4, training.batch_size: 10}]   # then adds points
//! ```

use super::axes::Axes;
use super::grid::{Grid, Point};
use super::replicates::{Replicates, SeedList};
use super::simulation::Simulate;
use super::stopping::StoppingSection;
use super::{Artifacts, Plan, Stopping};
use proto::data::Dataset;
use proto::file::{FileKind, Mistake, Mistakes, Node, Section, SharedSections, check_choices, read};
use proto::sizes::{Misfit, Sizes};
use proto::spec::{JobSpec, Objective, Seeds, Simulation, Split};

/// Maximum number of jobs in a sweep.
pub const MAX_JOBS: u64 = 1_000_000;

/// Maximum number of example segmentations of a job.
const MAX_EXAMPLES: u64 = 9;

/// Which weights a job keeps.
pub(super) const WEIGHTS: [&str; 2] = ["none", "best"];

/// The keys of a sweep file.
const KEYS: [&str; 19] = [
    "sweep",
    "dataset",
    "split",
    "grid",
    "replicates",
    "model",
    "training",
    "augmentation",
    "evaluation",
    "objective",
    "race",
    "until",
    "simulate",
    "artifacts",
    "checkpoints",
    "losses",
    "metrics",
    "include",
    "exclude",
];

/// Reads a sweep file and expands it. `file` is its name in messages.
///
/// # Errors
/// Everything that is wrong with it, each with its place and what would be right.
pub fn parse(file: &str, text: &str) -> Result<Plan, Mistakes> {
    read(file, FileKind::Sweep, text, |root| SweepFile::read(root).map(SweepFile::plan))
}

/// The contents of a sweep file, checked: making a plan of them cannot fail.
#[derive(Debug)]
pub(super) struct SweepFile<'a> {
    pub(super) sweep: String,
    pub(super) dataset: Dataset,
    pub(super) objective: Objective,
    /// The job that all candidates start from; the settings of the grid are not in it.
    pub(super) base: JobSpec,
    /// The sizes of the subsets, where they depend on the data set.
    pub(super) sizes: Option<Sizes>,
    pub(super) axes: Axes<'a>,
    points: Vec<Point>,
    /// The replicates as the file gives them.
    pub(super) replicates: Replicates<'a>,
    seeds: Vec<Seeds>,
    /// The section `race` or `until`, and the looks that follow from it.
    pub(super) stopping: Option<(StoppingSection<'a>, Stopping)>,
    /// The section `simulate`, and the scores of each point.
    pub(super) simulate: Option<(Simulate<'a>, Vec<Simulation>)>,
    pub(super) artifacts: Artifacts,
    pub(super) checkpoint_every: u32,
}

impl<'a> SweepFile<'a> {
    /// Reads the sections, and expands those whose mistakes show only then.
    pub(super) fn read(root: &Node<'a>) -> Option<Self> {
        let root = Section::read(root, &KEYS)?;
        let sweep = root.required("sweep", Node::name);
        let shared = SharedSections::read(&root);
        let seeds = shared.split.as_ref().and_then(|split| split.seeds.clone());
        let mut replicates = Replicates::read(root.get("replicates"), seeds);
        let stopping = StoppingSection::read(&root, replicates.as_mut());
        let simulate = root.optional("simulate", None, |node| Simulate::read(node).map(Some));
        let artifacts = root.optional("artifacts", Artifacts::default(), artifacts);
        let checkpoint_every = root.optional("checkpoints", 0, checkpoints);
        let axes = Axes::read(&root);

        if let Some(section) = stopping.as_ref().and_then(Option::as_ref) {
            shared.check_validation(&root, section.reason());
        }
        if let (Some(axes), Some(dataset)) = (&axes, &shared.dataset) {
            dataset.check_size(axes.architectures());
            let Grid { axes, fixed, .. } = &axes.grid;
            shared.check_early_stopping(&root, axes.iter().flat_map(|axis| &axis.values).chain(fixed));
        }
        let axes = axes.filter(|axes| has_few_jobs(axes, replicates.as_ref(), &root))?;
        let points = axes.points();
        let seeds = replicates.as_ref().and_then(Replicates::expand);

        let base = shared.job();
        let (dataset, objective, base, points, seeds) = (shared.dataset?, shared.objective?, base?, points?, seeds?);
        points.iter().try_for_each(|point| check_choices(&root, &axes.grid.template(point, &base)))?;
        let sizes = shared.split?.sizes;
        check_listed(&dataset.dataset, &seeds, replicates.as_ref())?;
        let stopping = with_looks(stopping?, &base.split, &seeds)?;
        let simulate = match simulate? {
            Some(section) => section.expand(points.len()).map(|expanded| Some((section, expanded)))?,
            None => None,
        };
        Some(Self {
            sweep: sweep?,
            dataset: dataset.dataset,
            objective,
            base,
            sizes,
            axes,
            points,
            replicates: replicates?,
            seeds,
            stopping,
            simulate,
            artifacts: artifacts?,
            checkpoint_every: checkpoint_every?,
        })
    }

    /// The same with other split seeds, whose number was checked; `None` if the looks of the file do not fit them.
    pub(super) fn with_split_seeds(self, seeds: SeedList) -> Option<Self> {
        let replicates = self.replicates.with_split(seeds);
        let seeds = replicates.expand()?;
        let section = self.stopping.map(|(section, _)| section);
        let stopping = with_looks(section, &self.base.split, &seeds)?;
        Some(Self { replicates, seeds, stopping, ..self })
    }

    /// Number of jobs: at least one.
    pub(super) fn jobs(&self) -> u64 {
        self.points.len() as u64 * self.seeds.len() as u64
    }

    /// The expanded sweep.
    pub(super) fn plan(self) -> Plan {
        let grid = &self.axes.grid;
        let mut candidates = grid.candidates(&self.points, &self.base);
        if let Some((_, simulations)) = self.simulate {
            for (candidate, simulation) in candidates.iter_mut().zip(simulations) {
                candidate.simulation = Some(simulation);
            }
        }
        Plan {
            axes: grid.names(),
            sweep: self.sweep,
            dataset: self.dataset,
            objective: self.objective,
            candidates,
            replicates: self.seeds,
            sizes: self.sizes,
            stopping: self.stopping.map(|(_, stopping)| stopping),
            artifacts: self.artifacts,
            checkpoint_every: self.checkpoint_every,
        }
    }
}

/// The section with the looks that follow from it.
fn with_looks<'a>(
    section: Option<StoppingSection<'a>>,
    split: &Split,
    seeds: &[Seeds],
) -> Option<Option<(StoppingSection<'a>, Stopping)>> {
    let Some(section) = section else { return Some(None) };
    let stopping = section.expand(split, seeds)?;
    Some(Some((section, stopping)))
}

/// Checks that a file that lists splits has those of the replicates.
fn check_listed(dataset: &Dataset, seeds: &[Seeds], replicates: Option<&Replicates<'_>>) -> Option<()> {
    let listed = &dataset.lists.partitions;
    let missing = seeds.iter().map(|seeds| seeds.split_seed).find(|seed| !listed.contains_key(seed));
    match missing.filter(|_| !listed.is_empty()) {
        Some(seed) => {
            replicates?.node()?.reject(Mistake::List { reason: Misfit::NoPartition { seed }.to_string() });
            None
        }
        None => Some(()),
    }
}

/// Reads the section `artifacts`.
fn artifacts(node: &Node<'_>) -> Option<Artifacts> {
    let section = Section::read(node, &["examples", "replicates", "weights"])?;
    let default = Artifacts::default();
    let examples = section.optional("examples", default.examples, |node| node.whole(0..=MAX_EXAMPLES));
    let replicates = section.optional("replicates", default.replicates, |node| node.whole(0..=MAX_JOBS));
    let weights = section.optional("weights", "none", |node| node.choice(&WEIGHTS));
    Some(Artifacts { examples: examples?, replicates: replicates?, weights: weights? == "best" })
}

/// Reads the section `checkpoints`: the number of epochs between two of them.
fn checkpoints(node: &Node<'_>) -> Option<u32> {
    let section = Section::read(node, &["every", "keep"])?;
    let every = section.required("every", |node| node.whole(0..=MAX_JOBS));
    section.optional("keep", "last", |node| node.choice(&["last"]))?;
    every
}

/// Checks the number of jobs before any is made.
fn has_few_jobs(axes: &Axes<'_>, replicates: Option<&Replicates<'_>>, root: &Section<'_>) -> bool {
    let replicates = replicates.map_or(Some(1), Replicates::len);
    let jobs = axes.count().zip(replicates).and_then(|(candidates, replicates)| candidates.checked_mul(replicates));
    if jobs.is_some_and(|jobs| jobs <= MAX_JOBS.into()) {
        return true;
    }
    let jobs = jobs.map_or_else(|| "over 10^38".to_owned(), |jobs| jobs.to_string());
    let node = root.get("grid").or_else(|| root.get("replicates")).unwrap_or(root.node());
    node.reject_key(Mistake::TooManyJobs { jobs, limit: MAX_JOBS });
    false
}
