//! The sections that sweep files and job files share: `dataset`, `split`, `objective`, `model`, `training`, `augmentation`, `evaluation`
//! `losses` and `metrics`.

use super::document::variable;
use super::mistake::Mistake;
use super::reader::Node;
use super::section::Section;
use super::setting::{Key, KeyValue, Setting};
use super::split::SplitSection;
use crate::cases::Marks;
use crate::data::{Dataset, Format, Inventory, MaskRule, MaskValue, Synthetic, is_inner_folder, is_part_of_a_name};
use crate::ids::ContentHash;
use crate::spec::{
    Architecture, DEFAULT_IMAGE_SIZE, EpochChoice, JobSpec, LossName, Metric, Norm, Objective, Selection, Split, Subset,
};

/// The sections `dataset`, `split` and `objective`; `None` where there is a mistake.
#[derive(Debug)]
pub struct SharedSections<'a> {
    /// The section `dataset`.
    pub dataset: Option<DatasetSection<'a>>,
    /// The section `split`, or its default.
    pub split: Option<SplitSection>,
    /// The section `objective`, or its default.
    pub objective: Option<Objective>,
    /// What is measured beside.
    pub metrics: Option<Vec<Metric>>,
}

impl<'a> SharedSections<'a> {
    /// The keys of the shared sections.
    pub const KEYS: [&'static str; 9] =
        ["dataset", "split", "model", "training", "augmentation", "evaluation", "objective", "losses", "metrics"];

    /// Reads the sections, and checks that the data set has the split's cases and that the objective has cases to look at.
    #[must_use]
    pub fn read(root: &Section<'a>) -> Self {
        let mut dataset = root.required("dataset", DatasetSection::read);
        let split = root.optional("split", SplitSection::default(), SplitSection::read);
        let objective = root.optional("objective", Objective::default(), objective);
        if let (Some(split), Some(dataset)) = (&split, &mut dataset) {
            *dataset.dataset.lists = split.lists.clone();
            dataset.check_cases(split, root.get("split"));
        }
        if let (Some(section), Some(objective)) = (&split, &objective) {
            check_subsets(&section.split, objective, root);
        }
        let metrics = root.optional("metrics", Vec::new(), metrics);
        Self { dataset, split, objective, metrics }
    }

    /// Checks that the validation subset has cases, for another `reason` than the objective.
    pub fn check_validation(&self, root: &Section<'_>, reason: &'static str) {
        let (Some(section), Some(objective)) = (&self.split, &self.objective) else { return };
        let is_known = objective.epoch == EpochChoice::Best || objective.subset == Subset::Validation;
        if section.split.validation == 0 && !is_known {
            reject_empty(root, "validation", reason);
        }
    }

    /// Checks that the validation subset has cases if one of the settings ends trainings early.
    pub fn check_early_stopping<'s>(&self, root: &Section<'_>, mut settings: impl Iterator<Item = &'s Setting>) {
        let ends_early = |setting: &Setting| match (setting.key.name(), &setting.value) {
            ("training.patience" | "training.stop_collapsed_after", KeyValue::Whole(epochs)) => *epochs > 0,
            _ => false,
        };
        if settings.any(ends_early) {
            self.check_validation(root, "early stopping decides by it");
        }
    }

