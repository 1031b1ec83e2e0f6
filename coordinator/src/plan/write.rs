//! Writing: a sweep file with every default filled in, and the job file of one job. Both read again to what they were written from.

use super::axes::Axes;
use super::simulation::{PerCandidate, Simulate};
use super::stopping::StoppingSection;
use super::sweep_file::{SweepFile, WEIGHTS};
use super::{Artifacts, Rule, Stopping};
use proto::cases::{CaseLists, FixedTest, Groups};
use proto::data::{Dataset, MaskRule, MaskValue};
use proto::file::{FileKind, Key, KeyValue, Mistakes, Setting, read};
use proto::sizes::{Size, Sizes};
use proto::spec::{EpochChoice, JobSpec, Loss, Metric, Objective, Scheme, Split, Trainer, Weighted};
use serde::Serialize;
use serde_yaml::{Mapping, Value};

/// The sweep file of `text` with every default filled in: reading it gives the same plan. Seeds that follow the split seeds stay out.
///
/// # Errors
/// If `text` is not a valid sweep file. `file` is its name in messages.
pub fn resolved(file: &str, text: &str) -> Result<String, Mistakes> {
    read(file, FileKind::Sweep, text, |root| SweepFile::read(root).map(|file| of_file(&file)))
}

/// The text of a sweep file with every default filled in.
pub(super) fn of_file(file: &SweepFile<'_>) -> String {
    written(sweep(file))
}

/// A job that no job file can describe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a simulated job trains nothing, so there is no job file for it")]
pub struct SimulatedJob;

/// The job file of a job: `worker train` makes of it the same job.
///
/// # Errors
/// If the job is simulated.
pub fn job_file(dataset: &Dataset, objective: &Objective, job: &JobSpec) -> Result<String, SimulatedJob> {
    if job.trainer != Trainer::Candle {
        return Err(SimulatedJob);
    }
    let mut file = Mapping::new();
    put(&mut file, "dataset", dataset_section(dataset, job.data.image_size));
    put(&mut file, "split", split_section(&job.split, None, &dataset.lists));
    put_settings(&mut file, Key::all().filter_map(|key| Some(Setting { key, value: key.get(job)? })));
    // the last epoch is the same under every metric
    let metric = if job.selection.epoch == EpochChoice::Best { job.selection.metric } else { objective.metric };
    put(&mut file, "objective", objective_section(&Objective { metric, epoch: job.selection.epoch, ..*objective }));
    if !job.metrics.is_empty() {
        put(&mut file, "metrics", metrics(&job.metrics));
    }
    put(&mut file, "split_seed", job.seeds.split_seed);
    put(&mut file, "init_seed", job.seeds.init_seed);
    put(&mut file, "order_seed", job.seeds.order_seed);
    Ok(written(file))
}

fn written(file: Mapping) -> String {
    // serde_yaml can write every mapping of names, numbers and lists
    serde_yaml::to_string(&file).unwrap_or_else(|error| unreachable!("{error}"))
}

fn sweep(file: &SweepFile<'_>) -> Mapping {
    let mut all = Mapping::new();
    put(&mut all, "sweep", file.sweep.as_str());
    put(&mut all, "dataset", dataset_section(&file.dataset, file.base.data.image_size));
    put(&mut all, "split", split_section(&file.base.split, file.sizes.as_ref(), &file.dataset.lists));
    let grid = &file.axes.grid;
    let axes = grid.axes.iter().map(|axis| {
        let values = axis.values.iter().map(|setting| value(&setting.value)).collect::<Vec<_>>();
        (axis.key.name(), values.into())
    });
    let mut axes = mapping(axes);
    if !grid.zips.is_empty() {
        let names = |zip: &Vec<usize>| zip.iter().map(|index| grid.axes[*index].key.name()).collect::<Vec<_>>();
        put(&mut axes, "zip", grid.zips.iter().map(names).collect::<Vec<_>>());
    }
    put(&mut all, "grid", axes);
    put_settings(&mut all, Key::all().filter_map(|key| fixed(&file.axes, key)));
    let least = match &file.stopping {
        Some((StoppingSection::Until { least, .. }, _)) => Some(*least),
        _ => None,
    };
    put(&mut all, "replicates", mapping(file.replicates.sections(least)));
    put(&mut all, "objective", objective_section(&file.objective));
    put(&mut all, "metrics", metrics(&file.base.metrics));
    let (key, section) = stopping_section(file.stopping.as_ref());
    put(&mut all, key, section);
    if let Some((simulate, _)) = &file.simulate {
        put(&mut all, "simulate", simulate_section(simulate));
    }
    let Artifacts { examples, replicates, weights } = file.artifacts;
    let weights = WEIGHTS[usize::from(weights)];
    let artifacts =
        [("examples", examples.into()), ("replicates", replicates.into()), ("weights", Value::from(weights))];
    put(&mut all, "artifacts", mapping(artifacts));
    let checkpoints = [("every", file.checkpoint_every.into()), ("keep", Value::from("last"))];
    put(&mut all, "checkpoints", mapping(checkpoints));
    let entry = |settings: &mut dyn Iterator<Item = Setting>| -> Value {
        mapping(settings.map(|setting| (setting.key.name(), value(&setting.value)))).into()
    };
    let exclude: Vec<_> = file
        .axes
        .exclude
        .iter()
        .map(|(_, pattern)| entry(&mut pattern.iter().map(|(_, setting)| setting.clone())))
        .collect();
    let include: Vec<_> =
        file.axes.include.iter().map(|(_, point)| entry(&mut point.iter().flatten().cloned())).collect();
    put(&mut all, "exclude", exclude);
    put(&mut all, "include", include);
    all
}

