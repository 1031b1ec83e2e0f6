//! The sections that sweep files and job files share: `dataset`, `split`, `objective`, `model`, `training` and `losses`.

use super::document::variable;
use super::mistake::Mistake;
use super::reader::Node;
use super::section::Section;
use super::setting::{Key, Setting};
use crate::data::{Dataset, Format, Synthetic};
use crate::spec::{
    Architecture, DEFAULT_IMAGE_SIZE, EpochChoice, JobSpec, LossName, Metric, Objective, Scheme, Selection, Split,
    Stratify, Subset,
};

/// Maximum number of cases of a subset.
const MAX_CASES: u64 = 1_000_000;

/// The sections `dataset`, `split` and `objective`; `None` where there is a mistake.
#[derive(Debug)]
pub struct SharedSections<'a> {
    /// The section `dataset`.
    pub dataset: Option<DatasetSection<'a>>,
    /// The section `split`, or its default.
    pub split: Option<Split>,
    /// The section `objective`, or its default.
    pub objective: Option<Objective>,
}

impl<'a> SharedSections<'a> {
    /// The keys of the shared sections.
    pub const KEYS: [&'static str; 6] = ["dataset", "split", "model", "training", "objective", "losses"];

    /// Reads the sections, and checks that the data set has the split's cases and that the objective has cases to look at.
    #[must_use]
    pub fn read(root: &Section<'a>) -> Self {
        let dataset = root.required("dataset", DatasetSection::read);
        let split = root.optional("split", Split::default(), split);
        let objective = root.optional("objective", Objective::default(), objective);
        if let (Some(split), Some(dataset)) = (&split, &dataset) {
            dataset.check_cases(split, root.get("split"));
        }
        if let (Some(split), Some(objective)) = (&split, &objective) {
            check_subsets(split, objective, root);
        }
        Self { dataset, split, objective }
    }

    /// Checks that the validation subset has cases, for another `reason` than the objective.
    pub fn check_validation(&self, root: &Section<'_>, reason: &'static str) {
        let (Some(split), Some(objective)) = (&self.split, &self.objective) else { return };
        let is_known = objective.epoch == EpochChoice::Best || objective.subset == Subset::Validation;
        if split.validation == 0 && !is_known {
            reject_empty(root, "validation", reason);
        }
    }

    /// A job of these sections; the rest is the reference protocol.
    #[must_use]
    pub fn job(&self) -> Option<JobSpec> {
        let objective = self.objective?;
        let mut job = JobSpec {
            split: self.split?,
            selection: Selection::of(objective.metric, objective.epoch),
            ..JobSpec::default()
        };
        job.data.image_size = self.dataset.as_ref()?.image_size;
        Some(job)
    }
}

/// The section `dataset`.
#[derive(Debug)]
pub struct DatasetSection<'a> {
    /// The data set.
    pub dataset: Dataset,
    /// Height and width of the resized images, pixels.
    pub image_size: u32,
    node: Node<'a>,
}

impl<'a> DatasetSection<'a> {
    fn read(node: &Node<'a>) -> Option<Self> {
        let section = Section::read(node, &["name", "format", "image_size", "root", "cases", "seed"])?;
        let name = section.required("name", Node::name);
        let format = section.required("format", |node| node.choice(Format::NAMES)).and_then(Format::from_name);
        let image_size = section.optional("image_size", DEFAULT_IMAGE_SIZE, |node| node.whole(32..=4096));
        let root = section.optional("root", None, |node| root(node).map(Some));
        let default = Synthetic::default();
        let cases = section.optional("cases", default.cases, |node| node.whole(1..=Synthetic::MAX_CASES.into()));
        let seed = section.optional("seed", default.seed, |node| node.whole(0..=u64::MAX));

        let format = format?;
        let foreign: &[_] = if format == Format::Synthetic { &["root"] } else { &["cases", "seed"] };
        for node in foreign.iter().filter_map(|key| section.get(key)) {
            node.reject_key(Mistake::OtherFormat { format: format.name() });
        }
        let synthetic = Synthetic { cases: cases?, seed: seed? };
        let synthetic = (format == Format::Synthetic).then_some(synthetic);
        let dataset = Dataset { name: name?, format, root: root?, synthetic };
        Some(Self { dataset, image_size: image_size?, node: node.clone() })
    }

    /// Checks that the data set has the split's cases, where their number is known.
    fn check_cases(&self, split: &Split, section: Option<&Node<'_>>) {
        let Some(Synthetic { cases, .. }) = self.dataset.synthetic else { return };
        if split.total() > cases.into() {
            section.unwrap_or(&self.node).reject_key(Mistake::TooFewCases { split: split.total(), cases });
        }
    }