    /// A job of these sections; the rest is the reference protocol.
    #[must_use]
    pub fn job(&self) -> Option<JobSpec> {
        let objective = self.objective?;
        let mut job = JobSpec {
            split: self.split.as_ref()?.split,
            selection: Selection::of(objective.metric, objective.epoch),
            metrics: self.metrics.clone()?,
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
    /// The keys that only one format has.
    const OF_FORMAT: [(&'static str, Format); 8] = [
        ("cases", Format::Synthetic),
        ("seed", Format::Synthetic),
        ("images", Format::Folder),
        ("masks", Format::Folder),
        ("image_prefix", Format::Folder),
        ("image_suffix", Format::Folder),
        ("mask_prefix", Format::Folder),
        ("mask_suffix", Format::Folder),
    ];
    /// The keys that data sets in folders have, and made-up ones have not.
    const OF_FILES: [&'static str; 3] = ["root", "mask", "invert"];

    fn read(node: &Node<'a>) -> Option<Self> {
        let keys = ["name", "format", "image_size"].into_iter().chain(Self::OF_FILES);
        let keys: Vec<_> = keys.chain(Self::OF_FORMAT.map(|(key, _)| key)).collect();
        let section = Section::read(node, &keys)?;
        let name = section.required("name", Node::name);
        let format = section.required("format", |node| node.choice(Format::NAMES)).and_then(Format::from_name);
        let image_size = section.optional("image_size", DEFAULT_IMAGE_SIZE, |node| node.whole(32..=4096));
        let text =
            |key, read: fn(&Node<'_>) -> Option<String>| section.optional(key, None, |node| read(node).map(Some));
        let (root, images, masks) = (text("root", root), text("images", inner_folder), text("masks", inner_folder));
        let (image_prefix, image_suffix) = (text("image_prefix", affix), text("image_suffix", affix));
        let (mask_prefix, mask_suffix) = (text("mask_prefix", affix), text("mask_suffix", affix));
        let mask = section.optional("mask", MaskRule::default(), mask_rule);
        let invert = section.optional("invert", false, Node::truth);
        let default = Synthetic::default();
        let cases = section.optional("cases", default.cases, |node| node.whole(1..=Synthetic::MAX_CASES.into()));
        let seed = section.optional("seed", default.seed, |node| node.whole(0..=u64::MAX));

        let format = format?;
        let of_other = Self::OF_FORMAT.iter().filter(|(_, of)| *of != format).map(|(key, _)| *key);
        let of_files = Self::OF_FILES.into_iter().filter(|_| format == Format::Synthetic);
        for node in of_other.chain(of_files).filter_map(|key| section.get(key)) {
            node.reject_key(Mistake::OtherFormat { format: format.name() });
        }
        let synthetic = Synthetic { cases: cases?, seed: seed? };
        let dataset = Dataset {
            name: name?,
            format,
            root: root?,
            synthetic: (format == Format::Synthetic).then_some(synthetic),
            images: images?,
            masks: masks?,
            image_prefix: image_prefix?,
            image_suffix: image_suffix?,
            mask_prefix: mask_prefix?,
            mask_suffix: mask_suffix?,
            mask: mask?,
            invert: invert?,
            lists: Box::default(),
        };
        Some(Self { dataset, image_size: image_size?, node: node.clone() })
    }

    /// Checks that the data set has the split's cases, where their number is known.
    fn check_cases(&self, split: &SplitSection, section: Option<&Node<'_>>) {
        let Some(Synthetic { cases, .. }) = self.dataset.synthetic else { return };
        let place = || section.unwrap_or(&self.node);
        match &split.sizes {
            None if split.split.total() > cases.into() => {
                place().reject_key(Mistake::TooFewCases { split: split.split.total(), cases });
            }
            None => {}
            // ids of synthetic cases are known once they are made
            Some(_) if !split.lists.is_empty() => {}
            Some(_) => {
                let ids = (0..cases).map(|case| case.to_string()).collect();
                let data = Inventory { content: ContentHash(0), cases: ids, marks: Marks::default() };
                if let Err(misfit) = split.on(&data, 0) {
                    place().reject_key(Mistake::List { reason: misfit.to_string() });
                }
            }
        }
    }

    /// Checks that the networks can halve the image as often as they do.
    pub fn check_size(&self, architectures: impl Iterator<Item = Architecture>) {
        let size = self.image_size;
        let Some(deepest) = architectures.max_by_key(|architecture| architecture.halvings(size)) else { return };
        let (halvings, divisor) = (deepest.halvings(size), deepest.granularity(size));
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

/// A folder below that of the data set.
fn inner_folder(node: &Node<'_>) -> Option<String> {
    let name = node.text()?;
    if is_inner_folder(name) {
        return Some(name.to_owned());
    }
    node.mistyped("a folder below that of the data set, or `.`");
    None
}

/// What stands before or after the case's name in the name of a file.
fn affix(node: &Node<'_>) -> Option<String> {
    let text = node.text()?;
    if is_part_of_a_name(text) {
        return Some(text.to_owned());
    }
    node.mistyped("part of a file's name, such as `_segmentation`");
    None
}

/// Which samples of a mask are lesion.
fn mask_rule(node: &Node<'_>) -> Option<MaskRule> {
    let section = Section::read(node, &["lesion", "threshold", "channel"])?;
    let [(key, node)] = section.entries() else {
        node.mistyped("one of `{lesion: [VALUE]}`, `{threshold: VALUE}` and `{channel: alpha}`");
        return None;
    };
    match *key {
        "lesion" => {
            let items = node.items()?;
            match items.len() {
                0 => node.reject(Mistake::EmptyList),
                found if found > MaskRule::MAX_VALUES => {
                    node.reject(Mistake::LongList { found, limit: MaskRule::MAX_VALUES });
                }
                _ => return items.iter().map(mask_value).collect::<Option<_>>().map(MaskRule::Lesion),
            }
            None
        }
        "threshold" => node.whole(1..=u16::MAX.into()).map(MaskRule::Threshold),
        _ => node.choice(&["alpha"]).map(|_| MaskRule::Alpha),
    }
}

/// A grey value, or a colour as text.
fn mask_value(node: &Node<'_>) -> Option<MaskValue> {
    if node.is_number() {
        return node.whole(0..=u16::MAX.into()).map(MaskValue::Gray);
    }
    let value = node.as_text().and_then(|text| text.parse().ok());
    if value.is_none() {
        node.mistyped("a grey value from 0 to 65535, or a colour such as '#ff0000'");
    }
    value
}

fn objective(node: &Node<'_>) -> Option<Objective> {
    let section = Section::read(node, &["metric", "subset", "epoch"])?;
    let default = Objective::default();
    // the training cases are not evaluated
    let subsets = [Subset::Validation.name(), Subset::Test.name()];
    let metrics = Metric::OF_EPOCHS.map(Metric::name);
    let metric = section.optional("metric", default.metric, |node| Metric::from_name(node.choice(&metrics)?));
    let subset = section.optional("subset", default.subset, |node| Subset::from_name(node.choice(&subsets)?));
    let epoch =
        section.optional("epoch", default.epoch, |node| EpochChoice::from_name(node.choice(EpochChoice::NAMES)?));
    Some(Objective { metric: metric?, subset: subset?, epoch: epoch? })
}

/// Metrics that are measured beside those that every epoch has, in their own order.
fn metrics(node: &Node<'_>) -> Option<Vec<Metric>> {
    let names = Metric::MEASURED.map(Metric::name);
    let mut metrics = Vec::new();
    for item in node.items()? {
        let metric = Metric::from_name(item.choice(&names)?)?;
        if metrics.contains(&metric) {
            item.reject(Mistake::DuplicateValue(metric.to_string()));
            return None;
        }
        metrics.push(metric);
    }
    metrics.sort();
    Some(metrics)
}

/// Checks that the choices of a job go together: the network and its norm, the losses and the labels.
pub fn check_choices(root: &Section<'_>, job: &JobSpec) -> Option<()> {
    let JobSpec { architecture, model, .. } = job;
    let norms = architecture.norms();
    if model.norm != Norm::None && !norms.is_empty() && !norms.contains(&model.norm) {
        let mistake = Mistake::Norm { architecture: architecture.name(), norm: model.norm.name() };
        return reject_choice(root, "model", "norm", mistake);
    }
    let mut names = job.loss.terms().map(|weighted| weighted.term.name());
    match names.find(|name| job.training.label_smoothing > 0.0 && name.needs_hard_labels()) {
        Some(loss) => reject_choice(root, "training", "label_smoothing", Mistake::SmoothedLabels { loss: loss.name() }),
        None => Some(()),
    }
}

/// Rejects what the file gives a key, in the grid or in its section.
fn reject_choice(root: &Section<'_>, section: &str, key: &str, mistake: Mistake) -> Option<()> {
    let of = |section, key: &str| root.get(section).and_then(|section| section.entry(key));
    let place = of("grid", &format!("{section}.{key}")).or_else(|| of(section, key));
    place.as_ref().unwrap_or_else(|| root.node()).reject(mistake);
    None
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

/// The settings of the sections `model`, `training`, `augmentation`, `evaluation` and `losses`. A preset may stand for its section, as in
/// `augmentation: light`.
#[must_use]
pub fn settings<'a>(root: &Section<'a>) -> Vec<(Node<'a>, Setting)> {
    let mut settings = Vec::new();
    for section in ["model", "training", "augmentation", "evaluation"] {
        let Some(node) = root.get(section) else { continue };
        match Key::all().find(|key| key.name() == section) {
            Some(preset) if !node.is_mapping() => {
                settings.extend(preset.read(node).map(|setting| (node.clone(), setting)));
            }
            _ => settings.extend(section_settings(section, node)),
        }
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