/// The value that a sweep file fixes for a key, or the key's default where it has an effect; `None` for an axis.
fn fixed(axes: &Axes<'_>, key: Key) -> Option<Setting> {
    let grid = &axes.grid;
    if grid.axes.iter().any(|axis| axis.key == key) {
        return None;
    }
    let given = grid.fixed.iter().find(|setting| setting.key == key).cloned();
    given.or_else(|| key.default_setting().filter(|_| axes.has_effect(key)))
}

fn dataset_section(dataset: &Dataset, image_size: u32) -> Mapping {
    let mut section = Mapping::new();
    put(&mut section, "name", dataset.name.as_str());
    put(&mut section, "format", dataset.format.name());
    put(&mut section, "image_size", image_size);
    if let Some(root) = &dataset.root {
        put(&mut section, "root", root.as_str());
    }
    if let Some(synthetic) = &dataset.synthetic {
        put(&mut section, "cases", synthetic.cases);
        put(&mut section, "seed", synthetic.seed);
    }
    let texts = [
        ("images", &dataset.images),
        ("image_prefix", &dataset.image_prefix),
        ("image_suffix", &dataset.image_suffix),
        ("masks", &dataset.masks),
        ("mask_prefix", &dataset.mask_prefix),
        ("mask_suffix", &dataset.mask_suffix),
    ];
    for (key, text) in texts {
        if let Some(text) = text {
            put(&mut section, key, text.as_str());
        }
    }
    if let Some(rule) = mask_rule(&dataset.mask) {
        put(&mut section, "mask", rule);
    }
    if dataset.invert {
        put(&mut section, "invert", true);
    }
    section
}

fn mask_rule(rule: &MaskRule) -> Option<Mapping> {
    let value = |value: &MaskValue| -> Value {
        match value {
            MaskValue::Gray(value) => (*value).into(),
            MaskValue::Color(_) => value.to_string().into(),
        }
    };
    let (key, rule): (_, Value) = match rule {
        MaskRule::Levels => return None,
        MaskRule::Lesion(values) => ("lesion", values.iter().map(value).collect::<Vec<_>>().into()),
        MaskRule::Threshold(value) => ("threshold", (*value).into()),
        MaskRule::Alpha => ("channel", "alpha".into()),
    };
    Some(mapping([(key, rule)]))
}

/// The section in numbers of cases, or in the `sizes` that the file gives.
fn split_section(split: &Split, sizes: Option<&Sizes>, lists: &CaseLists) -> Mapping {
    let cases = [split.train, split.validation, split.test].map(Size::Cases);
    let [train, validation, test] = sizes.map_or(cases, |sizes| [sizes.train, sizes.validation, sizes.test]).map(size);
    let test = match &lists.fixed_test {
        Some(FixedTest::Pattern(pattern)) => mapping([("pattern", pattern.as_str().into())]).into(),
        Some(FixedTest::List(list)) => embedded(list),
        None => test,
    };
    let (stratify, folds) = (split.stratify.name().into(), split.folds.into());
    let entries = match split.scheme {
        Scheme::Random | Scheme::Rotation => {
            vec![("train", train), ("validation", validation), ("test", test), ("stratify", stratify)]
        }
        Scheme::KFold => vec![("folds", folds), ("validation", validation), ("stratify", stratify)],
        Scheme::File => vec![("file", embedded(&lists.partitions))],
    };
    let groups = lists.groups.as_ref().map(|groups| match groups {
        Groups::Pattern(pattern) => mapping([("pattern", pattern.as_str().into())]).into(),
        Groups::Table(table) => embedded(table),
    });
    let scheme = [("scheme", split.scheme.name().into())];
    mapping(scheme.into_iter().chain(entries).chain(groups.map(|groups| ("groups", groups))))
}