    /// Checks that the networks can halve the image as often as they do.
    pub fn check_size(&self, architectures: impl Iterator<Item = Architecture>) {
        let Some(deepest) = architectures.max_by_key(|architecture| architecture.halvings()) else { return };
        let (size, halvings) = (self.image_size, deepest.halvings());
        let divisor = 1 << halvings;
        if !size.is_multiple_of(divisor) {
            let architecture = deepest.name();
            let mistake = Mistake::Indivisible { size, divisor, architecture, halvings };
            self.node.entry("image_size").unwrap_or_else(|| self.node.clone()).reject(mistake);
        }
    }
}

/// The folder of a data set. Only a shell replaces a tilde or a variable.
fn root(node: &Node<'_>) -> Option<String> {
    let root = node.text()?;
    // `$` is also a letter of names, as in `$RECYCLE.BIN`
    if let Some((variable, _)) = variable(root).filter(|(name, start)| *start == 0 || name.starts_with("${")) {
        node.reject(Mistake::Variable(variable.to_owned()));
        return None;
    }
    if root == "~" || root.starts_with("~/") {
        node.reject(Mistake::Tilde);
        return None;
    }
    Some(root.to_owned())
}

fn split(node: &Node<'_>) -> Option<Split> {
    let section = Section::read(node, &["scheme", "train", "validation", "test", "stratify"])?;
    let default = Split::default();
    let scheme = section.optional("scheme", default.scheme, |node| Scheme::from_name(node.choice(Scheme::NAMES)?));
    let train = section.optional("train", default.train, |node| node.whole(1..=MAX_CASES));
    let validation = section.optional("validation", default.validation, |node| node.whole(0..=MAX_CASES));
    let test = section.optional("test", default.test, |node| node.whole(0..=MAX_CASES));
    let stratify =
        section.optional("stratify", default.stratify, |node| Stratify::from_name(node.choice(Stratify::NAMES)?));
    let split = Split { scheme: scheme?, train: train?, validation: validation?, test: test?, stratify: stratify? };
    if split.scheme == Scheme::Rotation && !split.has_equal_blocks() {
        let Split { train, validation, test, .. } = split;
        section.get("scheme").unwrap_or(node).reject(Mistake::UnequalBlocks { train, validation, test });
        return None;
    }
    Some(split)
}

fn objective(node: &Node<'_>) -> Option<Objective> {
    let section = Section::read(node, &["metric", "subset", "epoch"])?;
    let default = Objective::default();
    // the training cases are not evaluated
    let subsets = [Subset::Validation.name(), Subset::Test.name()];
    let metric = section.optional("metric", default.metric, |node| Metric::from_name(node.choice(Metric::NAMES)?));
    let subset = section.optional("subset", default.subset, |node| Subset::from_name(node.choice(&subsets)?));
    let epoch =
        section.optional("epoch", default.epoch, |node| EpochChoice::from_name(node.choice(EpochChoice::NAMES)?));
    Some(Objective { metric: metric?, subset: subset?, epoch: epoch? })
}

/// Checks that the subsets that the objective needs have cases.
fn check_subsets(split: &Split, objective: &Objective, root: &Section<'_>) {
    if split.validation == 0 && objective.epoch == EpochChoice::Best {
        reject_empty(root, "validation", "`objective.epoch` is `best`");
    } else if split.validation == 0 && objective.subset == Subset::Validation {
        reject_empty(root, "validation", "`objective.subset` is `validation`");
    }
    if split.test == 0 && objective.subset == Subset::Test {
        reject_empty(root, "test", "`objective.subset` is `test`");
    }
}

fn reject_empty(root: &Section<'_>, subset: &str, reason: &'static str) {
    if let Some(node) = root.get("split").and_then(|split| split.entry(subset)) {
        node.reject(Mistake::EmptySubset { reason });
    }
}

/// The settings of the sections `model`, `training` and `losses`.
#[must_use]
pub fn settings<'a>(root: &Section<'a>) -> Vec<(Node<'a>, Setting)> {
    let mut settings = Vec::new();
    for section in ["model", "training"] {
        settings.extend(root.get(section).into_iter().flat_map(|node| section_settings(section, node)));
    }
    if let Some(losses) = root.get("losses").and_then(|losses| Section::read(losses, LossName::NAMES)) {
        for (name, node) in losses.entries() {
            settings.extend(section_settings(&format!("losses.{name}"), node));
        }
    }
    settings
}

fn section_settings<'a>(section: &str, node: &Node<'a>) -> Vec<(Node<'a>, Setting)> {
    let in_section = |key: Key| key.section().filter(|(of, _)| *of == section).map(|(_, name)| (name, key));
    let keys: Vec<(&str, Key)> = Key::all().filter_map(in_section).collect();
    let names: Vec<_> = keys.iter().map(|(name, _)| *name).collect();
    let Some(section) = Section::read(node, &names) else { return Vec::new() };
    let given = keys.into_iter().filter_map(|(name, key)| Some((section.get(name)?.clone(), key)));
    given.filter_map(|(node, key)| key.read(&node).map(|setting| (node, setting))).collect()
}
