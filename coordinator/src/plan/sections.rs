//! The sections `dataset`, `split`, `objective` and `artifacts`.

use super::config::MOST_JOBS;
use super::errors::Problems;
use super::node::{Node, Section};
use super::problem::Problem;
use super::{Artifacts, Objective};
use proto::data::{Dataset, Format, Synthetic};
use proto::spec::{Architecture, DEFAULT_IMAGE_SIZE, EpochChoice, Metric, Scheme, Split, Stratify, Subset};

/// Most cases of a subset.
const MOST_CASES: u64 = 1_000_000;

/// Most example segmentations of a job.
const MOST_EXAMPLES: u64 = 9;

/// The section `dataset`.
#[derive(Debug)]
pub(super) struct Images<'a> {
    pub(super) dataset: Dataset,
    /// Height and width, pixels.
    pub(super) size: u32,
    node: Node<'a>,
}

impl<'a> Images<'a> {
    pub(super) fn read(node: &Node<'a>, problems: &mut Problems) -> Option<Self> {
        let keys = ["name", "format", "image_size", "root", "cases", "seed"];
        let section = Section::read(node.clone(), &keys, problems)?;
        let name = section.required("name", problems).and_then(|node| node.name(problems));
        let format = section.required("format", problems);
        let format = format.and_then(|node| node.choice(&Format::ALL, Format::name, problems));
        let size = section.optional("image_size", DEFAULT_IMAGE_SIZE, |node| node.whole(32..=4096, problems));
        let root = section.optional("root", None, |node| node.text(problems).map(|root| Some(root.to_owned())));
        let default = Synthetic::default();
        let cases = 1..=Synthetic::MAX_CASES.into();
        let cases = section.optional("cases", default.cases, |node| node.whole(cases, problems));
        let seed = section.optional("seed", default.seed, |node| node.whole(0..=u64::MAX, problems));

        let format = format?;
        let foreign: &[_] = if format == Format::Synthetic { &["root"] } else { &["cases", "seed"] };
        for node in foreign.iter().filter_map(|key| section.get(key)) {
            node.reject_key::<()>(Problem::OtherFormat { format: format.name() }, problems);
        }
        let synthetic = Synthetic { cases: cases?, seed: seed? };
        let synthetic = (format == Format::Synthetic).then_some(synthetic);
        let dataset = Dataset { name: name?, format, root: root?, synthetic };
        Some(Self { dataset, size: size?, node: node.clone() })
    }

    /// Checks that the data set has the split's cases, where their number is known.
    pub(super) fn suffice(&self, split: &Split, section: Option<&Node<'_>>, problems: &mut Problems) {
        let Some(Synthetic { cases, .. }) = self.dataset.synthetic else { return };
        if split.total() > cases.into() {
            let problem = Problem::TooFewCases { split: split.total(), cases };
            section.unwrap_or(&self.node).reject_key::<()>(problem, problems);
        }
    }

    /// Checks that the networks can halve the image as often as they do.
    pub(super) fn divide(&self, architectures: &[Architecture], problems: &mut Problems) {
        let Some(deepest) = architectures.iter().copied().max_by_key(|architecture| architecture.halvings()) else {
            return;
        };
        let divisor = 1 << deepest.halvings();
        if !self.size.is_multiple_of(divisor) {
            let problem = Problem::Indivisible {
                size: self.size,
                divisor,
                architecture: deepest.name(),
                halvings: deepest.halvings(),
            };
            self.node.entry("image_size").unwrap_or_else(|| self.node.clone()).reject::<()>(problem, problems);
        }
    }
}

/// The section `split`.
pub(super) fn split(node: &Node<'_>, problems: &mut Problems) -> Option<Split> {
    let section = Section::read(node.clone(), &["scheme", "train", "validation", "test", "stratify"], problems)?;
    let default = Split::default();
    let scheme = section.optional("scheme", default.scheme, |node| node.choice(Scheme::ALL, Scheme::name, problems));
    let train = section.optional("train", default.train, |node| node.whole(1..=MOST_CASES, problems));
    let validation = section.optional("validation", default.validation, |node| node.whole(0..=MOST_CASES, problems));
    let test = section.optional("test", default.test, |node| node.whole(0..=MOST_CASES, problems));
    let stratify =
        section.optional("stratify", default.stratify, |node| node.choice(Stratify::ALL, Stratify::name, problems));
    let split = Split { scheme: scheme?, train: train?, validation: validation?, test: test?, stratify: stratify? };
    if split.scheme == Scheme::Rotation && !split.has_equal_blocks() {
        let Split { train, validation, test, .. } = split;
        let problem = Problem::UnequalBlocks { train, validation, test };
        return section.get("scheme").unwrap_or(node).reject(problem, problems);
    }
    Some(split)
}

/// The section `objective`.
pub(super) fn objective(node: &Node<'_>, problems: &mut Problems) -> Option<Objective> {
    let section = Section::read(node.clone(), &["metric", "subset", "epoch"], problems)?;
    let default = Objective::default();
    // the training cases are not evaluated
    let subsets = [Subset::Validation, Subset::Test];
    let metric = section.optional("metric", default.metric, |node| node.choice(Metric::ALL, Metric::name, problems));
    let subset = section.optional("subset", default.subset, |node| node.choice(&subsets, Subset::name, problems));
    let epoch =
        section.optional("epoch", default.epoch, |node| node.choice(EpochChoice::ALL, EpochChoice::name, problems));
    Some(Objective { metric: metric?, subset: subset?, epoch: epoch? })
}

/// The section `artifacts`.
pub(super) fn artifacts(node: &Node<'_>, problems: &mut Problems) -> Option<Artifacts> {
    let section = Section::read(node.clone(), &["examples", "replicates"], problems)?;
    let default = Artifacts::default();
    let examples = section.optional("examples", default.examples, |node| node.whole(0..=MOST_EXAMPLES, problems));
    let replicates = section.optional("replicates", default.replicates, |node| node.whole(0..=MOST_JOBS, problems));
    Some(Artifacts { examples: examples?, replicates: replicates? })
}