fn size(size: Size) -> Value {
    match size {
        Size::Cases(cases) => cases.into(),
        Size::Share(share) => share.into(),
        Size::Rest => "rest".into(),
    }
}

/// What a file lists, as text.
fn embedded(lists: &impl Serialize) -> Value {
    // maps and lists of text can be written
    serde_json::to_string(lists).unwrap_or_else(|error| unreachable!("{error}")).into()
}

fn objective_section(objective: &Objective) -> Mapping {
    let Objective { metric, subset, epoch } = objective;
    mapping([("metric", metric.name().into()), ("subset", subset.name().into()), ("epoch", epoch.name().into())])
}

fn stopping_section(stopping: Option<&(StoppingSection<'_>, Stopping)>) -> (&'static str, Value) {
    match stopping {
        Some((StoppingSection::Until { half_width, most, .. }, _)) => {
            let section = mapping([("half_width", (*half_width).into()), ("max_replicates", (*most).into())]);
            ("until", section.into())
        }
        Some((_, Stopping { looks, rule: Rule::Race { alpha } })) => {
            ("race", mapping([("alpha", (*alpha).into()), ("looks", looks.clone().into())]).into())
        }
        _ => ("race", "none".into()),
    }
}

fn simulate_section(simulate: &Simulate<'_>) -> Mapping {
    let each = |numbers: &PerCandidate<'_>| -> Value {
        match numbers {
            PerCandidate::Same(number) => (*number).into(),
            PerCandidate::Each(_, numbers) => numbers.clone().into(),
            PerCandidate::Steps { from, to } => mapping([("from", (*from).into()), ("to", (*to).into())]).into(),
        }
    };
    mapping([
        ("mean", each(&simulate.mean)),
        ("split_sd", simulate.split_sd.into()),
        ("residual_sd", simulate.residual_sd.into()),
        ("collapse", each(&simulate.collapse)),
    ])
}

/// Puts settings into their sections; those of the main axes stay at the top.
fn put_settings(file: &mut Mapping, settings: impl Iterator<Item = Setting>) {
    for Setting { key, value: given } in settings {
        let mut section = &mut *file;
        let path: Vec<_> = key.path().split('.').collect();
        let [folders @ .., name] = &path[..] else { continue };
        for folder in folders {
            let inner = section.entry((*folder).into()).or_insert_with(|| Mapping::new().into());
            let Value::Mapping(inner) = inner else { return };
            section = inner;
        }
        put(section, name, value(&given));
    }
}

fn value(value: &KeyValue) -> Value {
    match value {
        KeyValue::Name(name) => (*name).into(),
        KeyValue::Truth(truth) => (*truth).into(),
        KeyValue::Whole(number) => (*number).into(),
        KeyValue::Real(number) => (*number).into(),
        KeyValue::Loss(Loss::One(term)) => term.name().name().into(),
        KeyValue::Loss(Loss::Sum(terms)) => {
            mapping(terms.iter().map(|Weighted { weight, term }| (term.name().name(), (*weight).into()))).into()
        }
    }
}

fn metrics(metrics: &[Metric]) -> Vec<Value> {
    metrics.iter().map(|metric| metric.name().into()).collect()
}

fn put(mapping: &mut Mapping, key: &str, value: impl Into<Value>) {
    mapping.insert(key.into(), value.into());
}

fn mapping<'a>(entries: impl IntoIterator<Item = (&'a str, Value)>) -> Mapping {
    entries.into_iter().map(|(key, value)| (key.into(), value)).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

    use super::super::{Plan, parse};
    use super::{SimulatedJob, job_file, resolved};
    use proto::data::Inventory;
    use proto::file::JobFile;
    use proto::ids::ContentHash;
    use std::path::Path;

    const HEAD: &str = "sweep: s\ndataset: {name: ph2, format: ph2}\n";

    /// The sweep files in `configs`, and others with every section.
    fn sweep_files() -> Vec<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
        let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let files = paths.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
        let files = files.map(|path| std::fs::read_to_string(path).unwrap());
        let rests = [
            "",
            "grid:\n  training.batch_size: [4, 10]\n  loss: [bce, dice]\n  learning_rate: [1.0e-3, 1.0e-16]\n",
            "grid:\n  losses.focal.gamma: [1, 2]\n  loss: [bce, focal, dice]\nlosses: {dice: {smooth: 1}}\n",
            "grid:\n  training.momentum: [0, 0.9]\n  training.optimizer: [adam, sgd]\n",
            "model: {width: 16}\ntraining: {optimizer: sgd, momentum: 0.5}\nobjective: {metric: dice, subset: test, epoch: best}\n",
            "grid: {architecture: [segnet, unet]}\nexclude: [{architecture: segnet}]\ninclude: [{architecture: unet2, loss: focal}]\n",
            "split: {scheme: rotation, train: 80, validation: 40, test: 40, stratify: lesion_fraction}\nreplicates: {split_seeds: 9}\nrace: {}\n",
            "replicates: {split_seeds: {from: 7, to: 9}, init_seeds: 1}\nuntil: {half_width: 0.01, max_replicates: 6}\n",
            "replicates: {split_seeds: {from: 7, to: 9}}\nuntil: {half_width: 0.01, max_replicates: 9999}\n",
            "replicates: {split_seeds: [5, 5], init_seeds: [1, 2], order_seeds: 9}",
            "replicates: {split_seeds: [7, 3], init_seeds: {from: 5, to: 6}, order_seeds: 1, crossed: true}",
            "replicates: {split_seeds: 4, init_seeds: 3, order_seeds: 2}\nartifacts: {examples: 0}\nrace: none\n",
            "split: {train: 0.5, validation: 0.25, test: rest, stratify: lesion_fraction, groups: {pattern: '^(P.*)_'}}\n",
            "split: {scheme: kfold, folds: 7, repeats: 2}\nrace: {looks: [7, 14]}\n",
            "split: {scheme: kfold, folds: 5, validation: 9}\nreplicates: {split_seeds: [3, 7]}\n",
            "split: {train: rest, validation: 0.1, test: {pattern: '_1.*'}}\nreplicates: {split_seeds: 3}\n",
            "split: {train: 9, validation: 5, test: '[\"P1_1\", \"P2_2\"]'}\n",
            "split: {scheme: file, file: '{\"4\":{\"train\":[\"P1_1\",\"P2_2\"],\"test\":[\"P3_3\"]},\"6\":{\"train\":[\"P3_3\"],\"test\":[\"P1_1\"]}}'}\n",
            "grid: {learning_rate: {from: 1e-5, to: 1e-2, steps: 4, scale: log}, training.batch_size: [1, 2, 2, 8], zip: [learning_rate, training.batch_size]}\n",
            "grid: {loss: [bce, dice, focal]}\nsimulate: {mean: {from: 0.5, to: 0.7}, collapse: [0, 0, 1]}\n",
        ];
        let datasets = [
            "images: ., masks: truth/all, mask_prefix: m_, mask_suffix: ''",
            "mask: {lesion: [1, 65535, '#ff0000']}, root: /data",
            "mask: {threshold: 128}, image_prefix: i_, image_suffix: _training, mask_suffix: _segmentation",
            "mask: {channel: alpha}, invert: true",
        ];
        let datasets = datasets.map(|keys| format!("sweep: s\ndataset: {{name: d, format: folder, {keys}}}\n"));
        files.chain(rests.map(|rest| format!("{HEAD}{rest}"))).chain(datasets).collect()
    }

    #[test]
    fn a_file_with_every_default_filled_in_is_the_same_plan() {
        for text in sweep_files() {
            let resolved = resolved("sweep.yaml", &text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
            let plan = parse("sweep.yaml", &text).unwrap();
            assert_eq!(
                parse("resolved.yaml", &resolved).unwrap_or_else(|mistakes| panic!("{mistakes}\n{resolved}")),
                plan
            );
            assert_eq!(super::resolved("", &resolved).unwrap(), resolved, "nothing is left to fill in");
        }
    }

    #[test]
    fn a_job_file_is_the_job_that_it_was_written_from() {
        let cases = (0..3000).map(|case| format!("P{}_{case}", case % 99)).collect();
        let data = Inventory::new(ContentHash(7), cases);
        let synthetic =
            |plan: &Plan| plan.dataset.synthetic.map(|synthetic| Inventory::new(ContentHash(7), synthetic.ids()));
        for text in sweep_files() {
            let plan = parse("sweep.yaml", &text).unwrap();
            let data = plan.dataset.lists.on(synthetic(&plan).unwrap_or_else(|| data.clone())).unwrap();
            for (candidate, replicate) in plan.queue() {
                let job = plan.job(candidate, replicate, &data);
                let file = job_file(&plan.dataset, &plan.objective, &job).unwrap();
                let read = JobFile::read("job.yaml", &file).unwrap_or_else(|mistakes| panic!("{mistakes}\n{file}"));
                assert_eq!(read.on(&data).unwrap().id(), job.id(), "{file}");
                assert_eq!((read.dataset, read.objective), (plan.dataset.clone(), plan.objective));
            }
        }
        let plan = parse("", HEAD).unwrap().simulated();
        assert_eq!(job_file(&plan.dataset, &plan.objective, &plan.job(0, 0, &data)), Err(SimulatedJob));
    }
}
